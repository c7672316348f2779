//! What the themes of a week say of its reports: which learnt themes each belongs to, and what people
//! call those of the list.

use std::collections::{BTreeMap, BTreeSet};

use domain::DocumentId;

use super::{Origin, ThemeId, ThemeState, Themes};
use crate::corpus::key;

/// What is known of a week's reports and themes beside what the reports say themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Titles of the learnt themes that a passage of each report belongs to.
    of_report: BTreeMap<DocumentId, BTreeSet<String>>,
    /// What a theme of the list is called.
    listed: BTreeMap<String, String>,
    /// Themes of the list that a person dismissed: the page passes over them, but they are counted, and
    /// what is watched stays watched.
    hidden: BTreeSet<String>,
    /// What each title is known by over the weeks, and whether it is learnt.
    ids: BTreeMap<String, (ThemeId, bool)>,
}

impl Known {
    /// What `themes` say. `taken` are the names that reports give themselves, which no learnt theme
    /// may bear.
    pub(crate) fn of(themes: &Themes, taken: &BTreeSet<String>) -> Self {
        let mut known = Self::default();
        // What people decided of a theme of the list holds in weeks that do not say it, too.
        let (dismissed, others): (Vec<&ThemeState>, Vec<&ThemeState>) = themes
            .themes
            .iter()
            .filter(|t| t.ended.is_none() || t.pinned || t.is_listed())
            .partition(|t| t.dismissed);
        // Those first: no other theme bears the title of one that nobody wants to hear of.
        for theme in dismissed.into_iter().chain(others) {
            let title = known.free_title(theme, taken);
            let seed = match &theme.origin {
                Origin::Seed { name } => Some(name),
                Origin::Learnt => None,
            };
            for name in seed.into_iter().chain(&theme.merged_seeds) {
                known.listed.insert(name.clone(), title.clone());
            }
            let learnt = seed.is_none();
            if theme.dismissed {
                if !learnt || !theme.merged_seeds.is_empty() {
                    known.hidden.insert(title);
                }
                continue;
            }
            known.ids.insert(title.clone(), (theme.id.clone(), learnt));
            // Whoever says a theme of the list says its words: what is only near them is not counted.
            if learnt {
                for member in &theme.members {
                    let titles = known.of_report.entry(member.document).or_default();
                    titles.insert(title.clone());
                }
            }
        }
        known
    }

    /// A title that nothing else bears.
    fn free_title(&self, theme: &ThemeState, taken: &BTreeSet<String>) -> String {
        let title = theme.title();
        let own = match &theme.origin {
            Origin::Seed { name } => key(name) == key(&title),
            Origin::Learnt => false,
        };
        if (taken.contains(&key(&title)) && !own)
            || self.ids.contains_key(&title)
            || self.hidden.contains(&title)
        {
            format!("{title} ({})", theme.id)
        } else {
            title
        }
    }

    /// The learnt themes of a report.
    pub(crate) fn of_report(&self, document: DocumentId) -> impl Iterator<Item = &String> {
        self.of_report.get(&document).into_iter().flatten()
    }

    /// What a theme that a report gives itself is called.
    pub(crate) fn called<'a>(&'a self, name: &'a str) -> &'a str {
        self.listed.get(name).map_or(name, String::as_str)
    }

    /// Whether a person does not want to hear of it.
    pub(crate) fn is_hidden(&self, title: &str) -> bool {
        self.hidden.contains(title)
    }

    /// What a title is known by over the weeks, and whether it is learnt.
    pub(crate) fn id(&self, title: &str) -> Option<(&ThemeId, bool)> {
        self.ids.get(title).map(|(id, learnt)| (id, *learnt))
    }
}

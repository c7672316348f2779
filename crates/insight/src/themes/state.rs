//! Themes as they are kept from one week to the next.

use std::collections::BTreeMap;
use std::fmt;

use domain::{DocumentId, IsoWeek, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Phrase;

/// Phrases of a title.
const TITLE_PHRASES: usize = 3;

/// What a theme is known by over the weeks: the week it was first seen in and a number, `2026-W47.2`,
/// or the team's own name for it.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ThemeId(String);

impl ThemeId {
    /// The `number`-th theme first seen in `week`.
    pub(super) fn learnt(week: IsoWeek, number: usize) -> Self {
        Self(format!("{week}.{number}"))
    }

    /// Of one of the team's own themes.
    pub(super) fn seed(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ThemeId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl fmt::Display for ThemeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A passage of a theme.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Member {
    /// The document.
    pub document: DocumentId,
    /// Where in its text.
    #[serde(flatten)]
    pub span: Span,
}

/// Where a theme comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum Origin {
    /// It was learnt from what passages say.
    Learnt,
    /// It is one of the team's own list.
    Seed {
        /// Its name there.
        name: String,
    },
}

/// A theme in a week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThemeState {
    /// The same over the weeks.
    pub id: ThemeId,
    /// Where it comes from.
    pub origin: Origin,
    /// What people call it, when someone said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its passages say and the others do not, best first.
    pub phrases: Vec<Phrase>,
    /// The passage most like all the others of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub central: Option<Member>,
    /// Its passages of the window, in order.
    pub members: Vec<Member>,
    /// How many of them were received in the week itself.
    pub this_week: u32,
    /// The week it was first seen in.
    pub first_week: IsoWeek,
    /// The last week in which one of its passages was received.
    pub last_week: IsoWeek,
    /// The week in which it was no longer found: it is remembered, and may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<IsoWeek>,
    /// What tells the mean of its vectors from that of all, of length 1, in units of 2⁻¹⁴.
    pub centroid: Vec<i16>,
    /// A person wants it kept, whatever is said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// A person does not want to hear of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dismissed: bool,
    /// Themes that a person merged into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<ThemeId>,
    /// Themes of the team's own list that a person merged into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_seeds: Vec<String>,
}

impl ThemeState {
    /// What it is called: as people say, else as the team's list does, else by its phrases, else
    /// by its identity.
    pub fn title(&self) -> String {
        match (&self.name, &self.origin) {
            (Some(name), _) | (None, Origin::Seed { name }) => name.clone(),
            (None, Origin::Learnt) if self.phrases.is_empty() => self.id.to_string(),
            (None, Origin::Learnt) => {
                let said = self.phrases.iter().take(TITLE_PHRASES);
                said.map(|p| p.text.as_str()).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Whether it is of the team's own list, or a person merged one of that list into it.
    pub fn is_listed(&self) -> bool {
        matches!(self.origin, Origin::Seed { .. }) || !self.merged_seeds.is_empty()
    }

    /// Whether a person decided on it: groups that have its passages are it, and do not come apart.
    pub fn is_held(&self) -> bool {
        self.pinned || self.dismissed || !self.merged.is_empty()
    }
}

/// The themes of a week and of the window before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Themes {
    /// `greffier.themes/1`.
    pub format: ThemesFormat,
    /// The week.
    pub week: IsoWeek,
    /// Most passages first; those that ended last.
    pub themes: Vec<ThemeState>,
    /// Passages of the window that are near no other.
    pub lone_voices: Vec<Member>,
}

/// The version of the themes artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ThemesFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.themes/1")]
    V1,
}

impl Themes {
    /// No theme yet.
    pub const fn none(week: IsoWeek) -> Self {
        Self {
            format: ThemesFormat::V1,
            week,
            themes: Vec::new(),
            lone_voices: Vec::new(),
        }
    }

    /// The theme known by `id`, itself or by having been merged into it.
    pub fn theme(&self, id: &ThemeId) -> Option<&ThemeState> {
        self.place_of(id).map(|at| &self.themes[at])
    }

    pub(super) fn place_of(&self, id: &ThemeId) -> Option<usize> {
        let merged = |theme: &ThemeState| theme.merged.contains(id);
        let themes = &self.themes;
        themes
            .iter()
            .position(|t| t.id == *id)
            .or_else(|| themes.iter().position(merged))
    }

    /// The theme that is one of the team's own, or into which a person merged it.
    pub(super) fn place_of_seed(&self, seed: &str) -> Option<usize> {
        let has = |theme: &ThemeState| {
            matches!(&theme.origin, Origin::Seed { name } if name == seed)
                || theme.merged_seeds.iter().any(|s| s == seed)
        };
        self.themes.iter().position(has)
    }

    /// The theme of each passage, by its place, but for those that ended.
    pub(super) fn theme_of_members(&self) -> BTreeMap<Member, usize> {
        self.themes
            .iter()
            .enumerate()
            .filter(|(_, theme)| theme.ended.is_none())
            .flat_map(|(at, theme)| theme.members.iter().map(move |m| (*m, at)))
            .collect()
    }
}

/// What became of a theme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Change {
    /// Nothing like it was there before.
    Born,
    /// It had ended and is said again.
    Returned,
    /// It came out of a theme that goes on.
    Split {
        /// That theme.
        from: ThemeId,
    },
    /// Most of its passages are another theme's now.
    Merged {
        /// That theme.
        into: ThemeId,
    },
    /// It is no longer said.
    Ended,
}

/// What became of which theme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThemeChange {
    /// The theme.
    pub theme: ThemeId,
    /// What it is called.
    pub title: String,
    /// What became of it.
    pub change: Change,
}

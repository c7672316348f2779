//! Which theme of last week each group of this week is, and what became of the others.
//!
//! A group anchored by one of the team's own themes, or by what a person decided, is that theme.
//! The others are matched by the passages they share with last week's (the window moves by one week,
//! so most passages are there twice), best first; then, for themes none of whose passages is left,
//! by their centroids.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use domain::IsoWeek;

use super::near::{ONE, likeness};
use super::state::{Change, Member, Origin, ThemeChange, ThemeId, ThemeState, Themes};
use super::{Followed, Passage, Phrase, ThemesSettings};

/// A group is a theme of last week when of the passages that either had last week, counted in both,
/// at least a third are shared.
const SHARED_MIN: (u64, u64) = (1, 3);

/// A group of this week's window.
pub(super) struct Found {
    /// What it is, whatever it shares.
    pub(super) anchor: Option<Anchor>,
    pub(super) centroid: Vec<i16>,
    pub(super) central: Option<Member>,
    pub(super) phrases: Vec<Phrase>,
    /// Places in the passages of the window, in order.
    pub(super) members: Vec<usize>,
}

/// What a group is, whatever it shares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Anchor {
    /// A theme of last week, by its place.
    Theme(usize),
    /// One of the team's own that was not there last week.
    Seed(String),
}

/// What a group shares with last week's themes.
struct Shared {
    with: BTreeMap<usize, u64>,
    /// Passages that were in any theme.
    known: u64,
}

struct Matching<'a> {
    before: &'a Themes,
    found: &'a [Found],
    shared: Vec<Shared>,
    /// Of each theme of last week, passages that are still in the window.
    present: Vec<u64>,
    /// The theme of last week that each group is.
    is: Vec<Option<usize>>,
    /// The group that each theme of last week is.
    goes_on: Vec<Option<usize>>,
}

/// This week's themes and what changed.
pub(super) fn follow_on(
    week: IsoWeek,
    passages: &[Passage],
    before: &Themes,
    found: Vec<Found>,
    settings: &ThemesSettings,
) -> Followed {
    let mut matching = Matching::new(passages, before, &found);
    matching.by_anchor();
    matching.by_members();
    let same_min = i64::from(settings.same_min.millionths()) * ONE / 1_000_000;
    matching.by_centroid(same_min);
    let Matching {
        shared,
        present,
        is,
        goes_on,
        ..
    } = matching;

    let mut changes: Vec<(ThemeId, Change)> = Vec::new();
    let mut taken: BTreeSet<ThemeId> = before
        .themes
        .iter()
        .flat_map(|t| t.merged.iter().chain([&t.id]).cloned())
        .collect();
    // New identities are given in the order of size, then of first passage.
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|n| (Reverse(found[*n].members.len()), *n));
    let mut ids: Vec<Option<ThemeId>> = vec![None; found.len()];
    for n in &order {
        let old = is[*n].map(|at| &before.themes[at]);
        let id = match (old, &found[*n].anchor) {
            (Some(theme), _) => theme.id.clone(),
            (None, Some(Anchor::Seed(name))) if !taken.contains(&ThemeId::seed(name)) => {
                ThemeId::seed(name)
            }
            _ => free_id(week, &taken),
        };
        taken.insert(id.clone());
        match old {
            Some(theme) if theme.ended.is_some() && !theme.dismissed => {
                changes.push((id.clone(), Change::Returned));
            }
            Some(_) => {}
            None => changes.push((
                id.clone(),
                origin_of(&shared[*n], &found[*n], before, &goes_on),
            )),
        }
        ids[*n] = Some(id);
    }

    let mut in_a_theme = vec![false; passages.len()];
    let mut themes = Vec::new();
    for ((group, id), old) in found.into_iter().zip(ids).zip(is) {
        let Some(id) = id else { continue };
        for at in &group.members {
            in_a_theme[*at] = true;
        }
        themes.push(continued(
            week,
            passages,
            group,
            id,
            old.map(|at| &before.themes[at]),
        ));
    }
    let mut gone = Vec::new();
    for (at, theme) in before.themes.iter().enumerate() {
        if goes_on[at].is_some() {
            continue;
        }
        let mut theme = theme.clone();
        (theme.members, theme.this_week, theme.central) = (Vec::new(), 0, None);
        match theme.ended {
            _ if theme.pinned => {}
            // What people decided of a theme of the list holds as long as the list has it.
            Some(_) if theme.is_listed() && (theme.name.is_some() || theme.is_held()) => {}
            Some(ended) if ended <= week.plus(-i64::from(settings.memory_weeks)) => continue,
            Some(_) => {}
            None => {
                theme.ended = Some(week);
                if !theme.dismissed {
                    let change = end_of(at, &shared, present[at], &themes);
                    changes.push((theme.id.clone(), change));
                }
            }
        }
        gone.push(theme);
    }
    themes.extend(gone);
    themes.sort_by(|a, b| {
        (a.ended.is_some(), Reverse(a.members.len()), &a.id).cmp(&(
            b.ended.is_some(),
            Reverse(b.members.len()),
            &b.id,
        ))
    });
    let place: BTreeMap<&ThemeId, usize> =
        themes.iter().enumerate().map(|(n, t)| (&t.id, n)).collect();
    changes.sort_by_key(|(id, _)| place.get(id).copied());
    let changes = changes
        .into_iter()
        .map(|(theme, change)| ThemeChange {
            title: place
                .get(&theme)
                .map_or_else(String::new, |n| themes[*n].title()),
            theme,
            change,
        })
        .collect();
    let lone_voices = passages
        .iter()
        .zip(in_a_theme)
        .filter(|(_, in_one)| !in_one)
        .map(|(p, _)| p.member)
        .collect();
    Followed {
        changes,
        themes: Themes {
            themes,
            lone_voices,
            ..Themes::none(week)
        },
    }
}

impl<'a> Matching<'a> {
    fn new(passages: &[Passage], before: &'a Themes, found: &'a [Found]) -> Self {
        let was = before.theme_of_members();
        let mut present = vec![0; before.themes.len()];
        for passage in passages {
            if let Some(at) = was.get(&passage.member) {
                present[*at] += 1;
            }
        }
        let shared = found
            .iter()
            .map(|group| {
                let mut with: BTreeMap<usize, u64> = BTreeMap::new();
                for at in &group.members {
                    if let Some(theme) = was.get(&passages[*at].member) {
                        *with.entry(*theme).or_default() += 1;
                    }
                }
                Shared {
                    known: with.values().sum(),
                    with,
                }
            })
            .collect();
        Self {
            shared,
            present,
            is: vec![None; found.len()],
            goes_on: vec![None; before.themes.len()],
            before,
            found,
        }
    }

    fn join(&mut self, group: usize, theme: usize) {
        if self.is[group].is_none() && self.goes_on[theme].is_none() {
            self.is[group] = Some(theme);
            self.goes_on[theme] = Some(group);
        }
    }

    fn by_anchor(&mut self) {
        for (n, group) in self.found.iter().enumerate() {
            if let Some(Anchor::Theme(at)) = group.anchor {
                self.join(n, at);
            }
        }
    }

    fn by_members(&mut self) {
        // (shared, of as many, theme, group)
        let mut pairs: Vec<(u64, u64, usize, usize)> = Vec::new();
        for (n, shared) in self.shared.iter().enumerate() {
            if self.found[n].anchor.is_some() {
                continue;
            }
            for (theme, both) in &shared.with {
                let of = shared.known + self.present[*theme];
                if 2 * both * SHARED_MIN.1 >= of * SHARED_MIN.0 {
                    pairs.push((2 * both, of, *theme, n));
                }
            }
        }
        pairs.sort_by(|a, b| {
            let larger: Ordering = (b.0 * a.1).cmp(&(a.0 * b.1));
            let ids = |p: &(u64, u64, usize, usize)| self.before.themes[p.2].id.clone();
            larger.then_with(|| ids(a).cmp(&ids(b))).then(a.3.cmp(&b.3))
        });
        for (_, _, theme, group) in pairs {
            self.join(group, theme);
        }
    }

    /// Themes that have no passage left to share: those that ended, those nobody spoke of lately.
    fn by_centroid(&mut self, same_min: i64) {
        let mut pairs: Vec<(Reverse<i64>, &ThemeId, usize, usize)> = Vec::new();
        for (n, group) in self.found.iter().enumerate() {
            if group.anchor.is_some() || self.is[n].is_some() {
                continue;
            }
            for (at, theme) in self.before.themes.iter().enumerate() {
                let alike = likeness(&group.centroid, &theme.centroid);
                if self.present[at] == 0 && self.goes_on[at].is_none() && alike >= same_min {
                    pairs.push((Reverse(alike), &theme.id, at, n));
                }
            }
        }
        pairs.sort();
        for (_, _, theme, group) in pairs {
            self.join(group, theme);
        }
    }
}

/// The first number of the week that no theme has.
fn free_id(week: IsoWeek, taken: &BTreeSet<ThemeId>) -> ThemeId {
    let mut number = 1;
    loop {
        let id = ThemeId::learnt(week, number);
        if !taken.contains(&id) {
            return id;
        }
        number += 1;
    }
}

/// Where a group that is no theme of last week comes from: half of it was known, and half of that
/// was of one theme, which goes on.
fn origin_of(shared: &Shared, group: &Found, before: &Themes, goes_on: &[Option<usize>]) -> Change {
    let most = shared
        .with
        .iter()
        .max_by_key(|(at, both)| (**both, Reverse(**at)));
    match most {
        Some((at, both))
            if group.anchor.is_none()
                && 2 * both >= shared.known
                && 2 * shared.known >= group.members.len() as u64
                && goes_on[*at].is_some() =>
        {
            Change::Split {
                from: before.themes[*at].id.clone(),
            }
        }
        _ => Change::Born,
    }
}

/// What became of a theme that does not go on; `themes` are this week's, in the order of `shared`.
fn end_of(at: usize, shared: &[Shared], present: u64, themes: &[ThemeState]) -> Change {
    let took = |n: usize| shared[n].with.get(&at).copied().unwrap_or(0);
    let most = (0..shared.len()).max_by_key(|n| (took(*n), Reverse(*n)));
    match most {
        Some(n) if present > 0 && 2 * took(n) >= present => Change::Merged {
            into: themes[n].id.clone(),
        },
        _ => Change::Ended,
    }
}

/// A group as the theme it is.
fn continued(
    week: IsoWeek,
    passages: &[Passage],
    group: Found,
    id: ThemeId,
    old: Option<&ThemeState>,
) -> ThemeState {
    let weeks = || group.members.iter().map(|at| passages[*at].week);
    let last_week = weeks().max().unwrap_or(week);
    let first_week = weeks().min().unwrap_or(week);
    let origin = match (old, &group.anchor) {
        (Some(theme), _) => theme.origin.clone(),
        (None, Some(Anchor::Seed(name))) => Origin::Seed { name: name.clone() },
        (None, _) => Origin::Learnt,
    };
    ThemeState {
        id,
        origin,
        name: old.and_then(|t| t.name.clone()),
        this_week: weeks().filter(|w| *w == week).count() as u32,
        members: group
            .members
            .iter()
            .map(|at| passages[*at].member)
            .collect(),
        phrases: group.phrases,
        central: group.central,
        first_week: old.map_or(first_week, |t| t.first_week.min(first_week)),
        last_week,
        ended: None,
        centroid: group.centroid,
        pinned: old.is_some_and(|t| t.pinned),
        dismissed: old.is_some_and(|t| t.dismissed),
        merged: old.map(|t| t.merged.clone()).unwrap_or_default(),
        merged_seeds: old.map(|t| t.merged_seeds.clone()).unwrap_or_default(),
    }
}

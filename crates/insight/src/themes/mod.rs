//! Themes learnt from the vectors of passages, and how they live on from week to week.
//!
//! | module | what it does |
//! |---|---|
//! | `near` | exact nearest neighbours and the mutual-reachability graph over them |
//! | `community` | groups of that graph, their number found and not asked for |
//! | `phrases` | what a theme is called, in words people wrote |
//! | `identity` | which theme of last week each is; births, merges, splits, deaths |
//! | `window` | the passages of a corpus, and a theme's quote |
//! | `acts` | what people decide of a theme: rename, merge, pin, dismiss |
//!
//! [`follow`] takes the passages of a window of weeks, last week's themes and what people decided
//! since, and gives this week's themes with what changed. The team's own themes are seeds: a
//! passage that says one of them, and no other, belongs to it whatever the vectors say, and others
//! join. Learnt themes grow beside them. A passage near nobody stays a lone voice.
//!
//! Passages are taken in the order of (document, place) whatever the order given; every comparison
//! is of integers, or of floats made of sums, products, quotients and square roots (and `libm`'s
//! logarithm), so one input has one output on every machine and with any number of threads.

mod acts;
mod community;
mod identity;
mod known;
mod near;
mod phrases;
mod state;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use domain::{IsoWeek, Probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use acts::{ThemeAct, ThemeDecision, ThemeDecisionFormat, ThemesError};
pub use phrases::{Phrase, Told, phrases};
pub use state::{Change, Member, Origin, ThemeChange, ThemeId, ThemeState, Themes, ThemesFormat};
pub use window::passages;

pub(crate) use known::Known;

use crate::InsightError;
use community::{Graph, communities};
use identity::{Anchor, Found, follow_on};
use near::{ONE, Points, direction, likeness, scaled};

/// Passages near each that are looked at, at least: with fewer, a theme of eight comes apart.
const NEIGHBOURS_MIN: u32 = 5;

/// Two groups as alike across as this, in thousandths of how alike the closer one is within, are one.
const ALIKE: i128 = 900;

/// How themes are learnt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ThemesSettings {
    /// Passages near each that are looked at, at most; fewer where few passages differ (their cube
    /// root).
    pub neighbours_max: u32,
    /// How alike two passages must be to be near: the cosine of their vectors.
    pub alike_min: Probability,
    /// How alike two themes must be to be one when they share no passage: the cosine of what
    /// tells each from the mean.
    pub same_min: Probability,
    /// How fine themes are, in hundredths: 100 is modularity's own resolution, more makes more and
    /// smaller themes.
    pub grain: u32,
    /// How much last week's theme of a passage weighs beside what it is near this week, in
    /// hundredths: the more, the steadier themes are and the later they split.
    pub loyalty: u32,
    /// Passages of a learnt theme, at least.
    pub passages_min: u32,
    /// Phrases kept of a theme, at most.
    pub phrases_max: u32,
    /// Weeks that a theme which ended is remembered: it may come back under its name.
    pub memory_weeks: u32,
}

impl Default for ThemesSettings {
    fn default() -> Self {
        Self {
            neighbours_max: 30,
            alike_min: Probability::from_millionths(200_000),
            same_min: Probability::from_millionths(700_000),
            grain: 100,
            loyalty: 50,
            passages_min: 3,
            phrases_max: 10,
            memory_weeks: 26,
        }
    }
}

impl ThemesSettings {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// The first setting outside its bounds.
    pub fn check(&self) -> Result<(), InsightError> {
        let bounds = [
            ("neighbours_max", self.neighbours_max, 2, 200),
            ("grain", self.grain, 1, 10_000),
            ("loyalty", self.loyalty, 0, 1_000),
            ("passages_min", self.passages_min, 2, 1_000),
            ("phrases_max", self.phrases_max, 1, 100),
            ("memory_weeks", self.memory_weeks, 0, 520),
        ];
        for (name, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(InsightError::Setting {
                    name,
                    value: value.to_string(),
                    expected: match name {
                        "neighbours_max" => "2 to 200",
                        "grain" => "1 to 10000",
                        "loyalty" => "0 to 1000",
                        "passages_min" => "2 to 1000",
                        "phrases_max" => "1 to 100",
                        _ => "0 to 520",
                    },
                });
            }
        }
        Ok(())
    }
}

/// One passage of the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Where it stands; unique in the window.
    pub member: Member,
    /// The week it was received in.
    pub week: IsoWeek,
    /// What it says, with nothing that is masked.
    pub text: String,
    /// Its vector; all of a window have one length.
    pub vector: Vec<f32>,
    /// The team's own themes that it says, in the order of the settings.
    pub seeds: Vec<String>,
}

/// This week's themes and what changed since last week's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Followed {
    /// The themes of the week, to be kept and given back the next week.
    pub themes: Themes,
    /// What is to be told, in the order of the themes.
    pub changes: Vec<ThemeChange>,
}

/// The themes of `week`, whose window `passages` is, following those of `last`.
///
/// What was received after the week is left out, and a passage given twice counts once. `acts` is
/// what people decided since `last`, in the order they did. `last` may be of any earlier week.
///
/// # Errors
/// A setting outside its bounds; an act on a theme that `last` does not know.
pub fn follow(
    week: IsoWeek,
    mut passages: Vec<Passage>,
    last: Option<&Themes>,
    acts: &[ThemeAct],
    settings: &ThemesSettings,
) -> Result<Followed, FollowError> {
    settings.check()?;
    let mut before = last.cloned().unwrap_or_else(|| Themes::none(week));
    for act in acts {
        before = before.after(act)?;
    }
    passages.retain(|p| p.week <= week);
    // The rest is compared too, so that of two texts given for one place the same one stays.
    passages.sort_by(|a, b| {
        (a.member, a.week, &a.text, &a.seeds)
            .cmp(&(b.member, b.week, &b.text, &b.seeds))
            .then_with(|| bits(&a.vector).cmp(bits(&b.vector)))
    });
    passages.dedup_by_key(|p| p.member);

    let window = Window::new(&passages, &before);
    let groups = window.groups(settings);
    let found = window.found(&groups, &before, settings);
    Ok(follow_on(week, &passages, &before, found, settings))
}

/// Why the themes of a week cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] InsightError),
    /// What people decided.
    #[error(transparent)]
    Act(#[from] ThemesError),
}

fn bits(vector: &[f32]) -> impl Iterator<Item = u32> + '_ {
    vector.iter().map(|v| v.to_bits())
}

/// Where a point starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    /// With what it is held by, one of the team's own themes that it says: no vector moves it.
    Held(Anchor),
    /// With its theme of last week, by its place.
    Last(usize),
    /// Alone.
    Alone(usize),
}

/// The passages of the window as points to compare.
struct Window<'a> {
    passages: &'a [Passage],
    /// The theme of last week that each was in, by its place.
    was: Vec<Option<usize>>,
    /// The point of each passage; none of what has no direction.
    point_of: Vec<Option<usize>>,
    directions: Vec<Vec<i16>>,
    weights: Vec<u32>,
    /// What holds each point.
    holds: Vec<Option<Anchor>>,
    /// The theme of last week that most of a point's passages were in.
    last: Vec<Option<usize>>,
}

impl<'a> Window<'a> {
    fn new(passages: &'a [Passage], before: &Themes) -> Self {
        let themes = before.theme_of_members();
        let was: Vec<Option<usize>> = passages
            .iter()
            .map(|p| themes.get(&p.member).copied())
            .collect();
        let mut lengths: BTreeMap<usize, u32> = BTreeMap::new();
        for passage in passages {
            *lengths.entry(passage.vector.len()).or_default() += 1;
        }
        // The commonest; what is of another length cannot be compared with it.
        let dimension = lengths.into_iter().max_by_key(|l| (l.1, l.0));
        let dimension = dimension.map_or(0, |(length, _)| length);
        let mut numbers: BTreeMap<(Vec<i16>, Option<Anchor>), usize> = BTreeMap::new();
        let mut point_of = Vec::with_capacity(passages.len());
        let (mut directions, mut holds) = (Vec::new(), Vec::new());
        let mut were: Vec<BTreeMap<usize, u32>> = Vec::new();
        let mut weights: Vec<u32> = Vec::new();
        for (passage, was) in passages.iter().zip(&was) {
            let direction = direction(&passage.vector).filter(|d| d.len() == dimension);
            let Some(direction) = direction else {
                point_of.push(None);
                continue;
            };
            let hold = match passage.seeds.as_slice() {
                [seed] => Some(anchor(seed, before)),
                _ => None,
            };
            let point = *numbers
                .entry((direction.clone(), hold.clone()))
                .or_insert_with(|| {
                    directions.push(direction);
                    holds.push(hold);
                    were.push(BTreeMap::new());
                    weights.push(0);
                    weights.len() - 1
                });
            weights[point] += 1;
            if let Some(at) = was {
                *were[point].entry(*at).or_default() += 1;
            }
            point_of.push(Some(point));
        }
        let last = were
            .into_iter()
            .map(|counts| {
                let most = counts.values().copied().max()?;
                let theme = counts.into_iter().find(|(_, n)| *n == most)?.0;
                // What a person made of several is found in its parts, and put together after.
                before.themes[theme].merged.is_empty().then_some(theme)
            })
            .collect();
        Self {
            passages,
            was,
            point_of,
            directions,
            weights,
            holds,
            last,
        }
    }

    /// The group of each point; none of lone voices.
    fn groups(&self, settings: &ThemesSettings) -> Vec<Option<usize>> {
        let pairs: Vec<(&[i16], u32)> = self
            .directions
            .iter()
            .map(Vec::as_slice)
            .zip(self.weights.iter().copied())
            .collect();
        let neighbours = cube_root(self.weights.len() as u32)
            .max(NEIGHBOURS_MIN)
            .min(settings.neighbours_max);
        let alike_min = i64::from(settings.alike_min.millionths()) * ONE / 1_000_000;
        let (mut graph, mutual) = Points::new(&pairs).graph(neighbours, alike_min);

        // Where each point starts: with what holds it, else with its theme of last week, else alone.
        let mut starts: BTreeMap<Start, usize> = BTreeMap::new();
        let mut start: Vec<usize> = (0..self.weights.len())
            .map(|point| {
                let start = match (&self.holds[point], self.last[point]) {
                    // Those who were in a theme with what holds it stay with it at first.
                    (Some(Anchor::Theme(theme)), _) => Start::Last(*theme),
                    (None, Some(theme)) => Start::Last(theme),
                    (Some(hold), _) => Start::Held(hold.clone()),
                    (None, None) => Start::Alone(point),
                };
                let next = starts.len();
                *starts.entry(start).or_insert(next)
            })
            .collect();
        let mut held: Vec<bool> = self.holds.iter().map(Option::is_some).collect();
        self.remember(&mut graph, &starts, &mut start, settings.loyalty);
        held.resize(start.len(), false);
        let mut groups = communities(&graph, &start, &held, settings.grain);
        groups.truncate(self.weights.len());
        held.truncate(self.weights.len());
        self.join_alike(&mut groups, &held);

        // A passage that none of those near it has near is a lone voice, unless it is held.
        let mut out: Vec<Option<usize>> = groups
            .into_iter()
            .enumerate()
            .map(|(point, group)| (held[point] || mutual[point] > 0).then_some(group))
            .collect();
        let mut sizes: BTreeMap<usize, (u32, bool)> = BTreeMap::new();
        for (point, group) in out.iter().enumerate() {
            if let Some(group) = group {
                let (size, any_held) = sizes.entry(*group).or_default();
                *size += self.weights[point];
                *any_held |= held[point];
            }
        }
        for group in &mut out {
            *group = group.filter(|g| {
                sizes
                    .get(g)
                    .is_some_and(|(n, h)| *h || *n >= settings.passages_min)
            });
        }
        out
    }

    /// Makes one of two groups that are as alike across as within. Modularity finds groups in any
    /// graph, by chance in a small one; this tells those that differ from those that do not.
    fn join_alike(&self, groups: &mut [usize], held: &[bool]) {
        let mut sums: BTreeMap<usize, Sum> = BTreeMap::new();
        for (point, group) in groups.iter().enumerate() {
            let sum = sums.entry(*group).or_default();
            sum.add(&self.directions[point], self.weights[point], held[point]);
        }
        sums.retain(|_, sum| sum.count > 1);
        loop {
            let mut best: Option<(i128, usize, usize)> = None;
            for (a, one) in &sums {
                for (b, other) in sums.range(a + 1..) {
                    let within = one.within().max(other.within());
                    if within <= 0 || (one.held && other.held) {
                        continue;
                    }
                    // In thousandths.
                    let alike = 1_000 * one.across(other) / within;
                    if alike >= ALIKE && best.is_none_or(|(most, ..)| alike > most) {
                        best = Some((alike, *a, *b));
                    }
                }
            }
            let Some((_, a, b)) = best else { return };
            for group in groups.iter_mut().filter(|g| **g == b) {
                *group = a;
            }
            if let (Some(gone), Some(kept)) = (sums.remove(&b), sums.get_mut(&a)) {
                kept.join(gone);
            }
        }
    }

    /// Lets last week's themes take part as points tied to what was in them, so that of two ways to
    /// group nearly as good the one that people know wins.
    fn remember(
        &self,
        graph: &mut Graph,
        starts: &BTreeMap<Start, usize>,
        start: &mut Vec<usize>,
        loyalty: u32,
    ) {
        let degrees = graph.degrees();
        let mut theme_points: BTreeMap<usize, usize> = BTreeMap::new();
        for (point, theme) in self.last.iter().enumerate() {
            let Some(theme) = theme else { continue };
            let known = starts.get(&Start::Last(*theme));
            let there = *theme_points.entry(*theme).or_insert_with(|| {
                let there = graph.add_point();
                // Alone when all that was in it is held by something else.
                start.push(known.copied().unwrap_or(there));
                there
            });
            graph.tie(point, there, degrees[point] * u64::from(loyalty) / 100);
        }
    }

    /// The groups with their passages, in the order of their first ones.
    fn found(
        &self,
        groups: &[Option<usize>],
        before: &Themes,
        settings: &ThemesSettings,
    ) -> Vec<Found> {
        let mut group_of: Vec<Option<usize>> = self
            .point_of
            .iter()
            .map(|point| point.and_then(|p| groups[p]))
            .collect();
        let mut group_of_anchor: BTreeMap<Anchor, usize> = self
            .holds
            .iter()
            .zip(groups)
            .filter_map(|(hold, group)| Some((hold.clone()?, (*group)?)))
            .collect();
        // What says one of the team's themes is never a lone voice.
        let mut next = groups.iter().flatten().max().map_or(0, |g| g + 1);
        for (at, passage) in self.passages.iter().enumerate() {
            if let (None, Some(seed)) = (group_of[at], passage.seeds.first()) {
                let group = *group_of_anchor
                    .entry(anchor(seed, before))
                    .or_insert_with(|| {
                        next += 1;
                        next - 1
                    });
                group_of[at] = Some(group);
            }
        }
        self.keep_whole(&mut group_of, &mut group_of_anchor, before);
        let anchor_of: BTreeMap<usize, &Anchor> =
            group_of_anchor.iter().map(|(a, g)| (*g, a)).collect();
        let mean = self.sum(0..self.passages.len());
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, group) in group_of.iter().enumerate() {
            if let Some(group) = group {
                members.entry(*group).or_default().push(at);
            }
        }
        let mut by_group: Vec<(usize, Vec<usize>)> = members.into_iter().collect();
        by_group.sort_by_key(|(_, members)| members.first().copied());

        let documents: BTreeSet<_> = self.passages.iter().map(|p| p.member.document).collect();
        let documents: Vec<_> = documents.into_iter().collect();
        let number: BTreeMap<usize, usize> = by_group
            .iter()
            .enumerate()
            .map(|(n, (group, _))| (*group, n))
            .collect();
        let told: Vec<Told<'_>> = self
            .passages
            .iter()
            .zip(&group_of)
            .map(|(passage, group)| Told {
                document: documents
                    .binary_search(&passage.member.document)
                    .unwrap_or_default(),
                theme: group.and_then(|g| number.get(&g).copied()),
                text: &passage.text,
            })
            .collect();
        let phrases = phrases(&told, by_group.len(), settings.phrases_max as usize);

        by_group
            .into_iter()
            .zip(phrases)
            .map(|((group, members), phrases)| {
                let sum = self.sum(members.iter().copied());
                let direction = self.centre(&sum);
                let central = members
                    .iter()
                    .copied()
                    .filter(|at| self.point_of[*at].is_some())
                    // The most alike, and of equals the first.
                    .min_by_key(|at| {
                        let point = self.point_of[*at].unwrap_or_default();
                        let alike = direction
                            .as_ref()
                            .map_or(0, |d| likeness(&self.directions[point], d));
                        (-alike, *at)
                    })
                    .map(|at| self.passages[at].member);
                Found {
                    anchor: anchor_of.get(&group).map(|a| (*a).clone()),
                    centroid: self.apart(&sum, &mean),
                    central,
                    phrases,
                    members,
                }
            })
            .collect()
    }

    /// Keeps one what a person decided on: every group most of whose known passages it had is it,
    /// but for those of the team's own themes.
    fn keep_whole(
        &self,
        group_of: &mut [Option<usize>],
        group_of_anchor: &mut BTreeMap<Anchor, usize>,
        before: &Themes,
    ) {
        let anchored: BTreeSet<usize> = group_of_anchor.values().copied().collect();
        let mut known: BTreeMap<usize, BTreeMap<usize, u32>> = BTreeMap::new();
        for (group, was) in group_of.iter().zip(&self.was) {
            if let (Some(group), Some(theme)) = (group, was) {
                let themes = known.entry(*group).or_default();
                *themes.entry(*theme).or_default() += 1;
            }
        }
        let mut becomes: BTreeMap<usize, usize> = BTreeMap::new();
        for (group, themes) in known {
            let all: u32 = themes.values().sum();
            let most = themes.into_iter().find(|(_, n)| 2 * n > all);
            let held = most.filter(|(theme, _)| before.themes[*theme].is_held());
            if let (Some((theme, _)), false) = (held, anchored.contains(&group)) {
                let whole = group_of_anchor.entry(Anchor::Theme(theme));
                becomes.insert(group, *whole.or_insert(group));
            }
        }
        for group in group_of.iter_mut().flatten() {
            *group = becomes.get(group).copied().unwrap_or(*group);
        }
    }

    /// The sum of the directions of passages, and how many have one.
    fn sum(&self, passages: impl IntoIterator<Item = usize>) -> (Vec<i64>, i64) {
        let mut sum = vec![0i64; self.directions.first().map_or(0, Vec::len)];
        let mut count = 0;
        for point in passages.into_iter().filter_map(|at| self.point_of[at]) {
            for (s, v) in sum.iter_mut().zip(&self.directions[point]) {
                *s += i64::from(*v);
            }
            count += 1;
        }
        (sum, count)
    }

    /// The direction of a sum.
    fn centre(&self, (sum, _): &(Vec<i64>, i64)) -> Option<Vec<i16>> {
        scaled(&sum.iter().map(|v| *v as f64).collect::<Vec<_>>())
    }

    /// What tells the mean of `sum` from that of `all`; empty when nothing does.
    fn apart(&self, sum: &(Vec<i64>, i64), all: &(Vec<i64>, i64)) -> Vec<i16> {
        let (count, of_all) = (sum.1.max(1), all.1.max(1));
        let apart: Vec<f64> = sum
            .0
            .iter()
            .zip(&all.0)
            .map(|(s, a)| (s * of_all - a * count) as f64)
            .collect();
        scaled(&apart).unwrap_or_default()
    }
}

/// A group's directions, summed.
#[derive(Clone, Debug, Default)]
struct Sum {
    values: Vec<i64>,
    squares: i128,
    count: i128,
    held: bool,
}

impl Sum {
    fn add(&mut self, direction: &[i16], weight: u32, held: bool) {
        self.values.resize(direction.len(), 0);
        for (sum, v) in self.values.iter_mut().zip(direction) {
            *sum += i64::from(*v) * i64::from(weight);
        }
        self.squares += i128::from(weight) * i128::from(likeness(direction, direction));
        self.count += i128::from(weight);
        self.held |= held;
    }

    fn join(&mut self, other: Self) {
        for (sum, v) in self.values.iter_mut().zip(other.values) {
            *sum += v;
        }
        self.squares += other.squares;
        self.count += other.count;
        self.held |= other.held;
    }

    fn product(&self, other: &Self) -> i128 {
        let pairs = self.values.iter().zip(&other.values);
        pairs.map(|(a, b)| i128::from(*a) * i128::from(*b)).sum()
    }

    /// The mean likeness of two of its passages.
    fn within(&self) -> i128 {
        (self.product(self) - self.squares) / (self.count * (self.count - 1)).max(1)
    }

    /// The mean likeness of one of its passages and one of another's.
    fn across(&self, other: &Self) -> i128 {
        self.product(other) / (self.count * other.count).max(1)
    }
}

/// What a passage that says one of the team's own themes belongs to: that theme of last week, or the
/// one a person merged it into.
fn anchor(seed: &str, before: &Themes) -> Anchor {
    before
        .place_of_seed(seed)
        .map_or_else(|| Anchor::Seed(seed.to_owned()), Anchor::Theme)
}

/// The whole part of the cube root.
fn cube_root(n: u32) -> u32 {
    let n = u64::from(n);
    (0u64..).take_while(|r| r * r * r <= n).last().unwrap_or(0) as u32
}

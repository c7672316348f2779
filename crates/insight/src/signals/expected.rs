//! What a series leads to expect of its last week, and how surprising that week is.
//!
//! The idea is Farrington's ("A statistical algorithm for the early detection of outbreaks of
//! infectious disease", JRSS A 1996), as Noufaily and others improved it (Statistics in Medicine
//! 2013): the last week is compared with reference weeks, counts vary more than chance, and past
//! outbreaks weigh little. Here the comparison is exact and conditional on the total
//! ([`excess_tail`]), so that a short reference is uncertain by itself.
//!
//! Exposure is what a week would lead to expect if nothing happened: how much was reported about
//! anything else (a week of holidays has few reports of all kinds), and the season, where the
//! history is long enough to know one.
//!
//! The week before the last is left out of the reference, so that what began a week ago does not
//! hide itself, and is not part of what is judged: on real series, where bursts last, a look at two
//! weeks together finds fewer outbreaks at the same false alarms (`greffier eval alerts`).

use std::ops::Range;

use serde::Serialize;

use super::chance::excess_tail;
use super::climb;

/// A series of weeks, oldest first, the week that is judged last.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Mentions of each week.
    pub counts: &'a [u32],
    /// What else was reported in each week: the reporting effort. Empty when it is not known, and
    /// then held to be even.
    pub effort: &'a [u32],
}

/// What the last week was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// Reference weeks.
    Reference,
    /// A history too short for them, through which a climb is looked for.
    Climb,
}

/// What is expected of the last week, and how surprising what was observed is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Surprise {
    /// The chance of as much or more if nothing happened.
    pub p_value: f64,
    /// Mentions expected in the last week.
    pub expected: f64,
    /// Variance over mean, at least 1.
    pub dispersion: f64,
    /// What it is compared with.
    pub look: Look,
    /// How many weeks that is.
    pub weeks: u32,
    /// Whether the season is accounted for.
    pub seasonal: bool,
}

/// The last weeks that reference weeks leave out: the one judged and the one before.
const LAST: usize = 2;
/// Reference weeks below which a history is short.
const SHORT: usize = 7;
/// Weeks that a climb is looked for in, the last included.
const CLIMB: usize = 7;
/// Reference weeks, at most: half a year follows a level that moves slowly.
pub const REFERENCE: usize = 26;
/// What a reference week weighs beside the week after it.
const FADING: f64 = 0.95;
/// Weeks in a year, and how far around a week its season reaches.
const YEAR: usize = 52;
const SEASON: usize = 3;
/// Mentions that the season of each week is held to have had beforehand, as expected: a season is
/// believed as far as it was seen, and most that is seen in small counts is chance.
const SEASON_PRIOR: f64 = 60.0;
/// Weeks that the dispersion common to all series counts for beside that of a series itself.
const COMMON: f64 = 12.0;
/// A past week this many standard deviations above what was expected is held to be an outbreak.
const OUTBREAK: f64 = 2.58;

/// A series made ready: its exposure, and the weeks it is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Ready<'a> {
    counts: &'a [u32],
    exposure: Vec<f64>,
    /// Where reference weeks begin and end; empty when the history is short.
    reference: Range<usize>,
    seasonal: bool,
    /// Variance over mean of these weeks alone; chance may make it smaller than 1.
    dispersion: f64,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(series: Series<'a>) -> Self {
        let counts = series.counts;
        let n = counts.len();
        // How much the effort varies cannot be told from chance in a short history.
        let mut exposure = match n >= SHORT + LAST {
            true => effort(series.effort, n),
            false => vec![1.0; n],
        };
        let seasonal = n >= YEAR + REFERENCE + LAST;
        if seasonal {
            let season = season(counts, &exposure);
            for (e, s) in exposure.iter_mut().zip(season) {
                *e *= s;
            }
        }
        let end = n.saturating_sub(LAST);
        let reference = match end >= SHORT {
            true => end.saturating_sub(REFERENCE)..end,
            false => 0..0,
        };
        let mut ready = Self {
            counts,
            exposure,
            reference,
            seasonal,
            dispersion: 1.0,
        };
        let before = ready.before_it();
        ready.dispersion = variance_over_mean(&counts[before.clone()], &ready.exposure[before]);
        ready
    }

    /// Variance over mean of the weeks before, with how many weeks that rests on; none for a
    /// history of zeros.
    pub(crate) fn own_dispersion(&self) -> Option<(f64, f64)> {
        let before = self.before_it();
        let any = self.counts[before.clone()].iter().any(|c| *c > 0);
        (before.len() > 1 && any).then_some((self.dispersion, before.len() as f64 - 1.0))
    }

    /// The weeks that the last one is compared with.
    fn before_it(&self) -> Range<usize> {
        match self.reference.is_empty() {
            true => {
                let n = self.counts.len();
                n.saturating_sub(CLIMB)..n.saturating_sub(1)
            }
            false => self.reference.clone(),
        }
    }

    /// How surprising the last week is, when series like this one have the dispersion `common`.
    pub(crate) fn surprise(&self, common: f64) -> Surprise {
        let (n, before) = (self.counts.len(), self.before_it());
        let weeks = before.len() as f64 - 1.0;
        // A variance that was estimated is uncertain, and surprises are judged by more than its
        // middle: as for Student's t, by the mean of what it may be.
        let known = COMMON + weeks.max(0.0);
        let dispersion = (COMMON * common + weeks.max(0.0) * self.dispersion) / known;
        let dispersion = (dispersion * known / (known - 2.0)).max(1.0);
        let observed = self.counts.last().copied().unwrap_or(0);
        let (count, exposure) = match self.reference.is_empty() {
            true => self.sums(before.clone()),
            false => self.usual(dispersion),
        };
        let expected = match self.exposure.last() {
            Some(last) if exposure > 0.0 => count / exposure * last,
            _ => 0.0,
        };
        let (look, p_value) = match self.reference.is_empty() {
            true => (Look::Climb, {
                let from = before.start.min(n);
                climb::upper_tail(&self.counts[from..], &self.exposure[from..], dispersion)
            }),
            false => (
                Look::Reference,
                excess_tail(
                    u64::from(observed),
                    count.round() as u64,
                    self.exposure[n - 1] / exposure,
                    dispersion,
                ),
            ),
        };
        Surprise {
            // Only more than expected is a rise, and a climb that is over is none.
            p_value: match f64::from(observed) > expected {
                true => p_value,
                false => 1.0,
            },
            expected,
            dispersion,
            look,
            weeks: before.len() as u32,
            seasonal: self.seasonal,
        }
    }

    /// Mentions and exposure of these weeks.
    fn sums(&self, weeks: Range<usize>) -> (f64, f64) {
        weeks.fold((0.0, 0.0), |(count, exposure), i| {
            (
                count + f64::from(self.counts[i]),
                exposure + self.exposure[i],
            )
        })
    }

    /// Mentions and exposure of the reference weeks, in which what is long ago weighs less and
    /// outbreaks weigh little: as many as would be uncertain in the same measure if all weighed
    /// the same.
    fn usual(&self, dispersion: f64) -> (f64, f64) {
        let (count, exposure) = self.sums(self.reference.clone());
        if count == 0.0 {
            return (count, exposure);
        }
        let rate = count / exposure;
        let (mut counts, mut exposures, mut squares) = (0.0, 0.0, 0.0);
        let mut age = 1.0;
        for i in self.reference.clone().rev() {
            let (c, e) = (f64::from(self.counts[i]), self.exposure[i]);
            let above = (c - rate * e) / (dispersion * rate * e).sqrt();
            let weight = match above > OUTBREAK {
                true => age * (OUTBREAK / above) * (OUTBREAK / above),
                false => age,
            };
            counts += weight * c;
            exposures += weight * e;
            squares += weight * weight * e;
            age *= FADING;
        }
        let worth = exposures * exposures / squares;
        (counts / exposures * worth, worth)
    }
}

/// Variance over mean of counts whose means are in proportion to `exposure` (Pearson, with n - 1),
/// at least 1; 1 for fewer than two weeks or a history of zeros.
pub fn dispersion(counts: &[u32], exposure: &[f64]) -> f64 {
    variance_over_mean(counts, exposure).max(1.0)
}

/// The same, which chance may make smaller than 1.
fn variance_over_mean(counts: &[u32], exposure: &[f64]) -> f64 {
    let total: f64 = counts.iter().map(|c| f64::from(*c)).sum();
    if counts.len() < 2 || total == 0.0 {
        return 1.0;
    }
    let rate = total / exposure.iter().sum::<f64>();
    let squares: f64 = counts
        .iter()
        .zip(exposure)
        .map(|(c, e)| {
            let mean = rate * e;
            (f64::from(*c) - mean) * (f64::from(*c) - mean) / mean
        })
        .sum();
    squares / (counts.len() as f64 - 1.0)
}

/// The exposure of each week by its reporting effort, 1 on average: as far as the effort varies
/// more than chance would have it, since the rest says nothing of how much was gone out.
fn effort(effort: &[u32], weeks: usize) -> Vec<f64> {
    let n = effort.len() as f64;
    let mean = effort.iter().map(|e| f64::from(*e)).sum::<f64>() / n;
    if effort.len() != weeks || weeks < 2 || mean == 0.0 {
        return vec![1.0; weeks];
    }
    let variance = effort
        .iter()
        .map(|e| (f64::from(*e) - mean) * (f64::from(*e) - mean))
        .sum::<f64>()
        / (n - 1.0);
    let believed = ((variance - mean) / variance).max(0.0);
    effort
        .iter()
        // A week without any report is no proof that nothing could be seen.
        .map(|e| (1.0 + believed * (f64::from(*e) / mean - 1.0)).max(0.05))
        .collect()
}

/// How much more or less than the year's level each week usually has: from the weeks around it in
/// earlier years, drawn towards 1 as far as little was seen. The reference weeks and those judged
/// teach nothing of their own season.
fn season(counts: &[u32], exposure: &[f64]) -> Vec<f64> {
    let n = counts.len();
    let taught = n - REFERENCE - LAST;
    // The level of each week: a year around it, or what there is of it.
    let level: Vec<f64> = (0..taught)
        .map(|i| {
            let around = i.saturating_sub(YEAR / 2).min(taught.saturating_sub(YEAR))
                ..(i + YEAR / 2).max(YEAR).min(taught);
            let count: f64 = counts[around.clone()].iter().map(|c| f64::from(*c)).sum();
            count / exposure[around].iter().sum::<f64>()
        })
        .collect();
    (0..n)
        .map(|i| {
            let (mut seen, mut usual) = (SEASON_PRIOR, SEASON_PRIOR);
            for j in 0..taught {
                let apart = i.abs_diff(j) % YEAR;
                if apart <= SEASON || YEAR - apart <= SEASON {
                    seen += f64::from(counts[j]);
                    usual += level[j] * exposure[j];
                }
            }
            seen / usual
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispersion_is_at_least_that_of_chance() {
        assert_eq!(dispersion(&[2, 2, 2], &[1.0; 3]), 1.0);
        assert_eq!(dispersion(&[0, 0, 0], &[1.0; 3]), 1.0);
        assert_eq!(dispersion(&[9], &[1.0]), 1.0);
        // Mean 2, squares 4+4+4+4 over 3, over 2.
        assert_eq!(dispersion(&[0, 4, 0, 4], &[1.0; 4]), 16.0 / 3.0 / 2.0);
    }
}

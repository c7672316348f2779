//! How many reports or requests to expect at a place, by week, day or half-day.
//!
//! Each step has a kind (Monday, public holiday; the same for all where there is none). A count is
//! its level times what its kind usually is beside the others; the level is a mean in which what is
//! long ago weighs less, and how fast it fades is what would have predicted the past best. Counts
//! vary as those of [`crate::signals`] do, so that intervals are of whole numbers, never negative,
//! and wider where little was seen.
//!
//! General libraries of time series (ETS, ARIMA) suppose values that vary alike around their mean:
//! at two reports a week their intervals reach below zero.

use serde::Serialize;

use crate::signals::chance::count_chances;

/// What is expected at one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Predicted {
    /// Mean.
    pub mean: f64,
    /// The middle one: as often more as less.
    pub median: u32,
    /// The interval, ends included.
    pub low: u32,
    /// Its upper end.
    pub high: u32,
    /// The chance that the count is inside, at least as large as asked: of whole numbers, no
    /// interval has exactly the chance asked.
    pub inside: f64,
}

/// How fast what was seen fades from one step to the next.
const FADING: [f64; 5] = [0.8, 0.9, 0.95, 0.98, 0.995];
/// Steps of the past that choose it, at most.
const TRIED: usize = 60;
/// Counts that a kind of step is held to have had beforehand, as if it were like the others.
const KIND_PRIOR: f64 = 4.0;

/// What is expected after `counts`, a step for each kind beyond them: `kinds` has the kind of each
/// step of the past, then of those to come. `inside` is the chance that an interval must hold its
/// count with. Empty when there is no past or `kinds` is not longer.
pub fn forecast(counts: &[u32], kinds: &[usize], inside: f64) -> Vec<Predicted> {
    let n = counts.len();
    if n == 0 || kinds.len() <= n {
        return Vec::new();
    }
    let profile = profile(counts, kinds);
    let fading = fading(counts, kinds, &profile);
    let level = level(counts, kinds, &profile, fading);
    let dispersion = dispersion(counts, kinds, &profile, fading);
    kinds[n..]
        .iter()
        .map(|kind| {
            let mean = level.rate * profile[*kind];
            // The level itself is uncertain by the counts it rests on.
            let uncertain = 1.0 + profile[*kind] / level.steps;
            predicted(mean, dispersion * uncertain, inside)
        })
        .collect()
}

fn predicted(mean: f64, dispersion: f64, inside: f64) -> Predicted {
    let chances = count_chances(mean, dispersion, 1e-9);
    let side = (1.0 - inside) / 2.0;
    let (mut below, mut low, mut median, mut high) = (0.0, None, None, None);
    let mut before_low = 0.0;
    let mut until_high = 1.0;
    for (k, chance) in (0u32..).zip(&chances) {
        if low.is_none() && below + chance > side {
            low = Some(k);
            before_low = below;
        }
        below += chance;
        if median.is_none() && below >= 0.5 {
            median = Some(k);
        }
        if high.is_none() && below >= 1.0 - side {
            high = Some(k);
            until_high = below;
        }
    }
    let last = chances.len() as u32 - 1;
    Predicted {
        mean,
        median: median.unwrap_or(last),
        low: low.unwrap_or(0),
        high: high.unwrap_or(last),
        inside: until_high - before_low,
    }
}

/// What each kind usually is beside the others, 1 on average over the steps seen.
fn profile(counts: &[u32], kinds: &[usize]) -> Vec<f64> {
    let most = kinds.iter().copied().max().unwrap_or(0);
    let mean = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64;
    let mut sums = vec![(KIND_PRIOR, KIND_PRIOR); most + 1];
    for (count, kind) in counts.iter().zip(kinds) {
        sums[*kind].0 += f64::from(*count);
        sums[*kind].1 += mean;
    }
    sums.into_iter().map(|(seen, usual)| seen / usual).collect()
}

struct Level {
    /// Counts a step of a kind like the others.
    rate: f64,
    /// How many steps it rests on.
    steps: f64,
}

/// The level after `counts`.
fn level(counts: &[u32], kinds: &[usize], profile: &[f64], fading: f64) -> Level {
    let (mut sum, mut usual, mut squares, mut weight) = (0.0, 0.0, 0.0, 1.0);
    for (count, kind) in counts.iter().zip(kinds).rev() {
        sum += weight * f64::from(*count);
        usual += weight * profile[*kind];
        squares += weight * weight * profile[*kind];
        weight *= fading;
    }
    Level {
        rate: sum / usual,
        steps: usual * usual / squares,
    }
}

/// The past as each way of fading predicted it, one step ahead: for each of the last steps, what was
/// expected and what came.
fn past<'a>(
    counts: &'a [u32],
    kinds: &'a [usize],
    profile: &'a [f64],
    fading: f64,
) -> impl Iterator<Item = (f64, f64)> + 'a {
    let from = counts.len().saturating_sub(TRIED).max(counts.len().min(4));
    let mut sums = (0.0, 0.0);
    (0..counts.len()).filter_map(move |i| {
        let expected = (i >= from).then(|| sums.0 / sums.1 * profile[kinds[i]]);
        sums.0 = sums.0 * fading + f64::from(counts[i]);
        sums.1 = sums.1 * fading + profile[kinds[i]];
        expected.map(|e| (e, f64::from(counts[i])))
    })
}

/// The way of fading that would have predicted the past best (mean squared error in proportion to
/// the mean, as counts have it); the slowest of equals.
fn fading(counts: &[u32], kinds: &[usize], profile: &[f64]) -> f64 {
    let score = |fading: f64| -> f64 {
        past(counts, kinds, profile, fading)
            .map(|(expected, count)| (count - expected) * (count - expected))
            .sum()
    };
    FADING
        .iter()
        .rev()
        .map(|f| (score(*f), *f))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(FADING[FADING.len() - 1], |(_, f)| f)
}

/// Variance over mean of what came around what was expected, drawn towards 1 by ten steps.
fn dispersion(counts: &[u32], kinds: &[usize], profile: &[f64], fading: f64) -> f64 {
    let (mut squares, mut means) = (0.0, 0.0);
    let mean = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64;
    for (expected, count) in past(counts, kinds, profile, fading) {
        squares += (count - expected) * (count - expected);
        means += expected;
    }
    ((squares + 10.0 * mean) / (means + 10.0 * mean).max(1e-9)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_week_is_expected_again_day_by_day() {
        let week = [6, 4, 4, 5, 3, 0, 0];
        let counts: Vec<u32> = (0..70).map(|i| week[i % 7]).collect();
        let kinds: Vec<usize> = (0..77).map(|i| i % 7).collect();
        let days = forecast(&counts, &kinds, 0.8);
        assert_eq!(days.len(), 7);
        for (day, usual) in days.iter().zip(week) {
            assert!((day.mean - f64::from(usual)).abs() < 1.0, "{day:?} {usual}");
            assert!(day.low <= usual && usual <= day.high, "{day:?} {usual}");
            assert!(day.inside >= 0.8 - 1e-9, "{day:?}");
        }
        assert!(days[5].mean < 0.5 && days[0].mean > days[4].mean);
    }

    #[test]
    fn a_new_level_is_followed_and_a_noisy_one_is_not() {
        let kinds = vec![0; 60];
        let mut counts = vec![2; 40];
        counts.extend([12; 15]);
        let after = forecast(&counts, &kinds, 0.8)[0];
        assert!((10.0..=13.0).contains(&after.mean), "{after:?}");
        let noisy: Vec<u32> = (0..55).map(|i| if i % 2 == 0 { 2 } else { 8 }).collect();
        let level = forecast(&noisy, &kinds, 0.8)[0];
        assert!((4.0..=6.0).contains(&level.mean), "{level:?}");
        assert!(level.high >= 8, "{level:?}");
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert!(forecast(&[], &[0], 0.8).is_empty());
        assert!(forecast(&[1, 2], &[0, 0], 0.8).is_empty());
        let zeros = forecast(&[0; 20], &[0; 22], 0.9);
        assert_eq!((zeros[0].mean, zeros[0].low, zeros[0].high), (0.0, 0, 0));
        assert_eq!(zeros[1].inside, 1.0);
    }

    proptest::proptest! {
        #[test]
        fn intervals_hold_what_they_say(
            counts in proptest::collection::vec(0u32..30, 1..80),
            inside in 0.5f64..0.99,
        ) {
            let kinds: Vec<usize> = (0..counts.len() + 3).map(|i| i % 3).collect();
            for p in forecast(&counts, &kinds, inside) {
                proptest::prop_assert!(p.low <= p.median && p.median <= p.high, "{p:?}");
                proptest::prop_assert!(p.inside >= inside - 1e-6 && p.inside <= 1.0 + 1e-9, "{p:?}");
            }
        }
    }
}

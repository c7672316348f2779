//! Whether a count is more than its history explains.
//!
//! The counts of a theme are small (0 to 7 a week), its history is short, and what matters is as
//! often a slow climb as a sudden jump. The test is therefore conditional on the total: if nothing
//! changed, each mention falls in any of the weeks with equal chance. Weeks weigh by the square of
//! their rank, so that the last counts most and a climb counts too; the p-value is the chance of a
//! sum of weights at least as large. It is the trend test of Cochran (1954) and Armitage (1955)
//! with square scores, computed exactly for Poisson counts whatever their mean.
//!
//! Counts more dispersed than Poisson are tested with the normal approximation too, their variance
//! multiplied by the dispersion of the history as Farrington (1996) and EARS do; the larger of the
//! two p-values stands. False discoveries over all themes are bounded by Benjamini and Hochberg
//! (1995).

use domain::synthesis::Trend;

use crate::settings::TrendSettings;

/// Variance over mean of the history (with n - 1), at least 1; 1 for fewer than two weeks or a
/// history of zeros.
pub fn dispersion(history: &[u32]) -> f64 {
    let n = history.len() as f64;
    let total: f64 = history.iter().map(|c| f64::from(*c)).sum();
    if history.len() < 2 || total == 0.0 {
        return 1.0;
    }
    let mean = total / n;
    let squares: f64 = history
        .iter()
        .map(|c| (f64::from(*c) - mean) * (f64::from(*c) - mean))
        .sum();
    (squares / (n - 1.0) / mean).max(1.0)
}

/// The exact computation is left for the normal approximation beyond this many steps; totals are
/// then in the hundreds, where the two agree.
const STEPS_MAX: u64 = 20_000_000;

/// The p-value of a rise at the end of `counts` (a week each, oldest first) when all weeks have
/// the same mean: exact for `dispersion` 1, and never smaller for a larger one. With fewer than
/// two weeks, or without any mention, it is 1: nothing can be said.
pub fn upper_tail(counts: &[u32], dispersion: f64) -> f64 {
    let weeks = counts.len() as u64;
    let total: u64 = counts.iter().map(|c| u64::from(*c)).sum();
    if weeks < 2 || total == 0 {
        return 1.0;
    }
    let last = weeks - 1;
    let score: u64 = (0u64..)
        .zip(counts)
        .map(|(i, c)| i * i * u64::from(*c))
        .sum();
    let steps = total
        .saturating_mul(total)
        .saturating_mul(last.pow(2) * weeks);
    if steps > STEPS_MAX {
        return normal(weeks, total, score, dispersion);
    }
    let exact = exact(weeks, total, score);
    if dispersion > 1.0 {
        exact.max(normal(weeks, total, score, dispersion))
    } else {
        exact
    }
}

/// The chance that `total` mentions, each in any of `weeks` weeks, weigh `score` or more.
fn exact(weeks: u64, total: u64, score: u64) -> f64 {
    let top = (weeks - 1).pow(2);
    // chance[s]: that the mentions placed so far weigh s.
    let mut chance = vec![0.0; (top * total + 1) as usize];
    if let Some(none) = chance.first_mut() {
        *none = 1.0;
    }
    for placed in 0..total {
        let mut next = vec![0.0; chance.len()];
        for s in 0..=(top * placed) as usize {
            let share = chance[s] / weeks as f64;
            if share > 0.0 {
                for week in 0..weeks {
                    next[s + (week * week) as usize] += share;
                }
            }
        }
        chance = next;
    }
    // Smallest first, to lose nothing.
    chance[score as usize..].iter().rev().sum::<f64>().min(1.0)
}

/// The same by the normal approximation, with the variance multiplied by `dispersion`.
fn normal(weeks: u64, total: u64, score: u64, dispersion: f64) -> f64 {
    let n = weeks as f64;
    let squares = |power: u32| -> f64 { (0..weeks).map(|i| i.pow(power) as f64).sum::<f64>() / n };
    let mean = squares(2);
    let variance = (squares(4) - mean * mean) * dispersion.max(1.0) * total as f64;
    normal_tail((score as f64 - mean * total as f64) / variance.sqrt())
}

/// The chance that a standard normal value is `z` or more: a series near the middle, a continued
/// fraction in the tail. Sums, products and quotients only, so that it is the same everywhere.
pub(crate) fn normal_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - normal_tail(-z);
    }
    // Beyond, the chance is smaller than any number of this kind.
    if z > 38.0 {
        return 0.0;
    }
    // e^(-z²/2) as the 1,024th power of a Taylor sum.
    let x = -z * z / 2.0 / 1024.0;
    let mut exp = (1..=12)
        .rev()
        .fold(1.0, |sum, k| 1.0 + sum * x / f64::from(k));
    for _ in 0..10 {
        exp *= exp;
    }
    // 1 / sqrt(2π)
    let density = 0.398_942_280_401_432_7 * exp;
    if z < 3.0 {
        let (mut term, mut sum, mut k) = (z, z, 1.0);
        while term > 1e-17 * sum {
            k += 2.0;
            term *= z * z / k;
            sum += term;
        }
        return (0.5 - density * sum).max(0.0);
    }
    let fraction = (1..=60).rev().fold(z, |below, k| z + f64::from(k) / below);
    density / fraction
}

/// Which hypotheses are rejected when the share of false ones among them must stay below `rate`
/// on average (Benjamini-Hochberg).
pub fn rejected(p_values: &[f64], rate: f64) -> Vec<bool> {
    let mut sorted = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tested = sorted.len() as f64;
    let bound = sorted
        .iter()
        .enumerate()
        .rev()
        .find(|(rank, p)| **p <= rate * (*rank as f64 + 1.0) / tested)
        .map(|(_, p)| *p);
    p_values
        .iter()
        .map(|p| bound.is_some_and(|b| *p <= b))
        .collect()
}

/// What is said of one theme, and on what ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Where it stands.
    pub trend: Trend,
    /// The p-value, when the theme was tested.
    pub p_value: Option<f64>,
    /// Variance over mean of its history, at least 1.
    pub dispersion: f64,
    /// How many themes were tested together.
    pub tested: u32,
}

/// Judges series of the same weeks together, oldest week first and the current week last. New is
/// a rule, not a test; a series is tested when its history is long enough and its total large
/// enough; an untested one is "too few".
pub fn judge(series: &[&[u32]], settings: &TrendSettings) -> Vec<Verdict> {
    let split = |s: &[u32]| -> (u32, Vec<u32>) {
        s.split_last()
            .map_or((0, Vec::new()), |(last, rest)| (*last, rest.to_vec()))
    };
    let tests: Vec<Option<f64>> = series
        .iter()
        .map(|s| {
            let (observed, history) = split(s);
            let before: u64 = history.iter().map(|c| u64::from(*c)).sum();
            let total = before + u64::from(observed);
            let enough = history.len() as u64 >= u64::from(settings.min_weeks)
                && total >= u64::from(settings.min_reports);
            // A climb that is over is not a rise.
            let above = u64::from(observed) * history.len() as u64 > before;
            enough.then(|| {
                if above {
                    upper_tail(s, dispersion(&history))
                } else {
                    1.0
                }
            })
        })
        .collect();
    let p_values: Vec<f64> = tests.iter().flatten().copied().collect();
    let mut rejections = rejected(&p_values, settings.false_alarm.as_f64()).into_iter();
    series
        .iter()
        .zip(&tests)
        .map(|(s, test)| {
            let (observed, history) = split(s);
            let absent = history.iter().all(|c| *c == 0);
            // Taken for every tested series, in step with `p_values`, whatever is said of it.
            let rose = test.is_some() && rejections.next().unwrap_or(false);
            let trend = if absent
                && history.len() as u64 >= u64::from(settings.min_weeks)
                && observed >= settings.new_reports
            {
                Trend::New
            } else if test.is_none() {
                Trend::TooFew
            } else if rose {
                Trend::Rising
            } else {
                Trend::Steady
            };
            Verdict {
                trend,
                p_value: *test,
                dispersion: dispersion(&history),
                tested: p_values.len() as u32,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn p_values_by_enumeration() {
        let check = |counts: &[u32], p: f64| close(upper_tail(counts, 1.0), p);
        // All mentions in the last of n weeks: (1/n)^total.
        check(&[0, 0, 0, 0, 0, 2], 1.0 / 36.0);
        check(&[0, 0, 0, 3], 1.0 / 64.0);
        // Two weeks weigh 0 and 1: at least one of two mentions in the last.
        check(&[1, 1], 0.75);
        // Three weeks weigh 0, 1, 4; of nine pairs, (1,4), (4,1) and (4,4) weigh 5 or more.
        check(&[0, 1, 1], 3.0 / 9.0);
        // Of 27 triples, those weighing 6 or more: 4+1+1 three ways, 4+4+x, x of 0 or 1, three
        // ways each, and 4+4+4.
        check(&[0, 2, 1], 10.0 / 27.0);
        check(&[3, 0, 0], 1.0);
        check(&[0, 0, 0], 1.0);
        check(&[7], 1.0);
        check(&[], 1.0);
    }

    #[test]
    fn the_normal_tail_of_the_tables() {
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.025),
            (2.999_999, 0.001_349_902_463_2),
            (3.0, 0.001_349_898_031_63),
            (5.0, 2.866_515_718_79e-7),
            (-1.0, 0.841_344_746_068_543),
        ] {
            let q = normal_tail(z);
            assert!((q - p).abs() < 1e-11, "{z}: {q} is not {p}");
        }
        assert!(normal_tail(60.0) < 1e-300);
    }

    #[test]
    fn exact_and_normal_agree_where_one_takes_over() {
        let counts: [u32; 6] = [60, 55, 62, 58, 61, 75];
        let total: u64 = counts.iter().map(|c| u64::from(*c)).sum();
        let score: u64 = (0u64..)
            .zip(counts)
            .map(|(i, c)| i * i * u64::from(c))
            .sum();
        let (a, b) = (exact(6, total, score), normal(6, total, score, 1.0));
        assert!((a - b).abs() < 0.005, "{a} and {b}");
        // Far beyond, without overflow.
        assert!(upper_tail(&[100_000, 100_000, 200_000], 1.0) < 1e-9);
        assert!(upper_tail(&[u32::MAX, u32::MAX, u32::MAX], 9.0) > 0.4);
    }

    #[test]
    fn dispersion_is_at_least_that_of_chance() {
        close(dispersion(&[2, 2, 2]), 1.0);
        close(dispersion(&[0, 0, 0]), 1.0);
        close(dispersion(&[9]), 1.0);
        // Mean 2, squares 4+4+4+4 over 3, over 2.
        close(dispersion(&[0, 4, 0, 4]), 16.0 / 3.0 / 2.0);
    }

    #[test]
    fn benjamini_and_hochberg_by_hand() {
        // Their bounds at 5 % over 5: .01 .02 .03 .04 .05.
        let check = |p: &[f64], expected: &[bool]| assert_eq!(rejected(p, 0.05), expected, "{p:?}");
        check(
            &[0.20, 0.005, 0.03, 0.025, 0.9],
            &[false, true, true, true, false],
        );
        check(&[0.011, 0.9, 0.9, 0.9, 0.9], &[false; 5]);
        check(&[0.05], &[true]);
        check(&[], &[]);
    }

    #[test]
    fn false_alarms_on_poisson_counts_stay_below_the_stated_rate() {
        // Every four weeks of up to 6 mentions, weighed by their Poisson probability: the exact
        // rate of false alarms of the test, dispersion estimated as in use.
        let weeks: Vec<[u32; 4]> = (0..7u32.pow(4))
            .map(|i| [i / 343, i / 49 % 7, i / 7 % 7, i % 7])
            .collect();
        let p: Vec<f64> = weeks
            .iter()
            .map(|w| upper_tail(w, dispersion(&w[..3])))
            .collect();
        for mean in [0.5, 1.0, 2.0] {
            let mut pmf = vec![f64::exp(-mean)];
            for k in 1..7 {
                pmf.push(pmf[k - 1] * mean / k as f64);
            }
            let rate: f64 = weeks
                .iter()
                .zip(&p)
                .filter(|(_, p)| **p <= 0.05)
                .map(|(w, _)| w.iter().map(|k| pmf[*k as usize]).product::<f64>())
                .sum();
            assert!(
                (0.005..=0.05).contains(&rate) || mean < 1.0,
                "mean {mean}: {rate}"
            );
            assert!(rate <= 0.05, "mean {mean}: {rate}");
        }
    }

    #[test]
    fn small_numbers_are_called_too_few() {
        let settings = TrendSettings::default();
        let check = |series: &[u32], expected: Trend| {
            assert_eq!(judge(&[series], &settings)[0].trend, expected, "{series:?}");
        };
        check(&[0, 0, 0, 2], Trend::New);
        check(&[0, 0, 2], Trend::TooFew);
        check(&[0, 0, 0, 1], Trend::TooFew);
        check(&[1, 0, 1, 0, 1, 1], Trend::TooFew);
        check(&[1, 1, 1, 1, 1, 1], Trend::Steady);
        // A jump, and a climb no week of which stands out.
        check(&[0, 1, 1, 0, 1, 6], Trend::Rising);
        check(&[1, 1, 2, 3, 4, 7], Trend::Rising);
        // A climb that is over.
        check(&[0, 0, 0, 6, 8, 2], Trend::Steady);
        // As high once before: the history explains it.
        check(&[0, 6, 1, 0, 1, 6], Trend::Steady);
        check(&[3], Trend::TooFew);
        check(&[], Trend::TooFew);
    }

    proptest::proptest! {
        #[test]
        fn a_tail_is_a_probability_that_falls_with_one_more_mention_this_week(
            mut counts in proptest::collection::vec(0u32..12, 2..7),
            dispersion in 1.0f64..5.0,
        ) {
            let p = upper_tail(&counts, dispersion);
            proptest::prop_assert!((0.0..=1.0).contains(&p));
            proptest::prop_assert!(p >= upper_tail(&counts, 1.0));
            // With the dispersion held, one more mention at the end is never less surprising.
            *counts.last_mut().unwrap() += 1;
            let q = upper_tail(&counts, dispersion);
            proptest::prop_assert!(q <= p + 1e-9, "{q} > {p}");
        }
    }
}

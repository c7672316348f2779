//! A climb at the end of a short history.
//!
//! The counts of a theme are small (0 to 7 a week), and what matters is as often a slow climb as a
//! sudden jump. The test is conditional on the total: if nothing changed, each mention falls in any
//! of the weeks with a chance in proportion to its share of the effort. Weeks weigh by the square of
//! their rank, so that the last counts most and a climb counts too; the p-value is the chance of a
//! sum of weights at least as large. It is the trend test of Cochran (1954) and Armitage (1955)
//! with square scores, computed exactly for Poisson counts whatever their mean.
//!
//! Counts more dispersed than Poisson are tested with the normal approximation too, their variance
//! multiplied by the dispersion of the history; the larger of the two p-values stands.

use super::chance::normal_tail;

/// The exact computation is left for the normal approximation beyond this many steps; totals are
/// then in the hundreds, where the two agree.
const STEPS_MAX: u64 = 20_000_000;

/// The p-value of a rise at the end of `counts` (a week each, oldest first) when the means of the
/// weeks are in proportion to `exposure` (as many, all above 0): exact for `dispersion` 1, and
/// never smaller for a larger one. With fewer than two weeks, or without any mention, it is 1:
/// nothing can be said.
pub fn upper_tail(counts: &[u32], exposure: &[f64], dispersion: f64) -> f64 {
    let weeks = counts.len() as u64;
    let total: u64 = counts.iter().map(|c| u64::from(*c)).sum();
    if weeks < 2 || total == 0 {
        return 1.0;
    }
    let whole: f64 = exposure.iter().sum();
    let shares: Vec<f64> = exposure.iter().map(|e| e / whole).collect();
    let last = weeks - 1;
    let score: u64 = (0u64..)
        .zip(counts)
        .map(|(i, c)| i * i * u64::from(*c))
        .sum();
    let steps = total
        .saturating_mul(total)
        .saturating_mul(last.pow(2) * weeks);
    if steps > STEPS_MAX {
        return normal(&shares, total, score, dispersion);
    }
    let exact = exact(&shares, total, score);
    if dispersion > 1.0 {
        exact.max(normal(&shares, total, score, dispersion))
    } else {
        exact
    }
}

/// The chance that `total` mentions, which fall into the weeks by these shares, weigh `score` or
/// more.
fn exact(shares: &[f64], total: u64, score: u64) -> f64 {
    let top = (shares.len() as u64 - 1).pow(2);
    // chance[s]: that the mentions placed so far weigh s.
    let mut chance = vec![0.0; (top * total + 1) as usize];
    if let Some(none) = chance.first_mut() {
        *none = 1.0;
    }
    for placed in 0..total {
        let mut next = vec![0.0; chance.len()];
        for s in 0..=(top * placed) as usize {
            if chance[s] > 0.0 {
                for (week, share) in shares.iter().enumerate() {
                    next[s + week * week] += chance[s] * share;
                }
            }
        }
        chance = next;
    }
    // Smallest first, to lose nothing.
    chance[score as usize..].iter().rev().sum::<f64>().min(1.0)
}

/// The same by the normal approximation, with the variance multiplied by `dispersion`.
fn normal(shares: &[f64], total: u64, score: u64, dispersion: f64) -> f64 {
    let moment = |power: u32| -> f64 {
        (0u64..)
            .zip(shares)
            .map(|(i, share)| i.pow(power) as f64 * share)
            .sum()
    };
    let mean = moment(2);
    let variance = (moment(4) - mean * mean) * dispersion.max(1.0) * total as f64;
    normal_tail((score as f64 - mean * total as f64) / variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::expected::dispersion;

    fn even(counts: &[u32], dispersion: f64) -> f64 {
        upper_tail(counts, &vec![1.0; counts.len()], dispersion)
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn p_values_by_enumeration() {
        let check = |counts: &[u32], p: f64| close(even(counts, 1.0), p);
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
    fn exact_and_normal_agree_where_one_takes_over() {
        let counts: [u32; 6] = [60, 55, 62, 58, 61, 75];
        let total: u64 = counts.iter().map(|c| u64::from(*c)).sum();
        let score: u64 = (0u64..)
            .zip(counts)
            .map(|(i, c)| i * i * u64::from(c))
            .sum();
        let (a, b) = (
            exact(&[1.0 / 6.0; 6], total, score),
            normal(&[1.0 / 6.0; 6], total, score, 1.0),
        );
        assert!((a - b).abs() < 0.005, "{a} and {b}");
        // Far beyond, without overflow.
        assert!(even(&[100_000, 100_000, 200_000], 1.0) < 1e-9);
        assert!(even(&[u32::MAX, u32::MAX, u32::MAX], 9.0) > 0.4);
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
            .map(|w| even(w, dispersion(&w[..3], &[1.0; 3])))
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

    proptest::proptest! {
        #[test]
        fn a_tail_is_a_probability_that_falls_with_one_more_mention_this_week(
            mut counts in proptest::collection::vec(0u32..12, 2..7),
            dispersion in 1.0f64..5.0,
        ) {
            let p = even(&counts, dispersion);
            proptest::prop_assert!((0.0..=1.0).contains(&p));
            proptest::prop_assert!(p >= even(&counts, 1.0));
            // With the dispersion held, one more mention at the end is never less surprising.
            *counts.last_mut().unwrap() += 1;
            let q = even(&counts, dispersion);
            proptest::prop_assert!(q <= p + 1e-9, "{q} > {p}");
        }
    }
}

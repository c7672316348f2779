//! Whether documents still resemble those that came before.
//!
//! Two samples are compared: a reference, and the last weeks. Ranks for what is measured on each
//! document (Mann and Whitney 1947, with ties); for mixes Pearson's test, rare categories put together
//! so that none is expected fewer than five times, and Fisher's exact test of the one that has risen
//! most, which may be new; Fisher's test too for a rare event.
//! With many documents the least difference is beyond doubt and worth nobody's time: each test also
//! says how large the difference is, and only a large one is a drift.
//!
//! Several tests are made at each look, and a look is taken every week. Within a look false
//! discoveries are bounded by Benjamini and Hochberg (1995), which bounds the chance of any where
//! there is no drift at all; the looks of a year share the stated rate in equal parts (Bonferroni),
//! whatever the looks have in common. Nothing is drawn by chance: the same documents give the same
//! answer.

use serde::Serialize;

use crate::signals::chance::normal_tail;
use crate::signals::discovery::rejected;

/// Looks that share the stated rate of false alarms: one a week, for a year.
pub const LOOKS: f64 = 52.0;

/// Fewest documents of each sample that are compared by rank.
const FEWEST: usize = 20;

/// A category that is expected fewer times among the last weeks is put together with others.
const EXPECTED: f64 = 5.0;

/// What one comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Chance of a difference as large where there is none.
    pub p_value: f64,
    /// How large it is: for ranks, the chance that one of the last is below one of the reference
    /// (one half where nothing changed); for a mix, the share that would have to change places; for
    /// an event, how much more often it happens.
    pub size: f64,
    /// Whether it is large enough to matter.
    pub large: bool,
}

/// Whether the last are lower than the reference. `None` where either are too few.
pub fn lower(reference: &[f64], last: &[f64]) -> Option<Difference> {
    /// Below, the two overlap so much that nothing follows from it.
    const LARGE: f64 = 0.55;
    let (m, n) = (reference.len() as f64, last.len() as f64);
    if reference.len() < FEWEST || last.len() < FEWEST {
        return None;
    }
    let mut all: Vec<(f64, bool)> = reference.iter().map(|x| (*x, false)).collect();
    all.extend(last.iter().map(|x| (*x, true)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The rank of equals is their mean rank.
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equals in all.chunk_by(|a, b| a.0 == b.0) {
        let count = equals.len() as f64;
        let of_last = equals.iter().filter(|(_, last)| *last).count() as f64;
        ranks += of_last * (before + (count + 1.0) / 2.0);
        ties += count * count * count - count;
        before += count;
    }
    // Pairs in which the one of the last is the higher.
    let higher = ranks - n * (n + 1.0) / 2.0;
    let total = m + n;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let size = 1.0 - higher / (m * n);
    let p_value = match variance > 0.0 {
        true => normal_tail((m * n / 2.0 - higher - 0.5) / variance.sqrt()),
        false => 1.0,
    };
    Some(Difference {
        p_value,
        size,
        large: size >= LARGE,
    })
}

/// Whether an event is more frequent among the last (`of` them) than in the reference. `None` where
/// it could prove nothing.
pub fn more_often(reference: (usize, usize), last: (usize, usize)) -> Option<Difference> {
    /// What happens less than this more often is left alone.
    const LARGE: f64 = 0.03;
    let ((before, m), (now, n)) = (reference, last);
    if m < FEWEST || n < FEWEST || before + now == 0 {
        return None;
    }
    let size = now as f64 / n as f64 - before as f64 / m as f64;
    Some(Difference {
        p_value: upper_tail(now, n, before + now, m + n),
        size,
        large: size >= LARGE,
    })
}

/// Whether a mix has changed: of each category, how many there were and how many are among the last.
/// `None` where there is nothing to compare.
pub fn mixed(counts: &[(usize, usize)]) -> Option<Difference> {
    /// Less than this share changed places: a season does as much.
    const LARGE: f64 = 0.1;
    let sum = |of: fn(&(usize, usize)) -> usize| counts.iter().map(of).sum::<usize>() as f64;
    let (m, n) = (sum(|c| c.0), sum(|c| c.1));
    if m < FEWEST as f64 || n < FEWEST as f64 {
        return None;
    }
    if counts.len() < 2 {
        return None;
    }
    let risen = |(before, now): &(usize, usize)| *now as f64 / n - *before as f64 / m;
    let most = counts.iter().max_by(|a, b| risen(a).total_cmp(&risen(b)));
    let newest = most.and_then(|(before, now)| {
        let found = more_often((*before, m as usize), (*now, n as usize))?;
        Some((found.p_value * counts.len() as f64, found.size))
    });
    // Two tests of one thing share the chance of a false alarm.
    let tests = newest.into_iter().chain(pearson(counts, m, n));
    let (p_value, size) = tests.reduce(|a, b| if b.0 < a.0 { b } else { a })?;
    Some(Difference {
        p_value: f64::min(2.0 * p_value, 1.0),
        size,
        large: size >= LARGE,
    })
}

/// Pearson's test, and the share that would have to change places.
fn pearson(counts: &[(usize, usize)], m: f64, n: f64) -> Option<(f64, f64)> {
    // The rarest first: put together until they are enough.
    let mut sorted = counts.to_vec();
    sorted.sort_by_key(|(before, now)| (before + now, *before));
    let expected = |c: (usize, usize)| (c.0 + c.1) as f64 * f64::min(m, n) / (m + n);
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let mut rest = (0, 0);
    for (before, now) in sorted {
        rest = (rest.0 + before, rest.1 + now);
        if expected(rest) >= EXPECTED {
            groups.push(rest);
            rest = (0, 0);
        }
    }
    if let Some(last) = groups.last_mut() {
        *last = (last.0 + rest.0, last.1 + rest.1);
    }
    if groups.len() < 2 {
        return None;
    }
    let (mut square, mut apart) = (0.0, 0.0);
    for (before, now) in groups.iter().map(|g| (g.0 as f64, g.1 as f64)) {
        let of_all = (before + now) / (m + n);
        square += (before - of_all * m).powi(2) / (of_all * m);
        square += (now - of_all * n).powi(2) / (of_all * n);
        apart += (before / m - now / n).abs();
    }
    Some((chi_square_tail(square, groups.len() - 1), apart / 2.0))
}

/// Which of the comparisons of one look are drifts, when there may be one false alarm in
/// `1 / false_alarms` years.
pub fn drifts(differences: &[Option<Difference>], false_alarms: f64) -> Vec<bool> {
    let p_values: Vec<f64> = differences.iter().flatten().map(|d| d.p_value).collect();
    let mut found = rejected(&p_values, false_alarms / LOOKS).into_iter();
    differences
        .iter()
        .map(|d| d.is_some_and(|d| found.next().unwrap_or(false) && d.large))
        .collect()
}

/// Chance of `k` or more of `drawn` out of `total` when `marked` of all are marked, drawn without
/// putting back.
fn upper_tail(k: usize, drawn: usize, marked: usize, total: usize) -> f64 {
    let mut logs = vec![0.0_f64; total + 1];
    for i in 1..=total {
        logs[i] = logs[i - 1] + (i as f64).ln();
    }
    let choose = |n: usize, k: usize| logs[n] - logs[k] - logs[n - k];
    let least = k.max((marked + drawn).saturating_sub(total));
    let chance =
        |i: usize| choose(marked, i) + choose(total - marked, drawn - i) - choose(total, drawn);
    let tail: f64 = (least..=marked.min(drawn)).map(|i| chance(i).exp()).sum();
    tail.min(1.0)
}

/// Chance that the sum of `degrees` squares of standard normal values is `x` or more: finite sums
/// (Abramowitz and Stegun 1964, 26.4.4 and 26.4.5).
fn chi_square_tail(x: f64, degrees: usize) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let (mut term, mut sum, from) = match degrees % 2 {
        0 => ((-x / 2.0).exp(), (-x / 2.0).exp(), 2),
        _ => {
            let root = x.sqrt();
            let density = (-x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let first = 2.0 * density * root;
            let sum = 2.0 * normal_tail(root) + if degrees >= 3 { first } else { 0.0 };
            (first, sum, 3)
        }
    };
    let mut next = from;
    while next + 2 <= degrees {
        term *= x / next as f64;
        sum += term;
        next += 2;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, within: f64) {
        assert!(
            (a - b).abs() <= within * b.abs().max(1e-12),
            "{a} is not {b}"
        );
    }

    /// SplitMix64: the seed is part of the test.
    struct Chance(u64);

    impl Chance {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    #[test]
    fn tails_of_the_tables() {
        for (x, degrees, p) in [
            (3.841_458_820_694_124, 1, 0.05),
            (5.991_464_547_107_979, 2, 0.05),
            (7.814_727_903_251_178, 3, 0.05),
            (18.307_038_053_275_15, 10, 0.05),
            (29.588_298_445_074_42, 10, 0.001),
            (32.909_490_407_360_2, 12, 0.001),
            (31.264_133_620_239_99, 11, 0.001),
        ] {
            near(chi_square_tail(x, degrees), p, 1e-6);
        }
        // Of 4 marked among 10, 5 drawn: all 4 in 6 of 252 ways, 3 in 60.
        near(upper_tail(4, 5, 4, 10), 6.0 / 252.0, 1e-9);
        near(upper_tail(3, 5, 4, 10), 66.0 / 252.0, 1e-9);
        near(upper_tail(0, 5, 4, 10), 1.0, 1e-9);
    }

    #[test]
    fn ranks_by_hand() {
        // 20 and 20 without overlap: all 400 pairs; the mean is 200, the variance 400 × 41 / 12.
        let low: Vec<f64> = (0..20).map(f64::from).collect();
        let high: Vec<f64> = (20..40).map(f64::from).collect();
        let found = lower(&high, &low).expect("enough");
        near(found.size, 1.0, 1e-9);
        near(
            found.p_value,
            normal_tail(199.5 / (400.0_f64 * 41.0 / 12.0).sqrt()),
            1e-9,
        );
        assert!(found.large);
        let same = lower(&low, &low).expect("enough");
        near(same.size, 0.5, 1e-9);
        assert!(same.p_value > 0.5 && !same.large);
        assert!(lower(&low, &high).expect("enough").p_value > 0.999);
        let flat = lower(&[0.5; 30], &[0.5; 30]).expect("enough");
        near(flat.p_value, 1.0, 1e-9);
        assert_eq!(lower(&low[..19], &low), None);
    }

    #[test]
    fn rare_categories_are_put_together() {
        // Two common and many rare ones, each expected less than five times.
        let mut counts = vec![(100, 50), (100, 50)];
        counts.extend([(4, 2); 10]);
        let same = mixed(&counts).expect("enough");
        near(same.p_value, 1.0, 1e-9);
        assert!(same.size < 0.01, "{same:?}");
        let new = mixed(&[(200, 60), (0, 40)]).expect("enough");
        assert!(new.p_value < 1e-15 && new.large, "{new:?}");
        near(new.size, 0.4, 1e-9);
        assert_eq!(mixed(&[(200, 60)]), None);
        assert_eq!(mixed(&[(200, 6), (300, 6)]), None);
        assert!(!mixed(&[(200, 60), (3, 1)]).expect("enough").large);
        // A category that is new, and too rare for Pearson's test.
        let new = mixed(&[(600, 45), (0, 15)]).expect("enough");
        assert!(new.p_value < 1e-9 && new.large, "{new:?}");
    }

    #[test]
    fn a_rare_event_more_often() {
        let found = more_often((10, 1000), (9, 100)).expect("enough");
        assert!(found.p_value < 1e-4 && found.large, "{found:?}");
        near(found.size, 0.08, 1e-9);
        assert!(!more_often((10, 1000), (1, 100)).expect("enough").large);
        assert_eq!(more_often((0, 1000), (0, 100)), None);
    }

    /// A look of six tests in a week of `n` documents, the reference of eight weeks.
    fn look(chance: &mut Chance, n: usize, foreign: f64) -> bool {
        let mut sample = |n: usize, foreign: f64| -> Vec<f64> {
            let mut one = || match chance.uniform() < foreign {
                true => 0.1 * chance.uniform(),
                false => 0.2 + 0.8 * chance.uniform(),
            };
            (0..n).map(|_| one()).collect()
        };
        let (reference, last) = (sample(8 * n, 0.01), sample(n, foreign.max(0.01)));
        let mix = |from: f64, to: f64| {
            let count = |all: &[f64]| all.iter().filter(|x| (from..to).contains(*x)).count();
            (count(&reference), count(&last))
        };
        let fifths: Vec<(usize, usize)> = (0..5)
            .map(|i| mix(f64::from(i) / 5.0, f64::from(i + 1) / 5.0))
            .collect();
        let far = mix(0.0, 0.15);
        let found = [
            lower(&reference, &last),
            more_often((far.0, reference.len()), (far.1, last.len())),
            mixed(&fifths),
        ];
        drifts(&found, 0.05).contains(&true)
    }

    #[test]
    fn a_year_without_drift_has_seldom_an_alarm_and_a_strong_drift_is_seen_at_once() {
        let mut chance = Chance(5);
        let years = 40;
        let false_alarms = (0..years)
            .filter(|_| (0..52).any(|_| look(&mut chance, 60, 0.0)))
            .count();
        assert!(false_alarms <= 4, "{false_alarms} of {years} years");
        let seen = (0..40).filter(|_| look(&mut chance, 60, 0.25)).count();
        assert!(seen >= 38, "{seen} of 40");
    }
}

//! Figures of routing: right answers, calibration, gains with their intervals, promises kept.
//!
//! Chance is drawn from SplitMix64 (Steele, Lea and Flood 2014), seeded by the caller: the same
//! seed gives the same figures everywhere.

use std::collections::BTreeMap;

use domain::Digest;
use inference::promise::{Judged, Promise, Promises, lower_bound, promise, promises};
use serde::Serialize;

/// Bins of the calibration error.
const BINS: usize = 10;

/// What was said of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Which document.
    pub document: usize,
    /// The first label.
    pub said: usize,
    /// The right one.
    pub right: usize,
    /// Probability of the first.
    pub confidence: f64,
}

impl Answer {
    /// What was said of `document`.
    pub const fn new(document: usize, said: usize, right: usize, confidence: f64) -> Self {
        Self {
            document,
            said,
            right,
            confidence,
        }
    }

    const fn correct(&self) -> bool {
        self.said == self.right
    }

    const fn judged(&self) -> Judged {
        Judged {
            said: self.said,
            confidence: self.confidence,
            correct: self.correct(),
        }
    }
}

/// A stream of numbers that a seed decides.
pub struct Draw(u64);

impl Draw {
    /// Streams with other purposes are other streams.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let digest = Digest::of(format!("{purpose} {seed}").as_bytes()).to_string();
        let hash = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(digest.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

/// The numbers below `n` in an order drawn (Fisher and Yates).
pub fn shuffled(n: usize, draw: &mut Draw) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, draw.below(last + 1));
    }
    order
}

/// How often first answers are right, and whether confidence means what it says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean over labels of the harmonic mean of precision and recall.
    pub macro_f1: f64,
    /// Mean distance between confidence and share of right answers, over ten bins.
    pub calibration_error: f64,
}

/// Of these answers.
pub fn quality(answers: &[Answer]) -> Quality {
    let n = answers.len().max(1) as f64;
    // Right, said, meant.
    let mut counts = BTreeMap::<usize, (f64, f64)>::new();
    let mut bins = [0.0; BINS];
    let mut right = 0.0;
    for answer in answers {
        let hit = f64::from(u8::from(answer.correct()));
        right += hit;
        for label in [answer.said, answer.right] {
            let (hits, seen) = counts.entry(label).or_default();
            *hits += hit;
            *seen += 1.0;
        }
        let bin = ((answer.confidence * BINS as f64) as usize).min(BINS - 1);
        bins[bin] += answer.confidence - hit;
    }
    // A hit was counted twice, as said and as meant.
    let f1: f64 = counts.values().map(|(hits, seen)| hits / seen).sum();
    Quality {
        accuracy: right / n,
        macro_f1: f1 / counts.len().max(1) as f64,
        calibration_error: bins.iter().map(|b: &f64| b.abs()).sum::<f64>() / n,
    }
}

/// A difference of accuracies and its interval at 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// The difference.
    pub mean: f64,
    /// 2.5 of 100 resamples are below.
    pub low: f64,
    /// 2.5 of 100 are above.
    pub high: f64,
}

/// How much more often the first are right than the second, document by document, documents drawn
/// again with replacement (Efron 1979).
pub fn gain(ours: &[Answer], theirs: &[Answer], resamples: usize, draw: &mut Draw) -> Gain {
    let by: BTreeMap<usize, bool> = theirs.iter().map(|a| (a.document, a.correct())).collect();
    let differences: Vec<f64> = ours
        .iter()
        .filter_map(|a| {
            let other = *by.get(&a.document)?;
            Some(f64::from(u8::from(a.correct())) - f64::from(u8::from(other)))
        })
        .collect();
    let n = differences.len();
    if n == 0 {
        return Gain {
            mean: 0.0,
            low: 0.0,
            high: 0.0,
        };
    }
    let mut means: Vec<f64> = (0..resamples.max(1))
        .map(|_| (0..n).map(|_| differences[draw.below(n)]).sum::<f64>() / n as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((means.len() as f64 * share) as usize).min(means.len() - 1)];
    Gain {
        mean: differences.iter().sum::<f64>() / n as f64,
        low: at(0.025),
        high: at(0.975),
    }
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Kept {
    /// Highest share of errors promised.
    pub promised: f64,
    /// Times it was made and tested.
    pub splits: usize,
    /// Times that even the exact lower bound of the errors seen is above the promise.
    pub broken: usize,
    /// Times that the errors seen are above the promise: chance alone does that.
    pub above: usize,
    /// Share left to people, on average.
    pub left_to_people: f64,
    /// Share of errors among all that were automatic.
    pub achieved: f64,
}

/// Sums over splits.
#[derive(Default)]
struct Sums {
    splits: usize,
    broken: usize,
    above: usize,
    left: f64,
    automatic: usize,
    wrong: usize,
}

impl Sums {
    fn add(&mut self, promises: &Promises, tested: &[Answer], promised: f64, confidence: f64) {
        let reaches = |a: &&Answer| match promises.of(a.said) {
            Promise::Kept { threshold, .. } => a.confidence >= *threshold,
            Promise::NotEnough { .. } => false,
        };
        let automatic: Vec<&Answer> = tested.iter().filter(reaches).collect();
        let (n, wrong) = (
            automatic.len(),
            automatic.iter().filter(|a| !a.correct()).count(),
        );
        self.splits += 1;
        self.broken += usize::from(lower_bound(wrong, n, confidence) > promised);
        self.above += usize::from(wrong as f64 > promised * n as f64);
        self.left += 1.0 - n as f64 / tested.len().max(1) as f64;
        self.automatic += n;
        self.wrong += wrong;
    }

    fn kept(&self, promised: f64) -> Kept {
        Kept {
            promised,
            splits: self.splits,
            broken: self.broken,
            above: self.above,
            left_to_people: self.left / self.splits.max(1) as f64,
            achieved: self.wrong as f64 / self.automatic.max(1) as f64,
        }
    }
}

/// One promise for all services, or by service where there are documents enough of these.
fn made(judged: &[Judged], services: &[String], promised: f64, confidence: f64) -> Promises {
    match services {
        [] => Promises {
            pooled: promise(judged, promised, confidence),
            services: Vec::new(),
        },
        services => promises(judged, services, promised, confidence),
    }
}

/// Halves drawn `splits` times, from each head's answers in turn: the first chooses the threshold,
/// the second tests it. Without services, one threshold for all.
pub fn kept_over(
    answers: &[Vec<Answer>],
    services: &[String],
    promised: f64,
    confidence: f64,
    splits: usize,
    draw: &mut Draw,
) -> Kept {
    let mut sums = Sums::default();
    for answers in answers.iter().cycle().take(splits) {
        let order = shuffled(answers.len(), draw);
        let (chooses, tests) = order.split_at(answers.len() / 2);
        let judged: Vec<Judged> = chooses.iter().map(|a| answers[*a].judged()).collect();
        let tested: Vec<Answer> = tests.iter().map(|a| answers[*a]).collect();
        let promises = made(&judged, services, promised, confidence);
        sums.add(&promises, &tested, promised, confidence);
    }
    sums.kept(promised)
}

/// Heads' own promises, made on what they said of their own documents, tested on those held out.
pub fn kept_by<'a>(
    heads: impl Iterator<Item = (&'a [Judged], &'a [Answer])>,
    services: &[String],
    promised: f64,
    confidence: f64,
) -> Kept {
    let mut sums = Sums::default();
    for (own, tested) in heads {
        let promises = made(own, services, promised, confidence);
        sums.add(&promises, tested, promised, confidence);
    }
    sums.kept(promised)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_done_by_hand() {
        let answers = [
            Answer::new(0, 0, 0, 0.95),
            Answer::new(1, 0, 1, 0.85),
            Answer::new(2, 1, 1, 0.55),
            Answer::new(3, 1, 1, 0.55),
        ];
        let quality = quality(&answers);
        assert!((quality.accuracy - 0.75).abs() < 1e-12);
        // Label 0: precision 1/2, recall 1; label 1: precision 1, recall 2/3.
        assert!((quality.macro_f1 - f64::midpoint(2.0 / 3.0, 0.8)).abs() < 1e-12);
        // 0.05 + 0.85 + |1.1 - 2|, over four.
        assert!((quality.calibration_error - 1.8 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_gain_is_paired() {
        let ours: Vec<Answer> = (0..100)
            .map(|i| Answer::new(i, usize::from(i < 20), 0, 0.5))
            .collect();
        // Wrong on the same twenty and ten others, in another order.
        let theirs: Vec<Answer> = (0..100)
            .rev()
            .map(|i| Answer::new(i, usize::from(i < 30), 0, 0.5))
            .collect();
        let gain = gain(&ours, &theirs, 2_000, &mut Draw::new(1, "test"));
        assert!((gain.mean - 0.1).abs() < 1e-12);
        assert!(
            (0.03..0.07).contains(&gain.low) && (0.13..0.18).contains(&gain.high),
            "{gain:?}"
        );
    }

    #[test]
    fn a_seed_decides_the_order() {
        let order = shuffled(50, &mut Draw::new(1, "test"));
        assert_eq!(order, shuffled(50, &mut Draw::new(1, "test")));
        assert_ne!(order, shuffled(50, &mut Draw::new(2, "test")));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..50));
    }

    #[test]
    fn a_promise_is_broken_beyond_doubt_only() {
        // Nothing is promised, hence nothing automatic.
        let few: Vec<Answer> = (0..40).map(|i| Answer::new(i, 0, 0, 0.9)).collect();
        let kept = kept_over(&[few], &[], 0.05, 0.95, 10, &mut Draw::new(1, "test"));
        assert_eq!(
            (kept.splits, kept.broken, kept.left_to_people),
            (10, 0, 1.0)
        );
        // A head sure of itself on its own documents, wrong on the rest.
        let own = vec![
            Judged {
                said: 0,
                confidence: 0.9,
                correct: true
            };
            100
        ];
        let wrong = |n: usize| -> Vec<Answer> {
            (0..100)
                .map(|i| Answer::new(i, usize::from(i < n), 0, 0.9))
                .collect()
        };
        let broken = |n: usize| {
            let tested = wrong(n);
            let kept = kept_by(
                [(own.as_slice(), tested.as_slice())].into_iter(),
                &[],
                0.05,
                0.95,
            );
            (kept.above, kept.broken)
        };
        assert_eq!(broken(5), (0, 0));
        assert_eq!(broken(7), (1, 0));
        // The lower bound of 10 in 100 is 5.5 %.
        assert_eq!(broken(10), (1, 1));
    }
}

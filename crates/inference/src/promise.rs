//! The threshold above which routing may be automatic, and what it promises.
//!
//! From held-out documents with a known right answer, the lowest threshold is sought at which the
//! misrouting rate (wrong among automatic) stays below a limit with a stated confidence.
//! Thresholds are tested one after the other from the strictest (fixed-sequence testing; Angelopoulos
//! et al. 2021, "Learn then Test"), each with an exact binomial test, and the search ends at the
//! first that fails: so the confidence holds for the one that is kept, however many were tried.
//! The sequence depends on the confidences alone, never on which answers were right.
//!
//! A service that has documents enough of its own has a threshold of its own, and what is promised
//! then holds for it alone; the others have one together. All thresholds share the doubt in equal
//! parts (Bonferroni), so that all hold at once with the stated confidence. Who has one depends on
//! how many documents go to it, never on which answers were right.

use serde::{Deserialize, Serialize};

/// Levels of coverage that are tried: every hundredth of the documents, from the most confident.
const LEVELS: usize = 100;

/// The strictest level has documents enough to bear this many errors, or a quarter of them if that is
/// fewer: begun with the fewest that could prove anything, one error among the surest, which a label
/// given wrongly is enough for, would end the search.
const BORNE: usize = 8;

/// A service has a threshold of its own from this many times the fewest documents that could prove
/// the promise. With fewer the proof costs more than it says: on parliamentary questions and public
/// consultations, three times left up to twice as many documents to people as one threshold for all.
const OWN: usize = 30;

/// One held-out document: what the head was confident of, and whether it was right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The first candidate, a place in the list of labels.
    pub said: usize,
    /// Calibrated probability of the first candidate.
    pub confidence: f64,
    /// Whether the first candidate was the right one.
    pub correct: bool,
}

/// What may be promised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Promise {
    /// Documents at or above the threshold may be routed by themselves.
    Kept {
        /// Probability of the first candidate from which routing is automatic.
        threshold: f64,
        /// Held-out documents at or above it.
        automatic: usize,
        /// Of which misrouted.
        misrouted: usize,
        /// Held-out documents in all.
        validated: usize,
        /// Upper bound of the misrouting rate at the stated confidence.
        bound: f64,
    },
    /// Nothing may be automatic yet.
    NotEnough {
        /// Held-out documents in all.
        validated: usize,
        /// How many more validated documents, all right and as confident as the strictest
        /// threshold asks, it would take. More are needed if some of them are wrong.
        more: usize,
    },
}

/// What may be promised of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePromise {
    /// The label, a service's id.
    pub label: String,
    /// Held-out documents whose first candidate it is.
    pub validated: usize,
    /// Of its own; absent while it shares the others'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Promise>,
    /// How many more validated documents it takes until it has one of its own.
    pub more: usize,
}

/// What may be promised of all services.
#[derive(Clone, Debug, PartialEq)]
pub struct Promises {
    /// Of those that have none of their own.
    pub pooled: Promise,
    /// By label, in the order given.
    pub services: Vec<ServicePromise>,
}

impl Promises {
    /// That which holds for documents whose first candidate is at this place of the labels.
    pub fn of(&self, said: usize) -> &Promise {
        let own = self.services.get(said).and_then(|s| s.own.as_ref());
        own.unwrap_or(&self.pooled)
    }
}

/// The lowest thresholds, by service where there are documents enough and together elsewhere, that
/// all keep the misrouting rate below `max_misrouting`, with `confidence` at once.
pub fn promises(
    judged: &[Judged],
    labels: &[String],
    max_misrouting: f64,
    confidence: f64,
) -> Promises {
    let mut of_label = vec![Vec::new(); labels.len()];
    for j in judged {
        if let Some(of_label) = of_label.get_mut(j.said) {
            of_label.push(*j);
        }
    }
    let mut sizes: Vec<usize> = of_label.iter().map(Vec::len).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    // With one more threshold for the others together.
    let shared = |own: usize| 1.0 - (1.0 - confidence) / (own as f64 + 1.0);
    let wanted = |own: usize| {
        let fewest = needed(0, max_misrouting, shared(own)).unwrap_or(usize::MAX);
        fewest.saturating_mul(OWN)
    };
    let own = (1..=labels.len())
        .rev()
        .find(|own| sizes[own - 1] >= wanted(*own))
        .unwrap_or(0);
    let enough = |validated: usize| own > 0 && validated >= wanted(own);
    let of_their_own = of_label.iter().filter(|of| enough(of.len())).count();
    let confidence = match of_their_own {
        0 => confidence,
        many => shared(many),
    };
    let services = labels.iter().zip(&of_label).map(|(label, of_label)| {
        let validated = of_label.len();
        let own = enough(validated).then(|| promise(of_label, max_misrouting, confidence));
        // One that joins those that have their own shares the doubt with them.
        let more = match own {
            Some(_) => 0,
            None => wanted(of_their_own + 1).saturating_sub(validated),
        };
        ServicePromise {
            label: label.clone(),
            validated,
            own,
            more,
        }
    });
    let services: Vec<ServicePromise> = services.collect();
    let others: Vec<Judged> = judged
        .iter()
        .filter(|j| services.get(j.said).is_none_or(|s| s.own.is_none()))
        .copied()
        .collect();
    Promises {
        pooled: promise(&others, max_misrouting, confidence),
        services,
    }
}

/// The lowest threshold that keeps the misrouting rate below `max_misrouting` with `confidence`.
///
/// Both are shares strictly between 0 and 1; outside, nothing can be promised and none is.
pub fn promise(judged: &[Judged], max_misrouting: f64, confidence: f64) -> Promise {
    let validated = judged.len();
    let Some(fewest) = needed(0, max_misrouting, confidence) else {
        return Promise::NotEnough {
            validated,
            more: usize::MAX,
        };
    };
    let mut sorted: Vec<Judged> = judged
        .iter()
        .copied()
        .filter(|j| !j.confidence.is_nan())
        .collect();
    sorted.sort_by(|a, b| {
        b.confidence
            .total_cmp(&a.confidence)
            .then(a.correct.cmp(&b.correct))
    });
    if sorted.len() < fewest {
        return Promise::NotEnough {
            validated,
            more: fewest - sorted.len(),
        };
    }
    let strictest = needed(BORNE, max_misrouting, confidence)
        .unwrap_or(usize::MAX)
        .min(sorted.len() / 4)
        .max(fewest);
    let mut kept = None;
    for level in 1..=LEVELS {
        let count = (sorted.len() * level).div_ceil(LEVELS).max(strictest);
        let threshold = sorted[count - 1].confidence;
        // All documents at the threshold are automatic, those that tie with the last one too.
        let automatic = sorted.partition_point(|j| j.confidence >= threshold);
        let misrouted = sorted[..automatic].iter().filter(|j| !j.correct).count();
        if lower_tail(misrouted, automatic, max_misrouting) > 1.0 - confidence {
            if kept.is_none() {
                let wanted = needed(misrouted, max_misrouting, confidence).unwrap_or(usize::MAX);
                return Promise::NotEnough {
                    validated,
                    more: wanted - automatic,
                };
            }
            break;
        }
        let bound = upper_bound(misrouted, automatic, confidence);
        kept = Some(Promise::Kept {
            threshold,
            automatic,
            misrouted,
            validated,
            bound,
        });
    }
    kept.unwrap_or(Promise::NotEnough { validated, more: 0 })
}

/// Fewest documents among which `misrouted` errors still prove a rate below `max_misrouting` with
/// `confidence`; `None` when these are not strictly between 0 and 1.
pub fn needed(misrouted: usize, max_misrouting: f64, confidence: f64) -> Option<usize> {
    let open = |share: f64| share > 0.0 && share < 1.0;
    if !open(max_misrouting) || !open(confidence) {
        return None;
    }
    let enough = |n: usize| lower_tail(misrouted, n, max_misrouting) <= 1.0 - confidence;
    let mut high = misrouted + 1;
    while !enough(high) {
        high = high.checked_mul(2)?;
    }
    let mut low = misrouted;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle
        } else {
            low = middle
        }
    }
    Some(high)
}

/// Clopper and Pearson's upper bound (1934) of a rate of which `errors` in `n` were seen.
pub fn upper_bound(errors: usize, n: usize, confidence: f64) -> f64 {
    if errors >= n {
        return 1.0;
    }
    let (mut low, mut high) = (errors as f64 / n as f64, 1.0);
    // Each turn halves the interval; 60 leave less than a float can tell.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if lower_tail(errors, n, middle) > 1.0 - confidence {
            low = middle
        } else {
            high = middle
        }
    }
    high
}

/// Clopper and Pearson's lower bound of a rate of which `errors` in `n` were seen.
pub fn lower_bound(errors: usize, n: usize, confidence: f64) -> f64 {
    // What is not an error is bounded from above.
    1.0 - upper_bound(n - errors.min(n), n, confidence)
}

/// Probability of at most `k` errors in `n` at a rate `p`, summed in logarithms.
fn lower_tail(k: usize, n: usize, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let odds = p.ln() - (-p).ln_1p();
    let mut term = n as f64 * (-p).ln_1p();
    let mut sum = term;
    for i in 0..k {
        term += ((n - i) as f64 / (i + 1) as f64).ln() + odds;
        let (high, low) = if term > sum { (term, sum) } else { (sum, term) };
        sum = high + (low - high).exp().ln_1p();
    }
    sum.exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_per_cent_takes_99_documents_without_an_error_and_157_with_one() {
        for (errors, p, confidence, expected) in [
            (0, 0.03, 0.95, Some(99)),
            (1, 0.03, 0.95, Some(157)),
            (0, 0.05, 0.95, Some(59)),
            (0, 0.01, 0.95, Some(299)),
            (0, 0.5, 0.5, Some(1)),
            (0, 0.0, 0.95, None),
            (0, 0.03, 1.0, None),
            (0, f64::NAN, 0.95, None),
        ] {
            assert_eq!(
                needed(errors, p, confidence),
                expected,
                "{errors} {p} {confidence}"
            );
        }
    }

    #[test]
    fn bounds_are_those_of_clopper_and_pearson() {
        // 1 - 0.05^(1/n) without an error; the others from the beta quantile.
        for (errors, n, expected) in [
            (0, 99, 1.0 - 0.05_f64.powf(1.0 / 99.0)),
            (1, 157, 0.029_858),
            (5, 100, 0.102_253),
            (10, 10, 1.0),
        ] {
            let found = upper_bound(errors, n, 0.95);
            assert!(
                (found - expected).abs() < 2e-5,
                "{errors} of {n}: {found}, not {expected}"
            );
        }
    }

    fn judged(right: usize, wrong_at: &[usize]) -> Vec<Judged> {
        (0..right + wrong_at.len())
            .map(|i| Judged {
                said: 0,
                confidence: 1.0 - i as f64 / 1e4,
                correct: !wrong_at.contains(&i),
            })
            .collect()
    }

    #[test]
    fn says_how_many_more_it_takes() {
        let more = |judged: &[Judged]| match promise(judged, 0.03, 0.95) {
            Promise::NotEnough { more, .. } => Some(more),
            Promise::Kept { .. } => None,
        };
        assert_eq!(more(&[]), Some(99));
        assert_eq!(more(&judged(98, &[])), Some(1));
        assert_eq!(more(&judged(99, &[])), None);
        assert_eq!(more(&judged(98, &[50])), Some(58));
    }

    #[test]
    fn keeps_the_lowest_threshold_before_the_first_failure() {
        // 1,000 documents; all wrong after the first 600: ten errors in 610 still prove 3 %,
        // twenty in 620 do not.
        let wrong: Vec<usize> = (600..1000).collect();
        let Promise::Kept {
            automatic,
            misrouted,
            threshold,
            bound,
            validated,
        } = promise(&judged(600, &wrong), 0.03, 0.95)
        else {
            panic!("nothing kept")
        };
        assert_eq!((automatic, misrouted, validated), (610, 10, 1000));
        assert!(
            (threshold - 0.9391).abs() < 1e-9 && bound < 0.03,
            "{threshold} {bound}"
        );
    }

    #[test]
    fn ties_are_automatic_together() {
        let mut all = judged(200, &[]);
        all.iter_mut().for_each(|j| j.confidence = 0.9);
        all[7].correct = false;
        let Promise::Kept {
            automatic,
            misrouted,
            ..
        } = promise(&all, 0.03, 0.95)
        else {
            panic!("nothing kept")
        };
        assert_eq!((automatic, misrouted), (200, 1));
    }

    #[test]
    fn the_promise_holds_over_many_draws() {
        // A linear congruential generator stands in for chance: its seed is part of the test.
        let mut state = 7_u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (mut broken, runs) = (0, 400);
        for _ in 0..runs {
            // The error rate at confidence c is (1 - c) / 2: above t it is (1 - t) / 4 on average.
            let draws: Vec<Judged> = (0..600)
                .map(|_| {
                    let confidence = uniform();
                    Judged {
                        said: 0,
                        confidence,
                        correct: uniform() > (1.0 - confidence) / 2.0,
                    }
                })
                .collect();
            if let Promise::Kept { threshold, .. } = promise(&draws, 0.05, 0.9)
                && (1.0 - threshold) / 4.0 > 0.05
            {
                broken += 1;
            }
        }
        assert!(
            f64::from(broken) <= 0.12 * f64::from(runs),
            "{broken} of {runs}"
        );
    }

    #[test]
    fn a_service_with_documents_enough_has_its_own_threshold() {
        let labels = ["a", "b", "c"].map(str::to_owned);
        let of = |said: usize, n: usize, wrong: usize| {
            (0..n).map(move |i| Judged {
                said,
                confidence: 1.0 - i as f64 / 1e4,
                correct: i < n - wrong,
            })
        };
        // "a" is always right, "b" never; "c" has few.
        let judged: Vec<Judged> = of(0, 6_000, 0)
            .chain(of(1, 6_000, 6_000))
            .chain(of(2, 90, 0))
            .collect();
        let all = promises(&judged, &labels, 0.03, 0.95);
        assert!(matches!(
            all.of(0),
            Promise::Kept {
                automatic: 6_000,
                misrouted: 0,
                ..
            }
        ));
        assert!(matches!(all.of(1), Promise::NotEnough { .. }));
        // Three share the doubt: ln(0.05 / 3) / ln(0.97) is 134.4.
        assert_eq!(
            all.of(2),
            &Promise::NotEnough {
                validated: 90,
                more: 45
            }
        );
        let more: Vec<usize> = all.services.iter().map(|s| s.more).collect();
        let wanted = OWN * needed(0, 0.03, 1.0 - 0.05 / 4.0).expect("a number");
        assert_eq!(more, [0, 0, wanted - 90]);
        // With few of each, all are one, and no confidence is shared.
        let few: Vec<Judged> = of(0, 60, 0).chain(of(1, 60, 0)).collect();
        let all = promises(&few, &labels, 0.03, 0.95);
        assert_eq!(all.of(0), all.of(2));
        assert!(matches!(all.of(0), Promise::Kept { validated: 120, .. }));
        assert_eq!(all.pooled, promise(&few, 0.03, 0.95));
    }

    #[test]
    fn one_error_among_the_surest_does_not_end_the_search() {
        let Promise::Kept { automatic, .. } = promise(&judged(999, &[3]), 0.03, 0.95) else {
            panic!("nothing kept")
        };
        assert_eq!(automatic, 1000);
    }
}

//! Which services a document may be for: a set that holds the right one with a stated probability.
//!
//! A service is in the set when its probability is not below a value calibrated, by service, on
//! documents of that service that the head had not seen (conformal prediction by class; Vovk et al.
//! 2005, Sadinle et al. 2019): whatever a document's right service, the set holds it at least that
//! often. The documents are judged by heads trained on the other folds, which is not the head that is
//! used: the coverage is then approximate, and is measured by `greffier eval routing`.

use serde::{Deserialize, Serialize};

/// How probable a service must be to be in the set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sets {
    /// How often the set holds the right service, at least.
    pub coverage: f64,
    /// For services that have documents enough of their own, in the order of the labels.
    pub own: Vec<Option<f64>>,
    /// For the others, from their documents together; 0, which leaves none out, where these are too
    /// few as well.
    pub others: f64,
}

impl Sets {
    /// From the probability of the right label of documents not seen: (label, probability).
    pub fn calibrate(right: &[(usize, f64)], labels: usize, coverage: f64) -> Self {
        let mut of_label = vec![Vec::new(); labels];
        for (label, p) in right {
            if let Some(of_label) = of_label.get_mut(*label) {
                of_label.push(*p);
            }
        }
        let own: Vec<Option<f64>> = of_label
            .iter()
            .map(|of_label| least(of_label.clone(), coverage))
            .collect();
        let few = own.iter().zip(of_label).filter(|(own, _)| own.is_none());
        let few: Vec<f64> = few.flat_map(|(_, of_label)| of_label).collect();
        Self {
            coverage,
            own,
            others: least(few, coverage).unwrap_or(0.0),
        }
    }

    /// Whether a label of this probability is in the set.
    pub fn holds(&self, label: usize, probability: f64) -> bool {
        let own = self.own.get(label).copied().flatten();
        probability >= own.unwrap_or(self.others)
    }
}

/// The value that the next one is below with probability 1 - `coverage` at most, the ones known and
/// the next being as likely in any order; `None` where they are too few to say.
fn least(mut known: Vec<f64>, coverage: f64) -> Option<f64> {
    known.sort_by(f64::total_cmp);
    // The small excess is for 0.1 · 10, which floats may put below 1.
    let rank = ((1.0 - coverage) * (known.len() as f64 + 1.0) + 1e-9).floor() as usize;
    known.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_needs_enough_documents_of_a_service() {
        // Nine documents are the fewest for nine in ten: the least of them is the limit.
        let right: Vec<(usize, f64)> = (1..=9).map(|i| (0, f64::from(i) / 10.0)).collect();
        let sets = Sets::calibrate(&right, 2, 0.9);
        assert_eq!(sets.own, [Some(0.1), None]);
        assert!(sets.holds(0, 0.1) && !sets.holds(0, 0.09));
        assert!(sets.holds(1, 0.0));
        assert_eq!(Sets::calibrate(&right[..8], 1, 0.9).own, [None]);
        // Services with few documents share theirs.
        let few: Vec<(usize, f64)> = (0..20)
            .map(|i| (i / 5, f64::from(i as u8) / 20.0))
            .collect();
        let sets = Sets::calibrate(&few, 4, 0.9);
        assert_eq!((sets.own, sets.others), (vec![None; 4], 0.05));
    }

    proptest::proptest! {
        #[test]
        fn at_least_the_stated_share_is_held(n in 9_usize..200, seed in 1_u64..u64::MAX, coverage in 0.5_f64..0.9) {
            // Of n + 1 values in any order, the last is the new one: each in turn.
            let mut state = seed;
            let values: Vec<f64> = (0..=n)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 40) as f64
                })
                .collect();
            let held = (0..=n)
                .filter(|new| {
                    let known: Vec<(usize, f64)> = values.iter().enumerate().filter(|(i, _)| i != new).map(|(_, v)| (0, *v)).collect();
                    Sets::calibrate(&known, 1, coverage).holds(0, values[*new])
                })
                .count();
            proptest::prop_assert!(held as f64 >= coverage * (n as f64 + 1.0) - 1e-6);
        }
    }
}

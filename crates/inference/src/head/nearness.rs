//! Whether a text resembles what was learnt.
//!
//! A text is as near as its vector is to the nearest mean vector of a label. How near is near enough
//! is calibrated on the training documents, each compared with means that leave it out: of documents
//! like them, at most one in a hundred is said to resemble nothing (split conformal prediction; Vovk
//! et al. 2005).

use serde::{Deserialize, Serialize};

use super::fit::Corpus;
use crate::prototypes::cosine;

/// Share of documents like those learnt that may be said to resemble nothing.
const FAR: f64 = 0.01;

/// Mean vectors of labels, and how near a text must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nearness {
    /// Share of documents like those learnt that may be said to resemble nothing.
    pub share: f64,
    /// The least cosine of a text that resembles something.
    pub least: f64,
    /// By label, in their order.
    pub means: Vec<Vec<f32>>,
}

impl Nearness {
    /// From documents; `None` where they are too few to calibrate.
    pub(crate) fn learn(corpus: &Corpus) -> Option<Self> {
        let n = corpus.labels.len();
        let mut sums = vec![vec![0.0_f64; corpus.dimension]; corpus.classes];
        let mut counts = vec![0.0; corpus.classes];
        for (document, label) in corpus.labels.iter().enumerate() {
            counts[*label as usize] += 1.0;
            let sum = &mut sums[*label as usize];
            for (s, v) in sum.iter_mut().zip(corpus.vector(document)) {
                *s += f64::from(*v);
            }
        }
        let mean = |sum: &[f64], count: f64| -> Vec<f32> {
            sum.iter()
                .map(|s| (s / f64::max(count, 1.0)) as f32)
                .collect()
        };
        let means: Vec<Vec<f32>> = sums.iter().zip(&counts).map(|(s, c)| mean(s, *c)).collect();
        let mut near: Vec<f64> = (0..n)
            .map(|document| {
                let vector = corpus.vector(document);
                let own = corpus.labels[document] as usize;
                let without: Vec<f64> = sums[own]
                    .iter()
                    .zip(vector)
                    .map(|(s, v)| s - f64::from(*v))
                    .collect();
                let without = mean(&without, counts[own] - 1.0);
                let others = means.iter().enumerate().filter(|(label, _)| *label != own);
                others
                    .map(|(_, mean)| cosine(mean, vector))
                    .fold(cosine(&without, vector), f64::max)
            })
            .collect();
        near.sort_by(f64::total_cmp);
        // The next document is as likely at any rank: below the r-th, at most r in n + 1.
        let rank = (FAR * (n as f64 + 1.0)).floor() as usize;
        let least = *near.get(rank.checked_sub(1)?)?;
        Some(Self {
            share: FAR,
            least,
            means,
        })
    }

    /// Cosine to the nearest mean.
    pub fn of(&self, vector: &[f32]) -> f64 {
        let cosines = self.means.iter().map(|mean| cosine(mean, vector));
        cosines.fold(-1.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::FeatureSettings;
    use super::*;

    const DIMENSION: usize = 16;

    /// SplitMix64: the seed is part of the test.
    struct Chance(u64);

    impl Chance {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// A vector that leans towards an axis, more or less.
        fn towards(&mut self, axis: usize) -> Vec<f32> {
            let lean = 1.0 + self.uniform();
            let mut vector: Vec<f32> = (0..DIMENSION)
                .map(|_| (self.uniform() - 0.5) as f32)
                .collect();
            vector[axis] += lean as f32;
            let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
            vector.iter().map(|v| v / norm).collect()
        }
    }

    fn learnt(chance: &mut Chance, documents: usize) -> Option<Nearness> {
        let labels: Vec<u32> = (0..documents).map(|n| n as u32 % 3).collect();
        let vectors: Vec<Vec<f32>> = labels.iter().map(|l| chance.towards(*l as usize)).collect();
        let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let texts = vec!["un texte"; documents];
        let features = FeatureSettings::default();
        Nearness::learn(&Corpus::new(&texts, &vectors, labels, 3, &features))
    }

    #[test]
    fn documents_like_those_learnt_seldom_resemble_nothing_and_others_do() {
        let mut chance = Chance(1);
        let (mut far, mut foreign, heads, each) = (0, 0, 20, 300);
        for _ in 0..heads {
            let nearness = learnt(&mut chance, 600).expect("enough documents");
            assert_eq!(nearness.means.len(), 3);
            for n in 0..each {
                let own = nearness.of(&chance.towards(n % 3));
                far += usize::from(own < nearness.least);
                let other = nearness.of(&chance.towards(3 + n % 13));
                foreign += usize::from(other < nearness.least);
            }
        }
        // At most one in a hundred, over the draws of what was learnt too; 60 of 6,000, give or take
        // what twenty calibrations differ by.
        let share = |n: usize| n as f64 / f64::from(heads * each as i32);
        assert!((0.004..=0.015).contains(&share(far)), "{}", share(far));
        assert!(share(foreign) > 0.95, "{}", share(foreign));
    }

    #[test]
    fn with_too_few_documents_nothing_is_said() {
        let mut chance = Chance(2);
        // One in a hundred of 98 and the next is less than one document.
        assert_eq!(learnt(&mut chance, 98), None);
        assert!(learnt(&mut chance, 99).is_some());
        assert_eq!(learnt(&mut chance, 0), None);
    }
}

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

//! Multinomial logistic regression with an L2 penalty, on lexical columns and a dense vector.
//!
//! The function minimised is the weighted mean of the log-losses plus |W|² / (2·C·Σ weights), the
//! bias not penalised: scikit-learn's `LogisticRegression(C=…)`. Arithmetic is in f64; each sum
//! has its own fixed order (one document, or one column), so threads change no bit.

use rayon::prelude::*;

use super::features::{BLOCKS, FeatureSettings, Grams};
use super::lbfgs::{Stop, minimise};

/// Labelled documents as numbers.
pub(crate) struct Corpus {
    /// Buckets seen, by block, rising; a column is a place in these lists.
    pub buckets: [Vec<u32>; BLOCKS],
    /// For each document and block: (column in the block, term frequency weight).
    pub documents: Vec<[Vec<(u32, f32)>; BLOCKS]>,
    /// Dense vectors, `dimension` values a document.
    pub dense: Vec<f32>,
    /// Values in a dense vector.
    pub dimension: usize,
    /// Label of each document, below `classes`.
    pub labels: Vec<u32>,
    /// Number of labels.
    pub classes: usize,
}

impl Corpus {
    pub(crate) fn new(
        texts: &[&str],
        vectors: &[&[f32]],
        labels: Vec<u32>,
        classes: usize,
        settings: &FeatureSettings,
    ) -> Self {
        let weighted: Vec<[Vec<(u32, f32)>; BLOCKS]> = texts
            .par_iter()
            .map(|text| {
                let grams = Grams::of(text, settings);
                std::array::from_fn(|block| grams.weighted(block))
            })
            .collect();
        let buckets: [Vec<u32>; BLOCKS] = std::array::from_fn(|block| {
            let mut seen: Vec<u32> = weighted
                .iter()
                .flat_map(|d| d[block].iter().map(|(bucket, _)| *bucket))
                .collect();
            seen.par_sort_unstable();
            seen.chunk_by(|a, b| a == b)
                .filter(|same| same.len() as u32 >= settings.min_documents)
                .map(|same| same[0])
                .collect()
        });
        let documents = weighted
            .into_par_iter()
            .map(|blocks| {
                let mut block = 0..BLOCKS;
                blocks.map(|grams| {
                    let columns = &buckets[block.next().unwrap_or(0)];
                    let column = |bucket: &u32| columns.binary_search(bucket).ok();
                    grams
                        .iter()
                        .filter_map(|(b, w)| Some((column(b)? as u32, *w)))
                        .collect()
                })
            })
            .collect();
        Self {
            buckets,
            documents,
            dimension: vectors.first().map_or(0, |v| v.len()),
            dense: vectors.concat(),
            labels,
            classes,
        }
    }

    /// Lexical columns of all blocks.
    pub(crate) fn columns(&self) -> usize {
        self.buckets.iter().map(Vec::len).sum()
    }

    pub(crate) fn vector(&self, document: usize) -> &[f32] {
        &self.dense[document * self.dimension..][..self.dimension]
    }
}

/// Inverse document frequencies learnt from some documents: ln((1 + n) / (1 + df)) + 1, and 0 for
/// a column that none of them has, which thereby weighs nothing.
pub(crate) struct Idf {
    pub blocks: [Vec<f32>; BLOCKS],
}

impl Idf {
    pub(crate) fn of(corpus: &Corpus, documents: &[usize]) -> Self {
        let blocks = std::array::from_fn(|block| {
            let mut counts = vec![0_u32; corpus.buckets[block].len()];
            for &document in documents {
                for (column, _) in &corpus.documents[document][block] {
                    counts[*column as usize] += 1;
                }
            }
            let n = documents.len() as f64;
            let idf = |df: u32| ((1.0 + n) / (1.0 + f64::from(df))).ln() + 1.0;
            counts
                .into_iter()
                .map(|df| if df == 0 { 0.0 } else { idf(df) as f32 })
                .collect()
        });
        Self { blocks }
    }

    /// A document as (column over all blocks, value), each block of length 1.
    fn row(&self, corpus: &Corpus, document: usize) -> Vec<(u32, f32)> {
        let mut row = Vec::new();
        let mut offset = 0;
        for (block, idf) in self.blocks.iter().enumerate() {
            let grams = &corpus.documents[document][block];
            let value =
                |(column, tf): &(u32, f32)| f64::from(*tf) * f64::from(idf[*column as usize]);
            let norm = grams
                .iter()
                .map(|g| value(g).powi(2))
                .sum::<f64>()
                .sqrt()
                .max(1e-12);
            row.extend(
                grams
                    .iter()
                    .filter(|(column, _)| idf[*column as usize] > 0.0)
                    .map(|gram| (offset + gram.0, (value(gram) / norm) as f32)),
            );
            offset += idf.len() as u32;
        }
        row
    }
}

/// What is chosen by cross-validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    /// Inverse strength of the penalty.
    pub cost: f64,
    /// Factor of the dense block; 0 leaves it out.
    pub dense_scale: f64,
}

/// Some documents, ready to be fitted again and again.
pub(crate) struct Problem<'a> {
    corpus: &'a Corpus,
    documents: Vec<usize>,
    pub idf: Idf,
    rows: Vec<Vec<(u32, f32)>>,
    /// Where each column's values begin in `by_column`.
    starts: Vec<usize>,
    /// (row, value) column by column.
    by_column: Vec<(u32, f32)>,
    /// Dense vectors, value by value.
    dense_by_value: Vec<f32>,
    weights: Vec<f64>,
}

/// Weights of a fitted head: lexical columns, dense values, bias, each with a value a label.
pub(crate) struct Linear {
    pub classes: usize,
    pub point: Vec<f64>,
    pub dense_scale: f64,
}

impl<'a> Problem<'a> {
    /// With `balanced`, each label weighs as much as any other, whatever its number of documents.
    pub(crate) fn new(corpus: &'a Corpus, documents: Vec<usize>, balanced: bool) -> Self {
        let idf = Idf::of(corpus, &documents);
        let rows: Vec<_> = documents.par_iter().map(|&d| idf.row(corpus, d)).collect();
        let mut starts = vec![0; corpus.columns() + 1];
        for (column, _) in rows.iter().flatten() {
            starts[*column as usize + 1] += 1;
        }
        for column in 0..corpus.columns() {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut by_column = vec![(0, 0.0); starts[corpus.columns()]];
        for (row, values) in rows.iter().enumerate() {
            for (column, value) in values {
                let place = &mut next[*column as usize];
                by_column[*place] = (row as u32, *value);
                *place += 1;
            }
        }
        let n = documents.len();
        let mut dense_by_value = vec![0.0; n * corpus.dimension];
        for (row, &document) in documents.iter().enumerate() {
            for (i, value) in corpus.vector(document).iter().enumerate() {
                dense_by_value[i * n + row] = *value;
            }
        }
        let mut counts = vec![0_u32; corpus.classes];
        for &document in &documents {
            counts[corpus.labels[document] as usize] += 1;
        }
        let present = counts.iter().filter(|c| **c > 0).count() as f64;
        let weights = documents
            .iter()
            .map(|&document| {
                let count = f64::from(counts[corpus.labels[document] as usize]);
                if balanced {
                    n as f64 / (present * count)
                } else {
                    1.0
                }
            })
            .collect();
        Self {
            corpus,
            documents,
            idf,
            rows,
            starts,
            by_column,
            dense_by_value,
            weights,
        }
    }

    /// The head that fits best, always sought from zero, so that a fit does not depend on those
    /// before it.
    pub(crate) fn fit(&self, choice: Choice, stop: Stop) -> Linear {
        let classes = self.corpus.classes;
        let size = (self.corpus.columns() + self.corpus.dimension + 1) * classes;
        let curvatures = self.curvatures(choice);
        let value = |point: &[f64], gradient: &mut [f64]| self.value(choice, point, gradient);
        let point = minimise(vec![0.0; size], &curvatures, stop, value);
        Linear {
            classes,
            point,
            dense_scale: choice.dense_scale,
        }
    }

    /// Second derivatives at zero, where all labels are as probable: along a weight, the penalty
    /// and p·(1 - p) times the mean square of its column. Rare and common words differ a
    /// thousandfold.
    fn curvatures(&self, choice: Choice) -> Vec<f64> {
        let classes = self.corpus.classes;
        let total: f64 = self.weights.iter().sum();
        let p = 1.0 / classes as f64;
        let penalty = 1.0 / (choice.cost * total);
        let of_squares = |squares: f64| penalty + p * (1.0 - p) * squares / total;
        let square = |(row, value): (usize, f32)| self.weights[row] * f64::from(value).powi(2);
        let lexical = self.starts.windows(2).map(|bounds| {
            let column = &self.by_column[bounds[0]..bounds[1]];
            of_squares(
                column
                    .iter()
                    .map(|(row, value)| square((*row as usize, *value)))
                    .sum(),
            )
        });
        let dense = self
            .dense_by_value
            .chunks_exact(self.documents.len())
            .map(|values| {
                let sum: f64 = values.iter().copied().enumerate().map(square).sum();
                of_squares(sum * choice.dense_scale.powi(2))
            });
        let bias = std::iter::once(of_squares(total));
        lexical
            .chain(dense)
            .chain(bias)
            .flat_map(|curvature| std::iter::repeat_n(curvature, classes))
            .collect()
    }

    fn value(&self, choice: Choice, point: &[f64], gradient: &mut [f64]) -> f64 {
        let k = self.corpus.classes;
        let n = self.documents.len();
        let total: f64 = self.weights.iter().sum();
        let mut residuals = vec![0.0; n * k];
        let losses: Vec<f64> = residuals
            .par_chunks_mut(k)
            .enumerate()
            .map(|(row, residual)| {
                let document = self.documents[row];
                let vector = self.corpus.vector(document);
                scores(point, &self.rows[row], vector, choice.dense_scale, residual);
                let label = self.corpus.labels[document] as usize;
                let of_label = residual[label];
                let log_sum = softmax(residual);
                let weight = self.weights[row] / total;
                residual[label] -= 1.0;
                residual.iter_mut().for_each(|r| *r *= weight);
                weight * (log_sum - of_label)
            })
            .collect();
        let lexical = self.corpus.columns() * k;
        let dense = lexical + self.corpus.dimension * k;
        let penalty = 1.0 / (choice.cost * total);
        let (lexical_gradient, rest) = gradient.split_at_mut(lexical);
        let (dense_gradient, bias_gradient) = rest.split_at_mut(dense - lexical);
        lexical_gradient
            .par_chunks_mut(k)
            .enumerate()
            .with_min_len(1024)
            .for_each(|(column, sum)| {
                sum.fill(0.0);
                for (row, value) in &self.by_column[self.starts[column]..self.starts[column + 1]] {
                    axpy(sum, f64::from(*value), &residuals[*row as usize * k..][..k]);
                }
                axpy(sum, penalty, &point[column * k..][..k]);
            });
        dense_gradient
            .par_chunks_mut(k)
            .enumerate()
            .for_each(|(i, sum)| {
                sum.fill(0.0);
                if choice.dense_scale != 0.0 {
                    let values = &self.dense_by_value[i * n..][..n];
                    for (value, residual) in values.iter().zip(residuals.chunks_exact(k)) {
                        axpy(sum, f64::from(*value) * choice.dense_scale, residual);
                    }
                }
                axpy(sum, penalty, &point[lexical + i * k..][..k]);
            });
        bias_gradient.fill(0.0);
        for residual in residuals.chunks_exact(k) {
            axpy(bias_gradient, 1.0, residual);
        }
        let squares: f64 = point[..dense]
            .par_chunks(1 << 14)
            .map(|chunk| chunk.iter().map(|w| w * w).sum::<f64>())
            .collect::<Vec<_>>()
            .iter()
            .sum();
        losses.iter().sum::<f64>() + penalty * squares / 2.0
    }

    /// Scores of documents that were not fitted, one a label.
    pub(crate) fn scores_of(&self, linear: &Linear, documents: &[usize]) -> Vec<Vec<f64>> {
        documents
            .par_iter()
            .map(|&document| {
                let row = self.idf.row(self.corpus, document);
                let mut out = vec![0.0; linear.classes];
                let vector = self.corpus.vector(document);
                scores(&linear.point, &row, vector, linear.dense_scale, &mut out);
                out
            })
            .collect()
    }
}

fn scores(point: &[f64], row: &[(u32, f32)], vector: &[f32], dense_scale: f64, out: &mut [f64]) {
    let k = out.len();
    let bias = point.len() - k;
    let dense = bias - vector.len() * k;
    out.copy_from_slice(&point[bias..]);
    for (column, value) in row {
        axpy(out, f64::from(*value), &point[*column as usize * k..][..k]);
    }
    if dense_scale != 0.0 {
        for (value, weights) in vector.iter().zip(point[dense..bias].chunks_exact(k)) {
            axpy(out, f64::from(*value) * dense_scale, weights);
        }
    }
}

fn axpy(to: &mut [f64], factor: f64, what: &[f64]) {
    for (t, w) in to.iter_mut().zip(what) {
        *t += factor * w;
    }
}

/// Turns scores into probabilities; returns the logarithm of the sum of their exponentials.
pub(crate) fn softmax(scores: &mut [f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - highest).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
    highest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_value() {
        let texts = ["eau potable", "eau usee", "rue fermee", "rue pavee eau"];
        let vectors = [[1.0_f32, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, -0.8]];
        let vectors: Vec<&[f32]> = vectors.iter().map(<[f32; 2]>::as_slice).collect();
        let settings = FeatureSettings {
            bucket_bits: 8,
            ..FeatureSettings::default()
        };
        let corpus = Corpus::new(&texts, &vectors, vec![0, 0, 1, 2], 3, &settings);
        let problem = Problem::new(&corpus, vec![0, 1, 2, 3], true);
        let choice = Choice {
            cost: 2.0,
            dense_scale: 0.7,
        };
        let size = (corpus.columns() + 2 + 1) * 3;
        let point: Vec<f64> = (0..size)
            .map(|i| ((i * 37 % 11) as f64 - 5.0) / 7.0)
            .collect();
        let mut gradient = vec![0.0; size];
        problem.value(choice, &point, &mut gradient);
        for i in 0..size {
            let at = |delta: f64| {
                let mut moved = point.clone();
                moved[i] += delta;
                problem.value(choice, &moved, &mut vec![0.0; size])
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[i]).abs() < 1e-8,
                "{i}: {slope} {}",
                gradient[i]
            );
        }
    }
}

//! Multinomial logistic regression with an L2 penalty, on lexical columns and a dense vector.
//!
//! The function minimised is the weighted mean of the log-losses plus |W|² / (2·C·Σ weights), the
//! bias not penalised: scikit-learn's `LogisticRegression(C=…)`. Each sum has its own fixed order
//! (one document, or one column), so threads change no bit.

use rayon::prelude::*;

use super::features::{BLOCKS, FeatureSettings, Grams};
use super::lbfgs::{Stop, Vector, minimise};

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

/// What each column weighs, learnt from some documents: how rare it is among them, ln((1 + n) /
/// (1 + df)) + 1, times the square root of how much it says of the label, the divergence of the
/// labels of its documents from those of all (Kullback and Leibler 1951; weights from labels as in
/// Debole and Sebastiani 2003). 0 for a column that none of them has.
///
/// Few documents say little: a column counts as if it had been seen in [`PRIOR`] more, with labels as
/// all have them.
pub(crate) struct ColumnWeights {
    pub blocks: [Vec<f32>; BLOCKS],
}

/// See [`ColumnWeights`].
const PRIOR: f64 = 2.0;

impl ColumnWeights {
    pub(crate) fn of(corpus: &Corpus, documents: &[usize]) -> Self {
        let k = corpus.classes;
        let n = documents.len() as f64;
        let mut of_all = vec![0_u32; k];
        for &document in documents {
            of_all[corpus.labels[document] as usize] += 1;
        }
        let of_all: Vec<f64> = of_all.iter().map(|c| f64::from(*c) / n).collect();
        let blocks = std::array::from_fn(|block| {
            let mut counts = vec![0_u32; corpus.buckets[block].len() * k];
            for &document in documents {
                let label = corpus.labels[document] as usize;
                for (column, _) in &corpus.documents[document][block] {
                    counts[*column as usize * k + label] += 1;
                }
            }
            let weight = |counts: &[u32]| {
                let df = f64::from(counts.iter().sum::<u32>());
                if df == 0.0 {
                    return 0.0;
                }
                let term = |(count, of_all): (&u32, &f64)| {
                    let share = (f64::from(*count) + PRIOR * of_all) / (df + PRIOR);
                    if share > 0.0 {
                        share * (share / of_all).ln()
                    } else {
                        0.0
                    }
                };
                let divergence: f64 = counts.iter().zip(&of_all).map(term).sum();
                let rare = ((1.0 + n) / (1.0 + df)).ln() + 1.0;
                // Never 0 for a column that is there: rounding could say so of one that says nothing.
                (rare * divergence.max(1e-9).sqrt()) as f32
            };
            counts.par_chunks(k).map(weight).collect()
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
    /// Factor of the block of characters, beside words at 1; 0 leaves it out.
    pub chars_scale: f64,
    /// Factor of the dense block; 0 leaves it out.
    pub dense_scale: f64,
}

/// Some documents, ready to be fitted again and again.
///
/// There are many more columns than documents, and the best weights are sums of documents
/// (Kimeldorf and Wahba 1971): a fit seeks, for each document and label, its part in that sum, and
/// what is multiplied is a table of documents by labels, never one of columns by labels.
pub(crate) struct Problem<'a> {
    corpus: &'a Corpus,
    documents: Vec<usize>,
    pub weighing: ColumnWeights,
    rows: Vec<Vec<(u32, f32)>>,
    /// Where each column's values begin in `by_column`.
    starts: Vec<usize>,
    /// (row, value) column by column.
    by_column: Vec<(u32, f32)>,
    /// Dense vectors, value by value.
    dense_by_value: Vec<f32>,
    /// Of the documents; they sum to 1.
    weights: Vec<f64>,
    /// Products of each two documents, by block, where that is less work than going by columns.
    products: Option<[Vec<f32>; BLOCKS + 1]>,
}

/// Steps that a fit takes, roughly.
const STEPS: usize = 25;
/// Most documents whose products are kept: 36 MB a block.
const PRODUCTS_MAX: usize = 3_000;

/// Weights of a fitted head: lexical columns, dense values, bias, each with a value a label. The
/// factors of blocks are in them.
pub(crate) struct Linear {
    pub classes: usize,
    pub point: Vec<f64>,
}

impl<'a> Problem<'a> {
    /// With `balanced`, each label weighs as much as any other, whatever its number of documents.
    /// `fits` says how many there will be.
    pub(crate) fn new(
        corpus: &'a Corpus,
        documents: Vec<usize>,
        balanced: bool,
        fits: usize,
    ) -> Self {
        let weighing = ColumnWeights::of(corpus, &documents);
        let rows: Vec<_> = documents
            .par_iter()
            .map(|&d| weighing.row(corpus, d))
            .collect();
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
                    1.0 / (present * count)
                } else {
                    1.0 / n as f64
                }
            })
            .collect();
        let mut problem = Self {
            corpus,
            documents,
            weighing,
            rows,
            starts,
            by_column,
            dense_by_value,
            weights,
            products: None,
        };
        if problem.products_are_less_work(fits) {
            problem.products = Some(problem.products());
        }
        problem
    }

    /// Whether all products of two documents, once, and sums of them at each step, are less work
    /// than sums by columns at each step.
    fn products_are_less_work(&self, fits: usize) -> bool {
        let n = self.documents.len();
        let steps = STEPS * fits * self.corpus.classes;
        let of_columns: usize = self.starts.windows(2).map(|s| (s[1] - s[0]).pow(2)).sum();
        let dimension = self.corpus.dimension;
        let by_products = of_columns + n * n * (dimension + steps);
        n <= PRODUCTS_MAX && by_products < 2 * (self.by_column.len() + n * dimension) * steps
    }

    fn products(&self) -> [Vec<f32>; BLOCKS + 1] {
        let n = self.documents.len();
        let words = self.corpus.buckets[0].len() as u32;
        std::array::from_fn(|block| {
            let mut products = vec![0.0; n * n];
            products
                .par_chunks_mut(n.max(1))
                .enumerate()
                .for_each(|(row, products)| {
                    if block == BLOCKS {
                        let vector = self.corpus.vector(self.documents[row]);
                        for (i, value) in vector.iter().enumerate() {
                            axpy(products, *value, &self.dense_by_value[i * n..][..n]);
                        }
                        return;
                    }
                    let of_block = |(column, _): &&(u32, f32)| (*column >= words) == (block == 1);
                    for (column, value) in self.rows[row].iter().filter(of_block) {
                        let column = *column as usize;
                        let others = &self.by_column[self.starts[column]..self.starts[column + 1]];
                        for (other, theirs) in others {
                            products[*other as usize] += value * theirs;
                        }
                    }
                });
            products
        })
    }

    /// The head that fits best, sought from zero or from the parts of another choice. Returns its
    /// parts too.
    pub(crate) fn fit(
        &self,
        choice: Choice,
        stop: Stop,
        start: Option<&[f64]>,
    ) -> (Linear, Vec<f64>) {
        let classes = self.corpus.classes;
        let size = (self.documents.len() + 1) * classes;
        let factors = [
            1.0,
            choice.chars_scale.powi(2) as f32,
            choice.dense_scale.powi(2) as f32,
        ];
        let together = self.products.as_ref().map(|products| {
            let mut together = vec![0.0; products[0].len()];
            for (block, factor) in products.iter().zip(factors) {
                axpy(&mut together, factor, block);
            }
            together
        });
        let parts = minimise(
            start.map_or_else(|| vec![0.0; size], <[f64]>::to_vec),
            stop,
            |point, gradient| self.value(choice, point, gradient),
            |parts, image| match &together {
                Some(together) => self.image_by_products(together, parts, image),
                None => self.image(choice, parts, image),
            },
        );
        let documents = size - classes;
        let mut point = self.sums(choice, &parts[..documents]);
        point.extend(parts[documents..].iter().map(|b| *b as f32));
        let linear = Linear {
            classes,
            point: point.into_iter().map(f64::from).collect(),
        };
        (linear, parts)
    }

    /// As [`image`](Self::image), from the products of documents.
    fn image_by_products(&self, products: &[f32], parts: &[f64], image: &mut [f64]) {
        let k = self.corpus.classes;
        let n = self.documents.len();
        let (scores, bias) = image.split_at_mut(n * k);
        bias.copy_from_slice(&parts[n * k..]);
        let parts: Vec<f32> = parts[..n * k].iter().map(|p| *p as f32).collect();
        scores
            .par_chunks_mut(k)
            .zip(products.par_chunks(n.max(1)))
            .for_each_init(
                || vec![0.0_f32; k],
                |sum, (scores, products)| {
                    sum.fill(0.0);
                    for (product, parts) in products.iter().zip(parts.chunks_exact(k)) {
                        axpy(sum, *product, parts);
                    }
                    for (score, sum) in scores.iter_mut().zip(sum.iter()) {
                        *score = f64::from(*sum);
                    }
                },
            );
    }

    /// The documents' sum, each by its part: weights of lexical columns and of dense values, the
    /// factors of blocks in them. Twice, as they are in the document's values and in its part.
    fn sums(&self, choice: Choice, parts: &[f64]) -> Vec<f32> {
        let k = self.corpus.classes;
        let n = self.documents.len();
        let parts: Vec<f32> = parts.iter().map(|p| *p as f32).collect();
        let columns = self.corpus.columns();
        let words = self.corpus.buckets[0].len();
        let (chars, dense) = (
            choice.chars_scale.powi(2) as f32,
            choice.dense_scale.powi(2) as f32,
        );
        let mut sums = vec![0.0; (columns + self.corpus.dimension) * k];
        let (lexical, meaning) = sums.split_at_mut(columns * k);
        lexical
            .par_chunks_mut(k)
            .enumerate()
            .with_min_len(1024)
            .filter(|(column, _)| *column < words || chars != 0.0)
            .for_each(|(column, sum)| {
                let factor = if column < words { 1.0 } else { chars };
                for (row, value) in &self.by_column[self.starts[column]..self.starts[column + 1]] {
                    axpy(sum, factor * value, &parts[*row as usize * k..][..k]);
                }
            });
        if dense != 0.0 {
            meaning.par_chunks_mut(k).enumerate().for_each(|(i, sum)| {
                let values = &self.dense_by_value[i * n..][..n];
                for (value, parts) in values.iter().zip(parts.chunks_exact(k)) {
                    axpy(sum, dense * value, parts);
                }
            });
        }
        sums
    }

    /// Scores that the sum of documents by `parts` gives each document; the bias as it is.
    fn image(&self, choice: Choice, parts: &[f64], image: &mut [f64]) {
        let k = self.corpus.classes;
        let documents = parts.len() - k;
        let sums = self.sums(choice, &parts[..documents]);
        let (lexical, meaning) = sums.split_at(self.corpus.columns() * k);
        let (scores, bias) = image.split_at_mut(documents);
        bias.copy_from_slice(&parts[documents..]);
        // In parts of words and of characters, the latter only where they count.
        let words = self.corpus.buckets[0].len() as u32;
        let all = choice.chars_scale != 0.0;
        scores.par_chunks_mut(k).enumerate().for_each_init(
            || vec![0.0_f32; k],
            |sum, (row, scores)| {
                sum.fill(0.0);
                for (column, value) in &self.rows[row] {
                    if all || *column < words {
                        axpy(sum, *value, &lexical[*column as usize * k..][..k]);
                    }
                }
                if choice.dense_scale != 0.0 {
                    let vector = self.corpus.vector(self.documents[row]);
                    for (value, weights) in vector.iter().zip(meaning.chunks_exact(k)) {
                        axpy(sum, *value, weights);
                    }
                }
                for (score, sum) in scores.iter_mut().zip(sum.iter()) {
                    *score = f64::from(*sum);
                }
            },
        );
    }

    /// The value at a point, and the documents' parts in its gradient.
    fn value(&self, choice: Choice, point: &Vector, gradient: &mut [f64]) -> f64 {
        let k = self.corpus.classes;
        let documents = self.documents.len() * k;
        // Weights sum to 1, costs are per document.
        let penalty = 1.0 / (choice.cost * self.documents.len() as f64);
        let (parts, bias) = gradient.split_at_mut(documents);
        let losses: Vec<f64> = parts
            .par_chunks_mut(k)
            .enumerate()
            .map(|(row, residual)| {
                let scores = &point.image[row * k..][..k];
                for ((r, s), b) in residual.iter_mut().zip(scores).zip(&point.own[documents..]) {
                    *r = s + b;
                }
                let label = self.corpus.labels[self.documents[row]] as usize;
                let of_label = residual[label];
                let log_sum = softmax(residual);
                residual[label] -= 1.0;
                let weight = self.weights[row];
                residual.iter_mut().for_each(|r| *r *= weight);
                weight * (log_sum - of_label)
            })
            .collect();
        bias.fill(0.0);
        for residual in parts.chunks_exact(k) {
            for (b, r) in bias.iter_mut().zip(residual) {
                *b += r;
            }
        }
        let mut squares = 0.0;
        for ((part, own), image) in parts.iter_mut().zip(&point.own).zip(&point.image) {
            *part += penalty * own;
            squares += own * image;
        }
        losses.iter().sum::<f64>() + penalty * squares / 2.0
    }

    /// Scores of documents that were not fitted, one a label.
    pub(crate) fn scores_of(&self, linear: &Linear, documents: &[usize]) -> Vec<Vec<f64>> {
        documents
            .par_iter()
            .map(|&document| {
                let row = self.weighing.row(self.corpus, document);
                let mut out = vec![0.0; linear.classes];
                scores(&linear.point, &row, self.corpus.vector(document), &mut out);
                out
            })
            .collect()
    }
}

fn scores(point: &[f64], row: &[(u32, f32)], vector: &[f32], out: &mut [f64]) {
    let k = out.len();
    let bias = point.len() - k;
    let dense = bias - vector.len() * k;
    let mut add = |value: f32, weights: &[f64]| {
        for (o, w) in out.iter_mut().zip(weights) {
            *o += f64::from(value) * w;
        }
    };
    add(1.0, &point[bias..]);
    for (column, value) in row {
        add(*value, &point[*column as usize * k..][..k]);
    }
    for (value, weights) in vector.iter().zip(point[dense..bias].chunks_exact(k)) {
        add(*value, weights);
    }
}

fn axpy(to: &mut [f32], factor: f32, what: &[f32]) {
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
        let problem = Problem::new(&corpus, vec![0, 1, 2, 3], true, 1);
        let choice = Choice {
            cost: 2.0,
            chars_scale: 0.8,
            dense_scale: 0.7,
        };
        let size = (4 + 1) * 3;
        let at = |own: &[f64]| {
            let mut point = Vector::zero(size);
            point.own.copy_from_slice(own);
            problem.image(choice, own, &mut point.image);
            let mut gradient = vec![0.0; size];
            (problem.value(choice, &point, &mut gradient), gradient)
        };
        let point: Vec<f64> = (0..size)
            .map(|i| ((i * 37 % 11) as f64 - 5.0) / 7.0)
            .collect();
        let (_, parts) = at(&point);
        // Along a document's part, the slope is the gradient's image there.
        let mut gradient = vec![0.0; size];
        problem.image(choice, &parts, &mut gradient);
        for i in 0..size {
            let at = |delta: f64| {
                let mut moved = point.clone();
                moved[i] += delta;
                at(&moved).0
            };
            let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!(
                (slope - gradient[i]).abs() < 1e-4,
                "{i}: {slope} {}",
                gradient[i]
            );
        }
    }
}

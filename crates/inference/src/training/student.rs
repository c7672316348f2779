//! The student: a vector and a weight a piece, and the steps that teach it.
//!
//! A text's vector is the sum over its pieces of weight × vector, brought to length 1. Losses act
//! on these vectors; their gradients go back to the pieces, and Adam (Kingma and Ba 2015), for the
//! pieces that a step touched, moves them.
//!
//! Sums over a batch are taken piece by piece in the order of the texts, so that they do not depend
//! on the number of threads.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Rows of one task of a matrix product.
const ROWS: usize = 64;

/// Pieces of texts, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Bags {
    pieces: Vec<u32>,
    ends: Vec<usize>,
}

impl Bags {
    /// Adds a text.
    pub fn push(&mut self, pieces: &[u32]) {
        self.pieces.extend_from_slice(pieces);
        self.ends.push(self.pieces.len());
    }

    /// Texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The pieces of one text.
    pub fn get(&self, text: usize) -> &[u32] {
        let start = if text == 0 { 0 } else { self.ends[text - 1] };
        &self.pieces[start..self.ends[text]]
    }
}

/// The student.
#[derive(Clone, Debug)]
pub struct Student {
    /// Values of a vector.
    pub width: usize,
    /// A vector a piece, one after the other.
    pub table: Vec<f32>,
    /// The logarithm of a weight a piece.
    pub weights: Vec<f32>,
    moments: Moments,
}

#[derive(Clone, Debug)]
struct Moments {
    steps: i32,
    first: Vec<f32>,
    second: Vec<f32>,
    weight_first: Vec<f32>,
    weight_second: Vec<f32>,
}

impl Moments {
    fn new(pieces: usize, width: usize) -> Self {
        Self {
            steps: 0,
            first: vec![0.0; pieces * width],
            second: vec![0.0; pieces * width],
            weight_first: vec![0.0; pieces],
            weight_second: vec![0.0; pieces],
        }
    }
}

/// Vectors of texts, and the lengths they had.
#[derive(Clone, Debug)]
pub struct Vectors {
    /// A row a text, of length 1 (or zero for a text without pieces).
    pub unit: Array2<f32>,
    lengths: Vec<f32>,
}

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;
const EPSILON: f32 = 1e-8;

impl Student {
    /// A student of given vectors and weights.
    pub fn new(table: Vec<f32>, weights: Vec<f32>, width: usize) -> Self {
        let moments = Moments::new(weights.len(), width);
        Self {
            width,
            table,
            weights,
            moments,
        }
    }

    /// Forgets the steps taken, before another course of them.
    pub fn rest(&mut self) {
        self.moments = Moments::new(self.weights.len(), self.width);
    }

    /// A student between this one and `other`, which began as this one did: of each piece, `share`
    /// of the other's weighted vector and the rest of this one's (Wortsman et al. 2022).
    pub fn blended(&self, other: &Self, share: f32) -> Self {
        let width = self.width;
        let mut table = self.table.clone();
        for (piece, row) in table.chunks_exact_mut(width).enumerate() {
            let of_this = (1.0 - share) * self.weights[piece].exp();
            let of_other = share * other.weights[piece].exp();
            let start = piece * width;
            for (value, other) in row.iter_mut().zip(&other.table[start..start + width]) {
                *value = of_this * *value + of_other * other;
            }
        }
        Self::new(table, vec![0.0; self.weights.len()], width)
    }

    /// The vectors of texts.
    pub fn vectors(&self, bags: &Bags) -> Vectors {
        let width = self.width;
        let mut unit = vec![0.0_f32; bags.len() * width];
        let mut lengths = vec![0.0_f32; bags.len()];
        let weight: Vec<f32> = self.weights.par_iter().map(|w| w.exp()).collect();
        unit.par_chunks_mut(width)
            .zip(lengths.par_iter_mut())
            .enumerate()
            .for_each(|(text, (sum, length))| {
                for &piece in bags.get(text) {
                    let piece = piece as usize;
                    let scale = weight[piece];
                    let row = &self.table[piece * width..(piece + 1) * width];
                    for (s, v) in sum.iter_mut().zip(row) {
                        *s += scale * v;
                    }
                }
                *length = dot(sum, sum).sqrt().max(1e-6);
                for s in sum.iter_mut() {
                    *s /= *length;
                }
            });
        let unit = Array2::from_shape_vec((bags.len(), width), unit)
            .unwrap_or_else(|_| Array2::zeros((bags.len(), width)));
        Vectors { unit, lengths }
    }

    /// One step of Adam against `gradient`, that of the loss by the unit vectors.
    pub fn step(&mut self, bags: &Bags, vectors: &Vectors, gradient: &Array2<f32>, rate: f32) {
        let width = self.width;
        // Through the normalisation.
        let mut inner = vec![0.0_f32; bags.len() * width];
        inner
            .par_chunks_mut(width)
            .enumerate()
            .for_each(|(text, out)| {
                let (unit, given) = (vectors.unit.row(text), gradient.row(text));
                if let (Some(unit), Some(given)) = (unit.as_slice(), given.as_slice()) {
                    let along = dot(unit, given);
                    let length = vectors.lengths[text];
                    for ((o, u), g) in out.iter_mut().zip(unit).zip(given) {
                        *o = (g - along * u) / length;
                    }
                }
            });
        // Where each piece occurs, in the order of the texts.
        let pieces = self.weights.len();
        let mut starts = vec![0_u32; pieces + 1];
        for &piece in &bags.pieces {
            starts[piece as usize + 1] += 1;
        }
        for piece in 0..pieces {
            starts[piece + 1] += starts[piece];
        }
        let mut next = starts.clone();
        let mut texts = vec![0_u32; bags.pieces.len()];
        for text in 0..bags.len() {
            for &piece in bags.get(text) {
                let place = &mut next[piece as usize];
                texts[*place as usize] = text as u32;
                *place += 1;
            }
        }
        let moments = &mut self.moments;
        moments.steps += 1;
        let steps = moments.steps;
        let first_scale = 1.0 / (1.0 - FIRST_DECAY.powi(steps));
        let second_scale = 1.0 / (1.0 - SECOND_DECAY.powi(steps));
        let adam = |value: &mut f32, m: &mut f32, v: &mut f32, g: f32| {
            *m = FIRST_DECAY * *m + (1.0 - FIRST_DECAY) * g;
            *v = SECOND_DECAY * *v + (1.0 - SECOND_DECAY) * g * g;
            *value -= rate * (*m * first_scale) / ((*v * second_scale).sqrt() + EPSILON);
        };
        self.table
            .par_chunks_mut(width)
            .zip(self.weights.par_iter_mut())
            .zip(moments.first.par_chunks_mut(width))
            .zip(moments.second.par_chunks_mut(width))
            .zip(moments.weight_first.par_iter_mut())
            .zip(moments.weight_second.par_iter_mut())
            .enumerate()
            .for_each(|(piece, (((((row, weight), m), v), wm), wv))| {
                let (start, end) = (starts[piece] as usize, starts[piece + 1] as usize);
                if start == end {
                    return;
                }
                let mut sum = vec![0.0_f32; width];
                for &text in &texts[start..end] {
                    let text = text as usize;
                    let given = &inner[text * width..(text + 1) * width];
                    for (s, g) in sum.iter_mut().zip(given) {
                        *s += g;
                    }
                }
                let scale = weight.exp();
                let by_weight = scale * dot(row, &sum);
                for (((value, m), v), s) in row.iter_mut().zip(m).zip(v).zip(&sum) {
                    adam(value, m, v, scale * s);
                }
                adam(weight, wm, wv, by_weight);
            });
    }
}

/// The product of two vectors, summed in 16 lanes.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

/// `a` × `b`, in parts of [`ROWS`] rows.
pub fn product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    out.axis_chunks_iter_mut(Axis(0), ROWS)
        .zip(a.axis_chunks_iter(Axis(0), ROWS))
        .collect::<Vec<_>>()
        .into_par_iter()
        .for_each(|(mut out, a)| {
            ndarray::linalg::general_mat_mul(1.0, &a, &b, 0.0, &mut out);
        });
    out
}

/// `factor` × (1 − cosine with `target`), on average over the rows; adds to `gradient`.
pub fn toward(
    unit: ArrayView2<'_, f32>,
    target: ArrayView2<'_, f32>,
    factor: f32,
    mut gradient: ndarray::ArrayViewMut2<'_, f32>,
) -> f32 {
    let share = factor / unit.nrows() as f32;
    let mut loss = 0.0;
    for ((unit, target), mut gradient) in unit
        .rows()
        .into_iter()
        .zip(target.rows())
        .zip(gradient.rows_mut())
    {
        loss += share * (1.0 - unit.dot(&target));
        gradient.scaled_add(-share, &target);
    }
    loss
}

/// `factor` × the mean squared difference between the similarities of `a`'s rows to `b`'s and
/// those of the teacher; adds to both gradients.
pub fn alike(
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    taught: ArrayView2<'_, f32>,
    factor: f32,
    gradient_a: &mut ndarray::ArrayViewMut2<'_, f32>,
    gradient_b: &mut ndarray::ArrayViewMut2<'_, f32>,
) -> f32 {
    let mut difference = product(a, b.t());
    difference -= &taught;
    let cells = (a.nrows() * b.nrows()) as f32;
    let loss: f32 = difference.rows().into_iter().map(|row| row.dot(&row)).sum();
    difference *= 2.0 * factor / cells;
    *gradient_a += &product(difference.view(), b);
    *gradient_b += &product(difference.t(), a);
    factor * loss / cells
}

/// `factor` × the contrastive loss (InfoNCE): row i of `a` must find row i of `b` among all rows
/// of `b`, and, among the first rows, the other way round. `same(i, j)` says that j is as right as
/// i, and is left out. `b` may have more rows than `a`. Adds to both gradients.
pub fn contrast(
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    scale: f32,
    factor: f32,
    same: &(dyn Fn(usize, usize) -> bool + Sync),
    gradient_a: &mut ndarray::ArrayViewMut2<'_, f32>,
    gradient_b: &mut ndarray::ArrayViewMut2<'_, f32>,
) -> f32 {
    let rows = a.nrows();
    let mut scores = product(a, b.t());
    scores *= scale;
    scores
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .for_each(|(i, mut row)| {
            for (j, score) in row.iter_mut().enumerate() {
                if i != j && same(i, j) {
                    *score = f32::NEG_INFINITY;
                }
            }
        });
    let mut back = scores.slice(s![.., ..rows]).reversed_axes().to_owned();
    let half = factor / (2.0 * rows as f32);
    let loss = half * (surprise(&mut scores, half) + surprise(&mut back, half));
    scores.slice_mut(s![.., ..rows]).scaled_add(1.0, &back.t());
    scores *= scale;
    *gradient_a += &product(scores.view(), b);
    *gradient_b += &product(scores.t(), a);
    loss
}

/// Scores to the gradient of the surprise that row i is at place i, times `share`; returns the sum
/// of the surprises.
fn surprise(scores: &mut Array2<f32>, share: f32) -> f32 {
    let each: Vec<f32> = scores
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .map(|(i, mut row)| {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let right = row[i];
            let mut sum = 0.0;
            for score in row.iter_mut() {
                *score = (*score - most).exp();
                sum += *score;
            }
            for score in row.iter_mut() {
                *score *= share / sum;
            }
            row[i] -= share;
            sum.ln() + most - right
        })
        .collect();
    each.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::chance::Chance;

    fn student(chance: &mut Chance) -> Student {
        let table = (0..20 * 8).map(|_| chance.unit() - 0.5).collect();
        Student::new(table, (0..20).map(|_| chance.unit() - 0.5).collect(), 8)
    }

    fn bags(chance: &mut Chance, texts: usize) -> Bags {
        let mut bags = Bags::default();
        for _ in 0..texts {
            let pieces: Vec<u32> = (0..1 + chance.below(6))
                .map(|_| chance.below(20) as u32)
                .collect();
            bags.push(&pieces);
        }
        bags
    }

    /// All losses on six texts, and their gradient by the unit vectors.
    fn losses(unit: ArrayView2<'_, f32>) -> (f32, Array2<f32>) {
        let (a, b) = (unit.slice(s![..3, ..]), unit.slice(s![3.., ..]));
        let target = Array2::from_shape_fn((3, 8), |(i, j)| ((i * 8 + j) as f32).sin() / 3.0);
        let likeness = product(target.view(), target.t());
        let (mut of_a, mut of_b) = (Array2::zeros((3, 8)), Array2::zeros((3, 8)));
        let mut loss = toward(a, target.view(), 0.7, of_a.view_mut());
        let same = |i: usize, j: usize| i + j == 3;
        loss += contrast(
            a,
            b,
            5.0,
            0.4,
            &same,
            &mut of_a.view_mut(),
            &mut of_b.view_mut(),
        );
        loss += alike(
            a,
            b,
            likeness.view(),
            3.0,
            &mut of_a.view_mut(),
            &mut of_b.view_mut(),
        );
        let both = ndarray::concatenate(Axis(0), &[of_a.view(), of_b.view()]).unwrap();
        (loss, both)
    }

    #[test]
    fn gradients_are_those_of_the_losses() {
        let mut chance = Chance::new(7);
        let unit = Array2::from_shape_fn((6, 8), |_| chance.unit() - 0.5);
        let (_, gradient) = losses(unit.view());
        for place in [[0, 0], [1, 3], [2, 7], [3, 1], [4, 4], [5, 6]] {
            let at = |step: f32| {
                let mut moved = unit.clone();
                moved[place] += step;
                losses(moved.view()).0
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!(
                (slope - gradient[place]).abs() < 2e-3,
                "{place:?}: {slope} {}",
                gradient[place]
            );
        }
    }

    #[test]
    fn steps_lower_the_loss_and_do_not_depend_on_threads() {
        let course = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let mut chance = Chance::new(3);
                let mut student = student(&mut chance);
                let bags = bags(&mut chance, 6);
                let mut loss = Vec::new();
                for _ in 0..50 {
                    let vectors = student.vectors(&bags);
                    let (now, gradient) = losses(vectors.unit.view());
                    loss.push(now);
                    student.step(&bags, &vectors, &gradient, 1e-2);
                }
                (loss, student.table, student.weights)
            })
        };
        let (loss, table, weights) = course(1);
        assert!(loss[49] < loss[0] - 0.1, "{loss:?}");
        assert_eq!(course(3), (loss, table, weights));
    }
}

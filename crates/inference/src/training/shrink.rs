//! What was learnt, made small: weights folded into the vectors, turned onto the principal
//! dimensions of text vectors, rounded to 8-bit integers with one scale.

use ndarray::{Array2, s};
use rayon::prelude::*;

use super::student::{Student, product};

/// Values of a vector that ships.
pub const DIMENSION: usize = 256;
/// Share of the values that the scale keeps whole; those beyond are cut.
const WHOLE: f64 = 0.999;
/// Sweeps of Jacobi's method at most; it needs fewer than ten.
const SWEEPS: usize = 30;

/// A table of `DIMENSION` integers a piece. `texts` are unit vectors of texts, whose principal
/// dimensions are kept; each is divided by its standard deviation to the power `whiten`, so that
/// what most texts share weighs less (Mu and Viswanath 2018).
pub fn shrink(student: &Student, texts: &Array2<f32>, whiten: f32) -> Vec<i8> {
    let width = student.width;
    let kept = DIMENSION.min(width);
    let turn = principal(texts, kept, whiten);
    let mut folded = Array2::zeros((student.weights.len(), width));
    for ((mut row, weight), values) in folded
        .rows_mut()
        .into_iter()
        .zip(&student.weights)
        .zip(student.table.chunks_exact(width))
    {
        for (out, value) in row.iter_mut().zip(values) {
            *out = weight.exp() * value;
        }
    }
    let turned = product(folded.view(), turn.view());
    let mut sizes: Vec<f32> = turned.iter().map(|value| value.abs()).collect();
    sizes.par_sort_unstable_by(f32::total_cmp);
    let largest = sizes[((sizes.len() - 1) as f64 * WHOLE) as usize].max(f32::MIN_POSITIVE);
    let mut table: Vec<i8> = turned
        .iter()
        .map(|value| (value / largest * 127.0).round().clamp(-127.0, 127.0) as i8)
        .collect();
    // What is not known says next to nothing, but a text of nothing else still has a direction: the
    // least of the kept dimensions.
    table[..kept].fill(0);
    table[kept - 1] = 1;
    table
}

/// The `kept` first eigenvectors, as columns, of the second moments of `texts`, each divided by the
/// root of its eigenvalue to the power `whiten`.
fn principal(texts: &Array2<f32>, kept: usize, whiten: f32) -> Array2<f32> {
    let mut moments = product(texts.t(), texts.view()).mapv(f64::from);
    moments /= texts.nrows().max(1) as f64;
    let (values, vectors) = eigen(moments);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]).then(i.cmp(&j)));
    let mut columns = Array2::zeros((values.len(), kept));
    for (to, &from) in order.iter().take(kept).enumerate() {
        let scale = values[from].max(1e-12).powf(-0.5 * f64::from(whiten));
        columns
            .slice_mut(s![.., to])
            .assign(&vectors.row(from).mapv(|v| (scale * v) as f32));
    }
    columns
}

/// Eigenvalues and, as rows, eigenvectors of a symmetric matrix, by cyclic Jacobi rotations
/// (Golub and Van Loan, 8.5).
fn eigen(mut a: Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let n = a.nrows();
    let mut vectors = Array2::<f64>::eye(n);
    for _ in 0..SWEEPS {
        let diagonal: f64 = a.diag().iter().map(|v| v * v).sum();
        let all: f64 = a.iter().map(|v| v * v).sum();
        if all - diagonal <= 1e-18 * diagonal {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[[p, q]] == 0.0 {
                    continue;
                }
                let theta = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                rotate_rows(&mut a, p, q, c, t * c);
                for k in 0..n {
                    let (x, y) = (a[[k, p]], a[[k, q]]);
                    a[[k, p]] = c * x - t * c * y;
                    a[[k, q]] = t * c * x + c * y;
                }
                rotate_rows(&mut vectors, p, q, c, t * c);
            }
        }
    }
    (a.diag().to_vec(), vectors)
}

fn rotate_rows(a: &mut Array2<f64>, p: usize, q: usize, c: f64, s: f64) {
    let (mut p, mut q) = a.multi_slice_mut((s![p, ..], s![q, ..]));
    for (x, y) in p.iter_mut().zip(q.iter_mut()) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_are_those_of_the_matrix() {
        let n = 7;
        let matrix = Array2::from_shape_fn((n, n), |(i, j)| {
            1.0 / (1 + i + j) as f64 + if i == j { i as f64 } else { 0.0 }
        });
        let (values, vectors) = eigen(matrix.clone());
        for (value, vector) in values.iter().zip(vectors.rows()) {
            let image = matrix.dot(&vector);
            for (a, b) in image.iter().zip(vector) {
                assert!((a - value * b).abs() < 1e-9, "{values:?}");
            }
        }
    }

    #[test]
    fn the_unknown_piece_has_a_direction_of_its_own() {
        let student = Student::new(vec![0.5; 6], vec![0.0; 3], 2);
        let table = shrink(&student, &Array2::eye(2), 0.0);
        assert_eq!(&table[..2], [0, 1]);
        assert_eq!(&table[2..], [127; 4]);
    }
}

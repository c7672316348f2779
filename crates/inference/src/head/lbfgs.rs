//! L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.4) for smooth convex functions.
//!
//! Sums run over fixed chunks, added in order, so that the number of threads changes no bit.

use rayon::prelude::*;

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 8;
/// Share of the first-order decrease that a step must reach (Armijo).
const DECREASE: f64 = 1e-4;
const CHUNK: usize = 1 << 14;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// Largest number of steps.
    pub steps_max: usize,
    /// Relative decrease of the value, a step, over the last three, that is not worth another.
    pub decrease: f64,
}

/// The point reached from `start`. `function` writes the gradient and returns the value;
/// `curvatures` guesses the second derivative along each coordinate, none of them zero: the nearer
/// the guess, the fewer the steps.
pub(crate) fn minimise(
    start: Vec<f64>,
    curvatures: &[f64],
    stop: Stop,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut point = start;
    let mut gradient = vec![0.0; point.len()];
    let mut value = function(&point, &mut gradient);
    let mut memory: Vec<Pair> = Vec::new();
    let mut values = vec![value];
    while values.len() <= stop.steps_max {
        let mut direction = direction(&gradient, curvatures, &memory);
        let mut slope = dot(&direction, &gradient);
        if slope == 0.0 {
            break;
        }
        if slope > 0.0 {
            // Rounding has spoilt the memory: begin again from steepest descent.
            memory.clear();
            direction = self::direction(&gradient, curvatures, &memory);
            slope = dot(&direction, &gradient);
        }
        let mut length = 1.0;
        let mut next = vec![0.0; point.len()];
        let mut next_gradient = vec![0.0; point.len()];
        let next_value = loop {
            next.par_iter_mut()
                .zip(&point)
                .zip(&direction)
                .with_min_len(CHUNK)
                .for_each(|((n, p), d)| *n = p + length * d);
            let found = function(&next, &mut next_gradient);
            if found <= value + DECREASE * length * slope {
                break found;
            }
            length /= 2.0;
            if length < 1e-12 {
                // No step lowers the value any more: the point is as good as floats allow.
                return point;
            }
        };
        let step: Vec<f64> = direction.iter().map(|d| length * d).collect();
        let change: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(n, g)| n - g)
            .collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change) {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push(Pair {
                step,
                change,
                curvature,
            });
        }
        (point, gradient, value) = (next, next_gradient, next_value);
        values.push(value);
        if let [.., before, _, _, now] = values[..]
            && before - now <= 3.0 * stop.decrease * now.abs()
        {
            break;
        }
    }
    point
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

fn direction(gradient: &[f64], curvatures: &[f64], memory: &[Pair]) -> Vec<f64> {
    let mut d: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = vec![0.0; memory.len()];
    for (pair, share) in memory.iter().zip(&mut shares).rev() {
        *share = dot(&pair.step, &d) / pair.curvature;
        add(&mut d, -*share, &pair.change);
    }
    let scale = memory.last().map_or(1.0, |last| {
        let guessed: Vec<f64> = last
            .change
            .iter()
            .zip(curvatures)
            .map(|(y, c)| y / c)
            .collect();
        last.curvature / dot(&last.change, &guessed)
    });
    d.par_iter_mut()
        .zip(curvatures)
        .with_min_len(CHUNK)
        .for_each(|(v, c)| *v *= scale / c);
    for (pair, share) in memory.iter().zip(&shares) {
        let other = dot(&pair.change, &d) / pair.curvature;
        add(&mut d, share - other, &pair.step);
    }
    d
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    to.par_iter_mut()
        .zip(what)
        .with_min_len(CHUNK)
        .for_each(|(t, w)| *t += factor * w);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let parts: Vec<f64> = a
        .par_chunks(CHUNK)
        .zip(b.par_chunks(CHUNK))
        .map(|(a, b)| a.iter().zip(b).map(|(x, y)| x * y).sum())
        .collect();
    parts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_an_ill_conditioned_bowl() {
        let bowl = |x: &[f64], g: &mut [f64]| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(g).enumerate() {
                let (weight, centre) = (1.0 + 100.0 * i as f64, i as f64 - 3.0);
                *g = weight * (x - centre);
                value += weight * (x - centre).powi(2) / 2.0;
            }
            value
        };
        let stop = Stop {
            steps_max: 200,
            decrease: 1e-14,
        };
        let found = minimise(vec![10.0; 8], &[1.0; 8], stop, bowl);
        for (i, x) in found.iter().enumerate() {
            assert!((x - (i as f64 - 3.0)).abs() < 1e-6, "{found:?}");
        }
    }
}

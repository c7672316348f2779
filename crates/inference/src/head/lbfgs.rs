//! L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.4) for smooth convex functions.
//!
//! Sums run over fixed chunks, added in order, so that the number of threads changes no bit.

use rayon::prelude::*;

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 8;
/// Share of the first-order decrease that a step must reach (Armijo).
const DECREASE: f64 = 1e-4;
const CHUNK: usize = 1 << 14;

/// A vector by its parts in the sums it is made of, and its image: the inner product of two is that
/// of the parts of one and the image of the other.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    pub own: Vec<f64>,
    pub image: Vec<f64>,
}

impl Vector {
    pub(crate) fn zero(size: usize) -> Self {
        Self {
            own: vec![0.0; size],
            image: vec![0.0; size],
        }
    }

    fn dot(&self, other: &Self) -> f64 {
        let parts: Vec<f64> = self
            .own
            .par_chunks(CHUNK)
            .zip(other.image.par_chunks(CHUNK))
            .map(|(a, b)| a.iter().zip(b).map(|(x, y)| x * y).sum())
            .collect();
        parts.iter().sum()
    }

    fn add(&mut self, factor: f64, what: &Self) {
        for (to, what) in [(&mut self.own, &what.own), (&mut self.image, &what.image)] {
            for (t, w) in to.iter_mut().zip(what) {
                *t += factor * w;
            }
        }
    }

    fn scale(&mut self, factor: f64) {
        for value in self.own.iter_mut().chain(&mut self.image) {
            *value *= factor;
        }
    }
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// Largest number of steps.
    pub steps_max: usize,
    /// Relative decrease of the value, a step, over the last three, that is not worth another.
    pub decrease: f64,
}

/// The parts of the point reached from `start`. `function` writes the parts of the gradient and returns
/// the value; `image` writes the image of some parts.
pub(crate) fn minimise(
    start: Vec<f64>,
    stop: Stop,
    function: impl Fn(&Vector, &mut [f64]) -> f64,
    image: impl Fn(&[f64], &mut [f64]),
) -> Vec<f64> {
    let size = start.len();
    let mut point = Vector::zero(size);
    if start.iter().any(|part| *part != 0.0) {
        image(&start, &mut point.image);
        point.own = start;
    }
    let mut gradient = Vector::zero(size);
    let mut value = function(&point, &mut gradient.own);
    image(&gradient.own, &mut gradient.image);
    let mut memory: Vec<Pair> = Vec::new();
    let mut values = vec![value];
    while values.len() <= stop.steps_max {
        let mut way = direction(&gradient, &memory);
        let mut slope = way.dot(&gradient);
        if slope == 0.0 {
            break;
        }
        if slope > 0.0 {
            // Rounding has spoilt the memory: begin again from steepest descent.
            memory.clear();
            way = direction(&gradient, &memory);
            slope = way.dot(&gradient);
        }
        let mut length = 1.0;
        let mut next_gradient = Vector::zero(size);
        let (next, next_value) = loop {
            let mut next = point.clone();
            next.add(length, &way);
            let found = function(&next, &mut next_gradient.own);
            if found <= value + DECREASE * length * slope {
                break (next, found);
            }
            length /= 2.0;
            if length < 1e-12 {
                // No step lowers the value any more: the point is as good as floats allow.
                return point.own;
            }
        };
        image(&next_gradient.own, &mut next_gradient.image);
        way.scale(length);
        let mut change = next_gradient.clone();
        change.add(-1.0, &gradient);
        let curvature = way.dot(&change);
        let squares = change.dot(&change);
        if curvature > 1e-12 * squares {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push(Pair {
                step: way,
                change,
                curvature,
                squares,
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
    point.own
}

struct Pair {
    step: Vector,
    change: Vector,
    curvature: f64,
    squares: f64,
}

fn direction(gradient: &Vector, memory: &[Pair]) -> Vector {
    let mut way = gradient.clone();
    way.scale(-1.0);
    let mut shares = vec![0.0; memory.len()];
    for (pair, share) in memory.iter().zip(&mut shares).rev() {
        *share = way.dot(&pair.step) / pair.curvature;
        way.add(-*share, &pair.change);
    }
    // The first step is that of a curvature of 1/4, the highest a term of the loss has.
    way.scale(
        memory
            .last()
            .map_or(4.0, |last| last.curvature / last.squares),
    );
    for (pair, share) in memory.iter().zip(&shares) {
        let other = way.dot(&pair.change) / pair.curvature;
        way.add(share - other, &pair.step);
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_an_ill_conditioned_bowl() {
        let bowl = |x: &Vector, g: &mut [f64]| {
            let mut value = 0.0;
            for (i, (x, g)) in x.own.iter().zip(g).enumerate() {
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
        let found = minimise(vec![0.0; 8], stop, bowl, |own, image| {
            image.copy_from_slice(own)
        });
        for (i, x) in found.iter().enumerate() {
            assert!((x - (i as f64 - 3.0)).abs() < 1e-6, "{found:?}");
        }
    }
}

//! Who is near whom: each passage's nearest, exactly, and the mutual-reachability graph over them.
//!
//! Vectors are brought to length 1 and rounded to 16-bit integers, so that a product of two is one
//! integer whatever the order of summing, the number of threads and the processor. Passages with
//! one and the same vector are one *point* with a weight: a form letter sent two hundred times is
//! neither two hundred points to compare nor a reason for its neighbours to be forgotten.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::community::Graph;

/// One, in the units of a component.
const UNIT: f64 = 16_384.0;
/// One, in the units of a product of two vectors.
pub(super) const ONE: i64 = 1 << 28;
/// Products are kept to this many bits below one in the weight of a tie, so that sums of weights
/// times sums of weights fit 128 bits with room for a million points.
const TIE_BITS: u32 = 14;
/// Points compared with every other one at a time: their vectors stay in the nearest cache.
const BLOCK: usize = 16;

/// A direction, in units of 2⁻¹⁴. `None` of what has none: no values, zeros, or one not finite.
pub(super) fn direction(vector: &[f32]) -> Option<Vec<i16>> {
    let wide: Vec<f64> = vector.iter().map(|v| f64::from(*v)).collect();
    scaled(&wide)
}

/// `values` brought to length 1 and rounded.
pub(super) fn scaled(values: &[f64]) -> Option<Vec<i16>> {
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    if !(length.is_finite() && length > 0.0) {
        return None;
    }
    // At most 16,384 after the division, which 16 bits hold.
    let rounded: Vec<i16> = values
        .iter()
        .map(|v| (v / length * UNIT).round() as i16)
        .collect();
    rounded.iter().any(|v| *v != 0).then_some(rounded)
}

/// How alike two directions are, in units of 2⁻²⁸; nothing when their lengths differ.
pub(super) fn likeness(a: &[i16], b: &[i16]) -> i64 {
    if a.len() == b.len() {
        i64::from(product(a, b))
    } else {
        0
    }
}

/// The sum of products. By Cauchy and Schwarz no part of it is beyond the product of two lengths of
/// about 2¹⁴, which 32 bits hold; adding without a check for more is what lets the compiler add
/// eight at a time in builds that check.
fn product(a: &[i16], b: &[i16]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(x, y)| i32::from(*x).wrapping_mul(i32::from(*y)))
        .fold(0, i32::wrapping_add)
}

/// Points to compare.
pub(super) struct Points {
    /// One after the other.
    flat: Vec<i16>,
    dimension: usize,
    /// How many passages each stands for.
    pub(super) weights: Vec<u32>,
}

impl Points {
    /// Of directions of one length, each with its weight.
    pub(super) fn new(directions: &[(&[i16], u32)]) -> Self {
        let dimension = directions.first().map_or(0, |(d, _)| d.len());
        let mut flat = Vec::with_capacity(directions.len() * dimension);
        for (direction, _) in directions {
            flat.extend_from_slice(direction);
        }
        Self {
            flat,
            dimension,
            weights: directions.iter().map(|(_, weight)| *weight).collect(),
        }
    }

    fn len(&self) -> usize {
        self.weights.len()
    }

    fn of(&self, point: usize) -> &[i16] {
        &self.flat[point * self.dimension..(point + 1) * self.dimension]
    }

    /// The `count` nearest of each point at `least` or more, nearest first, equals by number.
    fn nearest(&self, count: usize, least: i64) -> Vec<Vec<(i64, usize)>> {
        let starts: Vec<usize> = (0..self.len()).step_by(BLOCK).collect();
        starts
            .par_iter()
            .flat_map_iter(|start| {
                let block = *start..(start + BLOCK).min(self.len());
                let mut found: Vec<Vec<(i64, usize)>> = vec![Vec::new(); block.len()];
                for other in 0..self.len() {
                    let theirs = self.of(other);
                    for (point, nearest) in block.clone().zip(&mut found) {
                        if point == other {
                            continue;
                        }
                        let alike = i64::from(product(self.of(point), theirs));
                        let last = nearest.last().map_or(i64::MIN, |(a, _)| *a);
                        if alike < least || (nearest.len() == count && alike <= last) {
                            continue;
                        }
                        // Others come in order of number: an equal goes behind.
                        let at = nearest.partition_point(|(a, _)| *a >= alike);
                        nearest.insert(at, (alike, other));
                        nearest.truncate(count);
                    }
                }
                found
            })
            .collect()
    }

    /// The mutual-reachability graph (Campello, Moulavi and Sander, "Density-based clustering based
    /// on hierarchical density estimates", 2013) over each point's `neighbours` nearest passages.
    ///
    /// Two points are tied when either is among the other's nearest, as closely as the loosest of
    /// three: their own likeness and how near the last of each one's nearest is. So a passage in a
    /// sparse place cannot chain two dense ones. A pair less alike than `least` is no tie.
    ///
    /// Also says of each point how many passages it is near that are near it.
    pub(super) fn graph(&self, neighbours: u32, least: i64) -> (Graph, Vec<u32>) {
        let found = self.nearest(neighbours as usize, least);
        // As if each of a point's passages stood alone: its own copies come first.
        let mut listed: Vec<Vec<(usize, u32, i64)>> = Vec::with_capacity(found.len());
        let mut core = Vec::with_capacity(found.len());
        let mut mutual: Vec<u32> = Vec::with_capacity(found.len());
        for (point, nearest) in found.iter().enumerate() {
            let copies = (self.weights[point] - 1).min(neighbours);
            let mut left = neighbours - copies;
            let mut last = ONE;
            let mut list = Vec::new();
            for (alike, other) in nearest {
                if left == 0 {
                    break;
                }
                let taken = self.weights[*other].min(left);
                left -= taken;
                last = *alike;
                list.push((*other, taken, *alike));
            }
            listed.push(list);
            core.push(last);
            mutual.push(copies);
        }
        let mut ties: BTreeMap<(usize, usize), (u64, i64, bool)> = BTreeMap::new();
        for (point, list) in listed.iter().enumerate() {
            for (other, taken, alike) in list {
                let pairs = u64::from(self.weights[point]) * u64::from(*taken);
                let pair = (point.min(*other), point.max(*other));
                let reach = (*alike).min(core[point]).min(core[*other]);
                ties.entry(pair)
                    .and_modify(|(known, _, both)| {
                        *known = pairs.max(*known);
                        *both = true;
                    })
                    .or_insert((pairs, reach, false));
            }
        }
        let mut graph = Graph::new(self.len());
        for (point, copies) in mutual.iter().enumerate() {
            graph.add_own(
                point,
                (u64::from(self.weights[point]) * u64::from(*copies)) << TIE_BITS,
            );
        }
        for ((a, b), (pairs, reach, both)) in ties {
            let weight = (reach.max(0) as u64) >> (28 - TIE_BITS);
            graph.tie(a, b, pairs * weight);
            if both {
                mutual[a] += self.weights[b];
                mutual[b] += self.weights[a];
            }
        }
        (graph, mutual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(degrees: f64) -> Vec<i16> {
        // Only tests need an angle.
        let radians = degrees.to_radians();
        direction(&[radians.cos() as f32, radians.sin() as f32]).unwrap()
    }

    #[test]
    fn what_has_no_direction_has_none() {
        for vector in [
            vec![],
            vec![0.0, 0.0],
            vec![f32::NAN, 1.0],
            vec![1.0, f32::INFINITY],
        ] {
            assert_eq!(direction(&vector), None, "{vector:?}");
        }
        assert_eq!(direction(&[3.0, 0.0, -4.0]), Some(vec![9830, 0, -13107]));
        assert_eq!(direction(&[0.0, 2.0]), Some(vec![0, 16_384]));
        assert_eq!(likeness(&at(0.0), &at(0.0)), ONE);
        assert_eq!(likeness(&at(0.0), &[1, 2, 3]), 0);
    }

    #[test]
    fn the_nearest_come_first_and_equals_by_number() {
        let directions = [at(0.0), at(10.0), at(-10.0), at(40.0), at(180.0)];
        let points: Vec<(&[i16], u32)> = directions.iter().map(|d| (d.as_slice(), 1)).collect();
        let nearest = Points::new(&points).nearest(2, 0);
        let numbers: Vec<Vec<usize>> = nearest
            .iter()
            .map(|list| list.iter().map(|(_, n)| *n).collect())
            .collect();
        // What points the other way is near nobody.
        assert_eq!(
            numbers,
            [vec![1, 2], vec![0, 2], vec![0, 1], vec![1, 0], vec![]]
        );
    }

    #[test]
    fn copies_are_each_others_nearest() {
        let directions = [at(0.0), at(5.0), at(9.0)];
        let points = Points::new(&[
            (&directions[0], 5),
            (&directions[1], 1),
            (&directions[2], 1),
        ]);
        let (graph, mutual) = points.graph(3, 0);
        // Five copies have three of their own near them, and name nobody else.
        assert_eq!(mutual[0], 3);
        assert_eq!(graph.own(0), (5 * 3) << TIE_BITS);
        // The two others name each other.
        assert_eq!(mutual[1], 1);
        assert_eq!(mutual[2], 1);
    }
}

//! Which points belong together: groups merged and points moved while it raises modularity.
//!
//! The measure is that of Newman and Girvan (2004) with the resolution of Reichardt and Bornholdt
//! (2006): what ties a group holds beyond what its points would have by chance. The way is that of
//! Traag, Waltman and van Eck ("From Louvain to Leiden", 2019) without its chance: points move one
//! by one, groups are refined from single points within themselves, and what grew together then
//! moves as one. Weights are integers, so gains are compared exactly; points are taken in order,
//! and of equal gains the group of the lowest number wins. So the number of groups is found, not
//! asked for.

use std::collections::BTreeMap;

/// Rounds over all points. Every move raises modularity, so it ends without this; a bound keeps a
/// mistake from hanging a Monday.
const ROUNDS_MAX: usize = 100;

/// Points and how closely they are tied.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    ties: Vec<Vec<(usize, u64)>>,
    /// Weight within a point, counted from both ends.
    own: Vec<u64>,
}

impl Graph {
    pub(super) fn new(points: usize) -> Self {
        Self {
            ties: vec![Vec::new(); points],
            own: vec![0; points],
        }
    }

    /// Adds a point without ties, and says its number.
    pub(super) fn add_point(&mut self) -> usize {
        self.ties.push(Vec::new());
        self.own.push(0);
        self.own.len() - 1
    }

    /// Ties two different points, which are not tied yet.
    pub(super) fn tie(&mut self, a: usize, b: usize, weight: u64) {
        if weight > 0 {
            self.ties[a].push((b, weight));
            self.ties[b].push((a, weight));
        }
    }

    /// Adds weight within a point, counted from both ends.
    pub(super) fn add_own(&mut self, point: usize, weight: u64) {
        self.own[point] += weight;
    }

    #[cfg(test)]
    pub(super) fn own(&self, point: usize) -> u64 {
        self.own[point]
    }

    fn len(&self) -> usize {
        self.own.len()
    }

    /// The weight of each point's ties, what is within it included.
    pub(super) fn degrees(&self) -> Vec<u64> {
        self.ties
            .iter()
            .zip(&self.own)
            .map(|(ties, own)| own + ties.iter().map(|(_, w)| w).sum::<u64>())
            .collect()
    }

    /// The graph whose points are `parts` parts of this one's.
    fn gathered(&self, part_of: &[usize], parts: usize) -> Self {
        let mut out = Self::new(parts);
        let mut between: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for (point, ties) in self.ties.iter().enumerate() {
            let mine = part_of[point];
            out.own[mine] += self.own[point];
            for (other, weight) in ties {
                let theirs = part_of[*other];
                if mine == theirs {
                    out.own[mine] += weight;
                } else if mine < theirs {
                    *between.entry((mine, theirs)).or_default() += weight;
                }
            }
        }
        for ((a, b), weight) in between {
            out.tie(a, b, weight);
        }
        out
    }
}

/// Groups of points, as one number a point.
///
/// Starts from the groups `start` (numbers below the number of points). Points that are `held` stay
/// where they start, and others may join them. `grain` is the resolution in hundredths: the higher,
/// the smaller the groups.
pub(super) fn communities(graph: &Graph, start: &[usize], held: &[bool], grain: u32) -> Vec<usize> {
    let mut groups = compact(start);
    for _ in 0..ROUNDS_MAX {
        let before = groups.clone();
        groups = once(graph, groups, held, grain);
        if groups == before {
            break;
        }
    }
    groups
}

fn once(graph: &Graph, mut groups: Vec<usize>, held: &[bool], grain: u32) -> Vec<usize> {
    settle(graph, &mut groups, held, grain, None);
    // What grows together within each group, from single points; what is held is one from the
    // beginning, so that it can never come apart.
    let mut first_held: BTreeMap<usize, usize> = BTreeMap::new();
    let mut parts: Vec<usize> = (0..graph.len())
        .map(|point| {
            if held[point] {
                *first_held.entry(groups[point]).or_insert(point)
            } else {
                point
            }
        })
        .collect();
    settle(graph, &mut parts, held, grain, Some(&groups));
    let parts = compact(&parts);
    let count = parts.iter().max().map_or(0, |p| p + 1);
    if count == graph.len() || count < 2 {
        return compact(&groups);
    }
    let mut start = vec![0; count];
    let mut held_parts = vec![false; count];
    for (point, part) in parts.iter().enumerate() {
        start[*part] = groups[point];
        held_parts[*part] |= held[point];
    }
    let coarse = once(
        &graph.gathered(&parts, count),
        compact(&start),
        &held_parts,
        grain,
    );
    compact(&parts.iter().map(|p| coarse[*p]).collect::<Vec<_>>())
}

/// Moves points one by one until no move gains; with `within`, only between groups whose points
/// share that number.
fn settle(
    graph: &Graph,
    groups: &mut [usize],
    held: &[bool],
    grain: u32,
    within: Option<&[usize]>,
) {
    let degrees = graph.degrees();
    let total: i128 = degrees.iter().map(|d| i128::from(*d)).sum();
    let mut sums = vec![0i128; graph.len() + 1];
    let mut sizes = vec![0usize; graph.len() + 1];
    for (point, group) in groups.iter().enumerate() {
        sums[*group] += i128::from(degrees[point]);
        sizes[*group] += 1;
    }
    // Groups without a point, the lowest number last.
    let mut empty: Vec<usize> = (0..=graph.len()).rev().filter(|g| sizes[*g] == 0).collect();
    for _ in 0..ROUNDS_MAX {
        let mut moved = false;
        for point in 0..graph.len() {
            if held[point] {
                continue;
            }
            let home = groups[point];
            let degree = i128::from(degrees[point]);
            let mut near: BTreeMap<usize, i128> = BTreeMap::from([(home, 0)]);
            for (other, weight) in &graph.ties[point] {
                if within.is_none_or(|w| w[*other] == w[point]) {
                    *near.entry(groups[*other]).or_default() += i128::from(*weight);
                }
            }
            sums[home] -= degree;
            sizes[home] -= 1;
            let gain = |group: usize, weight: i128| {
                100 * weight * total - i128::from(grain) * degree * sums[group]
            };
            let mut best = (gain(home, near[&home]), home);
            for (group, weight) in near {
                let gained = gain(group, weight);
                if gained > best.0 {
                    best = (gained, group);
                }
            }
            // Alone gains nothing, which is more than a loss.
            let alone = sizes[home] == 0;
            if best.0 < 0
                && !alone
                && let Some(free) = empty.last()
            {
                best = (0, *free);
            }
            let to = best.1;
            sums[to] += degree;
            sizes[to] += 1;
            if to != home {
                if empty.last() == Some(&to) {
                    empty.pop();
                }
                if alone {
                    empty.push(home);
                }
                groups[point] = to;
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

/// The same groups, numbered from 0 in the order of their first points.
pub(super) fn compact(groups: &[usize]) -> Vec<usize> {
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    groups
        .iter()
        .map(|group| {
            let next = numbers.len();
            *numbers.entry(*group).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rings of five, each tied to the next by one weak tie.
    fn rings(count: usize) -> Graph {
        let mut graph = Graph::new(5 * count);
        for ring in 0..count {
            for a in 0..5 {
                for b in a + 1..5 {
                    graph.tie(5 * ring + a, 5 * ring + b, 10);
                }
            }
            if ring > 0 {
                graph.tie(5 * ring - 1, 5 * ring, 3);
            }
        }
        graph
    }

    fn alone(graph: &Graph) -> Vec<usize> {
        (0..graph.len()).collect()
    }

    #[test]
    fn what_is_closely_tied_is_one_group() {
        let graph = rings(4);
        let groups = communities(&graph, &alone(&graph), &[false; 20], 100);
        let expected: Vec<usize> = (0..20).map(|p| p / 5).collect();
        assert_eq!(groups, expected);
    }

    #[test]
    fn a_group_that_no_longer_holds_comes_apart() {
        let graph = rings(4);
        let groups = communities(&graph, &[0; 20], &[false; 20], 100);
        let expected: Vec<usize> = (0..20).map(|p| p / 5).collect();
        assert_eq!(groups, expected);
    }

    #[test]
    fn what_is_held_stays_together_and_draws_the_rest() {
        let graph = rings(3);
        let mut held = vec![false; 15];
        let mut start = alone(&graph);
        // One point of the first ring and one of the last are held as one.
        for point in [0, 14] {
            held[point] = true;
            start[point] = 0;
        }
        let groups = communities(&graph, &start, &held, 100);
        assert_eq!(groups[0], groups[14]);
        assert_eq!(groups[1], groups[0]);
        assert_ne!(groups[7], groups[0]);
    }

    #[test]
    fn two_groups_held_apart_never_join() {
        let mut graph = Graph::new(4);
        for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            graph.tie(a, b, 5);
        }
        let groups = communities(&graph, &[0, 1, 2, 3], &[true, true, false, false], 100);
        assert_ne!(groups[0], groups[1]);
    }

    #[test]
    fn a_finer_grain_makes_smaller_groups() {
        let graph = rings(4);
        let count = |grain| {
            let groups = communities(&graph, &alone(&graph), &[false; 20], grain);
            groups.iter().max().unwrap() + 1
        };
        assert_eq!(count(1), 1);
        assert_eq!(count(100), 4);
        assert_eq!(count(2_000), 20);
    }

    #[test]
    fn points_without_ties_stay_alone() {
        let graph = Graph::new(3);
        assert_eq!(communities(&graph, &[0, 1, 2], &[false; 3], 100), [0, 1, 2]);
        assert!(communities(&Graph::new(0), &[], &[], 100).is_empty());
    }
}

//! The Merkle tree of RFC 9162 (Certificate Transparency 2.0), section 2.1, with SHA-256.
//!
//! The tree over `size` leaves is never stored as such. What is stored is every *complete*
//! subtree: the node `(level, index)` covers the leaves `index << level .. (index + 1) << level`
//! and is final as soon as the last of them exists. Any root and any proof, at the present size or
//! at a past one, is computed from at most a few dozen of these nodes, read through a closure
//! `Fn(level, index) -> Option<Digest>`. A caller whose store answers asynchronously first asks
//! which nodes will be needed ([`frontier_nodes`], [`inclusion_nodes`], [`consistency_nodes`]),
//! fetches them in one query, and passes a closure over the answer.

use std::ops::Range;

use domain::Digest;
use sha2::{Digest as _, Sha256};

/// The longest inclusion path possible: a tree has fewer than 2⁶⁴ leaves.
pub const PATH_LEN_MAX: usize = 64;

/// The place of a complete subtree: `level` 0 holds leaves; `index` counts from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Height above the leaves, 0 to 63.
    pub level: u8,
    /// Position among the nodes of its level, from the left, from 0.
    pub index: u64,
}

/// Why a root or a proof could not be computed, or does not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// The store lacks a node that the tree's size says is complete: the store is damaged.
    #[error("tree node at level {level}, index {index} is missing")]
    MissingNode {
        /// Height above the leaves.
        level: u8,
        /// Position in the level.
        index: u64,
    },
    /// The leaf asked for is not in the tree.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    LeafOutsideTree {
        /// Leaf index.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// Consistency goes from a smaller tree to a larger one.
    #[error("a tree of {second} leaves cannot extend one of {first}")]
    Shrunk {
        /// Leaves in the older tree.
        first: u64,
        /// Leaves in the newer tree.
        second: u64,
    },
    /// Nothing can be appended to a tree of 2⁶⁴ − 1 leaves.
    #[error("the tree is full")]
    Full,
    /// A proof does not have the length that the leaf and the sizes require.
    #[error("a proof of {len} hashes has the wrong length for these sizes")]
    WrongLength {
        /// Hashes in the proof.
        len: usize,
    },
    /// A proof leads to another root than the one given.
    #[error("the proof leads to root {computed}, not to {expected}")]
    RootMismatch {
        /// The root that the proof leads to.
        computed: Digest,
        /// The root that was given.
        expected: Digest,
    },
}

/// The hash of a leaf: SHA-256(0x00 ‖ data), RFC 9162 §2.1.1.
pub fn leaf_hash(data: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(data);
    Digest::from_bytes(hasher.finalize().into())
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right), RFC 9162 §2.1.1.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([0x01]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// The root of the tree without leaves: SHA-256 of nothing, RFC 9162 §2.1.1.
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The right edge of a tree: the roots of its largest complete subtrees, from the left.
///
/// This is all that appending needs: at most 64 hashes however large the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The frontier of the tree without leaves.
    pub fn empty() -> Self {
        Self {
            size: 0,
            peaks: Vec::new(),
        }
    }

    /// The frontier of a tree of `size` leaves, read from its stored nodes.
    ///
    /// # Errors
    /// [`MerkleError::MissingNode`] when the store lacks one of [`frontier_nodes`]`(size)`.
    pub fn load(
        size: u64,
        lookup: impl Fn(u8, u64) -> Option<Digest>,
    ) -> Result<Self, MerkleError> {
        let peaks = frontier_nodes(size)
            .into_iter()
            .map(|node| read(&lookup, node))
            .collect::<Result<_, _>>()?;
        Ok(Self { size, peaks })
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree, RFC 9162 §2.1.1.
    pub fn root(&self) -> Digest {
        fold_peaks(&self.peaks)
    }

    /// Appends one leaf and returns the nodes it completes, the leaf itself first.
    ///
    /// # Errors
    /// [`MerkleError::Full`] at 2⁶⁴ − 1 leaves.
    pub fn push(&mut self, leaf: Digest) -> Result<Vec<(NodeId, Digest)>, MerkleError> {
        let index = self.size;
        self.size = index.checked_add(1).ok_or(MerkleError::Full)?;
        let mut completed = vec![(NodeId { level: 0, index }, leaf)];
        let mut hash = leaf;
        // As in binary addition: each trailing one of the old size is a peak of the same height
        // as the subtree that has just been completed, and the two become one.
        for level in 1..=index.trailing_ones() as u8 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            completed.push((
                NodeId {
                    level,
                    index: index >> level,
                },
                hash,
            ));
        }
        self.peaks.push(hash);
        Ok(completed)
    }
}

/// What appending leaves to a tree changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Leaves in the tree now.
    pub size: u64,
    /// The root now.
    pub root: Digest,
    /// The subtrees that became complete, to be stored: each leaf, followed by what it completes.
    pub nodes: Vec<(NodeId, Digest)>,
}

/// Appends leaves, given as leaf hashes, to a tree of `size` leaves.
///
/// # Errors
/// [`MerkleError::MissingNode`] when the store lacks one of [`frontier_nodes`]`(size)`,
/// [`MerkleError::Full`] beyond 2⁶⁴ − 1 leaves.
pub fn append(
    size: u64,
    lookup: impl Fn(u8, u64) -> Option<Digest>,
    leaves: impl IntoIterator<Item = Digest>,
) -> Result<Appended, MerkleError> {
    let mut frontier = Frontier::load(size, lookup)?;
    let mut nodes = Vec::new();
    for leaf in leaves {
        nodes.extend(frontier.push(leaf)?);
    }
    Ok(Appended {
        size: frontier.size(),
        root: frontier.root(),
        nodes,
    })
}

/// The root of the tree of the first `size` leaves, which may be a past size.
///
/// # Errors
/// [`MerkleError::MissingNode`] when the store lacks one of [`frontier_nodes`]`(size)`.
pub fn root(size: u64, lookup: impl Fn(u8, u64) -> Option<Digest>) -> Result<Digest, MerkleError> {
    Frontier::load(size, lookup).map(|frontier| frontier.root())
}

/// The stored nodes that the root of a tree of `size` leaves, or appending to it, reads.
pub fn frontier_nodes(size: u64) -> Vec<NodeId> {
    complete_nodes(&(0..size))
}

/// The stored nodes that [`inclusion_proof`] reads; none when the leaf is outside the tree.
pub fn inclusion_nodes(index: u64, size: u64) -> Vec<NodeId> {
    if index < size {
        inclusion_ranges(index, size)
            .iter()
            .flat_map(complete_nodes)
            .collect()
    } else {
        Vec::new()
    }
}

/// The stored nodes that [`consistency_proof`] reads; none when the sizes are equal or reversed.
pub fn consistency_nodes(first: u64, second: u64) -> Vec<NodeId> {
    consistency_ranges(first, second)
        .iter()
        .flat_map(complete_nodes)
        .collect()
}

/// The inclusion proof of leaf `index` in the tree of the first `size` leaves, from the leaf's
/// sibling up (RFC 9162 §2.1.3.1).
///
/// # Errors
/// [`MerkleError::LeafOutsideTree`], or [`MerkleError::MissingNode`] when the store lacks one of
/// [`inclusion_nodes`]`(index, size)`.
pub fn inclusion_proof(
    index: u64,
    size: u64,
    lookup: impl Fn(u8, u64) -> Option<Digest>,
) -> Result<Vec<Digest>, MerkleError> {
    if index >= size {
        return Err(MerkleError::LeafOutsideTree { index, size });
    }
    inclusion_ranges(index, size)
        .iter()
        .map(|range| range_root(range, &lookup))
        .collect()
}

/// The proof that the tree of the first `second` leaves extends the tree of the first `first`
/// (RFC 9162 §2.1.4.1). Empty when the sizes are equal or `first` is 0, where there is nothing to
/// prove.
///
/// # Errors
/// [`MerkleError::Shrunk`] when `first` exceeds `second`, or [`MerkleError::MissingNode`] when the
/// store lacks one of [`consistency_nodes`]`(first, second)`.
pub fn consistency_proof(
    first: u64,
    second: u64,
    lookup: impl Fn(u8, u64) -> Option<Digest>,
) -> Result<Vec<Digest>, MerkleError> {
    if first > second {
        return Err(MerkleError::Shrunk { first, second });
    }
    consistency_ranges(first, second)
        .iter()
        .map(|range| range_root(range, &lookup))
        .collect()
}

/// Verifies that the leaf with hash `leaf` is at `index` in the tree of `size` leaves whose root
/// is `root` (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`MerkleError::LeafOutsideTree`], [`MerkleError::WrongLength`] or
/// [`MerkleError::RootMismatch`].
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    path: &[Digest],
    root: &Digest,
) -> Result<(), MerkleError> {
    if index >= size {
        return Err(MerkleError::LeafOutsideTree { index, size });
    }
    let wrong_length = || MerkleError::WrongLength { len: path.len() };
    // `fn` and `sn` of the RFC: the node's index and the last index of its level.
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(wrong_length());
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same_root(hash, root)
}

/// Verifies that the tree of `second` leaves with root `second_root` extends the tree of `first`
/// leaves with root `first_root` (RFC 9162 §2.1.4.2).
///
/// The RFC speaks of 0 < `first` < `second`. Here equal sizes need equal roots and an empty proof,
/// and a tree without leaves, which every tree extends, needs an empty proof and its own root.
///
/// # Errors
/// [`MerkleError::Shrunk`], [`MerkleError::WrongLength`] or [`MerkleError::RootMismatch`].
pub fn verify_consistency(
    first: u64,
    second: u64,
    first_root: &Digest,
    second_root: &Digest,
    path: &[Digest],
) -> Result<(), MerkleError> {
    if first > second {
        return Err(MerkleError::Shrunk { first, second });
    }
    let wrong_length = || MerkleError::WrongLength { len: path.len() };
    if first == second || first == 0 {
        if !path.is_empty() {
            return Err(wrong_length());
        }
        if first == 0 {
            same_root(empty_root(), first_root)?;
        }
        return if first == second {
            same_root(*second_root, first_root)
        } else {
            Ok(())
        };
    }
    // A tree of 2ⁿ leaves is itself a node of the larger one: the proof starts from its root,
    // which the verifier has.
    let mut hashes = first
        .is_power_of_two()
        .then_some(first_root)
        .into_iter()
        .chain(path);
    let mut first_hash = *hashes.next().ok_or_else(wrong_length)?;
    let mut second_hash = first_hash;
    if path.is_empty() {
        return Err(wrong_length());
    }
    let (mut node, mut last) = (first - 1, second - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    for sibling in hashes {
        if last == 0 {
            return Err(wrong_length());
        }
        if node & 1 == 1 || node == last {
            first_hash = node_hash(sibling, &first_hash);
            second_hash = node_hash(sibling, &second_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            second_hash = node_hash(&second_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same_root(first_hash, first_root)?;
    same_root(second_hash, second_root)
}

fn same_root(computed: Digest, expected: &Digest) -> Result<(), MerkleError> {
    if computed == *expected {
        Ok(())
    } else {
        Err(MerkleError::RootMismatch {
            computed,
            expected: *expected,
        })
    }
}

fn read(
    lookup: &impl Fn(u8, u64) -> Option<Digest>,
    NodeId { level, index }: NodeId,
) -> Result<Digest, MerkleError> {
    lookup(level, index).ok_or(MerkleError::MissingNode { level, index })
}

/// The root over peaks of falling height: `MTH(D[n]) = hash(MTH(D[0:k]), MTH(D[k:n]))` with k the
/// largest power of two below n, so the rightmost two are joined first.
fn fold_peaks(peaks: &[Digest]) -> Digest {
    peaks
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(empty_root)
}

/// The subtrees whose roots make the inclusion path, from the leaf up.
fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut begin, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end - begin > 1 {
        let split = begin + power_below(end - begin);
        if index < split {
            ranges.push(split..end);
            end = split;
        } else {
            ranges.push(begin..split);
            begin = split;
        }
    }
    ranges.reverse();
    ranges
}

/// The subtrees whose roots make the consistency proof: SUBPROOF of RFC 9162 §2.1.4.1, in
/// absolute leaf indexes.
fn consistency_ranges(first: u64, second: u64) -> Vec<Range<u64>> {
    if first == 0 || first >= second {
        return Vec::new();
    }
    let (mut begin, mut end) = (0, second);
    let mut ranges = Vec::new();
    while first != end {
        let split = begin + power_below(end - begin);
        if first <= split {
            ranges.push(split..end);
            end = split;
        } else {
            ranges.push(begin..split);
            begin = split;
        }
    }
    // Where the descent never went right, the subtree left is the older tree itself, whose root
    // the verifier has: the RFC's flag `b`.
    if begin != 0 {
        ranges.push(begin..end);
    }
    ranges.reverse();
    ranges
}

fn range_root(
    range: &Range<u64>,
    lookup: &impl Fn(u8, u64) -> Option<Digest>,
) -> Result<Digest, MerkleError> {
    let peaks = complete_nodes(range)
        .into_iter()
        .map(|node| read(lookup, node))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(fold_peaks(&peaks))
}

/// The largest complete subtrees that tile `range`, from the left. `range.start` is a multiple of
/// the smallest power of two not below the range's length, as in every range of the RFC.
fn complete_nodes(range: &Range<u64>) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    let mut begin = range.start;
    while begin < range.end {
        let level = (range.end - begin).ilog2();
        nodes.push(NodeId {
            level: level as u8,
            index: begin >> level,
        });
        begin += 1 << level;
    }
    nodes
}

/// The largest power of two strictly below `n`, for `n` of 2 or more.
fn power_below(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

#[cfg(test)]
mod tests;

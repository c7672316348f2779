use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// The roots of the first 0 to 8 leaves of the vectors that every Certificate Transparency
/// implementation shares, and the leaves.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn digest(hex_digits: &str) -> Digest {
    Digest::from_bytes(hex::decode(hex_digits).unwrap().try_into().unwrap())
}

fn digests(hex_digits: &[&str]) -> Vec<Digest> {
    hex_digits.iter().map(|h| digest(h)).collect()
}

/// A store of nodes, filled leaf by leaf.
struct Tree {
    nodes: BTreeMap<(u8, u64), Digest>,
    leaves: Vec<Digest>,
}

impl Tree {
    fn of(leaves: Vec<Digest>) -> Self {
        let mut nodes = BTreeMap::new();
        let mut frontier = Frontier::empty();
        for leaf in &leaves {
            for (NodeId { level, index }, hash) in frontier.push(*leaf).unwrap() {
                assert_eq!(
                    nodes.insert((level, index), hash),
                    None,
                    "a node is stored once"
                );
            }
        }
        Self { nodes, leaves }
    }

    fn classic() -> Self {
        Self::of(
            LEAVES
                .iter()
                .map(|leaf| leaf_hash(&hex::decode(leaf).unwrap()))
                .collect(),
        )
    }

    fn numbered(size: u64) -> Self {
        Self::of((0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect())
    }

    fn lookup(&self) -> impl Fn(u8, u64) -> Option<Digest> + '_ {
        |level, index| self.nodes.get(&(level, index)).copied()
    }

    fn root(&self, size: u64) -> Digest {
        root(size, self.lookup()).unwrap()
    }
}

// The definitions of RFC 9162 §2.1, as written there.

fn split(n: usize) -> usize {
    (1..n).rev().find(|k| k.is_power_of_two()).unwrap()
}

fn mth(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&mth(left), &mth(right))
        }
    }
}

fn path(m: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return vec![];
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, last) = if m < k {
        (path(m, left), mth(right))
    } else {
        (path(m - k, right), mth(left))
    };
    proof.push(last);
    proof
}

fn subproof(m: usize, leaves: &[Digest], whole: bool) -> Vec<Digest> {
    if m == leaves.len() {
        return if whole { vec![] } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, last) = if m <= k {
        (subproof(m, left, whole), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    proof.push(last);
    proof
}

#[test]
fn has_the_roots_of_the_certificate_transparency_vectors() {
    let tree = Tree::classic();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(tree.root(size as u64), digest(expected), "{size} leaves");
    }
}

#[test]
fn has_the_proofs_of_the_certificate_transparency_vectors() {
    let tree = Tree::classic();
    let path = inclusion_proof(5, 8, tree.lookup()).unwrap();
    assert_eq!(
        path,
        digests(&[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ])
    );
    let path = consistency_proof(6, 8, tree.lookup()).unwrap();
    assert_eq!(
        path,
        digests(&[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ])
    );
}

#[test]
fn every_small_tree_agrees_with_the_definition() {
    let tree = Tree::numbered(70);
    for size in 0..=70 {
        let leaves = &tree.leaves[..size];
        assert_eq!(tree.root(size as u64), mth(leaves), "root at {size}");
        for index in 0..size {
            let proof = inclusion_proof(index as u64, size as u64, tree.lookup()).unwrap();
            assert_eq!(proof, path(index, leaves), "leaf {index} of {size}");
            verify_inclusion(
                &leaves[index],
                index as u64,
                size as u64,
                &proof,
                &mth(leaves),
            )
            .unwrap();
        }
        for first in 1..size {
            let proof = consistency_proof(first as u64, size as u64, tree.lookup()).unwrap();
            assert_eq!(
                proof,
                subproof(first, leaves, true),
                "from {first} to {size}"
            );
            let (old, new) = (mth(&leaves[..first]), mth(leaves));
            verify_consistency(first as u64, size as u64, &old, &new, &proof).unwrap();
        }
    }
}

#[test]
fn asks_for_the_nodes_it_said_it_would() {
    let tree = Tree::numbered(45);
    let asked = RefCell::new(BTreeSet::new());
    let lookup = |level, index| {
        asked.borrow_mut().insert(NodeId { level, index });
        tree.lookup()(level, index)
    };
    for size in 0..=45 {
        for other in 0..size {
            inclusion_proof(other, size, lookup).unwrap();
            let said: BTreeSet<_> = inclusion_nodes(other, size).into_iter().collect();
            assert_eq!(asked.take(), said);
            consistency_proof(other, size, lookup).unwrap();
            let said: BTreeSet<_> = consistency_nodes(other, size).into_iter().collect();
            assert_eq!(asked.take(), said);
        }
        root(size, lookup).unwrap();
        assert_eq!(asked.take(), frontier_nodes(size).into_iter().collect());
    }
}

#[test]
fn batches_do_not_matter() {
    let tree = Tree::numbered(100);
    for batch in [1, 2, 7, 64, 100] {
        let mut nodes = BTreeMap::new();
        let mut size = 0;
        let mut root = empty_root();
        for leaves in tree.leaves.chunks(batch) {
            let appended = append(
                size,
                |level, index| nodes.get(&(level, index)).copied(),
                leaves.iter().copied(),
            )
            .unwrap();
            (size, root) = (appended.size, appended.root);
            nodes.extend(
                appended
                    .nodes
                    .iter()
                    .map(|(id, hash)| ((id.level, id.index), *hash)),
            );
        }
        assert_eq!((size, root), (100, mth(&tree.leaves)));
        assert_eq!(nodes, tree.nodes);
    }
}

#[test]
fn refuses_what_cannot_be() {
    let tree = Tree::classic();
    let none = |_, _| None;
    assert_eq!(
        root(3, none),
        Err(MerkleError::MissingNode { level: 1, index: 0 })
    );
    assert_eq!(
        inclusion_proof(8, 8, tree.lookup()),
        Err(MerkleError::LeafOutsideTree { index: 8, size: 8 })
    );
    assert_eq!(
        consistency_proof(5, 4, tree.lookup()),
        Err(MerkleError::Shrunk {
            first: 5,
            second: 4
        })
    );
    let (leaf, old, new) = (tree.leaves[0], tree.root(4), tree.root(8));
    let check = |result: Result<(), MerkleError>| assert!(result.is_err(), "{result:?}");
    check(verify_inclusion(&leaf, 0, 0, &[], &empty_root()));
    check(verify_inclusion(&leaf, 8, 8, &[], &new));
    check(verify_inclusion(&leaf, 0, 8, &[], &new));
    check(verify_inclusion(&leaf, 0, u64::MAX, &[leaf; 70], &new));
    check(verify_consistency(4, 8, &old, &new, &[]));
    check(verify_consistency(5, 8, &tree.root(5), &new, &[]));
    check(verify_consistency(8, 4, &new, &old, &[]));
    check(verify_consistency(4, 4, &old, &new, &[]));
    check(verify_consistency(4, 4, &old, &old, &[old]));
    check(verify_consistency(0, 4, &new, &old, &[]));
    check(verify_consistency(0, 4, &empty_root(), &old, &[old]));
    verify_consistency(0, 4, &empty_root(), &old, &[]).unwrap();
    verify_consistency(4, 4, &old, &old, &[]).unwrap();
    assert_eq!(frontier_nodes(u64::MAX).len(), 64);
    assert_eq!(inclusion_nodes(u64::MAX - 1, u64::MAX).len(), 63);
    assert_eq!(
        Frontier::load(u64::MAX, |_, _| Some(leaf))
            .unwrap()
            .push(leaf),
        Err(MerkleError::Full)
    );
}

proptest! {
    #[test]
    fn a_change_anywhere_breaks_an_inclusion_proof(
        size in 1u64..300, at in any::<prop::sample::Index>(), what in any::<prop::sample::Index>(),
        bit in 0usize..256,
    ) {
        let tree = Tree::numbered(size);
        let index = at.index(size as usize) as u64;
        let path = inclusion_proof(index, size, tree.lookup()).unwrap();
        let (leaf, root) = (tree.leaves[index as usize], tree.root(size));
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &path, &root), Ok(()));

        // One bit of the leaf, the root or one hash of the path.
        let mut values = vec![leaf, root];
        values.extend(&path);
        let target = what.index(values.len());
        let mut bytes = *values[target].as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        values[target] = Digest::from_bytes(bytes);
        prop_assert!(verify_inclusion(&values[0], index, size, &values[2..], &values[1]).is_err());

        // Another place, one hash too many, one too few.
        for other in (0..size).filter(|other| *other != index) {
            prop_assert!(verify_inclusion(&leaf, other, size, &path, &root).is_err());
        }
        let mut longer = path.clone();
        longer.push(leaf);
        prop_assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
        if let Some((_, shorter)) = path.split_last() {
            prop_assert!(verify_inclusion(&leaf, index, size, shorter, &root).is_err());
        }
    }

    #[test]
    fn a_rewritten_leaf_breaks_consistency(
        first in 1u64..200, more in 1u64..100, at in any::<prop::sample::Index>(),
    ) {
        let honest = Tree::numbered(first);
        let mut leaves = Tree::numbered(first + more).leaves;
        leaves[at.index(first as usize)] = leaf_hash(b"rewritten");
        let rewritten = Tree::of(leaves);
        let proof = consistency_proof(first, first + more, rewritten.lookup()).unwrap();
        let new = rewritten.root(first + more);
        prop_assert!(
            verify_consistency(first, first + more, &honest.root(first), &new, &proof).is_err()
        );
        prop_assert_eq!(
            verify_consistency(first, first + more, &rewritten.root(first), &new, &proof), Ok(())
        );
    }

    #[test]
    fn no_sizes_and_no_path_panic(
        a in any::<u64>(), b in any::<u64>(), len in 0usize..70,
    ) {
        let path = vec![empty_root(); len];
        let root = empty_root();
        let _ = verify_inclusion(&root, a, b, &path, &root);
        let _ = verify_consistency(a, b, &root, &root, &path);
        let _ = (inclusion_nodes(a, b), consistency_nodes(a, b), frontier_nodes(a));
    }
}

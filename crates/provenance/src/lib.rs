//! The Merkle log over records, signed checkpoints, inclusion and consistency proofs; the verifier.
//!
//! | module | what it holds |
//! |---|---|
//! | [`merkle`] | the tree of RFC 9162: hashing, appending, roots, proofs and their verification |
//! | [`note`] | signed notes (C2SP `signed-note`), Ed25519 keys and their written form |
//! | [`checkpoint`] | what a log promises at a size (C2SP `tlog-checkpoint`): origin, size, root |
//! | [`proof`] | one file that proves one record, and its verification offline |
//! | [`prov`] | records as PROV-JSON, for the tools of others |
//!
//! A record's leaf is its stored bytes, verbatim: nothing but [`prov`] reads a record, and nothing
//! re-encodes one. Which records exist and in which order is the ledger's business; this crate is given
//! leaf hashes and answers with tree nodes, roots and proofs.
//!
//! Invariants:
//! - values in, values out: no I/O, no clock, no randomness. Tree nodes are read through a closure
//!   the caller gives; signing keys are made from a seed, and Ed25519 signatures (RFC 8032) are
//!   deterministic, so the same log has the same checkpoints to the byte;
//! - a stored tree node never changes: only *complete* subtrees are stored;
//! - verification trusts nothing but the verifier key it is given: neither the key nor the origin
//!   written in a file;
//! - no input makes it panic: whatever comes from outside is refused with a reason.

pub mod checkpoint;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod prov;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use merkle::{Appended, Frontier, MerkleError, NodeId};
pub use note::{Note, NoteError, SigningKey, VerifierKey};
pub use proof::{Proof, ProofError, VerifiedProof, verify_proof};
pub use prov::prov_json;

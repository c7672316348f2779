//! Keys, salts, envelopes, identifiers and masks.
//!
//! | module | what it holds |
//! |---|---|
//! | [`secrets`] | the secrets of one authority, random or derived from a file |
//! | [`collection`] | what the secret of a collection names: documents, people, equal contents |
//! | [`envelope`] | the key and salt of one subject: artifact names, run keys, sealing, wrapping |
//! | [`share`] | random shares that anyone with the audit key can recompute |
//! | [`identifiers`] | what names a person in French text: numbers, addresses, names |
//! | [`clues`] | what describes a person without a name |
//! | [`masking`] | what of it is hidden, for whom |
//! | [`evaluation`](mod@evaluation) | how much of it is found, on annotated notes |
//! | [`password`], [`totp`], [`bearer`] | what people and programs show to be known again |
//! | [`random`] | the only source of randomness |
//!
//! The tree of keys:
//!
//! ```text
//! authority ── master key ───── wraps every envelope; seals secrets of one-time codes
//!           ├─ log seed ─────── signs checkpoints
//!           ├─ audit key ────── draws random shares
//!           ├─ collection root ─ one secret per collection: ids of documents and people
//!           └─ envelope root ── only where derived: the envelopes themselves
//! envelope ─┬─ key ──────────── encrypts artifacts
//!           └─ salt ─────────── names artifacts and runs
//! ```
//!
//! Invariants:
//! - values in, values out: no I/O but the operating system's randomness, in one function;
//! - one key, one purpose: keys used in more than one way are split by HKDF-SHA256 (RFC 5869) under
//!   a label that never changes; a change of algorithm is a new leading format byte;
//! - what is encrypted twice is the same bytes twice, so that a stage run again changes nothing;
//! - secrets are wiped when dropped and never shown by `Debug`;
//! - nothing that comes from outside makes it panic.
//!
//! Erasing a subject means destroying its wrapped envelope, in every copy. Names and run keys that
//! stay in records are then HMACs under a salt that no longer exists. This holds for random
//! secrets; **derived** ones, meant for tests and demonstrations, can always be derived again.

pub mod bearer;
pub mod clues;
pub mod collection;
pub mod envelope;
pub mod evaluation;
pub mod identifiers;
mod keyed;
pub mod masking;
pub mod password;
pub mod random;
pub mod secrets;
pub mod share;
pub mod totp;

pub use bearer::Bearer;
pub use collection::{CollectionSecret, Pseudonyms};
pub use envelope::{Envelope, OpenError, Sealed};
pub use identifiers::{Found, IdentifierKind};
pub use keyed::SecretKey;
pub use masking::Masking;
pub use random::RandomError;
pub use secrets::{AccountKey, Secrets, SecretsError};

//! One file that proves that a record is in the log, and its verification offline.
//!
//! The file is JSON, format `greffier.proof/1`:
//!
//! | field | meaning |
//! |---|---|
//! | `format` | `greffier.proof/1` |
//! | `record` | the record's stored bytes as a string: UTF-8 JSON, hashed as it is |
//! | `leaf_index` | its place in the log, from 0 |
//! | `inclusion_path` | RFC 9162 inclusion proof, from the leaf's sibling up |
//! | `checkpoint` | the signed note (C2SP `tlog-checkpoint`) that the path leads to |
//! | `verifier_key` | the key that signed it, for people to compare; verification does not use it |
//!
//! To verify by hand: SHA-256 of a zero byte and the record's bytes, folded along the path, must
//! give the root in the checkpoint, and the checkpoint must be signed by a key known from
//! elsewhere. A proof holds no more personal data than the record, which holds none, and goes on
//! verifying after the document has been erased.

use domain::Digest;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::merkle::{self, MerkleError};
use crate::note::{NoteError, VerifierKey};

/// What `format` says.
pub const FORMAT: &str = "greffier.proof/1";

/// A longer file is refused before it is read: a record takes kilobytes.
pub const PROOF_BYTES_MAX: usize = 16 << 20;

/// Why a proof could not be made or does not verify.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The file is larger than any proof.
    #[error("proof of {len} bytes is larger than {PROOF_BYTES_MAX}")]
    TooLong {
        /// Bytes in the file.
        len: usize,
    },
    /// The file is not the JSON of a proof.
    #[error("proof is malformed")]
    Malformed(#[from] serde_json::Error),
    /// The file is of a format this version does not read.
    #[error("proof is of format `{format}`, expected `{FORMAT}`")]
    WrongFormat {
        /// The format written in the file.
        format: String,
    },
    /// The record is not UTF-8, so it cannot be a record.
    #[error("record is not UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// The verifier key in the file is not a key.
    #[error("verifier key `{text}` in the proof is malformed")]
    BadKey {
        /// The key as written.
        text: String,
        /// What is wrong with it.
        #[source]
        source: NoteError,
    },
    /// The proof is under another key than the trusted one.
    #[error("proof is under key `{key}`, not under the trusted `{trusted}`")]
    UntrustedKey {
        /// The key written in the file.
        key: String,
        /// The key that was trusted, written.
        trusted: String,
    },
    /// The checkpoint is malformed or not signed by the trusted key.
    #[error("checkpoint of the proof does not verify")]
    Checkpoint(#[from] CheckpointError),
    /// The record is not at that place of the log at the checkpoint.
    #[error("record at leaf {leaf_index} is not in the log at {size} leaves")]
    NotIncluded {
        /// The place that the proof claims.
        leaf_index: u64,
        /// Leaves at the checkpoint.
        size: u64,
        /// What the inclusion path failed on.
        #[source]
        source: MerkleError,
    },
}

/// A proof as written. It says nothing until [`Proof::verify`] has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    format: String,
    record: String,
    leaf_index: u64,
    inclusion_path: Vec<Digest>,
    checkpoint: String,
    verifier_key: String,
}

/// What a proof proves, under the key that was trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedProof {
    /// The record's stored bytes.
    pub record: Vec<u8>,
    /// Its place in the log, from 0.
    pub leaf_index: u64,
    /// The log's state that it was proven against.
    pub checkpoint: Checkpoint,
    /// The key that signed the checkpoint.
    pub key: VerifierKey,
}

impl Proof {
    /// The proof that `record` is leaf `leaf_index` of the log at the checkpoint in
    /// `checkpoint_note`. It is verified before it is handed out: a log that is damaged gives no
    /// proofs rather than wrong ones.
    ///
    /// # Errors
    /// [`ProofError::NotUtf8`], [`ProofError::Checkpoint`] or [`ProofError::NotIncluded`].
    pub fn new(
        record: &[u8],
        leaf_index: u64,
        inclusion_path: Vec<Digest>,
        checkpoint_note: &str,
        key: &VerifierKey,
    ) -> Result<Self, ProofError> {
        let record = std::str::from_utf8(record).map_err(ProofError::NotUtf8)?;
        let proof = Self {
            format: FORMAT.to_owned(),
            record: record.to_owned(),
            leaf_index,
            inclusion_path,
            checkpoint: checkpoint_note.to_owned(),
            verifier_key: key.to_string(),
        };
        proof.verify(key)?;
        Ok(proof)
    }

    /// Reads a proof without verifying it.
    ///
    /// # Errors
    /// [`ProofError::TooLong`], [`ProofError::Malformed`] or [`ProofError::WrongFormat`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        #[derive(Deserialize)]
        struct Format {
            format: String,
        }

        if bytes.len() > PROOF_BYTES_MAX {
            return Err(ProofError::TooLong { len: bytes.len() });
        }
        // The format first, so that a proof of a later format is named as such.
        let Format { format } = serde_json::from_slice(bytes)?;
        if format != FORMAT {
            return Err(ProofError::WrongFormat { format });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The file: indented JSON with a newline at the end, the same for the same proof.
    ///
    /// # Errors
    /// [`ProofError::Malformed`], which strings and numbers do not cause.
    pub fn to_json(&self) -> Result<String, ProofError> {
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        Ok(json)
    }

    /// The key written in the file, to be compared with one known from elsewhere.
    ///
    /// # Errors
    /// [`ProofError::BadKey`].
    pub fn claimed_key(&self) -> Result<VerifierKey, ProofError> {
        self.verifier_key
            .parse()
            .map_err(|source| ProofError::BadKey {
                text: self.verifier_key.clone(),
                source,
            })
    }

    /// Verifies the proof under `trusted`.
    ///
    /// # Errors
    /// [`ProofError::BadKey`], [`ProofError::UntrustedKey`], [`ProofError::Checkpoint`] or
    /// [`ProofError::NotIncluded`].
    pub fn verify(&self, trusted: &VerifierKey) -> Result<VerifiedProof, ProofError> {
        // The signature would be refused as well; this says why.
        let key = self.claimed_key()?;
        if key != *trusted {
            return Err(ProofError::UntrustedKey {
                key: key.to_string(),
                trusted: trusted.to_string(),
            });
        }
        let checkpoint = Checkpoint::verify(&self.checkpoint, trusted)?;
        merkle::verify_inclusion(
            &merkle::leaf_hash(self.record.as_bytes()),
            self.leaf_index,
            checkpoint.size,
            &self.inclusion_path,
            &checkpoint.root,
        )
        .map_err(|source| ProofError::NotIncluded {
            leaf_index: self.leaf_index,
            size: checkpoint.size,
            source,
        })?;
        Ok(VerifiedProof {
            record: self.record.clone().into_bytes(),
            leaf_index: self.leaf_index,
            checkpoint,
            key,
        })
    }
}

/// Verifies a proof file under a key known from elsewhere. Needs nothing but these two values.
///
/// # Errors
/// As [`Proof::parse`] and [`Proof::verify`].
pub fn verify_proof(bytes: &[u8], trusted: &VerifierKey) -> Result<VerifiedProof, ProofError> {
    Proof::parse(bytes)?.verify(trusted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::note::SigningKey;

    fn key() -> SigningKey {
        SigningKey::from_seed("mairie.example/journal", &[1; 32]).unwrap()
    }

    fn record(i: u64) -> String {
        format!(r#"{{"format":"greffier.record/1","n":{i},"text":"\"é\n"}}"#)
    }

    fn proof(index: u64, size: u64) -> Proof {
        let leaves = (0..size).map(|i| merkle::leaf_hash(record(i).as_bytes()));
        let appended = merkle::append(0, |_, _| None, leaves).unwrap();
        let nodes: BTreeMap<_, _> = appended.nodes.iter().copied().collect();
        let lookup = |level, index| nodes.get(&merkle::NodeId { level, index }).copied();
        let path = merkle::inclusion_proof(index, size, lookup).unwrap();
        let checkpoint = Checkpoint::new(key().name(), size, appended.root);
        let note = checkpoint.sign(&key()).unwrap();
        Proof::new(
            record(index).as_bytes(),
            index,
            path,
            &note,
            key().verifier(),
        )
        .unwrap()
    }

    #[test]
    fn verifies_every_record() {
        for size in [1, 2, 7, 8, 33] {
            for index in 0..size {
                let json = proof(index, size).to_json().unwrap();
                let verified = verify_proof(json.as_bytes(), key().verifier()).unwrap();
                assert_eq!(verified.record, record(index).as_bytes());
                assert_eq!(
                    (verified.leaf_index, verified.checkpoint.size),
                    (index, size)
                );
                assert_eq!(&verified.key, key().verifier());
            }
        }
    }

    /// The format is a promise to whoever keeps a file for years: this one must verify for ever.
    #[test]
    fn verifies_the_proof_kept_from_format_1() {
        let kept = include_bytes!("../tests/golden/proof-1.json");
        assert_eq!(proof(5, 11).to_json().unwrap().as_bytes(), kept);
        let key = "mairie.example/journal+bf23d5f1+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
        let verified = verify_proof(kept, &key.parse().unwrap()).unwrap();
        assert_eq!(verified.record, record(5).as_bytes());
    }

    #[test]
    fn refuses_a_change_of_any_field() {
        let good: Value = serde_json::from_str(&proof(3, 7).to_json().unwrap()).unwrap();
        let check = |field: &str, value: Value| {
            let mut bad = good.clone();
            bad[field] = value;
            let result = verify_proof(bad.to_string().as_bytes(), key().verifier());
            assert!(result.is_err(), "{bad}");
        };
        let other = SigningKey::from_seed("mairie.example/journal", &[2; 32]).unwrap();
        check("format", json!("greffier.proof/2"));
        check("record", json!(record(4)));
        check("record", json!(format!("{} ", record(3))));
        check("leaf_index", json!(2));
        check("leaf_index", json!(-1));
        check("leaf_index", json!(1u64 << 63));
        check("inclusion_path", json!([]));
        check("inclusion_path", json!(["sha256:00"]));
        check("checkpoint", json!(""));
        check("verifier_key", json!(other.verifier().to_string()));
        check("verifier_key", json!("?"));
        check("surprise", json!(1));
        let resigned = Checkpoint::new(other.name(), 7, Digest::of(b""))
            .sign(&other)
            .unwrap();
        check("checkpoint", json!(resigned));
    }

    #[test]
    fn trusts_no_key_of_the_file() {
        let json = proof(3, 7).to_json().unwrap();
        let other = SigningKey::from_seed("mairie.example/journal", &[2; 32]).unwrap();
        let error = verify_proof(json.as_bytes(), other.verifier()).unwrap_err();
        assert!(matches!(error, ProofError::UntrustedKey { .. }), "{error}");
    }

    #[test]
    fn makes_no_proof_that_fails() {
        let good = proof(3, 7);
        let make = |record: &[u8], index| {
            let path = good.inclusion_path.clone();
            Proof::new(record, index, path, &good.checkpoint, key().verifier())
        };
        assert!(make(record(3).as_bytes(), 3).is_ok());
        assert!(matches!(
            make(record(4).as_bytes(), 3),
            Err(ProofError::NotIncluded { .. })
        ));
        assert!(matches!(
            make(record(3).as_bytes(), 4),
            Err(ProofError::NotIncluded { .. })
        ));
        assert!(matches!(make(&[0xff], 3), Err(ProofError::NotUtf8(_))));
    }

    #[test]
    fn refuses_what_is_not_a_proof() {
        let check = |bytes: &[u8]| assert!(verify_proof(bytes, key().verifier()).is_err());
        check(b"");
        check(b"null");
        check(b"{}");
        check(b"\xff");
        check(&b"[".repeat(100_000));
        check(br#"{"format":"greffier.proof/1"}"#);
        check(&vec![b' '; PROOF_BYTES_MAX + 1]);
        let json = proof(0, 1).to_json().unwrap();
        check(json.replacen('{', r#"{"leaf_index":0,"#, 1).as_bytes());
    }

    proptest! {
        #[test]
        fn no_changed_byte_verifies_as_another_record(
            at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut json = proof(5, 11).to_json().unwrap().into_bytes();
            let at = at.index(json.len());
            json[at] = byte;
            // White space and the case of a hexadecimal digit may change; what is proven may not.
            if let Ok(verified) = verify_proof(&json, key().verifier()) {
                prop_assert_eq!(verified.record, record(5).into_bytes());
                prop_assert_eq!(verified.leaf_index, 5);
            }
        }
    }
}

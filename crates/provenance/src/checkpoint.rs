//! Checkpoints: what a log promises at a size (C2SP `tlog-checkpoint`).
//!
//! The text of a checkpoint is three lines: the origin (which log), the number of leaves, the root
//! in base64. It travels as a signed [note](crate::note), readable and checkable by the tools of
//! transparency logs. Whoever keeps one can later ask the log to prove that it still extends it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Digest;

use crate::merkle::{self, MerkleError};
use crate::note::{Note, NoteError, SigningKey, VerifierKey};

/// A log's state: its name, its size, its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log, as a schema-less URL: `example.org/journal`. Also the signing key's name.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// The root over them, RFC 9162 §2.1.1.
    pub root: Digest,
    /// Opaque lines that another implementation added. This one writes none.
    pub extensions: Vec<String>,
}

/// Why a checkpoint was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is malformed, or the key did not sign it.
    #[error("checkpoint refused")]
    Note(#[from] NoteError),
    /// The note's text is not a checkpoint.
    #[error("checkpoint is malformed: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The origin is not the name of the key, or of the other checkpoint. A key signs for one log
    /// only, else a checkpoint of one log could stand for another.
    #[error("checkpoint is of `{origin}`, expected `{expected}`")]
    WrongOrigin {
        /// The origin written in the checkpoint.
        origin: String,
        /// The origin expected.
        expected: String,
    },
    /// A later checkpoint does not extend an earlier one: the log was cut or rewritten.
    #[error("the checkpoint at {second} leaves does not extend the one at {first}")]
    NotExtended {
        /// Leaves at the earlier checkpoint.
        first: u64,
        /// Leaves at the later one.
        second: u64,
        /// What the consistency proof failed on.
        #[source]
        source: MerkleError,
    },
}

impl Checkpoint {
    /// The state of the log `origin`.
    pub fn new(origin: impl Into<String>, size: u64, root: Digest) -> Self {
        Self {
            origin: origin.into(),
            size,
            root,
            extensions: Vec::new(),
        }
    }

    /// The text that is signed.
    pub fn to_text(&self) -> String {
        let root = STANDARD.encode(self.root.as_bytes());
        let mut text = format!("{}\n{}\n{root}\n", self.origin, self.size);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads the text of a checkpoint whose signature has been verified.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let malformed = |reason| CheckpointError::Malformed { reason };
        let text = text
            .strip_suffix('\n')
            .ok_or_else(|| malformed("no newline at the end"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size_text), Some(root)) =
            (lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed("expected an origin, a size and a root"));
        };
        if origin.is_empty() {
            return Err(malformed("the origin is empty"));
        }
        let size: u64 = size_text
            .parse()
            .map_err(|_| malformed("the size is not a decimal number below 2⁶⁴"))?;
        // One size, one text: no sign, no leading zero.
        if size.to_string() != size_text {
            return Err(malformed("the size is not in its shortest form"));
        }
        let root = STANDARD
            .decode(root)
            .map_err(|_| malformed("the root is not base64"))?;
        let root = root
            .try_into()
            .map_err(|_| malformed("the root is not 32 bytes long"))?;
        let root = Digest::from_bytes(root);
        if size == 0 && root != merkle::empty_root() {
            return Err(malformed("the root is not that of a tree without leaves"));
        }
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(malformed("an extension line is empty"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions,
        })
    }

    /// The signed note.
    ///
    /// # Errors
    /// [`CheckpointError::WrongOrigin`] when the key is not named after the origin,
    /// [`CheckpointError::Malformed`] when the text could not be read back.
    pub fn sign(&self, key: &SigningKey) -> Result<String, CheckpointError> {
        self.check_origin(key.name())?;
        let text = self.to_text();
        if Self::from_text(&text)? != *self {
            return Err(CheckpointError::Malformed {
                reason: "a line holds a newline",
            });
        }
        Ok(key.sign(&text)?)
    }

    /// The checkpoint in a signed note, once `key` is known to have signed it.
    ///
    /// # Errors
    /// [`CheckpointError::Note`], [`CheckpointError::Malformed`], or
    /// [`CheckpointError::WrongOrigin`] when the origin is not the key's name.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let note = Note::parse(note)?;
        let checkpoint = Self::from_text(note.verify(key)?)?;
        checkpoint.check_origin(key.name())?;
        Ok(checkpoint)
    }

    /// Verifies with a consistency proof that this checkpoint's log extends the one of `earlier`:
    /// nothing that was in it has changed, moved or gone.
    ///
    /// # Errors
    /// [`CheckpointError::WrongOrigin`] or [`CheckpointError::NotExtended`].
    pub fn verify_extends(&self, earlier: &Self, path: &[Digest]) -> Result<(), CheckpointError> {
        self.check_origin(&earlier.origin)?;
        let (first, second) = (earlier.size, self.size);
        merkle::verify_consistency(first, second, &earlier.root, &self.root, path).map_err(
            |source| CheckpointError::NotExtended {
                first,
                second,
                source,
            },
        )
    }

    fn check_origin(&self, expected: &str) -> Result<(), CheckpointError> {
        if self.origin == expected {
            Ok(())
        } else {
            Err(CheckpointError::WrongOrigin {
                origin: self.origin.clone(),
                expected: expected.to_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    const ORIGIN: &str = "mairie.example/journal";

    fn key() -> SigningKey {
        SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap()
    }

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint::new(ORIGIN, size, leaf_hash(&size.to_be_bytes()))
    }

    #[test]
    fn signs_what_the_format_says() {
        let root = Digest::from_bytes([0xab; 32]);
        let note = Checkpoint::new(ORIGIN, 42, root).sign(&key()).unwrap();
        let (text, signature) = note.split_once("\n\n").unwrap();
        assert_eq!(
            text,
            "mairie.example/journal\n42\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="
        );
        assert!(
            signature.starts_with("\u{2014} mairie.example/journal "),
            "{signature}"
        );
        assert_eq!(
            note,
            Checkpoint::new(ORIGIN, 42, root).sign(&key()).unwrap()
        );
    }

    #[test]
    fn reads_what_it_signs() {
        let empty = Checkpoint::new(ORIGIN, 0, merkle::empty_root());
        for checkpoint in [empty, checkpoint(1), checkpoint(u64::MAX)] {
            let note = checkpoint.sign(&key()).unwrap();
            assert_eq!(Checkpoint::verify(&note, key().verifier()), Ok(checkpoint));
        }
    }

    #[test]
    fn keeps_the_extensions_of_others() {
        let mut extended = checkpoint(3);
        extended.extensions = vec!["one".to_owned(), "two".to_owned()];
        let note = extended.sign(&key()).unwrap();
        assert_eq!(Checkpoint::verify(&note, key().verifier()), Ok(extended));
    }

    #[test]
    fn refuses_malformed_texts() {
        let root = STANDARD.encode([1; 32]);
        let check = |text: &str| {
            let note = key().sign(text).unwrap();
            let error = Checkpoint::verify(&note, key().verifier()).unwrap_err();
            assert!(
                matches!(error, CheckpointError::Malformed { .. }),
                "{text:?}: {error}"
            );
        };
        check("mairie.example/journal\n");
        check("mairie.example/journal\n3\n");
        check(&format!("\n3\n{root}\n"));
        for size in ["", "-1", "+3", "03", "3 ", "0x3", "18446744073709551616"] {
            check(&format!("{ORIGIN}\n{size}\n{root}\n"));
        }
        for root in [
            "",
            "AAAA",
            "!",
            root.trim_end_matches('='),
            &format!("{root} "),
        ] {
            check(&format!("{ORIGIN}\n3\n{root}\n"));
        }
        check(&format!("{ORIGIN}\n0\n{root}\n"));
        check(&format!("{ORIGIN}\n3\n{root}\n\nextension\n"));
    }

    #[test]
    fn one_key_speaks_for_one_log() {
        let other = SigningKey::from_seed("other.example/journal", &[1; 32]).unwrap();
        let wrong = |expected: &str| CheckpointError::WrongOrigin {
            origin: ORIGIN.to_owned(),
            expected: expected.to_owned(),
        };
        assert_eq!(
            checkpoint(3).sign(&other),
            Err(wrong("other.example/journal"))
        );
        let note = other.sign(&checkpoint(3).to_text()).unwrap();
        assert_eq!(
            Checkpoint::verify(&note, other.verifier()),
            Err(wrong("other.example/journal"))
        );
    }

    #[test]
    fn refuses_to_sign_what_it_could_not_read() {
        let mut two_lines = checkpoint(3);
        two_lines.extensions = vec!["a\nb".to_owned()];
        let mut blank = checkpoint(3);
        blank.extensions = vec![String::new()];
        let not_empty = checkpoint(0);
        for checkpoint in [two_lines, blank, not_empty] {
            assert!(checkpoint.sign(&key()).is_err(), "{checkpoint:?}");
        }
    }

    #[test]
    fn finds_a_log_that_was_rewritten_or_cut() {
        let leaves: Vec<_> = (0..4u8).map(|i| leaf_hash(&[i])).collect();
        let at = |leaves: &[Digest]| {
            let appended = merkle::append(0, |_, _| None, leaves.iter().copied()).unwrap();
            Checkpoint::new(ORIGIN, appended.size, appended.root)
        };
        let appended = merkle::append(0, |_, _| None, leaves.iter().copied()).unwrap();
        let path = merkle::consistency_proof(3, 4, |level, index| {
            let found = appended
                .nodes
                .iter()
                .find(|(id, _)| (id.level, id.index) == (level, index));
            found.map(|(_, hash)| *hash)
        })
        .unwrap();
        let (old, new) = (at(&leaves[..3]), at(&leaves));
        assert_eq!(new.verify_extends(&old, &path), Ok(()));
        assert!(old.verify_extends(&new, &path).is_err());
        let rewritten = at(&[leaves[0], leaves[0], leaves[2], leaves[3]]);
        assert!(rewritten.verify_extends(&old, &path).is_err());
        let mut elsewhere = old;
        elsewhere.origin = "other.example/journal".to_owned();
        assert!(new.verify_extends(&elsewhere, &path).is_err());
    }
}

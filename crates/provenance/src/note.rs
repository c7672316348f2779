//! Signed notes: a text and, below it, signature lines (C2SP `signed-note`, Ed25519).
//!
//! ```text
//! example.org/journal
//! 3
//! rrbM/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=
//!
//! — example.org/journal <base64 of key id and signature>
//! ```
//!
//! The signature covers the text with its last newline, not the blank line below. A verifier key
//! is written `name+<key id in hexadecimal>+<base64 of 0x01 and the public key>`, as Go's
//! `sumdb/note` and the tools of transparency logs read it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

/// A longer note is refused before it is read. Post-quantum signatures take up to 5 kB, and a
/// reader must accept sixteen signatures at least.
pub const NOTE_BYTES_MAX: usize = 1 << 20;

/// A note with more signatures is refused.
pub const SIGNATURES_MAX: usize = 100;

/// The byte that says "Ed25519" in key ids and verifier keys.
const ED25519: u8 = 0x01;

/// What a signature line starts with: an em dash and a space.
const SIGNATURE_START: &str = "\u{2014} ";

/// Why a note or a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key's name is empty or holds a space, a plus sign or a control character.
    #[error(
        "`{name}` cannot name a key: it is empty or holds a space, a plus sign or a control character"
    )]
    BadKeyName {
        /// The name as given.
        name: String,
    },
    /// A text is not a verifier key.
    #[error("verifier key is malformed: {reason}")]
    BadVerifierKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text cannot be signed, or a note cannot be read.
    #[error("note is malformed: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A signature line cannot be read.
    #[error("signature line {line} is malformed: {reason}")]
    BadSignatureLine {
        /// Counted from 1 below the blank line.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The key expected did not sign the note.
    #[error("the note is not signed by `{key}`")]
    NotSigned {
        /// The verifier key, written.
        key: String,
    },
    /// A signature that claims the key expected does not fit the text.
    #[error("the signature of `{name}` does not verify")]
    BadSignature {
        /// The key's name.
        name: String,
    },
}

/// An Ed25519 key that signs notes, and its name.
///
/// `Debug` shows the name only; the secret is wiped when the key is dropped.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key that the 32 bytes of `seed` determine (RFC 8032 §5.1.5), named `name`.
    ///
    /// # Errors
    /// [`NoteError::BadKeyName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, key.verifying_key())?;
        Ok(Self { key, verifier })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// The public half, to be given to whoever verifies.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signed note over `text`.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when the text is empty, does not end with a newline or holds
    /// another control character.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        check_text(text)?;
        let signature = self.key.sign(text.as_bytes());
        let mut blob = self.verifier.id.to_vec();
        blob.extend_from_slice(&signature.to_bytes());
        let (name, blob) = (self.name(), STANDARD.encode(blob));
        Ok(format!("{text}\n{SIGNATURE_START}{name} {blob}\n"))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// The public half of a key that signs notes. Written `name+id+key`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, key: ed25519_dalek::VerifyingKey) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::BadKeyName {
                name: name.to_owned(),
            });
        }
        Ok(Self {
            id: key_id(name, key.as_bytes()),
            name: name.to_owned(),
            key,
        })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256(name ‖ 0x0a ‖ 0x01 ‖ public key). An identifier, not a
    /// fingerprint: it is too short to be one.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The 32 bytes of the public key (RFC 8032).
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.id),
            STANDARD.encode(key)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let bad = |reason| NoteError::BadVerifierKey { reason };
        // The base64 alphabet has a plus sign, so only the first two separate.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("expected `name+id+key`"));
        };
        let mut expected_id = [0; 4];
        hex::decode_to_slice(id, &mut expected_id)
            .map_err(|_| bad("the key id is not 8 hexadecimal digits"))?;
        let key = STANDARD
            .decode(key)
            .map_err(|_| bad("the key is not base64"))?;
        let Some((&ED25519, key)) = key.split_first() else {
            return Err(bad("the key is not an Ed25519 key"));
        };
        let key = <&[u8; 32]>::try_from(key).map_err(|_| bad("the key is not 32 bytes long"))?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(key)
            .map_err(|_| bad("the key is not a point of the curve"))?;
        // Under a key of small order one signature fits many texts.
        if key.is_weak() {
            return Err(bad("the key is weak"));
        }
        let verifier = Self::new(name, key)?;
        if verifier.id != expected_id {
            return Err(bad("the key id does not fit the name and key"));
        }
        Ok(verifier)
    }
}

/// A note as read. Its text means nothing until a signature has been verified, so it can only be
/// had from [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl Note {
    /// Reads a note without verifying anything.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] or [`NoteError::BadSignatureLine`]: one malformed signature line
    /// refuses the note, whoever's it is, because such a note was not written by this format.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let malformed = |reason| NoteError::Malformed { reason };
        if note.len() > NOTE_BYTES_MAX {
            return Err(malformed("it is longer than one mebibyte"));
        }
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(malformed("it holds a control character"));
        }
        // The text may hold empty lines: the last one separates.
        let at = note
            .rfind("\n\n")
            .ok_or_else(|| malformed("no blank line before signatures"))?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        check_text(text)?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or_else(|| malformed("the last signature line is missing or incomplete"))?;
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(malformed("it has more than 100 signatures"));
        }
        let signatures = lines
            .split('\n')
            .enumerate()
            .map(|(i, line)| {
                parse_signature(line).map_err(|reason| NoteError::BadSignatureLine {
                    line: i + 1,
                    reason,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The text, once `key` is known to have signed it. Signatures of other keys are ignored;
    /// every signature that claims `key` must verify.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`] or [`NoteError::BadSignature`].
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, NoteError> {
        let mut signed = false;
        for line in self
            .signatures
            .iter()
            .filter(|s| s.name == key.name && s.id == key.id)
        {
            let bad = || NoteError::BadSignature {
                name: key.name.clone(),
            };
            let signature = Signature::from_slice(&line.signature).map_err(|_| bad())?;
            key.key
                .verify_strict(self.text.as_bytes(), &signature)
                .map_err(|_| bad())?;
            signed = true;
        }
        if signed {
            Ok(&self.text)
        } else {
            Err(NoteError::NotSigned {
                key: key.to_string(),
            })
        }
    }
}

fn parse_signature(line: &str) -> Result<NoteSignature, &'static str> {
    let line = line
        .strip_prefix(SIGNATURE_START)
        .ok_or("it does not start with an em dash")?;
    let (name, blob) = line
        .split_once(' ')
        .ok_or("expected a name and a signature")?;
    if !is_key_name(name) {
        return Err("the key name is empty or holds a space or a plus sign");
    }
    let blob = STANDARD
        .decode(blob)
        .map_err(|_| "the signature is not base64")?;
    let (id, signature) = blob
        .split_first_chunk()
        .ok_or("the signature is too short")?;
    if signature.is_empty() {
        return Err("the signature is too short");
    }
    Ok(NoteSignature {
        name: name.to_owned(),
        id: *id,
        signature: signature.to_vec(),
    })
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let malformed = |reason| Err(NoteError::Malformed { reason });
    if text.trim_end_matches('\n').is_empty() {
        malformed("the text is empty")
    } else if !text.ends_with('\n') {
        malformed("the text does not end with a newline")
    } else if text.chars().any(|c| c < ' ' && c != '\n') {
        malformed("the text holds a control character")
    } else {
        Ok(())
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c == '+' || c < ' ')
}

fn key_id(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', ED25519]);
    hasher.update(public_key);
    let hash: [u8; 32] = hasher.finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests;

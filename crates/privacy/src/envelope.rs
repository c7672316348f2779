//! The envelope of a subject: a key that encrypts its artifacts and a salt that names them.
//!
//! # Why the same plaintext may be sealed with the same nonce
//!
//! A nonce must never serve two different messages under one key. Here the nonce is
//! HMAC(nonce key, name), and the name is HMAC(salt, SHA-256(plaintext)): two plaintexts with the
//! same nonce would need the same name, which is a collision of SHA-256 or HMAC, or of the first
//! 192 bits of the latter. So a nonce repeats only with the very same plaintext, and gives the very
//! same bytes. Those reveal that the same artifact was stored twice, which its name says anyway.
//! This is the construction of synthetic nonces (RFC 5297, SIV), with the name as the synthetic
//! part. Wrapped envelopes are made the same way, with HMAC(nonce key, subject ‖ key ‖ salt).
//!
//! What an attacker with the files learns: how many artifacts there are and how long each is.

use domain::{ArtifactName, Digest, RunKey, SubjectId};
use zeroize::Zeroizing;

use crate::keyed::{self, NONCE_LEN, SecretKey, first};

/// The leading byte of a sealed artifact: XChaCha20-Poly1305, nonce from the name.
const SEALED: u8 = 1;

/// The leading byte of a wrapped envelope: XChaCha20-Poly1305, nonce stored.
const WRAPPED: u8 = 1;

/// The key and the salt of one subject. Destroying both, in every copy, erases the subject.
#[derive(Clone, Debug)]
pub struct Envelope {
    key: SecretKey,
    salt: SecretKey,
}

/// An artifact as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What it is called, in records and on disk.
    pub name: ArtifactName,
    /// The encrypted bytes: 17 more than the plaintext.
    pub bytes: Vec<u8>,
}

/// Why an artifact or an envelope could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is nothing, or not enough, to open.
    #[error("sealed bytes are too short: {len}")]
    TooShort {
        /// Bytes given.
        len: usize,
    },
    /// Written by a later version.
    #[error("sealed bytes are of unknown format {format}")]
    UnknownFormat {
        /// The leading byte.
        format: u8,
    },
    /// Damaged, exchanged for another, or under another key: which one cannot be told.
    #[error("sealed bytes are damaged, or not what their name and key say")]
    NotAuthentic,
    /// The bytes decrypt but are not what the name promises: sealed by something else.
    #[error("artifact is named {name} but its content should be named {actual}")]
    WrongName {
        /// The name it was asked under.
        name: ArtifactName,
        /// The name of what it holds.
        actual: ArtifactName,
    },
}

/// An artifact beyond the cipher's limit of 256 GiB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("artifact of {len} bytes is too long to be sealed")]
pub struct TooLong {
    /// Bytes of the plaintext.
    pub len: usize,
}

impl Envelope {
    /// An envelope from its parts; [`Secrets::new_envelope`](crate::Secrets::new_envelope) makes
    /// new ones.
    pub fn new(key: SecretKey, salt: SecretKey) -> Self {
        Self { key, salt }
    }

    /// The name of an artifact: HMAC(salt, SHA-256(plaintext)).
    pub fn name(&self, plaintext: &[u8]) -> ArtifactName {
        ArtifactName::from_bytes(self.salt.hmac(Digest::of(plaintext).as_bytes()))
    }

    /// The key of a run: HMAC(salt, `canonical`), where `canonical` is the RFC 8785 form of the
    /// stage, its version, the names of its inputs and the settings digest.
    ///
    /// The salt also names artifacts, by an HMAC of 32 bytes of hash; canonical JSON of a run is
    /// never those 32 bytes.
    pub fn run_key(&self, canonical: &[u8]) -> RunKey {
        RunKey::from_bytes(self.salt.hmac(canonical))
    }

    /// Encrypts an artifact. The same plaintext gives the same name and bytes.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn seal(&self, plaintext: &[u8]) -> Result<Sealed, TooLong> {
        let name = self.name(plaintext);
        let ciphertext = keyed::encrypt(
            &self.cipher_key(),
            &self.nonce(&name),
            name.as_bytes(),
            plaintext,
        )
        .ok_or(TooLong {
            len: plaintext.len(),
        })?;
        let mut bytes = Vec::with_capacity(1 + ciphertext.len());
        bytes.push(SEALED);
        bytes.extend_from_slice(&ciphertext);
        Ok(Sealed { name, bytes })
    }

    /// Decrypts an artifact and checks that it is what its name says.
    ///
    /// # Errors
    /// [`OpenError`], for every byte that is not as it was sealed.
    pub fn open(&self, name: &ArtifactName, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let ciphertext = body(bytes, SEALED)?;
        let plaintext = keyed::decrypt(
            &self.cipher_key(),
            &self.nonce(name),
            name.as_bytes(),
            ciphertext,
        )
        .ok_or(OpenError::NotAuthentic)?;
        // The cipher does not commit to its key and says nothing of the salt: the name does.
        let actual = self.name(&plaintext);
        if actual == *name {
            Ok(plaintext)
        } else {
            Err(OpenError::WrongName {
                name: *name,
                actual,
            })
        }
    }

    /// The envelope as stored: encrypted under the authority's master key, bound to its subject.
    /// The same envelope gives the same bytes.
    pub fn wrap(&self, master_key: &SecretKey, subject: SubjectId) -> Vec<u8> {
        let mut plain = Zeroizing::new([0; 64]);
        plain[..32].copy_from_slice(self.key.as_bytes());
        plain[32..].copy_from_slice(self.salt.as_bytes());
        let mut message = Zeroizing::new(subject.as_bytes().to_vec());
        message.extend_from_slice(&*plain);
        let nonce: [u8; NONCE_LEN] = first(&master_key.derive("wrap nonce", b"").hmac(&message));
        let key = master_key.derive("wrap", b"");
        let Some(ciphertext) = keyed::encrypt(&key, &nonce, subject.as_bytes(), &*plain) else {
            unreachable!("64 bytes are within the cipher's limit of 256 GiB");
        };
        let mut wrapped = vec![WRAPPED];
        wrapped.extend_from_slice(&nonce);
        wrapped.extend_from_slice(&ciphertext);
        wrapped
    }

    /// The envelope in what [`Envelope::wrap`] wrote.
    ///
    /// # Errors
    /// [`OpenError`], when the bytes are damaged, of another subject or under another key.
    pub fn unwrap(
        master_key: &SecretKey,
        subject: SubjectId,
        wrapped: &[u8],
    ) -> Result<Self, OpenError> {
        let too_short = || OpenError::TooShort { len: wrapped.len() };
        let (nonce, ciphertext) = body(wrapped, WRAPPED)?
            .split_first_chunk()
            .ok_or_else(too_short)?;
        let key = master_key.derive("wrap", b"");
        let plain = keyed::decrypt(&key, nonce, subject.as_bytes(), ciphertext)
            .ok_or(OpenError::NotAuthentic)?;
        let (key, salt) = plain.split_first_chunk().ok_or(OpenError::NotAuthentic)?;
        let salt = salt.try_into().map_err(|_| OpenError::NotAuthentic)?;
        Ok(Self::new(
            SecretKey::from_bytes(*key),
            SecretKey::from_bytes(salt),
        ))
    }

    fn cipher_key(&self) -> SecretKey {
        self.key.derive("seal", b"")
    }

    fn nonce(&self, name: &ArtifactName) -> [u8; NONCE_LEN] {
        first(&self.key.derive("seal nonce", b"").hmac(name.as_bytes()))
    }
}

fn body(bytes: &[u8], format: u8) -> Result<&[u8], OpenError> {
    match bytes.split_first() {
        None => Err(OpenError::TooShort { len: 0 }),
        Some((&found, _)) if found != format => Err(OpenError::UnknownFormat { format: found }),
        Some((_, body)) => Ok(body),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> SecretKey {
        SecretKey::from_bytes([byte; 32])
    }

    fn envelope() -> Envelope {
        Envelope::new(key(1), key(2))
    }

    fn subject(byte: u8) -> SubjectId {
        SubjectId::from_bytes([byte; 16])
    }

    /// What was sealed years ago must open, and what is sealed again must be the same file.
    #[test]
    fn sealing_is_what_it_always_was() {
        let sealed = envelope().seal("Délibération n° 12".as_bytes()).unwrap();
        // Computed with another implementation of HKDF, HMAC and XChaCha20-Poly1305.
        assert_eq!(
            sealed.name.to_string(),
            "art_627200723bf9d44f0f2354a6b3261cb0161db755ecce72a5c3f699c3dd44442b"
        );
        assert_eq!(
            hex::encode(&sealed.bytes),
            "01851546686f92812a001c9119ce665d039b6fe7d2c52fe3ed0de5d514fc7e0483e4d22bee1f"
        );
        assert_eq!(
            hex::encode(envelope().wrap(&key(3), subject(4))),
            concat!(
                "015787312b1627aba1b5083d1d2531dfdc8eedf18b437a3c84683f4ca8dd8b687be72b194cad",
                "e5a1a012e4c5905390387c24630146525bf26e8fa5357d6e119c85fe3c98f0c80300564365e3",
                "30b7517b7f2a65050a3135609d4e07f688d7ed307c6626f6939ed7f0db",
            )
        );
    }

    #[test]
    fn names_and_run_keys_are_hmacs_under_the_salt() {
        let name = key(2).hmac(Digest::of(b"text").as_bytes());
        assert_eq!(envelope().name(b"text").as_bytes(), &name);
        assert_eq!(envelope().run_key(b"{}").as_bytes(), &key(2).hmac(b"{}"));
    }

    #[test]
    fn opens_only_with_its_own_key_salt_and_name() {
        let sealed = envelope().seal(b"text").unwrap();
        let check = |envelope: &Envelope, name: &ArtifactName, bytes: &[u8], expected| {
            assert_eq!(envelope.open(name, bytes).unwrap_err(), expected);
        };
        let other_name = envelope().name(b"other");
        check(
            &envelope(),
            &other_name,
            &sealed.bytes,
            OpenError::NotAuthentic,
        );
        check(
            &Envelope::new(key(9), key(2)),
            &sealed.name,
            &sealed.bytes,
            OpenError::NotAuthentic,
        );
        let other_salt = Envelope::new(key(1), key(9));
        let actual = other_salt.name(b"text");
        let wrong_name = OpenError::WrongName {
            name: sealed.name,
            actual,
        };
        check(&other_salt, &sealed.name, &sealed.bytes, wrong_name);
        check(
            &envelope(),
            &sealed.name,
            &[],
            OpenError::TooShort { len: 0 },
        );
        check(
            &envelope(),
            &sealed.name,
            &[SEALED],
            OpenError::NotAuthentic,
        );
        check(
            &envelope(),
            &sealed.name,
            &[2, 0],
            OpenError::UnknownFormat { format: 2 },
        );
    }

    #[test]
    fn an_envelope_unwraps_only_for_its_own_subject_and_key() {
        let wrapped = envelope().wrap(&key(3), subject(4));
        let check = |master: u8, of: u8, bytes: &[u8], expected| {
            assert_eq!(
                Envelope::unwrap(&key(master), subject(of), bytes).unwrap_err(),
                expected
            );
        };
        check(3, 5, &wrapped, OpenError::NotAuthentic);
        check(4, 4, &wrapped, OpenError::NotAuthentic);
        check(3, 4, &[], OpenError::TooShort { len: 0 });
        check(3, 4, &wrapped[..10], OpenError::TooShort { len: 10 });
        check(3, 4, &wrapped[..NONCE_LEN + 1], OpenError::NotAuthentic);
        check(3, 4, &wrapped[..wrapped.len() - 1], OpenError::NotAuthentic);
        check(
            3,
            4,
            &[&[7], &wrapped[1..]].concat(),
            OpenError::UnknownFormat { format: 7 },
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", envelope());
        assert_eq!(
            shown,
            "Envelope { key: SecretKey(..), salt: SecretKey(..) }"
        );
    }

    proptest! {
        #[test]
        fn opens_what_it_seals(
            k in any::<[u8; 32]>(), s in any::<[u8; 32]>(),
            plaintext in prop::collection::vec(any::<u8>(), 0..600),
            flip in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let envelope = Envelope::new(SecretKey::from_bytes(k), SecretKey::from_bytes(s));
            let sealed = envelope.seal(&plaintext).unwrap();
            prop_assert_eq!(&*envelope.open(&sealed.name, &sealed.bytes).unwrap(), &plaintext);
            prop_assert_eq!(&envelope.seal(&plaintext).unwrap(), &sealed);
            prop_assert_eq!(sealed.bytes.len(), plaintext.len() + 17);

            let mut flipped = sealed.bytes.clone();
            flipped[flip.index(sealed.bytes.len())] ^= 1 << bit;
            prop_assert!(envelope.open(&sealed.name, &flipped).is_err());
            let mut other = *sealed.name.as_bytes();
            other[flip.index(32)] ^= 1 << bit;
            let other = ArtifactName::from_bytes(other);
            prop_assert!(envelope.open(&other, &sealed.bytes).is_err());
            let cut = flip.index(sealed.bytes.len());
            prop_assert!(envelope.open(&sealed.name, &sealed.bytes[..cut]).is_err());
        }

        #[test]
        fn unwraps_what_it_wraps(
            k in any::<[u8; 32]>(), s in any::<[u8; 32]>(), m in any::<[u8; 32]>(),
            subject in any::<[u8; 16]>(), flip in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let master = SecretKey::from_bytes(m);
            let subject = SubjectId::from_bytes(subject);
            let envelope = Envelope::new(SecretKey::from_bytes(k), SecretKey::from_bytes(s));
            let mut wrapped = envelope.wrap(&master, subject);
            let opened = Envelope::unwrap(&master, subject, &wrapped).unwrap();
            prop_assert_eq!((opened.key.as_bytes(), opened.salt.as_bytes()), (&k, &s));
            prop_assert_eq!(&envelope.wrap(&master, subject), &wrapped);
            let at = flip.index(wrapped.len());
            wrapped[at] ^= 1 << bit;
            prop_assert!(Envelope::unwrap(&master, subject, &wrapped).is_err());
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let name = envelope().name(b"");
            prop_assert!(envelope().open(&name, &bytes).is_err());
            prop_assert!(Envelope::unwrap(&key(3), subject(4), &bytes).is_err());
        }
    }
}

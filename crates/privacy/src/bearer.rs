//! What a browser or a program shows to be known again: 256 random bits, of which only the SHA-256
//! is kept. Whoever reads the database signs in with none of them.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::keyed::{SecretKey, hmac_sha256};
use crate::random::{RandomError, random_key};

/// A bearer secret.
#[derive(Clone)]
pub struct Bearer(SecretKey);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Bearer {
    /// A new one.
    ///
    /// # Errors
    /// [`RandomError`].
    pub fn new() -> Result<Self, RandomError> {
        random_key().map(Self)
    }

    /// The one that is written so: 64 hexadecimal digits.
    pub fn read(text: &str) -> Option<Self> {
        let small = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if !text.bytes().all(small) {
            return None;
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, &mut *bytes).ok()?;
        Some(Self(SecretKey::from_bytes(*bytes)))
    }

    /// As it is handed over, once.
    pub fn written(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_bytes()))
    }

    /// What is kept of it, and found again by it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// What forms of this session carry, so that no other page can make one.
    pub fn form_token(&self) -> String {
        hex::encode(hmac_sha256(self.0.as_bytes(), b"greffier form"))
    }

    /// Whether a form carries it. Takes as long whatever the answer is.
    pub fn knows_form(&self, token: &str) -> bool {
        same(self.form_token().as_bytes(), token.as_bytes())
    }
}

/// Whether two texts are the same, in a time that only depends on their lengths.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_read_as_it_is_written() {
        let one = Bearer::new().unwrap();
        let again = Bearer::read(&one.written()).unwrap();
        assert_eq!(one.hash(), again.hash());
        assert!(again.knows_form(&one.form_token()));
        let other = Bearer::new().unwrap();
        assert_ne!(one.hash(), other.hash());
        assert!(!other.knows_form(&one.form_token()));
        assert!(!one.knows_form(""));
        assert_ne!(one.form_token(), *one.written());
        let capitals = one.written().to_uppercase();
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert!(Bearer::read(wrong).is_none(), "{wrong}");
        }
        assert!(capitals == *one.written() || Bearer::read(&capitals).is_none());
    }
}

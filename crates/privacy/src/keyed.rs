//! Keyed hashing, key derivation and authenticated encryption, as used by the rest of the crate.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// Separates these derivations from any other use of the same bytes.
const SALT: &[u8] = b"greffier.privacy/1";

/// Bytes of an XChaCha20 nonce.
pub(crate) const NONCE_LEN: usize = 24;

/// 32 secret bytes: wiped when dropped, not shown by `Debug`.
///
/// Not comparable: comparing secrets in variable time is how they leak.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// A secret made elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the primitive that needs them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key for one purpose: HKDF-SHA256 (RFC 5869) of this secret under `label` and `context`.
    ///
    /// The label's length is written first, so that no pair of label and context is mistaken for
    /// another.
    pub(crate) fn derive(&self, label: &str, context: &[u8]) -> Self {
        derive(&self.0, label, context)
    }

    /// HMAC-SHA256 (RFC 2104) of `message` under this secret.
    pub(crate) fn hmac(&self, message: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.0, message)
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// [`SecretKey::derive`] from input of any length.
pub(crate) fn derive(input: &[u8], label: &str, context: &[u8]) -> SecretKey {
    let mut output = Zeroizing::new([0; 32]);
    let length = (label.len() as u64).to_be_bytes();
    let expanded = Hkdf::<Sha256>::new(Some(SALT), input)
        .expand_multi_info(&[&length, label.as_bytes(), context], &mut *output);
    if expanded.is_err() {
        unreachable!("HKDF-SHA256 gives up to 8,160 bytes and 32 are asked for");
    }
    SecretKey(*output)
}

pub(crate) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length");
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// XChaCha20-Poly1305 of `plaintext`, authenticating `aad` too. `None` beyond the cipher's limit
/// of 256 GiB.
pub(crate) fn encrypt(
    key: &SecretKey,
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    XChaCha20Poly1305::new(key.as_bytes().into())
        .encrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: plaintext,
                aad,
            },
        )
        .ok()
}

/// The plaintext, or `None` when any of the four was not what was encrypted.
pub(crate) fn decrypt(
    key: &SecretKey,
    nonce: &[u8; NONCE_LEN],
    aad: &[u8],
    ciphertext: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    XChaCha20Poly1305::new(key.as_bytes().into())
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad,
            },
        )
        .ok()
        .map(Zeroizing::new)
}

/// The first `N` bytes of a hash.
pub(crate) fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    const { assert!(N <= 32) };
    let mut bytes = [0; N];
    bytes.copy_from_slice(&hash[..N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        // Test case 6 hashes its 131-byte key first; its key here is that hash.
        let key: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest([0xaa; 131]).into();
        let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex::encode(hmac_sha256(&key, message)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn derivation_separates_labels_contexts_and_their_border() {
        let key = SecretKey::from_bytes([1; 32]);
        let derived = [("ab", "c"), ("a", "bc"), ("abc", ""), ("ab", "d")]
            .map(|(label, context)| *key.derive(label, context.as_bytes()).as_bytes());
        let distinct: std::collections::BTreeSet<_> = derived.into_iter().collect();
        assert_eq!(distinct.len(), 4);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", SecretKey::from_bytes([0x41; 32])),
            "SecretKey(..)"
        );
    }
}

//! What the secret of a collection names.
//!
//! Identifiers are keyed so that whoever sees a record, a log or a backup without the secret can
//! neither learn nor confirm what was received: a bare hash of a form or a name is guessed in
//! minutes. A collection is the scope of identity, so the same content in two collections has two
//! identities that cannot be linked.

use unicode_normalization::UnicodeNormalization as _;

use domain::sentence::Pseudonym;
use domain::{Digest, DocumentId, PersonId};

use crate::keyed::{SecretKey, first};

/// The secret of one collection.
#[derive(Clone, Debug)]
pub struct CollectionSecret {
    secret: SecretKey,
}

impl CollectionSecret {
    /// A secret from [`Secrets::collection_secret`](crate::Secrets::collection_secret).
    pub(crate) fn new(secret: SecretKey) -> Self {
        Self { secret }
    }

    /// The identity of an arrival: the first 128 bits of HMAC-SHA256(collection secret,
    /// `canonical`), where `canonical` is the RFC 8785 form of where it came from, its bytes'
    /// digest and its generation.
    pub fn document_id(&self, canonical: &[u8]) -> DocumentId {
        DocumentId::from_bytes(first(&self.secret.hmac(canonical)))
    }

    /// Equal for documents of the collection with equal bytes, to find duplicates. Unlike the
    /// bytes' digest it confirms no guess to whoever lacks the secret.
    pub fn content_mac(&self, digest: &Digest) -> [u8; 32] {
        self.secret.derive("content", b"").hmac(digest.as_bytes())
    }

    /// Numbers equal for equal bands of sketches, sorted, to find documents that may resemble each
    /// other. Whoever lacks the secret cannot tell from them whether a text at hand was received.
    pub fn likeness_codes(&self, bands: &[impl AsRef<[u8]>]) -> Vec<i64> {
        let key = self.secret.derive("likeness", b"");
        let code = |band: &[u8]| i64::from_be_bytes(first(&key.hmac(band)));
        let mut codes: Vec<i64> = bands.iter().map(|band| code(band.as_ref())).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Equal for equal external ids, to find the earlier arrivals of one. External ids often are
    /// file numbers of people.
    pub fn external_mac(&self, external_id: &str) -> [u8; 32] {
        self.secret
            .derive("external id", b"")
            .hmac(external_id.as_bytes())
    }

    /// The pseudonyms of people that reports name, the same throughout `window` ("2026"): another
    /// window has others, so that nobody is followed for ever.
    pub fn pseudonyms(&self, window: &str) -> Pseudonyms {
        Pseudonyms {
            key: self.secret.derive("named in reports", window.as_bytes()),
        }
    }

    /// The pseudonym under which a person enters records. The case, the width and the spacing of
    /// the name don't matter, accents do: "Léa Martin" and "LÉA  MARTIN" are one person, "Lea
    /// Martin" may be another.
    pub fn person_pseudonym(&self, name: &str) -> PersonId {
        let folded: String = name.nfkc().flat_map(char::to_lowercase).collect();
        let words: Vec<&str> = folded.split_whitespace().collect();
        let mac = self
            .secret
            .derive("person", b"")
            .hmac(words.join(" ").as_bytes());
        PersonId::from_bytes(first(&mac))
    }
}

/// The pseudonyms of a collection within a window of time.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    key: SecretKey,
}

impl Pseudonyms {
    /// The pseudonym of whoever [`name_key`](crate::masking::name_key) names so.
    pub fn of(&self, name_key: &str) -> Pseudonym {
        Pseudonym::from_bytes(first(&self.key.hmac(name_key.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> CollectionSecret {
        CollectionSecret::new(SecretKey::from_bytes([3; 32]))
    }

    #[test]
    fn identities_are_what_they_always_were() {
        // Computed with another implementation: HMAC-SHA256 of the bytes under the secret itself.
        assert_eq!(
            secret().document_id(br#"{"path":"a.pdf"}"#).to_string(),
            "doc_1541b8c0b7abeef60bd6d76041a98901"
        );
    }

    #[test]
    fn purposes_are_separate() {
        let bytes = [b'x'; 32];
        let digest = Digest::from_bytes(bytes);
        let text = std::str::from_utf8(&bytes).unwrap();
        let (content, external) = (secret().content_mac(&digest), secret().external_mac(text));
        assert_ne!(content, external);
        let likeness = secret().likeness_codes(&[bytes]);
        assert_ne!(likeness[0].to_be_bytes(), content[..8]);
        assert_ne!(likeness[0].to_be_bytes(), external[..8]);
        assert_ne!(secret().document_id(&bytes).as_bytes()[..], content[..16]);
        assert_ne!(
            secret().person_pseudonym(text).as_bytes()[..],
            external[..16]
        );
        assert_ne!(content, secret().content_mac(&Digest::of(b"")));
        assert_ne!(external, secret().external_mac(""));
    }

    #[test]
    fn a_person_is_one_however_the_name_is_typed() {
        let check = |a: &str, b: &str, same: bool| {
            let equal = secret().person_pseudonym(a) == secret().person_pseudonym(b);
            assert_eq!(equal, same, "{a:?} {b:?}");
        };
        check("Léa Martin", " LÉA\u{a0} MARTIN\n", true);
        check("Léa Martin", "Le\u{301}a Martin", true);
        check("Léa Martin", "Lea Martin", false);
        check("Léa Martin", "Léa Martine", false);
        check("Léa Martin", "LéaMartin", false);
    }
}

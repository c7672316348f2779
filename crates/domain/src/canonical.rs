//! RFC 8785 (JSON Canonicalization Scheme) bytes: equal values, equal bytes, equal digests.

use serde::Serialize;

use crate::Digest;

/// A value that has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("value of type {type_name} has no canonical JSON form")]
pub struct CanonicalError {
    type_name: &'static str,
    #[source]
    source: serde_json::Error,
}

/// The RFC 8785 bytes of `value`.
///
/// # Errors
/// When `value` cannot be JSON (a map with keys that are not strings, a NaN).
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    serde_json_canonicalizer::to_vec(value).map_err(|source| CanonicalError {
        type_name: std::any::type_name::<T>(),
        source,
    })
}

/// The digest of the RFC 8785 bytes of `value`.
///
/// # Errors
/// As [`to_bytes`].
pub fn digest<T: Serialize>(value: &T) -> Result<Digest, CanonicalError> {
    to_bytes(value).map(|bytes| Digest::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_keys_and_drops_space() {
        let value = serde_json::json!({"b": 1, "a": {"d": "é", "c": [true, null]}});
        assert_eq!(
            String::from_utf8(to_bytes(&value).unwrap()).unwrap(),
            r#"{"a":{"c":[true,null],"d":"é"},"b":1}"#
        );
    }
}

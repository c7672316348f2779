//! Typed identifiers: mixing two does not compile.
//!
//! Identifiers of things (documents, artifacts, runs) are bytes derived by keyed hashing in
//! `privacy`; here they only have a written form. Names that people write in pipeline files
//! (services, forms, rules) are slugs: lower-case ASCII letters, digits and hyphens.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is not an identifier of the kind expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: expected {expected}")]
pub struct IdError {
    text: String,
    kind: &'static str,
    expected: String,
}

macro_rules! byte_ids {
    ($($(#[$doc:meta])* $name:ident, $len:literal, $prefix:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; $len]);

        impl $name {
            /// What the written form starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier made of these bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The bytes in hexadecimal, without the prefix.
            pub fn hex(&self) -> String {
                hex::encode(self.0)
            }

            /// Enough of the written form for a person to recognise it; not unique by promise.
            pub fn short(&self) -> String {
                format!("{}{}", $prefix, &self.hex()[..10])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = || IdError {
                    text: text.to_owned(),
                    kind: $kind,
                    expected: format!("`{}` and {} hexadecimal digits", $prefix, 2 * $len),
                };
                let digits = text.strip_prefix($prefix).ok_or_else(error)?;
                let mut bytes = [0; $len];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| error())?;
                Ok(Self(bytes))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": format!("^{}[0-9a-f]{{{}}}$", $prefix, 2 * $len),
                    "description": concat!("Identifier of a ", $kind, ".")
                })
            }
        }
    )*};
}

byte_ids! {
    /// One arrival of one document: the first 128 bits of an HMAC over the collection, where it
    /// came from, its bytes and a generation. The same arrival again has the same id.
    DocumentId, 16, "doc_", "document";
    /// What an envelope (a key and a salt) belongs to: a document, or a series of editions.
    SubjectId, 16, "sub_", "subject";
    /// One alert: an HMAC over its rule, series and period, so that it keeps its name from one
    /// edition to the next.
    AlertId, 16, "alert_", "alert";
    /// A keyed pseudonym for a named person, the form in which a person enters a record.
    PersonId, 16, "person_", "person";
    /// The name of a stored artifact: HMAC(salt, SHA-256(plaintext)). Reveals nothing about the
    /// plaintext to whoever lacks the salt.
    ArtifactName, 32, "art_", "artifact";
    /// The key of a run: HMAC(salt, canonical(stage, version, input names, settings digest)).
    RunKey, 32, "run_", "run";
}

impl From<DocumentId> for SubjectId {
    fn from(document: DocumentId) -> Self {
        Self(document.0)
    }
}

impl SubjectId {
    /// The document with this subject's bytes, for a subject known to be one.
    pub fn as_document(self) -> DocumentId {
        DocumentId(self.0)
    }
}

macro_rules! slugs {
    ($($(#[$doc:meta])* $name:ident, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let slug = (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if slug {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError {
                        text: text.to_owned(),
                        kind: $kind,
                        expected: "1 to 64 lower-case ASCII letters, digits or hyphens".to_owned(),
                    })
                }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": "^[a-z0-9-]{1,64}$",
                    "description": concat!("Name of a ", $kind, ".")
                })
            }
        }
    )*};
}

slugs! {
    /// The scope of identity, rights and retention.
    CollectionName, "collection";
    /// A pipeline, as its file names it.
    PipelineName, "pipeline";
    /// A stage, a follower's or a reconciler's name, a verb: `extract`, `route`, `synthesise`.
    StageName, "stage";
    /// An organisational unit that receives documents.
    ServiceId, "service";
    /// A form that a pipeline knows.
    FormId, "form";
    /// A rule of a pipeline.
    RuleId, "rule";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_what_they_write() {
        let id = DocumentId::from_bytes([7; 16]);
        assert_eq!(id.to_string(), "doc_07070707070707070707070707070707");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("run_07".parse::<DocumentId>().is_err());
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<DocumentId>(&json).unwrap(), id);
    }

    #[test]
    fn slugs_refuse_what_a_path_or_a_query_could_misread() {
        assert!("etat-civil".parse::<ServiceId>().is_ok());
        for bad in ["", "État", "a b", "a/b", "..", &"x".repeat(65)] {
            assert!(bad.parse::<ServiceId>().is_err(), "{bad}");
        }
    }
}

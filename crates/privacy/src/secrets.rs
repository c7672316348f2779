//! The secrets of one authority: a data directory, or a database.

use std::fmt;

use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use domain::{CollectionName, SubjectId};

use crate::collection::CollectionSecret;
use crate::envelope::Envelope;
use crate::keyed::{self, NONCE_LEN, SecretKey};
use crate::random::{RandomError, random_bytes, random_key};
use crate::totp::SECRET_LEN;

/// What `format` says in the secrets file.
pub const FORMAT: &str = "greffier.secrets/1";

/// Why secrets could not be made or read. Never holds a part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Nothing can be derived from nothing.
    #[error("the file to derive secrets from is empty")]
    Empty,
    /// The operating system gave no random bytes.
    #[error("no secrets could be drawn")]
    Random(#[from] RandomError),
    /// The file is not the JSON of secrets.
    #[error("the secrets file is not what this version writes, at line {line}, column {column}")]
    Malformed {
        /// Line of the first error, from 1.
        line: usize,
        /// Column of the first error.
        column: usize,
    },
    /// The file is of another format.
    #[error("the secrets file is of format `{format}`, expected `{FORMAT}`")]
    WrongFormat {
        /// The format written in the file.
        format: String,
    },
    /// A value is not the right number of hexadecimal digits.
    #[error("`{field}` in the secrets file is not {digits} hexadecimal digits")]
    BadValue {
        /// Which one.
        field: &'static str,
        /// Digits expected.
        digits: usize,
    },
    /// The envelope root is there without derivation, or missing with it.
    #[error("the secrets file says `derived` is {derived} but its `envelope_root` says otherwise")]
    Contradiction {
        /// What the file says.
        derived: bool,
    },
}

/// The secrets of one authority. Losing them loses every document; keep a copy elsewhere.
pub struct Secrets {
    authority_id: [u8; 16],
    master_key: SecretKey,
    log_seed: SecretKey,
    audit_key: SecretKey,
    collection_root: SecretKey,
    envelope_root: Option<SecretKey>,
}

impl Secrets {
    /// New random secrets.
    ///
    /// # Errors
    /// [`SecretsError::Random`].
    pub fn random() -> Result<Self, SecretsError> {
        Ok(Self {
            authority_id: *random_bytes()?,
            master_key: random_key()?,
            log_seed: random_key()?,
            audit_key: random_key()?,
            collection_root: random_key()?,
            envelope_root: None,
        })
    }

    /// The secrets that the bytes of a file determine, every time and everywhere: for tests and
    /// demonstrations that repeat to the byte.
    ///
    /// Whoever has the file has every secret, including those of erased documents. The file's
    /// strength is the secrets' strength: nothing is added to it.
    ///
    /// # Errors
    /// [`SecretsError::Empty`].
    pub fn derived(secret_file: &[u8]) -> Result<Self, SecretsError> {
        if secret_file.is_empty() {
            return Err(SecretsError::Empty);
        }
        let derive = |label| keyed::derive(secret_file, label, b"");
        Ok(Self {
            authority_id: keyed::first(derive("authority id").as_bytes()),
            master_key: derive("master key"),
            log_seed: derive("log seed"),
            audit_key: derive("audit key"),
            collection_root: derive("collection root"),
            envelope_root: Some(derive("envelope root")),
        })
    }

    /// Tells this authority from others. Public.
    pub fn authority_id(&self) -> &[u8; 16] {
        &self.authority_id
    }

    /// Whether the secrets can be derived again from a file, so that erasure is not beyond recall.
    pub fn is_derived(&self) -> bool {
        self.envelope_root.is_some()
    }

    /// Wraps envelopes: [`Envelope::wrap`].
    pub fn master_key(&self) -> &SecretKey {
        &self.master_key
    }

    /// What belongs to accounts is kept under this key.
    pub fn account_key(&self) -> AccountKey {
        AccountKey {
            seal: self.master_key.derive("account seal", b""),
            code: self.master_key.derive("account code", b""),
        }
    }

    /// The seed of the Ed25519 key that signs checkpoints (RFC 8032).
    pub fn log_seed(&self) -> &SecretKey {
        &self.log_seed
    }

    /// Draws random shares: [`share`](crate::share).
    pub fn audit_key(&self) -> &SecretKey {
        &self.audit_key
    }

    /// The secret of a collection.
    pub fn collection_secret(&self, name: &CollectionName) -> CollectionSecret {
        CollectionSecret::new(
            self.collection_root
                .derive("collection", name.as_str().as_bytes()),
        )
    }

    /// A new envelope for a subject: random, or where the secrets are derived, derived from them
    /// and the subject.
    ///
    /// # Errors
    /// [`RandomError`].
    pub fn new_envelope(&self, subject: SubjectId) -> Result<Envelope, RandomError> {
        match &self.envelope_root {
            None => Ok(Envelope::new(random_key()?, random_key()?)),
            Some(root) => Ok(Envelope::new(
                root.derive("envelope key", subject.as_bytes()),
                root.derive("envelope salt", subject.as_bytes()),
            )),
        }
    }

    /// The secrets file: JSON with hexadecimal values, a newline at the end. The text is wiped
    /// when dropped.
    pub fn to_json(&self) -> Zeroizing<String> {
        // Hexadecimal digits and fixed names need no escaping; written by hand so that no
        // serializer keeps a copy in a buffer that is not wiped.
        let mut json = Zeroizing::new(String::with_capacity(1024));
        json.push_str("{\n  \"format\": \"");
        json.push_str(FORMAT);
        json.push_str("\",\n  \"derived\": ");
        json.push_str(if self.is_derived() { "true" } else { "false" });
        let mut value = |name: &str, bytes: &[u8]| {
            let digits = Zeroizing::new(hex::encode(bytes));
            for part in [",\n  \"", name, "\": \"", &digits, "\""] {
                json.push_str(part);
            }
        };
        value("authority_id", &self.authority_id);
        value("master_key", self.master_key.as_bytes());
        value("log_seed", self.log_seed.as_bytes());
        value("audit_key", self.audit_key.as_bytes());
        value("collection_root", self.collection_root.as_bytes());
        if let Some(root) = &self.envelope_root {
            value("envelope_root", root.as_bytes());
        }
        json.push_str("\n}\n");
        json
    }

    /// Reads a secrets file.
    ///
    /// # Errors
    /// [`SecretsError::WrongFormat`], [`SecretsError::Malformed`], [`SecretsError::BadValue`] or
    /// [`SecretsError::Contradiction`]. The message never quotes the file.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SecretsError> {
        let format: Format = serde_json::from_slice(bytes).map_err(malformed)?;
        if format.format != FORMAT {
            return Err(SecretsError::WrongFormat {
                format: format.format,
            });
        }
        let file: File = serde_json::from_slice(bytes).map_err(malformed)?;
        if file.derived != file.envelope_root.is_some() {
            return Err(SecretsError::Contradiction {
                derived: file.derived,
            });
        }
        Ok(Self {
            authority_id: *decode("authority_id", &file.authority_id)?,
            master_key: decode_key("master_key", &file.master_key)?,
            log_seed: decode_key("log_seed", &file.log_seed)?,
            audit_key: decode_key("audit_key", &file.audit_key)?,
            collection_root: decode_key("collection_root", &file.collection_root)?,
            envelope_root: match &file.envelope_root {
                None => None,
                Some(digits) => Some(decode_key("envelope_root", digits)?),
            },
        })
    }
}

/// Seals the secrets of one-time codes, and names what was tried without saying it.
#[derive(Debug)]
pub struct AccountKey {
    seal: SecretKey,
    code: SecretKey,
}

impl AccountKey {
    /// The secret of an account's one-time codes, sealed: a nonce, then what is encrypted.
    ///
    /// # Errors
    /// [`RandomError`].
    pub fn seal_totp(
        &self,
        account: &str,
        secret: &[u8; SECRET_LEN],
    ) -> Result<Vec<u8>, RandomError> {
        let nonce = random_bytes::<NONCE_LEN>()?;
        let sealed = keyed::encrypt(&self.seal, &nonce, account.as_bytes(), secret);
        Ok([&nonce[..], &sealed.unwrap_or_default()].concat())
    }

    /// The secret of an account's one-time codes; `None` when it is another's, or damaged.
    pub fn open_totp(&self, account: &str, sealed: &[u8]) -> Option<Zeroizing<[u8; SECRET_LEN]>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let opened = keyed::decrypt(&self.seal, nonce, account.as_bytes(), sealed)?;
        Some(Zeroizing::new(opened.as_slice().try_into().ok()?))
    }

    /// The code of what was tried: an address, a name.
    pub fn code(&self, tried: &str) -> [u8; 32] {
        self.code.hmac(tried.as_bytes())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("authority_id", &hex::encode(self.authority_id))
            .field("derived", &self.is_derived())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: String,
    derived: bool,
    authority_id: Digits,
    master_key: Digits,
    log_seed: Digits,
    audit_key: Digits,
    collection_root: Digits,
    #[serde(default)]
    envelope_root: Option<Digits>,
}

/// Hexadecimal digits of a secret, wiped when dropped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Digits(String);

impl Drop for Digits {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// serde's messages quote what they stumble on, which may be a secret: only the place is kept.
fn malformed(error: serde_json::Error) -> SecretsError {
    SecretsError::Malformed {
        line: error.line(),
        column: error.column(),
    }
}

fn decode<const N: usize>(
    field: &'static str,
    digits: &Digits,
) -> Result<Zeroizing<[u8; N]>, SecretsError> {
    let mut bytes = Zeroizing::new([0; N]);
    hex::decode_to_slice(&digits.0, &mut *bytes).map_err(|_| SecretsError::BadValue {
        field,
        digits: 2 * N,
    })?;
    Ok(bytes)
}

fn decode_key(field: &'static str, digits: &Digits) -> Result<SecretKey, SecretsError> {
    decode(field, digits).map(|bytes| SecretKey::from_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(secrets: &Secrets) -> Vec<Vec<u8>> {
        let mut all = vec![secrets.authority_id().to_vec()];
        let keys = [
            secrets.master_key(),
            secrets.log_seed(),
            secrets.audit_key(),
            &secrets.collection_root,
        ];
        all.extend(
            keys.into_iter()
                .chain(&secrets.envelope_root)
                .map(|k| k.as_bytes().to_vec()),
        );
        all
    }

    /// A demonstration made years ago must repeat: these values never change.
    #[test]
    fn derived_secrets_are_what_they_always_were() {
        let secrets = Secrets::derived(b"demonstration").unwrap();
        let json = secrets.to_json();
        assert_eq!(*json, include_str!("../tests/golden/secrets-1.json"));
        assert!(secrets.is_derived());
    }

    #[test]
    fn every_secret_is_another_one() {
        let (a, b) = (
            Secrets::derived(b"a").unwrap(),
            Secrets::derived(b"b").unwrap(),
        );
        let random = Secrets::random().unwrap();
        assert!(!random.is_derived());
        let values: Vec<_> = [&a, &b, &random].into_iter().flat_map(all).collect();
        let distinct: BTreeSet<_> = values.iter().collect();
        assert_eq!(distinct.len(), values.len());
        assert!(matches!(Secrets::derived(b""), Err(SecretsError::Empty)));
    }

    #[test]
    fn reads_what_it_writes() {
        for secrets in [Secrets::random().unwrap(), Secrets::derived(b"x").unwrap()] {
            let read = Secrets::from_json(secrets.to_json().as_bytes()).unwrap();
            assert_eq!(all(&read), all(&secrets));
            assert_eq!(read.is_derived(), secrets.is_derived());
        }
    }

    #[test]
    fn refuses_damaged_files_without_quoting_them() {
        let good = Secrets::derived(b"x").unwrap().to_json();
        let secret = hex::encode(Secrets::derived(b"x").unwrap().master_key().as_bytes());
        let check = |bad: &str| {
            assert_ne!(bad, good.as_str());
            let error = Secrets::from_json(bad.as_bytes()).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&secret[..8]), "{shown}");
        };
        check("");
        check("{}");
        check(&good.replace("secrets/1", "secrets/2"));
        check(&good.replace("true", "false"));
        check(&good.replace("master_key", "other_key"));
        check(&good.replace(&secret, &secret[1..]));
        check(&good.replace(&secret, &secret.replace(&secret[..1], "g")));
        check(&good.replace(&format!("\"{secret}\""), "12"));
        check(&good.replace("\"log_seed\"", &format!("\"{secret}\": 1, \"log_seed\"")));
        check(&good[..good.len() / 2]);
    }

    #[test]
    fn debug_shows_no_secret() {
        let secrets = Secrets::derived(b"x").unwrap();
        let shown = format!("{secrets:?}");
        assert!(
            shown.contains(&hex::encode(secrets.authority_id())),
            "{shown}"
        );
        for secret in all(&secrets).iter().skip(1) {
            assert!(!shown.contains(&hex::encode(secret)[..8]), "{shown}");
        }
    }

    #[test]
    fn collections_and_subjects_have_secrets_of_their_own() {
        let secrets = Secrets::derived(b"x").unwrap();
        let collection = |name: &str| secrets.collection_secret(&name.parse().unwrap());
        let id = |name: &str| collection(name).document_id(b"same");
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));

        let envelope = |n| {
            secrets
                .new_envelope(SubjectId::from_bytes([n; 16]))
                .unwrap()
        };
        assert_eq!(envelope(1).name(b"same"), envelope(1).name(b"same"));
        assert_ne!(envelope(1).name(b"same"), envelope(2).name(b"same"));
        let random = Secrets::random().unwrap();
        let envelope = || random.new_envelope(SubjectId::from_bytes([1; 16])).unwrap();
        assert_ne!(envelope().name(b"same"), envelope().name(b"same"));
    }
}

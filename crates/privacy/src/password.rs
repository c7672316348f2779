//! Passwords: Argon2id (RFC 9106), kept as PHC strings, which say with which settings they were
//! made.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

use crate::random::{RandomError, random_bytes};

/// The fewest characters of a password: ANSSI and OWASP ask for 12 where nothing else protects.
pub const CHARS_MIN: usize = 12;
/// The most bytes that are hashed: more says nothing of the person and costs the machine.
pub const BYTES_MAX: usize = 512;

/// Why a password is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error(
        "a password has {CHARS_MIN} characters or more: a few words together are easy to keep in mind"
    )]
    Short,
    /// It is too long.
    #[error("a password has {BYTES_MAX} bytes at most")]
    Long,
    /// It is one word that everybody tries, or one character again and again.
    #[error("this password is among the first that anyone would try: choose another")]
    Common,
    /// No salt could be drawn.
    #[error("no salt could be drawn")]
    Random(#[from] RandomError),
    /// The hash function does not work.
    #[error("the password cannot be hashed")]
    Hash,
}

/// Begins of passwords that are tried first, in small letters.
const COMMON: [&str; 12] = [
    "123456",
    "abcdef",
    "azerty",
    "bonjour",
    "changeme",
    "greffier",
    "letmein",
    "mairie",
    "motdepasse",
    "password",
    "qwerty",
    "soleil",
];

/// Refuses a password that is too short, too long, or hardly one.
///
/// # Errors
/// [`PasswordError`], which never quotes it.
pub fn check(password: &str) -> Result<(), PasswordError> {
    if password.len() > BYTES_MAX {
        return Err(PasswordError::Long);
    }
    if password.chars().count() < CHARS_MIN {
        return Err(PasswordError::Short);
    }
    let small = password.to_lowercase();
    let letters: std::collections::BTreeSet<char> = small.chars().collect();
    let common = COMMON
        .iter()
        .any(|word| small.starts_with(word) && small.chars().count() < word.len() + CHARS_MIN - 2);
    if letters.len() < 5 || common {
        return Err(PasswordError::Common);
    }
    Ok(())
}

/// The PHC string of a password: Argon2id with 19 MiB, two passes and one lane, the least that
/// OWASP asks for.
///
/// # Errors
/// When the password is not to be taken, or nothing random can be drawn.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    check(password)?;
    let salt = random_bytes::<16>()?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &*salt)
        .map_err(|_| PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Whether `password` is the one of `hash`. Takes as long whatever the answer is.
pub fn verify(password: &str, hash: &str) -> bool {
    if password.len() > BYTES_MAX {
        return false;
    }
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// A hash that no password has, to spend the same time on accounts that are not there.
pub const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z3JlZmZpZXIgbm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again() {
        let good = "pluie fine sur la mairie";
        let kept = hash(good).unwrap();
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert!(verify(good, &kept));
        assert!(!verify("pluie fine sur la mairiE", &kept));
        assert!(!verify("", &kept));
        assert!(!verify(good, ""));
        assert_ne!(kept, hash(good).unwrap(), "a salt of its own each");
        assert!(PasswordHash::new(NOBODY).is_ok(), "it costs as much");
        assert!(!verify(good, NOBODY));
    }

    #[test]
    fn some_passwords_are_not_taken() {
        for short in ["", "onze lettre", "éééééé"] {
            assert!(matches!(check(short), Err(PasswordError::Short)), "{short}");
        }
        for common in [
            "aaaaaaaaaaaaaaaa",
            "Motdepasse2026!",
            "azertyuiop123",
            "121212121212",
        ] {
            assert!(
                matches!(check(common), Err(PasswordError::Common)),
                "{common}"
            );
        }
        assert!(matches!(check(&"é".repeat(400)), Err(PasswordError::Long)));
        check("un vélo dans le couloir").unwrap();
    }
}

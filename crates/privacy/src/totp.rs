//! One-time codes (RFC 6238: HMAC-SHA1, 30 seconds, six digits), as every authenticator reads them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::bearer::same;
use crate::random::{RandomError, random_bytes};

/// Seconds for which a code holds.
pub const STEP_SECONDS: i64 = 30;
/// Steps before and after now whose codes are taken too: clocks of telephones differ.
const DRIFT: i64 = 1;
/// Bytes of a secret: as long as the digest (RFC 4226, section 4).
pub const SECRET_LEN: usize = 20;

/// The alphabet of RFC 4648's base 32.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret.
///
/// # Errors
/// [`RandomError`].
pub fn new_secret() -> Result<Zeroizing<[u8; SECRET_LEN]>, RandomError> {
    random_bytes()
}

/// The secret as authenticators take it: base 32 without padding.
pub fn written(secret: &[u8; SECRET_LEN]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_LEN * 8 / 5));
    for five in secret.chunks(5) {
        let bits = five.iter().fold(0u64, |bits, b| bits << 8 | u64::from(*b));
        for at in (0..8).rev() {
            let index = (bits >> (5 * at)) & 31;
            text.push(char::from(BASE32[index as usize]));
        }
    }
    text
}

/// The step that `code` is of, when it is one for `now` (in seconds since 1970) and later than the
/// last that was used: a code serves once.
pub fn step_of(
    secret: &[u8; SECRET_LEN],
    code: &str,
    now: i64,
    last_used: Option<i64>,
) -> Option<i64> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let current = now.div_euclid(STEP_SECONDS);
    let mut found = None;
    for step in current - DRIFT..=current + DRIFT {
        let right = same(code_at(secret, step).as_bytes(), digits.as_bytes());
        if right && last_used.is_none_or(|used| step > used) {
            found = Some(step);
        }
    }
    found
}

/// The code of a step: so many times [`STEP_SECONDS`] since 1970.
pub fn code_at(secret: &[u8; SECRET_LEN], step: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 15);
    let word = digest[at..at + 4]
        .iter()
        .fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, of which six digits are the last of eight.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(secret, seconds / STEP_SECONDS), code);
            assert!(step_of(secret, code, seconds, None).is_some());
        }
        assert_eq!(*written(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_serves_once_and_not_for_long() {
        let secret = b"12345678901234567890";
        let step = step_of(secret, "287 082", 59, None).unwrap();
        assert_eq!(step, 1);
        assert_eq!(step_of(secret, "287082", 59, Some(1)), None);
        assert_eq!(step_of(secret, "287082", 59 + 30, None), Some(1));
        assert_eq!(step_of(secret, "287082", 59 + 90, None), None);
        assert_eq!(step_of(secret, "", 59, None), None);
        assert_eq!(step_of(secret, "28708", 59, None), None);
    }
}

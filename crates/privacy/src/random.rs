//! The only source of randomness, and only for secrets that are not derived.

use zeroize::Zeroizing;

use crate::keyed::SecretKey;

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct RandomError(#[source] getrandom::Error);

/// Random bytes of the operating system.
///
/// # Errors
/// [`RandomError`] when there are none, as in a sandbox without the system call.
pub fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, RandomError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(RandomError)?;
    Ok(bytes)
}

/// A random secret.
pub(crate) fn random_key() -> Result<SecretKey, RandomError> {
    random_bytes().map(|bytes| SecretKey::from_bytes(*bytes))
}

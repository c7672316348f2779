//! How often a token may ask: so many times a minute, whatever it asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::Timestamp;

/// Requests of a token in a minute.
pub(crate) const A_MINUTE: u32 = 600;
/// How long the count goes on.
const WINDOW: i64 = 60_000_000;
/// Tokens that are counted before those of the last minute are forgotten.
const KNOWN_MAX: usize = 10_000;

/// Counts by whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<BTreeMap<String, (Timestamp, u32)>>);

impl Limits {
    /// Counts one more; in how many seconds to ask again when that is too many.
    pub(crate) fn count(&self, who: &str, now: Timestamp) -> Result<(), u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |since: Timestamp| since.plus_micros(WINDOW) <= now;
        if counts.len() >= KNOWN_MAX {
            counts.retain(|_, (since, _)| !over(*since));
        }
        let (since, count) = counts.entry(who.to_owned()).or_insert((now, 0));
        if over(*since) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count <= A_MINUTE {
            return Ok(());
        }
        let left = since.plus_micros(WINDOW).micros() - now.micros();
        Err(u64::try_from(left / 1_000_000).unwrap_or_default() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_minute_of_their_own() {
        let limits = Limits::default();
        let start = Timestamp::from_micros(0).unwrap();
        let at = |seconds: i64| start.plus_micros(seconds * 1_000_000);
        for _ in 0..A_MINUTE {
            limits.count("a", at(5)).unwrap();
        }
        assert_eq!(limits.count("a", at(35)), Err(31));
        assert_eq!(limits.count("b", at(35)), Ok(()));
        assert_eq!(limits.count("a", at(65)), Ok(()));
    }
}

//! How long to wait before the next try.

use std::time::Duration;

const FIRST_MS: u64 = 200;
const MOST_MS: u64 = 30_000;

/// Before try number `attempt` (from 0): twice as long each time up to half a minute, of which the
/// second half is drawn from `seed`, so that many processes do not come back at the same moment.
pub(crate) fn delay(seed: u64, attempt: u32) -> Duration {
    let whole = FIRST_MS
        .saturating_mul(1_u64 << attempt.min(20))
        .min(MOST_MS);
    let half = whole / 2;
    Duration::from_millis(half + mixed(seed.wrapping_add(u64::from(attempt))) % (half + 1))
}

/// SplitMix64's finaliser.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_spaced_out_and_bounded() {
        for seed in 0..50 {
            for attempt in 0..40 {
                let whole = (FIRST_MS << attempt.min(20)).min(MOST_MS);
                let waited = delay(seed, attempt).as_millis() as u64;
                assert!((whole / 2..=whole).contains(&waited), "{attempt}: {waited}");
            }
        }
    }

    #[test]
    fn two_processes_do_not_come_back_together() {
        let of = |seed| (0..8).map(|n| delay(seed, n)).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}

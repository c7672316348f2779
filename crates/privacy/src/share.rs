//! Random shares: which runs are looked at by a person whatever the machine said.
//!
//! The draw is HMAC(audit key, run key), so nobody chooses it, the same run always has the same
//! answer, and whoever holds the audit key can check afterwards that none was left out.

use domain::{Probability, RunKey};

use crate::keyed::SecretKey;

/// Where the run falls between 0 and 999,999 millionths, uniformly.
pub fn draw_millionths(audit_key: &SecretKey, run_key: &RunKey) -> u32 {
    millionths(audit_key, run_key.as_bytes())
}

/// The place of the run in a queue, between 0 and 999,999 millionths of it, uniformly: it says
/// nothing of whether the run is [drawn](is_drawn).
pub fn place_millionths(audit_key: &SecretKey, run_key: &RunKey) -> u32 {
    millionths(
        audit_key,
        &[run_key.as_bytes(), b"place".as_slice()].concat(),
    )
}

fn millionths(audit_key: &SecretKey, of: &[u8]) -> u32 {
    let mac: [u8; 8] = crate::keyed::first(&audit_key.hmac(of));
    // The high 64 bits of a product scale without the bias of a remainder.
    let scaled = (u128::from(u64::from_be_bytes(mac)) * 1_000_000) >> 64;
    scaled as u32
}

/// Whether the run is within a random share of all runs: never of a share of 0, always of 1.
pub fn is_drawn(audit_key: &SecretKey, run_key: &RunKey, share: Probability) -> bool {
    draw_millionths(audit_key, run_key) < share.millionths()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(i: u32) -> RunKey {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&i.to_be_bytes());
        RunKey::from_bytes(bytes)
    }

    #[test]
    fn draws_the_share_it_is_asked_for() {
        let key = SecretKey::from_bytes([5; 32]);
        let drawn = |share| {
            (0..10_000)
                .filter(|i| is_drawn(&key, &run(*i), Probability::from_f64(share)))
                .count()
        };
        assert_eq!(drawn(0.0), 0);
        assert_eq!(drawn(1.0), 10_000);
        // Five standard deviations: 10,000 × 0.05 × 0.95 has one of 22.
        assert!(drawn(0.05).abs_diff(500) < 110, "{}", drawn(0.05));
        // A larger share holds every run of a smaller one.
        let (small, large) = (Probability::from_f64(0.05), Probability::from_f64(0.2));
        assert!(
            (0..1000).all(|i| !is_drawn(&key, &run(i), small) || is_drawn(&key, &run(i), large))
        );
    }

    #[test]
    fn a_place_says_nothing_of_the_draw() {
        let key = SecretKey::from_bytes([5; 32]);
        let early = |drawn: bool| {
            let share = Probability::from_f64(0.1);
            let of: Vec<u32> = (0..10_000)
                .filter(|i| is_drawn(&key, &run(*i), share) == drawn)
                .map(|i| place_millionths(&key, &run(i)))
                .collect();
            of.iter().filter(|place| **place < 500_000).count() as f64 / of.len() as f64
        };
        // Five standard deviations of 1,000 draws of one half.
        assert!((early(true) - 0.5).abs() < 0.08, "{}", early(true));
        assert!((early(false) - 0.5).abs() < 0.03, "{}", early(false));
    }

    #[test]
    fn another_key_draws_others() {
        let draw = |byte| {
            let key = SecretKey::from_bytes([byte; 32]);
            (0..20)
                .map(|i| draw_millionths(&key, &run(i)))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

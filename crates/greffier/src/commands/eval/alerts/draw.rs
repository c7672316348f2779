//! Chance, drawn from a seed: the same seed draws the same on every machine.

use insight::signals::chance::count_chances;

/// SplitMix64 (Steele, Lea and Flood 2014).
pub struct Draw(u64);

impl Draw {
    /// Draws from this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly between 0 and 1, 1 excluded.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of so many, evenly.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.share() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// A count of this mean whose variance is `dispersion` times its mean.
    pub fn count(&mut self, mean: f64, dispersion: f64) -> u32 {
        let mut left = self.share();
        let chances = count_chances(mean, dispersion, 1e-12);
        for (k, chance) in (0u32..).zip(&chances) {
            if left < *chance {
                return k;
            }
            left -= chance;
        }
        chances.len() as u32 - 1
    }
}

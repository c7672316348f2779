//! Chance that a seed decides, and the slips of people who type.

use unicode_normalization::UnicodeNormalization;

/// SplitMix64 (Steele, Lea and Flood 2014): small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but without 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// A number from 0 up to but without `end`; 0 when that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            return 0;
        }
        (self.bits() % end as u64) as usize
    }

    /// The numbers below `length`, shuffled.
    pub fn order(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        for last in (1..length).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

/// `text` with the slips of people who type: accents left out (every second time), and a letter
/// dropped, doubled or swapped with the next in about one word of eight.
pub fn slipped(text: &str, chance: &mut Chance) -> String {
    let bare: String = if chance.unit() < 0.5 {
        text.nfd()
            .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
            .collect()
    } else {
        text.into()
    };
    let words: Vec<String> = bare
        .split(' ')
        .map(|word| {
            let mut letters: Vec<char> = word.chars().collect();
            if letters.len() < 4 || chance.unit() >= 0.125 {
                return word.into();
            }
            let at = 1 + chance.below(letters.len() - 2);
            match chance.below(3) {
                0 => {
                    letters.remove(at);
                }
                1 => letters.insert(at, letters[at]),
                _ => letters.swap(at, at + 1),
            }
            letters.into_iter().collect()
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_all() {
        // The first number of the reference implementation for seed 0.
        assert_eq!(Chance::new(0).bits(), 0xE220_A839_7B1D_CDAF);
        let mut order = Chance::new(5).order(100);
        assert_eq!(order, Chance::new(5).order(100));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..100));
    }

    #[test]
    fn slips_change_few_letters() {
        let text = "Quelle est la durée légale du préavis de démission ?";
        let mut changed = 0;
        for seed in 0..50 {
            let slipped = slipped(text, &mut Chance::new(seed));
            assert_eq!(slipped, super::slipped(text, &mut Chance::new(seed)));
            assert!(slipped.chars().count().abs_diff(text.chars().count()) <= 6);
            changed += usize::from(slipped != text);
        }
        assert!(changed > 25, "{changed}");
    }
}

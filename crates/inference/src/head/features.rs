//! Lexical features of a text: hashed n-grams of words and of characters.
//!
//! A word is a run of letters and digits, folded (NFKD without marks, lower case) so that
//! "Éclairage" and "eclairage" are one; one-letter words (elided articles) are left out. Two
//! blocks: words alone and in pairs, and runs of characters within a word and its two edges. A
//! gram is a bucket: FNV-1a (64 bits), folded to the width wanted. The hash is part of the head's
//! format: it is fixed, and needs no dictionary of words, which would hold people's names.

use serde::{Deserialize, Serialize};

use domain::Span;

/// What is extracted from texts. Part of a head: changing it needs a new training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSettings {
    /// Buckets of each block are two to this power, from 8 to 22.
    pub bucket_bits: u32,
    /// Shortest run of characters.
    pub char_min: usize,
    /// Longest run of characters.
    pub char_max: usize,
    /// Grams seen in fewer training documents than this are left out.
    pub min_documents: u32,
}

impl Default for FeatureSettings {
    fn default() -> Self {
        Self {
            bucket_bits: 16,
            char_min: 3,
            char_max: 5,
            min_documents: 2,
        }
    }
}

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub folded: String,
    pub span: Span,
}

/// One gram at one place: its bucket and the words it covers, by index (both the same for all
/// grams but pairs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gram {
    pub bucket: u32,
    pub first: u32,
    pub last: u32,
}

/// Number of lexical blocks: words, characters.
pub(crate) const BLOCKS: usize = 2;

/// A text cut into words, and its grams in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grams {
    pub words: Vec<Word>,
    pub blocks: [Vec<Gram>; BLOCKS],
}

/// A block of a text as (bucket, weight), by rising bucket; the weight is 1 + ln(count).
pub(crate) type Weighted = Vec<(u32, f32)>;

impl Grams {
    pub(crate) fn of(text: &str, settings: &FeatureSettings) -> Self {
        let words = words(text);
        let mask = (1_u64 << settings.bucket_bits.clamp(8, 22)) - 1;
        let mut singles = Vec::new();
        let mut runs = Vec::new();
        for (i, word) in words.iter().enumerate() {
            let at = i as u32;
            let bucket = bucket(&[word.folded.as_bytes()], mask);
            singles.push(Gram {
                bucket,
                first: at,
                last: at,
            });
            if let Some(next) = words.get(i + 1) {
                let pair = [word.folded.as_bytes(), b" ", next.folded.as_bytes()];
                singles.push(Gram {
                    bucket: self::bucket(&pair, mask),
                    first: at,
                    last: at + 1,
                });
            }
            let edged = format!(" {} ", word.folded);
            let bounds: Vec<usize> = edged
                .char_indices()
                .map(|(at, _)| at)
                .chain([edged.len()])
                .collect();
            for length in settings.char_min.max(1)..=settings.char_max {
                for window in bounds.windows(length + 1) {
                    let run = &edged.as_bytes()[window[0]..window[length]];
                    runs.push(Gram {
                        bucket: self::bucket(&[run], mask),
                        first: at,
                        last: at,
                    });
                }
            }
        }
        Self {
            words,
            blocks: [singles, runs],
        }
    }

    pub(crate) fn weighted(&self, block: usize) -> Weighted {
        let mut buckets: Vec<u32> = self.blocks[block].iter().map(|gram| gram.bucket).collect();
        buckets.sort_unstable();
        buckets
            .chunk_by(|a, b| a == b)
            .map(|same| (same[0], 1.0 + (same.len() as f32).ln()))
            .collect()
    }
}

/// Runs of letters and digits with at least two characters once folded.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, c) in ends {
        // A mark continues a word only, so that a decomposed accent does not cut it in two.
        let inside = c.is_alphanumeric()
            || (start.is_some() && unicode_normalization::char::is_combining_mark(c));
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                start = None;
                let folded = domain::text::fold(&text[from..at]);
                if folded.chars().nth(1).is_some() {
                    words.push(Word {
                        folded,
                        span: Span::new(from as u32, at as u32),
                    });
                }
            }
            _ => {}
        }
    }
    words
}

fn bucket(parts: &[&[u8]], mask: u64) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().copied().flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV's low bits depend on the low bits of the text only: the high half is mixed in.
    ((hash ^ (hash >> 32)) & mask) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let words = words(text);
        let found: Vec<(&str, &str)> = words
            .iter()
            .map(|w| {
                (
                    w.folded.as_str(),
                    w.span.of(text).expect("a place in the text"),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_are_folded_and_keep_their_places() {
        check("", &[]);
        check(
            "L’Éclairage, à 12h",
            &[("eclairage", "Éclairage"), ("12h", "12h")],
        );
        check(
            "cœur e\u{301}te\u{301}",
            &[("coeur", "cœur"), ("ete", "e\u{301}te\u{301}")],
        );
        check("fin\u{c}suite", &[("fin", "fin"), ("suite", "suite")]);
    }

    #[test]
    fn the_hash_is_fixed() {
        // FNV-1a of "a" is af63dc4c8601ec8c; a change would make every saved head wrong.
        assert_eq!(
            bucket(&[b"a"], u64::from(u32::MAX)),
            0xaf63_dc4c ^ 0x8601_ec8c
        );
        assert_eq!(
            bucket(&[b"ab", b" ", b"c"], 0xffff),
            bucket(&[b"ab c"], 0xffff)
        );
    }

    #[test]
    fn counts_are_damped_and_sorted() {
        let settings = FeatureSettings::default();
        let grams = Grams::of("eau eau eau rue", &settings);
        let words = grams.weighted(0);
        assert!(words.is_sorted_by_key(|(bucket, _)| *bucket));
        let eau = bucket(&[b"eau"], (1 << 16) - 1);
        assert_eq!(
            words.iter().find(|w| w.0 == eau),
            Some(&(eau, 1.0 + 3_f32.ln()))
        );
        // "eau", "rue", "eau eau", "eau rue".
        assert_eq!(words.len(), 4);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_grams_within_bounds(text in ".*") {
            let settings = FeatureSettings { bucket_bits: 10, ..FeatureSettings::default() };
            let grams = Grams::of(&text, &settings);
            for gram in grams.blocks.iter().flatten() {
                proptest::prop_assert!(gram.bucket < 1024);
                proptest::prop_assert!((gram.last as usize) < grams.words.len());
            }
        }
    }
}

//! Sketches: what tells that two texts are nearly the same without holding either.
//!
//! A text is folded to its letters and digits and cut into every run of [`RUN`] characters. Of the
//! set of runs, [`VALUES`] minima under [`VALUES`] fixed hash functions are kept: the share of equal
//! minima in two sketches estimates the share of runs that the two texts have in common (A. Broder,
//! *On the resemblance and containment of documents*, 1997). Minima are also cut into [`BANDS`]
//! bands: two texts that resemble each other share a whole band nearly always, two others nearly
//! never, so that only those which share one are compared (Leskovec, Rajaraman, Ullman, *Mining of
//! Massive Datasets*, 3.4).
//!
//! Making one is `extract::sketch`; these numbers and that function are the format: changing any is
//! another format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ArtifactName;

/// Folded characters of a run: long enough that common words alone make no two texts alike.
pub const RUN: usize = 9;
/// Minima of a sketch.
pub const VALUES: usize = 252;
/// Bands of a sketch.
pub const BANDS: usize = 42;
/// Minima of a band. A band is shared as often as not where half the minima are equal: beneath what
/// counts as resembling, and far above what two letters have in common.
pub const BAND_VALUES: usize = VALUES / BANDS;
/// With fewer distinct runs than these, a phrase in common is most of the text: too short to tell.
pub const RUNS_MIN: usize = 60;
/// From how many percent on a text is said to resemble another.
pub const RESEMBLES_MIN: u8 = 70;

/// The sketch of one text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sketch {
    /// `greffier.sketch/1`.
    pub format: SketchFormat,
    /// The artifact that holds the text.
    pub text_version: ArtifactName,
    /// Distinct runs of the text.
    pub runs: u32,
    /// Whether the text is too short to tell what it resembles: there are then no minima.
    pub too_short: bool,
    /// The minima, in the order of their hash functions.
    pub minima: Vec<u32>,
}

/// The version of the sketch artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SketchFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.sketch/1")]
    V1,
}

/// The bytes of a band: its number, then its minima, so that the same minima in two places of a
/// sketch are two bands.
pub type Band = [u8; 1 + 4 * BAND_VALUES];

impl Sketch {
    /// The minima, when there are as many as there should be.
    fn whole(&self) -> Option<&[u32]> {
        (self.minima.len() == VALUES).then_some(self.minima.as_slice())
    }

    /// The bands; none for a text too short to tell.
    pub fn bands(&self) -> Vec<Band> {
        let minima = self.whole().unwrap_or_default();
        (0u8..)
            .zip(minima.chunks_exact(BAND_VALUES))
            .map(|(number, minima)| {
                let mut band = [0; 1 + 4 * BAND_VALUES];
                band[0] = number;
                for (place, value) in band[1..].chunks_exact_mut(4).zip(minima) {
                    place.copy_from_slice(&value.to_be_bytes());
                }
                band
            })
            .collect()
    }

    /// How much two texts have in common, in whole percent, rounded down, the same from either side:
    /// the runs they share over the runs of one of them, on average, `2r/(1+r)` of Broder's
    /// resemblance `r`. A letter with one in a hundred characters misread here and there keeps about 88 %, one in
    /// fifty about 79 %, one in twenty 56 %; with the same share changed in runs of five, 96, 93, 83 %.
    /// `None` where one of them is too short to tell.
    pub fn resemblance(&self, other: &Self) -> Option<u8> {
        let (one, two) = (self.whole()?, other.whole()?);
        let equal = one.iter().zip(two).filter(|(a, b)| a == b).count();
        u8::try_from(200 * equal / (VALUES + equal)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(minima: Vec<u32>) -> Sketch {
        Sketch {
            format: SketchFormat::V1,
            text_version: ArtifactName::from_bytes([1; 32]),
            runs: 500,
            too_short: minima.is_empty(),
            minima,
        }
    }

    fn with_equal(equal: u32) -> [Sketch; 2] {
        let count = VALUES as u32;
        let other = (0..count).map(|i| if i < equal { i } else { i + 1_000 });
        [sketch((0..count).collect()), sketch(other.collect())]
    }

    #[test]
    fn resemblance_is_rounded_down_and_the_same_from_either_side() {
        for (equal, percent) in [(0, 0), (135, 69), (136, 70), (251, 99), (252, 100)] {
            let [one, two] = with_equal(equal);
            assert_eq!(one.resemblance(&two), Some(percent), "{equal}");
            assert_eq!(two.resemblance(&one), Some(percent), "{equal}");
        }
    }

    #[test]
    fn a_sketch_without_all_its_minima_resembles_nothing() {
        let [whole, _] = with_equal(0);
        for part in [sketch(Vec::new()), sketch(vec![0; VALUES - 1])] {
            assert_eq!(whole.resemblance(&part), None);
            assert_eq!(part.resemblance(&part), None);
            assert!(part.bands().is_empty());
        }
    }

    #[test]
    fn equal_minima_in_other_places_are_other_bands() {
        let bands = sketch(vec![7; VALUES]).bands();
        let distinct: std::collections::BTreeSet<_> = bands.iter().collect();
        assert_eq!((bands.len(), distinct.len()), (BANDS, BANDS));
        let [one, two] = with_equal(12);
        let shared = one
            .bands()
            .iter()
            .filter(|b| two.bands().contains(b))
            .count();
        assert_eq!(shared, 12 / BAND_VALUES);
    }
}

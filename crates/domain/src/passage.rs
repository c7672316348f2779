//! Passages: the smallest thing that is embedded, found and cited.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ArtifactName, Span};

/// The identity of a passage: a range of a version of a text.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct PassageId {
    /// The artifact that holds the text.
    pub text_version: ArtifactName,
    /// Where.
    #[serde(flatten)]
    pub span: Span,
}

/// A range of a text that says one thing, never cutting a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Passage {
    /// First byte in the stored text.
    pub start: u32,
    /// First byte after it.
    pub end: u32,
    /// Page number from 1.
    pub page: u32,
    /// The heading it stands under, as a range of the same text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<Span>,
    /// ISO 639-1 code of its language: its own where it is long and plain enough to tell, else the
    /// document's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Passage {
    /// Its range.
    pub const fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }
}

/// The passages of one document, in text order, without overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PassageSet {
    /// `greffier.passages/1`.
    pub format: PassageSetFormat,
    /// The artifact that holds the text.
    pub text_version: ArtifactName,
    /// The passages.
    pub passages: Vec<Passage>,
}

/// The version of the passage-set artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PassageSetFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.passages/1")]
    V1,
}

/// The vectors of the passages of one document, in their order: an artifact in binary form.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct VectorSet {
    /// Values per vector.
    pub dimension: usize,
    /// Unit vectors (L2), one a passage.
    pub vectors: Vec<Vec<f32>>,
}

/// Bytes that are not a vector set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a vector set: {0}")]
pub struct VectorSetError(String);

impl VectorSet {
    const MAGIC: &'static [u8; 8] = b"grfvec/1";

    /// The unit vector of the whole document: the mean of those of its passages. `None` without any.
    pub fn mean(&self) -> Option<Vec<f32>> {
        if self.vectors.is_empty() {
            return None;
        }
        // Sums in the order of the passages, in f64: the same on every machine.
        let mut sum = vec![0f64; self.dimension];
        for vector in &self.vectors {
            for (total, value) in sum.iter_mut().zip(vector) {
                *total += f64::from(*value);
            }
        }
        let norm = sum.iter().map(|v| v * v).sum::<f64>().sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        Some(sum.into_iter().map(|v| (v * scale) as f32).collect())
    }

    /// `grfvec/1`, dimension and count as little-endian u32, then the values as little-endian f32.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + 4 * self.dimension * self.vectors.len());
        out.extend_from_slice(Self::MAGIC);
        out.extend_from_slice(&(self.dimension as u32).to_le_bytes());
        out.extend_from_slice(&(self.vectors.len() as u32).to_le_bytes());
        for value in self.vectors.iter().flatten() {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) writes.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VectorSetError> {
        let header = bytes
            .get(..16)
            .ok_or_else(|| VectorSetError("shorter than its header".into()))?;
        if &header[..8] != Self::MAGIC {
            return Err(VectorSetError("does not start with `grfvec/1`".into()));
        }
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
                as usize
        };
        let (dimension, count) = (number(8), number(12));
        let body = &bytes[16..];
        if dimension.checked_mul(count).and_then(|n| n.checked_mul(4)) != Some(body.len())
            || (dimension == 0 && count > 0)
        {
            return Err(VectorSetError(format!(
                "{count} vectors of {dimension} values do not fill {} bytes",
                body.len()
            )));
        }
        let values: Vec<f32> = body
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let vectors = if dimension == 0 {
            Vec::new()
        } else {
            values
                .chunks_exact(dimension)
                .map(<[f32]>::to_vec)
                .collect()
        };
        Ok(Self { dimension, vectors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn vectors_survive(rows in proptest::collection::vec(proptest::collection::vec(-1f32..1., 5), 0..7)) {
            let set = VectorSet { dimension: 5, vectors: rows };
            proptest::prop_assert_eq!(VectorSet::from_bytes(&set.to_bytes()).unwrap(), set);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = VectorSet::from_bytes(&bytes);
        }
    }

    #[test]
    fn a_count_that_lies_is_refused() {
        let mut bytes = VectorSet {
            dimension: 2,
            vectors: vec![vec![1., 0.]],
        }
        .to_bytes();
        bytes[12] = 9;
        assert!(VectorSet::from_bytes(&bytes).is_err());
    }
}

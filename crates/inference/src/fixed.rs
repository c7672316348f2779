//! Encoding with a static model: a sum of small integers, the same to the bit on every machine.
//!
//! Such a model is a table of 8-bit integers, a row a piece of the vocabulary. A text's vector is
//! the sum of the rows of its pieces, in 32-bit integers, which no order of summing
//! changes, brought to length 1. Only that last step leaves the integers: the squares are summed
//! as integers, then one square root and, a value, one division are taken in double precision and
//! one rounding to single, each of which IEEE 754 gives one correct result. So a vector depends on
//! its text and the model alone, not on the processor, the batch or the number of threads.

use ort::session::Session;
use ort::value::Tensor;
use tokenizers::Tokenizer;

use crate::onnx::{Attribute, Builder, Element, Size};
use crate::runtime::Runtime;

/// The piece of what the vocabulary does not know; a text without pieces has this one.
pub(crate) const UNKNOWN: u32 = 0;

/// Why a text could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum FixedError {
    /// ONNX Runtime refuses or fails.
    #[error("ONNX Runtime refuses")]
    Runtime(#[from] ort::Error),
    /// The tokenizer refuses or fails.
    #[error("the tokenizer refuses: {0}")]
    Tokenizer(#[source] tokenizers::Error),
}

/// A tokenizer as it is stored.
pub(crate) fn tokenizer(bytes: &[u8]) -> Result<Tokenizer, FixedError> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(FixedError::Tokenizer)?;
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(None)
        .map_err(FixedError::Tokenizer)?;
    Ok(tokenizer)
}

/// The first `longest` pieces of a text; the unknown one, of a text without any.
pub(crate) fn pieces(
    tokenizer: &Tokenizer,
    text: &str,
    longest: usize,
) -> Result<Vec<u32>, FixedError> {
    let encoding = tokenizer
        .encode_fast(text, false)
        .map_err(FixedError::Tokenizer)?;
    let found = encoding.get_ids();
    let mut pieces = found[..found.len().min(longest)].to_vec();
    if pieces.is_empty() {
        pieces.push(UNKNOWN);
    }
    Ok(pieces)
}

/// The ONNX bytes of a static model whose `table` has `dimension` values a piece.
///
/// Input: `pieces`, int64 `[pieces]`. Output: `sum`, int32 `[dimension]`.
#[cfg_attr(
    not(any(test, feature = "training")),
    allow(dead_code, reason = "written once")
)]
pub(crate) fn graph(table: &[i8], dimension: usize) -> Vec<u8> {
    let mut g = Builder::new("static");
    let pieces = g.input("pieces", Element::Int64, &[Size::Free("pieces")]);
    let table = g.int8s("table", &[table.len() / dimension.max(1), dimension], table);
    let rows = g.node("Gather", &[&table, &pieces], vec![]);
    let to = vec![Attribute::int("to", Element::Int32 as i64)];
    let rows = g.node("Cast", &[&rows], to);
    let first = g.int64s("first_axis", &[1], &[0]);
    let keep = vec![Attribute::int("keepdims", 0)];
    g.named("ReduceSum", &[&rows, &first], keep, "sum");
    g.output("sum", Element::Int32, &[Size::Fixed(dimension)]);
    g.finish()
}

/// A session of a static model.
pub(crate) struct Fixed(Session);

impl Fixed {
    pub(crate) fn new(model: &[u8], runtime: &Runtime) -> Result<Self, FixedError> {
        Ok(Self(runtime.session(model)?))
    }

    /// The vector of a text of these pieces.
    pub(crate) fn encode(&mut self, pieces: &[u32]) -> Result<Vec<f32>, FixedError> {
        let pieces: Vec<i64> = pieces.iter().map(|piece| i64::from(*piece)).collect();
        let input = Tensor::from_array(([pieces.len()], pieces))?;
        let outputs = self.0.run(ort::inputs!["pieces" => input])?;
        let (_, sum) = outputs["sum"].try_extract_tensor::<i32>()?;
        Ok(unit(sum))
    }
}

/// `sum` brought to length 1; all zeros stay so.
pub(crate) fn unit(sum: &[i32]) -> Vec<f32> {
    let square: i64 = sum.iter().map(|v| i64::from(*v) * i64::from(*v)).sum();
    let length = (square.max(1) as f64).sqrt();
    sum.iter()
        .map(|v| (f64::from(*v) / length) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_brought_to_length_one() {
        assert_eq!(unit(&[3, 0, -4]), [0.6, 0.0, -0.8]);
        assert_eq!(unit(&[0, 0]), [0.0, 0.0]);
        // The largest sum of 8-bit rows that a text of 2^16 pieces can have.
        let large = unit(&[127 << 16; 256]);
        assert!(large.iter().all(|v| *v == 0.0625), "{large:?}");
    }

    #[test]
    fn a_graph_depends_on_its_table_alone() {
        assert_eq!(graph(&[1, -1, 2, 3], 2), graph(&[1, -1, 2, 3], 2));
        assert_ne!(graph(&[1, -1, 2, 3], 2), graph(&[1, -1, 2, 4], 2));
    }
}

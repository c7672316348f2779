//! The head as one ONNX graph, and its numbers read back from it.
//!
//! Inputs, for `documents` texts: `dense` float `[documents, D]`, and for each lexical block
//! `NAME_ids` int64 and `NAME_weights` float, both `[documents, grams]`, padded with id 0 and
//! weight 0. Outputs: `logits` (divided by the temperature) and `probabilities`, float
//! `[documents, labels]`. The graph looks up each bucket's row, multiplies by what it weighs (the tensors `….idf`), brings the
//! block to length 1 and adds the rows up; row 0 is that of buckets no training document had.

use prost::Message;

use super::HeadError;
use super::features::BLOCKS;
use crate::onnx::{Attribute, Builder, Element, Model, Size, Tensor};

pub(crate) const BLOCK_NAMES: [&str; BLOCKS] = ["words", "chars"];

/// All numbers of a head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    pub classes: usize,
    pub blocks: [Block; BLOCKS],
    /// `[dimension, classes]`, the dense factor included.
    pub dense: Vec<f32>,
    pub bias: Vec<f32>,
    pub temperature: f32,
}

/// A lexical block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    /// Row of each bucket; 0 when no training document had it.
    pub rows: Vec<i64>,
    /// By row.
    pub idf: Vec<f32>,
    /// `[rows, classes]`.
    pub weights: Vec<f32>,
}

impl Weights {
    pub(crate) fn to_onnx(&self) -> Vec<u8> {
        let k = self.classes;
        let dimension = self.dense.len() / k;
        let mut g = Builder::new("head");
        let documents = Size::Free("documents");
        let dense = g.input(
            "dense",
            Element::Float,
            &[documents, Size::Fixed(dimension)],
        );
        let weights = g.floats("dense.weights", &[dimension, k], &self.dense);
        let bias = g.floats("bias", &[k], &self.bias);
        let mut sum = g.node("Gemm", &[&dense, &weights, &bias], vec![]);
        let one = g.int64s("axis_1", &[1], &[1]);
        let tiny = g.floats("tiny", &[], &[1e-12]);
        for (name, block) in BLOCK_NAMES.iter().zip(&self.blocks) {
            let free = [
                documents,
                Size::Free(if *name == "words" { "words" } else { "chars" }),
            ];
            let ids = g.input(&format!("{name}_ids"), Element::Int64, &free);
            let tf = g.input(&format!("{name}_weights"), Element::Float, &free);
            let rows = g.int64s(&format!("{name}.rows"), &[block.rows.len()], &block.rows);
            let idf = g.floats(&format!("{name}.idf"), &[block.idf.len()], &block.idf);
            let weights = g.floats(
                &format!("{name}.weights"),
                &[block.idf.len(), k],
                &block.weights,
            );
            let rows = g.node("Gather", &[&rows, &ids], vec![]);
            let idf = g.node("Gather", &[&idf, &rows], vec![]);
            let value = g.node("Mul", &[&tf, &idf], vec![]);
            let length = vec![Attribute::int("keepdims", 1)];
            let length = g.node("ReduceL2", &[&value, &one], length);
            let length = g.node("Max", &[&length, &tiny], vec![]);
            let value = g.node("Div", &[&value, &length], vec![]);
            let value = g.node("Unsqueeze", &[&value, &one], vec![]);
            let weights = g.node("Gather", &[&weights, &rows], vec![]);
            let scores = g.node("MatMul", &[&value, &weights], vec![]);
            let scores = g.node("Squeeze", &[&scores, &one], vec![]);
            sum = g.node("Add", &[&sum, &scores], vec![]);
        }
        let temperature = g.floats("temperature", &[], &[self.temperature]);
        let logits = g.named("Div", &[&sum, &temperature], vec![], "logits");
        g.named(
            "Softmax",
            &[&logits],
            vec![Attribute::int("axis", -1)],
            "probabilities",
        );
        g.output("logits", Element::Float, &[documents, Size::Fixed(k)]);
        g.output(
            "probabilities",
            Element::Float,
            &[documents, Size::Fixed(k)],
        );
        g.finish()
    }

    /// The numbers in a graph that [`to_onnx`](Self::to_onnx) wrote for `classes` labels.
    pub(crate) fn from_onnx(bytes: &[u8], classes: usize) -> Result<Self, HeadError> {
        let model = Model::decode(bytes).map_err(HeadError::Graph)?;
        let tensors = model.graph.unwrap_or_default().initializer;
        let find = |name: &str| {
            let found = tensors.iter().find(|tensor| tensor.name == name);
            found.ok_or_else(|| HeadError::Tensor { name: name.into() })
        };
        let floats = |name: &str| {
            find(name)?
                .floats()
                .ok_or_else(|| HeadError::Tensor { name: name.into() })
        };
        let mut blocks: [Block; BLOCKS] = Default::default();
        for (name, block) in BLOCK_NAMES.iter().zip(&mut blocks) {
            let rows: &Tensor = find(&format!("{name}.rows"))?;
            block.rows = rows.int64s().ok_or_else(|| HeadError::Tensor {
                name: format!("{name}.rows"),
            })?;
            block.idf = floats(&format!("{name}.idf"))?;
            block.weights = floats(&format!("{name}.weights"))?;
            let within = |row: &i64| usize::try_from(*row).is_ok_and(|row| row < block.idf.len());
            if block.weights.len() != block.idf.len() * classes
                || !block.rows.len().is_power_of_two()
                || !block.rows.iter().all(within)
            {
                return Err(HeadError::Tensor {
                    name: format!("{name}.weights"),
                });
            }
        }
        let dense = floats("dense.weights")?;
        let bias = floats("bias")?;
        let temperature = floats("temperature")?;
        if bias.len() != classes || !dense.len().is_multiple_of(classes.max(1)) {
            return Err(HeadError::Tensor {
                name: "bias".into(),
            });
        }
        match temperature.as_slice() {
            [t] if t.is_finite() && *t > 0.0 => Ok(Self {
                classes,
                blocks,
                dense,
                bias,
                temperature: *t,
            }),
            _ => Err(HeadError::Tensor {
                name: "temperature".into(),
            }),
        }
    }
}

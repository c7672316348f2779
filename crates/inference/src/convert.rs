//! BERT weights as published (safetensors) to one ONNX graph.
//!
//! The registries offer the encoder's weights but no ONNX file, so the graph of Devlin et al. 2019
//! (post-layer-norm, learnt positions, exact GELU) is written here from `config.json` and the
//! tensors. The result depends on nothing else: its digest is pinned beside those of its sources.
//!
//! Inputs: `input_ids`, `attention_mask`, `token_type_ids`, int64 `[batch, sequence]`.
//! Output: `last_hidden_state`, float `[batch, sequence, hidden]`; pooling is the encoder's.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::onnx::{Attribute, Builder, Element, Size};

/// Why weights could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A file is missing or unreadable.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `config.json` does not describe an encoder of this family.
    #[error("{} does not describe a BERT encoder", path.display())]
    Config {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The architecture is another than the one this module writes.
    #[error("`{key}` is `{value}` in config.json, which this conversion does not know")]
    Unknown {
        /// Key of `config.json`.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// The weights' file is not in the safetensors format.
    #[error("{} is not a safetensors file", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A tensor that the architecture needs is absent.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// Which.
        name: String,
        /// What the reader says.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A tensor is not what the architecture says.
    #[error("tensor `{name}` is {found}, expected F32 {expected:?}")]
    Mismatch {
        /// Which.
        name: String,
        /// Element type and shape found.
        found: String,
        /// Shape expected.
        expected: Vec<usize>,
    },
}

/// What of `config.json` decides the graph.
#[derive(Debug, Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f32,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    type_vocab_size: usize,
    vocab_size: usize,
    position_embedding_type: Option<String>,
}

impl Config {
    fn check(&self) -> Result<(), ConvertError> {
        let refuse = |key, value: &str| {
            Err(ConvertError::Unknown {
                key,
                value: value.into(),
            })
        };
        if self.model_type != "bert" {
            return refuse("model_type", &self.model_type);
        }
        if self.hidden_act != "gelu" {
            return refuse("hidden_act", &self.hidden_act);
        }
        if let Some(kind) = self
            .position_embedding_type
            .as_deref()
            .filter(|&k| k != "absolute")
        {
            return refuse("position_embedding_type", kind);
        }
        if self.num_attention_heads == 0
            || !self.hidden_size.is_multiple_of(self.num_attention_heads)
        {
            return refuse("num_attention_heads", &self.num_attention_heads.to_string());
        }
        Ok(())
    }
}

/// The ONNX bytes of the BERT encoder in `dir` (`config.json` and `model.safetensors`).
///
/// The bytes depend on these two files only.
///
/// # Errors
/// When a file cannot be read, or describes another architecture.
pub fn bert_safetensors_to_onnx(dir: &Path) -> Result<Vec<u8>, ConvertError> {
    let read = |name: &str| {
        let path = dir.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok((path, bytes)),
            Err(source) => Err(ConvertError::Read { path, source }),
        }
    };
    let (path, bytes) = read("config.json")?;
    let config: Config =
        serde_json::from_slice(&bytes).map_err(|source| ConvertError::Config { path, source })?;
    config.check()?;
    let (path, bytes) = read("model.safetensors")?;
    let tensors =
        SafeTensors::deserialize(&bytes).map_err(|source| ConvertError::Format { path, source })?;
    graph(&config, &Weights { tensors })
}

struct Weights<'a> {
    tensors: SafeTensors<'a>,
}

impl Weights<'_> {
    fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ConvertError> {
        let view = self
            .tensors
            .tensor(name)
            .map_err(|source| ConvertError::Missing {
                name: name.into(),
                source,
            })?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            return Err(ConvertError::Mismatch {
                name: name.into(),
                found: format!("{:?} {:?}", view.dtype(), view.shape()),
                expected: shape.to_vec(),
            });
        }
        Ok(view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect())
    }

    /// A dense layer's weight, stored `[out, in]`, as the `[inputs, outputs]` that `MatMul` takes.
    fn transposed(
        &self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Vec<f32>, ConvertError> {
        let stored = self.get(name, &[outputs, inputs])?;
        let mut turned = vec![0.0; stored.len()];
        for (o, row) in stored.chunks_exact(inputs).enumerate() {
            for (i, value) in row.iter().enumerate() {
                turned[i * outputs + o] = *value;
            }
        }
        Ok(turned)
    }
}

fn graph(config: &Config, weights: &Weights<'_>) -> Result<Vec<u8>, ConvertError> {
    let hidden = config.hidden_size;
    let mut bert = Bert {
        g: Builder::new("bert"),
        weights,
        eps: config.layer_norm_eps,
    };
    let free = [Size::Free("batch"), Size::Free("sequence")];
    let ids = bert.g.input("input_ids", Element::Int64, &free);
    let mask = bert.g.input("attention_mask", Element::Int64, &free);
    let types = bert.g.input("token_type_ids", Element::Int64, &free);

    let words = bert.table(
        "embeddings.word_embeddings.weight",
        config.vocab_size,
        hidden,
    )?;
    let words = bert.g.node("Gather", &[&words, &ids], vec![]);
    let kinds = bert.table(
        "embeddings.token_type_embeddings.weight",
        config.type_vocab_size,
        hidden,
    )?;
    let kinds = bert.g.node("Gather", &[&kinds, &types], vec![]);
    let places = bert.table(
        "embeddings.position_embeddings.weight",
        config.max_position_embeddings,
        hidden,
    )?;
    let length = vec![Attribute::int("start", 1), Attribute::int("end", 2)];
    let length = bert.g.node("Shape", &[&ids], length);
    let zero = bert.g.int64s("zero", &[1], &[0]);
    let places = bert
        .g
        .node("Slice", &[&places, &zero, &length, &zero], vec![]);
    let sum = bert.g.node("Add", &[&words, &kinds], vec![]);
    let sum = bert.g.node("Add", &[&sum, &places], vec![]);
    let mut state = bert.norm(&sum, "embeddings.LayerNorm", hidden)?;

    // A masked token's score falls to the lowest float, so that its share of attention is zero.
    let seen = bert.g.node(
        "Cast",
        &[&mask],
        vec![Attribute::int("to", Element::Float as i64)],
    );
    let axes = bert.g.int64s("mask_axes", &[2], &[1, 2]);
    let seen = bert.g.node("Unsqueeze", &[&seen, &axes], vec![]);
    let one = bert.g.floats("one", &[], &[1.0]);
    let lowest = bert.g.floats("lowest", &[], &[f32::MIN]);
    let hide = bert.g.node("Sub", &[&one, &seen], vec![]);
    let hide = bert.g.node("Mul", &[&hide, &lowest], vec![]);

    let head = hidden / config.num_attention_heads;
    let split = [0, 0, config.num_attention_heads as i64, head as i64];
    let split = bert.g.int64s("split_heads", &[4], &split);
    let join = bert.g.int64s("join_heads", &[3], &[0, 0, hidden as i64]);
    let scale = bert
        .g
        .floats("attention_scale", &[], &[(head as f32).sqrt()]);
    for layer in 0..config.num_hidden_layers {
        let prefix = format!("encoder.layer.{layer}");
        let mut heads = |part: &str, order: &[i64]| {
            let name = format!("{prefix}.attention.self.{part}");
            let flat = bert.dense(&state, &name, hidden, hidden)?;
            let parts = bert.g.node("Reshape", &[&flat, &split], vec![]);
            Ok::<_, ConvertError>(bert.g.node(
                "Transpose",
                &[&parts],
                vec![Attribute::ints("perm", order)],
            ))
        };
        let query = heads("query", &[0, 2, 1, 3])?;
        let key = heads("key", &[0, 2, 3, 1])?;
        let value = heads("value", &[0, 2, 1, 3])?;
        let score = bert.g.node("MatMul", &[&query, &key], vec![]);
        let score = bert.g.node("Div", &[&score, &scale], vec![]);
        let score = bert.g.node("Add", &[&score, &hide], vec![]);
        let share = bert
            .g
            .node("Softmax", &[&score], vec![Attribute::int("axis", -1)]);
        let mixed = bert.g.node("MatMul", &[&share, &value], vec![]);
        let order = vec![Attribute::ints("perm", &[0, 2, 1, 3])];
        let mixed = bert.g.node("Transpose", &[&mixed], order);
        let mixed = bert.g.node("Reshape", &[&mixed, &join], vec![]);
        let mixed = bert.dense(
            &mixed,
            &format!("{prefix}.attention.output.dense"),
            hidden,
            hidden,
        )?;
        let sum = bert.g.node("Add", &[&mixed, &state], vec![]);
        let attended = bert.norm(
            &sum,
            &format!("{prefix}.attention.output.LayerNorm"),
            hidden,
        )?;

        let wide = config.intermediate_size;
        let inner = bert.dense(
            &attended,
            &format!("{prefix}.intermediate.dense"),
            hidden,
            wide,
        )?;
        let inner = bert.g.node("Gelu", &[&inner], vec![]);
        let outer = bert.dense(&inner, &format!("{prefix}.output.dense"), wide, hidden)?;
        let sum = bert.g.node("Add", &[&outer, &attended], vec![]);
        state = bert.norm(&sum, &format!("{prefix}.output.LayerNorm"), hidden)?;
    }
    bert.g
        .named("Identity", &[&state], vec![], "last_hidden_state");
    let shape = [
        Size::Free("batch"),
        Size::Free("sequence"),
        Size::Fixed(hidden),
    ];
    bert.g.output("last_hidden_state", Element::Float, &shape);
    Ok(bert.g.finish())
}

struct Bert<'a> {
    g: Builder,
    weights: &'a Weights<'a>,
    eps: f32,
}

impl Bert<'_> {
    fn table(&mut self, name: &str, rows: usize, width: usize) -> Result<String, ConvertError> {
        let values = self.weights.get(name, &[rows, width])?;
        Ok(self.g.floats(name, &[rows, width], &values))
    }

    fn dense(
        &mut self,
        x: &str,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<String, ConvertError> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let values = self.weights.transposed(&weight, inputs, outputs)?;
        let weight = self.g.floats(&weight, &[inputs, outputs], &values);
        let values = self.weights.get(&bias, &[outputs])?;
        let bias = self.g.floats(&bias, &[outputs], &values);
        let product = self.g.node("MatMul", &[x, &weight], vec![]);
        Ok(self.g.node("Add", &[&product, &bias], vec![]))
    }

    fn norm(&mut self, x: &str, name: &str, width: usize) -> Result<String, ConvertError> {
        let mut vector = |part: &str| {
            let name = format!("{name}.{part}");
            let values = self.weights.get(&name, &[width])?;
            Ok::<_, ConvertError>(self.g.floats(&name, &[width], &values))
        };
        let (scale, bias) = (vector("weight")?, vector("bias")?);
        let attributes = vec![
            Attribute::int("axis", -1),
            Attribute::float("epsilon", self.eps),
        ];
        Ok(self
            .g
            .node("LayerNormalization", &[x, &scale, &bias], attributes))
    }
}

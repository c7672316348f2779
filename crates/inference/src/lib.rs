//! Encoder, classifier and their training, calibration, the model registry.
//!
//! | module | what it does |
//! |---|---|
//! | [`registry`] | the models and the library we may load, each pinned by digest (`pipelines/models.toml`) |
//! | [`runtime`] | ONNX Runtime, checked and loaded once per process |
//! | [`convert`] | published BERT weights to one ONNX graph |
//! | [`encoder`] | texts to vectors of length 1 |
//! | `fixed` | the encoder of our own: a sum of small integers, equal on every machine |
//! | `training` | how that one is trained and measured; a feature, not in the product |
//! | [`head`] | text and vector to a calibrated probability a service, and the exact reasons |
//! | [`promise`] | the threshold for automatic routing, and what it promises |
//! | [`sets`] | the services that hold the right one with a stated probability |
//! | [`watch`] | whether what people find proves the promise broken, however often one looks |
//! | [`prototypes`] | a ranking of services from their descriptions, before there is a head |
//!
//! Invariants:
//! - this crate alone knows ONNX Runtime, tokenizers and the ONNX format; it opens no connection
//!   and reads no file but those named to it;
//! - a file that does not have its pinned digest is never loaded;
//! - a vector, a probability, a trained head depend on their inputs alone: not on neighbours in a
//!   batch, their order, or the number of threads;
//! - probabilities are `f64` here; whoever writes them in an output rounds them to fixed point.

pub mod convert;
pub mod encoder;
mod fixed;
pub mod head;
mod onnx;
pub mod promise;
pub mod prototypes;
pub mod registry;
pub mod runtime;
pub mod sets;
#[cfg(feature = "training")]
pub mod training;
pub mod watch;

pub use encoder::{Encoder, EncoderError};
pub use fixed::FixedError;
pub use head::{Candidate, Head, HeadError};
pub use registry::{Registry, RegistryError};
pub use runtime::{Runtime, RuntimeError};

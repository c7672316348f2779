//! What can be wrong with a head, by what the caller can do.

use std::path::PathBuf;

use domain::Digest;

use super::FORMAT;

/// Why a head cannot be trained, kept, loaded or used.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// A setting is out of range.
    #[error("training setting `{name}` is {value}, which is out of range")]
    Setting {
        /// Which.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Too little to learn from.
    #[error(
        "{documents} documents of {labels} services are too few: at least {wanted} of 2 are needed"
    )]
    TooFew {
        /// Documents given.
        documents: usize,
        /// Labels among them.
        labels: usize,
        /// Documents needed.
        wanted: usize,
    },
    /// A vector is not like the others or the head's.
    #[error("vector {index} has {found} values, expected {expected} finite ones")]
    Vector {
        /// Its place in the call.
        index: usize,
        /// Its length.
        found: usize,
        /// The length expected.
        expected: usize,
    },
    /// A file is missing or unreadable.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The card is not a head's.
    #[error("{} is not the card of a head", path.display())]
    Card {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The head is of a format this build does not read.
    #[error("head format `{found}` is not {FORMAT}")]
    Format {
        /// Format found.
        found: String,
    },
    /// A file is not the one expected: the head is refused.
    #[error("{} has digest {found}, expected {expected}", file.display())]
    Digest {
        /// Which.
        file: PathBuf,
        /// Expected.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// The head was trained on another encoder's vectors.
    #[error("the head was trained on vectors of encoder {expected}, not {found}")]
    Encoder {
        /// Digest of the encoder it was trained on.
        expected: Digest,
        /// Digest of the encoder at hand.
        found: Digest,
    },
    /// The graph is not ONNX.
    #[error("the head's graph is not an ONNX model")]
    Graph(#[source] prost::DecodeError),
    /// The graph lacks a tensor, or it is not as it should be.
    #[error("the head's graph has no usable tensor `{name}`")]
    Tensor {
        /// Which.
        name: String,
    },
    /// No such label.
    #[error("`{label}` is not a label of this head")]
    Label {
        /// Label asked for.
        label: String,
    },
    /// ONNX Runtime fails.
    #[error("ONNX Runtime cannot run the head")]
    Run(#[source] ort::Error),
}

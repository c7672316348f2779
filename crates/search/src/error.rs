//! What can go wrong, by what the caller can do about it.

use std::io;
use std::path::PathBuf;

/// Why an index could not be opened, written or searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Wait, or find the other process.
    #[error("the index in {} already has a writer, in this process or another", dir.display())]
    WriterBusy {
        /// The index.
        dir: PathBuf,
    },
    /// Delete the folder and let the follower rebuild it from the ledger.
    #[error("the index in {} was made by another version ({found}): `greffier index rebuild` makes it again", dir.display())]
    OtherFormat {
        /// The index.
        dir: PathBuf,
        /// What it says of itself.
        found: String,
    },
    /// Delete the folder and let the follower rebuild it from the ledger.
    #[error("the index in {} is damaged: {what}: `greffier index rebuild` makes it again", dir.display())]
    Damaged {
        /// The index.
        dir: PathBuf,
        /// What does not agree.
        what: String,
    },
    /// A vector of another model: rebuild the index with the model of the query, or the reverse.
    #[error("a vector has {found} values, the index holds vectors of {expected}")]
    VectorLength {
        /// Values in the vector given.
        found: usize,
        /// Values in the vectors held.
        expected: usize,
    },
    /// A vector that is no direction: zero, or not finite.
    #[error("a vector is zero or holds a value that is not finite")]
    VectorValues,
    /// A search by meaning needs a vector.
    #[error("a search by meaning was asked without a vector")]
    NoVector,
    /// Followers only go forward.
    #[error("position {asked} is before position {current}, which the index has reached")]
    PositionBehind {
        /// The position asked for.
        asked: u64,
        /// The position of the last commit.
        current: u64,
    },
    /// Drop the writer and open another: what was committed is intact.
    #[error("the writer stopped after a failure and must be opened again")]
    WriterStopped,
    /// The disk or the file system.
    #[error("the search index could not use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The engine.
    #[error("the search engine failed")]
    Engine(#[source] Box<tantivy::TantivyError>),
}

impl From<tantivy::TantivyError> for SearchError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl From<io::Error> for SearchError {
    fn from(error: io::Error) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

/// Names the file of an I/O error.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> SearchError {
    let path = path.into();
    move |source| SearchError::Io { path, source }
}

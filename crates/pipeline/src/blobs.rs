//! Encrypted artifacts by name. What is stored is sealed before it comes here.

use async_trait::async_trait;
use domain::ArtifactName;

/// What a blob store could not do.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The store does not answer, or refuses to say what it holds.
    #[error("cannot list artifacts")]
    Unlistable {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store does not answer, is full, or refuses: trying later may succeed.
    #[error("cannot {doing} artifact {name}")]
    Unavailable {
        /// `read`, `write`, `remove`.
        doing: &'static str,
        /// Which.
        name: ArtifactName,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A place for sealed artifacts: a folder, an object store, memory in tests.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores sealed bytes durably. Storing the same name again changes nothing.
    async fn put(&self, name: ArtifactName, sealed: &[u8]) -> Result<(), BlobError>;

    /// The sealed bytes of an artifact.
    async fn get(&self, name: ArtifactName) -> Result<Option<Vec<u8>>, BlobError>;

    /// Removes an artifact; one that is not there is already removed.
    async fn remove(&self, name: ArtifactName) -> Result<(), BlobError>;

    /// Every name, sorted.
    async fn names(&self) -> Result<Vec<ArtifactName>, BlobError>;
}

//! Sealed artifacts in an object store: `PREFIX/ab/<hexadecimal name>`, as [`FolderBlobs`] lays them
//! out, so that a folder copied there is the store.
//!
//! A folder keeps [`FolderBlobs`](crate::FolderBlobs): what an object store promises (an object is
//! there whole or not at all, and lasts once it is stored) a file system does only with the care that
//! is taken there. Nothing here checks bytes that are read: whoever opens an artifact finds by its
//! cipher and its name whether one byte is another (`privacy::Envelope::open`).

#[cfg(feature = "s3")]
mod s3;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ArtifactName;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode};
use pipeline::blobs::{BlobError, Blobs};

use crate::blobs::artifact;

/// A bucket of an S3-compatible store, and how it is entered.
#[derive(Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What the keys of our objects begin with; may be empty.
    pub prefix: String,
    /// Its region; stores that have none take any word.
    pub region: String,
    /// Where it is (`https://host:port`); else Amazon's own.
    pub endpoint: Option<String>,
    /// Whether `endpoint` may be `http://`, where everybody on the way reads the names of artifacts.
    pub allow_http: bool,
    /// Who enters.
    pub access_key_id: String,
    /// With which secret.
    pub secret_access_key: String,
    /// And, for credentials that end, with which token.
    pub session_token: Option<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// This program was built without S3.
    #[error(
        "this program was built without S3: build it with `cargo build --release --features s3`"
    )]
    NotBuilt,
    /// Its description makes no sense.
    #[error("the bucket `{bucket}` cannot be used")]
    Refused {
        /// Which.
        bucket: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Whether this program was built with S3.
pub const HAS_S3: bool = cfg!(feature = "s3");

/// Sealed artifacts in an object store.
#[derive(Clone, Debug)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl ObjectBlobs {
    /// Artifacts under `prefix` in a store of any kind that lasts.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            store,
            prefix: Path::from(prefix),
        }
    }

    /// Artifacts in a bucket. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`BucketError::NotBuilt`] without the feature `s3`; otherwise when its address, its region or
    /// its credentials make no sense, or the system's certificates cannot be read.
    pub fn open(bucket: &Bucket) -> Result<Self, BucketError> {
        Ok(Self::new(entered(bucket)?, &bucket.prefix))
    }

    fn place(&self, name: ArtifactName) -> Path {
        let hex = name.hex();
        self.prefix.clone().join(&hex[..2]).join(hex.as_str())
    }

    /// The artifact at a place; a stranger's has none.
    fn artifact_at(&self, place: &Path) -> Option<ArtifactName> {
        let parts: Vec<_> = place.prefix_match(&self.prefix)?.collect();
        match parts.as_slice() {
            [folder, name] => artifact(folder.as_ref(), name.as_ref()),
            _ => None,
        }
    }

    /// Stores what is not there yet.
    async fn create(&self, place: &Path, sealed: &[u8]) -> Result<(), Error> {
        let payload = || sealed.to_vec().into();
        match self
            .store
            .put_opts(place, payload(), PutMode::Create.into())
            .await
        {
            Ok(_) => Ok(()),
            // Whoever was faster may not have finished: only one that is there is stored.
            Err(Error::AlreadyExists { .. }) => self.store.head(place).await.map(drop),
            // A store that knows no condition: of two that write the same artifact at once either
            // may stay, for both open to the same bytes.
            Err(Error::NotImplemented { .. }) => match self.store.head(place).await {
                Err(Error::NotFound { .. }) => self.store.put(place, payload()).await.map(drop),
                there => there.map(drop),
            },
            Err(error) => Err(error),
        }
    }

    async fn read(&self, place: &Path) -> Result<Option<Vec<u8>>, Error> {
        match self.store.get(place).await {
            Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn put(&self, name: ArtifactName, sealed: &[u8]) -> Result<(), BlobError> {
        let stored = self.create(&self.place(name), sealed).await;
        stored.map_err(cannot("write", name))
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Vec<u8>>, BlobError> {
        let read = self.read(&self.place(name)).await;
        read.map_err(cannot("read", name))
    }

    async fn remove(&self, name: ArtifactName) -> Result<(), BlobError> {
        match self.store.delete(&self.place(name)).await {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(cannot("remove", name)(error)),
        }
    }

    async fn names(&self) -> Result<Vec<ArtifactName>, BlobError> {
        let listed = self.store.list(Some(&self.prefix));
        let found = listed.try_filter_map(async |meta| Ok(self.artifact_at(&meta.location)));
        let mut names: Vec<ArtifactName> =
            found
                .try_collect()
                .await
                .map_err(|source| BlobError::Unlistable {
                    source: Box::new(source),
                })?;
        names.sort_unstable();
        Ok(names)
    }
}

/// Whether an object is not there. Where the bucket itself is not, nothing is known of its objects:
/// they must not be taken for lost.
fn is_absent(error: &Error) -> bool {
    match error {
        Error::NotFound { source, .. } => !format!("{source:?}").contains("NoSuchBucket"),
        _ => false,
    }
}

#[cfg(feature = "s3")]
fn entered(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, BucketError> {
    s3::store(bucket).map_err(|source| BucketError::Refused {
        bucket: bucket.name.clone(),
        source,
    })
}

#[cfg(not(feature = "s3"))]
fn entered(_: &Bucket) -> Result<Arc<dyn ObjectStore>, BucketError> {
    Err(BucketError::NotBuilt)
}

fn cannot(doing: &'static str, name: ArtifactName) -> impl Fn(Error) -> BlobError {
    move |source| BlobError::Unavailable {
        doing,
        name,
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn bucket() -> Bucket {
        Bucket {
            name: "mairie".into(),
            prefix: "greffier/un".into(),
            region: "eu-west-3".into(),
            endpoint: Some("http://127.0.0.1:1".into()),
            allow_http: true,
            access_key_id: "who".into(),
            secret_access_key: "the secret".into(),
            session_token: None,
        }
    }

    #[tokio::test]
    async fn what_others_put_there_is_no_artifact() {
        let store = Arc::new(InMemory::new());
        let blobs = ObjectBlobs::new(store.clone(), "town/objects");
        let name = ArtifactName::from_bytes([0xab; 32]);
        blobs.put(name, b"ours").await.unwrap();
        let hex = name.hex();
        for place in [
            format!("town/objects/{hex}"),
            format!("town/objects/00/{hex}"),
            format!("town/objects/ab/{}", hex.to_uppercase()),
            format!("town/objects/ab/ab/{hex}"),
            format!("town/objects-2/ab/{hex}"),
            "elsewhere".to_owned(),
        ] {
            let place = Path::from(place);
            store.put(&place, b"theirs".to_vec().into()).await.unwrap();
        }
        assert_eq!(blobs.names().await.unwrap(), [name]);
        assert!(
            ObjectBlobs::new(store, "other")
                .names()
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_bucket_never_shows_its_secret() {
        assert_eq!(format!("{:?}", bucket()), "s3://mairie/greffier/un");
    }

    #[cfg(not(feature = "s3"))]
    #[test]
    fn without_the_feature_it_is_said_how_to_build_it() {
        let error = ObjectBlobs::open(&bucket()).unwrap_err();
        assert!(error.to_string().contains("--features s3"), "{error}");
    }

    #[cfg(feature = "s3")]
    #[tokio::test]
    async fn a_store_that_does_not_answer_is_unavailable() {
        let blobs = ObjectBlobs::open(&bucket()).unwrap();
        let name = ArtifactName::from_bytes([1; 32]);
        for error in [
            blobs.put(name, b"x").await.unwrap_err(),
            blobs.get(name).await.unwrap_err(),
            blobs.remove(name).await.unwrap_err(),
            blobs.names().await.unwrap_err(),
        ] {
            let (BlobError::Unavailable { source, .. } | BlobError::Unlistable { source }) = &error;
            assert!(!format!("{source:?}").contains("the secret"), "{source:?}");
        }
    }
}

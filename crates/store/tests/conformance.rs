//! The one suite, on every store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use pipeline::blobs::Blobs as _;
use pipeline::testing::accounts::MemoryAccounts;
use pipeline::testing::conformance;
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger};
use store::{FolderBlobs, ObjectBlobs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let unmake = async |embedded: common::Embedded| embedded.ledger.close().await;
    conformance::ledger(common::embedded, |embedded| &embedded.ledger, unmake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql() {
    // One database, emptied after each case: making one takes longer than any case.
    let service = common::service().await;
    let make = async || service.ledger.clone();
    conformance::ledger(make, |ledger| ledger, async |_| service.empty().await).await;
    service.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_in_sqlite() {
    let unmake = async |embedded: common::Embedded| embedded.ledger.close().await;
    conformance::of_accounts(common::embedded, |embedded| &embedded.ledger, unmake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_in_postgresql() {
    let service = common::service().await;
    let make = async || service.ledger.clone();
    conformance::of_accounts(make, |ledger| ledger, async |_| service.empty().await).await;
    service.end().await;
}

#[tokio::test]
async fn accounts_in_memory() {
    let make = async || MemoryAccounts::new();
    conformance::of_accounts(make, |accounts| accounts, async |_| ()).await;
}

#[tokio::test]
async fn memory() {
    conformance::ledger(async || MemoryLedger::new(), |ledger| ledger, async |_| ()).await;
}

#[tokio::test]
async fn folder() {
    let make = async || {
        let folder = tempfile::tempdir().unwrap();
        (FolderBlobs::open(folder.path()).unwrap(), folder)
    };
    conformance::blobs(make, |(blobs, _)| blobs, async |_| ()).await;
}

#[tokio::test]
async fn blobs_in_memory() {
    conformance::blobs(async || MemoryBlobs::new(), |blobs| blobs, async |_| ()).await;
}

#[tokio::test]
async fn object_store_in_memory() {
    let make = async || ObjectBlobs::new(Arc::new(InMemory::new()), "town/objects");
    conformance::blobs(make, |blobs| blobs, async |_| ()).await;
}

#[tokio::test]
async fn object_store_in_files() {
    let make = async || {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        (ObjectBlobs::new(Arc::new(store), ""), folder)
    };
    conformance::blobs(make, |(blobs, _)| blobs, async |_| ()).await;
}

/// A folder that is copied into an object store is one.
#[tokio::test]
async fn a_folder_is_laid_out_as_an_object_store() {
    let folder = tempfile::tempdir().unwrap();
    let files = FolderBlobs::open(folder.path()).unwrap();
    let name = domain::ArtifactName::from_bytes([0xab; 32]);
    files.put(name, b"sealed").await.unwrap();
    let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let objects = ObjectBlobs::new(Arc::new(store), "objects");
    assert_eq!(objects.names().await.unwrap(), [name]);
    assert_eq!(objects.get(name).await.unwrap().unwrap(), b"sealed");
}

/// Behind the feature: asks the S3-compatible store at `GREFFIER_TEST_S3`, such as the one that
/// `pip install 'moto[server]'` and `moto_server -p 5555` start.
#[cfg(feature = "s3")]
#[tokio::test]
async fn s3() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let endpoint = std::env::var("GREFFIER_TEST_S3").expect(
        "GREFFIER_TEST_S3: the address of an S3-compatible store with a bucket `greffier-test` that anyone \
         may write to, such as `moto_server -p 5555`",
    );
    let open = |name: &str| {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let bucket = store::Bucket {
            name: name.into(),
            prefix: format!("{}/{number}", std::process::id()),
            region: "us-east-1".into(),
            endpoint: Some(endpoint.clone()),
            allow_http: true,
            access_key_id: "test".into(),
            secret_access_key: "test".into(),
            session_token: None,
        };
        ObjectBlobs::open(&bucket).unwrap()
    };
    let make = async || open("greffier-test");
    conformance::blobs(make, |blobs| blobs, async |_| ()).await;
    // Objects of a bucket that is not there are not lost: nothing is known of them.
    let nowhere = open("greffier-test-nowhere");
    let name = domain::ArtifactName::from_bytes([1; 32]);
    nowhere.get(name).await.unwrap_err();
    nowhere.put(name, b"x").await.unwrap_err();
    nowhere.names().await.unwrap_err();
}

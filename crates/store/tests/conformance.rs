//! The one suite, on every store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use pipeline::testing::conformance;
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger};
use store::FolderBlobs;

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

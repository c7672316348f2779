//! Several processes on one database: each has a pool of its own, as two `SqlLedger`s have here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use futures::future::join_all;
use pipeline::ledger::{DocumentFilter, Ledger};
use pipeline::testing::conformance::observe::{observe, sequence_all};
use pipeline::testing::conformance::samples::{admission, completion};
use store::{Role, SqlLedger};

/// Each ledger writes documents of its own, all at once; afterwards each sees all of them.
async fn all_write_at_once(ledgers: &[SqlLedger]) {
    const EACH: u32 = 12;
    join_all(ledgers.iter().zip(0..).map(async |(ledger, place)| {
        for n in place * EACH..(place + 1) * EACH {
            ledger.admit(&admission(n)).await.unwrap();
            ledger
                .complete(&completion(n, "extract", Some("split")))
                .await
                .unwrap();
            ledger.sequence(5).await.unwrap();
            ledger.documents(&DocumentFilter::default()).await.unwrap();
        }
    }))
    .await;
    sequence_all(&ledgers[0]).await;
    let seen = observe(&ledgers[0]).await;
    let documents = EACH * ledgers.len() as u32;
    assert_eq!(seen.counts.documents, u64::from(documents));
    assert_eq!(seen.counts.sequenced, 2 * u64::from(documents));
    for other in &ledgers[1..] {
        assert_eq!(observe(other).await, seen);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_sqlite_writers_wait_for_each_other() {
    let first = common::embedded().await;
    let path = first.folder.path().join("ledger.db");
    let second = SqlLedger::open_embedded(&path).await.unwrap();
    all_write_at_once(&[first.ledger, second]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgresql_writers_wait_for_each_other() {
    let service = common::service().await;
    let second = SqlLedger::open_service(&service.url).await.unwrap();
    all_write_at_once(&[service.ledger.clone(), second.clone()]).await;
    second.close().await;
    service.end().await;
}

/// A first start of several processes at once: one migrates, the others wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_sqlite_ledger_may_be_opened_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        // The name has what an address would misread.
        let path = folder.path().join("régie n° 1 %41?#.db");
        let opened = join_all((0..4).map(|_| SqlLedger::open_embedded(&path))).await;
        for ledger in opened {
            ledger.unwrap().counts().await.unwrap();
        }
        assert!(path.exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_postgresql_ledger_may_be_opened_at_once() {
    let service = common::service().await;
    let opened = join_all((0..3).map(|_| SqlLedger::open_service(&service.url))).await;
    for ledger in opened {
        let ledger = ledger.unwrap();
        ledger.counts().await.unwrap();
        ledger.close().await;
    }
    service.end().await;
}

#[tokio::test]
async fn what_was_written_is_there_after_closing() {
    let embedded = common::embedded().await;
    embedded.ledger.admit(&admission(1)).await.unwrap();
    let before = observe(&embedded.ledger).await;
    embedded.ledger.close().await;
    assert!(
        embedded.ledger.counts().await.is_err(),
        "a closed ledger is unavailable"
    );
    let path = embedded.folder.path().join("ledger.db");
    let again = SqlLedger::open_embedded(&path).await.unwrap();
    assert_eq!(observe(&again).await, before);
}

/// A role passes to another process when whoever had it lets go, or dies with its connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_role_is_one_process_at_a_time() {
    let service = common::service().await;
    let other = SqlLedger::open_service(&service.url).await.unwrap();
    let mut lease = service.ledger.lease(Role::Tick).await.unwrap().unwrap();
    assert!(other.lease(Role::Tick).await.unwrap().is_none());
    assert!(lease.is_held().await);
    drop(lease);
    // The server hears of a dropped connection a moment later.
    let taken = async {
        loop {
            if let Some(lease) = other.lease(Role::Tick).await.unwrap() {
                return lease;
            }
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    let mut lease = tokio::time::timeout(limit, taken).await.unwrap();
    assert!(lease.is_held().await);
    service.end_connections().await;
    assert!(!lease.is_held().await);
    other.close().await;
    service.end().await;
}

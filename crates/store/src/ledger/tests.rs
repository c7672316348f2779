//! What only this crate can see: settings of connections, a full disk, damaged rows.

use std::future::poll_fn;
use std::task::Poll;

use pipeline::ledger::{DocumentFilter, Ledger, LedgerError};
use pipeline::testing::conformance::observe::observe;
use pipeline::testing::conformance::samples::{act, admission, completion, id};
use sqlx::{AnyPool, Executor as _, Row as _};

use super::SqlLedger;

async fn open() -> (SqlLedger, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqlLedger::open_embedded(&folder.path().join("ledger.db"))
        .await
        .unwrap();
    (ledger, folder)
}

async fn pragma(pool: &AnyPool, statement: &'static str) -> i64 {
    pool.fetch_one(statement).await.unwrap().get(0)
}

#[tokio::test]
async fn every_sqlite_connection_is_set_for_durability() {
    let (ledger, _folder) = open().await;
    for pool in [&ledger.writer, &ledger.reader] {
        assert_eq!(pragma(pool, "pragma synchronous").await, 2, "full");
        assert_eq!(pragma(pool, "pragma secure_delete").await, 1);
        assert_eq!(pragma(pool, "pragma foreign_keys").await, 1);
        assert_eq!(pragma(pool, "pragma busy_timeout").await, 10_000);
        let mode: String = pool.fetch_one("pragma journal_mode").await.unwrap().get(0);
        assert_eq!(mode, "wal");
    }
    assert!(
        ledger
            .reader
            .execute("delete from documents")
            .await
            .is_err(),
        "readers only read"
    );
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_leaves_nothing() {
    let (ledger, _folder) = open().await;
    ledger.admit(&admission(1)).await.unwrap();
    let before = observe(&ledger).await;
    let pages = pragma(&ledger.writer, "pragma page_count").await;
    ledger
        .writer
        .execute("pragma max_page_count = 1")
        .await
        .unwrap();
    assert_eq!(pragma(&ledger.writer, "pragma max_page_count").await, pages);

    let mut large = completion(1, "extract", Some("split"));
    if let Some(record) = &mut large.record {
        record.bytes = vec![b' '; 1_000_000];
    }
    let error = ledger.complete(&large).await.unwrap_err();
    assert!(
        matches!(error, LedgerError::Unavailable { .. }),
        "{error:?}"
    );
    assert_eq!(observe(&ledger).await, before);

    // The limit was the connection's, which could not be used again: there is room in another.
    ledger.complete(&large).await.unwrap();
    assert_eq!(observe(&ledger).await.counts.sequenced, 2);
}

#[tokio::test]
async fn a_dropped_future_leaves_nothing_and_locks_nothing() {
    let (ledger, _folder) = open().await;
    // Dropped after each number of wakes, until one is so high that the whole fits.
    for wakes in 1..1000 {
        let document = admission(wakes);
        let mut admit = ledger.admit(&document);
        let mut left = wakes;
        let admitted = poll_fn(|context| {
            left -= 1;
            match admit.as_mut().poll(context) {
                Poll::Pending if left > 0 => Poll::Pending,
                poll => Poll::Ready(poll.is_ready()),
            }
        })
        .await;
        drop(admit);
        let counts = ledger.counts().await.unwrap();
        assert_eq!(counts.documents, counts.records);
        assert_eq!(counts.documents, counts.tasks);
        assert_eq!(counts.records, counts.sequenced);
        if admitted {
            // How often it wakes depends on how busy the machine is; once is enough to be dropped at.
            assert!(wakes > 1, "the transaction was never interrupted");
            assert!(ledger.document(id(wakes)).await.unwrap().is_some());
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn rows_that_cannot_be_are_corrupt() {
    let (ledger, _folder) = open().await;
    ledger.admit(&admission(1)).await.unwrap();
    let damages = [
        "update documents set collection = 'Mairie !'",
        "update documents set received_at = 9223372036854775807",
        "pragma ignore_check_constraints = on; update documents set raw = x'00'",
        "update documents set outcome = 'review'",
    ];
    for damage in damages {
        let mut connection = ledger.writer.begin().await.unwrap();
        connection.execute(damage).await.unwrap();
        connection.commit().await.unwrap();
        let error = ledger.document(id(1)).await.unwrap_err();
        assert!(
            matches!(error, LedgerError::Corrupt { .. }),
            "{damage}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_node_of_the_log_is_corrupt_and_stops_the_write() {
    let (ledger, _folder) = open().await;
    ledger.admit(&admission(1)).await.unwrap();
    ledger
        .writer
        .execute("delete from log_nodes")
        .await
        .unwrap();
    let error = ledger.admit(&admission(2)).await.unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error:?}");
    assert_eq!(ledger.counts().await.unwrap().documents, 1);
}

#[tokio::test]
async fn what_cannot_be_opened_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let not_there = SqlLedger::open_embedded(&folder.path().join("no/such/folder.db")).await;
    let not_a_database = folder.path().join("text.db");
    std::fs::write(&not_a_database, "Madame, Monsieur, ".repeat(100)).unwrap();
    let text = SqlLedger::open_embedded(&not_a_database).await;
    let nobody = SqlLedger::open_service("postgres://nobody@127.0.0.1:1/none").await;
    let other = SqlLedger::open_service("sqlite://x.db").await;
    assert!(
        matches!(not_there, Err(LedgerError::Unavailable { .. })),
        "{not_there:?}"
    );
    assert!(matches!(text, Err(LedgerError::Corrupt { .. })), "{text:?}");
    assert!(
        matches!(nobody, Err(LedgerError::Unavailable { .. })),
        "{nobody:?}"
    );
    assert!(
        matches!(other, Err(LedgerError::Unavailable { .. })),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_ledger_of_a_newer_version_is_refused() {
    let (ledger, folder) = open().await;
    ledger
        .writer
        .execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (99990101000000, 'of the future', true, x'00', 0)",
        )
        .await
        .unwrap();
    ledger.close().await;
    let again = SqlLedger::open_embedded(&folder.path().join("ledger.db")).await;
    assert!(
        matches!(again, Err(LedgerError::Unavailable { .. })),
        "{again:?}"
    );
}

/// What a migration adds is absent from rows that are older than it.
#[tokio::test]
async fn a_ledger_of_before_several_services_is_brought_up_to_date_with_all_it_holds() {
    let (ledger, folder) = open().await;
    let path = folder.path().join("ledger.db");
    ledger.admit(&admission(1)).await.unwrap();
    ledger.act(&act(1, "voirie")).await.unwrap();
    for statement in [
        "drop index documents_to_tell",
        "alter table documents drop column to_tell",
        "alter table documents drop column copies",
        "alter table documents drop column also",
        "delete from _sqlx_migrations where version = 20261126100000",
    ] {
        ledger.writer.execute(statement).await.unwrap();
    }
    ledger.close().await;
    let ledger = SqlLedger::open_embedded(&path).await.unwrap();
    let document = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(document.route, Some(act(1, "voirie").route));
    let filter = DocumentFilter {
        service: Some("voirie".parse().unwrap()),
        ..DocumentFilter::default()
    };
    assert_eq!(ledger.documents(&filter).await.unwrap(), [document]);
    let to_tell = DocumentFilter {
        to_tell: true,
        ..DocumentFilter::default()
    };
    assert!(ledger.documents(&to_tell).await.unwrap().is_empty());
}

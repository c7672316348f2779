//! A ledger that goes from one database into the other and back is the same to the byte.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt as _;
use pipeline::accounts::{Accounts as _, Opening, Tried};
use pipeline::ledger::Ledger;
use pipeline::testing::conformance::accounts as samples;
use pipeline::testing::conformance::observe::{Observed, observe};
use pipeline::testing::conformance::samples::*;
use proptest::prelude::*;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection,
};
use store::SqlLedger;
use store::ledger::portable::{Kind, TABLES, Table};

/// Every line of a ledger, by table.
type Lines = BTreeMap<&'static str, Vec<String>>;

async fn lines(ledger: &SqlLedger) -> Lines {
    let mut snapshot = ledger.snapshot().await.unwrap();
    let mut all = Lines::new();
    for table in &TABLES {
        let rows: Vec<String> = snapshot.lines(table).try_collect().await.unwrap();
        assert_eq!(snapshot.count(table).await.unwrap(), rows.len() as u64);
        all.insert(table.name, rows);
    }
    snapshot.end().await.unwrap();
    all
}

/// Puts lines into an empty ledger.
async fn put(lines: &Lines, ledger: &SqlLedger) {
    let mut filling = ledger.fill().await.unwrap().unwrap();
    for table in &TABLES {
        let columns = table.column_names();
        // By halves, so that what is put in later goes on after what was put in before.
        let rows = &lines[table.name];
        let (first, second) = rows.split_at(rows.len() / 2);
        for some in [first, second] {
            let put = filling.rows(table, &columns, some).await.unwrap();
            assert_eq!(put, some.len() as u64, "{}", table.name);
        }
    }
    filling.commit().await.unwrap();
}

/// A ledger with rows in every table.
async fn work(ledger: &SqlLedger) {
    for n in 0..6 {
        ledger.admit(&admission(n)).await.unwrap();
        let next = (n % 2 == 0).then_some("split");
        let mut done = completion(n, "extract", next);
        // The least, the greatest, and those beside zero.
        done.likeness = Some(vec![i64::MIN, -1, 0, i64::MAX - i64::from(n)]);
        done.route = Some(route("voirie", false));
        done.children = vec![attachment(100 + n, n)];
        ledger.complete(&done).await.unwrap();
    }
    let waiting = task(0, "split");
    let reason = "« odd » reason: ' \" \\ \n \t é 漢 🙂 \u{1f}";
    ledger.defer(&waiting, moment(9), reason).await.unwrap();
    ledger.act(&act(1, "ccas")).await.unwrap();
    let (edition, record, settings) = edition("2026-W47", 1);
    ledger
        .publish_edition(&edition, &record, &settings)
        .await
        .unwrap();
    ledger
        .envelope_or(edition.subject, b"wrapped")
        .await
        .unwrap();
    ledger.sequence(8).await.unwrap();
    let size = ledger.log_size().await.unwrap();
    let note = "a note\n— with a signature\n".to_owned();
    let checkpoint = pipeline::ledger::StoredCheckpoint { size, note };
    ledger.put_checkpoint(&checkpoint).await.unwrap();
    ledger.keep_position("results", size).await.unwrap();
    with_accounts(ledger).await;
}

async fn with_accounts(ledger: &SqlLedger) {
    for (n, name) in [(1, "a.martin"), (2, "m.dupre")] {
        let mut new = samples::account(name);
        new.totp = (n == 1).then(|| vec![0, 255]);
        new.made_at = moment(n);
        let change = samples::change(name, n, "add agent:voirie");
        ledger.add_account(&new, &change).await.unwrap();
    }
    ledger.use_totp(&named("a.martin"), 7).await.unwrap();
    let session = samples::session("a.martin", 1);
    ledger.begin_session(&session).await.unwrap();
    let token = samples::token("a.martin", "scan", 1);
    ledger.add_token(&token).await.unwrap();
    let tried = Tried {
        failures: 4,
        until: moment(8),
    };
    ledger.keep_tried(&[7; 32], None, tried).await.unwrap();
    let opening = Opening {
        document: id(1),
        account: named("m.dupre"),
        part: "page".into(),
        at: moment(3),
    };
    ledger.opened(&opening).await.unwrap();
    let reply = samples::reply("a.martin", "« key »", 5);
    ledger.keep_reply(&reply).await.unwrap();
}

fn every_table_has_rows(lines: &Lines) {
    for (table, rows) in lines {
        assert!(!rows.is_empty(), "{table} is not tried");
    }
}

/// The two go on as one would: what is written next gets the places that follow.
async fn goes_on(ledger: &SqlLedger) -> Observed {
    ledger.admit(&admission(50)).await.unwrap();
    ledger
        .complete(&completion(50, "extract", Some("split")))
        .await
        .unwrap();
    observe(ledger).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_sqlite_to_postgresql_and_back() {
    let first = common::embedded().await;
    work(&first.ledger).await;
    let ours = "« odd » authority";
    assert_eq!(first.ledger.authority_or(ours).await.unwrap(), ours);
    assert_eq!(first.ledger.authority_or("another").await.unwrap(), ours);
    let copied = lines(&first.ledger).await;
    every_table_has_rows(&copied);

    let service = common::service().await;
    put(&copied, &service.ledger).await;
    assert_eq!(lines(&service.ledger).await, copied);
    assert!(service.ledger.fill().await.unwrap().is_none());

    let last = common::embedded().await;
    put(&lines(&service.ledger).await, &last.ledger).await;
    assert_eq!(lines(&last.ledger).await, copied);

    let seen = goes_on(&first.ledger).await;
    assert_eq!(goes_on(&service.ledger).await, seen);
    assert_eq!(goes_on(&last.ledger).await, seen);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_leaf_yet_gets_one_in_its_new_place() {
    let service = common::service().await;
    work(&service.ledger).await;
    let copied = lines(&service.ledger).await;
    let counts = service.ledger.counts().await.unwrap();
    assert!(counts.sequenced < counts.records, "{counts:?}");
    let embedded = common::embedded().await;
    put(&copied, &embedded.ledger).await;
    assert_eq!(
        observe(&embedded.ledger).await,
        observe(&service.ledger).await
    );
    service.end().await;
}

#[tokio::test]
async fn a_copy_is_of_one_moment() {
    let embedded = common::embedded().await;
    let service = common::service().await;
    for ledger in [&embedded.ledger, &service.ledger] {
        work(ledger).await;
        let before = lines(ledger).await;
        let mut snapshot = ledger.snapshot().await.unwrap();
        ledger.admit(&admission(60)).await.unwrap();
        for table in &TABLES {
            let rows: Vec<String> = snapshot.lines(table).try_collect().await.unwrap();
            assert_eq!(rows, before[table.name], "{}", table.name);
        }
        snapshot.end().await.unwrap();
        assert_ne!(lines(ledger).await, before);
    }
    service.end().await;
}

#[tokio::test]
async fn filling_that_is_not_ended_leaves_nothing() {
    let embedded = common::embedded().await;
    let service = common::service().await;
    let full = common::embedded().await;
    work(&full.ledger).await;
    let copied = lines(&full.ledger).await;
    let documents = Table::named("documents").unwrap();
    for ledger in [&embedded.ledger, &service.ledger] {
        let mut filling = ledger.fill().await.unwrap().unwrap();
        let columns = documents.column_names();
        filling
            .rows(documents, &columns, &copied["documents"])
            .await
            .unwrap();
        drop(filling);
        let mut filling = ledger.fill().await.unwrap().unwrap();
        let columns = vec!["ord".to_owned(), "dream".to_owned()];
        let error = filling
            .rows(documents, &columns, &["[1,2]".to_owned()])
            .await
            .unwrap_err();
        assert!(error.to_string().contains("`dream`"), "{error}");
        drop(filling);
        put(&copied, ledger).await;
    }
    service.end().await;
}

/// A column as a database says it: table, name, whether it is an integer, a text or bytes.
type Column = (String, String, String);

fn listed() -> BTreeSet<Column> {
    let columns = TABLES.iter().flat_map(|table| {
        let of = |(name, kind): &(&str, Kind)| {
            (
                table.name.to_owned(),
                (*name).to_owned(),
                format!("{kind:?}"),
            )
        };
        table.columns.iter().map(of)
    });
    columns.collect()
}

fn kind(word: &str) -> String {
    let kind = match word.to_lowercase().as_str() {
        "integer" | "bigint" => Kind::Integer,
        "text" => Kind::Text,
        "blob" | "bytea" => Kind::Bytes,
        other => panic!("a type that no line has: {other}"),
    };
    format!("{kind:?}")
}

/// A column that a migration adds must be copied too.
#[tokio::test]
async fn every_column_of_every_table_is_copied() {
    let embedded = common::embedded().await;
    let path = embedded.folder.path().join("ledger.db");
    let mut connection = SqliteConnection::connect(path.to_str().unwrap())
        .await
        .unwrap();
    let found = connection
        .fetch_all(
            "select t.name, c.name, c.type from sqlite_master t join pragma_table_info(t.name) c \
             where t.type = 'table' and t.name not like 'sqlite_%' and t.name not like '\\_sqlx%' escape '\\'",
        )
        .await
        .unwrap();
    let found: BTreeSet<Column> = found
        .iter()
        .map(|row| (row.get(0), row.get(1), kind(&row.get::<String, _>(2))))
        .collect();
    assert_eq!(found, listed());

    let service = common::service().await;
    let mut connection = PgConnection::connect(&service.url).await.unwrap();
    let found = connection
        .fetch_all(
            "select table_name::text, column_name::text, data_type::text from information_schema.columns \
             where table_schema = 'public' and table_name not like '\\_sqlx%'",
        )
        .await
        .unwrap();
    let found: BTreeSet<Column> = found
        .iter()
        .map(|row| (row.get(0), row.get(1), kind(&row.get::<String, _>(2))))
        .collect();
    assert_eq!(found, listed());
    connection.close().await.unwrap();
    service.end().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a text column holds comes through, in SQLite, whose texts know no limit.
    #[test]
    fn odd_texts_and_bytes_come_through(
        reasons in prop::collection::vec("\\PC*|[\\n\\t\\r\"'\\\\]{0,8}", 1..6),
        json in prop::collection::vec(any::<u8>(), 0..64),
        codes in prop::collection::btree_set(any::<i64>(), 0..8),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let first = common::embedded().await;
            for (n, reason) in (0..).zip(&reasons) {
                first.ledger.admit(&admission(n)).await.unwrap();
                let task = task(n, "extract");
                first.ledger.defer(&task, moment(0), reason).await.unwrap();
            }
            let mut done = completion(0, "extract", Some("split"));
            done.settings = Some((domain::Digest::of(&json), json.clone()));
            done.likeness = Some(codes.iter().copied().collect());
            first.ledger.complete(&done).await.unwrap();
            let copied = lines(&first.ledger).await;
            let second = common::embedded().await;
            put(&copied, &second.ledger).await;
            assert_eq!(lines(&second.ledger).await, copied);
            assert_eq!(observe(&second.ledger).await, observe(&first.ledger).await);
            first.ledger.close().await;
            second.ledger.close().await;
        });
    }
}

/// A backup that an earlier version made lacks the columns that came later.
#[tokio::test]
async fn columns_that_came_later_are_left_as_they_are_made() {
    let embedded = common::embedded().await;
    work(&embedded.ledger).await;
    let copied = lines(&embedded.ledger).await;
    let later = ["also", "copies", "to_tell"];
    let table = Table::named("documents").unwrap();
    let columns: Vec<String> = table.column_names();
    let kept: Vec<usize> = (0..columns.len())
        .filter(|place| !later.contains(&columns[*place].as_str()))
        .collect();
    let earlier: Vec<String> = copied["documents"]
        .iter()
        .map(|line| {
            let values: Vec<serde_json::Value> = serde_json::from_str(line).unwrap();
            let values: Vec<_> = kept.iter().map(|place| values[*place].clone()).collect();
            serde_json::Value::from(values).to_string()
        })
        .collect();
    let columns: Vec<String> = kept.iter().map(|place| columns[*place].clone()).collect();
    let service = common::service().await;
    let other = common::embedded().await;
    for ledger in [&service.ledger, &other.ledger] {
        let mut filling = ledger.fill().await.unwrap().unwrap();
        filling.rows(table, &columns, &earlier).await.unwrap();
        filling.commit().await.unwrap();
        assert_eq!(
            ledger.counts().await.unwrap().documents,
            earlier.len() as u64
        );
    }
    let mut connection = PgConnection::connect(&service.url).await.unwrap();
    let sql = "select count(*) from documents where to_tell is null".to_owned();
    let row = connection.fetch_one(AssertSqlSafe(sql)).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), earlier.len() as i64);
    connection.close().await.unwrap();
    service.end().await;
}

//! Databases for the tests: a folder for SQLite, a database of its own for PostgreSQL.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test program uses a part"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::SqlLedger;
use tempfile::TempDir;

/// A ledger and what it needs to go away.
pub struct Embedded {
    pub ledger: SqlLedger,
    pub folder: TempDir,
}

/// An empty ledger on SQLite.
pub async fn embedded() -> Embedded {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqlLedger::open_embedded(&folder.path().join("ledger.db"))
        .await
        .unwrap();
    Embedded { ledger, folder }
}

/// A ledger in a PostgreSQL database of its own.
pub struct Service {
    pub ledger: SqlLedger,
    pub url: String,
    server: String,
    database: String,
}

const HOW: &str = "no PostgreSQL answers: start one that trusts local connections (on Debian: \
     `pg_ctlcluster 15 main start`), or set GREFFIER_TEST_POSTGRES to the address of one where \
     databases can be made, such as postgres://user:password@host:5432/postgres";

/// The address of a server that answers.
async fn server() -> String {
    let candidates = match std::env::var("GREFFIER_TEST_POSTGRES") {
        Ok(url) => vec![url],
        Err(_) => [
            "postgres@127.0.0.1:5432",
            "root@127.0.0.1:5432",
            "postgres@%2Fvar%2Frun%2Fpostgresql",
        ]
        .map(|place| format!("postgres://{place}/postgres"))
        .to_vec(),
    };
    let mut errors = Vec::new();
    for url in candidates {
        match PgConnection::connect(&url).await {
            Ok(connection) => {
                connection.close().await.unwrap();
                return url;
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    panic!("{HOW} ({})", errors.join("; "));
}

/// An empty ledger on PostgreSQL.
pub async fn service() -> Service {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let server = server().await;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let database = format!("greffier_test_{}_{number}", std::process::id());
    execute(
        &server,
        format!("drop database if exists {database} with (force)"),
    )
    .await;
    execute(&server, format!("create database {database}")).await;
    // The database is the path of the address: what follows the last slash, before any option.
    let (head, tail) = server.rsplit_once('/').unwrap();
    let options = tail
        .split_once('?')
        .map_or(String::new(), |(_, options)| format!("?{options}"));
    let url = format!("{head}/{database}{options}");
    let ledger = SqlLedger::open_service(&url).await.unwrap();
    Service {
        ledger,
        url,
        server,
        database,
    }
}

impl Service {
    /// Removes all rows.
    pub async fn empty(&self) {
        let tables = [
            "editions",
            "checkpoints",
            "log_nodes",
            "settings",
            "records",
            "tasks",
            "envelopes",
            "likeness",
            "documents",
            "accounts",
            "account_changes",
            "sessions",
            "tokens",
            "tried",
            "openings",
            "replies",
        ];
        execute(
            &self.url,
            tables.map(|table| format!("delete from {table};")).concat(),
        )
        .await;
    }

    /// Ends every connection to the database, as a restart does.
    pub async fn end_connections(&self) {
        let database = &self.database;
        execute(
            &self.server,
            format!(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"
            ),
        )
        .await;
    }

    /// Closes the ledger and drops its database.
    pub async fn end(self) {
        self.ledger.close().await;
        execute(
            &self.server,
            format!("drop database {} with (force)", self.database),
        )
        .await;
    }
}

async fn execute(server: &str, sql: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

//! PostgreSQL, for tests: a database of their own.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// The address of a server that answers.
pub async fn server() -> String {
    let candidates = match std::env::var("GREFFIER_TEST_POSTGRES") {
        Ok(url) => vec![url],
        Err(_) => ["postgres@127.0.0.1:5432", "root@127.0.0.1:5432"]
            .map(|place| format!("postgres://{place}/postgres"))
            .to_vec(),
    };
    for url in &candidates {
        if let Ok(connection) = PgConnection::connect(url).await {
            connection.close().await.unwrap();
            return url.clone();
        }
    }
    panic!(
        "no PostgreSQL answers at {candidates:?}: start one, or set GREFFIER_TEST_POSTGRES to the \
         address of one where databases can be made"
    )
}

/// An empty database, dropped at the end.
pub struct Database {
    runtime: tokio::runtime::Runtime,
    server: String,
    name: String,
    pub url: String,
}

impl Database {
    /// Makes one.
    pub fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let server = runtime.block_on(server());
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("greffier_backup_{}_{number}", std::process::id());
        let (head, tail) = server.rsplit_once('/').unwrap();
        let options = tail.split_once('?').map_or("", |(_, options)| options);
        let database = Self {
            url: format!("{head}/{name}?{options}"),
            runtime,
            server,
            name,
        };
        database.sql(format!(
            "drop database if exists {} with (force)",
            database.name
        ));
        database.sql(format!("create database {}", database.name));
        database
    }

    fn sql(&self, statement: String) {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.server).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
            connection.close().await.unwrap();
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.sql(format!("drop database {} with (force)", self.name));
        }
    }
}

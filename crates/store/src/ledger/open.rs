//! Connections, their settings, and migrations.

use std::path::Path;
use std::time::{Duration, Instant};

use pipeline::ledger::{LedgerError, LedgerResult};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::SqlLedger;
use super::dialect::{POSTGRES, SQLITE};
use super::error::failed;

const DOING: &str = "open its database";

/// How long a writer waits for another before it gives up, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that read at once from one SQLite file.
const EMBEDDED_READERS: u32 = 4;

/// Connections of one process to PostgreSQL.
const SERVICE_CONNECTIONS: u32 = 8;

static EMBEDDED: Migrator = sqlx::migrate!("./migrations/sqlite");
static SERVICE: Migrator = sqlx::migrate!("./migrations/postgres");

/// Settings of every SQLite connection. `secure_delete` overwrites what is deleted, a wrapped key
/// above all; `synchronous=FULL` makes a commit survive a power cut, which WAL alone does not.
const EMBEDDED_SETTINGS: &str = "pragma busy_timeout = 10000; pragma foreign_keys = on; \
     pragma synchronous = full; pragma secure_delete = on;";

impl SqlLedger {
    /// Opens the SQLite ledger in the file `path`, making or migrating it where needed. Several
    /// processes may open the same file: their writers wait for each other. The file must be on a
    /// disk of this machine, not on a network share, which WAL does not support.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] when the file cannot be opened or made, when its path is not
    /// UTF-8, or when it was migrated by a newer version.
    pub async fn open_embedded(path: &Path) -> LedgerResult<Self> {
        sqlx::any::install_default_drivers();
        let options = embedded_options(path)?;
        // One connection first: a pool would try again and again, and then say only that it gave up.
        let mut first = AnyConnection::connect_with(&options)
            .await
            .map_err(failed(DOING))?;
        first
            .execute(EMBEDDED_SETTINGS)
            .await
            .map_err(failed(DOING))?;
        write_ahead(&mut first).await?;
        // SQLite's migrator takes no lock of its own: this transaction is it.
        let mut transaction = first
            .begin_with(SQLITE.begin)
            .await
            .map_err(failed(DOING))?;
        migrate(&EMBEDDED, &mut transaction).await?;
        transaction.commit().await.map_err(failed(DOING))?;
        first.close().await.map_err(failed(DOING))?;

        let pool = |connections, settings: &'static str| {
            AnyPoolOptions::new()
                .max_connections(connections)
                // Opening is cheap, but a closed connection forgets its statements; and a local
                // file has no connection to lose, hence nothing to test before use.
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                // All writers of a process wait for one connection, each for its turn.
                .acquire_timeout(PATIENCE * 3)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        connection.execute(EMBEDDED_SETTINGS).await?;
                        connection.execute(settings).await?;
                        Ok(())
                    })
                })
                .after_release(|connection, _| Box::pin(is_out_of_transaction(connection)))
                .connect_lazy_with(options.clone())
        };
        let writer = pool(1, "");
        let reader = pool(EMBEDDED_READERS, "pragma query_only = on;");
        Ok(Self {
            writer,
            reader,
            dialect: &SQLITE,
        })
    }

    /// Opens the PostgreSQL ledger at `url` (`postgres://user:password@host:port/database`),
    /// making or migrating its tables where needed.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] when the server does not answer or refuses, or when the
    /// database was migrated by a newer version.
    pub async fn open_service(url: &str) -> LedgerResult<Self> {
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions = url.parse().map_err(failed(DOING))?;
        if !matches!(options.database_url.scheme(), "postgres" | "postgresql") {
            return Err(refused(
                "the address of the database must begin with postgres://",
            ));
        }
        let mut first = AnyConnection::connect_with(&options)
            .await
            .map_err(failed(DOING))?;
        // The migrator holds an advisory lock of the session while it works.
        migrate(&SERVICE, &mut first).await?;
        first.close().await.map_err(failed(DOING))?;
        let pool = AnyPoolOptions::new()
            .max_connections(SERVICE_CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options);
        Ok(Self {
            writer: pool.clone(),
            reader: pool,
            dialect: &POSTGRES,
        })
    }
}

/// `sqlx::Any` takes addresses only; in one, every byte of a path but the plainest is escaped.
fn embedded_options(path: &Path) -> LedgerResult<AnyConnectOptions> {
    let path = std::path::absolute(path).map_err(|source| LedgerError::Unavailable {
        doing: DOING,
        source: Box::new(source),
    })?;
    let path = path
        .to_str()
        .ok_or_else(|| refused("the path of the database must be UTF-8"))?;
    let escaped: String = path
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("sqlite://{escaped}?mode=rwc")
        .parse()
        .map_err(failed(DOING))
}

/// Turns the write-ahead log on, which lasts. SQLite does not wait for other connections here, so
/// that two processes that make the same ledger at once must try again.
async fn write_ahead(connection: &mut AnyConnection) -> LedgerResult<()> {
    let started = Instant::now();
    loop {
        let result = connection.execute("pragma journal_mode = wal").await;
        match result {
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some("5") && started.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            result => return result.map(drop).map_err(failed(DOING)),
        }
    }
}

/// Whether a SQLite connection may be used again. When a disk is full SQLite ends a transaction by
/// itself; the rollback that follows then fails, and the connection believes for ever that it is in
/// a transaction. Such a one is closed.
async fn is_out_of_transaction(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was only sent is done before the answer to this.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

async fn migrate(migrator: &Migrator, connection: &mut AnyConnection) -> LedgerResult<()> {
    migrator
        .run(connection)
        .await
        .map_err(|source| LedgerError::Unavailable {
            doing: "migrate its database",
            source: Box::new(source),
        })
}

fn refused(why: &'static str) -> LedgerError {
    LedgerError::Unavailable {
        doing: DOING,
        source: why.into(),
    }
}

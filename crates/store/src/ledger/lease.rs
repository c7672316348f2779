//! A role that one process at a time has.

use pipeline::ledger::LedgerResult;
use sqlx::{AnyConnection, Connection as _};

use super::SqlLedger;
use super::error::failed;
use super::rows::number;

const DOING: &str = "take a role";

/// A role that one process of several has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sequences the log, signs checkpoints, follows the ledger with the search index.
    Tick,
}

impl Role {
    const fn number(self) -> i64 {
        match self {
            Self::Tick => 1,
        }
    }
}

/// A role, held until this is dropped or its connection ends.
#[derive(Debug)]
pub struct Lease {
    /// Absent where one process at a time is the rule.
    connection: Option<AnyConnection>,
}

impl Lease {
    /// Whether it is still held: a database that was started again has forgotten it.
    pub async fn is_held(&mut self) -> bool {
        match &mut self.connection {
            Some(connection) => connection.ping().await.is_ok(),
            None => true,
        }
    }
}

impl SqlLedger {
    /// Takes a role, unless another process has it. On SQLite the file is one process's anyway.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease(&self, role: Role) -> LedgerResult<Option<Lease>> {
        let Some(lock) = self.dialect.lock_role else {
            return Ok(Some(Lease { connection: None }));
        };
        // A connection of its own: one of the pool would keep the lock after the lease is dropped.
        let options = self.writer.connect_options();
        let mut connection = AnyConnection::connect_with(&options)
            .await
            .map_err(failed(DOING))?;
        let row = sqlx::query(lock)
            .bind(role.number())
            .fetch_one(&mut connection)
            .await
            .map_err(failed(DOING))?;
        let held: i64 = number(&row, "held")?;
        Ok((held == 1).then_some(Lease {
            connection: Some(connection),
        }))
    }
}

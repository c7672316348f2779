//! The ledger as text: every row of every table, the same from both databases, so that a backup of
//! one may be put into the other.
//!
//! A row is one line, a JSON array in the order of [`Table::columns`]: integers as numbers, texts as
//! strings, bytes in hexadecimal, `null` where there is nothing. Rows come in one total order that
//! no locale changes, so that equal ledgers give equal bytes.
//!
//! These are the only statements of this crate that are put together rather than read from a file:
//! each says the columns of a table once more, and [`TABLES`] is the one list of them. A test holds
//! it against the tables that migrations make.

use std::fmt::Write as _;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use pipeline::ledger::{LedgerError, LedgerResult};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row as _, Transaction};

use super::SqlLedger;
use super::dialect::Dialect;
use super::error::failed;
use super::rows;
use super::work::Work;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64 bits, signed.
    Integer,
    /// UTF-8.
    Text,
    /// Bytes, written in hexadecimal.
    Bytes,
}

/// A table of the ledger.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, in the order of a line.
    pub columns: &'static [(&'static str, Kind)],
    /// What its rows are ordered by: integers and bytes only.
    order: &'static str,
    /// Whether the database numbers its rows, in `ord`.
    numbered: bool,
}

use Kind::{Bytes, Integer, Text};

/// Every table, in an order in which they may be filled: what is referred to comes first.
pub static TABLES: [Table; 18] = [
    Table {
        name: "documents",
        columns: &[
            ("ord", Integer),
            ("id", Bytes),
            ("collection", Text),
            ("pipeline", Text),
            ("parent", Bytes),
            ("duplicate_of", Bytes),
            ("received_at", Integer),
            ("admitted_at", Integer),
            ("state", Text),
            ("outcome", Text),
            ("service", Text),
            ("confidence", Integer),
            ("decided", Integer),
            ("raw", Bytes),
            ("arrival", Bytes),
            ("name_code", Bytes),
            ("content_code", Bytes),
            ("also", Text),
            ("copies", Text),
            ("to_tell", Integer),
        ],
        order: "ord",
        numbered: true,
    },
    Table {
        name: "envelopes",
        columns: &[("subject", Bytes), ("wrapped", Bytes)],
        order: "subject",
        numbered: false,
    },
    Table {
        name: "tasks",
        columns: &[
            ("ord", Integer),
            ("document", Bytes),
            ("pipeline", Text),
            ("stage", Text),
            ("generation", Integer),
            ("class", Text),
            ("attempts", Integer),
            ("not_before", Integer),
            ("reason", Text),
            ("published_at", Integer),
        ],
        order: "ord",
        numbered: true,
    },
    Table {
        name: "records",
        columns: &[
            ("ord", Integer),
            ("run_key", Bytes),
            ("generation", Integer),
            ("subject", Bytes),
            ("activity", Text),
            ("outcome", Text),
            ("bytes", Bytes),
            ("leaf_index", Integer),
        ],
        order: "ord",
        numbered: true,
    },
    Table {
        name: "settings",
        columns: &[("digest", Bytes), ("json", Bytes)],
        order: "digest",
        numbered: false,
    },
    Table {
        name: "log_nodes",
        columns: &[("level", Integer), ("idx", Integer), ("hash", Bytes)],
        order: "level, idx",
        numbered: false,
    },
    Table {
        name: "checkpoints",
        columns: &[("size", Integer), ("note", Text)],
        order: "size",
        numbered: false,
    },
    Table {
        name: "editions",
        columns: &[
            ("reconciler", Text),
            ("pipeline", Text),
            ("period", Text),
            ("number", Integer),
            ("subject", Bytes),
            ("run_key", Bytes),
            ("artifact", Bytes),
            ("made_at", Integer),
        ],
        order: "subject, number, run_key",
        numbered: false,
    },
    Table {
        name: "likeness",
        columns: &[("code", Integer), ("document", Bytes)],
        order: "code, document",
        numbered: false,
    },
    Table {
        name: "positions",
        columns: &[("follower", Text), ("leaves", Integer)],
        order: "follower",
        numbered: false,
    },
    Table {
        name: "authority",
        columns: &[("one", Integer), ("id", Text)],
        order: "one",
        numbered: false,
    },
    Table {
        name: "accounts",
        columns: &[
            ("name", Text),
            ("shown", Text),
            ("grants", Text),
            ("password", Text),
            ("totp", Bytes),
            ("totp_used", Integer),
            ("disabled", Integer),
            ("made_at", Integer),
        ],
        order: "made_at, name",
        numbered: false,
    },
    Table {
        name: "account_changes",
        columns: &[
            ("ord", Integer),
            ("at", Integer),
            ("account", Text),
            ("done_by", Text),
            ("what", Text),
        ],
        order: "ord",
        numbered: true,
    },
    Table {
        name: "sessions",
        columns: &[
            ("hash", Bytes),
            ("account", Text),
            ("made_at", Integer),
            ("seen_at", Integer),
            ("expires_at", Integer),
        ],
        order: "hash",
        numbered: false,
    },
    Table {
        name: "tokens",
        columns: &[
            ("hash", Bytes),
            ("account", Text),
            ("label", Text),
            ("uses", Text),
            ("made_at", Integer),
            ("seen_at", Integer),
            ("expires_at", Integer),
        ],
        order: "hash",
        numbered: false,
    },
    Table {
        name: "tried",
        columns: &[("code", Bytes), ("failures", Integer), ("until", Integer)],
        order: "code",
        numbered: false,
    },
    Table {
        name: "openings",
        columns: &[
            ("ord", Integer),
            ("document", Bytes),
            ("account", Text),
            ("part", Text),
            ("at", Integer),
        ],
        order: "ord",
        numbered: true,
    },
    Table {
        name: "replies",
        columns: &[
            ("account", Text),
            ("key", Text),
            ("asked", Bytes),
            ("status", Integer),
            ("body", Text),
            ("at", Integer),
        ],
        order: "at, asked, key",
        numbered: false,
    },
];

impl Table {
    /// The table of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// The names of its columns, in the order of a line.
    pub fn column_names(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect()
    }

    /// A row as a line, without its end.
    fn line(&self, row: &AnyRow) -> LedgerResult<String> {
        let values: LedgerResult<Vec<Value>> = self
            .columns
            .iter()
            .map(|(column, kind)| value(row, column, *kind))
            .collect();
        Ok(Value::from(values?).to_string())
    }
}

fn value(row: &AnyRow, column: &str, kind: Kind) -> LedgerResult<Value> {
    let doing = "read a row";
    Ok(match kind {
        Integer => Value::from(
            row.try_get::<Option<i64>, _>(column)
                .map_err(failed(doing))?,
        ),
        Text => Value::from(
            row.try_get::<Option<String>, _>(column)
                .map_err(failed(doing))?,
        ),
        Bytes => {
            let bytes: Option<Vec<u8>> = row.try_get(column).map_err(failed(doing))?;
            Value::from(bytes.map(hex::encode))
        }
    })
}

/// The ledger as it was at one moment, while others go on working.
#[derive(Debug)]
pub struct Snapshot {
    transaction: Transaction<'static, Any>,
}

impl Snapshot {
    /// How many rows a table has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&mut self, table: &Table) -> LedgerResult<u64> {
        count(&mut self.transaction, table).await
    }

    /// The rows of a table, each as a line without its end.
    pub fn lines<'a>(&'a mut self, table: &'static Table) -> BoxStream<'a, LedgerResult<String>> {
        let columns = table.column_names().join(", ");
        let sql = format!(
            "select {columns} from {} order by {}",
            table.name, table.order
        );
        sqlx::query(AssertSqlSafe(sql))
            .fetch(&mut *self.transaction)
            .map(|row| table.line(&row.map_err(failed("copy its rows"))?))
            .boxed()
    }

    /// Lets go of it. One that is dropped lets go too, a little later.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end(self) -> LedgerResult<()> {
        let ended = self.transaction.rollback().await;
        ended.map_err(failed("end a copy"))
    }
}

/// An empty ledger that is being filled: all of it is there once it is committed, or nothing.
pub struct Filling {
    work: Work,
}

impl Filling {
    /// Puts rows into a table, whose lines have these columns; how many. A column that they lack
    /// is left as the database makes it.
    ///
    /// # Errors
    /// When this version has no such column, when a row is refused, or when the database does not
    /// answer.
    pub async fn rows(
        &mut self,
        table: &'static Table,
        columns: &[String],
        lines: &[String],
    ) -> LedgerResult<u64> {
        let mut values = String::new();
        for (place, column) in columns.iter().enumerate() {
            let known = table.columns.iter().find(|(name, _)| name == column);
            let (_, kind) = known.ok_or_else(|| LedgerError::Corrupt {
                what: format!(
                    "a column `{column}` of {}, which this version does not have",
                    table.name
                ),
            })?;
            if place > 0 {
                values.push_str(", ");
            }
            // Writing into a string does not fail.
            let _ = write!(values, "{}", (self.dialect().value)(place, *kind));
        }
        let sql = format!(
            "insert into {} ({}) {} select {values} from {}",
            table.name,
            columns.join(", "),
            self.dialect().overriding,
            self.dialect().rows_given,
        );
        let given = format!("[{}]", lines.join(","));
        self.work
            .change(sqlx::query(AssertSqlSafe(sql)).bind(given))
            .await
    }

    /// Keeps everything that was put in.
    ///
    /// # Errors
    /// When the database does not answer: it is empty then.
    pub async fn commit(mut self) -> LedgerResult<()> {
        if let Some(renumber) = self.dialect().renumber {
            for table in TABLES.iter().filter(|table| table.numbered) {
                let sql = AssertSqlSafe(renumber(table.name));
                self.work.rows(sqlx::query(sql)).await?;
            }
        }
        self.work.commit().await
    }

    fn dialect(&self) -> &'static Dialect {
        self.work.dialect()
    }
}

impl SqlLedger {
    /// The ledger as it is now, to be copied row by row.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn snapshot(&self) -> LedgerResult<Snapshot> {
        let transaction = self
            .reader
            .begin_with(self.dialect.begin_snapshot)
            .await
            .map_err(failed("begin a copy"))?;
        let mut snapshot = Snapshot { transaction };
        // The first statement that reads is the moment.
        snapshot.count(&TABLES[0]).await?;
        Ok(snapshot)
    }

    /// Begins to fill the ledger; nothing when it has a row already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fill(&self) -> LedgerResult<Option<Filling>> {
        let mut work = self.work("fill the ledger").await?;
        for table in &TABLES {
            if count(work.transaction(), table).await? > 0 {
                return Ok(None);
            }
        }
        Ok(Some(Filling { work }))
    }
}

async fn count(transaction: &mut Transaction<'static, Any>, table: &Table) -> LedgerResult<u64> {
    let doing = "count rows";
    let sql = format!("select count(*) as held from {}", table.name);
    let row = sqlx::query(AssertSqlSafe(sql))
        .fetch_one(&mut **transaction)
        .await
        .map_err(failed(doing))?;
    rows::number(&row, "held")
}

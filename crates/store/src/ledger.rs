//! The ledger in SQL: SQLite embedded, PostgreSQL in service.
//!
//! One code path serves both through `sqlx::Any`: integers, texts and blobs only, `$1`
//! placeholders, lists as one JSON parameter. The few statements that differ are in `dialect`.
//!
//! | module | what it holds |
//! |---|---|
//! | `open` | connections and their settings, migrations |
//! | `dialect` | what differs between the two databases |
//! | `work` | a write transaction: documents, tasks, records, and the log's sequencing |
//! | `accounts` | accounts, sessions, tokens and who opened what, in the same database |
//! | `lease` | a role that one process at a time has |
//! | [`portable`] | every row as text, to be copied from one database into another |
//! | `rows` | rows to values; what cannot be is `LedgerError::Corrupt` |
//! | `error` | database errors to `LedgerError` |
//!
//! # Order of the log
//!
//! On SQLite, where writers wait for each other, a record gets its leaf index in the transaction
//! that writes it: [`sequence`](Ledger::sequence) finds nothing to do. On PostgreSQL records commit
//! without one, and whoever calls `sequence` holds an advisory lock and numbers what it sees, in the
//! order of `ord`. `ord` is drawn before commit, so that a record may become visible after one with
//! a higher `ord` was numbered; it then simply follows it. Leaf indexes stay contiguous, and the
//! order of the log is not an output.

mod accounts;
mod dialect;
mod error;
mod lease;
mod open;
pub mod portable;
mod rows;
mod work;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::message::{Class, Task};
use domain::{Digest, DocumentId, PipelineName, Reach, RunKey, StageName, SubjectId, Timestamp};
use pipeline::ledger::{
    ActCompletion, Admission, Admitted, Completed, Completion, DocumentFilter, DocumentRow, Due,
    Edition, Ledger, LedgerCounts, LedgerResult, NewRecord, StoredCheckpoint, StoredRecord,
    TaskRow,
};
use provenance::NodeId;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

use dialect::Dialect;
use error::failed;
pub use lease::{Lease, Role};
use rows::{number, optional_number};
use work::{Statement, Work, bound};

/// The ledger in a database.
///
/// Clones share the connections. Nothing is lost when a future of its methods is dropped before
/// its end: the transaction is rolled back as a whole.
#[derive(Clone, Debug)]
pub struct SqlLedger {
    /// One connection on SQLite, where only one may write; the reader's pool on PostgreSQL.
    writer: AnyPool,
    reader: AnyPool,
    dialect: &'static Dialect,
}

impl SqlLedger {
    /// Closes the connections; a method called later is unavailable.
    pub async fn close(&self) {
        self.writer.close().await;
        self.reader.close().await;
    }

    async fn work(&self, doing: &'static str) -> LedgerResult<Work> {
        Work::begin(&self.writer, self.dialect, doing).await
    }

    /// All rows of a reading statement.
    async fn read(&self, doing: &'static str, statement: Statement) -> LedgerResult<Vec<AnyRow>> {
        statement
            .fetch_all(&self.reader)
            .await
            .map_err(failed(doing))
    }

    /// The first row of a reading statement.
    async fn read_one(
        &self,
        doing: &'static str,
        statement: Statement,
    ) -> LedgerResult<Option<AnyRow>> {
        statement
            .fetch_optional(&self.reader)
            .await
            .map_err(failed(doing))
    }

    /// A transaction of one writing statement; gives the number of rows changed.
    async fn write(&self, doing: &'static str, statement: Statement) -> LedgerResult<u64> {
        let result = statement
            .execute(&self.writer)
            .await
            .map_err(failed(doing))?;
        Ok(result.rows_affected())
    }
}

impl SqlLedger {
    /// The authority whose ledger this is: that which is given, unless it has one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn authority_or(&self, id: &str) -> LedgerResult<String> {
        let doing = "read whose ledger it is";
        let get = || sqlx::query(include_str!("../sql/authority/get.sql"));
        if let Some(row) = self.read_one(doing, get()).await? {
            return rows::text(&row, "id");
        }
        let keep = sqlx::query(include_str!("../sql/authority/keep.sql")).bind(id.to_owned());
        self.write(doing, keep).await?;
        // Another may have been faster.
        match self.read_one(doing, get()).await? {
            Some(row) => rows::text(&row, "id"),
            None => Ok(id.to_owned()),
        }
    }
}

#[async_trait]
impl Ledger for SqlLedger {
    async fn admit(&self, admission: &Admission) -> LedgerResult<Admitted> {
        let mut work = self.work("admit a document").await?;
        work.lock_contents([admission]).await?;
        let admitted = work.admit(admission).await?;
        if admitted != Admitted::Existing {
            work.commit().await?;
        }
        Ok(admitted)
    }

    async fn document(&self, id: DocumentId) -> LedgerResult<Option<DocumentRow>> {
        let query =
            sqlx::query(include_str!("../sql/documents/get.sql")).bind(bound(id.as_bytes()));
        let row = self.read_one("read a document", query).await?;
        row.as_ref().map(rows::document).transpose()
    }

    async fn documents_named(&self, name_code: &[u8; 32]) -> LedgerResult<Vec<DocumentRow>> {
        let query = sqlx::query(include_str!("../sql/documents/named.sql")).bind(bound(name_code));
        let found = self.read("find documents by name", query).await?;
        found.iter().map(rows::document).collect()
    }

    async fn documents(&self, filter: &DocumentFilter) -> LedgerResult<Vec<DocumentRow>> {
        let (services, pipelines) = match &filter.reach {
            Reach::Everything => (None, None),
            Reach::Part {
                services,
                pipelines,
            } => (
                Some(serde_json::json!(services).to_string()),
                Some(serde_json::json!(pipelines).to_string()),
            ),
        };
        let query = sqlx::query(self.dialect.documents_list)
            .bind(filter.from.map_or(i64::MIN, Timestamp::micros))
            .bind(filter.until.map_or(i64::MAX, Timestamp::micros))
            .bind(filter.pipeline.as_ref().map(|p| p.as_str().to_owned()))
            .bind(filter.service.as_ref().map(|s| s.as_str().to_owned()))
            .bind(filter.state.map(|s| s.as_str().to_owned()))
            .bind(filter.parent.map(|p| bound(p.as_bytes())))
            .bind(i64::from(filter.top_level))
            .bind(i64::from(filter.undecided))
            .bind(i64::from(filter.to_tell))
            .bind(services)
            .bind(pipelines)
            .bind(filter.after.map(|(at, _)| at.micros()))
            .bind(filter.after.map(|(_, id)| bound(id.as_bytes())))
            .bind(filter.limit.map_or(i64::MAX, i64::from));
        let found = self.read("list documents", query).await?;
        found.iter().map(rows::document).collect()
    }

    async fn likeness(&self, id: DocumentId) -> LedgerResult<Vec<i64>> {
        let query =
            sqlx::query(include_str!("../sql/likeness/of_document.sql")).bind(bound(id.as_bytes()));
        let found = self.read("read the codes of a sketch", query).await?;
        found.iter().map(|row| number(row, "code")).collect()
    }

    async fn documents_alike(
        &self,
        codes: &[i64],
        other_than: DocumentId,
        limit: u32,
    ) -> LedgerResult<Vec<DocumentRow>> {
        let query = sqlx::query(self.dialect.likeness_alike)
            .bind(serde_json::json!(codes).to_string())
            .bind(bound(other_than.as_bytes()))
            .bind(i64::from(limit));
        let found = self.read("find documents that may resemble", query).await?;
        found.iter().map(rows::document).collect()
    }

    async fn envelope(&self, subject: SubjectId) -> LedgerResult<Option<Vec<u8>>> {
        let query =
            sqlx::query(include_str!("../sql/envelopes/get.sql")).bind(bound(subject.as_bytes()));
        let row = self.read_one("read an envelope", query).await?;
        row.as_ref()
            .map(|row| rows::bytes(row, "wrapped"))
            .transpose()
    }

    async fn envelope_or(&self, subject: SubjectId, wrapped: &[u8]) -> LedgerResult<Vec<u8>> {
        let mut work = self.work("keep an envelope").await?;
        let in_force = work.envelope_or(subject, wrapped).await?;
        work.commit().await?;
        Ok(in_force)
    }

    async fn begin(&self, task: &Task) -> LedgerResult<Option<u32>> {
        let doing = "begin a task";
        // All rows rather than the first: SQLite ends the statement, and with it the transaction,
        // only when the last row was read.
        let found = work::of_task(include_str!("../sql/tasks/begin.sql"), task)
            .fetch_all(&self.writer)
            .await
            .map_err(failed(doing))?;
        found.first().map(|row| number(row, "attempts")).transpose()
    }

    async fn complete(&self, completion: &Completion) -> LedgerResult<Completed> {
        let mut work = self.work("complete a task").await?;
        work.lock_document(completion.finishes.document).await?;
        if !work.finish(&completion.finishes).await? {
            return Ok(Completed::Stale);
        }
        // Counted under the document's lock: whoever owes this task again comes after us, or is
        // seen here.
        let outdated = match completion.records_seen {
            Some(seen) => work.count_records(completion.finishes.document).await? != seen,
            None => false,
        };
        let new = match &completion.record {
            Some(record) => work.record(record).await?,
            None => false,
        };
        let completed = match (outdated, new) {
            (true, _) => Completed::StillOwed,
            (false, true) => Completed::New,
            (false, false) => Completed::AlreadyRecorded,
        };
        if let Some(settings) = &completion.settings {
            work.settings(settings).await?;
        }
        work.lock_contents(&completion.children).await?;
        for child in &completion.children {
            work.admit(child).await?;
        }
        if outdated {
            work.owe(&completion.finishes).await?;
            work.commit().await?;
            return Ok(completed);
        }
        let document = completion.finishes.document.as_document();
        work.set_state(document, completion.state).await?;
        if let Some(route) = &completion.route {
            work.propose_route(document, route).await?;
        }
        if let Some(codes) = &completion.likeness {
            work.likeness(document, codes).await?;
        }
        if let Some(next) = &completion.next {
            work.owe(next).await?;
        }
        work.commit().await?;
        Ok(completed)
    }

    async fn owe(&self, task: &Task) -> LedgerResult<()> {
        let mut work = self.work("owe a task").await?;
        work.lock_document(task.document).await?;
        work.owe(task).await?;
        work.commit().await
    }

    async fn defer(&self, task: &Task, not_before: Timestamp, reason: &str) -> LedgerResult<()> {
        let query = work::of_task(include_str!("../sql/tasks/defer.sql"), task)
            .bind(not_before.micros())
            .bind(reason.to_owned());
        self.write("put a task off", query).await?;
        Ok(())
    }

    async fn due_except(
        &self,
        now: Timestamp,
        limit: u32,
        except: &BTreeSet<(StageName, Class)>,
    ) -> LedgerResult<Vec<Due>> {
        // No stage has a point in its name.
        let except: Vec<String> = (except.iter())
            .map(|(stage, class)| format!("{stage}.{}", class.as_str()))
            .collect();
        let found = sqlx::query(self.dialect.tasks_due)
            .bind(now.micros())
            .bind(i64::from(limit))
            .bind(serde_json::Value::from(except).to_string())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read the tasks that are due"))?;
        found
            .iter()
            .map(|row| {
                Ok(Due {
                    task: rows::task(row)?,
                    row: TaskRow(rows::number(row, "ord")?),
                })
            })
            .collect()
    }

    async fn published(&self, rows: &[TaskRow], now: Timestamp) -> LedgerResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let sent: Vec<i64> = rows.iter().map(|TaskRow(ord)| *ord).collect();
        let query = sqlx::query(self.dialect.tasks_published)
            .bind(serde_json::Value::from(sent).to_string())
            .bind(now.micros());
        self.write("mark tasks as published", query).await?;
        Ok(())
    }

    async fn reclaim(&self, before: Timestamp) -> LedgerResult<u64> {
        let query = sqlx::query(include_str!("../sql/tasks/reclaim.sql")).bind(before.micros());
        self.write("reclaim tasks", query).await
    }

    async fn next_due(&self) -> LedgerResult<Option<Timestamp>> {
        let query = sqlx::query(include_str!("../sql/tasks/next_due.sql"));
        match self
            .read_one("find when the next task is due", query)
            .await?
        {
            Some(row) => rows::optional_moment(&row, "moment"),
            None => Ok(None),
        }
    }

    async fn owed(&self) -> LedgerResult<Vec<(Task, Option<String>)>> {
        let query = sqlx::query(include_str!("../sql/tasks/owed.sql"));
        let found = self.read("list the tasks owed", query).await?;
        found
            .iter()
            .map(|row| Ok((rows::task(row)?, rows::optional_text(row, "reason")?)))
            .collect()
    }

    async fn record(&self, run_key: RunKey, generation: u32) -> LedgerResult<Option<StoredRecord>> {
        let query = sqlx::query(include_str!("../sql/records/get.sql"))
            .bind(bound(run_key.as_bytes()))
            .bind(i64::from(generation));
        let row = self.read_one("read a record", query).await?;
        row.as_ref().map(rows::record).transpose()
    }

    async fn records_of(&self, subject: SubjectId) -> LedgerResult<Vec<StoredRecord>> {
        let query = sqlx::query(include_str!("../sql/records/of_subject.sql"))
            .bind(bound(subject.as_bytes()));
        let found = self.read("read the records of a subject", query).await?;
        found.iter().map(rows::record).collect()
    }

    async fn act(&self, act: &ActCompletion) -> LedgerResult<bool> {
        let mut work = self.work("record an act").await?;
        if !work.record(&act.record).await? {
            return Ok(false);
        }
        work.settings(&act.settings).await?;
        work.decide_route(act.document, &act.route).await?;
        work.commit().await?;
        Ok(true)
    }

    async fn publish_edition(
        &self,
        edition: &Edition,
        record: &NewRecord,
        settings: &(Digest, Vec<u8>),
    ) -> LedgerResult<bool> {
        let mut work = self.work("publish an edition").await?;
        if !work.record(record).await? {
            return Ok(false);
        }
        work.settings(settings).await?;
        work.edition(edition).await?;
        work.commit().await?;
        Ok(true)
    }

    async fn editions(
        &self,
        reconciler: &StageName,
        pipeline: &PipelineName,
        period: Option<&str>,
    ) -> LedgerResult<Vec<Edition>> {
        let query = sqlx::query(include_str!("../sql/editions/list.sql"))
            .bind(reconciler.as_str().to_owned())
            .bind(pipeline.as_str().to_owned())
            .bind(period.map(str::to_owned));
        let found = self.read("list editions", query).await?;
        found.iter().map(rows::edition).collect()
    }

    async fn edition_subjects(&self) -> LedgerResult<Vec<SubjectId>> {
        let query = sqlx::query(include_str!("../sql/editions/subjects.sql"));
        let found = self.read("list the subjects of editions", query).await?;
        found
            .iter()
            .map(|row| Ok(SubjectId::from_bytes(rows::array(row, "subject")?)))
            .collect()
    }

    async fn settings(&self, digest: Digest) -> LedgerResult<Option<Vec<u8>>> {
        let query =
            sqlx::query(include_str!("../sql/settings/get.sql")).bind(bound(digest.as_bytes()));
        let row = self.read_one("read settings", query).await?;
        row.as_ref().map(|row| rows::bytes(row, "json")).transpose()
    }

    async fn sequence(&self, limit: u32) -> LedgerResult<u64> {
        let mut work = self.work("sequence records").await?;
        let sequenced = work.sequence(limit).await?;
        work.commit().await?;
        Ok(sequenced)
    }

    async fn log_size(&self) -> LedgerResult<u64> {
        let query = sqlx::query(include_str!("../sql/records/log_size.sql"));
        match self.read_one("read the size of the log", query).await? {
            Some(row) => number(&row, "size"),
            None => Ok(0),
        }
    }

    async fn log(&self, from: u64, limit: u32) -> LedgerResult<Vec<StoredRecord>> {
        let Ok(from) = i64::try_from(from) else {
            return Ok(Vec::new());
        };
        let query = sqlx::query(include_str!("../sql/records/log.sql"))
            .bind(from)
            .bind(i64::from(limit));
        let found = self.read("read the log", query).await?;
        found.iter().map(rows::record).collect()
    }

    async fn log_nodes(&self, nodes: &[NodeId]) -> LedgerResult<Vec<Option<Digest>>> {
        let query = work::nodes_query(self.dialect, nodes);
        let found = self.read("read nodes of the log", query).await?;
        let found: BTreeMap<NodeId, Digest> =
            found.iter().map(rows::node).collect::<LedgerResult<_>>()?;
        Ok(nodes.iter().map(|node| found.get(node).copied()).collect())
    }

    async fn put_checkpoint(&self, checkpoint: &StoredCheckpoint) -> LedgerResult<()> {
        let size = work::fits(checkpoint.size, "a checkpoint's size")?;
        let query = sqlx::query(include_str!("../sql/checkpoints/put.sql"))
            .bind(size)
            .bind(checkpoint.note.clone());
        self.write("keep a checkpoint", query).await?;
        Ok(())
    }

    async fn last_checkpoint(&self) -> LedgerResult<Option<StoredCheckpoint>> {
        let query = sqlx::query(include_str!("../sql/checkpoints/last.sql"));
        let found = self.read_one("read the last checkpoint", query).await?;
        found.as_ref().map(rows::checkpoint).transpose()
    }

    async fn position(&self, follower: &str) -> LedgerResult<u64> {
        let query = sqlx::query(include_str!("../sql/positions/get.sql")).bind(follower.to_owned());
        let found = self.read_one("read a follower's position", query).await?;
        found.map_or(Ok(0), |row| number(&row, "leaves"))
    }

    async fn keep_position(&self, follower: &str, leaves: u64) -> LedgerResult<()> {
        let query = sqlx::query(include_str!("../sql/positions/keep.sql"))
            .bind(follower.to_owned())
            .bind(work::fits(leaves, "a follower's position")?);
        self.write("keep a follower's position", query).await?;
        Ok(())
    }

    async fn checkpoints(&self) -> LedgerResult<Vec<StoredCheckpoint>> {
        let query = sqlx::query(include_str!("../sql/checkpoints/all.sql"));
        let found = self.read("read checkpoints", query).await?;
        found.iter().map(rows::checkpoint).collect()
    }

    async fn counts(&self) -> LedgerResult<LedgerCounts> {
        let query = sqlx::query(include_str!("../sql/ledger/counts.sql"));
        let Some(row) = self.read_one("count", query).await? else {
            return Ok(LedgerCounts::default());
        };
        let count = |column| optional_number(&row, column).map(Option::unwrap_or_default);
        Ok(LedgerCounts {
            documents: count("documents")?,
            records: count("records")?,
            sequenced: count("sequenced")?,
            tasks: count("tasks")?,
        })
    }
}

//! A write transaction, and what is written in one.

use domain::message::Task;
use domain::{Digest, DocumentId, SubjectId};
use pipeline::ledger::{
    Admission, Admitted, DocumentState, Edition, LedgerError, LedgerResult, NewRecord, RouteView,
};
use provenance::{NodeId, merkle};
use serde_json::json;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyPool, Transaction};

use super::dialect::Dialect;
use super::error::failed;
use super::rows;

/// How many records are sequenced at once at the end of a transaction.
const BATCH: u32 = 1000;

/// A statement with its parameters.
pub(crate) type Statement = Query<'static, Any, AnyArguments>;

/// Bytes as a parameter.
pub(crate) fn bound<const N: usize>(bytes: &[u8; N]) -> Vec<u8> {
    bytes.to_vec()
}

/// A statement about one task, whose key is its first three parameters.
pub(crate) fn of_task(sql: &'static str, task: &Task) -> Statement {
    sqlx::query(sql)
        .bind(bound(task.document.as_bytes()))
        .bind(task.stage.as_str().to_owned())
        .bind(i64::from(task.generation))
}

/// Reads nodes of the tree. One whose index a database cannot hold is not there either.
pub(crate) fn nodes_query(dialect: &Dialect, nodes: &[NodeId]) -> Statement {
    let asked: Vec<_> = nodes
        .iter()
        .filter(|node| i64::try_from(node.index).is_ok())
        .map(|node| json!({"level": node.level, "idx": node.index}))
        .collect();
    sqlx::query(dialect.log_nodes_get).bind(serde_json::Value::from(asked).to_string())
}

/// A count as databases hold it.
pub(crate) fn fits(number: u64, what: &str) -> LedgerResult<i64> {
    i64::try_from(number).map_err(|_| LedgerError::Corrupt {
        what: format!("{number} as {what}"),
    })
}

/// A write transaction. Dropped without [`commit`](Self::commit), it leaves nothing.
pub(crate) struct Work {
    transaction: Transaction<'static, Any>,
    dialect: &'static Dialect,
    doing: &'static str,
    /// Whether a record was written that has no leaf index yet.
    unsequenced: bool,
}

impl Work {
    pub(crate) async fn begin(
        writer: &AnyPool,
        dialect: &'static Dialect,
        doing: &'static str,
    ) -> LedgerResult<Self> {
        let transaction = writer
            .begin_with(dialect.begin)
            .await
            .map_err(failed(doing))?;
        Ok(Self {
            transaction,
            dialect,
            doing,
            unsequenced: false,
        })
    }

    /// What it writes in.
    pub(crate) fn transaction(&mut self) -> &mut Transaction<'static, Any> {
        &mut self.transaction
    }

    /// The habits of its database.
    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    /// Ends the transaction. Where there is one writer at a time, its records enter the log here.
    pub(crate) async fn commit(mut self) -> LedgerResult<()> {
        if self.unsequenced && self.dialect.sequences_inline {
            // All of them, so that records that an earlier version left behind are not forgotten.
            while self.sequence(BATCH).await? == u64::from(BATCH) {}
        }
        self.transaction.commit().await.map_err(failed(self.doing))
    }

    /// Makes admissions of the same bytes wait for each other, so that they see which is first.
    /// The locks are taken in one order everywhere: two transactions never wait for each other.
    pub(crate) async fn lock_contents(
        &mut self,
        admissions: impl IntoIterator<Item = &Admission>,
    ) -> LedgerResult<()> {
        let Some(lock) = self.dialect.lock_content else {
            return Ok(());
        };
        let mut keys: Vec<i64> = admissions
            .into_iter()
            .map(|admission| {
                let [a, b, c, d, e, f, g, h, ..] = admission.content_code;
                i64::from_be_bytes([a, b, c, d, e, f, g, h])
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.rows(sqlx::query(lock).bind(key)).await?;
        }
        Ok(())
    }

    /// Makes those who finish or owe a task of this document wait for each other.
    pub(crate) async fn lock_document(&mut self, subject: SubjectId) -> LedgerResult<()> {
        if let Some(lock) = self.dialect.lock_document {
            self.rows(sqlx::query(lock).bind(bound(subject.as_bytes())))
                .await?;
        }
        Ok(())
    }

    /// Lets a document enter, whose content is locked.
    pub(crate) async fn admit(&mut self, admission: &Admission) -> LedgerResult<Admitted> {
        let first = sqlx::query(include_str!("../../sql/documents/first_with_content.sql"))
            .bind(bound(&admission.content_code))
            .bind(admission.document.collection.as_str().to_owned());
        let first = self.rows(first).await?;
        let duplicate_of = first
            .first()
            .map(|row| rows::array(row, "id"))
            .transpose()?
            .map(DocumentId::from_bytes);

        let document = &admission.document;
        let (outcome, service, confidence, decided) = route_columns(document.route.as_ref());
        let insert = sqlx::query(include_str!("../../sql/documents/admit.sql"))
            .bind(bound(document.id.as_bytes()))
            .bind(document.collection.as_str().to_owned())
            .bind(document.pipeline.as_str().to_owned())
            .bind(document.parent.map(|id| bound(id.as_bytes())))
            .bind(duplicate_of.map(|id| bound(id.as_bytes())))
            .bind(document.received_at.micros())
            .bind(document.admitted_at.micros())
            .bind(document.state.as_str())
            .bind(outcome)
            .bind(service)
            .bind(confidence)
            .bind(decided)
            .bind(bound(document.raw.as_bytes()))
            .bind(bound(document.arrival.as_bytes()))
            .bind(bound(&admission.name_code))
            .bind(bound(&admission.content_code));
        if self.change(insert).await? == 0 {
            return Ok(Admitted::Existing);
        }
        self.envelope(document.id.into(), &admission.envelope)
            .await?;
        self.record(&admission.record).await?;
        if let Some(task) = &admission.task {
            self.owe(task).await?;
        }
        Ok(Admitted::New { duplicate_of })
    }

    pub(crate) async fn envelope_or(
        &mut self,
        subject: SubjectId,
        wrapped: &[u8],
    ) -> LedgerResult<Vec<u8>> {
        self.envelope(subject, wrapped).await?;
        let get = sqlx::query(include_str!("../../sql/envelopes/get.sql"))
            .bind(bound(subject.as_bytes()));
        match self.rows(get).await?.first() {
            Some(row) => rows::bytes(row, "wrapped"),
            None => Err(LedgerError::Corrupt {
                what: format!("no envelope of {subject}"),
            }),
        }
    }

    async fn envelope(&mut self, subject: SubjectId, wrapped: &[u8]) -> LedgerResult<()> {
        let put = sqlx::query(include_str!("../../sql/envelopes/put.sql"))
            .bind(bound(subject.as_bytes()))
            .bind(wrapped.to_vec());
        self.change(put).await.map(drop)
    }

    /// Writes a record; `false` when the run is already recorded.
    pub(crate) async fn record(&mut self, record: &NewRecord) -> LedgerResult<bool> {
        let insert = sqlx::query(include_str!("../../sql/records/insert.sql"))
            .bind(bound(record.run_key.as_bytes()))
            .bind(i64::from(record.generation))
            .bind(bound(record.subject.as_bytes()))
            .bind(record.activity.as_str().to_owned())
            .bind(rows::run_outcome_word(record.outcome))
            .bind(record.bytes.clone());
        let written = self.change(insert).await? > 0;
        self.unsequenced |= written;
        Ok(written)
    }

    /// How many records a subject has.
    pub(crate) async fn count_records(&mut self, subject: SubjectId) -> LedgerResult<u64> {
        let count = sqlx::query(include_str!("../../sql/records/count.sql"))
            .bind(bound(subject.as_bytes()));
        let found = self.rows(count).await?;
        found
            .first()
            .map_or(Ok(0), |row| rows::number(row, "records"))
    }

    pub(crate) async fn settings(&mut self, settings: &(Digest, Vec<u8>)) -> LedgerResult<()> {
        let put = sqlx::query(include_str!("../../sql/settings/put.sql"))
            .bind(bound(settings.0.as_bytes()))
            .bind(settings.1.clone());
        self.change(put).await.map(drop)
    }

    /// Makes a task owed, unless it is.
    pub(crate) async fn owe(&mut self, task: &Task) -> LedgerResult<()> {
        let insert = sqlx::query(include_str!("../../sql/tasks/owe.sql"))
            .bind(bound(task.document.as_bytes()))
            .bind(task.pipeline.as_str().to_owned())
            .bind(task.stage.as_str().to_owned())
            .bind(i64::from(task.generation))
            .bind(task.class.as_str());
        self.change(insert).await.map(drop)
    }

    /// Finishes a task; `false` when someone else did.
    pub(crate) async fn finish(&mut self, task: &Task) -> LedgerResult<bool> {
        let delete = of_task(include_str!("../../sql/tasks/finish.sql"), task);
        Ok(self.change(delete).await? > 0)
    }

    pub(crate) async fn set_state(
        &mut self,
        document: DocumentId,
        state: DocumentState,
    ) -> LedgerResult<()> {
        let update = sqlx::query(include_str!("../../sql/documents/set_state.sql"))
            .bind(bound(document.as_bytes()))
            .bind(state.as_str());
        self.change(update).await.map(drop)
    }

    /// Keeps the codes of a document's sketch in the place of those that were there.
    pub(crate) async fn likeness(
        &mut self,
        document: DocumentId,
        codes: &[i64],
    ) -> LedgerResult<()> {
        let document = bound(document.as_bytes());
        let forget = sqlx::query(include_str!("../../sql/likeness/forget.sql"));
        self.change(forget.bind(document.clone())).await?;
        let codes: std::collections::BTreeSet<i64> = codes.iter().copied().collect();
        if codes.is_empty() {
            return Ok(());
        }
        let keep = sqlx::query(self.dialect.likeness_keep)
            .bind(document)
            .bind(json!(codes).to_string());
        self.change(keep).await.map(drop)
    }

    /// Routes a document as a stage proposes; what a person decided stands.
    pub(crate) async fn propose_route(
        &mut self,
        document: DocumentId,
        route: &RouteView,
    ) -> LedgerResult<()> {
        let propose = include_str!("../../sql/documents/propose_route.sql");
        self.change(routed(propose, document, route))
            .await
            .map(drop)
    }

    /// Routes a document as a person decided.
    pub(crate) async fn decide_route(
        &mut self,
        document: DocumentId,
        route: &RouteView,
    ) -> LedgerResult<()> {
        let decide = include_str!("../../sql/documents/decide_route.sql");
        let update = routed(decide, document, route)
            .bind(rows::services_column(&route.also))
            .bind(rows::services_column(&route.copies))
            .bind(i64::from(route.to_tell));
        self.change(update).await.map(drop)
    }

    /// Writes an edition. Another run's edition of the same number is an error of the database:
    /// the caller's number was taken meanwhile, and it must look again.
    pub(crate) async fn edition(&mut self, edition: &Edition) -> LedgerResult<()> {
        let insert = sqlx::query(include_str!("../../sql/editions/insert.sql"))
            .bind(edition.reconciler.as_str().to_owned())
            .bind(edition.pipeline.as_str().to_owned())
            .bind(edition.period.clone())
            .bind(i64::from(edition.number))
            .bind(bound(edition.subject.as_bytes()))
            .bind(bound(edition.run_key.as_bytes()))
            .bind(bound(edition.artifact.as_bytes()))
            .bind(edition.made_at.micros());
        self.change(insert).await.map(drop)
    }

    /// Gives leaf indexes to at most `limit` records and stores the nodes they complete.
    pub(crate) async fn sequence(&mut self, limit: u32) -> LedgerResult<u64> {
        if let Some(lock) = self.dialect.lock_sequencer {
            self.rows(sqlx::query(lock)).await?;
        }
        let unsequenced =
            sqlx::query(include_str!("../../sql/records/unsequenced.sql")).bind(i64::from(limit));
        let unsequenced = self.rows(unsequenced).await?;
        if unsequenced.is_empty() {
            return Ok(0);
        }
        let size = self
            .rows(sqlx::query(include_str!("../../sql/records/log_size.sql")))
            .await?;
        let size: u64 = size
            .first()
            .map_or(Ok(0), |row| rows::number(row, "size"))?;

        let mut places = Vec::with_capacity(unsequenced.len());
        let mut leaves = Vec::with_capacity(unsequenced.len());
        for (row, leaf) in unsequenced.iter().zip(size..) {
            let ord: i64 = rows::number(row, "ord")?;
            places.push(json!({"ord": ord, "leaf": fits(leaf, "a leaf index")?}));
            leaves.push(merkle::leaf_hash(&rows::bytes(row, "bytes")?));
        }
        let frontier = nodes_query(self.dialect, &merkle::frontier_nodes(size));
        let frontier = self.rows(frontier).await?;
        let frontier: std::collections::BTreeMap<NodeId, Digest> = frontier
            .iter()
            .map(rows::node)
            .collect::<LedgerResult<_>>()?;
        let lookup = |level, index| frontier.get(&NodeId { level, index }).copied();
        let appended =
            merkle::append(size, lookup, leaves).map_err(|error| LedgerError::Corrupt {
                what: format!("a log of {size} leaves whose {error}"),
            })?;
        let nodes: Vec<_> = appended
            .nodes
            .iter()
            .map(|(node, hash)| {
                let hash = hex::encode(hash.as_bytes());
                json!({"level": node.level, "idx": node.index, "hash": hash})
            })
            .collect();

        let places = serde_json::Value::from(places).to_string();
        let given = self
            .change(sqlx::query(self.dialect.records_sequence).bind(places))
            .await?;
        let nodes = serde_json::Value::from(nodes).to_string();
        self.change(sqlx::query(self.dialect.log_nodes_append).bind(nodes))
            .await?;
        self.unsequenced = false;
        Ok(given)
    }

    /// Runs a statement that changes; gives the number of rows changed.
    pub(crate) async fn change(&mut self, statement: Statement) -> LedgerResult<u64> {
        let result = statement
            .execute(&mut *self.transaction)
            .await
            .map_err(failed(self.doing))?;
        Ok(result.rows_affected())
    }

    /// All rows of a statement.
    pub(crate) async fn rows(&mut self, statement: Statement) -> LedgerResult<Vec<AnyRow>> {
        statement
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(failed(self.doing))
    }
}

/// A statement about where a document goes: its first five parameters.
fn routed(sql: &'static str, document: DocumentId, route: &RouteView) -> Statement {
    let (outcome, service, confidence, decided) = route_columns(Some(route));
    sqlx::query(sql)
        .bind(bound(document.as_bytes()))
        .bind(outcome)
        .bind(service)
        .bind(confidence)
        .bind(decided)
}

type RouteColumns = (
    Option<&'static str>,
    Option<String>,
    Option<i64>,
    Option<i64>,
);

fn route_columns(route: Option<&RouteView>) -> RouteColumns {
    match route {
        None => (None, None, None, None),
        Some(route) => (
            Some(route.outcome.as_str()),
            route
                .service
                .as_ref()
                .map(|service| service.as_str().to_owned()),
            Some(i64::from(route.confidence.millionths())),
            Some(i64::from(route.decided)),
        ),
    }
}

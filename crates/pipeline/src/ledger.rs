//! The ledger, as the rest of the house sees it: documents, tasks, records and the log.
//!
//! Every method is one transaction. Time is a parameter. Rows carry no content: names of
//! artifacts, keyed codes, states and counts only.
//!
//! A *task* row lives from the transaction that needs the work until the transaction that records
//! it: it is the outbox (not yet published), then the proof that work is still owed (published and
//! not finished). What finishes a task deletes its row, writes its record and inserts the next
//! task at once, so a crash at any moment leaves either all of it or none.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::message::{Class, Task};
use domain::{
    ArtifactName, CollectionName, Digest, DocumentId, Outcome, PipelineName, Probability, Reach,
    RunKey, RunOutcome, ServiceId, StageName, SubjectId, Timestamp,
};
use provenance::NodeId;

/// What a ledger could not do.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database does not answer, is full, or refuses: trying later may succeed.
    #[error("the ledger is unavailable while it should {doing}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row says something impossible: the database was changed by something else.
    #[error("the ledger holds {what}, which cannot be")]
    Corrupt {
        /// What was read.
        what: String,
    },
}

/// Shorthand for what every method gives.
pub type LedgerResult<T> = Result<T, LedgerError>;

/// Where a document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentState {
    /// Work is owed.
    Processing,
    /// Every stage of its pipeline is done, but for one that was put off and gone past: that task
    /// stays owed, with its reason, and what follows it runs again on what it finds.
    Done,
    /// A stage gave up; a person is needed.
    Quarantined,
}

impl DocumentState {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Quarantined => "quarantined",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Processing, Self::Done, Self::Quarantined]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// Where a document goes, as lists need it. The reasons are in the decision's artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteView {
    /// What became of it.
    pub outcome: Outcome,
    /// The service proposed or chosen.
    pub service: Option<ServiceId>,
    /// Other services that have something to do, as a person decided.
    pub also: Vec<ServiceId>,
    /// Services that have a copy, as a person decided.
    pub copies: Vec<ServiceId>,
    /// Probability of that service, or of the first candidate where none is proposed.
    pub confidence: Probability,
    /// Whether a person decided.
    pub decided: bool,
    /// A person decided that another authority is competent, and nobody has recorded yet that
    /// whoever wrote was told.
    pub to_tell: bool,
}

impl RouteView {
    /// What a stage proposes.
    pub const fn proposed(
        outcome: Outcome,
        service: Option<ServiceId>,
        confidence: Probability,
    ) -> Self {
        Self {
            outcome,
            service,
            also: Vec::new(),
            copies: Vec::new(),
            confidence,
            decided: false,
            to_tell: false,
        }
    }

    /// Every service that finds it in its lists: the one it goes to, and those that have something
    /// to do too or a copy.
    pub fn services(&self) -> impl Iterator<Item = &ServiceId> {
        self.service.iter().chain(&self.also).chain(&self.copies)
    }
}

/// A document as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its id.
    pub id: DocumentId,
    /// Its collection.
    pub collection: CollectionName,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// The document it was found in.
    pub parent: Option<DocumentId>,
    /// The first document of the same collection with the same bytes.
    pub duplicate_of: Option<DocumentId>,
    /// When it was received: decides its week.
    pub received_at: Timestamp,
    /// When it entered this ledger.
    pub admitted_at: Timestamp,
    /// Where it stands.
    pub state: DocumentState,
    /// Where it goes, once routed.
    pub route: Option<RouteView>,
    /// The bytes as received.
    pub raw: ArtifactName,
    /// How it was received.
    pub arrival: ArtifactName,
}

/// A document that enters.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Its row; `duplicate_of` is found by the ledger and ignored here.
    pub document: DocumentRow,
    /// Its key and salt, wrapped by the master key.
    pub envelope: Vec<u8>,
    /// Keyed code of the name people know it by, to find it again.
    pub name_code: [u8; 32],
    /// Keyed code of its bytes, to notice duplicates.
    pub content_code: [u8; 32],
    /// The record of its reception.
    pub record: NewRecord,
    /// The first stage to run.
    pub task: Option<Task>,
}

/// What became of an admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It entered.
    New {
        /// The first document with the same bytes, if any.
        duplicate_of: Option<DocumentId>,
    },
    /// The same arrival is already here: nothing was changed.
    Existing,
}

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Unique with the generation.
    pub run_key: RunKey,
    /// See [`Statement::generation`](domain::Statement).
    pub generation: u32,
    /// Whose.
    pub subject: SubjectId,
    /// Stage, reconciler or act.
    pub activity: StageName,
    /// How it ended.
    pub outcome: RunOutcome,
    /// The record's bytes, stored verbatim.
    pub bytes: Vec<u8>,
}

/// A record as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The record.
    pub record: NewRecord,
    /// Its leaf in the log, once sequenced.
    pub leaf_index: Option<u64>,
}

/// A task that is due, and the row that owes it: a task that was finished and is owed again has
/// another row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What is to do.
    pub task: Task,
    /// Names its row in this ledger, now and ever.
    pub row: TaskRow,
}

/// The name of a row that owes a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskRow(pub i64);

/// What finishes a task, as one transaction.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The task that is finished.
    pub finishes: Task,
    /// Its record; absent when the memo already held it.
    pub record: Option<NewRecord>,
    /// The settings its record names by digest, in canonical JSON.
    pub settings: Option<(Digest, Vec<u8>)>,
    /// What is to do next.
    pub next: Option<Task>,
    /// Documents found within this one.
    pub children: Vec<Admission>,
    /// The document's new state.
    pub state: DocumentState,
    /// Where it goes, when this stage says so. Ignored once a person has decided.
    pub route: Option<RouteView>,
    /// The keyed codes of the bands of its sketch, when this stage made one: they replace those
    /// that were there. Derived: the sketch and the collection's secret give them again.
    pub likeness: Option<Vec<i64>>,
    /// How many records the document had when the stage's inputs were looked up. With another
    /// number by now, what was read may be out of date: the record is written, and the task stays
    /// owed instead of what follows it, to run again on what is there (an unchanged input is found
    /// in the records at once). `None`: whatever was written meanwhile.
    pub records_seen: Option<u64>,
}

/// What became of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// Written.
    New,
    /// The run was already recorded; the task is finished and what follows is owed.
    AlreadyRecorded,
    /// The task was already finished by someone else: nothing was changed.
    Stale,
    /// Written, but something else was written about the document since its inputs were looked up:
    /// the task is still owed.
    StillOwed,
}

/// What a person did, as one transaction: a record and the document's new place.
#[derive(Clone, Debug)]
pub struct ActCompletion {
    /// The document.
    pub document: DocumentId,
    /// The act's record.
    pub record: NewRecord,
    /// The settings its record names by digest, in canonical JSON.
    pub settings: (Digest, Vec<u8>),
    /// Where the document goes.
    pub route: RouteView,
}

/// One edition of what a reconciler makes for a period. Never changed once written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Whose envelope its artifact belongs to: one subject a series.
    pub subject: SubjectId,
    /// The reconciler.
    pub reconciler: StageName,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The period: `2026-W47`.
    pub period: String,
    /// From 1; a late arrival makes the next.
    pub number: u32,
    /// The run that made it.
    pub run_key: RunKey,
    /// What was made.
    pub artifact: ArtifactName,
    /// When.
    pub made_at: Timestamp,
}

/// Which documents to list. Lists are ordered by (`received_at`, id).
#[derive(Clone, Debug, Default)]
pub struct DocumentFilter {
    /// Of this pipeline.
    pub pipeline: Option<PipelineName>,
    /// Proposed to or decided for this service, which has it whole, in part or as a copy.
    pub service: Option<ServiceId>,
    /// In this state.
    pub state: Option<DocumentState>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Found within this document.
    pub parent: Option<DocumentId>,
    /// Only documents that arrived by themselves, not attachments.
    pub top_level: bool,
    /// Only those a person has not decided yet.
    pub undecided: bool,
    /// Only those that are for another authority while whoever wrote is still to be told.
    pub to_tell: bool,
    /// Only those within reach. What was found within another document is so with it: such are listed
    /// only where their document is asked for, by whoever has looked that it is within reach.
    pub reach: Reach,
    /// Only those that come after this one in the order of lists.
    pub after: Option<(Timestamp, DocumentId)>,
    /// The first so many; all of them without.
    pub limit: Option<u32>,
}

/// A signed checkpoint of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Size of the log it covers.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// Counts that say how the ledger stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Documents.
    pub documents: u64,
    /// Records.
    pub records: u64,
    /// Records that are leaves of the log.
    pub sequenced: u64,
    /// Tasks owed.
    pub tasks: u64,
}

/// The ledger: SQLite embedded, PostgreSQL in service, memory in tests. One conformance suite.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Lets a document enter, with its envelope, its record and its first task.
    async fn admit(&self, admission: &Admission) -> LedgerResult<Admitted>;

    /// The document with this id.
    async fn document(&self, id: DocumentId) -> LedgerResult<Option<DocumentRow>>;

    /// Documents whose name has this keyed code, in the order in which they entered.
    async fn documents_named(&self, name_code: &[u8; 32]) -> LedgerResult<Vec<DocumentRow>>;

    /// Documents, by (`received_at`, id).
    async fn documents(&self, filter: &DocumentFilter) -> LedgerResult<Vec<DocumentRow>>;

    /// The keyed codes of the bands of a document's sketch, lowest first.
    async fn likeness(&self, id: DocumentId) -> LedgerResult<Vec<i64>>;

    /// At most `limit` other documents that have one of these codes: those with most of them first,
    /// then by (`received_at`, id).
    async fn documents_alike(
        &self,
        codes: &[i64],
        other_than: DocumentId,
        limit: u32,
    ) -> LedgerResult<Vec<DocumentRow>>;

    /// The wrapped key and salt of a subject.
    async fn envelope(&self, subject: SubjectId) -> LedgerResult<Option<Vec<u8>>>;

    /// Stores the wrapped key and salt of a subject unless it has some; returns those in force.
    async fn envelope_or(&self, subject: SubjectId, wrapped: &[u8]) -> LedgerResult<Vec<u8>>;

    /// Counts one more attempt at a task. `None` when the task is already finished.
    async fn begin(&self, task: &Task) -> LedgerResult<Option<u32>>;

    /// Finishes a task.
    async fn complete(&self, completion: &Completion) -> LedgerResult<Completed>;

    /// Makes a task owed, unless it is.
    async fn owe(&self, task: &Task) -> LedgerResult<()>;

    /// Puts a task off until `not_before`, with a stable code that says why. The attempt that ends
    /// so is not counted: only those cut short by a death are.
    async fn defer(&self, task: &Task, not_before: Timestamp, reason: &str) -> LedgerResult<()>;

    /// Tasks that are due and not published: urgent ones first, bulk last, and the oldest first in
    /// each class.
    async fn due(&self, now: Timestamp, limit: u32) -> LedgerResult<Vec<Due>> {
        self.due_except(now, limit, &BTreeSet::new()).await
    }

    /// As [`due`](Self::due), without the tasks of these stages and classes.
    async fn due_except(
        &self,
        now: Timestamp,
        limit: u32,
        except: &BTreeSet<(StageName, Class)>,
    ) -> LedgerResult<Vec<Due>>;

    /// Marks what these rows owe as published. Tasks finished since, and owed again or not, or put
    /// off to later than `now`, are left alone: a worker may be faster than whoever published.
    async fn published(&self, rows: &[TaskRow], now: Timestamp) -> LedgerResult<()>;

    /// Makes tasks published before `before` and not finished due again: their messages are lost,
    /// or whoever held them died. Returns how many.
    async fn reclaim(&self, before: Timestamp) -> LedgerResult<u64>;

    /// When the next put-off task is due, if there is one.
    async fn next_due(&self) -> LedgerResult<Option<Timestamp>>;

    /// Tasks owed, with the reason of their last deferral.
    async fn owed(&self) -> LedgerResult<Vec<(Task, Option<String>)>>;

    /// The record of a run.
    async fn record(&self, run_key: RunKey, generation: u32) -> LedgerResult<Option<StoredRecord>>;

    /// The records of a subject, oldest first.
    async fn records_of(&self, subject: SubjectId) -> LedgerResult<Vec<StoredRecord>>;

    /// Records what a person did. `false` when the same act is already recorded.
    async fn act(&self, act: &ActCompletion) -> LedgerResult<bool>;

    /// Writes an edition with its record. `false` when the run is already recorded, or the number
    /// taken: nothing was changed.
    async fn publish_edition(
        &self,
        edition: &Edition,
        record: &NewRecord,
        settings: &(Digest, Vec<u8>),
    ) -> LedgerResult<bool>;

    /// Editions of a reconciler for a pipeline, by (period, number).
    async fn editions(
        &self,
        reconciler: &StageName,
        pipeline: &PipelineName,
        period: Option<&str>,
    ) -> LedgerResult<Vec<Edition>>;

    /// Every subject that is not a document, for `verify`.
    async fn edition_subjects(&self) -> LedgerResult<Vec<SubjectId>>;

    /// Settings by their digest, in canonical JSON.
    async fn settings(&self, digest: Digest) -> LedgerResult<Option<Vec<u8>>>;

    /// Gives contiguous leaf indexes to records that have none, in the order they were committed,
    /// and stores the tree's new nodes. One at a time over the whole authority. Returns how many.
    async fn sequence(&self, limit: u32) -> LedgerResult<u64>;

    /// Leaves of the log.
    async fn log_size(&self) -> LedgerResult<u64>;

    /// Records from leaf `from` on, in leaf order.
    async fn log(&self, from: u64, limit: u32) -> LedgerResult<Vec<StoredRecord>>;

    /// Complete nodes of the tree; absent ones are `None`.
    async fn log_nodes(&self, nodes: &[NodeId]) -> LedgerResult<Vec<Option<Digest>>>;

    /// Stores a signed checkpoint; the same size again is left as it is.
    async fn put_checkpoint(&self, checkpoint: &StoredCheckpoint) -> LedgerResult<()>;

    /// The checkpoint of the largest log.
    async fn last_checkpoint(&self) -> LedgerResult<Option<StoredCheckpoint>>;

    /// How many leaves of the log the follower of this name has dealt with: 0 for one that never came.
    async fn position(&self, follower: &str) -> LedgerResult<u64>;

    /// Keeps that, in the place of what was kept before.
    async fn keep_position(&self, follower: &str, leaves: u64) -> LedgerResult<()>;

    /// Checkpoints, smallest first.
    async fn checkpoints(&self) -> LedgerResult<Vec<StoredCheckpoint>>;

    /// How it stands.
    async fn counts(&self) -> LedgerResult<LedgerCounts>;
}

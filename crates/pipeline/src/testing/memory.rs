//! The ledger and the blobs in memory, with faults at named points.
//!
//! Every operation asks the hook before and after its effect, and yields to the executor at both
//! points: a simulation can interleave, fail, or drop its caller exactly there. An effect is
//! atomic: it happens whole, or not at all, even when the caller never hears of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use domain::message::{Class, Task};
use domain::{
    ArtifactName, Digest, DocumentId, PipelineName, Reach, RunKey, StageName, SubjectId, Timestamp,
};
use provenance::{NodeId, merkle};

use crate::blobs::{BlobError, Blobs};
use crate::ledger::{
    ActCompletion, Admission, Admitted, Completed, Completion, DocumentFilter, DocumentRow, Due,
    Edition, Ledger, LedgerCounts, LedgerError, LedgerResult, NewRecord, StoredCheckpoint,
    StoredRecord, TaskRow,
};

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Go on.
    Proceed,
    /// The caller is told that the ledger is unavailable. After the effect, that is a lie of the
    /// kind a lost connection tells.
    Fail,
}

/// Decides at each point: the operation, and whether its effect has happened.
pub type Hook = Box<dyn Fn(&'static str, bool) -> Fate + Send + Sync>;

/// Gives the executor a chance to poll someone else, or to drop us.
pub struct Yield(bool);

impl Yield {
    /// Ready at the second poll.
    pub const fn once() -> Self {
        Self(false)
    }
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[derive(Clone, Debug)]
struct OwedTask {
    task: Task,
    attempts: u32,
    not_before: Option<Timestamp>,
    published_at: Option<Timestamp>,
    reason: Option<String>,
    order: u64,
}

type TaskKey = (SubjectId, StageName, u32);

fn key(task: &Task) -> TaskKey {
    (task.document, task.stage.clone(), task.generation)
}

#[derive(Default)]
struct State {
    documents: BTreeMap<DocumentId, (DocumentRow, [u8; 32], [u8; 32], u64)>,
    envelopes: BTreeMap<SubjectId, Vec<u8>>,
    tasks: BTreeMap<TaskKey, OwedTask>,
    records: Vec<StoredRecord>,
    settings: BTreeMap<Digest, Vec<u8>>,
    nodes: BTreeMap<NodeId, Digest>,
    sequenced: u64,
    checkpoints: BTreeMap<u64, String>,
    positions: BTreeMap<String, u64>,
    editions: Vec<Edition>,
    likeness: BTreeMap<DocumentId, BTreeSet<i64>>,
    order: u64,
}

/// What is done behind everyone's back.
#[derive(Clone, Copy, Debug)]
pub enum Tampering<'a> {
    /// The bytes of a run's records are changed.
    RecordBytes {
        /// The run.
        run_key: RunKey,
        /// The change.
        change: fn(&mut Vec<u8>),
    },
    /// The records of a run are gone.
    RecordLost(RunKey),
    /// A task is forgotten.
    TaskLost(&'a Task),
    /// A task is owed again.
    TaskOwed(&'a Task),
    /// The key and salt of a subject are gone.
    EnvelopeLost(SubjectId),
}

/// A ledger in memory. Records wait for [`Ledger::sequence`], as in PostgreSQL.
#[derive(Default)]
pub struct MemoryLedger {
    state: Mutex<State>,
    hook: Option<Hook>,
}

impl MemoryLedger {
    /// An empty ledger that never fails.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty ledger with faults.
    pub fn with_hook(hook: Hook) -> Self {
        Self {
            state: Mutex::default(),
            hook: Some(hook),
        }
    }

    /// Changes rows behind everyone's back, as whoever holds the database could.
    pub fn tamper(&self, tampering: Tampering<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match tampering {
            Tampering::RecordBytes { run_key, change } => {
                for stored in &mut state.records {
                    if stored.record.run_key == run_key {
                        change(&mut stored.record.bytes);
                    }
                }
            }
            Tampering::RecordLost(run_key) => {
                state
                    .records
                    .retain(|stored| stored.record.run_key != run_key);
            }
            Tampering::TaskLost(task) => {
                state.tasks.remove(&key(task));
            }
            Tampering::TaskOwed(task) => state.put_task(task),
            Tampering::EnvelopeLost(subject) => {
                state.envelopes.remove(&subject);
            }
        }
    }

    async fn point(&self, doing: &'static str, after: bool) -> LedgerResult<()> {
        let Some(hook) = &self.hook else {
            return Ok(());
        };
        Yield::once().await;
        match hook(doing, after) {
            Fate::Proceed => Ok(()),
            Fate::Fail => Err(LedgerError::Unavailable {
                doing,
                source: "a fault was injected here".into(),
            }),
        }
    }

    async fn atomically<T>(
        &self,
        doing: &'static str,
        effect: impl FnOnce(&mut State) -> T + Send,
    ) -> LedgerResult<T> {
        self.point(doing, false).await?;
        let result = effect(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.point(doing, true).await?;
        Ok(result)
    }
}

impl State {
    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    fn has_record(&self, record: &NewRecord) -> bool {
        self.records
            .iter()
            .any(|r| r.record.run_key == record.run_key && r.record.generation == record.generation)
    }

    fn put_record(&mut self, record: &NewRecord) -> bool {
        if self.has_record(record) {
            return false;
        }
        self.records.push(StoredRecord {
            record: record.clone(),
            leaf_index: None,
        });
        true
    }

    fn put_task(&mut self, task: &Task) {
        let order = self.next_order();
        self.tasks.entry(key(task)).or_insert_with(|| OwedTask {
            task: task.clone(),
            attempts: 0,
            not_before: None,
            published_at: None,
            reason: None,
            order,
        });
    }

    fn admit(&mut self, admission: &Admission) -> Admitted {
        let id = admission.document.id;
        if self.documents.contains_key(&id) {
            return Admitted::Existing;
        }
        let duplicate_of = self
            .documents
            .values()
            .filter(|(row, _, content, _)| {
                row.collection == admission.document.collection
                    && *content == admission.content_code
            })
            .min_by_key(|(_, _, _, order)| *order)
            .map(|(row, ..)| row.duplicate_of.unwrap_or(row.id));
        let row = DocumentRow {
            duplicate_of,
            ..admission.document.clone()
        };
        let order = self.next_order();
        self.documents.insert(
            id,
            (row, admission.name_code, admission.content_code, order),
        );
        self.envelopes
            .entry(id.into())
            .or_insert_with(|| admission.envelope.clone());
        self.put_record(&admission.record);
        if let Some(task) = &admission.task {
            self.put_task(task);
        }
        Admitted::New { duplicate_of }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn admit(&self, admission: &Admission) -> LedgerResult<Admitted> {
        self.atomically("admit", |s| s.admit(admission)).await
    }

    async fn document(&self, id: DocumentId) -> LedgerResult<Option<DocumentRow>> {
        self.atomically("document", |s| {
            s.documents.get(&id).map(|(row, ..)| row.clone())
        })
        .await
    }

    async fn documents_named(&self, name_code: &[u8; 32]) -> LedgerResult<Vec<DocumentRow>> {
        self.atomically("documents_named", |s| {
            let mut rows: Vec<_> = s
                .documents
                .values()
                .filter(|(_, name, ..)| name == name_code)
                .collect();
            rows.sort_by_key(|(.., order)| *order);
            rows.into_iter().map(|(row, ..)| row.clone()).collect()
        })
        .await
    }

    async fn documents(&self, filter: &DocumentFilter) -> LedgerResult<Vec<DocumentRow>> {
        self.atomically("documents", |s| {
            let mut rows: Vec<DocumentRow> = s
                .documents
                .values()
                .map(|(row, ..)| row)
                .filter(|r| filter.pipeline.as_ref().is_none_or(|p| *p == r.pipeline))
                .filter(|r| {
                    filter.service.as_ref().is_none_or(|s| {
                        let route = r.route.as_ref();
                        route.is_some_and(|v| v.services().any(|of| of == s))
                    })
                })
                .filter(|r| filter.state.is_none_or(|s| s == r.state))
                .filter(|r| filter.from.is_none_or(|t| r.received_at >= t))
                .filter(|r| filter.until.is_none_or(|t| r.received_at < t))
                .filter(|r| filter.parent.is_none_or(|p| r.parent == Some(p)))
                .filter(|r| !filter.top_level || r.parent.is_none())
                .filter(|r| !filter.undecided || !r.route.as_ref().is_some_and(|v| v.decided))
                .filter(|r| {
                    let of = r.route.iter().flat_map(crate::ledger::RouteView::services);
                    let own = r.parent.is_none() && filter.reach.holds(&r.pipeline, of);
                    let listed = filter.reach == Reach::Everything || filter.parent.is_some();
                    own || listed
                })
                .filter(|r| !filter.to_tell || r.route.as_ref().is_some_and(|v| v.to_tell))
                .cloned()
                .collect();
            rows.sort_by_key(|r| (r.received_at, r.id));
            rows.retain(|r| filter.after.is_none_or(|at| (r.received_at, r.id) > at));
            rows.truncate(filter.limit.map_or(usize::MAX, |limit| limit as usize));
            rows
        })
        .await
    }

    async fn likeness(&self, id: DocumentId) -> LedgerResult<Vec<i64>> {
        self.atomically("likeness", |s| {
            let codes = s.likeness.get(&id).into_iter().flatten();
            codes.copied().collect()
        })
        .await
    }

    async fn documents_alike(
        &self,
        codes: &[i64],
        other_than: DocumentId,
        limit: u32,
    ) -> LedgerResult<Vec<DocumentRow>> {
        self.atomically("documents_alike", |s| {
            let asked: BTreeSet<i64> = codes.iter().copied().collect();
            let mut found: Vec<(usize, &DocumentRow)> = s
                .likeness
                .iter()
                .filter(|(id, _)| **id != other_than)
                .map(|(id, held)| (held.intersection(&asked).count(), id))
                .filter(|(shared, _)| *shared > 0)
                .filter_map(|(shared, id)| s.documents.get(id).map(|(row, ..)| (shared, row)))
                .collect();
            found.sort_by_key(|(shared, row)| (Reverse(*shared), row.received_at, row.id));
            let found = found.into_iter().take(limit as usize);
            found.map(|(_, row)| row.clone()).collect()
        })
        .await
    }

    async fn envelope(&self, subject: SubjectId) -> LedgerResult<Option<Vec<u8>>> {
        self.atomically("envelope", |s| s.envelopes.get(&subject).cloned())
            .await
    }

    async fn envelope_or(&self, subject: SubjectId, wrapped: &[u8]) -> LedgerResult<Vec<u8>> {
        self.atomically("envelope_or", |s| {
            s.envelopes
                .entry(subject)
                .or_insert_with(|| wrapped.to_vec())
                .clone()
        })
        .await
    }

    async fn begin(&self, task: &Task) -> LedgerResult<Option<u32>> {
        self.atomically("begin", |s| {
            let row = s.tasks.get_mut(&key(task))?;
            row.attempts += 1;
            Some(row.attempts)
        })
        .await
    }

    async fn complete(&self, completion: &Completion) -> LedgerResult<Completed> {
        self.atomically("complete", |s| {
            if s.tasks.remove(&key(&completion.finishes)).is_none() {
                return Completed::Stale;
            }
            let subject = completion.finishes.document;
            let records = s
                .records
                .iter()
                .filter(|r| r.record.subject == subject)
                .count();
            let outdated = completion
                .records_seen
                .is_some_and(|seen| seen != records as u64);
            let new = completion.record.as_ref().is_some_and(|r| s.put_record(r));
            if let Some((digest, bytes)) = &completion.settings {
                s.settings.entry(*digest).or_insert_with(|| bytes.clone());
            }
            for child in &completion.children {
                s.admit(child);
            }
            if outdated {
                s.put_task(&completion.finishes);
                return Completed::StillOwed;
            }
            if let Some(next) = &completion.next {
                s.put_task(next);
            }
            let id = completion.finishes.document.as_document();
            if let Some(codes) = &completion.likeness {
                s.likeness.insert(id, codes.iter().copied().collect());
            }
            if let Some((row, ..)) = s.documents.get_mut(&id) {
                row.state = completion.state;
                let decided = row.route.as_ref().is_some_and(|v| v.decided);
                if let Some(route) = &completion.route
                    && !decided
                {
                    row.route = Some(route.clone());
                }
            }
            if new {
                Completed::New
            } else {
                Completed::AlreadyRecorded
            }
        })
        .await
    }

    async fn owe(&self, task: &Task) -> LedgerResult<()> {
        self.atomically("owe", |s| s.put_task(task)).await
    }

    async fn defer(&self, task: &Task, not_before: Timestamp, reason: &str) -> LedgerResult<()> {
        self.atomically("defer", |s| {
            if let Some(row) = s.tasks.get_mut(&key(task)) {
                // An attempt that ends by being put off was not cut short: it does not count.
                row.attempts = row.attempts.saturating_sub(1);
                row.not_before = Some(not_before);
                row.published_at = None;
                row.reason = Some(reason.to_owned());
            }
        })
        .await
    }

    async fn due_except(
        &self,
        now: Timestamp,
        limit: u32,
        except: &BTreeSet<(StageName, Class)>,
    ) -> LedgerResult<Vec<Due>> {
        self.atomically("due", |s| {
            let mut rows: Vec<&OwedTask> = s
                .tasks
                .values()
                .filter(|r| r.published_at.is_none() && r.not_before.is_none_or(|t| t <= now))
                .filter(|r| !except.contains(&(r.task.stage.clone(), r.task.class)))
                .collect();
            rows.sort_by_key(|r| (r.task.class, r.order));
            rows.into_iter()
                .take(limit as usize)
                .map(|r| Due {
                    task: r.task.clone(),
                    row: TaskRow(r.order.cast_signed()),
                })
                .collect()
        })
        .await
    }

    async fn published(&self, rows: &[TaskRow], now: Timestamp) -> LedgerResult<()> {
        self.atomically("published", |s| {
            for row in s.tasks.values_mut() {
                // One that a worker put off before its publisher came here is not in the queue.
                if rows.contains(&TaskRow(row.order.cast_signed()))
                    && row.not_before.is_none_or(|t| t <= now)
                {
                    row.published_at = Some(now);
                }
            }
        })
        .await
    }

    async fn reclaim(&self, before: Timestamp) -> LedgerResult<u64> {
        self.atomically("reclaim", |s| {
            let mut n = 0;
            for row in s.tasks.values_mut() {
                if row.published_at.is_some_and(|t| t < before) {
                    row.published_at = None;
                    n += 1;
                }
            }
            n
        })
        .await
    }

    async fn next_due(&self) -> LedgerResult<Option<Timestamp>> {
        self.atomically("next_due", |s| {
            s.tasks
                .values()
                .filter(|r| r.published_at.is_none())
                .filter_map(|r| r.not_before)
                .min()
        })
        .await
    }

    async fn owed(&self) -> LedgerResult<Vec<(Task, Option<String>)>> {
        self.atomically("owed", |s| {
            let mut rows: Vec<&OwedTask> = s.tasks.values().collect();
            rows.sort_by_key(|r| r.order);
            rows.into_iter()
                .map(|r| (r.task.clone(), r.reason.clone()))
                .collect()
        })
        .await
    }

    async fn record(&self, run_key: RunKey, generation: u32) -> LedgerResult<Option<StoredRecord>> {
        self.atomically("record", |s| {
            s.records
                .iter()
                .find(|r| r.record.run_key == run_key && r.record.generation == generation)
                .cloned()
        })
        .await
    }

    async fn records_of(&self, subject: SubjectId) -> LedgerResult<Vec<StoredRecord>> {
        self.atomically("records_of", |s| {
            s.records
                .iter()
                .filter(|r| r.record.subject == subject)
                .cloned()
                .collect()
        })
        .await
    }

    async fn act(&self, act: &ActCompletion) -> LedgerResult<bool> {
        self.atomically("act", |s| {
            if !s.put_record(&act.record) {
                return false;
            }
            s.settings
                .entry(act.settings.0)
                .or_insert_with(|| act.settings.1.clone());
            if let Some((row, ..)) = s.documents.get_mut(&act.document) {
                row.route = Some(act.route.clone());
            }
            true
        })
        .await
    }

    async fn publish_edition(
        &self,
        edition: &Edition,
        record: &NewRecord,
        settings: &(Digest, Vec<u8>),
    ) -> LedgerResult<bool> {
        self.atomically("publish_edition", |s| {
            if s.has_record(record) {
                return Ok(false);
            }
            let taken = s.editions.iter().any(|e| {
                (&e.reconciler, &e.pipeline, &e.period, e.number)
                    == (
                        &edition.reconciler,
                        &edition.pipeline,
                        &edition.period,
                        edition.number,
                    )
            });
            if taken {
                // As a database's unique index says it: whoever calls must look again.
                return Err(LedgerError::Unavailable {
                    doing: "publish_edition",
                    source: format!("edition {} is taken", edition.number).into(),
                });
            }
            s.put_record(record);
            s.settings
                .entry(settings.0)
                .or_insert_with(|| settings.1.clone());
            s.editions.push(edition.clone());
            Ok(true)
        })
        .await?
    }

    async fn editions(
        &self,
        reconciler: &StageName,
        pipeline: &PipelineName,
        period: Option<&str>,
    ) -> LedgerResult<Vec<Edition>> {
        self.atomically("editions", |s| {
            let mut found: Vec<Edition> = s
                .editions
                .iter()
                .filter(|e| e.reconciler == *reconciler && e.pipeline == *pipeline)
                .filter(|e| period.is_none_or(|p| e.period == p))
                .cloned()
                .collect();
            found.sort_by(|a, b| (&a.period, a.number).cmp(&(&b.period, b.number)));
            found
        })
        .await
    }

    async fn edition_subjects(&self) -> LedgerResult<Vec<SubjectId>> {
        self.atomically("edition_subjects", |s| {
            s.editions
                .iter()
                .map(|e| e.subject)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect()
        })
        .await
    }

    async fn settings(&self, digest: Digest) -> LedgerResult<Option<Vec<u8>>> {
        self.atomically("settings", |s| s.settings.get(&digest).cloned())
            .await
    }

    async fn sequence(&self, limit: u32) -> LedgerResult<u64> {
        self.atomically("sequence", |s| {
            let waiting: Vec<usize> = (0..s.records.len())
                .filter(|i| s.records[*i].leaf_index.is_none())
                .take(limit as usize)
                .collect();
            let leaves: Vec<Digest> = waiting
                .iter()
                .map(|i| merkle::leaf_hash(&s.records[*i].record.bytes))
                .collect();
            let appended = merkle::append(
                s.sequenced,
                |level, index| s.nodes.get(&NodeId { level, index }).copied(),
                leaves,
            )
            .map_err(|e| LedgerError::Corrupt {
                what: e.to_string(),
            })?;
            for i in &waiting {
                s.records[*i].leaf_index = Some(s.sequenced);
                s.sequenced += 1;
            }
            s.nodes.extend(appended.nodes);
            Ok(waiting.len() as u64)
        })
        .await?
    }

    async fn log_size(&self) -> LedgerResult<u64> {
        self.atomically("log_size", |s| s.sequenced).await
    }

    async fn log(&self, from: u64, limit: u32) -> LedgerResult<Vec<StoredRecord>> {
        self.atomically("log", |s| {
            let mut leaves: Vec<StoredRecord> = s
                .records
                .iter()
                .filter(|r| r.leaf_index.is_some_and(|i| i >= from))
                .cloned()
                .collect();
            leaves.sort_by_key(|r| r.leaf_index);
            leaves.truncate(limit as usize);
            leaves
        })
        .await
    }

    async fn log_nodes(&self, nodes: &[NodeId]) -> LedgerResult<Vec<Option<Digest>>> {
        self.atomically("log_nodes", |s| {
            nodes.iter().map(|n| s.nodes.get(n).copied()).collect()
        })
        .await
    }

    async fn put_checkpoint(&self, checkpoint: &StoredCheckpoint) -> LedgerResult<()> {
        self.atomically("put_checkpoint", |s| {
            s.checkpoints
                .entry(checkpoint.size)
                .or_insert_with(|| checkpoint.note.clone());
        })
        .await
    }

    async fn last_checkpoint(&self) -> LedgerResult<Option<StoredCheckpoint>> {
        self.atomically("last_checkpoint", |s| {
            s.checkpoints
                .last_key_value()
                .map(|(size, note)| StoredCheckpoint {
                    size: *size,
                    note: note.clone(),
                })
        })
        .await
    }

    async fn position(&self, follower: &str) -> LedgerResult<u64> {
        self.atomically("position", |s| {
            s.positions.get(follower).copied().unwrap_or_default()
        })
        .await
    }

    async fn keep_position(&self, follower: &str, leaves: u64) -> LedgerResult<()> {
        self.atomically("keep_position", |s| {
            s.positions.insert(follower.to_owned(), leaves);
        })
        .await
    }

    async fn checkpoints(&self) -> LedgerResult<Vec<StoredCheckpoint>> {
        self.atomically("checkpoints", |s| {
            s.checkpoints
                .iter()
                .map(|(size, note)| StoredCheckpoint {
                    size: *size,
                    note: note.clone(),
                })
                .collect()
        })
        .await
    }

    async fn counts(&self) -> LedgerResult<LedgerCounts> {
        self.atomically("counts", |s| LedgerCounts {
            documents: s.documents.len() as u64,
            records: s.records.len() as u64,
            sequenced: s.sequenced,
            tasks: s.tasks.len() as u64,
        })
        .await
    }
}

/// Sealed artifacts in memory.
#[derive(Default)]
pub struct MemoryBlobs {
    blobs: Mutex<BTreeMap<ArtifactName, Vec<u8>>>,
    hook: Option<Hook>,
}

impl MemoryBlobs {
    /// An empty store that never fails.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with faults.
    pub fn with_hook(hook: Hook) -> Self {
        Self {
            blobs: Mutex::default(),
            hook: Some(hook),
        }
    }

    /// Changes a stored artifact, as a damaged disk would.
    pub fn damage(&self, name: ArtifactName, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = self.lock().get_mut(&name) {
            change(bytes);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ArtifactName, Vec<u8>>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn point(
        &self,
        doing: &'static str,
        name: ArtifactName,
        after: bool,
    ) -> Result<(), BlobError> {
        let Some(hook) = &self.hook else {
            return Ok(());
        };
        Yield::once().await;
        match hook(doing, after) {
            Fate::Proceed => Ok(()),
            Fate::Fail => Err(BlobError::Unavailable {
                doing,
                name,
                source: "a fault was injected here".into(),
            }),
        }
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, name: ArtifactName, sealed: &[u8]) -> Result<(), BlobError> {
        self.point("write", name, false).await?;
        self.lock().entry(name).or_insert_with(|| sealed.to_vec());
        self.point("write", name, true).await
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Vec<u8>>, BlobError> {
        self.point("read", name, false).await?;
        Ok(self.lock().get(&name).cloned())
    }

    async fn remove(&self, name: ArtifactName) -> Result<(), BlobError> {
        self.point("remove", name, false).await?;
        self.lock().remove(&name);
        Ok(())
    }

    async fn names(&self) -> Result<Vec<ArtifactName>, BlobError> {
        Ok(self.lock().keys().copied().collect())
    }
}

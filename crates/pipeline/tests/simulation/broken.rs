//! Parts that break one promise each. A simulation that does not notice them proves nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::message::{Class, Task};
use domain::{
    ArtifactName, Digest, DocumentId, PipelineName, RunKey, StageName, SubjectId, Timestamp,
};
use pipeline::blobs::{BlobError, Blobs};
use pipeline::ledger::{
    ActCompletion, Admission, Admitted, Completed, Completion, DocumentFilter, DocumentRow, Due,
    Edition, Ledger, LedgerCounts, LedgerResult, NewRecord, StoredCheckpoint, StoredRecord,
    TaskRow,
};
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger, Tampering};
use provenance::NodeId;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The ledger finishes a task in one transaction and inserts the next one after it.
    TornCommit,
    /// The ledger finishes a task again that was finished already.
    FinishesTwice,
    /// The queue acknowledges by itself, before anything is durable, and nothing is ever reclaimed.
    EarlyAcknowledgement,
    /// The blob store says that it has written what it only remembers.
    EarlyWrite,
}

impl Broken {
    pub(crate) const ALL: [Self; 4] = [
        Self::TornCommit,
        Self::FinishesTwice,
        Self::EarlyAcknowledgement,
        Self::EarlyWrite,
    ];
}

/// A ledger that breaks a promise, or none.
pub(crate) struct BrokenLedger {
    pub(crate) inner: Arc<MemoryLedger>,
    pub(crate) broken: Option<Broken>,
}

#[async_trait]
impl Ledger for BrokenLedger {
    async fn complete(&self, completion: &Completion) -> LedgerResult<Completed> {
        match self.broken {
            Some(Broken::TornCommit) => {
                let alone = Completion {
                    next: None,
                    ..completion.clone()
                };
                let completed = self.inner.complete(&alone).await?;
                if let (Some(next), true) = (&completion.next, completed != Completed::Stale) {
                    self.inner.tamper(Tampering::TaskOwed(next));
                }
                Ok(completed)
            }
            Some(Broken::FinishesTwice) => {
                self.inner.tamper(Tampering::TaskOwed(&completion.finishes));
                self.inner.complete(completion).await
            }
            _ => self.inner.complete(completion).await,
        }
    }

    async fn owe(&self, task: &Task) -> LedgerResult<()> {
        self.inner.owe(task).await
    }

    async fn defer(&self, task: &Task, not_before: Timestamp, reason: &str) -> LedgerResult<()> {
        self.inner.defer(task, not_before, reason).await
    }

    async fn admit(&self, admission: &Admission) -> LedgerResult<Admitted> {
        self.inner.admit(admission).await
    }
    async fn document(&self, id: DocumentId) -> LedgerResult<Option<DocumentRow>> {
        self.inner.document(id).await
    }
    async fn documents_named(&self, name_code: &[u8; 32]) -> LedgerResult<Vec<DocumentRow>> {
        self.inner.documents_named(name_code).await
    }
    async fn documents(&self, filter: &DocumentFilter) -> LedgerResult<Vec<DocumentRow>> {
        self.inner.documents(filter).await
    }
    async fn likeness(&self, id: DocumentId) -> LedgerResult<Vec<i64>> {
        self.inner.likeness(id).await
    }
    async fn documents_alike(
        &self,
        codes: &[i64],
        other_than: DocumentId,
        limit: u32,
    ) -> LedgerResult<Vec<DocumentRow>> {
        self.inner.documents_alike(codes, other_than, limit).await
    }
    async fn envelope(&self, subject: SubjectId) -> LedgerResult<Option<Vec<u8>>> {
        self.inner.envelope(subject).await
    }
    async fn envelope_or(&self, subject: SubjectId, wrapped: &[u8]) -> LedgerResult<Vec<u8>> {
        self.inner.envelope_or(subject, wrapped).await
    }
    async fn begin(&self, task: &Task) -> LedgerResult<Option<u32>> {
        self.inner.begin(task).await
    }
    async fn due_except(
        &self,
        now: Timestamp,
        limit: u32,
        except: &BTreeSet<(StageName, Class)>,
    ) -> LedgerResult<Vec<Due>> {
        self.inner.due_except(now, limit, except).await
    }
    async fn published(&self, rows: &[TaskRow], now: Timestamp) -> LedgerResult<()> {
        self.inner.published(rows, now).await
    }
    async fn reclaim(&self, before: Timestamp) -> LedgerResult<u64> {
        self.inner.reclaim(before).await
    }
    async fn next_due(&self) -> LedgerResult<Option<Timestamp>> {
        self.inner.next_due().await
    }
    async fn owed(&self) -> LedgerResult<Vec<(Task, Option<String>)>> {
        self.inner.owed().await
    }
    async fn record(&self, run_key: RunKey, generation: u32) -> LedgerResult<Option<StoredRecord>> {
        self.inner.record(run_key, generation).await
    }
    async fn records_of(&self, subject: SubjectId) -> LedgerResult<Vec<StoredRecord>> {
        self.inner.records_of(subject).await
    }
    async fn act(&self, act: &ActCompletion) -> LedgerResult<bool> {
        self.inner.act(act).await
    }
    async fn publish_edition(
        &self,
        edition: &Edition,
        record: &NewRecord,
        settings: &(Digest, Vec<u8>),
    ) -> LedgerResult<bool> {
        self.inner.publish_edition(edition, record, settings).await
    }
    async fn editions(
        &self,
        reconciler: &StageName,
        pipeline: &PipelineName,
        period: Option<&str>,
    ) -> LedgerResult<Vec<Edition>> {
        self.inner.editions(reconciler, pipeline, period).await
    }
    async fn edition_subjects(&self) -> LedgerResult<Vec<SubjectId>> {
        self.inner.edition_subjects().await
    }
    async fn settings(&self, digest: Digest) -> LedgerResult<Option<Vec<u8>>> {
        self.inner.settings(digest).await
    }
    async fn sequence(&self, limit: u32) -> LedgerResult<u64> {
        self.inner.sequence(limit).await
    }
    async fn log_size(&self) -> LedgerResult<u64> {
        self.inner.log_size().await
    }
    async fn log(&self, from: u64, limit: u32) -> LedgerResult<Vec<StoredRecord>> {
        self.inner.log(from, limit).await
    }
    async fn log_nodes(&self, nodes: &[NodeId]) -> LedgerResult<Vec<Option<Digest>>> {
        self.inner.log_nodes(nodes).await
    }
    async fn put_checkpoint(&self, checkpoint: &StoredCheckpoint) -> LedgerResult<()> {
        self.inner.put_checkpoint(checkpoint).await
    }
    async fn last_checkpoint(&self) -> LedgerResult<Option<StoredCheckpoint>> {
        self.inner.last_checkpoint().await
    }
    async fn position(&self, follower: &str) -> LedgerResult<u64> {
        self.inner.position(follower).await
    }
    async fn keep_position(&self, follower: &str, leaves: u64) -> LedgerResult<()> {
        self.inner.keep_position(follower, leaves).await
    }
    async fn checkpoints(&self) -> LedgerResult<Vec<StoredCheckpoint>> {
        self.inner.checkpoints().await
    }
    async fn counts(&self) -> LedgerResult<LedgerCounts> {
        self.inner.counts().await
    }
}

/// How much an [`Broken::EarlyWrite`] store only remembers.
const REMEMBERED: usize = 4;

/// A blob store that breaks a promise, or none.
pub(crate) struct BrokenBlobs {
    inner: MemoryBlobs,
    early: bool,
    remembered: Mutex<Vec<(ArtifactName, Vec<u8>)>>,
}

impl BrokenBlobs {
    pub(crate) fn new(inner: MemoryBlobs, broken: Option<Broken>) -> Arc<Self> {
        let early = broken == Some(Broken::EarlyWrite);
        Arc::new(Self {
            inner,
            early,
            remembered: Mutex::default(),
        })
    }

    /// What happens to memory when a process dies.
    pub(crate) fn forget(&self) {
        self.remembered.lock().unwrap().clear();
    }
}

#[async_trait]
impl Blobs for BrokenBlobs {
    async fn put(&self, name: ArtifactName, sealed: &[u8]) -> Result<(), BlobError> {
        if !self.early {
            return self.inner.put(name, sealed).await;
        }
        let oldest = {
            let mut remembered = self.remembered.lock().unwrap();
            remembered.push((name, sealed.to_vec()));
            (remembered.len() > REMEMBERED).then(|| remembered.remove(0))
        };
        match oldest {
            Some((name, sealed)) => self.inner.put(name, &sealed).await,
            None => Ok(()),
        }
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Vec<u8>>, BlobError> {
        let found = {
            let remembered = self.remembered.lock().unwrap();
            remembered
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, sealed)| sealed.clone())
        };
        match found {
            Some(sealed) => Ok(Some(sealed)),
            None => self.inner.get(name).await,
        }
    }

    async fn remove(&self, name: ArtifactName) -> Result<(), BlobError> {
        self.inner.remove(name).await
    }

    async fn names(&self) -> Result<Vec<ArtifactName>, BlobError> {
        self.inner.names().await
    }
}

//! All that can be seen of a ledger.

use domain::message::Task;
use domain::{Digest, SubjectId, Timestamp};
use provenance::merkle;

use super::samples::{moment, named, settings};
use crate::ledger::{
    DocumentFilter, DocumentRow, Edition, Ledger, LedgerCounts, StoredCheckpoint, StoredRecord,
};

/// All that can be seen of a ledger that holds [`samples`](super::samples), but for the attempts
/// at a task, which [`Ledger::begin`] only says by counting one more.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is the answer of the method with its name"
)]
pub struct Observed {
    pub documents: Vec<DocumentRow>,
    pub likeness: Vec<Vec<i64>>,
    pub envelopes: Vec<Option<Vec<u8>>>,
    pub owed: Vec<(Task, Option<String>)>,
    pub due: Vec<Task>,
    pub next_due: Option<Timestamp>,
    pub log: Vec<StoredRecord>,
    pub root: Digest,
    pub records_of: Vec<Vec<StoredRecord>>,
    pub editions: Vec<Edition>,
    pub edition_subjects: Vec<SubjectId>,
    pub settings: Vec<Option<Vec<u8>>>,
    pub checkpoints: Vec<StoredCheckpoint>,
    pub counts: LedgerCounts,
}

/// Sequences what waits, then looks at everything.
///
/// # Panics
/// When the ledger fails.
pub async fn observe(ledger: &dyn Ledger) -> Observed {
    sequence_all(ledger).await;
    let documents = ledger.documents(&DocumentFilter::default()).await.unwrap();
    let mut likeness = Vec::new();
    for document in &documents {
        likeness.push(ledger.likeness(document.id).await.unwrap());
    }
    let edition_subjects = ledger.edition_subjects().await.unwrap();
    let mut envelopes = Vec::new();
    let mut records_of = Vec::new();
    let subjects = documents.iter().map(|document| document.id.into());
    for subject in subjects.chain(edition_subjects.iter().copied()) {
        envelopes.push(ledger.envelope(subject).await.unwrap());
        records_of.push(ledger.records_of(subject).await.unwrap());
    }
    let mut kept = Vec::new();
    for n in 0..110 {
        kept.push(ledger.settings(settings(n).0).await.unwrap());
    }
    Observed {
        documents,
        likeness,
        envelopes,
        owed: ledger.owed().await.unwrap(),
        due: (ledger.due(moment(5000), 1000).await.unwrap().into_iter())
            .map(|due| due.task)
            .collect(),
        next_due: ledger.next_due().await.unwrap(),
        log: ledger.log(0, 100_000).await.unwrap(),
        root: root(ledger, ledger.log_size().await.unwrap()).await,
        records_of,
        editions: ledger
            .editions(&named("synthesise"), &named("courrier"), None)
            .await
            .unwrap(),
        edition_subjects,
        settings: kept,
        checkpoints: ledger.checkpoints().await.unwrap(),
        counts: ledger.counts().await.unwrap(),
    }
}

/// Sequences until nothing waits.
///
/// # Panics
/// When the ledger fails.
pub async fn sequence_all(ledger: &dyn Ledger) {
    while ledger.sequence(1000).await.unwrap() > 0 {}
}

/// The root of the first `size` leaves, from the stored nodes.
///
/// # Panics
/// When the ledger fails or lacks a node.
pub async fn root(ledger: &dyn Ledger, size: u64) -> Digest {
    let nodes = merkle::frontier_nodes(size);
    let hashes = ledger.log_nodes(&nodes).await.unwrap();
    let lookup = |level, index| {
        let place = nodes
            .iter()
            .position(|node| (node.level, node.index) == (level, index));
        place.and_then(|place| hashes[place])
    };
    merkle::root(size, lookup).unwrap()
}

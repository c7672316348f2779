//! What people see: one document, opened, by whatever name they call it. What waits for them is in
//! [`queue`](crate::queue), what they decide in [`review`](crate::review); the terminal and the pages
//! use the same functions.

use std::sync::Arc;

use domain::act::Act;
use domain::message::Task;
use domain::record::Record;
use domain::{
    Arrival, Completeness, Decision, Digest, DocumentId, Kind, Layout, NoteCode, Outcome,
    Probability, Reach, RunKey, RunOutcome, StoredText, SubjectId,
};
use privacy::Envelope;

use crate::circumstances::{Build, Clock};
use crate::error::Error;
use crate::ledger::{DocumentFilter, DocumentRow, RouteView};
use crate::pipelines::Pipelines;
use crate::vault::{Vault, Written, latest_of, seen_decision};

pub use crate::review::{ACT_VERSION, Review};

/// Where people work: everything that showing and deciding takes.
#[derive(Clone)]
pub struct Desk {
    /// The ledger, blobs and keys.
    pub vault: Vault,
    /// The pipelines in force.
    pub pipelines: Arc<Pipelines>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What works here.
    pub build: Build,
    /// The documents that whoever stands here may come to. Everything that people are shown goes by
    /// it: what is out of reach is not there.
    pub reach: Reach,
}

/// The decision that a document was routed by: the one seen by the person who decided; else the
/// first that passed it on by itself, since it was sent then; else the latest.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The decision.
    pub decision: Decision,
    /// The run that took it.
    pub run: RunKey,
    /// The share of automatic routings that people looked at when it ran, as its settings say;
    /// `None` for runs of before they said it.
    pub share: Option<Probability>,
}

/// One document, opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its row.
    pub row: DocumentRow,
    /// The name people know it by.
    pub name: String,
    /// How it arrived.
    pub arrival: Arrival,
    /// Its layout, once extracted.
    pub layout: Option<Layout>,
    /// Where it should go, once routed: what the person who decided saw, else the latest.
    pub decision: Option<Decision>,
    /// What it was routed by, which is what the promise is about.
    pub routed: Option<Routed>,
    /// What is missing, once checked.
    pub completeness: Option<Completeness>,
    /// What a person did last.
    pub act: Option<Act>,
    /// Its records, oldest first, with their leaves.
    pub records: Vec<(Record, Option<u64>)>,
}

impl Opened {
    /// The document's title: the one it gives itself, else its name.
    pub fn title(&self) -> &str {
        self.layout
            .as_ref()
            .and_then(|l| l.title.as_deref())
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .unwrap_or(&self.name)
    }

    /// Why it was set aside, when it was.
    pub fn set_aside(&self) -> Option<&str> {
        let (record, _) = self.records.last()?;
        (record.statement().outcome == RunOutcome::Quarantine)
            .then_some(record.statement().reason.as_deref())
            .flatten()
    }
}

/// How deep documents are found within documents.
const NESTED_MAX: usize = 32;

impl Desk {
    /// The same desk for someone who may come to these documents.
    pub fn within(&self, reach: Reach) -> Self {
        Self {
            reach,
            ..self.clone()
        }
    }

    /// The document of this id, when it is within reach.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`] when it is not, as when there is none: nobody learns which.
    pub async fn row(&self, id: DocumentId) -> Result<DocumentRow, Error> {
        let row = self.vault.ledger.document(id).await?;
        match row {
            Some(row) if self.reaches(&row, &self.reach).await? => Ok(row),
            _ => Err(Error::NoSuchDocument(id.to_string())),
        }
    }

    /// Whether a document is within `reach`: what was found within another is so with it.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn reaches(&self, row: &DocumentRow, reach: &Reach) -> Result<bool, Error> {
        if *reach == Reach::Everything {
            return Ok(true);
        }
        let mut whole = row.clone();
        for _ in 0..NESTED_MAX {
            let Some(parent) = whole.parent else {
                let of = whole.route.iter().flat_map(RouteView::services);
                return Ok(reach.holds(&whole.pipeline, of));
            };
            match self.vault.ledger.document(parent).await? {
                Some(row) => whole = row,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Those of `rows` that are within reach.
    pub(crate) async fn reached(&self, rows: Vec<DocumentRow>) -> Result<Vec<DocumentRow>, Error> {
        let mut within = Vec::with_capacity(rows.len());
        for row in rows {
            if self.reaches(&row, &self.reach).await? {
                within.push(row);
            }
        }
        Ok(within)
    }

    /// The document that people call `name`: its id or the start of it, its external id, or the
    /// stem of its file.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn find(&self, name: &str) -> Result<DocumentRow, Error> {
        if let Ok(id) = name.parse::<DocumentId>() {
            match self.row(id).await {
                Err(Error::NoSuchDocument(_)) => {}
                found => return found,
            }
        }
        let mut found: Vec<DocumentRow> = Vec::new();
        let collections: std::collections::BTreeSet<_> = self
            .pipelines
            .iter()
            .map(|p| p.source.file.collection.clone())
            .collect();
        for collection in &collections {
            let code = self
                .vault
                .secrets
                .collection_secret(collection)
                .external_mac(name);
            found.extend(
                self.vault
                    .ledger
                    .documents_named(&code)
                    .await?
                    .into_iter()
                    .filter(|row| row.collection == *collection),
            );
        }
        if found.is_empty() && name.starts_with(DocumentId::PREFIX) {
            let all = self
                .vault
                .ledger
                .documents(&DocumentFilter::default())
                .await?;
            found.extend(
                all.into_iter()
                    .filter(|row| row.id.to_string().starts_with(name)),
            );
        }
        let mut found = self.reached(found).await?;
        match found.len() {
            0 => Err(Error::NoSuchDocument(name.to_owned())),
            1 => Ok(found.remove(0)),
            _ => Err(Error::Ambiguous {
                name: name.to_owned(),
                candidates: found.iter().map(|row| row.id).collect(),
            }),
        }
    }

    /// Has a document read again that could not be read for want of a password: in a new generation,
    /// beside what was recorded then. `false` when it was read, or waits to be.
    ///
    /// # Errors
    /// When something of it cannot be read.
    pub async fn read_again_if_locked(&self, id: DocumentId) -> Result<bool, Error> {
        let Some(row) = self.vault.ledger.document(id).await? else {
            return Ok(false);
        };
        let (pipeline, parent) = (row.pipeline.clone(), row.parent);
        let opened = self.open(row).await?;
        let locked = opened.layout.as_ref().is_some_and(|layout| {
            let mut whole = layout.notes.iter().filter(|note| note.page.is_none());
            layout.pages.is_empty() && whole.any(|note| note.code == NoteCode::Encrypted)
        });
        let pipeline = self.pipelines.get(&pipeline)?;
        let Some(stage) = pipeline.first(parent.is_some()).filter(|_| locked) else {
            return Ok(false);
        };
        let generations = opened.records.iter().map(|(r, _)| r.statement().generation);
        let task = Task {
            document: id.into(),
            pipeline: pipeline.name().clone(),
            stage: stage.clone(),
            generation: generations.max().unwrap_or(0) + 1,
            class: pipeline.source.file.class,
        };
        self.vault.ledger.owe(&task).await?;
        Ok(true)
    }

    /// Opens a document.
    ///
    /// # Errors
    /// When something of it cannot be read.
    pub async fn open(&self, row: DocumentRow) -> Result<Opened, Error> {
        let subject = SubjectId::from(row.id);
        let envelope = self.vault.envelope(subject).await?;
        let records = self.vault.records(subject).await?;
        let arrival: Arrival = self
            .vault
            .read_json(subject, &envelope, row.arrival)
            .await?;
        let layout = self
            .read_latest(subject, &envelope, &records, Kind::Layout)
            .await?;
        let decision = match seen_decision(&records) {
            Some(seen) => Some(self.vault.read_json(subject, &envelope, seen.name).await?),
            None => None,
        };
        let routed = self.routed_by(subject, &envelope, &records).await?;
        let completeness = self
            .read_latest(subject, &envelope, &records, Kind::Completeness)
            .await?;
        let act = self
            .read_latest(subject, &envelope, &records, Kind::Act)
            .await?;
        let name = self.name_of(&row, &arrival);
        Ok(Opened {
            row,
            name,
            arrival,
            layout,
            decision,
            routed,
            completeness,
            act,
            records,
        })
    }

    /// The decision that a document was routed by ([`Routed`]).
    ///
    /// # Errors
    /// When a decision cannot be read.
    pub(crate) async fn routed_by(
        &self,
        subject: SubjectId,
        envelope: &Envelope,
        records: &[(Record, Option<u64>)],
    ) -> Result<Option<Routed>, Error> {
        let read = async |written: Written| {
            let statement = written.record.statement();
            let decision: Decision =
                (self.vault.read_json(subject, envelope, written.name)).await?;
            Ok::<_, Error>(Routed {
                decision,
                run: statement.run_key,
                share: self.share_drawn(statement.settings).await?,
            })
        };
        let decided = latest_of(records, Kind::Act).is_some();
        let writes = |(record, _): &&(Record, Option<u64>)| {
            let mut outputs = record.statement().outputs.iter();
            outputs.any(|named| named.kind == Kind::Decision)
        };
        if !decided && records.iter().filter(writes).count() > 1 {
            for one in records {
                if let Some(written) = latest_of(std::slice::from_ref(one), Kind::Decision) {
                    let routed = read(written).await?;
                    if routed.decision.outcome == Outcome::Automatic {
                        return Ok(Some(routed));
                    }
                }
            }
        }
        match seen_decision(records) {
            Some(written) => read(written).await.map(Some),
            None => Ok(None),
        }
    }

    /// The share that was drawn from under these settings. What a person changes in the pipeline file
    /// later changes nothing about what was drawn before.
    async fn share_drawn(&self, settings: Digest) -> Result<Option<Probability>, Error> {
        let Some(json) = self.vault.ledger.settings(settings).await? else {
            return Ok(None);
        };
        // `verify` says when they are not what their digest names.
        let run: Option<serde_json::Value> = serde_json::from_slice(&json).ok();
        let share = run.and_then(|run| run.pointer("/settings/audit_share")?.as_u64());
        Ok(share
            .and_then(|share| u32::try_from(share).ok())
            .map(Probability::from_millionths))
    }

    /// The name people know a document by: its external id, else the stem of its file; for an
    /// attachment, its file name.
    pub fn name_of(&self, row: &DocumentRow, arrival: &Arrival) -> String {
        match (&row.parent, &arrival.file_name) {
            (Some(_), Some(file)) => file.clone(),
            _ => arrival.source.name().to_owned(),
        }
    }

    /// The name people know a document by, given its id.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub async fn name(&self, id: DocumentId) -> Result<String, Error> {
        let row = self.row(id).await?;
        let envelope = self.vault.envelope(id.into()).await?;
        let arrival: Arrival = self
            .vault
            .read_json(id.into(), &envelope, row.arrival)
            .await?;
        Ok(self.name_of(&row, &arrival))
    }

    pub(crate) async fn read_latest<T: serde::de::DeserializeOwned>(
        &self,
        subject: SubjectId,
        envelope: &Envelope,
        records: &[(Record, Option<u64>)],
        kind: Kind,
    ) -> Result<Option<T>, Error> {
        match latest_of(records, kind) {
            Some(written) => self
                .vault
                .read_json(subject, envelope, written.name)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// The stored text of a document, whose bytes every place and quote refers to.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn text(&self, id: DocumentId) -> Result<Option<StoredText>, Error> {
        let Some(written) = self.vault.latest(id.into(), Kind::Text).await? else {
            return Ok(None);
        };
        let envelope = self.vault.envelope(id.into()).await?;
        let bytes = self.vault.read(id.into(), &envelope, written.name).await?;
        StoredText::from_bytes(bytes)
            .map(Some)
            .map_err(|e| Error::WrongArtifact {
                name: written.name,
                subject: id.into(),
                detail: e.to_string(),
            })
    }
}

//! What people see and do: the list, the inbox, one document, a review. The terminal and the pages
//! use the same functions.

use std::sync::Arc;

use domain::canonical;
use domain::message::Task;
use domain::record::{Act, ActFormat, Record, Verdict};
use domain::{
    Agent, Arrival, Completeness, Decision, DocumentId, Kind, Layout, Named, NoteCode, Outcome,
    PipelineName, Probability, RunOutcome, ServiceId, Statement, StoredText, SubjectId,
};
use privacy::Envelope;

use crate::circumstances::{Build, Clock};
use crate::error::Error;
use crate::intake::slug;
use crate::ledger::{
    ActCompletion, DocumentFilter, DocumentRow, DocumentState, NewRecord, RouteView,
};
use crate::pipelines::Pipelines;
use crate::stage::{RunIdentity, RunSettings};
use crate::vault::{Vault, latest_of};

/// The version of the statement of a person's act.
pub const ACT_VERSION: u32 = 1;

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
    /// Where it should go, once routed.
    pub decision: Option<Decision>,
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

/// What a person wants to do with a document.
#[derive(Clone, Debug)]
pub enum Review {
    /// Accept what is proposed.
    Accept,
    /// Send it to this service.
    Route(String),
}

impl Desk {
    /// The document that people call `name`: its id or the start of it, its external id, or the
    /// stem of its file.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn find(&self, name: &str) -> Result<DocumentRow, Error> {
        if let Ok(id) = name.parse::<DocumentId>()
            && let Some(row) = self.vault.ledger.document(id).await?
        {
            return Ok(row);
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
        let decision = self
            .read_latest(subject, &envelope, &records, Kind::Decision)
            .await?;
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
            completeness,
            act,
            records,
        })
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
        let row = self
            .vault
            .ledger
            .document(id)
            .await?
            .ok_or_else(|| Error::NoSuchDocument(id.to_string()))?;
        let envelope = self.vault.envelope(id.into()).await?;
        let arrival: Arrival = self
            .vault
            .read_json(id.into(), &envelope, row.arrival)
            .await?;
        Ok(self.name_of(&row, &arrival))
    }

    async fn read_latest<T: serde::de::DeserializeOwned>(
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

    /// Documents that wait for a person or were routed by themselves and not looked at yet: those
    /// that need a decision first, then by reception.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn inbox(
        &self,
        pipeline: Option<&PipelineName>,
        service: Option<&ServiceId>,
    ) -> Result<Vec<Opened>, Error> {
        let filter = DocumentFilter {
            pipeline: pipeline.cloned(),
            service: service.cloned(),
            top_level: true,
            undecided: true,
            ..DocumentFilter::default()
        };
        let mut items = Vec::new();
        for row in self.vault.ledger.documents(&filter).await? {
            let routes = self
                .pipelines
                .get(&row.pipeline)
                .is_ok_and(|p| !p.source.file.services.is_empty());
            if routes && row.state != DocumentState::Processing {
                items.push(self.open(row).await?);
            }
        }
        // What is drawn for the measure stands among what needs a decision, and nothing marks it.
        items.sort_by_key(|o| {
            let automatic = o
                .row
                .route
                .as_ref()
                .is_some_and(|r| r.outcome == Outcome::Automatic);
            (
                automatic && !self.is_audited(o),
                o.row.received_at,
                o.row.id,
            )
        });
        Ok(items)
    }

    /// Whether a document that was routed by itself is within the share that people look at: drawn
    /// by the audit key and the key of the run that decided, so that nobody chooses, and whoever has
    /// the key can check.
    pub fn is_audited(&self, opened: &Opened) -> bool {
        let Ok(pipeline) = self.pipelines.get(&opened.row.pipeline) else {
            return false;
        };
        latest_of(&opened.records, Kind::Decision).is_some_and(|written| {
            let run = written.record.statement().run_key;
            privacy::share::is_drawn(self.vault.secrets.audit_key(), &run, pipeline.audit_share())
        })
    }

    /// Records what a person decides. Saying the same again changes nothing.
    ///
    /// # Errors
    /// When there is nothing to accept, the service is unknown, or the ledger does not answer.
    pub async fn review(
        &self,
        row: &DocumentRow,
        review: &Review,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Act, Error> {
        if row.state == DocumentState::Processing {
            return Err(Error::NotReady(row.id));
        }
        let started = self.clock.now();
        let subject = SubjectId::from(row.id);
        let pipeline = self.pipelines.get(&row.pipeline)?;
        let envelope = self.vault.envelope(subject).await?;
        let records = self.vault.records(subject).await?;
        let verdict = match review {
            Review::Route(service) => Verdict::Route {
                service: pipeline.service(service)?.id().clone(),
            },
            // The proposal is the decision's; the row says what a person chose meanwhile.
            Review::Accept => {
                let decision: Option<Decision> = self
                    .read_latest(subject, &envelope, &records, Kind::Decision)
                    .await?;
                let proposed = decision.and_then(|d| d.service);
                Verdict::Accept {
                    service: proposed.ok_or(Error::NothingProposed(row.id))?,
                }
            }
        };
        let act = Act {
            format: ActFormat::V1,
            by: by.to_owned(),
            verdict,
            reason: reason.map(str::to_owned),
        };
        let name = self
            .vault
            .write(subject, &envelope, &canonical::to_bytes(&act)?)
            .await?;
        let before = latest_of(&records, Kind::Act);
        if before.as_ref().is_some_and(|last| last.name == name) {
            return Ok(act);
        }
        let inputs: Vec<Named> = [Kind::Decision, Kind::Act]
            .into_iter()
            .filter_map(|kind| latest_of(&records, kind).map(|w| Named { kind, name: w.name }))
            .chain([Named {
                kind: Kind::Act,
                name,
            }])
            .collect();
        // An act names the act it follows by its run, not only by what it said, so that deciding
        // A, B, A and B again are four acts.
        let input_runs: Vec<_> = before
            .iter()
            .map(|last| last.record.statement().run_key)
            .collect();
        let settings = RunSettings {
            settings: serde_json::json!({}),
            models: Vec::new(),
        }
        .sealed()?;
        let activity = slug("review");
        let names: Vec<_> = inputs.iter().map(|n| n.name).collect();
        let identity = RunIdentity {
            activity: &activity,
            version: ACT_VERSION,
            inputs: &names,
            input_runs: &input_runs,
            period: None,
            settings: settings.0,
        };
        let run_key = envelope.run_key(&canonical::to_bytes(&identity)?);
        let secret = self.vault.secrets.collection_secret(&row.collection);
        let statement = Statement {
            subject,
            activity: activity.clone(),
            agent: Agent::Person {
                id: secret.person_pseudonym(by),
                authenticated: false,
            },
            run_key,
            generation: 0,
            inputs,
            input_runs,
            period: None,
            settings: settings.0,
            models: Vec::new(),
            outcome: RunOutcome::Done,
            reason: None,
            outputs: vec![Named {
                kind: Kind::Act,
                name,
            }],
            children: Vec::new(),
            quality: None,
        };
        let circumstances = self
            .build
            .circumstances(started, self.clock.now(), 1, false);
        let completion = ActCompletion {
            document: row.id,
            record: NewRecord {
                run_key,
                generation: 0,
                subject,
                activity,
                outcome: RunOutcome::Done,
                bytes: Record::new(statement, circumstances).to_bytes()?,
            },
            settings,
            route: RouteView {
                outcome: row.route.as_ref().map_or(Outcome::Unknown, |r| r.outcome),
                service: Some(act.verdict.service().clone()),
                confidence: row
                    .route
                    .as_ref()
                    .map_or(Probability::ZERO, |r| r.confidence),
                decided: true,
            },
        };
        self.vault.ledger.act(&completion).await?;
        crate::log::checkpoint(&self.vault).await?;
        Ok(act)
    }
}

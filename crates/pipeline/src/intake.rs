//! How a document enters: identity, envelope, sealed bytes, the record of its reception and its
//! first task.

use domain::arrival::Source;
use domain::canonical;
use domain::message::{Class, Task};
use domain::{
    Agent, Arrival, CollectionName, Digest, DocumentId, Kind, Named, PipelineName, Record,
    RunOutcome, StageName, Statement, SubjectId,
};
use serde::Serialize;

use crate::circumstances::{Build, Clock};
use crate::error::Error;
use crate::ledger::{Admission, Admitted, DocumentRow, DocumentState, NewRecord};
use crate::pipelines::Pipeline;
use crate::stage::{RunIdentity, RunSettings};
use crate::vault::Vault;

/// The version of the `receive` record's statement.
pub const RECEIVE_VERSION: u32 = 1;

/// The name under which receptions are recorded.
pub fn receive() -> StageName {
    slug("receive")
}

pub(crate) fn slug(name: &'static str) -> StageName {
    name.parse()
        .unwrap_or_else(|_| unreachable!("`{name}` is a slug"))
}

/// A document that arrives.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The collection it belongs to.
    pub collection: CollectionName,
    /// The pipeline it goes through.
    pub pipeline: PipelineName,
    /// The first stage, or none when it is only kept.
    pub first_stage: Option<StageName>,
    /// How soon.
    pub class: Class,
    /// How it arrived.
    pub arrival: Arrival,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Raised when it arrives again after it was erased.
    pub generation: u32,
}

#[derive(Serialize)]
struct Identity<'a> {
    collection: &'a CollectionName,
    source: &'a Source,
    bytes: Digest,
    generation: u32,
}

impl Incoming {
    /// A document that arrives for a pipeline.
    pub fn new(pipeline: &Pipeline, arrival: Arrival, bytes: Vec<u8>) -> Self {
        let file = &pipeline.source.file;
        Self {
            collection: file.collection.clone(),
            pipeline: file.pipeline.clone(),
            first_stage: pipeline.first(false).cloned(),
            class: file.class,
            arrival,
            bytes,
            generation: 0,
        }
    }

    /// The document's id: the same arrival again has the same.
    ///
    /// # Errors
    /// Never for these values; the type says so because JSON can fail in general.
    pub fn id(&self, vault: &Vault) -> Result<DocumentId, Error> {
        let identity = Identity {
            collection: &self.collection,
            source: &self.arrival.source,
            bytes: Digest::of(&self.bytes),
            generation: self.generation,
        };
        let secret = vault.secrets.collection_secret(&self.collection);
        Ok(secret.document_id(&canonical::to_bytes(&identity)?))
    }
}

/// The settings of a reception: none. Their digest is the same everywhere.
///
/// # Errors
/// Never; the type says so because JSON can fail in general.
pub fn receive_settings() -> Result<(Digest, Vec<u8>), Error> {
    let none = RunSettings {
        settings: serde_json::json!({}),
        models: Vec::new(),
    };
    Ok(none.sealed()?)
}

/// Seals and stores what arrived and prepares its admission. `None` when it is already here.
///
/// The blobs are durable before anything names them; a crash in between leaves only bytes that the
/// next attempt writes again.
///
/// # Errors
/// When the ledger or the store does not answer.
pub async fn prepare(
    vault: &Vault,
    incoming: &Incoming,
    clock: &dyn Clock,
    build: &Build,
) -> Result<(DocumentId, Option<Admission>), Error> {
    let id = incoming.id(vault)?;
    if vault.ledger.document(id).await?.is_some() {
        return Ok((id, None));
    }
    let started = clock.now();
    let subject = SubjectId::from(id);
    let envelope = vault
        .secrets
        .new_envelope(subject)
        .map_err(|e| Error::Random(e.into()))?;
    let raw = vault.write(subject, &envelope, &incoming.bytes).await?;
    let arrival = vault
        .write(subject, &envelope, &canonical::to_bytes(&incoming.arrival)?)
        .await?;
    let (settings, _) = receive_settings()?;
    let activity = receive();
    let identity = RunIdentity {
        activity: &activity,
        version: RECEIVE_VERSION,
        inputs: &[raw, arrival],
        input_runs: &[],
        period: None,
        settings,
    };
    let run_key = envelope.run_key(&canonical::to_bytes(&identity)?);
    let received = vec![
        Named {
            kind: Kind::Raw,
            name: raw,
        },
        Named {
            kind: Kind::Arrival,
            name: arrival,
        },
    ];
    let statement = Statement {
        subject,
        activity: activity.clone(),
        agent: Agent::Software {
            version: RECEIVE_VERSION,
        },
        run_key,
        generation: 0,
        // What came in is what is kept.
        inputs: received.clone(),
        input_runs: Vec::new(),
        period: None,
        settings,
        models: Vec::new(),
        outcome: RunOutcome::Done,
        reason: None,
        outputs: received,
        children: Vec::new(),
        quality: None,
    };
    let now = clock.now();
    let record = Record::new(statement, build.circumstances(started, now, 1, false));
    let secret = vault.secrets.collection_secret(&incoming.collection);
    let parent = match &incoming.arrival.source {
        Source::Part { parent, .. } => Some(*parent),
        Source::External(_) | Source::Path(_) => None,
    };
    let state = if incoming.first_stage.is_some() {
        DocumentState::Processing
    } else {
        DocumentState::Done
    };
    let admission = Admission {
        document: DocumentRow {
            id,
            collection: incoming.collection.clone(),
            pipeline: incoming.pipeline.clone(),
            parent,
            duplicate_of: None,
            received_at: incoming.arrival.received_at,
            admitted_at: now,
            state,
            route: None,
            raw,
            arrival,
        },
        envelope: envelope.wrap(vault.secrets.master_key(), subject),
        name_code: secret.external_mac(incoming.arrival.source.name()),
        content_code: secret.content_mac(&Digest::of(&incoming.bytes)),
        record: NewRecord {
            run_key,
            generation: 0,
            subject,
            activity,
            outcome: RunOutcome::Done,
            bytes: record.to_bytes()?,
        },
        task: incoming.first_stage.clone().map(|stage| Task {
            document: subject,
            pipeline: incoming.pipeline.clone(),
            stage,
            generation: 0,
            class: incoming.class,
        }),
    };
    Ok((id, Some(admission)))
}

/// Lets a document enter.
///
/// # Errors
/// When the ledger or the store does not answer.
pub async fn admit(
    vault: &Vault,
    incoming: &Incoming,
    clock: &dyn Clock,
    build: &Build,
) -> Result<(DocumentId, Admitted), Error> {
    match prepare(vault, incoming, clock, build).await? {
        (id, None) => Ok((id, Admitted::Existing)),
        (id, Some(admission)) => Ok((id, vault.ledger.admit(&admission).await?)),
    }
}

//! Reconcilers: what is made of a period, in editions that are never changed.

use domain::canonical;
use domain::record::Record;
use domain::{
    Agent, CollectionName, Kind, ModelRef, Named, PipelineName, RunKey, RunOutcome, StageName,
    Statement, SubjectId,
};
use serde::Serialize;

use crate::circumstances::{Build, Clock};
use crate::error::Error;
use crate::ledger::{Edition, NewRecord};
use crate::stage::{RunIdentity, RunSettings};
use crate::vault::Vault;

/// What a reconciler is about to make.
#[derive(Clone, Debug)]
pub struct Making {
    /// The reconciler.
    pub reconciler: StageName,
    /// Raised whenever its output may change.
    pub version: u32,
    /// The pipeline whose documents it reads.
    pub pipeline: PipelineName,
    /// The collection they belong to.
    pub collection: CollectionName,
    /// The period: `2026-W47`.
    pub period: String,
    /// The runs it reads. Sorted here: order is not an input.
    pub input_runs: Vec<RunKey>,
    /// Resolved settings.
    pub settings: serde_json::Value,
    /// Models that take part.
    pub models: Vec<ModelRef>,
    /// What it makes.
    pub kind: Kind,
}

/// An edition, and whether it was there already.
#[derive(Clone, Debug)]
pub struct Made {
    /// The edition.
    pub edition: Edition,
    /// Its artifact.
    pub bytes: Vec<u8>,
    /// It was made now; otherwise the same inputs had already made it.
    pub new: bool,
}

#[derive(Serialize)]
struct Series<'a> {
    reconciler: &'a StageName,
    pipeline: &'a PipelineName,
    period: &'a str,
}

/// The subject whose envelope the editions of a series share.
///
/// # Errors
/// Never for these values; the type says so because JSON can fail in general.
pub fn series(
    vault: &Vault,
    collection: &CollectionName,
    reconciler: &StageName,
    pipeline: &PipelineName,
    period: &str,
) -> Result<SubjectId, Error> {
    let bytes = canonical::to_bytes(&Series {
        reconciler,
        pipeline,
        period,
    })?;
    let id = vault
        .secrets
        .collection_secret(collection)
        .document_id(&bytes);
    Ok(SubjectId::from_bytes(*id.as_bytes()))
}

/// The edition that these inputs make: the one there is, or a new one.
///
/// # Errors
/// When the ledger or the store does not answer, another edition took the number meanwhile (a
/// passing error: trying again gives the next), or `make` fails.
pub async fn publish<E: From<Error>>(
    vault: &Vault,
    making: Making,
    clock: &dyn Clock,
    build: &Build,
    make: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<Made, E> {
    let Making {
        reconciler,
        version,
        pipeline,
        collection,
        period,
        mut input_runs,
        ..
    } = making;
    let started = clock.now();
    let subject = series(vault, &collection, &reconciler, &pipeline, &period)?;
    let envelope = vault.envelope_or_new(subject).await?;
    input_runs.sort();
    input_runs.dedup();
    let mut models = making.models;
    models.sort();
    let settings = RunSettings {
        settings: making.settings,
        models: models.clone(),
    }
    .sealed()
    .map_err(Error::from)?;
    let identity = RunIdentity {
        activity: &reconciler,
        version,
        inputs: &[],
        input_runs: &input_runs,
        period: Some(&period),
        settings: settings.0,
    };
    let run_key = envelope.run_key(&canonical::to_bytes(&identity).map_err(Error::from)?);
    let editions = vault
        .ledger
        .editions(&reconciler, &pipeline, Some(&period))
        .await
        .map_err(Error::from)?;
    if let Some(edition) = editions.iter().find(|e| e.run_key == run_key) {
        let bytes = vault.read(subject, &envelope, edition.artifact).await?;
        return Ok(Made {
            edition: edition.clone(),
            bytes,
            new: false,
        });
    }
    let bytes = make()?;
    let artifact = vault.write(subject, &envelope, &bytes).await?;
    let statement = Statement {
        subject,
        activity: reconciler.clone(),
        agent: Agent::Software { version },
        run_key,
        generation: 0,
        inputs: Vec::new(),
        input_runs,
        period: Some(period.clone()),
        settings: settings.0,
        models,
        outcome: RunOutcome::Done,
        reason: None,
        outputs: vec![Named {
            kind: making.kind,
            name: artifact,
        }],
        children: Vec::new(),
        quality: None,
    };
    let made_at = clock.now();
    let has_models = !statement.models.is_empty();
    let circumstances = build.circumstances(started, made_at, 1, has_models);
    let record = NewRecord {
        run_key,
        generation: 0,
        subject,
        activity: reconciler.clone(),
        outcome: RunOutcome::Done,
        bytes: Record::new(statement, circumstances)
            .to_bytes()
            .map_err(Error::from)?,
    };
    let edition = Edition {
        subject,
        reconciler,
        pipeline,
        period,
        number: editions.iter().map(|e| e.number).max().unwrap_or(0) + 1,
        run_key,
        artifact,
        made_at,
    };
    if vault
        .ledger
        .publish_edition(&edition, &record, &settings)
        .await
        .map_err(Error::from)?
    {
        return Ok(Made {
            edition,
            bytes,
            new: true,
        });
    }
    // Someone else made the same meanwhile: theirs is the edition.
    let editions = vault
        .ledger
        .editions(
            &edition.reconciler,
            &edition.pipeline,
            Some(&edition.period),
        )
        .await
        .map_err(Error::from)?;
    let theirs = editions.into_iter().find(|e| e.run_key == run_key);
    Ok(Made {
        edition: theirs.unwrap_or(edition),
        bytes,
        new: false,
    })
}

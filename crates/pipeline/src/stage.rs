//! A stage: `output = stage(inputs, version, models, settings)`.

use std::collections::BTreeMap;

use domain::canonical::{self, CanonicalError};
use domain::{ArtifactName, Digest, Kind, ModelRef, Quality, StageName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ledger::RouteView;

/// A stage, ready to work: its settings are resolved and its models loaded.
///
/// A stage takes values and returns values. It opens nothing, asks no clock, draws no random
/// number, and gives the same output for the same inputs on any thread.
pub trait Stage: Send + Sync {
    /// Its name in pipeline files and records, a verb.
    fn name(&self) -> StageName;

    /// Raised whenever the output may change for some input.
    fn version(&self) -> u32;

    /// What it reads, in the order in which records list it.
    fn inputs(&self) -> &'static [Kind];

    /// What it writes, in the order in which records list it.
    fn outputs(&self) -> &'static [Kind];

    /// Its resolved settings: defaults included, unused ones excluded.
    fn settings(&self) -> &serde_json::Value;

    /// The models that take part, by role.
    fn models(&self) -> Vec<ModelRef>;

    /// What an input must say for the stage to concern the document at all. Where it does not, the
    /// stage is passed over: there is nothing to do, hence nothing to record.
    fn condition(&self) -> Option<Condition> {
        None
    }

    /// How many of its messages a queue hands to one working thread before it hears back: 1 where a
    /// document takes seconds, so that none waits behind another while a second machine is idle.
    fn prefetch(&self) -> u16 {
        8
    }

    /// Does the work.
    ///
    /// # Errors
    /// See [`Fault`]. A panic is a bug, and is treated as [`Fault::Quarantine`].
    fn run(&self, inputs: &Inputs) -> Result<Output, Fault>;

    /// Where the document goes, as lists need it, read from what the stage wrote. Only the stage
    /// that decides says something.
    fn route(&self, _artifacts: &[(Kind, Vec<u8>)]) -> Option<RouteView> {
        None
    }
}

/// When a stage concerns a document.
#[derive(Clone, Copy)]
pub struct Condition {
    /// The input to look at, one of those the stage declares.
    pub kind: Kind,
    /// Whether these bytes say that there is something to do. What cannot be read concerns the
    /// stage: it will say so.
    pub holds: fn(&[u8]) -> bool,
}

/// What a stage reads.
#[derive(Debug, Default)]
pub struct Inputs {
    items: BTreeMap<Kind, (ArtifactName, Vec<u8>)>,
}

impl Inputs {
    /// Adds one input.
    pub fn insert(&mut self, kind: Kind, name: ArtifactName, bytes: Vec<u8>) {
        self.items.insert(kind, (name, bytes));
    }

    /// The bytes of an input the stage declared.
    ///
    /// # Errors
    /// When it is not there: the pipeline file orders the stages wrongly.
    pub fn bytes(&self, kind: Kind) -> Result<&[u8], Fault> {
        self.items
            .get(&kind)
            .map(|(_, bytes)| bytes.as_slice())
            .ok_or_else(|| Fault::broken(kind, "is absent"))
    }

    /// The name of an input the stage declared.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn name(&self, kind: Kind) -> Result<ArtifactName, Fault> {
        self.items
            .get(&kind)
            .map(|(name, _)| *name)
            .ok_or_else(|| Fault::broken(kind, "is absent"))
    }

    /// An input in JSON.
    ///
    /// # Errors
    /// When it is not there or is not a `T`.
    pub fn json<T: DeserializeOwned>(&self, kind: Kind) -> Result<T, Fault> {
        serde_json::from_slice(self.bytes(kind)?).map_err(|e| Fault::broken(kind, &e.to_string()))
    }

    /// An input in UTF-8.
    ///
    /// # Errors
    /// When it is not there or is not UTF-8.
    pub fn text(&self, kind: Kind) -> Result<&str, Fault> {
        std::str::from_utf8(self.bytes(kind)?).map_err(|e| Fault::broken(kind, &e.to_string()))
    }
}

/// What a stage writes.
#[derive(Debug, Default)]
pub struct Output {
    /// Artifacts, in the order of [`Stage::outputs`].
    pub artifacts: Vec<(Kind, Vec<u8>)>,
    /// Documents found within this one.
    pub children: Vec<Child>,
    /// How well the document was read, from a stage that reads.
    pub quality: Option<Quality>,
}

impl Output {
    /// One artifact and nothing else.
    pub fn of(kind: Kind, bytes: Vec<u8>) -> Self {
        Self {
            artifacts: vec![(kind, bytes)],
            children: Vec::new(),
            quality: None,
        }
    }

    /// One artifact in canonical JSON and nothing else.
    ///
    /// # Errors
    /// When `value` has no canonical form.
    pub fn json<T: Serialize>(kind: Kind, value: &T) -> Result<Self, Fault> {
        Ok(Self::of(kind, canonical::to_bytes(value)?))
    }
}

/// A document found within another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Which part of the parent.
    pub part: String,
    /// Its file name.
    pub name: String,
    /// Its media type as the parent declares it.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why a stage has no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something is missing now that may be there later. Never recorded.
    #[error("{reason}: to be tried again in {after_seconds} s")]
    RetryAfter {
        /// How long to wait.
        after_seconds: u32,
        /// A stable code: `needs-ocr`.
        reason: String,
        /// Whether the stages that follow may go on meanwhile with what earlier stages wrote. They
        /// run again once this one is done.
        go_on: bool,
    },
    /// There will be no output without a person. Recorded.
    #[error("{reason}: {detail}")]
    Quarantine {
        /// A stable code: `time-limit`, `memory-limit`, `crashed`.
        reason: String,
        /// For the log, never of the document's content.
        detail: String,
    },
}

impl Fault {
    fn broken(kind: Kind, what: &str) -> Self {
        Self::Quarantine {
            reason: "broken-input".into(),
            detail: format!("input {} {what}", kind.as_str()),
        }
    }
}

impl From<CanonicalError> for Fault {
    fn from(error: CanonicalError) -> Self {
        Self::Quarantine {
            reason: "broken-output".into(),
            detail: error.to_string(),
        }
    }
}

/// The settings that a run key and a record name by their digest: the resolved settings of the
/// stage with the digests of its models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Resolved settings.
    pub settings: serde_json::Value,
    /// Models that take part.
    pub models: Vec<ModelRef>,
}

impl RunSettings {
    /// Of a stage.
    pub fn of(stage: &dyn Stage) -> Self {
        let mut models = stage.models();
        models.sort();
        Self {
            settings: stage.settings().clone(),
            models,
        }
    }

    /// Their canonical bytes and digest.
    ///
    /// # Errors
    /// When the settings have no canonical form.
    pub fn sealed(&self) -> Result<(Digest, Vec<u8>), CanonicalError> {
        let bytes = canonical::to_bytes(self)?;
        Ok((Digest::of(&bytes), bytes))
    }
}

/// What a run key is the keyed hash of.
#[derive(Debug, Serialize)]
pub struct RunIdentity<'a> {
    /// The stage, reconciler or act.
    pub activity: &'a StageName,
    /// Its version.
    pub version: u32,
    /// Names of the artifacts read, in declared order.
    pub inputs: &'a [ArtifactName],
    /// Runs of other subjects that were read, sorted.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub input_runs: &'a [domain::RunKey],
    /// The period, for a reconciler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<&'a str>,
    /// Digest of the settings with the models' digests.
    pub settings: Digest,
}

//! Provenance records: the memo, the audit trail and the proof of every run and every act.
//!
//! A record is a *statement*, which replay compares, and its *circumstances*, which it never does.
//! Its bytes are RFC 8785 JSON without floats, `format` first, stored verbatim and never rewritten;
//! every past format keeps a golden file in `crates/domain/tests/golden`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::act::{Act, ActFormat, Verdict};
use crate::canonical::{self, CanonicalError};
use crate::{ArtifactName, Digest, DocumentId, PersonId, RunKey, StageName, SubjectId, Timestamp};

/// What an artifact is to the run that reads or writes it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The bytes as received.
    Raw,
    /// How it was received ([`Arrival`](crate::Arrival)).
    Arrival,
    /// The stored text.
    Text,
    /// Pages, fields, attachments, notes ([`Layout`](crate::Layout)).
    Layout,
    /// Passages ([`PassageSet`](crate::PassageSet)).
    Passages,
    /// What tells nearly equal texts ([`Sketch`](crate::Sketch)).
    Sketch,
    /// Vectors of the passages ([`VectorSet`](crate::passage::VectorSet)).
    Vectors,
    /// What a classifier says ([`Classification`](crate::decision::Classification)).
    Classification,
    /// What is missing ([`Completeness`](crate::Completeness)).
    Completeness,
    /// Where it should go ([`Decision`](crate::Decision)).
    Decision,
    /// What a person did ([`Act`]).
    Act,
    /// A synthesis.
    Synthesis,
    /// The alerts of a period.
    Alerts,
    /// The themes of a week, learnt and followed.
    Themes,
    /// What a person decided of a theme.
    ThemeAct,
    /// What a person did with an alert ([`AlertAct`](crate::AlertAct)).
    AlertAct,
    /// Who was told of an alert ([`AlertNotice`](crate::AlertNotice)).
    AlertNotice,
}

impl Kind {
    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Arrival => "arrival",
            Self::Text => "text",
            Self::Layout => "layout",
            Self::Passages => "passages",
            Self::Sketch => "sketch",
            Self::Vectors => "vectors",
            Self::Classification => "classification",
            Self::Completeness => "completeness",
            Self::Decision => "decision",
            Self::Act => "act",
            Self::Synthesis => "synthesis",
            Self::Alerts => "alerts",
            Self::Themes => "themes",
            Self::ThemeAct => "theme-act",
            Self::AlertAct => "alert-act",
            Self::AlertNotice => "alert-notice",
        }
    }
}

/// An artifact and what it is to the run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: ArtifactName,
}

/// A model that took part in a run.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ModelRef {
    /// `encoder`, `head`.
    pub role: String,
    /// Digest of a manifest over all its files and settings.
    pub digest: Digest,
}

/// Who or what acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Agent {
    /// This software.
    Software {
        /// The stage's, follower's or reconciler's version, raised when its output may change.
        version: u32,
    },
    /// A named person.
    Person {
        /// Keyed pseudonym; the name is in the act, which can be erased.
        id: PersonId,
        /// Whether the person had signed in.
        authenticated: bool,
    },
}

/// How a run ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// There is an output.
    Done,
    /// There is none, and there will be none without a person.
    Quarantine,
}

/// What is claimed: equal inputs, version, models and settings give an equal statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Whose envelope the names belong to.
    pub subject: SubjectId,
    /// `receive`, a stage, a reconciler, or an act such as `review`.
    pub activity: StageName,
    /// Who acted.
    pub agent: Agent,
    /// The run's key.
    pub run_key: RunKey,
    /// 0, raised when a person asks for another try.
    pub generation: u32,
    /// What was read, in the order of the stage's declaration.
    pub inputs: Vec<Named>,
    /// Runs of other subjects that were read, sorted: a reconciler's inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_runs: Vec<RunKey>,
    /// The period, for a reconciler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Digest of the resolved settings.
    pub settings: Digest,
    /// Models that took part, by role.
    pub models: Vec<ModelRef>,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why, when quarantined: a stable code such as `time-limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was written, in the order of the stage's declaration.
    pub outputs: Vec<Named>,
    /// Documents found within this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<DocumentId>,
    /// How well the document was read, by the stages that read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<crate::Quality>,
}

/// What is never compared: when, where, at which attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// From 1.
    pub attempt: u32,
    /// Version of the binary: `greffier 0.1.0`.
    pub build: String,
    /// `x86_64-linux`.
    pub platform: String,
    /// Version of the inference runtime, where models took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
}

/// A record, as read. What is stored is its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// `greffier.record/1`.
    format: RecordFormat,
    /// The two parts, under one key so that `format` comes first in canonical order.
    record: Parts,
}

/// The version of the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecordFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.record/1")]
    V1,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parts {
    circumstances: Circumstances,
    statement: Statement,
}

/// Bytes that are not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not the JSON of a known format.
    #[error("not a record of a known format")]
    Unreadable(#[source] serde_json::Error),
    /// A record, but not in canonical form: some byte was changed.
    #[error("record of run {0} is not in canonical form")]
    NotCanonical(RunKey),
}

impl Record {
    /// A record of the current format.
    pub fn new(statement: Statement, circumstances: Circumstances) -> Self {
        Self {
            format: RecordFormat::V1,
            record: Parts {
                circumstances,
                statement,
            },
        }
    }

    /// What is claimed.
    pub const fn statement(&self) -> &Statement {
        &self.record.statement
    }

    /// When, where, at which attempt.
    pub const fn circumstances(&self) -> &Circumstances {
        &self.record.circumstances
    }

    /// The bytes that are stored and hashed.
    ///
    /// # Errors
    /// Never for a record built here; the type says so because JSON can fail in general.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Reads stored bytes, refusing any that are not exactly what [`to_bytes`](Self::to_bytes) gives.
    ///
    /// # Errors
    /// When the bytes are not a record, or not its canonical form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_slice(bytes).map_err(RecordError::Unreadable)?;
        match record.to_bytes() {
            Ok(canonical) if canonical == bytes => Ok(record),
            _ => Err(RecordError::NotCanonical(record.record.statement.run_key)),
        }
    }
}

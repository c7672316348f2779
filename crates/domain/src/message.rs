//! Messages on queues: CloudEvents 1.0 in JSON, which carry references and never content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PipelineName, StageName, SubjectId};

/// How soon a task must be done; each class has its own queue.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Someone waits.
    Urgent,
    /// The day's mail.
    #[default]
    Normal,
    /// Archives, reprocessing.
    Bulk,
}

impl Class {
    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

impl std::str::FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        match text {
            "urgent" => Ok(Self::Urgent),
            "normal" => Ok(Self::Normal),
            "bulk" => Ok(Self::Bulk),
            other => Err(UnknownClass(other.to_owned())),
        }
    }
}

/// A text that is not a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class: expected urgent, normal or bulk")]
pub struct UnknownClass(String);

/// What is to do: one stage on one document.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The document.
    pub document: SubjectId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// The stage to run.
    pub stage: StageName,
    /// 0, raised when a person asks for another try.
    pub generation: u32,
    /// How soon.
    pub class: Class,
}

/// A task as a CloudEvent (CloudEvents 1.0, structured JSON mode).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskEvent {
    /// `1.0`.
    pub specversion: SpecVersion,
    /// Unique with `source`: document, stage and generation.
    pub id: String,
    /// `/greffier/` and the pipeline.
    pub source: String,
    /// `greffier.task`.
    #[serde(rename = "type")]
    pub kind: TaskEventType,
    /// `application/json`.
    pub datacontenttype: JsonContentType,
    /// The document.
    pub subject: String,
    /// What is to do.
    pub data: Task,
}

/// The CloudEvents version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpecVersion {
    /// CloudEvents 1.0.
    #[default]
    #[serde(rename = "1.0")]
    V1,
}

/// The type of a task event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaskEventType {
    /// A stage to run.
    #[default]
    #[serde(rename = "greffier.task")]
    Task,
}

/// The content type of the data of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JsonContentType {
    /// JSON.
    #[default]
    #[serde(rename = "application/json")]
    Json,
}

impl From<Task> for TaskEvent {
    fn from(task: Task) -> Self {
        Self {
            specversion: SpecVersion::V1,
            id: format!("{}/{}/{}", task.document, task.stage, task.generation),
            source: format!("/greffier/{}", task.pipeline),
            kind: TaskEventType::Task,
            datacontenttype: JsonContentType::Json,
            subject: task.document.to_string(),
            data: task,
        }
    }
}

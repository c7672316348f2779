//! Messages on queues: CloudEvents 1.0 in JSON, which carry references and never content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, PipelineName, StageName, SubjectId};

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
    /// The trace it belongs to, as W3C Trace Context writes it: one trace a document, one span a
    /// stage and generation, both told from the ids, so that a repeated message names the same span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
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
            traceparent: Some(Trace::of(&task).parent()),
            data: task,
        }
    }
}

/// The ids of a task in a distributed trace, as W3C Trace Context writes them. They are told from
/// the task, so that whoever handles it, and however often, names the same span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The document's id: one trace a document.
    pub trace_id: String,
    /// The first bytes of the digest of document, stage and generation.
    pub span_id: String,
}

impl Trace {
    /// That of a task.
    pub fn of(task: &Task) -> Self {
        Self::of_step(task.document, task.stage.as_str(), task.generation)
    }

    /// That of a step in the life of a document that is no task: `receive`, `index`.
    pub fn of_step(document: SubjectId, step: &str, generation: u32) -> Self {
        let trace_id = document.hex();
        let digest = Digest::of(format!("{trace_id}/{step}/{generation}").as_bytes());
        let bytes = digest.as_bytes()[..8].iter();
        let span_id = bytes.map(|byte| format!("{byte:02x}")).collect();
        Self { trace_id, span_id }
    }

    /// `00-<trace>-<span>-01`.
    fn parent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stage: &str) -> TaskEvent {
        Task {
            document: SubjectId::from_bytes([7; 16]),
            pipeline: "forms".parse().unwrap(),
            stage: stage.parse().unwrap(),
            generation: 0,
            class: Class::Normal,
        }
        .into()
    }

    #[test]
    fn a_document_is_one_trace_and_each_stage_a_span_of_it() {
        let parts = |stage: &str| {
            let trace = event(stage).traceparent.unwrap();
            let parts: Vec<String> = trace.split('-').map(str::to_owned).collect();
            <[String; 4]>::try_from(parts).unwrap()
        };
        let [version, trace, span, flags] = parts("extract");
        assert_eq!((version.as_str(), flags.as_str()), ("00", "01"));
        assert_eq!(trace, "07".repeat(16));
        assert_eq!(span.len(), 16);
        assert_eq!(
            parts("extract")[2],
            span,
            "a repeated message is the same span"
        );
        assert_eq!(parts("split")[1], trace);
        assert_ne!(parts("split")[2], span);
    }

    #[test]
    fn a_message_of_before_traces_is_still_read() {
        let mut old = serde_json::to_value(event("extract")).unwrap();
        old.as_object_mut().unwrap().remove("traceparent");
        let read: TaskEvent = serde_json::from_value(old).unwrap();
        assert_eq!(read.data, event("extract").data);
    }
}

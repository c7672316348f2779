//! What other software says to the house, and hears from it: CloudEvents 1.0 in JSON.
//!
//! What it says may bring a document, or tell where one lies. What it hears carries references and
//! decisions, and never content or the name of a person.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::AlertKind;
use crate::message::{JsonContentType, SpecVersion};
use crate::{
    AlertId, ArtifactName, Digest, DocumentId, Outcome, PipelineName, RunKey, ServiceId, StageName,
    SubjectId, Timestamp,
};

/// A document that other software hands in. Attributes of CloudEvents beyond these are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntakeEvent {
    /// `1.0`.
    pub specversion: SpecVersion,
    /// Unique with `source`. The same pair again is the same arrival.
    pub id: String,
    /// The software that hands it in, as a URI reference: `/teleservices/etat-civil`.
    pub source: String,
    /// `greffier.document.submitted`.
    #[serde(rename = "type")]
    pub kind: IntakeEventType,
    /// `application/json`.
    pub datacontenttype: JsonContentType,
    /// The document.
    pub data: Submission,
}

/// The type of an intake event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IntakeEventType {
    /// A document is handed in.
    #[default]
    #[serde(rename = "greffier.document.submitted")]
    Submitted,
}

/// A document as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The pipeline it goes through.
    pub pipeline: PipelineName,
    /// The name that people know it by. Without one, the id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// When it was received: RFC 3339, or a date or local time of the pipeline's zone. Without it,
    /// now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// guichet, courrier, recommande, courriel, teleservice, api. Without it, api.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Anything else: place, team.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// What it holds, or where that lies.
    pub content: SubmittedContent,
}

/// The content of a document that is handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SubmittedContent {
    /// Its bytes, in base64 (RFC 4648, with padding). For small ones: others are claimed.
    Inline(String),
    /// A file in the folder that both share (`greffier intake --claims DIR`), with what it must be.
    Claim {
        /// Its path in that folder.
        path: String,
        /// The digest of its bytes.
        sha256: Digest,
    },
    /// A report as a JSON object, for pipelines that take rows: its names are those of the columns in
    /// the pipeline file.
    Row(serde_json::Map<String, serde_json::Value>),
}

/// The message that brought a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntakeRef {
    /// The software that handed it in, as it calls itself.
    pub source: String,
    /// Its message.
    pub id: String,
}

/// Something that happened, told to whoever asked to hear of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultEvent {
    /// `1.0`.
    pub specversion: SpecVersion,
    /// Unique with `source`, and the same when it is told again: run and generation, or the message
    /// that was refused.
    pub id: String,
    /// `/greffier/` and the pipeline.
    pub source: String,
    /// `application/json`.
    pub datacontenttype: JsonContentType,
    /// The document, or the series of editions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum Happened {
    /// A document entered.
    #[serde(rename = "greffier.document.received")]
    DocumentReceived(DocumentReceived),
    /// A message brought no document: it is parked.
    #[serde(rename = "greffier.document.refused")]
    DocumentRefused(DocumentRefused),
    /// A document was routed, by itself or to a person.
    #[serde(rename = "greffier.document.routed")]
    DocumentRouted(DocumentRouted),
    /// A person decided about a document.
    #[serde(rename = "greffier.document.decided")]
    DocumentDecided(DocumentDecided),
    /// A document was set aside: a person is needed.
    #[serde(rename = "greffier.document.set-aside")]
    DocumentSetAside(DocumentSetAside),
    /// Alerts of a period were written.
    #[serde(rename = "greffier.alert.raised")]
    AlertRaised(AlertRaised),
    /// The synthesis of a period was written.
    #[serde(rename = "greffier.synthesis.published")]
    SynthesisPublished(EditionWritten),
}

impl Happened {
    /// The routing key on the exchange of results: the type without `greffier.`.
    pub const fn routing_key(&self) -> &'static str {
        match self {
            Self::DocumentReceived(_) => "document.received",
            Self::DocumentRefused(_) => "document.refused",
            Self::DocumentRouted(_) => "document.routed",
            Self::DocumentDecided(_) => "document.decided",
            Self::DocumentSetAside(_) => "document.set-aside",
            Self::AlertRaised(_) => "alert.raised",
            Self::SynthesisPublished(_) => "synthesis.published",
        }
    }
}

/// Which document, and the record that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentRef {
    /// The document.
    pub document: DocumentId,
    /// The message that brought it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intake: Option<IntakeRef>,
    /// The run that is recorded.
    pub run: RunKey,
    /// Its generation.
    pub generation: u32,
    /// Its leaf in the log, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// A document entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentReceived {
    /// Which.
    #[serde(flatten)]
    pub of: DocumentRef,
    /// The document it was found in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<DocumentId>,
    /// The first document with the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<DocumentId>,
}

/// A message brought no document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentRefused {
    /// The message.
    pub intake: IntakeRef,
    /// Why, as a stable word.
    pub reason: String,
    /// Why, and what to do, in English.
    pub detail: String,
}

/// A document was routed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentRouted {
    /// Which.
    #[serde(flatten)]
    pub of: DocumentRef,
    /// What became of it, as lists show it.
    pub outcome: Outcome,
    /// The service proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
}

/// A person decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentDecided {
    /// Which.
    #[serde(flatten)]
    pub of: DocumentRef,
    /// The service that answers; none where another authority does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    /// Those that have something to do too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<ServiceId>,
    /// Those that have a copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<ServiceId>,
    /// Whether whoever wrote is still to be told that another authority is competent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_tell: bool,
}

/// A document was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentSetAside {
    /// Which.
    #[serde(flatten)]
    pub of: DocumentRef,
    /// The stage that gave up.
    pub stage: StageName,
    /// Why, as a stable word.
    pub reason: String,
}

/// Alerts were written, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRaised {
    /// Where they stand.
    #[serde(flatten)]
    pub edition: EditionWritten,
    /// How many there are of each kind.
    pub alerts: BTreeMap<AlertKind, u64>,
    /// The one that a person is told of, where this is told to a person rather than of an edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertRef>,
}

/// One alert, as its recipient's software hears of it: what it is, and where it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRef {
    /// The alert.
    pub id: AlertId,
    /// Its kind.
    pub kind: AlertKind,
    /// Whether the law has it passed on at once (CASF, art. L226-2-1).
    pub without_delay: bool,
    /// 0 for whoever is on duty; more once it was escalated.
    pub level: u32,
    /// Its page, where the address of the pages is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// An edition was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EditionWritten {
    /// Of what: `2026-W47`.
    pub period: String,
    /// From 1; a late arrival makes the next.
    pub number: u32,
    /// What was written.
    pub artifact: ArtifactName,
    /// The run that wrote it.
    pub run: RunKey,
    /// Its leaf in the log.
    pub leaf: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_software_sends_is_read() {
        let event: IntakeEvent = serde_json::from_str(
            r#"{"specversion": "1.0", "id": "42", "source": "/teleservices", "time": "2026-11-26T08:00:00Z",
                "type": "greffier.document.submitted", "datacontenttype": "application/json",
                "data": {"pipeline": "forms", "file_name": "lettre.txt", "content": {"inline": "Qm9uam91cg=="}}}"#,
        )
        .unwrap();
        assert_eq!(
            event.data.content,
            SubmittedContent::Inline("Qm9uam91cg==".into())
        );
        assert_eq!(event.data.channel, None);
    }

    #[test]
    fn a_result_is_one_flat_event_that_is_read_back() {
        let event = ResultEvent {
            specversion: SpecVersion::V1,
            id: "x/0".into(),
            source: "/greffier/forms".into(),
            datacontenttype: JsonContentType::Json,
            subject: Some(SubjectId::from_bytes([7; 16])),
            time: "2026-11-26T08:00:00Z".parse().unwrap(),
            what: Happened::DocumentRouted(DocumentRouted {
                of: DocumentRef {
                    document: DocumentId::from_bytes([7; 16]),
                    intake: None,
                    run: RunKey::from_bytes([1; 32]),
                    generation: 0,
                    leaf: Some(3),
                },
                outcome: Outcome::Review,
                service: None,
            }),
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["type"], "greffier.document.routed");
        assert_eq!(json["data"]["outcome"], "review");
        assert_eq!(json["data"]["leaf"], 3);
        let key = json["type"].as_str().unwrap();
        assert_eq!(
            key.strip_prefix("greffier."),
            Some(event.what.routing_key())
        );
        let back: ResultEvent = serde_json::from_value(json).unwrap();
        assert_eq!(back, event);
    }
}

//! Why a document was routed so: the four points of French law, from the record alone.
//!
//! CRPA R311-3-1-2 (décret 2017-330 du 14 mars 2017): degree and mode of contribution of the
//! processing to the decision; data processed and their sources; parameters and, where relevant,
//! their weights, applied to the person; operations carried out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::Lang;
use crate::{
    Digest, DocumentId, ModelRef, Outcome, Probability, RunKey, ServiceId, StageName, Timestamp,
};

/// The explanation of one routing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// `greffier.explanation/1`.
    pub format: ExplanationFormat,
    /// The document.
    pub document: DocumentId,
    /// The name people know it by.
    pub name: String,
    /// The language of the sentences.
    pub lang: Lang,
    /// 1. Degree and mode of contribution.
    pub contribution: Contribution,
    /// 2. Data processed and their sources.
    pub data: Vec<DataSource>,
    /// 3. Parameters and their weights.
    pub parameters: Vec<Parameter>,
    /// 4. Operations carried out, in order.
    pub operations: Vec<Operation>,
}

/// The version of the explanation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExplanationFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.explanation/1")]
    V1,
}

/// What the processing contributed, and what a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// What was proposed.
    pub outcome: Outcome,
    /// The service proposed.
    pub proposed: Option<ServiceId>,
    /// The service it went to, once decided.
    pub decided: Option<ServiceId>,
    /// Who decided, if a person did.
    pub decided_by: Option<String>,
    /// In words.
    pub sentences: Vec<String>,
}

/// Something that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// What, in words.
    pub what: String,
    /// From where, in words.
    pub source: String,
}

/// A parameter that weighed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What, in words: a rule, a word of the text, the threshold.
    pub what: String,
    /// Its value or weight, in words.
    pub value: String,
    /// A probability, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Probability>,
}

/// One recorded operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Which.
    pub activity: StageName,
    /// In words.
    pub what: String,
    /// Version of the stage; absent for a person's act.
    pub version: Option<u32>,
    /// When it ended.
    pub at: Timestamp,
    /// The run, for `replay` and `proof`.
    pub run_key: RunKey,
    /// Leaf index in the log, once sequenced.
    pub leaf_index: Option<u64>,
    /// Digest of the settings.
    pub settings: Digest,
    /// Models that took part.
    pub models: Vec<ModelRef>,
}

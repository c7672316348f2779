//! What someone must see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::synthesis::Period;
use crate::{AlertId, PipelineName, Sentence, Timestamp};

/// What kind of alert, most pressing first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// A child may be in danger: without delay (CASF L226-2-1).
    ChildInDanger,
    /// A report that cannot wait.
    Urgent,
    /// A theme that is never ignored.
    WatchedTheme,
    /// Several mentions at one place.
    RepeatedMentions,
    /// More than the history explains.
    Rising,
    /// Never seen before.
    NewTheme,
}

/// One alert, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Stable from one edition to the next.
    pub id: AlertId,
    /// What kind.
    pub kind: AlertKind,
    /// What it is about: a theme, or the name of a report.
    pub about: String,
    /// The place, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// When the first of its evidence was received.
    pub since: Timestamp,
    /// What is said.
    pub statement: Sentence,
    /// The quotes it rests on; a report without a note has none, and the statement names it.
    pub evidence: Vec<Sentence>,
    /// What it rests on, in the pipeline file's words: the rule, the lexicon, the bound.
    pub basis: String,
    /// To whom it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

/// The alerts of one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertSet {
    /// `greffier.alerts/1`.
    pub format: AlertSetFormat,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The period.
    pub period: Period,
    /// Most pressing first.
    pub alerts: Vec<Alert>,
}

/// The version of the alerts artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AlertSetFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.alerts/1")]
    V1,
}

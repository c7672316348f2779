//! What routing proposes for a document, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Probability, RuleId, ServiceId, Span};

/// What becomes of a document after routing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Goes to the service by itself: a rule says so, or the promised error rate holds.
    Automatic,
    /// A person chooses among the candidates.
    Review,
    /// Nothing resembles it: a person decides without a proposal.
    Unknown,
}

impl Outcome {
    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Review => "review",
            Self::Unknown => "unknown",
        }
    }
}

/// A service the document may be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The service.
    pub service: ServiceId,
    /// Calibrated probability that it is the right one.
    pub probability: Probability,
}

/// The value above which a document is routed by itself, and what that promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Probability of the first candidate from which routing is automatic; absent while too few
    /// validated documents are known, when nothing is automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Probability>,
    /// Highest share of misrouted documents among the automatic ones.
    pub max_misrouting: Probability,
    /// Confidence with which that share is promised.
    pub confidence: Probability,
    /// Validated documents the promise rests on.
    pub validated: u32,
    /// How many more validated documents without an error it takes, when `value` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u32>,
}

/// One reason for or against a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Reason {
    /// A rule of the pipeline applies.
    Rule {
        /// Which.
        rule: RuleId,
        /// The service it names.
        service: ServiceId,
        /// What made it apply, as places in the text; empty when it looks at the sender or a field.
        spans: Vec<Span>,
        /// What the rule looked at, in its own words: a phrase of the pipeline file, a form's id.
        matched: String,
    },
    /// Words weighed by the model.
    Words {
        /// Places of the word in the text.
        spans: Vec<Span>,
        /// Contribution to the margin over the second candidate, in thousandths; negative is against.
        weight_thousandths: i64,
    },
    /// The meaning of the whole, as the encoder sees it.
    Meaning {
        /// Contribution to the margin, in thousandths.
        weight_thousandths: i64,
    },
    /// What the model expects before reading anything.
    Prior {
        /// Contribution to the margin, in thousandths.
        weight_thousandths: i64,
    },
}

/// What a classifier says of one document, before rules and thresholds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Classification {
    /// `greffier.classification/1`.
    pub format: ClassificationFormat,
    /// Services by falling probability; ties by name.
    pub candidates: Vec<Candidate>,
    /// How the probabilities were had.
    pub method: Method,
    /// Why the first rather than the second.
    pub reasons: Vec<Reason>,
    /// What may be automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// How near it is to what was learnt, where that was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearness: Option<Nearness>,
    /// The services that it may well be for, where that was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely: Option<Likely>,
}

/// Services that hold the right one with a stated probability, whichever it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Likely {
    /// By falling probability. None when no service is probable enough.
    pub services: Vec<ServiceId>,
    /// How often they hold the right one, at least.
    pub coverage: Probability,
}

/// How near a document is to what was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nearness {
    /// Cosine to the nearest mean of a service.
    pub found: Probability,
    /// Below this it resembles nothing that was learnt.
    pub least: Probability,
}

/// The version of the classification artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClassificationFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.classification/1")]
    V1,
}

/// How probabilities were had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A head trained on labelled documents.
    Trained,
    /// Resemblance to the descriptions of the services: a ranking, not a calibrated probability.
    Descriptions,
    /// There was no text to compare.
    Nothing,
}

/// Where a document should go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `greffier.decision/1`.
    pub format: DecisionFormat,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The service proposed; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    /// The rule that decided, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Candidates by falling probability.
    pub candidates: Vec<Candidate>,
    /// How their probabilities were had.
    pub method: Method,
    /// What may be automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// The services that it may well be for, where that was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely: Option<Likely>,
    /// Why, heaviest first.
    pub reasons: Vec<Reason>,
    /// Why a person is asked, when one is.
    pub review: Vec<ReviewCause>,
}

/// The version of the decision artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DecisionFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.decision/1")]
    V1,
}

/// Why a person is asked.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewCause {
    /// The first candidate is not likely enough.
    BelowThreshold,
    /// Too few validated documents for any promise.
    NoPromiseYet,
    /// No trained model: the ranking rests on the descriptions alone.
    NoModel,
    /// A rule and the model, or two rules, disagree.
    Conflict,
    /// Nothing could be read.
    NothingRead,
    /// Nothing resembles what is known.
    NothingAlike,
    /// Several services seem concerned.
    SeveralServices,
    /// The pipeline sends everything to people.
    Policy,
    /// A page waits for OCR or was read in part: what it says may change everything.
    PartlyRead,
}

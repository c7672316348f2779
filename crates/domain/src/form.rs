//! What a known form requires and what a document lacks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FormId, PageBox, Span};

/// Something a form requires that the document lacks or gives wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Missing {
    /// A field without a value.
    Field {
        /// Its name in the pipeline file.
        name: String,
        /// What people call it.
        label: String,
        /// Where the field stands that nobody filled, if the file has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Spot>,
    },
    /// A field whose value is not of the declared format.
    Format {
        /// Its name in the pipeline file.
        name: String,
        /// What people call it.
        label: String,
        /// The format expected: `date`, `siret`.
        expected: String,
        /// Where the value stands in the text, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        span: Option<Span>,
        /// Where the field stands on a page, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Spot>,
    },
    /// Two fields whose values cannot both be true.
    Inconsistent {
        /// The name in the pipeline file of the one that says it must agree.
        name: String,
        /// What people call it.
        label: String,
        /// What people call the other.
        with: String,
        /// What cannot be.
        clash: Clash,
        /// Where the value stands in the text, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        span: Option<Span>,
        /// Where the field stands on a page, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Spot>,
    },
    /// A piece that is neither attached nor listed among the enclosures.
    Piece {
        /// Its name in the pipeline file.
        name: String,
    },
}

/// A place on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// Page number from 1.
    pub page: u32,
    /// Where on it.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<PageBox>,
}

/// Why two values cannot both be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clash {
    /// A day before the one that it must not precede.
    Before,
    /// A social security number of someone born another month.
    Birth,
}

/// What `check` says of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completeness {
    /// `greffier.completeness/2`.
    pub format: CompletenessFormat,
    /// The form recognised, if any; without one nothing is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<FormId>,
    /// What made us recognise it: a phrase or a field name of the pipeline file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognised_by: Option<String>,
    /// Required fields found with a well-formed value, by name.
    pub present: Vec<String>,
    /// Pieces found, by name.
    pub pieces: Vec<String>,
    /// What is missing or wrong.
    pub missing: Vec<Missing>,
}

/// The version of the completeness artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CompletenessFormat {
    /// The first, without inconsistencies.
    #[serde(rename = "greffier.completeness/1")]
    V1,
    /// With values that cannot both be true.
    #[default]
    #[serde(rename = "greffier.completeness/2")]
    V2,
}

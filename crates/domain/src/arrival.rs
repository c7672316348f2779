//! How a document reached us.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::IntakeRef;
use crate::{DocumentId, Lang, Timestamp};

/// Where a document comes from: with its collection, bytes and generation, this makes its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An identifier given by the sender or another software.
    External(String),
    /// A path relative to what was ingested, with `/` on every platform.
    Path(String),
    /// A part of another document: an attachment.
    Part {
        /// The document it was found in.
        parent: DocumentId,
        /// Which part of it.
        part: String,
    },
}

impl Source {
    /// The name by which people know the document: the external id, else the file's stem, else
    /// the part's number.
    pub fn name(&self) -> &str {
        match self {
            Self::External(id) => id,
            Self::Path(path) => {
                let file = path.rsplit('/').next().unwrap_or(path);
                match file.rsplit_once('.') {
                    Some((stem, _)) if !stem.is_empty() => stem,
                    _ => file,
                }
            }
            Self::Part { part, .. } => part,
        }
    }
}

/// Which columns of a row mean what, when a document is one row of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowColumns {
    /// The column that holds the text. Without it every column is text, as "name: value".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The column that identifies the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The column that holds a title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The column that says when it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// One arrival of one document, stored encrypted beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// `greffier.arrival/1`.
    pub format: ArrivalFormat,
    /// Where it comes from.
    pub source: Source,
    /// File name as given, for people and for noticing a name that contradicts the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Media type as declared by whoever sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// When it was received; decides the week it counts in.
    pub received_at: Timestamp,
    /// guichet, courrier, recommande, courriel, teleservice, api.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Anything else the manifest said: place, team.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When the document is a row: which column means what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<RowColumns>,
    /// The message that brought it, when other software handed it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intake: Option<IntakeRef>,
}

/// The channel of an arrival, in words; one that is not known as it is.
pub fn channel_said(name: &str, lang: Lang) -> &str {
    match name {
        "guichet" => lang.pick("guichet", "counter"),
        "courrier" => lang.pick("courrier", "post"),
        "recommande" => lang.pick("recommandé", "registered post"),
        "courriel" => lang.pick("courriel", "e-mail"),
        "teleservice" => lang.pick("téléservice", "online service"),
        "api" => lang.pick("autre logiciel", "other software"),
        other => other,
    }
}

/// The version of the arrival artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ArrivalFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.arrival/1")]
    V1,
}

/// The media type of a document that is one row of a table or one line of JSON: its bytes are the
/// RFC 8785 form of the row as a JSON object.
pub const ROW_MEDIA_TYPE: &str = "application/vnd.greffier.row+json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_know_a_file_by_its_stem() {
        let check = |source: Source, name: &str| assert_eq!(source.name(), name);
        check(Source::External("F-001".into()), "F-001");
        check(Source::Path("a/b/lettre.2.pdf".into()), "lettre.2");
        check(Source::Path(".hidden".into()), ".hidden");
    }
}

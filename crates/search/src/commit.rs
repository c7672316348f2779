//! What a commit says of itself: how far it has followed, and which vectors it may use.
//!
//! It travels as the payload of the engine's commit, which is one atomic replacement of one file:
//! position, documents and vectors therefore always belong together.

use serde::{Deserialize, Serialize};
use tantivy::IndexMeta;

/// Version of everything in the folder: fields, analysers, vector file. An index with another is
/// deleted and rebuilt, never converted.
pub(crate) const FORMAT: u32 = 4;

/// The payload of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Commit {
    /// [`FORMAT`] at the time of writing.
    pub(crate) format: u32,
    /// First ledger leaf not yet followed.
    pub(crate) position: u64,
    /// Which file of vectors; compaction starts another.
    pub(crate) generation: u64,
    /// Rows of it that belong to this commit. What lies behind was being written.
    pub(crate) rows: u64,
    /// The next row's number. Numbers are never given twice.
    pub(crate) next: u64,
    /// What made the vectors, as the writer calls it.
    pub(crate) label: String,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            format: FORMAT,
            position: 0,
            generation: 0,
            rows: 0,
            next: 0,
            label: String::new(),
        }
    }
}

impl Commit {
    /// The payload of these metas: the default before the first commit.
    ///
    /// # Errors
    /// What it says instead, when it is not of this format.
    pub(crate) fn of(metas: &IndexMeta) -> Result<Self, String> {
        let Some(payload) = &metas.payload else {
            return Ok(Self::default());
        };
        match serde_json::from_str::<Self>(payload) {
            Ok(commit) if commit.format == FORMAT => Ok(commit),
            _ => Err(payload.clone()),
        }
    }

    pub(crate) fn payload(&self) -> String {
        // Five integers and a text: cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

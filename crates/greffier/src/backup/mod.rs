//! A copy of everything that is one authority's, in a form that both databases give and take.
//!
//! | file of the copy | what it holds |
//! |---|---|
//! | `backup.json` | the [`Manifest`]: digests, counts, size and root of the log; without it there is no backup |
//! | `state-…/tables/*.jsonl` | the ledger as it was at one moment, a row a line ([`store::ledger::portable`]) |
//! | `state-…/objects.jsonl` | every artifact that the ledger names, with its digest |
//! | `state-…/files/` | what else the data directory holds: trained models, promises and their suspensions |
//! | `state-…/secrets.json` | the keys, only if asked |
//! | `objects/ab/…` | the sealed artifacts, shared by one backup and the next into the same folder |
//!
//! The ledger is copied first, then what it names: an artifact is stored before it is named and never
//! changes, so that nothing named is missing but what was erased meanwhile. `backup.json` is written
//! last, in one step, once everything was read again: a backup that was stopped leaves the one before
//! it as it was. Search indexes are not copied: they follow the ledger.
//!
//! | module | what it holds |
//! |---|---|
//! | [`write`] | making a backup |
//! | [`check`] | reading one again, whole |
//! | [`fill`] | putting a ledger and objects into another place |
//! | [`survey`] | what the rows of a ledger say together: its log and the artifacts that it names |
//! | [`lines`] | files of lines, with their digests |

pub mod check;
pub mod fill;
pub mod lines;
pub mod survey;
pub mod write;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use domain::{ArtifactName, Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// What `format` says in a manifest.
pub const FORMAT: &str = "greffier.backup/1";

/// The file without which there is no backup.
pub const MANIFEST: &str = "backup.json";

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// When the ledger was copied.
    pub made_at: Timestamp,
    /// By which build.
    pub build: String,
    /// Whose it is: what tells an authority from others.
    pub authority: String,
    /// The folder of what is of this backup alone.
    pub state: String,
    /// The log.
    pub log: Log,
    /// The last signed checkpoint.
    pub checkpoint: Option<String>,
    /// The tables, in the order in which they are filled.
    pub tables: Vec<TableFile>,
    /// The list of objects.
    pub objects: ObjectList,
    /// What else the data directory held.
    pub files: Vec<DataFile>,
    /// The keys, where they were asked for.
    pub secrets: Option<Sealed>,
}

/// Size and root of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Records that have a leaf.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// What a file must be, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
}

/// A table of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// Its name.
    pub table: String,
    /// The columns of a line.
    pub columns: Vec<String>,
    /// Its lines.
    pub rows: u64,
    /// Its file.
    pub file: Sealed,
}

/// The objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectList {
    /// How many are here.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Named by the ledger of documents that were erased: gone, as they should be.
    pub erased: u64,
    /// Named by the ledger, and not in the store although nobody erased them.
    pub lost: Vec<ArtifactName>,
    /// The file of their names and digests.
    pub file: Sealed,
}

/// A file of the data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Where it is, from the data directory, with `/` between folders.
    pub path: String,
    /// What it is.
    pub file: Sealed,
}

/// An object in a list: its name, its length, its digest.
pub type ObjectLine = (ArtifactName, u64, Digest);

impl Manifest {
    /// The manifest of a backup; none where no backup was finished.
    ///
    /// # Errors
    /// When it cannot be read, or is not one that this version understands.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(MANIFEST);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged", path.display()))?;
        let format = value.get("format").and_then(serde_json::Value::as_str);
        if format != Some(FORMAT) {
            bail!(
                "{} is of format `{}`, expected `{FORMAT}`: restore it with the version that made it",
                path.display(),
                format.unwrap_or_default()
            );
        }
        let manifest: Self = serde_json::from_value(value)
            .with_context(|| format!("{} is damaged", path.display()))?;
        let folder = manifest.state.strip_prefix("state-");
        if !folder.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit())) {
            bail!(
                "{} is damaged: `{}` is no state",
                path.display(),
                manifest.state
            );
        }
        Ok(Some(manifest))
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// Never, for values that this program makes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// The folder of what is of this backup alone.
    pub fn state_dir(&self, dir: &Path) -> PathBuf {
        dir.join(&self.state)
    }

    /// Rows of a table.
    pub fn rows(&self, table: &str) -> u64 {
        self.tables
            .iter()
            .find(|t| t.table == table)
            .map_or(0, |t| t.rows)
    }
}

/// Where a table's file is in the folder of a state.
pub fn table_path(state: &Path, table: &str) -> PathBuf {
    state.join("tables").join(format!("{table}.jsonl"))
}

/// Where an object is in a backup.
pub fn object_path(dir: &Path, name: ArtifactName) -> PathBuf {
    let hex = name.hex();
    dir.join("objects").join(&hex[..2]).join(hex)
}

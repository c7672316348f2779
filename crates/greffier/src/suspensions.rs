//! Suspended promises: while one is in force, everything of its pipeline goes to people.
//!
//! A suspension is a file of the data directory, which the hosts of a service must share: one that has
//! a data directory of its own would notice nothing. It is read with the pipeline files: runs made under it have
//! settings of their own, so records say it and replay repeats it. Whoever lifts one is kept in a
//! history that is only added to.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use domain::{IsoWeek, PipelineName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::watch::{Cause, Drift};

/// Why a pipeline routes nothing by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// When it began.
    pub at: Timestamp,
    /// Documents looked at, and how many of them were misrouted.
    pub seen: usize,
    /// As above.
    pub misrouted: usize,
    /// The rate that was promised not to be passed.
    pub max_misrouting: f64,
    /// What spoke against the promise; absent in files written before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// What was said of a pipeline's documents, so that it is said once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Noticed {
    /// The last week that was compared with those before.
    pub looked: Option<IsoWeek>,
    /// The drift that it ended with.
    pub drift: Option<Drift>,
    /// Services that people chose and the model has not learnt.
    pub unlearnt: Vec<String>,
}

/// Who lifted a suspension: a line of the history.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lifted {
    /// When.
    pub at: Timestamp,
    /// Who, as they gave their name.
    pub by: String,
    /// Whether they had signed in.
    pub authenticated: bool,
    /// Why, in their words.
    pub reason: Option<String>,
    /// What was lifted.
    pub suspension: Suspension,
}

fn folder(data: &Path) -> PathBuf {
    data.join("promises")
}

/// The suspension in force of a pipeline.
///
/// # Errors
/// When its file cannot be read: a promise must not be taken up again by mistake.
pub fn in_force(data: &Path, pipeline: &PipelineName) -> Result<Option<Suspension>> {
    let path = folder(data).join(format!("{pipeline}.suspended.json"));
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
            format!("{} is not a suspension: lift it or mend it", path.display())
        })?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Which of these pipelines are suspended, by name. A file that cannot be read counts as a suspension.
pub fn all_in_force<'a>(
    data: &Path,
    pipelines: impl IntoIterator<Item = &'a PipelineName>,
) -> Vec<PipelineName> {
    let suspended = |name: &&PipelineName| !matches!(in_force(data, name), Ok(None));
    pipelines.into_iter().filter(suspended).cloned().collect()
}

/// When the last suspension of a pipeline was lifted: what was measured before does not count any
/// more.
///
/// # Errors
/// When its history cannot be read.
pub fn lifted_at(data: &Path, pipeline: &PipelineName) -> Result<Option<Timestamp>> {
    let path = folder(data).join(format!("{pipeline}.history.jsonl"));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let Some(last) = text.lines().rfind(|line| !line.trim().is_empty()) else {
        return Ok(None);
    };
    let last: Lifted = serde_json::from_str(last)
        .with_context(|| format!("the last line of {} says nothing", path.display()))?;
    Ok(Some(last.at))
}

/// Suspends a pipeline.
///
/// # Errors
/// When it cannot be written.
pub fn begin(data: &Path, pipeline: &PipelineName, suspension: &Suspension) -> Result<()> {
    write(
        &folder(data).join(format!("{pipeline}.suspended.json")),
        suspension,
    )
}

/// What was said of a pipeline's documents.
///
/// # Errors
/// When its file cannot be read.
pub fn noticed(data: &Path, pipeline: &PipelineName) -> Result<Noticed> {
    let path = folder(data).join(format!("{pipeline}.noticed.json"));
    match std::fs::read(&path) {
        // Said twice rather than never: one that makes no sense is as if there were none.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Noticed::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Keeps what was said of a pipeline's documents.
///
/// # Errors
/// When it cannot be written.
pub fn notice(data: &Path, pipeline: &PipelineName, noticed: &Noticed) -> Result<()> {
    write(
        &folder(data).join(format!("{pipeline}.noticed.json")),
        noticed,
    )
}

/// A file is there whole or not at all.
fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let part = path.with_extension("part");
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&part, serde_json::to_vec_pretty(value)?))
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Lifts the suspension of a pipeline.
///
/// # Errors
/// When it cannot be written.
pub fn lift(data: &Path, pipeline: &PipelineName, lifted: Lifted) -> Result<()> {
    let dir = folder(data);
    let path = dir.join(format!("{pipeline}.history.jsonl"));
    let line = serde_json::to_string(&lifted)? + "\n";
    // The history first: a suspension is never lifted without saying by whom.
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(line.as_bytes())?;
            file.sync_all()
        })
        .with_context(|| format!("cannot write {}", path.display()))?;
    let path = dir.join(format!("{pipeline}.suspended.json"));
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
}

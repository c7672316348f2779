//! What a data directory says of itself when it is not to be worked on: its ledger or its objects are
//! elsewhere now, or it is being restored.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use domain::{Digest, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::args::Global;

/// Files of a data directory that are about this one only: no backup holds them.
pub const FILES: [&str; 2] = [MOVED, RESTORING];
const MOVED: &str = "moved.json";
const RESTORING: &str = "restoring.json";

/// Where what was here has gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// When.
    pub at: Option<Timestamp>,
    /// The address of the database, without its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The place of the objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<String>,
}

/// A restore that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restoring {
    /// Of which backup: the digest of its manifest.
    pub manifest: Digest,
    /// Where that is.
    pub from: PathBuf,
}

/// Refuses a data directory that was moved or is half restored.
///
/// # Errors
/// Saying what to do.
pub fn refuse(global: &Global) -> Result<()> {
    let data = &global.data;
    if let Some(restoring) = restoring(data)? {
        bail!(
            "the restore into {} was not finished: run `greffier restore {}` again with the same options, or remove what is there",
            data.display(),
            restoring.from.display()
        );
    }
    let moved = moved(data)?;
    let places = [
        (
            "ledger",
            &moved.database,
            &global.database,
            "GREFFIER_DATABASE",
            "--database",
        ),
        (
            "objects",
            &moved.objects,
            &global.objects,
            "GREFFIER_OBJECTS",
            "--objects",
        ),
    ];
    for (what, to, given, variable, option) in places {
        if let (Some(to), None) = (to, given) {
            bail!(
                "the {what} of {} is in {to}: set {variable} or give {option}; where it moved there, to go back to what was left here, which has not changed since, remove {} and run `greffier index rebuild`",
                data.display(),
                data.join(MOVED).display()
            );
        }
    }
    if let (Some(to), Some(given)) = (&moved.database, &global.database)
        && name_of(given) != name_of(to)
    {
        bail!(
            "the ledger of {} is in {to}, and --database names another; where that is the same under another name, write it into {}",
            data.display(),
            data.join(MOVED).display()
        );
    }
    Ok(())
}

/// Where what was here has gone.
///
/// # Errors
/// When its file cannot be read.
pub fn moved(data: &Path) -> Result<Moved> {
    Ok(read(&data.join(MOVED))?.unwrap_or_default())
}

/// Says where what was here has gone.
///
/// # Errors
/// When it cannot be written.
pub fn say_moved(data: &Path, moved: &Moved) -> Result<()> {
    write(&data.join(MOVED), moved)
}

/// Says that the ledger of a new directory is in this database.
///
/// # Errors
/// When it cannot be written.
pub fn say_begun(data: &Path, database: &str) -> Result<()> {
    let moved = Moved {
        database: Some(without_password(database)),
        ..Moved::default()
    };
    say_moved(data, &moved)
}

/// The name of a database in its address: hosts have several.
fn name_of(url: &str) -> &str {
    let place = url.split('?').next().unwrap_or(url);
    place.rsplit('/').next().unwrap_or(place)
}

/// The restore that has begun here and not ended.
///
/// # Errors
/// When its file cannot be read.
pub fn restoring(data: &Path) -> Result<Option<Restoring>> {
    read(&data.join(RESTORING))
}

/// Says that a restore begins here.
///
/// # Errors
/// When it cannot be written.
pub fn say_restoring(data: &Path, restoring: &Restoring) -> Result<()> {
    write(&data.join(RESTORING), restoring)
}

/// Says that the restore has ended.
///
/// # Errors
/// When it cannot be removed.
pub fn say_restored(data: &Path) -> Result<()> {
    let path = data.join(RESTORING);
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
}

/// The address of a database without what only its owner knows: password and options.
pub fn without_password(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((who, place)) => {
            let user = who.split_once(':').map_or(who, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => url.to_owned(),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
            format!("{} makes no sense: mend or remove it", path.display())
        })?)),
        // Where there is no data directory, whoever makes it says why it cannot be made.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    crate::house::write_private(path, &serde_json::to_vec_pretty(value)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_password() {
        let check = |url: &str, told: &str| assert_eq!(without_password(url), told, "{url}");
        check("postgres://u:p@host:5432/db", "postgres://u@host:5432/db");
        check(
            "postgres://u:p@ss@host/db?password=q",
            "postgres://u@host/db",
        );
        check("postgres://host/db", "postgres://host/db");
        check("s3://bucket/prefix", "s3://bucket/prefix");
    }
}

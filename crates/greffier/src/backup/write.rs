//! Making a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use domain::{ArtifactName, Digest, Lang, SubjectId};
use futures::StreamExt as _;
use pipeline::blobs::Blobs;
use pipeline::vault::Vault;
use store::FolderBlobs;
use store::ledger::portable::TABLES;

use super::check::{self, list_of};
use super::lines::{self, sealed};
use super::survey::Survey;
use super::{DataFile, FORMAT, MANIFEST, Manifest, ObjectLine, ObjectList, TableFile, table_path};
use crate::house::{House, only_ours, write_private};
use crate::objects::Place;
use crate::{moved, print};

/// Objects copied at once.
pub const AT_ONCE: usize = 8;

/// The file that one backup into a folder at a time locks.
const LOCK: &str = "backup.lock";

/// What of a data directory is copied in another way, or not at all. Everything else is, so that what
/// a later version keeps there is not forgotten.
const NOT_COPIED: [&str; 9] = [
    "greffier.db",
    "greffier.db-wal",
    "greffier.db-shm",
    "index",
    "objects",
    "secrets.json",
    // How far these had come may be beyond the ledger that is copied: they are told from it anew.
    "traces.json",
    "weeks.json",
    "work.lock",
];

/// What was done.
pub struct Written {
    /// The backup.
    pub manifest: Manifest,
    /// Objects that were not in the folder yet.
    pub copied: u64,
}

/// Copies everything into `dir`.
///
/// # Errors
/// When `dir` holds something else, when something cannot be read or written, or when what was written
/// reads otherwise: the backup that was there before is as it was.
pub async fn write(house: &House, dir: &Path, with_secrets: bool, lang: Lang) -> Result<Written> {
    let authority = hex::encode(house.desk.vault.secrets.authority_id());
    let _lock = prepare(house, dir, &authority)?;
    let before = Manifest::read(dir)?;
    if let Some(before) = &before {
        ensure!(
            before.authority == authority,
            "{} holds a backup of another authority ({}): choose another folder",
            dir.display(),
            before.authority
        );
    }
    // What is committed has a leaf, and the last word is signed.
    pipeline::log::checkpoint(&house.desk.vault).await?;
    let made_at = house.desk.clock.now();
    let state = format!("state-{}", made_at.micros());
    let folder = dir.join(&state);
    make(&folder.join("tables"))?;

    let (tables, mut survey) = tables(house, &folder, lang).await?;
    let log = survey.log().with_context(wrong_ledger)?;
    let kept = match &before {
        Some(before) => list_of(dir, before)?,
        None => Vec::new(),
    };
    let objects = objects(&house.desk.vault, dir, &survey, kept, lang).await?;
    let mut list = lines::Writer::new(&folder.join("objects.jsonl"))?;
    for line in objects.list.values() {
        list.line(&serde_json::to_string(line)?)?;
    }
    let files = files(house, dir, &folder)?;
    let secrets = match with_secrets {
        true => {
            let bytes = house.desk.vault.secrets.to_json();
            let path = folder.join("secrets.json");
            write_private(&path, bytes.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            Some(sealed(bytes.as_bytes()))
        }
        false => None,
    };
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        made_at,
        build: house.desk.build.build.clone(),
        authority,
        state,
        log,
        checkpoint: survey.checkpoint().map(str::to_owned),
        tables,
        objects: ObjectList {
            count: objects.list.len() as u64,
            bytes: objects.list.values().map(|(_, bytes, _)| bytes).sum(),
            erased: objects.erased,
            lost: objects.lost,
            file: list.end()?,
        },
        files,
        secrets,
    };
    check::check(dir, &manifest, lang).await?;
    let path = dir.join(MANIFEST);
    write_private(&path, &manifest.to_bytes()?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot write {}", dir.display()))?;
    prune(dir, &manifest, &objects.list).await?;
    Ok(Written {
        manifest,
        copied: objects.copied,
    })
}

/// Makes the folder ours: empty, or of a backup that was begun here.
fn prepare(house: &House, dir: &Path, authority: &str) -> Result<File> {
    let inside = |outer: &Path, inner: &Path| -> Result<bool> {
        Ok(std::path::absolute(inner)?.starts_with(std::path::absolute(outer)?))
    };
    if inside(&house.data, dir)? || inside(dir, &house.data)? {
        bail!(
            "{} and {} are within each other: choose a folder elsewhere, best on another disk",
            dir.display(),
            house.data.display()
        );
    }
    let lock = dir.join(LOCK);
    let is_new = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", dir.display())),
    };
    if is_new {
        make(dir)?;
        // What learnt from documents holds words.
        only_ours(dir)?;
        write_private(&lock, authority.as_bytes())
            .with_context(|| format!("cannot write {}", lock.display()))?;
    }
    let of = fs::read_to_string(&lock).ok().with_context(|| {
        format!(
            "{} holds something else than backups: choose an empty folder",
            dir.display()
        )
    })?;
    ensure!(
        of.trim() == authority,
        "{} is for backups of another authority ({}): choose another folder",
        dir.display(),
        of.trim()
    );
    let file = File::open(&lock).with_context(|| format!("cannot open {}", lock.display()))?;
    if file.try_lock().is_err() {
        bail!(
            "another backup into {} is being made: wait for it",
            dir.display()
        );
    }
    Ok(file)
}

/// Copies the ledger as it is at one moment.
async fn tables(house: &House, folder: &Path, lang: Lang) -> Result<(Vec<TableFile>, Survey)> {
    let mut snapshot = house.sql.snapshot().await?;
    let mut survey = Survey::default();
    let mut tables = Vec::new();
    for table in &TABLES {
        let bar = print::bar(
            snapshot.count(table).await?,
            lang.pick("registre", "ledger"),
        );
        let columns = table.column_names();
        let mut file = lines::Writer::new(&table_path(folder, table.name))?;
        let mut rows = 0;
        let mut found = snapshot.lines(table);
        while let Some(line) = found.next().await {
            let line = line?;
            survey
                .row(table.name, &columns, &line)
                .with_context(wrong_ledger)?;
            file.line(&line)?;
            rows += 1;
            bar.inc(1);
        }
        bar.finish_and_clear();
        tables.push(TableFile {
            table: table.name.to_owned(),
            columns,
            rows,
            file: file.end()?,
        });
    }
    snapshot.end().await?;
    Ok((tables, survey))
}

fn wrong_ledger() -> String {
    "the ledger does not hold: `greffier verify` names what, and an earlier backup may".to_owned()
}

/// The objects of a backup.
struct Objects {
    list: BTreeMap<ArtifactName, ObjectLine>,
    copied: u64,
    erased: u64,
    lost: Vec<ArtifactName>,
}

/// Copies what the ledger names and `dir` does not hold.
async fn objects(
    vault: &Vault,
    dir: &Path,
    survey: &Survey,
    kept: Vec<ObjectLine>,
    lang: Lang,
) -> Result<Objects> {
    let copies =
        FolderBlobs::open(dir).with_context(|| format!("cannot write {}", dir.display()))?;
    let here: BTreeSet<ArtifactName> = copies.names().await?.into_iter().collect();
    let kept: BTreeMap<ArtifactName, ObjectLine> = kept
        .into_iter()
        .filter(|(name, ..)| here.contains(name))
        .map(|line| (line.0, line))
        .collect();
    let (with_key, without): (Vec<_>, Vec<_>) = survey
        .named()
        .iter()
        .partition(|(_, subject)| survey.has_key(**subject));
    let mut all = Objects {
        list: BTreeMap::new(),
        copied: 0,
        erased: without.len() as u64,
        lost: Vec::new(),
    };
    let bar = print::bar(with_key.len() as u64, lang.pick("objets", "objects"));
    let (old, new): (Vec<_>, Vec<_>) = with_key
        .into_iter()
        .partition(|(name, _)| kept.contains_key(name));
    // Each was read again when it was copied, and is once more before this backup is one.
    for (name, _) in old {
        all.list.extend(kept.get(name).map(|line| (*name, *line)));
        bar.inc(1);
    }
    let mut copying = futures::stream::iter(new.into_iter().map(|(name, subject)| {
        let (copies, is_here) = (&copies, here.contains(name));
        async move { (*name, *subject, copy(vault, copies, *name, is_here).await) }
    }))
    .buffer_unordered(AT_ONCE);
    while let Some((name, subject, line)) = copying.next().await {
        match line? {
            Some(line) => {
                all.list.insert(name, line);
                all.copied += 1;
            }
            None if is_erased(vault, subject).await? => all.erased += 1,
            None => all.lost.push(name),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    all.lost.sort_unstable();
    Ok(all)
}

/// Copies an object; none where the store has none.
async fn copy(
    vault: &Vault,
    copies: &FolderBlobs,
    name: ArtifactName,
    is_here: bool,
) -> Result<Option<ObjectLine>> {
    let Some(bytes) = vault.blobs.get(name).await? else {
        return Ok(None);
    };
    // One that a backup left which was stopped may have been sealed anew since.
    if is_here && copies.get(name).await?.as_ref() != Some(&bytes) {
        copies.remove(name).await?;
    }
    copies.put(name, &bytes).await?;
    Ok(Some((name, bytes.len() as u64, Digest::of(&bytes))))
}

/// Whether a subject was erased since the ledger was copied.
async fn is_erased(vault: &Vault, subject: SubjectId) -> Result<bool> {
    Ok(vault.ledger.envelope(subject).await?.is_none())
}

/// Copies what else the data directory holds.
fn files(house: &House, dir: &Path, folder: &Path) -> Result<Vec<DataFile>> {
    let elsewhere = match &house.objects {
        Place::Folder(objects) => Some(std::path::absolute(objects)?),
        Place::Bucket { .. } => None,
    };
    let mut found = Vec::new();
    for entry in entries(&house.data)? {
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_ours = NOT_COPIED.contains(&name.as_str()) || moved::FILES.contains(&name.as_str());
        if !is_ours && !is_being_written(&name) {
            walk(&entry, elsewhere.as_deref(), &mut found)?;
        }
    }
    found.sort();
    let mut files = Vec::new();
    for path in found {
        let below = path.strip_prefix(&house.data).unwrap_or(&path);
        let parts: Vec<_> = below
            .components()
            .map(|c| c.as_os_str().to_string_lossy())
            .collect();
        // One that is gone since it was listed is gone for the backup too.
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let copy = folder.join("files").join(below);
        make(copy.parent().unwrap_or(dir))?;
        write_private(&copy, &bytes).with_context(|| format!("cannot write {}", copy.display()))?;
        files.push(DataFile {
            path: parts.join("/"),
            file: sealed(&bytes),
        });
    }
    Ok(files)
}

fn walk(path: &Path, without: Option<&Path>, found: &mut Vec<PathBuf>) -> Result<()> {
    if without.is_some_and(|without| std::path::absolute(path).is_ok_and(|path| path == without)) {
        return Ok(());
    }
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in entries(path)? {
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !is_being_written(&name) {
            walk(&entry, without, found)?;
        }
    }
    Ok(())
}

/// Files are written beside their place, under another ending.
fn is_being_written(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, end)| end == "part" || end.starts_with("part-"))
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(dir).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()
    });
    read.with_context(|| format!("cannot read {}", dir.display()))
}

/// Removes what only earlier backups, or some that were stopped, have left.
async fn prune(
    dir: &Path,
    manifest: &Manifest,
    list: &BTreeMap<ArtifactName, ObjectLine>,
) -> Result<()> {
    for entry in entries(dir)? {
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("state-") && name != manifest.state {
            fs::remove_dir_all(&entry)
                .with_context(|| format!("cannot remove {}", entry.display()))?;
        }
    }
    let copies =
        FolderBlobs::open(dir).with_context(|| format!("cannot write {}", dir.display()))?;
    for name in copies.names().await? {
        if !list.contains_key(&name) {
            copies.remove(name).await?;
        }
    }
    Ok(())
}

fn make(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

//! Reading a backup again, whole: what a restore does before it writes anything, and a backup before
//! it is one.

use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use domain::Lang;
use futures::StreamExt as _;
use store::ledger::portable::Table;

use super::lines::{self, Reader};
use super::survey::Survey;
use super::write::AT_ONCE;
use super::{Manifest, ObjectLine, Sealed, object_path, table_path};
use crate::print;

/// Reads everything; the objects it lists.
///
/// # Errors
/// Naming the first file that is not what was copied.
pub async fn check(dir: &Path, manifest: &Manifest, lang: Lang) -> Result<Vec<ObjectLine>> {
    let state = manifest.state_dir(dir);
    let mut survey = Survey::default();
    let rows = manifest.tables.iter().map(|table| table.rows).sum();
    let bar = print::bar(
        rows,
        lang.pick("relecture du registre", "reading the ledger again"),
    );
    for table in &manifest.tables {
        ensure!(
            Table::named(&table.table).is_some(),
            "the backup has a table `{}`, which this version does not: restore it with version {}",
            table.table,
            manifest.build
        );
        let mut file = Reader::open(&table_path(&state, &table.table))?;
        let mut read = 0;
        while let Some(line) = file.line()? {
            let seen = survey.row(&table.table, &table.columns, &line);
            seen.with_context(|| file.place())?;
            read += 1;
            bar.inc(1);
        }
        file.ended(table.file)?;
        ensure!(
            read == table.rows,
            "{} has {read} rows, expected {}",
            table.table,
            table.rows
        );
    }
    bar.finish_and_clear();
    let log = survey.log()?;
    ensure!(
        log == manifest.log,
        "the records of the backup make a log of {} leaves with the root {}, not of {} with {}",
        log.size,
        log.root,
        manifest.log.size,
        manifest.log.root
    );
    let list = list_of(dir, manifest)?;
    ensure!(
        list.len() as u64 == manifest.objects.count,
        "{} lists {} objects, expected {}",
        state.join("objects.jsonl").display(),
        list.len(),
        manifest.objects.count
    );
    let lost = &manifest.objects.lost;
    let has = |name| list.binary_search_by_key(name, |(name, ..)| *name).is_ok();
    let absent = survey.named().iter().filter(|(name, _)| !has(*name));
    let absent = absent.filter(|(name, _)| lost.binary_search(name).is_err());
    let erased = absent.count() as u64;
    ensure!(
        erased == manifest.objects.erased,
        "the ledger of the backup names {erased} objects that it does not list, of which {} were erased",
        manifest.objects.erased
    );
    objects(dir, &list, lang).await?;
    for file in &manifest.files {
        lines::whole(&file_path(&state, &file.path)?, file.file)?;
    }
    if let Some(secrets) = manifest.secrets {
        lines::whole(&state.join("secrets.json"), secrets)?;
    }
    Ok(list)
}

/// The objects that a backup lists, sorted.
///
/// # Errors
/// When the list is not what was written.
pub fn list_of(dir: &Path, manifest: &Manifest) -> Result<Vec<ObjectLine>> {
    let mut file = Reader::open(&manifest.state_dir(dir).join("objects.jsonl"))?;
    let mut list: Vec<ObjectLine> = Vec::new();
    while let Some(line) = file.line()? {
        list.push(serde_json::from_str(&line).with_context(|| file.place())?);
    }
    file.ended(manifest.objects.file)?;
    if !list.is_sorted_by_key(|(name, ..)| *name) {
        bail!("the list of objects is not sorted");
    }
    Ok(list)
}

/// Where a file of the data directory is in a state.
///
/// # Errors
/// When its path leads elsewhere.
pub fn file_path(state: &Path, path: &str) -> Result<std::path::PathBuf> {
    let below = Path::new(path);
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    ensure!(
        !path.is_empty() && below.components().all(is_plain),
        "the backup has a file `{path}`, which leads elsewhere"
    );
    Ok(state.join("files").join(below))
}

async fn objects(dir: &Path, list: &[ObjectLine], lang: Lang) -> Result<()> {
    let bar = print::bar(
        list.len() as u64,
        lang.pick("relecture des objets", "reading objects again"),
    );
    let mut reading = futures::stream::iter(list.iter().map(|(name, bytes, digest)| {
        let path = object_path(dir, *name);
        let written = Sealed {
            bytes: *bytes,
            digest: *digest,
        };
        async move {
            let read = tokio::task::spawn_blocking(move || lines::whole(&path, written));
            read.await?.map(drop)
        }
    }))
    .buffer_unordered(AT_ONCE);
    while let Some(read) = reading.next().await {
        read.context(
            "an object of the backup; if a backup was being made: remove it and begin again",
        )?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

//! Putting a ledger and objects into another place.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use domain::{ArtifactName, Lang};
use futures::{StreamExt as _, TryStreamExt as _};
use pipeline::blobs::Blobs;
use pipeline::ledger::Ledger as _;
use store::SqlLedger;
use store::ledger::portable::{Snapshot, TABLES, Table};

use super::lines::Reader;
use super::survey::Survey;
use super::write::AT_ONCE;
use super::{Log, Manifest, table_path};
use crate::print;

/// Rows put in at once.
const ROWS: usize = 500;

/// What a ledger holds, to be told from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Documents.
    pub documents: u64,
    /// Records, those without leaf included.
    pub records: u64,
    /// The log.
    pub log: Log,
}

/// Fills an empty ledger from a backup; whether it was empty.
///
/// # Errors
/// When a file is not what was written, or the database refuses: it is empty then.
pub async fn from_backup(
    target: &SqlLedger,
    dir: &Path,
    manifest: &Manifest,
    lang: Lang,
) -> Result<bool> {
    let Some(mut filling) = target.fill().await? else {
        return Ok(false);
    };
    let rows = manifest.tables.iter().map(|table| table.rows).sum();
    let bar = print::bar(rows, lang.pick("registre", "ledger"));
    for file in &manifest.tables {
        let table = Table::named(&file.table)
            .with_context(|| format!("no table is named `{}`", file.table))?;
        let mut lines = Reader::open(&table_path(&manifest.state_dir(dir), table.name))?;
        loop {
            let some = lines.lines(ROWS)?;
            if some.is_empty() {
                break;
            }
            let put = filling.rows(table, &file.columns, &some).await;
            put.with_context(|| lines.place())?;
            bar.inc(some.len() as u64);
        }
        lines.ended(file.file)?;
    }
    filling.commit().await?;
    bar.finish_and_clear();
    Ok(true)
}

/// Fills an empty ledger from another, as it was when `snapshot` was taken; whether it was empty.
/// `unchanged` is asked before the end.
///
/// # Errors
/// When a database does not answer, or `unchanged` says so: the target is empty then.
pub async fn from_ledger(
    snapshot: &mut Snapshot,
    target: &SqlLedger,
    unchanged: impl AsyncFnOnce() -> Result<()>,
    lang: Lang,
) -> Result<bool> {
    let Some(mut filling) = target.fill().await? else {
        return Ok(false);
    };
    for table in &TABLES {
        let bar = print::bar(
            snapshot.count(table).await?,
            lang.pick("registre", "ledger"),
        );
        let columns = table.column_names();
        let mut chunks = snapshot.lines(table).try_chunks(ROWS);
        while let Some(lines) = chunks.next().await {
            // What was read before an error is not worth keeping.
            let lines = lines.map_err(|stopped| stopped.1)?;
            filling.rows(table, &columns, &lines).await?;
            bar.inc(lines.len() as u64);
        }
        bar.finish_and_clear();
    }
    unchanged().await?;
    filling.commit().await?;
    Ok(true)
}

/// Looks at everything that a ledger holds.
///
/// # Errors
/// When it does not answer, or does not hold.
pub async fn survey(snapshot: &mut Snapshot, lang: Lang) -> Result<(Held, Survey)> {
    let mut survey = Survey::default();
    let (mut documents, mut records) = (0, 0);
    for table in &TABLES {
        let count = snapshot.count(table).await?;
        match table.name {
            "documents" => documents = count,
            "records" => records = count,
            _ => {}
        }
        let bar = print::bar(
            count,
            lang.pick("lecture du registre", "reading the ledger"),
        );
        let columns = table.column_names();
        let mut found = snapshot.lines(table);
        while let Some(line) = found.next().await {
            survey.row(table.name, &columns, &line?)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
    }
    let log = survey.log()?;
    let held = Held {
        documents,
        records,
        log,
    };
    Ok((held, survey))
}

/// Fails unless a ledger that is not empty is the one expected: then it was filled before, and what
/// followed was stopped.
///
/// # Errors
/// When it holds something else.
pub async fn expect(target: &SqlLedger, expected: Held, lang: Lang) -> Result<()> {
    let mut snapshot = target.snapshot().await?;
    let held = survey(&mut snapshot, lang).await.map(|(held, _)| held);
    snapshot.end().await?;
    ensure!(
        held.is_ok_and(|held| held == expected),
        "the database is not empty: give an empty one"
    );
    Ok(())
}

/// Gives a leaf to what had none yet, as its new database does it.
///
/// # Errors
/// When it does not answer.
pub async fn sequence(target: &SqlLedger) -> Result<()> {
    while target.sequence(1_000).await? > 0 {}
    Ok(())
}

/// Copies objects that `target` does not hold; how many, and which `read` does not have.
///
/// # Errors
/// When one cannot be read or written.
pub async fn objects(
    names: impl IntoIterator<Item = ArtifactName>,
    target: &dyn Blobs,
    read: impl AsyncFn(ArtifactName) -> Result<Option<Vec<u8>>>,
    lang: Lang,
) -> Result<(u64, Vec<ArtifactName>)> {
    // An object is stored whole or not at all: what a copy that was stopped has left is good.
    let here: BTreeSet<ArtifactName> = target.names().await?.into_iter().collect();
    let names: Vec<ArtifactName> = names
        .into_iter()
        .filter(|name| !here.contains(name))
        .collect();
    let bar = print::bar(names.len() as u64, lang.pick("objets", "objects"));
    let (mut copied, mut absent) = (0, Vec::new());
    let read = &read;
    let mut copying = futures::stream::iter(names.into_iter().map(async |name| {
        match read(name).await? {
            Some(bytes) => target
                .put(name, &bytes)
                .await
                .map(|()| None)
                .map_err(Into::into),
            None => Ok::<_, anyhow::Error>(Some(name)),
        }
    }))
    .buffer_unordered(AT_ONCE);
    while let Some(one) = copying.next().await {
        match one? {
            None => copied += 1,
            Some(name) => absent.push(name),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    absent.sort_unstable();
    Ok((copied, absent))
}

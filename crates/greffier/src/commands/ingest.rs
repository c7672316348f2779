//! `ingest` and `work`: documents in, and processed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::arrival::{ArrivalFormat, ROW_MEDIA_TYPE, RowColumns};
use domain::catalogue::Said;
use domain::{Arrival, IsoWeek, Source, Timestamp};
use extract::isolation::{ReadFault, Reader};
use extract::ocr::OcrSettings;
use extract::rows::{BadLineReason, ColumnNames, Rows, Table};
use extract::{Budgets, Input};
use pipeline::circumstances::Clock;
use pipeline::engine::{self, Totals};
use pipeline::file::Accepts;
use pipeline::intake::{Incoming, admit};
use pipeline::ledger::Admitted;
use pipeline::pipelines::Pipeline;
use serde::{Deserialize, Serialize};

use super::Ending;
use crate::args::{Global, Ingest};
use crate::house::{House, reading, recogniser};
use crate::stages::NEEDS_OCR;
use crate::{followers, print, reconcilers};

/// The largest file that is taken in.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// How long a task that was put off is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an ingestion did.
#[derive(Debug, Default, Serialize)]
pub struct Ingested {
    /// Documents that entered.
    pub new: u64,
    /// Arrivals that were already here.
    pub already_here: u64,
    /// Of those, the ones that were locked and are read again with the password given.
    pub opened_again: u64,
    /// Of the new ones, those whose bytes another document has.
    pub duplicates: u64,
    /// What was not taken in, and why.
    pub refused: Vec<Refused>,
    /// Rows of tables that were read with a remark.
    pub remarks: Vec<Refused>,
    /// Stages that ran.
    pub stages_run: u64,
    /// Documents set aside.
    pub set_aside: u64,
    /// Tasks still owed.
    pub owed: u64,
    /// What each stage took.
    pub stages: BTreeMap<String, StageTime>,
    /// Time to process and to index, in milliseconds.
    pub processing_ms: u64,
    /// As above.
    pub indexing_ms: u64,
}

/// How often a stage ran, and how long it took in all.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct StageTime {
    /// Tasks.
    pub tasks: u64,
    /// Milliseconds, over all threads.
    pub total_ms: u64,
}

/// What processing did.
struct Processed {
    totals: Totals,
    stages: BTreeMap<String, StageTime>,
    processing: Duration,
    indexing: Duration,
}

impl Ingested {
    fn add(&mut self, processed: Processed) {
        self.stages_run = processed.totals.done;
        self.set_aside = processed.totals.quarantined;
        self.stages = processed.stages;
        self.processing_ms = processed.processing.as_millis() as u64;
        self.indexing_ms = processed.indexing.as_millis() as u64;
    }
}

/// Something that was not taken in.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// The file, with the line where it is one of a table.
    pub path: String,
    /// Why, and what to do.
    pub why: String,
}

/// One line of a manifest.
#[derive(Clone, Debug, Deserialize)]
struct ManifestLine {
    path: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    received_at: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(flatten)]
    more: BTreeMap<String, serde_json::Value>,
}

struct Intake<'a> {
    house: &'a House,
    pipeline: &'a Pipeline,
    columns: RowColumns,
    names: ColumnNames,
    received_at: Timestamp,
    manifest: BTreeMap<String, ManifestLine>,
    reader: Arc<Reader>,
    lang: domain::Lang,
    has_password: bool,
    seen: Ingested,
    weeks: std::collections::BTreeSet<IsoWeek>,
}

/// Takes documents in and processes them.
pub async fn ingest(global: &Global, args: &Ingest) -> Result<Ending> {
    let mut house = House::open_with(global, None, args.password.clone()).await?;
    // Taking in alone disturbs no worker where several processes share the ledger.
    let _lock = if args.no_wait && house.service.is_some() {
        house.lock_shared()?
    } else {
        house.lock()?
    };
    if stop_broken(&house, global).await? {
        house = House::open_with(global, None, args.password.clone()).await?;
    }
    let pipeline = house.pipeline(&args.pipeline)?.clone();
    let (zone, _) = pipeline.source.zone();
    let received_at = match &args.received_at {
        Some(text) => Timestamp::parse_in(text, &zone)?,
        None => house.desk.clock.now(),
    };
    let given = &pipeline.source.file.rows;
    let column =
        |typed: &Option<String>, declared: &Option<String>| typed.clone().or(declared.clone());
    let mut intake = Intake {
        house: &house,
        pipeline: &pipeline,
        columns: RowColumns {
            text: column(&args.text_column, &given.text),
            id: column(&args.id_column, &given.id),
            title: column(&args.title_column, &given.title),
            date: column(&args.date_column, &given.date),
        },
        names: ColumnNames::new(&pipeline.source.file.columns),
        received_at,
        manifest: match &args.manifest {
            Some(path) => manifest(path)?,
            None => BTreeMap::new(),
        },
        reader: Arc::new((reading().reader)(Budgets::default())),
        lang: global.lang,
        has_password: house.has_password(),
        seen: Ingested::default(),
        weeks: std::collections::BTreeSet::new(),
    };
    let routes = pipeline.path(false).any(|s| s.as_str() == "classify");
    if routes && house.models.head_digest(pipeline.name())?.is_none() {
        print::note(match global.lang {
            domain::Lang::Fr => format!(
                "aucun modèle appris pour `{}` : tout ce qu’aucune règle ne décide sera à vérifier (greffier train, avant ingest)",
                pipeline.name()
            ),
            domain::Lang::En => format!(
                "no model is trained for `{}`: whatever no rule decides will be for review (greffier train, before ingest)",
                pipeline.name()
            ),
        });
    }
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files, &mut intake.seen.refused);
    }
    let skip = args
        .manifest
        .as_deref()
        .and_then(|p| std::fs::canonicalize(p).ok());
    files.retain(|(path, _)| skip.is_none() || std::fs::canonicalize(path).ok() != skip);
    let bar = print::bar(
        files.len() as u64,
        global.lang.pick("réception", "taking in"),
    );
    for (path, relative) in &files {
        intake.take(path, relative).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let weeks = std::mem::take(&mut intake.weeks);
    let mut seen = intake.seen;
    if !args.no_wait {
        seen.add(process(&house, global).await?);
        if reconcilers::reconciles(&pipeline) {
            for week in weeks {
                reconcilers::alerts(&house, &pipeline, week).await?;
            }
            if reconcilers::tells(&pipeline) {
                reconcilers::tell::round(&house, &|| {}).await?;
            }
            pipeline::log::checkpoint(&house.desk.vault).await?;
        }
    }
    seen.owed = house.desk.vault.ledger.counts().await?.tasks;
    report(global, &seen)?;
    let clean = seen.refused.is_empty() && seen.set_aside == 0;
    Ok(if clean {
        Ending::Done
    } else {
        Ending::SomeRefused
    })
}

/// Finishes what is owed.
pub async fn work(global: &Global) -> Result<Ending> {
    let mut house = House::open_existing(global).await?;
    let _lock = house.lock()?;
    if stop_broken(&house, global).await? {
        house = House::open_existing(global).await?;
    }
    let mut seen = Ingested::default();
    seen.add(process(&house, global).await?);
    seen.owed = house.desk.vault.ledger.counts().await?.tasks;
    report(global, &seen)?;
    Ok(if seen.set_aside == 0 {
        Ending::Done
    } else {
        Ending::SomeRefused
    })
}

/// Suspends what is broken before anything is routed; whether the pipelines must be read again.
async fn stop_broken(house: &House, global: &Global) -> Result<bool> {
    let broken = super::promise::stop_broken(house, None).await?;
    super::promise::alarm(global.lang, &broken);
    Ok(!broken.is_empty())
}

/// Makes what waits for OCR due at once where OCR is here by now: whoever installed it and runs this
/// expects it to be used.
async fn wake_scans(house: &House) -> Result<()> {
    let ledger = &house.desk.vault.ledger;
    let waiting = ledger.owed().await?.into_iter();
    let waiting: Vec<_> = waiting
        .filter(|(_, reason)| reason.as_deref() == Some(NEEDS_OCR))
        .collect();
    if waiting.is_empty() || recogniser(&OcrSettings::default().languages).is_err() {
        return Ok(());
    }
    for (task, _) in waiting {
        ledger
            .defer(&task, house.desk.clock.now(), NEEDS_OCR)
            .await?;
    }
    Ok(())
}

/// Runs the stages that are owed, then brings the index and the log up to date.
async fn process(house: &House, global: &Global) -> Result<Processed> {
    let began = std::time::Instant::now();
    wake_scans(house).await?;
    let owed = house.desk.vault.ledger.owed().await?;
    // How much work an owed task stands for: itself and what follows it.
    let mut total = 0;
    for (task, _) in &owed {
        // A pipeline that is not in force any more: its tasks wait, the others go on.
        let Ok(pipeline) = house.desk.pipelines.get(&task.pipeline) else {
            continue;
        };
        total += pipeline
            .path(false)
            .skip_while(|s| **s != task.stage)
            .count()
            .max(1) as u64;
    }
    let bar = print::bar(total, global.lang.pick("traitement", "processing"));
    let (events, mut arriving) = tokio::sync::mpsc::unbounded_channel::<engine::Event>();
    let shown = bar.clone();
    let listener = tokio::spawn(async move {
        let mut times: BTreeMap<String, (u64, Duration)> = BTreeMap::new();
        while let Some(event) = arriving.recv().await {
            if shown.position() >= shown.length().unwrap_or(0) {
                shown.inc_length(1);
            }
            shown.inc(1);
            let time = times.entry(event.task.stage.to_string()).or_default();
            time.0 += 1;
            time.1 += event.elapsed;
        }
        times
    });
    let worker = house.worker();
    let totals = engine::run_until_idle(&worker, house.threads, PATIENCE, Some(events)).await;
    let times = listener.await?;
    bar.finish_and_clear();
    let totals = totals?;
    let stages = times
        .into_iter()
        .map(|(stage, (tasks, time))| {
            (
                stage,
                StageTime {
                    tasks,
                    total_ms: time.as_millis() as u64,
                },
            )
        })
        .collect();
    let processing = began.elapsed();
    pipeline::log::checkpoint(&house.desk.vault).await?;
    let bar = print::bar(0, global.lang.pick("index", "indexing"));
    followers::follow(house, &|position, end| {
        bar.set_length(end);
        bar.set_position(position);
    })
    .await?;
    bar.finish_and_clear();
    super::promise::alarm(global.lang, &super::promise::keep(house).await?);
    let indexing = began.elapsed().saturating_sub(processing);
    Ok(Processed {
        totals,
        stages,
        processing,
        indexing,
    })
}

fn report(global: &Global, seen: &Ingested) -> Result<()> {
    if global.json {
        return print::json(seen);
    }
    let lang = global.lang;
    for refused in &seen.refused {
        print::note(format!(
            "{} {}: {}",
            lang.pick("refusé", "refused"),
            refused.path,
            refused.why
        ));
    }
    for remark in &seen.remarks {
        print::note(format!(
            "{} {}: {}",
            lang.pick("remarque", "remark"),
            remark.path,
            remark.why
        ));
    }
    if seen.opened_again > 0 {
        print::note(match lang {
            domain::Lang::Fr => format!(
                "{} document(s) protégé(s) relu(s) avec le mot de passe donné",
                seen.opened_again
            ),
            domain::Lang::En => format!(
                "{} locked document(s) read again with the password given",
                seen.opened_again
            ),
        });
    }
    print::line(match lang {
        domain::Lang::Fr => format!(
            "{} document(s) reçu(s), {} déjà là, {} en double, {} refusé(s), {} mis de côté, {} tâche(s) en attente",
            seen.new,
            seen.already_here,
            seen.duplicates,
            seen.refused.len(),
            seen.set_aside,
            seen.owed
        ),
        domain::Lang::En => format!(
            "{} document(s) taken in, {} already here, {} duplicates, {} refused, {} set aside, {} task(s) owed",
            seen.new,
            seen.already_here,
            seen.duplicates,
            seen.refused.len(),
            seen.set_aside,
            seen.owed
        ),
    });
    Ok(())
}

impl Intake<'_> {
    /// Takes one file in: as a document, or as one document a row. What cannot be read is refused
    /// as a whole, and the batch goes on; what the ledger cannot take stops the command.
    async fn take(&mut self, path: &Path, relative: &str) -> Result<()> {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(why) => {
                self.refuse(path.display().to_string(), why);
                return Ok(());
            }
        };
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let accepts = &self.pipeline.source.file.accepts;
        // A workbook has several sheets, of which one is split: where files are taken too, it is taken
        // whole.
        let workbooks = !accepts.contains(&Accepts::Files);
        let table = match accepts.contains(&Accepts::Rows) {
            true => self.rows(name.as_deref(), &bytes, workbooks).await?,
            false => Ok(None),
        };
        let table = match table {
            Ok(table) => table,
            Err(fault) => {
                self.refuse(path.display().to_string(), pipeline::verify::chain(&fault));
                return Ok(());
            }
        };
        match table {
            Some(rows) => {
                let rows = match rows {
                    Ok(mut rows) => {
                        rows.name_columns(&self.names);
                        rows
                    }
                    Err(error) => {
                        self.refuse(path.display().to_string(), pipeline::verify::chain(&error));
                        return Ok(());
                    }
                };
                let columns = self.columns_of(&rows);
                if !self.has_columns(path, &rows, &columns) {
                    return Ok(());
                }
                for bad in &rows.bad_lines {
                    let path = format!("{}:{}", path.display(), bad.line);
                    self.seen.refused.push(Refused {
                        path,
                        why: bad_line(bad.reason).to_owned(),
                    });
                }
                for sheet in &rows.other_sheets {
                    self.seen.refused.push(Refused {
                        path: format!("{}#{sheet}", path.display()),
                        why: "is another sheet, and only the first table of a workbook is split: \
                              not taken in; save it as a file of its own"
                            .to_owned(),
                    });
                }
                for note in &rows.notes {
                    let detail = note
                        .detail
                        .as_deref()
                        .map(|d| format!(" ({d})"))
                        .unwrap_or_default();
                    let why = format!("{}{detail}", note.code.say(self.lang));
                    self.seen.remarks.push(Refused {
                        path: path.display().to_string(),
                        why,
                    });
                }
                for row in rows.rows {
                    self.take_row(path, relative, row, &columns).await?;
                }
                Ok(())
            }
            None if !accepts.contains(&Accepts::Files) => {
                let why = format!(
                    "pipeline `{}` takes rows of CSV, TSV, JSON Lines or a spreadsheet, and this is none",
                    self.pipeline.name()
                );
                self.refuse(path.display().to_string(), why);
                Ok(())
            }
            None => self.take_file(path, relative, name, bytes).await,
        }
    }

    /// The rows of a table, split in a child process as everything is read.
    async fn rows(
        &self,
        name: Option<&str>,
        bytes: &[u8],
        workbooks: bool,
    ) -> Result<Result<Table, ReadFault>> {
        let (reader, name, bytes) = (self.reader.clone(), name.map(str::to_owned), bytes.to_vec());
        Ok(tokio::task::spawn_blocking(move || {
            let input = Input {
                bytes: &bytes,
                file_name: name.as_deref(),
                ..Input::default()
            };
            reader.rows(&input, workbooks)
        })
        .await?)
    }

    /// The columns that count, as this table calls them: what was typed may be a title that has got
    /// its name.
    fn columns_of(&self, rows: &Rows) -> RowColumns {
        let titles = rows.titles();
        let called = |column: &Option<String>| {
            let column = column.as_deref()?;
            let named = self.names.of(column).filter(|name| titles.contains(name));
            let called = match titles.contains(column) {
                true => column,
                false => named.unwrap_or(column),
            };
            Some(called.to_owned())
        };
        let all = &self.columns;
        RowColumns {
            text: called(&all.text),
            id: called(&all.id),
            title: called(&all.title),
            date: called(&all.date),
        }
    }

    /// Whether a table has the column that holds the text: without it each of its rows would say
    /// nothing. Others that are missing are remarked on.
    fn has_columns(&mut self, path: &Path, rows: &Rows, columns: &RowColumns) -> bool {
        let titles = rows.titles();
        let lacks = |column: &Option<String>| {
            column
                .clone()
                .filter(|column| !titles.contains(column.as_str()))
        };
        let has = titles.iter().copied().collect::<Vec<_>>().join(", ");
        if rows.rows.is_empty() {
            return true;
        }
        if let Some(text) = lacks(&columns.text) {
            let why = match self.lang {
                domain::Lang::Fr => format!(
                    "n’a pas de colonne `{text}`, celle du texte : ses colonnes sont {has}. Nommez-la par --text-column, ou sous [columns] dans le fichier de la chaîne"
                ),
                domain::Lang::En => format!(
                    "has no column `{text}`, which holds the text: it has {has}. Name it with --text-column, or under [columns] in the pipeline file"
                ),
            };
            self.refuse(path.display().to_string(), why);
            return false;
        }
        for (column, option, instead) in [
            (
                lacks(&columns.id),
                "--id-column",
                self.lang.pick(
                    "chaque ligne est nommée par son rang",
                    "rows are named by their number",
                ),
            ),
            (
                lacks(&columns.date),
                "--date-column",
                self.lang
                    .pick("toutes sont reçues maintenant", "all are received now"),
            ),
        ] {
            let Some(column) = column else { continue };
            let why = match self.lang {
                domain::Lang::Fr => {
                    format!(
                        "n’a pas de colonne `{column}` ({option}) : {instead} ; ses colonnes sont {has}"
                    )
                }
                domain::Lang::En => {
                    format!("has no column `{column}` ({option}): {instead}; it has {has}")
                }
            };
            self.seen.remarks.push(Refused {
                path: path.display().to_string(),
                why,
            });
        }
        true
    }

    async fn take_file(
        &mut self,
        path: &Path,
        relative: &str,
        name: Option<String>,
        bytes: Vec<u8>,
    ) -> Result<()> {
        let file_name = name.clone().unwrap_or_default();
        let line = self
            .manifest
            .get(relative)
            .or_else(|| self.manifest.get(&file_name))
            .cloned();
        let mut arrival = Arrival {
            format: ArrivalFormat::V1,
            source: Source::Path(relative.to_owned()),
            file_name: name,
            media_type: None,
            received_at: self.received_at,
            channel: None,
            metadata: BTreeMap::new(),
            columns: None,
            intake: None,
        };
        if let Some(line) = line {
            if let Some(id) = line.id.filter(|id| !id.is_empty()) {
                arrival.source = Source::External(id);
            }
            if let Some(date) = &line.received_at {
                let (zone, _) = self.pipeline.source.zone();
                match Timestamp::parse_in(date, &zone) {
                    Ok(at) => arrival.received_at = at,
                    Err(error) => {
                        self.refuse(
                            path.display().to_string(),
                            format!("in the manifest: {error}"),
                        );
                        return Ok(());
                    }
                }
            }
            arrival.channel = line.channel;
            arrival.metadata = line.more.into_iter().map(|(k, v)| (k, plain(v))).collect();
        }
        self.admit(arrival, bytes).await
    }

    async fn take_row(
        &mut self,
        path: &Path,
        relative: &str,
        row: extract::rows::Row,
        columns: &RowColumns,
    ) -> Result<()> {
        let value = |column: &Option<String>| {
            let found = row.value.get(column.as_ref()?)?;
            let text = plain(found.clone());
            (!found.is_null() && !text.trim().is_empty()).then_some(text)
        };
        let received_at = match value(&columns.date) {
            None => self.received_at,
            Some(date) => {
                let (zone, _) = self.pipeline.source.zone();
                match Timestamp::parse_in(&date, &zone) {
                    Ok(at) => at,
                    Err(error) => {
                        self.refuse(
                            format!("{}:{}", path.display(), row.line),
                            error.to_string(),
                        );
                        return Ok(());
                    }
                }
            }
        };
        let source = match value(&columns.id) {
            Some(id) => Source::External(id),
            None => Source::Path(format!("{relative}#{}", row.number)),
        };
        let arrival = Arrival {
            format: ArrivalFormat::V1,
            source,
            file_name: path.file_name().map(|n| n.to_string_lossy().into_owned()),
            media_type: Some(ROW_MEDIA_TYPE.to_owned()),
            received_at,
            channel: None,
            metadata: BTreeMap::new(),
            columns: Some(columns.clone()),
            intake: None,
        };
        self.admit(arrival, row.json).await
    }

    async fn admit(&mut self, arrival: Arrival, bytes: Vec<u8>) -> Result<()> {
        let (zone, _) = self.pipeline.source.zone();
        self.weeks.insert(arrival.received_at.week_in(&zone));
        let incoming = Incoming::new(self.pipeline, arrival, bytes);
        let desk = &self.house.desk;
        let clock: &dyn Clock = desk.clock.as_ref();
        let (id, admitted) = admit(&desk.vault, &incoming, clock, &desk.build).await?;
        match admitted {
            Admitted::New { duplicate_of } => {
                self.seen.new += 1;
                self.seen.duplicates += u64::from(duplicate_of.is_some());
            }
            Admitted::Existing => {
                self.seen.already_here += 1;
                // A password often comes after the file.
                if self.has_password && desk.read_again_if_locked(id).await? {
                    self.seen.opened_again += 1;
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, path: String, why: String) {
        self.seen.refused.push(Refused { path, why });
    }
}

/// What is wrong with a line of a table.
fn bad_line(reason: BadLineReason) -> &'static str {
    match reason {
        BadLineReason::NotJson => "is not JSON: not taken in",
        BadLineReason::NotAnObject => "is not a JSON object: not taken in",
        BadLineReason::NotCanonical => "has a number that cannot be kept exactly: not taken in",
        BadLineReason::BadRecord => "has a quotation mark that is not closed: not taken in",
    }
}

/// A JSON value as the text of a column.
pub fn plain(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path)
        .map_err(|e| format!("cannot be read: {e}"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "has {} MiB, more than the {} MiB that are taken in: split it or send what it holds",
            size >> 20,
            FILE_BYTES_MAX >> 20
        ));
    }
    std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))
}

/// Files under `path`, sorted, with their names relative to what was asked.
pub fn collect(path: &Path, files: &mut Vec<(PathBuf, String)>, refused: &mut Vec<Refused>) {
    let name = |p: &Path| {
        p.file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned())
    };
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => walk(path, "", files, refused),
        Ok(_) => files.push((path.to_owned(), name(path))),
        Err(error) => refused.push(Refused {
            path: path.display().to_string(),
            why: format!("cannot be read: {error}"),
        }),
    }
}

fn walk(dir: &Path, prefix: &str, files: &mut Vec<(PathBuf, String)>, refused: &mut Vec<Refused>) {
    let mut refuse = |path: &Path, error: std::io::Error| {
        refused.push(Refused {
            path: path.display().to_string(),
            why: format!("cannot be read: {error}"),
        });
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return refuse(dir, error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => refuse(dir, error),
        }
    }
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let relative = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        // Links are not followed: a folder may link to itself.
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => walk(&path, &relative, files, refused),
            Ok(meta) if meta.is_file() => files.push((path, relative)),
            Ok(_) => refused.push(Refused {
                path: path.display().to_string(),
                why: "is a link or a special file: give what it points to".into(),
            }),
            Err(error) => refused.push(Refused {
                path: path.display().to_string(),
                why: format!("cannot be read: {error}"),
            }),
        }
    }
}

fn manifest(path: &Path) -> Result<BTreeMap<String, ManifestLine>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = BTreeMap::new();
    for (n, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let line: ManifestLine = serde_json::from_str(line).with_context(|| {
            format!(
                "{}:{}: expected {{\"path\", \"id\", \"received_at\", …}}",
                path.display(),
                n + 1
            )
        })?;
        if let Some(before) = lines.insert(line.path.clone(), line) {
            bail!(
                "{}:{}: `{}` is said twice",
                path.display(),
                n + 1,
                before.path
            );
        }
    }
    Ok(lines)
}

//! The benches: figures as ratios, against a peer or a limit measured in the same run.
//!
//! | module | what it measures |
//! |---|---|
//! | [`capacity`] | what that means for a town, a département, 35,000 communes |
//! | [`intake`] | documents a second from file to index, and where the time goes |
//! | [`searching`] | passages a second into the index, milliseconds a question, beside bm25s and Faiss |
//! | [`service`] | documents a second over RabbitMQ and PostgreSQL, beside the embedded house |
//! | [`reading`] | pages of PDF a second, beside `pdftotext` and PDFium |
//!
//! `cargo xtask bench` builds in release and writes `benches/runs/DATE-PLATFORM.json`.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

mod capacity;
mod intake;
mod reading;
mod searching;
mod service;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use serde::Serialize;

#[derive(Parser)]
struct Args {
    /// Measure this alone.
    #[arg(long, value_enum)]
    only: Option<Bench>,
    /// Documents of each shape of intake.
    #[arg(long, default_value_t = 100)]
    documents: usize,
    /// Working threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Times that each reader reads a shape.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// What a scanned page costs a core, in milliseconds: `greffier eval extract --ocr` measures it.
    #[arg(long, default_value_t = 2_500.0)]
    page_ms: f64,
    /// Folders of PDFs to read besides the shapes of our own.
    #[arg(long, value_name = "DIR")]
    pdf: Vec<PathBuf>,
    /// Passages of each archive that is searched.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    passages: Vec<usize>,
    /// What the archives are made of: JSON Lines of {"title","text"}; else the fixtures.
    #[arg(long, value_name = "FILE.jsonl")]
    corpus: Option<PathBuf>,
    /// What is asked of them: JSON Lines of {"text"}.
    #[arg(long, value_name = "FILE.jsonl")]
    queries: Option<PathBuf>,
    /// The largest archive that the peers are given: they hold all of it in memory.
    #[arg(long, default_value_t = 100_000)]
    peers_up_to: usize,
    /// The binary; else `greffier` beside this program.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Keep the raw run in this file.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    Intake,
    Reading,
    Search,
    Service,
}

/// What a run is kept as.
#[derive(Serialize)]
struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    intake: Option<Vec<intake::Run>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<Vec<capacity::Run>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<Vec<reading::Run>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<Vec<searching::Run>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<service::Run>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binary = match &args.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("greffier"),
    };
    ensure!(
        binary.is_file(),
        "{} is not there: build greffier first",
        binary.display()
    );
    let wanted = |bench| args.only.is_none_or(|only| only == bench);
    let mut kept = Kept {
        intake: None,
        capacity: None,
        reading: None,
        search: None,
        service: None,
    };
    if wanted(Bench::Reading) {
        kept.reading = Some(reading::run(&args, &root, &binary)?);
    }
    if wanted(Bench::Intake) {
        let runs = intake::run(&args, &root, &binary)?;
        kept.capacity = Some(capacity::run(&runs, args.page_ms));
        kept.intake = Some(runs);
    }
    if wanted(Bench::Search) {
        kept.search = Some(searching::run(&args, &root)?);
    }
    if wanted(Bench::Service) {
        kept.service = Some(service::run(&args, &root, &binary)?);
    }
    if let Some(path) = &args.out {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(path, serde_json::to_string_pretty(&kept)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The fixtures of a folder with an extension, in order.
fn fixtures(root: &Path, folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let folder = root.join("fixtures").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    ensure!(
        !files.is_empty(),
        "{} holds no {extension}",
        folder.display()
    );
    Ok(files)
}

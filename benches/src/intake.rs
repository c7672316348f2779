//! How many documents a second the embedded house carries from file to index, by input shape, and
//! where the time goes.
//!
//! Goals: one command, named shapes, ratios that hold on a noisy machine. Non-goals: absolute
//! records; anything that the real binary does not do. Each shape is ingested by the real binary
//! into a fresh data directory; the limit it is held against is the time its own stages took on
//! the same threads in the same run: `efficiency` is stage time ÷ (wall time × threads), and what
//! is missing to 1 is the ledger, sealing, the queue and the index.
//!
//! What the numbers should show: `embed` dominates with a contextual encoder; efficiency falls as
//! documents get smaller; `report` (a row) is the fastest shape, `minutes` (many pages) the slowest.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{Args, fixtures};

#[derive(Deserialize)]
struct Ingested {
    new: u64,
    set_aside: u64,
    stages: BTreeMap<String, StageTime>,
    processing_ms: u64,
    indexing_ms: u64,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
struct StageTime {
    tasks: u64,
    total_ms: u64,
}

/// One shape, as measured.
#[derive(Serialize)]
pub(crate) struct Run {
    pub(crate) shape: &'static str,
    documents: usize,
    threads: usize,
    bytes: u64,
    wall_ms: u64,
    documents_per_second: f64,
    efficiency: f64,
    indexing_share: f64,
    stages: BTreeMap<String, StageTime>,
}

impl Run {
    /// What a document costs in all, ledger and index included, in milliseconds of one core: what the
    /// cores that were there could have done meanwhile.
    pub(crate) fn core_ms(&self) -> f64 {
        self.wall_ms as f64 * self.threads as f64 / self.documents.max(1) as f64
    }
}

/// An input shape: which pipeline, and how its n-th document is made. No two are the same bytes.
struct Shape {
    name: &'static str,
    pipeline: &'static str,
    make: fn(&Path, &Path, usize) -> Result<()>,
}

const SHAPES: [Shape; 5] = [
    Shape {
        name: "letter",
        pipeline: "forms",
        make: letter,
    },
    Shape {
        name: "form",
        pipeline: "forms",
        make: form,
    },
    Shape {
        name: "email",
        pipeline: "forms",
        make: email,
    },
    Shape {
        name: "report",
        pipeline: "field-reports",
        make: report,
    },
    Shape {
        name: "minutes",
        pipeline: "archives",
        make: minutes,
    },
];

/// Ingests every shape and prints a line of each.
pub(crate) fn run(args: &Args, root: &Path, binary: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    println!(
        "{:<10} {:>9} {:>10} {:>11} {:>9}  share of stage time",
        "shape", "documents", "wall (s)", "documents/s", "efficiency"
    );
    for shape in &SHAPES {
        let run = measure(args, root, binary, shape)?;
        let total: u64 = run.stages.values().map(|s| s.total_ms).sum::<u64>().max(1);
        let shares: Vec<String> = run
            .stages
            .iter()
            .map(|(name, s)| format!("{name} {} %", 100 * s.total_ms / total))
            .collect();
        println!(
            "{:<10} {:>9} {:>10.1} {:>11.1} {:>9.2}  {}",
            run.shape,
            run.documents,
            run.wall_ms as f64 / 1e3,
            run.documents_per_second,
            run.efficiency,
            shares.join(", ")
        );
        runs.push(run);
    }
    Ok(runs)
}

fn measure(args: &Args, root: &Path, binary: &Path, shape: &Shape) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("in");
    std::fs::create_dir(&input)?;
    for n in 0..args.documents {
        (shape.make)(root, &input, n)?;
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(&input)? {
        bytes += entry?.metadata()?.len();
    }
    let data = folder.path().join("data");
    let began = Instant::now();
    let output = Command::new(binary)
        .args([
            "ingest",
            "--json",
            "--pipeline",
            shape.pipeline,
            "--threads",
        ])
        .arg(args.threads.to_string())
        .arg("--data")
        .arg(&data)
        .arg("--pipelines")
        .arg(root.join("pipelines"))
        .arg(&input)
        .output()?;
    let wall_ms = began.elapsed().as_millis() as u64;
    ensure!(
        output.status.success(),
        "shape {}: {}",
        shape.name,
        String::from_utf8_lossy(&output.stderr)
    );
    let ingested: Ingested = serde_json::from_slice(&output.stdout)?;
    ensure!(
        ingested.new == args.documents as u64 && ingested.set_aside == 0,
        "shape {}: {} of {} documents entered, {} set aside",
        shape.name,
        ingested.new,
        args.documents,
        ingested.set_aside
    );
    let stage_ms: u64 = ingested.stages.values().map(|s| s.total_ms).sum();
    let working = (ingested.processing_ms + ingested.indexing_ms).max(1) * args.threads as u64;
    Ok(Run {
        shape: shape.name,
        documents: args.documents,
        threads: args.threads,
        bytes,
        wall_ms,
        documents_per_second: args.documents as f64 * 1e3 / wall_ms.max(1) as f64,
        efficiency: stage_ms as f64 / working as f64,
        indexing_share: ingested.indexing_ms as f64 / wall_ms.max(1) as f64,
        stages: ingested.stages,
    })
}

/// A letter of a page.
pub(crate) fn letter(_: &Path, folder: &Path, n: usize) -> Result<()> {
    let text = format!(
        "Valmont-sur-Orve, le 3 novembre 2026\n\nObjet : éclairage en panne, dossier {n}\n\nMadame, Monsieur,\n\n\
         Depuis le début du mois, les lampadaires de la rue des Forges ne s’allument plus entre le \
         numéro {n} et la place. Les enfants rentrent de l’école dans le noir et une personne âgée \
         est tombée lundi dernier sur le trottoir défoncé. Nous avons appelé deux fois sans réponse.\n\n\
         Pourriez-vous nous dire quand la réparation est prévue ? Nous restons à votre disposition \
         pour montrer les mâts concernés.\n\nVeuillez agréer, Madame, Monsieur, nos salutations distinguées.\n"
    );
    Ok(std::fs::write(
        folder.join(format!("letter-{n:05}.txt")),
        text,
    )?)
}

/// A filled form of the fixtures: a comment after the end of the file makes it another one.
fn form(root: &Path, folder: &Path, n: usize) -> Result<()> {
    let forms = fixtures(root, "forms/documents", "pdf")?;
    let mut bytes = std::fs::read(&forms[n % forms.len()])?;
    bytes.extend_from_slice(format!("\n% {n}\n").as_bytes());
    Ok(std::fs::write(
        folder.join(format!("form-{n:05}.pdf")),
        bytes,
    )?)
}

fn email(root: &Path, folder: &Path, n: usize) -> Result<()> {
    let mails = fixtures(root, "forms/documents", "eml")?;
    let mut bytes = format!("X-Number: {n}\r\n").into_bytes();
    bytes.extend(std::fs::read(&mails[n % mails.len()])?);
    Ok(std::fs::write(
        folder.join(format!("email-{n:05}.eml")),
        bytes,
    )?)
}

/// Rows of one table.
fn report(root: &Path, folder: &Path, n: usize) -> Result<()> {
    use std::io::Write;
    let text = std::fs::read_to_string(root.join("fixtures/field-reports/reports.jsonl"))?;
    let lines: Vec<&str> = text.lines().collect();
    let line = lines[n % lines.len()].replacen("\"id\":\"", &format!("\"id\":\"B{n:05}-"), 1);
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("reports.jsonl"))?;
    Ok(writeln!(file, "{line}")?)
}

/// Minutes and deliberations of several pages.
fn minutes(root: &Path, folder: &Path, n: usize) -> Result<()> {
    let archives = fixtures(root, "archives/documents", "pdf")?;
    let mut bytes = std::fs::read(&archives[n % archives.len()])?;
    bytes.extend_from_slice(format!("\n% {n}\n").as_bytes());
    Ok(std::fs::write(
        folder.join(format!("minutes-{n:05}.pdf")),
        bytes,
    )?)
}

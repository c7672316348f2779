//! `cargo xtask chaos`: the house spread over processes, disturbed by a plan drawn from a seed.
//!
//! The real binary with a PostgreSQL and a RabbitMQ of its own: eight working threads in five
//! processes, two relays, two ticks. While documents are taken in, processes are killed and stopped,
//! servers are killed, connections are cut, late or silent, the disk is full, clocks jump. Afterwards
//! nothing may be lost, done twice or decided otherwise than in an embedded house that nobody
//! disturbed.
//!
//! | module | what it does |
//! |---|---|
//! | [`plan`] | what goes wrong and when, from the seed alone |
//! | [`papers`] | the documents, from the seed alone |
//! | [`servers`], [`proxy`] | PostgreSQL and RabbitMQ, and the way to them |
//! | [`town`], [`crew`] | the house, its disk and clocks, and its processes |
//! | [`storm`] | each fault at its moment, and documents on their way in |
//! | [`settle`], [`checks`] | waiting for the end, and what must hold then |

mod checks;
mod crew;
mod papers;
mod plan;
mod proxy;
mod servers;
mod settle;
mod storm;
mod town;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::program::{Program, note};
use checks::{Check, Checks};
use crew::{Crew, ROLES};
use plan::{Plan, Size};
use proxy::Proxy;
use servers::{Broker, Ledger, Watch};
use storm::{Weather, World};
use town::{Clocks, Disk, Service, Town};

/// Documents of the short form, and of the long one.
pub(crate) const SHORT: usize = 300;
pub(crate) const LONG: usize = 1_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What everything is drawn from.
    pub(crate) seed: u64,
    /// Documents.
    pub(crate) documents: usize,
    /// Minutes of faults; none for the short form.
    pub(crate) minutes: Option<u64>,
    /// Whether the summary is JSON.
    pub(crate) json: bool,
    /// Whether it goes to standard error, where standard output is someone else's.
    pub(crate) aside: bool,
    /// Keep the run's folder whatever happens.
    pub(crate) keep: bool,
}

/// What a run came to.
#[derive(Serialize)]
struct Summary<'a> {
    seed: u64,
    documents: usize,
    broken: usize,
    long: usize,
    plan: &'a Plan,
    faults: std::collections::BTreeMap<String, u64>,
    skipped: Vec<String>,
    processes_started: u64,
    ended_by_themselves: &'a [String],
    ingests_killed: u32,
    ingests_failed: u32,
    undisturbed_seconds: u64,
    storm_seconds: u64,
    settled_seconds: u64,
    seconds: u64,
    checks: &'a [Check],
    holds: bool,
}

/// Whether servers of its own can be had on this machine; what is missing.
pub(crate) fn missing() -> Option<&'static str> {
    servers::rabbitmq()
        .is_none()
        .then_some("RabbitMQ is not installed on this machine, and chaos starts its own")
}

/// Runs it; whether everything holds.
///
/// # Errors
/// When the house cannot be set up, or a command of it fails.
pub(crate) fn run(greffier: &Program<'_>, root: &Path, asked: &Asked) -> Result<bool> {
    let folder = std::env::temp_dir().join(format!(
        "greffier-chaos-{}-{}",
        asked.seed,
        std::process::id()
    ));
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let logs = folder.join("logs");
    let done = attempt(greffier, root, asked, &folder, &logs);
    let holds = matches!(done, Ok(true));
    if holds && !asked.keep {
        // A folder that cannot be removed is in the way of nobody.
        let _ = fs::remove_dir_all(&folder);
    } else {
        note(&format!(
            "seed {}: logs, plan and documents are in {}",
            asked.seed,
            folder.display()
        ));
    }
    done
}

fn attempt(
    greffier: &Program<'_>,
    root: &Path,
    asked: &Asked,
    folder: &Path,
    logs: &Path,
) -> Result<bool> {
    let began = Instant::now();
    let size = match asked.minutes {
        Some(minutes) => Size::long(asked.documents, minutes),
        None => Size::short(asked.documents),
    };
    let names: Vec<&'static str> = ROLES.iter().map(|role| role.name).collect();
    let clocks = ROLES.iter().filter(|role| role.clock);
    let clocks: Vec<&'static str> = clocks.map(|role| role.name).collect();
    let plan = Plan::draw(asked.seed, &size, &names, &clocks);
    let mut said = Vec::new();
    for fault in &plan.faults {
        said.push(fault.to_string());
    }
    let make = |dir: PathBuf| -> Result<PathBuf> {
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    };
    make(logs.to_owned())?;
    fs::write(logs.join("plan"), said.join("\n") + "\n")?;
    let out = io::stderr();
    writeln!(
        &out,
        "seed {}, {} documents:\n{}",
        asked.seed,
        size.documents,
        said.join("\n")
    )?;

    let papers = papers::write(root, &make(folder.join("in"))?, asked.seed, &size)?;
    note("an embedded house takes the documents in, undisturbed");
    let started = Instant::now();
    let still = Clocks::find(folder.to_owned());
    let alone = Town::open(greffier, folder.join("alone"), None, still)?;
    for batch in &papers.folders {
        town::heard(alone.ingest(batch, true), &[0, 3])?;
    }
    let undisturbed = started.elapsed();
    note(&format!(
        "done in {:.0} s; now in service",
        undisturbed.as_secs_f64()
    ));

    let _watch = Watch::over(folder)?;
    let mut world = world(greffier, folder, logs)?;
    let started = Instant::now();
    let weather = storm::rage(&mut world, &plan, &papers.folders)?;
    let storm = started.elapsed();
    note("the last fault is over: waiting until nothing is owed");
    // A message that was given back three times waits five minutes.
    let (limit, stale) = match asked.minutes {
        Some(_) => (Duration::from_secs(1_200), Duration::from_secs(330)),
        None => (Duration::from_secs(360), Duration::from_secs(40)),
    };
    let settled = settle::wait(&mut world, limit, stale)?;
    let disorder = world.crew.dismiss()?;
    note("everyone has left: looking at what there is");
    let checks = Checks {
        world: &world,
        alone: &alone,
        papers: &papers,
        settled: &settled,
        disorder: &disorder,
        replayed: if asked.minutes.is_some() { 100 } else { 10 },
        folder,
    }
    .all();
    let holds = checks.iter().all(|check| check.holds);
    let Weather {
        counts,
        skipped,
        ingests_killed,
        ingests_failed,
    } = weather;
    let summary = Summary {
        seed: asked.seed,
        documents: size.documents,
        broken: papers.broken,
        long: papers.long,
        plan: &plan,
        faults: counts,
        skipped: skipped.into_iter().collect(),
        processes_started: world.crew.started,
        ended_by_themselves: &world.crew.ended,
        ingests_killed,
        ingests_failed,
        undisturbed_seconds: undisturbed.as_secs(),
        storm_seconds: storm.as_secs(),
        settled_seconds: settled.took.as_secs(),
        seconds: began.elapsed().as_secs(),
        checks: &checks,
        holds,
    };
    let json = serde_json::to_string_pretty(&summary)?;
    fs::write(logs.join("summary.json"), &json)?;
    let mut out: Box<dyn Write> = match asked.aside {
        true => Box::new(io::stderr()),
        false => Box::new(io::stdout()),
    };
    if asked.json {
        writeln!(out, "{json}")?;
    } else {
        show(&mut out, &summary)?;
    }
    if asked.keep {
        // The disk of the data directory goes with this process.
        keep(&world.town.data, &folder.join("kept"));
    }
    Ok(holds)
}

fn world<'a>(greffier: &'a Program<'a>, folder: &Path, logs: &Path) -> Result<World<'a>> {
    let ledger = Ledger::start(folder)?;
    let broker = Broker::start(folder)?;
    let (to_ledger, to_broker) = (Proxy::before(ledger.port)?, Proxy::before(broker.port)?);
    let data = folder.join("town");
    fs::create_dir(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let disk = Disk::mount(&data);
    let hands = folder.join("clocks");
    fs::create_dir(&hands).with_context(|| format!("cannot make {}", hands.display()))?;
    let service = Service {
        ledger: (to_ledger.address.port(), ledger.port),
        broker: (to_broker.address.port(), broker.port),
    };
    let town = Town::open(greffier, data, Some(service), Clocks::find(hands))?;
    Ok(World {
        town,
        crew: Crew::new(logs),
        ledger,
        broker,
        to_ledger,
        to_broker,
        disk,
        logs: logs.to_owned(),
    })
}

/// Copies a data directory off its disk.
fn keep(data: &Path, to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(data)
        .arg(to)
        .status();
    if !copied.is_ok_and(|status| status.success()) {
        note(&format!("{} could not be kept", data.display()));
    }
}

/// The summary for a person.
fn show(out: &mut dyn Write, summary: &Summary<'_>) -> Result<()> {
    let faults: Vec<String> = summary
        .faults
        .iter()
        .map(|(f, n)| format!("{n} {f}"))
        .collect();
    writeln!(
        out,
        "seed {}: {} documents ({} broken, {} long), {} faults in {} s ({}); {} processes started, \
         {} ended by themselves, {} ingestions killed, {} ended badly; {} s in all",
        summary.seed,
        summary.documents,
        summary.broken,
        summary.long,
        summary.faults.values().sum::<u64>(),
        summary.storm_seconds,
        faults.join(", "),
        summary.processes_started,
        summary.ended_by_themselves.len(),
        summary.ingests_killed,
        summary.ingests_failed,
        summary.seconds,
    )?;
    for why in &summary.skipped {
        writeln!(out, "skipped: {why}")?;
    }
    for how in summary.ended_by_themselves {
        writeln!(out, "{how}")?;
    }
    for check in summary.checks {
        let mark = if check.holds { '✓' } else { '✗' };
        writeln!(out, "{mark} {:<38} {}", check.what, check.found)?;
    }
    Ok(())
}

//! The faults themselves, each at its moment, while documents are taken in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::crew::Crew;
use super::plan::{Batch, Fault, Plan, Server, What};
use super::proxy::Proxy;
use super::servers::{Broker, Ledger};
use super::town::{Disk, Town};

/// How often moments are looked at.
const STEP: Duration = Duration::from_millis(20);
/// How long an ingestion that ended badly rests before it is run again.
const REST: Duration = Duration::from_secs(1);
/// How often one may end badly by itself: what it needs is away for a while, never for good.
const TRIES: u32 = 60;

/// Everything that faults happen to.
pub(crate) struct World<'a> {
    pub(crate) town: Town<'a>,
    pub(crate) crew: Crew,
    pub(crate) ledger: Ledger,
    pub(crate) broker: Broker,
    pub(crate) to_ledger: Proxy,
    pub(crate) to_broker: Proxy,
    pub(crate) disk: Option<Disk>,
    pub(crate) logs: PathBuf,
}

/// What a storm left behind.
#[derive(Default)]
pub(crate) struct Weather {
    /// Faults that happened, by kind.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Faults that this machine cannot have, and why.
    pub(crate) skipped: BTreeSet<String>,
    /// Ingestions that were killed, and those that ended badly by themselves.
    pub(crate) ingests_killed: u32,
    pub(crate) ingests_failed: u32,
}

/// Lets everything of a plan happen, and takes the documents in.
///
/// # Errors
/// When a fault cannot be made, or an ingestion never succeeds.
pub(crate) fn rage(world: &mut World<'_>, plan: &Plan, folders: &[PathBuf]) -> Result<Weather> {
    let mut weather = Weather::default();
    let mut moments: Vec<(u64, bool, &Fault)> = Vec::new();
    for fault in &plan.faults {
        moments.push((fault.at_ms, true, fault));
        if fault.lasts_ms > 0 {
            moments.push((fault.at_ms + fault.lasts_ms, false, fault));
        }
    }
    moments.sort_by_key(|(at, ..)| *at);
    let mut moments = moments.into_iter().peekable();
    let mut intake = Intake::new(plan, folders);
    let started = Instant::now();
    let elapsed = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    while moments.peek().is_some() || !intake.is_over() {
        while let Some((_, begins, fault)) = moments.next_if(|(at, ..)| *at <= elapsed()) {
            let what = &fault.what;
            let done = if begins {
                begin(world, what, &mut weather)
            } else {
                end(world, what)
            };
            done.with_context(|| format!("at {fault}"))?;
        }
        world.crew.tend(&world.town)?;
        intake.tend(world, elapsed(), &mut weather)?;
        std::thread::sleep(STEP);
    }
    Ok(weather)
}

fn begin(world: &mut World<'_>, what: &What, weather: &mut Weather) -> Result<()> {
    match what {
        What::Kill { role } => world.crew.kill(role),
        What::Freeze { role } => world.crew.tell(role, "STOP"),
        What::Restart {
            server: Server::Postgres,
            hard,
        } => world.ledger.down(*hard)?,
        What::Restart {
            server: Server::Rabbitmq,
            hard,
        } => world.broker.down(*hard),
        What::Cut { server } => way(world, *server).cut(),
        What::Delay { server, ms } => way(world, *server).late(*ms),
        What::Hold { server } => way(world, *server).hold(true),
        What::DiskFull => match &world.disk {
            Some(disk) => disk.fill()?,
            None => {
                let why = "disk full: needs root, and a system that lets it mount a tmpfs";
                weather.skipped.insert(why.to_owned());
                return Ok(());
            }
        },
        What::Clock { role, seconds } => {
            if !world.town.clocks.move_here() {
                let why = "clock jumps: need libfaketime (Debian: `apt-get install libfaketime`)";
                weather.skipped.insert(why.to_owned());
                return Ok(());
            }
            world.town.clocks.set(role, *seconds)?;
        }
    }
    *weather.counts.entry(kind(what)).or_default() += 1;
    Ok(())
}

fn end(world: &mut World<'_>, what: &What) -> Result<()> {
    match what {
        What::Freeze { role } => world.crew.tell(role, "CONT"),
        What::Restart {
            server: Server::Postgres,
            ..
        } => world.ledger.up_again()?,
        What::Restart {
            server: Server::Rabbitmq,
            ..
        } => world.broker.up_again()?,
        What::Delay { server, .. } => way(world, *server).late(0),
        What::Hold { server } => way(world, *server).hold(false),
        What::DiskFull => {
            if let Some(disk) = &world.disk {
                disk.free()?;
            }
        }
        What::Clock { role, .. } => world.town.clocks.set(role, 0)?,
        What::Kill { .. } | What::Cut { .. } => {}
    }
    Ok(())
}

fn way<'w>(world: &'w World<'_>, server: Server) -> &'w Proxy {
    match server {
        Server::Rabbitmq => &world.to_broker,
        Server::Postgres => &world.to_ledger,
    }
}

/// What a fault is counted as.
fn kind(what: &What) -> String {
    match what {
        What::Kill { role } => format!("SIGKILL {}", group(role)),
        What::Freeze { role } => format!("SIGSTOP {}", group(role)),
        What::Restart { server, .. } => format!("{server} restarted"),
        What::Cut { server } => format!("{server} cut off"),
        What::Delay { server, .. } => format!("{server} late"),
        What::Hold { server } => format!("{server} silent"),
        What::DiskFull => "disk full".to_owned(),
        What::Clock { .. } => "clock jump".to_owned(),
    }
}

fn group(role: &str) -> &str {
    role.split('-').next().unwrap_or(role)
}

/// The documents on their way in, a batch after the other.
struct Intake<'p> {
    waiting: std::vec::IntoIter<(usize, &'p Batch, &'p Path)>,
    current: Option<(usize, &'p Batch, &'p Path)>,
    child: Option<(Child, Instant)>,
    kill_after: Option<Duration>,
    again_at: Instant,
    tries: u32,
}

impl<'p> Intake<'p> {
    fn new(plan: &'p Plan, folders: &'p [PathBuf]) -> Self {
        let all: Vec<_> = plan
            .batches
            .iter()
            .zip(folders)
            .enumerate()
            .map(|(n, (batch, folder))| (n, batch, folder.as_path()))
            .collect();
        Self {
            waiting: all.into_iter(),
            current: None,
            child: None,
            kill_after: None,
            again_at: Instant::now(),
            tries: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.current.is_none() && self.waiting.len() == 0
    }

    fn tend(&mut self, world: &World<'_>, now_ms: u64, weather: &mut Weather) -> Result<()> {
        if self.current.is_none() {
            self.current = self.waiting.next();
            self.tries = 0;
            self.kill_after = self
                .current
                .and_then(|(_, batch, _)| batch.killed_after_ms)
                .map(Duration::from_millis);
        }
        let Some((n, batch, folder)) = self.current else {
            return Ok(());
        };
        let log = world.logs.join(format!("ingest-{n}"));
        match &mut self.child {
            None if now_ms >= batch.at_ms && Instant::now() >= self.again_at => {
                let out = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&log)?;
                let mut command = world.town.ingest(folder, false);
                command.stdout(out.try_clone()?).stderr(out);
                let child = command.spawn().context("cannot run greffier")?;
                self.child = Some((child, Instant::now()));
            }
            None => {}
            Some((child, started)) => {
                if let Some(status) = child.try_wait()? {
                    self.child = None;
                    // 3: everything readable is in, and what was refused is listed.
                    if matches!(status.code(), Some(0 | 3)) {
                        self.current = None;
                        return Ok(());
                    }
                    self.tries += 1;
                    weather.ingests_failed += 1;
                    if self.tries > TRIES {
                        bail!("batch {n} cannot be taken in: see {}", log.display());
                    }
                    self.again_at = Instant::now() + REST;
                } else if self
                    .kill_after
                    .is_some_and(|after| started.elapsed() >= after)
                {
                    child.kill()?;
                    child.wait()?;
                    self.child = None;
                    self.kill_after = None;
                    weather.ingests_killed += 1;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Intake<'_> {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

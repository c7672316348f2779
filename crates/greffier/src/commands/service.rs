//! `work --broker`, `relay`, `tick`: the roles of a house spread over processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use broker::{Address, Consuming, RabbitQueue, Topology};
use domain::{Lang, PipelineName, StageName};
use pipeline::circumstances::SystemClock;
use pipeline::engine::Totals;
use pipeline::service::{self, RelaySettings, Stop, Until};
use store::{Lease, Role, SqlLedger};

use super::Ending;
use crate::args::{Broker, Global};
use crate::house::House;
use crate::{followers, print, suspensions};

/// How long `tick` waits before it looks again.
const TICK: Duration = Duration::from_secs(1);

/// How long `tick` waits before it looks again at promises, which opens what people decided.
const PROMISES: Duration = Duration::from_secs(60);

/// How long a worker may go on before it notices that a promise was suspended, or taken up again.
const SUSPENSIONS: Duration = Duration::from_secs(2);

/// Works on what the broker delivers, until told to stop.
pub async fn work(global: &Global, url: &str, prefix: &str, asked: &[StageName]) -> Result<Ending> {
    let address: Address = url.parse()?;
    let (switch, stop) = Stop::new();
    listen(switch)?;
    let mut all = Worked::default();
    while work_once(global, &address, prefix, asked, stop.clone(), &mut all).await? {}
    all.report(global)?;
    Ok(Ending::Done)
}

/// What a worker did, however often it read the pipelines again.
#[derive(Default)]
struct Worked {
    totals: Totals,
    sessions: u64,
}

impl Worked {
    fn add(&mut self, totals: Totals, sessions: u64) {
        let all = &mut self.totals;
        all.done += totals.done;
        all.remembered += totals.remembered;
        all.quarantined += totals.quarantined;
        all.passed_over += totals.passed_over;
        all.deferred += totals.deferred;
        all.stale += totals.stale;
        self.sessions += sessions;
    }

    fn report(&self, global: &Global) -> Result<()> {
        let totals = self.totals;
        if global.json {
            return print::json(&serde_json::json!({
                "done": totals.done, "remembered": totals.remembered,
                "passed_over": totals.passed_over, "stale": totals.stale,
                "deferred": totals.deferred, "quarantined": totals.quarantined,
                "sessions": self.sessions,
            }));
        }
        print::note(match global.lang {
            Lang::Fr => format!(
                "{} étapes faites, {} déjà faites, {} remises à plus tard, {} documents mis de côté",
                totals.done,
                totals.remembered + totals.stale,
                totals.deferred,
                totals.quarantined
            ),
            Lang::En => format!(
                "{} stages done, {} already done, {} put off, {} documents set aside",
                totals.done,
                totals.remembered + totals.stale,
                totals.deferred,
                totals.quarantined
            ),
        });
        Ok(())
    }
}

/// Works until told to stop, or until a promise is suspended or taken up again: pipelines are read
/// again then. Whether to go on.
async fn work_once(
    global: &Global,
    address: &Address,
    prefix: &str,
    asked: &[StageName],
    mut stop: Stop,
    all: &mut Worked,
) -> Result<bool> {
    let house = House::open_existing(global).await?;
    shared_ledger(&house)?;
    let _lock = house.lock_shared()?;
    let known = service::stages(&house.desk.pipelines);
    let stages = chosen(&known, asked)?;
    let said = stages.iter().map(ToString::to_string).collect::<Vec<_>>();
    let consuming = Consuming {
        stages,
        threads: u16::try_from(house.threads).unwrap_or(u16::MAX),
    };
    let topology = Topology::new(prefix, known);
    let queue = RabbitQueue::open(address.clone(), topology, Some(consuming), seed()).await?;
    print::note(match global.lang {
        Lang::Fr => format!("au travail : {} (Ctrl-C pour finir)", said.join(", ")),
        Lang::En => format!("at work: {} (Ctrl-C to finish)", said.join(", ")),
    });
    let closing = queue.clone();
    let told = stop.clone();
    let (data, suspended) = (house.data.clone(), house.suspended.clone());
    let pipelines: Vec<PipelineName> = house
        .desk
        .pipelines
        .iter()
        .map(|p| p.name().clone())
        .collect();
    let closer = tokio::spawn(async move {
        while !stop.is_said() && suspensions::all_in_force(&data, &pipelines) == suspended {
            stop.pause(SUSPENSIONS).await;
        }
        closing.close().await;
    });
    let worked = service::work(
        &house.worker(),
        Arc::new(queue.clone()),
        house.threads,
        None,
    )
    .await;
    let changed = closer.is_finished();
    closer.abort();
    queue.leave().await;
    all.add(worked?, queue.sessions());
    if changed && !told.is_said() {
        print::note(global.lang.pick(
            "une promesse a été suspendue ou reprise : les filières sont relues",
            "a promise was suspended or taken up again: pipelines are read again",
        ));
        return Ok(true);
    }
    Ok(false)
}

/// Hands what is owed to the broker, until told to stop.
pub async fn relay(
    global: &Global,
    to: &Broker,
    once: bool,
    reclaim_after_seconds: u32,
) -> Result<Ending> {
    let address: Address = to.broker.parse()?;
    let house = House::open_existing(global).await?;
    let ledger = shared_ledger(&house)?;
    let _lock = house.lock_shared()?;
    let topology = topology(&house, &to.queues.prefix);
    let queue = RabbitQueue::open(address, topology, None, seed()).await?;
    let (switch, stop) = Stop::new();
    listen(switch)?;
    let until = if once {
        Until::NothingDue
    } else {
        Until::Stopped
    };
    let settings = RelaySettings {
        reclaim_after: Duration::from_secs(reclaim_after_seconds.into()),
        ..RelaySettings::default()
    };
    let relayed = service::relay(ledger, &queue, &SystemClock, settings, until, stop).await;
    queue.leave().await;
    let relayed = relayed?;
    if global.json {
        print::json(&serde_json::json!({
            "published": relayed.published, "failed": relayed.failed, "reclaimed": relayed.reclaimed,
        }))?;
    } else {
        print::note(match global.lang {
            Lang::Fr => format!("{} messages confiés à RabbitMQ", relayed.published),
            Lang::En => format!("{} messages handed to RabbitMQ", relayed.published),
        });
    }
    Ok(Ending::Done)
}

/// Numbers and signs the log and brings the index up to it, until told to stop.
pub async fn tick(global: &Global, once: bool) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let ledger = shared_ledger(&house)?;
    let _lock = house.lock_shared()?;
    let (switch, mut stop) = Stop::new();
    listen(switch)?;
    let mut lease: Option<Lease> = None;
    let mut kept: Option<Instant> = None;
    while !stop.is_said() {
        match round(&house, ledger, &mut lease, &mut kept, global.lang).await {
            Ok(true) if once => return Ok(Ending::Done),
            Ok(false) if once => bail!(
                "another `greffier tick` is at work on this database: it does the same, or stop it"
            ),
            Ok(_) => {}
            Err(error) if once => return Err(error),
            Err(error) => print::note(format!("greffier: {error:#}")),
        }
        stop.pause(TICK).await;
    }
    Ok(Ending::Done)
}

/// One round of `tick`; whether it was this process's turn.
async fn round(
    house: &House,
    ledger: &SqlLedger,
    lease: &mut Option<Lease>,
    kept: &mut Option<Instant>,
    lang: Lang,
) -> Result<bool> {
    if let Some(held) = lease
        && !held.is_held().await
    {
        *lease = None;
    }
    if lease.is_none() {
        *lease = ledger.lease(Role::Tick).await?;
    }
    if lease.is_none() {
        return Ok(false);
    }
    pipeline::log::checkpoint(&house.desk.vault).await?;
    followers::follow(house, &|_, _| {}).await?;
    if kept.is_none_or(|kept| kept.elapsed() >= PROMISES) {
        *kept = Some(Instant::now());
        super::promise::alarm(lang, &super::promise::keep(house).await?);
    }
    Ok(true)
}

/// The queues of the pipelines in force.
pub(super) fn topology(house: &House, prefix: &str) -> Topology {
    Topology::new(prefix, service::stages(&house.desk.pipelines))
}

/// The ledger that several processes may share.
fn shared_ledger(house: &House) -> Result<&SqlLedger> {
    house.service.as_ref().context(
        "a ledger in SQLite belongs to one process: give --database postgres://user:password@host:5432/database to work beside others, or use `greffier work` alone",
    )
}

fn chosen(known: &BTreeMap<StageName, u16>, asked: &[StageName]) -> Result<Vec<StageName>> {
    for stage in asked {
        if !known.contains_key(stage) {
            let names: Vec<&str> = known.keys().map(StageName::as_str).collect();
            bail!(
                "no pipeline has a stage `{stage}`: there are {}",
                names.join(", ")
            );
        }
    }
    Ok(if asked.is_empty() {
        known.keys().cloned().collect()
    } else {
        asked.to_vec()
    })
}

/// Several processes of a machine come back at different moments.
fn seed() -> u64 {
    u64::from(std::process::id())
}

/// Says stop when the process is told to end, by a person or by whoever started it.
fn listen(switch: tokio::sync::watch::Sender<bool>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let listening = "cannot listen for signals";
    let mut terminate = signal(SignalKind::terminate()).context(listening)?;
    let mut interrupt = signal(SignalKind::interrupt()).context(listening)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        switch.send_replace(true);
        // Kept, so that those who wait are not told that nobody will ever say it.
        std::future::pending::<()>().await;
    });
    Ok(())
}

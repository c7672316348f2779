//! `work --broker`, `relay`, `tick`, `serve`: the roles of a house spread over processes; `all`: in
//! one process.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use broker::{Address, Consuming, RabbitQueue, Results, Topology};
use domain::event::ResultEvent;
use domain::{Lang, PipelineName, StageName};
use pipeline::circumstances::SystemClock;
use pipeline::engine::{Event, Totals};
use pipeline::results::Announce;
use pipeline::service::{self, RelaySettings, Relayed, Stop, Until};
use store::{Lease, Role, SqlLedger};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use web::collector::Collector;

use super::Ending;
use super::search::Finder;
use crate::args::{Broker, Claims, Global, MaybeBroker, Names, Told, Watched};
use crate::health::{Health, Pulse};
use crate::house::House;
use crate::metrics::Round;
use crate::progress::HouseProgress;
use crate::reconcilers::tell;
use crate::reconcilers::weeks::{Outcome, Weeks, When};
use crate::traces::Traces;
use crate::{followers, print, suspensions};

/// How long `tick` waits before it looks again.
const TICK: Duration = Duration::from_secs(1);

/// How long `tick` waits before it looks again at whom to tell of alerts.
const TELLING: Duration = Duration::from_secs(3);

/// How long `tick` waits before it looks again at promises, which opens what people decided.
const PROMISES: Duration = Duration::from_secs(60);

/// How long a collector that did not answer is left alone.
const SILENT: Duration = Duration::from_secs(15);

/// How long each may stand still before it is taken for stuck. A worker looks every two seconds; a turn
/// of the relay waits for the broker's answers; a round of `tick` moves with every part of the index,
/// and opens all reports of some weeks at once.
const WORK_STILL: Duration = Duration::from_secs(60);
const RELAY_STILL: Duration = Duration::from_secs(180);
const TICK_STILL: Duration = Duration::from_secs(600);

/// How long the log goes on before it is signed again.
const SIGNING: Duration = Duration::from_secs(60);

/// How long a worker may go on before it notices that a promise was suspended, or taken up again.
const SUSPENSIONS: Duration = Duration::from_secs(2);

/// Works on what the broker delivers, until told to stop.
pub async fn work(
    global: &Global,
    address: Address,
    prefix: &str,
    asked: &[StageName],
    watched: &Watched,
) -> Result<Ending> {
    let stop = told_to_stop()?;
    let health = Health::start(watched, "work", global.lang, stop.clone()).await?;
    let from = From {
        address,
        prefix: prefix.to_owned(),
        asked: asked.to_vec(),
    };
    working(global, &from, stop, &health)
        .await?
        .report(global)?;
    Ok(Ending::Done)
}

/// Where a worker takes tasks from.
struct From {
    address: Address,
    prefix: String,
    /// Of these stages; else of all.
    asked: Vec<StageName>,
}

async fn working(global: &Global, from: &From, stop: Stop, health: &Arc<Health>) -> Result<Worked> {
    health.needs(true);
    let mut all = Worked::default();
    while work_once(global, from, stop.clone(), health, &mut all).await? {}
    Ok(all)
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
    from: &From,
    mut stop: Stop,
    health: &Arc<Health>,
    all: &mut Worked,
) -> Result<bool> {
    let house = House::open_existing(global).await?;
    shared_ledger(&house)?;
    let _lock = house.lock_shared()?;
    health.ledger(&house.desk.vault.ledger, false);
    let known = service::stages(&house.desk.pipelines);
    let stages = chosen(&known, &from.asked)?;
    health.metrics.stages(stages.iter().map(StageName::as_str));
    let said = stages.iter().map(ToString::to_string).collect::<Vec<_>>();
    let consuming = Consuming {
        stages,
        threads: u16::try_from(house.threads).unwrap_or(u16::MAX),
    };
    let topology = Topology::new(&from.prefix, known);
    let address = from.address.clone();
    let queue = RabbitQueue::open(address, topology, Some(consuming), seed()).await?;
    let _watched = health.queue(&queue);
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
    let pulse = health.pulse("work", WORK_STILL);
    let closer = tokio::spawn(async move {
        while !stop.is_said() && suspensions::all_in_force(&data, &pipelines) == suspended {
            pulse.beat();
            stop.pause(SUSPENSIONS).await;
        }
        closing.close().await;
    });
    let (events, arriving) = mpsc::unbounded_channel();
    let counting = tokio::spawn(count(arriving, health.clone()));
    let worked = service::work(
        &house.worker(),
        Arc::new(queue.clone()),
        house.threads,
        Some(events),
    )
    .await;
    // The last of them is heard: whoever could say more is gone.
    counting.await?;
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

/// Counts what became of deliveries.
async fn count(mut events: mpsc::UnboundedReceiver<Event>, health: Arc<Health>) {
    while let Some(event) = events.recv().await {
        let stage = event.task.stage.as_str();
        health.metrics.handled(stage, &event.handled, event.elapsed);
    }
}

/// Hands what is owed to the broker, until told to stop.
pub async fn relay(
    global: &Global,
    to: &Broker,
    once: bool,
    reclaim_after_seconds: u32,
    watched: &Watched,
) -> Result<Ending> {
    let stop = told_to_stop()?;
    let health = Health::start(watched, "relay", global.lang, stop.clone()).await?;
    let until = if once {
        Until::NothingDue
    } else {
        Until::Stopped
    };
    let settings = RelaySettings {
        reclaim_after: Duration::from_secs(reclaim_after_seconds.into()),
        ..RelaySettings::default()
    };
    let place = (to.address()?, to.queues.prefix.clone());
    let relayed = relaying(global, place, settings, until, stop, &health).await?;
    said(global, relayed)?;
    Ok(Ending::Done)
}

async fn relaying(
    global: &Global,
    (address, prefix): (Address, String),
    settings: RelaySettings,
    until: Until,
    stop: Stop,
    health: &Arc<Health>,
) -> Result<Relayed> {
    health.needs(true);
    let house = House::open_existing(global).await?;
    let ledger = shared_ledger(&house)?;
    let _lock = house.lock_shared()?;
    health.ledger(&house.desk.vault.ledger, false);
    let topology = topology(&house, &prefix);
    health.depths(&address, &topology);
    let queue = RabbitQueue::open(address, topology, None, seed()).await?;
    let _watched = health.queue(&queue);
    let pulse = health.pulse("relay", RELAY_STILL);
    let heard = |so_far: &Relayed| {
        pulse.beat();
        health.metrics.relayed(so_far);
    };
    let relayed = service::relay(ledger, &queue, &SystemClock, settings, until, stop, &heard).await;
    queue.leave().await;
    Ok(relayed?)
}

fn said(global: &Global, relayed: Relayed) -> Result<()> {
    if global.json {
        return print::json(&serde_json::json!({
            "published": relayed.published, "failed": relayed.failed, "reclaimed": relayed.reclaimed,
        }));
    }
    print::note(match global.lang {
        Lang::Fr => format!("{} messages confiés à RabbitMQ", relayed.published),
        Lang::En => format!("{} messages handed to RabbitMQ", relayed.published),
    });
    Ok(())
}

/// Numbers and signs the log, brings the index up to it and makes alerts and syntheses, until told to
/// stop.
pub async fn tick(
    global: &Global,
    once: bool,
    to: &MaybeBroker,
    watched: &Watched,
    told: &Told,
) -> Result<Ending> {
    let stop = told_to_stop()?;
    let health = Health::start(watched, "tick", global.lang, stop.clone()).await?;
    let results = to
        .address()?
        .map(|address| (address, to.queues.prefix.clone()));
    ticking(global, once, results, told, stop, &health).await?;
    Ok(Ending::Done)
}

async fn ticking(
    global: &Global,
    once: bool,
    results: Option<(Address, String)>,
    told: &Told,
    mut stop: Stop,
    health: &Arc<Health>,
) -> Result<()> {
    health.needs(false);
    health.lease(false);
    let house = House::open_existing(global).await?;
    let ledger = shared_ledger(&house)?;
    let _lock = house.lock_shared()?;
    health.ledger(&house.desk.vault.ledger, true);
    let mut clock = Ticking {
        house: &house,
        ledger,
        lang: global.lang,
        health,
        pulse: health.pulse("tick", TICK_STILL),
        collector: told.traces.clone(),
        results: results
            .map(|(address, prefix)| Telling(Results::new(address, topology(&house, &prefix)))),
        turn: None,
        looked: None,
        signed: None,
        kept: None,
        silent_until: None,
        unheard_until: None,
        stop: stop.clone(),
    };
    let when = if once { When::AtOnce } else { When::Settled };
    while !stop.is_said() {
        clock.pulse.beat();
        let round = clock.round(when).await;
        health.metrics.round(match &round {
            Ok(true) => Round::Done,
            Ok(false) => Round::Waited,
            Err(_) => Round::Failed,
        });
        match round {
            Ok(true) if once => return Ok(()),
            Ok(false) if once => bail!(
                "another `greffier tick` is at work on this database: it does the same, or stop it"
            ),
            Ok(_) => {}
            Err(error) if once => return Err(error),
            Err(error) => print::note(format!("greffier: {error:#}")),
        }
        stop.pause(TICK).await;
    }
    Ok(())
}

/// `tick`, at work.
struct Ticking<'a> {
    house: &'a House,
    ledger: &'a SqlLedger,
    lang: Lang,
    health: &'a Arc<Health>,
    pulse: Pulse,
    /// Who is told of traces.
    collector: Option<Collector>,
    /// Who is told of results.
    results: Option<Telling>,
    /// The lease, while this process has it, and what it then keeps.
    turn: Option<Turn>,
    /// When it was last looked at whom to tell of alerts.
    looked: Option<Instant>,
    /// When the log was last signed.
    signed: Option<Instant>,
    /// When promises were last looked at.
    kept: Option<Instant>,
    /// A collector that does not answer is left alone for a while.
    silent_until: Option<Instant>,
    /// So is a broker that takes no results.
    unheard_until: Option<Instant>,
    stop: Stop,
}

/// What whoever has the lease keeps.
struct Turn {
    lease: Lease,
    weeks: Weeks,
    traces: Option<Traces>,
}

impl Ticking<'_> {
    /// One round; whether it was this process's turn.
    async fn round(&mut self, when: When) -> Result<bool> {
        let (house, metrics) = (self.house, &self.health.metrics);
        let desk = &house.desk;
        if let Some(turn) = &mut self.turn
            && !turn.lease.is_held().await
        {
            self.turn = None;
        }
        if self.turn.is_none() {
            let lease = self.ledger.lease(Role::Tick).await?;
            // Whoever had it may have gone on since this was last read.
            self.turn = lease.map(|lease| Turn {
                lease,
                weeks: Weeks::open(&house.data),
                traces: (self.collector.clone()).map(|to| Traces::open(&house.data, to)),
            });
        }
        self.health.lease(self.turn.is_some());
        let Some(Turn { weeks, traces, .. }) = &mut self.turn else {
            return Ok(false);
        };
        // Records get their leaves at once, and one signature covers those of a minute.
        let signs = self.signed.is_none_or(|signed| signed.elapsed() >= SIGNING);
        if signs || when == When::AtOnce {
            pipeline::log::checkpoint(&desk.vault).await?;
            self.signed = Some(Instant::now());
        } else {
            pipeline::log::sequence(&desk.vault).await?;
        }
        let log = desk.vault.ledger.log_size().await?;
        let began = desk.clock.now();
        let changes = followers::follow(house, &|_, _| self.pulse.beat()).await?;
        metrics.followed(log, changes);
        if let Some(traces) = traces
            && self
                .silent_until
                .is_none_or(|until| until <= Instant::now())
        {
            // Who watches must not stop who works.
            let indexed = (began, desk.clock.now());
            match traces.follow(desk, indexed, log).await {
                Ok(spans) => metrics.traced(spans),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "traces are told later");
                    self.silent_until = Some(Instant::now() + SILENT);
                }
            }
        }
        weeks.look(desk).await?;
        for outcome in weeks.settle(house, when).await? {
            self.pulse.beat();
            metrics.edition(outcome.reconciler, outcome.made.as_ref().ok().map(|m| m.1));
            tell(&outcome, self.lang);
            if when == When::AtOnce {
                outcome.made?;
            }
        }
        self.tell_people(when).await?;
        self.tell_results(when).await;
        let Some(Turn { weeks, .. }) = &mut self.turn else {
            return Ok(true);
        };
        let (alerts, syntheses) = weeks.owed();
        metrics.weeks_owed(alerts, syntheses);
        if self.kept.is_none_or(|kept| kept.elapsed() >= PROMISES) {
            self.kept = Some(Instant::now());
            super::promise::alarm(self.lang, &super::promise::keep(house).await?);
            let names = desk.pipelines.iter().map(|p| p.name());
            metrics.suspended(suspensions::all_in_force(&house.data, names).len());
        }
        Ok(true)
    }
}

impl Ticking<'_> {
    /// Tells people of alerts. What keeps it from being done keeps nothing else.
    async fn tell_people(&mut self, when: When) -> Result<()> {
        if when == When::Settled && self.looked.is_some_and(|at| at.elapsed() < TELLING) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let beat = || self.pulse.beat();
        let told = tokio::select! {
            told = tell::round(self.house, &beat) => told,
            // Whoever was not told is told when somebody starts this again.
            () = self.stop.said() => return Ok(()),
        };
        match told {
            Err(error) if when == When::Settled => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "nobody is told of alerts: tried again later"
                );
                Ok(())
            }
            told => told.map(drop),
        }
    }

    /// Tells results, a part of them at a time: a broker that does not answer keeps nothing else from
    /// being done, and is left alone for a while.
    async fn tell_results(&mut self, when: When) {
        let Some(results) = &mut self.results else {
            return;
        };
        if self
            .unheard_until
            .is_some_and(|until| Instant::now() < until)
        {
            return;
        }
        loop {
            self.pulse.beat();
            let told = tokio::select! {
                told = pipeline::results::tell(&self.house.desk, results) => told,
                // What was not told is told when somebody starts this again.
                () = self.stop.said() => return,
            };
            match told {
                Ok(told) => {
                    self.health.metrics.told(told);
                    if !(told.more && when == When::AtOnce) {
                        return;
                    }
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "results are told later");
                    self.unheard_until = Some(Instant::now() + SILENT);
                    return;
                }
            }
        }
    }
}

/// Says what was made of a week, when it is new, or why nothing was.
fn tell(outcome: &Outcome, lang: Lang) {
    let (pipeline, week) = (&outcome.pipeline, outcome.week);
    match &outcome.made {
        Ok((_, false)) => {}
        Ok((alerts, true)) => print::note(match (outcome.reconciler, lang) {
            ("alert", Lang::Fr) => {
                format!("{pipeline} {week} : {alerts} alertes (greffier alerts)")
            }
            ("alert", Lang::En) => format!("{pipeline} {week}: {alerts} alerts (greffier alerts)"),
            (_, Lang::Fr) => format!("{pipeline} {week} : la synthèse est faite, {alerts} alertes"),
            (_, Lang::En) => format!("{pipeline} {week}: the synthesis is made, {alerts} alerts"),
        }),
        Err(error) => tracing::error!(
            %pipeline, %week, reconciler = outcome.reconciler, error = format!("{error:#}"),
            "not made: tried again later",
        ),
    }
}

/// Serves pages until the process is told to stop.
pub async fn serve(
    global: &Global,
    listen: SocketAddr,
    names: &Names,
    watched: &Watched,
) -> Result<Ending> {
    let stop = told_to_stop()?;
    let health = Health::start(watched, "serve", global.lang, stop.clone()).await?;
    serving(global, listen, names, stop, &health).await?;
    Ok(Ending::Done)
}

async fn serving(
    global: &Global,
    listen: SocketAddr,
    names: &Names,
    mut stop: Stop,
    health: &Arc<Health>,
) -> Result<()> {
    health.needs(false);
    let house = House::open_existing(global).await?;
    health.ledger(&house.desk.vault.ledger, false);
    let find = Arc::new(Finder::open(&house, None)?);
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| {
            format!(
                "cannot listen on {listen}: choose another address with --listen (--serve of `all`)"
            )
        })?;
    print::note(format!("http://{}/", listener.local_addr()?));
    let office = web::Office {
        desk: house.desk.clone(),
        find,
        watch: Arc::new(HouseProgress::of(&house)),
        take_in: Arc::new(super::intake::ApiCounter {
            desk: house.desk.clone(),
        }),
        gate: super::users::gate(&house),
        front: web::Front::new(&names.hosts),
    };
    web::serve(office, listener, async move { stop.said().await }).await?;
    Ok(())
}

/// `relay`, `work`, `tick` and `intake` in one process, with pages where asked, until told to stop. When one of
/// them cannot go on, all end: whoever started the process starts it again.
pub async fn all(
    global: &Global,
    through: &Broker,
    claims: &Claims,
    serve: Option<(SocketAddr, &Names)>,
    watched: &Watched,
    told: &Told,
) -> Result<Ending> {
    let (switch, stop) = Stop::new();
    let switch = Arc::new(switch);
    listen(switch.clone())?;
    let health = Health::start(watched, "all", global.lang, stop.clone()).await?;
    let address = through.address()?;
    let prefix = through.queues.prefix.clone();
    let from = From {
        address: address.clone(),
        prefix: prefix.clone(),
        asked: Vec::new(),
    };
    // A thread each: the one that indexes keeps no other waiting.
    let mut roles: JoinSet<Result<Did>> = JoinSet::new();
    let runtime = tokio::runtime::Handle::current();
    let with = || {
        (
            runtime.clone(),
            global.clone(),
            stop.clone(),
            health.clone(),
        )
    };
    let (runs, global_, stop_, health_) = with();
    let (place, claims) = ((address.clone(), prefix.clone()), claims.clone());
    roles.spawn_blocking(move || {
        let role = super::intake::taking_in(&global_, place, &claims, stop_, &health_);
        runs.block_on(role).map(Did::TookIn)
    });
    let results = Some((address.clone(), prefix.clone()));
    let (runs, global_, stop_, health_) = with();
    roles.spawn_blocking(move || {
        let (place, settings) = ((address, prefix), RelaySettings::default());
        let until = Until::Stopped;
        let role = relaying(&global_, place, settings, until, stop_, &health_);
        runs.block_on(role).map(Did::Relayed)
    });
    let (runs, global_, stop_, health_) = with();
    roles.spawn_blocking(move || {
        let role = working(&global_, &from, stop_, &health_);
        runs.block_on(role).map(Did::Worked)
    });
    let (runs, global_, stop_, health_) = with();
    let told = told.clone();
    roles.spawn_blocking(move || {
        let role = ticking(&global_, false, results, &told, stop_, &health_);
        runs.block_on(role).map(|()| Did::Another)
    });
    if let Some((listen, names)) = serve {
        let names = names.clone();
        let (runs, global_, stop_, health_) = with();
        roles.spawn_blocking(move || {
            let role = serving(&global_, listen, &names, stop_, &health_);
            runs.block_on(role).map(|()| Did::Another)
        });
    }
    let mut first_error = None;
    while let Some(joined) = roles.join_next().await {
        switch.send_replace(true);
        match joined {
            Ok(Ok(Did::Relayed(relayed))) => said(global, relayed)?,
            Ok(Ok(Did::Worked(worked))) => worked.report(global)?,
            Ok(Ok(Did::TookIn(seen))) => seen.report(global)?,
            Ok(Ok(Did::Another)) => {}
            Ok(Err(error)) => first_error = first_error.or(Some(error)),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(Ending::Done),
    }
}

/// Asks a role of this machine how it is.
pub async fn health(watched: &Watched, live: bool) -> Result<Ending> {
    let mut address = watched
        .health
        .context("where does it answer? give --health, or set GREFFIER_HEALTH")?;
    // Whoever answers everywhere answers here.
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let question = if live { "live" } else { "ready" };
    let answer = web::probes::ask(address, question).await;
    let (well, said) = answer.with_context(|| format!("nothing answers at {address}"))?;
    print::line(said);
    Ok(if well { Ending::Done } else { Ending::NotReady })
}

/// What a role of several did.
enum Did {
    Relayed(Relayed),
    Worked(Worked),
    TookIn(super::intake::Seen),
    Another,
}

/// Tells results through the broker.
struct Telling(Results);

#[async_trait]
impl Announce for Telling {
    async fn announce(
        &mut self,
        event: &ResultEvent,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.publish(event).await?)
    }
}

/// The queues of the pipelines in force.
pub(super) fn topology(house: &House, prefix: &str) -> Topology {
    Topology::new(prefix, service::stages(&house.desk.pipelines))
}

/// The ledger that several processes may share.
pub(super) fn shared_ledger(house: &House) -> Result<&SqlLedger> {
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
pub(super) fn seed() -> u64 {
    u64::from(std::process::id())
}

/// What says stop when the process is told to end.
pub(super) fn told_to_stop() -> Result<Stop> {
    let (switch, stop) = Stop::new();
    listen(Arc::new(switch))?;
    Ok(stop)
}

/// Says stop when the process is told to end, by a person or by whoever started it.
fn listen(switch: Arc<watch::Sender<bool>>) -> Result<()> {
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

//! What a process that runs for long says of itself: whether it moves, whether it can work, what it
//! counts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use async_trait::async_trait;
use broker::{Address, RabbitQueue, Topology};
use domain::Lang;
use pipeline::ledger::Ledger;
use pipeline::service::Stop;
use web::probes::{Check, Probe};

use crate::args::Watched;
use crate::metrics::Metrics;
use crate::print;

/// How long a ledger or a broker may take to answer whoever asks how we are.
const ANSWER: Duration = Duration::from_secs(5);
/// Counting a ledger reads all of it, and looking at queues takes a connection: figures are shown
/// this long.
const FRESH: Duration = Duration::from_secs(10);
/// The supervisor of the broker's session moves every five seconds, or waits half a minute.
const SUPERVISOR_STILL: Duration = Duration::from_secs(90);

/// A process's health, shared by its roles.
pub struct Health {
    role: &'static str,
    stop: Stop,
    /// What it counts.
    pub metrics: Metrics,
    pulses: Mutex<Vec<Arc<Beat>>>,
    sources: Mutex<Sources>,
    counted: tokio::sync::Mutex<Option<Instant>>,
}

/// What is looked at, as roles open it.
#[derive(Default)]
struct Sources {
    needs_ledger: bool,
    ledger: Option<Arc<dyn Ledger>>,
    /// Whether the ledger's figures are shown: one role of a service does so.
    counts: bool,
    needs_broker: bool,
    queues: Vec<RabbitQueue>,
    /// Sessions of queues that are closed by now.
    sessions: u64,
    /// Whose depths are shown.
    depths: Option<(Address, Topology)>,
    lease: Option<bool>,
}

struct Beat {
    name: &'static str,
    within: Duration,
    last: Mutex<Instant>,
}

/// The pulse of a loop. Once it is dropped, nobody waits for its next beat.
pub struct Pulse {
    health: Arc<Health>,
    beat: Arc<Beat>,
}

impl Pulse {
    /// It moves.
    pub fn beat(&self) {
        *unpoisoned(&self.beat.last) = Instant::now();
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        unpoisoned(&self.health.pulses).retain(|beat| !Arc::ptr_eq(beat, &self.beat));
    }
}

/// A queue that is looked at until this is dropped.
pub struct WatchedQueue {
    health: Arc<Health>,
    place: RabbitQueue,
}

impl Drop for WatchedQueue {
    fn drop(&mut self) {
        let mut sources = unpoisoned(&self.health.sources);
        sources.sessions += self.place.sessions();
        let ours = |queue: &RabbitQueue| queue.is_same(&self.place);
        sources.queues.retain(|queue| !ours(queue));
    }
}

/// Each change is one statement: a panic elsewhere leaves it whole.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Health {
    /// Health of a process that does this; answers where asked, until the process ends: while it
    /// finishes what is in hand, once `stop` is said, it is not ready and lives.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(
        watched: &Watched,
        role: &'static str,
        lang: Lang,
        stop: Stop,
    ) -> Result<Arc<Self>> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let health = Arc::new(Self {
            role,
            stop,
            metrics: Metrics::new(since_1970.map_or(0, |d| d.as_secs())),
            pulses: Mutex::default(),
            sources: Mutex::default(),
            counted: tokio::sync::Mutex::default(),
        });
        let Some(address) = watched.health else {
            return Ok(health);
        };
        let listener = bind(address).await?;
        print::note(format!(
            "{} http://{}/metrics",
            lang.pick("santé et mesures :", "health and metrics:"),
            listener.local_addr()?
        ));
        let probe = health.clone();
        tokio::spawn(async move {
            if let Err(error) = web::probes::serve(probe, listener).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "health is not served"
                );
            }
        });
        Ok(health)
    }

    /// A loop that moves at least once in `within`.
    pub fn pulse(self: &Arc<Self>, name: &'static str, within: Duration) -> Pulse {
        let beat = Arc::new(Beat {
            name,
            within,
            last: Mutex::new(Instant::now()),
        });
        unpoisoned(&self.pulses).push(beat.clone());
        Pulse {
            health: self.clone(),
            beat,
        }
    }

    /// Ready is only whoever has what it is going to need.
    pub fn needs(&self, broker: bool) {
        let mut sources = unpoisoned(&self.sources);
        sources.needs_ledger = true;
        sources.needs_broker |= broker;
    }

    /// The ledger, once it is open; `counts` where its figures are shown.
    pub fn ledger(&self, ledger: &Arc<dyn Ledger>, counts: bool) {
        let mut sources = unpoisoned(&self.sources);
        sources.ledger = Some(ledger.clone());
        sources.counts |= counts;
    }

    /// A queue, once it is open.
    pub fn queue(self: &Arc<Self>, queue: &RabbitQueue) -> WatchedQueue {
        unpoisoned(&self.sources).queues.push(queue.clone());
        WatchedQueue {
            health: self.clone(),
            place: queue.clone(),
        }
    }

    /// Shows how these queues stand.
    pub fn depths(&self, address: &Address, topology: &Topology) {
        unpoisoned(&self.sources).depths = Some((address.clone(), topology.clone()));
    }

    /// Whether this process has the lease.
    pub fn lease(&self, held: bool) {
        unpoisoned(&self.sources).lease = Some(held);
        self.metrics.lease(held);
    }

    fn look_at_broker(&self) -> Option<bool> {
        let sources = unpoisoned(&self.sources);
        if !sources.needs_broker {
            return None;
        }
        let sessions: u64 = sources.queues.iter().map(RabbitQueue::sessions).sum();
        let up = !sources.queues.is_empty() && sources.queues.iter().all(RabbitQueue::is_up);
        self.metrics.broker(sources.sessions + sessions, up);
        Some(up)
    }

    /// Brings figures up to date, unless they are.
    async fn count(&self) {
        // Several who ask at once wait for the one that looks.
        let mut counted = self.counted.lock().await;
        if counted.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let (ledger, depths) = {
            let sources = unpoisoned(&self.sources);
            let ledger = sources.ledger.clone().filter(|_| sources.counts);
            (ledger, sources.depths.clone())
        };
        if let Some(ledger) = ledger {
            let counts = tokio::time::timeout(ANSWER, ledger.counts()).await;
            self.metrics.ledger(counts.ok().and_then(Result::ok));
        }
        if let Some((address, topology)) = depths {
            let looked = broker::depth::depths(&address, &topology);
            let depths = tokio::time::timeout(ANSWER, looked).await;
            let depths = depths.ok().and_then(Result::ok);
            self.metrics.queues(depths.as_deref());
        }
        *counted = Some(Instant::now());
    }
}

async fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener> {
    let bound = tokio::net::TcpListener::bind(address).await;
    bound.with_context(|| {
        format!("cannot listen on {address}: choose another address with --health")
    })
}

#[async_trait]
impl Probe for Health {
    fn role(&self) -> &'static str {
        self.role
    }

    fn stuck(&self) -> Vec<Check> {
        let still = |name, still: Duration, within: Duration| Check {
            name,
            ok: still < within,
            says: format!("{} s, < {} s", still.as_secs(), within.as_secs()),
        };
        let mut checks: Vec<Check> = unpoisoned(&self.pulses)
            .iter()
            .map(|beat| still(beat.name, unpoisoned(&beat.last).elapsed(), beat.within))
            .collect();
        let sources = unpoisoned(&self.sources);
        checks.extend(
            sources
                .queues
                .iter()
                .map(|queue| still("session", queue.still_for(), SUPERVISOR_STILL)),
        );
        checks
    }

    async fn checks(&self) -> Vec<Check> {
        let (needs_ledger, ledger, lease) = {
            let sources = unpoisoned(&self.sources);
            (sources.needs_ledger, sources.ledger.clone(), sources.lease)
        };
        let check = |name, ok, says: &str| Check {
            name,
            ok,
            says: says.to_owned(),
        };
        let mut checks = Vec::new();
        if self.stop.is_said() {
            checks.push(check("stop", false, "told to end"));
        }
        if needs_ledger {
            checks.push(match ledger {
                None => check("ledger", false, "not open yet"),
                Some(ledger) => match tokio::time::timeout(ANSWER, ledger.log_size()).await {
                    Ok(Ok(_)) => check("ledger", true, "answers"),
                    Ok(Err(error)) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
                        check("ledger", false, "does not answer")
                    }
                    Err(_elapsed) => check("ledger", false, "does not answer in time"),
                },
            });
        }
        match self.look_at_broker() {
            None => {}
            Some(true) => checks.push(check("broker", true, "session is up")),
            Some(false) => checks.push(check("broker", false, "no session")),
        }
        // Waiting for the lease is what the second of two is there for.
        match lease {
            None => {}
            Some(true) => checks.push(check("lease", true, "held")),
            Some(false) => checks.push(check("lease", true, "waits")),
        }
        checks
    }

    async fn metrics(&self) -> String {
        self.look_at_broker();
        self.count().await;
        self.metrics.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn health() -> Arc<Health> {
        let (switch, stop) = Stop::new();
        drop(switch);
        let watched = Watched { health: None };
        Health::start(&watched, "work", Lang::Fr, stop)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_loop_that_stands_still_is_not_alive_and_one_that_ended_is_not_missed() {
        let health = health().await;
        let well = health.pulse("well", Duration::from_secs(3_600));
        let still = health.pulse("still", Duration::ZERO);
        let found = |health: &Health| -> Vec<(&str, bool)> {
            let checks = health.stuck().into_iter();
            checks.map(|check| (check.name, check.ok)).collect()
        };
        assert_eq!(found(&health), [("well", true), ("still", false)]);
        drop(still);
        assert_eq!(found(&health), [("well", true)]);
        drop(well);
        assert_eq!(found(&health), []);
    }

    #[tokio::test]
    async fn what_is_not_open_yet_is_not_ready() {
        let health = health().await;
        assert_eq!(health.checks().await, []);
        health.needs(true);
        let found = health.checks().await;
        let names: Vec<(&str, bool)> = found.iter().map(|c| (c.name, c.ok)).collect();
        assert_eq!(names, [("ledger", false), ("broker", false)]);
        health.lease(false);
        let lease = health.checks().await.pop().unwrap();
        assert_eq!(
            (lease.name, lease.ok, lease.says.as_str()),
            ("lease", true, "waits")
        );
    }
}

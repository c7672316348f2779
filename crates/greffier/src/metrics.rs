//! What a process counts, each declared here with its meaning, and nowhere else.
//!
//! Labels are small closed sets: stages and classes of the pipelines in force, outcomes named below.
//! Never an id, a name of a person or a place, or an error's text. `docker/grafana/dashboard.json`
//! and `docker/prometheus.yml` are held to the names below by a test.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use broker::depth::{Depth, Purpose};
use pipeline::ledger::LedgerCounts;
use pipeline::results::Told;
use pipeline::service::Relayed;
use pipeline::worker::Handled;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// How long stages take: from a rule that is looked up to a scan of a hundred pages.
const STAGE_SECONDS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfStage {
    stage: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StageEnded {
    stage: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfQueue {
    stage: String,
    class: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfReconciler {
    reconciler: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReconcilerEnded {
    reconciler: &'static str,
    outcome: &'static str,
}

/// One that is shown only where this process knows it.
type Known = Family<[(&'static str, &'static str); 0], Gauge>;

/// What a process counts.
pub struct Metrics {
    registry: Registry,
    stage_completions: Family<StageEnded, Counter>,
    stage_seconds: Family<OfStage, Histogram>,
    relay_messages: Family<Ended, Counter>,
    sessions: Counter,
    broker_up: Known,
    queue_messages: Family<OfQueue, Gauge>,
    queue_consumers: Family<OfQueue, Gauge>,
    delayed: Known,
    parked: Known,
    waiting: Known,
    intake: Family<Ended, Counter>,
    results: Family<Ended, Counter>,
    documents: Known,
    records: Known,
    tasks: Known,
    unsequenced: Known,
    index_lag: Known,
    indexed: Counter,
    spans: Counter,
    rounds: Family<Ended, Counter>,
    lease: Known,
    editions: Family<ReconcilerEnded, Counter>,
    weeks_owed: Family<OfReconciler, Gauge>,
    suspended: Known,
    memory: Gauge,
    files: Gauge,
    /// What was last told of a relay, and of sessions: they count from their own start.
    relayed: std::sync::Mutex<Relayed>,
    followed: AtomicU64,
}

impl Metrics {
    /// All of them, at nothing.
    pub fn new(started_seconds: u64) -> Self {
        let mut registry = Registry::default();
        let r = &mut registry;
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        r.register("greffier_build", "The version that runs", build);
        let metrics = Self {
            stage_completions: counters(
                r,
                "greffier_stage_completions",
                "Deliveries of a stage by how they ended: done; remembered (its record was there); stale (already finished); passed_over (nothing to do with the document); deferred (put off, still owed); quarantined (set aside for a person); given_back (the ledger, the store or the broker did not answer)",
            ),
            stage_seconds: {
                let family = Family::<OfStage, Histogram>::new_with_constructor(|| {
                    Histogram::new(STAGE_SECONDS)
                });
                r.register_with_unit(
                    "greffier_stage_duration",
                    "How long deliveries of a stage took, from taking the task to its durable end, whatever the end",
                    Unit::Seconds,
                    family.clone(),
                );
                family
            },
            relay_messages: counters(
                r,
                "greffier_relay_messages",
                "Tasks handed to the broker: published (it answers for them), failed (tries that are made again), reclaimed (published long ago and not finished: owed again)",
            ),
            sessions: {
                let counter = Counter::default();
                r.register(
                    "greffier_broker_sessions",
                    "Sessions made with the broker: more than one says that it was lost and made anew",
                    counter.clone(),
                );
                counter
            },
            broker_up: known(
                r,
                "greffier_broker_up",
                "Whether there is a session with the broker",
            ),
            queue_messages: gauges(
                r,
                "greffier_queue_messages",
                "Tasks that wait at the broker; those in the hands of a worker are not counted",
            ),
            queue_consumers: gauges(
                r,
                "greffier_queue_consumers",
                "Consumers of a queue: none, and what waits in it is done by nobody",
            ),
            delayed: known(
                r,
                "greffier_queue_delayed_messages",
                "Tasks given back that wait at the broker for their next try",
            ),
            parked: known(
                r,
                "greffier_parked_messages",
                "Messages that nobody could handle: `greffier parked` shows them",
            ),
            waiting: known(
                r,
                "greffier_queue_intake_messages",
                "Documents of other software that wait to be taken in",
            ),
            intake: counters(
                r,
                "greffier_intake_messages",
                "Documents that other software handed in: kept (entered, or were here already); refused (parked, and told); put_off (no room, or the ledger or the store did not answer)",
            ),
            results: counters(
                r,
                "greffier_results_events",
                "What was told to other software: told; unreadable (a record whose document does not open, of which nothing is told)",
            ),
            documents: known(r, "greffier_documents", "Documents of the ledger"),
            records: known(r, "greffier_records", "Provenance records of the ledger"),
            tasks: known(
                r,
                "greffier_tasks_owed",
                "Tasks of the ledger that are not finished",
            ),
            unsequenced: known(
                r,
                "greffier_log_unsequenced_records",
                "Records that are not leaves of the log yet: `tick` numbers them",
            ),
            index_lag: known(
                r,
                "greffier_index_lag_records",
                "Leaves of the log that the search indexes have not followed yet, as the process that follows them knows",
            ),
            indexed: {
                let counter = Counter::default();
                r.register(
                    "greffier_index_changes",
                    "Documents written into a search index",
                    counter.clone(),
                );
                counter
            },
            spans: {
                let counter = Counter::default();
                r.register(
                    "greffier_trace_spans",
                    "Spans that the collector of traces took, where one is configured",
                    counter.clone(),
                );
                counter
            },
            rounds: counters(
                r,
                "greffier_tick_rounds",
                "Rounds of `tick`: done, waited (another process has the lease), failed",
            ),
            lease: known(
                r,
                "greffier_lease_held",
                "Whether this process is the one that numbers the log and follows it",
            ),
            editions: counters(
                r,
                "greffier_reconciler_editions",
                "Alerts and syntheses that were looked at: new (an edition was made), same (these reports had made one), failed (tried again later)",
            ),
            weeks_owed: gauges(
                r,
                "greffier_reconciler_weeks_owed",
                "Weeks that wait for their alerts, or for their synthesis once they are over",
            ),
            suspended: known(
                r,
                "greffier_promise_suspended_pipelines",
                "Pipelines whose automatic routing is suspended: everything goes to people",
            ),
            memory: {
                let gauge = Gauge::default();
                let help = "Memory of this process that is resident; its readers are apart";
                let name = "process_resident_memory";
                r.register_with_unit(name, help, Unit::Bytes, gauge.clone());
                gauge
            },
            files: {
                let gauge = Gauge::default();
                r.register(
                    "process_open_fds",
                    "Files this process has open",
                    gauge.clone(),
                );
                gauge
            },
            relayed: std::sync::Mutex::default(),
            followed: AtomicU64::new(u64::MAX),
            registry: Registry::default(),
        };
        let started: Gauge = Gauge::default();
        started.set(signed(started_seconds));
        let help = "When this process started, in seconds since 1970";
        r.register_with_unit("process_start_time", help, Unit::Seconds, started);
        Self {
            registry,
            ..metrics
        }
    }

    /// These stages are worked on: each outcome is shown from the start, so that the first of a kind is
    /// seen as a change.
    pub fn stages<'a>(&self, stages: impl IntoIterator<Item = &'a str>) {
        for stage in stages {
            for outcome in OUTCOMES {
                let stage = stage.to_owned();
                let labels = StageEnded { stage, outcome };
                drop(self.stage_completions.get_or_create(&labels));
            }
        }
    }

    /// A delivery ended.
    pub fn handled(&self, stage: &str, handled: &Handled, elapsed: Duration) {
        let labels = StageEnded {
            stage: stage.to_owned(),
            outcome: handled.as_str(),
        };
        self.stage_completions.get_or_create(&labels).inc();
        let labels = OfStage {
            stage: stage.to_owned(),
        };
        let seconds = self.stage_seconds.get_or_create(&labels);
        seconds.observe(elapsed.as_secs_f64());
    }

    /// What the relay of this process did so far.
    pub fn relayed(&self, so_far: &Relayed) {
        let mut last = self
            .relayed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let parts = [
            ("published", so_far.published, last.published),
            ("failed", so_far.failed, last.failed),
            ("reclaimed", so_far.reclaimed, last.reclaimed),
        ];
        for (outcome, now, before) in parts {
            let counter = self.relay_messages.get_or_create(&Ended { outcome });
            counter.inc_by(now.saturating_sub(before));
        }
        *last = *so_far;
    }

    /// Sessions with the broker so far, over all queues that this process opened.
    pub fn broker(&self, sessions: u64, up: bool) {
        let before = self.sessions.get();
        self.sessions.inc_by(sessions.saturating_sub(before));
        set(&self.broker_up, u64::from(up));
    }

    /// How the queues stand; not known at this moment.
    pub fn queues(&self, depths: Option<&[Depth]>) {
        self.queue_messages.clear();
        self.queue_consumers.clear();
        self.delayed.clear();
        self.parked.clear();
        self.waiting.clear();
        let mut delayed = 0;
        for depth in depths.unwrap_or_default() {
            match &depth.purpose {
                Purpose::Work { stage, class } => {
                    let labels = OfQueue {
                        stage: stage.to_string(),
                        class: class.as_str(),
                    };
                    let messages = self.queue_messages.get_or_create(&labels);
                    messages.set(i64::from(depth.messages));
                    let consumers = self.queue_consumers.get_or_create(&labels);
                    consumers.set(i64::from(depth.consumers));
                }
                Purpose::Intake => set(&self.waiting, u64::from(depth.messages)),
                Purpose::Delayed => delayed += u64::from(depth.messages),
                Purpose::Parked => set(&self.parked, u64::from(depth.messages)),
            }
        }
        if depths.is_some() {
            set(&self.delayed, delayed);
        }
    }

    /// How the ledger stands; not known at this moment.
    pub fn ledger(&self, counts: Option<LedgerCounts>) {
        let Some(counts) = counts else {
            for unknown in [
                &self.documents,
                &self.records,
                &self.tasks,
                &self.unsequenced,
                &self.index_lag,
            ] {
                unknown.clear();
            }
            return;
        };
        set(&self.documents, counts.documents);
        set(&self.records, counts.records);
        set(&self.tasks, counts.tasks);
        set(
            &self.unsequenced,
            counts.records.saturating_sub(counts.sequenced),
        );
        match self.followed.load(std::sync::atomic::Ordering::Relaxed) {
            u64::MAX => {
                self.index_lag.clear();
            }
            followed => set(&self.index_lag, counts.sequenced.saturating_sub(followed)),
        }
    }

    /// A round of `tick` ended.
    pub fn round(&self, outcome: Round) {
        let outcome = match outcome {
            Round::Done => "done",
            Round::Waited => "waited",
            Round::Failed => "failed",
        };
        self.rounds.get_or_create(&Ended { outcome }).inc();
    }

    /// Whether this process has the lease. Without it, it does not know how far the indexes are.
    pub fn lease(&self, held: bool) {
        set(&self.lease, u64::from(held));
        if !held {
            self.followed
                .store(u64::MAX, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// The indexes have followed the log up to here, and so many documents changed in them.
    pub fn followed(&self, position: u64, changes: u64) {
        self.followed
            .store(position, std::sync::atomic::Ordering::Relaxed);
        self.indexed.inc_by(changes);
    }

    /// A document was handed in.
    pub fn taken_in(&self, outcome: Handed) {
        let outcome = match outcome {
            Handed::Kept => "kept",
            Handed::Refused => "refused",
            Handed::PutOff => "put_off",
        };
        self.intake.get_or_create(&Ended { outcome }).inc();
    }

    /// Results were told.
    pub fn told(&self, told: Told) {
        for (outcome, n) in [("told", told.events), ("unreadable", told.unreadable)] {
            self.results.get_or_create(&Ended { outcome }).inc_by(n);
        }
    }

    /// So many spans were told.
    pub fn traced(&self, spans: u64) {
        self.spans.inc_by(spans);
    }

    /// Alerts or a synthesis were looked at: whether an edition is new, or `None` where it failed.
    pub fn edition(&self, reconciler: &'static str, new: Option<bool>) {
        let outcome = match new {
            Some(true) => "new",
            Some(false) => "same",
            None => "failed",
        };
        let labels = ReconcilerEnded {
            reconciler,
            outcome,
        };
        self.editions.get_or_create(&labels).inc();
    }

    /// Weeks that wait for their alerts, and for their synthesis.
    pub fn weeks_owed(&self, alerts: usize, syntheses: usize) {
        for (reconciler, weeks) in [("alert", alerts), ("synthesise", syntheses)] {
            let gauge = self.weeks_owed.get_or_create(&OfReconciler { reconciler });
            gauge.set(signed(weeks as u64));
        }
    }

    /// Pipelines that are suspended.
    pub fn suspended(&self, pipelines: usize) {
        set(&self.suspended, pipelines as u64);
    }

    /// All of them, in OpenMetrics text.
    pub fn text(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            self.memory.set(signed(bytes));
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // One of them is the folder being read.
            self.files
                .set(signed(open.count().saturating_sub(1) as u64));
        }
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// What became of a document that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It entered, or was here already.
    Kept,
    /// It is none that can be kept.
    Refused,
    /// Not now.
    PutOff,
}

/// How a round of `tick` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// It did what was to do.
    Done,
    /// Another process has the lease.
    Waited,
    /// Something did not answer.
    Failed,
}

/// How a delivery can end.
const OUTCOMES: [&str; 7] = [
    "done",
    "remembered",
    "stale",
    "passed_over",
    "deferred",
    "quarantined",
    "given_back",
];

fn counters<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Counter>
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Counter>::default();
    registry.register(name, help, family.clone());
    family
}

fn gauges<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Gauge>
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Gauge>::default();
    registry.register(name, help, family.clone());
    family
}

fn known(registry: &mut Registry, name: &str, help: &str) -> Known {
    gauges(registry, name, help)
}

fn set(gauge: &Known, value: u64) {
    gauge.get_or_create(&[]).set(signed(value));
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Resident memory of this process. The kernel counts pages in `statm`; in `status`, kibibytes.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_shown_as_nothing() {
        let metrics = Metrics::new(0);
        assert!(!metrics.text().contains("\ngreffier_documents "));
        let counts = LedgerCounts {
            documents: 3,
            records: 10,
            sequenced: 8,
            tasks: 1,
        };
        metrics.ledger(Some(counts));
        let text = metrics.text();
        assert!(text.contains("\ngreffier_documents 3\n"), "{text}");
        assert!(text.contains("\ngreffier_log_unsequenced_records 2\n"));
        assert!(!text.contains("\ngreffier_index_lag_records "));
        metrics.followed(5, 2);
        metrics.ledger(Some(counts));
        assert!(metrics.text().contains("\ngreffier_index_lag_records 3\n"));
        metrics.lease(false);
        metrics.ledger(Some(counts));
        assert!(!metrics.text().contains("\ngreffier_index_lag_records "));
        metrics.ledger(None);
        assert!(!metrics.text().contains("\ngreffier_documents "));
    }

    #[test]
    fn what_others_count_from_their_start_is_counted_once() {
        let metrics = Metrics::new(0);
        let relayed = |published| Relayed {
            published,
            ..Relayed::default()
        };
        metrics.relayed(&relayed(5));
        metrics.relayed(&relayed(5));
        metrics.relayed(&relayed(7));
        metrics.broker(1, true);
        metrics.broker(1, true);
        let text = metrics.text();
        let published = "greffier_relay_messages_total{outcome=\"published\"} 7\n";
        assert!(text.contains(published), "{text}");
        assert!(text.contains("\ngreffier_broker_sessions_total 1\n"));
    }

    /// All of them, each with a value.
    fn whole() -> String {
        let metrics = Metrics::new(0);
        metrics.stages(["extract"]);
        metrics.handled("extract", &Handled::Done, Duration::from_millis(20));
        metrics.relayed(&Relayed::default());
        metrics.broker(1, true);
        let depth = |purpose| Depth {
            queue: String::new(),
            purpose,
            messages: 1,
            consumers: 1,
        };
        metrics.queues(Some(&[
            depth(Purpose::Work {
                stage: "extract".parse().unwrap(),
                class: domain::message::Class::Bulk,
            }),
            depth(Purpose::Delayed),
            depth(Purpose::Parked),
        ]));
        metrics.followed(0, 0);
        metrics.ledger(Some(LedgerCounts::default()));
        metrics.round(Round::Done);
        metrics.edition("alert", Some(true));
        metrics.weeks_owed(0, 0);
        metrics.suspended(0);
        metrics.lease(true);
        metrics.text()
    }

    #[test]
    fn every_outcome_is_shown_before_it_happens() {
        let metrics = Metrics::new(0);
        metrics.stages(["extract"]);
        let text = metrics.text();
        let deferred = Handled::Deferred {
            reason: String::new(),
        };
        let quarantined = Handled::Quarantined {
            reason: String::new(),
        };
        let all = [
            Handled::Done,
            Handled::Remembered,
            Handled::Stale,
            Handled::PassedOver,
            deferred,
            quarantined,
            Handled::GivenBack,
        ];
        for handled in all {
            let labels = format!("{{stage=\"extract\",outcome=\"{}\"}} 0\n", handled.as_str());
            let line = format!("\ngreffier_stage_completions_total{labels}");
            assert!(text.contains(&line), "{line} {text}");
        }
    }

    #[test]
    fn the_dashboard_shows_what_is_declared() {
        let mut declared = std::collections::BTreeSet::new();
        let text = whole();
        for line in text.lines().filter_map(|l| l.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            let ends: &[&str] = match kind {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                other => panic!("{name} is a {other}"),
            };
            declared.extend(ends.iter().map(|end| format!("{name}{end}")));
        }
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docker/grafana/dashboard.json"
        );
        let file = std::fs::read(file).unwrap();
        let dashboard: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let mut shown = std::collections::BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let asked = target["expr"].as_str().unwrap();
                let words = asked.split(|c: char| !c.is_ascii_lowercase() && c != '_');
                let ours = |w: &&str| w.starts_with("greffier_") || w.starts_with("process_");
                shown.extend(words.filter(ours).map(str::to_owned));
            }
        }
        let unknown: Vec<&String> = shown.difference(&declared).collect();
        assert_eq!(unknown, Vec::<&String>::new(), "of {declared:#?}");
        // Whatever is declared is shown, but for what only tells machines apart.
        let hidden: Vec<&String> = declared
            .difference(&shown)
            .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
            .collect();
        let apart = [
            "greffier_records",
            "greffier_trace_spans_total",
            "process_start_time_seconds",
        ];
        assert_eq!(hidden, apart);
    }

    #[test]
    fn each_says_what_it_means() {
        let text = whole();
        for line in text.lines().filter(|l| l.starts_with("# TYPE ")) {
            let name = line.split(' ').nth(2).unwrap();
            let help = format!("# HELP {name} ");
            let help = text.lines().find(|l| l.starts_with(&help)).unwrap();
            assert!(help.split(' ').count() > 5, "{help}");
        }
    }
}

//! The actors of a world, and one run of it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::{DocumentId, Source, Statement};
use pipeline::intake;
use pipeline::ledger::Ledger;
use pipeline::log;
use pipeline::queue::{Queue, Settlement};
use pipeline::service::{Relay, RelaySettings};
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger};
use pipeline::vault::Vault;
use pipeline::worker::{Bench, Worker};
use privacy::Secrets;

use crate::WORKERS;
use crate::broken::{Broken, BrokenBlobs, BrokenLedger};
use crate::checks::{self, Watch};
use crate::common::model::{Expected, expected};
use crate::common::{build, incoming, pipelines, toys};
use crate::queue::SimQueue;
use crate::random::Random;
use crate::world::{Executor, Faults, Tally, World};

const SECOND: i64 = 1_000_000;
/// How long a task stays published before the relay takes it for lost.
const RECLAIM_AFTER: Duration = Duration::from_secs(120);
/// Where no message is lost nothing is ever published again: a task that its publisher marks wrongly
/// must not be saved by that.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Steps within which a world without faults must come to rest.
const STEPS_TO_REST: u64 = 200_000;
/// Steps between two looks at what must always hold.
const STEPS_PER_LOOK: u64 = 64;

/// Documents of a world, at most.
const NAMES: u64 = 8;

/// What documents say; each world draws some, and some of them twice.
const TEXTS: [&str; 15] = [
    "bonjour\n",
    "title: Éclairage\nun lampadaire est cassé\n",
    "mystery\n",
    "scan extract\nlampadaire\n",
    "scan split\nchild: x\n",
    "scan route\n",
    "panic extract\n",
    "panic route\n",
    "refuse split\nchild: kept all the same\n",
    "undeclared route\n",
    "child: un\nchild: deux\nlampadaire\n",
    "child: child: petit\n",
    "child: panic extract\nchild: bonjour\n",
    "child: scan extract\n",
    "",
];

/// What arrives, and for how long things go wrong.
pub(crate) struct Scenario {
    documents: Vec<(String, &'static str)>,
    faulty_steps: u64,
    tool_after: i64,
}

impl Scenario {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let n = 2 + random.below(NAMES - 1);
        Self {
            documents: (0..n)
                .map(|i| (format!("F-{i}"), *random.pick(&TEXTS)))
                .collect(),
            faulty_steps: 200 + random.below(5_000),
            tool_after: random.below(900) as i64 * SECOND,
        }
    }
}

impl Scenario {
    /// Every document that [`draw`](Self::draw) may draw, and nothing goes wrong.
    pub(crate) fn everything() -> Self {
        let all = (0..NAMES).flat_map(|i| TEXTS.map(|text| (format!("F-{i}"), text)));
        Self {
            documents: all.collect(),
            faulty_steps: 0,
            tool_after: 0,
        }
    }
}

/// What every record claims, by document and activity.
pub(crate) type Statements = BTreeMap<(DocumentId, String), Statement>;

/// A world that has ended.
#[derive(Default)]
pub(crate) struct Ran {
    pub(crate) problems: Vec<String>,
    pub(crate) statements: Statements,
    pub(crate) tally: Tally,
    pub(crate) trace: Vec<String>,
}

/// What the actors share.
#[derive(Clone)]
struct Town {
    world: Arc<World>,
    queue: Arc<SimQueue>,
    worker: Worker,
    tool: toys::Tool,
    /// Whether every document was let in.
    arrived: Rc<Cell<bool>>,
    /// How long a task stays published before the relay takes it for lost.
    reclaim_after: Duration,
}

/// Runs a world to its rest.
pub(crate) fn run(
    seed: u64,
    faults: Faults,
    scenario: &Scenario,
    broken: Option<Broken>,
    traced: bool,
) -> Ran {
    let world = World::new(seed, faults, traced);
    let inner = Arc::new(MemoryLedger::with_hook(world.hook()));
    let blobs = BrokenBlobs::new(MemoryBlobs::with_hook(world.hook()), broken);
    let vault = Vault {
        ledger: Arc::new(BrokenLedger { inner, broken }),
        blobs: blobs.clone(),
        secrets: Arc::new(Secrets::derived(b"a simulated town").unwrap()),
    };
    let early = broken == Some(Broken::EarlyAcknowledgement);
    let tool = toys::Tool::at_hand();
    tool.set(scenario.tool_after == 0);
    let town = Town {
        world: world.clone(),
        queue: SimQueue::new(world.clone(), early),
        worker: Worker {
            vault: vault.clone(),
            pipelines: pipelines(toys::all(&tool)),
            clock: world.clone(),
            build: build(),
            bench: Bench::Here,
        },
        tool: tool.clone(),
        arrived: Rc::new(Cell::new(false)),
        reclaim_after: if faults.losses > 0 && !early {
            RECLAIM_AFTER
        } else {
            NEVER
        },
    };
    let expected: Vec<Expected> = scenario
        .documents
        .iter()
        .flat_map(|(name, text)| expected(&vault, Source::External(name.clone()), text))
        .collect();

    let mut executor = Executor::new(world.clone(), {
        let queue = town.queue.clone();
        move |actor| {
            queue.abandoned_by(actor);
            blobs.forget();
        }
    });
    town.spawn_all(&mut executor, scenario);

    let mut watch = Watch::default();
    let mut rested = false;
    for step in 0..scenario.faulty_steps + STEPS_TO_REST {
        if step == scenario.faulty_steps {
            world.state().faults = Faults::default();
            tool.set(true);
            world.trace(|| "from here on nothing goes wrong".into());
        }
        if executor.step().is_err() {
            world.violated("everyone waits for someone else");
            break;
        }
        if step % STEPS_PER_LOOK == 0 {
            world.peek(watch.look(&vault, &world));
            let quiet = step > scenario.faulty_steps
                && town.arrived.get()
                && world.peek(is_at_rest(vault.ledger.as_ref()));
            if quiet {
                rested = true;
                break;
            }
        }
    }
    if !rested {
        let owed = world.peek(vault.ledger.owed());
        world.violated(format!(
            "the world does not come to rest: owed are {owed:?}"
        ));
    }
    let statements = world.peek(checks::at_rest(&vault, &world, &expected));
    let trace = world.take_trace();
    let state = world.state();
    Ran {
        problems: state.violations.clone(),
        statements,
        tally: state.tally,
        trace,
    }
}

async fn is_at_rest(ledger: &dyn Ledger) -> bool {
    let counts = ledger.counts().await.unwrap();
    let last = ledger.checkpoints().await.unwrap().pop();
    counts.tasks == 0
        && counts.sequenced == counts.records
        && last.is_some_and(|checkpoint| checkpoint.size == counts.records)
}

impl Town {
    fn spawn_all(&self, executor: &mut Executor, scenario: &Scenario) {
        for i in 0..WORKERS {
            let town = self.clone();
            executor.spawn(&format!("worker {i}"), move || town.clone().work());
        }
        let town = self.clone();
        executor.spawn("relay", move || town.clone().relay());
        let town = self.clone();
        executor.spawn("operator", move || town.clone().operate());
        let town = self.clone();
        executor.spawn("sequencer", move || town.clone().sequence());
        for i in 0..2 {
            let (town, documents) = (self.clone(), scenario.documents.clone());
            executor.spawn(&format!("intake {i}"), move || {
                town.clone().admit(documents.clone())
            });
        }
        let (town, after) = (self.clone(), scenario.tool_after);
        executor.spawn("tool", move || {
            let town = town.clone();
            async move {
                town.world.sleep(after).await;
                town.world.trace(|| "the tool is here".into());
                town.tool.set(true);
            }
        });
    }

    fn up_to(&self, micros: i64) -> i64 {
        self.world.state().random.below(micros as u64) as i64
    }

    /// Takes tasks and settles them.
    async fn work(self) {
        loop {
            let Ok(Some(delivery)) = self.queue.next().await else {
                self.world.sleep(SECOND / 10).await;
                continue;
            };
            let task = delivery.event.data.clone();
            self.world.trace(|| format!("takes {}", delivery.event.id));
            match self.worker.handle(&task).await {
                Ok(handled) => {
                    self.world
                        .trace(|| format!("{handled:?} {}", delivery.event.id));
                    self.world.counted(&handled);
                    // An answer that does not come is nothing to worry about.
                    let _ = self.queue.settle(delivery, Settlement::Acknowledge).await;
                }
                Err(error) => {
                    if !error.is_passing() {
                        self.world.violated(format!("a worker says {error}"));
                    }
                    self.world.state().tally.errors += 1;
                    let _ = self.queue.settle(delivery, Settlement::Return).await;
                    self.world.sleep(SECOND).await;
                }
            }
        }
    }

    /// Publishes what is due and, where messages are lost, what was published long ago.
    async fn relay(self) {
        let ledger = self.worker.vault.ledger.as_ref();
        let mut relay = Relay::new(RelaySettings {
            batch: 8,
            in_flight: 3,
            reclaim_after: self.reclaim_after,
            ..RelaySettings::default()
        });
        loop {
            let before = relay.relayed.reclaimed;
            let turn = relay.turn(ledger, self.queue.as_ref(), self.world.as_ref());
            match turn.await {
                Ok(published) => self.world.trace(|| format!("published {published}")),
                Err(error) if error.is_passing() => {}
                Err(error) => self.world.violated(format!("a relay says {error}")),
            }
            self.world.state().tally.reclaimed += relay.relayed.reclaimed - before;
            self.world.sleep(SECOND).await;
        }
    }

    /// Looks from time to time at what was parked, and tries it again.
    async fn operate(self) {
        loop {
            let pause = self.up_to(300 * SECOND);
            self.world.sleep(pause).await;
            self.queue.retry_parked();
        }
    }

    /// Gives records their leaves and signs the log.
    async fn sequence(self) {
        loop {
            let limit = 1 + self.up_to(5) as u32;
            let _ = self.worker.vault.ledger.sequence(limit).await;
            if self.up_to(3) == 0 {
                let _ = log::checkpoint(&self.worker.vault).await;
            }
            let pause = self.up_to(20 * SECOND);
            self.world.sleep(pause).await;
        }
    }

    /// Lets every document in, in an order of its own, some of them twice. Whoever dies starts
    /// over.
    async fn admit(self, mut documents: Vec<(String, &'static str)>) {
        self.world.state().random.shuffle(&mut documents);
        let again: Vec<_> = documents
            .iter()
            .filter(|_| self.up_to(4) == 0)
            .cloned()
            .collect();
        documents.extend(again);
        for (name, text) in documents {
            let incoming = incoming(&name, text);
            loop {
                let Worker { vault, build, .. } = &self.worker;
                match intake::admit(vault, &incoming, self.world.as_ref(), build).await {
                    Ok((id, admitted)) => {
                        self.world.trace(|| format!("{name} is {id}: {admitted:?}"));
                        break;
                    }
                    Err(error) if error.is_passing() => self.world.sleep(SECOND).await,
                    Err(error) => self.world.violated(format!("an intake says {error}")),
                }
            }
            let pause = self.up_to(30 * SECOND);
            self.world.sleep(pause).await;
        }
        self.arrived.set(true);
    }
}

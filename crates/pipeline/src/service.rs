//! The house spread over processes: a relay that empties the outbox into a queue, and workers that
//! empty the queue. Neither ends because a server is away for a while.
//!
//! What makes it safe to kill either at any moment: a task is marked as published only once the
//! queue answers for its message, so a relay that dies in between publishes it again; a delivery is
//! settled only once what it did is durable, so a worker that dies has it delivered to another; and
//! a message that comes twice finds its task gone, or its record there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::message::{Class, TaskEvent};
use domain::{StageName, Timestamp};
use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};

use crate::circumstances::Clock;
use crate::engine::{Event, Totals, gathered};
use crate::error::Error;
use crate::ledger::{Due, Ledger, TaskRow};
use crate::queue::{Delivery, Queue, QueueError, Settlement};
use crate::worker::{Handled, Worker};

/// How a relay works.
#[derive(Clone, Copy, Debug)]
pub struct RelaySettings {
    /// Tasks read at a time.
    pub batch: u32,
    /// Messages on their way at once.
    pub in_flight: usize,
    /// How long it waits before it looks again when nothing is due or a server is away.
    pub pause: Duration,
    /// A task published so long ago and not finished is published again: its message was lost, as
    /// when a queue was deleted. One that is only waiting its turn then has two messages, which is
    /// harmless.
    pub reclaim_after: Duration,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            batch: 256,
            in_flight: 128,
            pause: Duration::from_millis(50),
            reclaim_after: Duration::from_secs(3_600),
        }
    }
}

/// What a relay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Messages the queue answers for.
    pub published: u64,
    /// Tries that failed: each was made again.
    pub failed: u64,
    /// Tasks published again because nothing was heard of them.
    pub reclaimed: u64,
}

/// When a relay ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It is told to stop.
    Stopped,
    /// Nothing is due, or it is told to stop. A server that is away ends it with an error.
    NothingDue,
}

/// A switch that says stop, once.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The switch, and what it switches.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether it was said.
    pub fn is_said(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is said; for ever when whoever could say it is gone.
    pub async fn said(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits so long, or until it is said.
    pub async fn pause(&mut self, time: Duration) {
        tokio::select! {
            () = self.said() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}

/// Empties the outbox into a queue, and tells `hearing` after each turn what was done so far.
///
/// # Errors
/// When the queue or the ledger refuses for good: a person is needed. With [`Until::NothingDue`]
/// also when one is away.
pub async fn relay(
    ledger: &dyn Ledger,
    queue: &dyn Queue,
    clock: &dyn Clock,
    settings: RelaySettings,
    until: Until,
    mut stop: Stop,
    hearing: &(dyn Fn(&Relayed) + Sync),
) -> Result<Relayed, Error> {
    let mut relay = Relay::new(settings);
    let mut failures: u64 = 0;
    while !stop.is_said() {
        let turn = tokio::select! {
            turn = relay.turn(ledger, queue, clock) => turn,
            // What was on its way is published and not marked: it is published once more.
            () = stop.said() => break,
        };
        hearing(&relay.relayed);
        match turn {
            Ok(0) if until == Until::NothingDue => break,
            Ok(0) => stop.pause(settings.pause).await,
            Ok(_) => failures = 0,
            Err(error) if error.is_passing() && until == Until::Stopped => {
                relay.relayed.failed += 1;
                failures += 1;
                if failures % FAILURES_TOLD == 1 {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        failures,
                        "the relay waits"
                    );
                }
                stop.pause(FAILED_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(relay.relayed)
}

/// How long a relay waits after a turn that failed, and which of its failures in a row are told.
const FAILED_PAUSE: Duration = Duration::from_millis(500);
const FAILURES_TOLD: u64 = 120;

/// How long tasks are held back whose queue takes nothing while others do.
const HELD_BACK_MICROS: i64 = 30_000_000;

/// A relay, a turn at a time.
#[derive(Clone, Debug)]
pub struct Relay {
    settings: RelaySettings,
    /// When it looks next for what was published long ago.
    reclaim_at: Option<Timestamp>,
    /// Stages and classes whose queue takes nothing, until when they are held back.
    held_back: BTreeMap<(StageName, Class), Timestamp>,
    /// What it did.
    pub relayed: Relayed,
}

impl Relay {
    /// One that has done nothing yet.
    pub fn new(settings: RelaySettings) -> Self {
        Self {
            settings,
            reclaim_at: None,
            held_back: BTreeMap::new(),
            relayed: Relayed::default(),
        }
    }

    /// Publishes what is due; how much that was.
    ///
    /// # Errors
    /// When the queue or the ledger does not answer, or refuses. What the queue answered for is
    /// marked all the same; the rest stays due.
    pub async fn turn(
        &mut self,
        ledger: &dyn Ledger,
        queue: &dyn Queue,
        clock: &dyn Clock,
    ) -> Result<usize, Error> {
        let (settings, relayed) = (&self.settings, &mut self.relayed);
        let now = clock.now();
        if self.reclaim_at.is_none_or(|at| now >= at) {
            let micros = i64::try_from(settings.reclaim_after.as_micros()).unwrap_or(i64::MAX / 2);
            relayed.reclaimed += ledger.reclaim(now.plus_micros(-micros)).await?;
            self.reclaim_at = Some(now.plus_micros(micros / 4));
        }
        self.held_back.retain(|_, until| *until > now);
        let except = self.held_back.keys().cloned().collect();
        let due = ledger.due_except(now, settings.batch, &except).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let found = due.len();
        let mut refused = BTreeSet::new();
        let mut sent = futures::stream::iter(due)
            .map(|Due { task, row }| async move {
                let key = (task.stage.clone(), task.class);
                (key, row, queue.publish(TaskEvent::from(task)).await)
            })
            .buffer_unordered(settings.in_flight.max(1));
        let mut confirmed: Vec<TaskRow> = Vec::with_capacity(found);
        let mut failure = None;
        while let Some((key, row, answer)) = sent.next().await {
            match answer {
                Ok(()) => confirmed.push(row),
                Err(error) => {
                    refused.insert(key);
                    failure = Some(error);
                }
            }
        }
        drop(sent);
        // Where some queues take messages, those that do not must not stand in front of them.
        if !confirmed.is_empty() {
            let until = now.plus_micros(HELD_BACK_MICROS);
            let refused = refused.into_iter().map(|key| (key, until));
            self.held_back.extend(refused);
        }
        relayed.published += confirmed.len() as u64;
        ledger.published(&confirmed, now).await?;
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(found),
        }
    }
}

/// Works on what a queue delivers until it is closed: what was begun is finished and settled.
///
/// # Errors
/// When the queue refuses for good. What was in hand is delivered to someone else.
pub async fn work(
    worker: &Worker,
    queue: Arc<dyn Queue>,
    workers: usize,
    events: Option<mpsc::UnboundedSender<Event>>,
) -> Result<Totals, Error> {
    let mut crew = tokio::task::JoinSet::new();
    for _ in 0..workers.max(1) {
        let (worker, queue, events) = (worker.clone(), queue.clone(), events.clone());
        crew.spawn(async move { hand(&worker, queue.as_ref(), events.as_ref()).await });
    }
    gathered(crew, None).await
}

async fn hand(
    worker: &Worker,
    queue: &dyn Queue,
    events: Option<&mpsc::UnboundedSender<Event>>,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    while let Some(delivery) = queue.next().await? {
        let task = delivery.event.data.clone();
        let started = std::time::Instant::now();
        let (handled, settlement) = match worker.handle(&task).await {
            Ok(handled) => (handled, Settlement::Acknowledge),
            Err(error) => {
                tracing::warn!(
                    document.id = %task.document.as_document(), stage.name = %task.stage,
                    error = &error as &dyn std::error::Error, "given back",
                );
                (Handled::GivenBack, Settlement::Return)
            }
        };
        totals.count(&handled);
        if let Some(events) = events {
            // Nobody listening any more is no reason to stop working.
            let _ = events.send(Event {
                task,
                handled,
                elapsed: started.elapsed(),
            });
        }
        settle(queue, delivery, settlement).await?;
    }
    Ok(totals)
}

/// A delivery that cannot be settled is delivered again, and found done.
async fn settle(
    queue: &dyn Queue,
    delivery: Delivery,
    settlement: Settlement,
) -> Result<(), QueueError> {
    match queue.settle(delivery, settlement).await {
        Err(error @ QueueError::Unavailable { .. }) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "will be delivered again"
            );
            Ok(())
        }
        other => other,
    }
}

/// The stages of all pipelines, each with what one thread is handed of it.
pub fn stages(pipelines: &crate::pipelines::Pipelines) -> BTreeMap<domain::StageName, u16> {
    let mut stages = BTreeMap::new();
    for pipeline in pipelines.iter() {
        for name in pipeline.path(false).chain(pipeline.path(true)) {
            if let Some(stage) = pipeline.stage(name) {
                stages.insert(name.clone(), stage.prefetch());
            }
        }
    }
    stages
}

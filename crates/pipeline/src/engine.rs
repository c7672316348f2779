//! The embedded house at work: the relay feeds the queue from the outbox, workers empty it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Timestamp;
use domain::message::{Task, TaskEvent};
use tokio::sync::{Notify, mpsc};

use crate::error::Error;
use crate::ledger::Due;
use crate::queue::{InProcessQueue, Queue, Settlement};
use crate::worker::{Handled, Worker};

/// Tasks published and not settled, at most.
const QUEUE_CAPACITY: usize = 256;
/// Tasks the relay takes at a time.
const RELAY_BATCH: u32 = 128;

/// Something happened to a task.
#[derive(Clone, Debug)]
pub struct Event {
    /// The task.
    pub task: Task,
    /// What happened.
    pub handled: Handled,
    /// How long it took.
    pub elapsed: std::time::Duration,
}

/// What a run of the engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Stages that ran.
    pub done: u64,
    /// Stages found in the records.
    pub remembered: u64,
    /// Documents set aside.
    pub quarantined: u64,
    /// Stages that had nothing to do with their document.
    pub passed_over: u64,
    /// Tasks put off, still owed.
    pub deferred: u64,
    /// Deliveries that were already finished.
    pub stale: u64,
}

/// Runs until nothing is due.
///
/// Tasks that were published when the process last died are owed again first. A task put off is
/// waited for when it is due within `patience`; else it stays owed for the next run.
///
/// # Errors
/// When the ledger or the store does not answer: what was in flight is still owed.
pub async fn run_until_idle(
    worker: &Worker,
    workers: usize,
    patience: std::time::Duration,
    events: Option<mpsc::UnboundedSender<Event>>,
) -> Result<Totals, Error> {
    let ledger = worker.vault.ledger.clone();
    ledger.reclaim(far_future(worker)).await?;
    let queue = Arc::new(InProcessQueue::new(QUEUE_CAPACITY));
    let settled = Arc::new(Notify::new());
    let failed = Arc::new(AtomicBool::new(false));
    let mut crew = tokio::task::JoinSet::new();
    for _ in 0..workers.max(1) {
        let (worker, queue) = (worker.clone(), queue.clone());
        let (settled, failed, events) = (settled.clone(), failed.clone(), events.clone());
        crew.spawn(async move {
            let mut leaving = Leaving {
                failed,
                settled: settled.clone(),
                well: false,
            };
            let outcome = work(&worker, &queue, &settled, events.as_ref()).await;
            leaving.well = outcome.is_ok();
            outcome
        });
    }
    let relayed = relay(worker, &queue, &settled, &failed, patience).await;
    queue.close();
    gathered(crew, relayed.err()).await
}

/// What a crew did together, once all of it has stopped; or the first thing that went wrong.
pub(crate) async fn gathered(
    mut crew: tokio::task::JoinSet<Result<Totals, Error>>,
    mut first_error: Option<Error>,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    while let Some(joined) = crew.join_next().await {
        match joined {
            Ok(Ok(part)) => totals.add(part),
            Ok(Err(error)) => first_error = first_error.or(Some(error)),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(totals),
    }
}

fn far_future(worker: &Worker) -> Timestamp {
    // One process works on an embedded ledger at a time (it holds the lock), so whatever is
    // published belongs to a process that is gone, however recently.
    worker.clock.now().plus_micros(86_400_000_000)
}

async fn relay(
    worker: &Worker,
    queue: &InProcessQueue,
    settled: &Notify,
    failed: &AtomicBool,
    patience: std::time::Duration,
) -> Result<(), Error> {
    let ledger = &worker.vault.ledger;
    loop {
        if failed.load(Ordering::SeqCst) {
            return Ok(());
        }
        // Asked before looking: a task settled after the look has then been counted as pending.
        let pending = queue.pending();
        let now = worker.clock.now();
        let due = ledger.due(now, RELAY_BATCH).await?;
        if due.is_empty() {
            if pending > 0 {
                settled.notified().await;
                continue;
            }
            match ledger.next_due().await? {
                Some(at)
                    if at > now && at.micros() - now.micros() <= patience.as_micros() as i64 =>
                {
                    let wait = (at.micros() - now.micros()).max(0) as u64;
                    tokio::time::sleep(std::time::Duration::from_micros(wait)).await;
                }
                Some(at) if at <= now => {}
                _ => return Ok(()),
            }
            continue;
        }
        for Due { task, row } in &due {
            // Workers that stopped make no room: never wait for it then.
            if failed.load(Ordering::SeqCst) {
                return Ok(());
            }
            tokio::select! {
                published = queue.publish(TaskEvent::from(task.clone())) => published?,
                () = until_failed(settled, failed) => return Ok(()),
            }
            ledger.published(&[*row], now).await?;
        }
    }
}

async fn until_failed(settled: &Notify, failed: &AtomicBool) {
    while !failed.load(Ordering::SeqCst) {
        settled.notified().await;
    }
}

/// Tells the relay that a worker left, also when it panicked: nobody waits for it in vain.
struct Leaving {
    failed: Arc<AtomicBool>,
    settled: Arc<Notify>,
    well: bool,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if !self.well {
            self.failed.store(true, Ordering::SeqCst);
        }
        self.settled.notify_one();
    }
}

async fn work(
    worker: &Worker,
    queue: &InProcessQueue,
    settled: &Notify,
    events: Option<&mpsc::UnboundedSender<Event>>,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    while let Some(delivery) = queue.next().await? {
        let task = delivery.event.data.clone();
        let started = std::time::Instant::now();
        match worker.handle(&task).await {
            Ok(handled) => {
                queue.settle(delivery, Settlement::Acknowledge).await?;
                totals.count(&handled);
                if let Some(events) = events {
                    // Nobody listening any more is no reason to stop working.
                    let _ = events.send(Event {
                        task,
                        handled,
                        elapsed: started.elapsed(),
                    });
                }
                settled.notify_one();
            }
            Err(error) => {
                queue.settle(delivery, Settlement::Return).await?;
                return Err(error);
            }
        }
    }
    Ok(totals)
}

impl Totals {
    pub(crate) fn count(&mut self, handled: &Handled) {
        match handled {
            Handled::Done => self.done += 1,
            Handled::Remembered => self.remembered += 1,
            Handled::Stale => self.stale += 1,
            Handled::PassedOver => self.passed_over += 1,
            Handled::Deferred { .. } => self.deferred += 1,
            Handled::Quarantined { .. } => self.quarantined += 1,
            // Handled by whoever is handed it next.
            Handled::GivenBack => {}
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.done += other.done;
        self.remembered += other.remembered;
        self.quarantined += other.quarantined;
        self.deferred += other.deferred;
        self.stale += other.stale;
        self.passed_over += other.passed_over;
    }
}

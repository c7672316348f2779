//! A queue that keeps as little as a queue may promise: it loses, repeats, reorders, delays, and
//! lies about what it did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use domain::message::TaskEvent;
use pipeline::queue::{Delivery, Queue, QueueError, Settlement};
use pipeline::testing::memory::Yield;

use crate::world::World;

#[derive(Default)]
struct State {
    /// Messages, with the moment from which each may be delivered.
    waiting: Vec<(i64, TaskEvent)>,
    /// What was delivered and not settled, by tag, with whom.
    held: BTreeMap<u64, (usize, TaskEvent)>,
    listeners: Vec<Waker>,
    tags: u64,
}

/// The queue.
pub(crate) struct SimQueue {
    world: Arc<World>,
    state: Mutex<State>,
    /// Settles as soon as it delivers: a queue with automatic acknowledgement.
    pub(crate) settles_early: bool,
}

impl SimQueue {
    pub(crate) fn new(world: Arc<World>, settles_early: bool) -> Arc<Self> {
        Arc::new(Self {
            world,
            state: Mutex::default(),
            settles_early,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A connection closed: what it held is delivered to someone else, unless it is lost.
    pub(crate) fn abandoned_by(&self, actor: usize) {
        let mut state = self.state();
        let (theirs, others) = std::mem::take(&mut state.held)
            .into_iter()
            .partition(|(_, (who, _))| *who == actor);
        state.held = others;
        drop(state);
        let theirs: BTreeMap<u64, (usize, TaskEvent)> = theirs;
        for (_, event) in theirs.into_values() {
            self.enqueue(event);
        }
    }

    fn enqueue(&self, event: TaskEvent) {
        let at = {
            let mut world = self.world.state();
            let losses = world.faults.losses;
            if world.random.chance(losses) {
                world.tally.losses += 1;
                drop(world);
                self.world.trace(|| format!("LOST {}", event.id));
                return;
            }
            let delay = world.faults.delay;
            let delay = if delay == 0 {
                0
            } else {
                world.random.below(delay) as i64
            };
            drop(world);
            self.world.now_micros() + delay
        };
        let mut state = self.state();
        state.waiting.push((at, event));
        let listeners = std::mem::take(&mut state.listeners);
        drop(state);
        listeners.into_iter().for_each(Waker::wake);
    }

    fn enqueue_at_least_once(&self, event: TaskEvent) {
        let repeated = {
            let mut world = self.world.state();
            let repeats = world.faults.repeats;
            let repeated = world.random.chance(repeats);
            world.tally.repeats += u64::from(repeated);
            repeated
        };
        if repeated {
            self.enqueue(event.clone());
        }
        self.enqueue(event);
    }

    async fn point(&self, doing: &'static str) -> Result<(), QueueError> {
        Yield::once().await;
        let mut world = self.world.state();
        let failures = world.faults.queue_failures;
        if world.random.chance(failures) {
            drop(world);
            self.world.trace(|| format!("queue: {doing} FAILS"));
            return Err(QueueError::Unavailable {
                doing,
                source: "a fault was injected here".into(),
            });
        }
        Ok(())
    }

    fn take(&self, waker: &Waker) -> Poll<Delivery> {
        let now = self.world.now_micros();
        let mut state = self.state();
        let here: Vec<usize> = (0..state.waiting.len())
            .filter(|i| state.waiting[*i].0 <= now)
            .collect();
        if here.is_empty() {
            state.listeners.push(waker.clone());
            let next = state.waiting.iter().map(|(at, _)| *at).min();
            drop(state);
            if let Some(at) = next {
                self.world.wake_at(at, waker.clone());
            }
            return Poll::Pending;
        }
        let i = *self.world.state().random.pick(&here);
        let (_, event) = state.waiting.swap_remove(i);
        state.tags += 1;
        let tag = state.tags;
        if !self.settles_early {
            state.held.insert(tag, (self.world.actor(), event.clone()));
        }
        Poll::Ready(Delivery { event, tag })
    }
}

#[async_trait]
impl Queue for SimQueue {
    async fn publish(&self, event: TaskEvent) -> Result<(), QueueError> {
        self.point("publish").await?;
        self.enqueue_at_least_once(event);
        self.point("confirm").await
    }

    async fn next(&self) -> Result<Option<Delivery>, QueueError> {
        self.point("next").await?;
        let delivery = std::future::poll_fn(|context| self.take(context.waker())).await;
        self.world.at_work(Some(delivery.event.data.clone()));
        Ok(Some(delivery))
    }

    async fn settle(&self, delivery: Delivery, settlement: Settlement) -> Result<(), QueueError> {
        self.world.at_work(None);
        let answer = self.point("settle").await;
        if self.state().held.remove(&delivery.tag).is_none() {
            return Ok(());
        }
        match (answer, settlement) {
            (Ok(()), Settlement::Acknowledge) => {}
            (Ok(()), Settlement::Return) => self.enqueue(delivery.event),
            // An answer that does not come means that it will be delivered again.
            (Err(error), _) => {
                self.enqueue(delivery.event);
                return Err(error);
            }
        }
        self.point("settle").await
    }
}

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

struct Message {
    /// The moment from which it may be delivered.
    at: i64,
    event: TaskEvent,
    /// How often it was delivered in vain.
    deliveries: u64,
}

#[derive(Default)]
struct State {
    waiting: Vec<Message>,
    /// What was delivered and not settled, by tag, with whom.
    held: BTreeMap<u64, (usize, Message)>,
    /// What nobody could handle.
    parked: Vec<TaskEvent>,
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
        self.give_back(|who| who == actor);
    }

    /// The broker starts again: every connection closes, and whoever held something goes on without
    /// knowing.
    fn restart(&self) {
        self.world.state().tally.restarts += 1;
        self.world.trace(|| "queue: RESTARTS".into());
        self.give_back(|_| true);
    }

    /// Delivers again what these actors held, or parks what was delivered too often.
    fn give_back(&self, held_by: impl Fn(usize) -> bool) {
        let theirs: Vec<Message> = {
            let mut state = self.state();
            let (theirs, others) = std::mem::take(&mut state.held)
                .into_iter()
                .partition(|(_, (who, _))| held_by(*who));
            state.held = others;
            let theirs: BTreeMap<u64, (usize, Message)> = theirs;
            theirs.into_values().map(|(_, message)| message).collect()
        };
        for message in theirs {
            let (event, deliveries) = (message.event, message.deliveries + 1);
            let limit = self.world.state().faults.delivery_limit;
            if limit > 0 && deliveries > limit {
                self.world.state().tally.parked += 1;
                self.world.trace(|| format!("PARKED {}", event.id));
                self.state().parked.push(event);
            } else {
                self.enqueue(event, deliveries);
            }
        }
    }

    /// Puts back what was parked, as an operator does.
    pub(crate) fn retry_parked(&self) {
        let parked = std::mem::take(&mut self.state().parked);
        for event in parked {
            self.world.trace(|| format!("tries {} again", event.id));
            self.enqueue(event, 0);
        }
    }

    fn enqueue(&self, event: TaskEvent, deliveries: u64) {
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
        state.waiting.push(Message {
            at,
            event,
            deliveries,
        });
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
            self.enqueue(event.clone(), 0);
        }
        self.enqueue(event, 0);
    }

    async fn point(&self, doing: &'static str) -> Result<(), QueueError> {
        Yield::once().await;
        let restarts = self.world.state().faults.restarts;
        if self.world.state().random.chance(restarts) {
            self.restart();
        }
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
            .filter(|i| state.waiting[*i].at <= now)
            .collect();
        if here.is_empty() {
            state.listeners.push(waker.clone());
            let next = state.waiting.iter().map(|message| message.at).min();
            drop(state);
            if let Some(at) = next {
                self.world.wake_at(at, waker.clone());
            }
            return Poll::Pending;
        }
        let i = *self.world.state().random.pick(&here);
        let message = state.waiting.swap_remove(i);
        let event = message.event.clone();
        state.tags += 1;
        let tag = state.tags;
        if !self.settles_early {
            state.held.insert(tag, (self.world.actor(), message));
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
        let held = self.state().held.remove(&delivery.tag);
        let Some((_, message)) = held else {
            // The connection that delivered it is gone, and it was given back.
            return if self.settles_early {
                Ok(())
            } else {
                Err(QueueError::Unavailable {
                    doing: "settle",
                    source: "delivered by a connection that is gone".into(),
                })
            };
        };
        match (answer, settlement) {
            (Ok(()), Settlement::Acknowledge) => {}
            (Ok(()), Settlement::Return) => self.enqueue(delivery.event, 0),
            // An answer that does not come means that it will be delivered again.
            (Err(error), _) => {
                self.enqueue(delivery.event, message.deliveries + 1);
                return Err(error);
            }
        }
        self.point("settle").await
    }
}

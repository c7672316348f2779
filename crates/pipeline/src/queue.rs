//! The queue, as workers see it, and the one that lives in the process.
//!
//! A queue may deliver a task twice, late or in another order, and may lose it when the process
//! dies: the ledger knows what is owed, and what was already done is found in its records.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::message::{Class, TaskEvent};
use tokio::sync::{Notify, Semaphore};

/// What a queue could not do.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue does not answer: trying later may succeed.
    #[error("the queue is unavailable while it should {doing}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The queue answers, and will not do it however often it is asked: a person is needed.
    #[error("the queue refuses to {doing}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// Why, and what to do.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A task that was delivered and must be settled.
#[derive(Debug)]
pub struct Delivery {
    /// What is to do.
    pub event: TaskEvent,
    /// The queue's own mark.
    pub tag: u64,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The effect is durable, or there was none to have: forget it.
    Acknowledge,
    /// Nothing was done: deliver it again, at once or a little later.
    Return,
}

/// A queue of tasks.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Publishes a task; returns once the queue answers for it. Waits when the queue is full.
    async fn publish(&self, event: TaskEvent) -> Result<(), QueueError>;

    /// The next task, urgent ones first; waits for one. `None` once closed and empty.
    async fn next(&self) -> Result<Option<Delivery>, QueueError>;

    /// Settles a delivery.
    async fn settle(&self, delivery: Delivery, settlement: Settlement) -> Result<(), QueueError>;
}

/// The queue of the embedded house: bounded, in memory, fed from the outbox. What it held when the
/// process died is still owed in the ledger.
pub struct InProcessQueue {
    state: Mutex<State>,
    arrived: Notify,
    room: Semaphore,
}

#[derive(Default)]
struct State {
    urgent: VecDeque<TaskEvent>,
    normal: VecDeque<TaskEvent>,
    bulk: VecDeque<TaskEvent>,
    held: u64,
    tag: u64,
    closed: bool,
}

impl State {
    fn lane(&mut self, class: Class) -> &mut VecDeque<TaskEvent> {
        match class {
            Class::Urgent => &mut self.urgent,
            Class::Normal => &mut self.normal,
            Class::Bulk => &mut self.bulk,
        }
    }

    fn pop(&mut self) -> Option<TaskEvent> {
        self.urgent
            .pop_front()
            .or_else(|| self.normal.pop_front())
            .or_else(|| self.bulk.pop_front())
    }
}

impl InProcessQueue {
    /// A queue that holds at most `capacity` tasks not yet settled.
    pub fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            arrived: Notify::new(),
            room: Semaphore::new(capacity),
        }
    }

    /// Tasks published and not settled.
    pub fn pending(&self) -> u64 {
        let state = self.lock();
        state.held + (state.urgent.len() + state.normal.len() + state.bulk.len()) as u64
    }

    /// Lets waiting workers go once the queue is empty.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_waiters();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while the lock is held leaves counters and lanes as they were: each change is one
        // statement.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for InProcessQueue {
    async fn publish(&self, event: TaskEvent) -> Result<(), QueueError> {
        match self.room.acquire().await {
            Ok(permit) => permit.forget(),
            Err(closed) => {
                return Err(QueueError::Unavailable {
                    doing: "publish a task",
                    source: closed.into(),
                });
            }
        }
        self.lock().lane(event.data.class).push_back(event);
        self.arrived.notify_one();
        Ok(())
    }

    async fn next(&self) -> Result<Option<Delivery>, QueueError> {
        loop {
            // Listen before looking: a task published between the look and the wait still wakes us.
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            {
                let mut state = self.lock();
                if let Some(event) = state.pop() {
                    state.held += 1;
                    state.tag += 1;
                    let tag = state.tag;
                    if state.urgent.len() + state.normal.len() + state.bulk.len() > 0 {
                        self.arrived.notify_one();
                    }
                    return Ok(Some(Delivery { event, tag }));
                }
                if state.closed {
                    return Ok(None);
                }
            }
            arrived.await;
        }
    }

    async fn settle(&self, delivery: Delivery, settlement: Settlement) -> Result<(), QueueError> {
        let mut state = self.lock();
        state.held = state.held.saturating_sub(1);
        match settlement {
            Settlement::Acknowledge => {
                drop(state);
                self.room.add_permits(1);
            }
            Settlement::Return => {
                state
                    .lane(delivery.event.data.class)
                    .push_back(delivery.event);
                drop(state);
                self.arrived.notify_one();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SubjectId;
    use domain::message::Task;

    fn event(n: u8, class: Class) -> TaskEvent {
        Task {
            document: SubjectId::from_bytes([n; 16]),
            pipeline: "forms".parse().unwrap(),
            stage: "extract".parse().unwrap(),
            generation: 0,
            class,
        }
        .into()
    }

    #[tokio::test]
    async fn urgent_tasks_overtake_and_returned_ones_come_back() {
        let queue = InProcessQueue::new(10);
        queue.publish(event(1, Class::Bulk)).await.unwrap();
        queue.publish(event(2, Class::Urgent)).await.unwrap();
        let first = queue.next().await.unwrap().unwrap();
        assert_eq!(first.event, event(2, Class::Urgent));
        queue.settle(first, Settlement::Return).await.unwrap();
        assert_eq!(queue.pending(), 2);
        let again = queue.next().await.unwrap().unwrap();
        assert_eq!(again.event, event(2, Class::Urgent));
        queue.settle(again, Settlement::Acknowledge).await.unwrap();
        queue.close();
        let last = queue.next().await.unwrap().unwrap();
        queue.settle(last, Settlement::Acknowledge).await.unwrap();
        assert!(queue.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_full_queue_makes_its_publisher_wait() {
        let queue = std::sync::Arc::new(InProcessQueue::new(1));
        queue.publish(event(1, Class::Normal)).await.unwrap();
        let publisher = tokio::spawn({
            let queue = queue.clone();
            async move { queue.publish(event(2, Class::Normal)).await }
        });
        tokio::task::yield_now().await;
        assert!(!publisher.is_finished());
        let delivery = queue.next().await.unwrap().unwrap();
        queue
            .settle(delivery, Settlement::Acknowledge)
            .await
            .unwrap();
        publisher.await.unwrap().unwrap();
        assert_eq!(queue.pending(), 1);
    }
}

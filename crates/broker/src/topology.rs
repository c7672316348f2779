//! What is declared at the broker: exchanges, queues, and every argument, as values.
//!
//! ```text
//!                       key STAGE.CLASS
//!  relay ──confirm──▶ PREFIX.tasks (direct) ──▶ PREFIX.STAGE.CLASS (quorum) ──▶ workers
//!                            ▲                        │ nobody could: delivery limit
//!                            │ after its time         ▼
//!  worker gives back ─▶ PREFIX.retry.30s ─▶ queue   PREFIX.parked (fanout) ──▶ PREFIX.parked
//!
//!  other software ──confirm──▶ PREFIX.intake (fanout) ──▶ PREFIX.intake (quorum) ──▶ intake
//!  results follower ──confirm──▶ PREFIX.results (topic) ──▶ whatever queue others bind
//! ```
//!
//! Dead letters keep their routing key, so that a delayed or parked message finds its way back.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::StageName;
use domain::message::{Class, Task};

/// The prefix of every name, unless another is given.
pub const PREFIX: &str = "greffier";

/// How long a message given back waits: the first time, the second, and every time after.
pub const DELAYS: [Delay; 3] = [
    Delay {
        name: "5s",
        time: Duration::from_secs(5),
    },
    Delay {
        name: "30s",
        time: Duration::from_secs(30),
    },
    Delay {
        name: "5min",
        time: Duration::from_secs(300),
    },
];

/// Deliveries after which the broker parks a message. The ledger sets a document aside after 50
/// attempts cut short; a message that is delivered four times as often never reached it. Messages
/// that a worker holds and has not begun when it dies count here and not there.
const DELIVERY_LIMIT: i64 = 200;
/// Messages in a queue from which on the broker refuses more: they stay in the outbox.
const LENGTH_MAX: i64 = 1_000_000;
/// Messages and bytes of documents that wait to be taken in, at most.
const INTAKE_LENGTH_MAX: i64 = 10_000;
const INTAKE_BYTES_MAX: i64 = 1 << 30;
/// Bytes of messages that wait for a person, at most: beyond, nothing more is taken in until one looks.
const PARKED_BYTES_MAX: i64 = 1 << 30;
/// Looking at parked messages gives them back: the broker must never throw one away for it.
const LOOKED_AT_MAX: i64 = 1_000_000_000;
/// Copies of a queue, in a cluster of that many.
const COPIES: i64 = 3;

/// A delay, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// In names of queues.
    pub name: &'static str,
    /// How long.
    pub time: Duration,
}

/// The classes, the one that overtakes first.
pub const CLASSES: [Class; 3] = [Class::Urgent, Class::Normal, Class::Bulk];

/// How an exchange passes messages on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// To the queues bound with the message's key.
    ByKey,
    /// To every queue bound.
    ToAll,
    /// To the queues bound with a pattern that the message's key fits.
    ByPattern,
}

/// An argument of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A word.
    Word(String),
    /// A number.
    Number(i64),
}

/// A queue to declare: durable, shared, kept when unused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePlan {
    /// Its name.
    pub name: String,
    /// Its arguments, none left to the broker's defaults.
    pub arguments: BTreeMap<&'static str, Argument>,
    /// The exchange it takes from.
    pub exchange: String,
    /// With this key.
    pub key: String,
}

/// Everything that is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    prefix: String,
    stages: BTreeMap<StageName, u16>,
}

impl Topology {
    /// The queues of these stages, each with what one working thread is handed of it at a time.
    pub fn new(prefix: &str, stages: BTreeMap<StageName, u16>) -> Self {
        Self {
            prefix: prefix.to_owned(),
            stages,
        }
    }

    /// The stages that have queues.
    pub fn stages(&self) -> impl Iterator<Item = &StageName> {
        self.stages.keys()
    }

    /// What one working thread is handed of a stage at a time.
    pub(crate) fn prefetch(&self, stage: &StageName) -> u16 {
        self.stages.get(stage).copied().unwrap_or(1).max(1)
    }

    /// The exchange of tasks.
    pub fn tasks(&self) -> String {
        format!("{}.tasks", self.prefix)
    }

    /// The exchange and the queue of what nobody could handle.
    pub fn parked(&self) -> String {
        format!("{}.parked", self.prefix)
    }

    /// The exchange and the queue of documents that other software hands in.
    pub fn intake(&self) -> String {
        format!("{}.intake", self.prefix)
    }

    /// The exchange of what happened, to which other software binds queues of its own.
    pub fn results(&self) -> String {
        format!("{}.results", self.prefix)
    }

    /// The exchange and the queue of what waits so long.
    pub(crate) fn delayed(&self, delay: &Delay) -> String {
        format!("{}.retry.{}", self.prefix, delay.name)
    }

    /// The queue of a stage and a class.
    pub fn queue(&self, stage: &StageName, class: Class) -> String {
        format!("{}.{}", self.prefix, key(stage, class))
    }

    /// The exchanges.
    pub fn exchanges(&self) -> Vec<(String, Passes)> {
        let mut all = vec![
            (self.tasks(), Passes::ByKey),
            (self.parked(), Passes::ToAll),
            (self.intake(), Passes::ToAll),
            (self.results(), Passes::ByPattern),
        ];
        all.extend(DELAYS.iter().map(|d| (self.delayed(d), Passes::ToAll)));
        all
    }

    /// The queues.
    pub fn queues(&self) -> Vec<QueuePlan> {
        let mut all = vec![self.parking(), self.taking_in()];
        all.extend(DELAYS.iter().map(|delay| self.delaying(delay)));
        for stage in self.stages.keys() {
            for class in CLASSES {
                all.push(self.working(stage, class));
            }
        }
        all
    }

    fn working(&self, stage: &StageName, class: Class) -> QueuePlan {
        let mut arguments = kept();
        dead_letters_to(&mut arguments, self.parked());
        arguments.insert("x-delivery-limit", Argument::Number(DELIVERY_LIMIT));
        QueuePlan {
            name: self.queue(stage, class),
            arguments,
            exchange: self.tasks(),
            key: key(stage, class),
        }
    }

    fn delaying(&self, delay: &Delay) -> QueuePlan {
        let mut arguments = kept();
        dead_letters_to(&mut arguments, self.tasks());
        let time = i64::try_from(delay.time.as_millis()).unwrap_or(i64::MAX);
        arguments.insert("x-message-ttl", Argument::Number(time));
        arguments.insert("x-delivery-limit", Argument::Number(LOOKED_AT_MAX));
        QueuePlan {
            name: self.delayed(delay),
            arguments,
            exchange: self.delayed(delay),
            key: String::new(),
        }
    }

    /// What comes in is bounded by bytes too: it may hold documents. Beyond, its publishers are told
    /// that it was not taken, and wait.
    fn taking_in(&self) -> QueuePlan {
        let mut arguments = kept();
        dead_letters_to(&mut arguments, self.parked());
        arguments.insert("x-delivery-limit", Argument::Number(DELIVERY_LIMIT));
        arguments.insert("x-max-length", Argument::Number(INTAKE_LENGTH_MAX));
        arguments.insert("x-max-length-bytes", Argument::Number(INTAKE_BYTES_MAX));
        QueuePlan {
            name: self.intake(),
            arguments,
            exchange: self.intake(),
            key: String::new(),
        }
    }

    fn parking(&self) -> QueuePlan {
        let mut arguments = kept();
        // What is refused of other software's comes here with all that it holds.
        arguments.insert("x-max-length-bytes", Argument::Number(PARKED_BYTES_MAX));
        arguments.insert("x-delivery-limit", Argument::Number(LOOKED_AT_MAX));
        QueuePlan {
            name: self.parked(),
            arguments,
            exchange: self.parked(),
            key: String::new(),
        }
    }
}

/// The routing key of a task.
pub(crate) fn key_of(task: &Task) -> String {
    key(&task.stage, task.class)
}

fn key(stage: &StageName, class: Class) -> String {
    format!("{stage}.{}", class.as_str())
}

/// What every queue has: several copies, and no message ever dropped for want of room.
fn kept() -> BTreeMap<&'static str, Argument> {
    BTreeMap::from([
        ("x-queue-type", word("quorum")),
        ("x-quorum-initial-group-size", Argument::Number(COPIES)),
        ("x-queue-leader-locator", word("balanced")),
        ("x-max-length", Argument::Number(LENGTH_MAX)),
        ("x-overflow", word("reject-publish")),
    ])
}

/// Dead letters leave only once their next queue has them.
fn dead_letters_to(arguments: &mut BTreeMap<&'static str, Argument>, exchange: String) {
    arguments.insert("x-dead-letter-exchange", Argument::Word(exchange));
    arguments.insert("x-dead-letter-strategy", word("at-least-once"));
}

fn word(text: &str) -> Argument {
    Argument::Word(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        let stages = [("extract", 1), ("split", 8)]
            .map(|(name, prefetch)| (name.parse().unwrap(), prefetch))
            .into();
        Topology::new("town", stages)
    }

    #[test]
    fn each_stage_has_a_queue_a_class() {
        let names: Vec<String> = topology().queues().into_iter().map(|q| q.name).collect();
        assert_eq!(
            names,
            [
                "town.parked",
                "town.intake",
                "town.retry.5s",
                "town.retry.30s",
                "town.retry.5min",
                "town.extract.urgent",
                "town.extract.normal",
                "town.extract.bulk",
                "town.split.urgent",
                "town.split.normal",
                "town.split.bulk",
            ]
        );
    }

    #[test]
    fn no_queue_ever_drops_a_message() {
        for queue in topology().queues() {
            let argument = |name: &str| queue.arguments.get(name).cloned();
            assert_eq!(argument("x-queue-type"), Some(word("quorum")));
            assert_eq!(argument("x-overflow"), Some(word("reject-publish")));
            if queue.name == "town.parked" {
                assert_eq!(argument("x-dead-letter-exchange"), None);
                continue;
            }
            assert_eq!(
                argument("x-dead-letter-strategy"),
                Some(word("at-least-once"))
            );
            let next = argument("x-dead-letter-exchange");
            let known = topology().exchanges();
            assert!(
                known
                    .iter()
                    .any(|(name, _)| Some(Argument::Word(name.clone())) == next),
                "{} sends dead letters to {next:?}",
                queue.name
            );
        }
    }

    #[test]
    fn what_waited_goes_back_to_its_stage() {
        let topology = topology();
        let delaying = topology.delaying(&DELAYS[0]);
        assert_eq!(delaying.arguments["x-message-ttl"], Argument::Number(5_000));
        assert_eq!(
            delaying.arguments["x-dead-letter-exchange"],
            Argument::Word("town.tasks".to_owned())
        );
        // The key is the message's own: another would send all stages to one queue.
        assert!(!delaying.arguments.contains_key("x-dead-letter-routing-key"));
    }
}

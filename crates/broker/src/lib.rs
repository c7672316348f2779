//! Queues over AMQP 0-9-1: RabbitMQ. Tested on 3.10; 4.x is untested.
//!
//! | module | what it holds |
//! |---|---|
//! | [`address`] | where the broker is, without its password in any message |
//! | [`topology`] | exchanges, queues and every argument, as values made from the stages in force |
//! | [`queue`] | [`RabbitQueue`]: the house's queue, supervised: what breaks is rebuilt |
//! | [`intake`] | documents that other software hands in |
//! | [`results`] | what happened, told to whoever listens |
//! | [`parked`] | what nobody could handle: look, try again, throw away |
//! | [`depth`] | how much waits where, and for how many consumers |
//! | `link` | a connection with its channels, and the topology declared |
//! | `backoff` | how long to wait before the next try |
//! | [`error`] | what a broker can refuse, and what to do |
//!
//! Invariants: this crate alone knows AMQP; messages carry references and never content; a message
//! is answered for by the broker (confirm, `mandatory`) before [`RabbitQueue`] says it is published,
//! and acknowledged only by whoever settles it; attempts are counted by the ledger, and the
//! broker's own count only ends loops that the ledger never sees.

pub mod address;
mod backoff;
pub mod depth;
pub mod error;
pub mod intake;
mod link;
pub mod parked;
pub mod queue;
pub mod results;
pub mod topology;

pub use address::Address;
pub use error::BrokerError;
pub use intake::{Intake, Taken};
pub use queue::{Consuming, RabbitQueue};
pub use results::Results;
pub use topology::Topology;

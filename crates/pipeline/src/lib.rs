//! Pipeline files; stages, workers, followers, reconcilers; the in-process queue; what people do
//! with documents.
//!
//! | module | what it holds |
//! |---|---|
//! | [`file`], [`pipelines`] | pipeline files, checked, and the pipelines in force |
//! | [`stage`] | a stage as a trait: inputs, output, faults, the settings a record names |
//! | [`ledger`], [`blobs`], [`queue`] | the outside as traits; the queue that lives in the process |
//! | [`vault`] | sealed artifacts of a subject |
//! | [`intake`], [`worker`], [`engine`], [`reconcile`] | how a document enters, how work is done once |
//! | [`service`] | the relay and the workers of a house spread over processes, on any queue |
//! | [`log`] | sequencing, checkpoints, proofs |
//! | [`desk`], [`inbox`], [`review`] | what people see and do: a document, what waits and in which order, a decision |
//! | [`accounts`], [`gate`], [`rights`] | who may sign in; signing in; what each may read and do |
//! | [`duty`] | alerts in people's hands: who was told, who took one on |
//! | [`themes`] | what people decide of themes |
//! | [`likeness`], [`precedents`] | what resembles what, and what people decided of the like |
//! | [`examples`] | what people decided, to learn from |
//! | [`reasons`], [`explain`], [`progress`] | why, on a line and on a sheet; how far routing by itself is |
//! | [`verify`], [`replay`] | whether everything holds, and whether it would come out again |
//!
//! Invariants: nothing here knows a file format, a model, SQL or AMQP; a stage is called with
//! values and gives values; nothing is recorded twice, and nothing that is owed is forgotten.

pub mod accounts;
pub mod blobs;
pub mod circumstances;
pub mod desk;
pub mod duty;
pub mod engine;
pub mod error;
pub mod examples;
pub mod explain;
pub mod file;
pub mod gate;
pub mod inbox;
pub mod intake;
pub mod ledger;
pub mod likeness;
pub mod log;
pub mod pipelines;
pub mod precedents;
pub mod progress;
pub mod queue;
pub mod reasons;
pub mod reconcile;
pub mod replay;
pub mod results;
pub mod review;
pub mod rights;
pub mod service;
pub mod stage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod themes;
pub mod vault;
pub mod verify;
pub mod worker;

pub use error::Error;

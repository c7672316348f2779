//! The vocabulary of Greffier: what every other crate speaks of.
//!
//! | module | what it names |
//! |---|---|
//! | [`ids`] | documents, artifacts, run keys, services, stages: typed, never a bare string |
//! | [`digest`], [`canonical`] | SHA-256 and RFC 8785 bytes, so that equal values have equal bytes |
//! | [`fixed`], [`time`], [`delay`] | numbers, moments and time limits without floats and without a clock |
//! | [`arrival`] | how a document reached us |
//! | [`text`], [`sentences`], [`layout`] | stored text, places in it, pages, fields, attachments, notes |
//! | [`quality`], [`told`] | how well a document was read, and how that is said |
//! | [`passage`], [`sketch`], [`decision`], [`form`] | what stages say of a document |
//! | [`report`], [`sentence`], [`synthesis`], [`alert`] | what reconcilers say of a period |
//! | [`account`] | who may sign in, with which roles, over what |
//! | [`audience`] | for whom a version is written, and what points at somebody unnamed |
//! | [`duty`] | alerts in people's hands: who was told, who took one on |
//! | [`record`], [`act`], [`message`], [`explanation`] | what was done and decided, what is to do, and why |
//! | [`schema`] | the JSON Schemas of all that leaves the process |
//!
//! Invariants: no I/O, no async, no clock, no randomness here; a value that can be built is valid;
//! JSON that leaves the process is described by a schema generated from these types.

pub mod account;
pub mod act;
pub mod alert;
pub mod arrival;
pub mod audience;
pub mod canonical;
pub mod catalogue;
pub mod decision;
pub mod delay;
pub mod digest;
pub mod duty;
pub mod event;
pub mod explanation;
pub mod fixed;
pub mod form;
pub mod holidays;
pub mod ids;
pub mod layout;
pub mod message;
pub mod passage;
pub mod quality;
pub mod record;
pub mod report;
pub mod schema;
pub mod sentence;
pub mod sentences;
pub mod sketch;
pub mod synthesis;
pub mod text;
pub mod time;
pub mod told;

pub use account::{AccountName, Grant, Reach, Role, Scope, TokenScope};
pub use alert::{Alert, AlertKind, AlertSet, Ground};
pub use arrival::{Arrival, Source};
pub use audience::{Audience, Clue, ClueKind};
pub use catalogue::Lang;
pub use decision::{Candidate, Decision, Outcome, Reason, Threshold};
pub use delay::{Day, Delay};
pub use digest::Digest;
pub use duty::{AlertAct, AlertDeed, AlertNotice, Channel};
pub use fixed::Probability;
pub use form::{Completeness, Missing};
pub use ids::{
    AlertId, ArtifactName, CollectionName, DocumentId, FormId, PersonId, PipelineName, RuleId,
    RunKey, ServiceId, StageName, SubjectId,
};
pub use layout::{
    Attachment, Block, BlockRole, Coverage, Field, FieldKind, Layout, Line, Note, NoteCode, Page,
    PageBox, ReadBy, Signature,
};
pub use passage::{Passage, PassageSet};
pub use quality::Quality;
pub use record::{Agent, Circumstances, Kind, ModelRef, Named, Record, RunOutcome, Statement};
pub use report::FieldReport;
pub use sentence::{Evidence, Mask, Sentence};
pub use sketch::Sketch;
pub use synthesis::Synthesis;
pub use text::{Span, StoredText};
pub use time::{IsoWeek, Timestamp};

//! The commands, one short file a subject.

pub mod admin;
pub mod alerts;
pub mod backup;
pub mod classify;
pub mod doctor;
pub mod documents;
pub mod eval;
pub mod extract;
pub mod forecast;
pub mod inbox;
pub mod index;
pub mod ingest;
pub mod intake;
pub mod models;
pub mod promise;
pub mod promote;
pub mod queues;
pub mod reading;
pub mod reprocess;
pub mod search;
pub mod service;
pub mod synthesise;
pub mod tables;
pub mod themes;
pub mod trust;
pub mod users;

/// What a command ends with. See the exit codes in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// 0.
    Done,
    /// 1: something essential is missing.
    NotReady,
    /// 3: done, but some documents were refused or set aside.
    SomeRefused,
    /// 4: something does not hold.
    DoesNotHold,
}

impl Ending {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotReady => 1,
            Self::SomeRefused => 3,
            Self::DoesNotHold => 4,
        }
    }
}

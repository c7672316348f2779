//! Extraction in a child process.
//!
//! A hostile file can make a parser hang, exhaust memory or overflow its stack; none of that can
//! be caught in the process it happens in. [`Reader`] keeps a pool of children that each run
//! [`serve`]: they read one document after the other and are replaced when they die, grow, or have
//! read enough.
//!
//! | limit | who holds it |
//! |---|---|
//! | address space, open files, file size 0, no core | the child, on itself, before the first byte |
//! | files, sockets, programs, other processes | the kernel, once the child gave them up: [`confine`] |
//! | processor time | the child, armed anew for each document |
//! | wall time | the parent, which kills the child's process group |
//! | size of the answer | the parent |
//!
//! What depends on a limit here is a [`ReadFault`], to be retried or set aside: it is never part
//! of an extraction. The child inherits nothing but its three pipes, gets an empty environment and
//! dies with the parent.

#[cfg(target_os = "linux")]
mod calls;
mod child;
mod confine;
mod frame;
mod gate;
mod limits;
mod pump;
mod reader;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use child::serve;
pub use confine::{Confine, Confinement, confine};
#[cfg(fuzzing)]
pub use frame::frames;
pub use limits::{Limits, arm_cpu, limit};
pub use reader::{Clock, ReadFault, Reader};

/// Limits on a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProcessLimits {
    /// Address space of the child, in bytes.
    pub address_space_bytes: u64,
    /// Processor time for one document, in seconds.
    pub cpu_seconds: u64,
    /// Wall time for one document, its transfer included.
    #[serde(with = "seconds")]
    #[schemars(with = "u64")]
    pub wall: Duration,
    /// Open files of the child.
    pub open_files: u64,
    /// Bytes of the answer to one document.
    pub output_bytes: u64,
    /// Documents read by one child before it is replaced.
    pub documents: u32,
    /// Resident memory after a document beyond which a child is replaced, in bytes.
    pub resident_bytes: u64,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            address_space_bytes: 2 << 30,
            cpu_seconds: 60,
            wall: Duration::from_secs(120),
            open_files: 16,
            output_bytes: 512 << 20,
            documents: 500,
            resident_bytes: 512 << 20,
        }
    }
}

/// A duration as whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(d.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_secs)
    }
}

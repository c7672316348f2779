//! Limits that a process sets on itself, for good: what it runs later is held by them as well.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::ProcessLimits;

/// What a process may use from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Address space, in bytes.
    pub address_space_bytes: u64,
    /// Open files.
    pub open_files: u64,
    /// Bytes of a file that it writes; 0: it writes none.
    pub file_bytes: u64,
}

impl Limits {
    /// Those of a child that writes no file.
    pub fn of(limits: &ProcessLimits) -> Self {
        Self {
            address_space_bytes: limits.address_space_bytes,
            open_files: limits.open_files,
            file_bytes: 0,
        }
    }
}

/// Sets the limits on this process, which also dies with the thread that started it and leaves no
/// memory image behind.
///
/// A lower limit that is already there stays.
///
/// # Errors
/// When the system refuses a limit; the process should then end.
pub fn limit(limits: &Limits) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, limits.open_files),
        (Resource::As, limits.address_space_bytes),
    ] {
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(most);
        let limit = Rlimit {
            current: Some(allowed),
            maximum: Some(allowed),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Gives this process so many seconds of processor time from now on. May be called again.
///
/// # Errors
/// When the system refuses.
pub fn arm_cpu(seconds: u64) -> io::Result<()> {
    // The limit counts from the start of the process: what is used so far is added.
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let used = u64::try_from(used.tv_sec).unwrap_or(0).saturating_add(1);
    let maximum = getrlimit(Resource::Cpu).maximum;
    let limit = Rlimit {
        current: Some(
            used.saturating_add(seconds)
                .min(maximum.unwrap_or(u64::MAX)),
        ),
        maximum,
    };
    Ok(setrlimit(Resource::Cpu, limit)?)
}

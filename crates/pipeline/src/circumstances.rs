//! When, where and with what something was done: kept beside statements, never compared.

use domain::{Circumstances, Timestamp};

/// Tells the time. The only clock in the house; tests have their own.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(std::time::Duration::ZERO);
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros).unwrap_or_else(epoch)
    }
}

fn epoch() -> Timestamp {
    // The year 1970 is within range; the fallback only satisfies the type.
    Timestamp::from_micros(0).unwrap_or_else(|| unreachable!("1970 can be written"))
}

/// What works here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// `greffier 0.1.0`.
    pub build: String,
    /// `x86_64-linux`.
    pub platform: String,
    /// Version of the inference runtime, where there is one.
    pub runtime: Option<String>,
}

impl Build {
    /// The circumstances of a run of this build.
    pub fn circumstances(
        &self,
        started_at: Timestamp,
        ended_at: Timestamp,
        attempt: u32,
        models: bool,
    ) -> Circumstances {
        Circumstances {
            started_at,
            ended_at,
            attempt,
            build: self.build.clone(),
            platform: self.platform.clone(),
            runtime: if models { self.runtime.clone() } else { None },
        }
    }
}

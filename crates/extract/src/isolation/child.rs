//! The child's side.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::ProcessLimits;
use super::frame::{self, Answer, Job, Request};
use crate::ocr::{self, Raster, Unrastered};
use crate::{Extraction, Input, extract};

/// Stack of the thread that parses: recursive parsers get room, and an overflow still ends in a
/// signal.
const STACK_BYTES: usize = 64 << 20;

/// The child's main loop: takes requests from standard input and answers on standard output until
/// the input ends.
///
/// Limits the process first: after this, it can open hardly any file, write none, and use only so
/// much memory. The program that calls this should do nothing else before or after.
///
/// # Errors
/// When the limits cannot be set or the pipes fail; the child should then exit.
pub fn serve(limits: &ProcessLimits) -> io::Result<()> {
    restrict(limits)?;
    // A parser's panic message may quote the document.
    std::panic::set_hook(Box::new(|_| {}));
    let limits = limits.clone();
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || answer_all(&limits))?
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the reading thread panicked")))
}

/// What was done for a request.
enum Done {
    Read(Extraction),
    Rastered(Result<Raster, Unrastered>),
}

/// Limits the process that is about to become the recogniser: nothing of ours is in it yet.
pub(crate) fn limit_recogniser(limits: &ProcessLimits) -> io::Result<()> {
    restrict(limits)?;
    arm_cpu(limits.cpu_seconds)
}

fn answer_all(limits: &ProcessLimits) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    while let Some((request, bytes)) = frame::read::<Request>(&mut input)? {
        arm_cpu(limits.cpu_seconds)?;
        let read = catch_unwind(AssertUnwindSafe(|| {
            let input = Input {
                bytes: &bytes,
                file_name: request.file_name.as_deref(),
                media_type: request.media_type.as_deref(),
                columns: request.columns.as_ref(),
                password: request.password.as_deref(),
            };
            match &request.job {
                Job::Read => Done::Read(extract(&input, &request.budgets)),
                Job::Raster { page, settings } => {
                    Done::Rastered(ocr::raster::raster(&input, *page, settings))
                }
            }
        }));
        let (answer, body) = match read {
            Ok(Done::Read(extraction)) => Answer::read(extraction, resident_bytes()),
            Ok(Done::Rastered(raster)) => Answer::rastered(raster, resident_bytes()),
            Err(_) => (Answer::Panicked, Vec::new()),
        };
        output.write_all(&frame::head(&answer, body.len())?)?;
        output.write_all(&body)?;
        output.flush()?;
        if matches!(answer, Answer::Panicked) {
            return Err(io::Error::other("a parser panicked"));
        }
    }
    Ok(())
}

fn restrict(limits: &ProcessLimits) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    for (resource, limit) in [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, limits.open_files),
        (Resource::As, limits.address_space_bytes),
    ] {
        // A lower limit that is already there stays.
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(limit);
        let limit = Rlimit {
            current: Some(allowed),
            maximum: Some(allowed),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// The limit counts from the start of the process: what is used so far is added.
fn arm_cpu(seconds: u64) -> io::Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let used = u64::try_from(used.tv_sec).unwrap_or(0) + 1;
    let maximum = getrlimit(Resource::Cpu).maximum;
    let limit = Rlimit {
        current: Some((used + seconds).min(maximum.unwrap_or(u64::MAX))),
        maximum,
    };
    Ok(setrlimit(Resource::Cpu, limit)?)
}

/// Resident memory, where the system says it; 0 elsewhere.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

//! The child's side.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::ProcessLimits;
use super::confine::{Confine, Confinement, confine};
use super::frame::{self, Answer, Job, Request, Said, State};
use super::limits::{Limits, arm_cpu, limit};
use crate::ocr::{self, Raster, Unrastered};
use crate::rows::{self, Table};
use crate::{Extraction, Input, extract};

/// Stack of the thread that parses: recursive parsers get room, and an overflow still ends in a
/// signal.
const STACK_BYTES: usize = 64 << 20;

/// The child's main loop: takes requests from standard input and answers on standard output until
/// the input ends.
///
/// Limits and confines the process first: after this it opens no file, no socket and no program,
/// and uses only so much memory. The program that calls this should do nothing else before or
/// after.
///
/// # Errors
/// When the limits cannot be set or the pipes fail; the child should then exit.
pub fn serve(limits: &ProcessLimits) -> io::Result<()> {
    limit(&Limits::of(limits))?;
    let resident = Resident::open();
    let confinement = confine(&Confine::default());
    // A parser's panic message may quote the document.
    std::panic::set_hook(Box::new(|_| {}));
    let limits = limits.clone();
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || answer_all(&limits, &resident, confinement))?
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the reading thread panicked")))
}

/// What was done for a request.
enum Done {
    Read(Box<Extraction>),
    Rastered(Result<Raster, Unrastered>),
    Rows(Table),
}

fn answer_all(
    limits: &ProcessLimits,
    resident: &Resident,
    confinement: Confinement,
) -> io::Result<()> {
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
                Job::Read => Done::Read(Box::new(extract(&input, &request.budgets))),
                Job::Raster { page, settings } => {
                    Done::Rastered(ocr::raster::raster(&input, *page, settings))
                }
                Job::Rows { workbooks } => {
                    Done::Rows(rows::table(&input, *workbooks, &request.budgets))
                }
            }
        }));
        let (said, body) = match read {
            Ok(Done::Read(extraction)) => Said::read(*extraction),
            Ok(Done::Rastered(raster)) => Said::rastered(raster),
            Ok(Done::Rows(table)) => (Said::Rows, serde_json::to_vec(&table)?),
            Err(_) => (Said::Panicked, Vec::new()),
        };
        let state = State {
            resident_bytes: resident.bytes(),
            confinement,
        };
        let answer = Answer { state, said };
        output.write_all(&frame::head(&answer, body.len())?)?;
        output.write_all(&body)?;
        output.flush()?;
        if matches!(answer.said, Said::Panicked) {
            return Err(io::Error::other("a parser panicked"));
        }
    }
    Ok(())
}

/// Resident memory of this process, where the system says it. What it takes is asked before
/// nothing can be asked any more.
struct Resident {
    statm: Option<File>,
    page_bytes: u64,
}

impl Resident {
    fn open() -> Self {
        Self {
            statm: File::open("/proc/self/statm").ok(),
            page_bytes: rustix::param::page_size() as u64,
        }
    }

    /// In bytes; 0 where the system does not say it.
    fn bytes(&self) -> u64 {
        let mut statm = [0; 128];
        let read = match &self.statm {
            Some(file) => file.read_at(&mut statm, 0).unwrap_or(0),
            None => 0,
        };
        let statm = String::from_utf8_lossy(statm.get(..read).unwrap_or_default());
        let pages: u64 = statm
            .split_whitespace()
            .nth(1)
            .and_then(|pages| pages.parse().ok())
            .unwrap_or(0);
        pages.saturating_mul(self.page_bytes)
    }
}

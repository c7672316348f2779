//! The parent's side: the pool of children.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::frame::{self, Answer, Job, Request, Said};
use super::gate::Gate;
use super::pump::{Failure, Pipes};
use super::{Confinement, ProcessLimits};
use crate::ocr::{GreyImage, OcrSettings, Raster, Unrastered};
use crate::rows::Table;
use crate::{Budgets, Extraction, Input};

/// Why a document was not read. All of these depend on the machine and its load: they lead to a
/// retry or a quarantine, never to an output.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// The document took longer than allowed, in wall or processor time.
    #[error("reading took longer than {} seconds of {clock}", .limit.as_secs())]
    TimeLimit {
        /// What was measured.
        clock: Clock,
        /// The limit that was reached.
        limit: Duration,
    },
    /// The child needed more memory than allowed.
    #[error("reading needed more than {limit_bytes} bytes of memory")]
    MemoryLimit {
        /// The limit on address space.
        limit_bytes: u64,
    },
    /// The child died: a parser overflowed its stack, aborted or panicked.
    #[error("the reading process crashed ({how})")]
    Crashed {
        /// `signal 11`, `exit 1`, `panic`.
        how: String,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
    },
    /// The child could not be started.
    #[error("the reading process {} cannot be started", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The answer is larger than allowed.
    #[error("reading gave {bytes} bytes, more than {limit_bytes}")]
    OutputLimit {
        /// The size of the answer.
        bytes: u64,
        /// The limit on it.
        limit_bytes: u64,
    },
    /// The child did not keep to the protocol.
    #[error("the reading process gave no valid answer: {reason}")]
    Protocol {
        /// What is wrong with it.
        reason: String,
        /// The failure of the pipe, if that is what it was.
        #[source]
        source: Option<io::Error>,
    },
}

/// A time that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// That of the wall.
    Wall,
    /// That of the processor.
    Processor,
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wall => "wall time",
            Self::Processor => "processor time",
        })
    }
}

impl ReadFault {
    /// Whether the document has nothing to do with it: no process could be started, or somebody
    /// told it to stop (SIGHUP, SIGINT, SIGTERM).
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Start { .. }
                | Self::Crashed {
                    signal: Some(1 | 2 | 15),
                    ..
                }
        )
    }

    /// A stable code for messages and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TimeLimit { .. } => "time-limit",
            Self::MemoryLimit { .. } => "memory-limit",
            Self::Crashed { .. } => "crashed",
            Self::Start { .. } => "start",
            Self::OutputLimit { .. } => "output-limit",
            Self::Protocol { .. } => "protocol",
        }
    }
}

/// Reads documents in child processes. Share one: any number of threads may call
/// [`Reader::read`] at once, each with a child of its own; idle children wait for the next
/// document.
pub struct Reader {
    limits: ProcessLimits,
    budgets: Budgets,
    program: PathBuf,
    idle: Mutex<Vec<Worker>>,
    gate: Gate,
    nursery: Nursery,
    started: AtomicU64,
}

/// A child and its pipes. Dropping it ends the child.
struct Worker {
    process: Process,
    pipes: Pipes,
    documents: u32,
}

impl Worker {
    /// The worker, unless its process has ended.
    fn alive(mut self) -> Option<Self> {
        matches!(self.process.try_wait(), Ok(None)).then_some(self)
    }

    fn kill(&mut self) {
        // Once waited for, its number may be another process's.
        if !matches!(self.process.try_wait(), Ok(None)) {
            return;
        }
        // The child leads a group of its own: whatever it started goes with it.
        if let Some(pid) = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw)
        {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Reader {
    /// A reader whose children are `program` with `args`, which must call [`super::serve`] with
    /// the same limits. Starts nothing yet.
    pub fn new(
        program: PathBuf,
        args: Vec<OsString>,
        limits: ProcessLimits,
        budgets: Budgets,
    ) -> Self {
        Self {
            nursery: Nursery::new(program.clone(), args),
            limits,
            budgets,
            program,
            idle: Mutex::new(Vec::new()),
            gate: Gate::default(),
            started: AtomicU64::new(0),
        }
    }

    /// The budgets that documents are read with: part of the stage's settings.
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Reads a document. Blocks; the answer is what [`crate::extract`] says of the same input.
    ///
    /// # Errors
    /// When a limit of the process was reached or the process failed.
    pub fn read(&self, input: &Input) -> Result<Extraction, ReadFault> {
        let _pass = self.gate.together();
        self.extraction(input)
    }

    /// As [`read`](Self::read), while no other child of this reader works: waits for those that
    /// do, and holds up those that would. For a second try: what the first one lacked may have
    /// been taken by its neighbours.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_alone(&self, input: &Input) -> Result<Extraction, ReadFault> {
        let _pass = self.gate.alone();
        self.extraction(input)
    }

    /// What is in force in the children, as one of them says.
    ///
    /// # Errors
    /// When no child answers.
    pub fn confinement(&self) -> Result<Confinement, ReadFault> {
        let _pass = self.gate.together();
        let (answer, _) = self.answer(&Input::default(), Job::Read)?;
        Ok(answer.state.confinement)
    }

    /// How many children were started so far.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    fn extraction(&self, input: &Input) -> Result<Extraction, ReadFault> {
        let (answer, body) = self.answer(input, Job::Read)?;
        match answer.said {
            Said::Read {
                layout,
                text_bytes,
                children,
            } => frame::extraction(*layout, text_bytes, children, body)
                .ok_or_else(|| protocol("lengths do not fit the body", None)),
            _ => Err(protocol("an answer to another request", None)),
        }
    }

    /// Draws or decodes one page of a document, numbered from 1, to be recognised. Blocks.
    ///
    /// # Errors
    /// As [`read`](Self::read). A page that has no image is an answer.
    pub fn raster(
        &self,
        input: &Input,
        page: u32,
        settings: &OcrSettings,
    ) -> Result<Result<Raster, Unrastered>, ReadFault> {
        let settings = settings.clone();
        let _pass = self.gate.together();
        let (answer, body) = self.answer(input, Job::Raster { page, settings })?;
        match answer.said {
            Said::Rastered {
                width,
                height,
                placing,
            } => GreyImage::new(width, height, body)
                .map(|image| Ok(Raster { image, placing }))
                .ok_or_else(|| protocol("lengths do not fit the body", None)),
            Said::Unrastered { why } => Ok(Err(why)),
            _ => Err(protocol("an answer to another request", None)),
        }
    }

    /// Splits a table into rows; `None` when the document is none, or is a workbook and those are not
    /// wanted. Blocks.
    ///
    /// # Errors
    /// As [`read`](Self::read). A table that gives no rows is an answer.
    pub fn rows(&self, input: &Input, workbooks: bool) -> Result<Table, ReadFault> {
        let _pass = self.gate.together();
        let (answer, body) = self.answer(input, Job::Rows { workbooks })?;
        match answer.said {
            Said::Rows => {
                serde_json::from_slice(&body).map_err(|_| protocol("rows that are none", None))
            }
            _ => Err(protocol("an answer to another request", None)),
        }
    }

    fn answer(&self, input: &Input, job: Job) -> Result<(Answer, Vec<u8>), ReadFault> {
        // A child that died while idle says nothing about this document.
        let idle = self.idle().pop();
        let mut worker = match idle.and_then(Worker::alive) {
            Some(worker) => worker,
            None => {
                let worker = self.nursery.start().map_err(|source| ReadFault::Start {
                    program: self.program.clone(),
                    source,
                })?;
                self.started.fetch_add(1, Ordering::Relaxed);
                worker
            }
        };
        let (answer, body) = self.ask(&mut worker, input, job)?;
        if matches!(answer.said, Said::Panicked) {
            return Err(ReadFault::Crashed {
                how: "panic".into(),
                signal: None,
            });
        }
        worker.documents += 1;
        if worker.documents < self.limits.documents
            && answer.state.resident_bytes < self.limits.resident_bytes
        {
            self.idle().push(worker);
        }
        Ok((answer, body))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        // The list is whole whatever its holder did.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(
        &self,
        worker: &mut Worker,
        input: &Input,
        job: Job,
    ) -> Result<(Answer, Vec<u8>), ReadFault> {
        let request = Request {
            job,
            file_name: input.file_name.map(str::to_owned),
            media_type: input.media_type.map(str::to_owned),
            columns: input.columns.cloned(),
            password: input.password.map(str::to_owned),
            budgets: self.budgets.clone(),
        };
        // A document over the budget is not read at all: its first byte too many is enough.
        let most =
            usize::try_from(self.budgets.input_bytes.saturating_add(1)).unwrap_or(usize::MAX);
        let bytes = &input.bytes[..input.bytes.len().min(most)];
        let head = frame::head(&request, bytes.len()).map_err(|e| protocol("request", Some(e)))?;
        let deadline = Instant::now() + self.limits.wall;
        let answer = worker
            .pipes
            .exchange([&head, bytes], deadline, self.limits.output_bytes);
        let (head, body) = match answer {
            Ok(answer) => answer,
            Err(failure) => return Err(self.fault(worker, failure)),
        };
        match serde_json::from_slice(&head) {
            Ok(answer) => Ok((answer, body)),
            Err(source) => Err(protocol("answer", Some(source.into()))),
        }
    }

    /// Ends the child and says what became of it.
    fn fault(&self, worker: &mut Worker, failure: Failure) -> ReadFault {
        match failure {
            Failure::Late => {
                worker.kill();
                ReadFault::TimeLimit {
                    clock: Clock::Wall,
                    limit: self.limits.wall,
                }
            }
            Failure::TooLarge(bytes) => ReadFault::OutputLimit {
                bytes,
                limit_bytes: self.limits.output_bytes,
            },
            Failure::Io(source) => protocol("pipe", Some(source)),
            // Its pipes are closed, so it has ended or is about to.
            Failure::Closed => match worker.process.wait() {
                Err(source) => protocol("wait", Some(source)),
                Ok(status) => self.ended(status, &worker.pipes.error),
            },
        }
    }

    fn ended(&self, status: ExitStatus, error: &[u8]) -> ReadFault {
        let error = String::from_utf8_lossy(error);
        // What the runtime says when an allocation or a stack cannot be had.
        let no_memory = [
            "memory allocation of",
            "Cannot allocate memory",
            "out of memory",
        ];
        if no_memory.iter().any(|words| error.contains(words)) {
            return ReadFault::MemoryLimit {
                limit_bytes: self.limits.address_space_bytes,
            };
        }
        match (status.signal(), status.code()) {
            (Some(signal), _) if signal == Signal::XCPU.as_raw() => ReadFault::TimeLimit {
                clock: Clock::Processor,
                limit: Duration::from_secs(self.limits.cpu_seconds),
            },
            (Some(signal), _) => ReadFault::Crashed {
                how: format!("signal {signal}"),
                signal: Some(signal),
            },
            (None, code) => ReadFault::Crashed {
                how: format!("exit {}", code.unwrap_or(-1)),
                signal: None,
            },
        }
    }
}

fn protocol(reason: impl Into<String>, source: Option<io::Error>) -> ReadFault {
    ReadFault::Protocol {
        reason: reason.into(),
        source,
    }
}

type Birth = Sender<io::Result<Worker>>;

/// The thread that starts children. Linux sends the parent-death signal when the *thread* that
/// started a child ends, and callers' threads come and go: this one lives as long as the reader.
struct Nursery {
    requests: Option<Sender<Birth>>,
    thread: Option<JoinHandle<()>>,
}

impl Nursery {
    fn new(program: PathBuf, args: Vec<OsString>) -> Self {
        let (requests, births) = channel::<Birth>();
        let thread = std::thread::Builder::new()
            .name("extract-nursery".into())
            .spawn(move || {
                for birth in births {
                    // A caller that no longer waits drops the worker, which ends it.
                    let _ = birth.send(start(&program, &args));
                }
            })
            .ok();
        Self {
            requests: Some(requests),
            thread,
        }
    }

    fn start(&self) -> io::Result<Worker> {
        let gone = || io::Error::other("the thread that starts children has ended");
        let (birth, worker) = channel();
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(birth).map_err(|_| gone())?;
        worker.recv().map_err(|_| gone())?
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn start(program: &PathBuf, args: &[OsString]) -> io::Result<Worker> {
    let mut process = Command::new(program)
        .args(args)
        // Nothing of ours is for the child to know, and no variable may change what it says.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let pipes = Pipes::of(&mut process)?;
    Ok(Worker {
        process,
        pipes,
        documents: 0,
    })
}

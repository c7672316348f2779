//! Tesseract, run as a program: found on this machine, pinned by a digest, held within limits.
//!
//! The program and its data are not ours and may be absent or change under us. What was found is
//! digested once, so that a record can name it; a page is recognised in a process of its own,
//! started through a program that first limits itself ([`exec`]).

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use domain::{Digest, canonical};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;

use super::image::GreyImage;
use super::raster::Raster;
use super::{OcrSettings, Reading, RecognisedLine, tsv};
use crate::isolation::{Clock, Confine, Limits, ProcessLimits, ReadFault, arm_cpu, confine, limit};
use crate::language;

/// A page read less surely than this, in percent, is also tried the other way round.
const TRY_TURNED_PERCENT: u8 = 60;

/// Two readings of a page in the same pose differ less than this, as a ratio of their weights.
const CLEARLY_BETTER: u64 = 2;

/// What a program may say of itself.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The languages we can tell, by the recogniser's names and by ISO 639-1.
const LANGUAGES: [(&str, &str); 7] = [
    ("fra", "fr"),
    ("eng", "en"),
    ("deu", "de"),
    ("spa", "es"),
    ("ita", "it"),
    ("por", "pt"),
    ("nld", "nl"),
];

/// Why pages cannot be recognised here. None of this is ever an output: documents wait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The program is not on the search path.
    #[error("`tesseract` is not installed")]
    Program,
    /// The program does not say what it is.
    #[error("`{program}` does not answer: {why}")]
    Unusable {
        /// Where it is.
        program: String,
        /// What happened.
        why: String,
    },
    /// Its data for some languages is not here.
    #[error("`tesseract` has no data for {}", .0.join(", "))]
    Languages(Vec<String>),
}

impl Missing {
    /// What to do about it, on the systems we know.
    pub fn remedy(&self) -> String {
        let data = match self {
            Self::Languages(missing) => missing.clone(),
            _ => vec!["fra".into(), "eng".into()],
        };
        let packages: Vec<String> = data.iter().map(|l| format!("tesseract-ocr-{l}")).collect();
        format!("apt-get install tesseract-ocr {}", packages.join(" "))
    }
}

/// What was found on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What the program says of itself: its version and those of its libraries.
    pub version: String,
    /// Digest of the program's file.
    pub program: Digest,
    /// Digests of its data, by language.
    pub data: Vec<(String, Digest)>,
    /// How it is called.
    pub arguments: Vec<String>,
    #[serde(skip)]
    program_path: PathBuf,
    #[serde(skip)]
    data_path: PathBuf,
}

impl Found {
    /// Looks for the program and its data for `languages`.
    ///
    /// # Errors
    /// What is missing.
    pub fn look(languages: &[String]) -> Result<Self, Missing> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program_path = std::env::split_paths(&path)
            .map(|folder| folder.join("tesseract"))
            .find(|program| program.is_file())
            .ok_or(Missing::Program)?;
        let unusable = |why: String| Missing::Unusable {
            program: program_path.display().to_string(),
            why,
        };
        let version = says(&program_path, "--version").map_err(&unusable)?;
        let listed = says(&program_path, "--list-langs").map_err(&unusable)?;
        // `List of available languages in "/usr/share/…/tessdata/" (3):`, then one a line.
        let folder = listed
            .lines()
            .next()
            .and_then(|line| line.split('"').nth(1));
        let folder = folder.ok_or_else(|| unusable("it does not say where its data is".into()))?;
        let data_path = PathBuf::from(folder);
        let mut data = Vec::new();
        let mut missing = Vec::new();
        for language in languages {
            match std::fs::read(data_path.join(format!("{language}.traineddata"))) {
                Ok(bytes) => data.push((language.clone(), Digest::of(&bytes))),
                Err(_) => missing.push(language.clone()),
            }
        }
        if !missing.is_empty() || data.is_empty() {
            return Err(Missing::Languages(missing));
        }
        let program = std::fs::read(&program_path).map_err(|e| unusable(e.to_string()))?;
        Ok(Self {
            version,
            program: Digest::of(&program),
            data,
            arguments: ARGUMENTS.iter().map(|a| (*a).to_owned()).collect(),
            program_path,
            data_path,
        })
    }

    /// The digest a record names: program, data and arguments.
    pub fn digest(&self) -> Digest {
        // Texts and digests always have a canonical form.
        Digest::of(&canonical::to_bytes(self).unwrap_or_default())
    }

    /// The folders and files the program needs to read.
    pub fn reads(&self) -> [&Path; 2] {
        [&self.program_path, &self.data_path]
    }
}

/// How the program is called for every page: standard input to standard output, the neural
/// recogniser alone, pages taken apart by themselves, words with places.
const ARGUMENTS: [&str; 8] = [
    "stdin",
    "stdout",
    "--oem",
    "1",
    "--psm",
    "3",
    "-c",
    "tessedit_create_tsv=1",
];

/// The argument that says where the data is.
const DATA_ARGUMENT: &str = "--tessdata-dir";

/// The first answer of a program to one argument.
fn says(program: &Path, argument: &str) -> Result<String, String> {
    let output = Command::new(program)
        .arg(argument)
        .env_clear()
        .env("OMP_THREAD_LIMIT", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    // Versions differ on which of the two they answer.
    let said = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    match (output.status.success(), String::from_utf8(said)) {
        (true, Ok(said)) => Ok(said),
        (false, _) => Err(output.status.to_string()),
        (true, Err(_)) => Err("its answer is not text".into()),
    }
}

/// Recognises pages. Share one: any number of threads may read at once.
#[derive(Clone, Debug)]
pub struct Recogniser {
    found: Found,
    starter: PathBuf,
    starter_args: Vec<OsString>,
    limits: ProcessLimits,
}

impl Recogniser {
    /// A recogniser that starts the program through `starter` with `starter_args`, the program and
    /// its arguments: that must call [`exec`] with them.
    pub const fn new(
        found: Found,
        starter: PathBuf,
        starter_args: Vec<OsString>,
        limits: ProcessLimits,
    ) -> Self {
        Self {
            found,
            starter,
            starter_args,
            limits,
        }
    }

    /// What is used.
    pub const fn found(&self) -> &Found {
        &self.found
    }

    /// Reads a page of a size in points. Blocks.
    ///
    /// # Errors
    /// When the program reached a limit or failed: to be tried again, never an output.
    pub fn read(
        &self,
        raster: Raster,
        page: (f64, f64),
        settings: &OcrSettings,
    ) -> Result<Reading, ReadFault> {
        let Some(first) = settings.languages.first() else {
            return Ok(Reading::default());
        };
        let placing = raster.placing;
        let mut turned = raster.image;
        let reading = |image: &GreyImage, quarters: u8, language: &str| {
            let words = tsv::words(&self.recognise(image, language)?);
            let size = (image.width(), image.height());
            let back = |pixels| placing.on_page(pixels, quarters, size, page);
            let degrees = i32::from(placing.quarters + quarters) % 4 * 900 + placing.tenths;
            Ok::<_, ReadFault>(Reading {
                lines: lines(words, back),
                turned_tenths: degrees,
            })
        };
        let mut best = reading(&turned, 0, first)?;
        let mut upright = turned.clone();
        // Upside down looks level: only reading tells. On its side comes last: it was looked at.
        for quarters in [2, 1, 3] {
            if best
                .confidence()
                .is_some_and(|sure| sure >= TRY_TURNED_PERCENT)
            {
                break;
            }
            turned = turned.quarter_turned(if quarters == 1 { 3 } else { 2 });
            let other = reading(&turned, quarters, first)?;
            if other.weight() > best.weight() * CLEARLY_BETTER {
                best = other;
                upright = turned.clone();
            }
        }
        let text: Vec<&str> = best.lines.iter().map(|line| line.text.as_str()).collect();
        let spoken = language::detect(&text.join("\n"));
        let other = LANGUAGES.iter().find(|(name, code)| {
            *name != first
                && spoken.as_deref() == Some(*code)
                && settings.languages.iter().any(|known| known == name)
        });
        if let Some((name, _)) = other {
            let quarters =
                (best.turned_tenths - placing.tenths) / 900 - i32::from(placing.quarters);
            let again = reading(&upright, quarters.rem_euclid(4) as u8, name)?;
            if again.weight() > best.weight() {
                best = again;
            }
        }
        Ok(best)
    }

    /// One run of the program over one image.
    fn recognise(&self, image: &GreyImage, language: &str) -> Result<String, ReadFault> {
        let data = self.found.data_path.as_os_str();
        let mut process = Command::new(&self.starter)
            .args(&self.starter_args)
            .arg(&self.found.program_path)
            .args(ARGUMENTS)
            .args(["-l", language])
            .arg(DATA_ARGUMENT)
            .arg(data)
            .env_clear()
            // One thread: its results must not depend on how many there are.
            .env("OMP_THREAD_LIMIT", "1")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| ReadFault::Start {
                program: self.starter.clone(),
                source,
            })?;
        let answer = exchange(&mut process, image.to_pgm(), &self.limits);
        if answer.is_err() {
            end(&mut process);
        }
        answer
    }
}

/// Ends a process and what it started.
fn end(process: &mut Child) {
    // Once waited for, its number may be another process's.
    if matches!(process.try_wait(), Ok(None))
        && let Some(pid) = i32::try_from(process.id()).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = process.wait();
}

/// Sends an image and waits for the answer, with two helping threads: one pipe may block on the
/// other. Both end when the process does, which the caller sees to.
fn exchange(
    process: &mut Child,
    image: Vec<u8>,
    limits: &ProcessLimits,
) -> Result<String, ReadFault> {
    let missing = || protocol("the process was started without pipes", None);
    let mut stdin = process.stdin.take().ok_or_else(missing)?;
    let stdout = process.stdout.take().ok_or_else(missing)?;
    let stderr = process.stderr.take().ok_or_else(missing)?;
    let (done, answers) = channel();
    std::thread::spawn(move || {
        // A process that ends early closes its input: what it says then is what counts.
        let _ = stdin.write_all(&image);
    });
    let output_bytes = limits.output_bytes;
    let errors = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.take(ANSWER_BYTES_MAX).read_to_end(&mut said);
        said
    });
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout
            .take(output_bytes.saturating_add(1))
            .read_to_end(&mut answer);
        // Whoever waited has given up.
        let _ = done.send(read.map(|_| answer));
    });
    let answer = match answers.recv_timeout(limits.wall) {
        Ok(Ok(answer)) => answer,
        Ok(Err(source)) => return Err(protocol("pipe", Some(source))),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            return Err(ReadFault::TimeLimit {
                clock: Clock::Wall,
                limit: limits.wall,
            });
        }
    };
    if answer.len() as u64 > output_bytes {
        return Err(protocol("its answer is too large", None));
    }
    let status = process
        .wait()
        .map_err(|source| protocol("wait", Some(source)))?;
    if !status.success() {
        let said = errors.join().unwrap_or_default();
        return Err(ended(status, &String::from_utf8_lossy(&said), limits));
    }
    String::from_utf8(answer).map_err(|_| protocol("its answer is not text", None))
}

fn ended(status: std::process::ExitStatus, said: &str, limits: &ProcessLimits) -> ReadFault {
    let no_memory = ["bad_alloc", "Cannot allocate memory", "out of memory"];
    if no_memory.iter().any(|words| said.contains(words)) {
        return ReadFault::MemoryLimit {
            limit_bytes: limits.address_space_bytes,
        };
    }
    match (status.signal(), status.code()) {
        (Some(signal), _) if signal == Signal::XCPU.as_raw() => ReadFault::TimeLimit {
            clock: Clock::Processor,
            limit: Duration::from_secs(limits.cpu_seconds),
        },
        (signal, code) => ReadFault::Crashed {
            how: match (signal, code) {
                (Some(signal), _) => format!("signal {signal}"),
                (None, code) => format!("exit {}", code.unwrap_or(-1)),
            },
            signal,
        },
    }
}

fn protocol(reason: &str, source: Option<io::Error>) -> ReadFault {
    ReadFault::Protocol {
        reason: reason.to_owned(),
        source,
    }
}

/// Words put together into lines, each with its box on the page.
fn lines(words: Vec<tsv::Word>, back: impl Fn([f64; 4]) -> domain::PageBox) -> Vec<RecognisedLine> {
    let mut lines: Vec<RecognisedLine> = Vec::new();
    let (mut last, mut paragraph) = (None, 0);
    let mut sure = (0u64, 0u64);
    for word in words {
        let length = word.text.chars().count() as u64;
        let bbox = back(word.pixels);
        if last == Some(word.line)
            && let Some(line) = lines.last_mut()
        {
            line.text.push(' ');
            line.text.push_str(&word.text);
            line.bbox = line.bbox.union(bbox);
            sure = (
                sure.0 + length * u64::from(word.confidence),
                sure.1 + length,
            );
            line.confidence = (sure.0 / sure.1) as u8;
            continue;
        }
        if last.is_some_and(|last: [u32; 3]| last[..2] != word.line[..2]) {
            paragraph += 1;
        }
        last = Some(word.line);
        sure = (length * u64::from(word.confidence), length);
        lines.push(RecognisedLine {
            text: word.text,
            bbox,
            confidence: word.confidence,
            paragraph,
        });
    }
    lines
}

/// Limits and confines this process and becomes `program`: what a starter does, and nothing else
/// before. Returns only when that fails.
pub fn exec(limits: &ProcessLimits, program: &Path, args: &[OsString]) -> io::Error {
    let limited = limit(&Limits::of(limits)).and_then(|()| arm_cpu(limits.cpu_seconds));
    if let Err(error) = limited {
        return error;
    }
    let data = args.iter().skip_while(|a| *a != DATA_ARGUMENT).nth(1);
    confine(&Confine {
        read: data.map(PathBuf::from).into_iter().collect(),
        // Where systems keep the loader and the libraries of a program.
        execute: ["/usr", "/bin", "/lib", "/lib64"]
            .map(PathBuf::from)
            .into_iter()
            .chain([program.to_path_buf()])
            .collect(),
        write: Vec::new(),
    });
    Command::new(program).args(args).exec()
}

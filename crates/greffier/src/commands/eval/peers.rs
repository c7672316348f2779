//! Other readers of the same files, where this machine has them: they give references and are
//! measured beside us. Called by `eval` alone, never by anything that works on documents.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than this no reader is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than this no reader says.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A reader that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Poppler, in reading order.
    PdfToText,
    /// Poppler, keeping columns where they stand.
    PdfToTextLayout,
    /// MuPDF.
    Mutool,
    /// LibreOffice, to text.
    LibreOffice,
    /// Python's own mail and HTML parsers.
    Python,
}

impl Peer {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PdfToText => "pdftotext",
            Self::PdfToTextLayout => "pdftotext -layout",
            Self::Mutool => "mutool",
            Self::LibreOffice => "LibreOffice",
            Self::Python => "Python",
        }
    }

    /// The text it reads; `None` where it is not here or fails.
    pub fn read(self, file: &Path) -> Option<String> {
        match self {
            Self::PdfToText => answer(Command::new("pdftotext").arg(file).arg("-")),
            Self::PdfToTextLayout => {
                answer(Command::new("pdftotext").arg("-layout").arg(file).arg("-"))
            }
            Self::Mutool => answer(
                Command::new("mutool")
                    .args(["draw", "-q", "-F", "txt"])
                    .arg(file),
            ),
            Self::LibreOffice => libre_office(file),
            Self::Python => answer(Command::new("python3").args(["-c", PYTHON]).arg(file)),
        }
    }
}

/// Reads a mail's headers and best body, or a page's text.
const PYTHON: &str = include_str!("reference.py");

/// Lists a form's widgets with pypdf, where Python has it.
const WIDGETS: &str = include_str!("widgets.py");

/// A widget as pypdf sees it.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Widget {
    /// Full dotted name.
    pub name: String,
    /// Value as text; empty without one.
    pub value: String,
}

/// The widgets of a PDF; `None` where pypdf is not here or fails.
pub fn widgets(file: &Path) -> Option<Vec<Widget>> {
    let listed = answer(Command::new("python3").args(["-c", WIDGETS]).arg(file))?;
    serde_json::from_str(&listed).ok()
}

fn libre_office(file: &Path) -> Option<String> {
    let folder = tempfile::tempdir().ok()?;
    answer(
        Command::new("soffice")
            .arg("--headless")
            .arg(format!(
                "-env:UserInstallation=file://{}/profile",
                folder.path().display()
            ))
            .args(["--convert-to", "txt:Text (encoded):UTF8", "--outdir"])
            .arg(folder.path())
            .arg(file),
    )?;
    let stem: PathBuf = folder.path().join(file.file_stem()?).with_extension("txt");
    std::fs::read_to_string(stem).ok()
}

/// What a command prints, if it ends well and in time.
fn answer(command: &mut Command) -> Option<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let stdout = child.stdout.take()?;
    let reading = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut said);
        said
    });
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let said = reading.join().ok()?;
    status
        .filter(std::process::ExitStatus::success)
        .map(|_| String::from_utf8_lossy(&said).into_owned())
}

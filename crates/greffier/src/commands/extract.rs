//! `extract` over many files: one line each, in order, and how they all ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::Result;
use domain::Lang;
use extract::isolation::{ReadFault, Reader};
use extract::view::ExtractView;
use extract::{Budgets, Extraction, Input};
use serde_json::json;

use super::Ending;
use super::ingest::collect;
use crate::args::{Global, Password};
use crate::house::reading;
use crate::print;

/// How a file ended.
struct Ended {
    /// What is printed of it.
    line: String,
    /// Codes of notes, or of the fault, each once.
    codes: Vec<String>,
    failed: bool,
    /// Neither text nor attachments nor fields.
    empty: bool,
    took: Duration,
}

/// How all files ended.
#[derive(Default)]
struct Summary {
    read: u64,
    failed: u64,
    empty: u64,
    codes: BTreeMap<String, u64>,
    longest: Option<(Duration, PathBuf)>,
}

impl Summary {
    fn add(&mut self, file: &Path, ended: &Ended) {
        if ended.failed {
            self.failed += 1;
        } else {
            self.read += 1;
            self.empty += u64::from(ended.empty);
        }
        for code in &ended.codes {
            *self.codes.entry(code.clone()).or_default() += 1;
        }
        if self
            .longest
            .as_ref()
            .is_none_or(|(took, _)| *took < ended.took)
        {
            self.longest = Some((ended.took, file.to_owned()));
        }
    }

    fn print(&self, refused: usize, took: Duration, lang: Lang) {
        let seconds = took.as_secs_f64();
        print::note(match lang {
            Lang::Fr => format!(
                "{} fichiers lus, dont {} où rien n’a pu être lu, {} non lus, {refused} refusés, en {seconds:.1} s",
                self.read, self.empty, self.failed
            ),
            Lang::En => format!(
                "{} files read, {} of them with nothing in them that can be read, {} not read, {refused} refused, in {seconds:.1} s",
                self.read, self.empty, self.failed
            ),
        });
        for (code, count) in &self.codes {
            print::note(format!("  {count:>6}  {code}"));
        }
        if let Some((took, file)) = &self.longest {
            print::note(format!(
                "  {} {:.1} s  {}",
                lang.pick("le plus long :", "longest:"),
                took.as_secs_f64(),
                file.display()
            ));
        }
    }
}

/// Reads files, and those of folders, without keeping anything.
///
/// # Errors
/// Never for a file: one that cannot be read is said on its line.
pub fn many(
    global: &Global,
    paths: &[PathBuf],
    ocr: bool,
    password: Option<&Password>,
) -> Result<Ending> {
    let began = Instant::now();
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for path in paths {
        collect(path, &mut found, &mut refused);
    }
    let files: Vec<PathBuf> = found.into_iter().map(|(path, _)| path).collect();
    let threads = global
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        .clamp(1, files.len().max(1));
    let reader = (reading().reader)(Budgets::default());
    let bar = print::bar(files.len() as u64, global.lang.pick("lecture", "reading"));
    let mut summary = Summary::default();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (done, ended) = channel();
        for _ in 0..threads {
            let (done, next, files, reader) = (done.clone(), &next, &files, &reader);
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(n) else { break };
                    // Whoever prints has ended the program.
                    let _ = done.send((n, one(global, reader, file, ocr, password)));
                }
            });
        }
        drop(done);
        // Files end in any order, and are printed in theirs.
        let mut early = BTreeMap::new();
        let mut printed = 0;
        for (n, file_ended) in ended {
            bar.inc(1);
            early.insert(n, file_ended);
            while let Some(file_ended) = early.remove(&printed) {
                if let Some(file) = files.get(printed) {
                    summary.add(file, &file_ended);
                }
                bar.suspend(|| print::line(&file_ended.line));
                printed += 1;
            }
        }
    });
    bar.finish_and_clear();
    for refused in &refused {
        print::note(format!("{} {}", refused.path, refused.why));
    }
    summary.print(refused.len(), began.elapsed(), global.lang);
    Ok(if summary.failed == 0 && refused.is_empty() {
        Ending::Done
    } else {
        Ending::SomeRefused
    })
}

fn one(
    global: &Global,
    reader: &Reader,
    file: &Path,
    ocr: bool,
    password: Option<&Password>,
) -> Ended {
    let began = Instant::now();
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            return ended(global, file, Err(("unreadable", error.to_string())), began);
        }
    };
    let name = file.file_name().map(|n| n.to_string_lossy());
    let input = Input {
        bytes: &bytes,
        file_name: name.as_deref(),
        password: password.map(Password::as_str),
        ..Input::default()
    };
    let read = reader.read(&input).and_then(|read| {
        if ocr {
            super::reading::recognised(reader, &input, read, global.lang)
        } else {
            Ok(read)
        }
    });
    let said = |fault: ReadFault| (fault.code(), pipeline::verify::chain(&fault));
    ended(global, file, read.map_err(said), began)
}

fn ended(
    global: &Global,
    file: &Path,
    read: Result<Extraction, (&'static str, String)>,
    began: Instant,
) -> Ended {
    let name = file.display().to_string();
    let failed = read.is_err();
    let empty = read.as_ref().is_ok_and(|read| {
        let nothing = read.text.as_str().trim().is_empty() && read.layout.attachments.is_empty();
        nothing && read.layout.fields.is_empty()
    });
    let (line, mut codes) = match &read {
        Ok(extraction) => {
            let codes: Vec<String> = extraction
                .layout
                .notes
                .iter()
                .filter_map(|note| Some(serde_json::to_value(note.code).ok()?.as_str()?.to_owned()))
                .collect();
            let line = if global.json {
                json!({ "file": name, "view": ExtractView::new(extraction) }).to_string()
            } else {
                let mut said: Vec<&str> = codes.iter().map(String::as_str).collect();
                said.dedup();
                format!(
                    "{name}  {}  {} p.  {} c.  {}",
                    extraction.layout.media_type,
                    extraction.layout.pages.len(),
                    extraction.text.as_str().chars().count(),
                    said.join(" ")
                )
            };
            (line, codes)
        }
        Err((code, detail)) => {
            let line = if global.json {
                json!({ "file": name, "fault": { "code": code, "detail": detail } }).to_string()
            } else {
                format!("{name}  ! {code} : {detail}")
            };
            (line, vec![(*code).to_owned()])
        }
    };
    codes.sort();
    codes.dedup();
    Ended {
        line,
        codes,
        failed,
        empty,
        took: began.elapsed(),
    }
}

//! Pages of PDF a second, beside other readers on the same files in the same run.
//!
//! Goals: what a page costs one core, in this process and isolated as the product runs it, and what
//! all threads reach together. Non-goals: the quality of what is read (`greffier eval extract`);
//! OCR. Ours includes what the others leave out: boxes of lines, roles, tables, form fields, the
//! check of broken text layers.
//!
//! The peers: `pdftotext` of poppler, a process a file, whose start (measured on `pdftotext -v`) is
//! taken off; PDFium through its Python binding, in one process, loaded before the clock starts.
//! Each round reads a shape with every reader in turn, so that a noisy neighbour disturbs all of
//! them; a ratio is the median over rounds of (peer's time / our time).

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use extract::isolation::{ProcessLimits, Reader};
use extract::{Budgets, Input};
use pdf_writer::{Content, Name, Pdf, Rect, Ref, Str};
use serde::Serialize;

use crate::{Args, fixtures};

/// Pages of the long report.
const REPORT_PAGES: i32 = 300;
/// Lines of each of its pages.
const REPORT_LINES: usize = 46;

/// A shape, as every reader read it. Times are medians over the rounds, of all its files.
#[derive(Serialize)]
pub(crate) struct Run {
    shape: String,
    files: usize,
    pages: usize,
    /// In this process, one thread.
    ours_ms: f64,
    /// In one child process.
    isolated_ms: f64,
    /// In a child process for each thread.
    together_ms: f64,
    threads: usize,
    pdftotext_ms: Option<f64>,
    pdfium_ms: Option<f64>,
    /// How many times faster than `pdftotext` in this process, and isolated.
    over_pdftotext: Option<f64>,
    isolated_over_pdftotext: Option<f64>,
    over_pdfium: Option<f64>,
}

struct File {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl File {
    fn input(&self) -> Input<'_> {
        Input {
            bytes: &self.bytes,
            ..Input::default()
        }
    }
}

/// Reads every shape with every reader and prints a line of each.
pub(crate) fn run(args: &Args, root: &Path, binary: &Path) -> Result<Vec<Run>> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.pdf");
    fs::write(&report, long_report(root)?)?;
    let mut shapes = vec![
        ("form".to_owned(), fixtures(root, "forms/documents", "pdf")?),
        (
            "minutes".to_owned(),
            fixtures(root, "archives/documents", "pdf")?,
        ),
        (format!("report of {REPORT_PAGES} pages"), vec![report]),
    ];
    for dir in &args.pdf {
        let name = dir.file_name().map_or_else(
            || dir.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        shapes.push((name, pdfs(dir)?));
    }
    let pdfium = Pdfium::new(folder.path())?;
    if pdfium.is_none() {
        println!("PDFium is not here: python3 -m pip install pypdfium2");
    }
    println!(
        "{:<22} {:>5} {:>6} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12} {:>14}",
        "shape",
        "files",
        "pages",
        "pages/s",
        "isolated",
        "all threads",
        "pdftotext",
        "pdfium",
        "x pdftotext",
        "isolated x"
    );
    let mut runs = Vec::new();
    for (shape, paths) in shapes {
        let run = measure(args, shape, &paths, binary, pdfium.as_ref())?;
        let rate = |ms: Option<f64>| match ms {
            Some(ms) => format!("{:.0}", run.pages as f64 * 1e3 / ms),
            None => "-".to_owned(),
        };
        let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| format!("{r:.2}"));
        println!(
            "{:<22} {:>5} {:>6} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12} {:>14}",
            run.shape,
            run.files,
            run.pages,
            rate(Some(run.ours_ms)),
            rate(Some(run.isolated_ms)),
            rate(Some(run.together_ms)),
            rate(run.pdftotext_ms),
            rate(run.pdfium_ms),
            ratio(run.over_pdftotext),
            ratio(run.isolated_over_pdftotext)
        );
        runs.push(run);
    }
    Ok(runs)
}

fn measure(
    args: &Args,
    shape: String,
    paths: &[PathBuf],
    binary: &Path,
    pdfium: Option<&Pdfium>,
) -> Result<Run> {
    let budgets = Budgets::default();
    let mut files = Vec::new();
    for path in paths {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let path = path.clone();
        files.push(File { path, bytes });
    }
    let pages = files
        .iter()
        .map(|file| extract::extract(&file.input(), &budgets).layout.pages.len())
        .sum();
    let reader = Reader::new(
        binary.to_path_buf(),
        vec!["extract-child".into()],
        ProcessLimits::default(),
        budgets.clone(),
    );
    let isolated = |threads: usize| -> Result<f64> {
        let next = AtomicUsize::new(0);
        let began = Instant::now();
        std::thread::scope(|scope| {
            let work = || -> Result<()> {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    black_box(reader.read(&file.input())?);
                }
                Ok(())
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .map_err(|_| anyhow::anyhow!("a reader panicked"))?
            })
        })?;
        Ok(ms(began))
    };
    // The children are started, and every file is in the cache, before the first clock.
    isolated(args.threads)?;
    let mut times: [Vec<f64>; 5] = Default::default();
    for _ in 0..args.rounds.max(1) {
        let began = Instant::now();
        for file in &files {
            black_box(extract::extract(&file.input(), &budgets));
        }
        times[0].push(ms(began));
        times[1].push(isolated(1)?);
        times[2].push(isolated(args.threads)?);
        times[3].extend(pdftotext(&files));
        if let Some(pdfium) = pdfium {
            times[4].push(pdfium.read(&files)?);
        }
    }
    let ratio = |peer: usize, ours: usize| {
        let ratios: Vec<f64> = times[peer]
            .iter()
            .zip(&times[ours])
            .map(|(p, o)| p / o)
            .collect();
        median(&ratios)
    };
    Ok(Run {
        shape,
        files: files.len(),
        pages,
        ours_ms: median(&times[0]).unwrap_or_default(),
        isolated_ms: median(&times[1]).unwrap_or_default(),
        together_ms: median(&times[2]).unwrap_or_default(),
        threads: args.threads,
        pdftotext_ms: median(&times[3]),
        pdfium_ms: median(&times[4]),
        over_pdftotext: ratio(3, 0),
        isolated_over_pdftotext: ratio(3, 1),
        over_pdfium: ratio(4, 0),
    })
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

fn median(times: &[f64]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// Milliseconds that `pdftotext` takes for all files, one process after the other, without its
/// start; `None` where it is not installed.
fn pdftotext(files: &[File]) -> Option<f64> {
    let spent = |arguments: &[&std::ffi::OsStr]| {
        let began = Instant::now();
        Command::new("pdftotext")
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok()?;
        Some(ms(began))
    };
    let mut total = 0.0;
    for file in files {
        total -= spent(&["-v".as_ref()])?;
        total += spent(&[file.path.as_os_str(), "-".as_ref()])?;
    }
    Some(total)
}

/// PDFium, through its Python binding.
struct Pdfium {
    script: PathBuf,
}

impl Pdfium {
    /// `None` where the binding is not installed.
    fn new(folder: &Path) -> Result<Option<Self>> {
        let script = folder.join("pdfium.py");
        fs::write(&script, include_str!("pdfium.py"))?;
        let there = Command::new("python3")
            .args(["-c", "import pypdfium2"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        Ok(there.then_some(Self { script }))
    }

    /// Milliseconds for the text of every page of all files.
    fn read(&self, files: &[File]) -> Result<f64> {
        let output = Command::new("python3")
            .arg(&self.script)
            .args(files.iter().map(|file| &file.path))
            .output()?;
        ensure!(
            output.status.success(),
            "PDFium: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let seconds: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        Ok(seconds * 1e3)
    }
}

/// The PDFs of a folder, in order.
fn pdfs(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "pdf"))
        .collect();
    paths.sort();
    ensure!(!paths.is_empty(), "{} holds no pdf", dir.display());
    Ok(paths)
}

/// A report of many pages: the words of the archives' fixtures, in Helvetica.
fn long_report(root: &Path) -> Result<Vec<u8>> {
    let mut words = String::new();
    for path in fixtures(root, "archives/documents", "pdf")? {
        let bytes = &fs::read(path)?;
        let input = Input {
            bytes,
            ..Input::default()
        };
        words += extract::extract(&input, &Budgets::default()).text.as_str();
    }
    let words: Vec<&str> = words.split_whitespace().collect();
    ensure!(!words.is_empty(), "the archives' fixtures have no words");
    let mut words = words.iter().cycle();
    let (catalog, tree, font) = (Ref::new(1), Ref::new(2), Ref::new(3));
    let page = |n: i32| Ref::new(4 + 2 * n);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree)
        .kids((0..REPORT_PAGES).map(page))
        .count(REPORT_PAGES);
    pdf.type1_font(font)
        .base_font(Name(b"Helvetica"))
        .encoding_predefined(Name(b"WinAnsiEncoding"));
    for n in 0..REPORT_PAGES {
        let stream = Ref::new(page(n).get() + 1);
        let mut written = pdf.page(page(n));
        written
            .parent(tree)
            .media_box(Rect::new(0.0, 0.0, 595.0, 842.0))
            .contents(stream);
        written.resources().fonts().pair(Name(b"F"), font);
        drop(written);
        let mut content = Content::new();
        for line in 0..REPORT_LINES {
            let mut text = String::new();
            while text.chars().count() < 80 {
                text.extend(words.next().map(|word| format!("{word} ")));
            }
            // Latin letters are the same in Unicode and in WinAnsi; the others are of no use here.
            let bytes: Vec<u8> = text
                .chars()
                .map(|c| u8::try_from(c).unwrap_or(b'-'))
                .collect();
            content.begin_text();
            content.set_font(Name(b"F"), 11.0);
            content.set_text_matrix([1.0, 0.0, 0.0, 1.0, 62.0, 770.0 - 15.0 * line as f32]);
            content.show(Str(&bytes));
            content.end_text();
        }
        pdf.stream(stream, &content.finish());
    }
    Ok(pdf.finish())
}

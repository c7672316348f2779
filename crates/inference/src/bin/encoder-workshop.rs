//! Trains and measures the encoder of our own; `cargo xtask train-encoder` and `cargo xtask
//! eval-encoder` call it.
//!
//!     encoder-workshop train --root REPOSITORY --data DIR --out DIR [--set NAME=NUMBER]...
//!     encoder-workshop eval --root REPOSITORY --data DIR [--encoder NAME]...
//!     encoder-workshop held-out --root REPOSITORY --data DIR --out DIR
//!
//! Progress goes to standard error, a line a step: what is done, how much of it, out of how much,
//! separated by tabs. Figures go to standard output, as a Markdown table.

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use inference::training::course::Settings;
use inference::training::evaluation::{Figure, MeasureError, Tests};
use inference::training::sources::Sources;
use inference::training::{NAME, teacher_figures, train};
use inference::{Encoder, Registry, Runtime};
use rayon::prelude::*;

/// The encoder that teaches, and beside which ours is measured.
const TEACHER: &str = "all-minilm-l6-v2";
/// Texts of one call of an encoder.
const CALL: usize = 16;
/// Texts between two lines of progress.
const PART: usize = 512;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
#[derive(Default)]
struct Asked {
    root: PathBuf,
    data: PathBuf,
    out: PathBuf,
    settings: Settings,
    encoders: Vec<String>,
}

fn run(args: Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut args = args.into_iter();
    let command = args.next().unwrap_or_default();
    let mut asked = Asked::default();
    while let Some(option) = args.next() {
        let value = args
            .next()
            .ok_or_else(|| format!("{option} lacks a value"))?;
        match option.as_str() {
            "--root" => asked.root = value.into(),
            "--data" => asked.data = value.into(),
            "--out" => asked.out = value.into(),
            "--set" => asked.settings.set(&value)?,
            "--encoder" => asked.encoders.push(value),
            _ => return Err(format!("no option {option}").into()),
        }
    }
    let kept = asked.root.join(".runtime/training");
    let last = Cell::new(0);
    let progress = |what: &str, done: usize, of: usize| {
        // A line in a hundred steps is enough for a bar.
        let part = done * 100 / of.max(1);
        if part != last.replace(part) || of == 1 {
            note(what, done, of);
        }
    };
    let figures = match command.as_str() {
        "train" => {
            let teacher = encoder(&asked.root, TEACHER)?;
            let sources = Sources::open(&asked.data)?;
            let (settings, out) = (&asked.settings, &asked.out);
            let [ours, theirs] = train(&sources, &teacher, settings, out, &kept, &progress)?;
            vec![(NAME.to_owned(), ours), (TEACHER.to_owned(), theirs)]
        }
        "eval" => {
            let tests = Tests::read(&Sources::open(&asked.data)?)?;
            let mut all = Vec::new();
            for name in &asked.encoders {
                let encoder = encoder(&asked.root, name)?;
                let figures = if name == TEACHER {
                    std::fs::create_dir_all(&kept)?;
                    teacher_figures(&encoder, &tests, &kept, &progress)?
                } else {
                    tests.measure(&|texts| vectors(&encoder, texts))?
                };
                all.push((name.clone(), figures));
            }
            all
        }
        "held-out" => {
            Tests::read(&Sources::open(&asked.data)?)?.write(&asked.out)?;
            return Ok(());
        }
        _ => return Err(format!("no command `{command}`: train, eval or held-out").into()),
    };
    io::stdout().write_all(table(&figures).as_bytes())?;
    Ok(())
}

/// An encoder of the repository's registry, imported first if it has to be.
fn encoder(root: &Path, name: &str) -> Result<Encoder, Box<dyn Error>> {
    let registry = Registry::load(&root.join("pipelines/models.toml"))?;
    let library = root.join(".runtime");
    let models = library.join("models");
    registry.import(name, &models)?;
    let runtime = Runtime::load(&registry.runtime, &[library])?;
    let threads = rayon::current_num_threads();
    Ok(registry.encoder(name, &models, &runtime, threads)?)
}

fn vectors(encoder: &Encoder, texts: &[String]) -> Result<Vec<Vec<f32>>, MeasureError> {
    let mut all = Vec::with_capacity(texts.len());
    for part in texts.chunks(PART) {
        let encoded: Vec<Vec<Vec<f32>>> = part
            .par_chunks(CALL)
            .map(|call| encoder.encode(call))
            .collect::<Result<_, _>>()
            .map_err(|error| MeasureError::Encode(Box::new(error)))?;
        all.extend(encoded.into_iter().flatten());
        note(
            &format!("encoding with {}", encoder.name()),
            all.len(),
            texts.len(),
        );
    }
    Ok(all)
}

fn table(all: &[(String, Vec<Figure>)]) -> String {
    let mut text = String::from("| test | of |");
    for (name, _) in all {
        text.push_str(&format!(" {name} |"));
    }
    text.push_str(&format!("\n|---|---|{}\n", "---|".repeat(all.len())));
    for (place, figure) in all.iter().flat_map(|(_, f)| f).enumerate() {
        if place >= all.first().map_or(0, |(_, figures)| figures.len()) {
            break;
        }
        text.push_str(&format!("| {} | {} |", figure.name, figure.of));
        for (_, figures) in all {
            text.push_str(&format!(" {:.2} |", figures[place].value));
        }
        text.push('\n');
    }
    text
}

fn note(what: &str, done: usize, of: usize) {
    // Standard error may be closed; the work does not depend on being heard.
    let _ = writeln!(io::stderr(), "{what}\t{done}\t{of}");
}

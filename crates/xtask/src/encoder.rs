//! `cargo xtask train-encoder` and `cargo xtask eval-encoder`: the encoder of our own, made and
//! measured by a program of the crate that runs models.
//!
//! That program is built in release with the feature `training`, which nothing that ships has. It
//! says its progress on standard error, a line a step with tabs between what, how much and out of
//! how much; here that becomes a bar.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::program::{Workspace, exit_code};
use crate::setup;

/// The program, of the crate `inference`.
const WORKSHOP: &str = "encoder-workshop";
/// Where the shipped encoder is.
const SHIPPED: &str = "crates/inference/models/greffier-static-fr-en";

/// Trains on the sources below `data` and writes the files into `out`, else where they ship from.
///
/// # Errors
/// When a source is not the listed one, or training fails.
pub(crate) fn train(
    workspace: &Workspace,
    data: &Path,
    out: Option<&Path>,
    seed: u64,
    settings: &[String],
) -> Result<ExitCode> {
    let out = out.map_or_else(|| workspace.root().join(SHIPPED), PathBuf::from);
    let mut args: Vec<OsString> = vec!["train".into(), "--out".into(), absolute(&out)?.into()];
    args.extend(["--set".into(), format!("seed={seed}").into()]);
    for setting in settings {
        args.extend(["--set".into(), setting.into()]);
    }
    run(workspace, data, args)
}

/// Measures encoders on the sources below `data`: similarity, and finding by meaning alone.
///
/// # Errors
/// When a source is not the listed one, or an encoder cannot be loaded.
pub(crate) fn eval(workspace: &Workspace, data: &Path, encoders: &[String]) -> Result<ExitCode> {
    let mut args: Vec<OsString> = vec!["eval".into()];
    for encoder in encoders {
        args.extend(["--encoder".into(), encoder.into()]);
    }
    run(workspace, data, args)
}

/// Writes the questions that training did not see, with their documents, below `out`: what
/// `greffier eval search` measures on.
///
/// # Errors
/// When a source is not the listed one, or a file cannot be written.
pub(crate) fn held_out(workspace: &Workspace, data: &Path, out: &Path) -> Result<ExitCode> {
    let args = vec!["held-out".into(), "--out".into(), absolute(out)?.into()];
    run(workspace, data, args)
}

fn run(workspace: &Workspace, data: &Path, args: Vec<OsString>) -> Result<ExitCode> {
    setup::run(workspace.root())?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "inference"]);
    cargo.args(["--features", "training", "--bin", WORKSHOP, "--"]);
    cargo.args(args).arg("--root").arg(workspace.root());
    cargo.arg("--data").arg(absolute(data)?);
    let mut child = cargo
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    if let Some(lines) = child.stderr.take() {
        for line in BufReader::new(lines).lines() {
            let line = line.context("cannot hear the training")?;
            match progress(&line) {
                Some((what, done, of)) if of > 1 => {
                    bar.set_length(of);
                    bar.set_position(done);
                    bar.set_message(what.to_owned());
                }
                Some((what, _, _)) => bar.suspend(|| say(what)),
                None => bar.suspend(|| say(&line)),
            }
        }
    }
    bar.finish_and_clear();
    Ok(exit_code(child.wait().context("cannot wait for cargo")?))
}

/// A line of progress: what, how much, out of how much.
fn progress(line: &str) -> Option<(&str, u64, u64)> {
    let mut cells = line.split('\t');
    let (what, done, of) = (cells.next()?, cells.next()?, cells.next()?);
    Some((what, done.parse().ok()?, of.parse().ok()?))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).context("cannot tell where this is")?;
    ensure!(!path.as_os_str().is_empty(), "a folder without a name");
    Ok(path)
}

fn say(line: &str) {
    // Standard error may be closed; the work does not depend on being heard.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_is_told_from_a_message() {
        assert_eq!(progress("tuning\t3\t10"), Some(("tuning", 3, 10)));
        for other in ["warning: unused", "a\tb\tc", "a\t1", ""] {
            assert_eq!(progress(other), None);
        }
    }
}

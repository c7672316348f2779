//! `cargo xtask fuzz`: every parser on inputs that grow out of the fixtures, for as long as asked.
//!
//! Needs a nightly compiler and cargo-fuzz; the targets are in `crates/extract/fuzz`, the inputs
//! that were found to lead somewhere new are kept in its `corpus/`, those that crash in its
//! `artifacts/`.

mod seeds;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::program::{Workspace, note};

/// Larger inputs take longer and find nothing that smaller ones do not.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// An input that takes more memory, in MiB, or longer, in seconds, is a finding.
const MEMORY_MIB: u32 = 2_048;
const INPUT_SECONDS: u32 = 25;

/// Runs one target, or each of them one after the other, for `seconds` each.
///
/// # Errors
/// When the tools are missing (how to get them is said), or when an input was found that crashes a
/// target: the others are run all the same.
pub(crate) fn run(workspace: &Workspace, target: Option<&str>, seconds: u32) -> Result<ExitCode> {
    let folder = workspace.root().join("crates/extract/fuzz");
    let all = targets(&folder)?;
    let wanted = match target {
        Some(target) => {
            ensure!(
                all.iter().any(|known| known == target),
                "no target is called {target}: there are {}",
                all.join(", ")
            );
            vec![target.to_owned()]
        }
        None => all,
    };
    tools()?;
    let seeds = seeds::of_fixtures(&workspace.root().join("fixtures"), INPUT_BYTES_MAX)?;
    let mut crashed = Vec::new();
    for target in wanted {
        let corpus = folder.join("corpus").join(&target);
        plant(
            seeds.get(target.as_str()).map_or(&[], Vec::as_slice),
            &corpus,
        )?;
        note(&format!("{target}, for {seconds} s"));
        let mut fuzz = nightly(&["fuzz", "run", "--fuzz-dir"]);
        fuzz.arg(&folder).arg(&target).arg(&corpus).arg("--").args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-rss_limit_mb={MEMORY_MIB}"),
            format!("-timeout={INPUT_SECONDS}"),
        ]);
        let done = fuzz.current_dir(workspace.root()).status();
        if !done.context("cannot run cargo")?.success() {
            crashed.push(target);
        }
    }
    if crashed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!(
        "stopped by an input, kept in {}: {}",
        workspace.shown(&folder.join("artifacts")),
        crashed.join(", ")
    )
}

/// The targets by name.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let sources = folder.join("fuzz_targets");
    let listed =
        fs::read_dir(&sources).with_context(|| format!("cannot read {}", sources.display()))?;
    let mut names = Vec::new();
    for entry in listed {
        let path: PathBuf = entry?.path();
        if path.extension() == Some(OsStr::new("rs"))
            && let Some(name) = path.file_stem().and_then(OsStr::to_str)
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Puts the seeds where the target looks for them. What it found before stays.
fn plant(seeds: &[Vec<u8>], corpus: &Path) -> Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    for (number, seed) in seeds.iter().enumerate() {
        let path = corpus.join(format!("fixture-{number:03}"));
        fs::write(&path, seed).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// `cargo` of the nightly compiler: what chose this one does not choose that one.
fn nightly(args: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg("+nightly").args(args);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(name);
    }
    cargo
}

fn tools() -> Result<()> {
    let there = nightly(&["fuzz", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    ensure!(
        there,
        "fuzzing needs a nightly compiler and cargo-fuzz:\n  \
         rustup toolchain install nightly\n  cargo install cargo-fuzz"
    );
    Ok(())
}

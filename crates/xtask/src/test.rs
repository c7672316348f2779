//! `cargo xtask test`: every test, after whatever they need is there.

use std::io;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::browser;
use crate::chaos;
use crate::deb;
use crate::postgres::{self, is_root};
use crate::program::{self, Program, Workspace, note};
use crate::rabbitmq;
use crate::setup;
use crate::tesseract;

/// How many worlds the simulation of the protocol looks at.
const SEEDS: &str = "GREFFIER_SIM_SEEDS";
/// As many as a minute or two have room for.
const SEEDS_FULL: &str = "4000";

/// The seed of the run that disturbs a house spread over processes.
const CHAOS_SEED: u64 = 1;
/// Minutes of faults of its long form.
const CHAOS_MINUTES: u64 = 5;

/// Runs every test; the runner's exit code is passed through, and its closing lines are the last
/// ones on standard output.
///
/// # Errors
/// When something that tests need cannot be had: how to get it is said.
pub(crate) fn run(workspace: &Workspace, full: bool, args: &[String]) -> Result<ExitCode> {
    let ready = program::is_set_up(workspace)?;
    if !ready {
        setup::run(workspace.root())?;
    }
    tesseract::provide()?;
    let greffier = workspace.build_tests()?;
    if !ready {
        program::make_encoders(&greffier)?;
    }
    // Stopped when dropped, if it was started for this.
    let postgres = postgres::provide()?;
    let rabbitmq = rabbitmq::provide()?;
    if full {
        let mut bench = greffier.bench(
            "dev",
            &["--documents=3", "--passages=300"].map(str::to_owned),
        );
        let done = bench
            .env(postgres::VARIABLE, postgres.url())
            .env(rabbitmq::VARIABLE, &rabbitmq)
            .stdout(io::stderr())
            .status()
            .context("cannot run cargo")?;
        if !done.success() {
            note("the benches failed on little data");
            return Ok(program::exit_code(done));
        }
    }
    if full {
        package(workspace, &greffier)?;
    }
    // Whoever asks for some tests by name asks for those.
    let undisturbed = !args.is_empty() || endures(&greffier, workspace, full)?;
    let opens = !args.is_empty() || opens(&greffier, workspace)?;
    let nextest = has_nextest(workspace);
    let mut runner = workspace.cargo();
    if nextest {
        runner.args(["nextest", "run", "--workspace"]);
        // It reports on standard error; its closing lines belong on standard output here.
        runner.stderr(io::stdout());
    } else {
        note("cargo-nextest is not there: running cargo test, one crate after the other");
        runner.args(["test", "--workspace", "--no-fail-fast"]);
    }
    runner
        .args(args)
        .env(postgres::VARIABLE, postgres.url())
        .env(rabbitmq::VARIABLE, rabbitmq);
    if full {
        runner.env("GREFFIER_FULL", "1");
        if std::env::var_os(SEEDS).is_none() {
            runner.env(SEEDS, SEEDS_FULL);
        }
    }
    let done = runner.status().context("cannot run the tests")?;
    drop(postgres);
    for (holds, what) in [(undisturbed, "chaos"), (opens, "the pages in a browser")] {
        if done.success() && !holds {
            note(&format!("the tests passed, and {what} did not: see above"));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(program::exit_code(done))
}

/// Builds the Debian package, and tries it out where that takes nothing from anybody: as root, on
/// Debian, where none is installed.
fn package(workspace: &Workspace, greffier: &program::Program<'_>) -> Result<()> {
    let debian = Path::new("/etc/debian_version").exists();
    if !debian {
        note("this is no Debian: its package is not built");
        return Ok(());
    }
    let out = std::env::temp_dir().join(format!("greffier-deb-{}", std::process::id()));
    let package = deb::build(workspace, greffier, &out)?;
    let free = ["/usr/bin/greffier", "/etc/greffier", deb::DATA];
    let taken = free.into_iter().find(|place| Path::new(place).exists());
    match taken {
        Some(place) => note(&format!("{place} is there: the package is not installed")),
        None if !is_root() => note("not root: the package is built and not installed"),
        None => deb::try_out(workspace, &package)?,
    }
    std::fs::remove_dir_all(&out).context("cannot remove the package")
}

/// Whether the pages can be used in a browser by everybody.
fn opens(greffier: &Program<'_>, workspace: &Workspace) -> Result<bool> {
    if let Some(missing) = browser::missing() {
        note(&format!("the pages are not opened in a browser: {missing}"));
        return Ok(true);
    }
    browser::run(greffier, workspace.root(), None)
}

/// Whether a house spread over processes endures what is done to it.
fn endures(greffier: &Program<'_>, workspace: &Workspace, full: bool) -> Result<bool> {
    if let Some(missing) = chaos::missing() {
        note(&format!("chaos is left out: {missing}"));
        return Ok(true);
    }
    let asked = chaos::Asked {
        seed: CHAOS_SEED,
        documents: if full { chaos::LONG } else { chaos::SHORT },
        minutes: full.then_some(CHAOS_MINUTES),
        json: false,
        aside: true,
        keep: false,
    };
    chaos::run(greffier, workspace.root(), &asked)
}

fn has_nextest(workspace: &Workspace) -> bool {
    workspace
        .cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

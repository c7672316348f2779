//! The pages in Chromium, on the data of the demonstration: `crates/web/tests/browser/check.mjs` says
//! what is looked at.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::demo::{ARRIVALS, INIT, TRAIN, WEEK};
use crate::postgres::is_root;
use crate::program::{Program, note};

/// The checks and what they need, from the root.
const CHECKS: &str = "crates/web/tests/browser";
const FILES: [&str; 3] = ["package.json", "package-lock.json", "check.mjs"];
const CHROMIUM: &str = "/usr/bin/chromium";
/// How long the pages may take to be there.
const LIMIT: Duration = Duration::from_secs(60);

/// What is not there and cannot be installed, if anything.
pub(crate) fn missing() -> Option<&'static str> {
    let here = || {
        let answers = |program: &str| {
            let mut asked = Command::new(program);
            asked.arg("--version").stdout(Stdio::null());
            asked
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        };
        answers("node") && answers("npm") && Path::new(CHROMIUM).exists()
    };
    if here() {
        return None;
    }
    if is_root() && Path::new("/etc/debian_version").exists() {
        note("no browser: installing Debian's packages chromium, nodejs and npm");
        let apt = |args: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.args(args)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(io::stderr());
            apt.status().is_ok_and(|status| status.success())
        };
        let install = ["install", "--yes", "--no-install-recommends", "chromium"];
        // A Node.js that is there, from wherever, is not replaced.
        let node = Command::new("node").arg("--version").output().is_ok();
        let others: &[&str] = if node { &[] } else { &["nodejs", "npm"] };
        let _ = apt(&["update"]) && apt(&[&install[..], others].concat());
    }
    (!here()).then_some(
        "it takes Chromium, Node.js and npm (Debian: `apt-get install chromium nodejs npm`)",
    )
}

/// Runs the checks; whether all of them passed.
///
/// # Errors
/// When the data, the pages or the checks cannot be set up.
pub(crate) fn run(greffier: &Program<'_>, root: &Path, screenshots: Option<&Path>) -> Result<bool> {
    let started = Instant::now();
    let folder = std::env::temp_dir().join(format!("greffier-browser-{}", std::process::id()));
    let done = checked(greffier, root, &folder, screenshots);
    // What is left of a run says nothing that its lines did not.
    let _ = fs::remove_dir_all(&folder);
    let passed = done?;
    note(&format!(
        "the pages in a browser: {} in {:.0} s",
        if passed { "all passed" } else { "some failed" },
        started.elapsed().as_secs_f64()
    ));
    Ok(passed)
}

fn checked(
    greffier: &Program<'_>,
    root: &Path,
    folder: &Path,
    screenshots: Option<&Path>,
) -> Result<bool> {
    let checks = folder.join("checks");
    fs::create_dir_all(&checks).with_context(|| format!("cannot make {}", checks.display()))?;
    for file in FILES {
        let from = root.join(CHECKS).join(file);
        fs::copy(&from, checks.join(file))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let installed = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(&checks)
        .stdout(io::stderr())
        .status()
        .context("cannot run npm")?;
    ensure!(
        installed.success(),
        "npm cannot install the checks: see above"
    );

    let data = folder.join("data").display().to_string();
    let week = ["synthesise", "--week", WEEK];
    let steps: [&[&str]; 6] = [&INIT, &TRAIN, ARRIVALS[0], ARRIVALS[1], ARRIVALS[2], &week];
    for step in steps {
        let done = greffier
            .command(["--data", &data].iter().chain(step))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot run greffier")?;
        ensure!(
            matches!(done.code(), Some(0 | 3)),
            "greffier {} ended with {done}",
            step.join(" ")
        );
    }
    let address = free()?;
    let _pages = Pages::serve(greffier, &data, address)?;
    let mut node = Command::new("node");
    node.arg("check.mjs")
        .arg(format!("http://{address}"))
        .args(["--chromium", CHROMIUM])
        .current_dir(&checks)
        .stdout(io::stderr());
    if let Some(folder) = screenshots {
        let folder: PathBuf = std::path::absolute(folder)?;
        node.arg("--screenshots").arg(folder);
    }
    Ok(node.status().context("cannot run node")?.success())
}

/// A port that nobody listens on.
fn free() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .context("no free port")
}

/// The pages, until dropped.
struct Pages(Child);

impl Pages {
    fn serve(greffier: &Program<'_>, data: &str, address: SocketAddr) -> Result<Self> {
        let child = greffier
            .command(["--data", data, "serve", "--listen", &address.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run greffier serve")?;
        let mut pages = Self(child);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(ended) = pages.0.try_wait()? {
                bail!("greffier serve ended with {ended}");
            }
            ensure!(begun.elapsed() < LIMIT, "greffier serve does not answer");
            // Nothing tells when a port is listened on; asking again is all there is.
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(pages)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

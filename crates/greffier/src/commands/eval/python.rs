//! Peers that are Python libraries: a script is given JSON and answers JSON. Called by `eval` alone.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether Python has these modules (`bm25s, Stemmer`).
pub fn has(modules: &str) -> bool {
    Command::new("python3")
        .args(["-c", &format!("import {modules}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What `script` answers. `peer` is what people call it, and `without` how to do without it.
///
/// # Errors
/// When Python cannot be run, or the script stops or answers something else than it should.
pub fn ask<A: Serialize, T: DeserializeOwned>(
    script: &str,
    asked: &A,
    peer: &str,
    without: &str,
) -> Result<T> {
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run python3")?;
    let json = serde_json::to_vec(asked)?;
    // One that stops before it has read everything is told by its status below.
    let given = child.stdin.take().map(|mut stdin| stdin.write_all(&json));
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{peer} stopped with {}: {without}",
        output.status
    );
    given.transpose()?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("{peer} answers strangely"))
}

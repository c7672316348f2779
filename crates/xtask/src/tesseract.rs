//! Tesseract, for the tests of OCR and for demonstrations: a package of the system, not of ours.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::postgres::is_root;
use crate::program::note;

/// What the pipelines ask for, and the packages that carry it in Debian.
const LANGUAGES: [&str; 2] = ["fra", "eng"];
const PACKAGES: [&str; 3] = ["tesseract-ocr", "tesseract-ocr-fra", "tesseract-ocr-eng"];

/// Sees to it that Tesseract is there with its data, installing it where that may be done.
///
/// # Errors
/// When it is not there and cannot be installed: how to get it is said.
pub(crate) fn provide() -> Result<()> {
    if is_here() {
        return Ok(());
    }
    if is_root() && Path::new("/etc/debian_version").exists() {
        note("no Tesseract: installing Debian's packages tesseract-ocr, -fra and -eng");
        let apt = |args: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.args(args)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(io::stderr());
            apt.status().is_ok_and(|status| status.success())
        };
        let mut install = vec!["install", "--yes", "--no-install-recommends"];
        install.extend(PACKAGES);
        // Lists may be absent from a fresh image, or old.
        let _ = apt(&["update"]) && apt(&install);
    }
    if is_here() {
        return Ok(());
    }
    bail!(
        "the tests of OCR need Tesseract with French and English data: install it (Debian: \
         `apt-get install {}`)",
        PACKAGES.join(" ")
    )
}

fn is_here() -> bool {
    let listed = Command::new("tesseract")
        .arg("--list-langs")
        .stdin(Stdio::null())
        .output();
    listed.is_ok_and(|listed| {
        let said = String::from_utf8_lossy(&listed.stdout);
        LANGUAGES
            .iter()
            .all(|language| said.lines().any(|line| line.trim() == *language))
    })
}

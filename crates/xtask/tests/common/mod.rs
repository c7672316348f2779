//! The repository, as cargo and git see it.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};

/// The root of the repository.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .unwrap()
            .to_owned()
    })
}

/// The resolved graph: every package of every platform and every feature.
pub fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .features(CargoOpt::AllFeatures)
            .exec()
            .expect("cargo metadata")
    })
}

/// Our crates.
pub fn ours() -> Vec<&'static Package> {
    let mut ours = metadata().workspace_packages();
    ours.sort_by(|a, b| a.name.cmp(&b.name));
    ours
}

/// A file of the repository, as text: bytes of an old encoding, which some fixtures have, are
/// replaced.
pub fn read(path: &str) -> String {
    let bytes = std::fs::read(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Files that are part of the repository, or would be with the next commit.
pub fn files() -> Vec<String> {
    let out = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git");
    assert!(
        out.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let mut files: Vec<String> = String::from_utf8(out.stdout)
        .expect("paths are UTF-8")
        .split_terminator('\0')
        .map(str::to_owned)
        // What was removed and is not committed yet is still listed.
        .filter(|path| root().join(path).is_file())
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Fails with everything that is wrong at once.
#[track_caller]
pub fn nothing_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

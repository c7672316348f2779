//! The repository is tidy: nothing at its root but what was agreed, no file that nobody can hold in
//! their head, nothing unfinished, nothing of a developer's machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeSet;

use common::{files, nothing_wrong, read, root};

/// What may be at the root, besides dotfiles.
const ROOT: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "crates",
    "docker",
    "fixtures",
    "pipelines",
    "schemas",
];
/// Dotfiles at the root.
const DOTFILES: [&str; 8] = [
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".config",
    ".dockerignore",
    ".gitattributes",
    ".gitignore",
    ".rustfmt.toml",
];
/// Lines a file may have that people read and change.
const LINES_MAX: usize = 900;

/// Files that people write as text.
fn is_text(path: &str) -> bool {
    let kinds = [
        "rs", "toml", "md", "sql", "html", "css", "js", "sh", "txt", "json", "yml", "yaml", "tsv",
        "jsonl",
    ];
    path.rsplit_once('.')
        .is_some_and(|(_, kind)| kinds.contains(&kind))
        || path.starts_with(".ci/")
}

/// Files that a program makes: read, and not changed, by people.
fn is_made(path: &str) -> bool {
    path == "Cargo.lock"
        || path.starts_with("schemas/")
        || (path.starts_with("fixtures/") && path.contains('/'))
}

#[test]
fn the_root_holds_what_was_agreed() {
    let tops: BTreeSet<String> = files()
        .iter()
        .map(|path| path.split('/').next().unwrap().to_owned())
        .collect();
    let wrong: Vec<String> = tops
        .iter()
        .filter(|top| !ROOT.contains(&top.as_str()) && !DOTFILES.contains(&top.as_str()))
        .map(|top| format!("{top} has no place at the root"))
        .collect();
    nothing_wrong(&wrong);
}

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for path in files()
        .iter()
        .filter(|path| is_text(path) && !is_made(path))
    {
        let lines = read(path).lines().count();
        // A pipeline file grows with a town's forms and services: it is data, in repeated shapes.
        let most = if path.starts_with("pipelines/") {
            2 * LINES_MAX
        } else {
            LINES_MAX
        };
        if lines > most {
            wrong.push(format!(
                "{path} has {lines} lines, at most {most}: split it by subject"
            ));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn nothing_is_unfinished() {
    // In two parts, so that this file does not name itself.
    let words = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    let mut wrong = Vec::new();
    for path in files().iter().filter(|path| path.ends_with(".rs")) {
        for (n, line) in read(path).lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{path}:{}: {word}", n + 1));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn nothing_is_of_one_machine() {
    // Paths of somebody's home or working folder, on three systems; in two parts, so that this file
    // does not name itself.
    let homes = [
        concat!("/Us", "ers/"),
        concat!("/ro", "ot/"),
        concat!("C:\\Us", "ers\\"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/wo", "rkspace/"),
        concat!(".car", "go/registry"),
    ];
    let own = root().to_string_lossy().into_owned();
    let starts = |line: &str, at: usize| {
        // The start of a path: not the middle of a longer one, nor of an address.
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || "/._-".contains(c))
    };
    let mut wrong = Vec::new();
    for path in files().iter().filter(|path| is_text(path)) {
        for (n, line) in read(path).lines().enumerate() {
            let found = homes
                .iter()
                .copied()
                .chain([own.as_str()])
                .find(|home| line.match_indices(home).any(|(at, _)| starts(line, at)));
            if let Some(home) = found {
                wrong.push(format!("{path}:{}: {home}", n + 1));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_pipeline_file_has_its_name() {
    let mut wrong = Vec::new();
    for path in files()
        .iter()
        .filter(|path| path.starts_with("pipelines/") && path.ends_with(".toml"))
    {
        let stem = path
            .trim_start_matches("pipelines/")
            .trim_end_matches(".toml");
        if stem == "models" {
            continue;
        }
        let file: toml::Table = toml::from_str(&read(path)).unwrap();
        if file.get("pipeline").and_then(toml::Value::as_str) != Some(stem) {
            wrong.push(format!("{path} says pipeline = {:?}", file.get("pipeline")));
        }
    }
    nothing_wrong(&wrong);
}

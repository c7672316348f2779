//! `docker/` says nothing that the program does not know: its commands and options, its environment, its
//! stages. (Its metrics: `src/metrics.rs`.)

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Data, Ran, greffier, root};

/// A file of `docker/`.
fn read(path: &str) -> String {
    let path = root().join("docker").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file of `docker/` that is ours, but the examples, which are other programs.
fn files(folder: &Path, all: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["secrets", "examples"].contains(&name.as_str()) {
                files(&path, all);
            }
        } else {
            all.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn help(args: &[&str]) -> String {
    let mut command = greffier();
    command.args(args).arg("--help");
    Ran::of(command).ended(0).stdout
}

/// The commands, and the help of each.
fn commands() -> BTreeMap<String, String> {
    let all = help(&[]);
    let (_, list) = all.split_once("\nCommands:\n").unwrap();
    let (list, _) = list.split_once("\nOptions:\n").unwrap();
    list.lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(|name| (name.to_owned(), help(&[name])))
        .collect()
}

/// What in a text begins so and goes on in letters of this kind.
fn words<'a>(text: &'a str, start: &str, kind: impl Fn(char) -> bool + Copy) -> BTreeSet<&'a str> {
    text.match_indices(start)
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .map(|(at, _)| {
            let rest = &text[at..];
            &rest[..rest.find(|c| !kind(c)).unwrap_or(rest.len())]
        })
        .collect()
}

#[test]
fn every_setting_is_one_of_the_program() {
    let known: String = commands().into_values().collect();
    let mut all = Vec::new();
    files(&root().join("docker"), &mut all);
    let mut found = 0;
    for (file, text) in &all {
        for name in words(text, "GREFFIER_", |c| c.is_ascii_uppercase() || c == '_') {
            found += 1;
            assert!(known.contains(name), "{file}: {name} is no setting");
        }
    }
    assert!(found > 10, "settings are looked for and not found");
}

/// The commands that containers of ours are started with.
fn started() -> Vec<Vec<String>> {
    read("compose.yaml")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("command: "))
        .map(|list| serde_json::from_str::<Vec<String>>(list).unwrap())
        .filter(|args| !args[0].starts_with('-'))
        .collect()
}

#[test]
fn containers_and_units_are_started_as_the_program_understands() {
    let all = started();
    assert!(all.len() >= 5, "{all:?}");
    for args in &all {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        // Whatever is not understood comes before the help.
        help(&args);
    }
    let commands = commands();
    let unit = read("systemd/greffier@.service");
    assert!(unit.contains("\nExecStart=/usr/bin/greffier %i\n"));
    let mut roles = 0;
    for entry in fs::read_dir(root().join("docker/systemd")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "env") && stem != "greffier" {
            roles += 1;
            assert!(commands.contains_key(&stem), "greffier@{stem} is no role");
            assert!(commands[&stem].contains("--health"), "{stem} has no health");
        }
    }
    assert_eq!(roles, 6);
}

#[test]
fn every_stage_has_a_worker() {
    let data = Data::new();
    let pipelines = data.json(&["pipelines", "list"]);
    let stages: BTreeSet<&str> = pipelines
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|p| p["stages"].as_array().unwrap())
        .map(|stage| stage.as_str().unwrap())
        .collect();
    let started = started();
    let mut served: Vec<&str> = started
        .iter()
        .filter(|args| args[0] == "work")
        .flat_map(|args| {
            let place = args.iter().position(|a| a == "--stage").unwrap();
            args[place + 1].split(',')
        })
        .collect();
    served.sort_unstable();
    assert_eq!(served, stages.into_iter().collect::<Vec<_>>());
}

#[test]
fn secrets_are_made_once_and_are_those_that_containers_get() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("make-secrets.sh");
    fs::copy(root().join("docker/make-secrets.sh"), &script).unwrap();
    let make = || {
        let mut command = Command::new("sh");
        command.arg(&script);
        Ran::of(command).ended(0);
        let compose = read("compose.yaml");
        let named = compose
            .lines()
            .filter_map(|line| line.split_once("file: ./secrets/"));
        named
            .map(|(_, rest)| rest.trim_end_matches([' ', '}']).to_owned())
            .map(|name| {
                let path = folder.path().join("secrets").join(&name);
                (name, fs::read_to_string(path).unwrap())
            })
            .collect::<BTreeMap<String, String>>()
    };
    let first = make();
    assert_eq!(first.len(), 4);
    assert_eq!(make(), first, "a second time changes nothing");
    let password = &first["database_password"];
    assert_eq!(password.len(), 64);
    assert!(first["database_url"].contains(&format!(":{password}@postgres:5432/")));
    let broker = first["broker_user.conf"].rsplit(' ').next().unwrap().trim();
    assert!(first["broker_url"].contains(&format!(":{broker}@rabbitmq:5672")));
    assert_ne!(password, broker);
}

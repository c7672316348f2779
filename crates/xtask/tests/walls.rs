//! The walls of the house: which crate of ours may know which, and which alone knows each foreign
//! world. These tables are the only list of both.
//!
//! Normal and build dependencies are held to them; those of tests are not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Package};
use common::{metadata, nothing_wrong, ours, read};

/// Six floors, from the lowest up: no arrow goes up, and neighbours do not know each other.
const FLOORS: [&[&str]; 6] = [
    &["domain"],
    &["extract", "inference", "insight", "privacy", "provenance"],
    &["pipeline"],
    &["search", "broker", "store"],
    &["web"],
    &["greffier"],
];

/// Who may depend on whom.
const OURS: [(&str, &[&str]); 14] = [
    ("domain", &[]),
    ("extract", &["domain"]),
    ("inference", &["domain"]),
    ("insight", &["domain"]),
    ("privacy", &["domain"]),
    ("provenance", &["domain"]),
    // Knows stages as a trait, and nothing of formats, models or statistics.
    ("pipeline", &["domain", "privacy", "provenance"]),
    ("search", &["domain"]),
    ("broker", &["domain", "pipeline"]),
    ("store", &["domain", "pipeline", "provenance"]),
    // Finding is a trait that the binary fills: pages know no engine.
    ("web", &["domain", "insight", "pipeline", "provenance"]),
    (
        "greffier",
        &[
            "domain",
            "extract",
            "inference",
            "insight",
            "privacy",
            "provenance",
            "pipeline",
            "search",
            "broker",
            "store",
            "web",
        ],
    ),
    // Builds in seconds and sets up the machine that builds the others: it links none of them.
    ("xtask", &[]),
    // Measures the built binary from outside, and what a page, a passage and a question cost without a
    // process around them.
    ("benches", &["domain", "extract", "inference", "search"]),
];

/// Foreign crates that carry words and values, and no world: anyone may use them.
const VOCABULARY: [&str; 14] = [
    "anyhow",
    "hex",
    "jiff",
    "percent-encoding",
    "schemars",
    "serde",
    "serde_json",
    "serde_json_canonicalizer",
    "sha2",
    "thiserror",
    "toml",
    "tracing",
    "unicode-normalization",
    "unicode-segmentation",
];

/// Each foreign world and who alone knows it. `xtask` is a developer's machine's tool: where it is
/// listed, it makes or unpacks files with the world's crate, and nothing of it is in the product.
const WORLDS: [(&str, &[&str], &[&str]); 35] = [
    ("SQL", &["sqlx"], &["store"]),
    ("object stores", &["object_store"], &["store"]),
    // Only with the feature `s3`, which nothing has by default.
    (
        "HTTP to object stores",
        &["hyper-util", "hyper-rustls", "http-body-util"],
        &["store"],
    ),
    ("the text index", &["tantivy", "memmap2"], &["search"]),
    ("products of vectors", &["simsimd", "bytemuck"], &["search"]),
    (
        "models",
        &["ort", "fastembed", "tokenizers", "prost", "safetensors"],
        &["inference"],
    ),
    // Only for training, which is a feature that nothing that ships has.
    ("training", &["ndarray"], &["inference"]),
    // Corpora are published packed: training reads them, and so does `eval search`.
    ("xz", &["lzma-rust2"], &["inference", "greffier"]),
    (
        "PDF",
        &[
            "lopdf",
            "hayro",
            "hayro-syntax",
            "hayro-interpret",
            "flate2",
        ],
        &["extract"],
    ),
    (
        "office files, mail, pages",
        &["quick-xml", "mail-parser", "html5ever", "scraper"],
        &["extract"],
    ),
    // xtask unpacks wheels with it and stores office files of the fixtures in it; insight packs the
    // text document of a synthesis.
    ("archives", &["zip"], &["extract", "insight", "xtask"]),
    // xtask writes letters of the fixtures in an old encoding.
    (
        "encodings",
        &["encoding_rs", "chardetng"],
        &["extract", "xtask"],
    ),
    (
        "kinds of files, languages",
        &["file-format", "whichlang"],
        &["extract"],
    ),
    // greffier reads its own training tables (text, label); xtask writes them.
    (
        "tables",
        &["csv", "calamine"],
        &["extract", "greffier", "xtask"],
    ),
    ("images", &["image", "tiff"], &["extract"]),
    (
        "the limits of a process",
        &["landlock", "seccompiler", "libc"],
        &["extract"],
    ),
    // extract binds a child with it; search swaps two folders in one step.
    ("the system's calls", &["rustix"], &["extract", "search"]),
    ("the files within Outlook messages", &["cfb"], &["extract"]),
    (
        "HTTP and pages",
        &["axum", "askama", "tower", "tower-http"],
        &["web"],
    ),
    // Only where a pipeline file declares a relay.
    ("mail that goes out", &["lettre"], &["greffier"]),
    // benches publishes and consumes with it and does nothing else: the ceiling of the house's pace.
    ("AMQP", &["lapin"], &["broker", "benches"]),
    (
        "the terminal",
        &["clap", "indicatif", "comfy-table", "rpassword"],
        &["greffier", "xtask", "benches"],
    ),
    (
        "what is logged",
        &["tracing-subscriber"],
        &["greffier", "benches"],
    ),
    // What is counted is told as values; only the binary names it and shows it.
    ("what is counted", &["prometheus-client"], &["greffier"]),
    ("signatures", &["ed25519-dalek"], &["provenance", "xtask"]),
    // Proofs carry digests in it, and messages of other software carry small documents in it.
    ("base64", &["base64"], &["provenance", "greffier", "xtask"]),
    (
        "keys and ciphers",
        &[
            "chacha20poly1305",
            "hmac",
            "hkdf",
            "getrandom",
            "zeroize",
            "argon2",
            "sha1",
            "regex",
        ],
        &["privacy"],
    ),
    // Values in, values out: a workshop waits for nothing. `search` is called from blocking threads.
    // benches waits with lapin.
    (
        "waiting",
        &["tokio", "futures"],
        &["pipeline", "broker", "store", "web", "greffier", "benches"],
    ),
    // Only a macro, for traits that others implement.
    (
        "waiting in traits",
        &["async-trait"],
        &["pipeline", "search", "broker", "store", "web", "greffier"],
    ),
    (
        "threads of work",
        &["rayon"],
        &[
            "inference",
            "extract",
            "insight",
            "search",
            "greffier",
            "benches",
        ],
    ),
    (
        "functions that are the same everywhere",
        &["libm"],
        &["insight"],
    ),
    // Other readers of `greffier eval` write into one.
    ("temporary folders", &["tempfile"], &["benches", "greffier"]),
    ("free space", &["fs4"], &["greffier"]),
    ("directions of writing", &["unicode-bidi"], &["extract"]),
    // Only makes fixtures; PDF's own digests are MD5.
    (
        "making fixtures",
        &["pdf-writer", "md-5"],
        &["xtask", "benches"],
    ),
];

/// The names of what a crate is built with.
fn built_with(package: &Package) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|d| d.kind != DependencyKind::Development)
        .map(|d| d.name.clone())
        .collect()
}

fn names() -> BTreeSet<String> {
    ours().iter().map(|p| p.name.to_string()).collect()
}

#[test]
fn the_table_goes_down_the_floors() {
    let floor_of = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    let mut wrong = Vec::new();
    for (name, may) in OURS {
        let Some(floor) = floor_of(name) else {
            continue;
        };
        for other in may {
            if floor_of(other).is_none_or(|below| below >= floor) {
                wrong.push(format!("{name} → {other} does not go down"));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn our_crates_know_those_they_may() {
    let table: BTreeMap<&str, &[&str]> = OURS.into_iter().collect();
    let names = names();
    let mut wrong = Vec::new();
    for package in ours() {
        let Some(may) = table.get(package.name.as_str()) else {
            wrong.push(format!(
                "{} has no place in the house: give it a floor and a line here",
                package.name
            ));
            continue;
        };
        for other in built_with(package).intersection(&names) {
            if !may.contains(&other.as_str()) {
                wrong.push(format!("{} → {other} is a wall", package.name));
            }
        }
    }
    for name in table.keys().filter(|name| !names.contains(**name)) {
        wrong.push(format!("{name} is in the table and not in the workspace"));
    }
    nothing_wrong(&wrong);
}

#[test]
fn each_foreign_world_is_known_to_one() {
    let names = names();
    let mut wrong = Vec::new();
    for package in ours() {
        for foreign in built_with(package).difference(&names) {
            if VOCABULARY.contains(&foreign.as_str()) {
                continue;
            }
            match WORLDS
                .iter()
                .find(|(_, crates, _)| crates.contains(&foreign.as_str()))
            {
                None => wrong.push(format!(
                    "{} uses {foreign}, which is no known world: say here whose it is",
                    package.name
                )),
                Some((world, _, who)) if !who.contains(&package.name.as_str()) => {
                    wrong.push(format!(
                        "{} uses {foreign}: only {} may know {world}",
                        package.name,
                        who.join(", ")
                    ))
                }
                Some(_) => {}
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn the_words_and_the_statistics_touch_nothing() {
    // `domain` and `insight` have no I/O, no clock and no randomness to reach for.
    let mut wrong = Vec::new();
    for package in ours()
        .into_iter()
        .filter(|p| ["domain", "insight"].contains(&p.name.as_str()))
    {
        for path in common::files() {
            if !path.starts_with(&format!("crates/{}/src/", package.name)) {
                continue;
            }
            let text = read(&path);
            for word in [
                "std::fs",
                "std::net",
                "std::env",
                "std::process",
                "SystemTime",
                "Instant::now",
                "Timestamp::now",
                "thread_rng",
            ] {
                if text.contains(word) {
                    wrong.push(format!("{path} reaches for {word}"));
                }
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn our_crates_are_of_one_make() {
    let workspace: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let common = &workspace["workspace"]["package"];
    let mut wrong = Vec::new();
    for package in ours() {
        let path = package
            .manifest_path
            .strip_prefix(&metadata().workspace_root)
            .unwrap();
        let manifest: toml::Table = toml::from_str(&read(path.as_str())).unwrap();
        if manifest
            .get("lints")
            .and_then(|l| l.get("workspace")?.as_bool())
            != Some(true)
        {
            wrong.push(format!("{path}: expected [lints] workspace = true"));
        }
        for key in common.as_table().unwrap().keys() {
            let inherited = manifest["package"]
                .get(key)
                .and_then(|v| v.get("workspace")?.as_bool());
            if inherited != Some(true) {
                wrong.push(format!("{path}: expected {key}.workspace = true"));
            }
        }
        if package
            .description
            .as_deref()
            .is_none_or(|d| d.trim().is_empty())
        {
            wrong.push(format!("{path}: expected a description, one line"));
        }
        let folder = path.parent().unwrap();
        let expected = if package.name == "benches" {
            "benches".to_owned()
        } else {
            format!("crates/{}", package.name)
        };
        if folder.as_str() != expected {
            wrong.push(format!(
                "{} is in {folder}: expected {expected}",
                package.name
            ));
        }
        if package.license.as_deref() != Some("Apache-2.0") {
            wrong.push(format!(
                "{path}: licence {:?}, expected Apache-2.0",
                package.license
            ));
        }
    }
    nothing_wrong(&wrong);
}

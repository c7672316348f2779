//! What we build with asks nothing that a town hall could not grant: permissive licences only,
//! over the whole resolved graph, and nothing that `.cargo/deny.toml` bans.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeSet;

use common::{metadata, nothing_wrong, read};
use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

/// What we accept, as `.cargo/deny.toml` does.
const ALLOWED: [&str; 10] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Packages whose licence is not in the list, each with its reason.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

fn allowed(requirement: &LicenseReq) -> bool {
    // "or later" of an accepted licence is that licence too.
    let LicenseItem::Spdx { id, .. } = requirement.license else {
        return false;
    };
    let name = match &requirement.addition {
        Some(addition) => format!("{} WITH {addition}", id.name),
        None => id.name.to_owned(),
    };
    ALLOWED.contains(&name.as_str())
}

/// Whether one may choose accepted licences only.
fn permissive(expression: &str) -> Result<bool, String> {
    // Old crates write `MIT/Apache-2.0`, which has always meant "or".
    let mode = ParseMode {
        allow_slash_as_or_operator: true,
        ..ParseMode::STRICT
    };
    let parsed = Expression::parse_mode(expression, mode).map_err(|e| e.to_string())?;
    Ok(parsed.evaluate(allowed))
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let check = |expression: &str, expected: bool| {
        assert_eq!(permissive(expression), Ok(expected), "{expression}");
    };
    check("MIT", true);
    check("MIT OR GPL-3.0-only", true);
    check("MIT AND GPL-3.0-only", false);
    check("GPL-2.0-only WITH Classpath-exception-2.0", false);
    check("Apache-2.0 WITH LLVM-exception", true);
    check("LGPL-2.1-or-later", false);
    check("AGPL-3.0-only", false);
    check("CC-BY-NC-4.0", false);
    check("MPL-2.0", false);
    check("Apache-2.0 / MIT / MPL-2.0", true);
    check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
    check("(MIT OR Apache-2.0) AND (MPL-2.0 OR LGPL-3.0-only)", false);
    assert!(permissive("MIT and others").is_err());
}

#[test]
fn every_package_is_permissive() {
    let mut wrong = Vec::new();
    for package in &metadata().packages {
        let name = format!("{} {}", package.name, package.version);
        if EXCEPTIONS
            .iter()
            .any(|(crate_name, ..)| *crate_name == package.name.as_str())
        {
            continue;
        }
        match package.license.as_deref().map(permissive) {
            Some(Ok(true)) => {}
            Some(Ok(false)) => wrong.push(format!(
                "{name}: {}",
                package.license.as_deref().unwrap_or_default()
            )),
            Some(Err(error)) => wrong.push(format!("{name}: {error}")),
            None => wrong.push(format!("{name} has no licence expression")),
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn no_exception_outlives_its_package() {
    let here: BTreeSet<&str> = metadata()
        .packages
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    let gone: Vec<String> = EXCEPTIONS
        .iter()
        .filter(|(name, _, reason)| !here.contains(name) || reason.is_empty())
        .map(|(name, ..)| format!("{name} is excepted and not used, or without a reason"))
        .collect();
    nothing_wrong(&gone);
}

#[test]
fn cargo_deny_is_told_the_same() {
    let deny: toml::Table = toml::from_str(&read(".cargo/deny.toml")).unwrap();
    let listed = |value: &toml::Value| -> Vec<String> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed(&deny["licenses"]["allow"]), ALLOWED);
    let exceptions: Vec<(String, Vec<String>)> = deny["licenses"]["exceptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["crate"].as_str().unwrap().to_owned(), listed(&e["allow"])))
        .collect();
    let ours: Vec<(String, Vec<String>)> = EXCEPTIONS
        .iter()
        .map(|(name, licence, _)| ((*name).into(), vec![(*licence).into()]))
        .collect();
    assert_eq!(exceptions, ours);
}

#[test]
fn nothing_banned_is_here() {
    let deny: toml::Table = toml::from_str(&read(".cargo/deny.toml")).unwrap();
    let banned = deny["bans"]["deny"].as_array().unwrap();
    let wrong: Vec<String> = banned
        .iter()
        .filter(|ban| {
            metadata()
                .packages
                .iter()
                .any(|p| p.name.as_str() == ban["crate"].as_str().unwrap())
        })
        .map(|ban| format!("{} is banned: {}", ban["crate"], ban["reason"]))
        .collect();
    nothing_wrong(&wrong);
}

#[test]
fn everything_comes_from_the_registry() {
    let wrong: Vec<String> = metadata()
        .packages
        .iter()
        .filter(|p| p.source.as_ref().is_some_and(|s| !s.is_crates_io()))
        .map(|p| format!("{} comes from {:?}", p.name, p.source))
        .collect();
    nothing_wrong(&wrong);
}

//! Everything that leaves the process is described in `schemas/`: the files are those that the types
//! make, and what commands print answers to them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Data, fixture, root};
use jsonschema::Validator;
use serde_json::{Value, json};

/// The schemas of a folder, by file name.
fn schemas(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}: run cargo xtask schemas", folder.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read_to_string(entry.path()).unwrap(),
            )
        })
        .collect()
}

/// The committed schemas, ready to be asked, with the places that did not answer to them.
struct Schemas {
    known: BTreeMap<String, Validator>,
    wrong: Vec<String>,
    used: BTreeMap<String, usize>,
}

impl Schemas {
    fn committed() -> Self {
        let known = schemas(&root().join("schemas"))
            .into_iter()
            .map(|(file, text)| {
                let schema: Value =
                    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
                let name = file.trim_end_matches(".schema.json").to_owned();
                (
                    name,
                    jsonschema::draft202012::new(&schema).unwrap_or_else(|e| panic!("{file}: {e}")),
                )
            })
            .collect();
        Self {
            known,
            wrong: Vec::new(),
            used: BTreeMap::new(),
        }
    }

    /// Asks whether `value`, found at `place`, answers to the schema `name`. Nothing is not a value.
    fn ask(&mut self, name: &str, place: &str, value: &Value) {
        let schema = self
            .known
            .get(name)
            .unwrap_or_else(|| panic!("there is no {name}.schema.json"));
        if value.is_null() {
            return;
        }
        *self.used.entry(name.to_owned()).or_default() += 1;
        for error in schema.iter_errors(value).take(3) {
            self.wrong.push(format!(
                "{place} does not answer to {name}: {} at {}",
                error,
                error.instance_path()
            ));
        }
    }

    /// Fails with everything that was wrong, or when one of `names` was never asked.
    #[track_caller]
    fn answered(self, names: &[&str]) {
        assert!(self.wrong.is_empty(), "\n{}\n", self.wrong.join("\n"));
        for name in names {
            assert!(self.used.contains_key(*name), "nothing printed a {name}");
        }
    }
}

#[test]
fn the_files_are_those_the_types_make() {
    let data = Data::new();
    let made = data.beside("schemas");
    data.run(&["schemas", "--write", &made.display().to_string()])
        .ended(0);
    let (made, committed) = (schemas(&made), schemas(&root().join("schemas")));
    let names = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&committed), "run cargo xtask schemas");
    for (file, text) in &made {
        assert!(
            committed[file] == *text,
            "schemas/{file} differs: run cargo xtask schemas"
        );
        let schema: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
            "{file}"
        );
        assert!(
            jsonschema::meta::is_valid(&schema),
            "{file} is not a schema"
        );
    }
}

#[test]
fn pipeline_files_answer_to_theirs() {
    let mut schemas = Schemas::committed();
    for name in ["forms", "field-reports", "archives"] {
        let text = fs::read_to_string(root().join(format!("pipelines/{name}.toml"))).unwrap();
        let value: Value =
            serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap();
        schemas.ask("pipeline", name, &value);

        // A schema that accepts anything would be of no help to who edits the file.
        let mut mistyped = value.clone();
        mistyped["titel"] = json!("x");
        assert!(
            !schemas.known["pipeline"].is_valid(&mistyped),
            "{name} with an unknown key"
        );
        let mut mistyped = value.clone();
        mistyped["stage"]["split"] = json!({"caracteres": 3});
        assert!(
            !schemas.known["pipeline"].is_valid(&mistyped),
            "{name} with an unknown setting"
        );
    }
    schemas.answered(&["pipeline"]);
}

#[test]
fn what_commands_print_answers_to_them() {
    let mut schemas = Schemas::committed();
    let data = Data::new();
    // A part is enough to decide by, and learnt from in seconds.
    let labelled = fs::read_to_string(fixture("forms/labelled.tsv")).unwrap();
    let (header, rows) = labelled.split_once('\n').unwrap();
    let part: Vec<&str> = std::iter::once(header)
        .chain(rows.lines().step_by(6))
        .collect();
    let table = data.file("labelled.tsv", part.join("\n"));
    data.run(&["train", "--pipeline", "forms", "--labelled", &table])
        .ended(0);
    for (pipeline, files, manifest) in [
        (
            "forms",
            fixture("forms/documents"),
            Some(fixture("forms/manifest.jsonl")),
        ),
        (
            "archives",
            fixture("archives/documents"),
            Some(fixture("archives/manifest.jsonl")),
        ),
        ("archives", fixture("bad/documents"), None),
        (
            "field-reports",
            fixture("field-reports/reports.jsonl"),
            None,
        ),
    ] {
        let mut args = vec!["ingest", "--pipeline", pipeline, &files];
        args.extend(manifest.iter().flat_map(|m| ["--manifest", m]));
        let ran = data.run(&args);
        assert!(matches!(ran.code, Some(0 | 3)), "{ran:?}");
    }

    let documents = data.documents();
    let inbox = data.json(&["inbox", "--pipeline", "forms"]);
    let waiting = inbox
        .as_array()
        .unwrap()
        .iter()
        .find(|d| d["outcome"] == "review")
        .expect("some wait");
    let waiting = waiting["id"].as_str().unwrap().to_owned();
    let act = data.json(&[
        "review",
        &waiting,
        "--route",
        "voirie",
        "--by",
        "A. Martin",
        "--reason",
        "voirie",
    ]);
    schemas.ask("act", "review", &act);

    // Every third: all kinds are among them, and each takes a process.
    let shown = documents
        .iter()
        .filter(|d| d["pipeline"] != "field-reports")
        .step_by(3);
    let ids: Vec<&str> = shown
        .map(|d| d["id"].as_str().unwrap())
        .chain([waiting.as_str()])
        .collect();
    for id in &ids {
        let shown = data.json(&["show", id]);
        let name = format!("show {}", shown["name"]);
        for part in ["arrival", "layout", "decision", "completeness", "act"] {
            schemas.ask(part, &format!("{name}: {part}"), &shown[part]);
        }
        let records = shown["records"].as_array().unwrap();
        assert!(!records.is_empty(), "{name} has no record");
        for record in records {
            schemas.ask("record", &name, record);
        }
    }
    for lang in ["fr", "en"] {
        for id in ids.iter().rev().take(4) {
            let why = data.json(&["why", id, "--lang", lang]);
            schemas.ask("explanation", &format!("why {id}"), &why);
        }
    }
    for week in ["2026-W45", "2026-W47"] {
        let made = data.json(&["synthesise", "--week", week]);
        schemas.ask("synthesis", week, &made["synthesis"]);
        schemas.ask("alerts", week, &made["alerts"]);
    }
    let alerts = data.json(&["alerts", "--week", "2026-W47"]);
    assert!(!alerts.as_array().unwrap().is_empty());
    for query in ["parking", "délibération 2024-118", "twinning"] {
        for hit in data.json(&["search", query]).as_array().unwrap() {
            schemas.ask("evidence", &format!("search {query}"), &hit["evidence"]);
            // The bytes that evidence names are those of the stored text.
            let text = data
                .run(&["show", hit["document"].as_str().unwrap(), "--text"])
                .ended(0)
                .stdout;
            let place = |key: &str| hit["evidence"][key].as_u64().unwrap() as usize;
            assert_eq!(
                text.get(place("start")..place("end")),
                hit["evidence"]["text"].as_str(),
                "{hit}"
            );
        }
    }
    for folder in ["forms/documents", "bad/documents"] {
        for entry in fs::read_dir(fixture(folder)).unwrap() {
            let file = entry.unwrap().path().display().to_string();
            let ran = data.run(&["--json", "extract", &file]);
            // What is refused as a whole prints nothing.
            if ran.code == Some(0) {
                schemas.ask("extract", &file, &ran.json());
            } else {
                ran.ended(3);
            }
        }
    }
    schemas.answered(&[
        "act",
        "alerts",
        "arrival",
        "completeness",
        "decision",
        "evidence",
        "explanation",
        "extract",
        "layout",
        "record",
        "synthesis",
    ]);
}

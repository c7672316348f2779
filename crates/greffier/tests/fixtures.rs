//! What `fixtures/forms/expected.jsonl` says a careful reader finds in each request is what the
//! binary finds: the form, what is missing or ill-formed, the values of PDF forms, the attachments,
//! and the service wherever a rule or a form decides it.
//!
//! No head is trained here, so the model decides nothing: what it proposes goes to people.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;

use common::{Data, fixture};
use serde_json::Value;

/// What does not come out as it should, and why. Each must still differ: what is mended is taken
/// off this list.
const KNOWN: [(&str, &str, &str); 0] = [];

/// How one document differs from what was expected of it.
struct Difference {
    path: String,
    what: &'static str,
    said: String,
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn compare<T: PartialEq + Debug>(
        &mut self,
        path: &str,
        what: &'static str,
        expected: T,
        found: T,
    ) {
        if expected != found {
            self.0.push(Difference {
                path: path.to_owned(),
                what,
                said: format!("expected {expected:?}, found {found:?}"),
            });
        }
    }

    /// Fails with every difference that is not known, and every known one that is none.
    fn only_the_known(self) {
        let known = |d: &Difference| KNOWN.iter().any(|(p, w, _)| *p == d.path && *w == d.what);
        let mut wrong: Vec<String> = self
            .0
            .iter()
            .filter(|d| !known(d))
            .map(|d| format!("{}: {}: {}", d.path, d.what, d.said))
            .collect();
        for (path, what, why) in KNOWN {
            if !self.0.iter().any(|d| d.path == path && d.what == what) {
                wrong.push(format!(
                    "{path}: {what}: as expected now, take it off KNOWN ({why})"
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} difference(s):\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

fn lines(path: &str) -> Vec<Value> {
    fs::read_to_string(fixture(path))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Strings of a list, sorted; none for what is not a list.
fn sorted(value: &Value) -> Vec<String> {
    let mut found: Vec<String> = value
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

/// Names of what is missing of one kind, sorted.
fn missing(shown: &Value, kind: &str) -> Vec<String> {
    let mut found: Vec<String> = shown["missing"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == kind)
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

/// Values of the fields the file declares, by name; boxes that are not ticked have none.
fn values(shown: &Value) -> BTreeMap<String, String> {
    shown["layout"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|field| field["inferred"] != true && field["checked"] != false)
        .filter_map(|field| {
            let value = field["value"].as_str()?;
            Some((field["name"].as_str()?.to_owned(), value.to_owned()))
        })
        .collect()
}

#[test]
fn what_is_expected_of_each_request_comes_out() {
    let data = Data::new();
    let ingested = data.json(&[
        "ingest",
        "--pipeline",
        "forms",
        &fixture("forms/documents"),
        "--manifest",
        &fixture("forms/manifest.jsonl"),
    ]);
    let manifest: BTreeMap<String, Value> = lines("forms/manifest.jsonl")
        .into_iter()
        .map(|line| (line["path"].as_str().unwrap().to_owned(), line))
        .collect();
    let expectations = lines("forms/expected.jsonl");
    assert_eq!(ingested["new"], expectations.len(), "{ingested}");
    assert_eq!(ingested["duplicates"], 1, "{ingested}");
    assert_eq!(ingested["refused"], serde_json::json!([]));
    assert_eq!(ingested["set_aside"], 0, "{ingested}");
    let documents = data.documents();
    let named = |id: &Value| {
        documents
            .iter()
            .find(|d| d["name"] == *id && d["parent"].is_null())
            .unwrap_or_else(|| panic!("{id} is not listed"))
    };

    let mut differences = Differences::default();
    for expected in &expectations {
        let path = expected["path"].as_str().unwrap();
        let arrival = &manifest[path];
        let id = arrival["id"].as_str().unwrap();
        let listed = named(&arrival["id"]);
        let shown = data.json(&["show", id]);
        let mut compare = |what, expected: Vec<String>, found: Vec<String>| {
            differences.compare(path, what, expected, found);
        };
        compare(
            "missing fields",
            sorted(&expected["missing_fields"]),
            missing(&shown, "field"),
        );
        compare(
            "missing pieces",
            sorted(&expected["missing_pieces"]),
            missing(&shown, "piece"),
        );
        compare(
            "ill-formed",
            sorted(&expected["ill_formed"]),
            missing(&shown, "format"),
        );

        let attached: Vec<&Value> = shown["layout"]["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["name"])
            .collect();
        let attachments: Vec<&Value> = expected["attachments"].as_array().unwrap().iter().collect();
        differences.compare(path, "attachments", attachments.clone(), attached);
        let children = documents
            .iter()
            .filter(|d| d["parent"] == listed["id"])
            .count();
        differences.compare(path, "attachments taken in", attachments.len(), children);
        differences.compare(path, "state", &Value::from("done"), &listed["state"]);
        differences.compare(
            path,
            "channel",
            &arrival["channel"],
            &shown["arrival"]["channel"],
        );
        differences.compare(
            path,
            "form",
            &expected["form"],
            &shown["completeness"]["form"],
        );
        if shown["layout"]["media_type"] == "application/pdf" {
            let filled: BTreeMap<String, String> =
                serde_json::from_value(expected["fields"].clone()).unwrap();
            differences.compare(path, "fields", filled, values(&shown));
        }

        let decision = &shown["decision"];
        if decision["rule"].is_string() {
            differences.compare(
                path,
                "service",
                &expected["services"][0],
                &decision["service"],
            );
            // One that is drawn for the measure is shown as to be checked, and nothing else is said
            // against sending it.
            let doubts = decision["review"].as_array().map_or(0, Vec::len);
            differences.compare(path, "doubts", 0, doubts);
        } else {
            differences.compare(
                path,
                "form without a service",
                &Value::Null,
                &expected["form"],
            );
            differences.compare(
                path,
                "decided by a model that is not there",
                false,
                decision["outcome"] == "automatic",
            );
        }
    }
    // Which of the two is the first depends on the order of intake.
    let mut same: Vec<[&Value; 2]> = Vec::new();
    for one in documents.iter().filter(|d| !d["duplicate_of"].is_null()) {
        let first = documents.iter().find(|d| d["id"] == one["duplicate_of"]);
        let mut pair = [&one["name"], &first.unwrap()["name"]];
        pair.sort_by_key(|name| name.as_str());
        same.push(pair);
    }
    let arrived = |path: &str| &manifest[path]["id"];
    assert_eq!(
        same,
        [[
            arrived("terrasse-cafe-du-lavoir.pdf"),
            arrived("scan_20261112_0007.pdf")
        ]]
    );
    differences.only_the_known();
}

/// The alerts of some reports, each with what it is about and where.
fn alerts(file: &str) -> BTreeSet<(String, String, Option<String>)> {
    let data = Data::new();
    data.json(&["ingest", "--pipeline", "field-reports", file]);
    let alerts = data.json(&["alerts"]);
    let text = |alert: &Value, key: &str| alert[key].as_str().map(str::to_owned);
    alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            let about = text(alert, "about").unwrap_or_default();
            let kind = text(alert, "kind").unwrap_or_default();
            (kind, about, text(alert, "place"))
        })
        .collect()
}

#[test]
fn what_is_urgent_in_the_reports_is_alerted_whatever_their_columns_are_called() {
    let reports = lines("field-reports/reports.jsonl");
    let expected: Value =
        serde_json::from_slice(&fs::read(fixture("field-reports/expected.json")).unwrap()).unwrap();
    let as_they_are = alerts(&fixture("field-reports/reports.jsonl"));
    let of = |kind: &str, alerts: &BTreeSet<(String, String, Option<String>)>| {
        let those = alerts.iter().filter(|(k, ..)| k == kind);
        those
            .map(|(_, about, place)| (about.clone(), place.clone()))
            .collect::<Vec<_>>()
    };
    let urgent: Vec<String> = of("urgent", &as_they_are)
        .into_iter()
        .map(|(about, _)| about)
        .collect();
    assert_eq!(serde_json::json!(urgent), expected["urgent"]);
    assert_eq!(
        of("child-in-danger", &as_they_are),
        [("R-0410".to_owned(), Some("Les Sources".to_owned()))]
    );

    // The same as a team's own table has it.
    let mut table = "N° de fiche;Saisi le;Équipe;Quartier;Urgence;Observations\n".to_owned();
    for report in &reports {
        let cell = |value: &Value| value.as_str().unwrap_or_default().replace('"', "\"\"");
        let cells = [
            &report["id"],
            &report["saisi_le"],
            &report["equipe"],
            &report["lieu"]["quartier"],
            &report["urgence"],
            &report["notes"],
        ];
        let cells: Vec<String> = cells.map(|c| format!("\"{}\"", cell(c))).into();
        table += &format!("{}\n", cells.join(";"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remontées.csv");
    fs::write(&path, table).unwrap();
    let of_table = alerts(path.to_str().unwrap());
    for kind in ["urgent", "child-in-danger"] {
        assert_eq!(of(kind, &of_table), of(kind, &as_they_are), "{kind}");
    }

    // What is typed may be a title that the pipeline knows.
    let data = Data::new();
    let told = [
        "ingest",
        "--pipeline",
        "field-reports",
        "--text-column",
        "Observations",
        path.to_str().unwrap(),
    ];
    assert_eq!(data.json(&told)["new"], reports.len());

    // A table without notes says nothing: it is refused, with the columns it has.
    let path = folder.path().join("sans-notes.csv");
    fs::write(&path, "Fiche;Ressenti\nR-1;il a peur\nR-2;rien\n").unwrap();
    Data::new()
        .run(&[
            "ingest",
            "--pipeline",
            "field-reports",
            path.to_str().unwrap(),
        ])
        .ended(3)
        .said(&["notes", "Ressenti"]);
}

//! What cannot wait is found: every urgent report of the fixtures, however it is said, with a bounded
//! number of false alarms; and what people then do with an alert.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;

use common::{Data, Ran, fixture, greffier, root};
use serde_json::Value;

fn measured() -> Value {
    let mut command = greffier();
    let file = fixture("field-reports/urgent.jsonl");
    command
        .current_dir(root())
        .args(["eval", "urgent", "--json", "--in", &file]);
    Ran::of(command).ended(0).json()
}

#[test]
fn every_urgent_report_of_the_fixtures_is_alerted_and_few_others() {
    let measured = measured();
    assert_eq!(measured["missed"], serde_json::json!([]));
    let count = |key: &str| -> u64 {
        let parts = measured["parts"].as_object().unwrap();
        parts.values().map(|part| part[key].as_u64().unwrap()).sum()
    };
    assert!(count("urgent") >= 90, "{}", count("urgent"));
    assert_eq!(count("found"), count("urgent"));
    // They were written to look urgent: one in eight at most is taken for it.
    assert!(count("other") >= 160, "{}", count("other"));
    let (false_alarms, other) = (count("false_alarms"), count("other"));
    assert!(8 * false_alarms <= other, "{false_alarms} of {other}");
    // The field alone is not what finds them.
    let field = |part: &Value| part["by_ground"]["declared"]["found"].as_u64();
    let parts = measured["parts"].as_object().unwrap();
    let declared: u64 = parts.values().filter_map(field).sum();
    assert!(declared <= 3, "{declared}");
}

#[test]
fn an_urgent_report_that_is_missed_fails_the_measure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("set.jsonl");
    let line = r#"{"id": "X-1", "attendu": "urgent", "notes": "Beau temps au marché."}"#;
    fs::write(&file, format!("{line}\n")).unwrap();
    let mut command = greffier();
    command
        .current_dir(root())
        .args(["eval", "urgent", "--in", &file.display().to_string()]);
    let ran = Ran::of(command).ended(4);
    assert!(ran.stdout.contains("X-1"), "{}", ran.stdout);
}

#[test]
fn an_alert_shows_its_grounds_and_who_took_it_on() {
    let data = Data::new();
    let note = "Un homme enjambe la rambarde du pont, on le retient. Odeur de gaz au 4.";
    let report = serde_json::json!({"id": "R-1", "saisi_le": "2026-11-20T21:30:00+01:00",
        "urgence": "immediat", "notes": note});
    let file = data.file("reports.jsonl", report.to_string());
    data.json(&["ingest", "--pipeline", "field-reports", &file]);
    let alerts = data.json(&["alerts"]);
    let urgent = &alerts[0];
    let kinds: Vec<&str> = urgent["grounds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["kind"].as_str().unwrap())
        .collect();
    assert!(
        ["declared", "lexicon", "rule"]
            .iter()
            .all(|k| kinds.contains(k)),
        "{kinds:?}"
    );
    // Friday evening is not the day shift's.
    assert_eq!(urgent["recipient"], "cadre d’astreinte");
    let id = urgent["id"].as_str().unwrap();

    data.run(&["alerts", "dismiss", id, "--by", "Maïa"])
        .ended(1)
        .said(&["reason"]);
    data.run(&["alerts", "ack", "nope", "--by", "Maïa"])
        .ended(1)
        .said(&["nope", "greffier alerts"]);
    data.run(&["alerts", "ack", &id[..12], "--by", "Maïa"])
        .ended(0);
    let reason = ["--reason", "exercice des pompiers"];
    data.run(&["alerts", "dismiss", id, "--by", "Noé", reason[0], reason[1]])
        .ended(0);
    let after = data.json(&["alerts"]);
    let acts = after[0]["acts"].as_array().unwrap();
    let said = |n: usize| {
        (
            acts[n]["did"].as_str().unwrap(),
            acts[n]["by"].as_str().unwrap(),
        )
    };
    assert_eq!(
        (said(0), said(1)),
        (("acknowledge", "Maïa"), ("dismiss", "Noé"))
    );
    assert_eq!(acts[1]["reason"], "exercice des pompiers");
    assert_eq!(
        (&after[0]["judged"], &after[0]["dismissed"]),
        (&1.into(), &1.into())
    );
    // Nobody is told where the pipeline file declares no way.
    data.run(&["alerts", "tell"])
        .ended(1)
        .said(&["[reconcile.tell]"]);
    data.run(&["verify"]).ended(0);
}

#[test]
fn a_roster_that_is_wrong_is_refused_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("pipelines/field-reports.toml")).unwrap();
    let check = |more: &str, key: &str, said: &[&str]| {
        let text = format!("{text}\n{more}");
        let line = 1 + text.lines().count() - more.lines().count()
            + more.lines().position(|l| l.starts_with(key)).unwrap();
        let file = folder.path().join("field-reports.toml");
        fs::write(&file, &text).unwrap();
        let mut command = greffier();
        command
            .current_dir(root())
            .args(["pipelines", "check", &file.display().to_string()]);
        let place = format!("field-reports.toml:{line}:");
        Ran::of(command)
            .ended(1)
            .said(&[&[place.as_str()], said].concat());
    };
    check(
        "[[reconcile.alert.settings.duty]]\nperson = \"x\"\nfrom = \"8h\"\n",
        "from",
        &["duty 3", "8h", "08:00"],
    );
    let tell = "[reconcile.tell]\nschedule = \"on-arrival\"\n[[reconcile.tell.settings.people]]\nname = \"a\"\n\
        [[reconcile.tell.settings.people]]\nname = \"b\"\nwebhook = \"https://x\"\n";
    check(tell, "webhook", &["https://x", "http://host:port"]);
}

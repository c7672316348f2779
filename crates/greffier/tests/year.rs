//! A simulated year on the invented letters of the fixtures, made short.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use common::{Data, fixture};
use serde_json::Value;

#[test]
fn a_change_is_said_and_the_promise_is_kept_or_suspended() {
    let data = Data::new();
    let out = data.beside("year.html").display().to_string();
    let letters = fixture("forms/labelled.tsv");
    let year = |more: &[&str]| -> Value {
        let mut args = vec!["eval", "year", "--in", &letters, "--out", &out];
        args.extend([
            "--max-misrouting",
            "0.05",
            "--slips",
            "0",
            "--initial",
            "700",
        ]);
        args.extend(["--weeks", "9", "--per-week", "120", "--retrain-every", "20"]);
        args.extend(more);
        data.json(&args)
    };
    let report = year(&["--drift-week", "5"]);
    let first = &report["years"][0];
    let weeks = first["weeks"].as_array().unwrap();
    assert_eq!(weeks.len(), 9);
    assert!(first["automatic_before"].as_f64().unwrap() > 0.1, "{first}");
    assert!(
        first["misrouted_before"].as_f64().unwrap() <= 0.05,
        "{first}"
    );
    assert_eq!(first["false_suspensions"], 0);
    // People choose a name that the model has never learnt.
    let events = |week: usize, what: &str| {
        let events = weeks[week - 1]["events"].as_array().unwrap();
        events.iter().filter(|e| e["what"] == what).count()
    };
    assert_eq!(events(5, "change"), 1);
    let alert = first["first_alert"].as_u64().unwrap();
    assert!(alert <= 2, "{first}");
    let outcome = &first["outcome"];
    let suspended = outcome["outcome"] == "suspended" && outcome["weeks"].as_u64() <= Some(2);
    assert!(outcome["outcome"] == "kept" || suspended, "{outcome}");
    // Two weeks after the alert people train again, with the new name, and it goes on.
    let mended = 4 + alert as usize + 2;
    assert_eq!(events(mended, "retrained"), 1, "{first}");
    for week in weeks.iter().filter(|w| w["suspended"] == true) {
        assert_eq!(week["automatic"], 0);
    }
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("<svg") && page.contains("<desc") && !page.contains("http"));

    // Nothing changes: nothing is suspended, and the same seed is the same year.
    let still = year(&["--drift-week", "99"]);
    assert_eq!(still["years"][0]["outcome"]["outcome"], "kept");
    assert_eq!(
        still["years"][0]["weeks"][3],
        report["years"][0]["weeks"][3]
    );
}

#[test]
fn a_set_that_is_too_small_is_refused() {
    let data = Data::new();
    let table = data.file("few.tsv", "text\tlabel\nun texte\tvoirie\nun autre\tccas\n");
    data.run(&["eval", "year", "--in", &table])
        .ended(1)
        .said(&["few", "are needed"]);
}

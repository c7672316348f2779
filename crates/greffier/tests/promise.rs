//! A promise that is not kept is suspended, by itself and visibly; a person lifts it, by name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use common::{Town, fixture};

/// Ids, and services, of what went by itself by a rule, was drawn and nobody has looked at: it is shown
/// like what is to be checked, for no other reason than that a person is to confirm it.
fn drawn(town: &Town) -> Vec<(String, String)> {
    let all = town
        .run(&["--json", "documents", "--pipeline", "forms"])
        .ended(0)
        .json();
    let all = all.as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let ruled = |why: &str| match why.split_once(" ; ") {
        Some((by, "to be confirmed by a person")) => !by.starts_with("from"),
        _ => false,
    };
    all.filter(|d| d["outcome"] == "review" && d["decided"] == false && ruled(&text(&d["why"])))
        .map(|d| (text(&d["id"]), text(&d["service"])))
        .collect()
}

fn watched(town: &Town, code: i32) -> serde_json::Value {
    town.run(&["--json", "promise"]).ended(code).json()[0].clone()
}

#[test]
fn a_broken_promise_is_suspended_until_a_person_lifts_it() {
    let town = Town::new(|text| text.replace("audit_share = 0.05", "audit_share = 1"));
    let letters = fixture("forms/documents");
    town.run(&["ingest", "--pipeline", "forms", &letters]);
    let drawn = drawn(&town);
    assert!(drawn.len() >= 5, "{drawn:?}");
    let before = watched(&town, 0);
    // All are drawn, but for the two that leave a fortnight to answer.
    let count = |of: &str| before["measure"][of].as_u64().unwrap();
    assert_eq!(count("automatic"), count("drawn") + 2);
    assert_eq!(before["measure"]["seen"], 0);

    // Errors, as people find them; the first alone proves nothing.
    let mut last = None;
    for (n, (id, service)) in drawn.iter().take(3).enumerate() {
        let other = if service == "voirie" {
            "etat-civil"
        } else {
            "voirie"
        };
        let ran = town.run(&["review", id, "--route", other, "--by", "A. Martin"]);
        last = Some(ran.ended(0));
        if n == 0 {
            town.run(&["work"]).ended(0);
            assert_eq!(watched(&town, 0)["measure"]["misrouted"], 1);
        }
    }
    // The decision that proves it suspends it, before anything else is routed.
    last.expect("a decision")
        .said(&["ALERT", "forms", "greffier promise"]);
    let broken = watched(&town, 4);
    assert_eq!(broken["suspended"]["misrouted"], 3);
    assert_eq!(broken["suspended"]["cause"]["against"], "promise");
    // From now on nothing goes by itself, and the record says so.
    let text =
        "Déclaration d'intention d'aliéner\n\nVendeur : M. Untel. Prix : 1 euro. Parcelle : AB 12.";
    let letter = town.data.file("nouveau/dia-nouvelle.txt", text);
    town.run(&["ingest", "--pipeline", "forms", &letter])
        .ended(0);
    let shown = town
        .run(&["--json", "show", "dia-nouvelle"])
        .ended(0)
        .json();
    assert_eq!(shown["outcome"], "review", "{shown}");
    town.run(&["replay", "dia-nouvelle"]).ended(0);

    town.run(&["promise", "lift", "forms", "--by", " "])
        .ended(1)
        .said(&["--by"]);
    town.run(&[
        "promise",
        "lift",
        "forms",
        "--by",
        "B. Durand",
        "--reason",
        "règles corrigées",
    ])
    .ended(0);
    assert_eq!(
        watched(&town, 0)["measure"]["seen"],
        0,
        "what was before counts no more"
    );
    town.run(&["promise", "lift", "forms", "--by", "B. Durand"])
        .ended(1)
        .said(&["not suspended"]);
    let history =
        fs::read_to_string(town.data.path().join("promises/forms.history.jsonl")).unwrap();
    assert!(history.contains("B. Durand") && history.contains("règles corrigées"));
    let again = town
        .data
        .file("nouveau/dia-autre.txt", text.replace("AB 12", "AB 13"));
    town.run(&["ingest", "--pipeline", "forms", &again])
        .ended(0);
    // It goes by itself again, and is drawn like everything here: nothing shows it but the measure.
    let shown = town.run(&["--json", "show", "dia-autre"]).ended(0).json();
    assert_eq!(shown["outcome"], "review", "{shown}");
    assert_eq!(watched(&town, 0)["measure"]["automatic"], 1);
    town.run(&["verify"]).ended(0);

    // The page stands alone, and says in words what it draws.
    let page = town.data.beside("promesse.html").display().to_string();
    town.run(&["--lang", "fr", "promise", "--html", &page])
        .ended(0);
    let page = fs::read_to_string(page).unwrap();
    for part in [
        "<html lang=\"fr\">",
        "<svg",
        "<desc",
        "effectifs trop faibles",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains("http") && !page.contains("<script"));
    let by = &watched(&town, 0)["by"];
    for cell in ["week", "service", "channel", "language", "scan", "form"] {
        assert!(by[cell].is_object(), "no {cell} in {by}");
    }
}

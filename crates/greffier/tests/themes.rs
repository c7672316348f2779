//! Themes that nobody listed: learnt, followed from week to week, decided on by people; and the same
//! bytes whoever makes them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Data, Ran};
use serde_json::{Value, json};

/// What mediators write of a thing that no list names, and of others.
const COMPOST: [&str; 6] = [
    "Les habitants demandent un composteur collectif derrière la résidence.",
    "Encore une demande de composteur collectif au pied de l’immeuble.",
    "Une famille voudrait un composteur collectif pour les épluchures.",
    "Le conseil de résidents souhaite un composteur collectif dans le jardin.",
    "Deux locataires réclament un composteur collectif près du potager.",
    "Demande de composteur collectif portée par l’association du jardin.",
];
const OTHERS: [&str; 4] = [
    "Café avec les anciens du boulodrome, bonne ambiance.",
    "Aide pour monter une étagère, voisin content.",
    "Distribution du programme de la fête du quartier.",
    "Rencontre avec le facteur, rien de particulier.",
];

/// The reports of a week, as a table of JSON Lines; the other way round if asked.
fn week(days: [&str; 5], prefix: &str, backwards: bool) -> String {
    let notes = COMPOST.iter().chain(&OTHERS);
    let mut lines: Vec<String> = notes
        .enumerate()
        .map(|(n, note)| {
            let at = format!("{}T1{}:00:00+01:00", days[n % 5], n % 10);
            json!({"id": format!("{prefix}-{n}"), "saisi_le": at, "equipe": "Nord",
                "lieu.quartier": "Les Tilleuls", "notes": note})
            .to_string()
        })
        .collect();
    if backwards {
        lines.reverse();
    }
    lines.join("\n")
}

const W46: [&str; 5] = [
    "2026-11-09",
    "2026-11-10",
    "2026-11-11",
    "2026-11-12",
    "2026-11-13",
];
const W47: [&str; 5] = [
    "2026-11-16",
    "2026-11-17",
    "2026-11-18",
    "2026-11-19",
    "2026-11-20",
];
const W48: [&str; 5] = [
    "2026-11-23",
    "2026-11-24",
    "2026-11-25",
    "2026-11-26",
    "2026-11-27",
];

const W49: [&str; 5] = [
    "2026-11-30",
    "2026-12-01",
    "2026-12-02",
    "2026-12-03",
    "2026-12-04",
];

fn take(data: &Data, name: &str, lines: String) {
    let file = data.file(name, lines);
    data.json(&["ingest", "--pipeline", "field-reports", &file]);
}

fn learnt(themes: &Value) -> Vec<&Value> {
    let all = themes["themes"]["themes"].as_array().unwrap();
    all.iter()
        .filter(|t| t["origin"]["from"] == "learnt" && t["ended"].is_null())
        .collect()
}

#[test]
fn a_theme_is_learnt_named_by_a_person_and_known_again() {
    let data = Data::new();
    take(&data, "46.jsonl", week(W46, "A", false));
    take(&data, "47.jsonl", week(W47, "B", false));
    let themes = data.json(&["themes", "--week", "2026-W47"]);
    let found = learnt(&themes);
    let compost = found
        .iter()
        .find(|t| t["members"].as_array().unwrap().len() >= 5)
        .unwrap_or_else(|| panic!("{themes:#}"));
    let id = compost["id"].as_str().unwrap();
    let title = compost["phrases"][0]["text"].as_str().unwrap();
    assert!(title.contains("composteur"), "{title}");
    // It counts and is quoted like a theme of the list.
    let made = data.json(&["synthesise", "--week", "2026-W47"]);
    let sections = made["synthesis"]["themes"].as_array().unwrap();
    let section = sections.iter().find(|s| s["id"] == id).unwrap();
    assert_eq!(section["learnt"], true);
    assert!(
        section["counts"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .as_u64()
            >= Some(3)
    );
    assert!(!section["quotes"].as_array().unwrap().is_empty());

    let by = ["--by", "I. Morel", "--reason", "leur mot"];
    let mut rename = vec![
        "themes", "--week", "2026-W47", "rename", id, "--name", "compost",
    ];
    rename.extend(by);
    data.run(&rename).ended(0).said(&["2026-W48"]);
    // Saying it twice changes nothing, and stops nothing.
    data.run(&rename).ended(0);
    let unknown = [
        "themes",
        "--week",
        "2026-W47",
        "pin",
        "2020-W01.9",
        "--by",
        "I. Morel",
    ];
    data.run(&unknown).ended(1).said(&["2020-W01.9"]);

    take(&data, "48.jsonl", week(W48, "C", false));
    let next = data.json(&["themes", "--week", "2026-W48"]);
    let again = learnt(&next);
    let again = again.iter().find(|t| t["id"] == id).unwrap();
    assert_eq!(again["name"], "compost");
    let page = data.run(&["synthesise", "--week", "2026-W48", "--lang", "fr"]);
    let page: Ran = page.ended(0);
    assert!(
        page.stdout.contains("### compost (thème appris"),
        "{}",
        page.stdout
    );

    // What a person dismisses is heard of no more, from the week after the last that is made.
    let mut dismiss = vec!["themes", "--week", "2026-W47", "dismiss", id];
    dismiss.extend(by);
    data.run(&dismiss).ended(1).said(&["2026-W48"]);
    dismiss[2] = "2026-W48";
    data.run(&dismiss).ended(0);
    take(&data, "49.jsonl", week(W49, "D", false));
    let page = data.run(&["synthesise", "--week", "2026-W49", "--lang", "fr"]);
    assert!(!page.ended(0).stdout.contains("### compost"));
    data.verified();
}

#[test]
fn themes_and_synthesis_are_the_same_bytes_in_another_order_and_on_one_thread() {
    let made = |backwards: bool, threads: &str| {
        let data = Data::new();
        let mut parts = vec![("46.jsonl", week(W46, "A", backwards))];
        parts.push(("47.jsonl", week(W47, "B", backwards)));
        if backwards {
            parts.reverse();
        }
        for (name, lines) in parts {
            take(&data, name, lines);
        }
        let run = |args: &[&str]| {
            let mut command = data.command(args);
            command.env("RAYON_NUM_THREADS", threads);
            Ran::of(command).ended(0).stdout
        };
        (
            run(&["--json", "themes", "--week", "2026-W47"]),
            run(&["--json", "synthesise", "--week", "2026-W47"]),
        )
    };
    assert_eq!(made(false, "2"), made(true, "1"));
}

//! The reports of the invented town of Valmont-sur-Orve (`fixtures/field-reports`): what was
//! planted there is found, and what was not planted is not cried about.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod field;

use std::collections::BTreeSet;

use domain::report::Urgency;
use domain::sentence::Query;
use domain::synthesis::Trend;
use domain::time::Zone;
use domain::{AlertKind, AlertSet, DocumentId, FieldReport, Lang, Sentence, Synthesis, Timestamp};
use insight::{AlertSettings, Corpus, Entry, SynthesisSettings};
use serde_json::Value;

#[derive(serde::Deserialize)]
struct Tables {
    synthesise: SynthesisSettings,
    alert: AlertSettings,
}

fn tables() -> Tables {
    let file: toml::Table =
        toml::from_str(include_str!("../../../pipelines/field-reports.toml")).unwrap();
    let settings = |name: &str| file["reconcile"][name]["settings"].clone();
    let mut tables = toml::Table::new();
    tables.insert("synthesise".to_owned(), settings("synthesise"));
    tables.insert("alert".to_owned(), settings("alert"));
    tables.try_into().unwrap()
}

const REPORTS: &str = include_str!("../../../fixtures/field-reports/reports.jsonl");
const EXPECTED: &str = include_str!("../../../fixtures/field-reports/expected.json");

/// One row, as extraction and the manifest read it: received the day it was entered.
fn entry(n: usize, row: &Value) -> Entry {
    let text = |name: &str| row[name].as_str().map(str::to_owned);
    let mut entry = field::entry(0, "2026-01-01T00:00:00Z", "", "", &[], "");
    let mut bytes = [0; 16];
    bytes[14..].copy_from_slice(&(n as u16).to_be_bytes());
    entry.document = DocumentId::from_bytes(bytes);
    let entered = format!("{}T20:00", text("saisi_le").unwrap());
    entry.received_at = Timestamp::parse_in(&entered, &Zone::paris()).unwrap();
    entry.text = text("notes").unwrap_or_default();
    let mut themes: Vec<String> = Vec::new();
    for list in ["thematiques", "tags"] {
        for tag in row[list].as_array().unwrap() {
            themes.push(tag.as_str().unwrap().to_owned());
        }
    }
    entry.report = FieldReport {
        id: text("id"),
        date: text("date"),
        team: text("equipe"),
        place: row["lieu"]["quartier"].as_str().map(str::to_owned),
        urgency: match row["urgence"].as_str().unwrap() {
            "immediat" => Urgency::Immediate,
            "a_voir" => Urgency::ToSee,
            _ => Urgency::No,
        },
        follows: text("suite_de"),
        themes,
        ..FieldReport::default()
    };
    entry
}

fn corpus(week: &str) -> Corpus {
    let entries = REPORTS
        .lines()
        .enumerate()
        .map(|(n, line)| entry(n, &serde_json::from_str(line).unwrap()))
        .collect();
    field::corpus_of(week.parse().unwrap(), entries)
}

/// The names of the reports that a query counts, over all weeks.
fn counted(query: &str) -> BTreeSet<String> {
    let tables = tables();
    let query = Query {
        name: query.to_owned(),
        parameters: Default::default(),
    };
    WEEKS
        .iter()
        .flat_map(|week| {
            insight::answer(&query, &corpus(week), &tables.synthesise)
                .unwrap()
                .1
        })
        .map(name)
        .collect()
}

fn expected() -> Value {
    serde_json::from_str(EXPECTED).unwrap()
}

fn names(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().unwrap().iter();
    items.map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn name(document: DocumentId) -> String {
    let n = u16::from_be_bytes([document.as_bytes()[14], document.as_bytes()[15]]);
    let row: Value = serde_json::from_str(REPORTS.lines().nth(n.into()).unwrap()).unwrap();
    row["id"].as_str().unwrap().to_owned()
}

const WEEKS: &[&str] = &[
    "2026-W42", "2026-W43", "2026-W44", "2026-W45", "2026-W46", "2026-W47", "2026-W48",
];

/// The alerts and the synthesis of a week, verified.
fn written(week: &str) -> (AlertSet, Synthesis) {
    let (tables, corpus) = (tables(), corpus(week));
    let alerts = insight::alerts(&corpus, &tables.synthesise, &tables.alert, &field::id).unwrap();
    let synthesis = insight::synthesise(&corpus, &tables.synthesise, &alerts).unwrap();
    assert_eq!(insight::verify(&synthesis, &corpus, &tables.synthesise), []);
    assert_eq!(
        insight::verify_alerts(&alerts, &corpus, &tables.synthesise),
        []
    );
    (alerts, synthesis)
}

fn about(alerts: &AlertSet, kinds: &[AlertKind]) -> BTreeSet<String> {
    alerts
        .alerts
        .iter()
        .filter(|a| kinds.contains(&a.kind))
        .map(|a| a.about.clone())
        .collect()
}

#[test]
fn routine_and_late_reports_are_those_planted() {
    // "RAS, beaucoup de monde au train mais tranquille": what follows "mais" is read, here for
    // nothing, because elsewhere it is the news.
    let mut routine = names(&expected()["ras"]);
    assert!(routine.remove("R-0355"));
    assert_eq!(counted("nothing-to-report"), routine);
    assert_eq!(counted("late"), names(&expected()["late"]));
}

#[test]
fn the_urgent_reports_and_only_they_are_urgent() {
    let urgent: BTreeSet<String> = WEEKS
        .iter()
        .flat_map(|week| {
            about(
                &written(week).0,
                &[AlertKind::ChildInDanger, AlertKind::Urgent],
            )
        })
        .collect();
    assert_eq!(urgent, names(&expected()["urgent"]));
}

#[test]
fn the_rise_and_the_new_theme_are_seen_when_they_come_and_not_before() {
    for week in WEEKS {
        let (alerts, synthesis) = written(week);
        let (rising, new) = match *week {
            "2026-W47" => (vec!["éclairage"], vec!["démarchage à domicile"]),
            _ => (vec![], vec![]),
        };
        let of = |kind| about(&alerts, &[kind]).into_iter().collect::<Vec<_>>();
        assert_eq!(of(AlertKind::Rising), rising, "{week}");
        assert_eq!(of(AlertKind::NewTheme), new, "{week}");
        for theme in &synthesis.themes {
            assert_eq!(
                theme.trend == Trend::Rising,
                rising.contains(&theme.theme.as_str()),
                "{week} {}",
                theme.theme
            );
        }
    }
    // The reports of both are those planted.
    let (alerts, synthesis) = written("2026-W47");
    let expected = expected();
    let rise = synthesis.themes.iter().find(|t| t.theme == "éclairage");
    assert_eq!(rise.unwrap().counts, [1, 1, 2, 3, 4, 7]);
    for (kind, planted) in [
        (AlertKind::Rising, "rising_theme"),
        (AlertKind::NewTheme, "new_theme"),
    ] {
        let alert = alerts.alerts.iter().find(|a| a.kind == kind).unwrap();
        let Sentence::Counted(statement) = &alert.statement else {
            panic!("an alert's statement is counted");
        };
        let documents = statement.documents().iter().copied().map(name);
        assert_eq!(
            documents.collect::<BTreeSet<_>>(),
            names(&expected[planted]["by_week"]["2026-W47"])
        );
    }
}

#[test]
fn the_silent_team_is_named() {
    for week in &WEEKS[..6] {
        let (_, synthesis) = written(week);
        let silent: Vec<String> = synthesis
            .missing
            .iter()
            .map(|s| s.text(Lang::Fr))
            .filter(|s| s.contains("n’a rien transmis"))
            .collect();
        let planted: Vec<String> = expected()["silent"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|pair| pair[0] == **week)
            .map(|pair| {
                let team = pair[1].as_str().unwrap();
                format!("L’équipe {team} n’a rien transmis cette semaine.")
            })
            .collect();
        assert_eq!(silent, planted, "{week}");
    }
}

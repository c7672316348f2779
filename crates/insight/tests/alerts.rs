//! What is an alert and what is not, case by case.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod field;

use domain::catalogue::Said;
use domain::report::Urgency;
use domain::{AlertKind, Lang, Sentence};
use insight::{AlertSettings, Entry};

/// The alerts of `entries` in week 47: kind, subject and place, and the first quote.
fn said(entries: Vec<Entry>, settings: &AlertSettings) -> Vec<String> {
    let corpus = field::corpus(entries);
    let set = insight::alerts(&corpus, &field::settings(), settings, &field::id).unwrap();
    assert_eq!(
        insight::verify_alerts(&set, &corpus, &field::settings()),
        []
    );
    set.alerts
        .iter()
        .map(|a| {
            let quote = a.evidence.first().map_or("-".into(), |e| e.text(Lang::Fr));
            let place = a.place.as_deref().unwrap_or("-");
            format!("{} | {} | {place} | {quote}", a.kind.say(Lang::Fr), a.about)
        })
        .collect()
}

fn check(notes: &[(&str, &[&str])], expected: &[&str]) {
    let entries = notes
        .iter()
        .enumerate()
        .map(|(i, (note, tags))| {
            let received = format!("2026-11-17T{:02}:00:00Z", 8 + i);
            field::entry(i as u8 + 1, &received, "Nord", "Gare", tags, note)
        })
        .collect();
    assert_eq!(said(entries, &field::alert_settings()), expected);
}

#[test]
fn words_raise_an_alert_unless_denied() {
    check(
        &[("Odeur de gaz cage C.", &[])],
        &["urgent | R-0001 | Gare | « Odeur de gaz cage C. »"],
    );
    check(&[("Pas d’odeur de gaz.", &[])], &[]);
    check(&[("Contrôle sans arme ni tension.", &[])], &[]);
    // Denied once, said once.
    check(
        &[("Pas de gaz hier. Gaz ce matin.", &[])],
        &["urgent | R-0001 | Gare | « Gaz ce matin. »"],
    );
    // A report that says it is routine is read all the same.
    check(
        &[("RAS. Odeur de gaz.", &[])],
        &["urgent | R-0001 | Gare | « Odeur de gaz. »"],
    );
    check(&[("Tonte du gazon, armature posée.", &[])], &[]);
}

#[test]
fn a_child_is_never_denied_from_afar() {
    check(
        &[("Sans nouvelles depuis, maltraitance évoquée.", &[])],
        &["enfant en danger | R-0001 | Gare | « Sans nouvelles depuis, maltraitance évoquée. »"],
    );
    check(
        &[(
            "Aucun signe visible de maltraitance mais peur du père.",
            &[],
        )],
        &[
            "enfant en danger | R-0001 | Gare | « Aucun signe visible de maltraitance mais peur du père. »",
        ],
    );
    check(&[("Pas de maltraitance.", &[])], &[]);
    check(
        &[("", &["maltraitance"])],
        &["enfant en danger | R-0001 | Gare | -"],
    );
}

#[test]
fn a_report_without_a_note_is_an_alert_by_what_it_declares() {
    check(
        &[("", &["violences"])],
        &[
            "urgent | R-0001 | Gare | -",
            "thème surveillé | violences | - | -",
        ],
    );
}

#[test]
fn declared_urgency_comes_first_and_to_see_only_when_asked() {
    let report = |n: u8, hour: u8, urgency, note: &str| {
        let received = format!("2026-11-17T{hour:02}:00:00Z");
        let mut entry = field::entry(n, &received, "Nord", "Gare", &[], note);
        entry.report.urgency = urgency;
        entry
    };
    let entries = vec![
        report(1, 8, Urgency::ToSee, "Vitre cassée."),
        report(2, 9, Urgency::No, "Suicide évoqué."),
        report(3, 10, Urgency::Immediate, "Rappeler."),
    ];
    let first = [
        "urgent | R-0003 | Gare | « Rappeler. »",
        "urgent | R-0002 | Gare | « Suicide évoqué. »",
    ];
    let mut settings = field::alert_settings();
    assert_eq!(said(entries.clone(), &settings), first);
    settings.declared = vec![Urgency::Immediate, Urgency::ToSee];
    let mut all = first.to_vec();
    all.push("urgent | R-0001 | Gare | « Vitre cassée. »");
    assert_eq!(said(entries, &settings), all);
}

#[test]
fn mentions_repeat_at_one_place_within_the_days_and_once_in_the_week() {
    let rows = |days: &[&str]| -> Vec<Entry> {
        days.iter()
            .enumerate()
            .map(|(i, day)| {
                let place = if i % 2 == 0 {
                    "Les Tilleuls"
                } else {
                    "les tilleuls"
                };
                let received = format!("{day}T10:00:00Z");
                field::entry(i as u8 + 1, &received, "Nord", place, &[], "Lampadaire HS.")
            })
            .collect()
    };
    let count = |days: &[&str]| {
        said(rows(days), &field::alert_settings())
            .iter()
            .filter(|a| a.starts_with("mentions répétées"))
            .count()
    };
    assert_eq!(count(&["2026-11-05", "2026-11-10", "2026-11-17"]), 1);
    // The first is fifteen days old.
    assert_eq!(count(&["2026-11-02", "2026-11-10", "2026-11-17"]), 0);
    // Three, but none in the week.
    assert_eq!(count(&["2026-11-05", "2026-11-10", "2026-11-13"]), 0);
    let set = insight::alerts(
        &field::corpus(rows(&[
            "2026-11-16",
            "2026-11-17",
            "2026-11-18",
            "2026-11-19",
        ])),
        &field::settings(),
        &field::alert_settings(),
        &field::id,
    )
    .unwrap();
    let repeated: Vec<_> = set
        .alerts
        .iter()
        .filter(|a| a.kind == AlertKind::RepeatedMentions)
        .collect();
    assert_eq!(repeated.len(), 1);
    assert_eq!(
        repeated[0].statement.text(Lang::Fr),
        "« éclairage » : 4 mentions en 14 jours (lieu : les tilleuls)."
    );
    assert_eq!(repeated[0].since.to_string(), "2026-11-16T10:00:00Z");
}

#[test]
fn names_found_by_a_word_stay_hidden() {
    let entry = field::entry(
        1,
        "2026-11-17T10:00:00Z",
        "",
        "",
        &[],
        "Vu {M. Armel}, gaz.",
    );
    let corpus = field::corpus(vec![entry]);
    let set = insight::alerts(
        &corpus,
        &field::settings(),
        &field::alert_settings(),
        &field::id,
    )
    .unwrap();
    assert_eq!(
        set.alerts[0].statement.text(Lang::Fr),
        "Remontée R-0001 (—, —) contient : [nom], gaz."
    );
    assert!(!serde_json::to_string(&set).unwrap().contains("Armel"));
}

#[test]
fn two_reports_of_one_name_are_two_alerts() {
    let mut entries = vec![
        field::entry(
            1,
            "2026-11-17T10:00:00Z",
            "Nord",
            "Gare",
            &[],
            "Fuite de gaz.",
        ),
        field::entry(2, "2026-11-17T11:00:00Z", "Nord", "Gare", &[], "Arme vue."),
    ];
    entries[1].report.id = entries[0].report.id.clone();
    let said = said(entries, &field::alert_settings());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("R-0001 (doc_0101010101)"), "{said:?}");
}

#[test]
fn alerts_keep_their_names_when_a_late_report_comes_in() {
    let ids = |entries: Vec<Entry>| -> Vec<_> {
        let corpus = field::corpus(entries);
        let (set, _) = field::written(&corpus);
        set.alerts.iter().map(|a| a.id).collect()
    };
    let before = ids(field::entries());
    let mut more = field::entries();
    more.push(field::entry(
        99,
        "2026-11-19T12:00:00Z",
        "Nord",
        "Les Tilleuls",
        &[],
        "Lampadaires toujours HS ce soir.",
    ));
    let after = ids(more);
    assert_eq!(before, after);
}

#[test]
fn every_alert_says_what_it_rests_on() {
    let corpus = field::corpus(field::entries());
    let (set, _) = field::written(&corpus);
    for alert in &set.alerts {
        assert!(alert.basis.len() > 40, "{}", alert.basis);
        assert!(matches!(alert.statement, Sentence::Counted(_)));
        assert!(alert.recipient.is_some());
    }
}

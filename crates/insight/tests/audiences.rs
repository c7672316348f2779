//! What each audience of a synthesis may read, and that the verifier finds what it may not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod field;

use domain::audience::{Clue, ClueKind};
use domain::{Audience, DocumentId, Sentence, Synthesis};
use insight::{AlertSettings, Cause, Corpus, Entry, SynthesisSettings, Theme};

const DESCRIBING: &str = "Veuve de 84 ans au premier, musique sous sa fenêtre tous les soirs.";

fn entries() -> Vec<Entry> {
    let rows = [
        (1, "Les Tilleuls", "Éclairage HS au parking."),
        (2, "les tilleuls", "Encore un lampadaire cassé côté école."),
        (
            3,
            "Les Tilleuls",
            "Éclairage en panne, les parents se plaignent.",
        ),
        (4, "Gare", "Éclairage faible sur le quai."),
        (5, "Gare", DESCRIBING),
        (
            6,
            "Gare",
            "Un habitant propose un jardin partagé derrière la poste.",
        ),
    ];
    rows.into_iter()
        .map(|(n, place, note)| {
            let mut entry = field::entry(n, "2026-11-18T10:00:00Z", "Nord", place, &[], note);
            for (words, kind) in [("Veuve", ClueKind::Family), ("84 ans", ClueKind::Age)] {
                entry.clues.extend(note.find(words).map(|start| Clue {
                    start: start as u32,
                    end: (start + words.len()) as u32,
                    kind,
                }));
            }
            entry
        })
        .collect()
}

fn settings() -> SynthesisSettings {
    let theme = |name: &str, words: &[&str]| Theme {
        name: name.to_owned(),
        words: words.iter().map(|w| (*w).to_owned()).collect(),
        ..Theme::default()
    };
    SynthesisSettings {
        themes: vec![
            theme("éclairage", &["éclairage*", "lampadaire*"]),
            theme("bruit", &["musique"]),
        ],
        ..SynthesisSettings::default()
    }
}

fn made(audience: Audience) -> (Synthesis, Corpus) {
    let corpus = field::corpus(entries()).for_audience(audience, 1);
    let plain = field::corpus(entries());
    let alerting = AlertSettings {
        urgent_words: vec!["quai".to_owned()],
        ..AlertSettings::default()
    };
    let alerts = insight::alerts(&plain, &settings(), &alerting, &field::id).unwrap();
    assert!(!alerts.alerts.is_empty());
    let synthesis = insight::synthesise(&corpus, &settings(), &alerts).unwrap();
    let findings = insight::verify(&synthesis, &corpus, &settings());
    assert!(findings.is_empty(), "{audience:?}: {findings:?}");
    (synthesis, corpus)
}

fn quoted(synthesis: &Synthesis) -> Vec<DocumentId> {
    let quotes = synthesis.sentences().filter_map(|s| match s {
        Sentence::Quote(evidence) => Some(evidence.document),
        Sentence::Counted(_) => None,
    });
    quotes.collect()
}

fn said(synthesis: &Synthesis) -> String {
    let all: Vec<String> = synthesis
        .sentences()
        .map(|s| s.text(domain::Lang::Fr))
        .collect();
    all.join("\n")
}

fn causes(synthesis: &Synthesis, corpus: &Corpus) -> Vec<Cause> {
    insight::verify(synthesis, corpus, &settings())
        .into_iter()
        .map(|finding| finding.cause)
        .collect()
}

#[test]
fn the_team_reads_everything() {
    let (synthesis, _) = made(Audience::Team);
    assert!(quoted(&synthesis).contains(&field::document(5)));
    assert!(quoted(&synthesis).contains(&field::document(6)));
    assert!(!synthesis.alerts.is_empty());
    assert!(!said(&synthesis).contains("désigner quelqu’un"));
}

#[test]
fn who_is_described_is_not_quoted_to_hierarchy_and_that_is_said() {
    let (synthesis, corpus) = made(Audience::Hierarchy);
    assert!(!quoted(&synthesis).contains(&field::document(5)));
    assert!(quoted(&synthesis).contains(&field::document(6)));
    assert!(!synthesis.alerts.is_empty());
    let said = said(&synthesis);
    assert!(
        said.contains("1 phrase n’est pas citée : elle pourrait désigner"),
        "{said}"
    );
    // Put back, it is found.
    let (team, _) = made(Audience::Team);
    let theme = |s: &Synthesis| s.themes.iter().position(|t| t.theme == "bruit").unwrap();
    let mut tampered = synthesis.clone();
    let at = theme(&tampered);
    tampered.themes[at].quotes = team.themes[theme(&team)].quotes.clone();
    assert_eq!(causes(&tampered, &corpus), [Cause::Describes(2)]);
    // A version is verified as what it says it is.
    tampered.audience = Audience::Team;
    assert_eq!(causes(&tampered, &corpus), [Cause::OtherAudience]);
}

#[test]
fn partners_read_no_small_cell_and_no_alert() {
    let (synthesis, corpus) = made(Audience::Partners);
    let of_tilleuls = [1, 2, 3].map(field::document);
    let quoted = quoted(&synthesis);
    assert!(!quoted.is_empty() && quoted.iter().all(|d| of_tilleuls.contains(d)));
    assert!(synthesis.alerts.is_empty());
    let text = said(&synthesis);
    for sentence in [
        "« éclairage » : 4 remontées",
        "« bruit » : moins de 3 remontées.",
        "2 remontées ne sont pas citées : moins de 3 sur le même thème au même lieu.",
        "Les alertes ne figurent pas dans cette version",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
    assert!(!text.contains("« bruit » : 1"), "{text}");

    let (team, _) = made(Audience::Team);
    let theme = |s: &Synthesis, name: &str| s.themes.iter().position(|t| t.theme == name).unwrap();
    // The count, the weeks, a quote of a small cell, an alert: each is found.
    let mut tampered = synthesis.clone();
    let (at, of) = (theme(&tampered, "bruit"), theme(&team, "bruit"));
    tampered.themes[at].figures = vec![team.themes[of].figures[0].clone()];
    assert_eq!(causes(&tampered, &corpus), [Cause::SmallCell(3)]);
    let mut tampered = synthesis.clone();
    tampered.themes[at].counts = vec![1];
    assert_eq!(causes(&tampered, &corpus), [Cause::Counts(Vec::new())]);
    let mut tampered = synthesis.clone();
    let at = theme(&tampered, "éclairage");
    let quai = team.themes[theme(&team, "éclairage")]
        .quotes
        .iter()
        .find(|q| matches!(q, Sentence::Quote(e) if e.document == field::document(4)));
    tampered.themes[at].quotes = vec![quai.unwrap().clone()];
    assert_eq!(
        causes(&tampered, &corpus),
        [Cause::OtherDocument(field::document(4))]
    );
    let mut tampered = synthesis.clone();
    tampered.alerts = team.alerts.clone();
    assert_eq!(causes(&tampered, &corpus), [Cause::Alerts]);
}

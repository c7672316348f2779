//! The page of one Monday, whole, in both languages: what a change of wording, choice or count
//! changes is seen in one screen. `UPDATE_EXPECT=1` writes it again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod field;

use domain::Lang;
use expect_test::expect_file;

#[test]
fn the_page_of_one_monday() {
    let corpus = field::corpus(field::entries());
    let (alerts, synthesis) = field::written(&corpus);
    let page = |lang| insight::markdown(&synthesis, &alerts, &field::name, lang);
    expect_file!["monday.fr.md"].assert_eq(&page(Lang::Fr));
    expect_file!["monday.en.md"].assert_eq(&page(Lang::En));
    assert_eq!(insight::verify(&synthesis, &corpus, &field::settings()), []);
    assert_eq!(
        insight::verify_alerts(&alerts, &corpus, &field::settings()),
        []
    );
}

#[test]
fn a_week_without_reports_is_said_as_such() {
    let corpus = field::corpus_of("2026-W50".parse().unwrap(), field::entries());
    let (alerts, synthesis) = field::written(&corpus);
    assert!(alerts.alerts.is_empty() && synthesis.themes.is_empty());
    let page = insight::markdown(&synthesis, &alerts, &field::name, Lang::Fr);
    assert!(page.contains("0 remontée reçue de 0 équipe"), "{page}");
    assert!(page.contains("L’équipe Centre n’a rien transmis"), "{page}");
    let empty = field::corpus(vec![]);
    let (alerts, synthesis) = field::written(&empty);
    assert_eq!(synthesis.headline.len(), 1);
    assert_eq!(insight::verify(&synthesis, &empty, &field::settings()), []);
    assert!(alerts.alerts.is_empty());
}

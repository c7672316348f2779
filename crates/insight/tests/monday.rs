//! The page of one Monday, whole, in both languages: what a change of wording, choice or count
//! changes is seen in one screen. `UPDATE_EXPECT=1` writes it again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod field;

use domain::Lang;
use expect_test::expect_file;
use insight::page::{Block, Line, Page};

#[test]
fn the_page_of_one_monday() {
    let corpus = field::corpus(field::entries());
    let (alerts, synthesis) = field::written(&corpus);
    let page = |lang| insight::markdown(&Page::whole(&synthesis, &alerts, &field::name, lang));
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
    let page = insight::markdown(&Page::whole(&synthesis, &alerts, &field::name, Lang::Fr));
    assert!(page.contains("0 remontée reçue de 0 équipe"), "{page}");
    assert!(page.contains("L’équipe Centre n’a rien transmis"), "{page}");
    let empty = field::corpus(vec![]);
    let (alerts, synthesis) = field::written(&empty);
    assert_eq!(synthesis.headline.len(), 1);
    assert_eq!(insight::verify(&synthesis, &empty, &field::settings()), []);
    assert!(alerts.alerts.is_empty());
}

#[test]
fn a_briefing_says_nothing_that_the_synthesis_does_not() {
    let corpus = field::corpus(field::entries());
    let (alerts, synthesis) = field::written(&corpus);
    for lang in [Lang::Fr, Lang::En] {
        let whole = Page::whole(&synthesis, &alerts, &field::name, lang);
        let briefing = Page::briefing(&synthesis, &alerts, &field::name, lang);
        let said = lines(&whole);
        for line in lines(&briefing) {
            assert!(said.contains(&line), "{line:?}");
        }
        assert!(lines(&briefing).len() < said.len() / 2);
    }
    let briefing = Page::briefing(&synthesis, &alerts, &field::name, Lang::Fr);
    expect_file!["briefing.fr.md"].assert_eq(&insight::markdown(&briefing));
}

#[test]
fn a_text_document_is_the_same_bytes_and_holds_what_the_page_says() {
    let corpus = field::corpus(field::entries());
    let (alerts, synthesis) = field::written(&corpus);
    let page = Page::whole(&synthesis, &alerts, &field::name, Lang::Fr);
    let bytes = insight::odt(&page).unwrap();
    assert_eq!(bytes, insight::odt(&page).unwrap());
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let first = archive.by_index(0).unwrap();
    assert_eq!(first.name().unwrap(), "mimetype");
    assert_eq!(first.compression(), zip::CompressionMethod::Stored);
    drop(first);
    let mut content = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("content.xml").unwrap(), &mut content)
        .unwrap();
    for line in lines(&page) {
        let shown = line.replace('&', "&amp;").replace('"', "&quot;");
        assert!(content.contains(&shown), "{line}");
    }
}

#[test]
fn two_weeks_side_by_side_differ_by_what_each_says() {
    let now = field::written(&field::corpus(field::entries())).1;
    let then = field::written(&field::corpus_of(
        "2026-W46".parse().unwrap(),
        field::entries(),
    ))
    .1;
    let page = Page::beside(&then, &now, &field::name, Lang::Fr);
    expect_file!["beside.fr.md"].assert_eq(&insight::markdown(&page));
}

#[test]
fn several_weeks_are_told_as_each_said_itself() {
    let weeks: Vec<_> = ["2026-W45", "2026-W46", "2026-W47"]
        .iter()
        .map(|week| {
            let corpus = field::corpus_of(week.parse().unwrap(), field::entries());
            let (alerts, synthesis) = field::written(&corpus);
            (synthesis, alerts)
        })
        .collect();
    let page = Page::over(&weeks, &field::name, Lang::Fr).unwrap();
    expect_file!["over.fr.md"].assert_eq(&insight::markdown(&page));
    assert_eq!(Page::over(&[], &field::name, Lang::Fr), None);
}

#[test]
fn a_later_edition_says_first_what_changes() {
    let mut early = field::entries();
    let late = early.pop().unwrap();
    let late_is_current = field::corpus(vec![late]).documents().count() == 1;
    assert!(late_is_current, "the last entry is of the period");
    let (_, first) = field::written(&field::corpus(early));
    let (alerts, second) = field::written(&field::corpus(field::entries()));
    let mut page = Page::whole(&second, &alerts, &field::name, Lang::Fr);
    page.say_changes(1, &first, &second, &alerts);
    expect_file!["edition-2.fr.md"]
        .assert_eq(insight::markdown(&page).split("## Alertes").next().unwrap());
    let mut same = Page::whole(&second, &alerts, &field::name, Lang::Fr);
    same.say_changes(1, &second, &second, &alerts);
    assert!(matches!(same.sections[0].blocks[..], [Block::Nothing(_)]));
}

/// Every figure and quote of a page.
fn lines(page: &Page) -> Vec<String> {
    let text = |line: &Line| match line {
        Line::Figure(text) => text.clone(),
        Line::Quote(quote) => quote.text.clone(),
    };
    let mut out = Vec::new();
    for block in page.sections.iter().flat_map(|s| &s.blocks) {
        match block {
            Block::Nothing(_) | Block::Table(_) => {}
            Block::Alert(alert) => {
                out.push(alert.statement.clone());
                out.extend(alert.evidence.iter().map(text));
            }
            Block::Theme(theme) => {
                out.extend(theme.figures.iter().chain(&theme.quotes).map(text));
            }
            Block::Brief { lines, .. } => {
                out.extend(lines.iter().flat_map(|brief| &brief.lines).map(text));
            }
            Block::List(lines) => out.extend(lines.iter().map(text)),
        }
    }
    out
}

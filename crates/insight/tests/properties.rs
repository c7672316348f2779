//! What must hold of any corpus: the order of entries changes nothing, everything written is
//! verified, and whatever is tampered with is found.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod field;

use domain::synthesis::Trend;
use domain::{AlertSet, Sentence, Synthesis};
use insight::{Cause, Entry};
use proptest::prelude::*;
use serde_json::Value;

const PIECES: &[&str] = &[
    "Éclairage HS au parking.",
    "RAS",
    "Musique tard, {Mme Perrin} n’ose plus sortir.",
    "Rodéos devant l’école. Parents inquiets",
    "odeur de gaz",
    "pas d’odeur de gaz, sans arme",
    "Vu M. {Durand}. Perm. 4 pers.",
    "petite dit que son père la frappe",
    "",
    "\n- ",
    "… ! ?",
    "{Roux}",
];

prop_compose! {
    fn any_entry()(
        day in 0i64..50,
        hour in 0i64..24,
        team in prop::sample::select(vec!["", "Nord", "Sud", "nord", "Est"]),
        place in prop::sample::select(vec!["", "Gare", "Les Tilleuls", "les-tilleuls"]),
        tags in prop::collection::vec(
            prop::sample::select(vec!["éclairage", "Eclairage", "jardin", "Jardin", "violences", "autre"]), 0..3),
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..4),
        vectors in prop::collection::vec(-1.0f32..1.0, 0..5),
        urgent in 0u8..12,
        follows in any::<bool>(),
    ) -> Entry {
        let note = pieces.join(" ");
        let mut entry = field::entry(0, "2026-10-05T00:00:00Z", team, place, &tags, &note);
        entry.received_at = entry.received_at.plus_micros((day * 24 + hour) * 3_600_000_000);
        entry.report.urgency = match urgent {
            0 => domain::report::Urgency::Immediate,
            1 => domain::report::Urgency::ToSee,
            _ => domain::report::Urgency::No,
        };
        entry.report.follows = follows.then(|| "R-0001".to_owned());
        let half = entry.text.floor_char_boundary(entry.text.len() / 2) as u32;
        entry.passages = vec![
            (domain::Span::new(0, half), vectors.clone()),
            (domain::Span::new(half, entry.text.len() as u32), vectors),
        ];
        entry
    }
}

/// Entries with distinct documents.
fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(any_entry(), 0..40).prop_map(|mut entries| {
        for (n, entry) in entries.iter_mut().enumerate() {
            entry.document = field::document(n as u8);
            entry.report.id = Some(format!("R-{n:04}"));
        }
        entries
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_changes_nothing_and_everything_written_verifies(
        (entries, shuffled) in any_entries().prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle())),
    ) {
        let corpus = field::corpus(entries);
        let (alerts, synthesis) = field::written(&corpus);
        prop_assert_eq!(&(alerts.clone(), synthesis.clone()), &field::written(&field::corpus(shuffled)));

        let settings = field::settings();
        prop_assert_eq!(insight::verify(&synthesis, &corpus, &settings), []);
        prop_assert_eq!(insight::verify_alerts(&alerts, &corpus, &settings), []);

        // What leaves the process comes back the same, and says no name.
        let json = serde_json::to_string(&(&synthesis, &alerts)).unwrap();
        for name in ["Perrin", "Durand", "Roux"] {
            prop_assert!(!json.contains(name));
        }
        let back: (Synthesis, AlertSet) = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(back, (synthesis.clone(), alerts.clone()));

        let ids: std::collections::BTreeSet<_> = alerts.alerts.iter().map(|a| a.id).collect();
        prop_assert_eq!(ids.len(), alerts.alerts.len());
        let page = insight::markdown(&insight::Page::whole(&synthesis, &alerts, &field::name, domain::Lang::Fr));
        prop_assert!(!page.contains("Perrin"));
        for section in &synthesis.themes {
            let mut documents: Vec<_> = section.quotes.iter().filter_map(|s| match s {
                Sentence::Quote(e) => Some(e.document),
                Sentence::Counted(_) => None,
            }).collect();
            prop_assert!(documents.len() <= 4);
            documents.sort();
            documents.dedup();
            prop_assert_eq!(documents.len(), section.quotes.len(), "one quote a report");
        }
    }

    #[test]
    fn any_number_changed_in_any_figure_is_found(at in any::<prop::sample::Index>(), by in 1i64..9) {
        let (synthesis, check) = written();
        let mut json = serde_json::to_value(&synthesis).unwrap();
        let mut numbers = Vec::new();
        paths(&json, String::new(), &mut numbers, &|path, v| {
            v.is_i64() && !path.contains("/quote/") && !path.contains("/masks/")
        });
        let path = &numbers[at.index(numbers.len())];
        let value = json.pointer_mut(path).unwrap();
        *value = Value::from(value.as_i64().unwrap() + by);
        let tampered: Synthesis = serde_json::from_value(json).unwrap();
        prop_assert!(!check(&tampered).is_empty(), "{path}");
    }

    #[test]
    fn any_letter_changed_in_any_quote_is_found(at in any::<prop::sample::Index>(), letter in any::<prop::sample::Index>()) {
        let (synthesis, check) = written();
        let mut json = serde_json::to_value(&synthesis).unwrap();
        let mut texts = Vec::new();
        paths(&json, String::new(), &mut texts, &|path, v| v.is_string() && path.ends_with("/quote/text"));
        let path = &texts[at.index(texts.len())];
        let value = json.pointer_mut(path).unwrap();
        let mut chars: Vec<char> = value.as_str().unwrap().chars().collect();
        let i = letter.index(chars.len());
        chars[i] = if chars[i] == 'x' { 'y' } else { 'x' };
        *value = Value::from(chars.into_iter().collect::<String>());
        let tampered: Synthesis = serde_json::from_value(json).unwrap();
        prop_assert!(!check(&tampered).is_empty(), "{path}");
    }
}

/// A synthesis and what verifies it.
fn written() -> (Synthesis, impl Fn(&Synthesis) -> Vec<insight::Finding>) {
    let corpus = field::corpus(field::entries());
    let (_, synthesis) = field::written(&corpus);
    (synthesis, move |s: &Synthesis| {
        insight::verify(s, &corpus, &field::settings())
    })
}

fn paths(value: &Value, at: String, out: &mut Vec<String>, accept: &dyn Fn(&str, &Value) -> bool) {
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                paths(item, format!("{at}/{i}"), out, accept);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                paths(field, format!("{at}/{name}"), out, accept);
            }
        }
        leaf if accept(&at, leaf) => out.push(at),
        _ => {}
    }
}

#[test]
fn a_mask_taken_away_a_borrowed_quote_and_a_false_trend_are_found() {
    let (synthesis, check) = written();
    let causes = |s: &Synthesis| -> Vec<Cause> { check(s).into_iter().map(|f| f.cause).collect() };

    let mut bare = synthesis.clone();
    let quote = bare
        .themes
        .iter_mut()
        .flat_map(|t| &mut t.quotes)
        .find_map(|s| match s {
            Sentence::Quote(e) if !e.masks.is_empty() => Some(e),
            _ => None,
        })
        .unwrap();
    let entry = field::entries()
        .into_iter()
        .find(|e| e.document == quote.document)
        .unwrap();
    quote.masks.clear();
    quote.text = quote.span().of(&entry.text).unwrap().to_owned();
    assert_eq!(causes(&bare), [Cause::Masks]);

    let mut borrowed = synthesis.clone();
    let other = borrowed.themes[1].quotes[0].clone();
    borrowed.themes[0].quotes[0] = other;
    assert!(matches!(causes(&borrowed)[..], [Cause::OtherDocument(_)]));

    let mut figure = synthesis.clone();
    figure.themes[0].figures[0] = figure.themes[1].figures[0].clone();
    assert_eq!(causes(&figure), [Cause::OtherTheme]);

    let mut trend = synthesis.clone();
    trend.themes[0].trend = Trend::Steady;
    assert_eq!(causes(&trend), [Cause::Trend(Trend::Rising)]);

    // A true figure said in another sentence with the same hole.
    let mut json = serde_json::to_value(&synthesis).unwrap();
    json["headline"][1]["counted"]["template"] = Value::from("late");
    let other: Synthesis = serde_json::from_value(json).unwrap();
    assert!(matches!(causes(&other)[..], [Cause::OtherQuery { .. }]));

    // A team said to be silent that reported.
    let mut json = serde_json::to_value(&synthesis).unwrap();
    json["missing"][0]["counted"]["query"]["parameters"]["team"] = Value::from("Nord");
    json["missing"][0]["counted"]["values"]["team"] = Value::from("Nord");
    let silent: Synthesis = serde_json::from_value(json).unwrap();
    assert!(matches!(causes(&silent)[..], [Cause::NotSo(_)]));
}

#[test]
fn vectors_choose_quotes_that_differ() {
    // Three notes say the same in other words; the fourth says something else. By their words
    // alone all four differ.
    let notes = [
        ("Lampadaires cassés depuis lundi soir.", [1.0, 0.0]),
        ("Éclairage public hors service.", [1.0, 0.01]),
        ("Le lampadaire du quai clignote encore.", [0.99, 0.02]),
        ("Demande d’un éclairage devant l’école.", [0.0, 1.0]),
    ];
    let entries: Vec<Entry> = notes
        .iter()
        .enumerate()
        .map(|(i, (note, vector))| {
            let received = format!("2026-11-17T{:02}:00:00Z", 8 + i);
            let mut e = field::entry(i as u8 + 1, &received, "Nord", "Gare", &[], note);
            e.passages = vec![(domain::Span::new(0, e.text.len() as u32), vector.to_vec())];
            e
        })
        .collect();
    let (_, synthesis) = field::written(&field::corpus(entries));
    let quotes: Vec<u8> = synthesis.themes[0]
        .quotes
        .iter()
        .filter_map(|s| match s {
            Sentence::Quote(e) => Some(e.document.as_bytes()[0]),
            Sentence::Counted(_) => None,
        })
        .collect();
    // One of the three, the other; then no more, since the rest says it again.
    assert_eq!(quotes.len(), 2, "{quotes:?}");
    assert!(quotes.contains(&4), "{quotes:?}");
}

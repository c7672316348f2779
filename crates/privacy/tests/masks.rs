//! What is masked in the annotated notes of `fixtures/personal-data`, none of which is about a real
//! person: those that the rules were written with, and those that were held out.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and figures are read"
)]

use std::time::Instant;

use privacy::evaluation::{Annotated, Score, evaluate};

const TUNED: &str = include_str!("../../../fixtures/personal-data/tuned.jsonl");
const HELD_OUT: &str = include_str!("../../../fixtures/personal-data/held-out.jsonl");
const REPORTS: &str = include_str!("../../../fixtures/field-reports/reports.jsonl");

fn notes(lines: &str) -> Vec<Annotated> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn hold(name: &str, lines: &str, recall_min: f64, precision_min: f64) {
    let score: Score = evaluate(&notes(lines));
    let (recall, precision) = (score.all.recall().unwrap(), score.all.precision().unwrap());
    println!(
        "{name}: {} notes, recall {recall:.3}, precision {precision:.3}",
        score.notes
    );
    for (kind, counts) in &score.kinds {
        println!("  {kind}: {counts:?}");
    }
    if name == "tuned" || std::env::var_os("SHOW_HELD_OUT").is_some() {
        println!(
            "missed: {:#?}\nneedless: {:#?}",
            score.missed, score.needless
        );
    }
    assert!(recall >= recall_min, "recall {recall:.3} of {name}");
    assert!(
        precision >= precision_min,
        "precision {precision:.3} of {name}"
    );
}

#[test]
fn notes_the_rules_were_written_with_keep_their_floor() {
    hold("tuned", TUNED, 0.98, 0.97);
}

#[test]
fn notes_held_out_keep_their_floor() {
    hold("held out", HELD_OUT, 0.98, 0.97);
}

#[test]
fn annotations_are_ranges_of_their_notes_in_order() {
    for note in notes(TUNED).into_iter().chain(notes(HELD_OUT)) {
        let mut end = 0;
        for span in &note.spans {
            let part = note.text.get(span.start as usize..span.end as usize);
            assert!(part.is_some_and(|p| !p.trim().is_empty()), "{}", note.id);
            assert!(span.start >= end, "{}", note.id);
            end = span.end;
        }
    }
}

/// Prints how fast notes are read, for `cargo test --release -p privacy -- --nocapture`: a machine that
/// others share promises no speed.
#[test]
fn reads_megabytes_a_second() {
    let text: String = TUNED
        .lines()
        .chain(HELD_OUT.lines())
        .map(|line| serde_json::from_str::<Annotated>(line).unwrap().text + "\n")
        .collect::<String>()
        + REPORTS;
    // Patterns are compiled the first time.
    privacy::identifiers::find("Mme D.");
    let started = Instant::now();
    let found = privacy::identifiers::find(&text).len();
    let seconds = started.elapsed().as_secs_f64();
    let speed = text.len() as f64 / seconds / 1e6;
    println!("{} bytes, {found} found, {speed:.1} MB/s", text.len());
    assert!(found > 200, "{found} found");
}

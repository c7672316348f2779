//! What was read in a document: its text with marks, its fields, and the reasons in it.

use std::collections::BTreeSet;

use domain::text::PAGE_BREAK;
use domain::{ArtifactName, Decision, Field, FieldKind, Kind, Reason, Span, StoredText, SubjectId};
use pipeline::desk::{Desk, Opened};
use pipeline::pipelines::Pipeline;
use pipeline::vault::latest_of;

use super::view::{FieldLine, Fields, MarkedPart, ReasonLine, TextPage, TextView};
use crate::problem::Problem;
use crate::shown::{parts, value};
use crate::visit::Visit;

/// Bytes of text a page shows. The rest is in the text alone.
const TEXT_BYTES_MAX: usize = 300_000;

/// A passage that a quote leads to.
struct Cited {
    version: ArtifactName,
    span: Span,
}

/// What the address asks to see, when it makes sense.
fn cited(visit: &Visit) -> Option<Cited> {
    let version = visit.asked("text")?.parse().ok()?;
    let (from, to) = (
        visit.asked("from")?.parse().ok()?,
        visit.asked("to")?.parse().ok()?,
    );
    Some(Cited {
        version,
        span: Span::new(from, to),
    })
}

/// The text: the latest, with the words of reasons marked, or as it was when it was cited, with
/// the passage cited marked.
pub(super) async fn text(desk: &Desk, opened: &Opened, visit: &Visit) -> Result<TextView, Problem> {
    let w = visit.words();
    let subject = SubjectId::from(opened.row.id);
    let Some(latest) = latest_of(&opened.records, Kind::Text).map(|written| written.name) else {
        return Ok(TextView {
            is_read: false,
            legend: None,
            lang: None,
            pages: Vec::new(),
            is_cut: false,
            whole: String::new(),
        });
    };
    // Only a text that a record of this document wrote: an address opens nothing else.
    let cited = cited(visit).filter(|cited| {
        opened
            .records
            .iter()
            .flat_map(|(r, _)| &r.statement().outputs)
            .any(|named| named.kind == Kind::Text && named.name == cited.version)
    });
    let version = cited.as_ref().map_or(latest, |c| c.version);
    let envelope = desk.vault.envelope(subject).await?;
    let bytes = desk.vault.read(subject, &envelope, version).await?;
    let stored = StoredText::from_bytes(bytes)
        .map_err(|error| Problem::broken("read a stored text", &error))?;
    let cited = cited.filter(|c| c.span.of(&stored).is_some_and(|t| !t.is_empty()));
    let (marks, legend) = match &cited {
        Some(c) if c.version == latest => (vec![c.span], Some(w.text_cited())),
        Some(c) => (vec![c.span], Some(w.text_cited_older())),
        None => {
            let marks = marks(opened.decision.as_ref());
            let legend = (!marks.is_empty()).then(|| w.text_marked());
            (marks, legend)
        }
    };
    let cited = cited.map(|c| c.span);
    let (pages, is_cut) = pages(&stored, &marks, cited);
    Ok(TextView {
        is_read: true,
        legend,
        lang: opened
            .layout
            .as_ref()
            .and_then(|l| l.language.clone())
            .filter(|l| l.len() == 2 && l.bytes().all(|b| b.is_ascii_lowercase())),
        pages,
        is_cut,
        whole: stored.as_str().to_owned(),
    })
}

fn marks(decision: Option<&Decision>) -> Vec<Span> {
    let reasons = decision.map(|d| d.reasons.as_slice()).unwrap_or_default();
    reasons.iter().flat_map(spans).copied().collect()
}

fn spans(reason: &Reason) -> &[Span] {
    match reason {
        Reason::Rule { spans, .. } | Reason::Words { spans, .. } => spans,
        Reason::Meaning { .. } | Reason::Prior { .. } => &[],
    }
}

/// The pages that are shown: from the first on until enough is shown, and those of the passage
/// cited wherever it stands.
fn pages(text: &str, marks: &[Span], cited: Option<Span>) -> (Vec<TextPage>, bool) {
    let mut pages = Vec::new();
    let mut is_cut = false;
    let (mut at, mut shown) = (0_usize, 0_usize);
    for (i, whole) in text.split(PAGE_BREAK).enumerate() {
        let start = at;
        at += whole.len() + PAGE_BREAK.len_utf8();
        let place = Span::new(start as u32, (start + whole.len()) as u32);
        let wanted = cited.is_some_and(|c| c.overlaps(place));
        let room = if wanted {
            whole.len()
        } else {
            TEXT_BYTES_MAX.saturating_sub(shown)
        };
        if room == 0 && !whole.is_empty() {
            is_cut = true;
            continue;
        }
        let end = (0..=room.min(whole.len()))
            .rev()
            .find(|n| whole.is_char_boundary(*n));
        let page = &whole[..end.unwrap_or_default()];
        is_cut |= page.len() < whole.len();
        shown += page.len();
        let parts = parts(page, place.start, marks);
        let mut first = true;
        let parts = parts
            .into_iter()
            .map(|part| {
                let is_first = part.marked && std::mem::take(&mut first);
                // A passage over two pages is led to where it begins.
                let begins = cited.is_some_and(|c| place.start <= c.start);
                MarkedPart {
                    cited: wanted && begins && is_first,
                    part,
                }
            })
            .collect();
        pages.push(TextPage {
            number: i + 1,
            parts,
        });
    }
    (pages, is_cut)
}

/// The reasons in words, each leading to its first mark in the text.
pub(super) fn reasons(
    decision: &Decision,
    pipeline: &Pipeline,
    text: &TextView,
    visit: &Visit,
) -> Vec<ReasonLine> {
    let w = visit.words();
    let marks: Vec<(Span, &str)> = text
        .pages
        .iter()
        .flat_map(|p| &p.parts)
        .filter(|p| p.part.marked)
        .filter_map(|p| {
            let start: u32 = p.part.anchor.strip_prefix('m')?.parse().ok()?;
            Some((
                Span::new(start, start + p.part.text.len() as u32),
                p.part.anchor.as_str(),
            ))
        })
        .collect();
    let anchor = |reason: &Reason| {
        let first = spans(reason).first()?;
        let (_, anchor) = marks.iter().find(|(mark, _)| mark.contains(*first))?;
        Some((*anchor).to_owned())
    };
    let stance = |weight: i64| {
        if weight < 0 {
            w.speaks_against()
        } else {
            w.speaks_for()
        }
    };
    decision
        .reasons
        .iter()
        .map(|reason| {
            let (what, stance) = match reason {
                Reason::Rule {
                    service, matched, ..
                } => (
                    format!(
                        "{} {}{}{}",
                        w.rule_words(),
                        w.quoted(matched),
                        w.colon(),
                        pipeline.service_name(service)
                    ),
                    w.speaks_for(),
                ),
                Reason::Words {
                    spans,
                    weight_thousandths,
                } => {
                    let word = spans.first().and_then(|s| s.of(&text.whole)).unwrap_or("…");
                    (
                        format!("{} {}", w.the_word(), w.quoted(word)),
                        stance(*weight_thousandths),
                    )
                }
                Reason::Meaning { weight_thousandths } => {
                    (w.whole_meaning().to_owned(), stance(*weight_thousandths))
                }
                Reason::Prior { weight_thousandths } => {
                    (w.usual().to_owned(), stance(*weight_thousandths))
                }
            };
            ReasonLine {
                text: what,
                stance,
                anchor: anchor(reason),
            }
        })
        .collect()
}

/// The fields, those with a value apart from those without.
pub(super) fn fields(opened: &Opened, visit: &Visit) -> Fields {
    let mut fields = Fields {
        filled: Vec::new(),
        empty: Vec::new(),
    };
    let read = opened.layout.iter().flat_map(|l| &l.fields);
    let chosen: BTreeSet<&str> = (read.clone())
        .filter(|f| f.kind == FieldKind::Radio && f.value.is_some())
        .map(|f| f.name.as_str())
        .collect();
    // A field shown on every page is one for its reader, and so is a group of buttons.
    let mut seen = BTreeSet::new();
    let is_passed_over = |f: &Field| {
        f.kind == FieldKind::Button
            || f.kind == FieldKind::Radio && f.value.is_none() && chosen.contains(f.name.as_str())
    };
    for field in read.filter(|f| !is_passed_over(f)) {
        if !field.inferred
            && !field.name.is_empty()
            && field.kind != FieldKind::Column
            && !seen.insert((field.name.as_str(), field.value.as_deref()))
        {
            continue;
        }
        let label = field
            .label
            .as_deref()
            .map(str::trim)
            .filter(|l| !l.is_empty());
        let label = label.unwrap_or(&field.name).to_owned();
        match value(field, visit.words()) {
            Some(value) => fields.filled.push(FieldLine {
                label,
                value,
                page: field.page,
                inferred: field.inferred,
            }),
            None => fields.empty.push(label),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, marks: &[(u32, u32)], cited: Option<(u32, u32)>, expected: &str) {
        let marks: Vec<Span> = marks.iter().map(|(a, b)| Span::new(*a, *b)).collect();
        let (pages, is_cut) = pages(text, &marks, cited.map(|(a, b)| Span::new(a, b)));
        let mut shown = String::new();
        for page in pages {
            shown.push_str(&format!("{}:", page.number));
            for MarkedPart { part, cited } in page.parts {
                let mark = if cited { "#" } else { "" };
                let text = if part.text.len() > 20 {
                    "…"
                } else {
                    &part.text
                };
                shown.push_str(&if part.marked {
                    format!("[{mark}{text}]")
                } else {
                    text.to_owned()
                });
            }
            shown.push(' ');
        }
        shown.push_str(if is_cut { "cut" } else { "" });
        assert_eq!(shown.trim_end(), expected);
    }

    #[test]
    fn text_is_shown_page_by_page_with_its_marks() {
        check("un\u{c}deux\u{c}", &[(3, 5)], None, "1:un 2:[de]ux 3:");
        check("un\u{c}deux", &[(1, 5)], Some((1, 5)), "1:u[#n] 2:[de]ux");
    }

    #[test]
    fn a_long_text_is_cut_but_what_is_cited_is_shown() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        check(&long, &[], None, "1:… cut");
        let text = format!("{long}\u{c}a\u{c}bcd");
        let at = text.len() as u32 - 2;
        check(
            &text,
            &[(at, at + 1)],
            Some((at, at + 1)),
            "1:… 3:b[#c]d cut",
        );
    }
}

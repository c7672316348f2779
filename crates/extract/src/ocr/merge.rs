//! Recognised pages into a stored text and its layout.

use std::collections::BTreeMap;

use domain::text::fold;
use domain::{Field, Layout, NoteCode, Page, PageBox, Span, StoredText};

use super::{OcrSettings, Reading, RecognisedPage, Unrastered, Why};
use crate::budgets::Budgets;
use crate::draft::{Draft, Place};

/// Surer than this, in percent, a reading is worth more than a text layer that makes no sense.
const BETTER_THAN_GARBLED_PERCENT: u8 = 40;

/// The text and layout of a document, some of whose pages were recognised. Other pages keep their
/// lines, boxes and fields.
pub fn merge(
    text: &StoredText,
    layout: &Layout,
    recognised: &[RecognisedPage],
    settings: &OcrSettings,
) -> (StoredText, Layout) {
    let budgets = unbounded();
    let mut draft = Draft::new(&budgets);
    draft.media_type.clone_from(&layout.media_type);
    draft.title.clone_from(&layout.title);
    let by_page: BTreeMap<u32, &RecognisedPage> = recognised
        .iter()
        .map(|page| (page.wanted.page, page))
        .collect();
    let mut replaced: BTreeMap<u32, &Reading> = BTreeMap::new();
    for page in &layout.pages {
        draft.page(page.width.get(), page.height.get());
        let reading = by_page.get(&page.number).and_then(|page| taken(page));
        if reading.is_some() {
            draft.read_by_ocr();
        }
        // A reading of nothing leaves what text there is: a stamp beside an image without words.
        match reading.filter(|reading| !reading.lines.is_empty()) {
            Some(reading) => {
                replaced.insert(page.number, reading);
                write(reading, &mut draft);
            }
            None => keep(page, text, &mut draft),
        }
        draft.end_block();
    }
    notes(layout, &by_page, settings, &mut draft);
    for attachment in &layout.attachments {
        draft.keep_attachment(attachment.clone());
    }
    for signature in &layout.signatures {
        draft.keep_signature(signature.clone());
    }
    for field in &layout.fields {
        let on_replaced = field.page.is_some_and(|page| replaced.contains_key(&page));
        match (on_replaced, field.inferred) {
            // Guessed from a text that made no sense.
            (true, true) => {}
            (true, false) => relocate(field.clone(), &mut draft),
            (false, _) => {
                let place = field.span.and_then(|span| place_of(layout, span));
                draft.field(field.clone(), place);
            }
        }
    }
    draft.infer_pairs = layout.fields.iter().all(|field| field.inferred);
    let merged = draft.finish();
    (merged.text, merged.layout)
}

/// The reading that counts, if one does: a garbled text is only given up for one that is sure.
fn taken(page: &RecognisedPage) -> Option<&Reading> {
    let reading = page.read.as_ref().ok()?;
    let sure = reading.confidence().unwrap_or(0);
    (page.wanted.why == Why::Image || sure >= BETTER_THAN_GARBLED_PERCENT).then_some(reading)
}

/// What was read once is within its budgets: they are not applied again.
const fn unbounded() -> Budgets {
    Budgets {
        input_bytes: u64::MAX,
        pages: u32::MAX,
        glyphs: u64::MAX,
        operators: u64::MAX,
        draws: u64::MAX,
        objects: u64::MAX,
        stream_bytes: u64::MAX,
        pixels: u64::MAX,
        characters: u64::MAX,
        lines: u64::MAX,
        fields: u64::MAX,
        attachments: u64::MAX,
        attachment_bytes: u64::MAX,
        depth: u32::MAX,
        rows: u64::MAX,
        columns: u64::MAX,
    }
}

/// Adds the lines of a reading.
fn write(reading: &Reading, draft: &mut Draft) {
    let mut paragraph = None;
    for line in &reading.lines {
        if paragraph.is_some_and(|last| last != line.paragraph) {
            draft.end_block();
        }
        paragraph = Some(line.paragraph);
        draft.recognised(&line.text, line.bbox, line.confidence);
    }
}

/// Adds the lines of a page as they are.
fn keep(page: &Page, text: &StoredText, draft: &mut Draft) {
    for block in &page.blocks {
        draft.begin_block(block.role);
        for line in &block.lines {
            let words = line.span.of(text).unwrap_or_default();
            draft.keep_line(words, line.bbox, line.confidence);
        }
    }
}

/// Where a range of the old text is among blocks and lines, which pages that are kept keep.
fn place_of(layout: &Layout, span: Span) -> Option<Place> {
    let (p, page) = layout
        .pages
        .iter()
        .enumerate()
        .find(|(_, page)| page.span.start <= span.start && span.end <= page.span.end)?;
    let (b, block) = page.blocks.iter().enumerate().find(|(_, block)| {
        let mut lines = block.lines.iter();
        lines.any(|line| line.span.start <= span.start && span.start <= line.span.end)
    })?;
    let on = |at: u32| {
        let mut lines = block.lines.iter().enumerate();
        let (l, line) = lines.find(|(_, line)| line.span.start <= at && at <= line.span.end)?;
        Some((l, (at - line.span.start) as usize))
    };
    Some(Place {
        page: p,
        block: b,
        start: on(span.start)?,
        end: on(span.end)?,
    })
}

/// Finds a declared field's value among the recognised lines over its box; where it is not, the
/// file's own value is added to the page, as for any value that nothing drawn says.
fn relocate(field: Field, draft: &mut Draft) {
    let (Some(value), Some(page)) = (field.value.clone(), field.page) else {
        draft.field(field, None);
        return;
    };
    let page = page as usize - 1;
    let place = field
        .bbox
        .and_then(|bbox| find(draft, page, bbox, &value))
        .or_else(|| {
            draft.end_block_on(page);
            let label = field.label.as_deref().unwrap_or(&field.name);
            draft.labelled(page, label, &value, field.bbox)
        });
    draft.field(field, place);
}

fn find(draft: &Draft, page: usize, bbox: PageBox, value: &str) -> Option<Place> {
    let wanted = fold(value.trim());
    let [x0, y0, x1, y1] = bbox.points();
    draft.lines_of(page).find_map(|(block, l, line)| {
        let [a, b, c, d] = line.bbox?.points();
        let over = a < x1 && x0 < c && b < y1 && y0 < d;
        let start = line.text.find(value.trim());
        let whole = (fold(line.text.trim()) == wanted).then_some(0..line.text.len());
        let range = start.map(|at| at..at + value.trim().len()).or(whole)?;
        over.then_some(Place {
            page,
            block,
            start: (l, range.start),
            end: (l, range.end),
        })
    })
}

/// The notes that still hold, and what recognition has to say.
fn notes(
    layout: &Layout,
    recognised: &BTreeMap<u32, &RecognisedPage>,
    settings: &OcrSettings,
    draft: &mut Draft,
) {
    for note in &layout.notes {
        let page = note.page.and_then(|page| recognised.get(&page));
        let answered = match note.code {
            NoteCode::NeedsOcr => page.is_some(),
            NoteCode::GarbledText => page.is_some_and(|page| taken(page).is_some()),
            _ => false,
        };
        if !answered {
            draft.keep_note(note.clone());
        }
    }
    for (page, found) in recognised {
        let mut note = |code, detail: Option<String>| {
            draft.keep_note(domain::Note::page(code, *page, detail));
        };
        match &found.read {
            Err(Unrastered::Damaged) => note(NoteCode::DamagedPage, Some("image".into())),
            Err(Unrastered::TooLarge) => {
                note(
                    NoteCode::BudgetReached,
                    Some(format!("pixels {}", settings.pixels)),
                );
            }
            Ok(_) if taken(found).is_none() => {
                note(NoteCode::LowConfidence, Some("0".into()));
            }
            Ok(reading) => {
                note(NoteCode::ReadByOcr, Some(found.wanted.why.as_str().into()));
                match reading.confidence() {
                    None => note(NoteCode::LowConfidence, Some("0".into())),
                    Some(sure) if sure < settings.unsure_percent => {
                        note(NoteCode::LowConfidence, Some(sure.to_string()));
                    }
                    Some(_) => {}
                }
                let turned = reading.turned_tenths;
                if turned.abs() >= 5 {
                    let (whole, tenth) = (turned / 10, (turned % 10).abs());
                    let sign = if turned < 0 && whole == 0 { "-" } else { "" };
                    note(NoteCode::Turned, Some(format!("{sign}{whole}.{tenth}")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::layout::Points;
    use domain::{FieldKind, Note, ReadBy};

    use super::super::{RecognisedLine, Wanted, Why};
    use super::*;
    use crate::{Extraction, Input, extract};

    fn line(text: &str, y: f64, confidence: u8, paragraph: u32) -> RecognisedLine {
        RecognisedLine {
            text: text.into(),
            bbox: PageBox::new(10.0, y, 90.0, y + 10.0),
            confidence,
            paragraph,
        }
    }

    /// A text of two pages, the second an image.
    fn document() -> Extraction {
        let input = Input {
            bytes: "Objet : éclairage\nLe parking est sombre.".as_bytes(),
            ..Input::default()
        };
        let mut read = extract(&input, &Budgets::default());
        let mut text = read.text.as_str().to_owned();
        text.push('\u{c}');
        let at = text.len() as u32;
        read.text = StoredText::from_bytes(text.into_bytes()).unwrap();
        read.layout.pages.push(Page {
            number: 2,
            width: Points::new(100.0),
            height: Points::new(200.0),
            span: Span::new(at, at),
            read_by: ReadBy::Text,
            blocks: Vec::new(),
        });
        let note = Note::page(NoteCode::NeedsOcr, 2, None);
        read.layout.notes.push(note);
        read
    }

    fn recognised(read: Result<Reading, Unrastered>) -> RecognisedPage {
        RecognisedPage {
            wanted: Wanted {
                page: 2,
                why: Why::Image,
            },
            read,
        }
    }

    fn codes(layout: &Layout, page: u32) -> Vec<(NoteCode, Option<&str>)> {
        let notes = layout.notes.iter().filter(|n| n.page == Some(page));
        notes.map(|n| (n.code, n.detail.as_deref())).collect()
    }

    #[test]
    fn a_recognised_page_joins_the_others() {
        let before = document();
        assert_eq!(super::super::wanted(&before.layout).len(), 1);
        let reading = Reading {
            lines: vec![
                line("Nom : Roy", 10.0, 90, 0),
                line("suite", 25.0, 30, 0),
                line("fin", 60.0, 60, 1),
            ],
            turned_tenths: 1_800,
        };
        let page = [recognised(Ok(reading))];
        let (text, layout) = merge(&before.text, &before.layout, &page, &OcrSettings::default());
        assert_eq!(
            text.as_str(),
            "Objet : éclairage\nLe parking est sombre.\u{c}Nom : Roy\nsuite\n\nfin"
        );
        assert_eq!(layout.pages[0].blocks, before.layout.pages[0].blocks);
        assert_eq!(layout.pages[1].read_by, ReadBy::Ocr);
        assert_eq!(layout.pages[1].blocks[0].lines[1].confidence, Some(30));
        let first = layout.pages[1].blocks[0].lines[0].span;
        assert_eq!(first.of(&text), Some("Nom : Roy"));
        assert_eq!(
            codes(&layout, 2),
            [
                (NoteCode::ReadByOcr, Some("image")),
                (NoteCode::LowConfidence, Some("67")),
                (NoteCode::Turned, Some("180.0")),
            ]
        );
        // A pair is read from the scan, and the one of the first page is where it was.
        let values: Vec<_> = layout
            .fields
            .iter()
            .map(|f| (f.value.as_deref(), f.span.and_then(|s| s.of(&text))))
            .collect();
        assert!(values.contains(&(Some("Roy"), Some("Roy"))), "{values:?}");
        let sheet = layout.quality.unwrap();
        assert_eq!((sheet.read_by_ocr, sheet.waiting_for_ocr), (1, 0));
    }

    #[test]
    fn what_cannot_be_recognised_is_said() {
        let before = document();
        let check = |read, expected: &[(NoteCode, Option<&str>)]| {
            let page = [recognised(read)];
            let (text, layout) =
                merge(&before.text, &before.layout, &page, &OcrSettings::default());
            assert_eq!(text, before.text);
            assert_eq!(codes(&layout, 2), expected);
        };
        check(
            Err(Unrastered::Damaged),
            &[(NoteCode::DamagedPage, Some("image"))],
        );
        check(
            Err(Unrastered::TooLarge),
            &[(NoteCode::BudgetReached, Some("pixels 60000000"))],
        );
        check(
            Ok(Reading::default()),
            &[
                (NoteCode::ReadByOcr, Some("image")),
                (NoteCode::LowConfidence, Some("0")),
            ],
        );
    }

    #[test]
    fn a_declared_value_is_found_in_what_was_recognised_or_added() {
        let mut before = document();
        before.layout.fields = ["Roy", "Martin"]
            .into_iter()
            .map(|value| Field {
                label: Some("Nom".into()),
                value: Some(value.into()),
                page: Some(2),
                bbox: Some(PageBox::new(10.0, 10.0, 90.0, 20.0)),
                ..Field::new(format!("f.{value}"), FieldKind::Text)
            })
            .collect();
        let reading = Reading {
            lines: vec![line("M. Roy, né à", 10.0, 90, 0)],
            turned_tenths: 0,
        };
        let page = [recognised(Ok(reading))];
        let (text, layout) = merge(&before.text, &before.layout, &page, &OcrSettings::default());
        let found: Vec<_> = layout
            .fields
            .iter()
            .map(|f| f.span.and_then(|s| s.of(&text)))
            .collect();
        assert_eq!(found, [Some("Roy"), Some("Martin")]);
        assert!(
            text.ends_with("M. Roy, né à\n\nNom : Martin"),
            "{}",
            text.as_str()
        );
    }
}

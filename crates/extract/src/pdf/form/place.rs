//! Where the values of fields stand in the text of their pages.

use std::collections::BTreeMap;

use domain::{Field, FieldKind, PageBox, StoredText};

use crate::draft::{Draft, Place};
use crate::pairs;
use crate::pdf::flat::Guess;

/// Finds each value in the lines drawn over its box; values that are nowhere are added to their
/// page as a last block of "label : value" lines.
pub(super) fn place(fields: Vec<Field>, draft: &mut Draft) {
    let mut block_of = None;
    // A field shown several times on a page is written there once.
    let mut written: BTreeMap<(usize, String, String), Place> = BTreeMap::new();
    for field in fields {
        // What has no page of its own is written on the first.
        let page = field.page.map_or(0, |page| page.saturating_sub(1) as usize);
        let found = field.value.as_ref().and_then(|value| {
            let drawn = field.bbox.and_then(|bbox| find(draft, page, bbox, value));
            if drawn.is_some() {
                return drawn;
            }
            let key = (page, field.name.clone(), value.clone());
            if let Some(place) = written.get(&key) {
                return Some(*place);
            }
            if block_of != Some(page) {
                draft.end_block_on(page);
                block_of = Some(page);
            }
            let label = field.label.as_deref().unwrap_or(&field.name);
            let place = draft.labelled(page, label, value, field.bbox)?;
            written.insert(key, place);
            Some(place)
        });
        if !draft.field(field, found) {
            return;
        }
    }
}

/// Where the lines that touch `bbox` say `value`, however it is broken into lines.
pub(in crate::pdf) fn find(
    draft: &Draft,
    page: usize,
    bbox: PageBox,
    value: &str,
) -> Option<Place> {
    let value = words(&StoredText::page(value));
    if value.is_empty() {
        return None;
    }
    let [x0, y0, x1, y1] = bbox.points();
    let mut text = String::new();
    // For each byte of `text`: block, line, byte of the line.
    let mut origins: Vec<(usize, usize, usize)> = Vec::new();
    for (block, line, drawn) in draft.lines_of(page) {
        let Some([a, b, c, d]) = drawn.bbox.map(PageBox::points) else {
            continue;
        };
        if a > x1 + 2.0 || c < x0 - 2.0 || b > y1 + 2.0 || d < y0 - 2.0 {
            continue;
        }
        for (at, c) in drawn.text.char_indices() {
            let c = if c.is_whitespace() { ' ' } else { c };
            if c == ' ' && (text.is_empty() || text.ends_with(' ')) {
                continue;
            }
            text.push(c);
            origins.extend((0..c.len_utf8()).map(|i| (block, line, at + i)));
        }
        if !text.ends_with(' ') {
            text.push(' ');
            origins.push((block, line, drawn.text.len()));
        }
    }
    let at = text.find(&value)?;
    let (block, line, start) = origins[at];
    let (end_block, end_line, last) = origins[at + value.len() - 1];
    // A line beside the box between two of its own would be within the place.
    let mut lines: Vec<usize> = origins[at..at + value.len()]
        .iter()
        .map(|(_, line, _)| *line)
        .collect();
    lines.dedup();
    let whole = lines.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    (block == end_block && whole).then_some(Place {
        page,
        block,
        start: (line, start),
        end: (end_line, last + 1),
    })
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Adds what is only drawn as fields of a page. Values stand where they were drawn, and are not
/// read once more from the line they are in.
pub(super) fn guessed(page: u32, guesses: &[Guess], draft: &mut Draft) {
    for guess in guesses {
        let value = guess.value.as_deref();
        let place = value.and_then(|value| find(draft, page as usize - 1, guess.bbox, value));
        let field = Field {
            kind: match guess.checked {
                Some(_) => FieldKind::Checkbox,
                None => FieldKind::Pair,
            },
            checked: guess.checked,
            ..pairs::field(guess.label.clone(), String::new(), page, Some(guess.bbox))
        };
        let field = Field {
            value: guess.value.clone(),
            ..field
        };
        if !draft.control(field, place) {
            return;
        }
    }
}

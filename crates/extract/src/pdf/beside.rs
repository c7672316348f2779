//! What stands beside the widgets of a page: the label that people read, and the text that is drawn
//! within. Looked at while the page is there; only texts are kept.

use domain::PageBox;

use super::glyphs::{Drawn, Glyph};
use super::layout::{self, Word};

/// A label stands at most this far to the left, in points, above or to the right.
const LEFT_MAX: f32 = 220.0;
const ABOVE_MAX: f32 = 14.0;
const RIGHT_MAX: f32 = 30.0;

/// Longer ones are cut at a word.
const LABEL_CHARACTERS_MAX: usize = 160;

/// Where a widget is, and what it is.
pub(super) struct Spot {
    pub(super) bbox: Option<PageBox>,
    /// A check box or a radio button: its label is on its right.
    pub(super) is_mark: bool,
    /// In how many places of one width its characters stand.
    pub(super) comb: Option<u32>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Beside {
    pub(super) label: Option<String>,
    /// The text drawn within by the widget itself.
    pub(super) shown: Option<String>,
}

pub(super) type Area = [f32; 4];

/// What is beside each spot.
pub(super) fn look(drawn: &Drawn, spots: &[Spot]) -> Vec<Beside> {
    let areas: Vec<Option<Area>> = spots.iter().map(|spot| spot.bbox.map(area)).collect();
    if areas.iter().all(Option::is_none) {
        return vec![Beside::default(); spots.len()];
    }
    let others: Vec<Area> = areas.iter().copied().flatten().collect();
    let page = drawn.annotations_from.min(drawn.glyphs.len());
    let (of_page, of_widgets) = drawn.glyphs.split_at(page);
    let outside = |glyph: &&Glyph| !others.iter().any(|area| holds(area, glyph.bbox));
    let words = layout::words(drawn, of_page.iter().filter(outside));
    spots
        .iter()
        .zip(&areas)
        .map(|(spot, area)| {
            let Some(area) = area else {
                return Beside::default();
            };
            let within = of_widgets.iter().filter(|glyph| holds(area, glyph.bbox));
            Beside {
                label: label(*area, spot.is_mark, &words, &others),
                shown: text(&layout::words(drawn, within)),
            }
        })
        .collect()
}

/// Puts the characters of combs beside one another, so that they are read as a word.
pub(super) fn join_combs(drawn: &mut Drawn, spots: &[Spot]) {
    for spot in spots {
        let (Some(cells), Some(area)) = (spot.comb, spot.bbox.map(area)) else {
            continue;
        };
        let cell = (area[2] - area[0]) / cells as f32;
        let from = drawn.annotations_from.min(drawn.glyphs.len());
        let mut before: Option<(f32, f32)> = None;
        for glyph in drawn.glyphs.iter_mut().skip(from) {
            if glyph.turn != 0 || !holds(&area, glyph.bbox) {
                continue;
            }
            let (start, width) = (glyph.u0, glyph.u1 - glyph.u0);
            if let Some((was, end)) = before {
                // An empty place is a blank.
                let skipped = (start - was) > 1.6 * cell;
                glyph.u0 = if skipped { end + 0.3 * glyph.size } else { end };
                glyph.u1 = glyph.u0 + width;
                glyph.bbox[0] += glyph.u0 - start;
                glyph.bbox[2] += glyph.u0 - start;
            }
            before = Some((start, glyph.u1));
        }
    }
}

/// The text of words, as lines.
fn text(words: &[Word]) -> Option<String> {
    let mut out = String::new();
    let mut before: Option<Area> = None;
    for word in words {
        if let Some(before) = before {
            let same_line = overlap(before[1], before[3], word.area[1], word.area[3]) > 0.5;
            out.push(if same_line { ' ' } else { '\n' });
        }
        out.push_str(word.text.trim());
        before = Some(word.area);
    }
    Some(out.trim().to_owned())
        .filter(|text| text.chars().any(|c| !c.is_whitespace() && c != '\u{fffd}'))
}

/// The label of what stands at `area`, where no other of `spots` is nearer to it.
pub(super) fn label(area: Area, is_mark: bool, words: &[Word], spots: &[Area]) -> Option<String> {
    let parted = |from: f32, to: f32, word: &Word| {
        spots.iter().any(|spot| {
            *spot != area
                && spot[0] >= from - 1.0
                && spot[2] <= to + 1.0
                && overlap(spot[1], spot[3], word.area[1], word.area[3]) > 0.5
        })
    };
    let left = |reach: f32| {
        let near = |word: &&Word| {
            let gap = area[0] - word.area[2];
            (-3.0..=reach).contains(&gap)
                && overlap(area[1], area[3], word.area[1], word.area[3]) > 0.5
                && !parted(word.area[2], area[0], word)
        };
        let nearest = words.iter().filter(near).max_by(|a, b| {
            let base = |word: &Word| (word.area[3] - area[3]).abs();
            // Of two lines that end alike, the one on the level of the field.
            let ends = |word: &Word| (word.area[2] / 4.0).round();
            ends(a)
                .total_cmp(&ends(b))
                .then(base(b).total_cmp(&base(a)))
        })?;
        clean(&joined(nearest, words, spots))
    };
    let above = || {
        let near = |word: &&Word| {
            (-3.0..=ABOVE_MAX).contains(&(area[1] - word.area[3]))
                && word.area[0] < area[2]
                && word.area[2] > area[0]
                && word.area[0] > area[0] - 30.0
                // The label of another field that is between.
                && !spots.iter().any(|spot| {
                    *spot != area
                        && spot[1] >= word.area[3] - 2.0
                        && spot[3] <= area[1] + 2.0
                        && spot[0] < area[2]
                        && spot[2] > area[0]
                })
        };
        let nearest = words.iter().filter(near).min_by(|a, b| {
            let gap = |word: &Word| (area[1] - word.area[3], (word.area[0] - area[0]).abs());
            let (a, b) = (gap(a), gap(b));
            (a.0 / 3.0)
                .round()
                .total_cmp(&(b.0 / 3.0).round())
                .then(a.1.total_cmp(&b.1))
        })?;
        clean(&joined(nearest, words, spots))
    };
    let right = || {
        let near = |word: &&Word| {
            (-3.0..=RIGHT_MAX).contains(&(word.area[0] - area[2]))
                && overlap(area[1], area[3], word.area[1], word.area[3]) > 0.4
                && !parted(area[2], word.area[0], word)
        };
        let nearest = words
            .iter()
            .filter(near)
            .min_by(|a, b| a.area[0].total_cmp(&b.area[0]))?;
        clean(&joined(nearest, words, spots))
    };
    if is_mark {
        return right().or_else(|| left(60.0)).or_else(above);
    }
    left(60.0).or_else(above).or_else(|| left(LEFT_MAX))
}

/// A word with those of its line that follow one another closely, both ways, up to another spot.
fn joined(word: &Word, words: &[Word], spots: &[Area]) -> String {
    let mut line: Vec<&Word> = words
        .iter()
        .filter(|other| overlap(word.area[1], word.area[3], other.area[1], other.area[3]) > 0.6)
        .collect();
    line.sort_by(|a, b| a.area[0].total_cmp(&b.area[0]));
    let Some(at) = line.iter().position(|other| std::ptr::eq(*other, word)) else {
        return word.text.clone();
    };
    let close = |a: &Word, b: &Word| {
        let gap = b.area[0] - a.area[2];
        let height = (a.area[3] - a.area[1]).max(1.0);
        gap < 1.2 * height
            && !spots.iter().any(|spot| {
                spot[0] >= a.area[2] - 2.0
                    && spot[2] <= b.area[0] + 2.0
                    && overlap(spot[1], spot[3], a.area[1], a.area[3]) > 0.3
            })
    };
    let mut from = at;
    while from > 0 && close(line[from - 1], line[from]) {
        from -= 1;
    }
    let mut to = at;
    while to + 1 < line.len() && close(line[to], line[to + 1]) {
        to += 1;
    }
    let texts: Vec<&str> = line[from..=to]
        .iter()
        .map(|word| word.text.trim())
        .collect();
    texts.join(" ")
}

/// A label without leaders and colon; `None` without letters.
pub(super) fn clean(text: &str) -> Option<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let edge = |c: char| {
        matches!(
            c,
            ':' | ' ' | '\u{a0}' | '.' | '…' | '_' | '•' | '|' | '\u{fffd}' | '☐' | '□'
        )
    };
    let trimmed = words.trim_end_matches(edge);
    let trimmed = trimmed.trim_start_matches(edge);
    if !trimmed.chars().any(char::is_alphanumeric) {
        return None;
    }
    if trimmed.chars().count() <= LABEL_CHARACTERS_MAX {
        return Some(trimmed.to_owned());
    }
    let cut: String = trimmed.chars().take(LABEL_CHARACTERS_MAX).collect();
    Some(
        cut.rsplit_once(' ')
            .map_or(cut.clone(), |(kept, _)| kept.to_owned()),
    )
}

pub(super) fn area(bbox: PageBox) -> Area {
    bbox.points().map(|v| v as f32)
}

/// Whether the middle of `b` is within `a`.
pub(super) fn holds(a: &Area, b: Area) -> bool {
    let (x, y) = ((b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0);
    a[0] - 0.5 <= x && x <= a[2] + 0.5 && a[1] - 0.5 <= y && y <= a[3] + 0.5
}

/// How much of the shorter of two ranges both share.
pub(super) fn overlap(a0: f32, a1: f32, b0: f32, b1: f32) -> f32 {
    (a1.min(b1) - a0.max(b0)) / (a1 - a0).min(b1 - b0).max(0.1)
}

//! Forms that are only drawn: what was filled in is told from where it stands. Every field read
//! here is a guess and says so.
//!
//! - a mark in a square (a letter, a cross, a tick), with its label on the right, and the same as
//!   one sign: ☒, ☐;
//! - a text within a box of its own, or on a line drawn for it, with its label on the left or above;
//! - letters each in a square of a row of squares.
//!
//! Lines that say "label : value" are read elsewhere, in every format.

use domain::PageBox;

use super::beside::{Area, clean, holds, label, overlap};
use super::glyphs::Drawn;
use super::layout::{self, TextBlock, Word};
use super::rules::Rule;
use crate::pairs::is_label;

/// A page with more lines is a drawing.
const RULES_MAX: usize = 600;

/// A page with more words is read without looking for boxes.
const WORDS_MAX: usize = 4_000;

/// Sides of the square that a person ticks, in points.
const SQUARE: std::ops::RangeInclusive<f32> = 5.0..=16.0;

/// Height of the box that a person writes in.
const BOX_HEIGHT: std::ops::RangeInclusive<f32> = 9.0..=40.0;

/// More guesses on one page are none.
const GUESSES_MAX: usize = 400;

/// A field told from where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Guess {
    pub(super) label: String,
    pub(super) value: Option<String>,
    pub(super) checked: Option<bool>,
    pub(super) bbox: PageBox,
}

/// What was filled in on a page without widgets.
pub(super) fn look(drawn: &Drawn, blocks: &[TextBlock]) -> Vec<Guess> {
    let mut guesses = signs(blocks);
    let rules = &drawn.rules;
    let count = rules.across.len() + rules.down.len();
    if (1..=RULES_MAX).contains(&count) {
        let words = layout::words(drawn, drawn.glyphs.iter());
        if words.len() <= WORDS_MAX {
            let boxes = boxes(&rules.across, &rules.down);
            squares(drawn, &boxes, &words, &mut guesses);
            filled(&boxes, &words, &mut guesses);
            combs(&boxes, &words, &mut guesses);
            underlined(rules, &words, &mut guesses);
        }
    }
    if guesses.len() > GUESSES_MAX {
        guesses.clear();
    }
    guesses
}

fn page_box(area: Area) -> PageBox {
    let [x0, y0, x1, y1] = area.map(f64::from);
    PageBox::new(x0, y0, x1, y1)
}

/// Boxes of signs within lines, each with the words up to the next one.
fn signs(blocks: &[TextBlock]) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for line in blocks.iter().flat_map(|block| &block.lines) {
        let mut marks = line.text.char_indices().filter_map(|(at, c)| {
            let on = match c {
                '☑' | '☒' | '⊠' | '🗹' | '🗷' | '🗵' => true,
                '☐' | '□' | '❑' | '❏' | '◻' | '▢' => false,
                _ => return None,
            };
            Some((at, c, on))
        });
        let mut next = marks.next();
        while let Some((at, sign, on)) = next {
            next = marks.next();
            let end = next.map_or(line.text.len(), |(at, ..)| at);
            let words = line.text.get(at + sign.len_utf8()..end).unwrap_or_default();
            if let Some(label) = words.split('\t').find_map(mark_label) {
                guesses.push(Guess {
                    label,
                    value: on.then(|| sign.to_string()),
                    checked: Some(on),
                    bbox: line.bbox,
                });
            }
        }
    }
    guesses
}

fn mark_label(text: &str) -> Option<String> {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    clean(text).filter(|_| letters >= 2)
}

/// Rectangles whose four sides are drawn.
fn boxes(across: &[Rule], down: &[Rule]) -> Vec<Area> {
    const NEAR: f32 = 1.5;
    let mut down: Vec<&Rule> = down.iter().collect();
    down.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.from.total_cmp(&b.from)));
    let covers = |y: f32, x0: f32, x1: f32| {
        across.iter().any(|rule| {
            (rule.at - y).abs() <= NEAR && rule.from <= x0 + NEAR && rule.to >= x1 - NEAR
        })
    };
    let mut boxes: Vec<Area> = Vec::new();
    for (i, left) in down.iter().enumerate() {
        let right = down.iter().skip(i + 1).find(|right| {
            right.at - left.at > 4.0
                && (right.from - left.from).abs() <= NEAR
                && (right.to - left.to).abs() <= NEAR
        });
        let Some(right) = right else { continue };
        let area = [left.at, left.from, right.at, left.to];
        let closed = covers(area[1], area[0], area[2]) && covers(area[3], area[0], area[2]);
        let is_new = !boxes
            .iter()
            .any(|other| other.iter().zip(&area).all(|(a, b)| (a - b).abs() <= NEAR));
        if closed && is_new {
            boxes.push(area);
        }
    }
    boxes
}

fn is_square(area: &Area) -> bool {
    let (width, height) = (area[2] - area[0], area[3] - area[1]);
    SQUARE.contains(&width) && SQUARE.contains(&height) && (width - height).abs() <= 3.0
}

/// Whether two boxes have a side in common: cells of a table, or of a comb.
fn touch(a: &Area, b: &Area) -> bool {
    let sides = (a[2] - b[0]).abs() < 2.0 || (b[2] - a[0]).abs() < 2.0;
    let stacked = (a[3] - b[1]).abs() < 2.0 || (b[3] - a[1]).abs() < 2.0;
    (sides && overlap(a[1], a[3], b[1], b[3]) > 0.5)
        || (stacked && overlap(a[0], a[2], b[0], b[2]) > 0.5)
}

fn is_alone(area: &Area, boxes: &[Area]) -> bool {
    !boxes
        .iter()
        .any(|other| other != area && touch(area, other))
}

/// Squares that people tick.
fn squares(drawn: &Drawn, boxes: &[Area], words: &[Word], guesses: &mut Vec<Guess>) {
    let squares: Vec<Area> = boxes
        .iter()
        .filter(|area| is_square(area) && is_alone(area, boxes))
        .copied()
        .collect();
    for square in &squares {
        let letters: Vec<&Word> = words
            .iter()
            .filter(|word| holds(square, word.area))
            .collect();
        let written: String = letters.iter().map(|word| word.text.trim()).collect();
        let crossed = drawn.rules.slants.iter().any(|slant| holds(square, *slant));
        let on = match written.as_str() {
            "" => crossed,
            "x" | "X" | "✓" | "✔" | "✗" | "✘" | "×" | "✕" | "✖" | "●" | "•" | "■" | "☒" | "V"
            | "v" => true,
            // A number or a letter is not a tick.
            _ => continue,
        };
        let labels: Vec<Word> = words
            .iter()
            .filter(|word| !holds(square, word.area))
            .cloned()
            .collect();
        if let Some(label) = label(*square, true, &labels, &squares).and_then(|l| mark_label(&l)) {
            guesses.push(Guess {
                label,
                value: on.then(|| {
                    if written.is_empty() {
                        "X".to_owned()
                    } else {
                        written
                    }
                }),
                checked: Some(on),
                bbox: page_box(*square),
            });
        }
    }
}

/// Boxes with a text, and a label beside.
fn filled(boxes: &[Area], words: &[Word], guesses: &mut Vec<Guess>) {
    for area in boxes {
        let (width, height) = (area[2] - area[0], area[3] - area[1]);
        if !BOX_HEIGHT.contains(&height) || width < 2.0 * height || !is_alone(area, boxes) {
            continue;
        }
        let (within, outside): (Vec<Word>, Vec<Word>) = words
            .iter()
            .cloned()
            .partition(|word| holds(area, word.area));
        let value = joined(&within);
        let label = label(*area, false, &outside, boxes).filter(|label| is_label(label));
        // A box around a title says nothing of a field: the label is small and close.
        if let (Some(label), false) = (label, value.is_empty()) {
            guesses.push(Guess {
                label,
                value: Some(value),
                checked: None,
                bbox: page_box(*area),
            });
        }
    }
}

fn joined(words: &[Word]) -> String {
    let texts = words.iter().map(|word| word.text.trim());
    texts.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Rows of at least three narrow boxes that touch, with at most a sign in each.
fn combs(boxes: &[Area], words: &[Word], guesses: &mut Vec<Guess>) {
    let mut cells: Vec<Area> = boxes
        .iter()
        .filter(|area| {
            let (width, height) = (area[2] - area[0], area[3] - area[1]);
            BOX_HEIGHT.contains(&height) && width <= 1.3 * height
        })
        .copied()
        .collect();
    cells.sort_by(|a, b| {
        a[1].round()
            .total_cmp(&b[1].round())
            .then(a[0].total_cmp(&b[0]))
    });
    let mut rows: Vec<Vec<Area>> = Vec::new();
    for cell in cells {
        match rows.last_mut() {
            Some(row)
                if row.last().is_some_and(|last| {
                    (cell[0] - last[2]).abs() < 2.0 && (cell[1] - last[1]).abs() < 2.0
                }) =>
            {
                row.push(cell)
            }
            _ => rows.push(vec![cell]),
        }
    }
    for row in rows.iter().filter(|row| row.len() >= 3) {
        let mut value = String::new();
        for cell in row {
            let signs: String = words
                .iter()
                .filter(|word| holds(cell, word.area))
                .map(|word| word.text.trim())
                .collect();
            match signs.chars().count() {
                0 => value.push(' '),
                1 => value.push_str(&signs),
                // Cells of a table.
                _ => {
                    value.clear();
                    break;
                }
            }
        }
        let (Some(first), Some(last)) = (row.first(), row.last()) else {
            continue;
        };
        let area = [first[0], first[1], last[2], last[3]];
        let outside: Vec<Word> = words
            .iter()
            .filter(|word| !holds(&area, word.area))
            .cloned()
            .collect();
        let label = label(area, false, &outside, &[area]).filter(|label| is_label(label));
        if let (Some(label), false) = (label, value.trim().is_empty()) {
            guesses.push(Guess {
                label,
                value: Some(value.trim().to_owned()),
                checked: None,
                bbox: page_box(area),
            });
        }
    }
}

/// A text, in two where a line begins under it: label and value may be drawn close to each other.
/// Where its signs are is estimated, and it is cut at the blank that is nearest.
fn cut(word: &Word, x: f32) -> Vec<Word> {
    let [x0, y0, x1, y1] = word.area;
    let count = word.text.chars().count().max(1) as f32;
    let at = |n: usize| x0 + (x1 - x0) * n as f32 / count;
    let blanks = word.text.char_indices().enumerate();
    let nearest = blanks
        .filter(|(_, (_, c))| c.is_whitespace())
        .map(|(n, (byte, _))| (byte, at(n), at(n + 1)))
        .min_by(|a, b| (a.1 - x).abs().total_cmp(&(b.1 - x).abs()));
    match nearest {
        Some((byte, end, start)) if x0 < x - 2.0 && (end - x).abs() < 12.0 => {
            let (left, right) = word.text.split_at(byte);
            vec![
                Word {
                    text: left.trim().to_owned(),
                    area: [x0, y0, end.min(x), y1],
                },
                Word {
                    text: right.trim().to_owned(),
                    area: [start.max(x), y0, x1, y1],
                },
            ]
        }
        _ => vec![word.clone()],
    }
}

/// Texts on a line that goes on beyond them, after a label.
fn underlined(rules: &super::rules::Rules, words: &[Word], guesses: &mut Vec<Guess>) {
    for rule in rules
        .across
        .iter()
        .filter(|rule| rule.to - rule.from >= 30.0)
    {
        let part_of_box = rules.down.iter().any(|down| {
            (rule.from - 2.0..=rule.to + 2.0).contains(&down.at)
                && down.from <= rule.at + 2.0
                && down.to >= rule.at - 2.0
        });
        if part_of_box {
            continue;
        }
        let words: Vec<Word> = words.iter().flat_map(|word| cut(word, rule.from)).collect();
        let words = words.as_slice();
        let on_line = |word: &&Word| (-3.5..=6.0).contains(&(rule.at - word.area[3]));
        let on: Vec<Word> = words
            .iter()
            .filter(on_line)
            .filter(|word| word.area[0] >= rule.from - 2.0 && word.area[2] <= rule.to + 2.0)
            .cloned()
            .collect();
        let nearest = words
            .iter()
            .filter(on_line)
            .filter(|word| (-2.0..=20.0).contains(&(rule.from - word.area[2])))
            .max_by(|a, b| a.area[2].total_cmp(&b.area[2]));
        let (Some(before), Some(last)) = (nearest, on.last()) else {
            continue;
        };
        let goes_on = rule.to - last.area[2] >= 8.0 || before.text.trim_end().ends_with(':');
        let value = joined(&on);
        let area = on.iter().map(|word| word.area).reduce(|a, b| {
            [
                a[0].min(b[0]),
                a[1].min(b[1]),
                a[2].max(b[2]),
                a[3].max(b[3]),
            ]
        });
        if let (Some(area), Some(label), true, false) = (
            area,
            clean(&before.text).filter(|label| is_label(label)),
            goes_on,
            value.is_empty(),
        ) {
            guesses.push(Guess {
                label,
                value: Some(value),
                checked: None,
                bbox: page_box(area),
            });
        }
    }
}

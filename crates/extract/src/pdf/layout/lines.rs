//! Fragments to lines, lines to blocks.

use domain::BlockRole;

use super::fragments::Fragment;
use super::tables::Piece;
use super::{TextBlock, TextLine, median, page_box, union};

/// A gap wider than this many font sizes is a space.
const SPACE: f32 = 0.15;

/// A gap wider than this separates cells, and becomes a tab.
pub(super) const CELL_GAP: f32 = 2.0;

/// Fragments that share a baseline.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// From left to right.
    pub(super) fragments: Vec<Fragment>,
    pub(super) v0: f32,
    pub(super) v1: f32,
    pub(super) base: f32,
    pub(super) size: f32,
}

impl Row {
    /// The fragments of each cell.
    pub(super) fn cells(&self) -> Vec<&[Fragment]> {
        let mut cells = Vec::new();
        let mut rest = self.fragments.as_slice();
        while !rest.is_empty() {
            let mut end = f32::MIN;
            let stop = rest.iter().position(|fragment| {
                let parts = end > f32::MIN && (fragment.u0 - end) / fragment.size > CELL_GAP;
                end = end.max(fragment.u1);
                parts
            });
            let (cell, after) = rest.split_at(stop.unwrap_or(rest.len()));
            cells.push(cell);
            rest = after;
        }
        cells
    }
}

/// Fragments on one line, lines from top to bottom.
pub(super) fn rows(mut leaf: Vec<Fragment>) -> Vec<Row> {
    leaf.sort_by(|a, b| a.base.total_cmp(&b.base).then(a.u0.total_cmp(&b.u0)));
    let mut rows: Vec<Row> = Vec::new();
    for fragment in leaf {
        let belongs = fragment.table.is_none()
            && rows.last().is_some_and(|row| {
                let overlap = row.v1.min(fragment.v1) - row.v0.max(fragment.v0);
                let least = (row.v1 - row.v0).min(fragment.v1 - fragment.v0);
                row.fragments.iter().all(|other| other.table.is_none())
                    && ((fragment.base - row.base).abs() <= 0.35 * fragment.size.min(row.size)
                        || (overlap >= 0.6 * least
                            && fragment.size.min(row.size) < 0.8 * fragment.size.max(row.size)))
            });
        match rows.last_mut() {
            Some(row) if belongs => {
                if fragment.size > row.size {
                    (row.size, row.base) = (fragment.size, fragment.base);
                }
                row.v0 = row.v0.min(fragment.v0);
                row.v1 = row.v1.max(fragment.v1);
                row.fragments.push(fragment);
            }
            _ => rows.push(Row {
                v0: fragment.v0,
                v1: fragment.v1,
                base: fragment.base,
                size: fragment.size,
                fragments: vec![fragment],
            }),
        }
    }
    for row in &mut rows {
        row.fragments.sort_by(|a, b| a.u0.total_cmp(&b.u0));
    }
    rows
}

/// Lines that follow closely, in one size and weight, make a block; so does a table.
pub(super) fn group(pieces: Vec<Piece>) -> Vec<TextBlock> {
    let bases: Vec<f32> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Line(row) => Some(row.base),
            Piece::Table(_) => None,
        })
        .collect();
    let steps = bases.iter().zip(bases.iter().skip(1));
    let leading = median(steps.map(|(a, b)| b - a).filter(|step| *step > 0.0));
    let mut blocks: Vec<TextBlock> = Vec::new();
    let mut before: Option<(f32, f32, bool)> = None;
    for piece in pieces {
        let row = match piece {
            Piece::Line(row) => row,
            Piece::Table(lines) => {
                before = None;
                blocks.push(TextBlock {
                    role: BlockRole::Table,
                    lines,
                });
                continue;
            }
        };
        let (base, size) = (row.base, row.size);
        let line = line(&row);
        let follows = before.is_some_and(|(above, size_above, bold)| {
            let step = base - above;
            let usual = leading.min(2.2 * size.max(size_above));
            step <= usual.max(1.1 * size) + 0.4 * size
                && size.max(size_above) <= 1.25 * size.min(size_above)
                && bold == line.bold
        });
        before = Some((base, size, line.bold));
        match blocks.last_mut() {
            Some(block) if follows => block.lines.push(line),
            _ => blocks.push(TextBlock {
                role: BlockRole::Text,
                lines: vec![line],
            }),
        }
    }
    blocks
}

/// The text of a row, its cells separated by tabs.
pub(super) fn line(row: &Row) -> TextLine {
    let cells: Vec<String> = row.cells().into_iter().map(cell_text).collect();
    let bbox = row
        .fragments
        .iter()
        .map(|fragment| fragment.bbox)
        .reduce(union)
        .unwrap_or_default();
    TextLine {
        text: cells.join("\t"),
        bbox: page_box(bbox),
        size: row.size,
        bold: row.fragments.iter().all(|fragment| fragment.bold),
        columns: 0,
    }
}

/// The text of fragments beside one another.
pub(super) fn cell_text(fragments: &[Fragment]) -> String {
    let mut text = String::new();
    let mut end: Option<(f32, bool)> = None;
    for fragment in fragments {
        if let Some((end, space)) = end {
            let gap = (fragment.u0 - end) / fragment.size;
            if space || !(-0.3..=SPACE).contains(&gap) {
                text.push(' ');
            }
        }
        text.push_str(fragment.text.trim());
        end = Some((
            fragment.u1,
            fragment.space_after || fragment.text.ends_with(' '),
        ));
    }
    text
}

/// Words that French and English join to the one before with a hyphen that is written everywhere,
/// not only at the end of a line.
const HYPHENATED: [&str; 24] = [
    "ci", "là", "même", "mêmes", "t", "je", "tu", "il", "elle", "on", "nous", "vous", "ils",
    "elles", "ce", "le", "la", "les", "lui", "leur", "y", "en", "moi", "delà",
];

/// As above, joined to the word after.
const PREFIXES: [&str; 10] = [
    "celle", "celles", "celui", "ceux", "ex", "non", "peut", "rendez", "vice", "vis",
];

/// Joins words that are cut at the end of a line: the rest of the word goes to the line where it
/// begins. A hyphen that belongs to the word stays.
pub(super) fn join_hyphens(lines: &mut Vec<TextLine>) {
    let mut at = 0;
    while at + 1 < lines.len() {
        let (above, below) = lines.split_at_mut(at + 1);
        if let (Some(line), Some(next)) = (above.last_mut(), below.first_mut()) {
            join(line, next);
            if next.text.is_empty() {
                line.bbox = line.bbox.union(next.bbox);
                lines.remove(at + 1);
                continue;
            }
        }
        at += 1;
    }
}

fn join(line: &mut TextLine, next: &mut TextLine) {
    let Some(head) = line.text.strip_suffix(['-', '\u{2010}', '\u{ad}']) else {
        return;
    };
    let word = head
        .rsplit(|c: char| !c.is_alphabetic() && c != '-')
        .next()
        .unwrap_or_default();
    if word.chars().count() < 2 || !next.text.starts_with(char::is_lowercase) {
        return;
    }
    let end = next
        .text
        .find(char::is_whitespace)
        .unwrap_or(next.text.len());
    let (tail, rest) = next.text.split_at(end);
    let letters = tail
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(tail.len());
    let last = tail.get(..letters).unwrap_or(tail);
    // "rendez-vous", "c'est-à-dire": the word has a hyphen of its own.
    let keeps = HYPHENATED.contains(&last)
        || PREFIXES.contains(&word.to_lowercase().as_str())
        || word.contains('-')
        || tail.starts_with("à-");
    let joined = if keeps {
        format!("{}{tail}", line.text)
    } else {
        format!("{head}{tail}")
    };
    let rest = rest.trim_start().to_owned();
    line.text = joined;
    next.text = rest;
}

#[cfg(test)]
mod tests {
    use domain::PageBox;

    use super::*;

    #[test]
    fn words_cut_at_the_end_of_a_line_are_joined() {
        let check = |lines: &[&str], expected: &[&str]| {
            let mut lines: Vec<TextLine> = lines
                .iter()
                .map(|text| TextLine {
                    text: (*text).to_owned(),
                    bbox: PageBox::new(0.0, 0.0, 1.0, 1.0),
                    size: 10.0,
                    bold: false,
                    columns: 0,
                })
                .collect();
            join_hyphens(&mut lines);
            let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(texts, expected);
        };
        check(
            &["les opé-", "rateurs, dit-on, sont"],
            &["les opérateurs,", "dit-on, sont"],
        );
        check(&["cette opé-", "ration"], &["cette opération"]);
        check(
            &["prendre rendez-", "vous avant"],
            &["prendre rendez-vous", "avant"],
        );
        check(&["la loi -", "votée"], &["la loi -", "votée"]);
        check(&["Saint-", "Étienne"], &["Saint-", "Étienne"]);
        check(&["n° 12-", "b"], &["n° 12-", "b"]);
        check(&["a-t-", "il"], &["a-t-il"]);
        check(&["inter-", "communa-", "lité"], &["intercommunalité"]);
    }
}

//! Tables without rules: lines whose cells stand under one another.

use super::columns::{Cover, cover_with};
use super::lattice;
use super::lines::{self, Row};
use super::{TextLine, page_box, union};

/// Fewer lines of several cells are a table only where they have more than two.
const ROWS_MIN: usize = 3;

/// A step between lines below this share of the usual one continues a cell.
const WRAPPED_STEP: f32 = 0.85;

/// What a region is made of.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Line(Row),
    /// Its rows, cells separated by tabs.
    Table(Vec<TextLine>),
}

/// Finds the tables among the lines of a region.
pub(super) fn mark(rows: Vec<Row>) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(rows.len());
    let mut rows = rows.into_iter().peekable();
    let mut run = Run::default();
    for row in rows.by_ref() {
        if let Some(table) = row.fragments.iter().find_map(|f| f.table.as_deref()) {
            run.close(&mut pieces);
            pieces.push(Piece::Table(ruled(table, &row)));
        } else if !run.takes(&row) {
            run.close(&mut pieces);
            if !run.takes(&row) {
                pieces.push(Piece::Line(row));
                continue;
            }
            run.rows.push(row);
        } else {
            run.rows.push(row);
        }
    }
    run.close(&mut pieces);
    pieces
}

fn ruled(table: &lattice::Table, row: &Row) -> Vec<TextLine> {
    table
        .rows
        .iter()
        .map(|cells| TextLine {
            text: cells.texts.join("\t").trim_end().to_owned(),
            bbox: page_box(cells.bbox),
            size: row.size,
            bold: false,
            columns: table.columns,
        })
        .collect()
}

/// Lines that may be a table.
#[derive(Default)]
struct Run {
    rows: Vec<Row>,
    columns: Cover,
    /// The most cells that a line has.
    cells: usize,
}

impl Run {
    /// Whether a line goes on with the table, and its columns with it. The first has several cells;
    /// no two cells of one line ever share a column; a line of one cell stays within its column.
    fn takes(&mut self, row: &Row) -> bool {
        let cells: Vec<(f32, f32)> = row
            .cells()
            .into_iter()
            .filter_map(|cell| Some((cell.first()?.u0, cell.last()?.u1)))
            .collect();
        if let Some(last) = self.rows.last() {
            if row.base - last.base > 3.0 * row.size.max(last.size) {
                return false;
            }
        } else if cells.len() < 2 {
            return false;
        }
        let mut grown = self.columns.clone();
        for (from, to) in &cells {
            cover_with(&mut grown, *from, *to);
        }
        let most = self.cells.max(cells.len());
        let apart = grown.len() >= most && gutters(&grown) >= 0.8 * row.size;
        let within = cells.len() > 1 || grown.len() == self.columns.len();
        if !apart || !within {
            return false;
        }
        (self.columns, self.cells) = (grown, most);
        true
    }

    fn close(&mut self, pieces: &mut Vec<Piece>) {
        let Self {
            mut rows,
            columns,
            cells,
        } = std::mem::take(self);
        // Lines of one cell at the end follow the table.
        let several = |row: &Row| row.cells().len() > 1;
        let end = rows.iter().rposition(several).map_or(0, |last| last + 1);
        let step = super::median(
            rows.windows(2)
                .filter(|pair| pair.iter().all(several))
                .map(|pair| (pair[1].base - pair[0].base).abs()),
        );
        let end = rows
            .get(end)
            .filter(|row| {
                let above = rows.get(end.wrapping_sub(1));
                above.is_some_and(|above| row.base - above.base < WRAPPED_STEP * step)
            })
            .map_or(end, |_| end + 1);
        let after = rows.split_off(end);
        let count = rows.iter().filter(|row| several(row)).count();
        if count >= ROWS_MIN || (count >= 2 && cells > 2) {
            pieces.push(Piece::Table(table(&rows, &columns, step)));
        } else {
            pieces.extend(rows.into_iter().map(Piece::Line));
        }
        pieces.extend(after.into_iter().map(Piece::Line));
    }
}

/// The narrowest gap between columns.
fn gutters(columns: &Cover) -> f32 {
    let gaps = columns.iter().zip(columns.iter().skip(1));
    gaps.map(|(left, right)| right.0 - left.1)
        .fold(f32::MAX, f32::min)
}

fn table(rows: &[Row], columns: &Cover, step: f32) -> Vec<TextLine> {
    let mut out: Vec<(Vec<String>, TextLine)> = Vec::new();
    let mut above = f32::MIN;
    for row in rows {
        let mut texts = vec![String::new(); columns.len()];
        for cell in row.cells() {
            let from = cell.first().map_or(0.0, |fragment| fragment.u0);
            let column = columns.partition_point(|(_, end)| *end < from);
            if let Some(text) = texts.get_mut(column) {
                add(text, &lines::cell_text(cell));
            }
        }
        let filled = texts.iter().filter(|text| !text.is_empty()).count();
        let wraps = filled == 1 && row.base - above < WRAPPED_STEP * step;
        above = row.base;
        match out.last_mut() {
            Some((cells, line)) if wraps => {
                for (cell, text) in cells.iter_mut().zip(&texts) {
                    add(cell, text);
                }
                line.bbox = line.bbox.union(lines::line(row).bbox);
            }
            _ => {
                let mut line = lines::line(row);
                line.columns = columns.len();
                let bbox = row.fragments.iter().map(|f| f.bbox).reduce(union);
                line.bbox = page_box(bbox.unwrap_or_default());
                out.push((texts, line));
            }
        }
    }
    out.into_iter()
        .map(|(cells, line)| TextLine {
            text: cells.join("\t").trim_end().to_owned(),
            ..line
        })
        .collect()
}

/// Goes on with the text of a cell. A hyphen at its end is followed by the rest of the word.
pub(super) fn add(cell: &mut String, text: &str) {
    let cut = cell.ends_with('-') && !cell.ends_with(" -") && text.starts_with(char::is_alphabetic);
    if !cell.is_empty() && !text.is_empty() && !cut {
        cell.push(' ');
    }
    cell.push_str(text);
}

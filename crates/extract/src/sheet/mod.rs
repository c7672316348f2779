//! Spreadsheets: XLSX, ODS, XLS. Each sheet that holds something is a page: its name as a heading,
//! its rows as rows of a table, then what floats over it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`xlsx`], [`ods`], [`xls`] | the formats: cells by row and column, as text |
//! | [`number`] | how people see a number or a date under a number format |
//!
//! Invariants: only cells that hold something take memory, and their number and text are bounded
//! before they are kept; a cell in the far corner of a sheet costs one cell. Numbers lose no digit,
//! dates are ISO 8601.

pub(crate) mod number;
mod ods;
mod xls;
mod xlsx;

use std::collections::{BTreeMap, BTreeSet};

use domain::{BlockRole, NoteCode};

use crate::budgets::Budget;
use crate::draft::Draft;
use crate::office::story::{Part, Story};
use crate::rows::Workbook;

/// With more rows than this over all sheets, two cells in a row are data, not a label and its value.
const FORM_ROWS_MAX: usize = 1_000;

/// A workbook.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) sheets: Vec<Sheet>,
    cells: u64,
    characters: u64,
}

/// One sheet.
#[derive(Default)]
pub(crate) struct Sheet {
    pub(crate) name: String,
    pub(crate) hidden: bool,
    pub(crate) hidden_rows: bool,
    pub(crate) hidden_columns: bool,
    /// Cells that hold something, by row and column, both from 1.
    pub(crate) rows: BTreeMap<u32, BTreeMap<u32, String>>,
    /// Text boxes and comments.
    pub(crate) stories: Vec<Story>,
}

impl Book {
    /// Adds a cell to the last sheet. `false` when no more may be kept.
    fn push(&mut self, row: u32, column: u32, text: &str, draft: &mut Draft) -> bool {
        if text.trim().is_empty() {
            return true;
        }
        if self.cells >= draft.budgets.objects {
            draft.reached(Budget::Objects);
            return false;
        }
        // One shared text may stand in millions of cells. A byte is at least a quarter of a
        // character.
        let characters = text.len() as u64 / 4 + 1;
        if self.characters.saturating_add(characters) > draft.budgets.characters {
            draft.reached(Budget::Characters);
            return false;
        }
        let Some(sheet) = self.sheets.last_mut() else {
            return true;
        };
        self.cells += 1;
        self.characters += characters;
        let cells = sheet.rows.entry(row).or_default();
        cells.insert(column, text.trim().to_owned());
        true
    }
}

/// Reads a workbook; what cannot be read of it is noted in the draft.
pub(crate) fn read(bytes: &[u8], kind: Workbook, draft: &mut Draft) -> Book {
    match kind {
        Workbook::Xlsx => xlsx::read(bytes, draft),
        Workbook::Ods => ods::read(bytes, draft),
        Workbook::Xls => xls::read(bytes, draft),
    }
}

/// Writes a workbook to the draft.
pub(crate) fn write(book: Book, draft: &mut Draft) {
    let rows: usize = book.sheets.iter().map(|sheet| sheet.rows.len()).sum();
    draft.infer_pairs = rows <= FORM_ROWS_MAX;
    for sheet in book.sheets {
        if sheet.rows.is_empty() && sheet.stories.is_empty() {
            continue;
        }
        if !draft.page(0.0, 0.0) {
            return;
        }
        for (hidden, what) in [
            (sheet.hidden, "sheet"),
            (sheet.hidden_rows, "rows"),
            (sheet.hidden_columns, "columns"),
        ] {
            if hidden {
                draft.note_page(NoteCode::HiddenText, Some(what.into()));
            }
        }
        draft.begin_block(BlockRole::Heading);
        draft.line(&sheet.name, None);
        draft.end_block();
        write_rows(&sheet, draft);
        for story in sheet.stories {
            story.write(Part::Body, draft);
        }
    }
}

/// Rows with the columns that the sheet uses: those that are empty from top to bottom are layout.
fn write_rows(sheet: &Sheet, draft: &mut Draft) {
    let used: BTreeSet<u32> = sheet
        .rows
        .values()
        .flat_map(BTreeMap::keys)
        .copied()
        .collect();
    // A sheet that would be nearly all empty cells is written without them.
    let grid = (used.len() as u64).saturating_mul(sheet.rows.len() as u64);
    let dense = grid <= draft.budgets.characters / 4;
    let mut before = 0;
    for (number, cells) in &sheet.rows {
        if *number > before + 1 {
            draft.end_block();
        }
        before = *number;
        let Some((last, _)) = cells.last_key_value() else {
            continue;
        };
        let texts: Vec<String> = match dense {
            true => used
                .range(..=last)
                .map(|column| cells.get(column).cloned().unwrap_or_default())
                .collect(),
            false => cells.values().cloned().collect(),
        };
        draft.row(&texts, None);
    }
    draft.end_block();
}

#[cfg(test)]
mod tests;

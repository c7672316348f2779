//! The rows of a workbook: those of its first sheet that is a table.

use std::collections::BTreeMap;

use domain::catalogue::Said;
use domain::{Lang, Note, NoteCode};
use serde_json::{Map, Value};

use super::{Rows, RowsError, Workbook, full, push, reached, titles};
use crate::budgets::{Budget, Budgets};
use crate::draft::Draft;
use crate::sheet::{self, Sheet};

/// Above its header a sheet may have a title and remarks, in this many rows with something in them.
const HEADER_WITHIN: usize = 20;

/// A header has at least this share of the columns of the rows below.
const HEADER_SHARE: f64 = 0.6;

/// Splits the first table of a workbook into rows; other sheets that hold something are named.
pub(super) fn read(
    bytes: &[u8],
    kind: Workbook,
    budgets: &Budgets,
    table: &mut Rows,
) -> Result<(), RowsError> {
    let mut draft = Draft::new(budgets);
    let book = sheet::read(bytes, kind, &mut draft);
    table.notes = draft.finish().layout.notes;
    let mut sheets = book.sheets;
    let nothing = sheets.iter().all(|sheet| sheet.rows.is_empty());
    if nothing && let Some(note) = table.notes.first() {
        return Err(RowsError::Unreadable(note.code.say(Lang::En).to_owned()));
    }
    // What is hidden is no table for intake, unless nothing else is there.
    sheets.sort_by_key(|sheet| sheet.hidden);
    let found = sheets.iter().position(|sheet| header(sheet).is_some());
    let sheet = sheets.remove(found.ok_or(RowsError::NoHeader)?);
    sheets.retain(|sheet| !sheet.rows.is_empty());
    table.other_sheets = sheets.into_iter().map(|sheet| sheet.name).collect();
    if sheet.hidden || sheet.hidden_rows || sheet.hidden_columns {
        table.notes.push(Note::document(NoteCode::HiddenText, None));
    }
    rows(&sheet, budgets, table);
    table.sheet = Some(sheet.name);
    Ok(())
}

/// The row of the column titles: the first that is about as wide as the table, with a row below.
fn header(sheet: &Sheet) -> Option<u32> {
    let rows = || sheet.rows.iter().take(HEADER_WITHIN);
    let width = rows().map(|(_, cells)| cells.len()).max()?;
    let wide = |cells: &BTreeMap<u32, String>| cells.len() as f64 >= width as f64 * HEADER_SHARE;
    let (number, _) = rows().find(|(_, cells)| wide(cells))?;
    sheet.rows.range(number + 1..).next().map(|_| *number)
}

fn rows(sheet: &Sheet, budgets: &Budgets, table: &mut Rows) {
    let Some(header) = header(sheet) else {
        return;
    };
    let above = sheet.rows.range(..header).count();
    if above > 0 {
        let detail = format!("{above} rows above the header, row {header}");
        table
            .notes
            .push(Note::document(NoteCode::RaggedRow, Some(detail)));
    }
    let Some(named) = sheet.rows.get(&header) else {
        return;
    };
    let (first, last) = match (named.first_key_value(), named.last_key_value()) {
        (Some((first, _)), Some((last, _))) => (*first, *last),
        _ => return,
    };
    // Columns past the budget have no title and no cells.
    let columns = u32::try_from(budgets.columns).unwrap_or(u32::MAX);
    let end = last.min(first.saturating_add(columns.saturating_sub(1)));
    if end < last {
        table.notes.push(reached(Budget::Columns, budgets));
    }
    let titles = titles((first..=end).map(|column| named.get(&column).map_or("", String::as_str)));
    for (number, cells) in sheet.rows.range(header + 1..) {
        if full(table, budgets) {
            return;
        }
        let beyond = cells
            .keys()
            .filter(|column| **column < first || **column > last)
            .count();
        if beyond > 0 {
            let detail = format!("row {number}: {beyond} cells without a column title");
            table
                .notes
                .push(Note::document(NoteCode::RaggedRow, Some(detail)));
        }
        let mut value = Map::new();
        for (column, title) in (first..=end).zip(&titles) {
            let cell = cells.get(&column).cloned().unwrap_or_default();
            value.insert(title.clone(), Value::String(cell));
        }
        for (column, cell) in cells.range(end.saturating_add(1)..).take(titles.len()) {
            if end == last {
                value.insert(
                    format!("column_{}", column - first + 1),
                    Value::String(cell.clone()),
                );
            }
        }
        push(table, u64::from(*number), value);
    }
}

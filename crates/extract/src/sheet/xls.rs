//! Excel workbooks before 2007 (MS-XLS), through `calamine`.
//!
//! That library keeps a rectangle around all cells of a sheet, and makes room for the one that the
//! file announces: the records are looked at first, and a rectangle beyond the budgets is not read.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Reader, SheetVisible, Xls, XlsError};
use domain::NoteCode;

use super::number::{Format, plain};
use super::xlsx::iso;
use super::{Book, Sheet};
use crate::budgets::Budget;
use crate::draft::Draft;

pub(super) fn read(bytes: &[u8], draft: &mut Draft) -> Book {
    let Some(stream) = stream(bytes, draft) else {
        return Book::default();
    };
    let Some(hidden_rows) = survey(&stream, draft) else {
        return Book::default();
    };
    let opened = catch_unwind(AssertUnwindSafe(|| Xls::new(Cursor::new(bytes))));
    let mut workbook = match opened {
        Ok(Ok(workbook)) => workbook,
        Ok(Err(XlsError::Password)) => {
            draft.note(NoteCode::Encrypted, Some("XLS".into()));
            return Book::default();
        }
        Ok(Err(_)) | Err(_) => {
            draft.note(NoteCode::DamagedFile, Some("XLS".into()));
            return Book::default();
        }
    };
    let mut book = Book::default();
    let sheets = workbook.sheets_metadata().to_vec();
    for (index, sheet) in sheets.into_iter().enumerate() {
        let Ok(range) = workbook.worksheet_range(&sheet.name) else {
            draft.note(NoteCode::DamagedFile, Some("XLS: sheet".into()));
            continue;
        };
        book.sheets.push(Sheet {
            name: sheet.name,
            hidden: sheet.visible != SheetVisible::Visible,
            hidden_rows: hidden_rows.get(&index).copied().unwrap_or(false),
            ..Sheet::default()
        });
        let (row, column) = range.start().unwrap_or_default();
        for (r, c, data) in range.used_cells() {
            let at = |start: u32, n: usize| {
                start
                    .saturating_add(u32::try_from(n).unwrap_or(u32::MAX))
                    .saturating_add(1)
            };
            if !book.push(at(row, r), at(column, c), &say(data), draft) {
                return book;
            }
        }
    }
    book
}

fn say(data: &Data) -> String {
    match data {
        Data::Empty => String::new(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => plain(&value.to_string(), *value),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(true) => "VRAI".into(),
        Data::Bool(false) => "FAUX".into(),
        Data::Error(error) => error.to_string(),
        Data::DateTime(moment) => {
            // A number below one is a time of day.
            let value = moment.as_f64();
            if moment.is_duration() || value < 1.0 {
                let format = Format::Date {
                    day: false,
                    time: true,
                };
                return format.say(&value.to_string(), false);
            }
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            iso(&format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
            ))
        }
    }
}

/// The stream of records.
fn stream(bytes: &[u8], draft: &mut Draft) -> Option<Vec<u8>> {
    let limit = draft.budgets.stream_bytes;
    let opened = cfb::CompoundFile::open(Cursor::new(bytes));
    let found = opened.ok().and_then(|mut file| {
        let mut stream = Vec::new();
        let name = ["/Workbook", "/Book"]
            .into_iter()
            .find(|name| file.is_stream(name))?;
        let open = file.open_stream(name).ok()?;
        open.take(limit.saturating_add(1))
            .read_to_end(&mut stream)
            .ok()?;
        Some(stream)
    });
    match found {
        None => {
            draft.note(NoteCode::DamagedFile, Some("XLS".into()));
            None
        }
        Some(stream) if stream.len() as u64 > limit => {
            draft.reached(Budget::StreamBytes);
            None
        }
        Some(stream) => Some(stream),
    }
}

/// Looks at the records of every sheet: `None` when one announces or fills a rectangle beyond the
/// budgets. Otherwise, by sheet, whether it has hidden rows that are not empty.
fn survey(stream: &[u8], draft: &mut Draft) -> Option<BTreeMap<usize, bool>> {
    const BOF: u16 = 0x0809;
    const EOF: u16 = 0x000a;
    const DIMENSIONS: u16 = 0x0200;
    const ROW: u16 = 0x0208;
    const CELLS: [u16; 8] = [
        0x0006, 0x0203, 0x0204, 0x00d6, 0x0205, 0x027e, 0x00fd, 0x00bd,
    ];
    let u16_at = |data: &[u8], at: usize| -> Option<u64> {
        Some(u64::from(u16::from_le_bytes(
            data.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let u32_at = |data: &[u8], at: usize| -> Option<u64> {
        Some(u64::from(u32::from_le_bytes(
            data.get(at..at + 4)?.try_into().ok()?,
        )))
    };
    let mut hidden = BTreeMap::new();
    // The first sheet follows the workbook's own records.
    let (mut sheet, mut depth) = (None::<usize>, 0u32);
    // Largest row and column, and all cells of all rectangles.
    let (mut rows, mut columns, mut total) = (0u64, 0u64, 0u64);
    let mut rest = stream;
    let mut records = 0u64;
    while let Some((kind, length)) = u16_at(rest, 0).zip(u16_at(rest, 2)) {
        records += 1;
        if records > draft.budgets.objects.saturating_mul(4) {
            draft.reached(Budget::Objects);
            return None;
        }
        let end = 4 + usize::try_from(length).unwrap_or(usize::MAX);
        let Some(data) = rest.get(4..end) else {
            break;
        };
        let kind = u16::try_from(kind).unwrap_or(0);
        match kind {
            BOF => {
                depth += 1;
                if depth == 1 {
                    sheet = Some(sheet.map_or(0, |sheet| sheet + 1));
                    (rows, columns) = (0, 0);
                }
            }
            EOF => {
                depth = depth.saturating_sub(1);
                total = total.saturating_add(rows.saturating_mul(columns));
                (rows, columns) = (0, 0);
            }
            DIMENSIONS if data.len() < 14 => {
                let announced = u16_at(data, 2).zip(u16_at(data, 6)).unwrap_or_default();
                (rows, columns) = (rows.max(announced.0), columns.max(announced.1));
            }
            DIMENSIONS => {
                let announced = u32_at(data, 4).zip(u16_at(data, 10)).unwrap_or_default();
                (rows, columns) = (rows.max(announced.0), columns.max(announced.1));
            }
            ROW => {
                // fDyZero, of a row with cells.
                let zero = u16_at(data, 12).is_some_and(|flags| flags & 0x20 != 0);
                let filled = u16_at(data, 2)
                    .zip(u16_at(data, 4))
                    .is_some_and(|(from, to)| to > from);
                if zero
                    && filled
                    && let Some(sheet) = sheet.and_then(|sheet| sheet.checked_sub(1))
                {
                    hidden.insert(sheet, true);
                }
            }
            kind if CELLS.contains(&kind) => {
                if let Some((row, column)) = u16_at(data, 0).zip(u16_at(data, 2)) {
                    (rows, columns) = (rows.max(row + 1), columns.max(column + 1));
                }
            }
            _ => {}
        }
        if total.saturating_add(rows.saturating_mul(columns))
            > draft.budgets.objects.saturating_mul(2)
        {
            draft.reached(Budget::Objects);
            return None;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    Some(hidden)
}

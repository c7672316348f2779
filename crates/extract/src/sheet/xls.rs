//! Excel workbooks before 2007 (MS-XLS), through `calamine`.
//!
//! That library keeps a rectangle around all cells of a sheet, and makes room for the one that the
//! file announces: the records are looked at first, and a rectangle beyond the budgets is not read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Reader, SheetVisible, Xls, XlsError};
use domain::NoteCode;

use super::number::Format;
use super::xlsx::iso;
use super::{Book, Sheet};
use crate::budgets::Budget;
use crate::draft::Draft;

/// The rectangles around the cells of all sheets may hold this many times the budget of objects.
const GRID_OVER_OBJECTS: u64 = 2;

/// There are records of other things than cells.
const RECORDS_OVER_OBJECTS: u64 = 4;

pub(super) fn read(bytes: &[u8], draft: &mut Draft) -> Book {
    let Some(stream) = stream(bytes, draft) else {
        return Book::default();
    };
    let Some(survey) = survey(&stream, draft) else {
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
            hidden_rows: survey.hidden_rows.contains(&index),
            ..Sheet::default()
        });
        let (row, column) = range.start().unwrap_or_default();
        for (r, c, data) in range.used_cells() {
            let (r, c) = (at(row, r), at(column, c));
            let said = say(data, survey.format(index, r, c));
            if !book.push(r, c, &said, draft) {
                return book;
            }
        }
    }
    book
}

/// A row or column from 1.
fn at(start: u32, n: usize) -> u32 {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    start.saturating_add(n).saturating_add(1)
}

fn say(data: &Data, format: &Format) -> String {
    match data {
        Data::Empty => String::new(),
        Data::Int(value) => format.say(&value.to_string(), false),
        Data::Float(value) => format.say(&value.to_string(), false),
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

/// What the records say that the library does not.
#[derive(Default)]
struct Survey {
    /// Sheets with hidden rows that are not empty.
    hidden_rows: BTreeSet<usize>,
    /// The number format of each cell style, and the styles of cells by sheet, row and column.
    formats: Vec<Format>,
    styles: BTreeMap<(usize, u32, u32), usize>,
}

impl Survey {
    /// A cell's number format; rows and columns count from 1.
    fn format(&self, sheet: usize, row: u32, column: u32) -> &Format {
        let style = self.styles.get(&(sheet, row, column));
        let format = style.and_then(|style| self.formats.get(*style));
        format.unwrap_or(&Format::General)
    }
}

/// Looks at the records of every sheet: `None` when one announces or fills a rectangle beyond the
/// budgets, or when they are encrypted.
fn survey(stream: &[u8], draft: &mut Draft) -> Option<Survey> {
    const BOF: u16 = 0x0809;
    const EOF: u16 = 0x000a;
    const FILE_PASS: u16 = 0x002f;
    const FORMAT: u16 = 0x041e;
    const XF: u16 = 0x00e0;
    const DIMENSIONS: u16 = 0x0200;
    const ROW: u16 = 0x0208;
    const MUL_RK: u16 = 0x00bd;
    const CELLS: [u16; 7] = [0x0006, 0x0203, 0x0204, 0x00d6, 0x0205, 0x027e, 0x00fd];
    let mut survey = Survey::default();
    let mut codes: BTreeMap<u16, Format> = BTreeMap::new();
    // The first sheet follows the workbook's own records.
    let (mut sheet, mut depth, mut biff8) = (None::<usize>, 0u32, true);
    // Largest row and column of the sheet, and cells of all rectangles before it.
    let (mut rows, mut columns, mut total) = (0u64, 0u64, 0u64);
    let mut rest = stream;
    let mut records = 0u64;
    while let Some((kind, length)) = u16_at(rest, 0).zip(u16_at(rest, 2)) {
        records += 1;
        if records > draft.budgets.objects.saturating_mul(RECORDS_OVER_OBJECTS) {
            draft.reached(Budget::Objects);
            return None;
        }
        let end = 4 + usize::from(length);
        let Some(data) = rest.get(4..end) else {
            break;
        };
        let at = |at: usize| u16_at(data, at);
        match kind {
            BOF => {
                depth += 1;
                if depth == 1 {
                    sheet = Some(sheet.map_or(0, |sheet| sheet + 1));
                    biff8 = at(0) == Some(0x0600);
                    (rows, columns) = (0, 0);
                }
            }
            EOF => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    total = total.saturating_add(rows.saturating_mul(columns));
                    (rows, columns) = (0, 0);
                }
            }
            // What follows is encrypted, and says nothing: least of all how large it is.
            FILE_PASS => {
                draft.note(NoteCode::Encrypted, Some("XLS".into()));
                return None;
            }
            FORMAT => {
                if let Some((id, code)) = at(0).zip(format_code(data, biff8)) {
                    codes.insert(id, Format::parse(&code));
                }
            }
            XF => {
                let id = at(2).unwrap_or(0);
                let format = codes.get(&id).cloned();
                let format = format.unwrap_or_else(|| Format::builtin(u32::from(id)));
                survey.formats.push(format);
            }
            DIMENSIONS => {
                let announced = match data.len() {
                    ..14 => at(2).map(u64::from).zip(at(6)),
                    _ => at(4)
                        .zip(at(6))
                        .map(|(low, high)| u64::from(low) | u64::from(high) << 16)
                        .zip(at(10)),
                };
                let (down, across) = announced.unwrap_or_default();
                (rows, columns) = (rows.max(down), columns.max(u64::from(across)));
            }
            ROW => {
                // fDyZero, of a row with cells.
                let zero = at(12).is_some_and(|flags| flags & 0x20 != 0);
                let filled = at(2).zip(at(4)).is_some_and(|(from, to)| to > from);
                if zero && filled {
                    survey
                        .hidden_rows
                        .extend(sheet.and_then(|sheet| sheet.checked_sub(1)));
                }
            }
            // Charts within a sheet have cells of their own.
            kind if depth == 1 && (kind == MUL_RK || CELLS.contains(&kind)) => {
                if let Some((row, column)) = at(0).zip(at(2)) {
                    let many = match kind {
                        MUL_RK => data.len().saturating_sub(6) / 6,
                        _ => 1,
                    };
                    let last = u64::from(column) + many as u64;
                    (rows, columns) = (rows.max(u64::from(row) + 1), columns.max(last));
                    for (n, column) in (u32::from(column) + 1..).take(many).enumerate() {
                        let key = sheet.and_then(|sheet| sheet.checked_sub(1));
                        if let Some((sheet, style)) = key.zip(at(4 + 6 * n)) {
                            let key = (sheet, u32::from(row) + 1, column);
                            survey.styles.insert(key, usize::from(style));
                        }
                    }
                }
            }
            _ => {}
        }
        let cells = total.saturating_add(rows.saturating_mul(columns));
        if cells > draft.budgets.objects.saturating_mul(GRID_OVER_OBJECTS) {
            draft.reached(Budget::Objects);
            return None;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    Some(survey)
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

/// The code of a number format record.
fn format_code(data: &[u8], biff8: bool) -> Option<String> {
    if !biff8 {
        let code = data.get(3..)?;
        return Some(encoding_rs::WINDOWS_1252.decode(code).0.into_owned());
    }
    let code = data.get(5..)?;
    // Characters of one byte are those of Latin-1.
    Some(match data.get(4)? & 1 {
        0 => code.iter().map(|b| char::from(*b)).collect(),
        _ => encoding_rs::UTF_16LE
            .decode_without_bom_handling(code)
            .0
            .into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budgets;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    }

    fn words(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn look(records: &[Vec<u8>]) -> (Option<Survey>, Option<String>) {
        let budgets = Budgets::default();
        let mut draft = Draft::new(&budgets);
        let survey = survey(&records.concat(), &mut draft);
        let notes = draft.finish().layout.notes;
        (survey, notes.first().and_then(|note| note.detail.clone()))
    }

    #[test]
    fn a_rectangle_beyond_the_budgets_is_refused_before_it_is_made() {
        let bof = || record(0x0809, &words(&[0x0600, 5]));
        let globals = [bof(), record(0x000a, &[])].concat();
        let announced = record(0x0200, &words(&[0, 0, 0xffff, 0xffff, 0, 256, 0]));
        let far = record(0x0203, &words(&[65_535, 255, 0, 0, 0, 0, 0]));
        for cell in [announced, far] {
            let (survey, note) = look(&[globals.clone(), bof(), cell]);
            assert!(survey.is_none());
            assert_eq!(note.as_deref(), Some("objects 2000000"));
        }
    }

    #[test]
    fn an_encrypted_workbook_is_said_to_be_one() {
        // After the mark, noise that would announce a rectangle beyond all budgets.
        let noise = record(0x0200, &words(&[0, 0, 0xffff, 0xffff, 0, 256, 0]));
        let pass = record(0x002f, &[0; 54]);
        let stream = [record(0x0809, &words(&[0x0600, 5])), pass, noise].concat();
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        let mut workbook = file.create_stream("Workbook").unwrap();
        std::io::Write::write_all(&mut workbook, &stream).unwrap();
        drop(workbook);
        let bytes = file.into_inner().into_inner();
        let input = crate::Input {
            bytes: &bytes,
            file_name: Some("budget.xls"),
            ..crate::Input::default()
        };
        let notes = crate::extract(&input, &Budgets::default()).layout.notes;
        let expected = domain::Note::document(NoteCode::Encrypted, "XLS".to_owned());
        assert_eq!(notes, [expected]);
        assert_eq!(
            domain::told::notes(&notes, domain::Lang::Fr),
            ["protégé par un mot de passe : XLS, à enregistrer sans mot de passe puis à redéposer"]
        );
    }

    #[test]
    fn formats_of_cells_are_known() {
        let code = "#,##0.00";
        let format = [
            words(&[164, code.len() as u16]),
            vec![0],
            code.as_bytes().to_vec(),
        ]
        .concat();
        let bof = || record(0x0809, &words(&[0x0600, 5]));
        let (survey, note) = look(&[
            bof(),
            record(0x041e, &format),
            record(0x00e0, &words(&[0, 0])),
            record(0x00e0, &words(&[0, 164])),
            record(0x000a, &[]),
            bof(),
            record(0x0203, &words(&[2, 3, 1, 0, 0, 0, 0])),
            record(0x00bd, &words(&[4, 0, 0, 0, 0, 1, 0, 0, 1])),
            record(0x0208, &words(&[7, 0, 2, 0, 0, 0, 0x20, 0])),
            record(0x000a, &[]),
        ]);
        let survey = survey.unwrap();
        assert_eq!(note, None);
        assert_eq!(survey.format(0, 3, 4).say("1250", false), "1 250,00");
        assert_eq!(survey.format(0, 5, 1), &Format::General);
        assert_eq!(survey.format(0, 5, 2).say("3", false), "3,00");
        assert!(survey.hidden_rows.contains(&0));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes: Vec<u8>) {
            let budgets = Budgets::default();
            survey(&bytes, &mut Draft::new(&budgets));
            read(&[&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &bytes].concat(), &mut Draft::new(&budgets));
        }
    }
}

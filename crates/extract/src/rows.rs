//! Tables split into rows, for intake: each row becomes a document of media type
//! [`domain::arrival::ROW_MEDIA_TYPE`].

mod workbook;

use domain::{Note, NoteCode};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::budgets::{Budget, Budgets};
use crate::{Input, charset, sniff};

/// What kind of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Comma, semicolon or bar separated values (RFC 4180 quoting); the delimiter is found from
    /// the content.
    Csv,
    /// Tab separated values.
    Tsv,
    /// One JSON object a line.
    JsonLines,
    /// A spreadsheet; the first of its sheets that is a table.
    Workbook(Workbook),
}

/// Which kind of spreadsheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workbook {
    /// Excel since 2007.
    Xlsx,
    /// OpenDocument.
    Ods,
    /// Excel before 2007.
    Xls,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// From 1, the header not counted.
    pub number: u64,
    /// The line of the file it begins on, from 1; the row of the sheet.
    pub line: u64,
    /// RFC 8785 JSON of the row: the bytes of its document.
    pub json: Vec<u8>,
    /// The row as an object: column title to value. Cells of CSV are strings.
    pub value: Map<String, Value>,
}

/// A line that is no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// From 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: BadLineReason,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BadLineReason {
    /// Not JSON.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
    /// A number that has no canonical form.
    NotCanonical,
    /// A quote is not closed, or the record cannot be read.
    BadRecord,
}

/// A table in rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The rows that could be read, in order.
    pub rows: Vec<Row>,
    /// Lines that are no row.
    pub bad_lines: Vec<BadLine>,
    /// Ragged rows (with their line), the guessed encoding, budgets that were reached.
    pub notes: Vec<Note>,
    /// The delimiter of a CSV file.
    pub delimiter: Option<char>,
    /// The encoding used.
    pub encoding: String,
    /// The sheet of a workbook that was split.
    pub sheet: Option<String>,
    /// Other sheets of the workbook that hold something: not split.
    pub other_sheets: Vec<String>,
}

impl Rows {
    /// Gives columns the names that a pipeline knows them by. A row keeps what it has under a name
    /// already, and what has parts of its own (a place with its street) is no column of a table.
    pub fn name_columns(&mut self, names: &ColumnNames) {
        // A table has few titles and many rows.
        let named: BTreeMap<String, String> = self
            .titles()
            .into_iter()
            .filter_map(|title| Some((title.to_owned(), names.of(title)?.to_owned())))
            .filter(|(title, name)| title != name)
            .collect();
        if named.is_empty() {
            return;
        }
        for row in &mut self.rows {
            let mut value = row.value.clone();
            for (title, name) in &named {
                let is_cell = value
                    .get(title)
                    .is_some_and(|v| !v.is_object() && !v.is_array());
                if is_cell
                    && !value.contains_key(name)
                    && let Some(cell) = value.remove(title)
                {
                    value.insert(name.clone(), cell);
                }
            }
            // Names cannot make a row lose the form that it had.
            if value != row.value
                && let Ok(json) = domain::canonical::to_bytes(&value)
            {
                (row.value, row.json) = (value, json);
            }
        }
    }

    /// The titles of all columns, sorted.
    pub fn titles(&self) -> BTreeSet<&str> {
        let all = self.rows.iter().flat_map(|row| row.value.keys());
        all.map(String::as_str).collect()
    }
}

/// The names that a pipeline knows columns by, found by the titles that people give them. Neither
/// case, accents nor signs count: "Équipe" is `equipe`, "Saisi le" is `saisi_le`.
#[derive(Clone, Debug, Default)]
pub struct ColumnNames(BTreeMap<String, String>);

impl ColumnNames {
    /// From the titles of each name; a name is a title of its own.
    pub fn new(titles: &BTreeMap<String, Vec<String>>) -> Self {
        let named = titles.iter().flat_map(|(name, titles)| {
            let all = titles.iter().chain([name]);
            all.map(move |title| (plain_title(title), name.clone()))
        });
        Self(named.collect())
    }

    /// The name of the column of this title.
    pub fn of(&self, title: &str) -> Option<&str> {
        self.0.get(&plain_title(title)).map(String::as_str)
    }
}

/// A title without case, accents and signs.
fn plain_title(title: &str) -> String {
    let folded = domain::text::fold(title);
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Why a file gives no rows at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowsError {
    /// There is no header, so no column has a name.
    #[error("the table has no header line")]
    NoHeader,
    /// The file is larger than the budget.
    #[error("the table has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Size of the file in bytes.
        size: u64,
        /// The budget `input_bytes`.
        limit: u64,
    },
    /// A workbook of which nothing can be read.
    #[error("the workbook cannot be read: {0}")]
    Unreadable(String),
}

/// How much of a file decides whether it is a table and which delimiter it has.
const SAMPLE_BYTES: usize = 64 << 10;

/// How many records of the sample are compared.
const SAMPLE_RECORDS: usize = 50;

/// Whether the file is a table: a workbook by its content, others by their name, else by their
/// content when nothing else is said.
pub fn is_table(file_name: Option<&str>, bytes: &[u8]) -> Option<TableKind> {
    if let Some(workbook) = sniff::workbook(bytes) {
        return Some(TableKind::Workbook(workbook));
    }
    match file_name.and_then(sniff::extension).as_deref() {
        Some("csv") => return Some(TableKind::Csv),
        Some("tsv" | "tab") => return Some(TableKind::Tsv),
        Some("jsonl" | "ndjson") => return Some(TableKind::JsonLines),
        Some(_) => return None,
        None => {}
    }
    let sample = sample(bytes);
    let lines: Vec<_> = sample
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let is_object = |line: &&str| {
        line.trim_start().starts_with('{')
            && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
    };
    if lines.len() >= 2 && lines.iter().take(SAMPLE_RECORDS).all(is_object) {
        return Some(TableKind::JsonLines);
    }
    // Prose has commas too: without a name, only a strict table counts.
    let (delimiter, columns, share) = best_delimiter(&sample)?;
    let strict = lines.len() >= 3 && columns >= 3 && share >= 1.0 && delimiter != b',';
    match delimiter {
        b'\t' if strict => Some(TableKind::Tsv),
        _ if strict => Some(TableKind::Csv),
        _ => None,
    }
}

/// What came of splitting a document into rows: nothing where it is no table.
pub type Table = Option<Result<Rows, RowsError>>;

/// Splits a document into rows where it is a table; a workbook only if those are wanted.
pub(crate) fn table(input: &Input, workbooks: bool, budgets: &Budgets) -> Table {
    let kind = is_table(input.file_name, input.bytes)
        .filter(|kind| workbooks || !matches!(kind, TableKind::Workbook(_)))?;
    Some(rows(input.bytes, kind, budgets))
}

/// Splits a table into rows.
///
/// Columns are named by the header; repeated titles get `_2`, `_3`; an empty title is `column_N`.
/// A row with fewer cells lacks its last columns, one with more has `column_N` for the others;
/// both are noted.
///
/// # Errors
/// When there is no header, or the file is larger than `budgets.input_bytes`.
pub fn rows(bytes: &[u8], kind: TableKind, budgets: &Budgets) -> Result<Rows, RowsError> {
    if bytes.len() as u64 > budgets.input_bytes {
        return Err(RowsError::TooLarge {
            size: bytes.len() as u64,
            limit: budgets.input_bytes,
        });
    }
    let mut table = Rows {
        rows: Vec::new(),
        bad_lines: Vec::new(),
        notes: Vec::new(),
        delimiter: None,
        encoding: encoding_rs::UTF_8.name().into(),
        sheet: None,
        other_sheets: Vec::new(),
    };
    if let TableKind::Workbook(kind) = kind {
        workbook::read(bytes, kind, budgets, &mut table)?;
        return Ok(table);
    }
    let decoded = charset::decode(bytes, None);
    table.encoding = decoded.encoding.into();
    for (yes, code) in [
        (decoded.guessed, NoteCode::EncodingGuessed),
        (decoded.invalid, NoteCode::InvalidBytes),
    ] {
        if yes {
            table
                .notes
                .push(Note::document(code, Some(decoded.encoding.to_owned())));
        }
    }
    match kind {
        TableKind::JsonLines => json_lines(&decoded.text, budgets, &mut table),
        TableKind::Csv => {
            let text = &decoded.text;
            let sample = &text[..floor_char_boundary(text, SAMPLE_BYTES)];
            let delimiter = best_delimiter(sample).map_or(b',', |(d, ..)| d);
            delimited(text, delimiter, budgets, &mut table)?;
        }
        TableKind::Tsv => delimited(&decoded.text, b'\t', budgets, &mut table)?,
        TableKind::Workbook(_) => {}
    }
    Ok(table)
}

fn json_lines(text: &str, budgets: &Budgets, table: &mut Rows) {
    for (line, content) in (1u64..).zip(text.split('\n')) {
        if content.trim().is_empty() {
            continue;
        }
        if full(table, budgets) {
            return;
        }
        let bad = match serde_json::from_str::<Value>(content) {
            Ok(Value::Object(value)) => match push(table, line, value) {
                true => continue,
                false => BadLineReason::NotCanonical,
            },
            Ok(_) => BadLineReason::NotAnObject,
            Err(_) => BadLineReason::NotJson,
        };
        table.bad_lines.push(BadLine { line, reason: bad });
    }
}

fn delimited(
    text: &str,
    delimiter: u8,
    budgets: &Budgets,
    table: &mut Rows,
) -> Result<(), RowsError> {
    table.delimiter = Some(char::from(delimiter));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(Cursor::new(text.as_bytes()));
    let header = match reader.headers() {
        Ok(header) if header.iter().any(|title| !title.trim().is_empty()) => header.clone(),
        _ => return Err(RowsError::NoHeader),
    };
    let columns_max = usize::try_from(budgets.columns).unwrap_or(usize::MAX);
    if header.len() > columns_max {
        table.notes.push(reached(Budget::Columns, budgets));
    }
    let titles = titles(header.iter().take(columns_max));
    let width = header.len();
    let mut record = csv::StringRecord::new();
    let mut quotes = Quotes::new(text, delimiter);
    loop {
        let before = reader.position().clone();
        let start = quotes.begins(&before);
        if start >= text.len() {
            return Ok(());
        }
        let line = before.line() + blank_lines(text, &before);
        if let Some(next) = quotes.after_unclosed(start) {
            if full(table, budgets) {
                return Ok(());
            }
            // A quotation mark that nobody closed would swallow every row that follows: the line
            // is refused and reading goes on below it.
            table.bad_lines.push(BadLine {
                line,
                reason: BadLineReason::BadRecord,
            });
            let mut below = csv::Position::new();
            below.set_byte(next as u64).set_line(line + 1);
            // Text in memory can be read from anywhere.
            if reader.seek(below).is_err() {
                return Ok(());
            }
            continue;
        }
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(_) => {
                table.bad_lines.push(BadLine {
                    line,
                    reason: BadLineReason::BadRecord,
                });
                continue;
            }
        }
        if full(table, budgets) {
            return Ok(());
        }
        if record.len() != width {
            let detail = format!("line {line}: {} cells, {width} columns", record.len());
            table
                .notes
                .push(Note::document(NoteCode::RaggedRow, Some(detail)));
        }
        let mut value = Map::new();
        for (i, cell) in record.iter().take(columns_max).enumerate() {
            let title = titles
                .get(i)
                .cloned()
                .unwrap_or_else(|| format!("column_{}", i + 1));
            value.insert(title, Value::String(cell.to_owned()));
        }
        push(table, line, value);
    }
}

/// Where records end that run over several lines. Asked for one record after the other, it passes
/// over the text once, however many quotation marks are never closed.
struct Quotes<'t> {
    text: &'t [u8],
    delimiter: u8,
    /// The quotation marks from here to `end` were counted.
    from: usize,
    /// The next line that closes a cell left open by the lines before it: where it begins and ends.
    /// All lines up to it close at the same one.
    closing: usize,
    end: usize,
    odd: bool,
}

impl<'t> Quotes<'t> {
    fn new(text: &'t str, delimiter: u8) -> Self {
        Self {
            text: text.as_bytes(),
            delimiter,
            from: 0,
            closing: 0,
            end: 0,
            odd: false,
        }
    }

    /// Where the record begins that is looked for at this position: blank lines are none.
    fn begins(&self, position: &csv::Position) -> usize {
        let at = usize::try_from(position.byte()).map_or(self.text.len(), |at| at);
        let rest = self.text.get(at..).unwrap_or_default();
        let blank = rest.iter().take_while(|b| matches!(**b, b'\n' | b'\r'));
        at + blank.count()
    }

    /// Where the line after the one at `start` begins, when the record there runs over several
    /// lines because of a quotation mark that is never closed: closed ones, and doubled ones
    /// within, come in pairs.
    fn after_unclosed(&mut self, start: usize) -> Option<usize> {
        let first = self.line_end(start);
        if !self.leaves_open(start..first, false) {
            return None;
        }
        if start < self.closing {
            self.odd ^= self.is_odd(self.from..start);
        } else {
            self.closing = first;
            self.end = self.line_end(first);
            while self.closing < self.text.len() && self.leaves_open(self.closing..self.end, true) {
                self.closing = self.end;
                self.end = self.line_end(self.closing);
            }
            self.odd = self.is_odd(start..self.end);
        }
        self.from = start;
        if !self.odd {
            return None;
        }
        let record = self.text.get(start..self.end)?;
        let first = record.iter().position(|b| *b == b'\n')?;
        let spans_lines = record[first..].iter().any(|b| !matches!(b, b'\n' | b'\r'));
        spans_lines.then_some(start + first + 1)
    }

    fn line_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
        line.map_or(self.text.len(), |at| start + at + 1)
    }

    fn is_odd(&self, range: Range<usize>) -> bool {
        let marks = self.text.get(range).unwrap_or_default().iter();
        marks.filter(|b| **b == b'"').count() % 2 == 1
    }

    /// Whether a quoted cell goes on after a line; `open` when one goes on from the line before.
    fn leaves_open(&self, line: Range<usize>, open: bool) -> bool {
        #[derive(Clone, Copy, PartialEq)]
        enum At {
            Start,
            Plain,
            Quoted,
            /// After a mark within a quoted cell: its end, or the first of two.
            Mark,
        }
        let mut at = if open { At::Quoted } else { At::Start };
        for byte in self.text.get(line).unwrap_or_default() {
            at = match (at, *byte) {
                (At::Quoted, b'"') => At::Mark,
                (At::Quoted, _) | (At::Start | At::Mark, b'"') => At::Quoted,
                (_, byte) if byte == self.delimiter => At::Start,
                // The end of the line.
                (at, b'\n' | b'\r') => at,
                _ => At::Plain,
            };
        }
        at == At::Quoted
    }
}

/// How many blank lines stand between where a record was looked for and where it begins.
fn blank_lines(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|at| text.as_bytes().get(at..))
        .unwrap_or_default();
    let blank = rest.iter().take_while(|b| matches!(**b, b'\n' | b'\r'));
    blank.filter(|b| **b == b'\n').count() as u64
}

/// Column titles, trimmed and made unique.
fn titles<'a>(header: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut titles: Vec<String> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (i, title) in header.enumerate() {
        let title = match title.trim() {
            "" => format!("column_{}", i + 1),
            title => title.to_owned(),
        };
        let unique = (1u32..)
            .map(|n| {
                if n == 1 {
                    title.clone()
                } else {
                    format!("{title}_{n}")
                }
            })
            .find(|title| !seen.contains(title))
            .unwrap_or_else(|| title.clone());
        seen.insert(unique.clone());
        titles.push(unique);
    }
    titles
}

fn full(table: &mut Rows, budgets: &Budgets) -> bool {
    let full = (table.rows.len() + table.bad_lines.len()) as u64 >= budgets.rows;
    if full {
        table.notes.push(reached(Budget::Rows, budgets));
    }
    full
}

fn reached(budget: Budget, budgets: &Budgets) -> Note {
    Note::document(NoteCode::BudgetReached, Some(budget.reached(budgets)))
}

/// `false` when the row has no canonical form.
fn push(table: &mut Rows, line: u64, value: Map<String, Value>) -> bool {
    let Ok(json) = domain::canonical::to_bytes(&value) else {
        return false;
    };
    let number = table.rows.len() as u64 + 1;
    table.rows.push(Row {
        number,
        line,
        json,
        value,
    });
    true
}

fn sample(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let mut text = charset::decode(head, None).text;
    // A line cut by the sample's end says nothing about the table.
    if bytes.len() > head.len()
        && let Some(end) = text.rfind('\n')
    {
        text.truncate(end);
    }
    text
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The delimiter whose records agree most on their number of cells: delimiter, that number, and
/// the share of records that have it. `None` when no delimiter splits anything.
fn best_delimiter(sample: &str) -> Option<(u8, usize, f64)> {
    let mut best: Option<(f64, u8, usize, f64)> = None;
    for delimiter in [b';', b'\t', b',', b'|'] {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(false)
            .from_reader(sample.as_bytes());
        let widths: Vec<usize> = reader
            .records()
            .take(SAMPLE_RECORDS)
            .filter_map(|record| record.ok().map(|record| record.len()))
            .collect();
        let Some(width) = widths.first().copied().filter(|width| *width > 1) else {
            continue;
        };
        // The header's width is what other records are compared with: titles rarely hold a
        // delimiter, texts do.
        let same = widths.iter().filter(|w| **w == width).count();
        let share = same as f64 / widths.len() as f64;
        let score = share * (width as f64).ln_1p();
        if best.is_none_or(|(s, ..)| score > s) {
            best = Some((score, delimiter, width, share));
        }
    }
    best.map(|(_, delimiter, width, share)| (delimiter, width, share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], kind: TableKind, expected: &[&str]) -> Rows {
        let table = rows(text, kind, &Budgets::default()).unwrap();
        let found: Vec<_> = table
            .rows
            .iter()
            .map(|row| {
                format!(
                    "{}:{} {}",
                    row.number,
                    row.line,
                    String::from_utf8_lossy(&row.json)
                )
            })
            .collect();
        assert_eq!(found, expected);
        table
    }

    #[test]
    fn columns_are_known_by_what_people_title_them() {
        let names: BTreeMap<String, Vec<String>> = [
            ("saisi_le", vec!["date de saisie"]),
            ("notes", vec!["observations"]),
            ("lieu.nom", vec!["lieu"]),
        ]
        .map(|(name, titles)| {
            let titles = titles.into_iter().map(str::to_owned);
            (name.to_owned(), titles.collect())
        })
        .into();
        let check = |bytes: &[u8], kind: TableKind, expected: &str| {
            let mut table = rows(bytes, kind, &Budgets::default()).unwrap();
            table.name_columns(&ColumnNames::new(&names));
            let row = &table.rows[0];
            assert_eq!(String::from_utf8_lossy(&row.json), expected);
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(Value::Object(row.value.clone()), expected);
        };
        check(
            "Observations;Saisi le;LIEU;Autre\nvu;2 mai;place;x\n".as_bytes(),
            TableKind::Csv,
            r#"{"Autre":"x","lieu.nom":"place","notes":"vu","saisi_le":"2 mai"}"#,
        );
        // A value with parts is not a cell; what is there already stays.
        check(
            br#"{"lieu":{"nom":"place"},"notes":"a","observations":"b"}"#,
            TableKind::JsonLines,
            r#"{"lieu":{"nom":"place"},"notes":"a","observations":"b"}"#,
        );
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_costs_its_line_only() {
        let table = check(
            b"id\tnotes\n1\t\"non ferm\n2\tx\n3\ty\n",
            TableKind::Tsv,
            &[
                r#"1:3 {"id":"2","notes":"x"}"#,
                r#"2:4 {"id":"3","notes":"y"}"#,
            ],
        );
        let bad = BadLine {
            line: 2,
            reason: BadLineReason::BadRecord,
        };
        assert_eq!(table.bad_lines, [bad]);
    }

    #[test]
    fn many_quotation_marks_that_are_not_closed_are_read_in_one_pass() {
        let text = format!("a,b\n{}x\"\n", "a\",\"b\n".repeat(125_000));
        let table = rows(text.as_bytes(), TableKind::Csv, &Budgets::default()).unwrap();
        assert_eq!((table.rows.len(), table.bad_lines.len()), (1, 125_000));
        assert_eq!(table.rows.last().map(|row| row.line), Some(125_002));
    }

    #[test]
    fn finds_delimiters_and_quotes() {
        let table = check(
            b"id;texte\n1;\"a, b; c\"\n\n2;d,e\n",
            TableKind::Csv,
            &[
                r#"1:2 {"id":"1","texte":"a, b; c"}"#,
                r#"2:4 {"id":"2","texte":"d,e"}"#,
            ],
        );
        assert_eq!(table.delimiter, Some(';'));
        check(b"a,b\n1,2", TableKind::Csv, &[r#"1:2 {"a":"1","b":"2"}"#]);
        check(b"a\tb\n1\t2", TableKind::Tsv, &[r#"1:2 {"a":"1","b":"2"}"#]);
        check(
            b"seul\nun\ndeux, trois",
            TableKind::Csv,
            &[
                r#"1:2 {"seul":"un"}"#,
                r#"2:3 {"column_2":" trois","seul":"deux"}"#,
            ],
        );
    }

    #[test]
    fn a_line_break_in_a_cell_does_not_end_the_row() {
        check(
            b"a,b\n\"x\ny\",2\nz,3\n",
            TableKind::Csv,
            &[r#"1:2 {"a":"x\ny","b":"2"}"#, r#"2:4 {"a":"z","b":"3"}"#],
        );
    }

    #[test]
    fn names_ragged_rows_repeated_titles_and_the_encoding() {
        let table = check(
            b"nom;nom;\nd\xe9j\xe0;\xe9t\xe9 pass\xe9;1;2\nseul\n",
            TableKind::Csv,
            &[
                r#"1:2 {"column_3":"1","column_4":"2","nom":"déjà","nom_2":"été passé"}"#,
                r#"2:3 {"nom":"seul"}"#,
            ],
        );
        let details: Vec<_> = table
            .notes
            .iter()
            .filter_map(|n| n.detail.as_deref())
            .collect();
        assert_eq!(
            details,
            [
                "windows-1252",
                "line 2: 4 cells, 3 columns",
                "line 3: 1 cells, 3 columns"
            ]
        );
    }

    #[test]
    fn reads_lines_of_json_and_names_bad_ones() {
        let table = check(
            b"{\"b\":2,\"a\":1.50}\n\nnon\n[1]\n{\"a\":null}\n",
            TableKind::JsonLines,
            &[r#"1:1 {"a":1.5,"b":2}"#, r#"2:5 {"a":null}"#],
        );
        let bad: Vec<_> = table.bad_lines.iter().map(|b| (b.line, b.reason)).collect();
        assert_eq!(
            bad,
            [(3, BadLineReason::NotJson), (4, BadLineReason::NotAnObject)]
        );
    }

    #[test]
    fn stops_at_its_budget_and_refuses_what_has_no_header() {
        let budgets = Budgets {
            rows: 2,
            input_bytes: 100,
            ..Budgets::default()
        };
        let table = rows(b"a\n1\n2\n3\n", TableKind::Csv, &budgets).unwrap();
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.notes[0].detail.as_deref(), Some("rows 2"));
        assert_eq!(
            rows(b"", TableKind::Csv, &budgets),
            Err(RowsError::NoHeader)
        );
        assert!(rows(&[b'a'; 101], TableKind::Csv, &budgets).is_err());
    }

    #[test]
    fn knows_tables_by_name_and_by_content() {
        let check =
            |name: Option<&str>, bytes: &[u8], kind| assert_eq!(is_table(name, bytes), kind);
        check(Some("A.CSV"), b"", Some(TableKind::Csv));
        check(Some("a.txt"), b"a;b;c\n1;2;3\n1;2;3\n", None);
        check(None, b"a;b;c\n1;2;3\n1;2;3\n", Some(TableKind::Csv));
        check(None, b"{\"a\":1}\n{\"a\":2}", Some(TableKind::JsonLines));
        check(
            None,
            "Bonjour, madame,\nJe viens, donc,\nVoici, cela,".as_bytes(),
            None,
        );
    }

    proptest::proptest! {
        #[test]
        fn records_end_where_the_parser_ends_them(text in "[a\",\n\r]{1,24}") {
            let mut quotes = Quotes::new(&text, b',');
            let mut reader = csv::ReaderBuilder::new()
                .flexible(true)
                .has_headers(false)
                .from_reader(text.as_bytes());
            let mut record = csv::StringRecord::new();
            loop {
                let start = quotes.begins(reader.position());
                quotes.after_unclosed(start);
                let known = start < quotes.closing && quotes.from == start;
                if !reader.read_record(&mut record).unwrap() {
                    break;
                }
                if known {
                    // What follows a carriage return of a pair is passed over later.
                    let end = reader.position().byte() as usize;
                    proptest::prop_assert_eq!(text[..quotes.end].trim_end(), text[..end].trim_end());
                }
            }
        }

        #[test]
        fn any_bytes_give_rows_or_an_error(bytes: Vec<u8>) {
            for kind in [TableKind::Csv, TableKind::Tsv, TableKind::JsonLines] {
                if let Ok(table) = rows(&bytes, kind, &Budgets::default()) {
                    for row in table.rows {
                        let value: Value = serde_json::from_slice(&row.json).unwrap();
                        proptest::prop_assert!(value.is_object());
                    }
                }
            }
        }
    }
}

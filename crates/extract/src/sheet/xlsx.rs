//! Excel workbooks (ISO/IEC 29500 SpreadsheetML), part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use domain::NoteCode;

use super::number::Format;
use super::{Book, Sheet};
use crate::budgets::Budget;
use crate::draft::Draft;
use crate::office::package::Package;
use crate::office::pptx;
use crate::office::story::{Kind, Story};
use crate::office::xml::{self, CONTINUE, Node, Tag};

const MAIN: &str = "xl/workbook.xml";

/// A sheet as the workbook names it.
struct Named {
    name: String,
    hidden: bool,
    part: String,
}

pub(super) fn read(bytes: &[u8], draft: &mut Draft) -> Book {
    let mut book = Book::default();
    let Some(mut package) = Package::open(bytes, "XLSX", draft) else {
        return book;
    };
    if let Some(core) = package.text("docProps/core.xml", draft) {
        draft.title = xml::element_text(&core, "title", "docProps/core.xml", draft);
    }
    let relationships = package.relationships(MAIN, draft);
    let (mut named, mut epoch_1904) = (Vec::new(), false);
    if let Some(text) = package.text(MAIN, draft) {
        xml::walk(&text, MAIN, draft, |node, _| {
            if let Node::Start(tag) = node {
                match tag.name() {
                    "workbookPr" => {
                        epoch_1904 =
                            matches!(tag.attribute("date1904").as_deref(), Some("1" | "true"));
                    }
                    "sheet" => {
                        let target = tag.prefixed("id");
                        let part =
                            target.and_then(|id| relationships.target(&id).map(str::to_owned));
                        named.push(Named {
                            name: tag.attribute("name").unwrap_or_default(),
                            hidden: tag
                                .attribute("state")
                                .is_some_and(|state| state != "visible"),
                            part: part.unwrap_or_default(),
                        });
                    }
                    _ => {}
                }
            }
            CONTINUE
        });
    }
    let styles = relationships.of_kind("styles");
    let formats = styles.first().and_then(|name| package.text(name, draft));
    let formats = formats
        .map(|text| formats_of(&text, draft))
        .unwrap_or_default();
    let strings = relationships.of_kind("sharedStrings");
    let strings = strings.first().and_then(|name| package.text(name, draft));
    let strings = strings
        .map(|text| strings_of(&text, draft))
        .unwrap_or_default();
    let mut lost = Lost::default();
    for Named { name, hidden, part } in named {
        let Some(text) = package.text(&part, draft) else {
            draft.note(NoteCode::DamagedFile, Some("XLSX: sheet".into()));
            continue;
        };
        book.sheets.push(Sheet {
            name,
            hidden,
            ..Sheet::default()
        });
        let cells = Cells {
            formats: &formats,
            strings: &strings,
            epoch_1904,
        };
        let all = cells.read(&text, &mut book, &mut lost, draft);
        if let Some(sheet) = book.sheets.last_mut() {
            floating(&mut package, &part, sheet, draft);
        }
        if !all {
            break;
        }
    }
    for (count, code, what) in [
        (
            lost.formulas,
            NoteCode::NotReadableYet,
            "formulas without a result",
        ),
        (lost.strings, NoteCode::DamagedFile, "shared texts missing"),
    ] {
        if count > 0 {
            draft.note(code, Some(format!("{what}: {count}")));
        }
    }
    package.attach("xl/embeddings/", draft);
    let said = book.sheets.iter().any(|sheet| !sheet.rows.is_empty());
    match said {
        true => package.attach_pictures("xl/media/", &BTreeSet::new(), draft),
        // A scan pasted into a sheet says nothing else.
        false => package.attach("xl/media/", draft),
    }
    book
}

/// The number format of each cell style.
fn formats_of(text: &str, draft: &mut Draft) -> Vec<Format> {
    let mut codes: BTreeMap<u32, Format> = BTreeMap::new();
    let (mut formats, mut in_cells) = (Vec::new(), false);
    xml::walk(text, "xl/styles.xml", draft, |node, _| {
        match node {
            Node::Start(tag) => {
                let id = || tag.attribute("numFmtId").and_then(|id| id.parse().ok());
                match tag.name() {
                    "numFmt" => {
                        if let (Some(id), Some(code)) = (id(), tag.attribute("formatCode")) {
                            codes.insert(id, Format::parse(&code));
                        }
                    }
                    "cellXfs" => in_cells = true,
                    "xf" if in_cells => {
                        let id = id().unwrap_or(0);
                        let format = codes.get(&id).cloned();
                        formats.push(format.unwrap_or_else(|| Format::builtin(id)));
                    }
                    _ => {}
                }
            }
            Node::End(name) if name.as_str() == "cellXfs" => in_cells = false,
            _ => {}
        }
        CONTINUE
    });
    formats
}

/// The texts that cells share.
fn strings_of(text: &str, draft: &mut Draft) -> Vec<String> {
    let mut strings = Vec::new();
    let (mut current, mut in_text, mut phonetic) = (String::new(), false, false);
    xml::walk(text, "xl/sharedStrings.xml", draft, |node, _| {
        match node {
            Node::Start(tag) => match tag.name() {
                "si" => current.clear(),
                "rPh" => phonetic = true,
                name => in_text = name == "t",
            },
            Node::End(name) => match name.as_str() {
                "si" => strings.push(std::mem::take(&mut current)),
                "rPh" => phonetic = false,
                "t" => in_text = false,
                _ => {}
            },
            Node::Text(text) if in_text && !phonetic => current.push_str(text),
            Node::Text(_) => {}
        }
        CONTINUE
    });
    strings
}

struct Cells<'a> {
    formats: &'a [Format],
    strings: &'a [String],
    epoch_1904: bool,
}

/// What cells do not say.
#[derive(Default)]
struct Lost {
    /// Formulas whose result the program that wrote them did not keep.
    formulas: u64,
    /// Shared texts that the file does not have.
    strings: u64,
}

impl Lost {
    fn count(&mut self, cell: &Cell, strings: usize) {
        let value = cell.value.trim();
        let shared = cell.kind == "s" && !value.is_empty();
        // A formula may well result in an empty text.
        let kept = cell.result && (cell.kind == "str" || !value.is_empty());
        self.formulas += u64::from(cell.formula && !kept);
        self.strings += u64::from(shared && value.parse().map_or(true, |i: usize| i >= strings));
    }
}

/// The cell that is being read.
#[derive(Default)]
struct Cell {
    row: u32,
    column: u32,
    kind: String,
    style: usize,
    value: String,
    /// It has a formula.
    formula: bool,
    /// It has the element of a value.
    result: bool,
}

impl Cells<'_> {
    /// Reads the cells of a sheet into the last of the book. `false` when no more may be kept.
    fn read(&self, text: &str, book: &mut Book, lost: &mut Lost, draft: &mut Draft) -> bool {
        let mut cell = Cell::default();
        let (mut in_value, mut phonetic, mut all) = (false, false, true);
        xml::walk(text, "SpreadsheetML", draft, |node, draft| {
            match node {
                Node::Start(tag) => {
                    in_value = matches!(tag.name(), "v" | "t");
                    match tag.name() {
                        "c" => cell.begin(&tag),
                        "f" => cell.formula = true,
                        "v" => cell.result = true,
                        "row" => {
                            let number = tag.attribute("r").and_then(|n| n.parse().ok());
                            cell.row = number.unwrap_or(cell.row.saturating_add(1));
                            cell.column = 0;
                            if let Some(sheet) = book.sheets.last_mut() {
                                sheet.hidden_rows |= is_hidden(&tag);
                            }
                        }
                        "col" => {
                            if let Some(sheet) = book.sheets.last_mut() {
                                sheet.hidden_columns |= is_hidden(&tag);
                            }
                        }
                        "rPh" => phonetic = true,
                        _ => {}
                    }
                }
                Node::End(name) => {
                    in_value = false;
                    match name.as_str() {
                        "c" => {
                            lost.count(&cell, self.strings.len());
                            let said = self.say(&cell);
                            all = book.push(cell.row, cell.column, &said, draft);
                            if !all {
                                return ControlFlow::Break(());
                            }
                        }
                        "rPh" => phonetic = false,
                        _ => {}
                    }
                }
                Node::Text(text) if in_value && !phonetic => cell.value.push_str(text),
                Node::Text(_) => {}
            }
            CONTINUE
        });
        all
    }

    fn say(&self, cell: &Cell) -> String {
        let value = cell.value.trim();
        match cell.kind.as_str() {
            "s" => {
                let index: Option<usize> = value.parse().ok();
                let shared = index.and_then(|index| self.strings.get(index));
                shared.cloned().unwrap_or_default()
            }
            "b" => match value {
                "" => String::new(),
                "0" | "false" => "FAUX".into(),
                _ => "VRAI".into(),
            },
            "str" | "inlineStr" | "e" => cell.value.clone(),
            "d" => iso(value),
            _ if value.is_empty() => String::new(),
            _ => match self.formats.get(cell.style) {
                Some(format) => format.say(value, self.epoch_1904),
                None => Format::General.say(value, self.epoch_1904),
            },
        }
    }
}

impl Cell {
    fn begin(&mut self, tag: &Tag) {
        self.kind = tag.attribute("t").unwrap_or_default();
        self.style = tag.attribute("s").and_then(|s| s.parse().ok()).unwrap_or(0);
        self.value.clear();
        (self.formula, self.result) = (false, false);
        match tag.attribute("r").as_deref().and_then(reference) {
            Some((column, row)) => (self.column, self.row) = (column, row),
            None => self.column = self.column.saturating_add(1),
        }
    }
}

/// A date as ISO 8601 writes it, for people.
pub(super) fn iso(value: &str) -> String {
    let value = value.trim().trim_end_matches('Z');
    let (day, time) = value.split_once('T').unwrap_or((value, ""));
    let time = time.split('.').next().unwrap_or_default();
    let time = time
        .strip_suffix(":00")
        .filter(|t| t.contains(':'))
        .unwrap_or(time);
    match time {
        "" | "00:00" => day.to_owned(),
        time => format!("{day} {time}"),
    }
}

fn is_hidden(tag: &Tag) -> bool {
    matches!(tag.attribute("hidden").as_deref(), Some("1" | "true"))
}

/// `BC12` as column and row, from 1.
fn reference(text: &str) -> Option<(u32, u32)> {
    let at = text.find(|c: char| c.is_ascii_digit())?;
    let (letters, digits) = text.split_at(at);
    let mut column = 0u32;
    for letter in letters.bytes() {
        let digit = letter
            .to_ascii_uppercase()
            .checked_sub(b'A')
            .filter(|d| *d < 26)?;
        column = column.checked_mul(26)?.checked_add(u32::from(digit) + 1)?;
    }
    (column > 0).then_some((column, digits.parse().ok()?))
}

/// Text boxes and comments of a sheet.
fn floating(package: &mut Package, part: &str, sheet: &mut Sheet, draft: &mut Draft) {
    let relationships = package.relationships(part, draft);
    for drawing in relationships.of_kind("drawing") {
        if let Some(text) = package.text(&drawing, draft) {
            sheet.stories.push(pptx::slide(&text, draft));
        }
        for chart in package.relationships(&drawing, draft).of_kind("chart") {
            if let Some(text) = package.text(&chart, draft) {
                sheet.stories.push(pptx::slide(&text, draft));
            }
        }
    }
    for comments in relationships.of_kind("comments") {
        if let Some(text) = package.text(&comments, draft) {
            sheet.stories.push(comments_of(&text, draft));
        }
    }
    sheet.stories.retain_mut(|story| !story.said().is_empty());
}

/// Comments, each with its cell: `[Commentaire, B4] À vérifier`.
fn comments_of(text: &str, draft: &mut Draft) -> Story {
    let mut story = Story::default();
    let mut in_text = false;
    xml::walk(text, "xl/comments.xml", draft, |node, draft| {
        match node {
            Node::Start(tag) => {
                in_text = tag.name() == "t";
                if tag.name() == "comment" {
                    if story.depth() as u64 > u64::from(draft.budgets.depth) {
                        draft.reached(Budget::Depth);
                        return ControlFlow::Break(());
                    }
                    story.open(Kind::Paragraph);
                    let cell = tag.attribute("ref").unwrap_or_default();
                    story.text(&format!("[Commentaire, {cell}] "));
                }
            }
            Node::End(name) => {
                in_text = false;
                if name.as_str() == "comment" {
                    story.close(Kind::Paragraph);
                }
            }
            // A comment of several lines is one remark.
            Node::Text(text) if in_text => story.text(&text.replace('\n', " ")),
            Node::Text(_) => {}
        }
        CONTINUE
    });
    story
}

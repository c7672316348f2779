//! OpenDocument spreadsheets (ISO/IEC 26300): `content.xml`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use domain::NoteCode;

use super::number::plain;
use super::xlsx::iso;
use super::{Book, Sheet};
use crate::draft::Draft;
use crate::office::odf;
use crate::office::package::Package;
use crate::office::story::{Kind, Story};
use crate::office::xml::{self, CONTINUE, Node, Tag};

/// No spreadsheet has more rows or columns than this.
const ROWS_MAX: u32 = 1 << 20;
const COLUMNS_MAX: u32 = 1 << 14;

pub(super) fn read(bytes: &[u8], draft: &mut Draft) -> Book {
    let Some(mut package) = Package::open(bytes, "ODS", draft) else {
        return Book::default();
    };
    if odf::is_encrypted(&mut package, draft) {
        draft.note(NoteCode::Encrypted, Some("ODS".into()));
        return Book::default();
    }
    if let Some(meta) = package.text("meta.xml", draft) {
        draft.title = xml::element_text(&meta, "title", "meta.xml", draft);
    }
    let Some(text) = package.text("content.xml", draft) else {
        draft.note(NoteCode::DamagedFile, Some("content.xml".into()));
        return Book::default();
    };
    let mut walker = Walker::default();
    xml::walk(&text, "content.xml", draft, |node, draft| {
        walker.visit(node, draft)
    });
    for sheet in &mut walker.book.sheets {
        sheet.stories.retain_mut(|story| !story.said().is_empty());
    }
    odf::objects(&mut package, draft);
    let said = walker
        .book
        .sheets
        .iter()
        .any(|sheet| !sheet.rows.is_empty());
    match said {
        true => package.attach_pictures(odf::PICTURES, &BTreeSet::new(), draft),
        false => package.attach(odf::PICTURES, draft),
    }
    walker.book
}

/// The cell that is being read.
#[derive(Default)]
struct Cell {
    kind: String,
    /// The value as the file keeps it.
    value: Option<String>,
    /// What is shown.
    shown: String,
    paragraphs: u32,
    repeated: u32,
}

#[derive(Default)]
struct Walker {
    book: Book,
    /// Table styles that are not shown.
    hidden: BTreeSet<String>,
    style: Option<String>,
    tables: u32,
    skipping: u32,
    row: u32,
    row_repeated: u32,
    column: u32,
    /// Cells of the row: first column, how many, text.
    cells: Vec<(u32, u32, String)>,
    cell: Option<Cell>,
    /// A comment or a text box being read.
    floating: Option<(Story, String)>,
    in_floating: u32,
    in_paragraph: bool,
}

impl Walker {
    fn visit(&mut self, node: Node, draft: &mut Draft) -> ControlFlow<()> {
        match node {
            Node::Start(tag) => {
                let skipped = matches!(
                    tag.name(),
                    "tracked-changes"
                        | "title"
                        | "desc"
                        | "dde-links"
                        | "creator"
                        | "date"
                        | "date-string"
                        | "creator-initials"
                        | "event-listeners"
                );
                if self.skipping > 0 || skipped {
                    self.skipping += 1;
                } else {
                    self.start(&tag);
                }
            }
            Node::End(_) if self.skipping > 0 => self.skipping -= 1,
            Node::End(name) => return self.end(name.as_str(), draft),
            Node::Text(text) if self.in_paragraph && self.skipping == 0 => self.text(text),
            Node::Text(_) => {}
        }
        CONTINUE
    }

    fn start(&mut self, tag: &Tag) {
        let repeated = |name: &str| -> u32 {
            let times = tag.attribute(name).and_then(|n| n.parse().ok());
            times.unwrap_or(1)
        };
        match tag.name() {
            "style" => self.style = tag.attribute("name"),
            "table-properties" if tag.attribute("display").as_deref() == Some("false") => {
                self.hidden.extend(self.style.take());
            }
            "table" => {
                self.tables += 1;
                if self.tables == 1 {
                    let style = tag.attribute("style-name");
                    self.book.sheets.push(Sheet {
                        name: tag.attribute("name").unwrap_or_default(),
                        hidden: style.is_some_and(|style| self.hidden.contains(&style)),
                        ..Sheet::default()
                    });
                    self.row = 0;
                }
            }
            "table-column" | "table-row" => {
                let shown = tag.attribute("visibility").is_none_or(|v| v == "visible");
                let is_row = tag.name() == "table-row";
                if is_row && self.tables == 1 {
                    self.row_repeated = repeated("number-rows-repeated");
                    self.column = 0;
                    self.cells.clear();
                }
                // Rows and columns beyond the last are one that is repeated.
                let many = repeated("number-rows-repeated")
                    .max(repeated("number-columns-repeated"))
                    > 10_000;
                if !shown
                    && !many
                    && let Some(sheet) = self.book.sheets.last_mut()
                {
                    sheet.hidden_rows |= is_row;
                    sheet.hidden_columns |= !is_row;
                }
            }
            "table-cell" | "covered-table-cell" if self.tables == 1 => {
                self.cell = Some(Cell {
                    kind: tag.attribute("value-type").unwrap_or_default(),
                    value: [
                        "value",
                        "date-value",
                        "time-value",
                        "boolean-value",
                        "string-value",
                    ]
                    .iter()
                    .find_map(|name| tag.attribute(name)),
                    repeated: repeated("number-columns-repeated"),
                    ..Cell::default()
                });
            }
            "annotation" | "text-box" | "custom-shape" => {
                self.in_floating += 1;
                if self.floating.is_none() {
                    let mark = match (tag.name(), &self.cell) {
                        ("annotation", Some(_)) => {
                            format!(
                                "[Commentaire, {}{}] ",
                                letters(self.column + 1),
                                self.row + 1
                            )
                        }
                        ("annotation", None) => "[Commentaire] ".to_owned(),
                        _ => String::new(),
                    };
                    self.floating = Some((Story::default(), mark));
                }
            }
            "p" | "h" => {
                self.in_paragraph = true;
                if let Some((story, mark)) = &mut self.floating {
                    story.open(Kind::Paragraph);
                    story.text(&std::mem::take(mark));
                } else if let Some(cell) = &mut self.cell {
                    cell.paragraphs += 1;
                    if cell.paragraphs > 1 {
                        cell.shown.push(' ');
                    }
                }
            }
            "s" | "tab" | "line-break" if self.in_paragraph => self.text(" "),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((story, _)) = &mut self.floating {
            story.text(text);
        } else if let Some(cell) = &mut self.cell {
            cell.shown.push_str(text);
        }
    }

    fn end(&mut self, name: &str, draft: &mut Draft) -> ControlFlow<()> {
        match name {
            "p" | "h" => {
                self.in_paragraph = false;
                if let Some((story, _)) = &mut self.floating {
                    story.close(Kind::Paragraph);
                }
            }
            "annotation" | "text-box" | "custom-shape" => {
                self.in_floating = self.in_floating.saturating_sub(1);
                if self.in_floating == 0
                    && let Some((story, _)) = self.floating.take()
                    && let Some(sheet) = self.book.sheets.last_mut()
                {
                    sheet.stories.push(story);
                }
            }
            "table-cell" | "covered-table-cell" if self.tables == 1 => {
                if let Some(cell) = self.cell.take() {
                    let text = cell.say();
                    if !text.trim().is_empty() {
                        self.cells.push((self.column + 1, cell.repeated, text));
                    }
                    self.column = self.column.saturating_add(cell.repeated).min(COLUMNS_MAX);
                }
            }
            "table-row" if self.tables == 1 => return self.row(draft),
            "table" => self.tables = self.tables.saturating_sub(1),
            "style" => self.style = None,
            _ => {}
        }
        CONTINUE
    }

    /// A row ends: it is kept as often as it is repeated, within the budgets.
    fn row(&mut self, draft: &mut Draft) -> ControlFlow<()> {
        let first = self.row.saturating_add(1);
        self.row = self.row.saturating_add(self.row_repeated).min(ROWS_MAX);
        if self.cells.is_empty() {
            return CONTINUE;
        }
        for row in first..=self.row {
            for (column, repeated, text) in &self.cells {
                let last = column.saturating_add(*repeated).min(COLUMNS_MAX + 1);
                for column in *column..last {
                    if !self.book.push(row, column, text, draft) {
                        return ControlFlow::Break(());
                    }
                }
            }
        }
        CONTINUE
    }
}

impl Cell {
    /// What people see, unless it has fewer digits than the file.
    fn say(&self) -> String {
        let shown = self.shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some(value) = self
            .value
            .as_deref()
            .map(str::trim)
            .filter(|v| !v.is_empty())
        else {
            return shown;
        };
        match self.kind.as_str() {
            "date" => iso(value),
            "float" | "currency" | "percentage" => {
                let Ok(number) = value.parse::<f64>() else {
                    return shown;
                };
                let percent = self.kind == "percentage";
                let scaled = if percent { number * 100.0 } else { number };
                if read_back(&shown)
                    .is_some_and(|read| (read - scaled).abs() <= scaled.abs() * 1e-12)
                {
                    return shown;
                }
                let digits = match percent {
                    true => plain("", scaled),
                    false => plain(value, number),
                };
                let unit: String = shown
                    .chars()
                    .filter(|c| !c.is_ascii_digit() && !"-+.,'() \u{a0}\u{202f}".contains(*c))
                    .collect();
                match unit.trim() {
                    "" => digits,
                    unit => format!("{digits} {unit}"),
                }
            }
            _ if shown.is_empty() => value.to_owned(),
            _ => shown,
        }
    }
}

/// A number as people write it, read back.
fn read_back(shown: &str) -> Option<f64> {
    let kept: String = shown
        .chars()
        .filter(|c| c.is_ascii_digit() || matches!(c, '-' | ',' | '.' | '−'))
        .map(|c| if c == '−' { '-' } else { c })
        .collect();
    // With both, the last one is the decimal sign.
    let decimal = kept.rfind([',', '.']);
    let plain: String = kept
        .char_indices()
        .filter_map(|(i, c)| match c {
            ',' | '.' if Some(i) == decimal => Some('.'),
            ',' | '.' => None,
            c => Some(c),
        })
        .collect();
    plain.parse().ok()
}

/// 1 is A, 27 is AA.
fn letters(mut column: u32) -> String {
    let mut letters = Vec::new();
    while column > 0 {
        column -= 1;
        letters.push(char::from(b'A' + u8::try_from(column % 26).unwrap_or(0)));
        column /= 26;
    }
    letters.iter().rev().collect()
}

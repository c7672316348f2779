//! Word documents (ISO/IEC 29500 WordprocessingML): paragraphs, tables, shapes' text, notes,
//! headers and footers.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};

use domain::NoteCode;
use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::budgets::Budget;
use crate::charset;
use crate::draft::Draft;

/// Two paragraphs at most this long, one after the other, are one block: the lines of an address.
const SHORT_LINE_CHARACTERS: usize = 60;

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Reads a document.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        draft.note(NoteCode::DamagedFile, Some("DOCX".into()));
        return;
    };
    if !draft.page(0.0, 0.0) {
        return;
    }
    draft.infer_pairs = true;
    if let Some(core) = part(&mut archive, "docProps/core.xml", draft) {
        draft.title = element_text(&core, "title");
    }
    let mut names: Vec<String> = archive
        .file_names()
        .flatten()
        .map(|n| n.into_owned())
        .collect();
    names.sort();
    names.dedup();
    let starting = |start: &str| -> Vec<String> {
        let is = |name: &&String| {
            name.strip_prefix(start).is_some_and(|rest| {
                rest.strip_suffix(".xml")
                    .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
            })
        };
        names.iter().filter(is).cloned().collect()
    };
    // First pages, even and odd pages have headers of their own, mostly the same.
    let mut seen = BTreeSet::new();
    for start in [
        "word/header",
        "word/document",
        "word/footnotes",
        "word/endnotes",
        "word/footer",
    ] {
        let repeated = start.ends_with("header") || start.ends_with("footer");
        for name in starting(start) {
            let Some(xml) = part(&mut archive, &name, draft) else {
                continue;
            };
            let story = story(&xml, draft);
            if !repeated || seen.insert(story.clone()) {
                write(&story, draft);
            }
        }
    }
}

/// A part of the archive as text, inflated no further than the budget.
fn part(archive: &mut Archive, name: &str, draft: &mut Draft) -> Option<String> {
    let limit = draft.budgets.stream_bytes;
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return None,
        Err(_) => {
            draft.note(NoteCode::DamagedFile, Some(name.into()));
            return None;
        }
    };
    if file.encrypted() {
        draft.note(NoteCode::Encrypted, Some("ZIP".into()));
        return None;
    }
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    if bytes.len() as u64 > limit {
        draft.reached(Budget::StreamBytes);
        return None;
    }
    if read.is_err() {
        draft.note(NoteCode::DamagedFile, Some(name.into()));
    }
    Some(charset::decode(&bytes, None).text)
}

/// The text of the first element of this name.
fn element_text(xml: &str, name: &str) -> Option<String> {
    let mut reader = Reader::from_str(xml);
    let mut text = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(e) if e.local_name().as_ref() == name => text = Some(String::new()),
            Event::End(e) if e.local_name().as_ref() == name => return text,
            Event::Text(e) => {
                if let Some(text) = &mut text {
                    text.push_str(&e.xml10_content());
                }
            }
            Event::GeneralRef(e) => {
                if let Some(text) = &mut text {
                    text.extend(reference(&e));
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// What a part says, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Paragraph(String),
    Row(Vec<String>),
    TableEnd,
}

/// Where text goes: the story itself, a cell of a table, a shape within a paragraph.
enum Frame {
    Paragraph(String),
    Table,
    Row(Vec<String>),
    Cell(String),
    Shape(Vec<String>),
}

struct Story {
    items: Vec<Item>,
    frames: Vec<Frame>,
}

fn story(xml: &str, draft: &mut Draft) -> Vec<Item> {
    let mut reader = Reader::from_str(xml);
    // What Word repairs silently must not cost the rest of the document.
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut story = Story {
        items: Vec::new(),
        frames: Vec::new(),
    };
    let (mut in_text, mut skipping) = (false, 0u32);
    for event in 0u64.. {
        if event >= draft.budgets.objects {
            draft.reached(Budget::Objects);
            break;
        }
        match reader.read_event() {
            Err(_) => {
                draft.note(NoteCode::DamagedFile, Some("WordprocessingML".into()));
                break;
            }
            Ok(Event::Eof) => break,
            Ok(Event::Start(e)) => {
                let name = e.local_name();
                // A shape is stored twice, the second time for old programs; moved text too.
                if skipping > 0 || matches!(name.as_ref(), "Fallback" | "moveFrom") {
                    skipping += 1;
                    continue;
                }
                in_text = name.as_ref() == "t";
                if story.frames.len() as u64 > u64::from(draft.budgets.depth) {
                    draft.reached(Budget::Depth);
                    break;
                }
                story.start(name.as_ref());
            }
            Ok(Event::End(e)) => {
                if skipping > 0 {
                    skipping -= 1;
                    continue;
                }
                in_text = false;
                story.end(e.local_name().as_ref());
            }
            Ok(Event::Empty(e)) if skipping == 0 => story.empty(e.local_name().as_ref()),
            Ok(Event::Text(e)) if in_text && skipping == 0 => story.text(&e.xml10_content()),
            Ok(Event::CData(e)) if in_text && skipping == 0 => story.text(&e.xml10_content()),
            Ok(Event::GeneralRef(e)) if in_text && skipping == 0 => {
                if let Some(c) = reference(&e) {
                    story.text(c.encode_utf8(&mut [0; 4]));
                }
            }
            Ok(_) => {}
        }
    }
    story.finish()
}

fn reference(e: &quick_xml::events::BytesRef) -> Option<char> {
    match e.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => e.resolve_char_ref().ok().flatten(),
    }
}

impl Story {
    fn start(&mut self, name: &str) {
        match name {
            "p" => self.frames.push(Frame::Paragraph(String::new())),
            "tbl" => self.frames.push(Frame::Table),
            "tr" => self.frames.push(Frame::Row(Vec::new())),
            "tc" => self.frames.push(Frame::Cell(String::new())),
            "txbxContent" => self.frames.push(Frame::Shape(Vec::new())),
            _ => self.empty(name),
        }
    }

    fn empty(&mut self, name: &str) {
        match name {
            "tab" => self.text("\t"),
            "br" | "cr" => self.text("\n"),
            "noBreakHyphen" => self.text("-"),
            "p" => {
                self.paragraph(String::new());
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(Frame::Paragraph(paragraph)) = self.frames.last_mut() {
            paragraph.push_str(text);
        }
    }

    fn end(&mut self, name: &str) {
        if !matches!(name, "p" | "tbl" | "tr" | "tc" | "txbxContent") {
            return;
        }
        // Frames that the file never closes close with the one around them.
        let closes = |frame: &Frame| {
            matches!(
                (frame, name),
                (Frame::Paragraph(_), "p")
                    | (Frame::Table, "tbl")
                    | (Frame::Row(_), "tr")
                    | (Frame::Cell(_), "tc")
                    | (Frame::Shape(_), "txbxContent")
            )
        };
        let Some(depth) = self.frames.iter().rposition(closes) else {
            return;
        };
        while self.frames.len() > depth {
            self.close();
        }
    }

    /// Closes the innermost frame into the one around it.
    fn close(&mut self) {
        match self.frames.pop() {
            None => {}
            Some(Frame::Paragraph(text)) => self.paragraph(text),
            Some(Frame::Cell(text)) => match self.frames.last_mut() {
                Some(Frame::Row(cells)) => cells.push(text),
                _ => self.paragraph(text),
            },
            Some(Frame::Row(cells)) => self.row(cells),
            Some(Frame::Table) if self.in_cell() => {}
            Some(Frame::Table) => self.items.push(Item::TableEnd),
            Some(Frame::Shape(lines)) => {
                // A shape stands within a paragraph: its text comes before the paragraph's.
                for line in lines {
                    self.paragraph(line);
                }
            }
        }
    }

    fn in_cell(&self) -> bool {
        self.frames
            .iter()
            .any(|frame| matches!(frame, Frame::Cell(_) | Frame::Shape(_)))
    }

    fn paragraph(&mut self, text: String) {
        let around = self
            .frames
            .iter_mut()
            .rev()
            .find(|frame| matches!(frame, Frame::Cell(_) | Frame::Shape(_)));
        match around {
            Some(Frame::Cell(cell)) => {
                if !cell.is_empty() && !text.trim().is_empty() {
                    cell.push(' ');
                }
                cell.push_str(text.trim());
            }
            Some(Frame::Shape(lines)) => lines.push(text),
            _ => self.items.push(Item::Paragraph(text)),
        }
    }

    fn row(&mut self, cells: Vec<String>) {
        if self.in_cell() {
            // A table within a cell is read as the cell's text.
            self.paragraph(cells.join(" "));
        } else {
            self.items.push(Item::Row(cells));
        }
    }

    fn finish(mut self) -> Vec<Item> {
        while !self.frames.is_empty() {
            self.close();
        }
        self.items
    }
}

fn write(items: &[Item], draft: &mut Draft) {
    draft.end_block();
    let (mut short_before, mut in_table) = (false, false);
    for item in items {
        if matches!(item, Item::Row(_)) != in_table {
            draft.end_block();
            in_table = !in_table;
            short_before = false;
        }
        match item {
            Item::Paragraph(text) if text.trim().is_empty() => {
                draft.end_block();
                short_before = false;
            }
            Item::Paragraph(text) => {
                let short = text.chars().count() <= SHORT_LINE_CHARACTERS;
                if !(short && short_before) {
                    draft.end_block();
                }
                draft.line(text.trim(), None);
                short_before = short;
            }
            Item::Row(cells) => {
                draft.row(cells, None);
            }
            Item::TableEnd => draft.end_block(),
        }
    }
    draft.end_block();
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use domain::Span;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::{Budgets, Extraction, Input, extract};

    fn docx(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read(parts: &[(&str, &str)], budgets: &Budgets) -> Extraction {
        let bytes = docx(parts);
        let input = Input {
            bytes: &bytes,
            file_name: Some("lettre.docx"),
            media_type: None,
            ..Input::default()
        };
        extract(&input, budgets)
    }

    fn check(body: &str, text: &str) -> Extraction {
        let document = format!("<w:document xmlns:w='w'><w:body>{body}</w:body></w:document>");
        let read = read(&[("word/document.xml", &document)], &Budgets::default());
        assert_eq!(read.text.as_str(), text);
        read
    }

    #[test]
    fn reads_paragraphs_tables_and_shapes() {
        let p = |text: &str| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>");
        let cell = |inner: &str| format!("<w:tc>{inner}</w:tc>");
        let long = "Je vous prie de bien vouloir trouver ci-joint le dossier complet demandé.";
        let body = [
            p("Anne Roy"),
            p("12, rue des Lilas"),
            "<w:p/>".into(),
            p(&format!("{long} A &amp; B &#233;")),
            format!(
                "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
                cell(&p("Téléphone")),
                cell(&(p("06 00") + &p("00 00"))),
                cell(&p("Ville")),
                cell(&format!(
                    "<w:tbl><w:tr>{}{}</w:tr></w:tbl>",
                    cell(&p("x")),
                    cell(&p("y"))
                )),
            ),
            format!(
                "<w:p><w:r><w:t>Avant</w:t></w:r><mc:AlternateContent><mc:Choice>\
                 <w:txbxContent>{}</w:txbxContent></mc:Choice><mc:Fallback>\
                 <w:txbxContent>{}</w:txbxContent></mc:Fallback></mc:AlternateContent>\
                 <w:r><w:t xml:space='preserve'> après</w:t><w:delText>non</w:delText></w:r></w:p>",
                p("Forme"),
                p("Forme")
            ),
        ]
        .concat();
        let read = check(
            &body,
            &format!(
                "Anne Roy\n12, rue des Lilas\n\n{long} A & B é\n\n\
                 Téléphone\t06 00 00 00\nVille\tx y\n\nForme\nAvant après"
            ),
        );
        let field = read.layout.field("Téléphone").unwrap();
        assert_eq!(
            Span::of(field.span.unwrap(), &read.text),
            Some("06 00 00 00")
        );
    }

    #[test]
    fn headers_are_said_once_and_the_title_is_found() {
        let text = |t: &str| format!("<w:hdr><w:p><w:r><w:t>{t}</w:t></w:r></w:p></w:hdr>");
        let read = read(
            &[
                (
                    "docProps/core.xml",
                    "<cp><dc:title>Demande d&apos;aide</dc:title></cp>",
                ),
                ("word/header2.xml", &text("Mairie")),
                ("word/header1.xml", &text("Mairie")),
                ("word/document.xml", &text("Corps")),
                ("word/footer1.xml", &text("Page")),
            ],
            &Budgets::default(),
        );
        assert_eq!(read.text.as_str(), "Mairie\n\nCorps\n\nPage");
        assert_eq!(read.layout.title.as_deref(), Some("Demande d'aide"));
    }

    #[test]
    fn bombs_and_broken_parts_are_noted() {
        let budgets = Budgets {
            stream_bytes: 1000,
            depth: 20,
            ..Budgets::default()
        };
        let details = |read: Extraction| -> Vec<_> {
            read.layout
                .notes
                .into_iter()
                .filter_map(|note| note.detail)
                .collect()
        };
        let bomb = "x".repeat(10_000);
        assert_eq!(
            details(read(&[("word/document.xml", &bomb)], &budgets)),
            ["stream_bytes 1000"]
        );
        let deep = "<w:tbl><w:tr><w:tc>".repeat(40);
        assert_eq!(
            details(read(&[("word/document.xml", &deep)], &budgets)),
            ["depth 20"]
        );
        let cut = "<w:p><w:r><w:t>Lu</w:t></w:r></w:p><w:p a='";
        let cut = read(&[("word/document.xml", cut)], &budgets);
        assert_eq!(cut.text.as_str(), "Lu");
        assert_eq!(details(cut), ["WordprocessingML"]);
    }
}

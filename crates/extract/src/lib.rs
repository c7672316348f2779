//! Bytes to text with places, form fields and attachments.
//!
//! [`extract`] is a plain function from bytes and settings to stored text, layout and attachments.
//! [`isolation`] runs it in a child process that can be killed, because a hostile file can still
//! hang or exhaust a parser; that is how the product calls it.
//!
//! | module | what it knows |
//! |---|---|
//! | `sniff` | which format the bytes are, whatever their name says |
//! | `charset`, `language` | encodings, and the language of a text |
//! | `pdf` | pages, glyphs, reading order, AcroForm, embedded files |
//! | `html`, `mail`, `office`, `sheet`, `plain`, `row`, `xml`, `msg` | the other formats that are read |
//! | `archive` | files packed together, each to become a document |
//! | `image` | sizes of images; their pixels are for `ocr` |
//! | `pairs` | "label : value" lines read as fields |
//! | `draft` | lines and fields under construction; the only place that makes spans |
//! | [`rows`] | tables split into rows, for intake |
//! | [`split`] | stored text to passages |
//! | [`sketch`] | stored text to what tells nearly equal texts |
//! | [`budgets`] | how much is read before reading stops |
//! | [`ocr`] | pages that are images, recognised by a program of this machine |
//! | [`isolation`] | the child process, its limits and the pool of children |
//! | [`markdown`] | an extraction with its headings, lists and tables, for people |
//! | [`view`] | what a person or a program is shown of an extraction |
//!
//! Invariants:
//! - the output is a function of the bytes, the name, the declared type and the budgets: no clock,
//!   no thread, no hash order, nothing installed on the machine;
//! - `extract` never fails and never panics on purpose: bad input is data, and notes say what could
//!   not be read; a parser's panic on one page costs that page, elsewhere what follows it;
//! - every span indexes the stored text exactly;
//! - notes come from content and budgets only. What depends on load is a [`isolation::ReadFault`],
//!   never a note.

pub mod budgets;
pub mod isolation;
pub mod markdown;
pub mod ocr;
pub mod rows;
pub mod sketch;
pub mod split;
pub mod view;

mod archive;
mod charset;
mod draft;
#[cfg(fuzzing)]
pub mod fuzzed;
mod html;
mod image;
mod language;
mod mail;
mod msg;
mod office;
mod pairs;
mod pdf;
mod plain;
mod row;
mod sheet;
mod sniff;
mod xml;

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::arrival::{ROW_MEDIA_TYPE, RowColumns};
use domain::{Layout, NoteCode, StoredText};

pub use budgets::Budgets;

use budgets::Budget;
use draft::Draft;
use rows::TableKind;
use sniff::Kind;

/// What is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// The document.
    pub bytes: &'a [u8],
    /// Its file name as given, to notice a name that contradicts the content.
    pub file_name: Option<&'a str>,
    /// Its media type as declared. Only [`ROW_MEDIA_TYPE`] decides how it is read.
    pub media_type: Option<&'a str>,
    /// For a row: which column holds the text and the title.
    pub columns: Option<&'a RowColumns>,
    /// The password that opens it, where it is known.
    pub password: Option<&'a str>,
}

/// A file within the file, to become a document of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Which part of the parent it is; unique within the parent.
    pub part: String,
    /// File name as given, or one made from the part.
    pub name: String,
    /// Media type as declared by the parent.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What was read of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extraction {
    /// The text that every span of the layout refers to.
    pub text: StoredText,
    /// Pages, lines, fields, attachments, notes.
    pub layout: Layout,
    /// The attachments' bytes, in the order of `layout.attachments`.
    pub children: Vec<Child>,
}

/// Reads a document. Same input and budgets, same output, to the byte.
///
/// Never fails: what could not be read is a note. A hostile file can still take long or much
/// memory: outside tests, call it through [`isolation::Reader`].
pub fn extract(input: &Input, budgets: &Budgets) -> Extraction {
    let mut draft = Draft::new(budgets);
    if input.bytes.is_empty() {
        draft.note(NoteCode::Empty, None);
        return draft.finish();
    }
    if input.bytes.len() as u64 > budgets.input_bytes {
        draft.reached(Budget::InputBytes);
        return draft.finish();
    }
    if input.media_type.map(sniff::essence).as_deref() == Some(ROW_MEDIA_TYPE) {
        draft.media_type = ROW_MEDIA_TYPE.into();
        row::read(input, &mut draft);
        return draft.finish();
    }
    contained(&mut draft, |draft| {
        let kind = sniff::sniff(input, draft.budgets);
        draft.media_type = kind.media_type().into();
        for mismatch in kind.mismatches(input) {
            draft.note(NoteCode::NameMismatch, Some(mismatch));
        }
        read_as(&kind, input, draft);
    });
    draft.finish()
}

/// Reads, whatever happens: a parser's panic depends on the bytes alone, so it is the file's damage
/// and said as such, and what was read before it stays.
fn contained<'b>(draft: &mut Draft<'b>, read: impl FnOnce(&mut Draft<'b>)) {
    if catch_unwind(AssertUnwindSafe(|| read(draft))).is_err() {
        draft.note(NoteCode::DamagedFile, None);
    }
    draft.note_if_empty();
}

/// Reads the bytes as what they are.
fn read_as(kind: &Kind, input: &Input, draft: &mut Draft) {
    match kind {
        Kind::Pdf => pdf::read(input.bytes, input.password, draft),
        Kind::Docx => office::docx::read(input.bytes, draft),
        Kind::Odf(odf) => office::odf::read(input.bytes, *odf, draft),
        Kind::Pptx => office::pptx::read(input.bytes, draft),
        Kind::Rtf => office::rtf::read(input.bytes, draft),
        Kind::Table(TableKind::Workbook(kind)) => {
            let book = sheet::read(input.bytes, *kind, draft);
            sheet::write(book, draft);
        }
        Kind::Html => html::read(input.bytes, draft),
        Kind::Image(format) => image::read(input.bytes, *format, draft),
        Kind::Mail => mail::read(input.bytes, draft),
        Kind::Table(_) | Kind::Json => plain::read_lines(input.bytes, draft),
        Kind::Text | Kind::Markdown => plain::read(input.bytes, draft),
        Kind::Encrypted(format) => draft.note(NoteCode::Encrypted, Some((*format).into())),
        Kind::Zip => archive::read_zip(input.bytes, input.password, draft),
        Kind::Gzip => archive::read_gzip(input.bytes, input.file_name, draft),
        Kind::Tar => archive::read_tar(input.bytes, draft),
        Kind::Mbox => mail::read_mbox(input.bytes, draft),
        Kind::Msg => msg::read(input.bytes, draft),
        Kind::Xml => xml::read(input.bytes, draft),
        Kind::Svg => xml::read_svg(input.bytes, draft),
        Kind::Damaged(format) => draft.note(NoteCode::DamagedFile, Some((*format).into())),
        Kind::Known { name, .. } => draft.note(NoteCode::NotReadableYet, Some(name.clone())),
        Kind::Unknown => draft.note(NoteCode::UnknownFormat, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_parser_costs_what_follows_it() {
        let budgets = Budgets::default();
        let mut draft = Draft::new(&budgets);
        contained(&mut draft, |draft| {
            plain::read(b"avant", draft);
            panic!("a parser's");
        });
        let read = draft.finish();
        assert_eq!(read.text.as_str(), "avant");
        let codes: Vec<_> = read.layout.notes.iter().map(|note| note.code).collect();
        assert_eq!(codes, [NoteCode::DamagedFile]);
    }
}

//! Ways in for the fuzz targets to what is otherwise reached only behind other formats. Compiled
//! with `--cfg fuzzing` alone: no program has them.

use crate::budgets::Budgets;
use crate::draft::Draft;
use crate::office::odf::Odf;
use crate::rows::{TableKind, Workbook};
use crate::sniff::{self, Kind};
use crate::{Extraction, Input, charset, contained, ocr, read_as};

pub use crate::isolation::frames;

/// The formats that [`read`] knows.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// `pdf`.
    Pdf,
    /// `office::docx`.
    Docx,
    /// `office::odf`, as a text.
    Odt,
    /// `office::odf`, as a presentation.
    Odp,
    /// `office::pptx`.
    Pptx,
    /// `office::rtf`.
    Rtf,
    /// `sheet::xlsx`.
    Xlsx,
    /// `sheet::ods`.
    Ods,
    /// `sheet::xls`.
    Xls,
    /// `mail`.
    Mail,
    /// `mail`, as a mailbox.
    Mbox,
    /// `msg`.
    Msg,
    /// `html`.
    Html,
    /// `xml`.
    Xml,
    /// `xml`, as a drawing.
    Svg,
    /// `plain`.
    Text,
    /// `archive`: ZIP.
    Zip,
    /// `archive`: gzip.
    Gzip,
    /// `archive`: tar.
    Tar,
}

/// Reads the bytes as this format, whatever they look like.
pub fn read(format: Format, bytes: &[u8], budgets: &Budgets) -> Extraction {
    let kind = match format {
        Format::Pdf => Kind::Pdf,
        Format::Docx => Kind::Docx,
        Format::Odt => Kind::Odf(Odf::Text),
        Format::Odp => Kind::Odf(Odf::Presentation),
        Format::Pptx => Kind::Pptx,
        Format::Rtf => Kind::Rtf,
        Format::Xlsx => Kind::Table(TableKind::Workbook(Workbook::Xlsx)),
        Format::Ods => Kind::Table(TableKind::Workbook(Workbook::Ods)),
        Format::Xls => Kind::Table(TableKind::Workbook(Workbook::Xls)),
        Format::Mail => Kind::Mail,
        Format::Mbox => Kind::Mbox,
        Format::Msg => Kind::Msg,
        Format::Html => Kind::Html,
        Format::Xml => Kind::Xml,
        Format::Svg => Kind::Svg,
        Format::Text => Kind::Text,
        Format::Zip => Kind::Zip,
        Format::Gzip => Kind::Gzip,
        Format::Tar => Kind::Tar,
    };
    let input = Input {
        bytes,
        ..Input::default()
    };
    let mut draft = Draft::new(budgets);
    contained(&mut draft, |draft| read_as(&kind, &input, draft));
    draft.finish()
}

/// The media type that the bytes are taken for.
pub fn sniffed(bytes: &[u8], file_name: Option<&str>, budgets: &Budgets) -> String {
    let input = Input {
        bytes,
        file_name,
        ..Input::default()
    };
    sniff::sniff(&input, budgets).media_type().to_owned()
}

/// The characters of bytes that are declared as `label`.
pub fn decoded(bytes: &[u8], label: &str) -> String {
    charset::decode(bytes, Some(label)).text
}

/// How many words a recogniser's answer has.
pub fn words(tsv: &str) -> usize {
    ocr::words(tsv)
}

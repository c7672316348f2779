//! Which format the bytes are. The content decides; a name or a declared type that says otherwise
//! is only reported.

use std::io::{Cursor, Read};

use ::image::ImageFormat;
use file_format::FileFormat;

use crate::office::odf::Odf;
use crate::rows::{self, TableKind, Workbook};
use crate::{Budgets, Input, archive, image};

/// What the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pdf,
    Docx,
    Odf(Odf),
    Pptx,
    Rtf,
    Html,
    Image(ImageFormat),
    Mail,
    Table(TableKind),
    Json,
    Markdown,
    Text,
    Zip,
    Gzip,
    Tar,
    Mbox,
    Msg,
    Xml,
    Svg,
    /// A format that cannot be opened without a password.
    Encrypted(&'static str),
    /// A container whose directory cannot be read.
    Damaged(&'static str),
    /// A format that is recognised but not read.
    Known {
        name: String,
        media_type: String,
    },
    Unknown,
}

const DOCX_MEDIA_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX_MEDIA_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX_MEDIA_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const ODT_MEDIA_TYPE: &str = "application/vnd.oasis.opendocument.text";
const ODS_MEDIA_TYPE: &str = "application/vnd.oasis.opendocument.spreadsheet";
const ODP_MEDIA_TYPE: &str = "application/vnd.oasis.opendocument.presentation";

impl Kind {
    fn known(name: &str, media_type: &str) -> Self {
        Self::Known {
            name: name.into(),
            media_type: media_type.into(),
        }
    }

    pub(crate) fn media_type(&self) -> &str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Docx => DOCX_MEDIA_TYPE,
            Self::Odf(Odf::Text) => ODT_MEDIA_TYPE,
            Self::Odf(Odf::Presentation) => ODP_MEDIA_TYPE,
            Self::Pptx => PPTX_MEDIA_TYPE,
            Self::Rtf => "application/rtf",
            Self::Html => "text/html",
            Self::Image(format) => format.to_mime_type(),
            Self::Mail => "message/rfc822",
            Self::Table(TableKind::Csv) => "text/csv",
            Self::Table(TableKind::Tsv) => "text/tab-separated-values",
            Self::Table(TableKind::JsonLines) => "application/x-ndjson",
            Self::Table(TableKind::Workbook(Workbook::Xlsx)) => XLSX_MEDIA_TYPE,
            Self::Table(TableKind::Workbook(Workbook::Ods)) => ODS_MEDIA_TYPE,
            Self::Table(TableKind::Workbook(Workbook::Xls)) => "application/vnd.ms-excel",
            Self::Json => "application/json",
            Self::Markdown => "text/markdown",
            Self::Text => "text/plain",
            Self::Zip => "application/zip",
            Self::Gzip => "application/gzip",
            Self::Tar => "application/x-tar",
            Self::Mbox => "application/mbox",
            Self::Msg => "application/vnd.ms-outlook",
            Self::Xml => "application/xml",
            Self::Svg => "image/svg+xml",
            Self::Encrypted(_) => "application/x-ole-storage",
            Self::Damaged(_) => "application/zip",
            Self::Known { media_type, .. } => media_type,
            Self::Unknown => "application/octet-stream",
        }
    }

    /// The name people give the format.
    fn name(&self) -> &str {
        match self {
            Self::Pdf => "PDF",
            Self::Docx => "DOCX",
            Self::Odf(Odf::Text) => "ODT",
            Self::Odf(Odf::Presentation) => "ODP",
            Self::Pptx => "PPTX",
            Self::Rtf => "RTF",
            Self::Html => "HTML",
            Self::Image(format) => image::name(*format),
            Self::Mail => "EML",
            Self::Table(TableKind::Csv) => "CSV",
            Self::Table(TableKind::Tsv) => "TSV",
            Self::Table(TableKind::JsonLines) => "JSONL",
            Self::Table(TableKind::Workbook(Workbook::Xlsx)) => "XLSX",
            Self::Table(TableKind::Workbook(Workbook::Ods)) => "ODS",
            Self::Table(TableKind::Workbook(Workbook::Xls)) => "XLS",
            Self::Json => "JSON",
            Self::Markdown => "Markdown",
            Self::Text => "text",
            Self::Zip => "ZIP",
            Self::Gzip => "GZIP",
            Self::Tar => "TAR",
            Self::Mbox => "MBOX",
            Self::Msg => "MSG",
            Self::Xml => "XML",
            Self::Svg => "SVG",
            Self::Encrypted(name) | Self::Damaged(name) => name,
            Self::Known { name, .. } => name,
            Self::Unknown => "unknown",
        }
    }

    /// One sentence for each way the name or the declared type contradicts the content.
    pub(crate) fn mismatches(&self, input: &Input) -> Vec<String> {
        let mut sentences = Vec::new();
        if matches!(self, Self::Unknown | Self::Encrypted(_) | Self::Damaged(_)) {
            return sentences;
        }
        let content = self.name();
        let named = input.file_name.and_then(named_by_extension);
        if let Some(name) = named.filter(|name| !same_family(name, content)) {
            sentences.push(format!("name says {name}, content is {content}"));
        }
        let declared = input.media_type.and_then(named_by_media_type);
        if let Some(name) = declared.filter(|name| !same_family(name, content)) {
            sentences.push(format!("declared type says {name}, content is {content}"));
        }
        sentences
    }
}

/// A media type without its parameters, in lower case.
pub(crate) fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Looks at the bytes; the name only helps to tell kinds of text apart.
pub(crate) fn sniff(input: &Input, budgets: &Budgets) -> Kind {
    let bytes = input.bytes;
    let mail = looks_like_mail(bytes, says(input, "EML"));
    if !mail && looks_like_pdf(bytes) {
        return Kind::Pdf;
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return in_zip(bytes, budgets);
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return in_compound_file(bytes);
    }
    if mail {
        return match bytes.starts_with(b"From ") && more_than_one_message(bytes) {
            true => Kind::Mbox,
            false => Kind::Mail,
        };
    }
    if bytes.starts_with(b"\x1f\x8b\x08") {
        return Kind::Gzip;
    }
    if archive::is_tar(bytes) {
        return Kind::Tar;
    }
    if let Some(format) = image::format(bytes) {
        return Kind::Image(format);
    }
    if looks_like_text(bytes) {
        return text_kind(input);
    }
    match FileFormat::from_bytes(bytes) {
        FileFormat::ArbitraryBinaryData | FileFormat::Empty | FileFormat::PlainText => {
            Kind::Unknown
        }
        format => Kind::known(
            format.short_name().unwrap_or_else(|| format.name()),
            format.media_type(),
        ),
    }
}

/// Whether the name or the declared type says this format.
fn says(input: &Input, format: &str) -> bool {
    input.file_name.and_then(named_by_extension) == Some(format)
        || input.media_type.and_then(named_by_media_type) == Some(format)
}

/// The mark at the start, or objects and an end where the mark is damaged.
fn looks_like_pdf(bytes: &[u8]) -> bool {
    let within = |part: &[u8], mark: &[u8]| part.windows(mark.len()).any(|w| w == mark);
    let head = &bytes[..bytes.len().min(4096)];
    let tail = &bytes[bytes.len().saturating_sub(2048)..];
    within(&head[..head.len().min(1024)], b"%PDF-")
        || (within(head, b" obj") && within(tail, b"startxref"))
}

fn more_than_one_message(bytes: &[u8]) -> bool {
    let next = [b"\n\nFrom ".as_slice(), b"\r\n\r\nFrom "];
    next.iter()
        .any(|next| bytes.windows(next.len()).any(|w| w == *next))
}

fn text_kind(input: &Input) -> Kind {
    let bytes = input.bytes;
    // Rules on ASCII markers must also hold for UTF-16.
    let head: String = crate::charset::decode(&bytes[..bytes.len().min(4096) & !1], None)
        .text
        .to_ascii_lowercase();
    let head = head.trim_start();
    if head.starts_with("{\\rtf") {
        return Kind::Rtf;
    }
    if head.starts_with("%!ps") {
        return Kind::known("PostScript", "application/postscript");
    }
    if looks_like_html(head) || (says(input, "HTML") && head.contains("</")) {
        return Kind::Html;
    }
    if head.starts_with("<?xml") || head.starts_with("<svg") {
        return match FileFormat::from_bytes(bytes) {
            FileFormat::ScalableVectorGraphics => Kind::Svg,
            _ => Kind::Xml,
        };
    }
    if let Some(kind) = rows::is_table(input.file_name, bytes) {
        return Kind::Table(kind);
    }
    let extension = input.file_name.and_then(extension);
    if head.starts_with(['{', '['])
        && extension
            .as_deref()
            .is_none_or(|e| e == "json" || e == "geojson")
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
    {
        return Kind::Json;
    }
    match extension.as_deref() {
        Some("md" | "markdown") => Kind::Markdown,
        _ => Kind::Text,
    }
}

fn looks_like_html(head: &str) -> bool {
    let mut rest = head.trim_start_matches('\u{feff}').trim_start();
    // Comments and an XML declaration may stand before the document type.
    loop {
        let end = match rest {
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<?xml") && head.contains("<html") => "?>",
            _ => break,
        };
        let Some(at) = rest.find(end) else { break };
        rest = rest[at + end.len()..].trim_start();
    }
    const STARTS: [&str; 14] = [
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<title",
        "<meta",
        "<div",
        "<table",
        "<p>",
        "<h1",
        "<style",
        "<script",
        "<span",
        "<br",
    ];
    STARTS.iter().any(|start| rest.starts_with(start))
}

/// Header fields of which a message has some (RFC 5322 section 3.6, and what transport adds).
const MAIL_FIELDS: [&str; 20] = [
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "received",
    "return-path",
    "mime-version",
    "content-type",
    "delivered-to",
    "reply-to",
    "sender",
    "x-mailer",
    "dkim-signature",
    "in-reply-to",
    "references",
    "content-transfer-encoding",
    "user-agent",
    "bcc",
];

/// Whether the bytes begin with the header of a message: at least two fields that messages have,
/// one of which no other kind of text begins with. When the name says so (`said`), one is enough.
fn looks_like_mail(bytes: &[u8], said: bool) -> bool {
    let head = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let head = &head[..head.len().min(32 << 10)];
    let (mut lines, mut fields, mut telling) = (0, 0, false);
    for (i, line) in head.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A line that goes on with the field above.
        if lines > 0 && (line.starts_with(b" ") || line.starts_with(b"\t")) {
            continue;
        }
        if line.is_empty() && lines == 0 {
            continue;
        }
        // The separator line of an mbox.
        if i == 0 && (line.starts_with(b"From ") || line.starts_with(b">From ")) {
            continue;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            break;
        };
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            break;
        }
        lines += 1;
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if MAIL_FIELDS.contains(&name.as_str()) {
            fields += 1;
            telling |= !matches!(name.as_str(), "date" | "subject" | "references" | "sender");
        }
    }
    (fields >= 2 && telling) || (said && fields >= 1)
}

/// Few control characters: text of some encoding.
fn looks_like_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(8192)];
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return true;
    }
    let control = |b: &&u8| **b < 32 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x1a);
    let zeros = head.iter().filter(|b| **b == 0).count();
    if zeros > 0 {
        // UTF-16 without a mark; any other file with NULs is not text.
        let utf16 = crate::charset::decode(head, None);
        return utf16.encoding.starts_with("UTF-16");
    }
    head.iter().filter(control).count() * 100 <= head.len()
}

fn in_zip(bytes: &[u8], budgets: &Budgets) -> Kind {
    let Ok(archive) = zip::ZipArchive::new(Cursor::new(bytes)) else {
        return Kind::Damaged("ZIP");
    };
    if archive.len() as u64 > budgets.objects {
        return Kind::known("ZIP", "application/zip");
    }
    let has = |name: &str| archive.index_for_name(name).is_some();
    if has("word/document.xml") {
        return Kind::Docx;
    }
    if has("xl/workbook.xml") {
        return Kind::Table(TableKind::Workbook(Workbook::Xlsx));
    }
    if has("xl/workbook.bin") {
        return Kind::known(
            "XLSB",
            "application/vnd.ms-excel.sheet.binary.macroenabled.12",
        );
    }
    if has("ppt/presentation.xml") {
        return Kind::Pptx;
    }
    if let Some(kind) = open_document(archive.clone()) {
        return kind;
    }
    // Word writes its main part under another name when the package says so.
    if has("[Content_Types].xml")
        && archive
            .file_names()
            .flatten()
            .any(|n| n.starts_with("word/"))
    {
        return Kind::Docx;
    }
    match FileFormat::from_bytes(bytes) {
        FileFormat::ArbitraryBinaryData | FileFormat::Zip => Kind::Zip,
        format => Kind::known(
            format.short_name().unwrap_or_else(|| format.name()),
            format.media_type(),
        ),
    }
}

/// An OpenDocument file: its first part names what it is (templates and their documents alike).
fn open_document(mut archive: zip::ZipArchive<Cursor<&[u8]>>) -> Option<Kind> {
    let mut said = Vec::new();
    let file = archive.by_name("mimetype").ok()?;
    file.take(128).read_to_end(&mut said).ok()?;
    let said = String::from_utf8_lossy(&said);
    let said = said.trim();
    Some(match said.strip_suffix("-template").unwrap_or(said) {
        ODT_MEDIA_TYPE => Kind::Odf(Odf::Text),
        ODP_MEDIA_TYPE => Kind::Odf(Odf::Presentation),
        ODS_MEDIA_TYPE => Kind::Table(TableKind::Workbook(Workbook::Ods)),
        _ => return None,
    })
}

/// Whether the bytes are a workbook, and which.
pub(crate) fn workbook(bytes: &[u8]) -> Option<Workbook> {
    let kind = match bytes {
        _ if bytes.starts_with(b"PK\x03\x04") => in_zip(bytes, &Budgets::default()),
        _ if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") => in_compound_file(bytes),
        _ => return None,
    };
    match kind {
        Kind::Table(TableKind::Workbook(workbook)) => Some(workbook),
        _ => None,
    }
}

/// A Microsoft compound file: its streams' names, in UTF-16, tell what it is.
fn in_compound_file(bytes: &[u8]) -> Kind {
    let has = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.windows(name.len()).any(|window| window == name)
    };
    // First, as what is attached to a message may be any of the others.
    if has("__properties_version1.0") {
        Kind::Msg
    } else if has("EncryptedPackage") {
        Kind::Encrypted("Office")
    } else if has("WordDocument") {
        Kind::known("DOC", "application/msword")
    } else if has("Workbook") || has("Book") {
        Kind::Table(TableKind::Workbook(Workbook::Xls))
    } else if has("PowerPoint Document") {
        Kind::known("PPT", "application/vnd.ms-powerpoint")
    } else {
        Kind::known("CFB", "application/x-ole-storage")
    }
}

/// The extension of a file name, in lower case.
pub(crate) fn extension(file_name: &str) -> Option<String> {
    let name = file_name.rsplit(['/', '\\']).next()?;
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| extension.to_ascii_lowercase())
}

fn named_by_extension(file_name: &str) -> Option<&'static str> {
    Some(match extension(file_name)?.as_str() {
        "pdf" => "PDF",
        "docx" | "docm" | "dotx" => "DOCX",
        "doc" | "dot" => "DOC",
        "xlsx" | "xlsm" => "XLSX",
        "xls" => "XLS",
        "pptx" => "PPTX",
        "ppt" => "PPT",
        "odt" | "ott" => "ODT",
        "ods" | "ots" => "ODS",
        "odp" => "ODP",
        "rtf" => "RTF",
        "html" | "htm" | "xhtml" => "HTML",
        "eml" => "EML",
        "msg" => "MSG",
        "csv" => "CSV",
        "tsv" | "tab" => "TSV",
        "jsonl" | "ndjson" => "JSONL",
        "json" | "geojson" => "JSON",
        "md" | "markdown" => "Markdown",
        "txt" | "text" | "log" => "text",
        "xml" => "XML",
        "png" => "PNG",
        "jpg" | "jpeg" | "jpe" => "JPEG",
        "gif" => "GIF",
        "tif" | "tiff" => "TIFF",
        "webp" => "WebP",
        "bmp" => "BMP",
        "zip" => "ZIP",
        "gz" | "tgz" => "GZIP",
        "tar" => "TAR",
        "mbox" => "MBOX",
        "svg" => "SVG",
        _ => return None,
    })
}

fn named_by_media_type(media_type: &str) -> Option<&'static str> {
    // `text/plain` and `application/octet-stream` are what senders write when they do not know.
    Some(match essence(media_type).as_str() {
        "application/pdf" => "PDF",
        DOCX_MEDIA_TYPE => "DOCX",
        "application/msword" => "DOC",
        XLSX_MEDIA_TYPE => "XLSX",
        PPTX_MEDIA_TYPE => "PPTX",
        ODT_MEDIA_TYPE => "ODT",
        ODS_MEDIA_TYPE => "ODS",
        ODP_MEDIA_TYPE => "ODP",
        "text/html" => "HTML",
        "message/rfc822" => "EML",
        "text/csv" => "CSV",
        "text/markdown" => "Markdown",
        "application/json" => "JSON",
        "image/png" => "PNG",
        "image/jpeg" | "image/jpg" => "JPEG",
        "image/tiff" => "TIFF",
        "image/webp" => "WebP",
        "image/gif" => "GIF",
        "image/bmp" | "image/x-ms-bmp" => "BMP",
        "application/zip" => "ZIP",
        _ => return None,
    })
}

fn same_family(named: &str, content: &str) -> bool {
    let text = |name: &str| matches!(name, "text" | "CSV" | "TSV" | "JSONL" | "JSON" | "Markdown");
    named == content
        || (text(named) && text(content))
        // XHTML is both.
        || matches!((named, content), ("XML", "HTML" | "SVG") | ("HTML", "XML"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_office_file_is_said_to_be_one() {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        for stream in ["EncryptionInfo", "EncryptedPackage"] {
            file.create_stream(stream).unwrap();
        }
        let bytes = file.into_inner().into_inner();
        let input = Input {
            bytes: &bytes,
            file_name: Some("demande.docx"),
            ..Input::default()
        };
        let notes = crate::extract(&input, &Budgets::default()).layout.notes;
        assert_eq!(
            domain::told::notes(&notes, domain::Lang::En),
            ["password needed: Office, to be saved without a password and handed in again"]
        );
    }

    fn check(name: Option<&str>, bytes: &[u8], expected: &str, mismatch: Option<&str>) {
        let input = Input {
            bytes,
            file_name: name,
            media_type: None,
            ..Input::default()
        };
        let kind = sniff(&input, &Budgets::default());
        assert_eq!(kind.name(), expected, "{name:?}");
        assert_eq!(
            kind.mismatches(&input).first().map(String::as_str),
            mismatch
        );
    }

    #[test]
    fn the_content_decides() {
        let mail = b"From: a@b.fr\r\nTo: c@d.fr\r\nSubject: x\r\n\r\nBonjour";
        check(Some("lettre.pdf"), b"%PDF-1.7 ...", "PDF", None);
        check(
            Some("lettre.docx"),
            b"%PDF-1.7 ...",
            "PDF",
            Some("name says DOCX, content is PDF"),
        );
        check(Some("m.eml"), mail, "EML", None);
        check(None, mail, "EML", None);
        check(Some("a.txt"), b"Objet: salle\nDate: demain\n", "text", None);
        check(
            Some("p.html"),
            b"<!-- x --><!DOCTYPE html><p>",
            "HTML",
            None,
        );
        check(
            Some("p.pdf"),
            b"<html>",
            "HTML",
            Some("name says PDF, content is HTML"),
        );
        check(Some("n.md"), b"# Titre\n\nTexte", "Markdown", None);
        check(Some("t.csv"), b"a;b\n1;2\n", "CSV", None);
        check(Some("t.txt"), "l'été".as_bytes(), "text", None);
        check(Some("t.jsonl"), b"{\"a\":1}\n{\"a\":2}\n", "JSONL", None);
        check(Some("x.rtf"), b"{\\rtf1 a}", "RTF", None);
        check(Some("x.png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG", None);
        check(Some("x.docx"), b"PK\x03\x04 truncated", "ZIP", None);
        check(Some("x.xml"), b"<?xml version='1.0'?><a/>", "XML", None);
        check(None, b"\0\x01\x02\x03\x04\x05\x06\x07", "unknown", None);
        check(Some("m.eml"), b"Subject: x\n\nBonjour", "EML", None);
        check(
            None,
            b"Recieved: x\n y\nTo: a@b.fr\nDate: z\n\nBonjour",
            "EML",
            None,
        );
        check(Some("p.html"), b"<h3>Titre</h3>", "HTML", None);
        check(
            Some("d.pdf"),
            b"%\xe2\n1 0 obj <<>> endobj\nstartxref 0",
            "PDF",
            None,
        );
        check(
            Some("m"),
            b"From a@b.fr Mon\nFrom: a@b.fr\nTo: c@d.fr\n\nUn\n\nFrom a@b.fr Tue\nFrom: x",
            "MBOX",
            None,
        );
        check(None, b"\xff\xfe<\0h\0t\0m\0l\0>\0", "HTML", None);
    }
}

//! Files that are small and become large, never end, or have no bottom. Each ends in time and says
//! why, and the reader goes on. All are made here.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, though not ones that the compiler knows as such"
)]

mod common;

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use extract::Input;
use extract::isolation::ProcessLimits;
use extract::ocr::OcrSettings;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use common::{deflate, pdf, reader};

const CASES: &[common::Case] = &[
    ("inflating_streams", inflating_streams),
    ("forms_that_draw_forms", forms_that_draw_forms),
    ("trees_that_are_rings", trees_that_are_rings),
    ("deep_arrays", deep_arrays),
    ("forms_that_double", forms_that_double),
    ("endless_operators", endless_operators),
    ("a_page_of_a_million_points", a_page_of_a_million_points),
    ("images_of_400_million_pixels", images_of_400_million_pixels),
    ("a_cell_in_the_far_corner", a_cell_in_the_far_corner),
    ("entities_that_expand", entities_that_expand),
    ("archives_in_archives", archives_in_archives),
    ("archives_that_overlap", archives_that_overlap),
    ("mails_in_mails", mails_in_mails),
    ("elements_in_elements", elements_in_elements),
    ("lines_without_end", lines_without_end),
    ("directories_that_are_rings", directories_that_are_rings),
];

/// What a document that was read whole ends with.
const READ: &str = "read";
/// Notes that say how far a document was read.
const BOUNDED: &[&str] = &["budget-reached", "nested-too-deep", "unexpanded-reference"];
/// Notes that say that it is broken, or of a kind that is not read.
const BROKEN: &[&str] = &[
    "damaged-file",
    "damaged-page",
    "not-readable-yet",
    "unknown-format",
    "encrypted",
    "needs-ocr",
    "attachment-unreadable",
];
/// Faults that name a limit.
const LIMITS: &[&str] = &["time-limit", "memory-limit", "output-limit"];

fn main() {
    common::run(CASES, |_| false);
}

fn limits() -> ProcessLimits {
    ProcessLimits {
        address_space_bytes: 1 << 30,
        cpu_seconds: 4,
        wall: Duration::from_secs(40),
        ..ProcessLimits::default()
    }
}

/// The document ends within the limits, with one of these codes, alone and as an image.
fn check(what: &str, file_name: &str, bytes: &[u8], ends: &[&[&str]]) {
    let reader = reader(limits());
    let input = Input {
        bytes,
        file_name: Some(file_name),
        ..Input::default()
    };
    let began = Instant::now();
    let ended = match reader.read(&input) {
        Ok(read) => read
            .layout
            .notes
            .iter()
            .map(|note| serde_json::to_value(note.code).unwrap())
            .map(|code| code.as_str().unwrap().to_owned())
            .collect(),
        Err(fault) => vec![fault.code().to_owned()],
    };
    let took = began.elapsed();
    println!("{what}: {ended:?} in {took:.1?}");
    let expected = if ended.is_empty() {
        ends.concat().contains(&READ)
    } else {
        ended
            .iter()
            .any(|end| ends.concat().contains(&end.as_str()))
    };
    assert!(expected, "{what} ended with {ended:?}, expected {ends:?}");
    assert!(took < Duration::from_secs(60), "{what} took {took:?}");

    let drawn = reader.raster(&input, 1, &OcrSettings::default());
    if let Err(fault) = drawn {
        assert!(LIMITS.contains(&fault.code()), "{what} drawn: {fault}");
    }
    assert!(
        reader.read(&common::input(b"texte")).is_ok(),
        "after {what}"
    );
}

/// A PDF of these objects, numbered from 1; the first is the catalogue.
fn objects(bodies: &[&str]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    for (i, body) in bodies.iter().enumerate() {
        out.extend_from_slice(format!("{} 0 obj\n{body}\nendobj\n", i + 1).as_bytes());
    }
    out.extend_from_slice(b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF");
    out
}

const PAGE: &str = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>";
const PAGES: &str = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>";

fn megabytes(of: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut one = of.repeat((1 << 20) / of.len());
    one.resize(1 << 20, b' ');
    std::iter::repeat_n(one, count)
}

fn inflating_streams() {
    let once = deflate(megabytes(b" ", 512));
    let twice = deflate(std::iter::once(once.clone()));
    let ends = [BOUNDED, LIMITS];
    let flate = "/Filter /FlateDecode".to_owned();
    let page = "/Contents 4 0 R";
    check("a stream", "a.pdf", &pdf(page, &[(flate, once)]), &ends);
    let stacked = "/Filter [/FlateDecode /FlateDecode]".to_owned();
    let bytes = pdf(page, &[(stacked, twice)]);
    check("a stream in a stream", "a.pdf", &bytes, &ends);
}

fn forms_that_draw_forms() {
    // Ten forms that each draw the next ten times.
    let mut forms = vec![(String::new(), b"/F1 Do".to_vec())];
    for n in 1..=10 {
        let dict = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] \
             /Resources << /XObject << /F{} {} 0 R >> >>",
            n + 1,
            (n + 5).min(14)
        );
        let draws = format!("/F{} Do 0 0 m 1 1 l S ", n + 1).repeat(10);
        forms.push((dict, draws.into_bytes()));
    }
    let page = "/Contents 4 0 R /Resources << /XObject << /F1 5 0 R >> >>";
    check(
        "forms",
        "a.pdf",
        &pdf(page, &forms),
        &[BOUNDED, BROKEN, LIMITS],
    );
}

fn trees_that_are_rings() {
    let all = [&[READ], BOUNDED, BROKEN, LIMITS];
    let catalogue = "<< /Type /Catalog /Pages 2 0 R >>";
    let ring = "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>";
    check("pages", "a.pdf", &objects(&[catalogue, ring]), &all);
    let fields = "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R 4 0 R] >> >>";
    let (a, b) = (
        "<< /T (a) /FT /Tx /Parent 5 0 R /Kids [5 0 R 5 0 R] >>",
        "<< /T (b) /Parent 4 0 R /Kids [4 0 R 4 0 R] >>",
    );
    let bytes = objects(&[fields, PAGES, PAGE, a, b]);
    check("fields", "a.pdf", &bytes, &all);
    let names = "<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles 4 0 R >> >>";
    let bytes = objects(&[names, PAGES, PAGE, "<< /Kids [4 0 R 4 0 R] >>"]);
    check("names", "a.pdf", &bytes, &all);
}

/// The document is read in the time that it takes honest ones, and one of its notes is this budget.
fn check_budget(what: &str, bytes: &[u8], budget: &str) {
    let began = Instant::now();
    let input = Input {
        bytes,
        file_name: Some("a.pdf"),
        ..Input::default()
    };
    let read = reader(limits()).read(&input).unwrap();
    let details: Vec<_> = read.layout.notes.iter().map(|note| &note.detail).collect();
    println!("{what}: {details:?} in {:.1?}", began.elapsed());
    let said = details.iter().flat_map(|detail| detail.iter());
    assert!(
        said.clone().any(|detail| detail == budget),
        "{what}: {details:?}"
    );
    assert_eq!(read.layout.pages.len(), 1, "{what}");
}

fn forms_that_double() {
    // Thirty forms, each drawing the next one twice and nothing else; with resources of their own,
    // with those of the page, and as what an annotation looks like.
    let names: String = (0..31).map(|n| format!("/F{n} {} 0 R ", n + 5)).collect();
    let shared = format!("/Resources << /XObject << {names} >> >>");
    for (what, own, page) in [
        ("own", shared.as_str(), "/Contents 4 0 R "),
        ("shared", "", "/Contents 4 0 R "),
        (
            "annotation",
            shared.as_str(),
            "/Annots [<< /Rect [0 0 9 9] /AP << /N 5 0 R >> >>] ",
        ),
    ] {
        let mut objects = vec![(String::new(), b"/F0 Do".to_vec())];
        for n in 1..31 {
            let dict = format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] {own}");
            objects.push((dict, format!("/F{n} Do /F{n} Do").into_bytes()));
        }
        let bytes = pdf(&format!("{page}{shared}"), &objects);
        check_budget(what, &bytes, "operators 20000000");
    }
    // One that draws itself twice: the interpreter goes fifty deep.
    let itself = "/Type /XObject /Subtype /Form /BBox [0 0 9 9]".to_owned();
    let objects = [
        (String::new(), b"/F0 Do".to_vec()),
        (itself, b"/F0 Do /F0 Do".to_vec()),
    ];
    let bytes = pdf(&format!("/Contents 4 0 R {shared}"), &objects);
    check_budget("itself", &bytes, "operators 20000000");
}

fn deep_arrays() {
    let all = [&[READ], BOUNDED, BROKEN, LIMITS];
    let began = Instant::now();
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let catalogue = "<< /Type /Catalog /Pages 2 0 R /Names 4 0 R /AcroForm 4 0 R >>";
    let bytes = objects(&[catalogue, PAGES, PAGE, &deep]);
    check("an array", "a.pdf", &bytes, &all);
    let deep = format!("{} 1 {}", "<< /A ".repeat(200_000), ">>".repeat(200_000));
    let bytes = objects(&[catalogue, PAGES, PAGE, &deep]);
    check("a dictionary", "a.pdf", &bytes, &all);
    check_budget("a dictionary", &bytes, "depth 64");
    let bytes = objects(&[catalogue, PAGES, PAGE, &"<< /A ".repeat(200_000)]);
    check_budget("a dictionary that does not end", &bytes, "depth 64");
    let bytes = objects(&[catalogue, PAGES, PAGE, &"[ ".repeat(200_000)]);
    check_budget("an array that does not end", &bytes, "depth 64");
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

fn endless_operators() {
    let content = deflate(megabytes(b"0 0 m 1 1 l n ", 512));
    let flate = "/Filter /FlateDecode".to_owned();
    let bytes = pdf("/Contents 4 0 R", &[(flate, content)]);
    check("operators", "a.pdf", &bytes, &[BOUNDED, LIMITS]);
}

fn a_page_of_a_million_points() {
    let content = b"0 0 1000000 1000000 re f".to_vec();
    let page = "/MediaBox [0 0 1000000 1000000] /Contents 4 0 R";
    let bytes = pdf(page, &[(String::new(), content)]);
    check("a page", "a.pdf", &bytes, &[&[READ], BOUNDED, BROKEN]);
}

fn images_of_400_million_pixels() {
    let side = 20_000u32;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    header.extend([8, 2, 0, 0, 0]);
    let rows = [b"IDAT".to_vec(), deflate(megabytes(&[0], 512))].concat();
    for chunk in [header, rows, b"IEND".to_vec()] {
        png.extend((chunk.len() as u32 - 4).to_be_bytes());
        png.extend(&chunk);
        png.extend(crc32(&chunk).to_be_bytes());
    }
    check("a PNG", "a.png", &png, &[BOUNDED, BROKEN, LIMITS]);
    let mut jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    jpeg.extend(b"\xff\xc0\0\x0b\x08");
    jpeg.extend([(side as u16).to_be_bytes(), (side as u16).to_be_bytes()].concat());
    jpeg.extend(b"\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9");
    check("a JPEG", "a.jpg", &jpeg, &[BOUNDED, BROKEN, LIMITS]);
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn a_cell_in_the_far_corner() {
    let types = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#;
    let rels = |kind: &str, target: &str| {
        format!(
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" Target="{target}"/></Relationships>"#
        )
    };
    let root = rels("officeDocument", "xl/workbook.xml");
    let book_rels = rels("worksheet", "worksheets/sheet1.xml");
    let book = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
    let sheet = r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>"#;
    let bytes = archive(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", book_rels.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ]);
    let ends = [&[READ], BOUNDED, BROKEN];
    check("a cell", "a.xlsx", &bytes, &ends);
}

/// Ten names that each stand for ten of the one before.
fn expanding() -> String {
    let mut dtd = "<!DOCTYPE r [<!ENTITY e0 \"aaaaaaaaaa\">".to_owned();
    for n in 1..10 {
        let before = format!("&e{};", n - 1).repeat(10);
        dtd += &format!("<!ENTITY e{n} \"{before}\">");
    }
    dtd + "]>"
}

fn entities_that_expand() {
    let ends = [&[READ], BOUNDED, BROKEN];
    let dtd = expanding();
    let xml = format!("<?xml version=\"1.0\"?>{dtd}<r><a>&e9;</a></r>");
    check("XML", "a.xml", xml.as_bytes(), &ends);
    let types = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    let document = format!(
        r#"<?xml version="1.0"?>{dtd}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>&e9;</w:t></w:r></w:p></w:body></w:document>"#
    );
    let bytes = archive(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("word/document.xml", document.as_bytes()),
    ]);
    check("DOCX", "a.docx", &bytes, &ends);
    let catalogue =
        "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [] /XFA [(datasets) 4 0 R] >> >>";
    let data = format!(
        r#"{dtd}<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><a>&e9;</a></xfa:data></xfa:datasets>"#
    );
    let stream = format!("<< /Length {} >>\nstream\n{data}\nendstream", data.len());
    let bytes = objects(&[catalogue, PAGES, PAGE, &stream]);
    check("XFA", "a.pdf", &bytes, &ends);
}

fn archives_in_archives() {
    let ends = [&[READ], BOUNDED, BROKEN, LIMITS];
    let mut bytes = vec![b'a'; 16 << 20];
    for level in 0..6 {
        let names: Vec<String> = (0..16).map(|n| format!("{level}-{n}.zip")).collect();
        let parts: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &bytes[..])).collect();
        bytes = archive(&parts);
    }
    check("sixteen times six", "a.zip", &bytes, &ends);
    let mut bytes = b"fond".to_vec();
    for _ in 0..1_000 {
        bytes = archive(&[("dedans.zip", &bytes)]);
    }
    check("a thousand deep", "a.zip", &bytes, &ends);
}

fn archives_that_overlap() {
    // One compressed part, named by many entries of the directory.
    let one = archive(&[("aaaaaaaa.txt", &vec![b'a'; 16 << 20])]);
    let end = one.len() - 22;
    let at = |n: usize| u32::from_le_bytes(one[n..n + 4].try_into().unwrap()) as usize;
    let (start, size) = (at(end + 16), at(end + 12));
    let entries = 60_000u16;
    let mut bytes = one[..start].to_vec();
    for n in 0..entries {
        let from = bytes.len();
        bytes.extend(&one[start..start + size]);
        bytes[from + 46..from + 54].copy_from_slice(format!("{n:08}").as_bytes());
    }
    let directory = (size * usize::from(entries)) as u32;
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    bytes.extend([directory.to_le_bytes(), (start as u32).to_le_bytes()].concat());
    bytes.extend([0, 0]);
    let ends = [&[READ], BOUNDED, BROKEN, LIMITS];
    check("overlapping", "a.zip", &bytes, &ends);
}

fn mails_in_mails() {
    let ends = [&[READ], BOUNDED, BROKEN];
    let head = "From: a@b.fr\r\nTo: c@d.fr\r\nSubject: dedans\r\nMIME-Version: 1.0\r\n";
    let bare =
        format!("{head}Content-Type: message/rfc822\r\n\r\n").repeat(1_000) + head + "\r\nfond";
    check("forwarded", "a.eml", bare.as_bytes(), &ends);
    let mut mail = format!("{head}\r\nfond");
    for n in 0..1_000 {
        mail = format!(
            "{head}Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n\
             Content-Type: message/rfc822\r\n\r\n{mail}\r\n--b{n}--\r\n"
        );
    }
    check("attached", "a.eml", mail.as_bytes(), &ends);
}

fn elements_in_elements() {
    let ends = [&[READ], BOUNDED, BROKEN, LIMITS];
    let html = format!("<!DOCTYPE html><html><body>{}fond", "<div>".repeat(300_000));
    check("HTML", "a.html", html.as_bytes(), &ends);
    let xml = format!("<?xml version=\"1.0\"?>{}fond", "<a>".repeat(1_000_000));
    check("XML", "a.xml", xml.as_bytes(), &ends);
    let json = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    check("JSON", "a.json", json.as_bytes(), &ends);
    let rtf = format!("{{\\rtf1 {}", "{\\b ".repeat(1_000_000));
    check("RTF", "a.rtf", rtf.as_bytes(), &ends);
}

fn lines_without_end() {
    let line = "mot ".repeat(25 << 20);
    check("a line", "a.txt", line.as_bytes(), &[BOUNDED, LIMITS]);
    let letters = "a".repeat(100 << 20);
    check("a word", "a.txt", letters.as_bytes(), &[BOUNDED, LIMITS]);
    let columns = format!("{0}\n{0}\n", "a;".repeat(1_000_000));
    let ends = [&[READ], BOUNDED, BROKEN];
    check("columns", "a.csv", columns.as_bytes(), &ends);
}

fn directories_that_are_rings() {
    // Two image directories, each the next of the other; no pixels.
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    for next in [14u32, 8] {
        tiff.extend(0u16.to_le_bytes());
        tiff.extend(next.to_le_bytes());
    }
    let ends = [BOUNDED, BROKEN, LIMITS];
    check("TIFF", "a.tif", &tiff, &ends);
    // As above, with one pixel each, so that the images themselves are sound.
    let mut tiff = b"II*\0\x0a\0\0\0\xff\xff".to_vec();
    let entries: [(u16, u16, u32); 8] = [
        (256, 3, 1),
        (257, 3, 1),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (278, 3, 1),
        (279, 4, 1),
    ];
    tiff.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        tiff.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        tiff.extend([1u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    tiff.extend(10u32.to_le_bytes());
    check("TIFF of one page for ever", "a.tif", &tiff, &ends);
}

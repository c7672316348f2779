//! Pages drawn here in code: reading order, forms, files, damage and bombs.

mod flat;
mod forms;
mod layout;
mod locked;
mod signed;

use std::io::Write;

use domain::layout::NoteCode;
use domain::{FieldKind, Span};
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::{Budgets, Extraction, Input, extract};

/// A document of numbered objects.
#[derive(Default)]
struct Builder {
    objects: Vec<Vec<u8>>,
}

impl Builder {
    fn new() -> Self {
        Self::default()
    }

    /// Adds an object and returns its number.
    fn add(&mut self, body: impl AsRef<[u8]>) -> usize {
        self.objects.push(body.as_ref().to_vec());
        self.objects.len()
    }

    fn stream(&mut self, dict: &str, data: &[u8]) -> usize {
        let mut body = format!("<< {dict} /Length {} >>\nstream\n", data.len()).into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\nendstream");
        self.add(body)
    }

    /// Adds a page of these contents and returns its number; `with` goes into its dictionary.
    fn page(&mut self, content: &str, with: &str) -> usize {
        let content = self.stream("", &latin1(content));
        self.page_of(content, with)
    }

    fn page_of(&mut self, content: usize, with: &str) -> usize {
        let boxes = if with.contains("/MediaBox") {
            ""
        } else {
            "/MediaBox [0 0 595 842]"
        };
        let resources = if with.contains("/Resources") {
            String::new()
        } else {
            format!("/Resources << {FONT} >>")
        };
        self.add(format!(
            "<< /Type /Page {boxes} {resources} /Contents {content} 0 R {with} >>"
        ))
    }

    /// The file, with these pages and this in its catalogue.
    fn finish(mut self, pages: &[usize], catalog: &str) -> Vec<u8> {
        let kids: Vec<_> = pages.iter().map(|page| format!("{page} 0 R")).collect();
        let tree = self.add(format!(
            "<< /Type /Pages /Count {} /Kids [{}] >>",
            pages.len(),
            kids.join(" ")
        ));
        let root = self.add(format!("<< /Type /Catalog /Pages {tree} 0 R {catalog} >>"));
        let mut out = b"%PDF-1.7\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", self.objects.len() + 1);
        for (i, object) in self.objects.iter().enumerate() {
            table.push_str(&format!("{:010} 00000 n \n", out.len()));
            out.extend_from_slice(format!("{} 0 obj\n", i + 1).as_bytes());
            out.extend_from_slice(object);
            out.extend_from_slice(b"\nendobj\n");
        }
        let start = out.len();
        out.extend_from_slice(table.as_bytes());
        let size = self.objects.len() + 1;
        out.extend_from_slice(
            format!("trailer << /Size {size} /Root {root} 0 R >>\nstartxref\n{start}\n%%EOF")
                .as_bytes(),
        );
        out
    }
}

const FONT: &str = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica \
                    /Encoding /WinAnsiEncoding >> >>";

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(c as u32).unwrap_or(b'?'))
        .collect()
}

/// Operators that show `text` at a place, in points from the bottom left.
fn at(x: f64, y: f64, text: &str) -> String {
    format!("BT /F 10 Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n")
}

fn read(bytes: &[u8], budgets: &Budgets) -> Extraction {
    let input = Input {
        bytes,
        file_name: Some("essai.pdf"),
        media_type: None,
        ..Input::default()
    };
    let read = extract(&input, budgets);
    for page in &read.layout.pages {
        for line in page.blocks.iter().flat_map(|block| &block.lines) {
            let text = Span::of(line.span, &read.text).unwrap();
            assert!(!text.is_empty() && !text.contains(['\n', '\u{c}']));
        }
    }
    read
}

fn check(content: &str, expected: &str) -> Extraction {
    let mut builder = Builder::new();
    let page = builder.page(content, "");
    let read = read(&builder.finish(&[page], ""), &Budgets::default());
    assert_eq!(read.text.as_str(), expected);
    read
}

/// The fields of this name.
fn named<'a>(read: &'a Extraction, name: &str) -> Vec<&'a domain::Field> {
    let fields = read.layout.fields.iter();
    fields.filter(|field| field.name == name).collect()
}

fn codes(read: &Extraction) -> Vec<(NoteCode, Option<u32>)> {
    read.layout
        .notes
        .iter()
        .map(|note| (note.code, note.page))
        .collect()
}

#[test]
fn words_lines_and_blocks_have_their_places() {
    let read = check(
        &[
            at(50.0, 780.0, "Mairie de l'\\311toile"),
            at(50.0, 740.0, "Madame, Monsieur,"),
            at(50.0, 726.0, "la rue est ferm\\351e"),
            // Letters placed one by one, and a word in two pieces.
            "BT /F 10 Tf 1 0 0 1 50 712 Tm [(tra) -20 (vaux) -400 (demain)] TJ ET\n".into(),
        ]
        .concat(),
        "Mairie de l'Étoile\n\nMadame, Monsieur,\nla rue est fermée\ntravaux demain",
    );
    let page = &read.layout.pages[0];
    assert_eq!((page.width.get(), page.height.get()), (595.0, 842.0));
    let [x0, y0, x1, y1] = page.blocks[0].lines[0].bbox.unwrap().points();
    assert!(
        (x0 - 50.0).abs() < 0.1 && (y0 - 54.0).abs() < 0.1,
        "{x0} {y0}"
    );
    assert!(
        (y1 - 64.0).abs() < 0.1 && x1 > 120.0 && x1 < 150.0,
        "{x1} {y1}"
    );
}

#[test]
fn columns_of_prose_are_read_one_after_the_other_and_tables_across() {
    let prose =
        |n: usize, side: &str| format!("Ligne {n} de la colonne {side} assez longue pour elle");
    let mut content = at(
        200.0,
        800.0,
        "Un titre sur toute la largeur de la page entière du journal local",
    );
    let mut expected =
        vec!["Un titre sur toute la largeur de la page entière du journal local\n".to_owned()];
    for (side, x) in [("gauche", 40.0), ("droite", 310.0)] {
        for n in 0..6 {
            content += &at(x, 760.0 - 12.0 * n as f64, &prose(n, side));
            expected.push(prose(n, side));
        }
        expected.last_mut().unwrap().push('\n');
    }
    let content = content.replace('è', "\\350");
    check(&content, expected.join("\n").trim_end());

    let mut content = String::new();
    let mut expected = Vec::new();
    for (n, (left, right)) in [
        ("Salle", "120"),
        ("Stade", "80"),
        ("Gymnase", "95"),
        ("Total", "295"),
    ]
    .into_iter()
    .enumerate()
    {
        content += &at(40.0, 760.0 - 14.0 * n as f64, left);
        content += &at(300.0, 760.0 - 14.0 * n as f64, right);
        expected.push(format!("{left}\t{right}"));
    }
    check(&content, &expected.join("\n"));
}

#[test]
fn what_is_outside_or_drawn_twice_is_not_read() {
    let content = [
        at(50.0, 700.0, "visible"),
        at(50.3, 700.0, "visible"),
        at(50.0, 900.0, "trop haut"),
        at(700.0, 700.0, "trop loin"),
    ];
    check(&content.concat(), "visible");
}

#[test]
fn turned_pages_are_read_as_people_see_them() {
    let mut builder = Builder::new();
    // Text that runs upwards on the sheet, on a page shown turned clockwise.
    let content = "BT /F 10 Tf 0 1 -1 0 100 100 Tm (Plan de situation) Tj ET";
    let page = builder.page(content, "/Rotate 90 /CropBox [50 50 545 792]");
    let read = read(&builder.finish(&[page], ""), &Budgets::default());
    assert_eq!(read.text.as_str(), "Plan de situation");
    let page = &read.layout.pages[0];
    assert_eq!((page.width.get(), page.height.get()), (742.0, 495.0));
    let [x0, y0, x1, y1] = page.blocks[0].lines[0].bbox.unwrap().points();
    assert!(
        x1 - x0 > 60.0 && y1 - y0 < 12.0 && x0 > 49.0 && y0 > 30.0,
        "{x0} {y0} {x1} {y1}"
    );
}

#[test]
fn form_fields_have_names_labels_values_and_places() {
    let mut builder = Builder::new();
    let appearance = builder.stream(
        &format!("/Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << {FONT} >>"),
        b"BT /F 10 Tf 2 5 Td (Ana\\357s Roy) Tj ET",
    );
    let blank = builder.stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"");
    let name = builder.add(format!(
        "<< /Subtype /Widget /T (nom) /FT /Tx /Ff 2 /TU (Nom de famille) /V (Ana\\357s Roy) \
         /Rect [100 700 300 720] /AP << /N {appearance} 0 R >> >>"
    ));
    let person = builder.objects.len() + 2;
    let town = builder.add(format!(
        "<< /Subtype /Widget /Parent {person} 0 R /T (ville) /FT /Ch /V (34) \
         /Opt [[(34) (Montpellier)] [(75) (Paris)]] /Rect [100 660 300 680] >>"
    ));
    builder.add(format!("<< /T (personne) /Kids [{town} 0 R] >>"));
    let state = |builder: &mut Builder, on: &str, now: &str, y: i32| {
        builder.add(format!(
            "<< /Subtype /Widget /Rect [100 {y} 110 {}] /AS /{now} \
             /AP << /N << /{on} {blank} 0 R /Off {blank} 0 R >> >> >>",
            y + 10
        ))
    };
    let (oui, non) = (
        state(&mut builder, "Oui", "Off", 600),
        state(&mut builder, "Non", "Non", 580),
    );
    let radio = builder.add(format!(
        "<< /T (accord) /FT /Btn /Ff 32769 /V /Non /Kids [{oui} 0 R {non} 0 R] >>"
    ));
    let check = builder.add(format!(
        "<< /Subtype /Widget /T (urgent) /FT /Btn /Rect [100 560 110 570] /AS /Off \
         /AP << /N << /On {blank} 0 R >> >> >>"
    ));
    let page = builder.page(
        &at(40.0, 705.0, "Votre nom :"),
        &format!("/Annots [{name} 0 R {town} 0 R {oui} 0 R {non} 0 R {check} 0 R]"),
    );
    let form = format!(
        "/AcroForm << /Fields [{name} 0 R {person} 0 R {radio} 0 R {check} 0 R {radio} 0 R] >>"
    );
    let read = read(&builder.finish(&[page], &form), &Budgets::default());
    assert_eq!(
        read.text.as_str(),
        "Votre nom : Anaïs Roy\n\npersonne.ville : Montpellier\naccord : Non"
    );
    let shown: Vec<_> = read
        .layout
        .fields
        .iter()
        .map(|f| {
            let said = f.span.and_then(|span| span.of(&read.text));
            (f.name.as_str(), f.kind, f.value.as_deref(), said, f.checked)
        })
        .collect();
    assert_eq!(
        shown,
        [
            (
                "nom",
                FieldKind::Text,
                Some("Anaïs Roy"),
                Some("Anaïs Roy"),
                None
            ),
            (
                "personne.ville",
                FieldKind::Choice,
                Some("Montpellier"),
                Some("Montpellier"),
                None
            ),
            ("accord", FieldKind::Radio, None, None, Some(false)),
            (
                "accord",
                FieldKind::Radio,
                Some("Non"),
                Some("Non"),
                Some(true)
            ),
            ("urgent", FieldKind::Checkbox, None, None, Some(false)),
        ]
    );
    let name = read.layout.field("nom").unwrap();
    assert_eq!(name.label.as_deref(), Some("Nom de famille"));
    assert!(name.required && !name.read_only && !name.inferred);
    assert_eq!(name.bbox.unwrap().points(), [100.0, 122.0, 300.0, 142.0]);
    assert_eq!(read.layout.field("accord").unwrap().options, ["Oui", "Non"]);
    assert!(read.layout.field("accord").unwrap().read_only);
    assert_eq!(
        read.layout.field("personne.ville").unwrap().options,
        ["Montpellier", "Paris"]
    );
}

#[test]
fn without_a_form_labelled_lines_are_fields() {
    let read = check(
        &at(50.0, 700.0, "Objet : salle des f\\352tes"),
        "Objet : salle des fêtes",
    );
    let field = read.layout.field("Objet").unwrap();
    assert!(field.inferred && field.bbox.is_some());
    assert_eq!((field.kind, field.page), (FieldKind::Pair, Some(1)));
    assert_eq!(
        Span::of(field.span.unwrap(), &read.text),
        Some("salle des fêtes")
    );
}

#[test]
fn a_field_that_is_its_own_parent_ends() {
    let mut builder = Builder::new();
    let own = builder.add("<< /T (a) /Kids [1 0 R 2 0 R] >>");
    builder.add("<< /T (b) /Kids [1 0 R] >>");
    let page = builder.page("", "");
    let form = format!("/AcroForm << /Fields [{own} 0 R] >>");
    assert!(
        read(&builder.finish(&[page], &form), &Budgets::default())
            .layout
            .fields
            .len()
            <= 2
    );
}

#[test]
fn embedded_files_become_attachments() {
    let mut builder = Builder::new();
    let file = builder.stream("/Type /EmbeddedFile /Subtype /text#2Fplain", b"contenu");
    let spec = builder.add(format!(
        "<< /Type /Filespec /UF (note.txt) /EF << /F {file} 0 R >> >>"
    ));
    let page = builder.page("", "");
    let names = format!("/Names << /EmbeddedFiles << /Names [(a) {spec} 0 R (b) {spec} 0 R] >> >>");
    let read = read(&builder.finish(&[page], &names), &Budgets::default());
    assert_eq!(read.children.len(), 1);
    let child = &read.children[0];
    assert_eq!(
        (child.name.as_str(), child.media_type.as_str()),
        ("note.txt", "text/plain")
    );
    assert_eq!(child.bytes, b"contenu");
    assert_eq!(read.layout.attachments[0].size, 7);
}

#[test]
fn a_page_that_is_an_image_needs_ocr() {
    let mut builder = Builder::new();
    let image = builder.stream(
        "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8",
        &[0],
    );
    let resources = format!("/Resources << {FONT} /XObject << /I {image} 0 R >> >>");
    let scan = builder.page("q 500 0 0 700 0 0 cm /I Do Q", &resources);
    let both = builder.page(
        &format!("q 50 0 0 70 0 0 cm /I Do Q {}", at(9.0, 9.0, "a")),
        &resources,
    );
    let blank = builder.page("", "");
    let read = read(
        &builder.finish(&[scan, both, blank], ""),
        &Budgets::default(),
    );
    assert_eq!(codes(&read), [(NoteCode::NeedsOcr, Some(1))]);
}

#[test]
fn bombs_cost_their_page_and_are_named() {
    let deflated = |part: &[u8], times: usize| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..times {
            encoder.write_all(part).unwrap();
        }
        encoder.finish().unwrap()
    };
    let budgets = Budgets {
        stream_bytes: 1 << 20,
        glyphs: 5000,
        draws: 2000,
        ..Budgets::default()
    };
    let check = |builder: Builder, page: usize, detail: &str| {
        let read = read(&builder.finish(&[page], ""), &budgets);
        let note = read
            .layout
            .notes
            .iter()
            .find(|note| note.code == NoteCode::BudgetReached);
        assert_eq!(note.and_then(|note| note.detail.as_deref()), Some(detail));
        assert_eq!(note.and_then(|note| note.page), Some(1));
    };
    // Content that inflates to a hundred megabytes.
    let mut builder = Builder::new();
    let bomb = deflated(&[b' '; 1 << 20], 100);
    let content = builder.stream("/Filter /FlateDecode", &bomb);
    let page = builder.page_of(content, "");
    check(builder, page, "stream_bytes 1048576");
    // The same, inflated twice, in a form that the page draws.
    let mut builder = Builder::new();
    let twice = deflated(&bomb, 1);
    let form = builder.stream(
        "/Subtype /Form /BBox [0 0 9 9] /Filter [/FlateDecode /FlateDecode]",
        &twice,
    );
    let page = builder.page(
        "/X Do",
        &format!("/Resources << /XObject << /X {form} 0 R >> >>"),
    );
    check(builder, page, "stream_bytes 1048576");
    // Forms that each draw the next ten times: ten billion drawings.
    let mut builder = Builder::new();
    let mut next = builder.stream("/Subtype /Form /BBox [0 0 9 9]", b"");
    for _ in 0..10 {
        let dict =
            format!("/Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {next} 0 R >> >>");
        next = builder.stream(&dict, &b"/X Do ".repeat(10));
    }
    let page = builder.page(
        "/X Do",
        &format!("/Resources << /XObject << /X {next} 0 R >> >>"),
    );
    check(builder, page, "operators 20000000");
    // Shapes without end on one page.
    let mut builder = Builder::new();
    let page = builder.page(&"0 0 m 9 9 l S ".repeat(3_000), "");
    check(builder, page, "draws 2000");
    // Too much text: what was read before the limit stays.
    let mut builder = Builder::new();
    let page = builder.page(
        &at(10.0, 10.0, "abcdefghij")
            .repeat(1000)
            .replace("10 10 Tm", "1 10 Tm"),
        "",
    );
    let bytes = builder.finish(&[page], "");
    assert!(read(&bytes, &budgets).text.starts_with("abc"));
    let few = Budgets {
        glyphs: 5,
        ..budgets.clone()
    };
    let read = read(&bytes, &few);
    assert_eq!(read.text.as_str(), "abcde");
    assert_eq!(read.layout.notes[0].detail.as_deref(), Some("glyphs 5"));
}

#[test]
fn pages_beyond_the_budget_are_not_read() {
    let mut builder = Builder::new();
    let pages: Vec<_> = (0..5)
        .map(|n| builder.page(&at(9.0, 9.0, &format!("page {n}")), ""))
        .collect();
    let budgets = Budgets {
        pages: 2,
        ..Budgets::default()
    };
    let read = read(&builder.finish(&pages, ""), &budgets);
    assert_eq!(read.text.as_str(), "page 0\u{c}page 1");
    assert_eq!(read.layout.notes[0].detail.as_deref(), Some("pages 2"));
}

#[test]
fn odd_files_are_read_as_far_as_they_go() {
    // A page of a million points, at its far end.
    let mut builder = Builder::new();
    let page = builder.page(
        &at(999_000.0, 999_000.0, "loin"),
        "/MediaBox [0 0 1000000 1000000]",
    );
    assert_eq!(
        read(&builder.finish(&[page], ""), &Budgets::default())
            .text
            .as_str(),
        "loin"
    );
    // An array nested two hundred thousand times.
    let mut builder = Builder::new();
    builder.add("[".repeat(200_000));
    let page = builder.page(&at(9.0, 9.0, "lu"), "/Nested 1 0 R");
    assert_eq!(
        read(&builder.finish(&[page], ""), &Budgets::default())
            .text
            .as_str(),
        "lu"
    );
    // Cut in the middle, and a mark alone.
    let mut builder = Builder::new();
    let pages = [
        builder.page(&at(9.0, 9.0, "un"), ""),
        builder.page(&at(9.0, 9.0, "deux"), ""),
    ];
    let whole = builder.finish(&pages, "");
    for cut in (0..whole.len()).step_by(7) {
        read(&whole[..cut], &Budgets::default());
    }
    let damaged = read(b"%PDF-1.4\n%%EOF", &Budgets::default());
    assert_eq!(codes(&damaged), [(NoteCode::DamagedFile, None)]);
}

#[test]
fn an_encrypted_file_says_so() {
    let mut builder = Builder::new();
    let page = builder.page("", "");
    let bytes = builder.finish(&[page], "");
    let text = String::from_utf8(bytes).unwrap();
    let zeros = "00".repeat(32);
    let encrypted = text.replace(
        "trailer <<",
        &format!(
            "trailer << /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P 0 \
             /O <{zeros}> /U <{zeros}> >>"
        ),
    );
    let read = read(encrypted.as_bytes(), &Budgets::default());
    assert_eq!(codes(&read), [(NoteCode::Encrypted, None)]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_change_of_a_byte_still_gives_an_extraction(at_byte: u16, byte: u8) {
        let mut builder = Builder::new();
        let page = builder.page(&at(50.0, 700.0, "Nom : Roy"), "/Annots [<< /Subtype /Widget /T (a) /FT /Tx /V (b) >>]");
        let mut bytes = builder.finish(&[page], "/AcroForm << /Fields [] >>");
        let index = usize::from(at_byte) % bytes.len();
        bytes[index] = byte;
        let once = read(&bytes, &Budgets::default());
        proptest::prop_assert_eq!(read(&bytes, &Budgets::default()), once);
    }
}

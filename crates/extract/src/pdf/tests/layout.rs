//! Reading order, tables, roles, letters and layers on small pages.

use domain::BlockRole;

use super::*;

/// The roles of a document's blocks, with their first lines.
fn roles(read: &Extraction) -> Vec<(BlockRole, &str)> {
    let blocks = read.layout.pages.iter().flat_map(|page| &page.blocks);
    blocks
        .map(|block| (block.role, block.lines[0].span.of(&read.text).unwrap()))
        .collect()
}

fn details(read: &Extraction) -> Vec<(NoteCode, Option<&str>)> {
    let notes = read.layout.notes.iter();
    notes
        .map(|note| (note.code, note.detail.as_deref()))
        .collect()
}

/// A page of these contents with one more font, whose codes are these characters.
fn read_in_font(codes: &str, chars: &str, content: &str) -> Extraction {
    let mut builder = Builder::new();
    let map: String = codes
        .bytes()
        .zip(chars.chars())
        .map(|(code, c)| format!("<{code:02X}> <{:04X}>\n", c as u32))
        .collect();
    let map = builder.stream(
        "",
        format!(
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
             1 begincodespacerange <00> <FF> endcodespacerange\n\
             {} beginbfchar\n{map}endbfchar\nendcmap end end",
            codes.len()
        )
        .as_bytes(),
    );
    let resources = format!(
        "/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica \
         /Encoding /WinAnsiEncoding /ToUnicode {map} 0 R >> >> >>"
    );
    let page = builder.page(content, &resources);
    read(&builder.finish(&[page], ""), &Budgets::default())
}

fn sized(size: f64, x: f64, y: f64, text: &str) -> String {
    format!("BT /F {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n")
}

#[test]
fn words_cut_at_the_end_of_a_line_are_whole() {
    let read = check(
        &[
            at(50.0, 700.0, "la signature des op\\351-"),
            at(50.0, 688.0, "rateurs publics est requise"),
        ]
        .concat(),
        "la signature des opérateurs\npublics est requise",
    );
    let lines = &read.layout.pages[0].blocks[0].lines;
    assert!(lines[0].bbox.unwrap().points()[3] < lines[1].bbox.unwrap().points()[3]);
}

#[test]
fn accents_and_spaced_letters_make_words() {
    // An accent drawn over its letter, before it and after it, on a dotless i too.
    check(
        "BT /F 10 Tf 1 0 0 1 50 700 Tm [(d) (\\264) 333 (elib) (e) 440 (\\264) (re)] TJ ET",
        "délibére",
    );
    check(
        "BT /F 10 Tf 2 Tc 1 0 0 1 50 700 Tm (COMITE DE LECTURE) Tj ET",
        "COMITE DE LECTURE",
    );
    check("BT /F 10 Tf 1 0 0 1 50 700 Tm (5 ^ 2) Tj ET", "5 ^ 2");
}

#[test]
fn framed_tables_are_rows_even_where_cells_wrap() {
    let mut content = String::new();
    for x in [40, 100, 300, 400] {
        content += &format!("{x} 600 m {x} 700 l S\n");
    }
    for y in [600, 640, 680, 700] {
        content += &format!("40 {y} m 400 {y} l S\n");
    }
    for (x, y, text) in [
        (45, 686, "Code"),
        (105, 686, "Structure"),
        (305, 686, "Montant"),
        (45, 656, "31"),
        (105, 668, "Association d'histoire de la"),
        (105, 656, "vall\\351e du Lez et de ses envi-"),
        (105, 644, "rons"),
        (305, 656, "1 000"),
        (45, 616, "262"),
        (105, 616, "Les voisins"),
        (305, 616, "500"),
    ] {
        content += &at(f64::from(x), f64::from(y), text);
    }
    let read = check(
        &content,
        "Code\tStructure\tMontant\n\
         31\tAssociation d'histoire de la vallée du Lez et de ses environs\t1 000\n\
         262\tLes voisins\t500",
    );
    let block = &read.layout.pages[0].blocks[0];
    assert_eq!(block.role, BlockRole::Table);
    let [x0, y0, x1, y1] = block.lines[1].bbox.unwrap().points();
    assert!(
        x0 < 46.0 && x1 > 320.0 && y1 - y0 > 30.0,
        "{x0} {y0} {x1} {y1}"
    );
    assert!(read.layout.fields.is_empty());
}

#[test]
fn aligned_cells_are_a_table_even_where_they_wrap() {
    let mut content = String::new();
    for (n, (town, what, count)) in [
        ("Lattes", "Cantine des \\351coles du", "120"),
        ("Palavas", "Garderie du matin", "80"),
        ("Juvignac", "Piscine", "95"),
    ]
    .into_iter()
    .enumerate()
    {
        let y = 700.0 - 30.0 * n as f64;
        content += &at(50.0, y, town);
        content += &at(150.0, y, what);
        content += &at(400.0, y, count);
        if n == 0 {
            content += &at(150.0, y - 12.0, "centre et du sud");
        }
    }
    let read = check(
        &content,
        "Lattes\tCantine des écoles du centre et du sud\t120\n\
         Palavas\tGarderie du matin\t80\nJuvignac\tPiscine\t95",
    );
    assert_eq!(read.layout.pages[0].blocks[0].role, BlockRole::Table);
}

#[test]
fn what_repeats_is_a_header_or_a_footer_and_large_print_a_heading() {
    let mut builder = Builder::new();
    let pages: Vec<usize> = (1..=3)
        .map(|n| {
            let mut content =
                at(50.0, 810.0, "Conseil municipal") + &at(280.0, 30.0, &format!("Page {n} / 3"));
            if n == 1 {
                content += &sized(20.0, 50.0, 770.0, "Compte rendu");
            }
            content += &sized(14.0, 50.0, 740.0, &format!("{n}. Objet"));
            for (line, subject) in ["les routes", "la cantine", "les f\\352tes"]
                .iter()
                .enumerate()
            {
                let text = format!("Le conseil d\\351lib\\350re sur {subject} de la ville {n}.");
                content += &at(50.0, 700.0 - 12.0 * line as f64, &text);
            }
            builder.page(&content, "")
        })
        .collect();
    let read = read(&builder.finish(&pages, ""), &Budgets::default());
    use BlockRole::{Footer, Header, Heading, Text, Title};
    let first = [
        (Header, "Conseil municipal"),
        (Title, "Compte rendu"),
        (Heading, "1. Objet"),
        (Text, "Le conseil délibère sur les routes de la ville 1."),
        (Footer, "Page 1 / 3"),
    ];
    assert_eq!(roles(&read)[..5], first);
    assert_eq!(roles(&read)[8], (Footer, "Page 2 / 3"));
}

#[test]
fn right_to_left_text_is_in_the_order_it_is_read() {
    // "שלום 2024" as it is seen, from left to right, then drawn from right to left.
    let (codes, chars) = ("abcd", "שלום");
    let seen = read_in_font(codes, chars, &at(50.0, 700.0, "2024 dcba"));
    assert_eq!(seen.text.as_str(), "שלום 2024");
    let drawn = [
        at(90.0, 700.0, "a"),
        at(84.0, 700.0, "b"),
        at(79.0, 700.0, "c"),
        at(73.5, 700.0, "d"),
    ];
    assert_eq!(
        read_in_font(codes, chars, &drawn.concat()).text.as_str(),
        "שלום"
    );
    // Arabic letters by the shapes they have in a word: "سلام" with its ligature.
    let shapes = read_in_font("abc", "\u{fee1}\u{fefc}\u{feb3}", &at(50.0, 700.0, "abc"));
    assert_eq!(shapes.text.as_str(), "سلام");
}

#[test]
fn letters_that_mean_nothing_are_said() {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";
    let moved: String = LETTERS.chars().cycle().skip(2).take(26).collect();
    let prose = at(
        50.0,
        700.0,
        "toute demande de subvention est examinee par la commission",
    );
    let read = read_in_font(LETTERS, &moved, &prose);
    assert_eq!(
        details(&read),
        [(NoteCode::GarbledText, Some("shifted letters"))]
    );
    let read = check(
        &prose,
        "toute demande de subvention est examinee par la commission",
    );
    assert_eq!(details(&read), []);
    let private: String = ('\u{e000}'..).take(26).collect();
    let read = read_in_font(LETTERS, &private, &prose);
    assert_eq!(
        details(&read),
        [(NoteCode::GarbledText, Some("private codes"))]
    );
}

#[test]
fn a_stamp_on_a_scan_is_not_its_text() {
    let mut builder = Builder::new();
    let image = builder.stream(
        "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8",
        &[0],
    );
    let resources = format!("/Resources << {FONT} /XObject << /I {image} 0 R >> >>");
    let scan = "q 595 0 0 800 0 0 cm /I Do Q ";
    let stamped = builder.page(
        &format!("{scan}{}", at(50.0, 820.0, "Courrier du 3 mai")),
        &resources,
    );
    // A page read by OCR before has its words over its image, not seen.
    let words: String = (0..20)
        .map(|n| {
            format!(
                "3 Tr {}",
                at(
                    50.0,
                    700.0 - 12.0 * f64::from(n),
                    "mots reconnus sur la page"
                )
            )
        })
        .collect();
    let recognised = builder.page(&format!("{scan}{words}"), &resources);
    let read = read(
        &builder.finish(&[stamped, recognised], ""),
        &Budgets::default(),
    );
    assert_eq!(codes(&read), [(NoteCode::NeedsOcr, Some(1))]);
    assert!(
        read.text
            .as_str()
            .starts_with("Courrier du 3 mai\u{c}mots reconnus")
    );
}

#[test]
fn layers_that_are_off_are_said() {
    let mut builder = Builder::new();
    let layer = builder.add("<< /Type /OCG /Name (brouillon) >>");
    let content = format!(
        "/OC /L BDC {} EMC {}",
        at(50.0, 700.0, "brouillon"),
        at(50.0, 600.0, "version finale")
    );
    let page = builder.page(
        &content,
        &format!("/Resources << {FONT} /Properties << /L {layer} 0 R >> >>"),
    );
    let plain = builder.page(&at(50.0, 600.0, "suite"), "");
    let catalog = format!("/OCProperties << /OCGs [{layer} 0 R] /D << /OFF [{layer} 0 R] >> >>");
    let read = read(
        &builder.finish(&[page, plain], &catalog),
        &Budgets::default(),
    );
    assert_eq!(read.text.as_str(), "version finale\u{c}suite");
    assert_eq!(codes(&read), [(NoteCode::HiddenText, Some(1))]);
}

//! Whatever the format: spans read back their text, notes name their budget, and rows are fields.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use domain::arrival::{ROW_MEDIA_TYPE, RowColumns};
use domain::{NoteCode, Span, StoredText};
use extract::view::ExtractView;
use extract::{Budgets, Extraction, Input, extract};
use proptest::prelude::*;

fn read(bytes: &[u8], name: &str, budgets: &Budgets) -> Extraction {
    let input = Input {
        bytes,
        file_name: Some(name),
        media_type: None,
        ..Input::default()
    };
    extract(&input, budgets)
}

fn read_row(json: &str, columns: Option<&RowColumns>) -> Extraction {
    let input = Input {
        bytes: json.as_bytes(),
        file_name: None,
        media_type: Some(ROW_MEDIA_TYPE),
        columns,
        ..Input::default()
    };
    extract(&input, &Budgets::default())
}

/// Rebuilds the stored text from lines and blocks, and reads every value through its span.
fn check_places(read: &Extraction) {
    let text = read.text.as_str();
    let mut pages = Vec::new();
    for page in &read.layout.pages {
        let blocks: Vec<String> = page
            .blocks
            .iter()
            .map(|block| {
                let lines: Vec<_> = block
                    .lines
                    .iter()
                    .map(|l| l.span.of(text).unwrap())
                    .collect();
                assert!(
                    lines
                        .iter()
                        .all(|l| !l.trim().is_empty() && !l.contains('\n'))
                );
                lines.join("\n")
            })
            .collect();
        assert_eq!(page.span.of(text), Some(blocks.join("\n\n").as_str()));
        pages.push(blocks.join("\n\n"));
    }
    assert_eq!(pages.join("\u{c}"), text);
    // The stored form of each page is itself: the text needs no further normalising.
    for page in &pages {
        assert_eq!(&StoredText::page(page), page);
    }
    for field in &read.layout.fields {
        let said = field.span.map(|span| Span::of(span, text).unwrap());
        if let (Some(said), Some(value)) = (said, &field.value) {
            let value = StoredText::page(value);
            let words = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(said), words(&value), "{}", field.name);
        }
    }
}

proptest! {
    #[test]
    fn every_span_reads_back_its_text(
        lines in proptest::collection::vec("[a-zA-Zé :\t\u{301}\u{1100}\u{1161}\u{a0}\u{c}\u{85}\r<>&;.…-]{0,30}|Nom : [a-zé]{1,9}", 0..12),
    ) {
        let text = lines.join("\n");
        let mail = format!("From: a@b.fr\nTo: c@d.fr\nSubject: {}\n\n{text}", lines.concat().replace(['\r', '\u{85}'], ""));
        let html = format!("<html><table><tr><td>{}</table>{text}", lines.join("<td>"));
        for (name, content) in [("a.txt", &text), ("a.eml", &mail), ("a.html", &html), ("a.csv", &text)] {
            check_places(&read(content.as_bytes(), name, &Budgets::default()));
        }
        let row = serde_json::json!({"texte": text, "a": lines, "n": 1});
        check_places(&read_row(&row.to_string(), None));
    }

    #[test]
    fn any_bytes_give_the_same_extraction_twice(bytes: Vec<u8>, start in 0usize..8) {
        let starts: [&[u8]; 8] = [
            b"", b"%PDF-1.4\n", b"PK\x03\x04", b"<html>", b"From: a\nTo: b\n", b"\xff\xfe", b"{", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        ];
        let bytes = [starts[start], &bytes].concat();
        let once = read(&bytes, "a", &Budgets::default());
        check_places(&once);
        prop_assert_eq!(read(&bytes, "a", &Budgets::default()), once);
    }
}

#[test]
fn text_is_read_in_blocks_and_pages() {
    let read = read(
        "Un\r\nsuite\r\n\r\n\r\nDeux  \n\u{c}Objet : trois\n".as_bytes(),
        "a.txt",
        &Budgets::default(),
    );
    check_places(&read);
    assert_eq!(read.text.as_str(), "Un\nsuite\n\nDeux\u{c}Objet : trois");
    assert_eq!(read.layout.fields[0].page, Some(2));
}

#[test]
fn each_budget_that_is_hit_is_named() {
    let check = |bytes: &[u8], name: &str, budgets: Budgets, detail: &str, text: &str| {
        let read = read(bytes, name, &budgets);
        check_places(&read);
        let details: Vec<_> = read
            .layout
            .notes
            .iter()
            .filter_map(|n| n.detail.as_deref())
            .collect();
        assert_eq!(details, [detail]);
        assert_eq!(read.text.as_str(), text);
        assert_eq!(read.layout.notes[0].code, NoteCode::BudgetReached);
    };
    let default = Budgets::default;
    check(
        b"un\ndeux\n",
        "a.txt",
        Budgets {
            input_bytes: 3,
            ..default()
        },
        "input_bytes 3",
        "",
    );
    check(
        b"un\ndeux\n",
        "a.txt",
        Budgets {
            lines: 1,
            ..default()
        },
        "lines 1",
        "un",
    );
    check(
        b"un\ndeux\n",
        "a.txt",
        Budgets {
            characters: 5,
            ..default()
        },
        "characters 5",
        "un",
    );
    check(
        b"un\x0cdeux\n",
        "a.txt",
        Budgets {
            pages: 1,
            ..default()
        },
        "pages 1",
        "un",
    );
    check(
        b"Nom : un\nLieu : b",
        "a.txt",
        Budgets {
            fields: 1,
            ..default()
        },
        "fields 1",
        "Nom : un\nLieu : b",
    );
    let mail = b"From: a@b.fr\nTo: c@d.fr\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nun\n\
        --b\nContent-Type: image/png; name=a.png\n\nx\n--b\nContent-Type: image/png; name=b.png\n\nx\n--b--";
    check(
        mail,
        "a.eml",
        Budgets {
            attachments: 1,
            ..default()
        },
        "attachments 1, 1 left out",
        "De : a@b.fr\nÀ : c@d.fr\n\nun",
    );
}

#[test]
fn nothing_and_unread_formats_are_said() {
    let check = |bytes: &[u8], name: &str, code: NoteCode, detail: Option<&str>| {
        let read = read(bytes, name, &Budgets::default());
        let note = &read.layout.notes[0];
        assert_eq!((note.code, note.detail.as_deref()), (code, detail));
        assert!(read.text.is_empty() && read.layout.pages.is_empty());
    };
    check(b"", "a.pdf", NoteCode::Empty, None);
    check(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "a.png",
        NoteCode::DamagedFile,
        Some("PNG"),
    );
    check(
        b"%!PS-Adobe-3.0",
        "a.ps",
        NoteCode::NotReadableYet,
        Some("PostScript"),
    );
    check(b"\0\x01\x02\x03\x04", "a", NoteCode::UnknownFormat, None);
}

#[test]
fn a_row_is_its_text_and_its_members() {
    let json = r#"{"id":"R-1","lieu":{"nom":null,"quartier":"Les Tilleuls"},"notes":"Bas du 12.\n\nRAS",
        "thematiques":["logement","social"],"titre":"Visite","urgent":false}"#;
    let columns = RowColumns {
        text: Some("notes".into()),
        title: Some("titre".into()),
        ..RowColumns::default()
    };
    let read = read_row(json, Some(&columns));
    check_places(&read);
    assert_eq!(read.text.as_str(), "Bas du 12.\n\nRAS");
    assert_eq!(read.layout.title.as_deref(), Some("Visite"));
    assert_eq!(read.layout.media_type, ROW_MEDIA_TYPE);
    let fields: Vec<_> = read
        .layout
        .fields
        .iter()
        .map(|field| {
            (
                field.name.as_str(),
                field.value.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        fields,
        [
            ("id", "R-1"),
            ("lieu.quartier", "Les Tilleuls"),
            ("notes", "Bas du 12.\n\nRAS"),
            ("thematiques.0", "logement"),
            ("thematiques.1", "social"),
            ("titre", "Visite"),
            ("urgent", "false"),
        ]
    );
    let read = read_row(r#"{"b":2,"a":"x"}"#, None);
    check_places(&read);
    assert_eq!(read.text.as_str(), "a : x\nb : 2");
    assert_eq!(
        Span::of(read.layout.fields[1].span.unwrap(), &read.text),
        Some("2")
    );
    let notes = read_row("[1]", None).layout.notes;
    assert_eq!(notes[0].code, NoteCode::DamagedFile);
}

#[test]
fn the_view_shows_what_the_spans_say() {
    let read = read(
        "Objet : salle\nRue close".as_bytes(),
        "a.txt",
        &Budgets::default(),
    );
    let view = serde_json::to_value(ExtractView::new(&read)).unwrap();
    assert_eq!(
        view["pages"][0]["blocks"][0]["lines"][1]["text"],
        "Rue close"
    );
    assert_eq!(view["pages"][0]["blocks"][0]["lines"][1]["start"], 14);
    assert_eq!(view["fields"][0]["value"], "salle");
    assert_eq!(view["fields"][0]["start"], 8);
    let back: ExtractView = serde_json::from_value(view).unwrap();
    assert_eq!(back, ExtractView::new(&read));
}

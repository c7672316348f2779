//! Fields of every kind: declared, in XML, signed, and only drawn.

use domain::{Coverage, Field, FieldKind, NoteCode};

use super::{Builder, FONT, at, read};
use crate::{Budgets, Extraction};

fn named<'a>(read: &'a Extraction, name: &str) -> Vec<&'a Field> {
    let fields = read.layout.fields.iter();
    fields.filter(|field| field.name == name).collect()
}

fn form_stream(builder: &mut Builder, content: &str) -> usize {
    builder.stream(
        &format!("/Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << {FONT} >>"),
        content.as_bytes(),
    )
}

#[test]
fn a_field_shown_on_several_pages_has_a_place_on_each() {
    let mut builder = Builder::new();
    let parent = builder.objects.len() + 3;
    let kid = |y: i32| {
        format!(
            "<< /Subtype /Widget /Parent {parent} 0 R /Rect [100 {y} 300 {}] >>",
            y + 20
        )
    };
    let first = builder.add(kid(700));
    let second = builder.add(kid(100));
    builder.add(format!(
        "<< /T (dossier) /FT /Tx /V (2026-17) /Kids [{first} 0 R {second} 0 R] >>"
    ));
    let pages = [first, second].map(|kid| builder.page("", &format!("/Annots [{kid} 0 R]")));
    let form = format!("/AcroForm << /Fields [{parent} 0 R] >>");
    let read = read(&builder.finish(&pages, &form), &Budgets::default());
    let shown: Vec<_> = named(&read, "dossier")
        .iter()
        .map(|f| (f.value.as_deref(), f.page, f.bbox.unwrap().points()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("2026-17"), Some(1), [100.0, 122.0, 300.0, 142.0]),
            (Some("2026-17"), Some(2), [100.0, 722.0, 300.0, 742.0]),
        ]
    );
}

#[test]
fn kids_without_a_name_are_widgets_even_beside_kids_with_one() {
    let mut builder = Builder::new();
    let widget = builder.add("<< /Subtype /Widget /Parent 3 0 R /Rect [10 10 60 30] >>");
    let named_kid = builder
        .add("<< /Subtype /Widget /T (b) /FT /Tx /V (deux) /Parent 3 0 R /Rect [10 40 60 60] >>");
    let parent = builder.add("<< /T (a) /FT /Tx /V (un) /Kids [1 0 R 2 0 R] >>");
    let page = builder.page("", &format!("/Annots [{widget} 0 R {named_kid} 0 R]"));
    let form = format!("/AcroForm << /Fields [{parent} 0 R] >>");
    let read = read(&builder.finish(&[page], &form), &Budgets::default());
    let values: Vec<_> = (read.layout.fields.iter())
        .map(|f| (f.name.as_str(), f.value.as_deref()))
        .collect();
    assert_eq!(values, [("a.b", Some("deux")), ("a", Some("un"))]);
}

#[test]
fn widgets_and_fields_that_do_not_know_of_each_other_are_all_found() {
    let mut builder = Builder::new();
    // On the page, with a parent that is its own; in the form, but on no page; written in place.
    let orphan = builder.add(
        "<< /Subtype /Widget /T (orphelin) /FT /Tx /V (o) /Parent 2 0 R /Rect [10 10 60 30] >>",
    );
    builder.add("<< /T (haut) /Parent 3 0 R >>");
    builder.add("<< /T (plus) /Parent 2 0 R >>");
    let hidden = builder.add("<< /T (sans page) /FT /Tx /V (s) >>");
    let lost = builder
        .add("<< /Subtype /Widget /T (perdu) /FT /Tx /V (p) /Parent 99 0 R /Rect [10 90 60 99] >>");
    let page = builder.page(
        "",
        &format!(
            "/Annots [{orphan} 0 R << /Subtype /Widget /T (x) /FT /Tx /V (1) /Rect [10 50 60 60] >> \
             null 98 0 R << /Subtype /Widget /T (y) /FT /Tx /V (2) /Rect [10 70 60 80] >> \
             {lost} 0 R {lost} 0 R << /Subtype /Link >>]"
        ),
    );
    let form = format!("/AcroForm << /Fields [{hidden} 0 R 97 0 R {hidden} 0 R] >>");
    let read = read(&builder.finish(&[page], &form), &Budgets::default());
    let found: Vec<_> = (read.layout.fields.iter())
        .map(|f| (f.name.as_str(), f.value.as_deref(), f.page))
        .collect();
    assert_eq!(
        found,
        [
            ("perdu", Some("p"), Some(1)),
            ("y", Some("2"), Some(1)),
            ("x", Some("1"), Some(1)),
            ("plus.haut.orphelin", Some("o"), Some(1)),
            ("sans page", Some("s"), None),
        ]
    );
    let y = named(&read, "y")[0].bbox.unwrap().points();
    assert_eq!(y, [10.0, 762.0, 60.0, 772.0]);
}

#[test]
fn widgets_beyond_the_budget_are_said() {
    let mut builder = Builder::new();
    let widgets: String = (0..30)
        .map(|n| format!("<< /Subtype /Widget /T (f{n}) /FT /Tx /V (v) /Rect [0 0 9 9] >> "))
        .collect();
    let page = builder.page("", &format!("/Annots [{widgets}]"));
    let budgets = Budgets {
        fields: 10,
        ..Budgets::default()
    };
    let read = read(
        &builder.finish(&[page], "/AcroForm << /Fields [] >>"),
        &budgets,
    );
    assert_eq!(read.layout.fields.len(), 10);
    let codes: Vec<_> = read.layout.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, [NoteCode::BudgetReached]);
}

#[test]
fn values_come_from_streams_rich_text_choices_and_appearances() {
    let mut builder = Builder::new();
    let stream = builder.stream("", "Première ligne".as_bytes());
    let shown = form_stream(&mut builder, "BT /F 10 Tf 2 5 Td (Dessin\\351) Tj ET");
    let fields = [
        format!("/T (flux) /FT /Tx /V {stream} 0 R"),
        "/T (riche) /FT /Tx /RV (<?xml version=\"1.0\"?><body><p>Un &amp; deux</p><p>trois</p></body>)".into(),
        format!("/T (dessin) /FT /Tx /AP << /N {shown} 0 R >>"),
        // An empty value is a value: what is drawn is a prompt.
        format!("/T (vide) /FT /Tx /V () /AP << /N {shown} 0 R >>"),
        "/T (liste) /FT /Ch /V [(a) (c)] /Opt [[(a) (Ain)] (b) [(c) (Creuse)]]".into(),
        "/T (rang) /FT /Ch /I [1] /Opt [(Nord) (Sud)]".into(),
        "/T (nul) /FT /Tx /V null".into(),
    ];
    let mut annots = String::new();
    for (n, field) in fields.iter().enumerate() {
        let y = 700 - 40 * n;
        let widget = builder.add(format!(
            "<< /Subtype /Widget {field} /Rect [100 {y} 300 {}] >>",
            y + 20
        ));
        annots += &format!("{widget} 0 R ");
    }
    let page = builder.page("", &format!("/Annots [{annots}]"));
    let read = read(
        &builder.finish(&[page], &format!("/AcroForm << /Fields [{annots}] >>")),
        &Budgets::default(),
    );
    let values: Vec<_> = (read.layout.fields.iter())
        .map(|f| (f.name.as_str(), f.value.as_deref()))
        .collect();
    assert_eq!(
        values,
        [
            ("flux", Some("Première ligne")),
            ("riche", Some("Un & deux\ntrois")),
            ("dessin", Some("Dessiné")),
            ("vide", None),
            ("liste", Some("Ain, Creuse")),
            ("rang", Some("Sud")),
            ("nul", None),
        ]
    );
}

#[test]
fn each_button_says_whether_it_is_on() {
    let mut builder = Builder::new();
    let blank = builder.stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"");
    let button = |builder: &mut Builder, own: &str, on: &str, y: i32| {
        builder.add(format!(
            "<< /Subtype /Widget {own} /Rect [100 {y} 110 {}] \
             /AP << /N << /{on} {blank} 0 R /Off {blank} 0 R >> >> >>",
            y + 10
        ))
    };
    // Numbers that the options explain; two separate fields of one name; a stale value.
    let a = button(&mut builder, "/AS /Off", "0", 700);
    let b = button(&mut builder, "/AS /1", "1", 680);
    let group = builder.add(format!(
        "<< /T (statut) /FT /Btn /Ff 32768 /V /1 /Opt [(Marié) (Célibataire)] /Kids [{a} 0 R {b} 0 R] >>"
    ));
    let c = button(
        &mut builder,
        "/T (sexe) /FT /Btn /Ff 49152 /V /F /AS /F",
        "F",
        660,
    );
    let d = button(
        &mut builder,
        "/T (sexe) /FT /Btn /Ff 49152 /V /F /AS /Off",
        "M",
        640,
    );
    let e = button(
        &mut builder,
        "/T (périmé) /FT /Btn /V /Autre /AS /Oui",
        "Oui",
        620,
    );
    let f = button(
        &mut builder,
        "/T (non) /FT /Btn /V /Off /AS /Off",
        "Oui",
        600,
    );
    let page = builder.page(
        &[
            at(116.0, 702.0, "Mari\\351"),
            at(116.0, 682.0, "C\\351libataire"),
            at(116.0, 602.0, "Je refuse"),
        ]
        .concat(),
        &format!("/Annots [{a} 0 R {b} 0 R {c} 0 R {d} 0 R {e} 0 R {f} 0 R]"),
    );
    let form = format!("/AcroForm << /Fields [{group} 0 R {c} 0 R {d} 0 R {e} 0 R {f} 0 R] >>");
    let read = read(&builder.finish(&[page], &form), &Budgets::default());
    let shown: Vec<_> = (read.layout.fields.iter())
        .map(|f| {
            (
                f.name.as_str(),
                f.checked,
                f.value.as_deref(),
                f.label.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("statut", Some(false), None, Some("Marié")),
            (
                "statut",
                Some(true),
                Some("Célibataire"),
                Some("Célibataire")
            ),
            ("sexe", Some(true), Some("F"), None),
            ("sexe", Some(false), None, None),
            ("périmé", Some(true), Some("Oui"), None),
            ("non", Some(false), None, Some("Je refuse")),
        ]
    );
    let status = read.layout.field("statut").unwrap();
    assert_eq!(status.value.as_deref(), Some("Célibataire"));
    assert_eq!(status.options, ["Marié", "Célibataire"]);
    assert_eq!(named(&read, "sexe")[1].options, ["F", "M"]);
}

#[test]
fn labels_are_what_stands_beside() {
    let mut builder = Builder::new();
    let text = |builder: &mut Builder, name: &str, x: i32, y: i32| {
        builder.add(format!(
            "<< /Subtype /Widget /T ({name}) /FT /Tx /Rect [{x} {y} {} {}] >>",
            x + 120,
            y + 16
        ))
    };
    let left = text(&mut builder, "a", 120, 700);
    let after = text(&mut builder, "b", 340, 700);
    let above = text(&mut builder, "c", 40, 640);
    let alone = text(&mut builder, "d", 40, 300);
    let page = builder.page(
        &[
            at(40.0, 704.0, "Nom de famille :"),
            at(260.0, 704.0, "Pr\\351nom ....."),
            at(42.0, 660.0, "Adresse"),
        ]
        .concat(),
        &format!("/Annots [{left} 0 R {after} 0 R {above} 0 R {alone} 0 R]"),
    );
    let read = read(
        &builder.finish(&[page], "/AcroForm << >>"),
        &Budgets::default(),
    );
    let labels: Vec<_> = (read.layout.fields.iter())
        .map(|f| (f.name.as_str(), f.label.as_deref()))
        .collect();
    assert_eq!(
        labels,
        [
            ("a", Some("Nom de famille")),
            ("b", Some("Prénom")),
            ("c", Some("Adresse")),
            ("d", None),
        ]
    );
}

#[test]
fn letters_of_a_comb_are_a_word() {
    let mut builder = Builder::new();
    let letters = (0..5).zip("ROYER".chars());
    let content: String = letters
        .map(|(n, c)| format!("BT /F 10 Tf 1 0 0 1 {} 5 Tm ({c}) Tj ET\n", 5 + 40 * n))
        .collect();
    let shown = form_stream(&mut builder, &content);
    let widget = builder.add(format!(
        "<< /Subtype /Widget /T (nom) /FT /Tx /Ff 16777216 /MaxLen 5 /V (ROYER) \
         /Rect [100 700 300 720] /AP << /N {shown} 0 R >> >>"
    ));
    let page = builder.page("", &format!("/Annots [{widget} 0 R]"));
    let form = format!("/AcroForm << /Fields [{widget} 0 R] >>");
    let read = read(&builder.finish(&[page], &form), &Budgets::default());
    assert_eq!(read.text.as_str(), "ROYER");
    let field = &read.layout.fields[0];
    assert_eq!(
        field.span.and_then(|span| span.of(&read.text)),
        Some("ROYER")
    );
}

#[test]
fn a_form_in_xml_gives_its_data() {
    let check = |xfa: &dyn Fn(&mut Builder) -> String,
                 expected: &[(&str, Option<&str>, Option<u32>)]| {
        let mut builder = Builder::new();
        let widget = builder.add(
            "<< /Subtype /Widget /T (f[0].#subform[0].Nom[0]) /FT /Tx /V (Roy) /Rect [10 10 60 30] >>",
        );
        let empty =
            builder.add("<< /Subtype /Widget /T (f[0].Ville[0]) /FT /Tx /Rect [10 50 60 70] >>");
        let xfa = xfa(&mut builder);
        let page = builder.page("", &format!("/Annots [{widget} 0 R {empty} 0 R]"));
        let form = format!("/AcroForm << /Fields [{widget} 0 R] /XFA {xfa} >>");
        let read = read(&builder.finish(&[page], &form), &Budgets::default());
        let values: Vec<_> = (read.layout.fields.iter())
            .map(|f| (f.name.as_str(), f.value.as_deref(), f.page))
            .collect();
        assert_eq!(values, expected);
        for value in ["Roy", "S\u{e8}te", "12 \u{20ac}"] {
            assert_eq!(
                read.text.as_str().matches(value).count(),
                1,
                "{}",
                read.text.as_str()
            );
        }
    };
    let expected = [
        ("f[0].Ville[0]", Some("Sète"), Some(1)),
        ("f[0].#subform[0].Nom[0]", Some("Roy"), Some(1)),
        ("f.Tarif", Some("12 €"), None),
    ];
    let data = "<x:datasets xmlns:x='y'><x:data><f><Nom>Roy</Nom><Ville>Sète</Ville>\
                <Tarif>12 €</Tarif><Vide/></f></x:data></x:datasets>";
    let packets = |builder: &mut Builder| {
        let template = builder.stream("", b"<template/>");
        let data = builder.stream("", data.as_bytes());
        format!("[(template) {template} 0 R (datasets) {data} 0 R]")
    };
    check(&packets, &expected);
    let whole = |builder: &mut Builder| {
        let whole = format!("<?xml version='1.0'?><x:xdp xmlns:x='z'>{data}</x:xdp>");
        format!("{} 0 R", builder.stream("", whole.as_bytes()))
    };
    check(&whole, &expected);
}

#[test]
fn a_form_in_xml_without_data_says_its_fields() {
    let mut builder = Builder::new();
    let template = builder.stream(
        "",
        b"<template><subform name='f'><field name='Nom'><caption><value><text>Votre nom</text></value>\
          </caption></field></subform></template>",
    );
    let page = builder.page("", "");
    let form = format!("/AcroForm << /XFA [(template) {template} 0 R] >>");
    let read = read(&builder.finish(&[page], &form), &Budgets::default());
    let field = read.layout.field("f.Nom").unwrap();
    assert_eq!(field.label.as_deref(), Some("Votre nom"));
    assert_eq!(read.layout.notes, []);
}

/// A value of DER.
fn der(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len() as u16;
    let mut out = vec![tag, 0x82];
    out.extend(length.to_be_bytes());
    out.extend(content);
    out
}

/// A signed message with the certificate of an authority, then that of the signer.
fn signed_message() -> Vec<u8> {
    let name = |name: &str| {
        let attribute = [
            der(6, &[vec![0x55, 4, 3]]),
            der(12, &[name.as_bytes().to_vec()]),
        ];
        der(0x30, &[der(0x31, &[der(0x30, &attribute)])])
    };
    let serial = |n: u8| der(2, &[vec![n]]);
    let certificate = |n: u8, subject: &str| {
        let fields = [
            der(0xa0, &[der(2, &[vec![2]])]),
            serial(n),
            der(0x30, &[]),
            name("Autorité"),
            der(0x30, &[]),
            name(subject),
            der(0x30, &[]),
        ];
        der(0x30, &[der(0x30, &fields), der(0x30, &[])])
    };
    let info = der(
        0x30,
        &[
            der(2, &[vec![1]]),
            der(0x30, &[name("Autorité"), serial(7)]),
            der(0x30, &[]),
        ],
    );
    let signed = der(
        0x30,
        &[
            der(2, &[vec![1]]),
            der(0x31, &[]),
            der(0x30, &[]),
            der(
                0xa0,
                &[certificate(1, "Autorité"), certificate(7, "Anaïs Roy")],
            ),
            der(0x31, &[info]),
        ],
    );
    der(0x30, &[der(6, &[vec![0x2a]]), der(0xa0, &[signed])])
}

#[test]
fn signatures_are_said_with_what_they_cover() {
    let check = |name: &str, added: &str, moved: i64, by: &str, covers: Coverage| {
        let mut builder = Builder::new();
        let hex: String = signed_message()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let value = builder.add(format!(
            "<< /Type /Sig {name} /M (D:20260104101500+01'00') /Reason (Accord) \
             /ByteRange [0 1000000 2000000 3000000] /Contents <{hex}> >>"
        ));
        let field = builder.add(format!(
            "<< /Subtype /Widget /T (visa) /FT /Sig /V {value} 0 R /Rect [10 10 60 30] >>"
        ));
        let other = builder.add("<< /Subtype /Widget /T (libre) /FT /Sig /Rect [10 50 60 70] >>");
        let page = builder.page(
            &at(50.0, 700.0, "Nom : Roy"),
            &format!("/Annots [{field} 0 R {other} 0 R]"),
        );
        let form = format!("/AcroForm << /Fields [{field} 0 R {other} 0 R] >>");
        let mut bytes = builder.finish(&[page], &form);
        let find = |wanted: &[u8], bytes: &[u8]| {
            bytes
                .windows(wanted.len())
                .position(|w| w == wanted)
                .unwrap()
        };
        let from = find(b"/Contents <", &bytes) as i64 + 10;
        let to = from + hex.len() as i64 + 2 + moved;
        let length = bytes.len() as i64 - to;
        let range = format!("[0 {from:07} {to:07} {length:07}]");
        let place = find(b"[0 1000000", &bytes);
        bytes[place..place + range.len()].copy_from_slice(range.as_bytes());
        bytes.extend(added.as_bytes());
        let read = read(&bytes, &Budgets::default());
        let [signature] = read.layout.signatures.as_slice() else {
            panic!("{:?}", read.layout.signatures);
        };
        assert_eq!(signature.by.as_deref(), Some(by));
        assert_eq!(signature.at.as_deref(), Some("D:20260104101500+01'00'"));
        assert_eq!(signature.reason.as_deref(), Some("Accord"));
        assert_eq!(signature.field.as_deref(), Some("visa"));
        assert_eq!(signature.covers, covers);
        let notes: Vec<_> = read.layout.notes.iter().map(|note| note.code).collect();
        assert!(notes.contains(&NoteCode::Signed));
        assert_eq!(named(&read, "visa")[0].checked, Some(true));
        assert_eq!(named(&read, "libre")[0].checked, Some(false));
        // What was written above the signature is still read.
        assert_eq!(named(&read, "Nom")[0].value.as_deref(), Some("Roy"));
    };
    check("", "", 0, "Anaïs Roy", Coverage::Whole);
    check("/Name (A. Roy)", "\n", 0, "A. Roy", Coverage::Whole);
    check("", "\n% ajout\n", 0, "Anaïs Roy", Coverage::Earlier);
    check("", "", 4, "Anaïs Roy", Coverage::Unknown);
}

/// What is read of drawn pages: label, value, whether it is checked.
fn guesses(content: &str) -> Vec<(String, Option<String>, Option<bool>)> {
    let mut builder = Builder::new();
    let page = builder.page(content, "");
    let read = read(&builder.finish(&[page], ""), &Budgets::default());
    let fields = read.layout.fields.iter();
    fields
        .map(|field| {
            assert!(field.inferred && field.bbox.is_some() && field.page == Some(1));
            if let Some(span) = field.span {
                let said = span.of(&read.text).map(str::to_owned);
                assert_eq!(
                    said.map(|s| s.replace(' ', "")),
                    field.value.as_ref().map(|v| v.replace(' ', ""))
                );
            }
            (field.name.clone(), field.value.clone(), field.checked)
        })
        .collect()
}

fn pair(label: &str, value: &str) -> (String, Option<String>, Option<bool>) {
    (label.into(), Some(value.into()), None)
}

#[test]
fn drawn_squares_are_check_boxes() {
    let content = [
        // A cross of two lines, a letter, nothing; a number in a square is no tick.
        "50 700 9 9 re S 51 701 m 58 708 l S 51 708 m 58 701 l S\n".to_owned(),
        at(65.0, 701.0, "Je demande une aide"),
        "50 680 9 9 re S\n".to_owned(),
        at(51.5, 681.0, "X"),
        at(65.0, 681.0, "Premi\\350re demande"),
        "50 660 9 9 re S\n".to_owned(),
        at(65.0, 661.0, "Renouvellement"),
        "50 640 9 9 re S\n".to_owned(),
        at(51.5, 641.0, "3"),
        at(65.0, 641.0, "enfants"),
    ]
    .concat();
    assert_eq!(
        guesses(&content),
        [
            ("Je demande une aide".into(), Some("X".into()), Some(true)),
            ("Première demande".into(), Some("X".into()), Some(true)),
            ("Renouvellement".into(), None, Some(false)),
        ]
    );
}

#[test]
fn boxes_lines_and_leaders_hold_values() {
    let boxed =
        at(50.0, 705.0, "Nom de famille") + "150 700 200 18 re S\n" + &at(155.0, 705.0, "DURAND");
    assert_eq!(guesses(&boxed), [pair("Nom de famille", "DURAND")]);
    let lined =
        at(50.0, 650.0, "Commune") + "95 648 m 300 648 l S\n" + &at(100.0, 650.0, "S\\350te");
    assert_eq!(guesses(&lined), [pair("Commune", "Sète")]);
    let dotted = at(
        50.0,
        600.0,
        "Profession ..............................................",
    ) + &at(120.0, 601.0, "Pl\\342tri\\350re");
    assert_eq!(guesses(&dotted), [pair("Profession", "Plâtrière")]);
    assert_eq!(
        guesses(&at(50.0, 550.0, "Nom : DUPONT")),
        [pair("Nom", "DUPONT")]
    );
    let mut comb = at(50.0, 504.0, "Code postal");
    for (n, digit) in "34000".chars().enumerate() {
        let x = 130.0 + 15.0 * n as f64;
        comb += &format!("{x} 500 15 16 re S\n");
        comb += &at(x + 4.0, 504.0, &digit.to_string());
    }
    assert_eq!(guesses(&comb)[0], pair("Code postal", "34000"));
    assert_eq!(guesses(&comb).len(), 1);
}

#[test]
fn what_is_no_form_gives_no_field() {
    // A table, a title in a frame, an underlined word, an empty box, a table of contents.
    let mut table = String::new();
    for row in 0..3 {
        for column in 0..3 {
            let (x, y) = (
                50.0 + 100.0 * f64::from(column),
                600.0 + 18.0 * f64::from(row),
            );
            table += &format!("{x} {y} 100 18 re S\n");
            table += &at(x + 5.0, y + 5.0, &format!("Cellule {row}{column}"));
        }
    }
    assert_eq!(guesses(&table), []);
    let frame = "50 700 300 30 re S\n".to_owned() + &at(60.0, 710.0, "R\\350glement du service");
    assert_eq!(guesses(&frame), []);
    let underlined = at(50.0, 650.0, "Voir l'article 3") + "50 648 m 120 648 l S\n";
    assert_eq!(guesses(&underlined), []);
    assert_eq!(
        guesses(&at(50.0, 600.0, "Les d\\351lais ................ 12")),
        []
    );
    assert_eq!(
        guesses(&(at(50.0, 705.0, "Nom") + "150 700 200 18 re S\n")),
        []
    );
}

#[test]
fn associated_files_are_attached_once() {
    let mut builder = Builder::new();
    let spec = |builder: &mut Builder, name: &str| {
        let file = builder.stream("/Type /EmbeddedFile /Subtype /text#2Fxml", name.as_bytes());
        builder.add(format!(
            "<< /Type /Filespec /F ({name}) /EF << /F {file} 0 R >> >>"
        ))
    };
    let (a, b, c) = (
        spec(&mut builder, "a.xml"),
        spec(&mut builder, "b.xml"),
        spec(&mut builder, "c.xml"),
    );
    let page = builder.page(
        "",
        &format!(
            "/AF {b} 0 R /Annots [<< /Subtype /FileAttachment /FS {c} 0 R /Rect [0 0 9 9] >>]"
        ),
    );
    let catalog = format!(
        "/AF [{a} 0 R {b} 0 R] /Names << /EmbeddedFiles << /Kids [<< /Names [(a) {a} 0 R] >>] >> >>"
    );
    let read = read(&builder.finish(&[page], &catalog), &Budgets::default());
    let names: Vec<_> = read
        .children
        .iter()
        .map(|child| child.name.as_str())
        .collect();
    assert_eq!(names, ["a.xml", "b.xml", "c.xml"]);
}

#[test]
fn a_field_that_says_no_kind_holds_text() {
    let mut builder = Builder::new();
    let page = builder.page(
        "",
        "/Annots [<< /Subtype /Widget /T (a) /V (b) /Rect [0 0 50 9] >> << /Subtype /Widget /Rect [0 0 9 9] >>]",
    );
    let read = read(
        &builder.finish(&[page], "/AcroForm << >>"),
        &Budgets::default(),
    );
    let found: Vec<_> = read
        .layout
        .fields
        .iter()
        .map(|f| (f.kind, f.value.as_deref()))
        .collect();
    assert_eq!(found, [(FieldKind::Text, Some("b"))]);
}

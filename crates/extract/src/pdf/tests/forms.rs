//! Fields that a form declares, or has in XML.

use domain::{FieldKind, NoteCode};

use super::{Builder, FONT, at, named, read};
use crate::Budgets;

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

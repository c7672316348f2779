//! What an OpenDocument text says, built here part by part.

use std::io::{Cursor, Write};

use domain::{BlockRole, FieldKind, NoteCode, Span};
use zip::write::SimpleFileOptions;

use crate::{Budgets, Extraction, Input, extract};

const TEXT: &str = "application/vnd.oasis.opendocument.text";

fn odf(media_type: &str, parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("mimetype", stored).unwrap();
    writer.write_all(media_type.as_bytes()).unwrap();
    for (name, content) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read(media_type: &str, parts: &[(&str, &str)]) -> Extraction {
    let bytes = odf(media_type, parts);
    let input = Input {
        bytes: &bytes,
        ..Input::default()
    };
    extract(&input, &Budgets::default())
}

fn content(styles: &str, body: &str) -> String {
    format!(
        "<?xml version='1.0'?><office:document-content><office:automatic-styles>{styles}</office:automatic-styles>\
         <office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
}

fn check(styles: &str, body: &str, text: &str) -> Extraction {
    let read = read(TEXT, &[("content.xml", &content(styles, body))]);
    assert_eq!(read.text.as_str(), text);
    read
}

#[test]
fn reads_headings_lists_tables_shapes_and_notes() {
    let read = check(
        "<style:style style:name='P1' style:parent-style-name='Title'/>",
        "<text:tracked-changes><text:deletion><text:p>supprimé</text:p></text:deletion></text:tracked-changes>\
         <text:p text:style-name='P1'>Demande</text:p>\
         <text:h text:outline-level='1'>Objet</text:h><text:h text:outline-level='2'>Détail</text:h>\
         <text:p>Le banc<text:s text:c='900000000'/>du<text:note><text:note-citation>1</text:note-citation>\
         <text:note-body><text:p>Une note.</text:p></text:note-body></text:note> square\n est <text:span>cassé</text:span>.\
         <draw:frame><draw:text-box><text:p>Forme</text:p></draw:text-box></draw:frame></text:p>\
         <text:list><text:list-item><text:p>un</text:p></text:list-item><text:list-item><text:p>deux</text:p></text:list-item></text:list>\
         <table:table><table:table-row><table:table-cell><text:p>Téléphone</text:p></table:table-cell>\
         <table:table-cell><text:p>06 00</text:p><text:p>00 00</text:p></table:table-cell></table:table-row></table:table>\
         <text:p>Fin<office:annotation><dc:creator>Anne Roy</dc:creator><dc:date>2026-11-02</dc:date>\
         <text:p>À vérifier</text:p></office:annotation></text:p>",
        "Demande\n\nObjet\n\nDétail\n\nForme\nLe banc du square  est cassé.\n\nun\ndeux\n\n\
         Téléphone\t06 00 00 00\n\nFin\n\nUne note.\n[Commentaire, Anne Roy] À vérifier",
    );
    let roles: Vec<_> = read.layout.pages[0].blocks.iter().map(|b| b.role).collect();
    assert_eq!(
        roles[..3],
        [BlockRole::Title, BlockRole::Heading, BlockRole::Subheading]
    );
    assert_eq!(roles[4..6], [BlockRole::List, BlockRole::Table]);
    assert!(read.layout.notes.is_empty(), "{:?}", read.layout.notes);
}

#[test]
fn form_controls_are_fields_where_they_are_drawn() {
    let read = check(
        "",
        "<office:forms><form:form form:name='F'>\
         <form:text form:id='c1' xml:id='c1' form:name='nom' form:current-value='Le Gall'/>\
         <form:checkbox form:id='c2' form:name='pro' form:label='Professionnel' form:current-state='checked'/>\
         <form:listbox form:id='c3' form:name='jour'><form:option form:label='samedi'/>\
         <form:option form:label='dimanche' form:current-selected='true'/></form:listbox>\
         </form:form></office:forms>\
         <text:p>Nom :<draw:control draw:control='c1'/></text:p>\
         <text:p><draw:control draw:control='c2'/></text:p>\
         <text:p>Jour :<draw:control draw:control='c3'/> et <text:drop-down text:name='heure'>\
         <text:label text:value='matin'/>matin</text:drop-down></text:p>",
        "Nom : Le Gall\n☒ Professionnel\nJour : dimanche  et matin",
    );
    let fields: Vec<_> = read
        .layout
        .fields
        .iter()
        .map(|field| {
            let said = field.span.and_then(|span| Span::of(span, &read.text));
            (
                field.name.as_str(),
                field.label.as_deref(),
                field.kind,
                field.value.as_deref(),
                field.checked,
                said,
            )
        })
        .collect();
    let choice = FieldKind::Choice;
    assert_eq!(
        fields,
        [
            (
                "nom",
                Some("Nom"),
                FieldKind::Text,
                Some("Le Gall"),
                None,
                Some("Le Gall")
            ),
            (
                "pro",
                Some("Professionnel"),
                FieldKind::Checkbox,
                Some("1"),
                Some(true),
                None
            ),
            (
                "jour",
                Some("Jour"),
                choice,
                Some("dimanche"),
                None,
                Some("dimanche")
            ),
            (
                "heure",
                Some("et"),
                choice,
                Some("matin"),
                None,
                Some("matin")
            ),
        ]
    );
    assert_eq!(read.layout.fields[2].options, ["samedi", "dimanche"]);
}

#[test]
fn headers_footers_and_hidden_text_are_said() {
    let read = read(
        TEXT,
        &[
            (
                "styles.xml",
                "<office:document-styles><style:master-page><style:header><text:p>Mairie</text:p></style:header>\
                 <style:header-first><text:p>Mairie</text:p></style:header-first>\
                 <style:footer><text:p>Page <text:page-number>1</text:page-number></text:p></style:footer></style:master-page></office:document-styles>",
            ),
            (
                "content.xml",
                &content(
                    "<style:style style:name='T1'><style:text-properties text:display='none'/></style:style>",
                    "<text:p>Vu<text:span text:style-name='T1'> caché</text:span></text:p>",
                ),
            ),
        ],
    );
    assert_eq!(read.text.as_str(), "Mairie\n\nVu caché\n\nPage 1");
    assert_eq!(read.layout.pages[0].blocks[0].role, BlockRole::Header);
    assert_eq!(read.layout.pages[0].blocks[2].role, BlockRole::Footer);
    assert_eq!(read.layout.notes[0].code, NoteCode::HiddenText);
}

#[test]
fn latin_1_keeps_its_accents() {
    let xml = "<?xml version='1.0' encoding='ISO-8859-1'?><o><office:body><text:p>\u{e9}t\u{e9} \u{e0} No\u{eb}l</text:p></office:body></o>";
    let latin: Vec<u8> = xml
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file(
            "mimetype",
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
        )
        .unwrap();
    writer.write_all(TEXT.as_bytes()).unwrap();
    writer
        .start_file("content.xml", SimpleFileOptions::default())
        .unwrap();
    writer.write_all(&latin).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let input = Input {
        bytes: &bytes,
        ..Input::default()
    };
    assert_eq!(
        extract(&input, &Budgets::default()).text.as_str(),
        "été à Noël"
    );
}

#[test]
fn what_is_encrypted_is_said() {
    let manifest = "<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>";
    let read = read(
        TEXT,
        &[
            ("META-INF/manifest.xml", manifest),
            ("content.xml", "\u{1}"),
        ],
    );
    let note = &read.layout.notes[0];
    assert_eq!(
        (note.code, note.detail.as_deref()),
        (NoteCode::Encrypted, Some("ODT"))
    );
}

#[test]
fn a_presentation_has_a_page_a_slide() {
    let body = "<o><office:body><office:presentation><draw:page><draw:frame><draw:text-box><text:p>Un</text:p></draw:text-box></draw:frame>\
        <draw:custom-shape><text:p>Forme</text:p></draw:custom-shape></draw:page>\
        <draw:page><draw:frame><draw:text-box><text:list><text:list-item><text:p>Deux</text:p></text:list-item></text:list></draw:text-box></draw:frame></draw:page>\
        </office:presentation></office:body></o>";
    let read = read(
        "application/vnd.oasis.opendocument.presentation",
        &[("content.xml", body)],
    );
    assert_eq!(read.text.as_str(), "Un\n\nForme\u{c}Deux");
}

#[test]
fn a_scan_pasted_into_a_letter_is_an_attachment() {
    let scan = "x".repeat(20_001);
    let body = content(
        "",
        "<text:p>Voici<draw:image xlink:href='Pictures/carte.png'/></text:p>",
    );
    let read = read(
        TEXT,
        &[
            ("content.xml", &body),
            (
                "styles.xml",
                "<s><draw:image xlink:href='Pictures/logo.png'/></s>",
            ),
            ("Pictures/carte.png", &scan),
            ("Pictures/logo.png", &scan),
            ("Pictures/puce.png", "x"),
        ],
    );
    let names: Vec<_> = read.children.iter().map(|child| &child.name).collect();
    assert_eq!(names, ["carte.png"]);
}

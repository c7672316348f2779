//! Workbooks built here part by part.

use std::io::{Cursor, Write};

use domain::{NoteCode, Span};
use zip::write::SimpleFileOptions;

use crate::rows::{Rows, TableKind, Workbook, is_table, rows};
use crate::{Budgets, Extraction, Input, extract};

fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A workbook of one sheet, with shared strings and number formats.
fn xlsx(sheet: &str) -> Vec<u8> {
    zip(&[
        (
            "xl/workbook.xml",
            "<workbook><sheets><sheet name='Budget' sheetId='1' r:id='r1'/><sheet name='Liste' state='hidden' sheetId='2' r:id='r2'/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships><Relationship Id='r1' Type='x/worksheet' Target='worksheets/sheet1.xml'/>\
             <Relationship Id='r2' Type='x/worksheet' Target='/xl/worksheets/sheet2.xml'/>\
             <Relationship Id='r3' Type='x/sharedStrings' Target='sharedStrings.xml'/>\
             <Relationship Id='r4' Type='x/styles' Target='styles.xml'/></Relationships>",
        ),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>Poste</t></si><si><r><t>Mon</t></r><r><t>tant</t></r><rPh><t>x</t></rPh></si><si><t>Été &amp; fêtes</t></si></sst>",
        ),
        (
            "xl/styles.xml",
            "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='#,##0.00\\ &quot;€&quot;'/></numFmts>\
             <cellStyleXfs><xf numFmtId='9'/></cellStyleXfs><cellXfs><xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='164'/></cellXfs></styleSheet>",
        ),
        ("xl/worksheets/sheet1.xml", sheet),
        (
            "xl/worksheets/sheet2.xml",
            "<worksheet><sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>caché</t></is></c></row></sheetData></worksheet>",
        ),
    ])
}

fn read(bytes: &[u8], budgets: &Budgets) -> Extraction {
    extract(
        &Input {
            bytes,
            ..Input::default()
        },
        budgets,
    )
}

fn ods(body: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content><office:automatic-styles><style:style style:name='ta2'><style:table-properties table:display='false'/></style:style></office:automatic-styles>\
         <office:body><office:spreadsheet>{body}</office:spreadsheet></office:body></office:document-content>"
    );
    zip(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", &content),
    ])
}

const SHEET: &str = "<worksheet><cols><col min='3' max='3' hidden='1'/></cols><sheetData>\
    <row r='2'><c r='B2' t='s'><v>0</v></c><c r='D2' t='s'><v>1</v></c></row>\
    <row r='3'><c r='B3' t='s'><v>2</v></c><c r='D3' s='2'><f>1+1</f><v>1250000.5</v></c></row>\
    <row r='5' hidden='1'><c r='B5' t='inlineStr'><is><t>Le</t></is></c><c r='D5' s='1'><v>43831</v></c><c r='E5' t='b'><v>1</v></c></row>\
    </sheetData></worksheet>";

#[test]
fn a_sheet_is_a_page_of_rows() {
    let read = read(&xlsx(SHEET), &Budgets::default());
    assert_eq!(
        read.text.as_str(),
        "Budget\n\nPoste\tMontant\nÉté & fêtes\t1 250 000,50 €\n\nLe\t2020-01-01\tVRAI\u{c}Liste\n\ncaché"
    );
    let notes: Vec<_> = read
        .layout
        .notes
        .iter()
        .map(|note| (note.code, note.page, note.detail.as_deref()))
        .collect();
    assert_eq!(
        notes,
        [
            (NoteCode::HiddenText, Some(1), Some("columns")),
            (NoteCode::HiddenText, Some(1), Some("rows")),
            (NoteCode::HiddenText, Some(2), Some("sheet")),
        ]
    );
    let field = read.layout.field("Été & fêtes").unwrap();
    assert_eq!(
        Span::of(field.span.unwrap(), &read.text),
        Some("1 250 000,50 €")
    );
}

#[test]
fn bombs_are_bounded() {
    let check = |bytes: &[u8], budgets: &Budgets, text: &str, details: &[&str]| {
        let read = read(bytes, budgets);
        let found: Vec<_> = read
            .layout
            .notes
            .iter()
            .filter_map(|n| n.detail.as_deref())
            .collect();
        assert_eq!(found, details);
        assert_eq!(read.text.as_str(), text);
    };
    let one = |rows: &str| format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    // A cell in each corner: two cells, not seventeen thousand millions.
    let corners = one(
        "<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>2</v></c></row>",
    );
    let all = Budgets::default();
    check(
        &xlsx(&corners),
        &all,
        "Budget\n\n1\n\n\t2\u{c}Liste\n\ncaché",
        &["sheet"],
    );
    // One shared text in many cells.
    let few = Budgets {
        characters: 20,
        ..Budgets::default()
    };
    let shared = "<row><c t='s'><v>2</v></c></row>".repeat(9);
    check(
        &xlsx(&one(&shared)),
        &few,
        "Budget\n\nÉté & fêtes",
        &["characters 20"],
    );
    let body = "<table:table table:name='F'><table:table-row table:number-rows-repeated='1048000'>\
        <table:table-cell table:number-columns-repeated='16000'><text:p>x</text:p></table:table-cell></table:table-row></table:table>";
    let some = Budgets {
        objects: 30,
        characters: 100,
        ..Budgets::default()
    };
    let line = "x\t".repeat(29) + "x";
    check(&ods(body), &some, &format!("F\n\n{line}"), &["objects 30"]);
}

#[test]
fn ods_cells_are_as_shown_unless_digits_are_lost() {
    let cell = |kind: &str, value: &str, shown: &str| {
        format!(
            "<table:table-cell office:value-type='{kind}' {value}><text:p>{shown}</text:p></table:table-cell>"
        )
    };
    let body = format!(
        "<table:table table:name='F'><table:table-column table:number-columns-repeated='9'/><table:table-row>{}{}{}{}{}<table:table-cell table:number-columns-repeated='1000'/></table:table-row>\
         <table:table-row table:number-rows-repeated='1048570'><table:table-cell table:number-columns-repeated='1024'/></table:table-row></table:table>\
         <table:table table:name='G' table:style-name='ta2'><table:table-row table:visibility='collapse'><table:covered-table-cell/><table:table-cell><office:annotation><text:p>Vu</text:p></office:annotation><text:p>a<text:s/>b</text:p><text:p>c</text:p></table:table-cell></table:table-row></table:table>",
        cell("float", "office:value='1250.5'", "1 250,50"),
        cell("currency", "office:value='1250.555'", "1 250,56 €"),
        cell("percentage", "office:value='0.055'", "6 %"),
        cell(
            "date",
            "office:date-value='2026-11-02T09:30:00'",
            "02/11/26"
        ),
        cell("string", "", "l'été"),
    );
    let read = read(&ods(&body), &Budgets::default());
    assert_eq!(
        read.text.as_str(),
        "F\n\n1 250,50\t1250,555 €\t5,5 %\t2026-11-02 09:30\tl'été\u{c}G\n\na b c\n\n[Commentaire, B1] Vu"
    );
    let details: Vec<_> = read
        .layout
        .notes
        .iter()
        .filter_map(|n| n.detail.as_deref())
        .collect();
    assert_eq!(details, ["rows", "sheet"]);
}

fn check_rows(bytes: &[u8], name: &str, expected: &[&str]) -> Rows {
    let kind = is_table(Some(name), bytes).unwrap();
    let table = rows(bytes, kind, &Budgets::default()).unwrap();
    let found: Vec<_> = table
        .rows
        .iter()
        .map(|row| {
            format!(
                "{}:{} {}",
                row.number,
                row.line,
                String::from_utf8_lossy(&row.json)
            )
        })
        .collect();
    assert_eq!(found, expected);
    table
}

#[test]
fn a_workbook_splits_into_rows_below_its_header() {
    let table = check_rows(
        &xlsx(SHEET),
        "reports.xlsx",
        &[
            "1:3 {\"Montant\":\"1 250 000,50 €\",\"Poste\":\"Été & fêtes\",\"column_2\":\"\"}",
            r#"2:5 {"Montant":"2020-01-01","Poste":"Le","column_2":"","column_4":"VRAI"}"#,
        ],
    );
    assert_eq!(table.sheet.as_deref(), Some("Budget"));
    assert_eq!(table.other_sheets, ["Liste"]);
    let details: Vec<_> = table
        .notes
        .iter()
        .filter_map(|n| n.detail.as_deref())
        .collect();
    assert_eq!(details, ["row 5: 1 cells without a column title"]);
}

#[test]
fn the_header_is_below_a_title() {
    let text = |cells: &[&str]| {
        let cells: String = cells
            .iter()
            .map(|c| format!("<table:table-cell><text:p>{c}</text:p></table:table-cell>"))
            .collect();
        format!("<table:table-row>{cells}</table:table-row>")
    };
    let body = format!(
        "<table:table table:name='Aide'>{}</table:table><table:table table:name='S47'>{}{}{}{}</table:table>",
        text(&["Comment remplir"]),
        text(&["Rapports de la semaine"]),
        text(&["id", "date", "notes"]),
        text(&["R-1", "2026-11-16", "RAS"]),
        text(&["R-2", "", "Rue close"]),
    );
    let table = check_rows(
        &ods(&body),
        "semaine.csv",
        &[
            r#"1:3 {"date":"2026-11-16","id":"R-1","notes":"RAS"}"#,
            r#"2:4 {"date":"","id":"R-2","notes":"Rue close"}"#,
        ],
    );
    assert_eq!(table.other_sheets, ["Aide"]);
    assert_eq!(is_table(Some("a.xlsx"), b"PK\x03\x04"), None);
    let kind = TableKind::Workbook(Workbook::Ods);
    assert!(rows(&ods(""), kind, &Budgets::default()).is_err());
}

#[test]
fn results_and_texts_that_the_file_does_not_have_are_said() {
    let sheet = "<worksheet><sheetData><row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1'><f>1+1</f><v/></c>\
        <c r='C1' t='str'><f>A9</f><v></v></c><c r='D1'><f>1+1</f></c><c r='E1' t='s'><v>99</v></c></row>\
        </sheetData></worksheet>";
    let read = read(&xlsx(sheet), &Budgets::default());
    let details: Vec<_> = (read.layout.notes.iter())
        .filter_map(|note| note.detail.as_deref())
        .collect();
    assert_eq!(
        details,
        [
            "formulas without a result: 2",
            "shared texts missing: 1",
            "sheet"
        ]
    );
}

//! The project's own documents in office formats are read whole, and a week of field reports gives
//! the same rows from either kind of workbook.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::path::Path;

use domain::{BlockRole, Span};
use extract::rows::{is_table, rows};
use extract::{Budgets, Extraction, Input, extract};

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats/documents");
    std::fs::read(folder.join(name)).unwrap()
}

fn read(name: &str) -> Extraction {
    let bytes = bytes(name);
    let input = Input {
        bytes: &bytes,
        file_name: Some(name),
        ..Input::default()
    };
    extract(&input, &Budgets::default())
}

/// Every field with this value, its place included where it has one.
fn check(read: &Extraction, fields: &[(&str, Option<&str>)]) {
    for (name, value) in fields {
        let field = read
            .layout
            .field(name)
            .unwrap_or_else(|| panic!("no field {name}"));
        assert_eq!(field.value.as_deref(), *value, "{name}");
        if let Some(span) = field.span {
            assert_eq!(Span::of(span, &read.text), *value, "{name}");
        }
    }
}

#[test]
fn a_sheet_of_labels_and_values_is_a_form() {
    let read = read("subvention.xlsx");
    check(
        &read,
        &[
            ("Association", Some("Les Mains Vertes des Aulnes")),
            ("Numéro RNA", Some("W999012345")),
            ("Montant demandé", Some("1 500,00 €")),
            ("Date de la demande", Some("2026-11-10")),
            ("Nombre d’adhérents", Some("64")),
        ],
    );
    assert_eq!(read.layout.pages.len(), 3);
    assert!(read.text.as_str().contains("Total\t1 860,50 €\t1 860,50 €"));
    assert_eq!(read.layout.notes.len(), 1, "{:?}", read.layout.notes);
}

#[test]
fn an_open_document_form_has_its_fields_and_headings() {
    let read = read("vide-greniers.odt");
    check(
        &read,
        &[
            ("organisateur", Some("Comité des fêtes du Gué")),
            ("telephone", Some("01 99 00 12 58")),
            ("jour", Some("dimanche")),
            ("reglement", Some("1")),
            ("buvette", None),
            ("Nombre d’exposants", Some("80")),
        ],
    );
    let roles: Vec<_> = read.layout.pages[0].blocks.iter().map(|b| b.role).collect();
    assert_eq!(
        roles[..3],
        [BlockRole::Header, BlockRole::Title, BlockRole::Heading]
    );
    assert!(roles.contains(&BlockRole::List) && roles.contains(&BlockRole::Table));
    assert!(read.layout.notes.is_empty(), "{:?}", read.layout.notes);
}

#[test]
fn a_week_of_reports_gives_the_same_rows_from_either_workbook() {
    let split = |name: &str| {
        let bytes = bytes(name);
        let kind = is_table(Some(name), &bytes).unwrap();
        rows(&bytes, kind, &Budgets::default()).unwrap()
    };
    let table = split("rapports-semaine-47.xlsx");
    assert_eq!(table.rows, split("rapports-semaine-47.ods").rows);
    assert_eq!(table.rows.len(), 5);
    let first = &table.rows[0];
    assert_eq!((first.number, first.line), (1, 4));
    assert_eq!(first.value["saisi_le"], "2026-11-16");
    assert_eq!(first.value["duree"], "45");
    assert_eq!(table.rows[3].value["notes"], "");
    assert_eq!(table.other_sheets, ["Mode d’emploi"]);
}

//! Forms that are only drawn.

use super::{Builder, at, read};
use crate::Budgets;

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

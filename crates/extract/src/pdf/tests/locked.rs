//! Documents that a password opens.

use domain::NoteCode;

use crate::{Budgets, Extraction, Input, extract};

/// Its password is `valmont`.
const LOCKED: &[u8] = include_bytes!("../../../../../fixtures/bad/documents/encrypted.pdf");

fn read(password: Option<&str>) -> Extraction {
    let input = Input {
        bytes: LOCKED,
        password,
        ..Input::default()
    };
    extract(&input, &Budgets::default())
}

#[test]
fn the_password_opens_and_others_say_what_to_do() {
    let opened = read(Some("valmont"));
    assert_eq!(opened.text.as_str(), "Le banc du square est cassé.");
    assert_eq!(opened.layout.notes, []);
    for (password, start) in [
        (None, "password: give"),
        (Some("secret-essai"), "wrong password: give"),
    ] {
        let closed = read(password);
        assert!(closed.text.as_str().is_empty());
        let [note] = closed.layout.notes.as_slice() else {
            panic!("{:?}", closed.layout.notes);
        };
        assert_eq!(note.code, NoteCode::Encrypted);
        let detail = note.detail.as_deref().unwrap();
        assert!(detail.starts_with(start) && detail.contains("GREFFIER_PASSWORD"));
        assert!(!detail.contains("secret-essai"));
    }
}

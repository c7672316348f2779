//! Telephone numbers and e-mail addresses.

use std::sync::LazyLock;

use regex::Regex;

use super::{IdentifierKind, char_at, char_before};

/// Reports every phone number and e-mail address of `text` as (kind, first byte, first byte after).
pub(super) fn find(text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    for found in EMAIL.find_iter(text) {
        add(IdentifierKind::Email, found.start(), found.end());
    }
    let mut at = 0;
    let mut last_end = 0;
    while let Some(found) = PHONE.find_at(text, at) {
        let (start, end) = (found.start(), found.end());
        if stands_alone(text, start, end, last_end) && is_no_amount(found.as_str()) {
            add(IdentifierKind::Phone, start, end);
            (at, last_end) = (end, end);
        } else {
            // Every alternative starts with an ASCII character.
            at = start + 1;
        }
    }
}

/// An address, also with the at sign written out to deceive robots.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[\p{L}\p{N}_][\p{L}\p{N}._%+-]*(?:@| ?[(\[](?:at|a|arobase|@)[)\]] ?)(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+\p{L}{2,24}",
    )
});

/// French numbers (ten digits from 0, or +33 and nine) in the groupings people use, and foreign
/// ones that start with a plus sign or, in groups, with 00.
///
/// Groups are enumerated instead of allowing a separator anywhere: "01/02/2026 14:30" has ten
/// digits too.
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    // Between groups: space, no-break spaces, full stop, hyphen, and combinations (" - ", ". ").
    let s = r"[ \u{a0}\u{2009}\u{202f}.\-\u{2010}\u{2011}\u{2013}]";
    let sep = format!("{s}{{1,3}}");
    let rest = format!(
        // 12 34 56 78 after the first digit pair
        r"(?:(?:{sep}\d\d){{4}}|(?: ?/ ?\d\d){{4}}|\d{{8}}|{sep}\d{{8}}|\d\d{sep}\d{{3}}{sep}\d{{3}}|{sep}\d{{3}}{sep}\d{{3}}{sep}\d\d|\d\d(?:{sep}\d\d){{3}}|{sep}\d{{4}}{sep}\d{{4}})"
    );
    let national = format!(r"0[1-9]{rest}");
    let prefix = format!(r"(?:\((?:\+|00){s}?33\)|(?:\+|00){s}?33){s}{{0,2}}(?:\(0\){s}?)?");
    let french = format!(
        r"{prefix}0?[1-9](?:(?:{sep}\d\d){{4}}|\d{{8}}|\d\d{sep}\d{{3}}{sep}\d{{3}}|{sep}\d{{8}}|(?:{sep}?\d\d){{4}})"
    );
    let foreign = format!(r"\+[1-9](?:{s}?\(?\d\)?){{6,13}}\d");
    let foreign_00 = format!(r"00[1-9]\d{{1,2}}(?:{s}(?:\d{{1,4}}|\(\d{{1,4}}\))){{2,6}}");
    pattern(&format!("{french}|{national}|{foreign}|{foreign_00}"))
});

/// Whether the digits do not go on before or after, in the same number, date or amount. What ends
/// at `last_end` is known to be a number of its own.
fn stands_alone(text: &str, start: usize, end: usize, last_end: usize) -> bool {
    let before = char_before(text, start);
    if before.is_some_and(|c| c.is_alphanumeric() || c == '+') {
        return false;
    }
    // "3,06…", "2026-01-02…": part of something longer.
    if let Some(c @ ('.' | ',' | '-')) = before {
        let earlier = start - c.len_utf8();
        let digit = char_before(text, earlier).is_some_and(|c| c.is_ascii_digit());
        if digit && earlier != last_end {
            return false;
        }
    }
    match char_at(text, end) {
        Some(c) if c.is_alphanumeric() => false,
        // Another number may follow after a hyphen ("…78-06 12…"), which starts with 0.
        Some(c @ ('.' | ',' | '-')) => {
            !char_at(text, end + c.len_utf8()).is_some_and(|c| matches!(c, '1'..='9'))
        }
        _ => true,
    }
}

/// "+12 000 000" is an increase: few digits, all in groups of three. The regex lets through at
/// most fifteen digits, the most a number has (ITU-T E.164).
fn is_no_amount(found: &str) -> bool {
    let Some(rest) = found.strip_prefix('+') else {
        return true;
    };
    let digits = rest.chars().filter(char::is_ascii_digit).count();
    let mut groups = rest.split(|c: char| !c.is_ascii_digit()).skip(1).peekable();
    let thousands = groups.peek().is_some() && groups.all(|group| group.len() == 3);
    digits >= 10 || !thousands
}

#[expect(
    clippy::expect_used,
    reason = "constant patterns, compiled by the tests"
)]
fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        find(text, &mut |_, start, end| found.push(&text[start..end]));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn finds_phones_as_people_write_them() {
        for phone in [
            "0612345678",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "06-12-34-56-78",
            "06/12/34/56/78",
            "06\u{a0}12\u{a0}34\u{a0}56\u{a0}78",
            "06. 12. 34. 56. 78",
            "06 - 12 - 34 - 56 - 78",
            "06 12345678",
            "0612 345 678",
            "0612 34 56 78",
            "06 123 456 78",
            "01 23 45 67 89",
            "0262 12 34 56",
            "+33612345678",
            "+33 6 12 34 56 78",
            "+33 (0)6 12 34 56 78",
            "+33(0)612345678",
            "(+33) 6 12 34 56 78",
            "+33 612 345 678",
            "0033 6 12 34 56 78",
            "0033612345678",
            "+33 06 12 34 56 78",
            "+32 470 12 34 56",
            "+352 621 123 456",
            "+213 555 12 34 56",
            "+1 (514) 555-0199",
            "00213 555 12 34 56",
        ] {
            check(&format!("Appeler le {phone}, merci"), &[phone]);
            check(&format!("({phone})"), &[phone]);
            check(&format!("tél:{phone}."), &[phone]);
        }
        check(
            "06 12 34 56 78 / 07 12 34 56 78",
            &["06 12 34 56 78", "07 12 34 56 78"],
        );
        check(
            "06 12 34 56 78-07 12 34 56 78",
            &["06 12 34 56 78", "07 12 34 56 78"],
        );
    }

    #[test]
    fn leaves_dates_amounts_and_references() {
        for text in [
            "le 01/02/2026 à 14:30",
            "01.02.2026 14:30",
            "01-02-2026 14 h",
            "2026-01-02-03-04-05",
            "facture 20260612345678",
            "AB0612345678",
            "0612345678X",
            "0,0612345678",
            "+12 000 000 habitants",
            "+ 3 %",
            "+5",
            "12 345 678 euros",
            "00 12 34 56 78",
            "de 08 h à 12 h",
            "article L. 231-1",
            "cerfa 13703*09",
            "06 12 34 56",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn finds_addresses() {
        for address in [
            "marie.dupont@exemple.fr",
            "m_dupont+mairie@ville-exemple.gouv.fr",
            "léa@exemple.fr",
            "X1@a.museum",
            "marie.dupont (at) exemple.fr",
            "marie.dupont[arobase]exemple.fr",
        ] {
            check(&format!("écrire à {address}."), &[address]);
            check(&format!("<{address}>,"), &[address]);
        }
        for text in ["@mairie", "a@b", "a @ b.fr", "a@.fr", "@", "a@b.c"] {
            check(text, &[]);
        }
    }
}

//! Telephone numbers and e-mail addresses.

use std::sync::LazyLock;

use regex::Regex;

use super::{IdentifierKind, char_at, char_before, pattern};

/// Reports every phone number and e-mail address of `text` as (kind, first byte, first byte after).
pub(super) fn find(text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    for found in EMAIL.find_iter(text) {
        add(IdentifierKind::Email, found.start(), found.end());
    }
    for found in HANDLE.captures_iter(text) {
        for group in ["at", "named", "marked"] {
            if let Some(handle) = found
                .name(group)
                .filter(|h| is_handle(text, h.start(), h.as_str()))
            {
                add(IdentifierKind::Handle, handle.start(), handle.end());
            }
        }
    }
    for found in SPELLED.find_iter(text) {
        if !char_before(text, found.start()).is_some_and(char::is_alphanumeric)
            && !char_at(text, found.end()).is_some_and(char::is_alphanumeric)
        {
            add(IdentifierKind::Phone, found.start(), found.end());
        }
    }
    for found in SHORT.captures_iter(text) {
        if let Some(number) = found.name("number")
            && !char_at(text, number.end()).is_some_and(char::is_alphanumeric)
        {
            add(IdentifierKind::Phone, number.start(), number.end());
        }
    }
    let mut at = 0;
    let mut last_end = 0;
    while let Some(found) = PHONE.find_at(text, at) {
        let (start, end) = (found.start(), found.end());
        if stands_alone(text, start, end, last_end) && is_no_amount(found.as_str()) {
            let digits = found.as_str().chars().filter(char::is_ascii_digit);
            let kind = match digits.take(2).eq("08".chars()) {
                true => IdentifierKind::ServicePhone,
                false => IdentifierKind::Phone,
            };
            add(kind, start, end);
            (at, last_end) = (end, end);
        } else {
            // Every alternative starts with an ASCII character.
            at = start + 1;
        }
    }
}

/// An address, also with the at sign written out to deceive robots, dictated, or between spaces.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    let local = r"[\p{L}\p{N}_][\p{L}\p{N}._%+-]*";
    let end = "(?:fr|com|org|net|eu|info|be|ch|re)";
    pattern(&format!(
        r"{local}(?:@| ?[(\[](?:at|a|arobase|@)[)\]] ?)(?:[\p{{L}}\p{{N}}](?:[\p{{L}}\p{{N}}-]*[\p{{L}}\p{{N}}])?\.)+\p{{L}}{{2,24}}|{local} ?@ ?[\p{{L}}\p{{N}}-]{{3,}}\.{end}\b|{local} (?:arobase|at) [\p{{L}}\p{{N}}-]{{2,}}(?: ?\. ?| point ){end}\b"
    ))
});

/// An account on a social network: "@karim_93", "insta : karim.93".
static HANDLE: LazyLock<Regex> = LazyLock::new(|| {
    let handle = r"[\p{L}\p{N}_](?:[\p{L}\p{N}._-]{1,29}[\p{L}\p{N}_])";
    pattern(&format!(
        r"(?:^|[\s(«:,;])(?P<at>@{handle})|(?i:insta|instagram|snap|snapchat|tiktok|facebook|fb|telegram|twitter|discord|pseudo)\b(?: ?: ?|(?: est)? ?« ?)@?(?P<named>{handle})|(?i:insta|instagram|snap|snapchat|tiktok|telegram|discord|pseudo) (?P<marked>{handle})"
    ))
});

/// Whether it is a person's account: those of institutions are public, and a word that follows
/// "Snapchat" is only one when it is written like an account.
fn is_handle(text: &str, start: usize, handle: &str) -> bool {
    let folded = domain::text::fold(handle);
    let institution = [
        "mairie",
        "ville",
        "prefet",
        "police",
        "caf",
        "ccas",
        "mediation",
        "gouv",
    ]
    .iter()
    .any(|word| folded.trim_start_matches('@').starts_with(word));
    let written = handle.starts_with('@')
        || handle.contains(['_', '.'])
        || handle.contains(|c: char| c.is_ascii_digit());
    let colon = text[..start].trim_end().ends_with([':', '«']);
    !institution && (written || colon)
}

/// A number dictated in words.
static SPELLED: LazyLock<Regex> = LazyLock::new(|| {
    let word = "(?:z[ée]ro|une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingts?|trente|quarante|cinquante|soixante)";
    pattern(&format!(
        r"(?i)z[ée]ro[ -](?:un|deux|trois|quatre|cinq|six|sept|huit|neuf)(?:(?:,| et|-| )+{word}\b){{4,16}}"
    ))
});

/// A mobile number without its zero, where a word announces it.
static SHORT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:t[ée]l|portable|mobile|num[ée]ro|joignable)[^\d\n]{0,14}\b(?P<number>[67](?:[ .-]?\d\d){4})",
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
    // A capital O for the zero is a slip of the keyboard.
    let national = format!(r"[0O][1-9]{rest}");
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
        check("nadia @ exemple.fr d'après", &["nadia @ exemple.fr"]);
        check(
            "karim.b arobase exemple point fr",
            &["karim.b arobase exemple point fr"],
        );
    }

    #[test]
    fn finds_accounts_and_leaves_those_of_institutions() {
        check("c'est @karim_93, là", &["@karim_93"]);
        check("Insta : ines.bdl", &["ines.bdl"]);
        check("snap momo93_off et Snapchat hier", &["momo93_off"]);
        check(
            "pseudo « lina », @mairie_valmont, Facebook de la ville",
            &["lina"],
        );
    }

    #[test]
    fn finds_dictated_numbers() {
        let said = "zéro six, douze, trente-quatre, cinquante-six, soixante-dix-huit";
        check(&format!("son numéro : {said}."), &[said]);
        check("zéro six personnes", &[]);
        check("O6 12 34 56 78", &["O6 12 34 56 78"]);
        check("portable : 6 12 34 56 78", &["6 12 34 56 78"]);
    }

    #[test]
    fn a_number_of_a_service_is_nobody() {
        let mut kinds = Vec::new();
        find("0 800 05 95 95, 0800 05 95 95", &mut |kind, _, _| {
            kinds.push(kind)
        });
        assert_eq!(kinds, [IdentifierKind::ServicePhone; 1]);
    }
}

//! NIR, IBAN and SIRET: numbers that carry check digits, in whatever groups they are written.

use super::{IdentifierKind, char_at, is_space};

/// Reports every NIR, IBAN and SIRET of `text` as (kind, first byte, first byte after).
pub(super) fn find(text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    let mut previous = None;
    for (start, c) in text.char_indices() {
        let begins = !previous.is_some_and(char::is_alphanumeric);
        previous = Some(c);
        if !begins {
            continue;
        }
        if c.is_ascii_alphabetic() {
            if let Some(end) = iban(text, start) {
                add(IdentifierKind::Iban, start, end);
            }
        } else if c.is_ascii_digit() {
            if let Some(end) = nir(text, start) {
                add(IdentifierKind::Nir, start, end);
            }
            if let Some(end) = siret(text, start) {
                add(IdentifierKind::Siret, start, end);
            }
        }
    }
}

/// `count` ASCII letters or digits from `start` on, upper-cased, with at most one separator between
/// two, and where the last one ends. `None` when there are fewer or when the word goes on.
fn significant(text: &str, start: usize, count: usize) -> Option<(Vec<u8>, usize)> {
    let mut taken = Vec::with_capacity(count);
    let mut separated = true;
    for (offset, c) in text[start..].char_indices() {
        if c.is_ascii_alphanumeric() {
            taken.push(c.to_ascii_uppercase() as u8);
            separated = false;
            if taken.len() == count {
                let end = start + offset + 1;
                let goes_on = char_at(text, end).is_some_and(char::is_alphanumeric);
                return (!goes_on).then_some((taken, end));
            }
        } else if !separated && (is_space(c) || matches!(c, '.' | '-')) {
            separated = true;
        } else {
            return None;
        }
    }
    None
}

/// NIR, the number of people in the national register (décret 82-103): sex, year, month,
/// department, commune, order, and a key that is 97 minus the rest modulo 97.
fn nir(text: &str, start: usize) -> Option<usize> {
    if let Some((digits, end)) = significant(text, start, 15)
        && let Some(number) = nir_number(&digits[..13])
    {
        let key = decimal(&digits[13..])?;
        if key == 97 - number % 97 || is_announced(text, start) {
            return Some(end);
        }
    }
    // Often written without its key; thirteen digits alone are no evidence, so a word must
    // announce them.
    let (digits, end) = significant(text, start, 13)?;
    (nir_number(&digits).is_some() && is_announced(text, start)).then_some(end)
}

/// The first thirteen characters as a number, Corsican departments replaced as the key wants it;
/// `None` when they cannot be a NIR.
fn nir_number(digits: &[u8]) -> Option<u64> {
    let mut digits = digits.to_vec();
    match &digits[5..7] {
        b"2A" => digits[5..7].copy_from_slice(b"19"),
        b"2B" => digits[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let number = decimal(&digits)?;
    // 3 and 4 are being registered, 7 and 8 are provisional.
    let sex = matches!(digits[0], b'1' | b'2' | b'3' | b'4' | b'7' | b'8');
    // Above 12: the month is not known, or acts are incomplete.
    let month = matches!(decimal(&digits[3..5])?, 1..=12 | 20..=42 | 50..=99);
    (sex && month && &digits[5..7] != b"00").then_some(number)
}

/// Whether one of the few words before says that a social security number follows.
fn is_announced(text: &str, start: usize) -> bool {
    const REACH: usize = 48;
    let before = &text[text.floor_char_boundary(start.saturating_sub(REACH))..start];
    before
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| {
            matches!(
                word,
                "nir"
                    | "insee"
                    | "sécu"
                    | "secu"
                    | "sécurité"
                    | "securite"
                    | "ss"
                    | "immatriculation"
                    | "assuré"
                    | "assurée"
                    | "assure"
                    | "assuree"
                    | "nia"
                    | "vitale"
                    | "cpam"
            )
        })
}

/// IBAN (ISO 13616): the country's length, and 1 modulo 97 once the first four characters are
/// moved to the end and letters count from 10 (ISO 7064).
fn iban(text: &str, start: usize) -> Option<usize> {
    // Nearly every word ends here: check digits follow the country.
    let code = text.get(start..start + 2)?;
    let digits = text[start + 2..].trim_start_matches(is_space);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let country = code.to_ascii_uppercase();
    let length = IBAN_LENGTHS
        .split_whitespace()
        .find_map(|entry| entry.strip_prefix(country.as_str()))?
        .parse()
        .ok()?;
    let (characters, end) = significant(text, start, length)?;
    if !characters[2..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (head, body) = characters.split_at(4);
    let remainder = body.iter().chain(head).fold(0u32, |remainder, c| match c {
        b'0'..=b'9' => (remainder * 10 + u32::from(c - b'0')) % 97,
        _ => (remainder * 100 + u32::from(c - b'A') + 10) % 97,
    });
    (remainder == 1).then_some(end)
}

/// Lengths of the SWIFT registry, and of the countries outside it whose banks write accounts so.
const IBAN_LENGTHS: &str = "
    AD24 AE23 AL28 AO25 AT20 AZ28 BA20 BE16 BF28 BG22 BH22 BI27 BJ28 BR29 BY28 CF27 CG27 CH21 CI28
    CM27 CR22 CV25 CY28 CZ24 DE22 DJ27 DK18 DO28 DZ26 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GA27 GB22
    GE22 GI23 GL18 GQ27 GR27 GT28 GW25 HN28 HR21 HU28 IE22 IL23 IQ23 IR26 IS26 IT27 JO30 KM27 KW30
    KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MA28 MC27 MD24 ME22 MG27 MK19 ML28 MN20 MR27 MT31 MU30
    MZ25 NE28 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19
    SK24 SM27 SN28 SO23 ST25 SV28 TD27 TG28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
";

/// SIRET: nine digits of the company and five of the establishment, with a Luhn check digit
/// (ISO/IEC 7812). The establishments of La Poste do without: their digits sum to a multiple of 5.
fn siret(text: &str, start: usize) -> Option<usize> {
    const LA_POSTE: &[u8] = b"356000000";
    let (digits, end) = significant(text, start, 14)?;
    decimal(&digits)?;
    let values = || digits.iter().map(|d| u32::from(d - b'0'));
    // From the right every second digit is doubled, and the digits of the double summed.
    let luhn: u32 = values()
        .enumerate()
        .map(|(i, v)| {
            if i % 2 == 0 {
                v * 2 / 10 + v * 2 % 10
            } else {
                v
            }
        })
        .sum();
    let la_poste = digits.starts_with(LA_POSTE) && values().sum::<u32>().is_multiple_of(5);
    // Fourteen zeroes pass every check.
    let is_number = digits.iter().any(|d| *d != b'0');
    (is_number && (luhn.is_multiple_of(10) || la_poste)).then_some(end)
}

/// ASCII digits as a number; `None` for anything else. At most 19 digits.
fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, d| {
        d.is_ascii_digit()
            .then(|| number * 10 + u64::from(d - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(IdentifierKind, &str)]) {
        let mut found = Vec::new();
        find(text, &mut |kind, start, end| {
            found.push((kind, &text[start..end]))
        });
        assert_eq!(found, expected, "{text}");
    }

    fn none(text: &str) {
        check(text, &[]);
    }

    #[test]
    fn finds_nir_by_its_key() {
        let nir = |text, found| check(text, &[(IdentifierKind::Nir, found)]);
        nir("NIR 1 85 05 78 006 084 91.", "1 85 05 78 006 084 91");
        nir("185057800608491", "185057800608491");
        nir("n°185-05-78-006-084-91", "185-05-78-006-084-91");
        nir(
            "1\u{a0}85\u{a0}05\u{a0}78\u{a0}006\u{a0}084\u{a0}91",
            "1\u{a0}85\u{a0}05\u{a0}78\u{a0}006\u{a0}084\u{a0}91",
        );
        // Corsica: 97 - (number with 19 for 2A, 18 for 2B) modulo 97.
        nir("2 69 05 2A 004 028 12", "2 69 05 2A 004 028 12");
        nir("2 69 05 2b 004 028 39", "2 69 05 2b 004 028 39");
        none("1 85 05 78 006 084 92");
        none("2 69 05 2A 004 028 39");
        // Sex, month and department that do not exist, with a key that holds.
        for number in ["5850578006084", "1851578006084", "1850500006084"] {
            let key = 97 - number.parse::<u64>().unwrap() % 97;
            none(&format!("{number}{key:02}"));
        }
        none("1850578006084911");
        none("x185057800608491");
        none("185057800608491x");
    }

    #[test]
    fn finds_nir_without_a_key_where_a_word_announces_it() {
        let nir = |text, found| check(text, &[(IdentifierKind::Nir, found)]);
        nir(
            "n° de sécurité sociale : 1 85 05 78 006 084",
            "1 85 05 78 006 084",
        );
        nir("Sécu 1 85 05 78 006 084 92", "1 85 05 78 006 084 92");
        none("1 85 05 78 006 084");
        none("fournir 1 85 05 78 006 084");
    }

    #[test]
    fn finds_iban_by_country_and_check_digits() {
        let iban = |text, found| check(text, &[(IdentifierKind::Iban, found)]);
        iban(
            "FR76 3000 6000 0112 3456 7890 189",
            "FR76 3000 6000 0112 3456 7890 189",
        );
        iban(
            "IBAN:FR7630006000011234567890189;",
            "FR7630006000011234567890189",
        );
        iban(
            "fr14 2004 1010 0505 0001 3m02 606",
            "fr14 2004 1010 0505 0001 3m02 606",
        );
        iban("BE68 5390 0754 7034 merci", "BE68 5390 0754 7034");
        iban("DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00");
        iban("GB29NWBK60161331926819", "GB29NWBK60161331926819");
        none("FR76 3000 6000 0112 3456 7890 188");
        none("FR76 3000 6000 0112");
        none("XX76 3000 6000 0112 3456 7890 189");
        none("FRANCE 3000 6000 0112 3456 7890 189");
        none("FR76 3000 6000 0112 3456 7890 1890");
    }

    #[test]
    fn every_entry_of_the_table_is_a_country_and_a_length() {
        for entry in IBAN_LENGTHS.split_whitespace() {
            let length: usize = entry[2..].parse().unwrap();
            assert!((15..=34).contains(&length), "{entry}");
        }
    }

    #[test]
    fn finds_siret_by_its_check_digit() {
        let siret = |text, found| check(text, &[(IdentifierKind::Siret, found)]);
        siret("SIRET 732 829 320 00074", "732 829 320 00074");
        siret("73282932000074", "73282932000074");
        siret("La Poste : 356 000 000 00048", "356 000 000 00048");
        siret("La Poste : 35600000000010", "35600000000010");
        none("732 829 320 00075");
        none("00000000000000");
        none("732 829 320");
        none("732829320000741");
    }
}

//! Numbers that an administration or a bank gave somebody, codes that open something, and licence
//! plates.
//!
//! Seven digits are anything, so most of these need the word that announces them within a few
//! characters: "allocataire 1234567". What has a shape of its own (a passport, a plate of today, a
//! card whose check digit holds) needs none.

use std::sync::LazyLock;

use regex::Regex;

use super::{IdentifierKind, char_at, char_before, is_space, pattern};

/// Bytes between the word that announces a number and the number, at most.
const REACH: usize = 34;

/// Reports every number and plate of `text` as (kind, first byte, first byte after).
pub(super) fn find(text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    for announced in ANNOUNCED.captures_iter(text) {
        let Some(rule) = RULES
            .iter()
            .find(|rule| announced.name(rule.name).is_some())
        else {
            continue;
        };
        let Some(word) = announced.get(0) else {
            continue;
        };
        if char_before(text, word.start()).is_some_and(char::is_alphanumeric) {
            continue;
        }
        if let Some((start, end)) = rule.value_after(text, word.end()) {
            add(IdentifierKind::Number, start, end);
        }
    }
    for found in SHAPED.find_iter(text) {
        if stands_alone(text, found.start(), found.end()) {
            add(IdentifierKind::Number, found.start(), found.end());
        }
    }
    for found in CARD.find_iter(text) {
        if stands_alone(text, found.start(), found.end()) && luhn(found.as_str()) {
            add(IdentifierKind::Number, found.start(), found.end());
        }
    }
    for found in PLATE.find_iter(text) {
        if stands_alone(text, found.start(), found.end()) {
            add(IdentifierKind::Plate, found.start(), found.end());
        }
    }
    for found in OLD_PLATE.captures_iter(text) {
        let (Some(all), Some(plate)) = (found.get(0), found.name("plate")) else {
            continue;
        };
        // Without the word "plaque" or a vehicle before it, only the full old form.
        let full = plate
            .as_str()
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count()
            >= 3;
        let announced = all.start() < plate.start();
        if (full || announced) && stands_alone(text, plate.start(), plate.end()) {
            add(IdentifierKind::Plate, plate.start(), plate.end());
        }
    }
}

/// What a word announces.
struct Rule {
    /// The group of [`ANNOUNCED`].
    name: &'static str,
    /// The number, at most one of which follows.
    value: Regex,
    /// Letters and digits it has, at least and at most.
    length: (usize, usize),
    /// Digits among them, at least.
    digits: usize,
}

impl Rule {
    fn value_after(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let until = text.floor_char_boundary((at + REACH + 30).min(text.len()));
        let line = text[at..until].split('\n').next()?;
        let found = self.value.find(line)?;
        let (start, end) = (at + found.start(), at + found.end());
        let characters = || found.as_str().chars().filter(char::is_ascii_alphanumeric);
        let length = characters().count();
        let digits = characters().filter(char::is_ascii_digit).count();
        let between = &line[..found.start()];
        let after = line[found.end()..].trim_start_matches(is_space);
        let amount = after.starts_with('€') || after.starts_with("euro");
        let fits = found.start() <= REACH
            && !between.contains(|c: char| c.is_ascii_digit())
            && !amount
            && (self.length.0..=self.length.1).contains(&length)
            && digits >= self.digits
            && stands_alone(text, start, end);
        fits.then_some((start, end))
    }
}

macro_rules! rules {
    ($($name:ident: $word:literal => $value:literal, $min:literal..=$max:literal, $digits:literal;)*) => {
        static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| vec![$(Rule {
            name: stringify!($name),
            value: pattern($value),
            length: ($min, $max),
            digits: $digits,
        },)*]);

        /// The words that announce a number, one group a rule.
        static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
            pattern(&format!("(?i){}", [$(concat!("(?P<", stringify!($name), ">", $word, ")")),*].join("|")))
        });
    };
}

rules! {
    // Seven digits, and often a letter.
    caf: r"allocataires?\b|alloc\.|matricule\b|caf n ?°|n ?° caf\b|caf\b" =>
        r"\d(?:[ .\u{a0}\u{202f}]?\d){6,}(?:[ -]?[A-Z]\b)?", 7..=8, 7;
    // Thirteen digits, of which the first is 0 to 3.
    tax: r"fiscal\b|fiscale\b|\bspi\b" => r"[0-3](?:[ .\u{a0}\u{202f}]?\d){12,}", 13..=13, 13;
    // Twelve digits, or nine letters and digits since 2021.
    card: r"cni\b|cart?e (?:nationale )?d['’]identit[ée]|pi[èe]ce d['’]identit[ée]" =>
        r"\d(?:[ .]?\d){11,}|\b[A-Z0-9]{9}\b", 9..=12, 1;
    passport: r"passeports?\b" => r"\d{2} ?[A-Z]{2} ?\d{5}", 9..=9, 7;
    stay: r"(?:titres?|cartes?) de s[ée]jour|r[ée]c[ée]piss[ée]|agdref|(?:n ?°|num[ée]ro) (?:d['’])?[ée]tranger" =>
        r"\d(?:[ .]?\d){9,}|\b[A-Z0-9]{9}\b", 9..=10, 1;
    licence: r"permis\b" => r"\d{2} ?[A-Z]{2} ?\d{5}|\d(?:[ .]?\d){11,}", 9..=12, 7;
    job: r"france travail|p[ôo]le emploi|identifiant\b|demandeur d['’]emploi" =>
        r"\d{7}[A-Z]\b|\b\d{8}\b|\b\d{11}\b", 8..=11, 7;
    housing: r"num[ée]ro unique|\bnud\b|\bsne\b|demande de logement" =>
        r"\b\d[\d ]{13,22}\d(?:[A-Z]\b)?", 15..=20, 15;
    other: r"(?:mdph|surendettement|adh[ée]rente?|\bine\b|[ée]crou)[^\d\n]{0,12}?(?:n ?°|num[ée]ro|:)" =>
        r"\b[A-Z0-9][A-Z0-9/-]{3,18}[A-Z0-9]\b", 5..=20, 4;
    // What opens a door or an account; the value holds a digit, and follows at once or a colon.
    secret: r"(?:digicode|codes? (?:d['’]entr[ée]e|d['’]acc[èe]s|(?:de la )?porte|(?:de l['’])?immeuble|pin|wifi|secret)|mot de passe|\bmdp)(?:[^\n:.,;\d]{0,14}:|[ \u{a0}])[ \u{a0}«]*" =>
        r"^[\p{L}\d@#$%&*_!?+-]{4,24}", 4..=24, 1;
}

/// A passport number needs no word: two digits, two letters, five digits.
static SHAPED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d{2}[A-HJ-NP-TV-Z]{2}\d{5}"));

/// A bank card.
static CARD: LazyLock<Regex> = LazyLock::new(|| pattern(r"[3-6]\d{3}(?:[ \u{a0}.-]?\d{4}){3}"));

/// A plate since 2009 (SIV): no I, O, U.
static PLATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[A-HJ-NP-TV-Z]{2}[ \u{a0}-]?\d{3}[ \u{a0}-]?[A-HJ-NP-TV-Z]{2}|[a-hj-np-tv-z]{2}-\d{3}-[a-hj-np-tv-z]{2}",
    )
});

/// A plate of before (FNI): digits, letters, department.
static OLD_PLATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:(?i:plaques?|immatricul\w*|v[ée]hicules?|voitures?|scooters?|motos?|fourgons?|camions?|clio|utilitaire)[^\d\n]{0,24})?(?P<plate>\d{1,4}[ -]?[A-HJ-NP-TV-Z]{2,3}[ -](?:2[AB]|\d{2}|97\d))",
    )
});

/// Whether neither letters nor digits go on before or after.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let goes_on = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !goes_on(char_before(text, start)) && !goes_on(char_at(text, end))
}

/// The check digit of ISO/IEC 7812.
fn luhn(number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| match i % 2 {
            0 => *d,
            _ => d * 2 / 10 + d * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|d| *d != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        find(text, &mut |_, start, end| found.push(&text[start..end]));
        // "allocataire CAF" announces one number twice.
        found.dedup();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_number_needs_the_word_that_announces_it() {
        check("allocataire 1234567", &["1234567"]);
        check("n° allocataire CAF : 1 234 567 B.", &["1 234 567 B"]);
        check("CAF, 12 personnes, 1234567 euros", &[]);
        check("allocataire 123456, allocataire 123456789", &[]);
        check("1234567", &[]);
        check("numéro fiscal : 30 12 345 678 901", &["30 12 345 678 901"]);
        check("avis fiscal 4012345678901", &[]);
        check(
            "CNI 880692310285, CNI X4RTBPFW4",
            &["880692310285", "X4RTBPFW4"],
        );
        check("carte d’identité PASSEPORT", &[]);
        check("titre de séjour n° 7503123456", &["7503123456"]);
        check("identifiant 1234567A", &["1234567A"]);
        check("dossier MDPH n° 93-12345", &["93-12345"]);
        check("dossier MDPH de Mme, 3 pièces manquent", &[]);
        check(
            "numéro unique 075 1123 045678 12345 reçu",
            &["075 1123 045678 12345"],
        );
    }

    #[test]
    fn some_numbers_have_a_shape_of_their_own() {
        check("19FV28416 perdu", &["19FV28416"]);
        check(
            "4970 1012 3456 7893, 4970 1012 3456 7894",
            &["4970 1012 3456 7893"],
        );
        check("0000 0000 0000 0000", &[]);
    }

    #[test]
    fn what_opens_a_door_is_hidden() {
        check("Digicode changé : 45B72.", &["45B72"]);
        check("code d'entrée A4512", &["A4512"]);
        check("Mot de passe : Soleil2024 !", &["Soleil2024"]);
        check("mot de passe oublié, code postal 93200", &[]);
        check("Mots de passe perdus : 5 seniors", &[]);
    }

    #[test]
    fn plates_of_today_and_of_before() {
        check(
            "AB-123-CD, AB 123 CD, AB123CD, fg-418-kl",
            &["AB-123-CD", "AB 123 CD", "AB123CD", "fg-418-kl"],
        );
        check("1234 AB 56", &["1234 AB 56"]);
        check("voiture 12 ABC 75", &["12 ABC 75"]);
        check("12 ABC 75", &[]);
        check("3 ANTS 12 bloquées, IO 123 UU, XAB-123-CD", &[]);
    }
}

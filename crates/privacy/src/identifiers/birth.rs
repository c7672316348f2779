//! Dates of birth, where words say that they are, and ages.

use std::sync::LazyLock;

use regex::Regex;

use super::{IdentifierKind, char_before, pattern};

/// Reports every date of birth and age of `text` as (kind, first byte, first byte after).
pub(super) fn find(text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    for found in BIRTH.captures_iter(text) {
        let Some(all) = found.get(0) else { continue };
        if char_before(text, all.start()).is_some_and(char::is_alphanumeric) {
            continue;
        }
        if let Some(date) = found.name("date") {
            add(IdentifierKind::Birth, date.start(), date.end());
        } else if let Some(year) = found.name("year") {
            // A year alone says an age.
            add(IdentifierKind::Age, year.start(), year.end());
        }
    }
    for found in AGE.find_iter(text) {
        if is_age(text, found.start(), found.end()) {
            add(IdentifierKind::Age, found.start(), found.end());
        }
    }
}

static BIRTH: LazyLock<Regex> = LazyLock::new(|| {
    let month = "(?:janv|f[ée]vr?|mars|avr|mai|juin|juil|ao[ûu]t|sept|oct|nov|d[ée]c)[a-zé]*\\.?";
    let date = format!(
        r"\d{{1,2}}(?:er)? ?[/.\-] ?\d{{1,2}} ?[/.\-] ?\d{{2,4}}|\d{{1,2}}(?:er)? {month} \d{{2,4}}|\d{{1,2}} \d{{2}} \d{{4}}|\d{{8}}|\d{{6}}"
    );
    pattern(&format!(
        r"(?i)(?:n[ée](?:\(e\)|\.e|e)?s? (?:le |: ?)|date (?:et lieu )?de naissance ?:? ?(?:le )?|naissance (?:le |: ?)|d\.?d\.?n\.? ?:? ?(?:le )?)(?P<date>{date})|n[ée]e? en (?:{month} )?(?P<year>(?:19|20)\d\d)"
    ))
});

static AGE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b\d{1,3} ?ans\b(?: et demi)?|\b\d{1,2} mois\b"));

/// Whether "12 ans" is how old somebody is, and not how long something lasted nor a group's range.
fn is_age(text: &str, start: usize, end: usize) -> bool {
    let before = text[text.floor_char_boundary(start.saturating_sub(40))..start].trim_end();
    let after = text[end..].trim_start();
    let (_, word) = before
        .rsplit_once(|c: char| !c.is_alphanumeric())
        .unwrap_or(("", before));
    let word = word.to_lowercase();
    let lasting = matches!(
        word.as_str(),
        "depuis"
            | "pendant"
            | "dans"
            | "durant"
            | "en"
            | "sur"
            | "pour"
            | "a"
            | "les"
            | "ces"
            | "dernières"
            | "moins"
            | "plus"
            | "bail"
            | "après"
            | "avant"
            | "que"
            | "des"
            | "entre"
            | "tous"
            | "toutes"
            | "et"
            | "ou"
            | "à"
    );
    let range = before.ends_with(['-', '–', '/'])
        || (matches!(word.as_str(), "à" | "et" | "ou")
            && before
                .trim_end_matches(word.as_str())
                .trim_end()
                .ends_with(|c: char| c.is_ascii_digit() || c == 's'));
    let goes_on = [
        "de ",
        "d'",
        "d’",
        "plus tard",
        "après",
        "que",
        "qu",
        "auparavant",
    ]
    .iter()
    .any(|w| after.starts_with(w));
    let months = text[start..end].ends_with("mois");
    let baby = [
        "bébé",
        "nourrisson",
        "enfant",
        "fille",
        "fils",
        "petit",
        "petite",
        "âgé",
        "âgée",
    ]
    .iter()
    .any(|w| before.to_lowercase().contains(w));
    let (number, _) = text[start..end]
        .split_once(|c: char| !c.is_ascii_digit())
        .unwrap_or(("", ""));
    let possible = number.parse::<u32>().is_ok_and(|n| n <= 120);
    possible && !range && !goes_on && (!lasting || word == "de") && (!months || baby)
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

    #[test]
    fn a_date_of_birth_needs_the_words_that_say_so() {
        let birth = |text, date| check(text, &[(IdentifierKind::Birth, date)]);
        birth("né le 12/03/1984", "12/03/1984");
        birth("Née le 1er mars 1990 à Dakar", "1er mars 1990");
        birth("né(e) le 3 déc. 1951", "3 déc. 1951");
        birth("DDN 12.03.84", "12.03.84");
        birth("ddn : 120384", "120384");
        birth("Date de naissance : 02-11-1941", "02-11-1941");
        check("née en 1950", &[(IdentifierKind::Age, "1950")]);
        check("rdv le 12/03/2026, donné le 12/03/2026", &[]);
    }

    #[test]
    fn an_age_is_no_duration_and_no_range() {
        let age = |text, age| check(text, &[(IdentifierKind::Age, age)]);
        age("Dame, 84 ans, veuve", "84 ans");
        age("enfant de 8 ans et demi", "8 ans et demi");
        age("un bébé de 7 mois", "7 mois");
        age("âgée de 71 ans", "71 ans");
        for text in [
            "depuis 10 ans",
            "il y a 3 ans",
            "bail de 3 ans de plus",
            "jeunes de 15 à 17 ans",
            "les 12-17 ans",
            "10 ans de procédure",
            "en 5 ans",
            "sous 2 mois",
            "1 200 ans",
        ] {
            check(text, &[]);
        }
    }
}

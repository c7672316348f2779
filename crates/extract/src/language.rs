//! The language of most of a text, and of a part of it.

use whichlang::Lang;

/// Fewer letters say too little.
const LETTERS_MIN: usize = 20;

/// With fewer letters, only likely languages are believed.
const LETTERS_SURE: usize = 200;

/// Enough to decide; reading more would only cost time.
const CHARACTERS_MAX: usize = 20_000;

/// ISO 639-1 code of the language of most of `text`; `None` when it has too few letters.
pub(crate) fn detect(text: &str) -> Option<String> {
    let end = text
        .char_indices()
        .nth(CHARACTERS_MAX)
        .map_or(text.len(), |(at, _)| at);
    let head = &text[..end];
    let letters = head.chars().filter(|c| c.is_alphabetic()).count();
    if letters < LETTERS_MIN {
        return None;
    }
    // Forms and lists have few sentences, where letters alone mislead; small words decide first.
    if let Some(code) = by_small_words(head) {
        return Some(code.into());
    }
    let code = by_letters(head);
    // Languages with a script of their own are told by it; of those in Latin letters, only the
    // likely ones are believed in a short text.
    let likely = matches!(code, "fr" | "en" | "ar" | "zh" | "hi" | "ja" | "ko" | "ru");
    (letters >= LETTERS_SURE || likely).then(|| code.into())
}

/// What runs of letters say, right or wrong.
fn by_letters(text: &str) -> &'static str {
    match whichlang::detect_language(text) {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}

/// The language of a part of a text in `most`, where it is long and plain enough to tell by itself:
/// else that of the whole. Lists of names and addresses in a letter must not make it Italian.
pub(crate) fn detect_part(part: &str, most: Option<&str>) -> Option<String> {
    detect_surely(part).or_else(|| most.map(str::to_owned))
}

/// The language of a text that leaves no doubt: its small words say so, or it is long, and either
/// half of it says the same as the whole.
fn detect_surely(text: &str) -> Option<String> {
    if let Some(code) = by_small_words(text) {
        return Some(code.into());
    }
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if letters < LETTERS_SURE {
        return None;
    }
    let middle = text.floor_char_boundary(text.len() / 2);
    let (head, tail) = text.split_at(middle);
    let code = by_letters(text);
    (by_letters(head) == code && by_letters(tail) == code).then(|| code.into())
}

/// French and English by words that only they have, when these are frequent enough.
fn by_small_words(text: &str) -> Option<&'static str> {
    const FRENCH: [&str; 28] = [
        "le", "les", "des", "du", "une", "et", "dans", "pour", "qui", "est", "sur", "au", "aux",
        "vous", "nous", "je", "ne", "pas", "avec", "votre", "vos", "cette", "ou", "par", "être",
        "où", "ce", "sont",
    ];
    const ENGLISH: [&str; 24] = [
        "the", "of", "and", "to", "is", "that", "for", "with", "this", "are", "was", "not", "you",
        "be", "it", "or", "your", "have", "from", "by", "will", "at", "been", "which",
    ];
    let (mut words, mut french, mut english) = (0usize, 0usize, 0usize);
    for word in text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
    {
        let word = word.to_lowercase();
        words += 1;
        french += usize::from(FRENCH.contains(&word.as_str()));
        english += usize::from(ENGLISH.contains(&word.as_str()));
    }
    let frequent = |count: usize| count >= 3 && count * 20 >= words;
    match (french, english) {
        (f, e) if frequent(f) && f > 2 * e => Some("fr"),
        (f, e) if frequent(e) && e > 2 * f => Some("en"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_its_own_language_only_where_it_is_plain() {
        let check = |part: &str, code: Option<&str>| {
            assert_eq!(detect_part(part, Some("fr")).as_deref(), code, "{part}");
        };
        check(
            "The lamp has been out since Monday and the street is dark for all of us.",
            Some("en"),
        );
        check("RAS.", Some("fr"));
        let names = "Mme Bianchi Rosa, M. Ferrari Luca, Mme Conti Elena, M. Esposito Marco, \
            Mme Romano Giulia, M. Colombo Andrea";
        check(names, Some("fr"));
        let spanish = "El farol de la calle está apagado desde el lunes por la noche y los vecinos \
            no pueden volver a casa sin linterna. Hemos llamado tres veces al ayuntamiento y nadie \
            nos ha contestado. Les pedimos que envíen a un técnico antes de las fiestas, porque \
            una vecina ya se ha caído.";
        check(spanish, Some("es"));
        assert_eq!(detect_part("RAS.", None), None);
    }

    #[test]
    fn tells_the_language_or_says_nothing() {
        let check = |text: &str, code: Option<&str>| assert_eq!(detect(text).as_deref(), code);
        check(
            "Le lampadaire de la rue est en panne depuis lundi.",
            Some("fr"),
        );
        check(
            "The street light has been out since Monday evening.",
            Some("en"),
        );
        check("RAS, pluie.", None);
        check(
            "Nom, prénom : adresse, code postal, commune, objet du don et date de la remise",
            Some("fr"),
        );
        check("Potato Potato Potato Potato", None);
        check("12 345 678 901 234 567 890", None);
    }
}

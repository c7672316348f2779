//! "Label : valeur" lines read as fields.

use std::ops::Range;

use domain::{Field, FieldKind, PageBox};

/// Longer than this, what stands before a colon is prose, not a label.
const LABEL_CHARACTERS_MAX: usize = 40;

/// As above, in words: "Numéro de téléphone du représentant légal" is still a label.
const LABEL_WORDS_MAX: usize = 7;

/// Fewer dots are a sentence that hesitates.
const LEADERS_MIN: usize = 4;

/// Where a label and its value stand in a line, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) label: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// The pairs of a line. A line holds several when tabs separate them ("Nom : A⇥Prénom : B");
/// a row of a table (`cells`) with exactly two cells is itself a pair.
pub(crate) fn pairs(line: &str, cells: bool) -> Vec<Pair> {
    let mut start = 0;
    let mut segments = Vec::new();
    for segment in line.split('\t') {
        segments.push(start..start + segment.len());
        start += segment.len() + 1;
    }
    segments.retain(|range| !line[range.clone()].trim().is_empty());
    if cells && let [label, value] = segments.as_slice() {
        let label = trimmed(line, label.clone());
        let end = line[label.clone()]
            .trim_end_matches([':', ' ', '\u{a0}'])
            .len();
        let label = label.start..label.start + end;
        if is_label(&line[label.clone()]) {
            let value = trimmed(line, value.clone());
            let pair = Pair { label, value };
            return Vec::from_iter(Some(pair).filter(|pair| !is_blank(&line[pair.value.clone()])));
        }
    }
    segments
        .into_iter()
        .filter_map(|range| pair(line, range.clone()).or_else(|| led(line, range)))
        .filter(|pair| !is_blank(&line[pair.value.clone()]))
        .collect()
}

/// A label and a value with dots or underscores between, as forms print them: "Nom ..... Roy ....".
/// A value that ends with a number only is a line of a table of contents.
fn led(line: &str, range: Range<usize>) -> Option<Pair> {
    let text = &line[range.clone()];
    let is_leader = |c: char| matches!(c, '.' | '…' | '_');
    let first = text.find(is_leader)?;
    let rest = &text[first..];
    let end = rest
        .find(|c: char| !is_leader(c) && c != ' ')
        .unwrap_or(rest.len());
    let leaders = &rest[..end];
    let dots = leaders
        .chars()
        .map(|c| if c == '…' { 3 } else { usize::from(c != ' ') });
    if dots.sum::<usize>() < LEADERS_MIN {
        return None;
    }
    let label = trimmed(line, range.start..range.start + first);
    let from = trimmed(line, range.start + first + end..range.end);
    // Where a value ends, dots begin again.
    let after = &line[from.clone()];
    let stop = ["..", "…", "__"]
        .iter()
        .filter_map(|mark| after.find(mark))
        .min();
    let value = trimmed(line, from.start..from.start + stop.unwrap_or(after.len()));
    let (label_text, value_text) = (&line[label.clone()], &line[value.clone()]);
    let is_page = value_text
        .chars()
        .all(|c| c.is_ascii_digit() || c.is_whitespace());
    let unknown = value_text
        .chars()
        .all(|c| !c.is_alphanumeric() || c == '\u{fffd}');
    let more = stop.is_some_and(|stop| after[stop..].contains(char::is_alphanumeric));
    let marks_a_page = is_page && stop.is_none();
    (!unknown && !more && !marks_a_page && is_label(label_text)).then_some(Pair { label, value })
}

/// The field a pair makes.
pub(crate) fn field(label: String, value: String, page: u32, bbox: Option<PageBox>) -> Field {
    Field {
        label: Some(label.clone()),
        value: Some(value),
        page: Some(page),
        bbox,
        inferred: true,
        ..Field::new(label, FieldKind::Pair)
    }
}

fn trimmed(line: &str, range: Range<usize>) -> Range<usize> {
    let text = &line[range.clone()];
    let start = range.start + text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

fn pair(line: &str, range: Range<usize>) -> Option<Pair> {
    let colon = range.start + line[range.clone()].find(':')?;
    let label = trimmed(line, range.start..colon);
    let value = without_leaders(line, trimmed(line, colon + 1..range.end));
    let (label_text, value_text) = (&line[label.clone()], &line[value.clone()]);
    let unknown = value_text
        .chars()
        .all(|c| c == '\u{fffd}' || c.is_whitespace());
    if unknown || value_text.starts_with("//") || !is_label(label_text) {
        return None;
    }
    // "à 14:30", "verset 3:16": a time or a reference, not a pair.
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    if digit(label_text.chars().last()) && digit(value_text.chars().next()) {
        return None;
    }
    Some(Pair { label, value })
}

/// Forms print dots or underscores where a person writes; they are not part of the value.
fn without_leaders(line: &str, range: Range<usize>) -> Range<usize> {
    let text = &line[range.clone()];
    let leader = |c: char| matches!(c, '.' | '…' | '_' | ' ' | '\u{a0}');
    let cut = |head: &str, kept: &str| {
        let removed = &head[..head.len() - kept.len()];
        removed.chars().filter(|c| *c == '_').count() >= 2
            || removed.contains('…')
            || removed.contains("..")
    };
    let kept = text.trim_start_matches(leader);
    let start = if cut(text, kept) {
        text.len() - kept.len()
    } else {
        0
    };
    let rest = &text[start..];
    let kept = rest.trim_end_matches(leader);
    let tail = &rest[kept.len()..];
    let end = if tail.contains("..") || tail.contains('…') || tail.contains("__") {
        start + kept.len()
    } else {
        text.len()
    };
    trimmed(line, range.start + start..range.start + end.max(start))
}

/// Whether what stands where a value would is only the next label, or the answers to choose from.
fn is_blank(value: &str) -> bool {
    if value.ends_with(':') {
        return true;
    }
    let folded = domain::text::fold(value);
    let mut words = folded.split_whitespace();
    let answers = |word: &str| matches!(word, "oui" | "non" | "m" | "f" | "/" | "ou");
    words.clone().count() > 1 && words.all(answers)
}

/// Whether a text may be the label of a field.
pub(crate) fn is_label(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 2
        && text.starts_with(|c: char| c.is_alphabetic())
        && text.chars().count() <= LABEL_CHARACTERS_MAX
        && text.split_whitespace().count() <= LABEL_WORDS_MAX
        && !text.contains([',', ';', '!', '?', '"', '«', '»', '@', '=', '{', '<', '|'])
        && !text.contains(". ")
        && !is_salutation(text)
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "http" | "https" | "ftp" | "mailto" | "file"
        )
}

fn is_salutation(text: &str) -> bool {
    let folded = domain::text::fold(text);
    let first = folded.split_whitespace().next().unwrap_or_default();
    matches!(
        first,
        "bonjour" | "bonsoir" | "cher" | "chere" | "chers" | "cheres" | "dear" | "hello" | "hi"
    ) || matches!(
        folded.as_str(),
        "madame" | "monsieur" | "mesdames" | "messieurs" | "madame monsieur" | "p.s" | "ps"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, cells: bool, expected: &[(&str, &str)]) {
        let found: Vec<_> = pairs(line, cells)
            .into_iter()
            .map(|pair| (&line[pair.label], &line[pair.value]))
            .collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn reads_pairs() {
        check("Nom : Dupont", false, &[("Nom", "Dupont")]);
        check(
            "Objet: demande de subvention",
            false,
            &[("Objet", "demande de subvention")],
        );
        check(
            "  N° d’allocataire\u{a0}: 1234567 A",
            false,
            &[("N° d’allocataire", "1234567 A")],
        );
        check(
            "Nom : Dupont\tPrénom : Anaïs",
            false,
            &[("Nom", "Dupont"), ("Prénom", "Anaïs")],
        );
        check(
            "Adresse : ....12 rue des Lilas......",
            false,
            &[("Adresse", "12 rue des Lilas")],
        );
        check("Nom ........ Dupont ........", false, &[("Nom", "Dupont")]);
        check("Ville ______ Sète", false, &[("Ville", "Sète")]);
        check("Âge ...... 12 ......", false, &[("Âge", "12")]);
        check("Fait le : 3 mai.", false, &[("Fait le", "3 mai.")]);
        check(
            "Téléphone\t06 00 00 00 00",
            true,
            &[("Téléphone", "06 00 00 00 00")],
        );
        check(
            "Téléphone :\t06 00 00 00 00",
            true,
            &[("Téléphone", "06 00 00 00 00")],
        );
    }

    #[test]
    fn leaves_prose_times_and_addresses_alone() {
        for line in [
            "Nationalité : Régime social :",
            "Le : à :",
            "Handicapé : oui non",
            "Sexe : M / F",
            "https://exemple.fr/page",
            "Rendez-vous à 14:30",
            "Bonjour Madame : voici",
            "Madame, Monsieur : voici ma demande",
            "Nous avons constaté que, depuis mardi : rien",
            "Un préambule vraiment beaucoup trop long pour être un libellé : oui",
            "Nom : ",
            "Nom : .................",
            "Nom : \u{fffd} \u{fffd}",
            ": rien",
            "Les délais ............ 12",
            "Nom ........ Prénom ........ Ville",
            "Nom ........................",
            "12 : 30",
        ] {
            check(line, false, &[]);
        }
        check("a\tb\tc", true, &[]);
        check("Nationalité\tRégime social :", true, &[]);
        check("Handicapé\toui non", true, &[]);
    }

    proptest::proptest! {
        #[test]
        fn ranges_are_always_within_the_line(line in "[ a-zé:\t.…_0-9]{0,60}", cells: bool) {
            for pair in pairs(&line, cells) {
                proptest::prop_assert!(!line[pair.label].is_empty());
                proptest::prop_assert!(!line[pair.value].trim().is_empty());
            }
        }
    }
}

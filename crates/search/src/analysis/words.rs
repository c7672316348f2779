//! Text to words with their places: letters, elisions, and references kept whole.
//!
//! A *reference* is a word with a digit in it. Agents search for them as they are written, and
//! they are written in many ways, so each is brought to one form:
//!
//! | written | form | also found as |
//! |---|---|---|
//! | `2024-118`, `2024‑118` | `2024-118` | parts `2024`, `118` |
//! | `L. 231-1`, `L.231-1`, `L231-1`, `l 231-1` | `l231-1` | `231-1` |
//! | `130 025 265 00013` (SIRET) | `13002526500013` | |
//! | `01 23 45 67 89` (telephone) | `0123456789` | |
//! | `1 200 000` | `1200000` | |
//! | `10072*04` (Cerfa) | `10072*04` | parts `10072`, `04` |

use std::ops::Range;

use domain::text::fold;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer runs of letters are not words (encoded data, drawn lines) and are left out.
const WORD_BYTES_MAX: usize = 120;

/// Atoms of one reference at most: beyond, it is a table or a path, not a name.
const REFERENCE_ATOMS_MAX: usize = 12;

/// What a word is, which says how it is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters.
    Plain,
    /// What stands before an apostrophe: `l'`, `qu'`. Has a position, for phrases, and no weight.
    Elided,
    /// Holds a digit.
    Reference,
}

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its bytes in the text, on character boundaries.
    pub(crate) range: Range<usize>,
    /// NFKC and lower case, with its accents.
    pub(crate) form: String,
    /// Without accents either.
    pub(crate) folded: String,
    pub(crate) kind: Kind,
    /// A reference's other whole form: `231-1` for `l231-1`.
    pub(crate) alias: Option<String>,
    /// A reference's parts with their accents, when it has several.
    pub(crate) parts: Vec<String>,
}

/// The words of `text`, in order. A word's index is its position.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let atoms = atoms(text);
    let mut words = Vec::with_capacity(atoms.len());
    let mut i = 0;
    while i < atoms.len() {
        let taken = digit_groups(text, &atoms, i)
            .or_else(|| article(text, &atoms, i))
            .or_else(|| reference(text, &atoms, i))
            .or_else(|| apostrophe(text, &atoms, i));
        match taken {
            Some((word, count)) => {
                words.push(word);
                i += count;
            }
            None => {
                words.push(word(text, atoms[i].range.clone(), Kind::Plain));
                i += 1;
            }
        }
    }
    words.retain(|w| !w.folded.is_empty() && w.form.len() <= WORD_BYTES_MAX);
    words
}

/// A run of letters and digits.
#[derive(Debug)]
struct Atom {
    range: Range<usize>,
    digits: usize,
    chars: usize,
}

impl Atom {
    fn is_number(&self) -> bool {
        self.digits == self.chars
    }
}

const SOFT_HYPHEN: char = '\u{ad}';

/// Whether a character belongs to words. The ordinal signs º and ª are letters to Unicode; in
/// `nº 12` the first is a degree sign mistyped.
pub(crate) fn in_word(c: char) -> bool {
    (c.is_alphanumeric() && c != 'º' && c != 'ª') || is_combining_mark(c) || c == SOFT_HYPHEN
}

fn atoms(text: &str) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    let mut open = false;
    for (start, c) in text.char_indices() {
        if !in_word(c) {
            open = false;
            continue;
        }
        let end = start + c.len_utf8();
        if !open {
            atoms.push(Atom {
                range: start..end,
                digits: 0,
                chars: 0,
            });
            open = true;
        }
        if let Some(atom) = atoms.last_mut() {
            atom.range.end = end;
            atom.chars += usize::from(!is_combining_mark(c) && c != SOFT_HYPHEN);
            atom.digits += usize::from(c.is_ascii_digit());
        }
    }
    atoms
}

fn normal(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .filter(|c| *c != SOFT_HYPHEN)
        .nfkc()
        .flat_map(char::to_lowercase)
        .collect()
}

/// A form without its accents; most have none.
fn plain(form: &str) -> String {
    if form.is_ascii() {
        form.to_owned()
    } else {
        fold(form)
    }
}

fn word(text: &str, range: Range<usize>, kind: Kind) -> Word {
    let form = normal(&text[range.clone()]);
    // A superscript or a circled figure becomes a digit in NFKC: the form decides, not the text.
    let kind = match kind {
        Kind::Plain if form.bytes().any(|b| b.is_ascii_digit()) => Kind::Reference,
        kind => kind,
    };
    Word {
        folded: plain(&form),
        form,
        range,
        kind,
        alias: None,
        parts: Vec::new(),
    }
}

fn whole(range: Range<usize>, form: String, parts: Vec<String>) -> Word {
    let folded = plain(&form);
    Word {
        alias: without_letter(&folded),
        form,
        folded,
        range,
        kind: Kind::Reference,
        parts: if parts.len() > 1 { parts } else { Vec::new() },
    }
}

fn between<'t>(text: &'t str, atoms: &[Atom], i: usize) -> Option<&'t str> {
    let next = atoms.get(i + 1)?;
    text.get(atoms[i].range.end..next.range.start)
}

fn single(separator: &str) -> Option<char> {
    let mut chars = separator.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn is_inner_space(separator: &str) -> bool {
    matches!(
        single(separator),
        Some(' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
    )
}

/// Numbers written in groups: which lengths make one number. The last shape that fits and is
/// longest wins; thousands have any number of groups of three.
const SHAPES: [&[usize]; 4] = [
    &[2, 2, 2, 2, 2],       // telephone
    &[3, 3, 3, 5],          // SIRET
    &[1, 2, 2, 2, 3, 3, 2], // social security number and its key
    &[1, 2, 2, 2, 3, 3],
];

fn digit_groups(text: &str, atoms: &[Atom], i: usize) -> Option<(Word, usize)> {
    // What is joined to something before is a part of that.
    if !atoms[i].is_number() || i.checked_sub(1).is_some_and(|p| joined(text, atoms, p)) {
        return None;
    }
    let mut run = 1;
    while run < 8
        && atoms.get(i + run).is_some_and(Atom::is_number)
        && between(text, atoms, i + run - 1).is_some_and(is_inner_space)
    {
        run += 1;
    }
    let lengths: Vec<usize> = atoms[i..i + run].iter().map(|a| a.chars).collect();
    let thousands = if (1..=3).contains(&lengths[0]) {
        1 + lengths[1..].iter().take_while(|l| **l == 3).count()
    } else {
        1
    };
    let count = SHAPES
        .iter()
        .filter(|shape| lengths.starts_with(shape))
        .map(|shape| shape.len())
        .max()
        .unwrap_or(0)
        .max(thousands);
    // "12 300-4": the last group belongs to what follows.
    if count < 2 || joined(text, atoms, i + count - 1) {
        return None;
    }
    let form = atoms[i..i + count]
        .iter()
        .map(|a| normal(&text[a.range.clone()]))
        .collect();
    let range = atoms[i].range.start..atoms[i + count - 1].range.end;
    Some((whole(range, form, Vec::new()), count))
}

/// The letters of articles of law, and the numbers that may follow them after a space without
/// being one: "il y a 12 mois" names no article.
fn article(text: &str, atoms: &[Atom], i: usize) -> Option<(Word, usize)> {
    if atoms[i].chars > 2 || atoms[i].digits > 0 {
        return None;
    }
    let letter = &text[atoms[i].range.clone()];
    let lower = normal(letter);
    if !matches!(lower.as_str(), "l" | "r" | "d" | "a" | "lo") {
        return None;
    }
    let separator = between(text, atoms, i)?;
    let dotted = separator.starts_with('.');
    let rest = separator.trim_start_matches(['.', ' ', '\u{a0}', '\u{202f}', '*']);
    if separator.is_empty() || !rest.is_empty() || separator.chars().count() > 4 {
        return None;
    }
    let number = atoms.get(i + 1).filter(|a| a.digits > 0)?;
    if !text[number.range.clone()].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (chain, count) = chain(text, atoms, i + 1);
    let upper = letter.chars().all(char::is_uppercase);
    let sure = match lower.as_str() {
        "a" => dotted && upper,
        _ => dotted || upper || chain.contains('-') || number.chars >= 3,
    };
    if !sure {
        return None;
    }
    let range = atoms[i].range.start..atoms[i + count].range.end;
    let parts = chain_parts(text, atoms, i + 1, count);
    let mut word = whole(range, format!("{lower}{chain}"), parts);
    word.alias = Some(plain(&chain));
    Some((word, count + 1))
}

/// Atoms joined by one sign, with a digit somewhere.
fn reference(text: &str, atoms: &[Atom], i: usize) -> Option<(Word, usize)> {
    if atoms[i].digits == 0 && !joined(text, atoms, i) {
        return None;
    }
    let (form, count) = chain(text, atoms, i);
    if atoms[i..i + count].iter().all(|a| a.digits == 0) {
        return None;
    }
    let range = atoms[i].range.start..atoms[i + count - 1].range.end;
    Some((
        whole(range, form, chain_parts(text, atoms, i, count)),
        count,
    ))
}

fn chain(text: &str, atoms: &[Atom], i: usize) -> (String, usize) {
    let mut form = normal(&text[atoms[i].range.clone()]);
    let mut count = 1;
    while count < REFERENCE_ATOMS_MAX {
        let Some(sign) = joint(text, atoms, i + count - 1) else {
            break;
        };
        form.push(sign);
        form.push_str(&normal(&text[atoms[i + count].range.clone()]));
        count += 1;
    }
    (form, count)
}

fn chain_parts(text: &str, atoms: &[Atom], i: usize, count: usize) -> Vec<String> {
    atoms[i..i + count]
        .iter()
        .map(|a| normal(&text[a.range.clone()]))
        .collect()
}

fn joined(text: &str, atoms: &[Atom], i: usize) -> bool {
    joint(text, atoms, i).is_some()
}

/// The sign that joins atom `i` to the next in a reference, in its plain form.
fn joint(text: &str, atoms: &[Atom], i: usize) -> Option<char> {
    let (left, right) = (&atoms[i], atoms.get(i + 1)?);
    let code = |a: &Atom, letters: usize| a.digits > 0 || a.chars <= letters;
    match single(between(text, atoms, i)?)? {
        '-' | '\u{2010}'..='\u{2014}' | '\u{2212}' => Some('-'),
        '_' => Some('_'),
        // Between words these mean "or" and end sentences; in a reference they join codes.
        '/' if code(left, 4) && code(right, 4) => Some('/'),
        '.' if code(left, 1) && code(right, 1) => Some('.'),
        sign @ (',' | '*') if left.is_number() && right.is_number() => Some(sign),
        _ => None,
    }
}

/// `231-1` for `l231-1`.
fn without_letter(form: &str) -> Option<String> {
    let number = form.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let letter = &form[..form.len() - number.len()];
    let article = matches!(letter, "l" | "r" | "d" | "a" | "lo");
    (article && number.contains('-')).then(|| number.to_owned())
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | 'ʼ' | '′' | '＇' | '`')
}

const ELISIONS: [&str; 15] = [
    "l", "d", "j", "m", "t", "s", "n", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "quelqu",
    "presqu",
];

/// `l'` before a word; `'s` after one; `aujourd'hui`, `prud'homme`, `don't` as one word, since
/// people type them without their apostrophe.
fn apostrophe(text: &str, atoms: &[Atom], i: usize) -> Option<(Word, usize)> {
    let marked = |i: usize| single(between(text, atoms, i)?).filter(|c| is_apostrophe(*c));
    let before = i.checked_sub(1).and_then(marked).is_some();
    let after = marked(i).is_some();
    if !before && !after {
        return None;
    }
    let first = plain(&normal(&text[atoms[i].range.clone()]));
    if first == "s" && before {
        return Some((word(text, atoms[i].range.clone(), Kind::Elided), 1));
    }
    if !after {
        return None;
    }
    if ELISIONS.contains(&first.as_str()) {
        return Some((word(text, atoms[i].range.clone(), Kind::Elided), 1));
    }
    let second = normal(&text[atoms[i + 1].range.clone()]);
    if second == "s" || atoms[i + 1].digits > 0 {
        return None;
    }
    let mut whole = word(
        text,
        atoms[i].range.start..atoms[i + 1].range.end,
        Kind::Plain,
    );
    whole.form.retain(|c| !is_apostrophe(c));
    whole.folded = plain(&whole.form);
    Some((whole, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found: Vec<String> = words(text)
            .into_iter()
            .map(|w| match w.kind {
                Kind::Elided => format!("{}'", w.folded),
                _ => w.folded,
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }

    #[test]
    fn elisions_are_cut_and_one_word_stays_one() {
        check("L’éclairage d'un quartier", "l' eclairage d' un quartier");
        check("jusqu'à aujourd’hui, qu'il", "jusqu' a aujourdhui qu' il");
        check("conseil de prud'hommes", "conseil de prudhommes");
        check("the mayor's office doesn't", "the mayor s' office doesnt");
        check("l'", "l");
        check("'", "");
    }

    #[test]
    fn references_have_one_form() {
        for written in [
            "L. 231-1",
            "L.231-1",
            "L231-1",
            "l 231-1",
            "L.\u{a0}231-1",
            "L 231‑1",
        ] {
            check(written, "l231-1");
            assert_eq!(words(written)[0].alias.as_deref(), Some("231-1"));
        }
        check("R.*423-1 et R. 112-11-2", "r423-1 et r112-11-2");
        check("délibération n° 2024-118.", "deliberation n 2024-118");
        check("nº2024–118", "n 2024-118");
        check("il y a 12 mois, à 3,5 %", "il y a 12 mois a 3,5");
        check("SIRET 130 025 265 00013", "siret 13002526500013");
        check("01 23 45 67 89", "0123456789");
        check("1 85 05 78 006 084 36", "185057800608436");
        check("1 200 000 € en 2024 300 fois", "1200000 en 2024 300 fois");
        check("cerfa 10072*04", "cerfa 10072*04");
        check("le 18/11/2026.Le maire", "le 18/11/2026 le maire");
        check("DEL-2024-03_B", "del-2024-03_b");
        check("20 m²", "20 m2");
    }

    #[test]
    fn parts_of_references_are_known() {
        assert_eq!(words("2024-118")[0].parts, ["2024", "118"]);
        assert!(words("2024")[0].parts.is_empty());
    }

    #[test]
    fn letters_of_many_kinds_are_words() {
        check(
            "Œuvre ﬁnie com\u{ad}mune e\u{301}te\u{301}",
            "oeuvre finie commune ete",
        );
        check("vide-greniers 🎉 ½ …", "vide greniers 1⁄2");
        check("東京都", "東京都");
    }

    #[test]
    fn data_in_letters_is_no_word() {
        check(&format!("avant {} après", "A".repeat(500)), "avant apres");
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_words_in_order_on_character_boundaries(text in r"[\PCa-zA-Z0-9éœ'’. \-*/,\u{301}\n]{0,60}") {
            let mut end = 0;
            for word in words(&text) {
                proptest::prop_assert!(word.range.start >= end && word.range.end > word.range.start);
                proptest::prop_assert!(text.get(word.range.clone()).is_some());
                end = word.range.end;
            }
        }

        #[test]
        fn case_and_composition_change_nothing(text in "[a-zéèàœç' 0-9.-]{0,40}") {
            let of = |t: &str| words(t).into_iter().map(|w| w.form).collect::<Vec<_>>();
            let decomposed: String = text.nfd().collect();
            proptest::prop_assert_eq!(of(&text), of(&decomposed));
        }
    }
}

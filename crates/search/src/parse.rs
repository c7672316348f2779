//! What a person typed, as parts to look for. Nothing typed is an error.

use crate::analysis::{Analyser, Kind, Language, Word, in_word, words};

/// Bytes of a query that are read: whoever pastes a letter searches for its beginning.
const TEXT_BYTES_MAX: usize = 4096;
/// Parts looked for at most.
const PARTS_MAX: usize = 64;
/// Words of a pair at most, those between included: "mise à pied", "code de la route".
const PAIR_WORDS_MAX: usize = 4;
/// References and phrases at most.
const EXACT_MAX: usize = 16;
/// Words of a phrase at most.
const PHRASE_WORDS_MAX: usize = 32;
/// Letters before a `*` at least: fewer would stand for half the dictionary.
const PREFIX_MIN: usize = 2;
/// A part of a reference, such as the year in `2024-118`, against a word.
const PART_WEIGHT: f64 = 0.3;

/// A query, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parsed {
    /// The language that its small words speak, when they do.
    pub(crate) language: Option<Language>,
    /// What counts for the lexical score, each once.
    pub(crate) parts: Vec<Part>,
    /// References and phrases, as words without accents that stand one after the other.
    pub(crate) exact: Vec<Vec<String>>,
    /// Those phrases among them that stood in straight quotation marks, or that are all there is:
    /// what does not hold them is not found.
    pub(crate) quoted: Vec<Vec<String>>,
    /// Words that carry weight with what stands between them and the next such word, as typed.
    pub(crate) pairs: Vec<Vec<String>>,
}

/// One thing to look for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Terms in each language's fields, any of which will do. Empty when only `written` counts.
    pub(crate) stems: [Vec<String>; 2],
    /// How it is written.
    pub(crate) written: Written,
    /// Its weight against the others.
    pub(crate) weight: f64,
}

/// A word as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// This word, with the accents that were typed.
    Word(String),
    /// Any word that begins so.
    Prefix(String),
}

impl Parsed {
    pub(crate) fn new(text: &str) -> Self {
        let mut text = text;
        while text.len() > TEXT_BYTES_MAX {
            let end = text.floor_char_boundary(TEXT_BYTES_MAX);
            text = &text[..end];
        }
        let mut analyser = Analyser::new();
        let words = words(text);
        let mut parsed = Self::default();
        let language = Language::of_words(&words);
        parsed.language = language;
        // In a French question, "de" is no English word.
        let weightless = |word: &Word| language.is_some_and(|l| l.is_stop_word(word));
        for word in words.iter().filter(|w| !weightless(w)) {
            parsed.add(text, word, &mut analyser);
        }
        if parsed.parts.is_empty() {
            // Only words without weight: they are what is asked.
            for word in &words {
                parsed.push(Part {
                    stems: Default::default(),
                    written: Written::Word(word.form.clone()),
                    weight: 1.0,
                });
            }
        }
        parsed.pairs = pairs(&words, |word| {
            let stopped = |l: Language| l.is_stop_word(word);
            !weightless(word) && !Language::ALL.into_iter().all(stopped)
        });
        let alone = words.len() == 1;
        for word in &words {
            if word.kind == Kind::Reference && (alone || is_identifying(&word.folded)) {
                parsed.require(vec![word.folded.clone()]);
            }
        }
        for (mark, phrase) in phrases(text) {
            let words = crate::analysis::words(phrase);
            // `"` is asked of a search on purpose; guillemets stand in any French sentence, and ask
            // only where nothing else does.
            let alone = phrase.len() + 2 * mark.len_utf8() == text.trim().len();
            let required = mark == '"' || alone;
            let phrase: Vec<String> = words
                .into_iter()
                .take(PHRASE_WORDS_MAX)
                .map(|w| w.folded)
                .collect();
            if required && !phrase.is_empty() && parsed.quoted.len() < EXACT_MAX {
                parsed.quoted.push(phrase.clone());
            }
            parsed.require(phrase);
        }
        parsed
    }

    fn add(&mut self, text: &str, word: &Word, analyser: &mut Analyser) {
        if is_prefix(text, word) {
            return self.push(Part {
                stems: Default::default(),
                written: Written::Prefix(word.folded.clone()),
                weight: 1.0,
            });
        }
        let stems = Language::ALL.map(|language| analyser.terms(word, language));
        if stems.iter().any(|s| !s.is_empty()) {
            self.push(Part {
                stems,
                written: Written::Word(word.form.clone()),
                weight: 1.0,
            });
        }
        for part in &word.parts {
            let stems = Language::ALL.map(|language| analyser.part_terms(part, language));
            if stems.iter().any(|s| !s.is_empty()) {
                self.push(Part {
                    stems,
                    written: Written::Word(part.clone()),
                    weight: PART_WEIGHT,
                });
            }
        }
    }

    fn push(&mut self, part: Part) {
        let known = self.parts.iter().any(|p| {
            p.stems == part.stems && (!part.stems[0].is_empty() || p.written == part.written)
        });
        if !known && self.parts.len() < PARTS_MAX {
            self.parts.push(part);
        }
    }

    fn require(&mut self, phrase: Vec<String>) {
        if !phrase.is_empty() && self.exact.len() < EXACT_MAX && !self.exact.contains(&phrase) {
            self.exact.push(phrase);
        }
    }
}

/// Words with weight and the next one, with at most [`PAIR_WORDS_MAX`] words from first to last.
fn pairs(words: &[Word], has_weight: impl Fn(&Word) -> bool) -> Vec<Vec<String>> {
    let weighty: Vec<usize> = (0..words.len())
        .filter(|i| has_weight(&words[*i]))
        .collect();
    let mut pairs: Vec<Vec<String>> = Vec::new();
    for ends in weighty.windows(2) {
        let pair: Vec<String> = words[ends[0]..=ends[1]]
            .iter()
            .map(|w| w.folded.clone())
            .collect();
        if pair.len() <= PAIR_WORDS_MAX && pairs.len() < PARTS_MAX && !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

/// Whether a reference names something. A number of one or two figures among other words
/// ("3 jours", "1er étage") is an ordinary word; `118`, `2024-118`, `D12`, `12/3` are names.
fn is_identifying(form: &str) -> bool {
    let figures = form.bytes().filter(u8::is_ascii_digit).count();
    figures >= 3
        || form.contains(['-', '/', '.', '_', '*'])
        || form.starts_with(|c: char| !c.is_ascii_digit())
}

fn is_prefix(text: &str, word: &Word) -> bool {
    let mut after = text[word.range.end..].chars();
    word.folded.chars().count() >= PREFIX_MIN
        && word.kind != Kind::Elided
        && after.next() == Some('*')
        && after.next().is_none_or(|c| !in_word(c) && c != '*')
}

/// What stands between quotation marks that come in pairs, with the mark that opens; a mark alone
/// means nothing.
fn phrases(text: &str) -> Vec<(char, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['"', '«', '“', '”']) {
        let mark = rest[open..].chars().next().unwrap_or('"');
        let inner = &rest[open + mark.len_utf8()..];
        let close = match mark {
            '«' => inner.find('»'),
            '“' | '”' => inner.find(['”', '“']),
            _ => inner.find('"'),
        };
        let Some(close) = close else {
            rest = inner;
            continue;
        };
        found.push((mark, &inner[..close]));
        let after = inner[close..].chars().next().map_or(0, char::len_utf8);
        rest = &inner[close + after..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, parts: &str, exact: &str) {
        let parsed = Parsed::new(text);
        let found: Vec<String> = parsed
            .parts
            .iter()
            .map(|p| match &p.written {
                Written::Word(w) => w.clone(),
                Written::Prefix(w) => format!("{w}*"),
            })
            .collect();
        assert_eq!(found.join(" "), parts, "{text}");
        let found: Vec<String> = parsed.exact.iter().map(|p| p.join(" ")).collect();
        assert_eq!(found.join(" | "), exact, "{text}");
    }

    #[test]
    fn words_references_phrases_and_prefixes() {
        check("l'éclairage de la rue", "éclairage rue", "");
        check(
            "délibération n° 2024-118",
            "délibération 2024-118 2024 118",
            "2024-118",
        );
        check("article L. 231-1", "article l231-1 231", "l231-1");
        check(
            "\"mise à pied\" 3 jours",
            "mise pied 3 jours",
            "mise a pied",
        );
        check(
            "« Éclairage public » “deux mots”",
            "éclairage public deux mots",
            "eclairage public | deux mots",
        );
        check("éclair* pub", "eclair* pub", "");
        check("12", "12", "12");
        check("1er étage 12", "1er étage 12", "");
        check("rue Rue RUE", "rue", "");
        check("la", "la", "");
        check("the car park of the town", "car park town", "");
        check("car park", "car park", "");
    }

    #[test]
    fn hostile_text_is_only_text() {
        for text in [
            "",
            " ",
            "\"",
            "\"\"",
            "«",
            "*",
            "**",
            "a*",
            "+-!(){}[]^~?:\\/ AND OR NOT",
            "🎉🎉",
            "\u{0}",
            "title:x AND (",
            "\"«“”»\"",
            "'",
            "l'*",
            "\u{301}",
            "-*-",
            "..*",
        ] {
            Parsed::new(text);
        }
        check("AND (title:mairie OR -rue)", "title mairie rue", "");
        check("dossier \"perdu", "dossier perdu", "");
        let long = "mot ".repeat(5000) + &(0..5000).map(|i| format!("m{i} ")).collect::<String>();
        assert!(Parsed::new(&long).parts.len() <= PARTS_MAX);
        let many: String = (0..500).map(|i| format!("n{i} ")).collect();
        let parsed = Parsed::new(&many);
        assert_eq!(
            (parsed.parts.len(), parsed.exact.len()),
            (PARTS_MAX, EXACT_MAX)
        );
        Parsed::new(&"é".repeat(10_000));
    }

    #[test]
    fn straight_marks_ask_and_guillemets_say() {
        for (text, asked) in [
            ("\"mise à pied\" 3 jours", 1),
            ("\"mise à pied\"", 1),
            ("« mise à pied »", 1),
            ("qu'est-ce que la « mise à pied » ?", 0),
            ("“mise à pied” 3 jours", 0),
            ("\"\"", 0),
        ] {
            assert_eq!(Parsed::new(text).quoted.len(), asked, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_typed_is_an_error(text in r#"[\PC"*«»“”']{0,80}"#) {
            Parsed::new(&text);
        }
    }
}

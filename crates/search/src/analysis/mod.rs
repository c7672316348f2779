//! Words to terms: languages, stems and what carries no weight.
//!
//! The same functions serve the index, the query and the highlights, so that what is found is
//! what is shown. A change here changes what is in an index: raise [`crate::commit::FORMAT`].

mod stop;
mod words;

use std::collections::{BTreeSet, HashMap};

use domain::text::fold;
use tantivy::tokenizer::{
    Language as Snowball, RawTokenizer, Stemmer, TextAnalyzer, TokenStream as _,
};

pub(crate) use words::{Kind, Word, in_word, words};

/// The languages with an analyser. A document in neither is analysed as French, where words it
/// shares with a query are found all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    French,
    English,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::French, Self::English];

    /// The analyser for a language tag such as `fr`, `en` or `en-GB`.
    pub(crate) fn of_tag(tag: Option<&str>) -> Self {
        match tag.and_then(|t| t.get(..2)) {
            Some(t) if t.eq_ignore_ascii_case("en") => Self::English,
            _ => Self::French,
        }
    }

    /// The language that a text's small words speak, when they do.
    pub(crate) fn of_words(words: &[Word]) -> Option<Self> {
        let count = |language, other| {
            let speaks = |w: &&Word| {
                stop::is_stop_word(&w.folded, language)
                    && !stop::is_stop_word(&w.folded, other)
                    && !stop::HOMOGRAPHS.contains(&w.folded.as_str())
            };
            words.iter().filter(speaks).count()
        };
        let french = count(Self::French, Self::English);
        let english = count(Self::English, Self::French);
        match french.cmp(&english) {
            std::cmp::Ordering::Greater => Some(Self::French),
            std::cmp::Ordering::Less => Some(Self::English),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Whether a word carries no weight in this language.
    pub(crate) fn is_stop_word(self, word: &Word) -> bool {
        word.kind == Kind::Elided || stop::is_stop_word(&word.folded, self)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// Finds the terms of words. Holds buffers: one for each thread of work.
pub(crate) struct Analyser {
    stemmers: [TextAnalyzer; 2],
    /// Stems already found: a town's vocabulary is small and comes again and again.
    known: [HashMap<String, String>; 2],
}

/// Stems remembered by language; beyond, the memory is emptied.
const KNOWN_MAX: usize = 50_000;

impl Analyser {
    pub(crate) fn new() -> Self {
        let stemmer = |language| {
            TextAnalyzer::builder(RawTokenizer::default())
                .filter(Stemmer::new(language))
                .build()
        };
        Self {
            stemmers: [stemmer(Snowball::French), stemmer(Snowball::English)],
            known: Default::default(),
        }
    }

    /// The terms under which `word` is indexed and sought in `language`; none for what carries
    /// no weight.
    ///
    /// Snowball's French algorithm reads accents, which people leave out: `employée` gives
    /// `employ` and `employee` gives `employe`. A word has both, so that each finds the other.
    pub(crate) fn terms(&mut self, word: &Word, language: Language) -> Vec<String> {
        match word.kind {
            Kind::Elided => Vec::new(),
            Kind::Reference => vec![word.folded.clone()],
            Kind::Plain if stop::is_stop_word(&word.folded, language) => Vec::new(),
            Kind::Plain => {
                let mut terms = vec![self.stem(&word.form, language)];
                if word.form != word.folded {
                    let plain = self.stem(&word.folded, language);
                    if plain != terms[0] {
                        terms.push(plain);
                    }
                }
                terms
            }
        }
    }

    /// The stem, without accents.
    fn stem(&mut self, form: &str, language: Language) -> String {
        let known = &mut self.known[language.index()];
        if let Some(stem) = known.get(form) {
            return stem.clone();
        }
        let mut stream = self.stemmers[language.index()].token_stream(form);
        let stem = if stream.advance() {
            fold(&stream.token().text)
        } else {
            fold(form)
        };
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(form.to_owned(), stem.clone());
        stem
    }

    /// The terms of a whole text, in text order, references' parts included.
    pub(crate) fn body(&mut self, words: &[Word], language: Language) -> Vec<String> {
        let mut out = Vec::with_capacity(words.len());
        for word in words {
            out.extend(self.terms(word, language));
            for part in &word.parts {
                out.extend(self.part_terms(part, language));
            }
        }
        out
    }

    /// The terms of a part of a reference: a number, or a word as in `compte-rendu_2024`. None for
    /// a part that is too short to say anything on its own.
    pub(crate) fn part_terms(&mut self, part: &str, language: Language) -> Vec<String> {
        if part.chars().count() < PART_MIN {
            return Vec::new();
        }
        words(part)
            .iter()
            .flat_map(|word| self.terms(word, language))
            .collect()
    }
}

/// Shorter parts of references say nothing on their own.
const PART_MIN: usize = 3;

/// The forms under which a word stands in the positional field, all at its position: without
/// accents; with them when it has any; and a reference's other whole form.
pub(crate) fn surfaces(word: &Word) -> BTreeSet<&str> {
    let mut forms = BTreeSet::from([word.folded.as_str(), word.form.as_str()]);
    forms.extend(word.alias.as_deref());
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(language: Language, left: &str, right: &str) -> bool {
        let mut analyser = Analyser::new();
        let mut terms = |text| -> BTreeSet<String> {
            let words = words(text);
            analyser.body(&words, language).into_iter().collect()
        };
        !terms(left).is_disjoint(&terms(right))
    }

    #[test]
    fn plurals_accents_and_elisions_meet() {
        for (left, right) in [
            ("l'éclairage", "eclairages"),
            ("employée", "employee"),
            ("employés", "EMPLOYE"),
            ("subventions", "subvention"),
            ("délibération", "deliberations"),
            ("municipaux", "municipale"),
            ("prud'hommes", "prudhommes"),
            ("œuvre", "oeuvres"),
            ("2024-118", "118"),
            ("compte-rendu_2024", "comptes rendus"),
        ] {
            assert!(meet(Language::French, left, right), "{left} {right}");
        }
        assert!(meet(Language::English, "complaints", "complaint"));
        assert!(!meet(Language::French, "mairie", "maison"));
    }

    #[test]
    fn small_words_carry_no_weight() {
        let mut analyser = Analyser::new();
        let words = words("L'été, il y a de la place dans les rues à côté");
        assert_eq!(
            analyser.body(&words, Language::French),
            ["ete", "plac", "ru", "cot"]
        );
    }

    #[test]
    fn tags_choose_the_analyser() {
        for (tag, language) in [
            (None, Language::French),
            (Some("fr"), Language::French),
            (Some("en-GB"), Language::English),
            (Some("EN"), Language::English),
            (Some("é"), Language::French),
            (Some("de"), Language::French),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag:?}");
        }
    }
}

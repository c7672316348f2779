//! What a theme is called: the phrases its passages say and the others do not, as people wrote
//! them.
//!
//! A phrase is one to four words in a row that neither begins nor ends with a word empty of
//! subject, so "fin de mois" is one and "de mois" is not. Phrases are weighed by class-based TF-IDF
//! (Grootendorst, "BERTopic", 2022) counted in documents: the share of a theme's documents that say
//! it, times `ln(1 + A / f)` where `f` counts the documents that say it over all themes and `A` is
//! the mean size of a theme. A phrase of several words says more than its words and counts for
//! more. What only one document says is nobody's theme, and never shown: it could name its author.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::{Token, collapse, tokens};

/// Phrases of a theme that are weighed against each other, best first.
const CANDIDATES_MAX: usize = 100;
/// What a phrase counts for that no document says together with those chosen before.
const APART: f64 = 0.1;
/// Words of a phrase, at most.
const WORDS_MAX: usize = 4;
/// Documents that must say a phrase.
const DOCUMENTS_MIN: u32 = 2;
/// One document of a theme in so many must say a phrase, or it is not what the theme is called.
const SHARE_MIN: usize = 30;
/// Letters of a word that can stand alone, unless it is in capitals: "CAF".
const LETTERS_MIN: usize = 4;
/// Letters from which a plural's ending is not compared.
const PLURAL_MIN: usize = 4;

/// Folded words that carry no subject.
const EMPTY_WORDS: &[&str] = &[
    // French
    "a",
    "afin",
    "ai",
    "aient",
    "ainsi",
    "ait",
    "alors",
    "apres",
    "as",
    "assez",
    "au",
    "aucun",
    "aucune",
    "aujourd",
    "aura",
    "aurait",
    "aussi",
    "autant",
    "autre",
    "autres",
    "aux",
    "avaient",
    "avait",
    "avant",
    "avec",
    "avez",
    "avoir",
    "avons",
    "beaucoup",
    "bien",
    "bon",
    "bonne",
    "c",
    "car",
    "ce",
    "ceci",
    "cela",
    "celle",
    "celles",
    "celui",
    "ces",
    "cet",
    "cette",
    "ceux",
    "chacun",
    "chaque",
    "chez",
    "combien",
    "comme",
    "comment",
    "concernant",
    "contre",
    "d",
    "dans",
    "de",
    "deja",
    "depuis",
    "des",
    "dès",
    "doit",
    "doivent",
    "donc",
    "dont",
    "du",
    "durant",
    "elle",
    "elles",
    "en",
    "encore",
    "entre",
    "es",
    "est",
    "et",
    "etaient",
    "etait",
    "etant",
    "ete",
    "etes",
    "etre",
    "eu",
    "eux",
    "fait",
    "faire",
    "fais",
    "faites",
    "fasse",
    "faut",
    "faudrait",
    "font",
    "fois",
    "grace",
    "grande",
    "grand",
    "hors",
    "hui",
    "ici",
    "il",
    "ils",
    "j",
    "jamais",
    "je",
    "jusqu",
    "jusque",
    "l",
    "la",
    "laquelle",
    "le",
    "lequel",
    "les",
    "lesquels",
    "leur",
    "leurs",
    "lors",
    "lorsque",
    "lui",
    "m",
    "ma",
    "mais",
    "malgre",
    "me",
    "meme",
    "memes",
    "mes",
    "mettre",
    "mieux",
    "moi",
    "moins",
    "mon",
    "n",
    "ne",
    "ni",
    "non",
    "nos",
    "notamment",
    "notre",
    "nous",
    "on",
    "ont",
    "or",
    "ou",
    "oui",
    "par",
    "parce",
    "pas",
    "pendant",
    "permettre",
    "peu",
    "peut",
    "peuvent",
    "plus",
    "plusieurs",
    "plutot",
    "pour",
    "pourquoi",
    "pourrait",
    "pouvoir",
    "pres",
    "qu",
    "quand",
    "que",
    "quel",
    "quelle",
    "quelles",
    "quelque",
    "quelques",
    "quels",
    "qui",
    "quoi",
    "rien",
    "s",
    "sa",
    "sans",
    "se",
    "selon",
    "sera",
    "serait",
    "seront",
    "ses",
    "seulement",
    "si",
    "soi",
    "soient",
    "soit",
    "sommes",
    "son",
    "sont",
    "sous",
    "souvent",
    "sur",
    "t",
    "tant",
    "te",
    "tel",
    "telle",
    "telles",
    "tels",
    "toi",
    "ton",
    "toujours",
    "tous",
    "tout",
    "toute",
    "toutes",
    "tres",
    "trop",
    "tu",
    "un",
    "une",
    "va",
    "vers",
    "veut",
    "voir",
    "voire",
    "vont",
    "vos",
    "votre",
    "vous",
    "vraiment",
    "vu",
    "y",
    // English
    "about",
    "after",
    "all",
    "also",
    "an",
    "and",
    "any",
    "are",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "doing",
    "for",
    "from",
    "get",
    "had",
    "has",
    "have",
    "he",
    "her",
    "here",
    "him",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "like",
    "my",
    "no",
    "not",
    "now",
    "of",
    "off",
    "only",
    "other",
    "our",
    "out",
    "over",
    "she",
    "should",
    "so",
    "some",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "to",
    "too",
    "under",
    "until",
    "up",
    "very",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "whom",
    "why",
    "will",
    "with",
    "would",
    "you",
    "your",
];

/// A phrase of a theme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phrase {
    /// As most people wrote it.
    pub text: String,
    /// Documents of the theme that say it.
    pub documents: u32,
}

/// A passage to name themes by.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The document it is of, as a number: one document counts once.
    pub document: usize,
    /// Its theme, as a number; lone voices have none.
    pub theme: Option<usize>,
    /// Its text, with nothing in it that may not be shown.
    pub text: &'a str,
}

/// A phrase for comparing: the numbers of its words, what is not used is [`NONE`].
type Key = [u32; WORDS_MAX];
const NONE: u32 = u32::MAX;

/// One phrase in one passage, words `first..` of it.
struct Occurrence {
    key: Key,
    theme: usize,
    document: usize,
    passage: usize,
    first: usize,
}

/// A phrase of one theme.
struct Candidate {
    key: Key,
    documents: u32,
    score: f64,
    /// Where its occurrences stand.
    from: usize,
    to: usize,
}

/// The phrases of `themes` themes, each theme's best first, at most `most`; no two of a theme share
/// a word that carries a subject.
pub fn phrases(passages: &[Told<'_>], themes: usize, most: usize) -> Vec<Vec<Phrase>> {
    let read: Vec<Vec<Token>> = passages.iter().map(|p| tokens(p.text)).collect();
    let vocabulary = Vocabulary::new(&read);
    let mut occurrences = Vec::new();
    for (passage, told) in passages.iter().enumerate() {
        let Some(theme) = told.theme.filter(|t| *t < themes) else {
            continue;
        };
        vocabulary.phrases_of(&read[passage], told.text, |key, first| {
            occurrences.push(Occurrence {
                key,
                theme,
                document: told.document,
                passage,
                first,
            });
        });
    }
    occurrences.sort_unstable_by_key(|o| (o.key, o.theme, o.document, o.passage, o.first));

    let mut sizes = vec![BTreeSet::new(); themes];
    for told in passages {
        if let Some(theme) = told.theme.filter(|t| *t < themes) {
            sizes[theme].insert(told.document);
        }
    }
    let total: usize = sizes.iter().map(BTreeSet::len).sum();
    let mean = total as f64 / themes.max(1) as f64;

    let mut candidates: Vec<Vec<Candidate>> = (0..themes).map(|_| Vec::new()).collect();
    let mut at = 0;
    for of_phrase in occurrences.chunk_by(|a, b| a.key == b.key) {
        let mut counted: Vec<(usize, u32, usize, usize)> = Vec::new();
        for of_theme in of_phrase.chunk_by(|a, b| a.theme == b.theme) {
            let documents = of_theme.chunk_by(|a, b| a.document == b.document).count();
            counted.push((
                of_theme[0].theme,
                u32::try_from(documents).unwrap_or(u32::MAX),
                at,
                at + of_theme.len(),
            ));
            at += of_theme.len();
        }
        let everywhere: u32 = counted.iter().map(|c| c.1).sum();
        let rarity = libm::log(1.0 + mean / f64::from(everywhere));
        let key = of_phrase[0].key;
        let fullness = (vocabulary.subjects(&key).count() as f64).sqrt();
        for (theme, documents, from, to) in counted {
            let often = documents as usize * SHARE_MIN >= sizes[theme].len();
            if documents >= DOCUMENTS_MIN && often {
                candidates[theme].push(Candidate {
                    key,
                    documents,
                    score: f64::from(documents) * rarity * fullness,
                    from,
                    to,
                });
            }
        }
    }
    candidates
        .into_iter()
        .map(|of_theme| {
            choose(of_theme, most, &occurrences, &vocabulary)
                .into_iter()
                .map(|candidate| Phrase {
                    text: as_written(
                        &candidate,
                        &occurrences[candidate.from..candidate.to],
                        passages,
                        &read,
                    ),
                    documents: candidate.documents,
                })
                .collect()
        })
        .collect()
}

/// The best phrase first, then those that weigh most and are said by the same documents as the ones
/// before, so that a name is one thought; no two share a word that carries a subject.
fn choose(
    mut candidates: Vec<Candidate>,
    most: usize,
    occurrences: &[Occurrence],
    vocabulary: &Vocabulary,
) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
    candidates.truncate(CANDIDATES_MAX);
    let documents: Vec<BTreeSet<usize>> = candidates
        .iter()
        .map(|c| {
            occurrences[c.from..c.to]
                .iter()
                .map(|o| o.document)
                .collect()
        })
        .collect();
    let mut together = vec![0.0; candidates.len()];
    let mut chosen: Vec<usize> = Vec::new();
    let mut said: BTreeSet<u32> = BTreeSet::new();
    while chosen.len() < most {
        let mut best: Option<(f64, usize)> = None;
        for (at, candidate) in candidates.iter().enumerate() {
            if vocabulary
                .subjects(&candidate.key)
                .any(|w| said.contains(&w))
            {
                continue;
            }
            let share = match chosen.len() {
                0 => 1.0,
                n => together[at] / n as f64,
            };
            let worth = candidate.score * (APART + share);
            // The first of equals stays.
            if best.is_none_or(|(most, _)| worth > most) {
                best = Some((worth, at));
            }
        }
        let Some((_, at)) = best else { break };
        said.extend(vocabulary.subjects(&candidates[at].key));
        for (other, value) in together.iter_mut().enumerate() {
            let (a, b) = (&documents[at], &documents[other]);
            let both = a.intersection(b).count() as f64;
            *value += both / a.len().min(b.len()).max(1) as f64;
        }
        chosen.push(at);
    }
    // In the order chosen.
    let mut taken: Vec<Option<Candidate>> = candidates.into_iter().map(Some).collect();
    chosen
        .into_iter()
        .filter_map(|at| taken[at].take())
        .collect()
}

/// The commonest way of writing a phrase; of equals the greatest in byte order, which prefers lower
/// case over upper and accents over none.
fn as_written(
    candidate: &Candidate,
    places: &[Occurrence],
    passages: &[Told<'_>],
    read: &[Vec<Token>],
) -> String {
    let length = candidate.key.iter().filter(|w| **w != NONE).count();
    let mut ways: BTreeMap<String, u32> = BTreeMap::new();
    for place in places {
        let words = &read[place.passage][place.first..place.first + length];
        let text = passages[place.passage].text;
        if let [first, .., last] | [first @ last] = words {
            let (from, to) = (first.span.start as usize, last.span.end as usize);
            *ways.entry(collapse(&text[from..to])).or_default() += 1;
        }
    }
    ways.into_iter()
        .max_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)))
        .map_or_else(String::new, |(way, _)| way)
}

/// Every word of the passages, numbered in byte order.
struct Vocabulary {
    numbers: BTreeMap<String, u32>,
    empty: BTreeSet<u32>,
}

/// A word for comparing: folded, and one for singular and plural.
fn stem(word: &str) -> &str {
    if word.chars().count() >= PLURAL_MIN {
        word.strip_suffix(['s', 'x']).unwrap_or(word)
    } else {
        word
    }
}

fn is_empty(word: &str) -> bool {
    word.chars().all(char::is_numeric) || EMPTY_WORDS.contains(&word)
}

impl Vocabulary {
    fn new(read: &[Vec<Token>]) -> Self {
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let mut empty_words: BTreeSet<&str> = BTreeSet::new();
        for token in read.iter().flatten() {
            if !numbers.contains_key(stem(&token.word)) {
                numbers.insert(stem(&token.word).to_owned(), 0);
            }
            if is_empty(&token.word) {
                empty_words.insert(stem(&token.word));
            }
        }
        for (number, (_, value)) in (0u32..).zip(&mut numbers) {
            *value = number;
        }
        let empty = empty_words
            .into_iter()
            .filter_map(|w| numbers.get(w).copied())
            .collect();
        Self { numbers, empty }
    }

    /// The words of a phrase that carry a subject.
    fn subjects<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = u32> + 'a {
        key.iter()
            .copied()
            .filter(|w| *w != NONE && !self.empty.contains(w))
    }

    fn phrases_of(&self, read: &[Token], text: &str, mut found: impl FnMut(Key, usize)) {
        let numbers: Vec<u32> = read
            .iter()
            .map(|t| self.numbers.get(stem(&t.word)).copied().unwrap_or(NONE))
            .collect();
        for first in 0..read.len() {
            if self.empty.contains(&numbers[first]) {
                continue;
            }
            let mut key = [NONE; WORDS_MAX];
            for length in 1..=WORDS_MAX {
                let Some(token) = read.get(first + length - 1) else {
                    break;
                };
                if length > 1 && token.pause {
                    break;
                }
                key[length - 1] = numbers[first + length - 1];
                let ends = !self.empty.contains(&key[length - 1]);
                let stands = length > 1 || stands_alone(token, text);
                if ends && stands {
                    found(key, first);
                }
            }
        }
    }
}

/// Whether one word is a phrase: long enough, or in capitals.
fn stands_alone(token: &Token, text: &str) -> bool {
    let letters = token.word.chars().count();
    let written = &text[token.span.start as usize..token.span.end as usize];
    letters >= LETTERS_MIN || (letters >= 2 && written.chars().all(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(passages: &[(Option<usize>, &str)], expected: &[&[&str]]) {
        let told: Vec<Told<'_>> = passages
            .iter()
            .enumerate()
            .map(|(document, (theme, text))| Told {
                document,
                theme: *theme,
                text,
            })
            .collect();
        let said: Vec<Vec<String>> = phrases(&told, expected.len(), 2)
            .into_iter()
            .map(|of| of.into_iter().map(|p| p.text).collect())
            .collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn phrases_are_as_people_wrote_them() {
        check(
            &[
                (Some(0), "L’éclairage public est en panne."),
                (Some(0), "Éclairage public coupé, encore."),
                (Some(0), "l'éclairage public du parking"),
                (Some(1), "Musique tard dans le hall"),
                (Some(1), "De la musique, tard, au hall."),
            ],
            &[&["éclairage public"], &["hall", "musique"]],
        );
    }

    #[test]
    fn what_one_document_says_is_not_shown() {
        let told = |document, text| Told {
            document,
            theme: Some(0),
            text,
        };
        // Said three times by one.
        let of = phrases(
            &[
                told(1, "Mme Perrin"),
                told(1, "Mme Perrin"),
                told(1, "Perrin"),
                told(2, "dossier"),
            ],
            1,
            5,
        );
        assert!(of[0].is_empty(), "{of:?}");
    }

    #[test]
    fn a_phrase_neither_begins_nor_ends_with_nothing_and_stops_at_a_pause() {
        check(
            &[
                (Some(0), "la fin de mois"),
                (Some(0), "les fins de mois"),
                (Some(1), "loyer. impayé"),
                (Some(1), "loyer, impayé"),
                (None, "loyer impayé"),
            ],
            &[&["fins de mois"], &["impayé", "loyer"]],
        );
    }

    #[test]
    fn nothing_says_nothing() {
        assert!(phrases(&[], 0, 3).is_empty());
        check(&[(Some(0), "")], &[&[]]);
        check(&[(Some(0), "CAF"), (Some(0), "la CAF")], &[&["CAF"]]);
    }
}

//! The words of a text that a query sought, under the same analysis as the search.

use std::collections::BTreeSet;

use domain::Span;

use crate::analysis::{Analyser, Language, Word, words};
use crate::parse::{Parsed, Written};

/// A part of a text chosen for what a query sought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snippet {
    /// The part, in bytes of the text, on character boundaries.
    pub range: Span,
    /// The words sought that lie in it, in bytes of the text too.
    pub highlights: Vec<Span>,
}

/// The words of `text` that match the words of `query`, as ranges of bytes of `text`, in order
/// and without overlap. Either language's analysis will do. Words of a phrase are shown where the
/// phrase stands whole, even those that carry no weight.
pub fn highlight(query: &str, text: &str) -> Vec<Span> {
    Matcher::new(query)
        .matches(&words(text))
        .into_iter()
        .map(|m| m.span)
        .collect()
}

/// The part of `text`, of at most `max_chars` characters, that shows most of what `query` sought:
/// most different words first, then most words, then the earliest. Cut between words where it
/// can be. Without a match, the beginning.
pub fn snippet(query: &str, text: &str, max_chars: usize) -> Snippet {
    let matcher = Matcher::new(query);
    let words = words(text);
    let matches = matcher.matches(&words);
    let chars: Vec<usize> = text
        .char_indices()
        .map(|(i, _)| i)
        .chain([text.len()])
        .collect();
    let char_at = |byte: usize| chars.partition_point(|c| *c < byte);
    if chars.len() - 1 <= max_chars {
        return cut(0..text.len(), &matches);
    }
    // The window that starts at each match and holds most; a quarter of the room goes before it.
    let mut best: Option<((usize, usize), usize, usize)> = None;
    for (i, first) in matches.iter().enumerate() {
        let start = char_at(first.span.start as usize);
        let within: Vec<&Match> = matches[i..]
            .iter()
            .take_while(|m| char_at(m.span.end as usize) <= start + max_chars)
            .collect();
        let kinds: BTreeSet<usize> = within.iter().map(|m| m.part).collect();
        let value = (kinds.len(), within.len());
        let end = within
            .last()
            .map_or(start, |m| char_at(m.span.end as usize));
        if best.is_none_or(|(held, ..)| value > held) {
            best = Some((value, start, end));
        }
    }
    let (start, end) = best.map_or((0, 0), |(_, start, end)| (start, end));
    let room = max_chars.saturating_sub(end - start);
    let start = start.saturating_sub((room / 4).max(room.saturating_sub(chars.len() - 1 - end)));
    let end = (start + max_chars).min(chars.len() - 1);
    cut(
        between_words(&words, chars[start]..chars[end], text.len()),
        &matches,
    )
}

fn cut(range: std::ops::Range<usize>, matches: &[Match]) -> Snippet {
    let range = span(&range);
    Snippet {
        range,
        highlights: matches
            .iter()
            .map(|m| m.span)
            .filter(|s| range.contains(*s))
            .collect(),
    }
}

/// The range without the words it cuts in two, unless that leaves nothing.
fn between_words(
    words: &[Word],
    range: std::ops::Range<usize>,
    length: usize,
) -> std::ops::Range<usize> {
    let cuts = |at: usize| {
        let next = words.partition_point(|w| w.range.end <= at);
        words
            .get(next)
            .filter(|w| w.range.start < at)
            .map(|w| &w.range)
    };
    let start = match cuts(range.start) {
        Some(word) if range.start > 0 => word.end,
        _ => range.start,
    };
    let end = match cuts(range.end) {
        Some(word) if range.end < length => word.start,
        _ => range.end,
    };
    if start < end { start..end } else { range }
}

fn span(range: &std::ops::Range<usize>) -> Span {
    // Stored texts are far below 4 GiB; beyond, a range is empty rather than wrong.
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span::new(small(range.start), small(range.end))
}

struct Match {
    span: Span,
    /// Which part of the query.
    part: usize,
}

struct Matcher {
    parsed: Parsed,
    analyser: std::cell::RefCell<Analyser>,
}

impl Matcher {
    fn new(query: &str) -> Self {
        Self {
            parsed: Parsed::new(query),
            analyser: std::cell::RefCell::new(Analyser::new()),
        }
    }

    fn matches(&self, words: &[Word]) -> Vec<Match> {
        let in_phrase = self.phrases(words);
        words
            .iter()
            .enumerate()
            .filter_map(|(i, word)| {
                let part = self.part(word).or_else(|| {
                    let beyond = self.parsed.parts.len();
                    in_phrase.contains(&i).then_some(beyond)
                })?;
                Some(Match {
                    span: span(&word.range),
                    part,
                })
            })
            .collect()
    }

    /// The first part that this word answers.
    fn part(&self, word: &Word) -> Option<usize> {
        let mut analyser = self.analyser.borrow_mut();
        let terms = Language::ALL.map(|l| analyser.body(std::slice::from_ref(word), l));
        self.parsed.parts.iter().position(|part| {
            let stems = Language::ALL.into_iter().any(|l| {
                let sought = &part.stems[l.index()];
                terms[l.index()].iter().any(|t| sought.contains(t))
                    || word.alias.as_ref().is_some_and(|a| sought.contains(a))
            });
            stems
                || match &part.written {
                    Written::Prefix(prefix) => word.folded.starts_with(prefix.as_str()),
                    Written::Word(form) => {
                        part.stems.iter().all(Vec::is_empty)
                            && (*form == word.form || *form == word.folded)
                    }
                }
        })
    }

    /// Places of words that stand in a phrase of the query.
    fn phrases(&self, words: &[Word]) -> BTreeSet<usize> {
        let mut places = BTreeSet::new();
        for phrase in &self.parsed.exact {
            for (start, window) in words.windows(phrase.len()).enumerate() {
                let same = window.iter().zip(phrase).all(|(word, sought)| {
                    word.folded == *sought || word.alias.as_ref() == Some(sought)
                });
                if same {
                    places.extend(start..start + phrase.len());
                }
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words found, between brackets.
    fn check(query: &str, text: &str, expected: &str) {
        let mut out = String::new();
        let mut end = 0;
        for span in highlight(query, text) {
            out += &text[end..span.start as usize];
            out += "[";
            out += span.of(text).unwrap();
            out += "]";
            end = span.end as usize;
        }
        out += &text[end..];
        assert_eq!(out, expected, "{query}");
    }

    #[test]
    fn words_are_shown_as_they_are_found() {
        check(
            "eclairages publics",
            "L’éclairage public de la rue",
            "L’[éclairage] [public] de la rue",
        );
        check("la rue", "La rue de la Paix", "La [rue] de la Paix");
        check(
            "\"de la paix\"",
            "La rue de la Paix",
            "La rue [de] [la] [Paix]",
        );
        check(
            "L231-1",
            "Vu l'article L. 231-1 du code",
            "Vu l'article [L. 231-1] du code",
        );
        check("231-1", "Vu l'article L. 231-1", "Vu l'article [L. 231-1]");
        check(
            "subv*",
            "Subventions, subvenir",
            "[Subventions], [subvenir]",
        );
        check("complaint", "Two complaints", "Two [complaints]");
        check("le", "Le maire", "[Le] maire");
        check("", "Le maire", "Le maire");
    }

    #[test]
    fn a_snippet_shows_most_of_what_was_sought() {
        let text = format!(
            "{}éclairage {} éclairage public {}",
            "a ".repeat(100),
            "b ".repeat(100),
            "c ".repeat(100)
        );
        let found = snippet("éclairage public", &text, 60);
        assert_eq!(found.highlights.len(), 2);
        let shown = found.range.of(&text).unwrap();
        assert!(
            shown.contains("éclairage public") && shown.starts_with("b "),
            "{shown}"
        );
        assert_eq!(snippet("absent", "court", 60).range, Span::new(0, 5));
        assert_eq!(snippet("x", "", 10), Snippet::default());
    }

    proptest::proptest! {
        #[test]
        fn ranges_are_in_order_on_character_boundaries(
            query in r#"[\PC"*a-eé' 0-9.-]{0,20}"#,
            text in r"[\PCa-eé'’ 0-9.\-\u{301}]{0,80}",
            max in 0usize..60,
        ) {
            let mut end = 0;
            for span in highlight(&query, &text) {
                proptest::prop_assert!(span.start >= end && !span.is_empty());
                proptest::prop_assert!(span.of(&text).is_some());
                end = span.end;
            }
            let found = snippet(&query, &text, max);
            let shown = found.range.of(&text);
            proptest::prop_assert!(shown.is_some_and(|s| s.chars().count() <= max));
            for span in found.highlights {
                proptest::prop_assert!(found.range.contains(span));
            }
        }

        #[test]
        fn a_text_highlights_itself(text in "[bdfgk]{4,9}( [bdfgk]{4,9}){0,5}") {
            let sought = highlight(&text, &text);
            proptest::prop_assert_eq!(sought.len(), words(&text).len());
        }
    }
}

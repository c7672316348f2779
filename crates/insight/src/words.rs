//! Whole words and phrases in notes, compared without case and accents, and simple denials.

use domain::text::{PAGE_BREAK, fold};
use domain::{FieldReport, Span};
use unicode_normalization::char::is_combining_mark;

use crate::InsightError;
use crate::corpus::Report;

/// One word of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) span: Span,
    /// Folded.
    pub(crate) word: String,
    /// Something other than a space, an apostrophe or a hyphen stands before it: a phrase and a
    /// denial end there.
    pub(crate) pause: bool,
    /// A letter or two before an apostrophe: `d’`, `qu’`.
    pub(crate) elided: bool,
}

/// The words of `text`: runs of letters and digits.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut start: Option<usize> = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = c.is_alphanumeric() || is_combining_mark(c);
        match start {
            None if inside => start = Some(at),
            Some(from) if !inside => {
                let word = fold(&text[from..at]);
                let pause = match out.last_mut() {
                    None => true,
                    Some(last) => {
                        let gap = &text[last.span.end as usize..from];
                        last.elided = gap.starts_with(['\'', '’']) && last.word.len() <= 2;
                        // "R.A.S." is three letters that belong together.
                        let initials = gap == "." && last.word.len() == 1 && word.len() == 1;
                        !(joins(gap) || initials)
                    }
                };
                out.push(Token {
                    span: Span::new(from as u32, at as u32),
                    word,
                    pause,
                    elided: false,
                });
                start = None;
            }
            _ => {}
        }
    }
    out
}

/// Whether words on both sides of `gap` can belong to one phrase.
fn joins(gap: &str) -> bool {
    let blank =
        gap.chars().all(|c| c.is_whitespace() && c != PAGE_BREAK) && gap.matches('\n').count() <= 1;
    blank || matches!(gap, "'" | "’" | "' " | "’ " | "-" | "‑" | "/")
}

/// Words and phrases to look for. A word may end with `*`, which stands for any ending.
#[derive(Clone, Debug)]
pub(crate) struct Lexicon(Vec<Phrase>);

#[derive(Clone, Debug)]
struct Phrase {
    written: String,
    words: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    word: String,
    open: bool,
}

/// Where a phrase of a lexicon stands: tokens `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) phrase: usize,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Match {
    pub(crate) fn span(self, tokens: &[Token]) -> Span {
        Span::new(tokens[self.first].span.start, tokens[self.last].span.end)
    }
}

impl Lexicon {
    /// The phrases of `written`; `list` names the list in an error.
    pub(crate) fn new(list: &str, written: &[String]) -> Result<Self, InsightError> {
        written
            .iter()
            .map(|w| Phrase::new(list, w))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn written(&self, phrase: usize) -> &str {
        &self.0[phrase].written
    }

    /// Every occurrence, in text order.
    pub(crate) fn find(&self, tokens: &[Token]) -> Vec<Match> {
        let mut out = Vec::new();
        for first in 0..tokens.len() {
            for (phrase, p) in self.0.iter().enumerate() {
                let Some(window) = tokens.get(first..first + p.words.len()) else {
                    continue;
                };
                let found = p
                    .words
                    .iter()
                    .zip(window)
                    .enumerate()
                    .all(|(i, (pattern, token))| {
                        pattern.fits(&token.word) && (i == 0 || !token.pause)
                    });
                if found {
                    out.push(Match {
                        phrase,
                        first,
                        last: first + p.words.len() - 1,
                    });
                }
            }
        }
        out
    }
}

impl Phrase {
    fn new(list: &str, written: &str) -> Result<Self, InsightError> {
        let error = |reason| InsightError::Word {
            list: list.to_owned(),
            word: written.to_owned(),
            reason,
        };
        if written.contains(',') {
            return Err(error("a comma separates words"));
        }
        let misplaced = written.match_indices('*').any(|(at, _)| {
            !written[..at].ends_with(char::is_alphanumeric)
                || written[at + 1..].starts_with(char::is_alphanumeric)
        });
        if misplaced {
            return Err(error("a `*` is not at the end of a word"));
        }
        let words: Vec<Pattern> = tokens(written)
            .into_iter()
            .map(|t| Pattern {
                open: written[t.span.end as usize..].starts_with('*'),
                word: t.word,
            })
            .collect();
        if words.is_empty() {
            return Err(error("it holds no letter and no digit"));
        }
        Ok(Self {
            written: written.trim().to_owned(),
            words,
        })
    }
}

impl Pattern {
    fn fits(&self, word: &str) -> bool {
        if self.open {
            word.starts_with(&self.word)
        } else {
            word == self.word
        }
    }
}

/// What follows "sans" where it denies nothing that comes after: "sans cesse", "sans-abri".
const SANS_ALONE: &[&str] = &[
    "abri", "abris", "arret", "cesse", "domicile", "doute", "papier", "papiers",
];

/// Whether the word at `at` is denied: "pas de", "jamais de", "aucun", "sans" or "ni" stands before
/// it in the same clause, with at most `between` words between ("pas d'odeur de gaz": two), or
/// "pas" right before it ("pas agressifs").
/// "et" and "mais" end what a denial reaches; when in doubt nothing is denied.
pub(crate) fn denied(tokens: &[Token], at: usize, between: u32) -> bool {
    let mut passed = 0;
    let mut i = at;
    while i > 0 && !tokens[i].pause {
        i -= 1;
        let word = tokens[i].word.as_str();
        let next = tokens[i + 1].word.as_str();
        let before = (i > 0 && !tokens[i].pause).then(|| tokens[i - 1].word.as_str());
        match word {
            "aucun" | "aucune" | "aucuns" | "aucunes" | "ni" => return true,
            "sans" if !SANS_ALONE.contains(&next) => return true,
            "de" | "d" if matches!(before, Some("pas" | "jamais")) => return true,
            "pas" if i + 1 == at => return true,
            "et" | "mais" | "car" | "donc" | "puis" => return false,
            _ => {}
        }
        if !tokens[i].elided {
            passed += 1;
            if passed > between {
                return false;
            }
        }
    }
    false
}

/// A word of a lexicon that a report says or declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// As the settings write it.
    pub(crate) written: String,
    /// As the report says it; a placeholder where it is masked.
    pub(crate) said: String,
    /// Where in the note; `None` when declared beside it.
    pub(crate) span: Option<Span>,
}

/// The words of `lexicon` that the report says without denying them, in text order, then those it
/// declares. A phrase within a longer one that was found too is left out.
pub(crate) fn found(report: &Report, lexicon: &Lexicon, between: u32) -> Vec<Found> {
    let tokens = &report.tokens;
    let matches: Vec<Match> = lexicon
        .find(tokens)
        .into_iter()
        .filter(|m| !denied(tokens, m.first, between))
        .collect();
    let mut out: Vec<Found> = Vec::new();
    for (i, m) in matches.iter().enumerate() {
        let span = m.span(tokens);
        let within_another = matches.iter().enumerate().any(|(j, other)| {
            let wide = other.span(tokens);
            j != i && wide.contains(span) && (wide != span || j < i)
        });
        if within_another {
            continue;
        }
        let said = match report.mask_over(span) {
            Some(mask) => mask.replacement().into_owned(),
            None => collapse(span.of(&report.entry.text).unwrap_or_default()),
        };
        out.push(Found {
            written: lexicon.written(m.phrase).to_owned(),
            said,
            span: Some(span),
        });
    }
    out.extend(declared(&report.entry.report, lexicon));
    out
}

fn declared<'a>(report: &'a FieldReport, lexicon: &'a Lexicon) -> impl Iterator<Item = Found> + 'a {
    report.themes.iter().filter_map(|theme| {
        let words = tokens(&theme.replace('_', " "));
        let m = lexicon.find(&words).into_iter().next()?;
        Some(Found {
            written: lexicon.written(m.phrase).to_owned(),
            said: collapse(theme),
            span: None,
        })
    })
}

/// The text on one line, with single spaces.
pub(crate) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(lexicon: &[&str], text: &str) -> Vec<String> {
        let words: Vec<String> = lexicon.iter().map(|w| (*w).to_owned()).collect();
        let lexicon = Lexicon::new("test", &words).unwrap();
        let tokens = tokens(text);
        lexicon
            .find(&tokens)
            .into_iter()
            .map(|m| {
                let said = m.span(&tokens).of(text).unwrap();
                let not = if denied(&tokens, m.first, 2) {
                    "not "
                } else {
                    ""
                };
                format!("{not}{said}")
            })
            .collect()
    }

    #[test]
    fn finds_whole_words_and_phrases_without_case_and_accents() {
        let check = |lexicon: &[&str], text: &str, expected: &[&str]| {
            assert_eq!(find(lexicon, text), expected, "{lexicon:?} in {text:?}");
        };
        check(&["éclairage"], "ECLAIRAGE hs, Éclairages", &["ECLAIRAGE"]);
        check(
            &["éclairage*"],
            "ECLAIRAGE hs, Éclairages",
            &["ECLAIRAGE", "Éclairages"],
        );
        check(&["gaz"], "gazon, gaz.", &["gaz"]);
        check(
            &["accès aux droits"],
            "L’accès aux\ndroits",
            &["accès aux\ndroits"],
        );
        check(&["accès aux droits"], "accès, aux droits", &[]);
        check(&["odeur de gaz"], "odeur. De gaz", &[]);
        check(&["n'ose plus"], "Mme n’ose plus sortir", &["n’ose plus"]);
        check(&["rodéo* urbain*"], "rodéos urbains", &["rodéos urbains"]);
        check(&["R.A.S."], "R.A.S. ce soir", &["R.A.S"]);
        check(&["cœur"], "coeur", &["coeur"]);
    }

    #[test]
    fn a_denial_reaches_two_words_within_its_clause() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(
                find(&["gaz", "arme*", "violence*"], text),
                expected,
                "{text}"
            );
        };
        check("pas d'odeur de gaz", &["not gaz"]);
        check("Pas de gaz", &["not gaz"]);
        check("sans arme ni violence", &["not arme", "not violence"]);
        check("aucune arme vue", &["not arme"]);
        check("pas armés", &["not armés"]);
        check("pas vraiment armés", &["armés"]);
        check("odeur de gaz", &["gaz"]);
        check("pas de gardien. Gaz", &["Gaz"]);
        check("pas de bruit, gaz", &["gaz"]);
        check("pas d'eau et gaz coupé", &["gaz"]);
        check("pas de gardien dans le hall gaz", &["gaz"]);
        check("plus de violences", &["violences"]);
        check("sans cesse des violences", &["violences"]);
        check("sans-abri violences", &["violences"]);
    }

    #[test]
    fn refuses_words_that_would_find_nothing_or_everything() {
        for bad in [
            "",
            "*",
            "  ",
            "a, b",
            "vio*lence",
            "* gaz",
            "gaz *",
            "gaz**",
        ] {
            let error = Lexicon::new("urgent_words", &[bad.to_owned()]);
            assert!(matches!(error, Err(InsightError::Word { .. })), "{bad:?}");
        }
    }
}

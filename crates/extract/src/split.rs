//! Stored text to passages: the smallest thing that is embedded, found and cited. A passage never
//! cuts a sentence, even one that goes on over the page.

use domain::sentences::sentences;
use domain::text::PAGE_BREAK;
use domain::{Layout, Passage, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::language::detect_part;

/// How text is split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SplitSettings {
    /// Characters of a passage, about: a passage ends with the sentence that reaches them.
    pub characters: usize,
    /// A line shorter than this, alone in its block and without a final stop, is a heading.
    pub heading_characters: usize,
}

impl Default for SplitSettings {
    fn default() -> Self {
        Self {
            characters: 700,
            heading_characters: 90,
        }
    }
}

/// The passages of a text, in order, without overlap.
pub fn split(text: &str, layout: &Layout, settings: &SplitSettings) -> Vec<Passage> {
    let headings = headings(text, layout, settings);
    let mut passages: Vec<Passage> = Vec::new();
    let mut open: Option<(Span, usize)> = None;
    let mut section = None;
    let mut close = |open: &mut Option<(Span, usize)>, section: Option<Span>| {
        if let Some((span, _)) = open.take() {
            let page = layout.page_at(span.start).map_or(1, |p| p.number);
            // A heading that begins its own passage needs no context.
            let section = section.filter(|s| !span.contains(*s));
            passages.push(Passage {
                start: span.start,
                end: span.end,
                page,
                section,
                language: detect_part(
                    span.of(text).unwrap_or_default(),
                    layout.language.as_deref(),
                ),
            });
        }
    };
    let mut headings = headings.into_iter().peekable();
    // A list of short lines is no list of headings: those that follow one another share a passage.
    let mut only_headings = false;
    for sentence in sentences(text, &[], usize::MAX) {
        let characters = sentence.of(text).map_or(0, |s| s.chars().count());
        while headings.next_if(|h| h.end <= sentence.start).is_some() {}
        let heading = headings.peek().filter(|h| h.contains(sentence));
        if let Some(heading) = heading {
            if !only_headings {
                close(&mut open, section);
            }
            section = Some(*heading);
        }
        only_headings = heading.is_some();
        match &mut open {
            Some((span, so_far)) if *so_far + characters <= settings.characters => {
                *span = Span::new(span.start, sentence.end);
                *so_far += characters;
            }
            _ => {
                close(&mut open, section);
                open = Some((sentence, characters));
            }
        }
    }
    close(&mut open, section);
    passages
}

/// Lines that stand alone, are short, and do not end like a sentence.
fn headings(text: &str, layout: &Layout, settings: &SplitSettings) -> Vec<Span> {
    let blocks = layout.pages.iter().flat_map(|p| &p.blocks);
    blocks
        .filter_map(|block| match block.lines.as_slice() {
            [line] => Some(line.span),
            _ => None,
        })
        .filter(|span| {
            let line = span.of(text).unwrap_or_default().trim();
            // What goes on in lower case was cut by the page, and is no heading.
            let after = text
                .get(span.end as usize..)
                .unwrap_or_default()
                .trim_start();
            let goes_on = after.chars().next().is_some_and(char::is_lowercase);
            let length = line.chars().count();
            length > 2
                && !goes_on
                && length < settings.heading_characters
                && !line.contains(PAGE_BREAK)
                && !line.contains(" : ")
                && !line.ends_with(['.', '!', '?', '…', ',', ';', ':'])
                && line
                    .chars()
                    .next()
                    .is_some_and(|c| c.is_uppercase() || c.is_ascii_digit())
                && line.chars().filter(|c| c.is_alphabetic()).count() > length / 2
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::layout::Points;
    use domain::{Block, BlockRole, Line, Page, ReadBy};

    /// Pages are given with `~` between blocks; each line of a block is a line.
    fn layout(pages: &[&str]) -> (String, Layout) {
        let mut text = String::new();
        let mut layout = Layout::empty("text/plain");
        for (n, page) in pages.iter().enumerate() {
            if n > 0 {
                text.push(PAGE_BREAK);
            }
            let start = text.len() as u32;
            let mut blocks = Vec::new();
            for (b, block) in page.split('~').enumerate() {
                if b > 0 {
                    text.push_str("\n\n");
                }
                let mut lines = Vec::new();
                for (l, line) in block.split('\n').enumerate() {
                    if l > 0 {
                        text.push('\n');
                    }
                    let at = text.len() as u32;
                    text.push_str(line);
                    lines.push(Line {
                        span: Span::new(at, text.len() as u32),
                        bbox: None,
                        confidence: None,
                    });
                }
                blocks.push(Block {
                    role: BlockRole::Text,
                    lines,
                });
            }
            layout.pages.push(Page {
                number: n as u32 + 1,
                width: Points::new(0.0),
                height: Points::new(0.0),
                span: Span::new(start, text.len() as u32),
                read_by: ReadBy::Text,
                blocks,
            });
        }
        (text, layout)
    }

    fn check(pages: &[&str], characters: usize, expected: &[&str]) {
        let (text, layout) = layout(pages);
        let settings = SplitSettings {
            characters,
            ..SplitSettings::default()
        };
        let found: Vec<String> = split(&text, &layout, &settings)
            .iter()
            .map(|p| {
                let section = p
                    .section
                    .and_then(|s| s.of(&text))
                    .map(|s| format!("[{s}] "));
                let body = p.span().of(&text).unwrap().replace(['\n', PAGE_BREAK], "/");
                format!("p{} {}{body}", p.page, section.unwrap_or_default())
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_passage_ends_with_a_sentence() {
        check(
            &["Le pont est trop étroit. Les bus ne passent plus. Rien n’est prévu."],
            50,
            &[
                "p1 Le pont est trop étroit. Les bus ne passent plus.",
                "p1 Rien n’est prévu.",
            ],
        );
    }

    #[test]
    fn a_sentence_that_crosses_pages_stays_whole() {
        check(
            &["Le pont est", "trop étroit. Fin."],
            20,
            &["p1 Le pont est/trop étroit.", "p2 Fin."],
        );
    }

    #[test]
    fn a_heading_opens_a_passage_and_is_the_section_of_those_that_follow() {
        check(
            &["Article 3 Stationnement~Le stationnement est interdit. Il est gênant."],
            30,
            &[
                "p1 Article 3 Stationnement",
                "p1 [Article 3 Stationnement] Le stationnement est interdit.",
                "p1 [Article 3 Stationnement] Il est gênant.",
            ],
        );
    }

    #[test]
    fn a_passage_in_another_language_says_so() {
        let english = "The lamp has been out since Monday and the street is dark for all of us.";
        let (text, mut layout) =
            layout(&[&format!("Le lampadaire est en panne.~{english}~Merci.")]);
        layout.language = Some("fr".into());
        let settings = SplitSettings {
            characters: 30,
            ..SplitSettings::default()
        };
        let passages = split(&text, &layout, &settings);
        let languages: Vec<_> = passages.iter().map(|p| p.language.as_deref()).collect();
        assert_eq!(languages, [Some("fr"), Some("en"), Some("fr")]);
    }

    proptest::proptest! {
        #[test]
        fn passages_are_in_order_within_the_text(page in "[a-zA-Zé0-9 .!?\n~-]{0,300}", n in 100usize..400) {
            let (text, layout) = layout(&[&page, "Suite. Fin"]);
            let settings = SplitSettings { characters: n, ..SplitSettings::default() };
            let mut last = 0;
            for passage in split(&text, &layout, &settings) {
                proptest::prop_assert!(passage.start >= last && passage.span().of(&text).is_some());
                last = passage.end;
            }
        }
    }
}

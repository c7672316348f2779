//! Which sentences to quote: maximal marginal relevance (Carbonell and Goldstein, 1998) over the
//! sentences of a theme's notes.

use std::collections::BTreeSet;

use domain::{DocumentId, Evidence, Sentence, Span};

use crate::InsightError;
use crate::corpus::Report;
use crate::words::{Lexicon, collapse};

/// Weights of what makes a good quote. Being like the others of its theme counts as much again
/// when the theme's own word is said; being like a quote already chosen counts against.
const LIKE_THE_THEME: f64 = 0.7;
const LIKE_A_CHOSEN: f64 = 0.3;
const NAMES_THE_THEME: f64 = 0.5;
/// A sentence of one or two words says nothing alone.
const TOO_SHORT: f64 = 0.4;
const SHORT_WORDS: usize = 3;
/// A sentence of many words says more than one of few, up to this many.
const FULL: f64 = 0.2;
const FULL_WORDS: usize = 12;
/// What was quoted further up the page is only quoted again when nothing else is as good.
const QUOTED_ALREADY: f64 = 0.6;
/// A masked sentence may still point at someone; another one is preferred when it says as much.
const MASKED: f64 = 0.1;
/// Two sentences more alike than this say the same.
const ALIKE: f64 = 0.85;
/// Comparing every pair of sentences stops paying beyond about this many.
const CANDIDATES_MAX: usize = 400;

/// Folded words that carry no subject.
const EMPTY_WORDS: &[&str] = &[
    "a", "au", "aux", "avec", "c", "ce", "ces", "cette", "d", "dans", "de", "des", "du", "elle",
    "elles", "en", "est", "et", "eu", "il", "ils", "j", "je", "l", "la", "le", "les", "leur", "m",
    "mais", "n", "ne", "nous", "on", "ont", "ou", "par", "pas", "plus", "pour", "qu", "que", "qui",
    "s", "se", "ses", "son", "sa", "sont", "sur", "un", "une", "vers", "y",
];

struct Candidate<'a> {
    report: &'a Report,
    span: Span,
    vector: Option<&'a [f32]>,
    words: BTreeSet<&'a str>,
    text: String,
    named: bool,
    length: usize,
    masks: usize,
}

impl<'a> Candidate<'a> {
    fn new(report: &'a Report, span: Span, lexicon: Option<&Lexicon>) -> Self {
        let tokens: Vec<_> = report
            .tokens
            .iter()
            .filter(|t| span.contains(t.span))
            .collect();
        let shown: Vec<_> = tokens
            .iter()
            .filter(|t| report.mask_over(t.span).is_none())
            .collect();
        let named = lexicon.is_some_and(|l| {
            l.find(&report.tokens)
                .into_iter()
                .any(|m| span.contains(m.span(&report.tokens)))
        });
        Self {
            vector: report
                .entry
                .passages
                .iter()
                .find(|(passage, _)| passage.contains(span))
                .map(|(_, vector)| vector.as_slice()),
            words: shown
                .iter()
                .map(|t| t.word.as_str())
                .filter(|w| !EMPTY_WORDS.contains(w))
                .collect(),
            text: tokens
                .iter()
                .map(|t| t.word.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            named,
            length: shown.len(),
            masks: report
                .entry
                .masks
                .iter()
                .filter(|m| m.span().overlaps(span))
                .count(),
            report,
            span,
        }
    }

    fn place(&self) -> (DocumentId, Span) {
        (self.report.entry.document, self.span)
    }

    /// How alike two sentences are, from 0 to 1.
    fn like(&self, other: &Self) -> f64 {
        self.vector
            .zip(other.vector)
            .and_then(|(a, b)| cosine(a, b))
            .unwrap_or_else(|| {
                let shared = self.words.intersection(&other.words).count() as f64;
                let sizes = (self.words.len() * other.words.len()) as f64;
                if sizes > 0.0 {
                    shared / sizes.sqrt()
                } else {
                    0.0
                }
            })
    }
}

/// The cosine, when both vectors have the same length and a direction; below zero counts as zero.
fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter()
            .zip(y)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = dot(a, b) / norm;
    cosine.is_finite().then(|| cosine.clamp(0.0, 1.0))
}

/// Two to four quotes, say, of `reports`: at most one a report, none said twice. Below `min`,
/// quotes that resemble one another are accepted when no other is left; there are fewer when the
/// notes do not say more.
/// `lexicon` holds the words a quote should rather contain, `already` the quotes it should rather
/// not repeat; those chosen are added to it.
pub(crate) fn choose(
    reports: &[&Report],
    lexicon: Option<&Lexicon>,
    already: &mut BTreeSet<(DocumentId, Span)>,
    min: u32,
    max: u32,
) -> Result<Vec<Sentence>, InsightError> {
    // The same share for each report, so that the end of a busy week is heard like its beginning.
    let share = (CANDIDATES_MAX / reports.len().max(1)).max(1);
    let candidates: Vec<Candidate<'_>> = reports
        .iter()
        .flat_map(|report| {
            report
                .sentences
                .iter()
                .map(|span| Candidate::new(report, *span, lexicon))
                // What is nothing but a mask says nothing.
                .filter(|c| c.length > 0)
                .take(share)
        })
        .collect();
    let relevance: Vec<f64> = candidates
        .iter()
        .map(|c| {
            let others = candidates
                .iter()
                .filter(|o| o.report.entry.document != c.report.entry.document);
            let (mut sum, mut n) = (0.0, 0.0);
            for other in others {
                sum += c.like(other);
                n += 1.0;
            }
            if n > 0.0 { sum / n } else { 0.0 }
        })
        .collect();

    let mut chosen: Vec<&Candidate<'_>> = Vec::new();
    while chosen.len() < max as usize {
        let mut best: Option<((bool, i64), &Candidate<'_>)> = None;
        for (candidate, relevance) in candidates.iter().zip(&relevance) {
            let taken = chosen.iter().any(|c| {
                c.report.entry.document == candidate.report.entry.document
                    || c.text == candidate.text
            });
            let alike = chosen.iter().map(|c| c.like(candidate)).fold(0.0, f64::max);
            let differs = alike <= ALIKE;
            if taken || (chosen.len() >= min as usize && !differs) {
                continue;
            }
            let mut score = LIKE_THE_THEME * relevance
                - LIKE_A_CHOSEN * alike
                - MASKED * candidate.masks as f64;
            score += FULL * candidate.length.min(FULL_WORDS) as f64 / FULL_WORDS as f64;
            if already.contains(&candidate.place()) {
                score -= QUOTED_ALREADY;
            }
            if candidate.named {
                score += NAMES_THE_THEME;
            }
            if candidate.length < SHORT_WORDS {
                score -= TOO_SHORT;
            }
            // Millionths, so that a tie is a tie; candidates come in order of (received, document,
            // start), and the first of equals stays.
            let score = (differs, (score * 1e6).round() as i64);
            if best.is_none_or(|(s, _)| score > s) {
                best = Some((score, candidate));
            }
        }
        match best {
            Some((_, candidate)) => chosen.push(candidate),
            None => break,
        }
    }
    already.extend(chosen.iter().map(|c| c.place()));
    chosen
        .into_iter()
        .map(|c| quote(c.report, c.span))
        .collect()
}

/// The sentence of a report that says most: the longest, first of equals.
pub(crate) fn fullest(report: &Report) -> Result<Option<Sentence>, InsightError> {
    let mut best: Option<Candidate<'_>> = None;
    for span in &report.sentences {
        let candidate = Candidate::new(report, *span, None);
        let longer = best.as_ref().is_none_or(|b| candidate.length > b.length);
        if candidate.length > 0 && longer {
            best = Some(candidate);
        }
    }
    best.map(|c| quote(report, c.span)).transpose()
}

/// The sentences of a report that hold one of `spans`, in order, at most `max`.
pub(crate) fn holding(
    report: &Report,
    spans: &[Span],
    max: u32,
) -> Result<Vec<Sentence>, InsightError> {
    report
        .sentences
        .iter()
        .filter(|sentence| spans.iter().any(|s| sentence.overlaps(*s)))
        .take(max as usize)
        .map(|sentence| quote(report, *sentence))
        .collect()
}

/// Quotes `span` of the report's note with every mask that lies in it.
pub(crate) fn quote(report: &Report, span: Span) -> Result<Sentence, InsightError> {
    let entry = &report.entry;
    Evidence::quote(
        entry.document,
        entry.text_version,
        &entry.text,
        span,
        &entry.masks,
    )
    .map(Sentence::Quote)
    .map_err(|source| InsightError::Quote {
        document: entry.document,
        source,
    })
}

/// A quote on one line.
pub(crate) fn line(evidence: &Evidence) -> String {
    collapse(&evidence.text)
}

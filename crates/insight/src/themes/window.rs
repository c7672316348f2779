//! The passages of a corpus as themes are learnt from them.

use domain::Span;

use super::{Member, Passage};
use crate::InsightError;
use crate::corpus::{Corpus, Report};
use crate::reading::Reading;
use crate::settings::SynthesisSettings;

/// Stands for what is masked: no word, so that no phrase runs across it.
const HIDDEN: char = '█';

/// Every passage of the notes of `corpus` that has something to say, with the team's own themes
/// that it says; where a note is one passage, those its report declares as well.
///
/// # Errors
/// When the settings cannot be used.
pub fn passages(
    corpus: &Corpus,
    settings: &SynthesisSettings,
) -> Result<Vec<Passage>, InsightError> {
    let reading = Reading::new(corpus, settings)?;
    let mut out = Vec::new();
    for report in reading.telling() {
        let alone = report.entry.passages.len() == 1;
        for (span, vector) in &report.entry.passages {
            out.push(Passage {
                member: Member {
                    document: report.entry.document,
                    span: *span,
                },
                week: report.week,
                text: shown(report, *span),
                vector: vector.clone(),
                seeds: reading.listed(report, *span, alone),
            });
        }
    }
    Ok(out)
}

/// What a passage says, without what is masked.
fn shown(report: &Report, span: Span) -> String {
    let text = &report.entry.text;
    let (mut at, end) = (span.start as usize, (span.end as usize).min(text.len()));
    let mut out = String::new();
    // Masks are in order, apart, and on whole characters.
    for mask in report
        .entry
        .masks
        .iter()
        .filter(|m| m.span().overlaps(span))
    {
        let (from, to) = (mask.start as usize, mask.end as usize);
        out.push_str(text.get(at..from.max(at)).unwrap_or_default());
        out.push(HIDDEN);
        at = to.min(end);
    }
    out.push_str(text.get(at..end).unwrap_or_default());
    out
}

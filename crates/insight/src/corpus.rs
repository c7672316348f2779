//! The reports of a week and of the weeks before, in one order, with what is read of each once:
//! its week, its words, its sentences.

use std::collections::{BTreeMap, BTreeSet};

use domain::audience::{Audience, Clue, clues_in};
use domain::sentence::{Mask, MaskKind};
use domain::sentences::sentences;
use domain::synthesis::Period;
use domain::text::fold;
use domain::time::Zone;
use domain::{ArtifactName, DocumentId, FieldReport, IsoWeek, PipelineName, Span, Timestamp};

use crate::InsightError;
use crate::settings::SynthesisSettings;
use crate::themes::{Known, Themes};
use crate::urgency::Nearest;
use crate::words::{Token, tokens};

/// A quote longer than this many characters would not fit its page.
const QUOTE_CHARS_MAX: usize = 280;

/// One field report as the other stages left it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The document.
    pub document: DocumentId,
    /// When it was received: decides its week.
    pub received_at: Timestamp,
    /// The artifact that holds `text`.
    pub text_version: ArtifactName,
    /// The note, as stored; blank when there is none.
    pub text: String,
    /// What is declared beside the note.
    pub report: FieldReport,
    /// What must be masked when it is quoted, over the whole text.
    pub masks: Vec<Mask>,
    /// What describes somebody in it without naming them.
    pub clues: Vec<Clue>,
    /// Passages of the text with their vectors (any length, the same for all of a corpus); may be
    /// empty.
    pub passages: Vec<(Span, Vec<f32>)>,
}

/// The reports of a period and of the weeks before it.
#[derive(Clone, Debug)]
pub struct Corpus {
    pipeline: PipelineName,
    period: Period,
    first_week: IsoWeek,
    audience: Audience,
    reports: Vec<Report>,
    /// What of the period's notes is most like examples, once compared.
    nearest: BTreeMap<DocumentId, Nearest>,
    known: Known,
}

/// One report with what was read of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) entry: Entry,
    pub(crate) week: IsoWeek,
    /// The week it is about, when its date can be read.
    pub(crate) about: Option<IsoWeek>,
    /// What people know it by, unique in the corpus.
    pub(crate) name: String,
    pub(crate) tokens: Vec<Token>,
    /// The sentences that may be quoted.
    pub(crate) sentences: Vec<Span>,
    /// Sentences that may not, for this audience: they describe somebody.
    pub(crate) withheld: u32,
}

impl Corpus {
    /// The reports of `week` and of the weeks before, whatever the order of `entries`. What was
    /// received after the week is left out, and a document given twice counts once: a synthesis
    /// of a past week is not changed by what came later.
    ///
    /// # Errors
    /// When the week has no bounds in the calendar, or a text is longer than 4 GiB.
    pub fn new(
        pipeline: PipelineName,
        week: IsoWeek,
        zone: &Zone,
        zone_name: &str,
        mut entries: Vec<Entry>,
    ) -> Result<Self, InsightError> {
        let (start, end) = week.bounds(zone).ok_or_else(|| InsightError::Week {
            week,
            zone: zone_name.to_owned(),
        })?;
        entries.sort_by(|a, b| {
            (a.received_at, a.document, a.text_version).cmp(&(
                b.received_at,
                b.document,
                b.text_version,
            ))
        });
        let mut seen = BTreeSet::new();
        entries.retain(|e| e.received_at < end && seen.insert(e.document));

        let mut bearers: BTreeMap<String, usize> = BTreeMap::new();
        for entry in &entries {
            *bearers.entry(plain_name(entry)).or_default() += 1;
        }
        let reports = entries
            .into_iter()
            .map(|entry| {
                let plain = plain_name(&entry);
                let name = if bearers.get(&plain).is_some_and(|n| *n > 1) {
                    format!("{plain} ({})", entry.document.short())
                } else {
                    plain
                };
                Report::new(entry, name, zone)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            pipeline,
            period: Period {
                week,
                start,
                end,
                time_zone: zone_name.to_owned(),
            },
            first_week: reports.first().map_or(week, |r| r.week),
            audience: Audience::Team,
            reports,
            nearest: BTreeMap::new(),
            known: Known::default(),
        })
    }

    /// Takes up the themes of its week, as they were learnt and as people decided: reports belong to
    /// the learnt ones whose passages they have, and those of the list bear the names people gave.
    #[must_use]
    pub fn with_themes(mut self, themes: &Themes, settings: &SynthesisSettings) -> Self {
        let listed = settings.themes.iter().map(|theme| key(&theme.name));
        let tags = self.reports.iter().flat_map(|r| &r.entry.report.themes);
        let taken = listed.chain(tags.map(|tag| key(tag))).collect();
        self.known = Known::of(themes, &taken);
        self
    }

    pub(crate) const fn known(&self) -> &Known {
        &self.known
    }

    /// The same reports for an audience. Others than the team are not shown sentences with clues of
    /// more than `clues_max` kinds that no mask hides: they are withheld, and counted.
    #[must_use]
    pub fn for_audience(mut self, audience: Audience, clues_max: u32) -> Self {
        self.audience = audience;
        if !audience.is_team() {
            for report in &mut self.reports {
                report.withhold(clues_max);
            }
        }
        self
    }

    /// For whom they are read.
    pub const fn audience(&self) -> Audience {
        self.audience
    }

    /// The pipeline the reports came through.
    pub const fn pipeline(&self) -> &PipelineName {
        &self.pipeline
    }

    /// The period spoken of.
    pub const fn period(&self) -> &Period {
        &self.period
    }

    /// The documents of the period, in the order they were received.
    pub fn documents(&self) -> impl Iterator<Item = DocumentId> + '_ {
        self.reports
            .iter()
            .filter(|r| r.week == self.period.week)
            .map(|r| r.entry.document)
    }

    /// Every report, in the order (received, document).
    pub(crate) fn reports(&self) -> &[Report] {
        &self.reports
    }

    pub(crate) fn report(&self, document: DocumentId) -> Option<&Report> {
        self.reports.iter().find(|r| r.entry.document == document)
    }

    /// What of a note is most like the examples, once [`compare`](Self::compare) was asked.
    pub fn nearest(&self, document: DocumentId) -> Option<&Nearest> {
        self.nearest.get(&document)
    }

    pub(crate) fn set_nearest(&mut self, nearest: BTreeMap<DocumentId, Nearest>) {
        self.nearest = nearest;
    }

    pub(crate) fn is_current(&self, report: &Report) -> bool {
        report.week == self.period.week
    }

    /// At most `most` weeks before the period that the corpus reaches back to, oldest first, and
    /// the period's week last. A week in which nothing was received is a week of zeros; weeks
    /// before the first report of all are not counted, since nobody was reporting yet.
    pub(crate) fn weeks(&self, most: u32) -> Vec<IsoWeek> {
        let current = self.period.week;
        let mut weeks: Vec<IsoWeek> = (1..=i64::from(most))
            .map(|n| current.plus(-n))
            .take_while(|week| *week >= self.first_week)
            .collect();
        weeks.reverse();
        weeks.push(current);
        weeks
    }
}

impl Report {
    fn new(mut entry: Entry, name: String, zone: &Zone) -> Result<Self, InsightError> {
        if u32::try_from(entry.text.len()).is_err() {
            return Err(InsightError::TextTooLong {
                document: entry.document,
                bytes: entry.text.len(),
            });
        }
        entry.masks = settle(&entry.text, &entry.masks);
        let about = entry
            .report
            .date
            .as_deref()
            .and_then(|day| Timestamp::parse_in(day, zone).ok())
            .map(|moment| moment.week_in(zone));
        Ok(Self {
            week: entry.received_at.week_in(zone),
            about,
            name,
            withheld: 0,
            tokens: tokens(&entry.text),
            sentences: sentences(&entry.text, &entry.masks, QUOTE_CHARS_MAX),
            entry,
        })
    }

    fn withhold(&mut self, clues_max: u32) {
        let all = self.sentences.len();
        let clues = self.shown_clues();
        self.sentences
            .retain(|sentence| clues_in(&clues, *sentence) <= clues_max);
        self.withheld = (all - self.sentences.len()) as u32;
    }

    /// The clues that no mask hides.
    pub(crate) fn shown_clues(&self) -> Vec<Clue> {
        let hidden = |clue: &Clue| {
            let mut masks = self.entry.masks.iter();
            masks.any(|mask| mask.span().contains(clue.span()))
        };
        let clues = self.entry.clues.iter().copied();
        clues.filter(|clue| !hidden(clue)).collect()
    }

    pub(crate) fn has_note(&self) -> bool {
        !self.tokens.is_empty()
    }

    pub(crate) fn team(&self) -> Option<&str> {
        said(&self.entry.report.team)
    }

    pub(crate) fn place(&self) -> Option<&str> {
        said(&self.entry.report.place)
    }

    /// The place for comparing: "Les Tilleuls" and "les tilleuls" are one.
    pub(crate) fn place_key(&self) -> Option<String> {
        self.place().map(key)
    }

    /// Whether a part of `span` names somebody. A street or an age hidden from some audiences is none:
    /// what reports are about does not depend on who reads them.
    pub(crate) fn is_name(&self, span: Span) -> bool {
        self.entry.masks.iter().any(|mask| {
            let place = matches!(
                mask.kind,
                MaskKind::Place | MaskKind::Address | MaskKind::Age
            );
            !place && mask.span().overlaps(span)
        })
    }

    /// Whether a mask hides a part of `span`.
    pub(crate) fn mask_over(&self, span: Span) -> Option<&Mask> {
        self.entry.masks.iter().find(|m| m.span().overlaps(span))
    }
}

/// A name for comparing: case, accents, spaces, hyphens and underscores folded.
pub fn key(name: &str) -> String {
    fold(name)
        .split(|c: char| c.is_whitespace() || matches!(c, '_' | '-'))
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn said(field: &Option<String>) -> Option<&str> {
    field.as_deref().map(str::trim).filter(|v| !v.is_empty())
}

fn plain_name(entry: &Entry) -> String {
    said(&entry.report.id).map_or_else(|| entry.document.short(), str::to_owned)
}

/// Masks in order, within the text, on whole characters, overlapping ones joined: a mask is only
/// ever made larger, so that nothing it hides is shown.
fn settle(text: &str, masks: &[Mask]) -> Vec<Mask> {
    let mut sorted = masks.to_vec();
    sorted.sort();
    let mut out: Vec<Mask> = Vec::with_capacity(sorted.len());
    for mut mask in sorted {
        // The text's length was checked to fit 32 bits.
        mask.start = text.floor_char_boundary(mask.start as usize) as u32;
        mask.end = text.ceil_char_boundary((mask.end as usize).min(text.len())) as u32;
        if mask.start >= mask.end {
            continue;
        }
        match out.last_mut() {
            Some(last) if mask.start < last.end => last.end = last.end.max(mask.end),
            _ => out.push(mask),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_only_grow() {
        let mask = Mask::new;
        // "é" is bytes 0..2.
        let settled = settle(
            "été à Bry",
            &[
                mask(7, 99, MaskKind::Name),
                mask(1, 3, MaskKind::Phone),
                mask(2, 4, MaskKind::Name),
                mask(5, 5, MaskKind::Name),
            ],
        );
        assert_eq!(
            settled,
            [mask(0, 5, MaskKind::Phone), mask(6, 12, MaskKind::Name)]
        );
    }

    #[test]
    fn names_are_compared_without_case_accents_nor_joints() {
        assert_eq!(key(" Santé_sociale "), "sante sociale");
        assert_eq!(key("Les  Tilleuls"), key("les-tilleuls"));
    }
}

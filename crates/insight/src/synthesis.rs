//! What the field said in a week: figures first, then themes with their trend and quotes, then the
//! voices no theme covers, then what is missing.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use domain::sentence::Value;
use domain::synthesis::{SynthesisFormat, ThemeSection, Trend};
use domain::{AlertKind, AlertSet, Audience, DocumentId, Sentence, Span, Synthesis};

use crate::InsightError;
use crate::corpus::{Corpus, Report};
use crate::quotes::{choose, fullest};
use crate::reading::{Reading, Series};
use crate::settings::SynthesisSettings;

/// Writes the synthesis of the period.
///
/// # Errors
/// When the settings cannot be used, or the alerts are of another pipeline or period.
pub fn synthesise(
    corpus: &Corpus,
    settings: &SynthesisSettings,
    alerts: &AlertSet,
) -> Result<Synthesis, InsightError> {
    if alerts.pipeline != *corpus.pipeline() || alerts.period != *corpus.period() {
        return Err(InsightError::OtherPeriod {
            pipeline: alerts.pipeline.to_string(),
            week: alerts.period.week,
        });
    }
    let reading = Reading::new(corpus, settings)?;
    let mut headline = Vec::new();
    headline.extend(reading.say("reports-received", &[])?);
    headline.extend(reading.say("reports-before", &[])?);
    for name in ["people-met", "time-spent", "nothing-to-report"] {
        headline.extend(unless_zero(reading.say(name, &[])?));
    }

    let mut current: Vec<(&str, &Series)> = reading
        .themes()
        .filter(|(name, series)| series.observed() > 0 && !corpus.known().is_hidden(name))
        // The very title of a learnt theme is what few people wrote.
        .filter(|(name, series)| {
            let is_small = reading.small_cell().is_some() && reading.is_small(series);
            !(is_small && corpus.known().id(name).is_some_and(|(_, learnt)| learnt))
        })
        .collect();
    current.sort_by_key(|(name, series)| {
        // The order would tell the counts that are not said.
        let shown = match reading.is_small(series) {
            true => 0,
            false => series.observed(),
        };
        (Reverse(shown), *name)
    });
    let mut quoted = BTreeSet::new();
    let themes = current
        .into_iter()
        .map(|(name, series)| section(&reading, name, series, &mut quoted))
        .collect::<Result<_, _>>()?;

    // What is already quoted above, as an alert on that report, need not be read twice.
    let alerted: BTreeSet<DocumentId> = alerts
        .alerts
        .iter()
        .filter(|a| matches!(a.kind, AlertKind::ChildInDanger | AlertKind::Urgent))
        .filter_map(|a| match &a.statement {
            Sentence::Counted(c) => Some(c.documents()),
            Sentence::Quote(_) => None,
        })
        .flatten()
        .copied()
        .collect();
    let uncovered: Vec<&Report> = reading
        .uncovered()
        .filter(|r| !alerted.contains(&r.entry.document))
        .collect();
    let uncovered = reading.quotable_alone(uncovered);
    let follow_ups: Vec<&Report> = reading.follow_ups().collect();
    let follow_ups = reading.quotable_alone(follow_ups);
    let mut done_since = Vec::new();
    done_since.extend(unless_zero(reading.say("follow-up", &[])?));
    done_since.extend(voices(&follow_ups, settings.follow_ups_max)?);

    let mut missing = Vec::new();
    for team in reading.teams() {
        missing.extend(reading.say("team-silent", &[("team", &team)])?);
    }
    for name in ["uncovered", "late", "quotes-withheld"] {
        missing.extend(unless_zero(reading.say(name, &[])?));
    }
    if let Some(limit) = reading.small_cell() {
        let limit = limit.to_string();
        let cells = reading.say("small-cells", &[("limit", &limit)])?;
        missing.extend(
            cells.filter(|said| matches!(said, Sentence::Counted(c) if !c.documents().is_empty())),
        );
        missing.extend(reading.say("alerts-elsewhere", &[])?);
    }
    Ok(Synthesis {
        format: SynthesisFormat::V1,
        pipeline: corpus.pipeline().clone(),
        period: corpus.period().clone(),
        audience: corpus.audience(),
        headline,
        alerts: match corpus.audience() {
            Audience::Team | Audience::Hierarchy => alerts.alerts.iter().map(|a| a.id).collect(),
            // They are about single reports, and go to people who are named.
            Audience::Partners => Vec::new(),
        },
        themes,
        lone_voices: voices(&uncovered, settings.lone_voices_max)?,
        done_since,
        missing,
    })
}

fn section(
    reading: &Reading<'_>,
    theme: &str,
    series: &Series,
    quoted: &mut BTreeSet<(DocumentId, Span)>,
) -> Result<ThemeSection, InsightError> {
    let about = [("theme", theme)];
    if let Some(limit) = reading.small_cell().filter(|_| reading.is_small(series)) {
        let limit = limit.to_string();
        let said = reading.say("theme-small", &[("limit", &limit), ("theme", theme)])?;
        return Ok(ThemeSection {
            theme: theme.to_owned(),
            id: None,
            learnt: false,
            trend: Trend::TooFew,
            counts: reading.shown_counts(series),
            figures: said.into_iter().collect(),
            quotes: Vec::new(),
        });
    }
    let counts = reading.shown_counts(series);
    let mut figures = Vec::new();
    figures.extend(reading.say("theme-size", &about)?);
    if counts.len() == series.counts.len() {
        figures.extend(reading.say("theme-history", &about)?);
    }
    figures.extend(match series.verdict.trend {
        Trend::New => reading.say("theme-new", &about)?,
        Trend::Rising => reading.say("theme-rose", &about)?,
        Trend::TooFew => reading.say("theme-too-small", &about)?,
        Trend::Steady => None,
    });
    let reports = reading.quotable_about(theme);
    let known = reading.corpus.known().id(theme);
    Ok(ThemeSection {
        theme: theme.to_owned(),
        id: known.map(|(id, _)| id.to_string()),
        learnt: known.is_some_and(|(_, learnt)| learnt),
        trend: series.verdict.trend,
        counts,
        figures,
        quotes: choose(
            &reports,
            reading.words_of(theme),
            quoted,
            reading.settings.quotes_min,
            reading.settings.quotes_max,
        )?,
    })
}

/// The fullest sentence of each report that has a note, in the order received.
fn voices(reports: &[&Report], most: u32) -> Result<Vec<Sentence>, InsightError> {
    let mut out = Vec::new();
    for report in reports {
        if out.len() >= most as usize {
            break;
        }
        out.extend(fullest(report)?);
    }
    Ok(out)
}

/// A figure of which there is something to say.
fn unless_zero(sentence: Option<Sentence>) -> Option<Sentence> {
    sentence.filter(|s| match s {
        Sentence::Counted(c) => c.values().values().any(|v| !matches!(v, Value::Count(0))),
        Sentence::Quote(_) => true,
    })
}

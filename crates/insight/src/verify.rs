//! Re-reads every quote in its text and re-runs every figure's query.

use std::fmt;

use domain::audience::{Audience, clues_in};
use domain::sentence::{Counted, EvidenceError, Template};
use domain::synthesis::{Period, Trend};
use domain::{AlertSet, ArtifactName, DocumentId, Evidence, PipelineName, Sentence, Synthesis};

use crate::InsightError;
use crate::corpus::{Corpus, Report};
use crate::query::{Answer, template_of};
use crate::reading::Reading;
use crate::settings::SynthesisSettings;

/// Something a synthesis says that its reports do not bear out.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Where it says it: `themes[2].quotes[0]`.
    pub at: String,
    /// What is wrong.
    pub cause: Cause,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.cause)
    }
}

/// What is wrong with a sentence.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Cause {
    /// The settings cannot be used, so nothing could be verified.
    #[error("nothing could be verified: {0}")]
    Settings(InsightError),
    /// It is about another pipeline or period than the reports.
    #[error("it is about another pipeline or period than the reports")]
    OtherPeriod,
    /// A quote of a document that is not among those it may quote.
    #[error("{0} is not a report of this theme and period")]
    OtherDocument(DocumentId),
    /// A quote of another version of the text.
    #[error("it quotes {quoted}, the text is {text}")]
    OtherText {
        /// The version quoted.
        quoted: ArtifactName,
        /// The version of the corpus.
        text: ArtifactName,
    },
    /// A quote that the text does not bear out.
    #[error("{0}")]
    Quote(EvidenceError),
    /// A quote that shows what must be masked, or masks what need not be.
    #[error("its masks are not those of the text")]
    Masks,
    /// A quote that describes somebody, for an audience that may not read it.
    #[error("it shows {0} kinds of clues to whom it describes")]
    Describes(u32),
    /// A count that this audience may not read.
    #[error("it says a count of fewer than {0} reports")]
    SmallCell(u32),
    /// A synthesis for another audience than the reports were masked for.
    #[error("it is for another audience")]
    OtherAudience,
    /// Alerts in a version that gives none, or none in one that does.
    #[error("its alerts are not those of its audience")]
    Alerts,
    /// A query of another name than its template, or of none.
    #[error("query `{query}` does not fill template {template:?}")]
    OtherQuery {
        /// The query's name.
        query: String,
        /// The template.
        template: Template,
    },
    /// A query whose answer is that it is not so.
    #[error("query `{0}` has no answer: it is not so")]
    NotSo(String),
    /// A query that answers something else.
    #[error("query `{query}` answers {answer:?}, not what is said")]
    OtherAnswer {
        /// The query's name.
        query: String,
        /// What it answers.
        answer: Answer,
    },
    /// A figure of another theme than the section it stands in.
    #[error("it is a figure of another theme")]
    OtherTheme,
    /// Counts of weeks that are not the theme's.
    #[error("the theme's weeks are {0:?}")]
    Counts(Vec<u32>),
    /// A trend that is not the theme's.
    #[error("the theme's trend is {0:?}")]
    Trend(Trend),
    /// A theme with no report in the period.
    #[error("no report of the period is about this theme")]
    NoSuchTheme,
}

impl Cause {
    /// Whether what is quoted is not what the text says, whatever is masked or counted today.
    pub const fn is_of_the_text(&self) -> bool {
        matches!(self, Self::Quote(_) | Self::OtherText { .. })
    }
}

/// Verifies a synthesis against the reports it was written from. No finding: every quote is in its
/// text, with its masks, and every figure is what its query answers today.
pub fn verify(
    synthesis: &Synthesis,
    corpus: &Corpus,
    settings: &SynthesisSettings,
) -> Vec<Finding> {
    let reading = match start(corpus, settings, &synthesis.pipeline, &synthesis.period) {
        Ok(reading) => reading,
        Err(finding) => return vec![finding],
    };
    let mut check = Check {
        reading: &reading,
        findings: Vec::new(),
    };
    if synthesis.audience != corpus.audience() {
        check.find("audience", Cause::OtherAudience);
        return check.findings;
    }
    if reading.small_cell().is_some() && !synthesis.alerts.is_empty() {
        check.find("alerts", Cause::Alerts);
    }
    let uncovered = reading.quotable_alone(reading.uncovered().collect());
    let follow_ups = reading.quotable_alone(reading.follow_ups().collect());
    check.list("headline", &synthesis.headline, None, &[]);
    for (i, section) in synthesis.themes.iter().enumerate() {
        let at = format!("themes[{i}]");
        let theme = section.theme.as_str();
        match reading.theme(theme).filter(|s| s.observed() > 0) {
            None => check.find(&at, Cause::NoSuchTheme),
            Some(series) => {
                let counts = reading.shown_counts(series);
                if counts != section.counts {
                    check.find(&at, Cause::Counts(counts));
                }
                let small = reading.small_cell().filter(|_| reading.is_small(series));
                let trend = match small {
                    Some(_) => Trend::TooFew,
                    None => series.verdict.trend,
                };
                if trend != section.trend {
                    check.find(&at, Cause::Trend(trend));
                }
                let counted = |s: &Sentence| matches!(s, Sentence::Counted(c) if c.template() != Template::ThemeSmall);
                if let Some(limit) = small
                    && section.figures.iter().any(counted)
                {
                    check.find(&at, Cause::SmallCell(limit));
                }
            }
        }
        let about = reading.quotable_about(theme);
        check.list(
            &format!("{at}.figures"),
            &section.figures,
            Some(theme),
            &about,
        );
        check.list(
            &format!("{at}.quotes"),
            &section.quotes,
            Some(theme),
            &about,
        );
    }
    check.list("lone_voices", &synthesis.lone_voices, None, &uncovered);
    check.list("done_since", &synthesis.done_since, None, &follow_ups);
    check.list("missing", &synthesis.missing, None, &[]);
    check.findings
}

/// Verifies the statement and the evidence of every alert.
pub fn verify_alerts(
    alerts: &AlertSet,
    corpus: &Corpus,
    settings: &SynthesisSettings,
) -> Vec<Finding> {
    let reading = match start(corpus, settings, &alerts.pipeline, &alerts.period) {
        Ok(reading) => reading,
        Err(finding) => return vec![finding],
    };
    let mut check = Check {
        reading: &reading,
        findings: Vec::new(),
    };
    for (i, alert) in alerts.alerts.iter().enumerate() {
        // An alert quotes only what its own statement counted.
        let counted: Vec<&Report> = match &alert.statement {
            Sentence::Counted(c) => c
                .documents()
                .iter()
                .filter_map(|d| corpus.report(*d))
                .collect(),
            Sentence::Quote(_) => Vec::new(),
        };
        check.sentence(
            &format!("alerts[{i}].statement"),
            &alert.statement,
            None,
            &[],
        );
        check.list(
            &format!("alerts[{i}].evidence"),
            &alert.evidence,
            None,
            &counted,
        );
    }
    check.findings
}

fn start<'a>(
    corpus: &'a Corpus,
    settings: &'a SynthesisSettings,
    pipeline: &PipelineName,
    period: &Period,
) -> Result<Reading<'a>, Finding> {
    let finding = |at: &str, cause| Finding {
        at: at.to_owned(),
        cause,
    };
    if pipeline != corpus.pipeline() || period != corpus.period() {
        return Err(finding("period", Cause::OtherPeriod));
    }
    Reading::new(corpus, settings).map_err(|e| finding("settings", Cause::Settings(e)))
}

struct Check<'a> {
    reading: &'a Reading<'a>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn find(&mut self, at: &str, cause: Cause) {
        self.findings.push(Finding {
            at: at.to_owned(),
            cause,
        });
    }

    fn list(
        &mut self,
        at: &str,
        sentences: &[Sentence],
        theme: Option<&str>,
        quotable: &[&Report],
    ) {
        for (i, sentence) in sentences.iter().enumerate() {
            self.sentence(&format!("{at}[{i}]"), sentence, theme, quotable);
        }
    }

    /// `quotable` are the reports that may be quoted there.
    fn sentence(
        &mut self,
        at: &str,
        sentence: &Sentence,
        theme: Option<&str>,
        quotable: &[&Report],
    ) {
        let checked = match sentence {
            Sentence::Quote(evidence) => {
                quoted(evidence, quotable).and_then(|()| match self.reading.corpus.audience() {
                    Audience::Team => Ok(()),
                    Audience::Hierarchy | Audience::Partners => self.undescribed(evidence),
                })
            }
            Sentence::Counted(counted) => self.counted(counted, theme),
        };
        if let Err(cause) = checked {
            self.find(at, cause);
        }
    }

    /// Whether a quote shows no more kinds of clues than it may.
    fn undescribed(&self, evidence: &Evidence) -> Result<(), Cause> {
        let report = self.reading.corpus.report(evidence.document);
        let kinds = report.map_or(0, |r| clues_in(&r.shown_clues(), evidence.span()));
        if kinds > self.reading.settings.audiences.clues_max {
            return Err(Cause::Describes(kinds));
        }
        Ok(())
    }

    fn counted(&self, counted: &Counted, theme: Option<&str>) -> Result<(), Cause> {
        let query = counted.query();
        if template_of(&query.name) != Some(counted.template()) {
            return Err(Cause::OtherQuery {
                query: query.name.clone(),
                template: counted.template(),
            });
        }
        if theme.is_some_and(|t| query.parameters.get("theme").is_none_or(|p| p != t)) {
            return Err(Cause::OtherTheme);
        }
        let answer = self
            .reading
            .answer(query)
            .ok_or_else(|| Cause::NotSo(query.name.clone()))?;
        if answer.0 == *counted.values() && answer.1 == counted.documents() {
            Ok(())
        } else {
            Err(Cause::OtherAnswer {
                query: query.name.clone(),
                answer,
            })
        }
    }
}

fn quoted(evidence: &Evidence, quotable: &[&Report]) -> Result<(), Cause> {
    let report = quotable
        .iter()
        .find(|r| r.entry.document == evidence.document)
        .ok_or(Cause::OtherDocument(evidence.document))?;
    let entry = &report.entry;
    if entry.text_version != evidence.text_version {
        return Err(Cause::OtherText {
            quoted: evidence.text_version,
            text: entry.text_version,
        });
    }
    evidence.verify(&entry.text).map_err(Cause::Quote)?;
    let masks = entry
        .masks
        .iter()
        .filter(|m| m.span().overlaps(evidence.span()));
    if masks.eq(&evidence.masks) {
        Ok(())
    } else {
        Err(Cause::Masks)
    }
}

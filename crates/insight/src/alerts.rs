//! What someone must see: a child in danger, an urgent report, a watched theme, mentions repeated
//! at one place, a theme that rises or is new.
//!
//! A report with urgent words is an alert whatever else it says, also one that begins with "RAS";
//! a report without a note is one by what it declares.

use std::collections::{BTreeMap, BTreeSet};

use domain::alert::AlertSetFormat;
use domain::report::Urgency;
use domain::synthesis::Trend;
use domain::{Alert, AlertId, AlertKind, AlertSet, Sentence, Span};

use crate::InsightError;
use crate::corpus::{Corpus, Report};
use crate::quotes::{choose, fullest, holding};
use crate::reading::{Part, Reading, Series};
use crate::settings::{AlertSettings, SynthesisSettings};
use crate::signals::Look;
use crate::words::{Found, Lexicon, found};

/// The alerts of the period, most pressing first, at most one for each kind, subject and place.
///
/// `id` names an alert from its kind (`urgent`), what it is about and where it belongs: for a
/// report, `report` and the document's identifier; for a theme, its name (and for repeated
/// mentions a line feed and the folded name of the place) and the week. It must answer the same
/// for the same three.
///
/// # Errors
/// When the settings cannot be used.
pub fn alerts(
    corpus: &Corpus,
    themes: &SynthesisSettings,
    settings: &AlertSettings,
    id: &dyn Fn(&str, &str, &str) -> AlertId,
) -> Result<AlertSet, InsightError> {
    settings.check(themes)?;
    let reading = Reading::new(corpus, themes)?;
    let mut writer = Writer {
        urgent: Lexicon::new("urgent_words", &settings.urgent_words)?,
        child: Lexicon::new("child_words", &settings.child_words)?,
        reading: &reading,
        settings,
        id,
        alerts: Vec::new(),
    };
    for report in reading.current() {
        writer.child_in_danger(report)?;
        writer.urgent(report)?;
    }
    writer.watched()?;
    writer.repeated()?;
    writer.trends()?;

    let mut ranked = writer.alerts;
    ranked.sort_by(|(a, x), (b, y)| {
        (x.kind, a, x.since, &x.about, &x.place).cmp(&(y.kind, b, y.since, &y.about, &y.place))
    });
    let mut seen = BTreeSet::new();
    Ok(AlertSet {
        format: AlertSetFormat::V1,
        pipeline: corpus.pipeline().clone(),
        period: corpus.period().clone(),
        alerts: ranked
            .into_iter()
            .map(|(_, alert)| alert)
            .filter(|a| seen.insert(a.id))
            .collect(),
    })
}

/// How pressing an alert is among those of its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    First,
    Second,
    Third,
}

struct Writer<'a> {
    reading: &'a Reading<'a>,
    settings: &'a AlertSettings,
    urgent: Lexicon,
    child: Lexicon,
    id: &'a dyn Fn(&str, &str, &str) -> AlertId,
    alerts: Vec<(Rank, Alert)>,
}

impl Writer<'_> {
    fn child_in_danger(&mut self, report: &Report) -> Result<(), InsightError> {
        let words = found(report, &self.child, 0);
        if words.is_empty() {
            return Ok(());
        }
        let statement = self.reading.say(
            "child-in-danger",
            &[
                ("document", &report.entry.document.to_string()),
                ("words", &written(&words)),
            ],
        )?;
        let basis = "Lexique « enfant en danger », dans la note ou déclaré ; une expression n’est \
                     écartée que si une négation (« pas de », « aucun », « sans », « ni ») la \
                     précède immédiatement."
            .to_owned();
        self.about_report(
            AlertKind::ChildInDanger,
            Rank::First,
            report,
            statement,
            &words,
            basis,
        )
    }

    fn urgent(&mut self, report: &Report) -> Result<(), InsightError> {
        let words = found(report, &self.urgent, self.settings.denial_words);
        let urgency = report.entry.report.urgency;
        let declared = urgency != Urgency::No && self.settings.declared.contains(&urgency);
        let document = report.entry.document.to_string();
        let denial = self.settings.denial_words.to_string();
        let by_words = format!(
            "lexique d’urgence, dans la note ou déclaré (mots : {}) ; un mot est écarté si une \
             négation (« pas de », « aucun », « sans », « ni ») le précède dans la même \
             proposition, à {denial} mots près",
            written(&words)
        );
        // What its author declares comes before what its words suggest, and both before "to see".
        let (rank, statement, basis) = if declared && urgency == Urgency::Immediate {
            let also = if words.is_empty() {
                String::new()
            } else {
                format!(" Aussi : {by_words}.")
            };
            (
                Rank::First,
                self.reading
                    .say("urgent-field", &[("document", &document)])?,
                format!("Urgence « immédiat » déclarée par l’auteur de la remontée.{also}"),
            )
        } else if !words.is_empty() {
            (
                Rank::Second,
                self.reading.say(
                    "urgent-words",
                    &[
                        ("denial", &denial),
                        ("document", &document),
                        ("words", &written(&words)),
                    ],
                )?,
                format!("Règle : {by_words}."),
            )
        } else if declared {
            (
                Rank::Third,
                self.reading
                    .say("urgent-field", &[("document", &document)])?,
                "Urgence « à voir » déclarée par l’auteur de la remontée.".to_owned(),
            )
        } else {
            return Ok(());
        };
        self.about_report(AlertKind::Urgent, rank, report, statement, &words, basis)
    }

    fn about_report(
        &mut self,
        kind: AlertKind,
        rank: Rank,
        report: &Report,
        statement: Option<Sentence>,
        words: &[Found],
        basis: String,
    ) -> Result<(), InsightError> {
        let Some(statement) = statement else {
            return Ok(());
        };
        let spans: Vec<Span> = words.iter().filter_map(|w| w.span).collect();
        let mut evidence = holding(report, &spans, self.settings.evidence_max)?;
        if evidence.is_empty() && self.settings.evidence_max > 0 {
            evidence.extend(fullest(report)?);
        }
        let id = (self.id)(slug(kind), "report", &report.entry.document.to_string());
        self.alerts.push((
            rank,
            Alert {
                id,
                kind,
                about: report.name.clone(),
                place: report.place().map(str::to_owned),
                since: report.entry.received_at,
                statement,
                evidence,
                basis,
                recipient: self.settings.recipient_of(kind).map(str::to_owned),
            },
        ));
        Ok(())
    }

    fn watched(&mut self) -> Result<(), InsightError> {
        for watched in &self.settings.watched {
            let statement = self.reading.say(
                "watched-theme",
                &[
                    ("theme", &watched.theme),
                    ("threshold", &watched.threshold.to_string()),
                ],
            )?;
            let reports: Vec<&Report> = self.reading.current_about(&watched.theme).collect();
            let basis = format!(
                "Thème surveillé : alerte à partir de {} remontée(s) dans la semaine.",
                watched.threshold
            );
            self.about_theme(
                AlertKind::WatchedTheme,
                &watched.theme,
                None,
                &reports,
                statement,
                basis,
            )?;
        }
        Ok(())
    }

    fn repeated(&mut self) -> Result<(), InsightError> {
        let Some(rule) = &self.settings.repeated else {
            return Ok(());
        };
        for (theme, _) in self.reading.themes() {
            if rule.except.iter().any(|t| t == theme) {
                continue;
            }
            let places: BTreeSet<String> = self
                .reading
                .current_about(theme)
                .filter_map(Report::place_key)
                .collect();
            for place in places {
                let run = self.reading.repeated(theme, &place, rule.days);
                let shown = run.last().and_then(|r| r.place());
                let (Some(shown), true) = (shown, run.len() >= rule.mentions as usize) else {
                    continue;
                };
                let statement = self.reading.say(
                    "repeated-mentions",
                    &[
                        ("days", &rule.days.to_string()),
                        ("place", shown),
                        ("theme", theme),
                    ],
                )?;
                let basis = format!(
                    "Mentions répétées : au moins {} remontées du même thème au même lieu, reçues \
                     en {} jours, dont une au moins cette semaine.",
                    rule.mentions, rule.days
                );
                self.about_theme(
                    AlertKind::RepeatedMentions,
                    theme,
                    Some((shown, &place)),
                    &run,
                    statement,
                    basis,
                )?;
            }
        }
        Ok(())
    }

    fn trends(&mut self) -> Result<(), InsightError> {
        for (theme, series) in self.reading.themes() {
            let (kind, query, basis) = match series.verdict.trend {
                Trend::Rising if self.settings.rising => {
                    let basis = format!(
                        "{}{}",
                        self.basis_of_rise(series),
                        self.where_it_rises(theme)
                    );
                    (AlertKind::Rising, "theme-rose", basis)
                }
                Trend::New if self.settings.new_themes => {
                    let trend = &self.reading.settings.trend;
                    let basis = format!(
                        "Nouveau thème : absent de {} semaines d’historique (au moins {} exigées), \
                         et au moins {} remontées cette semaine. Règle, et non test : aucun taux \
                         de fausse alerte n’est promis.",
                        self.reading.judged_weeks(),
                        trend.min_weeks,
                        trend.new_reports,
                    );
                    (AlertKind::NewTheme, "theme-new", basis)
                }
                _ => {
                    self.parts(theme)?;
                    continue;
                }
            };
            let statement = self.reading.say(query, &[("theme", theme)])?;
            let reports: Vec<&Report> = self.reading.current_about(theme).collect();
            self.about_theme(kind, theme, None, &reports, statement, basis)?;
        }
        Ok(())
    }

    /// A theme that rises at one place or in one team and not as a whole.
    fn parts(&mut self, theme: &str) -> Result<(), InsightError> {
        let rising: Vec<(&Part, &Series)> = self
            .reading
            .parts_of(theme)
            .filter(|(_, s)| self.settings.rising && s.verdict.trend == Trend::Rising)
            .collect();
        for (part, series) in rising {
            let reports = self.reading.current_part(theme, part);
            let Some(last) = reports.last() else { continue };
            let basis = self.basis_of_rise(series);
            let (query, hole, shown) = match part {
                Part::Place(_) => ("theme-rose-at", "place", last.place()),
                Part::Team(_) => ("theme-rose-in", "team", last.team()),
            };
            let shown = shown.unwrap_or_default();
            let statement = self
                .reading
                .say(query, &[(hole, shown), ("theme", theme)])?;
            let named = match part {
                Part::Place(folded) => (Some(shown), format!("{theme}\n{folded}")),
                Part::Team(folded) => (None, format!("{theme}\n\n{folded}")),
            };
            self.about_part(AlertKind::Rising, theme, named, &reports, statement, basis)?;
        }
        Ok(())
    }

    /// Where a theme that rises as a whole rises by itself.
    fn where_it_rises(&self, theme: &str) -> String {
        let names: Vec<String> = self
            .reading
            .parts_of(theme)
            .filter(|(_, s)| s.verdict.trend == Trend::Rising)
            .filter_map(|(part, _)| {
                let reports = self.reading.current_part(theme, part);
                let last = reports.last()?;
                match part {
                    Part::Place(_) => last.place().map(|p| format!("lieu {p}")),
                    Part::Team(_) => last.team().map(|t| format!("équipe {t}")),
                }
            })
            .collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(" Hausse aussi à part : {}.", names.join(", ")),
        }
    }

    /// On what ground a series is said to rise.
    fn basis_of_rise(&self, series: &Series) -> String {
        let trend = &self.reading.settings.trend;
        let Some(surprise) = series.verdict.surprise else {
            return String::new();
        };
        let counts: Vec<String> = series.counts.iter().map(u32::to_string).collect();
        let compared = match surprise.look {
            Look::Climb => format!(
                "historique court ({} semaines) : la montée d’une semaine à l’autre est comparée \
                 au hasard (test de tendance de Cochran-Armitage, poids : carré du rang)",
                surprise.weeks
            ),
            Look::Reference => format!(
                "cette semaine est comparée à {} semaines de référence, compte tenu de l’activité \
                 des équipes{} (test conditionnel d’après Farrington et Noufaily)",
                surprise.weeks,
                match surprise.seasonal {
                    true => " et de la saison",
                    false => "",
                }
            ),
        };
        format!(
            "Hausse inhabituelle, attendu {}, observé {} ({} {}) : {compared} ; surdispersion {}, \
             p = {} ; fausses alertes limitées à {} des hausses annoncées, en moyenne, sur {} \
             séries testées ensemble, thèmes, lieux et équipes (Benjamini-Hochberg) ; pas de test \
             sous {} remontées ou {} semaines d’historique.",
            decimal(surprise.expected, 1),
            series.observed(),
            counts.join(", "),
            bars(&series.counts),
            decimal(surprise.dispersion, 2),
            decimal(surprise.p_value, 4),
            trend.false_discovery_rate,
            series.verdict.tested,
            trend.min_reports,
            trend.min_weeks,
        )
    }

    /// `place` is its name and its folded name.
    fn about_theme(
        &mut self,
        kind: AlertKind,
        theme: &str,
        place: Option<(&str, &str)>,
        reports: &[&Report],
        statement: Option<Sentence>,
        basis: String,
    ) -> Result<(), InsightError> {
        let named = match place {
            Some((shown, folded)) => (Some(shown), format!("{theme}\n{folded}")),
            None => (None, theme.to_owned()),
        };
        self.about_part(kind, theme, named, reports, statement, basis)
    }

    /// `place` and what the alert is named by.
    fn about_part(
        &mut self,
        kind: AlertKind,
        theme: &str,
        (place, about): (Option<&str>, String),
        reports: &[&Report],
        statement: Option<Sentence>,
        basis: String,
    ) -> Result<(), InsightError> {
        let (Some(statement), Some(first)) = (statement, reports.first()) else {
            return Ok(());
        };
        let most = self.settings.evidence_max;
        // Each alert is read alone: what another one quotes may be quoted again.
        let evidence = choose(
            reports,
            self.reading.words_of(theme),
            &mut BTreeSet::new(),
            most.min(1),
            most,
        )?;
        let week = self.reading.corpus.period().week.to_string();
        self.alerts.push((
            Rank::First,
            Alert {
                id: (self.id)(slug(kind), &about, &week),
                kind,
                about: theme.to_owned(),
                place: place.map(str::to_owned),
                since: first.entry.received_at,
                statement,
                evidence,
                basis,
                recipient: self.settings.recipient_of(kind).map(str::to_owned),
            },
        ));
        Ok(())
    }
}

/// The words of the settings that were found, each once.
fn written(found: &[Found]) -> String {
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, word) in found.iter().enumerate() {
        order.entry(&word.written).or_insert(at);
    }
    let mut words: Vec<(usize, &str)> = order.into_iter().map(|(w, at)| (at, w)).collect();
    words.sort_unstable();
    words
        .into_iter()
        .map(|(_, w)| w)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The kind as it is written in JSON and in the name of an alert.
const fn slug(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::ChildInDanger => "child-in-danger",
        AlertKind::Urgent => "urgent",
        AlertKind::WatchedTheme => "watched-theme",
        AlertKind::RepeatedMentions => "repeated-mentions",
        AlertKind::Rising => "rising",
        AlertKind::NewTheme => "new-theme",
    }
}

/// Counts as bars, for the eye; the counts stand beside.
fn bars(counts: &[u32]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = u64::from(counts.iter().copied().max().unwrap_or(0).max(1));
    counts
        .iter()
        .map(|c| BARS[(u64::from(*c) * 7).div_ceil(most) as usize])
        .collect()
}

/// A number with a decimal comma.
fn decimal(value: f64, places: usize) -> String {
    format!("{value:.places$}").replace('.', ",")
}

//! What someone must see: a child in danger, an urgent report, a watched theme, mentions repeated
//! at one place, a theme that rises or is new.
//!
//! A report with urgent words is an alert whatever else it says, also one that begins with "RAS";
//! a report without a note is one by what it declares.

use std::collections::{BTreeMap, BTreeSet};

use domain::alert::AlertSetFormat;
use domain::report::Urgency;
use domain::synthesis::Trend;
use domain::time::Zone;
use domain::{Alert, AlertId, AlertKind, AlertSet, Ground, Lang, Sentence, Span, Timestamp};

use crate::InsightError;
use crate::corpus::{Corpus, Report};
use crate::quotes::{choose, fullest, holding};
use crate::reading::{Part, Reading, Series};
use crate::settings::{AlertSettings, SynthesisSettings};
use crate::signals::Look;
use crate::urgency::Rules;
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
        rules: Rules::new(settings)?,
        // The period was counted in it, so that it is known.
        zone: (corpus.period().time_zone.parse()).unwrap_or_else(|_| Zone::paris()),
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

/// In microseconds.
const MINUTE: i64 = 60 * 1_000_000;

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
    rules: Rules<'a>,
    zone: Zone,
    id: &'a dyn Fn(&str, &str, &str) -> AlertId,
    alerts: Vec<(Rank, Alert)>,
}

impl Writer<'_> {
    fn child_in_danger(&mut self, report: &Report) -> Result<(), InsightError> {
        let kind = AlertKind::ChildInDanger;
        let words = found(report, &self.child, 0);
        let mut grounds = Vec::from_iter(in_lexicon(&words));
        grounds.extend(self.beyond_words(report, kind));
        let document = report.entry.document.to_string();
        let statement = match grounds.first() {
            None => return Ok(()),
            Some((Ground::Lexicon { .. }, _)) => self.reading.say(
                "child-in-danger",
                &[("document", &document), ("words", &written(&words))],
            )?,
            Some(_) => self
                .reading
                .say("child-signs", &[("document", &document)])?,
        };
        let basis = basis(&grounds, |ground| {
            match ground {
            Ground::Lexicon { .. } => {
                "Lexique « enfant en danger », dans la note ou déclaré ; une expression n’est écartée \
                 que si une négation (« pas de », « aucun », « sans », « ni ») la précède immédiatement"
                    .to_owned()
            }
            other => other.say(Lang::Fr),
        }
        });
        self.about_report(kind, Rank::First, report, statement, grounds, basis)
    }

    fn urgent(&mut self, report: &Report) -> Result<(), InsightError> {
        let kind = AlertKind::Urgent;
        let words = found(report, &self.urgent, self.settings.denial_words);
        let urgency = report.entry.report.urgency;
        let declared = urgency != Urgency::No && self.settings.declared.contains(&urgency);
        let field = declared.then_some((Ground::Declared { urgency }, Vec::new()));
        // What its author declares comes before what its words suggest, and both before "to see".
        let (at_once, to_see) = match urgency {
            Urgency::Immediate => (field, None),
            _ => (None, field),
        };
        let mut grounds = Vec::from_iter(at_once);
        grounds.extend(in_lexicon(&words));
        grounds.extend(self.beyond_words(report, kind));
        grounds.extend(to_see);
        let document = report.entry.document.to_string();
        let denial = self.settings.denial_words.to_string();
        let (rank, statement) = match grounds.first() {
            None => return Ok(()),
            Some((Ground::Declared { urgency }, _)) => (
                match urgency {
                    Urgency::Immediate => Rank::First,
                    _ => Rank::Third,
                },
                self.reading
                    .say("urgent-field", &[("document", &document)])?,
            ),
            Some((Ground::Lexicon { .. }, _)) => (
                Rank::Second,
                self.reading.say(
                    "urgent-words",
                    &[
                        ("denial", &denial),
                        ("document", &document),
                        ("words", &written(&words)),
                    ],
                )?,
            ),
            Some(_) => (
                Rank::Second,
                self.reading
                    .say("urgent-signs", &[("document", &document)])?,
            ),
        };
        let by_words = format!(
            "lexique d’urgence, dans la note ou déclaré (mots : {}) ; un mot est écarté si une \
             négation (« pas de », « aucun », « sans », « ni ») le précède dans la même \
             proposition, à {denial} mots près",
            written(&words)
        );
        let basis = basis(&grounds, |ground| match ground {
            Ground::Declared {
                urgency: Urgency::Immediate,
            } => "Urgence « immédiat » déclarée par l’auteur de la remontée".to_owned(),
            Ground::Declared { .. } => {
                "Urgence « à voir » déclarée par l’auteur de la remontée".to_owned()
            }
            Ground::Lexicon { .. } if rank == Rank::Second => format!("Règle : {by_words}"),
            Ground::Lexicon { .. } => by_words.clone(),
            other => other.say(Lang::Fr),
        });
        self.about_report(kind, rank, report, statement, grounds, basis)
    }

    fn beyond_words(&self, report: &Report, kind: AlertKind) -> Vec<(Ground, Vec<Span>)> {
        let nearest = self.reading.corpus.nearest(report.entry.document);
        self.rules.grounds(report, nearest, kind)
    }

    fn about_report(
        &mut self,
        kind: AlertKind,
        rank: Rank,
        report: &Report,
        statement: Option<Sentence>,
        grounds: Vec<(Ground, Vec<Span>)>,
        basis: String,
    ) -> Result<(), InsightError> {
        let Some(statement) = statement else {
            return Ok(());
        };
        let spans: Vec<Span> = grounds
            .iter()
            .flat_map(|(_, spans)| spans)
            .copied()
            .collect();
        let mut evidence = holding(report, &spans, self.settings.evidence_max)?;
        if evidence.is_empty() && self.settings.evidence_max > 0 {
            evidence.extend(fullest(report)?);
        }
        let id = (self.id)(kind.as_str(), "report", &report.entry.document.to_string());
        let since = report.entry.received_at;
        self.alerts.push((
            rank,
            Alert {
                id,
                kind,
                about: report.name.clone(),
                place: report.place().map(str::to_owned),
                since,
                statement,
                evidence,
                basis,
                grounds: grounds.into_iter().map(|(ground, _)| ground).collect(),
                procedure: self.settings.procedures.get(&kind).cloned(),
                recipient: self.recipient(kind, since),
            },
        ));
        Ok(())
    }

    fn recipient(&self, kind: AlertKind, since: Timestamp) -> Option<String> {
        // A report dated by its day alone was received at midnight, when hardly anybody writes one.
        let whole_day = since.local_in(&self.zone).minutes == 0 && since.micros() % MINUTE == 0;
        let since = match whole_day {
            true => since.plus_micros(12 * 60 * MINUTE),
            false => since,
        };
        let on_duty = self.settings.on_duty(kind, since, &self.zone);
        on_duty.map(str::to_owned)
    }

    fn watched(&mut self) -> Result<(), InsightError> {
        for watched in &self.settings.watched {
            let theme = self.reading.corpus.known().called(&watched.theme);
            let statement = self.reading.say(
                "watched-theme",
                &[
                    ("theme", theme),
                    ("threshold", &watched.threshold.to_string()),
                ],
            )?;
            let reports: Vec<&Report> = self.reading.current_about(theme).collect();
            let basis = format!(
                "Thème surveillé : alerte à partir de {} remontée(s) dans la semaine.",
                watched.threshold
            );
            self.about_theme(
                AlertKind::WatchedTheme,
                theme,
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
            let known = self.reading.corpus.known();
            let is_excepted = rule.except.iter().any(|t| known.called(t) == theme);
            // A rule is about themes that the team named.
            if is_excepted || known.id(theme).is_some_and(|(_, learnt)| learnt) {
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
            if self.reading.corpus.known().is_hidden(theme) {
                continue;
            }
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
                id: (self.id)(kind.as_str(), &about, &week),
                kind,
                about: theme.to_owned(),
                place: place.map(str::to_owned),
                since: first.entry.received_at,
                statement,
                evidence,
                basis,
                grounds: Vec::new(),
                procedure: self.settings.procedures.get(&kind).cloned(),
                recipient: self.recipient(kind, first.entry.received_at),
            },
        ));
        Ok(())
    }
}

/// The words of the settings that were found, each once.
fn written(found: &[Found]) -> String {
    order_of(found).join(", ")
}

fn order_of(found: &[Found]) -> Vec<&str> {
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, word) in found.iter().enumerate() {
        order.entry(&word.written).or_insert(at);
    }
    let mut words: Vec<(usize, &str)> = order.into_iter().map(|(w, at)| (at, w)).collect();
    words.sort_unstable();
    words.into_iter().map(|(_, w)| w).collect()
}

/// The words found, as a ground.
fn in_lexicon(words: &[Found]) -> Option<(Ground, Vec<Span>)> {
    let listed = order_of(words).into_iter().map(str::to_owned).collect();
    let spans = words.iter().filter_map(|w| w.span).collect();
    (!words.is_empty()).then_some((Ground::Lexicon { words: listed }, spans))
}

/// What an alert rests on: its first ground in full, and the others after it.
fn basis(grounds: &[(Ground, Vec<Span>)], say: impl Fn(&Ground) -> String) -> String {
    let mut said = grounds.iter().map(|(ground, _)| say(ground));
    let mut basis = capital(&said.next().unwrap_or_default());
    let others: Vec<String> = said.collect();
    if !others.is_empty() {
        basis.push_str(&format!(". Aussi : {}", others.join(" ; ")));
    }
    basis.push('.');
    basis
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
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

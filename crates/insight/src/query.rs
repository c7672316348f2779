//! Every figure that can be said, by the name of its query. The writer of a synthesis counts only
//! through [`answer`], and the verifier asks again.
//!
//! A query bears the name of the template it fills, so that a figure cannot be said in another
//! sentence than its own. A query that the corpus does not bear out (a silent team that reported,
//! a rise that is none) has no answer.

use std::collections::{BTreeMap, BTreeSet};

use domain::report::Urgency;
use domain::sentence::{Query, Template, Value};
use domain::synthesis::Trend;
use domain::{DocumentId, Sentence};

use crate::InsightError;
use crate::corpus::{Corpus, Report, key};
use crate::reading::{Part, Reading, Series, documents};
use crate::settings::SynthesisSettings;
use crate::words::{Found, Lexicon, found};

/// What a query answers: the values for its template's holes, and the documents counted.
pub type Answer = (BTreeMap<String, Value>, Vec<DocumentId>);

/// What stands where a report names no team or no place.
pub const UNSAID: &str = "—";

const DAY_MICROS: i64 = 86_400_000_000;

/// Every query with the template it fills and the parameters it takes.
///
/// `theme` is a theme's name; `document` an identifier; `words` words of a lexicon joined by
/// ", "; `denial` the words that may stand between a denial and what it denies; `days`, `limit` and
/// `threshold` whole numbers.
pub const QUERIES: &[(&str, Template, &[&str])] = &[
    ("reports-received", Template::ReportsReceived, &[]),
    ("reports-before", Template::ReportsBefore, &[]),
    ("people-met", Template::PeopleMet, &[]),
    ("time-spent", Template::TimeSpent, &[]),
    ("nothing-to-report", Template::NothingToReport, &[]),
    ("theme-size", Template::ThemeSize, &["theme"]),
    ("theme-history", Template::ThemeHistory, &["theme"]),
    ("theme-rose", Template::ThemeRose, &["theme"]),
    ("theme-rose-at", Template::ThemeRoseAt, &["place", "theme"]),
    ("theme-rose-in", Template::ThemeRoseIn, &["team", "theme"]),
    ("theme-too-small", Template::ThemeTooSmall, &["theme"]),
    ("theme-new", Template::ThemeNew, &["theme"]),
    ("team-silent", Template::TeamSilent, &["team"]),
    ("theme-small", Template::ThemeSmall, &["limit", "theme"]),
    ("small-cells", Template::SmallCells, &["limit"]),
    ("quotes-withheld", Template::QuotesWithheld, &[]),
    ("alerts-elsewhere", Template::AlertsElsewhere, &[]),
    ("uncovered", Template::Uncovered, &[]),
    ("late", Template::Late, &[]),
    ("follow-up", Template::FollowUp, &[]),
    ("urgent-field", Template::UrgentField, &["document"]),
    (
        "urgent-words",
        Template::UrgentWords,
        &["denial", "document", "words"],
    ),
    (
        "child-in-danger",
        Template::ChildInDanger,
        &["document", "words"],
    ),
    ("urgent-signs", Template::UrgentSigns, &["document"]),
    ("child-signs", Template::ChildSigns, &["document"]),
    (
        "repeated-mentions",
        Template::RepeatedMentions,
        &["days", "place", "theme"],
    ),
    (
        "watched-theme",
        Template::WatchedTheme,
        &["theme", "threshold"],
    ),
];

/// The template that the query of this name fills.
pub fn template_of(name: &str) -> Option<Template> {
    QUERIES.iter().find(|q| q.0 == name).map(|q| q.1)
}

/// Answers `query` over the corpus. `None` when no query has this name and these parameters, when
/// the settings cannot be used, or when what it would say is not so.
pub fn answer(query: &Query, corpus: &Corpus, themes: &SynthesisSettings) -> Option<Answer> {
    Reading::new(corpus, themes).ok()?.answer(query)
}

impl Reading<'_> {
    /// The sentence of the query `name`, when it has an answer.
    pub(crate) fn say(
        &self,
        name: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Option<Sentence>, InsightError> {
        let query = Query {
            name: name.to_owned(),
            parameters: parameters
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        };
        let (Some(template), Some((values, documents))) = (template_of(name), self.answer(&query))
        else {
            return Ok(None);
        };
        Sentence::counted(template, query, values, documents)
            .map(Some)
            .map_err(|source| InsightError::Template {
                query: name.to_owned(),
                source,
            })
    }

    /// Answers one query.
    pub(crate) fn answer(&self, query: &Query) -> Option<Answer> {
        let (name, _, parameters) = QUERIES.iter().find(|q| q.0 == query.name)?;
        if !query.parameters.keys().eq(parameters.iter()) {
            return None;
        }
        let given = |name: &str| query.parameters.get(name).map(String::as_str);
        let about = || {
            let name = given("theme")?;
            Some((name, self.theme(name)?))
        };
        match *name {
            "reports-received" => {
                let reports: Vec<&Report> = self.current().collect();
                Some((
                    values([
                        ("reports", count(reports.len())),
                        (
                            "teams",
                            count(distinct(reports.iter().filter_map(|r| r.team()))),
                        ),
                        (
                            "notes",
                            count(reports.iter().filter(|r| r.has_note()).count()),
                        ),
                    ]),
                    documents(reports),
                ))
            }
            "reports-before" => {
                let at = self.history_weeks().checked_sub(1)?;
                Some(counted(self.of_week(*self.weeks.get(at)?)))
            }
            "people-met" => {
                let met: Vec<&Report> = self
                    .current()
                    .filter(|r| r.entry.report.people > 0)
                    .collect();
                Some((
                    values([
                        ("people", total(&met, |r| r.entry.report.people)),
                        ("first", total(&met, |r| r.entry.report.first_time)),
                    ]),
                    documents(met),
                ))
            }
            "time-spent" => {
                let timed: Vec<&Report> = self
                    .current()
                    .filter(|r| r.entry.report.minutes > 0)
                    .collect();
                let minutes: u64 = timed
                    .iter()
                    .map(|r| u64::from(r.entry.report.minutes))
                    .sum();
                Some((
                    values([
                        ("hours", Value::Count((minutes / 60) as i64)),
                        ("minutes", Value::Count((minutes % 60) as i64)),
                    ]),
                    documents(timed),
                ))
            }
            "nothing-to-report" => Some(counted(self.routine())),
            "uncovered" => Some(counted(self.uncovered())),
            "late" => Some(counted(
                self.current()
                    .filter(|r| r.about.is_some_and(|week| week < r.week)),
            )),
            "follow-up" => Some(counted(self.follow_ups())),
            "theme-size" => {
                let (theme, _) = about()?;
                let reports: Vec<&Report> = self.current_about(theme).collect();
                Some((
                    values([
                        ("theme", named(theme)),
                        ("reports", count(reports.len())),
                        (
                            "teams",
                            count(distinct(reports.iter().filter_map(|r| r.team()))),
                        ),
                        (
                            "places",
                            count(distinct(reports.iter().filter_map(|r| r.place()))),
                        ),
                    ]),
                    documents(reports),
                ))
            }
            "theme-history" => {
                let (theme, series) = about()?;
                let history: Vec<String> = series.history().iter().map(u32::to_string).collect();
                let weeks = &self.weeks[..self.history_weeks()];
                (!weeks.is_empty()).then(|| {
                    (
                        values([("history", named(&history.join(", ")))]),
                        documents(self.about(theme).filter(|r| weeks.contains(&r.week))),
                    )
                })
            }
            "theme-rose" => {
                let (theme, series) = about()?;
                Some((rose(theme, series)?, documents(self.current_about(theme))))
            }
            "theme-rose-at" | "theme-rose-in" => {
                let (theme, _) = about()?;
                let (hole, part) = match given("place") {
                    Some(place) => ("place", Part::Place(key(place))),
                    None => ("team", Part::Team(key(given("team")?))),
                };
                let mut values = rose(theme, self.part(theme, part.clone())?)?;
                let reports = self.current_part(theme, &part);
                let last = reports.last()?;
                let shown = match hole {
                    "place" => last.place()?,
                    _ => last.team()?,
                };
                values.insert(hole.to_owned(), named(shown));
                Some((values, documents(reports)))
            }
            "theme-too-small" => {
                let (theme, series) = about()?;
                (series.verdict.trend == Trend::TooFew).then(|| {
                    (
                        values([
                            ("observed", Value::Count(series.observed().into())),
                            ("weeks", count(self.judged_weeks())),
                        ]),
                        documents(self.current_about(theme)),
                    )
                })
            }
            "theme-new" => {
                let (theme, series) = about()?;
                (series.verdict.trend == Trend::New).then(|| {
                    (
                        values([
                            ("theme", named(theme)),
                            ("weeks", count(self.judged_weeks())),
                            ("reports", Value::Count(series.observed().into())),
                        ]),
                        documents(self.current_about(theme)),
                    )
                })
            }
            "theme-small" => {
                let (theme, series) = about()?;
                let limit = self.limit(given("limit")?)?;
                (series.observed() > 0 && self.is_small(series)).then(|| {
                    let limit = ("limit", Value::Count(limit.into()));
                    (
                        values([("theme", named(theme)), limit]),
                        documents(self.current_about(theme)),
                    )
                })
            }
            "small-cells" => {
                let limit = self.limit(given("limit")?)?;
                let reports = self.in_small_cells();
                Some((
                    values([
                        ("reports", count(reports.len())),
                        ("limit", Value::Count(limit.into())),
                    ]),
                    documents(reports),
                ))
            }
            "quotes-withheld" => {
                let reports: Vec<&Report> = self.current().filter(|r| r.withheld > 0).collect();
                Some((
                    values([("sentences", total(&reports, |r| r.withheld))]),
                    documents(reports),
                ))
            }
            "alerts-elsewhere" => {
                let without = self.small_cell().is_some();
                without.then(|| (BTreeMap::new(), Vec::new()))
            }
            "team-silent" => {
                let team = given("team")?;
                let expected = self.teams().iter().any(|t| t == team);
                (expected && !self.reported(team))
                    .then(|| (values([("team", named(team))]), Vec::new()))
            }
            "urgent-field" => {
                let report = self.current_report(given("document")?)?;
                let urgency = match report.entry.report.urgency {
                    Urgency::No => return None,
                    Urgency::ToSee => "à voir",
                    Urgency::Immediate => "immédiat",
                };
                Some(one(report, [("urgency", named(urgency))]))
            }
            "urgent-words" | "child-in-danger" => {
                let report = self.current_report(given("document")?)?;
                let denial = match given("denial") {
                    Some(words) => whole(words)?,
                    None => 0,
                };
                let asked: Vec<String> = given("words")?.split(", ").map(str::to_owned).collect();
                let lexicon = Lexicon::new("words", &asked).ok()?;
                let found = found(report, &lexicon, denial);
                (!found.is_empty()).then(|| one(report, [("words", named(&said(&found)))]))
            }
            // Which signs is in the alert's grounds.
            "urgent-signs" | "child-signs" => {
                let report = self.current_report(given("document")?)?;
                Some(one(report, []))
            }
            "repeated-mentions" => {
                let (theme, _) = about()?;
                let reports = self.repeated(theme, given("place")?, whole(given("days")?)?);
                let last = reports.last()?;
                Some((
                    values([
                        ("theme", named(theme)),
                        ("reports", count(reports.len())),
                        ("place", named(last.place()?)),
                        ("days", Value::Count(whole(given("days")?)?.into())),
                    ]),
                    documents(reports),
                ))
            }
            "watched-theme" => {
                let (theme, series) = about()?;
                let threshold = whole(given("threshold")?)?;
                (series.observed() >= threshold.max(1)).then(|| {
                    (
                        values([
                            ("theme", named(theme)),
                            ("reports", Value::Count(series.observed().into())),
                            ("threshold", Value::Count(threshold.into())),
                        ]),
                        documents(self.current_about(theme)),
                    )
                })
            }
            _ => None,
        }
    }

    /// The limit asked with, when it is the one in force for this audience.
    fn limit(&self, asked: &str) -> Option<u32> {
        self.small_cell()
            .filter(|limit| whole(asked) == Some(*limit))
    }

    /// The reports of the period that answer an earlier one.
    pub(crate) fn follow_ups(&self) -> impl Iterator<Item = &Report> {
        self.current().filter(|r| {
            r.entry
                .report
                .follows
                .as_deref()
                .is_some_and(|f| !f.trim().is_empty())
        })
    }

    /// The longest run of mentions of `theme` at `place` received within `days` days of each other
    /// that ends in the period; the latest of equals.
    pub(crate) fn repeated(&self, theme: &str, place: &str, days: u32) -> Vec<&Report> {
        let wanted = Some(key(place));
        let mentions: Vec<&Report> = self
            .about(theme)
            .filter(|r| r.place_key() == wanted)
            .collect();
        let mut longest: &[&Report] = &[];
        for (end, last) in mentions.iter().enumerate() {
            if !self.corpus.is_current(last) {
                continue;
            }
            let since = last.entry.received_at.micros() - i64::from(days) * DAY_MICROS;
            let start = mentions[..=end].partition_point(|r| r.entry.received_at.micros() <= since);
            let run = &mentions[start..=end];
            if run.len() >= longest.len() {
                longest = run;
            }
        }
        longest.to_vec()
    }

    fn current_report(&self, document: &str) -> Option<&Report> {
        self.corpus
            .report(document.parse().ok()?)
            .filter(|r| self.corpus.is_current(r))
    }
}

/// What is said of a series that rose.
fn rose(theme: &str, series: &Series) -> Option<BTreeMap<String, Value>> {
    let surprise = series
        .verdict
        .surprise
        .filter(|_| series.verdict.trend == Trend::Rising)?;
    // To the nearest tenth: a float is shown to nobody.
    let tenths = (10.0 * surprise.expected).round() as i64;
    Some(values([
        ("observed", Value::Count(series.observed().into())),
        ("expected_tenths", Value::Count(tenths)),
        ("theme", named(theme)),
        ("weeks", Value::Count(surprise.weeks.into())),
    ]))
}

/// The words found, each once, in the order found.
fn said(found: &[Found]) -> String {
    let mut seen = BTreeSet::new();
    found
        .iter()
        .filter(|f| seen.insert(key(&f.said)))
        .map(|f| f.said.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The values that name one report, and more.
fn one<const N: usize>(report: &Report, more: [(&str, Value); N]) -> Answer {
    let mut all = values(more);
    all.extend(values([
        ("report", named(&report.name)),
        ("team", named(report.team().unwrap_or(UNSAID))),
        ("place", named(report.place().unwrap_or(UNSAID))),
    ]));
    (all, vec![report.entry.document])
}

fn counted<'a>(reports: impl Iterator<Item = &'a Report>) -> Answer {
    let documents = documents(reports);
    (values([("reports", count(documents.len()))]), documents)
}

fn values<const N: usize>(pairs: [(&str, Value); N]) -> BTreeMap<String, Value> {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

fn count(n: usize) -> Value {
    Value::Count(n as i64)
}

fn named(name: &str) -> Value {
    Value::Name(name.to_owned())
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(key).collect::<BTreeSet<_>>().len()
}

fn total(reports: &[&Report], of: fn(&Report) -> u32) -> Value {
    let sum: u64 = reports.iter().map(|r| u64::from(of(r))).sum();
    Value::Count(sum as i64)
}

/// A whole number as the writer writes it: no sign, no leading zero.
fn whole(text: &str) -> Option<u32> {
    let n: u32 = text.parse().ok()?;
    (n.to_string() == text).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_bears_the_name_of_its_template() {
        for (name, template, parameters) in QUERIES {
            assert_eq!(serde_json::to_value(template).unwrap(), *name);
            assert!(parameters.is_sorted(), "{name}");
        }
        let names: BTreeSet<_> = QUERIES.iter().map(|q| q.0).collect();
        assert_eq!(names.len(), QUERIES.len());
    }
}

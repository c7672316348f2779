//! What each report is about, and each theme's series of weeks: the corpus as the settings read it.

use std::collections::{BTreeMap, BTreeSet};

use domain::report::Urgency;
use domain::{Audience, DocumentId, IsoWeek, Span};

use crate::InsightError;
use crate::corpus::{Corpus, Report, key};
use crate::settings::{Rules, SynthesisSettings};
use crate::signals::{self, Verdict, judge};
use crate::words::{Lexicon, collapse, denied};

/// The corpus as the settings read it.
pub(crate) struct Reading<'a> {
    pub(crate) corpus: &'a Corpus,
    pub(crate) settings: &'a SynthesisSettings,
    /// The weeks compared, oldest first, the period's last.
    pub(crate) weeks: Vec<IsoWeek>,
    rules: Rules,
    /// For each report of the corpus: nothing to report, or its themes.
    marks: Vec<Mark>,
    /// Weeks of history by which trends are judged.
    judged: usize,
    themes: BTreeMap<String, Series>,
    parts: BTreeMap<(String, Part), Series>,
}

struct Mark {
    routine: bool,
    themes: BTreeSet<String>,
}

/// Where a theme is looked at apart from the whole: at a place, or in the reports of a team; with
/// its folded name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Place(String),
    Team(String),
}

/// One theme over the weeks compared.
pub(crate) struct Series {
    /// Reports a week, oldest first, the period's last.
    pub(crate) counts: Vec<u32>,
    pub(crate) verdict: Verdict,
}

impl Series {
    /// Reports of the period.
    pub(crate) fn observed(&self) -> u32 {
        self.counts.last().copied().unwrap_or(0)
    }

    /// Reports a week before the period, oldest first.
    pub(crate) fn history(&self) -> &[u32] {
        self.counts.split_last().map_or(&[], |(_, history)| history)
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        corpus: &'a Corpus,
        settings: &'a SynthesisSettings,
    ) -> Result<Self, InsightError> {
        let rules = settings.rules()?;
        let tags = tag_names(corpus);
        let marks: Vec<Mark> = corpus
            .reports()
            .iter()
            .map(|report| {
                let routine = is_routine(report, &rules, settings);
                Mark {
                    routine,
                    themes: if routine {
                        BTreeSet::new()
                    } else {
                        let said = themes_of(report, &rules, &tags);
                        let said = said.iter().map(|name| corpus.known().called(name));
                        let learnt = corpus.known().of_report(report.entry.document);
                        said.map(str::to_owned).chain(learnt.cloned()).collect()
                    },
                }
            })
            .collect();

        let weeks = corpus.weeks(settings.history_weeks);
        let all = corpus.weeks(settings.weeks_read());
        let counted = Counted::new(corpus, &marks, &all);
        let (themes, parts) = counted.judged(weeks.len(), settings);
        Ok(Self {
            corpus,
            settings,
            weeks,
            rules,
            marks,
            judged: all.len() - 1,
            themes,
            parts,
        })
    }

    /// Weeks of history.
    pub(crate) fn history_weeks(&self) -> usize {
        self.weeks.len() - 1
    }

    /// Weeks of history by which trends are judged.
    pub(crate) fn judged_weeks(&self) -> usize {
        self.judged
    }

    /// A theme at one place or in one team.
    pub(crate) fn part(&self, theme: &str, part: Part) -> Option<&Series> {
        self.parts.get(&(theme.to_owned(), part))
    }

    /// The places and teams of a theme.
    pub(crate) fn parts_of(&self, theme: &str) -> impl Iterator<Item = (&Part, &Series)> {
        self.parts
            .iter()
            .filter(move |((t, _), _)| t == theme)
            .map(|((_, part), series)| (part, series))
    }

    /// The reports of `theme` in the period, at one place or of one team.
    pub(crate) fn current_part(&self, theme: &str, part: &Part) -> Vec<&'a Report> {
        self.current_about(theme)
            .filter(|r| match part {
                Part::Place(place) => r.place_key().as_ref() == Some(place),
                Part::Team(team) => r.team().map(key).as_ref() == Some(team),
            })
            .collect()
    }

    pub(crate) fn theme(&self, name: &str) -> Option<&Series> {
        self.themes.get(name)
    }

    /// Every theme of the corpus, by name.
    pub(crate) fn themes(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.themes.iter().map(|(name, s)| (name.as_str(), s))
    }

    /// The words of a theme of the settings; a theme made by a tag or learnt has none.
    pub(crate) fn words_of(&self, theme: &str) -> Option<&Lexicon> {
        let known = self.corpus.known();
        let mut rules = self.rules.themes.iter();
        let rule = rules.find(|r| known.called(&r.name) == theme)?;
        Some(&rule.words)
    }

    /// The reports of all weeks that say more than that there is nothing to report.
    pub(crate) fn telling(&self) -> impl Iterator<Item = &'a Report> {
        self.corpus
            .reports()
            .iter()
            .zip(&self.marks)
            .filter(|(_, mark)| !mark.routine)
            .map(|(report, _)| report)
    }

    /// The themes of the settings, in their order, that a part of a note says; with `declared`,
    /// those its report declares as well.
    pub(crate) fn listed(&self, report: &Report, part: Span, declared: bool) -> Vec<String> {
        let tags: BTreeSet<String> = report.entry.report.themes.iter().map(|t| key(t)).collect();
        self.rules
            .themes
            .iter()
            .filter(|rule| {
                places(report, &rule.words, rule.affirmed_only).any(|span| part.contains(span))
                    || (declared && !rule.tags.is_disjoint(&tags))
            })
            .map(|rule| rule.name.clone())
            .collect()
    }

    /// The reports of `week`.
    pub(crate) fn of_week(&self, week: IsoWeek) -> impl Iterator<Item = &'a Report> {
        self.corpus.reports().iter().filter(move |r| r.week == week)
    }

    /// The reports of the period.
    pub(crate) fn current(&self) -> impl Iterator<Item = &'a Report> {
        self.of_week(self.corpus.period().week)
    }

    /// The reports of `theme`, of all weeks of the corpus, in order.
    pub(crate) fn about(&self, theme: &str) -> impl Iterator<Item = &'a Report> {
        self.corpus
            .reports()
            .iter()
            .zip(&self.marks)
            .filter(move |(_, mark)| mark.themes.contains(theme))
            .map(|(report, _)| report)
    }

    /// The reports of `theme` in the period.
    pub(crate) fn current_about(&self, theme: &str) -> impl Iterator<Item = &'a Report> {
        self.about(theme).filter(|r| self.corpus.is_current(r))
    }

    /// The reports of `theme` in the period that may be quoted: for partners, those of a place with
    /// at least as many on the theme as the smallest cell shown.
    pub(crate) fn quotable_about(&self, theme: &str) -> Vec<&'a Report> {
        let all: Vec<&Report> = self.current_about(theme).collect();
        let Some(limit) = self.small_cell() else {
            return all;
        };
        let mut cells: BTreeMap<Option<String>, u32> = BTreeMap::new();
        for report in &all {
            *cells.entry(report.place_key()).or_default() += 1;
        }
        all.into_iter()
            .filter(|r| cells.get(&r.place_key()).is_some_and(|n| *n >= limit))
            .collect()
    }

    /// The reports of no theme, or that answer earlier ones, that may be quoted: each is a cell of
    /// its own, so none for partners.
    pub(crate) fn quotable_alone<'r>(&self, reports: Vec<&'r Report>) -> Vec<&'r Report> {
        match self.small_cell() {
            Some(_) => Vec::new(),
            None => reports,
        }
    }

    /// The reports of the period with a note and a theme that may be quoted under none.
    pub(crate) fn in_small_cells(&self) -> Vec<&'a Report> {
        let quotable: BTreeSet<DocumentId> = self
            .themes
            .keys()
            .flat_map(|theme| self.quotable_about(theme))
            .map(|r| r.entry.document)
            .collect();
        self.marked(|m| !m.themes.is_empty())
            .filter(|r| r.has_note() && !quotable.contains(&r.entry.document))
            .collect()
    }

    /// Reports below which a count is not said, where there is such a limit.
    pub(crate) fn small_cell(&self) -> Option<u32> {
        let limit = self.settings.audiences.small_cell;
        (self.corpus.audience() == Audience::Partners).then_some(limit)
    }

    /// Whether a theme has too few reports in the period to say how many.
    pub(crate) fn is_small(&self, series: &Series) -> bool {
        self.small_cell()
            .is_some_and(|limit| series.observed() < limit)
    }

    /// The counts of a theme's weeks as this audience may read them: that of the period alone where
    /// an earlier one is small, none where its own is.
    pub(crate) fn shown_counts(&self, series: &Series) -> Vec<u32> {
        let small = |n: &u32| {
            self.small_cell()
                .is_some_and(|limit| (1..limit).contains(n))
        };
        if self.is_small(series) {
            Vec::new()
        } else if series.history().iter().any(small) {
            vec![series.observed()]
        } else {
            series.counts.clone()
        }
    }

    /// The reports of the period that say that there is nothing to report.
    pub(crate) fn routine(&self) -> impl Iterator<Item = &'a Report> {
        self.marked(|m| m.routine)
    }

    /// The reports of the period with a note that belongs to no theme.
    pub(crate) fn uncovered(&self) -> impl Iterator<Item = &'a Report> {
        self.marked(|m| !m.routine && m.themes.is_empty())
            .filter(|r| r.has_note())
    }

    fn marked(&self, accept: fn(&Mark) -> bool) -> impl Iterator<Item = &'a Report> {
        self.corpus
            .reports()
            .iter()
            .zip(&self.marks)
            .filter(move |(report, mark)| self.corpus.is_current(report) && accept(mark))
            .map(|(report, _)| report)
    }

    /// The teams expected: those of the settings, else those that reported in the weeks before.
    pub(crate) fn teams(&self) -> Vec<String> {
        if !self.settings.teams.is_empty() {
            return self.settings.teams.clone();
        }
        let mut teams: BTreeMap<String, &str> = BTreeMap::new();
        for week in &self.weeks[..self.history_weeks()] {
            for team in self.of_week(*week).filter_map(Report::team) {
                spelled(&mut teams, team);
            }
        }
        teams.into_values().map(str::to_owned).collect()
    }

    /// Whether a team reported in the period.
    pub(crate) fn reported(&self, team: &str) -> bool {
        let wanted = key(team);
        self.current()
            .filter_map(Report::team)
            .any(|t| key(t) == wanted)
    }
}

/// Reports of each week, of everything that is judged together.
struct Counted {
    whole: Vec<u32>,
    teams: BTreeMap<String, Vec<u32>>,
    themes: BTreeMap<String, Vec<u32>>,
    parts: BTreeMap<(String, Part), Vec<u32>>,
}

impl Counted {
    fn new(corpus: &Corpus, marks: &[Mark], weeks: &[IsoWeek]) -> Self {
        let none = || vec![0; weeks.len()];
        let mut counted = Self {
            whole: none(),
            teams: BTreeMap::new(),
            themes: BTreeMap::new(),
            parts: BTreeMap::new(),
        };
        for (report, mark) in corpus.reports().iter().zip(marks) {
            let week = weeks.iter().position(|w| *w == report.week);
            let add = |counts: &mut Vec<u32>| {
                if let Some(count) = week.and_then(|w| counts.get_mut(w)) {
                    *count += 1;
                }
            };
            add(&mut counted.whole);
            let team = report.team().map(key);
            if let Some(team) = &team {
                add(counted.teams.entry(team.clone()).or_insert_with(none));
            }
            for theme in &mark.themes {
                add(counted.themes.entry(theme.clone()).or_insert_with(none));
                let place = report.place_key().map(Part::Place);
                for part in place.into_iter().chain(team.clone().map(Part::Team)) {
                    let at = (theme.clone(), part);
                    add(counted.parts.entry(at).or_insert_with(none));
                }
            }
        }
        counted
    }

    /// Every series judged, all together; each is kept with its last `shown` weeks.
    fn judged(
        self,
        shown: usize,
        settings: &SynthesisSettings,
    ) -> (BTreeMap<String, Series>, BTreeMap<(String, Part), Series>) {
        // What else was reported in the same weeks, by everybody or by the same team.
        let rest = |own: &[u32], all: &[u32]| -> Vec<u32> {
            all.iter()
                .zip(own)
                .map(|(a, o)| a.saturating_sub(*o))
                .collect()
        };
        let mut efforts: Vec<Vec<u32>> = Vec::new();
        for counts in self.themes.values() {
            efforts.push(rest(counts, &self.whole));
        }
        for ((_, part), counts) in &self.parts {
            let all = match part {
                Part::Team(team) => self.teams.get(team).unwrap_or(&self.whole),
                Part::Place(_) => &self.whole,
            };
            efforts.push(rest(counts, all));
        }
        let series: Vec<signals::Series<'_>> = self
            .themes
            .values()
            .chain(self.parts.values())
            .zip(&efforts)
            .map(|(counts, effort)| signals::Series { counts, effort })
            .collect();
        let mut verdicts = judge(&series, &[], &settings.trend).into_iter();
        let mut kept = |counts: Vec<u32>| {
            let verdict = verdicts.next()?;
            let counts = counts[counts.len() - shown..].to_vec();
            Some(Series { counts, verdict })
        };
        let themes = self
            .themes
            .into_iter()
            .filter_map(|(theme, counts)| Some((theme, kept(counts)?)))
            .collect();
        let parts = self
            .parts
            .into_iter()
            .filter_map(|(part, counts)| Some((part, kept(counts)?)))
            .collect();
        (themes, parts)
    }
}

/// Documents of reports.
pub(crate) fn documents<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Vec<DocumentId> {
    reports.into_iter().map(|r| r.entry.document).collect()
}

/// Keeps one spelling a name, whatever the order: the greatest in byte order, which prefers lower
/// case over upper and accents over none.
fn spelled<'a>(names: &mut BTreeMap<String, &'a str>, name: &'a str) {
    let kept = names.entry(key(name)).or_insert(name);
    *kept = (*kept).max(name);
}

/// The name of each declared tag, by its key.
fn tag_names(corpus: &Corpus) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for report in corpus.reports() {
        for tag in &report.entry.report.themes {
            spelled(&mut names, tag);
        }
    }
    names
        .into_iter()
        .map(|(key, name)| (key, collapse(&name.replace('_', " "))))
        .collect()
}

fn themes_of(report: &Report, rules: &Rules, tags: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = rules
        .themes
        .iter()
        .filter(|rule| says(report, &rule.words, rule.affirmed_only))
        .map(|rule| rule.name.clone())
        .collect();
    for tag in &report.entry.report.themes {
        let tag = key(tag);
        if let Some(rule) = rules.themes.iter().find(|rule| rule.tags.contains(&tag)) {
            out.insert(rule.name.clone());
        } else if !tag.is_empty() && !rules.ignored.contains(&tag) {
            out.extend(tags.get(&tag).cloned());
        }
    }
    out
}

/// Whether the note says a word of the lexicon outside what is masked: a name is not a theme.
fn says(report: &Report, lexicon: &Lexicon, affirmed_only: bool) -> bool {
    places(report, lexicon, affirmed_only).next().is_some()
}

/// Where it does.
fn places(report: &Report, lexicon: &Lexicon, affirmed_only: bool) -> impl Iterator<Item = Span> {
    lexicon
        .find(&report.tokens)
        .into_iter()
        .filter(move |m| {
            let is_denied = affirmed_only && denied(&report.tokens, m.first, 2);
            !(is_denied || report.is_name(m.span(&report.tokens)))
        })
        .map(|m| m.span(&report.tokens))
}

/// Whether the note says no more than that there is nothing to report.
fn is_routine(report: &Report, rules: &Rules, settings: &SynthesisSettings) -> bool {
    report.entry.report.urgency == Urgency::No
        && report.tokens.len() <= settings.routine_length_max as usize
        && !rules.routine.find(&report.tokens).is_empty()
        && rules.routine_not.find(&report.tokens).is_empty()
        && !rules
            .themes
            .iter()
            .any(|rule| says(report, &rule.words, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Entry;
    use crate::settings::Theme;
    use domain::sentence::{Mask, MaskKind};
    use domain::time::Zone;
    use domain::{ArtifactName, FieldReport};

    fn settings() -> SynthesisSettings {
        let theme = |name: &str, words: &[&str], tags: &[&str], affirmed_only| Theme {
            name: name.into(),
            words: words.iter().map(|w| (*w).to_owned()).collect(),
            tags: tags.iter().map(|w| (*w).to_owned()).collect(),
            affirmed_only,
        };
        SynthesisSettings {
            themes: vec![
                theme("éclairage", &["éclairage*"], &["lumière"], false),
                theme("tensions", &["tension*"], &[], true),
            ],
            ..SynthesisSettings::default()
        }
    }

    fn check(note: &str, tags: &[&str], mask: Option<&str>, expected: &str) {
        let entry = Entry {
            document: DocumentId::from_bytes([1; 16]),
            received_at: "2026-11-18T10:00:00Z".parse().unwrap(),
            text_version: ArtifactName::from_bytes([1; 32]),
            text: note.into(),
            report: FieldReport {
                themes: tags.iter().map(|t| (*t).to_owned()).collect(),
                ..FieldReport::default()
            },
            masks: mask
                .map(|hidden| {
                    let start = note.find(hidden).unwrap() as u32;
                    Mask::new(start, start + hidden.len() as u32, MaskKind::Name)
                })
                .into_iter()
                .collect(),
            clues: vec![],
            passages: vec![],
        };
        let corpus = Corpus::new(
            "p".parse().unwrap(),
            "2026-W47".parse().unwrap(),
            &Zone::paris(),
            "Europe/Paris",
            vec![entry],
        )
        .unwrap();
        let settings = settings();
        let reading = Reading::new(&corpus, &settings).unwrap();
        let mark = &reading.marks[0];
        let said = if mark.routine {
            "routine".to_owned()
        } else {
            mark.themes.iter().cloned().collect::<Vec<_>>().join(", ")
        };
        assert_eq!(said, expected, "{note:?} {tags:?}");
    }

    #[test]
    fn themes_come_from_words_tags_and_undeclared_tags() {
        check("Pas d'éclairage au parking.", &[], None, "éclairage");
        check("Jeunes au hall, pas de tension.", &[], None, "");
        check("Vives tensions au hall.", &[], None, "tensions");
        check(
            "",
            &["Lumiere", "Social_Sante", "social_sante", "autre"],
            None,
            "social sante, éclairage",
        );
        check("Vu M. Tension.", &[], Some("Tension"), "");
    }

    #[test]
    fn nothing_to_report_is_short_and_says_nothing_else() {
        check("RAS, pluie.", &["éclairage"], None, "routine");
        check("Tournée faite, rien à signaler.", &[], None, "routine");
        check("RAS, pas de tension.", &[], None, "routine");
        check("RAS sauf éclairage HS", &[], None, "éclairage");
        check("RAS, éclairage HS", &[], None, "éclairage");
        check("Ras le bol des voisins.", &[], None, "");
        check(
            "Longue discussion avec le gardien et le bailleur au sujet du hall, sinon RAS.",
            &[],
            None,
            "",
        );
    }
}

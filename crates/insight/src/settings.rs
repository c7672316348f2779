//! What a team calls its themes, what it watches, and what its alerts promise: the tables
//! `[synthesise]` and `[alert]` of a pipeline file.

use std::collections::{BTreeMap, BTreeSet};

use domain::report::Urgency;
use domain::{AlertKind, IsoWeek, Probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InsightError;
use crate::corpus::key;
use crate::duty::Shift;
use crate::urgency::{Resemblance, Rules as UrgencyRules, UrgencyRule};
use crate::words::Lexicon;

/// A theme: what a report is about when it says one of its words or declares one of its tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// Its name, as the synthesis writes it. A declared tag of the same name counts.
    pub name: String,
    /// Whole words or phrases of the note, compared without case and accents; a word may end with
    /// `*`, which stands for any ending.
    #[serde(default)]
    pub words: Vec<String>,
    /// Declared tags or "thématiques" that mean this theme.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether "pas de tension" is not about tensions. Off, because "pas d'éclairage" is about
    /// lighting.
    #[serde(default)]
    pub affirmed_only: bool,
}

/// When a count is called a rise, and when nothing is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrendSettings {
    /// The share of false alarms accepted among the rises announced, on average, over all series
    /// tested: each theme as a whole, at each place and by each team.
    #[serde(alias = "false_alarm")]
    pub false_discovery_rate: Probability,
    /// Weeks before the period that are read to know what is usual, at least as many as
    /// `history_weeks`; a season is known from 80 on.
    pub reference_weeks: u32,
    /// Weeks of history without which nothing is called new or rising.
    pub min_weeks: u32,
    /// Reports, this week and history together, below which a theme is "too few".
    pub min_reports: u32,
    /// Reports this week from which a theme absent before is called new.
    pub new_reports: u32,
}

impl Default for TrendSettings {
    fn default() -> Self {
        Self {
            false_discovery_rate: Probability::from_millionths(50_000),
            reference_weeks: 28,
            min_weeks: 3,
            min_reports: 5,
            new_reports: 2,
        }
    }
}

/// How the weekly synthesis is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SynthesisSettings {
    /// The themes. Declared tags that no theme names become themes of their own.
    pub themes: Vec<Theme>,
    /// The teams that report; one that sent nothing is said so. When empty, the teams that
    /// reported in the weeks before.
    pub teams: Vec<String>,
    /// Weeks before the period that it is compared with.
    pub history_weeks: u32,
    /// Quotes a theme: below this number, quotes that resemble each other are accepted.
    pub quotes_min: u32,
    /// Quotes a theme, at most.
    pub quotes_max: u32,
    /// Words of a note that say there is nothing to report.
    pub routine_words: Vec<String>,
    /// Words beside which they say something else.
    pub routine_not: Vec<String>,
    /// Words beyond which a note has something to say, whatever it begins with.
    pub routine_length_max: u32,
    /// Declared tags that say nothing of what a report is about.
    pub ignored_tags: Vec<String>,
    /// Quotes of reports that belong to no theme, at most.
    pub lone_voices_max: u32,
    /// Quotes of reports that answer earlier ones, at most.
    pub follow_ups_max: u32,
    /// When a theme is called new or rising.
    pub trend: TrendSettings,
    /// What each audience may read.
    pub audiences: AudienceSettings,
}

/// How long a person keeps a pseudonym.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// A calendar year, that of the ISO week.
    #[default]
    Year,
    /// As long as the collection is kept.
    Always,
}

/// What each audience of a synthesis may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AudienceSettings {
    /// For partners: reports of a theme at a place below which none is quoted, and of a theme below
    /// which "fewer than so many" is said instead of a count.
    pub small_cell: u32,
    /// For hierarchy and partners: kinds of clues (age, place, family, illness, trade, origin) that
    /// a quoted sentence may show at most.
    pub clues_max: u32,
    /// For the team: people named in reports keep a pseudonym, so that a case can be followed.
    pub pseudonyms: bool,
    /// How long they keep it.
    pub pseudonym_window: Window,
    /// Hide streets, residences and buildings from everybody, not from partners only.
    pub hide_places: bool,
    /// Hide ages from everybody, not from partners only.
    pub hide_ages: bool,
}

impl Default for AudienceSettings {
    fn default() -> Self {
        Self {
            small_cell: 3,
            clues_max: 1,
            pseudonyms: true,
            pseudonym_window: Window::Year,
            hide_places: false,
            hide_ages: false,
        }
    }
}

impl AudienceSettings {
    /// The name of the window that `week` is in, under which pseudonyms are made.
    pub fn window_of(&self, week: IsoWeek) -> String {
        match self.pseudonym_window {
            Window::Year => week.to_string().chars().take_while(|c| *c != '-').collect(),
            Window::Always => "always".to_owned(),
        }
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

impl Default for SynthesisSettings {
    fn default() -> Self {
        Self {
            themes: Vec::new(),
            teams: Vec::new(),
            history_weeks: 5,
            quotes_min: 2,
            quotes_max: 4,
            routine_words: strings(&["RAS", "R.A.S.", "rien à signaler"]),
            routine_not: strings(&[
                "ras le bol",
                "sauf",
                "hormis",
                "excepté",
                "à part",
                "mais",
                "cependant",
                "toutefois",
                "pas rien à signaler",
            ]),
            routine_length_max: 12,
            ignored_tags: strings(&["autre", "autres", "divers"]),
            lone_voices_max: 6,
            follow_ups_max: 4,
            trend: TrendSettings::default(),
            audiences: AudienceSettings::default(),
        }
    }
}

/// A theme that is never ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// One of the themes' names.
    pub theme: String,
    /// Reports in a week from which it is an alert.
    #[serde(default = "one")]
    pub threshold: u32,
}

const fn one() -> u32 {
    1
}

/// Several mentions of a theme at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Repeated {
    /// Reports from which it is an alert.
    pub mentions: u32,
    /// Days within which they were received, at least one of them in the period.
    pub days: u32,
    /// Themes that are everyday work at their place, and never an alert for being repeated.
    pub except: Vec<String>,
}

impl Default for Repeated {
    fn default() -> Self {
        Self {
            mentions: 3,
            days: 14,
            except: Vec::new(),
        }
    }
}

/// What someone must see, and who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// Words and phrases that make a report urgent, in the note or declared.
    pub urgent_words: Vec<String>,
    /// Words and phrases that say a child may be in danger (CASF, art. L226-2-1).
    pub child_words: Vec<String>,
    /// Declared urgencies that are alerts: `immediat`, `a_voir` (which comes after).
    pub declared: Vec<Urgency>,
    /// Words that may stand between a denial ("pas de", "aucun", "sans", "ni") and the urgent word
    /// it denies, which is then no alert: 2 covers "pas d'odeur de gaz". For a child in danger it
    /// is always 0: the denial stands right before.
    pub denial_words: u32,
    /// Words of several groups in one sentence that make a report urgent.
    pub rules: Vec<UrgencyRule>,
    /// Sentences that reports are compared with.
    pub resemblance: Resemblance,
    /// Themes that are never ignored.
    pub watched: Vec<Watched>,
    /// Several mentions at one place; absent, none is an alert.
    pub repeated: Option<Repeated>,
    /// Whether a theme that rises is an alert; `[synthesise.trend]` says when it rises.
    pub rising: bool,
    /// Whether a theme never seen before is an alert.
    pub new_themes: bool,
    /// Quotes an alert, at most.
    pub evidence_max: u32,
    /// Who is on duty when: the first shift that is on counts.
    pub duty: Vec<Shift>,
    /// To whom alerts go when nobody is on duty.
    pub recipient: Option<String>,
    /// To whom alerts of one kind go instead, unless a shift names the kind.
    pub recipients: BTreeMap<AlertKind, String>,
    /// What is to be done about alerts of a kind: a text or the address of a page, shown with each.
    pub procedures: BTreeMap<AlertKind, String>,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            urgent_words: Vec::new(),
            child_words: Vec::new(),
            declared: vec![Urgency::Immediate],
            denial_words: 2,
            rules: Vec::new(),
            resemblance: Resemblance::default(),
            watched: Vec::new(),
            repeated: Some(Repeated::default()),
            rising: true,
            new_themes: true,
            evidence_max: 3,
            duty: Vec::new(),
            recipient: None,
            recipients: BTreeMap::new(),
            procedures: BTreeMap::new(),
        }
    }
}

impl SynthesisSettings {
    /// Weeks before the period whose reports are needed.
    pub fn weeks_read(&self) -> u32 {
        self.history_weeks.max(self.trend.reference_weeks)
    }

    /// Checks what serde cannot: words that can be looked for, names that are not shared, bounds.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), InsightError> {
        self.rules().map(drop)
    }

    /// The themes and word lists, ready to be looked for.
    pub(crate) fn rules(&self) -> Result<Rules, InsightError> {
        let bound = |ok: bool, name, value: u32, expected| {
            if ok {
                Ok(())
            } else {
                Err(InsightError::Setting {
                    name,
                    value: value.to_string(),
                    expected,
                })
            }
        };
        bound(
            (1..=26).contains(&self.history_weeks),
            "history_weeks",
            self.history_weeks,
            "1 to 26",
        )?;
        bound(
            self.trend.reference_weeks <= 260,
            "trend.reference_weeks",
            self.trend.reference_weeks,
            "at most 260",
        )?;
        bound(
            self.quotes_min <= self.quotes_max,
            "quotes_min",
            self.quotes_min,
            "at most quotes_max",
        )?;
        bound(
            (1..=100).contains(&self.audiences.small_cell),
            "audiences.small_cell",
            self.audiences.small_cell,
            "1 to 100",
        )?;
        bound(
            self.trend.new_reports >= 1,
            "trend.new_reports",
            self.trend.new_reports,
            "at least 1",
        )?;
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        let mut themes = Vec::with_capacity(self.themes.len());
        for theme in &self.themes {
            let tags: BTreeSet<String> = theme
                .tags
                .iter()
                .chain([&theme.name])
                .map(|t| key(t))
                .collect();
            for tag in &tags {
                if let Some(first) = owners.insert(tag.clone(), &theme.name) {
                    return Err(InsightError::SharedName {
                        first: first.to_owned(),
                        second: theme.name.clone(),
                        name: tag.clone(),
                    });
                }
            }
            themes.push(ThemeRule {
                name: theme.name.clone(),
                words: Lexicon::new(&format!("theme {}", theme.name), &theme.words)?,
                tags,
                affirmed_only: theme.affirmed_only,
            });
        }
        Ok(Rules {
            themes,
            routine: Lexicon::new("routine_words", &self.routine_words)?,
            routine_not: Lexicon::new("routine_not", &self.routine_not)?,
            ignored: self.ignored_tags.iter().map(|t| key(t)).collect(),
        })
    }
}

impl AlertSettings {
    /// Checks what serde cannot, against the themes of the synthesis.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, themes: &SynthesisSettings) -> Result<(), InsightError> {
        Lexicon::new("urgent_words", &self.urgent_words)?;
        Lexicon::new("child_words", &self.child_words)?;
        UrgencyRules::new(self)?;
        for (n, shift) in self.duty.iter().enumerate() {
            shift.check(n + 1)?;
        }
        let known = |setting, theme: &String| {
            if themes.themes.iter().any(|t| t.name == *theme) {
                Ok(())
            } else {
                Err(InsightError::UnknownTheme {
                    setting,
                    theme: theme.clone(),
                })
            }
        };
        for watched in &self.watched {
            known("watched", &watched.theme)?;
            if watched.threshold == 0 {
                return Err(InsightError::Setting {
                    name: "watched.threshold",
                    value: "0".to_owned(),
                    expected: "at least 1",
                });
            }
        }
        if let Some(repeated) = &self.repeated {
            for theme in &repeated.except {
                known("repeated.except", theme)?;
            }
            let too_few = (repeated.mentions < 2).then_some((
                "repeated.mentions",
                repeated.mentions,
                "at least 2",
            ));
            let too_short = (!(1..=366).contains(&repeated.days)).then_some((
                "repeated.days",
                repeated.days,
                "1 to 366",
            ));
            if let Some((name, value, expected)) = too_few.or(too_short) {
                return Err(InsightError::Setting {
                    name,
                    value: value.to_string(),
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// The settings of the synthesis, ready to be looked for in notes.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) themes: Vec<ThemeRule>,
    pub(crate) routine: Lexicon,
    pub(crate) routine_not: Lexicon,
    pub(crate) ignored: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct ThemeRule {
    pub(crate) name: String,
    pub(crate) words: Lexicon,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) affirmed_only: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tables_of_a_pipeline_file() {
        let settings: SynthesisSettings = toml::from_str(
            r#"
            teams = ["Nord"]
            trend.false_alarm = 0.1
            [[themes]]
            name = "éclairage"
            words = ["éclairage*", "lampadaire*"]
            "#,
        )
        .unwrap();
        assert_eq!((settings.history_weeks, settings.quotes_max), (5, 4));
        assert_eq!(settings.trend.false_discovery_rate.percent(), 10);
        assert_eq!(settings.trend.min_weeks, 3);
        assert!(settings.check().is_ok());
        let alerts: AlertSettings = toml::from_str(
            r#"
            declared = ["immediat", "a_voir"]
            watched = [{ theme = "éclairage" }]
            repeated = { days = 21 }
            recipient = "astreinte"
            recipients = { child-in-danger = "cadre" }
            "#,
        )
        .unwrap();
        assert_eq!(alerts.watched[0].threshold, 1);
        assert_eq!(alerts.repeated.as_ref().unwrap().mentions, 3);
        let zone = domain::time::Zone::paris();
        let moment = "2026-11-20T12:00:00Z".parse().unwrap();
        let on_duty = |kind| alerts.on_duty(kind, moment, &zone);
        assert_eq!(on_duty(AlertKind::ChildInDanger), Some("cadre"));
        assert_eq!(on_duty(AlertKind::Urgent), Some("astreinte"));
        assert!(alerts.check(&settings).is_ok());
        assert!(toml::from_str::<AlertSettings>("urgentwords = []").is_err());
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |toml: &str, expected: &str| {
            let settings: SynthesisSettings = toml::from_str(toml).unwrap();
            assert_eq!(settings.check().unwrap_err().to_string(), expected);
        };
        check(
            "history_weeks = 0",
            "setting history_weeks is 0: expected 1 to 26",
        );
        check(
            "quotes_min = 9",
            "setting quotes_min is 9: expected at most quotes_max",
        );
        check(
            "themes = [{ name = 'Éclairage' }, { name = 'rue', tags = ['eclairage'] }]",
            "themes `Éclairage` and `rue` both claim `eclairage`",
        );
        let alerts: AlertSettings = toml::from_str("watched = [{ theme = 'bruit' }]").unwrap();
        assert_eq!(
            alerts
                .check(&SynthesisSettings::default())
                .unwrap_err()
                .to_string(),
            "setting watched names theme `bruit`, which is not among the themes"
        );
    }
}

//! A synthesis put in words, in one language, before it is Markdown, HTML or a text document: what
//! is said and in which order is decided here, once, and writers only dress it.
//!
//! [`Page::whole`] is what a team reads on Monday in five minutes; [`Page::briefing`] is the one
//! sheet for who has one minute, made of sentences of the same synthesis; [`Page::beside`] sets two
//! weeks side by side, and [`Page::over`] goes through several, with what each said of itself.

mod several;

use std::collections::BTreeSet;

use domain::catalogue::Said;
use domain::synthesis::{ThemeSection, Trend};
use domain::{
    Alert, AlertKind, AlertSet, Audience, DocumentId, IsoWeek, Lang, Sentence, Synthesis,
};

use crate::quotes::line;
use crate::themes::{Change, Followed, Origin, ThemeChange, ThemeId, ThemeState, Themes};

/// Themes that a briefing names beside those that rose or are new.
const BRIEFED_THEMES: usize = 5;
/// Headline figures of a briefing.
const BRIEFED_FIGURES: usize = 3;
/// Alerts of a briefing that can wait until the whole is read.
const BRIEFED_ALERTS: usize = 5;

/// A synthesis in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its language.
    pub lang: Lang,
    /// What it is.
    pub title: String,
    /// The period, its time zone, the pipeline.
    pub about: String,
    /// What every sentence is.
    pub promise: String,
    /// In reading order.
    pub sections: Vec<Section>,
    /// Edition, and how to check it; for files that travel alone.
    pub foot: Option<String>,
}

/// A part of a page under a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The title.
    pub title: String,
    /// What it holds.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// That there is nothing to show.
    Nothing(String),
    /// An alert.
    Alert(AlertBlock),
    /// A theme.
    Theme(ThemeBlock),
    /// Themes or alerts in one line each.
    Brief {
        /// What they have in common.
        title: Option<String>,
        /// The lines.
        lines: Vec<Brief>,
    },
    /// Figures and quotes.
    List(Vec<Line>),
    /// Counts side by side.
    Table(Table),
}

/// A table whose first column names each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// A title a column.
    pub header: Vec<String>,
    /// As many cells a row.
    pub rows: Vec<Vec<String>>,
}

/// A figure or a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A template filled by a query.
    Figure(String),
    /// What someone wrote.
    Quote(Quote),
}

/// What someone wrote, on one line, with what is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The words.
    pub text: String,
    /// What people call the report.
    pub report: String,
    /// The report.
    pub document: DocumentId,
}

/// An alert in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertBlock {
    /// Its rank.
    pub number: usize,
    /// Kind, subject and place.
    pub title: String,
    /// What is said.
    pub statement: String,
    /// The quotes it rests on.
    pub evidence: Vec<Line>,
    /// To whom, and on what ground.
    pub facts: Vec<(String, String)>,
    /// Whether it cannot wait.
    pub pressing: bool,
}

/// A theme in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThemeBlock {
    /// Its name.
    pub name: String,
    /// Its trend.
    pub trend: String,
    /// Reports of the weeks before, oldest first, then of this one.
    pub counts: Vec<u32>,
    /// The same in words, for who does not see the plot.
    pub counts_said: String,
    /// Size, history, trend.
    pub figures: Vec<Line>,
    /// What was written.
    pub quotes: Vec<Line>,
}

/// A theme or an alert in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Its name.
    pub name: String,
    /// Its trend, its size, or to whom it goes.
    pub said: String,
    /// What was written; without a note, that.
    pub lines: Vec<Line>,
}

impl Page {
    /// The whole synthesis. `names` gives each report the name people know it by.
    pub fn whole(
        synthesis: &Synthesis,
        alerts: &AlertSet,
        names: &dyn Fn(DocumentId) -> String,
        lang: Lang,
    ) -> Self {
        let w = Wording { names, lang };
        let title = lang.pick("Synthèse de la semaine", "Synthesis of week");
        // A version without alerts says so among what is missing.
        let mut sections = match synthesis.audience {
            Audience::Team | Audience::Hierarchy => vec![w.alerts(synthesis, alerts)],
            Audience::Partners => Vec::new(),
        };
        sections.extend(w.list(lang.pick("Chiffres", "Figures"), &synthesis.headline));
        sections.push(w.themes(&synthesis.themes));
        for (title, sentences) in [
            (
                lang.pick("Voix isolées", "Lone voices"),
                &synthesis.lone_voices,
            ),
            (
                lang.pick("Suites données", "Done since"),
                &synthesis.done_since,
            ),
            (
                lang.pick("Ce qui manque", "What is missing"),
                &synthesis.missing,
            ),
        ] {
            sections.extend(w.list(title, sentences));
        }
        w.page(title, synthesis, sections)
    }

    /// One sheet: what cannot wait, what rose or is new, the figures, what is mentioned most, what is
    /// missing. Each sentence is one of the synthesis.
    pub fn briefing(
        synthesis: &Synthesis,
        alerts: &AlertSet,
        names: &dyn Fn(DocumentId) -> String,
        lang: Lang,
    ) -> Self {
        let w = Wording { names, lang };
        let of_week: Vec<&Alert> = synthesis
            .alerts
            .iter()
            .filter_map(|id| alerts.alerts.iter().find(|a| a.id == *id))
            .collect();
        // A report in which a child may be in danger is also urgent: that is said once.
        let children: Vec<&str> = of_week
            .iter()
            .filter(|a| a.kind == AlertKind::ChildInDanger)
            .map(|a| a.about.as_str())
            .collect();
        let said_above =
            |a: &Alert| a.kind == AlertKind::Urgent && children.contains(&a.about.as_str());
        let seen = of_week.iter().filter(|a| !moves(a.kind) && !said_above(a));
        let (pressing, others): (Vec<&Alert>, Vec<&Alert>) = seen.partition(|a| presses(a.kind));
        let left_out = others.len().saturating_sub(BRIEFED_ALERTS);
        let shown = pressing.iter().chain(others.iter().take(BRIEFED_ALERTS));
        let mut blocks = vec![Block::Brief {
            title: None,
            lines: shown.map(|alert| w.brief_alert(alert)).collect(),
        }];
        if left_out > 0 {
            blocks.push(Block::Nothing(match lang {
                Lang::Fr => format!("Et {left_out} autre(s), dans la synthèse entière."),
                Lang::En => format!("And {left_out} more, in the whole synthesis."),
            }));
        }
        if pressing.is_empty() && others.is_empty() {
            blocks = vec![w.nothing("Rien qui n’attende pas.", "Nothing that cannot wait.")];
        }
        let mut sections = vec![Section {
            title: lang.pick("À voir aujourd’hui", "To see today").to_owned(),
            blocks,
        }];
        let (moving, others): (Vec<_>, Vec<_>) = synthesis
            .themes
            .iter()
            .partition(|t| matches!(t.trend, Trend::New | Trend::Rising));
        let brief = |theme: &&ThemeSection| Brief {
            name: theme.theme.clone(),
            said: w.size(theme),
            lines: theme.quotes.iter().take(1).map(|q| w.line(q)).collect(),
        };
        let mut themes = |title: &str, themes: Vec<Brief>, none: Option<Block>| {
            let block = if themes.is_empty() {
                none
            } else {
                Some(Block::Brief {
                    title: None,
                    lines: themes,
                })
            };
            sections.extend(block.map(|block| Section {
                title: title.to_owned(),
                blocks: vec![block],
            }));
        };
        themes(
            lang.pick("Ce qui monte, ce qui est nouveau", "What rose, what is new"),
            moving.iter().map(brief).collect(),
            Some(w.nothing(
                "Aucune hausse, aucun thème nouveau.",
                "No rise, no new theme.",
            )),
        );
        themes(
            lang.pick("Le plus souvent mentionné", "Mentioned most"),
            others.iter().take(BRIEFED_THEMES).map(brief).collect(),
            None,
        );
        let figures = &synthesis.headline[..synthesis.headline.len().min(BRIEFED_FIGURES)];
        sections.extend(w.list(lang.pick("Chiffres", "Figures"), figures));
        sections.extend(w.list(
            lang.pick("Ce qui manque", "What is missing"),
            &synthesis.missing,
        ));
        let title = lang.pick("Fiche de la semaine", "Briefing of week");
        w.page(title, synthesis, sections)
    }

    /// Adds what became of themes since the week before, after the themes themselves.
    pub fn say_themes(&mut self, followed: &Followed) {
        let lines = changes_said(&followed.changes, &followed.themes, self.lang);
        if lines.is_empty() {
            return;
        }
        let title = self.lang.pick("Thèmes", "Themes");
        let at = self.sections.iter().position(|s| s.title == title);
        let section = Section {
            title: self
                .lang
                .pick("Ce que deviennent les thèmes", "What becomes of themes")
                .to_owned(),
            blocks: vec![Block::List(lines.into_iter().map(Line::Figure).collect())],
        };
        let after = at.map_or(self.sections.len(), |at| at + 1);
        self.sections.insert(after, section);
    }
}

/// What became of themes, a sentence each: those that passages made, and those of the list that people
/// or passages joined to another.
pub fn changes_said(changes: &[ThemeChange], themes: &Themes, lang: Lang) -> Vec<String> {
    let title = |id: &ThemeId| {
        let known = themes.theme(id);
        known.map_or_else(|| id.to_string(), ThemeState::title)
    };
    let is_learnt = |id: &ThemeId| {
        let known = themes.theme(id);
        known.is_none_or(|theme| matches!(theme.origin, Origin::Learnt))
    };
    changes
        .iter()
        // That the team's own list is said or not in a week is in its counts.
        .filter(|c| is_learnt(&c.theme))
        .map(|c| {
            let name = &c.title;
            match (&c.change, lang) {
                (Change::Born, Lang::Fr) => format!("Apparaît : « {name} »."),
                (Change::Born, Lang::En) => format!("Appears: “{name}”."),
                (Change::Returned, Lang::Fr) => format!("Revient : « {name} »."),
                (Change::Returned, Lang::En) => format!("Comes back: “{name}”."),
                (Change::Split { from }, Lang::Fr) => {
                    format!("Se sépare de « {} » : « {name} ».", title(from))
                }
                (Change::Split { from }, Lang::En) => {
                    format!("Parts from “{}”: “{name}”.", title(from))
                }
                (Change::Merged { into }, Lang::Fr) => {
                    format!("Se fond dans « {} » : « {name} ».", title(into))
                }
                (Change::Merged { into }, Lang::En) => {
                    format!("Merges into “{}”: “{name}”.", title(into))
                }
                (Change::Ended, Lang::Fr) => format!("N’est plus dit : « {name} »."),
                (Change::Ended, Lang::En) => format!("Is no longer said: “{name}”."),
            }
        })
        .collect()
}

/// Reports of a theme in its week.
fn observed(theme: &ThemeSection) -> u32 {
    theme.counts.last().copied().unwrap_or(0)
}

/// The reports that a synthesis and its alerts name.
pub fn reports_named(synthesis: &Synthesis, alerts: &AlertSet) -> BTreeSet<DocumentId> {
    let of_alerts = alerts
        .alerts
        .iter()
        .flat_map(|a| std::iter::once(&a.statement).chain(&a.evidence));
    let mut named = BTreeSet::new();
    for sentence in synthesis.sentences().chain(of_alerts) {
        match sentence {
            Sentence::Quote(evidence) => {
                named.insert(evidence.document);
            }
            Sentence::Counted(counted) => named.extend(counted.documents()),
        }
    }
    named
}

/// Whether an alert is about a movement of themes, which a briefing says in a section of its own.
const fn moves(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::Rising | AlertKind::NewTheme)
}

/// Whether an alert cannot wait.
const fn presses(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::ChildInDanger | AlertKind::Urgent)
}

struct Wording<'a> {
    names: &'a dyn Fn(DocumentId) -> String,
    lang: Lang,
}

impl Wording<'_> {
    fn page(&self, title: &str, synthesis: &Synthesis, sections: Vec<Section>) -> Page {
        let period = &synthesis.period;
        let (monday, sunday) = days(period.week, self.lang);
        let (from, to) = match self.lang {
            Lang::Fr => ("Du", "au"),
            Lang::En => ("From", "to"),
        };
        Page {
            lang: self.lang,
            title: format!("{title} {}", period.week),
            about: format!(
                "{from} {monday} {to} {sunday} ({}), {}.{}",
                period.time_zone,
                synthesis.pipeline,
                self.version(synthesis.audience),
            ),
            promise: self
                .lang
                .pick(
                    "Chaque phrase est une citation ou un chiffre recalculable.",
                    "Every sentence is a quote or a figure that can be counted again.",
                )
                .to_owned(),
            sections,
            foot: None,
        }
    }

    /// For whom it is written, unless that is the team.
    fn version(&self, audience: Audience) -> String {
        let lang = self.lang;
        match audience {
            Audience::Team => String::new(),
            Audience::Hierarchy | Audience::Partners => {
                let version = lang.pick(" Version pour", " Version for");
                format!("{version}{} {}.", colon(lang), audience.say(lang))
            }
        }
    }

    fn nothing(&self, fr: &'static str, en: &'static str) -> Block {
        Block::Nothing(self.lang.pick(fr, en).to_owned())
    }

    fn alerts(&self, synthesis: &Synthesis, set: &AlertSet) -> Section {
        let mut blocks = Vec::new();
        if synthesis.alerts.is_empty() {
            blocks.push(self.nothing("Aucune alerte.", "No alert."));
        }
        for (i, id) in synthesis.alerts.iter().enumerate() {
            blocks.push(match set.alerts.iter().find(|a| a.id == *id) {
                Some(alert) => Block::Alert(AlertBlock {
                    // What an alert quotes is for those it goes to.
                    evidence: match synthesis.audience {
                        Audience::Team => self.evidence(alert),
                        Audience::Hierarchy | Audience::Partners => Vec::new(),
                    },
                    ..self.alert(i + 1, alert)
                }),
                // Said rather than left out: a count and its list must agree.
                None => Block::Nothing(format!("{}. {id}", i + 1)),
            });
        }
        let title = self.lang.pick("Alertes", "Alerts");
        Section {
            title: format!("{title} ({})", synthesis.alerts.len()),
            blocks,
        }
    }

    fn alert(&self, number: usize, alert: &Alert) -> AlertBlock {
        let lang = self.lang;
        let place = alert
            .place
            .as_ref()
            .map(|p| format!(" · {p}"))
            .unwrap_or_default();
        let kind = capital(alert.kind.say(lang));
        let mut facts = Vec::new();
        if let Some(recipient) = &alert.recipient {
            facts.push((lang.pick("Pour", "To").to_owned(), recipient.clone()));
        }
        facts.push((
            lang.pick("Fondement", "Basis").to_owned(),
            alert.basis.clone(),
        ));
        AlertBlock {
            number,
            title: format!("{kind} · {}{place}", alert.about),
            statement: alert.statement.text(lang),
            evidence: self.evidence(alert),
            facts,
            pressing: presses(alert.kind),
        }
    }

    fn evidence(&self, alert: &Alert) -> Vec<Line> {
        alert.evidence.iter().map(|s| self.line(s)).collect()
    }

    /// An alert in one line, with its first quote where it cannot wait.
    fn brief_alert(&self, alert: &Alert) -> Brief {
        let quotes = usize::from(presses(alert.kind));
        let place = alert.place.iter().map(|place| format!(" · {place}"));
        Brief {
            name: format!("{}{}", alert.about, place.collect::<String>()),
            said: match &alert.recipient {
                Some(recipient) => {
                    let to = self.lang.pick("pour", "to");
                    format!("{to}{} {recipient}", colon(self.lang))
                }
                None => alert.kind.say(self.lang).to_owned(),
            },
            lines: std::iter::once(self.line(&alert.statement))
                .chain(alert.evidence.iter().take(quotes).map(|q| self.line(q)))
                .collect(),
        }
    }

    fn themes(&self, themes: &[ThemeSection]) -> Section {
        let lang = self.lang;
        // Too few for this audience to say how many.
        let (few, themes): (Vec<_>, Vec<_>) = themes.iter().partition(|t| t.counts.is_empty());
        let (once, several): (Vec<&ThemeSection>, Vec<_>) =
            themes.into_iter().partition(|t| observed(t) <= 1);
        let mut blocks = Vec::new();
        if few.is_empty() && once.is_empty() && several.is_empty() {
            blocks.push(self.nothing("Aucun thème.", "No theme."));
        }
        blocks.extend(several.into_iter().map(|t| Block::Theme(self.theme(t))));
        if !once.is_empty() {
            blocks.push(Block::Brief {
                title: Some(
                    lang.pick("Mentionnés une fois", "Mentioned once")
                        .to_owned(),
                ),
                lines: once
                    .into_iter()
                    .map(|theme| Brief {
                        name: theme.theme.clone(),
                        said: theme.trend.say(lang).to_owned(),
                        lines: theme.quotes.iter().map(|q| self.line(q)).collect(),
                    })
                    .collect(),
            });
        }
        if !few.is_empty() {
            blocks.push(Block::List(
                few.iter()
                    .flat_map(|theme| theme.figures.iter().map(|s| self.line(s)))
                    .collect(),
            ));
        }
        Section {
            title: lang.pick("Thèmes", "Themes").to_owned(),
            blocks,
        }
    }

    fn theme(&self, theme: &ThemeSection) -> ThemeBlock {
        ThemeBlock {
            name: theme.theme.clone(),
            trend: match theme.learnt {
                true => format!(
                    "{}, {}",
                    self.lang.pick("thème appris", "learnt theme"),
                    theme.trend.say(self.lang)
                ),
                false => theme.trend.say(self.lang).to_owned(),
            },
            counts: theme.counts.clone(),
            counts_said: counts_said(&theme.counts, self.lang),
            figures: theme.figures.iter().map(|s| self.line(s)).collect(),
            quotes: theme.quotes.iter().map(|s| self.line(s)).collect(),
        }
    }

    /// The trend and how many reports.
    fn size(&self, theme: &ThemeSection) -> String {
        let n = observed(theme);
        let trend = theme.trend.say(self.lang);
        match (self.lang, n) {
            (Lang::Fr, 0 | 1) => format!("{trend}, {n} remontée"),
            (Lang::Fr, _) => format!("{trend}, {n} remontées"),
            (Lang::En, 1) => format!("{trend}, 1 report"),
            (Lang::En, _) => format!("{trend}, {n} reports"),
        }
    }

    fn list(&self, title: &str, sentences: &[Sentence]) -> Option<Section> {
        (!sentences.is_empty()).then(|| Section {
            title: title.to_owned(),
            blocks: vec![Block::List(
                sentences.iter().map(|s| self.line(s)).collect(),
            )],
        })
    }

    fn line(&self, sentence: &Sentence) -> Line {
        match sentence {
            Sentence::Counted(counted) => Line::Figure(counted.text(self.lang)),
            Sentence::Quote(evidence) => Line::Quote(Quote {
                text: line(evidence),
                report: (self.names)(evidence.document),
                document: evidence.document,
            }),
        }
    }
}

/// What stands under a page that leaves the house: which editions it is, and how to check it.
pub fn foot(editions: &str, lang: Lang) -> String {
    match lang {
        Lang::Fr => format!(
            "Édition {editions}. Chaque phrase est une citation vérifiée ou un décompte : `greffier verify` les relit."
        ),
        Lang::En => format!(
            "Edition {editions}. Every sentence is a verified quote or a count: `greffier verify` reads them again."
        ),
    }
}

/// A plot in words.
fn counts_said(counts: &[u32], lang: Lang) -> String {
    let counts: Vec<String> = counts.iter().map(u32::to_string).collect();
    match lang {
        Lang::Fr => format!("Remontées par semaine : {}", counts.join(", ")),
        Lang::En => format!("Reports a week: {}", counts.join(", ")),
    }
}

/// Between a label and what it labels.
pub const fn colon(lang: Lang) -> &'static str {
    lang.pick(" :", ":")
}

/// What a brief theme says when nobody wrote about it.
pub const fn without_note(lang: Lang) -> &'static str {
    lang.pick("sans note", "without a note")
}

/// The marks around a quote.
pub const fn quotation_marks(lang: Lang) -> (&'static str, &'static str) {
    match lang {
        Lang::Fr => ("« ", " »"),
        Lang::En => ("“", "”"),
    }
}

/// The first and last day of a week as the language writes them.
fn days(week: IsoWeek, lang: Lang) -> (String, String) {
    let (monday, sunday) = week.days();
    let written = |iso: String| match lang {
        Lang::Fr => iso.split('-').rev().collect::<Vec<_>>().join("/"),
        Lang::En => iso,
    };
    (written(monday), written(sunday))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

//! What is said of more than one week, or of more than one edition.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::{AlertSet, DocumentId, Lang, Synthesis};

use super::{
    Block, Line, Page, Section, Table, ThemeBlock, Wording, colon, counts_said, days, observed,
};

/// Quotes of a theme over several weeks.
const QUOTES_OVER: usize = 4;

impl Page {
    /// Two weeks side by side: their themes, those that differ most first, and their figures. `names`
    /// gives each report the name people know it by.
    pub fn beside(
        then: &Synthesis,
        now: &Synthesis,
        names: &dyn Fn(DocumentId) -> String,
        lang: Lang,
    ) -> Self {
        let w = Wording { names, lang };
        let mut rows = themes_of_both(then, now);
        rows.sort_by_key(|(name, (then, now))| (Reverse(then.abs_diff(*now)), *name));
        let week = |synthesis: &Synthesis| synthesis.period.week.to_string();
        let table = Table {
            caption: lang
                .pick("Remontées par thème", "Reports by theme")
                .to_owned(),
            header: vec![
                lang.pick("thème", "theme").to_owned(),
                week(then),
                week(now),
                lang.pick("écart", "difference").to_owned(),
            ],
            rows: rows
                .into_iter()
                .map(|(name, (then, now))| {
                    let difference = i64::from(now) - i64::from(then);
                    vec![
                        name.to_owned(),
                        then.to_string(),
                        now.to_string(),
                        match difference {
                            0 => "=".to_owned(),
                            more @ 1.. => format!("+{more}"),
                            fewer => format!("−{}", fewer.unsigned_abs()),
                        },
                    ]
                })
                .collect(),
        };
        let mut sections = vec![Section {
            title: lang.pick("Thèmes", "Themes").to_owned(),
            blocks: if table.rows.is_empty() {
                vec![w.nothing("Aucun thème.", "No theme.")]
            } else {
                vec![Block::Table(table)]
            },
        }];
        for synthesis in [then, now] {
            let title = lang.pick("Chiffres", "Figures");
            sections.extend(w.list(
                &format!("{title}, {}", synthesis.period.week),
                &synthesis.headline,
            ));
        }
        let title = match lang {
            Lang::Fr => format!("Semaine {} comparée à", week(now)),
            Lang::En => format!("Week {} beside", week(now)),
        };
        let mut page = w.page(&title, then, sections);
        let (from, to) = days(now.period.week, lang);
        page.about = match lang {
            Lang::Fr => format!("{} Et du {from} au {to}.", page.about),
            Lang::En => format!("{} And from {from} to {to}.", page.about),
        };
        page.promise = lang
            .pick(
                "Une semaine de peu de remontées n’est pas une semaine calme : voir combien chacune en a reçu.",
                "A week of few reports is not a calm week: see how many each received.",
            )
            .to_owned();
        page
    }

    /// Several weeks in a row, oldest first, as each said itself: their alerts, their figures, their
    /// themes week by week with quotes of each, and what was missing. `None` without a week.
    pub fn over(
        weeks: &[(Synthesis, AlertSet)],
        names: &dyn Fn(DocumentId) -> String,
        lang: Lang,
    ) -> Option<Self> {
        let ((first, _), (last, _)) = (weeks.first()?, weeks.last()?);
        let w = Wording { names, lang };
        let colon = colon(lang);
        let dated = |synthesis: &Synthesis, said: String| {
            Line::Figure(format!("{}{colon} {said}", synthesis.period.week))
        };
        let mut alerts = Vec::new();
        let mut figures = Vec::new();
        let mut missing = Vec::new();
        for (synthesis, set) in weeks {
            for alert in synthesis
                .alerts
                .iter()
                .filter_map(|id| set.alerts.iter().find(|a| a.id == *id))
            {
                alerts.push(dated(synthesis, alert.statement.text(lang)));
            }
            if let Some(received) = synthesis.headline.first() {
                figures.push(dated(synthesis, received.text(lang)));
            }
            let lacks = synthesis.missing.iter();
            missing.extend(lacks.map(|sentence| dated(synthesis, sentence.text(lang))));
        }
        let listed = |title: &str, lines: Vec<Line>| {
            (!lines.is_empty()).then(|| Section {
                title: title.to_owned(),
                blocks: vec![Block::List(lines)],
            })
        };
        let mut sections = Vec::new();
        let title = lang.pick("Alertes", "Alerts");
        sections.extend(listed(&format!("{title} ({})", alerts.len()), alerts));
        sections.extend(listed(lang.pick("Chiffres", "Figures"), figures));
        sections.push(Section {
            title: lang.pick("Thèmes", "Themes").to_owned(),
            blocks: w.themes_over(weeks),
        });
        sections.extend(listed(
            lang.pick("Ce qui manque", "What is missing"),
            missing,
        ));
        let title = lang.pick("Synthèse des semaines", "Synthesis of weeks");
        let mut page = w.page(title, last, sections);
        let (from, to) = (
            days(first.period.week, lang).0,
            days(last.period.week, lang).1,
        );
        let (through, until) = match lang {
            Lang::Fr => ("Du", "au"),
            Lang::En => ("From", "to"),
        };
        page.title = match lang {
            Lang::Fr => format!("{title} {} à {}", first.period.week, last.period.week),
            Lang::En => format!("{title} {} to {}", first.period.week, last.period.week),
        };
        page.about = format!(
            "{through} {from} {until} {to} ({}), {}.",
            last.period.time_zone, last.pipeline
        );
        Some(page)
    }

    /// Puts first what differs from an earlier edition of the same period, which stays as it was.
    pub fn say_changes(
        &mut self,
        number: u32,
        earlier: &Synthesis,
        now: &Synthesis,
        alerts: &AlertSet,
    ) {
        let lang = self.lang;
        let mut blocks = Vec::new();
        let mut lines = Vec::new();
        if earlier.headline.first() != now.headline.first()
            && let Some(received) = earlier.headline.first()
        {
            let edition = lang.pick("Édition", "Edition");
            lines.push(Line::Figure(format!(
                "{edition} {number}{} {}",
                colon(lang),
                received.text(lang)
            )));
        }
        let added = now.alerts.iter().filter(|id| !earlier.alerts.contains(id));
        let added = added.filter_map(|id| alerts.alerts.iter().find(|a| a.id == *id));
        let new = lang.pick("Alerte nouvelle", "New alert");
        lines.extend(added.map(|alert| {
            let said = alert.statement.text(lang);
            Line::Figure(format!("{new}{} {said}", colon(lang)))
        }));
        let gone = earlier.alerts.iter().filter(|id| !now.alerts.contains(id));
        let gone = gone.count();
        if gone > 0 {
            let what = lang.pick("Alertes qui ne valent plus", "Alerts that no longer hold");
            lines.push(Line::Figure(format!("{what}{} {gone}.", colon(lang))));
        }
        if !lines.is_empty() {
            blocks.push(Block::List(lines));
        }
        let rows: Vec<Vec<String>> = themes_of_both(earlier, now)
            .into_iter()
            .filter(|(_, (then, now))| then != now)
            .map(|(name, (then, now))| vec![name.to_owned(), then.to_string(), now.to_string()])
            .collect();
        if !rows.is_empty() {
            let edition = lang.pick("édition", "edition");
            blocks.push(Block::Table(Table {
                caption: lang
                    .pick(
                        "Thèmes dont le nombre de remontées change",
                        "Themes whose number of reports changes",
                    )
                    .to_owned(),
                header: vec![
                    lang.pick("thème", "theme").to_owned(),
                    format!("{edition} {number}"),
                    lang.pick("celle-ci", "this one").to_owned(),
                ],
                rows,
            }));
        }
        if blocks.is_empty() {
            blocks.push(Block::Nothing(
                lang.pick(
                    "Ni les nombres ni les alertes n’ont changé.",
                    "Neither numbers nor alerts have changed.",
                )
                .to_owned(),
            ));
        }
        let title = match lang {
            Lang::Fr => format!("Ce qui change depuis l’édition {number}"),
            Lang::En => format!("What changes since edition {number}"),
        };
        self.sections.insert(0, Section { title, blocks });
    }
}

/// How many reports each theme has in two syntheses, by name.
fn themes_of_both<'a>(then: &'a Synthesis, now: &'a Synthesis) -> Vec<(&'a str, (u32, u32))> {
    let mut themes: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for theme in &then.themes {
        themes.entry(&theme.theme).or_default().0 = observed(theme);
    }
    for theme in &now.themes {
        themes.entry(&theme.theme).or_default().1 = observed(theme);
    }
    themes.into_iter().collect()
}

impl Wording<'_> {
    /// Themes of several weeks, most reports first; those mentioned once only in the table.
    fn themes_over(&self, weeks: &[(Synthesis, AlertSet)]) -> Vec<Block> {
        let lang = self.lang;
        let mut themes: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (at, (synthesis, _)) in weeks.iter().enumerate() {
            for theme in &synthesis.themes {
                let counts = themes
                    .entry(&theme.theme)
                    .or_insert_with(|| vec![0; weeks.len()]);
                counts[at] = observed(theme);
            }
        }
        if themes.is_empty() {
            return vec![self.nothing("Aucun thème.", "No theme.")];
        }
        let total = |counts: &[u32]| counts.iter().map(|n| u64::from(*n)).sum::<u64>();
        let mut themes: Vec<(&str, Vec<u32>)> = themes.into_iter().collect();
        themes.sort_by_key(|(name, counts)| (Reverse(total(counts)), *name));
        let mut header = vec![lang.pick("thème", "theme").to_owned()];
        header.extend(weeks.iter().map(|(s, _)| s.period.week.to_string()));
        header.push(lang.pick("en tout", "in all").to_owned());
        let rows = themes.iter().map(|(name, counts)| {
            let mut row = vec![(*name).to_owned()];
            row.extend(counts.iter().map(u32::to_string));
            row.push(total(counts).to_string());
            row
        });
        let mut blocks = vec![Block::Table(Table {
            caption: lang
                .pick(
                    "Remontées par thème et par semaine",
                    "Reports by theme and week",
                )
                .to_owned(),
            header,
            rows: rows.collect(),
        })];
        for (name, counts) in themes.into_iter().filter(|(_, counts)| total(counts) > 1) {
            // The latest week first: what is still so matters most.
            let quotes = weeks
                .iter()
                .rev()
                .filter_map(|(synthesis, _)| synthesis.themes.iter().find(|t| t.theme == name))
                .filter_map(|theme| theme.quotes.first())
                .take(QUOTES_OVER)
                .map(|quote| self.line(quote))
                .collect();
            blocks.push(Block::Theme(ThemeBlock {
                name: name.to_owned(),
                trend: match (lang, total(&counts)) {
                    (Lang::Fr, n) => format!("{n} remontées"),
                    (Lang::En, n) => format!("{n} reports"),
                },
                counts_said: counts_said(&counts, lang),
                counts,
                figures: Vec::new(),
                quotes,
            }));
        }
        blocks
    }
}

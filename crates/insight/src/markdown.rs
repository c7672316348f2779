//! The page a mediator reads on Monday in five minutes: alerts first, then figures, themes with
//! their trend and quotes, lone voices, what was done since, what is missing.

use std::fmt::Write as _;

use domain::catalogue::Said;
use domain::synthesis::ThemeSection;
use domain::{Alert, AlertSet, DocumentId, IsoWeek, Lang, Sentence, Synthesis};

use crate::quotes::line;

/// The page in CommonMark. `names` gives each report the name people know it by. Words of reports
/// are escaped: they are shown, never interpreted.
pub fn markdown(
    synthesis: &Synthesis,
    alerts: &AlertSet,
    names: &dyn Fn(DocumentId) -> String,
    lang: Lang,
) -> String {
    let mut page = Page {
        out: String::new(),
        names,
        lang,
    };
    page.title(synthesis);
    page.alerts(synthesis, alerts);
    page.bullets(lang.pick("Chiffres", "Figures"), &synthesis.headline);
    page.themes(&synthesis.themes);
    page.bullets(
        lang.pick("Voix isolées", "Lone voices"),
        &synthesis.lone_voices,
    );
    page.bullets(
        lang.pick("Suites données", "Done since"),
        &synthesis.done_since,
    );
    page.bullets(
        lang.pick("Ce qui manque", "What is missing"),
        &synthesis.missing,
    );
    page.out
}

struct Page<'a> {
    out: String,
    names: &'a dyn Fn(DocumentId) -> String,
    lang: Lang,
}

impl Page<'_> {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(text);
    }

    fn title(&mut self, synthesis: &Synthesis) {
        let period = &synthesis.period;
        let (monday, sunday) = days(period.week, self.lang);
        let (title, from, to) = match self.lang {
            Lang::Fr => ("Synthèse de la semaine", "Du", "au"),
            Lang::En => ("Synthesis of week", "From", "to"),
        };
        let promise = self.lang.pick(
            "Chaque phrase est une citation ou un chiffre recalculable.",
            "Every sentence is a quote or a figure that can be counted again.",
        );
        self.push(format_args!(
            "# {title} {}\n\n{from} {monday} {to} {sunday} ({}), {}. {promise}\n",
            period.week,
            escape(&period.time_zone),
            synthesis.pipeline,
        ));
    }

    fn heading(&mut self, text: std::fmt::Arguments<'_>) {
        self.push(format_args!("\n## {text}\n"));
    }

    fn alerts(&mut self, synthesis: &Synthesis, set: &AlertSet) {
        let title = self.lang.pick("Alertes", "Alerts");
        self.heading(format_args!("{title} ({})", synthesis.alerts.len()));
        if synthesis.alerts.is_empty() {
            let none = self.lang.pick("Aucune alerte.", "No alert.");
            self.push(format_args!("\n{none}\n"));
        }
        for (i, id) in synthesis.alerts.iter().enumerate() {
            match set.alerts.iter().find(|a| a.id == *id) {
                Some(alert) => self.alert(i + 1, alert),
                // Said rather than left out: a count and its list must agree.
                None => self.push(format_args!("\n### {}. {id}\n", i + 1)),
            }
        }
    }

    fn alert(&mut self, number: usize, alert: &Alert) {
        let lang = self.lang;
        let place = alert
            .place
            .as_ref()
            .map(|p| format!(" · {}", escape(p)))
            .unwrap_or_default();
        let kind = capital(alert.kind.say(lang));
        let statement = escape(&alert.statement.text(lang));
        self.push(format_args!(
            "\n### {number}. {kind} · {}{place}\n\n**{statement}**\n",
            escape(&alert.about)
        ));
        for quote in &alert.evidence {
            let said = self.said(quote);
            self.push(format_args!("\n> {said}\n"));
        }
        let (to, why) = match lang {
            Lang::Fr => ("Pour", "Fondement"),
            Lang::En => ("To", "Basis"),
        };
        let colon = lang.pick(" :", ":");
        self.push(format_args!("\n"));
        if let Some(recipient) = &alert.recipient {
            self.push(format_args!("{to}{colon} {}. ", escape(recipient)));
        }
        self.push(format_args!("{why}{colon} {}\n", escape(&alert.basis)));
    }

    fn themes(&mut self, themes: &[ThemeSection]) {
        let (once, several): (Vec<_>, Vec<_>) = themes
            .iter()
            .partition(|t| t.counts.last().is_none_or(|n| *n <= 1));
        let title = self.lang.pick("Thèmes", "Themes");
        self.heading(format_args!("{title}"));
        if themes.is_empty() {
            let none = self.lang.pick("Aucun thème.", "No theme.");
            self.push(format_args!("\n{none}\n"));
        }
        for theme in several {
            let trend = theme.trend.say(self.lang);
            self.push(format_args!("\n### {} ({trend})\n\n", escape(&theme.theme)));
            for figure in &theme.figures {
                let said = self.said(figure);
                self.push(format_args!("- {said}\n"));
            }
            for quote in &theme.quotes {
                let said = self.said(quote);
                self.push(format_args!("\n> {said}\n"));
            }
        }
        if !once.is_empty() {
            let title = self.lang.pick("Mentionnés une fois", "Mentioned once");
            self.push(format_args!("\n### {title}\n\n"));
        }
        for theme in once {
            let quotes: Vec<String> = theme.quotes.iter().map(|q| self.said(q)).collect();
            let quotes = if quotes.is_empty() {
                self.lang.pick("sans note", "without a note").to_owned()
            } else {
                quotes.join(" ")
            };
            let trend = theme.trend.say(self.lang);
            let colon = self.lang.pick(" :", ":");
            self.push(format_args!(
                "- **{}** ({trend}){colon} {quotes}\n",
                escape(&theme.theme)
            ));
        }
    }

    fn bullets(&mut self, title: &str, sentences: &[Sentence]) {
        if sentences.is_empty() {
            return;
        }
        self.heading(format_args!("{title}"));
        self.push(format_args!("\n"));
        for sentence in sentences {
            let said = self.said(sentence);
            self.push(format_args!("- {said}\n"));
        }
    }

    /// A figure, or a quote on one line with the name of its report.
    fn said(&self, sentence: &Sentence) -> String {
        match sentence {
            Sentence::Counted(counted) => escape(&counted.text(self.lang)),
            Sentence::Quote(evidence) => {
                let (open, close) = match self.lang {
                    Lang::Fr => ("« ", " »"),
                    Lang::En => ("“", "”"),
                };
                let name = (self.names)(evidence.document);
                format!(
                    "{open}{}{close} ({})",
                    escape(&line(evidence)),
                    escape(&name)
                )
            }
        }
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

/// Text that CommonMark shows as it is, on one line. Square brackets alone mean nothing, and
/// placeholders such as `[nom]` should stay readable in the source: only what would make them a
/// link is escaped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' | '`' | '*' | '_' | '<' | '>' | '#' | '&' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            ']' if matches!(chars.peek(), Some('(' | '[' | ':')) => out.push_str("\\]"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_shown_and_never_interpreted() {
        assert_eq!(
            escape("<b>[x](javascript:1)</b> [nom] *2* &amp; a_b\n# t"),
            "\\<b\\>[x\\](javascript:1)\\</b\\> [nom] \\*2\\* \\&amp; a\\_b \\# t"
        );
    }
}

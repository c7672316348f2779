//! A page in CommonMark. Words of reports are escaped: they are shown, never interpreted.

use std::fmt::Write as _;

use crate::page::{
    AlertBlock, Block, Brief, Line, Page, Table, ThemeBlock, colon, quotation_marks, without_note,
};

/// The page in CommonMark.
pub fn markdown(page: &Page) -> String {
    let mut writer = Writer {
        out: String::new(),
        page,
    };
    writer.push(format_args!(
        "# {}\n\n{} {}\n",
        page.title,
        escape(&page.about),
        page.promise
    ));
    for section in &page.sections {
        writer.push(format_args!("\n## {}\n", section.title));
        for block in &section.blocks {
            writer.block(block);
        }
    }
    if let Some(foot) = &page.foot {
        writer.push(format_args!("\n{foot}\n"));
    }
    writer.out
}

struct Writer<'a> {
    out: String,
    page: &'a Page,
}

impl Writer<'_> {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(text);
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Nothing(text) => self.push(format_args!("\n{}\n", escape(text))),
            Block::Alert(alert) => self.alert(alert),
            Block::Theme(theme) => self.theme(theme),
            Block::Brief { title, lines } => {
                match title {
                    Some(title) => self.push(format_args!("\n### {title}\n\n")),
                    None => self.push(format_args!("\n")),
                }
                for line in lines {
                    self.brief(line);
                }
            }
            Block::List(lines) => {
                self.push(format_args!("\n"));
                for line in lines {
                    let said = self.said(line);
                    self.push(format_args!("- {said}\n"));
                }
            }
            Block::Table(table) => self.table(table),
        }
    }

    fn table(&mut self, table: &Table) {
        self.push(format_args!(
            "\n{}{}\n\n| {} |\n|---|{}\n",
            table.caption,
            colon(self.page.lang),
            table.header.join(" | "),
            "---:|".repeat(table.header.len().saturating_sub(1)),
        ));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
            self.push(format_args!("| {} |\n", cells.join(" | ")));
        }
    }

    fn alert(&mut self, alert: &AlertBlock) {
        self.push(format_args!(
            "\n### {}. {}\n\n**{}**\n",
            alert.number,
            escape(&alert.title),
            escape(&alert.statement)
        ));
        self.quotes(&alert.evidence);
        let facts: Vec<String> = alert
            .facts
            .iter()
            .map(|(label, said)| {
                let stop = if said.ends_with('.') { "" } else { "." };
                format!("{label}{} {}{stop}", colon(self.page.lang), escape(said))
            })
            .collect();
        if !facts.is_empty() {
            self.push(format_args!("\n{}\n", facts.join(" ")));
        }
    }

    fn theme(&mut self, theme: &ThemeBlock) {
        self.push(format_args!(
            "\n### {} ({})\n",
            escape(&theme.name),
            theme.trend
        ));
        if !theme.figures.is_empty() {
            self.push(format_args!("\n"));
        }
        for figure in &theme.figures {
            let said = self.said(figure);
            self.push(format_args!("- {said}\n"));
        }
        self.quotes(&theme.quotes);
    }

    fn quotes(&mut self, lines: &[Line]) {
        for line in lines {
            let said = self.said(line);
            self.push(format_args!("\n> {said}\n"));
        }
    }

    fn brief(&mut self, brief: &Brief) {
        let mut said: Vec<String> = brief.lines.iter().map(|line| self.said(line)).collect();
        if said.is_empty() {
            said.push(without_note(self.page.lang).to_owned());
        }
        self.push(format_args!(
            "- **{}** ({}){} {}\n",
            escape(&brief.name),
            brief.said,
            colon(self.page.lang),
            said.join(" ")
        ));
    }

    /// A figure, or a quote on one line with the name of its report.
    fn said(&self, line: &Line) -> String {
        match line {
            Line::Figure(text) => escape(text),
            Line::Quote(quote) => {
                let (open, close) = quotation_marks(self.page.lang);
                format!(
                    "{open}{}{close} ({})",
                    escape(&quote.text),
                    escape(&quote.report)
                )
            }
        }
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

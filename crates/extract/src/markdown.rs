//! An extraction as Markdown (CommonMark with tables): what people read and paste, with headings,
//! lists and tables as blocks' roles say. Places are lost: quotes refer to the stored text.

use std::fmt::Write as _;

use domain::{Block, BlockRole, Layout, StoredText};

/// The text of a layout as Markdown. Pages are separated by a rule.
pub fn markdown(text: &StoredText, layout: &Layout) -> String {
    let mut out = String::new();
    for page in &layout.pages {
        if !out.is_empty() && !page.blocks.is_empty() {
            out.push_str("---\n\n");
        }
        for block in &page.blocks {
            write_block(block, text, &mut out);
        }
    }
    out
}

fn write_block(block: &Block, text: &StoredText, out: &mut String) {
    let lines = block
        .lines
        .iter()
        .map(|line| line.span.of(text).unwrap_or_default());
    let heading = |marks: &str, out: &mut String| {
        let words: Vec<String> = lines.clone().map(escaped).collect();
        // Writing to a String cannot fail.
        let _ = write!(out, "{marks} {}\n\n", words.join(" "));
    };
    match block.role {
        BlockRole::Title => heading("#", out),
        BlockRole::Heading => heading("##", out),
        BlockRole::Subheading => heading("###", out),
        BlockRole::List => {
            for line in lines {
                let item = line.trim_start_matches(['•', '◦', '▪', '-', '–', '*', ' ', '\u{a0}']);
                let _ = writeln!(out, "- {}", escaped(item));
            }
            out.push('\n');
        }
        BlockRole::Table => table(lines.collect(), out),
        BlockRole::Text | BlockRole::Header | BlockRole::Footer => {
            let words: Vec<String> = lines.map(escaped).collect();
            out.push_str(&words.join("  \n"));
            out.push_str("\n\n");
        }
    }
}

/// Rows as a table; the first is its head, as the form demands.
fn table(rows: Vec<&str>, out: &mut String) {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.split('\t').collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    for (number, row) in rows.iter().enumerate() {
        out.push('|');
        for column in 0..columns {
            let cell = row.get(column).copied().unwrap_or_default();
            let _ = write!(out, " {} |", escaped(cell.trim()).replace('|', "\\|"));
        }
        out.push('\n');
        if number == 0 {
            out.push('|');
            out.push_str(&" --- |".repeat(columns));
            out.push('\n');
        }
    }
    out.push('\n');
}

/// Text in which nothing is taken for a mark: CommonMark 0.31, 2.4.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let trimmed = text.trim_start();
    for (at, c) in text.char_indices() {
        let first = at == text.len() - trimmed.len();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let after_number = digits > 0 && at == text.len() - trimmed.len() + digits;
        let mark = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' => true,
            '#' | '+' | '-' | '=' | '~' => first,
            // "2024. Texte" would begin a list.
            '.' | ')' => after_number && text[at + 1..].starts_with(' '),
            '&' => text[at..].contains(';'),
            _ => false,
        };
        if mark {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budgets::Budgets;
    use crate::draft::Draft;

    fn check(role: BlockRole, lines: &[&str], expected: &str) {
        let budgets = Budgets::default();
        let mut draft = Draft::new(&budgets);
        draft.page(0.0, 0.0);
        draft.begin_block(role);
        for line in lines {
            draft.line(line, None);
        }
        let read = draft.finish();
        assert_eq!(markdown(&read.text, &read.layout), expected);
    }

    #[test]
    fn blocks_are_what_their_roles_say() {
        check(BlockRole::Title, &["Budget", "2026"], "# Budget 2026\n\n");
        check(BlockRole::Subheading, &["Art. 3"], "### Art. 3\n\n");
        check(BlockRole::List, &["• un", "- deux"], "- un\n- deux\n\n");
        check(
            BlockRole::Table,
            &["Poste\tMontant", "Eau|gaz\t12", "Total"],
            "| Poste | Montant |\n| --- | --- |\n| Eau\\|gaz | 12 |\n| Total |  |\n\n",
        );
        check(BlockRole::Text, &["une", "deux"], "une  \ndeux\n\n");
    }

    #[test]
    fn nothing_is_taken_for_a_mark() {
        check(BlockRole::Text, &["# pas un titre"], "\\# pas un titre\n\n");
        check(
            BlockRole::Text,
            &["12. rue *X*_y_"],
            "12\\. rue \\*X\\*\\_y\\_\n\n",
        );
        check(BlockRole::Text, &["12.5 et a-b"], "12.5 et a-b\n\n");
        check(
            BlockRole::Text,
            &["<script>&amp;"],
            "\\<script\\>\\&amp;\n\n",
        );
    }
}

//! What is shown in a terminal: data on standard output, all else on standard error; readable
//! without colour.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Prints a line. A reader that went away (`| head`) ends the program quietly.
pub fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{}", text.as_ref()).is_err() {
        std::process::exit(0);
    }
}

/// Prints text as it is.
pub fn raw(text: &str) {
    let mut out = std::io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}

/// Prints a value in indented JSON.
///
/// # Errors
/// When it has no JSON form.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// One rule under the header: rows that wrap are told apart by their first column.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table with a header, as wide as the terminal.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(150);
    }
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    line(table.to_string());
}

/// A heading between parts of a longer output.
pub fn heading(text: &str) {
    let text = text.trim();
    line(format!("\n{text}\n{}", "═".repeat(text.chars().count())));
}

/// A progress bar on standard error; invisible when that is not a terminal.
pub fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template("{msg:28} {bar:36} {pos}/{len} {eta:>5}") {
        bar.set_style(style.progress_chars("█▌ "));
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Says something about the work on standard error.
pub fn note(text: impl AsRef<str>) {
    let mut err = std::io::stderr().lock();
    // Nobody reads standard error: the exit code still tells.
    let _ = writeln!(err, "{}", text.as_ref());
}

/// A text in `width` characters at most, on one line.
pub fn short(text: &str, width: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= width {
        return flat;
    }
    let mut cut: String = flat.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// A text with highlighted ranges: bold in a terminal, between `[` and `]` elsewhere.
pub fn highlighted(text: &str, spans: &[domain::Span]) -> String {
    let (on, off) = if std::io::stdout().is_terminal() {
        ("\u{1b}[1m", "\u{1b}[0m")
    } else {
        ("[", "]")
    };
    let mut out = String::new();
    let mut at = 0;
    for span in spans {
        let (Some(before), Some(marked)) = (text.get(at..span.start as usize), span.of(text))
        else {
            continue;
        };
        out.push_str(before);
        out.push_str(on);
        out.push_str(marked);
        out.push_str(off);
        at = span.end as usize;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

//! Dated rows of a table as series of weeks, days or hours: the whole, and each value of the columns
//! asked for.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::commands::tables::opened;

/// How long a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// ISO weeks.
    Week,
    /// Days.
    Day,
    /// Hours.
    Hour,
}

/// Series of the same steps.
pub struct Series {
    /// The file's name.
    pub set: String,
    /// Rows with a date.
    pub rows: usize,
    /// Rows whose date could not be read.
    pub undated: usize,
    /// `*` for the whole, else `column=value`.
    pub names: Vec<String>,
    /// Rows of each step, the first step being that of the first row.
    pub counts: Vec<Vec<u32>>,
    /// The first step, counted from the first of January of the year 1 of the common era, a Monday.
    pub first: i64,
}

/// Reads a TSV or CSV (separated by what its first line has most of: tabs, semicolons or commas).
/// Two places joined by `,` are coordinates, in cells of `cell` degrees. Series of fewer than `least`
/// rows are left out.
///
/// # Errors
/// When the file cannot be read, lacks a column, or has no date that can be read.
pub fn read(
    path: &Path,
    date: &str,
    places: &[String],
    step: Step,
    cell: f64,
    least: u32,
) -> Result<Series> {
    let mut text = opened(path)?;
    let mut first = String::new();
    text.read_line(&mut first)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let times = |c: char| first.matches(c).count();
    let delimiter = ['\t', ';', ',']
        .into_iter()
        .max_by_key(|c| (times(*c), u32::from(*c == '\t')))
        .unwrap_or('\t');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .quoting(delimiter != '\t')
        .flexible(true)
        .from_reader(first.as_bytes().chain(text));
    let header = reader.headers()?.clone();
    let column = |name: &str| {
        let found = header
            .iter()
            .position(|h| h.trim_start_matches('\u{feff}') == name);
        found.with_context(|| {
            let names: Vec<&str> = header.iter().collect();
            format!(
                "{}:1: no column `{name}`: found {}",
                path.display(),
                names.join(", ")
            )
        })
    };
    let dated = column(date)?;
    let wanted: Vec<(&String, Vec<usize>)> = places
        .iter()
        .map(|p| Ok((p, p.split(',').map(column).collect::<Result<_>>()?)))
        .collect::<Result<_>>()?;
    let mut rows: Vec<(i64, Vec<String>)> = Vec::new();
    let mut undated = 0;
    for (n, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("{}:{}", path.display(), n + 2))?;
        let Some(at) = record.get(dated).and_then(|text| moment(text, step)) else {
            undated += 1;
            continue;
        };
        let mut names = vec!["*".to_owned()];
        for (name, columns) in &wanted {
            let values: Vec<&str> = columns
                .iter()
                .filter_map(|c| record.get(*c))
                .map(str::trim)
                .filter(|v| !v.is_empty())
                .collect();
            match values.as_slice() {
                [one] if columns.len() == 1 => names.push(format!("{name}={one}")),
                [a, b] => {
                    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else {
                        bail!("{}:{}: no coordinates: {a}, {b}", path.display(), n + 2);
                    };
                    let cells = ((a / cell).round() as i64, (b / cell).round() as i64);
                    names.push(format!("{name}={},{}", cells.0, cells.1));
                }
                _ => {}
            }
        }
        rows.push((at, names));
    }
    let steps = rows.iter().map(|r| r.0);
    let (Some(from), Some(to)) = (steps.clone().min(), steps.max()) else {
        bail!(
            "{}: no date in column `{date}` can be read: expected 2026-11-18 or 18/11/2026",
            path.display()
        );
    };
    ensure!(
        to - from < 100_000,
        "{}: dates from one end of the calendar to the other",
        path.display()
    );
    let mut series: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let total = rows.len();
    for (at, names) in rows {
        for name in names {
            let counts = series
                .entry(name)
                .or_insert_with(|| vec![0; (to - from + 1) as usize]);
            counts[(at - from) as usize] += 1;
        }
    }
    series.retain(|_, counts| counts.iter().sum::<u32>() >= least);
    let (names, counts) = series.into_iter().unzip();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Series {
        set: file.split('.').next().unwrap_or_default().to_owned(),
        rows: total,
        undated,
        names,
        counts,
        first: from,
    })
}

/// The step of a date: `2026-11-18`, `18/11/2026`, each with or without a time.
fn moment(text: &str, step: Step) -> Option<i64> {
    let text = text.trim();
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = match text.as_bytes().get(2) {
        Some(b'/') => (part(6, 10)?, part(3, 5)?, part(0, 2)?),
        _ => (part(0, 4)?, part(5, 7)?, part(8, 10)?),
    };
    let length = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Days since Monday the first of January of the year 1 (proleptic Gregorian).
    let (y, m) = match month > 2 {
        true => (year, month - 3),
        false => (year - 1, month + 9),
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 307;
    Some(match step {
        Step::Week => days.div_euclid(7),
        Step::Day => days,
        Step::Hour => days * 24 + part(11, 13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_fall_into_their_steps() {
        let week = |text: &str| moment(text, Step::Week);
        assert_eq!(moment("0001-01-01", Step::Day), Some(0));
        assert_eq!(moment("2026-11-16", Step::Day).map(|d| d % 7), Some(0));
        // Sunday and Monday.
        assert_eq!(week("2026-11-15").map(|w| w + 1), week("16/11/2026 08:30"));
        assert_eq!(week("2016-02-29"), week("2016-03-01"));
        assert_eq!(
            moment("2020-03-22 10:55:35", Step::Hour).map(|h| h % 24),
            Some(10)
        );
        for wrong in [
            "",
            "2015-02-29",
            "31/04/2015",
            "2014-13-01",
            "hier",
            "2014-05",
        ] {
            assert_eq!(week(wrong), None, "{wrong}");
        }
    }
}

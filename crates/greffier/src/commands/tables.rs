//! Reading tables and other files of lines, unpacked where they are packed.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};

/// A file, unpacked where it is named as packed.
///
/// # Errors
/// When it cannot be opened.
pub fn opened(path: &Path) -> Result<Box<dyn BufRead>> {
    let opened =
        std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let packed = path.extension().is_some_and(|extension| extension == "xz");
    Ok(match packed {
        true => Box::new(BufReader::new(lzma_rust2::XzReader::new(
            BufReader::new(opened),
            true,
        ))),
        false => Box::new(BufReader::new(opened)),
    })
}

/// The columns of a TSV, in the order asked; every row whole or the file is refused with the line.
///
/// # Errors
/// When the file cannot be read, lacks a column or has a row that lacks one.
pub fn columns(path: &Path, wanted: &[&str]) -> Result<Vec<Vec<String>>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .quoting(false)
        .flexible(true)
        .from_reader(opened(path)?);
    let header = reader
        .headers()
        .with_context(|| format!("{}: no header", path.display()))?
        .clone();
    let mut places = Vec::new();
    for name in wanted {
        let place = header
            .iter()
            .position(|h| h.trim_start_matches('\u{feff}') == *name);
        let found: Vec<&str> = header.iter().collect();
        places.push(place.with_context(|| {
            format!(
                "{}:1: no column `{name}`: found {}",
                path.display(),
                found.join(", ")
            )
        })?);
    }
    let mut rows = Vec::new();
    for (n, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("{}:{}", path.display(), n + 2))?;
        let row: Option<Vec<String>> = places
            .iter()
            .map(|p| record.get(*p).map(str::to_owned))
            .collect();
        rows.push(row.with_context(|| {
            format!(
                "{}:{}: {} columns, expected {}",
                path.display(),
                n + 2,
                record.len(),
                header.len()
            )
        })?);
    }
    Ok(rows)
}

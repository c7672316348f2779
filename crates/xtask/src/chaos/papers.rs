//! The documents of a run, made from its seed: letters, forms and mails of the fixtures, long texts,
//! and files that are broken.
//!
//! Each is a file of its own name and its own bytes. A letter and a long text hold a word that no
//! other document has, to be searched for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::plan::Size;
use crate::fixtures::Numbers;

/// Of so many documents one is broken, and one is long.
const ONE_BROKEN_OF: usize = 10;
const ONE_LONG_OF: usize = 20;
/// Of so many documents one is a file of the fixtures, with a remark that makes it another.
const ONE_FIXTURE_OF: usize = 5;
/// Pages that are only images take seconds to recognise, and say nothing about the house.
const LEFT_OUT: [&str; 2] = ["image.png", "scan_20261112_0007.pdf"];

/// What was made.
#[derive(Debug, Default)]
pub(crate) struct Papers {
    /// A folder for each batch.
    pub(crate) folders: Vec<PathBuf>,
    /// The stem of a file, and the word that it alone holds.
    pub(crate) words: Vec<(String, String)>,
    /// How many are broken.
    pub(crate) broken: usize,
    /// How many are long.
    pub(crate) long: usize,
}

/// Writes them under `folder`.
///
/// # Errors
/// When the fixtures cannot be read or a file cannot be written.
pub(crate) fn write(root: &Path, folder: &Path, seed: u64, size: &Size) -> Result<Papers> {
    let mut numbers = Numbers::seeded(seed ^ 0x005e_ed0f_0dd5);
    let texts = texts(root)?;
    let whole = files(&root.join("fixtures/forms/documents"))?;
    let broken = files(&root.join("fixtures/bad/documents"))?;
    let mut papers = Papers::default();
    for n in 0..size.batches {
        let batch = folder.join(format!("batch-{n}"));
        fs::create_dir_all(&batch).with_context(|| format!("cannot make {}", batch.display()))?;
        papers.folders.push(batch);
    }
    for n in 0..size.documents {
        let batch = &papers.folders[n % papers.folders.len()];
        let (name, bytes) = if n % ONE_BROKEN_OF == 3 {
            papers.broken += 1;
            spoilt(&mut numbers, &broken, &whole, n)?
        } else if n % ONE_FIXTURE_OF == 1 {
            let path = &whole[numbers.below(whole.len())];
            (name_of("file", n, path), another(path, n)?)
        } else {
            let long = n % ONE_LONG_OF == 7;
            papers.long += usize::from(long);
            let stem = format!("{}-{n:05}", if long { "long" } else { "letter" });
            let word = word(n);
            let length = if long {
                size.huge.0 + numbers.below(size.huge.1 - size.huge.0)
            } else {
                100 + numbers.below(900)
            };
            let text = letter(&mut numbers, &texts, &word, length);
            papers.words.push((stem.clone(), word));
            (format!("{stem}.txt"), text.into_bytes())
        };
        let path = batch.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(papers)
}

/// A text of at least so many bytes out of what people wrote.
fn letter(numbers: &mut Numbers, texts: &[String], word: &str, length: usize) -> String {
    let mut text = format!("Valmont-sur-Orve, référence {word}.\n\n");
    while text.len() < length {
        text.push_str(&texts[numbers.below(texts.len())]);
        text.push_str("\n\n");
    }
    text
}

/// A word that is in no language and in one document.
fn word(n: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = n;
    for _ in 0..4 {
        letters.push(b'a' + u8::try_from(rest % 26).unwrap_or(0));
        rest /= 26;
    }
    letters.reverse();
    format!("zqv{}", String::from_utf8_lossy(&letters))
}

/// A file that is broken: one of those made to be, or a good one that was cut short or written over.
fn spoilt(
    numbers: &mut Numbers,
    broken: &[PathBuf],
    whole: &[PathBuf],
    n: usize,
) -> Result<(String, Vec<u8>)> {
    let way = numbers.below(3);
    let path = match way {
        0 => &broken[numbers.below(broken.len())],
        _ => &whole[numbers.below(whole.len())],
    };
    let mut bytes = read(path)?;
    match way {
        0 => bytes.extend(format!("\n% {n}\n").bytes()),
        1 => {
            bytes.truncate(bytes.len() / 4 + numbers.below(bytes.len() / 2));
            bytes.extend(n.to_be_bytes());
        }
        _ => {
            for _ in 0..20 {
                let place = numbers.below(bytes.len());
                bytes[place] = u8::try_from(numbers.below(256)).unwrap_or(0);
            }
            bytes.extend(format!("\n% {n}\n").bytes());
        }
    }
    Ok((name_of("broken", n, path), bytes))
}

/// A file of the fixtures with a remark where its format has room for one.
fn another(path: &Path, n: usize) -> Result<Vec<u8>> {
    let mut bytes = read(path)?;
    match path.extension().and_then(|e| e.to_str()) {
        Some("eml") => bytes = [format!("X-Number: {n}\r\n").into_bytes(), bytes].concat(),
        Some("html") => bytes.extend(format!("<!-- {n} -->\n").bytes()),
        // What follows the directory at the end of an archive is its comment; that of a PDF begins so.
        _ => bytes.extend(format!("\n% {n}\n").bytes()),
    }
    Ok(bytes)
}

fn name_of(kind: &str, n: usize, path: &Path) -> String {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    format!("{kind}-{n:05}.{extension}")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The files of a folder, in order, but for those left out.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !LEFT_OUT.contains(&name.as_ref()) {
            all.push(path);
        }
    }
    all.sort();
    ensure!(!all.is_empty(), "{} is empty", folder.display());
    Ok(all)
}

/// What people wrote, of the table that the classifier learns from.
fn texts(root: &Path) -> Result<Vec<String>> {
    let path = root.join("fixtures/forms/labelled.tsv");
    let mut table = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .from_path(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut texts = Vec::new();
    for row in table.records() {
        let row = row.with_context(|| format!("in {}", path.display()))?;
        texts.extend(row.get(0).map(str::to_owned));
    }
    ensure!(!texts.is_empty(), "{} has no rows", path.display());
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_makes_the_same_files_each_of_its_own_bytes() {
        let root = crate::program::Workspace::here().unwrap();
        let size = Size::short(120);
        let mut runs = Vec::new();
        for _ in 0..2 {
            let folder = tempfile::tempdir().unwrap();
            let papers = write(root.root(), folder.path(), 5, &size).unwrap();
            assert_eq!((papers.broken, papers.long), (12, 6));
            let mut all = std::collections::BTreeMap::new();
            for batch in &papers.folders {
                for entry in fs::read_dir(batch).unwrap() {
                    let path = entry.unwrap().path();
                    let stem = path.file_stem().unwrap().to_owned();
                    all.insert(stem, fs::read(&path).unwrap());
                }
            }
            assert_eq!(all.len(), size.documents, "a stem twice");
            let bytes: BTreeSet<&Vec<u8>> = all.values().collect();
            assert_eq!(bytes.len(), size.documents, "the same bytes twice");
            for (stem, word) in &papers.words {
                let holding = all
                    .iter()
                    .filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(word.as_str()));
                let stems: Vec<_> = holding.map(|(stem, _)| stem.to_string_lossy()).collect();
                assert_eq!(stems, [stem.as_str()]);
            }
            runs.push(all);
        }
        assert_eq!(runs[0], runs[1]);
    }
}

//! How a word that is being typed may go on: words that documents within reach hold.
//!
//! Nothing else is ever offered: a name that stands only in documents of another service is not
//! there, and is not counted.

use std::collections::{BTreeMap, BTreeSet};

use domain::text::fold;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, TERMINATED, Term};

use crate::SearchError;
use crate::analysis::words;
use crate::fields::Fields;
use crate::snapshot::{Reach, Snapshot};

/// Letters of the last word at least: fewer begin half the dictionary.
const LETTERS_MIN: usize = 2;

/// What was typed, gone on with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Suggestion {
    /// The whole text with its last word completed, with the accents most documents give it.
    pub text: String,
    /// Passages within reach that hold the word.
    pub passages: u64,
}

/// A word that begins as asked, without accents.
#[derive(Default)]
struct Candidate {
    /// Passages of any spelling.
    passages: u64,
    /// Passages by spelling with accents.
    accented: BTreeMap<String, u64>,
}

pub(crate) fn suggest(
    snapshot: &Snapshot,
    fields: &Fields,
    reach: &Reach,
    text: &str,
    limit: usize,
) -> Result<Vec<Suggestion>, SearchError> {
    // Only a word that the text ends with is still being typed.
    let typed = words(text);
    let Some(last) = typed.last().filter(|w| w.range.end == text.len()) else {
        return Ok(Vec::new());
    };
    let prefix = &last.folded;
    if prefix.chars().count() < LETTERS_MIN {
        return Ok(Vec::new());
    }
    let mut candidates: BTreeMap<String, Candidate> = BTreeMap::new();
    for (segment, reach) in snapshot.searcher.segment_readers().iter().zip(&reach.sets) {
        // Words first, then one at a time: as many sets as words would fill the memory.
        let mut forms: BTreeSet<String> = BTreeSet::new();
        let indexes = [fields.words, fields.head_words].map(|f| (f, segment.inverted_index(f)));
        let mut fields = Vec::new();
        for (field, index) in indexes {
            let index = index?;
            for first in beginnings(prefix) {
                let mut terms = index.terms().range().ge(&first).into_stream()?;
                while let Some((term, _)) = terms.next() {
                    if !term.starts_with(first.as_bytes()) {
                        break;
                    }
                    let form = std::str::from_utf8(term).unwrap_or_default();
                    if fold(form).starts_with(prefix.as_str()) {
                        forms.insert(form.to_owned());
                    }
                }
            }
            fields.push((field, index));
        }
        for form in forms {
            // A word stands in text or head of a passage, or in both: each passage counts once.
            let mut held: Vec<DocId> = Vec::new();
            for (field, index) in &fields {
                let term = Term::from_field_text(*field, &form);
                let found = index.read_postings(&term, IndexRecordOption::Basic)?;
                if let Some(mut postings) = found {
                    while postings.doc() != TERMINATED {
                        if reach.contains(postings.doc()) {
                            held.push(postings.doc());
                        }
                        postings.advance();
                    }
                }
            }
            held.sort_unstable();
            held.dedup();
            if held.is_empty() {
                continue;
            }
            let passages = held.len() as u64;
            let plain = fold(&form);
            let candidate = candidates.entry(plain.clone()).or_default();
            if plain == form {
                candidate.passages += passages;
            } else {
                *candidate.accented.entry(form).or_default() += passages;
            }
        }
    }
    let before = &text[..last.range.start];
    let mut suggestions: Vec<Suggestion> = candidates
        .into_iter()
        .map(|(plain, candidate)| {
            // Every passage is under the form without accents too.
            let accented = candidate.accented.into_iter().max_by_key(|(_, n)| *n);
            let form = match accented {
                Some((form, n)) if 2 * n > candidate.passages => form,
                _ => plain,
            };
            Suggestion {
                text: format!("{before}{form}"),
                passages: candidate.passages,
            }
        })
        .collect();
    suggestions.sort_by(|a, b| b.passages.cmp(&a.passages).then(a.text.cmp(&b.text)));
    suggestions.truncate(limit);
    Ok(suggestions)
}

/// What terms whose plain form begins with `prefix` may begin with: its first letter, with any
/// accent of French.
fn beginnings(prefix: &str) -> Vec<String> {
    let Some(first) = prefix.chars().next() else {
        return Vec::new();
    };
    let accented = match first {
        'a' => "àâäæ",
        'c' => "ç",
        'e' => "éèêë",
        'i' => "îï",
        'o' => "ôöœ",
        'u' => "ùûü",
        'y' => "ÿ",
        _ => "",
    };
    let mut beginnings: Vec<String> = accented.chars().map(String::from).collect();
    // Terms without an accent in front have the rest of the prefix in plain, or begin to differ
    // after the first letter.
    beginnings.push(first.to_string());
    beginnings
}

//! How alike two readings of a document are: words found, words right, words in order.
//!
//! A word is a run of letters and digits, without case and compatibility forms (NFKC): "ﬁn" is
//! "fin". A word broken by a hyphen at a line's end is one word, on both sides, so that a reader is
//! neither praised nor blamed for joining it. Recall and precision count words as often as they
//! occur. Order is the longest increasing run of places over the words that occur once on both
//! sides, as a share of them: moving one column before the other costs it, moving a page number
//! hardly does.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

/// How a reading compares with a reference, as shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Scores {
    /// Words of the reference that were read.
    pub recall: f64,
    /// Words read that are in the reference.
    pub precision: f64,
    /// Words in the order of the reference; absent when none occurs once on both sides.
    pub order: Option<f64>,
}

/// The words of a text.
pub fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mut joined = String::with_capacity(folded.len());
    let mut lines = folded.split('\n').peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_end();
        let next = lines
            .peek()
            .and_then(|next| next.trim_start().chars().next());
        let cut = line
            .strip_suffix(['-', '\u{ad}', '‐'])
            .filter(|cut| cut.ends_with(char::is_alphabetic))
            .filter(|_| next.is_some_and(char::is_alphabetic));
        match cut {
            Some(cut) => joined.push_str(cut),
            None => {
                joined.push_str(line);
                joined.push('\n');
            }
        }
        if cut.is_some()
            && let Some(next) = lines.peek_mut()
        {
            *next = next.trim_start();
        }
    }
    joined
        .replace('\u{ad}', "")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Compares the words of a reading with those of a reference; `None` when the reference has none.
pub fn compare(read: &[String], reference: &[String]) -> Option<Scores> {
    let both = common(read, reference);
    (!reference.is_empty()).then(|| Scores {
        recall: both as f64 / reference.len() as f64,
        precision: if read.is_empty() {
            1.0
        } else {
            both as f64 / read.len() as f64
        },
        order: order(read, reference),
    })
}

/// Words that both have, as often as both have them.
pub fn common(a: &[String], b: &[String]) -> usize {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in a {
        *counts.entry(word).or_default() += 1;
    }
    b.iter()
        .filter(|word| match counts.get_mut(word.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
        .count()
}

/// The places in `words` of those that occur once.
fn once(words: &[String]) -> BTreeMap<&str, usize> {
    let mut places: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for (at, word) in words.iter().enumerate() {
        places
            .entry(word)
            .and_modify(|place| *place = None)
            .or_insert(Some(at));
    }
    let once = places.into_iter();
    once.filter_map(|(word, place)| Some((word, place?)))
        .collect()
}

fn order(read: &[String], reference: &[String]) -> Option<f64> {
    let (here, there) = (once(read), once(reference));
    let mut places: Vec<(usize, usize)> = here
        .iter()
        .filter_map(|(word, at)| Some((*at, *there.get(word)?)))
        .collect();
    places.sort_unstable();
    // Longest increasing run: the smallest last place of a run of each length.
    let mut ends: Vec<usize> = Vec::new();
    for (_, place) in &places {
        let length = ends.partition_point(|end| end < place);
        match ends.get_mut(length) {
            Some(end) => *end = *place,
            None => ends.push(*place),
        }
    }
    (!places.is_empty()).then(|| ends.len() as f64 / places.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_joined() {
        assert_eq!(
            words("La ﬁn du con-\n  trat, N° 12-A.\nPorte-\n4"),
            ["la", "fin", "du", "contrat", "n", "12", "a", "porte", "4"]
        );
    }

    #[test]
    fn what_is_lost_added_or_moved_counts() {
        let check = |read: &str, reference: &str, expected: (f64, f64, Option<f64>)| {
            let found = compare(&words(read), &words(reference)).unwrap();
            assert_eq!((found.recall, found.precision, found.order), expected);
        };
        check("a b c d", "a b c d", (1.0, 1.0, Some(1.0)));
        check("a b", "a b c d", (0.5, 1.0, Some(1.0)));
        check("a b x y", "a b", (1.0, 0.5, Some(1.0)));
        check("c d a b", "a b c d", (1.0, 1.0, Some(0.5)));
        check("a a a", "a a", (1.0, 2.0 / 3.0, None));
        assert_eq!(compare(&words("a"), &[]), None);
    }
}

//! How well two ways of grouping agree, how well the words of a theme go together, and whether
//! themes keep their identity.

use std::collections::{BTreeMap, BTreeSet};

use domain::text::fold;

/// Normalised mutual information, by the arithmetic mean of both entropies, as scikit-learn has it.
pub fn nmi(a: &[i64], b: &[i64]) -> f64 {
    let n = a.len() as f64;
    let (pairs, of_a, of_b) = counts(a, b);
    let entropy = |counts: &BTreeMap<i64, u64>| -> f64 {
        counts
            .values()
            .map(|c| *c as f64 / n)
            .map(|p| -p * p.ln())
            .sum()
    };
    let shared: f64 = pairs
        .iter()
        .map(|((x, y), c)| {
            let c = *c as f64;
            c / n * (c * n / (of_a[x] as f64 * of_b[y] as f64)).ln()
        })
        .sum();
    let mean = (entropy(&of_a) + entropy(&of_b)) / 2.0;
    // Two groupings of one group each agree.
    if mean > 0.0 { shared / mean } else { 1.0 }
}

/// The adjusted Rand index (Hubert and Arabie, 1985).
pub fn ari(a: &[i64], b: &[i64]) -> f64 {
    let (pairs, of_a, of_b) = counts(a, b);
    let twos = |c: &u64| (*c as f64) * (*c as f64 - 1.0) / 2.0;
    let both: f64 = pairs.values().map(twos).sum();
    let (in_a, in_b): (f64, f64) = (of_a.values().map(twos).sum(), of_b.values().map(twos).sum());
    let all = twos(&(a.len() as u64));
    let chance = if all > 0.0 { in_a * in_b / all } else { 0.0 };
    let most = (in_a + in_b) / 2.0;
    if most > chance {
        (both - chance) / (most - chance)
    } else {
        1.0
    }
}

type Counts = BTreeMap<i64, u64>;

fn counts(a: &[i64], b: &[i64]) -> (BTreeMap<(i64, i64), u64>, Counts, Counts) {
    let (mut pairs, mut of_a, mut of_b) = (BTreeMap::new(), Counts::new(), Counts::new());
    for (x, y) in a.iter().zip(b) {
        *pairs.entry((*x, *y)).or_default() += 1;
        *of_a.entry(*x).or_default() += 1;
        *of_b.entry(*y).or_default() += 1;
    }
    (pairs, of_a, of_b)
}

/// Which documents say a word or a phrase.
pub struct Said {
    /// Each document as its folded words with one space around each.
    texts: Vec<String>,
    of_word: BTreeMap<String, Vec<usize>>,
}

impl Said {
    /// Of these texts.
    pub fn new(texts: &[String]) -> Self {
        let texts: Vec<String> = texts.iter().map(|text| spaced(text)).collect();
        let mut of_word: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (document, text) in texts.iter().enumerate() {
            for word in text.split_whitespace().collect::<BTreeSet<_>>() {
                of_word.entry(word.to_owned()).or_default().push(document);
            }
        }
        Self { texts, of_word }
    }

    fn documents(&self, phrase: &str) -> BTreeSet<usize> {
        let phrase = spaced(phrase);
        let Some(first) = phrase.split_whitespace().next() else {
            return BTreeSet::new();
        };
        let with_first = self.of_word.get(first).into_iter().flatten().copied();
        with_first
            .filter(|d| self.texts[*d].contains(&phrase))
            .collect()
    }

    /// Normalised pointwise mutual information (Bouma, 2009) of every two of a theme's words within
    /// documents: from -1, never together, to 1, never apart. The mean over themes; none without a
    /// theme of two words.
    pub fn npmi(&self, themes: &[Vec<String>]) -> Option<f64> {
        let n = self.texts.len() as f64;
        let mut of_themes = Vec::new();
        for words in themes {
            let documents: Vec<BTreeSet<usize>> = words
                .iter()
                .map(|word| self.documents(word))
                .filter(|d| !d.is_empty())
                .collect();
            let mut of_pairs = Vec::new();
            for (at, a) in documents.iter().enumerate() {
                for b in &documents[at + 1..] {
                    let both = a.intersection(b).count() as f64 / n;
                    let apart = (a.len() as f64 / n) * (b.len() as f64 / n);
                    of_pairs.push(match both {
                        0.0 => -1.0,
                        // In every document, both.
                        1.0 => 1.0,
                        _ => (both / apart).ln() / -both.ln(),
                    });
                }
            }
            if !of_pairs.is_empty() {
                of_themes.push(of_pairs.iter().sum::<f64>() / of_pairs.len() as f64);
            }
        }
        (!of_themes.is_empty()).then(|| of_themes.iter().sum::<f64>() / of_themes.len() as f64)
    }
}

fn spaced(text: &str) -> String {
    let mut out = String::from(" ");
    for word in words_of(text) {
        out.push_str(&word);
        out.push(' ');
    }
    out
}

/// The folded words of a text.
pub fn words_of(text: &str) -> Vec<String> {
    fold(text)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The mean and the standard deviation (of a sample) of some values.
pub fn spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (square / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
    }

    #[test]
    fn agreement_is_that_of_scikit_learn() {
        let (a, b) = ([0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 2, 2]);
        // normalized_mutual_info_score and adjusted_rand_score of scikit-learn 1.9.
        close(nmi(&a, &b), 0.739_667_4);
        close(ari(&a, &b), 0.444_444_4);
        close(nmi(&a, &[5, 5, 9, 9, 7, 7]), 1.0);
        close(ari(&a, &[5, 5, 9, 9, 7, 7]), 1.0);
        close(ari(&a, &[0; 6]), 0.0);
        close(nmi(&a, &[0; 6]), 0.0);
        close(nmi(&[], &[]), 1.0);
    }

    #[test]
    fn words_that_go_together_cohere() {
        let texts = [
            "L’éclairage public",
            "éclairage public HS",
            "le bruit",
            "du bruit, la nuit",
        ];
        let said = Said::new(&texts.map(str::to_owned));
        let of = |words: &[&str]| said.npmi(&[words.iter().map(|w| (*w).to_owned()).collect()]);
        close(of(&["éclairage", "public"]).unwrap_or_default(), 1.0);
        close(of(&["éclairage public", "bruit"]).unwrap_or_default(), -1.0);
        // Half of the documents say one, a quarter the other, always with it: ln 2 / ln 4.
        close(of(&["bruit", "nuit"]).unwrap_or_default(), 0.5);
        assert_eq!(of(&["bruit"]), None);
        assert_eq!(of(&["public éclairage", "bruit"]), None);
    }

    #[test]
    fn a_spread_is_that_of_a_sample() {
        let (mean, deviation) = spread(&[1.0, 2.0, 3.0]);
        close(mean, 2.0);
        close(deviation, 1.0);
        close(spread(&[4.0]).1, 0.0);
    }
}

//! Why one label rather than the next: what each word, the meaning and the bias add to the margin.
//!
//! The head is linear, so the margin between two labels is a sum, and the reasons are its terms,
//! not an approximation of them. A gram's part goes in equal shares to its places, and a pair of
//! words in halves to the two.

use std::collections::BTreeMap;

use domain::Span;

use super::HeadError;
use super::features::{BLOCKS, FeatureSettings, Grams};
use super::graph::Weights;

/// What a word adds to the margin.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The word as first written in the text.
    pub term: String,
    /// All its places in the text, in order.
    pub spans: Vec<Span>,
    /// What it adds; negative is against the label.
    pub contribution: f64,
}

/// A label's margin over its rival, taken apart. The margin is the logarithm of the ratio of
/// their probabilities: 0.69 is twice as likely. `Σ terms + others + meaning + bias = margin`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reasons {
    /// The label.
    pub label: String,
    /// The most probable other label.
    pub rival: String,
    /// The words that weigh most, for or against, by falling weight.
    pub terms: Vec<Term>,
    /// All other words together.
    pub others: f64,
    /// The vector of the whole text.
    pub meaning: f64,
    /// What the head expects before it reads anything.
    pub bias: f64,
    /// The sum.
    pub margin: f64,
}

/// Scores of a text in f64, divided by the temperature.
pub(crate) fn logits(
    weights: &Weights,
    features: &FeatureSettings,
    text: &str,
    vector: &[f32],
) -> Vec<f64> {
    let k = weights.classes;
    let grams = Grams::of(text, features);
    let mut sum: Vec<f64> = weights.bias.iter().map(|b| f64::from(*b)).collect();
    let mut add = |value: f64, row: &[f32]| {
        sum.iter_mut()
            .zip(row)
            .for_each(|(s, w)| *s += value * f64::from(*w));
    };
    for (value, row) in vector.iter().zip(weights.dense.chunks_exact(k)) {
        add(f64::from(*value), row);
    }
    for block in 0..BLOCKS {
        for (row, value) in values(weights, &grams, block).into_values() {
            add(value, &weights.blocks[block].weights[row * k..][..k]);
        }
    }
    sum.iter()
        .map(|s| s / f64::from(weights.temperature))
        .collect()
}

/// (row, value) of each bucket of a block, the block brought to length 1.
fn values(weights: &Weights, grams: &Grams, block: usize) -> BTreeMap<u32, (usize, f64)> {
    let table = &weights.blocks[block];
    let weighted = grams.weighted(block);
    let value = |(bucket, tf): &(u32, f32)| {
        let row = table.rows[*bucket as usize] as usize;
        (row, f64::from(*tf) * f64::from(table.idf[row]))
    };
    let length = weighted
        .iter()
        .map(|w| value(w).1.powi(2))
        .sum::<f64>()
        .sqrt()
        .max(1e-12);
    weighted
        .iter()
        .map(|w| {
            let (row, value) = value(w);
            (w.0, (row, value / length))
        })
        .collect()
}

pub(crate) fn reasons(
    weights: &Weights,
    labels: &[String],
    features: &FeatureSettings,
    (text, vector): (&str, &[f32]),
    label: &str,
    top: usize,
) -> Result<Reasons, HeadError> {
    let k = weights.classes;
    let of = labels
        .iter()
        .position(|l| l == label)
        .ok_or_else(|| HeadError::Label {
            label: label.into(),
        })?;
    let scores = logits(weights, features, text, vector);
    // The first of the highest others, as candidates are sorted.
    let rival = (0..k)
        .rev()
        .filter(|other| *other != of)
        .max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
        .unwrap_or(of);
    let temperature = f64::from(weights.temperature);
    let lead = |row: &[f32]| (f64::from(row[of]) - f64::from(row[rival])) / temperature;

    let grams = Grams::of(text, features);
    let mut by_word = vec![0.0; grams.words.len()];
    for (block, table) in weights.blocks.iter().enumerate() {
        let values = values(weights, &grams, block);
        let mut places = BTreeMap::<u32, u32>::new();
        for gram in &grams.blocks[block] {
            *places.entry(gram.bucket).or_default() += 1;
        }
        for gram in &grams.blocks[block] {
            let (row, value) = values[&gram.bucket];
            let part =
                value * lead(&table.weights[row * k..][..k]) / f64::from(places[&gram.bucket]);
            by_word[gram.first as usize] += part / 2.0;
            by_word[gram.last as usize] += part / 2.0;
        }
    }
    let mut terms = BTreeMap::<&str, Term>::new();
    for (word, contribution) in grams.words.iter().zip(by_word) {
        let term = terms.entry(&word.folded).or_insert_with(|| Term {
            term: word.span.of(text).unwrap_or(&word.folded).to_owned(),
            spans: Vec::new(),
            contribution: 0.0,
        });
        term.spans.push(word.span);
        term.contribution += contribution;
    }
    let mut terms: Vec<Term> = terms.into_values().collect();
    // Stable: at equal weight, the order of the folded words.
    terms.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    let others = terms.iter().skip(top).map(|t| t.contribution).sum();
    terms.truncate(top);
    let meaning = vector
        .iter()
        .zip(weights.dense.chunks_exact(k))
        .map(|(v, row)| f64::from(*v) * lead(row))
        .sum();
    Ok(Reasons {
        label: label.into(),
        rival: labels[rival].clone(),
        terms,
        others,
        meaning,
        bias: lead(&weights.bias),
        margin: scores[of] - scores[rival],
    })
}

//! Training: cross-validation, choice of settings, calibration, and the head of all documents.
//!
//! Every figure of the report is out of fold: said of documents by a head that had not seen them.
//! Documents with the same text are in the same fold, so that a copy does not vouch for itself.
//! The order of the examples does not matter: they are sorted first.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::features::FeatureSettings;
use super::fit::{Choice, Corpus, Problem, softmax};
use super::lbfgs::Stop;
use super::nearness::Nearness;
use super::{HeadError, LabelCount, TrainedHead};
use crate::promise::{Judged, promises};
use crate::sets::Sets;
use domain::Digest;

/// Precision while settings are compared, and of the heads that are kept.
const ROUGH: Stop = Stop {
    steps_max: 30,
    decrease: 2e-3,
};
const FINE: Stop = Stop {
    steps_max: 60,
    decrease: 2e-4,
};
/// Documents that are enough to choose settings.
const COMPARED: usize = 1800;
/// Folds while settings are compared.
const CHOOSING_FOLDS: usize = 3;
/// Bins of the calibration error.
const BINS: usize = 10;

/// A labelled document.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its vector, from the encoder that will be used with the head.
    pub vector: &'a [f32],
    /// The service it belongs to.
    pub label: &'a str,
    /// Whether a person validated the label. Only such documents count for the promise.
    pub validated: bool,
}

/// How to train. The defaults suit a few hundred to some ten thousand documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// What is extracted from texts.
    pub features: FeatureSettings,
    /// Number of folds, at least 2.
    pub folds: usize,
    /// Inverse strengths of the penalty to choose from.
    pub costs: Vec<f64>,
    /// Factors of the block of characters to choose from, beside words at 1.
    pub chars_scales: Vec<f64>,
    /// Factors of the dense block to choose from; 0 is "without the encoder".
    pub dense_scales: Vec<f64>,
    /// Whether each label weighs the same, whatever its number of documents.
    pub balanced: bool,
    /// Highest share of misrouted documents among the automatic ones.
    pub max_misrouting: f64,
    /// Confidence with which that share is promised.
    pub confidence: f64,
    /// How often the set of likely labels holds the right one.
    pub set_coverage: f64,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            features: FeatureSettings::default(),
            folds: 5,
            costs: vec![0.3, 1.0, 3.0, 10.0, 30.0, 100.0],
            chars_scales: vec![0.5, 1.0, 1.5],
            dense_scales: vec![0.0, 0.5, 0.75, 1.0, 1.5],
            balanced: false,
            max_misrouting: 0.03,
            confidence: 0.95,
            set_coverage: 0.9,
        }
    }
}

/// How well the head does on documents it had not seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfFold {
    /// Documents.
    pub documents: usize,
    /// Share whose first candidate is right.
    pub accuracy: f64,
    /// Mean over the labels of the harmonic mean of precision and recall.
    pub macro_f1: f64,
    /// Mean distance between confidence and share of right answers, over ten bins of confidence.
    pub calibration_error: f64,
    /// Mean of -ln(probability of the right label), calibrated.
    pub log_loss: f64,
}

/// Trains a head on `examples`, whose vectors come from the encoder with digest `encoder`.
///
/// The same examples and settings give the same bytes, whatever their order and the number of
/// threads (on one platform: the last bit of an exponential is the system library's).
///
/// # Errors
/// When there are fewer than two labels, fewer documents than folds, vectors of different
/// lengths or not finite, or settings out of range.
pub fn train(
    examples: &[Example<'_>],
    settings: &TrainSettings,
    encoder: Digest,
) -> Result<TrainedHead, HeadError> {
    check(examples, settings)?;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&examples[*a], &examples[*b]);
        let key = |e: &Example<'_>| -> Vec<u32> { e.vector.iter().map(|v| v.to_bits()).collect() };
        (a.label, a.text, a.validated)
            .cmp(&(b.label, b.text, b.validated))
            .then_with(|| key(a).cmp(&key(b)))
    });
    let sorted: Vec<Example<'_>> = order.iter().map(|&example| examples[example]).collect();
    let mut counts = BTreeMap::<&str, u32>::new();
    for example in &sorted {
        *counts.entry(example.label).or_default() += 1;
    }
    let places: BTreeMap<&str, u32> = counts
        .keys()
        .zip(0..)
        .map(|(label, i)| (*label, i))
        .collect();
    let texts: Vec<&str> = sorted.iter().map(|e| e.text).collect();
    let vectors: Vec<&[f32]> = sorted.iter().map(|e| e.vector).collect();
    let labels = sorted.iter().map(|e| places[e.label]).collect();
    let corpus = Corpus::new(&texts, &vectors, labels, counts.len(), &settings.features);

    let choice = choose(&corpus, &texts, settings);
    let scores = held_out(&corpus, &texts, settings, choice);
    let temperature = temperature(&scores, &corpus.labels);
    let (report, judged, right) = judge(&scores, &corpus.labels, corpus.classes, temperature);
    let validated: Vec<Judged> = judged
        .iter()
        .zip(&sorted)
        .filter(|(_, e)| e.validated)
        .map(|(j, _)| *j)
        .collect();
    let right: Vec<(usize, f64)> = right
        .into_iter()
        .zip(&corpus.labels)
        .zip(&sorted)
        .filter(|(_, e)| e.validated)
        .map(|((p, label), _)| (*label as usize, p))
        .collect();
    let names: Vec<String> = counts.keys().map(|label| (*label).to_owned()).collect();
    let promises = promises(
        &validated,
        &names,
        settings.max_misrouting,
        settings.confidence,
    );

    let all = Problem::new(&corpus, (0..sorted.len()).collect(), settings.balanced, 1);
    let (linear, _) = all.fit(choice, FINE, None);
    let labels = counts
        .iter()
        .map(|(label, count)| LabelCount {
            label: (*label).to_owned(),
            documents: *count,
        })
        .collect();
    Ok(TrainedHead::assemble(
        &corpus,
        &all.weighing,
        &linear,
        super::Learnt {
            settings: settings.clone(),
            encoder,
            labels,
            cost: choice.cost,
            chars_scale: choice.chars_scale,
            dense_scale: choice.dense_scale,
            temperature,
            out_of_fold: report,
            promises,
            sets: Sets::calibrate(&right, counts.len(), settings.set_coverage),
            nearness: Nearness::learn(&corpus),
            judged: validated,
        },
    ))
}

fn check(examples: &[Example<'_>], settings: &TrainSettings) -> Result<(), HeadError> {
    let setting = |name: &'static str, value: String| Err(HeadError::Setting { name, value });
    let positive = |values: &[f64], zero: bool| {
        !values.is_empty()
            && values
                .iter()
                .all(|v| v.is_finite() && (*v > 0.0 || (zero && *v == 0.0)))
    };
    let features = &settings.features;
    if !(8..=22).contains(&features.bucket_bits) {
        return setting("bucket_bits", features.bucket_bits.to_string());
    }
    if features.char_min == 0 || features.char_max < features.char_min || features.char_max > 16 {
        return setting(
            "char_min..char_max",
            format!("{}..{}", features.char_min, features.char_max),
        );
    }
    if settings.folds < 2 {
        return setting("folds", settings.folds.to_string());
    }
    if !positive(&settings.costs, false) {
        return setting("costs", format!("{:?}", settings.costs));
    }
    if !positive(&settings.chars_scales, true) {
        return setting("chars_scales", format!("{:?}", settings.chars_scales));
    }
    if !positive(&settings.dense_scales, true) {
        return setting("dense_scales", format!("{:?}", settings.dense_scales));
    }
    for (name, value) in [
        ("max_misrouting", settings.max_misrouting),
        ("confidence", settings.confidence),
        ("set_coverage", settings.set_coverage),
    ] {
        if !(value > 0.0 && value < 1.0) {
            return setting(name, value.to_string());
        }
    }
    let labels: std::collections::BTreeSet<&str> = examples.iter().map(|e| e.label).collect();
    if labels.len() < 2 || examples.len() < settings.folds.max(4) {
        return Err(HeadError::TooFew {
            documents: examples.len(),
            labels: labels.len(),
            wanted: settings.folds.max(4),
        });
    }
    let dimension = examples[0].vector.len();
    for (index, example) in examples.iter().enumerate() {
        if example.vector.len() != dimension || example.vector.iter().any(|v| !v.is_finite()) {
            return Err(HeadError::Vector {
                index,
                found: example.vector.len(),
                expected: dimension,
            });
        }
    }
    Ok(())
}

/// Documents in an order that neither arrival nor alphabet decides, copies of a text together: by a
/// digest of the text, the labels in turn, the text with several under the first of them.
fn groups(corpus: &Corpus, texts: &[&str]) -> Vec<Vec<usize>> {
    let mut groups = BTreeMap::<(u32, Digest), Vec<usize>>::new();
    let mut label_of = BTreeMap::<Digest, u32>::new();
    for (document, text) in texts.iter().enumerate() {
        let digest = Digest::of(text.as_bytes());
        let label = *label_of.entry(digest).or_insert(corpus.labels[document]);
        groups.entry((label, digest)).or_default().push(document);
    }
    groups.into_values().collect()
}

/// Groups dealt to `folds` in turn: each with its documents, rising.
fn deal(groups: &[Vec<usize>], folds: usize) -> Vec<Vec<usize>> {
    let mut held = vec![Vec::new(); folds];
    for (turn, group) in groups.iter().enumerate() {
        held[turn % folds].extend(group);
    }
    held.iter_mut().for_each(|fold| fold.sort_unstable());
    held
}

/// All but the documents of a fold.
fn others(held: &[Vec<usize>], fold: usize) -> Vec<usize> {
    let others = held.iter().enumerate().filter(|(other, _)| *other != fold);
    let mut others: Vec<usize> = others.flat_map(|(_, fold)| fold).copied().collect();
    others.sort_unstable();
    others
}

/// One setting after the other, the others as they are, each kept where it lowers the calibrated
/// log-loss: the penalty, the factor of the encoder, that of characters, and the penalty again. On
/// [`COMPARED`] documents at most, evenly taken: settings that suit them suit more.
fn choose(corpus: &Corpus, texts: &[&str], settings: &TrainSettings) -> Choice {
    let groups = groups(corpus, texts);
    let every = texts.len().div_ceil(COMPARED).max(1);
    let few: Vec<Vec<usize>> = groups.into_iter().step_by(every).collect();
    let held = deal(&few, CHOOSING_FOLDS);
    let grids = settings.costs.len() + settings.chars_scales.len() + settings.dense_scales.len();
    let mut problems: Vec<(Problem<'_>, Vec<f64>)> = (0..held.len())
        .into_par_iter()
        .map(|fold| {
            let fits = grids + settings.costs.len();
            let problem = Problem::new(corpus, others(&held, fold), settings.balanced, fits);
            (problem, Vec::new())
        })
        .collect();
    let labels: Vec<u32> = held.iter().flatten().map(|d| corpus.labels[*d]).collect();
    let mut loss = |choice: Choice| {
        let scores: Vec<Vec<Vec<f64>>> = problems
            .par_iter_mut()
            .zip(&held)
            .map(|((problem, parts), held)| {
                // Begun where the choice before ended.
                let start = (!parts.is_empty()).then_some(parts.as_slice());
                let (linear, ended) = problem.fit(choice, ROUGH, start);
                *parts = ended;
                problem.scores_of(&linear, held)
            })
            .collect();
        let scores = scores.concat();
        log_loss(&scores, &labels, temperature(&scores, &labels), 0.0)
    };
    let middle = |values: &[f64]| values[values.len() / 2];
    let mut best = Choice {
        cost: middle(&settings.costs),
        chars_scale: middle(&settings.chars_scales),
        dense_scale: middle(&settings.dense_scales),
    };
    let mut known = vec![(best, loss(best))];
    for turn in 0..4 {
        let with = |value: &f64| match turn {
            1 => Choice {
                dense_scale: *value,
                ..best
            },
            2 => Choice {
                chars_scale: *value,
                ..best
            },
            _ => Choice {
                cost: *value,
                ..best
            },
        };
        let values = match turn {
            1 => &settings.dense_scales,
            2 => &settings.chars_scales,
            _ => &settings.costs,
        };
        let choices: Vec<Choice> = values.iter().map(with).collect();
        for choice in choices {
            if !known.iter().any(|(known, _)| *known == choice) {
                known.push((choice, loss(choice)));
            }
        }
        // At equal loss the first tried.
        if let Some((choice, _)) = known.iter().reduce(|a, b| if b.1 < a.1 { b } else { a }) {
            best = *choice;
        }
    }
    best
}

/// Each document's scores, by a head that did not see it.
fn held_out(
    corpus: &Corpus,
    texts: &[&str],
    settings: &TrainSettings,
    choice: Choice,
) -> Vec<Vec<f64>> {
    let held = deal(&groups(corpus, texts), settings.folds);
    let scores: Vec<Vec<Vec<f64>>> = (0..held.len())
        .into_par_iter()
        .map(|fold| {
            let problem = Problem::new(corpus, others(&held, fold), settings.balanced, 1);
            let (linear, _) = problem.fit(choice, FINE, None);
            problem.scores_of(&linear, &held[fold])
        })
        .collect();
    let mut in_order = vec![Vec::new(); texts.len()];
    for (document, scores) in held.into_iter().flatten().zip(scores.concat()) {
        in_order[document] = scores;
    }
    in_order
}

/// Mean of -ln(probability of the right label), which is taken to be wrong with probability
/// `doubt`, and then to be any other.
fn log_loss(scores: &[Vec<f64>], labels: &[u32], temperature: f64, doubt: f64) -> f64 {
    let loss = |(scores, label): (&Vec<f64>, &u32)| {
        let mut cooled: Vec<f64> = scores.iter().map(|s| s / temperature).collect();
        let of_label = cooled[*label as usize];
        let of_others = (cooled.iter().sum::<f64>() - of_label) / (cooled.len() as f64 - 1.0);
        softmax(&mut cooled) - (1.0 - doubt) * of_label - doubt * of_others
    };
    scores.iter().zip(labels).map(loss).sum::<f64>() / scores.len() as f64
}

/// The temperature of least log-loss (Guo et al. 2017), by golden section on its logarithm.
///
/// As in Platt 1999, n answers that are all right do not prove certainty: each is doubted by
/// 1 / (n + 2). Without it, a head that makes no error would be as sure as floats allow.
fn temperature(scores: &[Vec<f64>], labels: &[u32]) -> f64 {
    let doubt = 1.0 / (scores.len() as f64 + 2.0);
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let at = |log: f64| log_loss(scores, labels, log.exp(), doubt);
    let (mut low, mut high) = (0.02_f64.ln(), 20.0_f64.ln());
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (at(a), at(b));
    for _ in 0..30 {
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = at(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = at(b);
        }
    }
    f64::midpoint(low, high).exp()
}

/// Figures of all, what was said of each, and the probability of each one's right label.
fn judge(
    scores: &[Vec<f64>],
    labels: &[u32],
    classes: usize,
    temperature: f64,
) -> (OutOfFold, Vec<Judged>, Vec<f64>) {
    let mut right = Vec::with_capacity(scores.len());
    let mut judged = Vec::with_capacity(scores.len());
    let mut hits = vec![0_u32; classes];
    let mut said = vec![0_u32; classes];
    let mut real = vec![0_u32; classes];
    for (scores, label) in scores.iter().zip(labels) {
        let mut p: Vec<f64> = scores.iter().map(|s| s / temperature).collect();
        softmax(&mut p);
        // The first of the highest, as candidates are sorted: by probability, then by label.
        let first = (0..p.len())
            .rev()
            .max_by(|a, b| p[*a].total_cmp(&p[*b]))
            .unwrap_or(0);
        let correct = first == *label as usize;
        right.push(p[*label as usize]);
        said[first] += 1;
        real[*label as usize] += 1;
        hits[first] += u32::from(correct);
        judged.push(Judged {
            said: first,
            confidence: p[first],
            correct,
        });
    }
    let n = judged.len() as f64;
    let f1 = |c: usize| 2.0 * f64::from(hits[c]) / f64::from((said[c] + real[c]).max(1));
    let mut bins = [(0.0, 0.0); BINS];
    for j in &judged {
        let bin = &mut bins[((j.confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += j.confidence;
        bin.1 += f64::from(u8::from(j.correct));
    }
    let report = OutOfFold {
        documents: judged.len(),
        accuracy: f64::from(hits.iter().sum::<u32>()) / n,
        macro_f1: (0..classes).map(f1).sum::<f64>() / classes as f64,
        calibration_error: bins.iter().map(|(c, r)| (c - r).abs()).sum::<f64>() / n,
        log_loss: log_loss(scores, labels, temperature, 0.0),
    };
    (report, judged, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_undoes_overconfidence() {
        // Right three times in four whatever the margin of 8 says: it should say ln 3, less doubt.
        let scores: Vec<Vec<f64>> = (0..400).map(|_| vec![8.0, 0.0]).collect();
        let labels: Vec<u32> = (0..400).map(|i| u32::from(i % 4 == 0)).collect();
        let found = temperature(&scores, &labels);
        let sure: f64 = 0.75 - 0.5 / 402.0;
        let expected = 8.0 / (sure / (1.0 - sure)).ln();
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        let (report, judged, _) = judge(&scores, &labels, 2, found);
        assert!((report.accuracy - 0.75).abs() < 1e-12 && report.calibration_error < 2e-3);
        assert!((judged[0].confidence - sure).abs() < 1e-4);
        // Twelve documents without an error are not a certainty.
        let few = temperature(&scores[..12], &[0; 12]);
        assert!((8.0 / few - 13_f64.ln()).abs() < 1e-2, "{few}");
        assert!((report.macro_f1 - (2.0 * 300.0 / 700.0) / 2.0).abs() < 1e-12);
    }
}

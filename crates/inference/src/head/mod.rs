//! The head: which service a text is for, from its words and its vector.
//!
//! A linear classifier on hashed lexical features and the encoder's vector, trained and
//! calibrated here ([`train()`]), written as one ONNX graph, run by ONNX Runtime, and explained
//! exactly ([`Head::reasons`]) because it is linear.
//!
//! A head is a folder: `head.onnx`, the graph, and `head.json`, the [`Card`], which names the
//! graph's digest; the head's own digest is that of `head.json`.

mod error;
mod features;
mod fit;
mod graph;
mod lbfgs;
mod nearness;
mod reasons;
mod train;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use domain::Digest;
use ort::session::Session;
use ort::value::Tensor;
use serde::{Deserialize, Serialize};

use crate::promise::{Judged, Promise, Promises, ServicePromise};
use crate::runtime::Runtime;
use crate::sets::Sets;
use features::{BLOCKS, Grams};
use fit::{ColumnWeights, Corpus, Linear};
use graph::{BLOCK_NAMES, Block, Weights};

pub use error::HeadError;
pub use features::FeatureSettings;
pub(crate) use fit::softmax;
pub use nearness::Nearness;
pub use reasons::{Reasons, Term};
pub use train::{Example, OutOfFold, TrainSettings, train};

const CARD_FILE: &str = "head.json";
const GRAPH_FILE: &str = "head.onnx";
const FORMAT: &str = "greffier.head/2";

/// A label and its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The label, a service's id.
    pub label: String,
    /// Between 0 and 1; the probabilities of a text sum to 1.
    pub probability: f64,
}

/// By falling probability, then by label.
pub(crate) fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| {
        b.probability
            .total_cmp(&a.probability)
            .then_with(|| a.label.cmp(&b.label))
    });
}

/// A label and how many training documents had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelCount {
    /// The label.
    pub label: String,
    /// Training documents that have it.
    pub documents: u32,
}

/// All there is to know of a head but its weights (`head.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// `greffier.head/2`.
    pub format: String,
    /// Digest of `head.onnx`.
    pub graph: Digest,
    /// Digest of the encoder whose vectors it was trained on: it fits no other.
    pub encoder: Digest,
    /// Values in a vector.
    pub dimension: usize,
    /// Labels in the order of the graph's outputs, with their training documents.
    pub labels: Vec<LabelCount>,
    /// How it was trained.
    pub training: TrainSettings,
    /// Inverse strength of the penalty chosen.
    pub cost: f64,
    /// Factor of the block of characters chosen.
    pub chars_scale: f64,
    /// Factor of the dense block chosen.
    pub dense_scale: f64,
    /// What the scores are divided by so that probabilities are calibrated.
    pub temperature: f64,
    /// How well it does on documents it had not seen.
    pub out_of_fold: OutOfFold,
    /// The threshold above which routing may be automatic, and what it promises, for labels that
    /// have none of their own.
    pub promise: Promise,
    /// Of each label: its own threshold, or how far it is from one.
    pub services: Vec<ServicePromise>,
    /// How probable a label must be to be among the likely ones; absent from heads trained before
    /// there were such sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets: Option<Sets>,
    /// Whether a text resembles what was learnt; absent where too little was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearness: Option<Nearness>,
}

impl Card {
    /// What is promised of documents whose first candidate is this label.
    pub fn promise_of(&self, label: &str) -> &Promise {
        let of_label = self.services.iter().find(|s| s.label == label);
        let own = of_label.and_then(|s| s.own.as_ref());
        own.unwrap_or(&self.promise)
    }

    /// The labels that hold the right one with a stated probability, by falling probability; `None`
    /// where that was not calibrated.
    pub fn likely<'a>(&self, candidates: &'a [Candidate]) -> Option<Vec<&'a str>> {
        let sets = self.sets.as_ref()?;
        let place = |label: &str| self.labels.iter().position(|l| l.label == label);
        let held = candidates
            .iter()
            .filter(|c| place(&c.label).is_some_and(|place| sets.holds(place, c.probability)));
        Some(held.map(|c| c.label.as_str()).collect())
    }
}

/// What training learnt, beside the weights.
struct Learnt {
    settings: TrainSettings,
    encoder: Digest,
    labels: Vec<LabelCount>,
    cost: f64,
    chars_scale: f64,
    dense_scale: f64,
    temperature: f64,
    out_of_fold: OutOfFold,
    promises: Promises,
    sets: Sets,
    nearness: Option<Nearness>,
    judged: Vec<Judged>,
}

/// A head fresh from training, not yet kept.
#[derive(Clone, Debug)]
pub struct TrainedHead {
    card: Card,
    onnx: Vec<u8>,
    judged: Vec<Judged>,
}

impl TrainedHead {
    fn assemble(
        corpus: &Corpus,
        weighing: &ColumnWeights,
        linear: &Linear,
        learnt: Learnt,
    ) -> Self {
        let k = linear.classes;
        let mut from = 0;
        let blocks: [Block; BLOCKS] = std::array::from_fn(|b| {
            let buckets = &corpus.buckets[b];
            let mut block = Block {
                rows: vec![0; 1 << learnt.settings.features.bucket_bits],
                idf: vec![0.0],
                weights: vec![0.0; k],
            };
            for (row, bucket) in (1..).zip(buckets) {
                block.rows[*bucket as usize] = row;
            }
            block.idf.extend(&weighing.blocks[b]);
            let to = from + buckets.len() * k;
            block
                .weights
                .extend(linear.point[from..to].iter().map(|w| *w as f32));
            from = to;
            block
        });
        let bias = linear.point.len() - k;
        let weights = Weights {
            classes: k,
            blocks,
            dense: linear.point[from..bias].iter().map(|w| *w as f32).collect(),
            bias: linear.point[bias..].iter().map(|w| *w as f32).collect(),
            temperature: learnt.temperature as f32,
        };
        let onnx = weights.to_onnx();
        let card = Card {
            format: FORMAT.into(),
            graph: Digest::of(&onnx),
            encoder: learnt.encoder,
            dimension: corpus.dimension,
            labels: learnt.labels,
            training: learnt.settings,
            cost: learnt.cost,
            chars_scale: learnt.chars_scale,
            dense_scale: learnt.dense_scale,
            temperature: learnt.temperature,
            out_of_fold: learnt.out_of_fold,
            promise: learnt.promises.pooled,
            services: learnt.promises.services,
            sets: Some(learnt.sets),
            nearness: learnt.nearness,
        };
        Self {
            card,
            onnx,
            judged: learnt.judged,
        }
    }

    /// What is known of it.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Out-of-fold confidences of the validated documents, on which the promise rests.
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// Writes `head.onnx` and `head.json` into `dir`, made if need be. Returns the head's digest.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<Digest, HeadError> {
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.join(name);
            let part = dir.join(format!("{name}.part"));
            std::fs::create_dir_all(dir)
                .and_then(|()| std::fs::write(&part, bytes))
                .and_then(|()| std::fs::rename(&part, &path))
                .map_err(|source| HeadError::Write { path, source })
        };
        let path = dir.join(CARD_FILE);
        let mut card = serde_json::to_vec_pretty(&self.card)
            .map_err(|source| HeadError::Card { path, source })?;
        card.push(b'\n');
        // The card last: it names the graph, so a folder with a card is whole.
        write(GRAPH_FILE, &self.onnx)?;
        write(CARD_FILE, &card)?;
        Ok(Digest::of(&card))
    }
}

/// A head ready for use. Shared between threads, which take turns.
pub struct Head {
    card: Card,
    labels: Vec<String>,
    digest: Digest,
    weights: Weights,
    session: Mutex<Session>,
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("digest", &self.digest)
            .field("labels", &self.labels)
            .finish()
    }
}

impl Head {
    /// Loads the head in `dir`; with `expected`, only if its digest is that.
    ///
    /// # Errors
    /// When a file is missing, is not a head's or has another digest than expected.
    pub fn load(
        dir: &Path,
        runtime: &Runtime,
        expected: Option<Digest>,
    ) -> Result<Self, HeadError> {
        let read = |name: &str| {
            let path = dir.join(name);
            match std::fs::read(&path) {
                Ok(bytes) => Ok((Digest::of(&bytes), path, bytes)),
                Err(source) => Err(HeadError::Read { path, source }),
            }
        };
        let same = |file: PathBuf, expected: Digest, found: Digest| {
            if expected == found {
                Ok(file)
            } else {
                Err(HeadError::Digest {
                    file,
                    expected,
                    found,
                })
            }
        };
        let (digest, path, bytes) = read(CARD_FILE)?;
        let path = same(path, expected.unwrap_or(digest), digest)?;
        let card: Card =
            serde_json::from_slice(&bytes).map_err(|source| HeadError::Card { path, source })?;
        if card.format != FORMAT {
            return Err(HeadError::Format { found: card.format });
        }
        let (found, path, onnx) = read(GRAPH_FILE)?;
        same(path, card.graph, found)?;
        let weights = Weights::from_onnx(&onnx, card.labels.len())?;
        let buckets = 1_usize.checked_shl(card.training.features.bucket_bits);
        if weights.blocks.iter().any(|b| Some(b.rows.len()) != buckets)
            || weights.dense.len() != card.dimension * card.labels.len()
        {
            return Err(HeadError::Tensor {
                name: "dense.weights".into(),
            });
        }
        let session = runtime.session(&onnx).map_err(HeadError::Run)?;
        let labels = card.labels.iter().map(|l| l.label.clone()).collect();
        Ok(Self {
            card,
            labels,
            digest,
            weights,
            session: Mutex::new(session),
        })
    }

    /// Digest of the head: of its card, which names its graph.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What is known of it.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Refuses another encoder than the one whose vectors the head was trained on.
    ///
    /// # Errors
    /// When `encoder` is not the digest that the card names.
    pub fn check_encoder(&self, encoder: Digest) -> Result<(), HeadError> {
        if encoder == self.card.encoder {
            Ok(())
        } else {
            Err(HeadError::Encoder {
                expected: self.card.encoder,
                found: encoder,
            })
        }
    }

    /// All labels of each (text, vector), by falling probability, then by label.
    ///
    /// # Errors
    /// When a vector is not of the encoder's dimension or ONNX Runtime fails.
    pub fn classify(&self, items: &[(&str, &[f32])]) -> Result<Vec<Vec<Candidate>>, HeadError> {
        let mut all = Vec::with_capacity(items.len());
        for (index, (text, vector)) in items.iter().enumerate() {
            self.check(index, vector)?;
            // One text a run: nothing is padded, so no result depends on its neighbours.
            let probabilities = self.run(text, vector).map_err(HeadError::Run)?;
            let mut candidates: Vec<Candidate> = self
                .labels
                .iter()
                .zip(probabilities)
                .map(|(label, p)| Candidate {
                    label: label.clone(),
                    probability: f64::from(p),
                })
                .collect();
            sort(&mut candidates);
            all.push(candidates);
        }
        Ok(all)
    }

    /// Why `label` rather than its most probable rival, with the `top` words that weigh most.
    ///
    /// # Errors
    /// When the label is unknown or the vector is not of the encoder's dimension.
    pub fn reasons(
        &self,
        text: &str,
        vector: &[f32],
        label: &str,
        top: usize,
    ) -> Result<Reasons, HeadError> {
        self.check(0, vector)?;
        let features = &self.card.training.features;
        reasons::reasons(
            &self.weights,
            &self.labels,
            features,
            (text, vector),
            label,
            top,
        )
    }

    fn check(&self, index: usize, vector: &[f32]) -> Result<(), HeadError> {
        let expected = self.card.dimension;
        if vector.len() == expected && vector.iter().all(|v| v.is_finite()) {
            Ok(())
        } else {
            Err(HeadError::Vector {
                index,
                found: vector.len(),
                expected,
            })
        }
    }

    fn run(&self, text: &str, vector: &[f32]) -> Result<Vec<f32>, ort::Error> {
        let grams = Grams::of(text, &self.card.training.features);
        let dense = Tensor::from_array(([1, vector.len()], vector.to_vec()))?;
        let mut inputs = ort::inputs!["dense" => dense];
        for (block, name) in BLOCK_NAMES.iter().enumerate() {
            let (mut ids, mut tf): (Vec<i64>, Vec<f32>) = grams
                .weighted(block)
                .into_iter()
                .map(|(b, w)| (i64::from(b), w))
                .unzip();
            // A text without words still has one gram, of weight 0.
            if ids.is_empty() {
                ids.push(0);
                tf.push(0.0);
            }
            let shape = [1, ids.len()];
            inputs.push((
                format!("{name}_ids").into(),
                Tensor::from_array((shape, ids))?.into(),
            ));
            inputs.push((
                format!("{name}_weights").into(),
                Tensor::from_array((shape, tf))?.into(),
            ));
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs)?;
        let (_, probabilities) = outputs["probabilities"].try_extract_tensor::<f32>()?;
        Ok(probabilities.to_vec())
    }
}

#[cfg(test)]
mod tests;

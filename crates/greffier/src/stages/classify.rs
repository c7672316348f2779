//! `classify`: services by probability, with the words that weighed most.

use std::sync::Arc;

use anyhow::Result;
use domain::decision::{Classification, ClassificationFormat, Likely, Method, Nearness};
use domain::passage::VectorSet;
use domain::{
    Candidate, Digest, Kind, ModelRef, PipelineName, Probability, Reason, ServiceId, StageName,
    Threshold,
};
use inference::promise::Promise;
use inference::prototypes::Prototypes;
use pipeline::file::{FileError, SourceFile};
use pipeline::stage::{Fault, Inputs, Output, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::embed::{encoder_digest, unavailable};
use super::{Workshop, name, settings};
use crate::models::Models;

/// Settings of `classify`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifySettings {
    /// The encoder, a name in `models.toml`; the same as that of `embed`.
    pub encoder: String,
    /// Words given as reasons, at most.
    pub reasons: usize,
    /// Characters of a document that are read to classify it.
    pub characters: usize,
}

impl Default for ClassifySettings {
    fn default() -> Self {
        Self {
            encoder: "greffier-static-fr-en".to_owned(),
            reasons: 8,
            characters: 20_000,
        }
    }
}

/// A classifier of texts: the head in force, or the descriptions of the services.
pub struct Classifier {
    pipeline: PipelineName,
    settings: ClassifySettings,
    services: Vec<(ServiceId, String)>,
    head: Option<Digest>,
    models: Arc<Models>,
    prototypes: std::sync::OnceLock<Prototypes>,
}

/// What a classifier says of a text, with labels as they were learnt.
pub struct Classified {
    /// By falling probability.
    pub candidates: Vec<(String, Probability)>,
    /// How the probabilities were had.
    pub method: Method,
    /// What may be automatic.
    pub threshold: Option<Threshold>,
    /// Why the first rather than the second.
    pub reasons: Vec<Reason>,
    /// How near it is to what was learnt.
    pub nearness: Option<Nearness>,
    /// The labels that hold the right one, and how often they do.
    pub likely: Option<(Vec<String>, f64)>,
}

impl Classifier {
    /// The classifier in force for a pipeline.
    pub fn new(
        source: &SourceFile,
        settings: ClassifySettings,
        models: Arc<Models>,
    ) -> Result<Self> {
        let pipeline = source.file.pipeline.clone();
        let services = source
            .file
            .services
            .iter()
            .map(|s| (s.id().clone(), format!("{}. {}", s.name, s.description)))
            .collect();
        let head = models.head_digest(&pipeline)?;
        Ok(Self {
            pipeline,
            settings,
            services,
            head,
            models,
            prototypes: std::sync::OnceLock::new(),
        })
    }

    /// Classifies one text, given its vector.
    pub fn classify(&self, text: &str, vector: &[f32], reasons: bool) -> Result<Classified> {
        let text = cut(text, self.settings.characters);
        match self.head {
            Some(digest) => self.by_head(digest, text, vector, reasons),
            None => self.by_descriptions(vector),
        }
    }

    fn by_head(
        &self,
        digest: Digest,
        text: &str,
        vector: &[f32],
        reasons: bool,
    ) -> Result<Classified> {
        let head = self.models.head(&self.pipeline, digest)?;
        let card = head.card();
        let candidates: Vec<inference::Candidate> = head
            .classify(&[(text, vector)])?
            .into_iter()
            .flatten()
            .collect();
        let likely = card
            .likely(&candidates)
            .zip(card.sets.as_ref())
            .map(|(labels, sets)| {
                (
                    labels.into_iter().map(str::to_owned).collect(),
                    sets.coverage,
                )
            });
        let candidates: Vec<(String, Probability)> = candidates
            .into_iter()
            .map(|c| (c.label, Probability::from_f64(c.probability)))
            .collect();
        let mut found = Vec::new();
        if let Some((first, _)) = candidates.first()
            && reasons
        {
            let parts = head.reasons(text, vector, first, self.settings.reasons)?;
            let thousandths = |x: f64| (x * 1000.0).round() as i64;
            found.extend(parts.terms.into_iter().map(|t| Reason::Words {
                spans: t.spans,
                weight_thousandths: thousandths(t.contribution),
            }));
            found.push(Reason::Meaning {
                weight_thousandths: thousandths(parts.meaning),
            });
            found.push(Reason::Prior {
                weight_thousandths: thousandths(parts.bias),
            });
        }
        let (value, validated, needed) =
            match *card.promise_of(candidates.first().map_or("", |(label, _)| label)) {
                Promise::Kept {
                    threshold,
                    validated,
                    ..
                } => {
                    // Rounded up: a threshold rounded down would let through what was not tested.
                    let millionths = (threshold * 1e6).ceil() as u32;
                    (
                        Some(Probability::from_millionths(millionths)),
                        validated,
                        None,
                    )
                }
                Promise::NotEnough { validated, more } => (
                    None,
                    validated,
                    Some(u32::try_from(more).unwrap_or(u32::MAX)),
                ),
            };
        let threshold = Threshold {
            value,
            max_misrouting: Probability::from_f64(card.training.max_misrouting),
            confidence: Probability::from_f64(card.training.confidence),
            validated: u32::try_from(validated).unwrap_or(u32::MAX),
            needed,
        };
        Ok(Classified {
            candidates,
            method: Method::Trained,
            threshold: Some(threshold),
            reasons: found,
            likely,
            nearness: card.nearness.as_ref().map(|nearness| Nearness {
                found: Probability::from_f64(nearness.of(vector).max(0.0)),
                least: Probability::from_f64(nearness.least.max(0.0)),
            }),
        })
    }

    fn by_descriptions(&self, vector: &[f32]) -> Result<Classified> {
        let prototypes = match self.prototypes.get() {
            Some(prototypes) => prototypes,
            None => {
                let texts: Vec<String> = self.services.iter().map(|(_, d)| d.clone()).collect();
                let vectors = self
                    .models
                    .encoder(&self.settings.encoder)?
                    .encode(&texts)?;
                let labels = self.services.iter().map(|(id, _)| id.to_string());
                self.prototypes
                    .get_or_init(|| Prototypes::new(labels.zip(vectors).collect()))
            }
        };
        let candidates = prototypes
            .rank(vector)
            .into_iter()
            .map(|c| (c.label, Probability::from_f64(c.probability)))
            .collect();
        Ok(Classified {
            candidates,
            method: Method::Descriptions,
            threshold: None,
            reasons: Vec::new(),
            nearness: None,
            likely: None,
        })
    }
}

/// The first `characters` of a text.
fn cut(text: &str, characters: usize) -> &str {
    text.char_indices()
        .nth(characters)
        .map_or(text, |(at, _)| &text[..at])
}

/// The stage.
pub struct Classify {
    classifier: Classifier,
    value: serde_json::Value,
    digests: Vec<ModelRef>,
}

impl Classify {
    pub(super) fn build(source: &SourceFile, shop: &Workshop) -> Result<Self, FileError> {
        let (settings, at) = settings::<ClassifySettings>(source, "classify")?;
        let encoder = encoder_digest(source, at, &settings.encoder, &shop.models)?;
        let classifier =
            Classifier::new(source, settings.clone(), shop.models.clone()).map_err(|e| {
                source.wrong_at(at, format!("{e:#}"), "a head that can be read, or none")
            })?;
        let mut digests = vec![ModelRef {
            role: "encoder".into(),
            digest: encoder,
        }];
        let mut value = serde_json::json!({
            "characters": settings.characters,
            "reasons": settings.reasons,
            "services": classifier.services.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        });
        match classifier.head {
            Some(head) => digests.push(ModelRef {
                role: "head".into(),
                digest: head,
            }),
            // Unused with a head, and therefore no setting of such a run.
            None => value["descriptions"] = serde_json::json!(classifier.services),
        }
        Ok(Self {
            classifier,
            value,
            digests,
        })
    }
}

impl Stage for Classify {
    fn name(&self) -> StageName {
        name("classify")
    }

    fn version(&self) -> u32 {
        3
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Vectors]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Classification]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.value
    }

    fn models(&self) -> Vec<ModelRef> {
        self.digests.clone()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let text = inputs.text(Kind::Text)?;
        let vectors =
            VectorSet::from_bytes(inputs.bytes(Kind::Vectors)?).map_err(|e| Fault::Quarantine {
                reason: "broken-input".into(),
                detail: e.to_string(),
            })?;
        let nothing = Classification {
            format: ClassificationFormat::V1,
            candidates: Vec::new(),
            method: Method::Nothing,
            reasons: Vec::new(),
            threshold: None,
            nearness: None,
            likely: None,
        };
        let Some(vector) = vectors.mean() else {
            return Output::json(Kind::Classification, &nothing);
        };
        let classified = self
            .classifier
            .classify(text, &vector, true)
            .map_err(|e| unavailable(&e))?;
        // A head may have learnt a label that is no service of this pipeline (any more): nothing
        // is ever proposed to it.
        let known = |label: &str| -> Option<ServiceId> {
            let service: ServiceId = label.parse().ok()?;
            let mut services = self.classifier.services.iter();
            services.any(|(id, _)| *id == service).then_some(service)
        };
        let candidates = classified
            .candidates
            .iter()
            .filter_map(|(label, probability)| {
                known(label).map(|service| Candidate {
                    service,
                    probability: *probability,
                })
            });
        let likely = classified.likely.map(|(labels, coverage)| Likely {
            services: labels.iter().filter_map(|label| known(label)).collect(),
            coverage: Probability::from_f64(coverage),
        });
        // What was proven holds where the first that the head names is the first proposed, and the words
        // weighed are those for it: one that is no service any more takes both with it.
        let first = classified.candidates.first();
        let whole = first.is_none_or(|(label, _)| known(label).is_some());
        let mut threshold = classified.threshold;
        if let Some(threshold) = threshold.as_mut().filter(|_| !whole) {
            threshold.value = None;
        }
        let classification = Classification {
            candidates: candidates.collect(),
            method: classified.method,
            reasons: if whole {
                classified.reasons
            } else {
                Vec::new()
            },
            threshold,
            nearness: classified.nearness,
            likely: likely.filter(|_| whole),
            ..nothing
        };
        Output::json(Kind::Classification, &classification)
    }
}

//! `embed`: passages to vectors.

use std::sync::Arc;

use domain::passage::VectorSet;
use domain::text::beginning;
use domain::{Digest, Kind, Layout, ModelRef, PassageSet, StageName};
use pipeline::file::{FileError, SourceFile};
use pipeline::stage::{Fault, Inputs, Output, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Workshop, name, settings};
use crate::models::Models;

/// Settings of `embed`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmbedSettings {
    /// The encoder, a name in `models.toml`.
    pub encoder: String,
    /// Whether the document's title, or its first words when it has none, is read before each
    /// passage.
    pub with_title: bool,
}

impl Default for EmbedSettings {
    fn default() -> Self {
        Self {
            encoder: "greffier-static-fr-en".to_owned(),
            with_title: true,
        }
    }
}

/// The stage.
pub struct Embed {
    settings: EmbedSettings,
    value: serde_json::Value,
    digest: Digest,
    models: Arc<Models>,
}

impl Embed {
    pub(super) fn build(source: &SourceFile, shop: &Workshop) -> Result<Self, FileError> {
        let (settings, at) = settings::<EmbedSettings>(source, "embed")?;
        let digest = encoder_digest(source, at, &settings.encoder, &shop.models)?;
        // The encoder's name is not a setting of the run: its digest is.
        let value = serde_json::json!({ "with_title": settings.with_title });
        Ok(Self {
            settings,
            value,
            digest,
            models: shop.models.clone(),
        })
    }
}

/// The digest of an encoder that a pipeline file names.
pub(super) fn encoder_digest(
    source: &SourceFile,
    at: usize,
    encoder: &str,
    models: &Models,
) -> Result<Digest, FileError> {
    models.encoder_digest(encoder).map_err(|_| {
        let known: Vec<&str> = models.registry.models.keys().map(String::as_str).collect();
        source.wrong_in(
            at,
            "encoder",
            format!("encoder `{encoder}` is not in models.toml"),
            format!("one of {}", known.join(", ")),
        )
    })
}

/// A model that cannot be loaded is something missing on this machine: the work waits.
pub(super) fn unavailable(error: &anyhow::Error) -> Fault {
    tracing::error!(error = format!("{error:#}"), "a model cannot be used");
    Fault::RetryAfter {
        after_seconds: 3_600,
        reason: "model-unavailable".into(),
        go_on: false,
    }
}

/// What a document is known by: its title, or without one its first words. A passage further down
/// says little of what it is about.
pub fn known_by<'t>(title: &'t str, first: &'t str) -> &'t str {
    match title.trim() {
        "" => beginning(first),
        title => title,
    }
}

/// What is encoded of a passage: what its document is known by before it, unless the passage says
/// it.
pub fn in_context(title: &str, passage: &str) -> String {
    if title.is_empty() || passage.contains(title) {
        passage.to_owned()
    } else {
        format!("{title}\n{passage}")
    }
}

impl Stage for Embed {
    fn name(&self) -> StageName {
        name("embed")
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Layout, Kind::Passages]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Vectors]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.value
    }

    fn models(&self) -> Vec<ModelRef> {
        vec![ModelRef {
            role: "encoder".into(),
            digest: self.digest,
        }]
    }

    fn prefetch(&self) -> u16 {
        16
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let text = inputs.text(Kind::Text)?;
        let layout: Layout = inputs.json(Kind::Layout)?;
        let set: PassageSet = inputs.json(Kind::Passages)?;
        let first = set.passages.first().and_then(|p| p.span().of(text));
        let title = match self.settings.with_title {
            true => known_by(
                layout.title.as_deref().unwrap_or_default(),
                first.unwrap_or_default(),
            ),
            false => "",
        };
        let texts: Vec<String> = set
            .passages
            .iter()
            .map(|p| in_context(title, p.span().of(text).unwrap_or_default()))
            .collect();
        if texts.is_empty() {
            return Ok(Output::of(Kind::Vectors, VectorSet::default().to_bytes()));
        }
        let encoder = self
            .models
            .encoder(&self.settings.encoder)
            .map_err(|e| unavailable(&e))?;
        let vectors = encoder.encode(&texts).map_err(|e| unavailable(&e.into()))?;
        let vectors = VectorSet {
            dimension: encoder.dimension(),
            vectors,
        };
        Ok(Output::of(Kind::Vectors, vectors.to_bytes()))
    }
}

//! Sentences of a pipeline file that reports are compared with, and the encoder that does it.

use anyhow::{Context, Result};
use domain::ModelRef;
use insight::{AlertSettings, Corpus};
use pipeline::pipelines::Pipeline;

use crate::house::House;

/// The encoder that compares, by its name in `models.toml`: that of the collection. `None` where
/// there are no examples.
pub(super) fn encoder(
    house: &House,
    pipeline: &Pipeline,
    settings: &AlertSettings,
) -> Result<Option<String>> {
    if settings.resemblance.is_empty() {
        return Ok(None);
    }
    house.encoder_of(&pipeline.source.file.collection).map(Some)
}

/// As a record names it.
pub(super) fn models(house: &House, encoder: Option<&str>) -> Result<Vec<ModelRef>> {
    let model = |name: &str| {
        Ok(ModelRef {
            role: "encoder".into(),
            digest: house.models.encoder_digest(name)?,
        })
    };
    encoder.map(model).into_iter().collect()
}

/// The encoder that a record names.
///
/// # Errors
/// When it is not among those of `models.toml` any more.
pub(super) fn encoder_with(house: &House, models: &[ModelRef]) -> Result<Option<String>> {
    let Some(model) = models.iter().find(|m| m.role == "encoder") else {
        return Ok(None);
    };
    let mut names = house.models.registry.models.keys();
    let name = names.find(|name| {
        let digest = house.models.encoder_digest(name);
        digest.is_ok_and(|d| d == model.digest)
    });
    let name = name.with_context(|| {
        format!(
            "cannot be made again: its encoder {} is not in models.toml any more",
            model.digest
        )
    })?;
    Ok(Some(name.clone()))
}

/// Compares the reports of the period with the examples, where there is an encoder.
pub(super) fn compare(
    house: &House,
    encoder: Option<&str>,
    settings: &AlertSettings,
    corpus: &mut Corpus,
) -> Result<()> {
    let Some(name) = encoder else {
        return Ok(());
    };
    let encoder = house.models.encoder(name)?;
    corpus.compare(&settings.resemblance, &mut |texts| encoder.encode(texts))?;
    Ok(())
}

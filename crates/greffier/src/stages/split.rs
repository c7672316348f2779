//! `split`: stored text to passages that never cut a sentence.

use ::extract::split::{SplitSettings as Splitting, split};
use domain::passage::PassageSetFormat;
use domain::{Kind, Layout, ModelRef, PassageSet, StageName};
use pipeline::file::{FileError, SourceFile};
use pipeline::stage::{Fault, Inputs, Output, Stage};
use serde::Serialize;

use super::{name, settings};

/// Settings of `split`.
pub type SplitSettings = Splitting;

/// The stage.
pub struct Split {
    settings: Splitting,
    value: serde_json::Value,
}

impl Split {
    pub(super) fn build(source: &SourceFile) -> Result<Self, FileError> {
        let (settings, at) = settings::<Splitting>(source, "split")?;
        if settings.characters < 100 {
            let found = format!("characters = {}", settings.characters);
            return Err(source.wrong_in(
                at,
                "characters",
                found,
                "at least 100 characters a passage",
            ));
        }
        Ok(Self {
            value: to_value(&settings),
            settings,
        })
    }
}

/// Resolved settings as the run key and the record name them.
pub(super) fn to_value<T: Serialize>(settings: &T) -> serde_json::Value {
    // Settings are structs of numbers, texts and lists, which always have a JSON form.
    serde_json::to_value(settings).unwrap_or(serde_json::Value::Null)
}

impl Stage for Split {
    fn name(&self) -> StageName {
        name("split")
    }

    fn version(&self) -> u32 {
        3
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Layout]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Passages]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.value
    }

    fn models(&self) -> Vec<ModelRef> {
        Vec::new()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let layout: Layout = inputs.json(Kind::Layout)?;
        let passages = split(inputs.text(Kind::Text)?, &layout, &self.settings);
        let set = PassageSet {
            format: PassageSetFormat::V1,
            text_version: inputs.name(Kind::Text)?,
            passages,
        };
        Output::json(Kind::Passages, &set)
    }
}

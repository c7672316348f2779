//! `sketch`: stored text to what tells nearly equal texts, so that the same letter scanned twice, or
//! a message sent again, is not dealt with twice. What resembles what is looked up when it is shown.

use ::extract::sketch::sketch;
use domain::{Kind, Layout, ModelRef, StageName};
use pipeline::stage::{Fault, Inputs, Output, Stage};
use serde_json::{Value, json};

use super::name;

/// The stage.
pub struct Sketch {
    value: Value,
}

impl Sketch {
    pub(super) fn build() -> Self {
        // Two sketches are compared whenever they were made: their numbers are the format's, and
        // nothing is left to set.
        Self { value: json!({}) }
    }
}

impl Stage for Sketch {
    fn name(&self) -> StageName {
        name("sketch")
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Layout]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Sketch]
    }

    fn settings(&self) -> &Value {
        &self.value
    }

    fn models(&self) -> Vec<ModelRef> {
        Vec::new()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let layout: Layout = inputs.json(Kind::Layout)?;
        let text = inputs.text(Kind::Text)?;
        Output::json(
            Kind::Sketch,
            &sketch(text, &layout, inputs.name(Kind::Text)?),
        )
    }
}

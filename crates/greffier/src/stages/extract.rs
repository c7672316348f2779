//! `extract`: bytes to text with places, fields, attachments; in a child process that can be killed.

use std::sync::Arc;

use ::extract::isolation::{ReadFault, Reader};
use ::extract::ocr::{Missing, Recogniser};
use ::extract::{Budgets, Extraction, Input};
use domain::{Arrival, Kind, ModelRef, StageName, canonical};
use pipeline::file::{FileError, SourceFile};
use pipeline::stage::{Child, Fault, Inputs, Output, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Workshop, name, settings};

/// Settings of `extract`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractSettings {
    /// How much is read before reading stops with a note.
    pub budgets: Budgets,
}

/// How documents are read: in child processes, each within its limits.
pub struct Reading {
    /// Makes a reader with these budgets.
    pub reader: Box<dyn Fn(Budgets) -> Reader + Send + Sync>,
    /// Looks for what recognises these languages on this machine.
    pub recogniser: LookForRecogniser,
}

/// See [`Reading::recogniser`]. Cheap where there is none, so that it can be asked again.
pub type LookForRecogniser = Arc<dyn Fn(&[String]) -> Result<Recogniser, Missing> + Send + Sync>;

/// The stage.
pub struct Extract {
    settings: serde_json::Value,
    reader: Arc<Reader>,
}

impl Extract {
    pub(super) fn build(source: &SourceFile, shop: &Workshop) -> Result<Self, FileError> {
        let (settings, _) = settings::<ExtractSettings>(source, "extract")?;
        let value = super::split::to_value(&settings);
        Ok(Self {
            settings: value,
            reader: Arc::new((shop.reading.reader)(settings.budgets)),
        })
    }
}

impl Stage for Extract {
    fn name(&self) -> StageName {
        name("extract")
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Raw, Kind::Arrival]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Layout]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.settings
    }

    fn models(&self) -> Vec<ModelRef> {
        Vec::new()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let arrival: Arrival = inputs.json(Kind::Arrival)?;
        let input = Input {
            bytes: inputs.bytes(Kind::Raw)?,
            file_name: arrival.file_name.as_deref(),
            media_type: arrival.media_type.as_deref(),
            columns: arrival.columns.as_ref(),
            password: arrival.metadata.get("password").map(String::as_str),
        };
        let Extraction {
            text,
            layout,
            children,
        } = match self.reader.read(&input) {
            Ok(extraction) => extraction,
            // A child that died may have paid for its neighbours' memory or for a busy machine:
            // a new one tries once more, alone, before anything is said of the document.
            Err(first) if !first.is_passing() => self.reader.read_alone(&input).map_err(fault)?,
            Err(stopped) => return Err(fault(stopped)),
        };
        let quality = layout.quality.clone();
        let layout = canonical::to_bytes(&layout)?;
        let children = children
            .into_iter()
            .map(|c| Child {
                part: c.part,
                name: c.name,
                media_type: c.media_type,
                bytes: c.bytes,
            })
            .collect();
        Ok(Output {
            artifacts: vec![(Kind::Text, text.into_bytes()), (Kind::Layout, layout)],
            children,
            quality,
        })
    }
}

/// What depends on load or on the machine is never an output: the document is set aside, or where
/// it has nothing to do with it, waits.
pub(super) fn fault(fault: ReadFault) -> Fault {
    let detail = pipeline::verify::chain(&fault);
    if matches!(fault, ReadFault::Start { .. }) {
        tracing::error!(
            detail,
            "no child process could be started to read a document"
        );
        return Fault::RetryAfter {
            after_seconds: 60,
            reason: fault.code().to_owned(),
            go_on: false,
        };
    }
    Fault::Quarantine {
        reason: fault.code().to_owned(),
        detail,
    }
}

//! `ocr`: pages that are images, or whose text layer makes no sense, recognised by the program found
//! on this machine. Without it the document waits, and what could be read goes on.

use std::sync::{Arc, Mutex, PoisonError};

use ::extract::isolation::Reader;
use ::extract::ocr::{Missing, OcrSettings, Recogniser, recognise, wanted};
use ::extract::{Budgets, Input};
use domain::{Arrival, Kind, Layout, ModelRef, StageName, StoredText, canonical};
use pipeline::file::{FileError, SourceFile};
use pipeline::stage::{Condition, Fault, Inputs, Output, Stage};

use super::extract::{LookForRecogniser, fault};
use super::{Workshop, name, settings};
use crate::args::Password;

/// The reason of a wait for the program.
pub const NEEDS_OCR: &str = "needs-ocr";

/// How long a document waits before the program is looked for again.
const RETRY_SECONDS: u32 = 900;

/// The stage.
pub struct Ocr {
    settings: OcrSettings,
    value: serde_json::Value,
    reader: Reader,
    password: Option<Password>,
    look: LookForRecogniser,
    /// Once found, it is kept: its digest names what every later run uses.
    found: Mutex<Option<Arc<Recogniser>>>,
}

impl Ocr {
    pub(super) fn build(source: &SourceFile, shop: &Workshop) -> Result<Self, FileError> {
        let (settings, at) = settings::<OcrSettings>(source, "ocr")?;
        if settings.languages.is_empty() {
            return Err(source.wrong_in(
                at,
                "languages",
                "languages = []".to_owned(),
                "at least one language, such as \"fra\"",
            ));
        }
        Ok(Self {
            value: super::split::to_value(&settings),
            settings,
            reader: (shop.reading.reader)(Budgets::default()),
            password: shop.reading.password.clone(),
            look: shop.reading.recogniser.clone(),
            found: Mutex::new(None),
        })
    }

    /// The recogniser, looked for until it is there.
    fn recogniser(&self) -> Result<Arc<Recogniser>, Missing> {
        // What is kept is whole whatever its holder did.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recogniser) = &*found {
            return Ok(recogniser.clone());
        }
        let recogniser = Arc::new((self.look)(&self.settings.languages)?);
        *found = Some(recogniser.clone());
        Ok(recogniser)
    }
}

/// Whether a page of this layout needs recognition. A layout that is none concerns the stage, which
/// says so.
fn needs_ocr(layout: &[u8]) -> bool {
    serde_json::from_slice(layout).map_or(true, |layout: Layout| !wanted(&layout).is_empty())
}

impl Stage for Ocr {
    fn name(&self) -> StageName {
        name("ocr")
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Raw, Kind::Arrival, Kind::Text, Kind::Layout]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Layout]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.value
    }

    fn models(&self) -> Vec<ModelRef> {
        let recogniser = self.recogniser().ok();
        let model = recogniser.map(|recogniser| ModelRef {
            role: "ocr".into(),
            digest: recogniser.found().digest(),
        });
        model.into_iter().collect()
    }

    fn condition(&self) -> Option<Condition> {
        Some(Condition {
            kind: Kind::Layout,
            holds: needs_ocr,
        })
    }

    fn prefetch(&self) -> u16 {
        1
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let recogniser = self.recogniser().map_err(|missing| {
            tracing::warn!(%missing, remedy = missing.remedy(), "documents wait for OCR");
            Fault::RetryAfter {
                after_seconds: RETRY_SECONDS,
                reason: NEEDS_OCR.into(),
                go_on: true,
            }
        })?;
        let arrival: Arrival = inputs.json(Kind::Arrival)?;
        let layout: Layout = inputs.json(Kind::Layout)?;
        let text = StoredText::from_bytes(inputs.bytes(Kind::Text)?.to_vec()).map_err(|e| {
            Fault::Quarantine {
                reason: "broken-input".into(),
                detail: e.to_string(),
            }
        })?;
        let input = Input {
            bytes: inputs.bytes(Kind::Raw)?,
            file_name: arrival.file_name.as_deref(),
            media_type: arrival.media_type.as_deref(),
            columns: arrival.columns.as_ref(),
            password: super::extract::password(&arrival, self.password.as_ref()),
        };
        let read = (&text, &layout);
        let (text, layout) =
            recognise(&self.reader, &recogniser, &input, read, &self.settings).map_err(fault)?;
        let quality = layout.quality.clone();
        let layout = canonical::to_bytes(&layout)?;
        Ok(Output {
            artifacts: vec![(Kind::Text, text.into_bytes()), (Kind::Layout, layout)],
            children: Vec::new(),
            quality,
        })
    }
}

//! The stages, one short file each: settings, construction, work. This list registers them; a
//! stage named in a pipeline file and absent here is refused with its line.

mod check;
mod classify;
mod embed;
mod extract;
mod ocr;
mod route;
mod sketch;
mod split;

use std::sync::Arc;

use domain::StageName;
use pipeline::file::{FileError, SourceFile};
use pipeline::pipelines::Pipeline;
use pipeline::stage::Stage;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::models::Models;

pub use classify::{Classified, Classifier, ClassifySettings};
pub use embed::{EmbedSettings, in_context, known_by};
pub use extract::{ExtractSettings, Reading};
pub use ocr::NEEDS_OCR;
pub use route::{RouteSettings, Rules};
pub use split::SplitSettings;

/// What stages are built with.
pub struct Workshop {
    /// The models.
    pub models: Arc<Models>,
    /// How documents are read.
    pub reading: Arc<Reading>,
}

/// Every stage, in the usual order.
pub const NAMES: [&str; 8] = [
    "extract", "ocr", "sketch", "split", "embed", "classify", "check", "route",
];

/// The pipeline of a file, with its stages ready to work.
///
/// # Errors
/// When a stage is not known, or its settings are wrong, with the line.
pub fn assemble(source: Arc<SourceFile>, shop: &Workshop) -> Result<Pipeline, FileError> {
    let mut stages: Vec<Arc<dyn Stage>> = Vec::new();
    let listed = source
        .file
        .stages
        .iter()
        .chain(&source.file.attachment_stages);
    for name in listed {
        if stages.iter().any(|s| s.name() == *name.get_ref()) {
            continue;
        }
        let stage: Arc<dyn Stage> = match name.get_ref().as_str() {
            "extract" => Arc::new(extract::Extract::build(&source, shop)?),
            "ocr" => Arc::new(ocr::Ocr::build(&source, shop)?),
            "sketch" => Arc::new(sketch::Sketch::build()),
            "split" => Arc::new(split::Split::build(&source)?),
            "embed" => Arc::new(embed::Embed::build(&source, shop)?),
            "classify" => Arc::new(classify::Classify::build(&source, shop)?),
            "check" => Arc::new(check::Check::build(&source)),
            "route" => Arc::new(route::Route::build(&source)?),
            other => {
                return Err(source.wrong_at(
                    name.span().start,
                    format!("stage `{other}` is not known"),
                    format!("one of {}", NAMES.join(", ")),
                ));
            }
        };
        stages.push(stage);
    }
    Pipeline::new(source, stages)
}

/// The settings of a stage as its file gives them, defaults filled in. An unknown key or a value
/// of another kind is refused with its line.
fn settings<T: DeserializeOwned + Default + JsonSchema>(
    source: &SourceFile,
    stage: &str,
) -> Result<(T, usize), FileError> {
    let name: StageName = name(stage);
    let Some(table) = source.file.stage.get(&name) else {
        return Ok((T::default(), 0));
    };
    let at = table.span().start;
    match table.get_ref().clone().try_into::<T>() {
        Ok(settings) => Ok((settings, at)),
        Err(error) => {
            let message = error.message().to_owned();
            let key = message.split('`').nth(1).unwrap_or_default().to_owned();
            Err(source.wrong_in(at, &key, message, format!("the settings of `{stage}`")))
        }
    }
}

fn name(stage: &str) -> StageName {
    stage
        .parse()
        .unwrap_or_else(|_| unreachable!("`{stage}` is a slug"))
}

/// The encoder that a pipeline embeds passages with; `None` when it does not.
///
/// # Errors
/// When its settings are wrong.
pub fn encoder_of(source: &SourceFile) -> Result<Option<String>, FileError> {
    let stages = source
        .file
        .stages
        .iter()
        .chain(&source.file.attachment_stages);
    if !stages
        .into_iter()
        .any(|stage| stage.get_ref().as_str() == "embed")
    {
        return Ok(None);
    }
    let (settings, _) = settings::<EmbedSettings>(source, "embed")?;
    Ok(Some(settings.encoder))
}

/// The settings of `classify` of a file.
///
/// # Errors
/// With the line of what is wrong.
pub fn classify_settings(source: &SourceFile) -> Result<ClassifySettings, FileError> {
    Ok(settings::<ClassifySettings>(source, "classify")?.0)
}

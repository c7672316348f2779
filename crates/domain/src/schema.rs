//! JSON Schemas (2020-12) of everything that leaves the process, generated from the types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// A schema and the name of its file in `schemas/`.
pub struct NamedSchema {
    /// File name: `record.schema.json`.
    pub file: String,
    /// The schema.
    pub schema: Value,
}

/// The 2020-12 schema of `T`, titled `name`.
pub fn of<T: JsonSchema>(name: &str) -> NamedSchema {
    let schema: Schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>();
    NamedSchema {
        file: format!("{name}.schema.json"),
        schema: schema.to_value(),
    }
}

/// The schemas of this crate's types, by file name.
pub fn all() -> Vec<NamedSchema> {
    vec![
        of::<crate::record::Act>("act"),
        of::<crate::AlertAct>("alert-act"),
        of::<crate::AlertNotice>("alert-notice"),
        of::<crate::AlertSet>("alerts"),
        of::<crate::Arrival>("arrival"),
        of::<crate::decision::Classification>("classification"),
        of::<crate::Completeness>("completeness"),
        of::<crate::Decision>("decision"),
        of::<crate::Evidence>("evidence"),
        of::<crate::explanation::Explanation>("explanation"),
        of::<crate::Layout>("layout"),
        of::<crate::event::IntakeEvent>("intake-event"),
        of::<crate::event::ResultEvent>("result-event"),
        of::<crate::message::TaskEvent>("task-event"),
        of::<crate::PassageSet>("passages"),
        of::<crate::Record>("record"),
        of::<crate::Sketch>("sketch"),
        of::<crate::Synthesis>("synthesis"),
    ]
}

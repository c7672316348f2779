//! The JSON Schemas of everything that leaves the process: one file each in `schemas/`.

use domain::schema::{NamedSchema, all as of_domain, of};
use serde_json::{Value, json};

use crate::stages::{
    ClassifySettings, EmbedSettings, ExtractSettings, RouteSettings, SplitSettings,
};

/// Every schema: file name and text.
pub fn all() -> Vec<(String, String)> {
    let mut schemas = of_domain();
    schemas.push(of::<extract::view::ExtractView>("extract"));
    schemas.push(pipeline_file());
    schemas
        .into_iter()
        .map(|NamedSchema { file, schema }| (file, format!("{schema:#}\n")))
        .collect()
}

/// The schema of pipeline files, with the settings of each stage and reconciler where they stand.
fn pipeline_file() -> NamedSchema {
    let mut file = of::<pipeline::file::PipelineFile>("pipeline");
    let stages = [
        ("extract", of::<ExtractSettings>("extract").schema),
        ("split", of::<SplitSettings>("split").schema),
        ("embed", of::<EmbedSettings>("embed").schema),
        ("classify", of::<ClassifySettings>("classify").schema),
        ("route", of::<RouteSettings>("route").schema),
    ];
    let reconcilers = [
        (
            "synthesise",
            of::<insight::SynthesisSettings>("synthesise").schema,
        ),
        ("alert", of::<insight::AlertSettings>("alert").schema),
        (
            "themes",
            of::<insight::themes::ThemesSettings>("themes").schema,
        ),
        (
            "forecast",
            of::<crate::commands::forecast::ForecastSettings>("forecast").schema,
        ),
        (
            "tell",
            of::<crate::reconcilers::TellSettings>("tell").schema,
        ),
    ];
    let mut definitions = serde_json::Map::new();
    let mut take = |mut schema: Value, name: &str| {
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
            if let Some(Value::Object(defs)) = object.remove("$defs") {
                definitions.extend(defs);
            }
        }
        definitions.insert(format!("settings-{name}"), schema);
        json!({ "$ref": format!("#/$defs/settings-{name}") })
    };
    let stage: serde_json::Map<String, Value> = stages
        .into_iter()
        .map(|(n, s)| (n.to_owned(), take(s, n)))
        .collect();
    let reconcile: serde_json::Map<String, Value> = reconcilers
        .into_iter()
        .map(|(n, s)| {
            let settings = take(s, n);
            let entry = json!({
                "type": "object", "additionalProperties": false, "required": ["schedule"],
                "properties": { "schedule": { "type": "string" }, "settings": settings },
            });
            (n.to_owned(), entry)
        })
        .collect();
    let properties = &mut file.schema["properties"];
    properties["stage"] = json!({
        "type": "object", "description": "Settings of stages.", "additionalProperties": false, "properties": stage,
    });
    properties["reconcile"] = json!({
        "type": "object", "description": "Reconcilers.", "additionalProperties": false, "properties": reconcile,
    });
    if let Some(defs) = file.schema["$defs"].as_object_mut() {
        defs.extend(definitions);
    }
    file
}

//! `/api/v1/openapi.json`: OpenAPI 3.1, made of the table of operations and of the types.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{BASE, Body, OPERATIONS, Operation, Place};
use crate::problem::{ApiProblem, Problem};

/// `/api/v1/openapi.json`
pub(super) async fn page(headers: HeaderMap) -> Result<Response, Problem> {
    let response = super::answer::json(&headers, &description())?;
    let kind = "application/vnd.oai.openapi+json;version=3.1";
    Ok(([(header::CONTENT_TYPE, kind)], response).into_response())
}

/// The description.
pub(crate) fn description() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut paths: BTreeMap<&str, serde_json::Map<String, Value>> = BTreeMap::new();
    for operation in OPERATIONS {
        let described = describe(operation, &mut generator);
        let methods = paths.entry(operation.path).or_default();
        methods.insert(operation.method.to_owned(), described);
    }
    let problem = generator.subschema_for::<ApiProblem>().to_value();
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Greffier",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Documents of a local public service: handed in, found, decided about, explained.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": BASE }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "Made by `greffier users tokens ACCOUNT --add LABEL`. Reading needs `read`, deciding `decide`, handing in `hand-in`.",
                },
            },
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457).",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "schemas": schemas,
        },
    })
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let params: Vec<Value> = operation
        .params
        .iter()
        .map(|param| {
            let (place, required) = match param.place {
                Place::Path => ("path", true),
                Place::Query => ("query", false),
                Place::Header { required } => ("header", required),
            };
            json!({
                "name": param.name, "in": place, "required": required,
                "description": param.what, "schema": (param.schema)(),
            })
        })
        .collect();
    let mut answers = serde_json::Map::new();
    let mut good = json!({ "description": "Done.", "headers": {} });
    if let Some(content) = content(&operation.gives, generator) {
        good["content"] = content;
    }
    let has_tag = operation.params.iter().any(|p| p.name == "If-None-Match");
    if has_tag {
        good["headers"]["ETag"] = json!({ "schema": { "type": "string" } });
        answers.insert(
            "304".to_owned(),
            json!({ "description": "What you hold still holds." }),
        );
    }
    answers.insert(operation.status.to_string(), good.clone());
    if operation.status == 201 {
        // Handed in before: the same document.
        answers.insert("200".to_owned(), good);
    }
    for status in operation.problems.iter().chain(&[401, 403, 429, 503]) {
        let problem = json!({ "$ref": "#/components/responses/Problem" });
        answers.insert(status.to_string(), problem);
    }
    let mut described = json!({
        "operationId": operation.id, "summary": operation.what,
        "parameters": params, "responses": answers,
    });
    if let Some(content) = content(&operation.takes, generator) {
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

fn content(body: &Body, generator: &mut SchemaGenerator) -> Option<Value> {
    match body {
        Body::None => None,
        Body::Json(schema) => {
            Some(json!({ "application/json": { "schema": schema(generator).to_value() } }))
        }
        Body::Bytes(kind) => Some(json!({ *kind: {} })),
        Body::JsonOrParts(schema) => Some(json!({
            "application/json": { "schema": schema(generator).to_value() },
            "multipart/form-data": {
                "schema": {
                    "type": "object", "required": ["pipeline", "file"],
                    "properties": {
                        "pipeline": { "type": "string", "pattern": "^[a-z0-9-]{1,64}$" },
                        "file": { "type": "string", "contentMediaType": "application/octet-stream" },
                        "id": { "type": "string", "maxLength": 300 },
                        "received_at": { "type": "string", "maxLength": 64 },
                        "channel": { "type": "string", "maxLength": 64 },
                    },
                    "additionalProperties": false,
                },
            },
        })),
    }
}

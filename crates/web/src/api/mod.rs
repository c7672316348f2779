//! `/api/v1`: what pages do, for other software.
//!
//! One table says every operation: the router and the OpenAPI document are both made of it, so that
//! what is described is what is there. Rights, acts and openings are those of the pages: the same
//! functions, for whoever the token belongs to.
//!
//! | module | what it holds |
//! |---|---|
//! | `answer` | JSON with an entity tag; pages of a list; what is answered again |
//! | `openapi` | the description, from the table and the types |
//! | `limits` | how often a token may ask |
//! | `documents`, `decision`, `hand_in`, `search`, `editions` | the operations |

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use domain::explanation::Explanation;
use domain::{AlertSet, Synthesis};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::Office;

pub(crate) mod answer;
mod decision;
mod documents;
mod editions;
mod hand_in;
pub(crate) mod limits;
mod openapi;
mod search;

/// Where the API stands.
pub(crate) const BASE: &str = "/api/v1";
/// Where its description stands, which anyone may read.
pub(crate) const DESCRIPTION: &str = "/api/v1/openapi.json";

/// The largest document that is handed in, in bytes.
pub(crate) const HAND_IN_BYTES_MAX: usize = 32 << 20;
/// What a form of several parts, or base64, adds to it.
const HAND_IN_BODY_MAX: usize = HAND_IN_BYTES_MAX / 3 * 4 + (64 << 10);

/// A parameter of an operation.
struct Param {
    name: &'static str,
    place: Place,
    what: &'static str,
    schema: fn() -> serde_json::Value,
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header { required: bool },
}

/// What a body holds.
enum Body {
    /// Nothing.
    None,
    /// JSON of this type.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// JSON of this type, or the parts of a form.
    JsonOrParts(fn(&mut SchemaGenerator) -> Schema),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// An operation.
struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    what: &'static str,
    params: &'static [&'static Param],
    takes: Body,
    gives: Body,
    status: u16,
    /// Problems that it may answer beside those that all may.
    problems: &'static [u16],
    handler: fn() -> MethodRouter<Arc<Office>>,
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn string() -> serde_json::Value {
    serde_json::json!({ "type": "string", "minLength": 1, "maxLength": 300 })
}

fn slug() -> serde_json::Value {
    serde_json::json!({ "type": "string", "pattern": "^[a-z0-9-]{1,64}$" })
}

fn limit() -> serde_json::Value {
    serde_json::json!({ "type": "integer", "minimum": 1, "maximum": answer::LIMIT_MAX, "default": answer::LIMIT })
}

fn document() -> serde_json::Value {
    serde_json::json!({ "type": "string", "pattern": "^doc_[0-9a-f]{32}$" })
}

fn week() -> serde_json::Value {
    serde_json::json!({ "type": "string", "pattern": "^[0-9]{4}-W[0-9]{2}$" })
}

fn lang() -> serde_json::Value {
    serde_json::json!({ "type": "string", "enum": ["fr", "en"], "default": "fr" })
}

fn edition() -> serde_json::Value {
    serde_json::json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
}

fn year() -> serde_json::Value {
    serde_json::json!({ "type": "string", "pattern": "^[0-9]{4}$" })
}

macro_rules! params {
    ($($const:ident: $name:literal, $place:expr, $schema:ident, $what:literal;)*) => {
        $(const $const: Param = Param { name: $name, place: $place, what: $what, schema: $schema };)*
    };
}

params! {
    ID: "id", Place::Path, document, "The document.";
    IN_PIPELINE: "pipeline", Place::Path, slug, "The pipeline.";
    IN_WEEK: "week", Place::Path, week, "The ISO week.";
    PIPELINE: "pipeline", Place::Query, slug, "Only of this pipeline.";
    SERVICE: "service", Place::Query, slug, "Only of this service.";
    STATE: "state", Place::Query, state, "Only in this state.";
    LIMIT: "limit", Place::Query, limit, "How many at most.";
    AFTER: "after", Place::Query, string, "Where the last page ended: its `next`.";
    WEEK: "week", Place::Query, week, "Only of this ISO week; else the latest.";
    EDITION: "edition", Place::Query, edition, "The edition; else the last.";
    LANG: "lang", Place::Query, lang, "The language of sentences.";
    Q: "q", Place::Query, string, "A name, a number, a few words or a question.";
    LIKE: "like", Place::Query, document, "Documents like this one.";
    KIND: "kind", Place::Query, string, "Only of this kind of file.";
    PLACE: "place", Place::Query, string, "Only about this place.";
    YEAR: "year", Place::Query, year, "Only received in this year.";
    LANGUAGE: "language", Place::Query, string, "Only in this language.";
    IF_NONE_MATCH: "If-None-Match", Place::Header { required: false }, string, "An entity tag that is held already: 304 when it still holds.";
    IF_MATCH: "If-Match", Place::Header { required: true }, string, "The entity tag of the document that was decided about.";
    IDEMPOTENCY_KEY: "Idempotency-Key", Place::Header { required: false }, string, "A key of your own: the same request again within a day is answered as before, and does nothing.";
}

fn state() -> serde_json::Value {
    serde_json::json!({ "type": "string", "enum": ["processing", "done", "quarantined"] })
}

/// Every operation.
const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/documents",
        id: "listDocuments",
        what: "Documents that came by themselves, by reception.",
        params: &[&PIPELINE, &SERVICE, &STATE, &LIMIT, &AFTER, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<documents::List>),
        status: 200,
        problems: &[400],
        handler: || get(documents::list),
    },
    Operation {
        method: "post",
        path: "/documents",
        id: "handIn",
        what: "Hands a document in. The same name with the same bytes is the same document.",
        params: &[&IDEMPOTENCY_KEY],
        takes: Body::JsonOrParts(schema::<domain::event::Submission>),
        gives: Body::Json(schema::<hand_in::HandedIn>),
        status: 201,
        problems: &[400, 413, 415, 422],
        handler: || post(hand_in::hand_in).layer(DefaultBodyLimit::max(HAND_IN_BODY_MAX)),
    },
    Operation {
        method: "get",
        path: "/documents/{id}",
        id: "getDocument",
        what: "A document: what was read, what is proposed, what is missing, what was decided.",
        params: &[&ID, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<documents::Document>),
        status: 200,
        problems: &[404, 410],
        handler: || get(documents::one),
    },
    Operation {
        method: "post",
        path: "/documents/{id}/decision",
        id: "decide",
        what: "Decides about a document, in the name of the token's account.",
        params: &[&ID, &IF_MATCH, &IDEMPOTENCY_KEY],
        takes: Body::Json(schema::<decision::Decide>),
        gives: Body::Json(schema::<decision::Decided>),
        status: 200,
        problems: &[400, 404, 409, 410, 412, 413, 415, 422, 428],
        handler: || post(decision::decide),
    },
    Operation {
        method: "get",
        path: "/documents/{id}/text",
        id: "getText",
        what: "Its stored text, whose bytes every place and quote refers to.",
        params: &[&ID],
        takes: Body::None,
        gives: Body::Bytes("text/plain"),
        status: 200,
        problems: &[404, 410],
        handler: || get(crate::document::text),
    },
    Operation {
        method: "get",
        path: "/documents/{id}/original",
        id: "getOriginal",
        what: "Its bytes as received.",
        params: &[&ID],
        takes: Body::None,
        gives: Body::Bytes("application/octet-stream"),
        status: 200,
        problems: &[404, 410],
        handler: || get(crate::document::original),
    },
    Operation {
        method: "get",
        path: "/documents/{id}/why",
        id: "explain",
        what: "The four points of CRPA R311-3-1-2.",
        params: &[&ID, &LANG, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<Explanation>),
        status: 200,
        problems: &[404, 409, 410],
        handler: || get(documents::why),
    },
    Operation {
        method: "get",
        path: "/documents/{id}/records",
        id: "listRecords",
        what: "Its records, oldest first, with their leaves in the log.",
        params: &[&ID, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<documents::Records>),
        status: 200,
        problems: &[404, 410],
        handler: || get(documents::records),
    },
    Operation {
        method: "get",
        path: "/search",
        id: "search",
        what: "Documents by words and by meaning.",
        params: &[
            &Q,
            &LIKE,
            &LIMIT,
            &SERVICE,
            &PIPELINE,
            &KIND,
            &PLACE,
            &YEAR,
            &LANGUAGE,
            &IF_NONE_MATCH,
        ],
        takes: Body::None,
        gives: Body::Json(schema::<search::Answered>),
        status: 200,
        problems: &[400, 404],
        handler: || get(search::search),
    },
    Operation {
        method: "get",
        path: "/suggestions",
        id: "suggest",
        what: "How the last word of a text may go on.",
        params: &[&Q, &LIMIT, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<search::Suggestions>),
        status: 200,
        problems: &[400],
        handler: || get(search::suggest),
    },
    Operation {
        method: "get",
        path: "/alerts",
        id: "listAlerts",
        what: "Alerts, the last edition of each pipeline.",
        params: &[&PIPELINE, &WEEK, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<editions::Editions<AlertSet>>),
        status: 200,
        problems: &[400],
        handler: || get(editions::alerts),
    },
    Operation {
        method: "get",
        path: "/syntheses",
        id: "listSyntheses",
        what: "Which syntheses there are, by pipeline, week and edition.",
        params: &[&PIPELINE, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<editions::Known>),
        status: 200,
        problems: &[400],
        handler: || get(editions::list),
    },
    Operation {
        method: "get",
        path: "/syntheses/{pipeline}/{week}",
        id: "getSynthesis",
        what: "The synthesis of a week.",
        params: &[&IN_PIPELINE, &IN_WEEK, &EDITION, &IF_NONE_MATCH],
        takes: Body::None,
        gives: Body::Json(schema::<editions::Edited<Synthesis>>),
        status: 200,
        problems: &[400, 404, 410],
        handler: || get(editions::synthesis),
    },
];

/// Adds the API to the pages.
pub(crate) fn mount(mut router: Router<Arc<Office>>) -> Router<Arc<Office>> {
    for operation in OPERATIONS {
        router = router.route(&format!("{BASE}{}", operation.path), (operation.handler)());
    }
    router.route(DESCRIPTION, get(openapi::page))
}

/// Every operation's method and path.
pub(crate) fn routes() -> impl Iterator<Item = (&'static str, String)> {
    OPERATIONS
        .iter()
        .map(|o| (o.method, format!("{BASE}{}", o.path)))
        .chain([("get", DESCRIPTION.to_owned())])
}

/// The description of the API.
pub(crate) use openapi::description;

/// Whether an address is of the API.
pub(crate) fn is_of(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

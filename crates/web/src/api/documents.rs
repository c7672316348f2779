//! Documents: listed, one by one, with their records and why they were routed so.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::act::Act;
use domain::{
    Day, Decision, Digest, DocumentId, Field, Missing, Note, Outcome, PipelineName, Probability,
    Record, ServiceId, Timestamp,
};
use pipeline::desk::{Desk, Opened};
use pipeline::ledger::{DocumentFilter, DocumentRow, DocumentState};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{after, asked, cursor, json, json_tagged, limit, tag_of};
use crate::Office;
use crate::document::open;
use crate::problem::Problem;
use crate::visit::Visit;

/// A document in a list.
#[derive(Serialize, JsonSchema)]
pub(super) struct Listed {
    /// Its id.
    id: DocumentId,
    /// The name people know it by; absent when it cannot be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its pipeline.
    pipeline: PipelineName,
    /// When it was received.
    received_at: Timestamp,
    /// Where it stands.
    state: Stands,
    /// What became of it, as lists show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// The service proposed or decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceId>,
    /// Other services that have something to do.
    also: Vec<ServiceId>,
    /// Services that have a copy.
    copies: Vec<ServiceId>,
    /// Whether a person decided.
    decided: bool,
}

/// Where a document stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "State")]
enum Stands {
    Processing,
    Done,
    Quarantined,
}

impl Listed {
    fn of(desk: &Desk, row: &DocumentRow, opened: Option<&Opened>) -> Self {
        let route = row.route.as_ref();
        Self {
            id: row.id,
            name: opened.map(|o| o.name.clone()),
            pipeline: row.pipeline.clone(),
            received_at: row.received_at,
            state: match row.state {
                DocumentState::Processing => Stands::Processing,
                DocumentState::Done => Stands::Done,
                DocumentState::Quarantined => Stands::Quarantined,
            },
            outcome: opened.and_then(|o| desk.shown_outcome(o)),
            service: route.and_then(|r| r.service.clone()),
            also: route.map(|r| r.also.clone()).unwrap_or_default(),
            copies: route.map(|r| r.copies.clone()).unwrap_or_default(),
            decided: route.is_some_and(|r| r.decided),
        }
    }
}

/// A page of a list.
#[derive(Serialize, JsonSchema)]
pub(super) struct List {
    /// Documents, by reception.
    items: Vec<Listed>,
    /// Where the next page begins: ask it with `after`. Absent from the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /documents`
pub(super) async fn list(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let limit = limit(&visit)?;
    let state = match visit.asked("state") {
        None => None,
        Some(word) => Some(DocumentState::from_word(word).ok_or(Problem::BadAddress)?),
    };
    let filter = DocumentFilter {
        pipeline: asked(&visit, "pipeline")?,
        service: asked(&visit, "service")?,
        state,
        top_level: true,
        reach: desk.reach.clone(),
        after: after(&visit)?,
        // One more tells whether there is a next page.
        limit: u32::try_from(limit + 1).ok(),
        ..DocumentFilter::default()
    };
    let mut rows = desk.vault.ledger.documents(&filter).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more);
    let next = next.map(|row| cursor(row.received_at, row.id));
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let opened = match desk.open(row.clone()).await {
            Ok(opened) => Some(opened),
            Err(error) if error.is_passing() => return Err(error.into()),
            // One that does not open must not hide the others.
            Err(_) => None,
        };
        items.push(Listed::of(&desk, &row, opened.as_ref()));
    }
    json(&headers, &List { items, next })
}

/// A document.
#[derive(Serialize, JsonSchema)]
pub(super) struct Document {
    /// As lists show it.
    #[serde(flatten)]
    listed: Listed,
    /// Its title.
    title: String,
    /// How it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// The document it was found in.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<DocumentId>,
    /// The first document with the same bytes, where that is within reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<DocumentId>,
    /// The day until which it is to be answered, while it waits for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Day>,
    /// Probability of the first candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Probability>,
    /// The fields that were read.
    fields: Vec<Field>,
    /// What is missing.
    missing: Vec<Missing>,
    /// What could not be read.
    notes: Vec<Note>,
    /// What the software proposes.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<Decision>,
    /// What a person decided last.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
    /// Why it was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<String>,
    /// What was found within it.
    attachments: Vec<DocumentId>,
}

/// The entity tag of a document: another once something is recorded of it.
pub(super) fn tag(opened: &Opened) -> String {
    let mut all = format!("{} {}", opened.row.id, opened.row.state.as_str());
    for (record, _) in &opened.records {
        let statement = record.statement();
        all.push_str(&format!(" {}/{}", statement.run_key, statement.generation));
    }
    tag_of(Digest::of(all.as_bytes()))
}

fn id(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(id)| id).map_err(|_| Problem::NoSuchDocument)
}

/// `GET /documents/{id}`
pub(super) async fn one(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let opened = open(&desk, &id(path)?).await?;
    office.opened(&visit, opened.row.id, "page").await?;
    let within = DocumentFilter {
        parent: Some(opened.row.id),
        ..DocumentFilter::default()
    };
    let attachments = desk.vault.ledger.documents(&within).await?;
    let duplicate_of = match opened.row.duplicate_of {
        Some(first) => desk.row(first).await.ok().map(|row| row.id),
        None => None,
    };
    let document = Document {
        listed: Listed::of(&desk, &opened.row, Some(&opened)),
        title: opened.title().to_owned(),
        channel: opened.arrival.channel.clone(),
        parent: opened.row.parent,
        duplicate_of,
        deadline: match desk.waits(&opened) {
            true => Some(desk.waiting_as(&opened)?.deadline),
            false => None,
        },
        confidence: opened.row.route.as_ref().map(|r| r.confidence),
        fields: opened
            .layout
            .as_ref()
            .map(|l| l.fields.clone())
            .unwrap_or_default(),
        missing: opened
            .completeness
            .as_ref()
            .map(|c| c.missing.clone())
            .unwrap_or_default(),
        notes: opened
            .layout
            .as_ref()
            .map(|l| l.notes.clone())
            .unwrap_or_default(),
        proposal: desk.shown_decision(&opened),
        act: opened.act.clone(),
        set_aside: opened.set_aside().map(str::to_owned),
        attachments: attachments.into_iter().map(|row| row.id).collect(),
    };
    json_tagged(&headers, &tag(&opened), &document)
}

/// `GET /documents/{id}/why`
pub(super) async fn why(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let opened = open(&desk, &id(path)?).await?;
    office.opened(&visit, opened.row.id, "why").await?;
    let explanation = pipeline::explain::explain(&desk, &opened, visit.lang).await?;
    json(&headers, &explanation)
}

/// The records of a document.
#[derive(Serialize, JsonSchema)]
pub(super) struct Records {
    /// Oldest first.
    items: Vec<Recorded>,
}

/// A record and its place in the log.
#[derive(Serialize, JsonSchema)]
struct Recorded {
    /// Its leaf, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf: Option<u64>,
    /// The record.
    record: Record,
}

/// `GET /documents/{id}/records`
pub(super) async fn records(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let opened = open(&desk, &id(path)?).await?;
    office.opened(&visit, opened.row.id, "records").await?;
    let items = opened
        .records
        .into_iter()
        .map(|(record, leaf)| Recorded { leaf, record })
        .collect();
    json(&headers, &Records { items })
}

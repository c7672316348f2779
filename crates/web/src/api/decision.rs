//! `POST /documents/{id}/decision`: what the form on the page of a document does.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::DocumentId;
use domain::act::Act;
use pipeline::desk::Review;
use pipeline::ledger::DocumentState;
use pipeline::rights::By;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Once, saw, someone};
use super::documents::tag;
use crate::Office;
use crate::document::{is_open, open};
use crate::form::{NAME_CHARS_MAX, is_name, is_reason};
use crate::problem::Problem;
use crate::visit::Visit;

/// What is decided.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    /// What.
    decision: What,
    /// The service that answers: asked for `route`.
    #[serde(default)]
    service: Option<String>,
    /// Other services that have something to do: with `accept` and `route`.
    #[serde(default)]
    also: Vec<String>,
    /// Services that have a copy: with `accept` and `route`.
    #[serde(default)]
    copies: Vec<String>,
    /// The authority that is competent: asked for `not-for-us`.
    #[serde(default)]
    to: Option<String>,
    /// Whether whoever wrote was told already: with `not-for-us`.
    #[serde(default)]
    told: bool,
    /// Why.
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// What is proposed is right.
    Accept,
    /// It goes to this service.
    Route,
    /// It is for another authority (CRPA L114-2).
    NotForUs,
    /// It was for another authority, and whoever wrote has been told.
    Told,
}

impl Decide {
    /// As the desk takes it; `None` when its parts do not go together.
    fn review(&self) -> Option<Review> {
        let alone = self.also.is_empty() && self.copies.is_empty();
        let nowhere = self.to.is_none() && !self.told;
        let (service, to) = (self.service.clone(), self.to.clone());
        let several = |service| Review::Several {
            service,
            also: self.also.clone(),
            copies: self.copies.clone(),
        };
        match (self.decision, service, to) {
            (What::Accept, None, None) if nowhere && alone => Some(Review::Accept),
            (What::Accept, None, None) if nowhere => Some(several(None)),
            (What::Route, Some(service), None) if nowhere && alone => Some(Review::Route(service)),
            (What::Route, service @ Some(_), None) if nowhere => Some(several(service)),
            (What::NotForUs, None, Some(to)) if alone => Some(Review::NotForUs {
                to,
                told: self.told,
            }),
            (What::Told, None, None) if nowhere && alone => Some(Review::Told),
            _ => None,
        }
    }

    fn is_readable(&self) -> bool {
        let to = self.to.as_deref();
        is_reason(self.reason.as_deref().unwrap_or_default())
            && to.is_none_or(|to| is_name(to, NAME_CHARS_MAX))
    }
}

/// What was decided.
#[derive(Serialize, JsonSchema)]
pub(super) struct Decided {
    /// The document.
    id: DocumentId,
    /// What is recorded.
    act: Act,
}

/// `POST /documents/{id}/decision`
pub(super) async fn decide(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let person = someone(&visit)?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLong,
        _ => Problem::BadBody,
    })?;
    is_json(&headers)?;
    let desk = office.desk_of(&visit);
    let who = &visit.present.who;
    let opened = open(&desk, &id).await?;
    if !desk.reaches(&opened.row, &who.decides()).await? {
        return Err(Problem::NotYours);
    }
    let once = Once::of(
        &office,
        person,
        &headers,
        &[id.as_bytes(), &b"\n"[..], &body[..]].concat(),
    )?;
    if let Some(before) = once.before().await? {
        return Ok(before);
    }
    saw(&headers, &tag(&opened))?;
    let asked: Decide = serde_json::from_slice(&body).map_err(|_| Problem::BadBody)?;
    let pipeline = desk.pipelines.get(&opened.row.pipeline)?;
    if !is_open(&opened, pipeline) {
        return Err(Problem::NotRouted);
    }
    if opened.row.state == DocumentState::Processing {
        return Err(Problem::NotReady);
    }
    let review = asked.review().filter(|_| asked.is_readable());
    let review = review.ok_or(Problem::BadDecision)?;
    let reason = asked.reason.as_deref().map(str::trim);
    let reason = reason.filter(|reason| !reason.is_empty());
    let reviewed = desk
        .decide(&opened.row, &review, By::Person(person), reason)
        .await
        .map_err(|error| match Problem::from(error) {
            Problem::BadForm => Problem::BadDecision,
            other => other,
        })?;
    let decided = Decided {
        id: opened.row.id,
        act: reviewed.act,
    };
    let mut response = once.answer(StatusCode::OK, &decided).await?.into_response();
    // Whoever decides again says what they saw last.
    if let Ok(again) = open(&desk, &id).await
        && let Ok(tag) = HeaderValue::from_str(&tag(&again))
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Refuses a body that does not say it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Problem::OtherMedia),
    }
}

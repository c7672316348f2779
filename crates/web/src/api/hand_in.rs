//! `POST /documents`: a document that other software hands in, as JSON or as a form with a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::event::{IntakeRef, Submission, SubmittedContent};
use domain::{Digest, DocumentId};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Once, someone};
use super::decision::is_json;
use super::{BASE, HAND_IN_BODY_MAX, HAND_IN_BYTES_MAX};
use crate::problem::Problem;
use crate::visit::Visit;
use crate::{NotTaken, Office};

/// The longest name, moment or channel, in characters.
const PART_CHARS_MAX: usize = 300;

/// A document that was handed in.
#[derive(Serialize, JsonSchema)]
pub(super) struct HandedIn {
    /// Its id.
    id: DocumentId,
    /// Whether it was not here before: the same name with the same bytes is the same document.
    new: bool,
}

/// What is handed in.
struct Handed {
    submission: Submission,
    file: Option<Vec<u8>>,
}

impl Handed {
    /// What tells this request from another under the same key.
    fn told_by(&self) -> Result<Vec<u8>, Problem> {
        let submission = serde_json::to_vec(&self.submission);
        let mut told = submission.map_err(|e| Problem::broken("write JSON", &e))?;
        if let Some(file) = &self.file {
            told.extend_from_slice(Digest::of(file).as_bytes());
        }
        Ok(told)
    }
}

/// `POST /documents`
pub(super) async fn hand_in(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let person = someone(&visit)?;
    let reach = visit.present.who.hands_in();
    if reach.is_nothing() {
        return Err(Problem::NotYours);
    }
    let handed = read(&headers, request).await?;
    if !reach.holds_all_of(&handed.submission.pipeline) {
        return Err(Problem::NotYours);
    }
    if !is_readable(&handed.submission) {
        return Err(Problem::BadBody);
    }
    let once = Once::of(&office, person, &headers, &handed.told_by()?)?;
    if let Some(before) = once.before().await? {
        return Ok(before);
    }
    // Without a name of its own a document is known by its sender and by what it holds, so that the
    // same request again is the same document, key or not.
    let id = match once.key() {
        Some(key) => key.to_owned(),
        None => Digest::of(&handed.told_by()?).to_string(),
    };
    let of = IntakeRef {
        source: format!("/api/{}", person.account),
        id,
    };
    let taken = office
        .take_in
        .take_in(&handed.submission, handed.file, &of)
        .await;
    let (id, new) = taken.map_err(|error| match error {
        NotTaken::Refused { reason, detail } => Problem::NotTaken { reason, detail },
        NotTaken::NotNow(error) => Problem::busy("take a document in", error.as_ref()),
        NotTaken::Broken(error) => Problem::broken("take a document in", error.as_ref()),
    })?;
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = once.answer(status, &HandedIn { id, new }).await?;
    if let Ok(place) = HeaderValue::from_str(&format!("{BASE}/documents/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

fn is_readable(submission: &Submission) -> bool {
    let plain = |text: &Option<String>| {
        text.as_deref().is_none_or(|text| {
            text.chars().count() <= PART_CHARS_MAX && !text.chars().any(char::is_control)
        })
    };
    plain(&submission.id)
        && plain(&submission.file_name)
        && plain(&submission.media_type)
        && plain(&submission.received_at)
        && plain(&submission.channel)
        && !matches!(submission.content, SubmittedContent::Claim { .. })
}

async fn read(headers: &HeaderMap, request: Request) -> Result<Handed, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        let parts = Multipart::from_request(request, &()).await;
        return parts_of(parts.map_err(|_| Problem::BadBody)?).await;
    }
    is_json(headers)?;
    let body = axum::body::to_bytes(request.into_body(), HAND_IN_BODY_MAX).await;
    let body = body.map_err(|_| Problem::TooLong)?;
    let submission = serde_json::from_slice(&body).map_err(|_| Problem::BadBody)?;
    Ok(Handed {
        submission,
        file: None,
    })
}

fn broken_part(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLong,
        _ => Problem::BadBody,
    }
}

async fn parts_of(mut parts: Multipart) -> Result<Handed, Problem> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut file: Option<(Option<String>, Option<String>, Vec<u8>)> = None;
    while let Some(part) = parts.next_field().await.map_err(broken_part)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            let (called, kind) = (part.file_name(), part.content_type());
            let (called, kind) = (called.map(str::to_owned), kind.map(str::to_owned));
            let bytes = part.bytes().await.map_err(broken_part)?;
            if bytes.len() > HAND_IN_BYTES_MAX {
                return Err(Problem::TooLong);
            }
            if file.replace((called, kind, bytes.to_vec())).is_some() {
                return Err(Problem::BadBody);
            }
            continue;
        }
        let known = ["pipeline", "id", "received_at", "channel"].contains(&name.as_str());
        let text = part.text().await.map_err(broken_part)?;
        if !known || texts.insert(name, text).is_some() {
            return Err(Problem::BadBody);
        }
    }
    let (file_name, media_type, bytes) = file.ok_or(Problem::BadBody)?;
    let pipeline = texts.remove("pipeline").ok_or(Problem::BadBody)?;
    let submission = Submission {
        pipeline: pipeline.parse().map_err(|_| Problem::BadBody)?,
        id: texts.remove("id"),
        file_name,
        media_type,
        received_at: texts.remove("received_at"),
        channel: texts.remove("channel"),
        metadata: BTreeMap::new(),
        content: SubmittedContent::Inline(String::new()),
    };
    Ok(Handed {
        submission,
        file: Some(bytes),
    })
}

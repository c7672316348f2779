//! Search and how a word may go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{DocumentId, Span, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{asked, json, limit};
use crate::problem::Problem;
use crate::search::QUERY_CHARS_MAX;
use crate::visit::Visit;
use crate::{Asked, FACETS, Found, Office};

/// What a search answers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Answered {
    /// The best documents, best first.
    hits: Vec<Hit>,
    /// When there is none: the nearest by their words, which are no answer.
    nearest: Vec<Hit>,
    /// All documents found within reach, of which `hits` are the best.
    documents: u64,
    /// By facet, how many of the documents found have each value.
    facets: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

/// A document that was found.
#[derive(Serialize, JsonSchema)]
struct Hit {
    /// The document.
    document: DocumentId,
    /// The name people know it by.
    name: String,
    /// Its title.
    title: String,
    /// When it was received.
    received_at: Timestamp,
    /// The service that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// The page of the snippet, from 1.
    page: u32,
    /// A part of its text.
    snippet: String,
    /// What answers the query, as bytes of the snippet.
    highlights: Vec<Span>,
    /// How many other documents found have the same bytes.
    same: usize,
}

impl Hit {
    fn of(found: Found) -> Self {
        Self {
            document: found.document,
            name: found.name,
            title: found.title,
            received_at: found.received_at,
            service: found.service,
            page: found.page,
            snippet: found.snippet,
            highlights: found.highlights,
            same: found.same,
        }
    }
}

/// The words that are asked.
fn words(visit: &Visit) -> Result<String, Problem> {
    let text = visit.asked("q").unwrap_or_default();
    if text.chars().count() > QUERY_CHARS_MAX {
        return Err(Problem::BadAddress);
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    Ok(text
        .chars()
        .map(plain)
        .collect::<String>()
        .trim()
        .to_owned())
}

/// `GET /search`
pub(super) async fn search(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let text = words(&visit)?;
    let like = match asked::<DocumentId>(&visit, "like")? {
        Some(id) => Some(desk.row(id).await?.id),
        None => None,
    };
    if text.is_empty() && like.is_none() {
        return Err(Problem::BadAddress);
    }
    let only = FACETS
        .into_iter()
        .filter_map(|facet| Some((facet, visit.asked(facet)?.to_owned())))
        .collect();
    let asked = Asked {
        text,
        limit: limit(&visit)?,
        only,
        like,
    };
    let answer = office
        .find
        .find(&desk.reach, &asked)
        .await
        .map_err(|error| Problem::broken("search", error.as_ref()))?;
    let facets = answer.facets.into_iter();
    let answered = Answered {
        hits: answer.hits.into_iter().map(Hit::of).collect(),
        nearest: answer.nearest.into_iter().map(Hit::of).collect(),
        documents: answer.documents,
        facets: facets
            .map(|(facet, values)| {
                // Documents without a value are counted, and cannot be asked for.
                let values = values.into_iter().filter(|(value, _)| !value.is_empty());
                (facet, values.collect())
            })
            .collect(),
    };
    json(&headers, &answered)
}

/// How a text may go on.
#[derive(Serialize, JsonSchema)]
pub(super) struct Suggestions {
    /// The most frequent first.
    items: Vec<Suggestion>,
}

/// A way to go on.
#[derive(Serialize, JsonSchema)]
struct Suggestion {
    /// The whole text.
    text: String,
    /// Passages within reach that hold the word.
    passages: u64,
}

/// `GET /suggestions`
pub(super) async fn suggest(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let text = words(&visit)?;
    if text.is_empty() {
        return Err(Problem::BadAddress);
    }
    let found = office
        .find
        .suggest(&desk.reach, &text, limit(&visit)?)
        .await
        .map_err(|error| Problem::broken("suggest", error.as_ref()))?;
    let items = found
        .into_iter()
        .map(|(text, passages)| Suggestion { text, passages })
        .collect();
    json(&headers, &Suggestions { items })
}

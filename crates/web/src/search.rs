//! `/search`: documents found, with what answers the query marked.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::DocumentId;
use pipeline::desk::Desk;

use crate::problem::{Problem, chain};
use crate::shown::{Calendar, Moment, Part, parts, render};
use crate::visit::{Frame, Here, Visit};
use crate::{Found, Office};

/// The longest query, in characters.
const QUERY_CHARS_MAX: usize = 300;
/// How many documents are shown.
const FOUND_MAX: usize = 20;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    f: Frame,
    query: String,
    problem: Option<&'static str>,
    named: Vec<Hit>,
    hits: Vec<Hit>,
    count: Option<String>,
}

struct Hit {
    href: String,
    name: String,
    title: Option<String>,
    received: Moment,
    service: Option<String>,
    page: Option<String>,
    snippet: Vec<Part>,
}

/// `/search?q=`
pub(crate) async fn page(
    State(office): State<Arc<Office>>,
    visit: Visit,
) -> Result<Response, Problem> {
    let w = visit.words();
    let asked = visit.asked("q").unwrap_or_default();
    let query: String = asked
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let query = query.trim().to_owned();
    let mut page = SearchPage {
        f: visit.frame(w.search_title(), Here::Search),
        query,
        problem: None,
        named: Vec::new(),
        hits: Vec::new(),
        count: None,
    };
    if page.query.is_empty() {
        return Ok(render(&page));
    }
    if page.query.chars().count() > QUERY_CHARS_MAX {
        page.problem = Some(w.query_too_long());
        return Ok((StatusCode::BAD_REQUEST, render(&page)).into_response());
    }
    let found = office
        .find
        .find(&page.query, FOUND_MAX)
        .await
        .map_err(|error| Problem::broken("search", error.as_ref()))?;
    page.named = named(&office.desk, &page.query, &visit).await?;
    if !found.is_empty() {
        page.count = Some(w.found(found.len(), &page.query));
    }
    page.hits = found
        .into_iter()
        .map(|f| hit(&office.desk, f, &visit))
        .collect();
    page.f.title = format!("{}{}{}", w.search_title(), w.colon(), page.query);
    Ok(render(&page))
}

fn hit(desk: &Desk, found: Found, visit: &Visit) -> Hit {
    let service = found.service.map(|service| {
        desk.pipelines
            .iter()
            .find_map(|p| p.service(&service).ok().map(|s| s.name.clone()))
            .unwrap_or(service)
    });
    Hit {
        href: address(found.document, visit),
        title: Some(found.title).filter(|t| !t.trim().is_empty() && *t != found.name),
        name: found.name,
        received: Calendar::of(None, visit.lang).moment(found.received_at),
        service,
        page: (found.page > 1).then(|| visit.words().page_number(found.page)),
        snippet: parts(&found.snippet, 0, &found.highlights),
    }
}

/// Documents that people call exactly so: a name or a number always wins, even before the index
/// has heard of the document.
async fn named(desk: &Desk, query: &str, visit: &Visit) -> Result<Vec<Hit>, Problem> {
    let ids = match desk.find(query).await {
        Ok(row) => vec![row.id],
        Err(pipeline::Error::Ambiguous { candidates, .. }) => candidates,
        Err(pipeline::Error::NoSuchDocument(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut hits = Vec::new();
    for id in ids.into_iter().take(FOUND_MAX) {
        let Some(row) = desk.vault.ledger.document(id).await? else {
            continue;
        };
        match desk.open(row).await {
            Ok(opened) => hits.push(Hit {
                href: address(id, visit),
                title: Some(opened.title().to_owned()).filter(|t| *t != opened.name),
                received: Calendar::of(desk.pipelines.get(&opened.row.pipeline).ok(), visit.lang)
                    .moment(opened.row.received_at),
                name: opened.name,
                service: None,
                page: None,
                snippet: Vec::new(),
            }),
            // What search found must still be shown.
            Err(error) => {
                tracing::warn!(document.id = %id, error = chain(&error), "a document named exactly does not open");
            }
        }
    }
    Ok(hits)
}

fn address(document: DocumentId, visit: &Visit) -> String {
    visit.to(&format!("/documents/{document}"))
}

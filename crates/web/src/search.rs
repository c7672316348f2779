//! `/search`: documents found, with what answers the query marked.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{ArtifactName, DocumentId, Span};
use pipeline::desk::Desk;

use crate::problem::{Problem, chain};
use crate::shown::{Calendar, Moment, Part, parts, render};
use crate::visit::{Frame, Here, Visit};
use crate::{Asked, FACETS, Found, Office};

/// The longest query, in characters.
pub(crate) const QUERY_CHARS_MAX: usize = 300;
/// How many documents are shown.
const FOUND_MAX: usize = 20;
/// How many values of a facet are shown.
const VALUES_MAX: usize = 12;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    f: Frame,
    query: String,
    problem: Option<&'static str>,
    named: Vec<Hit>,
    hits: Vec<Hit>,
    nearest: Vec<Hit>,
    count: Option<String>,
    facets: Vec<Group>,
    /// Whether something was chosen.
    narrowed: bool,
}

/// A facet: what the documents found can be narrowed down by.
struct Group {
    title: &'static str,
    values: Vec<Choice>,
}

/// A value of a facet: chosen, or to be chosen by following its link.
struct Choice {
    href: String,
    label: String,
    count: Option<u64>,
    chosen: bool,
}

struct Hit {
    href: String,
    name: String,
    title: Option<String>,
    received: Moment,
    service: Option<String>,
    page: Option<String>,
    snippet: Vec<Part>,
    same: Option<String>,
    like: Option<String>,
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
        nearest: Vec::new(),
        count: None,
        facets: Vec::new(),
        narrowed: false,
    };
    let desk = &office.desk_of(&visit);
    let like = visit.asked("like").and_then(|id| id.parse().ok());
    let like = match like {
        Some(id) => Some(desk.row(id).await?.id),
        None => None,
    };
    if page.query.is_empty() && like.is_none() {
        return Ok(render(&page));
    }
    if page.query.chars().count() > QUERY_CHARS_MAX {
        page.problem = Some(w.query_too_long());
        return Ok((StatusCode::BAD_REQUEST, render(&page)).into_response());
    }
    let only = FACETS
        .into_iter()
        .filter_map(|facet| Some((facet, visit.asked(facet)?.to_owned())))
        .collect();
    let asked = Asked {
        text: page.query.clone(),
        limit: FOUND_MAX,
        only,
        like,
    };
    let answer = office
        .find
        .find(&desk.reach, &asked)
        .await
        .map_err(|error| Problem::broken("search", error.as_ref()))?;
    // Who looks for what is like a document, or narrows down, knows its name already.
    if like.is_none() && asked.only.is_empty() {
        page.named = named(desk, &page.query, &visit).await?;
    }
    if !answer.hits.is_empty() {
        page.count = Some(match like {
            Some(_) => w.like_found(answer.hits.len()),
            None => {
                let copies: usize = answer.hits.iter().map(|f| f.same).sum();
                w.found(answer.hits.len() + copies, answer.documents, &page.query)
            }
        });
    }
    page.narrowed = !asked.only.is_empty();
    page.facets = groups(&office.desk, &asked, answer.facets, &visit);
    let hit = |f| hit(&office.desk, f, &visit);
    page.hits = answer.hits.into_iter().map(hit).collect();
    page.nearest = answer.nearest.into_iter().map(hit).collect();
    page.f.title = format!("{}{}{}", w.search_title(), w.colon(), page.query);
    Ok(render(&page))
}

/// What people call a service.
fn service_name(desk: &Desk, service: &str) -> String {
    desk.pipelines
        .iter()
        .find_map(|p| p.service(service).ok().map(|s| s.name.clone()))
        .unwrap_or_else(|| service.to_owned())
}

/// The facets that say something: those with several values, and those that are chosen.
fn groups(
    desk: &Desk,
    asked: &Asked,
    facets: Vec<(&'static str, Vec<(String, u64)>)>,
    visit: &Visit,
) -> Vec<Group> {
    let w = visit.words();
    let mut groups = Vec::new();
    for facet in FACETS {
        let chosen = asked.only.get(facet);
        let mut values: Vec<(String, Option<u64>)> = facets
            .iter()
            .filter(|(name, _)| *name == facet)
            .flat_map(|(_, values)| values.iter().map(|(v, n)| (v.clone(), Some(*n))))
            // Documents without a service are counted, and cannot be asked for.
            .filter(|(value, _)| !value.is_empty())
            .take(VALUES_MAX)
            .collect();
        if let Some(chosen) = chosen
            && !values.iter().any(|(value, _)| value == chosen)
        {
            values.push((chosen.clone(), None));
        }
        if values.len() < 2 && chosen.is_none() {
            continue;
        }
        let values = values.into_iter().map(|(value, count)| {
            let chosen = chosen == Some(&value);
            let label = match facet {
                "service" => service_name(desk, &value),
                "pipeline" => desk
                    .pipelines
                    .iter()
                    .find(|p| p.name().as_str() == value)
                    .map_or_else(|| value.clone(), |p| p.source.file.title.clone()),
                "kind" => w.file_kind(&value).to_owned(),
                "language" => domain::catalogue::language_said(&value, w.0).to_owned(),
                _ => value.clone(),
            };
            Choice {
                href: narrowed(asked, facet, (!chosen).then_some(&value), visit),
                label,
                count,
                chosen,
            }
        });
        groups.push(Group {
            title: w.facet(facet),
            values: values.collect(),
        });
    }
    groups
}

/// The address of the same search with another value of a facet, or none.
fn narrowed(asked: &Asked, facet: &'static str, value: Option<&String>, visit: &Visit) -> String {
    let like = asked.like.map(|id| id.to_string());
    let mut pairs = vec![("q", asked.text.as_str())];
    pairs.extend(like.as_deref().map(|like| ("like", like)));
    for name in FACETS {
        let value = if name == facet {
            value
        } else {
            asked.only.get(name)
        };
        pairs.extend(value.map(|value| (name, value.as_str())));
    }
    visit.to_with("/search", &pairs)
}

fn hit(desk: &Desk, found: Found, visit: &Visit) -> Hit {
    let service = found.service.map(|service| service_name(desk, &service));
    let id = found.document.to_string();
    let about = match found.title.trim() {
        "" => found.name.as_str(),
        title => title,
    };
    Hit {
        like: Some(visit.to_with("/search", &[("q", about), ("like", &id)])),
        same: (found.same > 0).then(|| visit.words().same(found.same)),
        href: opened_at(found.document, found.place, visit),
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
        let row = desk.row(id).await?;
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
                same: None,
                like: None,
            }),
            // What search found must still be shown.
            Err(error) => {
                tracing::warn!(document.id = %id, error = chain(&error), "a document named exactly does not open");
            }
        }
    }
    Ok(hits)
}

/// Where a document opens with what was found in it marked and in sight.
fn opened_at(document: DocumentId, place: Option<(ArtifactName, Span)>, visit: &Visit) -> String {
    let Some((text, span)) = place.filter(|(_, span)| span.start < span.end) else {
        return address(document, visit);
    };
    let (text, from, to) = (
        text.to_string(),
        span.start.to_string(),
        span.end.to_string(),
    );
    let place = [("text", text.as_str()), ("from", &from), ("to", &to)];
    let mut href = visit.to_with(&format!("/documents/{document}"), &place);
    href.push_str("#cited");
    href
}

fn address(document: DocumentId, visit: &Visit) -> String {
    visit.to(&format!("/documents/{document}"))
}

//! `/documents/{id}/why`: the four points of CRPA R311-3-1-2, as [`pipeline::explain`] gives them.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use domain::explanation::{DataSource, Explanation, Operation};
use domain::record::ModelRef;

use crate::Office;
use crate::document::open;
use crate::problem::Problem;
use crate::shown::{Calendar, Moment, render};
use crate::visit::{Frame, Here, Visit};

#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    f: Frame,
    name: String,
    id: String,
    back: String,
    prov: String,
    sentences: Vec<String>,
    data: Vec<DataSource>,
    parameters: Vec<(String, String)>,
    operations: Vec<OperationLine>,
}

struct OperationLine {
    at: Moment,
    what: String,
    version: String,
    leaf: String,
    models: Vec<String>,
}

/// `/documents/{id}/prov.json`: what was done to a document, as PROV-JSON.
pub(crate) async fn prov(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let opened = open(&office.desk_of(&visit), &id).await?;
    office.opened(&visit, opened.row.id, "records").await?;
    let records = opened.records.iter().map(|(record, leaf)| (record, *leaf));
    Ok(Json(provenance::prov_json(records)).into_response())
}

/// `/documents/{id}/why`
pub(crate) async fn page(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let desk = office.desk_of(&visit);
    let opened = open(&desk, &id).await?;
    office.opened(&visit, opened.row.id, "why").await?;
    let explanation: Explanation = pipeline::explain::explain(&desk, &opened, visit.lang).await?;
    let pipeline = office.desk.pipelines.get(&opened.row.pipeline)?;
    let calendar = Calendar::of(Some(pipeline), visit.lang);
    let w = visit.words();
    let page = WhyPage {
        id: opened.row.id.to_string(),
        back: visit.to(&format!("/documents/{}", opened.row.id)),
        prov: format!("/documents/{}/prov.json", opened.row.id),
        sentences: explanation.contribution.sentences,
        data: explanation.data,
        parameters: explanation
            .parameters
            .into_iter()
            .map(|p| {
                let probability = p
                    .probability
                    .map(|p| format!("{}{p}", w.colon()))
                    .unwrap_or_default();
                (p.what, format!("{}{probability}", p.value))
            })
            .collect(),
        operations: explanation
            .operations
            .iter()
            .map(|o| operation(o, &calendar, &visit))
            .collect(),
        f: visit.frame(
            format!("{}{}{}", w.why_sheet(), w.colon(), explanation.name),
            Here::Inbox,
        ),
        name: explanation.name,
    };
    Ok(render(&page))
}

fn operation(operation: &Operation, calendar: &Calendar, visit: &Visit) -> OperationLine {
    OperationLine {
        at: calendar.moment(operation.at),
        what: operation.what.clone(),
        version: operation.version.map(|v| v.to_string()).unwrap_or_default(),
        leaf: operation.leaf_index.map_or_else(
            || visit.words().not_in_log_yet().to_owned(),
            |i| i.to_string(),
        ),
        models: operation.models.iter().map(model).collect(),
    }
}

/// Enough of a model's digest to recognise it.
fn model(model: &ModelRef) -> String {
    let digest = model.digest.to_string();
    format!("{} {}…", model.role, digest.get(..23).unwrap_or(&digest))
}

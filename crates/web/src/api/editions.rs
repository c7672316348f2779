//! Alerts and syntheses: for those who reach the whole pipeline that they are made of.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{AlertSet, IsoWeek, PipelineName, Synthesis, Timestamp};
use pipeline::desk::Desk;
use pipeline::ledger::Edition;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{asked, json};
use crate::Office;
use crate::problem::Problem;
use crate::synthesis::{ALERT, SYNTHESISE, editions, read, within};
use crate::visit::Visit;

/// What was made for a period.
#[derive(Serialize, JsonSchema)]
pub(super) struct Edited<T> {
    /// The pipeline.
    pipeline: PipelineName,
    /// The week.
    week: String,
    /// From 1; a late arrival makes the next.
    edition: u32,
    /// When it was made.
    made_at: Timestamp,
    /// What it says.
    says: T,
}

/// Several.
#[derive(Serialize, JsonSchema)]
pub(super) struct Editions<T> {
    /// By pipeline.
    items: Vec<Edited<T>>,
}

/// Which there are.
#[derive(Serialize, JsonSchema)]
pub(super) struct Known {
    /// By pipeline, week and edition.
    items: Vec<Made>,
}

/// One that was made.
#[derive(Serialize, JsonSchema)]
struct Made {
    /// The pipeline.
    pipeline: PipelineName,
    /// The week.
    week: String,
    /// From 1.
    edition: u32,
    /// When it was made.
    made_at: Timestamp,
}

async fn said<T: DeserializeOwned>(desk: &Desk, edition: &Edition) -> Result<Edited<T>, Problem> {
    Ok(Edited {
        pipeline: edition.pipeline.clone(),
        week: edition.period.clone(),
        edition: edition.number,
        made_at: edition.made_at,
        says: read(desk, edition).await?,
    })
}

/// The pipelines that are asked for, of those within reach.
fn pipelines(desk: &Desk, visit: &Visit) -> Result<Vec<PipelineName>, Problem> {
    let only: Option<PipelineName> = asked(visit, "pipeline")?;
    let all = desk.pipelines.iter().map(|p| p.name());
    Ok(all
        .filter(|name| only.as_ref().is_none_or(|only| only == *name))
        .filter(|name| desk.reach.holds_all_of(name))
        .cloned()
        .collect())
}

/// `GET /alerts`
pub(super) async fn alerts(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let week: Option<IsoWeek> = asked(&visit, "week")?;
    let mut items = Vec::new();
    for pipeline in pipelines(&desk, &visit)? {
        let all = editions(&desk, ALERT, &pipeline, week).await?;
        if let Some(last) = all.last() {
            items.push(said::<AlertSet>(&desk, last).await?);
        }
    }
    json(&headers, &Editions { items })
}

/// `GET /syntheses`
pub(super) async fn list(
    State(office): State<Arc<Office>>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let mut items = Vec::new();
    for pipeline in pipelines(&desk, &visit)? {
        let all = editions(&desk, SYNTHESISE, &pipeline, None).await?;
        items.extend(all.into_iter().map(|edition| Made {
            pipeline: edition.pipeline,
            week: edition.period,
            edition: edition.number,
            made_at: edition.made_at,
        }));
    }
    json(&headers, &Known { items })
}

/// `GET /syntheses/{pipeline}/{week}`
pub(super) async fn synthesis(
    State(office): State<Arc<Office>>,
    path: Result<Path<(String, String)>, PathRejection>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = office.desk_of(&visit);
    let Ok(Path((name, week))) = path else {
        return Err(Problem::NoSuchPage);
    };
    let name = within(&desk, &name)?.name();
    let week: IsoWeek = week.parse().map_err(|_| Problem::NoSuchPage)?;
    let number: Option<u32> = asked(&visit, "edition")?;
    let all = editions(&desk, SYNTHESISE, name, Some(week)).await?;
    let edition = match number {
        None => all.last(),
        Some(number) => all.iter().find(|edition| edition.number == number),
    };
    let edition = edition.ok_or(Problem::NoSuchPage)?;
    json(&headers, &said::<Synthesis>(&desk, edition).await?)
}

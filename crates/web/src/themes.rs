//! `POST /themes/{pipeline}/{week}`: a person names a theme, joins it to another, pins or dismisses it,
//! which is a record; the themes of the weeks that follow take it up.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::{IsoWeek, PipelineName};
use insight::themes::{Followed, ThemeAct, ThemeDecision, ThemeDecisionFormat, ThemeId};
use pipeline::desk::Desk;
use pipeline::ledger::Edition;

use crate::Office;
use crate::form::{self, Fields, NAME_CHARS_MAX, is_name, is_reason};
use crate::problem::Problem;
use crate::synthesis::{read, to_decide};
use crate::visit::Visit;

/// The longest name of a theme, in characters: it is a heading.
const THEME_CHARS_MAX: usize = 80;

/// The themes of a week, as their latest edition has them.
pub(crate) async fn themes_of(
    desk: &Desk,
    pipeline: &PipelineName,
    week: IsoWeek,
) -> Result<Option<(Followed, Edition)>, Problem> {
    let week = week.to_string();
    let editions = desk.themes_editions(pipeline).await?;
    match editions.into_iter().find(|e| e.period == week) {
        Some(edition) => Ok(Some((read(desk, &edition).await?, edition))),
        None => Ok(None),
    }
}

/// Whether no later week has themes: a decision on an earlier one would reach none that follows.
pub(crate) async fn is_last_week(
    desk: &Desk,
    pipeline: &PipelineName,
    week: IsoWeek,
) -> Result<bool, Problem> {
    let editions = desk.themes_editions(pipeline).await?;
    let weeks = editions.iter().filter_map(|e| e.period.parse().ok());
    Ok(weeks.max().is_some_and(|last: IsoWeek| last == week))
}

/// `POST /themes/{pipeline}/{week}`
pub(crate) async fn record(
    State(office): State<Arc<Office>>,
    path: Result<Path<(String, String)>, PathRejection>,
    visit: Visit,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(&visit);
    let who = &visit.present.who;
    let Ok(Path((name, week))) = path else {
        return Err(Problem::NoSuchPage);
    };
    let fields = Fields::of(form)?;
    let pipeline = to_decide(desk, &name, &visit)?;
    let name = pipeline.name();
    let week: IsoWeek = week.parse().map_err(|_| Problem::NoSuchPage)?;
    let (themes, edition) = themes_of(desk, name, week)
        .await?
        .ok_or(Problem::NoSuchPage)?;
    if !is_last_week(desk, name, week).await? {
        return Err(Problem::ThemeWeek);
    }
    let (typed, reason) = (fields.by(who)?, fields.one("reason")?);
    let act = act(&fields)?;
    let is_titled = match &act {
        ThemeAct::Rename { name, .. } => is_name(name, THEME_CHARS_MAX),
        _ => true,
    };
    if !is_name(&typed, NAME_CHARS_MAX) || !is_titled || !is_reason(&reason) {
        return Err(Problem::ThemeForm);
    }
    // Refused now rather than passed over when the next themes are made.
    let decided = desk.theme_acts::<ThemeDecision>(name, week).await?;
    let before = decided.iter().fold(themes.themes, |themes, decided| {
        themes.after(&decided.what.act).unwrap_or(themes)
    });
    if before.after(&act).is_err() {
        return Err(Problem::ThemeGone);
    }
    let decision = ThemeDecision {
        format: ThemeDecisionFormat::V1,
        by: typed.clone(),
        act,
        reason: Some(reason).filter(|reason| !reason.is_empty()),
    };
    desk.decide_theme(
        pipeline,
        week,
        edition.run_key,
        form::by(who, &typed),
        &decision,
    )
    .await?;
    let path = format!("/synthesis/{name}/{week}");
    // See other: going back or reloading sends nothing again.
    Ok(Redirect::to(&visit.to_with(&path, &[("recorded", "theme")])).into_response())
}

fn act(fields: &Fields) -> Result<ThemeAct, Problem> {
    let theme = ThemeId::from(fields.one("theme")?.as_str());
    Ok(match fields.one("do")?.as_str() {
        "rename" => ThemeAct::Rename {
            theme,
            name: fields.one("name")?,
        },
        "merge" => ThemeAct::Merge {
            theme,
            into: ThemeId::from(fields.one("into")?.as_str()),
        },
        "pin" => ThemeAct::Pin { theme },
        "unpin" => ThemeAct::Unpin { theme },
        "dismiss" => ThemeAct::Dismiss { theme },
        "restore" => ThemeAct::Restore { theme },
        _ => return Err(Problem::BadForm),
    })
}

//! `POST /themes/{pipeline}/{week}`: a person names a theme, joins it to another, pins or dismisses it,
//! which is a record; the themes of the weeks that follow take it up.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::{IsoWeek, PipelineName};
use insight::themes::{Followed, ThemeAct, ThemeDecision, ThemeDecisionFormat, ThemeId};
use pipeline::desk::Desk;
use pipeline::ledger::Edition;
use pipeline::rights::By;

use crate::Office;
use crate::problem::Problem;
use crate::review::{NAME_CHARS_MAX, REASON_CHARS_MAX, unreadable};
use crate::synthesis::read;
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
    let Form(pairs) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLong,
        _ => Problem::BadForm,
    })?;
    let name: PipelineName = name.parse().map_err(|_| Problem::NoSuchPage)?;
    let week: IsoWeek = week.parse().map_err(|_| Problem::NoSuchPage)?;
    let pipeline = desk.pipelines.get(&name).map_err(|_| Problem::NoSuchPage)?;
    if !desk.reach.holds_all_of(&name) {
        return Err(Problem::NoSuchPage);
    }
    if !who.decides().holds_all_of(&name) {
        return Err(Problem::NotYours);
    }
    let (themes, edition) = themes_of(desk, &name, week)
        .await?
        .ok_or(Problem::NoSuchPage)?;
    if !is_last_week(desk, &name, week).await? {
        return Err(Problem::ThemeWeek);
    }
    let field = |name: &str| {
        let mut values = pairs.iter().filter(|(n, _)| n == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(value.trim().replace("\r\n", "\n")),
            (None, None) => Ok(String::new()),
            // Given twice, it says two things.
            _ => Err(Problem::BadForm),
        }
    };
    let breaks = |c: char| unreadable(c) && !matches!(c, '\n' | '\t');
    let fits =
        |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(unreadable);
    let (typed, reason) = (field("by")?, field("reason")?);
    let by = match who.person() {
        Some(person) => By::Person(person),
        None => By::Named(&typed),
    };
    let named = !by.shown().trim().is_empty() && fits(by.shown(), NAME_CHARS_MAX);
    let act = act(&field)?;
    let titled = match &act {
        ThemeAct::Rename { name, .. } => !name.is_empty() && fits(name, THEME_CHARS_MAX),
        _ => true,
    };
    let reasoned = reason.chars().count() <= REASON_CHARS_MAX && !reason.chars().any(breaks);
    if !named || !titled || !reasoned {
        return Err(Problem::ThemeForm);
    }
    // Refused now rather than passed over when the next themes are made.
    let decided = desk.theme_acts::<ThemeDecision>(&name, week).await?;
    let before = decided.iter().fold(themes.themes, |themes, decided| {
        themes.after(&decided.what.act).unwrap_or(themes)
    });
    if before.after(&act).is_err() {
        return Err(Problem::ThemeGone);
    }
    let decision = ThemeDecision {
        format: ThemeDecisionFormat::V1,
        by: by.shown().trim().to_owned(),
        act,
        reason: Some(reason).filter(|reason| !reason.is_empty()),
    };
    desk.decide_theme(pipeline, week, edition.run_key, by, &decision)
        .await?;
    let path = format!("/synthesis/{name}/{week}");
    // See other: going back or reloading sends nothing again.
    Ok(Redirect::to(&visit.to_with(&path, &[("recorded", "theme")])).into_response())
}

fn act(field: &dyn Fn(&str) -> Result<String, Problem>) -> Result<ThemeAct, Problem> {
    let theme = ThemeId::from(field("theme")?.as_str());
    Ok(match field("do")?.as_str() {
        "rename" => ThemeAct::Rename {
            theme,
            name: field("name")?,
        },
        "merge" => ThemeAct::Merge {
            theme,
            into: ThemeId::from(field("into")?.as_str()),
        },
        "pin" => ThemeAct::Pin { theme },
        "unpin" => ThemeAct::Unpin { theme },
        "dismiss" => ThemeAct::Dismiss { theme },
        "restore" => ThemeAct::Restore { theme },
        _ => return Err(Problem::BadForm),
    })
}

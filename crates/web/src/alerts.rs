//! Alerts in people's hands: what the page says of one, and `POST /alerts/{pipeline}/{id}`, by which
//! a person takes it on, says what was done, or dismisses it. Each is a record.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Alert, AlertDeed, AlertId, PipelineName};
use pipeline::duty::{Handled, Judged};
use pipeline::rights::Who;

use crate::Office;
use crate::form::{self, Fields, NAME_CHARS_MAX, is_name, is_reason};
use crate::problem::Problem;
use crate::shown::{Calendar, Moment};
use crate::synthesis::to_decide;
use crate::visit::Visit;

/// What became of an alert, as its page says it.
pub(crate) struct Hands {
    /// Where its form goes.
    pub(crate) action: String,
    /// What people did, oldest first.
    pub(crate) acts: Vec<Line>,
    /// Who was told, oldest first.
    pub(crate) notices: Vec<Line>,
    /// Nobody has taken it on yet.
    pub(crate) is_open: bool,
    /// Whether whoever looks may answer it.
    pub(crate) may_answer: bool,
    /// How alerts like it were judged so far; absent while none was.
    pub(crate) judged: Option<String>,
}

/// Something that was done at some moment.
pub(crate) struct Line {
    pub(crate) at: Moment,
    pub(crate) text: String,
    /// In the person's words.
    pub(crate) reason: Option<String>,
    /// It did not get through.
    pub(crate) failed: bool,
}

impl Hands {
    pub(crate) fn of(
        pipeline: &PipelineName,
        alert: &Alert,
        handled: &Handled,
        judged: Judged,
        (calendar, visit): (&Calendar, &Visit),
    ) -> Self {
        let w = visit.words();
        let acts = handled.acts.iter().map(|act| Line {
            at: calendar.moment(act.at),
            text: format!("{} {}", act.what.did.say(visit.lang), act.what.by),
            reason: act.what.reason.clone(),
            failed: false,
        });
        let notices = handled.notices.iter().map(|notice| {
            let what = &notice.what;
            Line {
                at: calendar.moment(notice.at),
                text: w.told_by(&what.person, what.channel.say(visit.lang), what.level),
                reason: what.failure.clone(),
                failed: what.failure.is_some(),
            }
        });
        Self {
            action: visit.to(&format!("/alerts/{pipeline}/{}", alert.id)),
            acts: acts.collect(),
            notices: notices.collect(),
            is_open: handled.is_open(),
            may_answer: visit.present.who.decides().holds_all_of(pipeline),
            judged: (judged.judged > 0).then(|| w.judged(judged.judged, judged.dismissed)),
        }
    }
}

/// `POST /alerts/{pipeline}/{id}`
pub(crate) async fn record(
    State(office): State<Arc<Office>>,
    path: Result<Path<(String, String)>, PathRejection>,
    visit: Visit,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(&visit);
    let who = &visit.present.who;
    let Ok(Path((name, id))) = path else {
        return Err(Problem::NoSuchPage);
    };
    let fields = Fields::of(form)?;
    let pipeline = to_decide(desk, &name, &visit)?;
    let name = pipeline.name();
    let id: AlertId = id.parse().map_err(|_| Problem::NoSuchPage)?;
    let (did, typed, reason) = read(&fields, who)?;
    let by = form::by(who, &typed);
    let found = desk.find_alert(name, &id.to_string()).await;
    let (week, alert) = found.map_err(|error| match error {
        pipeline::Error::NoSuchAlert(_) => Problem::NoSuchPage,
        other => other.into(),
    })?;
    desk.judge_alert(pipeline, &week, &alert, did, by, Some(&reason))
        .await?;
    let path = format!("/synthesis/{name}/{}", week.edition.period);
    // See other: going back or reloading sends nothing again.
    let to = format!(
        "{}#{}",
        visit.to_with(&path, &[("recorded", "1")]),
        alert.id
    );
    Ok(Redirect::to(&to).into_response())
}

/// What was filled: a form of the page cannot lack any of it.
fn read(fields: &Fields, who: &Who) -> Result<(AlertDeed, String, String), Problem> {
    let did = AlertDeed::from_word(&fields.one("did")?).ok_or(Problem::BadForm)?;
    let (by, reason) = (fields.by(who)?, fields.one("reason")?);
    let lacks_reason = did.needs_reason() && reason.is_empty();
    if !is_name(&by, NAME_CHARS_MAX) || !is_reason(&reason) || lacks_reason {
        return Err(Problem::AlertForm);
    }
    Ok((did, by, reason))
}

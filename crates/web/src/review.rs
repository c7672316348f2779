//! `POST /documents/{id}`: a person accepts or chooses, which is a record.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::Kind;
use domain::record::Verdict;
use pipeline::desk::{Opened, Review};
use pipeline::ledger::DocumentState;

use crate::Office;
use crate::document::{Filled, Wrong, is_open, open, show};
use crate::problem::Problem;
use crate::visit::Visit;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 200;
/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 2_000;

/// `POST /documents/{id}`
pub(crate) async fn record(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let desk = &office.desk;
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let Form(pairs) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLong,
        _ => Problem::BadForm,
    })?;
    let opened = open(desk, &id).await?;
    let pipeline = desk.pipelines.get(&opened.row.pipeline)?;
    if !is_open(&opened, pipeline) {
        return Err(Problem::NotRouted);
    }
    if opened.row.state == DocumentState::Processing {
        return Err(Problem::NotReady);
    }
    let (mut filled, seen) = read(&pairs)?;
    if pipeline.service(&filled.service).is_err() {
        filled.flaws.push(Wrong::Service);
    }
    if filled.flaws.is_empty() && acts(&opened) != seen && !says_again(&opened, &filled) {
        filled.flaws.push(Wrong::DecidedMeanwhile);
    }
    if !filled.flaws.is_empty() {
        return show(desk, &opened, &visit, filled).await;
    }
    let reason = Some(filled.reason.as_str()).filter(|r| !r.is_empty());
    desk.review(
        &opened.row,
        &review(&opened, &filled.service),
        &filled.by,
        reason,
    )
    .await?;
    // See other: going back or reloading sends nothing again.
    let path = format!("/documents/{}", opened.row.id);
    Ok(Redirect::to(&visit.to_with(&path, &[("recorded", "1")])).into_response())
}

/// What was filled, and how many decisions the person had seen.
fn read(pairs: &[(String, String)]) -> Result<(Filled, usize), Problem> {
    // A field given twice says two things: neither is taken.
    let field = |name: &str| {
        let mut values = pairs
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| value.trim());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Problem::BadForm),
            (value, None) => Ok(value.unwrap_or_default().to_owned()),
        }
    };
    let seen = field("seen")?.parse().map_err(|_| Problem::BadForm)?;
    let mut filled = Filled {
        service: field("service")?,
        by: field("by")?,
        reason: field("reason")?.replace("\r\n", "\n"),
        flaws: Vec::new(),
    };
    if filled.by.is_empty() {
        filled.flaws.push(Wrong::NameNeeded);
    } else if filled.by.chars().count() > NAME_CHARS_MAX || filled.by.chars().any(unreadable) {
        filled.flaws.push(Wrong::Name);
    }
    let breaks = |c: char| unreadable(c) && !matches!(c, '\n' | '\t');
    if filled.reason.chars().count() > REASON_CHARS_MAX || filled.reason.chars().any(breaks) {
        filled.flaws.push(Wrong::Reason);
    }
    Ok((filled, seen))
}

/// Characters that would make a name look like another: controls, and marks that turn the
/// direction of writing.
fn unreadable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
}

fn acts(opened: &Opened) -> usize {
    let outputs = opened
        .records
        .iter()
        .map(|(record, _)| &record.statement().outputs);
    outputs
        .filter(|named| named.iter().any(|n| n.kind == Kind::Act))
        .count()
}

/// Whether this is what the last decision says already: a form sent twice.
fn says_again(opened: &Opened, filled: &Filled) -> bool {
    opened.act.as_ref().is_some_and(|act| {
        act.by == filled.by
            && act.verdict.service().as_str() == filled.service
            && act.reason.as_deref().unwrap_or_default() == filled.reason
    })
}

/// Choosing what is proposed is accepting it, as long as nothing else was decided since.
fn review(opened: &Opened, service: &str) -> Review {
    let proposed = opened.decision.as_ref().and_then(|d| d.service.as_ref());
    let stands = match &opened.act {
        None => true,
        Some(act) => matches!(&act.verdict, Verdict::Accept { .. }),
    };
    let current = opened.row.route.as_ref().and_then(|r| r.service.as_ref());
    if stands && proposed.is_some_and(|p| p.as_str() == service) && current == proposed {
        Review::Accept
    } else {
        Review::Route(service.to_owned())
    }
}

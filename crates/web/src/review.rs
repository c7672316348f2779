//! `POST /documents/{id}`: a person accepts or chooses, which is a record.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::act::Verdict;
use domain::{Agent, Kind};
use pipeline::desk::{Opened, Review};
use pipeline::ledger::DocumentState;
use pipeline::pipelines::Pipeline;
use pipeline::rights::Who;

use crate::Office;
use crate::document::{Filled, NOT_FOR_US, Wrong, is_open, open, show};
use crate::form::{self, Fields, NAME_CHARS_MAX, is_name, is_reason};
use crate::problem::Problem;
use crate::visit::Visit;

/// `POST /documents/{id}`
pub(crate) async fn record(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(&visit);
    let who = &visit.present.who;
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let fields = Fields::of(form)?;
    let opened = open(desk, &id).await?;
    if !desk.reaches(&opened.row, &who.decides()).await? {
        return Err(Problem::NotYours);
    }
    let pipeline = desk.pipelines.get(&opened.row.pipeline)?;
    if !is_open(&opened, pipeline) {
        return Err(Problem::NotRouted);
    }
    if opened.row.state == DocumentState::Processing {
        return Err(Problem::NotReady);
    }
    let (mut filled, seen) = read(&fields, who)?;
    let only_told = fields.has("only-told");
    if only_told {
        if !opened.row.route.as_ref().is_some_and(|r| r.to_tell) {
            return Err(Problem::BadForm);
        }
    } else {
        check(&mut filled, pipeline);
    }
    let again = !only_told && says_again(&opened, &filled, who);
    if filled.flaws.is_empty() && acts(&opened) != seen && !again {
        filled.flaws.push(Wrong::DecidedMeanwhile);
    }
    if !filled.flaws.is_empty() {
        return show(&office, &opened, &visit, filled).await;
    }
    let reason = Some(filled.reason.as_str()).filter(|r| !r.is_empty());
    let asked = match only_told {
        true => Review::Told,
        false => review(&opened, &filled),
    };
    let by = form::by(who, &filled.by);
    desk.decide(&opened.row, &asked, by, reason).await?;
    // See other: going back or reloading sends nothing again.
    // What goes to another service may be out of reach from then on.
    let path = match desk.row(opened.row.id).await {
        Ok(row) => format!("/documents/{}", row.id),
        Err(_) => "/".to_owned(),
    };
    Ok(Redirect::to(&visit.to_with(&path, &[("recorded", "1")])).into_response())
}

/// Services and authorities that cannot be.
fn check(filled: &mut Filled, pipeline: &Pipeline) {
    if filled.service == NOT_FOR_US {
        let ours = pipeline.service(&filled.to).is_ok_and(|s| !s.external);
        if ours || !is_name(&filled.to, NAME_CHARS_MAX) {
            filled.flaws.push(Wrong::Authority);
        }
        return;
    }
    if pipeline.service(&filled.service).is_err() {
        filled.flaws.push(Wrong::Service);
    }
    let others: Vec<&String> = filled.also.iter().chain(&filled.copies).collect();
    let twice = others.iter().enumerate().any(|(n, id)| {
        **id == filled.service || others.iter().skip(n + 1).any(|other| other == id)
    });
    let ours = |id: &String| pipeline.service(id).is_ok_and(|s| !s.external);
    if twice || !others.into_iter().all(ours) {
        filled.flaws.push(Wrong::Others);
    }
}

/// What was filled, and how many decisions the person had seen.
fn read(fields: &Fields, who: &Who) -> Result<(Filled, usize), Problem> {
    let seen = fields.one("seen")?.parse().map_err(|_| Problem::BadForm)?;
    let mut filled = Filled {
        service: fields.one("service")?,
        also: fields.every("also"),
        copies: fields.every("copy"),
        to: fields.one("to")?,
        told: !fields.one("told")?.is_empty(),
        by: fields.by(who)?,
        reason: fields.one("reason")?,
        flaws: Vec::new(),
    };
    if filled.by.is_empty() {
        filled.flaws.push(Wrong::NameNeeded);
    } else if !is_name(&filled.by, NAME_CHARS_MAX) {
        filled.flaws.push(Wrong::Name);
    }
    if !is_reason(&filled.reason) {
        filled.flaws.push(Wrong::Reason);
    }
    Ok((filled, seen))
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
fn says_again(opened: &Opened, filled: &Filled, who: &Who) -> bool {
    let acts = opened
        .records
        .iter()
        .rev()
        .map(|(record, _)| record.statement());
    let last = acts
        .filter(|s| s.outputs.iter().any(|n| n.kind == Kind::Act))
        .map(|s| {
            matches!(
                s.agent,
                Agent::Person {
                    authenticated: true,
                    ..
                }
            )
        })
        .next();
    let alike = last == Some(who.person().is_some());
    alike
        && opened.act.as_ref().is_some_and(|act| {
            act.by == filled.by
                && says(&act.verdict, filled)
                && act.reason.as_deref().unwrap_or_default() == filled.reason
        })
}

fn says(verdict: &Verdict, filled: &Filled) -> bool {
    let same = |of: &[domain::ServiceId], ids: &[String]| {
        of.iter().map(domain::ServiceId::as_str).eq(ids.iter())
    };
    match verdict {
        Verdict::NotForUs { to, service, told } => {
            let named = service.as_ref().is_some_and(|id| *id.as_str() == filled.to);
            filled.service == NOT_FOR_US && (*to == filled.to || named) && *told == filled.told
        }
        verdict => {
            verdict
                .service()
                .is_some_and(|id| id.as_str() == filled.service)
                && same(verdict.also(), &filled.also)
                && same(verdict.copies(), &filled.copies)
        }
    }
}

/// Choosing what is proposed is accepting it, as long as nothing else was decided since.
fn review(opened: &Opened, filled: &Filled) -> Review {
    let service = filled.service.as_str();
    if service == NOT_FOR_US {
        return Review::NotForUs {
            to: filled.to.clone(),
            told: filled.told,
        };
    }
    if !filled.also.is_empty() || !filled.copies.is_empty() {
        return Review::Several {
            service: Some(service.to_owned()),
            also: filled.also.clone(),
            copies: filled.copies.clone(),
        };
    }
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

//! `POST /documents/{id}`: a person accepts or chooses, which is a record.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::act::Verdict;
use domain::{Agent, Kind};
use pipeline::desk::{Opened, Review};
use pipeline::ledger::DocumentState;
use pipeline::pipelines::Pipeline;
use pipeline::rights::{By, Who};

use crate::Office;
use crate::document::{Filled, NOT_FOR_US, Wrong, is_open, open, show};
use crate::problem::Problem;
use crate::visit::Visit;

/// The longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 200;
/// The longest reason, in characters.
pub(crate) const REASON_CHARS_MAX: usize = 2_000;

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
    let Form(pairs) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLong,
        _ => Problem::BadForm,
    })?;
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
    let (mut filled, seen) = read(&pairs, who)?;
    let only_told = pairs.iter().any(|(name, _)| name == "only-told");
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
    let by = match who.person() {
        Some(person) => By::Person(person),
        None => By::Named(&filled.by),
    };
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
        let long = filled.to.chars().count() > NAME_CHARS_MAX || filled.to.chars().any(unreadable);
        if filled.to.is_empty() || ours || long {
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
fn read(pairs: &[(String, String)], who: &Who) -> Result<(Filled, usize), Problem> {
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
    let every = |name: &str| -> Vec<String> {
        let values = pairs.iter().filter(|(n, _)| n == name);
        let values = values.map(|(_, value)| value.trim().to_owned());
        values.filter(|value| !value.is_empty()).collect()
    };
    let seen = field("seen")?.parse().map_err(|_| Problem::BadForm)?;
    let mut filled = Filled {
        service: field("service")?,
        also: every("also"),
        copies: every("copy"),
        to: field("to")?,
        told: !field("told")?.is_empty(),
        // Whoever has signed in gives no name: they have one.
        by: match who.person() {
            Some(person) => person.shown.clone(),
            None => field("by")?,
        },
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
pub(crate) fn unreadable(c: char) -> bool {
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

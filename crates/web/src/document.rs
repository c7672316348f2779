//! `/documents/{id}`: one document, what is proposed for it and why, and what people did.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::act::{Act, Verdict};
use domain::arrival::channel_said;
use domain::catalogue::Said as _;
use domain::{Agent, DocumentId, Kind, Outcome, RunOutcome, SubjectId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pipeline::desk::{Desk, Opened};
use pipeline::ledger::{DocumentFilter, DocumentState};
use pipeline::pipelines::Pipeline;
use pipeline::reasons;

use crate::inbox::{Deadline, Link};
use crate::problem::Problem;
use crate::shown::{self, Calendar, render};
use crate::visit::{Here, Visit};
use crate::{Asked, Office};

mod choose;
mod read;
mod view;

pub(crate) use self::choose::{Filled, NOT_FOR_US, Wrong, is_open};
use self::view::{
    ActLine, Alike, AttachmentLine, Check, DocumentPage, FormView, HistoryLine, OpeningLine,
    PrecedentLine, Proposal,
};

/// Attachments that are opened for a page.
const ATTACHMENTS_MAX: usize = 50;
/// Openings that a page shows.
const OPENINGS_MAX: usize = 50;

/// The document at this address.
pub(crate) async fn open(desk: &Desk, id: &str) -> Result<Opened, Problem> {
    let id: DocumentId = id.parse().map_err(|_| Problem::NoSuchDocument)?;
    let row = desk.row(id).await?;
    Ok(desk.open(row).await?)
}

/// `/documents/{id}`
pub(crate) async fn page(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let opened = open(&office.desk_of(&visit), &id).await?;
    office.opened(&visit, opened.row.id, "page").await?;
    show(&office, &opened, &visit, Filled::default()).await
}

/// `/documents/{id}/text`: the stored text, whose bytes every place and quote refers to.
pub(crate) async fn text(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let id: DocumentId = id.parse().map_err(|_| Problem::NoSuchDocument)?;
    let desk = office.desk_of(&visit);
    let row = desk.row(id).await?;
    office.opened(&visit, row.id, "text").await?;
    let text = desk.text(row.id).await?.ok_or(Problem::NoSuchPage)?;
    Ok((
        [(CONTENT_TYPE, "text/plain; charset=utf-8")],
        text.into_bytes(),
    )
        .into_response())
}

/// `/documents/{id}/original`: the bytes as received. Never shown by the browser, only saved: what
/// arrives may be a page with scripts.
pub(crate) async fn original(
    State(office): State<Arc<Office>>,
    path: Result<Path<String>, PathRejection>,
    visit: Visit,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = path else {
        return Err(Problem::NoSuchDocument);
    };
    let opened = open(&office.desk_of(&visit), &id).await?;
    office.opened(&visit, opened.row.id, "original").await?;
    let subject = SubjectId::from(opened.row.id);
    let vault = &office.desk.vault;
    let envelope = vault.envelope(subject).await?;
    let bytes = vault.read(subject, &envelope, opened.row.raw).await?;
    let name = opened.arrival.file_name.as_deref().unwrap_or(&opened.name);
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        // RFC 8187: everything but letters and digits is encoded.
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename*=UTF-8''{name}"),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// The page of an opened document, with what was filled in its form.
pub(crate) async fn show(
    office: &Office,
    opened: &Opened,
    visit: &Visit,
    filled: Filled,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(visit);
    let who = &visit.present.who;
    let may_decide = desk.reaches(&opened.row, &who.decides()).await?;
    let pipeline = desk.pipelines.get(&opened.row.pipeline)?;
    let calendar = Calendar::of(Some(pipeline), visit.lang);
    let acts = acts(desk, opened).await?;
    let text = read::text(desk, opened, visit).await?;
    let status = filled.status();
    let recorded = visit.asked("recorded").is_some() && !acts.is_empty();
    let path = format!("/documents/{}", opened.row.id);
    let page = DocumentPage {
        name: opened.name.clone(),
        title: Some(opened.title().to_owned()).filter(|t| *t != opened.name),
        id: opened.row.id.to_string(),
        pipeline: pipeline.source.file.title.clone(),
        received: calendar.moment(opened.row.received_at),
        channel: opened
            .arrival
            .channel
            .as_deref()
            .map(|c| channel_said(c, visit.lang).to_owned()),
        deadline: match desk.waits(opened) {
            true => Some(Deadline::of(&desk.waiting_as(opened)?, visit)),
            false => None,
        },
        parent: named(desk, opened.row.parent, visit).await,
        duplicate_of: named(desk, opened.row.duplicate_of, visit).await,
        resembles: resembles(desk, opened, &calendar, visit).await?,
        why: visit.to(&format!("{path}/why")),
        text_only: text.is_read.then(|| visit.to(&format!("{path}/text"))),
        original: visit.to(&format!("{path}/original")),
        is_read: opened.layout.is_some(),
        recorded,
        next: if recorded {
            next(desk, opened, visit).await?
        } else {
            None
        },
        act: acts.last().and_then(|a| a.as_ref()).map(|act| ActLine {
            text: assigned(act, pipeline, visit),
            reason: act.reason.clone(),
        }),
        proposal: proposal(desk, opened, pipeline, &text, visit),
        precedents: precedents(office, desk, opened, visit).await?,
        form: match may_decide {
            true => choose::form(opened, pipeline, visit, filled, acts.len()),
            false => FormView::Closed(""),
        },
        openings: openings(office, desk, opened, &calendar, visit).await?,
        check: check(opened, pipeline, visit),
        fields: read::fields(opened, visit),
        notes: opened
            .layout
            .as_ref()
            .map(|l| domain::told::notes(&l.notes, visit.lang))
            .unwrap_or_default(),
        sheet: opened
            .layout
            .as_ref()
            .and_then(|l| l.quality.as_ref())
            .map(|quality| quality.say(visit.lang)),
        attachments: attachments(desk, opened, visit).await?,
        history: history(opened, pipeline, &calendar, &acts, visit),
        text,
        f: visit.frame(opened.name.clone(), Here::Inbox),
    };
    Ok((status, render(&page)).into_response())
}

/// What people did, oldest first; `None` for what cannot be read any more.
async fn acts(desk: &Desk, opened: &Opened) -> Result<Vec<Option<Act>>, Problem> {
    let subject = SubjectId::from(opened.row.id);
    let mut acts = Vec::new();
    let mut envelope = None;
    for (record, _) in &opened.records {
        let Some(named) = record
            .statement()
            .outputs
            .iter()
            .find(|n| n.kind == Kind::Act)
        else {
            continue;
        };
        let envelope = match &mut envelope {
            Some(envelope) => envelope,
            none => none.insert(desk.vault.envelope(subject).await?),
        };
        match desk.vault.read_json(subject, envelope, named.name).await {
            Ok(act) => acts.push(Some(act)),
            Err(error) if error.is_passing() => return Err(error.into()),
            Err(_) => acts.push(None),
        }
    }
    Ok(acts)
}

/// A document to go to; one that is erased since keeps its short id.
async fn named(desk: &Desk, id: Option<DocumentId>, visit: &Visit) -> Option<Link> {
    let id = id?;
    let text = match desk.name(id).await {
        Ok(name) => name,
        // Out of reach: nobody learns that it is there.
        Err(pipeline::Error::NoSuchDocument(_)) => return None,
        Err(_) => id.short(),
    };
    Some(Link {
        href: visit.to(&format!("/documents/{id}")),
        text,
    })
}

/// The documents that resemble this one.
async fn resembles(
    desk: &Desk,
    opened: &Opened,
    calendar: &Calendar,
    visit: &Visit,
) -> Result<Vec<Alike>, Problem> {
    let found = desk.resembling(opened).await?;
    let alike = found.into_iter().map(|one| Alike {
        how: visit.words().resembles(one.percent),
        link: Link {
            href: visit.to(&format!("/documents/{}", one.row.id)),
            text: one.name,
        },
        received: calendar.moment(one.row.received_at),
    });
    Ok(alike.collect())
}

/// The document that waits for a decision first, other than this one.
async fn next(desk: &Desk, opened: &Opened, visit: &Visit) -> Result<Option<Link>, Problem> {
    let inbox = desk.inbox(None, None).await?;
    let first = inbox
        .to_decide
        .iter()
        .map(|waiting| waiting.row.id)
        .find(|id| *id != opened.row.id);
    Ok(named(desk, first, visit).await)
}

/// What people decided about the documents most like this one.
async fn precedents(
    office: &Office,
    desk: &Desk,
    opened: &Opened,
    visit: &Visit,
) -> Result<Vec<PrecedentLine>, Problem> {
    let Some(asked) = Asked::precedents(opened) else {
        return Ok(Vec::new());
    };
    let found = match office.find.find(&desk.reach, &asked).await {
        Ok(answer) => answer.hits,
        // What cannot be searched must not hide the document.
        Err(error) => {
            Problem::broken("look for precedents", error.as_ref());
            return Ok(Vec::new());
        }
    };
    let candidates: Vec<DocumentId> = found.iter().map(|hit| hit.document).collect();
    let precedents = desk.precedents(opened, &candidates).await?;
    let lines = precedents.into_iter().map(|one| PrecedentLine {
        how: one.say(visit.lang),
        link: Link {
            href: visit.to(&format!("/documents/{}", one.id)),
            text: one.name,
        },
        to: one.to,
    });
    Ok(lines.collect())
}

/// Who opened it, latest first, for those who are told.
async fn openings(
    office: &Office,
    desk: &Desk,
    opened: &Opened,
    calendar: &Calendar,
    visit: &Visit,
) -> Result<Vec<OpeningLine>, Problem> {
    let who = &visit.present.who;
    if who.person().is_none() || !desk.reaches(&opened.row, &who.oversees()).await? {
        return Ok(Vec::new());
    }
    let accounts = office.gate.accounts.as_ref();
    let all = accounts.openings_of(opened.row.id).await?;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut lines = Vec::new();
    for one in all.iter().rev().take(OPENINGS_MAX) {
        let account = one.account.to_string();
        if !names.contains_key(&account) {
            let known = accounts.account(&one.account).await?;
            let shown = known.map_or_else(|| account.clone(), |a| a.shown);
            names.insert(account.clone(), shown);
        }
        lines.push(OpeningLine {
            at: calendar.moment(one.at),
            what: visit.words().part_opened(&one.part),
            who: names.get(&account).cloned().unwrap_or(account),
        });
    }
    Ok(lines)
}

/// What a person decided, in a sentence.
fn assigned(act: &Act, pipeline: &Pipeline, visit: &Visit) -> String {
    let w = visit.words();
    match &act.verdict {
        Verdict::NotForUs { to, told, .. } => w.forwarded_by(to, *told, &act.by),
        verdict => {
            let service = verdict.service().map(|id| pipeline.service_name(id));
            let text = w.assigned_by(&service.unwrap_or_default(), &act.by);
            format!("{text}{}", others(verdict, pipeline, visit))
        }
    }
}

/// The other services of a decision, to be added to a sentence.
fn others(verdict: &Verdict, pipeline: &Pipeline, visit: &Visit) -> String {
    let w = visit.words();
    let lists = [(verdict.also(), w.also()), (verdict.copies(), w.copy())];
    let parts = lists.into_iter().filter(|(ids, _)| !ids.is_empty());
    parts
        .map(|(ids, how)| {
            let names: Vec<String> = ids.iter().map(|id| pipeline.service_name(id)).collect();
            format!("{}{how}{}{}", w.semicolon(), w.colon(), names.join(", "))
        })
        .collect()
}

fn proposal(
    desk: &Desk,
    opened: &Opened,
    pipeline: &Pipeline,
    text: &view::TextView,
    visit: &Visit,
) -> Option<Proposal> {
    let (w, lang) = (visit.words(), visit.lang);
    let Some(decision) = &opened.decision else {
        let (state, service) = match opened.set_aside() {
            Some(reason) => (
                format!(
                    "{}{}{}",
                    w.reading_interrupted(),
                    w.colon(),
                    shown::set_aside(reason, w)
                ),
                None,
            ),
            // An attachment, or a pipeline that routes nothing, has no proposal to speak of.
            None if opened.row.parent.is_some() || pipeline.source.file.services.is_empty() => {
                return None;
            }
            None => (w.no_decision().to_owned(), None),
        };
        let kind = "stopped";
        return Some(Proposal {
            state,
            kind,
            service,
            causes: Vec::new(),
            reasons: Vec::new(),
            candidates: None,
        });
    };
    // What lists say while it waits; then what the software had said.
    let shown = match desk.waits(opened) {
        true => desk.shown_outcome(opened).unwrap_or(decision.outcome),
        false => decision.outcome,
    };
    Some(Proposal {
        state: shown.say(lang).to_owned(),
        kind: shown.as_str(),
        service: decision.service.as_ref().map(|s| pipeline.service_name(s)),
        causes: reasons::causes(decision, shown, pipeline, lang),
        reasons: read::reasons(decision, pipeline, text, visit),
        candidates: (shown != Outcome::Automatic || decision.rule.is_none())
            .then(|| choose::candidates(decision, pipeline))
            .filter(|c| !c.lines.is_empty()),
    })
}

fn check(opened: &Opened, pipeline: &Pipeline, visit: &Visit) -> Option<Check> {
    let completeness = opened.completeness.as_ref()?;
    let form = completeness.form.as_ref();
    let known = form.and_then(|id| pipeline.source.file.forms.iter().find(|f| f.id() == id));
    Some(Check {
        form: form.map(|id| known.map_or_else(|| id.to_string(), |f| f.title.clone())),
        legal_basis: known.and_then(|f| f.legal_basis.clone()),
        clock: known.and_then(|f| f.clock.clone()),
        missing: completeness
            .missing
            .iter()
            .map(|m| shown::missing(m, visit.words()))
            .collect(),
    })
}

/// What came with the document: named by its layout, each opened where it became a document.
async fn attachments(
    desk: &Desk,
    opened: &Opened,
    visit: &Visit,
) -> Result<Vec<AttachmentLine>, Problem> {
    let filter = DocumentFilter {
        parent: Some(opened.row.id),
        ..DocumentFilter::default()
    };
    let mut children: BTreeMap<String, Opened> = BTreeMap::new();
    for row in desk
        .vault
        .ledger
        .documents(&filter)
        .await?
        .into_iter()
        .take(ATTACHMENTS_MAX)
    {
        match desk.open(row).await {
            Ok(child) => {
                children.insert(child.arrival.source.name().to_owned(), child);
            }
            Err(error) if error.is_passing() => return Err(error.into()),
            // It is listed below by the name its parent gives, without a document.
            Err(_) => {}
        }
    }
    let listed = opened.layout.iter().flat_map(|l| &l.attachments);
    Ok(listed
        .map(|attachment| {
            let child = children.get(&attachment.part);
            AttachmentLine {
                name: attachment.name.clone(),
                href: child.map(|c| visit.to(&format!("/documents/{}", c.row.id))),
                size: size(attachment.size, visit),
                notes: child
                    .and_then(|c| c.layout.as_ref())
                    .map(|l| shown::remarks(l, visit.lang))
                    .unwrap_or_default(),
                is_processing: child.is_some_and(|c| c.row.state == DocumentState::Processing),
            }
        })
        .collect())
}

fn size(bytes: u64, visit: &Visit) -> String {
    let unit = visit.lang.pick("o", "B");
    match bytes {
        0..1_000 => format!("{bytes} {unit}"),
        1_000..1_000_000 => format!("{} k{unit}", bytes / 1_000),
        _ => format!("{} M{unit}", bytes / 1_000_000),
    }
}

fn history(
    opened: &Opened,
    pipeline: &Pipeline,
    calendar: &Calendar,
    acts: &[Option<Act>],
    visit: &Visit,
) -> Vec<HistoryLine> {
    let (w, lang) = (visit.words(), visit.lang);
    let mut acts = acts.iter();
    opened
        .records
        .iter()
        .map(|(record, leaf)| {
            let statement = record.statement();
            let mut what =
                pipeline::explain::activity_in_words(statement.activity.as_str(), lang).to_owned();
            if statement.outcome == RunOutcome::Quarantine {
                let reason = statement.reason.as_deref().unwrap_or_default();
                let reason = shown::set_aside(reason, w);
                what = format!(
                    "{what}{}{} ({reason})",
                    w.colon(),
                    statement.outcome.say(lang)
                );
            }
            let mut who = match statement.agent {
                Agent::Software { .. } => w.the_software().to_owned(),
                Agent::Person { .. } => "?".to_owned(),
            };
            let is_act = statement.outputs.iter().any(|n| n.kind == Kind::Act);
            if is_act && let Some(Some(act)) = acts.next() {
                let said = match &act.verdict {
                    Verdict::NotForUs { to, told, .. } => w.forwarded(to, *told),
                    verdict => {
                        let accepted = matches!(verdict, Verdict::Accept { .. });
                        let service = verdict.service().map(|id| pipeline.service_name(id));
                        let said = w.assigned(accepted, &service.unwrap_or_default());
                        format!("{said}{}", others(verdict, pipeline, visit))
                    }
                };
                what = format!("{what}{}{said}", w.colon());
                if let Some(reason) = &act.reason {
                    what = format!("{what} ({reason})");
                }
                who.clone_from(&act.by);
                if let Agent::Person {
                    authenticated: true,
                    ..
                } = statement.agent
                {
                    who = format!("{who} ({})", w.verified());
                }
            }
            HistoryLine {
                at: calendar.moment(record.circumstances().ended_at),
                what,
                who,
                leaf: leaf.map_or_else(|| w.not_in_log_yet().to_owned(), |i| i.to_string()),
            }
        })
        .collect()
}

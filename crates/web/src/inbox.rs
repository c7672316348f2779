//! `/`: the documents that wait for a person, those that need a decision first.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::act::Verdict;
use domain::arrival::channel_said;
use domain::catalogue::Said as _;
use domain::{AlertSet, Lang, PipelineName, ServiceId};
use pipeline::desk::{Desk, Opened};
use pipeline::inbox::Waiting;
use pipeline::ledger::DocumentState;
use pipeline::likeness::closest_earlier;
use pipeline::pipelines::Pipeline;
use pipeline::reasons;

use crate::Office;
use crate::problem::Problem;
use crate::shown::{self, Calendar, Moment, render};
use crate::synthesis::{self, ALERT};
use crate::visit::{Frame, Here, Visit};

/// Documents a page shows. Each is opened, which reads and decrypts a few artifacts.
const PAGE_DOCUMENTS: usize = 50;
/// The longest title a line shows, in characters.
const TITLE_CHARS_MAX: usize = 140;

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    f: Frame,
    pipelines: Vec<Choice>,
    services: Vec<Group>,
    alerts: Vec<Link>,
    reading: Option<String>,
    progress: Vec<Standing>,
    sections: Vec<Section>,
    pager: Option<Pager>,
}

/// Something to choose in a list.
struct Choice {
    value: String,
    name: String,
    selected: bool,
}

/// The services of one pipeline.
struct Group {
    name: String,
    choices: Vec<Choice>,
}

/// How far routing by itself is in one pipeline.
struct Standing {
    pipeline: String,
    lines: Vec<String>,
}

/// A place to go.
pub(crate) struct Link {
    /// Where.
    pub(crate) href: String,
    /// What it is called.
    pub(crate) text: String,
}

struct Section {
    id: &'static str,
    title: String,
    nothing: &'static str,
    lines: Vec<Line>,
}

struct Pager {
    text: String,
    previous: Option<String>,
    next: Option<String>,
}

/// One document of the list.
struct Line {
    href: String,
    name: String,
    title: Option<String>,
    received: Moment,
    /// Until when it is to be answered.
    deadline: Option<Deadline>,
    channel: Option<String>,
    state: &'static str,
    kind: &'static str,
    service: Option<String>,
    causes: String,
    missing: Vec<String>,
    notes: Vec<String>,
    /// The line of the log, when the document cannot be opened.
    broken: Option<String>,
}

/// Until when a document is to be answered.
pub(crate) struct Deadline {
    /// The day, for machines.
    pub(crate) iso: String,
    /// In words.
    pub(crate) text: String,
    /// Whether it is late, or will be within days.
    pub(crate) is_pressing: bool,
}

impl Deadline {
    pub(crate) fn of(waiting: &Waiting, visit: &Visit) -> Self {
        let day = waiting.deadline.say(waiting.today, visit.lang);
        Self {
            iso: waiting.deadline.to_string(),
            text: visit.words().answer_before(&day, waiting.days_left < 0),
            is_pressing: waiting.is_pressing(),
        }
    }
}

/// `/`
pub(crate) async fn page(
    State(office): State<Arc<Office>>,
    visit: Visit,
) -> Result<Response, Problem> {
    let desk = &office.desk_of(&visit);
    let w = visit.words();
    let (pipeline, service) = chosen(desk, &visit)?;
    let number = match visit.asked("page") {
        None => 1,
        Some(page) => page
            .parse::<usize>()
            .ok()
            .filter(|n| *n > 0)
            .ok_or(Problem::BadAddress)?,
    };
    let inbox = desk.inbox(pipeline.as_ref(), service.as_ref()).await?;
    let undecided = inbox.to_decide.len();
    let total = undecided + inbox.routed.len();
    let first = (number - 1).saturating_mul(PAGE_DOCUMENTS);
    if first >= total && number > 1 {
        return Err(Problem::BadAddress);
    }
    let mut to_decide = Vec::new();
    let mut routed = Vec::new();
    for (at, waiting) in inbox.queue().enumerate().skip(first).take(PAGE_DOCUMENTS) {
        let list = if at < undecided {
            &mut to_decide
        } else {
            &mut routed
        };
        list.push(line(desk, waiting, &visit).await?);
    }
    // They are few, and the law asks for haste: every page shows them.
    let mut to_forward = Vec::new();
    for waiting in inbox.to_forward.iter().take(PAGE_DOCUMENTS) {
        to_forward.push(forward(desk, waiting, &visit).await?);
    }
    let last = (first + PAGE_DOCUMENTS).min(total);
    // A page without documents of a kind says so only when there are none on any page.
    let mut sections = vec![
        Section {
            id: "to-decide",
            title: format!("{} ({undecided})", w.to_decide()),
            nothing: if undecided == 0 {
                w.nothing_to_decide()
            } else {
                ""
            },
            lines: to_decide,
        },
        Section {
            id: "routed",
            title: format!("{} ({})", w.routed(), total - undecided),
            nothing: if total == undecided {
                w.nothing_routed()
            } else {
                ""
            },
            lines: routed,
        },
    ];
    if !to_forward.is_empty() {
        sections.insert(
            0,
            Section {
                id: "to-forward",
                title: format!("{} ({})", w.to_forward(), inbox.to_forward.len()),
                nothing: w.to_forward_help(),
                lines: to_forward,
            },
        );
    }
    sections.retain(|s| !s.lines.is_empty() || !s.nothing.is_empty());
    let to_page = |n: usize| {
        let n = n.to_string();
        let mut values = vec![("page", n.as_str())];
        values.extend(pipeline.as_ref().map(|p| ("pipeline", p.as_str())));
        values.extend(service.as_ref().map(|s| ("service", s.as_str())));
        visit.to_with("/", &values)
    };
    let pager = (total > PAGE_DOCUMENTS).then(|| Pager {
        text: w.part_of(first + 1, last, total),
        previous: (number > 1).then(|| to_page(number - 1)),
        next: (last < total).then(|| to_page(number + 1)),
    });
    let page = InboxPage {
        pipelines: pipelines(desk, pipeline.as_ref()),
        services: services(desk, pipeline.as_ref(), service.as_ref()),
        alerts: alerts(desk, &visit).await?,
        reading: (inbox.processing > 0).then(|| w.still_reading(inbox.processing)),
        progress: progress(&office, desk, pipeline.as_ref(), visit.lang),
        sections,
        pager,
        f: visit.frame(w.inbox_title(), Here::Inbox),
    };
    Ok(render(&page))
}

/// What cannot be read must not hide what waits.
fn progress(
    office: &Office,
    desk: &Desk,
    chosen: Option<&PipelineName>,
    lang: Lang,
) -> Vec<Standing> {
    routing(desk)
        .filter(|p| desk.reach.holds_all_of(p.name()))
        .filter(|p| chosen.is_none_or(|name| name == p.name()))
        .filter_map(|pipeline| match office.watch.progress(pipeline) {
            Ok(progress) => Some(Standing {
                pipeline: pipeline.source.file.title.clone(),
                lines: progress.say(pipeline, lang),
            }),
            Err(error) => {
                Problem::broken("read how far routing by itself is", error.as_ref());
                None
            }
        })
        .collect()
}

/// What the filter says: a name that cannot be or that nothing has is a wrong address.
fn chosen(
    desk: &Desk,
    visit: &Visit,
) -> Result<(Option<PipelineName>, Option<ServiceId>), Problem> {
    let pipeline: Option<PipelineName> = match visit.asked("pipeline") {
        None => None,
        Some(name) => Some(name.parse().map_err(|_| Problem::BadAddress)?),
    };
    if let Some(name) = &pipeline {
        desk.pipelines.get(name).map_err(|_| Problem::BadAddress)?;
    }
    let service: Option<ServiceId> = match visit.asked("service") {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| Problem::BadAddress)?),
    };
    if let Some(id) = &service
        && !desk
            .pipelines
            .iter()
            .any(|p| p.service(id.as_str()).is_ok())
    {
        return Err(Problem::BadAddress);
    }
    Ok((pipeline, service))
}

fn routing(desk: &Desk) -> impl Iterator<Item = &Pipeline> {
    desk.pipelines
        .iter()
        .filter(|p| !p.source.file.services.is_empty())
}

fn pipelines(desk: &Desk, chosen: Option<&PipelineName>) -> Vec<Choice> {
    routing(desk)
        .map(|p| Choice {
            value: p.name().to_string(),
            name: p.source.file.title.clone(),
            selected: chosen == Some(p.name()),
        })
        .collect()
}

fn services(
    desk: &Desk,
    pipeline: Option<&PipelineName>,
    chosen: Option<&ServiceId>,
) -> Vec<Group> {
    routing(desk)
        .filter(|p| pipeline.is_none_or(|name| name == p.name()))
        .map(|p| Group {
            name: p.source.file.title.clone(),
            choices: p
                .source
                .file
                .services
                .iter()
                .map(|s| Choice {
                    value: s.id().to_string(),
                    name: s.name.clone(),
                    selected: chosen == Some(s.id()),
                })
                .collect(),
        })
        .collect()
}

async fn line(desk: &Desk, waiting: &Waiting, visit: &Visit) -> Result<Line, Problem> {
    let (w, lang) = (visit.words(), visit.lang);
    let row = &waiting.row;
    let pipeline = desk.pipelines.get(&row.pipeline)?;
    let href = visit.to(&format!("/documents/{}", row.id));
    let received = Calendar::of(Some(pipeline), lang).moment(row.received_at);
    let (state, kind) = match &row.route {
        Some(route) => (route.outcome.say(lang), route.outcome.as_str()),
        None if row.state == DocumentState::Quarantined => (w.reading_interrupted(), "stopped"),
        None => (w.no_decision(), "unknown"),
    };
    let service = row
        .route
        .as_ref()
        .and_then(|r| r.service.as_ref())
        .map(|id| pipeline.service_name(id));
    let mut line = Line {
        href,
        name: row.id.short(),
        title: None,
        received,
        deadline: Some(Deadline::of(waiting, visit)),
        channel: None,
        state,
        kind,
        service,
        causes: String::new(),
        missing: Vec::new(),
        notes: Vec::new(),
        broken: None,
    };
    let opened = match desk.open(row.clone()).await {
        Ok(opened) => opened,
        Err(error) if error.is_passing() => return Err(error.into()),
        // One document that does not open must not hide the others.
        Err(error) => {
            line.broken = Some(
                match Problem::broken("open a document of the inbox", &error) {
                    Problem::Broken { line } => line,
                    _ => String::new(),
                },
            );
            return Ok(line);
        }
    };
    line.name.clone_from(&opened.name);
    line.title = Some(cut(opened.title())).filter(|title| *title != opened.name);
    line.channel = opened
        .arrival
        .channel
        .as_deref()
        .map(|c| channel_said(c, lang).to_owned());
    if let Some(decision) = &opened.decision {
        let shown = desk.shown_outcome(&opened).unwrap_or(decision.outcome);
        (line.state, line.kind) = (shown.say(lang), shown.as_str());
        line.causes = reasons::in_brief(decision, shown, pipeline, lang).join(" ; ");
    } else if let Some(reason) = opened.set_aside() {
        line.causes = shown::set_aside(reason, w);
    }
    if let Some(completeness) = &opened.completeness {
        line.missing = completeness
            .missing
            .iter()
            .map(|m| shown::missing(m, w))
            .collect();
    }
    line.notes = notes(desk, &opened, visit).await;
    // What cannot be compared must not hide the document.
    match desk.resembling(&opened).await {
        Ok(found) => {
            if let Some(first) = closest_earlier(&found) {
                let day = Calendar::of(Some(pipeline), lang).moment(first.row.received_at);
                let note = w.resembles_earlier(first.percent, &first.name, &day.text);
                line.notes.push(note);
            }
        }
        Err(error) if error.is_passing() => return Err(error.into()),
        Err(_) => {}
    }
    Ok(line)
}

/// A document for another authority, whose writer is still to be told.
async fn forward(desk: &Desk, waiting: &Waiting, visit: &Visit) -> Result<Line, Problem> {
    let w = visit.words();
    let mut line = line(desk, waiting, visit).await?;
    (line.state, line.kind) = (w.to_forward_state(), "forward");
    (line.deadline, line.causes) = (None, String::new());
    line.missing.clear();
    let opened = match desk.open(waiting.row.clone()).await {
        Ok(opened) => opened,
        Err(error) if error.is_passing() => return Err(error.into()),
        Err(_) => return Ok(line),
    };
    if let Some(act) = &opened.act {
        if let Verdict::NotForUs { to, .. } = &act.verdict {
            line.service = Some(to.clone());
        }
        line.causes = w.decided_by(&act.by);
    }
    Ok(line)
}

async fn notes(desk: &Desk, opened: &Opened, visit: &Visit) -> Vec<String> {
    let w = visit.words();
    let mut notes = Vec::new();
    if let Some(layout) = &opened.layout {
        notes.extend(shown::remarks(layout, visit.lang));
        if !layout.attachments.is_empty() {
            notes.push(w.with_attachments(layout.attachments.len()));
        }
    }
    if let Some(first) = opened.row.duplicate_of {
        // The first may be erased since: what matters is that this one is not the first.
        match desk.name(first).await {
            Ok(name) => notes.push(w.already_received(&name)),
            // Out of reach: nobody learns that it is there.
            Err(pipeline::Error::NoSuchDocument(_)) => {}
            Err(_) => notes.push(w.already_received(&first.short())),
        }
    }
    notes
}

fn cut(title: &str) -> String {
    match title.char_indices().nth(TITLE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.to_owned(),
    }
}

/// Alerts of this week and of the one before: they must be seen by whoever opens the inbox.
async fn alerts(desk: &Desk, visit: &Visit) -> Result<Vec<Link>, Problem> {
    let mut links = Vec::new();
    for pipeline in desk.pipelines.iter() {
        if !desk.reach.holds_all_of(pipeline.name()) {
            continue;
        }
        if !pipeline
            .source
            .file
            .reconcile
            .keys()
            .any(|name| name.as_str() == ALERT)
        {
            continue;
        }
        let this_week = desk.clock.now().week_in(&pipeline.source.zone().0);
        let calendar = Calendar::of(Some(pipeline), visit.lang);
        for week in [this_week, this_week.plus(-1)] {
            let editions = synthesis::editions(desk, ALERT, pipeline.name(), Some(week)).await?;
            let Some(edition) = editions.last() else {
                continue;
            };
            let text = match synthesis::read::<AlertSet>(desk, edition).await {
                Ok(set) if set.alerts.is_empty() => continue,
                Ok(set) => visit.words().alerts_of(
                    set.alerts.len(),
                    &pipeline.source.file.title,
                    &calendar.week(week),
                ),
                // Alerts that cannot be read are not alerts that are not there.
                Err(error) => match Problem::from(error) {
                    Problem::Broken { line } => {
                        format!("{} {line}", visit.words().cannot_be_opened())
                    }
                    other => return Err(other),
                },
            };
            let path = format!("/synthesis/{}/{week}", pipeline.name());
            links.push(Link {
                href: visit.to(&path),
                text,
            });
        }
    }
    Ok(links)
}

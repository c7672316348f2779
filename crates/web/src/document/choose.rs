//! The form by which a person decides: one list of services, those proposed first and none chosen
//! beforehand, so that accepting is as deliberate as choosing another.

use axum::http::StatusCode;
use domain::Decision;
use domain::decision::Method;
use pipeline::desk::Opened;
use pipeline::ledger::DocumentState;
use pipeline::pipelines::Pipeline;

use super::view::{
    CandidateLine, Candidates, Flaw, FormView, OpenForm, OtherChoice, ServiceChoice, ServiceGroup,
};
use crate::visit::Visit;

/// What is chosen in the place of a service when it is for none of ours: no service has this id.
pub(crate) const NOT_FOR_US: &str = "_not-for-us";

/// Candidates that stand apart in the list of services.
const CANDIDATES_MAX: usize = 3;

/// What was filled in the form, and what is wrong with it. Empty before the first try.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filled {
    /// The service chosen, or [`NOT_FOR_US`].
    pub(crate) service: String,
    /// Other services that have something to do.
    pub(crate) also: Vec<String>,
    /// Services that have a copy.
    pub(crate) copies: Vec<String>,
    /// The authority it is for, when it is for none of ours.
    pub(crate) to: String,
    /// Whether whoever wrote was told.
    pub(crate) told: bool,
    /// The person's name.
    pub(crate) by: String,
    /// The reason.
    pub(crate) reason: String,
    /// What is wrong.
    pub(crate) flaws: Vec<Wrong>,
}

/// What is wrong with a filled form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No name.
    NameNeeded,
    /// A name that is too long or has unreadable characters.
    Name,
    /// No service, or one the pipeline does not have.
    Service,
    /// A service that is named twice, or one of the others that is not ours.
    Others,
    /// No authority named, or a service of ours in its place.
    Authority,
    /// A reason that is too long.
    Reason,
    /// Someone else decided in between.
    DecidedMeanwhile,
}

impl Filled {
    /// The status of the page that shows it.
    pub(crate) fn status(&self) -> StatusCode {
        match self.flaws.first() {
            None => StatusCode::OK,
            Some(Wrong::DecidedMeanwhile) => StatusCode::CONFLICT,
            Some(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The services that may be the right one, as a table.
pub(super) fn candidates(decision: &Decision, pipeline: &Pipeline) -> Candidates {
    let calibrated = decision.method == Method::Trained;
    Candidates {
        calibrated,
        lines: decision
            .candidates
            .iter()
            .take(CANDIDATES_MAX)
            .enumerate()
            .map(|(i, candidate)| CandidateLine {
                rank: i + 1,
                service: pipeline.service_name(&candidate.service),
                confidence: candidate.probability.to_string(),
            })
            .collect(),
    }
}

/// Whether a person may decide about this document at all.
pub(crate) fn is_open(opened: &Opened, pipeline: &Pipeline) -> bool {
    opened.row.parent.is_none() && !pipeline.source.file.services.is_empty()
}

pub(super) fn form(
    opened: &Opened,
    pipeline: &Pipeline,
    visit: &Visit,
    filled: Filled,
    seen: usize,
) -> FormView {
    let w = visit.words();
    if opened.row.parent.is_some() {
        return FormView::Closed("");
    }
    if !is_open(opened, pipeline) {
        return FormView::Closed(w.not_routed_here());
    }
    if opened.row.state == DocumentState::Processing {
        return FormView::Closed(w.still_processing());
    }
    let wrong = |flaws: &[Wrong]| filled.flaws.iter().any(|f| flaws.contains(f));
    FormView::Open(Box::new(OpenForm {
        action: visit.to(&format!("/documents/{}", opened.row.id)),
        seen,
        is_first: seen == 0 || !filled.flaws.is_empty(),
        problems: filled
            .flaws
            .iter()
            .map(|flaw| match flaw {
                Wrong::NameNeeded => Flaw {
                    text: w.name_needed(),
                    field: "by",
                },
                Wrong::Name => Flaw {
                    text: w.name_too_long(),
                    field: "by",
                },
                Wrong::Service => Flaw {
                    text: w.service_needed(),
                    field: "service",
                },
                Wrong::Others => Flaw {
                    text: w.others_wrong(),
                    field: "others",
                },
                Wrong::Authority => Flaw {
                    text: w.authority_needed(),
                    field: "to",
                },
                Wrong::Reason => Flaw {
                    text: w.reason_too_long(),
                    field: "reason",
                },
                Wrong::DecidedMeanwhile => Flaw {
                    text: w.decided_meanwhile(),
                    field: "decided",
                },
            })
            .collect(),
        by_is_wrong: wrong(&[Wrong::NameNeeded, Wrong::Name]),
        service_is_wrong: wrong(&[Wrong::Service]),
        reason_is_wrong: wrong(&[Wrong::Reason]),
        groups: groups(opened, pipeline, visit, &filled.service),
        others_are_wrong: wrong(&[Wrong::Others]),
        others_are_open: !filled.also.is_empty() || !filled.copies.is_empty(),
        others: others(pipeline, &filled),
        not_for_us: NOT_FOR_US,
        not_for_us_is_chosen: filled.service == NOT_FOR_US,
        to_is_wrong: wrong(&[Wrong::Authority]),
        to: filled.to,
        told: filled.told,
        tell: opened.row.route.as_ref().is_some_and(|r| r.to_tell),
        by: filled.by,
        reason: filled.reason,
    }))
}

/// Services of ours that may have a part or a copy.
fn others(pipeline: &Pipeline, filled: &Filled) -> Vec<OtherChoice> {
    let services = pipeline.source.file.services.iter();
    services
        .filter(|service| !service.external)
        .map(|service| {
            let id = service.id().to_string();
            OtherChoice {
                also: filled.also.contains(&id),
                copy: filled.copies.contains(&id),
                name: service.name.clone(),
                id,
            }
        })
        .collect()
}

fn groups(opened: &Opened, pipeline: &Pipeline, visit: &Visit, chosen: &str) -> Vec<ServiceGroup> {
    let w = visit.words();
    let decision = opened.decision.as_ref();
    let proposed = decision.and_then(|d| d.service.as_ref());
    let mut first: Vec<&str> = proposed.iter().map(|s| s.as_str()).collect();
    for candidate in decision
        .iter()
        .flat_map(|d| &d.candidates)
        .take(CANDIDATES_MAX)
    {
        if !first.contains(&candidate.service.as_str()) {
            first.push(candidate.service.as_str());
        }
    }
    let choice = |id: &str| {
        // A service that the pipeline file no longer has cannot be chosen.
        let service = pipeline.service(id).ok()?;
        let is_proposed = proposed.is_some_and(|p| p.as_str() == id);
        let confidence = decision
            .filter(|d| d.method == Method::Trained)
            .and_then(|d| {
                d.candidates
                    .iter()
                    .take(CANDIDATES_MAX)
                    .find(|c| c.service.as_str() == id)
            })
            .map(|c| format!("{} {}", w.confident(), c.probability));
        let remarks: Vec<String> = [
            is_proposed.then(|| w.proposed().to_owned()),
            confidence,
            service.external.then(|| w.not_ours().to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let remark = (!remarks.is_empty()).then(|| remarks.join(", "));
        Some(ServiceChoice {
            id: id.to_owned(),
            name: service.name.clone(),
            remark,
            checked: chosen == id,
            is_first: false,
        })
    };
    let others = pipeline
        .source
        .file
        .services
        .iter()
        .map(|s| s.id().as_str());
    let others: Vec<ServiceChoice> = others
        .filter(|id| !first.contains(id))
        .filter_map(choice)
        .collect();
    let likely: Vec<ServiceChoice> = first.iter().filter_map(|id| choice(id)).collect();
    let others_title = if likely.is_empty() {
        ""
    } else {
        w.other_services()
    };
    let mut groups = vec![
        ServiceGroup {
            title: "",
            choices: likely,
        },
        ServiceGroup {
            title: others_title,
            choices: others,
        },
    ];
    groups.retain(|g| !g.choices.is_empty());
    if let Some(choice) = groups.first_mut().and_then(|g| g.choices.first_mut()) {
        choice.is_first = true;
    }
    groups
}

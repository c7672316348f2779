//! What waits for people, and in which order.
//!
//! What is late, or to be answered within a week, comes first, by the day it is to be answered by.
//! The rest goes by the week of that day and, within a week, by what a decision would teach the
//! model: first the documents whose two best candidates are closest. If that alone gave the order,
//! people would only ever judge hard cases; so a random part, which includes those drawn for the
//! measure of the promise, takes a place in its week that is drawn too. The draw is a keyed code of
//! the run that decided ([`privacy::share`]): nobody chooses it, and the order is always the same.

use std::collections::BTreeMap;

use domain::{
    Completeness, Day, Decision, DocumentId, FormId, Kind, Outcome, PipelineName, Probability,
    RunKey, ServiceId, SubjectId, Timestamp,
};

use crate::desk::{Desk, Opened, Routed};
use crate::error::Error;
use crate::ledger::{DocumentFilter, DocumentRow, DocumentState};
use crate::pipelines::Pipeline;
use crate::vault::seen_decision;

/// Days before the end of its time in which a document goes before all others.
pub const PRESSING_DAYS: i64 = 7;
/// The part of the queue whose places are drawn, unless the share that is looked at for the measure
/// is larger.
const DRAWN_SHARE: Probability = Probability::from_millionths(100_000);

/// A document that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its row.
    pub row: DocumentRow,
    /// The day until which it is to be answered.
    pub deadline: Day,
    /// Days until then: negative when it is late.
    pub days_left: i64,
    /// The day it is.
    pub today: Day,
}

impl Waiting {
    /// Whether it goes before all others.
    pub const fn is_pressing(&self) -> bool {
        self.days_left <= PRESSING_DAYS
    }
}

/// What waits for people.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    /// For a person to decide, in order. Among them, and in no way told apart, documents that were
    /// routed by themselves and are drawn for the measure of the promise.
    pub to_decide: Vec<Waiting>,
    /// Routed by themselves and not looked at, in order.
    pub routed: Vec<Waiting>,
    /// For another authority, while nobody has recorded that whoever wrote was told: by reception.
    pub to_forward: Vec<Waiting>,
    /// How many are still being read.
    pub processing: usize,
}

impl Inbox {
    /// All that is to be decided or looked at, in order.
    pub fn queue(&self) -> impl Iterator<Item = &Waiting> {
        self.to_decide.iter().chain(&self.routed)
    }
}

/// What a place in the queue depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The day until which the document is to be answered.
    pub deadline: Day,
    /// Days until then.
    pub days_left: i64,
    /// By how much the first candidate leads the second.
    pub margin: Probability,
    /// Its place in its week, in millionths, when that is drawn.
    pub drawn: Option<u32>,
    /// When it was received.
    pub received_at: Timestamp,
    /// Its id, which nothing else shares.
    pub id: DocumentId,
}

/// The order of a queue: positions in `places`, first things first.
pub fn order(places: &[Place]) -> Vec<usize> {
    let mut pressing: Vec<(Day, Timestamp, DocumentId, usize)> = Vec::new();
    let mut weeks: BTreeMap<Day, Vec<usize>> = BTreeMap::new();
    for (at, place) in places.iter().enumerate() {
        if place.days_left <= PRESSING_DAYS {
            pressing.push((place.deadline, place.received_at, place.id, at));
        } else {
            weeks.entry(place.deadline.monday()).or_default().push(at);
        }
    }
    pressing.sort_unstable();
    let mut ordered: Vec<usize> = pressing.into_iter().map(|(.., at)| at).collect();
    for week in weeks.into_values() {
        ordered.extend(of_a_week(places, &week));
    }
    ordered
}

fn of_a_week(places: &[Place], week: &[usize]) -> Vec<usize> {
    let mut placed: Vec<(u64, Timestamp, DocumentId, usize)> = Vec::with_capacity(week.len());
    let mut useful: Vec<(Probability, Timestamp, DocumentId, usize)> = Vec::new();
    for at in week {
        let Some(place) = places.get(*at) else {
            continue;
        };
        match place.drawn {
            Some(drawn) => placed.push((u64::from(drawn), place.received_at, place.id, *at)),
            None => useful.push((place.margin, place.received_at, place.id, *at)),
        }
    }
    useful.sort_unstable();
    let many = useful.len().max(1) as u64;
    for (rank, (_, received_at, id, at)) in useful.into_iter().enumerate() {
        // The middle of the part of the week that is its own.
        let middle = (2 * rank as u64 + 1) * 1_000_000 / (2 * many);
        placed.push((middle, received_at, id, at));
    }
    placed.sort_unstable();
    placed.into_iter().map(|(.., at)| at).collect()
}

/// What the artifacts of a document say of its place.
#[derive(Clone, Debug, Default)]
struct Glance {
    form: Option<FormId>,
    margin: Probability,
    /// The run that decided, and the share that was drawn from then.
    routed: Option<(RunKey, Option<Probability>)>,
}

impl Glance {
    fn of(decision: Option<&Decision>, form: Option<&FormId>, routed: Option<&Routed>) -> Self {
        let mut candidates = decision.iter().flat_map(|d| &d.candidates);
        let mut next = || {
            candidates
                .next()
                .map_or(0, |candidate| candidate.probability.millionths())
        };
        let (first, second) = (next(), next());
        Self {
            form: form.cloned(),
            margin: Probability::from_millionths(first.saturating_sub(second)),
            routed: routed.map(|routed| (routed.run, routed.share)),
        }
    }
}

impl Desk {
    /// What waits for people: documents of a pipeline and a service, or all.
    ///
    /// # Errors
    /// When the ledger does not answer. A document that cannot be opened is there all the same.
    pub async fn inbox(
        &self,
        pipeline: Option<&PipelineName>,
        service: Option<&ServiceId>,
    ) -> Result<Inbox, Error> {
        let filter = DocumentFilter {
            pipeline: pipeline.cloned(),
            service: service.cloned(),
            top_level: true,
            reach: self.reach.clone(),
            ..DocumentFilter::default()
        };
        let undecided = DocumentFilter {
            undecided: true,
            ..filter.clone()
        };
        let mut inbox = Inbox::default();
        let (mut to_decide, mut routed) = (Vec::new(), Vec::new());
        for row in self.vault.ledger.documents(&undecided).await? {
            let Ok(pipeline) = self.pipelines.get(&row.pipeline) else {
                continue;
            };
            if pipeline.source.file.services.is_empty() {
                continue;
            }
            if row.state == DocumentState::Processing {
                inbox.processing += 1;
                continue;
            }
            let glance = match self.glance(&row).await {
                Ok(glance) => glance,
                Err(error) if error.is_passing() => return Err(error),
                // One that does not open must not hide the others; its line says so.
                Err(_) => Glance::default(),
            };
            let list = if is_automatic(&row) && !self.is_drawn(pipeline, &row, &glance) {
                &mut routed
            } else {
                &mut to_decide
            };
            let waiting = self.waiting(pipeline, row, glance.form.as_ref());
            list.push((self.place(pipeline, &waiting, &glance), waiting));
        }
        inbox.to_decide = in_order(to_decide);
        inbox.routed = in_order(routed);
        let to_tell = DocumentFilter {
            to_tell: true,
            ..filter
        };
        for row in self.vault.ledger.documents(&to_tell).await? {
            if let Ok(pipeline) = self.pipelines.get(&row.pipeline) {
                inbox.to_forward.push(self.waiting(pipeline, row, None));
            }
        }
        Ok(inbox)
    }

    /// Whether a document waits for a person to decide or to look.
    pub fn waits(&self, opened: &Opened) -> bool {
        let pipeline = self.pipelines.get(&opened.row.pipeline);
        opened.act.is_none()
            && opened.row.parent.is_none()
            && opened.row.state != DocumentState::Processing
            && pipeline.is_ok_and(|p| !p.source.file.services.is_empty())
    }

    /// The day until which a document is to be answered, and how it stands today.
    ///
    /// # Errors
    /// When its pipeline is not in force any more.
    pub fn waiting_as(&self, opened: &Opened) -> Result<Waiting, Error> {
        let pipeline = self.pipelines.get(&opened.row.pipeline)?;
        Ok(self.waiting(pipeline, opened.row.clone(), form_of(opened)))
    }

    /// Whether a document that was routed by itself is within the share that people look at: drawn
    /// by the audit key and the key of the run that decided, so that nobody chooses, and whoever has
    /// the key can check. One that is to be answered soon never is: its time is not ours to take.
    pub fn is_audited(&self, opened: &Opened) -> bool {
        let Ok(pipeline) = self.pipelines.get(&opened.row.pipeline) else {
            return false;
        };
        let routed = opened.routed.as_ref();
        let glance = Glance::of(opened.decision.as_ref(), form_of(opened), routed);
        self.is_drawn(pipeline, &opened.row, &glance)
    }

    /// What is shown of a document that waits: one that is drawn for the measure is to be checked
    /// like any other, and nothing marks it until a person has decided.
    pub fn shown_outcome(&self, opened: &Opened) -> Option<Outcome> {
        let outcome = match (&opened.row.route, &opened.decision) {
            (Some(route), _) => route.outcome,
            (None, Some(decision)) => decision.outcome,
            (None, None) => return None,
        };
        let hidden = outcome == Outcome::Automatic && self.waits(opened) && self.is_audited(opened);
        Some(if hidden { Outcome::Review } else { outcome })
    }

    /// The decision as it is shown of a document: one that is drawn for the measure waits as what the
    /// software is not sure of does, until a person has decided. Then everything is said truly.
    pub fn shown_decision(&self, opened: &Opened) -> Option<Decision> {
        let mut decision = opened.decision.clone()?;
        if self.waits(opened) {
            decision.outcome = self.shown_outcome(opened).unwrap_or(decision.outcome);
        }
        Some(decision)
    }

    /// Whether a person has decided about what was drawn for the measure: it may be said then.
    pub fn was_drawn(&self, opened: &Opened) -> bool {
        let routed = opened.routed.as_ref();
        opened.act.is_some()
            && routed.is_some_and(|routed| routed.decision.outcome == Outcome::Automatic)
            && self.is_audited(opened)
    }

    async fn glance(&self, row: &DocumentRow) -> Result<Glance, Error> {
        let subject = SubjectId::from(row.id);
        let records = self.vault.records(subject).await?;
        let Some(written) = seen_decision(&records) else {
            return Ok(Glance::default());
        };
        let envelope = self.vault.envelope(subject).await?;
        let decision: Decision = self
            .vault
            .read_json(subject, &envelope, written.name)
            .await?;
        let completeness: Option<Completeness> = self
            .read_latest(subject, &envelope, &records, Kind::Completeness)
            .await?;
        let routed = self.routed_by(subject, &envelope, &records).await?;
        let form = completeness.as_ref().and_then(|c| c.form.as_ref());
        Ok(Glance::of(Some(&decision), form, routed.as_ref()))
    }

    fn waiting(&self, pipeline: &Pipeline, row: DocumentRow, form: Option<&FormId>) -> Waiting {
        let deadline = pipeline.deadline(form, row.received_at);
        let today = Day::of(self.clock.now(), &pipeline.source.zone().0);
        Waiting {
            row,
            deadline,
            days_left: today.until(deadline),
            today,
        }
    }

    fn place(&self, pipeline: &Pipeline, waiting: &Waiting, glance: &Glance) -> Place {
        let key = self.vault.secrets.audit_key();
        let share = DRAWN_SHARE.max(pipeline.audit_share());
        let drawn = glance
            .routed
            .filter(|(run, then)| {
                privacy::share::is_drawn(key, run, then.map_or(share, |then| share.max(then)))
            })
            .map(|(run, _)| privacy::share::place_millionths(key, &run));
        Place {
            deadline: waiting.deadline,
            days_left: waiting.days_left,
            margin: glance.margin,
            drawn,
            received_at: waiting.row.received_at,
            id: waiting.row.id,
        }
    }

    fn is_drawn(&self, pipeline: &Pipeline, row: &DocumentRow, glance: &Glance) -> bool {
        let key = self.vault.secrets.audit_key();
        pipeline.may_be_drawn(glance.form.as_ref(), row.received_at)
            && glance.routed.is_some_and(|(run, share)| {
                let share = share.unwrap_or_else(|| pipeline.audit_share());
                privacy::share::is_drawn(key, &run, share)
            })
    }
}

fn form_of(opened: &Opened) -> Option<&FormId> {
    opened.completeness.as_ref()?.form.as_ref()
}

fn is_automatic(row: &DocumentRow) -> bool {
    row.route
        .as_ref()
        .is_some_and(|r| r.outcome == Outcome::Automatic)
}

fn in_order(items: Vec<(Place, Waiting)>) -> Vec<Waiting> {
    let (places, waiting): (Vec<Place>, Vec<Waiting>) = items.into_iter().unzip();
    let mut waiting: Vec<Option<Waiting>> = waiting.into_iter().map(Some).collect();
    order(&places)
        .into_iter()
        .filter_map(|at| waiting.get_mut(at)?.take())
        .collect()
}

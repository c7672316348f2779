//! Documents of the ledger as the watch sees them.

use anyhow::Result;
use domain::decision::{Classification, Method};
use domain::time::Zone;
use domain::{IsoWeek, Kind, Outcome, PipelineName, SubjectId};
use pipeline::desk::Opened;
use pipeline::ledger::{DocumentFilter, DocumentState};
use pipeline::vault::latest_of;

use crate::house::House;
use crate::passing::passes;
use crate::watch::{Fact, Scan};

/// Which documents.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// All that were routed.
    All,
    /// Those that a person has looked at, which are few.
    Decided,
    /// Those received in the half year that ends with this week: more are not compared.
    HalfYear(IsoWeek),
}

/// Weeks of half a year.
const HALF_YEAR: i64 = 26;

/// Documents of a pipeline that were routed, and how many cannot be read, which count for nothing.
///
/// # Errors
/// When the ledger does not answer.
pub async fn facts(
    house: &House,
    pipeline: &PipelineName,
    which: Which,
) -> Result<(Vec<Fact>, usize)> {
    let bounds = |week: IsoWeek| week.bounds(&Zone::paris());
    let (from, until) = match which {
        Which::All | Which::Decided => (None, None),
        Which::HalfYear(last) => (
            bounds(last.plus(1 - HALF_YEAR)).map(|(from, _)| from),
            bounds(last).map(|(_, until)| until),
        ),
    };
    let filter = DocumentFilter {
        pipeline: Some(pipeline.clone()),
        top_level: true,
        from,
        until,
        ..DocumentFilter::default()
    };
    let (mut all, mut unreadable) = (Vec::new(), 0);
    for row in house.desk.vault.ledger.documents(&filter).await? {
        let routed = row
            .route
            .as_ref()
            .is_some_and(|route| route.decided || !matches!(which, Which::Decided));
        if routed && row.state != DocumentState::Processing {
            let id = row.id;
            let read = match house.desk.open(row).await {
                Ok(opened) => fact(house, &opened).await,
                Err(error) => Err(error.into()),
            };
            match read {
                Ok(fact) => all.extend(fact),
                Err(error) if passes(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(document.id = %id, error = format!("{error:#}"), "not counted");
                    unreadable += 1;
                }
            }
        }
    }
    Ok((all, unreadable))
}

async fn fact(house: &House, opened: &Opened) -> Result<Option<Fact>> {
    // What is decided anew, after it was sent or a person decided, is no other mistake.
    let Some(decision) = opened.routed.as_ref().map(|routed| &routed.decision) else {
        return Ok(None);
    };
    let (mut nearness, mut head) = (None, None);
    if let Some(written) = latest_of(&opened.records, Kind::Classification) {
        let subject = SubjectId::from(opened.row.id);
        let vault = &house.desk.vault;
        let envelope = vault.envelope(subject).await?;
        let read: Classification = vault.read_json(subject, &envelope, written.name).await?;
        nearness = read.nearness.map(|n| n.found.as_f64());
        let mut models = written.record.statement().models.iter();
        head = models
            .find(|m| m.role == "head")
            .map(|m| m.digest.to_string());
    }
    // What a rule or a known form says is no probability of the model.
    let of_model = decision.rule.is_none() && decision.method == Method::Trained;
    let confidence = decision
        .candidates
        .iter()
        .find(|c| of_model && decision.service.as_ref() == Some(&c.service))
        .map(|c| c.probability.as_f64());
    let layout = opened.layout.as_ref();
    let form = opened.completeness.as_ref().and_then(|c| c.form.as_ref());
    Ok(Some(Fact {
        week: opened.row.received_at.week_in(&Zone::paris()),
        received_at: opened.row.received_at,
        service: decision.service.as_ref().map(ToString::to_string),
        automatic: decision.outcome == Outcome::Automatic,
        drawn: house.desk.is_audited(opened),
        confidence,
        nearness,
        head,
        channel: opened.arrival.channel.clone().unwrap_or_default(),
        language: layout.and_then(|l| l.language.clone()).unwrap_or_default(),
        scan: Scan::of(layout.and_then(|l| l.quality.as_ref())),
        form: form.map(ToString::to_string).unwrap_or_default(),
        // To have sent it to one of several services concerned was right.
        right: opened.act.as_ref().map(|act| {
            let service = decision.service.as_ref();
            service.is_some_and(|service| act.verdict.concerns(service))
        }),
        chosen: opened
            .act
            .as_ref()
            .and_then(|act| act.verdict.service())
            .map(ToString::to_string),
    }))
}

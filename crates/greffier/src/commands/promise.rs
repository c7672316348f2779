//! `promise`: whether what was promised is kept, measured on documents that went by themselves and
//! that people looked at all the same; and what happens when it is not.
//!
//! Only documents drawn by the audit key count: those that somebody happened to open are no fair
//! sample. When the measure proves more errors than promised, the pipeline is suspended
//! ([`crate::suspensions`]).

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use domain::{IsoWeek, Lang, Outcome, PipelineName, Timestamp};
use inference::promise::{lower_bound, upper_bound};
use pipeline::desk::Opened;
use pipeline::ledger::{DocumentFilter, DocumentState};
use serde::Serialize;

use super::Ending;
use crate::args::{Global, PromiseAction};
use crate::house::House;
use crate::print;
use crate::stages::Rules;
use crate::suspensions::{self, Lifted, Suspension};

/// The measure is looked at again and again, so each look has only this part of the doubt that the
/// promise leaves: one error among the first few documents suspends nothing.
const LOOKS: f64 = 5.0;

/// What was measured of some documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measure {
    /// Routed by themselves.
    pub automatic: usize,
    /// Of these, drawn to be looked at.
    pub drawn: usize,
    /// Of these, looked at by a person.
    pub seen: usize,
    /// Of these, for another service.
    pub misrouted: usize,
}

impl Measure {
    fn add(&mut self, one: &Seen) {
        self.automatic += 1;
        self.drawn += usize::from(one.drawn);
        self.seen += usize::from(one.drawn && one.right.is_some());
        self.misrouted += usize::from(one.drawn && one.right == Some(false));
    }

    /// The interval that holds the rate of misrouting, each end with this confidence.
    fn interval(&self, confidence: f64) -> (f64, f64) {
        match self.seen {
            0 => (0.0, 1.0),
            seen => (
                lower_bound(self.misrouted, seen, confidence),
                upper_bound(self.misrouted, seen, confidence),
            ),
        }
    }
}

/// A document that went by itself.
struct Seen {
    week: IsoWeek,
    service: String,
    channel: String,
    form: String,
    received_at: Timestamp,
    drawn: bool,
    /// Whether a person agreed; `None` while nobody has looked.
    right: Option<bool>,
}

/// What is said of a pipeline.
#[derive(Debug, Serialize)]
struct Watched {
    pipeline: PipelineName,
    max_misrouting: f64,
    confidence: f64,
    audit_share: f64,
    /// Since the last suspension was lifted, or ever.
    since: Option<Timestamp>,
    measure: Measure,
    /// Of the rate of misrouting.
    lowest: f64,
    highest: f64,
    suspended: Option<Suspension>,
    by: BTreeMap<&'static str, BTreeMap<String, Measure>>,
}

/// Documents of a pipeline that went by themselves; with `decided`, those alone that a person has
/// looked at, which are few.
async fn seen(house: &House, pipeline: &PipelineName, decided: bool) -> Result<Vec<Seen>> {
    let filter = DocumentFilter {
        pipeline: Some(pipeline.clone()),
        top_level: true,
        ..DocumentFilter::default()
    };
    let mut all = Vec::new();
    for row in house.desk.vault.ledger.documents(&filter).await? {
        let routed = row
            .route
            .as_ref()
            .is_some_and(|route| route.decided || !decided);
        if routed && row.state != DocumentState::Processing {
            all.extend(one(house, &house.desk.open(row).await?));
        }
    }
    Ok(all)
}

fn one(house: &House, opened: &Opened) -> Option<Seen> {
    let decision = opened.decision.as_ref()?;
    let service = decision
        .service
        .as_ref()
        .filter(|_| decision.outcome == Outcome::Automatic)?;
    let completeness = opened.completeness.as_ref();
    let form = completeness
        .and_then(|c| c.form.as_ref())
        .map(ToString::to_string);
    Some(Seen {
        week: opened.row.received_at.week_in(&domain::time::Zone::paris()),
        service: service.to_string(),
        channel: opened.arrival.channel.clone().unwrap_or_default(),
        form: form.unwrap_or_default(),
        received_at: opened.row.received_at,
        drawn: house.desk.is_audited(opened),
        right: opened.act.as_ref().map(|act| act.verdict.concerns(service)),
    })
}

async fn watched(
    house: &House,
    pipeline: &pipeline::pipelines::Pipeline,
    decided: bool,
) -> Result<Watched> {
    let (max_misrouting, confidence) = Rules::build(&pipeline.source)?.promise();
    let since = suspensions::lifted_at(&house.data, pipeline.name())?;
    let mut measure = Measure::default();
    let mut by: BTreeMap<&'static str, BTreeMap<String, Measure>> = BTreeMap::new();
    for one in seen(house, pipeline.name(), decided).await? {
        if since.is_none_or(|since| one.received_at >= since) {
            measure.add(&one);
        }
        for (of, value) in [
            ("week", one.week.to_string()),
            ("service", one.service.clone()),
            ("channel", one.channel.clone()),
            ("form", one.form.clone()),
        ] {
            by.entry(of)
                .or_default()
                .entry(value)
                .or_default()
                .add(&one);
        }
    }
    let (lowest, highest) = measure.interval(1.0 - (1.0 - confidence) / LOOKS);
    Ok(Watched {
        pipeline: pipeline.name().clone(),
        max_misrouting,
        confidence,
        audit_share: pipeline.audit_share().as_f64(),
        since,
        measure,
        lowest,
        highest,
        suspended: suspensions::in_force(&house.data, pipeline.name())?,
        by,
    })
}

/// Suspends every pipeline whose measure proves more errors than it promises. Returns those that
/// were not suspended before.
///
/// # Errors
/// When something cannot be read or written.
pub async fn keep(house: &House) -> Result<Vec<(PipelineName, Suspension)>> {
    let mut suspended = Vec::new();
    for pipeline in house
        .desk
        .pipelines
        .iter()
        .filter(|p| !p.source.file.services.is_empty())
    {
        let watched = watched(house, pipeline, true).await?;
        if watched.suspended.is_some() || watched.lowest <= watched.max_misrouting {
            continue;
        }
        let suspension = Suspension {
            at: house.desk.clock.now(),
            seen: watched.measure.seen,
            misrouted: watched.measure.misrouted,
            max_misrouting: watched.max_misrouting,
        };
        suspensions::begin(&house.data, pipeline.name(), &suspension)?;
        suspended.push((pipeline.name().clone(), suspension));
    }
    Ok(suspended)
}

/// Says which pipelines were just suspended.
pub fn alarm(lang: Lang, suspended: &[(PipelineName, Suspension)]) {
    for (pipeline, s) in suspended {
        let percent = 100.0 * s.max_misrouting;
        print::note(match lang {
            Lang::Fr => format!(
                "ALERTE : la promesse de « {pipeline} » n’est plus tenue ({} erreurs sur {} envois regardés, {percent} % promis). Tout passe désormais par une personne ; voir greffier promise.",
                s.misrouted, s.seen
            ),
            Lang::En => format!(
                "ALERT: the promise of `{pipeline}` is not kept any more ({} of {} routings looked at were wrong, {percent} % promised). Everything goes to people from now on; see greffier promise.",
                s.misrouted, s.seen
            ),
        });
    }
}

/// Runs `promise`.
pub async fn promise(global: &Global, action: Option<&PromiseAction>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    if let Some(PromiseAction::Lift {
        pipeline,
        by,
        reason,
    }) = action
    {
        return lift(global, &house, pipeline, by, reason.as_deref());
    }
    let mut all = Vec::new();
    for pipeline in house
        .desk
        .pipelines
        .iter()
        .filter(|p| !p.source.file.services.is_empty())
    {
        all.push(watched(&house, pipeline, false).await?);
    }
    let kept = all.iter().all(|w| w.suspended.is_none());
    if global.json {
        print::json(&all)?;
    } else {
        for watched in &all {
            show(global.lang, watched);
        }
    }
    Ok(if kept {
        Ending::Done
    } else {
        Ending::DoesNotHold
    })
}

fn show(lang: Lang, watched: &Watched) {
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    print::line(match (lang, &watched.suspended) {
        (Lang::Fr, Some(s)) => format!(
            "{} : promesse suspendue depuis le {} ({} erreurs sur {} regardés) ; tout passe par une personne. Pour reprendre : greffier promise lift {} --by NOM --reason …",
            watched.pipeline,
            s.at.minute_in(&domain::time::Zone::paris()),
            s.misrouted,
            s.seen,
            watched.pipeline
        ),
        (Lang::En, Some(s)) => format!(
            "{}: promise suspended since {} ({} of {} looked at were wrong); everything goes to people. To take it up again: greffier promise lift {} --by NAME --reason …",
            watched.pipeline,
            s.at.minute_in(&domain::time::Zone::paris()),
            s.misrouted,
            s.seen,
            watched.pipeline
        ),
        (Lang::Fr, None) => format!(
            "{} : au plus {} d’erreurs promis ; mesuré sur {} envois regardés : entre {} et {}",
            watched.pipeline,
            percent(watched.max_misrouting),
            watched.measure.seen,
            percent(watched.lowest),
            percent(watched.highest)
        ),
        (Lang::En, None) => format!(
            "{}: at most {} of errors promised; measured on {} routings looked at: between {} and {}",
            watched.pipeline,
            percent(watched.max_misrouting),
            watched.measure.seen,
            percent(watched.lowest),
            percent(watched.highest)
        ),
    });
    let mut rows = Vec::new();
    for (of, values) in &watched.by {
        let name = match *of {
            "week" => lang.pick("semaine", "week"),
            "channel" => lang.pick("canal", "channel"),
            "form" => lang.pick("formulaire", "form"),
            other => other,
        };
        for (value, measure) in values {
            let (lowest, highest) = measure.interval(watched.confidence);
            rows.push(vec![
                name.to_owned(),
                if value.is_empty() {
                    "–".to_owned()
                } else {
                    value.clone()
                },
                measure.automatic.to_string(),
                measure.drawn.to_string(),
                measure.seen.to_string(),
                measure.misrouted.to_string(),
                match measure.seen {
                    0 => lang.pick("effectifs trop faibles", "too few").to_owned(),
                    _ => format!("{} – {}", percent(lowest), percent(highest)),
                },
            ]);
        }
    }
    if rows.is_empty() {
        return;
    }
    print::table(
        &[
            lang.pick("par", "by"),
            "",
            lang.pick("envoyés seuls", "by themselves"),
            lang.pick("tirés", "drawn"),
            lang.pick("regardés", "looked at"),
            lang.pick("à tort", "wrong"),
            lang.pick("taux d’erreur", "rate of errors"),
        ],
        rows,
    );
}

fn lift(
    global: &Global,
    house: &House,
    pipeline: &str,
    by: &str,
    reason: Option<&str>,
) -> Result<Ending> {
    let name = house.pipeline(pipeline)?.name().clone();
    let Some(suspension) = suspensions::in_force(&house.data, &name)? else {
        bail!("the promise of {name} is not suspended");
    };
    if by.trim().is_empty() {
        bail!("--by needs the name of whoever decides");
    }
    let by = by.trim();
    suspensions::lift(
        &house.data,
        &name,
        Lifted {
            at: house.desk.clock.now(),
            by: by.to_owned(),
            authenticated: false,
            reason: reason.map(str::to_owned),
            suspension,
        },
    )?;
    print::line(match global.lang {
        Lang::Fr => format!("{name} : suspension levée par {by}"),
        Lang::En => format!("{name}: suspension lifted by {by}"),
    });
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_drawn_counts() {
        let mut measure = Measure::default();
        let one = |drawn, right| Seen {
            week: "2026-W47".parse().expect("a week"),
            service: "voirie".into(),
            channel: String::new(),
            form: String::new(),
            received_at: Timestamp::from_micros(0).expect("a moment"),
            drawn,
            right,
        };
        for (drawn, right) in [
            (true, Some(true)),
            (true, Some(false)),
            (true, None),
            (false, Some(false)),
            (false, None),
        ] {
            measure.add(&one(drawn, right));
        }
        let Measure {
            automatic,
            drawn,
            seen,
            misrouted,
        } = measure;
        assert_eq!((automatic, drawn, seen, misrouted), (5, 3, 2, 1));
        let (low, high) = Measure {
            seen: 20,
            misrouted: 4,
            ..Measure::default()
        }
        .interval(0.95);
        assert!(
            (0.07..0.08).contains(&low) && (0.40..0.41).contains(&high),
            "{low} {high}"
        );
        assert_eq!(Measure::default().interval(0.95), (0.0, 1.0));
    }
}

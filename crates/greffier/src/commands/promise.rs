//! `promise`: whether what was promised is kept, measured on documents that went by themselves and
//! that people looked at all the same; whether documents resemble those before; and what happens when
//! they do not. What is measured and judged, and why, is in [`crate::watch`].
//!
//! When people's decisions prove more errors than promised, the pipeline is suspended
//! ([`crate::suspensions`]). Documents that drift are an alert.

mod facts;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::arrival::channel_said;
use domain::catalogue::language_said;
use domain::time::Zone;
use domain::{IsoWeek, Lang, PipelineName, Timestamp};
use pipeline::pipelines::Pipeline;
use serde::Serialize;

use super::Ending;
use crate::args::{Global, PromiseAction};
use crate::house::House;
use crate::print;
use crate::stages::Rules;
use crate::suspensions::{self, Lifted, Suspension};
use crate::watch::{
    By, Drift, Fact, Judgement, Measure, Promised, Shown, WeekLook, cells, decimal, drift, header,
    judge, page, percent, row, unlearnt, unlearnt_told, weekly,
};
use facts::{Which, facts};

/// What is said of a pipeline.
#[derive(Debug, Serialize)]
struct Watched {
    pipeline: PipelineName,
    max_misrouting: f64,
    confidence: f64,
    audit_share: f64,
    /// Since the last suspension was lifted, or ever.
    since: Option<Timestamp>,
    #[serde(flatten)]
    judged: Judgement,
    /// Of the rate of misrouting.
    lowest: f64,
    highest: f64,
    suspended: Option<Suspension>,
    drift: Option<Drift>,
    unlearnt: Vec<(String, usize)>,
    by: BTreeMap<By, BTreeMap<String, Measure>>,
    looks: Vec<WeekLook>,
    /// What people call the values of `by` that are ids.
    #[serde(skip)]
    names: BTreeMap<(By, String), String>,
}

/// Something that people must see.
#[derive(Debug)]
pub enum Alert {
    /// A promise was suspended.
    Suspended(Suspension),
    /// Documents do not resemble those before.
    Drift(Drift),
    /// People choose services that the model has not learnt.
    Unlearnt(Vec<(String, usize)>),
    /// So many documents cannot be read.
    Unreadable(usize),
}

fn promised(house: &House, pipeline: &Pipeline) -> Result<Promised> {
    let (max_misrouting, confidence) = Rules::build(&pipeline.source)?.promise();
    let services = pipeline.source.file.services.iter();
    Ok(Promised {
        max_misrouting,
        confidence,
        services: services.map(|s| s.id().to_string()).collect(),
        learnt: learnt(house, pipeline)?,
    })
}

/// Services that the head in force has learnt, and those outside the town hall, which it need not
/// learn; none without a head.
fn learnt(house: &House, pipeline: &Pipeline) -> Result<Vec<String>> {
    let Some(digest) = house.models.head_digest(pipeline.name())? else {
        return Ok(Vec::new());
    };
    let head = house.models.head(pipeline.name(), digest)?;
    let labels = head.card().labels.iter();
    let services = pipeline.source.file.services.iter();
    let outside = services.filter(|s| s.external).map(|s| s.id().to_string());
    Ok(labels.map(|l| l.label.clone()).chain(outside).collect())
}

/// What people's decisions up to now say of a promise.
fn judged(house: &House, pipeline: &Pipeline, facts: &[Fact]) -> Result<Judgement> {
    let since = suspensions::lifted_at(&house.data, pipeline.name())?;
    Ok(judge(
        facts,
        &promised(house, pipeline)?,
        since,
        this_week(house),
    ))
}

fn this_week(house: &House) -> IsoWeek {
    house.desk.clock.now().week_in(&Zone::paris())
}

/// Services that people chose lately and that the head in force has not learnt.
fn not_learnt(house: &House, pipeline: &Pipeline, facts: &[Fact]) -> Result<Vec<(String, usize)>> {
    let learnt = learnt(house, pipeline)?;
    Ok(match learnt.is_empty() {
        true => Vec::new(),
        false => unlearnt(facts, &learnt, this_week(house)),
    })
}

fn watched(house: &House, pipeline: &Pipeline, facts: &[Fact], lang: Lang) -> Result<Watched> {
    let promised = promised(house, pipeline)?;
    let judged = judged(house, pipeline, facts)?;
    let (lowest, highest) = judged.measure.interval(promised.confidence);
    // A week that is not over is not compared.
    let last = this_week(house).plus(-1);
    let by = cells(facts, lang);
    Ok(Watched {
        names: names(&by, pipeline, lang),
        pipeline: pipeline.name().clone(),
        max_misrouting: promised.max_misrouting,
        confidence: promised.confidence,
        audit_share: pipeline.audit_share().as_f64(),
        since: suspensions::lifted_at(&house.data, pipeline.name())?,
        judged,
        lowest,
        highest,
        suspended: suspensions::in_force(&house.data, pipeline.name())?,
        drift: drift(facts, last).0,
        unlearnt: not_learnt(house, pipeline, facts)?,
        by,
        looks: weekly(facts, last),
    })
}

/// What people call services, forms, channels and languages.
fn names(
    cells: &BTreeMap<By, BTreeMap<String, Measure>>,
    pipeline: &Pipeline,
    lang: Lang,
) -> BTreeMap<(By, String), String> {
    let file = &pipeline.source.file;
    let named = |by: By, value: &str| match by {
        By::Service => file
            .services
            .iter()
            .find(|s| s.id().as_str() == value)
            .map(|s| s.name.clone()),
        By::Form => file
            .forms
            .iter()
            .find(|f| f.id().as_str() == value)
            .map(|f| f.title.clone()),
        By::Channel => Some(channel_said(value, lang).to_owned()),
        By::Language => Some(language_said(value, lang).to_owned()),
        By::Week | By::Scan => None,
    };
    let values = cells
        .iter()
        .flat_map(|(by, of)| of.keys().map(|value| (*by, value)));
    values
        .filter_map(|(by, value)| Some(((by, value.clone()), named(by, value)?)))
        .collect()
}

/// Suspends every pipeline whose promise people's decisions prove broken, and looks once a week
/// whether documents resemble those before. Returns what was not said before.
///
/// # Errors
/// When something cannot be read or written.
pub async fn keep(house: &House) -> Result<Vec<(PipelineName, Alert)>> {
    let mut alerts = Vec::new();
    for pipeline in house
        .desk
        .pipelines
        .iter()
        .filter(|p| !p.source.file.services.is_empty())
    {
        let name = pipeline.name();
        let (decided, unreadable) = facts(house, name, Which::Decided).await?;
        if unreadable > 0 {
            alerts.push((name.clone(), Alert::Unreadable(unreadable)));
        }
        let suspension = suspend(house, pipeline, &decided)?;
        alerts.extend(suspension.map(|s| (name.clone(), Alert::Suspended(s))));
        let before = suspensions::noticed(&house.data, name)?;
        let mut now = before.clone();
        // Comparing opens every document: a week that is over is compared once.
        let last = this_week(house).plus(-1);
        if before.looked.is_none_or(|looked| looked < last) {
            now.looked = Some(last);
            now.drift = drift(&facts(house, name, Which::HalfYear(last)).await?.0, last).0;
            let said = |d: &Drift| (d.since, d.signals.clone());
            if now.drift.as_ref().map(said) != before.drift.as_ref().map(said) {
                let drift = now.drift.clone().map(Alert::Drift);
                alerts.extend(drift.map(|drift| (name.clone(), drift)));
            }
        }
        let unlearnt = not_learnt(house, pipeline, &decided)?;
        now.unlearnt = unlearnt
            .iter()
            .map(|(service, _)| service.clone())
            .collect();
        let new = |(service, _): &(String, usize)| !before.unlearnt.contains(service);
        if unlearnt.iter().any(new) {
            alerts.push((name.clone(), Alert::Unlearnt(unlearnt)));
        }
        if now != before {
            suspensions::notice(&house.data, name, &now)?;
        }
    }
    Ok(alerts)
}

/// Suspends a pipeline whose promise these decisions prove broken; `None` where it was suspended
/// before, or is kept.
fn suspend(house: &House, pipeline: &Pipeline, decided: &[Fact]) -> Result<Option<Suspension>> {
    let name = pipeline.name();
    if suspensions::in_force(&house.data, name)?.is_some() {
        return Ok(None);
    }
    let judged = judged(house, pipeline, decided)?;
    let Some(cause) = judged.broken else {
        return Ok(None);
    };
    let suspension = Suspension {
        at: house.desk.clock.now(),
        seen: judged.measure.seen,
        misrouted: judged.measure.misrouted,
        max_misrouting: promised(house, pipeline)?.max_misrouting,
        cause: Some(cause),
    };
    suspensions::begin(&house.data, name, &suspension)?;
    Ok(Some(suspension))
}

/// Suspends what people's decisions prove broken, of one pipeline or of all, without a look at
/// whether documents drift: before anything is routed, and once a person has decided. Returns what
/// was not said before.
///
/// # Errors
/// When something cannot be read or written.
pub async fn stop_broken(
    house: &House,
    only: Option<&PipelineName>,
) -> Result<Vec<(PipelineName, Alert)>> {
    let mut alerts = Vec::new();
    for pipeline in house.desk.pipelines.iter() {
        let name = pipeline.name();
        let asked = only.is_none_or(|only| only == name);
        if !asked || pipeline.source.file.services.is_empty() {
            continue;
        }
        let (decided, _) = facts(house, name, Which::Decided).await?;
        let suspension = suspend(house, pipeline, &decided)?;
        alerts.extend(suspension.map(|s| (name.clone(), Alert::Suspended(s))));
    }
    Ok(alerts)
}

/// Says what people must see.
pub fn alarm(lang: Lang, alerts: &[(PipelineName, Alert)]) {
    for (pipeline, alert) in alerts {
        print::note(match alert {
            Alert::Suspended(suspension) => suspended(pipeline, suspension, lang),
            Alert::Unreadable(n) => match lang {
                Lang::Fr => format!("{pipeline} : {n} document(s) illisible(s), non comptés"),
                Lang::En => format!("{pipeline}: {n} document(s) unreadable, not counted"),
            },
            Alert::Drift(drift) => format!("{pipeline} : {}", drift.told(lang)),
            Alert::Unlearnt(services) => format!(
                "{pipeline} : {}",
                unlearnt_told(services, lang).unwrap_or_default()
            ),
        });
    }
}

fn suspended(pipeline: &PipelineName, s: &Suspension, lang: Lang) -> String {
    if let Some(cause) = s.cause.as_ref().filter(|cause| cause.is_precaution()) {
        let why = cause.told(lang);
        return match lang {
            Lang::Fr => format!(
                "ALERTE : la promesse de « {pipeline} » est suspendue, {why}. Tout passe désormais par une personne ; voir greffier promise."
            ),
            Lang::En => format!(
                "ALERT: the promise of `{pipeline}` is suspended, {why}. Everything goes to people from now on; see greffier promise."
            ),
        };
    }
    let percent = percent(s.max_misrouting, lang);
    let why = s.cause.as_ref().map(|cause| cause.told(lang));
    let why = why.map_or(String::new(), |why| format!("{why} ; "));
    match lang {
        Lang::Fr => format!(
            "ALERTE : la promesse de « {pipeline} » est suspendue ({why}{} erreurs sur {} envois regardés, {percent} promis). Tout passe désormais par une personne ; voir greffier promise.",
            s.misrouted, s.seen
        ),
        Lang::En => format!(
            "ALERT: the promise of `{pipeline}` is suspended ({}{} of {} routings looked at were wrong, {percent} promised). Everything goes to people from now on; see greffier promise.",
            why.replace(" ; ", "; "),
            s.misrouted,
            s.seen
        ),
    }
}

/// Runs `promise`.
pub async fn promise(
    global: &Global,
    html: Option<&Path>,
    action: Option<&PromiseAction>,
) -> Result<Ending> {
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
        let (facts, unreadable) = facts(&house, pipeline.name(), Which::All).await?;
        if unreadable > 0 {
            let unreadable = Alert::Unreadable(unreadable);
            alarm(global.lang, &[(pipeline.name().clone(), unreadable)]);
        }
        all.push(watched(&house, pipeline, &facts, global.lang)?);
    }
    let kept = all.iter().all(|w| w.suspended.is_none());
    if let Some(path) = html {
        let shown: Vec<Shown<'_>> = all.iter().map(|w| w.shown(global.lang)).collect();
        std::fs::write(path, page(&shown, global.lang))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
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

impl Watched {
    fn shown(&self, lang: Lang) -> Shown<'_> {
        Shown {
            pipeline: &self.pipeline,
            max_misrouting: self.max_misrouting,
            confidence: self.confidence,
            said: self.said(lang),
            alerts: self.alerts(lang),
            cells: &self.by,
            names: &self.names,
            looks: &self.looks,
        }
    }

    fn alerts(&self, lang: Lang) -> Vec<String> {
        let drift = self.drift.as_ref().map(|d| d.told(lang));
        let suspended = self.suspended.as_ref();
        suspended
            .map(|s| suspended_since(&self.pipeline, s, lang))
            .into_iter()
            .chain(drift)
            .chain(unlearnt_told(&self.unlearnt, lang))
            .collect()
    }

    fn said(&self, lang: Lang) -> String {
        let (pipeline, seen) = (&self.pipeline, self.judged.measure.seen);
        let promised = percent(self.max_misrouting, lang);
        let measured = match (self.judged.measure.told(self.confidence), lang) {
            (None, lang) => lang.pick("effectifs trop faibles", "too few").to_owned(),
            (Some((low, high)), Lang::Fr) => {
                format!("entre {} et {}", percent(low, lang), percent(high, lang))
            }
            (Some((low, high)), Lang::En) => {
                format!("between {} and {}", percent(low, lang), percent(high, lang))
            }
        };
        let at = self.judged.broken_at;
        let stake = decimal(self.judged.stake, lang);
        match lang {
            Lang::Fr => format!(
                "{pipeline} : au plus {promised} d’erreurs promis ; mesuré sur {seen} envois regardés : {measured} ; indices contre la promesse : {stake} (suspendue à {at:.0})"
            ),
            Lang::En => format!(
                "{pipeline}: at most {promised} of errors promised; measured on {seen} routings looked at: {measured}; evidence against the promise: {stake} (suspended at {at:.0})"
            ),
        }
    }
}

fn suspended_since(pipeline: &PipelineName, s: &Suspension, lang: Lang) -> String {
    let at = s.at.minute_in(&Zone::paris());
    let why = s.cause.as_ref().map(|cause| cause.told(lang));
    let (seen, wrong) = (s.seen, s.misrouted);
    if let Some(cause) = s.cause.as_ref().filter(|cause| cause.is_precaution()) {
        let why = cause.told(lang);
        return match lang {
            Lang::Fr => format!(
                "{pipeline} : promesse suspendue depuis le {at}, {why} ; tout passe par une personne. Pour reprendre : greffier promise lift {pipeline} --by NOM --reason …"
            ),
            Lang::En => format!(
                "{pipeline}: promise suspended since {at}, {why}; everything goes to people. To take it up again: greffier promise lift {pipeline} --by NAME --reason …"
            ),
        };
    }
    match lang {
        Lang::Fr => format!(
            "{pipeline} : promesse suspendue depuis le {at} ({}{wrong} erreurs sur {seen} regardés) ; tout passe par une personne. Pour reprendre : greffier promise lift {pipeline} --by NOM --reason …",
            why.map_or(String::new(), |why| format!("{why} ; "))
        ),
        Lang::En => format!(
            "{pipeline}: promise suspended since {at} ({}{wrong} of {seen} looked at were wrong); everything goes to people. To take it up again: greffier promise lift {pipeline} --by NAME --reason …",
            why.map_or(String::new(), |why| format!("{why}; "))
        ),
    }
}

fn show(lang: Lang, watched: &Watched) {
    for alert in watched.alerts(lang) {
        print::line(alert);
    }
    print::line(watched.said(lang));
    let mut rows = Vec::new();
    let mut unseen = 0_usize;
    for (by, values) in &watched.by {
        for (value, measure) in values {
            if measure.seen == 0 {
                unseen += 1;
                continue;
            }
            let name = watched.names.get(&(*by, value.clone()));
            let name = name.unwrap_or(value);
            rows.push(row(*by, name, measure, watched.confidence, lang));
        }
    }
    if !rows.is_empty() {
        print::table(&header(lang), rows);
    }
    if unseen > 0 {
        print::line(match lang {
            Lang::Fr => {
                format!("{unseen} ligne(s) sans aucun envoi regardé : effectifs trop faibles")
            }
            Lang::En => format!("{unseen} line(s) without any routing looked at: too few"),
        });
    }
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

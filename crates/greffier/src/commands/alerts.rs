//! `alerts`: what someone must see, who took it on, who was told.

use anyhow::{Result, ensure};
use domain::catalogue::Said;
use domain::{Alert, AlertAct, AlertDeed, AlertNotice, IsoWeek, Lang, Timestamp};
use pipeline::duty::{Dated, Handled, Judged};
use pipeline::rights::By;
use serde::Serialize;

use super::Ending;
use crate::args::{AlertDone, AlertsAction, Global};
use crate::house::House;
use crate::{print, reconcilers};

/// An alert with the week it stands in, and what became of it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    week: IsoWeek,
    #[serde(flatten)]
    alert: &'a Alert,
    acts: Vec<Done<'a>>,
    notices: Vec<Told<'a>>,
    judged: u32,
    dismissed: u32,
}

#[derive(Debug, Serialize)]
struct Done<'a> {
    at: Timestamp,
    #[serde(flatten)]
    act: &'a AlertAct,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    at: Timestamp,
    #[serde(flatten)]
    notice: &'a AlertNotice,
}

/// What to do with alerts.
pub async fn alerts(
    global: &Global,
    pipeline: &str,
    week: Option<IsoWeek>,
    action: Option<&AlertsAction>,
) -> Result<Ending> {
    match action {
        None => list(global, pipeline, week).await,
        Some(AlertsAction::Ack(done)) => act(global, pipeline, AlertDeed::Acknowledge, done).await,
        Some(AlertsAction::Act(done)) => act(global, pipeline, AlertDeed::Act, done).await,
        Some(AlertsAction::Dismiss(done)) => act(global, pipeline, AlertDeed::Dismiss, done).await,
        Some(AlertsAction::Tell) => tell(global).await,
    }
}

/// Shows alerts: those of a week, or of every week, as its latest edition has them.
async fn list(global: &Global, pipeline: &str, week: Option<IsoWeek>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let name = house.pipeline(pipeline)?.name().clone();
    let weeks = house.desk.alerts_of(&name, week).await?;
    let handled = house.desk.handled(&name, week).await?;
    let judged = house.desk.judged(&name).await?;
    let none = Handled::default();
    let all = weeks.iter().flat_map(|w| {
        let week = w.set.period.week;
        w.set.alerts.iter().map(move |alert| (week, alert))
    });
    let all: Vec<(IsoWeek, &Alert, &Handled, Judged)> = all
        .map(|(week, alert)| {
            let became = handled.get(&alert.id).unwrap_or(&none);
            let judged = judged.get(&alert.series()).copied().unwrap_or_default();
            (week, alert, became, judged)
        })
        .collect();
    if global.json {
        let listed = |(week, alert, became, judged): &(IsoWeek, &'_ Alert, &'_ Handled, Judged)| {
            serde_json::to_value(Listed {
                week: *week,
                alert,
                acts: became
                    .acts
                    .iter()
                    .map(|Dated { what, at, .. }| Done { at: *at, act: what })
                    .collect(),
                notices: became
                    .notices
                    .iter()
                    .map(|Dated { what, at, .. }| Told {
                        at: *at,
                        notice: what,
                    })
                    .collect(),
                judged: judged.judged,
                dismissed: judged.dismissed,
            })
        };
        let listed = all.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        print::json(&listed)?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    if all.is_empty() {
        print::line(lang.pick("Aucune alerte.", "No alert."));
        return Ok(Ending::Done);
    }
    let rows = all
        .iter()
        .map(|(week, alert, became, judged)| {
            let quote = alert
                .evidence
                .first()
                .map(|s| print::short(&s.text(lang), 90));
            vec![
                week.to_string(),
                short_id(alert),
                alert.kind.say(lang).to_owned(),
                print::short(&alert.statement.text(lang), 160),
                quote.unwrap_or_default(),
                print::short(&grounds(alert, *judged, lang), 200),
                alert.recipient.clone().unwrap_or_default(),
                print::short(&became_of(became, lang), 160),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("semaine", "week"),
            lang.pick("référence", "reference"),
            lang.pick("alerte", "alert"),
            lang.pick("constat", "statement"),
            lang.pick("extrait", "quote"),
            lang.pick("fondée sur", "based on"),
            lang.pick("pour", "for"),
            lang.pick("suite", "since then"),
        ],
        rows,
    );
    let procedures = all.iter().filter_map(|(_, alert, ..)| {
        let procedure = alert.procedure.as_ref()?;
        Some(format!("{} : {procedure}", alert.kind.say(lang)))
    });
    let procedures: std::collections::BTreeSet<String> = procedures.collect();
    for procedure in procedures {
        print::line(procedure);
    }
    Ok(Ending::Done)
}

/// Enough of an alert's id to name it.
fn short_id(alert: &Alert) -> String {
    let id = alert.id.to_string();
    id.trim_start_matches("alert_").chars().take(8).collect()
}

fn grounds(alert: &Alert, judged: Judged, lang: Lang) -> String {
    let grounds: Vec<String> = alert.grounds.iter().map(|g| g.say(lang)).collect();
    let mut text = match grounds.is_empty() {
        true => alert.basis.clone(),
        false => grounds.join(" ; "),
    };
    if judged.judged > 0 {
        let (all, dismissed) = (judged.judged, judged.dismissed);
        text += &match lang {
            Lang::Fr => format!(" ({dismissed} écartées sur {all} jugées de ce genre)"),
            Lang::En => format!(" ({dismissed} dismissed of {all} judged like it)"),
        };
    }
    text
}

/// What people did; else who was told; else that nobody did anything.
fn became_of(handled: &Handled, lang: Lang) -> String {
    if let Some(last) = handled.acts.last() {
        let act = &last.what;
        let reason = act.reason.as_deref().unwrap_or_default();
        let colon = match reason {
            "" => "",
            _ => lang.pick("\u{a0}: ", ": "),
        };
        let at = last.at.minute_in(&domain::time::Zone::paris());
        return format!("{at} {} {}{colon}{reason}", act.did.say(lang), act.by);
    }
    let mut told: Vec<String> = Vec::new();
    for notice in &handled.notices {
        let what = &notice.what;
        let through = match what.failure {
            None => "",
            Some(_) => lang.pick(" : échec", ": failed"),
        };
        let line = format!("{} ({}{through})", what.person, what.channel.say(lang));
        if !told.contains(&line) {
            told.push(line);
        }
    }
    let open = lang.pick("à prendre en charge", "to be taken on");
    match told.is_empty() {
        true => open.to_owned(),
        false => {
            let told_word = lang.pick("prévenus", "told");
            format!("{open} ; {told_word} : {}", told.join(", "))
        }
    }
}

async fn act(global: &Global, pipeline: &str, did: AlertDeed, done: &AlertDone) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let pipeline = house.pipeline(pipeline)?;
    let desk = &house.desk;
    let (week, alert) = desk.find_alert(pipeline.name(), &done.alert).await?;
    let reason = done.reason.as_deref();
    let act = desk
        .judge_alert(pipeline, &week, &alert, did, By::Named(&done.by), reason)
        .await?;
    pipeline::log::checkpoint(&desk.vault).await?;
    if global.json {
        print::json(&act)?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    let unverified = lang.pick("identité non vérifiée", "identity not verified");
    print::line(format!(
        "{} {} : {} {} ({unverified})",
        alert.kind.say(lang),
        alert.about,
        did.say(lang),
        act.by,
    ));
    if let Some(procedure) = &alert.procedure
        && did == AlertDeed::Acknowledge
    {
        print::line(procedure);
    }
    Ok(Ending::Done)
}

/// Tells people now what they are to be told, once: for a house without `tick`.
async fn tell(global: &Global) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let mut told = 0;
    for pipeline in house.desk.pipelines.iter() {
        told += usize::from(reconcilers::tells(pipeline));
    }
    ensure!(
        told > 0,
        "no pipeline tells anybody of alerts: declare [reconcile.tell] in its file (pipelines/field-reports.toml shows how)"
    );
    let round = reconcilers::tell::round(&house, &|| {}).await?;
    pipeline::log::checkpoint(&house.desk.vault).await?;
    if global.json {
        print::json(&serde_json::json!({ "told": round.told, "failed": round.failed }))?;
        return Ok(Ending::Done);
    }
    let (told, failed) = (round.told, round.failed);
    print::line(match global.lang {
        Lang::Fr => format!("{told} avis remis, {failed} à réessayer"),
        Lang::En => format!("{told} notices given, {failed} to be tried again"),
    });
    Ok(Ending::Done)
}

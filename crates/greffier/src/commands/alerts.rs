//! `alerts`.

use std::collections::BTreeMap;

use anyhow::Result;
use domain::catalogue::Said;
use domain::{Alert, AlertSet, IsoWeek};
use serde::Serialize;

use super::Ending;
use crate::args::Global;
use crate::house::House;
use crate::print;

/// An alert with the week it stands in.
#[derive(Debug, Serialize)]
struct Dated<'a> {
    week: IsoWeek,
    #[serde(flatten)]
    alert: &'a Alert,
}

/// Shows alerts: those of a week, or of every week, as its latest edition has them.
pub async fn alerts(global: &Global, pipeline: &str, week: Option<IsoWeek>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let pipeline = house.pipeline(pipeline)?.clone();
    let vault = &house.desk.vault;
    let period = week.map(|w| w.to_string());
    let reconciler = "alert".parse()?;
    let editions = vault
        .ledger
        .editions(&reconciler, pipeline.name(), period.as_deref())
        .await?;
    let mut latest = BTreeMap::new();
    for edition in editions {
        latest.insert(edition.period.clone(), edition);
    }
    let mut sets: Vec<AlertSet> = Vec::new();
    for edition in latest.values() {
        let envelope = vault.envelope(edition.subject).await?;
        sets.push(
            vault
                .read_json(edition.subject, &envelope, edition.artifact)
                .await?,
        );
    }
    let dated: Vec<Dated<'_>> = sets
        .iter()
        .flat_map(|s| {
            s.alerts.iter().map(|alert| Dated {
                week: s.period.week,
                alert,
            })
        })
        .collect();
    if global.json {
        print::json(&dated)?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    if dated.is_empty() {
        print::line(lang.pick("Aucune alerte.", "No alert."));
        return Ok(Ending::Done);
    }
    let rows = dated
        .iter()
        .map(|d| {
            let quote = d
                .alert
                .evidence
                .first()
                .map(|s| print::short(&s.text(lang), 90));
            vec![
                d.week.to_string(),
                d.alert.kind.say(lang).to_owned(),
                print::short(&d.alert.statement.text(lang), 160),
                quote.unwrap_or_default(),
                d.alert.recipient.clone().unwrap_or_default(),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("semaine", "week"),
            lang.pick("alerte", "alert"),
            lang.pick("constat", "statement"),
            lang.pick("extrait", "quote"),
            lang.pick("pour", "for"),
        ],
        rows,
    );
    Ok(Ending::Done)
}

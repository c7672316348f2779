//! `synthesise` and `alerts`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use domain::catalogue::Said;
use domain::{Alert, AlertSet, DocumentId, IsoWeek, Lang, Sentence, Synthesis};
use pipeline::ledger::DocumentState;
use serde::Serialize;

use super::Ending;
use crate::args::Global;
use crate::house::House;
use crate::{print, reconcilers};

/// What `synthesise --json` prints.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    edition: u32,
    synthesis: &'a Synthesis,
    alerts: &'a AlertSet,
}

/// Makes the synthesis of a week, or shows the one the same reports made.
pub async fn synthesise(global: &Global, pipeline: &str, week: IsoWeek) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let pipeline = house.pipeline(pipeline)?.clone();
    ensure!(
        reconcilers::reconciles(&pipeline),
        "pipeline `{}` makes no synthesis: its file has no [reconcile.synthesise]",
        pipeline.name()
    );
    let made = reconcilers::synthesise(&house.desk, &pipeline, week).await?;
    let set_aside =
        reconcilers::standing(&house.desk, &pipeline, week, DocumentState::Quarantined).await?;
    if set_aside > 0 {
        print::note(match global.lang {
            Lang::Fr => format!(
                "{set_aside} remontée(s) de la semaine, mise(s) de côté, n’y sont pas comptées : greffier documents"
            ),
            Lang::En => format!(
                "{set_aside} report(s) of the week, set aside, are not counted in it: greffier documents"
            ),
        });
    }
    let (synthesis, edition) = (&made.synthesis.0, made.synthesis.1.edition.number);
    if global.json {
        print::json(&Printed {
            edition,
            synthesis,
            alerts: &made.alerts.0,
        })?;
        return Ok(Ending::Done);
    }
    let names = names(&house, synthesis, &made.alerts.0).await?;
    let name = |id: DocumentId| names.get(&id).cloned().unwrap_or_else(|| id.short());
    print::raw(&::insight::markdown(
        synthesis,
        &made.alerts.0,
        &name,
        global.lang,
    ));
    print::line("");
    print::line(match global.lang {
        Lang::Fr => format!(
            "Édition {edition}. Chaque phrase est une citation vérifiée ou un décompte : `greffier verify` les relit."
        ),
        Lang::En => format!(
            "Edition {edition}. Every sentence is a verified quote or a count: `greffier verify` reads them again."
        ),
    });
    Ok(Ending::Done)
}

/// The names of every document that a synthesis speaks of.
async fn names(
    house: &House,
    synthesis: &Synthesis,
    alerts: &AlertSet,
) -> Result<BTreeMap<DocumentId, String>> {
    let mut ids = BTreeSet::new();
    let of_alerts = alerts
        .alerts
        .iter()
        .flat_map(|a| std::iter::once(&a.statement).chain(&a.evidence));
    for sentence in synthesis.sentences().chain(of_alerts) {
        match sentence {
            Sentence::Quote(evidence) => {
                ids.insert(evidence.document);
            }
            Sentence::Counted(counted) => ids.extend(counted.documents()),
        }
    }
    let mut names = BTreeMap::new();
    for id in ids {
        names.insert(id, house.desk.name(id).await?);
    }
    Ok(names)
}

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

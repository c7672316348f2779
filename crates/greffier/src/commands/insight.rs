//! `synthesise`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use domain::{AlertSet, DocumentId, IsoWeek, Lang, Sentence, Synthesis};
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
    let made = reconcilers::synthesise(&house, &pipeline, week).await?;
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

//! `queues`, `parked`: what waits at the broker.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use broker::depth::{self, Depth, Purpose};
use broker::parked::{self, Fate, Parked};
use broker::{Address, Topology};
use domain::{Lang, Timestamp};
use serde::Serialize;

use super::Ending;
use super::service::topology;
use crate::args::{Broker, Global, ParkedAction};
use crate::house::House;
use crate::print;

/// Shows how the queues stand, or deletes them.
pub async fn queues(global: &Global, at: &Broker, delete: bool) -> Result<Ending> {
    let address = at.address()?;
    let house = House::open_existing(global).await?;
    let topology = topology(&house, &at.queues.prefix);
    if delete {
        depth::delete(&address, &topology).await?;
        print::note(match global.lang {
            Lang::Fr => format!("files de `{}` supprimées", at.queues.prefix),
            Lang::En => format!("queues of `{}` deleted", at.queues.prefix),
        });
        return Ok(Ending::Done);
    }
    let depths = depth::depths(&address, &topology).await?;
    if global.json {
        print::json(&depths)?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    if depths.is_empty() {
        print::line(match lang {
            Lang::Fr => format!(
                "Aucune file ne commence par « {} » : `greffier relay` ou `greffier work --broker` les déclare.",
                at.queues.prefix
            ),
            Lang::En => format!(
                "No queue begins with `{}`: `greffier relay` or `greffier work --broker` declares them.",
                at.queues.prefix
            ),
        });
        return Ok(Ending::Done);
    }
    let rows = depths.iter().map(|depth| row(lang, depth)).collect();
    print::table(
        &[
            lang.pick("étape", "stage"),
            lang.pick("classe", "class"),
            lang.pick("en attente", "waiting"),
            lang.pick("consommateurs", "consumers"),
            lang.pick("file", "queue"),
        ],
        rows,
    );
    Ok(Ending::Done)
}

fn row(lang: Lang, depth: &Depth) -> Vec<String> {
    let (stage, class) = match &depth.purpose {
        Purpose::Work { stage, class } => (stage.to_string(), class.as_str().to_owned()),
        Purpose::Delayed => (
            lang.pick("à reprendre", "delayed").to_owned(),
            String::new(),
        ),
        Purpose::Intake => (lang.pick("réception", "intake").to_owned(), String::new()),
        Purpose::Parked => (lang.pick("mis à part", "parked").to_owned(), String::new()),
    };
    vec![
        stage,
        class,
        depth.messages.to_string(),
        depth.consumers.to_string(),
        depth.queue.clone(),
    ]
}

/// Lists, shows or puts back parked messages.
pub async fn parked(global: &Global, at: &Broker, action: Option<&ParkedAction>) -> Result<Ending> {
    let address = at.address()?;
    let house = House::open_existing(global).await?;
    let topology = topology(&house, &at.queues.prefix);
    match action {
        None | Some(ParkedAction::List) => {
            let all = parked::list(&address, &topology).await?;
            listed(global, &all)?;
        }
        Some(ParkedAction::Show { id }) => {
            let all = parked::list(&address, &topology).await?;
            let one = all.iter().find(|parked| parked.id == *id);
            print::json(one.with_context(|| unknown(global, id))?)?;
        }
        Some(ParkedAction::Retry { id, by, reason }) => {
            let decision = Decision::new(&house, Fate::Retry, by, reason.as_deref())?;
            let parked = decision.take(&address, &topology, id).await?;
            let parked = parked.with_context(|| unknown(global, id))?;
            print::note(match global.lang {
                Lang::Fr => format!("{} remis dans la file {}", parked.id, parked.key),
                Lang::En => format!("{} put back into queue {}", parked.id, parked.key),
            });
        }
        Some(ParkedAction::Drop { id, by, reason }) => {
            let decision = Decision::new(&house, Fate::Drop, by, Some(reason))?;
            let parked = decision.take(&address, &topology, id).await?;
            let parked = parked.with_context(|| unknown(global, id))?;
            print::note(match (global.lang, parked.task.is_some()) {
                (Lang::Fr, false) => format!("{} jeté", parked.id),
                (Lang::En, false) => format!("{} thrown away", parked.id),
                (Lang::Fr, true) => format!(
                    "{} jeté ; la tâche reste due dans le registre et sera redemandée",
                    parked.id
                ),
                (Lang::En, true) => format!(
                    "{} thrown away; its task stays owed in the ledger and will be asked for again",
                    parked.id
                ),
            });
        }
    }
    Ok(Ending::Done)
}

/// What a person decides about a parked message: a line of `parked.jsonl` in the data directory,
/// written before it happens.
#[derive(Serialize)]
struct Decision<'a> {
    format: &'static str,
    at: Timestamp,
    fate: Fate,
    by: &'a str,
    /// Whether their identity was verified.
    authenticated: bool,
    reason: Option<&'a str>,
    #[serde(skip)]
    journal: PathBuf,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    decision: &'a Decision<'a>,
    message: &'a Parked,
}

impl<'a> Decision<'a> {
    fn new(house: &House, fate: Fate, by: &'a str, reason: Option<&'a str>) -> Result<Self> {
        let by = by.trim();
        ensure!(
            !by.is_empty(),
            "--by is empty: give the name of the person who decides"
        );
        ensure!(
            fate == Fate::Retry || reason.is_some_and(|reason| !reason.trim().is_empty()),
            "--reason is empty: say why the message is thrown away"
        );
        Ok(Self {
            format: "greffier.parked/1",
            at: house.desk.clock.now(),
            fate,
            by,
            authenticated: false,
            reason,
            journal: house.data.join("parked.jsonl"),
        })
    }

    async fn take(
        &self,
        address: &Address,
        topology: &Topology,
        id: &str,
    ) -> Result<Option<Parked>> {
        parked::decide(
            address,
            topology,
            id,
            self.fate,
            async |message: &Parked| {
                let line = Line {
                    decision: self,
                    message,
                };
                let mut line = serde_json::to_vec(&line)?;
                line.push(b'\n');
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&self.journal)
                    .and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_all()))
                    .with_context(|| format!("cannot write {}", self.journal.display()))
            },
        )
        .await
    }
}

fn unknown(global: &Global, id: &str) -> String {
    match global.lang {
        Lang::Fr => {
            format!("aucun message mis à part n’est `{id}` : `greffier parked list` les donne")
        }
        Lang::En => format!("no parked message is `{id}`: `greffier parked list` lists them"),
    }
}

fn listed(global: &Global, all: &[Parked]) -> Result<()> {
    if global.json {
        return print::json(&all);
    }
    let lang = global.lang;
    if all.is_empty() {
        print::line(lang.pick("Aucun message mis à part.", "No parked message."));
        return Ok(());
    }
    let rows = all.iter().map(|parked| {
        vec![
            parked.id.clone(),
            parked.key.clone(),
            parked.reason.clone(),
            parked.attempts.to_string(),
        ]
    });
    print::table(
        &[
            lang.pick("message", "message"),
            lang.pick("file", "queue"),
            lang.pick("motif", "reason"),
            lang.pick("essais", "attempts"),
        ],
        rows.collect(),
    );
    Ok(())
}

//! `queues`, `parked`: what waits at the broker.

use anyhow::{Context, Result};
use broker::BrokerError;
use broker::depth::{self, Depth, Purpose};
use broker::parked::{self, Fate, Parked};
use domain::Lang;

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
        Some(ParkedAction::Retry { id }) => {
            let nothing = async |_: &Parked| Ok::<(), BrokerError>(());
            let put_back = parked::decide(&address, &topology, id, Fate::Retry, nothing).await?;
            let parked = put_back.with_context(|| unknown(global, id))?;
            print::note(match global.lang {
                Lang::Fr => format!("{} remis dans la file {}", parked.id, parked.key),
                Lang::En => format!("{} put back into queue {}", parked.id, parked.key),
            });
        }
    }
    Ok(Ending::Done)
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

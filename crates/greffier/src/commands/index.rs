//! `index`: what the search indexes hold; making them again.

use anyhow::{Result, ensure};
use domain::{CollectionName, Lang};
use search::{Index, Stats};
use serde::Serialize;

use super::Ending;
use crate::args::{Global, IndexAction};
use crate::house::House;
use crate::{followers, print};

/// An index as shown.
#[derive(Debug, Serialize)]
struct Held {
    collection: CollectionName,
    documents: u64,
    passages: u64,
    vectors: u64,
    bytes: u64,
    /// What made its vectors.
    encoder: String,
    /// What makes them once it is made again, when the pipelines have changed encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_encoder: Option<String>,
    /// First record of the log not yet followed, and how many there are.
    position: u64,
    log: u64,
}

/// Runs `index`.
pub async fn index(global: &Global, action: Option<&IndexAction>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    if let Some(IndexAction::Rebuild { collection }) = action {
        let known = house.collections();
        if let Some(asked) = collection {
            ensure!(
                known.contains(asked),
                "no pipeline feeds collection {asked}: there are {}",
                known
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        // Nobody else may write meanwhile; reading goes on.
        let _lock = house.lock()?;
        for one in known
            .iter()
            .filter(|c| collection.as_ref().is_none_or(|asked| asked == *c))
        {
            let label = match global.lang {
                Lang::Fr => format!("index de {one}"),
                Lang::En => format!("index of {one}"),
            };
            let bar = print::bar(house.desk.vault.ledger.log_size().await?, &label);
            followers::rebuild(&house, one, &|position, _| bar.set_position(position)).await?;
            bar.finish_and_clear();
        }
    }
    let log = house.desk.vault.ledger.log_size().await?;
    let mut all = Vec::new();
    for collection in house.collections() {
        let dir = house.index_dir(&collection);
        let (stats, encoder) = match dir.is_dir() {
            true => {
                let index = Index::open(&dir)?;
                let (encoder, _) = followers::encoder_in(&house, &collection, &index)?;
                (index.stats()?, encoder)
            }
            false => (Stats::default(), house.encoder_of(&collection)?),
        };
        let next_encoder = Some(house.encoder_of(&collection)?).filter(|next| *next != encoder);
        all.push(Held {
            documents: stats.documents,
            passages: stats.passages,
            vectors: stats.vectors,
            bytes: stats.bytes,
            encoder,
            next_encoder,
            position: stats.position,
            log,
            collection,
        });
    }
    if global.json {
        print::json(&all)?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    let rows = all.into_iter().map(|held| {
        vec![
            held.collection.to_string(),
            held.documents.to_string(),
            held.passages.to_string(),
            held.vectors.to_string(),
            format!("{:.1}", held.bytes as f64 / 1e6),
            match held.next_encoder {
                Some(next) => format!("{} → {next}", held.encoder),
                None => held.encoder,
            },
            format!("{}/{}", held.position, held.log),
        ]
    });
    print::table(
        &[
            "collection",
            "documents",
            "passages",
            lang.pick("vecteurs", "vectors"),
            lang.pick("Mo", "MB"),
            lang.pick("encodeur", "encoder"),
            lang.pick("journal suivi", "log followed"),
        ],
        rows.collect(),
    );
    Ok(Ending::Done)
}

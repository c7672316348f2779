//! The search index follows the ledger, and can be deleted and rebuilt.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use domain::passage::VectorSet;
use domain::{CollectionName, Kind, Outcome, PassageSet, ServiceId, SubjectId};
use pipeline::desk::Desk;
use pipeline::ledger::DocumentState;
use pipeline::vault::{latest_of, written_with};
use search::{Change, Index, IndexedDocument, IndexedPassage};

use crate::house::House;

/// Records read at a time.
const BATCH: u32 = 1_000;
/// Documents written in one commit of the index.
const COMMIT: usize = 200;

/// Brings the index of every collection up to the end of the log.
///
/// # Errors
/// When the ledger, a document or the index cannot be read.
pub async fn follow(house: &House, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<u64> {
    let mut indexed = 0;
    for collection in house.collections() {
        indexed += follow_collection(house, &collection, progress).await?;
    }
    Ok(indexed)
}

async fn follow_collection(
    house: &House,
    collection: &CollectionName,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64> {
    let desk = &house.desk;
    let index = Index::open(&house.index_dir(collection))?;
    let end = desk.vault.ledger.log_size().await?;
    let mut position = index.position();
    if position >= end {
        return Ok(0);
    }
    let mut writer = index.writer()?;
    let mut total = 0;
    while position < end {
        let records = desk.vault.ledger.log(position, BATCH).await?;
        let Some(last) = records.last().and_then(|r| r.leaf_index) else {
            break;
        };
        let touched: BTreeSet<SubjectId> = records.iter().map(|r| r.record.subject).collect();
        let touched: Vec<SubjectId> = touched.into_iter().collect();
        for (n, chunk) in touched.chunks(COMMIT).enumerate() {
            let mut changes = Vec::new();
            for subject in chunk {
                match change(desk, collection, *subject).await {
                    Ok(change) => changes.extend(change),
                    // One document that does not open must not hide all others; `verify` names it.
                    Err(error) => {
                        tracing::error!(subject = %subject, error = format!("{error:#}"), "not indexed");
                    }
                }
            }
            total += changes.len() as u64;
            // Only the last part of a batch moves the position: a crash before it repeats the
            // batch, which changes nothing.
            let done = (n + 1) * COMMIT >= touched.len();
            writer.apply(changes, if done { last + 1 } else { position })?;
        }
        position = last + 1;
        progress(position, end);
    }
    Ok(total)
}

/// What the index should now say of a subject: nothing, unless it is a document of the collection
/// that has been read to the end.
async fn change(
    desk: &Desk,
    collection: &CollectionName,
    subject: SubjectId,
) -> Result<Option<Change>> {
    let Some(row) = desk.vault.ledger.document(subject.as_document()).await? else {
        return Ok(None);
    };
    if row.collection != *collection || row.state == DocumentState::Processing {
        return Ok(None);
    }
    let records = desk.vault.records(subject).await?;
    let Some(passages) = latest_of(&records, Kind::Passages) else {
        return Ok(None);
    };
    let envelope = desk.vault.envelope(subject).await?;
    let set: PassageSet = desk
        .vault
        .read_json(subject, &envelope, passages.name)
        .await?;
    // The text that the passages were made of, which may not be the latest yet.
    let text_version = set.text_version;
    let Some(layout) = written_with(&records, text_version, Kind::Layout) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&desk.vault.read(subject, &envelope, text_version).await?)
        .into_owned();
    let layout: domain::Layout = desk
        .vault
        .read_json(subject, &envelope, layout.name)
        .await?;
    let vectors = match latest_of(&records, Kind::Vectors) {
        Some(written) => {
            VectorSet::from_bytes(&desk.vault.read(subject, &envelope, written.name).await?)?
        }
        None => VectorSet::default(),
    };
    let arrival: domain::Arrival = desk
        .vault
        .read_json(subject, &envelope, row.arrival)
        .await?;
    let passages = set
        .passages
        .iter()
        .enumerate()
        .map(|(i, p)| IndexedPassage {
            span: p.span(),
            page: p.page,
            text: p.span().of(&text).unwrap_or_default().to_owned(),
            section: p.section.and_then(|s| s.of(&text)).map(str::to_owned),
            language: p.language.clone(),
            vector: vectors.vectors.get(i).cloned(),
        })
        .collect();
    let routed = |r: &pipeline::ledger::RouteView| r.decided || r.outcome == Outcome::Automatic;
    let service: Option<ServiceId> = row
        .route
        .as_ref()
        .filter(|r| routed(r))
        .and_then(|r| r.service.clone());
    Ok(Some(Change::Put(IndexedDocument {
        id: row.id,
        name: desk.name_of(&row, &arrival),
        title: layout.title.clone(),
        pipeline: row.pipeline.clone(),
        service,
        language: layout.language.clone(),
        media_type: layout.media_type.clone(),
        received_at: row.received_at,
        text_version,
        passages,
    })))
}

/// What does not hold between the ledger and the indexes: documents that one has and not the other.
///
/// # Errors
/// When the ledger or an index cannot be read.
pub async fn verify(house: &House, v: &mut pipeline::verify::Verification) -> Result<()> {
    let desk = &house.desk;
    let log = desk.vault.ledger.log_size().await?;
    let mut expected: BTreeMap<CollectionName, BTreeSet<domain::DocumentId>> = BTreeMap::new();
    for row in desk
        .vault
        .ledger
        .documents(&pipeline::ledger::DocumentFilter::default())
        .await?
    {
        if row.state == DocumentState::Processing {
            continue;
        }
        let records = desk.vault.records(row.id.into()).await?;
        // A document without a passage is there too, and found by its name.
        if latest_of(&records, Kind::Passages).is_some() {
            expected.entry(row.collection).or_default().insert(row.id);
        }
    }
    for collection in house.collections() {
        let wanted = expected.remove(&collection).unwrap_or_default();
        let dir = house.index_dir(&collection);
        if wanted.is_empty() && !dir.exists() {
            continue;
        }
        let index = Index::open(&dir)?;
        let about = format!("index of {collection}");
        if index.position() > log {
            v.find(
                &about,
                format!(
                    "is at position {}, beyond the log ({log})",
                    index.position()
                ),
            );
        }
        if index.position() < log {
            // Behind is no fault: the next command that works brings it up. Its content is then
            // not compared.
            continue;
        }
        let held = index.documents()?;
        for missing in wanted.difference(&held) {
            v.find(&about, format!("lacks {missing}"));
        }
        for extra in held.difference(&wanted) {
            v.find(
                &about,
                format!("holds {extra}, which the ledger does not have"),
            );
        }
    }
    Ok(())
}

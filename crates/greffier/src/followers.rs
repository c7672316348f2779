//! The search index follows the ledger, and can be deleted and rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use domain::passage::VectorSet;
use domain::report::FieldReport;
use domain::{CollectionName, Digest, Kind, Outcome, PassageSet, Record, ServiceId, SubjectId};
use pipeline::desk::Desk;
use pipeline::ledger::{DocumentRow, DocumentState};
use pipeline::vault::{latest_among, latest_of, written_with};
use search::{Change, Index, IndexedDocument, IndexedPassage, SearchError};

use crate::house::House;
use crate::passing::passes;

/// Records read at a time.
const BATCH: u32 = 1_000;
/// Records read before documents are.
const STRIDE: u64 = 50_000;
/// Documents written in one commit of the index.
const COMMIT: usize = 200;

/// Brings the index of every collection up to the end of the log.
///
/// # Errors
/// When the ledger, a document or the index cannot be read.
pub async fn follow(house: &House, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<u64> {
    let mut indexed = 0;
    for collection in house.collections() {
        // What a rebuild that was stopped has left holds words too.
        forget(&beside(house, &collection))?;
        indexed += follow_collection(house, &collection, progress).await?;
    }
    Ok(indexed)
}

async fn follow_collection(
    house: &House,
    collection: &CollectionName,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64> {
    match Index::open(&house.index_dir(collection)) {
        Ok(index) => follow_into(house, collection, &index, progress).await,
        // An index is never converted: the ledger is what is kept.
        Err(SearchError::OtherFormat { .. }) => rebuild(house, collection, progress).await,
        Err(error) => Err(error.into()),
    }
}

/// Makes the index of a collection again with the encoder of its pipelines, beside the old one,
/// which answers until it is whole.
///
/// # Errors
/// As [`follow`]; the old index stands.
pub async fn rebuild(
    house: &House,
    collection: &CollectionName,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64> {
    let dir = house.index_dir(collection);
    let next = beside(house, collection);
    forget(&next)?;
    let indexed = {
        let index = Index::open(&next)?;
        follow_into(house, collection, &index, progress).await?
    };
    search::replace(&dir, &next)?;
    Ok(indexed)
}

/// Where the index of a collection is made again.
fn beside(house: &House, collection: &CollectionName) -> PathBuf {
    house.data.join("index").join(format!(".next-{collection}"))
}

fn forget(folder: &Path) -> Result<()> {
    for folder in [folder.to_owned(), folder.with_extension("old")] {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    Ok(())
}

/// The encoder whose vectors an index holds, and its digest; that of the collection's pipelines for
/// one that holds none yet. After a change of encoder the old vectors serve until the index is made
/// again, which a person decides.
///
/// # Errors
/// When the pipelines disagree, or the encoder is not in models.toml.
pub fn encoder_in(
    house: &House,
    collection: &CollectionName,
    index: &Index,
) -> Result<(String, Digest)> {
    let label = index.label()?;
    if let Some((name, digest)) = label.split_once(' ') {
        match house.models.encoder_digest(name) {
            Ok(held) if held.to_string() == digest => return Ok((name.to_owned(), held)),
            // Vectors of two models cannot be compared: nothing is added, nothing is asked.
            _ => bail!(
                "the index of {collection} holds vectors of `{name}` ({digest}), which models.toml does not have any more: greffier index rebuild makes it again"
            ),
        }
    }
    let name = house.encoder_of(collection)?;
    let digest = house.models.encoder_digest(&name)?;
    Ok((name, digest))
}

/// Brings an index up to the end of the log.
async fn follow_into(
    house: &House,
    collection: &CollectionName,
    index: &Index,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64> {
    let desk = &house.desk;
    let (name, encoder) = encoder_in(house, collection, index)?;
    let end = desk.vault.ledger.log_size().await?;
    let mut position = index.position();
    if position >= end {
        return Ok(0);
    }
    let mut writer = index.writer()?;
    writer.label(&format!("{name} {encoder}"));
    let mut total = 0;
    while position < end {
        // A document has several records: many are read before any document is, so that it is
        // written once.
        let mut touched: BTreeSet<SubjectId> = BTreeSet::new();
        let mut moved: BTreeSet<SubjectId> = BTreeSet::new();
        let begin = position;
        let mut next = position;
        while next < end && next - begin < STRIDE {
            let records = desk.vault.ledger.log(next, BATCH).await?;
            let Some(last) = records.last().and_then(|r| r.leaf_index) else {
                break;
            };
            touched.extend(records.iter().map(|r| r.record.subject));
            let routed = records.iter().filter(|r| routes(&r.record.activity));
            moved.extend(routed.map(|r| r.record.subject));
            next = last + 1;
        }
        within(desk, moved, &mut touched).await?;
        if next == begin {
            break;
        }
        let touched: Vec<SubjectId> = touched.into_iter().collect();
        for (n, chunk) in touched.chunks(COMMIT).enumerate() {
            let mut changes = Vec::new();
            for subject in chunk {
                match change(desk, collection, encoder, *subject).await {
                    Ok(change) => changes.extend(change),
                    // Nothing is known of the document: passed over now, it would be for ever.
                    Err(error) if passes(&error) => return Err(error),
                    // One document that does not open must not hide all others; `verify` names it.
                    Err(error) => {
                        tracing::error!(subject = %subject, error = format!("{error:#}"), "not indexed");
                    }
                }
            }
            total += changes.len() as u64;
            // Only the last part of a stride moves the position: a crash before it repeats the
            // stride, which changes nothing.
            let done = (n + 1) * COMMIT;
            let whole = done >= touched.len();
            writer.apply(changes, if whole { next } else { position })?;
            let share = (next - begin) * done.min(touched.len()) as u64 / touched.len() as u64;
            progress(begin + share, end);
        }
        position = next;
    }
    Ok(total)
}

/// Whether what is recorded under this name may send a document to another service.
fn routes(activity: &domain::StageName) -> bool {
    matches!(activity.as_str(), "route" | "review")
}

/// Adds what was found within documents that went elsewhere: whoever may read those may read it.
async fn within(
    desk: &Desk,
    moved: BTreeSet<SubjectId>,
    touched: &mut BTreeSet<SubjectId>,
) -> Result<()> {
    let mut left: Vec<SubjectId> = moved.into_iter().collect();
    while let Some(subject) = left.pop() {
        let filter = pipeline::ledger::DocumentFilter {
            parent: Some(subject.as_document()),
            ..Default::default()
        };
        for row in desk.vault.ledger.documents(&filter).await? {
            touched.insert(row.id.into());
            left.push(row.id.into());
        }
    }
    Ok(())
}

/// The document that this one was found within, however deep; itself when it came by itself.
async fn outermost(desk: &Desk, row: &DocumentRow) -> Result<DocumentRow> {
    let mut whole = row.clone();
    while let Some(parent) = whole.parent {
        match desk.vault.ledger.document(parent).await? {
            Some(row) => whole = row,
            None => break,
        }
    }
    Ok(whole)
}

/// What the index should now say of a subject: nothing, unless it is a document of the collection
/// that has been read to the end.
///
/// # Errors
/// When the ledger or an artifact cannot be read.
pub async fn change(
    desk: &Desk,
    collection: &CollectionName,
    encoder: Digest,
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
    // Vectors of another encoder, before a change of model has reached this document, say nothing
    // to the queries of this one: words find it until then.
    let made_with = |record: &Record| {
        record
            .statement()
            .models
            .iter()
            .any(|m| m.digest == encoder)
    };
    // And vectors of an earlier cutting belong to other passages.
    let of_these = |record: &Record| {
        let mut inputs = record.statement().inputs.iter();
        made_with(record) && inputs.any(|named| named.name == passages.name)
    };
    let mut vectors = match latest_among(&records, Kind::Vectors, of_these) {
        Some(written) => {
            VectorSet::from_bytes(&desk.vault.read(subject, &envelope, written.name).await?)?
        }
        None => VectorSet::default(),
    };
    if vectors.vectors.len() != set.passages.len() {
        vectors = VectorSet::default();
    }
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
    let routed = row.route.as_ref().filter(|r| routed(r));
    let service: Option<ServiceId> = routed.and_then(|r| r.service.clone());
    let others = routed.iter().flat_map(|r| r.also.iter().chain(&r.copies));
    let whole = outermost(desk, &row).await?;
    let readers = whole
        .route
        .iter()
        .flat_map(pipeline::ledger::RouteView::services);
    Ok(Some(Change::Put(IndexedDocument {
        id: row.id,
        name: desk.name_of(&row, &arrival),
        title: layout.title.clone(),
        pipeline: row.pipeline.clone(),
        service,
        also: others.cloned().collect(),
        readers: readers.cloned().collect(),
        language: layout.language.clone(),
        media_type: layout.media_type.clone(),
        place: place_of(&layout, &arrival),
        received_at: row.received_at,
        first: row.duplicate_of.unwrap_or(row.id),
        text_version,
        passages,
    })))
}

/// The place a document is about: that of a field report, else what came with it.
fn place_of(layout: &domain::Layout, arrival: &domain::Arrival) -> Option<String> {
    let said = ["quartier", "lieu", "place"]
        .iter()
        .find_map(|key| arrival.metadata.get(*key));
    FieldReport::from_fields(&layout.fields)
        .place
        .or_else(|| said.cloned())
        .map(|place| place.trim().to_owned())
        .filter(|place| !place.is_empty())
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
        for file in index.damaged()? {
            v.find(
                &about,
                format!("{} is damaged: greffier index rebuild", file.display()),
            );
        }
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

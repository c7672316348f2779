//! What must hold at every moment, and when the world has come to rest.

use std::collections::BTreeMap;

use domain::record::Record;
use domain::{Digest, DocumentId, RunKey, SubjectId};
use pipeline::ledger::{DocumentFilter, DocumentState, StoredRecord};
use pipeline::log;
use pipeline::vault::Vault;
use pipeline::verify::verify;
use provenance::Checkpoint;

use crate::common::model::Expected;
use crate::town::Statements;
use crate::world::World;

/// What was seen so far.
#[derive(Default)]
pub(crate) struct Watch {
    ended: BTreeMap<DocumentId, DocumentState>,
    leaves: Vec<(RunKey, Digest)>,
}

impl Watch {
    /// A document that has ended stays as it is; a leaf of the log stays where it is.
    pub(crate) async fn look(&mut self, vault: &Vault, world: &World) {
        for row in vault
            .ledger
            .documents(&DocumentFilter::default())
            .await
            .unwrap()
        {
            match self.ended.get(&row.id) {
                Some(state) if *state != row.state => {
                    world.violated(format!("{} was {state:?} and is {:?}", row.id, row.state));
                }
                None if row.state != DocumentState::Processing => {
                    self.ended.insert(row.id, row.state);
                }
                _ => {}
            }
        }
        let log = whole_log(vault).await;
        for (i, stored) in log.iter().enumerate() {
            if stored.leaf_index != Some(i as u64) {
                world.violated(format!("leaf {i} of the log is {:?}", stored.leaf_index));
            }
            let leaf = (stored.record.run_key, Digest::of(&stored.record.bytes));
            match self.leaves.get(i) {
                None => self.leaves.push(leaf),
                Some(before) if *before == leaf => {}
                Some(_) => world.violated(format!("leaf {i} of the log has changed")),
            }
        }
        if log.len() < self.leaves.len() {
            world.violated("the log has become shorter");
        }
    }
}

async fn whole_log(vault: &Vault) -> Vec<StoredRecord> {
    vault.ledger.log(0, u32::MAX).await.unwrap()
}

/// Checks everything, and gives what the records claim.
pub(crate) async fn at_rest(vault: &Vault, world: &World, expected: &[Expected]) -> Statements {
    check_documents(vault, world, expected).await;
    check_duplicates(vault, world, expected).await;
    check_log(vault, world).await;

    let owed = vault.ledger.owed().await.unwrap();
    if !owed.is_empty() {
        world.violated(format!("owed at rest: {owed:?}"));
    }
    let verification = verify(vault, None, &|_, _| {}).await.unwrap();
    for finding in &verification.findings {
        world.violated(format!(
            "verify finds: {}: {}",
            finding.about, finding.problem
        ));
    }
    let records: usize = expected.iter().map(|e| e.activities.len()).sum();
    if (verification.documents, verification.records) != (expected.len() as u64, records as u64) {
        world.violated(format!(
            "{} documents and {records} records are expected, verify saw {} and {}",
            expected.len(),
            verification.documents,
            verification.records
        ));
    }

    let mut statements = Statements::new();
    for stored in whole_log(vault).await {
        let record = Record::from_bytes(&stored.record.bytes).unwrap();
        let statement = record.statement().clone();
        let key = (
            statement.subject.as_document(),
            statement.activity.to_string(),
        );
        if statements.insert(key.clone(), statement).is_some() {
            world.violated(format!("{key:?} is recorded twice"));
        }
    }
    statements
}

async fn check_documents(vault: &Vault, world: &World, expected: &[Expected]) {
    let rows = vault
        .ledger
        .documents(&DocumentFilter::default())
        .await
        .unwrap();
    let rows: BTreeMap<DocumentId, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    for id in rows.keys() {
        if !expected.iter().any(|e| e.id == *id) {
            world.violated(format!("{id} is here and did not arrive"));
        }
    }
    for e in expected {
        let Some(row) = rows.get(&e.id) else {
            world.violated(format!("{} is not here: {e:?}", e.id));
            continue;
        };
        let service = row
            .route
            .as_ref()
            .and_then(|r| r.service.as_ref())
            .map(|s| s.as_str());
        if (row.state, row.parent, service) != (e.state, e.parent, e.service) {
            world.violated(format!("{row:?} should be {e:?}"));
        }
        let records = vault.records(SubjectId::from(e.id)).await.unwrap();
        let activities: Vec<&str> = records
            .iter()
            .map(|(record, _)| record.statement().activity.as_str())
            .collect();
        let reason = records
            .last()
            .and_then(|(record, _)| record.statement().reason.as_deref());
        if activities != e.activities || reason != e.reason {
            world.violated(format!("{} has {activities:?} and {reason:?}: {e:?}", e.id));
        }
    }
}

/// Of documents with the same bytes one is the first, and the others name it.
async fn check_duplicates(vault: &Vault, world: &World, expected: &[Expected]) {
    let mut firsts: BTreeMap<&str, Vec<DocumentId>> = BTreeMap::new();
    let mut named: BTreeMap<&str, Vec<DocumentId>> = BTreeMap::new();
    for e in expected {
        match vault.ledger.document(e.id).await.unwrap() {
            Some(row) => match row.duplicate_of {
                None => firsts.entry(&e.text).or_default().push(row.id),
                Some(first) => named.entry(&e.text).or_default().push(first),
            },
            None => return,
        }
    }
    for (text, firsts) in &firsts {
        let named = named.get(text).map_or(&[][..], Vec::as_slice);
        if firsts.len() != 1 || named.iter().any(|id| *id != firsts[0]) {
            world.violated(format!(
                "{text:?} came first as {firsts:?}, copies name {named:?}"
            ));
        }
    }
}

/// The log has a leaf for each record, and its last checkpoint the root of its bytes.
async fn check_log(vault: &Vault, world: &World) {
    let log = whole_log(vault).await;
    let records = vault.ledger.counts().await.unwrap().records;
    let Some(last) = vault.ledger.checkpoints().await.unwrap().pop() else {
        return world.violated("there is no checkpoint");
    };
    let key = log::signing_key(vault).unwrap();
    let checkpoint = Checkpoint::verify(&last.note, key.verifier()).unwrap();
    let leaves: Vec<&[u8]> = log
        .iter()
        .map(|stored| stored.record.bytes.as_slice())
        .collect();
    if (log.len() as u64, last.size, checkpoint.size) != (records, records, records) {
        world.violated(format!("{records} records, {} leaves, {last:?}", log.len()));
    } else if checkpoint.root != root(&leaves) {
        world.violated("the last checkpoint has another root than the log's bytes");
    }
}

/// The root of RFC 9162, section 2.1.1, as the text defines it.
fn root(leaves: &[&[u8]]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => Digest::of(&[&[0], *leaf].concat()),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Digest::of(
                &[
                    &[1],
                    &root(left).as_bytes()[..],
                    &root(right).as_bytes()[..],
                ]
                .concat(),
            )
        }
    }
}

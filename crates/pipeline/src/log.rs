//! The log: leaves for what was committed, signed checkpoints, proofs.

use domain::{Digest, RunKey};
use provenance::{Checkpoint, NodeId, Proof, SigningKey};

use crate::error::Error;
use crate::ledger::StoredCheckpoint;
use crate::vault::Vault;

/// Records sequenced in one transaction.
const BATCH: u32 = 1_000;

fn failed(doing: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Log {
        doing,
        source: Box::new(source),
    }
}

/// The name under which the authority signs its log.
pub fn origin(vault: &Vault) -> String {
    format!(
        "greffier/{}",
        &hex::encode(vault.secrets.authority_id())[..16]
    )
}

/// The key that signs the log.
///
/// # Errors
/// When the origin is not a name a note can carry.
pub fn signing_key(vault: &Vault) -> Result<SigningKey, Error> {
    SigningKey::from_seed(&origin(vault), vault.secrets.log_seed().as_bytes())
        .map_err(|e| failed("sign", e))
}

/// Gives every committed record its leaf.
///
/// # Errors
/// When the ledger does not answer, or lacks nodes of its tree.
pub async fn sequence(vault: &Vault) -> Result<(), Error> {
    while vault.ledger.sequence(BATCH).await? > 0 {}
    Ok(())
}

/// Sequences every committed record, then signs and stores a checkpoint when the log has grown.
///
/// # Errors
/// When the ledger does not answer, or lacks nodes of its tree.
pub async fn checkpoint(vault: &Vault) -> Result<Option<StoredCheckpoint>, Error> {
    sequence(vault).await?;
    let size = vault.ledger.log_size().await?;
    if size == 0 {
        return Ok(None);
    }
    let last = vault.ledger.last_checkpoint().await?;
    if let Some(last) = last
        && last.size == size
    {
        return Ok(Some(last));
    }
    let root = root(vault, size).await?;
    let note = Checkpoint::new(origin(vault), size, root)
        .sign(&signing_key(vault)?)
        .map_err(|e| failed("sign a checkpoint", e))?;
    let checkpoint = StoredCheckpoint { size, note };
    vault.ledger.put_checkpoint(&checkpoint).await?;
    Ok(Some(checkpoint))
}

/// The root of the first `size` leaves, from the stored nodes.
///
/// # Errors
/// When the ledger does not answer, or lacks nodes of its tree.
pub async fn root(vault: &Vault, size: u64) -> Result<Digest, Error> {
    let nodes = read_nodes(vault, &provenance::merkle::frontier_nodes(size)).await?;
    provenance::merkle::root(size, |level, index| find(&nodes, level, index))
        .map_err(|e| failed("compute its root", e))
}

/// One file that proves one record against the latest checkpoint.
///
/// # Errors
/// When the record is not in the log, or the ledger does not answer.
pub async fn proof(
    vault: &Vault,
    run_key: RunKey,
    generation: u32,
) -> Result<Option<Proof>, Error> {
    let Some(checkpoint) = checkpoint(vault).await? else {
        return Ok(None);
    };
    let Some(stored) = vault.ledger.record(run_key, generation).await? else {
        return Ok(None);
    };
    let Some(index) = stored.leaf_index else {
        return Ok(None);
    };
    let nodes = read_nodes(
        vault,
        &provenance::merkle::inclusion_nodes(index, checkpoint.size),
    )
    .await?;
    let path = provenance::merkle::inclusion_proof(index, checkpoint.size, |level, index| {
        find(&nodes, level, index)
    })
    .map_err(|e| failed("prove a record", e))?;
    let key = signing_key(vault)?;
    Proof::new(
        &stored.record.bytes,
        index,
        path,
        &checkpoint.note,
        key.verifier(),
    )
    .map(Some)
    .map_err(|e| failed("prove a record", e))
}

type Nodes = Vec<(NodeId, Digest)>;

pub(crate) async fn read_nodes(vault: &Vault, wanted: &[NodeId]) -> Result<Nodes, Error> {
    let found = vault.ledger.log_nodes(wanted).await?;
    Ok(wanted
        .iter()
        .zip(found)
        .filter_map(|(id, hash)| Some((*id, hash?)))
        .collect())
}

pub(crate) fn find(nodes: &Nodes, level: u8, index: u64) -> Option<Digest> {
    nodes
        .iter()
        .find(|(id, _)| id.level == level && id.index == index)
        .map(|(_, hash)| *hash)
}

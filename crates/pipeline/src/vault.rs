//! Reading and writing the sealed artifacts of a subject.

use std::sync::Arc;

use domain::record::Record;
use domain::{ArtifactName, Kind, Named, SubjectId};
use privacy::{Envelope, Secrets};
use serde::de::DeserializeOwned;

use crate::blobs::Blobs;
use crate::error::Error;
use crate::ledger::{Ledger, StoredRecord};

/// The ledger, the blobs and the keys of one authority: all that opening an artifact takes.
#[derive(Clone)]
pub struct Vault {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The sealed artifacts.
    pub blobs: Arc<dyn Blobs>,
    /// The authority's secrets.
    pub secrets: Arc<Secrets>,
}

/// Where an artifact is among a subject's records: who wrote it last.
#[derive(Clone, Debug)]
pub struct Written {
    /// The artifact.
    pub name: ArtifactName,
    /// The run that wrote it.
    pub record: Record,
    /// Its leaf in the log.
    pub leaf_index: Option<u64>,
}

impl Vault {
    /// The envelope of a subject.
    ///
    /// # Errors
    /// When it has none or it does not open.
    pub async fn envelope(&self, subject: SubjectId) -> Result<Envelope, Error> {
        let wrapped = self
            .ledger
            .envelope(subject)
            .await?
            .ok_or(Error::NoEnvelope(subject))?;
        self.unwrap(subject, &wrapped)
    }

    /// The envelope of a series of editions, made on its first use.
    ///
    /// # Errors
    /// When none can be made, or the one in force does not open.
    pub async fn envelope_or_new(&self, subject: SubjectId) -> Result<Envelope, Error> {
        let new = self
            .secrets
            .new_envelope(subject)
            .map_err(|e| Error::Random(e.into()))?;
        let wrapped = new.wrap(self.secrets.master_key(), subject);
        let in_force = self.ledger.envelope_or(subject, &wrapped).await?;
        self.unwrap(subject, &in_force)
    }

    fn unwrap(&self, subject: SubjectId, wrapped: &[u8]) -> Result<Envelope, Error> {
        Envelope::unwrap(self.secrets.master_key(), subject, wrapped).map_err(|source| {
            Error::Sealed {
                what: "the envelope".into(),
                subject,
                source: source.into(),
            }
        })
    }

    /// The plaintext of an artifact.
    ///
    /// # Errors
    /// When it is not stored, or is not what its name says.
    pub async fn read(
        &self,
        subject: SubjectId,
        envelope: &Envelope,
        name: ArtifactName,
    ) -> Result<Vec<u8>, Error> {
        let sealed = self
            .blobs
            .get(name)
            .await?
            .ok_or(Error::NoArtifact { name, subject })?;
        let plain = envelope
            .open(&name, &sealed)
            .map_err(|source| Error::Sealed {
                what: format!("artifact {name}"),
                subject,
                source: source.into(),
            })?;
        Ok(plain.to_vec())
    }

    /// An artifact in JSON.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when it is not a `T`.
    pub async fn read_json<T: DeserializeOwned>(
        &self,
        subject: SubjectId,
        envelope: &Envelope,
        name: ArtifactName,
    ) -> Result<T, Error> {
        let bytes = self.read(subject, envelope, name).await?;
        serde_json::from_slice(&bytes).map_err(|e| Error::WrongArtifact {
            name,
            subject,
            detail: e.to_string(),
        })
    }

    /// Seals and stores an artifact durably.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn write(
        &self,
        subject: SubjectId,
        envelope: &Envelope,
        plaintext: &[u8],
    ) -> Result<ArtifactName, Error> {
        let sealed = envelope.seal(plaintext).map_err(|source| Error::Sealed {
            what: "an artifact to write".into(),
            subject,
            source: source.into(),
        })?;
        self.blobs.put(sealed.name, &sealed.bytes).await?;
        Ok(sealed.name)
    }

    /// The records of a subject, read, oldest first.
    ///
    /// # Errors
    /// When the ledger does not answer, or holds bytes that are not a record.
    pub async fn records(&self, subject: SubjectId) -> Result<Vec<(Record, Option<u64>)>, Error> {
        self.ledger
            .records_of(subject)
            .await?
            .into_iter()
            .map(read_record)
            .collect()
    }

    /// The latest artifact of `kind` that a record of the subject wrote.
    ///
    /// # Errors
    /// As [`records`](Self::records).
    pub async fn latest(&self, subject: SubjectId, kind: Kind) -> Result<Option<Written>, Error> {
        Ok(latest_of(&self.records(subject).await?, kind))
    }
}

/// The latest artifact of `kind` among records given oldest first.
pub fn latest_of(records: &[(Record, Option<u64>)], kind: Kind) -> Option<Written> {
    latest_among(records, kind, |_| true)
}

/// The decision that a person who looks at a document sees: once they have decided, the one that was
/// there then, which their first act names; until then, the latest. What is routed again after a
/// person has decided changes nothing of what they saw. Records are given oldest first.
pub fn seen_decision(records: &[(Record, Option<u64>)]) -> Option<Written> {
    let of_act = |(record, _): &(Record, Option<u64>)| {
        let mut outputs = record.statement().outputs.iter();
        outputs.any(|named| named.kind == Kind::Act)
    };
    let Some(at) = records.iter().position(of_act) else {
        return latest_of(records, Kind::Decision);
    };
    let (before, act) = (records.get(..at)?, &records.get(at)?.0);
    let mut inputs = act.statement().inputs.iter();
    let name = inputs.find(|named| named.kind == Kind::Decision)?.name;
    latest_among(before, Kind::Decision, |record| {
        let mut outputs = record.statement().outputs.iter();
        outputs.any(|named| named.name == name)
    })
}

/// The artifact of `kind` that the run which wrote the artifact `beside` wrote too: the layout of a
/// text, which later runs may have read anew.
pub fn written_with(
    records: &[(Record, Option<u64>)],
    beside: ArtifactName,
    kind: Kind,
) -> Option<Written> {
    latest_among(records, kind, |record| {
        let mut outputs = record.statement().outputs.iter();
        outputs.any(|named| named.name == beside)
    })
}

/// As [`latest_of`], among the records that `counts` lets pass.
pub fn latest_among(
    records: &[(Record, Option<u64>)],
    kind: Kind,
    counts: impl Fn(&Record) -> bool,
) -> Option<Written> {
    let records = records.iter().rev().filter(|(record, _)| counts(record));
    records.into_iter().find_map(|(record, leaf_index)| {
        let named: &Named = record.statement().outputs.iter().find(|n| n.kind == kind)?;
        Some(Written {
            name: named.name,
            record: record.clone(),
            leaf_index: *leaf_index,
        })
    })
}

/// Reads a stored record.
///
/// # Errors
/// When its bytes are not a record in canonical form.
pub fn read_record(stored: StoredRecord) -> Result<(Record, Option<u64>), Error> {
    let record = Record::from_bytes(&stored.record.bytes).map_err(|e| {
        crate::ledger::LedgerError::Corrupt {
            what: format!(
                "under run {}, bytes that are not a record ({e})",
                stored.record.run_key
            ),
        }
    })?;
    Ok((record, stored.leaf_index))
}

//! Rows to values. A value that the ledger cannot have written is [`LedgerError::Corrupt`].

use std::str::FromStr;

use domain::message::Task;
use domain::{
    ArtifactName, Digest, DocumentId, Outcome, Probability, RunKey, RunOutcome, ServiceId,
    SubjectId, Timestamp,
};
use pipeline::ledger::{
    DocumentRow, DocumentState, Edition, LedgerError, LedgerResult, NewRecord, RouteView,
    StoredCheckpoint, StoredRecord,
};
use provenance::NodeId;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::error::failed;

/// What is said when a column cannot be read; the error is always of the kind that ignores it.
const DOING: &str = "read a row";

pub(crate) fn document(row: &AnyRow) -> LedgerResult<DocumentRow> {
    let route = match optional_text(row, "outcome")? {
        None => None,
        Some(word) => Some(RouteView {
            outcome: known("outcome", &word, outcome_from_word)?,
            service: optional_text(row, "service")?
                .map(|s| parsed("service", &s))
                .transpose()?,
            also: services(row, "also")?,
            copies: services(row, "copies")?,
            confidence: Probability::from_millionths(number(row, "confidence")?),
            decided: number::<i64>(row, "decided")? != 0,
            to_tell: optional_number::<i64>(row, "to_tell")? == Some(1),
        }),
    };
    Ok(DocumentRow {
        id: DocumentId::from_bytes(array(row, "id")?),
        collection: word(row, "collection")?,
        pipeline: word(row, "pipeline")?,
        parent: optional_array(row, "parent")?.map(DocumentId::from_bytes),
        duplicate_of: optional_array(row, "duplicate_of")?.map(DocumentId::from_bytes),
        received_at: moment(row, "received_at")?,
        admitted_at: moment(row, "admitted_at")?,
        state: known("state", &text(row, "state")?, DocumentState::from_word)?,
        route,
        raw: ArtifactName::from_bytes(array(row, "raw")?),
        arrival: ArtifactName::from_bytes(array(row, "arrival")?),
    })
}

/// Ids of services between spaces.
fn services(row: &AnyRow, column: &str) -> LedgerResult<Vec<ServiceId>> {
    let ids = optional_text(row, column)?.unwrap_or_default();
    ids.split_whitespace()
        .map(|id| parsed(column, id))
        .collect()
}

/// As [`services`] reads them; absent when there is none.
pub(crate) fn services_column(services: &[ServiceId]) -> Option<String> {
    let ids: Vec<&str> = services.iter().map(ServiceId::as_str).collect();
    (!ids.is_empty()).then(|| format!(" {} ", ids.join(" ")))
}

pub(crate) fn task(row: &AnyRow) -> LedgerResult<Task> {
    Ok(Task {
        document: SubjectId::from_bytes(array(row, "document")?),
        pipeline: word(row, "pipeline")?,
        stage: word(row, "stage")?,
        generation: number(row, "generation")?,
        class: word(row, "class")?,
    })
}

pub(crate) fn checkpoint(row: &AnyRow) -> LedgerResult<StoredCheckpoint> {
    Ok(StoredCheckpoint {
        size: number(row, "size")?,
        note: text(row, "note")?,
    })
}

pub(crate) fn record(row: &AnyRow) -> LedgerResult<StoredRecord> {
    Ok(StoredRecord {
        record: NewRecord {
            run_key: RunKey::from_bytes(array(row, "run_key")?),
            generation: number(row, "generation")?,
            subject: SubjectId::from_bytes(array(row, "subject")?),
            activity: word(row, "activity")?,
            outcome: known("outcome", &text(row, "outcome")?, run_outcome_from_word)?,
            bytes: bytes(row, "bytes")?,
        },
        leaf_index: optional_number(row, "leaf_index")?,
    })
}

pub(crate) fn edition(row: &AnyRow) -> LedgerResult<Edition> {
    Ok(Edition {
        subject: SubjectId::from_bytes(array(row, "subject")?),
        reconciler: word(row, "reconciler")?,
        pipeline: word(row, "pipeline")?,
        period: text(row, "period")?,
        number: number(row, "number")?,
        run_key: RunKey::from_bytes(array(row, "run_key")?),
        artifact: ArtifactName::from_bytes(array(row, "artifact")?),
        made_at: moment(row, "made_at")?,
    })
}

pub(crate) fn node(row: &AnyRow) -> LedgerResult<(NodeId, Digest)> {
    let node = NodeId {
        level: number(row, "level")?,
        index: number(row, "idx")?,
    };
    Ok((node, Digest::from_bytes(array(row, "hash")?)))
}

/// The word of an outcome of a run in the database.
pub(crate) const fn run_outcome_word(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Done => "done",
        RunOutcome::Quarantine => "quarantine",
    }
}

fn run_outcome_from_word(word: &str) -> Option<RunOutcome> {
    [RunOutcome::Done, RunOutcome::Quarantine]
        .into_iter()
        .find(|o| run_outcome_word(*o) == word)
}

fn outcome_from_word(word: &str) -> Option<Outcome> {
    [Outcome::Automatic, Outcome::Review, Outcome::Unknown]
        .into_iter()
        .find(|outcome| outcome.as_str() == word)
}

pub(crate) fn bytes(row: &AnyRow, column: &str) -> LedgerResult<Vec<u8>> {
    row.try_get(column).map_err(failed(DOING))
}

pub(crate) fn array<const N: usize>(row: &AnyRow, column: &str) -> LedgerResult<[u8; N]> {
    sized(column, bytes(row, column)?)
}

pub(crate) fn optional_bytes(row: &AnyRow, column: &str) -> LedgerResult<Option<Vec<u8>>> {
    row.try_get(column).map_err(failed(DOING))
}

fn optional_array<const N: usize>(row: &AnyRow, column: &str) -> LedgerResult<Option<[u8; N]>> {
    let bytes: Option<Vec<u8>> = row.try_get(column).map_err(failed(DOING))?;
    bytes.map(|bytes| sized(column, bytes)).transpose()
}

pub(crate) fn text(row: &AnyRow, column: &str) -> LedgerResult<String> {
    row.try_get(column).map_err(failed(DOING))
}

pub(crate) fn optional_text(row: &AnyRow, column: &str) -> LedgerResult<Option<String>> {
    row.try_get(column).map_err(failed(DOING))
}

pub(crate) fn number<T: TryFrom<i64>>(row: &AnyRow, column: &str) -> LedgerResult<T> {
    let number: i64 = row.try_get(column).map_err(failed(DOING))?;
    in_range(column, number)
}

pub(crate) fn optional_number<T: TryFrom<i64>>(
    row: &AnyRow,
    column: &str,
) -> LedgerResult<Option<T>> {
    let number: Option<i64> = row.try_get(column).map_err(failed(DOING))?;
    number.map(|number| in_range(column, number)).transpose()
}

pub(crate) fn optional_moment(row: &AnyRow, column: &str) -> LedgerResult<Option<Timestamp>> {
    let micros: Option<i64> = optional_number(row, column)?;
    micros.map(|micros| timestamp(column, micros)).transpose()
}

pub(crate) fn moment(row: &AnyRow, column: &str) -> LedgerResult<Timestamp> {
    timestamp(column, number(row, column)?)
}

pub(crate) fn word<T: FromStr>(row: &AnyRow, column: &str) -> LedgerResult<T> {
    parsed(column, &text(row, column)?)
}

pub(crate) fn parsed<T: FromStr>(column: &str, word: &str) -> LedgerResult<T> {
    known(column, word, |word| word.parse().ok())
}

fn known<T>(column: &str, word: &str, read: impl Fn(&str) -> Option<T>) -> LedgerResult<T> {
    read(word).ok_or_else(|| corrupt(column, word))
}

fn sized<const N: usize>(column: &str, bytes: Vec<u8>) -> LedgerResult<[u8; N]> {
    let len = bytes.len();
    bytes
        .try_into()
        .map_err(|_| corrupt(column, &format!("{len} bytes instead of {N}")))
}

fn in_range<T: TryFrom<i64>>(column: &str, number: i64) -> LedgerResult<T> {
    T::try_from(number).map_err(|_| corrupt(column, &number.to_string()))
}

fn timestamp(column: &str, micros: i64) -> LedgerResult<Timestamp> {
    Timestamp::from_micros(micros).ok_or_else(|| corrupt(column, &format!("{micros} µs")))
}

fn corrupt(column: &str, found: &str) -> LedgerError {
    LedgerError::Corrupt {
        what: format!("`{found}` as {column}"),
    }
}

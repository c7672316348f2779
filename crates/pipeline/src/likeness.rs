//! Which documents resemble which: the same letter scanned twice, a message sent again.
//!
//! The link is stored nowhere. What a stage records is the sketch of one document, a function of
//! that document alone; which others resemble it is looked up whenever it is shown, so that the
//! answer depends on what is here and never on which arrived, or was read, first. Rows hold keyed
//! codes of the sketch's bands, only to name candidates; what counts is what the sketches say.

use std::collections::BTreeSet;

use domain::sketch::{RESEMBLES_MIN, Sketch};
use domain::{Arrival, DocumentId, Kind, SubjectId};
use privacy::Secrets;

use crate::desk::{Desk, Opened};
use crate::error::Error;
use crate::ledger::DocumentRow;
use crate::vault::latest_of;

/// Candidates that are compared, those with most bands in common first. Of a circular that a
/// hundred people send, these are enough to say so.
const CANDIDATES_MAX: u32 = 32;

/// A document that resembles another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resembling {
    /// Its row.
    pub row: DocumentRow,
    /// The name people know it by.
    pub name: String,
    /// How much, in percent: [`Sketch::resemblance`].
    pub percent: u8,
    /// Whether it was received before.
    pub earlier: bool,
}

/// The codes of the sketch among what a stage wrote, when it wrote one. One that cannot be read has
/// none: `verify` names it.
pub(crate) fn codes(
    secrets: &Secrets,
    document: &DocumentRow,
    artifacts: &[(Kind, Vec<u8>)],
) -> Option<Vec<i64>> {
    let (_, bytes) = artifacts.iter().find(|(kind, _)| *kind == Kind::Sketch)?;
    let sketch = serde_json::from_slice(bytes).ok()?;
    Some(codes_of(secrets, document, &sketch))
}

/// The codes of a document's sketch: keyed by its collection's secret, so that no link crosses
/// collections.
pub(crate) fn codes_of(secrets: &Secrets, document: &DocumentRow, sketch: &Sketch) -> Vec<i64> {
    let secret = secrets.collection_secret(&document.collection);
    secret.likeness_codes(&sketch.bands())
}

impl Desk {
    /// The documents that resemble this one, by reception. Those with the very same bytes are not
    /// among them: they are duplicates, and said to be; nor is what came with it.
    ///
    /// # Errors
    /// When the ledger does not answer, or its own sketch cannot be read.
    pub async fn resembling(&self, opened: &Opened) -> Result<Vec<Resembling>, Error> {
        let vault = &self.vault;
        let subject = SubjectId::from(opened.row.id);
        let Some(written) = latest_of(&opened.records, Kind::Sketch) else {
            return Ok(Vec::new());
        };
        let envelope = vault.envelope(subject).await?;
        let sketch: Sketch = vault.read_json(subject, &envelope, written.name).await?;
        let codes = codes_of(&vault.secrets, &opened.row, &sketch);
        if codes.is_empty() {
            return Ok(Vec::new());
        }
        let candidates = vault
            .ledger
            .documents_alike(&codes, opened.row.id, CANDIDATES_MAX)
            .await?;
        let mut found = Vec::new();
        for row in self.reached(candidates).await? {
            if origin(&row) == origin(&opened.row) || together(&row, &opened.row) {
                continue;
            }
            match self.compared(&sketch, &row).await {
                Ok(Some((percent, name))) => found.push(Resembling {
                    earlier: (row.received_at, row.id) < (opened.row.received_at, opened.row.id),
                    row,
                    name,
                    percent,
                }),
                Ok(None) => {}
                Err(error) if error.is_passing() => return Err(error),
                // One that does not open must not hide the others; `verify` names it.
                Err(_) => {}
            }
        }
        found.sort_by_key(|r| (r.row.received_at, r.row.id));
        // Of several with the same bytes, the one that the others are duplicates of says it all.
        let firsts: BTreeSet<DocumentId> = found.iter().map(|r| r.row.id).collect();
        found.retain(|r| {
            r.row
                .duplicate_of
                .is_none_or(|first| !firsts.contains(&first))
        });
        Ok(found)
    }

    /// How much a document resembles a sketch, and its name, when it is enough to say so.
    async fn compared(
        &self,
        sketch: &Sketch,
        row: &DocumentRow,
    ) -> Result<Option<(u8, String)>, Error> {
        let subject = SubjectId::from(row.id);
        let Some(written) = self.vault.latest(subject, Kind::Sketch).await? else {
            return Ok(None);
        };
        let envelope = self.vault.envelope(subject).await?;
        let other: Sketch = self
            .vault
            .read_json(subject, &envelope, written.name)
            .await?;
        let enough = |percent: &u8| *percent >= RESEMBLES_MIN;
        let Some(percent) = sketch.resemblance(&other).filter(enough) else {
            return Ok(None);
        };
        let arrival: Arrival = self
            .vault
            .read_json(subject, &envelope, row.arrival)
            .await?;
        Ok(Some((percent, self.name_of(row, &arrival))))
    }
}

/// The closest of those received before: the one a list names.
pub fn closest_earlier(found: &[Resembling]) -> Option<&Resembling> {
    let earlier = found.iter().filter(|r| r.earlier);
    // The first of equals: `max_by_key` would give the last.
    earlier.rev().max_by_key(|r| r.percent)
}

/// The first document with the same bytes.
fn origin(row: &DocumentRow) -> DocumentId {
    row.duplicate_of.unwrap_or(row.id)
}

/// Whether one was found within the other, such as the letter within the message that brings it.
fn together(one: &DocumentRow, two: &DocumentRow) -> bool {
    one.parent == Some(two.id) || two.parent == Some(one.id)
}

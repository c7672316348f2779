//! What the rows of a ledger say together: its log, and the artifacts that it names.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use domain::record::Record;
use domain::{ArtifactName, Digest, SubjectId};
use provenance::merkle;
use serde_json::Value;

use super::Log;

/// What was seen of a ledger's rows.
#[derive(Debug, Default)]
pub struct Survey {
    leaves: Vec<(u64, Digest)>,
    named: BTreeMap<ArtifactName, SubjectId>,
    subjects: BTreeSet<SubjectId>,
    checkpoint: Option<(u64, String)>,
}

impl Survey {
    /// Looks at a row of a table, whose lines have these columns.
    ///
    /// # Errors
    /// When it is not what a ledger holds.
    pub fn row(&mut self, table: &str, columns: &[String], line: &str) -> Result<()> {
        // Of the others, nothing is asked but that they are copied.
        if ![
            "documents",
            "records",
            "envelopes",
            "editions",
            "checkpoints",
        ]
        .contains(&table)
        {
            return Ok(());
        }
        let row = Row {
            columns,
            values: serde_json::from_str(line).context("not a row")?,
        };
        match table {
            "envelopes" => {
                self.subjects
                    .insert(SubjectId::from_bytes(row.bytes("subject")?));
            }
            "documents" => {
                let subject = SubjectId::from_bytes(row.bytes("id")?);
                for column in ["raw", "arrival"] {
                    let name = ArtifactName::from_bytes(row.bytes(column)?);
                    self.named.insert(name, subject);
                }
            }
            "editions" => {
                let name = ArtifactName::from_bytes(row.bytes("artifact")?);
                let subject = SubjectId::from_bytes(row.bytes("subject")?);
                self.named.insert(name, subject);
            }
            "checkpoints" => {
                let size = row.integer("size")?.context("a checkpoint without size")?;
                let note = row
                    .value("note")?
                    .as_str()
                    .context("a checkpoint without note")?;
                if self
                    .checkpoint
                    .as_ref()
                    .is_none_or(|(before, _)| size > *before)
                {
                    self.checkpoint = Some((size, note.to_owned()));
                }
            }
            _ => self.record(&row)?,
        }
        Ok(())
    }

    fn record(&mut self, row: &Row<'_>) -> Result<()> {
        let bytes = row.all_bytes("bytes")?;
        if let Some(leaf) = row.integer("leaf_index")? {
            self.leaves.push((leaf, merkle::leaf_hash(&bytes)));
        }
        let record = Record::from_bytes(&bytes).context("bytes that are not a record")?;
        let statement = record.statement();
        for named in statement.inputs.iter().chain(&statement.outputs) {
            self.named.insert(named.name, statement.subject);
        }
        Ok(())
    }

    /// The log, whose root is computed from its records alone.
    ///
    /// # Errors
    /// When a leaf is missing or there twice.
    pub fn log(&mut self) -> Result<Log> {
        self.leaves.sort_unstable();
        let mut frontier = merkle::Frontier::empty();
        for ((leaf, hash), expected) in self.leaves.iter().zip(0..) {
            if *leaf != expected {
                bail!("the log has no leaf {expected}, or has one twice");
            }
            frontier.push(*hash)?;
        }
        Ok(Log {
            size: frontier.size(),
            root: frontier.root(),
        })
    }

    /// The last signed checkpoint.
    pub fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_ref().map(|(_, note)| note.as_str())
    }

    /// Every artifact that is named, with whose it is.
    pub fn named(&self) -> &BTreeMap<ArtifactName, SubjectId> {
        &self.named
    }

    /// Whether the key of a subject is here.
    pub fn has_key(&self, subject: SubjectId) -> bool {
        self.subjects.contains(&subject)
    }
}

struct Row<'a> {
    columns: &'a [String],
    values: Vec<Value>,
}

impl Row<'_> {
    fn value(&self, column: &str) -> Result<&Value> {
        ensure!(
            self.values.len() == self.columns.len(),
            "a row of {} values, expected {}",
            self.values.len(),
            self.columns.len()
        );
        let place = self.columns.iter().position(|name| name == column);
        let value = place.and_then(|place| self.values.get(place));
        value.with_context(|| format!("no column `{column}`"))
    }

    fn integer(&self, column: &str) -> Result<Option<u64>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            value => {
                let number = value.as_u64();
                Ok(Some(
                    number.with_context(|| format!("{value} as {column}"))?,
                ))
            }
        }
    }

    fn all_bytes(&self, column: &str) -> Result<Vec<u8>> {
        let value = self.value(column)?;
        let digits = value
            .as_str()
            .with_context(|| format!("{value} as {column}"))?;
        hex::decode(digits).with_context(|| format!("`{digits}` as {column}"))
    }

    fn bytes<const N: usize>(&self, column: &str) -> Result<[u8; N]> {
        let bytes = self.all_bytes(column)?;
        let len = bytes.len();
        bytes
            .try_into()
            .ok()
            .with_context(|| format!("{len} bytes as {column}, expected {N}"))
    }
}

//! What happened, as other software hears of it: a follower of the log that makes an event of each
//! record that says something to the outside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::act::{Act, Verdict};
use domain::event::{
    AlertRaised, DocumentDecided, DocumentReceived, DocumentRef, DocumentRouted, DocumentSetAside,
    EditionWritten, Happened, IntakeRef, ResultEvent,
};
use domain::message::{JsonContentType, SpecVersion};
use domain::{
    AlertSet, Arrival, Decision, Kind, Outcome, PipelineName, RunOutcome, Statement, SubjectId,
};

use crate::desk::Desk;
use crate::error::Error;
use crate::intake::receive;
use crate::ledger::{DocumentRow, StoredRecord};
use crate::vault::read_record;

/// The name under which the ledger keeps how far results were told.
pub const FOLLOWER: &str = "results";

/// Records read at a time.
const BATCH: u32 = 256;

/// Where results are told.
#[async_trait]
pub trait Announce: Send {
    /// Tells an event; returns once whoever listens has it. It may be told twice, under the same id.
    ///
    /// # Errors
    /// When it cannot be told now.
    async fn announce(
        &mut self,
        event: &ResultEvent,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// What telling did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Events told.
    pub events: u64,
    /// Records whose document could not be read: nothing was told of them, and the log says which.
    pub unreadable: u64,
    /// Whether the log goes on.
    pub more: bool,
}

/// Tells what the log holds since it was last told: a part of it, so that whoever has other work does
/// that in between.
///
/// # Errors
/// When the ledger or the store does not answer, or the event cannot be told: what was told is not
/// told again, but for the last of it when its place could not be kept.
pub async fn tell(desk: &Desk, to: &mut dyn Announce) -> Result<Told, Error> {
    let ledger = &desk.vault.ledger;
    let mut told = Told::default();
    let from = ledger.position(FOLLOWER).await?;
    let records = ledger.log(from, BATCH).await?;
    told.more = records.len() == BATCH as usize;
    let mut position = from;
    let mut failure = None;
    for record in records {
        match desk.tell_one(&record, to, &mut told).await {
            Ok(()) => position += 1,
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    if position > from {
        ledger.keep_position(FOLLOWER, position).await?;
    }
    failure.map_or(Ok(told), Err)
}

impl Desk {
    async fn tell_one(
        &self,
        record: &StoredRecord,
        to: &mut dyn Announce,
        told: &mut Told,
    ) -> Result<(), Error> {
        match self.result_of(record).await {
            Ok(None) => {}
            Ok(Some(event)) => {
                to.announce(&event).await.map_err(Error::NotTold)?;
                told.events += 1;
            }
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                tracing::warn!(
                    subject = %record.record.subject, activity = %record.record.activity,
                    error = &error as &dyn std::error::Error, "nothing is told of a record",
                );
                told.unreadable += 1;
            }
        }
        Ok(())
    }

    /// What a record of the log tells other software, if anything.
    ///
    /// # Errors
    /// When what it names cannot be read.
    pub async fn result_of(&self, stored: &StoredRecord) -> Result<Option<ResultEvent>, Error> {
        let Some(leaf) = stored.leaf_index else {
            return Ok(None);
        };
        let record = read_record(stored.clone())?.0;
        let statement = record.statement();
        let time = record.circumstances().ended_at;
        let happened = match &statement.period {
            Some(period) => self.edition(statement, period, leaf).await?,
            None => self.of_document(statement, leaf).await?,
        };
        Ok(happened.map(|(pipeline, what)| ResultEvent {
            specversion: SpecVersion::V1,
            id: format!("{}/{}", statement.run_key, statement.generation),
            source: format!("/greffier/{pipeline}"),
            datacontenttype: JsonContentType::Json,
            subject: Some(statement.subject),
            time,
            what,
        }))
    }

    async fn edition(
        &self,
        statement: &Statement,
        period: &str,
        leaf: u64,
    ) -> Result<Option<(PipelineName, Happened)>, Error> {
        let activity = &statement.activity;
        for pipeline in self.pipelines.iter() {
            let name = pipeline.name();
            let editions = self.vault.ledger.editions(activity, name, Some(period));
            let found =
                (editions.await?.into_iter()).find(|edition| edition.run_key == statement.run_key);
            let Some(edition) = found else { continue };
            let written = EditionWritten {
                period: edition.period,
                number: edition.number,
                artifact: edition.artifact,
                run: edition.run_key,
                leaf,
            };
            match activity.as_str() {
                "alert" => {}
                "synthesise" => {
                    let what = Happened::SynthesisPublished(written);
                    return Ok(Some((name.clone(), what)));
                }
                // What people do with alerts, and who was told of them, stays in the house.
                _ => return Ok(None),
            }
            let subject = statement.subject;
            let envelope = self.vault.envelope(subject).await?;
            let set: AlertSet = (self.vault)
                .read_json(subject, &envelope, written.artifact)
                .await?;
            let mut alerts = BTreeMap::new();
            for alert in &set.alerts {
                *alerts.entry(alert.kind).or_insert(0) += 1;
            }
            if alerts.is_empty() {
                return Ok(None);
            }
            let edition = written;
            let what = Happened::AlertRaised(AlertRaised {
                edition,
                alerts,
                alert: None,
            });
            return Ok(Some((name.clone(), what)));
        }
        Ok(None)
    }

    async fn of_document(
        &self,
        statement: &Statement,
        leaf: u64,
    ) -> Result<Option<(PipelineName, Happened)>, Error> {
        let written = |kind: Kind| {
            let mut outputs = statement.outputs.iter();
            outputs.find(|named| named.kind == kind).map(|n| n.name)
        };
        let received = statement.activity == receive();
        let set_aside = statement.outcome == RunOutcome::Quarantine;
        let (decision, act) = (written(Kind::Decision), written(Kind::Act));
        if !received && !set_aside && decision.is_none() && act.is_none() {
            return Ok(None);
        }
        let id = statement.subject.as_document();
        let Some(row) = self.vault.ledger.document(id).await? else {
            return Ok(None);
        };
        let subject = SubjectId::from(id);
        let envelope = self.vault.envelope(subject).await?;
        let of = DocumentRef {
            document: id,
            intake: self.intake_of(&row).await?,
            run: statement.run_key,
            generation: statement.generation,
            leaf: Some(leaf),
        };
        let pipeline = row.pipeline.clone();
        let what = if set_aside {
            Happened::DocumentSetAside(DocumentSetAside {
                of,
                stage: statement.activity.clone(),
                reason: statement.reason.clone().unwrap_or_default(),
            })
        } else if received {
            Happened::DocumentReceived(DocumentReceived {
                of,
                parent: row.parent,
                duplicate_of: row.duplicate_of,
            })
        } else if let Some(name) = decision {
            let decision: Decision = self.vault.read_json(subject, &envelope, name).await?;
            let opened = self.open(row).await?;
            // One that is drawn for the measure is to be checked like any other.
            let drawn = decision.outcome == Outcome::Automatic && self.is_audited(&opened);
            Happened::DocumentRouted(DocumentRouted {
                of,
                outcome: if drawn {
                    Outcome::Review
                } else {
                    decision.outcome
                },
                service: decision.service,
            })
        } else if let Some(name) = act {
            let act: Act = self.vault.read_json(subject, &envelope, name).await?;
            let verdict = &act.verdict;
            Happened::DocumentDecided(DocumentDecided {
                of,
                service: verdict.service().cloned(),
                also: verdict.also().to_vec(),
                copies: verdict.copies().to_vec(),
                to_tell: matches!(verdict, Verdict::NotForUs { told: false, .. }),
            })
        } else {
            return Ok(None);
        };
        Ok(Some((pipeline, what)))
    }

    async fn intake_of(&self, row: &DocumentRow) -> Result<Option<IntakeRef>, Error> {
        // What lies in a document came by the message that brought it.
        let mut outermost = row.clone();
        while let Some(parent) = outermost.parent {
            match self.vault.ledger.document(parent).await? {
                Some(row) => outermost = row,
                None => break,
            }
        }
        let subject = SubjectId::from(outermost.id);
        let envelope = self.vault.envelope(subject).await?;
        let arrival: Arrival = (self.vault)
            .read_json(subject, &envelope, outermost.arrival)
            .await?;
        Ok(arrival.intake)
    }
}

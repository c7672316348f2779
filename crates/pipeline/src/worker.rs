//! A worker: takes a task, finds or makes its output, and records it.
//!
//! What makes delivery at-least-once and effect exactly-once: the output is a pure function of
//! what the run key names; artifacts are stored under names that their content determines before
//! anything refers to them; record, next task and new state are one transaction that also deletes
//! the task, and does nothing when the task is gone.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::message::{Task, Trace};
use domain::record::Record;
use domain::{
    Agent, Arrival, ArtifactName, DocumentId, Kind, Named, Quality, RunKey, RunOutcome, Source,
    StageName, Statement,
};
use privacy::Envelope;
use tracing::{Instrument as _, Span};

use crate::circumstances::{Build, Clock};
use crate::error::Error;
use crate::intake::{self, Incoming};
use crate::ledger::{
    Admission, Completed, Completion, DocumentRow, DocumentState, NewRecord, RouteView,
};
use crate::likeness;
use crate::pipelines::{Pipeline, Pipelines};
use crate::stage::{Child, Condition, Fault, Inputs, Output, RunIdentity, RunSettings, Stage};
use crate::vault::{Vault, latest_among};

/// Attempts after which a task is set aside, when each was cut short by the death of its worker.
///
/// What could kill a worker is read in a child process, so a death is nearly always a power cut,
/// a restart or an impatient person, and says nothing against the document: the limit is high, and
/// only ends a loop that nothing else would.
pub const ATTEMPTS_MAX: u32 = 50;

/// Why a task is set aside whose workers all died.
pub(crate) const EXHAUSTED: &str = "attempts-exhausted";
/// Why a task is set aside whose inputs do not open.
pub(crate) const UNREADABLE: &str = "broken-store";
/// Why a task is set aside whose stage wrote something it did not declare.
pub(crate) const UNDECLARED: &str = "undeclared-output";

/// How long a task waits that cannot be done with what is here: its pipeline or stage is not in
/// force, its document cannot be opened.
pub const BROKEN_RETRY_SECONDS: u32 = 3_600;

/// Where stages run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bench {
    /// On the runtime's pool of blocking threads.
    BlockingThreads,
    /// Where the worker is: for simulations, which have one thread.
    Here,
}

/// A worker.
#[derive(Clone)]
pub struct Worker {
    /// The ledger, blobs and keys.
    pub vault: Vault,
    /// The pipelines in force.
    pub pipelines: Arc<Pipelines>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What works here.
    pub build: Build,
    /// Where stages run.
    pub bench: Bench,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// The stage ran and its record is written.
    Done,
    /// Its record was already there: nothing ran.
    Remembered,
    /// The task was already finished.
    Stale,
    /// The stage has nothing to do with this document: nothing ran, nothing is recorded.
    PassedOver,
    /// Put off.
    Deferred {
        /// Why.
        reason: String,
    },
    /// Set aside for a person.
    Quarantined {
        /// Why.
        reason: String,
    },
    /// The house failed: the delivery went back, for whoever is handed it next. Never told by
    /// [`Worker::handle`], which gives the error.
    GivenBack,
}

impl Handled {
    /// Its word, in logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Remembered => "remembered",
            Self::Stale => "stale",
            Self::PassedOver => "passed_over",
            Self::Deferred { .. } => "deferred",
            Self::Quarantined { .. } => "quarantined",
            Self::GivenBack => "given_back",
        }
    }
}

/// A run about to happen.
struct Run {
    document: DocumentRow,
    stage: Arc<dyn Stage>,
    envelope: Envelope,
    inputs: Vec<Named>,
    settings: (domain::Digest, Vec<u8>),
    run_key: RunKey,
    /// Records of the document when the inputs were looked up.
    records_seen: u64,
}

/// What a stage wrote that rows say beside its record.
#[derive(Default)]
struct Written {
    children: Vec<Admission>,
    route: Option<RouteView>,
    likeness: Option<Vec<i64>>,
}

/// What everything logged about a delivery carries: the ids of its message's `traceparent`, so that
/// logs, traces and messages name the same thing.
fn span(task: &Task) -> Span {
    let trace = Trace::of(task);
    // At the level of errors: whatever is logged, it is logged with these.
    tracing::error_span!(
        "delivery",
        trace_id = %trace.trace_id, span_id = %trace.span_id,
        document.id = %task.document.as_document(), stage.name = %task.stage,
        attempt = tracing::field::Empty,
    )
}

impl Worker {
    /// Does what a task asks. Once this returns, whatever happened is durable.
    ///
    /// # Errors
    /// Only passing ones: the ledger or the store does not answer. What was done may be recorded,
    /// when only the answer was lost; the task is owed unless it is.
    pub async fn handle(&self, task: &Task) -> Result<Handled, Error> {
        let delivered = async {
            let started = std::time::Instant::now();
            let handled = self.deliver(task).await;
            if let Ok(handled) = &handled {
                let duration_ms = started.elapsed().as_millis() as u64;
                tracing::info!(outcome = handled.as_str(), duration_ms, "delivery ended");
            }
            handled
        };
        delivered.instrument(span(task)).await
    }

    async fn deliver(&self, task: &Task) -> Result<Handled, Error> {
        let error = match self.attempt(task).await {
            Ok(handled) => return Ok(handled),
            Err(error) => error,
        };
        if error.is_passing() {
            // An attempt that the house cut short says nothing about the document: put off until
            // now, it does not count. Should the ledger not hear this either, one attempt of
            // several is lost.
            let given_back = self.put_off(task, 0, "unavailable").await;
            if let Err(unheard) = given_back {
                tracing::debug!(stage.name = %task.stage, error = %unheard, "an attempt stays counted");
            }
            return Err(error);
        }
        // One task that cannot be done here must not stop those that can.
        let reason = match &error {
            Error::NoSuchPipeline { .. } | Error::NoSuchDocument(_) => "not-known-here",
            Error::NoEnvelope(_) => "no-envelope",
            Error::NoArtifact { .. } | Error::Sealed { .. } | Error::WrongArtifact { .. } => {
                UNREADABLE
            }
            _ => "broken-ledger",
        };
        tracing::error!(document.id = %task.document.as_document(), stage.name = %task.stage, error = %error, "a task cannot be done");
        self.put_off(task, BROKEN_RETRY_SECONDS, reason).await?;
        Ok(Handled::Deferred {
            reason: reason.to_owned(),
        })
    }

    async fn put_off(&self, task: &Task, seconds: u32, reason: &str) -> Result<(), Error> {
        let at = self.clock.now().plus_micros(i64::from(seconds) * 1_000_000);
        Ok(self.vault.ledger.defer(task, at, reason).await?)
    }

    async fn attempt(&self, task: &Task) -> Result<Handled, Error> {
        let Some(attempt) = self.vault.ledger.begin(task).await? else {
            return Ok(Handled::Stale);
        };
        Span::current().record("attempt", attempt);
        let run = self.prepare(task).await?;
        if let Some(known) = self
            .vault
            .ledger
            .record(run.run_key, task.generation)
            .await?
        {
            return self.remember(task, &run, known).await;
        }
        if attempt > ATTEMPTS_MAX {
            return self.set_aside(task, &run, attempt, EXHAUSTED.into()).await;
        }
        let started = self.clock.now();
        match self.concerns(&run).await {
            Ok(true) => {}
            Ok(false) => return self.pass_over(task, &run).await,
            Err(passing) if passing.is_passing() => return Err(passing),
            Err(broken) => {
                tracing::error!(document.id = %run.document.id, stage.name = %task.stage, error = %broken, "input cannot be read");
                return self.set_aside(task, &run, attempt, UNREADABLE.into()).await;
            }
        }
        let inputs = match self.load(&run).await {
            Ok(inputs) => inputs,
            Err(passing) if passing.is_passing() => return Err(passing),
            Err(broken) => {
                tracing::error!(document.id = %run.document.id, stage.name = %task.stage, error = %broken, "input cannot be read");
                return self.set_aside(task, &run, attempt, UNREADABLE.into()).await;
            }
        };
        match self.run(&run, inputs).await {
            Ok(output) => self.finish(task, &run, attempt, started, output).await,
            Err(Fault::RetryAfter {
                after_seconds,
                reason,
                go_on,
            }) => {
                if go_on {
                    self.go_on(task, &run).await?;
                }
                // At least a moment later: put off until now, it would be due while it is marked
                // as published.
                self.put_off(task, after_seconds.max(1), &reason).await?;
                Ok(Handled::Deferred { reason })
            }
            Err(Fault::Quarantine { reason, detail }) => {
                tracing::warn!(document.id = %run.document.id, stage.name = %task.stage, reason, detail, "set aside");
                self.set_aside(task, &run, attempt, reason).await
            }
        }
    }

    async fn prepare(&self, task: &Task) -> Result<Run, Error> {
        let id: DocumentId = task.document.as_document();
        let document = self
            .vault
            .ledger
            .document(id)
            .await?
            .ok_or_else(|| Error::NoSuchDocument(id.to_string()))?;
        let pipeline = self.pipelines.get(&task.pipeline)?;
        let stage = pipeline
            .stage(&task.stage)
            .ok_or_else(|| Error::NoSuchDocument(format!("{id} at stage {}", task.stage)))?
            .clone();
        let envelope = self.vault.envelope(task.document).await?;
        let records = self.vault.records(task.document).await?;
        // What the stage itself or one after it wrote is not its input: two stages of a path may
        // write the same kind, the later one over the earlier.
        let before: BTreeSet<&StageName> = pipeline
            .path(document.parent.is_some())
            .take_while(|name| **name != task.stage)
            .collect();
        let counts = |record: &Record| {
            let activity = &record.statement().activity;
            activity.as_str() == "receive" || before.contains(activity)
        };
        let inputs: Vec<Named> = stage
            .inputs()
            .iter()
            .filter_map(|kind| {
                latest_among(&records, *kind, counts).map(|w| Named {
                    kind: *kind,
                    name: w.name,
                })
            })
            .collect();
        let records_seen = records.len() as u64;
        let settings = RunSettings::of(stage.as_ref()).sealed()?;
        let run_key = run_key(&envelope, stage.as_ref(), &inputs, settings.0)?;
        Ok(Run {
            document,
            stage,
            envelope,
            inputs,
            settings,
            run_key,
            records_seen,
        })
    }

    /// Whether the stage has anything to do with the document.
    async fn concerns(&self, run: &Run) -> Result<bool, Error> {
        let Some(Condition { kind, holds }) = run.stage.condition() else {
            return Ok(true);
        };
        let Some(named) = run.inputs.iter().find(|input| input.kind == kind) else {
            return Ok(true);
        };
        let subject = run.document.id.into();
        let bytes = self.vault.read(subject, &run.envelope, named.name).await?;
        Ok(holds(&bytes))
    }

    /// Finishes the task of a stage that has nothing to do.
    async fn pass_over(&self, task: &Task, run: &Run) -> Result<Handled, Error> {
        let (next, state) = self.follow(task, run, RunOutcome::Done)?;
        let completion = Completion {
            finishes: task.clone(),
            record: None,
            settings: None,
            next,
            children: Vec::new(),
            state,
            route: None,
            likeness: None,
            records_seen: Some(run.records_seen),
        };
        Ok(match self.vault.ledger.complete(&completion).await? {
            Completed::Stale => Handled::Stale,
            _ => Handled::PassedOver,
        })
    }

    /// Owes what follows a stage that waits, unless it already ran on what is there. Done before
    /// the stage's task is put off: cut short in between, it is done again.
    async fn go_on(&self, task: &Task, run: &Run) -> Result<(), Error> {
        let (Some(next), _) = self.follow(task, run, RunOutcome::Done)? else {
            return Ok(());
        };
        let ahead = self.prepare(&next).await?;
        let known = self.vault.ledger.record(ahead.run_key, next.generation);
        if known.await?.is_none() {
            self.vault.ledger.owe(&next).await?;
        }
        Ok(())
    }

    async fn load(&self, run: &Run) -> Result<Inputs, Error> {
        let mut inputs = Inputs::default();
        for Named { kind, name } in &run.inputs {
            let bytes = self
                .vault
                .read(run.document.id.into(), &run.envelope, *name)
                .await?;
            inputs.insert(*kind, *name, bytes);
        }
        Ok(inputs)
    }

    async fn run(&self, run: &Run, inputs: Inputs) -> Result<Output, Fault> {
        let stage = run.stage.clone();
        match self.bench {
            Bench::Here => run_caught(stage.as_ref(), &inputs),
            Bench::BlockingThreads => {
                let span = Span::current();
                let work = move || span.in_scope(|| run_caught(stage.as_ref(), &inputs));
                tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
                    Err(Fault::Quarantine {
                        reason: "panic".into(),
                        detail: e.to_string(),
                    })
                })
            }
        }
    }

    async fn finish(
        &self,
        task: &Task,
        run: &Run,
        attempt: u32,
        started: domain::Timestamp,
        output: Output,
    ) -> Result<Handled, Error> {
        let subject = task.document;
        let declared: Vec<Kind> = output.artifacts.iter().map(|(kind, _)| *kind).collect();
        if declared != run.stage.outputs() {
            return self.set_aside(task, run, attempt, UNDECLARED.into()).await;
        }
        let Ok(route) = route_caught(run.stage.as_ref(), &output.artifacts) else {
            return self.set_aside(task, run, attempt, "panic".into()).await;
        };
        let secrets = &self.vault.secrets;
        let likeness = likeness::codes(secrets, &run.document, &output.artifacts);
        let mut outputs = Vec::with_capacity(output.artifacts.len());
        for (kind, bytes) in &output.artifacts {
            let name = self.vault.write(subject, &run.envelope, bytes).await?;
            outputs.push(Named { kind: *kind, name });
        }
        let pipeline = self.pipelines.get(&task.pipeline)?;
        let mut children = Vec::new();
        let mut ids = Vec::new();
        for child in output.children {
            let (id, admission) = self.admit_child(run, pipeline, child).await?;
            ids.push(id);
            children.extend(admission);
        }
        let statement = self.statement(
            task,
            run,
            RunOutcome::Done,
            None,
            outputs,
            ids,
            output.quality,
        );
        let written = Written {
            children,
            route,
            likeness,
        };
        let completed = self
            .commit(task, run, statement, attempt, started, written)
            .await?;
        Ok(match completed {
            Completed::New | Completed::StillOwed => Handled::Done,
            Completed::AlreadyRecorded => Handled::Remembered,
            Completed::Stale => Handled::Stale,
        })
    }

    async fn admit_child(
        &self,
        run: &Run,
        pipeline: &Pipeline,
        child: Child,
    ) -> Result<(DocumentId, Option<Admission>), Error> {
        let incoming = incoming_child(&run.document, pipeline, child);
        intake::prepare(&self.vault, &incoming, self.clock.as_ref(), &self.build).await
    }

    async fn set_aside(
        &self,
        task: &Task,
        run: &Run,
        attempt: u32,
        reason: String,
    ) -> Result<Handled, Error> {
        let statement = self.statement(
            task,
            run,
            RunOutcome::Quarantine,
            Some(reason.clone()),
            Vec::new(),
            Vec::new(),
            None,
        );
        let started = self.clock.now();
        let completed = self
            .commit(task, run, statement, attempt, started, Written::default())
            .await?;
        Ok(match completed {
            Completed::New | Completed::StillOwed => Handled::Quarantined { reason },
            Completed::AlreadyRecorded => Handled::Remembered,
            Completed::Stale => Handled::Stale,
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a statement's parts, each named once"
    )]
    fn statement(
        &self,
        task: &Task,
        run: &Run,
        outcome: RunOutcome,
        reason: Option<String>,
        outputs: Vec<Named>,
        children: Vec<DocumentId>,
        quality: Option<Quality>,
    ) -> Statement {
        let mut models = run.stage.models();
        models.sort();
        Statement {
            subject: task.document,
            activity: task.stage.clone(),
            agent: Agent::Software {
                version: run.stage.version(),
            },
            run_key: run.run_key,
            generation: task.generation,
            inputs: run.inputs.clone(),
            input_runs: Vec::new(),
            period: None,
            settings: run.settings.0,
            models,
            outcome,
            reason,
            outputs,
            children,
            quality,
        }
    }

    async fn commit(
        &self,
        task: &Task,
        run: &Run,
        statement: Statement,
        attempt: u32,
        started: domain::Timestamp,
        written: Written,
    ) -> Result<Completed, Error> {
        let outcome = statement.outcome;
        let models = !statement.models.is_empty();
        let circumstances = self
            .build
            .circumstances(started, self.clock.now(), attempt, models);
        let record = NewRecord {
            run_key: run.run_key,
            generation: task.generation,
            subject: task.document,
            activity: task.stage.clone(),
            outcome,
            bytes: Record::new(statement, circumstances).to_bytes()?,
        };
        let (next, state) = self.follow(task, run, outcome)?;
        let completion = Completion {
            finishes: task.clone(),
            record: Some(record),
            settings: Some(run.settings.clone()),
            next,
            children: written.children,
            state,
            route: written.route,
            likeness: written.likeness,
            records_seen: Some(run.records_seen),
        };
        Ok(self.vault.ledger.complete(&completion).await?)
    }

    fn follow(
        &self,
        task: &Task,
        run: &Run,
        outcome: RunOutcome,
    ) -> Result<(Option<Task>, DocumentState), Error> {
        if outcome == RunOutcome::Quarantine {
            return Ok((None, DocumentState::Quarantined));
        }
        let attachment = run.document.parent.is_some();
        let next = self.pipelines.get(&task.pipeline)?.after(task, attachment);
        let state = if next.is_some() {
            DocumentState::Processing
        } else {
            DocumentState::Done
        };
        Ok((next, state))
    }

    async fn remember(
        &self,
        task: &Task,
        run: &Run,
        known: crate::ledger::StoredRecord,
    ) -> Result<Handled, Error> {
        let (record, _) = crate::vault::read_record(known)?;
        let statement = record.statement();
        let mut artifacts = Vec::new();
        // What rows say beside records is said again from the artifacts.
        let in_rows = |kind: &Kind| matches!(kind, Kind::Decision | Kind::Sketch);
        if run.stage.outputs().iter().any(in_rows) {
            for named in &statement.outputs {
                let bytes = self
                    .vault
                    .read(task.document, &run.envelope, named.name)
                    .await?;
                artifacts.push((named.kind, bytes));
            }
        }
        let (next, state) = self.follow(task, run, statement.outcome)?;
        let route = route_caught(run.stage.as_ref(), &artifacts).unwrap_or_default();
        let likeness = likeness::codes(&self.vault.secrets, &run.document, &artifacts);
        let completion = Completion {
            finishes: task.clone(),
            record: None,
            settings: None,
            next,
            children: Vec::new(),
            state,
            route,
            likeness,
            records_seen: Some(run.records_seen),
        };
        Ok(match self.vault.ledger.complete(&completion).await? {
            Completed::Stale => Handled::Stale,
            Completed::New | Completed::AlreadyRecorded | Completed::StillOwed => {
                Handled::Remembered
            }
        })
    }
}

/// A document found within another, as it arrives.
pub(crate) fn incoming_child(parent: &DocumentRow, pipeline: &Pipeline, child: Child) -> Incoming {
    Incoming {
        collection: parent.collection.clone(),
        pipeline: parent.pipeline.clone(),
        first_stage: pipeline.first(true).cloned(),
        class: pipeline.source.file.class,
        arrival: Arrival {
            format: domain::arrival::ArrivalFormat::V1,
            source: Source::Part {
                parent: parent.id,
                part: child.part,
            },
            file_name: Some(child.name),
            media_type: Some(child.media_type),
            received_at: parent.received_at,
            channel: None,
            metadata: std::collections::BTreeMap::new(),
            columns: None,
            intake: None,
        },
        bytes: child.bytes,
        generation: 0,
    }
}

/// The key of a stage's run over named inputs.
///
/// # Errors
/// Never for these values; the type says so because JSON can fail in general.
pub fn run_key(
    envelope: &Envelope,
    stage: &dyn Stage,
    inputs: &[Named],
    settings: domain::Digest,
) -> Result<RunKey, Error> {
    let activity = stage.name();
    let names: Vec<ArtifactName> = inputs.iter().map(|n| n.name).collect();
    let identity = RunIdentity {
        activity: &activity,
        version: stage.version(),
        inputs: &names,
        input_runs: &[],
        period: None,
        settings,
    };
    Ok(envelope.run_key(&domain::canonical::to_bytes(&identity)?))
}

/// What a stage says of the route, or its panic.
fn route_caught(
    stage: &dyn Stage,
    artifacts: &[(Kind, Vec<u8>)],
) -> std::thread::Result<Option<RouteView>> {
    catch_unwind(AssertUnwindSafe(|| stage.route(artifacts)))
}

/// Runs a stage; a panic is a bug of ours, and sets the document aside rather than the process.
pub(crate) fn run_caught(stage: &dyn Stage, inputs: &Inputs) -> Result<Output, Fault> {
    catch_unwind(AssertUnwindSafe(|| stage.run(inputs))).unwrap_or_else(|panic| {
        // The message may quote the document, and goes nowhere; the panic hook says where it was.
        drop(panic);
        tracing::error!(stage.name = %stage.name(), "a stage panicked");
        Err(Fault::Quarantine {
            reason: "panic".into(),
            detail: "the stage panicked".into(),
        })
    })
}

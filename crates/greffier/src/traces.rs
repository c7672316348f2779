//! The life of documents as distributed traces, told to a collector where one is configured.
//!
//! Spans are made of provenance records, which say when each stage ran: what a worker did is told even
//! when it died right after, and no worker knows a collector. Ids are those of the messages'
//! `traceparent`, so that logs, messages and traces name the same thing: a trace a document, from its
//! reception to the index. They carry ids, stages, outcomes and times, and never content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use domain::message::Trace;
use domain::{Agent, RunOutcome, SubjectId, Timestamp};
use pipeline::desk::Desk;
use pipeline::vault::read_record;
use serde_json::{Value, json};
use web::collector::Collector;

use crate::reconcilers::is_reconciler;

/// Records told at a time.
const BATCH: u32 = 500;
/// What a trace begins with, and what it ends with: the index is no task and no record.
const RECEIVE: &str = "receive";
const INDEX: &str = "index";

/// Tells a collector what was recorded.
pub struct Traces {
    collector: Collector,
    path: PathBuf,
    /// Leaf of the log that is told next; not known before the first look.
    position: Option<u64>,
}

impl Traces {
    /// Tells this collector, from where that was left.
    pub fn open(data: &Path, collector: Collector) -> Self {
        let path = data.join("traces.json");
        let position = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            collector,
            path,
            position,
        }
    }

    /// Tells what was recorded since, and that the index followed it at these moments. What was recorded
    /// before a collector was configured is not told. How many spans it took.
    ///
    /// # Errors
    /// When the ledger or the collector does not answer: told again at the next look.
    pub async fn follow(
        &mut self,
        desk: &Desk,
        indexed: (Timestamp, Timestamp),
        followed: u64,
    ) -> Result<u64> {
        let mut told = 0;
        let mut position = match self.position {
            Some(position) if position <= followed => position,
            _ => followed,
        };
        while position < followed {
            let records = desk.vault.ledger.log(position, BATCH).await?;
            let mut spans = Vec::new();
            // The last stage of each document, and its leaf: what the index then followed.
            let mut last: BTreeMap<SubjectId, (u64, Trace)> = BTreeMap::new();
            for stored in records {
                let (record, leaf) = read_record(stored)?;
                let leaf = leaf.unwrap_or(position);
                position = leaf + 1;
                let statement = record.statement();
                let activity = statement.activity.as_str();
                let by_software = matches!(statement.agent, Agent::Software { .. });
                if !by_software || is_reconciler(activity) {
                    continue;
                }
                let generation = statement.generation;
                let trace = Trace::of_step(statement.subject, activity, generation);
                let circumstances = record.circumstances();
                spans.push(span(
                    &trace,
                    activity,
                    (circumstances.started_at, circumstances.ended_at),
                    (activity != RECEIVE)
                        .then(|| Trace::of_step(statement.subject, RECEIVE, 0).span_id),
                    &[
                        (
                            "document.id",
                            json!({"stringValue": statement.subject.as_document().to_string()}),
                        ),
                        ("stage.name", json!({"stringValue": activity})),
                        (
                            "attempt",
                            json!({"intValue": circumstances.attempt.to_string()}),
                        ),
                    ],
                    statement.outcome,
                ));
                last.insert(statement.subject, (leaf, trace));
            }
            for (subject, (leaf, stage)) in last {
                // A document is indexed again with what was written since: each time a span of its own.
                let generation = u32::try_from(leaf).unwrap_or(u32::MAX);
                let trace = Trace::of_step(subject, INDEX, generation);
                let id = subject.as_document().to_string();
                let attributes = [
                    ("document.id", json!({"stringValue": id})),
                    ("stage.name", json!({"stringValue": INDEX})),
                ];
                spans.push(span(
                    &trace,
                    INDEX,
                    indexed,
                    Some(stage.span_id),
                    &attributes,
                    RunOutcome::Done,
                ));
            }
            if !spans.is_empty() {
                let count = spans.len() as u64;
                let body = serde_json::to_vec(&request(spans))?;
                self.collector.take_traces(&body).await?;
                told += count;
            }
            self.keep(position)?;
        }
        self.keep(position)?;
        Ok(told)
    }

    fn keep(&mut self, position: u64) -> Result<()> {
        if self.position == Some(position) {
            return Ok(());
        }
        self.position = Some(position);
        let part = self.path.with_extension("json.part");
        let said = || format!("cannot write {}", self.path.display());
        std::fs::write(&part, position.to_string()).with_context(said)?;
        std::fs::rename(&part, &self.path).with_context(said)
    }
}

/// A span, as OTLP writes it in JSON: ids in hexadecimal, moments in nanoseconds as text.
fn span(
    trace: &Trace,
    name: &str,
    (started, ended): (Timestamp, Timestamp),
    parent: Option<String>,
    attributes: &[(&str, Value)],
    outcome: RunOutcome,
) -> Value {
    let nanoseconds = |at: Timestamp| format!("{}000", at.micros().max(0));
    let attributes: Vec<Value> = attributes
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    let mut span = json!({
        "traceId": trace.trace_id, "spanId": trace.span_id, "name": name,
        // Within one service.
        "kind": 1,
        "startTimeUnixNano": nanoseconds(started), "endTimeUnixNano": nanoseconds(ended),
        "attributes": attributes,
        "status": {"code": if outcome == RunOutcome::Done { 1 } else { 2 }},
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = parent.into();
    }
    span
}

fn request(spans: Vec<Value>) -> Value {
    let of_us = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let version = env!("CARGO_PKG_VERSION");
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            of_us("service.name", "greffier"), of_us("service.version", version),
        ]},
        "scopeSpans": [{"scope": {"name": "greffier", "version": version}, "spans": spans}],
    }]})
}

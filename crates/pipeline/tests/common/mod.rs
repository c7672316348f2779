//! A small house for tests: a ledger and blobs in memory, and toy stages that obey what is written
//! in the document.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "each test binary uses its part of the house"
)]

pub(crate) mod model;
pub(crate) mod toys;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::arrival::ArrivalFormat;
use domain::message::Class;
use domain::{Arrival, DocumentId, Source, Timestamp};
use pipeline::circumstances::{Build, Clock};
use pipeline::desk::Desk;
use pipeline::file::SourceFile;
use pipeline::intake::{self, Incoming};
use pipeline::ledger::Admitted;
use pipeline::pipelines::{Pipeline, Pipelines};
use pipeline::stage::Stage;
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger};
use pipeline::vault::Vault;
use pipeline::verify::Verification;
use pipeline::worker::{Bench, Worker};
use privacy::Secrets;

use self::toys::Tool;

/// The pipeline file of the house.
pub(crate) const PIPELINE: &str = r#"
pipeline = "mail"
title = "Courrier"
collection = "town"
accepts = ["files"]
stages = ["extract", "split", "route"]
attachment_stages = ["extract", "split"]

[[services]]
id = "voirie"
name = "Voirie"
description = "routes et éclairage"

[[services]]
id = "etat-civil"
name = "État civil"
description = "naissances, mariages, décès"

[[rules]]
id = "lampadaire"
service = "voirie"
any = ["lampadaire"]
"#;

/// When every document of the house is received, but for those that say otherwise.
pub(crate) const RECEIVED: &str = "2026-11-18T08:00:00Z";

/// A clock that stands still until it is moved.
pub(crate) struct StillClock(AtomicI64);

impl StillClock {
    /// Stands at `moment`.
    pub(crate) fn at(moment: &str) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(
            moment.parse::<Timestamp>().unwrap().micros(),
        )))
    }

    /// Moves on.
    pub(crate) fn advance_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// What works in the house.
pub(crate) fn build() -> Build {
    Build {
        build: "toys 1".into(),
        platform: "paper".into(),
        runtime: None,
    }
}

/// The pipelines of the house with these stages.
pub(crate) fn pipelines(stages: Vec<Arc<dyn Stage>>) -> Arc<Pipelines> {
    pipelines_of(PIPELINE.to_owned(), stages)
}

/// The pipeline of this file with these stages.
pub(crate) fn pipelines_of(file: String, stages: Vec<Arc<dyn Stage>>) -> Arc<Pipelines> {
    let source = SourceFile::parse("mail.toml", file).unwrap();
    Arc::new(Pipelines::new(vec![
        Pipeline::new(Arc::new(source), stages).unwrap(),
    ]))
}

/// A document that arrives under an external id.
pub(crate) fn incoming(external_id: &str, bytes: &str) -> Incoming {
    incoming_from(Source::External(external_id.to_owned()), bytes)
}

/// A document that arrives from `source`.
pub(crate) fn incoming_from(source: Source, bytes: &str) -> Incoming {
    Incoming {
        collection: "town".parse().unwrap(),
        pipeline: "mail".parse().unwrap(),
        first_stage: Some("extract".parse().unwrap()),
        class: Class::Normal,
        arrival: Arrival {
            format: ArrivalFormat::V1,
            source,
            file_name: None,
            media_type: Some("text/plain".into()),
            received_at: RECEIVED.parse().unwrap(),
            channel: Some("guichet".into()),
            metadata: std::collections::BTreeMap::new(),
            columns: None,
            intake: None,
        },
        bytes: bytes.as_bytes().to_vec(),
        generation: 0,
    }
}

/// A house.
#[derive(Clone)]
pub(crate) struct House {
    /// Its ledger, to tamper with.
    pub(crate) ledger: Arc<MemoryLedger>,
    /// Its blobs, to damage.
    pub(crate) blobs: Arc<MemoryBlobs>,
    /// Both, with the keys.
    pub(crate) vault: Vault,
    /// Its pipelines.
    pub(crate) pipelines: Arc<Pipelines>,
    /// Its clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// The tool that scans need.
    pub(crate) tool: Tool,
}

impl House {
    /// A house where nothing fails and the tool is at hand.
    pub(crate) fn new() -> Self {
        Self::over(
            MemoryLedger::new(),
            MemoryBlobs::new(),
            StillClock::at("2026-11-18T09:30:00Z"),
        )
    }

    /// A house over these parts.
    pub(crate) fn over(ledger: MemoryLedger, blobs: MemoryBlobs, clock: Arc<dyn Clock>) -> Self {
        let (ledger, blobs) = (Arc::new(ledger), Arc::new(blobs));
        let tool = Tool::at_hand();
        let vault = Vault {
            ledger: ledger.clone(),
            blobs: blobs.clone(),
            secrets: Arc::new(Secrets::derived(b"a house for tests").unwrap()),
        };
        let pipelines = pipelines(toys::all(&tool));
        Self {
            ledger,
            blobs,
            vault,
            pipelines,
            clock,
            tool,
        }
    }

    /// A worker of the house.
    pub(crate) fn worker(&self) -> Worker {
        Worker {
            vault: self.vault.clone(),
            pipelines: self.pipelines.clone(),
            clock: self.clock.clone(),
            build: build(),
            bench: Bench::BlockingThreads,
        }
    }

    /// The desk of the house.
    pub(crate) fn desk(&self) -> Desk {
        Desk {
            vault: self.vault.clone(),
            pipelines: self.pipelines.clone(),
            clock: self.clock.clone(),
            build: build(),
            reach: domain::Reach::Everything,
        }
    }

    /// Lets a document enter.
    pub(crate) async fn admit(&self, incoming: &Incoming) -> (DocumentId, Admitted) {
        intake::admit(&self.vault, incoming, self.clock.as_ref(), &build())
            .await
            .unwrap()
    }

    /// Lets documents enter and works until nothing is due; gives their ids.
    pub(crate) async fn process(&self, documents: &[(&str, &str)]) -> Vec<DocumentId> {
        let mut ids = Vec::new();
        for (name, bytes) in documents {
            ids.push(self.admit(&incoming(name, bytes)).await.0);
        }
        self.work().await;
        ids
    }

    /// Works until nothing is due, and seals the log. One worker, so that the log has one order.
    pub(crate) async fn work(&self) -> pipeline::engine::Totals {
        let patience = std::time::Duration::ZERO;
        let totals = pipeline::engine::run_until_idle(&self.worker(), 1, patience, None)
            .await
            .unwrap();
        pipeline::log::checkpoint(&self.vault).await.unwrap();
        totals
    }

    /// Seals the log and checks everything.
    pub(crate) async fn verify(&self) -> Verification {
        pipeline::log::checkpoint(&self.vault).await.unwrap();
        pipeline::verify::verify(&self.vault, None, &|_, _| {})
            .await
            .unwrap()
    }
}

//! A stage that waits for a tool while those after it go on with what there is, and a stage that
//! has nothing to do.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use common::toys::{self, PATIENCE_SECONDS, Toy};
use common::{House, PIPELINE, StillClock, incoming, pipelines_of};
use domain::{DocumentId, Kind, PassageSet, StageName, SubjectId};
use pipeline::ledger::{DocumentState, Ledger};
use pipeline::stage::{Condition, Fault, Inputs, Output, Stage};
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger};
use pipeline::vault::latest_of;

/// Reads "scans" in capitals, with a tool; concerns documents that say `scan`.
struct Capitals(Toy, toys::Tool);

impl Stage for Capitals {
    fn name(&self) -> StageName {
        self.0.name()
    }
    fn version(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Raw, Kind::Text]
    }
    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Text]
    }
    fn settings(&self) -> &serde_json::Value {
        self.0.settings()
    }
    fn models(&self) -> Vec<domain::ModelRef> {
        Vec::new()
    }
    fn condition(&self) -> Option<Condition> {
        Some(Condition {
            kind: Kind::Text,
            holds: |text| text.windows(4).any(|w| w == b"scan"),
        })
    }
    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        if !self.1.is_at_hand() {
            return Err(Fault::RetryAfter {
                after_seconds: PATIENCE_SECONDS,
                reason: "needs-tool".into(),
                go_on: true,
            });
        }
        let text = inputs.text(Kind::Text)?.to_uppercase();
        Ok(Output::of(Kind::Text, text.into_bytes()))
    }
}

fn house() -> (House, Arc<StillClock>) {
    let clock = StillClock::at("2026-11-18T09:30:00Z");
    let mut house = House::over(MemoryLedger::new(), MemoryBlobs::new(), clock.clone());
    let mut stages = toys::all(&house.tool);
    let named = Toy {
        name: "capitals",
        ..toys::extract(&house.tool)
    };
    stages.push(Arc::new(Capitals(named, house.tool.clone())));
    let file = PIPELINE.replace(
        r#"["extract", "split""#,
        r#"["extract", "capitals", "split""#,
    );
    house.pipelines = pipelines_of(file, stages);
    (house, clock)
}

/// The activities recorded of a document, in order.
async fn activities(house: &House, id: DocumentId) -> Vec<String> {
    let records = house.vault.records(SubjectId::from(id)).await.unwrap();
    let names = records
        .iter()
        .map(|(r, _)| r.statement().activity.to_string());
    names.collect()
}

/// The text that the latest passages refer to.
async fn text_of_passages(house: &House, id: DocumentId) -> String {
    let subject = SubjectId::from(id);
    let records = house.vault.records(subject).await.unwrap();
    let envelope = house.vault.envelope(subject).await.unwrap();
    let passages = latest_of(&records, Kind::Passages).unwrap().name;
    let set: PassageSet = house
        .vault
        .read_json(subject, &envelope, passages)
        .await
        .unwrap();
    let text = house
        .vault
        .read(subject, &envelope, set.text_version)
        .await
        .unwrap();
    String::from_utf8(text).unwrap()
}

async fn state(house: &House, id: DocumentId) -> DocumentState {
    house.ledger.document(id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn what_has_nothing_to_do_is_passed_over() {
    let (house, _) = house();
    house.tool.set(false);
    let (id, _) = house.admit(&incoming("A", "une lettre\n")).await;
    let totals = house.work().await;
    assert_eq!(totals.passed_over, 1);
    assert_eq!(
        activities(&house, id).await,
        ["receive", "extract", "split", "route"]
    );
    assert_eq!(state(&house, id).await, DocumentState::Done);
    assert_eq!(house.ledger.counts().await.unwrap().tasks, 0);
    assert!(house.verify().await.holds());
}

#[tokio::test]
async fn what_waits_lets_the_others_go_on_and_they_run_again_after_it() {
    let (house, clock) = house();
    house.tool.set(false);
    let (id, _) = house.admit(&incoming("A", "un scan\n")).await;
    house.work().await;
    // Routed on what could be read; the stage is owed, and says why.
    assert_eq!(
        activities(&house, id).await,
        ["receive", "extract", "split", "route"]
    );
    assert_eq!(state(&house, id).await, DocumentState::Done);
    let owed = house.ledger.owed().await.unwrap();
    assert_eq!(owed.len(), 1);
    assert_eq!(owed[0].1.as_deref(), Some("needs-tool"));
    assert_eq!(text_of_passages(&house, id).await, "un scan\n\u{c}");
    assert!(house.verify().await.holds());

    // Still no tool: nothing is done twice.
    clock.advance_seconds(i64::from(PATIENCE_SECONDS) + 1);
    let again = house.work().await;
    assert_eq!((again.done, again.deferred), (0, 1));
    assert_eq!(activities(&house, id).await.len(), 4);

    house.tool.set(true);
    clock.advance_seconds(i64::from(PATIENCE_SECONDS) + 1);
    house.work().await;
    assert_eq!(
        activities(&house, id).await,
        [
            "receive", "extract", "split", "route", "capitals", "split", "route"
        ]
    );
    assert_eq!(text_of_passages(&house, id).await, "UN SCAN\n\u{c}");
    assert_eq!(house.ledger.counts().await.unwrap().tasks, 0);
    assert!(house.verify().await.holds());
    // A redelivery finds its record: the stage does not take its own text for its input.
    let task = owed[0].0.clone();
    house.ledger.owe(&task).await.unwrap();
    house.work().await;
    assert_eq!(activities(&house, id).await.len(), 7);
}

#[tokio::test]
async fn a_stage_that_read_what_was_replaced_meanwhile_runs_again() {
    let (house, clock) = house();
    house.tool.set(false);
    let (id, _) = house.admit(&incoming("A", "un scan\n")).await;
    let worker = house.worker();
    let next = |tasks: Vec<(domain::message::Task, Option<String>)>, stage: &str| {
        let mut found = tasks.into_iter().map(|(task, _)| task);
        found.find(|task| task.stage.as_str() == stage).unwrap()
    };
    for stage in ["extract", "capitals"] {
        let task = next(house.ledger.owed().await.unwrap(), stage);
        worker.handle(&task).await.unwrap();
    }
    // `split` is owed on the first text. While it runs, the tool comes and the text is replaced.
    let split = next(house.ledger.owed().await.unwrap(), "split");
    let slow = {
        let (house, clock) = (house.clone(), clock.clone());
        toys::split(&house.tool.clone()).doing(move |before, inputs| {
            if !house.tool.is_at_hand() {
                house.tool.set(true);
                clock.advance_seconds(i64::from(PATIENCE_SECONDS) + 1);
                let owed = futures::executor::block_on(house.ledger.owed()).unwrap();
                let capitals = next(owed, "capitals");
                futures::executor::block_on(house.worker().handle(&capitals)).unwrap();
            }
            before.run(inputs)
        })
    };
    let file = PIPELINE.replace(
        r#"["extract", "split""#,
        r#"["extract", "capitals", "split""#,
    );
    let mut stages = toys::all(&house.tool);
    stages.retain(|stage| stage.name().as_str() != "split");
    stages.push(Arc::new(slow));
    let named = Toy {
        name: "capitals",
        ..toys::extract(&house.tool)
    };
    stages.push(Arc::new(Capitals(named, house.tool.clone())));
    let mut racing = worker.clone();
    racing.pipelines = pipelines_of(file, stages);
    racing.handle(&split).await.unwrap();
    house.work().await;
    assert_eq!(text_of_passages(&house, id).await, "UN SCAN\n\u{c}");
    assert_eq!(house.ledger.counts().await.unwrap().tasks, 0);
    assert!(house.verify().await.holds());
}

//! Editions: the same inputs make the same edition, whoever asks, in whatever order; another input
//! makes the next; none ever changes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::{House, StillClock, build};
use domain::{Kind, RunKey};
use pipeline::Error;
use pipeline::ledger::{Edition, Ledger};
use pipeline::reconcile::{Made, Making, publish};
use pipeline::testing::memory::{Fate, MemoryBlobs, MemoryLedger};

const WEEK: &str = "2026-W47";

async fn input_runs(house: &House) -> Vec<RunKey> {
    let ids = house
        .process(&[("A", "a\n"), ("B", "b\n"), ("C", "c\n")])
        .await;
    let mut runs = Vec::new();
    for id in ids {
        let written = house
            .vault
            .latest(id.into(), Kind::Text)
            .await
            .unwrap()
            .unwrap();
        runs.push(written.record.statement().run_key);
    }
    runs
}

fn making(period: &str, input_runs: &[RunKey]) -> Making {
    Making {
        reconciler: "synthesise".parse().unwrap(),
        version: 1,
        pipeline: "mail".parse().unwrap(),
        collection: "town".parse().unwrap(),
        period: period.to_owned(),
        input_runs: input_runs.to_vec(),
        settings: serde_json::json!({"quotes": 3}),
        models: Vec::new(),
        kind: Kind::Synthesis,
    }
}

async fn make(house: &House, making: Making, bytes: &str) -> Result<Made, Error> {
    let make = || Ok::<_, Error>(bytes.as_bytes().to_vec());
    publish(&house.vault, making, house.clock.as_ref(), &build(), make).await
}

async fn editions(house: &House) -> Vec<Edition> {
    let (reconciler, pipeline) = ("synthesise".parse().unwrap(), "mail".parse().unwrap());
    house
        .ledger
        .editions(&reconciler, &pipeline, None)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_inputs_in_any_order_are_one_edition() {
    let house = House::new();
    let runs = input_runs(&house).await;
    let first = make(&house, making(WEEK, &runs), "one").await.unwrap();
    assert!(first.new);
    assert_eq!(
        (first.edition.number, first.edition.period.as_str()),
        (1, WEEK)
    );
    let records = house.ledger.counts().await.unwrap().records;

    let mut turned = runs.clone();
    turned.reverse();
    turned.push(runs[0]);
    // What is there is read again, not made again: the bytes are those of the first.
    let again = make(&house, making(WEEK, &turned), "never made")
        .await
        .unwrap();
    assert!(!again.new);
    assert_eq!(
        (again.edition, again.bytes),
        (first.edition.clone(), b"one".to_vec())
    );
    assert_eq!(editions(&house).await, [first.edition]);
    assert_eq!(house.ledger.counts().await.unwrap().records, records);
    assert!(house.verify().await.holds());
}

#[tokio::test]
async fn whatever_else_goes_in_is_the_next_edition_and_the_first_stays() {
    let house = House::new();
    let runs = input_runs(&house).await;
    let first = make(&house, making(WEEK, &runs[..2]), "one").await.unwrap();
    let late = make(&house, making(WEEK, &runs), "two").await.unwrap();
    let newer = Making {
        version: 2,
        ..making(WEEK, &runs)
    };
    let newer = make(&house, newer, "three").await.unwrap();
    let other = Making {
        settings: serde_json::json!({"quotes": 4}),
        ..making(WEEK, &runs)
    };
    let other = make(&house, other, "three").await.unwrap();
    let next_week = make(&house, making("2026-W48", &runs), "one")
        .await
        .unwrap();
    let made = [&first, &late, &newer, &other, &next_week];
    assert!(made.iter().all(|made| made.new));
    assert_eq!(made.map(|made| made.edition.number), [1, 2, 3, 4, 1]);
    assert_eq!(
        editions(&house).await,
        made.map(|made| made.edition.clone())
    );

    // Editions of a series share an envelope, other series have their own.
    let subjects = house.ledger.edition_subjects().await.unwrap();
    assert_eq!(subjects.len(), 2);
    assert_eq!(late.edition.subject, first.edition.subject);
    assert_ne!(
        next_week.edition.artifact, first.edition.artifact,
        "the same bytes elsewhere"
    );
    let envelope = house.vault.envelope(first.edition.subject).await.unwrap();
    let bytes = house
        .vault
        .read(first.edition.subject, &envelope, first.edition.artifact)
        .await;
    assert_eq!(bytes.unwrap(), b"one");
    let verification = house.verify().await;
    assert!(verification.holds(), "{:#?}", verification.findings);
}

#[tokio::test]
async fn a_failure_leaves_an_edition_whole_or_not_there() {
    let points = ["envelope_or", "editions", "write", "publish_edition"];
    for doing in points {
        for after in [false, true] {
            let failed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let hook = |failed: std::sync::Arc<std::sync::atomic::AtomicBool>| {
                Box::new(move |point: &'static str, is_after: bool| {
                    let here = point == doing && is_after == after;
                    let armed = failed.load(std::sync::atomic::Ordering::SeqCst);
                    if here && armed {
                        failed.store(false, std::sync::atomic::Ordering::SeqCst);
                        return Fate::Fail;
                    }
                    Fate::Proceed
                })
            };
            let house = House::over(
                MemoryLedger::with_hook(hook(failed.clone())),
                MemoryBlobs::with_hook(hook(failed.clone())),
                StillClock::at("2026-11-23T08:00:00Z"),
            );
            let runs = input_runs(&house).await;
            failed.store(true, std::sync::atomic::Ordering::SeqCst);
            let error = make(&house, making(WEEK, &runs), "one").await.unwrap_err();
            assert!(error.is_passing());
            let there = !editions(&house).await.is_empty();
            assert_eq!(there, doing == "publish_edition" && after);
            let made = make(&house, making(WEEK, &runs), "one").await.unwrap();
            assert_eq!(
                (made.new, made.edition.number),
                (!there, 1),
                "{doing} {after}"
            );
            assert_eq!(editions(&house).await.len(), 1);
            assert!(house.verify().await.holds());
        }
    }
}

#[tokio::test]
async fn two_who_make_at_once_make_one_edition_each_that_differs() {
    // The hook does nothing but make every step yield, so that the two go on in turns.
    let house = House::over(
        MemoryLedger::with_hook(Box::new(|_, _| Fate::Proceed)),
        MemoryBlobs::new(),
        StillClock::at("2026-11-23T08:00:00Z"),
    );
    let runs = input_runs(&house).await;
    let same = || make(&house, making(WEEK, &runs), "one");
    let (one, other) = futures::join!(same(), same());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.edition, other.edition);
    assert!(one.new && !other.new);

    // Of two that differ one gets the number; the other hears it, and gets the next when it asks
    // again.
    let (one, other) = futures::join!(
        make(&house, making(WEEK, &runs[..1]), "two"),
        make(&house, making(WEEK, &runs[1..]), "three"),
    );
    assert_eq!(one.unwrap().edition.number, 2);
    assert!(other.unwrap_err().is_passing());
    let other = make(&house, making(WEEK, &runs[1..]), "three")
        .await
        .unwrap();
    assert_eq!(other.edition.number, 3);
    assert!(house.verify().await.holds());
}

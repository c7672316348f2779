//! The embedded house at work: everything that is owed is done, whatever fails on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use common::model::{Expected, expected};
use common::{House, StillClock, incoming, toys};
use domain::message::Task;
use domain::{Kind, Source, SubjectId, Timestamp};
use pipeline::circumstances::Clock;
use pipeline::engine::{Totals, run_until_idle};
use pipeline::ledger::{DocumentFilter, DocumentState, Ledger};
use pipeline::stage::{Fault, Stage};
use pipeline::testing::memory::{Fate, MemoryBlobs, MemoryLedger, Tampering};
use pipeline::worker::{ATTEMPTS_MAX, BROKEN_RETRY_SECONDS, Handled};
use tokio::sync::mpsc;

/// Lets these documents enter; gives what must become of them.
async fn admit_all(house: &House, documents: &[(String, String)]) -> Vec<Expected> {
    let mut all = Vec::new();
    for (name, text) in documents {
        house.admit(&incoming(name, text)).await;
        all.extend(expected(&house.vault, Source::External(name.clone()), text));
    }
    all
}

/// Every document ended as it must, with exactly the records it must have, and all of it holds.
async fn check_ended(house: &House, all: &[Expected]) {
    let rows = house
        .ledger
        .documents(&DocumentFilter::default())
        .await
        .unwrap();
    assert_eq!(rows.len(), all.len());
    for e in all {
        let row = house.ledger.document(e.id).await.unwrap().unwrap();
        assert_eq!((row.state, row.parent), (e.state, e.parent), "{e:?}");
        let records = house.vault.records(SubjectId::from(e.id)).await.unwrap();
        let activities: Vec<&str> = records
            .iter()
            .map(|(record, _)| record.statement().activity.as_str())
            .collect();
        assert_eq!(activities, e.activities, "{e:?}");
    }
    assert_eq!(house.ledger.owed().await.unwrap(), []);
    let verification = house.verify().await;
    assert!(verification.holds(), "{:#?}", verification.findings);
}

fn runs(all: &[Expected], quarantined: bool) -> u64 {
    let set_aside = all
        .iter()
        .filter(|e| e.state == DocumentState::Quarantined)
        .count();
    let stages: usize = all.iter().map(|e| e.activities.len() - 1).sum();
    (if quarantined {
        set_aside
    } else {
        stages - set_aside
    }) as u64
}

fn fifty() -> Vec<(String, String)> {
    (0..50)
        .map(|i| {
            let text = match i % 5 {
                0 => format!("child: piece {i}\nchild: child: within {i}\nlampadaire {i}\n"),
                1 => format!("letter {i}\nchild: refuse split\n"),
                2 => "panic split\n".to_owned(),
                _ => format!("letter {i}\n"),
            };
            (format!("F-{i:02}"), text)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_documents_with_children_end_and_every_event_is_told() {
    let house = House::new();
    let all = admit_all(&house, &fifty()).await;
    let (sender, mut events) = mpsc::unbounded_channel();
    let totals = run_until_idle(&house.worker(), 4, Duration::ZERO, Some(sender))
        .await
        .unwrap();
    let once = Totals {
        done: runs(&all, false),
        quarantined: runs(&all, true),
        ..Totals::default()
    };
    assert_eq!(totals, once);

    let mut told: BTreeMap<&str, u64> = BTreeMap::new();
    while let Some(event) = events.recv().await {
        let word = match event.handled {
            Handled::Done => "done",
            Handled::Quarantined { .. } => "quarantined",
            other => panic!("{other:?} of {:?}", event.task),
        };
        *told.entry(word).or_default() += 1;
    }
    assert_eq!(
        told,
        BTreeMap::from([("done", once.done), ("quarantined", once.quarantined)])
    );
    check_ended(&house, &all).await;
    assert_eq!(house.work().await, Totals::default());
}

/// A house where the `nth` time that `doing` is asked for, its answer is a failure.
fn failing(doing: &'static str, after: bool, nth: u32) -> (House, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let hook = |asked: Arc<AtomicU32>| {
        Box::new(move |point: &'static str, is_after: bool| {
            if point != doing || is_after != after {
                return Fate::Proceed;
            }
            match asked.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                true => Fate::Fail,
                false => Fate::Proceed,
            }
        })
    };
    let ledger = MemoryLedger::with_hook(hook(asked.clone()));
    let blobs = MemoryBlobs::with_hook(hook(asked.clone()));
    (
        House::over(ledger, blobs, StillClock::at("2026-11-18T09:30:00Z")),
        asked,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failure_at_any_point_stops_the_engine_and_loses_nothing() {
    let documents = [
        ("A", "child: x\nlampadaire\n"),
        ("B", "b\n"),
        ("C", "refuse split\n"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()));
    let points = [
        "reclaim",
        "due",
        "published",
        "next_due",
        "begin",
        "document",
        "envelope",
        "records_of",
        "record",
        "complete",
        "read",
        "write",
    ];
    for doing in points {
        for after in [false, true] {
            if doing == "read" && after {
                continue; // Blobs have no point after a read.
            }
            for nth in [1, 2, 5] {
                let (house, asked) = failing(doing, after, 0);
                let all = admit_all(&house, &documents).await;
                // Admission asks too; the failure comes in the engine.
                let before = asked.load(Ordering::SeqCst);
                let (house, asked) = failing(doing, after, before + nth);
                admit_all(&house, &documents).await;
                let what = format!("{doing}, after: {after}, {nth}");
                let mut failures = 0;
                for _ in 0..3 {
                    if let Err(error) =
                        run_until_idle(&house.worker(), 3, Duration::ZERO, None).await
                    {
                        assert!(error.is_passing(), "{what}: {error}");
                        failures += 1;
                    }
                }
                let failed = asked.load(Ordering::SeqCst) >= before + nth;
                assert_eq!(failures, u32::from(failed), "{what}");
                check_ended(&house, &all).await;
            }
        }
    }
}

/// A clock that goes with the time that the runtime pretends.
struct PausedClock {
    start: tokio::time::Instant,
    at: Timestamp,
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let since = self.start.elapsed().as_micros();
        self.at.plus_micros(since as i64)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_is_awaited_within_patience_and_owed_beyond() {
    let clock = Arc::new(PausedClock {
        start: tokio::time::Instant::now(),
        at: "2026-11-18T09:30:00Z".parse().unwrap(),
    });
    let house = House::over(MemoryLedger::new(), MemoryBlobs::new(), clock);
    house.tool.set(false);
    let documents = [("A", "scan route\n"), ("B", "b\n")];
    let documents = documents.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let all = admit_all(&house, &documents).await;

    let wait = u64::from(toys::PATIENCE_SECONDS);
    let impatient = Duration::from_secs(wait - 1);
    let totals = run_until_idle(&house.worker(), 2, impatient, None)
        .await
        .unwrap();
    assert_eq!(
        totals,
        Totals {
            done: 5,
            deferred: 1,
            ..Totals::default()
        }
    );
    let owed = house.ledger.owed().await.unwrap();
    assert_eq!(owed.len(), 1);
    assert_eq!(
        (owed[0].0.stage.as_str(), owed[0].1.as_deref()),
        ("route", Some("needs-tool"))
    );
    // Nothing is due yet, and the next run leaves at once too.
    let totals = run_until_idle(&house.worker(), 2, impatient, None)
        .await
        .unwrap();
    assert_eq!(totals, Totals::default());

    // More often than an attempt may be cut short: being put off is not being cut short.
    let times = u64::from(ATTEMPTS_MAX) + 3;
    let tool = house.tool.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(times * wait + 1)).await;
        tool.set(true);
    });
    let started = tokio::time::Instant::now();
    let patient = Duration::from_secs(wait);
    let totals = run_until_idle(&house.worker(), 2, patient, None)
        .await
        .unwrap();
    assert_eq!(
        totals,
        Totals {
            done: 1,
            deferred: times,
            ..Totals::default()
        }
    );
    assert_eq!(started.elapsed().as_secs(), (times + 1) * wait);
    check_ended(&house, &all).await;
}

#[tokio::test]
async fn a_task_put_off_before_it_is_marked_published_is_not_forgotten() {
    // The worker is done with the task while its publisher still waits to mark it: the clock moves
    // on between, as it does.
    let micros = Arc::new(AtomicI64::new(0));
    let marking = Arc::new(Mutex::new(Vec::new()));
    let hook = {
        let (micros, marking) = (micros.clone(), marking.clone());
        move |doing: &'static str, after: bool| {
            micros.fetch_add(1_000, Ordering::SeqCst);
            if doing == "defer" || doing == "published" {
                marking.lock().unwrap().push((doing, after));
            }
            Fate::Proceed
        }
    };
    struct Moving(Arc<AtomicI64>);
    impl Clock for Moving {
        fn now(&self) -> Timestamp {
            let start: Timestamp = "2026-11-18T09:30:00Z".parse().unwrap();
            start.plus_micros(self.0.load(Ordering::SeqCst))
        }
    }
    let ledger = MemoryLedger::with_hook(Box::new(hook));
    let house = House::over(ledger, MemoryBlobs::new(), Arc::new(Moving(micros)));
    house.tool.set(false);
    let (id, _) = house.admit(&incoming("A", "scan extract\n")).await;
    let owed = house.ledger.owed().await.unwrap().remove(0).0;
    let now = house.clock.now();
    let due = house.ledger.due(now, 9).await.unwrap().remove(0);
    assert_eq!(due.task, owed);
    let handled = house.worker().handle(&owed).await.unwrap();
    assert_eq!(
        handled,
        Handled::Deferred {
            reason: "needs-tool".into()
        }
    );
    house.ledger.published(&[due.row], now).await.unwrap();
    assert_eq!(
        *marking.lock().unwrap(),
        [
            ("defer", false),
            ("defer", true),
            ("published", false),
            ("published", true)
        ]
    );
    let due_again = house
        .ledger
        .next_due()
        .await
        .unwrap()
        .expect("the task is still in sight");
    house.tool.set(true);
    assert_eq!(house.ledger.due(due_again, 9).await.unwrap(), [due]);
    assert_eq!(
        house.ledger.document(id).await.unwrap().unwrap().state,
        DocumentState::Processing
    );
}

#[tokio::test]
async fn what_is_recorded_is_remembered_and_what_follows_is_done() {
    let house = House::new();
    let [id] = house.process(&[("A", "child: x\nlampadaire\n")]).await[..] else {
        panic!()
    };
    let before = house.ledger.counts().await.unwrap();
    house
        .ledger
        .tamper(Tampering::TaskOwed(&task(id.into(), "extract")));
    assert_eq!(
        house.work().await,
        Totals {
            remembered: 3,
            ..Totals::default()
        }
    );
    let after = house.ledger.counts().await.unwrap();
    assert_eq!(
        (after.documents, after.records),
        (before.documents, before.records)
    );
    let row = house.ledger.document(id).await.unwrap().unwrap();
    assert_eq!(row.state, DocumentState::Done);
    assert_eq!(row.route.unwrap().service.unwrap().as_str(), "voirie");
    assert!(house.verify().await.holds());
}

fn task(document: SubjectId, stage: &str) -> Task {
    Task {
        document,
        pipeline: "mail".parse().unwrap(),
        stage: stage.parse().unwrap(),
        generation: 0,
        class: domain::message::Class::Normal,
    }
}

#[tokio::test]
async fn a_task_whose_workers_all_died_is_set_aside_and_no_sooner() {
    let house = House::new();
    let (id, _) = house.admit(&incoming("A", "a\n")).await;
    let owed = task(id.into(), "extract");
    for _ in 0..ATTEMPTS_MAX {
        house.ledger.begin(&owed).await.unwrap();
    }
    let handled = house.worker().handle(&owed).await.unwrap();
    assert_eq!(
        handled,
        Handled::Quarantined {
            reason: "attempts-exhausted".into()
        }
    );

    let (id, _) = house.admit(&incoming("B", "b\n")).await;
    let owed = task(id.into(), "extract");
    for _ in 1..ATTEMPTS_MAX {
        house.ledger.begin(&owed).await.unwrap();
    }
    assert_eq!(house.worker().handle(&owed).await.unwrap(), Handled::Done);
}

#[tokio::test]
async fn an_attempt_that_the_house_cuts_short_does_not_count() {
    let house = {
        let hook = |doing: &'static str, after: bool| {
            if doing == "complete" && !after {
                Fate::Fail
            } else {
                Fate::Proceed
            }
        };
        let ledger = MemoryLedger::with_hook(Box::new(hook));
        House::over(
            ledger,
            MemoryBlobs::new(),
            StillClock::at("2026-11-18T09:30:00Z"),
        )
    };
    let (id, _) = house.admit(&incoming("A", "a\n")).await;
    let owed = task(id.into(), "extract");
    for _ in 0..3 * ATTEMPTS_MAX {
        assert!(house.worker().handle(&owed).await.unwrap_err().is_passing());
    }
    assert_eq!(house.ledger.begin(&owed).await.unwrap(), Some(1));
    let (_, reason) = house.ledger.owed().await.unwrap().remove(0);
    assert_eq!(reason.as_deref(), Some("unavailable"));
}

#[tokio::test]
async fn a_task_that_cannot_be_done_here_waits_and_the_others_go_on() {
    let check = async |reason: &str, spoil: fn(&House, SubjectId)| {
        let house = House::new();
        let (bad, _) = house.admit(&incoming("bad", "bad\n")).await;
        let (good, _) = house.admit(&incoming("good", "good\n")).await;
        spoil(&house, bad.into());
        let totals = house.work().await;
        assert_eq!(
            totals,
            Totals {
                done: 3,
                deferred: 1,
                ..Totals::default()
            },
            "{reason}"
        );
        let state = |id| {
            let house = house.clone();
            async move { house.ledger.document(id).await.unwrap().unwrap().state }
        };
        assert_eq!(state(good).await, DocumentState::Done);
        assert_eq!(state(bad).await, DocumentState::Processing);
        let owed = house.ledger.owed().await.unwrap();
        assert_eq!(owed.len(), 1);
        assert_eq!(owed[0].1.as_deref(), Some(reason));
        let wait = i64::from(BROKEN_RETRY_SECONDS) * 1_000_000;
        let due = house.clock.now().plus_micros(wait);
        assert_eq!(house.ledger.next_due().await.unwrap(), Some(due));
    };
    check("no-envelope", |house, bad| {
        house.ledger.tamper(Tampering::EnvelopeLost(bad))
    })
    .await;
    check("not-known-here", |house, bad| {
        house
            .ledger
            .tamper(Tampering::TaskLost(&task(bad, "extract")));
        house
            .ledger
            .tamper(Tampering::TaskOwed(&task(bad, "read-minds")));
    })
    .await;
    check("not-known-here", |house, bad| {
        house
            .ledger
            .tamper(Tampering::TaskLost(&task(bad, "extract")));
        let elsewhere = Task {
            pipeline: "gone".parse().unwrap(),
            ..task(bad, "extract")
        };
        house.ledger.tamper(Tampering::TaskOwed(&elsewhere));
    })
    .await;
}

/// A stage that panics where no stage may and one day one will: at the route, or when asked for
/// its models.
struct Rash {
    toy: toys::Toy,
    at_route: bool,
}

impl Stage for Rash {
    fn name(&self) -> domain::StageName {
        self.toy.name()
    }
    fn version(&self) -> u32 {
        self.toy.version()
    }
    fn inputs(&self) -> &'static [Kind] {
        self.toy.inputs()
    }
    fn outputs(&self) -> &'static [Kind] {
        self.toy.outputs()
    }
    fn settings(&self) -> &serde_json::Value {
        self.toy.settings()
    }
    fn models(&self) -> Vec<domain::ModelRef> {
        if !self.at_route {
            std::panic::resume_unwind(Box::new("rash"));
        }
        self.toy.models()
    }
    fn run(&self, inputs: &pipeline::stage::Inputs) -> Result<pipeline::stage::Output, Fault> {
        self.toy.run(inputs)
    }
    fn route(&self, _: &[(Kind, Vec<u8>)]) -> Option<pipeline::ledger::RouteView> {
        std::panic::resume_unwind(Box::new("rash"))
    }
}

fn rash(at_route: bool) -> House {
    let mut house = House::new();
    let toy = toys::route(&house.tool);
    house.pipelines = common::pipelines(vec![
        Arc::new(toys::extract(&house.tool)),
        Arc::new(toys::split(&house.tool)),
        Arc::new(Rash { toy, at_route }),
    ]);
    house
}

#[tokio::test]
async fn a_panic_at_the_route_sets_the_document_aside() {
    let house = rash(true);
    house.admit(&incoming("A", "a\n")).await;
    let totals = house.work().await;
    let expected = Totals {
        done: 2,
        quarantined: 1,
        ..Totals::default()
    };
    assert_eq!(totals, expected);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_ends_the_engine_and_nobody_waits_for_it() {
    let house = rash(false);
    house.admit(&incoming("A", "a\n")).await;
    let worker = house.worker();
    let engine =
        tokio::spawn(async move { run_until_idle(&worker, 2, Duration::ZERO, None).await });
    let ended = tokio::time::timeout(Duration::from_secs(3_600), engine).await;
    assert!(ended.expect("it ends").unwrap_err().is_panic());
    let owed = house.ledger.owed().await.unwrap();
    assert_eq!(owed.len(), 1, "what it held is owed");
}

//! The same operations leave the same state in memory and in SQLite, whatever they are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use domain::message::Class;
use pipeline::ledger::{DocumentState, Due, Ledger};
use pipeline::testing::conformance::observe::observe;
use pipeline::testing::conformance::samples::*;
use pipeline::testing::memory::MemoryLedger;
use proptest::prelude::*;

/// Something done to a ledger. Numbers are small, so that operations meet.
#[derive(Clone, Debug)]
enum Operation {
    Admit {
        n: u32,
        content: u32,
        name: u32,
        elsewhere: bool,
        class: Class,
    },
    Begin {
        n: u32,
        stage: usize,
    },
    Complete {
        n: u32,
        stage: usize,
        next: Option<usize>,
        recorded: bool,
        child: bool,
        routed: bool,
    },
    Defer {
        n: u32,
        stage: usize,
        until: i64,
    },
    Publish {
        limit: u32,
        now: i64,
    },
    /// Reads what is due, to mark it later.
    Read {
        now: i64,
    },
    /// Marks what was read, one of it.
    Mark {
        which: usize,
        now: i64,
    },
    Reclaim {
        before: i64,
    },
    Act {
        n: u32,
        again: bool,
    },
    Edition {
        week: u32,
    },
    Envelope {
        n: u32,
        wrapped: u8,
    },
    Sequence {
        limit: u32,
    },
}

/// The first is the one that a document enters with, and is the likeliest to be owed.
const STAGES: [&str; 3] = ["extract", "split", "route"];

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let n = || 0..3u32;
    let stage = || prop_oneof![2 => Just(0), 1 => 0..STAGES.len()];
    let class = prop_oneof![Just(Class::Urgent), Just(Class::Normal), Just(Class::Bulk)];
    prop_oneof![
        4 => (n(), 0..3u32, 0..2u32, any::<bool>(), class)
            .prop_map(|(n, content, name, elsewhere, class)| Admit { n, content, name, elsewhere, class }),
        4 => (n(), stage()).prop_map(|(n, stage)| Begin { n, stage }),
        6 => (n(), stage(), proptest::option::of(stage()), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(n, stage, next, recorded, child, routed)| {
                Complete { n, stage, next, recorded, child, routed }
            }),
        3 => (n(), stage(), 0..50i64).prop_map(|(n, stage, until)| Defer { n, stage, until }),
        2 => (0..4u32, 0..50i64).prop_map(|(limit, now)| Publish { limit, now }),
        2 => (0..50i64).prop_map(|now| Read { now }),
        2 => (0..8usize, 0..50i64).prop_map(|(which, now)| Mark { which, now }),
        1 => (0..50i64).prop_map(|before| Reclaim { before }),
        2 => (n(), any::<bool>()).prop_map(|(n, again)| Act { n, again }),
        1 => (0..3u32).prop_map(|week| Edition { week }),
        1 => (n(), any::<u8>()).prop_map(|(n, wrapped)| Envelope { n, wrapped }),
        1 => (0..4u32).prop_map(|limit| Sequence { limit }),
    ]
}

fn tasks(due: &[Due]) -> String {
    // Rows have other names in each ledger.
    let tasks: Vec<_> = due.iter().map(|due| &due.task).collect();
    format!("{tasks:?}")
}

/// Does it, and gives what the ledger answered. `read` is what was read of what is due.
async fn apply(ledger: &dyn Ledger, read: &mut Vec<Due>, operation: &Operation) -> String {
    match *operation {
        Operation::Admit {
            n,
            content,
            name,
            elsewhere,
            class,
        } => {
            let mut admission = admission(n);
            admission.content_code = keyed("content", content);
            admission.name_code = keyed("name", name);
            if elsewhere {
                admission.document.collection = named("ccas");
            }
            if let Some(task) = &mut admission.task {
                task.class = class;
            }
            format!("{:?}", ledger.admit(&admission).await.unwrap())
        }
        Operation::Begin { n, stage } => {
            format!("{:?}", ledger.begin(&task(n, STAGES[stage])).await.unwrap())
        }
        Operation::Complete {
            n,
            stage,
            next,
            recorded,
            child,
            routed,
        } => {
            let mut done = completion(n, STAGES[stage], next.map(|next| STAGES[next]));
            if !recorded {
                done.record = None;
            }
            if child {
                done.children = vec![attachment(10 + n, n)];
            }
            if routed {
                done.route = Some(route("voirie", false));
            }
            if next == Some(stage) {
                done.state = DocumentState::Quarantined;
            }
            format!("{:?}", ledger.complete(&done).await.unwrap())
        }
        Operation::Defer { n, stage, until } => {
            let task = task(n, STAGES[stage]);
            ledger
                .defer(&task, moment(until), &format!("until-{until}"))
                .await
                .unwrap();
            String::new()
        }
        Operation::Publish { limit, now } => {
            let due = ledger.due(moment(now), limit).await.unwrap();
            let rows: Vec<_> = due.iter().map(|due| due.row).collect();
            ledger.published(&rows, moment(now)).await.unwrap();
            tasks(&due)
        }
        Operation::Read { now } => {
            let due = ledger.due(moment(now), 10).await.unwrap();
            let told = tasks(&due);
            read.extend(due);
            told
        }
        Operation::Mark { which, now } => {
            if let Some(one) = read.get(which) {
                ledger.published(&[one.row], moment(now)).await.unwrap();
            }
            String::new()
        }
        Operation::Reclaim { before } => ledger.reclaim(moment(before)).await.unwrap().to_string(),
        Operation::Act { n, again } => {
            let mut act = act(n, "culture");
            act.record.generation = u32::from(again);
            ledger.act(&act).await.unwrap().to_string()
        }
        Operation::Edition { week } => {
            let (edition, record, settings) = edition(&format!("2026-W{week:02}"), 1);
            ledger
                .publish_edition(&edition, &record, &settings)
                .await
                .unwrap()
                .to_string()
        }
        Operation::Envelope { n, wrapped } => {
            format!(
                "{:?}",
                ledger.envelope_or(id(n).into(), &[wrapped]).await.unwrap()
            )
        }
        Operation::Sequence { limit } => {
            // How many is no part of the comparison: SQLite has none left to number.
            ledger.sequence(limit).await.unwrap();
            String::new()
        }
    }
}

async fn check(operations: &[Operation]) -> Result<(), TestCaseError> {
    let memory = MemoryLedger::new();
    let embedded = common::embedded().await;
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for operation in operations {
        let expected = apply(&memory, &mut here, operation).await;
        let found = apply(&embedded.ledger, &mut there, operation).await;
        prop_assert_eq!(found, expected, "{:?}", operation);
    }
    for name in 0..2 {
        let name = keyed("name", name);
        let expected = memory.documents_named(&name).await.unwrap();
        prop_assert_eq!(
            embedded.ledger.documents_named(&name).await.unwrap(),
            expected
        );
    }
    prop_assert_eq!(observe(&embedded.ledger).await, observe(&memory).await);
    embedded.ledger.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_agree(operations in proptest::collection::vec(operation(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&operations))?;
    }
}

//! Every record becomes one leaf of the log, without a gap, and the tree is that of its bytes.

use futures::future::join_all;
use provenance::{NodeId, merkle};

use super::observe::{root, sequence_all};
use super::samples::*;
use super::{Case, cases};
use crate::ledger::{Ledger, StoredCheckpoint, StoredRecord};

pub(super) fn cases() -> Vec<Case<dyn Ledger>> {
    cases![
        every_record_becomes_a_leaf,
        sequencing_in_small_batches_gives_the_same_tree,
        sequencing_at_once_leaves_no_gap_and_no_double,
        records_written_while_others_are_sequenced_follow,
        the_log_is_read_in_ranges,
        nodes_that_are_not_complete_are_absent,
        the_last_checkpoint_is_that_of_the_largest_log,
        a_follower_keeps_its_own_position,
    ]
}

/// The whole log, after checking that it has no gap, that it holds every record, and that the
/// stored nodes give, at every size, the root that the bytes of the leaves give.
async fn checked_log(ledger: &dyn Ledger) -> Vec<StoredRecord> {
    let log = ledger.log(0, u32::MAX).await.unwrap();
    let counts = ledger.counts().await.unwrap();
    assert_eq!(
        (log.len() as u64, counts.sequenced),
        (counts.records, counts.records)
    );
    assert_eq!(ledger.log_size().await.unwrap(), counts.records);
    let mut frontier = merkle::Frontier::empty();
    for (index, leaf) in (0..).zip(&log) {
        assert_eq!(leaf.leaf_index, Some(index));
        let stored = ledger
            .record(leaf.record.run_key, leaf.record.generation)
            .await
            .unwrap();
        assert_eq!(stored.as_ref(), Some(leaf));
        frontier
            .push(merkle::leaf_hash(&leaf.record.bytes))
            .unwrap();
        assert_eq!(
            root(ledger, index + 1).await,
            frontier.root(),
            "at size {}",
            index + 1
        );
    }
    log
}

async fn the_last_checkpoint_is_that_of_the_largest_log(ledger: &dyn Ledger) {
    assert_eq!(ledger.last_checkpoint().await.unwrap(), None);
    for size in [3, 12, 5] {
        let note = format!("of {size}");
        let checkpoint = StoredCheckpoint { size, note };
        ledger.put_checkpoint(&checkpoint).await.unwrap();
    }
    let last = ledger.last_checkpoint().await.unwrap().unwrap();
    assert_eq!((last.size, last.note.as_str()), (12, "of 12"));
    let all = ledger.checkpoints().await.unwrap();
    assert_eq!(all.last(), Some(&last));
}

async fn a_follower_keeps_its_own_position(ledger: &dyn Ledger) {
    assert_eq!(ledger.position("results").await.unwrap(), 0);
    ledger.keep_position("results", 7).await.unwrap();
    ledger.keep_position("other", 3).await.unwrap();
    ledger.keep_position("results", 9).await.unwrap();
    assert_eq!(ledger.position("results").await.unwrap(), 9);
    assert_eq!(ledger.position("other").await.unwrap(), 3);
}

async fn every_record_becomes_a_leaf(ledger: &dyn Ledger) {
    for n in 0..5 {
        ledger.admit(&admission(n)).await.unwrap();
        ledger
            .complete(&completion(n, "extract", None))
            .await
            .unwrap();
        ledger.act(&act(n, "voirie")).await.unwrap();
    }
    let (edition, record, settings) = edition("2026-W47", 1);
    ledger
        .publish_edition(&edition, &record, &settings)
        .await
        .unwrap();
    sequence_all(ledger).await;
    let log = checked_log(ledger).await;
    assert_eq!(log.len(), 16);
    // One after the other they were committed: that is their order.
    let activities: Vec<_> = log
        .iter()
        .map(|leaf| leaf.record.activity.as_str())
        .collect();
    assert_eq!(activities[..4], ["receive", "extract", "review", "receive"]);
    assert_eq!(activities[15], "synthesise");
    assert_eq!(ledger.sequence(10).await.unwrap(), 0, "nothing waits");
}

async fn sequencing_in_small_batches_gives_the_same_tree(ledger: &dyn Ledger) {
    for n in 0..11 {
        ledger.admit(&admission(n)).await.unwrap();
        if n % 4 == 3 {
            assert!(ledger.sequence(2).await.unwrap() <= 2);
        }
    }
    loop {
        let sequenced = ledger.sequence(3).await.unwrap();
        assert!(sequenced <= 3);
        if sequenced == 0 {
            break;
        }
    }
    assert_eq!(checked_log(ledger).await.len(), 11);
}

async fn sequencing_at_once_leaves_no_gap_and_no_double(ledger: &dyn Ledger) {
    for n in 0..20 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    let before = ledger.log_size().await.unwrap();
    let sequenced = join_all((0..5).map(|_| ledger.sequence(6))).await;
    let sequenced: u64 = sequenced.into_iter().map(Result::unwrap).sum();
    assert_eq!(sequenced, 20 - before, "each record once");
    assert_eq!(checked_log(ledger).await.len(), 20);
}

async fn records_written_while_others_are_sequenced_follow(ledger: &dyn Ledger) {
    let admissions: Vec<_> = (0..24).map(admission).collect();
    let write = join_all(admissions.iter().map(|admission| ledger.admit(admission)));
    let sequence = async {
        for _ in 0..10 {
            ledger.sequence(5).await.unwrap();
            // Followers never see a gap, whatever is being written.
            let seen = ledger.log(0, u32::MAX).await.unwrap();
            for (index, leaf) in (0..).zip(&seen) {
                assert_eq!(leaf.leaf_index, Some(index));
            }
        }
    };
    let (admitted, ()) = futures::join!(write, sequence);
    assert!(admitted.into_iter().all(|admitted| admitted.is_ok()));
    sequence_all(ledger).await;
    assert_eq!(checked_log(ledger).await.len(), 24);
}

async fn the_log_is_read_in_ranges(ledger: &dyn Ledger) {
    for n in 0..6 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    sequence_all(ledger).await;
    let check = async |from: u64, limit: u32, expected: std::ops::Range<u64>| {
        let leaves = ledger.log(from, limit).await.unwrap();
        let found: Vec<_> = leaves.iter().map(|leaf| leaf.leaf_index.unwrap()).collect();
        assert_eq!(
            found,
            expected.collect::<Vec<_>>(),
            "from {from}, {limit} at most"
        );
    };
    check(0, 100, 0..6).await;
    check(0, 2, 0..2).await;
    check(2, 3, 2..5).await;
    check(5, 3, 5..6).await;
    check(6, 3, 0..0).await;
    check(u64::MAX, 3, 0..0).await;
    check(0, 0, 0..0).await;
}

async fn nodes_that_are_not_complete_are_absent(ledger: &dyn Ledger) {
    for n in 0..3 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    sequence_all(ledger).await;
    let node = |level, index| NodeId { level, index };
    // In the order asked for, and as often.
    let asked = [
        node(1, 0),
        node(1, 1),
        node(0, 2),
        node(0, 3),
        node(63, 0),
        node(0, u64::MAX),
        node(0, 2),
    ];
    let found = ledger.log_nodes(&asked).await.unwrap();
    let there: Vec<_> = found.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, true, false, false, false, true]);
    assert_eq!(
        found[2],
        Some(merkle::leaf_hash(&record(2, "receive").bytes))
    );
    assert_eq!(found[6], found[2]);
    assert!(ledger.log_nodes(&[]).await.unwrap().is_empty());
}

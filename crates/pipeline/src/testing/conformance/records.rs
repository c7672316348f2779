//! Records, acts, editions, settings and checkpoints: written once, never changed.

use domain::{RunKey, RunOutcome, SubjectId};
use futures::future::join_all;

use super::observe::{observe, sequence_all};
use super::samples::*;
use super::{Case, cases};
use crate::ledger::{Ledger, NewRecord, StoredCheckpoint};

pub(super) fn cases() -> Vec<Case<dyn Ledger>> {
    cases![
        records_are_kept_verbatim,
        records_of_a_subject_come_oldest_first,
        an_act_is_recorded_once,
        an_act_at_once_is_recorded_once,
        an_edition_is_written_once,
        an_edition_number_is_taken_once,
        editions_are_listed_by_period_and_number,
        settings_keep_their_first_bytes,
        checkpoints_are_kept_smallest_first,
    ]
}

async fn records_are_kept_verbatim(ledger: &dyn Ledger) {
    let odd: [Vec<u8>; 4] = [
        Vec::new(),
        vec![0, 255, 10, 13, 39],
        "é\u{0}😀".into(),
        vec![7; 300_000],
    ];
    for (n, bytes) in (0..).zip(odd) {
        let mut admission = admission(n);
        admission.record.bytes = bytes;
        admission.record.outcome = RunOutcome::Quarantine;
        admission.record.generation = u32::MAX - n;
        ledger.admit(&admission).await.unwrap();
        let key = admission.record.run_key;
        let stored = ledger.record(key, u32::MAX - n).await.unwrap().unwrap();
        assert_eq!(stored.record, admission.record);
        assert_eq!(ledger.record(key, 0).await.unwrap(), None);
    }
}

async fn records_of_a_subject_come_oldest_first(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    ledger.admit(&admission(2)).await.unwrap();
    ledger
        .complete(&completion(1, "extract", Some("split")))
        .await
        .unwrap();
    ledger
        .complete(&completion(2, "extract", None))
        .await
        .unwrap();
    ledger
        .complete(&completion(1, "split", None))
        .await
        .unwrap();
    sequence_all(ledger).await;
    let of: Vec<_> = ledger.records_of(id(1).into()).await.unwrap();
    let activities: Vec<_> = of
        .iter()
        .map(|stored| stored.record.activity.as_str())
        .collect();
    assert_eq!(activities, ["receive", "extract", "split"]);
    assert!(of.is_sorted_by_key(|stored| stored.leaf_index.unwrap()));
    assert!(ledger.records_of(id(9).into()).await.unwrap().is_empty());
}

async fn an_act_is_recorded_once(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    assert!(ledger.act(&act(1, "voirie")).await.unwrap());
    let document = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(document.route, Some(route("voirie", true)));
    assert_eq!(document.state, admission(1).document.state);
    let (digest, json) = act(1, "voirie").settings;
    assert_eq!(ledger.settings(digest).await.unwrap(), Some(json));
    let before = observe(ledger).await;

    // The same run key is the same act, whatever else comes with it.
    assert!(!ledger.act(&act(1, "culture")).await.unwrap());
    assert_eq!(observe(ledger).await, before);

    let mut correction = act(1, "culture");
    correction.record.run_key = RunKey::from_bytes(keyed("correction", 1));
    assert!(ledger.act(&correction).await.unwrap());
    let document = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(document.route, Some(route("culture", true)));
}

async fn an_act_at_once_is_recorded_once(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let act = act(1, "voirie");
    let recorded = join_all((0..4).map(|_| ledger.act(&act))).await;
    assert_eq!(
        recorded
            .into_iter()
            .filter(|recorded| *recorded.as_ref().unwrap())
            .count(),
        1
    );
    assert_eq!(ledger.counts().await.unwrap().records, 2);
}

async fn an_edition_is_written_once(ledger: &dyn Ledger) {
    let (edition, record, settings) = edition("2026-W47", 1);
    assert!(
        ledger
            .publish_edition(&edition, &record, &settings)
            .await
            .unwrap()
    );
    assert_eq!(
        observe(ledger).await.editions,
        std::slice::from_ref(&edition)
    );
    assert_eq!(ledger.edition_subjects().await.unwrap(), [edition.subject]);
    assert_eq!(
        ledger.records_of(edition.subject).await.unwrap()[0].record,
        record
    );
    assert_eq!(
        ledger.settings(settings.0).await.unwrap().as_ref(),
        Some(&settings.1)
    );
    let before = observe(ledger).await;

    let mut changed = edition.clone();
    changed.number = 2;
    changed.made_at = moment(99);
    assert!(
        !ledger
            .publish_edition(&changed, &record, &settings)
            .await
            .unwrap()
    );
    assert!(
        !ledger
            .publish_edition(&edition, &record, &settings)
            .await
            .unwrap()
    );
    assert_eq!(observe(ledger).await, before);
}

async fn an_edition_number_is_taken_once(ledger: &dyn Ledger) {
    let (first, record, settings) = edition("2026-W47", 1);
    ledger
        .publish_edition(&first, &record, &settings)
        .await
        .unwrap();
    let before = observe(ledger).await;

    let mut second = first.clone();
    second.run_key = RunKey::from_bytes(keyed("another run", 1));
    let record = NewRecord {
        run_key: second.run_key,
        ..record
    };
    let result = ledger.publish_edition(&second, &record, &settings).await;
    assert!(!matches!(result, Ok(true)), "edition 1 was published twice");
    assert_eq!(observe(ledger).await, before);
}

async fn editions_are_listed_by_period_and_number(ledger: &dyn Ledger) {
    for (period, number) in [
        ("2026-W47", 2),
        ("2027-W01", 1),
        ("2026-W47", 10),
        ("2026-W47", 1),
    ] {
        let (edition, record, settings) = edition(period, number);
        assert!(
            ledger
                .publish_edition(&edition, &record, &settings)
                .await
                .unwrap()
        );
    }
    let (mut other, mut record, settings) = edition("2026-W47", 3);
    other.pipeline = named("terrain");
    other.subject = SubjectId::from_bytes(keyed("series", 1));
    record.subject = other.subject;
    assert!(
        ledger
            .publish_edition(&other, &record, &settings)
            .await
            .unwrap()
    );

    let check = async |pipeline: &str, period: Option<&str>, expected: &[(&str, u32)]| {
        let editions = ledger
            .editions(&named("synthesise"), &named(pipeline), period)
            .await
            .unwrap();
        let found: Vec<_> = editions
            .iter()
            .map(|e| (e.period.as_str(), e.number))
            .collect();
        assert_eq!(found, expected, "{pipeline} {period:?}");
    };
    let w47 = [("2026-W47", 1), ("2026-W47", 2), ("2026-W47", 10)];
    check("courrier", Some("2026-W47"), &w47).await;
    check("courrier", None, &[w47[0], w47[1], w47[2], ("2027-W01", 1)]).await;
    check("courrier", Some("2026-W48"), &[]).await;
    check("terrain", None, &[("2026-W47", 3)]).await;
    let none = ledger
        .editions(&named("alert"), &named("courrier"), None)
        .await
        .unwrap();
    assert!(none.is_empty());
    let mut subjects = ledger.edition_subjects().await.unwrap();
    subjects.sort_unstable();
    let mut expected = [0, 1].map(|n| SubjectId::from_bytes(keyed("series", n)));
    expected.sort_unstable();
    assert_eq!(subjects, expected, "each once");
}

async fn settings_keep_their_first_bytes(ledger: &dyn Ledger) {
    for n in 1..=2 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    ledger
        .complete(&completion(1, "extract", None))
        .await
        .unwrap();
    let mut other = completion(2, "extract", None);
    other.settings = Some((settings(1).0, b"{}".to_vec()));
    ledger.complete(&other).await.unwrap();
    assert_eq!(
        ledger.settings(settings(1).0).await.unwrap(),
        Some(settings(1).1)
    );
    assert_eq!(ledger.settings(settings(3).0).await.unwrap(), None);
}

async fn checkpoints_are_kept_smallest_first(ledger: &dyn Ledger) {
    let checkpoint = |size, note: &str| StoredCheckpoint {
        size,
        note: note.to_owned(),
    };
    for kept in [
        checkpoint(300, "b\n\n— é"),
        checkpoint(0, ""),
        checkpoint(2, "a"),
    ] {
        ledger.put_checkpoint(&kept).await.unwrap();
    }
    ledger
        .put_checkpoint(&checkpoint(2, "changed"))
        .await
        .unwrap();
    let expected = [
        checkpoint(0, ""),
        checkpoint(2, "a"),
        checkpoint(300, "b\n\n— é"),
    ];
    assert_eq!(ledger.checkpoints().await.unwrap(), expected);
}

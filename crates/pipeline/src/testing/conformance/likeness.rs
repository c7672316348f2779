//! Documents that may resemble each other are found by the codes they share.

use super::samples::*;
use super::{Case, cases};
use crate::ledger::{Completed, Ledger};

pub(super) fn cases() -> Vec<Case<dyn Ledger>> {
    cases![
        those_that_share_most_come_first,
        codes_are_replaced_or_left_alone,
        codes_of_a_run_out_of_date_are_not_kept,
    ]
}

async fn sketched(ledger: &dyn Ledger, n: u32, codes: &[i64]) {
    ledger.admit(&admission(n)).await.unwrap();
    let mut done = completion(n, "extract", Some("sketch"));
    done.likeness = Some(codes.to_vec());
    assert_eq!(ledger.complete(&done).await.unwrap(), Completed::New);
}

async fn alike(ledger: &dyn Ledger, codes: &[i64], limit: u32) -> Vec<domain::DocumentId> {
    let found = ledger.documents_alike(codes, id(9), limit).await.unwrap();
    found.into_iter().map(|row| row.id).collect()
}

async fn those_that_share_most_come_first(ledger: &dyn Ledger) {
    // The widest numbers there are: none may pass through a float on its way.
    let (low, high) = (i64::MIN, i64::MAX);
    for (n, codes) in [
        (4, &[low, high, 5][..]),
        (2, &[low, high]),
        (3, &[low, high - 1, 7]),
        (1, &[high, 8]),
        (9, &[low, high, 5]),
        (5, &[5_000]),
    ] {
        sketched(ledger, n, codes).await;
    }
    let asked = [low, high, 5];
    assert_eq!(
        alike(ledger, &asked, 10).await,
        [id(4), id(2), id(1), id(3)]
    );
    assert_eq!(alike(ledger, &asked, 2).await, [id(4), id(2)]);
    assert_eq!(alike(ledger, &[6], 10).await, []);
    assert_eq!(alike(ledger, &[], 10).await, []);
    assert_eq!(ledger.likeness(id(4)).await.unwrap(), [low, 5, high]);
}

async fn codes_are_replaced_or_left_alone(ledger: &dyn Ledger) {
    sketched(ledger, 1, &[3, 4]).await;
    let mut again = completion(1, "sketch", Some("embed"));
    again.likeness = Some(vec![4, 5]);
    ledger.complete(&again).await.unwrap();
    assert_eq!(ledger.likeness(id(1)).await.unwrap(), [4, 5]);
    ledger
        .complete(&completion(1, "embed", None))
        .await
        .unwrap();
    assert_eq!(ledger.likeness(id(1)).await.unwrap(), [4, 5]);
    assert!(ledger.likeness(id(2)).await.unwrap().is_empty());
}

async fn codes_of_a_run_out_of_date_are_not_kept(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut late = completion(1, "extract", None);
    late.likeness = Some(vec![3]);
    late.records_seen = Some(0);
    assert_eq!(ledger.complete(&late).await.unwrap(), Completed::StillOwed);
    assert!(ledger.likeness(id(1)).await.unwrap().is_empty());
}

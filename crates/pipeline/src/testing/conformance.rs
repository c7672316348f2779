//! The conformance suite: what every ledger and every blob store must do, sentence by sentence of
//! [`Ledger`]'s and [`Blobs`]'s documentation.
//!
//! | module | what it holds |
//! |---|---|
//! | [`samples`] | small builders: document 3, its task, its record |
//! | [`observe`] | all that can be seen of a ledger, as one value to compare |
//! | [`accounts`] | the cases for accounts |
//! | `documents`, `likeness`, `tasks`, `records`, `log` | the cases for ledgers |
//! | `sealed` | the cases for blob stores |
//!
//! A case gets a store of its own, empty. It must hold whether or not records enter the log in the
//! transaction that writes them, so that whoever looks at leaf indexes first calls
//! [`sequence_all`](observe::sequence_all).

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

pub mod accounts;
mod documents;
mod likeness;
mod log;
pub mod observe;
mod records;
pub mod samples;
mod sealed;
mod tasks;

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::accounts::Accounts;
use crate::blobs::Blobs;
use crate::ledger::Ledger;

/// One thing that a store must do.
#[derive(Debug)]
pub struct Case<S: ?Sized + 'static> {
    /// What it must do, as a name.
    pub name: &'static str,
    run: for<'a> fn(&'a S) -> BoxFuture<'a, ()>,
}

impl<S: ?Sized> Case<S> {
    /// Runs the case on an empty store.
    ///
    /// # Panics
    /// When the store does otherwise.
    pub async fn run(&self, store: &S) {
        (self.run)(store).await;
    }
}

/// A list of cases from the names of their functions.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        vec![$($crate::testing::conformance::Case {
            name: stringify!($case),
            run: |store| Box::pin($case(store)),
        }),*]
    };
}
use cases;

/// The cases for ledgers.
pub fn ledger_cases() -> Vec<Case<dyn Ledger>> {
    let lists = [
        documents::cases(),
        likeness::cases(),
        tasks::cases(),
        records::cases(),
        log::cases(),
    ];
    lists.into_iter().flatten().collect()
}

/// The cases for blob stores.
pub fn blob_cases() -> Vec<Case<dyn Blobs>> {
    sealed::cases()
}

/// Runs every case for ledgers: `make` gives whatever holds an empty ledger, `view` the ledger in
/// it, and `unmake` takes it back, after a failure too.
///
/// # Panics
/// At the end, with the names of the cases that failed.
pub async fn ledger<H>(
    make: impl AsyncFn() -> H,
    view: impl Fn(&H) -> &(dyn Ledger + 'static),
    unmake: impl AsyncFn(H),
) {
    run_all(ledger_cases(), make, view, unmake).await;
}

/// Runs every case for accounts, as [`ledger`] does for ledgers.
///
/// # Panics
/// At the end, with the names of the cases that failed.
pub async fn of_accounts<H>(
    make: impl AsyncFn() -> H,
    view: impl Fn(&H) -> &(dyn Accounts + 'static),
    unmake: impl AsyncFn(H),
) {
    run_all(accounts::cases(), make, view, unmake).await;
}

/// Runs every case for blob stores, as [`ledger`] does for ledgers.
///
/// # Panics
/// At the end, with the names of the cases that failed.
pub async fn blobs<H>(
    make: impl AsyncFn() -> H,
    view: impl Fn(&H) -> &(dyn Blobs + 'static),
    unmake: impl AsyncFn(H),
) {
    run_all(blob_cases(), make, view, unmake).await;
}

async fn run_all<S: ?Sized + 'static, H>(
    cases: Vec<Case<S>>,
    make: impl AsyncFn() -> H,
    view: impl Fn(&H) -> &S,
    unmake: impl AsyncFn(H),
) {
    let mut failed = Vec::new();
    for case in cases {
        let holder = make().await;
        if AssertUnwindSafe(case.run(view(&holder)))
            .catch_unwind()
            .await
            .is_err()
        {
            failed.push(case.name);
        }
        unmake(holder).await;
    }
    assert!(
        failed.is_empty(),
        "cases that failed (their messages are above): {failed:?}"
    );
}

//! Small builders. Everything is made from a number: document 3 has task 3, record 3, name 3.

use std::str::FromStr;

use domain::message::{Class, Task};
use domain::{
    ArtifactName, Digest, DocumentId, Outcome, Probability, RunKey, RunOutcome, SubjectId,
    Timestamp,
};

use crate::ledger::{
    ActCompletion, Admission, Completion, DocumentRow, DocumentState, Edition, NewRecord, RouteView,
};

/// Bytes that depend on what they are for and on a number.
pub fn keyed<const N: usize>(what: &str, n: u32) -> [u8; N] {
    let digest = Digest::of(format!("{what} {n}").as_bytes());
    std::array::from_fn(|i| digest.as_bytes()[i % 32])
}

/// A name of any kind.
///
/// # Panics
/// When the text is not one.
pub fn named<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A moment, so many seconds after the first one.
pub fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000)
        .unwrap()
        .plus_micros(seconds * 1_000_000)
}

/// The id of document `n`.
pub fn id(n: u32) -> DocumentId {
    DocumentId::from_bytes(keyed("document", n))
}

/// A stage to run on document `n`.
pub fn task(n: u32, stage: &str) -> Task {
    Task {
        document: id(n).into(),
        pipeline: named("courrier"),
        stage: named(stage),
        generation: 0,
        class: Class::Normal,
    }
}

/// The record of an activity on document `n`.
pub fn record(n: u32, activity: &str) -> NewRecord {
    NewRecord {
        run_key: RunKey::from_bytes(keyed(activity, n)),
        generation: 0,
        subject: id(n).into(),
        activity: named(activity),
        outcome: RunOutcome::Done,
        bytes: format!("record of {activity} on {n}").into_bytes(),
    }
}

/// The arrival of document `n`, with a name and bytes of its own, to be read by `extract`.
pub fn admission(n: u32) -> Admission {
    Admission {
        document: DocumentRow {
            id: id(n),
            collection: named("mairie"),
            pipeline: named("courrier"),
            parent: None,
            duplicate_of: None,
            received_at: moment(i64::from(n)),
            admitted_at: moment(1000 + i64::from(n)),
            state: DocumentState::Processing,
            route: None,
            raw: ArtifactName::from_bytes(keyed("raw", n)),
            arrival: ArtifactName::from_bytes(keyed("arrival", n)),
        },
        envelope: keyed::<48>("envelope", n).to_vec(),
        name_code: keyed("name", n),
        content_code: keyed("content", n),
        record: record(n, "receive"),
        task: Some(task(n, "extract")),
    }
}

/// The arrival of document `n`, found within document `parent`.
pub fn attachment(n: u32, parent: u32) -> Admission {
    let mut admission = admission(n);
    admission.document.parent = Some(id(parent));
    admission
}

/// Where a stage or a person sends a document.
pub fn route(service: &str, decided: bool) -> RouteView {
    RouteView {
        outcome: if decided {
            Outcome::Automatic
        } else {
            Outcome::Review
        },
        decided,
        ..RouteView::proposed(
            Outcome::Review,
            Some(named(service)),
            Probability::from_millionths(873_421),
        )
    }
}

/// Settings, and the digest they are known by.
pub fn settings(n: u32) -> (Digest, Vec<u8>) {
    let json = format!(r#"{{"n":{n}}}"#).into_bytes();
    (Digest::of(&json), json)
}

/// The end of a stage on document `n`, followed by another stage or by none.
pub fn completion(n: u32, stage: &str, next: Option<&str>) -> Completion {
    Completion {
        finishes: task(n, stage),
        record: Some(record(n, stage)),
        settings: Some(settings(n)),
        next: next.map(|stage| task(n, stage)),
        children: Vec::new(),
        state: if next.is_some() {
            DocumentState::Processing
        } else {
            DocumentState::Done
        },
        route: None,
        likeness: None,
        records_seen: None,
    }
}

/// What a person did with document `n`.
pub fn act(n: u32, service: &str) -> ActCompletion {
    ActCompletion {
        document: id(n),
        record: record(n, "review"),
        settings: settings(100 + n),
        route: route(service, true),
    }
}

/// An edition of the synthesis, with its record and settings.
pub fn edition(period: &str, number: u32) -> (Edition, NewRecord, (Digest, Vec<u8>)) {
    let subject = SubjectId::from_bytes(keyed("series", 0));
    let run = RunKey::from_bytes(keyed(period, number));
    let edition = Edition {
        subject,
        reconciler: named("synthesise"),
        pipeline: named("courrier"),
        period: period.to_owned(),
        number,
        run_key: run,
        artifact: ArtifactName::from_bytes(keyed("synthesis", number)),
        made_at: moment(i64::from(number)),
    };
    let bytes = format!("record of {period} edition {number}").into_bytes();
    let record = NewRecord {
        run_key: run,
        subject,
        bytes,
        ..record(0, "synthesise")
    };
    (edition, record, settings(number))
}

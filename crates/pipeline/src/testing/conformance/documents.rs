//! Documents enter whole and once, and are found again.

use domain::{DocumentId, Reach, SubjectId};
use futures::future::join_all;

use super::observe::{observe, sequence_all};
use super::samples::*;
use super::{Case, cases};
use crate::ledger::{Admitted, DocumentFilter, DocumentState, Ledger, LedgerCounts};

pub(super) fn cases() -> Vec<Case<dyn Ledger>> {
    cases![
        an_empty_ledger_has_nothing,
        a_document_enters_whole,
        a_document_may_enter_with_nothing_to_do,
        the_same_arrival_again_changes_nothing,
        the_same_arrival_at_once_enters_once,
        duplicates_are_linked_to_the_first,
        duplicates_at_once_are_linked_to_one_first,
        the_same_bytes_in_another_collection_are_no_duplicate,
        documents_are_found_by_name_oldest_first,
        documents_are_filtered,
        a_document_is_listed_for_each_of_its_services,
        a_document_for_another_authority_waits_until_it_is_said_that_it_was_told,
        documents_are_listed_by_reception_then_id,
        what_is_out_of_reach_is_not_listed,
        a_list_has_pages,
        an_envelope_is_stored_once,
        envelopes_stored_at_once_are_one,
    ]
}

const NEW: Admitted = Admitted::New { duplicate_of: None };

async fn an_empty_ledger_has_nothing(ledger: &dyn Ledger) {
    let seen = observe(ledger).await;
    assert_eq!(seen.counts, LedgerCounts::default());
    assert!(seen.documents.is_empty() && seen.owed.is_empty() && seen.log.is_empty());
    assert_eq!(seen.root, provenance::merkle::empty_root());
    assert_eq!(ledger.document(id(1)).await.unwrap(), None);
    assert_eq!(ledger.envelope(id(1).into()).await.unwrap(), None);
    assert_eq!(
        ledger
            .record(record(1, "receive").run_key, 0)
            .await
            .unwrap(),
        None
    );
    assert_eq!(ledger.begin(&task(1, "extract")).await.unwrap(), None);
}

async fn a_document_enters_whole(ledger: &dyn Ledger) {
    let mut admission = admission(1);
    admission.document.route = Some(route("voirie", false));
    assert_eq!(ledger.admit(&admission).await.unwrap(), NEW);

    assert_eq!(
        ledger.document(id(1)).await.unwrap().as_ref(),
        Some(&admission.document)
    );
    assert_eq!(
        ledger.envelope(id(1).into()).await.unwrap(),
        Some(admission.envelope.clone())
    );
    let stored = ledger
        .record(admission.record.run_key, 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.record, admission.record);
    assert_eq!(ledger.owed().await.unwrap(), [(task(1, "extract"), None)]);
    let due = ledger.due(moment(0), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].task, task(1, "extract"));
    sequence_all(ledger).await;
    let counts = LedgerCounts {
        documents: 1,
        records: 1,
        sequenced: 1,
        tasks: 1,
    };
    assert_eq!(ledger.counts().await.unwrap(), counts);
}

async fn a_document_may_enter_with_nothing_to_do(ledger: &dyn Ledger) {
    let mut admission = admission(1);
    admission.task = None;
    admission.document.state = DocumentState::Done;
    assert_eq!(ledger.admit(&admission).await.unwrap(), NEW);
    assert!(ledger.owed().await.unwrap().is_empty());
    assert_eq!(
        ledger.document(id(1)).await.unwrap().unwrap().state,
        DocumentState::Done
    );
}

async fn the_same_arrival_again_changes_nothing(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    ledger
        .complete(&completion(1, "extract", Some("split")))
        .await
        .unwrap();
    let before = observe(ledger).await;

    // Everything but the id differs, which only makes it plainer that nothing is taken from it.
    let mut again = admission(2);
    again.document.id = id(1);
    assert_eq!(ledger.admit(&again).await.unwrap(), Admitted::Existing);
    assert_eq!(
        ledger.admit(&admission(1)).await.unwrap(),
        Admitted::Existing
    );
    assert_eq!(observe(ledger).await, before);
}

async fn the_same_arrival_at_once_enters_once(ledger: &dyn Ledger) {
    let admission = admission(1);
    let admitted = join_all((0..6).map(|_| ledger.admit(&admission))).await;
    let new = admitted
        .into_iter()
        .filter(|admitted| *admitted.as_ref().unwrap() == NEW)
        .count();
    assert_eq!(new, 1);
    assert_eq!(ledger.counts().await.unwrap().documents, 1);
    assert_eq!(ledger.counts().await.unwrap().records, 1);
}

async fn duplicates_are_linked_to_the_first(ledger: &dyn Ledger) {
    // The second was received before the first, but entered after it.
    for (n, first) in [(2, None), (1, Some(id(2))), (3, Some(id(2)))] {
        let mut admission = admission(n);
        admission.content_code = keyed("content", 0);
        // Ignored: the ledger finds it.
        admission.document.duplicate_of = Some(id(9));
        let admitted = ledger.admit(&admission).await.unwrap();
        assert_eq!(
            admitted,
            Admitted::New {
                duplicate_of: first
            }
        );
        assert_eq!(
            ledger.document(id(n)).await.unwrap().unwrap().duplicate_of,
            first
        );
    }
    assert_eq!(ledger.admit(&admission(4)).await.unwrap(), NEW);
}

async fn duplicates_at_once_are_linked_to_one_first(ledger: &dyn Ledger) {
    let admissions: Vec<_> = (0..6)
        .map(|n| {
            let mut admission = admission(n);
            admission.content_code = keyed("content", 0);
            admission
        })
        .collect();
    let admitted = join_all(admissions.iter().map(|admission| ledger.admit(admission))).await;
    let firsts: Vec<DocumentId> = admissions
        .iter()
        .zip(&admitted)
        .filter(|(_, admitted)| *admitted.as_ref().unwrap() == NEW)
        .map(|(admission, _)| admission.document.id)
        .collect();
    assert_eq!(firsts.len(), 1, "{admitted:?}");
    for document in ledger.documents(&DocumentFilter::default()).await.unwrap() {
        let first = (document.id != firsts[0]).then_some(firsts[0]);
        assert_eq!(document.duplicate_of, first);
    }
}

async fn the_same_bytes_in_another_collection_are_no_duplicate(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut other = admission(2);
    other.content_code = keyed("content", 1);
    other.document.collection = named("ccas");
    assert_eq!(ledger.admit(&other).await.unwrap(), NEW);
}

async fn documents_are_found_by_name_oldest_first(ledger: &dyn Ledger) {
    for n in [3, 1, 2] {
        let mut admission = admission(n);
        admission.name_code = keyed("name", n % 2);
        admission.document.received_at = moment(100 - i64::from(n));
        ledger.admit(&admission).await.unwrap();
    }
    let named = async |n| {
        let found = ledger.documents_named(&keyed("name", n)).await.unwrap();
        found
            .into_iter()
            .map(|document| document.id)
            .collect::<Vec<_>>()
    };
    // The oldest is the one that entered first.
    assert_eq!(named(1).await, [id(3), id(1)]);
    assert_eq!(named(0).await, [id(2)]);
    assert!(named(7).await.is_empty());
}

async fn documents_are_filtered(ledger: &dyn Ledger) {
    for n in 1..=3 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    let mut other = admission(4);
    other.document.pipeline = named("terrain");
    ledger.admit(&other).await.unwrap();
    let mut with_child = completion(1, "extract", None);
    with_child.children = vec![attachment(5, 1)];
    with_child.route = Some(route("voirie", false));
    ledger.complete(&with_child).await.unwrap();
    let mut stopped = completion(2, "extract", None);
    stopped.state = DocumentState::Quarantined;
    ledger.complete(&stopped).await.unwrap();
    ledger.act(&act(2, "voirie")).await.unwrap();
    ledger.act(&act(3, "etat-civil")).await.unwrap();

    let check = async |filter: DocumentFilter, expected: &[u32]| {
        let found = ledger.documents(&filter).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|document| document.id).collect();
        let expected: Vec<_> = expected.iter().map(|n| id(*n)).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let all = DocumentFilter::default;
    check(all(), &[1, 2, 3, 4, 5]).await;
    check(
        DocumentFilter {
            pipeline: Some(named("terrain")),
            ..all()
        },
        &[4],
    )
    .await;
    check(
        DocumentFilter {
            service: Some(named("voirie")),
            ..all()
        },
        &[1, 2],
    )
    .await;
    check(
        DocumentFilter {
            service: Some(named("culture")),
            ..all()
        },
        &[],
    )
    .await;
    check(
        DocumentFilter {
            state: Some(DocumentState::Done),
            ..all()
        },
        &[1],
    )
    .await;
    check(
        DocumentFilter {
            state: Some(DocumentState::Quarantined),
            ..all()
        },
        &[2],
    )
    .await;
    check(
        DocumentFilter {
            from: Some(moment(3)),
            ..all()
        },
        &[3, 4, 5],
    )
    .await;
    check(
        DocumentFilter {
            until: Some(moment(3)),
            ..all()
        },
        &[1, 2],
    )
    .await;
    check(
        DocumentFilter {
            parent: Some(id(1)),
            ..all()
        },
        &[5],
    )
    .await;
    check(
        DocumentFilter {
            top_level: true,
            ..all()
        },
        &[1, 2, 3, 4],
    )
    .await;
    check(
        DocumentFilter {
            undecided: true,
            ..all()
        },
        &[1, 4, 5],
    )
    .await;
    let several = DocumentFilter {
        service: Some(named("voirie")),
        from: Some(moment(1)),
        until: Some(moment(2)),
        top_level: true,
        undecided: true,
        ..all()
    };
    check(several, &[1]).await;
}

async fn a_document_is_listed_for_each_of_its_services(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut several = act(1, "voirie");
    several.route.also = vec![named("ccas"), named("habitat")];
    several.route.copies = vec![named("vie-associative")];
    assert!(ledger.act(&several).await.unwrap());
    let row = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(row.route.as_ref(), Some(&several.route));
    for (service, held) in [
        ("voirie", true),
        ("ccas", true),
        ("habitat", true),
        ("vie-associative", true),
        ("vie", false),
        ("associative", false),
        ("culture", false),
    ] {
        let filter = DocumentFilter {
            service: Some(named(service)),
            ..DocumentFilter::default()
        };
        let found = ledger.documents(&filter).await.unwrap();
        assert_eq!(!found.is_empty(), held, "{service}");
        assert!(found.iter().all(|found| *found == row));
    }
    // Decided again for one alone: the others have it no more.
    let mut alone = act(1, "ccas");
    alone.record.run_key = record(1, "again").run_key;
    ledger.act(&alone).await.unwrap();
    let filter = DocumentFilter {
        service: Some(named("habitat")),
        ..DocumentFilter::default()
    };
    assert!(ledger.documents(&filter).await.unwrap().is_empty());
}

async fn a_document_for_another_authority_waits_until_it_is_said_that_it_was_told(
    ledger: &dyn Ledger,
) {
    for n in 1..=2 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    let mut elsewhere = act(1, "voirie");
    elsewhere.route.service = None;
    elsewhere.route.to_tell = true;
    ledger.act(&elsewhere).await.unwrap();
    ledger.act(&act(2, "voirie")).await.unwrap();
    let waiting = async || {
        let filter = DocumentFilter {
            to_tell: true,
            ..DocumentFilter::default()
        };
        let found = ledger.documents(&filter).await.unwrap();
        found.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, [id(1)]);
    elsewhere.record.run_key = record(1, "told").run_key;
    elsewhere.route.to_tell = false;
    ledger.act(&elsewhere).await.unwrap();
    assert!(waiting().await.is_empty());
}

async fn documents_are_listed_by_reception_then_id(ledger: &dyn Ledger) {
    for n in 1..=8 {
        let mut admission = admission(n);
        admission.document.received_at = moment(-i64::from(n % 3));
        ledger.admit(&admission).await.unwrap();
    }
    let listed: Vec<_> = ledger
        .documents(&DocumentFilter::default())
        .await
        .unwrap()
        .into_iter()
        .map(|document| (document.received_at, document.id))
        .collect();
    assert_eq!(listed.len(), 8);
    assert!(listed.is_sorted());
}

async fn what_is_out_of_reach_is_not_listed(ledger: &dyn Ledger) {
    // 1 is proposed to a service, 2 decided for one with a copy for another, 3 nowhere yet, 4 of
    // another pipeline; 5 was found within 1.
    for n in 1..=3 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    let mut archived = admission(4);
    archived.document.pipeline = named("archives");
    ledger.admit(&archived).await.unwrap();
    let mut proposed = completion(1, "extract", None);
    proposed.route = Some(route("voirie", false));
    proposed.children = vec![attachment(5, 1)];
    ledger.complete(&proposed).await.unwrap();
    let mut decided = act(2, "ccas");
    decided.route.also = vec![named("sports")];
    decided.route.copies = vec![named("voirie"), named("etat-civil")];
    ledger.act(&decided).await.unwrap();
    let list = async |services: &[&str], pipelines: &[&str], parent: Option<u32>| {
        let filter = DocumentFilter {
            parent: parent.map(id),
            reach: Reach::Part {
                services: services.iter().map(|s| named(s)).collect(),
                pipelines: pipelines.iter().map(|p| named(p)).collect(),
            },
            ..DocumentFilter::default()
        };
        let found = ledger.documents(&filter).await.unwrap();
        found.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&["voirie"], &[], None).await, [id(1), id(2)]);
    assert_eq!(list(&["ccas"], &[], None).await, [id(2)]);
    assert_eq!(list(&["sports", "x"], &[], None).await, [id(2)]);
    // A name that is part of another is another.
    assert_eq!(list(&["etat", "civil", "voiri"], &[], None).await, []);
    assert_eq!(list(&[], &["archives"], None).await, [id(4)]);
    let all = [id(1), id(2), id(3)];
    assert_eq!(list(&["ccas"], &["courrier"], None).await, all);
    assert_eq!(list(&[], &[], None).await, []);
    // What came with a document is asked for by it.
    assert_eq!(list(&["voirie"], &[], Some(1)).await, [id(5)]);
    let everything = DocumentFilter::default();
    assert_eq!(ledger.documents(&everything).await.unwrap().len(), 5);
}

async fn a_list_has_pages(ledger: &dyn Ledger) {
    for n in 1..=4 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    let mut together = admission(5);
    together.document.received_at = moment(2);
    ledger.admit(&together).await.unwrap();
    let whole = ledger.documents(&DocumentFilter::default()).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let filter = DocumentFilter {
            after,
            limit: Some(2),
            ..DocumentFilter::default()
        };
        let page = ledger.documents(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some((last.received_at, last.id));
        seen.extend(page);
    }
    assert_eq!(seen, whole);
}

async fn an_envelope_is_stored_once(ledger: &dyn Ledger) {
    let series = SubjectId::from_bytes(keyed("series", 1));
    assert_eq!(
        ledger.envelope_or(series, b"first").await.unwrap(),
        b"first"
    );
    assert_eq!(
        ledger.envelope_or(series, b"second").await.unwrap(),
        b"first"
    );
    assert_eq!(
        ledger.envelope(series).await.unwrap().as_deref(),
        Some(&b"first"[..])
    );

    ledger.admit(&admission(1)).await.unwrap();
    let in_force = ledger.envelope_or(id(1).into(), b"another").await.unwrap();
    assert_eq!(in_force, admission(1).envelope);
}

async fn envelopes_stored_at_once_are_one(ledger: &dyn Ledger) {
    let series = SubjectId::from_bytes(keyed("series", 1));
    let wrapped: Vec<_> = (0..6).map(|n| keyed::<32>("wrapped", n)).collect();
    let given = join_all(
        wrapped
            .iter()
            .map(|wrapped| ledger.envelope_or(series, wrapped)),
    )
    .await;
    let in_force = ledger.envelope(series).await.unwrap().unwrap();
    assert!(given.into_iter().all(|given| given.unwrap() == in_force));
}

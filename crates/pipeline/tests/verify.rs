//! Verification: whatever is changed behind the house's back is found and named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::{House, incoming};
use domain::message::Task;
use domain::{DocumentId, Kind, RunKey, SubjectId};
use pipeline::blobs::Blobs;
use pipeline::ledger::StoredCheckpoint;
use pipeline::testing::memory::Tampering;
use pipeline::verify::verify;
use pipeline::{log, vault::Vault};
use privacy::Secrets;

/// A house in which two documents have ended, one has a child, and all of it is in the log.
async fn house() -> (House, DocumentId) {
    let house = House::new();
    let ids = house
        .process(&[("F-1", "child: x\nlampadaire\n"), ("F-2", "b\n")])
        .await;
    (house, ids[0])
}

/// What is found, each as `about: problem`, against a checkpoint kept elsewhere.
async fn findings(house: &House, elsewhere: Option<&str>) -> Vec<String> {
    let verification = verify(&house.vault, elsewhere, &|_, _| {}).await.unwrap();
    assert_eq!(verification.holds(), verification.findings.is_empty());
    verification
        .findings
        .iter()
        .map(|f| format!("{}: {}", f.about, f.problem))
        .collect()
}

/// Each finding contains one of `expected`, and each of these is found.
#[track_caller]
fn check(findings: &[String], expected: &[&str]) {
    for finding in findings {
        assert!(
            expected.iter().any(|e| finding.contains(e)),
            "unexpected: {finding}"
        );
    }
    for e in expected {
        assert!(
            findings.iter().any(|finding| finding.contains(e)),
            "{e} is not in {findings:#?}"
        );
    }
}

async fn run_of(house: &House, id: DocumentId, activity: &str) -> RunKey {
    let records = house.vault.records(SubjectId::from(id)).await.unwrap();
    let mut runs = records.iter().map(|(record, _)| record.statement());
    runs.find(|s| s.activity.as_str() == activity)
        .unwrap()
        .run_key
}

async fn last_checkpoint(vault: &Vault) -> StoredCheckpoint {
    log::checkpoint(vault).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_house_in_order_holds_and_says_what_was_checked() {
    let (house, id) = house().await;
    let checkpoint = last_checkpoint(&house.vault).await;
    let heard = std::sync::Mutex::new(Vec::new());
    let progress = |done, of| heard.lock().unwrap().push((done, of));
    let v = verify(&house.vault, Some(&checkpoint.note), &progress)
        .await
        .unwrap();
    assert!(v.holds(), "{:#?}", v.findings);
    // Receptions, stages of two documents, stages of a child.
    assert_eq!((v.documents, v.records, v.owed), (3, 3 + 3 + 3 + 2, 0));
    // Raw and arrival, text and layout, passages of each; a decision of two.
    assert_eq!(v.artifacts, 3 * 5 + 2);
    assert_eq!(
        v.root,
        Some(log::root(&house.vault, v.records).await.unwrap())
    );
    assert_eq!(heard.into_inner().unwrap().last(), Some(&(11, 11)));

    let proof = log::proof(&house.vault, run_of(&house, id, "route").await, 0)
        .await
        .unwrap();
    let key = log::signing_key(&house.vault).unwrap();
    assert!(proof.unwrap().verify(key.verifier()).is_ok());
}

#[tokio::test]
async fn work_that_is_owed_is_said_and_is_no_fault() {
    let (house, _) = house().await;
    house.admit(&incoming("F-3", "c\n")).await;
    check(
        &findings(&house, None).await,
        &["log: 1 records have no leaf"],
    );
    let v = house.verify().await;
    assert!(v.holds(), "{:#?}", v.findings);
    assert_eq!(v.owed, 1);
}

#[tokio::test]
async fn artifacts_that_are_damaged_exchanged_or_gone_are_named() {
    for kind in [Kind::Raw, Kind::Text, Kind::Decision] {
        let (house, id) = house().await;
        let name = house
            .vault
            .latest(id.into(), kind)
            .await
            .unwrap()
            .unwrap()
            .name;
        house.blobs.damage(name, |bytes| bytes[7] ^= 1);
        let about = format!("{name}: {} of ", kind.as_str());
        check(&findings(&house, None).await, &[&about]);
        assert_eq!(findings(&house, None).await.len(), 1);
        house.blobs.damage(name, Vec::clear);
        check(&findings(&house, None).await, &[&about]);
        house.blobs.remove(name).await.unwrap();
        check(&findings(&house, None).await, &["is not in the store"]);
    }
    // Another artifact of the same document under this name.
    let (house, id) = house().await;
    let text = house
        .vault
        .latest(id.into(), Kind::Text)
        .await
        .unwrap()
        .unwrap()
        .name;
    let raw = house
        .vault
        .latest(id.into(), Kind::Raw)
        .await
        .unwrap()
        .unwrap()
        .name;
    let sealed = house.blobs.get(raw).await.unwrap().unwrap();
    house.blobs.damage(text, |bytes| *bytes = sealed);
    check(
        &findings(&house, None).await,
        &[&format!("{text}: text of ")],
    );
}

#[tokio::test]
async fn a_changed_record_is_found_by_its_leaf() {
    // Still a record in canonical form, so that only the log can tell.
    let (house, id) = house().await;
    let elsewhere = last_checkpoint(&house.vault).await;
    let run_key = run_of(&house, id, "split").await;
    let another_attempt = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(r#""attempt":1"#));
        *bytes = text
            .replace(r#""attempt":1"#, r#""attempt":2"#)
            .into_bytes();
    };
    house.ledger.tamper(Tampering::RecordBytes {
        run_key,
        change: another_attempt,
    });
    check(
        &findings(&house, Some(&elsewhere.note)).await,
        &[
            "log: node ",
            "checkpoint at size 11: the log has another root: it was rewritten",
            "the checkpoint kept elsewhere at size 11: the log has another root",
        ],
    );

    let (house, id) = self::house().await;
    let run_key = run_of(&house, id, "split").await;
    let change = |bytes: &mut Vec<u8>| bytes.insert(1, b' ');
    house
        .ledger
        .tamper(Tampering::RecordBytes { run_key, change });
    let found = findings(&house, None).await;
    let not_canonical = format!("{run_key}: its bytes are not a record");
    check(
        &found,
        &[
            &not_canonical,
            "log: node ",
            "it was rewritten",
            "bytes that are not a record",
        ],
    );

    // Bytes of another version than the key: the key no longer names what the record says.
    let (house, id) = self::house().await;
    let run_key = run_of(&house, id, "split").await;
    let change = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text
            .replace(r#""version":1"#, r#""version":9"#)
            .into_bytes();
    };
    house
        .ledger
        .tamper(Tampering::RecordBytes { run_key, change });
    let key = format!("{run_key}: its key is not that of what it names");
    check(
        &findings(&house, None).await,
        &[&key, "log: node ", "it was rewritten"],
    );
}

#[tokio::test]
async fn a_lost_record_is_a_missing_leaf() {
    let (house, id) = house().await;
    let run_key = run_of(&house, id, "receive").await;
    house.ledger.tamper(Tampering::RecordLost(run_key));
    check(
        &findings(&house, None).await,
        &[
            "log: leaves 0 to 0 are missing",
            "log: node ",
            "checkpoint at size 11: the log is shorter: it was rolled back",
            "its reception is not recorded",
            "its row names other bytes than its reception",
        ],
    );
}

#[tokio::test]
async fn a_later_checkpoint_finds_a_rollback_and_another_history() {
    let (house, _) = house().await;
    // The same authority, later, elsewhere: what a backup kept from before cannot know.
    let later = House::new();
    later
        .process(&[
            ("F-1", "child: x\nlampadaire\n"),
            ("F-2", "b\n"),
            ("F-3", "c\n"),
        ])
        .await;
    let later = last_checkpoint(&later.vault).await;
    assert!(later.size > 11);
    let rolled_back = format!(
        "the checkpoint kept elsewhere at size {}: the log is shorter: it was rolled back",
        later.size
    );
    check(&findings(&house, None).await, &[]);
    check(&findings(&house, Some(&later.note)).await, &[&rolled_back]);

    let other = House::new();
    other
        .process(&[("F-1", "child: x\nlampadaire\n"), ("F-9", "b\n")])
        .await;
    let other = last_checkpoint(&other.vault).await;
    check(
        &findings(&house, Some(&other.note)).await,
        &["the checkpoint kept elsewhere at size 11: the log has another root: it was rewritten"],
    );

    // Signed by someone else, or not at all.
    let mut foreign = House::new();
    foreign.vault.secrets = std::sync::Arc::new(Secrets::derived(b"someone else").unwrap());
    foreign.process(&[("F-1", "b\n")]).await;
    let foreign = last_checkpoint(&foreign.vault).await;
    for note in [foreign.note.as_str(), "", "greffier\n1\n\n"] {
        let found = findings(&house, Some(note)).await;
        assert_eq!(found.len(), 1);
        check(&found, &["the checkpoint kept elsewhere: "]);
    }
}

#[tokio::test]
async fn a_document_whose_state_and_tasks_disagree_is_found() {
    let house = House::new();
    let (id, _) = house.admit(&incoming("F-1", "a\n")).await;
    let task = Task {
        document: id.into(),
        pipeline: "mail".parse().unwrap(),
        stage: "extract".parse().unwrap(),
        generation: 0,
        class: domain::message::Class::Normal,
    };
    house.ledger.tamper(Tampering::TaskLost(&task));
    log::checkpoint(&house.vault).await.unwrap();
    let lost = format!("{id}: is being processed, and nothing is owed");
    check(&findings(&house, None).await, &[&lost]);

    house.ledger.tamper(Tampering::TaskOwed(&task));
    house.work().await;
    house.ledger.tamper(Tampering::TaskOwed(&task));
    let owed = format!("{id}: is in a final state, and work is owed");
    check(&findings(&house, None).await, &[&owed]);
}

#[tokio::test]
async fn a_document_whose_key_is_gone_is_found() {
    let (house, id) = house().await;
    house.ledger.tamper(Tampering::EnvelopeLost(id.into()));
    check(&findings(&house, None).await, &["has no envelope"]);
}

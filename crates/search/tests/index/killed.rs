//! A process that indexes is killed, twenty times, at moments that chance decides.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use search::{Change, Index, IndexedDocument, Mode, Query, Reader};

use crate::bench::{document, id, with_vectors};

/// Set in the process that writes: the folder of the index.
const FOLDER: &str = "GREFFIER_TEST_KILLED_INDEX";
/// Changes of the whole work, one a position.
const WORK: u64 = 1_200;
/// Documents, each written again and again.
const DOCUMENTS: u64 = 100;
const KILLS: usize = 20;

/// The document as of a position: three passages that say which.
fn at(position: u64) -> IndexedDocument {
    let n = (position % DOCUMENTS) as u8;
    let texts: Vec<String> = (0..3)
        .map(|part| format!("position {position} partie {part}"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vector = [f32::from(n) + 1.0, position as f32 + 1.0, 1.0, 0.0];
    with_vectors(document(n, &texts), &[vector, vector, vector])
}

fn work(folder: &Path) {
    let index = Index::open(folder).unwrap();
    let mut writer = index.writer().unwrap();
    while writer.position() < WORK {
        let begin = writer.position();
        let end = WORK.min(begin + 1 + begin % 7);
        let changes = (begin..end).map(at).map(Change::Put).collect();
        writer.apply(changes, end).unwrap();
    }
}

/// Position, documents, passages and vectors all say the same.
fn agrees(folder: &Path) -> u64 {
    let index = Index::open(folder).unwrap();
    let stats = index.stats().unwrap();
    let expected: BTreeSet<_> = (0..stats.position.min(DOCUMENTS))
        .map(|n| id(n as u8))
        .collect();
    assert_eq!(
        index.documents().unwrap(),
        expected,
        "at {}",
        stats.position
    );
    assert_eq!(stats.passages, 3 * stats.documents, "at {}", stats.position);
    assert_eq!(stats.vectors, stats.passages, "at {}", stats.position);
    // Each document is the one of its last position.
    for last in stats.position.saturating_sub(DOCUMENTS)..stats.position {
        let mut query = Query::new(format!("\"position {last} partie\""), Reader::All);
        query.mode = Mode::Lexical;
        let found = index.search(&query).unwrap();
        assert_eq!(
            (found.documents, found.passages),
            (1, 3),
            "{last} at {}",
            stats.position
        );
        assert_eq!(found.hits[0].document, id((last % DOCUMENTS) as u8));
    }
    stats.position
}

#[test]
fn position_and_content_agree_whenever_the_writer_is_killed() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return work(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut killed = 0;
    let mut position = 0;
    while killed < KILLS {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "killed::position_and_content_agree_whenever_the_writer_is_killed",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        // From before the index is open to well into the work.
        let until = Instant::now() + Duration::from_micros(chance % 400_000);
        while Instant::now() < until && writer.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let ended = writer.try_wait().unwrap();
        writer.kill().unwrap();
        writer.wait().unwrap();
        if ended.is_some_and(|status| status.success()) {
            // All is done: the rest of the kills begin anew.
            std::fs::remove_dir_all(folder.path()).unwrap();
            position = 0;
            continue;
        }
        assert!(ended.is_none(), "the writer fails by itself: {ended:?}");
        killed += 1;
        let reached = agrees(folder.path());
        assert!(
            reached >= position,
            "went back from {position} to {reached}"
        );
        position = reached;
    }
    work(folder.path());
    assert_eq!(agrees(folder.path()), WORK);
}

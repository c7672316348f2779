//! Sealed artifacts are kept byte for byte, by name.

use domain::ArtifactName;
use futures::future::join_all;

use super::samples::keyed;
use super::{Case, cases};
use crate::blobs::Blobs;

pub(super) fn cases() -> Vec<Case<dyn Blobs>> {
    cases![
        an_empty_store_has_nothing,
        artifacts_are_kept_byte_for_byte,
        the_same_name_again_changes_nothing,
        the_same_name_at_once_is_stored_whole,
        a_removed_artifact_is_gone,
        names_are_sorted,
    ]
}

fn name(n: u32) -> ArtifactName {
    ArtifactName::from_bytes(keyed("artifact", n))
}

async fn an_empty_store_has_nothing(blobs: &dyn Blobs) {
    assert_eq!(blobs.get(name(1)).await.unwrap(), None);
    assert!(blobs.names().await.unwrap().is_empty());
    blobs.remove(name(1)).await.unwrap();
}

async fn artifacts_are_kept_byte_for_byte(blobs: &dyn Blobs) {
    let sealed: [Vec<u8>; 3] = [Vec::new(), (0..=255).collect(), vec![42; 3_000_000]];
    for (n, sealed) in (0..).zip(&sealed) {
        blobs.put(name(n), sealed).await.unwrap();
    }
    for (n, sealed) in (0..).zip(&sealed) {
        assert!(
            blobs.get(name(n)).await.unwrap().as_ref() == Some(sealed),
            "artifact {n}"
        );
    }
}

async fn the_same_name_again_changes_nothing(blobs: &dyn Blobs) {
    blobs.put(name(1), b"first").await.unwrap();
    blobs.put(name(1), b"second").await.unwrap();
    assert_eq!(
        blobs.get(name(1)).await.unwrap().as_deref(),
        Some(&b"first"[..])
    );
    assert_eq!(blobs.names().await.unwrap(), [name(1)]);
}

async fn the_same_name_at_once_is_stored_whole(blobs: &dyn Blobs) {
    // Sealing the same plaintext twice gives two texts, of which either may stay, whole.
    let sealed: Vec<Vec<u8>> = (0..4).map(|n| vec![n; 100_000]).collect();
    let stored = join_all(sealed.iter().map(|sealed| blobs.put(name(1), sealed))).await;
    assert!(stored.into_iter().all(|stored| stored.is_ok()));
    let kept = blobs.get(name(1)).await.unwrap().unwrap();
    assert!(sealed.contains(&kept));
    assert_eq!(blobs.names().await.unwrap(), [name(1)]);
}

async fn a_removed_artifact_is_gone(blobs: &dyn Blobs) {
    for n in 1..=2 {
        blobs.put(name(n), b"sealed").await.unwrap();
    }
    blobs.remove(name(1)).await.unwrap();
    blobs.remove(name(1)).await.unwrap();
    assert_eq!(blobs.get(name(1)).await.unwrap(), None);
    assert_eq!(blobs.names().await.unwrap(), [name(2)]);
    blobs.put(name(1), b"again").await.unwrap();
    assert_eq!(
        blobs.get(name(1)).await.unwrap().as_deref(),
        Some(&b"again"[..])
    );
}

async fn names_are_sorted(blobs: &dyn Blobs) {
    for n in 0..40 {
        blobs.put(name(n), b"sealed").await.unwrap();
    }
    let mut expected: Vec<_> = (0..40).map(name).collect();
    expected.sort_unstable();
    assert_eq!(blobs.names().await.unwrap(), expected);
}

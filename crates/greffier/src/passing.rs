//! Errors that pass, among those that tell something.

use pipeline::blobs::BlobError;
use pipeline::ledger::LedgerError;

/// Whether the ledger or the store did not answer, which says nothing about what was asked of it.
pub fn passes(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_house = cause.downcast_ref::<pipeline::Error>();
        let of_ledger = cause.downcast_ref::<LedgerError>();
        let of_store = cause.downcast_ref::<BlobError>();
        of_house.is_some_and(pipeline::Error::is_passing)
            || matches!(of_ledger, Some(LedgerError::Unavailable { .. }))
            || matches!(
                of_store,
                Some(BlobError::Unavailable { .. } | BlobError::Unlistable { .. })
            )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn what_passes_is_known_behind_other_words() {
        let away = LedgerError::Unavailable {
            doing: "read a document",
            source: "cut off".into(),
        };
        let told: anyhow::Result<()> = Err(pipeline::Error::from(away)).context("cannot index it");
        assert!(passes(&told.unwrap_err()));
        let away = LedgerError::Unavailable {
            doing: "read a document",
            source: "cut off".into(),
        };
        assert!(passes(&away.into()));
        let gone = pipeline::Error::NoSuchDocument("doc_1".into());
        assert!(!passes(&gone.into()));
        let broken = LedgerError::Corrupt {
            what: "nonsense".into(),
        };
        assert!(!passes(&pipeline::Error::from(broken).into()));
    }
}

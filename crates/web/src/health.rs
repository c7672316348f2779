//! For whoever watches the process.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::Office;
use crate::problem::chain;

/// `/health/live`: the process answers.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// `/health/ready`: the ledger answers too.
pub(crate) async fn ready(State(office): State<Arc<Office>>) -> (StatusCode, &'static str) {
    match office.desk.vault.ledger.counts().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(
                error = chain(&error),
                "not ready: the ledger does not answer"
            );
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    }
}

//! A collector of traces, told in JSON over HTTP.

use std::fmt;
use std::str::FromStr;

use crate::outgoing::{Endpoint, EndpointError};

/// Where a collector is: `http://127.0.0.1:4318`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector(Endpoint);

impl FromStr for Collector {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Collector {
    /// Hands it spans, as OTLP writes them in JSON.
    ///
    /// # Errors
    /// When it does not answer, or does not take them: they may be handed again.
    pub async fn take_traces(&self, body: &[u8]) -> Result<(), EndpointError> {
        self.0.post("/v1/traces", "application/json", body).await
    }
}

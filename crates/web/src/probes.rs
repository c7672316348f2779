//! For whoever watches a process of ours: whether it lives, whether it is ready, what it counts.
//!
//! These answers are not pages: they carry counts and fixed words, never content, and may be served
//! where pages may not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::WebError;

/// How long, and how much, an answer is listened to.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What `/metrics` is written in: OpenMetrics, which Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One thing that a process needs to do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What: a fixed word.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How it stands, or why not: fixed words and counts.
    pub says: String,
}

/// What a process says of itself.
#[async_trait]
pub trait Probe: Send + Sync {
    /// What this process does: `work`, `relay`.
    fn role(&self) -> &'static str;

    /// What has not moved for too long: starting the process again is the remedy. Must not wait.
    fn stuck(&self) -> Vec<Check>;

    /// What it needs to do its work, each looked at now.
    async fn checks(&self) -> Vec<Check>;

    /// What it counts, in OpenMetrics text.
    async fn metrics(&self) -> String;
}

/// Answers `/health/live`, `/health/ready` and `/metrics` on `listener`, until it is dropped.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    probe: Arc<dyn Probe>,
    listener: tokio::net::TcpListener,
) -> Result<(), WebError> {
    let router = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probe);
    axum::serve(listener, router).await.map_err(WebError::Io)
}

#[derive(Serialize)]
struct Said {
    role: &'static str,
    ok: bool,
    checks: Vec<Check>,
}

fn said(role: &'static str, checks: Vec<Check>) -> Response {
    let ok = checks.iter().all(|check| check.ok);
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = Json(Said { role, ok, checks });
    (status, headers(None), body).into_response()
}

fn headers(kind: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let fixed = HeaderValue::from_static;
    headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, fixed(kind));
    }
    headers
}

async fn live(State(probe): State<Arc<dyn Probe>>) -> Response {
    said(probe.role(), probe.stuck())
}

async fn ready(State(probe): State<Arc<dyn Probe>>) -> Response {
    said(probe.role(), probe.checks().await)
}

async fn metrics(State(probe): State<Arc<dyn Probe>>) -> Response {
    (headers(Some(OPEN_METRICS)), probe.metrics().await).into_response()
}

/// Asks a process how it is: `live` or `ready`. Whether it is well, and the JSON it says.
///
/// # Errors
/// When nothing answers there, or something that is none of ours.
pub async fn ask(address: SocketAddr, question: &str) -> std::io::Result<(bool, String)> {
    let talk = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request = format!(
            "GET /health/{question} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream
            .take(ANSWER_BYTES_MAX)
            .read_to_end(&mut answer)
            .await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
    let answer = tokio::time::timeout(ANSWER_WITHIN, talk);
    let answer = answer.await.map_err(late)??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.starts_with("HTTP/1.1 200 "), body.to_owned()))
}

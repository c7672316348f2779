//! The pages: what an agent sees and does in a browser on the same machine.
//!
//! | module | what it holds |
//! |---|---|
//! | `guard` | who may speak to us: loopback hosts, same-origin forms; headers of every response |
//! | `visit` | one visit: its language, its query, the links of its page |
//! | `words` | the words that only pages use, both languages beside each other |
//! | `problem` | what goes wrong, in plain words and without internal detail |
//! | `shown` | moments, weeks, highlights, missing pieces, sentences as people read them |
//! | `inbox`, `document`, `review`, `why`, `search`, `synthesis`, `alerts` | the pages |
//! | [`paper`] | a synthesis as a file that stands alone |
//! | `health`, `assets` | for machines: whether we live, the style sheet |
//! | [`probes`], [`collector`], [`outgoing`] | apart from pages: health and metrics of any process of ours; where traces go; addresses that are posted to |
//!
//! Invariants: no page is served but on a loopback address, since nobody signs in yet; a page needs
//! no script and nothing from outside; whatever a document, a form or an address says is escaped,
//! and gives a page or a plain 4xx, never a 500; logs carry neither words searched nor content.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use domain::{ArtifactName, DocumentId, Span, Timestamp};
use pipeline::desk::{Desk, Opened};
use pipeline::progress::Watch;

mod alerts;
mod assets;
pub mod collector;
mod document;
mod guard;
mod health;
mod inbox;
pub mod outgoing;
pub mod paper;
pub mod probes;
mod problem;
mod review;
mod search;
mod shown;
mod synthesis;
mod visit;
mod why;
mod words;

/// The largest form that is read, in bytes: a name, a service and a few sentences.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// One document that search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The document.
    pub document: DocumentId,
    /// The name people know it by.
    pub name: String,
    /// Its title.
    pub title: String,
    /// When it was received.
    pub received_at: Timestamp,
    /// The service it is for: its id, or what people call it.
    pub service: Option<String>,
    /// The page of the snippet, from 1.
    pub page: u32,
    /// Where the snippet stands: a stored text and a range of its bytes. The document opens there.
    pub place: Option<(ArtifactName, Span)>,
    /// A part of its text.
    pub snippet: String,
    /// What answers the query, as bytes of `snippet`.
    pub highlights: Vec<Span>,
    /// How many other documents found have the same bytes.
    pub same: usize,
}

/// What documents can be narrowed down by, as it stands in addresses, in the order of the page.
pub const FACETS: [&str; 6] = ["service", "pipeline", "kind", "place", "year", "language"];

/// What is asked of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The words; any text is a query, and one that means nothing finds nothing.
    pub text: String,
    /// Documents at most.
    pub limit: usize,
    /// What documents must be: a value by facet. One that no document can have finds nothing.
    pub only: BTreeMap<&'static str, String>,
    /// Documents like this one are looked for, and the words only say what it is about.
    pub like: Option<DocumentId>,
}

impl Asked {
    /// Documents among which the precedents of this one are: those nearest by meaning, most of which
    /// nobody has decided about. `None` where nothing is decided: of a part, or before routing.
    pub fn precedents(opened: &Opened) -> Option<Self> {
        const NEAREST: usize = 50;
        (opened.row.parent.is_none() && opened.decision.is_some()).then(|| Self {
            limit: NEAREST,
            like: Some(opened.row.id),
            only: BTreeMap::from([("pipeline", opened.row.pipeline.to_string())]),
            ..Self::default()
        })
    }
}

/// What a search answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Documents, best first.
    pub hits: Vec<Found>,
    /// When there is none: the nearest by their words, which are no answer.
    pub nearest: Vec<Found>,
    /// All documents found, of which `hits` are the best.
    pub documents: u64,
    /// By facet, its values and how many of the documents found have each, most frequent first.
    pub facets: Vec<(&'static str, Vec<(String, u64)>)>,
}

/// Finds documents by words and meaning.
///
/// An error is for what is broken, and its text goes to the log, so it must not repeat the query.
#[async_trait]
pub trait Find: Send + Sync {
    /// The best documents for what is asked.
    async fn find(&self, asked: &Asked)
    -> Result<Answer, Box<dyn std::error::Error + Send + Sync>>;
}

/// What the pages stand on.
#[derive(Clone)]
pub struct Office {
    /// What people see and do.
    pub desk: Desk,
    /// Search.
    pub find: Arc<dyn Find>,
    /// How far routing by itself is.
    pub watch: Arc<dyn Watch>,
}

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The listener can be reached from other machines.
    #[error(
        "pages are not served on {address}: only a loopback address such as 127.0.0.1 is accepted while nobody signs in"
    )]
    NotLoopback {
        /// Where it listens.
        address: SocketAddr,
    },
    /// The listener has no address, or failed.
    #[error("cannot serve pages")]
    Io(#[source] std::io::Error),
}

/// Serves the pages on `listener` until `stop`, then finishes what was asked.
///
/// # Errors
/// When the listener is not on a loopback address, or fails.
pub async fn serve(
    office: Office,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), WebError> {
    let address = listener.local_addr().map_err(WebError::Io)?;
    if !address.ip().to_canonical().is_loopback() {
        return Err(WebError::NotLoopback { address });
    }
    tracing::info!(%address, "pages are served");
    axum::serve(listener, router(office))
        .with_graceful_shutdown(stop)
        .await
        .map_err(WebError::Io)
}

/// The pages, without a listener.
pub fn router(office: Office) -> Router {
    Router::new()
        .route("/", get(inbox::page))
        .route("/documents/{id}", get(document::page).post(review::record))
        .route("/documents/{id}/why", get(why::page))
        .route("/documents/{id}/prov.json", get(why::prov))
        .route("/documents/{id}/text", get(document::text))
        .route("/documents/{id}/original", get(document::original))
        .route("/search", get(search::page))
        .route("/synthesis", get(synthesis::list))
        .route("/synthesis/{pipeline}/{week}", get(synthesis::page))
        .route("/alerts/{pipeline}/{id}", post(alerts::record))
        .route("/synthesis/{pipeline}/{week}/{file}", get(synthesis::file))
        .route("/alerts/{pipeline}/{id}", post(alerts::record))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/assets/greffier.css", get(assets::style))
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(Arc::new(office))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn(guard::admit))
        .layer(from_fn(guard::dress))
}

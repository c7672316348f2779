//! The pages: what an agent sees and does in a browser.
//!
//! | module | what it holds |
//! |---|---|
//! | `guard` | who may speak to us: our hosts, same-origin forms; headers of every response |
//! | `door` | who is here: sessions, the token of forms; signing in and out |
//! | `form` | what was filled in a form of ours |
//! | `visit` | one visit: its language, its query, the links of its page |
//! | `words` | the words that only pages use, both languages beside each other |
//! | `problem` | what goes wrong, in plain words and without internal detail |
//! | `shown` | moments, weeks, highlights, missing pieces, sentences as people read them |
//! | `inbox`, `document`, `review`, `why`, `search`, `synthesis`, `alerts`, `themes` | the pages |
//! | [`paper`] | a synthesis as a file that stands alone |
//! | `api` | the same for other software |
//! | `health`, `assets` | for machines: whether we live, the style sheet |
//! | [`probes`], [`collector`], [`outgoing`] | apart from pages: health and metrics of any process of ours; where traces go; addresses that are posted to |
//!
//! Invariants: until there is an account, pages are served on a loopback address only; from then on
//! nothing is read or done by whoever has not signed in; a page needs no script and nothing from outside; whatever a document, a form or an address says is escaped,
//! and gives a page or a plain 4xx, never a 500; logs carry neither words searched nor content.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use domain::event::{IntakeRef, Submission};
use domain::{ArtifactName, DocumentId, Reach, Span, Timestamp};
use pipeline::accounts::Opening;
use pipeline::desk::{Desk, Opened};
use pipeline::gate::Gate;
use pipeline::progress::Watch;

use crate::problem::Problem;
use crate::visit::Visit;

mod alerts;
mod api;
mod assets;
pub mod collector;
mod document;
mod door;
mod form;
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
mod themes;
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
    /// The best documents within `reach` for what is asked: what lies outside is not searched, not
    /// counted, and changes no score.
    async fn find(
        &self,
        reach: &Reach,
        asked: &Asked,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>>;

    /// How the last word of a text may go on, by words of documents within `reach`, with how many
    /// passages hold each.
    async fn suggest(
        &self,
        reach: &Reach,
        text: &str,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Box<dyn std::error::Error + Send + Sync>>;
}

/// Why a document that was handed in was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It cannot be a document here.
    #[error("{detail}")]
    Refused {
        /// Why, as a stable word.
        reason: &'static str,
        /// Why, and what to do, in English: never a name or content.
        detail: String,
    },
    /// Not now: trying again may succeed.
    #[error("a document cannot be taken in now")]
    NotNow(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something is broken.
    #[error("a document cannot be taken in")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Takes in what other software hands in.
#[async_trait]
pub trait TakeIn: Send + Sync {
    /// Takes a document in, in whose name `of` says; which it is, and whether it is new. `file` stands
    /// for the content of the submission, where it came beside it.
    async fn take_in(
        &self,
        submission: &Submission,
        file: Option<Vec<u8>>,
        of: &IntakeRef,
    ) -> Result<(DocumentId, bool), NotTaken>;
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
    /// What other software hands in.
    pub take_in: Arc<dyn TakeIn>,
    /// Who comes in.
    pub gate: Gate,
    /// Under which names we answer.
    pub front: Front,
}

impl Office {
    /// The desk of whoever is here: what is out of their reach is not there.
    pub(crate) fn desk_of(&self, visit: &Visit) -> Desk {
        self.desk.within(visit.present.who.reads())
    }

    /// Keeps that whoever is here opened a part of a document. Before accounts nobody is known.
    pub(crate) async fn opened(
        &self,
        visit: &Visit,
        document: DocumentId,
        part: &'static str,
    ) -> Result<(), Problem> {
        let Some(person) = visit.present.who.person() else {
            return Ok(());
        };
        let opening = Opening {
            document,
            account: person.account.clone(),
            part: part.to_owned(),
            at: self.gate.now(),
        };
        Ok(self.gate.accounts.opened(&opening).await?)
    }
}

/// The names under which we answer beside `localhost` and loopback addresses: those of the server
/// before us that has the certificate.
#[derive(Clone, Debug, Default)]
pub struct Front {
    hosts: Vec<String>,
}

impl Front {
    /// Under these names, without a port; one that cannot be a host is left out.
    pub fn new<S: AsRef<str>>(hosts: impl IntoIterator<Item = S>) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let hosts = hosts.into_iter().map(|h| h.as_ref().to_ascii_lowercase());
        Self {
            hosts: hosts
                .filter(|h| !h.is_empty() && h.chars().all(plain))
                .collect(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether a `Host` names one of them, on any port.
    fn answers_to(&self, host: &str) -> bool {
        let (name, port) = host.split_once(':').unwrap_or((host, ""));
        port.bytes().all(|b| b.is_ascii_digit())
            && self.hosts.iter().any(|h| h.eq_ignore_ascii_case(name))
    }
}

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The listener can be reached from other machines.
    #[error(
        "pages are not served on {address} while there is no account: make one with `greffier users add`, or listen on a loopback address such as 127.0.0.1"
    )]
    NotLoopback {
        /// Where it listens.
        address: SocketAddr,
    },
    /// Other machines reach it, and no name is given for it.
    #[error(
        "pages on {address} need the name that browsers ask for: give it with --host, as in --host greffier.mairie.example, and put a server with its certificate before them"
    )]
    NoName {
        /// Where it listens.
        address: SocketAddr,
    },
    /// Whether there is an account cannot be told.
    #[error("cannot tell whether there is an account")]
    Gate(#[source] pipeline::Error),
    /// The listener has no address, or failed.
    #[error("cannot serve pages")]
    Io(#[source] std::io::Error),
}

/// Serves the pages on `listener` until `stop`, then finishes what was asked.
///
/// # Errors
/// When the listener is not on a loopback address and nobody signs in or it has no name, or fails.
pub async fn serve(
    office: Office,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), WebError> {
    let address = listener.local_addr().map_err(WebError::Io)?;
    if !address.ip().to_canonical().is_loopback() {
        if !office.gate.is_guarded().await.map_err(WebError::Gate)? {
            return Err(WebError::NotLoopback { address });
        }
        if office.front.is_empty() {
            return Err(WebError::NoName { address });
        }
    }
    tracing::info!(%address, "pages are served");
    let router = router(office).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
        .map_err(WebError::Io)
}

/// Every address of a page: its method, its path, and who answers. The router is made of it, and tests
/// go through it.
type Page = (
    &'static str,
    &'static str,
    fn() -> MethodRouter<Arc<Office>>,
);

const PAGES: &[Page] = &[
    ("get", "/sign-in", || get(door::page)),
    ("post", "/sign-in", || post(door::sign_in)),
    ("post", "/sign-out", || post(door::sign_out)),
    ("get", "/", || get(inbox::page)),
    ("get", "/documents/{id}", || get(document::page)),
    ("post", "/documents/{id}", || post(review::record)),
    ("get", "/documents/{id}/why", || get(why::page)),
    ("get", "/documents/{id}/prov.json", || get(why::prov)),
    ("get", "/documents/{id}/text", || get(document::text)),
    ("get", "/documents/{id}/original", || {
        get(document::original)
    }),
    ("get", "/search", || get(search::page)),
    ("get", "/synthesis", || get(synthesis::list)),
    ("get", "/synthesis/{pipeline}/{week}", || {
        get(synthesis::page)
    }),
    ("get", "/synthesis/{pipeline}/{week}/{file}", || {
        get(synthesis::file)
    }),
    ("post", "/alerts/{pipeline}/{id}", || post(alerts::record)),
    ("post", "/themes/{pipeline}/{week}", || post(themes::record)),
    ("get", "/health/live", || get(health::live)),
    ("get", "/health/ready", || get(health::ready)),
    ("get", "/assets/greffier.css", || get(assets::style)),
];

/// Every address that is answered: its method and its path, of pages and of the API.
pub fn routes() -> Vec<(&'static str, String)> {
    let pages = PAGES
        .iter()
        .map(|(method, path, _)| (*method, (*path).to_owned()));
    pages.chain(api::routes()).collect()
}

/// The description of the API: OpenAPI 3.1.
pub fn openapi() -> serde_json::Value {
    api::description()
}

/// The pages and the API, without a listener.
pub fn router(office: Office) -> Router {
    let office = Arc::new(office);
    let limits = Arc::new(api::limits::Limits::default());
    let mut router = Router::new();
    for (_, path, handler) in PAGES {
        router = router.route(path, handler());
    }
    api::mount(router)
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(office.clone())
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn_with_state((office.clone(), limits), door::enter))
        .layer(from_fn_with_state(office, guard::admit))
        .layer(from_fn(guard::dress))
}

//! What goes wrong, in plain words. What went wrong inside goes to the log, and the page gives
//! only the number of its line.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicU64, Ordering};

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::shown::render;
use crate::visit::{Frame, Here, Visit};

/// Why there is no page. It travels in the response's extensions until
/// [`dress`](crate::guard::dress) makes a page of it, in the visit's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Nothing stands at this address.
    NoSuchPage,
    /// No such document.
    NoSuchDocument,
    /// Its key was destroyed.
    Erased,
    /// The address or the query says something that cannot be.
    BadAddress,
    /// The address or the form is too long.
    TooLong,
    /// A form that cannot be read.
    BadForm,
    /// An answer to an alert without a name, or without a reason where one is needed.
    AlertForm,
    /// Another host is asked for.
    ForeignHost,
    /// A form that does not come from a page of ours.
    ForeignForm,
    /// This address only reads.
    MethodNotAllowed,
    /// The document is still being read.
    NotReady,
    /// The document is not for anyone to route: an attachment, or a pipeline without services.
    NotRouted,
    /// The ledger or the store does not answer now.
    Busy {
        /// The line of the log.
        line: String,
    },
    /// Something is broken.
    Broken {
        /// The line of the log.
        line: String,
    },
}

impl Problem {
    /// Something is broken: `error` goes to the log.
    pub(crate) fn broken(doing: &'static str, error: &(dyn StdError + 'static)) -> Self {
        Self::Broken {
            line: log(doing, error),
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPage | Self::NoSuchDocument => StatusCode::NOT_FOUND,
            Self::Erased => StatusCode::GONE,
            Self::BadAddress | Self::BadForm | Self::AlertForm => StatusCode::BAD_REQUEST,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ForeignHost | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotReady | Self::NotRouted => StatusCode::CONFLICT,
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its page.
    pub(crate) fn page(&self, visit: &Visit) -> Response {
        let w = visit.words();
        let (title, detail) = match self {
            Self::NoSuchPage => (w.no_such_page(), w.no_such_page_detail()),
            Self::NoSuchDocument => (w.no_such_document(), w.no_such_document_detail()),
            Self::Erased => (w.erased(), w.erased_detail()),
            Self::BadAddress => (w.bad_address(), w.bad_address_detail()),
            Self::TooLong => (w.too_long(), w.too_long_detail()),
            Self::BadForm => (w.bad_form(), w.bad_form_detail()),
            Self::AlertForm => (w.alert_form(), w.alert_form_detail()),
            Self::ForeignHost => (w.foreign_host(), w.foreign_host_detail()),
            Self::ForeignForm => (w.foreign_form(), w.foreign_form_detail()),
            Self::MethodNotAllowed => (w.no_such_page(), w.only_reads_detail()),
            Self::NotReady => (w.not_ready(), w.not_ready_detail()),
            Self::NotRouted => (w.not_routed(), w.not_routed_detail()),
            Self::Busy { .. } => (w.busy(), w.busy_detail()),
            Self::Broken { .. } => (w.broken(), w.broken_detail()),
        };
        let line = match self {
            Self::Busy { line } | Self::Broken { line } => Some(line.as_str()),
            _ => None,
        };
        let page = ProblemPage {
            f: visit.frame(title, Here::Nowhere),
            detail,
            line,
        };
        (self.status(), render(&page)).into_response()
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    f: Frame,
    detail: &'a str,
    line: Option<&'a str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<pipeline::Error> for Problem {
    fn from(error: pipeline::Error) -> Self {
        use pipeline::Error;
        match &error {
            Error::NoSuchDocument(_) => Self::NoSuchDocument,
            Error::NoEnvelope(_) => Self::Erased,
            Error::NotReady(_) => Self::NotReady,
            Error::NothingProposed(_) | Error::NoSuchService { .. } => Self::BadForm,
            error if error.is_passing() => Self::Busy {
                line: log("read or write", error),
            },
            error => Self::broken("read or write", error),
        }
    }
}

impl From<pipeline::ledger::LedgerError> for Problem {
    fn from(error: pipeline::ledger::LedgerError) -> Self {
        pipeline::Error::from(error).into()
    }
}

/// Writes an error to the log; gives the line's number.
fn log(doing: &'static str, error: &(dyn StdError + 'static)) -> String {
    static LINES: AtomicU64 = AtomicU64::new(1);
    let number = LINES.fetch_add(1, Ordering::Relaxed);
    let line = format!("{}-{number}", std::process::id());
    tracing::error!(
        error.line = line,
        doing,
        error = chain(error),
        "a page could not be made"
    );
    line
}

/// An error with its causes.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Nothing stands at this address.
pub(crate) async fn no_such_page() -> Problem {
    Problem::NoSuchPage
}

/// Something stands there, that only reads.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::MethodNotAllowed
}

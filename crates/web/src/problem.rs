//! What goes wrong, in plain words. What went wrong inside goes to the log, and the page gives
//! only the number of its line.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicU64, Ordering};

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use schemars::JsonSchema;
use serde::Serialize;

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
    /// A decision on a theme without a name, or with something too long.
    ThemeForm,
    /// A decision on the themes of a week that others follow already.
    ThemeWeek,
    /// A decision on a theme that is no more, or joined already.
    ThemeGone,
    /// Another host is asked for.
    ForeignHost,
    /// A form that does not come from a page of ours.
    ForeignForm,
    /// This address only reads.
    MethodNotAllowed,
    /// A form of a session that is over, or of none.
    StaleForm,
    /// Whoever is here may not do that.
    NotYours,
    /// Too many tries.
    Slowed {
        /// In how many seconds it may be tried again.
        seconds: u64,
    },
    /// A program shows no token, or one that does not serve.
    Unknown,
    /// A body that cannot be read.
    BadBody,
    /// A body of another kind than is taken.
    OtherMedia,
    /// A key for asking again that cannot be one.
    BadKey,
    /// The same key as for another request.
    OtherRequest,
    /// What was seen is not said: `If-Match`.
    NoTag,
    /// What was seen holds no more.
    Changed,
    /// A decision whose parts do not go together, or that names what is not there.
    BadDecision,
    /// What was handed in cannot be a document here.
    NotTaken {
        /// Why, as a stable word.
        reason: &'static str,
        /// Why, and what to do.
        detail: String,
    },
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

    /// After how many seconds it may be tried again, where that is known.
    pub(crate) const fn wait(&self) -> Option<u64> {
        match self {
            Self::Slowed { seconds } => Some(*seconds),
            _ => None,
        }
    }

    /// The ledger or the store does not answer now: `error` goes to the log.
    pub(crate) fn busy(doing: &'static str, error: &(dyn StdError + 'static)) -> Self {
        Self::Busy {
            line: log(doing, error),
        }
    }

    /// A stable word for it.
    const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchPage => "no-such-address",
            Self::NoSuchDocument => "no-such-document",
            Self::Erased => "erased",
            Self::BadAddress => "bad-parameter",
            Self::TooLong => "too-large",
            Self::BadForm | Self::BadBody | Self::AlertForm | Self::ThemeForm => "bad-body",
            Self::ThemeWeek | Self::ThemeGone => "changed-meanwhile",
            Self::ForeignHost => "foreign-host",
            Self::ForeignForm | Self::StaleForm => "foreign-form",
            Self::NotYours => "not-allowed",
            Self::Slowed { .. } => "too-many-requests",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::NotReady => "not-ready",
            Self::NotRouted => "not-to-be-routed",
            Self::Unknown => "unknown-token",
            Self::OtherMedia => "unsupported-media-type",
            Self::BadKey => "bad-idempotency-key",
            Self::OtherRequest => "idempotency-key-reused",
            Self::NoTag => "if-match-required",
            Self::Changed => "changed-meanwhile",
            Self::BadDecision => "bad-decision",
            Self::NotTaken { reason, .. } => reason,
            Self::Busy { .. } => "busy",
            Self::Broken { .. } => "broken",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPage | Self::NoSuchDocument => StatusCode::NOT_FOUND,
            Self::Erased => StatusCode::GONE,
            Self::BadAddress | Self::BadForm | Self::AlertForm | Self::ThemeForm => {
                StatusCode::BAD_REQUEST
            }
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ForeignHost | Self::ForeignForm | Self::StaleForm | Self::NotYours => {
                StatusCode::FORBIDDEN
            }
            Self::Slowed { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::BadBody | Self::BadKey => StatusCode::BAD_REQUEST,
            Self::OtherMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::OtherRequest | Self::BadDecision | Self::NotTaken { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::NoTag => StatusCode::PRECONDITION_REQUIRED,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotReady | Self::NotRouted | Self::ThemeWeek | Self::ThemeGone => {
                StatusCode::CONFLICT
            }
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What it is called, and what to do.
    fn words<'a>(&'a self, visit: &Visit) -> (&'static str, &'a str) {
        let w = visit.words();
        match self {
            Self::NoSuchPage => (w.no_such_page(), w.no_such_page_detail()),
            Self::NoSuchDocument => (w.no_such_document(), w.no_such_document_detail()),
            Self::Erased => (w.erased(), w.erased_detail()),
            Self::BadAddress => (w.bad_address(), w.bad_address_detail()),
            Self::TooLong => (w.too_long(), w.too_long_detail()),
            Self::BadForm => (w.bad_form(), w.bad_form_detail()),
            Self::AlertForm => (w.alert_form(), w.alert_form_detail()),
            Self::ThemeForm => (w.alert_form(), w.theme_form_detail()),
            Self::ThemeWeek => (w.theme_past(), w.theme_week_detail()),
            Self::ThemeGone => (w.theme_past(), w.theme_gone_detail()),
            Self::ForeignHost => (w.foreign_host(), w.foreign_host_detail()),
            Self::ForeignForm => (w.foreign_form(), w.foreign_form_detail()),
            Self::StaleForm => (w.foreign_form(), w.stale_form_detail()),
            Self::NotYours => (w.not_yours(), w.not_yours_detail()),
            Self::Slowed { .. } => (w.slowed(), w.slowed_detail()),
            Self::MethodNotAllowed => (w.no_such_page(), w.only_reads_detail()),
            Self::NotReady => (w.not_ready(), w.not_ready_detail()),
            Self::NotRouted => (w.not_routed(), w.not_routed_detail()),
            Self::Busy { .. } => (w.busy(), w.busy_detail()),
            Self::Broken { .. } => (w.broken(), w.broken_detail()),
            Self::Unknown => (w.unknown(), w.unknown_detail()),
            Self::BadBody => (w.bad_body(), w.bad_body_detail()),
            Self::OtherMedia => (w.bad_body(), w.other_media_detail()),
            Self::BadKey => (w.bad_body(), w.bad_key_detail()),
            Self::OtherRequest => (w.bad_body(), w.other_request_detail()),
            Self::NoTag => (w.changed(), w.no_tag_detail()),
            Self::Changed => (w.changed(), w.changed_detail()),
            Self::BadDecision => (w.bad_body(), w.bad_decision_detail()),
            Self::NotTaken { detail, .. } => (w.not_taken(), detail),
        }
    }

    /// As other software reads it (RFC 9457).
    pub(crate) fn json(&self, visit: &Visit) -> Response {
        let (title, detail) = self.words(visit);
        let line = match self {
            Self::Busy { line } | Self::Broken { line } => Some(line.clone()),
            _ => None,
        };
        let problem = ApiProblem {
            kind: "about:blank",
            title: title.to_owned(),
            status: self.status().as_u16(),
            detail: detail.to_owned(),
            code: self.code().to_owned(),
            log_line: line,
        };
        let mut response = (self.status(), axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if *self == Self::Unknown {
            let how = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, how);
        }
        response
    }

    /// Its page.
    pub(crate) fn page(&self, visit: &Visit) -> Response {
        let (title, detail) = self.words(visit);
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

/// What went wrong, as other software reads it (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ApiProblem {
    /// `about:blank`: `status` and `code` say what it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What it is called.
    title: String,
    /// The status.
    status: u16,
    /// What to do.
    detail: String,
    /// A stable word for it.
    code: String,
    /// The line of the log to give to the administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_line: Option<String>,
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
            Error::NothingProposed(_)
            | Error::NoSuchService { .. }
            | Error::ServiceTwice(_)
            | Error::OneOfTheOthersIsNotOurs(_)
            | Error::OneOfOurs(_)
            | Error::NoAuthority
            | Error::NotElsewhere(_) => Self::BadForm,
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

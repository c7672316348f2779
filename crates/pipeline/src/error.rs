//! What can go wrong at the desk and in the workshop, by what the caller can do about it.

use domain::canonical::CanonicalError;
use domain::{ArtifactName, DocumentId, PipelineName, ServiceId, SubjectId};

use crate::blobs::BlobError;
use crate::ledger::LedgerError;
use crate::queue::QueueError;

/// What the house could not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The blob store.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A value without canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// No such document.
    #[error("no document is known as `{0}`: `greffier documents` lists them")]
    NoSuchDocument(String),
    /// Several documents have this name.
    #[error("`{name}` may be {}: give one of these ids", list(candidates))]
    Ambiguous {
        /// The name given.
        name: String,
        /// Which.
        candidates: Vec<DocumentId>,
    },
    /// No such pipeline.
    #[error("no pipeline is named `{name}`: known are {known}")]
    NoSuchPipeline {
        /// The name given.
        name: PipelineName,
        /// Those there are.
        known: String,
    },
    /// No such service.
    #[error("pipeline `{pipeline}` has no service `{service}`: known are {known}")]
    NoSuchService {
        /// The pipeline.
        pipeline: PipelineName,
        /// The name given.
        service: String,
        /// Those there are.
        known: String,
    },
    /// A subject without an envelope: its key was destroyed, or the database was changed.
    #[error("{0} has no envelope: it was erased, or the ledger was changed by something else")]
    NoEnvelope(SubjectId),
    /// An envelope or an artifact that does not open.
    #[error("cannot open {what} of {subject}")]
    Sealed {
        /// What.
        what: String,
        /// Whose.
        subject: SubjectId,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An artifact that is named but not stored.
    #[error("artifact {name} of {subject} is not in the store")]
    NoArtifact {
        /// Which.
        name: ArtifactName,
        /// Whose.
        subject: SubjectId,
    },
    /// An artifact that says something else than its kind.
    #[error("artifact {name} of {subject} is not what its record says: {detail}")]
    WrongArtifact {
        /// Which.
        name: ArtifactName,
        /// Whose.
        subject: SubjectId,
        /// Why.
        detail: String,
    },
    /// Nothing was proposed, so there is nothing to accept.
    #[error("nothing is proposed for {0}: choose a service with `--route SERVICE`")]
    NothingProposed(DocumentId),
    /// A service is named twice for one document.
    #[error("`{0}` is named twice: a service answers, has its part, or has a copy")]
    ServiceTwice(ServiceId),
    /// A service that is not ours, beside one of ours.
    #[error(
        "`{0}` is not one of your services, so it cannot be among `--also` and `--copy`: say it in `--reason`, or use `--not-for-us`"
    )]
    OneOfTheOthersIsNotOurs(ServiceId),
    /// A service of ours where another authority was expected.
    #[error("`{0}` is one of your services: `--route {0}` sends it there")]
    OneOfOurs(ServiceId),
    /// Another authority, without a name.
    #[error("`--not-for-us` needs the name of the authority that is competent")]
    NoAuthority,
    /// Nobody has to be told about this document.
    #[error(
        "{0} is not for another authority, so nobody is to be told: `--not-for-us NAME` says that it is"
    )]
    NotElsewhere(DocumentId),
    /// The document is still being processed.
    #[error("{0} is still being processed: `greffier work` finishes what is owed")]
    NotReady(DocumentId),
    /// No such alert.
    #[error("no alert is named `{0}`: `greffier alerts` lists them")]
    NoSuchAlert(String),
    /// The beginning of several alerts' ids.
    #[error("`{0}` names several alerts: give more of it")]
    SeveralAlerts(String),
    /// An act by nobody.
    #[error("the name of the person is empty: say who acts with `--by NAME`")]
    NobodyNamed,
    /// An act that says nothing without a reason.
    #[error("`{0}` needs a reason: what was done, or why it is none (`--reason TEXT`)")]
    ReasonNeeded(&'static str),
    /// Others kept writing to the same series.
    #[error("others write to `{0}` at this moment: try again")]
    SeriesBusy(&'static str),
    /// A result that other software should hear of, and does not.
    #[error("a result cannot be told")]
    NotTold(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No source of randomness.
    #[error("cannot draw a key")]
    Random(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something to sign or prove cannot be.
    #[error("the log cannot {doing}")]
    Log {
        /// What.
        doing: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Whether trying later may succeed.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Ledger(LedgerError::Unavailable { .. })
                | Self::Blob(BlobError::Unavailable { .. } | BlobError::Unlistable { .. })
                | Self::Queue(QueueError::Unavailable { .. })
                | Self::NotTold(_)
        )
    }
}

fn list(ids: &[DocumentId]) -> String {
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

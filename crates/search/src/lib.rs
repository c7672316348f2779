//! Lexical index, vectors, fusion, filters and rights. The only crate that knows `tantivy`.
//!
//! | module | what it does |
//! |---|---|
//! | [`Index`] (`index`) | opens a folder, says what it holds, searches |
//! | [`IndexWriter`] (`writer`) | applies changes and a ledger position in one commit; erases for good |
//! | `analysis`, `parse` | text and queries to words, references, stems; French and English |
//! | `fields`, `commit`, `vectors` | what is on disk: fields, the commit's payload, the vectors' file |
//! | `snapshot`, `segment` | one committed state; what a reader may see of it |
//! | `rank`, `near`, `search` | BM25F, mistyped words, exact scan of vectors, fusion, one hit for each document |
//! | `facets`, `suggest` | what the documents found have in common; how a word begun may go on |
//! | `highlight` | the words of a text that a query sought |
//!
//! One index serves one collection. It is a *follower's* product: it can be deleted and rebuilt
//! from the ledger, and nothing else depends on it.
//!
//! Invariants:
//! - No text is stored: words in the inverted index, ids and places in columns. A hit says where;
//!   the caller reads names, titles and text from the encrypted artifacts.
//! - What a reader may not see is not searched, not counted, and changes no score: results equal
//!   those of an index that holds only what the reader may see.
//! - Position, documents and vectors change together or not at all, wherever a process stops.
//! - Results do not depend on the order of arrival, on deletions past, on segments, on threads.
//! - No text typed is an error.

mod analysis;
mod commit;
mod error;
mod facets;
mod fields;
mod highlight;
mod index;
mod near;
mod parse;
mod query;
mod rank;
mod search;
mod segment;
mod snapshot;
mod suggest;
mod vectors;
mod writer;

use domain::{ArtifactName, DocumentId, PipelineName, ServiceId, Span, Timestamp};

pub use error::SearchError;
pub use facets::{Facet, Facets, FileKind};
pub use highlight::{Snippet, highlight, snippet};
pub use index::{Index, Stats, replace};
pub use query::{Filters, Fusion, Hit, LIMIT_MAX, Mode, Query, Reader, Results};
pub use suggest::Suggestion;
pub use writer::IndexWriter;

/// A passage to index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedPassage {
    /// Where it is in the document's text.
    pub span: Span,
    /// Its page, from 1.
    pub page: u32,
    /// Its text: cut into words, not stored.
    pub text: String,
    /// The heading it stands under.
    pub section: Option<String>,
    /// Its language where it is not the document's; `None` for the document's.
    pub language: Option<String>,
    /// Its vector. All vectors of an index have one length; any scale will do.
    pub vector: Option<Vec<f32>>,
}

/// A document to index, with all that rights and filters need.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedDocument {
    /// Its id: putting it again replaces it.
    pub id: DocumentId,
    /// Its public name (an external id, a file's name): searched, not stored.
    pub name: String,
    /// Its title, likewise.
    pub title: Option<String>,
    /// The pipeline it came by.
    pub pipeline: PipelineName,
    /// The service it belongs to; `None` while it has none.
    pub service: Option<ServiceId>,
    /// Other services that have something to do with it or a copy: it is found under each.
    pub also: Vec<ServiceId>,
    /// Services whose people may read it beside those: what is proposed to a service is not its own
    /// yet. Of what came with a document, those of the document.
    pub readers: Vec<ServiceId>,
    /// A language tag such as `fr`. English has its analyser; all else is read as French.
    pub language: Option<String>,
    /// Its media type.
    pub media_type: String,
    /// The place it is about (a neighbourhood), where it says one.
    pub place: Option<String>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The first document of the collection with the same bytes; itself where there is none.
    pub first: DocumentId,
    /// The text that spans refer to.
    pub text_version: ArtifactName,
    /// Its passages; without any it is found by its name and title.
    pub passages: Vec<IndexedPassage>,
}

/// What the ledger says happened to a document.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every change is the large one, and each is moved once"
)]
pub enum Change {
    /// It is this now.
    Put(IndexedDocument),
    /// It is gone, or may no longer be found.
    Remove(DocumentId),
}

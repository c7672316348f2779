//! What hits have in common: values of a few columns, and in how many documents each stands.
//!
//! A count is of the documents that the search found, all of them and not only the best. A facet
//! that is filtered by counts what the other filters leave, so that a person sees what another
//! choice would give.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tantivy::columnar::StrColumn;
use tantivy::{DocId, SegmentReader};

use crate::SearchError;
use crate::fields::UNROUTED;

/// What documents are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// The service they belong to; the empty value counts those that have none.
    Service,
    /// The pipeline they came by.
    Pipeline,
    /// [`FileKind`].
    Kind,
    /// The place they are about.
    Place,
    /// The year they were received in.
    Year,
    /// The language of the passages found.
    Language,
}

impl Facet {
    /// All of them, in the order people are shown them.
    pub const ALL: [Self; 6] = [
        Self::Service,
        Self::Pipeline,
        Self::Kind,
        Self::Place,
        Self::Year,
        Self::Language,
    ];

    /// The column.
    const fn column(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Pipeline => "pipeline",
            Self::Kind => "kind",
            Self::Place => "place",
            Self::Year => "year",
            Self::Language => "tag",
        }
    }
}

/// What a file is to the people who look for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// PDF.
    Pdf,
    /// A message with its headers.
    Mail,
    /// A text written in an office program.
    Office,
    /// Rows and columns.
    Table,
    /// A picture, as scanners make them.
    Image,
    /// Plain text, a web page.
    Text,
    /// One row of a table, one field report.
    Row,
    /// Anything else.
    Other,
}

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Pdf,
        Self::Mail,
        Self::Office,
        Self::Table,
        Self::Image,
        Self::Text,
        Self::Row,
        Self::Other,
    ];

    /// The kind of a media type.
    pub fn of(media_type: &str) -> Self {
        match media_type {
            "application/pdf" => Self::Pdf,
            "message/rfc822"
            | "application/vnd.ms-outlook"
            | "application/mbox"
            | "application/pkcs7-mime" => Self::Mail,
            domain::arrival::ROW_MEDIA_TYPE => Self::Row,
            "text/csv"
            | "text/tab-separated-values"
            | "application/json"
            | "application/x-ndjson" => Self::Table,
            m if m.contains("spreadsheet") || m.contains("excel") => Self::Table,
            "application/rtf" | "application/msword" => Self::Office,
            m if m.starts_with("application/vnd.o") || m.contains("powerpoint") => Self::Office,
            m if m.starts_with("image/") => Self::Image,
            m if m.starts_with("text/") => Self::Text,
            _ => Self::Other,
        }
    }

    /// Its code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Mail => "mail",
            Self::Office => "office",
            Self::Table => "table",
            Self::Image => "image",
            Self::Text => "text",
            Self::Row => "row",
            Self::Other => "other",
        }
    }
}

/// Documents by value, by facet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Facets(BTreeMap<Facet, BTreeMap<String, u64>>);

impl Facets {
    /// The values of a facet, the most frequent first, then by value.
    pub fn of(&self, facet: Facet) -> Vec<(&str, u64)> {
        let mut values: Vec<(&str, u64)> = self
            .0
            .get(&facet)
            .into_iter()
            .flatten()
            .map(|(value, count)| (value.as_str(), *count))
            .collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        values
    }

    /// Adds the counts of another index.
    pub(crate) fn add(&mut self, other: Self) {
        for (facet, values) in other.0 {
            for (value, count) in values {
                self.count(facet, value, count);
            }
        }
    }

    pub(crate) fn count(&mut self, facet: Facet, value: String, documents: u64) {
        *self.0.entry(facet).or_default().entry(value).or_default() += documents;
    }
}

/// The columns that facets are read from, of one segment.
pub(crate) struct FacetColumns([Option<StrColumn>; Facet::ALL.len()]);

impl FacetColumns {
    pub(crate) fn open(segment: &SegmentReader) -> Result<Self, SearchError> {
        let mut columns = [const { None }; Facet::ALL.len()];
        for (column, facet) in columns.iter_mut().zip(Facet::ALL) {
            *column = segment.fast_fields().str(facet.column())?;
        }
        Ok(Self(columns))
    }

    /// How many values a facet has here.
    pub(crate) fn values(&self, facet: Facet) -> usize {
        self.0[facet as usize]
            .as_ref()
            .map_or(0, |column| column.num_terms())
    }

    /// The numbers of a passage's values: several services may have one document.
    pub(crate) fn ordinals(&self, facet: Facet, doc: DocId) -> impl Iterator<Item = u64> {
        let column = self.0[facet as usize].as_ref();
        column.into_iter().flat_map(move |c| c.term_ords(doc))
    }

    /// The value of a number; a document without a service has the empty one.
    pub(crate) fn value(&self, facet: Facet, ordinal: u64) -> Result<String, SearchError> {
        let mut value = String::new();
        if let Some(column) = &self.0[facet as usize] {
            column
                .ord_to_str(ordinal, &mut value)
                .map_err(tantivy::TantivyError::from)?;
        }
        if value == UNROUTED {
            value.clear();
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_kind_that_people_call_them() {
        for (media_type, kind) in [
            ("application/pdf", FileKind::Pdf),
            ("message/rfc822", FileKind::Mail),
            ("application/vnd.oasis.opendocument.text", FileKind::Office),
            (
                "application/vnd.oasis.opendocument.spreadsheet",
                FileKind::Table,
            ),
            (
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                FileKind::Office,
            ),
            ("application/vnd.ms-excel", FileKind::Table),
            ("application/msword", FileKind::Office),
            ("image/tiff", FileKind::Image),
            ("text/html", FileKind::Text),
            ("text/csv", FileKind::Table),
            ("application/x-tar", FileKind::Other),
            (domain::arrival::ROW_MEDIA_TYPE, FileKind::Row),
        ] {
            assert_eq!(FileKind::of(media_type), kind, "{media_type}");
        }
        for facet in Facet::ALL {
            assert_eq!(Facet::ALL[facet as usize], facet);
        }
    }
}

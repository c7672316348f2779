//! One segment of the engine as searches read it: columns, and which passages make a document.

use std::ops::Range;
use std::sync::Arc;

use domain::DocumentId;
use tantivy::columnar::ColumnValues;
use tantivy::{DocId, SegmentReader};

use crate::SearchError;
use crate::facets::FacetColumns;
use crate::fields::{FIRST, LAST, NO_ROW, join};
use crate::vectors::Vectors;

type Column = Arc<dyn ColumnValues<u64>>;

/// Stands for "no vector" among places of rows.
const NOWHERE: u32 = u32::MAX;

/// The columns of a segment. They never change: what is deleted is said elsewhere.
pub(crate) struct Segment {
    pub(crate) start: Column,
    pub(crate) end: Column,
    pub(crate) page: Column,
    pub(crate) row: Column,
    pub(crate) language: Column,
    pub(crate) facets: FacetColumns,
    /// Documents, in order; the passages of one stand together.
    runs: Vec<Run>,
    /// Where in the file of vectors each passage's row is.
    places: Vec<u32>,
    passages: u32,
}

/// A document, or a part of one: the engine may cut between two passages when its buffer is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) document: DocumentId,
    /// The first document with the same bytes, in short.
    pub(crate) first: u64,
    /// Its first passage.
    begin: DocId,
    /// Whether all its passages are here.
    pub(crate) whole: bool,
}

impl Segment {
    /// Reads what is needed of `segment`, whose vectors are in `vectors`.
    pub(crate) fn open(segment: &SegmentReader, vectors: &Vectors) -> Result<Self, SearchError> {
        let fast = segment.fast_fields();
        let column = |name: &str, default: u64| -> Result<Column, SearchError> {
            Ok(fast.u64(name)?.first_or_default_col(default))
        };
        let passages = segment.max_doc();
        let mut place = 0;
        let row = column("row", NO_ROW)?;
        let places = (0..passages).map(|doc| {
            let number = row.get_val(doc);
            let found = (number != NO_ROW)
                .then(|| vectors.find(number, place))
                .flatten();
            place = found.unwrap_or(place);
            found
                .and_then(|at| u32::try_from(at).ok())
                .unwrap_or(NOWHERE)
        });
        let places = places.collect();
        let (high, low) = (column("document_high", 0)?, column("document_low", 0)?);
        let (first, edge) = (column("first", 0)?, column("edge", FIRST | LAST)?);
        let mut runs: Vec<Run> = Vec::new();
        let mut ended = true;
        for doc in 0..passages {
            let (document, edge) = (join(high.get_val(doc), low.get_val(doc)), edge.get_val(doc));
            let begins = edge & FIRST != 0;
            if ended || begins || runs.last().is_none_or(|run| run.document != document) {
                if let (false, Some(run)) = (ended, runs.last_mut()) {
                    run.whole = false;
                }
                runs.push(Run {
                    document,
                    first: first.get_val(doc),
                    begin: doc,
                    whole: begins,
                });
            }
            ended = edge & LAST != 0;
        }
        if let (false, Some(run)) = (ended, runs.last_mut()) {
            run.whole = false;
        }
        Ok(Self {
            start: column("start", 0)?,
            end: column("end", 0)?,
            page: column("page", 1)?,
            language: column("language", 0)?,
            facets: FacetColumns::open(segment)?,
            row,
            runs,
            places,
            passages,
        })
    }

    /// The documents of a segment, or parts of them.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The passages of a run, by its number.
    pub(crate) fn passages(&self, run: usize) -> Range<DocId> {
        let begin = self.runs.get(run).map_or(self.passages, |r| r.begin);
        let end = self.runs.get(run + 1).map_or(self.passages, |r| r.begin);
        begin..end
    }

    /// The document of a passage.
    pub(crate) fn document(&self, doc: DocId) -> DocumentId {
        let after = self.runs.partition_point(|run| run.begin <= doc);
        let run = after.checked_sub(1).and_then(|run| self.runs.get(run));
        // The first run begins at the first passage.
        run.map_or(DocumentId::from_bytes([0; 16]), |run| run.document)
    }

    /// Where the row of a passage is in the file of vectors.
    pub(crate) fn place(&self, doc: DocId) -> Option<usize> {
        let place = *self.places.get(doc as usize)?;
        (place != NOWHERE).then_some(place as usize)
    }
}

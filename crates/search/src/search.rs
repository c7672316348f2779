//! A search: reach, words, vectors, fusion, one hit for each document.

use std::collections::HashMap;

use domain::{ArtifactName, DocumentId, Span};
use tantivy::DocId;

use crate::fields::{Fields, NO_ROW};
use crate::parse::Parsed;
use crate::query::LIMIT_MAX;
use crate::rank::{Lexical, rank};
use crate::snapshot::{Set, Snapshot};
use crate::vectors::QueryVector;
use crate::{Hit, Mode, Query, Results, SearchError};

/// A passage found.
#[derive(Clone, Copy, Debug)]
struct Found {
    segment: usize,
    doc: DocId,
    start: u64,
    exact: u8,
    fused: f64,
    lexical: f64,
    meaning: f64,
    passages: u32,
}

impl Found {
    /// Better passages first, then the earlier one.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        (other.exact.cmp(&self.exact))
            .then(other.fused.total_cmp(&self.fused))
            .then(self.start.cmp(&other.start))
    }
}

pub(crate) fn search(
    snapshot: &Snapshot,
    fields: &Fields,
    query: &Query,
) -> Result<Results, SearchError> {
    let vector = query_vector(snapshot, query)?;
    let reach = snapshot.reach(fields, &query.reader)?;
    let matching = snapshot.matching(fields, &reach, &query.reader, &query.filters)?;
    let lexical = match query.mode {
        Mode::Meaning => None,
        Mode::Lexical | Mode::Hybrid => {
            let parsed = Parsed::new(&query.text);
            Some(rank(snapshot, fields, &reach, &matching, &parsed)?)
        }
    };
    let (found, passages, lexical_best) = fold(
        snapshot,
        &matching,
        lexical.as_ref(),
        vector.as_ref(),
        query,
    );
    let documents = found.len() as u64;
    let mut ranked: Vec<(DocumentId, Found)> = found.into_iter().collect();
    ranked.sort_by(|(a, x), (b, y)| {
        (y.exact.cmp(&x.exact))
            .then(y.fused.total_cmp(&x.fused))
            .then(a.cmp(b))
    });
    ranked.truncate(query.limit.min(LIMIT_MAX));
    Ok(Results {
        hits: ranked
            .into_iter()
            .map(|(document, found)| hit(snapshot, document, &found))
            .collect::<Result<_, _>>()?,
        documents,
        passages,
        position: snapshot.commit.position,
        lexical_best,
        lexical_weight: match query.mode {
            Mode::Meaning => 0.0,
            Mode::Lexical => 1.0,
            Mode::Hybrid if vector.is_none() => 1.0,
            Mode::Hybrid => query.fusion.lexical,
        },
    })
}

/// The query's vector when the mode and the index have a use for it.
fn query_vector(snapshot: &Snapshot, query: &Query) -> Result<Option<QueryVector>, SearchError> {
    let vector = match (query.mode, &query.vector) {
        (Mode::Lexical, _) | (Mode::Hybrid, None) => return Ok(None),
        (Mode::Meaning, None) => return Err(SearchError::NoVector),
        (_, Some(vector)) => vector,
    };
    crate::vectors::check(vector, snapshot.vectors.values())?;
    if snapshot.vectors.values() == 0 {
        return Ok(None);
    }
    QueryVector::new(vector).map(Some)
}

/// The best passage of each document found, the number of passages, and the best of their words.
fn fold(
    snapshot: &Snapshot,
    matching: &[Set],
    lexical: Option<&Lexical>,
    vector: Option<&QueryVector>,
    query: &Query,
) -> (HashMap<DocumentId, Found>, u64, f64) {
    let best = lexical
        .iter()
        .flat_map(|l| &l.scores)
        .flatten()
        .fold(0.0, |m: f64, s| m.max(*s));
    let mut found: HashMap<DocumentId, Found> = HashMap::new();
    let mut passages = 0;
    for (segment, (columns, set)) in snapshot.segments.iter().zip(matching).enumerate() {
        let mut place = 0;
        for doc in set.iter() {
            let words = lexical.map_or(0.0, |l| l.scores[segment][doc as usize]);
            let exact = lexical.map_or(0, |l| l.exact[segment][doc as usize]);
            let meaning = vector.and_then(|vector| {
                let row = columns.row.get_val(doc);
                if row == NO_ROW {
                    return None;
                }
                place = snapshot.vectors.find(row, place)?;
                snapshot.vectors.cosine(place, vector)
            });
            let meant = meaning.is_some_and(|m| m > query.fusion.meaning_min);
            let said = words > 0.0 || exact > 0;
            if !meant && !said {
                continue;
            }
            let lexical = if best > 0.0 { words / best } else { 0.0 };
            let meaning = meaning.unwrap_or(0.0);
            let fused = match query.mode {
                Mode::Lexical => lexical,
                Mode::Meaning => meaning.max(0.0),
                Mode::Hybrid if vector.is_none() => lexical,
                Mode::Hybrid => {
                    query.fusion.lexical * lexical + query.fusion.meaning * meaning.max(0.0)
                }
            };
            let counted = u32::from(said || query.mode == Mode::Meaning);
            passages += 1;
            let passage = Found {
                segment,
                doc,
                start: columns.start.get_val(doc),
                exact,
                fused,
                lexical,
                meaning,
                passages: counted,
            };
            found
                .entry(columns.document(doc))
                .and_modify(|held| {
                    let count = held.passages + counted;
                    if passage.order(held).is_lt() {
                        *held = passage;
                    }
                    held.passages = count;
                })
                .or_insert(passage);
        }
    }
    (found, passages, best)
}

fn hit(snapshot: &Snapshot, document: DocumentId, found: &Found) -> Result<Hit, SearchError> {
    let columns = &snapshot.segments[found.segment];
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Ok(Hit {
        document,
        text_version: text_version(snapshot, found)?,
        span: Span::new(small(found.start), small(columns.end.get_val(found.doc))),
        page: small(columns.page.get_val(found.doc)),
        score: f64::from(found.exact) + found.fused,
        exact: u32::from(found.exact),
        lexical: found.lexical,
        meaning: found.meaning,
        passages: found.passages.max(1),
    })
}

fn text_version(snapshot: &Snapshot, found: &Found) -> Result<ArtifactName, SearchError> {
    let segment = &snapshot.searcher.segment_readers()[found.segment];
    let mut bytes = Vec::new();
    if let Some(column) = segment.fast_fields().bytes("text_version")?
        && let Some(ordinal) = column.ords().first(found.doc)
    {
        column.ord_to_bytes(ordinal, &mut bytes)?;
    }
    // A passage is never written without its 32 bytes.
    Ok(ArtifactName::from_bytes(
        bytes.try_into().unwrap_or([0; 32]),
    ))
}

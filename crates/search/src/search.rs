//! A search: reach, words, vectors, fusion, one hit for each document.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use domain::{ArtifactName, DocumentId, Span};
use rayon::prelude::*;
use tantivy::DocId;

use crate::analysis::Language;
use crate::facets::{Facet, Facets};
use crate::fields::Fields;
use crate::parse::Parsed;
use crate::query::LIMIT_MAX;
use crate::rank::{Lexical, holding, rank};
use crate::segment::{Run, Segment};
use crate::snapshot::{Reach, Scope, Snapshot};
use crate::vectors::QueryVector;
use crate::{Hit, Mode, Query, Results, SearchError};

/// Documents, or parts of them, that one thread looks at in one go.
const CHUNK: usize = 8_192;

/// In a language that few passages are in, a question shares no word with what answers it, and its
/// meaning is further away: from this cosine on, a passage is found by it.
const ACROSS_LANGUAGES: f64 = 0.2;

/// A document found, by its best passage.
#[derive(Clone, Copy, Debug)]
struct Found {
    document: DocumentId,
    first: u64,
    segment: usize,
    doc: DocId,
    exact: u8,
    fused: f64,
    lexical: f64,
    meaning: f64,
    words_gave: f64,
    passages: u32,
}

impl Found {
    /// Better first.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        (other.exact.cmp(&self.exact)).then(other.fused.total_cmp(&self.fused))
    }
}

/// Better first; among equals, by id. The worst is the greatest, which a heap gives back first.
impl Ord for Found {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order(other).then(self.document.cmp(&other.document))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Found {}

pub(crate) fn search(
    snapshot: &Snapshot,
    fields: &Fields,
    query: &Query,
) -> Result<Results, SearchError> {
    let vector = query_vector(snapshot, query)?;
    let reach = snapshot.reach(fields, &query.reader)?;
    // Whether there are vectors at all is asked of what the reader may see, like everything else.
    let vector = vector.filter(|_| reach.has_vectors);
    let mut scope = snapshot.scope(fields, &reach, query)?;
    // Who has narrowed down has seen that there is something: a filter must not say that there is
    // not. One that leaves everything narrows nothing.
    let narrowed = scope.hits != reach.sets;
    let parsed = match query.mode {
        Mode::Meaning => Parsed::default(),
        Mode::Lexical | Mode::Hybrid => Parsed::new(&query.text),
    };
    let across = parsed.language.is_some_and(|language| {
        let passages = |l: Language| reach.totals[l.index()].passages;
        2 * passages(language) < Language::ALL.map(passages).iter().sum()
    });
    let mut query = query.clone();
    if across {
        query.fusion.meaning_min = query.fusion.meaning_min.min(ACROSS_LANGUAGES);
        query.fusion.relevant = 0.0;
    }
    let query = &query;
    for phrase in &parsed.quoted {
        scope.keep(&holding(snapshot, fields, phrase)?);
    }
    let mut results = answer(
        snapshot,
        fields,
        query,
        vector.as_ref(),
        &reach,
        &scope,
        &parsed,
    )?;
    let hybrid = query.mode == Mode::Hybrid && vector.is_some();
    let relevant =
        |hit: &Hit| hit.score >= query.fusion.relevant || hit.meaning > query.fusion.meaning_min;
    if hybrid && !narrowed && !results.hits.first().is_some_and(relevant) {
        results = Results {
            position: results.position,
            ..Results::default()
        };
    }
    if results.hits.is_empty() && query.mode != Mode::Meaning {
        let near = Query {
            mode: Mode::Lexical,
            facets: false,
            ..query.clone()
        };
        let scope = snapshot.scope(fields, &reach, &near)?;
        let answer = answer(snapshot, fields, &near, None, &reach, &scope, &parsed)?;
        results.nearest = answer.hits;
        results.lexical_best = answer.lexical_best;
    }
    Ok(results)
}

/// Words, vectors, the best documents and their counts, within a scope.
fn answer(
    snapshot: &Snapshot,
    fields: &Fields,
    query: &Query,
    vector: Option<&QueryVector>,
    reach: &Reach,
    scope: &Scope,
    parsed: &Parsed,
) -> Result<Results, SearchError> {
    let lexical = match query.mode {
        Mode::Meaning => None,
        Mode::Lexical | Mode::Hybrid => Some(rank(snapshot, fields, reach, &scope.all, parsed)?),
    };
    let judge = Judge {
        snapshot,
        scope,
        lexical: lexical.as_ref(),
        vector,
        query,
        unlike: query.unlike.map(|id| {
            // Only what the reader may see says which are its copies.
            let segments = snapshot.segments.iter().zip(&reach.sets);
            let mut own = segments.flat_map(|(segment, within)| {
                let runs = segment.runs().iter().enumerate();
                runs.filter(|(_, run)| run.document == id)
                    .filter(|(n, _)| segment.passages(*n).any(|doc| within.contains(doc)))
                    .map(|(_, run)| run.first)
            });
            (id, own.next())
        }),
    };
    let limit = query.limit.min(LIMIT_MAX);
    // Room for duplicates, which are folded afterwards; all when that was too little.
    let mut kept = 2 * limit + 64;
    loop {
        let tally = judge.tally(kept)?;
        let (hits, complete) = tally.folded(limit, kept);
        if !complete {
            kept = usize::MAX;
            continue;
        }
        return Ok(Results {
            hits: hits
                .into_iter()
                .map(|(found, same)| hit(snapshot, &found, same))
                .collect::<Result<_, _>>()?,
            documents: tally.documents,
            passages: tally.passages,
            facets: tally.facets,
            position: snapshot.commit.position,
            lexical_best: lexical.as_ref().map_or(0.0, |l| l.most),
            ..Results::default()
        });
    }
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

/// Says of each passage whether it is found, and how good it is.
struct Judge<'a> {
    snapshot: &'a Snapshot,
    scope: &'a Scope,
    lexical: Option<&'a Lexical>,
    vector: Option<&'a QueryVector>,
    query: &'a Query,
    /// A document that is not to be found, and the first with the same bytes.
    unlike: Option<(DocumentId, Option<u64>)>,
}

/// What was found, counted.
#[derive(Default)]
struct Tally {
    best: BinaryHeap<Found>,
    /// Whether some were good enough to be found and not good enough to be kept.
    more: bool,
    documents: u64,
    passages: u64,
    facets: Facets,
    /// Parts of documents, to be put together.
    parts: Vec<Part>,
}

/// What was found in a part of a document.
struct Part {
    document: DocumentId,
    found: Option<Found>,
    /// Where the passage found begins in the text.
    start: u64,
    values: BTreeSet<(Facet, String)>,
}

impl Tally {
    fn keep(&mut self, found: Found, kept: usize) {
        self.documents += 1;
        if self.best.len() < kept {
            self.best.push(found);
        } else {
            self.more = true;
            if self.best.peek().is_some_and(|worst| found < *worst) {
                self.best.pop();
                self.best.push(found);
            }
        }
    }

    fn add(&mut self, other: Self, kept: usize) {
        self.more |= other.more;
        self.passages += other.passages;
        self.facets.add(other.facets);
        self.parts.extend(other.parts);
        let documents = self.documents + other.documents;
        for found in other.best {
            self.keep(found, kept);
        }
        self.documents = documents;
    }

    /// Puts the parts of documents together.
    fn join_parts(&mut self, kept: usize) {
        let mut whole: BTreeMap<DocumentId, Part> = BTreeMap::new();
        for part in std::mem::take(&mut self.parts) {
            let Some(held) = whole.get_mut(&part.document) else {
                whole.insert(part.document, part);
                continue;
            };
            held.values.extend(part.values);
            held.found = match (held.found, part.found) {
                (Some(a), Some(b)) => {
                    let passages = a.passages + b.passages;
                    // Of equals, the one that stands first: parts come in no order.
                    let held_first = a.order(&b).then(held.start.cmp(&part.start)).is_le();
                    let (better, start) = match held_first {
                        true => (a, held.start),
                        false => (b, part.start),
                    };
                    held.start = start;
                    Some(Found { passages, ..better })
                }
                (Some(found), None) => Some(found),
                (None, found) => {
                    held.start = part.start;
                    found
                }
            };
        }
        for part in whole.into_values() {
            for (facet, value) in part.values {
                self.facets.count(facet, value, 1);
            }
            if let Some(found) = part.found {
                self.keep(found, kept);
            }
        }
    }

    /// The best documents, each with those that have the same bytes; and whether nothing that was
    /// not kept belongs among them.
    fn folded(&self, limit: usize, kept: usize) -> (Vec<(Found, Vec<DocumentId>)>, bool) {
        let ordered: BTreeSet<&Found> = self.best.iter().collect();
        let mut hits: Vec<(Found, Vec<DocumentId>)> = Vec::new();
        for found in ordered {
            let known = hits.iter_mut().find(|(hit, _)| hit.first == found.first);
            if let Some((_, same)) = known {
                same.push(found.document);
            } else if hits.len() < limit {
                hits.push((*found, Vec::new()));
            }
        }
        for (_, same) in &mut hits {
            same.sort_unstable();
        }
        let complete = !self.more || kept == usize::MAX || hits.len() == limit;
        (hits, complete)
    }
}

impl Judge<'_> {
    /// Goes through everything in scope. Parts of the work are of one size and are put together in
    /// one order, so that neither threads nor segments show.
    fn tally(&self, kept: usize) -> Result<Tally, SearchError> {
        let chunks: Vec<(usize, usize)> = self
            .snapshot
            .segments
            .iter()
            .enumerate()
            .flat_map(|(s, segment)| {
                let begins = (0..segment.runs().len()).step_by(CHUNK);
                begins.map(move |begin| (s, begin))
            })
            .collect();
        let tallies: Vec<Tally> = chunks
            .into_par_iter()
            .map(|(segment, begin)| self.chunk(segment, begin, kept))
            .collect::<Result<_, _>>()?;
        let mut tally = Tally::default();
        for other in tallies {
            tally.add(other, kept);
        }
        tally.join_parts(kept);
        Ok(tally)
    }

    fn chunk(&self, s: usize, begin: usize, kept: usize) -> Result<Tally, SearchError> {
        let segment = &*self.snapshot.segments[s];
        let runs = segment.runs().iter().enumerate().skip(begin).take(CHUNK);
        let mut tally = Tally::default();
        let mut counts = Facet::ALL.map(|facet| {
            let values = if self.query.facets {
                segment.facets.values(facet)
            } else {
                0
            };
            vec![0u64; values]
        });
        let mut seen = BTreeSet::new();
        for (number, run) in runs {
            let excluded = self.unlike.is_some_and(|(id, first)| {
                run.document == id || first.is_some_and(|first| run.first == first)
            });
            if excluded {
                continue;
            }
            let found = self.run(s, segment, run, number, &mut seen);
            tally.passages += found.map_or(0, |(_, passages)| passages);
            let found = found.map(|(found, _)| found);
            if run.whole {
                for (facet, ordinal) in std::mem::take(&mut seen) {
                    if let Some(count) = counts[facet as usize].get_mut(ordinal as usize) {
                        *count += 1;
                    }
                }
                if let Some(found) = found {
                    tally.keep(found, kept);
                }
            } else if found.is_some() || !seen.is_empty() {
                let values = std::mem::take(&mut seen).into_iter();
                tally.parts.push(Part {
                    document: run.document,
                    start: found.map_or(0, |found| segment.start.get_val(found.doc)),
                    found,
                    values: values
                        .map(|(facet, n)| Ok((facet, segment.facets.value(facet, n)?)))
                        .collect::<Result<_, SearchError>>()?,
                });
            }
        }
        for (facet, counts) in Facet::ALL.into_iter().zip(counts) {
            for (ordinal, count) in counts.into_iter().enumerate().filter(|(_, n)| *n > 0) {
                let value = segment.facets.value(facet, ordinal as u64)?;
                tally.facets.count(facet, value, count);
            }
        }
        Ok(tally)
    }

    /// The best passage of a document and how many were found; what facets see of it goes to
    /// `seen`.
    fn run(
        &self,
        s: usize,
        segment: &Segment,
        run: &Run,
        number: usize,
        seen: &mut BTreeSet<(Facet, u64)>,
    ) -> Option<(Found, u64)> {
        let mut best: Option<Found> = None;
        let mut passages = 0;
        for doc in segment.passages(number) {
            if !self.scope.all[s].contains(doc) {
                continue;
            }
            let Some(found) = self.passage(s, segment, run, doc) else {
                continue;
            };
            let hit = self.scope.hits[s].contains(doc);
            if self.query.facets {
                for facet in Facet::ALL {
                    let within = match self.scope.aside.get(&facet) {
                        Some(aside) => aside[s].contains(doc),
                        None => hit,
                    };
                    if within {
                        let ordinals = segment.facets.ordinals(facet, doc);
                        seen.extend(ordinals.map(|ordinal| (facet, ordinal)));
                    }
                }
            }
            if !hit {
                continue;
            }
            passages += 1;
            best = Some(match best {
                Some(held) => {
                    let passages = held.passages + found.passages;
                    let better = if found.order(&held).is_lt() {
                        found
                    } else {
                        held
                    };
                    Found { passages, ..better }
                }
                None => found,
            });
        }
        best.map(|best| (best, passages))
    }

    fn passage(&self, s: usize, segment: &Segment, run: &Run, doc: DocId) -> Option<Found> {
        let holds = self.lexical.is_some_and(|l| l.holds(s, doc));
        let exact = self.lexical.map_or(0, |l| l.exact[s][doc as usize]);
        let meaning = self.vector.and_then(|vector| {
            let place = segment.place(doc)?;
            self.snapshot.vectors.cosine(place, vector)
        });
        let least = match self.query.mode {
            Mode::Hybrid => self.query.fusion.meaning_min,
            Mode::Lexical | Mode::Meaning => 0.0,
        };
        let meant = meaning.is_some_and(|m| m > least);
        let said = holds || exact > 0;
        if !meant && !said {
            return None;
        }
        let lexical = self.lexical.map_or(0.0, |l| {
            l.share(s, doc, segment.language.get_val(doc) as usize)
        });
        let meaning = meaning.unwrap_or(0.0);
        let fusion = &self.query.fusion;
        let (words_gave, meaning_gave) = match self.query.mode {
            Mode::Lexical => (lexical, 0.0),
            Mode::Meaning => (0.0, meaning.max(0.0)),
            Mode::Hybrid if self.vector.is_none() => (lexical, 0.0),
            Mode::Hybrid => (fusion.lexical * lexical, fusion.meaning * meaning.max(0.0)),
        };
        Some(Found {
            document: run.document,
            first: run.first,
            segment: s,
            doc,
            exact,
            fused: words_gave + meaning_gave,
            lexical,
            meaning,
            words_gave,
            passages: u32::from(said || self.query.mode == Mode::Meaning),
        })
    }
}

fn hit(snapshot: &Snapshot, found: &Found, same: Vec<DocumentId>) -> Result<Hit, SearchError> {
    let segment = &snapshot.segments[found.segment];
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Ok(Hit {
        document: found.document,
        text_version: text_version(snapshot, found)?,
        span: Span::new(
            small(segment.start.get_val(found.doc)),
            small(segment.end.get_val(found.doc)),
        ),
        page: small(segment.page.get_val(found.doc)),
        score: f64::from(found.exact) + found.fused,
        exact: u32::from(found.exact),
        lexical: found.lexical,
        meaning: found.meaning,
        words_gave: found.words_gave,
        passages: found.passages.max(1),
        same,
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

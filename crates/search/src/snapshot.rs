//! One committed state of an index, as searches see it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use domain::{DocumentId, PipelineName, ServiceId};
use tantivy::query::{
    BooleanQuery, EnableScoring, Query as Clause, RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, Searcher, SegmentReader, TERMINATED, Term};

use crate::analysis::Language;
use crate::commit::Commit;
use crate::facets::Facet;
use crate::fields::Fields;
use crate::segment::Segment;
use crate::vectors::Vectors;
use crate::{Query, Reader, SearchError};

/// Readers whose reach is remembered; beyond, the memory is emptied.
const REACHES_MAX: usize = 64;

/// A committed state: engine segments, vectors and position of one and the same commit.
pub(crate) struct Snapshot {
    pub(crate) searcher: Searcher,
    pub(crate) commit: Commit,
    pub(crate) vectors: Vectors,
    pub(crate) segments: Vec<Arc<Segment>>,
    reaches: Mutex<BTreeMap<Reader, Arc<Reach>>>,
    numbers: OnceLock<Arc<Vec<Vec<u32>>>>,
}

/// A set of passages of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set {
    words: Vec<u64>,
}

impl Set {
    pub(crate) fn new(size: u32) -> Self {
        Self {
            words: vec![0; (size as usize).div_ceil(64)],
        }
    }

    pub(crate) fn insert(&mut self, doc: DocId) {
        if let Some(word) = self.words.get_mut(doc as usize / 64) {
            *word |= 1 << (doc % 64);
        }
    }

    pub(crate) fn contains(&self, doc: DocId) -> bool {
        self.words
            .get(doc as usize / 64)
            .is_some_and(|word| word >> (doc % 64) & 1 == 1)
    }

    /// Takes out what the other does not hold.
    pub(crate) fn keep(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Takes in what the other holds.
    pub(crate) fn join(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = DocId> + '_ {
        self.words.iter().enumerate().flat_map(|(i, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(i as u32 * 64 + bit)
            })
        })
    }
}

/// What a reader may see, and the statistics of exactly that: scores depend on nothing else.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// By segment.
    pub(crate) sets: Vec<Set>,
    /// By language.
    pub(crate) totals: [Totals; 2],
    /// Passages of each document, by its number ([`Snapshot::numbers`]); none of what is outside.
    pub(crate) sizes: Vec<u32>,
    /// Passages of a document, on average.
    pub(crate) size: f64,
    /// Whether any passage has a vector.
    pub(crate) has_vectors: bool,
}

/// Passages of a language and the summed lengths of their fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) passages: u64,
    /// Of text, title and section.
    pub(crate) lengths: [u64; 3],
}

/// Where a search looks.
pub(crate) struct Scope {
    /// What may be a hit, by segment.
    pub(crate) hits: Vec<Set>,
    /// What all filters but that of a facet leave, for the counts of that facet.
    pub(crate) aside: BTreeMap<Facet, Vec<Set>>,
    /// All of these together.
    pub(crate) all: Vec<Set>,
}

impl Scope {
    fn of(hits: Vec<Set>, aside: BTreeMap<Facet, Vec<Set>>) -> Self {
        let mut all = hits.clone();
        for sets in aside.values() {
            for (all, set) in all.iter_mut().zip(sets) {
                all.join(set);
            }
        }
        Self { hits, aside, all }
    }

    /// Looks only where these sets, by segment, are too.
    pub(crate) fn keep(&mut self, sets: &[Set]) {
        let aside = self.aside.values_mut();
        for own in aside.chain([&mut self.hits, &mut self.all]) {
            for (own, set) in own.iter_mut().zip(sets) {
                own.keep(set);
            }
        }
    }
}

impl Snapshot {
    pub(crate) fn open(
        dir: &Path,
        searcher: Searcher,
        commit: Commit,
        before: Option<&Self>,
    ) -> Result<Self, SearchError> {
        let vectors = Vectors::open(dir, &commit)?;
        // Rows keep their places until a compaction, and segments never change.
        let before = before.filter(|b| b.commit.generation == commit.generation);
        let known = |segment: &SegmentReader| {
            let before = before?;
            let segments = before.searcher.segment_readers().iter();
            let at = segments.zip(&before.segments);
            let mut same = at.filter(|(held, _)| held.segment_id() == segment.segment_id());
            same.next().map(|(_, held)| Arc::clone(held))
        };
        let segments = searcher
            .segment_readers()
            .iter()
            .map(|segment| match known(segment) {
                Some(held) => Ok(held),
                None => Segment::open(segment, &vectors).map(Arc::new),
            });
        Ok(Self {
            segments: segments.collect::<Result<_, _>>()?,
            vectors,
            searcher,
            commit,
            reaches: Mutex::default(),
            numbers: OnceLock::new(),
        })
    }

    /// What `reader` may see.
    pub(crate) fn reach(
        &self,
        fields: &Fields,
        reader: &Reader,
    ) -> Result<Arc<Reach>, SearchError> {
        let lock = || self.reaches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = lock().get(reader) {
            return Ok(Arc::clone(reach));
        }
        let clauses = match reader {
            Reader::All => Vec::new(),
            Reader::Services {
                services,
                pipelines,
                include_unrouted,
            } => vec![reader_clause(
                fields,
                services,
                pipelines,
                *include_unrouted,
            )],
        };
        let sets = self.sets(clauses)?;
        let mut reach = Reach {
            totals: [Totals::default(); 2],
            sets,
            ..Reach::default()
        };
        self.measure(&mut reach);
        let mut segments = self.segments.iter().zip(&reach.sets);
        reach.has_vectors =
            segments.any(|(segment, set)| set.iter().any(|doc| segment.place(doc).is_some()));
        for (segment, (columns, set)) in self
            .searcher
            .segment_readers()
            .iter()
            .zip(self.segments.iter().zip(&reach.sets))
        {
            for language in Language::ALL {
                let l = language.index();
                let norms = [fields.body[l], fields.title[l], fields.section[l]]
                    .map(|field| segment.get_fieldnorms_reader(field));
                let totals = &mut reach.totals[l];
                for doc in set.iter() {
                    if columns.language.get_val(doc) == l as u64 {
                        totals.passages += 1;
                        for (total, norm) in totals.lengths.iter_mut().zip(&norms) {
                            *total += norm.as_ref().map_or(0, |n| u64::from(n.fieldnorm(doc)));
                        }
                    }
                }
            }
        }
        let reach = Arc::new(reach);
        let mut known = lock();
        if known.len() >= REACHES_MAX {
            known.clear();
        }
        known.insert(reader.clone(), Arc::clone(&reach));
        Ok(reach)
    }

    /// Counts the passages of the documents within `reach`.
    fn measure(&self, reach: &mut Reach) {
        for (numbers, set) in self.numbers().iter().zip(&reach.sets) {
            for doc in set.iter() {
                let number = numbers[doc as usize] as usize;
                if reach.sizes.len() <= number {
                    reach.sizes.resize(number + 1, 0);
                }
                reach.sizes[number] += 1;
            }
        }
        let sizes = || reach.sizes.iter().filter(|size| **size > 0);
        let passages: u64 = sizes().map(|size| u64::from(*size)).sum();
        reach.size = passages as f64 / sizes().count().max(1) as f64;
    }

    /// A number for each document, by segment and passage. Nothing that is found depends on which:
    /// it only brings together what the engine may have put into several segments.
    pub(crate) fn numbers(&self) -> Arc<Vec<Vec<u32>>> {
        let number = || {
            let mut known: HashMap<DocumentId, u32> = HashMap::new();
            let numbers = self.segments.iter().map(|segment| {
                let mut numbers = Vec::new();
                for (run, held) in segment.runs().iter().enumerate() {
                    let next = known.len() as u32;
                    let number = *known.entry(held.document).or_insert(next);
                    numbers.extend(segment.passages(run).map(|_| number));
                }
                numbers
            });
            Arc::new(numbers.collect())
        };
        Arc::clone(self.numbers.get_or_init(number))
    }

    /// The passages within reach that pass the filters: rights are one of the clauses that must
    /// hold, so nothing outside is ever looked at.
    pub(crate) fn scope(
        &self,
        fields: &Fields,
        reach: &Reach,
        query: &Query,
    ) -> Result<Scope, SearchError> {
        let filters = &query.filters;
        let asked = filters.facets();
        if asked.is_empty() && filters.from.is_none() && filters.until.is_none() {
            return Ok(Scope::of(reach.sets.clone(), BTreeMap::new()));
        }
        let sets = |without: Option<Facet>| {
            let mut clauses: Vec<Box<dyn Clause>> = Vec::new();
            if let Reader::Services {
                services,
                pipelines,
                include_unrouted,
            } = &query.reader
            {
                let clause = reader_clause(fields, services, pipelines, *include_unrouted);
                clauses.push(clause);
            }
            for (facet, value) in asked.iter().filter(|(facet, _)| Some(*facet) != without) {
                let term = Term::from_field_text(fields.facet(*facet), value);
                clauses.push(Box::new(TermQuery::new(term, IndexRecordOption::Basic)));
            }
            if filters.from.is_some() || filters.until.is_some() {
                use std::ops::Bound::{Excluded, Included, Unbounded};
                let moment =
                    |t: domain::Timestamp| Term::from_field_i64(fields.received_at, t.micros());
                clauses.push(Box::new(RangeQuery::new(
                    filters.from.map_or(Unbounded, |t| Included(moment(t))),
                    filters.until.map_or(Unbounded, |t| Excluded(moment(t))),
                )));
            }
            self.sets(clauses)
        };
        let mut aside = BTreeMap::new();
        if query.facets {
            for (facet, _) in &asked {
                aside.insert(*facet, sets(Some(*facet))?);
            }
        }
        Ok(Scope::of(sets(None)?, aside))
    }

    /// The living passages for which all clauses hold, by segment.
    fn sets(&self, clauses: Vec<Box<dyn Clause>>) -> Result<Vec<Set>, SearchError> {
        let unrestricted = clauses.is_empty();
        let query = BooleanQuery::intersection(clauses);
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        let mut sets = Vec::new();
        for segment in self.searcher.segment_readers() {
            let mut set = Set::new(segment.max_doc());
            if unrestricted {
                segment.doc_ids_alive().for_each(|doc| set.insert(doc));
            } else {
                let mut scorer = weight.scorer(segment, 1.0)?;
                let mut doc = scorer.doc();
                while doc != TERMINATED {
                    if !segment.is_deleted(doc) {
                        set.insert(doc);
                    }
                    doc = scorer.advance();
                }
            }
            sets.push(set);
        }
        Ok(sets)
    }

    /// Living passages, with their segment.
    pub(crate) fn living(&self) -> impl Iterator<Item = (&Segment, DocId)> + '_ {
        self.searcher
            .segment_readers()
            .iter()
            .zip(&self.segments)
            .flat_map(|(segment, columns)| {
                segment.doc_ids_alive().map(move |doc| (&**columns, doc))
            })
    }
}

fn reader_clause(
    fields: &Fields,
    services: &BTreeSet<ServiceId>,
    pipelines: &BTreeSet<PipelineName>,
    include_unrouted: bool,
) -> Box<dyn Clause> {
    let unrouted = include_unrouted.then(|| fields.reader_term(None));
    let whole = |name: &PipelineName| Term::from_field_text(fields.pipeline, name.as_str());
    let terms = services
        .iter()
        .map(|s| fields.reader_term(Some(s)))
        .chain(pipelines.iter().map(whole))
        .chain(unrouted);
    Box::new(TermSetQuery::new(terms))
}

//! The lexical score: BM25F over text, title and section.
//!
//! Terms are taken one after the other in the order of the query, and every sum is made in that
//! order, so a score never depends on how passages are spread over segments. Counts and lengths
//! are those of what the reader may see and what is alive: what is outside, or deleted and not yet
//! merged away, changes nothing. (Robertson, Zaragoza, Taylor, "Simple BM25 extension to multiple
//! weighted fields", CIKM 2004.)

use std::collections::BTreeSet;

use domain::text::fold;
use tantivy::postings::Postings as _;
use tantivy::query::{EnableScoring, PhraseQuery, Query as _};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use crate::SearchError;
use crate::analysis::{Analyser, Language, words};
use crate::fields::Fields;
use crate::near::{is_near, may_be_mistyped};
use crate::parse::{Parsed, Part, Written};
use crate::snapshot::{Reach, Set, Snapshot};

// Chosen on French public sets (sheets of the administration, labour law, encyclopaedia), where
// each of them changes nDCG@10 by a point or less around these values; titles by more.

/// How soon a word said again stops counting.
const K1: f64 = 1.2;
/// How much the length of text, title and section counts.
const LENGTH: [f64; 3] = [0.6, 0.75, 0.75];
/// What a word in text, title and section weighs.
const FIELD: [f64; 3] = [1.0, 2.0, 0.5];
/// What a word written just as in the query adds, against its first occurrence.
const AS_WRITTEN: f64 = 0.1;

/// What two words that stand together as in the query add, against a word.
const TOGETHER: f64 = 0.2;

/// What a word that is one slip away weighs, against the word meant.
const MISTYPED: f64 = 0.7;

/// Scores by segment and passage.
pub(crate) struct Lexical {
    /// BM25F.
    pub(crate) scores: Vec<Vec<f64>>,
    /// References and phrases found.
    pub(crate) exact: Vec<Vec<u8>>,
}

struct Ranker<'a> {
    snapshot: &'a Snapshot,
    fields: &'a Fields,
    reach: &'a Reach,
    matching: &'a [Set],
    out: Lexical,
}

/// Scores the passages of `matching` with the statistics of `reach`.
pub(crate) fn rank(
    snapshot: &Snapshot,
    fields: &Fields,
    reach: &Reach,
    matching: &[Set],
    parsed: &Parsed,
) -> Result<Lexical, SearchError> {
    let segments = snapshot.searcher.segment_readers();
    let sizes = segments.iter().map(|s| s.max_doc() as usize);
    let mut ranker = Ranker {
        snapshot,
        fields,
        reach,
        matching,
        out: Lexical {
            scores: sizes.clone().map(|n| vec![0.0; n]).collect(),
            exact: sizes.map(|n| vec![0; n]).collect(),
        },
    };
    for part in &parsed.parts {
        ranker.part(part)?;
    }
    for pair in &parsed.pairs {
        ranker.pair(pair)?;
    }
    for phrase in &parsed.exact {
        ranker.exact(phrase)?;
    }
    Ok(ranker.out)
}

type Frequencies = Vec<(DocId, f64)>;

impl Ranker<'_> {
    fn segments(&self) -> &[SegmentReader] {
        self.snapshot.searcher.segment_readers()
    }

    fn part(&mut self, part: &Part) -> Result<(), SearchError> {
        if part.stems.iter().all(Vec::is_empty) {
            return self.written(part);
        }
        let written = match &part.written {
            Written::Word(form) => self.places(std::slice::from_ref(form))?,
            Written::Prefix(_) => Vec::new(),
        };
        let mut nothing = true;
        for language in Language::ALL {
            let terms = &part.stems[language.index()];
            let found = self.in_language(language, terms)?;
            nothing &= found.iter().all(Vec::is_empty);
            self.score(&found, self.passages(language), part.weight, &written);
        }
        if let (true, Written::Word(form)) = (nothing, &part.written) {
            let meant = self.neighbours(&fold(form))?;
            let mut analyser = Analyser::new();
            for language in Language::ALL {
                let terms: BTreeSet<String> = meant
                    .iter()
                    .flat_map(|form| analyser.body(&words(form), language))
                    .collect();
                let found = self.in_language(language, &Vec::from_iter(terms))?;
                self.score(&found, self.passages(language), part.weight * MISTYPED, &[]);
            }
        }
        Ok(())
    }

    fn passages(&self, language: Language) -> u64 {
        self.reach.totals[language.index()].passages
    }

    fn in_language(
        &self,
        language: Language,
        terms: &[String],
    ) -> Result<Vec<Frequencies>, SearchError> {
        (0..self.segments().len())
            .map(|s| self.frequencies(s, language, terms))
            .collect()
    }

    /// The words within reach that are one slip of the finger away from `form`, a word that
    /// nothing within reach holds.
    fn neighbours(&self, form: &str) -> Result<BTreeSet<String>, SearchError> {
        let mut near = BTreeSet::new();
        let Some(first) = form.chars().next().filter(|_| may_be_mistyped(form)) else {
            return Ok(near);
        };
        let first = first.to_string();
        for (segment, reach) in self.segments().iter().zip(&self.reach.sets) {
            for field in [self.fields.words, self.fields.head_words] {
                let index = segment.inverted_index(field)?;
                let mut held = index.terms().range().ge(&first).into_stream()?;
                while let Some((other, info)) = held.next() {
                    if !other.starts_with(first.as_bytes()) {
                        break;
                    }
                    let Ok(other) = std::str::from_utf8(other) else {
                        continue;
                    };
                    if !is_near(form, other) {
                        continue;
                    }
                    let mut postings =
                        index.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
                    while postings.doc() != TERMINATED && !reach.contains(postings.doc()) {
                        postings.advance();
                    }
                    if postings.doc() != TERMINATED {
                        near.insert(other.to_owned());
                    }
                }
            }
        }
        Ok(near)
    }

    /// A part with no stem: words without weight, or a prefix. Any language, any length.
    fn written(&mut self, part: &Part) -> Result<(), SearchError> {
        let mut found = Vec::new();
        for (s, segment) in self.segments().iter().enumerate() {
            let mut all = Frequencies::new();
            for (field, weight) in [
                (self.fields.words, FIELD[0]),
                (self.fields.head_words, FIELD[1]),
            ] {
                let index = segment.inverted_index(field)?;
                let mut take = |mut postings: tantivy::postings::SegmentPostings| {
                    while postings.doc() != TERMINATED {
                        if self.reach.sets[s].contains(postings.doc()) {
                            let count = f64::from(postings.term_freq());
                            all.push((postings.doc(), count * weight));
                        }
                        postings.advance();
                    }
                };
                match &part.written {
                    Written::Word(form) => {
                        let term = Term::from_field_text(field, form);
                        if let Some(p) = index.read_postings(&term, IndexRecordOption::WithFreqs)? {
                            take(p);
                        }
                    }
                    Written::Prefix(prefix) => {
                        let mut terms = index.terms().range().ge(prefix).into_stream()?;
                        while let Some((term, info)) = terms.next() {
                            if !term.starts_with(prefix.as_bytes()) {
                                break;
                            }
                            take(
                                index.read_postings_from_terminfo(
                                    info,
                                    IndexRecordOption::WithFreqs,
                                )?,
                            );
                        }
                    }
                }
            }
            found.push(merged(all, |a, b| a + b));
        }
        let passages = Language::ALL.map(|l| self.passages(l)).iter().sum();
        self.score(&found, passages, part.weight, &[]);
        Ok(())
    }

    /// How often the terms stand in each passage within reach, fields weighted and lengths
    /// allowed for.
    fn frequencies(
        &self,
        s: usize,
        language: Language,
        terms: &[String],
    ) -> Result<Frequencies, SearchError> {
        let totals = self.reach.totals[language.index()];
        let segment = &self.segments()[s];
        let l = language.index();
        let fields = [
            self.fields.body[l],
            self.fields.title[l],
            self.fields.section[l],
        ];
        let mut all = Frequencies::new();
        for (f, field) in fields.into_iter().enumerate() {
            let index = segment.inverted_index(field)?;
            let mut counts = Frequencies::new();
            for term in terms {
                let term = Term::from_field_text(field, term);
                let Some(mut postings) =
                    index.read_postings(&term, IndexRecordOption::WithFreqs)?
                else {
                    continue;
                };
                while postings.doc() != TERMINATED {
                    if self.reach.sets[s].contains(postings.doc()) {
                        counts.push((postings.doc(), f64::from(postings.term_freq())));
                    }
                    postings.advance();
                }
            }
            if counts.is_empty() {
                continue;
            }
            // The two stems of one word are one word.
            let counts = merged(counts, f64::max);
            let norms = segment.get_fieldnorms_reader(field)?;
            let average = totals.lengths[f] as f64 / totals.passages as f64;
            all.extend(counts.into_iter().map(|(doc, count)| {
                let length = f64::from(norms.fieldnorm(doc)) / average.max(1.0);
                (
                    doc,
                    FIELD[f] * count / (1.0 - LENGTH[f] + LENGTH[f] * length),
                )
            }));
        }
        Ok(merged(all, |a, b| a + b))
    }

    fn score(&mut self, found: &[Frequencies], passages: u64, weight: f64, written: &[Set]) {
        let holding = found.iter().map(Vec::len).sum::<usize>() as f64;
        let rarity = (1.0 + (passages as f64 - holding + 0.5) / (holding + 0.5)).ln();
        for (s, frequencies) in found.iter().enumerate() {
            for (doc, frequency) in frequencies {
                if !self.matching[s].contains(*doc) {
                    continue;
                }
                let as_written = written.get(s).is_some_and(|set| set.contains(*doc));
                let bonus = if as_written { AS_WRITTEN } else { 0.0 };
                let satiated = frequency * (K1 + 1.0) / (frequency + K1);
                self.out.scores[s][*doc as usize] += weight * rarity * (satiated + bonus);
            }
        }
    }

    /// Words that stand together as in the query: "congé paternité" is more than both words.
    fn pair(&mut self, pair: &[String]) -> Result<(), SearchError> {
        let found: Vec<Frequencies> = self
            .places(pair)?
            .iter()
            .zip(&self.reach.sets)
            .map(|(places, reach)| {
                let within = places.iter().filter(|doc| reach.contains(*doc));
                within.map(|doc| (doc, 1.0)).collect()
            })
            .collect();
        let passages = Language::ALL.map(|l| self.passages(l)).iter().sum();
        self.score(&found, passages, TOGETHER, &[]);
        Ok(())
    }

    fn places(&self, phrase: &[String]) -> Result<Vec<Set>, SearchError> {
        holding(self.snapshot, self.fields, phrase)
    }

    fn exact(&mut self, phrase: &[String]) -> Result<(), SearchError> {
        for (s, places) in self.places(phrase)?.iter().enumerate() {
            for doc in places.iter().filter(|doc| self.matching[s].contains(*doc)) {
                self.out.exact[s][doc as usize] += 1;
            }
        }
        Ok(())
    }
}

/// Where these words stand one after the other, in text, title, name or section: passages by
/// segment, whoever may see them.
pub(crate) fn holding(
    snapshot: &Snapshot,
    fields: &Fields,
    phrase: &[String],
) -> Result<Vec<Set>, SearchError> {
    let mut places = Vec::new();
    for segment in snapshot.searcher.segment_readers() {
        let mut set = Set::new(segment.max_doc());
        for field in [fields.words, fields.head_words] {
            collect(snapshot, segment, field, phrase, &mut set)?;
        }
        places.push(set);
    }
    Ok(places)
}

fn collect(
    snapshot: &Snapshot,
    segment: &SegmentReader,
    field: Field,
    phrase: &[String],
    set: &mut Set,
) -> Result<(), SearchError> {
    let mut terms: Vec<Term> = phrase
        .iter()
        .map(|w| Term::from_field_text(field, w))
        .collect();
    if terms.len() > 1 {
        let scoring = EnableScoring::disabled_from_searcher(&snapshot.searcher);
        let weight = PhraseQuery::new(terms).weight(scoring)?;
        drain(&mut *weight.scorer(segment, 1.0)?, set);
    } else if let Some(term) = terms.pop() {
        let index = segment.inverted_index(field)?;
        if let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? {
            drain(&mut postings, set);
        }
    }
    Ok(())
}

fn drain<D: DocSet + ?Sized>(docs: &mut D, set: &mut Set) {
    let mut doc = docs.doc();
    while doc != TERMINATED {
        set.insert(doc);
        doc = docs.advance();
    }
}

/// One entry for each passage, in order. Runs that are already in order, which these are, merge
/// in linear time.
fn merged(mut entries: Frequencies, join: impl Fn(f64, f64) -> f64) -> Frequencies {
    entries.sort_by_key(|(doc, _)| *doc);
    entries.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = join(kept.1, later.1);
        }
        same
    });
    entries
}

//! The lexical score: BM25F over text, title and section, of a passage and of its document.
//!
//! A passage of seven hundred letters says little: what the rest of its document says decides
//! between passages that hold the same words. So a score is that of the passage, plus that of the
//! whole document, plus what the title has of the query.
//!
//! Terms are taken one after the other in the order of the query, and every sum is made in that
//! order, so a score never depends on how passages are spread over segments. Counts and lengths
//! are those of what the reader may see and what is alive: what is outside, or deleted and not yet
//! merged away, changes nothing. (Robertson, Zaragoza, Taylor, "Simple BM25 extension to multiple
//! weighted fields", CIKM 2004.)

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::text::fold;
use tantivy::postings::Postings as _;
use tantivy::query::{EnableScoring, PhraseQuery, Query as _};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use crate::SearchError;
use crate::analysis::{Analyser, Language, words};
use crate::fields::Fields;
use crate::near::{has_kin, is_kin, is_near, may_be_mistyped};
use crate::parse::{Parsed, Part, Written};
use crate::snapshot::{Reach, Set, Snapshot};

// Chosen on French public sets (sheets of the administration, labour law, encyclopaedia), where
// each of them changes nDCG@10 by a point or less around these values; titles by more.

/// How soon a word said again stops counting.
const K1: f64 = 1.2;
/// How much the length of text, title and section counts.
const LENGTH: [f64; 3] = [0.6, 0.75, 0.75];
/// What a word in text, title and section weighs. A title has its own say besides: [`TITLED`].
const FIELD: [f64; 3] = [1.0, 1.0, 0.5];
/// How much the number of a document's passages counts.
const SIZE: f64 = 0.5;
/// Passages of a document that still speaks of one subject, about five pages. Minutes of two hundred
/// pages hold every word: what they say elsewhere tells nothing of a passage.
const WHOLE: f64 = 16.0;
/// What a word in a title adds, against its first occurrence, when the title says nothing else;
/// less as the title is longer than the query.
const TITLED: f64 = 0.8;
/// What a word written just as in the query adds, against its first occurrence.
const AS_WRITTEN: f64 = 0.1;

/// What two words that stand together as in the query add, against a word.
const TOGETHER: f64 = 0.2;

/// What a word of the same family weighs, against the word itself.
const KIN: f64 = 0.4;

/// What a word that is one slip away weighs, against the word meant.
const MISTYPED: f64 = 0.7;

/// Scores by segment and passage.
pub(crate) struct Lexical {
    /// Of passages: nothing where no word of the query stands.
    scores: Vec<Vec<f64>>,
    /// References and phrases found.
    pub(crate) exact: Vec<Vec<u8>>,
    /// Of documents, by their number.
    documents: Vec<f64>,
    /// What no document can reach: every word of the query without end, in a title that says
    /// nothing else.
    pub(crate) most: f64,
    /// The same by language of the passage.
    mosts: [f64; 2],
    numbers: Arc<Vec<Vec<u32>>>,
}

impl Lexical {
    /// Whether a passage holds a word of the query.
    pub(crate) fn holds(&self, segment: usize, doc: DocId) -> bool {
        self.scores[segment][doc as usize] > 0.0
    }

    /// What a passage and its document have of all that could be had: between 0 and 1.
    pub(crate) fn share(&self, segment: usize, doc: DocId, language: usize) -> f64 {
        let number = self.numbers[segment][doc as usize] as usize;
        let score = self.scores[segment][doc as usize] + self.documents[number];
        // A word is rare or not in its own language: in a town's few English letters nothing is as
        // rare as a word that no French one holds.
        let most = self.mosts[language.min(1)];
        if most > 0.0 {
            (score / most).min(1.0)
        } else {
            0.0
        }
    }
}

struct Ranker<'a> {
    snapshot: &'a Snapshot,
    fields: &'a Fields,
    reach: &'a Reach,
    matching: &'a [Set],
    /// Words of the query.
    words: f64,
    /// What no passage can reach, by its language.
    most: [f64; 2],
    of_documents: Documents,
    out: Lexical,
}

/// What one word does to each document.
struct Documents {
    /// How often it stands in passages, lengths allowed for, in parts of [`ONE`]: whole numbers,
    /// whose sum no order changes.
    frequency: Vec<u64>,
    /// What the title has of it.
    titled: Vec<f64>,
    /// Documents that hold it.
    held: Vec<u32>,
}

/// Parts of an occurrence.
const ONE: f64 = 65_536.0;

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
    let documents = reach.sizes.len();
    let mut ranker = Ranker {
        snapshot,
        fields,
        reach,
        matching,
        words: parsed.parts.iter().map(|part| part.weight).sum(),
        most: [0.0; 2],
        of_documents: Documents {
            frequency: vec![0; documents],
            titled: vec![0.0; documents],
            held: Vec::new(),
        },
        out: Lexical {
            scores: sizes.clone().map(|n| vec![0.0; n]).collect(),
            exact: sizes.map(|n| vec![0; n]).collect(),
            documents: vec![0.0; documents],
            most: 0.0,
            mosts: [0.0; 2],
            numbers: snapshot.numbers(),
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
    ranker.out.mosts = ranker.most;
    ranker.out.most = ranker.most.into_iter().fold(0.0, f64::max);
    Ok(ranker.out)
}

/// A word in a passage.
#[derive(Clone, Copy)]
struct Holding {
    doc: DocId,
    /// How often, fields weighted and lengths allowed for.
    frequency: f64,
    /// Between 0 and 1: what the title has of it.
    titled: f32,
}

impl Holding {
    fn new(doc: DocId, frequency: f64) -> Self {
        Self {
            doc,
            frequency,
            titled: 0.0,
        }
    }
}

type Frequencies = Vec<Holding>;

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
            let mut found = self.in_language(language, terms)?;
            nothing &= found.iter().all(Vec::is_empty);
            let kin = self.in_language(language, &self.kin(language, terms)?)?;
            let rarity = match found.iter().all(Vec::is_empty) {
                true => rarity(&kin, self.passages(language)),
                false => rarity(&found, self.passages(language)),
            } * part.weight;
            let more = found.iter_mut().zip(kin).filter(|(_, kin)| !kin.is_empty());
            for (found, kin) in more {
                found.extend(kin.into_iter().map(|held| Holding {
                    frequency: KIN * held.frequency,
                    titled: 0.0,
                    ..held
                }));
                *found = merged(std::mem::take(found), f64::max);
            }
            self.score(&found, rarity, &written);
            self.score_documents(&found, rarity);
            self.most[language.index()] += rarity * MOST;
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
                let rarity = rarity(&found, self.passages(language)) * part.weight * MISTYPED;
                self.score(&found, rarity, &[]);
                self.score_documents(&found, rarity);
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

    /// Stems of one family with these: of two, one begins the other, as in `demiss` and
    /// `demission`. Stemming leaves the words of a family apart.
    fn kin(&self, language: Language, terms: &[String]) -> Result<Vec<String>, SearchError> {
        let mut kin = BTreeSet::new();
        let l = language.index();
        for term in terms.iter().filter(|term| has_kin(term)) {
            let shorter = term.char_indices().map(|(at, _)| &term[..at]);
            kin.extend(shorter.filter(|t| is_kin(t, term)).map(str::to_owned));
            for segment in self.segments() {
                for field in [self.fields.body[l], self.fields.title[l]] {
                    let index = segment.inverted_index(field)?;
                    let mut longer = index.terms().range().gt(term).into_stream()?;
                    while let Some((other, _)) = longer.next() {
                        if !other.starts_with(term.as_bytes()) {
                            break;
                        }
                        let other = std::str::from_utf8(other).unwrap_or_default();
                        if is_kin(term, other) {
                            kin.insert(other.to_owned());
                        }
                    }
                }
            }
        }
        // What stands in the query's own right is no kin of it.
        Ok(kin.into_iter().filter(|t| !terms.contains(t)).collect())
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
                            all.push(Holding::new(postings.doc(), count * weight));
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
        let rarity = rarity(&found, passages) * part.weight;
        self.score(&found, rarity, &[]);
        self.score_documents(&found, rarity);
        for most in &mut self.most {
            *most += rarity * MOST;
        }
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
            if terms.is_empty() {
                break;
            }
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
                        let count = f64::from(postings.term_freq());
                        counts.push(Holding::new(postings.doc(), count));
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
            let title = field == self.fields.title[l];
            all.extend(counts.into_iter().map(|held| {
                let words = f64::from(norms.fieldnorm(held.doc));
                let length = words / average.max(1.0);
                let count = FIELD[f] * held.frequency;
                Holding {
                    doc: held.doc,
                    frequency: count / (1.0 - LENGTH[f] + LENGTH[f] * length),
                    titled: match title {
                        true => (self.words / words.max(1.0)).min(1.0).sqrt() as f32,
                        false => 0.0,
                    },
                }
            }));
        }
        Ok(merged(all, |a, b| a + b))
    }

    fn score(&mut self, found: &[Frequencies], rarity: f64, written: &[Set]) {
        for (s, frequencies) in found.iter().enumerate() {
            for held in frequencies {
                if !self.matching[s].contains(held.doc) {
                    continue;
                }
                let as_written = written.get(s).is_some_and(|set| set.contains(held.doc));
                let bonus = if as_written { AS_WRITTEN } else { 0.0 };
                let score = rarity * (satiated(held.frequency) + bonus);
                self.out.scores[s][held.doc as usize] += score;
            }
        }
    }

    /// The same word in whole documents: their passages together, as if they were of the size that
    /// documents have here.
    fn score_documents(&mut self, found: &[Frequencies], rarity: f64) {
        let documents = &mut self.of_documents;
        for (numbers, frequencies) in self.out.numbers.iter().zip(found) {
            for held in frequencies {
                let number = numbers[held.doc as usize];
                let frequency = &mut documents.frequency[number as usize];
                if *frequency == 0 {
                    documents.held.push(number);
                }
                *frequency += (held.frequency * ONE).ceil() as u64;
                let titled = &mut documents.titled[number as usize];
                *titled = titled.max(f64::from(held.titled));
            }
        }
        for number in documents.held.drain(..) {
            let number = number as usize;
            let size = f64::from(self.reach.sizes[number]) / self.reach.size;
            let frequency = std::mem::take(&mut documents.frequency[number]) as f64 / ONE;
            let titled = std::mem::take(&mut documents.titled[number]);
            let satiated = satiated(frequency / (1.0 - SIZE + SIZE * size));
            let of_one_subject = (WHOLE / f64::from(self.reach.sizes[number].max(1))).min(1.0);
            self.out.documents[number] += rarity * (of_one_subject * satiated + TITLED * titled);
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
                within.map(|doc| Holding::new(doc, 1.0)).collect()
            })
            .collect();
        let passages = Language::ALL.map(|l| self.passages(l)).iter().sum();
        self.score(&found, rarity(&found, passages) * TOGETHER, &[]);
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

/// What no word can add in a passage and its document, against its rarity.
const MOST: f64 = 2.0 * (K1 + 1.0) + TITLED;

/// A word that stands often in a text counts for less and less.
fn satiated(frequency: f64) -> f64 {
    frequency * (K1 + 1.0) / (frequency + K1)
}

/// How much it says that a word stands in a passage, when few of all `passages` have it.
fn rarity(found: &[Frequencies], passages: u64) -> f64 {
    let holding = found.iter().map(Vec::len).sum::<usize>() as f64;
    (1.0 + (passages as f64 - holding + 0.5) / (holding + 0.5)).ln()
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
    entries.sort_by_key(|held| held.doc);
    entries.dedup_by(|later, kept| {
        let same = later.doc == kept.doc;
        if same {
            kept.frequency = join(kept.frequency, later.frequency);
            kept.titled = kept.titled.max(later.titled);
        }
        same
    });
    entries
}

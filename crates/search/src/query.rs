//! What is asked and what is answered.

use std::collections::BTreeSet;

use domain::{ArtifactName, DocumentId, PipelineName, ServiceId, Span, Timestamp};

use crate::facets::{Facet, Facets, FileKind};
use crate::fields::primary_tag;

/// Most documents that one search returns.
pub const LIMIT_MAX: usize = 1000;

/// Who asks: what lies outside is not searched, not counted, and changes no score.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// May read every document of the collection.
    All,
    /// May read the documents of some services.
    Services {
        /// The services.
        services: BTreeSet<ServiceId>,
        /// Pipelines of which every document is within reach.
        pipelines: BTreeSet<PipelineName>,
        /// Whether documents that have no service yet are within reach too.
        include_unrouted: bool,
    },
}

/// By what documents are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Words only.
    Lexical,
    /// The vector only: references and phrases have no say.
    Meaning,
    /// Both.
    #[default]
    Hybrid,
}

/// What a document must be, beyond being within reach. `None` asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Of this pipeline.
    pub pipeline: Option<PipelineName>,
    /// Of this service.
    pub service: Option<ServiceId>,
    /// In this language: `fr`, `en`; a country in the tag is ignored.
    pub language: Option<String>,
    /// Of this kind of file.
    pub kind: Option<FileKind>,
    /// About this place.
    pub place: Option<String>,
    /// Received in this year, in France.
    pub year: Option<i16>,
    /// Received at this moment or later.
    pub from: Option<Timestamp>,
    /// Received before this moment.
    pub until: Option<Timestamp>,
}

impl Filters {
    /// The facet filters that ask something, with the value each asks for.
    pub(crate) fn facets(&self) -> Vec<(Facet, String)> {
        let language = self.language.as_deref();
        [
            (
                Facet::Service,
                self.service.as_ref().map(ToString::to_string),
            ),
            (
                Facet::Pipeline,
                self.pipeline.as_ref().map(ToString::to_string),
            ),
            (Facet::Kind, self.kind.map(|kind| kind.as_str().to_owned())),
            (Facet::Place, self.place.clone()),
            (Facet::Year, self.year.map(|year| format!("{year:04}"))),
            (Facet::Language, language.map(primary_tag)),
        ]
        .into_iter()
        .filter_map(|(facet, value)| Some((facet, value?)))
        .collect()
    }
}

/// How words and meaning weigh in a hybrid search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fusion {
    /// Weight of the lexical score, which is at most 1.
    pub lexical: f64,
    /// Weight of the cosine, a negative one counting as 0.
    pub meaning: f64,
    /// In a hybrid search, a passage that shares no word with the query is found only when its
    /// cosine is above this. It depends on the encoder; 0 lets nearly everything in.
    pub meaning_min: f64,
    /// When the best hit of a hybrid search has a lower score, and no meaning above `meaning_min`,
    /// nothing is relevant: what is nearest by words is offered apart. An identifier or a phrase found
    /// as it is is always relevant. It is not asked of a question in a language that few passages are
    /// in, nor where filters are set.
    pub relevant: f64,
}

impl Default for Fusion {
    /// Best over sheets of the administration, labour law, an encyclopaedia and questions on data
    /// protection with the encoder of our own, whose own questions were kept apart. A good answer
    /// has about half of what words can give, so these weigh evenly; between 0.6 and 0.75 of words
    /// it changes nDCG@10 by half a point at most.
    fn default() -> Self {
        Self {
            lexical: 0.7,
            meaning: 0.3,
            // The best of ten thousand passages that have nothing to do with a question has about as
            // much: `eval search --foreign`.
            meaning_min: 0.3,
            // Two in a hundred questions that are answered have less, and half of those that are
            // not: the same measure.
            relevant: 0.16,
        }
    }
}

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What a person typed. Two signs are special: `"…"` around words makes them a phrase, which a
    /// passage, its section, title or name must hold as it is (`«…»` and `“…”` ask so when they are
    /// all that is typed, and else only put what holds the phrase first); and `*` at a word's end stands for any ending. Nothing else is, and nothing
    /// is an error.
    pub text: String,
    /// The text's vector, from the model that made the passages' vectors.
    pub vector: Option<Vec<f32>>,
    /// By what to search. Hybrid without a vector is lexical.
    pub mode: Mode,
    /// Documents to return, at most [`LIMIT_MAX`].
    pub limit: usize,
    /// Who asks.
    pub reader: Reader,
    /// What documents must be.
    pub filters: Filters,
    /// How words and meaning weigh.
    pub fusion: Fusion,
    /// Whether to count what the documents found have in common.
    pub facets: bool,
    /// Leaves out this document and those with the same bytes: they are what others are to be like.
    pub unlike: Option<DocumentId>,
}

impl Query {
    /// A hybrid search without filters for ten documents.
    pub fn new(text: impl Into<String>, reader: Reader) -> Self {
        Self {
            text: text.into(),
            vector: None,
            mode: Mode::default(),
            limit: 10,
            reader,
            filters: Filters::default(),
            fusion: Fusion::default(),
            facets: false,
            unlike: None,
        }
    }
}

/// A document found, by its best passage.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document.
    pub document: DocumentId,
    /// The version of the text that `span` refers to.
    pub text_version: ArtifactName,
    /// The passage; empty for a document without text, found by its name or title.
    pub span: Span,
    /// The passage's page, from 1.
    pub page: u32,
    /// What orders hits: `exact` plus a share between 0 and 1.
    pub score: f64,
    /// References and phrases of the query that stand in the passage, or in its document's title
    /// or name, as written. A hit with more comes before any hit with fewer. 0 by meaning.
    pub exact: u32,
    /// What the passage and its document have of the query's words, of all that could be had:
    /// between 0 and 1.
    pub lexical: f64,
    /// Cosine of the passage's vector with the query's; 0 without one.
    pub meaning: f64,
    /// What words gave of the score; meaning gave the rest, beside `exact`.
    pub words_gave: f64,
    /// Passages of this document that were found, this one included: those that share a word
    /// with the query, or by meaning those close enough.
    pub passages: u32,
    /// Other documents found with the same bytes, by id: one hit stands for all.
    pub same: Vec<DocumentId>,
}

/// The answer to a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// The best documents: score first, then the document's id.
    pub hits: Vec<Hit>,
    /// When there is no hit: the nearest by their words, which are no answer.
    pub nearest: Vec<Hit>,
    /// All documents found within reach.
    pub documents: u64,
    /// All passages found within reach.
    pub passages: u64,
    /// What the documents found have in common, when asked.
    pub facets: Facets,
    /// Ledger position of the state that was searched.
    pub position: u64,
    /// The most that the query's words can give, over which the `lexical` of hits are.
    pub lexical_best: f64,
}

impl Results {
    /// The answers of several indexes as one. A word is worth more where few passages hold it, so
    /// each index measures words against a most of its own: here all are measured against the
    /// greatest.
    pub fn merge(all: Vec<Self>, limit: usize) -> Self {
        let best = all.iter().map(|r| r.lexical_best).fold(0.0, f64::max);
        let mut merged = Self {
            lexical_best: best,
            ..Self::default()
        };
        let mut nearest = Self::default();
        for mut results in all {
            let scale = results.lexical_best / best.max(f64::MIN_POSITIVE);
            nearest
                .hits
                .extend(results.nearest.drain(..).map(|hit| Hit {
                    lexical: hit.lexical * scale,
                    score: hit.score - hit.words_gave + hit.words_gave * scale,
                    words_gave: hit.words_gave * scale,
                    ..hit
                }));
            merged.facets.add(std::mem::take(&mut results.facets));
            let share = if best > 0.0 {
                results.lexical_best / best
            } else {
                0.0
            };
            merged.documents += results.documents;
            merged.passages += results.passages;
            merged.position = merged.position.max(results.position);
            merged.hits.extend(results.hits.into_iter().map(|hit| {
                let words_gave = hit.words_gave * share;
                Hit {
                    lexical: hit.lexical * share,
                    score: hit.score - hit.words_gave + words_gave,
                    words_gave,
                    ..hit
                }
            }));
        }
        if merged.hits.is_empty() {
            nearest.best(limit);
            merged.nearest = nearest.hits;
        }
        merged.best(limit);
        merged
    }

    fn best(&mut self, limit: usize) {
        self.hits.sort_by(|a, b| {
            (b.exact.cmp(&a.exact))
                .then(b.score.total_cmp(&a.score))
                .then(a.document.cmp(&b.document))
        });
        self.hits.truncate(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_a_poor_index_does_not_pass_for_the_best_of_all() {
        let hit = |n: u8, lexical: f64, meaning: f64| Hit {
            document: DocumentId::from_bytes([n; 16]),
            text_version: ArtifactName::from_bytes([n; 32]),
            span: Span::new(0, 1),
            page: 1,
            score: 0.5 * lexical + 0.5 * meaning,
            exact: 0,
            lexical,
            meaning,
            words_gave: 0.5 * lexical,
            passages: 1,
            same: Vec::new(),
        };
        let results = |hits: Vec<Hit>, best: f64| Results {
            hits,
            lexical_best: best,
            ..Results::default()
        };
        let poor = results(vec![hit(1, 1.0, 0.3)], 2.0);
        let good = results(vec![hit(2, 1.0, 0.2), hit(3, 0.5, 0.3)], 10.0);
        let merged = Results::merge(vec![poor, good], 2);
        let order: Vec<u8> = merged
            .hits
            .iter()
            .map(|h| h.document.as_bytes()[0])
            .collect();
        assert_eq!(order, [2, 3]);
        assert!((merged.hits[1].score - 0.4).abs() < 1e-9);
    }
}

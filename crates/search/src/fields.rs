//! The fields of the index: one engine document for each passage, with no stored field at all.
//!
//! | field | holds | serves |
//! |---|---|---|
//! | `document`, `document_high`, `document_low` | the document's id | deletion; folding passages into documents |
//! | `first` | the first document with the same bytes | folding duplicates |
//! | `edge` | whether the passage is its document's first, last | counting documents |
//! | `start`, `end`, `page`, `text_version` | the place | the hit |
//! | `row` | number of its vector | search by meaning |
//! | `language` | which analyser | statistics for each language |
//! | `pipeline`, `reader` | who may read it | rights: the first clause that must hold |
//! | `pipeline`, `service`, `tag`, `kind`, `place`, `year`, `received_at` | what filters read | the clauses that must hold, and facets |
//! | `body_*`, `title_*`, `section_*` | stems, one field for each language | ranking |
//! | `words`, `head_words` | words as written, with positions | phrases, references, prefixes |
//!
//! Title, name and section stand with each passage of their document: a passage is then ranked by
//! all that is known of it, and a document by its best passage. A document without a title is
//! known by its first words, which count as one for ranking and are no place of a phrase.

use std::collections::BTreeSet;

use domain::text::beginning;
use domain::time::Zone;
use domain::{DocumentId, ServiceId, Span, Timestamp};
use tantivy::schema::{
    BytesOptions, FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{TantivyDocument, Term};

use crate::IndexedDocument;
use crate::analysis::{Analyser, Language, Word, surfaces, words};
use crate::facets::{Facet, FileKind};

/// Stands for "no service" among service names, which cannot hold an underscore.
pub(crate) const UNROUTED: &str = "_unrouted";

/// Value of `row` in a passage without a vector.
pub(crate) const NO_ROW: u64 = u64::MAX;

/// In `edge`: the passage is its document's first.
pub(crate) const FIRST: u64 = 1;
/// In `edge`: the passage is its document's last.
pub(crate) const LAST: u64 = 2;

/// The fields, by name.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) document: Field,
    pub(crate) document_high: Field,
    pub(crate) document_low: Field,
    pub(crate) start: Field,
    pub(crate) end: Field,
    pub(crate) page: Field,
    pub(crate) text_version: Field,
    pub(crate) row: Field,
    pub(crate) language: Field,
    pub(crate) pipeline: Field,
    pub(crate) service: Field,
    pub(crate) reader: Field,
    pub(crate) tag: Field,
    pub(crate) kind: Field,
    pub(crate) place: Field,
    pub(crate) year: Field,
    pub(crate) first: Field,
    pub(crate) edge: Field,
    pub(crate) received_at: Field,
    /// Stems of the text, by [`Language::index`].
    pub(crate) body: [Field; 2],
    /// Stems of title and name, likewise.
    pub(crate) title: [Field; 2],
    /// Stems of the section's heading, likewise.
    pub(crate) section: [Field; 2],
    pub(crate) words: Field,
    pub(crate) head_words: Field,
}

impl Fields {
    /// The schema, always the same, and its fields.
    pub(crate) fn schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let text = |option, norms| {
            TextOptions::default().set_indexing_options(
                TextFieldIndexing::default()
                    // Text arrives already cut in words: this one is never called.
                    .set_tokenizer("raw")
                    .set_index_option(option)
                    .set_fieldnorms(norms),
            )
        };
        // A column as well, for facets.
        let name = || text(IndexRecordOption::Basic, false).set_fast("raw");
        let stems = || text(IndexRecordOption::WithFreqs, true);
        let placed = || text(IndexRecordOption::WithFreqsAndPositions, false);
        let fields = Self {
            document: schema.add_bytes_field("document", BytesOptions::default().set_indexed()),
            document_high: schema.add_u64_field("document_high", FAST),
            document_low: schema.add_u64_field("document_low", FAST),
            start: schema.add_u64_field("start", FAST),
            end: schema.add_u64_field("end", FAST),
            page: schema.add_u64_field("page", FAST),
            text_version: schema
                .add_bytes_field("text_version", BytesOptions::default().set_fast()),
            row: schema.add_u64_field("row", FAST),
            language: schema.add_u64_field("language", FAST),
            pipeline: schema.add_text_field("pipeline", name()),
            service: schema.add_text_field("service", name()),
            reader: schema.add_text_field("reader", text(IndexRecordOption::Basic, false)),
            tag: schema.add_text_field("tag", name()),
            kind: schema.add_text_field("kind", name()),
            place: schema.add_text_field("place", name()),
            year: schema.add_text_field("year", name()),
            first: schema.add_u64_field("first", FAST),
            edge: schema.add_u64_field("edge", FAST),
            received_at: schema.add_i64_field("received_at", INDEXED | FAST),
            body: [
                schema.add_text_field("body_fr", stems()),
                schema.add_text_field("body_en", stems()),
            ],
            title: [
                schema.add_text_field("title_fr", stems()),
                schema.add_text_field("title_en", stems()),
            ],
            section: [
                schema.add_text_field("section_fr", stems()),
                schema.add_text_field("section_en", stems()),
            ],
            words: schema.add_text_field("words", placed()),
            head_words: schema.add_text_field("head_words", placed()),
        };
        (schema.build(), fields)
    }

    pub(crate) fn document_term(&self, id: DocumentId) -> Term {
        Term::from_field_bytes(self.document, id.as_bytes())
    }

    /// What people of a service may read; without one, what no service has.
    pub(crate) fn reader_term(&self, service: Option<&ServiceId>) -> Term {
        Term::from_field_text(self.reader, service.map_or(UNROUTED, ServiceId::as_str))
    }

    /// The field of a facet, which is a column too.
    pub(crate) fn facet(&self, facet: Facet) -> Field {
        match facet {
            Facet::Pipeline => self.pipeline,
            Facet::Service => self.service,
            Facet::Kind => self.kind,
            Facet::Place => self.place,
            Facet::Year => self.year,
            Facet::Language => self.tag,
        }
    }

    /// The engine documents of `document`: one for each passage, or a single one without text
    /// when there is none, so that it is found by its name and counted. `row` gives the number of
    /// each passage's vector.
    pub(crate) fn passages(
        &self,
        document: &IndexedDocument,
        analyser: &mut Analyser,
        mut row: impl FnMut(&crate::IndexedPassage) -> u64,
    ) -> Vec<TantivyDocument> {
        let kind = FileKind::of(&document.media_type);
        let year = year(document.received_at);
        let (first, _) = split(document.first);
        let title = words(document.title.as_deref().unwrap_or_default());
        let name = words(&document.name);
        let opening = document.passages.first().map_or("", |p| p.text.as_str());
        let known_by = match title.is_empty() {
            true => &words(beginning(opening)),
            false => &title,
        };
        // Title and name stand with each passage, in the terms of its language.
        let heads = Language::ALL.map(|language| {
            let mut terms = analyser.body(known_by, language);
            terms.extend(analyser.body(&name, language));
            terms
        });
        let one = |edge: u64,
                   text: &str,
                   section: Option<&str>,
                   tag: Option<&str>,
                   span: Span,
                   page: u32,
                   row: u64,
                   a: &mut Analyser| {
            let mut out = TantivyDocument::new();
            let tag = tag.or(document.language.as_deref());
            let language = Language::of_tag(tag);
            let body = words(text);
            let section = words(section.unwrap_or_default());
            let (high, low) = split(document.id);
            out.add_bytes(self.document, document.id.as_bytes());
            out.add_u64(self.document_high, high);
            out.add_u64(self.document_low, low);
            out.add_u64(self.first, first);
            out.add_u64(self.edge, edge);
            out.add_u64(self.start, u64::from(span.start));
            out.add_u64(self.end, u64::from(span.end));
            out.add_u64(self.page, u64::from(page));
            out.add_bytes(self.text_version, document.text_version.as_bytes());
            out.add_u64(self.row, row);
            out.add_u64(self.language, language.index() as u64);
            out.add_text(self.pipeline, document.pipeline.as_str());
            out.add_text(
                self.service,
                document
                    .service
                    .as_ref()
                    .map_or(UNROUTED, ServiceId::as_str),
            );
            for service in &document.also {
                out.add_text(self.service, service.as_str());
            }
            let readers = document.service.iter().chain(&document.also);
            let readers: BTreeSet<&ServiceId> = readers.chain(&document.readers).collect();
            for service in &readers {
                out.add_text(self.reader, service.as_str());
            }
            if readers.is_empty() {
                out.add_text(self.reader, UNROUTED);
            }
            if let Some(tag) = tag {
                out.add_text(self.tag, primary_tag(tag));
            }
            out.add_text(self.kind, kind.as_str());
            if let Some(place) = &document.place {
                out.add_text(self.place, place);
            }
            out.add_text(self.year, &year);
            out.add_i64(self.received_at, document.received_at.micros());
            let l = language.index();
            out.add_pre_tokenized_text(self.body[l], bag(a.body(&body, language)));
            out.add_pre_tokenized_text(self.title[l], bag(heads[l].clone()));
            out.add_pre_tokenized_text(self.section[l], bag(a.body(&section, language)));
            out.add_pre_tokenized_text(self.words, placed(&[&body]));
            out.add_pre_tokenized_text(self.head_words, placed(&[&title, &name, &section]));
            out
        };
        if document.passages.is_empty() {
            let edge = FIRST | LAST;
            let span = Span::default();
            return vec![one(edge, "", None, None, span, 1, NO_ROW, analyser)];
        }
        let last = document.passages.len() - 1;
        document
            .passages
            .iter()
            .enumerate()
            .map(|(n, p)| {
                one(
                    (if n == 0 { FIRST } else { 0 }) | (if n == last { LAST } else { 0 }),
                    &p.text,
                    p.section.as_deref(),
                    p.language.as_deref(),
                    p.span,
                    p.page,
                    row(p),
                    analyser,
                )
            })
            .collect()
    }
}

/// The year of a moment as people count it here.
fn year(moment: Timestamp) -> String {
    let day = moment.day_in(&Zone::paris());
    day.rsplitn(3, '-').last().unwrap_or_default().to_owned()
}

/// `fr` for `fr-FR`: filters are by language, not by country.
pub(crate) fn primary_tag(tag: &str) -> String {
    tag.split(['-', '_'])
        .next()
        .unwrap_or_default()
        .to_lowercase()
}

/// The two halves of an id, in its byte order.
pub(crate) fn split(id: DocumentId) -> (u64, u64) {
    let whole = u128::from_be_bytes(*id.as_bytes());
    ((whole >> 64) as u64, whole as u64)
}

/// The id of two halves.
pub(crate) fn join(high: u64, low: u64) -> DocumentId {
    DocumentId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

/// Terms whose order does not count.
fn bag(terms: Vec<String>) -> PreTokenizedString {
    pre_tokenized(terms.into_iter().enumerate().collect())
}

/// Words with their positions; no phrase runs from one text into the next.
fn placed(texts: &[&[Word]]) -> PreTokenizedString {
    let mut out = Vec::new();
    let mut position = 0;
    for words in texts {
        for word in *words {
            out.extend(surfaces(word).into_iter().map(|f| (position, f.to_owned())));
            position += 1;
        }
        position += 1;
    }
    pre_tokenized(out)
}

fn pre_tokenized(terms: Vec<(usize, String)>) -> PreTokenizedString {
    PreTokenizedString {
        text: String::new(),
        tokens: terms
            .into_iter()
            .map(|(position, text)| Token {
                offset_from: 0,
                offset_to: 0,
                position,
                text,
                position_length: 1,
            })
            .collect(),
    }
}

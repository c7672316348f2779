//! `search`: by words and by meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use domain::{CollectionName, DocumentId, Evidence, Layout, Reach, Span, StoredText};
use pipeline::desk::Desk;
use pipeline::ledger::DocumentRow;
use search::{
    Facet, Facets, FileKind, Filters, Hit, Index, Query, Reader, Results, SearchError, Suggestion,
};
use serde::{Deserialize, Serialize};

use super::Ending;
use super::documents::encoded;
use crate::args::{Global, Mode, Search};
use crate::house::House;
use crate::models::Models;
use crate::{followers, print};

/// Characters of a snippet.
const SNIPPET: usize = 260;

/// The answer to a query, as shown.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// The best documents, best first.
    pub hits: Vec<Shown>,
    /// When nothing answers: the nearest by their words, which are no answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<Shown>,
    /// All documents found.
    pub documents: u64,
    /// What they have in common, when asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<Facets>,
}

/// One result, as shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The document.
    pub document: DocumentId,
    /// The name people know it by, percent-encoded.
    pub name: String,
    /// Its title.
    pub title: String,
    /// When it was received.
    pub received_at: domain::Timestamp,
    /// The service that has it, if one does.
    pub service: Option<domain::ServiceId>,
    /// The best passage, to be quoted.
    pub evidence: Evidence,
    /// Its page.
    pub page: u32,
    /// Its box on the page, where the format has one.
    #[serde(rename = "box")]
    pub bbox: Option<domain::PageBox>,
    /// Words of the query in `evidence.text`, as ranges of bytes.
    pub highlights: Vec<Span>,
    /// The score: one for each identifier, number and phrase found as it is, and the two parts
    /// below as they weigh.
    pub score: f64,
    /// How well the words answer, against the best of this search.
    pub lexical: f64,
    /// How near the meaning is: a cosine.
    pub meaning: f64,
    /// What words and what meaning gave of the score.
    pub gave: Gave,
    /// Identifiers, numbers and phrases of the query found as they are.
    pub exact: u32,
    /// Other documents with the same bytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<DocumentId>,
}

/// What each side gave of a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gave {
    /// Identifiers, numbers and phrases found as they are.
    pub exact: f64,
    /// Words.
    pub lexical: f64,
    /// Meaning.
    pub meaning: f64,
}

impl Gave {
    fn of(hit: &Hit) -> Self {
        let exact = f64::from(hit.exact);
        Self {
            exact,
            lexical: hit.words_gave,
            meaning: (hit.score - exact - hit.words_gave).max(0.0),
        }
    }
}

/// What is asked of every index.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The words.
    pub text: String,
    /// By what.
    pub mode: Mode,
    /// How many documents.
    pub k: usize,
    /// What they must be.
    pub filters: Filters,
    /// Whether to count what they have in common.
    pub facets: bool,
    /// The document they are to be like, and where its vectors point.
    pub like: Option<Like>,
    /// Whether the best are wanted even where nothing is relevant.
    pub whatever: bool,
    /// Who asks.
    pub reader: Reader,
}

/// A document that others are to be like.
#[derive(Clone, Debug)]
pub struct Like {
    document: DocumentId,
    /// Which index holds it.
    index: usize,
    /// Where its vectors point.
    direction: Vec<f32>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            text: String::new(),
            mode: Mode::Hybrid,
            k: 10,
            filters: Filters::default(),
            facets: false,
            like: None,
            whatever: false,
            reader: Reader::All,
        }
    }
}

/// Searches every collection, or that of one pipeline.
pub struct Finder {
    desk: Desk,
    models: Arc<Models>,
    /// Each with the encoder of its pipelines.
    indexes: Vec<(Index, String)>,
    /// Those encoders, and those of collections that hold nothing yet: a model that cannot be used
    /// is said before the first document comes.
    encoders: BTreeSet<String>,
    names: Mutex<BTreeMap<DocumentId, String>>,
}

impl Finder {
    /// The indexes of a house.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn open(house: &House, only: Option<&CollectionName>) -> Result<Self> {
        let mut indexes = Vec::new();
        let mut encoders = BTreeSet::new();
        for collection in house.collections() {
            let dir = house.index_dir(&collection);
            if only.is_some_and(|c| *c != collection) {
                continue;
            }
            if dir.is_dir() {
                let index = Index::open(&dir)?;
                let (held, _) = followers::encoder_in(house, &collection, &index)?;
                encoders.insert(held);
                indexes.push((index, house.encoder_of(&collection)?));
            } else {
                encoders.insert(house.encoder_of(&collection)?);
            }
        }
        Ok(Self {
            desk: house.desk.clone(),
            models: house.models.clone(),
            indexes,
            encoders,
            names: Mutex::default(),
        })
    }

    /// The best documents for what is asked, best first.
    ///
    /// # Errors
    /// When the encoder or an index cannot be used.
    pub fn search(&self, asked: &Asked) -> Result<Results> {
        if asked.mode != Mode::Lexical && asked.like.is_none() {
            for name in &self.encoders {
                self.models.encoder(name)?;
            }
        }
        let mut vectors: BTreeMap<String, Option<Vec<f32>>> = BTreeMap::new();
        let mut answers = Vec::new();
        for (n, (index, encoder)) in self.indexes.iter().enumerate() {
            if asked.like.as_ref().is_some_and(|like| like.index != n) {
                continue;
            }
            let mut query = Query::new(&asked.text, asked.reader.clone());
            query.mode = match asked.mode {
                Mode::Hybrid => search::Mode::Hybrid,
                Mode::Lexical => search::Mode::Lexical,
                Mode::Meaning => search::Mode::Meaning,
            };
            query.unlike = asked.like.as_ref().map(|like| like.document);
            query.limit = asked.k;
            query.filters = asked.filters.clone();
            query.facets = asked.facets;
            if asked.whatever {
                query.fusion.relevant = 0.0;
            }
            let mut again = true;
            let answer = loop {
                // The index may have been made again since it was opened, with another encoder.
                let label = index.label()?;
                let held = label
                    .split_once(' ')
                    .map_or(encoder.as_str(), |(name, _)| name);
                query.vector = match &asked.like {
                    Some(like) => Some(like.direction.clone()),
                    None if asked.mode == Mode::Lexical => None,
                    None => match vectors.get(held) {
                        Some(vector) => vector.clone(),
                        None => {
                            let made = self.models.encoder(held)?;
                            let vector = made.encode(std::slice::from_ref(&asked.text))?.pop();
                            vectors.insert(held.to_owned(), vector.clone());
                            vector
                        }
                    },
                };
                match index.search(&query) {
                    Err(SearchError::VectorLength { .. }) if again => again = false,
                    other => break other?,
                }
            };
            answers.push(answer);
        }
        Ok(Results::merge(answers, asked.k))
    }

    /// What finds documents like this one, within its collection; `None` when it has no vector there:
    /// it holds no text, or its pipeline does not embed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn like(&self, row: &DocumentRow) -> Result<Option<Asked>> {
        for (n, (index, _)) in self.indexes.iter().enumerate() {
            if let Some(direction) = index.direction(row.id, &Reader::All)? {
                let opened = self.desk.open(row.clone()).await?;
                return Ok(Some(Asked {
                    text: opened.title().to_owned(),
                    like: Some(Like {
                        document: row.id,
                        index: n,
                        direction,
                    }),
                    mode: Mode::Meaning,
                    ..Asked::default()
                }));
            }
        }
        Ok(None)
    }

    /// How the last word may go on.
    ///
    /// # Errors
    /// When an index cannot be read.
    pub fn suggest(&self, text: &str, reader: &Reader, k: usize) -> Result<Vec<Suggestion>> {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for (index, _) in &self.indexes {
            for suggestion in index.suggest(text, reader, k)? {
                *all.entry(suggestion.text).or_default() += suggestion.passages;
            }
        }
        let suggestions = all.into_iter();
        let mut suggestions: Vec<Suggestion> = suggestions
            .map(|(text, passages)| Suggestion { text, passages })
            .collect();
        suggestions.sort_by(|a, b| b.passages.cmp(&a.passages).then(a.text.cmp(&b.text)));
        suggestions.truncate(k);
        Ok(suggestions)
    }

    /// The name people know a document by.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn name(&self, id: DocumentId) -> Result<String> {
        let known = self
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned();
        if let Some(name) = known {
            return Ok(name);
        }
        let name = self.desk.name(id).await?;
        self.names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, name.clone());
        Ok(name)
    }

    /// The name of a document in a run: as people know it, and for an attachment the stem of its
    /// file, as for any file.
    async fn stem(&self, id: DocumentId) -> Result<String> {
        let name = self.name(id).await?;
        let row = self.desk.vault.ledger.document(id).await?;
        let attachment = row.is_some_and(|r| r.parent.is_some());
        Ok(if attachment {
            domain::Source::Path(name).name().to_owned()
        } else {
            name
        })
    }

    /// A hit with its text, title and place.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub async fn show(&self, query: &str, hit: &Hit) -> Result<Shown> {
        let subject = hit.document.into();
        let vault = &self.desk.vault;
        let row = vault
            .ledger
            .document(hit.document)
            .await?
            .context("a document of the index is gone")?;
        let opened = self.desk.open(row).await?;
        let envelope = vault.envelope(subject).await?;
        let text = StoredText::from_bytes(vault.read(subject, &envelope, hit.text_version).await?)?;
        let span = snippet_span(query, &text, hit.span);
        let evidence = Evidence::quote(hit.document, hit.text_version, &text, span, &[])?;
        let highlights = search::highlight(query, &evidence.text);
        let place = opened
            .layout
            .as_ref()
            .and_then(|l: &Layout| l.place_of(span));
        let routed = opened
            .row
            .route
            .as_ref()
            .filter(|r| r.decided || r.outcome == domain::Outcome::Automatic);
        Ok(Shown {
            document: hit.document,
            name: encoded(&opened.name),
            title: opened.title().to_owned(),
            received_at: opened.row.received_at,
            service: routed.and_then(|r| r.service.clone()),
            page: place.map_or(hit.page, |(page, _)| page),
            bbox: place.and_then(|(_, bbox)| bbox),
            evidence,
            highlights,
            score: hit.score,
            lexical: hit.lexical,
            meaning: hit.meaning,
            gave: Gave::of(hit),
            exact: hit.exact,
            same: hit.same.clone(),
        })
    }

    /// An answer with its texts, titles and places.
    ///
    /// # Errors
    /// When a document cannot be read.
    pub async fn answer(&self, asked: &Asked) -> Result<Answer> {
        let results = self.search(asked)?;
        let mut answer = Answer {
            documents: results.documents,
            facets: asked.facets.then_some(results.facets),
            ..Answer::default()
        };
        for hit in &results.hits {
            answer.hits.push(self.show(&asked.text, hit).await?);
        }
        for hit in &results.nearest {
            answer.nearest.push(self.show(&asked.text, hit).await?);
        }
        Ok(answer)
    }
}

/// The part of a passage that is shown: around the query's words when it is long.
fn snippet_span(query: &str, text: &str, passage: Span) -> Span {
    let Some(full) = passage.of(text) else {
        return passage;
    };
    if full.chars().count() <= SNIPPET {
        return passage;
    }
    let snippet = search::snippet(query, full, SNIPPET);
    Span::new(
        passage.start + snippet.range.start,
        passage.start + snippet.range.end,
    )
}

/// Runs `search`.
pub async fn search(global: &Global, args: &Search) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    catch_up(&house).await?;
    let only = &args.only;
    let collection = match &only.pipeline {
        Some(name) => Some(house.pipeline(name)?.source.file.collection.clone()),
        None => None,
    };
    let filters = Filters {
        pipeline: only
            .pipeline
            .as_ref()
            .map(|name| name.parse())
            .transpose()?,
        service: only.service.clone(),
        language: only.language.clone(),
        kind: only.kind,
        place: only.place.clone(),
        year: only.year,
        from: only.since,
        until: only.before,
    };
    let finder = Finder::open(&house, collection.as_ref())?;
    let k = usize::from(args.k);
    if let Some(text) = &args.suggest {
        let suggestions = finder.suggest(text, &Reader::All, k)?;
        if global.json {
            print::json(&suggestions)?;
        } else {
            for suggestion in suggestions {
                print::line(format!("{:>6}  {}", suggestion.passages, suggestion.text));
            }
        }
        return Ok(Ending::Done);
    }
    let mut asked = Asked {
        text: args.query.clone().unwrap_or_default(),
        mode: args.mode,
        ..Asked::default()
    };
    if let Some(document) = &args.like {
        let row = super::documents::find(&house, document).await?;
        asked = finder.like(&row).await?.with_context(|| {
            format!("{document} has no vector in the index: it holds no text, or its pipeline does not embed")
        })?;
    }
    asked.k = k;
    asked.filters = filters;
    asked.facets = args.facets;
    if let (Some(queries), Some(run)) = (&args.queries, &args.run) {
        let n = batch(&finder, queries, run, &asked).await?;
        print::note(format!("{n} queries, {}", run.display()));
        return Ok(Ending::Done);
    }
    let answer = finder.answer(&asked).await?;
    if global.json && args.facets {
        print::json(&answer)?;
    } else if global.json {
        print::json(&answer.hits)?;
    } else {
        print_answer(global.lang, &answer);
    }
    Ok(Ending::Done)
}

/// Prints an answer for a person.
pub fn print_answer(lang: domain::Lang, answer: &Answer) {
    if answer.hits.is_empty() {
        print::line(lang.pick("Rien de pertinent.", "Nothing relevant."));
        if !answer.nearest.is_empty() {
            print::line(lang.pick(
                "Au plus près par les mots, sans que ce soit une réponse :",
                "Nearest by words, which is no answer:",
            ));
        }
    }
    print_hits(lang, &answer.hits);
    print_hits(lang, &answer.nearest);
    let Some(facets) = &answer.facets else {
        return;
    };
    print::line(match lang {
        domain::Lang::Fr => format!("{} documents trouvés", answer.documents),
        domain::Lang::En => format!("{} documents found", answer.documents),
    });
    for facet in Facet::ALL {
        let values = facets.of(facet);
        if values.is_empty() {
            continue;
        }
        let values: Vec<String> = values
            .into_iter()
            .map(|(value, count)| format!("{} ({count})", value_name(lang, facet, value)))
            .collect();
        print::line(format!(
            "  {}  {}",
            facet_name(lang, facet),
            values.join(", ")
        ));
    }
}

/// What people call a facet.
pub const fn facet_name(lang: domain::Lang, facet: Facet) -> &'static str {
    match facet {
        Facet::Service => "service",
        Facet::Pipeline => lang.pick("filière", "pipeline"),
        Facet::Kind => lang.pick("genre", "kind"),
        Facet::Place => lang.pick("lieu", "place"),
        Facet::Year => lang.pick("année", "year"),
        Facet::Language => lang.pick("langue", "language"),
    }
}

/// A value of a facet; what has none is said in words.
fn value_name(lang: domain::Lang, facet: Facet, value: &str) -> &str {
    match (facet, value) {
        (Facet::Service, "") => lang.pick("sans service", "no service"),
        _ => value,
    }
}

/// Prints results for a person.
pub fn print_hits(lang: domain::Lang, shown: &[Shown]) {
    for (n, hit) in shown.iter().enumerate() {
        let title = if hit.title == hit.name {
            String::new()
        } else {
            format!(" — {}", print::short(&hit.title, 70))
        };
        let same = match (hit.same.len(), lang) {
            (0, _) => String::new(),
            (n, domain::Lang::Fr) => format!(", + {n} identique{}", if n > 1 { "s" } else { "" }),
            (n, domain::Lang::En) => format!(", + {n} identical"),
        };
        let gave = hit.gave;
        print::line(format!(
            "{:>2}. {}{title}  (page {}, {}, {}{same})",
            n + 1,
            hit.name,
            hit.page,
            hit.received_at.day_in(&domain::time::Zone::paris()),
            match lang {
                domain::Lang::Fr => format!("mots {:.2}, sens {:.2}", gave.lexical, gave.meaning),
                domain::Lang::En =>
                    format!("words {:.2}, meaning {:.2}", gave.lexical, gave.meaning),
            }
        ));
        print::line(format!(
            "    {}",
            print::highlighted(&hit.evidence.text, &hit.highlights)
        ));
    }
}

/// Brings the index up to the log when nobody else is at work; a worker does it otherwise.
async fn catch_up(house: &House) -> Result<()> {
    let end = house.desk.vault.ledger.log_size().await?;
    let behind = house.collections().iter().any(|c| {
        let dir = house.index_dir(c);
        end > 0
            && match Index::open(&dir) {
                Ok(index) => index.position() < end,
                // Of another version: it is made again.
                Err(error) => matches!(error, SearchError::OtherFormat { .. }),
            }
    });
    if behind && let Ok(_lock) = house.lock() {
        followers::follow(house, &|_, _| {}).await?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct QueryLine {
    id: String,
    text: String,
}

/// Answers a file of queries in TREC run format: `query Q0 document rank score greffier`. A run is
/// an order, for programs that measure it: nothing is left out for not being relevant.
async fn batch(finder: &Finder, queries: &Path, run: &Path, asked: &Asked) -> Result<usize> {
    let text = std::fs::read_to_string(queries)
        .with_context(|| format!("cannot read {}", queries.display()))?;
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let bar = print::bar(lines.len() as u64, "search");
    let mut out = String::new();
    for (n, line) in lines.iter().enumerate() {
        let query: QueryLine = serde_json::from_str(line).with_context(|| {
            format!(
                "{}:{}: expected {{\"id\": …, \"text\": …}}",
                queries.display(),
                n + 1
            )
        })?;
        ensure!(
            !query.id.contains(char::is_whitespace),
            "query id `{}` has a space",
            query.id
        );
        let hits = finder
            .search(&Asked {
                text: query.text,
                whatever: true,
                ..asked.clone()
            })?
            .hits;
        let mut named = BTreeSet::new();
        for hit in &hits {
            let name = encoded(&finder.stem(hit.document).await?);
            // Two files of the same stem are one document to whoever reads a run.
            if !named.insert(name.clone()) {
                continue;
            }
            let rank = named.len();
            writeln!(
                out,
                "{} Q0 {name} {} {:.6} greffier",
                query.id, rank, hit.score
            )?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    std::fs::write(run, out).with_context(|| format!("cannot write {}", run.display()))?;
    Ok(lines.len())
}

/// The name of a facet in addresses.
const fn in_address(facet: Facet) -> &'static str {
    match facet {
        Facet::Service => "service",
        Facet::Pipeline => "pipeline",
        Facet::Kind => "kind",
        Facet::Place => "place",
        Facet::Year => "year",
        Facet::Language => "language",
    }
}

/// The filters of an address; `None` when one asks for what no document can be.
fn filters(only: &BTreeMap<&'static str, String>) -> Option<Filters> {
    let mut filters = Filters::default();
    for facet in Facet::ALL {
        let Some(value) = only.get(in_address(facet)) else {
            continue;
        };
        match facet {
            Facet::Service => filters.service = Some(value.parse().ok()?),
            Facet::Pipeline => filters.pipeline = Some(value.parse().ok()?),
            Facet::Kind => {
                let mut kinds = FileKind::ALL.into_iter();
                filters.kind = Some(kinds.find(|kind| kind.as_str() == value)?);
            }
            Facet::Place => filters.place = Some(value.clone()),
            Facet::Year => filters.year = Some(value.parse().ok()?),
            Facet::Language => filters.language = Some(value.clone()),
        }
    }
    Some(filters)
}

#[async_trait]
impl web::Find for Finder {
    async fn find(
        &self,
        reach: &Reach,
        asked: &web::Asked,
    ) -> Result<web::Answer, Box<dyn std::error::Error + Send + Sync>> {
        let Some(filters) = filters(&asked.only) else {
            return Ok(web::Answer::default());
        };
        if reach.is_nothing() {
            return Ok(web::Answer::default());
        }
        let desk = self.desk.within(reach.clone());
        let like = match asked.like {
            Some(id) => desk.row(id).await.ok(),
            None => None,
        };
        if asked.like.is_some() && like.is_none() {
            return Ok(web::Answer::default());
        }
        let mut own = match &like {
            Some(row) => match self.like(row).await? {
                Some(own) => own,
                None => return Ok(web::Answer::default()),
            },
            None => Asked {
                text: asked.text.clone(),
                ..Asked::default()
            },
        };
        own.k = asked.limit;
        own.filters = filters;
        own.facets = true;
        own.reader = reader(reach);
        let answer = self.answer(&own).await?;
        let counts = answer.facets.unwrap_or_default();
        let facets = Facet::ALL.map(|facet| {
            let values = counts.of(facet).into_iter();
            let values = values.map(|(value, count)| (value.to_owned(), count));
            (in_address(facet), values.collect())
        });
        Ok(web::Answer {
            hits: self.found(&desk, answer.hits).await?,
            nearest: self.found(&desk, answer.nearest).await?,
            documents: answer.documents,
            facets: facets.into(),
        })
    }

    async fn suggest(
        &self,
        reach: &Reach,
        text: &str,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Box<dyn std::error::Error + Send + Sync>> {
        if reach.is_nothing() {
            return Ok(Vec::new());
        }
        let found = Self::suggest(self, text, &reader(reach), limit)?;
        Ok(found.into_iter().map(|s| (s.text, s.passages)).collect())
    }
}

/// Whoever may come to these documents, as the index knows them.
fn reader(reach: &Reach) -> Reader {
    match reach {
        Reach::Everything => Reader::All,
        Reach::Part {
            services,
            pipelines,
        } => Reader::Services {
            services: services.clone(),
            pipelines: pipelines.clone(),
            include_unrouted: false,
        },
    }
}

impl Finder {
    /// What the index found, as it is shown. The index follows the ledger, a moment later: what has
    /// gone out of reach meanwhile is not shown.
    async fn found(&self, desk: &Desk, all: Vec<Shown>) -> Result<Vec<web::Found>> {
        let mut found = Vec::new();
        for shown in all {
            match desk.row(shown.document).await {
                Ok(_) => {}
                Err(pipeline::Error::NoSuchDocument(_)) => continue,
                Err(error) => return Err(error.into()),
            }
            found.push(web::Found {
                document: shown.document,
                name: self.name(shown.document).await?,
                title: shown.title,
                received_at: shown.received_at,
                service: shown.service.map(|s| s.to_string()),
                page: shown.page,
                place: Some((
                    shown.evidence.text_version,
                    Span::new(shown.evidence.start, shown.evidence.end),
                )),
                snippet: shown.evidence.text,
                highlights: shown.highlights,
                same: shown.same.len(),
            });
        }
        Ok(found)
    }
}

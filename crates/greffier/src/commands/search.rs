//! `search`: by words and by meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use domain::{CollectionName, DocumentId, Evidence, Layout, Span, StoredText};
use pipeline::desk::Desk;
use search::{Filters, Hit, Index, Query, Reader, Results};
use serde::{Deserialize, Serialize};

use super::Ending;
use super::documents::encoded;
use crate::args::{Global, Mode, Search};
use crate::house::House;
use crate::models::Models;
use crate::{followers, print};

/// Characters of a snippet.
const SNIPPET: usize = 260;

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
    /// The score, what words and what meaning gave.
    pub score: f64,
    /// As above.
    pub lexical: f64,
    /// As above.
    pub meaning: f64,
    /// Identifiers, numbers and phrases of the query found as they are.
    pub exact: u32,
}

/// Searches every collection, or that of one pipeline.
pub struct Finder {
    desk: Desk,
    models: Arc<Models>,
    indexes: Vec<Index>,
    names: Mutex<BTreeMap<DocumentId, String>>,
}

impl Finder {
    /// The indexes of a house.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn open(house: &House, only: Option<&CollectionName>) -> Result<Self> {
        let mut indexes = Vec::new();
        for collection in house.collections() {
            let dir = house.index_dir(&collection);
            if only.is_none_or(|c| *c == collection) && dir.is_dir() {
                indexes.push(Index::open(&dir)?);
            }
        }
        Ok(Self {
            desk: house.desk.clone(),
            models: house.models.clone(),
            indexes,
            names: Mutex::default(),
        })
    }

    /// The best documents for a query, best first.
    ///
    /// # Errors
    /// When the encoder or an index cannot be used.
    pub fn search(&self, text: &str, mode: Mode, k: usize, filters: &Filters) -> Result<Vec<Hit>> {
        let vector = match mode {
            Mode::Lexical => None,
            Mode::Hybrid | Mode::Meaning => {
                let encoder = self
                    .models
                    .encoder(&crate::stages::EmbedSettings::default().encoder)?;
                encoder.encode(&[text.to_owned()])?.pop()
            }
        };
        let mut answers = Vec::new();
        for index in &self.indexes {
            // Until people sign in, whoever is at this machine may see everything.
            let mut query = Query::new(text, Reader::All);
            query.vector = vector.clone();
            query.mode = match mode {
                Mode::Hybrid => search::Mode::Hybrid,
                Mode::Lexical => search::Mode::Lexical,
                Mode::Meaning => search::Mode::Meaning,
            };
            query.limit = k;
            query.filters = filters.clone();
            answers.push(index.search(&query)?);
        }
        Ok(Results::merge(answers, k).hits)
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
            exact: hit.exact,
        })
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
    let (collection, filters) = match &args.pipeline {
        Some(name) => {
            let pipeline = house.pipeline(name)?;
            let filters = Filters {
                pipeline: Some(pipeline.name().clone()),
                ..Filters::default()
            };
            (Some(pipeline.source.file.collection.clone()), filters)
        }
        None => (None, Filters::default()),
    };
    let finder = Finder::open(&house, collection.as_ref())?;
    let k = usize::from(args.k);
    if let (Some(queries), Some(run)) = (&args.queries, &args.run) {
        let n = batch(&finder, queries, run, args.mode, k, &filters).await?;
        print::note(format!("{n} queries, {}", run.display()));
        return Ok(Ending::Done);
    }
    let query = args.query.as_deref().unwrap_or_default();
    let hits = finder.search(query, args.mode, k, &filters)?;
    let mut shown = Vec::new();
    for hit in &hits {
        shown.push(finder.show(query, hit).await?);
    }
    if global.json {
        print::json(&shown)?;
        return Ok(Ending::Done);
    }
    print_hits(global.lang, &shown);
    Ok(Ending::Done)
}

/// Prints results for a person.
pub fn print_hits(lang: domain::Lang, shown: &[Shown]) {
    if shown.is_empty() {
        print::line(lang.pick("Rien de pertinent.", "Nothing relevant."));
    }
    for (n, hit) in shown.iter().enumerate() {
        let title = if hit.title == hit.name {
            String::new()
        } else {
            format!(" — {}", print::short(&hit.title, 70))
        };
        print::line(format!(
            "{:>2}. {}{title}  (page {}, {}, {})",
            n + 1,
            hit.name,
            hit.page,
            hit.received_at.day_in(&domain::time::Zone::paris()),
            match lang {
                domain::Lang::Fr => format!("mots {:.2}, sens {:.2}", hit.lexical, hit.meaning),
                domain::Lang::En => format!("words {:.2}, meaning {:.2}", hit.lexical, hit.meaning),
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
        end > 0 && Index::open(&dir).is_ok_and(|i| i.position() < end)
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

/// Answers a file of queries in TREC run format: `query Q0 document rank score greffier`.
async fn batch(
    finder: &Finder,
    queries: &Path,
    run: &Path,
    mode: Mode,
    k: usize,
    filters: &Filters,
) -> Result<usize> {
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
        let hits = finder.search(&query.text, mode, k, filters)?;
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

#[async_trait]
impl web::Find for Finder {
    async fn find(
        &self,
        query: &str,
        limit: usize,
    ) -> Result<Vec<web::Found>, Box<dyn std::error::Error + Send + Sync>> {
        let hits = self.search(query, Mode::Hybrid, limit, &Filters::default())?;
        let mut found = Vec::new();
        for hit in &hits {
            let shown = self.show(query, hit).await?;
            found.push(web::Found {
                document: shown.document,
                name: self.name(shown.document).await?,
                title: shown.title,
                received_at: shown.received_at,
                service: shown.service.map(|s| s.to_string()),
                page: shown.page,
                snippet: shown.evidence.text,
                highlights: shown.highlights,
            });
        }
        Ok(found)
    }
}

//! `eval search`: how well documents are found, on a corpus with questions and the right answers.
//!
//! Documents are read, split, encoded and indexed as in a pipeline, in a folder that is thrown away
//! afterwards; a document without text is found by its title. A document stands where the best of
//! its passages stands. nDCG is that of Järvelin and Kekäläinen ("Cumulated gain-based evaluation of
//! IR techniques", TOIS 2002) with the relevance itself as gain, as trec_eval has it.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use domain::{ArtifactName, DocumentId, PipelineName, Timestamp};
use extract::split::SplitSettings;
use extract::{Budgets, Input};
use inference::Encoder;
use search::{Change, Fusion, Index, IndexedDocument, IndexedPassage, Mode, Query, Reader, Stats};
use serde::{Deserialize, Serialize};

use super::python;
use crate::args::{EvalSearch, Global};
use crate::commands::Ending;
use crate::commands::tables::opened;
use crate::house::models;
use crate::print;
use crate::stages::{EmbedSettings, in_context, known_by};

/// Documents asked for: recall is measured on as many.
const DEPTH: usize = 100;

/// Documents put into the index in one commit.
const COMMIT: usize = 2_000;

/// A document of the corpus.
#[derive(Debug, Deserialize)]
struct Document {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
}

/// A question.
#[derive(Debug, Deserialize)]
struct Question {
    id: String,
    text: String,
}

/// What is right for each question: documents, by how relevant they are.
type Relevant = BTreeMap<String, BTreeMap<String, f64>>;

/// How one way of searching did.
#[derive(Debug, Serialize)]
struct Row {
    way: String,
    questions: usize,
    /// In percent.
    ndcg_at_10: f64,
    recall_at_100: f64,
    mrr: f64,
    /// Milliseconds of a question, the encoding of its text included: the middle one and the one
    /// that 95 of 100 stay below. Not measured for peers.
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
}

/// Everything measured.
#[derive(Debug, Serialize)]
struct Report {
    documents: usize,
    passages: u64,
    index_bytes: u64,
    rows: Vec<Row>,
    /// With questions of another subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing: Option<Nothing>,
}

/// How often "nothing relevant" is the answer of a hybrid search, in percent.
#[derive(Debug, Serialize)]
struct Nothing {
    foreign: usize,
    /// Of questions that the corpus does not answer: rightly.
    foreign_told_so: f64,
    /// Of questions that it answers: wrongly.
    own_told_so: f64,
}

/// Evaluates searching.
///
/// # Errors
/// When a file cannot be read or is of another form, or a model cannot be used.
pub async fn search(global: &Global, args: &EvalSearch) -> Result<Ending> {
    let args = args.clone();
    let lang = global.lang;
    let threads = global
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    let (_, models) = models(global, threads)?;
    let json = global.json;
    tokio::task::spawn_blocking(move || {
        let corpus = corpus(&args.corpus)?;
        let right = relevant(&args.qrels)?;
        let questions: Vec<Question> = lines(&args.queries)?
            .into_iter()
            .filter(|question: &Question| right.contains_key(&question.id))
            .collect();
        ensure!(
            !questions.is_empty(),
            "no question of {} has an answer in {}",
            args.queries.display(),
            args.qrels.display()
        );
        let names = match args.encoder.is_empty() {
            true => vec![EmbedSettings::default().encoder],
            false => args.encoder.clone(),
        };
        let mut report = Report {
            documents: corpus.len(),
            passages: 0,
            index_bytes: 0,
            rows: Vec::new(),
            nothing: None,
        };
        let measured = Measured {
            corpus: &corpus,
            questions: &questions,
            right: &right,
        };
        for (n, name) in names.iter().enumerate() {
            let encoder = models.encoder(name)?;
            let folder = tempfile::tempdir()?;
            let bar = print::bar(
                corpus.len() as u64,
                lang.pick("documents indexés", "documents indexed"),
            );
            let (index, stats) = measured.index(folder.path(), &encoder, || bar.inc(1))?;
            bar.finish_and_clear();
            (report.passages, report.index_bytes) = (stats.passages, stats.bytes);
            let mut ways = vec![
                (Mode::Lexical, Fusion::default()),
                (Mode::Meaning, Fusion::default()),
            ];
            ways.extend(fusions(&args.words).map(|fusion| (Mode::Hybrid, fusion)));
            // Words are the same whatever the encoder.
            for (mode, fusion) in ways.into_iter().skip(usize::from(n > 0)) {
                let mut row = measured.way(&index, mode, fusion, &encoder)?;
                if names.len() > 1 && mode != Mode::Lexical {
                    row.way = format!("{}, {name}", row.way);
                }
                report.rows.push(row);
            }
            if let (0, Some(foreign)) = (n, &args.foreign) {
                let foreign: Vec<Question> = lines(foreign)?;
                let scores = args.scores.as_deref();
                report.nothing = Some(measured.nothing(&index, &encoder, &foreign, scores)?);
            }
        }
        match measured.bm25s()? {
            Some(row) => report.rows.push(row),
            None => print::note(lang.pick(
                "bm25s n'est pas là : python3 -m pip install bm25s PyStemmer",
                "bm25s is not here: python3 -m pip install bm25s PyStemmer",
            )),
        }
        if json {
            print::json(&report)?;
        } else {
            table(&report, lang);
        }
        Ok(Ending::Done)
    })
    .await?
}

/// How words and meaning are put together: by each of these shares of words.
fn fusions(words: &[f64]) -> impl Iterator<Item = Fusion> {
    let usual = words.is_empty().then(Fusion::default);
    let asked = words.iter().map(|lexical| Fusion {
        lexical: lexical.clamp(0.0, 1.0),
        meaning: 1.0 - lexical.clamp(0.0, 1.0),
        ..Fusion::default()
    });
    usual.into_iter().chain(asked.collect::<Vec<_>>())
}

fn table(report: &Report, lang: domain::Lang) {
    let ms = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.1}"));
    let rows = report.rows.iter().map(|row| {
        vec![
            row.way.clone(),
            row.questions.to_string(),
            format!("{:.1}", row.ndcg_at_10),
            format!("{:.1}", row.recall_at_100),
            format!("{:.1}", row.mrr),
            ms(row.p50_ms),
            ms(row.p95_ms),
        ]
    });
    print::table(
        &[
            lang.pick("recherche", "search"),
            "questions",
            "nDCG@10",
            lang.pick("rappel@100", "recall@100"),
            "MRR",
            "p50 ms",
            "p95 ms",
        ],
        rows.collect(),
    );
    if let Some(nothing) = &report.nothing {
        let Nothing {
            foreign,
            foreign_told_so,
            own_told_so,
        } = nothing;
        print::line(match lang {
            domain::Lang::Fr => format!(
                "« rien de pertinent » : {foreign_told_so:.1} % de {foreign} questions étrangères au corpus, {own_told_so:.1} % des siennes"
            ),
            domain::Lang::En => format!(
                "“nothing relevant”: {foreign_told_so:.1} % of {foreign} questions foreign to the corpus, {own_told_so:.1} % of its own"
            ),
        });
    }
    let (documents, passages) = (report.documents, report.passages);
    let bytes = report.index_bytes / passages.max(1);
    print::line(match lang {
        domain::Lang::Fr => {
            format!(
                "{documents} documents, {passages} passages, {bytes} octets d'index par passage"
            )
        }
        domain::Lang::En => {
            format!("{documents} documents, {passages} passages, {bytes} bytes of index a passage")
        }
    });
}

/// What a measure is made on.
struct Measured<'a> {
    corpus: &'a [Document],
    questions: &'a [Question],
    right: &'a Relevant,
}

impl Measured<'_> {
    /// The passages of a document, as the pipeline makes them.
    fn passages(document: &Document) -> Vec<IndexedPassage> {
        let words = match document.text.trim() {
            "" => &document.title,
            _ => &document.text,
        };
        let read = extract::extract(
            &Input {
                bytes: words.as_bytes(),
                file_name: Some("text.txt"),
                ..Input::default()
            },
            &Budgets::default(),
        );
        extract::split::split(&read.text, &read.layout, &SplitSettings::default())
            .into_iter()
            .map(|passage| IndexedPassage {
                span: passage.span(),
                page: passage.page,
                text: passage.span().of(&read.text).unwrap_or_default().to_owned(),
                section: passage
                    .section
                    .and_then(|section| section.of(&read.text))
                    .map(str::to_owned),
                language: passage.language.or_else(|| read.layout.language.clone()),
                vector: None,
            })
            .collect()
    }

    fn index(
        &self,
        folder: &Path,
        encoder: &Encoder,
        mut done: impl FnMut(),
    ) -> Result<(Index, Stats)> {
        let index = Index::open(folder)?;
        let mut writer = index.writer()?;
        let pipeline: PipelineName = "eval".parse()?;
        let received_at = Timestamp::from_micros(0).context("the first of 1970")?;
        let mut changes = Vec::new();
        for (number, document) in self.corpus.iter().enumerate() {
            let mut passages = Self::passages(document);
            let first = passages.first().map_or("", |passage| passage.text.as_str());
            let known_by = known_by(&document.title, first).to_owned();
            let texts: Vec<String> = passages
                .iter()
                .map(|passage| in_context(&known_by, &passage.text))
                .collect();
            for (passage, vector) in passages.iter_mut().zip(encoder.encode(&texts)?) {
                passage.vector = Some(vector);
            }
            changes.push(Change::Put(IndexedDocument {
                id: id(number),
                name: String::new(),
                title: Some(document.title.clone()).filter(|title| !title.is_empty()),
                pipeline: pipeline.clone(),
                service: None,
                also: Vec::new(),
                readers: Vec::new(),
                language: None,
                media_type: "text/plain".into(),
                place: None,
                received_at,
                first: id(number),
                text_version: ArtifactName::from_bytes([0; 32]),
                passages,
            }));
            done();
            if changes.len() == COMMIT || number + 1 == self.corpus.len() {
                writer.apply(std::mem::take(&mut changes), number as u64 + 1)?;
            }
        }
        let stats = index.stats()?;
        Ok((index, stats))
    }

    /// Every question, searched one way.
    fn way(&self, index: &Index, mode: Mode, fusion: Fusion, encoder: &Encoder) -> Result<Row> {
        let mut times = Vec::new();
        let mut found = Vec::new();
        for question in self.questions {
            let began = Instant::now();
            let mut query = Query::new(&question.text, Reader::All);
            query.mode = mode;
            query.fusion = fusion;
            // What is measured is the order; the limit below which nothing is relevant has a figure
            // of its own.
            query.fusion.relevant = 0.0;
            query.limit = DEPTH;
            if mode != Mode::Lexical {
                query.vector = encoder.encode(std::slice::from_ref(&question.text))?.pop();
            }
            let results = index.search(&query)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            found.push(
                results
                    .hits
                    .iter()
                    .filter_map(|hit| self.corpus.get(number(hit.document)))
                    .map(|document| document.id.as_str())
                    .collect(),
            );
        }
        let way = match mode {
            Mode::Lexical => "lexical".to_owned(),
            Mode::Meaning => "meaning".to_owned(),
            Mode::Hybrid => format!("hybrid {:.2}/{:.2}", fusion.lexical, fusion.meaning),
        };
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
        Ok(Row {
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            ..self.row(way, &found)
        })
    }

    /// How often nothing is relevant, for questions of the corpus and of another.
    fn nothing(
        &self,
        index: &Index,
        encoder: &Encoder,
        foreign: &[Question],
        scores: Option<&Path>,
    ) -> Result<Nothing> {
        let mut lines = String::from("whose\tscore\twords\tmeaning\n");
        let mut told = |questions: &[Question], whose: &str| -> Result<f64> {
            let mut nothing = 0;
            for question in questions {
                let mut query = Query::new(&question.text, Reader::All);
                query.limit = 1;
                query.vector = encoder.encode(std::slice::from_ref(&question.text))?.pop();
                nothing += usize::from(index.search(&query)?.hits.is_empty());
                // What is best, relevant or not.
                query.fusion.relevant = 0.0;
                if let Some(hit) = index.search(&query)?.hits.first() {
                    lines += &format!(
                        "{whose}\t{:.4}\t{:.4}\t{:.4}\n",
                        hit.score, hit.lexical, hit.meaning
                    );
                }
            }
            Ok(100.0 * nothing as f64 / questions.len().max(1) as f64)
        };
        let nothing = Nothing {
            foreign: foreign.len(),
            foreign_told_so: told(foreign, "foreign")?,
            own_told_so: told(self.questions, "own")?,
        };
        if let Some(path) = scores {
            std::fs::write(path, lines)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(nothing)
    }

    /// Figures of what was found for each question.
    fn row(&self, way: String, found: &[Vec<&str>]) -> Row {
        let mut row = Row {
            way,
            questions: self.questions.len(),
            ndcg_at_10: 0.0,
            recall_at_100: 0.0,
            mrr: 0.0,
            p50_ms: None,
            p95_ms: None,
        };
        for (question, found) in self.questions.iter().zip(found) {
            let Some(right) = self.right.get(&question.id) else {
                continue;
            };
            row.ndcg_at_10 += ndcg(found, right, 10);
            row.recall_at_100 += recall(found, right, DEPTH);
            row.mrr += reciprocal_rank(found, right);
        }
        let percent = 100.0 / self.questions.len().max(1) as f64;
        row.ndcg_at_10 *= percent;
        row.recall_at_100 *= percent;
        row.mrr *= percent;
        row
    }

    /// The same passages with bm25s and a French stemmer; `None` where they are not installed.
    fn bm25s(&self) -> Result<Option<Row>> {
        if !python::has("bm25s, Stemmer") {
            return Ok(None);
        }
        #[derive(Serialize)]
        struct Asked<'a> {
            passages: Vec<(usize, String)>,
            questions: Vec<&'a str>,
            depth: usize,
        }
        let mut passages = Vec::new();
        for (number, document) in self.corpus.iter().enumerate() {
            for passage in Self::passages(document) {
                passages.push((number, in_context(&document.title, &passage.text)));
            }
        }
        let asked = Asked {
            passages,
            questions: self.questions.iter().map(|q| q.text.as_str()).collect(),
            depth: DEPTH,
        };
        let found: Vec<Vec<usize>> = python::ask(
            include_str!("bm25s.py"),
            &asked,
            "bm25s",
            "take it out of Python to do without it",
        )?;
        let found: Vec<Vec<&str>> = found
            .iter()
            .map(|numbers| {
                let documents = numbers.iter().filter_map(|n| self.corpus.get(*n));
                documents.map(|document| document.id.as_str()).collect()
            })
            .collect();
        Ok(Some(self.row("bm25s".into(), &found)))
    }
}

/// The number is in the first half of the bytes, by which the index tells copies from others.
fn id(number: usize) -> DocumentId {
    DocumentId::from_bytes(((number as u128) << 64).to_be_bytes())
}

fn number(id: DocumentId) -> usize {
    usize::try_from(u128::from_be_bytes(*id.as_bytes()) >> 64).unwrap_or(usize::MAX)
}

/// Gain of a ranking over that of the best one, both discounted by rank.
fn ndcg(found: &[&str], right: &BTreeMap<String, f64>, depth: usize) -> f64 {
    let discounted = |gains: &mut dyn Iterator<Item = f64>| -> f64 {
        gains
            .take(depth)
            .zip(1u32..)
            .map(|(gain, rank)| gain / f64::from(rank + 1).log2())
            .sum()
    };
    let gain = |id: &&str| right.get(*id).copied().unwrap_or(0.0);
    let mut best: Vec<f64> = right.values().copied().collect();
    best.sort_by(|a, b| b.total_cmp(a));
    let ideal = discounted(&mut best.into_iter());
    if ideal <= 0.0 {
        return 0.0;
    }
    discounted(&mut found.iter().map(gain)) / ideal
}

fn recall(found: &[&str], right: &BTreeMap<String, f64>, depth: usize) -> f64 {
    let relevant = right.values().filter(|gain| **gain > 0.0).count();
    let is_right = |id: &&&str| right.get(**id).is_some_and(|gain| *gain > 0.0);
    let there = found.iter().take(depth).filter(is_right).count();
    there as f64 / relevant.max(1) as f64
}

fn reciprocal_rank(found: &[&str], right: &BTreeMap<String, f64>) -> f64 {
    let first = found
        .iter()
        .position(|id| right.get(*id).is_some_and(|gain| *gain > 0.0));
    first.map_or(0.0, |at| 1.0 / (at as f64 + 1.0))
}

fn corpus(path: &Path) -> Result<Vec<Document>> {
    let corpus: Vec<Document> = lines(path)?;
    ensure!(!corpus.is_empty(), "{} holds no document", path.display());
    Ok(corpus)
}

/// JSON Lines, one value a line.
fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let mut values = Vec::new();
    for (number, line) in opened(path)?.lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(&line)
            .with_context(|| format!("{}, line {}", path.display(), number + 1))?;
        values.push(value);
    }
    Ok(values)
}

/// Lines of question, document and relevance, separated by tabs; or those of TREC, which have a
/// column between the first two. A first line without a number is a header.
fn relevant(path: &Path) -> Result<Relevant> {
    let mut right = Relevant::new();
    for (number, line) in opened(path)?.lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (question, document, gain) = match columns.as_slice() {
            [] => continue,
            [question, document, gain] | [question, _, document, gain] => {
                (*question, *document, gain.parse::<f64>())
            }
            _ => bail!(
                "{}, line {}: expected a question, a document and a number",
                path.display(),
                number + 1
            ),
        };
        match gain {
            Ok(gain) => {
                let right = right.entry(question.to_owned()).or_default();
                right.insert(document.to_owned(), gain);
            }
            Err(_) if number == 0 => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("{}, line {}", path.display(), number + 1));
            }
        }
    }
    Ok(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(gains: &[(&str, f64)]) -> BTreeMap<String, f64> {
        let owned = gains.iter().map(|(id, gain)| ((*id).to_owned(), *gain));
        owned.collect()
    }

    #[test]
    fn the_best_order_has_all_of_the_gain() {
        let right = right(&[("a", 3.0), ("b", 1.0), ("c", 0.0)]);
        let check = |found: &[&str], expected: f64| {
            let value = ndcg(found, &right, 10);
            assert!((value - expected).abs() < 1e-4, "{found:?}: {value}");
        };
        check(&["a", "b", "c"], 1.0);
        // (1 + 3 / log2 3) / (3 + 1 / log2 3), by hand.
        check(&["b", "a"], 0.79668);
        check(&["c", "d"], 0.0);
        assert!((ndcg(&["x", "a"], &right, 1)).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_relevant_counts_for_nothing() {
        let right = right(&[("a", 1.0), ("b", 2.0), ("c", 0.0)]);
        assert!((recall(&["c", "b"], &right, 100) - 0.5).abs() < 1e-9);
        assert!((recall(&["c", "b"], &right, 1)).abs() < 1e-9);
        assert!((reciprocal_rank(&["c", "b"], &right) - 0.5).abs() < 1e-9);
        assert!((reciprocal_rank(&["c"], &right)).abs() < 1e-9);
    }

    #[test]
    fn answers_are_read_in_both_forms() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("qrels.tsv");
        std::fs::write(&path, "query_id\tdoc_id\trelevance\nq\td\t2\nr 0 d 1\n").expect("a file");
        let right = relevant(&path).expect("answers");
        assert_eq!(right["q"]["d"], 2.0);
        assert_eq!(right["r"]["d"], 1.0);
        std::fs::write(&path, "q\td\tx\nq\td\tmuch\n").expect("a file");
        let error = format!("{:#}", relevant(&path).expect_err("no number"));
        assert!(error.contains("line 2"), "{error}");
    }
}

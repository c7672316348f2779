//! Passages a second into the index, and milliseconds a question, by size of the archive.
//!
//! Goals: what a question costs a person on two cores at 10,000, 100,000 and a million passages,
//! with its own encoding; what a passage costs to encode and index, in time and in bytes; the same
//! passages and questions with bm25s, and the same vectors with a flat and a graph index of Faiss,
//! in the same run. Non-goals: quality (`greffier eval search`); reading files.
//!
//! Text is real: that of `--corpus`, else the fixtures. An archive larger than that repeats it with
//! noise, one word in six being another word of the corpus, so that no two passages are the same
//! and the dictionary grows no faster than in life.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use domain::{ArtifactName, DocumentId, PipelineName, ServiceId, Timestamp};
use extract::split::SplitSettings;
use extract::{Budgets, Input};
use inference::{Encoder, Registry, Runtime};
use search::{Change, Index, IndexedDocument, IndexedPassage, Mode, Query, Reader};
use serde::{Deserialize, Serialize};

use crate::{Args, fixtures};

/// The encoder measured: the default of every pipeline.
const ENCODER: &str = "greffier-static-fr-en";
/// Passages of a commit.
const COMMIT: usize = 4_000;
/// Questions asked of each size.
const QUESTIONS: usize = 200;
/// Passages encoded by one thread to know its pace.
const PACE: usize = 20_000;
/// Documents asked for.
const LIMIT: usize = 10;
/// One word of so many is another in a passage that repeats one.
const NOISE: u64 = 6;

/// One size of archive.
#[derive(Serialize)]
pub(crate) struct Run {
    passages: usize,
    documents: u64,
    threads: usize,
    /// Passages a second that one thread encodes.
    encoded_per_second: f64,
    /// Passages a second from text to committed index, encoding included.
    indexed_per_second: f64,
    bytes_per_passage: f64,
    /// Memory of this process that is no mapped file, once all questions are answered.
    anonymous_mb: Option<f64>,
    /// Milliseconds to open the index and answer the first question.
    first_ms: f64,
    hybrid: Times,
    hybrid_with_facets: Times,
    lexical: Times,
    meaning: Times,
    suggest: Times,
    peers: Option<serde_json::Value>,
}

/// Milliseconds of the middle question, and what 95 of 100 stay below.
#[derive(Clone, Copy, Serialize)]
struct Times {
    p50_ms: f64,
    p95_ms: f64,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
}

/// A document of the corpus: its title and passages.
struct Source {
    title: String,
    passages: Vec<String>,
}

/// Measures every size.
pub(crate) fn run(args: &Args, root: &Path) -> Result<Vec<Run>> {
    let sources = sources(args, root)?;
    let questions = questions(args, &sources)?;
    let words: Vec<&str> = sources
        .iter()
        .flat_map(|s| &s.passages)
        .flat_map(|p| p.split_whitespace())
        .collect();
    let registry = Registry::load(&root.join("pipelines/models.toml"))?;
    let folder = root.join(".runtime");
    let runtime = Runtime::load(&registry.runtime, std::slice::from_ref(&folder))?;
    let encoder = registry.encoder(ENCODER, &folder.join("models"), &runtime, args.threads)?;
    println!(
        "{:>9} {:>9} {:>9} {:>7} {:>15} {:>15} {:>15} {:>15}",
        "passages",
        "encode/s",
        "index/s",
        "bytes",
        "hybrid p50/p95",
        "facets",
        "lexical",
        "meaning"
    );
    let mut runs = Vec::new();
    for passages in &args.passages {
        let run = size(args, *passages, &sources, &words, &questions, &encoder)?;
        let ms = |t: Times| format!("{:.1}/{:.1} ms", t.p50_ms, t.p95_ms);
        println!(
            "{:>9} {:>9.0} {:>9.0} {:>7.0} {:>15} {:>15} {:>15} {:>15}",
            run.passages,
            run.encoded_per_second,
            run.indexed_per_second,
            run.bytes_per_passage,
            ms(run.hybrid),
            ms(run.hybrid_with_facets),
            ms(run.lexical),
            ms(run.meaning)
        );
        if let Some(peers) = &run.peers {
            println!("          {peers}");
        }
        runs.push(run);
    }
    Ok(runs)
}

/// The documents of the corpus, split as a pipeline splits them.
fn sources(args: &Args, root: &Path) -> Result<Vec<Source>> {
    let split = |title: String, bytes: &[u8], name: &str| {
        let read = extract::extract(
            &Input {
                bytes,
                file_name: Some(name),
                ..Input::default()
            },
            &Budgets::default(),
        );
        let passages = extract::split::split(&read.text, &read.layout, &SplitSettings::default());
        let passages = passages.iter().filter_map(|p| p.span().of(&read.text));
        Source {
            title,
            passages: passages.map(str::to_owned).collect(),
        }
    };
    let mut sources = Vec::new();
    match &args.corpus {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            for line in text.lines().filter(|l| !l.trim().is_empty()) {
                let line: Line = serde_json::from_str(line)
                    .with_context(|| format!("{} is not JSON Lines", path.display()))?;
                sources.push(split(line.title, line.text.as_bytes(), "text.txt"));
            }
        }
        None => {
            for path in fixtures(root, "archives/documents", "pdf")? {
                let bytes = std::fs::read(&path)?;
                sources.push(split(String::new(), &bytes, "a.pdf"));
            }
        }
    }
    sources.retain(|s| !s.passages.is_empty());
    ensure!(!sources.is_empty(), "the corpus holds no text");
    Ok(sources)
}

/// What is asked: the lines of `--queries`, else words of passages as people pick them.
fn questions(args: &Args, sources: &[Source]) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Question {
        text: String,
    }
    let mut questions = Vec::new();
    match &args.queries {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            for line in text.lines().filter(|l| !l.trim().is_empty()) {
                questions.push(serde_json::from_str::<Question>(line)?.text);
            }
        }
        None => {
            for passage in sources.iter().flat_map(|s| &s.passages) {
                let words: Vec<&str> = passage.split_whitespace().skip(3).take(6).collect();
                questions.push(words.join(" "));
            }
        }
    }
    ensure!(!questions.is_empty(), "there is no question");
    Ok(questions.into_iter().cycle().take(QUESTIONS).collect())
}

/// Chance that a seed decides (xorshift).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A text, or one that is nearly the same.
fn nearly(text: &str, round: usize, words: &[&str], chance: &mut Chance) -> String {
    if round == 0 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for word in text.split_whitespace() {
        let other = chance.next().is_multiple_of(NOISE);
        let drawn = words[(chance.next() % words.len() as u64) as usize];
        out.push_str(if other { drawn } else { word });
        out.push(' ');
    }
    out
}

fn size(
    args: &Args,
    size: usize,
    sources: &[Source],
    words: &[&str],
    questions: &[String],
    encoder: &Encoder,
) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let index = Index::open(folder.path())?;
    let mut writer = index.writer()?;
    let peers = Peers::open(size <= args.peers_up_to)?;
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let pipeline: PipelineName = "archives".parse()?;
    let services: [ServiceId; 3] = ["voirie".parse()?, "etat-civil".parse()?, "sports".parse()?];
    let (mut made, mut documents, mut position) = (0, 0u64, 0);
    let mut batch: Vec<IndexedDocument> = Vec::new();
    let (mut held, mut spent) = (0, 0.0);
    let mut round = 0;
    'all: loop {
        for source in sources {
            if made >= size {
                break 'all;
            }
            let title = nearly(&source.title, round, words, &mut chance);
            let mut start = 0;
            let taken = source.passages.iter().take(size - made);
            let passages: Vec<IndexedPassage> = taken
                .map(|text| {
                    let text = nearly(text, round, words, &mut chance);
                    let span = domain::Span::new(start, start + text.len() as u32);
                    start = span.end;
                    IndexedPassage {
                        span,
                        page: 1,
                        text,
                        section: None,
                        language: None,
                        vector: None,
                    }
                })
                .collect();
            made += passages.len();
            held += passages.len();
            // Copies are told apart by the first half of an id.
            let id = DocumentId::from_bytes((u128::from(documents) << 64).to_be_bytes());
            batch.push(IndexedDocument {
                id,
                name: format!("piece-{documents}"),
                title: Some(title).filter(|t| !t.is_empty()),
                pipeline: pipeline.clone(),
                service: services.get(documents as usize % 4).cloned(),
                also: Vec::new(),
                readers: Vec::new(),
                language: Some("fr".to_owned()),
                media_type: "application/pdf".to_owned(),
                place: None,
                received_at: Timestamp::from_micros(documents as i64 * 3_600_000_000)
                    .context("a moment")?,
                first: id,
                text_version: ArtifactName::from_bytes([0; 32]),
                passages,
            });
            documents += 1;
            if held >= COMMIT || made >= size {
                let began = Instant::now();
                embed(&mut batch, encoder, args.threads)?;
                spent += began.elapsed().as_secs_f64();
                peers.take(&batch)?;
                let began = Instant::now();
                position += 1;
                let changes = batch.drain(..).map(Change::Put).collect();
                writer.apply(changes, position)?;
                spent += began.elapsed().as_secs_f64();
                held = 0;
            }
        }
        round += 1;
    }
    drop(writer);
    drop(index);
    let pace: Vec<String> = sources
        .iter()
        .flat_map(|s| &s.passages)
        .cycle()
        .take(PACE.min(size))
        .cloned()
        .collect();
    let began = Instant::now();
    encoder.encode(&pace)?;
    let encoded_per_second = pace.len() as f64 / began.elapsed().as_secs_f64();

    let began = Instant::now();
    let index = Index::open(folder.path())?;
    ask(&index, &questions[0], Mode::Hybrid, false, encoder)?;
    let first_ms = began.elapsed().as_secs_f64() * 1e3;
    let times = |mode, facets| -> Result<Times> {
        let ask = |q: &String| ask(&index, q, mode, facets, encoder);
        timed(questions, ask)
    };
    let stats = index.stats()?;
    Ok(Run {
        passages: size,
        documents,
        threads: args.threads,
        encoded_per_second,
        indexed_per_second: size as f64 / spent,
        bytes_per_passage: stats.bytes as f64 / stats.passages as f64,
        first_ms,
        hybrid: times(Mode::Hybrid, false)?,
        hybrid_with_facets: times(Mode::Hybrid, true)?,
        lexical: times(Mode::Lexical, false)?,
        meaning: times(Mode::Meaning, false)?,
        suggest: timed(questions, |q| {
            let end = q.floor_char_boundary(q.len().min(12));
            index.suggest(q[..end].trim_end(), &Reader::All, LIMIT)?;
            Ok(())
        })?,
        anonymous_mb: anonymous_mb(),
        peers: peers.ask(questions, encoder)?,
    })
}

/// The vectors of a batch, made by as many threads as are measured.
fn embed(batch: &mut [IndexedDocument], encoder: &Encoder, threads: usize) -> Result<()> {
    let part = batch.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let work = |documents: &mut [IndexedDocument]| -> Result<()> {
            for document in documents {
                let title = document.title.clone().unwrap_or_default();
                let texts: Vec<String> = document
                    .passages
                    .iter()
                    .map(|p| format!("{title}\n{}", p.text))
                    .collect();
                let vectors = encoder.encode(&texts)?;
                for (passage, vector) in document.passages.iter_mut().zip(vectors) {
                    passage.vector = Some(vector);
                }
            }
            Ok(())
        };
        let parts: Vec<_> = batch
            .chunks_mut(part)
            .map(|documents| scope.spawn(move || work(documents)))
            .collect();
        for part in parts {
            part.join()
                .map_err(|_| anyhow::anyhow!("a thread stopped"))??;
        }
        Ok(())
    })
}

fn ask(index: &Index, question: &str, mode: Mode, facets: bool, encoder: &Encoder) -> Result<()> {
    let mut query = Query::new(question, Reader::All);
    query.mode = mode;
    query.facets = facets;
    query.limit = LIMIT;
    if mode != Mode::Lexical {
        query.vector = encoder.encode(&[question.to_owned()])?.pop();
    }
    std::hint::black_box(index.search(&query)?);
    Ok(())
}

fn timed(questions: &[String], mut ask: impl FnMut(&String) -> Result<()>) -> Result<Times> {
    let mut times = Vec::new();
    for question in questions {
        let began = Instant::now();
        ask(question)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    Ok(Times {
        p50_ms: at(0.5),
        p95_ms: at(0.95),
    })
}

/// Resident memory that no file stands behind, where the system says it.
fn anonymous_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("RssAnon:"))?;
    let kb: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1024.0)
}

/// What is given to the peers: texts, vectors, questions.
struct Peers {
    folder: Option<tempfile::TempDir>,
}

impl Peers {
    fn open(wanted: bool) -> Result<Self> {
        let there = wanted
            && Command::new("python3")
                .args(["-c", "import bm25s, Stemmer, faiss, numpy"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        if wanted && !there {
            println!("no peers: python3 -m pip install bm25s PyStemmer faiss-cpu numpy");
        }
        Ok(Self {
            folder: there.then(tempfile::tempdir).transpose()?,
        })
    }

    fn take(&self, batch: &[IndexedDocument]) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let append = |name: &str| {
            let mut options = std::fs::OpenOptions::new();
            options
                .create(true)
                .append(true)
                .open(folder.path().join(name))
        };
        let mut texts = std::io::BufWriter::new(append("texts.jsonl")?);
        let mut vectors = std::io::BufWriter::new(append("vectors.f32")?);
        for document in batch {
            let title = document.title.as_deref().unwrap_or_default();
            for passage in &document.passages {
                serde_json::to_writer(&mut texts, &format!("{title}\n{}", passage.text))?;
                texts.write_all(b"\n")?;
                for value in passage.vector.iter().flatten() {
                    vectors.write_all(&value.to_le_bytes())?;
                }
            }
        }
        texts.flush()?;
        vectors.flush()?;
        Ok(())
    }

    fn ask(&self, questions: &[String], encoder: &Encoder) -> Result<Option<serde_json::Value>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let vectors = encoder.encode(questions)?;
        std::fs::write(
            folder.path().join("questions.json"),
            serde_json::to_vec(&(questions, vectors))?,
        )?;
        let output = Command::new("python3")
            .args(["-c", include_str!("searching.py")])
            .arg(folder.path())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run python3")?;
        ensure!(
            output.status.success(),
            "the peers stopped with {}",
            output.status
        );
        Ok(Some(serde_json::from_slice(&output.stdout)?))
    }
}

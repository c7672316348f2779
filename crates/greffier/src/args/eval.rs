//! What was typed after `eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::eval::dated::Step;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum EvalWhat {
    /// How much of documents is read: words found, right and in order, form fields, beside other
    /// readers of this machine (pdftotext, mutool, LibreOffice, Python).
    Extract(EvalExtract),
    /// How well documents are found by words, by meaning and by both, beside bm25s.
    Search(EvalSearch),
    /// How well labelled texts are routed, and whether what is promised holds on texts held out,
    /// beside scikit-learn.
    Routing(EvalRouting),
    /// What of reports is alerted as urgent, rightly and wrongly, by each ground: exit code 4 when an
    /// urgent one is missed.
    Urgent(EvalUrgent),
    /// How much of what identifies people in field notes is masked, and how much is masked for nothing,
    /// on annotated notes.
    Masks(EvalMasks),
    /// A simulated year of routing, in which a service is renamed and a new form comes: whether the
    /// promise is kept or suspended.
    Year(EvalYear),
    /// How well learnt themes agree with those that people gave to texts, and whether they keep their
    /// identity from week to week, beside BERTopic.
    Themes(EvalThemes),
    /// How many outbreaks are seen within two weeks when put into real series, beside EARS C2 and a
    /// z-score at the same false alarms; and whether the share of false discoveries promised holds.
    Alerts(EvalAlerts),
    /// How far forecasts are from what came, beside the seasonal naive one, and how often their
    /// intervals hold it.
    Forecast(EvalForecast),
}

/// Options of `eval themes`.
#[derive(Clone, Debug, Args)]
pub struct EvalThemes {
    /// TSV of texts, unpacked where it ends in `.xz`; several times for several sets.
    #[arg(long = "in", value_name = "FILE.tsv", required = true)]
    pub input: Vec<PathBuf>,
    /// The column of texts.
    #[arg(long, value_name = "COLUMN", default_value = "text")]
    pub text: String,
    /// The column of the themes that people gave; else `label`. Without it only coherence is measured.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// The column of dates, by which texts are followed over weeks; else they are dealt in the order
    /// of the file.
    #[arg(long, value_name = "COLUMN")]
    pub date: Option<String>,
    /// Weeks that texts are followed over.
    #[arg(long, value_name = "N", default_value_t = 26, value_parser = clap::value_parser!(i64).range(2..=520))]
    pub weeks: i64,
    /// Weeks looked at together, the current one included.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(i64).range(1..=52))]
    pub window: i64,
    /// Take the first texts of each set, at most this many.
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// Measure BERTopic beside, where Python has it.
    #[arg(long)]
    pub peer: bool,
    /// Seeds of BERTopic.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub seeds: u32,
}

/// Options of `eval urgent`.
#[derive(Clone, Debug, Args)]
pub struct EvalUrgent {
    /// JSON Lines of {"id","notes","urgence","attendu"}; `attendu` is `urgent`, `enfant` (a child in
    /// danger) or `non`, and `part` may name the part of the set it belongs to.
    #[arg(long = "in", value_name = "FILE.jsonl", required = true)]
    pub input: Vec<PathBuf>,
    /// The pipeline whose settings are measured.
    #[arg(long, value_name = "P", default_value = "field-reports")]
    pub pipeline: String,
}

/// Options of `eval alerts`.
#[derive(Clone, Debug, Args)]
pub struct EvalAlerts {
    /// TSV or CSV of dated rows, unpacked where it ends in `.xz`; several times for several sets.
    #[arg(long = "in", value_name = "FILE", required = true)]
    pub input: Vec<PathBuf>,
    /// The column of dates: 2026-11-18 or 18/11/2026, with a time or without.
    #[arg(long, value_name = "COLUMN", default_value = "date")]
    pub date: String,
    /// A column whose values make series of their own (a place, a theme), several times for several;
    /// `lat,lon` for two columns of coordinates.
    #[arg(long, value_name = "COLUMN")]
    pub place: Vec<String>,
    /// Degrees of a cell of coordinates.
    #[arg(long, value_name = "DEGREES", default_value_t = 0.05)]
    pub cell: f64,
    /// What a step of a series is.
    #[arg(long, value_enum, default_value = "week")]
    pub step: Step,
    /// Outbreaks of each size put into series of each baseline.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub injections: usize,
    /// What outbreaks are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// False alarms allowed to each way, as a share of series and weeks: once a year for each series.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    pub rate: f64,
    /// Share of false discoveries promised.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub false_discovery_rate: f64,
    /// Weeks simulated of each kind without outbreaks.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub nulls: usize,
}

/// Options of `eval forecast`.
#[derive(Clone, Debug, Args)]
pub struct EvalForecast {
    /// TSV or CSV of dated rows, unpacked where it ends in `.xz`; several times for several sets.
    #[arg(long = "in", value_name = "FILE", required = true)]
    pub input: Vec<PathBuf>,
    /// The column of dates.
    #[arg(long, value_name = "COLUMN", default_value = "date")]
    pub date: String,
    /// A column whose values make series of their own, several times for several; `lat,lon` for two
    /// columns of coordinates.
    #[arg(long, value_name = "COLUMN")]
    pub place: Vec<String>,
    /// Degrees of a cell of coordinates.
    #[arg(long, value_name = "DEGREES", default_value_t = 0.05)]
    pub cell: f64,
    /// What a step of a series is.
    #[arg(long, value_enum, default_value = "week")]
    pub step: Step,
    /// Steps that each forecast reaches.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub horizon: usize,
    /// Steps between two origins.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub every: usize,
    /// The chance that an interval must hold its count with.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8)]
    pub inside: f64,
    /// Rows below which a series is left out.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub least: u32,
}

/// Options of `eval masks`.
#[derive(Clone, Debug, Args)]
pub struct EvalMasks {
    /// JSON Lines of {"id","text","spans":[{"start","end","kind"}]}, places in bytes; several times for
    /// several sets.
    #[arg(long = "in", value_name = "FILE.jsonl", required = true)]
    pub input: Vec<PathBuf>,
}

/// Options of `eval year`.
#[derive(Clone, Debug, Args)]
pub struct EvalYear {
    /// TSV of labelled texts, unpacked where it ends in `.xz`.
    #[arg(long = "in", value_name = "FILE.tsv")]
    pub input: PathBuf,
    /// Weeks of the year.
    #[arg(long, value_name = "N", default_value_t = 52)]
    pub weeks: usize,
    /// Documents that arrive in a week.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub per_week: usize,
    /// The week in which a service is renamed and a new form comes; beyond the last, nothing changes.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub drift_week: usize,
    /// What everything is drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Years, each with the next seed.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,
    /// Documents that people look at in a week, at most; else as many as arrive.
    #[arg(long, value_name = "N")]
    pub capacity: Option<usize>,
    /// Share of decisions that people get wrong.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub slips: f64,
    /// Documents that the first model learns from, at most half of the set.
    #[arg(long, value_name = "N", default_value_t = 1500)]
    pub initial: usize,
    /// Latest validated documents that a later model learns from, at most.
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub memory: usize,
    /// Weeks between trainings, alerts aside.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub retrain_every: usize,
    /// Highest share of misrouted documents promised.
    #[arg(long, value_name = "SHARE", default_value_t = 0.03)]
    pub max_misrouting: f64,
    /// Confidence of the promise.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub confidence: f64,
    /// Share of the documents routed by themselves that people look at all the same.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub audit_share: f64,
    /// The column of texts.
    #[arg(long, value_name = "COLUMN", default_value = "text")]
    pub text: String,
    /// The column of right answers.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    pub label: String,
    /// Where to write a page with plots, which stands alone.
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
}

/// Options of `eval routing`.
#[derive(Clone, Debug, Args)]
pub struct EvalRouting {
    /// TSV of labelled texts, unpacked where it ends in `.xz`; several times for several sets.
    #[arg(long = "in", value_name = "FILE.tsv", required = true)]
    pub input: Vec<PathBuf>,
    /// Times that held-out documents are split anew into those that choose the threshold and those
    /// that test it.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub splits: usize,
    /// Parts that are held out in turn: as many heads are trained.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=20))]
    pub folds: u8,
    /// What holding out and splitting are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Take this many documents of each set at most, drawn by the seed.
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// Also learn from the first two thirds by this column and route the last third: reported, not
    /// promised.
    #[arg(long, value_name = "COLUMN")]
    pub by_date: Option<String>,
    /// The column of texts.
    #[arg(long, value_name = "COLUMN", default_value = "text")]
    pub text: String,
    /// The column of right answers.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    pub label: String,
    /// Leave scikit-learn out.
    #[arg(long)]
    pub alone: bool,
    /// Train with these settings, a JSON object; what it does not name is as `train` has it.
    #[arg(long, value_name = "FILE.json")]
    pub settings: Option<PathBuf>,
    /// Write every answer on a held-out document here, one JSON object a line.
    #[arg(long, value_name = "FILE.jsonl")]
    pub answers: Option<PathBuf>,
}

/// Options of `eval search`. Files that end in `.xz` are unpacked.
#[derive(Clone, Debug, Args)]
pub struct EvalSearch {
    /// JSON Lines of {"id","title","text"}.
    #[arg(long, value_name = "FILE.jsonl")]
    pub corpus: PathBuf,
    /// JSON Lines of {"id","text"}.
    #[arg(long, value_name = "FILE.jsonl")]
    pub queries: PathBuf,
    /// Question, document and relevance, a line each, as TREC has them or separated by tabs.
    #[arg(long, value_name = "FILE.tsv")]
    pub qrels: PathBuf,
    /// An encoder of models.toml, several times for several; else the default one.
    #[arg(long, value_name = "NAME")]
    pub encoder: Vec<String>,
    /// What words weigh in a hybrid search, from 0 to 1, meaning having the rest; several times for
    /// several; else as searching does.
    #[arg(long, value_name = "SHARE")]
    pub words: Vec<f64>,
    /// JSON Lines of {"id","text"}: questions that this corpus does not answer. Says how many are
    /// rightly told so, and how many of the others wrongly.
    #[arg(long, value_name = "FILE.jsonl")]
    pub foreign: Option<PathBuf>,
    /// Where to write the best hit of each question of a hybrid search: own or foreign, score, words,
    /// meaning. The limits below which nothing is relevant are set with it.
    #[arg(long, value_name = "FILE.tsv")]
    pub scores: Option<PathBuf>,
}

/// Options of `eval extract`.
#[derive(Clone, Debug, Args)]
pub struct EvalExtract {
    /// Files and folders.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Texts to compare with: for `a.pdf`, `a.txt` in this folder. Else `a.pdf.txt` beside it, else
    /// what other readers say.
    #[arg(long, value_name = "DIR")]
    pub references: Option<PathBuf>,
    /// Name this many of the documents read worst.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub worst: usize,
    /// Draw pages of digital PDFs, lay them straight, askew, on their side and upside down, and
    /// compare what OCR reads with the text they hold.
    #[arg(long)]
    pub ocr: bool,
    /// With --ocr, pages of each file.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "ocr")]
    pub pages: u32,
}

//! What was typed. What it means is decided in [`crate::settings`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The clerk of a town hall: reads what arrives, proposes where it goes, finds it again, and can
/// prove how each of its outputs came about. It informs; people decide.
#[derive(Debug, Parser)]
#[command(name = "greffier", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  greffier ingest --pipeline forms courrier/        read and route a folder
  greffier inbox                                    what waits for a person
  greffier review F-012 --accept --by \"A. Martin\"   decide, by name
  greffier search \"éclairage du parking\" -k 5       find by words and by meaning
  greffier why F-012                                the four points of CRPA R311-3-1-2
  greffier verify                                   does everything still hold?

Exit codes:
  0  done
  1  failed: the message says what to do
  2  the command line is not understood
  3  done, but some documents were refused or set aside: they are listed
  4  something does not hold (verify), or came out different (replay)
  5  another process works on this data directory";

/// How long a relay waits for what became of a message, unless told otherwise.
const RECLAIM_AFTER_SECONDS: u32 = 3_600;

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The data directory; made if it is not there.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "GREFFIER_DATA",
        default_value = "greffier-data"
    )]
    pub data: PathBuf,
    /// Pipeline files and models.toml; else `pipelines` here, or beside the program.
    #[arg(long, global = true, value_name = "DIR", env = "GREFFIER_PIPELINES")]
    pub pipelines: Option<PathBuf>,
    /// Where ONNX Runtime and encoders are; else `.runtime` here, or beside the program.
    #[arg(long, global = true, value_name = "DIR", env = "GREFFIER_RUNTIME")]
    pub runtime: Option<PathBuf>,
    /// PostgreSQL to keep the ledger in, instead of SQLite in the data directory.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "GREFFIER_DATABASE",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// Language of what is shown to people.
    #[arg(
        long,
        global = true,
        value_name = "LANG",
        env = "GREFFIER_LANG",
        default_value = "fr"
    )]
    pub lang: domain::Lang,
    /// JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Working threads; else one a processor.
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the data directory (implied by the other commands).
    Init {
        /// Derive every secret and salt from this file, so that tests and demonstrations repeat to
        /// the byte. Never for real documents: whoever has the file can open everything.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Take documents in and process them.
    Ingest(Ingest),
    /// Finish what is owed: documents taken in with --no-wait, or interrupted. With --broker, work on
    /// what it delivers, beside others, until told to stop.
    Work {
        /// Of these stages, separated by commas; else of all.
        #[arg(
            long,
            value_name = "STAGES",
            value_delimiter = ',',
            requires = "broker"
        )]
        stage: Vec<domain::StageName>,
        /// Where tasks come from; else from the ledger itself.
        #[command(flatten)]
        from: MaybeBroker,
    },
    /// Hand what is owed to the broker, until told to stop.
    Relay {
        /// Where.
        #[command(flatten)]
        to: Broker,
        /// End once nothing is due.
        #[arg(long)]
        once: bool,
        /// Hand over again what was handed over so long ago and is not done: its message was lost, as
        /// when a queue was deleted.
        #[arg(
            long,
            value_name = "SECONDS",
            default_value_t = RECLAIM_AFTER_SECONDS,
            value_parser = clap::value_parser!(u32).range(1..)
        )]
        reclaim_after: u32,
    },
    /// Number and sign the log and bring the search index up to it, until told to stop. One process
    /// at a time does so; others wait for their turn.
    Tick {
        /// Do it once.
        #[arg(long)]
        once: bool,
    },
    /// What waits at the broker, by stage and class, and for how many workers.
    Queues {
        /// Where.
        #[command(flatten)]
        at: Broker,
        /// Delete every queue and exchange of this prefix: what is owed stays owed in the ledger.
        #[arg(long)]
        delete: bool,
    },
    /// Messages that nobody could handle.
    Parked {
        /// Where.
        #[command(flatten)]
        at: Broker,
        /// What to do.
        #[command(subcommand)]
        action: Option<ParkedAction>,
    },
    /// Run a stage and what follows it again, after its settings or its model have changed: new
    /// records beside the old ones.
    Reprocess(Reprocess),
    /// List documents.
    Documents {
        /// Of this pipeline.
        #[arg(long, value_name = "P")]
        pipeline: Option<String>,
    },
    /// Show a document: fields, decision, what is missing, what could not be read.
    Show {
        /// Its id, the start of it, its external id, or the stem of its file.
        document: String,
        /// Print the stored text alone: places and quotes refer to its bytes.
        #[arg(long)]
        text: bool,
    },
    /// Read files without keeping anything.
    Extract {
        /// A file; or several and folders: one line each then, and how they ended.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print the text of the file alone.
        #[arg(long)]
        text: bool,
        /// Print it as Markdown, with headings, lists and tables.
        #[arg(long, conflicts_with = "text")]
        markdown: bool,
        /// Leave pages that are images unread.
        #[arg(long)]
        no_ocr: bool,
        /// The password of files that have one. Others can see it in the list of processes: prefer
        /// the environment.
        #[arg(
            long,
            value_name = "PASSWORD",
            env = "GREFFIER_PASSWORD",
            hide_env_values = true
        )]
        password: Option<Password>,
    },
    /// Measure how well this version does its work, on documents of yours.
    Eval {
        /// Which work.
        #[command(subcommand)]
        what: EvalWhat,
    },
    /// What waits for a person.
    Inbox {
        /// Of this service.
        #[arg(long, value_name = "S")]
        service: Option<String>,
        /// Of this pipeline.
        #[arg(long, value_name = "P")]
        pipeline: Option<String>,
    },
    /// Decide where a document goes, by name.
    Review {
        /// The document.
        document: String,
        /// What.
        #[command(flatten)]
        decided: Decided,
        /// Who decides.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Search by words and by meaning.
    Search(Search),
    /// The search indexes: they follow the ledger, and can be made again from it.
    Index {
        /// What to do.
        #[command(subcommand)]
        action: Option<IndexAction>,
    },
    /// Whether the promised error rate is kept, measured on a share of documents drawn by lot that
    /// people look at, and whether documents resemble those before; exit code 4 when a promise is
    /// suspended.
    Promise {
        /// Also write a page with plots, which stands alone.
        #[arg(long, value_name = "FILE.html")]
        html: Option<PathBuf>,
        /// What to do.
        #[command(subcommand)]
        action: Option<PromiseAction>,
    },
    /// Train the classifier of a pipeline from labelled documents, and put it in force.
    Train {
        /// The pipeline.
        #[arg(long, value_name = "P")]
        pipeline: String,
        /// A TSV with the columns `text` and `label`.
        #[arg(long, value_name = "FILE.tsv", required_unless_present = "validated")]
        labelled: Option<PathBuf>,
        /// Learn from what people decided here: the service that answers each document.
        #[arg(long)]
        validated: bool,
    },
    /// Classify texts without keeping anything.
    Classify {
        /// The pipeline.
        #[arg(long, value_name = "P")]
        pipeline: String,
        /// A TSV with the column `text`.
        #[arg(long = "in", value_name = "FILE.tsv")]
        input: PathBuf,
        /// One JSON object a line, in the order of the input.
        #[arg(long = "out", value_name = "FILE.jsonl")]
        output: PathBuf,
    },
    /// Make the synthesis of a week, or show the one these reports already made.
    Synthesise {
        /// The pipeline.
        #[arg(long, value_name = "P", default_value = "field-reports")]
        pipeline: String,
        /// The ISO week, such as 2026-W47.
        #[arg(long, value_name = "WEEK")]
        week: domain::IsoWeek,
    },
    /// Show alerts.
    Alerts {
        /// The pipeline.
        #[arg(long, value_name = "P", default_value = "field-reports")]
        pipeline: String,
        /// Of this ISO week; else of every week.
        #[arg(long, value_name = "WEEK")]
        week: Option<domain::IsoWeek>,
    },
    /// Why a document was routed so, in the four points of CRPA R311-3-1-2.
    Why {
        /// The document.
        document: String,
    },
    /// Run records again and compare bytes.
    Replay {
        /// A document or a run.
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// Every record.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Write one file that proves one run offline.
    Proof {
        /// A run, as `why` and `show` name it.
        run: String,
    },
    /// Check that everything holds.
    Verify {
        /// A signed checkpoint kept elsewhere: finds a rollback.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Print the latest signed checkpoint of the log, to be kept elsewhere.
    Checkpoint,
    /// The pipelines in force.
    Pipelines {
        /// What to do.
        #[command(subcommand)]
        action: Option<PipelinesAction>,
    },
    /// The models in force.
    Models {
        /// What to do.
        #[command(subcommand)]
        action: Option<ModelsAction>,
    },
    /// The JSON Schemas of everything that leaves the process.
    Schemas {
        /// Write them into this folder.
        #[arg(long, value_name = "DIR")]
        write: Option<PathBuf>,
    },
    /// Look at this machine: what is here, what is in force, what to do.
    Doctor {
        /// The broker to look at too.
        #[command(flatten)]
        at: MaybeBroker,
    },
    /// Pages for the browser of this machine.
    Serve {
        /// Where to listen: a loopback address, until people can sign in.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: std::net::SocketAddr,
    },
    /// Read documents handed over by a parent process.
    #[command(hide = true)]
    ExtractChild,
    /// Become the recogniser, within limits.
    #[command(hide = true)]
    OcrChild {
        /// The program and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<std::ffi::OsString>,
    },
}

/// A broker.
#[derive(Clone, Debug, Args)]
pub struct Broker {
    /// RabbitMQ: amqp://user:password@host:5672/vhost.
    #[arg(
        long,
        value_name = "URL",
        env = "GREFFIER_BROKER",
        hide_env_values = true
    )]
    pub broker: String,
    /// Its queues.
    #[command(flatten)]
    pub queues: QueueNames,
}

/// How queues are named, so that several houses share one broker.
#[derive(Clone, Debug, Args)]
pub struct QueueNames {
    /// What the names of its queues begin with.
    #[arg(
        long,
        value_name = "PREFIX",
        env = "GREFFIER_BROKER_PREFIX",
        default_value = broker::topology::PREFIX,
        value_parser = prefix
    )]
    pub prefix: String,
}

/// A broker, where one is used.
#[derive(Clone, Debug, Args)]
pub struct MaybeBroker {
    /// RabbitMQ: amqp://user:password@host:5672/vhost.
    #[arg(
        long,
        value_name = "URL",
        env = "GREFFIER_BROKER",
        hide_env_values = true
    )]
    pub broker: Option<String>,
    /// Its queues.
    #[command(flatten)]
    pub queues: QueueNames,
}

/// Names of queues have 255 bytes at most, and stages have theirs.
fn prefix(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=100).contains(&text.len()) && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("1 to 100 letters, digits, `-`, `_` and `.`".to_owned())
    }
}

/// What to do with parked messages.
#[derive(Clone, Debug, Subcommand)]
pub enum ParkedAction {
    /// List them.
    List,
    /// Show one.
    Show {
        /// Its id, as listed.
        id: String,
    },
    /// Put one back into the queue it was in.
    Retry {
        /// Its id, as listed.
        id: String,
    },
}

/// Options of `ingest`.
#[derive(Debug, Args)]
pub struct Ingest {
    /// The pipeline they go through.
    #[arg(long, value_name = "P")]
    pub pipeline: String,
    /// Files and folders.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// When they were received; else the moment of the command.
    #[arg(long, value_name = "DATE")]
    pub received_at: Option<String>,
    /// JSON Lines that say, for each file, `path`, `id`, `received_at`, `channel`, and anything else.
    #[arg(long, value_name = "FILE.jsonl")]
    pub manifest: Option<PathBuf>,
    /// In tables, the column that holds the text.
    #[arg(long, value_name = "COLUMN")]
    pub text_column: Option<String>,
    /// In tables, the column that identifies the row.
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// In tables, the column that holds a title.
    #[arg(long, value_name = "COLUMN")]
    pub title_column: Option<String>,
    /// In tables, the column that says when it was received.
    #[arg(long, value_name = "COLUMN")]
    pub date_column: Option<String>,
    /// Return once the documents are in; `greffier work` processes them.
    #[arg(long)]
    pub no_wait: bool,
    /// The password of files that have one. It is kept nowhere: what waits, and `replay`, need it
    /// again, from the environment. Others can see it in the list of processes: prefer that too.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "GREFFIER_PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<Password>,
}

/// A password. What prints it prints nothing of it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// The one of the environment, for commands that have no option of it.
    pub fn of_environment() -> Option<Self> {
        std::env::var("GREFFIER_PASSWORD").ok().map(Self)
    }

    /// What it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// Options of `reprocess`.
#[derive(Debug, Args)]
pub struct Reprocess {
    /// The pipeline.
    #[arg(long, value_name = "P")]
    pub pipeline: String,
    /// From this stage on; else from the first.
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// These documents; else all that came by the pipeline.
    pub documents: Vec<String>,
}

/// Options of `search`.
#[derive(Debug, Args)]
pub struct Search {
    /// What is looked for. The words of "quotation marks" must stand together; `*` ends a word begun.
    #[arg(required_unless_present_any = ["queries", "like", "suggest"])]
    pub query: Option<String>,
    /// How many documents, at most 1000.
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub k: u16,
    /// By words, by meaning, or both.
    #[arg(long, default_value = "hybrid")]
    pub mode: Mode,
    /// What documents must be.
    #[command(flatten)]
    pub only: Only,
    /// Count what the documents found have in common: service, pipeline, kind, place, year, language.
    /// With --json, the whole answer (hits, nearest, documents, facets) instead of the hits alone.
    #[arg(long)]
    pub facets: bool,
    /// Documents like this one, by meaning: its id, external id or the stem of its file.
    #[arg(long, value_name = "DOC", conflicts_with_all = ["query", "mode"])]
    pub like: Option<String>,
    /// Do not search: say how the last word may go on.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["query", "like", "queries"])]
    pub suggest: Option<String>,
    /// JSON Lines of {"id","text"}, one query a line.
    #[arg(
        long,
        value_name = "FILE.jsonl",
        requires = "run",
        conflicts_with = "query"
    )]
    pub queries: Option<PathBuf>,
    /// Where to write results in TREC run format.
    #[arg(long, value_name = "FILE.trec", requires = "queries")]
    pub run: Option<PathBuf>,
}

/// What documents must be to be found.
#[derive(Clone, Debug, Default, Args)]
pub struct Only {
    /// In this pipeline.
    #[arg(long, value_name = "P")]
    pub pipeline: Option<String>,
    /// Of this service.
    #[arg(long, value_name = "S")]
    pub service: Option<domain::ServiceId>,
    /// Of this kind of file.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Option<search::FileKind>,
    /// About this place, written as in the facets.
    #[arg(long, value_name = "PLACE")]
    pub place: Option<String>,
    /// In this language: fr, en.
    #[arg(long = "language", value_name = "TAG")]
    pub language: Option<String>,
    /// Received in this year.
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(i16).range(1..=9999))]
    pub year: Option<i16>,
    /// Received on this day or later, such as 2026-11-18, in the time of Paris.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub since: Option<domain::Timestamp>,
    /// Received before this day.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub before: Option<domain::Timestamp>,
}

fn moment(text: &str) -> Result<domain::Timestamp, domain::time::TimeError> {
    domain::Timestamp::parse_in(text, &domain::time::Zone::paris())
}

fn kind(text: &str) -> Result<search::FileKind, String> {
    let known = search::FileKind::ALL;
    known
        .into_iter()
        .find(|k| k.as_str() == text)
        .ok_or_else(|| {
            let names = known.map(search::FileKind::as_str).join(", ");
            format!("one of {names}")
        })
}

/// What to do with search indexes.
#[derive(Clone, Debug, Subcommand)]
pub enum IndexAction {
    /// What each holds, and how far it has followed the ledger.
    Status,
    /// Make them again from the ledger; searches answer from the old ones until the new are whole.
    Rebuild {
        /// That of this collection alone.
        #[arg(long, value_name = "C")]
        collection: Option<domain::CollectionName>,
    },
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Words and meaning.
    Hybrid,
    /// Words alone.
    Lexical,
    /// Meaning alone.
    Meaning,
}

/// What to do with pipelines.
#[derive(Debug, Subcommand)]
pub enum PipelinesAction {
    /// List them.
    List,
    /// Check a file, naming the line of whatever is wrong.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// What to do with promises.
#[derive(Debug, Subcommand)]
pub enum PromiseAction {
    /// Show what was promised and what is measured, by week, service, channel,
    /// language, quality of the scan and form.
    Show,
    /// Let a suspended pipeline route by itself again; what was measured before counts no more.
    Lift {
        /// The pipeline.
        pipeline: String,
        /// Who decides.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// List them, and whether their files are here and the pinned ones.
    List,
    /// Take over a model's files from a folder, offline, checked against models.toml; or make the
    /// running model from published weights in the runtime folder.
    Import {
        /// The folder; or a name in models.toml.
        #[arg(value_name = "DIR|NAME")]
        what: String,
    },
    /// What searches would find with another encoder, before the switch: every passage is encoded
    /// anew in a folder that is thrown away, and the same queries asked of both.
    Compare {
        /// Its name in models.toml.
        name: String,
        /// The collection.
        #[arg(long, value_name = "C")]
        collection: domain::CollectionName,
        /// JSON Lines of {"id","text"}; else the titles of up to 200 documents.
        #[arg(long, value_name = "FILE.jsonl")]
        queries: Option<PathBuf>,
    },
    /// Fetch a model's files from the address in models.toml, with curl. Nothing else ever does.
    Fetch {
        /// Its name in models.toml.
        name: String,
    },
    /// Put a head that `train` kept in force, by name; the one before stays and can be put back.
    Promote {
        /// Its pipeline.
        pipeline: String,
        /// Its digest, or the beginning of it.
        digest: String,
        /// Who decides.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

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
    /// A simulated year of routing, in which a service is renamed and a new form comes: whether the
    /// promise is kept or suspended.
    Year(EvalYear),
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

/// What a person decides about a document.
#[derive(Debug, Args)]
pub struct Decided {
    /// Accept what is proposed.
    #[arg(
        long,
        conflicts_with_all = ["route", "not_for_us", "told"],
        required_unless_present_any = ["route", "not_for_us", "told"]
    )]
    pub accept: bool,
    /// Send it to this service, which answers.
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["not_for_us", "told"])]
    pub route: Option<String>,
    /// Another service that has something to do too; may be given several times.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',', conflicts_with_all = ["not_for_us", "told"])]
    pub also: Vec<String>,
    /// A service that has a copy and nothing to do; may be given several times.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',', conflicts_with_all = ["not_for_us", "told"])]
    pub copy: Vec<String>,
    /// It is for another authority: it is forwarded there, and whoever wrote is told (CRPA L114-2).
    #[arg(long, value_name = "AUTHORITY")]
    pub not_for_us: Option<String>,
    /// Whoever wrote was told that another authority is competent: with --not-for-us, or later.
    #[arg(long)]
    pub told: bool,
}

//! What was typed. What it means is decided in [`crate::house`] and [`crate::commands`].

mod alerts;
mod eval;
mod queues;
mod users;
mod weeks;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use alerts::{AlertDone, AlertsAction};
pub use eval::{
    EvalAlerts, EvalExtract, EvalForecast, EvalMasks, EvalRouting, EvalSearch, EvalThemes,
    EvalUrgent, EvalWhat, EvalYear,
};
pub use queues::{Broker, Claims, MaybeBroker, ParkedAction};
pub use users::{NewPassword, UsersAction};
pub use weeks::{Foresee, Form, Synthesise, ThemeNamed, ThemesAction, ThemesOf, Who};

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
    /// A file that holds the URL of --database, which is then in no list of processes.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "GREFFIER_DATABASE_FILE"
    )]
    pub database_file: Option<PathBuf>,
    /// Where sealed documents are kept: a folder, or s3://bucket/prefix; else in the data directory.
    #[arg(long, global = true, value_name = "PLACE", env = "GREFFIER_OBJECTS")]
    pub objects: Option<String>,
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
    #[arg(long, global = true, value_name = "N", env = "GREFFIER_THREADS")]
    pub threads: Option<usize>,
    /// How the log is written on standard error. GREFFIER_LOG says how much: warn, info, debug.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "GREFFIER_LOG_FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

impl Global {
    /// Reads what is told by file: `database` is the database of the ledger from then on.
    ///
    /// # Errors
    /// When the file cannot be read, or is empty.
    pub fn read_files(&mut self) -> anyhow::Result<()> {
        self.database = url(self.database.as_ref(), self.database_file.as_deref())?;
        Ok(())
    }
}

/// A URL as given, else the one in a file.
fn url(given: Option<&String>, file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let Some(file) = file else {
        return Ok(given.cloned());
    };
    ensure!(
        given.is_none(),
        "a URL is given twice, by itself and in {}: give one",
        file.display()
    );
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the URL in {}", file.display()))?;
    let text = text.trim();
    ensure!(
        !text.is_empty(),
        "{} is empty: it holds a URL",
        file.display()
    );
    Ok(Some(text.to_owned()))
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, with `trace_id`, `span_id`, `document.id` and `stage.name`.
    Json,
}

/// How a role that runs for long is watched.
#[derive(Clone, Debug, Args)]
pub struct Watched {
    /// Where to answer /health/live, /health/ready and /metrics: an address, or a port of this
    /// machine alone. Counts and no content, for whoever can reach it.
    #[arg(long, value_name = "ADDR", env = "GREFFIER_HEALTH", value_parser = listening)]
    pub health: Option<std::net::SocketAddr>,
}

/// Who is told what happened.
#[derive(Clone, Debug, Args)]
pub struct Told {
    /// Tell the life of documents to a collector of traces, by OTLP over HTTP in JSON: ids, stages and
    /// times. Else nothing is told to anybody.
    #[arg(long, value_name = "http://HOST:4318", env = "GREFFIER_TRACES")]
    pub traces: Option<web::collector::Collector>,
}

/// `127.0.0.1:9464`, or `9464`.
fn listening(text: &str) -> Result<std::net::SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((std::net::Ipv4Addr::LOCALHOST, port).into());
    }
    let wrong = "an address such as 127.0.0.1:9464, or a port";
    text.parse().map_err(|_| wrong.to_owned())
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
            env = "GREFFIER_STAGES",
            requires = "BrokerUrl"
        )]
        stage: Vec<domain::StageName>,
        /// Where tasks come from; else from the ledger itself.
        #[command(flatten)]
        from: MaybeBroker,
        /// How it is watched.
        #[command(flatten)]
        watched: Watched,
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
        /// How it is watched.
        #[command(flatten)]
        watched: Watched,
    },
    /// Number and sign the log, bring the search index up to it, make alerts of reports that came in
    /// and the synthesis of a week that is over, until told to stop. One process at a time does so;
    /// others wait for their turn.
    Tick {
        /// Do it once.
        #[arg(long)]
        once: bool,
        /// Where results are told to other software; nowhere without it.
        #[command(flatten)]
        to: MaybeBroker,
        /// How it is watched.
        #[command(flatten)]
        watched: Watched,
        /// Who is told.
        #[command(flatten)]
        told: Told,
    },
    /// Take documents in that other software hands in by the broker, until told to stop.
    Intake {
        /// Where.
        #[command(flatten)]
        from: Broker,
        /// What is taken in.
        #[command(flatten)]
        claims: Claims,
        /// How it is watched.
        #[command(flatten)]
        watched: Watched,
    },
    /// `relay`, `work`, `tick` and `intake` in one process, until told to stop: a small service whole.
    All {
        /// The broker between them.
        #[command(flatten)]
        through: Broker,
        /// What is taken in.
        #[command(flatten)]
        claims: Claims,
        /// Serve pages too, on this address: a loopback one, until there is an account.
        #[arg(long, value_name = "ADDR", env = "GREFFIER_SERVE")]
        serve: Option<std::net::SocketAddr>,
        /// Under which names.
        #[command(flatten)]
        names: Names,
        /// How it is watched.
        #[command(flatten)]
        watched: Watched,
        /// Who is told.
        #[command(flatten)]
        told: Told,
    },
    /// Ask a role of this machine how it is; exit code 1 when it is not ready.
    Health {
        /// Where it answers.
        #[command(flatten)]
        watched: Watched,
        /// Only whether it lives: what has not moved for too long is to be started again.
        #[arg(long)]
        live: bool,
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
    Synthesise(Synthesise),
    /// Show how many reports to expect by place in a week, and presences to plan from it.
    Forecast(Foresee),
    /// Show the themes of a week, learnt and followed, or decide of one.
    Themes(ThemesOf),
    /// Show alerts, with who was told and who took them on; or answer one.
    Alerts {
        /// The pipeline.
        #[arg(long, value_name = "P", default_value = "field-reports", global = true)]
        pipeline: String,
        /// Of this ISO week; else of every week.
        #[arg(long, value_name = "WEEK")]
        week: Option<domain::IsoWeek>,
        /// What to do.
        #[command(subcommand)]
        action: Option<AlertsAction>,
    },
    /// Why a document was routed so, in the four points of CRPA R311-3-1-2.
    Why {
        /// The document.
        document: String,
        /// As PROV-JSON, for tools that draw or check provenance.
        #[arg(long)]
        prov: bool,
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
    /// Copy everything into a folder while others work, and read it again; into the same folder the next
    /// time, only what is new.
    Backup {
        /// An empty folder, or that of the backup before.
        dir: PathBuf,
        /// The keys too: whoever has the backup can then read every document.
        #[arg(long)]
        with_secrets: bool,
    },
    /// Put a backup into an empty data directory, and where --database and --objects say.
    Restore {
        /// The folder of the backup.
        dir: PathBuf,
    },
    /// Move the ledger into PostgreSQL, the objects elsewhere, or both, while nobody works.
    Migrate {
        /// An empty database: postgres://user:password@host:5432/database.
        #[arg(
            long,
            value_name = "URL",
            env = "GREFFIER_TO_DATABASE",
            hide_env_values = true,
            required_unless_present = "to_objects"
        )]
        to_database: Option<String>,
        /// A folder, or s3://bucket/prefix.
        #[arg(long, value_name = "PLACE")]
        to_objects: Option<String>,
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
    /// Who may sign in, and what they may do: at the console only.
    Users {
        /// What to do; else they are listed.
        #[command(subcommand)]
        action: Option<UsersAction>,
    },
    /// Pages for the browser of this machine.
    Serve {
        /// Where to listen: a loopback address, until there is an account (`greffier users add`).
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: std::net::SocketAddr,
        /// Under which names.
        #[command(flatten)]
        names: Names,
        /// How it is watched.
        #[command(flatten)]
        watched: Watched,
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

/// Under which names pages answer.
#[derive(Clone, Debug, Args)]
pub struct Names {
    /// The name that browsers ask for: that of the server with a certificate that stands before the
    /// pages. Beside it they answer to localhost.
    #[arg(
        long = "host",
        value_name = "NAME",
        env = "GREFFIER_HOST",
        value_delimiter = ','
    )]
    pub hosts: Vec<String>,
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

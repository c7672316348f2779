//! The one binary: it opens a data directory, joins stages to the workshops they use, and answers
//! commands. Nothing is decided here that the crates below do not already know.
//!
//! | module | what it holds |
//! |---|---|
//! | [`args`] | what was typed |
//! | [`house`], [`models`] | a data directory, opened; the models in force |
//! | [`objects`], [`moved`] | where sealed artifacts are; a data directory that is not to be worked on |
//! | [`backup`] | a copy of everything, and putting one elsewhere |
//! | [`stages`], [`reconcilers`], [`followers`] | the three shapes of work, joined to their workshops |
//! | [`channels`] | what goes out to a person: mail, webhook |
//! | [`commands`] | one file a subject |
//! | [`watch`], [`suspensions`] | whether a promise is kept and documents resemble those before; what follows |
//! | [`health`], [`metrics`], [`traces`] | what a process that runs for long says of itself |
//! | [`print`], [`plot`], [`schemas`] | what is shown; what leaves the process |

#![expect(
    unreachable_pub,
    reason = "a program exports nothing; `pub` marks what other modules use"
)]

mod args;
mod backup;
mod channels;
mod commands;
mod followers;
mod health;
mod house;
mod metrics;
mod models;
mod moved;
mod objects;
mod passing;
mod plot;
mod print;
mod progress;
mod reconcilers;
mod schemas;
mod stages;
mod suspensions;
mod traces;
mod watch;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::args::{Cli, Command, EvalWhat, LogFormat};
use crate::commands::{
    Ending, admin, alerts, classify, doctor, documents, eval, extract, inbox, index, ingest,
    queues, search, service, synthesise, themes, trust,
};
use crate::house::Busy;

fn main() -> ExitCode {
    // A panic's message may quote what was being read: only its place goes to the log.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        print::note(format!(
            "greffier: a bug at {place}; set GREFFIER_LOG=debug and report it"
        ));
    }));
    let mut cli = Cli::parse();
    if let Command::ExtractChild = cli.command {
        return match ::extract::isolation::serve(&::extract::isolation::ProcessLimits::default()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    if let Command::OcrChild { program } = &cli.command {
        let (program, args) = program.split_first().unzip();
        if let (Some(program), Some(args)) = (program, args) {
            // Returns only when it fails, and there is no one to tell but the parent.
            ::extract::ocr::exec(&house::recognition_limits(), program.as_ref(), args);
        }
        return ExitCode::FAILURE;
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("GREFFIER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,ort=error,lapin=off"));
    // What the broker gives back holds whole messages, and a message may hold a document.
    let filter = match "lapin::returned_messages=off".parse() {
        Ok(never) => filter.add_directive(never),
        Err(_) => filter,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match cli.global.log_format {
        LogFormat::Text => log.init(),
        // The span of the delivery says which document and stage it is about.
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .init(),
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            print::note(format!("greffier: cannot start threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let read = cli.global.read_files();
    let ended = read.and_then(|()| runtime.block_on(run(&cli)));
    match ended {
        Ok(ending) => ExitCode::from(ending.code()),
        Err(error) => {
            print::note(format!("greffier: {}", message(&error)));
            ExitCode::from(if error.is::<Busy>() { 5 } else { 1 })
        }
    }
}

/// An error with its causes, each said once.
fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}\n  because: {cause}");
        }
    }
    text
}

async fn run(cli: &Cli) -> Result<Ending> {
    let global = &cli.global;
    match &cli.command {
        Command::Init { secret_file } => admin::init(global, secret_file.as_deref()).await,
        Command::Ingest(args) => ingest::ingest(global, args).await,
        Command::Work {
            stage,
            from,
            watched,
        } => match from.address()? {
            Some(address) => {
                let prefix = &from.queues.prefix;
                service::work(global, address, prefix, stage, watched).await
            }
            None => ingest::work(global).await,
        },
        Command::Relay {
            to,
            once,
            reclaim_after,
            watched,
        } => service::relay(global, to, *once, *reclaim_after, watched).await,
        Command::Tick {
            once,
            to,
            watched,
            told,
        } => service::tick(global, *once, to, watched, told).await,
        Command::All {
            through,
            claims,
            serve,
            names,
            watched,
            told,
        } => {
            let serve = serve.map(|listen| (listen, names));
            service::all(global, through, claims, serve, watched, told).await
        }
        Command::Health { watched, live } => service::health(watched, *live).await,
        Command::Intake {
            from,
            claims,
            watched,
        } => commands::intake::intake(global, from, claims, watched).await,
        Command::Queues { at, delete } => queues::queues(global, at, *delete).await,
        Command::Parked { at, action } => queues::parked(global, at, action.as_ref()).await,
        Command::Reprocess(args) => commands::reprocess::reprocess(global, args).await,
        Command::Documents { pipeline } => documents::documents(global, pipeline.as_deref()).await,
        Command::Show { document, text } => documents::show(global, document, *text).await,
        Command::Extract {
            files,
            text,
            markdown,
            no_ocr,
            password,
        } => match files.as_slice() {
            [file] if !file.is_dir() => {
                let password = password.clone();
                documents::extract(global, file, *text, *markdown, !no_ocr, password).await
            }
            _ if *text || *markdown => anyhow::bail!("--text and --markdown print one file"),
            many => extract::many(global, many, !no_ocr, password.as_ref()),
        },
        Command::Eval {
            what: EvalWhat::Extract(args),
        } => eval::extract(global, args).await,
        Command::Eval {
            what: EvalWhat::Search(args),
        } => eval::search(global, args).await,
        Command::Eval {
            what: EvalWhat::Routing(args),
        } => eval::routing(global, args).await,
        Command::Eval {
            what: EvalWhat::Urgent(args),
        } => eval::urgent(global, args).await,
        Command::Eval {
            what: EvalWhat::Masks(args),
        } => eval::masks(global, args),
        Command::Eval {
            what: EvalWhat::Year(args),
        } => eval::year(global, args).await,
        Command::Eval {
            what: EvalWhat::Themes(args),
        } => eval::themes(global, args).await,
        Command::Eval {
            what: EvalWhat::Alerts(args),
        } => eval::alerts(global, args).await,
        Command::Eval {
            what: EvalWhat::Forecast(args),
        } => eval::forecast(global, args).await,
        Command::Inbox { service, pipeline } => {
            inbox::inbox(global, service.as_deref(), pipeline.as_deref()).await
        }
        Command::Review {
            document,
            decided,
            by,
            reason,
        } => inbox::review(global, document, decided, by, reason.as_deref()).await,
        Command::Search(args) => search::search(global, args).await,
        Command::Index { action } => index::index(global, action.as_ref()).await,
        Command::Promise { html, action } => {
            commands::promise::promise(global, html.as_deref(), action.as_ref()).await
        }
        Command::Train {
            pipeline,
            labelled,
            validated,
        } => classify::train(global, pipeline, labelled.as_deref(), *validated).await,
        Command::Classify {
            pipeline,
            input,
            output,
        } => classify::classify(global, pipeline, input, output).await,
        Command::Synthesise(args) => synthesise::synthesise(global, args).await,
        Command::Forecast(args) => commands::forecast::forecast(global, args).await,
        Command::Themes(args) => themes::run(global, args).await,
        Command::Alerts {
            pipeline,
            week,
            action,
        } => alerts::alerts(global, pipeline, *week, action.as_ref()).await,
        Command::Why { document, prov } => documents::why(global, document, *prov).await,
        Command::Replay { id, all: _ } => trust::replay(global, id.as_deref()).await,
        Command::Proof { run } => trust::proof(global, run).await,
        Command::Verify { checkpoint } => trust::verify(global, checkpoint.as_deref()).await,
        Command::Backup { dir, with_secrets } => {
            commands::backup::backup(global, dir, *with_secrets).await
        }
        Command::Restore { dir } => commands::backup::restore(global, dir).await,
        Command::Migrate {
            to_database,
            to_objects,
        } => commands::backup::migrate(global, to_database.as_deref(), to_objects.as_deref()).await,
        Command::Checkpoint => trust::checkpoint(global).await,
        Command::Pipelines { action } => admin::pipelines(global, action.as_ref()).await,
        Command::Models { action } => commands::models::models(global, action.as_ref()).await,
        Command::Schemas { write } => admin::schemas(write.as_ref()),
        Command::Doctor { at } => doctor::doctor(global, at).await,
        Command::Users { action } => commands::users::users(global, action.as_ref()).await,
        Command::Serve {
            listen,
            names,
            watched,
        } => service::serve(global, *listen, names, watched).await,
        Command::ExtractChild | Command::OcrChild { .. } => Ok(Ending::Done),
    }
}

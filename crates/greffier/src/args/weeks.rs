//! What is typed about weeks of field reports: their synthesis, their themes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use domain::{Audience, IsoWeek};

/// A week and how it is shown.
#[derive(Debug, Args)]
pub struct Synthesise {
    /// The pipeline.
    #[arg(long, value_name = "P", default_value = "field-reports")]
    pub pipeline: String,
    /// The ISO week, such as 2026-W47.
    #[arg(long, value_name = "WEEK")]
    pub week: IsoWeek,
    /// For whom: the team, which follows people by pseudonyms; hierarchy, without them; partners, also
    /// without precise places, alerts, and quotes or counts of few reports.
    #[arg(long, value_name = "AUDIENCE", default_value = "team")]
    pub audience: Reader,
    /// One sheet for who has a minute: what cannot wait, what rose, what is missing.
    #[arg(long, conflicts_with = "json")]
    pub briefing: bool,
    /// Set it beside this earlier week, theme by theme.
    #[arg(long, value_name = "WEEK", conflicts_with_all = ["json", "briefing"])]
    pub beside: Option<IsoWeek>,
    /// All weeks from this one on, in one page.
    #[arg(long, value_name = "WEEK", conflicts_with_all = ["json", "briefing", "beside"])]
    pub since: Option<IsoWeek>,
    /// As what; else what the end of the file's name says, else Markdown.
    #[arg(long = "as", value_name = "FORM", conflicts_with = "json")]
    pub form: Option<Form>,
    /// The file to write; a text document needs one.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub out: Option<PathBuf>,
}

/// For whom a synthesis is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reader {
    /// Those who wrote the reports.
    #[value(alias = "equipe")]
    Team,
    /// Those they answer to.
    #[value(alias = "hierarchie")]
    Hierarchy,
    /// Those outside.
    #[value(alias = "partenaires")]
    Partners,
}

impl From<Reader> for Audience {
    fn from(reader: Reader) -> Self {
        match reader {
            Reader::Team => Self::Team,
            Reader::Hierarchy => Self::Hierarchy,
            Reader::Partners => Self::Partners,
        }
    }
}

/// The form of a synthesis that leaves the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Text with light marks.
    Markdown,
    /// One file that needs nothing else, and prints on A4.
    Html,
    /// An OpenDocument text, for LibreOffice and Word.
    Odt,
}

impl Form {
    /// The form that the end of a file's name says.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            "odt" => Some(Self::Odt),
            _ => None,
        }
    }
}

/// A week to foresee.
#[derive(Debug, Args)]
pub struct Foresee {
    /// The pipeline.
    #[arg(long, value_name = "P", default_value = "field-reports")]
    pub pipeline: String,
    /// The ISO week to come, such as 2026-W48; only what was received before it is read.
    #[arg(long, value_name = "WEEK")]
    pub week: IsoWeek,
}

/// The themes of a week.
#[derive(Debug, Args)]
pub struct ThemesOf {
    /// The pipeline.
    #[arg(long, value_name = "P", default_value = "field-reports")]
    pub pipeline: String,
    /// The ISO week, such as 2026-W47.
    #[arg(long, value_name = "WEEK")]
    pub week: IsoWeek,
    /// What is decided of one; it is respected from the next themes on.
    #[command(subcommand)]
    pub decision: Option<ThemesAction>,
}

/// What to decide of a theme, named as `themes` lists it.
#[derive(Debug, Subcommand)]
pub enum ThemesAction {
    /// Give it a name.
    Rename {
        /// The theme.
        theme: String,
        /// Its name from now on.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Who and why.
        #[command(flatten)]
        who: Who,
    },
    /// Say that it is the same as another.
    Merge {
        /// The theme that is no more.
        theme: String,
        /// The one it belongs to.
        #[arg(long, value_name = "THEME")]
        into: String,
        /// Who and why.
        #[command(flatten)]
        who: Who,
    },
    /// Keep it as it is, even in weeks that say nothing of it.
    Pin(ThemeNamed),
    /// No longer.
    Unpin(ThemeNamed),
    /// Hear of it no more. What the pipeline file watches stays watched.
    Dismiss(ThemeNamed),
    /// Hear of it again.
    Restore(ThemeNamed),
}

/// A theme, and who decides.
#[derive(Debug, Args)]
pub struct ThemeNamed {
    /// The theme.
    pub theme: String,
    /// Who and why.
    #[command(flatten)]
    pub who: Who,
}

/// Who decides, and why.
#[derive(Debug, Args)]
pub struct Who {
    /// Who.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

//! Themes, trends, weak signals, alerts and the weekly synthesis: statistics over values.
//!
//! | module | what it does |
//! |---|---|
//! | [`corpus`] | the reports of a week and of the weeks before, in one order |
//! | [`settings`] | what a team calls its themes, what it watches, what it promises |
//! | `words` | whole words and phrases, and simple denials |
//! | `reading` | which themes a report carries, and each theme's series of weeks |
//! | [`themes`] | themes learnt from vectors, and how they live on from week to week |
//! | [`signals`] | whether counts are more than their history explains, all series together |
//! | [`forecast`](mod@forecast), [`schedule`] | how much to expect, and who might go where: proposed, never imposed |
//! | [`drift`] | whether documents still resemble those that came before |
//! | [`query`] | every figure that can be said, by name: the writer has no other way to count |
//! | `quotes` | which sentences to quote |
//! | [`urgency`], [`duty`] | signs of urgency beyond single words; who is on duty |
//! | [`alerts`](mod@alerts), [`synthesis`] | what someone must see; what the field said |
//! | [`verify`](mod@verify) | re-reads every quote and re-runs every figure |
//! | [`page`] | a synthesis in words, before it is a file: the whole, one sheet, several weeks |
//! | [`markdown`](mod@markdown), [`odt`](mod@odt) | a page as a file |
//!
//! Invariants: no I/O, no clock, no randomness; threads only where they change nothing. The same
//! reports in any order give the same values. Every sentence is a quote of a stored text with its
//! masks, or a template filled by [`query::answer`]; whatever [`synthesise`] writes, [`verify()`]
//! finds nothing against. Floats are used inside, with sums, products, quotients, square roots (which
//! IEEE 754 rounds the same way on every machine) and the functions of `libm` (which are the same code
//! on every machine), and never leave.

pub mod alerts;
pub mod corpus;
pub mod drift;
pub mod duty;
pub mod forecast;
pub mod markdown;
pub mod odt;
pub mod page;
pub mod query;
mod quotes;
mod reading;
pub mod schedule;
pub mod settings;
pub mod signals;
pub mod synthesis;
pub mod themes;
pub mod urgency;
pub mod verify;
mod words;

use domain::sentence::{EvidenceError, UnfilledTemplate};
use domain::{DocumentId, IsoWeek};

pub use alerts::alerts;
pub use corpus::{Corpus, Entry, key as place_key};
pub use duty::{Shift, Weekday};
pub use markdown::markdown;
pub use odt::odt;
pub use page::Page;
pub use query::answer;
pub use settings::{
    AlertSettings, AudienceSettings, Repeated, SynthesisSettings, Theme, TrendSettings, Watched,
};
pub use synthesis::synthesise;
pub use urgency::{Resemblance, UrgencyRule};
pub use verify::{Cause, Finding, verify, verify_alerts};

/// Why a synthesis or its alerts cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InsightError {
    /// The week is outside the calendar.
    #[error("week {week} has no first and last moment in time zone {zone}")]
    Week {
        /// The week asked for.
        week: IsoWeek,
        /// The time zone's name.
        zone: String,
    },
    /// A text whose places do not fit 32 bits.
    #[error("the text of {document} has {bytes} bytes, more than places can name")]
    TextTooLong {
        /// The document.
        document: DocumentId,
        /// Its length.
        bytes: usize,
    },
    /// A word or phrase of a list in the settings that cannot be looked for.
    #[error(
        "`{word}` in {list} cannot be looked for: {reason}; expected words, each with at most one `*`, at its end"
    )]
    Word {
        /// The list: `theme éclairage`, `urgent_words`.
        list: String,
        /// The word as written.
        word: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two themes that share a name or a tag once case and accents are folded.
    #[error("themes `{first}` and `{second}` both claim `{name}`")]
    SharedName {
        /// The theme that comes first in the settings.
        first: String,
        /// The other.
        second: String,
        /// The name or tag.
        name: String,
    },
    /// A setting outside its bounds.
    #[error("setting {name} is {value}: expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A shift of the roster that cannot be.
    #[error("duty {entry}: {key} is `{value}`: expected {expected}")]
    Duty {
        /// Its number in the file, from 1.
        entry: usize,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A theme that is watched or excepted and that no theme of the settings names.
    #[error("setting {setting} names theme `{theme}`, which is not among the themes")]
    UnknownTheme {
        /// The setting.
        setting: &'static str,
        /// The name written there.
        theme: String,
    },
    /// Alerts of another pipeline or another period than the synthesis.
    #[error("the alerts are of {pipeline} {week}, the reports of another pipeline or period")]
    OtherPeriod {
        /// The alerts' pipeline.
        pipeline: String,
        /// The alerts' week.
        week: IsoWeek,
    },
    /// A range chosen for a quote that cannot be quoted.
    #[error("a sentence of {document} cannot be quoted")]
    Quote {
        /// The document.
        document: DocumentId,
        /// Why.
        #[source]
        source: EvidenceError,
    },
    /// A query that does not fill the template of its name.
    #[error("query `{query}` does not fill its template")]
    Template {
        /// The query's name.
        query: String,
        /// The holes left.
        #[source]
        source: UnfilledTemplate,
    },
}

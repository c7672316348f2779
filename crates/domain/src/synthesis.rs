//! One synthesis of one period: a structure before it is a page.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AlertId, Audience, IsoWeek, PipelineName, Sentence, Timestamp};

/// The period a synthesis is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The ISO week.
    pub week: IsoWeek,
    /// First moment.
    pub start: Timestamp,
    /// First moment after.
    pub end: Timestamp,
    /// The time zone the week is counted in.
    pub time_zone: String,
}

/// What the field said in one period. Every sentence is a quote or a counted figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Synthesis {
    /// `greffier.synthesis/1`.
    pub format: SynthesisFormat,
    /// The pipeline whose reports it is about.
    pub pipeline: PipelineName,
    /// The period.
    pub period: Period,
    /// For whom it is written; absent in syntheses made before there were several.
    #[serde(default, skip_serializing_if = "Audience::is_team")]
    pub audience: Audience,
    /// Headline figures.
    pub headline: Vec<Sentence>,
    /// Alerts of the period, most urgent first.
    pub alerts: Vec<AlertId>,
    /// Themes, most reports first.
    pub themes: Vec<ThemeSection>,
    /// Reports with something to say that belong to no theme.
    pub lone_voices: Vec<Sentence>,
    /// What answers earlier reports.
    pub done_since: Vec<Sentence>,
    /// What is missing: silent teams, reports no theme covers, late reports.
    pub missing: Vec<Sentence>,
}

/// The version of the synthesis artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SynthesisFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.synthesis/1")]
    V1,
}

/// Where a theme stands against its history.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// Never seen before.
    New,
    /// More than its history explains.
    Rising,
    /// As before.
    Steady,
    /// Too few cases or too short a history to say.
    TooFew,
}

/// One theme in one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThemeSection {
    /// The theme's name in the pipeline file, or the tag or word that made it, or what a learnt theme
    /// is called.
    pub theme: String,
    /// What it is known by over the weeks, where themes are followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// It is none of the pipeline file's: passages alike made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub learnt: bool,
    /// Against its history.
    pub trend: Trend,
    /// Reports of the weeks before, oldest first, then of this one.
    pub counts: Vec<u32>,
    /// Size, history, trend.
    pub figures: Vec<Sentence>,
    /// Two to four quotes, chosen for coverage and difference.
    pub quotes: Vec<Sentence>,
}

impl Synthesis {
    /// Every sentence, in reading order.
    pub fn sentences(&self) -> impl Iterator<Item = &Sentence> {
        self.headline
            .iter()
            .chain(
                self.themes
                    .iter()
                    .flat_map(|t| t.figures.iter().chain(&t.quotes)),
            )
            .chain(&self.lone_voices)
            .chain(&self.done_since)
            .chain(&self.missing)
    }
}

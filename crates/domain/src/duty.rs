//! Alerts in people's hands: who was told and by which channel, who took one on, who set one aside
//! and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::AlertKind;
use crate::{AlertId, Lang};

/// What a person did with an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertAct {
    /// `greffier.alert-act/1`.
    pub format: AlertActFormat,
    /// The alert.
    pub alert: AlertId,
    /// Its kind.
    pub kind: AlertKind,
    /// What it is counted with ([`Alert::series`](crate::Alert::series)).
    pub series: String,
    /// The person, as they gave their name.
    pub by: String,
    /// What they did.
    pub did: AlertDeed,
    /// Why, or what was done, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The version of the artifact of an act on an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AlertActFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.alert-act/1")]
    V1,
}

/// What can be done with an alert.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AlertDeed {
    /// Seen and taken on: it escalates no further.
    Acknowledge,
    /// Something was done; the reason says what.
    Act,
    /// It was none; the reason says why.
    Dismiss,
}

impl AlertDeed {
    /// All of them, in the order in which they usually come.
    pub const ALL: [Self; 3] = [Self::Acknowledge, Self::Act, Self::Dismiss];

    /// The word used in JSON and in forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Act => "act",
            Self::Dismiss => "dismiss",
        }
    }

    /// The deed with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == word)
    }

    /// Whether it says nothing without a reason.
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::Act | Self::Dismiss)
    }

    /// What was done, before the name of whoever did it.
    pub const fn say(self, lang: Lang) -> &'static str {
        match self {
            Self::Acknowledge => lang.pick("prise en charge par", "taken on by"),
            Self::Act => lang.pick("traitée par", "dealt with by"),
            Self::Dismiss => lang.pick("écartée par", "dismissed by"),
        }
    }
}

/// One telling of an alert to one person, or an attempt at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertNotice {
    /// `greffier.alert-notice/1`.
    pub format: AlertNoticeFormat,
    /// The alert.
    pub alert: AlertId,
    /// To whom, as the pipeline file names the person.
    pub person: String,
    /// By which channel.
    pub channel: Channel,
    /// 0 for whoever is on duty; more for those it was escalated to.
    pub level: u32,
    /// From 1: which attempt at this person and channel.
    pub attempt: u32,
    /// Why it did not get through; absent when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The version of the artifact of a notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AlertNoticeFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.alert-notice/1")]
    V1,
}

/// How a person is told.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The page of alerts, always.
    Page,
    /// An e-mail through the declared relay.
    Mail,
    /// A POST to the declared address.
    Webhook,
}

impl Channel {
    /// What people call it.
    pub const fn say(self, lang: Lang) -> &'static str {
        match self {
            Self::Page => lang.pick("page", "page"),
            Self::Mail => lang.pick("courriel", "e-mail"),
            Self::Webhook => lang.pick("appel web", "webhook"),
        }
    }
}

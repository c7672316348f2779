//! What a person decides about a document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ServiceId;

/// What a person decided about a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// `greffier.act/1` or `greffier.act/2`.
    pub format: ActFormat,
    /// The person, as they gave their name.
    pub by: String,
    /// What they did.
    pub verdict: Verdict,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An act as it is read, whose format may not be able to say its verdict.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    format: ActFormat,
    by: String,
    verdict: Verdict,
    #[serde(default)]
    reason: Option<String>,
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Unchecked {
            format,
            by,
            verdict,
            reason,
        } = Unchecked::deserialize(deserializer)?;
        if format == ActFormat::V1 && ActFormat::first_for(&verdict) == ActFormat::V2 {
            return Err(serde::de::Error::custom(
                "greffier.act/1 names one service: several or none are greffier.act/2",
            ));
        }
        Ok(Self {
            format,
            by,
            verdict,
            reason,
        })
    }
}

impl Act {
    /// What `by` decides. It is written in the first format that can say it, so that what was
    /// decided before a format existed and is decided again has the same bytes.
    pub fn new(by: impl Into<String>, verdict: Verdict, reason: Option<String>) -> Self {
        Self {
            format: ActFormat::first_for(&verdict),
            by: by.into(),
            verdict,
            reason,
        }
    }
}

/// The version of the act artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ActFormat {
    /// The first: accepted, or routed to one service.
    #[default]
    #[serde(rename = "greffier.act/1")]
    V1,
    /// Several services, or none of ours.
    #[serde(rename = "greffier.act/2")]
    V2,
}

impl ActFormat {
    /// The first that can say `verdict`.
    const fn first_for(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Accept { .. } | Verdict::Route { .. } => Self::V1,
            Verdict::Several { .. } | Verdict::NotForUs { .. } => Self::V2,
        }
    }
}

/// What a person did with a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Verdict {
    /// The proposal is right.
    Accept {
        /// The service proposed.
        service: ServiceId,
    },
    /// Another service, or a first one where there was no proposal.
    Route {
        /// The service chosen.
        service: ServiceId,
    },
    /// Several services: one answers, the others have their part or a copy. Since `greffier.act/2`.
    Several {
        /// The service that answers.
        service: ServiceId,
        /// Services that have something to do too, in the order given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<ServiceId>,
        /// Services that have a copy and nothing to do, in the order given.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        copies: Vec<ServiceId>,
    },
    /// None of ours: it is forwarded to the authority that is competent and the person who wrote is
    /// told (CRPA L114-2). Since `greffier.act/2`.
    NotForUs {
        /// The authority, in the words of whoever decided.
        to: String,
        /// The service of the pipeline file that stands for that authority, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceId>,
        /// Whether the person who wrote was told.
        told: bool,
    },
}

impl Verdict {
    /// The service the document goes to: the one that answers. `None` when it is for none of them.
    pub const fn service(&self) -> Option<&ServiceId> {
        match self {
            Self::Accept { service } | Self::Route { service } | Self::Several { service, .. } => {
                Some(service)
            }
            Self::NotForUs { service, .. } => service.as_ref(),
        }
    }

    /// The other services that have something to do.
    pub fn also(&self) -> &[ServiceId] {
        match self {
            Self::Several { also, .. } => also,
            _ => &[],
        }
    }

    /// The services that have a copy.
    pub fn copies(&self) -> &[ServiceId] {
        match self {
            Self::Several { copies, .. } => copies,
            _ => &[],
        }
    }

    /// Whether a service has something to do: to have sent the document there was right.
    pub fn concerns(&self, service: &ServiceId) -> bool {
        self.service() == Some(service) || self.also().contains(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_format_says_no_more_than_one_service() {
        let read = |format: u8, verdict: &str| {
            let text = format!(
                r#"{{"format": "greffier.act/{format}", "by": "A. Martin", "verdict": {verdict}}}"#
            );
            serde_json::from_str::<Act>(&text).is_ok()
        };
        let one = r#"{"kind": "route", "service": "voirie"}"#;
        let several = r#"{"kind": "several", "service": "voirie", "also": ["ccas"]}"#;
        let none = r#"{"kind": "not-for-us", "to": "Département", "told": false}"#;
        for (verdict, first) in [(one, true), (several, false), (none, false)] {
            assert_eq!(read(1, verdict), first, "{verdict}");
            assert!(read(2, verdict), "{verdict}");
        }
    }
}

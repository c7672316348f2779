//! What someone must see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::Urgency;
use crate::synthesis::Period;
use crate::{AlertId, Lang, PipelineName, Probability, Sentence, Timestamp};

/// What kind of alert, most pressing first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// A child may be in danger: without delay (CASF L226-2-1).
    ChildInDanger,
    /// A report that cannot wait.
    Urgent,
    /// A theme that is never ignored.
    WatchedTheme,
    /// Several mentions at one place.
    RepeatedMentions,
    /// More than the history explains.
    Rising,
    /// Never seen before.
    NewTheme,
}

impl AlertKind {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChildInDanger => "child-in-danger",
            Self::Urgent => "urgent",
            Self::WatchedTheme => "watched-theme",
            Self::RepeatedMentions => "repeated-mentions",
            Self::Rising => "rising",
            Self::NewTheme => "new-theme",
        }
    }

    /// Whether the law has it passed on at once (CASF, art. L226-2-1).
    pub const fn is_without_delay(self) -> bool {
        matches!(self, Self::ChildInDanger)
    }
}

/// One ground of an alert about a report. Each is shown for itself: any one of them is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Ground {
    /// Its author declares it urgent.
    Declared {
        /// How urgent.
        urgency: Urgency,
    },
    /// It says or declares words of a list.
    Lexicon {
        /// As the list writes them, in the order of the note.
        words: Vec<String>,
    },
    /// One of its sentences says a word of each group of a rule.
    Rule {
        /// The rule's name.
        name: String,
        /// The words found, one a group.
        words: Vec<String>,
    },
    /// One of its sentences is like an example, and less like every counter-example.
    Resemblance {
        /// The example, as the pipeline file writes it.
        example: String,
        /// Cosine of the sentence and the example.
        likeness: Probability,
        /// Cosine of the sentence and the nearest counter-example.
        counter: Probability,
        /// Cosine from which a sentence counts.
        threshold: Probability,
        /// By how much the example must be nearer than every counter-example.
        margin: Probability,
    },
}

impl Ground {
    /// The word used in JSON.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Declared { .. } => "declared",
            Self::Lexicon { .. } => "lexicon",
            Self::Rule { .. } => "rule",
            Self::Resemblance { .. } => "resemblance",
        }
    }

    /// What it rests on, in words.
    pub fn say(&self, lang: Lang) -> String {
        let cosine = |p: &Probability| {
            let text = format!("{:.2}", f64::from(p.millionths()) / 1e6);
            match lang {
                Lang::Fr => text.replace('.', ","),
                Lang::En => text,
            }
        };
        match (self, lang) {
            (Self::Declared { urgency }, _) => match (urgency, lang) {
                (Urgency::Immediate, Lang::Fr) => "déclarée « immédiat » par son auteur".to_owned(),
                (_, Lang::Fr) => "déclarée « à voir » par son auteur".to_owned(),
                (Urgency::Immediate, Lang::En) => "declared “immediate” by its author".to_owned(),
                (_, Lang::En) => "declared “to see” by its author".to_owned(),
            },
            (Self::Lexicon { words }, Lang::Fr) => format!("lexique : {}", words.join(", ")),
            (Self::Lexicon { words }, Lang::En) => format!("lexicon: {}", words.join(", ")),
            (Self::Rule { name, words }, Lang::Fr) => {
                format!(
                    "règle « {name} » : {}, dans une même phrase",
                    words.join(" + ")
                )
            }
            (Self::Rule { name, words }, Lang::En) => {
                format!("rule “{name}”: {}, in one sentence", words.join(" + "))
            }
            (
                Self::Resemblance {
                    example,
                    likeness,
                    counter,
                    threshold,
                    margin,
                },
                Lang::Fr,
            ) => format!(
                "ressemblance : une phrase est proche de l’exemple « {example} » (cosinus {}, seuil {}), \
                 plus que de tout contre-exemple (au plus {}, écart exigé {})",
                cosine(likeness),
                cosine(threshold),
                cosine(counter),
                cosine(margin)
            ),
            (
                Self::Resemblance {
                    example,
                    likeness,
                    counter,
                    threshold,
                    margin,
                },
                Lang::En,
            ) => format!(
                "resemblance: a sentence is close to the example “{example}” (cosine {}, threshold {}), \
                 more than to any counter-example (at most {}, by {} at least)",
                cosine(likeness),
                cosine(threshold),
                cosine(counter),
                cosine(margin)
            ),
        }
    }
}

/// One alert, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Stable from one edition to the next.
    pub id: AlertId,
    /// What kind.
    pub kind: AlertKind,
    /// What it is about: a theme, or the name of a report.
    pub about: String,
    /// The place, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// When the first of its evidence was received.
    pub since: Timestamp,
    /// What is said.
    pub statement: Sentence,
    /// The quotes it rests on; a report without a note has none, and the statement names it.
    pub evidence: Vec<Sentence>,
    /// What it rests on, in the pipeline file's words: the rule, the lexicon, the bound.
    pub basis: String,
    /// Each ground by itself, for an alert about a report; alerts made before grounds were told
    /// have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grounds: Vec<Ground>,
    /// What is to be done, as the pipeline file says for this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure: Option<String>,
    /// To whom it goes: whoever was on duty when it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

impl Alert {
    /// What alerts are counted together by: the kind, with the theme, or with the grounds of those
    /// about a report. `urgent/resemblance` is what a threshold too low would fill.
    pub fn series(&self) -> String {
        let about = match self.kind {
            AlertKind::ChildInDanger | AlertKind::Urgent => {
                let grounds: Vec<&str> = self.grounds.iter().map(Ground::as_str).collect();
                grounds.join("+")
            }
            _ => self.about.clone(),
        };
        format!("{}/{about}", self.kind.as_str())
    }
}

/// The alerts of one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertSet {
    /// `greffier.alerts/1`.
    pub format: AlertSetFormat,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// The period.
    pub period: Period,
    /// Most pressing first.
    pub alerts: Vec<Alert>,
}

/// The version of the alerts artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AlertSetFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.alerts/1")]
    V1,
}

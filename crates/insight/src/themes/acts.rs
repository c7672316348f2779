//! What people decide of themes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::{Origin, ThemeId, Themes};

/// A person's act on a theme. Who did it, when and why are in its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "act", deny_unknown_fields)]
pub enum ThemeAct {
    /// It has this name from now on.
    Rename {
        /// The theme.
        theme: ThemeId,
        /// Its name.
        name: String,
    },
    /// It is the same as another, now and in the weeks to come.
    Merge {
        /// The theme that is no more.
        theme: ThemeId,
        /// The one it belongs to.
        into: ThemeId,
    },
    /// It is kept as it is, even in weeks that say nothing of it.
    Pin {
        /// The theme.
        theme: ThemeId,
    },
    /// It is no longer pinned.
    Unpin {
        /// The theme.
        theme: ThemeId,
    },
    /// Nobody wants to hear of it.
    Dismiss {
        /// The theme.
        theme: ThemeId,
    },
    /// It is no longer dismissed.
    Restore {
        /// The theme.
        theme: ThemeId,
    },
}

/// A person's act as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThemeDecision {
    /// `greffier.theme-act/1`.
    pub format: ThemeDecisionFormat,
    /// The person, as they gave their name.
    pub by: String,
    /// What they decided.
    pub act: ThemeAct,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The version of the artifact of an act on a theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ThemeDecisionFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.theme-act/1")]
    V1,
}

/// Why an act cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemesError {
    /// No theme is known by this identity.
    #[error("no theme is known as `{id}`: choose one of the week's themes")]
    Unknown {
        /// The identity.
        id: ThemeId,
    },
    /// A theme cannot be merged into itself.
    #[error("`{theme}` and `{into}` are one theme already")]
    Same {
        /// The theme.
        theme: ThemeId,
        /// The other.
        into: ThemeId,
    },
    /// A name says nothing.
    #[error("the new name of theme `{id}` is blank")]
    Blank {
        /// The theme.
        id: ThemeId,
    },
}

impl Themes {
    /// The themes after `act`.
    ///
    /// # Errors
    /// When it names a theme that is not there, merges one into itself, or names one nothing.
    pub fn after(&self, act: &ThemeAct) -> Result<Self, ThemesError> {
        let at = |id: &ThemeId| {
            self.place_of(id)
                .ok_or_else(|| ThemesError::Unknown { id: id.clone() })
        };
        let mut out = self.clone();
        match act {
            ThemeAct::Rename { theme, name } => {
                let name = name.trim();
                let named = &mut out.themes[at(theme)?];
                if name.is_empty() {
                    return Err(ThemesError::Blank { id: theme.clone() });
                }
                named.name = Some(name.to_owned());
            }
            ThemeAct::Pin { theme } => {
                let pinned = &mut out.themes[at(theme)?];
                (pinned.pinned, pinned.dismissed, pinned.ended) = (true, false, None);
            }
            ThemeAct::Unpin { theme } => out.themes[at(theme)?].pinned = false,
            ThemeAct::Dismiss { theme } => {
                let dismissed = &mut out.themes[at(theme)?];
                (dismissed.dismissed, dismissed.pinned) = (true, false);
            }
            ThemeAct::Restore { theme } => out.themes[at(theme)?].dismissed = false,
            ThemeAct::Merge { theme, into } => {
                let (from, to) = (at(theme)?, at(into)?);
                if from == to {
                    return Err(ThemesError::Same {
                        theme: theme.clone(),
                        into: into.clone(),
                    });
                }
                let gone = self.themes[from].clone();
                let kept = &mut out.themes[to];
                // What had ended is merged for its name's sake: its passages are long past.
                if gone.ended.is_none() {
                    kept.members.extend(gone.members);
                    kept.members.sort_unstable();
                    kept.this_week += gone.this_week;
                    kept.last_week = kept.last_week.max(gone.last_week);
                    kept.ended = None;
                }
                kept.first_week = kept.first_week.min(gone.first_week);
                kept.pinned |= gone.pinned;
                kept.merged.push(gone.id);
                kept.merged.extend(gone.merged);
                kept.merged.sort();
                kept.merged.dedup();
                if let Origin::Seed { name } = gone.origin {
                    kept.merged_seeds.push(name);
                }
                kept.merged_seeds.extend(gone.merged_seeds);
                kept.merged_seeds.sort();
                kept.merged_seeds.dedup();
                out.themes.remove(from);
            }
        }
        Ok(out)
    }
}

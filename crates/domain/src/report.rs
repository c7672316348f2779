//! A field report, in the shape of the "activité" record of the Coop de la médiation numérique,
//! with local additions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Field;

/// How urgent its author says a report is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Not urgent, or not said.
    #[default]
    #[serde(rename = "non")]
    No,
    /// To be looked at.
    #[serde(rename = "a_voir")]
    ToSee,
    /// At once.
    #[serde(rename = "immediat")]
    Immediate,
}

/// What a field report declares beside its note.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldReport {
    /// Its identifier: `R-0412`.
    pub id: Option<String>,
    /// The day it is about, as written.
    pub date: Option<String>,
    /// The day it was entered, as written.
    pub entered: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// `individuel`, `collectif`, `presence_rue`.
    pub kind: Option<String>,
    /// The neighbourhood, else the name of the place.
    pub place: Option<String>,
    /// Minutes.
    pub minutes: u32,
    /// People met.
    pub people: u32,
    /// Of whom for the first time.
    pub first_time: u32,
    /// Declared themes and tags, in order, each once.
    pub themes: Vec<String>,
    /// How urgent its author says it is.
    pub urgency: Urgency,
    /// The earlier report it answers.
    pub follows: Option<String>,
}

impl FieldReport {
    /// Reads the fields that extraction flattened from one row: `lieu.quartier`,
    /// `beneficiaires.0.premier_accompagnement`, `thematiques.1`. Unknown fields are left alone;
    /// a value that is not of its kind counts as absent.
    pub fn from_fields(fields: &[Field]) -> Self {
        let values: BTreeMap<&str, &str> = fields
            .iter()
            .filter_map(|f| Some((f.name.as_str(), f.value.as_deref()?.trim())))
            .filter(|(_, v)| !v.is_empty())
            .collect();
        let text = |name: &str| values.get(name).map(|v| (*v).to_owned());
        let list = |prefix: &str| {
            let mut items: Vec<(usize, String)> = values
                .iter()
                .filter_map(|(name, v)| {
                    let rest = name.strip_prefix(prefix)?;
                    let at = if rest.is_empty() {
                        0
                    } else {
                        rest.strip_prefix('.')?.parse().ok()?
                    };
                    Some((at, (*v).to_owned()))
                })
                .collect();
            items.sort();
            items.into_iter().map(|(_, v)| v)
        };
        let mut themes: Vec<String> = Vec::new();
        for theme in list("thematiques").chain(list("tags")) {
            if !themes.contains(&theme) {
                themes.push(theme);
            }
        }
        let people: std::collections::BTreeSet<&str> = values
            .keys()
            .filter_map(|name| name.strip_prefix("beneficiaires.")?.split('.').next())
            .collect();
        let first_time = values
            .iter()
            .filter(|(name, v)| {
                name.starts_with("beneficiaires.")
                    && name.ends_with(".premier_accompagnement")
                    && **v == "true"
            })
            .count();
        Self {
            id: text("id"),
            date: text("date"),
            entered: text("saisi_le"),
            team: text("equipe"),
            kind: text("type"),
            place: text("lieu.quartier")
                .or_else(|| text("lieu.nom"))
                .or_else(|| text("lieu")),
            minutes: text("duree").and_then(|v| v.parse().ok()).unwrap_or(0),
            people: people.len() as u32,
            first_time: first_time as u32,
            themes,
            urgency: match values.get("urgence") {
                Some(&"immediat") => Urgency::Immediate,
                Some(&"a_voir") => Urgency::ToSee,
                _ => Urgency::No,
            },
            follows: text("suite_de"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FieldKind;

    #[test]
    fn reads_the_flattened_row() {
        let field = |name: &str, value: &str| Field {
            value: Some(value.into()),
            ..Field::new(name, FieldKind::Column)
        };
        let report = FieldReport::from_fields(&[
            field("id", "R-0412"),
            field("lieu.nom", "bas d'immeuble"),
            field("lieu.quartier", "Les Tilleuls"),
            field("beneficiaires.0.anonyme", "true"),
            field("beneficiaires.1.anonyme", "true"),
            field("beneficiaires.1.premier_accompagnement", "true"),
            field("thematiques.1", "logement"),
            field("thematiques.0", "social_sante"),
            field("tags.0", "logement"),
            field("tags.1", "éclairage"),
            field("duree", "quarante"),
            field("urgence", "immediat"),
        ]);
        assert_eq!(report.place.as_deref(), Some("Les Tilleuls"));
        assert_eq!(
            (report.people, report.first_time, report.minutes),
            (2, 1, 0)
        );
        assert_eq!(report.themes, ["social_sante", "logement", "éclairage"]);
        assert_eq!(report.urgency, Urgency::Immediate);
    }
}

//! Who reads, and what of a sentence may point at somebody who is not named.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Span;
use crate::catalogue::{Lang, Said};

/// For whom a version of a synthesis is written. Each has its own artifact, record and editions.
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
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Those who wrote the reports: people keep a pseudonym, so that a case can be followed.
    #[default]
    Team,
    /// Those they answer to: names are hidden, and what describes somebody is not quoted.
    Hierarchy,
    /// Those outside: besides, no precise place, no quote and no count of a few reports.
    Partners,
}

impl Audience {
    /// Every audience, the nearest to the field first.
    pub const ALL: [Self; 3] = [Self::Team, Self::Hierarchy, Self::Partners];

    /// Its name in settings and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Hierarchy => "hierarchy",
            Self::Partners => "partners",
        }
    }

    /// Whether it is the team: what versions made before audiences were.
    pub const fn is_team(&self) -> bool {
        matches!(self, Self::Team)
    }
}

impl Said for Audience {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::Team => lang.pick("équipe", "team"),
            Self::Hierarchy => lang.pick("hiérarchie", "hierarchy"),
            Self::Partners => lang.pick("partenaires", "partners"),
        }
    }
}

/// What a clue says of somebody.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ClueKind {
    /// An age.
    Age,
    /// A precise place: a street, a building, a floor.
    Place,
    /// A situation in the family: widowed, mother of three.
    Family,
    /// An illness or a disability.
    Health,
    /// A trade.
    Trade,
    /// Where somebody or their family comes from.
    Origin,
}

/// A part of a text that describes somebody without naming them. One alone seldom points at
/// anybody; two of different kinds in one sentence do in a neighbourhood.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Clue {
    /// First byte in the stored text.
    pub start: u32,
    /// First byte after it.
    pub end: u32,
    /// What it says.
    pub kind: ClueKind,
}

impl Clue {
    /// Its range.
    pub const fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }
}

/// How many kinds of clues `span` holds.
pub fn clues_in(clues: &[Clue], span: Span) -> u32 {
    let kinds: std::collections::BTreeSet<ClueKind> = clues
        .iter()
        .filter(|clue| clue.span().overlaps(span))
        .map(|clue| clue.kind)
        .collect();
    kinds.len() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clues_count_by_kind_and_where_they_stand() {
        let clue = |start, end, kind| Clue { start, end, kind };
        let clues = [
            clue(0, 4, ClueKind::Age),
            clue(5, 9, ClueKind::Age),
            clue(9, 12, ClueKind::Health),
            clue(20, 25, ClueKind::Place),
        ];
        assert_eq!(clues_in(&clues, Span::new(0, 12)), 2);
        assert_eq!(clues_in(&clues, Span::new(0, 9)), 1);
        assert_eq!(clues_in(&clues, Span::new(12, 20)), 0);
    }
}

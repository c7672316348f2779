//! How much of what identifies people is found, and how much is hidden for nothing, on notes that
//! somebody annotated.

use std::collections::BTreeMap;

use domain::Span;
use serde::{Deserialize, Serialize};

use crate::identifiers::{IdentifierKind, find};

/// A note with what a careful reader would hide in it: a line of a file of JSON Lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotated {
    /// What it is known by.
    pub id: String,
    /// The note.
    pub text: String,
    /// What identifies somebody directly, in order.
    pub spans: Vec<AnnotatedSpan>,
}

/// A part of a note that identifies somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnotatedSpan {
    /// First byte.
    pub start: u32,
    /// First byte after.
    pub end: u32,
    /// `name`, `phone`, `email`, `nir`, `iban`, `address`, `birth`, `number`, `plate`, `handle`.
    pub kind: String,
}

/// Something found or missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slip {
    /// The note.
    pub id: String,
    /// The kind annotated, or found.
    pub kind: String,
    /// What it says.
    pub text: String,
}

/// Counts of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Annotated.
    pub annotated: usize,
    /// Of them hidden, whole, whatever the mask says.
    pub hidden: usize,
    /// Masks of this kind.
    pub masks: usize,
    /// Of them over something annotated.
    pub right: usize,
}

impl Counts {
    /// Share of what is annotated that is hidden; `None` when nothing is annotated.
    pub fn recall(&self) -> Option<f64> {
        share(self.hidden, self.annotated)
    }

    /// Share of the masks that hide something annotated; `None` without masks.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.masks)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What masks are worth on annotated notes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Notes read.
    pub notes: usize,
    /// By kind.
    pub kinds: BTreeMap<String, Counts>,
    /// All kinds together.
    pub all: Counts,
    /// Annotated and shown, wholly or in part.
    pub missed: Vec<Slip>,
    /// Hidden for nothing.
    pub needless: Vec<Slip>,
}

/// The name of a kind in annotations.
const fn name(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::Iban => "iban",
        IdentifierKind::Nir => "nir",
        IdentifierKind::Email => "email",
        IdentifierKind::Number => "number",
        IdentifierKind::Phone => "phone",
        IdentifierKind::Handle => "handle",
        IdentifierKind::Plate => "plate",
        IdentifierKind::Birth => "birth",
        IdentifierKind::Address => "address",
        IdentifierKind::Name => "name",
        IdentifierKind::Siret
        | IdentifierKind::ServicePhone
        | IdentifierKind::Place
        | IdentifierKind::Facility
        | IdentifierKind::Age => "other",
    }
}

/// Measures what is hidden by default of direct identifiers: a letter or digit of an annotated part
/// that shows makes it missed, a mask that touches nothing annotated is needless.
pub fn evaluate(notes: &[Annotated]) -> Score {
    let mut score = Score {
        notes: notes.len(),
        ..Score::default()
    };
    for note in notes {
        let found: Vec<(Span, IdentifierKind)> = find(&note.text)
            .into_iter()
            .filter(|f| f.kind.is_direct())
            .map(|f| (f.span, f.kind))
            .collect();
        let slip = |kind: &str, span: Span| Slip {
            id: note.id.clone(),
            kind: kind.to_owned(),
            text: span.of(&note.text).unwrap_or_default().to_owned(),
        };
        for annotated in &note.spans {
            let span = Span::new(annotated.start, annotated.end);
            let hidden = span.of(&note.text).is_some_and(|part| {
                part.char_indices().all(|(at, c)| {
                    let at = span.start + at as u32;
                    !c.is_alphanumeric() || found.iter().any(|(f, _)| f.start <= at && at < f.end)
                })
            });
            let counts = score.kinds.entry(annotated.kind.clone()).or_default();
            counts.annotated += 1;
            score.all.annotated += 1;
            if hidden {
                counts.hidden += 1;
                score.all.hidden += 1;
            } else {
                score.missed.push(slip(&annotated.kind, span));
            }
        }
        for (span, kind) in found {
            let right = note
                .spans
                .iter()
                .any(|a| Span::new(a.start, a.end).overlaps(span));
            let counts = score.kinds.entry(name(kind).to_owned()).or_default();
            counts.masks += 1;
            score.all.masks += 1;
            if right {
                counts.right += 1;
                score.all.right += 1;
            } else {
                score.needless.push(slip(name(kind), span));
            }
        }
    }
    score
}

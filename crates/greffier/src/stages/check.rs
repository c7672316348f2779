//! `check`: which known form a document is, and what it lacks.

use domain::form::CompletenessFormat;
use domain::text::fold;
use domain::{Completeness, Field, Kind, Layout, Missing, ModelRef, ReadBy, StageName};
use pipeline::file::{FieldFormat, Form, FormField, SourceFile};
use pipeline::stage::{Fault, Inputs, Output, Stage};
use privacy::identifiers::{IdentifierKind, find};

use super::name;

/// How far from its start a document's title is looked for, in characters.
const TITLE_WITHIN: usize = 600;

/// The stage.
pub struct Check {
    forms: Vec<Form>,
    value: serde_json::Value,
}

impl Check {
    pub(super) fn build(source: &SourceFile) -> Self {
        let forms = source.file.forms.clone();
        let value = serde_json::json!({
            "title_within": TITLE_WITHIN,
            "forms": forms.iter().map(|f| serde_json::json!({
                "id": f.id(),
                "recognise": f.recognise,
                "fields": f.fields,
                "pieces": f.pieces,
            })).collect::<Vec<_>>(),
        });
        Self { forms, value }
    }
}

impl Stage for Check {
    fn name(&self) -> StageName {
        name("check")
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Layout]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Completeness]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.value
    }

    fn models(&self) -> Vec<ModelRef> {
        Vec::new()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let layout: Layout = inputs.json(Kind::Layout)?;
        let completeness = check(&self.forms, inputs.text(Kind::Text)?, &layout);
        Output::json(Kind::Completeness, &completeness)
    }
}

/// What a document lacks of the form it is.
fn check(forms: &[Form], text: &str, layout: &Layout) -> Completeness {
    let mut completeness = Completeness {
        format: CompletenessFormat::V1,
        form: None,
        recognised_by: None,
        present: Vec::new(),
        pieces: Vec::new(),
        missing: Vec::new(),
    };
    let Some((form, by)) = recognise(forms, text, layout) else {
        return completeness;
    };
    completeness.form = Some(form.id().clone());
    completeness.recognised_by = Some(by);
    // Recognition reads words, not which of them stand in which box: what no field says may well be
    // written there, and nobody is told that it is missing.
    let recognised = layout.pages.iter().any(|page| page.read_by == ReadBy::Ocr);
    let unread = recognised && layout.fields.iter().all(|field| field.value.is_none());
    for field in form.fields.iter().filter(|_| !unread) {
        let value = value_of(field, layout);
        match value {
            Some((value, found)) if well_formed(field.format, value) => {
                let _ = found;
                completeness.present.push(field.name.clone());
            }
            Some((_, found)) => completeness.missing.push(Missing::Format {
                name: field.name.clone(),
                label: field.label.clone(),
                expected: field.format.as_str().to_owned(),
                span: found.span,
            }),
            None if field.required => completeness.missing.push(Missing::Field {
                name: field.name.clone(),
                label: field.label.clone(),
            }),
            None => {}
        }
    }
    let named = layout
        .attachments
        .iter()
        .map(|a| singular(&words_of(&a.name)));
    let places: Vec<String> = named.chain([singular(&enclosures(text))]).collect();
    for piece in &form.pieces {
        let words: Vec<String> = piece.words.iter().map(|w| singular(&words_of(w))).collect();
        let found = words
            .iter()
            .any(|w| places.iter().any(|place| has_words(place, w)));
        if found {
            completeness.pieces.push(piece.name.clone());
        } else if piece.required {
            completeness.missing.push(Missing::Piece {
                name: piece.name.clone(),
            });
        }
    }
    completeness
}

/// The form a document is: by its fields first, which say more than a phrase.
fn recognise<'a>(forms: &'a [Form], text: &str, layout: &Layout) -> Option<(&'a Form, String)> {
    let by_fields = forms.iter().find_map(|form| {
        let wanted = &form.recognise.fields;
        let all = !wanted.is_empty()
            && wanted
                .iter()
                .all(|name| layout.fields.iter().any(|f| !f.inferred && f.name == *name));
        all.then(|| (form, wanted.join(", ")))
    });
    by_fields.or_else(|| {
        let start: String = text.chars().take(TITLE_WITHIN).collect();
        let title = layout.title.as_deref().unwrap_or_default();
        let head = words_of(&format!("{title}\n{start}"));
        // The longest title wins: "recours gracieux" over "recours".
        forms
            .iter()
            .flat_map(|form| form.recognise.titles.iter().map(move |t| (form, t)))
            .filter(|(_, title)| has_words(&head, &words_of(title)))
            .max_by_key(|(form, title)| (title.len(), std::cmp::Reverse(form.id())))
            .map(|(form, title)| (form, title.clone()))
    })
}

fn value_of<'a>(field: &FormField, layout: &'a Layout) -> Option<(&'a str, &'a Field)> {
    let labels: Vec<String> = field
        .labels
        .iter()
        .chain([&field.label, &field.name])
        .map(|l| words_of(l))
        .collect();
    layout
        .fields
        .iter()
        .filter(|f| {
            f.name == field.name
                || labels.contains(&words_of(&f.name))
                || f.label
                    .as_deref()
                    .is_some_and(|l| labels.contains(&words_of(l)))
        })
        .find_map(|f| {
            let value = f.value.as_deref()?.trim();
            (!value.is_empty() && f.checked != Some(false)).then_some((value, f))
        })
}

/// Whether a value is of the format a form asks for.
fn well_formed(format: FieldFormat, value: &str) -> bool {
    let is = |kind: IdentifierKind| {
        find(value).iter().any(|f| {
            f.kind == kind && f.span.len() as usize >= value.trim().len().saturating_sub(2)
        })
    };
    let digits = value.chars().filter(char::is_ascii_digit).count();
    match format {
        FieldFormat::Text => true,
        FieldFormat::Date => is_date(value),
        FieldFormat::Amount => {
            digits > 0
                && !value
                    .chars()
                    .any(|c| c.is_alphabetic() && !"eurosEUROS".contains(c))
        }
        FieldFormat::Siret => is(IdentifierKind::Siret),
        FieldFormat::Iban => is(IdentifierKind::Iban),
        FieldFormat::Nir => is(IdentifierKind::Nir),
        FieldFormat::Phone => is(IdentifierKind::Phone),
        FieldFormat::Email => is(IdentifierKind::Email),
        FieldFormat::Postcode => digits == 5 && value.trim().len() == 5,
    }
}

/// 18/11/2026, 18.11.26, 2026-11-18, 18 novembre 2026, 1er mars 2027.
fn is_date(value: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "janvier",
        "fevrier",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "aout",
        "septembre",
        "octobre",
        "novembre",
        "decembre",
    ];
    let folded = fold(value);
    let parts: Vec<&str> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|p| !p.is_empty())
        .collect();
    let numbers: Vec<u32> = parts
        .iter()
        .filter_map(|p| p.strip_suffix("er").unwrap_or(p).parse().ok())
        .collect();
    let month_named = parts.iter().any(|p| MONTHS.contains(p));
    match numbers.as_slice() {
        [day, year, ..] if month_named => (1..=31).contains(day) && *year >= 1900,
        [day @ 1..=31, 1..=12, year, ..] => {
            *day <= 31 && (*year < 100 || (1900..2200).contains(year))
        }
        [1900..=2199, 1..=12, 1..=31, ..] => true,
        _ => false,
    }
}

/// The part of a letter that lists its enclosures, if it has one.
fn enclosures(text: &str) -> String {
    const OPENINGS: [&str; 7] = [
        "pj",
        "p j",
        "pieces jointes",
        "piece jointe",
        "ci joint",
        "ci jointe",
        "ci joints",
    ];
    let words = words_of(text);
    let at = OPENINGS.iter().filter_map(|o| position_of(&words, o)).min();
    at.and_then(|at| words.get(at..))
        .unwrap_or_default()
        .to_owned()
}

/// Folded words without the mark of a plural: a form asks for a "photographie", people send
/// "photographies". A word in -s or -x in the singular loses it too, on both sides alike.
fn singular(words: &str) -> String {
    let cut = |word: &str| -> String {
        match word.strip_suffix(['s', 'x']) {
            Some(stem) if stem.len() >= 3 => stem.to_owned(),
            _ => word.to_owned(),
        }
    };
    words.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

/// Folded words separated by single spaces.
pub(super) fn words_of(text: &str) -> String {
    let folded = fold(text);
    let words: Vec<&str> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    words.join(" ")
}

/// Where `words` stand in `text` as whole words, both as [`words_of`] gives them.
pub(super) fn position_of(text: &str, words: &str) -> Option<usize> {
    if words.is_empty() {
        return None;
    }
    text.match_indices(words).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + words.len()..].chars().next();
        before.is_none_or(|c| c == ' ') && after.is_none_or(|c| c == ' ')
    })
}

/// Whether `words` stand in `text` as whole words.
pub(super) fn has_words(text: &str, words: &str) -> bool {
    position_of(text, words).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_people_write_them() {
        for good in [
            "18/11/2026",
            "18.11.26",
            "2026-11-18",
            "le 18 novembre 2026",
            "1er mars 2027",
        ] {
            assert!(is_date(good), "{good}");
        }
        for bad in ["", "novembre", "45/45/2026", "18/2026", "bientôt"] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert!(has_words(
            &words_of("Plan_de_situation.pdf"),
            "plan de situation"
        ));
        assert!(!has_words(&words_of("planification"), "plan"));
        assert!(!has_words("", ""));
    }

    #[test]
    fn pieces_are_found_in_the_plural() {
        let found = |text: &str, word: &str| {
            has_words(&singular(&words_of(text)), &singular(&words_of(word)))
        };
        assert!(found("deux photos de la dalle", "photo"));
        assert!(found("photos rue et jardin.docx", "photo"));
        assert!(found(
            "une attestation d'assurance",
            "attestations d'assurance"
        ));
        assert!(found("mes statuts", "statuts") && found("RIB", "rib"));
        assert!(!found("photomontage", "photo") && !found("plan", "plans de masse"));
    }

    #[test]
    fn enclosures_begin_where_they_are_announced() {
        assert_eq!(
            enclosures("Bonjour. RIB perdu. P.J. : Kbis, plan"),
            "p j kbis plan"
        );
        assert_eq!(enclosures("Bonjour"), "");
    }
}

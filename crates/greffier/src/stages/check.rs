//! `check`: which known form a document is, and what it lacks.

mod formats;

use domain::form::{Clash, CompletenessFormat, Spot};
use domain::text::fold;
use domain::{Completeness, Field, Kind, Layout, Missing, ModelRef, ReadBy, StageName};
use pipeline::file::{FieldFormat, Form, FormField, SourceFile};
use pipeline::stage::{Fault, Inputs, Output, Stage};

use super::name;
use formats::{born_then, day_of, well_formed};

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
        3
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
        format: CompletenessFormat::V2,
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
        match value_of(field, layout) {
            Some((value, _)) if well_formed(field.format, value) => {
                completeness.present.push(field.name.clone());
            }
            Some((_, found)) => completeness.missing.push(Missing::Format {
                name: field.name.clone(),
                label: field.label.clone(),
                expected: field.format.as_str().to_owned(),
                span: found.span,
                at: spot(found),
            }),
            None if field.required => completeness.missing.push(Missing::Field {
                name: field.name.clone(),
                label: field.label.clone(),
                at: layout
                    .fields
                    .iter()
                    .find(|f| is_field(field, f))
                    .and_then(spot),
            }),
            None => {}
        }
    }
    completeness.missing.extend(clashes(form, layout));
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

/// The form a document is: by its template, else by its fields, which say more than a phrase.
fn recognise<'a>(forms: &'a [Form], text: &str, layout: &Layout) -> Option<(&'a Form, String)> {
    if let Some(fingerprint) = layout.fingerprint().map(|digest| digest.to_string())
        && let Some(form) = forms
            .iter()
            .find(|form| form.recognise.fingerprints.contains(&fingerprint))
    {
        return Some((form, fingerprint));
    }
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

/// Values that cannot both be true, each with the place of the one that says it must agree.
fn clashes(form: &Form, layout: &Layout) -> Vec<Missing> {
    let clash = |field: &FormField| {
        let with = field.agrees_with.as_ref()?.get_ref();
        let other = form.fields.iter().find(|f| f.name == *with)?;
        let (value, found) = value_of(field, layout)?;
        let theirs = day_of(value_of(other, layout)?.0)?;
        let clash = match field.format {
            FieldFormat::Date => (day_of(value)? < theirs).then_some(Clash::Before),
            FieldFormat::Nir if well_formed(FieldFormat::Nir, value) => {
                (!born_then(value, theirs)).then_some(Clash::Birth)
            }
            _ => None,
        }?;
        Some(Missing::Inconsistent {
            name: field.name.clone(),
            label: field.label.clone(),
            with: other.label.clone(),
            clash,
            span: found.span,
            at: spot(found),
        })
    };
    form.fields.iter().filter_map(clash).collect()
}

/// Where a field stands on its page.
fn spot(field: &Field) -> Option<Spot> {
    let bbox = field.bbox;
    field.page.map(|page| Spot { page, bbox })
}

/// Whether a field of a document is this one of a form, by its name or its label.
fn is_field(field: &FormField, found: &Field) -> bool {
    let labels = || field.labels.iter().chain([&field.label, &field.name]);
    let named = |name: &String| {
        let words = words_of(name);
        labels().any(|label| words_of(label) == words)
    };
    found.name == field.name || named(&found.name) || found.label.as_ref().is_some_and(named)
}

fn value_of<'a>(field: &FormField, layout: &'a Layout) -> Option<(&'a str, &'a Field)> {
    let mut fields = layout.fields.iter().filter(|found| is_field(field, found));
    fields.find_map(|found| {
        let value = found.value.as_deref()?.trim();
        (!value.is_empty() && found.checked != Some(false)).then_some((value, found))
    })
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

    /// A form of a pipeline file, and a document with these fields.
    fn form(more: &str) -> Vec<Form> {
        let text = format!(
            r#"
pipeline = "forms"
title = "F"
collection = "c"
accepts = ["files"]
stages = ["extract"]
[[services]]
id = "s"
name = "S"
description = "d"
[[forms]]
id = "vente"
title = "Vente"
service = "s"
{more}
"#
        );
        let source = SourceFile::parse("forms.toml", text).expect("a pipeline file");
        source.file.forms
    }

    fn layout(fields: &[(&str, Option<&str>)]) -> Layout {
        let mut layout = Layout::empty("application/pdf");
        layout.fields = fields
            .iter()
            .map(|(name, value)| {
                let mut field = Field::new(*name, domain::FieldKind::Text);
                field.value = value.map(str::to_owned);
                field.page = Some(1);
                field
            })
            .collect();
        layout
    }

    const DATES: &str = r#"
recognise = { fields = ["debut"], titles = [] }
fields = [
  { name = "debut", label = "Début", format = "date", required = true },
  { name = "fin", label = "Fin", format = "date", agrees_with = "debut" },
  { name = "nir", label = "NIR", format = "nir", agrees_with = "naissance" },
  { name = "naissance", label = "Né le", format = "date" },
]
"#;

    #[test]
    fn what_cannot_be_together_is_said_with_its_place() {
        let found = |fields: &[(&str, Option<&str>)]| -> Vec<String> {
            let missing = check(&form(DATES), "", &layout(fields)).missing;
            let said = missing.into_iter().map(|missing| match missing {
                Missing::Inconsistent {
                    name,
                    with,
                    clash,
                    at,
                    ..
                } => {
                    assert_eq!(at.map(|at| at.page), Some(1));
                    format!("{name} {with} {clash:?}")
                }
                Missing::Format { name, .. } => format!("{name} ill-formed"),
                Missing::Field { name, at, .. } => format!("{name} empty {}", at.is_some()),
                Missing::Piece { name } => name,
            });
            said.collect()
        };
        let (debut, later) = (("debut", Some("18/11/2026")), ("fin", Some("19/11/2026")));
        assert_eq!(found(&[debut, later]), [""; 0]);
        assert_eq!(
            found(&[debut, ("fin", Some("17/11/2026"))]),
            ["fin Début Before"]
        );
        // What is no day is ill-formed, and is compared with nothing.
        assert_eq!(
            found(&[debut, ("fin", Some("31/02/2026"))]),
            ["fin ill-formed"]
        );
        assert_eq!(found(&[("debut", None), later]), ["debut empty true"]);
        let born = |nir| {
            [
                debut,
                ("nir", Some(nir)),
                ("naissance", Some("12 mai 1985")),
            ]
        };
        assert_eq!(found(&born("1 85 05 78 006 084 91")), [""; 0]);
        assert_eq!(found(&born("1 84 05 78 006 084 43")), ["nir Né le Birth"]);
    }

    #[test]
    fn a_template_is_known_by_its_fingerprint_whatever_is_filled_in() {
        let empty = layout(&[("a", None), ("b", None), ("c", None)]);
        let filled = layout(&[("c", Some("x")), ("a", Some("y")), ("b", None)]);
        let fingerprint = empty.fingerprint().expect("three fields");
        assert_eq!(filled.fingerprint(), Some(fingerprint));
        assert_eq!(layout(&[("a", None), ("b", None)]).fingerprint(), None);
        let forms = form(&format!(
            "recognise = {{ fingerprints = [\"{fingerprint}\"] }}"
        ));
        let found = check(&forms, "", &filled);
        assert_eq!(found.form.as_ref().map(|form| form.as_str()), Some("vente"));
        assert_eq!(found.recognised_by, Some(fingerprint.to_string()));
        assert_eq!(
            check(
                &forms,
                "",
                &layout(&[("a", None), ("b", None), ("d", None)])
            )
            .form,
            None
        );
    }

    #[test]
    fn what_was_said_before_inconsistencies_is_still_read() {
        let first = r#"{"format":"greffier.completeness/1","form":"dia","recognised_by":"vente","present":["prix"],"pieces":[],"missing":[{"kind":"field","name":"notaire","label":"Notaire"},{"kind":"format","name":"d","label":"D","expected":"date"},{"kind":"piece","name":"Plan"}]}"#;
        let read: Completeness = serde_json::from_str(first).expect("readable");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), first);
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

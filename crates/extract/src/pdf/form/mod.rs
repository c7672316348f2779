//! Interactive form fields (ISO 32000-2, 12.7): names, labels, values, places.
//!
//! A field that is shown several times (a group of radio buttons, a name repeated on every page) is
//! a field of the layout for each place, as people see it.

mod place;
mod signature;
mod tree;
mod values;
mod xfa;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Field, FieldKind, NoteCode};
use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, Object};
use hayro_syntax::page::Page;

use super::beside::Spot;
use super::sheets::Seen;
use crate::budgets::Budget;
use crate::draft::Draft;
use tree::{Limits, Widget};
use values::Button;

/// More widgets than these on one page are read without what stands beside them.
const SPOTS_MAX: usize = 2_000;

/// Where the widgets of a page are, to be looked at while it is drawn.
pub(super) fn spots(page: &Page, depth_max: u32) -> Vec<Spot> {
    let shown = tree::on_page(page).into_iter().take(SPOTS_MAX);
    shown
        .map(|shown| {
            let (field, _) = tree::above(&shown, depth_max);
            let kind = values::kind(&field);
            Spot {
                bbox: shown.bbox,
                // A widget whose parent is not known is a mark if it has states.
                is_mark: match kind {
                    None => has_states(&shown.dict),
                    kind => matches!(kind, Some(FieldKind::Checkbox | FieldKind::Radio)),
                },
                comb: field.comb(),
            }
        })
        .collect()
}

fn has_states(widget: &Dict) -> bool {
    let appearance = widget.get::<Dict>(b"AP");
    let normal = appearance.and_then(|appearance| appearance.get::<Object>(b"N"));
    matches!(normal, Some(Object::Dict(_)))
}

/// Reads the form's fields and adds their values to the text of their pages where nothing drawn
/// says them. `seen` is what was seen of the widgets of each page. Without a form, "label : value"
/// lines and what is drawn as fields are read as fields instead.
pub(super) fn read(pdf: &Pdf, seen: &[Seen], draft: &mut Draft) {
    let form = pdf
        .xref()
        .get::<Dict>(pdf.xref().root_id())
        .and_then(|catalog| catalog.get::<Dict>(b"AcroForm"));
    let limits = Limits {
        widgets: usize::try_from(draft.budgets.fields).unwrap_or(usize::MAX),
        depth: draft.budgets.depth,
        pages: draft.page_count(),
    };
    let found = tree::find(pdf, form.as_ref(), limits);
    if found.full {
        draft.reached(Budget::Fields);
    }
    signatures(pdf, &found.widgets, draft);
    let mut fields = made(&found.widgets, seen);
    if let Some(form) = &form {
        let limits = xfa::Limits {
            bytes: draft.budgets.stream_bytes,
            events: draft.budgets.objects,
            depth: draft.budgets.depth as usize,
            fields: limits.widgets,
        };
        xfa::read(form, &mut fields, limits);
    }
    if fields.is_empty() && form.as_ref().is_some_and(|form| form.contains_key(b"XFA")) {
        draft.note(NoteCode::NotReadableYet, Some("XFA".into()));
    }
    // A signature says nothing of what was written above it.
    draft.infer_pairs = fields
        .iter()
        .all(|field| matches!(field.kind, FieldKind::Signature | FieldKind::Button));
    // Reading order; the sort is stable, so that fields on one line keep the form's order.
    fields.sort_by_key(|field| {
        let place = field.bbox.map(|bbox| bbox.points());
        let row = place.map_or(0, |[_, y0, ..]| (y0 / 8.0) as i64);
        let column = place.map_or(0, |[x0, ..]| (x0 * 100.0) as i64);
        (field.page.unwrap_or(u32::MAX), row, column)
    });
    place::place(fields, draft);
    if draft.infer_pairs {
        for (page, seen) in (1u32..).zip(seen) {
            place::guessed(page, &seen.guesses, draft);
        }
    }
}

/// A field for each widget.
fn made(widgets: &[Widget], seen: &[Seen]) -> Vec<Field> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut fields = Vec::new();
    for widget in widgets {
        let Some(kind) = values::kind(&widget.field) else {
            continue;
        };
        let number = fields.len();
        if matches!(kind, FieldKind::Checkbox | FieldKind::Radio) && !widget.field.name.is_empty() {
            let group = groups.entry(&widget.field.name).or_default();
            group.push(number);
        }
        fields.push((widget, field(widget, kind, seen)));
    }
    for group in groups.into_values() {
        let members: Vec<&Widget> = group
            .iter()
            .filter_map(|at| fields.get(*at).map(|(widget, _)| *widget))
            .collect();
        let buttons: Vec<Button> = members.iter().map(|widget| Button::of(widget)).collect();
        let value = members
            .iter()
            .find_map(|widget| widget.field.value.as_ref());
        let on = values::buttons(value, &buttons);
        let offered = values::offered(&buttons);
        for (at, value) in group.into_iter().zip(on) {
            if let Some((_, field)) = fields.get_mut(at) {
                field.checked = Some(value.is_some());
                field.value = value;
                field.options.clone_from(&offered);
            }
        }
    }
    fields.into_iter().map(|(_, field)| field).collect()
}

fn field(widget: &Widget, kind: FieldKind, seen: &[Seen]) -> Field {
    let flags = widget.field.flags.unwrap_or(0);
    let beside = widget.page.zip(widget.on_page).and_then(|(page, at)| {
        let page = seen.get(page as usize - 1)?;
        page.beside.get(at)
    });
    let label = widget.field.label.clone();
    let label = label.filter(|label| !label.trim().is_empty());
    let mut made = Field {
        label: label.or_else(|| beside.and_then(|beside| beside.label.clone())),
        page: widget.page,
        bbox: widget.bbox,
        required: flags & 2 != 0,
        read_only: flags & 1 != 0,
        ..Field::new(widget.field.name.clone(), kind)
    };
    let drawn = || beside.and_then(|beside| beside.shown.clone());
    match kind {
        FieldKind::Checkbox | FieldKind::Radio => {
            let alone = [Button::of(widget)];
            made.value = values::buttons(widget.field.value.as_ref(), &alone)
                .pop()
                .flatten();
            made.checked = Some(made.value.is_some());
            made.options = values::offered(&alone);
        }
        FieldKind::Choice => {
            values::choice(&widget.field, &mut made);
            if widget.field.value.is_none() && made.value.is_none() {
                made.value = drawn();
            }
        }
        FieldKind::Signature => {
            made.checked = Some(matches!(widget.field.value, Some(Object::Dict(_))));
        }
        FieldKind::Button => {}
        _ => {
            made.value = values::typed(&widget.field);
            if widget.field.value.is_none() && made.value.is_none() {
                made.value = drawn();
            }
        }
    }
    made.value = made.value.filter(|value| !value.trim().is_empty());
    made
}

/// Says each signature once, however often its field is shown.
fn signatures(pdf: &Pdf, widgets: &[Widget], draft: &mut Draft) {
    let mut seen = BTreeSet::new();
    for widget in widgets {
        let is_signature = values::kind(&widget.field) == Some(FieldKind::Signature);
        if let Some(Object::Dict(value)) = widget.field.value.as_ref().filter(|_| is_signature)
            && seen.insert(value.data().as_ptr() as usize)
        {
            let name = &widget.field.name;
            let name = Some(name.clone()).filter(|name| !name.is_empty());
            draft.sign(signature::read(value, name, pdf.data().as_ref()));
        }
    }
}

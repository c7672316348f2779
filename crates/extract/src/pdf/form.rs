//! Interactive form fields (ISO 32000-2, 12.7): names, labels, values, places.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Field, FieldKind, NoteCode, PageBox, StoredText};
use hayro_syntax::Pdf;
use hayro_syntax::object::{
    Array, Dict, MaybeRef, Name, Object, Rect, Stream, String as PdfString,
};

use super::{page_box, strings};
use crate::budgets::Budget;
use crate::draft::{Draft, Place};

/// Values longer than this are cut: a text field holds a letter, not a book.
const VALUE_BYTES_MAX: usize = 256 << 10;

type Id = (u32, i32);

/// Reads the form's fields and adds their values to the text of their pages where nothing drawn
/// says them. Without a form, "label : value" lines may be read as fields instead.
pub(super) fn read(pdf: &Pdf, draft: &mut Draft) {
    let form = pdf
        .xref()
        .get::<Dict>(pdf.xref().root_id())
        .and_then(|catalog| catalog.get::<Dict>(b"AcroForm"));
    let mut walker = Walker {
        pages: widget_pages(pdf, draft.page_count()),
        visited: BTreeSet::new(),
        fields: Vec::new(),
        full: false,
        fields_max: usize::try_from(draft.budgets.fields).unwrap_or(usize::MAX),
        depth_max: draft.budgets.depth,
    };
    if let Some(form) = &form {
        if let Some(roots) = form.get::<Array>(b"Fields") {
            walker.walk(roots.iter::<Dict>().collect());
        }
        // Some writers list a page's widgets but not the form's fields.
        for page in pdf.pages().iter().take(draft.page_count()) {
            if let Some(annots) = page.raw().get::<Array>(b"Annots") {
                let widgets = annots.iter::<Dict>().filter(is_widget);
                let orphans: Vec<Dict> = widgets
                    .filter(|widget| widget.contains_key(b"FT"))
                    .collect();
                walker.walk(orphans);
            }
        }
        if walker.fields.is_empty() && form.contains_key(b"XFA") {
            draft.note(NoteCode::NotReadableYet, Some("XFA".into()));
        }
    }
    if walker.full {
        draft.reached(Budget::Fields);
    }
    let mut fields = walker.fields;
    draft.infer_pairs = fields.is_empty();
    // Reading order; the sort is stable, so that fields on one line keep the form's order.
    fields.sort_by_key(|field| {
        let place = field.bbox.map(|bbox| bbox.points());
        let row = place.map_or(0, |[_, y0, ..]| (y0 / 8.0) as i64);
        let column = place.map_or(0, |[x0, ..]| (x0 * 100.0) as i64);
        (field.page.unwrap_or(u32::MAX), row, column)
    });
    place(fields, draft);
}

/// Which page each widget is on, and where.
fn widget_pages(pdf: &Pdf, pages: usize) -> BTreeMap<Id, (u32, Option<PageBox>)> {
    let mut map = BTreeMap::new();
    for (number, page) in (1u32..).zip(pdf.pages().iter().take(pages)) {
        let Some(annots) = page.raw().get::<Array>(b"Annots") else {
            continue;
        };
        for (raw, annot) in annots.raw_iter().zip(annots.iter::<Object>()) {
            if let (MaybeRef::Ref(id), Object::Dict(annot)) = (raw, annot) {
                let bbox = annot.get::<Rect>(b"Rect").map(|rect| page_box(page, rect));
                map.entry((id.obj_number, id.gen_number))
                    .or_insert((number, bbox));
            }
        }
    }
    map
}

fn is_widget(dict: &Dict) -> bool {
    dict.get::<Name>(b"Subtype")
        .is_some_and(|name| &*name == b"Widget")
}

/// What a field hands down to those below it.
#[derive(Clone, Default)]
struct Inherited<'a> {
    name: String,
    kind: Option<Vec<u8>>,
    value: Option<Object<'a>>,
    flags: Option<i32>,
    label: Option<String>,
    options: Option<Array<'a>>,
}

struct Walker {
    pages: BTreeMap<Id, (u32, Option<PageBox>)>,
    visited: BTreeSet<Id>,
    fields: Vec<Field>,
    full: bool,
    fields_max: usize,
    depth_max: u32,
}

impl Walker {
    fn walk<'a>(&mut self, roots: Vec<Dict<'a>>) {
        let mut pending: Vec<(Dict<'a>, Inherited<'a>, u32)> = roots
            .into_iter()
            .rev()
            .map(|root| (root, Inherited::default(), 0))
            .collect();
        while let Some((dict, above, depth)) = pending.pop() {
            if let Some(id) = dict.obj_id()
                && !self.visited.insert((id.obj_number, id.gen_number))
            {
                continue;
            }
            if depth > self.depth_max || self.full {
                continue;
            }
            let here = above.below(&dict);
            let kids: Vec<Dict> = dict
                .get::<Array>(b"Kids")
                .map(|kids| kids.iter::<Dict>().collect())
                .unwrap_or_default();
            // Kids with a name are fields; kids without are this field's widgets.
            let (fields, widgets): (Vec<Dict>, Vec<Dict>) =
                kids.into_iter().partition(|kid| kid.contains_key(b"T"));
            if fields.is_empty() {
                for widget in &widgets {
                    if let Some(id) = widget.obj_id() {
                        self.visited.insert((id.obj_number, id.gen_number));
                    }
                }
                let widgets = if widgets.is_empty() {
                    vec![dict]
                } else {
                    widgets
                };
                self.field(&here, &widgets);
            } else {
                let next = fields.into_iter().rev();
                pending.extend(next.map(|field| (field, here.clone(), depth + 1)));
            }
        }
    }

    fn field(&mut self, field: &Inherited, widgets: &[Dict]) {
        // A kid may carry what its parent should.
        let own = |key: &[u8]| widgets.iter().find_map(|widget| widget.get::<Object>(key));
        let kind = field.kind.clone().or_else(|| {
            let Some(Object::Name(name)) = own(b"FT") else {
                return None;
            };
            Some(name.to_vec())
        });
        let flags = field.flags.unwrap_or(0);
        let kind = match kind.as_deref() {
            Some(b"Tx") => FieldKind::Text,
            Some(b"Ch") => FieldKind::Choice,
            Some(b"Sig") => FieldKind::Signature,
            Some(b"Btn") if flags & (1 << 16) != 0 => FieldKind::Button,
            Some(b"Btn") if flags & (1 << 15) != 0 => FieldKind::Radio,
            Some(b"Btn") => FieldKind::Checkbox,
            _ => return,
        };
        if self.fields.len() >= self.fields_max {
            self.full = true;
            return;
        }
        let mut made = Field {
            name: field.name.clone(),
            label: field.label.clone().filter(|label| !label.trim().is_empty()),
            kind,
            value: None,
            checked: None,
            options: Vec::new(),
            page: None,
            bbox: None,
            span: None,
            required: flags & 2 != 0,
            read_only: flags & 1 != 0,
            inferred: false,
        };
        let mut shown = 0;
        match kind {
            FieldKind::Checkbox | FieldKind::Radio => {
                shown = buttons(field, widgets, &mut made);
            }
            FieldKind::Choice => choice(field, &mut made),
            FieldKind::Signature => {
                made.checked = Some(matches!(field.value, Some(Object::Dict(_))));
            }
            FieldKind::Button => {}
            _ => made.value = field.value.as_ref().and_then(value_text),
        }
        made.value = made.value.filter(|value| !value.trim().is_empty());
        let places = widgets.iter().map(|widget| {
            let id = widget.obj_id()?;
            self.pages.get(&(id.obj_number, id.gen_number)).copied()
        });
        let places: Vec<_> = places.collect();
        let place = places.get(shown).copied().flatten();
        if let Some((page, bbox)) = place.or_else(|| places.iter().copied().flatten().next()) {
            made.page = Some(page);
            made.bbox = bbox;
        }
        self.fields.push(made);
    }
}

impl<'a> Inherited<'a> {
    fn below(&self, dict: &Dict<'a>) -> Self {
        let own = dict.get::<PdfString>(b"T").map(|name| strings::text(&name));
        let name = match (self.name.as_str(), own) {
            (above, None) => above.to_owned(),
            ("", Some(own)) => own,
            (above, Some(own)) => format!("{above}.{own}"),
        };
        let label = dict
            .get::<PdfString>(b"TU")
            .map(|label| strings::text(&label));
        Self {
            name,
            kind: dict
                .get::<Name>(b"FT")
                .map(|n| n.to_vec())
                .or_else(|| self.kind.clone()),
            value: dict.get::<Object>(b"V").or_else(|| self.value.clone()),
            flags: dict.get::<i32>(b"Ff").or(self.flags),
            label: label.or_else(|| self.label.clone()),
            options: dict.get::<Array>(b"Opt").or_else(|| self.options.clone()),
        }
    }
}

fn name_text(name: &[u8]) -> String {
    strings::text(name)
}

fn value_text(value: &Object) -> Option<String> {
    let mut text = match value {
        Object::String(text) => strings::text(text),
        Object::Name(name) => name_text(name),
        Object::Number(number) => {
            let number = number.as_f64();
            number.to_string()
        }
        Object::Stream(stream) => stream_text(stream)?,
        _ => return None,
    };
    if text.len() > VALUE_BYTES_MAX {
        let mut end = VALUE_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    Some(text)
}

fn stream_text(stream: &Stream) -> Option<String> {
    if !super::bounds::Bounds::new(VALUE_BYTES_MAX as u64).fits(stream) {
        return None;
    }
    stream.decoded_data().ok().map(|data| strings::text(&data))
}

/// Check boxes and radio buttons: which state is on, and which states there are. Returns the
/// widget to show.
fn buttons(field: &Inherited, widgets: &[Dict], made: &mut Field) -> usize {
    // The states' names may only be numbers; then the options say what they mean.
    let meaning: Vec<String> = field.options.as_ref().map(option_texts).unwrap_or_default();
    let state_of = |value: &Object| match value {
        Object::Name(name) => Some(name_text(name)),
        Object::String(text) => Some(strings::text(text)),
        _ => None,
    };
    let mut on_states = Vec::new();
    let (mut drawn, mut shown) = (None, 0);
    for (i, widget) in widgets.iter().enumerate() {
        let states = widget
            .get::<Dict>(b"AP")
            .and_then(|appearance| appearance.get::<Dict>(b"N"))
            .map(|normal| {
                normal
                    .keys()
                    .map(|key| name_text(&key))
                    .collect::<BTreeSet<_>>()
            })
            .unwrap_or_default();
        let state = states.into_iter().find(|state| state != "Off");
        let current = widget.get::<Name>(b"AS").map(|name| name_text(&name));
        if drawn.is_none()
            && current
                .as_deref()
                .is_some_and(|c| c != "Off" && !c.is_empty())
        {
            drawn = current;
            shown = i;
        }
        let named = meaning.get(i).cloned().or_else(|| state.clone());
        on_states.push((state, named));
    }
    let value = field
        .value
        .as_ref()
        .and_then(state_of)
        .filter(|v| v != "Off" && !v.is_empty());
    let on = match value {
        // A value that no widget has is a stale one: what is drawn decides.
        Some(value)
            if on_states
                .iter()
                .all(|(state, _)| state.as_ref() != Some(&value)) =>
        {
            drawn.or(on_states
                .iter()
                .all(|(state, _)| state.is_none())
                .then_some(value))
        }
        Some(value) => Some(value),
        None => drawn.filter(|_| field.value.is_none()),
    };
    made.checked = Some(on.is_some());
    if let Some(on) = on {
        let widget = on_states
            .iter()
            .position(|(state, _)| state.as_ref() == Some(&on));
        shown = widget.unwrap_or(shown);
        let named = widget.and_then(|i| on_states[i].1.clone());
        made.value = Some(named.unwrap_or(on));
    }
    if made.kind == FieldKind::Radio {
        let mut seen = BTreeSet::new();
        let names = on_states.into_iter().filter_map(|(_, named)| named);
        made.options = names.filter(|name| seen.insert(name.clone())).collect();
    }
    shown
}

/// Lists: the texts offered, and the text of what is chosen.
fn choice(field: &Inherited, made: &mut Field) {
    let pairs: Vec<(String, String)> = field
        .options
        .as_ref()
        .map(|options| {
            options
                .iter::<Object>()
                .filter_map(|o| option(&o))
                .collect()
        })
        .unwrap_or_default();
    let shown = |value: String| {
        let option = pairs.iter().find(|(export, _)| *export == value);
        option.map_or(value, |(_, text)| text.clone())
    };
    made.value = match &field.value {
        Some(Object::Array(values)) => {
            let values: Vec<String> = values
                .iter::<Object>()
                .filter_map(|value| value_text(&value))
                .map(shown)
                .collect();
            Some(values.join(", "))
        }
        Some(value) => value_text(value).map(shown),
        None => None,
    };
    made.options = pairs.into_iter().map(|(_, text)| text).collect();
}

/// An option is a text, or an exported value and a text.
fn option(option: &Object) -> Option<(String, String)> {
    match option {
        Object::Array(pair) => {
            let mut parts = pair.iter::<Object>().filter_map(|part| value_text(&part));
            let export = parts.next()?;
            let text = parts.next().unwrap_or_else(|| export.clone());
            Some((export, text))
        }
        value => value_text(value).map(|text| (text.clone(), text)),
    }
}

fn option_texts(options: &Array) -> Vec<String> {
    options
        .iter::<Object>()
        .filter_map(|o| option(&o))
        .map(|(_, text)| text)
        .collect()
}

/// Finds each value in the lines drawn over its box; values that are nowhere are added to their
/// page as a last block of "label : value" lines.
fn place(fields: Vec<Field>, draft: &mut Draft) {
    let mut block_of = None;
    for field in fields {
        let found = match (&field.value, field.page) {
            (Some(value), Some(page)) => {
                let page = page as usize - 1;
                let drawn = field.bbox.and_then(|bbox| find(draft, page, bbox, value));
                drawn.or_else(|| {
                    if block_of != Some(page) {
                        draft.end_block_on(page);
                        block_of = Some(page);
                    }
                    let label = field.label.as_deref().unwrap_or(&field.name);
                    draft.labelled(page, label, value, field.bbox)
                })
            }
            _ => None,
        };
        if !draft.field(field, found) {
            return;
        }
    }
}

/// Where the lines that touch `bbox` say `value`, however it is broken into lines.
fn find(draft: &Draft, page: usize, bbox: PageBox, value: &str) -> Option<Place> {
    let value = words(&StoredText::page(value));
    if value.is_empty() {
        return None;
    }
    let [x0, y0, x1, y1] = bbox.points();
    let mut text = String::new();
    // For each byte of `text`: block, line, byte of the line.
    let mut origins: Vec<(usize, usize, usize)> = Vec::new();
    for (block, line, drawn) in draft.lines_of(page) {
        let Some([a, b, c, d]) = drawn.bbox.map(PageBox::points) else {
            continue;
        };
        if a > x1 + 2.0 || c < x0 - 2.0 || b > y1 + 2.0 || d < y0 - 2.0 {
            continue;
        }
        for (at, c) in drawn.text.char_indices() {
            let c = if c.is_whitespace() { ' ' } else { c };
            if c == ' ' && (text.is_empty() || text.ends_with(' ')) {
                continue;
            }
            text.push(c);
            origins.extend((0..c.len_utf8()).map(|i| (block, line, at + i)));
        }
        if !text.ends_with(' ') {
            text.push(' ');
            origins.push((block, line, drawn.text.len()));
        }
    }
    let at = text.find(&value)?;
    let (block, line, start) = origins[at];
    let (end_block, end_line, last) = origins[at + value.len() - 1];
    (block == end_block).then_some(Place {
        page,
        block,
        start: (line, start),
        end: (end_line, last + 1),
    })
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

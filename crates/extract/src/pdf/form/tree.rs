//! The fields of a form and their widgets: what each inherits, and which page it is on.
//!
//! Files contradict themselves here: widgets that no field has, fields that no page shows, parents
//! that are their own children. So both ways are gone: down from the form's fields, and up from
//! the widgets of the pages; objects met twice are met once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::PageBox;
use hayro_syntax::Pdf;
use hayro_syntax::object::{
    Array, Dict, MaybeRef, Name, Object, Rect, Stream, String as PdfString,
};
use hayro_syntax::page::Page;
use hayro_syntax::xref::XRef;

use crate::pdf::{page_box, strings};

/// The number of an object. Those written within another have none.
pub(in crate::pdf) type Id = (u32, i32);

/// A dictionary of an array, with its number.
pub(super) type Listed<'a> = (Option<Id>, Dict<'a>);

/// A widget of a page, whatever the form says of it.
pub(super) struct Shown<'a> {
    pub(super) id: Option<Id>,
    pub(super) dict: Dict<'a>,
    pub(super) bbox: Option<PageBox>,
}

/// What a field hands down to those below it.
#[derive(Clone, Default)]
pub(super) struct Inherited<'a> {
    /// Full dotted name.
    pub(super) name: String,
    pub(super) kind: Option<Vec<u8>>,
    pub(super) value: Option<Object<'a>>,
    pub(super) rich: Option<Object<'a>>,
    /// Which options are chosen, by number.
    pub(super) chosen: Option<Array<'a>>,
    pub(super) flags: Option<i32>,
    pub(super) label: Option<String>,
    pub(super) options: Option<Array<'a>>,
    pub(super) length_max: Option<i32>,
}

/// A widget with all that is known of it.
pub(super) struct Widget<'a> {
    pub(super) dict: Dict<'a>,
    pub(super) field: Rc<Inherited<'a>>,
    /// Which one of its field it is, from 0.
    pub(super) index: usize,
    /// Page from 1.
    pub(super) page: Option<u32>,
    pub(super) bbox: Option<PageBox>,
    /// Which one of its page it is, from 0, where the page lists it.
    pub(super) on_page: Option<usize>,
}

/// Bounds of the walk.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) widgets: usize,
    pub(super) depth: u32,
    pub(super) pages: usize,
}

/// What the walk found.
pub(super) struct Found<'a> {
    pub(super) widgets: Vec<Widget<'a>>,
    /// There are more.
    pub(super) full: bool,
}

impl<'a> Inherited<'a> {
    /// What holds below this dictionary.
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
        let kind = dict.get::<Name>(b"FT").map(|name| name.to_vec());
        // A widget without a name is only where its field is shown: some programs write the state of
        // each button of a group into it as a value.
        let value = match (dict.contains_key(b"T"), &self.value) {
            (false, Some(above)) => Some(above.clone()),
            _ => present(dict, b"V").or_else(|| self.value.clone()),
        };
        Self {
            name,
            kind: kind.or_else(|| self.kind.clone()),
            value,
            rich: present(dict, b"RV").or_else(|| self.rich.clone()),
            chosen: dict.get::<Array>(b"I").or_else(|| self.chosen.clone()),
            flags: dict.get::<i32>(b"Ff").or(self.flags),
            label: label.or_else(|| self.label.clone()),
            options: dict.get::<Array>(b"Opt").or_else(|| self.options.clone()),
            length_max: dict.get::<i32>(b"MaxLen").or(self.length_max),
        }
    }

    /// Whether it is a text whose characters each have a place of the same width.
    pub(super) fn comb(&self) -> Option<u32> {
        let is_comb =
            self.kind.as_deref() == Some(b"Tx") && self.flags.unwrap_or(0) & (1 << 24) != 0;
        let cells = self.length_max.and_then(|n| u32::try_from(n).ok());
        cells.filter(|cells| is_comb && (2..=1_000).contains(cells))
    }
}

/// A value that is there: `null` is none.
fn present<'a>(dict: &Dict<'a>, key: &[u8]) -> Option<Object<'a>> {
    dict.get::<Object>(key)
        .filter(|value| !matches!(value, Object::Null(_)))
}

/// The dictionaries of an array. Those written in place take the number of what they are written
/// in, so numbers come from the array.
pub(super) fn listed<'a>(array: &Array<'a>, xref: &'a XRef) -> Vec<Listed<'a>> {
    array
        .raw_iter()
        .filter_map(|item| match item {
            MaybeRef::Ref(id) => {
                let dict = xref.get::<Dict>(id.into())?;
                Some((Some((id.obj_number, id.gen_number)), dict))
            }
            MaybeRef::NotRef(Object::Dict(dict)) => Some((None, dict)),
            MaybeRef::NotRef(_) => None,
        })
        .collect()
}

/// The widgets of a page, each once.
pub(super) fn on_page<'a>(page: &Page<'a>) -> Vec<Shown<'a>> {
    let Some(annots) = page.raw().get::<Array>(b"Annots") else {
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    listed(&annots, page.xref())
        .into_iter()
        .filter(|(id, dict)| is_widget(dict) && id.is_none_or(|id| seen.insert(id)))
        .map(|(id, dict)| Shown {
            id,
            bbox: dict.get::<Rect>(b"Rect").map(|rect| page_box(page, rect)),
            dict,
        })
        .collect()
}

/// Some writers forget to say that a field with a place is a widget.
fn is_widget(dict: &Dict) -> bool {
    match dict.get::<Name>(b"Subtype") {
        Some(name) => &*name == b"Widget",
        None => dict.contains_key(b"FT") && dict.contains_key(b"Rect"),
    }
}

/// What a widget inherits, found by going up; and which of its parent's kids it is.
pub(super) fn above<'a>(shown: &Shown<'a>, depth_max: u32) -> (Inherited<'a>, usize) {
    let mut chain = vec![shown.dict.clone()];
    let mut seen: BTreeSet<Id> = shown.id.into_iter().collect();
    let mut index = None;
    while chain.len() <= depth_max as usize {
        let Some(last) = chain.last() else { break };
        let Some(parent) = last.get::<Dict>(b"Parent") else {
            break;
        };
        if let Some(id) = last.get_ref(b"Parent")
            && !seen.insert((id.obj_number, id.gen_number))
        {
            break;
        }
        if index.is_none() {
            index = Some(place_among_kids(&parent, shown.id));
        }
        chain.push(parent);
    }
    let field = (chain.iter().rev()).fold(Inherited::default(), |above, dict| above.below(dict));
    let named = shown.dict.contains_key(b"T");
    (field, index.filter(|_| !named).unwrap_or(0))
}

fn place_among_kids(parent: &Dict, id: Option<Id>) -> usize {
    let kids = parent.get::<Array>(b"Kids");
    let at = kids.and_then(|kids| {
        kids.raw_iter().position(|kid| {
            let kid = kid.as_obj_ref().map(|kid| (kid.obj_number, kid.gen_number));
            kid.is_some() && kid == id
        })
    });
    at.unwrap_or(0)
}

/// A field without kids, or a kid without a name.
struct Leaf<'a> {
    id: Option<Id>,
    dict: Dict<'a>,
    field: Rc<Inherited<'a>>,
    index: usize,
}

/// Every widget of the pages, then the fields that no page shows.
pub(super) fn find<'a>(pdf: &'a Pdf, form: Option<&Dict<'a>>, limits: Limits) -> Found<'a> {
    let mut full = false;
    let leaves = form.map_or_else(Vec::new, |form| leaves(pdf, form, limits, &mut full));
    let by_id: BTreeMap<Id, usize> = (leaves.iter().enumerate())
        .filter_map(|(at, leaf)| Some((leaf.id?, at)))
        .collect();
    let mut placed = BTreeSet::new();
    let mut widgets = Vec::new();
    let mut numbers: BTreeMap<Id, u32> = BTreeMap::new();
    'pages: for (number, page) in (1u32..).zip(pdf.pages().iter().take(limits.pages)) {
        if let Some(id) = page.raw().obj_id() {
            numbers.insert((id.obj_number, id.gen_number), number);
        }
        for (at, shown) in on_page(page).into_iter().enumerate() {
            if widgets.len() >= limits.widgets {
                full = true;
                break 'pages;
            }
            let leaf = shown.id.and_then(|id| by_id.get(&id).copied());
            let (field, index) = match leaf.and_then(|at| leaves.get(at)) {
                Some(leaf) => (leaf.field.clone(), leaf.index),
                None => {
                    let (field, index) = above(&shown, limits.depth);
                    (Rc::new(field), index)
                }
            };
            placed.extend(leaf);
            widgets.push(Widget {
                dict: shown.dict,
                field,
                index,
                page: Some(number),
                bbox: shown.bbox,
                on_page: Some(at),
            });
        }
    }
    for (at, leaf) in leaves.into_iter().enumerate() {
        if placed.contains(&at) {
            continue;
        }
        if widgets.len() >= limits.widgets {
            full = true;
            break;
        }
        let id = leaf.dict.get_ref(b"P");
        let page = id.and_then(|id| numbers.get(&(id.obj_number, id.gen_number)).copied());
        let rect = leaf.dict.get::<Rect>(b"Rect");
        let bbox = page.zip(rect).and_then(|(number, rect)| {
            let page = pdf.pages().get(number as usize - 1)?;
            Some(page_box(page, rect))
        });
        widgets.push(Widget {
            dict: leaf.dict,
            field: leaf.field,
            index: leaf.index,
            page,
            bbox,
            on_page: None,
        });
    }
    Found { widgets, full }
}

/// Goes down from the form's fields.
fn leaves<'a>(pdf: &'a Pdf, form: &Dict<'a>, limits: Limits, full: &mut bool) -> Vec<Leaf<'a>> {
    let xref = pdf.xref();
    let Some(roots) = form.get::<Array>(b"Fields") else {
        return Vec::new();
    };
    let nothing = Rc::new(Inherited::default());
    let mut pending: Vec<(Listed<'a>, Rc<Inherited<'a>>, usize, u32)> = listed(&roots, xref)
        .into_iter()
        .rev()
        .map(|root| (root, nothing.clone(), 0, 0))
        .collect();
    let mut visited = BTreeSet::new();
    let mut leaves = Vec::new();
    // Arrays written in place may be nested without numbers: their count is bounded, too.
    let mut steps = 0usize;
    while let Some(((id, dict), above, index, depth)) = pending.pop() {
        steps += 1;
        if leaves.len() >= limits.widgets || steps > limits.widgets.saturating_mul(8) {
            *full = true;
            break;
        }
        if depth > limits.depth || id.is_some_and(|id| !visited.insert(id)) {
            continue;
        }
        let here = Rc::new(above.below(&dict));
        let kids = dict
            .get::<Array>(b"Kids")
            .map(|kids| listed(&kids, xref))
            .unwrap_or_default();
        if kids.is_empty() {
            let index = if dict.contains_key(b"T") { 0 } else { index };
            leaves.push(Leaf {
                id,
                dict,
                field: here,
                index,
            });
            continue;
        }
        let kids = kids.into_iter().enumerate().rev();
        pending.extend(kids.map(|(at, kid)| (kid, here.clone(), at, depth + 1)));
    }
    leaves
}

/// The bytes of a stream of at most `limit` bytes.
pub(super) fn bytes_of(stream: &Stream, limit: u64) -> Option<Vec<u8>> {
    if !crate::pdf::bounds::Bounds::new(limit).fits(stream) {
        return None;
    }
    stream.decoded_data().ok().map(|data| data.to_vec())
}

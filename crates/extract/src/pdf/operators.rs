//! How many operators drawing a page takes, counted before it is drawn.
//!
//! A form may draw other forms, each as often as it likes: thirty that draw the next one twice are
//! a thousand million drawings out of two kilobytes. Each form is read once here, and what it takes
//! follows from what those take that it draws.

use std::collections::BTreeMap;

use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro_syntax::page::{Page, Resources};

/// The interpreter goes no deeper into forms in forms.
const NESTED_MAX: usize = 50;

/// Different forms looked at for one page. What lies beyond is left to the process's limits.
const FORMS_MAX: usize = 20_000;

type Id = (u32, i32);

/// A form, and the one (none: the page) whose resources it draws with.
type Key = (Id, Option<Id>);

/// A content stream read once.
#[derive(Clone, Default)]
struct Content {
    own: u64,
    /// What it draws, and how often.
    draws: BTreeMap<Key, u64>,
}

/// What was counted so far over all pages of the document.
pub(crate) struct Operators {
    limit: u64,
    spent: u64,
    /// Forms with resources of their own, which are the same on every page.
    read: BTreeMap<Key, Content>,
}

impl Operators {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            spent: 0,
            read: BTreeMap::new(),
        }
    }

    /// Whether there is room for the operators of this page; if so they are counted. Those of a
    /// page without forms are bounded by its length, and not counted.
    pub(crate) fn page_fits(&mut self, page: &Page) -> bool {
        let resources = page.resources();
        let mut forms = Forms {
            content: std::mem::take(&mut self.read),
            pending: Vec::new(),
        };
        let mut root = Content::default();
        if draws_forms(resources) {
            root = forms.content(page.typed_operations(), resources, None);
        }
        if let Some(annotations) = page.raw().get::<Array>(b"Annots") {
            for shown in annotations.iter::<Dict>().filter_map(|a| appearance(&a)) {
                forms.draw(&shown, resources, None, &mut root);
            }
        }
        if root.draws.is_empty() {
            self.read = forms.content;
            return true;
        }
        forms.follow();
        let total = forms.total(&root);
        self.read = forms.content;
        self.read.retain(|(_, scope), _| scope.is_some());
        let spent = self.spent.saturating_add(total);
        let fits = spent <= self.limit;
        if fits {
            self.spent = spent;
        }
        fits
    }
}

/// The forms that are reached from a page.
struct Forms<'a> {
    content: BTreeMap<Key, Content>,
    pending: Vec<(Key, Stream<'a>, Resources<'a>)>,
}

impl<'a> Forms<'a> {
    /// Reads a content stream.
    fn content(
        &mut self,
        mut operators: TypedIter,
        resources: &Resources<'a>,
        scope: Option<Id>,
    ) -> Content {
        let mut content = Content::default();
        while let Some(operator) = operators.next() {
            content.own += 1;
            if let TypedInstruction::XObject(drawn) = operator
                && let Some(stream) = resources.get_x_object(drawn.0)
                && is_form(&stream)
            {
                self.draw(&stream, resources, scope, &mut content);
            }
        }
        content
    }

    /// Notes that a form is drawn by what `by` is the content of.
    fn draw(
        &mut self,
        form: &Stream<'a>,
        resources: &Resources<'a>,
        scope: Option<Id>,
        by: &mut Content,
    ) {
        let id = form.obj_id();
        let id = (id.obj_number, id.gen_number);
        let own = form.dict().get::<Dict>(b"Resources");
        let key = (id, own.as_ref().map_or(scope, |_| Some(id)));
        let times = by.draws.entry(key).or_default();
        *times += 1;
        if *times == 1 && !self.content.contains_key(&key) && self.content.len() < FORMS_MAX {
            self.content.insert(key, Content::default());
            let resources = own.map_or_else(|| resources.clone(), Resources::new);
            self.pending.push((key, form.clone(), resources));
        }
    }

    /// Reads what is drawn, and what that draws.
    fn follow(&mut self) {
        while let Some((key, form, resources)) = self.pending.pop() {
            let Ok(data) = form.decoded_data() else {
                continue;
            };
            let content = self.content(TypedIter::new(&data), &resources, key.1);
            self.content.insert(key, content);
        }
    }

    /// The operators of a page: by how deep forms may go, from none to as deep as they are drawn.
    fn total(&self, root: &Content) -> u64 {
        let sum = |content: &Content, below: &BTreeMap<&Key, u64>| {
            content.draws.iter().fold(content.own, |sum, (key, times)| {
                let one = below.get(key).copied().unwrap_or(0);
                sum.saturating_add(one.saturating_add(1).saturating_mul(*times))
            })
        };
        let mut below = BTreeMap::new();
        for _ in 0..NESTED_MAX {
            let next: BTreeMap<&Key, u64> = (self.content.iter())
                .map(|(key, content)| (key, sum(content, &below)))
                .collect();
            // As deep as any form goes.
            if next == below {
                break;
            }
            below = next;
        }
        sum(root, &below)
    }
}

fn is_form(stream: &Stream) -> bool {
    let kind = stream.dict().get::<Name>(b"Subtype");
    kind.is_some_and(|kind| &*kind == b"Form")
}

fn draws_forms(resources: &Resources) -> bool {
    let objects = &resources.x_objects;
    objects.keys().any(|key| {
        objects
            .get::<Stream>(&key)
            .is_some_and(|object| is_form(&object))
    })
}

/// What an annotation looks like, in its state.
fn appearance<'a>(annotation: &Dict<'a>) -> Option<Stream<'a>> {
    match annotation.get::<Dict>(b"AP")?.get::<Object>(b"N")? {
        Object::Stream(stream) => Some(stream),
        Object::Dict(states) => annotation
            .get::<Name>(b"AS")
            .and_then(|state| states.get::<Stream>(state))
            .or_else(|| states.get::<Stream>(b"Off")),
        _ => None,
    }
}

//! Optional content (ISO 32000-2, 8.11): layers that are off are not drawn, and not read.

use std::collections::BTreeSet;

use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name};
use hayro_syntax::page::Page;

/// The layers of a document that are off when it is opened.
pub(super) struct Hidden(BTreeSet<(u32, i32)>);

impl Hidden {
    pub(super) fn of(pdf: &Pdf) -> Self {
        let read = || {
            let catalog = pdf.xref().get::<Dict>(pdf.xref().root_id())?;
            let properties = catalog.get::<Dict>(b"OCProperties")?;
            let config = properties.get::<Dict>(b"D")?;
            let mut off = BTreeSet::new();
            if config
                .get::<Name>(b"BaseState")
                .is_some_and(|state| &*state == b"OFF")
            {
                off.extend(ids(&properties, b"OCGs"));
                for id in ids(&config, b"ON") {
                    off.remove(&id);
                }
            }
            off.extend(ids(&config, b"OFF"));
            Some(off)
        };
        Self(read().unwrap_or_default())
    }

    /// Whether a page refers to a layer that is off.
    pub(super) fn is_on(&self, page: &Page) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let resources = page.resources();
        let is_off = |dict: &Dict, key: &[u8]| {
            dict.get_ref(key)
                .is_some_and(|id| self.0.contains(&(id.obj_number, id.gen_number)))
        };
        let properties = &resources.properties;
        let objects = &resources.x_objects;
        properties
            .entries()
            .any(|(key, _)| is_off(properties, &key))
            || objects.entries().any(|(key, _)| {
                objects
                    .get::<hayro_syntax::object::Stream>(&key)
                    .is_some_and(|stream| is_off(stream.dict(), b"OC"))
            })
    }
}

fn ids(dict: &Dict, key: &[u8]) -> Vec<(u32, i32)> {
    dict.get::<Array>(key)
        .iter()
        .flat_map(Array::raw_iter)
        .filter_map(|item| item.as_obj_ref())
        .map(|id| (id.obj_number, id.gen_number))
        .collect()
}

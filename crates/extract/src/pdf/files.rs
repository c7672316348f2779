//! Files embedded in a PDF (ISO 32000-2, 7.11.4): attachments of the document and of its pages.

use std::collections::BTreeSet;

use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};

use super::bounds::Bounds;
use super::strings;
use crate::budgets::Budget;
use crate::draft::Draft;

/// Nodes of the name tree followed, so that a tree that refers to itself ends.
const NODES_MAX: usize = 10_000;

/// Adds the embedded files as attachments, in the order of the name tree, then of the pages.
pub(super) fn read(pdf: &Pdf, draft: &mut Draft) {
    let mut specs = Vec::new();
    let tree = pdf
        .xref()
        .get::<Dict>(pdf.xref().root_id())
        .and_then(|catalog| catalog.get::<Dict>(b"Names"))
        .and_then(|names| names.get::<Dict>(b"EmbeddedFiles"));
    let mut pending: Vec<Dict> = tree.into_iter().collect();
    let mut visited = BTreeSet::new();
    while let Some(node) = pending.pop() {
        if let Some(id) = node.obj_id()
            && !visited.insert((id.obj_number, id.gen_number))
        {
            continue;
        }
        if visited.len() > NODES_MAX {
            draft.reached(Budget::Objects);
            break;
        }
        if let Some(names) = node.get::<Array>(b"Names") {
            specs.extend(names.iter::<Object>().filter_map(Object::into_dict));
        }
        if let Some(kids) = node.get::<Array>(b"Kids") {
            let kids: Vec<Dict> = kids.iter::<Dict>().take(NODES_MAX).collect();
            pending.extend(kids.into_iter().rev());
        }
    }
    // Associated files (ISO 32000-2, 14.13), which invoices use, need not be in the tree.
    let catalog = pdf.xref().get::<Dict>(pdf.xref().root_id());
    specs.extend(catalog.iter().flat_map(associated));
    for page in pdf.pages().iter().take(draft.page_count()) {
        specs.extend(associated(page.raw()));
        if let Some(annots) = page.raw().get::<Array>(b"Annots") {
            let attached = annots.iter::<Dict>().filter(|annot| {
                annot
                    .get::<Name>(b"Subtype")
                    .is_some_and(|name| &*name == b"FileAttachment")
            });
            for annot in attached {
                specs.extend(annot.get::<Dict>(b"FS"));
                specs.extend(associated(&annot));
            }
        }
    }
    let mut bounds = Bounds::new(draft.budgets.stream_bytes);
    let mut seen = BTreeSet::new();
    for spec in specs {
        file(&spec, &mut bounds, &mut seen, draft);
    }
}

/// The files that a dictionary says belong to it.
fn associated<'a>(dict: &Dict<'a>) -> Vec<Dict<'a>> {
    match dict.get::<Object>(b"AF") {
        Some(Object::Array(files)) => files.iter::<Dict>().take(NODES_MAX).collect(),
        Some(Object::Dict(file)) => vec![file],
        _ => Vec::new(),
    }
}

fn file(spec: &Dict, bounds: &mut Bounds, seen: &mut BTreeSet<(u32, i32)>, draft: &mut Draft) {
    let Some(embedded) = spec.get::<Dict>(b"EF") else {
        return;
    };
    let Some(stream) = [b"UF".as_slice(), b"F", b"Unix", b"Mac", b"DOS"]
        .into_iter()
        .find_map(|key| embedded.get::<Stream>(key))
    else {
        return;
    };
    // The name tree and a page may show the same file.
    let id = stream.obj_id();
    if !seen.insert((id.obj_number, id.gen_number)) {
        return;
    }
    if !draft.has_room() {
        draft.leave_out();
        return;
    }
    let part = (draft.attachment_count() + 1).to_string();
    let name = [b"UF".as_slice(), b"F"]
        .into_iter()
        .find_map(|key| spec.get::<PdfString>(key))
        .map(|name| strings::text(&name))
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| format!("part-{part}"));
    let media_type = stream
        .dict()
        .get::<Name>(b"Subtype")
        .map(|name| strings::text(&name))
        .filter(|media_type| media_type.contains('/'))
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    if !bounds.fits(&stream) {
        draft.reached(Budget::StreamBytes);
        draft.attach_unreadable(part, name, media_type);
        return;
    }
    match stream.decoded_data() {
        Ok(bytes) => draft.attach(part, name, media_type, &bytes),
        Err(_) => draft.attach_unreadable(part, name, media_type),
    }
}

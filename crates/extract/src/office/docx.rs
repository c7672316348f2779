//! Word documents (ISO/IEC 29500 WordprocessingML): which parts there are and in which order they
//! are read. [`body`] walks a part, [`styles`] knows what a style or a numbering means.

mod body;
mod styles;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use domain::NoteCode;

use super::package::Package;
use super::story::{Part, Story};
use super::xml;
use crate::draft::Draft;
use styles::Styles;

/// Folders whose files are documents of their own.
const EMBEDDED: [&str; 2] = ["word/embeddings/", "word/afchunk"];

/// The parts that hold text, in the order they are read: how their names begin, and the kind of the
/// relationship to those of other names.
const STORIES: [(&str, &str, Part); 8] = [
    ("word/header", "header", Part::Header),
    ("word/document", "officeDocument", Part::Body),
    ("word/diagrams/data", "diagramData", Part::Body),
    ("word/charts/chart", "chart", Part::Body),
    ("word/footnotes", "footnotes", Part::Body),
    ("word/endnotes", "endnotes", Part::Body),
    ("word/comments", "comments", Part::Body),
    ("word/footer", "footer", Part::Footer),
];

/// Reads a document.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let Some(mut package) = Package::open(bytes, "DOCX", draft) else {
        return;
    };
    if !draft.page(0.0, 0.0) {
        return;
    }
    draft.infer_pairs = true;
    if let Some(core) = package.text("docProps/core.xml", draft) {
        draft.title = xml::element_text(&core, "title", "docProps/core.xml", draft);
    }
    let mut styles = Styles::default();
    if let Some(part) = package.text("word/styles.xml", draft) {
        styles.read_styles(&part, draft);
    }
    if let Some(part) = package.text("word/numbering.xml", draft) {
        styles.read_numbering(&part, draft);
    }
    // First pages, even and odd pages have headers of their own, mostly the same.
    let mut seen = BTreeSet::new();
    // The package says which part is the main one; most call it `word/document.xml`.
    let main = package.relationships("", draft).of_kind("officeDocument");
    let related: Vec<_> = main
        .iter()
        .map(|main| package.relationships(main, draft))
        .collect();
    let mut body = package.numbered("word/document");
    body.extend(main.iter().filter(|name| package.has(name)).cloned());
    if body.is_empty() {
        draft.note(NoteCode::DamagedFile, Some("DOCX: main part".into()));
    }
    for (start, kind, part) in STORIES {
        let mut names = package.numbered(start);
        let others = match kind {
            "officeDocument" => main.clone(),
            kind => related.iter().flat_map(|r| r.of_kind(kind)).collect(),
        };
        for other in others {
            if !names.contains(&other) {
                names.push(other);
            }
        }
        for name in names {
            let Some(text) = package.text(&name, draft) else {
                continue;
            };
            let mut story: Story = body::read(&text, &mut styles, draft);
            if story.hidden {
                draft.note(NoteCode::HiddenText, Some("text".into()));
            }
            if part == Part::Body || seen.insert(story.said()) {
                story.write(part, draft);
            }
        }
    }
    for folder in EMBEDDED {
        package.attach(folder, draft);
    }
    let margins = package.pictures_of_margins(&["word/header", "word/footer"], &body, draft);
    match draft.has_text() {
        true => package.attach_pictures("word/media/", &margins, draft),
        // A scan pasted into a document says nothing else.
        false => package.attach("word/media/", draft),
    }
}

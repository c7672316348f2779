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

/// The parts that hold text, in the order they are read.
const STORIES: [(&str, Part); 8] = [
    ("word/header", Part::Header),
    ("word/document", Part::Body),
    ("word/diagrams/data", Part::Body),
    ("word/charts/chart", Part::Body),
    ("word/footnotes", Part::Body),
    ("word/endnotes", Part::Body),
    ("word/comments", Part::Body),
    ("word/footer", Part::Footer),
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
    for (start, part) in STORIES {
        for name in package.numbered(start) {
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
    // A scan pasted into a document says nothing else.
    if !draft.has_text() {
        package.attach("word/media/", draft);
    }
}

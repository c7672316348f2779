//! What people wrote upon a page (ISO 32000-2, 12.5.6): notes, remarks on marked words, free text
//! that no appearance shows.

use domain::PageBox;
use hayro_syntax::object::{Array, Dict, Name, Rect, String as PdfString};
use hayro_syntax::page::Page;

use super::{page_box, strings};

/// More on one page are noise.
const COMMENTS_MAX: usize = 1_000;

/// A remark, as the text has it, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comment {
    pub(super) text: String,
    pub(super) bbox: Option<PageBox>,
}

/// The remarks on a page, in the order of its annotations.
pub(super) fn of(page: &Page) -> Vec<Comment> {
    let annotations = page.raw().get::<Array>(b"Annots");
    let annotations = annotations.iter().flat_map(|all| all.iter::<Dict>());
    annotations
        .filter(is_remark)
        .filter_map(|annotation| comment(&annotation, page))
        .take(COMMENTS_MAX)
        .collect()
}

/// Links, widgets and windows say nothing; free text with an appearance is drawn with the page.
fn is_remark(annotation: &Dict) -> bool {
    let Some(kind) = annotation.get::<Name>(b"Subtype") else {
        return false;
    };
    match &*kind {
        b"Text" | b"Highlight" | b"Underline" | b"Squiggly" | b"StrikeOut" | b"Caret" => true,
        b"FreeText" => !annotation.contains_key(b"AP"),
        _ => false,
    }
}

fn comment(annotation: &Dict, page: &Page) -> Option<Comment> {
    let said = |key: &[u8]| {
        let text = strings::text(&annotation.get::<PdfString>(key)?);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then_some(words)
    };
    let words = said(b"Contents")?;
    let text = match said(b"T") {
        Some(author) => format!("[Commentaire, {author}] {words}"),
        None => format!("[Commentaire] {words}"),
    };
    let bbox = annotation
        .get::<Rect>(b"Rect")
        .map(|rect| page_box(page, rect));
    Some(Comment { text, bbox })
}

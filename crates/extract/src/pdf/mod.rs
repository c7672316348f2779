//! PDF (ISO 32000): text with places, form fields, embedded files.
//!
//! The interpreter draws each page on a device that only keeps glyphs and lines; `layout` puts them
//! in reading order, `beside` and `flat` look at what stands around fields; once all pages are there,
//! `comments` are what people wrote upon it, `roles` tells headers and headings and `sheets` whether their letters make sense. Guards stand
//! before it: `nesting` puts out what lies too deep, `bounds` measures compressed streams before they
//! are inflated, `operators` counts what forms draw in forms, and the device stops the interpreter
//! when a budget is reached.

mod beside;
mod bidi;
pub(crate) mod bounds;
mod comments;
mod files;
mod flat;
mod form;
mod glyphs;
mod grid;
mod layers;
mod layout;
mod letters;
pub(crate) mod nesting;
pub(crate) mod operators;
mod roles;
mod rules;
mod sheets;
mod strings;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::{NoteCode, PageBox};
use hayro_interpret::InterpreterCache;
use hayro_syntax::page::Page;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfData};

use crate::budgets::Budget;
use crate::draft::Draft;
use bounds::Bounds;
use glyphs::{Canvas, Spent, Stop};
use layers::Hidden;
use operators::Operators;
use sheets::{Seen, Sheets};

/// After this many pages the fonts kept for the next ones are dropped, so that memory depends on
/// the page and not on the document.
const PAGES_PER_CACHE: usize = 64;

/// Reads a document.
pub(crate) fn read(bytes: &[u8], password: Option<&str>, draft: &mut Draft) {
    let (bounded, too_deep) = nesting::bounded(bytes, draft.budgets.depth);
    if too_deep {
        draft.reached(Budget::Depth);
    }
    let Ok(loaded) = catch_unwind(|| open(bounded.into(), password)) else {
        draft.note(NoteCode::DamagedFile, Some("PDF".into()));
        return;
    };
    let pdf = match loaded {
        Ok(pdf) => pdf,
        Err(LoadPdfError::Decryption(error)) => {
            let detail = match error {
                DecryptionError::PasswordProtected if password.is_some() => {
                    "wrong password: give the right one with --password or GREFFIER_PASSWORD"
                }
                DecryptionError::PasswordProtected => {
                    "password: give it with --password or GREFFIER_PASSWORD"
                }
                _ => "unsupported encryption",
            };
            draft.note(NoteCode::Encrypted, Some(detail.into()));
            return;
        }
        Err(LoadPdfError::Invalid) => {
            draft.note(NoteCode::DamagedFile, Some("PDF".into()));
            return;
        }
    };
    if pdf.len() as u64 > draft.budgets.objects {
        draft.reached(Budget::Objects);
        return;
    }
    draft.title = pdf.metadata().title.as_deref().map(strings::title);
    let seen = pages(&pdf, draft);
    // A repaired file may have lost its end, or all of its pages: neither is silence.
    if draft.page_count() == 0 {
        draft.note(NoteCode::DamagedFile, Some("no page could be found".into()));
    } else if !has_end(bytes) {
        draft.note(
            NoteCode::DamagedFile,
            Some("the end of the file is missing".into()),
        );
    }
    // Pages are there already: a panic below costs the fields or the files only.
    let fields = catch_unwind(AssertUnwindSafe(|| form::read(&pdf, &seen, draft)));
    if fields.is_err() {
        draft.note(NoteCode::DamagedFile, Some("AcroForm".into()));
    }
    let files = catch_unwind(AssertUnwindSafe(|| files::read(&pdf, draft)));
    if files.is_err() {
        draft.note(NoteCode::DamagedFile, Some("EmbeddedFiles".into()));
    }
}

/// Opens a document: without a password where that does, since one is given for many files.
fn open(data: PdfData, password: Option<&str>) -> Result<Pdf, LoadPdfError> {
    let locked = LoadPdfError::Decryption(DecryptionError::PasswordProtected);
    match (Pdf::new(data.clone()), password) {
        (Err(error), Some(password)) if error == locked => Pdf::new_with_password(data, password),
        (opened, _) => opened,
    }
}

/// Whether the file has its end mark (ISO 32000-1, 7.5.5), give or take what was added after it.
fn has_end(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"%%EOF";
    let tail = &bytes[bytes.len().saturating_sub(8_192)..];
    tail.windows(MARK.len()).any(|w| w == MARK)
}

/// Reads the pages. Returns what of each is for the form's fields.
fn pages(pdf: &Pdf, draft: &mut Draft) -> Vec<Seen> {
    let mut bounds = Bounds::new(draft.budgets.stream_bytes);
    let mut operators = Operators::new(draft.budgets.operators);
    let mut spent = Spent::default();
    let mut cache = InterpreterCache::new();
    let hidden = Hidden::of(pdf);
    let mut sheets = Sheets::default();
    for (i, page) in pdf.pages().iter().enumerate() {
        if i as u64 >= u64::from(draft.budgets.pages) {
            draft.reached(Budget::Pages);
            break;
        }
        let (width, height) = page.render_dimensions();
        sheets.begin(f64::from(width), f64::from(height));
        if hidden.is_on(page) {
            sheets.note(NoteCode::HiddenText, Some("layer".into()));
        }
        if i > 0 && i % PAGES_PER_CACHE == 0 {
            cache = InterpreterCache::new();
        }
        // Streams first: counting operators inflates them.
        let beyond = catch_unwind(AssertUnwindSafe(|| match bounds.page_fits(page) {
            false => Some(Budget::StreamBytes),
            true => (!operators.page_fits(page)).then_some(Budget::Operators),
        }));
        match beyond {
            Ok(None) => {}
            Ok(Some(budget)) => {
                let detail = budget.reached(draft.budgets);
                sheets.note(NoteCode::BudgetReached, Some(detail));
                continue;
            }
            Err(_) => {
                sheets.note(NoteCode::DamagedPage, None);
                bounds = Bounds::new(draft.budgets.stream_bytes);
                continue;
            }
        }
        let mut canvas = Canvas::new(page, draft.budgets, spent);
        let drawn = catch_unwind(AssertUnwindSafe(|| canvas.draw(page, &cache)));
        spent = canvas.spent();
        let stop = match drawn {
            Ok(()) => None,
            Err(cause) => {
                // What the interpreter was doing when it was stopped is unknown: start afresh.
                cache = InterpreterCache::new();
                match cause.downcast::<Stop>() {
                    Ok(stop) => Some(stop.0),
                    Err(_) => {
                        sheets.note(NoteCode::DamagedPage, None);
                        None
                    }
                }
            }
        };
        let depth = draft.budgets.depth;
        let spots = catch_unwind(AssertUnwindSafe(|| form::spots(page, depth)));
        sheets.add(canvas.finish(), &spots.unwrap_or_default());
        let comments = catch_unwind(AssertUnwindSafe(|| comments::of(page)));
        sheets.comment(comments.unwrap_or_default());
        if let Some(budget) = stop {
            let detail = budget.reached(draft.budgets);
            sheets.note(NoteCode::BudgetReached, Some(detail));
            break;
        }
    }
    sheets.write(draft)
}

/// A rectangle of the page's own space, as a box from the top left after rotation.
fn page_box(page: &Page, rect: hayro_syntax::object::Rect) -> PageBox {
    let [a, b, c, d, e, f] = page.initial_transform(true).as_coeffs();
    let at = |x: f64, y: f64| (a * x + c * y + e, b * x + d * y + f);
    let (x0, y0) = at(rect.x0, rect.y0);
    let (x1, y1) = at(rect.x1, rect.y1);
    PageBox::new(x0, y0, x1, y1)
}

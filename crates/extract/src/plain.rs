//! Plain text, Markdown, and tables read whole.

use crate::charset;
use crate::draft::Draft;

/// Text: blank lines separate blocks, form feeds separate pages.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let decoded = charset::decode(bytes, None);
    decoded.note(draft);
    draft.infer_pairs = true;
    for page in decoded.text.split('\u{c}') {
        if !draft.page(0.0, 0.0) {
            return;
        }
        paragraphs(page, draft);
    }
}

/// A table or lines of JSON: one line a row.
pub(crate) fn read_lines(bytes: &[u8], draft: &mut Draft) {
    let decoded = charset::decode(bytes, None);
    decoded.note(draft);
    if draft.page(0.0, 0.0) {
        paragraphs(&decoded.text, draft);
    }
}

/// Adds text to the last page; blank lines separate blocks.
pub(crate) fn paragraphs(text: &str, draft: &mut Draft) {
    let text = text.replace("\r\n", "\n");
    for line in text.split(['\n', '\r']) {
        if line.trim().is_empty() {
            draft.end_block();
        } else {
            draft.line(line, None);
        }
    }
    draft.end_block();
}

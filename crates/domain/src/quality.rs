//! How well a document was read: the sheet that lists, inbox and record carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layout::{Layout, NoteCode, ReadBy};

/// How well a document was read. Counts only, so that a record can carry it: nothing here is
/// content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Pages the document has, as far as reading went.
    pub pages: u32,
    /// Pages read from the text that the file holds.
    pub read_as_text: u32,
    /// Pages read by OCR.
    pub read_by_ocr: u32,
    /// Pages that wait for OCR.
    pub waiting_for_ocr: u32,
    /// Pages that are damaged or cut short by a budget.
    pub partly_read: u32,
    /// Mean confidence of OCR over its characters, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence_percent: Option<u8>,
    /// Characters read, white space aside.
    pub characters: u64,
    /// Share of the characters that make no sense: replaced, or on pages whose text layer is
    /// garbled and was not read otherwise. In thousandths, rounded up.
    pub garbled_permille: u16,
    /// Form fields with a value.
    pub fields_filled: u32,
    /// What was left out, by the code of its note, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<NoteCode>,
}

/// Notes that mean that something of the document is not in its text.
const LOSSES: [NoteCode; 11] = [
    NoteCode::NotReadableYet,
    NoteCode::UnknownFormat,
    NoteCode::Encrypted,
    NoteCode::DamagedFile,
    NoteCode::DamagedPage,
    NoteCode::NeedsOcr,
    NoteCode::GarbledText,
    NoteCode::BudgetReached,
    NoteCode::AttachmentUnreadable,
    NoteCode::NestedTooDeep,
    NoteCode::UnexpandedReference,
];

/// Notes of a page that recognition was tried on without success.
const IN_VAIN: [NoteCode; 3] = [
    NoteCode::DamagedPage,
    NoteCode::BudgetReached,
    NoteCode::LowConfidence,
];

/// More of the characters than this make no sense: the text says something else than the document.
const GARBLED_PERMILLE_MAX: u16 = 100;

impl Quality {
    /// The sheet of a layout and the stored text it refers to.
    pub fn of(layout: &Layout, text: &str) -> Self {
        let mut sheet = Self {
            pages: layout.pages.len() as u32,
            fields_filled: layout.fields.iter().filter(|f| f.value.is_some()).count() as u32,
            ..Self::default()
        };
        let on = |page: u32, codes: &[NoteCode]| {
            layout
                .notes
                .iter()
                .any(|n| n.page == Some(page) && codes.contains(&n.code))
        };
        let (mut garbled, mut sure, mut recognised) = (0u64, 0u64, 0u64);
        for page in &layout.pages {
            let words = page.span.of(text).unwrap_or_default();
            let characters = words.chars().filter(|c| !c.is_whitespace()).count() as u64;
            sheet.characters += characters;
            // Where OCR was tried in vain, it left a note of why.
            let waits = page.read_by == ReadBy::Text
                && on(page.number, &[NoteCode::NeedsOcr, NoteCode::GarbledText])
                && !on(page.number, &IN_VAIN);
            match page.read_by {
                ReadBy::Ocr => sheet.read_by_ocr += 1,
                ReadBy::Text if waits => sheet.waiting_for_ocr += 1,
                ReadBy::Text => sheet.read_as_text += 1,
            }
            sheet.partly_read += u32::from(on(
                page.number,
                &[NoteCode::DamagedPage, NoteCode::BudgetReached],
            ));
            garbled += if page.read_by == ReadBy::Text && on(page.number, &[NoteCode::GarbledText])
            {
                characters
            } else {
                words.chars().filter(|c| *c == '\u{fffd}').count() as u64
            };
            for line in page.blocks.iter().flat_map(|block| &block.lines) {
                if let Some(confidence) = line.confidence {
                    sure += u64::from(line.span.len()) * u64::from(confidence);
                    recognised += u64::from(line.span.len());
                }
            }
        }
        if let Some(mean) = sure.checked_div(recognised) {
            sheet.confidence_percent = Some(mean.min(100) as u8);
        }
        if let Some(share) =
            (garbled * 1000 + sheet.characters.saturating_sub(1)).checked_div(sheet.characters)
        {
            sheet.garbled_permille = share.min(1000) as u16;
        }
        sheet.left_out = layout
            .notes
            .iter()
            .map(|note| note.code)
            .filter(|code| LOSSES.contains(code))
            .collect();
        sheet.left_out.sort();
        sheet.left_out.dedup();
        sheet
    }

    /// Whether all of the document is in its text, as far as its pages tell: not what its
    /// attachments say, which are documents of their own.
    pub fn is_whole(&self) -> bool {
        // A page that was garbled and was read by OCR is there.
        let read_otherwise = [NoteCode::NeedsOcr, NoteCode::GarbledText];
        !self.waits_for_ocr()
            && self.partly_read == 0
            && self.garbled_permille <= GARBLED_PERMILLE_MAX
            && (self.left_out.iter()).all(|code| read_otherwise.contains(code))
    }

    /// Whether a page still waits for OCR.
    pub const fn waits_for_ocr(&self) -> bool {
        self.waiting_for_ocr > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;
    use crate::layout::{Block, BlockRole, Line, Note, Page, Points};

    fn page(number: u32, span: Span, read_by: ReadBy, confidence: Option<u8>) -> Page {
        Page {
            number,
            width: Points::new(595.0),
            height: Points::new(842.0),
            span,
            read_by,
            blocks: vec![Block {
                role: BlockRole::Text,
                lines: vec![Line {
                    span,
                    bbox: None,
                    confidence,
                }],
            }],
        }
    }

    #[test]
    fn a_sheet_counts_pages_by_how_they_were_read() {
        let text = "dix lettres\u{c}cwvtg\u{c}lu par ocr\u{c}";
        let mut layout = Layout::empty("application/pdf");
        layout.pages = vec![
            page(1, Span::new(0, 11), ReadBy::Text, None),
            page(2, Span::new(12, 17), ReadBy::Text, None),
            page(3, Span::new(18, 28), ReadBy::Ocr, Some(80)),
            page(4, Span::new(29, 29), ReadBy::Text, None),
        ];
        layout.notes = vec![
            Note::page(NoteCode::GarbledText, 2, None),
            Note::page(NoteCode::ReadByOcr, 3, None),
            Note::page(NoteCode::NeedsOcr, 4, None),
        ];
        let sheet = Quality::of(&layout, text);
        assert_eq!((sheet.pages, sheet.read_as_text), (4, 1));
        assert_eq!((sheet.read_by_ocr, sheet.waiting_for_ocr), (1, 2));
        assert_eq!(sheet.confidence_percent, Some(80));
        assert_eq!(sheet.characters, 10 + 5 + 8);
        // 5 of 23 characters, rounded up.
        assert_eq!(sheet.garbled_permille, 218);
        assert_eq!(
            sheet.left_out,
            vec![NoteCode::NeedsOcr, NoteCode::GarbledText]
        );
        assert!(sheet.waits_for_ocr());
    }

    #[test]
    fn nothing_read_divides_nothing() {
        let sheet = Quality::of(&Layout::empty("text/plain"), "");
        assert_eq!(sheet.garbled_permille, 0);
        assert_eq!(sheet.confidence_percent, None);
    }
}

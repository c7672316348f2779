//! How much of a document is read before reading stops.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds on what is read of one document. They depend on the content alone, never on time or on
/// the machine, so that the same bytes always give the same output; a bound that was reached is a
/// note naming it. They are part of the stage's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Bytes of the document. A larger one is not read at all.
    pub input_bytes: u64,
    /// Pages read, from the first.
    pub pages: u32,
    /// Glyphs kept over all pages of a document.
    pub glyphs: u64,
    /// Drawing operations followed over all pages of a document.
    pub draws: u64,
    /// Operators of pages that draw forms, over all pages of a document; those of a form count each
    /// time that it is drawn.
    pub operators: u64,
    /// Objects of a PDF, parts of an archive, events of an XML part.
    pub objects: u64,
    /// Bytes of one compressed stream or archive part once inflated.
    pub stream_bytes: u64,
    /// Pixels of one page that is an image. A larger one is not decoded.
    pub pixels: u64,
    /// Characters of stored text.
    pub characters: u64,
    /// Lines of stored text.
    pub lines: u64,
    /// Form fields.
    pub fields: u64,
    /// Attachments taken out.
    pub attachments: u64,
    /// Bytes of all attachments taken out.
    pub attachment_bytes: u64,
    /// How deep containers nest: objects of a PDF, form fields, elements of XML, members of a row,
    /// tables in tables.
    pub depth: u32,
    /// Rows of a table at intake.
    pub rows: u64,
    /// Columns of a table at intake.
    pub columns: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            input_bytes: 128 << 20,
            pages: 2_000,
            glyphs: 8_000_000,
            draws: 20_000_000,
            operators: 20_000_000,
            objects: 2_000_000,
            stream_bytes: 64 << 20,
            pixels: 60_000_000,
            characters: 8_000_000,
            lines: 400_000,
            fields: 20_000,
            attachments: 200,
            attachment_bytes: 128 << 20,
            depth: 64,
            rows: 1_000_000,
            columns: 2_000,
        }
    }
}

/// A budget by name, for the note that says it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    InputBytes,
    Pages,
    Glyphs,
    Draws,
    Operators,
    Objects,
    StreamBytes,
    Pixels,
    Characters,
    Lines,
    Fields,
    Attachments,
    AttachmentBytes,
    Depth,
    Rows,
    Columns,
}

impl Budget {
    /// The detail of the note: the setting's name and its limit.
    pub(crate) fn reached(self, budgets: &Budgets) -> String {
        let (name, limit) = match self {
            Self::InputBytes => ("input_bytes", budgets.input_bytes),
            Self::Pages => ("pages", u64::from(budgets.pages)),
            Self::Glyphs => ("glyphs", budgets.glyphs),
            Self::Draws => ("draws", budgets.draws),
            Self::Operators => ("operators", budgets.operators),
            Self::Objects => ("objects", budgets.objects),
            Self::StreamBytes => ("stream_bytes", budgets.stream_bytes),
            Self::Pixels => ("pixels", budgets.pixels),
            Self::Characters => ("characters", budgets.characters),
            Self::Lines => ("lines", budgets.lines),
            Self::Fields => ("fields", budgets.fields),
            Self::Attachments => ("attachments", budgets.attachments),
            Self::AttachmentBytes => ("attachment_bytes", budgets.attachment_bytes),
            Self::Depth => ("depth", u64::from(budgets.depth)),
            Self::Rows => ("rows", budgets.rows),
            Self::Columns => ("columns", budgets.columns),
        };
        format!("{name} {limit}")
    }
}

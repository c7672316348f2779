//! What a person or a program is shown of an extraction: every line and field with its text, so
//! that nobody needs to compute byte ranges.

use domain::layout::Points;
use domain::{
    Attachment, BlockRole, Digest, FieldKind, Line, Note, PageBox, Quality, ReadBy, Signature,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Extraction;

/// A document as read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExtractView {
    /// Media type as sniffed from the content.
    pub media_type: String,
    /// Language of most of the text, ISO 639-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Title the document gives itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Pages in order.
    pub pages: Vec<PageView>,
    /// Form fields in reading order.
    pub fields: Vec<FieldView>,
    /// What tells the template of the form, whatever is filled in: a pipeline file can name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// Files within the file.
    pub attachments: Vec<Attachment>,
    /// Signatures that the file carries; not validated.
    pub signatures: Vec<Signature>,
    /// What could not be read or was surprising.
    pub notes: Vec<Note>,
    /// How well it was read.
    pub quality: Quality,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PageView {
    /// From 1.
    pub number: u32,
    /// Width in points after rotation; 0 for formats without a page size.
    pub width: Points,
    /// Height in points after rotation; 0 for formats without a page size.
    pub height: Points,
    /// How its text was had.
    pub read_by: ReadBy,
    /// Blocks in reading order.
    pub blocks: Vec<BlockView>,
}

/// Lines that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockView {
    /// What it is, where that is known; a table has a line a row, its cells separated by tabs.
    pub role: BlockRole,
    /// Lines in reading order.
    pub lines: Vec<LineView>,
}

/// One line and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineView {
    /// What it says.
    pub text: String,
    /// `[x0, y0, x1, y1]` in points from the top left of the page.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<PageBox>,
    /// How sure OCR is of it, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// First byte in the stored text.
    pub start: u32,
    /// First byte after it.
    pub end: u32,
}

/// A form field and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldView {
    /// Full dotted name, as the file has it.
    pub name: String,
    /// What a person reads beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What kind.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// The value, absent when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For check boxes and radio buttons: whether it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<bool>,
    /// The values offered by a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Page number from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// `[x0, y0, x1, y1]` in points from the top left of the page.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<PageBox>,
    /// First byte of the value in the stored text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u32>,
    /// First byte after the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u32>,
    /// The file says the field must be filled.
    pub required: bool,
    /// The file says the field cannot be changed.
    pub read_only: bool,
    /// Read from the text or the geometry, not declared by the file.
    pub inferred: bool,
}

impl ExtractView {
    /// Shows an extraction.
    pub fn new(extraction: &Extraction) -> Self {
        let (text, layout) = (&extraction.text, &extraction.layout);
        let line = |line: &Line| LineView {
            text: line.span.of(text).unwrap_or_default().to_owned(),
            bbox: line.bbox,
            confidence: line.confidence,
            start: line.span.start,
            end: line.span.end,
        };
        let pages = layout.pages.iter().map(|page| PageView {
            number: page.number,
            width: page.width,
            height: page.height,
            read_by: page.read_by,
            blocks: page
                .blocks
                .iter()
                .map(|block| BlockView {
                    role: block.role,
                    lines: block.lines.iter().map(line).collect(),
                })
                .collect(),
        });
        let fields = layout.fields.iter().map(|field| FieldView {
            name: field.name.clone(),
            label: field.label.clone(),
            kind: field.kind,
            value: field.value.clone(),
            checked: field.checked,
            options: field.options.clone(),
            page: field.page,
            bbox: field.bbox,
            start: field.span.map(|span| span.start),
            end: field.span.map(|span| span.end),
            required: field.required,
            read_only: field.read_only,
            inferred: field.inferred,
        });
        Self {
            media_type: layout.media_type.clone(),
            language: layout.language.clone(),
            title: layout.title.clone(),
            pages: pages.collect(),
            fields: fields.collect(),
            fingerprint: layout.fingerprint(),
            attachments: layout.attachments.clone(),
            signatures: layout.signatures.clone(),
            notes: layout.notes.clone(),
            quality: Quality::of(layout, text),
        }
    }
}

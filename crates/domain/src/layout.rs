//! What extraction read: pages, blocks and lines with their places, fields, attachments, and what
//! could not be read.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Quality, Span};

/// A box on a page, in points, after rotation, from the top left of the crop box. Kept in
/// hundredths of a point; written in JSON as `[x0, y0, x1, y1]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "[f64; 4]", from = "[f64; 4]")]
pub struct PageBox([i32; 4]);

/// A length in points, kept in hundredths. Written in JSON as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "f64", from = "f64")]
pub struct Points(i32);

fn hundredths(points: f64) -> i32 {
    // Casts saturate, so that a page of 10^6 points or a NaN cannot overflow.
    (points * 100.0).round() as i32
}

impl Points {
    /// The nearest hundredth of a point.
    pub fn new(points: f64) -> Self {
        Self(hundredths(points))
    }

    /// The length in points.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl From<Points> for f64 {
    fn from(p: Points) -> Self {
        p.get()
    }
}

impl From<f64> for Points {
    fn from(p: f64) -> Self {
        Self::new(p)
    }
}

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}pt", self.get())
    }
}

impl PageBox {
    /// The box with these corners, in points; corners given in the other order are swapped.
    pub fn new(x0: f64, y0: f64, x1: f64, y1: f64) -> Self {
        let [a, b, c, d] = [x0, y0, x1, y1].map(hundredths);
        Self([a.min(c), b.min(d), a.max(c), b.max(d)])
    }

    /// `[x0, y0, x1, y1]` in points.
    pub fn points(self) -> [f64; 4] {
        self.0.map(|v| f64::from(v) / 100.0)
    }

    /// The smallest box around both.
    pub fn union(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a.min(e), b.min(f), c.max(g), d.max(h)])
    }
}

impl From<PageBox> for [f64; 4] {
    fn from(b: PageBox) -> Self {
        b.points()
    }
}

impl From<[f64; 4]> for PageBox {
    fn from([x0, y0, x1, y1]: [f64; 4]) -> Self {
        Self::new(x0, y0, x1, y1)
    }
}

impl fmt::Debug for PageBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.points())
    }
}

impl JsonSchema for PageBox {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PageBox".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4,
            "description": "[x0, y0, x1, y1] in points from the top left of the page."
        })
    }
}

impl JsonSchema for Points {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Points".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "description": "A length in points (1/72 inch)." })
    }
}

/// The layout of one document: everything extraction says but the text itself, whose bytes the
/// spans refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// `greffier.layout/1`.
    pub format: LayoutFormat,
    /// Media type as sniffed from the content: `application/pdf`.
    pub media_type: String,
    /// Language of most of the text, ISO 639-1 (`fr`, `en`); absent when there is too little text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Title the document gives itself (subject of a mail, title of a page), if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Pages in order. Formats without pages have one.
    pub pages: Vec<Page>,
    /// Form fields in reading order.
    pub fields: Vec<Field>,
    /// Files within the file, each also a document of its own.
    pub attachments: Vec<Attachment>,
    /// What could not be read or was surprising.
    pub notes: Vec<Note>,
    /// Signatures the file carries: said, never validated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// How well it was read; absent in layouts made before sheets were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
}

/// The version of the layout artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LayoutFormat {
    /// The first.
    #[default]
    #[serde(rename = "greffier.layout/1")]
    V1,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Width in points after rotation; 0 for formats without a page size.
    pub width: Points,
    /// Height in points after rotation; 0 for formats without a page size.
    pub height: Points,
    /// The page's bytes in the stored text.
    pub span: Span,
    /// How its text was had.
    #[serde(default, skip_serializing_if = "ReadBy::is_text")]
    pub read_by: ReadBy,
    /// Blocks in reading order.
    pub blocks: Vec<Block>,
}

/// How the text of a page was had.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReadBy {
    /// From the text that the file holds.
    #[default]
    Text,
    /// By optical character recognition of its image.
    Ocr,
}

impl ReadBy {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// Lines that belong together: a paragraph, a heading, a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// What it is, where that is known.
    #[serde(default, skip_serializing_if = "BlockRole::is_text")]
    pub role: BlockRole,
    /// Lines in reading order.
    pub lines: Vec<Line>,
}

/// What a block is on its page.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum BlockRole {
    /// Running text, or not known.
    #[default]
    Text,
    /// The title of the document: the highest heading.
    Title,
    /// A heading of a section.
    Heading,
    /// A heading of a part of a section.
    Subheading,
    /// Items, one or several lines each.
    List,
    /// A table: one line a row, its cells separated by tabs.
    Table,
    /// What stands at the top of several pages.
    Header,
    /// What stands at the foot of several pages.
    Footer,
}

impl BlockRole {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The line's bytes in the stored text, without its line feed.
    pub span: Span,
    /// Where it stands on the page; absent for formats without geometry.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<PageBox>,
    /// How sure optical recognition is of its words, in percent; absent for text that was not
    /// recognised from an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
}

/// A signature that a file carries. Whether it is valid is not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Who signed, as the signature or its certificate says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The date it declares, as written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Why, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The field that holds it, in a PDF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What of the file it covers.
    pub covers: Coverage,
}

/// How much of a file a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// All of it.
    Whole,
    /// An earlier state: something was added since.
    Earlier,
    /// It does not say, or says something impossible.
    Unknown,
}

/// What kind of form field.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// Typed text.
    Text,
    /// A box that is checked or not.
    Checkbox,
    /// One of several buttons.
    Radio,
    /// One or several of a list.
    Choice,
    /// A button without a value.
    Button,
    /// A signature.
    Signature,
    /// A column of a table, or a member of a structured record.
    Column,
    /// A "label: value" pair read from the text.
    Pair,
}

/// A form field and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Full dotted name, as the file has it.
    pub name: String,
    /// What a person reads beside it (tooltip, nearest text, column title).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What kind.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// The value, absent when empty. A checked box has the name of its "on" state.
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
    /// Where it stands on the page.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<PageBox>,
    /// Where its value stands in the stored text, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// The file says the field must be filled.
    #[serde(default)]
    pub required: bool,
    /// The file says the field cannot be changed.
    #[serde(default)]
    pub read_only: bool,
    /// Read from the text or the geometry, not declared by the file.
    #[serde(default)]
    pub inferred: bool,
}

impl Field {
    /// A declared field that says its name and nothing else.
    pub fn new(name: impl Into<String>, kind: FieldKind) -> Self {
        Self {
            name: name.into(),
            label: None,
            kind,
            value: None,
            checked: None,
            options: Vec::new(),
            page: None,
            bbox: None,
            span: None,
            required: false,
            read_only: false,
            inferred: false,
        }
    }
}

/// A file within the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// File name as given, or a name made from its part.
    pub name: String,
    /// Which part of the parent it is: `1`, `2`; unique within the parent.
    pub part: String,
    /// Media type as declared by the parent.
    pub media_type: String,
    /// Size in bytes.
    pub size: u64,
}

/// What a note says. Codes are stable; pages have words for them in the catalogue.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NoteCode {
    /// The file has no bytes, or nothing in it.
    Empty,
    /// The format is known but not read yet.
    NotReadableYet,
    /// The format is not recognised.
    UnknownFormat,
    /// A password is needed.
    Encrypted,
    /// The file is damaged; what could be read is there.
    DamagedFile,
    /// The page is damaged; other pages are there.
    DamagedPage,
    /// The page is an image and needs OCR.
    NeedsOcr,
    /// The text layer makes no sense and needs OCR.
    GarbledText,
    /// A budget was reached: what follows was not read. The detail names the budget.
    BudgetReached,
    /// The name or declared type says another format than the content.
    NameMismatch,
    /// Bytes that the encoding does not have were replaced.
    InvalidBytes,
    /// The encoding was guessed; the detail names it.
    EncodingGuessed,
    /// A row has more or fewer columns than the header.
    RaggedRow,
    /// An attachment could not be taken out; it is named but has no document.
    AttachmentUnreadable,
    /// The page was read by OCR; the detail says why: `image` or `garbled`.
    ReadByOcr,
    /// OCR is unsure of much of the page; the detail is its mean confidence in percent.
    LowConfidence,
    /// The page lay on its side, upside down or askew and was turned to be read; the detail is by
    /// how many degrees.
    Turned,
    /// A signature is there; it was not validated.
    Signed,
    /// Files are nested deeper than is followed; the detail names the limit.
    NestedTooDeep,
    /// Text that people do not see on the page: hidden sheets, rows, layers.
    HiddenText,
    /// A reference to a text that the file declares elsewhere (an XML entity): it was left as it
    /// is, because expanding them is how a small file becomes an endless one.
    UnexpandedReference,
}

/// Something that could not be read or was surprising. Deterministic: what depends on load or on
/// what is installed is never a note.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What.
    pub code: NoteCode,
    /// On which page, from 1; absent when it concerns the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The value that explains it: a format, a limit, an encoding. Never text of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Note {
    /// A note on the whole document.
    pub fn document(code: NoteCode, detail: impl Into<Option<String>>) -> Self {
        Self {
            code,
            page: None,
            detail: detail.into(),
        }
    }

    /// A note on one page, numbered from 1.
    pub fn page(code: NoteCode, page: u32, detail: impl Into<Option<String>>) -> Self {
        Self {
            code,
            page: Some(page),
            detail: detail.into(),
        }
    }
}

/// Fewest declared fields that tell one template from another.
const TEMPLATE_FIELDS_MIN: usize = 3;

impl Layout {
    /// What tells the template of a form from others, whatever is filled in: SHA-256 over the names
    /// and kinds of its fields to fill, in the order of names, as canonical JSON. `None` where too few
    /// are declared: a letter, a mail with its headers, a table.
    pub fn fingerprint(&self) -> Option<crate::Digest> {
        let filled = |kind| !matches!(kind, FieldKind::Pair | FieldKind::Column);
        let declared = self.fields.iter().filter(|f| !f.inferred && filled(f.kind));
        let mut named: Vec<(&str, FieldKind)> = declared
            .map(|field| (field.name.as_str(), field.kind))
            .collect();
        named.sort_unstable();
        named.dedup();
        if named.len() < TEMPLATE_FIELDS_MIN {
            return None;
        }
        let bytes = crate::canonical::to_bytes(&named).ok()?;
        Some(crate::Digest::of(&bytes))
    }

    /// A layout of nothing yet.
    pub fn empty(media_type: impl Into<String>) -> Self {
        Self {
            format: LayoutFormat::V1,
            media_type: media_type.into(),
            language: None,
            title: None,
            pages: Vec::new(),
            fields: Vec::new(),
            attachments: Vec::new(),
            notes: Vec::new(),
            signatures: Vec::new(),
            quality: None,
        }
    }

    /// The page that holds the byte `at` of the stored text.
    pub fn page_at(&self, at: u32) -> Option<&Page> {
        self.pages
            .iter()
            .find(|p| p.span.start <= at && at <= p.span.end)
    }

    /// The box around the lines that `span` touches, with their page number.
    pub fn place_of(&self, span: Span) -> Option<(u32, Option<PageBox>)> {
        let page = self.page_at(span.start)?;
        let bbox = page
            .blocks
            .iter()
            .flat_map(|b| &b.lines)
            .filter(|l| l.span.overlaps(span))
            .filter_map(|l| l.bbox)
            .reduce(PageBox::union);
        Some((page.number, bbox))
    }

    /// The field with this exact name. Where it is shown several times, as the buttons of a group
    /// are, the first that has a value.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let mut named = self.fields.iter().filter(|f| f.name == name);
        let filled = named.clone().find(|f| f.value.is_some());
        filled.or_else(|| named.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn boxes_survive_json(a in -1e4f64..1e4, b in -1e4f64..1e4, c in -1e4f64..1e4, d in -1e4f64..1e4) {
            let bbox = PageBox::new(a, b, c, d);
            let json = serde_json::to_string(&bbox).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<PageBox>(&json).unwrap(), bbox);
        }
    }

    #[test]
    fn a_place_is_the_box_of_its_lines() {
        let line = |s, e, y: f64| Line {
            span: Span::new(s, e),
            bbox: Some(PageBox::new(10.0, y, 50.0, y + 10.0)),
            confidence: None,
        };
        let mut layout = Layout::empty("application/pdf");
        layout.pages.push(Page {
            number: 1,
            width: Points::new(595.0),
            height: Points::new(842.0),
            span: Span::new(0, 30),
            read_by: ReadBy::Text,
            blocks: vec![Block {
                role: BlockRole::Text,
                lines: vec![line(0, 9, 0.0), line(10, 19, 12.0), line(20, 30, 24.0)],
            }],
        });
        let (page, bbox) = layout.place_of(Span::new(12, 25)).unwrap();
        assert_eq!(page, 1);
        assert_eq!(bbox.unwrap().points(), [10.0, 12.0, 50.0, 34.0]);
    }
}

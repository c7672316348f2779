//! A document under construction. Readers add lines, fields and attachments; [`Draft::finish`]
//! makes the stored text and is the only place where spans are computed.

use std::collections::BTreeSet;

use domain::layout::Points;
use domain::{
    Attachment, Block, BlockRole, Field, Layout, Line, Note, NoteCode, Page, PageBox, Quality,
    ReadBy, Signature, Span, StoredText,
};

use crate::budgets::{Budget, Budgets};
use crate::{Child, Extraction, language, pairs};

/// A range within the lines of one block, before spans exist. Offsets are bytes of the lines'
/// stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) page: usize,
    pub(crate) block: usize,
    /// Line within the block, byte within the line.
    pub(crate) start: (usize, usize),
    pub(crate) end: (usize, usize),
}

/// One line in stored form.
pub(crate) struct DraftLine {
    pub(crate) text: String,
    pub(crate) bbox: Option<PageBox>,
    confidence: Option<u8>,
    kind: LineKind,
}

/// What a line is, for those who read "label : value" pairs from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    Text,
    /// A row of a table, its cells separated by tabs.
    Row,
    /// A label and a value that already are a field.
    Field,
}

struct DraftPage {
    width: f64,
    height: f64,
    read_by: ReadBy,
    blocks: Vec<DraftBlock>,
    /// The next line starts a block.
    block_ended: bool,
}

impl DraftPage {
    /// Ends the block. One that was begun and got no line goes: no place refers to it yet.
    fn end_block(&mut self) {
        if self
            .blocks
            .last()
            .is_some_and(|block| block.lines.is_empty())
        {
            self.blocks.pop();
        }
        self.block_ended = true;
    }
}

struct DraftBlock {
    role: BlockRole,
    lines: Vec<DraftLine>,
}

struct DraftField {
    field: Field,
    place: Option<Place>,
}

/// See the module.
pub(crate) struct Draft<'b> {
    pub(crate) budgets: &'b Budgets,
    pub(crate) media_type: String,
    pub(crate) title: Option<String>,
    /// Whether "label : value" lines become fields.
    pub(crate) infer_pairs: bool,
    pages: Vec<DraftPage>,
    fields: Vec<DraftField>,
    /// What form controls show: not to be read a second time as a pair.
    controls: Vec<Place>,
    notes: BTreeSet<Note>,
    attachments: Vec<Attachment>,
    children: Vec<Child>,
    signatures: Vec<Signature>,
    characters: u64,
    lines: u64,
    attachment_bytes: u64,
    /// Attachments beyond the budget, which are not even named.
    left_out: u64,
}

impl<'b> Draft<'b> {
    pub(crate) fn new(budgets: &'b Budgets) -> Self {
        Self {
            budgets,
            media_type: "application/octet-stream".into(),
            title: None,
            infer_pairs: false,
            pages: Vec::new(),
            fields: Vec::new(),
            controls: Vec::new(),
            notes: BTreeSet::new(),
            attachments: Vec::new(),
            children: Vec::new(),
            signatures: Vec::new(),
            characters: 0,
            lines: 0,
            attachment_bytes: 0,
            left_out: 0,
        }
    }

    pub(crate) fn note(&mut self, code: NoteCode, detail: Option<String>) {
        self.notes.insert(Note::document(code, detail));
    }

    /// A note on the page being built.
    pub(crate) fn note_page(&mut self, code: NoteCode, detail: Option<String>) {
        let number = self.pages.len().max(1) as u32;
        self.notes.insert(Note::page(code, number, detail));
    }

    pub(crate) fn reached(&mut self, budget: Budget) {
        let detail = budget.reached(self.budgets);
        self.note(NoteCode::BudgetReached, Some(detail));
    }

    /// Says so when nothing was read and nothing says why: a presentation without slides, a text
    /// of blank lines, an archive of empty folders.
    pub(crate) fn note_if_empty(&mut self) {
        let silent = self.notes.is_empty() && self.left_out == 0;
        // A page with a size is paper, blank or not; one without only holds what was read.
        let paper = self.pages.iter().any(|page| page.width > 0.0);
        let read = paper || self.has_text();
        if silent && !read && self.attachments.is_empty() && self.fields.is_empty() {
            self.note(NoteCode::Empty, None);
        }
    }

    /// Starts a page; sizes are in points, 0 where there are none. `false` when no more pages may
    /// be read.
    pub(crate) fn page(&mut self, width: f64, height: f64) -> bool {
        if self.pages.len() as u64 >= u64::from(self.budgets.pages) {
            self.reached(Budget::Pages);
            return false;
        }
        self.pages.push(DraftPage {
            width,
            height,
            read_by: ReadBy::Text,
            blocks: Vec::new(),
            block_ended: true,
        });
        true
    }

    /// Number of pages so far.
    pub(crate) fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// The lines of a page with their block and line numbers.
    pub(crate) fn lines_of(&self, page: usize) -> impl Iterator<Item = (usize, usize, &DraftLine)> {
        self.pages
            .get(page)
            .into_iter()
            .flat_map(|page| page.blocks.iter().enumerate())
            .flat_map(|(b, block)| {
                block
                    .lines
                    .iter()
                    .enumerate()
                    .map(move |(l, line)| (b, l, line))
            })
    }

    /// Ends the block: the next line starts another.
    pub(crate) fn end_block(&mut self) {
        if let Some(page) = self.pages.last_mut() {
            page.end_block();
        }
    }

    /// Starts a block that is a heading, a list, and so on. What follows, up to the next end of
    /// block, belongs to it.
    pub(crate) fn begin_block(&mut self, role: BlockRole) {
        if let Some(page) = self.pages.last_mut() {
            page.end_block();
            page.blocks.push(DraftBlock {
                role,
                lines: Vec::new(),
            });
            page.block_ended = false;
        }
    }

    /// What follows belongs to a block of this role: the last one, where it has it.
    pub(crate) fn continue_block(&mut self, role: BlockRole) {
        let last = self.pages.last().and_then(|page| {
            let block = page.blocks.last()?;
            (!page.block_ended).then_some(block.role)
        });
        if last != Some(role) {
            self.begin_block(role);
        }
    }

    /// Says that the last page is read by OCR.
    pub(crate) fn read_by_ocr(&mut self) {
        if let Some(page) = self.pages.last_mut() {
            page.read_by = ReadBy::Ocr;
        }
    }

    /// Adds a signature and its note.
    pub(crate) fn sign(&mut self, signature: Signature) {
        self.note(NoteCode::Signed, None);
        self.signatures.push(signature);
    }

    /// Adds text to the last page; line feeds in it make several lines of the block, blank lines
    /// are left out. Returns where it stands, `None` when there is nothing or no room.
    pub(crate) fn line(&mut self, raw: &str, bbox: Option<PageBox>) -> Option<Place> {
        let page = self.pages.len().checked_sub(1)?;
        self.line_on(page, raw, bbox, None, LineKind::Text)
    }

    /// As [`line`](Self::line), for text recognised from an image, as sure as `confidence` says, in
    /// percent.
    pub(crate) fn recognised(&mut self, raw: &str, bbox: PageBox, confidence: u8) -> Option<Place> {
        let page = self.pages.len().checked_sub(1)?;
        self.line_on(page, raw, Some(bbox), Some(confidence), LineKind::Text)
    }

    /// As [`line`](Self::line), for a line that was in a stored text before: what it says was
    /// looked at then.
    pub(crate) fn keep_line(&mut self, text: &str, bbox: Option<PageBox>, confidence: Option<u8>) {
        if let Some(page) = self.pages.len().checked_sub(1) {
            self.line_on(page, text, bbox, confidence, LineKind::Field);
        }
    }

    /// Adds a note of an earlier reading.
    pub(crate) fn keep_note(&mut self, note: Note) {
        self.notes.insert(note);
    }

    /// Adds an attachment of an earlier reading, whose bytes were taken out then.
    pub(crate) fn keep_attachment(&mut self, attachment: Attachment) {
        self.attachments.push(attachment);
    }

    /// Adds a signature of an earlier reading.
    pub(crate) fn keep_signature(&mut self, signature: Signature) {
        self.signatures.push(signature);
    }

    /// Adds a row of a table: its cells in one line, separated by tabs. Rows that follow one
    /// another make a block of their own.
    pub(crate) fn row(&mut self, cells: &[String], bbox: Option<PageBox>) -> Option<Place> {
        let page = self.pages.len().checked_sub(1)?;
        let last = &self.pages[page];
        if last.block_ended
            || last
                .blocks
                .last()
                .is_none_or(|b| b.role != BlockRole::Table)
        {
            self.begin_block(BlockRole::Table);
        }
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let raw = cells.join("\t");
        self.line_on(page, raw.trim_end(), bbox, None, LineKind::Row)
    }

    fn line_on(
        &mut self,
        page: usize,
        raw: &str,
        bbox: Option<PageBox>,
        confidence: Option<u8>,
        kind: LineKind,
    ) -> Option<Place> {
        let stored = StoredText::page(raw);
        let mut place: Option<Place> = None;
        for text in stored.split('\n') {
            let text = text.trim_end();
            if text.is_empty() {
                continue;
            }
            self.characters += text.chars().count() as u64 + 1;
            if self.characters > self.budgets.characters {
                self.reached(Budget::Characters);
                break;
            }
            self.lines += 1;
            if self.lines > self.budgets.lines {
                self.reached(Budget::Lines);
                break;
            }
            let page_draft = self.pages.get_mut(page)?;
            if page_draft.block_ended || page_draft.blocks.is_empty() {
                page_draft.blocks.push(DraftBlock {
                    role: BlockRole::Text,
                    lines: Vec::new(),
                });
                page_draft.block_ended = false;
            }
            let block = page_draft.blocks.len() - 1;
            let lines = &mut page_draft.blocks[block].lines;
            lines.push(DraftLine {
                text: text.to_owned(),
                bbox,
                confidence,
                kind,
            });
            let end = (lines.len() - 1, text.len());
            let start = place.map_or((end.0, 0), |p| p.start);
            place = Some(Place {
                page,
                block,
                start,
                end,
            });
        }
        place
    }

    /// Adds "label : value" to a page and returns the place of the value.
    pub(crate) fn labelled(
        &mut self,
        page: usize,
        label: &str,
        value: &str,
        bbox: Option<PageBox>,
    ) -> Option<Place> {
        let value = StoredText::page(value);
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let prefix = StoredText::page(&format!("{} : ", label.trim())).replace('\n', " ");
        let raw = format!("{prefix}{value}");
        let mut place = self.line_on(page, &raw, bbox, None, LineKind::Field)?;
        place.start.1 = prefix.len().min(
            self.pages[page].blocks[place.block].lines[place.start.0]
                .text
                .len(),
        );
        Some(place)
    }

    /// Ends the last block of any page.
    pub(crate) fn end_block_on(&mut self, page: usize) {
        if let Some(page) = self.pages.get_mut(page) {
            page.end_block();
        }
    }

    /// Adds a form field and where its value stands. `false` when there is no room.
    pub(crate) fn field(&mut self, field: Field, place: Option<Place>) -> bool {
        if self.fields.len() as u64 >= self.budgets.fields {
            self.reached(Budget::Fields);
            return false;
        }
        self.fields.push(DraftField { field, place });
        true
    }

    /// Adds a form control: a field that says itself what it is. Where it shows no value (a prompt,
    /// the mark of a check box), the place is only known to be its own.
    pub(crate) fn control(&mut self, field: Field, place: Option<Place>) -> bool {
        self.controls.extend(place);
        let said = field.value.is_some() && field.checked.is_none();
        self.field(field, place.filter(|_| said))
    }

    /// How many form fields there are so far.
    pub(crate) fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// Whether any text was added.
    pub(crate) fn has_text(&self) -> bool {
        self.lines > 0
    }

    /// A line of the block where `place` stands, by its number within the block.
    pub(crate) fn stored_line(&self, place: Place, line: usize) -> Option<&str> {
        let block = self.pages.get(place.page)?.blocks.get(place.block)?;
        block.lines.get(line).map(|line| line.text.as_str())
    }

    /// Adds an attachment and its bytes.
    pub(crate) fn attach(&mut self, part: String, name: String, media_type: String, bytes: &[u8]) {
        if !self.has_room() {
            self.left_out += 1;
            return;
        }
        let size = bytes.len() as u64;
        self.attachments.push(Attachment {
            name: name.clone(),
            part: part.clone(),
            media_type: media_type.clone(),
            size,
        });
        if self.attachment_bytes + size > self.budgets.attachment_bytes {
            self.reached(Budget::AttachmentBytes);
            self.note(NoteCode::AttachmentUnreadable, Some(format!("part {part}")));
            return;
        }
        self.attachment_bytes += size;
        self.children.push(Child {
            part,
            name,
            media_type,
            bytes: bytes.to_vec(),
        });
    }

    /// Names an attachment that could not be taken out.
    pub(crate) fn attach_unreadable(&mut self, part: String, name: String, media_type: String) {
        if !self.has_room() {
            self.left_out += 1;
            return;
        }
        self.note(NoteCode::AttachmentUnreadable, Some(format!("part {part}")));
        self.attachments.push(Attachment {
            name,
            part,
            media_type,
            size: 0,
        });
    }

    /// Whether another attachment may be named.
    pub(crate) fn has_room(&self) -> bool {
        (self.attachments.len() as u64) < self.budgets.attachments
    }

    /// Counts an attachment that there is no room for: a note says how many there were.
    pub(crate) fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// How many bytes of attachments may still be taken out.
    pub(crate) fn attachment_bytes_left(&self) -> u64 {
        let budget = self.budgets.attachment_bytes;
        budget.saturating_sub(self.attachment_bytes)
    }

    /// How many attachments there are so far.
    pub(crate) fn attachment_count(&self) -> usize {
        self.attachments.len()
    }

    /// The stored text and its layout.
    pub(crate) fn finish(mut self) -> Extraction {
        if self.left_out > 0 {
            let limit = Budget::Attachments.reached(self.budgets);
            let detail = format!("{limit}, {} left out", self.left_out);
            self.note(NoteCode::BudgetReached, Some(detail));
        }
        self.pages.iter_mut().for_each(DraftPage::end_block);
        if self.infer_pairs {
            self.infer();
        }
        let mut texts = Vec::with_capacity(self.pages.len());
        let mut layouts = Vec::with_capacity(self.pages.len());
        let mut page_start = 0u32;
        for (number, page) in (1u32..).zip(&self.pages) {
            let mut text = String::new();
            let mut blocks = Vec::with_capacity(page.blocks.len());
            for (b, block) in page.blocks.iter().enumerate() {
                text.push_str(if b == 0 { "" } else { "\n\n" });
                let mut lines = Vec::with_capacity(block.lines.len());
                for (l, line) in block.lines.iter().enumerate() {
                    text.push_str(if l == 0 { "" } else { "\n" });
                    let start = page_start + text.len() as u32;
                    text.push_str(&line.text);
                    lines.push(Line {
                        span: Span::new(start, page_start + text.len() as u32),
                        bbox: line.bbox,
                        confidence: line.confidence,
                    });
                }
                blocks.push(Block {
                    role: block.role,
                    lines,
                });
            }
            let end = page_start + text.len() as u32;
            layouts.push(Page {
                number,
                width: Points::new(page.width),
                height: Points::new(page.height),
                span: Span::new(page_start, end),
                read_by: page.read_by,
                blocks,
            });
            // The form feed between pages is one byte.
            page_start = end + 1;
            texts.push(text);
        }
        let (text, spans) = StoredText::from_pages(&texts);
        debug_assert!(spans.iter().eq(layouts.iter().map(|page| &page.span)));
        let fields = self
            .fields
            .into_iter()
            .map(|DraftField { mut field, place }| {
                field.span = place.and_then(|place| {
                    let lines = &layouts.get(place.page)?.blocks.get(place.block)?.lines;
                    let start = lines.get(place.start.0)?.span.start + place.start.1 as u32;
                    let end = lines.get(place.end.0)?.span.start + place.end.1 as u32;
                    Some(Span::new(start, end))
                });
                field
            })
            .collect();
        let mut layout = Layout {
            language: language::detect(&text),
            title: self
                .title
                .map(|title| {
                    let title = StoredText::page(&title);
                    title.split_whitespace().collect::<Vec<_>>().join(" ")
                })
                .filter(|title| !title.is_empty()),
            pages: layouts,
            fields,
            attachments: self.attachments,
            notes: self.notes.into_iter().collect(),
            signatures: self.signatures,
            ..Layout::empty(self.media_type)
        };
        layout.quality = Some(Quality::of(&layout, &text));
        Extraction {
            text,
            layout,
            children: self.children,
        }
    }

    /// Whether what stands there on one line is shown by a form control.
    fn is_control(&self, place: &Place) -> bool {
        let line = |place: &Place| (place.page, place.block, place.start.0);
        let from = self
            .controls
            .partition_point(|other| line(other) < line(place));
        self.controls[from..]
            .iter()
            .take_while(|other| line(other) == line(place))
            .any(|other| other.start.1 < place.end.1 && place.start.1 < other.end.1)
    }

    fn infer(&mut self) {
        self.controls
            .sort_unstable_by_key(|place| (place.page, place.block, place.start, place.end));

        let mut found = Vec::new();
        for (p, page) in self.pages.iter().enumerate() {
            for (b, block) in page.blocks.iter().enumerate() {
                for (l, line) in block.lines.iter().enumerate() {
                    if line.kind == LineKind::Field {
                        continue;
                    }
                    for pair in pairs::pairs(&line.text, line.kind == LineKind::Row) {
                        let place = Place {
                            page: p,
                            block: b,
                            start: (l, pair.value.start),
                            end: (l, pair.value.end),
                        };
                        if self.is_control(&place) {
                            continue;
                        }
                        let label = line.text[pair.label].to_owned();
                        let value = line.text[pair.value].to_owned();
                        found.push((pairs::field(label, value, p as u32 + 1, line.bbox), place));
                    }
                }
            }
        }
        for (field, place) in found {
            if !self.field(field, Some(place)) {
                break;
            }
        }
    }
}

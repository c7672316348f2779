//! Paragraphs, tables, shapes and form controls under construction, whatever the format, and how
//! they are written to the draft.
//!
//! A reader opens and closes frames as it meets tags; what the file never closes, closes with the
//! frame around it.

use std::ops::Range;

use domain::{BlockRole, Field, FieldKind, StoredText};

use crate::draft::{Draft, Place};

/// Two paragraphs at most this long, one after the other, are one block: the lines of an address.
const SHORT_LINE_CHARACTERS: usize = 60;

/// Longer than this, what stands beside a control is prose, not its label.
const LABEL_CHARACTERS_MAX: usize = 100;

/// Controls within controls are followed this deep; a deeper one is text of those around it.
const CONTROLS_MAX: usize = 16;

/// Text with the form controls in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    role: BlockRole,
    controls: Vec<Control>,
}

/// A form control and where its value stands in the text of its piece.
#[derive(Clone, Debug, PartialEq)]
struct Control {
    field: Field,
    range: Option<Range<usize>>,
    /// What it is called where nothing beside it says so.
    hint: Option<String>,
}

impl Control {
    /// A control that shows nothing of its own.
    fn bare(field: Field) -> Self {
        Self {
            field,
            range: None,
            hint: None,
        }
    }
}

/// What is known of a control before its content is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ControlProps {
    pub(crate) name: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) kind: Option<FieldKind>,
    pub(crate) checked: Option<bool>,
    pub(crate) options: Vec<String>,
    pub(crate) read_only: bool,
    /// Its content only says what to type.
    pub(crate) prompt: bool,
    /// The value, where the file says it beside what it shows.
    pub(crate) value: Option<String>,
}

/// What a story says, in order.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Paragraph(Piece),
    Row(Vec<Piece>),
    /// A table or another thing that stands apart ends here.
    End,
}

/// What may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Paragraph,
    Table,
    Row,
    Cell,
    /// Text that floats within a paragraph and is read before it.
    Shape,
    /// A note or a comment: read at the end of the story.
    Note,
}

enum Frame {
    Paragraph(Piece),
    Table,
    Row(Vec<Piece>),
    Cell(Piece),
    Shape(Vec<Piece>),
    Note(Vec<Piece>),
}

impl Frame {
    fn kind(&self) -> Kind {
        match self {
            Self::Paragraph(_) => Kind::Paragraph,
            Self::Table => Kind::Table,
            Self::Row(_) => Kind::Row,
            Self::Cell(_) => Kind::Cell,
            Self::Shape(_) => Kind::Shape,
            Self::Note(_) => Kind::Note,
        }
    }
}

/// A control whose content is being read.
struct Open {
    props: ControlProps,
    /// Frame and byte where its content began, when that is within a paragraph.
    start: Option<(usize, usize)>,
    text: String,
}

/// Where a story stands on its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Body,
    Header,
    Footer,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Story {
    items: Vec<Item>,
    notes: Vec<Piece>,
    frames: Vec<Frame>,
    controls: Vec<Open>,
    ignored_controls: usize,
    /// Text was added that people do not see.
    pub(crate) hidden: bool,
}

impl Piece {
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty() && self.controls.is_empty()
    }

    /// Takes what is blank off its end and, unless `indented`, off its start.
    pub(crate) fn trim(&mut self, indented: bool) {
        self.text.truncate(self.text.trim_end().len());
        let lead = self.text.len() - self.text.trim_start().len();
        if indented || lead == 0 {
            return;
        }
        self.text.drain(..lead);
        for control in &mut self.controls {
            // A control that shows nothing stands in what is blank.
            let shift = |at: usize| at.saturating_sub(lead);
            control.range = control.range.take().map(|r| shift(r.start)..shift(r.end));
        }
    }

    /// Adds a control, what it shows, and what it is called where nothing beside it says so.
    pub(crate) fn push_control(&mut self, field: Field, shown: &str, hint: Option<String>) {
        let start = self.text.len();
        self.text.push_str(shown);
        let range = Some(start..self.text.len());
        self.controls.push(Control { field, range, hint });
    }

    /// The fields of its controls, in order.
    pub(crate) fn fields_mut(&mut self) -> impl Iterator<Item = &mut Field> {
        self.controls.iter_mut().map(|control| &mut control.field)
    }

    /// Adds another piece after this one.
    pub(crate) fn append(&mut self, other: Self, separator: &str) {
        if !self.text.is_empty() && !other.text.trim().is_empty() {
            self.text.push_str(separator);
        }
        let shift = self.text.len();
        self.text.push_str(&other.text);
        self.controls
            .extend(other.controls.into_iter().map(|mut control| {
                control.range = control.range.map(|r| r.start + shift..r.end + shift);
                control
            }));
    }
}

impl Story {
    /// How many frames are open.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// The innermost frame that is open.
    pub(crate) fn innermost(&self) -> Option<Kind> {
        self.frames.last().map(Frame::kind)
    }

    /// Whether a frame of this kind is open.
    pub(crate) fn within(&self, kind: Kind) -> bool {
        self.frames.iter().any(|frame| frame.kind() == kind)
    }

    pub(crate) fn open(&mut self, kind: Kind) {
        self.frames.push(match kind {
            Kind::Paragraph => Frame::Paragraph(Piece::default()),
            Kind::Table => Frame::Table,
            Kind::Row => Frame::Row(Vec::new()),
            Kind::Cell => Frame::Cell(Piece::default()),
            Kind::Shape => Frame::Shape(Vec::new()),
            Kind::Note => Frame::Note(Vec::new()),
        });
    }

    /// Says what the innermost paragraph is.
    pub(crate) fn role(&mut self, role: BlockRole) {
        if let Some(Frame::Paragraph(piece)) = self.frames.last_mut() {
            piece.role = role;
        }
    }

    /// Adds text to the innermost paragraph; outside of one, text is only layout of the file.
    pub(crate) fn text(&mut self, text: &str) {
        if let Some(Frame::Paragraph(piece)) = self.frames.last_mut() {
            piece.text.push_str(text);
            for control in &mut self.controls {
                control.text.push_str(text);
            }
        }
    }

    /// Closes the innermost frame of this kind, and those within it.
    pub(crate) fn close(&mut self, kind: Kind) {
        let Some(depth) = self.frames.iter().rposition(|frame| frame.kind() == kind) else {
            return;
        };
        while self.frames.len() > depth {
            self.close_innermost();
        }
    }

    /// What stood until here stands apart from what follows.
    pub(crate) fn separate(&mut self) {
        if self.frames.is_empty() {
            self.items.push(Item::End);
        }
    }

    /// The content of a form control begins.
    pub(crate) fn open_control(&mut self, props: ControlProps) {
        if self.controls.len() >= CONTROLS_MAX {
            self.ignored_controls += 1;
            return;
        }
        let start = match self.frames.last() {
            Some(Frame::Paragraph(piece)) => Some((self.frames.len(), piece.text.len())),
            _ => None,
        };
        self.controls.push(Open {
            props,
            start,
            text: String::new(),
        });
    }

    /// The content of the innermost form control ends.
    pub(crate) fn close_control(&mut self) {
        if self.ignored_controls > 0 {
            self.ignored_controls -= 1;
            return;
        }
        let Some(Open { props, start, text }) = self.controls.pop() else {
            return;
        };
        let shown = text.trim();
        let checkbox = matches!(props.kind, Some(FieldKind::Checkbox | FieldKind::Radio));
        let value = match props.value {
            Some(value) => Some(value),
            None if checkbox || props.prompt => None,
            None => Some(shown.split_whitespace().collect::<Vec<_>>().join(" ")),
        };
        let field = Field {
            name: props.name.unwrap_or_default(),
            label: props.label,
            kind: props.kind.unwrap_or(FieldKind::Text),
            value: value.filter(|value| !value.is_empty()),
            checked: props.checked,
            options: props.options,
            page: None,
            bbox: None,
            span: None,
            required: false,
            read_only: props.read_only,
            inferred: false,
        };
        let depth = self.frames.len();
        let range = start
            .filter(|(frame, _)| *frame == depth)
            .map(|(_, start)| start);
        match self.innermost_piece() {
            Some(piece) => {
                let range = range
                    .filter(|start| *start <= piece.text.len())
                    .map(|start| {
                        let lead = text.len() - text.trim_start().len();
                        start + lead..start + lead + shown.len()
                    });
                piece.controls.push(Control {
                    field,
                    range,
                    hint: None,
                });
            }
            // A control around whole paragraphs: it hangs on the last of them.
            None => match self.items.last_mut() {
                Some(Item::Paragraph(piece)) => piece.controls.push(Control::bare(field)),
                Some(Item::Row(cells)) if !cells.is_empty() => {
                    if let Some(cell) = cells.last_mut() {
                        cell.controls.push(Control::bare(field));
                    }
                }
                _ => self.items.push(Item::Paragraph(Piece {
                    controls: vec![Control::bare(field)],
                    ..Piece::default()
                })),
            },
        }
    }

    /// The paragraph or the cell that is open.
    fn innermost_piece(&mut self) -> Option<&mut Piece> {
        self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Paragraph(piece) | Frame::Cell(piece) => Some(piece),
            Frame::Row(cells) => cells.last_mut(),
            Frame::Shape(pieces) | Frame::Note(pieces) => pieces.last_mut(),
            Frame::Table => None,
        })
    }

    fn close_innermost(&mut self) {
        match self.frames.pop() {
            None => {}
            Some(Frame::Paragraph(piece)) => self.paragraph(piece),
            Some(Frame::Cell(piece)) => match self.frames.last_mut() {
                Some(Frame::Row(cells)) => cells.push(piece),
                _ => self.paragraph(piece),
            },
            Some(Frame::Row(cells)) => self.row(cells),
            Some(Frame::Table) if self.in_another() => {}
            Some(Frame::Table) => self.items.push(Item::End),
            // A shape stands within a paragraph: its text comes before the paragraph's.
            Some(Frame::Shape(pieces)) => {
                pieces.into_iter().for_each(|piece| self.paragraph(piece))
            }
            Some(Frame::Note(pieces)) => self.notes.extend(pieces),
        }
    }

    fn in_another(&self) -> bool {
        [Kind::Cell, Kind::Shape, Kind::Note]
            .iter()
            .any(|kind| self.within(*kind))
    }

    fn paragraph(&mut self, piece: Piece) {
        let around = self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Cell(cell) => Some(Err(cell)),
            Frame::Shape(pieces) | Frame::Note(pieces) => Some(Ok(pieces)),
            _ => None,
        });
        match around {
            Some(Err(cell)) => cell.append(piece, " "),
            Some(Ok(pieces)) => pieces.push(piece),
            None => self.items.push(Item::Paragraph(piece)),
        }
    }

    fn row(&mut self, cells: Vec<Piece>) {
        if self.in_another() {
            // A table within a cell is read as the cell's text.
            let mut row = Piece::default();
            for cell in cells {
                row.append(cell, " ");
            }
            self.paragraph(row);
        } else {
            self.items.push(Item::Row(cells));
        }
    }

    /// Closes what is open; notes come last.
    fn finish(&mut self) -> Vec<Item> {
        while !self.frames.is_empty() {
            self.close_innermost();
        }
        let mut items = std::mem::take(&mut self.items);
        items.push(Item::End);
        items.extend(
            std::mem::take(&mut self.notes)
                .into_iter()
                .map(Item::Paragraph),
        );
        items
    }

    /// Everything it says, to compare it with another.
    pub(crate) fn said(&mut self) -> String {
        let items = self.finish();
        let mut said = String::new();
        for item in &items {
            match item {
                Item::Paragraph(piece) => said.push_str(piece.text.trim()),
                Item::Row(cells) => cells
                    .iter()
                    .for_each(|cell| said.push_str(cell.text.trim())),
                Item::End => {}
            }
            said.push('\n');
        }
        self.items = items;
        said.trim().to_owned()
    }

    /// Writes what was read to the last page of the draft.
    pub(crate) fn write(mut self, part: Part, draft: &mut Draft) {
        let items = self.finish();
        draft.end_block();
        let mut before = Before::Nothing;
        for item in items {
            before = match item {
                Item::Paragraph(piece) => write_paragraph(piece, part, before, draft),
                Item::Row(cells) => {
                    if before != Before::Row && part == Part::Body {
                        draft.end_block();
                    }
                    write_row(cells, part, draft);
                    Before::Row
                }
                Item::End => {
                    draft.end_block();
                    Before::Nothing
                }
            };
        }
        draft.end_block();
    }
}

/// What stands before a paragraph in its block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Short,
    Item,
    Row,
    Long,
}

fn write_paragraph(mut piece: Piece, part: Part, before: Before, draft: &mut Draft) -> Before {
    if piece.is_blank() {
        if part == Part::Body {
            draft.end_block();
        }
        return Before::Nothing;
    }
    let short = piece.text.chars().count() <= SHORT_LINE_CHARACTERS;
    let after = match (part, piece.role) {
        (Part::Header | Part::Footer, _) => {
            let role = match part {
                Part::Header => BlockRole::Header,
                _ => BlockRole::Footer,
            };
            // One block: what is blank between its lines is decoration.
            draft.continue_block(role);
            Before::Nothing
        }
        (Part::Body, BlockRole::List) => {
            if before != Before::Item {
                draft.begin_block(BlockRole::List);
            }
            Before::Item
        }
        (Part::Body, BlockRole::Text) => {
            if !(short && before == Before::Short) {
                draft.end_block();
            }
            if short { Before::Short } else { Before::Long }
        }
        (Part::Body, role) => {
            draft.begin_block(role);
            Before::Long
        }
    };
    piece.trim(false);
    write_line(piece, draft);
    after
}

/// Writes one line, or several of a paragraph, to the last page of the draft.
pub(crate) fn write_line(piece: Piece, draft: &mut Draft) {
    let place = draft.line(&piece.text, None);
    let labels = labels(&piece, None, None);
    for (control, label) in piece.controls.into_iter().zip(labels) {
        let prefix = |range: &Range<usize>| {
            let raw = piece.text.get(..range.start).unwrap_or_default();
            let line = raw.rsplit('\n').next().unwrap_or_default();
            StoredText::page(line)
        };
        let found = control.range.as_ref().and_then(|range| {
            let value = StoredText::page(piece.text.get(range.clone())?);
            find(place?, &prefix(range), &value, draft)
        });
        add(control.field, label.or(control.hint), found, draft);
    }
}

/// Writes a row of a table to the last page of the draft.
pub(crate) fn write_row(cells: Vec<Piece>, part: Part, draft: &mut Draft) {
    let collapsed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let texts: Vec<String> = cells.iter().map(|cell| collapsed(&cell.text)).collect();
    let place = match part {
        Part::Body => draft.row(&texts, None),
        Part::Header | Part::Footer => {
            draft.continue_block(match part {
                Part::Header => BlockRole::Header,
                _ => BlockRole::Footer,
            });
            let said: Vec<_> = texts
                .iter()
                .filter(|text| !text.is_empty())
                .cloned()
                .collect();
            draft.line(&said.join("\t"), None)
        }
    };
    let mut prefix = String::new();
    for (i, cell) in cells.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| cells.get(i));
        let labels = labels(cell, before, cells.get(i + 1));
        for (control, label) in cell.controls.iter().zip(labels) {
            let found = control.range.as_ref().and_then(|range| {
                let head = cell.text.get(..range.start)?;
                let mut head_said = collapsed(head);
                if !head_said.is_empty() && head.ends_with(char::is_whitespace) {
                    head_said.push(' ');
                }
                let value = StoredText::page(&collapsed(cell.text.get(range.clone())?));
                let prefix = StoredText::page(&format!("{prefix}{head_said}"));
                find(place?, &prefix, &value, draft)
            });
            let label = label.or_else(|| control.hint.clone());
            add(control.field.clone(), label, found, draft);
        }
        if let Some(text) = texts.get(i) {
            prefix.push_str(text);
            prefix.push('\t');
        }
    }
}

/// Adds a control as a field; without a name it takes its label's, or its number.
fn add(mut field: Field, label: Option<String>, place: Option<Place>, draft: &mut Draft) {
    field.label = field.label.or(label);
    if field.name.trim().is_empty() {
        field.name = match &field.label {
            Some(label) => label.clone(),
            None => format!("field_{}", draft.field_count() + 1),
        };
    }
    field.page = Some(draft.page_count() as u32);
    draft.control(field, place);
}

/// The stored line of `place` that has `value` after `prefix`, and where.
fn find(place: Place, prefix: &str, value: &str, draft: &Draft) -> Option<Place> {
    if value.is_empty() || value.contains('\n') {
        return None;
    }
    (place.start.0..=place.end.0).find_map(|line| {
        let stored = draft.stored_line(place, line)?;
        let rest = stored.strip_prefix(prefix)?;
        rest.starts_with(value).then_some(Place {
            start: (line, prefix.len()),
            end: (line, prefix.len() + value.len()),
            ..place
        })
    })
}

/// What a person reads beside each control of a piece: the text before it, or the cell before;
/// beside a check box, the text or the cell after it.
fn labels(piece: &Piece, before: Option<&Piece>, after: Option<&Piece>) -> Vec<Option<String>> {
    let ranges: Vec<Range<usize>> = piece
        .controls
        .iter()
        .map(|control| control.range.clone().unwrap_or(0..0))
        .collect();
    let cell = |piece: Option<&Piece>| piece.and_then(|piece| label(&piece.text));
    piece
        .controls
        .iter()
        .enumerate()
        .map(|(i, control)| {
            let range = ranges.get(i)?;
            let start = i
                .checked_sub(1)
                .and_then(|i| ranges.get(i))
                .map_or(0, |r| r.end);
            let end = ranges.get(i + 1).map_or(piece.text.len(), |r| r.start);
            let left = || label(piece.text.get(start..range.start)?);
            let right = || label(piece.text.get(range.end..end)?);
            match control.field.kind {
                FieldKind::Checkbox | FieldKind::Radio => right()
                    .or_else(left)
                    .or_else(|| cell(after))
                    .or_else(|| cell(before)),
                _ => left().or_else(|| cell(before)),
            }
        })
        .collect()
}

/// The last line of a text, without leaders and colon, where it is short enough for a label.
pub(crate) fn label(text: &str) -> Option<String> {
    let trim = |text: &str| -> String {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let edge = |c: char| {
            matches!(
                c,
                ':' | ' ' | '\u{a0}' | '.' | '…' | '_' | '(' | ')' | ';' | ',' | '–' | '-' | '•'
            )
        };
        words.trim_matches(edge).to_owned()
    };
    let line = text
        .split(['\n', '\t'])
        .map(trim)
        .rfind(|line| !line.is_empty())?;
    let letters = line.chars().any(char::is_alphabetic);
    (letters && line.chars().count() <= LABEL_CHARACTERS_MAX).then(|| StoredText::page(&line))
}

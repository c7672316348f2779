//! HTML: title and block structure to lines, form controls to fields. Links keep their words,
//! scripts, styles and templates are dropped.
//!
//! Tokens are followed as they come and no tree is built, so nesting costs nothing: 300,000 nested
//! elements are read like any others.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use domain::{BlockRole, Field, FieldKind, NoteCode};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use crate::budgets::{Budget, Budgets};
use crate::charset::{self, Decoded};
use crate::draft::Draft;
use crate::office::story::{self, Part, Piece};

/// Reads a page.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let decoded = decode(bytes);
    decoded.note(draft);
    if !draft.page(0.0, 0.0) {
        return;
    }
    let mut page = parse(&decoded.text, draft.budgets);
    draft.title = page.title.take();
    // Receipts of online services are "label : value" paragraphs.
    draft.infer_pairs = true;
    add(page, draft);
}

/// The characters of a page, in the encoding that it declares.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    let head = &bytes[..bytes.len().min(2048)];
    charset::decode(bytes, declared_charset(head).as_deref())
}

/// Adds the text of a page (or of the HTML part of a mail) to the last page.
pub(crate) fn read_str(text: &str, draft: &mut Draft) {
    let page = parse(text, draft.budgets);
    add(page, draft);
}

fn add(page: HtmlPage, draft: &mut Draft) {
    if page.long_tags {
        let detail = format!("attributes {ATTRIBUTES_MAX}");
        draft.note(NoteCode::BudgetReached, Some(detail));
    }
    if page.unclosed {
        draft.note(NoteCode::DamagedFile, Some("unclosed element".into()));
    }
    for block in page.blocks {
        if block.role != BlockRole::Text {
            draft.begin_block(block.role);
        }
        for line in block.lines {
            match line {
                HtmlLine::Text(piece) => story::write_line(piece, draft),
                HtmlLine::Row(cells) => story::write_row(cells, Part::Body, draft),
            };
        }
        draft.end_block();
    }
    for (cut, budget) in [
        (page.characters_cut, Budget::Characters),
        (page.fields_cut, Budget::Fields),
    ] {
        if cut {
            draft.reached(budget);
        }
    }
}

/// The label in `<meta charset=…>` or `<meta … content="…; charset=…">`.
fn declared_charset(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let meta = &head[head.find("<meta")?..];
    let after = &meta[meta.find("charset")? + "charset".len()..];
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let label: String = after
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))
        .collect();
    (!label.is_empty()).then_some(label)
}

/// A cell of more lines or characters than these is a part of the page, not of a table.
const CELL_LINES_MAX: usize = 3;
const CELL_CHARACTERS_MAX: usize = 200;

/// An element with more attributes is read without them: the tokenizer compares each with all those
/// before it.
const ATTRIBUTES_MAX: usize = 256;

enum HtmlLine {
    Text(Piece),
    Row(Vec<Piece>),
}

struct HtmlBlock {
    role: BlockRole,
    lines: Vec<HtmlLine>,
}

#[derive(Default)]
struct HtmlPage {
    title: Option<String>,
    blocks: Vec<HtmlBlock>,
    characters_cut: bool,
    fields_cut: bool,
    /// An element whose content is no text was never closed: it has the rest of the page.
    unclosed: bool,
    /// There were elements with too many attributes.
    long_tags: bool,
}

fn parse(text: &str, budgets: &Budgets) -> HtmlPage {
    let sink = Sink(RefCell::new(Reader {
        characters_left: budgets.characters,
        fields_left: budgets.fields,
        ..Reader::default()
    }));
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    let text = without_long_tags(text);
    // The tokenizer copies what it is given: parts keep that small.
    let mut rest: &str = &text;
    while !rest.is_empty() {
        let mut end = rest.len().min(64 << 10);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        input.push_back(StrTendril::from_slice(&rest[..end]));
        rest = &rest[end..];
        // A sink that never asks for a script never suspends the tokenizer.
        let _ = tokenizer.feed(&input);
        if tokenizer.sink.0.borrow().page.characters_cut {
            break;
        }
    }
    tokenizer.end();
    let mut page = tokenizer.sink.0.into_inner().finish();
    page.long_tags = matches!(text, Cow::Owned(_));
    page
}

/// The text, elements with too many attributes without any.
fn without_long_tags(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let (mut kept, mut from, mut at) = (String::new(), 0, 0);
    let after = |start: usize, pattern: &str| {
        let rest = text.get(start..).unwrap_or_default();
        let found = rest.find(pattern);
        found.map_or(text.len(), |found| start + found + pattern.len())
    };
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + found + 1;
        let rest = &text[start..];
        let name = start + usize::from(rest.starts_with('/'));
        if rest.starts_with("!--") {
            // `<!-->` is a whole comment.
            at = after(start + 1, "-->");
        } else if rest.starts_with(['!', '?']) {
            at = after(start, ">");
        } else if bytes.get(name).is_some_and(u8::is_ascii_alphabetic) {
            let tag = Scanned::of(bytes, name);
            if tag.attributes > ATTRIBUTES_MAX {
                kept.push_str(&text[from..tag.name_end]);
                kept.push('>');
                from = tag.end;
            }
            at = tag.end;
            let raw = ["script", "style", "textarea"];
            let said = &text[name..tag.name_end];
            if name == start
                && !(tag.closes_itself && tag.attributes <= ATTRIBUTES_MAX)
                && let Some(raw) = raw.iter().find(|raw| said.eq_ignore_ascii_case(raw))
            {
                at = raw_end(bytes, at, raw.as_bytes());
            }
        } else {
            at = start;
        }
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[from..]);
    Cow::Owned(kept)
}

/// Where the end tag stands of an element whose content is no markup.
fn raw_end(bytes: &[u8], from: usize, name: &[u8]) -> usize {
    let mut at = from;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| *b == b'<'))
    {
        at += found;
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let (head, tail) = rest.split_at((name.len() + 1).min(rest.len()));
        let named = head.strip_prefix(b"/");
        if named.is_some_and(|n| n.eq_ignore_ascii_case(name))
            && matches!(
                tail.first(),
                Some(b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
            )
        {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// A tag as far as its attributes are counted.
struct Scanned {
    attributes: usize,
    name_end: usize,
    /// After its `>`.
    end: usize,
    closes_itself: bool,
}

impl Scanned {
    fn of(bytes: &[u8], name: usize) -> Self {
        #[derive(Clone, Copy, PartialEq)]
        enum At {
            Name,
            /// Between attributes; what comes begins one.
            Between,
            Attribute,
            /// After the name of an attribute: a value may follow.
            After,
            BeforeValue,
            Value,
            Quoted(u8),
        }
        let mut tag = Self {
            attributes: 0,
            name_end: bytes.len(),
            end: bytes.len(),
            closes_itself: false,
        };
        let mut at = At::Name;
        for (i, byte) in bytes.iter().copied().enumerate().skip(name) {
            let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c);
            if byte == b'>' && !matches!(at, At::Quoted(_)) {
                tag.end = i + 1;
                tag.closes_itself =
                    i > name && bytes.get(i - 1) == Some(&b'/') && at == At::Between;
                tag.name_end = tag.name_end.min(i);
                break;
            }
            let before = at;
            at = match at {
                At::Quoted(mark) if byte == mark => At::Between,
                At::Quoted(_) => at,
                At::BeforeValue if blank => at,
                At::BeforeValue if matches!(byte, b'"' | b'\'') => At::Quoted(byte),
                At::BeforeValue | At::Value if !blank => At::Value,
                At::Name if !blank && byte != b'/' => at,
                At::Attribute | At::After if byte == b'=' => At::BeforeValue,
                At::Attribute | At::After if blank => At::After,
                At::Attribute if byte != b'/' => at,
                _ if blank || byte == b'/' => At::Between,
                _ => At::Attribute,
            };
            if before == At::Name && at != At::Name {
                tag.name_end = i;
            }
            tag.attributes += usize::from(at == At::Attribute && before != At::Attribute);
        }
        tag
    }
}

struct Sink(RefCell<Reader>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reader = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => reader.text(&text),
            Token::TagToken(tag) => return reader.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Follows the tokens.
#[derive(Default)]
struct Reader {
    page: HtmlPage,
    block: Vec<HtmlLine>,
    line: Piece,
    /// Cells of the row being read, each as its lines; `None` outside rows.
    cells: Option<Vec<Vec<Piece>>>,
    title: Option<String>,
    in_title: bool,
    /// Within `script`, `style` or `template`, which have no text for people.
    skipping: Option<String>,
    /// How many drawings are open: a title within one is a text of it.
    drawings: u32,
    preformatted: u32,
    /// Within a heading.
    heading: Option<BlockRole>,
    /// How many lists are open.
    lists: u32,
    /// What is being defined, until its definition comes.
    term: Option<Piece>,
    in_term: bool,
    /// A `select` or `textarea` that is open.
    open: Option<Open>,
    /// The `label` that is open.
    label: Option<Label>,
    /// What labels say of the control of an identifier.
    labels: BTreeMap<String, String>,
    /// The controls in the order of the page: identifier, and what the label around says.
    controls: Vec<(Option<String>, Option<String>)>,
    characters_left: u64,
    fields_left: u64,
}

/// A control whose content is being read.
struct Open {
    field: Field,
    id: Option<String>,
    hint: Option<String>,
    /// What stands in it: all of a text, the present option of a choice.
    text: String,
    /// The present option is chosen.
    chosen: bool,
    chosen_texts: Vec<String>,
}

#[derive(Default)]
struct Label {
    control: Option<String>,
    text: String,
    /// The controls within it begin here.
    first: usize,
}

/// Adds a character; white space is one space, and none at the start.
fn collapse(text: &mut String, c: char) -> bool {
    // No-break spaces are kept: they are the author's.
    if !matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
        text.push(c);
        return true;
    }
    let kept = !text.is_empty() && !text.ends_with(' ');
    if kept {
        text.push(' ');
    }
    kept
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    let found = tag.attrs.iter().find(|a| &*a.name.local == name)?;
    let value = found.value.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(value)
}

fn said(tag: &Tag, name: &str) -> Option<String> {
    attribute(tag, name).filter(|value| !value.is_empty())
}

impl Reader {
    fn text(&mut self, text: &str) {
        if self.skipping.is_some() {
            return;
        }
        for c in text.chars() {
            if self.page.characters_cut {
                return;
            }
            self.character(c);
        }
    }

    fn character(&mut self, c: char) {
        let kept = if self.in_title {
            collapse(self.title.get_or_insert_default(), c)
        } else if let Some(open) = &mut self.open {
            collapse(&mut open.text, c)
        } else {
            if let Some(label) = &mut self.label {
                collapse(&mut label.text, c);
            }
            match (self.preformatted, c) {
                (0, c) => collapse(&mut self.line.text, c),
                (_, '\n') => {
                    self.end_line();
                    false
                }
                (_, c) => {
                    self.line.text.push(c);
                    true
                }
            }
        };
        if kept {
            self.spend(1);
        }
    }

    /// Counts characters that are kept.
    fn spend(&mut self, characters: u64) {
        match self.characters_left.checked_sub(characters) {
            Some(left) => self.characters_left = left,
            None => self.page.characters_cut = true,
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let start = tag.kind == TagKind::StartTag;
        let raw = match name {
            "script" => Some(RawKind::ScriptData),
            "style" => Some(RawKind::Rawtext),
            _ => None,
        };
        let raw = raw.filter(|_| start && !tag.self_closing);
        if let Some(skipped) = &self.skipping {
            if !start && name == skipped {
                self.skipping = None;
            }
            return raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData);
        }
        // A title that is never closed must not have the page.
        self.in_title &= name == "title";
        if self.open.is_some() && !matches!(name, "option" | "optgroup" | "hr") {
            self.end_open();
        }
        match name {
            "script" | "style" | "template" if start && !tag.self_closing => {
                self.skipping = Some(name.to_owned());
                return raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData);
            }
            "svg" => {
                self.drawings = match start {
                    true => self.drawings.saturating_add(u32::from(!tag.self_closing)),
                    false => self.drawings.saturating_sub(1),
                };
            }
            "title" if self.drawings == 0 => self.in_title = start,
            "label" => {
                self.end_label();
                if start {
                    self.label = Some(Label {
                        control: said(tag, "for"),
                        text: String::new(),
                        first: self.controls.len(),
                    });
                }
            }
            "input" if start => self.input(tag),
            "select" | "textarea" if start => {
                let kind = match name {
                    "select" => FieldKind::Choice,
                    _ => FieldKind::Text,
                };
                self.open = Some(Open {
                    field: field(tag, kind),
                    id: said(tag, "id"),
                    hint: said(tag, "placeholder"),
                    text: String::new(),
                    chosen: false,
                    chosen_texts: Vec::new(),
                });
                if name == "textarea" {
                    return TokenSinkResult::RawData(RawKind::Rcdata);
                }
            }
            "option" | "optgroup" if self.open.is_some() => {
                if let Some(open) = &mut self.open {
                    open.end_option();
                    open.chosen = start && attribute(tag, "selected").is_some();
                }
            }
            "br" => self.end_line(),
            "tr" => {
                self.end_row();
                if start {
                    self.end_line();
                    self.cells = Some(Vec::new());
                }
            }
            "td" | "th" => {
                self.end_line();
                if start && let Some(cells) = &mut self.cells {
                    cells.push(Vec::new());
                }
            }
            "table" if !start => {
                self.end_row();
                self.end_block();
            }
            "dt" | "dd" => {
                self.end_line();
                self.in_term = start && name == "dt";
                let defined = !start && name == "dd";
                if self.in_term || defined {
                    self.end_term();
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.end_block();
                self.heading = start.then_some(match name {
                    "h1" => BlockRole::Title,
                    "h2" => BlockRole::Heading,
                    _ => BlockRole::Subheading,
                });
            }
            "ul" | "ol" => {
                self.end_block();
                self.lists = match start {
                    true => self.lists.saturating_add(1),
                    false => self.lists.saturating_sub(1),
                };
            }
            // `text` is a drawing's.
            "li" | "option" | "figcaption" | "caption" | "legend" | "text" => self.end_line(),
            "pre" => {
                self.end_block();
                self.preformatted = match start {
                    true => self.preformatted + 1,
                    false => self.preformatted.saturating_sub(1),
                };
            }
            "p" | "div" | "section" | "article" | "header" | "footer" | "nav" | "aside"
            | "main" | "dl" | "table" | "blockquote" | "form" | "fieldset" | "hr" | "address"
            | "figure" | "details" | "summary" | "body" | "head" | "html" => self.end_block(),
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn input(&mut self, tag: &Tag) {
        let kind = attribute(tag, "type").unwrap_or_default();
        let value = said(tag, "value");
        let (id, hint) = (said(tag, "id"), said(tag, "placeholder"));
        match kind.to_ascii_lowercase().as_str() {
            "hidden" | "submit" | "button" | "reset" | "image" | "password" | "file" => {}
            kind @ ("checkbox" | "radio") => {
                let on = attribute(tag, "checked").is_some();
                let mut field = field(
                    tag,
                    match kind {
                        "radio" => FieldKind::Radio,
                        _ => FieldKind::Checkbox,
                    },
                );
                field.checked = Some(on);
                field.value = on.then(|| value.unwrap_or_else(|| "on".into()));
                self.control(field, id, if on { "☒" } else { "☐" }, hint);
            }
            _ => {
                let shown = value.clone().unwrap_or_default();
                let mut field = field(tag, FieldKind::Text);
                field.value = value;
                self.control(field, id, &shown, hint);
            }
        }
    }

    /// Adds a control where the line stands, and what people see of it.
    fn control(&mut self, field: Field, id: Option<String>, shown: &str, hint: Option<String>) {
        self.spend(shown.chars().count() as u64 + 2);
        if self.page.characters_cut {
            return;
        }
        collapse(&mut self.line.text, ' ');
        if self.fields_left > 0 {
            self.fields_left -= 1;
            self.line.push_control(field, shown, hint);
            self.controls.push((id, None));
        } else {
            self.page.fields_cut = true;
            self.line.text.push_str(shown);
        }
        collapse(&mut self.line.text, ' ');
    }

    /// Ends the control that is open.
    fn end_open(&mut self) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let mut shown = open.text.trim().to_owned();
        if open.field.kind == FieldKind::Choice {
            open.end_option();
            shown = open.chosen_texts.join(", ");
        }
        open.field.value = Some(shown.clone()).filter(|value| !value.is_empty());
        // What is shown was counted as it came.
        self.characters_left = self
            .characters_left
            .saturating_add(shown.chars().count() as u64);
        self.control(open.field, open.id, &shown, open.hint);
    }

    /// Ends the label: what it says is of the control that it names, and of those within it.
    fn end_label(&mut self) {
        let Some(label) = self.label.take() else {
            return;
        };
        let Some(text) = story::label(&label.text) else {
            return;
        };
        for (_, around) in self.controls.iter_mut().skip(label.first) {
            *around = Some(text.clone());
        }
        if let Some(control) = label.control {
            self.labels.entry(control).or_insert(text);
        }
    }

    /// Ends a row: one line of cells, or, where tables only serve to arrange the page, the lines
    /// of each cell one after the other.
    fn end_row(&mut self) {
        self.end_line();
        let Some(mut cells) = self.cells.take() else {
            return;
        };
        let said = cells.iter().filter(|cell| !cell.is_empty()).count();
        let long = cells.iter().any(|cell| {
            let characters: usize = cell.iter().map(|line| line.text.chars().count()).sum();
            cell.len() > CELL_LINES_MAX || characters > CELL_CHARACTERS_MAX
        });
        if said > 1 && !long {
            let cells = cells.into_iter().map(|cell| {
                let mut whole = Piece::default();
                cell.into_iter().for_each(|line| whole.append(line, " "));
                whole
            });
            self.block.push(HtmlLine::Row(cells.collect()));
            return;
        }
        cells.retain(|cell| !cell.is_empty());
        for cell in cells {
            self.block.extend(cell.into_iter().map(HtmlLine::Text));
            if long {
                self.end_block();
            }
        }
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if line.is_blank() {
            return;
        }
        line.trim(self.preformatted > 0);
        if self.in_term && self.term.is_none() {
            self.term = Some(line);
            return;
        }
        // "term : definition", as people write it.
        if let Some(mut term) = self.term.take() {
            let end = term.text.trim_end_matches([':', ' ', '\u{a0}']).len();
            term.text.truncate(end);
            term.text.push_str(" : ");
            term.append(line, "");
            line = term;
        }
        self.push_line(line);
    }

    fn end_block(&mut self) {
        self.end_line();
        self.end_term();
        if self.cells.is_some() {
            return;
        }
        // A heading that is never closed ends with the first block after it.
        let heading = self.heading.take_if(|_| !self.block.is_empty());
        if !self.block.is_empty() {
            let role = match heading {
                Some(role) => role,
                None if self.lists > 0 => BlockRole::List,
                None => BlockRole::Text,
            };
            let lines = std::mem::take(&mut self.block);
            self.page.blocks.push(HtmlBlock { role, lines });
        }
    }

    /// A term whose definition did not come is a line of its own.
    fn end_term(&mut self) {
        if let Some(term) = self.term.take() {
            self.push_line(term);
        }
    }

    fn push_line(&mut self, line: Piece) {
        match &mut self.cells {
            Some(cells) => match cells.last_mut() {
                Some(cell) => cell.push(line),
                // Stray text between a row and its first cell.
                None => cells.push(vec![line]),
            },
            None => self.block.push(HtmlLine::Text(line)),
        }
    }

    fn finish(mut self) -> HtmlPage {
        let open_text = |open: &Open| open.field.kind == FieldKind::Text;
        self.page.unclosed = !self.page.characters_cut
            && (self.skipping.is_some() || self.open.as_ref().is_some_and(open_text));
        if self.in_title
            && let Some(title) = &self.title
        {
            // Neither closed nor followed by anything: the page may be in it.
            self.line.text.push_str(title);
        }
        self.end_open();
        self.end_label();
        self.end_row();
        self.end_block();
        self.page.title = self.title;
        let pieces = self
            .page
            .blocks
            .iter_mut()
            .flat_map(|block| &mut block.lines);
        let fields = pieces.flat_map(|line| match line {
            HtmlLine::Text(piece) => std::slice::from_mut(piece).iter_mut(),
            HtmlLine::Row(cells) => cells.iter_mut(),
        });
        for (field, (id, around)) in fields.flat_map(Piece::fields_mut).zip(self.controls) {
            let named = id.and_then(|id| self.labels.get(&id).cloned());
            field.label = named.or(around).or(field.label.take());
        }
        self.page
    }
}

impl Open {
    fn end_option(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if !text.is_empty() {
            self.field.options.push(text.to_owned());
            if self.chosen {
                self.chosen_texts.push(text.to_owned());
            }
        }
        self.chosen = false;
    }
}

/// A field as its tag declares it.
fn field(tag: &Tag, kind: FieldKind) -> Field {
    let name = said(tag, "name").or_else(|| said(tag, "id"));
    Field {
        label: said(tag, "aria-label"),
        required: attribute(tag, "required").is_some(),
        read_only: ["readonly", "disabled"]
            .iter()
            .any(|name| attribute(tag, name).is_some()),
        ..Field::new(name.unwrap_or_default(), kind)
    }
}

#[cfg(test)]
mod tests;

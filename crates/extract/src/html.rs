//! HTML: title and block structure to lines. Links keep their words, scripts and styles are
//! dropped.
//!
//! Tokens are followed as they come and no tree is built, so nesting costs nothing: 300,000 nested
//! elements are read like any others.

use std::cell::RefCell;

use domain::BlockRole;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use crate::charset::{self, Decoded};
use crate::draft::Draft;

/// Reads a page.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let decoded = decode(bytes);
    decoded.note(draft);
    if !draft.page(0.0, 0.0) {
        return;
    }
    let page = parse(&decoded.text, draft.budgets.characters);
    draft.title = page.title;
    // Receipts of online services are "label : value" paragraphs.
    draft.infer_pairs = true;
    add(&page.blocks, draft);
}

/// The characters of a page, in the encoding that it declares.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    let head = &bytes[..bytes.len().min(2048)];
    charset::decode(bytes, declared_charset(head).as_deref())
}

/// Adds the text of a page (or of the HTML part of a mail) to the last page.
pub(crate) fn read_str(text: &str, draft: &mut Draft) {
    let page = parse(text, draft.budgets.characters);
    add(&page.blocks, draft);
}

fn add(blocks: &[HtmlBlock], draft: &mut Draft) {
    for block in blocks {
        if block.role != BlockRole::Text {
            draft.begin_block(block.role);
        }
        for line in &block.lines {
            match line {
                HtmlLine::Text(text) => draft.line(text, None),
                HtmlLine::Row(cells) => draft.row(cells, None),
            };
        }
        draft.end_block();
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

enum HtmlLine {
    Text(String),
    Row(Vec<String>),
}

struct HtmlBlock {
    role: BlockRole,
    lines: Vec<HtmlLine>,
}

#[derive(Default)]
struct HtmlPage {
    title: Option<String>,
    blocks: Vec<HtmlBlock>,
}

fn parse(text: &str, characters_max: u64) -> HtmlPage {
    let sink = Sink(RefCell::new(Reader {
        characters_left: characters_max,
        ..Reader::default()
    }));
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    // The tokenizer copies what it is given: parts keep that small.
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(64 << 10);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        input.push_back(StrTendril::from_slice(&rest[..end]));
        rest = &rest[end..];
        // A sink that never asks for a script never suspends the tokenizer.
        let _ = tokenizer.feed(&input);
        if tokenizer.sink.0.borrow().characters_left == 0 {
            break;
        }
    }
    tokenizer.end();
    tokenizer.sink.0.into_inner().finish()
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
    line: String,
    /// Cells of the row being read, each as its lines; `None` outside rows.
    cells: Option<Vec<Vec<String>>>,
    title: Option<String>,
    in_title: bool,
    /// Within `script`, `style` and other elements without text for people.
    skipping: Option<String>,
    preformatted: u32,
    /// Within a heading.
    heading: Option<BlockRole>,
    /// How many lists are open.
    lists: u32,
    /// What is being defined, until its definition comes.
    term: Option<String>,
    in_term: bool,
    characters_left: u64,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if self.skipping.is_some() || self.characters_left == 0 {
            return;
        }
        self.characters_left = self.characters_left.saturating_sub(text.len() as u64);
        if self.in_title {
            self.title.get_or_insert_default().push_str(text);
            return;
        }
        if self.preformatted > 0 {
            for (i, part) in text.split('\n').enumerate() {
                if i > 0 {
                    self.end_line();
                }
                self.line.push_str(part);
            }
            return;
        }
        for c in text.chars() {
            // No-break spaces are kept: they are the author's.
            if matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
                if !self.line.is_empty() && !self.line.ends_with(' ') {
                    self.line.push(' ');
                }
            } else {
                self.line.push(c);
            }
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let start = tag.kind == TagKind::StartTag;
        if let Some(skipped) = &self.skipping {
            if !start && name == skipped {
                self.skipping = None;
            }
            return TokenSinkResult::Continue;
        }
        match name {
            "script" | "style" | "noscript" | "template" | "svg" | "iframe" | "object"
            | "noframes"
                if start && !tag.self_closing =>
            {
                self.skipping = Some(name.to_owned());
                return match name {
                    "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                    "style" | "iframe" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
                    _ => TokenSinkResult::Continue,
                };
            }
            "title" => {
                self.in_title = start;
                if start {
                    return TokenSinkResult::RawData(RawKind::Rcdata);
                }
            }
            "textarea" if start => return TokenSinkResult::RawData(RawKind::Rcdata),
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
            "li" | "option" | "figcaption" | "caption" | "legend" => self.end_line(),
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

    /// Ends a row: one line of cells, or, where tables only serve to arrange the page, the lines
    /// of each cell one after the other.
    fn end_row(&mut self) {
        self.end_line();
        let Some(mut cells) = self.cells.take() else {
            return;
        };
        let said = cells.iter().filter(|cell| !cell.is_empty()).count();
        let long = cells.iter().any(|cell| {
            let characters: usize = cell.iter().map(|line| line.chars().count()).sum();
            cell.len() > CELL_LINES_MAX || characters > CELL_CHARACTERS_MAX
        });
        if said > 1 && !long {
            let cells = cells.iter().map(|cell| cell.join(" ")).collect();
            self.block.push(HtmlLine::Row(cells));
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
        let line = std::mem::take(&mut self.line);
        let kept = match self.preformatted {
            0 => line.trim(),
            _ => line.trim_end(),
        };
        if kept.is_empty() {
            return;
        }
        let kept = kept.to_owned();
        if self.in_term && self.term.is_none() {
            self.term = Some(kept);
            return;
        }
        // "term : definition", as people write it.
        let line = match self.term.take() {
            Some(term) => format!("{} : {kept}", term.trim_end_matches([':', ' ', '\u{a0}'])),
            None => kept,
        };
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

    fn push_line(&mut self, line: String) {
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
        self.end_row();
        self.end_block();
        self.page.title = self.title;
        self.page
    }
}

#[cfg(test)]
mod tests {
    use crate::{Budgets, Input, extract};

    fn check(html: &str, title: Option<&str>, text: &str) {
        let input = Input {
            bytes: html.as_bytes(),
            file_name: Some("page.html"),
            media_type: None,
            ..Input::default()
        };
        let extraction = extract(&input, &Budgets::default());
        assert_eq!(extraction.text.as_str(), text);
        assert_eq!(extraction.layout.title.as_deref(), title);
    }

    #[test]
    fn keeps_blocks_lines_and_rows() {
        check(
            "<!doctype html><title>Avis &amp; arrêtés</title><style>p{}</style><script>if(a<b){}</script>\
             <h1>Travaux</h1><p>La rue\n est <a href='x'>fermée</a>.<br>Merci.</p>\
             <ul><li>un<li>deux</ul><table><tr><th>Nom<th>Ville<tr><td>A &eacute;<td><p>B</p></table>fin",
            Some("Avis & arrêtés"),
            "Travaux\n\nLa rue est fermée.\nMerci.\n\nun\ndeux\n\nNom\tVille\nA é\tB\n\nfin",
        );
    }

    #[test]
    fn blocks_say_what_they_are() {
        let html = "<html><h1>Demande</h1><p>Un<h2>Pièces<p>deux<ul><li>a<li>b</ul>fin\
            <table><tr><td>x<td>y</table>";
        let input = Input {
            bytes: html.as_bytes(),
            ..Input::default()
        };
        let read = extract(&input, &Budgets::default());
        let roles: Vec<_> = (read.layout.pages[0].blocks.iter())
            .map(|block| block.role)
            .collect();
        use domain::BlockRole::{Heading, List, Table, Text, Title};
        assert_eq!(roles, [Title, Text, Heading, Text, List, Text, Table]);
    }

    #[test]
    fn a_receipt_is_read_as_fields() {
        let html = "<html><p>Nom et prénom : Roy Anaïs</p>\
            <dl><dt>Zone :</dt><dd>Centre</dd><dt>Sans suite<dt>Durée<dd>un an<dd>deux ans</dl>\
            <table><tr><th>Téléphone<td>06 39 98 00 00</table>";
        let input = Input {
            bytes: html.as_bytes(),
            ..Input::default()
        };
        let read = extract(&input, &Budgets::default());
        assert_eq!(
            read.text.as_str(),
            "Nom et prénom : Roy Anaïs\n\nZone : Centre\nSans suite\nDurée : un an\ndeux ans\n\n\
             Téléphone\t06 39 98 00 00"
        );
        let value = |name: &str| {
            read.layout
                .field(name)
                .and_then(|field| field.value.as_deref())
        };
        assert_eq!(value("Nom et prénom"), Some("Roy Anaïs"));
        assert_eq!(value("Zone"), Some("Centre"));
        assert_eq!(value("Durée"), Some("un an"));
        assert_eq!(value("Téléphone"), Some("06 39 98 00 00"));
    }

    #[test]
    fn tables_that_arrange_the_page_are_read_as_text() {
        check(
            "<html><table><tr><td><table><tr><td><p>Bonjour,</p><p>La salle est libre.</p>\
             </td></tr></table></td></tr></table>",
            None,
            "Bonjour,\nLa salle est libre.",
        );
        let long = "mot ".repeat(60);
        check(
            &format!("<html><table><tr><td>menu</td><td><p>{long}</p><p>fin</p></td></tr></table>"),
            None,
            &format!("menu\n\n{}\nfin", long.trim()),
        );
    }

    #[test]
    fn nesting_costs_nothing() {
        let html = format!("<html>{}fond", "<div>".repeat(300_000));
        check(&html, None, "fond");
        let html = format!("<html>{}fond", "<table><tr><td>".repeat(100_000));
        check(&html, None, "fond");
    }

    #[test]
    fn unfinished_markup_is_read_as_far_as_it_goes() {
        check("<html><p>un<b>deux <script>x", None, "undeux");
        check("<html><p>un</div></span>deux<", None, "un\n\ndeux<");
    }
}

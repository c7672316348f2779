//! A part of a Word document as a story: paragraphs, tables, shapes, form controls.

use std::ops::ControlFlow;

use domain::{BlockRole, FieldKind};

use super::styles::Styles;
use crate::budgets::Budget;
use crate::draft::Draft;
use crate::office::story::{ControlProps, Kind, Story};
use crate::office::xml::{self, CONTINUE, Node, Tag};

/// What a checked box of Word has as its value.
const ON: &str = "1";

/// A structured document tag (`w:sdt`): a form control, or only a frame around text.
#[derive(Default)]
struct Sdt {
    props: ControlProps,
    /// It is a generated part (a table of contents, a cover page), a picture, a group.
    is_frame: bool,
    opened: bool,
}

/// A field made of characters (`w:fldChar`): of a legacy form, or only computed text.
#[derive(Default)]
struct Fld {
    /// For one of a form.
    props: Option<ControlProps>,
    default_on: bool,
    chosen: usize,
    opened: bool,
}

#[derive(Default)]
struct Walker {
    story: Story,
    /// Depth within an element that is not read.
    skipping: u32,
    in_text: bool,
    in_paragraph_properties: bool,
    in_sdt_properties: bool,
    /// The numbering of the paragraph: list and level.
    numbering: (Option<String>, Option<String>),
    style: Option<String>,
    outline: Option<u32>,
    run_hidden: bool,
    sdts: Vec<Sdt>,
    flds: Vec<Fld>,
    comment_of: Option<String>,
}

/// Reads a part. Numbered paragraphs go on counting in `styles`.
pub(super) fn read(text: &str, styles: &mut Styles, draft: &mut Draft) -> Story {
    let mut walker = Walker::default();
    xml::walk(text, "WordprocessingML", draft, |node, draft| {
        match node {
            Node::Start(tag) => {
                // A shape is stored twice, the second time for old programs; moved text too.
                if walker.skipping > 0 || matches!(tag.name(), "Fallback" | "moveFrom") {
                    walker.skipping += 1;
                    return CONTINUE;
                }
                if walker.story.depth() as u64 > u64::from(draft.budgets.depth) {
                    draft.reached(Budget::Depth);
                    return ControlFlow::Break(());
                }
                walker.start(&tag);
            }
            Node::End(_) if walker.skipping > 0 => walker.skipping -= 1,
            Node::End(name) => walker.end(name.as_str(), styles),
            Node::Text(text) if walker.in_text && walker.skipping == 0 => walker.text(text),
            Node::Text(_) => {}
        }
        CONTINUE
    });
    walker.story
}

impl Walker {
    fn start(&mut self, tag: &Tag) {
        let name = tag.name();
        self.in_text = name == "t";
        if self.in_sdt_properties {
            self.sdt_property(tag);
            return;
        }
        if self.in_paragraph_properties {
            self.paragraph_property(tag);
            return;
        }
        match name {
            "p" => {
                self.story.open(Kind::Paragraph);
                if let Some(author) = self.comment_of.take() {
                    // In brackets, as nobody reads it on the page.
                    self.story.text(&match author.trim() {
                        "" => "[Commentaire] ".to_owned(),
                        author => format!("[Commentaire, {author}] "),
                    });
                }
            }
            "pPr" => {
                self.in_paragraph_properties = true;
                (self.style, self.outline, self.numbering) = (None, None, (None, None));
            }
            "tbl" => self.story.open(Kind::Table),
            "tr" => self.story.open(Kind::Row),
            "tc" => self.story.open(Kind::Cell),
            "txbxContent" => self.story.open(Kind::Shape),
            "comment" => self.comment_of = Some(tag.attribute("author").unwrap_or_default()),
            "r" => self.run_hidden = false,
            "vanish" => self.run_hidden = tag.is_on(),
            "tab" | "ptab" => self.text("\t"),
            "br" | "cr" => self.text("\n"),
            "noBreakHyphen" => self.text("-"),
            "sym" => {
                let symbol = symbol(tag).map(String::from);
                self.text(&symbol.unwrap_or_default());
            }
            "sdt" => self.sdts.push(Sdt::default()),
            "sdtPr" => self.in_sdt_properties = !self.sdts.is_empty(),
            "sdtContent" => self.sdt_content(),
            "fldChar" => match tag.attribute("fldCharType").as_deref() {
                Some("begin") => self.flds.push(Fld::default()),
                Some("separate") => self.fld_separate(),
                Some("end") => self.fld_end(),
                _ => {}
            },
            _ => {
                if let Some(fld) = self.flds.last_mut() {
                    fld.property(tag);
                }
            }
        }
    }

    fn end(&mut self, name: &str, styles: &mut Styles) {
        self.in_text = false;
        match name {
            "p" => self.story.close(Kind::Paragraph),
            "pPr" if self.in_paragraph_properties => {
                self.in_paragraph_properties = false;
                self.paragraph(styles);
            }
            "tbl" => self.story.close(Kind::Table),
            "tr" => self.story.close(Kind::Row),
            "tc" => self.story.close(Kind::Cell),
            "txbxContent" => self.story.close(Kind::Shape),
            "r" => self.run_hidden = false,
            "sdtPr" => self.in_sdt_properties = false,
            "sdtContent" => {
                let opened = self
                    .sdts
                    .last_mut()
                    .map(|sdt| std::mem::take(&mut sdt.opened));
                self.close_control_if(opened);
            }
            "sdt" => {
                let opened = self.sdts.pop().map(|sdt| sdt.opened);
                self.close_control_if(opened);
            }
            _ => {}
        }
    }

    fn close_control_if(&mut self, opened: Option<bool>) {
        if opened == Some(true) {
            self.story.close_control();
        }
    }

    fn text(&mut self, text: &str) {
        self.story.hidden |= self.run_hidden && !text.trim().is_empty();
        self.story.text(text);
    }

    fn paragraph_property(&mut self, tag: &Tag) {
        let value = || tag.attribute("val");
        match tag.name() {
            "pStyle" => self.style = value(),
            "outlineLvl" => self.outline = value().and_then(|level| level.parse().ok()),
            "numId" => self.numbering.0 = value(),
            "ilvl" => self.numbering.1 = value(),
            _ => {}
        }
    }

    /// What the properties make of the paragraph.
    fn paragraph(&mut self, styles: &mut Styles) {
        let style = self.style.as_deref();
        let list = (self.numbering.0.as_deref(), self.numbering.1.as_deref());
        let number = styles.number(style, list);
        if let Some(number) = &number {
            let text = format!("{number} ");
            self.story.text(&text);
        }
        let role = match styles.role(style, self.outline) {
            BlockRole::Text if number.is_some() => BlockRole::List,
            role => role,
        };
        self.story.role(role);
    }

    fn sdt_property(&mut self, tag: &Tag) {
        let Some(sdt) = self.sdts.last_mut() else {
            return;
        };
        let props = &mut sdt.props;
        let value = || {
            tag.attribute("val")
                .filter(|value| !value.trim().is_empty())
        };
        match tag.name() {
            "alias" => props.label = value(),
            "tag" => props.name = value(),
            "text" | "date" => props.kind = Some(FieldKind::Text),
            "dropDownList" | "comboBox" => props.kind = Some(FieldKind::Choice),
            "listItem" => {
                let shown = tag
                    .attribute("displayText")
                    .or_else(|| tag.attribute("value"));
                props
                    .options
                    .extend(shown.filter(|shown| !shown.is_empty()));
            }
            "checkbox" => {
                props.kind = Some(FieldKind::Checkbox);
                props.checked = Some(false);
            }
            "checked" => props.checked = Some(tag.is_on()),
            "showingPlcHdr" => props.prompt = tag.is_on(),
            "lock" => {
                let locked = tag.attribute("val");
                props.read_only = matches!(
                    locked.as_deref(),
                    Some("contentLocked" | "sdtContentLocked")
                );
            }
            "docPartObj"
            | "docPartList"
            | "picture"
            | "group"
            | "citation"
            | "bibliography"
            | "equation"
            | "repeatingSection"
            | "repeatingSectionItem" => sdt.is_frame = true,
            _ => {}
        }
    }

    fn sdt_content(&mut self) {
        self.in_sdt_properties = false;
        let Some(sdt) = self.sdts.last_mut() else {
            return;
        };
        let props = &mut sdt.props;
        let says_so =
            props.kind.is_some() || props.prompt || props.name.is_some() || props.label.is_some();
        if sdt.is_frame || sdt.opened || !says_so {
            return;
        }
        sdt.opened = true;
        if props.checked == Some(true) {
            props.value = Some(ON.into());
        }
        self.story.open_control(std::mem::take(props));
    }

    /// The result of a field begins: for a text of a form, what was typed.
    fn fld_separate(&mut self) {
        if let Some(fld) = self.flds.last_mut()
            && let Some(props) = &fld.props
            && props.kind == Some(FieldKind::Text)
            && !fld.opened
        {
            fld.opened = true;
            self.story.open_control(props.clone());
        }
    }

    /// A field ends. A box or a choice of a form has no text in the file: what people see is said.
    fn fld_end(&mut self) {
        let Some(mut fld) = self.flds.pop() else {
            return;
        };
        if fld.opened {
            self.story.close_control();
            return;
        }
        let Some(mut props) = fld.props.take() else {
            return;
        };
        let shown = match props.kind {
            Some(FieldKind::Checkbox) => {
                let on = props.checked.unwrap_or(fld.default_on);
                props.checked = Some(on);
                props.value = on.then(|| ON.into());
                if on { "☒" } else { "☐" }.to_owned()
            }
            Some(FieldKind::Choice) => props.options.get(fld.chosen).cloned().unwrap_or_default(),
            _ => String::new(),
        };
        self.story.open_control(props);
        self.text(&shown);
        self.story.close_control();
    }
}

impl Fld {
    /// A property of a legacy form field (`w:ffData`).
    fn property(&mut self, tag: &Tag) {
        let value = || tag.attribute("val");
        if tag.name() == "ffData" {
            self.props = Some(ControlProps::default());
        }
        let Some(props) = &mut self.props else {
            return;
        };
        match tag.name() {
            "name" => props.name = value().filter(|name| !name.is_empty()),
            "statusText" => props.label = value().filter(|label| !label.trim().is_empty()),
            "enabled" => props.read_only = !tag.is_on(),
            "textInput" => props.kind = Some(FieldKind::Text),
            "checkBox" => props.kind = Some(FieldKind::Checkbox),
            "ddList" => props.kind = Some(FieldKind::Choice),
            "checked" => props.checked = Some(tag.is_on()),
            "default" if props.kind == Some(FieldKind::Checkbox) => self.default_on = tag.is_on(),
            "default" | "result" if props.kind == Some(FieldKind::Choice) => {
                self.chosen = value().and_then(|n| n.parse().ok()).unwrap_or(0);
            }
            "listEntry" => props.options.extend(value()),
            _ => {}
        }
    }
}

/// A character of a symbol font (`w:sym`), where it has a Unicode equivalent that means something.
fn symbol(tag: &Tag) -> Option<char> {
    let code = u32::from_str_radix(&tag.attribute("char")?, 16).ok()?;
    let font = tag
        .attribute("font")
        .unwrap_or_default()
        .to_ascii_lowercase();
    // Symbol fonts lie at F000 in the private use area.
    let low = if (0xf000..0xf100).contains(&code) {
        code - 0xf000
    } else {
        code
    };
    if font.starts_with("wingdings") {
        return match (font.as_str(), low) {
            ("wingdings", 0x6f | 0x70 | 0x71 | 0x72 | 0xa8) => Some('☐'),
            ("wingdings", 0xfc) => Some('✓'),
            ("wingdings", 0xfb) => Some('✗'),
            ("wingdings", 0xfd | 0x78) => Some('☒'),
            ("wingdings", 0xfe) => Some('☑'),
            ("wingdings 2", 0x2a | 0xa3 | 0x30) => Some('☐'),
            ("wingdings 2", 0x51 | 0x53 | 0x54) => Some('☒'),
            ("wingdings 2", 0x52) => Some('☑'),
            ("wingdings", 0xe0 | 0xf0 | 0xe8) => Some('→'),
            ("wingdings", 0x28) => Some('☎'),
            ("wingdings", 0x2a | 0x2b) => Some('✉'),
            _ => Some('•'),
        };
    }
    if font == "symbol" {
        return match low {
            0xb7 => Some('•'),
            0xb0 => Some('°'),
            0xb1 => Some('±'),
            0xb3 => Some('≥'),
            0xa3 => Some('≤'),
            0xb4 => Some('×'),
            0xae => Some('→'),
            0x20..0x40 => char::from_u32(low),
            _ => Some('•'),
        };
    }
    char::from_u32(code).filter(|c| !('\u{e000}'..='\u{f8ff}').contains(c))
}

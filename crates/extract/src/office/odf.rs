//! OpenDocument text and presentations (ISO/IEC 26300): `content.xml`, headers and footers of
//! `styles.xml`, form controls where they are drawn.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use domain::{BlockRole, FieldKind, NoteCode};

use super::package::{Package, media_type};
use super::story::{ControlProps, Kind, Part, Story};
use super::xml::{self, CONTINUE, Node, Tag};
use crate::budgets::Budget;
use crate::draft::Draft;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odf {
    Text,
    Presentation,
}

impl Odf {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "ODT",
            Self::Presentation => "ODP",
        }
    }
}

/// Where pictures are.
pub(crate) const PICTURES: &str = "Pictures/";

/// Reads a document.
pub(crate) fn read(bytes: &[u8], odf: Odf, draft: &mut Draft) {
    let Some(mut package) = Package::open(bytes, odf.name(), draft) else {
        return;
    };
    if is_encrypted(&mut package, draft) {
        draft.note(NoteCode::Encrypted, Some(odf.name().into()));
        return;
    }
    if odf == Odf::Text && !draft.page(0.0, 0.0) {
        return;
    }
    draft.infer_pairs = true;
    if let Some(meta) = package.text("meta.xml", draft) {
        draft.title = xml::element_text(&meta, "title", "meta.xml", draft);
    }
    let mut margins = Margins::default();
    let mut styles = BTreeMap::new();
    let mut pictures = BTreeSet::new();
    if let Some(text) = package.text("styles.xml", draft) {
        margins.read(&text, &mut styles, draft);
        pictures = package.names(PICTURES).into_iter().collect();
        pictures.retain(|path| text.contains(path.as_str()));
    }
    if odf == Odf::Text {
        margins.write(Part::Header, draft);
    }
    match package.text("content.xml", draft) {
        Some(text) => {
            pictures.retain(|path| !text.contains(path.as_str()));
            Walker::new(odf, styles).read(&text, "content.xml", draft);
        }
        None => draft.note(NoteCode::DamagedFile, Some("content.xml".into())),
    }
    if odf == Odf::Text {
        margins.write(Part::Footer, draft);
    }
    objects(&mut package, draft);
    match draft.has_text() {
        true => package.attach_pictures(PICTURES, &pictures, draft),
        false => package.attach(PICTURES, draft),
    }
}

/// Whether the manifest says that the parts are encrypted.
pub(crate) fn is_encrypted(package: &mut Package, draft: &mut Draft) -> bool {
    let Some(manifest) = package.text("META-INF/manifest.xml", draft) else {
        return false;
    };
    let mut encrypted = false;
    xml::walk(
        &manifest,
        "META-INF/manifest.xml",
        draft,
        |node, _| match node {
            Node::Start(tag) if tag.name() == "encryption-data" => {
                encrypted = true;
                ControlFlow::Break(())
            }
            _ => CONTINUE,
        },
    );
    encrypted
}

/// Files within the file: those stored whole are attachments; a document stored in parts is named.
pub(crate) fn objects(package: &mut Package, draft: &mut Draft) {
    for path in package.names("Object ") {
        match path.split_once('/') {
            None => {
                let kind = media_type(&path).to_owned();
                match package.bytes(&path, draft) {
                    Some(bytes) => draft.attach(path.clone(), path, kind, &bytes),
                    None => draft.attach_unreadable(path.clone(), path, kind),
                }
            }
            // Charts and formulas are pictures of what the document says.
            Some((object, "content.xml")) => {
                let Some(text) = package.text(&path, draft) else {
                    continue;
                };
                let kind = [
                    "<office:spreadsheet",
                    "<office:text",
                    "<office:presentation",
                ]
                .iter()
                .position(|body| text.contains(body));
                let media_type = match kind {
                    Some(0) => "application/vnd.oasis.opendocument.spreadsheet",
                    Some(1) => "application/vnd.oasis.opendocument.text",
                    Some(2) => "application/vnd.oasis.opendocument.presentation",
                    _ => continue,
                };
                draft.attach_unreadable(object.into(), object.into(), media_type.into());
            }
            Some(_) => {}
        }
    }
}

/// A paragraph style, as far as it means something.
#[derive(Clone, Debug, Default)]
struct Style {
    parent: Option<String>,
    display_name: Option<String>,
    outline: Option<u32>,
    hidden: bool,
}

type Styles = BTreeMap<String, Style>;

/// Headers and footers, each different text once.
#[derive(Default)]
struct Margins {
    stories: Vec<(Part, Story)>,
    seen: BTreeSet<(bool, String)>,
}

impl Margins {
    fn read(&mut self, text: &str, styles: &mut Styles, draft: &mut Draft) {
        let mut walker = Walker::new(Odf::Text, std::mem::take(styles));
        let mut part = None;
        xml::walk(text, "styles.xml", draft, |node, draft| {
            match &node {
                Node::Start(tag) => match (part, tag.name()) {
                    (None, "header" | "header-left" | "header-first") => {
                        part = Some(Part::Header);
                        return CONTINUE;
                    }
                    (None, "footer" | "footer-left" | "footer-first") => {
                        part = Some(Part::Footer);
                        return CONTINUE;
                    }
                    (None, _) => {
                        walker.style(tag);
                        return CONTINUE;
                    }
                    _ => {}
                },
                Node::End(name) if part.is_some() => {
                    let ends = [
                        "header",
                        "header-left",
                        "header-first",
                        "footer",
                        "footer-left",
                        "footer-first",
                    ];
                    if ends.contains(&name.as_str()) {
                        let mut story = std::mem::take(&mut walker.story);
                        let said = story.said();
                        if let Some(part) = part.take()
                            && self.seen.insert((part == Part::Header, said))
                        {
                            self.stories.push((part, story));
                        }
                        return CONTINUE;
                    }
                }
                _ if part.is_none() => return CONTINUE,
                _ => {}
            }
            walker.visit(node, draft)
        });
        *styles = walker.styles;
    }

    fn write(&mut self, part: Part, draft: &mut Draft) {
        for (at, story) in &mut self.stories {
            if *at == part {
                std::mem::take(story).write(part, draft);
            }
        }
    }
}

struct Walker {
    odf: Odf,
    story: Story,
    styles: Styles,
    /// The style being declared.
    declared: Option<String>,
    /// Depth within an element that is not read.
    skipping: u32,
    /// How deep lists are open; paragraphs in one are its items.
    lists: u32,
    in_body: bool,
    hidden_sections: u32,
    hidden_spans: Vec<bool>,
    paragraph_hidden: bool,
    /// A text field whose content is a form's: its element's name.
    open_field: Option<String>,
    annotation: Option<Annotation>,
    controls: BTreeMap<String, ControlProps>,
    in_forms: bool,
    form: Option<FormControl>,
    /// A slide is being read.
    page_open: bool,
}

/// A comment, before its first paragraph.
#[derive(Default)]
struct Annotation {
    author: String,
    in_author: bool,
    in_other: bool,
    began: bool,
}

/// A control of `office:forms` being read.
struct FormControl {
    element: String,
    id: Option<String>,
    props: ControlProps,
    selected: Vec<String>,
}

impl Walker {
    fn new(odf: Odf, styles: Styles) -> Self {
        Self {
            odf,
            story: Story::default(),
            styles,
            declared: None,
            skipping: 0,
            lists: 0,
            in_body: odf == Odf::Text,
            hidden_sections: 0,
            hidden_spans: Vec::new(),
            paragraph_hidden: false,
            open_field: None,
            annotation: None,
            controls: BTreeMap::new(),
            in_forms: false,
            form: None,
            page_open: false,
        }
    }

    fn read(mut self, text: &str, what: &str, draft: &mut Draft) {
        self.in_body = false;
        xml::walk(text, what, draft, |node, draft| self.visit(node, draft));
        self.flush(draft);
    }

    fn flush(&mut self, draft: &mut Draft) {
        let story = std::mem::take(&mut self.story);
        if story.hidden {
            draft.note_page(NoteCode::HiddenText, Some("text".into()));
        }
        story.write(Part::Body, draft);
    }

    fn visit(&mut self, node: Node, draft: &mut Draft) -> ControlFlow<()> {
        match node {
            Node::Start(tag) => {
                let skipped = matches!(
                    tag.name(),
                    // What was deleted; alternative texts of pictures; the number of a note; what a
                    // date or a page number is computed from.
                    "tracked-changes"
                        | "title"
                        | "desc"
                        | "note-citation"
                        | "ruby-text"
                        | "event-listeners"
                );
                if self.skipping > 0 || (skipped && self.in_body) {
                    self.skipping += 1;
                    return CONTINUE;
                }
                if self.story.depth() as u64 > u64::from(draft.budgets.depth) {
                    draft.reached(Budget::Depth);
                    return ControlFlow::Break(());
                }
                return self.start(&tag, draft);
            }
            Node::End(_) if self.skipping > 0 => self.skipping -= 1,
            Node::End(name) => self.end(name.as_str()),
            Node::Text(text) if self.skipping == 0 => self.text(text),
            Node::Text(_) => {}
        }
        CONTINUE
    }

    fn start(&mut self, tag: &Tag, draft: &mut Draft) -> ControlFlow<()> {
        let name = tag.name();
        if !self.in_body {
            match name {
                "body" => self.in_body = true,
                _ => self.style(tag),
            }
            return CONTINUE;
        }
        if name == "forms" {
            self.in_forms = true;
        }
        if self.in_forms {
            self.form_element(tag);
            return CONTINUE;
        }
        if let Some(annotation) = &mut self.annotation
            && !annotation.began
        {
            match name {
                "creator" => annotation.in_author = true,
                "date" | "date-string" | "creator-initials" => annotation.in_other = true,
                _ => {}
            }
        }
        match name {
            "page" if self.odf == Odf::Presentation => {
                if self.page_open {
                    self.flush(draft);
                }
                if !draft.page(0.0, 0.0) {
                    return ControlFlow::Break(());
                }
                self.page_open = true;
            }
            "h" | "p" => self.paragraph(tag),
            "list" => self.lists += 1,
            "table" => self.story.open(Kind::Table),
            "table-row" => self.story.open(Kind::Row),
            "table-cell" => self.story.open(Kind::Cell),
            "text-box" | "custom-shape" | "rect" | "ellipse" | "line" | "connector" | "path"
            | "polygon" | "circle" | "caption" => {
                // On a slide, shapes follow one another; in a text they float in a paragraph.
                if self.odf == Odf::Presentation && !self.story.within(Kind::Paragraph) {
                    self.story.separate();
                } else {
                    self.story.open(Kind::Shape);
                }
            }
            "note-body" => self.story.open(Kind::Note),
            "annotation" => {
                self.story.open(Kind::Note);
                self.annotation = Some(Annotation::default());
            }
            "s" => self.text(" "),
            "tab" => self.text("\t"),
            "line-break" => self.text("\n"),
            "section" => {
                let hidden = tag.attribute("display").as_deref() == Some("none");
                if hidden || self.hidden_sections > 0 {
                    self.hidden_sections += 1;
                }
            }
            "span" => {
                let style = tag.attribute("style-name");
                self.hidden_spans.push(self.is_hidden(style.as_deref()));
            }
            "hidden-text" => {
                self.story.hidden = true;
                if let Some(text) = tag.attribute("string-value") {
                    self.story.text(&text);
                }
            }
            "control" => self.drawn_control(tag),
            "drop-down" | "text-input" | "placeholder" if self.open_field.is_none() => {
                self.open_field = Some(name.to_owned());
                let choice = name == "drop-down";
                self.story.open_control(ControlProps {
                    name: tag.attribute("name"),
                    label: tag
                        .attribute("description")
                        .filter(|d| !d.trim().is_empty()),
                    kind: Some(if choice {
                        FieldKind::Choice
                    } else {
                        FieldKind::Text
                    }),
                    prompt: name == "placeholder",
                    ..ControlProps::default()
                });
            }
            _ => {}
        }
        CONTINUE
    }

    fn end(&mut self, name: &str) {
        if self.in_forms {
            self.form_end(name);
            self.in_forms = name != "forms";
            return;
        }
        match name {
            "h" | "p" => {
                self.paragraph_hidden = false;
                self.story.close(Kind::Paragraph);
            }
            "list" => self.lists = self.lists.saturating_sub(1),
            "table" => self.story.close(Kind::Table),
            "table-row" => self.story.close(Kind::Row),
            "table-cell" => self.story.close(Kind::Cell),
            "text-box" | "custom-shape" | "rect" | "ellipse" | "line" | "connector" | "path"
            | "polygon" | "circle" | "caption" => {
                if self.odf == Odf::Presentation && !self.story.within(Kind::Shape) {
                    self.story.separate();
                } else {
                    self.story.close(Kind::Shape);
                }
            }
            "note-body" => self.story.close(Kind::Note),
            "annotation" => {
                self.story.close(Kind::Note);
                self.annotation = None;
            }
            "creator" | "date" | "date-string" | "creator-initials" => {
                if let Some(annotation) = &mut self.annotation {
                    annotation.in_author = false;
                    annotation.in_other = false;
                }
            }
            "section" => self.hidden_sections = self.hidden_sections.saturating_sub(1),
            "span" => {
                self.hidden_spans.pop();
            }
            "style" => self.declared = None,
            _ if self.open_field.as_deref() == Some(name) => {
                self.open_field = None;
                self.story.close_control();
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if !self.in_body || self.in_forms {
            return;
        }
        if let Some(annotation) = &mut self.annotation {
            if annotation.in_author {
                annotation.author.push_str(text);
                return;
            }
            if annotation.in_other {
                return;
            }
        }
        let hidden = self.hidden_sections > 0
            || self.paragraph_hidden
            || self.hidden_spans.iter().any(|hidden| *hidden);
        self.story.hidden |= hidden && !text.trim().is_empty();
        // Line ends and indents of the file are one space (ODF part 1, section 6.1.2).
        match text.contains(['\n', '\r', '\t']) {
            true => self.story.text(&text.replace(['\n', '\r', '\t'], " ")),
            false => self.story.text(text),
        }
    }

    fn paragraph(&mut self, tag: &Tag) {
        let style = tag.attribute("style-name");
        let style = style.as_deref();
        self.paragraph_hidden = self.is_hidden(style);
        self.story.open(Kind::Paragraph);
        let level = tag
            .attribute("outline-level")
            .and_then(|level| level.parse().ok());
        let role = match tag.name() {
            "h" => heading(level.unwrap_or(1)),
            _ if self.lists > 0 => BlockRole::List,
            _ => self.role(style),
        };
        self.story.role(role);
        if let Some(annotation) = &mut self.annotation
            && !std::mem::replace(&mut annotation.began, true)
        {
            self.story.text(&match annotation.author.trim() {
                "" => "[Commentaire] ".to_owned(),
                author => format!("[Commentaire, {author}] "),
            });
        }
    }

    /// A style is declared, or a property of the one that is open.
    fn style(&mut self, tag: &Tag) {
        match tag.name() {
            "style" => {
                self.declared = tag.attribute("name");
                if let Some(name) = &self.declared {
                    let style = Style {
                        parent: tag.attribute("parent-style-name"),
                        display_name: tag.attribute("display-name"),
                        outline: tag
                            .attribute("default-outline-level")
                            .and_then(|level| level.parse().ok()),
                        hidden: false,
                    };
                    self.styles.insert(name.clone(), style);
                }
            }
            "text-properties" => {
                let style = self
                    .declared
                    .as_ref()
                    .and_then(|name| self.styles.get_mut(name));
                if let Some(style) = style {
                    style.hidden = tag.attribute("display").as_deref() == Some("none");
                }
            }
            _ => {}
        }
    }

    fn is_hidden(&self, style: Option<&str>) -> bool {
        style
            .and_then(|name| self.styles.get(name))
            .is_some_and(|style| style.hidden)
    }

    fn role(&self, style: Option<&str>) -> BlockRole {
        let mut name = style.map(str::to_owned);
        for _ in 0..16 {
            let Some(current) = name else {
                break;
            };
            let style = self.styles.get(&current);
            let shown = style
                .and_then(|style| style.display_name.as_deref())
                .unwrap_or(&current)
                .to_lowercase();
            match shown.as_str() {
                "title" | "titre" | "titre principal" => return BlockRole::Title,
                "subtitle" | "sous-titre" => return BlockRole::Heading,
                _ => {}
            }
            if let Some(level) = style
                .and_then(|style| style.outline)
                .filter(|level| *level > 0)
            {
                return heading(level);
            }
            name = style.and_then(|style| style.parent.clone());
        }
        BlockRole::Text
    }

    /// An element of `office:forms`: a control, or an option of one.
    fn form_element(&mut self, tag: &Tag) {
        let name = tag.name();
        if let Some(form) = &mut self.form {
            let on = |name: &str| tag.attribute(name).as_deref() == Some("true");
            if matches!(name, "option" | "item") {
                let shown = tag.attribute("label").or_else(|| tag.attribute("value"));
                if on("current-selected") || (on("selected") && form.selected.is_empty()) {
                    form.selected.extend(shown.clone());
                }
                form.props.options.extend(shown);
            }
            return;
        }
        let kind = match name {
            "text" | "textarea" | "formatted-text" | "number" | "date" | "time" | "password"
            | "file" => FieldKind::Text,
            "checkbox" => FieldKind::Checkbox,
            "radio" => FieldKind::Radio,
            "listbox" | "combobox" => FieldKind::Choice,
            "button" | "image" => FieldKind::Button,
            _ => return,
        };
        let said = |name: &str| tag.attribute(name).filter(|value| !value.trim().is_empty());
        let mut props = ControlProps {
            name: said("name"),
            label: said("label").or_else(|| said("title")),
            kind: Some(kind),
            read_only: said("readonly").as_deref() == Some("true"),
            ..ControlProps::default()
        };
        match kind {
            FieldKind::Checkbox | FieldKind::Radio => {
                let state = said("current-state").or_else(|| said("state"));
                let selected = said("current-selected").or_else(|| said("selected"));
                let on = state.as_deref() == Some("checked") || selected.as_deref() == Some("true");
                props.checked = Some(on);
                props.value = on.then(|| said("value").unwrap_or_else(|| "1".into()));
            }
            _ => props.value = said("current-value").or_else(|| said("value")),
        }
        self.form = Some(FormControl {
            element: name.to_owned(),
            id: tag.attribute("id"),
            props,
            selected: Vec::new(),
        });
    }

    fn form_end(&mut self, name: &str) {
        let ended = self.form.take_if(|form| form.element == name);
        let Some(FormControl {
            id,
            mut props,
            selected,
            ..
        }) = ended
        else {
            return;
        };
        if props.kind == Some(FieldKind::Choice) && props.value.is_none() && !selected.is_empty() {
            props.value = Some(selected.join(", "));
        }
        if let Some(id) = id
            && props.kind != Some(FieldKind::Button)
        {
            self.controls.insert(id, props);
        }
    }

    /// A control is drawn here: what people see of it is read here.
    fn drawn_control(&mut self, tag: &Tag) {
        let id = tag.attribute("control").unwrap_or_default();
        let Some(props) = self.controls.remove(&id) else {
            return;
        };
        let shown = match props.checked {
            Some(on) => {
                let mark = if on { "☒" } else { "☐" };
                match &props.label {
                    Some(label) => format!("{mark} {label}"),
                    None => mark.to_owned(),
                }
            }
            None => props.value.clone().unwrap_or_default(),
        };
        // Anchored to the page, a control is a paragraph of its own.
        let alone = !self.story.within(Kind::Paragraph);
        if alone {
            self.story.open(Kind::Paragraph);
        }
        self.story.text(" ");
        self.story.open_control(props);
        self.story.text(&shown);
        self.story.close_control();
        self.story.text(" ");
        if alone {
            self.story.close(Kind::Paragraph);
        }
    }
}

fn heading(level: u32) -> BlockRole {
    match level {
        0 | 1 => BlockRole::Heading,
        _ => BlockRole::Subheading,
    }
}

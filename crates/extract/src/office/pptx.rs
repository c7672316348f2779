//! PowerPoint presentations (ISO/IEC 29500 PresentationML): a page a slide, with its notes.

use std::ops::ControlFlow;

use domain::{BlockRole, NoteCode};

use super::package::Package;
use super::story::{Kind, Part, Story};
use super::xml::{self, CONTINUE, Node};
use crate::budgets::Budget;
use crate::draft::Draft;

/// Reads a presentation.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let Some(mut package) = Package::open(bytes, "PPTX", draft) else {
        return;
    };
    if let Some(core) = package.text("docProps/core.xml", draft) {
        draft.title = xml::element_text(&core, "title", "docProps/core.xml", draft);
    }
    let slides = slides(&mut package, draft);
    for name in &slides {
        if !draft.page(0.0, 0.0) {
            return;
        }
        let Some(text) = package.text(name, draft) else {
            draft.note_page(NoteCode::DamagedPage, None);
            continue;
        };
        slide(&text, draft).write(Part::Body, draft);
        let relationships = package.relationships(name, draft);
        for kind in ["diagramData", "chart", "notesSlide", "comments"] {
            for part in relationships.of_kind(kind) {
                if let Some(text) = package.text(&part, draft) {
                    slide(&text, draft).write(Part::Body, draft);
                }
            }
        }
    }
    package.attach("ppt/embeddings/", draft);
    let masters = [
        "ppt/slideMasters/slideMaster",
        "ppt/slideLayouts/slideLayout",
    ];
    let margins = package.pictures_of_margins(&masters, &slides, draft);
    match draft.has_text() {
        true => package.attach_pictures("ppt/media/", &margins, draft),
        false => package.attach("ppt/media/", draft),
    }
}

/// The slides in the order of the presentation; those that it does not name come last.
fn slides(package: &mut Package, draft: &mut Draft) -> Vec<String> {
    const MAIN: &str = "ppt/presentation.xml";
    let relationships = package.relationships(MAIN, draft);
    let mut slides = Vec::new();
    if let Some(text) = package.text(MAIN, draft) {
        xml::walk(&text, MAIN, draft, |node, _| {
            if let Node::Start(tag) = node
                && tag.name() == "sldId"
                && let Some(target) = tag
                    .prefixed("id")
                    .and_then(|id| relationships.target(&id).map(str::to_owned))
            {
                slides.push(target);
            }
            CONTINUE
        });
    }
    for name in package.numbered("ppt/slides/slide") {
        if !slides.contains(&name) {
            slides.push(name);
        }
    }
    slides
}

/// What a slide, its notes or a drawing says: the shapes in the order of the file.
pub(crate) fn slide(text: &str, draft: &mut Draft) -> Story {
    let mut story = Story::default();
    let (mut in_text, mut is_title, mut skipping, mut number) = (false, false, 0u32, false);
    xml::walk(text, "DrawingML", draft, |node, draft| {
        match node {
            Node::Start(tag) => {
                if skipping > 0 || tag.name() == "Fallback" {
                    skipping += 1;
                    return CONTINUE;
                }
                if story.depth() as u64 > u64::from(draft.budgets.depth) {
                    draft.reached(Budget::Depth);
                    return ControlFlow::Break(());
                }
                in_text = tag.name() == "t" || tag.name() == "text";
                match tag.name() {
                    "sld" if tag.attribute("show").as_deref() == Some("0") => {
                        draft.note_page(NoteCode::HiddenText, Some("slide".into()));
                    }
                    "sp" => is_title = false,
                    "ph" => {
                        let kind = tag.attribute("type");
                        is_title = matches!(kind.as_deref(), Some("title" | "ctrTitle"));
                        number = matches!(kind.as_deref(), Some("sldNum" | "sldImg"));
                    }
                    "p" if !number => {
                        story.open(Kind::Paragraph);
                        if is_title {
                            story.role(BlockRole::Heading);
                        }
                    }
                    "tbl" => story.open(Kind::Table),
                    "tr" => story.open(Kind::Row),
                    "tc" => story.open(Kind::Cell),
                    // A comment's text stands in no paragraph.
                    "cm" => story.open(Kind::Paragraph),
                    "br" => story.text("\n"),
                    "tab" => story.text("\t"),
                    _ => {}
                }
            }
            Node::End(_) if skipping > 0 => skipping -= 1,
            Node::End(name) => {
                in_text = false;
                match name.as_str() {
                    "p" | "cm" => story.close(Kind::Paragraph),
                    "tbl" => story.close(Kind::Table),
                    "tr" => story.close(Kind::Row),
                    "tc" => story.close(Kind::Cell),
                    "sp" | "graphicFrame" | "pt" => {
                        (is_title, number) = (false, false);
                        story.separate();
                    }
                    _ => {}
                }
            }
            Node::Text(text) if in_text && skipping == 0 => story.text(text),
            Node::Text(_) => {}
        }
        CONTINUE
    });
    story
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;

    use crate::{Budgets, Input, extract};

    #[test]
    fn slides_come_in_the_order_of_the_presentation_with_their_notes() {
        let slide = |title: &str, text: &str| {
            format!(
                "<p:sld xmlns:a='a' xmlns:p='p'><p:sp><p:nvPr><p:ph type='title'/></p:nvPr><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:sp>\
                 <p:sp><p:nvPr><p:ph type='sldNum'/></p:nvPr><a:p><a:fld><a:t>7</a:t></a:fld></a:p></p:sp>\
                 <a:tbl><a:tr><a:tc><a:p><a:t>{text}</a:t></a:p></a:tc><a:tc><a:p><a:t>b</a:t></a:p></a:tc></a:tr></a:tbl></p:sld>"
            )
        };
        let rels = |inner: &str| format!("<Relationships>{inner}</Relationships>");
        let parts = [
            (
                "ppt/presentation.xml",
                "<p><p:sldId id='256' r:id='r2'/><p:sldId id='257' r:id='r1'/></p>".to_owned(),
            ),
            (
                "ppt/_rels/presentation.xml.rels",
                rels(
                    "<Relationship Id='r1' Type='x/slide' Target='slides/slide1.xml'/><Relationship Id='r2' Type='x/slide' Target='/ppt/slides/slide2.xml'/>",
                ),
            ),
            ("ppt/slides/slide1.xml", slide("Deux", "x")),
            ("ppt/slides/slide2.xml", slide("Un", "é &amp; y")),
            (
                "ppt/slides/_rels/slide2.xml.rels",
                rels(
                    "<Relationship Id='r1' Type='x/notesSlide' Target='../notesSlides/notesSlide1.xml'/>",
                ),
            ),
            (
                "ppt/notesSlides/notesSlide1.xml",
                "<p:notes><a:p><a:t>Dire bonjour</a:t></a:p></p:notes>".to_owned(),
            ),
        ];
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &parts {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let input = Input {
            bytes: &bytes,
            ..Input::default()
        };
        let read = extract(&input, &Budgets::default());
        assert_eq!(
            read.text.as_str(),
            "Un\n\né & y\tb\n\nDire bonjour\u{c}Deux\n\nx\tb"
        );
        assert!(read.layout.notes.is_empty(), "{:?}", read.layout.notes);
    }
}

//! A part as a sequence of tags and text, by local names: prefixes differ between programs.

use std::borrow::Cow;
use std::ops::ControlFlow;

use domain::NoteCode;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesEnd, BytesRef, BytesStart, Event};

use crate::budgets::Budget;
use crate::draft::Draft;

/// Read on.
pub(crate) const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

/// What follows in a part.
pub(crate) enum Node<'n> {
    /// A tag opens; one without content opens and closes.
    Start(Tag<'n>),
    /// A tag closes.
    End(Name<'n>),
    /// Text between tags, its references resolved; one text may come in several pieces.
    Text(&'n str),
}

/// A tag that opens.
pub(crate) struct Tag<'n>(&'n BytesStart<'n>);

/// The name of a tag that closes.
pub(crate) struct Name<'n>(NameOf<'n>);

enum NameOf<'n> {
    End(&'n BytesEnd<'n>),
    Empty(&'n BytesStart<'n>),
}

impl Tag<'_> {
    /// Its name without a prefix.
    pub(crate) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }

    /// The value of the attribute of this name, whatever its prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.find(|key| local(key) == name)
    }

    /// The value of the attribute of this name that has a prefix, where others have none.
    pub(crate) fn prefixed(&self, name: &str) -> Option<String> {
        self.find(|key| key.contains(':') && local(key) == name)
    }

    /// Whether a property is on: said without a value, or with one that is not "no".
    pub(crate) fn is_on(&self) -> bool {
        let value = self.attribute("val");
        !matches!(value.as_deref(), Some("0" | "false" | "off" | "none"))
    }

    fn find(&self, is: impl Fn(&str) -> bool) -> Option<String> {
        let mut attributes = self.0.attributes();
        let attributes = attributes.with_checks(false).flatten();
        let mut found = attributes.filter(|attribute| is(attribute.key.into_inner()));
        found.next().map(|attribute| {
            attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_or_else(|_| attribute.value.to_string(), Cow::into_owned)
        })
    }
}

impl Name<'_> {
    /// The name without a prefix.
    pub(crate) fn as_str(&self) -> &str {
        local(match self.0 {
            NameOf::End(end) => end.name().into_inner(),
            NameOf::Empty(start) => start.name().into_inner(),
        })
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Shows every tag and text of a part to `visit`, up to its end, a budget or a fault; the last two
/// are noted, the fault with `what`.
pub(crate) fn walk<'b>(
    xml: &str,
    what: &str,
    draft: &mut Draft<'b>,
    mut visit: impl FnMut(Node, &mut Draft<'b>) -> ControlFlow<()>,
) {
    let mut reader = Reader::from_str(xml);
    // What office programs repair silently must not cost the rest of the document.
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    for event in 0u64.. {
        if event >= draft.budgets.objects {
            draft.reached(Budget::Objects);
            return;
        }
        let flow = match reader.read_event() {
            Err(_) => {
                draft.note(NoteCode::DamagedFile, Some(what.into()));
                return;
            }
            Ok(Event::Eof) => return,
            Ok(Event::Start(e)) => visit(Node::Start(Tag(&e)), draft),
            Ok(Event::End(e)) => visit(Node::End(Name(NameOf::End(&e))), draft),
            Ok(Event::Empty(e)) => match visit(Node::Start(Tag(&e)), draft) {
                ControlFlow::Continue(()) => visit(Node::End(Name(NameOf::Empty(&e))), draft),
                stop => stop,
            },
            Ok(Event::Text(e)) => visit(Node::Text(&e.xml10_content()), draft),
            Ok(Event::CData(e)) => visit(Node::Text(&e.xml10_content()), draft),
            Ok(Event::GeneralRef(e)) => match reference(&e) {
                Some(c) => visit(Node::Text(c.encode_utf8(&mut [0; 4])), draft),
                // Entities that a part declares itself are not expanded: that is how bombs are made.
                None => {
                    draft.note(NoteCode::UnexpandedReference, Some(what.into()));
                    visit(Node::Text(&format!("&{};", e.as_ref())), draft)
                }
            },
            Ok(_) => CONTINUE,
        };
        if flow.is_break() {
            return;
        }
    }
}

fn reference(e: &BytesRef) -> Option<char> {
    match e.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => e.resolve_char_ref().ok().flatten(),
    }
}

/// The encoding that an XML declaration names.
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(200))?).into_owned();
    let declaration = head
        .trim_start()
        .strip_prefix("<?xml")?
        .split("?>")
        .next()?;
    let value = declaration.split_once("encoding")?.1.trim_start();
    let value = value.strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split(quote).next().map(str::to_owned)
}

/// The text of the first element of this name.
pub(crate) fn element_text(xml: &str, name: &str, what: &str, draft: &mut Draft) -> Option<String> {
    let (mut text, mut inside) = (None::<String>, false);
    walk(xml, what, draft, |node, _| match node {
        Node::Start(tag) if tag.name() == name => {
            inside = true;
            text = Some(String::new());
            CONTINUE
        }
        Node::End(end) if inside && end.as_str() == name => ControlFlow::Break(()),
        Node::Text(piece) if inside => {
            text.get_or_insert_default().push_str(piece);
            CONTINUE
        }
        _ => CONTINUE,
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budgets;

    #[test]
    fn finds_the_declared_encoding() {
        let check = |xml: &[u8], expected: Option<&str>| {
            assert_eq!(declared_encoding(xml).as_deref(), expected);
        };
        check(
            b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
            Some("ISO-8859-1"),
        );
        check(
            b"<?xml version=\"1.0\" encoding = \"utf-8\"?>",
            Some("utf-8"),
        );
        check(b"<?xml version='1.0'?><a encoding='x'/>", None);
        check(b"", None);
        check("<?xml encoding=é".as_bytes(), None);
    }

    #[test]
    fn names_lose_their_prefix_and_references_are_resolved() {
        let budgets = Budgets::default();
        let mut draft = Draft::new(&budgets);
        let mut seen = String::new();
        walk(
            "<w:a b:c='1 &lt; 2' c='3'>x &amp; y &bomb;<d/></w:a>",
            "part",
            &mut draft,
            |node, _| {
                match node {
                    Node::Start(tag) => {
                        let of = |value: Option<String>| value.unwrap_or_default();
                        seen += &format!(
                            "<{} {} {}>",
                            tag.name(),
                            of(tag.attribute("c")),
                            of(tag.prefixed("c"))
                        );
                    }
                    Node::End(name) => seen += &format!("</{}>", name.as_str()),
                    Node::Text(text) => seen += text,
                }
                CONTINUE
            },
        );
        assert_eq!(seen, "<a 1 < 2 1 < 2>x & y &bomb;<d  ></d></a>");
        let note = domain::Note::document(NoteCode::UnexpandedReference, "part".to_owned());
        assert_eq!(draft.finish().layout.notes, [note]);
    }
}

//! XML: the text in document order. An element that holds text only is a field: the names above it
//! and its own, and its value.
//!
//! Invariants: entities that the file declares are never expanded; nothing is fetched; depth and
//! events are bounded.

use domain::{Field, FieldKind, NoteCode};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::budgets::Budget;
use crate::charset;
use crate::draft::Draft;

/// Longer values are prose, not fields.
const VALUE_CHARACTERS_MAX: usize = 400;

/// Reads a document of fields.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    follow(bytes, true, draft);
}

/// Reads the texts of a drawing.
pub(crate) fn read_svg(bytes: &[u8], draft: &mut Draft) {
    follow(bytes, false, draft);
}

/// An element that is open.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    /// It holds elements, so its text is not a value.
    parent: bool,
}

fn follow(bytes: &[u8], fields: bool, draft: &mut Draft) {
    let decoded = charset::decode(bytes, declared(bytes).as_deref());
    decoded.note(draft);
    if !draft.page(0.0, 0.0) {
        return;
    }
    let mut reader = Reader::from_str(&decoded.text);
    // What other programs read in spite of its faults must not cost the rest of the document.
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut open: Vec<Element> = Vec::new();
    for event in 0u64.. {
        if event >= draft.budgets.objects {
            draft.reached(Budget::Objects);
            break;
        }
        match reader.read_event() {
            Err(_) => {
                draft.note(NoteCode::DamagedFile, Some("XML".into()));
                break;
            }
            Ok(Event::Eof) => break,
            Ok(Event::Start(e)) => {
                if open.len() as u64 >= u64::from(draft.budgets.depth) {
                    draft.reached(Budget::Depth);
                    break;
                }
                if let Some(above) = open.last_mut() {
                    let first = !std::mem::replace(&mut above.parent, true);
                    let text = std::mem::take(&mut above.text);
                    line(&text, draft);
                    if first || !text.trim().is_empty() {
                        draft.end_block();
                    }
                }
                open.push(Element {
                    name: e.local_name().as_ref().to_owned(),
                    ..Element::default()
                });
                attributes(&e, &open, fields, draft);
            }
            Ok(Event::Empty(e)) => {
                open.push(Element {
                    name: e.local_name().as_ref().to_owned(),
                    ..Element::default()
                });
                attributes(&e, &open, fields, draft);
                open.pop();
            }
            Ok(Event::End(_)) => close(&mut open, fields, draft),
            Ok(Event::Text(e)) => text(&mut open, &e.xml10_content()),
            Ok(Event::CData(e)) => text(&mut open, &e.xml10_content()),
            Ok(Event::GeneralRef(e)) => match reference(&e) {
                Some(c) => text(&mut open, c.encode_utf8(&mut [0; 4])),
                None => {
                    draft.note(NoteCode::UnexpandedReference, Some("XML".into()));
                    text(&mut open, &format!("&{};", e.as_ref()));
                }
            },
            Ok(_) => {}
        }
    }
    while !open.is_empty() {
        close(&mut open, fields, draft);
    }
}

/// Text outside the outermost element is none.
fn text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn close(open: &mut Vec<Element>, fields: bool, draft: &mut Draft) {
    let Some(element) = open.last() else { return };
    if element.parent || !fields {
        line(&element.text, draft);
        draft.end_block();
    } else {
        value(open, None, &element.text, draft);
    }
    open.pop();
}

fn attributes(e: &BytesStart, open: &[Element], fields: bool, draft: &mut Draft) {
    if !fields {
        return;
    }
    for attribute in e.attributes().flatten() {
        let name = attribute.key.as_ref();
        // Names of vocabularies say nothing of the matter.
        if name.starts_with("xmlns") || name.starts_with("xsi:") || name.starts_with("xml:") {
            continue;
        }
        let said = quick_xml::escape::unescape(&attribute.value);
        if said.is_err() {
            draft.note(NoteCode::UnexpandedReference, Some("XML".into()));
        }
        let said = said.as_deref().unwrap_or(&attribute.value);
        value(open, Some(attribute.key.local_name().as_ref()), said, draft);
    }
}

/// A value of the innermost element, or of an attribute of it.
fn value(open: &[Element], attribute: Option<&str>, said: &str, draft: &mut Draft) {
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some(element) = open.last().filter(|_| !said.is_empty()) else {
        return;
    };
    if said.chars().count() > VALUE_CHARACTERS_MAX {
        line(&said, draft);
        return;
    }
    let mut name = (open.iter())
        .map(|element| element.name.as_str())
        .collect::<Vec<_>>()
        .join(".");
    let mut label = element.name.clone();
    if let Some(attribute) = attribute {
        for path in [&mut name, &mut label] {
            path.push('@');
            path.push_str(attribute);
        }
    }
    let place = draft.labelled(0, &label, &said, None);
    let field = Field {
        label: Some(label),
        value: Some(said),
        page: Some(1),
        ..Field::new(name, FieldKind::Column)
    };
    draft.field(field, place);
}

fn line(text: &str, draft: &mut Draft) {
    for line in text.lines() {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        draft.line(&words, None);
    }
}

/// A character by its number or by one of the five names that XML has.
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

/// The encoding that the declaration names.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]);
    let declaration = head
        .trim_start()
        .strip_prefix("<?xml")?
        .split("?>")
        .next()?;
    let (_, after) = declaration.split_once("encoding")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = after[1..].split(quote).next()?;
    Some(label.to_owned())
}

#[cfg(test)]
mod tests {
    use domain::{Note, NoteCode, Span};

    use crate::{Budgets, Extraction, Input, extract};

    fn read(bytes: &[u8]) -> Extraction {
        let input = Input {
            bytes,
            ..Input::default()
        };
        extract(&input, &Budgets::default())
    }

    fn check(xml: &str, text: &str, fields: &[(&str, &str)]) {
        let read = read(xml.as_bytes());
        assert_eq!(read.text.as_str(), text);
        let found: Vec<_> = (read.layout.fields.iter())
            .map(|field| {
                let span = field.span.and_then(|span| Span::of(span, &read.text));
                assert_eq!(span, field.value.as_deref());
                (field.name.as_str(), field.value.as_deref().unwrap_or(""))
            })
            .collect();
        assert_eq!(found, fields);
        assert_eq!(read.layout.notes, []);
    }

    #[test]
    fn leaves_are_fields() {
        check(
            "<?xml version='1.0'?><d:demande xmlns:d='u' xsi:x='y'><numero>2026-17</numero>\
             <demandeur><nom>Roy &amp; fils</nom><nom>A\n  B</nom><vide/></demandeur>\
             <montant devise=\"EUR\">12&#44;50</montant></d:demande>",
            "numero : 2026-17\n\nnom : Roy & fils\nnom : A B\n\nmontant@devise : EUR\nmontant : 12,50",
            &[
                ("demande.numero", "2026-17"),
                ("demande.demandeur.nom", "Roy & fils"),
                ("demande.demandeur.nom", "A B"),
                ("demande.montant@devise", "EUR"),
                ("demande.montant", "12,50"),
            ],
        );
    }

    #[test]
    fn text_around_elements_keeps_its_order() {
        check(
            "<?xml version='1.0'?><a>avant<b>dedans</b>après<![CDATA[ <fin>]]></a>",
            "avant\n\nb : dedans\naprès <fin>",
            &[("a.b", "dedans")],
        );
        check(
            "<svg xmlns='http://www.w3.org/2000/svg' width='9'><text>Plan</text><g><text>Nord</text></g></svg>",
            "Plan\n\nNord",
            &[],
        );
    }

    #[test]
    fn the_declared_encoding_is_used() {
        let read =
            read(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><ville>Orl\xe9ans</ville>");
        assert_eq!(read.text.as_str(), "ville : Orléans");
        assert_eq!(read.layout.notes, []);
    }

    #[test]
    fn entities_are_not_expanded() {
        let read = read(
            b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY f SYSTEM 'file:///etc/passwd'>]>\
              <a n='&c;'>&b;&f;</a>",
        );
        assert_eq!(read.text.as_str(), "a@n : &c;\na : &b;&f;");
        // One note for what is the same, and no other.
        let note = Note::document(NoteCode::UnexpandedReference, "XML".to_owned());
        assert_eq!(read.layout.notes, [note]);
        assert!(
            read.layout
                .quality
                .unwrap()
                .left_out
                .contains(&NoteCode::UnexpandedReference)
        );
    }

    #[test]
    fn depth_is_bounded() {
        let xml = format!("<?xml version='1.0'?>{}fond", "<a>".repeat(300_000));
        let read = read(xml.as_bytes());
        assert_eq!(read.layout.notes[0].code, NoteCode::BudgetReached);
        assert_eq!(read.layout.notes[0].detail.as_deref(), Some("depth 64"));
    }
}

//! Forms in XML within a PDF (XFA 3.3): the data that were filled in; where there are none, the
//! fields that the template offers.
//!
//! Such a form may have no other fields at all, and its page may only ask to open it elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Field, FieldKind};
use hayro_syntax::object::{Array, Dict, Object, Stream};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::tree::bytes_of;
use crate::charset;

/// Longer values are files or pictures in letters.
const VALUE_CHARACTERS_MAX: usize = 4_000;

/// Bounds on what is read.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: u64,
    pub(super) events: u64,
    pub(super) depth: usize,
    pub(super) fields: usize,
}

/// A field of the data or of the template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Datum {
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) value: Option<String>,
}

/// Adds to `fields` what the form in XML says and they do not.
pub(super) fn read(form: &Dict, fields: &mut Vec<Field>, limits: Limits) {
    let Some(packets) = packets(form, limits.bytes) else {
        return;
    };
    let data = packets
        .iter()
        .flat_map(|xml| data(xml, limits))
        .filter(|datum| !is_said(datum, fields))
        .collect::<Vec<_>>();
    let mut more = data;
    if fields.is_empty() && more.is_empty() {
        more = packets
            .iter()
            .flat_map(|xml| offered(xml, limits))
            .collect();
    }
    let room = limits.fields.saturating_sub(fields.len());
    for datum in more.into_iter().take(room) {
        // A field of the page that has no value takes this one, and gives it a place.
        let open = fields.iter_mut().find(|field| {
            matches!(field.kind, FieldKind::Text | FieldKind::Choice)
                && field.value.is_none()
                && plain(&field.name) == plain(&datum.name)
        });
        match open {
            Some(field) => field.value = datum.value,
            None => fields.push(field(datum)),
        }
    }
}

fn field(datum: Datum) -> Field {
    let last = datum.name.rsplit('.').next().unwrap_or(&datum.name);
    Field {
        label: datum.label.or_else(|| Some(last.to_owned())),
        value: datum.value,
        ..Field::new(datum.name, FieldKind::Text)
    }
}

/// Whether a field of the page says it: one of this name that has a value, or that is a mark.
fn is_said(datum: &Datum, fields: &[Field]) -> bool {
    let name = plain(&datum.name);
    fields.iter().any(|field| {
        plain(&field.name) == name && (field.value.is_some() || field.checked.is_some())
            || field.value.is_some()
                && field.value == datum.value
                && last(&field.name) == last(&datum.name)
    })
}

/// A name as paths of data have it: `form1[0].#subform[0].Nom[0]` is `form1.Nom`.
fn plain(name: &str) -> String {
    let parts = name.split('.').filter(|part| !part.starts_with('#'));
    let parts: Vec<String> = parts
        .map(|part| part.strip_suffix("[0]").unwrap_or(part).to_owned())
        .collect();
    parts.join(".")
}

fn last(name: &str) -> &str {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.split('[').next().unwrap_or(last)
}

/// The texts of the packets that matter, or of the whole where it is one stream.
fn packets(form: &Dict, limit: u64) -> Option<Vec<String>> {
    let text = |stream: &Stream| {
        let bytes = bytes_of(stream, limit)?;
        Some(charset::decode(&bytes, Some("utf-8")).text.to_string())
    };
    match form.get::<Object>(b"XFA")? {
        Object::Stream(stream) => Some(vec![text(&stream)?]),
        Object::Array(parts) => Some(of_array(&parts).iter().filter_map(text).collect()),
        _ => None,
    }
}

/// Names and streams take turns.
fn of_array<'a>(parts: &Array<'a>) -> Vec<Stream<'a>> {
    let mut wanted = false;
    let mut streams = Vec::new();
    for part in parts.iter::<Object>().take(64) {
        match part {
            Object::String(name) => {
                wanted = matches!(name.as_bytes(), b"datasets" | b"template" | b"xdp:xdp");
            }
            Object::Stream(stream) if wanted => streams.push(stream),
            _ => {}
        }
    }
    streams
}

/// An element that is open.
struct Element {
    name: String,
    text: String,
    parent: bool,
    /// How often each name was met among its elements.
    names: BTreeMap<String, usize>,
}

/// Walks through XML within bounds; faults end it.
fn walk(xml: &str, limits: Limits, mut visit: impl FnMut(&Event)) {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    for _ in 0..limits.events {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => break,
            Ok(event) => visit(&event),
        }
    }
}

/// The elements of `xfa:data` that hold a text.
fn data(xml: &str, limits: Limits) -> Vec<Datum> {
    let mut open: Vec<Element> = Vec::new();
    let (mut out, mut within, mut outside) = (Vec::new(), false, 0usize);
    // How deep in a value with typography, whose elements are not fields.
    let mut rich = 0usize;
    walk(xml, limits, |event| match event {
        Event::Start(start) => {
            let name = start.local_name().as_ref().to_owned();
            if !within {
                // Data stand within `datasets`, the element of that name of the vocabulary.
                within = name == "data" && start.name().as_ref().contains(':');
                return;
            }
            let is_rich = || attribute(start, "xmlns").is_some_and(|ns| ns.ends_with("/xhtml"));
            if rich > 0 || name == "body" && is_rich() {
                rich += 1;
                return;
            }
            if open.len() >= limits.depth {
                outside += 1;
                return;
            }
            let name = match open.last_mut() {
                Some(above) => {
                    above.parent = true;
                    numbered(&mut above.names, name)
                }
                None => name,
            };
            open.push(Element {
                name,
                text: String::new(),
                parent: false,
                names: BTreeMap::new(),
            });
        }
        Event::End(end) if rich > 0 => {
            rich -= 1;
            if let Some(element) = open.last_mut().filter(|_| end.local_name().as_ref() == "p") {
                element.text.push('\n');
            }
        }
        Event::Empty(start) if within && rich == 0 => {
            if let Some(above) = open.last_mut() {
                above.parent = true;
                numbered(&mut above.names, start.local_name().as_ref().to_owned());
            }
        }
        Event::End(_) if within => {
            if outside > 0 {
                outside -= 1;
                return;
            }
            let Some(element) = open.last() else {
                within = false;
                return;
            };
            let value = element.text.trim();
            let fits = value.chars().count() <= VALUE_CHARACTERS_MAX;
            if !element.parent && !value.is_empty() && fits && out.len() < limits.fields {
                let names: Vec<&str> = open.iter().map(|element| element.name.as_str()).collect();
                out.push(Datum {
                    name: names.join("."),
                    label: None,
                    value: Some(value.to_owned()),
                });
            }
            open.pop();
        }
        event => {
            if let Some(element) = open.last_mut() {
                add_text(event, &mut element.text);
            }
        }
    });
    out
}

/// The first of a name has it alone, the next ones have their number: `ligne`, `ligne[1]`.
fn numbered(names: &mut BTreeMap<String, usize>, name: String) -> String {
    let count = names.entry(name.clone()).or_default();
    *count += 1;
    match *count {
        1 => name,
        count => format!("{name}[{}]", count - 1),
    }
}

fn add_text(event: &Event, text: &mut String) {
    match event {
        Event::Text(part) => text.push_str(&part.xml10_content()),
        Event::CData(part) => text.push_str(&part.xml10_content()),
        Event::GeneralRef(reference) => {
            let name = reference.as_ref();
            match quick_xml::escape::unescape(&format!("&{name};")) {
                Ok(plain) => text.push_str(&plain),
                Err(_) => text.push(' '),
            }
        }
        _ => {}
    }
}

fn attribute(start: &BytesStart, wanted: &str) -> Option<String> {
    start.attributes().flatten().find_map(|attribute| {
        (attribute.key.as_ref() == wanted).then(|| attribute.value.trim().to_owned())
    })
}

/// The fields of the template, with their captions and what they hold at first.
fn offered(xml: &str, limits: Limits) -> Vec<Datum> {
    let mut out: Vec<Datum> = Vec::new();
    let mut seen = BTreeSet::new();
    // Elements, and the names of those that give one to what they hold.
    let mut open: Vec<(String, Option<String>)> = Vec::new();
    let mut field: Option<(usize, String, String)> = None;
    walk(xml, limits, |event| match event {
        Event::Start(start) => {
            let element = start.local_name().as_ref().to_owned();
            let names = matches!(element.as_str(), "subform" | "field" | "exclGroup");
            let name = attribute(start, "name").filter(|_| names);
            if element == "field" && name.is_some() && field.is_none() {
                field = Some((open.len(), String::new(), String::new()));
            }
            open.push((element, name));
        }
        Event::End(_) => {
            let closes = field
                .as_ref()
                .is_some_and(|(depth, ..)| open.len() == depth + 1);
            if closes && let Some((_, caption, value)) = field.take() {
                let names: Vec<&str> = open
                    .iter()
                    .filter_map(|(_, name)| name.as_deref())
                    .collect();
                let name = names.join(".");
                if out.len() < limits.fields && seen.insert(name.clone()) {
                    let said = |text: String| {
                        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                        let fits = text.chars().count() <= VALUE_CHARACTERS_MAX;
                        Some(text).filter(|text| fits && !text.is_empty())
                    };
                    out.push(Datum {
                        name,
                        label: said(caption),
                        value: said(value),
                    });
                }
            }
            open.pop();
        }
        event => {
            if let Some((depth, caption, value)) = &mut field {
                let inner = open.get(*depth + 1..).unwrap_or_default();
                match inner.first().map(|(element, _)| element.as_str()) {
                    Some("caption") => add_text(event, caption),
                    // Pictures are in letters, too.
                    Some("value") if !inner.iter().any(|(element, _)| element == "image") => {
                        add_text(event, value);
                    }
                    _ => {}
                }
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        bytes: 1 << 20,
        events: 10_000,
        depth: 8,
        fields: 100,
    };

    fn shown(data: &[Datum]) -> Vec<(&str, Option<&str>, Option<&str>)> {
        let shown = data.iter().map(|datum| {
            let (label, value) = (datum.label.as_deref(), datum.value.as_deref());
            (datum.name.as_str(), label, value)
        });
        shown.collect()
    }

    #[test]
    fn data_are_paths_and_values() {
        let xml = "<xfa:datasets xmlns:xfa='x'><liste><a>non</a></liste><xfa:data><form1>\
            <Nom>L&#233;a &amp; Zo&#xe9;</Nom><Vide/><Blanc> </Blanc>\
            <ligne><Prix>1</Prix></ligne><ligne><Prix>2</Prix></ligne></form1></xfa:data>\
            <apres><b>non</b></apres></xfa:datasets>";
        assert_eq!(
            shown(&data(xml, LIMITS)),
            [
                ("form1.Nom", None, Some("Léa & Zoé")),
                ("form1.ligne.Prix", None, Some("1")),
                ("form1.ligne[1].Prix", None, Some("2")),
            ]
        );
        let rich = "<x:data><f><Note><body xmlns='http://www.w3.org/1999/xhtml'><p>un <b>deux</b></p>\
            <p>trois</p></body></Note></f></x:data>";
        assert_eq!(
            shown(&data(rich, LIMITS)),
            [("f.Note", None, Some("un deux\ntrois"))]
        );
        let few = Limits {
            fields: 1,
            ..LIMITS
        };
        assert_eq!(data(xml, few).len(), 1);
        let deep = format!("<x:data>{}a", "<e>".repeat(9_000));
        assert!(data(&deep, LIMITS).is_empty());
    }

    #[test]
    fn a_template_offers_fields() {
        let xml = "<template><subform name='form1'><subform><field name='Nom'><ui><textEdit/></ui>\
            <caption><value><text>Nom de famille</text></value></caption>\
            <value><text>Roy</text></value></field></subform>\
            <draw><value><text>Titre</text></value></draw><field name='Ville'/>\
            <field name='Rue'></field></subform></template>";
        assert_eq!(
            shown(&offered(xml, LIMITS)),
            [
                ("form1.Nom", Some("Nom de famille"), Some("Roy")),
                ("form1.Rue", None, None),
            ]
        );
    }

    #[test]
    fn names_of_both_kinds_are_compared() {
        assert_eq!(plain("form1[0].#subform[0].Nom[0]"), "form1.Nom");
        assert_eq!(plain("form1[0].ligne[1].Prix[0]"), "form1.ligne[1].Prix");
        assert_eq!(last("form1[0].Nom[3]"), "Nom");
    }
}

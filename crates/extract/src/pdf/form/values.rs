//! The values of fields: texts, choices, and the states of buttons.

use std::collections::BTreeSet;

use domain::{Field, FieldKind};
use hayro_syntax::object::{Array, Dict, Name, Object};

use super::tree::{Inherited, Widget, bytes_of};
use crate::pdf::strings;

/// Values longer than this are cut: a text field holds a letter, not a book.
const VALUE_BYTES_MAX: usize = 256 << 10;

/// What kind of field it is. A field that says nothing holds text.
pub(super) fn kind(field: &Inherited) -> Option<FieldKind> {
    let flags = field.flags.unwrap_or(0);
    Some(match field.kind.as_deref() {
        Some(b"Tx") => FieldKind::Text,
        Some(b"Ch") => FieldKind::Choice,
        Some(b"Sig") => FieldKind::Signature,
        Some(b"Btn") if flags & (1 << 16) != 0 => FieldKind::Button,
        Some(b"Btn") if flags & (1 << 15) != 0 => FieldKind::Radio,
        Some(b"Btn") => FieldKind::Checkbox,
        None if !field.name.is_empty() => FieldKind::Text,
        _ => return None,
    })
}

/// What was typed; where that is missing, the same with its typography.
pub(super) fn typed(field: &Inherited) -> Option<String> {
    let said = |value: &Object| {
        let text = match value {
            // Not what the standard says, but several texts are several lines.
            Object::Array(lines) => {
                let lines = lines.iter::<Object>().filter_map(|line| text_of(&line));
                lines.collect::<Vec<_>>().join("\n")
            }
            value => text_of(value)?,
        };
        Some(if looks_rich(&text) {
            plain(&text)
        } else {
            text
        })
    };
    let filled = |text: &String| !text.trim().is_empty();
    let value = field.value.as_ref().and_then(said).filter(filled);
    value.or_else(|| field.rich.as_ref().and_then(said).filter(filled))
}

/// The text of a value.
pub(super) fn text_of(value: &Object) -> Option<String> {
    let mut text = match value {
        Object::String(text) => strings::text(text),
        Object::Name(name) => strings::text(name),
        Object::Number(number) => number.as_f64().to_string(),
        Object::Stream(stream) => strings::text(&bytes_of(stream, VALUE_BYTES_MAX as u64)?),
        _ => return None,
    };
    if text.len() > VALUE_BYTES_MAX {
        let mut end = VALUE_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    Some(text)
}

/// Rich text is XHTML within `body` (ISO 32000-2, 12.7.3.4).
fn looks_rich(text: &str) -> bool {
    let text = text.trim_start();
    (text.starts_with("<?xml") || text.starts_with("<body")) && text.contains("</body>")
}

/// The text of rich text: a line a paragraph.
fn plain(rich: &str) -> String {
    let mut out = String::new();
    let mut rest = rich;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((tag, after)) = after.split_once('>') else {
            rest = "";
            break;
        };
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/', '\n', '\t'])
            .next();
        let ends = tag.starts_with('/') && name == Some("p") || name == Some("br");
        if ends && !out.ends_with('\n') {
            out.push('\n');
        }
        rest = after;
    }
    out.push_str(rest);
    let lines = out.lines().map(|line| {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        quick_xml::escape::unescape(&line).map_or(line.clone(), |text| text.into_owned())
    });
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// Lists: the texts offered, and the text of what is chosen.
pub(super) fn choice(field: &Inherited, made: &mut Field) {
    let pairs: Vec<(String, String)> = field.options.as_ref().map(options).unwrap_or_default();
    let shown = |value: String| {
        let option = pairs.iter().find(|(export, _)| *export == value);
        option.map_or(value, |(_, text)| text.clone())
    };
    made.value = match &field.value {
        Some(Object::Array(values)) => {
            let values = values.iter::<Object>().filter_map(|value| text_of(&value));
            Some(values.map(shown).collect::<Vec<_>>().join(", "))
        }
        Some(value) => text_of(value).map(shown),
        None => field.chosen.as_ref().map(|chosen| {
            let at = chosen
                .iter::<i32>()
                .filter_map(|at| usize::try_from(at).ok());
            let texts: Vec<&str> = at
                .filter_map(|at| pairs.get(at).map(|(_, text)| text.as_str()))
                .collect();
            texts.join(", ")
        }),
    };
    made.options = pairs.into_iter().map(|(_, text)| text).collect();
}

fn options(options: &Array) -> Vec<(String, String)> {
    options
        .iter::<Object>()
        .filter_map(|o| option(&o))
        .collect()
}

/// An option is a text, or an exported value and a text.
fn option(option: &Object) -> Option<(String, String)> {
    match option {
        Object::Array(pair) => {
            let mut parts = pair.iter::<Object>().filter_map(|part| text_of(&part));
            let export = parts.next()?;
            let text = parts.next().unwrap_or_else(|| export.clone());
            Some((export, text))
        }
        value => text_of(value).map(|text| (text.clone(), text)),
    }
}

/// One of the buttons that share a name.
#[derive(Debug)]
pub(super) struct Button {
    /// The name of its "on" state.
    state: Option<String>,
    /// What that stands for: names may only be numbers.
    named: Option<String>,
    /// The state that is drawn.
    drawn: Option<String>,
}

impl Button {
    pub(super) fn of(widget: &Widget) -> Self {
        let states = |key: &[u8]| {
            let appearance = widget.dict.get::<Dict>(b"AP")?.get::<Dict>(key)?;
            let names: BTreeSet<String> =
                appearance.keys().map(|key| strings::text(&key)).collect();
            names.into_iter().find(|state| is_on(state))
        };
        let state = states(b"N").or_else(|| states(b"D"));
        let meaning = widget
            .field
            .options
            .as_ref()
            .map(options)
            .unwrap_or_default();
        let named = meaning.get(widget.index).map(|(_, text)| text.clone());
        Self {
            named: named.or_else(|| state.clone()),
            state,
            drawn: widget
                .dict
                .get::<Name>(b"AS")
                .map(|name| strings::text(&name)),
        }
    }
}

fn is_on(state: &str) -> bool {
    state != "Off" && !state.is_empty()
}

/// What the buttons of one name are, each in turn: its value where it is on.
pub(super) fn buttons(value: Option<&Object>, buttons: &[Button]) -> Vec<Option<String>> {
    let value = value.and_then(text_of);
    let chosen = value.as_deref().filter(|value| is_on(value));
    let has = |button: &Button, state: &str| button.state.as_deref() == Some(state);
    let drawn = |button: &Button| button.drawn.as_deref().is_some_and(is_on);
    let known = chosen.filter(|value| buttons.iter().any(|button| has(button, value)));
    // Buttons may share the name of their state: then it is drawn which of them is on.
    let told_apart = known.is_some_and(|value| {
        let same = buttons.iter().filter(|button| has(button, value));
        same.clone().count() > 1
            && same
                .clone()
                .any(|button| button.drawn.as_deref() == Some(value))
    });
    let stateless = buttons.iter().all(|button| button.state.is_none());
    buttons
        .iter()
        .map(|button| {
            let on = match (known, chosen) {
                (Some(value), _) => has(button, value) && (!told_apart || drawn(button)),
                (None, Some(_)) if stateless => buttons.len() == 1 || drawn(button),
                // A value that no widget has is a stale one: what is drawn decides.
                (None, Some(_)) => drawn(button),
                (None, None) => value.is_none() && drawn(button),
            };
            let name = || {
                let own = button
                    .named
                    .clone()
                    .or_else(|| button.drawn.clone().filter(|s| is_on(s)));
                own.or_else(|| chosen.map(str::to_owned))
            };
            on.then(name).flatten()
        })
        .collect()
}

/// What the buttons of one name offer, each once.
pub(super) fn offered(buttons: &[Button]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let names = buttons.iter().filter_map(|button| button.named.clone());
    names.filter(|name| seen.insert(name.clone())).collect()
}

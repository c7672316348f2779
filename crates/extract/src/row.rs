//! A document that is one row of a table: a JSON object.

use domain::{Field, FieldKind, NoteCode};
use serde_json::{Map, Value};

use crate::budgets::Budget;
use crate::draft::{Draft, Place};
use crate::{Input, plain};

/// Reads the row: its text column (or every member, as "name : value"), its title, its fields.
pub(crate) fn read(input: &Input, draft: &mut Draft) {
    if !draft.page(0.0, 0.0) {
        return;
    }
    let Ok(row) = serde_json::from_slice::<Map<String, Value>>(input.bytes) else {
        draft.note(
            NoteCode::DamagedFile,
            Some("row is not a JSON object".into()),
        );
        return;
    };
    let mut members = Vec::new();
    flatten("", &Value::Object(row), 0, draft, &mut members);

    let column = |name: Option<&String>| {
        let name = name?;
        members.iter().find(|(n, _)| n == name)
    };
    draft.title = column(input.columns.and_then(|c| c.title.as_ref())).map(|(_, v)| v.clone());
    let text_column = input.columns.and_then(|c| c.text.as_ref());
    if let Some(name) = text_column {
        if let Some((_, text)) = column(Some(name)) {
            plain::paragraphs(text, draft);
        }
        for (name, value) in members {
            if !draft.field(field(name, value), None) {
                return;
            }
        }
        return;
    }
    for (name, value) in members {
        let place: Option<Place> = draft.labelled(0, &name, &value, None);
        if !draft.field(field(name, value), place) {
            return;
        }
    }
}

fn field(name: String, value: String) -> Field {
    Field {
        value: Some(value).filter(|value| !value.is_empty()),
        ..Field::new(name, FieldKind::Column)
    }
}

/// Members with dotted names, in the order of their names; nulls are absent.
fn flatten(
    name: &str,
    value: &Value,
    depth: u32,
    draft: &mut Draft,
    out: &mut Vec<(String, String)>,
) {
    if depth > draft.budgets.depth {
        draft.reached(Budget::Depth);
        return;
    }
    let inner = |key: &str| match name {
        "" => key.to_owned(),
        name => format!("{name}.{key}"),
    };
    match value {
        Value::Null => {}
        Value::Bool(value) => out.push((name.to_owned(), value.to_string())),
        Value::Number(value) => out.push((name.to_owned(), value.to_string())),
        Value::String(value) => out.push((name.to_owned(), value.clone())),
        Value::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                flatten(&inner(&i.to_string()), value, depth + 1, draft, out);
            }
        }
        Value::Object(members) => {
            // The map keeps insertion or byte order depending on how serde_json was built.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            for (key, value) in members {
                flatten(&inner(key), value, depth + 1, draft, out);
            }
        }
    }
}

//! What was filled in a form of ours.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use pipeline::rights::{By, Who};

use crate::problem::Problem;

/// The longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 200;
/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 2_000;

/// The fields of a form, as they came.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads them.
    pub(crate) fn of(
        form: Result<Form<Vec<(String, String)>>, FormRejection>,
    ) -> Result<Self, Problem> {
        form.map(|Form(pairs)| Self(pairs))
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLong,
                _ => Problem::BadForm,
            })
    }

    /// A field as it came, spaces and all; nothing when it is not there. Given twice, it says two
    /// things: neither is taken.
    pub(crate) fn as_is(&self, name: &str) -> Result<&str, Problem> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Problem::BadForm),
            (value, None) => Ok(value.map_or("", |(_, value)| value)),
        }
    }

    /// A field, trimmed, its lines ended our way.
    pub(crate) fn one(&self, name: &str) -> Result<String, Problem> {
        Ok(self.as_is(name)?.trim().replace("\r\n", "\n"))
    }

    /// A field that may be chosen several times.
    pub(crate) fn every(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(n, _)| n == name);
        let values = values.map(|(_, value)| value.trim().to_owned());
        values.filter(|value| !value.is_empty()).collect()
    }

    /// Whether it is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// The name of whoever filled it. Whoever has signed in gives none: they have one.
    pub(crate) fn by(&self, who: &Who) -> Result<String, Problem> {
        match who.person() {
            Some(person) => Ok(person.shown.clone()),
            None => self.one("by"),
        }
    }
}

/// Whose act it is: whoever has signed in, else the name that was typed.
pub(crate) fn by<'a>(who: &'a Who, typed: &'a str) -> By<'a> {
    match who.person() {
        Some(person) => By::Person(person),
        None => By::Named(typed),
    }
}

/// Whether a text can stand as a name of at most so many characters.
pub(crate) fn is_name(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most && !text.chars().any(unreadable)
}

/// Whether a text can stand as a reason; none is one.
pub(crate) fn is_reason(text: &str) -> bool {
    let breaks = |c: char| unreadable(c) && !matches!(c, '\n' | '\t');
    text.chars().count() <= REASON_CHARS_MAX && !text.chars().any(breaks)
}

/// Characters that would make a name look like another: controls, and marks that turn the
/// direction of writing.
pub(crate) fn unreadable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
}

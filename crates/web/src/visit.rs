//! One visit: the language it speaks, what it asks, and the frame around its page.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use domain::Lang;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pipeline::rights::Who;

use crate::door::Present;
use crate::words::Words;

/// What stays as it is in a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A request, as pages look at it. Any query is one: what is not known is left aside.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// French unless `lang=en`.
    pub(crate) lang: Lang,
    /// Who is here.
    pub(crate) present: Present,
    path: String,
    query: Vec<(String, String)>,
}

impl Visit {
    /// The visit of this address.
    pub(crate) fn of(uri: &Uri) -> Self {
        let query: Vec<(String, String)> = Query::try_from_uri(uri)
            .map(|Query(pairs)| pairs)
            .unwrap_or_default();
        let lang = query
            .iter()
            .find(|(name, _)| name == "lang")
            .and_then(|(_, lang)| lang.parse().ok())
            .unwrap_or_default();
        Self {
            lang,
            present: Present::default(),
            path: uri.path().to_owned(),
            query,
        }
    }

    /// The words of its language.
    pub(crate) const fn words(&self) -> Words {
        Words(self.lang)
    }

    /// What is asked under this name, trimmed; `None` when that is nothing.
    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(n, _)| n == name)?;
        Some(value.trim()).filter(|v| !v.is_empty())
    }

    /// The address of `path` in its language; `path` may have a query and a fragment.
    pub(crate) fn to(&self, path: &str) -> String {
        match self.lang {
            Lang::Fr => path.to_owned(),
            Lang::En => {
                let (address, fragment) = path.find('#').map_or((path, ""), |at| path.split_at(at));
                let join = if address.contains('?') { '&' } else { '?' };
                format!("{address}{join}lang=en{fragment}")
            }
        }
    }

    /// The address of `path` with these values, in its language.
    pub(crate) fn to_with(&self, path: &str, values: &[(&str, &str)]) -> String {
        let mut address = path.to_owned();
        for (i, (name, value)) in values.iter().enumerate() {
            address.push(if i == 0 { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            address.extend(utf8_percent_encode(value, PLAIN));
        }
        self.to(&address)
    }

    /// The frame of a page.
    pub(crate) fn frame(&self, title: impl Into<String>, here: Here) -> Frame {
        Frame {
            w: self.words(),
            title: title.into(),
            here,
            visit: self.clone(),
        }
    }

    fn in_other_language(&self) -> String {
        let other = Self {
            lang: match self.lang {
                Lang::Fr => Lang::En,
                Lang::En => Lang::Fr,
            },
            present: Present::default(),
            path: self.path.clone(),
            query: Vec::new(),
        };
        let kept: Vec<(&str, &str)> = self
            .query
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "lang" | "recorded"))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        // A name in a query may be anything: only those that need no encoding are kept.
        let kept: Vec<(&str, &str)> = kept
            .into_iter()
            .filter(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric()))
            .collect();
        other.to_with(&other.path, &kept)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let present = parts.extensions.get::<Present>().cloned();
        Ok(Self {
            present: present.unwrap_or_default(),
            ..Self::of(&parts.uri)
        })
    }
}

/// Which part of the house a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Here {
    /// The inbox and its documents.
    Inbox,
    /// Search.
    Search,
    /// Syntheses.
    Synthesis,
    /// None of them.
    Nowhere,
}

/// What surrounds every page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Its words.
    pub(crate) w: Words,
    /// Its title.
    pub(crate) title: String,
    /// Where it belongs.
    pub(crate) here: Here,
    visit: Visit,
}

impl Frame {
    /// The code of its language.
    pub(crate) const fn lang(&self) -> &'static str {
        self.visit.lang.pick("fr", "en")
    }

    /// The code of the other language.
    pub(crate) const fn other_lang(&self) -> &'static str {
        self.visit.lang.pick("en", "fr")
    }

    /// Whether forms must say the language.
    pub(crate) fn says_lang(&self) -> bool {
        self.visit.lang != Lang::default()
    }

    /// The address of `path` in its language.
    pub(crate) fn to(&self, path: &str) -> String {
        self.visit.to(path)
    }

    /// The same page in the other language.
    pub(crate) fn switch(&self) -> String {
        self.visit.in_other_language()
    }

    /// Whether the page belongs there.
    pub(crate) fn is_inbox(&self) -> bool {
        self.here == Here::Inbox
    }

    /// Whether the page belongs there.
    pub(crate) fn is_synthesis(&self) -> bool {
        self.here == Here::Synthesis
    }

    /// The name of whoever has signed in.
    pub(crate) fn signed_in(&self) -> Option<&str> {
        let person = self.visit.present.who.person();
        person.map(|person| person.shown.as_str())
    }

    /// Whether nobody signs in yet, so that names are asked and not verified.
    pub(crate) fn is_open(&self) -> bool {
        self.visit.present.who == Who::Anyone
    }

    /// What every form that is sent must carry, where people sign in.
    pub(crate) fn form_token(&self) -> Option<&str> {
        self.visit.present.form_token.as_deref()
    }

    /// What was searched, to be shown in the search box.
    pub(crate) fn searched(&self) -> &str {
        match self.here {
            Here::Search => self.visit.asked("q").unwrap_or_default(),
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(address: &str) -> Visit {
        Visit::of(&address.parse().unwrap())
    }

    #[test]
    fn links_keep_the_language() {
        assert_eq!(visit("/").to("/a?b=c#d"), "/a?b=c#d");
        assert_eq!(visit("/?lang=en").to("/a?b=c#d"), "/a?b=c&lang=en#d");
        assert_eq!(visit("/?lang=en").to("/a#d"), "/a?lang=en#d");
        assert_eq!(
            visit("/?lang=en").to_with("/s", &[("q", "l’été & co")]),
            "/s?q=l%E2%80%99%C3%A9t%C3%A9%20%26%20co&lang=en"
        );
    }

    #[test]
    fn the_other_language_is_the_same_page() {
        let check = |address: &str, expected: &str| {
            let frame = visit(address).frame("x", Here::Nowhere);
            assert_eq!(frame.switch(), expected);
        };
        check("/search?q=a%26b", "/search?q=a%26b&lang=en");
        check("/search?q=a+b&lang=en", "/search?q=a%20b");
        check("/documents/x?recorded=1&lang=en", "/documents/x");
        check("/?%22%3E%3Cb%3E=1", "/?lang=en");
    }

    #[test]
    fn any_query_is_one() {
        for address in ["/?lang=xx&&=&%", "/?%ff=%fe&lang=", "/?lang=fr&lang=en"] {
            assert_eq!(visit(address).lang, Lang::Fr, "{address}");
        }
        assert_eq!(visit("/?q=%20%20").asked("q"), None);
    }
}

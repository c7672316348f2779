//! Stored text and places in it.
//!
//! Stored text is UTF-8, NFC, LF, with a form feed between pages. Every place and quote refers to
//! its bytes; the text's version is the name of the artifact that holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// What stands between two pages.
pub const PAGE_BREAK: char = '\u{c}';

/// A range of bytes in a stored text, start included, end excluded.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// First byte after the range.
    pub end: u32,
}

impl Span {
    /// The range `start..end`; an end before the start is an empty range.
    pub const fn new(start: u32, end: u32) -> Self {
        Self {
            start,
            end: if end < start { start } else { end },
        }
    }

    /// Length in bytes.
    pub const fn len(self) -> u32 {
        self.end - self.start
    }

    /// Whether the range holds nothing.
    pub const fn is_empty(self) -> bool {
        self.end == self.start
    }

    /// Whether `other` lies within.
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two ranges share a byte.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The text of this range; `None` outside `text` or inside a character.
    pub fn of(self, text: &str) -> Option<&str> {
        text.get(self.start as usize..self.end as usize)
    }
}

/// Text in stored form, which is why it can only be built by normalising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredText(String);

impl StoredText {
    /// Text of one page in stored form: NFC; CRLF, CR, NEL and the Unicode separators become LF;
    /// NUL and other controls (but tab and LF) become spaces; form feeds, which only separate
    /// pages, become LF.
    pub fn page(raw: &str) -> String {
        // Most lines have nothing to change.
        let is_plain = |b: u8| matches!(b, b' '..=b'~' | b'\n' | b'\t');
        if raw.bytes().all(is_plain) {
            return raw.to_owned();
        }
        let mut out = String::with_capacity(raw.len());
        let mut chars = raw.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' => {
                    if chars.peek() == Some(&'\n') {
                        chars.next();
                    }
                    out.push('\n');
                }
                '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
                '\n' | '\t' => out.push(c),
                '\u{feff}' => {}
                c if c.is_control() => out.push(' '),
                c => out.push(c),
            }
        }
        if is_nfc(&out) {
            out
        } else {
            out.nfc().collect()
        }
    }

    /// Pages in stored form, one after the other, with a form feed between. Returns the text and
    /// the place of each page in it.
    pub fn from_pages<S: AsRef<str>>(pages: &[S]) -> (Self, Vec<Span>) {
        let mut text = String::new();
        let mut spans = Vec::with_capacity(pages.len());
        for (i, raw) in pages.iter().enumerate() {
            if i > 0 {
                text.push(PAGE_BREAK);
            }
            let start = text.len() as u32;
            text.push_str(&Self::page(raw.as_ref()));
            spans.push(Span::new(start, text.len() as u32));
        }
        (Self(text), spans)
    }

    /// The text of a stored artifact.
    ///
    /// # Errors
    /// When the bytes are not UTF-8: the artifact is not a stored text.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, std::string::FromUtf8Error> {
        String::from_utf8(bytes).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes that places refer to.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

impl std::ops::Deref for StoredText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Bytes of a text's beginning, about.
const BEGINNING: usize = 150;

/// The first words of a text, on one line's worth of bytes: they stand for its title when it has
/// none.
pub fn beginning(text: &str) -> &str {
    let text = text.trim();
    if text.len() <= BEGINNING {
        return text;
    }
    let head = &text[..text.floor_char_boundary(BEGINNING)];
    let cut = head.rfind(char::is_whitespace);
    cut.map_or(head, |cut| head[..cut].trim_end())
}

/// Folds case and accents, for comparing words as people do: "Éclairage" and "eclairage".
pub fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .flat_map(|c| match c {
            '’' => '\''.to_lowercase(),
            c => c.to_lowercase(),
        })
        .collect::<String>()
        .replace('œ', "oe")
        .replace('æ', "ae")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_joined_by_form_feeds_and_keep_their_places() {
        let (text, spans) = StoredText::from_pages(&["e\u{301}té\r\n", "", "fin\u{c}\0x"]);
        assert_eq!(text.as_str(), "été\n\u{c}\u{c}fin\n x");
        assert_eq!(spans[0].of(&text), Some("été\n"));
        assert_eq!(spans[1].of(&text), Some(""));
        assert_eq!(spans[2].of(&text), Some("fin\n x"));
    }

    #[test]
    fn folds_what_people_do_not_type() {
        assert_eq!(fold("L’Éclairage, cœur"), "l'eclairage, coeur");
    }

    proptest::proptest! {
        #[test]
        fn a_page_in_stored_form_stays_as_it_is(raw in ".*") {
            let once = StoredText::page(&raw);
            proptest::prop_assert_eq!(StoredText::page(&once), once);
        }
    }
}

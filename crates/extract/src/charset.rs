//! Bytes to characters.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use domain::NoteCode;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::draft::Draft;

/// Text and how it was decoded.
pub(crate) struct Decoded {
    /// The characters, without the byte order mark.
    pub(crate) text: String,
    /// The encoding used: `windows-1252`.
    pub(crate) encoding: &'static str,
    /// Nothing in the file or around it said which encoding it is, and it is not UTF-8.
    pub(crate) guessed: bool,
    /// Some bytes are not in the encoding and were replaced.
    pub(crate) invalid: bool,
}

impl Decoded {
    /// Says what a reader of the text should know about its encoding.
    pub(crate) fn note(&self, draft: &mut Draft) {
        if self.guessed {
            draft.note(NoteCode::EncodingGuessed, Some(self.encoding.into()));
        }
        if self.invalid {
            draft.note(NoteCode::InvalidBytes, Some(self.encoding.into()));
        }
    }
}

/// Decodes text of any encoding. A byte order mark wins, then valid UTF-8, then the `declared`
/// label, then a guess for text in French.
pub(crate) fn decode(bytes: &[u8], declared: Option<&str>) -> Decoded {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return with(encoding, &bytes[length..], false);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Valid UTF-8 with a NUL in every second byte is UTF-16 of ASCII text.
        return match utf16_without_mark(bytes) {
            Some(encoding) => with(encoding, bytes, true),
            None => Decoded {
                text: text.to_owned(),
                encoding: UTF_8.name(),
                guessed: false,
                invalid: false,
            },
        };
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return with(encoding, bytes, true);
    }
    if mostly_utf8(bytes) {
        return with(UTF_8, bytes, false);
    }
    if let Some(encoding) = declared
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .filter(|encoding| *encoding != UTF_8)
    {
        return with(encoding, bytes, false);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    with(
        detector.guess(Some(b"fr"), Utf8Detection::Deny),
        bytes,
        true,
    )
}

fn with(encoding: &'static Encoding, bytes: &[u8], guessed: bool) -> Decoded {
    let (text, invalid) = encoding.decode_without_bom_handling(bytes);
    Decoded {
        text: text.into_owned(),
        encoding: encoding.name(),
        guessed,
        invalid,
    }
}

/// UTF-16 without a mark shows as NULs at every second byte, as long as most characters are Latin.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(4096) & !1];
    if head.len() < 8 {
        return None;
    }
    let zeros = |odd: usize| {
        head.iter()
            .skip(odd)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (even, odd, half) = (zeros(0), zeros(1), head.len() / 2);
    match () {
        () if odd * 10 > half * 7 && even * 10 < half => Some(UTF_16LE),
        () if even * 10 > half * 7 && odd * 10 < half => Some(UTF_16BE),
        () => None,
    }
}

/// Whether a text is UTF-8 with a few damaged bytes, rather than another encoding: other
/// encodings hardly ever form valid sequences of several bytes.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad * 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], declared: Option<&str>, text: &str, encoding: &str, guessed: bool) {
        let decoded = decode(bytes, declared);
        assert_eq!(
            (decoded.text.as_str(), decoded.encoding, decoded.guessed),
            (text, encoding, guessed)
        );
    }

    #[test]
    fn finds_the_encoding() {
        check("Éclairage".as_bytes(), None, "Éclairage", "UTF-8", false);
        check(
            b"\xef\xbb\xbf\xc3\xa9t\xc3\xa9",
            None,
            "été",
            "UTF-8",
            false,
        );
        check(
            b"R\xe9clamation \xe0 la mairie, rue de l'\xc9glise",
            None,
            "Réclamation à la mairie, rue de l'Église",
            "windows-1252",
            true,
        );
        check(b"\xff\xfeO\0u\0i\0", None, "Oui", "UTF-16LE", false);
        check(
            b"O\0u\0i\0,\0 \0o\0u\0i\0",
            None,
            "Oui, oui",
            "UTF-16LE",
            true,
        );
        check(
            b"\0O\0u\0i\0,\0 \0o\0u\0i",
            None,
            "Oui, oui",
            "UTF-16BE",
            true,
        );
        check(
            b"\xa4 15",
            Some("iso-8859-15"),
            "€ 15",
            "ISO-8859-15",
            false,
        );
    }

    #[test]
    fn one_bad_byte_does_not_change_the_encoding() {
        let mut bytes = "éàèùçîôéàèùçîô".as_bytes().to_vec();
        bytes.push(0xff);
        let decoded = decode(&bytes, None);
        assert_eq!((decoded.encoding, decoded.invalid), ("UTF-8", true));
    }
}

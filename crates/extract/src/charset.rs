//! Bytes to characters.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use domain::NoteCode;
use encoding_rs::{Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE};

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
    let guess = detector.guess(Some(b"fr"), Utf8Detection::Deny);
    likelier(bytes, guess).unwrap_or_else(|| with(guess, bytes, true))
}

/// How many bytes tell which alphabet a text is in.
const SAMPLE: usize = 64 << 10;

/// The code page of consoles or that of old Macs, where French is likelier in it than in what was
/// guessed: the detector knows neither, as web pages are in neither.
fn likelier(bytes: &[u8], guess: &'static Encoding) -> Option<Decoded> {
    if !guess.is_single_byte() {
        return None;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let score =
        |encoding: &'static Encoding| french(&encoding.decode_without_bom_handling(sample).0);
    let (console, mac) = (french(&cp850(sample)), score(MACINTOSH));
    let best = console.max(mac);
    if best <= score(guess).max(0) {
        return None;
    }
    Some(match console == best {
        true => Decoded {
            text: cp850(bytes),
            encoding: "cp850",
            guessed: true,
            invalid: false,
        },
        false => with(MACINTOSH, bytes, true),
    })
}

/// How much the letters beyond ASCII look like those of French: in the wrong alphabet they are
/// capitals within words, signs between letters, letters of other languages.
fn french(text: &str) -> i64 {
    let (mut score, mut before) = (0, ' ');
    for c in text.chars() {
        score += match c {
            _ if c.is_ascii() => 0,
            'é' | 'è' | 'ê' | 'ë' | 'à' | 'â' | 'ç' | 'î' | 'ï' | 'ô' | 'û' | 'ù' | 'ü' | 'œ' => {
                2
            }
            '«' | '»' | '’' | '‘' | '“' | '”' | '…' | '–' | '—' | '°' | '€' | '§' | '\u{a0}'
            | 'º' | '²' | '³' => 0,
            _ if c.is_uppercase() && before.is_lowercase() => -3,
            'É' | 'È' | 'Ê' | 'À' | 'Â' | 'Ç' | 'Î' | 'Ô' | 'Û' | 'Œ' => 1,
            _ if c.is_alphabetic() => -1,
            _ if before.is_alphabetic() => -3,
            _ => -1,
        };
        before = c;
    }
    score
}

/// The upper half of code page 850.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
    └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// Decodes code page 850, that of consoles in western Europe.
pub(crate) fn cp850(bytes: &[u8]) -> String {
    let upper: Vec<char> = CP850.chars().collect();
    let decoded = bytes.iter().map(|byte| match byte.checked_sub(0x80) {
        Some(high) => upper.get(usize::from(high)).copied().unwrap_or('\u{fffd}'),
        None => char::from(*byte),
    });
    decoded.collect()
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
    fn consoles_and_old_macs_are_told_from_windows() {
        const LETTER: &str = "Réclamation : l'éclairage de l'église est hors service depuis août, \
            à côté du théâtre. Ça gêne les élèves. ÉCOLE FERMÉE";
        assert_eq!(CP850.chars().count(), 128);
        let as_850 = |text: &str| -> Vec<u8> {
            let byte = |c: char| match CP850.chars().position(|other| other == c) {
                Some(high) => 0x80 + high as u8,
                None => c as u8,
            };
            text.chars().map(byte).collect()
        };
        for text in [LETTER, "Objet : déchets", "Créé à Orve"] {
            check(&as_850(text), None, text, "cp850", true);
            // There is no encoder for it: the few letters by hand.
            let mac = |c: char| match c {
                'é' => 0x8e,
                'è' => 0x8f,
                'ê' => 0x90,
                'à' => 0x88,
                'â' => 0x89,
                'û' => 0x9e,
                'ô' => 0x99,
                'Ç' => 0x82,
                'É' => 0x83,
                _ => c as u8,
            };
            let bytes: Vec<u8> = text.chars().map(mac).collect();
            check(&bytes, None, text, "macintosh", true);
            let (bytes, ..) = encoding_rs::WINDOWS_1252.encode(text);
            check(&bytes, None, text, "windows-1252", true);
        }
        let typographic = "L’avis n° 3 : « Rue fermée » – 12 €…";
        let (bytes, ..) = encoding_rs::WINDOWS_1252.encode(typographic);
        check(&bytes, None, typographic, "windows-1252", true);
    }

    #[test]
    fn one_bad_byte_does_not_change_the_encoding() {
        let mut bytes = "éàèùçîôéàèùçîô".as_bytes().to_vec();
        bytes.push(0xff);
        let decoded = decode(&bytes, None);
        assert_eq!((decoded.encoding, decoded.invalid), ("UTF-8", true));
    }
}

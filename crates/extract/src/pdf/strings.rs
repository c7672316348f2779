//! Text strings of PDF objects.

/// Decodes a text string (ISO 32000-2, 7.9.2.2): UTF-16 with a mark, UTF-8, else PDFDocEncoding.
/// Strings without a mark that are valid UTF-8 beyond ASCII are taken as such: producers forget
/// the mark, and PDFDocEncoding hardly ever looks like it.
pub(super) fn text(bytes: &[u8]) -> String {
    let decoded = match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0,
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) if !text.bytes().any(|b| (0x18..0x20).contains(&b)) => text.into(),
            _ => bytes.iter().map(|b| pdf_doc(*b)).collect::<String>().into(),
        },
    };
    without_language_marks(&decoded)
}

/// A document's title; what Word puts before it is not part of it.
pub(super) fn title(bytes: &[u8]) -> String {
    let title = text(bytes);
    title
        .strip_prefix("Microsoft Word - ")
        .unwrap_or(&title)
        .to_owned()
}

/// Escape sequences name the language of what follows: ESC, a code, ESC.
fn without_language_marks(text: &str) -> String {
    if !text.contains('\u{1b}') {
        return text.trim_end_matches('\0').to_owned();
    }
    text.split('\u{1b}').step_by(2).collect()
}

fn pdf_doc(byte: u8) -> char {
    const LOW: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const HIGH: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚',
        '™', 'ﬁ', 'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
    ];
    match byte {
        0x18..=0x1f => LOW[usize::from(byte - 0x18)],
        0x80..=0xa0 => HIGH[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_text_strings() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(text(bytes), expected);
        check(b"Nom", "Nom");
        check(b"d\xe9j\xe0 \x85 \xa0", "déjà – €");
        check(b"\xfe\xff\0N\0o\0m\x20\x19", "Nom’");
        check("é".as_bytes(), "é");
        check(b"\xfe\xff\0\x1b\0f\0r\0\x1b\0o", "o");
        assert_eq!(title(b"Microsoft Word - note.doc"), "note.doc");
    }
}

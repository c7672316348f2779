//! Right-to-left text. Signs come in the order of the page, from left to right; text is kept in
//! the order in which it is read.

use unicode_bidi::{BidiInfo, Level};

/// Whether any of these letters is written from right to left.
pub(super) fn is_rtl(text: &str) -> bool {
    text.chars().any(is_rtl_char)
}

/// Whether a letter is Hebrew, Arabic, Syriac, Thaana or N'Ko, or a form of one of them.
pub(super) fn is_rtl_char(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// A line as it is read, from the line as it is seen. The algorithm that lays text out (UAX 9)
/// undoes itself but for rare nestings.
pub(super) fn logical(line: &str) -> String {
    let (mut rtl, mut ltr) = (0, 0);
    for c in line.chars().filter(|c| c.is_alphabetic()) {
        *(if is_rtl_char(c) { &mut rtl } else { &mut ltr }) += 1;
    }
    let level = if rtl >= ltr {
        Level::rtl()
    } else {
        Level::ltr()
    };
    let info = BidiInfo::new(line, Some(level));
    match info.paragraphs.first() {
        Some(paragraph) => info
            .reorder_line(paragraph, paragraph.range.clone())
            .into_owned(),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_seen_become_lines_as_read() {
        let check = |seen: &str, read: &str| assert_eq!(logical(seen), read);
        check("םלוע םולש", "שלום עולם");
        check("2024 תנש", "שנת 2024");
        check("Ville de Haïfa (הפיח)", "Ville de Haïfa (חיפה)");
        check("Mairie", "Mairie");
    }
}

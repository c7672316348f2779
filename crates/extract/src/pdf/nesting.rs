//! How deep objects lie in one another, looked at before the parser reads them.
//!
//! A file without a sound table of its objects is searched for them, and every opening mark found
//! on the way is followed as deep as it goes: two hundred thousand dictionaries in one another take
//! it minutes. No honest file nests objects directly by more than a handful. Where the table is sound
//! the bytes of streams are not looked at by the parser either, and stay as they are.

/// This many objects that do not close what they open are damage; more are a bomb that pretends to
/// end again and again.
const UNCLOSED_MAX: usize = 1_000;

/// The bytes with everything put out that lies deeper than `depth`, and whether anything did.
pub(crate) fn bounded(bytes: &[u8], depth: u32) -> (Vec<u8>, bool) {
    let mut out = bytes.to_vec();
    let searched = !has_table(bytes);
    let mut scan = Scan {
        max: depth as usize,
        level: 0,
        unclosed: 0,
        from: None,
        cuts: Vec::new(),
    };
    let mut stream = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        at += match byte {
            b'<' if rest.starts_with(b"<<") => {
                // Pixels that happen to be this mark stand in rows of it.
                if !stream
                    || searched
                        && rest
                            .get(2)
                            .is_none_or(|b| b.is_ascii_whitespace() || *b == b'/')
                {
                    scan.opens(at);
                }
                2
            }
            b'>' if rest.starts_with(b">>") => {
                scan.closes(at + 2);
                2
            }
            // In compressed data every two hundredth byte is one of these.
            b'[' if !stream => {
                scan.opens(at);
                1
            }
            b']' if !stream => {
                scan.closes(at + 1);
                1
            }
            b'e' if rest.starts_with(b"endstream") => {
                stream = false;
                scan.ends(at);
                9
            }
            b'e' if rest.starts_with(b"endobj") => {
                stream = false;
                scan.ends(at);
                6
            }
            b's' if rest.starts_with(b"stream\r") || rest.starts_with(b"stream\n") => {
                stream = true;
                7
            }
            _ => 1,
        };
    }
    scan.ends(bytes.len());
    for (from, to) in &scan.cuts {
        if let Some(cut) = out.get_mut(*from..*to) {
            // A value stays where one was, so that what is around it can be read.
            cut.fill(b' ');
            if let Some(first) = cut.first_mut() {
                *first = b'0';
            }
        }
    }
    (out, !scan.cuts.is_empty())
}

/// Whether the end of the file names the place of a table of objects, or of a stream that is one
/// (ISO 32000-2, 7.5.5).
fn has_table(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"startxref";
    let Some(at) = bytes.windows(MARK.len()).rposition(|w| w == MARK) else {
        return false;
    };
    let digits: Vec<u8> = (bytes[at + MARK.len()..].iter())
        .skip_while(|b| b.is_ascii_whitespace())
        .take_while(|b| b.is_ascii_digit())
        .copied()
        .collect();
    let place = std::str::from_utf8(&digits).ok();
    let place = place.and_then(|place| place.parse::<usize>().ok());
    let table = place
        .and_then(|place| bytes.get(place..))
        .unwrap_or_default();
    let table = table.trim_ascii_start();
    table.starts_with(b"xref") || table.first().is_some_and(u8::is_ascii_digit)
}

struct Scan {
    max: usize,
    level: usize,
    unclosed: usize,
    /// Where what lies too deep began.
    from: Option<usize>,
    cuts: Vec<(usize, usize)>,
}

impl Scan {
    fn opens(&mut self, at: usize) {
        self.level += 1;
        if self.level > self.max && self.from.is_none() {
            self.from = Some(at);
        }
    }

    fn closes(&mut self, end: usize) {
        self.level = self.level.saturating_sub(1);
        if self.level <= self.max
            && let Some(from) = self.from.take()
        {
            self.cuts.push((from, end));
        }
    }

    /// An object or a stream ends, and with it what it left open.
    fn ends(&mut self, at: usize) {
        if let Some(from) = self.from.take() {
            self.cuts.push((from, at));
            if self.unclosed >= UNCLOSED_MAX {
                self.from = Some(at);
            }
        }
        if self.level > 0 {
            self.unclosed += 1;
            if self.unclosed <= UNCLOSED_MAX {
                self.level = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], depth: u32, expected: &[u8]) {
        let (out, deep) = bounded(bytes, depth);
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(shown(&out), shown(expected));
        assert_eq!(deep, bytes != expected);
        assert_eq!(out.len(), bytes.len());
    }

    #[test]
    fn what_is_too_deep_is_put_out_and_nothing_else() {
        check(b"<</A<</B[1]>>>>", 3, b"<</A<</B[1]>>>>");
        check(b"<</A<</B[1]/C 2>>>>", 2, b"<</A<</B0  /C 2>>>>");
        check(b"<</A<</B[1]>>/C[2]>>", 1, b"<</A0        /C0  >>");
    }

    #[test]
    fn damage_is_not_depth() {
        // What one object leaves open is not the next one's depth.
        let open = b"1 0 obj <</A [ endobj ".repeat(100);
        check(&open, 3, &open);
        // Nor are the bytes of a stream, whatever they are.
        let pixels = [b"stream\n".to_vec(), b"<".repeat(900), b"[".repeat(900)].concat();
        check(&pixels, 3, &pixels);
        // But marks with something behind them are: the parser looks for objects there too.
        let (out, deep) = bounded(&[b"stream\n".to_vec(), b"<< /A ".repeat(900)].concat(), 3);
        assert!(deep);
        assert_eq!(out.windows(2).filter(|w| w == b"<<").count(), 3);
    }

    #[test]
    fn streams_of_a_sound_file_stay_as_they_are() {
        let code = b"a << b << c << d << e\n".repeat(100);
        let mut file = [
            b"1 0 obj <<>> stream\n".to_vec(),
            code,
            b"endstream endobj\n".to_vec(),
        ]
        .concat();
        let place = file.len();
        file.extend(format!("xref\n0 1\nstartxref\n{place}\n%%EOF").into_bytes());
        check(&file, 3, &file);
        let lost = [&file[..place], b"startxref\n7\n%%EOF"].concat();
        assert!(bounded(&lost, 3).1);
    }

    #[test]
    fn an_object_that_pretends_to_end_does_not_start_afresh_for_ever() {
        let (out, deep) = bounded(&b"<< /A endobj ".repeat(5_000), 64);
        assert!(deep);
        assert!(out.windows(2).filter(|w| w == b"<<").count() < 1_200);
    }
}

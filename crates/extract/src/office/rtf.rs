//! Rich Text Format: groups, control words and text in the code page that the file declares.

use domain::NoteCode;
use encoding_rs::{Encoding, WINDOWS_1252};

use super::story::{Kind, Part, Story};
use crate::budgets::Budget;
use crate::draft::Draft;

/// Destinations that hold no text of the document. Those marked with `\*` are skipped as well.
const SKIPPED: [&str; 22] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "fldinst",
    "generator",
    "themedata",
    "colorschememapping",
    "latentstyles",
    "listtable",
    "listoverridetable",
    "revtbl",
    "rsidtbl",
    "xmlnstbl",
    "datastore",
    "filetbl",
    "pntext",
    "pntxtb",
    "pntxta",
    "datafield",
    "objdata",
    "mmathPr",
];

/// Marked with `\*`, and still text that people see.
const SHOWN: [&str; 3] = ["shptxt", "nonshppict", "shpinst"];

/// What a group inherits and gives back.
#[derive(Clone, Copy)]
struct State {
    skipped: bool,
    hidden: bool,
    deleted: bool,
    /// How many characters stand for one `\u` in programs that do not know it.
    fallback: usize,
    part: Part,
    note: bool,
    /// Within the pictures of lists.
    bullets: bool,
}

struct Rtf<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: &'static Encoding,
    state: State,
    groups: Vec<State>,
    body: Story,
    header: Story,
    footer: Story,
    /// Bytes of the code page not yet decoded.
    pending: Vec<u8>,
    /// The first half of a character beyond the basic plane.
    surrogate: Option<u16>,
    /// Characters to leave out after `\u`.
    to_skip: usize,
    in_row: bool,
    /// A picture or an embedded object was passed over.
    picture: bool,
    /// Something stands after the end of the document.
    stray: bool,
}

/// Reads a document.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    if !draft.page(0.0, 0.0) {
        return;
    }
    draft.infer_pairs = true;
    let mut rtf = Rtf {
        bytes,
        at: 0,
        encoding: WINDOWS_1252,
        state: State {
            skipped: false,
            hidden: false,
            deleted: false,
            fallback: 1,
            part: Part::Body,
            note: false,
            bullets: false,
        },
        groups: Vec::new(),
        body: Story::default(),
        header: Story::default(),
        footer: Story::default(),
        pending: Vec::new(),
        surrogate: None,
        to_skip: 0,
        in_row: false,
        picture: false,
        stray: false,
    };
    rtf.run(draft);
    if rtf.picture {
        draft.note(NoteCode::NotReadableYet, Some("picture".into()));
    }
    let Rtf {
        body,
        header,
        footer,
        ..
    } = rtf;
    if body.hidden {
        draft.note(NoteCode::HiddenText, Some("text".into()));
    }
    header.write(Part::Header, draft);
    body.write(Part::Body, draft);
    footer.write(Part::Footer, draft);
}

impl Rtf<'_> {
    fn run(&mut self, draft: &mut Draft) {
        // Groups cost a few bytes each, and nothing here calls itself.
        let groups_max = usize::try_from(draft.budgets.depth).unwrap_or(64) * 16;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            self.at += 1;
            match byte {
                b'{' => {
                    self.flush();
                    if self.groups.len() >= groups_max {
                        draft.reached(Budget::Depth);
                        return;
                    }
                    self.groups.push(self.state);
                    self.to_skip = 0;
                }
                b'}' => {
                    self.flush();
                    self.to_skip = 0;
                    match self.groups.pop() {
                        Some(state) => {
                            if self.state.note && !state.note {
                                self.story().close(Kind::Note);
                            }
                            self.state = state;
                        }
                        // What was closed once too often goes on.
                        None => self.stray = true,
                    }
                    if self.groups.is_empty() && self.ends_here() {
                        if self.stray {
                            draft.note(NoteCode::DamagedFile, Some("RTF".into()));
                        }
                        return;
                    }
                    self.stray |= self.groups.is_empty();
                }
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(byte),
            }
        }
        self.flush();
        draft.note(NoteCode::DamagedFile, Some("RTF".into()));
    }

    /// Whether nothing follows that anybody would read.
    fn ends_here(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        rest.iter()
            .all(|b| b.is_ascii_whitespace() || matches!(b, 0 | 0x1a | b'}'))
    }

    fn story(&mut self) -> &mut Story {
        match self.state.part {
            Part::Body => &mut self.body,
            Part::Header => &mut self.header,
            Part::Footer => &mut self.footer,
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if !self.state.skipped {
            self.pending.push(byte);
        }
    }

    /// Decodes what waits and adds it.
    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pending);
        let (text, _) = self.encoding.decode_without_bom_handling(&bytes);
        self.text(&text);
    }

    fn text(&mut self, text: &str) {
        if self.state.skipped || self.state.deleted {
            return;
        }
        let hidden = self.state.hidden && !text.trim().is_empty();
        let (in_row, note) = (
            self.in_row && self.state.part == Part::Body,
            self.state.note,
        );
        let story = self.story();
        story.hidden |= hidden;
        if !note {
            match in_row {
                true => {
                    for kind in [Kind::Table, Kind::Row, Kind::Cell] {
                        if !story.within(kind) {
                            story.open(kind);
                        }
                    }
                }
                false => story.close(Kind::Table),
            }
        }
        if story.innermost() != Some(Kind::Paragraph) {
            story.open(Kind::Paragraph);
        }
        story.text(text);
    }

    fn control(&mut self) {
        let Some(first) = self.bytes.get(self.at).copied() else {
            return;
        };
        self.at += 1;
        if !first.is_ascii_alphabetic() {
            self.symbol(first);
            return;
        }
        let rest = self.bytes.get(self.at - 1..).unwrap_or_default();
        let letters = rest
            .iter()
            .take(32)
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        let word = String::from_utf8_lossy(rest.get(..letters).unwrap_or_default()).into_owned();
        let mut end = letters;
        if rest.get(end) == Some(&b'-') {
            end += 1;
        }
        end += rest
            .iter()
            .skip(end)
            .take(10)
            .take_while(|b| b.is_ascii_digit())
            .count();
        let number = String::from_utf8_lossy(rest.get(letters..end).unwrap_or_default());
        let number: Option<i64> = number.parse().ok();
        // A space after a control word belongs to it.
        if rest.get(end) == Some(&b' ') {
            end += 1;
        }
        self.at = self.at - 1 + end;
        self.word(&word, number);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let digits = self.bytes.get(self.at..self.at + 2).unwrap_or_default();
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                if let Ok(byte) = u8::from_str_radix(digits, 16) {
                    self.at += 2;
                    self.byte(byte);
                }
            }
            b'*' => {
                // What follows says what it is; what is not known is not shown.
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                let shown = SHOWN.iter().any(|word| {
                    rest.strip_prefix(b"\\")
                        .is_some_and(|rest| rest.starts_with(word.as_bytes()))
                });
                self.state.skipped |= !shown;
            }
            b'~' => self.byte_or_text('\u{a0}'),
            b'_' => self.byte_or_text('-'),
            b'-' | b':' | b'|' => {}
            b'\r' | b'\n' => self.word("par", None),
            b'\t' => self.word("tab", None),
            b'\\' | b'{' | b'}' => self.byte(symbol),
            _ => {}
        }
    }

    fn byte_or_text(&mut self, c: char) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return;
        }
        self.flush();
        self.text(c.encode_utf8(&mut [0; 4]));
    }

    fn word(&mut self, word: &str, number: Option<i64>) {
        if word == "u" {
            self.unicode(number.unwrap_or(0));
            return;
        }
        self.flush();
        let on = number != Some(0);
        match word {
            "bin" => {
                let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
                self.at = self.at.saturating_add(length).min(self.bytes.len());
            }
            "uc" => self.state.fallback = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(16),
            "ansicpg" => {
                let label = match number.unwrap_or(1252) {
                    65001 => "utf-8".to_owned(),
                    page => format!("windows-{page}"),
                };
                self.encoding = Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252);
            }
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            // The pictures of bullets are decoration.
            "listpicture" => self.state.bullets = true,
            // Programs of today put theirs where those before them do not look.
            "pict" | "object" => {
                self.picture |= !self.state.bullets;
                self.state.skipped = true;
            }
            _ if self.state.skipped => {}
            "v" => self.state.hidden = on,
            "plain" => self.state.hidden = false,
            "deleted" => self.state.deleted = on,
            "header" | "headerl" | "headerr" | "headerf" => self.state.part = Part::Header,
            "footer" | "footerl" | "footerr" | "footerf" => self.state.part = Part::Footer,
            "footnote" | "annotation" => {
                self.story().open(Kind::Note);
                self.state.note = true;
            }
            "par" | "sect" | "page" => self.paragraph(),
            "pard" => self.in_row = false,
            "intbl" => self.in_row = true,
            "cell" | "nestcell" => {
                // An empty cell is a cell too.
                self.in_row = true;
                self.text("");
                self.story().close(Kind::Cell);
            }
            "row" | "nestrow" => {
                self.story().close(Kind::Row);
                // The next row says itself that it is one.
                self.in_row = false;
            }
            "line" => self.text("\n"),
            "tab" => self.text("\t"),
            "emdash" => self.text("—"),
            "endash" => self.text("–"),
            "lquote" => self.text("‘"),
            "rquote" => self.text("’"),
            "ldblquote" => self.text("“"),
            "rdblquote" => self.text("”"),
            "bullet" => self.text("•"),
            word if SKIPPED.contains(&word) => self.state.skipped = true,
            _ => {}
        }
    }

    fn paragraph(&mut self) {
        // An empty paragraph parts what is around it.
        self.text("");
        self.story().close(Kind::Paragraph);
    }

    /// A UTF-16 unit, written as a signed number.
    fn unicode(&mut self, number: i64) {
        self.flush();
        let unit = u16::try_from(number.rem_euclid(0x1_0000)).unwrap_or(0);
        let units = match self.surrogate.take() {
            Some(first) => vec![first, unit],
            None if (0xd800..0xdc00).contains(&unit) => {
                self.surrogate = Some(unit);
                self.to_skip = self.state.fallback;
                return;
            }
            None => vec![unit],
        };
        self.text(&String::from_utf16_lossy(&units));
        self.to_skip = self.state.fallback;
    }
}

#[cfg(test)]
mod tests {
    use crate::{Budgets, Input, extract};

    fn check(rtf: &[u8], text: &str, details: &[&str]) {
        let input = Input {
            bytes: rtf,
            ..Input::default()
        };
        let read = extract(&input, &Budgets::default());
        assert_eq!(read.text.as_str(), text);
        let found: Vec<_> = read
            .layout
            .notes
            .iter()
            .filter_map(|n| n.detail.as_deref())
            .collect();
        assert_eq!(found, details);
    }

    #[test]
    fn accents_are_kept_whatever_way_they_are_written() {
        check(
            br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator X;}\f0 Pr\'e9nom\~: Zo\u235\'eb\par \u8364? \uc0\u-10179\u-8704{\uc1 \u339 ?}uvre\par}",
            "Prénom\u{a0}: Zoë\n€ 😀œuvre",
            &[],
        );
        check(br"{\rtf1\ansicpg1250 \'e8esk\'fd}", "český", &[]);
        check(br"{\rtf1\mac \'8et\'8e}", "été", &[]);
    }

    #[test]
    fn tables_headers_notes_and_hidden_text_are_read() {
        check(
            br"{\rtf1{\header Mairie\par}Un\line deux{\footnote Note.}\par\par\trowd\intbl Nom\cell Roy\cell\row\trowd\intbl Ville\cell\cell\row\pard Fin{\v  secret}{\deleted non}\{x\}\par{\field{\*\fldinst HYPERLINK}{\fldrslt lien}}}",
            "Mairie\n\nUn\ndeux\n\nNom\tRoy\nVille\n\nFin secret{x}\nlien\n\nNote.",
            &["text"],
        );
    }

    #[test]
    fn what_is_cut_or_deep_is_said() {
        check(br"{\rtf1 Lu {\b gras", "Lu gras", &["RTF"]);
        let deep = [br"{\rtf1 a".to_vec(), b"{".repeat(5000)].concat();
        check(&deep, "a", &["depth 64"]);
        check(br"{\rtf1 a\'zz\bin99999999 b}", "azz", &["RTF"]);
    }

    #[test]
    fn what_follows_a_group_closed_once_too_often_is_read() {
        check(br"{\rtf1 un}} {\b deux} }", "un deux", &["RTF"]);
        check(b"{\\rtf1 un}}\r\n", "un", &[]);
    }

    #[test]
    fn pictures_are_said_once() {
        check(
            br"{\rtf1 un {\pict\pngblip 8950}{\*\shppict{\pict 89}}{\object x} deux}",
            "un  deux",
            &["picture"],
        );
        check(br"{\rtf1{\*\listpicture{\pict 89}}un}", "un", &[]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(tail in r"[{}\\a-z0-9 '*]{0,80}") {
            let rtf = format!("{{\\rtf1 {tail}");
            let input = Input { bytes: rtf.as_bytes(), ..Input::default() };
            extract(&input, &Budgets::default());
        }
    }
}

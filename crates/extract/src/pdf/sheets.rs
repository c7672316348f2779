//! The pages of a document while it is read: what is known only over all of them waits here.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BlockRole, NoteCode};

use super::beside::{self, Beside, Spot};
use super::comments::Comment;
use super::flat::{self, Guess};
use super::glyphs::{Drawn, Text};
use super::layout::{self, TextBlock};
use super::letters::{self, Fault, Pairs};
use super::roles;
use crate::draft::Draft;

/// Fewer pairs of letters of a faulty font on a page are a sign or two.
const FAULTY_PAIRS_MIN: u32 = 12;

/// Images that cover more than this share of a page with few words are a scan.
const SCAN_SHARE: f64 = 0.6;

/// More signs than these were not put on a scan by the scanner.
const STAMP_SIGNS_MAX: usize = 250;

/// A page without letters and with this many shapes has its letters drawn.
const DRAWN_LETTERS_MIN: usize = 300;

/// What of a page is for the form's fields.
#[derive(Default)]
pub(super) struct Seen {
    /// What stands beside each widget.
    pub(super) beside: Vec<Beside>,
    /// Fields that are only drawn.
    pub(super) guesses: Vec<Guess>,
}

#[derive(Default)]
struct Sheet {
    width: f64,
    height: f64,
    blocks: Vec<TextBlock>,
    comments: Vec<Comment>,
    notes: Vec<(NoteCode, Option<String>)>,
    /// Pairs of letters in each font.
    fonts: Vec<(u128, u32)>,
    faults: BTreeSet<Fault>,
    seen: Seen,
}

/// See the module.
#[derive(Default)]
pub(super) struct Sheets {
    sheets: Vec<Sheet>,
    /// The letters of each font over the document.
    fonts: BTreeMap<u128, Pairs>,
}

impl Sheets {
    /// Starts a page.
    pub(super) fn begin(&mut self, width: f64, height: f64) {
        self.sheets.push(Sheet {
            width,
            height,
            ..Sheet::default()
        });
    }

    /// Notes something on the page.
    pub(super) fn note(&mut self, code: NoteCode, detail: Option<String>) {
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.notes.push((code, detail));
        }
    }

    /// Adds what was drawn on the page, whose widgets are at these spots.
    pub(super) fn add(&mut self, mut drawn: Drawn, spots: &[Spot]) {
        beside::join_combs(&mut drawn, spots);
        let drawn = &drawn;
        if let Some(detail) = needs_ocr(drawn) {
            self.note(NoteCode::NeedsOcr, detail.map(str::to_owned));
        }
        if let Some(detail) = unmapped(drawn) {
            self.note(NoteCode::GarbledText, Some(detail.into()));
        }
        let blocks = layout::blocks(drawn);
        let fonts = pairs_by_font(drawn);
        let Some(sheet) = self.sheets.last_mut() else {
            return;
        };
        sheet.fonts = fonts
            .iter()
            .map(|(key, pairs)| (*key, pairs.total()))
            .collect();
        for (key, pairs) in fonts {
            self.fonts.entry(key).or_default().extend(&pairs);
        }
        sheet.faults.extend(faults(&blocks));
        // Where there are widgets, what stands beside them is theirs.
        if spots.is_empty() {
            sheet.seen.guesses = flat::look(drawn, &blocks);
        }
        sheet.seen.beside = beside::look(drawn, spots);
        sheet.blocks = blocks;
    }

    /// Adds what people wrote upon the page.
    pub(super) fn comment(&mut self, comments: Vec<Comment>) {
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.comments = comments;
        }
    }

    /// Writes the pages. Returns what of each is for the form's fields.
    pub(super) fn write(mut self, draft: &mut Draft) -> Vec<Seen> {
        let faulty: BTreeMap<u128, Fault> = self
            .fonts
            .iter()
            .filter_map(|(key, pairs)| Some((*key, pairs.fault()?)))
            .collect();
        let mut pages: Vec<roles::Sheet<'_>> = self
            .sheets
            .iter_mut()
            .map(|sheet| roles::Sheet {
                height: sheet.height,
                blocks: &mut sheet.blocks,
            })
            .collect();
        roles::assign(&mut pages);
        let mut seen = Vec::new();
        for mut sheet in self.sheets {
            if !draft.page(sheet.width, sheet.height) {
                return seen;
            }
            seen.push(std::mem::take(&mut sheet.seen));
            let fonts = sheet.fonts.iter();
            sheet.faults.extend(
                fonts
                    .filter(|(_, pairs)| *pairs >= FAULTY_PAIRS_MIN)
                    .filter_map(|(key, _)| faulty.get(key).copied()),
            );
            for (code, detail) in sheet.notes {
                draft.note_page(code, detail);
            }
            for fault in sheet.faults {
                draft.note_page(NoteCode::GarbledText, Some(fault.detail().into()));
            }
            for block in sheet.blocks {
                draft.begin_block(block.role);
                for line in block.lines {
                    let bbox = Some(line.bbox);
                    match pair_of_cells(block.role, line.columns, &line.text) {
                        Some(cells) => draft.row(&cells, bbox),
                        None => draft.line(&line.text, bbox),
                    };
                }
            }
            draft.end_block();
            for comment in sheet.comments {
                draft.begin_block(BlockRole::Text);
                draft.line(&comment.text, comment.bbox);
                draft.end_block();
            }
        }
        seen
    }
}

/// The cells of a table of two columns, where the first is a label and the second its value. In
/// wider tables two cells that happen to be filled are not a pair.
fn pair_of_cells(role: BlockRole, columns: usize, text: &str) -> Option<Vec<String>> {
    let (label, value) = text.split_once('\t')?;
    (role == BlockRole::Table && columns == 2 && !label.trim_end_matches([':', ' ']).contains(':'))
        .then(|| vec![label.to_owned(), value.to_owned()])
}

/// Why a page is to be read from its image, beside what can be read of it.
fn needs_ocr(drawn: &Drawn) -> Option<Option<&'static str>> {
    if drawn.visible == 0 && drawn.private == 0 {
        if drawn.images > 0.0 {
            return Some(None);
        }
        return (drawn.paths >= DRAWN_LETTERS_MIN).then_some(Some("letters are drawings"));
    }
    (drawn.images >= SCAN_SHARE && drawn.visible <= STAMP_SIGNS_MAX)
        .then_some(Some("words beside an image"))
}

/// Enough glyphs have no character for something to be missing: what was filled into a form may
/// use another font than the form. Pictograms of private use are no loss unless they prevail.
fn unmapped(drawn: &Drawn) -> Option<&'static str> {
    let all = drawn.visible + drawn.private;
    if drawn.unmapped >= 20 && drawn.unmapped * 20 > all {
        Some("glyphs without characters")
    } else if drawn.private >= 20 && drawn.private * 10 > all * 3 {
        Some("private codes")
    } else {
        None
    }
}

/// The letters of a page, font by font. A word ends where its font, its line or its run does.
fn pairs_by_font(drawn: &Drawn) -> BTreeMap<u128, Pairs> {
    let mut faces: Vec<Pairs> = vec![Pairs::default(); drawn.faces.len()];
    let mut before: Option<(u16, u8, f32, f32)> = None;
    for glyph in &drawn.glyphs {
        let follows = before.is_some_and(|(font, turn, end, base)| {
            (font, turn) == (glyph.font, glyph.turn)
                && (base - glyph.base).abs() < 0.2 * glyph.size
                && (glyph.u0 - end).abs() < 0.15 * glyph.size
        });
        if !follows
            && let Some((font, ..)) = before
            && let Some(pairs) = faces.get_mut(usize::from(font))
        {
            pairs.end_word();
        }
        before = Some((glyph.font, glyph.turn, glyph.u1, glyph.base));
        if let Some(pairs) = faces.get_mut(usize::from(glyph.font)) {
            match &glyph.text {
                Text::Char(c) => pairs.add(*c),
                Text::Str(s) => s.chars().for_each(|c| pairs.add(c)),
                Text::Nothing => {}
            }
        }
    }
    let mut fonts: BTreeMap<u128, Pairs> = BTreeMap::new();
    for (face, mut pairs) in drawn.faces.iter().zip(faces) {
        pairs.end_word();
        if pairs.total() > 0 {
            fonts.entry(face.key).or_default().extend(&pairs);
        }
    }
    fonts
}

/// What is wrong with the letters of blocks: several fonts may be told apart by nothing else.
fn faults(blocks: &[TextBlock]) -> BTreeSet<Fault> {
    let mut faults = BTreeSet::new();
    for block in blocks {
        let mut pairs = Pairs::default();
        for line in &block.lines {
            line.text.chars().for_each(|c| pairs.add(c));
            pairs.end_word();
        }
        faults.extend(pairs.fault());
    }
    let lines = blocks.iter().flat_map(|block| &block.lines);
    if letters::accents_are_wrong(lines.map(|line| line.text.as_str())) {
        faults.insert(Fault::Accents);
    }
    faults
}

//! Optical character recognition of the pages that hold no readable text.
//!
//! | module | what it knows |
//! |---|---|
//! | `raster` | one page to a grey image, upright and straight: runs in the reading child |
//! | `upright` | quarter turns and skew of a page image |
//! | `tesseract` | the recogniser: finding it, its digest, running it within limits |
//! | `tsv` | what it answers |
//! | `merge` | recognised lines into a stored text and its layout |
//!
//! Invariants: the same image, program, data and arguments give the same lines; every word that
//! was recognised is in the text, with its box on the page and its confidence; what was read from
//! the file's own text on other pages stays as it was, byte for byte within the page.

mod image;
mod merge;
pub(crate) mod raster;
mod tesseract;
mod tsv;
mod upright;

use domain::{Layout, Note, NoteCode, PageBox, StoredText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Input;
use crate::isolation::{ReadFault, Reader};

pub use image::GreyImage;
pub use merge::merge;
pub(crate) use raster::Placing;
pub use raster::{Raster, Unrastered};
pub use tesseract::{Found, Missing, Recogniser, exec};

/// How pages are recognised: part of the stage's settings, hence of its run keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OcrSettings {
    /// Dots per inch at which pages are drawn; images keep their own pixels.
    pub dpi: u32,
    /// Pixels of one page at most. A page that would need more is drawn coarser; an image that has
    /// more is left unread, with a note.
    pub pixels: u64,
    /// Languages by the recogniser's names, the likeliest first. The others are tried when the
    /// first reads poorly or another language.
    pub languages: Vec<String>,
    /// Mean confidence of a page, in percent, under which it is said to be unsure.
    pub unsure_percent: u8,
    /// Pages recognised of one document, from its first.
    pub pages: u32,
}

impl Default for OcrSettings {
    fn default() -> Self {
        Self {
            dpi: 300,
            pixels: 60_000_000,
            languages: vec!["fra".into(), "eng".into()],
            unsure_percent: 70,
            pages: 500,
        }
    }
}

/// A page that needs recognition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// From 1.
    pub page: u32,
    /// Why.
    pub why: Why,
}

/// Why a page needs recognition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is an image.
    Image,
    /// Its text layer makes no sense.
    Garbled,
}

impl Why {
    /// The word in a note's detail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Garbled => "garbled",
        }
    }
}

/// The pages of a layout that need recognition, in order.
pub fn wanted(layout: &Layout) -> Vec<Wanted> {
    let on = |page: u32, code: NoteCode| {
        let mut notes = layout.notes.iter();
        notes.any(|note| note.page == Some(page) && note.code == code)
    };
    let pages = layout.pages.iter().filter_map(|page| {
        let why = if on(page.number, NoteCode::NeedsOcr) {
            Why::Image
        } else if on(page.number, NoteCode::GarbledText) {
            Why::Garbled
        } else {
            return None;
        };
        Some(Wanted {
            page: page.number,
            why,
        })
    });
    pages.collect()
}

/// Recognises the pages of a document that need it, and gives its text and layout with them. What
/// `read` says of other pages stays. Blocks, seconds a page.
///
/// # Errors
/// When a process reached a limit, twice, or cannot be started: never because of what a page says.
pub fn recognise(
    reader: &Reader,
    recogniser: &Recogniser,
    input: &Input,
    read: (&StoredText, &Layout),
    settings: &OcrSettings,
) -> Result<(StoredText, Layout), ReadFault> {
    let (text, layout) = read;
    let mut layout = layout.clone();
    let mut wanted = wanted(&layout);
    if wanted.len() > settings.pages as usize {
        wanted.truncate(settings.pages as usize);
        let detail = format!("ocr pages {}", settings.pages);
        let note = Note::document(NoteCode::BudgetReached, detail);
        layout.notes.push(note);
    }
    let mut recognised = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let size = layout
            .pages
            .iter()
            .find(|page| page.number == wanted.page)
            .map_or((0.0, 0.0), |page| (page.width.get(), page.height.get()));
        let read = twice(|| read_page(reader, recogniser, input, wanted.page, size, settings))?;
        recognised.push(RecognisedPage { wanted, read });
    }
    Ok(merge(text, &layout, &recognised, settings))
}

fn read_page(
    reader: &Reader,
    recogniser: &Recogniser,
    input: &Input,
    page: u32,
    size: (f64, f64),
    settings: &OcrSettings,
) -> Result<Result<Reading, Unrastered>, ReadFault> {
    match reader.raster(input, page, settings)? {
        Ok(raster) => recogniser.read(raster, size, settings).map(Ok),
        Err(why) => Ok(Err(why)),
    }
}

/// A process that died may have paid for a busy machine: once more before anything is said.
fn twice<T>(mut work: impl FnMut() -> Result<T, ReadFault>) -> Result<T, ReadFault> {
    match work() {
        Err(fault) if !fault.is_passing() => work(),
        done => done,
    }
}

/// A line of a page as recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecognisedLine {
    /// What it says.
    pub text: String,
    /// Where it stands on the page as it lies in the file.
    pub bbox: PageBox,
    /// Mean over its characters, in percent.
    pub confidence: u8,
    /// Lines of one paragraph share a number.
    pub paragraph: u32,
}

/// What recognition made of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecognisedPage {
    /// Which page, and why it was recognised.
    pub wanted: Wanted,
    /// What was read, or why nothing could be.
    pub read: Result<Reading, Unrastered>,
}

/// The lines of a page and how they were had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// In reading order.
    pub lines: Vec<RecognisedLine>,
    /// By how many tenths of a degree the page was turned clockwise to be read.
    pub turned_tenths: i32,
}

impl Reading {
    /// Mean confidence over the characters, in percent; `None` when nothing was read.
    pub fn confidence(&self) -> Option<u8> {
        let (mut sure, mut characters) = (0u64, 0u64);
        for line in &self.lines {
            let length = line.text.chars().count() as u64;
            sure += length * u64::from(line.confidence);
            characters += length;
        }
        let mean = sure.checked_div(characters)?;
        Some(mean.min(100) as u8)
    }

    /// Letters and digits read, weighed by confidence: what tells a page read upright from the
    /// same page read upside down.
    fn weight(&self) -> u64 {
        let letters = |line: &RecognisedLine| {
            let count = line.text.chars().filter(|c| c.is_alphanumeric()).count();
            count as u64 * u64::from(line.confidence).pow(2)
        };
        self.lines.iter().map(letters).sum()
    }
}
/// How many words an answer has, for fuzzing.
#[cfg(fuzzing)]
pub(crate) fn words(tsv: &str) -> usize {
    tsv::words(tsv).len()
}

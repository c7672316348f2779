//! Glyphs to blocks of lines in reading order.
//!
//! 1. Glyphs drawn one after the other on one baseline make a *fragment*; gaps become spaces.
//! 2. Ruled *tables* are taken out: their fragments go into their cells.
//! 3. The rest is cut into *strips* by the white between lines. Strips that share a white gutter
//!    and look like prose on both sides of it are columns, read one after the other; all others
//!    are read across, as tables and forms are.
//! 4. Fragments of a strip that share a baseline make a line; lines that follow closely make a
//!    block. Lines whose cells stand under one another are a table without rules.
//!
//! Lengths are relative to the font size: that is what printers do.

mod columns;
mod fragments;
mod lattice;
mod lines;
mod tables;

use domain::{BlockRole, PageBox};

use super::bidi;
use super::glyphs::{Drawn, Glyph};

/// A page of more fragments is read without looking for columns: it is a drawing.
const FRAGMENTS_MAX: usize = 30_000;

/// Lines that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextBlock {
    pub(super) role: BlockRole,
    pub(super) lines: Vec<TextLine>,
}

/// One line of a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextLine {
    pub(super) text: String,
    pub(super) bbox: PageBox,
    pub(super) size: f32,
    /// All of it is bold.
    pub(super) bold: bool,
    /// A row of a table of this many columns.
    pub(super) columns: usize,
}

/// The blocks of a page: horizontal text first, then text turned otherwise.
pub(super) fn blocks(drawn: &Drawn) -> Vec<TextBlock> {
    let mut turns: Vec<u8> = drawn.glyphs.iter().map(|glyph| glyph.turn).collect();
    turns.sort_unstable();
    turns.dedup();
    let mut out = Vec::new();
    for turn in turns {
        let mut fragments = fragments::of(drawn, drawn.glyphs.iter(), turn);
        let mut leaves = Vec::new();
        if fragments.len() > FRAGMENTS_MAX {
            leaves.push(fragments);
        } else {
            if turn == 0 {
                fragments = lattice::take(fragments, &drawn.rules);
            }
            columns::cut(fragments, 0, &mut leaves);
        }
        for leaf in leaves {
            out.extend(lines::group(tables::mark(lines::rows(leaf))));
        }
    }
    for block in &mut out {
        for line in &mut block.lines {
            if bidi::is_rtl(&line.text) {
                line.text = bidi::logical(&line.text);
            }
        }
        if block.role != BlockRole::Table {
            lines::join_hyphens(&mut block.lines);
        }
    }
    out
}

/// Signs drawn one after the other, and where.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) area: [f32; 4],
}

/// The fragments that these signs of a page make, horizontal ones only, as they were drawn.
pub(super) fn words<'a>(
    drawn: &'a Drawn,
    signs: impl Iterator<Item = &'a Glyph> + Clone,
) -> Vec<Word> {
    fragments::of(drawn, signs, 0)
        .into_iter()
        .filter(|fragment| !fragment.text.trim().is_empty())
        .map(|fragment| Word {
            text: fragment.text,
            area: fragment.bbox,
        })
        .collect()
}

fn union(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
    [
        a[0].min(b[0]),
        a[1].min(b[1]),
        a[2].max(b[2]),
        a[3].max(b[3]),
    ]
}

fn page_box([x0, y0, x1, y1]: [f32; 4]) -> PageBox {
    PageBox::new(f64::from(x0), f64::from(y0), f64::from(x1), f64::from(y1))
}

/// The middle value; 0 of none.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

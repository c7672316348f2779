//! Glyphs to blocks of lines in reading order.
//!
//! 1. Glyphs drawn one after the other on one baseline make a *fragment*; gaps become spaces.
//! 2. Fragments are cut into *strips* by the white between lines. Strips that share a white gutter
//!    and look like prose on both sides of it are columns, read one after the other; all others
//!    are read across, as tables and forms are.
//! 3. Fragments of a strip that share a baseline make a line; lines that follow closely make a
//!    block.
//!
//! Lengths are relative to the font size: that is what printers do.

use domain::PageBox;

use super::glyphs::{Glyph, Text};

/// A gap wider than this many font sizes is a space; the space of a narrow font is 0.2.
const SPACE: f32 = 0.15;

/// A gap wider than this ends a fragment.
const FRAGMENT_GAP: f32 = 1.0;

/// A gap wider than this separates cells, and becomes a tab.
const CELL_GAP: f32 = 2.0;

/// Columns within columns, no deeper.
const DEPTH_MAX: u32 = 6;

/// A page of more fragments is read without looking for columns: it is a drawing.
const FRAGMENTS_MAX: usize = 30_000;

/// One line of a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextLine {
    pub(super) text: String,
    pub(super) bbox: PageBox,
}

/// The blocks of a page: horizontal text first, then text turned otherwise.
pub(super) fn blocks(glyphs: Vec<Glyph>) -> Vec<Vec<TextLine>> {
    let mut turns: Vec<u8> = glyphs.iter().map(|glyph| glyph.turn).collect();
    turns.sort_unstable();
    turns.dedup();
    let mut out = Vec::new();
    for turn in turns {
        let glyphs = glyphs.iter().filter(|glyph| glyph.turn == turn);
        let fragments = fragments(glyphs);
        let mut leaves = Vec::new();
        if fragments.len() > FRAGMENTS_MAX {
            leaves.push(fragments);
        } else {
            cut(fragments, 0, &mut leaves);
        }
        for leaf in leaves {
            out.extend(group(rows(leaf)));
        }
    }
    out
}

/// Glyphs of one baseline, close to each other.
#[derive(Clone, Debug)]
struct Fragment {
    text: String,
    /// Along the line, without spaces at the end.
    u0: f32,
    u1: f32,
    /// Across it.
    v0: f32,
    v1: f32,
    base: f32,
    size: f32,
    bbox: [f32; 4],
    /// Where the next glyph would stand.
    end: f32,
    space_pending: bool,
}

impl Fragment {
    fn start(glyph: &Glyph) -> Self {
        Self {
            text: String::new(),
            u0: glyph.u0,
            u1: glyph.u1,
            v0: glyph.base - 0.8 * glyph.size,
            v1: glyph.base + 0.2 * glyph.size,
            base: glyph.base,
            size: glyph.size,
            bbox: glyph.bbox,
            end: glyph.u1,
            space_pending: false,
        }
    }

    fn push(&mut self, glyph: &Glyph) {
        match &glyph.text {
            // One sign for a run of characters that nobody knows.
            Text::Char('\u{fffd}') if self.text.ends_with('\u{fffd}') => {}
            Text::Char(c) => self.text.push(*c),
            Text::Str(s) => self.text.push_str(s),
            Text::Nothing => {}
        }
        self.u0 = self.u0.min(glyph.u0);
        self.u1 = self.u1.max(glyph.u1);
        self.v0 = self.v0.min(glyph.base - 0.8 * glyph.size);
        self.v1 = self.v1.max(glyph.base + 0.2 * glyph.size);
        self.size = self.size.max(glyph.size);
        self.end = glyph.u1;
        self.space_pending = false;
        self.bbox = union(self.bbox, glyph.bbox);
    }

    fn chars(&self) -> usize {
        self.text.chars().count()
    }
}

fn union(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
    [
        a[0].min(b[0]),
        a[1].min(b[1]),
        a[2].max(b[2]),
        a[3].max(b[3]),
    ]
}

fn fragments<'a>(glyphs: impl Iterator<Item = &'a Glyph>) -> Vec<Fragment> {
    let mut out: Vec<Fragment> = Vec::new();
    let mut open = false;
    for glyph in glyphs {
        let blank = match &glyph.text {
            Text::Char(c) => c.is_whitespace(),
            Text::Str(s) => s.trim().is_empty(),
            Text::Nothing => false,
        };
        let last = out.last_mut().filter(|_| open);
        let follows = last.as_ref().is_some_and(|last| {
            let size = last.size.max(glyph.size);
            let gap = glyph.u0 - last.end;
            (glyph.base - last.base).abs() < 0.2 * size
                && gap < FRAGMENT_GAP * size
                && gap > -0.7 * size
                && glyph.size < 1.7 * last.size
                && last.size < 1.7 * glyph.size
        });
        match last {
            Some(last) if follows => {
                let gap = glyph.u0 - last.end;
                if blank {
                    last.space_pending = true;
                    last.end = last.end.max(glyph.u1);
                    continue;
                }
                if (last.space_pending || gap > SPACE * glyph.size) && !last.text.ends_with(' ') {
                    last.text.push(' ');
                }
                last.push(glyph);
            }
            _ => {
                if blank {
                    // A space never starts a fragment, but it separates.
                    if let Some(last) = out.last_mut() {
                        last.space_pending = true;
                    }
                    open = false;
                    continue;
                }
                let mut fragment = Fragment::start(glyph);
                fragment.push(glyph);
                out.push(fragment);
                open = true;
            }
        }
    }
    out.retain(|fragment| !fragment.text.trim().is_empty());
    out
}

/// Merged intervals, in order.
type Cover = Vec<(f32, f32)>;

fn cover_with(cover: &mut Cover, from: f32, to: f32) {
    let start = cover.partition_point(|(_, end)| *end < from);
    let stop = cover.partition_point(|(begin, _)| *begin <= to);
    if start >= stop {
        cover.insert(start, (from, to));
        return;
    }
    let merged = (cover[start].0.min(from), cover[stop - 1].1.max(to));
    cover.splice(start..stop, [merged]);
}

fn has_gutter(cover: &Cover, width: f32) -> bool {
    cover.windows(2).any(|pair| pair[1].0 - pair[0].1 >= width)
}

/// Cuts a region into leaves in reading order. Each leaf is read across.
fn cut(mut region: Vec<Fragment>, depth: u32, leaves: &mut Vec<Vec<Fragment>>) {
    if region.is_empty() {
        return;
    }
    if depth >= DEPTH_MAX {
        leaves.push(region);
        return;
    }
    region.sort_by(|a, b| a.v0.total_cmp(&b.v0).then(a.u0.total_cmp(&b.u0)));
    let gutter = median(region.iter().map(|f| f.size)).max(8.0);
    let strips = strips(region);
    let mut across: Vec<Fragment> = Vec::new();
    let mut strips = strips.into_iter().peekable();
    while let Some(strip) = strips.next() {
        let mut cover = Cover::new();
        for fragment in &strip {
            cover_with(&mut cover, fragment.u0, fragment.u1);
        }
        let mut section = strip;
        // The section grows while a gutter stays open all the way down.
        while let Some(next) = strips.peek() {
            let mut grown = cover.clone();
            for fragment in next {
                cover_with(&mut grown, fragment.u0, fragment.u1);
            }
            let still_one_column = cover.len() == 1 && grown.len() == 1;
            if still_one_column || !has_gutter(&grown, gutter) {
                break;
            }
            cover = grown;
            section.extend(strips.next().unwrap_or_default());
        }
        match columns(&cover, &section, gutter) {
            Some(at) => {
                leaves.push(std::mem::take(&mut across));
                let (left, right): (Vec<_>, Vec<_>) =
                    section.into_iter().partition(|fragment| fragment.u1 <= at);
                cut(left, depth + 1, leaves);
                cut(right, depth + 1, leaves);
            }
            None => across.append(&mut section),
        }
    }
    leaves.push(across);
    leaves.retain(|leaf| !leaf.is_empty());
}

/// Groups of fragments between which nothing is drawn, from top to bottom.
fn strips(region: Vec<Fragment>) -> Vec<Vec<Fragment>> {
    let mut strips: Vec<Vec<Fragment>> = Vec::new();
    let mut bottom = f32::MIN;
    for fragment in region {
        // Descenders and ascenders of neighbouring lines may touch.
        let (top, low) = (
            fragment.v0 + 0.15 * fragment.size,
            fragment.v1 - 0.15 * fragment.size,
        );
        match strips.last_mut() {
            Some(strip) if top < bottom => strip.push(fragment),
            _ => strips.push(vec![fragment]),
        }
        bottom = bottom.max(low);
    }
    strips
}

/// Where to cut a section into columns of prose; `None` when it is read across.
fn columns(cover: &Cover, section: &[Fragment], gutter: f32) -> Option<f32> {
    let mut gaps: Vec<(f32, f32)> = cover
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].1, pair[0].1))
        .filter(|(width, _)| *width >= gutter)
        .collect();
    gaps.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
    gaps.into_iter().take(4).map(|(_, at)| at).find(|at| {
        let (left, right): (Vec<&Fragment>, Vec<&Fragment>) =
            section.iter().partition(|fragment| fragment.u1 <= *at);
        let (left, right) = (Side::of(&left), Side::of(&right));
        let shared = left.bottom.min(right.bottom) - left.top.max(right.top);
        let least = (left.bottom - left.top).min(right.bottom - right.top);
        if left.bases.len() < 3 || right.bases.len() < 3 || shared < 0.4 * least {
            return false;
        }
        let aligned = left.aligned_with(&right).max(right.aligned_with(&left));
        if aligned < 0.5 {
            left.fill.min(right.fill) >= 0.35 && left.chars.min(right.chars) >= 8.0
        } else {
            // Rows that match across the gutter are a table, unless both sides are full lines.
            left.fill.min(right.fill) >= 0.62 && left.chars.min(right.chars) >= 18.0
        }
    })
}

/// One side of a gutter.
struct Side {
    top: f32,
    bottom: f32,
    /// Baselines, with the font size on each.
    bases: Vec<(f32, f32)>,
    /// Mean share of the side's width that a line fills.
    fill: f32,
    /// Mean number of characters a line.
    chars: f32,
}

impl Side {
    fn of(fragments: &[&Fragment]) -> Self {
        let min =
            |of: fn(&Fragment) -> f32| fragments.iter().map(|f| of(f)).fold(f32::MAX, f32::min);
        let max =
            |of: fn(&Fragment) -> f32| fragments.iter().map(|f| of(f)).fold(f32::MIN, f32::max);
        let width = (max(|f| f.u1) - min(|f| f.u0)).max(1.0);
        let mut sorted: Vec<&&Fragment> = fragments.iter().collect();
        sorted.sort_by(|a, b| a.base.total_cmp(&b.base));
        let mut bases: Vec<(f32, f32)> = Vec::new();
        for fragment in sorted {
            match bases.last() {
                Some((base, size)) if fragment.base - base < 0.5 * size => {}
                _ => bases.push((fragment.base, fragment.size)),
            }
        }
        let lines = bases.len().max(1) as f32;
        let filled: f32 = fragments.iter().map(|f| f.u1 - f.u0).sum();
        let chars: usize = fragments.iter().map(|f| f.chars()).sum();
        Self {
            top: min(|f| f.v0),
            bottom: max(|f| f.v1),
            bases,
            fill: filled / lines / width,
            chars: chars as f32 / lines,
        }
    }

    /// Share of these lines that have one at the same height on the other side.
    fn aligned_with(&self, other: &Self) -> f32 {
        let aligned = self.bases.iter().filter(|(base, size)| {
            let near = other.bases.partition_point(|(b, _)| *b < base - 0.3 * size);
            other
                .bases
                .get(near)
                .is_some_and(|(b, _)| (b - base).abs() <= 0.3 * size)
        });
        aligned.count() as f32 / self.bases.len().max(1) as f32
    }
}

struct Row {
    fragments: Vec<Fragment>,
    v0: f32,
    v1: f32,
    base: f32,
    size: f32,
}

/// Fragments on one line, lines from top to bottom.
fn rows(mut leaf: Vec<Fragment>) -> Vec<Row> {
    leaf.sort_by(|a, b| a.base.total_cmp(&b.base).then(a.u0.total_cmp(&b.u0)));
    let mut rows: Vec<Row> = Vec::new();
    for fragment in leaf {
        let belongs = rows.last().is_some_and(|row| {
            let overlap = row.v1.min(fragment.v1) - row.v0.max(fragment.v0);
            let least = (row.v1 - row.v0).min(fragment.v1 - fragment.v0);
            (fragment.base - row.base).abs() <= 0.35 * fragment.size.min(row.size)
                || (overlap >= 0.6 * least
                    && fragment.size.min(row.size) < 0.8 * fragment.size.max(row.size))
        });
        match rows.last_mut() {
            Some(row) if belongs => {
                if fragment.size > row.size {
                    (row.size, row.base) = (fragment.size, fragment.base);
                }
                row.v0 = row.v0.min(fragment.v0);
                row.v1 = row.v1.max(fragment.v1);
                row.fragments.push(fragment);
            }
            _ => rows.push(Row {
                v0: fragment.v0,
                v1: fragment.v1,
                base: fragment.base,
                size: fragment.size,
                fragments: vec![fragment],
            }),
        }
    }
    rows
}

/// Rows that follow closely, in one size, make a block.
fn group(rows: Vec<Row>) -> Vec<Vec<TextLine>> {
    let gaps = rows
        .windows(2)
        .map(|pair| pair[1].base - pair[0].base)
        .filter(|gap| *gap > 0.0);
    let leading = median(gaps);
    let mut blocks: Vec<Vec<TextLine>> = Vec::new();
    let mut before: Option<(f32, f32)> = None;
    for row in rows {
        let (base, size) = (row.base, row.size);
        let follows = before.is_some_and(|(above, size_above)| {
            let step = base - above;
            let usual = leading.min(2.2 * size.max(size_above));
            step <= usual.max(1.1 * size) + 0.4 * size
                && size.max(size_above) <= 1.25 * size.min(size_above)
        });
        before = Some((base, size));
        let line = line(row);
        match blocks.last_mut() {
            Some(block) if follows => block.push(line),
            _ => blocks.push(vec![line]),
        }
    }
    blocks
}

fn line(mut row: Row) -> TextLine {
    row.fragments.sort_by(|a, b| a.u0.total_cmp(&b.u0));
    let mut text = String::new();
    let mut end: Option<(f32, bool)> = None;
    let mut bbox = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    for fragment in &row.fragments {
        if let Some((end, space)) = end {
            let gap = (fragment.u0 - end) / fragment.size;
            if gap > CELL_GAP {
                text.push('\t');
            } else if space || !(-0.3..=SPACE).contains(&gap) {
                text.push(' ');
            }
        }
        text.push_str(fragment.text.trim());
        end = Some((
            fragment.u1,
            fragment.space_pending || fragment.text.ends_with(' '),
        ));
        bbox = union(bbox, fragment.bbox);
    }
    let [x0, y0, x1, y1] = bbox.map(f64::from);
    TextLine {
        text,
        bbox: PageBox::new(x0, y0, x1, y1),
    }
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

//! Cuts a page into the regions that are read one after the other.

use super::fragments::Fragment;
use super::median;

/// Columns within columns, no deeper.
const DEPTH_MAX: u32 = 6;

/// Merged intervals, in order.
pub(super) type Cover = Vec<(f32, f32)>;

pub(super) fn cover_with(cover: &mut Cover, from: f32, to: f32) {
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
pub(super) fn cut(mut region: Vec<Fragment>, depth: u32, leaves: &mut Vec<Vec<Fragment>>) {
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

//! What blocks are: what repeats at the top and the foot of pages, titles and headings. Both are
//! seen only over the whole document.

use std::collections::{BTreeMap, BTreeSet};

use domain::BlockRole;

use super::layout::{TextBlock, TextLine};

/// A page as far as roles are concerned.
pub(super) struct Sheet<'a> {
    pub(super) height: f64,
    pub(super) blocks: &'a mut Vec<TextBlock>,
}

/// Gives the blocks of a document their roles.
pub(super) fn assign(sheets: &mut [Sheet<'_>]) {
    furniture(sheets);
    headings(sheets);
}

/// The share of a page's height in which headers stand, and footers.
const MARGIN: f64 = 0.2;

/// A line that repeats stands on this share of the pages, and on two.
const REPEATED_SHARE: usize = 3;

/// No more lines than this make a header or a footer.
const FURNITURE_LINES_MAX: usize = 8;

/// Marks lines that stand at the same place on several pages, numbers aside, outermost first.
fn furniture(sheets: &mut [Sheet<'_>]) {
    if sheets.len() < 2 {
        return;
    }
    for edge in [BlockRole::Header, BlockRole::Footer] {
        let margins: Vec<Vec<Key>> = sheets.iter().map(|sheet| margin(sheet, edge)).collect();
        let mut pages: BTreeMap<(&str, i64), usize> = BTreeMap::new();
        for keys in &margins {
            // A line may stand between two steps of height: it counts for both.
            let places: BTreeSet<(&str, i64)> = keys
                .iter()
                .flat_map(|key| {
                    [
                        (key.text.as_str(), key.step),
                        (key.text.as_str(), key.step + 1),
                    ]
                })
                .collect();
            for place in places {
                *pages.entry(place).or_default() += 1;
            }
        }
        let enough = (sheets.len().div_ceil(REPEATED_SHARE)).max(2);
        let repeated = |key: &Key| {
            [key.step, key.step + 1]
                .iter()
                .any(|step| pages.get(&(key.text.as_str(), *step)) >= Some(&enough))
        };
        let marked: Vec<BTreeSet<(usize, usize)>> = margins
            .iter()
            .map(|keys| {
                let furniture = keys.iter().take(FURNITURE_LINES_MAX);
                furniture
                    .take_while(|key| repeated(key))
                    .map(|key| (key.block, key.line))
                    .collect()
            })
            .collect();
        for (sheet, marked) in sheets.iter_mut().zip(marked) {
            if !marked.is_empty() {
                part(sheet.blocks, &marked, edge);
            }
        }
    }
}

/// A line in a margin: where it is, its text without numbers, and its height in steps.
struct Key {
    block: usize,
    line: usize,
    text: String,
    step: i64,
}

/// The lines of a margin, from the edge of the page inwards.
fn margin(sheet: &Sheet<'_>, edge: BlockRole) -> Vec<Key> {
    let mut keys: Vec<(f64, Key)> = Vec::new();
    for (b, block) in sheet.blocks.iter().enumerate() {
        if matches!(block.role, BlockRole::Table | BlockRole::Header) {
            continue;
        }
        for (l, line) in block.lines.iter().enumerate() {
            let [_, top, _, bottom] = line.bbox.points();
            let distance = match edge {
                BlockRole::Header => bottom,
                _ => sheet.height - top,
            };
            if distance <= MARGIN * sheet.height {
                let key = Key {
                    block: b,
                    line: l,
                    text: without_numbers(&line.text),
                    step: (distance / 6.0).floor() as i64,
                };
                keys.push((distance, key));
            }
        }
    }
    keys.sort_by(|a, b| a.0.total_cmp(&b.0));
    keys.into_iter().map(|(_, key)| key).collect()
}

fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

/// Puts marked lines in blocks of their own with this role.
fn part(blocks: &mut Vec<TextBlock>, marked: &BTreeSet<(usize, usize)>, role: BlockRole) {
    let mut out: Vec<TextBlock> = Vec::with_capacity(blocks.len() + 2);
    for (b, block) in std::mem::take(blocks).into_iter().enumerate() {
        let mut own: Option<BlockRole> = None;
        for (l, line) in block.lines.into_iter().enumerate() {
            let wanted = if marked.contains(&(b, l)) {
                role
            } else {
                block.role
            };
            match out.last_mut() {
                Some(last) if own == Some(wanted) => last.lines.push(line),
                _ => out.push(TextBlock {
                    role: wanted,
                    lines: vec![line],
                }),
            }
            own = Some(wanted);
        }
    }
    *blocks = out;
}

/// Text this much larger than most is a heading.
const HEADING_SIZE: f32 = 1.15;
/// And this much larger, on the first page, a title.
const TITLE_SIZE: f32 = 1.3;
/// Bold text is a heading only where most is not bold.
const BOLD_SHARE_MAX: f64 = 0.4;

/// Longer blocks are paragraphs in large print.
const HEADING_LINES_MAX: usize = 4;
const HEADING_CHARACTERS_MAX: usize = 240;

/// Marks headings: short blocks in larger or bolder print than most of the document.
fn headings(sheets: &mut [Sheet<'_>]) {
    let Some((body, bold_share)) = usual(sheets) else {
        return;
    };
    let bold_tells = bold_share <= BOLD_SHARE_MAX;
    let large = |block: &TextBlock| size(block) >= HEADING_SIZE * body;
    let is_heading = |block: &TextBlock| {
        block.role == BlockRole::Text
            && looks_like_heading(block)
            && (large(block)
                || (bold_tells
                    && size(block) >= 0.9 * body
                    && block.lines.iter().all(|line| line.bold)))
    };
    // The title is the first of the largest headings of the first page with text.
    let title = sheets
        .iter()
        .position(|sheet| !sheet.blocks.is_empty())
        .and_then(|first| {
            let blocks = sheets.get(first)?.blocks.iter().enumerate();
            let largest = blocks
                .filter(|(_, block)| is_heading(block) && size(block) >= TITLE_SIZE * body)
                .max_by(|(i, a), (j, b)| size(a).total_cmp(&size(b)).then(j.cmp(i)))?;
            Some((first, largest.0))
        });
    let top = sheets
        .iter()
        .enumerate()
        .flat_map(|(s, sheet)| {
            sheet
                .blocks
                .iter()
                .enumerate()
                .map(move |(b, block)| ((s, b), block))
        })
        .filter(|(place, block)| Some(*place) != title && is_heading(block))
        .map(|(_, block)| size(block))
        .fold(0.0, f32::max);
    for (s, sheet) in sheets.iter_mut().enumerate() {
        for (b, block) in sheet.blocks.iter_mut().enumerate() {
            if Some((s, b)) == title {
                block.role = BlockRole::Title;
            } else if is_heading(block) {
                block.role = if size(block) >= 0.93 * top {
                    BlockRole::Heading
                } else {
                    BlockRole::Subheading
                };
            }
        }
    }
}

/// The size of most of the text, and how much of it is bold.
fn usual(sheets: &[Sheet<'_>]) -> Option<(f32, f64)> {
    let mut sizes: BTreeMap<i64, usize> = BTreeMap::new();
    let (mut bold, mut all) = (0, 0);
    for line in sheets
        .iter()
        .flat_map(|sheet| sheet.blocks.iter())
        .filter(|block| !matches!(block.role, BlockRole::Header | BlockRole::Footer))
        .flat_map(|block| &block.lines)
    {
        let characters = line.text.len();
        *sizes.entry((line.size * 2.0).round() as i64).or_default() += characters;
        all += characters;
        bold += if line.bold { characters } else { 0 };
    }
    let (size, _) = sizes
        .into_iter()
        .max_by_key(|(size, count)| (*count, -*size))?;
    Some((size as f32 / 2.0, bold as f64 / all.max(1) as f64))
}

fn size(block: &TextBlock) -> f32 {
    block.lines.iter().map(|line| line.size).fold(0.0, f32::max)
}

fn looks_like_heading(block: &TextBlock) -> bool {
    if block.lines.len() > HEADING_LINES_MAX {
        return false;
    }
    let text = |line: &TextLine| line.text.chars().filter(|c| c.is_alphabetic()).count();
    let letters: usize = block.lines.iter().map(text).sum();
    let characters: usize = block
        .lines
        .iter()
        .map(|line| line.text.chars().count())
        .sum();
    let ends_like_prose = block
        .lines
        .last()
        .is_some_and(|line| line.text.ends_with([':', ';', ',', '.']) && !is_numbered(&line.text));
    (3..=HEADING_CHARACTERS_MAX).contains(&characters)
        && letters >= 3
        && letters * 2 >= characters
        && !ends_like_prose
        && !block.lines.iter().any(|line| line.text.contains('\t'))
}

/// "Article 1 :", "2. Objet."
fn is_numbered(text: &str) -> bool {
    let short = text.chars().count() <= 40;
    short && (text.starts_with("Article") || text.starts_with(|c: char| c.is_ascii_digit()))
}

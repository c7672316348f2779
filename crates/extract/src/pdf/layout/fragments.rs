//! Glyphs of one baseline, close to each other.

use super::super::bidi;
use super::super::glyphs::{Drawn, Face, Glyph, Text};
use super::super::rules::Rule;
use super::{lattice, union};

/// A gap wider than this many font sizes is a space; the space of a narrow font is 0.2.
const SPACE: f32 = 0.15;

/// As above, beyond the gap that spaced-out letters have between them.
const SPACE_IN_TRACKED: f32 = 0.12;

/// A gap wider than this ends a fragment.
const FRAGMENT_GAP: f32 = 1.0;

/// With more vertical lines than this a page is a drawing, and none of them parts words.
const PARTING_RULES_MAX: usize = 400;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    pub(super) text: String,
    /// Along the line, without spaces at the end.
    pub(super) u0: f32,
    pub(super) u1: f32,
    /// Across it.
    pub(super) v0: f32,
    pub(super) v1: f32,
    pub(super) base: f32,
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) bbox: [f32; 4],
    /// Blanks were drawn after it.
    pub(super) space_after: bool,
    /// It stands for a whole table, whose text this is.
    pub(super) table: Option<Box<lattice::Table>>,
}

impl Fragment {
    pub(super) fn chars(&self) -> usize {
        self.text.chars().count()
    }
}

/// A glyph and what is between it and the one before.
struct Joint<'a> {
    glyph: &'a Glyph,
    gap: f32,
    blank: bool,
}

/// The fragments of the text with this turn, as they were drawn. Right-to-left text is drawn in
/// either direction: where there is some, signs are taken from left to right instead.
pub(super) fn of<'a>(
    drawn: &'a Drawn,
    glyphs: impl Iterator<Item = &'a Glyph> + Clone,
    turn: u8,
) -> Vec<Fragment> {
    let glyphs = glyphs.filter(move |glyph| glyph.turn == turn);
    let rtl = glyphs.clone().any(|glyph| match &glyph.text {
        Text::Char(c) => bidi::is_rtl_char(*c),
        Text::Str(s) => bidi::is_rtl(s),
        Text::Nothing => false,
    });
    let down = if turn == 0 && drawn.rules.down.len() <= PARTING_RULES_MAX {
        drawn.rules.down.as_slice()
    } else {
        &[]
    };
    let mut builder = Builder {
        out: Vec::new(),
        joints: Vec::new(),
        end: 0.0,
        size: 0.0,
        blank: false,
        faces: &drawn.faces,
        down,
    };
    if rtl {
        from_left_to_right(glyphs.collect()).for_each(|glyph| builder.add(glyph));
    } else {
        glyphs.for_each(|glyph| builder.add(glyph));
    }
    builder.close();
    builder.out
}

/// Lines from top to bottom, the signs of each from left to right.
fn from_left_to_right(mut glyphs: Vec<&Glyph>) -> impl Iterator<Item = &Glyph> {
    glyphs.sort_by(|a, b| a.base.total_cmp(&b.base));
    let mut lines: Vec<Vec<&Glyph>> = Vec::new();
    for glyph in glyphs {
        match lines.last_mut() {
            Some(line)
                if line
                    .first()
                    .is_some_and(|first| glyph.base - first.base < 0.3 * first.size) =>
            {
                line.push(glyph);
            }
            _ => lines.push(vec![glyph]),
        }
    }
    for line in &mut lines {
        line.sort_by(|a, b| a.u0.total_cmp(&b.u0));
    }
    lines.into_iter().flatten()
}

struct Builder<'a> {
    out: Vec<Fragment>,
    /// The glyphs of the open fragment; none while it is closed.
    joints: Vec<Joint<'a>>,
    /// Where the next glyph would stand.
    end: f32,
    size: f32,
    blank: bool,
    faces: &'a [Face],
    /// Vertical lines, which part cells.
    down: &'a [Rule],
}

impl<'a> Builder<'a> {
    fn add(&mut self, glyph: &'a Glyph) {
        let blank = match &glyph.text {
            Text::Char(c) => c.is_whitespace(),
            Text::Str(s) => s.trim().is_empty(),
            Text::Nothing => false,
        };
        let Some(first) = self.joints.first() else {
            if blank {
                // A space never starts a fragment, but it separates.
                if let Some(last) = self.out.last_mut() {
                    last.space_after = true;
                }
            } else {
                self.open(glyph);
            }
            return;
        };
        let size = self.size.max(glyph.size);
        let gap = glyph.u0 - self.end;
        let lift = if accent(&glyph.text).is_some() {
            0.4
        } else {
            0.2
        };
        let follows = (glyph.base - first.glyph.base).abs() < lift * size
            && gap < FRAGMENT_GAP * size
            && gap > -0.7 * size
            && glyph.size < 1.7 * self.size
            && self.size < 1.7 * glyph.size
            && !(gap > SPACE * size && self.is_parted(glyph));
        if !follows {
            self.close();
            self.add(glyph);
        } else if blank {
            self.blank = true;
            self.end = self.end.max(glyph.u1);
        } else {
            self.joints.push(Joint {
                glyph,
                gap,
                blank: self.blank,
            });
            self.size = size;
            self.end = glyph.u1;
            self.blank = false;
        }
    }

    fn open(&mut self, glyph: &'a Glyph) {
        self.joints.push(Joint {
            glyph,
            gap: 0.0,
            blank: false,
        });
        (self.end, self.size, self.blank) = (glyph.u1, glyph.size, false);
    }

    /// Whether a line is drawn between the end of the fragment and this glyph.
    fn is_parted(&self, glyph: &Glyph) -> bool {
        let middle = glyph.base - 0.3 * glyph.size;
        self.down.iter().any(|rule| {
            self.end - 0.5 <= rule.at
                && rule.at <= glyph.u0 + 0.5
                && rule.from <= middle
                && middle <= rule.to
        })
    }

    fn close(&mut self) {
        let Some(first) = self.joints.first() else {
            return;
        };
        let space = self.space();
        let mut text = String::with_capacity(self.joints.len() + 8);
        let glyph = first.glyph;
        let mut fragment = Fragment {
            text: String::new(),
            u0: glyph.u0,
            u1: glyph.u1,
            v0: f32::MAX,
            v1: f32::MIN,
            base: glyph.base,
            size: self.size,
            bold: true,
            bbox: glyph.bbox,
            space_after: self.blank,
            table: None,
        };
        let mut before: Option<&Glyph> = None;
        for joint in &self.joints {
            let glyph = joint.glyph;
            let wide = joint.blank || joint.gap > space * glyph.size;
            if wide && !text.ends_with(' ') && !text.is_empty() {
                text.push(' ');
            }
            push(&mut text, before.filter(|_| !joint.blank), glyph);
            before = Some(glyph);
            fragment.u0 = fragment.u0.min(glyph.u0);
            fragment.u1 = fragment.u1.max(glyph.u1);
            fragment.v0 = fragment.v0.min(glyph.base - 0.8 * glyph.size);
            fragment.v1 = fragment.v1.max(glyph.base + 0.2 * glyph.size);
            fragment.bold &= self
                .faces
                .get(usize::from(glyph.font))
                .is_some_and(|face| face.bold);
            fragment.bbox = union(fragment.bbox, glyph.bbox);
        }
        self.joints.clear();
        if !text.trim().is_empty() {
            fragment.text = text;
            self.out.push(fragment);
        }
    }

    /// The gap that is a space: more where all letters are spaced out.
    fn space(&self) -> f32 {
        const JOINTS_MIN: usize = 6;
        if self.joints.len() < JOINTS_MIN {
            return SPACE;
        }
        let wide = self
            .joints
            .iter()
            .filter(|joint| joint.gap > 0.05 * joint.glyph.size)
            .count();
        if wide * 2 < self.joints.len() {
            return SPACE;
        }
        let gaps = self.joints.iter().skip(1);
        let usual = super::median(gaps.map(|joint| joint.gap / joint.glyph.size));
        SPACE.max(usual + SPACE_IN_TRACKED)
    }
}

/// Adds what a glyph stands for. An accent drawn over a letter, before or after it, becomes part
/// of it.
fn push(text: &mut String, before: Option<&Glyph>, glyph: &Glyph) {
    match (&glyph.text, before) {
        (Text::Char(letter), Some(over)) if letter.is_alphabetic() => {
            if let Some(mark) = accent(&over.text)
                && is_over(over, glyph)
            {
                while text.ends_with(' ') {
                    text.pop();
                }
                text.pop();
                text.push(undotted(*letter));
                text.push(mark);
                return;
            }
        }
        (_, Some(under)) => {
            if let Some(mark) = accent(&glyph.text)
                && is_over(glyph, under)
                && let Some(letter) = text.trim_end().chars().last()
                && letter.is_alphabetic()
            {
                text.truncate(text.trim_end().len());
                text.pop();
                text.push(undotted(letter));
                text.push(mark);
                return;
            }
        }
        _ => {}
    }
    match &glyph.text {
        // One sign for a run of characters that nobody knows.
        Text::Char('\u{fffd}') if text.ends_with('\u{fffd}') => {}
        Text::Char(c) => text.push(*c),
        Text::Str(s) => text.push_str(s),
        Text::Nothing => {}
    }
}

/// The letter as it is written with an accent.
fn undotted(letter: char) -> char {
    match letter {
        'ı' => 'i',
        'ȷ' => 'j',
        letter => letter,
    }
}

/// The combining mark of an accent that is drawn as a sign of its own.
fn accent(text: &Text) -> Option<char> {
    match text {
        Text::Char('´' | '\u{2ca}') => Some('\u{301}'),
        Text::Char('`' | '\u{2cb}') => Some('\u{300}'),
        Text::Char('ˆ' | '^') => Some('\u{302}'),
        Text::Char('¨') => Some('\u{308}'),
        Text::Char('¸') => Some('\u{327}'),
        Text::Char('˜' | '~') => Some('\u{303}'),
        Text::Char('˚') => Some('\u{30a}'),
        Text::Char('ˇ') => Some('\u{30c}'),
        Text::Char(c @ '\u{300}'..='\u{36f}') => Some(*c),
        _ => None,
    }
}

/// Whether the middle of an accent stands over a letter.
fn is_over(accent: &Glyph, letter: &Glyph) -> bool {
    let middle = (accent.u0 + accent.u1) / 2.0;
    let slack = 0.1 * letter.size;
    accent.u0 < letter.u1 - slack
        && letter.u0 < accent.u1 + slack
        && (letter.u0 - slack..=letter.u1 + slack).contains(&middle)
        && (accent.u0 - letter.u0).abs() < 0.6 * letter.size
}

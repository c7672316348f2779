//! The device the interpreter draws a page on: it keeps glyphs and their places, ruling lines, and
//! how much of the page images cover.

use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;

use hayro_interpret::font::{Glyph as FontGlyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Shape, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, RenderContent, SoftMask, interpret_page,
};
use hayro_syntax::object::Dict;
use hayro_syntax::page::Page;
use unicode_normalization::UnicodeNormalization;

use super::bidi;
use super::grid::Grid;
use super::rules::Rules;
use crate::budgets::{Budget, Budgets};

/// What a glyph stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    Char(char),
    Str(Box<str>),
    /// Part of what the glyph before stands for.
    Nothing,
}

/// One glyph, in points from the top left of the page. Its own axes are `u` along the line and `v`
/// across it, downwards, so that turned text is read like any other.
#[derive(Clone, Debug)]
pub(super) struct Glyph {
    pub(super) text: Text,
    /// Turn of the line in steps of five degrees; 0 is horizontal.
    pub(super) turn: u8,
    /// Its font, among those of the page.
    pub(super) font: u16,
    /// Start and end along the line.
    pub(super) u0: f32,
    pub(super) u1: f32,
    /// The baseline across it.
    pub(super) base: f32,
    /// Font size.
    pub(super) size: f32,
    /// The corners on the page: x0, y0, x1, y1.
    pub(super) bbox: [f32; 4],
}

/// A font of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Face {
    /// What its program is, the same over the pages of a document; 0 where that is not known.
    pub(super) key: u128,
    pub(super) bold: bool,
}

/// Everything a page holds, once drawn.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) glyphs: Vec<Glyph>,
    /// The first of them that an annotation draws.
    pub(super) annotations_from: usize,
    pub(super) faces: Vec<Face>,
    pub(super) rules: Rules,
    /// Signs that people see, and those that stand for no character or one of private use.
    pub(super) visible: usize,
    pub(super) unmapped: usize,
    pub(super) private: usize,
    /// Share of the page that images cover, at most 1.
    pub(super) images: f64,
    /// Shapes that are drawn, letters and images aside.
    pub(super) paths: usize,
}

/// Thrown through the interpreter to stop it.
pub(super) struct Stop(pub(super) Budget);

/// What was spent so far over all pages of the document.
#[derive(Clone, Copy, Default)]
pub(super) struct Spent {
    glyphs: u64,
    draws: u64,
}

/// See the module.
pub(super) struct Canvas<'b> {
    budgets: &'b Budgets,
    spent: Spent,
    width: f64,
    height: f64,
    initial: Affine,
    glyphs: Vec<Glyph>,
    annotations_from: Option<usize>,
    /// Finds letters drawn twice to look bold.
    grid: Grid,
    faces: Vec<Face>,
    codes: Codes,
    rules: Rules,
    /// Replacement text of marked content (ISO 32000-2, 14.9.4), innermost last; `None` once used.
    actual: Vec<Option<Actual>>,
    visible: usize,
    /// Glyphs that stand for no character, and for one of private use.
    unmapped: usize,
    private: usize,
    image_area: f64,
    paths: usize,
}

enum Actual {
    Pending(Box<str>),
    Used,
}

impl<'b> Canvas<'b> {
    pub(super) fn new(page: &Page, budgets: &'b Budgets, spent: Spent) -> Self {
        let (width, height) = page.render_dimensions();
        Self {
            budgets,
            spent,
            width: f64::from(width),
            height: f64::from(height),
            initial: Affine::new(page.initial_transform(true).as_coeffs()),
            glyphs: Vec::new(),
            annotations_from: None,
            grid: Grid::new(f64::from(width), f64::from(height)),
            faces: Vec::new(),
            codes: Codes::default(),
            rules: Rules::default(),
            actual: Vec::new(),
            visible: 0,
            unmapped: 0,
            private: 0,
            image_area: 0.0,
            paths: 0,
        }
    }

    /// Draws the page and its annotations. Unwinds with [`Stop`] when a budget is reached.
    pub(super) fn draw<'a>(&mut self, page: &Page<'a>, cache: &InterpreterCache<'a>) {
        for part in [RenderContent::PAGE, RenderContent::ANNOTATIONS] {
            if part == RenderContent::ANNOTATIONS {
                // Content that forgot to end what it began says nothing of annotations.
                self.actual.clear();
                self.annotations_from = Some(self.glyphs.len());
            }
            let settings = InterpreterSettings {
                render_content: part,
                ..InterpreterSettings::default()
            };
            let mut context = Context::new(
                self.initial,
                Rect::new(0.0, 0.0, self.width, self.height),
                cache,
                page.xref(),
                settings,
            );
            interpret_page(page, &mut context, self);
        }
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// What was drawn.
    pub(super) fn finish(self) -> Drawn {
        let area = (self.width * self.height).max(1.0);
        Drawn {
            annotations_from: self.annotations_from.unwrap_or(self.glyphs.len()),
            glyphs: self.glyphs,
            faces: self.faces,
            rules: self.rules,
            visible: self.visible,
            unmapped: self.unmapped,
            private: self.private,
            images: (self.image_area / area).min(1.0),
            paths: self.paths,
        }
    }

    fn spend_draw(&mut self) {
        self.spent.draws += 1;
        if self.spent.draws > self.budgets.draws {
            resume_unwind(Box::new(Stop(Budget::Draws)));
        }
    }

    fn glyph(&mut self, transform: Affine, glyph: &FontGlyph<'_>, font: u16) {
        let advance = self.codes.of(glyph).advance;
        let origin = transform * Point::ZERO;
        let along = (transform * Point::new(1000.0, 0.0)) - origin;
        let up = (transform * Point::new(0.0, 1000.0)) - origin;
        let all = [origin.x, origin.y, along.x, along.y, up.x, up.y];
        if !all.iter().all(|v| v.is_finite() && v.abs() < 1e7) {
            return;
        }
        // What is drawn outside the crop box is not on the page that people see.
        if !(-1.0..=self.width + 1.0).contains(&origin.x)
            || !(-1.0..=self.height + 1.0).contains(&origin.y)
        {
            return;
        }
        let size = up.hypot();
        let direction = match along.hypot() {
            length if length > 1e-6 => along / length,
            _ => Vec2::new(1.0, 0.0),
        };
        if size < 1e-3 {
            return;
        }
        self.spent.glyphs += 1;
        if self.spent.glyphs > self.budgets.glyphs {
            resume_unwind(Box::new(Stop(Budget::Glyphs)));
        }

        let end = along * (advance / 1000.0);
        let corners = [
            origin + up * -0.2,
            origin + up * 0.8,
            origin + end + up * -0.2,
            origin + end + up * 0.8,
        ];
        let mut area = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        for corner in corners {
            area[0] = area[0].min(corner.x);
            area[1] = area[1].min(corner.y);
            area[2] = area[2].max(corner.x);
            area[3] = area[3].max(corner.y);
        }
        // What hangs over the edge of the page is not on it.
        let (width, height) = (self.width, self.height);
        let bbox = [
            area[0].clamp(0.0, width) as f32,
            area[1].clamp(0.0, height) as f32,
            area[2].clamp(0.0, width) as f32,
            area[3].clamp(0.0, height) as f32,
        ];
        let turn = turn(direction);
        let u0 = origin.x * direction.x + origin.y * direction.y;
        let base = origin.y * direction.x - origin.x * direction.y;
        let text = self.text_of(glyph);
        let kept = Glyph {
            text,
            turn,
            font,
            u0: u0 as f32,
            u1: (u0 + end.hypot() * advance.signum()) as f32,
            base: base as f32,
            size: size as f32,
            bbox,
        };
        if !self.is_repeated(&kept, origin) {
            self.glyphs.push(kept);
        }
    }

    /// The number of a run's font on this page.
    fn font_of(&mut self, run: &GlyphRun<'_, '_>) -> u16 {
        let key = match run.glyphs().first().map(|glyph| &**glyph) {
            Some(FontGlyph::Outline(glyph)) => {
                let mut program = ProgramKey::default();
                glyph.identifier().hash(&mut program);
                program.0
            }
            _ => 0,
        };
        // Text stays in one font for a while.
        if let Some(at) = self.faces.iter().rposition(|face| face.key == key) {
            return at as u16;
        }
        let bold = match run.glyphs().first().map(|glyph| &**glyph) {
            Some(FontGlyph::Outline(glyph)) => glyph.font_data().is_some_and(|font| {
                let name = font.postscript_name.unwrap_or_default();
                font.weight.is_some_and(|weight| weight >= 600)
                    || ["Bold", "bold", "Black", "Heavy", "Demi"]
                        .iter()
                        .any(|word| name.contains(word))
            }),
            _ => false,
        };
        if self.faces.len() < FACES_MAX {
            self.faces.push(Face { key, bold });
        }
        (self.faces.len() - 1) as u16
    }

    fn text_of(&mut self, glyph: &FontGlyph<'_>) -> Text {
        if let Some(Some(actual)) = self.actual.iter_mut().rev().find(|actual| actual.is_some()) {
            self.visible += 1;
            return match std::mem::replace(actual, Actual::Used) {
                Actual::Pending(text) => Text::Str(text),
                Actual::Used => Text::Nothing,
            };
        }
        let text = self.codes.of(glyph).text.clone();
        match &text {
            Text::Char(c) if c.is_whitespace() => {}
            Text::Char('\u{fffd}') => {
                self.visible += 1;
                self.unmapped += 1;
            }
            Text::Nothing => self.private += 1,
            _ => self.visible += 1,
        }
        text
    }

    /// The same letter within a tenth of its size of one drawn before.
    fn is_repeated(&mut self, glyph: &Glyph, origin: Point) -> bool {
        if matches!(&glyph.text, Text::Char(c) if c.is_whitespace()) {
            return false;
        }
        let near = glyph.size * 0.1;
        let glyphs = &self.glyphs;
        let same = |at: u32| {
            glyphs.get(at as usize).is_some_and(|other| {
                (other.u0 - glyph.u0).abs() < near
                    && (other.base - glyph.base).abs() < near
                    && (other.size - glyph.size).abs() < near
                    && other.turn == glyph.turn
                    && other.text == glyph.text
            })
        };
        self.grid
            .find_or_add(origin, f64::from(near), glyphs.len() as u32, same)
    }
}

/// More fonts than this on one page share the last number.
const FACES_MAX: usize = 1_000;

/// Takes the program out of a glyph's identity, which begins with it.
#[derive(Default)]
struct ProgramKey(u128);

impl Hasher for ProgramKey {
    fn finish(&self) -> u64 {
        self.0 as u64
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, key: u128) {
        self.0 = key;
    }
}

/// The turn of a line in steps of five degrees.
fn turn(direction: Vec2) -> u8 {
    if direction.x > 0.0 && direction.y.abs() < 0.04 {
        return 0;
    }
    let degrees = direction
        .y
        .atan2(direction.x)
        .to_degrees()
        .rem_euclid(360.0);
    ((degrees / 5.0).round() as i64).rem_euclid(72) as u8
}

/// What the codes of a run stand for. Asking the font means looking names up in tables, and a line
/// says most of its letters several times. Only one run: nothing tells the fonts of two apart.
struct Codes {
    run: u32,
    /// By the last byte of the code.
    known: Vec<Option<Known>>,
}

struct Known {
    run: u32,
    code: u32,
    text: Text,
    /// In thousandths of the font size.
    advance: f64,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            run: 0,
            known: std::iter::repeat_with(|| None).take(256).collect(),
        }
    }
}

impl Codes {
    fn begin_run(&mut self) {
        self.run = self.run.wrapping_add(1);
    }

    fn of(&mut self, glyph: &FontGlyph<'_>) -> &Known {
        let (run, code) = (self.run, glyph.char_code());
        let slot = &mut self.known[usize::from(code as u8)];
        let fresh = slot
            .as_ref()
            .is_some_and(|known| known.run == run && known.code == code);
        if !fresh {
            *slot = None;
        }
        slot.get_or_insert_with(|| {
            let advance = match glyph {
                FontGlyph::Outline(glyph) => glyph.advance_width(),
                FontGlyph::Type3(glyph) => glyph.advance_width(),
            };
            Known {
                run,
                code,
                text: said(glyph),
                advance: f64::from(advance.unwrap_or(500.0).clamp(-10_000.0, 10_000.0)),
            }
        })
    }
}

/// What a glyph stands for, by its font.
fn said(glyph: &FontGlyph<'_>) -> Text {
    match glyph.as_unicode() {
        Some(BfString::Char(c)) => plain(c),
        Some(BfString::String(s)) => {
            let mut out = String::with_capacity(s.len());
            for c in s.chars() {
                match plain(c) {
                    Text::Char(c) => out.push(c),
                    Text::Str(s) => out.push_str(&s),
                    Text::Nothing => {}
                }
            }
            let mut chars = out.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Text::Char(c),
                (None, _) => Text::Nothing,
                _ if bidi::is_rtl(&out) => Text::Str(out.chars().rev().collect()),
                _ => Text::Str(out.into()),
            }
        }
        None if glyph.char_code() == 32 => Text::Char(' '),
        None => Text::Char('\u{fffd}'),
    }
}

/// What a character is in plain text: ligatures in letters, no private codes.
fn plain(c: char) -> Text {
    match c {
        '\u{fb00}' => Text::Str("ff".into()),
        '\u{fb01}' => Text::Str("fi".into()),
        '\u{fb02}' => Text::Str("fl".into()),
        '\u{fb03}' => Text::Str("ffi".into()),
        '\u{fb04}' => Text::Str("ffl".into()),
        '\u{fb05}' | '\u{fb06}' => Text::Str("st".into()),
        // Soft hyphens are drawn where the line breaks.
        '\u{ad}' => Text::Char('-'),
        // The bullets of the Symbol and Wingdings fonts.
        '\u{f0b7}' | '\u{f0a7}' | '\u{f076}' | '\u{f0d8}' | '\u{f0fc}' => Text::Char('•'),
        // Its boxes.
        '\u{f0fe}' => Text::Char('☑'),
        '\u{f0fd}' => Text::Char('☒'),
        '\u{f0a8}' => Text::Char('☐'),
        '\u{e000}'..='\u{f8ff}' => Text::Nothing,
        // The shapes of Arabic letters in a word. Signs are in the order of the page here.
        '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => {
            let letters: Vec<char> = std::iter::once(c).nfkc().collect();
            match letters.as_slice() {
                [letter] => Text::Char(*letter),
                letters => Text::Str(letters.iter().rev().collect::<String>().into()),
            }
        }
        c if c.is_whitespace() || c.is_control() => Text::Char(' '),
        c => Text::Char(c),
    }
}

impl<'a> Device<'a> for Canvas<'_> {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.spend_draw();
        self.paths += 1;
        // A curve, or a drawing of many lines, rules nothing.
        if !self.rules.is_full() && path.elements().len() <= 64 {
            let filled = matches!(mode, DrawMode::Fill(_));
            if filled {
                self.rules.add_rect(
                    props.transform.transform_rect_bbox(path.bounding_box()),
                    true,
                );
            } else {
                self.rules.add_path(path, props.transform);
            }
        }
    }

    fn push_clip_path(&mut self, _: &ClipPath) {
        self.spend_draw();
    }

    fn push_clip_rect(&mut self, _: &Rect) {
        self.spend_draw();
    }

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {
        self.spend_draw();
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        self.spend_draw();
        if run.glyphs().is_empty() {
            return;
        }
        let font = self.font_of(run);
        self.codes.begin_run();
        for glyph in run.glyphs() {
            self.glyph(props.transform * glyph.transform(), glyph, font);
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.spend_draw();
        let _ = image;
        let shown = props
            .transform
            .transform_rect_bbox(Rect::new(
                0.0,
                0.0,
                f64::from(image.width()),
                f64::from(image.height()),
            ))
            .intersect(Rect::new(0.0, 0.0, self.width, self.height));
        let area = shown.area();
        if area.is_finite() {
            self.image_area += area;
        }
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}

    fn draw_rect(&mut self, rect: &Rect, props: DrawProps<'a>, mode: &DrawMode) {
        self.spend_draw();
        self.paths += 1;
        let filled = matches!(mode, DrawMode::Fill(_));
        self.rules
            .add_rect(props.transform.transform_rect_bbox(*rect), filled);
    }

    fn begin_marked_content(&mut self, _: &[u8], properties: Option<&Dict<'_>>) {
        self.spend_draw();
        let actual = properties
            .and_then(|properties| properties.get::<hayro_syntax::object::String>(b"ActualText"))
            .map(|text| super::strings::text(&text))
            // A long replacement is a whole paragraph, whose lines would be lost.
            .filter(|text| text.chars().count() <= 16);
        self.actual
            .push(actual.map(|text| Actual::Pending(text.into())));
    }

    fn end_marked_content(&mut self) {
        self.actual.pop();
    }
}

//! The device the interpreter draws a page on: it keeps glyphs and their places, and nothing else.

use std::collections::HashMap;
use std::panic::resume_unwind;

use hayro_interpret::font::{Glyph as FontGlyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, SoftMask, interpret_page,
};
use hayro_syntax::object::Dict;
use hayro_syntax::page::Page;

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
    /// For each cell of a grid, the glyphs whose origin lies in it: finds letters drawn twice to
    /// look bold. Only looked up, never iterated.
    cells: HashMap<(u8, i32, i32), Vec<u32>>,
    /// Replacement text of marked content (ISO 32000-2, 14.9.4), innermost last; `None` once used.
    actual: Vec<Option<Actual>>,
    visible: usize,
    /// Glyphs that stand for no character, and for one of private use.
    unmapped: usize,
    private: usize,
    image_area: f64,
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
            cells: HashMap::new(),
            actual: Vec::new(),
            visible: 0,
            unmapped: 0,
            private: 0,
            image_area: 0.0,
        }
    }

    /// Draws the page and its annotations. Unwinds with [`Stop`] when a budget is reached.
    pub(super) fn draw<'a>(&mut self, page: &Page<'a>, cache: &InterpreterCache<'a>) {
        let mut context = Context::new(
            self.initial,
            Rect::new(0.0, 0.0, self.width, self.height),
            cache,
            page.xref(),
            InterpreterSettings::default(),
        );
        interpret_page(page, &mut context, self);
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// Nothing to read but an image.
    pub(super) fn is_image_only(&self) -> bool {
        self.visible == 0 && self.image_area > 0.0
    }

    /// Enough glyphs have no character for something to be missing: what was filled into a form
    /// may use another font than the form. Pictograms of private use are no loss unless they
    /// prevail.
    pub(super) fn is_unmapped(&self) -> bool {
        let all = self.visible + self.private;
        (self.unmapped >= 20 && self.unmapped * 20 > all)
            || (self.private >= 20 && self.private * 10 > all * 3)
    }

    pub(super) fn into_glyphs(self) -> Vec<Glyph> {
        self.glyphs
    }

    fn spend_draw(&mut self) {
        self.spent.draws += 1;
        if self.spent.draws > self.budgets.draws {
            resume_unwind(Box::new(Stop(Budget::Draws)));
        }
    }

    fn glyph(&mut self, transform: Affine, glyph: &FontGlyph<'_>) {
        let advance = match glyph {
            FontGlyph::Outline(glyph) => glyph.advance_width(),
            FontGlyph::Type3(glyph) => glyph.advance_width(),
        };
        let advance = f64::from(advance.unwrap_or(500.0).clamp(-10_000.0, 10_000.0));
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
        let fold = |f: fn(f64, f64) -> f64, of: fn(&Point) -> f64| {
            corners.iter().map(of).reduce(f).unwrap_or_default() as f32
        };
        let bbox = [
            fold(f64::min, |p| p.x),
            fold(f64::min, |p| p.y),
            fold(f64::max, |p| p.x),
            fold(f64::max, |p| p.y),
        ];
        let degrees = direction
            .y
            .atan2(direction.x)
            .to_degrees()
            .rem_euclid(360.0);
        let turn = ((degrees / 5.0).round() as i64).rem_euclid(72) as u8;
        let u0 = origin.x * direction.x + origin.y * direction.y;
        let base = origin.y * direction.x - origin.x * direction.y;
        let text = self.text_of(glyph);
        let kept = Glyph {
            text,
            turn,
            u0: u0 as f32,
            u1: (u0 + end.hypot() * advance.signum()) as f32,
            base: base as f32,
            size: size as f32,
            bbox,
        };
        if !self.is_repeated(&kept) {
            self.glyphs.push(kept);
        }
    }

    fn text_of(&mut self, glyph: &FontGlyph<'_>) -> Text {
        if let Some(Some(actual)) = self.actual.iter_mut().rev().find(|actual| actual.is_some()) {
            self.visible += 1;
            return match std::mem::replace(actual, Actual::Used) {
                Actual::Pending(text) => Text::Str(text),
                Actual::Used => Text::Nothing,
            };
        }
        let text = match glyph.as_unicode() {
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
                    _ => Text::Str(out.into()),
                }
            }
            None if glyph.char_code() == 32 => Text::Char(' '),
            None => Text::Char('\u{fffd}'),
        };
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
    fn is_repeated(&mut self, glyph: &Glyph) -> bool {
        if matches!(&glyph.text, Text::Char(c) if c.is_whitespace()) {
            return false;
        }
        let step = 2.0f32;
        let (column, row) = ((glyph.u0 / step) as i32, (glyph.base / step) as i32);
        let near = glyph.size * 0.1;
        let same = |other: &Glyph| {
            other.text == glyph.text
                && (other.u0 - glyph.u0).abs() < near
                && (other.base - glyph.base).abs() < near
                && (other.size - glyph.size).abs() < near
        };
        for c in column - 1..=column + 1 {
            for r in row - 1..=row + 1 {
                if let Some(cell) = self.cells.get(&(glyph.turn, c, r))
                    && cell.iter().any(|i| same(&self.glyphs[*i as usize]))
                {
                    return true;
                }
            }
        }
        let cell = self.cells.entry((glyph.turn, column, row)).or_default();
        // A page that draws thousands of letters on one spot is not worth comparing them all.
        if cell.len() < 64 {
            cell.push(self.glyphs.len() as u32);
        }
        false
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
        '\u{e000}'..='\u{f8ff}' => Text::Nothing,
        c if c.is_whitespace() || c.is_control() => Text::Char(' '),
        c => Text::Char(c),
    }
}

impl<'a> Device<'a> for Canvas<'_> {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {
        self.spend_draw();
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
        for glyph in run.glyphs() {
            self.glyph(props.transform * glyph.transform(), glyph);
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.spend_draw();
        let _ = image;
        let [a, b, c, d, ..] = props.transform.as_coeffs();
        let area = (a * d - b * c).abs();
        if area.is_finite() {
            self.image_area += area;
        }
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}

    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {
        self.spend_draw();
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

//! The straight lines of a page, which frame tables and cells.

use hayro_interpret::kurbo::{Affine, BezPath, PathEl, Point, Rect};

/// Thicker than this, a filled rectangle is a surface and not a line.
const THICKNESS_MAX: f64 = 3.0;

/// Shorter than this, a line is part of a letter or a drawing.
const LENGTH_MIN: f64 = 5.0;

/// How wide and high the lines of a cross are.
const SLANT: std::ops::RangeInclusive<f64> = 2.0..=18.0;

/// A page with more lines is a drawing.
const RULES_MAX: usize = 4_000;

/// One line, in points from the top left of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    /// Its height if it is horizontal, else its distance from the left.
    pub(super) at: f32,
    pub(super) from: f32,
    pub(super) to: f32,
}

/// The lines of a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) across: Vec<Rule>,
    pub(super) down: Vec<Rule>,
    /// The boxes of short lines that are neither, as crosses and ticks have.
    pub(super) slants: Vec<[f32; 4]>,
}

impl Rules {
    /// Whether no more are kept.
    pub(super) fn is_full(&self) -> bool {
        self.across.len() + self.down.len() + self.slants.len() >= RULES_MAX
    }

    /// Adds a rectangle: the line that it is if it is thin, its sides if only they are drawn.
    pub(super) fn add_rect(&mut self, rect: Rect, filled: bool) {
        let (width, height) = (rect.width(), rect.height());
        let center = rect.center();
        if height <= THICKNESS_MAX {
            self.add(Point::new(rect.x0, center.y), Point::new(rect.x1, center.y));
        } else if width <= THICKNESS_MAX {
            self.add(Point::new(center.x, rect.y0), Point::new(center.x, rect.y1));
        } else if !filled {
            let corners = [
                Point::new(rect.x0, rect.y0),
                Point::new(rect.x1, rect.y0),
                Point::new(rect.x1, rect.y1),
                Point::new(rect.x0, rect.y1),
            ];
            for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                self.add(*from, *to);
            }
        }
    }

    /// Adds the straight parts of a path that is drawn as lines.
    pub(super) fn add_path(&mut self, path: &BezPath, transform: Affine) {
        let (mut start, mut here) = (Point::ZERO, Point::ZERO);
        for element in path.elements() {
            match *element {
                PathEl::MoveTo(to) => {
                    here = transform * to;
                    start = here;
                }
                PathEl::LineTo(to) => {
                    let to = transform * to;
                    self.add(here, to);
                    here = to;
                }
                PathEl::QuadTo(_, to) | PathEl::CurveTo(_, _, to) => here = transform * to,
                PathEl::ClosePath => {
                    self.add(here, start);
                    here = start;
                }
            }
        }
    }

    fn add(&mut self, from: Point, to: Point) {
        let finite = [from.x, from.y, to.x, to.y].iter().all(|v| v.is_finite());
        if self.is_full() || !finite {
            return;
        }
        let (dx, dy) = ((to.x - from.x).abs(), (to.y - from.y).abs());
        if dx >= LENGTH_MIN && dy < 0.5 {
            self.across.push(Rule {
                at: ((from.y + to.y) / 2.0) as f32,
                from: from.x.min(to.x) as f32,
                to: from.x.max(to.x) as f32,
            });
        } else if dy >= LENGTH_MIN && dx < 0.5 {
            self.down.push(Rule {
                at: ((from.x + to.x) / 2.0) as f32,
                from: from.y.min(to.y) as f32,
                to: from.y.max(to.y) as f32,
            });
        } else if SLANT.contains(&dx) && SLANT.contains(&dy) {
            self.slants.push([
                from.x.min(to.x) as f32,
                from.y.min(to.y) as f32,
                from.x.max(to.x) as f32,
                from.y.max(to.y) as f32,
            ]);
        }
    }
}

//! Finds what was drawn close to a point of a page.

use hayro_interpret::kurbo::Point;

/// No more cells than this along a side.
const SIDE_MAX: usize = 128;

/// A page that draws thousands of letters on one spot is not worth comparing them all.
const COMPARED_MAX: usize = 64;

const NONE: u32 = u32::MAX;

/// For each cell of a grid over the page, a chain of the numbers added there.
pub(super) struct Grid {
    columns: usize,
    rows: usize,
    /// Cells a point.
    scale: f64,
    heads: Vec<u32>,
    /// What was added before in the same cell, by number.
    chain: Vec<u32>,
}

impl Grid {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let cell = (width.max(height) / SIDE_MAX as f64).max(8.0);
        let side = |length: f64| ((length / cell) as usize + 1).min(SIDE_MAX + 1);
        let (columns, rows) = (side(width), side(height));
        Self {
            columns,
            rows,
            scale: 1.0 / cell,
            heads: vec![NONE; columns * rows],
            chain: Vec::new(),
        }
    }

    /// Whether something within `near` of this point is the `same`; else adds this number, which
    /// is that of the next one.
    pub(super) fn find_or_add(
        &mut self,
        at: Point,
        near: f64,
        number: u32,
        same: impl Fn(u32) -> bool,
    ) -> bool {
        let columns = self.column(at.x - near)..=self.column(at.x + near);
        let rows = self.row(at.y - near)..=self.row(at.y + near);
        for row in rows {
            for column in columns.clone() {
                let mut next = self.heads[row * self.columns + column];
                let mut left = COMPARED_MAX;
                while next != NONE && left > 0 {
                    if same(next) {
                        return true;
                    }
                    next = self.chain.get(next as usize).copied().unwrap_or(NONE);
                    left -= 1;
                }
            }
        }
        let home = self.row(at.y) * self.columns + self.column(at.x);
        let before = std::mem::replace(&mut self.heads[home], number);
        // Numbers that never came here have no chain.
        self.chain.resize(number as usize, NONE);
        self.chain.push(before);
        false
    }

    fn column(&self, x: f64) -> usize {
        ((x * self.scale).max(0.0) as usize).min(self.columns - 1)
    }

    fn row(&self, y: f64) -> usize {
        ((y * self.scale).max(0.0) as usize).min(self.rows - 1)
    }
}

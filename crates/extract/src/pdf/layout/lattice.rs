//! Tables whose cells are framed by lines.

use super::super::rules::{Rule, Rules};
use super::fragments::Fragment;
use super::{lines, median, tables, union};

/// Lines closer than this are one.
const NEAR: f32 = 3.0;

/// More columns than this are the boxes of a form, one for each letter.
const COLUMNS_MAX: usize = 24;

/// More rows than this on a page are a drawing.
const ROWS_MAX: usize = 200;

/// A page with more crossings to try is a drawing.
const CROSSINGS_MAX: usize = 400_000;

/// A cell of more characters is a frame around a text.
const CELL_CHARACTERS_MAX: usize = 900;

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Cells>,
    pub(super) columns: usize,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    /// One for each column.
    pub(super) texts: Vec<String>,
    pub(super) bbox: [f32; 4],
}

/// Takes the fragments of each framed table out and puts one that stands for it in their place.
pub(super) fn take(mut fragments: Vec<Fragment>, rules: &Rules) -> Vec<Fragment> {
    for grid in grids(rules) {
        let [x0, y0, x1, y1] = grid.bbox();
        let (inside, outside): (Vec<_>, Vec<_>) = fragments.into_iter().partition(|fragment| {
            let (x, y) = (
                (fragment.u0 + fragment.u1) / 2.0,
                fragment.base - 0.3 * fragment.size,
            );
            fragment.table.is_none() && (x0..=x1).contains(&x) && (y0..=y1).contains(&y)
        });
        fragments = outside;
        match grid.table(&inside) {
            Some(table) => fragments.push(stand_in(table, &inside)),
            None => fragments.extend(inside),
        }
    }
    fragments
}

fn stand_in(table: Table, inside: &[Fragment]) -> Fragment {
    let bbox = inside
        .iter()
        .map(|f| f.bbox)
        .reduce(union)
        .unwrap_or_default();
    let size = median(inside.iter().map(|f| f.size));
    Fragment {
        // Only its length is asked for.
        text: table
            .rows
            .iter()
            .flat_map(|row| &row.texts)
            .map(String::as_str)
            .collect(),
        u0: bbox[0],
        u1: bbox[2],
        v0: bbox[1],
        v1: bbox[3],
        base: bbox[3],
        size,
        bold: false,
        bbox,
        space_after: true,
        table: Some(Box::new(table)),
    }
}

/// Lines that touch one another and make a regular grid.
struct Grid {
    xs: Vec<f32>,
    ys: Vec<f32>,
    across: Vec<Rule>,
    down: Vec<Rule>,
}

fn grids(rules: &Rules) -> Vec<Grid> {
    let (across, down) = (merged(&rules.across), merged(&rules.down));
    if across.len() < 2 || down.len() < 3 || across.len() * down.len() > CROSSINGS_MAX {
        return Vec::new();
    }
    // Groups of lines that touch: each vertical line joins the groups of those it meets.
    let mut group: Vec<usize> = (0..across.len()).collect();
    let mut met: Vec<Option<usize>> = vec![None; down.len()];
    for (v, line) in down.iter().enumerate() {
        for (h, other) in across.iter().enumerate() {
            if !touches(line, other) {
                continue;
            }
            let root = root(&group, h);
            match met[v] {
                None => met[v] = Some(root),
                Some(first) => {
                    let first = self::root(&group, first);
                    group[root.max(first)] = root.min(first);
                }
            }
        }
    }
    let mut roots: Vec<usize> = (0..across.len()).map(|h| root(&group, h)).collect();
    let of_across = roots.clone();
    roots.sort_unstable();
    roots.dedup();
    roots
        .into_iter()
        .filter_map(|wanted| {
            let across: Vec<Rule> = across
                .iter()
                .zip(&of_across)
                .filter(|(_, own)| **own == wanted)
                .map(|(rule, _)| *rule)
                .collect();
            let down: Vec<Rule> = down
                .iter()
                .zip(&met)
                .filter(|(_, own)| own.is_some_and(|own| root(&group, own) == wanted))
                .map(|(rule, _)| *rule)
                .collect();
            Grid::of(across, down)
        })
        .collect()
}

fn root(group: &[usize], mut at: usize) -> usize {
    while group[at] != at {
        at = group[at];
    }
    at
}

fn touches(down: &Rule, across: &Rule) -> bool {
    across.from - NEAR <= down.at
        && down.at <= across.to + NEAR
        && down.from - NEAR <= across.at
        && across.at <= down.to + NEAR
}

/// Pieces of one line put together.
fn merged(rules: &[Rule]) -> Vec<Rule> {
    let mut sorted = rules.to_vec();
    sorted.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.from.total_cmp(&b.from)));
    // Lines of about the same place, put in order along it.
    let mut lanes: Vec<Vec<Rule>> = Vec::new();
    for rule in sorted {
        match lanes.last_mut() {
            Some(lane) if lane.first().is_some_and(|first| rule.at - first.at <= NEAR) => {
                lane.push(rule);
            }
            _ => lanes.push(vec![rule]),
        }
    }
    let mut out: Vec<Rule> = Vec::new();
    for mut lane in lanes {
        lane.sort_by(|a, b| a.from.total_cmp(&b.from));
        let mut open: Option<Rule> = None;
        for rule in lane {
            match &mut open {
                Some(open) if rule.from <= open.to + NEAR => open.to = open.to.max(rule.to),
                _ => out.extend(open.replace(rule)),
            }
        }
        out.extend(open);
    }
    out
}

/// Distinct places, in order.
fn places(rules: &[Rule]) -> Vec<f32> {
    let mut places: Vec<f32> = rules.iter().map(|rule| rule.at).collect();
    places.sort_by(f32::total_cmp);
    places.dedup_by(|a, b| *a - *b <= NEAR);
    places
}

impl Grid {
    fn of(across: Vec<Rule>, down: Vec<Rule>) -> Option<Self> {
        let (xs, ys) = (places(&down), places(&across));
        if !(3..=COLUMNS_MAX + 1).contains(&xs.len()) || !(2..=ROWS_MAX + 1).contains(&ys.len()) {
            return None;
        }
        let grid = Self {
            xs,
            ys,
            across,
            down,
        };
        let [x0, y0, x1, y1] = grid.bbox();
        let length = |rules: &[Rule]| rules.iter().map(|r| r.to - r.from).sum::<f32>();
        let regular = length(&grid.down) >= 0.6 * grid.xs.len() as f32 * (y1 - y0)
            && length(&grid.across) >= 0.5 * grid.ys.len() as f32 * (x1 - x0);
        regular.then_some(grid)
    }

    fn bbox(&self) -> [f32; 4] {
        let ends = |places: &[f32]| {
            (
                places.first().copied().unwrap_or_default(),
                places.last().copied().unwrap_or_default(),
            )
        };
        let ((x0, x1), (y0, y1)) = (ends(&self.xs), ends(&self.ys));
        [x0, y0, x1, y1]
    }

    /// The fragments put into their cells; `None` when what is there is no table.
    fn table(&self, inside: &[Fragment]) -> Option<Table> {
        let (columns, rows) = (self.xs.len() - 1, self.ys.len() - 1);
        let mut cells: Vec<Vec<Fragment>> = vec![Vec::new(); columns * rows];
        for fragment in inside {
            let (row, column) = self.cell_of(fragment);
            cells[row * columns + column].push(fragment.clone());
        }
        let used: Vec<usize> = (0..columns)
            .filter(|column| (0..rows).any(|row| !cells[row * columns + column].is_empty()))
            .collect();
        let mut out = Vec::new();
        for row in cells.chunks(columns) {
            let bbox = row.iter().flatten().map(|f| f.bbox).reduce(union);
            let Some(bbox) = bbox else { continue };
            let texts: Vec<String> = used
                .iter()
                .map(|column| text(row[*column].clone()))
                .collect();
            if texts
                .iter()
                .any(|text| text.chars().count() > CELL_CHARACTERS_MAX)
            {
                return None;
            }
            out.push(Cells { texts, bbox });
        }
        let filled = |row: &Cells| row.texts.iter().filter(|text| !text.is_empty()).count();
        let several = out.iter().filter(|row| filled(row) > 1).count();
        let is_table = match out.as_slice() {
            // The rest of a table from the page before, and not the boxes of a form, one a letter.
            [row] => {
                let characters: usize = row.texts.iter().map(|text| text.chars().count()).sum();
                filled(row) >= 3 && characters >= 4 * filled(row)
            }
            _ => several >= 2 && several * 5 >= out.len() * 2,
        };
        is_table.then_some(Table {
            rows: out,
            columns: used.len(),
        })
    }

    /// The row and column of a fragment. Where no line is drawn between two cells they are one,
    /// named by its first.
    fn cell_of(&self, fragment: &Fragment) -> (usize, usize) {
        let index = |places: &[f32], at: f32| {
            places
                .partition_point(|place| *place <= at)
                .clamp(1, places.len() - 1)
                - 1
        };
        let x = fragment.u0 + (fragment.u1 - fragment.u0).min(4.0) / 2.0;
        let y = fragment.base - 0.3 * fragment.size;
        let (mut row, mut column) = (index(&self.ys, y), index(&self.xs, x));
        while row > 0 && !is_drawn(&self.across, self.ys[row], x) {
            row -= 1;
        }
        while column > 0 && !is_drawn(&self.down, self.xs[column], y) {
            column -= 1;
        }
        (row, column)
    }
}

/// Whether a line at this place passes here.
fn is_drawn(rules: &[Rule], place: f32, here: f32) -> bool {
    rules.iter().any(|rule| {
        (rule.at - place).abs() <= NEAR && rule.from - NEAR <= here && here <= rule.to + NEAR
    })
}

/// The lines of a cell put together.
fn text(cell: Vec<Fragment>) -> String {
    let mut lines: Vec<_> = lines::rows(cell).iter().map(lines::line).collect();
    lines::join_hyphens(&mut lines);
    let mut out = String::new();
    for line in lines {
        tables::add(&mut out, &line.text.replace('\t', " "));
    }
    out
}

//! Whether a page image lies on its side, and by how much it is askew.
//!
//! Lines of text make the rows of an upright page unequal: dark where letters are, light between.
//! The angle at which the rows differ most is the angle of the lines (projection profiles, as in
//! Postl, "Detection of linear oblique structures and skew scan in digitized documents", 1986).
//! Upside down looks the same: only recognition tells.

use super::image::GreyImage;

/// Pages are looked at in about this many pixels across.
const WIDTH_LOOKED_AT: usize = 900;

/// Skew is sought up to this many tenths of a degree either way.
const SKEW_TENTHS_MAX: i32 = 100;

/// Less ink says nothing.
const INK_MIN: usize = 400;

/// How a page lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lie {
    /// Quarter turns, clockwise, after which lines are level: 0 or 1.
    pub(super) quarters: u8,
    /// Further turn, clockwise, in tenths of a degree, after which they are straight.
    pub(super) tenths: i32,
}

/// How the page lies.
pub(super) fn lie(page: &GreyImage) -> Lie {
    let small = page.reduced((page.width().max(page.height()) / WIDTH_LOOKED_AT).max(1));
    let level = small.threshold();
    let mut ink: Vec<(f32, f32)> = Vec::new();
    for (y, row) in small.rows().enumerate() {
        let dark = row.iter().enumerate().filter(|(_, pixel)| **pixel <= level);
        ink.extend(dark.map(|(x, _)| (x as f32, y as f32)));
    }
    // A dark photograph or a black page has no lines to go by.
    if ink.len() < INK_MIN || ink.len() * 2 > small.pixels().len() {
        return Lie::default();
    }
    let size = small.width() + small.height();
    let (upright, upright_sharp) = best_angle(&ink, size);
    let sideways: Vec<(f32, f32)> = ink.iter().map(|(x, y)| (-y, *x)).collect();
    let (turned, turned_sharp) = best_angle(&sideways, size);
    // Upright unless the other is clearly sharper: rules and columns make both sharp.
    if turned_sharp > upright_sharp * 1.3 {
        Lie {
            quarters: 1,
            tenths: turned,
        }
    } else {
        Lie {
            quarters: 0,
            tenths: upright,
        }
    }
}

/// The clockwise turn in tenths of a degree at which rows differ most, and how much they do.
fn best_angle(ink: &[(f32, f32)], size: usize) -> (i32, f64) {
    let mut rows = vec![0u32; 2 * size + 1];
    let mut sharpness = |tenths: i32| {
        let (sin, cos) = (f64::from(tenths) / 10.0).to_radians().sin_cos();
        let (sin, cos) = (sin as f32, cos as f32);
        rows.fill(0);
        for (x, y) in ink {
            let row = (x * sin + y * cos) as isize + size as isize;
            if let Some(count) = usize::try_from(row).ok().and_then(|row| rows.get_mut(row)) {
                *count += 1;
            }
        }
        rows.windows(2)
            .map(|pair| (f64::from(pair[0]) - f64::from(pair[1])).powi(2))
            .sum::<f64>()
    };
    let mut best = (0, sharpness(0));
    for step in [10, 2, 1] {
        let (around, reach) = match step {
            10 => (0, SKEW_TENTHS_MAX),
            2 => (best.0, 10),
            _ => (best.0, 2),
        };
        for tenths in (around - reach..=around + reach).step_by(step) {
            let sharp = sharpness(tenths);
            // Strictly better: of equals, the one nearest to the start of the search stays.
            if sharp > best.1 {
                best = (tenths, sharp);
            }
        }
    }
    // A page that is hardly better straight is left alone: turning blurs.
    if best.0.abs() < 3 || best.1 < sharpness(0) * 1.05 {
        return (0, sharpness(0));
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of marks on white, as text looks from afar.
    fn page() -> GreyImage {
        let (width, height) = (620, 877);
        let mut pixels = vec![255; width * height];
        for line in 0..24 {
            let y = 60 + line * 30;
            // Words of unequal length, and a short last line now and then.
            let end = if line % 5 == 4 { 300 } else { 560 };
            let mut x = 60;
            let mut word = 3 + line;
            while x < end {
                let length = 18 + (word * 7) % 40;
                for row in y..y + 12 {
                    // Strokes as irregular as letters: no two lines have them at the same places.
                    let stroke = |c: usize| (c * c * 7 + line * line * 13 + c * line * 3) % 11 < 6;
                    for column in (x..(x + length).min(end)).filter(|c| stroke(c / 3)) {
                        pixels[row * width + column] = 20;
                    }
                }
                x += length + 9;
                word += 1;
            }
        }
        GreyImage::new(width, height, pixels).unwrap()
    }

    #[test]
    fn skew_is_found_to_a_fraction_of_a_degree() {
        for tenths in [-73, -25, -10, 0, 8, 30, 60] {
            let askew = page().turned((f64::from(tenths) / 10.0).to_radians());
            let lie = lie(&askew);
            assert_eq!(lie.quarters, 0, "{tenths}");
            assert!((lie.tenths + tenths).abs() <= 2, "{tenths}: {lie:?}");
        }
    }

    #[test]
    fn a_page_on_its_side_is_noticed() {
        for quarters in [1, 3] {
            assert_eq!(lie(&page().quarter_turned(quarters)).quarters, 1);
        }
        assert_eq!(lie(&page().quarter_turned(2)), Lie::default());
    }

    #[test]
    fn nothing_to_go_by_stays_as_it_is() {
        let blank = GreyImage::new(300, 400, vec![255; 120_000]).unwrap();
        assert_eq!(lie(&blank), Lie::default());
        let black = GreyImage::new(300, 400, vec![0; 120_000]).unwrap();
        assert_eq!(lie(&black), Lie::default());
    }
}

//! A page as grey pixels.

/// An image in 256 levels of grey, 0 black, row after row from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreyImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl GreyImage {
    /// An image of these pixels; `None` when there are not `width` × `height`, or none.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let fits = width.checked_mul(height) == Some(pixels.len()) && !pixels.is_empty();
        fits.then_some(Self {
            width,
            height,
            pixels,
        })
    }

    /// Pixels from left to right.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The pixels, row after row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels, row after row.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The rows, from the top.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width)
    }

    /// As it would lie if it were turned clockwise by quarters, then by an angle, on a larger sheet:
    /// to try what recognition makes of it.
    #[must_use]
    pub fn laid(self, quarters: u8, degrees: f64) -> Self {
        let turned = self.quarter_turned(quarters);
        if degrees == 0.0 {
            turned
        } else {
            turned.turned(degrees.to_radians())
        }
    }

    /// The pixel at a place, white outside.
    fn at(&self, x: isize, y: isize) -> u8 {
        match (usize::try_from(x), usize::try_from(y)) {
            (Ok(x), Ok(y)) if x < self.width && y < self.height => self.pixels[y * self.width + x],
            _ => u8::MAX,
        }
    }

    /// Portable graymap (netpbm, P5): a header and the pixels.
    pub fn to_pgm(&self) -> Vec<u8> {
        let mut out = format!("P5\n{} {}\n255\n", self.width, self.height).into_bytes();
        out.extend_from_slice(&self.pixels);
        out
    }

    /// Turned clockwise by quarters.
    pub(super) fn quarter_turned(self, quarters: u8) -> Self {
        let (w, h) = (self.width, self.height);
        match quarters % 4 {
            0 => self,
            2 => Self {
                pixels: self.pixels.into_iter().rev().collect(),
                ..self
            },
            odd => {
                let mut pixels = Vec::with_capacity(self.pixels.len());
                for y in 0..w {
                    // The new row `y` is a column of the old image.
                    let column = if odd == 1 { y } else { w - 1 - y };
                    let place = |x: usize| if odd == 1 { h - 1 - x } else { x };
                    pixels.extend((0..h).map(|x| self.pixels[place(x) * w + column]));
                }
                Self {
                    width: h,
                    height: w,
                    pixels,
                }
            }
        }
    }

    /// Turned clockwise by an angle about its centre, on a canvas that holds all of it; white where
    /// nothing was.
    pub(super) fn turned(&self, radians: f64) -> Self {
        let (sin, cos) = radians.sin_cos();
        let (w, h) = (self.width as f64, self.height as f64);
        let width = (w * cos.abs() + h * sin.abs()).ceil() as usize;
        let height = (w * sin.abs() + h * cos.abs()).ceil() as usize;
        let (cx, cy) = (w / 2.0 - 0.5, h / 2.0 - 0.5);
        let (nx, ny) = (width as f64 / 2.0 - 0.5, height as f64 / 2.0 - 0.5);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let dy = y as f64 - ny;
            for x in 0..width {
                let dx = x as f64 - nx;
                // Back to where the pixel comes from.
                let (sx, sy) = (cx + dx * cos + dy * sin, cy - dx * sin + dy * cos);
                let (x0, y0) = (sx.floor(), sy.floor());
                let (fx, fy) = (sx - x0, sy - y0);
                let (x0, y0) = (x0 as isize, y0 as isize);
                let p = |dx: isize, dy: isize| f64::from(self.at(x0 + dx, y0 + dy));
                let top = p(0, 0) * (1.0 - fx) + p(1, 0) * fx;
                let bottom = p(0, 1) * (1.0 - fx) + p(1, 1) * fx;
                pixels.push((top * (1.0 - fy) + bottom * fy).round() as u8);
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Each pixel the mean of a square of `factor` pixels: smaller by that factor.
    pub(super) fn reduced(&self, factor: usize) -> Self {
        let factor = factor.clamp(1, self.width.min(self.height));
        let (width, height) = (self.width / factor, self.height / factor);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let mut sum = 0usize;
                for row in 0..factor {
                    let start = (y * factor + row) * self.width + x * factor;
                    let square = &self.pixels[start..start + factor];
                    sum += square.iter().map(|p| usize::from(*p)).sum::<usize>();
                }
                pixels.push((sum / (factor * factor)) as u8);
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// The level that best parts dark from light (Otsu, "A threshold selection method from
    /// gray-level histograms", 1979): a pixel at or under it is ink.
    pub(super) fn threshold(&self) -> u8 {
        let mut histogram = [0u64; 256];
        for pixel in &self.pixels {
            histogram[usize::from(*pixel)] += 1;
        }
        let total = self.pixels.len() as f64;
        let sum: f64 = (0u32..)
            .zip(histogram)
            .map(|(v, n)| f64::from(v) * n as f64)
            .sum();
        let (mut below, mut sum_below, mut best, mut level) = (0.0, 0.0, -1.0, 0);
        for (value, count) in (0u8..=255).zip(histogram) {
            below += count as f64;
            sum_below += f64::from(value) * count as f64;
            let above = total - below;
            if below == 0.0 || above == 0.0 {
                continue;
            }
            let distance = sum_below / below - (sum - sum_below) / above;
            let between = below * above * distance * distance;
            if between > best {
                (best, level) = (between, value);
            }
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(rows: &[&[u8]]) -> GreyImage {
        GreyImage::new(rows[0].len(), rows.len(), rows.concat()).unwrap()
    }

    #[test]
    fn quarters_are_turned_clockwise() {
        let page = image(&[&[1, 2, 3], &[4, 5, 6]]);
        let check = |quarters, rows: &[&[u8]]| {
            assert_eq!(page.clone().quarter_turned(quarters), image(rows));
        };
        check(0, &[&[1, 2, 3], &[4, 5, 6]]);
        check(1, &[&[4, 1], &[5, 2], &[6, 3]]);
        check(2, &[&[6, 5, 4], &[3, 2, 1]]);
        check(3, &[&[3, 6], &[2, 5], &[1, 4]]);
    }

    #[test]
    fn a_quarter_by_angle_is_a_quarter() {
        let page = image(&[&[0, 50, 100], &[150, 200, 250]]);
        let turned = page.turned(std::f64::consts::FRAC_PI_2);
        // The canvas may gain a column of white by rounding.
        let (x, y) = (turned.width() - 2, turned.height() - 3);
        let found: Vec<Vec<u8>> = turned.rows().skip(y).map(|row| row[x..].to_vec()).collect();
        assert!(
            found.len() == 3 && turned.pixels().contains(&0),
            "{turned:?}"
        );
    }

    #[test]
    fn ink_is_parted_from_paper() {
        let page = image(&[&[20, 20, 230, 230], &[25, 240, 235, 230]]);
        assert!((25..230).contains(&page.threshold()));
        assert_eq!(
            image(&[&[0, 100], &[100, 200]]).reduced(2),
            image(&[&[100]])
        );
        assert_eq!(GreyImage::new(2, 2, vec![0; 3]), None);
    }
}

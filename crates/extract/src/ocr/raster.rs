//! One page of a document as a grey image, upright but for being upside down, and straight.
//!
//! Decoding images and drawing pages is where hostile files do harm: this runs in the reading
//! child, like every parser.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, imageops};
use domain::PageBox;
use hayro::{RenderCache, RenderSettings, vello_cpu};
use hayro_interpret::InterpreterSettings;
use hayro_syntax::Pdf;
use serde::{Deserialize, Serialize};

use super::OcrSettings;
use super::image::GreyImage;
use super::upright::{self, Lie};
use crate::pdf::bounds::Bounds;
use crate::pdf::{nesting, operators::Operators};
use crate::{Budgets, Input};

/// Coarser than this nothing can be recognised.
const DPI_MIN: f64 = 70.0;

/// Images with fewer pixels on their longer side are enlarged to twice their size: letters of less
/// than about twenty pixels are recognised poorly.
const SIDE_ENLARGED: u32 = 2_000;

/// Bytes that decoding one image may take.
const DECODE_BYTES_MAX: u64 = 768 << 20;

/// A page drawn or decoded, and how to find the way back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// The page, turned so that its lines are level.
    pub image: GreyImage,
    /// What was done to it.
    pub(crate) placing: Placing,
}

/// Where the pixels of a raster are on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placing {
    /// Pixels of the page before it was turned.
    pub width: usize,
    /// As `width`, from top to bottom.
    pub height: usize,
    /// Quarter turns, clockwise, that came first.
    pub quarters: u8,
    /// Then a turn about the centre, clockwise, in tenths of a degree.
    pub tenths: i32,
}

/// Why a page has no raster. Depends on its content alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unrastered {
    /// It cannot be decoded or drawn.
    Damaged,
    /// It has more pixels than the settings allow.
    TooLarge,
}

impl Placing {
    /// The box on the page, of a size in points, around pixels `[x0, y0, x1, y1]` of a raster that
    /// was turned by `quarters` more, clockwise, after all of this.
    pub(super) fn on_page(
        &self,
        pixels: [f64; 4],
        quarters: u8,
        raster: (usize, usize),
        page: (f64, f64),
    ) -> PageBox {
        let [x0, y0, x1, y1] = pixels;
        let (mut xs, mut ys) = (Vec::with_capacity(4), Vec::with_capacity(4));
        for (x, y) in [(x0, y0), (x1, y0), (x0, y1), (x1, y1)] {
            let (x, y) = unturned(x, y, quarters, raster);
            // About the centres, as the turn was made.
            let upright = self.upright_size();
            let (sin, cos) = (f64::from(self.tenths) / 10.0).to_radians().sin_cos();
            let (dx, dy) = (x - raster.0 as f64 / 2.0, y - raster.1 as f64 / 2.0);
            let x = upright.0 as f64 / 2.0 + dx * cos + dy * sin;
            let y = upright.1 as f64 / 2.0 - dx * sin + dy * cos;
            let (x, y) = unturned(x, y, self.quarters, upright);
            xs.push((x / self.width as f64).clamp(0.0, 1.0) * page.0);
            ys.push((y / self.height as f64).clamp(0.0, 1.0) * page.1);
        }
        let min = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        PageBox::new(min(&xs), min(&ys), max(&xs), max(&ys))
    }

    /// The page's size after its quarter turns.
    const fn upright_size(&self) -> (usize, usize) {
        if self.quarters.is_multiple_of(2) {
            (self.width, self.height)
        } else {
            (self.height, self.width)
        }
    }
}

/// Where a point was before an image of the size `after` was turned clockwise by quarters.
fn unturned(x: f64, y: f64, quarters: u8, after: (usize, usize)) -> (f64, f64) {
    let (w, h) = (after.0 as f64, after.1 as f64);
    match quarters % 4 {
        0 => (x, y),
        1 => (y, w - x),
        2 => (w - x, h - y),
        _ => (h - y, x),
    }
}

/// Draws or decodes a page, numbered from 1, and turns it so that its lines are level.
pub(crate) fn raster(
    input: &Input,
    page: u32,
    settings: &OcrSettings,
) -> Result<Raster, Unrastered> {
    let index = page.checked_sub(1).ok_or(Unrastered::Damaged)? as usize;
    // A panic of a decoder costs the page, as elsewhere.
    let page = catch_unwind(AssertUnwindSafe(|| {
        if ::image::guess_format(input.bytes).is_ok() {
            decoded(input.bytes, index, settings)
        } else {
            drawn(input, index, settings)
        }
    }))
    .unwrap_or(Err(Unrastered::Damaged))?;
    let (width, height) = (page.width(), page.height());
    let Lie { quarters, tenths } = upright::lie(&page);
    let page = page.quarter_turned(quarters);
    let image = if tenths == 0 {
        page
    } else {
        page.turned((f64::from(tenths) / 10.0).to_radians())
    };
    Ok(Raster {
        image,
        placing: Placing {
            width,
            height,
            quarters,
            tenths,
        },
    })
}

/// A page of a PDF.
fn drawn(input: &Input, index: usize, settings: &OcrSettings) -> Result<GreyImage, Unrastered> {
    let password = input.password.unwrap_or_default();
    let budgets = Budgets::default();
    let (bytes, _) = nesting::bounded(input.bytes, budgets.depth);
    let pdf = Pdf::new_with_password(bytes, password).map_err(|_| Unrastered::Damaged)?;
    let page = pdf.pages().get(index).ok_or(Unrastered::Damaged)?;
    let mut bounds = Bounds::with_images(budgets.stream_bytes, settings.pixels);
    if !bounds.page_fits(page) || !Operators::new(budgets.operators).page_fits(page) {
        return Err(Unrastered::TooLarge);
    }
    let (width, height) = page.render_dimensions();
    let area = f64::from(width) * f64::from(height) / (72.0 * 72.0);
    if !(area.is_finite() && area > 0.0) {
        return Err(Unrastered::Damaged);
    }
    let dpi = f64::from(settings.dpi).min((settings.pixels as f64 / area).sqrt());
    let scale = (dpi / 72.0) as f32;
    let longest = f64::from(width.max(height)) * dpi / 72.0;
    if dpi < DPI_MIN || longest >= f64::from(u16::MAX) {
        return Err(Unrastered::TooLarge);
    }
    let render = RenderSettings {
        // Scans are coarser than we draw: stairs would look like serifs.
        force_image_interpolation: true,
        ..RenderSettings::default()
    };
    let pixmap = hayro::render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &render,
        &hayro::PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: vello_cpu::color::palette::css::WHITE,
        },
    );
    let (width, height) = (usize::from(pixmap.width()), usize::from(pixmap.height()));
    let pixels = pixmap
        .data()
        .iter()
        .map(|p| luma([p.r, p.g, p.b]))
        .collect();
    GreyImage::new(width, height, pixels).ok_or(Unrastered::Damaged)
}

/// An image file, or a page of one.
fn decoded(bytes: &[u8], index: usize, settings: &OcrSettings) -> Result<GreyImage, Unrastered> {
    let format = ::image::guess_format(bytes).map_err(|_| Unrastered::Damaged)?;
    let patched = match (format, index) {
        (_, 0) => None,
        (ImageFormat::Tiff, index) => Some(starting_at(bytes, index)?),
        _ => return Err(Unrastered::Damaged),
    };
    let bytes = patched.as_deref().unwrap_or(bytes);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unrastered)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > settings.pixels {
        return Err(Unrastered::TooLarge);
    }
    // What a camera noted of how it was held.
    let orientation = decoder.orientation().map_err(unrastered)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(unrastered)?;
    image.apply_orientation(orientation);
    let mut grey = on_white(&image);
    drop(image);
    let side = grey.width().max(grey.height());
    if side < SIDE_ENLARGED {
        let (width, height) = (grey.width() * 2, grey.height() * 2);
        grey = imageops::resize(&grey, width, height, imageops::FilterType::Triangle);
    }
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    GreyImage::new(width, height, grey.into_raw()).ok_or(Unrastered::Damaged)
}

fn unrastered(error: ::image::ImageError) -> Unrastered {
    match error {
        ::image::ImageError::Limits(_) => Unrastered::TooLarge,
        _ => Unrastered::Damaged,
    }
}

/// Grey, on white paper where the image is transparent.
fn on_white(image: &DynamicImage) -> GrayImage {
    if !image.color().has_alpha() {
        return image.to_luma8();
    }
    let image = image.to_luma_alpha8();
    GrayImage::from_fn(image.width(), image.height(), |x, y| {
        let [grey, alpha] = image.get_pixel(x, y).0.map(u32::from);
        ::image::Luma([((grey * alpha + 255 * (255 - alpha)) / 255) as u8])
    })
}

/// Rec. 601 luma.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 + 500) / 1000) as u8
}

/// A TIFF whose first page is the page `index` of this one: its header points elsewhere.
fn starting_at(bytes: &[u8], index: usize) -> Result<Vec<u8>, Unrastered> {
    let damaged = |_| Unrastered::Damaged;
    let mut decoder = tiff::decoder::Decoder::new(Cursor::new(bytes)).map_err(damaged)?;
    decoder.seek_to_image(index).map_err(damaged)?;
    let at = decoder.ifd_pointer().ok_or(Unrastered::Damaged)?.0;
    let mut bytes = bytes.to_vec();
    let little = bytes.starts_with(b"II");
    let big = bytes.get(2..4) == Some(if little { b"\x2b\0" } else { b"\0\x2b" });
    let offset: Vec<u8> = match (big, little) {
        (true, true) => at.to_le_bytes().to_vec(),
        (true, false) => at.to_be_bytes().to_vec(),
        (false, _) => {
            let at = u32::try_from(at).map_err(|_| Unrastered::Damaged)?;
            if little {
                at.to_le_bytes().to_vec()
            } else {
                at.to_be_bytes().to_vec()
            }
        }
    };
    let start = if big { 8 } else { 4 };
    let place = bytes.get_mut(start..start + offset.len());
    place.ok_or(Unrastered::Damaged)?.copy_from_slice(&offset);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use ::image::ImageEncoder as _;
    use ::image::codecs::tiff::TiffEncoder;

    use super::*;

    fn read(bytes: &[u8], page: u32, settings: &OcrSettings) -> Result<Raster, Unrastered> {
        let input = Input {
            bytes,
            ..Input::default()
        };
        raster(&input, page, settings)
    }

    fn png(image: &DynamicImage) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    #[test]
    fn transparent_is_white_and_small_is_enlarged() {
        let mut image = ::image::RgbaImage::new(30, 20);
        image.put_pixel(29, 19, ::image::Rgba([0, 0, 0, 255]));
        let page = read(&png(&image.into()), 1, &OcrSettings::default()).unwrap();
        assert_eq!((page.placing.width, page.placing.height), (60, 40));
        assert_eq!(page.image.pixels()[0], 255);
        assert_eq!(page.image.pixels().last(), Some(&0));
    }

    #[test]
    fn an_image_beyond_the_limit_is_not_decoded() {
        let image = png(&DynamicImage::new_luma8(300, 300));
        let settings = OcrSettings {
            pixels: 89_999,
            ..OcrSettings::default()
        };
        assert_eq!(read(&image, 1, &settings), Err(Unrastered::TooLarge));
        assert_eq!(
            read(&image, 2, &OcrSettings::default()),
            Err(Unrastered::Damaged)
        );
        let cut = &image[..image.len() / 2];
        assert_eq!(
            read(cut, 1, &OcrSettings::default()),
            Err(Unrastered::Damaged)
        );
        assert_eq!(
            read(b"neither", 1, &OcrSettings::default()),
            Err(Unrastered::Damaged)
        );
    }

    #[test]
    fn every_page_of_a_tiff_is_reached() {
        // Two files end to end, the first page's directory pointing at the second's.
        let page = |grey: u8| {
            let mut out = Cursor::new(Vec::new());
            let image = GrayImage::from_pixel(8, 8, ::image::Luma([grey]));
            let encoder = TiffEncoder::new(&mut out);
            encoder
                .write_image(image.as_raw(), 8, 8, ::image::ExtendedColorType::L8)
                .unwrap();
            out.into_inner()
        };
        let first = page(10);
        let mut both = first.clone();
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        let directory = number(&first[4..8]) as usize;
        let entries = usize::from(u16::from_le_bytes([first[directory], first[directory + 1]]));
        // A copy of the directory, whose pixels are those of the first.
        let copy = first[directory..directory + 2 + entries * 12 + 4].to_vec();
        let next = directory + 2 + entries * 12;
        let at = both.len() as u32;
        both[next..next + 4].copy_from_slice(&at.to_le_bytes());
        both.extend_from_slice(&copy);
        let second = read(&both, 2, &OcrSettings::default()).unwrap();
        assert_eq!(second.image.pixels()[0], 10);
        assert_eq!(
            read(&both, 3, &OcrSettings::default()),
            Err(Unrastered::Damaged)
        );
    }

    #[test]
    fn boxes_find_their_way_back() {
        // A mark at (10..20, 30..40) of a page of 100 × 200 pixels, 50 × 100 points.
        let check = |quarters: u8, more: u8, pixels: [f64; 4], raster: (usize, usize)| {
            let placing = Placing {
                width: 100,
                height: 200,
                quarters,
                tenths: 0,
            };
            let found = placing.on_page(pixels, more, raster, (50.0, 100.0));
            assert_eq!(found.points(), [5.0, 15.0, 10.0, 20.0], "{quarters} {more}");
        };
        check(0, 0, [10.0, 30.0, 20.0, 40.0], (100, 200));
        check(1, 0, [160.0, 10.0, 170.0, 20.0], (200, 100));
        check(0, 2, [80.0, 160.0, 90.0, 170.0], (100, 200));
        check(1, 2, [30.0, 80.0, 40.0, 90.0], (200, 100));
    }

    #[test]
    fn a_box_of_a_straightened_page_is_where_it_was() {
        let placing = Placing {
            width: 1000,
            height: 2000,
            quarters: 0,
            tenths: 50,
        };
        let page = GreyImage::new(1000, 2000, vec![255; 2_000_000]).unwrap();
        let turned = page.turned(5f64.to_radians());
        let raster = (turned.width(), turned.height());
        // The centre stays the centre.
        let (x, y) = (raster.0 as f64 / 2.0, raster.1 as f64 / 2.0);
        let found = placing.on_page([x, y, x, y], 0, raster, (100.0, 200.0));
        assert_eq!(found.points(), [50.0, 100.0, 50.0, 100.0]);
        // A point to the right of it came from higher up: the turn was clockwise.
        let found = placing.on_page([x + 100.0, y, x + 100.0, y], 0, raster, (100.0, 200.0));
        assert!(found.points()[1] < 100.0);
    }
}

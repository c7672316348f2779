//! Images: one page for each, its size, and the note that it needs OCR. Only headers are read here;
//! pixels are decoded where pages are recognised.
//!
//! A page is as people see it: turned as the camera noted (EXIF), in points at the resolution that
//! the file declares, else at 300 dots per inch.

use std::io::Cursor;

use ::image::metadata::Orientation;
use ::image::{ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use domain::NoteCode;
use tiff::decoder::Decoder;
use tiff::tags::Tag;

use crate::budgets::Budget;
use crate::draft::Draft;

/// Dots per inch where the file declares none that a scanner would.
const DPI: f64 = 300.0;

/// Lower values are what cameras, screens and image editors write when they do not know. A fax is
/// coarse one way only.
const DPI_MIN: f64 = 100.0;
const DPI_MAX: f64 = 4_800.0;

/// Bytes that a header may take: colour profiles, EXIF.
const HEADER_BYTES_MAX: u64 = 64 << 20;

/// Which of the formats that are read the bytes begin as.
pub(crate) fn format(bytes: &[u8]) -> Option<ImageFormat> {
    let format = ::image::guess_format(bytes).ok()?;
    let read = match format {
        // Two letters that a text may begin with; a real one has a known header length.
        ImageFormat::Bmp => {
            let header = bytes.get(14..18).and_then(|b| b.try_into().ok());
            let lengths = [12, 40, 52, 56, 64, 108, 124];
            header.is_some_and(|header| lengths.contains(&u32::from_le_bytes(header)))
        }
        ImageFormat::Png
        | ImageFormat::Jpeg
        | ImageFormat::Tiff
        | ImageFormat::WebP
        | ImageFormat::Gif => true,
        _ => false,
    };
    read.then_some(format)
}

/// The name that people give the format.
pub(crate) const fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Gif => "GIF",
        _ => "BMP",
    }
}

/// Reads the headers of an image.
pub(crate) fn read(bytes: &[u8], format: ImageFormat, draft: &mut Draft) {
    if format == ImageFormat::Tiff {
        read_tiff(bytes, draft);
        return;
    }
    match header(bytes, format) {
        Ok((size, orientation)) => {
            let dpi = match format {
                ImageFormat::Png => png_dpi(bytes),
                ImageFormat::Jpeg => jpeg_dpi(bytes),
                ImageFormat::Bmp => bmp_dpi(bytes),
                _ => None,
            };
            if page(size, dpi, orientation, draft) && has_frames(bytes, format) {
                let detail = "frames after the first".to_owned();
                draft.note(NoteCode::NotReadableYet, Some(detail));
            }
        }
        Err(ImageError::Limits(_)) => too_large(draft),
        Err(_) => draft.note(NoteCode::DamagedFile, Some(name(format).into())),
    }
}

fn header(bytes: &[u8], format: ImageFormat) -> Result<((u32, u32), Orientation), ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(HEADER_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let size = decoder.dimensions();
    // A damaged EXIF does not make the image unreadable.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((size, orientation))
}

/// Whether an image has more than one frame; only the first is read.
fn has_frames(bytes: &[u8], format: ImageFormat) -> bool {
    let frames = match format {
        ImageFormat::Gif => gif_frames(bytes),
        ImageFormat::WebP => webp_frames(bytes),
        _ => None,
    };
    frames.is_some()
}

/// Finds a second frame (GIF89a specification, 15 to 27).
fn gif_frames(bytes: &[u8]) -> Option<()> {
    let table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3usize << ((flags & 7) + 1),
    };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut frames = 0;
    loop {
        match *bytes.get(at)? {
            b'!' => at += 2,
            b',' => {
                frames += 1;
                if frames > 1 {
                    return Some(());
                }
                // The descriptor, its colours, and the size of the codes.
                at += 11 + table(*bytes.get(at + 9)?);
            }
            _ => return None,
        }
        // Blocks of data, the last of which is empty.
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += length + 1;
            if length == 0 {
                break;
            }
        }
    }
}

/// Finds a second frame (RFC 9649, 2.7.1).
fn webp_frames(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(12..)?;
    let mut frames = 0;
    loop {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, _) = after.split_first_chunk::<4>()?;
        frames += u8::from(kind == b"ANMF");
        if frames > 1 {
            return Some(());
        }
        let length = u32::from_le_bytes(*length) as usize;
        rest = rest.get(length.checked_add(length % 2)?.checked_add(8)?..)?;
    }
}

/// One page for each directory, as scanners and fax machines write them.
fn read_tiff(bytes: &[u8], draft: &mut Draft) {
    let Ok(mut decoder) = Decoder::new(Cursor::new(bytes)) else {
        draft.note(NoteCode::DamagedFile, Some("TIFF".into()));
        return;
    };
    loop {
        let size = decoder.dimensions().unwrap_or_default();
        let number = |value: Option<tiff::decoder::ifd::Value>| value?.into_u16().ok();
        let orientation = number(decoder.find_tag(Tag::Orientation).ok().flatten())
            .and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
            .unwrap_or(Orientation::NoTransforms);
        let dpi = tiff_dpi(&mut decoder);
        if !page(size, dpi, orientation, draft) || !decoder.more_images() {
            return;
        }
        let before = decoder.ifd_pointer();
        if decoder.next_image().is_err() {
            if decoder.ifd_pointer() == before {
                // The chain of pages is broken, or bites its tail.
                draft.note(NoteCode::DamagedFile, Some("TIFF".into()));
                return;
            }
            // This page cannot be read; the next may.
            if !draft.page(0.0, 0.0) {
                return;
            }
            draft.note_page(NoteCode::DamagedPage, None);
            if !decoder.more_images() || decoder.next_image().is_err() {
                draft.note(NoteCode::DamagedFile, Some("TIFF".into()));
                return;
            }
        }
    }
}

/// Adds a page. `false` when no more may be read.
fn page(
    (width, height): (u32, u32),
    dpi: Option<(f64, f64)>,
    orientation: Orientation,
    draft: &mut Draft,
) -> bool {
    let believed = |&(x, y): &(f64, f64)| {
        let (low, high) = (x.min(y), x.max(y));
        x > 0.0 && y > 0.0 && (DPI_MIN..=DPI_MAX).contains(&high) && low * 4.0 >= high
    };
    let (x_dpi, y_dpi) = dpi.filter(believed).unwrap_or((DPI, DPI));
    let mut points = (
        f64::from(width) * 72.0 / x_dpi,
        f64::from(height) * 72.0 / y_dpi,
    );
    if on_its_side(orientation) {
        points = (points.1, points.0);
    }
    if !draft.page(points.0, points.1) {
        return false;
    }
    if width == 0 || height == 0 {
        draft.note_page(NoteCode::DamagedPage, None);
    } else if u64::from(width) * u64::from(height) > draft.budgets.pixels {
        // What is too large to decode does not ask to be recognised.
        let detail = Budget::Pixels.reached(draft.budgets);
        draft.note_page(NoteCode::BudgetReached, Some(detail));
    } else {
        draft.note_page(NoteCode::NeedsOcr, None);
    }
    true
}

/// An image whose very header asks for more than may be taken.
fn too_large(draft: &mut Draft) {
    if draft.page(0.0, 0.0) {
        let detail = Budget::Pixels.reached(draft.budgets);
        draft.note_page(NoteCode::BudgetReached, Some(detail));
    }
}

const fn on_its_side(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

const METRES_PER_INCH: f64 = 0.0254;

/// The `pHYs` chunk, which stands before the pixels (PNG specification, 11.3.4.3).
fn png_dpi(bytes: &[u8]) -> Option<(f64, f64)> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, data) = after.split_first_chunk::<4>()?;
        match kind {
            b"pHYs" => {
                let (x, data) = data.split_first_chunk::<4>()?;
                let (y, data) = data.split_first_chunk::<4>()?;
                let metres = |n: &[u8; 4]| f64::from(u32::from_be_bytes(*n)) * METRES_PER_INCH;
                return (data.first() == Some(&1)).then(|| (metres(x), metres(y)));
            }
            b"IDAT" | b"IEND" => return None,
            _ => {}
        }
        let length = u32::from_be_bytes(*length) as usize;
        rest = data.get(length.checked_add(4)?..)?;
    }
}

/// The JFIF marker, which stands first (JFIF 1.02). What EXIF says of resolution is seldom true.
fn jpeg_dpi(bytes: &[u8]) -> Option<(f64, f64)> {
    let segment = bytes.strip_prefix(b"\xff\xd8\xff\xe0")?.get(2..)?;
    let density = segment.strip_prefix(b"JFIF\0")?.get(2..7)?;
    let [unit, x1, x0, y1, y0] = density.try_into().ok()?;
    let per_inch = match unit {
        1 => 1.0,
        2 => 2.54,
        _ => return None,
    };
    let dots = |high, low| f64::from(u16::from_be_bytes([high, low])) * per_inch;
    Some((dots(x1, x0), dots(y1, y0)))
}

/// Pixels per metre, in headers of 40 bytes and more.
fn bmp_dpi(bytes: &[u8]) -> Option<(f64, f64)> {
    let at = |start: usize| {
        let four = bytes.get(start..start + 4)?.try_into().ok()?;
        Some(f64::from(i32::from_le_bytes(four)) * METRES_PER_INCH)
    };
    let length = bytes.get(14..18)?.try_into().ok()?;
    (u32::from_le_bytes(length) >= 40).then_some((at(38)?, at(42)?))
}

fn tiff_dpi(decoder: &mut Decoder<Cursor<&[u8]>>) -> Option<(f64, f64)> {
    let unit = decoder.find_tag(Tag::ResolutionUnit).ok().flatten();
    let per_inch = match unit.map(|unit| unit.into_u16()) {
        None | Some(Ok(2)) => 1.0,
        Some(Ok(3)) => 2.54,
        Some(_) => return None,
    };
    let mut dots = |tag| {
        use tiff::decoder::ifd::Value;
        match decoder.find_tag(tag).ok()?? {
            Value::Rational(n, d) => Some(f64::from(n) / f64::from(d) * per_inch),
            _ => None,
        }
    };
    Some((dots(Tag::XResolution)?, dots(Tag::YResolution)?))
}

#[cfg(test)]
mod tests {
    use ::image::{DynamicImage, ImageEncoder, ImageFormat};
    use domain::NoteCode;

    use super::*;
    use crate::{Budgets, Extraction, Input, extract};

    fn read(bytes: &[u8], budgets: &Budgets) -> Extraction {
        let input = Input {
            bytes,
            ..Input::default()
        };
        extract(&input, budgets)
    }

    /// Sizes of the pages in points, rounded, and each page's notes.
    fn check(bytes: &[u8], media_type: &str, pages: &[(f64, f64, NoteCode)]) {
        let read = read(bytes, &Budgets::default());
        assert_eq!(read.layout.media_type, media_type);
        let found: Vec<_> = (read.layout.pages.iter())
            .flat_map(|page| {
                let notes = read.layout.notes.iter();
                notes
                    .filter(|note| note.page == Some(page.number))
                    .map(|note| {
                        let size = (page.width.get().round(), page.height.get().round());
                        (size.0, size.1, note.code)
                    })
            })
            .collect();
        assert_eq!(found, pages, "{:?}", read.layout.notes);
        assert_eq!(read.layout.notes.len(), pages.len());
    }

    fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height)
            .write_to(&mut out, format)
            .unwrap();
        out.into_inner()
    }

    /// A JPEG with this EXIF orientation, at this density.
    fn jpeg(orientation: u8, dpi: u16) -> Vec<u8> {
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        let mut out = Vec::new();
        let mut encoder = ::image::codecs::jpeg::JpegEncoder::new(&mut out);
        encoder.set_pixel_density(::image::codecs::jpeg::PixelDensity::dpi(dpi));
        encoder.set_exif_metadata(exif).unwrap();
        encoder
            .encode(&[0; 600], 20, 10, ::image::ExtendedColorType::Rgb8)
            .unwrap();
        out
    }

    /// A PNG's head: its size and resolution, and no pixels.
    fn png_head(width: u32, height: u32, per_metre: Option<u32>) -> Vec<u8> {
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = |kind: &[u8; 4], data: &[u8]| {
            out.extend((data.len() as u32).to_be_bytes());
            out.extend(kind);
            out.extend(data);
            let mut crc = flate2::Crc::new();
            crc.update(kind);
            crc.update(data);
            out.extend(crc.sum().to_be_bytes());
        };
        let [w, h] = [width, height].map(u32::to_be_bytes);
        chunk(b"IHDR", &[&w[..], &h, &[8, 0, 0, 0, 0]].concat());
        if let Some(per_metre) = per_metre.map(u32::to_be_bytes) {
            chunk(b"pHYs", &[&per_metre[..], &per_metre, &[1]].concat());
        }
        chunk(b"IDAT", &[]);
        out
    }

    /// A TIFF of grey pages of one row, with these widths and resolutions.
    fn tiff_of(pages: &[(u32, u32)]) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let mut encoder = tiff::encoder::TiffEncoder::new(&mut out).unwrap();
        for (width, dpi) in pages {
            let mut image = encoder
                .new_image::<tiff::encoder::colortype::Gray8>(*width, 1)
                .unwrap();
            let dpi = tiff::encoder::Rational { n: *dpi, d: 1 };
            image.resolution(tiff::tags::ResolutionUnit::Inch, dpi);
            image.write_data(&vec![0; *width as usize]).unwrap();
        }
        out.into_inner()
    }

    #[test]
    fn an_image_is_a_page_that_needs_ocr() {
        let page = |w, h| [(w, h, NoteCode::NeedsOcr)];
        for (format, media_type) in [
            (ImageFormat::Png, "image/png"),
            (ImageFormat::Jpeg, "image/jpeg"),
            (ImageFormat::Tiff, "image/tiff"),
            (ImageFormat::WebP, "image/webp"),
            (ImageFormat::Gif, "image/gif"),
            (ImageFormat::Bmp, "image/bmp"),
        ] {
            check(&encoded(format, 300, 150), media_type, &page(72.0, 36.0));
        }
        check(
            &png_head(2000, 1000, Some(7874)),
            "image/png",
            &page(720.0, 360.0),
        );
        // What a screen says is not a size on paper.
        check(
            &png_head(300, 300, Some(2835)),
            "image/png",
            &page(72.0, 72.0),
        );
    }

    #[test]
    fn a_photo_is_turned_as_it_was_held() {
        check(
            &jpeg(1, 144),
            "image/jpeg",
            &[(10.0, 5.0, NoteCode::NeedsOcr)],
        );
        check(
            &jpeg(3, 144),
            "image/jpeg",
            &[(10.0, 5.0, NoteCode::NeedsOcr)],
        );
        check(
            &jpeg(6, 144),
            "image/jpeg",
            &[(5.0, 10.0, NoteCode::NeedsOcr)],
        );
        check(
            &jpeg(8, 144),
            "image/jpeg",
            &[(5.0, 10.0, NoteCode::NeedsOcr)],
        );
    }

    #[test]
    fn each_page_of_a_tiff_is_a_page() {
        let pages = [
            (72.0, 0.0, NoteCode::NeedsOcr),
            (144.0, 0.0, NoteCode::NeedsOcr),
        ];
        check(&tiff_of(&[(200, 200), (300, 150)]), "image/tiff", &pages);
        let budgets = Budgets {
            pages: 1,
            ..Budgets::default()
        };
        let read = read(&tiff_of(&[(200, 200), (300, 150)]), &budgets);
        assert_eq!(read.layout.pages.len(), 1);
        let note = domain::Note::document(NoteCode::BudgetReached, "pages 1".to_owned());
        assert!(read.layout.notes.contains(&note));
    }

    #[test]
    fn frames_after_the_first_are_said() {
        let notes = |bytes: &[u8], format| {
            let budgets = Budgets::default();
            let mut draft = Draft::new(&budgets);
            super::read(bytes, format, &mut draft);
            let notes = draft.finish().layout.notes;
            notes.iter().any(|n| n.code == NoteCode::NotReadableYet)
        };
        let frame = b",\0\0\0\0\x02\0\x02\0\0\x02\x02\x4c\x01\0";
        let head = b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff";
        let one = [&head[..], b"!\xfe\x02,,\0", frame, b";"].concat();
        let two = [&head[..], frame, frame, b";"].concat();
        assert!(!notes(&one, ImageFormat::Gif));
        assert!(notes(&two, ImageFormat::Gif));
        let chunk = |kind: &[u8; 4]| [&kind[..], &[3, 0, 0, 0], b"abc\0"].concat();
        let webp = [b"RIFF....WEBP".to_vec(), chunk(b"ANMF"), chunk(b"ANMF")].concat();
        assert_eq!(webp_frames(&webp), Some(()));
        assert_eq!(webp_frames(&webp[..28]), None);
        for cut in 0..two.len() {
            gif_frames(&two[..cut]);
        }
    }

    #[test]
    fn what_is_too_large_is_said_and_not_asked_for() {
        let read = read(&png_head(20_000, 20_000, None), &Budgets::default());
        let note = domain::Note::page(NoteCode::BudgetReached, 1, "pixels 60000000".to_owned());
        assert_eq!(read.layout.notes, [note]);
    }

    #[test]
    fn a_damaged_image_is_said() {
        for bytes in [
            &b"\x89PNG\r\n\x1a\n\0\0"[..],
            b"II*\0\x08\0\0\0\xff",
            b"\xff\xd8\xff\xe0",
        ] {
            let read = read(bytes, &Budgets::default());
            let codes: Vec<_> = read.layout.notes.iter().map(|note| note.code).collect();
            assert_eq!(codes, [NoteCode::DamagedFile]);
        }
        // Cut anywhere, or pointing at itself, a TIFF still ends.
        let whole = tiff_of(&[(20, 200), (30, 150)]);
        for cut in 0..whole.len() {
            read(&whole[..cut], &Budgets::default());
        }
    }
}

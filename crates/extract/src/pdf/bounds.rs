//! How large streams are once inflated, measured before the interpreter inflates them: it would do
//! so without a bound.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use hayro_syntax::Filter;
use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, Stream};
use hayro_syntax::page::Page;

/// DEFLATE cannot do better than 1032 to 1.
const DEFLATE_RATIO_MAX: u64 = 1032;

/// Opening marks in a map of characters: three for each code of two bytes.
const MAP_MARKS_MAX: usize = 3 * 65_536;

/// Dictionaries followed for one page. What lies beyond is left to the process's limits.
const DICTS_MAX: usize = 20_000;

/// Which streams fit, remembered over the pages of a document.
pub(crate) struct Bounds {
    limit: u64,
    seen: BTreeMap<(u32, i32), bool>,
    /// Maps of characters, likewise.
    maps: BTreeMap<(u32, i32), bool>,
    /// Pixels of an image, where images are decoded.
    pixels: Option<u64>,
}

impl Bounds {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            seen: BTreeMap::new(),
            maps: BTreeMap::new(),
            pixels: None,
        }
    }

    /// As [`new`](Self::new), where images are decoded too: none may have more pixels.
    pub(crate) fn with_images(limit: u64, pixels: u64) -> Self {
        Self {
            pixels: Some(pixels),
            ..Self::new(limit)
        }
    }

    /// Whether everything that drawing this page inflates stays below the limit.
    pub(crate) fn page_fits(&mut self, page: &Page) -> bool {
        let raw = page.raw();
        let contents: Vec<Stream> = match raw.get::<Object>(b"Contents") {
            Some(Object::Stream(stream)) => vec![stream],
            Some(Object::Array(array)) => array.iter::<Stream>().collect(),
            _ => Vec::new(),
        };
        // Content streams are put together before they are read; one may be named many times.
        let most: u64 = contents.iter().map(at_most).fold(0, u64::saturating_add);
        let mut total = 0u64;
        let mut known: BTreeMap<(u32, i32), u64> = BTreeMap::new();
        for stream in &contents {
            if most <= self.limit {
                break;
            }
            let id = stream.obj_id();
            let size = *known
                .entry((id.obj_number, id.gen_number))
                .or_insert_with(|| self.measured(stream));
            total = total.saturating_add(size);
            if total > self.limit {
                return false;
            }
        }
        let resources = page.resources();
        let mut pending = vec![
            resources.x_objects.clone(),
            resources.fonts.clone(),
            resources.patterns.clone(),
            resources.ext_g_states.clone(),
        ];
        if let Some(annots) = raw.get::<Array>(b"Annots") {
            pending.extend(
                annots
                    .iter::<Dict>()
                    .filter_map(|annot| annot.get::<Dict>(b"AP")),
            );
        }
        self.reachable_fits(pending)
    }

    /// Whether this stream fits.
    pub(in crate::pdf) fn fits(&mut self, stream: &Stream) -> bool {
        let id = stream.obj_id();
        let key = (id.obj_number, id.gen_number);
        if let Some(fits) = self.seen.get(&key)
            && id != ObjectIdentifier::new(0, 0)
        {
            return *fits;
        }
        let fits = self.inflated(stream) <= self.limit;
        self.seen.insert(key, fits);
        fits
    }

    /// Follows resources: forms in forms, fonts and their programs, patterns, soft masks. Images
    /// are not followed; they are measured where they are decoded.
    fn reachable_fits(&mut self, mut pending: Vec<Dict>) -> bool {
        let mut visited = std::collections::BTreeSet::new();
        let mut followed = 0;
        while let Some(dict) = pending.pop() {
            followed += 1;
            if followed > DICTS_MAX {
                return true;
            }
            for (key, value) in dict.entries() {
                if let Some(id) = value.as_obj_ref()
                    && !visited.insert((id.obj_number, id.gen_number))
                {
                    continue;
                }
                let inner = match dict.get::<Object>(&key) {
                    Some(Object::Stream(stream)) => {
                        let inner = stream.dict().clone();
                        let image = inner
                            .get::<Name>(b"Subtype")
                            .is_some_and(|n| &*n == b"Image");
                        if image {
                            let mask = inner.get::<Stream>(b"SMask");
                            let mask = mask.iter().map(|mask| mask.dict());
                            if !mask.chain([&inner]).all(|image| self.image_fits(image)) {
                                return false;
                            }
                            continue;
                        }
                        if !self.fits(&stream) {
                            return false;
                        }
                        inner
                    }
                    Some(Object::Dict(inner)) => inner,
                    _ => continue,
                };
                follow(&inner, &mut pending);
                if !self.font_fits(&inner) {
                    return false;
                }
            }
        }
        true
    }

    fn image_fits(&self, image: &Dict) -> bool {
        let side = |name: &[u8]| f64::from(image.get::<f32>(name).unwrap_or(0.0));
        let all = side(b"Width") * side(b"Height");
        self.pixels.is_none_or(|pixels| all <= pixels as f64)
    }

    fn font_fits(&mut self, dict: &Dict) -> bool {
        let mut dicts = vec![dict.clone()];
        if let Some(array) = dict.get::<Array>(b"DescendantFonts") {
            dicts.extend(array.iter::<Dict>().take(4));
        }
        dicts.iter().all(|font| {
            let descriptor = font.get::<Dict>(b"FontDescriptor");
            let programs = ["FontFile", "FontFile2", "FontFile3"]
                .into_iter()
                .filter_map(|key| descriptor.as_ref()?.get::<Stream>(key));
            let maps = font.get::<Stream>(b"ToUnicode").into_iter();
            let fit = programs.chain(maps).all(|stream| self.fits(&stream));
            let map = font.get::<Stream>(b"ToUnicode");
            fit && map.is_none_or(|map| self.map_fits(&map))
        })
    }

    /// Whether a map of characters has no more entries than there are codes of two bytes: ranges
    /// that overlap make it grow with their square.
    fn map_fits(&mut self, map: &Stream) -> bool {
        let id = map.obj_id();
        let key = (id.obj_number, id.gen_number);
        if let Some(fits) = self.maps.get(&key) {
            return *fits;
        }
        let marks = map
            .decoded_data()
            .map_or(0, |data| data.iter().filter(|b| **b == b'<').count());
        // An entry is written with two or three of them.
        let fits = marks <= MAP_MARKS_MAX;
        self.maps.insert(key, fits);
        fits
    }

    /// Size once inflated, of a stream whose size counts for itself.
    fn measured(&self, stream: &Stream) -> u64 {
        match stream.filters().first() {
            Some(Filter::FlateDecode) if stream.filters().len() == 1 => {
                count(&stream.raw_data(), self.limit)
            }
            _ => self.inflated(stream),
        }
    }

    /// Size once inflated, counted up to one byte over the limit. Only DEFLATE is measured: other
    /// filters expand far less, and stacks of them are left to the process's limits.
    fn inflated(&self, stream: &Stream) -> u64 {
        let raw = stream.raw_data();
        let size = raw.len() as u64;
        let filters = stream.filters();
        let stages = filters
            .iter()
            .take_while(|f| **f == Filter::FlateDecode)
            .count();
        match stages {
            0 => size,
            1 if size.saturating_mul(DEFLATE_RATIO_MAX) <= self.limit => {
                // It cannot be too large, and is not worth inflating twice.
                size
            }
            1 => count(&raw, self.limit),
            _ => {
                let mut data = raw.into_owned();
                for _ in 1..stages.min(4) {
                    data = inflate(&data, self.limit);
                    if data.len() as u64 > self.limit {
                        return data.len() as u64;
                    }
                }
                count(&data, self.limit)
            }
        }
    }
}

/// What a stream inflates to at most.
fn at_most(stream: &Stream) -> u64 {
    let size = stream.raw_data().len() as u64;
    let stages = stream.filters().len().min(3) as u32;
    size.saturating_mul(DEFLATE_RATIO_MAX.saturating_pow(stages))
}

/// What drawing an object with this dictionary may draw in turn.
fn follow<'a>(dict: &Dict<'a>, pending: &mut Vec<Dict<'a>>) {
    if let Some(resources) = dict.get::<Dict>(b"Resources") {
        for key in ["XObject", "Font", "Pattern", "ExtGState"] {
            pending.extend(resources.get::<Dict>(key));
        }
    }
    // A font's glyphs, an annotation's states, a soft mask's group.
    pending.extend(dict.get::<Dict>(b"CharProcs"));
    pending.extend(dict.get::<Dict>(b"N"));
    pending.extend(
        dict.get::<Dict>(b"SMask")
            .filter(|mask| mask.contains_key(b"G")),
    );
}

fn inflate(data: &[u8], limit: u64) -> Vec<u8> {
    let mut out = Vec::new();
    // What was inflated before an error still counts.
    let _ = ZlibDecoder::new(data).take(limit + 1).read_to_end(&mut out);
    out
}

/// Counts inflated bytes without keeping them.
fn count(data: &[u8], limit: u64) -> u64 {
    let counted = |reader: &mut dyn Read| {
        let mut buffer = vec![0; 64 << 10];
        let mut total = 0u64;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) | Err(_) => return total,
                Ok(n) => total += n as u64,
            }
            if total > limit {
                return total;
            }
        }
    };
    let zlib = counted(&mut ZlibDecoder::new(data));
    match zlib {
        0 => counted(&mut DeflateDecoder::new(data)),
        total => total,
    }
}

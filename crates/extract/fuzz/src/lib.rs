//! What the fuzz targets have in common: small budgets, so that an input takes milliseconds; files
//! made around what is fuzzed, where the format is a package of parts; and what holds for every
//! extraction, whatever it was made of.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::panic::{catch_unwind, set_hook};
use std::sync::Mutex;

use domain::Span;
use extract::fuzzed::{self, Format};
use extract::{Budgets, Extraction};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Budgets small enough that reaching them is common.
pub fn budgets() -> Budgets {
    Budgets {
        input_bytes: 1 << 20,
        pages: 8,
        glyphs: 20_000,
        draws: 20_000,
        operators: 20_000,
        objects: 20_000,
        stream_bytes: 1 << 20,
        pixels: 1 << 20,
        characters: 50_000,
        lines: 2_000,
        fields: 200,
        attachments: 8,
        attachment_bytes: 1 << 20,
        depth: 16,
        rows: 500,
        columns: 50,
        ..Budgets::default()
    }
}

/// Lets a dependency panic where that is contained, as in the reading child: the parsers are read
/// as others wrote them. A panic in our own code aborts, contained or not.
pub fn begin() {
    let known = Mutex::new(BTreeSet::new());
    set_hook(Box::new(move |panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let foreign = place.contains("/registry/") || place.starts_with("/rustc/");
        if !foreign {
            eprintln!("{panic}");
            std::process::abort();
        }
        // Each of theirs is told once.
        if known
            .lock()
            .is_ok_and(|mut known| known.insert(place.clone()))
        {
            eprintln!("contained: {place}");
        }
    }));
}

/// Reads the bytes as this format and checks what came out.
pub fn read(format: Format, bytes: &[u8]) -> Extraction {
    let budgets = budgets();
    let read = fuzzed::read(format, bytes, &budgets);
    check(&read);
    // Reading twice takes as long again: for some inputs only.
    if bytes.len() % 8 == 0 {
        let again = fuzzed::read(format, bytes, &budgets);
        assert!(read == again, "the same bytes were read differently");
    }
    read
}

/// What holds for every extraction.
pub fn check(read: &Extraction) {
    let within = |span: Span| assert!(Span::of(span, &read.text).is_some(), "{span:?}");
    for page in &read.layout.pages {
        within(page.span);
        for line in page.blocks.iter().flat_map(|block| &block.lines) {
            within(line.span);
        }
    }
    for span in read.layout.fields.iter().filter_map(|field| field.span) {
        within(span);
    }
    let json = serde_json::to_vec(&read.layout).expect("a layout is JSON");
    let back: domain::Layout = serde_json::from_slice(&json).expect("and back");
    assert!(back == read.layout, "the layout is not what its JSON says");
    assert!(read.children.len() <= read.layout.attachments.len());
    let silent = read.text.as_str().is_empty()
        && read.layout.fields.is_empty()
        && read.layout.attachments.is_empty()
        && read.layout.pages.is_empty();
    assert!(
        !silent || !read.layout.notes.is_empty(),
        "nothing was read, and nothing says why"
    );
    let _ = extract::markdown::markdown(&read.text, &read.layout);
}

/// Parts in one input: each is announced by a line `@@@name`. What no line announces is `main`.
pub fn parts<'a>(input: &'a [u8], main: &str) -> Vec<(String, &'a [u8])> {
    let mut parts = Vec::new();
    let mut rest = input;
    let mut name = main.to_owned();
    loop {
        let at = rest.windows(3).position(|window| window == b"@@@");
        let (part, after) = match at {
            Some(at) => (&rest[..at], Some(&rest[at + 3..])),
            None => (rest, None),
        };
        if !part.is_empty() && !name.is_empty() && parts.len() < 40 {
            parts.push((name.clone(), part));
        }
        let Some(after) = after else { return parts };
        let end = after.iter().position(|b| *b == b'\n');
        let (line, after) = after.split_at(end.unwrap_or(after.len()));
        name = String::from_utf8_lossy(line).trim().to_owned();
        rest = after.get(1..).unwrap_or_default();
    }
}

/// A package (ZIP) of the parts of an input; an input that is a package already stays as it is.
pub fn package(input: &[u8], main: &str) -> Vec<u8> {
    if input.starts_with(b"PK\x03\x04") {
        return input.to_vec();
    }
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts(input, main) {
        // A second part of the same name is refused.
        if writer.start_file(name, stored).is_ok() {
            let _ = writer.write_all(bytes);
        }
    }
    writer
        .finish()
        .map_or_else(|_| Vec::new(), Cursor::into_inner)
}

/// A compound file of the parts of an input, `/` between storages; an input that is one already
/// stays as it is.
pub fn compound(input: &[u8], main: &str) -> Vec<u8> {
    if input.starts_with(b"\xd0\xcf\x11\xe0") {
        return input.to_vec();
    }
    let made = || -> std::io::Result<Vec<u8>> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new()))?;
        for (name, bytes) in parts(input, main) {
            if let Some((storage, _)) = name.rsplit_once('/') {
                let _ = file.create_storage_all(storage);
            }
            if let Ok(mut stream) = file.create_stream(&name) {
                stream.write_all(bytes)?;
            }
        }
        file.flush()?;
        Ok(file.into_inner().into_inner())
    };
    // Making a file is not what is looked at.
    catch_unwind(made)
        .ok()
        .and_then(Result::ok)
        .unwrap_or_default()
}

/// A target: reads what an expression makes of the input.
#[macro_export]
macro_rules! target {
    (|$data:ident| $body:expr) => {
        libfuzzer_sys::fuzz_target!(
            init: { $crate::begin(); },
            |$data: &[u8]| {
                $body;
            }
        );
    };
}

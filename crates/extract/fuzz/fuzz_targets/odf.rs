//! OpenDocument texts and presentations.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::{package, read};

extract_fuzz::target!(|data| {
    let bytes = package(data, "content.xml");
    read(Format::Odt, &bytes);
    read(Format::Odp, &bytes)
});

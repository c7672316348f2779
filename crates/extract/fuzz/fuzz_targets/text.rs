//! Text of any encoding, declared in the first line or not at all.
#![no_main]

use extract::fuzzed::{self, Format};
use extract_fuzz::read;

extract_fuzz::target!(|data| {
    let (label, rest) = data.split_at(data.iter().position(|b| *b == b'\n').unwrap_or(0));
    let _ = fuzzed::decoded(rest, &String::from_utf8_lossy(label));
    read(Format::Text, data)
});

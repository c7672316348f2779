//! The Markdown of an extraction reads as its text: no line of it begins a block of its own.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::read;

extract_fuzz::target!(|data| {
    let read = read(Format::Html, data);
    let written = extract::markdown::markdown(&read.text, &read.layout);
    let wrong = written
        .lines()
        .find(|line| line.starts_with("```") || line.starts_with("<"));
    assert!(wrong.is_none(), "{wrong:?}");
});

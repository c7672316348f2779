//! ZIP, gzip and tar; a package of parts is a ZIP too.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::{package, read};

extract_fuzz::target!(|data| match data.split_first() {
    Some((b'g', rest)) => read(Format::Gzip, rest),
    Some((b't', rest)) => read(Format::Tar, rest),
    Some((b'p', rest)) => read(Format::Zip, &package(rest, "a.txt")),
    _ => read(Format::Zip, data),
});

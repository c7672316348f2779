//! XLSX: the parts of a package.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::{package, read};

extract_fuzz::target!(|data| read(Format::Xlsx, &package(data, "xl/worksheets/sheet1.xml")));

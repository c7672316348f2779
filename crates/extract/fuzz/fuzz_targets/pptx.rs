//! PPTX: the parts of a package.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::{package, read};

extract_fuzz::target!(|data| read(Format::Pptx, &package(data, "ppt/slides/slide1.xml")));

//! XML and SVG.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::read;

extract_fuzz::target!(|data| {
    read(Format::Svg, data);
    read(Format::Xml, data)
});

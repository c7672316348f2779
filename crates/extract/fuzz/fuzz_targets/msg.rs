//! Outlook messages: their streams.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::{compound, read};

extract_fuzz::target!(|data| read(Format::Msg, &compound(data, "__properties_version1.0")));

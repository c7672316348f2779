//! What parent and child say to each other.
#![no_main]

use extract::fuzzed;

extract_fuzz::target!(|data| fuzzed::frames(data));

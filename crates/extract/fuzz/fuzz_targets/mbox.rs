//! Mailboxes.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::read;

extract_fuzz::target!(|data| read(Format::Mbox, data));

//! XLS: the records of a workbook.
#![no_main]

use extract::fuzzed::Format;
use extract_fuzz::{compound, read};

extract_fuzz::target!(|data| read(Format::Xls, &compound(data, "Workbook")));

//! What any bytes are taken for, and reading them as that.
#![no_main]

use extract::Input;
use extract::fuzzed;
use extract_fuzz::{budgets, check};

extract_fuzz::target!(|data| {
    let names = [
        None,
        Some("a.eml"),
        Some("a.html"),
        Some("a.csv"),
        Some("a.json"),
        Some("a"),
    ];
    let name = names[data.len() % names.len()];
    let media_type = fuzzed::sniffed(data, name, &budgets());
    assert!(media_type.contains('/'));
    let input = Input {
        bytes: data,
        file_name: name,
        ..Input::default()
    };
    check(&extract::extract(&input, &budgets()));
});

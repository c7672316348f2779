//! The developer's tool: `cargo xtask fixtures` makes the fixtures again.

mod fixtures;

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match std::env::args().nth(1).as_deref() {
        Some("fixtures") => fixtures::generate(&root),
        _ => anyhow::bail!("usage: cargo xtask fixtures"),
    }
}

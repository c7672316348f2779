//! What an index promises, through its public face.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;
mod durability;
mod finding;
mod killed;
mod rights;
mod together;

//! `eval`: figures that anyone can have again, from files that anyone can choose.

mod extract;
mod peers;
mod search;
mod words;

pub use extract::extract;
pub use search::search;

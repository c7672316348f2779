//! `eval`: figures that anyone can have again, from files that anyone can choose.

mod extract;
mod masks;
mod peers;
mod routing;
mod search;
mod words;
mod year;

pub use extract::extract;
pub use masks::masks;
pub use routing::routing;
pub use search::search;
pub use year::year;

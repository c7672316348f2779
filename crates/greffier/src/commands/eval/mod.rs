//! `eval`: figures that anyone can have again, from files that anyone can choose.

mod extract;
mod peers;
mod routing;
mod search;
mod urgent;
mod words;
mod year;

pub use extract::extract;
pub use routing::routing;
pub use search::search;
pub use urgent::urgent;
pub use year::year;

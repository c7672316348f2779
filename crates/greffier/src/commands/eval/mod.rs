//! `eval`: figures that anyone can have again, from files that anyone can choose.

mod alerts;
pub mod dated;
mod extract;
mod forecast;
mod masks;
mod peers;
mod python;
mod routing;
mod search;
mod themes;
mod urgent;
mod words;
mod year;

pub use alerts::alerts;
pub use extract::extract;
pub use forecast::forecast;
pub use masks::masks;
pub use routing::routing;
pub use search::search;
pub use themes::themes;
pub use urgent::urgent;
pub use year::year;

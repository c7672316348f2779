//! Training and measuring of the encoder of our own, `greffier-static-fr-en`.
//!
//! | module | what it does |
//! |---|---|
//! | [`sources`] | the public sources, each pinned by digest (`models/sources.toml`) |
//! | [`material`] | sources to translations, pairs that answer one another, and the parts held out |
//! | [`vocabulary`] | the tokenizer, trained on both languages |
//! | [`teacher`] | vectors of the English sides by another encoder, kept on disk |
//! | [`student`] | the losses, their gradients and the steps |
//! | [`shrink`] | learnt vectors to a table of small integers, and the files that ship |
//! | [`evaluation`] | what the encoder is worth, beside another |
//!
//! Nothing here is in the product: the feature `training` builds it. The same sources, seed and
//! processor give the same bytes, whatever the number of threads: work is cut into parts of fixed
//! size, and sums are taken in a fixed order.

pub mod chance;
pub mod course;
pub mod evaluation;
pub mod material;
pub mod sources;
pub mod student;
pub mod teacher;
pub mod vocabulary;

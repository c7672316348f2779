//! Word processing and presentations: archives of XML parts.
//!
//! | module | what it knows |
//! |---|---|
//! | [`package`] | the archive: its parts by name, inflated within the budgets; relationships |
//! | [`xml`] | a part as a sequence of tags and text |
//! | [`story`] | paragraphs, tables, shapes and form controls under construction, and how they are written to the draft |
//! | [`docx`], [`odf`], [`pptx`], [`rtf`] | what each format writes |
//!
//! Invariants: no entity is expanded but the five of XML and characters; nothing is inflated beyond
//! the budgets; every part that cannot be read to its end is a note.

pub(crate) mod docx;
pub(crate) mod odf;
pub(crate) mod package;
pub(crate) mod pptx;
pub(crate) mod rtf;
pub(crate) mod story;
pub(crate) mod xml;

//! What the page of a document says, ready for its template.

use askama::Template;

use crate::inbox::{Deadline, Link};
use crate::shown::{Moment, Part};
use crate::visit::Frame;

/// A document that resembles this one.
pub(super) struct Alike {
    /// How much, in words.
    pub(super) how: String,
    pub(super) link: Link,
    pub(super) received: Moment,
}

/// The page.
#[derive(Template)]
#[template(path = "document.html")]
pub(super) struct DocumentPage {
    pub(super) f: Frame,
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) id: String,
    pub(super) pipeline: String,
    pub(super) received: Moment,
    pub(super) channel: Option<String>,
    /// Until when it is to be answered, while nobody has decided.
    pub(super) deadline: Option<Deadline>,
    pub(super) parent: Option<Link>,
    pub(super) duplicate_of: Option<Link>,
    /// The documents that it resembles, by reception.
    pub(super) resembles: Vec<Alike>,
    pub(super) why: String,
    pub(super) text_only: Option<String>,
    pub(super) original: String,
    /// Whether its layout is there.
    pub(super) is_read: bool,
    /// A decision was just recorded.
    pub(super) recorded: bool,
    /// What waits next, after a decision.
    pub(super) next: Option<Link>,
    pub(super) act: Option<ActLine>,
    pub(super) proposal: Option<Proposal>,
    pub(super) form: FormView,
    /// What people decided about the documents most like it.
    pub(super) precedents: Vec<PrecedentLine>,
    pub(super) check: Option<Check>,
    pub(super) fields: Fields,
    pub(super) notes: Vec<String>,
    /// How well it was read, in one line.
    pub(super) sheet: Option<String>,
    pub(super) attachments: Vec<AttachmentLine>,
    pub(super) history: Vec<HistoryLine>,
    pub(super) openings: Vec<OpeningLine>,
    pub(super) text: TextView,
}

/// What people decided about a document that is like this one.
pub(super) struct PrecedentLine {
    pub(super) link: Link,
    pub(super) to: String,
    /// How like it is, in words.
    pub(super) how: &'static str,
}

/// What a person decided last.
pub(super) struct ActLine {
    pub(super) text: String,
    pub(super) reason: Option<String>,
}

/// What the software proposes.
pub(super) struct Proposal {
    pub(super) state: String,
    pub(super) kind: &'static str,
    pub(super) service: Option<String>,
    pub(super) causes: Vec<String>,
    pub(super) reasons: Vec<ReasonLine>,
    /// Absent when a rule decided alone: its candidates say nothing more.
    pub(super) candidates: Option<Candidates>,
}

/// One reason.
pub(super) struct ReasonLine {
    pub(super) text: String,
    /// For or against, in words.
    pub(super) stance: &'static str,
    /// The first of its marks in the text.
    pub(super) anchor: Option<String>,
}

/// The services that may be the right one.
pub(super) struct Candidates {
    /// Whether their percentages mean something.
    pub(super) calibrated: bool,
    pub(super) lines: Vec<CandidateLine>,
}

/// One of them.
pub(super) struct CandidateLine {
    pub(super) rank: usize,
    pub(super) service: String,
    pub(super) confidence: String,
}

/// The form by which a person decides, or why there is none.
pub(super) enum FormView {
    /// There is one.
    Open(Box<OpenForm>),
    /// There is none.
    Closed(&'static str),
}

/// The form.
pub(super) struct OpenForm {
    pub(super) action: String,
    /// How many decisions the page shows: another one since must be seen first.
    pub(super) seen: usize,
    /// Shown at once, rather than folded behind what was decided already.
    pub(super) is_first: bool,
    pub(super) problems: Vec<Flaw>,
    /// The services proposed, then the others.
    pub(super) groups: Vec<ServiceGroup>,
    pub(super) by: String,
    pub(super) by_is_wrong: bool,
    pub(super) service_is_wrong: bool,
    pub(super) reason_is_wrong: bool,
    pub(super) reason: String,
    /// The other services, who may have a part or a copy.
    pub(super) others: Vec<OtherChoice>,
    pub(super) others_are_open: bool,
    pub(super) others_are_wrong: bool,
    /// What stands for none of our services.
    pub(super) not_for_us: &'static str,
    pub(super) not_for_us_is_chosen: bool,
    pub(super) to: String,
    pub(super) to_is_wrong: bool,
    pub(super) told: bool,
    /// Whoever wrote is still to be told that another authority is competent.
    pub(super) tell: bool,
}

/// A service that may have a part or a copy.
pub(super) struct OtherChoice {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) also: bool,
    pub(super) copy: bool,
}

/// What is wrong with what was filled, and the field it is about.
pub(super) struct Flaw {
    pub(super) text: &'static str,
    pub(super) field: &'static str,
}

/// Services under one heading.
pub(super) struct ServiceGroup {
    pub(super) title: &'static str,
    pub(super) choices: Vec<ServiceChoice>,
}

/// A service to choose.
pub(super) struct ServiceChoice {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) remark: Option<String>,
    pub(super) checked: bool,
    /// The first of all: what problems lead to.
    pub(super) is_first: bool,
}

/// What a form requires and what is missing.
pub(super) struct Check {
    pub(super) form: Option<String>,
    pub(super) legal_basis: Option<String>,
    pub(super) clock: Option<String>,
    pub(super) missing: Vec<String>,
}

/// Fields, those with a value first.
pub(super) struct Fields {
    pub(super) filled: Vec<FieldLine>,
    pub(super) empty: Vec<String>,
}

/// A field with its value.
pub(super) struct FieldLine {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) page: Option<u32>,
    pub(super) inferred: bool,
}

/// An attachment.
pub(super) struct AttachmentLine {
    pub(super) name: String,
    pub(super) href: Option<String>,
    pub(super) size: String,
    pub(super) notes: Vec<String>,
    pub(super) is_processing: bool,
}

/// Someone who opened it.
pub(super) struct OpeningLine {
    pub(super) at: Moment,
    pub(super) what: &'static str,
    pub(super) who: String,
}

/// One line of the history.
pub(super) struct HistoryLine {
    pub(super) at: Moment,
    pub(super) what: String,
    pub(super) who: String,
    pub(super) leaf: String,
}

/// The text, page by page.
pub(super) struct TextView {
    /// Whether there is one.
    pub(super) is_read: bool,
    /// What is marked in it.
    pub(super) legend: Option<&'static str>,
    /// Language of most of it, when it is known.
    pub(super) lang: Option<String>,
    pub(super) pages: Vec<TextPage>,
    /// Whether some of it is left out.
    pub(super) is_cut: bool,
    /// All of it, for the words of reasons.
    pub(super) whole: String,
}

/// One page of the text.
pub(super) struct TextPage {
    pub(super) number: usize,
    pub(super) parts: Vec<MarkedPart>,
}

/// A part of a page.
pub(super) struct MarkedPart {
    pub(super) part: Part,
    /// The anchor that quotes lead to, on the first mark of a cited passage.
    pub(super) cited: bool,
}

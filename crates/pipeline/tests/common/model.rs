//! What must become of a document, worked out without the pipeline.

use domain::{DocumentId, Source};
use pipeline::ledger::DocumentState;
use pipeline::vault::Vault;

use super::incoming_from;
use super::toys::{children_of, is_told, service_of};

/// What must become of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Its id.
    pub(crate) id: DocumentId,
    /// The document it is found in.
    pub(crate) parent: Option<DocumentId>,
    /// Its bytes.
    pub(crate) text: String,
    /// Activities recorded, in order.
    pub(crate) activities: Vec<&'static str>,
    /// Where it ends.
    pub(crate) state: DocumentState,
    /// Why it was set aside.
    pub(crate) reason: Option<&'static str>,
    /// The service proposed.
    pub(crate) service: Option<&'static str>,
}

/// What must become of a document that arrives from `source`, and of all that is found in it.
pub(crate) fn expected(vault: &Vault, source: Source, text: &str) -> Vec<Expected> {
    let id = incoming_from(source.clone(), text).id(vault).unwrap();
    let parent = match source {
        Source::Part { parent, .. } => Some(parent),
        Source::External(_) | Source::Path(_) => None,
    };
    let stages: &[&'static str] = if parent.is_some() {
        &["extract", "split"]
    } else {
        &["extract", "split", "route"]
    };
    let mut this = Expected {
        id,
        parent,
        text: text.to_owned(),
        activities: vec!["receive"],
        state: DocumentState::Done,
        reason: None,
        service: None,
    };
    let mut found = Vec::new();
    for stage in stages {
        this.activities.push(stage);
        this.reason = [
            ("panic", "panic"),
            ("refuse", "refused"),
            ("undeclared", "undeclared-output"),
        ]
        .into_iter()
        .find_map(|(order, reason)| is_told(text, order, stage).then_some(reason));
        if this.reason.is_some() {
            this.state = DocumentState::Quarantined;
            break;
        }
        match *stage {
            "extract" => {
                for (part, bytes) in children_of(text) {
                    found.extend(expected(vault, Source::Part { parent: id, part }, bytes));
                }
            }
            "route" => this.service = service_of(text),
            _ => {}
        }
    }
    found.insert(0, this);
    found
}

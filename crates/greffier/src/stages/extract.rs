//! `extract`: bytes to text with places, fields, attachments; in a child process that can be killed.

use std::collections::BTreeMap;

use std::sync::Arc;

use ::extract::isolation::{ReadFault, Reader};
use ::extract::ocr::{Missing, Recogniser};
use ::extract::{Budgets, Extraction, Input};
use domain::arrival::Source;
use domain::{Arrival, Kind, Layout, ModelRef, Note, NoteCode, Quality, StageName, canonical};
use pipeline::file::{FileError, SourceFile};
use pipeline::stage::{Child, Fault, Inputs, Output, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Workshop, name, settings};
use crate::args::Password;

/// Settings of `extract`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractSettings {
    /// How much is read before reading stops with a note.
    pub budgets: Budgets,
}

/// How documents are read: in child processes, each within its limits.
pub struct Reading {
    /// Makes a reader with these budgets.
    pub reader: Box<dyn Fn(Budgets) -> Reader + Send + Sync>,
    /// Looks for what recognises these languages on this machine.
    pub recogniser: LookForRecogniser,
    /// Opens files that have a password. Neither logged nor recorded.
    pub password: Option<Password>,
}

/// See [`Reading::recogniser`]. Cheap where there is none, so that it can be asked again.
pub type LookForRecogniser = Arc<dyn Fn(&[String]) -> Result<Recogniser, Missing> + Send + Sync>;

/// The stage.
pub struct Extract {
    settings: serde_json::Value,
    reader: Arc<Reader>,
    password: Option<Password>,
}

impl Extract {
    pub(super) fn build(source: &SourceFile, shop: &Workshop) -> Result<Self, FileError> {
        let (settings, _) = settings::<ExtractSettings>(source, "extract")?;
        let value = super::split::to_value(&settings);
        Ok(Self {
            settings: value,
            reader: Arc::new((shop.reading.reader)(settings.budgets)),
            password: shop.reading.password.clone(),
        })
    }
}

impl Stage for Extract {
    fn name(&self) -> StageName {
        name("extract")
    }

    fn version(&self) -> u32 {
        4
    }

    fn inputs(&self) -> &'static [Kind] {
        &[Kind::Raw, Kind::Arrival]
    }

    fn outputs(&self) -> &'static [Kind] {
        &[Kind::Text, Kind::Layout]
    }

    fn settings(&self) -> &serde_json::Value {
        &self.settings
    }

    fn models(&self) -> Vec<ModelRef> {
        Vec::new()
    }

    fn prefetch(&self) -> u16 {
        1
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let arrival: Arrival = inputs.json(Kind::Arrival)?;
        let input = Input {
            bytes: inputs.bytes(Kind::Raw)?,
            file_name: arrival.file_name.as_deref(),
            media_type: arrival.media_type.as_deref(),
            columns: arrival.columns.as_ref(),
            password: super::extract::password(&arrival, self.password.as_ref()),
        };
        let Extraction {
            text,
            mut layout,
            children,
        } = match self.reader.read(&input) {
            Ok(extraction) => extraction,
            // A child that died may have paid for its neighbours' memory or for a busy machine:
            // a new one tries once more, alone, before anything is said of the document.
            Err(first) if !first.is_passing() => self.reader.read_alone(&input).map_err(fault)?,
            Err(stopped) => return Err(fault(stopped)),
        };
        let children = within(&arrival.source, &text, &mut layout, children);
        let quality = layout.quality.clone();
        let layout = canonical::to_bytes(&layout)?;
        let children = children
            .into_iter()
            .map(|c| Child {
                part: c.part,
                name: c.name,
                media_type: c.media_type,
                bytes: c.bytes,
            })
            .collect();
        Ok(Output {
            artifacts: vec![(Kind::Text, text.into_bytes()), (Kind::Layout, layout)],
            children,
            quality,
        })
    }
}

/// What opens a document: what its manifest says for it alone, else what was given for all.
pub(super) fn password<'a>(arrival: &'a Arrival, given: Option<&'a Password>) -> Option<&'a str> {
    let own = arrival.metadata.get("password").map(String::as_str);
    own.or_else(|| given.map(Password::as_str))
}

/// How many files may lie within one another: a mail in a mail, an archive in an archive. An
/// archive that contains itself would go on for ever.
const NESTING_MAX: usize = 12;

/// The attachments of a document that may become documents. A part is a number, its place among the
/// attachments, whatever the format calls it: `word/embeddings/a.docx` says neither how deep it lies
/// nor how many there are. The part of one within an attachment begins with the attachment's own,
/// `2.1`.
fn within(
    source: &Source,
    text: &str,
    layout: &mut Layout,
    mut children: Vec<::extract::Child>,
) -> Vec<::extract::Child> {
    let mut numbers: BTreeMap<String, String> = BTreeMap::new();
    for (number, attachment) in (1u64..).zip(&mut layout.attachments) {
        let part = std::mem::replace(&mut attachment.part, number.to_string());
        numbers.insert(part, attachment.part.clone());
    }
    for child in &mut children {
        if let Some(number) = numbers.get(&child.part) {
            child.part.clone_from(number);
        }
    }
    let Source::Part { part: above, .. } = source else {
        return children;
    };
    if above.split('.').count() >= NESTING_MAX && !children.is_empty() {
        children.clear();
        let detail = format!("nesting {NESTING_MAX}");
        let note = Note::document(NoteCode::NestedTooDeep, detail);
        layout.notes.push(note);
        layout.notes.sort();
        layout.quality = Some(Quality::of(layout, text));
    }
    let parts = layout.attachments.iter_mut().map(|a| &mut a.part);
    for part in parts.chain(children.iter_mut().map(|c| &mut c.part)) {
        *part = format!("{above}.{part}");
    }
    let all = children.len();
    children.retain(|child| weight(&child.part) <= FAMILY_MAX);
    if children.len() < all {
        let detail = format!("family {FAMILY_MAX}");
        let note = Note::document(NoteCode::NestedTooDeep, detail);
        layout.notes.push(note);
        layout.notes.sort();
        layout.quality = Some(Quality::of(layout, text));
    }
    children
}

/// Parts up to this weight become documents.
const FAMILY_MAX: u64 = 4_000;

/// Bounds how many documents one arrival can become, whatever it contains: an archive of ten copies
/// of itself has 10^12 descendants within the depth above. A part weighs the product of its numbers,
/// doubled for each level beyond the second: four thousand files of an archive, or twenty pieces in
/// each of two hundred mails, are within; the number of parts of bounded weight is bounded.
fn weight(part: &str) -> u64 {
    let mut weight = 1u64;
    for (level, number) in part.split('.').enumerate() {
        let number = number.parse::<u64>().unwrap_or(1).max(1);
        weight = weight.saturating_mul(number);
        if level >= 2 {
            weight = weight.saturating_mul(2);
        }
    }
    weight
}

/// What depends on load or on the machine is never an output: the document is set aside, or where
/// it has nothing to do with it, waits.
pub(super) fn fault(fault: ReadFault) -> Fault {
    let detail = pipeline::verify::chain(&fault);
    if matches!(fault, ReadFault::Start { .. }) {
        tracing::error!(
            detail,
            "no child process could be started to read a document"
        );
        return Fault::RetryAfter {
            after_seconds: 60,
            reason: fault.code().to_owned(),
            go_on: false,
        };
    }
    Fault::Quarantine {
        reason: fault.code().to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use domain::{Attachment, DocumentId};

    use super::*;

    /// Parts of the attachments and of the children of a document that is itself this part.
    fn check(above: Option<&str>, parts: &[&str], opened: usize) {
        let source = match above {
            Some(part) => Source::Part {
                parent: DocumentId::from_bytes([0; 16]),
                part: part.into(),
            },
            None => Source::External("a".into()),
        };
        let mut layout = Layout::empty("application/zip");
        layout.attachments = ["1", "2"]
            .map(|part| Attachment {
                name: "a.txt".into(),
                part: part.into(),
                media_type: "text/plain".into(),
                size: 1,
            })
            .into();
        let children = ["1", "2"].map(|part| ::extract::Child {
            part: part.into(),
            name: "a.txt".into(),
            media_type: "text/plain".into(),
            bytes: vec![b'a'],
        });
        let children = within(&source, "", &mut layout, children.into());
        let listed: Vec<_> = layout.attachments.iter().map(|a| a.part.as_str()).collect();
        assert_eq!(listed, parts);
        let taken: Vec<_> = children.iter().map(|c| c.part.as_str()).collect();
        assert_eq!(taken, parts[..opened]);
        let codes: Vec<_> = layout.notes.iter().map(|note| note.code).collect();
        let expected = [NoteCode::NestedTooDeep];
        assert_eq!(codes, expected[..usize::from(opened == 0)]);
    }

    #[test]
    fn paths_within_an_office_file_are_numbered() {
        let mut layout = Layout::empty("application/zip");
        let path = |n: u32| format!("word/embeddings/e{n}.v2.docx");
        layout.attachments = (1..=3)
            .map(|n| Attachment {
                name: "a.docx".into(),
                part: path(n),
                media_type: "application/zip".into(),
                size: 1,
            })
            .collect();
        let child = ::extract::Child {
            part: path(3),
            name: "a.docx".into(),
            media_type: "application/zip".into(),
            bytes: vec![b'a'],
        };
        let source = Source::Part {
            parent: DocumentId::from_bytes([0; 16]),
            part: "2".into(),
        };
        let children = within(&source, "", &mut layout, vec![child]);
        assert_eq!(children[0].part, "2.3");
        assert_eq!(layout.attachments[0].part, "2.1");
    }

    #[test]
    fn an_archive_of_copies_of_itself_has_a_bounded_family() {
        // Every archive holds ten of itself: how many documents come of the first?
        let (mut level, mut family) = (vec!["1".to_owned()], 0usize);
        while !level.is_empty() {
            family += level.len();
            level = level
                .iter()
                .filter(|part| part.split('.').count() < NESTING_MAX)
                .flat_map(|part| (1..=10).map(move |n| format!("{part}.{n}")))
                .filter(|part| weight(part) <= FAMILY_MAX)
                .collect();
        }
        assert!(family < 100_000, "{family}");
        assert!(weight("200.20") <= FAMILY_MAX && weight("1.1.1.1.1.1.1.1") <= FAMILY_MAX);
    }

    #[test]
    fn parts_say_how_deep_they_lie_and_depth_is_bounded() {
        check(None, &["1", "2"], 2);
        check(Some("3"), &["3.1", "3.2"], 2);
        let above = |levels| vec!["1"; levels].join(".");
        let (last, beyond) = (above(NESTING_MAX - 1), above(NESTING_MAX));
        check(
            Some(&last),
            &[&format!("{last}.1"), &format!("{last}.2")],
            2,
        );
        check(
            Some(&beyond),
            &[&format!("{beyond}.1"), &format!("{beyond}.2")],
            0,
        );
    }
}

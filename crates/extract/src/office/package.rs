//! An archive of parts (ECMA-376 part 2, ODF part 2): parts by name, inflated within the budgets.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use domain::NoteCode;
use zip::ZipArchive;
use zip::result::ZipError;

use super::xml::{self, Node};
use crate::budgets::Budget;
use crate::charset;
use crate::draft::Draft;

/// All parts of one archive may inflate to this many times what one part may.
const PARTS_OVER_PART: u64 = 4;

/// Logos, lines and bullets have fewer bytes; a page that was scanned has more.
const DECORATION_BYTES_MAX: usize = 5_000;

/// An open archive.
pub(crate) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Names of all parts, sorted.
    names: Vec<String>,
    inflated: u64,
}

impl<'a> Package<'a> {
    /// Opens the archive; `format` is what the note says when it cannot be.
    pub(crate) fn open(bytes: &'a [u8], format: &str, draft: &mut Draft) -> Option<Self> {
        let Ok(archive) = ZipArchive::new(Cursor::new(bytes)) else {
            draft.note(NoteCode::DamagedFile, Some(format.into()));
            return None;
        };
        if archive.len() as u64 > draft.budgets.objects {
            draft.reached(Budget::Objects);
            return None;
        }
        let mut names: Vec<String> = archive
            .file_names()
            .flatten()
            .map(|name| name.into_owned())
            .collect();
        names.sort();
        names.dedup();
        Some(Self {
            archive,
            names,
            inflated: 0,
        })
    }

    /// Whether there is a part of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names
            .binary_search_by(|n| n.as_str().cmp(name))
            .is_ok()
    }

    /// Names of the parts that begin like this, in the order of their numbers: `slide2` before
    /// `slide10`.
    pub(crate) fn names(&self, start: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .names
            .iter()
            .filter(|name| name.starts_with(start) && !name.ends_with('/'))
            .cloned()
            .collect();
        names.sort_by_key(|name| (number(name), name.clone()));
        names
    }

    /// As [`names`](Self::names), of XML parts whose name goes on with nothing but a number.
    pub(crate) fn numbered(&self, start: &str) -> Vec<String> {
        let mut names = self.names(start);
        names.retain(|name| {
            name.strip_prefix(start)
                .and_then(|rest| rest.strip_suffix(".xml"))
                .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        });
        names
    }

    /// A part's bytes. `None` when there is no such part, or with a note why it is not read.
    pub(crate) fn bytes(&mut self, name: &str, draft: &mut Draft) -> Option<Vec<u8>> {
        let file = match self.archive.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return None,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                draft.note(NoteCode::Encrypted, Some("ZIP".into()));
                return None;
            }
            Err(_) => {
                draft.note(NoteCode::DamagedFile, Some(name.into()));
                return None;
            }
        };
        let part = draft.budgets.stream_bytes;
        let left = part
            .saturating_mul(PARTS_OVER_PART)
            .saturating_sub(self.inflated);
        let limit = part.min(left);
        let mut bytes = Vec::new();
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        self.inflated = self.inflated.saturating_add(bytes.len() as u64);
        if bytes.len() as u64 > limit {
            draft.reached(Budget::StreamBytes);
            return None;
        }
        if read.is_err() {
            draft.note(NoteCode::DamagedFile, Some(name.into()));
        }
        Some(bytes)
    }

    /// A part as text, in the encoding that it declares.
    pub(crate) fn text(&mut self, name: &str, draft: &mut Draft) -> Option<String> {
        let bytes = self.bytes(name, draft)?;
        let decoded = charset::decode(&bytes, xml::declared_encoding(&bytes).as_deref());
        Some(decoded.text)
    }

    /// Makes the files of a folder attachments.
    pub(crate) fn attach(&mut self, folder: &str, draft: &mut Draft) {
        for path in self.names(folder) {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let kind = media_type(&name).to_owned();
            match self.bytes(&path, draft) {
                Some(bytes) => draft.attach(path, name, kind, &bytes),
                None => draft.attach_unreadable(path, name, kind),
            }
        }
    }

    /// Makes the pictures of a folder attachments, whatever else the document says: a scan may be
    /// pasted into a letter. Small ones are decoration, and so is what only `margins` show.
    pub(crate) fn attach_pictures(
        &mut self,
        folder: &str,
        margins: &BTreeSet<String>,
        draft: &mut Draft,
    ) {
        for path in self.names(folder) {
            if margins.contains(&path) {
                continue;
            }
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let kind = media_type(&name).to_owned();
            match self.bytes(&path, draft) {
                Some(bytes) if bytes.len() <= DECORATION_BYTES_MAX => {}
                Some(bytes) => draft.attach(path, name, kind, &bytes),
                None => draft.attach_unreadable(path, name, kind),
            }
        }
    }

    /// The pictures that parts with names like `margins` show, and `body` do not.
    pub(crate) fn pictures_of_margins(
        &mut self,
        margins: &[&str],
        body: &[String],
        draft: &mut Draft,
    ) -> BTreeSet<String> {
        let parts = margins.iter().flat_map(|start| self.numbered(start));
        let parts: Vec<String> = parts.collect();
        let mut found = BTreeSet::new();
        for part in parts {
            found.extend(self.relationships(&part, draft).of_kind("image"));
        }
        for part in body {
            for picture in self.relationships(part, draft).of_kind("image") {
                found.remove(&picture);
            }
        }
        found
    }

    /// The relationships of a part: identifier to the part it names. Those that lead outside of
    /// the archive are left out.
    pub(crate) fn relationships(&mut self, of: &str, draft: &mut Draft) -> Relationships {
        let (folder, file) = of.rsplit_once('/').unwrap_or(("", of));
        let name = match folder {
            "" => format!("_rels/{file}.rels"),
            folder => format!("{folder}/_rels/{file}.rels"),
        };
        let mut found = Relationships::default();
        let Some(text) = self.text(&name, draft) else {
            return found;
        };
        xml::walk(&text, &name, draft, |node, _| {
            if let Node::Start(tag) = node
                && tag.name() == "Relationship"
                && tag.attribute("TargetMode").as_deref() != Some("External")
                && let (Some(id), Some(target)) = (tag.attribute("Id"), tag.attribute("Target"))
            {
                let kind = tag.attribute("Type").unwrap_or_default();
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                found.0.insert(id, (kind, resolve(folder, &target)));
            }
            xml::CONTINUE
        });
        found
    }
}

/// Where the parts lie that a part refers to.
#[derive(Default)]
pub(crate) struct Relationships(BTreeMap<String, (String, String)>);

impl Relationships {
    /// The part of this identifier.
    pub(crate) fn target(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(|(_, target)| target.as_str())
    }

    /// The parts of this kind (the last word of the relationship's type), in the order of names.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<String> {
        let mut targets: Vec<String> = self
            .0
            .values()
            .filter(|(k, _)| k == kind)
            .map(|(_, target)| target.clone())
            .collect();
        targets.sort();
        targets.dedup();
        targets
    }
}

/// A target as written in a relationship, as a name in the archive.
fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => folder.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The last number in a name.
fn number(name: &str) -> u64 {
    let end = name
        .rfind(|c: char| c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let head = &name[..end];
    let start = head.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| {
        at + head[at..].chars().next().map_or(1, char::len_utf8)
    });
    head[start..].parse().unwrap_or(0)
}

/// The media type that people would expect under a name.
pub(crate) fn media_type(name: &str) -> &'static str {
    match crate::sniff::extension(name).as_deref() {
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("pptx") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        Some("pdf") => "application/pdf",
        Some("doc") => "application/msword",
        Some("xls") => "application/vnd.ms-excel",
        Some("odt") => "application/vnd.oasis.opendocument.text",
        Some("ods") => "application/vnd.oasis.opendocument.spreadsheet",
        Some("htm" | "html") => "text/html",
        Some("rtf") => "application/rtf",
        Some("txt") => "text/plain",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("tif" | "tiff") => "image/tiff",
        Some("gif") => "image/gif",
        Some("bmp") => "image/bmp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_names_in_the_archive() {
        let check = |folder: &str, target: &str, name: &str| {
            assert_eq!(resolve(folder, target), name);
        };
        check("word", "media/a.png", "word/media/a.png");
        check("xl/worksheets", "../drawings/d.xml", "xl/drawings/d.xml");
        check("xl", "/xl/worksheets/s.xml", "xl/worksheets/s.xml");
        check("", "../../word/document.xml", "word/document.xml");
    }

    #[test]
    fn numbers_order_names() {
        let check = |name: &str, expected: u64| assert_eq!(number(name), expected);
        check("ppt/slides/slide12.xml", 12);
        check("word/document.xml", 0);
        check("pièce é3", 3);
        check("99999999999999999999999", 0);
    }
}

//! Outlook messages (MS-OXMSG): the same block of headers, body and attachments as a mail.
//!
//! A message within a message is written out as a file of its own, to be read as any other.

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use cfb::CompoundFile;
use domain::NoteCode;
use mail_parser::DateTime;

use crate::draft::Draft;
use crate::{charset, html, mail, plain};

const MSG: &str = "application/vnd.ms-outlook";

/// The stream of a storage's values of fixed size.
const PROPERTIES: &str = "__properties_version1.0";

/// Bytes before the values, in a file's root, and in a message within another.
const ROOT_HEAD: usize = 32;
const EMBEDDED_HEAD: usize = 24;
/// As above, in an attachment.
const ATTACHMENT_HEAD: usize = 8;

/// The storage that holds an attached message.
const EMBEDDED: &str = "__substg1.0_3701000D";

/// Property tags (MS-OXPROPS).
mod tag {
    pub(super) const SUBJECT: u16 = 0x0037;
    pub(super) const SUBMITTED: u16 = 0x0039;
    pub(super) const DELIVERED: u16 = 0x0e06;
    pub(super) const SENDER_NAME: u16 = 0x0c1a;
    pub(super) const SENDER_ADDRESS: u16 = 0x0c1f;
    pub(super) const SENDER_SMTP: u16 = 0x5d01;
    pub(super) const DISPLAY_TO: u16 = 0x0e04;
    pub(super) const DISPLAY_CC: u16 = 0x0e03;
    pub(super) const BODY: u16 = 0x1000;
    pub(super) const RTF: u16 = 0x1009;
    pub(super) const HTML: u16 = 0x1013;
    pub(super) const CODE_PAGE: u16 = 0x3ffd;
    pub(super) const ATTACHED_DATA: u16 = 0x3701;
    pub(super) const ATTACHED_SHORT_NAME: u16 = 0x3704;
    pub(super) const ATTACHED_LONG_NAME: u16 = 0x3707;
    pub(super) const ATTACHED_TYPE: u16 = 0x370e;
    pub(super) const DISPLAY_NAME: u16 = 0x3001;
    pub(super) const SMTP_ADDRESS: u16 = 0x39fe;
    pub(super) const ADDRESS: u16 = 0x3003;
    pub(super) const RECIPIENT_TYPE: u16 = 0x0c15;
}

/// Reads a message.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let Ok(file) = CompoundFile::open(Cursor::new(bytes)) else {
        draft.note(NoteCode::DamagedFile, Some("MSG".into()));
        return;
    };
    if !draft.page(0.0, 0.0) {
        return;
    }
    draft.infer_pairs = true;
    let mut message = Message::new(file, draft.budgets.stream_bytes);
    headers(&mut message, draft);
    body(&mut message, draft);
    for storage in message.storages("__attach_version1.0_#", draft.budgets.objects) {
        if !draft.has_room() {
            draft.leave_out();
            continue;
        }
        attachment(&mut message, &storage, draft);
    }
}

/// The streams of a message.
struct Message<'a> {
    file: CompoundFile<Cursor<&'a [u8]>>,
    stream_bytes: u64,
    /// The encoding of strings that are not UTF-16.
    charset: Option<String>,
}

impl<'a> Message<'a> {
    fn new(file: CompoundFile<Cursor<&'a [u8]>>, stream_bytes: u64) -> Self {
        let mut message = Self {
            file,
            stream_bytes,
            charset: None,
        };
        message.charset = match message.fixed("", ROOT_HEAD, tag::CODE_PAGE) {
            Some(65001) => Some("utf-8".into()),
            Some(page) => Some(format!("windows-{}", page & 0xffff)),
            None => None,
        };
        message
    }

    fn stream(&mut self, path: &str) -> Option<Vec<u8>> {
        let stream = self.file.open_stream(path).ok()?;
        if stream.len() > self.stream_bytes {
            return None;
        }
        let mut bytes = Vec::new();
        // What a damaged file still holds is read.
        let _ = stream.take(self.stream_bytes).read_to_end(&mut bytes);
        Some(bytes)
    }

    /// A property of variable size, in the storage `at` (`""` or `/name`).
    fn bytes(&mut self, at: &str, tag: u16, kind: u16) -> Option<Vec<u8>> {
        self.stream(&format!("{at}/__substg1.0_{tag:04X}{kind:04X}"))
    }

    fn text(&mut self, at: &str, tag: u16) -> Option<String> {
        let text = if let Some(bytes) = self.bytes(at, tag, 0x001f) {
            encoding_rs::UTF_16LE
                .decode_without_bom_handling(&bytes)
                .0
                .into_owned()
        } else {
            let bytes = self.bytes(at, tag, 0x001e)?;
            charset::decode(&bytes, self.charset.as_deref()).text
        };
        let text = text.trim_matches('\0').trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A property of eight bytes or fewer.
    fn fixed(&mut self, at: &str, head: usize, tag: u16) -> Option<u64> {
        let bytes = self.stream(&format!("{at}/{PROPERTIES}"))?;
        let entries = bytes.get(head..)?.chunks_exact(16);
        entries
            .filter_map(|entry| entry.split_last_chunk::<8>())
            .find(|(key, _)| key.get(2..4) == Some(&tag.to_le_bytes()))
            .map(|(_, value)| u64::from_le_bytes(*value))
    }

    /// The storages whose names begin so, in order.
    fn storages(&self, prefix: &str, limit: u64) -> Vec<String> {
        let mut names: Vec<String> = (self.file.read_root_storage())
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .filter(|entry| entry.is_storage() && entry.name().starts_with(prefix))
            .map(|entry| format!("/{}", entry.name()))
            .collect();
        names.sort();
        names
    }
}

fn headers(message: &mut Message, draft: &mut Draft) {
    let subject = message.text("", tag::SUBJECT);
    draft.title.clone_from(&subject);
    let from = person(
        message.text("", tag::SENDER_NAME),
        message
            .text("", tag::SENDER_SMTP)
            .or_else(|| message.text("", tag::SENDER_ADDRESS)),
    );
    let (mut to, mut cc) = (Vec::new(), Vec::new());
    for storage in message.storages("__recip_version1.0_#", draft.budgets.objects) {
        let kind = message.fixed(&storage, ATTACHMENT_HEAD, tag::RECIPIENT_TYPE);
        let name = message.text(&storage, tag::DISPLAY_NAME);
        let address = message
            .text(&storage, tag::SMTP_ADDRESS)
            .or_else(|| message.text(&storage, tag::ADDRESS));
        let people = match kind.map(|kind| kind & 0xf) {
            Some(2) => &mut cc,
            Some(3) => continue,
            _ => &mut to,
        };
        people.extend(person(name, address));
    }
    let people = |people: Vec<String>| (!people.is_empty()).then(|| people.join(", "));
    let to = people(to).or_else(|| message.text("", tag::DISPLAY_TO));
    let cc = people(cc).or_else(|| message.text("", tag::DISPLAY_CC));
    let date = message
        .fixed("", ROOT_HEAD, tag::SUBMITTED)
        .or_else(|| message.fixed("", ROOT_HEAD, tag::DELIVERED))
        .and_then(date);
    mail::write_headers(
        [
            ("from", "De", from),
            ("to", "À", to),
            ("cc", "Cc", cc),
            ("date", "Date", date),
            ("subject", "Objet", subject),
        ],
        draft,
    );
}

/// `Anne Roy <anne@exemple.fr>`. An address of Exchange's own directory says nothing to people.
fn person(name: Option<String>, address: Option<String>) -> Option<String> {
    let address = address.filter(|address| address.contains('@'));
    match (name, address) {
        (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
        (one, other) => other.or(one),
    }
}

/// From hundreds of nanoseconds since 1601.
fn date(filetime: u64) -> Option<String> {
    const TO_1970: u64 = 11_644_473_600;
    let seconds = (filetime / 10_000_000).checked_sub(TO_1970)?;
    let date = DateTime::from_timestamp(i64::try_from(seconds).ok()?);
    date.is_valid().then(|| date.to_rfc3339())
}

/// The plain body; without it, the HTML one.
fn body(message: &mut Message, draft: &mut Draft) {
    if let Some(text) = message.text("", tag::BODY) {
        plain::paragraphs(&text, draft);
    } else if let Some(page) = message.bytes("", tag::HTML, 0x0102) {
        let decoded = html::decode(&page);
        decoded.note(draft);
        html::read_str(&decoded.text, draft);
    } else if let Some(page) = message.text("", tag::HTML) {
        html::read_str(&page, draft);
    } else if message.bytes("", tag::RTF, 0x0102).is_some() {
        draft.note(NoteCode::NotReadableYet, Some("RTF".into()));
    }
}

fn attachment(message: &mut Message, storage: &str, draft: &mut Draft) {
    let number = (draft.attachment_count() + 1).to_string();
    let name = [
        tag::ATTACHED_LONG_NAME,
        tag::ATTACHED_SHORT_NAME,
        tag::DISPLAY_NAME,
    ]
    .into_iter()
    .find_map(|tag| message.text(storage, tag));
    let embedded = format!("{storage}/{EMBEDDED}");
    if message.file.is_storage(&embedded) {
        let name = match name {
            Some(name) if name.to_ascii_lowercase().ends_with(".msg") => name,
            Some(name) => format!("{name}.msg"),
            None => format!("message-{number}.msg"),
        };
        match written_out(message, &embedded, draft.attachment_bytes_left()) {
            Some(bytes) => draft.attach(number, name, MSG.into(), &bytes),
            None => draft.attach_unreadable(number, name, MSG.into()),
        }
        return;
    }
    let media_type = message
        .text(storage, tag::ATTACHED_TYPE)
        .unwrap_or_else(|| "application/octet-stream".into());
    let name = name.unwrap_or_else(|| format!("part-{number}"));
    match message.bytes(storage, tag::ATTACHED_DATA, 0x0102) {
        Some(bytes) => draft.attach(number, name, media_type, &bytes),
        None => draft.attach_unreadable(number, name, media_type),
    }
}

/// A storage as a file of its own. `None` when it cannot be read or takes more than `limit` bytes.
fn written_out(message: &mut Message, storage: &str, limit: u64) -> Option<Vec<u8>> {
    let root = Path::new(storage);
    let entries: Vec<_> = (message.file.walk_storage(root).ok()?)
        .filter(|entry| entry.path() != root)
        .map(|entry| (entry.path().to_owned(), entry.is_stream(), entry.len()))
        .collect();
    let total: u64 = entries.iter().map(|(_, _, length)| length).sum();
    if total > limit {
        return None;
    }
    let mut out = CompoundFile::create(Cursor::new(Vec::new())).ok()?;
    for (path, is_stream, _) in entries {
        let inner = Path::new("/").join(path.strip_prefix(root).ok()?);
        if !is_stream {
            out.create_storage(&inner).ok()?;
            // The same message makes the same bytes whenever it is read.
            out.set_created_time(&inner, UNIX_EPOCH).ok()?;
            out.set_modified_time(&inner, UNIX_EPOCH).ok()?;
            continue;
        }
        let mut bytes = message.stream(path.to_str()?)?;
        // At the root of a file, the head of the values is longer.
        if inner == Path::new("/").join(PROPERTIES) && bytes.len() >= EMBEDDED_HEAD {
            bytes.splice(EMBEDDED_HEAD..EMBEDDED_HEAD, [0; ROOT_HEAD - EMBEDDED_HEAD]);
        }
        out.create_stream(&inner).ok()?.write_all(&bytes).ok()?;
    }
    out.set_modified_time("/", UNIX_EPOCH).ok()?;
    out.flush().ok()?;
    Some(out.into_inner().into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budgets, Extraction, Input, extract};

    /// A message file from its streams; storages are made as paths need them.
    fn msg(streams: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        for (path, bytes) in streams {
            let path = Path::new("/").join(path);
            file.create_storage_all(path.parent().unwrap()).unwrap();
            file.create_stream(&path).unwrap().write_all(bytes).unwrap();
        }
        file.flush().unwrap();
        file.into_inner().into_inner()
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// A stream of values of fixed size after a head of this length.
    fn values(head: usize, values: &[(u16, u64)]) -> Vec<u8> {
        let mut out = vec![0; head];
        for (tag, value) in values {
            out.extend([0x40, 0]);
            out.extend(tag.to_le_bytes());
            out.extend([0; 4]);
            out.extend(value.to_le_bytes());
        }
        out
    }

    fn read(bytes: &[u8]) -> Extraction {
        let input = Input {
            bytes,
            ..Input::default()
        };
        extract(&input, &Budgets::default())
    }

    #[test]
    fn a_message_is_headers_body_and_attachments() {
        // 2026-11-18T18:40:00Z
        let date = (1_795_027_200 + 11_644_473_600) * 10_000_000;
        let inner = "__attach_version1.0_#00000001/__substg1.0_3701000D";
        let at = |name: &str| format!("{inner}/{name}");
        let bytes = msg(&[
            ("__properties_version1.0", &values(32, &[(0x0039, date)])),
            ("__substg1.0_0037001F", &utf16("Éclairage HS")),
            ("__substg1.0_0C1A001F", &utf16("Anaïs Roy")),
            ("__substg1.0_0C1F001F", &utf16("/O=MAIRIE/CN=ROY")),
            ("__substg1.0_5D01001F", &utf16("anais@exemple.fr")),
            ("__substg1.0_0E04001F", &utf16("Voirie")),
            (
                "__substg1.0_1000001F",
                &utf16("Bonjour,\r\n\r\nLieu : 12 rue des Lilas\r\n"),
            ),
            (
                "__attach_version1.0_#00000000/__substg1.0_3707001F",
                &utf16("été.pdf"),
            ),
            (
                "__attach_version1.0_#00000000/__substg1.0_37010102",
                b"%PDF-1.7",
            ),
            (
                &at("__properties_version1.0"),
                &values(24, &[(0x0039, date)]),
            ),
            (&at("__substg1.0_0037001E"), b"D\xe9j\xe0"),
            (&at("__substg1.0_10130102"), b"<p>Dedans</p>"),
        ]);
        let read = read(&bytes);
        assert_eq!(read.layout.media_type, MSG);
        assert_eq!(
            read.text.as_str(),
            "De : Anaïs Roy <anais@exemple.fr>\nÀ : Voirie\nDate : 2026-11-18T18:40:00Z\n\
             Objet : Éclairage HS\n\nBonjour,\n\nLieu : 12 rue des Lilas"
        );
        let names: Vec<_> = read.children.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["été.pdf", "message-2.msg"]);
        assert_eq!(read.children[0].bytes, b"%PDF-1.7");
        let nested = super::tests::read(&read.children[1].bytes);
        assert_eq!(
            nested.text.as_str(),
            "Date : 2026-11-18T18:40:00Z\nObjet : Déjà\n\nDedans"
        );
        assert_eq!(read.layout.notes, []);
    }

    #[test]
    fn cut_anywhere_a_message_ends() {
        let whole = msg(&[
            ("__properties_version1.0", &values(32, &[])),
            ("__substg1.0_1000001F", &utf16("Bonjour")),
        ]);
        for cut in (0..whole.len()).step_by(37) {
            read(&whole[..cut]);
        }
    }
}

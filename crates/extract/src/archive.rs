//! Archives: each file within becomes a document of its own; nothing else is read of them.
//!
//! A member's path is only a name: nothing is ever written where it says. What is taken out is
//! bounded by the budgets of attachments; how deep archives nest, by whoever reads the children.

use std::io::{Cursor, Read};

use domain::NoteCode;
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::budgets::Budget;
use crate::charset;
use crate::draft::Draft;

/// What the members of an archive are declared as: it does not say.
const MEMBER: &str = "application/octet-stream";

/// Reads a ZIP.
pub(crate) fn read_zip(bytes: &[u8], password: Option<&str>, draft: &mut Draft) {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        draft.note(NoteCode::DamagedFile, Some("ZIP".into()));
        return;
    };
    // Of two members of one name only the last can be asked for.
    let hidden = members(bytes).saturating_sub(archive.len());
    if hidden > 0 {
        let detail = format!("{hidden} of the name of another");
        draft.note(NoteCode::AttachmentUnreadable, Some(detail));
    }
    for index in 0..archive.len() {
        let number = (draft.attachment_count() + 1).to_string();
        let Some((name, encrypted)) = listed(&mut archive, index) else {
            draft.attach_unreadable(number.clone(), format!("part-{number}"), MEMBER.into());
            continue;
        };
        if name.ends_with('/') || is_housekeeping(&name) {
            continue;
        }
        if !draft.has_room() {
            draft.leave_out();
            continue;
        }
        let member = match password.filter(|_| encrypted) {
            Some(password) => archive.by_index_decrypt(index, password.as_bytes()),
            None => archive.by_index(index),
        };
        match member {
            Ok(member) => attach(member, number, name, draft),
            Err(_) => {
                if encrypted {
                    draft.note(NoteCode::Encrypted, Some("ZIP".into()));
                }
                draft.attach_unreadable(number, name, MEMBER.into());
            }
        }
    }
}

/// How many members the archive says it has, in the record at its end (APPNOTE, 4.3.16); 0 where
/// there is none, or where another record says it.
fn members(bytes: &[u8]) -> usize {
    const END: &[u8] = b"PK\x05\x06";
    const ELSEWHERE: u16 = u16::MAX;
    let Some(at) = bytes.windows(END.len()).rposition(|w| w == END) else {
        return 0;
    };
    match bytes.get(at + 10..at + 12) {
        Some(&[low, high]) => match u16::from_le_bytes([low, high]) {
            ELSEWHERE => 0,
            members => usize::from(members),
        },
        _ => 0,
    }
}

/// The name of a member, and whether it is encrypted. `None` when its head is damaged.
fn listed(archive: &mut ZipArchive<Cursor<&[u8]>>, index: usize) -> Option<(String, bool)> {
    let member = archive.by_index_raw(index).ok()?;
    Some((member_name(member.name_raw()), member.encrypted()))
}

/// UTF-8 where it is that; else the code page of French consoles, which for letters agrees with the
/// one that ZIP names.
fn member_name(raw: &[u8]) -> String {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => charset::cp850(raw),
    };
    name.replace('\\', "/")
}

/// Whether a member is what an operating system leaves beside people's files.
fn is_housekeeping(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|folder| folder == "__MACOSX")
        || matches!(name, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}

fn attach(member: ZipFile<Cursor<&[u8]>>, number: String, name: String, draft: &mut Draft) {
    // What there is no room for is not inflated to find out.
    let stream = draft.budgets.stream_bytes;
    let limit = stream.min(draft.attachment_bytes_left());
    let mut bytes = Vec::new();
    let read = member.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    if bytes.len() as u64 > limit {
        draft.reached(match limit < stream {
            true => Budget::AttachmentBytes,
            false => Budget::StreamBytes,
        });
        draft.attach_unreadable(number, name, MEMBER.into());
    } else if read.is_err() {
        draft.attach_unreadable(number, name, MEMBER.into());
    } else {
        draft.attach(number, name, MEMBER.into(), &bytes);
    }
}

/// Reads a gzip: one file.
pub(crate) fn read_gzip(bytes: &[u8], file_name: Option<&str>, draft: &mut Draft) {
    let limit = draft.budgets.stream_bytes;
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes);
    let mut inflated = Vec::new();
    let read = (&mut decoder)
        .take(limit.saturating_add(1))
        .read_to_end(&mut inflated);
    let name = gzip_name(decoder.header(), file_name);
    if inflated.len() as u64 > limit {
        draft.reached(Budget::StreamBytes);
        draft.attach_unreadable("1".into(), name, MEMBER.into());
        return;
    }
    if read.is_err() {
        draft.note(NoteCode::DamagedFile, Some("GZIP".into()));
    }
    if inflated.is_empty() {
        draft.note(NoteCode::Empty, None);
    } else {
        draft.attach("1".into(), name, MEMBER.into(), &inflated);
    }
}

/// The name of the packed file: as the header says, else the archive's without its ending.
fn gzip_name(header: Option<&flate2::GzHeader>, file_name: Option<&str>) -> String {
    let said = header.and_then(|header| header.filename());
    if let Some(name) = said.filter(|name| !name.is_empty()) {
        return member_name(name);
    }
    let name = file_name.unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    match name.rsplit_once('.') {
        Some((stem, "tgz")) => format!("{stem}.tar"),
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => "part-1".to_owned(),
    }
}

/// Bytes of a record of a tar.
const RECORD: usize = 512;

/// Whether the bytes begin with a header of a tar (POSIX.1-1988 and GNU).
pub(crate) fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// Reads a tar.
pub(crate) fn read_tar(bytes: &[u8], draft: &mut Draft) {
    let mut rest = bytes;
    let mut long_name = None;
    while let Some((head, after)) = rest.split_first_chunk::<RECORD>() {
        if head.iter().all(|b| *b == 0) {
            return;
        }
        let Some(size) = octal(&head[124..136]).filter(|size| *size <= after.len()) else {
            draft.note(NoteCode::DamagedFile, Some("TAR".into()));
            return;
        };
        let data = &after[..size];
        rest = after
            .get(size.next_multiple_of(RECORD)..)
            .unwrap_or_default();
        match head[156] {
            // GNU: the next member's name, which is too long for its header.
            b'L' => long_name = Some(member_name(until_nul(data))),
            b'x' => long_name = pax_path(data).or(long_name),
            b'0' | b'\0' | b'7' => {
                let name = long_name.take().unwrap_or_else(|| tar_name(head));
                if name.ends_with('/') || is_housekeeping(&name) {
                    continue;
                }
                let number = (draft.attachment_count() + 1).to_string();
                draft.attach(number, name, MEMBER.into(), data);
            }
            // Folders, links, devices, comments: nothing to read.
            _ => long_name = None,
        }
    }
    if !rest.is_empty() {
        draft.note(NoteCode::DamagedFile, Some("TAR".into()));
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or_default()
}

fn tar_name(head: &[u8; RECORD]) -> String {
    let (name, prefix) = (until_nul(&head[..100]), until_nul(&head[345..500]));
    // GNU keeps times where POSIX keeps the start of a long path.
    let posix = &head[257..263] == b"ustar\0";
    match prefix {
        [_, ..] if posix => member_name(&[prefix, b"/", name].concat()),
        _ => member_name(name),
    }
}

fn octal(digits: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(until_nul(digits)).ok()?.trim();
    usize::from_str_radix(digits, 8).ok()
}

/// The path among the `length key=value` lines of an extended header.
fn pax_path(data: &[u8]) -> Option<String> {
    let mut lines = data.split(|b| *b == b'\n');
    lines.find_map(|line| {
        let space = line.iter().position(|b| *b == b' ')?;
        line[space + 1..].strip_prefix(b"path=").map(member_name)
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use domain::{Note, NoteCode};
    use zip::write::SimpleFileOptions;

    use crate::{Budgets, Extraction, Input, extract};

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn tar(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, kind, bytes) in members {
            let mut head = [0u8; 512];
            head[..name.len()].copy_from_slice(name.as_bytes());
            head[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
            head[156] = *kind;
            head[257..265].copy_from_slice(b"ustar\x0000");
            out.extend(head);
            out.extend(*bytes);
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.extend([0; 1024]);
        out
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], name: &str, budgets: &Budgets) -> Extraction {
        let input = Input {
            bytes,
            file_name: Some(name),
            ..Input::default()
        };
        extract(&input, budgets)
    }

    fn check(bytes: &[u8], name: &str, members: &[(&str, &str, &[u8])], notes: &[Note]) {
        let read = read(bytes, name, &Budgets::default());
        let found: Vec<_> = (read.children.iter())
            .map(|child| (child.part.as_str(), child.name.as_str(), &child.bytes[..]))
            .collect();
        assert_eq!(found, members);
        assert_eq!(read.layout.notes, notes);
    }

    #[test]
    fn members_become_documents_in_order() {
        let bytes = zip(&[
            ("pièces/b.txt", b"deux"),
            ("__MACOSX/pièces/._b.txt", b"x"),
            ("pièces/.DS_Store", b"x"),
            ("../../a.txt", b"un"),
        ]);
        let members = [
            ("1", "pièces/b.txt", &b"deux"[..]),
            ("2", "../../a.txt", b"un"),
        ];
        check(&bytes, "envoi.zip", &members, &[]);
        let bytes = tar(&[
            ("dossier/", b'5', b""),
            ("dossier/a.txt", b'0', b"un"),
            ("lien", b'2', b""),
            ("b.txt", b'0', &[b'x'; 600]),
        ]);
        let members = [
            ("1", "dossier/a.txt", &b"un"[..]),
            ("2", "b.txt", &[b'x'; 600]),
        ];
        check(&bytes, "envoi.tar", &members, &[]);
        check(
            &gzip(&bytes),
            "envoi.tgz",
            &[("1", "envoi.tar", &bytes)],
            &[],
        );
    }

    #[test]
    fn an_archive_of_nothing_is_said_to_be_empty() {
        let nothing = [Note::document(NoteCode::Empty, None)];
        check(&zip(&[]), "envoi.zip", &[], &nothing);
        check(&zip(&[(".DS_Store", b"x")]), "envoi.zip", &[], &nothing);
        check(&tar(&[("dossier/", b'5', b"")]), "envoi.tar", &[], &nothing);
    }

    #[test]
    fn names_of_consoles_are_read() {
        assert_eq!(
            super::member_name(b"\x82t\x82\\pi\x8aces.txt"),
            "été/pièces.txt"
        );
        assert_eq!(super::member_name("été".as_bytes()), "été");
    }

    #[test]
    fn bombs_stop_at_the_budget() {
        let zeros = vec![0; 100_000];
        let budgets = Budgets {
            stream_bytes: 10_000,
            ..Budgets::default()
        };
        let unread = [
            Note::document(NoteCode::BudgetReached, "stream_bytes 10000".to_owned()),
            Note::document(NoteCode::AttachmentUnreadable, "part 1".to_owned()),
        ];
        for (bytes, name) in [
            (zip(&[("zeros", &zeros)]), "bombe.zip"),
            (gzip(&zeros), "bombe.gz"),
        ] {
            let read = read(&bytes, name, &budgets);
            assert_eq!((read.children.len(), read.layout.attachments.len()), (0, 1));
            assert_eq!(read.layout.notes, unread);
        }
        let budgets = Budgets {
            attachments: 2,
            ..Budgets::default()
        };
        let members: Vec<_> = (0..9).map(|n| (n.to_string(), [b'x'])).collect();
        let members: Vec<_> = members.iter().map(|(n, b)| (n.as_str(), &b[..])).collect();
        let packed: Vec<_> = members.iter().map(|(n, b)| (*n, b'0', *b)).collect();
        let note = Note::document(
            NoteCode::BudgetReached,
            "attachments 2, 7 left out".to_owned(),
        );
        for (bytes, name) in [(zip(&members), "envoi.zip"), (tar(&packed), "envoi.tar")] {
            let read = read(&bytes, name, &budgets);
            assert_eq!(read.children.len(), 2);
            assert_eq!(read.layout.notes, std::slice::from_ref(&note));
        }
        assert_eq!(
            domain::told::notes(&[note], domain::Lang::Fr),
            [
                "limite atteinte, la suite n’a pas été lue : attachments 2, 7 de plus laissés de côté"
            ]
        );
    }

    #[test]
    fn an_archive_of_copies_of_itself_says_at_every_level_what_it_left_out() {
        // Twelve levels, of five copies of the level below and a letter: 5^12 letters.
        let budgets = Budgets {
            attachments: 3,
            ..Budgets::default()
        };
        let mut bytes = zip(&[("lettre.txt", b"fond")]);
        for _ in 0..12 {
            let names: Vec<String> = (0..5).map(|n| format!("{n}.zip")).collect();
            let mut members: Vec<_> = names.iter().map(|n| (n.as_str(), &bytes[..])).collect();
            members.push(("lettre.txt", b"en haut"));
            bytes = zip(&members);
        }
        let (mut level, mut levels) = (vec![bytes], 0);
        while let Some(bytes) = level.pop() {
            levels += 1;
            let found = read(&bytes, "r.zip", &budgets);
            let bottom = found.children.len() == 1;
            assert!(bottom || found.children.len() == 3);
            let expected = Note::document(
                NoteCode::BudgetReached,
                "attachments 3, 3 left out".to_owned(),
            );
            assert!(bottom || found.layout.notes == [expected]);
            // One of the copies is as good as the others.
            level = found
                .children
                .into_iter()
                .take(1)
                .map(|c| c.bytes)
                .collect();
            level.retain(|bytes| bytes.starts_with(b"PK"));
        }
        assert_eq!(levels, 13);
    }

    #[test]
    fn cut_anywhere_an_archive_ends_with_its_reason() {
        for (bytes, name) in [
            (zip(&[("a.txt", b"un deux")]), "a.zip"),
            (tar(&[("a.txt", b'0', b"un")]), "a.tar"),
            (gzip(b"un deux trois"), "a.gz"),
        ] {
            for cut in 300.min(bytes.len() / 2)..bytes.len() {
                let read = read(&bytes[..cut], name, &Budgets::default());
                let said = !read.layout.notes.is_empty();
                let whole = read.children.len() == 1;
                assert!(said || whole, "{name} cut at {cut}");
            }
        }
    }
}

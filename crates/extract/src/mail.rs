//! Messages (RFC 5322, MIME): a block of headers, then the body; attachments become documents.

use domain::{Coverage, Field, FieldKind, NoteCode, Signature};
use mail_parser::mailbox::mbox::MessageIterator;
use mail_parser::{Address, Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::charset::{self, Decoded};
use crate::draft::Draft;
use crate::{html, plain};

const MESSAGE: &str = "message/rfc822";

/// Reads a message.
pub(crate) fn read(bytes: &[u8], draft: &mut Draft) {
    let Some(message) = MessageParser::default().parse(bytes) else {
        draft.note(NoteCode::DamagedFile, Some("EML".into()));
        return;
    };
    if !draft.page(0.0, 0.0) {
        return;
    }
    draft.infer_pairs = true;
    draft.title = message.subject().map(str::to_owned);
    headers(&message, draft);
    body(&message, draft);
    signature(&message, draft);
    for part in &message.attachments {
        if let Some(part) = message.parts.get(*part as usize) {
            attachment(&message, part, draft);
        }
    }
}

/// Reads a mailbox: each message becomes a document.
pub(crate) fn read_mbox(bytes: &[u8], draft: &mut Draft) {
    for message in MessageIterator::new(bytes) {
        if !draft.has_room() {
            draft.leave_out();
            continue;
        }
        let number = (draft.attachment_count() + 1).to_string();
        let name = format!("message-{number}.eml");
        match message {
            Ok(message) => draft.attach(number, name, MESSAGE.into(), message.contents()),
            Err(_) => draft.attach_unreadable(number, name, MESSAGE.into()),
        }
    }
}

/// Says that a message is signed (RFC 1847); the signature covers its body, not its header.
fn signature(message: &Message, draft: &mut Draft) {
    let signed = (message.parts.iter()).any(|part| {
        part.content_type().is_some_and(|content| {
            let is = |value: &str, other: &str| value.eq_ignore_ascii_case(other);
            is(content.ctype(), "multipart") && is(content.subtype().unwrap_or(""), "signed")
        })
    });
    if signed {
        draft.sign(Signature {
            by: None,
            at: None,
            reason: None,
            field: None,
            covers: Coverage::Whole,
        });
    }
}

fn headers(message: &Message, draft: &mut Draft) {
    // What cannot be understood stays as it was written.
    let or_written = |name: &str, value: Option<String>| {
        value
            .filter(|value| !value.is_empty())
            .or_else(|| message.header_raw(name).map(str::to_owned))
    };
    let date = message
        .date()
        .filter(|date| date.is_valid())
        .map(|date| date.to_rfc3339());
    let people = |name, address: Option<&Address>| or_written(name, address.map(addresses));
    let values = [
        ("from", "De", people("From", message.from())),
        ("to", "À", people("To", message.to())),
        ("cc", "Cc", people("Cc", message.cc())),
        ("date", "Date", or_written("Date", date)),
        ("subject", "Objet", message.subject().map(str::to_owned)),
    ];
    write_headers(values, draft);
}

/// Adds the block of headers to the first page: name of the field, label, value.
pub(crate) fn write_headers(values: [(&str, &str, Option<String>); 5], draft: &mut Draft) {
    for (name, label, value) in values {
        let value = value.unwrap_or_default();
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if value.is_empty() {
            continue;
        }
        let place = draft.labelled(0, label, &value, None);
        let field = Field {
            label: Some(label.into()),
            value: Some(value),
            page: Some(1),
            ..Field::new(name, FieldKind::Column)
        };
        draft.field(field, place);
    }
    draft.end_block();
}

/// `Anne Roy <anne@exemple.fr>, b@exemple.fr`.
fn addresses(address: &Address) -> String {
    let mut out = Vec::new();
    for address in address.iter() {
        match (address.name(), address.address()) {
            (Some(name), Some(address)) => out.push(format!("{name} <{address}>")),
            (Some(one), None) | (None, Some(one)) => out.push(one.to_owned()),
            (None, None) => {}
        }
    }
    out.join(", ")
}

/// The plain parts; where they say nothing, the HTML parts.
fn body(message: &Message, draft: &mut Draft) {
    let part = |id: &u32| message.parts.get(*id as usize);
    let blank = message.text_body.iter().filter_map(part).all(|part| {
        part.text_contents()
            .is_none_or(|text| text.trim().is_empty())
    });
    let ids = if blank {
        &message.html_body
    } else {
        &message.text_body
    };
    for part in ids.iter().filter_map(part) {
        if part.is_encoding_problem {
            draft.note(NoteCode::InvalidBytes, Some("transfer encoding".into()));
        }
        let decoded = undeclared(message, part);
        if let Some(decoded) = &decoded {
            decoded.note(draft);
        }
        let decoded = decoded.as_ref().map(|decoded| decoded.text.as_str());
        match &part.body {
            PartType::Text(text) => plain::paragraphs(decoded.unwrap_or(text), draft),
            PartType::Html(text) => html::read_str(decoded.unwrap_or(text), draft),
            _ => {}
        }
    }
}

/// The text of a part that says nothing of its characters, or that they are ASCII, and has others
/// as they are: mail programs send UTF-8 so.
fn undeclared(message: &Message, part: &MessagePart) -> Option<Decoded> {
    let charset = part.content_type().and_then(|t| t.attribute("charset"));
    let says = charset.is_some_and(|name| {
        !["us-ascii", "ascii"]
            .iter()
            .any(|ascii| name.eq_ignore_ascii_case(ascii))
    });
    let written = (part.encoding == Encoding::None && !says)
        .then(|| (message.raw_message()).get(part.offset_body as usize..part.offset_end as usize))
        .flatten()?;
    (!written.is_ascii()).then(|| charset::decode(written, None))
}

fn attachment(message: &Message, part: &MessagePart, draft: &mut Draft) {
    let number = (draft.attachment_count() + 1).to_string();
    let nested = matches!(part.body, PartType::Message(_));
    let media_type = match part.content_type() {
        _ if nested => MESSAGE.to_owned(),
        Some(content_type) => match content_type.subtype() {
            Some(subtype) => format!("{}/{subtype}", content_type.ctype()).to_ascii_lowercase(),
            None => content_type.ctype().to_ascii_lowercase(),
        },
        None => "application/octet-stream".to_owned(),
    };
    if media_type == "application/pkcs7-mime" {
        draft.note(NoteCode::Encrypted, Some("S/MIME".into()));
    }
    let name = match part.attachment_name().map(str::trim) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ if nested => format!("message-{number}.eml"),
        _ => format!("part-{number}"),
    };
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => {
            draft.attach(number, name, media_type, text.as_bytes());
        }
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            draft.attach(number, name, media_type, bytes);
        }
        PartType::Message(nested) => {
            // An encoded message has bytes of its own; a plain one is a range of ours.
            let bytes = match part.encoding {
                Encoding::None => message
                    .raw_message()
                    .get(part.offset_body as usize..part.offset_end as usize),
                _ => Some(nested.raw_message()),
            };
            match bytes {
                Some(bytes) => draft.attach(number, name, media_type, bytes),
                None => draft.attach_unreadable(number, name, media_type),
            }
        }
        PartType::Multipart(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use domain::Span;

    use crate::{Budgets, Extraction, Input, extract};

    fn read(mail: &str) -> Extraction {
        let input = Input {
            bytes: mail.as_bytes(),
            file_name: Some("courriel.eml"),
            media_type: None,
            ..Input::default()
        };
        extract(&input, &Budgets::default())
    }

    const MAIL: &str = "From: =?utf-8?q?Ana=C3=AFs_Roy?= <anais@exemple.fr>\r\n\
        To: mairie@exemple.fr, Voirie <voirie@exemple.fr>\r\n\
        Date: Wed, 18 Nov 2026 19:40:00 +0100\r\n\
        Subject: =?iso-8859-1?q?=C9clairage?= HS\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
        --c\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
        Bonjour,\r\n\r\nLieu : 12 rue des Lilas\r\n\
        --c\r\nContent-Type: text/html\r\n\r\n<p>Bonjour,</p>\r\n--c--\r\n\
        --b\r\nContent-Type: application/pdf; name=\"plan.pdf\"\r\n\
        Content-Disposition: attachment; filename=\"plan.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nJVBERi0x\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\n\
        From: x@exemple.fr\r\nSubject: dedans\r\n\r\nCorps\r\n--b--\r\n";

    #[test]
    fn reads_headers_body_and_attachments() {
        let read = read(MAIL);
        assert_eq!(
            read.text.as_str(),
            "De : Anaïs Roy <anais@exemple.fr>\n\
             À : mairie@exemple.fr, Voirie <voirie@exemple.fr>\n\
             Date : 2026-11-18T19:40:00+01:00\nObjet : Éclairage HS\n\n\
             Bonjour,\n\nLieu : 12 rue des Lilas"
        );
        assert_eq!(read.layout.title.as_deref(), Some("Éclairage HS"));
        let value = |name: &str| {
            let span = read.layout.field(name).and_then(|field| field.span)?;
            Span::of(span, &read.text)
        };
        assert_eq!(value("from"), Some("Anaïs Roy <anais@exemple.fr>"));
        assert_eq!(value("subject"), Some("Éclairage HS"));
        assert_eq!(value("Lieu"), Some("12 rue des Lilas"));
        let children: Vec<_> = read
            .children
            .iter()
            .map(|c| {
                (
                    c.part.as_str(),
                    c.name.as_str(),
                    c.media_type.as_str(),
                    c.bytes.as_slice(),
                )
            })
            .collect();
        assert_eq!(
            children,
            [
                ("1", "plan.pdf", "application/pdf", b"%PDF-1".as_slice()),
                (
                    "2",
                    "message-2.eml",
                    "message/rfc822",
                    b"From: x@exemple.fr\r\nSubject: dedans\r\n\r\nCorps".as_slice()
                ),
            ]
        );
    }

    #[test]
    fn what_cannot_be_understood_is_kept_as_it_is() {
        // A year that nobody writes, a group without members, UTF-8 that nothing announces.
        let read = read(
            "From: a@exemple.fr\r\nTo: undisclosed-recipients:;\r\n\
             Date: Mon, 30 Jun 360900 15:33:50 +0600\r\nSubject: re\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\nEnvoy\u{e9} du guichet\r\n",
        );
        assert_eq!(
            read.text.as_str(),
            "De : a@exemple.fr\nÀ : undisclosed-recipients:;\n\
             Date : Mon, 30 Jun 360900 15:33:50 +0600\nObjet : re\n\nEnvoyé du guichet"
        );
    }

    #[test]
    fn a_mailbox_is_its_messages() {
        let one = "From: a@exemple.fr\nTo: b@exemple.fr\nSubject: un\n\nUn\n";
        let two = "From: c@exemple.fr\nTo: b@exemple.fr\nSubject: deux\n\n>From l\u{e0}\n";
        let mbox =
            format!("From a@exemple.fr Mon Nov 2\n{one}\nFrom c@exemple.fr Tue Nov 3\n{two}\n");
        let read = read(&mbox);
        let subjects: Vec<_> = (read.children.iter())
            .map(|child| {
                let input = Input {
                    bytes: &child.bytes,
                    ..Input::default()
                };
                let message = extract(&input, &Budgets::default());
                (
                    child.name.clone(),
                    message.layout.title,
                    message.text.as_str().contains("l\u{e0}"),
                )
            })
            .collect();
        let expected = [
            ("message-1.eml", "un", false),
            ("message-2.eml", "deux", true),
        ];
        let expected =
            expected.map(|(name, title, said)| (name.to_owned(), Some(title.to_owned()), said));
        assert_eq!(subjects, expected);
        assert_eq!(read.layout.notes.len(), 1, "the name says a single message");
    }

    #[test]
    fn a_signed_message_is_said_to_be() {
        let read = read(
            "From: a@exemple.fr\r\nTo: b@exemple.fr\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\r\n\r\n\
             --s\r\nContent-Type: text/plain\r\n\r\nBonjour\r\n\
             --s\r\nContent-Type: application/pgp-signature; name=signature.asc\r\n\r\nx\r\n--s--\r\n",
        );
        assert_eq!(read.layout.signatures.len(), 1);
        assert!(read.text.as_str().ends_with("Bonjour"));
    }

    #[test]
    fn html_is_read_where_there_is_no_plain_text() {
        let read = read(
            "From: a@exemple.fr\r\nTo: b@exemple.fr\r\nContent-Type: text/html\r\n\r\n\
             <p>Un</p><p>Deux</p>",
        );
        assert_eq!(
            read.text.as_str(),
            "De : a@exemple.fr\nÀ : b@exemple.fr\n\nUn\n\nDeux"
        );
    }
}

//! Signatures (ISO 32000-2, 12.8): who, when, why and of what. Nothing is validated.

use domain::{Coverage, Signature};
use hayro_syntax::object::{Array, Dict, String as PdfString};

use crate::pdf::strings;

/// What a signature dictionary says.
pub(super) fn read(value: &Dict, field: Option<String>, file: &[u8]) -> Signature {
    let text = |key: &[u8]| {
        let text = strings::text(&value.get::<PdfString>(key)?);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(text).filter(|text| !text.is_empty())
    };
    let by = text(b"Name").or_else(|| {
        let contents = value.get::<PdfString>(b"Contents")?;
        signer(&contents)
    });
    Signature {
        by,
        at: text(b"M"),
        reason: text(b"Reason"),
        field,
        covers: coverage(value, file),
    }
}

/// What of the file the ranges cover: all but the signature itself, or an earlier state.
fn coverage(value: &Dict, file: &[u8]) -> Coverage {
    let ranges: Vec<usize> = value
        .get::<Array>(b"ByteRange")
        .map(|ranges| {
            ranges
                .iter::<i64>()
                .take(5)
                .map_while(|n| usize::try_from(n).ok())
                .collect()
        })
        .unwrap_or_default();
    let [0, gap, after, length] = ranges.as_slice() else {
        return Coverage::Unknown;
    };
    let end = after.checked_add(*length).unwrap_or(usize::MAX);
    // What is left out must be the signature in hexadecimal, and nothing else.
    let left_out = file.get(*gap..*after).unwrap_or_default();
    let is_hex = matches!(left_out, [b'<', inner @ .., b'>']
        if inner.iter().all(|b| b.is_ascii_hexdigit() || b.is_ascii_whitespace()));
    match file.get(end..) {
        Some(rest) if is_hex && rest.iter().all(u8::is_ascii_whitespace) => Coverage::Whole,
        Some(_) if is_hex => Coverage::Earlier,
        _ => Coverage::Unknown,
    }
}

/// The tags of DER that are met on the way to a name.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT: u8 = 0x06;
const CONTEXT_0: u8 = 0xa0;
/// `id-at-commonName`, 2.5.4.3; `id-at-organizationName`, 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANISATION: &[u8] = &[0x55, 4, 10];

/// A value of DER: its tag and its content.
#[derive(Clone, Copy, PartialEq)]
struct Der<'a> {
    tag: u8,
    content: &'a [u8],
}

/// The values one after the other. Lengths that are not definite end them.
fn values(mut rest: &[u8]) -> impl Iterator<Item = Der<'_>> {
    std::iter::from_fn(move || {
        let (&tag, after) = rest.split_first()?;
        let (&first, mut after) = after.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (digits, beyond) = after.split_at_checked(count)?;
            length = digits
                .iter()
                .fold(0, |n, digit| n << 8 | usize::from(*digit));
            after = beyond;
        }
        let (content, beyond) = after.split_at_checked(length)?;
        rest = beyond;
        Some(Der { tag, content })
    })
}

/// The first value with this tag.
fn within(content: &[u8], tag: u8) -> Option<&[u8]> {
    values(content).find(|v| v.tag == tag).map(|v| v.content)
}

/// The name in the certificate that a signed message (RFC 5652) says is its signer's.
fn signer(contents: &[u8]) -> Option<String> {
    let message = within(contents, SEQUENCE)?;
    let signed = within(within(message, CONTEXT_0)?, SEQUENCE)?;
    let certificates: Vec<Vec<Der>> = values(within(signed, CONTEXT_0)?)
        .filter_map(|certificate| Some(values(within(certificate.content, SEQUENCE)?).collect()))
        .collect();
    // The last set is that of the signers.
    let signers = values(signed).filter(|v| v.tag == SET).last()?;
    let info = within(signers.content, SEQUENCE)?;
    let serial = within(info, SEQUENCE).and_then(|id| within(id, INTEGER));
    let has_serial = |fields: &&Vec<Der>| {
        let own = fields.iter().find(|v| v.tag == INTEGER).map(|v| v.content);
        serial.is_some() && own == serial
    };
    let alone = (certificates.len() == 1)
        .then(|| certificates.first())
        .flatten();
    let certificate = certificates.iter().find(has_serial).or(alone)?;
    // After the serial number: algorithm, issuer, validity, subject.
    let subject = certificate.iter().filter(|v| v.tag == SEQUENCE).nth(3)?;
    name(subject.content, COMMON_NAME).or_else(|| name(subject.content, ORGANISATION))
}

/// A part of a distinguished name.
fn name(subject: &[u8], wanted: &[u8]) -> Option<String> {
    values(subject)
        .flat_map(|set| values(set.content))
        .find_map(|attribute| {
            let mut parts = values(attribute.content);
            parts
                .next()
                .filter(|v| v.tag == OBJECT && v.content == wanted)?;
            let value = parts.next()?;
            let text = match value.tag {
                // BMPString
                0x1e => {
                    encoding_rs::UTF_16BE
                        .decode_without_bom_handling(value.content)
                        .0
                }
                _ => String::from_utf8_lossy(value.content),
            };
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            Some(text).filter(|text| !text.is_empty())
        })
}

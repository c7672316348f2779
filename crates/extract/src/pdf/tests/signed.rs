//! Signatures, and what they cover.

use domain::{Coverage, NoteCode};

use super::{Builder, at, named, read};
use crate::Budgets;

/// A value of DER.
fn der(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len() as u16;
    let mut out = vec![tag, 0x82];
    out.extend(length.to_be_bytes());
    out.extend(content);
    out
}

/// A signed message with the certificate of an authority, then that of the signer.
fn signed_message() -> Vec<u8> {
    let name = |name: &str| {
        let attribute = [
            der(6, &[vec![0x55, 4, 3]]),
            der(12, &[name.as_bytes().to_vec()]),
        ];
        der(0x30, &[der(0x31, &[der(0x30, &attribute)])])
    };
    let serial = |n: u8| der(2, &[vec![n]]);
    let certificate = |n: u8, subject: &str| {
        let fields = [
            der(0xa0, &[der(2, &[vec![2]])]),
            serial(n),
            der(0x30, &[]),
            name("Autorité"),
            der(0x30, &[]),
            name(subject),
            der(0x30, &[]),
        ];
        der(0x30, &[der(0x30, &fields), der(0x30, &[])])
    };
    let info = der(
        0x30,
        &[
            der(2, &[vec![1]]),
            der(0x30, &[name("Autorité"), serial(7)]),
            der(0x30, &[]),
        ],
    );
    let signed = der(
        0x30,
        &[
            der(2, &[vec![1]]),
            der(0x31, &[]),
            der(0x30, &[]),
            der(
                0xa0,
                &[certificate(1, "Autorité"), certificate(7, "Anaïs Roy")],
            ),
            der(0x31, &[info]),
        ],
    );
    der(0x30, &[der(6, &[vec![0x2a]]), der(0xa0, &[signed])])
}

#[test]
fn signatures_are_said_with_what_they_cover() {
    let check = |name: &str, added: &str, moved: i64, by: &str, covers: Coverage| {
        let mut builder = Builder::new();
        let hex: String = signed_message()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let value = builder.add(format!(
            "<< /Type /Sig {name} /M (D:20260104101500+01'00') /Reason (Accord) \
             /ByteRange [0 1000000 2000000 3000000] /Contents <{hex}> >>"
        ));
        let field = builder.add(format!(
            "<< /Subtype /Widget /T (visa) /FT /Sig /V {value} 0 R /Rect [10 10 60 30] >>"
        ));
        let other = builder.add("<< /Subtype /Widget /T (libre) /FT /Sig /Rect [10 50 60 70] >>");
        let page = builder.page(
            &at(50.0, 700.0, "Nom : Roy"),
            &format!("/Annots [{field} 0 R {other} 0 R]"),
        );
        let form = format!("/AcroForm << /Fields [{field} 0 R {other} 0 R] >>");
        let mut bytes = builder.finish(&[page], &form);
        let find = |wanted: &[u8], bytes: &[u8]| {
            bytes
                .windows(wanted.len())
                .position(|w| w == wanted)
                .unwrap()
        };
        let from = find(b"/Contents <", &bytes) as i64 + 10;
        let to = from + hex.len() as i64 + 2 + moved;
        let length = bytes.len() as i64 - to;
        let range = format!("[0 {from:07} {to:07} {length:07}]");
        let place = find(b"[0 1000000", &bytes);
        bytes[place..place + range.len()].copy_from_slice(range.as_bytes());
        bytes.extend(added.as_bytes());
        let read = read(&bytes, &Budgets::default());
        let [signature] = read.layout.signatures.as_slice() else {
            panic!("{:?}", read.layout.signatures);
        };
        assert_eq!(signature.by.as_deref(), Some(by));
        assert_eq!(signature.at.as_deref(), Some("D:20260104101500+01'00'"));
        assert_eq!(signature.reason.as_deref(), Some("Accord"));
        assert_eq!(signature.field.as_deref(), Some("visa"));
        assert_eq!(signature.covers, covers);
        let notes: Vec<_> = read.layout.notes.iter().map(|note| note.code).collect();
        assert!(notes.contains(&NoteCode::Signed));
        assert_eq!(named(&read, "visa")[0].checked, Some(true));
        assert_eq!(named(&read, "libre")[0].checked, Some(false));
        // What was written above the signature is still read.
        assert_eq!(named(&read, "Nom")[0].value.as_deref(), Some("Roy"));
    };
    check("", "", 0, "Anaïs Roy", Coverage::Whole);
    check("/Name (A. Roy)", "\n", 0, "A. Roy", Coverage::Whole);
    check("", "\n% ajout\n", 0, "Anaïs Roy", Coverage::Earlier);
    check("", "", 4, "Anaïs Roy", Coverage::Unknown);
}

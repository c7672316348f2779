//! A test program that is its own child: with the argument `serve` it reads documents.

use std::io::Write;

use extract::isolation::{ProcessLimits, Reader, serve};
use extract::{Budgets, Input};
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A test and its name.
pub(crate) type Case = (&'static str, fn());

/// The program: a child, when its arguments say so (`other` knows more kinds), or the tests.
pub(crate) fn run(cases: &[Case], other: impl Fn(&[String]) -> bool) {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == "serve") {
        let limits = serde_json::from_str(&args[1]).unwrap();
        if serve(&limits).is_err() {
            std::process::exit(1);
        }
        return;
    }
    if other(&args) {
        return;
    }
    // What test runners ask of a program: a list, or the cases whose name they give.
    if args.iter().any(|arg| arg == "--list") {
        if !args.iter().any(|arg| arg == "--ignored") {
            for (name, _) in cases {
                println!("{name}: test");
            }
        }
        return;
    }
    let exact = args.iter().any(|arg| arg == "--exact");
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    for (name, case) in cases {
        let named = |w: &&String| {
            if exact {
                *w == name
            } else {
                name.contains(w.as_str())
            }
        };
        if wanted.is_empty() || wanted.iter().any(named) {
            println!("{name}");
            case();
        }
    }
}

/// A reader whose children are this program, with the default budgets.
pub(crate) fn reader(limits: ProcessLimits) -> Reader {
    reader_with(limits, Budgets::default())
}

/// A reader with budgets of its own.
pub(crate) fn reader_with(limits: ProcessLimits, budgets: Budgets) -> Reader {
    let args = vec![
        "serve".into(),
        serde_json::to_string(&limits).unwrap().into(),
    ];
    let program = std::env::current_exe().unwrap();
    Reader::new(program, args, limits, budgets)
}

/// A document without a name.
pub(crate) fn input(bytes: &[u8]) -> Input<'_> {
    Input {
        bytes,
        ..Input::default()
    }
}

/// A one-page PDF with these objects after the first three (catalogue, pages, page with `/F0 Do`).
pub(crate) fn pdf(page: &str, objects: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut add = |number: usize, body: &[u8]| {
        out.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    };
    add(1, b"<< /Type /Catalog /Pages 2 0 R >>");
    add(2, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    add(
        3,
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] {page} >>").as_bytes(),
    );
    for (i, (dict, stream)) in objects.iter().enumerate() {
        let mut body = format!("<< {dict} /Length {} >>\nstream\n", stream.len()).into_bytes();
        body.extend_from_slice(stream);
        body.extend_from_slice(b"\nendstream");
        add(4 + i, &body);
    }
    out.extend_from_slice(b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF");
    out
}

/// In zlib form, inflating to these parts.
pub(crate) fn deflate(data: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for part in data {
        encoder.write_all(&part).unwrap();
    }
    encoder.finish().unwrap()
}

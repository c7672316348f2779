//! A scan, from the folder to the search: recognised where Tesseract is, waiting where it is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Data, Ran, fixture, greffier};
use extract::isolation::{ProcessLimits, Reader};
use extract::ocr::{GreyImage, OcrSettings};
use extract::{Budgets, Input};

/// A page of a fixture as a scanner sees it, laid down turned by quarters.
fn scan(quarters: u8, degrees: f64) -> Vec<u8> {
    let bytes = std::fs::read(first_pdf()).unwrap();
    let reader = Reader::new(
        env!("CARGO_BIN_EXE_greffier").into(),
        vec!["extract-child".into()],
        ProcessLimits::default(),
        Budgets::default(),
    );
    let settings = OcrSettings {
        dpi: 200,
        ..OcrSettings::default()
    };
    let input = Input {
        bytes: &bytes,
        ..Input::default()
    };
    let page = reader.raster(&input, 1, &settings).unwrap().unwrap();
    pdf(&page.image.laid(quarters, degrees))
}

fn first_pdf() -> std::path::PathBuf {
    let folder = std::fs::read_dir(fixture("archives/documents")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "pdf"));
    files.sort();
    files.remove(0)
}

/// A PDF of one page that holds nothing but this image.
fn pdf(image: &GreyImage) -> Vec<u8> {
    let (w, h) = (image.width(), image.height());
    let (x, y) = (w as f64 * 72.0 / 200.0, h as f64 * 72.0 / 200.0);
    let content = format!("q {x} 0 0 {y} 0 0 cm /I Do Q");
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut object = |number: u32, dict: String, stream: Option<&[u8]>| {
        out.extend_from_slice(format!("{number} 0 obj\n<< {dict} >>\n").as_bytes());
        if let Some(stream) = stream {
            out.extend_from_slice(b"stream\n");
            out.extend_from_slice(stream);
            out.extend_from_slice(b"\nendstream\n");
        }
        out.extend_from_slice(b"endobj\n");
    };
    object(1, "/Type /Catalog /Pages 2 0 R".into(), None);
    object(2, "/Type /Pages /Kids [3 0 R] /Count 1".into(), None);
    let page = format!(
        "/Type /Page /Parent 2 0 R /MediaBox [0 0 {x} {y}] /Contents 4 0 R \
         /Resources << /XObject << /I 5 0 R >> >>"
    );
    object(3, page, None);
    let length = format!("/Length {}", content.len());
    object(4, length, Some(content.as_bytes()));
    let image_dict = format!(
        "/Type /XObject /Subtype /Image /Width {w} /Height {h} /ColorSpace /DeviceGray \
         /BitsPerComponent 8 /Length {}",
        image.pixels().len()
    );
    object(5, image_dict, Some(image.pixels()));
    out.extend_from_slice(b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF\n");
    out
}

/// A long word of the page, as its own text layer has it.
fn words() -> Vec<String> {
    let mut command = greffier();
    command.args(["extract", "--text"]).arg(first_pdf());
    let text = Ran::of(command).ended(0).stdout;
    let page = text
        .split('\u{c}')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let words = page.split(|c: char| !c.is_alphabetic());
    words
        .filter(|w| w.chars().count() > 6)
        .map(str::to_owned)
        .collect()
}

fn share_read(text: &str, words: &[String]) -> f64 {
    let text = text.to_lowercase();
    let read = words.iter().filter(|w| text.contains(w.as_str())).count();
    read as f64 / words.len() as f64
}

#[test]
fn a_scan_upside_down_and_askew_is_read_recorded_and_found() {
    let data = Data::new();
    let file = data.file("scan.pdf", scan(2, 1.5));
    data.run(&["ingest", "--pipeline", "archives", &file])
        .ended(0);
    let shown = data.json(&["show", "scan"]);
    assert_eq!(shown["quality"]["read_by_ocr"], 1, "{}", shown["quality"]);
    let notes = shown["notes"].to_string();
    assert!(
        notes.contains("turned") && notes.contains("read-by-ocr"),
        "{notes}"
    );
    // The record names the program, its data and its arguments, and carries the sheet.
    let records = shown["records"].as_array().unwrap();
    let ocr = records
        .iter()
        .map(|record| &record["record"]["statement"])
        .find(|statement| statement["activity"] == "ocr")
        .expect("a record of the stage");
    assert_eq!(ocr["models"][0]["role"], "ocr");
    assert_eq!(ocr["quality"]["read_by_ocr"], 1);
    // Every line has its box on the page and its confidence.
    let lines = &shown["layout"]["pages"][0]["blocks"][0]["lines"];
    assert!(
        lines[0]["box"].is_array() && lines[0]["confidence"].is_number(),
        "{lines}"
    );

    let text = data.run(&["show", "scan", "--text"]).ended(0).stdout;
    let words = words();
    assert!(share_read(&text, &words) > 0.9, "{words:?}\n{text}");
    let hits = data.json(&["search", &words[0], "--mode", "lexical"]);
    assert!(
        hits.as_array().is_some_and(|hits| !hits.is_empty()),
        "{hits}"
    );
    data.verified();
    data.run(&["replay", "--all"]).ended(0);
}

#[test]
fn without_the_program_a_scan_waits_and_is_read_once_it_is_there() {
    let data = Data::new();
    let file = data.file("scan.pdf", scan(0, 0.0));
    let mut without = data.command(&["ingest", "--pipeline", "forms", &file]);
    without.env("PATH", "");
    Ran::of(without).ended(0);
    let waiting = data.json(&["show", "scan"]);
    assert_eq!(waiting["quality"]["waiting_for_ocr"], 1);
    assert_eq!(waiting["state"], "done");
    // A document that is not read is never routed by itself.
    assert_ne!(waiting["outcome"], "automatic");
    data.verified();

    data.run(&["work"]).ended(0);
    let read = data.json(&["show", "scan"]);
    assert_eq!(read["quality"]["read_by_ocr"], 1, "{}", read["quality"]);
    assert_eq!(read["quality"]["waiting_for_ocr"], 0);
    data.verified();
}

#[test]
fn a_second_scan_of_the_same_letter_resembles_the_first() {
    let data = Data::new();
    for (name, quarters, degrees) in [("premier.pdf", 0, 0.0), ("second.pdf", 2, 1.5)] {
        let file = data.file(name, scan(quarters, degrees));
        data.run(&["ingest", "--pipeline", "archives", &file])
            .ended(0);
    }
    let resembles = |name: &str| data.json(&["show", name])["resembles"].clone();
    let (first, second) = (resembles("premier"), resembles("second"));
    assert_eq!(second[0]["name"], "premier", "{second}");
    assert_eq!(first[0]["name"], "second", "{first}");
    assert_eq!(first[0]["percent"], second[0]["percent"]);
    data.verified();
}

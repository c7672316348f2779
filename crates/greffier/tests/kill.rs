//! SIGKILL at any moment loses nothing and does nothing twice.
//!
//! An ingestion of 300 documents is killed again and again and started again each time. What is
//! there at the end is what an ingestion that nobody disturbed leaves: the same documents in the
//! same final states, the same number of records and artifacts, each run once, every byte the same
//! when made again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use common::{Data, Ran};
use serde_json::Value;

/// Files of one ingestion.
const FILES: usize = 300;
/// How often it is killed.
const KILLS: usize = 3;
/// How often with `GREFFIER_FULL`.
const KILLS_FULL: usize = 20;
/// Where moments come from: printed, and taken from `GREFFIER_KILL_SEED` to repeat a failure.
const SEED: u64 = 20_261_118;

/// A linear congruential generator (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }
}

fn full() -> bool {
    std::env::var_os("GREFFIER_FULL").is_some()
}

#[test]
fn killed_at_any_moment_it_finishes_the_work_once() {
    let seed = std::env::var("GREFFIER_KILL_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(SEED);
    let wanted = if full() { KILLS_FULL } else { KILLS };
    let mut numbers = Numbers(seed);

    let undisturbed = Data::new();
    let files = write_files(&undisturbed.beside("files"));
    let started = Instant::now();
    let code = Ran::of(ingest(&undisturbed, &files)).code;
    // Some are broken on purpose: done, with documents set aside.
    assert!(
        matches!(code, Some(0 | 3)),
        "the ingestion ended with {code:?}"
    );
    let takes = started.elapsed();
    let expected = State::of(&undisturbed);
    expected.check();
    println!("undisturbed: {takes:.1?}, seed {seed}");

    let mut kills = 0;
    while kills < wanted {
        let data = Data::new();
        loop {
            let mut child = ingest(&data, &files)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Half of the moments in the first third, where documents enter and the first are read.
            let most = if numbers.below(2) == 0 {
                takes / 3
            } else {
                takes
            };
            let moment = Duration::from_millis(numbers.below(most.as_millis() as u64));
            if kills < wanted && wait(&mut child, moment).is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                println!("kill {kills} after {moment:.0?}");
                continue;
            }
            let ended = child.wait().unwrap();
            assert!(
                matches!(ended.code(), Some(0 | 3)),
                "the ingestion ended with {ended}"
            );
            break;
        }
        expected.same_as(&State::of(&data));
        replayed(&data);
    }
}

fn ingest(data: &Data, files: &Path) -> std::process::Command {
    let files = files.display().to_string();
    data.command(&[
        "ingest",
        "--pipeline",
        "archives",
        "--received-at",
        "2026-11-18T09:00:00+01:00",
        &files,
    ])
}

/// How a child ended, if it did before `most` had passed.
fn wait(child: &mut Child, most: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + most;
    loop {
        if let Some(ended) = child.try_wait().unwrap() {
            return Some(ended);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::sleep(left.min(Duration::from_millis(3)));
    }
}

/// What a data directory holds when nothing is owed.
#[derive(Debug)]
struct State {
    documents: BTreeMap<String, Value>,
    verified: Value,
    found: BTreeSet<String>,
}

impl State {
    fn of(data: &Data) -> Self {
        let documents = data.documents();
        let count = documents.len();
        let documents: BTreeMap<String, Value> = documents
            .into_iter()
            .map(|d| (d["id"].as_str().unwrap().to_owned(), d))
            .collect();
        assert_eq!(documents.len(), count, "a document is listed twice");
        let hits = data.json(&["search", "Valmont", "-k", "1000", "--mode", "lexical"]);
        let found = hits
            .as_array()
            .unwrap()
            .iter()
            .map(|h| h["document"].as_str().unwrap().to_owned())
            .collect();
        Self {
            documents,
            verified: data.verified(),
            found,
        }
    }

    fn check(&self) {
        let count = |of: &dyn Fn(&Value) -> bool| self.documents.values().filter(|d| of(d)).count();
        assert_eq!(count(&|d| d["parent"].is_null()), FILES);
        assert_eq!(
            count(&|d| !d["parent"].is_null()),
            FILES / 20,
            "one e-mail in … has an attachment"
        );
        let names: BTreeSet<&str> = self
            .documents
            .values()
            .map(|d| d["name"].as_str().unwrap())
            .collect();
        assert_eq!(names.len(), self.documents.len());
        for document in self.documents.values() {
            assert!(
                matches!(document["state"].as_str(), Some("done" | "quarantined")),
                "{document}"
            );
        }
        assert!(
            count(&|d| d["state"] == "quarantined") < FILES / 10,
            "only what is broken is set aside"
        );
        assert!(
            self.found.len() > FILES * 9 / 10,
            "{} documents are found by a word all have",
            self.found.len()
        );
        assert_eq!(self.verified["owed"], 0);
        assert_eq!(self.verified["documents"], self.documents.len());
    }

    #[track_caller]
    fn same_as(&self, other: &Self) {
        let ids = |state: &Self| state.documents.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(ids(self), ids(other));
        for (id, document) in &self.documents {
            assert_eq!(document, &other.documents[id]);
        }
        // Checkpoints come with each run of the program, and the order of the log is not an output.
        for counted in ["documents", "records", "artifacts", "owed", "findings"] {
            assert_eq!(self.verified[counted], other.verified[counted], "{counted}");
        }
        assert_eq!(self.found, other.found, "the index holds something else");
    }
}

/// Every run, made again, gives the same bytes; and is recorded once.
fn replayed(data: &Data) {
    let replayed = data.json(&["replay", "--all"]);
    let mut keys = BTreeSet::new();
    for one in replayed.as_array().unwrap() {
        assert_eq!(one["answer"], "identical", "{one}");
        assert!(
            keys.insert(one["run_key"].as_str().unwrap()),
            "recorded twice: {one}"
        );
    }
    assert!(
        keys.len() > 2 * FILES,
        "{} runs were made again",
        keys.len()
    );
}

/// Writes 300 files that have nothing in common but a word: letters, e-mails with and without an
/// attachment, PDFs, and some that nobody can read.
fn write_files(folder: &Path) -> PathBuf {
    for n in 0..FILES {
        let text = letter(n);
        let (kind, bytes) = match n % 20 {
            0..8 => ("txt", text.into_bytes()),
            8..13 => ("eml", mail(n, &text, None)),
            13 => ("eml", mail(n, &text, Some(&letter(n + FILES)))),
            14..19 => ("pdf", pdf(&text)),
            _ => match n / 20 % 3 {
                0 => ("pdf", pdf(&text)[..200].to_vec()),
                1 => ("docx", [b"PK\x03\x04".as_slice(), text.as_bytes()].concat()),
                _ => (
                    "bin",
                    text.bytes().map(|b| b.wrapping_mul(113) | 0x80).collect(),
                ),
            },
        };
        let sub = folder.join(format!("{:02}", n % 7));
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(sub.join(format!("piece-{n:03}.{kind}")), bytes).unwrap();
    }
    folder.to_owned()
}

fn letter(n: usize) -> String {
    const SUBJECTS: [&str; 6] = [
        "la voirie",
        "l'ecole",
        "la cantine",
        "le stationnement",
        "un arbre",
        "le bruit",
    ];
    const STREETS: [&str; 5] = [
        "rue Haute",
        "rue du Moulin",
        "chemin des Vergers",
        "quai Sud",
        "rue Basse",
    ];
    format!(
        "Valmont, dossier {n:04}.\n\nMadame, Monsieur, je vous écris au sujet de {} devant le {} {}.\n\
         Ma demande porte le numéro 2026-{:05} et fait suite à mon appel.\n",
        SUBJECTS[n % 6],
        1 + n % 97,
        STREETS[n % 5],
        n * 37 % 100_000
    )
}

fn mail(n: usize, text: &str, attachment: Option<&str>) -> Vec<u8> {
    let head = format!(
        "From: Habitant {n} <h{n}@courriel.example>\r\nTo: mairie@valmont.example\r\n\
         Subject: Demande {n}\r\nDate: Wed, 18 Nov 2026 08:00:00 +0100\r\nMIME-Version: 1.0\r\n"
    );
    let part = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
    let text = text.replace('\n', "\r\n");
    let mail = match attachment {
        None => format!("{head}{part}\r\n{text}"),
        Some(attached) => format!(
            "{head}Content-Type: multipart/mixed; boundary=\"b{n}\"\r\n\r\n--b{n}\r\n{part}\r\n{text}\r\n--b{n}\r\n\
             Content-Type: text/plain; charset=utf-8; name=\"annexe-{n}.txt\"\r\n\
             Content-Disposition: attachment; filename=\"annexe-{n}.txt\"\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n{}\r\n--b{n}--\r\n",
            attached.replace('\n', "\r\n")
        ),
    };
    mail.into_bytes()
}

/// A page of Helvetica (ISO 32000-1, 7.5), each line of `text` on its own.
fn pdf(text: &str) -> Vec<u8> {
    let mut content = String::from("BT /F1 11 Tf 14 TL 56 780 Td\n");
    for line in text.lines() {
        let ascii: String = line
            .chars()
            .map(|c| if c.is_ascii() { c } else { 'e' })
            .collect();
        let escaped = ascii
            .replace('\\', r"\\")
            .replace('(', r"\(")
            .replace(')', r"\)");
        writeln!(content, "({escaped}) Tj T*").unwrap();
    }
    content.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>"
            .to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        places.push(out.len());
        writeln!(out, "{} 0 obj\n{object}\nendobj", n + 1).unwrap();
    }
    let table = out.len();
    write!(out, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for place in places {
        // Twenty bytes each, the line feed after the space included.
        writeln!(out, "{place:010} 00000 n ").unwrap();
    }
    write!(
        out,
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    )
    .unwrap();
    out.into_bytes()
}

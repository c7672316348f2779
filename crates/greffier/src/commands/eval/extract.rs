//! `eval extract`: how much of a folder's documents is read, beside other readers.
//!
//! A document's reference is, in this order: a text of the same name in `--references`, or beside it
//! with `.txt` added; else what other readers on this machine say of it. For a PDF those are two,
//! and a word counts that both read: the reference is *sound* where they agree on 95 % of their
//! words. Medians and means are over the documents with a sound reference.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use domain::layout::{Page, Points};
use domain::{Lang, Layout, Note, NoteCode, ReadBy, Span, StoredText};
use extract::isolation::Reader;
use extract::ocr::{GreyImage, OcrSettings, Recogniser, recognise};
use extract::{Budgets, Extraction, Input};
use serde::Serialize;

use super::peers::{self, Peer};
use super::words::{self, Scores};
use crate::args::{EvalExtract, Global};
use crate::commands::Ending;
use crate::house::{reading, recogniser};
use crate::print;

/// Two readers that share so much of their words make a reference.
const SOUND: f64 = 0.95;

/// Fewer words make no reference.
const WORDS_MIN: usize = 10;

/// One document, as read and as compared.
#[derive(Debug, Serialize)]
struct Row {
    file: PathBuf,
    kind: String,
    /// `read`, or the code of the fault.
    ended: &'static str,
    seconds: f64,
    notes: Vec<NoteCode>,
    /// Who said what the document says.
    reference: Option<&'static str>,
    /// Whether that can be relied on.
    sound: bool,
    scores: Option<Scores>,
    /// What `pdftotext -layout` reads of the same words.
    peer: Option<Scores>,
    fields: Option<FieldRow>,
}

/// Form widgets, as pypdf sees them.
#[derive(Clone, Copy, Debug, Serialize)]
struct FieldRow {
    widgets: usize,
    /// With a field of the same name.
    found: usize,
    /// Of those with a value, how many have the same.
    valued: usize,
    equal: usize,
}

/// Evaluates reading.
pub async fn extract(global: &Global, args: &EvalExtract) -> Result<Ending> {
    let args = args.clone();
    let (lang, json) = (global.lang, global.json);
    tokio::task::spawn_blocking(move || {
        let mut files = Vec::new();
        for folder in &args.paths {
            walk(folder, &mut files)?;
        }
        let reader = (reading().reader)(Budgets::default());
        if args.ocr {
            return ocr(&files, &reader, args.pages, lang, json);
        }
        let bar = print::bar(files.len() as u64, lang.pick("fichiers", "files"));
        let mut rows = Vec::with_capacity(files.len());
        for file in files {
            rows.push(row(file, &reader, args.references.as_deref()));
            bar.inc(1);
        }
        bar.finish_and_clear();
        if json {
            print::json(&rows)?;
        } else {
            table(&rows, args.worst, lang);
        }
        Ok(Ending::Done)
    })
    .await?
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let entries =
        std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut inside: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    inside.sort();
    for path in inside {
        // Links are not followed: a folder may link to itself.
        if !path.is_symlink() {
            walk(&path, files)?;
        }
    }
    Ok(())
}

fn row(file: PathBuf, reader: &Reader, references: Option<&Path>) -> Row {
    let started = Instant::now();
    let read = read(&file, reader);
    let seconds = started.elapsed().as_secs_f64();
    let extension = file.extension().map(|e| e.to_string_lossy().to_lowercase());
    let mut row = Row {
        kind: extension.unwrap_or_default(),
        file,
        ended: "read",
        seconds,
        notes: Vec::new(),
        reference: None,
        sound: false,
        scores: None,
        peer: None,
        fields: None,
    };
    let read = match read {
        Ok(read) => read,
        Err(code) => {
            row.ended = code;
            return row;
        }
    };
    row.kind = kind(&read.layout);
    row.notes = read.layout.notes.iter().map(|note| note.code).collect();
    row.notes.dedup();
    let Some(reference) = reference(&row.file, &row.kind, references) else {
        return row;
    };
    row.reference = Some(reference.by);
    row.sound = reference.sound && reference.words.len() >= WORDS_MIN;
    let ours = words::words(&read.text);
    let scores = |read: &[String]| {
        let mut scores = words::compare(read, &reference.words)?;
        // A word that only one of the readers sees is no mistake of a third that sees it too.
        if let Some(any) = &reference.any {
            let share = words::common(read, any) as f64 / read.len().max(1) as f64;
            scores.precision = scores.precision.max(share);
        }
        Some(scores)
    };
    row.scores = scores(&ours);
    if row.kind == "PDF" || row.kind == "PDF form" {
        row.peer = Peer::PdfToTextLayout
            .read(&row.file)
            .and_then(|text| scores(&words::words(&text)));
    }
    if row.kind == "PDF form" {
        row.fields = peers::widgets(&row.file).map(|widgets| fields(&widgets, &read.layout));
    }
    row
}

fn read(file: &Path, reader: &Reader) -> Result<Extraction, &'static str> {
    let bytes = std::fs::read(file).map_err(|_| "unreadable")?;
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
    let input = Input {
        bytes: &bytes,
        file_name: name.as_deref(),
        ..Input::default()
    };
    reader.read(&input).map_err(|fault| fault.code())
}

/// What people call the format, with forms apart.
fn kind(layout: &Layout) -> String {
    let declared = layout.fields.iter().any(|field| !field.inferred);
    let kind = match layout.media_type.as_str() {
        "application/pdf" if declared => "PDF form",
        "application/pdf" => "PDF",
        "message/rfc822" => "EML",
        "text/html" => "HTML",
        other => {
            let last = other.rsplit(['.', '/', '-']).next().unwrap_or(other);
            return match last {
                "document" => "DOCX",
                "text" => "ODT",
                "sheet" => "XLSX",
                "spreadsheet" => "ODS",
                "presentation" => "PPTX",
                other => other,
            }
            .to_owned();
        }
    };
    kind.to_owned()
}

struct Reference {
    by: &'static str,
    words: Vec<String>,
    /// Every word that any of the readers saw.
    any: Option<Vec<String>>,
    sound: bool,
}

fn reference(file: &Path, kind: &str, references: Option<&Path>) -> Option<Reference> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".txt");
    let named =
        references.and_then(|folder| Some(folder.join(file.file_name()?).with_extension("txt")));
    for text in named.into_iter().chain([PathBuf::from(beside)]) {
        if let Ok(text) = std::fs::read_to_string(&text) {
            return Some(Reference {
                by: "text",
                words: words::words(&text),
                any: None,
                sound: true,
            });
        }
    }
    let alone = |peer: Peer| {
        let words = words::words(&peer.read(file)?);
        Some(Reference {
            by: peer.name(),
            sound: true,
            words,
            any: None,
        })
    };
    match kind {
        "PDF" | "PDF form" => {
            let first = words::words(&Peer::PdfToText.read(file)?);
            let Some(second) = Peer::Mutool.read(file) else {
                return Some(Reference {
                    by: Peer::PdfToText.name(),
                    words: first,
                    any: None,
                    sound: true,
                });
            };
            let second = words::words(&second);
            let both = shared(&first, &second);
            let most = first.len().max(second.len()).max(1);
            let sound = both.len() as f64 / most as f64 >= SOUND;
            let mut any = first;
            any.extend(second);
            Some(Reference {
                by: "pdftotext and mutool",
                words: both,
                any: Some(any),
                sound,
            })
        }
        "EML" | "HTML" => alone(Peer::Python),
        "DOCX" | "ODT" => alone(Peer::LibreOffice),
        _ => None,
    }
}

/// The words of `a`, in its order, that `b` has too.
fn shared(a: &[String], b: &[String]) -> Vec<String> {
    let mut left: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for word in b {
        *left.entry(word).or_default() += 1;
    }
    let both = a.iter().filter(|word| match left.get_mut(word.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    both.cloned().collect()
}

fn fields(widgets: &[peers::Widget], layout: &Layout) -> FieldRow {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut row = FieldRow {
        widgets: widgets.len(),
        found: 0,
        valued: 0,
        equal: 0,
    };
    for widget in widgets {
        let field = layout.fields.iter().find(|field| field.name == widget.name);
        row.found += usize::from(field.is_some());
        if !widget.value.trim().is_empty() {
            row.valued += 1;
            let value = field
                .and_then(|field| field.value.as_deref())
                .unwrap_or_default();
            row.equal += usize::from(plain(value) == plain(&widget.value));
        }
    }
    row
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// Median, mean and worst, in percent.
fn spread(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let Some(worst) = values.first().copied() else {
        return String::new();
    };
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
    format!(
        "{} / {} / {}",
        percent(median),
        percent(mean),
        percent(worst)
    )
}

fn table(rows: &[Row], worst: usize, lang: Lang) {
    let mut kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let lines = kinds
        .iter()
        .map(|kind| {
            let of: Vec<&Row> = rows.iter().filter(|row| row.kind == *kind).collect();
            let sound: Vec<&&Row> = of.iter().filter(|row| row.sound).collect();
            let ours = |share: fn(&Scores) -> Option<f64>| {
                spread(sound.iter().filter_map(|r| share(r.scores.as_ref()?)))
            };
            let peer = |share: fn(&Scores) -> Option<f64>| {
                spread(sound.iter().filter_map(|r| share(r.peer.as_ref()?)))
            };
            let fields: Vec<FieldRow> = of.iter().filter_map(|row| row.fields).collect();
            let sum = |of: fn(&FieldRow) -> usize| fields.iter().map(of).sum::<usize>();
            let faults = of.iter().filter(|row| row.ended != "read").count();
            vec![
                (*kind).to_owned(),
                format!("{} / {faults}", of.len()),
                sound.len().to_string(),
                ours(|s| Some(s.recall)),
                ours(|s| Some(s.precision)),
                ours(|s| s.order),
                peer(|s| s.order),
                if fields.is_empty() {
                    String::new()
                } else {
                    format!(
                        "{}/{} ; {}/{}",
                        sum(|f| f.found),
                        sum(|f| f.widgets),
                        sum(|f| f.equal),
                        sum(|f| f.valued)
                    )
                },
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("genre", "kind"),
            lang.pick("fichiers / arrêtés", "files / faults"),
            lang.pick("référence sûre", "sound reference"),
            lang.pick(
                "rappel % méd / moy / pire",
                "recall % median / mean / worst",
            ),
            lang.pick("précision %", "precision %"),
            lang.pick("ordre %", "order %"),
            lang.pick(
                "ordre de pdftotext -layout %",
                "pdftotext -layout’s order %",
            ),
            lang.pick(
                "champs trouvés ; valeurs égales",
                "fields found; values equal",
            ),
        ],
        lines,
    );
    let mut sound: Vec<&Row> = rows
        .iter()
        .filter(|row| row.sound && row.scores.is_some())
        .collect();
    let recall = |row: &Row| row.scores.map_or(0.0, |s| s.recall);
    sound.sort_by(|a, b| {
        recall(a)
            .total_cmp(&recall(b))
            .then_with(|| a.file.cmp(&b.file))
    });
    for row in sound.iter().take(worst) {
        print::line(format!(
            "{:>6} %  {}",
            percent(recall(row)),
            row.file.display()
        ));
    }
    for row in rows.iter().filter(|row| row.ended != "read") {
        print::line(format!("{:>8}  {}", row.ended, row.file.display()));
    }
}

/// A page as it may reach a scanner.
#[derive(Clone, Copy)]
struct Pose {
    fr: &'static str,
    en: &'static str,
    quarters: u8,
    degrees: f64,
}

const POSES: [Pose; 5] = [
    Pose {
        fr: "droit",
        en: "straight",
        quarters: 0,
        degrees: 0.0,
    },
    Pose {
        fr: "de travers (2°)",
        en: "askew (2°)",
        quarters: 0,
        degrees: 2.0,
    },
    Pose {
        fr: "de travers (-5°)",
        en: "askew (-5°)",
        quarters: 0,
        degrees: -5.0,
    },
    Pose {
        fr: "sur le côté",
        en: "on its side",
        quarters: 1,
        degrees: 0.0,
    },
    Pose {
        fr: "à l’envers",
        en: "upside down",
        quarters: 2,
        degrees: 0.0,
    },
];

/// A page recognised in one pose.
#[derive(Debug, Serialize)]
struct OcrRow {
    file: PathBuf,
    page: u32,
    pose: &'static str,
    seconds: f64,
    confidence_percent: Option<u8>,
    scores: Scores,
}

/// Pages of digital PDFs, drawn, laid down in several ways, recognised, and compared with the text
/// that the file itself holds.
fn ocr(files: &[PathBuf], reader: &Reader, pages: u32, lang: Lang, json: bool) -> Result<Ending> {
    let settings = OcrSettings::default();
    let recogniser = recogniser(&settings.languages)
        .map_err(|missing| anyhow::anyhow!("{missing}: {}", missing.remedy()))?;
    let bar = print::bar(files.len() as u64, lang.pick("fichiers", "files"));
    let mut rows: Vec<OcrRow> = Vec::new();
    for file in files {
        bar.inc(1);
        let Ok(read) = read(file, reader) else {
            continue;
        };
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let digital = read.layout.media_type == "application/pdf";
        let readable = |page: &&Page| {
            let text = page.span.of(&read.text).unwrap_or_default();
            let wrong = read
                .layout
                .notes
                .iter()
                .any(|n| n.page == Some(page.number));
            !wrong && words::words(text).len() >= 50
        };
        let chosen = read
            .layout
            .pages
            .iter()
            .filter(readable)
            .take(pages as usize);
        for page in chosen.filter(|_| digital) {
            let input = Input {
                bytes: &bytes,
                ..Input::default()
            };
            let Ok(Ok(raster)) = reader.raster(&input, page.number, &settings) else {
                continue;
            };
            let reference = words::words(page.span.of(&read.text).unwrap_or_default());
            for pose in POSES {
                let image = raster.image.clone().laid(pose.quarters, pose.degrees);
                let size = (page.width.get(), page.height.get());
                let (text, layout, elapsed) =
                    recognised(reader, &recogniser, &image, size, &settings)?;
                let Some(scores) = words::compare(&words::words(&text), &reference) else {
                    continue;
                };
                rows.push(OcrRow {
                    file: file.clone(),
                    page: page.number,
                    pose: lang.pick(pose.fr, pose.en),
                    seconds: elapsed.as_secs_f64(),
                    confidence_percent: layout.quality.and_then(|q| q.confidence_percent),
                    scores,
                });
            }
        }
    }
    bar.finish_and_clear();
    if json {
        print::json(&rows)?;
        return Ok(Ending::Done);
    }
    let lines = POSES
        .iter()
        .map(|pose| {
            let name = lang.pick(pose.fr, pose.en);
            let of: Vec<&OcrRow> = rows.iter().filter(|row| row.pose == name).collect();
            let mut seconds: Vec<f64> = of.iter().map(|row| row.seconds).collect();
            seconds.sort_by(f64::total_cmp);
            vec![
                name.to_owned(),
                of.len().to_string(),
                spread(of.iter().map(|row| row.scores.recall)),
                spread(of.iter().map(|row| row.scores.precision)),
                spread(of.iter().filter_map(|row| row.scores.order)),
                seconds
                    .get(seconds.len() / 2)
                    .map_or_else(String::new, |s| format!("{s:.2}")),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("page", "page"),
            lang.pick("pages", "pages"),
            lang.pick(
                "rappel % méd / moy / pire",
                "recall % median / mean / worst",
            ),
            lang.pick("précision %", "precision %"),
            lang.pick("ordre %", "order %"),
            lang.pick("secondes (médiane)", "seconds (median)"),
        ],
        lines,
    );
    Ok(Ending::Done)
}

/// A page image through the same steps as a scan.
fn recognised(
    reader: &Reader,
    recogniser: &Recogniser,
    image: &GreyImage,
    size: (f64, f64),
    settings: &OcrSettings,
) -> Result<(StoredText, Layout, Duration)> {
    let bytes = image.to_pgm();
    let input = Input {
        bytes: &bytes,
        ..Input::default()
    };
    let mut layout = Layout::empty("image/x-portable-graymap");
    layout.pages.push(Page {
        number: 1,
        width: Points::new(size.0),
        height: Points::new(size.1),
        span: Span::new(0, 0),
        read_by: ReadBy::Text,
        blocks: Vec::new(),
    });
    layout.notes.push(Note::page(NoteCode::NeedsOcr, 1, None));
    let started = Instant::now();
    let empty = StoredText::default();
    let (text, layout) = recognise(reader, recogniser, &input, (&empty, &layout), settings)?;
    Ok((text, layout, started.elapsed()))
}

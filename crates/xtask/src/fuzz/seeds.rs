//! What fuzzing starts from: the fixtures by kind, packages taken apart, and a small file of each
//! format that no fixture has.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use zip::ZipArchive;

/// Inputs by target.
pub(super) type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// The seeds of every target, none larger than `bytes_max`.
///
/// # Errors
/// When the fixtures cannot be read.
pub(super) fn of_fixtures(fixtures: &Path, bytes_max: usize) -> Result<Seeds> {
    let mut files = Vec::new();
    list(fixtures, &mut files)?;
    files.sort();
    let mut seeds = made();
    let mut add = |target: &'static str, seed: Vec<u8>| {
        if seed.len() <= bytes_max {
            seeds.entry(target).or_default().push(seed);
        }
    };
    let mut mailbox = Vec::new();
    for path in files {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let prefixed = |prefix: &[u8]| [prefix, &bytes].concat();
        let kind = path.extension().and_then(|kind| kind.to_str());
        match kind.unwrap_or_default() {
            "pdf" => add("pdf", bytes.clone()),
            "docx" => add("docx", parts(&bytes, bytes_max)),
            "odt" => add("odf", parts(&bytes, bytes_max)),
            "ods" => add("ods", parts(&bytes, bytes_max)),
            "xlsx" => add("xlsx", parts(&bytes, bytes_max)),
            "zip" => add("archive", bytes.clone()),
            "eml" => {
                mailbox.extend_from_slice(b"From a@exemple.fr Mon Nov 16 08:00:00 2026\n");
                mailbox.extend_from_slice(&bytes[..bytes.len().min(4_096)]);
                mailbox.extend_from_slice(b"\n\n");
                add("mail", bytes.clone());
            }
            "html" => {
                add("html", bytes.clone());
                add("markdown", bytes.clone());
            }
            "csv" => add("rows", prefixed(b"c")),
            "tsv" => add("rows", prefixed(b"t")),
            "jsonl" => add("rows", prefixed(b"j")),
            "txt" | "md" => add("text", prefixed(b"windows-1252\n")),
            _ => {}
        }
        if bytes.len() <= 8_192 {
            add("sniff", bytes);
        }
    }
    mailbox.truncate(bytes_max);
    add("mbox", mailbox);
    Ok(seeds)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let listed =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in listed {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The XML of a package, each part announced by a line, as the targets read it. Empty for what is
/// no package.
fn parts(package: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let Ok(mut archive) = ZipArchive::new(Cursor::new(package)) else {
        return out;
    };
    for index in 0..archive.len() {
        let Ok(mut part) = archive.by_index(index) else {
            continue;
        };
        let name = String::from_utf8_lossy(part.name_raw()).into_owned();
        let is_text = name == "mimetype" || name.ends_with(".xml") || name.ends_with(".rels");
        let mut bytes = Vec::new();
        if !is_text || part.read_to_end(&mut bytes).is_err() {
            continue;
        }
        if out.len() + name.len() + bytes.len() + 4 <= bytes_max {
            out.extend(part_of(&name, &bytes));
        }
    }
    out
}

fn part_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    [b"@@@", name.as_bytes(), b"\n", bytes].concat()
}

/// Formats without a fixture.
fn made() -> Seeds {
    BTreeMap::from([
        ("rtf", vec![RTF.as_bytes().to_vec()]),
        ("pptx", vec![slides()]),
        ("xls", vec![workbook()]),
        ("msg", vec![message()]),
        (
            "xml",
            vec![XML.as_bytes().to_vec(), SVG.as_bytes().to_vec()],
        ),
        ("tsv", vec![WORDS.as_bytes().to_vec()]),
        ("frames", frames()),
        ("archive", vec![packed(), tar()]),
    ])
}

const RTF: &str = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}}{\info{\title Demande}}
\pard\f0\fs24 Objet : salle\par {\b Nom} : Roy\tab L\'e9a \u8217?\line suite\par
\trowd\cellx100\intbl Poste\cell Montant\cell\row\pard
{\field{\*\fldinst HYPERLINK x}{\fldrslt lien}}{\footnote note}{\*\unknown {\v rien}}\page fin}";

const XML: &str = "<?xml version='1.0' encoding='UTF-8'?><!DOCTYPE d [<!ENTITY e 'x'>]>\
    <d:demande xmlns:d='u'><nom genre='F'>Roy &amp; &e; &#233;</nom><p>un<b>deux</b>trois</p>\
    <![CDATA[ <fin> ]]><vide/></d:demande>";

const SVG: &str =
    "<svg xmlns='http://www.w3.org/2000/svg'><text>Plan</text><g><text>Nord</text></g></svg>";

const WORDS: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\t\
    height\tconf\ttext\n4\t1\t1\t1\t1\t0\t10\t20\t300\t40\t-1\t\n\
    5\t1\t1\t1\t1\t1\t10\t20\t100\t40\t95.6\tmairie\n";

fn slides() -> Vec<u8> {
    let rels = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>\
             <Relationship Id='r1' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}' \
             Target='{target}'/></Relationships>"
        )
    };
    let presentation = "<p:presentation xmlns:p='p' xmlns:r='r'><p:sldIdLst><p:sldId id='256' r:id='r1'/>\
        </p:sldIdLst></p:presentation>";
    let slide = "<p:sld xmlns:p='p' xmlns:a='a'><p:cSld><p:spTree><p:sp><p:nvSpPr><p:nvPr><p:ph type='title'/>\
        </p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>Budget</a:t></a:r><a:br/></a:p></p:txBody></p:sp>\
        <a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>12</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl>\
        </p:spTree></p:cSld></p:sld>";
    [
        part_of(
            "_rels/.rels",
            rels("officeDocument", "ppt/presentation.xml").as_bytes(),
        ),
        part_of("ppt/presentation.xml", presentation.as_bytes()),
        part_of(
            "ppt/_rels/presentation.xml.rels",
            rels("slide", "slides/slide1.xml").as_bytes(),
        ),
        part_of("ppt/slides/slide1.xml", slide.as_bytes()),
    ]
    .concat()
}

/// The records of a workbook with one sheet, a number and a text.
fn workbook() -> Vec<u8> {
    let words = |words: &[u16]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let record = |kind: u16, data: Vec<u8>| {
        let mut out = words(&[kind, data.len() as u16]);
        out.extend(data);
        out
    };
    let globals = record(0x0809, words(&[0x0600, 5, 0, 0, 0, 0, 0, 0]));
    let format = record(0x041e, [words(&[164, 4]), b"\x000.00".to_vec()].concat());
    let style = record(0x00e0, words(&[0, 164, 0, 0, 0, 0, 0, 0, 0, 0]));
    let shared = record(
        0x00fc,
        [words(&[1, 0, 1, 0, 3]), b"\0oui".to_vec()].concat(),
    );
    let end = record(0x000a, Vec::new());
    let sheet_name = |at: u32| {
        let data = [at.to_le_bytes().to_vec(), vec![0, 0, 1, 0], b"A".to_vec()].concat();
        record(0x0085, data)
    };
    let before = globals.len() + format.len() + style.len() + shared.len() + end.len();
    let at = before + sheet_name(0).len();
    let number = [words(&[0, 0, 0]), 12.5f64.to_le_bytes().to_vec()].concat();
    [
        globals,
        format,
        style,
        sheet_name(at as u32),
        shared,
        end.clone(),
        record(0x0809, words(&[0x0600, 0x10, 0, 0, 0, 0, 0, 0])),
        record(0x0200, words(&[0, 0, 2, 0, 0, 2, 0])),
        record(0x0203, number),
        record(0x00fd, words(&[1, 1, 0, 0, 0])),
        end,
    ]
    .concat()
}

/// The streams of a message with a subject, a body and an attachment.
fn message() -> Vec<u8> {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let date = [
        &[0x40, 0x00, 0x39, 0x00, 6, 0, 0, 0][..],
        &133_444_736_000_000_000u64.to_le_bytes(),
    ]
    .concat();
    let attached = "__attach_version1.0_#00000000";
    [
        part_of("__properties_version1.0", &[vec![0; 32], date].concat()),
        part_of("__substg1.0_0037001F", &wide("Objet")),
        part_of("__substg1.0_1000001F", &wide("Bonjour,\r\nNom : Roy")),
        part_of("__substg1.0_0C1F001F", &wide("a@exemple.fr")),
        part_of("__substg1.0_10130102", b"<p>Bonjour</p>"),
        part_of(&format!("{attached}/__properties_version1.0"), &[0; 8]),
        part_of(&format!("{attached}/__substg1.0_3707001F"), &wide("a.txt")),
        part_of(&format!("{attached}/__substg1.0_37010102"), b"bonjour"),
    ]
    .concat()
}

fn frames() -> Vec<Vec<u8>> {
    let frame = |head: &str, body: &[u8]| {
        let mut out = (head.len() as u32).to_be_bytes().to_vec();
        out.extend((body.len() as u64).to_be_bytes());
        out.extend(head.as_bytes());
        out.extend(body);
        out
    };
    let asked = r#"{"job":"Read","file_name":"a","media_type":null,"columns":null,"password":null,"budgets":{}}"#;
    let state = r#""state":{"resident_bytes":1,"confinement":{"landlock_abi":6,"seccomp":true,"no_new_privileges":true,"not_dumpable":true}}"#;
    let layout = r#"{"format":"greffier-layout/1","media_type":"text/plain","pages":[],"fields":[],"attachments":[],"notes":[]}"#;
    let child = r#"{"part":"1","name":"a","media_type":"b/c","bytes":2}"#;
    let read = format!(
        r#"{{{state},"said":{{"Read":{{"layout":{layout},"text_bytes":3,"children":[{child}]}}}}}}"#
    );
    vec![
        frame(asked, b"bonjour"),
        frame(&read, b"ouixy"),
        frame(&format!(r#"{{{state},"said":"Panicked"}}"#), b""),
        frame(
            &format!(r#"{{{state},"said":{{"Unrastered":{{"why":"Damaged"}}}}}}"#),
            b"",
        ),
    ]
}

fn packed() -> Vec<u8> {
    [
        b"p".to_vec(),
        part_of("dossier/a.txt", b"un"),
        part_of("b.eml", b"From: a@b.fr\n\nun"),
    ]
    .concat()
}

fn tar() -> Vec<u8> {
    let mut head = [0u8; 512];
    head[..5].copy_from_slice(b"a.txt");
    head[124..136].copy_from_slice(b"00000000002\0");
    head[156] = b'0';
    head[257..265].copy_from_slice(b"ustar\x0000");
    let mut out = vec![b't'];
    out.extend(head);
    out.extend(b"un");
    out.resize(1 + 1_024 + 1_024, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_seed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let seeds = of_fixtures(&root.join("fixtures"), 64 << 10).unwrap();
        let targets = super::super::targets(&root.join("crates/extract/fuzz")).unwrap();
        assert!(targets.len() >= 18, "{targets:?}");
        for target in targets {
            let of_target = seeds.get(target.as_str()).map_or(0, Vec::len);
            assert!(of_target > 0, "{target} has no seed");
            assert!(seeds[target.as_str()].iter().any(|seed| !seed.is_empty()));
        }
    }

    #[test]
    fn a_package_is_taken_apart() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let package = fs::read(root.join("fixtures/formats/documents/vide-greniers.odt")).unwrap();
        let parts = parts(&package, 64 << 10);
        let text = String::from_utf8_lossy(&parts);
        assert!(text.starts_with("@@@mimetype\n"), "{text}");
        assert!(text.contains("@@@content.xml\n<?xml"));
    }
}

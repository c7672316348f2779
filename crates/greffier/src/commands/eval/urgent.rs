//! `eval urgent`: which reports of a set are alerted as urgent, and by which ground.
//!
//! Every report is read alone, with the settings of the pipeline file, as if it had just arrived. An
//! urgent one is found when an alert of either kind (urgent, child in danger) is raised for it; a
//! false alarm is an alert for one that is not urgent.

use std::collections::BTreeMap;
use std::io::BufRead as _;

use anyhow::{Context, Result, ensure};
use domain::report::Urgency;
use domain::time::Zone;
use domain::{AlertId, AlertKind, ArtifactName, DocumentId, FieldReport, Lang, Timestamp};
use insight::{Corpus, Entry};
use pipeline::file::SourceFile;
use serde::{Deserialize, Serialize};

use crate::args::{EvalUrgent, Global};
use crate::commands::Ending;
use crate::commands::tables::opened;
use crate::{house, print, reconcilers};

/// A report of the set.
#[derive(Debug, Deserialize)]
struct Tried {
    id: String,
    notes: String,
    #[serde(default)]
    urgence: Urgency,
    attendu: Expected,
    /// The part of the set it belongs to.
    #[serde(default)]
    part: String,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Urgent,
    Enfant,
    Non,
}

/// What was found of one part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Part {
    /// Urgent reports, and those of them that are alerted.
    urgent: u32,
    found: u32,
    /// Reports of a child in danger, and those alerted as such.
    child: u32,
    found_as_child: u32,
    /// Reports that are not urgent, and those of them that are alerted.
    other: u32,
    false_alarms: u32,
    /// By ground: urgent reports it finds, alone or with others, and those that it alone finds;
    /// false alarms it has a part in.
    by_ground: BTreeMap<&'static str, Ground>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Ground {
    found: u32,
    alone: u32,
    false_alarms: u32,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Printed {
    parts: BTreeMap<String, Part>,
    missed: Vec<Seen>,
    false_alarms: Vec<Seen>,
}

/// A report that came out wrong.
#[derive(Debug, Serialize)]
struct Seen {
    id: String,
    part: String,
    notes: String,
    grounds: Vec<String>,
}

/// Measures.
///
/// # Errors
/// When a file or the encoder cannot be read.
pub async fn urgent(global: &Global, args: &EvalUrgent) -> Result<Ending> {
    let (dir, models) = house::models(global, 1)?;
    let source = SourceFile::load(&dir.join(format!("{}.toml", args.pipeline)))?;
    reconcilers::check(&source)?;
    let settings = reconcilers::settings_of(&source)?;
    let encoder = match settings.1.resemblance.is_empty() {
        true => None,
        false => {
            let name = crate::stages::encoder_of(&source)?;
            let name = name.unwrap_or_else(|| crate::stages::EmbedSettings::default().encoder);
            Some(models.encoder(&name)?)
        }
    };
    let mut printed = Printed {
        parts: BTreeMap::new(),
        missed: Vec::new(),
        false_alarms: Vec::new(),
    };
    for path in &args.input {
        for (n, line) in opened(path)?.lines().enumerate() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let place = || format!("{}, line {}", path.display(), n + 1);
            let tried: Tried = serde_json::from_str(&line).with_context(place)?;
            let mut corpus = alone(&tried, &source)?;
            if let Some(encoder) = &encoder {
                corpus.compare(&settings.1.resemblance, &mut |texts| encoder.encode(texts))?;
            }
            let id = |_: &str, _: &str, _: &str| AlertId::from_bytes([0; 16]);
            let set = insight::alerts(&corpus, &settings.0, &settings.1, &id)?;
            let of = |kind: AlertKind| set.alerts.iter().filter(move |a| a.kind == kind);
            let both = of(AlertKind::ChildInDanger).chain(of(AlertKind::Urgent));
            let grounds: Vec<&domain::Ground> = both.flat_map(|a| &a.grounds).collect();
            let as_child = of(AlertKind::ChildInDanger).next().is_some();
            count(&mut printed, tried, &grounds, as_child, global.lang);
        }
    }
    ensure!(!printed.parts.is_empty(), "no report was given");
    let missed = !printed.missed.is_empty();
    show(global, &printed)?;
    Ok(match missed {
        true => Ending::DoesNotHold,
        false => Ending::Done,
    })
}

/// A corpus of one report, received at noon of some day.
fn alone(tried: &Tried, source: &SourceFile) -> Result<Corpus> {
    let zone = Zone::paris();
    let received_at = Timestamp::parse_in("2026-11-18T12:00", &zone)?;
    let masks =
        privacy::identifiers::masks(&tried.notes, &privacy::identifiers::find(&tried.notes));
    let entry = Entry {
        document: DocumentId::from_bytes([1; 16]),
        received_at,
        text_version: ArtifactName::from_bytes([1; 32]),
        text: tried.notes.clone(),
        report: FieldReport {
            id: Some(tried.id.clone()),
            urgency: tried.urgence,
            ..FieldReport::default()
        },
        masks,
        clues: Vec::new(),
        passages: Vec::new(),
    };
    let week = received_at.week_in(&zone);
    let name = source.file.pipeline.clone();
    Ok(Corpus::new(name, week, &zone, "Europe/Paris", vec![entry])?)
}

fn count(
    printed: &mut Printed,
    tried: Tried,
    grounds: &[&domain::Ground],
    as_child: bool,
    lang: Lang,
) {
    let part = printed.parts.entry(tried.part.clone()).or_default();
    let kinds: std::collections::BTreeSet<&'static str> =
        grounds.iter().map(|g| g.as_str()).collect();
    let alerted = !kinds.is_empty();
    let is_urgent = tried.attendu != Expected::Non;
    for kind in &kinds {
        let ground = part.by_ground.entry(kind).or_default();
        match is_urgent {
            true => {
                ground.found += 1;
                ground.alone += u32::from(kinds.len() == 1);
            }
            false => ground.false_alarms += 1,
        }
    }
    match is_urgent {
        true => {
            part.urgent += 1;
            part.found += u32::from(alerted);
        }
        false => {
            part.other += 1;
            part.false_alarms += u32::from(alerted);
        }
    }
    if tried.attendu == Expected::Enfant {
        part.child += 1;
        part.found_as_child += u32::from(as_child);
    }
    if alerted == is_urgent {
        return;
    }
    let seen = Seen {
        id: tried.id,
        part: tried.part,
        notes: tried.notes,
        grounds: grounds.iter().map(|g| g.say(lang)).collect(),
    };
    match is_urgent {
        true => printed.missed.push(seen),
        false => printed.false_alarms.push(seen),
    }
}

fn show(global: &Global, printed: &Printed) -> Result<()> {
    if global.json {
        return print::json(printed);
    }
    let lang = global.lang;
    let mut rows = Vec::new();
    for (name, part) in &printed.parts {
        rows.push(vec![
            name.clone(),
            lang.pick("tous", "all").to_owned(),
            format!("{} / {}", part.found, part.urgent),
            String::new(),
            format!("{} / {}", part.false_alarms, part.other),
        ]);
        rows.push(vec![
            name.clone(),
            lang.pick(
                "enfant en danger, dit comme tel",
                "child in danger, told as such",
            )
            .to_owned(),
            format!("{} / {}", part.found_as_child, part.child),
            String::new(),
            String::new(),
        ]);
        for (kind, ground) in &part.by_ground {
            rows.push(vec![
                name.clone(),
                said(kind, lang).to_owned(),
                ground.found.to_string(),
                ground.alone.to_string(),
                ground.false_alarms.to_string(),
            ]);
        }
    }
    print::table(
        &[
            lang.pick("partie", "part"),
            lang.pick("fondement", "ground"),
            lang.pick("urgentes trouvées", "urgent ones found"),
            lang.pick("par lui seul", "by it alone"),
            lang.pick("fausses alertes", "false alarms"),
        ],
        rows,
    );
    let lists = [
        (lang.pick("Manquées", "Missed"), &printed.missed),
        (
            lang.pick("Fausses alertes", "False alarms"),
            &printed.false_alarms,
        ),
    ];
    for (title, seen) in lists {
        if seen.is_empty() {
            continue;
        }
        print::heading(&format!("{title} ({})", seen.len()));
        for one in seen {
            print::line(format!("{} {}", one.id, print::short(&one.notes, 120)));
            for ground in &one.grounds {
                print::line(format!("    {ground}"));
            }
        }
    }
    Ok(())
}

fn said(kind: &str, lang: Lang) -> &str {
    match kind {
        "declared" => lang.pick("champ", "field"),
        "lexicon" => lang.pick("lexique", "lexicon"),
        "rule" => lang.pick("règles", "rules"),
        "resemblance" => lang.pick("ressemblance", "resemblance"),
        other => other,
    }
}

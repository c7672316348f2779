//! A hand-written corpus: three teams, six weeks, the notes of a prevention service. People and
//! places are invented. In a note, `{Mme Perrin}` is a name to mask.

// Each test file uses its own part.
#![allow(dead_code)]

use domain::report::Urgency;
use domain::sentence::{Mask, MaskKind};
use domain::time::Zone;
use domain::{
    AlertId, AlertSet, ArtifactName, DocumentId, FieldReport, IsoWeek, PipelineName, Synthesis,
};
use insight::{AlertSettings, Corpus, Entry, SynthesisSettings};

/// The week of the synthesis.
pub(crate) const WEEK: &str = "2026-W47";

/// Number, received, team, place, declared, note. The number makes the document's identity.
type Row = (
    u8,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const ROWS: &[Row] = &[
    // 2026-W42
    (
        1,
        "2026-10-13T18:00:00Z",
        "Nord",
        "Les Tilleuls",
        &[],
        "Hall du 4, musique tard, voisins réveillés. Pas de tension.",
    ),
    (
        2,
        "2026-10-14T18:00:00Z",
        "Sud",
        "Gare",
        &["acces_droits"],
        "Perm. 4 pers., 3 ANTS bloquée, 1 CAF. Orienté FS.",
    ),
    // 2026-W43
    (
        3,
        "2026-10-20T18:00:00Z",
        "Nord",
        "Les Tilleuls",
        &[],
        "RAS, pluie.",
    ),
    (
        4,
        "2026-10-21T18:00:00Z",
        "Centre",
        "Halles",
        &["isolement"],
        "",
    ),
    (
        5,
        "2026-10-22T18:00:00Z",
        "Sud",
        "Gare",
        &["acces_droits"],
        "2 dossiers CAF, 1 titre de séjour. Bornes en panne.",
    ),
    // 2026-W44
    (
        6,
        "2026-10-27T18:00:00Z",
        "Nord",
        "Les Tilleuls",
        &[],
        "Musique au city, 22h. Dialogue ok.",
    ),
    (7, "2026-10-28T18:00:00Z", "Centre", "Halles", &[], "RAS"),
    // 2026-W45
    (
        8,
        "2026-11-03T18:00:00Z",
        "Sud",
        "Gare",
        &["acces_droits"],
        "Perm. calme, 2 pers., aide pour la CAF.",
    ),
    (
        9,
        "2026-11-04T18:00:00Z",
        "Nord",
        "Les Tilleuls",
        &["éclairage"],
        "Parking nord dans le noir, lampadaires HS depuis lundi.",
    ),
    (
        10,
        "2026-11-05T18:00:00Z",
        "Centre",
        "Halles",
        &[],
        "Vu {Mme Perrin}, seule depuis l’été, ne sort plus. Orientée CCAS.",
    ),
    // 2026-W46
    (
        11,
        "2026-11-10T18:00:00Z",
        "Nord",
        "les tilleuls",
        &[],
        "Toujours pas d’éclairage au parking nord. Bailleur relancé.",
    ),
    (
        12,
        "2026-11-11T18:00:00Z",
        "Sud",
        "Gare",
        &["acces_droits"],
        "3 pers. pour la CAF, 1 retraite. Bornes réparées.",
    ),
    (
        13,
        "2026-11-12T18:00:00Z",
        "Centre",
        "Halles",
        &[],
        "Rien à signaler ce soir.",
    ),
    // 2026-W47
    (
        20,
        "2026-11-16T18:00:00Z",
        "Nord",
        "Les Tilleuls",
        &[],
        "Bas du 12, dizaine de jeunes, musique, pas de tension. Gardien : éclairage HS parking (3e fois). {Mme D.} n’ose plus sortir. Bailleur relancé.",
    ),
    (
        21,
        "2026-11-16T19:00:00Z",
        "Nord",
        "Les Tilleuls",
        &[],
        "RAS, pluie.",
    ),
    (
        22,
        "2026-11-17T09:00:00Z",
        "Nord",
        "Les Tilleuls",
        &["éclairage"],
        "",
    ),
    (
        23,
        "2026-11-17T18:00:00Z",
        "Nord",
        "Les Acacias",
        &[],
        "Rodéo de deux motos devant l’école à 17h. Parents très inquiets, l’un veut intervenir lui-même.",
    ),
    (
        24,
        "2026-11-18T08:00:00Z",
        "Sud",
        "Gare",
        &[],
        "Forte odeur de gaz cage C, pompiers appelés. Personne blessé.",
    ),
    (
        25,
        "2026-11-18T17:00:00Z",
        "Sud",
        "Gare",
        &["acces_droits"],
        "Perm. 5 pers., 2 CAF, 1 ANTS. {M. Roux} demande où en est son dossier.",
    ),
    (
        26,
        "2026-11-18T18:00:00Z",
        "Nord",
        "Les Acacias",
        &[],
        "Encore les motos, rodéos jusqu’à 23h. Riverains excédés, pétition évoquée.",
    ),
    (
        27,
        "2026-11-19T09:00:00Z",
        "Sud",
        "Gare",
        &[],
        "Vérifié cage B : pas d’odeur de gaz. Voisins rassurés.",
    ),
    (
        28,
        "2026-11-19T18:00:00Z",
        "Nord",
        "Les Tilleuls",
        &[],
        "Parking nord : noir complet, deux habitantes font le détour. Lampadaires toujours HS.",
    ),
    (
        29,
        "2026-11-20T10:00:00Z",
        "Nord",
        "Les Acacias",
        &[],
        "Petite de 8 ans seule dehors à 22h, dit que son père la frappe. {Mme Lopez} l’a raccompagnée.",
    ),
    (
        30,
        "2026-11-20T18:00:00Z",
        "Sud",
        "Gare",
        &[],
        "Le boulanger propose de garder les invendus pour la maraude du jeudi.",
    ),
    (
        31,
        "2026-11-21T18:00:00Z",
        "Nord",
        "Les Tilleuls",
        &["violences"],
        "",
    ),
    (
        32,
        "2026-11-22T22:30:00Z",
        "Sud",
        "Gare",
        &[],
        "Lampadaires du quai éteints, éclairage public coupé dès 22h.",
    ),
];

/// The themes and the rest, as a pipeline file writes them.
pub(crate) const SETTINGS: &str = r#"
teams = ["Nord", "Sud", "Centre"]

[[themes]]
name = "éclairage"
words = ["éclairage*", "lampadaire*", "dans le noir", "noir complet"]

[[themes]]
name = "bruit"
words = ["musique", "tapage*", "bruit*"]

[[themes]]
name = "rodéos"
words = ["rodéo*"]

[[themes]]
name = "accès aux droits"
words = ["CAF", "ANTS", "titre de séjour", "retraite"]
tags = ["acces_droits"]

[[themes]]
name = "isolement"
words = ["n’ose plus sortir", "ne sort plus", "seul* depuis"]

[[themes]]
name = "violences"
words = ["violence*", "agress*"]
affirmed_only = true

[[themes]]
name = "tensions"
words = ["tension*"]
affirmed_only = true
"#;

/// What is watched.
pub(crate) const ALERTS: &str = r#"
urgent_words = ["odeur de gaz", "gaz", "arme*", "suicid*", "violence*"]
child_words = ["père la frappe", "père le frappe", "enfant* battu*", "maltraitance*"]
watched = [{ theme = "violences" }]
repeated = { mentions = 3, days = 14, except = ["accès aux droits"] }
recipient = "coordination"
recipients = { child-in-danger = "cadre d’astreinte" }
"#;

/// The settings of the synthesis.
pub(crate) fn settings() -> SynthesisSettings {
    toml::from_str(SETTINGS).unwrap()
}

/// The settings of the alerts.
pub(crate) fn alert_settings() -> AlertSettings {
    toml::from_str(ALERTS).unwrap()
}

/// The document of number `n`.
pub(crate) fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes([n; 16])
}

/// One report; names in braces are masked.
pub(crate) fn entry(
    n: u8,
    received: &str,
    team: &str,
    place: &str,
    tags: &[&str],
    note: &str,
) -> Entry {
    let mut text = String::new();
    let mut masks = Vec::new();
    for part in note.split_inclusive(['{', '}']) {
        let plain = part.trim_end_matches(['{', '}']);
        let start = text.len() as u32;
        text.push_str(plain);
        if part.ends_with('}') {
            masks.push(Mask::new(start, text.len() as u32, MaskKind::Name));
        }
    }
    Entry {
        document: document(n),
        received_at: received.parse().unwrap(),
        text_version: ArtifactName::from_bytes([n; 32]),
        text,
        report: FieldReport {
            id: Some(format!("R-{n:04}")),
            date: Some(received[..10].to_owned()),
            team: (!team.is_empty()).then(|| team.to_owned()),
            place: (!place.is_empty()).then(|| place.to_owned()),
            minutes: 30 + u32::from(n),
            people: u32::from(n % 4),
            first_time: u32::from(n % 4 == 3),
            themes: tags.iter().map(|t| (*t).to_owned()).collect(),
            ..FieldReport::default()
        },
        masks,
        clues: vec![],
        passages: vec![],
    }
}

/// The corpus's entries, in the order written above.
pub(crate) fn entries() -> Vec<Entry> {
    let mut out: Vec<Entry> = ROWS
        .iter()
        .map(|(n, received, team, place, tags, note)| entry(*n, received, team, place, tags, note))
        .collect();
    for e in &mut out {
        match e.document.as_bytes()[0] {
            26 => e.report.urgency = Urgency::ToSee,
            31 => e.report.urgency = Urgency::Immediate,
            // Entered late, about the week before.
            25 => e.report.date = Some("2026-11-13".into()),
            27 => e.report.follows = Some("R-0024".into()),
            _ => {}
        }
    }
    out
}

/// The corpus of `entries` for [`WEEK`].
pub(crate) fn corpus(entries: Vec<Entry>) -> Corpus {
    corpus_of(WEEK.parse().unwrap(), entries)
}

/// The corpus of `entries` for `week`.
pub(crate) fn corpus_of(week: IsoWeek, entries: Vec<Entry>) -> Corpus {
    let pipeline: PipelineName = "field-reports".parse().unwrap();
    Corpus::new(pipeline, week, &Zone::paris(), "Europe/Paris", entries).unwrap()
}

/// A stand-in for the keyed hash that names alerts: equal for equal parts, different otherwise
/// with overwhelming likelihood (FNV-1a over both directions).
pub(crate) fn id(kind: &str, about: &str, place: &str) -> AlertId {
    let text = format!("{kind}\0{about}\0{place}");
    let hash = |bytes: &mut dyn Iterator<Item = u8>| {
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let mut out = [0; 16];
    out[..8].copy_from_slice(&hash(&mut text.bytes()).to_be_bytes());
    out[8..].copy_from_slice(&hash(&mut text.bytes().rev()).to_be_bytes());
    AlertId::from_bytes(out)
}

/// The alerts and the synthesis of a corpus with the settings above.
pub(crate) fn written(corpus: &Corpus) -> (AlertSet, Synthesis) {
    let settings = settings();
    let alerts = insight::alerts(corpus, &settings, &alert_settings(), &id).unwrap();
    let synthesis = insight::synthesise(corpus, &settings, &alerts).unwrap();
    (alerts, synthesis)
}

/// The name of a report of this corpus.
pub(crate) fn name(document: DocumentId) -> String {
    format!("R-{:04}", document.as_bytes()[0])
}

//! Old data stays readable: a file for every format that was ever written, with what it means.
//!
//! The files were written by another implementation of RFC 8785. A golden file never changes: a
//! new version of a format gets a new file beside the old one. A change that breaks one of these
//! tests would make what towns have stored unreadable, or prove it forged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use domain::act::{Act, Verdict};
use domain::catalogue::Lang;
use domain::decision::{DecisionFormat, Method, ReviewCause};
use domain::form::{Clash, CompletenessFormat, Spot};
use domain::passage::{PassageSetFormat, VectorSet};
use domain::sentence::{MaskKind, Query, Template, Value};
use domain::synthesis::{Period, SynthesisFormat, ThemeSection, Trend};
use domain::{
    Agent, ArtifactName, Candidate, Circumstances, Completeness, Decision, Digest, DocumentId,
    Evidence, Kind, Mask, Missing, ModelRef, Named, Outcome, PageBox, Passage, PassageSet,
    PersonId, Probability, Reason, Record, RunKey, RunOutcome, Sentence, Span, Statement,
    SubjectId, Synthesis, Threshold, canonical,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes read as `value`, and `value` writes these very bytes.
#[track_caller]
fn check<T>(golden: &[u8], value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let written = canonical::to_bytes(value).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(golden)
    );
    assert_eq!(serde_json::from_slice::<T>(golden).unwrap(), *value);
}

fn artifact(byte: u8) -> ArtifactName {
    ArtifactName::from_bytes([byte; 32])
}

fn run(byte: u8) -> RunKey {
    RunKey::from_bytes([byte; 32])
}

fn named(kind: Kind, byte: u8) -> Named {
    Named {
        kind,
        name: artifact(byte),
    }
}

/// A stage's record with everything a record may hold.
fn record_of_a_stage() -> Record {
    Record::new(
        Statement {
            subject: SubjectId::from_bytes([1; 16]),
            activity: "classify".parse().unwrap(),
            agent: Agent::Software { version: 3 },
            run_key: run(2),
            generation: 1,
            inputs: vec![named(Kind::Text, 3), named(Kind::Passages, 4)],
            input_runs: vec![run(5), run(6)],
            period: Some("2026-W47".into()),
            settings: Digest::of(b"settings"),
            models: vec![ModelRef {
                role: "encoder".into(),
                digest: Digest::of(b"model"),
            }],
            outcome: RunOutcome::Done,
            reason: None,
            outputs: vec![named(Kind::Classification, 7)],
            children: vec![DocumentId::from_bytes([8; 16])],
            quality: None,
        },
        Circumstances {
            started_at: "2026-11-18T09:30:00Z".parse().unwrap(),
            ended_at: "2026-11-18T09:30:00.000123Z".parse().unwrap(),
            attempt: 2,
            build: "greffier 0.1.0".into(),
            platform: "x86_64-linux".into(),
            runtime: Some("1.28.0".into()),
        },
    )
}

/// A person's act, with as little as a record may hold, and a quarantine's reason.
fn record_of_a_person() -> Record {
    Record::new(
        Statement {
            subject: SubjectId::from_bytes([1; 16]),
            activity: "review".parse().unwrap(),
            agent: Agent::Person {
                id: PersonId::from_bytes([9; 16]),
                authenticated: false,
            },
            run_key: run(10),
            generation: 0,
            inputs: Vec::new(),
            input_runs: Vec::new(),
            period: None,
            settings: Digest::of(b"{}"),
            models: Vec::new(),
            outcome: RunOutcome::Quarantine,
            reason: Some("time-limit".into()),
            outputs: vec![named(Kind::Act, 11)],
            children: Vec::new(),
            quality: None,
        },
        Circumstances {
            started_at: "2026-11-18T09:30:00Z".parse().unwrap(),
            ended_at: "2026-11-18T09:30:00Z".parse().unwrap(),
            attempt: 1,
            build: "greffier 0.1.0".into(),
            platform: "x86_64-linux".into(),
            runtime: None,
        },
    )
}

#[test]
fn records_of_format_1() {
    let check = |golden: &[u8], record: Record, digest: &str| {
        assert_eq!(
            String::from_utf8(record.to_bytes().unwrap()).unwrap(),
            String::from_utf8_lossy(golden)
        );
        assert_eq!(Record::from_bytes(golden).unwrap(), record);
        assert!(
            golden.starts_with(br#"{"format":"greffier.record/1","#),
            "the format comes first"
        );
        // The leaf of this record in every log that holds it.
        assert_eq!(Digest::of(&[&[0], golden].concat()).to_string(), digest);
    };
    check(
        include_bytes!("golden/record-1.json"),
        record_of_a_stage(),
        "sha256:522f45edf07e597b8ad6fcfd3db09c47ce0759f7cd868766b8b1c29f6ee6efd4",
    );
    check(
        include_bytes!("golden/record-1-person.json"),
        record_of_a_person(),
        "sha256:d7e529246b240f06119704cb4b5561aba085b289f6e4e68eed95f20612560a37",
    );
}

#[test]
fn a_record_with_any_byte_changed_is_refused_or_says_something_else() {
    let golden = include_bytes!("golden/record-1.json");
    let record = Record::from_bytes(golden).unwrap();
    for at in 0..golden.len() {
        for change in [1, 2, 0x20, 0x80] {
            let mut bytes = golden.to_vec();
            bytes[at] ^= change;
            if let Ok(read) = Record::from_bytes(&bytes) {
                assert_ne!(read, record, "byte {at}");
            }
        }
    }
    for more in ["\n", " ", "{}"] {
        let bytes = [golden.as_slice(), more.as_bytes()].concat();
        assert!(Record::from_bytes(&bytes).is_err(), "{more:?}");
    }
}

#[test]
fn passages_of_format_1() {
    let passages = PassageSet {
        format: PassageSetFormat::V1,
        text_version: artifact(3),
        passages: vec![
            Passage {
                start: 0,
                end: 120,
                page: 1,
                section: None,
                language: None,
            },
            Passage {
                start: 121,
                end: 300,
                page: 2,
                section: Some(Span::new(0, 18)),
                language: None,
            },
        ],
    };
    check(include_bytes!("golden/passages-1.json"), &passages);
}

#[test]
fn decisions_of_format_1() {
    let candidate = |service: &str, millionths| Candidate {
        service: service.parse().unwrap(),
        probability: Probability::from_millionths(millionths),
    };
    let decision = Decision {
        format: DecisionFormat::V1,
        outcome: Outcome::Review,
        service: Some("voirie".parse().unwrap()),
        rule: Some("lampadaire".parse().unwrap()),
        candidates: vec![candidate("voirie", 912_345), candidate("etat-civil", 1)],
        method: Method::Trained,
        threshold: Some(Threshold {
            value: Some(Probability::from_millionths(950_000)),
            max_misrouting: Probability::from_millionths(20_000),
            confidence: Probability::from_millionths(950_000),
            validated: 412,
            needed: Some(149),
        }),
        likely: None,
        reasons: vec![
            Reason::Rule {
                rule: "lampadaire".parse().unwrap(),
                service: "voirie".parse().unwrap(),
                spans: vec![Span::new(3, 13)],
                matched: "lampadaire".into(),
            },
            Reason::Words {
                spans: vec![Span::new(20, 25)],
                weight_thousandths: -1_250,
            },
            Reason::Meaning {
                weight_thousandths: 800,
            },
            Reason::Prior {
                weight_thousandths: 0,
            },
        ],
        review: vec![ReviewCause::BelowThreshold, ReviewCause::Conflict],
    };
    check(include_bytes!("golden/decision-1.json"), &decision);
    // What may be absent is absent, not null.
    let least = Decision {
        format: DecisionFormat::V1,
        outcome: Outcome::Unknown,
        service: None,
        rule: None,
        candidates: Vec::new(),
        method: Method::Nothing,
        threshold: None,
        likely: None,
        reasons: Vec::new(),
        review: vec![ReviewCause::NothingRead],
    };
    check(include_bytes!("golden/decision-1-least.json"), &least);
}

#[test]
fn completeness_of_formats_1_and_2() {
    let (name, label) = (str::to_owned, str::to_owned);
    let one = Completeness {
        format: CompletenessFormat::V1,
        form: Some("dia".parse().unwrap()),
        recognised_by: Some("vendeur, prix".into()),
        present: vec!["prix".into()],
        pieces: vec!["Plan".into()],
        missing: vec![
            Missing::Field {
                name: name("notaire"),
                label: label("Notaire"),
                at: None,
            },
            Missing::Format {
                name: name("date"),
                label: label("Date"),
                expected: "date".into(),
                span: Some(Span::new(4, 9)),
                at: None,
            },
            Missing::Piece { name: name("RIB") },
        ],
    };
    check(include_bytes!("golden/completeness-1.json"), &one);
    let two = Completeness {
        format: CompletenessFormat::V2,
        form: None,
        recognised_by: None,
        present: Vec::new(),
        pieces: Vec::new(),
        missing: vec![
            Missing::Field {
                name: name("notaire"),
                label: label("Notaire"),
                at: Some(Spot {
                    page: 2,
                    bbox: Some(PageBox::new(1.0, 2.0, 3.5, 4.0)),
                }),
            },
            Missing::Inconsistent {
                name: name("fin"),
                label: label("Fin"),
                with: label("Début"),
                clash: Clash::Before,
                span: None,
                at: Some(Spot {
                    page: 1,
                    bbox: None,
                }),
            },
            Missing::Inconsistent {
                name: name("nir"),
                label: label("NIR"),
                with: label("Né le"),
                clash: Clash::Birth,
                span: Some(Span::new(0, 3)),
                at: None,
            },
        ],
    };
    check(include_bytes!("golden/completeness-2.json"), &two);
}

#[test]
fn acts_of_formats_1_and_2() {
    let service = |id: &str| id.parse().unwrap();
    let accept = Verdict::Accept {
        service: service("voirie"),
    };
    check(
        include_bytes!("golden/act-1-accept.json"),
        &Act::new("A. Martin", accept, None),
    );
    let route = Verdict::Route {
        service: service("etat-civil"),
    };
    check(
        include_bytes!("golden/act-1-route.json"),
        &Act::new("Mme Dupré", route, Some("le 3 est une tombe".into())),
    );
    let several = Verdict::Several {
        service: service("voirie"),
        also: vec![service("ccas")],
        copies: vec![service("juridique"), service("mediation")],
    };
    check(
        include_bytes!("golden/act-2-several.json"),
        &Act::new("A. Martin", several, Some("lampadaire".into())),
    );
    let least = Verdict::Several {
        service: service("voirie"),
        also: Vec::new(),
        copies: vec![service("ccas")],
    };
    check(
        include_bytes!("golden/act-2-several-least.json"),
        &Act::new("A. Martin", least, None),
    );
    let not_for_us = Verdict::NotForUs {
        to: "Conseil départemental".into(),
        service: None,
        told: false,
    };
    check(
        include_bytes!("golden/act-2-not-for-us.json"),
        &Act::new("A. Martin", not_for_us, None),
    );
    let told = Verdict::NotForUs {
        to: "Maison départementale des personnes handicapées".into(),
        service: Some(service("mdph")),
        told: true,
    };
    check(
        include_bytes!("golden/act-2-told.json"),
        &Act::new("A. Martin", told, None),
    );
}

#[test]
fn syntheses_of_format_1() {
    let text = "Bas du 12. Mme Durand n’ose plus sortir.";
    let start = text.find("Mme").unwrap() as u32;
    let mask = Mask::new(start, start + "Mme Durand".len() as u32, MaskKind::Name);
    let span = Span::new(start, text.len() as u32);
    let document = DocumentId::from_bytes([1; 16]);
    let quote = Evidence::quote(document, artifact(3), text, span, &[mask]).unwrap();
    assert_eq!(quote.text, "[nom] n’ose plus sortir.");
    let counted = Sentence::counted(
        Template::TeamSilent,
        Query {
            name: "team-silent".into(),
            parameters: BTreeMap::from([("team".to_owned(), "Nord".to_owned())]),
        },
        BTreeMap::from([("team".to_owned(), Value::Name("Nord".into()))]),
        vec![document],
    )
    .unwrap();
    let figure = Sentence::counted(
        Template::ThemeSize,
        Query {
            name: "theme-size".into(),
            parameters: BTreeMap::new(),
        },
        BTreeMap::from([
            ("theme".to_owned(), Value::Name("éclairage".into())),
            ("reports".to_owned(), Value::Count(7)),
            ("teams".to_owned(), Value::Count(2)),
            ("places".to_owned(), Value::Count(3)),
        ]),
        vec![document],
    )
    .unwrap();
    let synthesis = Synthesis {
        format: SynthesisFormat::V1,
        pipeline: "reports".parse().unwrap(),
        period: Period {
            week: "2026-W47".parse().unwrap(),
            start: "2026-11-15T23:00:00Z".parse().unwrap(),
            end: "2026-11-22T23:00:00Z".parse().unwrap(),
            time_zone: "Europe/Paris".into(),
        },
        headline: vec![figure.clone()],
        audience: domain::Audience::Team,
        alerts: vec![domain::AlertId::from_bytes([12; 16])],
        themes: vec![ThemeSection {
            theme: "éclairage".into(),
            id: None,
            learnt: false,
            trend: Trend::TooFew,
            counts: vec![0, 3, 7],
            figures: vec![figure],
            quotes: vec![Sentence::Quote(quote.clone())],
        }],
        lone_voices: vec![Sentence::Quote(quote.clone())],
        done_since: Vec::new(),
        missing: vec![counted],
    };
    let golden = include_bytes!("golden/synthesis-1.json");
    check(golden, &synthesis);
    let read: Synthesis = serde_json::from_slice(golden).unwrap();
    assert_eq!(read.sentences().count(), 5);
    let Sentence::Quote(read_quote) = &read.lone_voices[0] else {
        panic!()
    };
    assert_eq!(read_quote.verify(text), Ok(()));
    assert_eq!(
        read.missing[0].text(Lang::Fr),
        "L’équipe Nord n’a rien transmis cette semaine."
    );
}

/// The golden form of vectors is hexadecimal, eight digits a value.
#[test]
fn vectors_of_format_1() {
    let golden: Vec<u8> = include_str!("golden/vectors-1.hex")
        .split_whitespace()
        .flat_map(|word| hex::decode(word).unwrap())
        .collect();
    let set = VectorSet {
        dimension: 3,
        vectors: vec![
            vec![0.6, -0.8, 0.0],
            vec![0.5, 0.5, std::f32::consts::FRAC_1_SQRT_2],
        ],
    };
    assert_eq!(set.to_bytes(), golden);
    assert_eq!(VectorSet::from_bytes(&golden).unwrap(), set);
    let nothing = VectorSet {
        dimension: 0,
        vectors: Vec::new(),
    };
    assert_eq!(nothing.to_bytes(), golden_header(0, 0));
    assert_eq!(
        VectorSet::from_bytes(&golden_header(0, 0)).unwrap(),
        nothing
    );
    // A text without passages still says how wide its encoder is.
    let none = VectorSet {
        dimension: 384,
        vectors: Vec::new(),
    };
    assert_eq!(none.to_bytes(), golden_header(384, 0));
    assert_eq!(VectorSet::from_bytes(&none.to_bytes()).unwrap(), none);
}

fn golden_header(dimension: u32, count: u32) -> Vec<u8> {
    [
        b"grfvec/1".as_slice(),
        &dimension.to_le_bytes(),
        &count.to_le_bytes(),
    ]
    .concat()
}

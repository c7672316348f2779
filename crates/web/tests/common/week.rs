//! A week of field reports, with its alerts and two editions of its synthesis.

use std::collections::BTreeMap;

use domain::alert::AlertSetFormat;
use domain::sentence::{Evidence, Query, Template, Value};
use domain::synthesis::{Period, SynthesisFormat, ThemeSection, Trend};
use domain::{
    Alert, AlertId, AlertKind, AlertSet, DocumentId, IsoWeek, Kind, Mask, Sentence, Span,
    SubjectId, Synthesis,
};
use pipeline::desk::Desk;
use pipeline::reconcile::{self, Making};
use serde::Serialize;

use super::{House, letter};

/// The week.
pub(crate) const WEEK: &str = "2026-W47";

/// What the first report says: quoted from byte 11 on.
pub(crate) const REPORT: &str =
    "Bas du 12. Mme Durand n’ose plus sortir <le soir>. Parking sans éclairage.";

/// Receives the reports and publishes what is made of them.
pub(crate) async fn publish(house: &House) {
    let reports = [
        letter("R-0412", "2026-11-17T19:40:00Z", None, REPORT),
        letter("R-0413", "2026-11-17T20:10:00Z", None, "RAS, pluie."),
    ];
    let mut ids = Vec::new();
    for report in &reports {
        ids.push(house.admit("mediation", "mediation", report).await);
    }
    house.work().await;
    let quote = quote(&house.desk, ids[0]).await;
    let alerts = alerts(&ids, &quote);
    edition(&house.desk, "alert", Kind::Alerts, 1, &alerts).await;
    let mut synthesis = synthesis(&ids, &quote);
    synthesis.headline.truncate(1);
    synthesis.alerts.clear();
    edition(&house.desk, "synthesise", Kind::Synthesis, 1, &synthesis).await;
    edition(
        &house.desk,
        "synthesise",
        Kind::Synthesis,
        2,
        &self::synthesis(&ids, &quote),
    )
    .await;
    pipeline::log::checkpoint(&house.desk.vault).await.unwrap();
}

async fn edition<T: Serialize>(desk: &Desk, reconciler: &str, kind: Kind, number: u32, value: &T) {
    let making = Making {
        reconciler: reconciler.parse().unwrap(),
        version: 1,
        pipeline: "mediation".parse().unwrap(),
        collection: "mediation".parse().unwrap(),
        period: WEEK.to_owned(),
        input_runs: Vec::new(),
        settings: serde_json::json!({"number": number}),
        models: Vec::new(),
        kind,
    };
    let bytes = domain::canonical::to_bytes(value).unwrap();
    let clock = desk.clock.as_ref();
    reconcile::publish(&desk.vault, making, clock, &desk.build, || {
        Ok::<_, pipeline::Error>(bytes)
    })
    .await
    .unwrap();
}

async fn quote(desk: &Desk, document: DocumentId) -> Sentence {
    let version = desk
        .vault
        .latest(SubjectId::from(document), Kind::Text)
        .await
        .unwrap()
        .unwrap();
    let start = REPORT.find("Mme").unwrap() as u32;
    let end = (REPORT.find("<le soir>.").unwrap() + "<le soir>.".len()) as u32;
    let name = domain::sentence::MaskKind::Name;
    let mask = Mask::new(start, start + "Mme Durand".len() as u32, name);
    let quote = Evidence::quote(
        document,
        version.name,
        REPORT,
        Span::new(start, end),
        &[mask],
    )
    .unwrap();
    Sentence::Quote(quote)
}

fn counted(template: Template, values: &[(&str, Value)], documents: &[DocumentId]) -> Sentence {
    let query = Query {
        name: "toy".into(),
        parameters: BTreeMap::new(),
    };
    let values = values
        .iter()
        .map(|(name, v)| ((*name).to_owned(), v.clone()))
        .collect();
    Sentence::counted(template, query, values, documents.to_vec()).unwrap()
}

fn period() -> Period {
    let week: IsoWeek = WEEK.parse().unwrap();
    let (start, end) = week.bounds(&domain::time::Zone::paris()).unwrap();
    Period {
        week,
        start,
        end,
        time_zone: "Europe/Paris".into(),
    }
}

fn alert_id(n: u8) -> AlertId {
    AlertId::from_bytes([n; 16])
}

fn alerts(ids: &[DocumentId], quote: &Sentence) -> AlertSet {
    let name = |text: &str| Value::Name(text.to_owned());
    AlertSet {
        format: AlertSetFormat::V1,
        pipeline: "mediation".parse().unwrap(),
        period: period(),
        alerts: vec![
            Alert {
                id: alert_id(1),
                kind: AlertKind::Urgent,
                about: "R-0412".into(),
                place: Some("Les Tilleuls".into()),
                since: "2026-11-17T19:40:00Z".parse().unwrap(),
                statement: counted(
                    Template::UrgentField,
                    &[
                        ("report", name("R-0412")),
                        ("team", name("Nord")),
                        ("place", name("Les Tilleuls")),
                        ("urgency", name("immediat")),
                    ],
                    &ids[..1],
                ),
                evidence: vec![quote.clone()],
                basis: "champ « urgence »".into(),
                grounds: vec![domain::Ground::Declared {
                    urgency: domain::report::Urgency::Immediate,
                }],
                procedure: Some("Appeler l’astreinte <au 17>".into()),
                recipient: Some("responsable de la médiation".into()),
            },
            Alert {
                id: alert_id(2),
                kind: AlertKind::RepeatedMentions,
                about: "éclairage <hors service>".into(),
                place: None,
                since: "2026-11-17T19:40:00Z".parse().unwrap(),
                statement: counted(
                    Template::RepeatedMentions,
                    &[
                        ("theme", name("éclairage <hors service>")),
                        ("reports", Value::Count(3)),
                        ("place", name("Les Tilleuls")),
                        ("days", Value::Count(14)),
                    ],
                    // One of them was erased since.
                    &[ids[0], DocumentId::from_bytes([9; 16])],
                ),
                evidence: Vec::new(),
                basis: "trois mentions, même lieu, quatorze jours".into(),
                grounds: Vec::new(),
                procedure: Some("https://intranet.example/eclairage".into()),
                recipient: None,
            },
        ],
    }
}

fn synthesis(ids: &[DocumentId], quote: &Sentence) -> Synthesis {
    Synthesis {
        format: SynthesisFormat::V1,
        pipeline: "mediation".parse().unwrap(),
        period: period(),
        audience: domain::Audience::Team,
        headline: vec![
            counted(
                Template::ReportsReceived,
                &[
                    ("reports", Value::Count(2)),
                    ("teams", Value::Count(1)),
                    ("notes", Value::Count(2)),
                ],
                ids,
            ),
            counted(
                Template::NothingToReport,
                &[("reports", Value::Count(1))],
                &ids[1..],
            ),
        ],
        alerts: vec![alert_id(1)],
        themes: vec![ThemeSection {
            theme: "éclairage".into(),
            id: None,
            learnt: false,
            trend: Trend::TooFew,
            counts: vec![0, 1, 0, 0, 2, 1, 3],
            figures: vec![counted(
                Template::ThemeTooSmall,
                &[("observed", Value::Count(3)), ("weeks", Value::Count(6))],
                &[],
            )],
            quotes: vec![quote.clone()],
        }],
        lone_voices: vec![quote.clone()],
        done_since: Vec::new(),
        missing: vec![counted(
            Template::TeamSilent,
            &[("team", Value::Name("Sud".into()))],
            &[],
        )],
    }
}

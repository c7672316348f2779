//! What people decide beside accepting and routing, and the order of what waits for them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use std::sync::Arc;

use common::{House, PIPELINE, StillClock, incoming, toys};
use domain::act::{ActFormat, Verdict};
use domain::decision::{DecisionFormat, Method, ReviewCause};
use domain::{Day, Decision, DocumentId, Kind, Lang, Outcome, Probability, Timestamp};
use expect_test::expect;
use pipeline::Error;
use pipeline::explain::{explain, to_text};
use pipeline::inbox::{PRESSING_DAYS, Place, order};
use pipeline::ledger::{DocumentFilter, DocumentRow, Ledger};
use pipeline::review::Review;
use pipeline::stage::{Output, Stage};
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger};
use proptest::prelude::*;

const SERVICES: &str = r#"
[[services]]
id = "ccas"
name = "CCAS"
description = "aides"

[[services]]
id = "mdph"
name = "MDPH"
description = "handicap"
external = true
"#;

/// A house whose pipeline file says more.
fn town(more: &str) -> House {
    let mut house = House::over(
        MemoryLedger::new(),
        MemoryBlobs::new(),
        StillClock::at("2026-11-18T09:30:00Z"),
    );
    // Rules stand last in the file: what comes after belongs to them.
    let (before, rules) = PIPELINE.split_once("[[rules]]").unwrap();
    let file = format!("{before}{SERVICES}{more}\n[[rules]]{rules}");
    house.pipelines = common::pipelines_of(file, toys::all(&house.tool));
    house
}

async fn row(house: &House, id: DocumentId) -> DocumentRow {
    house.ledger.document(id).await.unwrap().unwrap()
}

async fn review(house: &House, id: DocumentId, asked: &Review) -> Result<Verdict, Error> {
    let row = row(house, id).await;
    let reviewed = house.desk().review(&row, asked, "Léa Martin", None).await?;
    Ok(reviewed.act.verdict)
}

fn several(service: Option<&str>, also: &[&str], copies: &[&str]) -> Review {
    let owned = |ids: &[&str]| ids.iter().map(ToString::to_string).collect();
    Review::Several {
        service: service.map(str::to_owned),
        also: owned(also),
        copies: owned(copies),
    }
}

fn elsewhere(to: &str, told: bool) -> Review {
    Review::NotForUs {
        to: to.to_owned(),
        told,
    }
}

async fn acts(house: &House, id: DocumentId) -> usize {
    let records = house.vault.records(id.into()).await.unwrap();
    let acts = records
        .iter()
        .filter(|(r, _)| r.statement().activity.as_str() == "review");
    acts.count()
}

#[tokio::test]
async fn several_services_have_one_document() {
    let house = town("");
    let [id] = house.process(&[("F-1", "un lampadaire\n")]).await[..] else {
        panic!()
    };
    let asked = several(None, &["ccas"], &["etat-civil"]);
    review(&house, id, &asked).await.unwrap();
    review(&house, id, &asked).await.unwrap();
    assert_eq!(acts(&house, id).await, 1, "said twice, decided once");

    let route = row(&house, id).await.route.unwrap();
    let services: Vec<&str> = route.services().map(|s| s.as_str()).collect();
    assert_eq!(services, ["voirie", "ccas", "etat-civil"]);
    for service in services {
        let filter = DocumentFilter {
            service: Some(service.parse().unwrap()),
            ..DocumentFilter::default()
        };
        assert_eq!(house.ledger.documents(&filter).await.unwrap().len(), 1);
    }
    let opened = house.desk().open(row(&house, id).await).await.unwrap();
    let act = opened.act.as_ref().unwrap();
    assert_eq!(act.format, ActFormat::V2);
    assert!(act.verdict.concerns(&"ccas".parse().unwrap()));
    assert!(!act.verdict.concerns(&"etat-civil".parse().unwrap()));
    let desk = house.desk();
    let said = |lang| explain(&desk, &opened, lang);
    let french = said(Lang::Fr).await.unwrap().contribution.sentences;
    let english = said(Lang::En).await.unwrap().contribution.sentences;
    expect![[r#"
        Léa Martin a choisi le service « Voirie », qui répond ; ont aussi à faire : « CCAS » ; pour information : « État civil ».
        Léa Martin chose “Voirie”, which answers; with something to do too: “CCAS”; for information: “État civil”."#]]
    .assert_eq(&format!("{}\n{}", french[1], english[1]));
    assert!(house.verify().await.holds());

    // For one alone again: an act of the first format, as it always was.
    review(&house, id, &several(Some("etat-civil"), &[], &[]))
        .await
        .unwrap();
    let opened = house.desk().open(row(&house, id).await).await.unwrap();
    assert_eq!(opened.act.unwrap().format, ActFormat::V1);
    let route = opened.row.route.unwrap();
    assert!(route.also.is_empty() && route.copies.is_empty());
    assert!(house.verify().await.holds());
}

#[tokio::test]
async fn services_that_cannot_be_together_are_refused() {
    let house = town("");
    let [id, mystery] = house
        .process(&[("F-1", "un lampadaire\n"), ("F-2", "mystery\n")])
        .await[..]
    else {
        panic!()
    };
    let refused = async |id: DocumentId, asked: Review| {
        let error = review(&house, id, &asked).await.unwrap_err().to_string();
        error.replace(&id.to_string(), "doc_…")
    };
    let said = [
        refused(id, several(None, &["voirie"], &[])).await,
        refused(id, several(None, &["ccas"], &["ccas"])).await,
        refused(id, several(None, &[], &["mdph"])).await,
        refused(id, several(Some("voirie"), &["piscine"], &[])).await,
        refused(mystery, several(None, &["ccas"], &[])).await,
        refused(id, elsewhere("  ", false)).await,
        refused(id, elsewhere("voirie", false)).await,
        refused(id, Review::Told).await,
    ];
    expect![[r#"
        `voirie` is named twice: a service answers, has its part, or has a copy
        `ccas` is named twice: a service answers, has its part, or has a copy
        `mdph` is not one of your services, so it cannot be among `--also` and `--copy`: say it in `--reason`, or use `--not-for-us`
        pipeline `mail` has no service `piscine`: known are voirie, etat-civil, ccas, mdph
        nothing is proposed for doc_…: choose a service with `--route SERVICE`
        `--not-for-us` needs the name of the authority that is competent
        `voirie` is one of your services: `--route voirie` sends it there
        doc_… is not for another authority, so nobody is to be told: `--not-for-us NAME` says that it is"#]]
    .assert_eq(&said.join("\n"));
    assert_eq!(acts(&house, id).await, 0);
}

#[tokio::test]
async fn what_is_not_for_us_stays_until_the_person_is_told() {
    let house = town("");
    let ids = house
        .process(&[("F-1", "un\n"), ("F-2", "deux\n"), ("F-3", "trois\n")])
        .await;
    let to_forward = async || {
        let inbox = house.desk().inbox(None, None).await.unwrap();
        let ids = inbox.to_forward.iter().map(|waiting| waiting.row.id);
        (inbox.to_decide.len(), ids.collect::<Vec<_>>())
    };
    review(&house, ids[0], &elsewhere(" Conseil départemental ", false))
        .await
        .unwrap();
    // A service that is not ours stands for another authority, however it is chosen.
    review(&house, ids[1], &Review::Route("mdph".into()))
        .await
        .unwrap();
    review(&house, ids[2], &elsewhere("mdph", true))
        .await
        .unwrap();
    let (left, mut waiting) = to_forward().await;
    let mut expected = vec![ids[0], ids[1]];
    waiting.sort_unstable();
    expected.sort_unstable();
    assert_eq!((left, waiting), (0, expected));
    let opened = house.desk().open(row(&house, ids[0]).await).await.unwrap();
    let sheet = explain(&house.desk(), &opened, Lang::Fr).await.unwrap();
    let text = to_text(&sheet, &domain::time::Zone::paris());
    assert!(
        text.contains("relève de « Conseil départemental »"),
        "{text}"
    );
    assert!(
        text.contains("L114-2") && text.contains("reste à informer"),
        "{text}"
    );
    assert!(house.verify().await.holds());

    for id in &ids[..2] {
        review(&house, *id, &Review::Told).await.unwrap();
        review(&house, *id, &Review::Told).await.unwrap();
        assert_eq!(acts(&house, *id).await, 2, "told twice, recorded once");
    }
    assert_eq!(to_forward().await, (0, Vec::new()));
    let told = house.desk().open(row(&house, ids[1]).await).await.unwrap();
    let Verdict::NotForUs { to, service, told } = told.act.unwrap().verdict else {
        panic!()
    };
    assert_eq!((to.as_str(), told), ("MDPH", true));
    assert_eq!(service.unwrap().as_str(), "mdph");
    // And back: it is ours after all.
    review(&house, ids[0], &Review::Route("voirie".into()))
        .await
        .unwrap();
    assert!(!row(&house, ids[0]).await.route.unwrap().to_tell);
    assert!(house.verify().await.holds());
}

#[tokio::test]
async fn what_is_due_goes_first_and_its_day_is_that_of_the_pipeline_file() {
    let house = town("[deadlines]\nwithin = \"1 mois\"\n");
    for (name, at) in [
        ("late", "2026-10-01T08:00:00Z"),
        ("in-a-week", "2026-10-25T08:00:00Z"),
        ("new", "2026-11-18T08:00:00Z"),
        ("before", "2026-11-10T08:00:00Z"),
        ("tomorrow", "2026-10-18T22:30:00Z"),
    ] {
        let mut incoming = incoming(name, "autre chose\n");
        incoming.arrival.received_at = at.parse().unwrap();
        house.admit(&incoming).await;
    }
    house.work().await;
    let inbox = house.desk().inbox(None, None).await.unwrap();
    let mut said = Vec::new();
    for waiting in inbox.queue() {
        let name = house.desk().name(waiting.row.id).await.unwrap();
        said.push(format!("{name} {} {}", waiting.deadline, waiting.days_left));
    }
    assert_eq!(
        said,
        [
            "late 2026-11-01 -17",
            // Received on the 19th in Paris.
            "tomorrow 2026-11-19 1",
            "in-a-week 2026-11-25 7",
            "before 2026-12-10 22",
            "new 2026-12-18 30",
        ]
    );
}

#[tokio::test]
async fn what_is_drawn_looks_like_what_is_to_be_checked_and_short_time_is_never_drawn() {
    let shown = async |more: &str| {
        let house = town(more);
        let names: Vec<String> = (0..12).map(|n| format!("L-{n}")).collect();
        let letters: Vec<(&str, &str)> =
            names.iter().map(|n| (n.as_str(), "lampadaire\n")).collect();
        house.process(&letters).await;
        let desk = house.desk();
        let inbox = desk.inbox(None, None).await.unwrap();
        let mut outcomes = Vec::new();
        for waiting in &inbox.to_decide {
            let opened = desk.open(waiting.row.clone()).await.unwrap();
            outcomes.push(desk.shown_outcome(&opened).unwrap());
            let shown = desk.shown_decision(&opened).unwrap();
            assert_eq!(shown.outcome, Outcome::Review);
            let why = explain(&desk, &opened, Lang::Fr).await.unwrap();
            assert_eq!(why.contribution.outcome, Outcome::Review);
            let said = why.contribution.sentences.join(" ");
            assert!(said.contains("a demandé à une personne"), "{said}");
            assert!(!said.contains("transmis"), "{said}");
            assert_eq!(opened.row.route.unwrap().outcome, Outcome::Automatic);
        }
        (outcomes, inbox.routed.len())
    };
    let all = "[stage.route]\naudit_share = 1.0\n";
    assert_eq!(shown(all).await, (vec![Outcome::Review; 12], 0));
    let short = format!("{all}[deadlines]\nwithin = \"15 jours\"\n");
    assert_eq!(shown(&short).await, (Vec::new(), 12));
    let longer = format!("{all}[deadlines]\nwithin = \"16 jours\"\n");
    assert_eq!(shown(&longer).await.1, 0);
    let own = format!("{short}never_drawn_within = \"10 jours\"\n");
    assert_eq!(shown(&own).await.1, 0);
}

#[tokio::test]
async fn what_was_drawn_stays_drawn_whatever_the_file_says_later() {
    let share = async |then: Option<u32>, now: &str| {
        let mut house = town(&format!("[stage.route]\naudit_share = {now}\n"));
        if let Some(then) = then {
            let mut route = toys::route(&house.tool);
            route.settings = serde_json::json!({ "audit_share": then });
            let (head, rules) = PIPELINE.split_once("[[rules]]").unwrap();
            let file =
                format!("{head}{SERVICES}[stage.route]\naudit_share = {now}\n\n[[rules]]{rules}");
            let stages = vec![
                Arc::new(toys::extract(&house.tool)) as Arc<dyn Stage>,
                Arc::new(toys::split(&house.tool)),
                Arc::new(route),
            ];
            house.pipelines = common::pipelines_of(file, stages);
        }
        let ids = house.process(&[("L-1", "un lampadaire\n")]).await;
        let desk = house.desk();
        let opened = desk.open(row(&house, ids[0]).await).await.unwrap();
        let listed = desk.inbox(None, None).await.unwrap().to_decide.len() == 1;
        assert_eq!(
            desk.is_audited(&opened),
            listed,
            "page and list say the same"
        );
        listed
    };
    assert!(share(Some(1_000_000), "0.0").await);
    assert!(!share(Some(0), "1.0").await);
    // Runs of before the share was among their settings.
    assert!(share(None, "1.0").await);
    assert!(!share(None, "0.0").await);
}

#[tokio::test]
async fn a_decision_that_replaces_another_says_so() {
    let house = town("");
    let ids = house.process(&[("L-1", "un lampadaire\n")]).await;
    let row = row(&house, ids[0]).await;
    let desk = house.desk();
    let first = desk.review(&row, &Review::Accept, "Léa Martin", None);
    assert_eq!(first.await.unwrap().after, None);
    let again = desk.review(&row, &Review::Accept, "Léa Martin", None);
    assert_eq!(
        again.await.unwrap().after,
        None,
        "the same again is nothing new"
    );
    let other = Review::Route("etat-civil".into());
    let second = desk.review(&row, &other, "Sam Diallo", None).await.unwrap();
    assert_eq!(second.after.unwrap().by, "Léa Martin");
}

#[tokio::test]
async fn what_is_routed_anew_after_a_person_decided_changes_neither_row_nor_measure() {
    let all = "[stage.route]\naudit_share = 1.0\n";
    let mut house = town(all);
    let letters = [
        ("L-1", "un lampadaire\n"),
        ("L-2", "un autre lampadaire\n"),
        ("L-3", "le lampadaire du pont\n"),
    ];
    let [accepted, corrected, sent] = house.process(&letters).await[..] else {
        panic!()
    };
    review(&house, accepted, &Review::Accept).await.unwrap();
    let other = Review::Route("etat-civil".into());
    review(&house, corrected, &other).await.unwrap();
    let measured = async |house: &House, id| {
        let desk = house.desk();
        let opened = desk.open(row(house, id).await).await.unwrap();
        let routed = opened.routed.clone().unwrap();
        let service = routed.decision.service.clone().unwrap().to_string();
        let outcome = routed.decision.outcome;
        (service, outcome, routed.run, desk.is_audited(&opened))
    };
    let ids = [accepted, corrected, sent];
    let mut before = Vec::new();
    for id in ids {
        let measure = measured(&house, id).await;
        assert_eq!(measure.0, "voirie");
        assert_eq!((measure.1, measure.3), (Outcome::Automatic, true));
        before.push(measure);
    }

    // The setting changes: what is routed again goes elsewhere, once a person has looked.
    let mut changed = toys::route(&house.tool).doing(|_, _| {
        let decision = Decision {
            format: DecisionFormat::V1,
            outcome: Outcome::Review,
            service: Some("etat-civil".parse().unwrap()),
            rule: None,
            candidates: Vec::new(),
            method: Method::Descriptions,
            threshold: None,
            likely: None,
            reasons: Vec::new(),
            review: vec![ReviewCause::NoModel],
        };
        Output::json(Kind::Decision, &decision)
    });
    changed.settings = serde_json::json!({"changed": true});
    let (head, rules) = PIPELINE.split_once("[[rules]]").unwrap();
    let file = format!("{head}{SERVICES}{all}\n[[rules]]{rules}");
    let stages = vec![
        Arc::new(toys::extract(&house.tool)) as Arc<dyn Stage>,
        Arc::new(toys::split(&house.tool)),
        Arc::new(changed),
    ];
    house.pipelines = common::pipelines_of(file, stages);
    for id in ids {
        let task = domain::message::Task {
            document: id.into(),
            pipeline: "mail".parse().unwrap(),
            stage: "route".parse().unwrap(),
            generation: 1,
            class: domain::message::Class::Normal,
        };
        house.ledger.owe(&task).await.unwrap();
    }
    house.work().await;
    let desk = house.desk();
    for (id, before) in ids.into_iter().zip(&before) {
        let opened = desk.open(row(&house, id).await).await.unwrap();
        let latest = house.vault.latest(id.into(), Kind::Decision).await.unwrap();
        let latest = latest.unwrap().record.statement().run_key;
        assert_ne!(latest, before.2, "it was routed again");
        assert_eq!(measured(&house, id).await, *before);
        // Who has decided goes on seeing what they decided about.
        let seen = opened.decision.unwrap().outcome;
        assert_eq!(seen == Outcome::Automatic, id != sent);
    }
    assert!(house.verify().await.holds());
    let opened = desk.open(row(&house, accepted).await).await.unwrap();
    let why = explain(&desk, &opened, Lang::Fr).await.unwrap();
    let said = why.contribution.sentences.join(" ");
    for words in ["a transmis ce document", "tiré au sort pour contrôle"] {
        assert!(said.contains(words), "{said}");
    }
    // Deciding again says again what was seen.
    let again = review(&house, corrected, &Review::Accept).await.unwrap();
    assert_eq!(again.service().unwrap().as_str(), "voirie");
    assert_eq!(measured(&house, corrected).await, before[1]);
    assert!(house.verify().await.holds());
}

fn place(n: u8, days: i64, margin: u32, drawn: Option<u32>) -> Place {
    let today: Day = "2026-11-18".parse().unwrap();
    let deadline = domain::Delay::days(400).after(today);
    let base = today.until(deadline);
    let noon: Timestamp = "2026-11-18T12:00:00Z".parse().unwrap();
    let at = noon.plus_micros((days - base) * 86_400_000_000);
    Place {
        deadline: domain::Delay::days(400).after(Day::of(at, &domain::time::Zone::paris())),
        days_left: days,
        margin: Probability::from_millionths(margin),
        drawn,
        received_at: noon,
        id: DocumentId::from_bytes([n; 16]),
    }
}

#[test]
fn within_a_week_the_software_hesitates_first_and_a_drawn_place_is_kept() {
    // 30 to 33 days from a Wednesday: Friday to Monday, two weeks.
    let places = [
        place(1, 30, 900_000, None),
        place(2, 31, 100_000, None),
        place(3, 32, 500_000, None),
        place(4, 30, 999_999, Some(0)),
        place(5, 33, 1, None),
        place(6, 3, 999_999, None),
        place(7, -2, 999_999, Some(999_999)),
    ];
    let ids: Vec<usize> = order(&places).into_iter().map(|at| at + 1).collect();
    assert_eq!(ids, [7, 6, 4, 2, 3, 1, 5]);
}

prop_compose! {
    fn places()(list in prop::collection::vec((-40i64..120, 0u32..=1_000_000, prop::option::weighted(0.1, 0u32..1_000_000)), 0..60)) -> Vec<Place> {
        list.into_iter().enumerate().map(|(n, (days, margin, drawn))| place(n as u8, days, margin, drawn)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_is_total_the_same_however_documents_are_listed_and_what_is_due_is_first(
        places in places(), seed in any::<u64>(),
    ) {
        let ordered: Vec<&Place> = order(&places).into_iter().map(|at| &places[at]).collect();
        // Everything once.
        let mut ids: Vec<_> = ordered.iter().map(|p| p.id).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), places.len());
        // The same whatever the order in which they are found.
        let mut shuffled = places.clone();
        shuffled.sort_by_key(|p| u64::from(p.id.as_bytes()[0]).wrapping_mul(seed | 1).rotate_left(17));
        let again: Vec<_> = order(&shuffled).into_iter().map(|at| shuffled[at].id).collect();
        prop_assert_eq!(again, ordered.iter().map(|p| p.id).collect::<Vec<_>>());
        // What is due first, by its day; then by week.
        let pressing = ordered.iter().take_while(|p| p.days_left <= PRESSING_DAYS).count();
        prop_assert!(ordered[pressing..].iter().all(|p| p.days_left > PRESSING_DAYS));
        prop_assert!(ordered[..pressing].is_sorted_by_key(|p| p.deadline));
        prop_assert!(ordered[pressing..].is_sorted_by_key(|p| p.deadline.monday()));
        // Those without a drawn place: where the software hesitates most, first.
        for week in ordered[pressing..].chunk_by(|a, b| a.deadline.monday() == b.deadline.monday()) {
            let useful: Vec<_> = week.iter().filter(|p| p.drawn.is_none()).map(|p| p.margin).collect();
            prop_assert!(useful.is_sorted());
        }
    }
}

#[tokio::test]
async fn a_service_is_found_by_its_id_or_by_what_people_call_it() {
    let house = town("");
    let pipeline = house.pipelines.iter().next().unwrap();
    let found = |said: &str| pipeline.service(said).ok().map(|s| s.id().to_string());
    for said in ["etat-civil", "État civil", " etat CIVIL "] {
        assert_eq!(found(said).as_deref(), Some("etat-civil"), "{said}");
    }
    assert_eq!(found("état"), None);
    // None of our services is another authority, whatever it is called by.
    let id = house.process(&[("a.txt", "mystery")]).await[0];
    for said in ["etat-civil", "Etat civil"] {
        let refused = review(&house, id, &elsewhere(said, false)).await;
        assert!(matches!(refused, Err(Error::OneOfOurs(_))), "{refused:?}");
    }
    let Verdict::NotForUs { service, .. } =
        review(&house, id, &elsewhere("Mdph", false)).await.unwrap()
    else {
        panic!("not for us");
    };
    assert_eq!(service.unwrap().as_str(), "mdph");
}

#[test]
fn disagreement_and_doubt_are_said_with_the_services_names() {
    use domain::decision::{DecisionFormat, Likely, Method, ReviewCause};
    use domain::{Candidate, Decision, Reason};
    let house = town("");
    let pipeline = house.pipelines.iter().next().unwrap();
    let candidate = |service: &str, percent: u32| Candidate {
        service: service.parse().unwrap(),
        probability: Probability::from_millionths(percent * 10_000),
    };
    let likely = |services: &[&str]| Likely {
        services: services.iter().map(|s| s.parse().unwrap()).collect(),
        coverage: Probability::from_f64(0.9),
    };
    let mut decision = Decision {
        format: DecisionFormat::V1,
        outcome: Outcome::Review,
        service: Some("ccas".parse().unwrap()),
        rule: None,
        candidates: vec![candidate("ccas", 60), candidate("mdph", 30)],
        method: Method::Trained,
        threshold: None,
        likely: Some(likely(&["ccas", "mdph"])),
        reasons: Vec::new(),
        review: vec![ReviewCause::BelowThreshold],
    };
    let causes = |decision: &Decision, lang| {
        pipeline::reasons::causes(decision, Outcome::Review, pipeline, lang).join(" | ")
    };
    expect!["à confirmer par une personne | l’un de ces services, 9 fois sur 10 : CCAS, MDPH"]
        .assert_eq(&causes(&decision, Lang::Fr));
    expect!["to be confirmed by a person | one of these services, 9 times in 10: CCAS, MDPH"]
        .assert_eq(&causes(&decision, Lang::En));
    // One is what is proposed, and many are all of them.
    for services in [&["ccas"][..], &["ccas", "mdph", "voirie", "etat-civil"]] {
        decision.likely = Some(likely(services));
        expect!["à confirmer par une personne"].assert_eq(&causes(&decision, Lang::Fr));
    }
    decision.likely = Some(likely(&["ccas", "mdph"]));
    decision.rule = Some("lampadaire".parse().unwrap());
    decision.service = Some("voirie".parse().unwrap());
    decision.review = vec![ReviewCause::Conflict];
    decision.reasons = vec![Reason::Rule {
        rule: "lampadaire".parse().unwrap(),
        service: "voirie".parse().unwrap(),
        spans: Vec::new(),
        matched: "lampadaire".into(),
    }];
    expect!["la règle « lampadaire » (« lampadaire ») désigne Voirie, le modèle propose CCAS"]
        .assert_eq(&causes(&decision, Lang::Fr));
}

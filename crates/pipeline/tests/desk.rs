//! What people see and do: review, inbox, finding, explanation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::{House, incoming, incoming_from};
use domain::act::Verdict;
use domain::catalogue::Lang;
use domain::message::Task;
use domain::{Agent, DocumentId, Source};
use expect_test::{Expect, expect};
use pipeline::Error;
use pipeline::desk::Review;
use pipeline::explain::{explain, to_text};
use pipeline::ledger::{DocumentRow, Ledger};
use pipeline::testing::memory::Tampering;

async fn row(house: &House, id: DocumentId) -> DocumentRow {
    house.ledger.document(id).await.unwrap().unwrap()
}

/// Reviews, and gives the service the document goes to.
async fn review(house: &House, id: DocumentId, review: Review) -> Result<String, Error> {
    let row = row(house, id).await;
    let reviewed = house
        .desk()
        .review(&row, &review, "Léa Martin", None)
        .await?;
    let service = reviewed.act.verdict.service();
    Ok(service.map(ToString::to_string).unwrap_or_default())
}

fn to(service: &str) -> Review {
    Review::Route(service.to_owned())
}

/// Service, whether a person decided, and how many reviews are recorded.
async fn stands(house: &House, id: DocumentId) -> (String, bool, usize) {
    let route = row(house, id).await.route.unwrap();
    let records = house.vault.records(id.into()).await.unwrap();
    let reviews = records
        .iter()
        .filter(|(r, _)| r.statement().activity.as_str() == "review");
    (
        route.service.unwrap().to_string(),
        route.decided,
        reviews.count(),
    )
}

#[tokio::test]
async fn accepting_twice_is_accepting_once() {
    let house = House::new();
    let [id] = house.process(&[("F-1", "un lampadaire\n")]).await[..] else {
        panic!()
    };
    assert_eq!(stands(&house, id).await, ("voirie".into(), false, 0));
    assert_eq!(review(&house, id, Review::Accept).await.unwrap(), "voirie");
    assert_eq!(review(&house, id, Review::Accept).await.unwrap(), "voirie");
    assert_eq!(stands(&house, id).await, ("voirie".into(), true, 1));

    let opened = house.desk().open(row(&house, id).await).await.unwrap();
    let act = opened.act.unwrap();
    assert_eq!(act.by, "Léa Martin");
    assert!(matches!(act.verdict, Verdict::Accept { .. }));
    let (record, leaf) = opened.records.last().unwrap();
    assert!(leaf.is_some(), "an act is in the log at once");
    // The record names the person by a pseudonym only.
    let Agent::Person {
        authenticated: false,
        ..
    } = record.statement().agent
    else {
        panic!()
    };
    assert!(
        !String::from_utf8(record.to_bytes().unwrap())
            .unwrap()
            .contains("Martin")
    );
    assert!(house.verify().await.holds());
}

#[tokio::test]
async fn changing_ones_mind_is_recorded_each_time() {
    let house = House::new();
    let [id] = house.process(&[("F-1", "un lampadaire\n")]).await[..] else {
        panic!()
    };
    for (i, service) in ["voirie", "etat-civil", "voirie", "etat-civil", "voirie"]
        .iter()
        .enumerate()
    {
        review(&house, id, to(service)).await.unwrap();
        assert_eq!(stands(&house, id).await, ((*service).into(), true, i + 1));
        // And saying it again changes nothing.
        review(&house, id, to(service)).await.unwrap();
        assert_eq!(stands(&house, id).await, ((*service).into(), true, i + 1));
    }
    let verification = house.verify().await;
    assert!(verification.holds(), "{:#?}", verification.findings);
}

#[tokio::test]
async fn the_proposal_is_what_the_decision_says_not_what_someone_chose() {
    let house = House::new();
    let [id] = house.process(&[("F-1", "un lampadaire\n")]).await[..] else {
        panic!()
    };
    review(&house, id, to("etat-civil")).await.unwrap();
    assert_eq!(review(&house, id, Review::Accept).await.unwrap(), "voirie");
    assert_eq!(stands(&house, id).await, ("voirie".into(), true, 2));
}

#[tokio::test]
async fn what_a_person_decided_no_stage_changes() {
    let house = House::new();
    let [id] = house.process(&[("F-1", "un lampadaire\n")]).await[..] else {
        panic!()
    };
    review(&house, id, to("etat-civil")).await.unwrap();
    let again = Task {
        document: id.into(),
        pipeline: "mail".parse().unwrap(),
        stage: "route".parse().unwrap(),
        generation: 0,
        class: domain::message::Class::Normal,
    };
    house.ledger.tamper(Tampering::TaskOwed(&again));
    house.work().await;
    assert_eq!(stands(&house, id).await, ("etat-civil".into(), true, 1));
}

#[tokio::test]
async fn what_cannot_be_reviewed_is_said() {
    let house = House::new();
    let [mystery] = house.process(&[("F-1", "mystery\n")]).await[..] else {
        panic!()
    };
    let (waiting, _) = house.admit(&incoming("F-2", "b\n")).await;
    let check = async |id, review_of: Review, expected: Expect| {
        let error = review(&house, id, review_of).await.unwrap_err();
        expected.assert_eq(&error.to_string().replace(&id.to_string(), "doc_…"));
    };
    check(
        mystery,
        Review::Accept,
        expect!["nothing is proposed for doc_…: choose a service with `--route SERVICE`"],
    )
    .await;
    check(
        mystery,
        to("piscine"),
        expect!["pipeline `mail` has no service `piscine`: known are voirie, etat-civil"],
    )
    .await;
    check(
        waiting,
        to("voirie"),
        expect!["doc_… is still being processed: `greffier work` finishes what is owed"],
    )
    .await;
    // A document without a proposal, or set aside, can still be sent where it belongs.
    assert_eq!(
        review(&house, mystery, to("voirie")).await.unwrap(),
        "voirie"
    );
    let [refused] = house.process(&[("F-3", "refuse extract\n")]).await[..] else {
        panic!()
    };
    assert_eq!(
        review(&house, refused, to("voirie")).await.unwrap(),
        "voirie"
    );
    assert_eq!(stands(&house, refused).await, ("voirie".into(), true, 1));
}

#[tokio::test]
async fn the_inbox_shows_first_what_needs_a_person_and_what_is_due() {
    let house = House::new();
    let received = [
        ("automatic-early", "lampadaire\n", "2026-11-16T08:00:00Z"),
        ("automatic-late", "lampadaire 2\n", "2026-11-18T08:00:00Z"),
        (
            "review-late",
            "b\nchild: attached\n",
            "2026-11-17T08:00:00Z",
        ),
        ("set-aside", "refuse split\n", "2026-11-16T12:00:00Z"),
        ("unknown-early", "mystery\n", "2026-11-16T09:00:00Z"),
        ("decided", "c\n", "2026-11-15T08:00:00Z"),
    ];
    for (name, text, at) in received {
        let mut incoming = incoming(name, text);
        incoming.arrival.received_at = at.parse().unwrap();
        house.admit(&incoming).await;
    }
    house.work().await;
    let decided = house.desk().find("decided").await.unwrap().id;
    review(&house, decided, Review::Accept).await.unwrap();
    house.admit(&incoming("waiting", "d\n")).await;

    let names = async |pipeline: Option<&str>, service: Option<&str>| {
        let (pipeline, service) = (
            pipeline.map(|p| p.parse().unwrap()),
            service.map(|s| s.parse().unwrap()),
        );
        let inbox = house
            .desk()
            .inbox(pipeline.as_ref(), service.as_ref())
            .await
            .unwrap();
        let mut names = Vec::new();
        for waiting in inbox.queue() {
            names.push(house.desk().name(waiting.row.id).await.unwrap());
        }
        names
    };
    // In the week they are due: where the software hesitates most, first.
    let all = [
        "unknown-early",
        "set-aside",
        "review-late",
        "automatic-early",
        "automatic-late",
    ];
    assert_eq!(names(None, None).await, all);
    assert_eq!(names(Some("mail"), None).await, all);
    assert_eq!(names(Some("other"), None).await, [""; 0]);
    assert_eq!(
        names(None, Some("voirie")).await,
        ["automatic-early", "automatic-late"]
    );
    assert_eq!(names(None, Some("etat-civil")).await, ["review-late"]);
    assert_eq!(house.desk().inbox(None, None).await.unwrap().processing, 1);
}

#[tokio::test]
async fn a_document_is_found_by_what_people_call_it() {
    let house = House::new();
    let [one, twin] = house.process(&[("F-1", "a\n"), ("F-1", "b\n")]).await[..] else {
        panic!()
    };
    let [three] = house.process(&[("F-3", "child: c\n")]).await[..] else {
        panic!()
    };
    let path = incoming_from(Source::Path("courrier/2026/lettre.v2.pdf".into()), "d\n");
    let (letter, _) = house.admit(&path).await;
    let desk = house.desk();
    let found = async |name: &str| match desk.find(name).await {
        Ok(row) => Ok(row.id),
        Err(Error::Ambiguous { candidates, .. }) => Err(candidates),
        Err(Error::NoSuchDocument(asked)) => {
            assert_eq!(asked, name);
            Err(Vec::new())
        }
        Err(other) => panic!("{other}"),
    };
    assert_eq!(found("F-3").await, Ok(three));
    assert_eq!(found("lettre.v2").await, Ok(letter));
    assert_eq!(found("F-1").await, Err(vec![one, twin]));
    assert_eq!(found(&one.to_string()).await, Ok(one));
    assert_eq!(found(&twin.to_string()[..12]).await, Ok(twin));
    for unknown in ["F-2", "", "f-3", "lettre", "doc_zz", &"doc_".repeat(9)] {
        assert_eq!(found(unknown).await, Err(Vec::new()), "{unknown}");
    }
    let Err(all) = found("doc_").await else {
        panic!()
    };
    assert_eq!(all.len(), 5, "an empty prefix may be any of them");
    assert_eq!(desk.name(letter).await.unwrap(), "lettre.v2");
    let child = desk
        .vault
        .ledger
        .documents(&Default::default())
        .await
        .unwrap();
    let child = child
        .into_iter()
        .find(|row| row.parent == Some(three))
        .unwrap();
    assert_eq!(desk.name(child.id).await.unwrap(), "piece-1.txt");
}

#[tokio::test]
async fn an_explanation_says_the_four_points_in_both_languages() {
    let house = House::new();
    let text = "title: Éclairage\nle lampadaire du 3 est cassé\nchild: photo\n";
    let [id] = house.process(&[("F-1", text)]).await[..] else {
        panic!()
    };
    let row = row(&house, id).await;
    let desk = house.desk();
    desk.review(
        &row,
        &to("etat-civil"),
        "Léa Martin",
        Some("le 3 est une tombe"),
    )
    .await
    .unwrap();
    let opened = desk.open(row).await.unwrap();
    assert_eq!(opened.title(), "Éclairage");
    let french = explain(&desk, &opened, Lang::Fr).await.unwrap();
    expect![[r#"
        Pourquoi « F-1 » ? (doc_cf04e42b91b354b9da5f5933c046d64a)

        1. Degré et mode de contribution du traitement
           Le logiciel a transmis ce document au service « Voirie ». Il oriente le courrier ; il ne décide pas de la suite donnée à la demande.
           Léa Martin a choisi le service « État civil » ; motif : le 3 est une tombe.

        2. Données traitées et leurs sources
           - le document reçu, F-1 (reçu le 2026-11-18 09:00, canal : guichet)
           - son texte, 2 page(s), 0 champ(s) (lu dans le fichier (text/plain))
           - le nom de la pièce jointe « piece-1.txt » (jointe au document)

        3. Paramètres et pondération
           - règle « lampadaire » — « lampadaire » conduit à « Voirie »
           - service « Voirie » — ressemblance, non étalonnée : 97 %

        4. Opérations effectuées
           - 2026-11-18 10:30 : réception, version 1, feuille 0 du journal
           - 2026-11-18 10:30 : lecture du texte et des champs, version 1, feuille 1 du journal
           - 2026-11-18 10:30 : découpage en passages, version 1, feuille 4 du journal
           - 2026-11-18 10:30 : proposition d’un service, version 1, feuille 6 du journal
           - 2026-11-18 10:30 : décision d’une personne, feuille 7 du journal

        Base : code des relations entre le public et l’administration, art. R311-3-1-2 (décret 2017-330).
    "#]].assert_eq(&to_text(&french, &domain::time::Zone::paris()));
    let english = explain(&desk, &opened, Lang::En).await.unwrap();
    expect![[r#"
        Why “F-1”? (doc_cf04e42b91b354b9da5f5933c046d64a)

        1. Degree and mode of contribution of the processing
           The software passed this document on to “Voirie”. It routes mail; it does not decide how the request is answered.
           Léa Martin chose “État civil”; reason: le 3 est une tombe.

        2. Data processed and their sources
           - the document received, F-1 (received 2026-11-18 09:00, channel: guichet)
           - its text, 2 page(s), 0 field(s) (read from the file (text/plain))
           - the name of the attachment “piece-1.txt” (attached to the document)

        3. Parameters and weights
           - rule “lampadaire” — “lampadaire” leads to “Voirie”
           - service “Voirie” — resemblance, not calibrated : 97 %

        4. Operations carried out
           - 2026-11-18 10:30: reception, version 1, leaf 0 of the log
           - 2026-11-18 10:30: reading of text and fields, version 1, leaf 1 of the log
           - 2026-11-18 10:30: splitting into passages, version 1, leaf 4 of the log
           - 2026-11-18 10:30: proposal of a service, version 1, leaf 6 of the log
           - 2026-11-18 10:30: a person’s decision, leaf 7 of the log

        Basis: Code of relations between the public and the administration, art. R311-3-1-2 (decree 2017-330).
    "#]].assert_eq(&to_text(&english, &domain::time::Zone::paris()));
    // What a program reads says the same.
    let contribution = &french.contribution;
    assert_eq!(contribution.proposed.as_ref().unwrap().as_str(), "voirie");
    assert_eq!(
        contribution.decided.as_ref().unwrap().as_str(),
        "etat-civil"
    );
    assert_eq!(contribution.decided_by.as_deref(), Some("Léa Martin"));
    assert_eq!(french.operations.len(), opened.records.len());
}

#[tokio::test]
async fn an_explanation_of_what_was_not_routed_says_so() {
    let house = House::new();
    let texts = [
        ("F-1", "refuse split\n"),
        ("F-2", "mystery\n"),
        ("F-3", "a\n"),
    ];
    let ids = house.process(&texts).await;
    let check = async |id, expected: Expect| {
        let opened = house.desk().open(row(&house, id).await).await.unwrap();
        let mut said = String::new();
        for lang in [Lang::Fr, Lang::En] {
            let explanation = explain(&house.desk(), &opened, lang).await.unwrap();
            said.push_str(&explanation.contribution.sentences.join("\n"));
            for parameter in &explanation.parameters {
                said.push_str(&format!("\n- {} : {}", parameter.what, parameter.value));
            }
            said.push('\n');
        }
        expected.assert_eq(&said);
    };
    check(
        ids[0],
        expect![[r#"
        Aucune proposition : le traitement a été interrompu (refused).
        Nothing was proposed: processing was interrupted (refused).
    "#]],
    )
    .await;
    check(
        ids[1],
        expect![[r#"
        Le logiciel n’a rien proposé : une personne choisit le service.
        Motif de la vérification : rien de ressemblant.
        The software proposed nothing: a person chooses the service.
        Why a person is asked: nothing alike.
    "#]],
    )
    .await;
    check(
        ids[2],
        expect![[r#"
        Le logiciel a proposé le service « État civil » et a demandé à une personne de vérifier.
        Motif de la vérification : trop peu de documents validés.
        - sens général du texte : poids +1,25
        - service « État civil » : ressemblance, non étalonnée
        The software proposed “État civil” and asked a person to check.
        Why a person is asked: too few validated documents.
        - meaning of the whole text : weight +1.25
        - service “État civil” : resemblance, not calibrated
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_title_is_the_documents_own_else_its_name() {
    let house = House::new();
    let ids = house
        .process(&[("F-1", "title:  \n"), ("F-2", "title: T\n")])
        .await;
    let title = async |id| {
        let opened = house.desk().open(row(&house, id).await).await.unwrap();
        opened.title().to_owned()
    };
    assert_eq!(title(ids[0]).await, "F-1");
    assert_eq!(title(ids[1]).await, "T");
    let text = house.desk().text(ids[1]).await.unwrap().unwrap();
    assert_eq!(text.as_str(), "title: T\n\u{c}");
    let (waiting, _) = house.admit(&incoming("F-3", "c\n")).await;
    assert!(house.desk().text(waiting).await.unwrap().is_none());
}

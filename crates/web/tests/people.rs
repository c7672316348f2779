//! What people decide on the page of a document, and what the inbox then says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::House;
use domain::act::Verdict;

async fn verdict(house: &House, name: &str) -> Verdict {
    let row = house.desk.find(name).await.unwrap();
    house.desk.open(row).await.unwrap().act.unwrap().verdict
}

#[tokio::test]
async fn a_document_is_shared_between_services() {
    let house = House::full().await;
    let address = format!("/documents/{}", house.id("F-001").await);
    house.get(&address).await.is(200).says(&[
        "D’autres services sont concernés",
        "name=\"also\" value=\"voirie\"",
        "name=\"copy\" value=\"etat-civil\"",
        "Aucun de nos services",
    ]);
    let form = "seen=0&service=vie-associative&also=voirie&copy=etat-civil&by=Mme+Dupr%C3%A9";
    house.post(&address, form).await.is(303);
    house.post(&address, form).await.is(303);
    let Verdict::Several {
        service,
        also,
        copies,
    } = verdict(&house, "F-001").await
    else {
        panic!()
    };
    assert_eq!(service.as_str(), "vie-associative");
    assert_eq!((also.len(), copies.len()), (1, 1));
    house.get(&address).await.says(&[
        "Affecté à Vie associative, sports, culture par Mme Dupré",
        "aussi\u{a0}: Voirie-Éclairage",
        "copie\u{a0}: État civil, élections, cimetières",
        "name=\"seen\" value=\"1\"",
    ]);
    for wrong in [
        "also=voirie&copy=voirie",
        "also=vie-associative",
        "copy=ccas",
        "also=nope",
    ] {
        let form = format!("seen=1&service=vie-associative&{wrong}&by=x");
        let page = house.post(&address, &form).await;
        page.is(400).says(&["Un service est nommé deux fois"]);
    }
}

#[tokio::test]
async fn what_is_not_for_us_stays_in_sight_until_the_person_is_told() {
    let house = House::full().await;
    let id = house.id("F-003").await;
    let address = format!("/documents/{id}");
    for wrong in ["to=", "to=voirie", "to=%0A"] {
        let form = format!("seen=0&service=_not-for-us&{wrong}&by=x");
        let page = house.post(&address, &form).await;
        page.is(400).says(&["Indiquez l’administration compétente"]);
    }
    house
        .post(&address, "seen=0&only-told=1&by=x")
        .await
        .is(400);
    let form = "seen=0&service=_not-for-us&to=Conseil+d%C3%A9partemental&by=Mme+Dupr%C3%A9";
    house.post(&address, form).await.is(303);
    let inbox = house.get("/").await;
    inbox.is(200).says(&[
        "À transmettre (1)",
        "CRPA, art. L114-2",
        "Conseil départemental",
        "décidé par Mme Dupré",
    ]);
    house.get("/?lang=en").await.says(&["To be forwarded (1)"]);
    house.get(&address).await.says(&[
        "À transmettre à Conseil départemental, personne à informer (Mme Dupré)",
        "La personne a été informée",
        "name=\"only-told\"",
    ]);
    house
        .post(&address, "seen=1&only-told=1&by=")
        .await
        .is(400)
        .says(&["Indiquez votre nom"]);
    house
        .post(&address, "seen=1&only-told=1&by=M.+Petit")
        .await
        .is(303);
    assert!(matches!(
        verdict(&house, "F-003").await,
        Verdict::NotForUs { told: true, .. }
    ));
    house
        .get("/")
        .await
        .says_nothing_of(&["À transmettre (", &address]);
    house
        .get(&address)
        .await
        .says(&["personne informée (M. Petit)"])
        .says_nothing_of(&["name=\"only-told\""]);
}

#[tokio::test]
async fn the_inbox_says_until_when_why_and_how_far_automatic_routing_is() {
    let house = House::full().await;
    house.get("/").await.is(200).says(&[
        "<time datetime=\"2027-01-17\">à répondre avant le 17 janvier</time>",
        "Autres services réunis",
        "État civil, élections, cimetières\u{a0}: encore 43 documents validés",
        "règle « lampadaire »",
        ">proposé<",
        ">à vérifier<",
        ">je ne sais pas<",
    ]);
    house.get("/?lang=en").await.is(200).says(&[
        "to be answered before 17 January",
        "43 more validated documents",
        ">proposed<",
        ">to check<",
        ">I do not know<",
    ]);
}

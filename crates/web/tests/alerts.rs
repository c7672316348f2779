//! What people do with alerts on their page, and what it then says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{House, week};
use domain::Channel;
use pipeline::duty::notice;

const URGENT: &str = "alert_01010101010101010101010101010101";

#[tokio::test]
async fn an_alert_is_taken_on_then_dismissed_by_name_and_for_a_reason() {
    let house = House::full().await;
    let page = format!("/synthesis/mediation/{}", week::WEEK);
    let address = format!("/alerts/mediation/{URGENT}");
    house.get(&page).await.is(200).says(&[
        "à prendre en charge",
        "Appeler l’astreinte &#60;au 17&#62;",
        "<a href=\"https://intranet.example/eclairage\"",
        "déclarée « immédiat » par son auteur",
        &format!("action=\"{address}\""),
    ]);
    let answer = house
        .post(&address, "did=acknowledge&by=No%C3%A9+Petit&reason=")
        .await;
    answer.is(303);
    assert_eq!(
        answer.header("location"),
        format!("{page}?recorded=1#{URGENT}")
    );
    // Sent twice, it is one act.
    house
        .post(&address, "did=acknowledge&by=No%C3%A9+Petit&reason=")
        .await
        .is(303);
    house
        .get(&format!("{page}?recorded=1"))
        .await
        .is(200)
        .says(&["prise en charge par Noé Petit", "Réponse enregistrée"]);

    for wrong in [
        "did=acknowledge&by=",
        "did=acknowledge&by=%0A",
        "did=dismiss&by=x",
        "did=dismiss&by=x&reason=+",
        "did=act&by=x",
        "did=nope&by=x",
        "by=x",
        "did=acknowledge&by=x&by=y",
    ] {
        house.post(&address, wrong).await.is(400);
    }
    let form = "did=dismiss&by=Ma%C3%AFa&reason=exercice+%3Ci%3E";
    house.post(&address, form).await.is(303);
    house.get(&page).await.says(&[
        "écartée par Maïa",
        "exercice &#60;i&#62;",
        "1 alertes de ce genre déjà jugées ici, dont 1 écartées",
    ]);
    let name = "mediation".parse().unwrap();
    let handled = house.desk.handled(&name, None).await.unwrap();
    assert_eq!(handled[&URGENT.parse().unwrap()].acts.len(), 2);
}

#[tokio::test]
async fn who_was_told_is_said_and_who_could_not_be() {
    let house = House::full().await;
    let pipeline = house.desk.pipelines.get(&"mediation".parse().unwrap());
    let pipeline = pipeline.unwrap().clone();
    let found = house.desk.find_alert(pipeline.name(), URGENT).await;
    let (of_week, alert) = found.unwrap();
    for (person, channel, level, failure) in [
        ("Inès", Channel::Mail, 0, Some("le relais refuse")),
        ("Noé", Channel::Page, 1, None),
    ] {
        let failure = failure.map(str::to_owned);
        let notice = notice(alert.id, person, channel, (level, 1), failure);
        house
            .desk
            .record_notice(&pipeline, &of_week, &notice)
            .await
            .unwrap();
    }
    let page = format!("/synthesis/mediation/{}", week::WEEK);
    house.get(&page).await.is(200).says(&[
        "Inès (courriel)",
        "non remise",
        "le relais refuse",
        "Noé (page), relais 1 faute de prise en charge",
    ]);
    house
        .get(&format!("{page}?lang=en"))
        .await
        .says(&["escalation 1: nobody took it on", "to be taken on"]);
}

#[tokio::test]
async fn an_answer_to_no_alert_or_from_elsewhere_is_refused() {
    let house = House::full().await;
    let form = "did=acknowledge&by=x";
    for nowhere in [
        "/alerts/mediation/alert_09090909090909090909090909090909",
        "/alerts/mediation/x",
        "/alerts/nope/alert_01010101010101010101010101010101",
        "/alerts/%ff/%fe",
    ] {
        house.post(nowhere, form).await.is(404);
    }
    let address = format!("/alerts/mediation/{URGENT}");
    house.get(&address).await.is(405);
    let foreign = axum::http::Request::builder()
        .method("POST")
        .uri(&address)
        .header("host", "localhost")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(form))
        .unwrap();
    house.send(foreign).await.is(403);
    let name = "mediation".parse().unwrap();
    assert!(house.desk.handled(&name, None).await.unwrap().is_empty());
}

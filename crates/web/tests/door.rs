//! Signing in and out, what the cookie is, and what forms must carry.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use axum::body::Body;
use axum::http::Request;
use common::{House, Page};
use pipeline::accounts::Accounts as _;

const PASSWORD: &str = "pluie fine sur la mairie";

async fn house() -> House {
    let house = House::full().await;
    house
        .account("a.martin", &["agent:*"], Some(PASSWORD))
        .await;
    house
}

async fn send(house: &House, host: &str, address: &str, cookie: &str, form: Option<&str>) -> Page {
    let mut request = Request::builder()
        .uri(address)
        .method(if form.is_some() { "POST" } else { "GET" })
        .header("host", host)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded");
    if !cookie.is_empty() {
        request = request.header("cookie", cookie);
    }
    let body = form.unwrap_or_default().to_owned();
    house.send(request.body(Body::from(body)).unwrap()).await
}

fn form(password: &str, to: &str) -> String {
    let password = password.replace(' ', "+");
    format!("account=a.martin&password={password}&code=&to={to}")
}

#[tokio::test]
async fn nothing_is_shown_to_whoever_has_not_signed_in() {
    let house = house().await;
    let id = house.id("F-001").await;
    for address in [
        "/".to_owned(),
        format!("/documents/{id}"),
        format!("/documents/{id}/text"),
        format!("/documents/{id}/original"),
        "/search?q=subvention".to_owned(),
        "/synthesis".to_owned(),
        "/nowhere".to_owned(),
    ] {
        let page = house.get(&address).await;
        page.is(303).says_nothing_of(&["subvention"]);
        assert!(page.header("location").starts_with("/sign-in?to=%2F"));
    }
    let sent = house
        .post(&format!("/documents/{id}"), "seen=0&service=voirie&by=x")
        .await;
    sent.is(303);
    let opened = house.desk.open(house.desk.find("F-001").await.unwrap());
    assert!(opened.await.unwrap().act.is_none());
    house.get("/health/live").await.is(200);
    house.get("/assets/greffier.css").await.is(200);
    let page = house.get("/sign-in?to=/synthesis").await;
    page.is(200).says(&["Se connecter", "value=\"/synthesis\""]);
    house
        .get("/sign-in?lang=en")
        .await
        .is(200)
        .says(&["<html lang=\"en\">", "One-time code"]);
}

#[tokio::test]
async fn someone_signs_in_and_out() {
    let house = house().await;
    let wrong = house.post("/sign-in", &form("azerty azerty", "/")).await;
    wrong.is(401).says(&["incorrect", "value=\"a.martin\""]);
    assert_eq!(wrong.header("set-cookie"), "");
    let page = house
        .post("/sign-in", &form(PASSWORD, "/search?q=judo"))
        .await;
    assert_eq!(page.is(303).header("location"), "/search?q=judo");
    let cookie = page.header("set-cookie");
    let (pair, flags) = cookie.split_once(';').unwrap();
    assert_eq!(flags, " Path=/; HttpOnly; SameSite=Lax");
    assert!(pair.starts_with("greffier=") && pair.len() == "greffier=".len() + 64);
    let page = send(&house, "localhost", "/", pair, None).await;
    page.is(200).says(&[
        "Nom de a.martin",
        "Se déconnecter",
        "name=\"csrf\" value=\"",
    ]);
    page.says_nothing_of(&["Personne ne se connecte encore"]);
    let at = page.body.find("name=\"csrf\" value=\"").unwrap() + 19;
    let token = &page.body[at..at + 64];
    // A link, or a form of elsewhere, does not sign anybody out.
    send(&house, "localhost", "/sign-out", pair, None)
        .await
        .is(405);
    send(&house, "localhost", "/sign-out", pair, Some("csrf="))
        .await
        .is(403);
    let out = format!("csrf={token}");
    let page = send(&house, "localhost", "/sign-out", pair, Some(&out)).await;
    assert_eq!(page.is(303).header("location"), "/sign-in");
    assert!(page.header("set-cookie").contains("Max-Age=0"));
    send(&house, "localhost", "/", pair, None).await.is(303);
}

#[tokio::test]
async fn behind_a_certificate_the_cookie_is_kept_to_it() {
    let house = house().await;
    let host = "greffier.mairie.example";
    let sent = form(PASSWORD, "//evil.example/");
    let page = send(&house, host, "/sign-in", "", Some(&sent)).await;
    assert_eq!(page.is(303).header("location"), "/");
    let cookie = page.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-greffier="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"));
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    let pair = cookie.split(';').next().unwrap();
    send(&house, host, "/", pair, None).await.is(200);
    // Under another name of this house it is another cookie.
    send(&house, "localhost", "/", pair, None).await.is(303);
    send(&house, "evil.example", "/", pair, None).await.is(403);
    let plain = pair.replace("__Host-", "");
    send(&house, host, "/", &plain, None).await.is(303);
    let own = Request::post("/sign-in")
        .header("host", host)
        .header("content-type", "application/x-www-form-urlencoded");
    for (origin, status) in [
        ("https://greffier.mairie.example", 303),
        ("http://greffier.mairie.example", 403),
        ("https://evil.example", 403),
    ] {
        let request = Request::post("/sign-in")
            .header("host", host)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .body(Body::from(form(PASSWORD, "/")))
            .unwrap();
        house.send(request).await.is(status);
    }
    let neither = own.body(Body::from(form(PASSWORD, "/"))).unwrap();
    house.send(neither).await.is(403);
}

#[tokio::test]
async fn guesses_wait() {
    let house = house().await;
    for _ in 0..4 {
        house
            .post("/sign-in", &form("azerty azerty", "/"))
            .await
            .is(401);
    }
    let page = house.post("/sign-in", &form(PASSWORD, "/")).await;
    page.is(429).says(&["Trop d’essais"]);
    assert_eq!(page.header("retry-after"), "2");
    house.clock.turn(2);
    house.post("/sign-in", &form(PASSWORD, "/")).await.is(303);
}

#[tokio::test]
async fn a_decision_is_made_in_the_name_of_whoever_signed_in() {
    let house = House::full().await;
    let martin = house.visitor("a.martin", &["lead:*"]).await;
    let id = house.id("F-001").await;
    let address = format!("/documents/{id}");
    let page = martin.get(&address).await;
    page.is(200).says(&["name=\"csrf\""]);
    page.says_nothing_of(&["name=\"by\"", "Votre nom"]);
    let form = "seen=0&service=vie-associative&by=Quelqu%27un+d%27autre&reason=connu";
    for stale in ["", "&csrf=", "&csrf=00", "&csrf=x&csrf=y"] {
        let page = martin.post_as(&address, &format!("{form}{stale}")).await;
        page.is(403).says(&["votre session a changé"]);
    }
    let other = house.visitor("m.dupre", &["agent:*"]).await;
    let stolen = format!("{form}&csrf={}", other.bearer.form_token());
    martin.post_as(&address, &stolen).await.is(403);
    let huge = format!("{form}&reason={}", "x".repeat(20_000));
    martin.post(&address, &huge).await.is(413);
    martin.post(&address, form).await.is(303);
    let opened = house.desk.find("F-001").await.unwrap();
    let opened = house.desk.open(opened).await.unwrap();
    assert_eq!(opened.act.unwrap().by, "Nom de a.martin");
    let (record, _) = opened.records.last().unwrap();
    let domain::Agent::Person { authenticated, .. } = record.statement().agent else {
        panic!()
    };
    assert!(authenticated);
    // Sent twice: one act.
    let before = opened.records.len();
    martin.post(&address, form).await.is(303);
    let records = house.desk.vault.records(id.into()).await.unwrap();
    assert_eq!(records.len(), before);
    martin
        .get(&address)
        .await
        .says(&["Nom de a.martin (identité vérifiée)"]);
}

#[tokio::test]
async fn who_opened_a_document_is_kept_and_told() {
    let house = House::full().await;
    let agent = house.visitor("agent", &["agent:*"]).await;
    let auditor = house.visitor("auditor", &["auditor:*"]).await;
    let id = house.id("F-001").await;
    let address = format!("/documents/{id}");
    agent
        .get(&address)
        .await
        .says_nothing_of(&["Consultations"]);
    agent.get(&format!("{address}/text")).await.is(200);
    agent.get(&format!("{address}/original")).await.is(200);
    agent.get(&format!("{address}/why")).await.is(200);
    auditor.get(&address).await.is(200).says(&[
        "Consultations (5)",
        "Nom de agent",
        "Nom de auditor",
        "l’original",
        "la fiche « pourquoi »",
    ]);
    let openings = house.accounts.openings_of(id).await.unwrap();
    let kept: Vec<(&str, &str)> = openings
        .iter()
        .map(|o| (o.account.as_str(), o.part.as_str()))
        .collect();
    assert_eq!(
        kept,
        [
            ("agent", "page"),
            ("agent", "text"),
            ("agent", "original"),
            ("agent", "why"),
            ("auditor", "page")
        ]
    );
}

#[tokio::test]
async fn other_machines_are_served_once_people_sign_in() {
    use web::WebError;
    let listen = async || tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let open = House::empty();
    let refused = web::serve(open.office(), listen().await, std::future::pending()).await;
    assert!(matches!(refused, Err(WebError::NotLoopback { .. })));
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("greffier users add"), "{said}");
    open.account("root", &["administrator"], None).await;
    let mut nameless = open.office();
    nameless.front = web::Front::default();
    let refused = web::serve(nameless, listen().await, std::future::pending()).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("--host"), "{said}");
    let served = web::serve(open.office(), listen().await, async {}).await;
    served.unwrap();
}

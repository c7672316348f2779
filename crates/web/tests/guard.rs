//! Who may speak to the pages, and what a form does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use axum::body::Body;
use axum::http::Request;
use common::{House, Page};
use domain::Outcome;
use domain::act::Verdict;
use web::WebError;

const FORM: &str = "seen=0&service=vie-associative&by=Mme+Dupr%C3%A9&reason=dossier+connu";

async fn send(
    house: &House,
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Page {
    let mut request = Request::builder().method(method).uri(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await
}

const URL_ENCODED: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_decision_is_recorded_and_shown() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    let address = format!("/documents/{id}");
    let answer = house.post(&address, FORM).await;
    assert_eq!(
        answer.is(303).header("location"),
        format!("{address}?recorded=1")
    );

    let opened = house
        .desk
        .open(house.desk.find("F-001").await.unwrap())
        .await
        .unwrap();
    let act = opened.act.unwrap();
    assert_eq!(
        (act.by.as_str(), act.reason.as_deref()),
        ("Mme Dupré", Some("dossier connu"))
    );
    assert!(
        matches!(act.verdict, Verdict::Accept { .. }),
        "choosing what is proposed accepts it"
    );
    let route = opened.row.route.unwrap();
    assert_eq!((route.outcome, route.decided), (Outcome::Review, true));
    let (record, leaf) = opened.records.last().unwrap();
    assert_eq!(record.statement().activity.as_str(), "review");
    assert!(leaf.is_some(), "the act is in the log");

    house.get(answer.header("location")).await.is(200).says(&[
        "C’est enregistré.",
        "Affecté à Vie associative, sports, culture par Mme Dupré",
        "Document suivant à affecter",
        "proposition acceptée",
        "dossier connu",
        "name=\"seen\" value=\"1\"",
    ]);
    house
        .get("/")
        .await
        .says_nothing_of(&[&format!("{address}\"")]);

    // Sent twice, as by a double click: one act. Another choice since: seen first.
    let acts = || async { house.desk.vault.records(id.into()).await.unwrap().len() };
    let before = acts().await;
    house.post(&address, FORM).await.is(303);
    assert_eq!(acts().await, before);
    let late = "seen=0&service=voirie&by=M.+Petit";
    house.post(&address, late).await.is(409).says(&[
        "Une autre décision a été enregistrée",
        "value=\"M. Petit\"",
        "value=\"voirie\" required checked",
    ]);
    assert_eq!(acts().await, before);
    house
        .post(
            &format!("{address}?lang=en"),
            "seen=1&service=voirie&by=M.+Petit&lang=en",
        )
        .await
        .is(303);
    let opened = house
        .desk
        .open(house.desk.find("F-001").await.unwrap())
        .await
        .unwrap();
    assert!(matches!(opened.act.unwrap().verdict, Verdict::Route { .. }));
    // Back to what was proposed: a choice of its own, not the acceptance of a proposal.
    house
        .post(&address, "seen=2&service=vie-associative&by=Mme+Dupr%C3%A9")
        .await
        .is(303);
    let opened = house
        .desk
        .open(house.desk.find("F-001").await.unwrap())
        .await
        .unwrap();
    assert!(matches!(opened.act.unwrap().verdict, Verdict::Route { .. }));
    assert_eq!(acts().await, before + 2);
}

#[tokio::test]
async fn a_form_filled_wrongly_records_nothing() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    let address = format!("/documents/{id}");
    let before = house.desk.vault.records(id.into()).await.unwrap().len();
    let long = format!("seen=0&service=voirie&by={}", "x".repeat(201));
    let huge = format!("seen=0&service=voirie&by=x&reason={}", "x".repeat(20_000));
    let wordy = format!("seen=0&service=voirie&by=x&reason={}", "x".repeat(2_001));
    let cases: &[(&str, u16, &str)] = &[
        ("seen=0&service=voirie&by=", 400, "Indiquez votre nom"),
        ("seen=0&service=voirie&by=++", 400, "Indiquez votre nom"),
        ("seen=0&service=&by=x", 400, "Choisissez un service"),
        (
            "seen=0&service=nope&by=%22%3E%3Cscript%3E",
            400,
            "&#34;&#62;&#60;script&#62;",
        ),
        ("seen=0&service=..%2F..&by=x", 400, "Choisissez un service"),
        (
            "seen=0&service=voirie&by=a%00b",
            400,
            "caractères illisibles",
        ),
        (
            "seen=0&service=voirie&by=a%E2%80%AEb",
            400,
            "caractères illisibles",
        ),
        (
            "seen=0&service=voirie&by=a%ff",
            400,
            "caractères illisibles",
        ),
        (&long, 400, "trop long"),
        (&wordy, 400, "trop long"),
        (&huge, 413, "trop long"),
        ("", 400, "n’est pas compris"),
        ("seen=-1&service=voirie&by=x", 400, "n’est pas compris"),
        (
            "seen=0&service=voirie&service=ccas&by=x",
            400,
            "n’est pas compris",
        ),
        ("seen=1&service=voirie&by=x", 409, "Une autre décision"),
    ];
    for (form, status, says) in cases {
        house
            .post(&address, form)
            .await
            .is(*status)
            .says(&[says])
            .says_nothing_of(&["<script"]);
    }
    let json = send(
        &house,
        "POST",
        &address,
        &[
            ("host", "localhost"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/json"),
        ],
        "{}",
    )
    .await;
    json.is(400);
    assert_eq!(
        house.desk.vault.records(id.into()).await.unwrap().len(),
        before
    );
}

#[tokio::test]
async fn what_is_not_to_be_routed_is_refused() {
    let house = House::full().await;
    let report = house.id("R-0412").await;
    house
        .post(&format!("/documents/{report}"), FORM)
        .await
        .is(409);
    let filter = pipeline::ledger::DocumentFilter {
        parent: Some(house.id("F-001").await),
        ..Default::default()
    };
    let child = house
        .desk
        .vault
        .ledger
        .documents(&filter)
        .await
        .unwrap()
        .remove(0);
    house
        .post(&format!("/documents/{}", child.id), FORM)
        .await
        .is(409);
    let waiting = house
        .receive(&[common::letter("F-010", "2026-11-18T09:20:00Z", None, "x")])
        .await;
    house
        .post(&format!("/documents/{}", waiting[0]), FORM)
        .await
        .is(409)
        .says(&["en cours de lecture"]);
    house
        .get(&format!("/documents/{}", waiting[0]))
        .await
        .is(200)
        .says(&["pourra être affecté ensuite"]);
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let house = House::full().await;
    let address = format!("/documents/{}", house.id("F-001").await);
    let host = ("host", "127.0.0.1:8080");
    let refused: &[&[(&str, &str)]] = &[
        &[host, URL_ENCODED],
        &[host, URL_ENCODED, ("origin", "http://evil.example")],
        &[host, URL_ENCODED, ("origin", "null")],
        &[host, URL_ENCODED, ("origin", "http://127.0.0.1:9090")],
        &[
            host,
            URL_ENCODED,
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://127.0.0.1:8080"),
        ],
        &[host, URL_ENCODED, ("sec-fetch-site", "same-site")],
        &[
            ("host", "evil.example"),
            URL_ENCODED,
            ("origin", "http://evil.example"),
            ("sec-fetch-site", "same-origin"),
        ],
    ];
    for headers in refused {
        send(&house, "POST", &address, headers, FORM)
            .await
            .is(403)
            .says(&["refusé"]);
    }
    let row = house.desk.find("F-001").await.unwrap();
    assert!(!row.route.unwrap().decided, "nothing was recorded");
    let ours = [host, URL_ENCODED, ("origin", "http://127.0.0.1:8080")];
    send(&house, "POST", &address, &ours, FORM).await.is(303);
}

#[tokio::test]
async fn another_host_is_refused_everywhere() {
    let house = House::full().await;
    for address in [
        "/",
        "/search?q=x",
        "/health/live",
        "/assets/greffier.css",
        "/nowhere",
    ] {
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:8080",
            "10.0.0.7",
            "",
        ] {
            send(&house, "GET", address, &[("host", host)], "")
                .await
                .is(403);
        }
        send(&house, "GET", address, &[], "").await.is(403);
        send(
            &house,
            "GET",
            address,
            &[("host", "localhost"), ("host", "localhost")],
            "",
        )
        .await
        .is(403);
    }
    send(
        &house,
        "GET",
        "http://evil.example/",
        &[("host", "localhost")],
        "",
    )
    .await
    .is(403);
    for host in ["localhost", "127.0.0.1:8080", "[::1]:8080"] {
        send(&house, "GET", "/", &[("host", host)], "")
            .await
            .is(200);
    }
}

#[tokio::test]
async fn every_response_carries_its_headers() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    let mut pages = vec![house.post(&format!("/documents/{id}"), FORM).await];
    pages.push(send(&house, "GET", "/", &[("host", "evil.example")], "").await);
    for address in [
        "/",
        "/nowhere",
        "/health/ready",
        "/assets/greffier.css",
        &format!("/documents/{id}/text"),
        "/documents/x",
        "/search?q=x",
    ] {
        pages.push(house.get(address).await);
    }
    for page in pages {
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        page.says_nothing_of(
            &["<script", "<style", "style=\"", "//", " onclick"]
                .map(|s| if s == "//" { "src=\"http" } else { s }),
        );
    }
}

#[tokio::test]
async fn hostile_addresses_are_not_found() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    for address in [
        "/documents/".to_owned(),
        "/documents/x".to_owned(),
        "/documents/doc_00".to_owned(),
        "/documents/doc_00000000000000000000000000000000".to_owned(),
        "/documents/..%2f..%2fetc%2fpasswd".to_owned(),
        "/documents/%ff%fe".to_owned(),
        "/documents/%00".to_owned(),
        format!("/documents/{}/text", "x".repeat(5_000)),
        format!("/documents/{id}/nope"),
        "/documents/x/why".to_owned(),
        "/documents/x/original".to_owned(),
        "/assets/../Cargo.toml".to_owned(),
        "/favicon.ico".to_owned(),
    ] {
        house.get(&address).await.is(404);
    }
    house
        .get(&format!("/?x={}", "x".repeat(9_000)))
        .await
        .is(413);
    let headers = [("host", "localhost"), ("sec-fetch-site", "same-origin")];
    send(&house, "DELETE", &format!("/documents/{id}"), &headers, "")
        .await
        .is(405);
    send(&house, "POST", "/", &headers, "").await.is(405);
}

#[tokio::test]
async fn health() {
    let house = House::empty();
    assert_eq!(house.get("/health/live").await.is(200).body, "live\n");
    let ready = house.get("/health/ready").await;
    assert_eq!(ready.is(200).body, "ready\n");
    assert_eq!(ready.header("content-type"), "text/plain; charset=utf-8");
    let down = House::over(pipeline::testing::memory::MemoryLedger::with_hook(
        Box::new(|_, _| pipeline::testing::memory::Fate::Fail),
    ));
    down.get("/health/live").await.is(200);
    assert_eq!(down.get("/health/ready").await.is(503).body, "not ready\n");
    down.get("/")
        .await
        .is(503)
        .says(&["Réessayez dans un instant"])
        .says_nothing_of(&["injected"]);
}

#[tokio::test]
async fn only_loopback_is_listened_to() {
    let office = House::empty().office();
    let open = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = web::serve(office.clone(), open, std::future::pending()).await;
    assert!(
        matches!(refused, Err(WebError::NotLoopback { .. })),
        "{refused:?}"
    );

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(web::serve(office, listener, async move {
        let _ = stopped.await;
    }));
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET /health/live HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("live\n"),
        "{answer}"
    );
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}

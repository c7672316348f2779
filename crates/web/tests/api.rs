//! The API: what it describes is what it does, and nothing that is sent breaks it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{House, Page};
use domain::TokenScope;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const DOCUMENTS: &str = "/api/v1/documents";
const JSON: (&str, &str) = ("content-type", "application/json");

async fn office() -> (House, String) {
    let house = House::full().await;
    house.account("robot", &["agent:*"], None).await;
    let token = house.token("robot", "all", &TokenScope::ALL).await;
    (house, token)
}

fn read(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap()
}

#[tokio::test]
async fn lists_have_pages() {
    let (house, token) = office().await;
    let mut after = String::new();
    let mut names = Vec::new();
    loop {
        let address = format!("{DOCUMENTS}?pipeline=courrier&limit=2{after}");
        let page = read(house.api("GET", &address, &token).await.is(200));
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let hostile = "F-005\"><script>alert(1)</script>";
    assert_eq!(names, ["F-002", "F-001", "F-003", "F-004", hostile]);
    for wrong in [
        "limit=0",
        "limit=101",
        "limit=x",
        "after=x",
        "after=1_2",
        "after=999999999999999999999_doc_00",
        "state=odd",
        "service=%00",
        "pipeline=..",
    ] {
        let page = house
            .api("GET", &format!("{DOCUMENTS}?{wrong}"), &token)
            .await;
        page.is(400);
        assert_eq!(read(&page)["code"], "bad-parameter", "{wrong}");
    }
}

#[tokio::test]
async fn a_document_is_read_and_decided_about() {
    let (house, token) = office().await;
    let path = format!("{DOCUMENTS}/{}", house.id("F-001").await);
    let page = house.api("GET", &path, &token).await;
    let document = read(page.is(200));
    assert_eq!(document["name"], "F-001");
    assert_eq!(document["service"], "vie-associative");
    assert_eq!(document["outcome"], "review");
    assert_eq!(document["deadline"], "2027-01-17");
    assert_eq!(document["attachments"].as_array().unwrap().len(), 1);
    let tag = page.header("etag").to_owned();
    let held = house
        .api_with("GET", &path, &token, &[("if-none-match", &tag)], "")
        .await;
    assert_eq!((held.status, held.body.as_str()), (304, ""));

    let decide = format!("{path}/decision");
    let send = async |headers: &[(&str, &str)], body: &str| {
        house.api_with("POST", &decide, &token, headers, body).await
    };
    let body = r#"{"decision": "route", "service": "voirie", "copies": ["etat-civil"], "reason": "lampadaire"}"#;
    let code = |page: &Page| read(page)["code"].as_str().unwrap().to_owned();
    assert_eq!(code(send(&[JSON], body).await.is(428)), "if-match-required");
    let stale = [JSON, ("if-match", "\"00\"")];
    assert_eq!(code(send(&stale, body).await.is(412)), "changed-meanwhile");
    let plain = [("content-type", "text/plain"), ("if-match", tag.as_str())];
    send(&plain, body).await.is(415);
    let good = [JSON, ("if-match", tag.as_str()), ("idempotency-key", "d-1")];
    for (wrong, status) in [
        ("", 400),
        ("{}", 400),
        ("[1]", 400),
        (r#"{"decision": "odd"}"#, 400),
        (r#"{"decision": "accept", "by": "x"}"#, 400),
        (r#"{"decision": "accept", "service": "voirie"}"#, 422),
        (r#"{"decision": "route"}"#, 422),
        (r#"{"decision": "route", "service": "nope"}"#, 422),
        (
            r#"{"decision": "route", "service": "voirie", "also": ["voirie"]}"#,
            422,
        ),
        (
            r#"{"decision": "route", "service": "voirie", "also": ["ccas"]}"#,
            422,
        ),
        (r#"{"decision": "not-for-us"}"#, 422),
        (r#"{"decision": "not-for-us", "to": " "}"#, 422),
        (r#"{"decision": "not-for-us", "to": "voirie"}"#, 422),
        (r#"{"decision": "told"}"#, 422),
        (r#"{"decision": "accept", "reason": "\u0000"}"#, 422),
    ] {
        let page = send(&[JSON, ("if-match", &tag)], wrong).await;
        assert_eq!(page.status, status, "{wrong}: {}", page.body);
    }
    let done = send(&good, body).await;
    let act = read(done.is(200));
    assert_eq!(act["act"]["by"], "Nom de robot");
    assert_ne!(done.header("etag"), tag);
    // Sent again: the same answer, and nothing more is recorded.
    let records = async || {
        let page = house.api("GET", &format!("{path}/records"), &token).await;
        read(page.is(200))["items"].as_array().unwrap().clone()
    };
    let before = records().await;
    let again = send(&good, body).await;
    assert_eq!(again.is(200).header("idempotency-replayed"), "true");
    assert_eq!(read(&again), act);
    assert_eq!(records().await.len(), before.len());
    let agent = &before.last().unwrap()["record"]["record"]["statement"]["agent"];
    assert_eq!(agent["authenticated"], true);
    let other = send(&good, r#"{"decision": "accept"}"#).await;
    assert_eq!(code(other.is(422)), "idempotency-key-reused");
    let bad = [JSON, ("if-match", tag.as_str()), ("idempotency-key", "a b")];
    assert_eq!(code(send(&bad, body).await.is(400)), "bad-idempotency-key");
    // What it says now is what holds.
    let now = read(&house.api("GET", &path, &token).await);
    assert_eq!(now["service"], "voirie");
    assert_eq!(now["copies"], json!(["etat-civil"]));
    assert_eq!(now["decided"], true);
}

#[tokio::test]
async fn documents_are_handed_in() {
    let (house, token) = office().await;
    let body = r#"{"pipeline": "courrier", "id": "A-1", "content": {"inline": "Un lampadaire"}}"#;
    let send = async |headers: &[(&str, &str)], body: &str| {
        house
            .api_with("POST", DOCUMENTS, &token, headers, body)
            .await
    };
    let page = send(&[JSON], body).await;
    let handed = read(page.is(201));
    assert_eq!(handed["new"], true);
    let place = page.header("location").to_owned();
    assert_eq!(
        place,
        format!("{DOCUMENTS}/{}", handed["id"].as_str().unwrap())
    );
    // The same name with the same bytes: the same document.
    let again = read(send(&[JSON], body).await.is(200));
    assert_eq!(
        (&again["id"], &again["new"]),
        (&handed["id"], &json!(false))
    );
    house.work().await;
    let document = read(house.api("GET", &place, &token).await.is(200));
    assert_eq!(document["service"], "voirie");
    assert_eq!(document["channel"], "api");
    // Without a name: known by its sender and what it holds.
    let unnamed = r#"{"pipeline": "courrier", "content": {"inline": "Sans nom"}}"#;
    let first = read(send(&[JSON], unnamed).await.is(201));
    assert_eq!(
        read(send(&[JSON], unnamed).await.is(200))["id"],
        first["id"]
    );
    // Under a key: answered as before.
    let keyed = [JSON, ("idempotency-key", "k-1")];
    let body = r#"{"pipeline": "courrier", "content": {"inline": "Sous une clé"}}"#;
    let first = read(send(&keyed, body).await.is(201));
    let again = send(&keyed, body).await;
    assert_eq!(again.is(201).header("idempotency-replayed"), "true");
    assert_eq!(read(&again), first);
    send(&keyed, unnamed).await.is(422);

    let form = |parts: &str| parts.replace('\n', "\r\n");
    let multi = ("content-type", "multipart/form-data; boundary=xx");
    let file = "--xx\ncontent-disposition: form-data; name=\"pipeline\"\n\ncourrier\n\
                --xx\ncontent-disposition: form-data; name=\"id\"\n\nM-1\n\
                --xx\ncontent-disposition: form-data; name=\"file\"; filename=\"lettre.txt\"\ncontent-type: text/plain\n\nBonjour\n--xx--\n";
    let page = send(&[multi], &form(file)).await;
    assert_eq!(read(page.is(201))["new"], true);
    assert_eq!(
        house
            .desk
            .open(house.desk.find("M-1").await.unwrap())
            .await
            .unwrap()
            .arrival
            .file_name
            .as_deref(),
        Some("lettre.txt")
    );
    for wrong in [
        "",
        "--xx--\n",
        "--xx\n",
        "--xx\ncontent-disposition: form-data; name=\"pipeline\"\n\ncourrier\n--xx--\n",
        &file.replace("\"id\"", "\"odd\""),
        &file.replace("\"id\"", "\"pipeline\""),
        &file.replace("courrier", "a b"),
        &file.replace("M-1", &"x".repeat(400)),
    ] {
        send(&[multi], &form(wrong)).await.is(400);
    }
    for (wrong, status) in [
        ("", 400),
        ("{", 400),
        (r#"{"pipeline": "courrier"}"#, 400),
        (r#"{"pipeline": "..", "content": {"inline": ""}}"#, 400),
        (
            r#"{"pipeline": "courrier", "id": "\u0000", "content": {"inline": ""}}"#,
            400,
        ),
        (
            r#"{"pipeline": "courrier", "content": {"claim": {"path": "x", "sha256": "sha256:00"}}}"#,
            400,
        ),
        (r#"{"pipeline": "courrier", "content": {"row": {}}}"#, 422),
        (r#"{"pipeline": "nowhere", "content": {"inline": ""}}"#, 422),
    ] {
        let page = send(&[JSON], wrong).await;
        assert_eq!(page.status, status, "{wrong}: {}", page.body);
    }
    send(&[("content-type", "text/plain")], "x").await.is(415);
    let large = format!(
        r#"{{"pipeline": "courrier", "content": {{"inline": "{}"}}}}"#,
        "a".repeat(46 << 20)
    );
    send(&[JSON], &large).await.is(413);
}

#[tokio::test]
async fn search_alerts_and_syntheses() {
    let (house, token) = office().await;
    let get = async |address: &str| read(house.api("GET", address, &token).await.is(200));
    let found = get("/api/v1/search?q=subvention").await;
    assert_eq!(found["hits"][0]["name"], "F-001");
    assert_eq!(found["facets"]["service"]["vie-associative"], 1);
    let words = get("/api/v1/suggestions?q=lampa").await;
    assert!(
        words["items"][0]["text"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .starts_with("lampadaire")
    );
    let alerts = get("/api/v1/alerts?week=2026-W47").await;
    assert_eq!(alerts["items"][0]["pipeline"], "mediation");
    assert!(
        !alerts["items"][0]["says"]["alerts"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        get("/api/v1/alerts?week=2020-W01").await["items"],
        json!([])
    );
    let all = get("/api/v1/syntheses").await;
    let editions: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["edition"].clone())
        .collect();
    assert_eq!(editions, [1, 2]);
    let last = get("/api/v1/syntheses/mediation/2026-W47").await;
    assert_eq!(last["edition"], 2);
    let first = get("/api/v1/syntheses/mediation/2026-W47?edition=1").await;
    assert_eq!(first["says"]["period"]["week"], "2026-W47");
    for (address, status) in [
        ("/api/v1/search", 400),
        ("/api/v1/search?like=x", 400),
        ("/api/v1/syntheses/mediation/2026-W47?edition=9", 404),
        ("/api/v1/syntheses/mediation/2026-W47?edition=x", 400),
        ("/api/v1/syntheses/nowhere/2026-W47", 404),
        ("/api/v1/syntheses/courrier/2026-W47", 404),
        ("/api/v1/syntheses/mediation/2026-W99", 404),
        ("/api/v1/alerts?week=x", 400),
        ("/api/v1/nowhere", 404),
        ("/api/v2/documents", 404),
        ("/api", 404),
    ] {
        let page = house.api("GET", address, &token).await;
        page.is(status);
        assert_eq!(
            page.header("content-type"),
            "application/problem+json",
            "{address}"
        );
        assert_eq!(read(&page)["status"], status);
    }
}

#[tokio::test]
async fn who_asks_is_asked_and_slowed() {
    let (house, token) = office().await;
    let page = house.api("GET", DOCUMENTS, "").await;
    assert_eq!(page.is(401).header("www-authenticate"), "Bearer");
    assert_eq!(read(&page)["code"], "unknown-token");
    assert!(
        read(&page)["detail"]
            .as_str()
            .unwrap()
            .contains("greffier users tokens")
    );
    for wrong in ["x", &"0".repeat(64), &token.to_uppercase()] {
        house.api("GET", DOCUMENTS, wrong).await.is(401);
    }
    let english = house.api("GET", "/api/v1/documents?lang=en", "").await;
    assert_eq!(read(&english)["title"], "Unknown token");
    // What a browser sends by itself serves nothing here.
    let visitor = house.visitor("agent", &["agent:*"]).await;
    visitor.get(DOCUMENTS).await.is(401);
    let door = house.door();
    let ask = async || {
        let request = axum::http::Request::get("/api/v1/syntheses")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {token}"))
            .body(axum::body::Body::empty())
            .unwrap();
        Page::read(door.clone().oneshot(request).await.unwrap()).await
    };
    let mut last = ask().await;
    for _ in 0..600 {
        last = ask().await;
    }
    assert_eq!(last.is(429).header("retry-after"), "61");
    assert_eq!(read(&last)["code"], "too-many-requests");
    house.clock.turn(61);
    ask().await.is(200);
}

#[tokio::test]
async fn before_there_is_an_account_this_machine_only_reads() {
    let house = House::full().await;
    house.api("GET", DOCUMENTS, "").await.is(200);
    let body = r#"{"pipeline": "courrier", "content": {"inline": "x"}}"#;
    let page = house.api_with("POST", DOCUMENTS, "", &[JSON], body).await;
    page.is(401);
    house.api("GET", DOCUMENTS, &"0".repeat(64)).await.is(401);
}

#[tokio::test]
async fn what_is_described_is_what_is_there() {
    let description = web::openapi();
    assert_eq!(description["openapi"], "3.1.0");
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.push((method.clone(), format!("/api/v1{path}")));
            let params = operation["parameters"].as_array().unwrap();
            for part in path.split('{').skip(1) {
                let name = part.split('}').next().unwrap();
                assert!(
                    params
                        .iter()
                        .any(|p| p["name"] == name && p["in"] == "path")
                );
            }
        }
    }
    described.push(("get".into(), "/api/v1/openapi.json".into()));
    described.sort();
    let mut there: Vec<(String, String)> = web::routes()
        .into_iter()
        .filter(|(_, path)| path.starts_with("/api/"))
        .map(|(method, path)| (method.to_owned(), path))
        .collect();
    there.sort();
    assert_eq!(described, there);
    // Every reference leads somewhere.
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer}");
    }
    let house = House::empty();
    let page = house.api("GET", "/api/v1/openapi.json", "").await;
    assert_eq!(read(page.is(200)), description);
}

/// Answers are what their schemas say.
#[tokio::test]
async fn answers_are_what_is_described() {
    let (house, token) = office().await;
    let description = web::openapi();
    let id = house.id("F-001").await.to_string();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let Some(operation) = methods.get("get") else {
            continue;
        };
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let mut root = schema.clone();
        root["components"] = description["components"].clone();
        let validator = jsonschema::validator_for(&root).unwrap();
        let address = path
            .replace("{id}", &id)
            .replace("{pipeline}", "mediation")
            .replace("{week}", "2026-W47");
        let address = format!("/api/v1{address}?q=a");
        let answer = read(house.api("GET", &address, &token).await.is(200));
        let errors: Vec<String> = validator
            .iter_errors(&answer)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{address}: {errors:?}");
    }
}

/// Whatever is sent, nothing breaks: headers, bodies and addresses put together by chance.
#[tokio::test]
async fn nothing_that_is_sent_breaks_it() {
    let (house, token) = office().await;
    let id = house.id("F-001").await.to_string();
    let mut state: u64 = 42;
    let mut draw = |n: usize| {
        // Knuth's linear congruential generator: the same requests every time.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % n
    };
    let odd = [
        "",
        "x",
        "%00",
        "%ff%fe",
        "..%2f..",
        "-1",
        "99999999999999999999",
        "%F0%9F%99%82",
        "*",
        "%22%3E%3Cscript%3E",
        "2026-W47",
        "voirie",
        "1_doc_00",
        "true",
        "%E2%80%AE",
    ];
    let params = [
        "q", "like", "limit", "after", "service", "pipeline", "state", "kind", "place", "year",
        "language", "week", "edition", "lang",
    ];
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{\"decision\": \"accept\"}",
        b"{\"pipeline\": \"courrier\", \"content\": {\"row\": {\"a\": 1e999}}}",
        b"--xx\r\n\r\n\r\n--xx",
        b"a=b&csrf=c",
        b"{\"decision\": {\"decision\": {}}}",
    ];
    let kinds = [
        "",
        "application/json",
        "application/json; charset=x",
        "multipart/form-data",
        "multipart/form-data; boundary=xx",
        "application/x-www-form-urlencoded",
        "\u{1}x",
        "text/plain",
    ];
    let headers = [
        "if-match",
        "if-none-match",
        "idempotency-key",
        "authorization",
        "cookie",
        "origin",
        "x-forwarded-for",
        "range",
        "content-length",
        "accept",
        "transfer-encoding",
        "expect",
    ];
    let values: [&[u8]; 9] = [
        b"",
        b"*",
        b"\"x\"",
        b"W/\"",
        b"\xff",
        b"Bearer",
        b"0",
        b"greffier=00; greffier=",
        b",,,",
    ];
    let routes = web::routes();
    for _ in 0..4_000 {
        let (method, path) = &routes[draw(routes.len())];
        let method = ["GET", "POST", "PUT", "HEAD", "OPTIONS", method][draw(6)].to_uppercase();
        let given = [id.as_str(), odd[draw(odd.len())]][draw(2)];
        let mut address = path
            .replace("{id}", given)
            .replace("{pipeline}", ["mediation", odd[draw(odd.len())]][draw(2)])
            .replace("{week}", ["2026-W47", odd[draw(odd.len())]][draw(2)]);
        for n in 0..draw(4) {
            let join = if n == 0 { '?' } else { '&' };
            address = format!(
                "{address}{join}{}={}",
                params[draw(params.len())],
                odd[draw(odd.len())]
            );
        }
        let mut request = axum::http::Request::builder()
            .method(method.as_str())
            .uri(&address)
            .header("host", "localhost");
        if draw(4) > 0 {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Ok(kind) = axum::http::HeaderValue::from_bytes(kinds[draw(kinds.len())].as_bytes()) {
            request = request.header("content-type", kind);
        }
        for _ in 0..draw(3) {
            if let Ok(value) = axum::http::HeaderValue::from_bytes(values[draw(values.len())]) {
                request = request.header(headers[draw(headers.len())], value);
            }
        }
        let Ok(request) = request.body(axum::body::Body::from(bodies[draw(bodies.len())].to_vec()))
        else {
            continue;
        };
        let page = house.send(request).await;
        assert!(
            page.status < 500,
            "{method} {address} gives {}: {}",
            page.status,
            page.body
        );
        if address.starts_with("/api/") && page.status >= 400 && method != "HEAD" {
            assert_eq!(
                page.header("content-type"),
                "application/problem+json",
                "{method} {address} {}",
                page.status
            );
        }
    }
}

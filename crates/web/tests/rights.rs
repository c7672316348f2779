//! Every address × every role × documents of one's own service and of others: what each may read and do,
//! on pages and in the API alike.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{House, Page, Visitor};
use domain::{DocumentId, TokenScope};
use pipeline::ledger::DocumentFilter;

/// A role, and what it comes to: the documents of the voirie, those of the vie associative, reports.
struct Role {
    grants: &'static [&'static str],
    reads: [bool; 3],
    decides: [bool; 3],
    oversees: [bool; 3],
    hands_in: bool,
}

const OWN: usize = 0;
const OTHER: usize = 1;
const REPORT: usize = 2;

const NO: [bool; 3] = [false; 3];
const ONLY_OWN: [bool; 3] = [true, false, false];
const MAIL: [bool; 3] = [true, true, false];
const REPORTS: [bool; 3] = [false, false, true];
const ALL: [bool; 3] = [true; 3];

const ROLES: &[Role] = &[
    Role {
        grants: &["agent:voirie"],
        reads: ONLY_OWN,
        decides: ONLY_OWN,
        oversees: NO,
        hands_in: false,
    },
    Role {
        grants: &["lead:voirie"],
        reads: ONLY_OWN,
        decides: ONLY_OWN,
        oversees: ONLY_OWN,
        hands_in: false,
    },
    Role {
        grants: &["auditor:voirie"],
        reads: ONLY_OWN,
        decides: NO,
        oversees: ONLY_OWN,
        hands_in: false,
    },
    Role {
        grants: &["agent:etat-civil"],
        reads: NO,
        decides: NO,
        oversees: NO,
        hands_in: false,
    },
    Role {
        grants: &["agent:pipeline/courrier"],
        reads: MAIL,
        decides: MAIL,
        oversees: NO,
        hands_in: true,
    },
    Role {
        grants: &["lead:pipeline/mediation"],
        reads: REPORTS,
        decides: REPORTS,
        oversees: REPORTS,
        hands_in: false,
    },
    Role {
        grants: &["auditor:*"],
        reads: ALL,
        decides: NO,
        oversees: ALL,
        hands_in: false,
    },
    Role {
        grants: &["agent:*"],
        reads: ALL,
        decides: ALL,
        oversees: NO,
        hands_in: true,
    },
    Role {
        grants: &["administrator"],
        reads: NO,
        decides: NO,
        oversees: NO,
        hands_in: false,
    },
    Role {
        grants: &["administrator", "agent:voirie", "auditor:pipeline/courrier"],
        reads: MAIL,
        decides: ONLY_OWN,
        oversees: MAIL,
        hands_in: false,
    },
];

/// A document: whose it is, and a piece that came with such a one.
struct Documents {
    whole: [DocumentId; 3],
    pieces: [DocumentId; 2],
}

async fn documents(house: &House) -> Documents {
    let piece = async |name: &str| {
        let filter = DocumentFilter {
            parent: Some(house.id(name).await),
            ..DocumentFilter::default()
        };
        house.desk.vault.ledger.documents(&filter).await.unwrap()[0].id
    };
    let hostile = "F-005\"><script>alert(1)</script>";
    Documents {
        whole: [
            house.id("F-002").await,
            house.id("F-001").await,
            house.id("R-0412").await,
        ],
        pieces: [piece(hostile).await, piece("F-001").await],
    }
}

impl Documents {
    /// Each, with whose it is.
    fn all(&self) -> Vec<(DocumentId, usize)> {
        let whole = self.whole.iter().copied().zip([OWN, OTHER, REPORT]);
        let pieces = self.pieces.iter().copied().zip([OWN, OTHER]);
        whole.chain(pieces).collect()
    }
}

/// Words that stand in documents of each, and nowhere else.
const WORDS: [&str; 3] = ["lampadaire", "judo", "Parking"];

struct Asking<'a> {
    house: &'a House,
    role: &'a Role,
    visitor: &'a Visitor<'a>,
    token: &'a str,
    documents: &'a Documents,
}

impl Asking<'_> {
    async fn ask(&self, method: &str, address: &str) -> Page {
        match (method, address.starts_with("/api/")) {
            ("get", true) => self.house.api("GET", address, self.token).await,
            ("get", false) => self.visitor.get(address).await,
            other => panic!("{other:?}"),
        }
    }

    /// A list names what is within reach and nothing else.
    async fn lists(&self, address: &str) {
        let page = self.ask("get", address).await;
        page.is(200);
        for (id, of) in self.documents.whole.iter().zip([OWN, OTHER, REPORT]) {
            let named = page.body.contains(&id.to_string());
            assert_eq!(named, self.role.reads[of], "{address} {id}: {}", page.body);
        }
        for (word, of) in WORDS.iter().zip([OWN, OTHER, REPORT]) {
            let said = page.body.contains(word);
            assert!(!said || self.role.reads[of], "{address} says {word}");
        }
    }

    /// Each document is there for those who reach it, and for nobody else.
    async fn reads_each(&self, address: impl Fn(&DocumentId) -> String) {
        for (id, of) in self.documents.all() {
            let address = address(&id);
            let page = self.ask("get", &address).await;
            let (there, reads) = (page.status != 404, self.role.reads[of]);
            assert_eq!(there, reads, "{address} gives {}", page.status);
            assert!(page.status < 500, "{address} gives {}", page.status);
            if !reads {
                page.says_nothing_of(&WORDS);
            }
        }
    }

    fn decides(&self, of: usize, is_whole: bool, done: u16) -> u16 {
        match (self.role.reads[of], self.role.decides[of]) {
            (false, _) => 404,
            (true, false) => 403,
            // Reports and pieces go to no service.
            (true, true) if of == REPORT || !is_whole => 409,
            (true, true) => done,
        }
    }

    async fn route(&self, method: &str, path: &str) {
        let reports = self.role.reads[REPORT];
        let whole = if reports { 200 } else { 404 };
        let form = "seen=0&service=vie-associative&by=x";
        match (method, path) {
            ("get", "/sign-in" | "/health/live" | "/health/ready" | "/assets/greffier.css") => {
                self.ask(method, path).await.is(200);
            }
            ("get", "/api/v1/openapi.json") => {
                self.ask(method, path).await.is(200).says_nothing_of(&WORDS);
            }
            ("post", "/sign-in") => {
                self.visitor
                    .post(path, "account=a&password=b")
                    .await
                    .is(401);
            }
            // Last of all: below.
            ("post", "/sign-out") => {}
            ("get", "/") => {
                let page = self.ask(method, path).await;
                page.is(200);
                for (id, of) in self.documents.whole.iter().zip([OWN, OTHER]) {
                    let link = format!("/documents/{id}\"");
                    assert_eq!(page.body.contains(&link), self.role.reads[of], "{link}");
                }
                // Counts are of what is within reach.
                let shown = page.body.matches("<h3><a href=\"/documents/").count();
                let counted: usize = page
                    .body
                    .split("<h2 id=\"")
                    .filter_map(|part| part.split_once('>')?.1.split_once('<'))
                    .filter_map(|(title, _)| title.rsplit_once('(')?.1.strip_suffix(')'))
                    .filter_map(|n| n.parse::<usize>().ok())
                    .sum();
                assert_eq!(shown, counted);
                let alerts = page.body.contains("Des alertes sont en cours");
                assert_eq!(alerts, reports);
            }
            ("get", "/documents/{id}") => {
                self.reads_each(|id| format!("/documents/{id}")).await;
                for (id, of) in self.documents.whole.iter().zip([OWN, OTHER]) {
                    let page = self.ask(method, &format!("/documents/{id}")).await;
                    let says = |text: &str| page.body.contains(text);
                    assert_eq!(says("<form class=\"decide\""), self.role.decides[of]);
                    assert_eq!(says("Consultations"), self.role.oversees[of]);
                }
            }
            (
                "get",
                "/documents/{id}/why"
                | "/documents/{id}/prov.json"
                | "/documents/{id}/text"
                | "/documents/{id}/original",
            ) => {
                self.reads_each(|id| path.replace("{id}", &id.to_string()))
                    .await;
            }
            ("post", "/documents/{id}") => {
                for (n, (id, of)) in self.documents.all().into_iter().enumerate() {
                    let page = self.visitor.post(&format!("/documents/{id}"), form).await;
                    page.is(self.decides(of, n < 3, 303));
                }
            }
            ("get", "/search") => {
                self.lists("/search?q=a").await;
                for (id, of) in self.documents.whole.iter().zip([OWN, OTHER, REPORT]) {
                    // By its id, which is a name; and what is like it.
                    let page = self.ask(method, &format!("/search?q={id}")).await;
                    assert_eq!(
                        page.body.contains(&format!("/documents/{id}")),
                        self.role.reads[of]
                    );
                    let like = format!("/search?q=x&like={id}");
                    let page = self.ask(method, &like).await;
                    page.is(if self.role.reads[of] { 200 } else { 404 });
                }
                // A facet counts no document of another service.
                let page = self
                    .ask(method, "/search?q=a&service=vie-associative")
                    .await;
                let other = self.documents.whole[OTHER].to_string();
                let named = page.is(200).body.contains(&other);
                assert_eq!(named, self.role.reads[OTHER]);
            }
            ("get", "/synthesis") => {
                let page = self.ask(method, path).await;
                assert_eq!(page.is(200).body.contains("2026-W47"), reports);
            }
            ("get", "/synthesis/{pipeline}/{week}") => {
                let page = self.ask(method, "/synthesis/mediation/2026-W47").await;
                page.is(whole);
            }
            ("post", "/alerts/{pipeline}/{id}") => {
                // There is no such alert: whoever may not answer one is told so before.
                let none = "/alerts/mediation/alert_00000000000000000000000000000000";
                let page = self.visitor.post(none, "did=acknowledge").await;
                page.is(match (reports, self.role.decides[REPORT]) {
                    (true, false) => 403,
                    _ => 404,
                });
            }
            ("post", "/themes/{pipeline}/{week}") => {
                // The week has no themes: whoever may not decide of them is told so before.
                let none = "/themes/mediation/2026-W47";
                let page = self.visitor.post(none, "do=pin&theme=x").await;
                page.is(match (reports, self.role.decides[REPORT]) {
                    (true, false) => 403,
                    _ => 404,
                });
            }
            ("get", "/synthesis/{pipeline}/{week}/{file}") => {
                for file in ["synthese.md", "fiche.html", "synthese.json"] {
                    let address = format!("/synthesis/mediation/2026-W47/{file}");
                    self.ask(method, &address).await.is(whole);
                }
            }
            ("get", "/api/v1/documents") => {
                self.lists("/api/v1/documents?limit=100").await;
                let page = self
                    .ask(method, "/api/v1/documents?service=vie-associative")
                    .await;
                let other = self.documents.whole[OTHER].to_string();
                assert_eq!(page.is(200).body.contains(&other), self.role.reads[OTHER]);
            }
            ("post", "/api/v1/documents") => {
                let body =
                    r#"{"pipeline": "courrier", "id": "A-1", "content": {"inline": "un texte"}}"#;
                let json = [("content-type", "application/json")];
                let page = self
                    .house
                    .api_with("POST", path, self.token, &json, body)
                    .await;
                page.is(if self.role.hands_in { 201 } else { 403 });
            }
            (
                "get",
                "/api/v1/documents/{id}"
                | "/api/v1/documents/{id}/text"
                | "/api/v1/documents/{id}/original"
                | "/api/v1/documents/{id}/why"
                | "/api/v1/documents/{id}/records",
            ) => {
                self.reads_each(|id| path.replace("{id}", &id.to_string()))
                    .await;
            }
            ("post", "/api/v1/documents/{id}/decision") => {
                for (n, (id, of)) in self.documents.all().into_iter().enumerate() {
                    let address = path.replace("{id}", &id.to_string());
                    let seen = self.ask("get", &format!("/api/v1/documents/{id}")).await;
                    let headers = [
                        ("content-type", "application/json"),
                        ("if-match", seen.header("etag")),
                    ];
                    let body = r#"{"decision": "route", "service": "etat-civil"}"#;
                    let page = self
                        .house
                        .api_with("POST", &address, self.token, &headers, body)
                        .await;
                    page.is(self.decides_now(id, of, n < 3).await);
                }
            }
            ("get", "/api/v1/search") => {
                self.lists("/api/v1/search?q=a&limit=100").await;
            }
            ("get", "/api/v1/suggestions") => {
                for (word, of) in WORDS.iter().zip([OWN, OTHER, REPORT]) {
                    let address = format!("/api/v1/suggestions?q={}", &word[..4]);
                    let page = self.ask(method, &address).await;
                    let said = page
                        .is(200)
                        .body
                        .to_lowercase()
                        .contains(&word.to_lowercase());
                    assert_eq!(said, self.role.reads[of], "{address}: {}", page.body);
                }
            }
            ("get", "/api/v1/alerts" | "/api/v1/syntheses") => {
                let page = self.ask(method, path).await;
                assert_eq!(page.is(200).body.contains("mediation"), reports);
            }
            ("get", "/api/v1/syntheses/{pipeline}/{week}") => {
                let page = self
                    .ask(method, "/api/v1/syntheses/mediation/2026-W47")
                    .await;
                page.is(whole);
            }
            (method, path) => panic!("{method} {path}: say here who may ask it"),
        }
    }

    /// The page has been used to decide before: what went to another service is, since, out of reach of
    /// those who had it by that service alone.
    async fn decides_now(&self, id: DocumentId, of: usize, is_whole: bool) -> u16 {
        let row = self.house.desk.vault.ledger.document(id).await.unwrap();
        let route = row.unwrap().route;
        let here = route.and_then(|r| r.service).map(|s| s.to_string());
        let moved = is_whole && of == OWN && here.as_deref() != Some("voirie");
        match (
            moved && self.role.decides == ONLY_OWN,
            self.role.reads[OTHER],
        ) {
            (true, false) => 404,
            (true, true) => 403,
            (false, _) => self.decides(of, is_whole, 200),
        }
    }
}

#[tokio::test]
async fn every_address_for_every_role() {
    for role in ROLES {
        let house = House::full().await;
        let visitor = house.visitor("someone", role.grants).await;
        let token = house.token("someone", "all", &TokenScope::ALL).await;
        let documents = documents(&house).await;
        let asking = Asking {
            house: &house,
            role,
            visitor: &visitor,
            token: &token,
            documents: &documents,
        };
        // What changes something comes last.
        let mut routes = web::routes();
        routes.sort_by_key(|(method, path)| (*method != "get", path.starts_with("/api/")));
        for (method, path) in &routes {
            asking.route(method, path).await;
        }
        visitor.post("/sign-out", "").await.is(303);
    }
}

#[tokio::test]
async fn nothing_for_whoever_shows_nothing() {
    let house = House::full().await;
    house.account("someone", &["agent:*"], None).await;
    let id = house.id("F-002").await.to_string();
    for (method, path) in web::routes() {
        let address = path
            .replace("{id}", &id)
            .replace("{pipeline}", "mediation")
            .replace("{week}", "2026-W47")
            .replace("{file}", "synthese.md");
        let page = match (method, address.starts_with("/api/")) {
            ("get", true) => house.api("GET", &address, "").await,
            (_, true) => house.api("POST", &address, "").await,
            ("get", false) => house.get(&address).await,
            (_, false) => house.post(&address, "account=a&password=b").await,
        };
        let expected = match (method, path.as_str()) {
            ("post", "/sign-in") => 401,
            (_, "/sign-in" | "/api/v1/openapi.json") => 200,
            (_, path) if path.starts_with("/health/") || path.starts_with("/assets/") => 200,
            (_, path) if path.starts_with("/api/") => 401,
            _ => 303,
        };
        page.is(expected).says_nothing_of(&WORDS);
    }
}

#[tokio::test]
async fn a_token_does_no_more_than_it_was_made_for() {
    let house = House::full().await;
    house.account("robot", &["agent:*"], None).await;
    let id = house.id("F-002").await;
    let path = format!("/api/v1/documents/{id}");
    let json = [("content-type", "application/json"), ("if-match", "*")];
    let decision = r#"{"decision": "accept"}"#;
    let body = r#"{"pipeline": "courrier", "id": "A-1", "content": {"inline": "un texte"}}"#;
    for (uses, read, decided, handed) in [
        (&[TokenScope::Read][..], 200, 403, 403),
        (&[TokenScope::HandIn], 404, 404, 201),
        // Whoever decides must have read.
        (&[TokenScope::Decide], 404, 404, 403),
        (&[TokenScope::Read, TokenScope::Decide], 200, 200, 403),
        (&[], 404, 404, 403),
    ] {
        let label = format!("{uses:?}");
        let token = house.token("robot", &label, uses).await;
        house.api("GET", &path, &token).await.is(read);
        let decide = format!("{path}/decision");
        let page = house
            .api_with("POST", &decide, &token, &json, decision)
            .await;
        page.is(decided);
        let page = house
            .api_with("POST", "/api/v1/documents", &token, &json, body)
            .await;
        page.is(handed);
        // No token signs anybody in to the pages.
        house.api_with("GET", "/", &token, &[], "").await.is(303);
    }
}

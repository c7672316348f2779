//! A small office: a ledger and blobs in memory, two pipelines, toy stages that obey what is
//! written in the document, and a week of reports.
#![allow(dead_code, reason = "each test binary uses its part of the office")]

pub(crate) mod toys;
pub(crate) mod week;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use domain::arrival::ArrivalFormat;
use domain::event::{IntakeRef, Submission, SubmittedContent};
use domain::message::Class;
use domain::text::fold;
use domain::{Arrival, DocumentId, Reach, Source, Span, Timestamp, TokenScope};
use pipeline::accounts::{Account, AccountChange, Accounts as _, Session};
use pipeline::circumstances::{Build, Clock};
use pipeline::desk::Desk;
use pipeline::file::SourceFile;
use pipeline::gate::Gate;
use pipeline::intake::{self, Incoming};
use pipeline::ledger::{Admitted, DocumentFilter};
use pipeline::pipelines::{Pipeline, Pipelines};
use pipeline::progress::{self, Progress, Watch};
use pipeline::testing::accounts::MemoryAccounts;
use pipeline::testing::memory::{MemoryBlobs, MemoryLedger};
use pipeline::vault::Vault;
use pipeline::worker::{Bench, Worker};
use privacy::{Bearer, Secrets};
use tower::ServiceExt as _;
use web::{Answer, Asked, Find, Found, Front, NotTaken, Office, TakeIn};

/// The pipeline of letters and forms.
pub(crate) const MAIL: &str = r#"
pipeline = "courrier"
title = "Courrier de la mairie"
collection = "mairie"
accepts = ["files"]
stages = ["extract", "sketch", "check", "route"]
attachment_stages = ["extract"]

[[services]]
id = "voirie"
name = "Voirie-Éclairage"
description = "routes, trottoirs et éclairage public"

[[services]]
id = "vie-associative"
name = "Vie associative, sports, culture"
description = "subventions, salles, forum des associations"

[[services]]
id = "etat-civil"
name = "État civil, élections, cimetières"
description = "naissances, mariages, décès"

[[services]]
id = "ccas"
name = "CCAS"
description = "aides, domiciliation, seniors"
external = true

[[forms]]
id = "subvention"
title = "Demande de subvention (cerfa 12156)"
service = "vie-associative"
legal_basis = "loi n° 2000-321, art. 9-1"
clock = "2 mois, silence valant rejet"
recognise = { titles = ["demande de subvention"] }

[[rules]]
id = "lampadaire"
service = "voirie"
any = ["lampadaire"]
"#;

/// The pipeline of field reports.
pub(crate) const REPORTS: &str = r#"
pipeline = "mediation"
title = "Remontées de terrain"
collection = "mediation"
accepts = ["files"]
stages = ["extract"]

[reconcile.synthesise]
schedule = "monday 08:00"

[reconcile.alert]
schedule = "on-arrival"
"#;

/// A clock that stands still.
pub(crate) struct StillClock(Mutex<Timestamp>);

impl StillClock {
    /// Turns it on.
    pub(crate) fn turn(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus_micros(seconds * 1_000_000);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A document to receive.
pub(crate) struct Letter {
    /// Its external id.
    pub(crate) name: &'static str,
    /// When.
    pub(crate) received_at: &'static str,
    /// How.
    pub(crate) channel: Option<&'static str>,
    /// What it says: see [`toys`].
    pub(crate) text: String,
}

/// A letter.
pub(crate) fn letter(
    name: &'static str,
    received_at: &'static str,
    channel: Option<&'static str>,
    text: &str,
) -> Letter {
    Letter {
        name,
        received_at,
        channel,
        text: text.to_owned(),
    }
}

/// The letters of the office. One of them is hostile.
pub(crate) fn letters() -> Vec<Letter> {
    vec![
        letter(
            "F-001",
            "2026-11-17T08:12:00Z",
            Some("courrier"),
            "title: Demande de subvention pour le club de judo\n\
             Madame la Maire, notre association demande une subvention de 1 500 euros pour 2027.\n\
             field Association: Judo Club des Tilleuls\nfield SIRET: 123\nfield Budget: \nchild: statuts de l’association\n",
        ),
        letter(
            "F-002",
            "2026-11-16T14:30:00Z",
            Some("teleservice"),
            "title: Lampadaire éteint\nLe lampadaire devant le 12 rue des Lilas est éteint depuis lundi.\n",
        ),
        letter(
            "F-003",
            "2026-11-18T07:00:00Z",
            Some("courriel"),
            "mystery\nPouvez-vous me rappeler ?\nnote needs-ocr 2\n",
        ),
        letter(
            "F-004",
            "2026-11-18T08:45:00Z",
            Some("guichet"),
            "title: Acte de naissance\nrefuse extract\n",
        ),
        letter(
            "F-005\"><script>alert(1)</script>",
            "2026-11-18T09:00:00Z",
            Some("<b>fax</b>"),
            "title: <img src=x onerror=alert(1)>\nfield </td><script>: \"'><svg onload=alert(1)>\n\
             </p></main><script>alert(2)</script>{{ 7*7 }} lampadaire\nchild: <script>\n",
        ),
    ]
}

/// The parts of an office, to look at them behind the pages.
pub(crate) struct House {
    /// What people do.
    pub(crate) desk: Desk,
    /// The ledger.
    pub(crate) ledger: Arc<MemoryLedger>,
    /// The blobs, to damage.
    pub(crate) blobs: Arc<MemoryBlobs>,
    /// Who may sign in: nobody yet.
    pub(crate) accounts: Arc<MemoryAccounts>,
    /// The clock, to be turned.
    pub(crate) clock: Arc<StillClock>,
    /// Who comes in.
    pub(crate) gate: Gate,
}

impl House {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        Self::over(MemoryLedger::new())
    }

    /// An empty one over a ledger.
    pub(crate) fn over(ledger: MemoryLedger) -> Self {
        let (ledger, blobs) = (Arc::new(ledger), Arc::new(MemoryBlobs::new()));
        let file = |name: &str, text: &str| Arc::new(SourceFile::parse(name, text.into()).unwrap());
        let pipelines = vec![
            Pipeline::new(file("courrier.toml", MAIL), toys::all()).unwrap(),
            Pipeline::new(file("mediation.toml", REPORTS), toys::all()).unwrap(),
        ];
        let moment = "2026-11-18T09:30:00Z".parse().unwrap();
        let clock = Arc::new(StillClock(Mutex::new(moment)));
        let secrets = Arc::new(Secrets::derived(b"an office for tests").unwrap());
        let accounts = Arc::new(MemoryAccounts::new());
        let gate = Gate::new(accounts.clone(), secrets.account_key(), clock.clone());
        let desk = Desk {
            vault: Vault {
                ledger: ledger.clone(),
                blobs: blobs.clone(),
                secrets,
            },
            pipelines: Arc::new(Pipelines::new(pipelines)),
            clock: clock.clone(),
            build: Build {
                build: "toys 1".into(),
                platform: "paper".into(),
                runtime: None,
            },
            reach: domain::Reach::Everything,
        };
        Self {
            desk,
            ledger,
            blobs,
            accounts,
            clock,
            gate,
        }
    }

    /// One with its letters read and a week of reports.
    pub(crate) async fn full() -> Self {
        let house = Self::empty();
        house.receive(&letters()).await;
        house.work().await;
        week::publish(&house).await;
        house
    }

    /// Lets letters enter, without reading them.
    pub(crate) async fn receive(&self, letters: &[Letter]) -> Vec<DocumentId> {
        let mut ids = Vec::new();
        for letter in letters {
            ids.push(self.admit("courrier", "mairie", letter).await);
        }
        ids
    }

    /// Lets a document enter a pipeline.
    pub(crate) async fn admit(
        &self,
        pipeline: &str,
        collection: &str,
        letter: &Letter,
    ) -> DocumentId {
        let incoming = Incoming {
            collection: collection.parse().unwrap(),
            pipeline: pipeline.parse().unwrap(),
            first_stage: Some("extract".parse().unwrap()),
            class: Class::Normal,
            arrival: Arrival {
                format: ArrivalFormat::V1,
                source: Source::External(letter.name.to_owned()),
                file_name: None,
                media_type: Some("text/plain".into()),
                received_at: letter.received_at.parse().unwrap(),
                channel: letter.channel.map(str::to_owned),
                metadata: std::collections::BTreeMap::new(),
                columns: None,
                intake: None,
            },
            bytes: letter.text.clone().into_bytes(),
            generation: 0,
        };
        let Desk {
            vault,
            clock,
            build,
            ..
        } = &self.desk;
        intake::admit(vault, &incoming, clock.as_ref(), build)
            .await
            .unwrap()
            .0
    }

    /// Reads all that is owed.
    pub(crate) async fn work(&self) {
        let worker = Worker {
            vault: self.desk.vault.clone(),
            pipelines: self.desk.pipelines.clone(),
            clock: self.desk.clock.clone(),
            build: self.desk.build.clone(),
            bench: Bench::BlockingThreads,
        };
        let patience = std::time::Duration::ZERO;
        // One worker, so that records enter the log in one order.
        pipeline::engine::run_until_idle(&worker, 1, patience, None)
            .await
            .unwrap();
        pipeline::log::checkpoint(&self.desk.vault).await.unwrap();
    }

    /// The id of the document of this name.
    pub(crate) async fn id(&self, name: &str) -> DocumentId {
        self.desk.find(name).await.unwrap().id
    }

    /// Opens an account.
    pub(crate) async fn account(&self, name: &str, grants: &[&str], password: Option<&str>) {
        let account = Account {
            name: name.parse().unwrap(),
            shown: format!("Nom de {name}"),
            grants: grants.iter().map(|g| g.parse().unwrap()).collect(),
            password: password.map(|p| privacy::password::hash(p).unwrap()),
            totp: None,
            totp_used: None,
            disabled: false,
            made_at: self.gate.now(),
        };
        let change = AccountChange {
            at: self.gate.now(),
            account: account.name.clone(),
            by: "test".into(),
            what: "add".into(),
        };
        assert!(self.accounts.add_account(&account, &change).await.unwrap());
    }

    /// Someone who has signed in.
    pub(crate) async fn visitor(&self, name: &str, grants: &[&str]) -> Visitor<'_> {
        self.account(name, grants, None).await;
        let bearer = Bearer::new().unwrap();
        let now = self.gate.now();
        let session = Session {
            hash: bearer.hash(),
            account: name.parse().unwrap(),
            made_at: now,
            seen_at: now,
            expires_at: now.plus_micros(pipeline::gate::LONGEST),
        };
        self.accounts.begin_session(&session).await.unwrap();
        Visitor {
            house: self,
            bearer,
        }
    }

    /// A token of an account.
    pub(crate) async fn token(&self, name: &str, label: &str, uses: &[TokenScope]) -> String {
        let day = 86_400_000_000;
        let account = name.parse().unwrap();
        let uses = uses.iter().copied();
        let made = self.gate.new_token(&account, label, uses, day);
        made.await.unwrap().unwrap().written().to_string()
    }

    /// Asks the API.
    pub(crate) async fn api(&self, method: &str, path: &str, token: &str) -> Page {
        self.api_with(method, path, token, &[], "").await
    }

    /// Asks the API, with headers and a body.
    pub(crate) async fn api_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Page {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost:8080");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// What the pages stand on.
    pub(crate) fn office(&self) -> Office {
        Office {
            desk: self.desk.clone(),
            find: Arc::new(Scan {
                desk: self.desk.clone(),
            }),
            watch: Arc::new(Standing),
            take_in: Arc::new(Counter {
                desk: self.desk.clone(),
            }),
            gate: self.gate.clone(),
            front: Front::new(["greffier.mairie.example"]),
        }
    }

    /// Asks for a page, as a browser on this machine does.
    pub(crate) async fn get(&self, address: &str) -> Page {
        self.ask(Request::get(address)).await
    }

    /// Sends a form, as a page of ours does.
    pub(crate) async fn post(&self, address: &str, form: &str) -> Page {
        let request = Request::post(address)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(
            request
                .header(header::HOST, "localhost:8080")
                .body(form.to_owned().into())
                .unwrap(),
        )
        .await
    }

    /// Asks without a body.
    pub(crate) async fn ask(&self, request: axum::http::request::Builder) -> Page {
        self.send(
            request
                .header(header::HOST, "localhost:8080")
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    /// Sends requests to one and the same office.
    pub(crate) fn door(&self) -> axum::Router {
        web::router(self.office())
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Page {
        Page::read(web::router(self.office()).oneshot(request).await.unwrap()).await
    }
}

/// Someone who has signed in.
pub(crate) struct Visitor<'a> {
    house: &'a House,
    pub(crate) bearer: Bearer,
}

impl Visitor<'_> {
    /// The cookie of their browser.
    pub(crate) fn cookie(&self) -> String {
        format!("greffier={}", *self.bearer.written())
    }

    /// Asks for a page.
    pub(crate) async fn get(&self, address: &str) -> Page {
        let request = Request::get(address).header(header::COOKIE, self.cookie());
        self.house.ask(request).await
    }

    /// Sends a form of a page that they see.
    pub(crate) async fn post(&self, address: &str, form: &str) -> Page {
        let token = self.bearer.form_token();
        self.post_as(address, &format!("{form}&csrf={token}")).await
    }

    /// Sends a form as it is.
    pub(crate) async fn post_as(&self, address: &str, form: &str) -> Page {
        let request = Request::post(address)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, self.cookie())
            .header(header::HOST, "localhost:8080")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(form.to_owned().into()).unwrap();
        self.house.send(request).await
    }
}

/// A response, read.
pub(crate) struct Page {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers.
    pub(crate) headers: axum::http::HeaderMap,
    /// Its body.
    pub(crate) body: String,
}

impl Page {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Fails unless the body says all of this.
    pub(crate) fn says(&self, expected: &[&str]) -> &Self {
        for text in expected {
            assert!(
                self.body.contains(text),
                "{} says no `{text}`:\n{}",
                self.status,
                self.body
            );
        }
        self
    }

    /// Fails if the body says any of this.
    pub(crate) fn says_nothing_of(&self, unexpected: &[&str]) -> &Self {
        for text in unexpected {
            assert!(
                !self.body.contains(text),
                "{} says `{text}`:\n{}",
                self.status,
                self.body
            );
        }
        self
    }

    /// Fails unless the status is this.
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

/// Some documents are validated, and too few of them.
struct Standing;

impl Watch for Standing {
    fn progress(&self, _: &Pipeline) -> Result<Progress, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Progress::Learnt {
            together: progress::Reach::More(58),
            alone: vec![
                ("voirie".parse().unwrap(), progress::Reach::Reached),
                ("etat-civil".parse().unwrap(), progress::Reach::More(43)),
            ],
        })
    }
}

/// Takes in what is handed in: texts, into pipelines of ours.
struct Counter {
    desk: Desk,
}

#[async_trait]
impl TakeIn for Counter {
    async fn take_in(
        &self,
        submission: &Submission,
        file: Option<Vec<u8>>,
        of: &IntakeRef,
    ) -> Result<(DocumentId, bool), NotTaken> {
        let Ok(pipeline) = self.desk.pipelines.get(&submission.pipeline) else {
            return Err(NotTaken::Refused {
                reason: "unknown-pipeline",
                detail: "no such pipeline".into(),
            });
        };
        let bytes = match (&submission.content, file) {
            (_, Some(file)) => file,
            (SubmittedContent::Inline(text), None) => text.clone().into_bytes(),
            _ => {
                return Err(NotTaken::Refused {
                    reason: "not-accepted",
                    detail: "files only".into(),
                });
            }
        };
        let arrival = Arrival {
            format: ArrivalFormat::V1,
            source: Source::External(submission.id.clone().unwrap_or_else(|| of.id.clone())),
            file_name: submission.file_name.clone(),
            media_type: Some("text/plain".into()),
            received_at: self.desk.clock.now(),
            channel: Some("api".into()),
            metadata: BTreeMap::new(),
            columns: None,
            intake: Some(of.clone()),
        };
        let incoming = Incoming::new(pipeline, arrival, bytes);
        let desk = &self.desk;
        let admitted = intake::admit(&desk.vault, &incoming, desk.clock.as_ref(), &desk.build);
        let (id, admitted) = admitted.await.map_err(|e| NotTaken::Broken(e.into()))?;
        Ok((id, admitted != Admitted::Existing))
    }
}

/// Search that reads every text: what holds the words, marked.
pub(crate) struct Scan {
    desk: Desk,
}

#[async_trait]
impl Find for Scan {
    async fn find(
        &self,
        reach: &Reach,
        asked: &Asked,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let query = asked.text.as_str();
        let mut found = Vec::new();
        for row in self
            .desk
            .vault
            .ledger
            .documents(&DocumentFilter::default())
            .await?
        {
            let Some(text) = self.desk.text(row.id).await? else {
                continue;
            };
            let line = text.lines().find(|line| fold(line).contains(&fold(query)));
            let Some(line) = line else { continue };
            if !self.desk.reaches(&row, reach).await? {
                continue;
            }
            let opened = self.desk.open(row).await?;
            let at = line.find(query).unwrap_or(0) as u32;
            found.push(Found {
                document: opened.row.id,
                title: opened.title().to_owned(),
                name: opened.name,
                received_at: opened.row.received_at,
                service: opened
                    .row
                    .route
                    .and_then(|r| r.service)
                    .map(|s| s.to_string()),
                page: 1,
                snippet: line.to_owned(),
                highlights: vec![Span::new(at, at + query.len() as u32)],
                same: 0,
            });
        }
        let mut services: BTreeMap<String, u64> = BTreeMap::new();
        for service in found.iter().filter_map(|f: &Found| f.service.clone()) {
            *services.entry(service).or_default() += 1;
        }
        if let Some(service) = asked.only.get("service") {
            found.retain(|f| f.service.as_ref() == Some(service));
        }
        if let Some(id) = asked.like {
            found.retain(|f| f.document != id);
        }
        let documents = found.len() as u64;
        found.truncate(asked.limit);
        Ok(Answer {
            hits: found,
            nearest: Vec::new(),
            documents,
            facets: vec![("service", services.into_iter().collect())],
        })
    }

    async fn suggest(
        &self,
        reach: &Reach,
        text: &str,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Box<dyn std::error::Error + Send + Sync>> {
        let asked = Asked {
            text: text.to_owned(),
            limit: usize::MAX,
            ..Asked::default()
        };
        let found = self.find(reach, &asked).await?;
        let mut words: BTreeMap<String, u64> = BTreeMap::new();
        for hit in &found.hits {
            for word in hit.snippet.split(|c: char| !c.is_alphanumeric()) {
                if fold(word).starts_with(&fold(text)) {
                    *words.entry(word.to_owned()).or_default() += 1;
                }
            }
        }
        Ok(words.into_iter().take(limit).collect())
    }
}

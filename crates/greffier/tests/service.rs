//! A house spread over processes: whatever is killed or cut off, every document ends in one state,
//! with each effect recorded once.
//!
//! The same documents go through an embedded house that nobody disturbs: what comes out at the end
//! is held against it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;
#[path = "../../broker/tests/common/mod.rs"]
mod rabbit;
#[path = "service/watched.rs"]
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Data, Ran};
use rabbit::Proxy;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Documents of one run.
const DOCUMENTS: usize = 60;
/// Of those, the ones that kill whoever reads them.
const POISON: usize = 6;
/// Faults of one run.
const FAULTS: u64 = 8;
/// Where moments and faults come from; `GREFFIER_CHAOS_SEED` repeats a failure.
const SEED: u64 = 20_261_126;
/// How long the end may take after the last fault.
const LIMIT: Duration = Duration::from_secs(90);

/// A linear congruential generator (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }
}

/// A data directory with a database and a prefix of its own.
struct Town {
    data: Data,
    runtime: tokio::runtime::Runtime,
    server: String,
    database: String,
    url: String,
    amqp: String,
    through: String,
    prefix: String,
    proxy: Proxy,
}

impl Town {
    fn new(name: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let server = runtime.block_on(common::postgres::server());
        let database = format!("greffier_service_{name}_{}", std::process::id());
        let (head, tail) = server.rsplit_once('/').unwrap();
        let options = tail.split_once('?').map_or("", |(_, options)| options);
        let url = format!("{head}/{database}?{options}");
        let amqp = std::env::var("GREFFIER_AMQP_URL")
            .unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672".to_owned());
        let place = amqp.rsplit(['@', '/']).find(|part| part.contains(':'));
        let place = place.unwrap().to_owned();
        let proxy = Proxy::to(&place);
        let through = amqp.replace(&place, &proxy.address.to_string());
        let town = Self {
            data: Data::new(),
            prefix: format!("greffier-service-{name}-{}", std::process::id()),
            runtime,
            server,
            database,
            url,
            amqp,
            through,
            proxy,
        };
        town.sql(format!(
            "drop database if exists {} with (force)",
            town.database
        ));
        town.sql(format!("create database {}", town.database));
        town
    }

    fn sql(&self, statement: String) {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.server).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    fn number(&self, statement: &str) -> i64 {
        self.count(statement.to_owned())
    }

    fn count(&self, statement: String) -> i64 {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            let number = sqlx::query_scalar(AssertSqlSafe(statement))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
            number
        })
    }

    /// Makes the first documents poison; which these are.
    fn poisoned(&self) -> BTreeSet<String> {
        let update = format!(
            "update tasks set attempts = 50 where ord in (select ord from tasks order by ord limit {POISON}) \
             returning document"
        );
        let rows: Vec<Vec<u8>> = self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            let rows = sqlx::query_scalar(AssertSqlSafe(update))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
            rows
        });
        rows.into_iter()
            .map(|id| {
                let id = domain::DocumentId::from_bytes(id.try_into().unwrap());
                id.to_string()
            })
            .collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.data.command(args);
        command.env("GREFFIER_DATABASE", &self.url);
        command
    }

    fn with_broker(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command
            .env("GREFFIER_BROKER", &self.amqp)
            .env("GREFFIER_BROKER_PREFIX", &self.prefix);
        command
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.with_broker(args);
        // Faults come through the proxy.
        command.env("GREFFIER_BROKER", &self.through);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        Ran::of(self.with_broker(&all)).ended(0).json()
    }

    fn end(self) {
        Ran::of(self.with_broker(&["queues", "--delete"])).ended(0);
        self.sql(format!("drop database {} with (force)", self.database));
    }
}

#[test]
fn killed_and_cut_off_at_random_every_document_ends_once() {
    let seed = std::env::var("GREFFIER_CHAOS_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(SEED);
    println!("seed {seed}");
    let mut numbers = Numbers(seed);

    let alone = Data::new();
    write_files(&alone);
    Ran::of(ingest(alone.command(&[]), &alone, &[])).ended(0);
    let mut expected = documents(&alone.json(&["documents"]));

    let town = Town::new("chaos");
    write_files(&town.data);
    Ran::of(ingest(town.command(&[]), &town.data, &["--no-wait"])).ended(0);
    assert_eq!(town.number("select count(*) from tasks"), DOCUMENTS as i64);
    // As if more workers than the ledger bears had died of them.
    let poison = town.poisoned();
    assert_eq!(poison.len(), POISON);
    for id in &poison {
        expected.insert(id.clone(), "quarantined".to_owned());
    }

    let roles: [&[&str]; 4] = [
        &["relay"],
        &["work", "--threads", "2"],
        &[
            "work",
            "--threads",
            "1",
            "--stage",
            "extract,split,sketch,embed",
        ],
        &["tick"],
    ];
    let mut running: Vec<Child> = roles.iter().map(|role| town.start(role)).collect();
    let mut last = roles.len();
    for fault in 0..FAULTS {
        std::thread::sleep(Duration::from_millis(200 + numbers.below(900)));
        let which = numbers.below(roles.len() as u64 + 2) as usize;
        last = which;
        println!(
            "fault {fault}: {}",
            roles.get(which).map_or("cut", |role| role[0])
        );
        match running.get_mut(which) {
            Some(child) => {
                child.kill().unwrap();
                child.wait().unwrap();
                *child = town.start(roles[which]);
            }
            None => town.proxy.cut(),
        }
    }
    let started = Instant::now();
    while town.number("select count(*) from tasks") > 0 {
        assert!(started.elapsed() < LIMIT, "tasks are owed for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("finished {:.1?} after the last fault", started.elapsed());
    for (place, mut child) in running.into_iter().enumerate() {
        // Told to stop, each finishes and leaves in order; but for the one that the last fault
        // started, which may not listen yet.
        let told = Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.unwrap().success());
        let ended = child.wait().unwrap();
        assert!(ended.code() == Some(0) || place == last, "{ended}");
    }

    assert_eq!(documents(&town.json(&["documents"])), expected);
    assert_eq!(
        town.number("select count(*) - count(distinct (run_key, generation)) from records"),
        0
    );
    assert_eq!(
        town.number(
            "select count(*) from records where outcome = 'quarantine' \
             and convert_from(bytes, 'UTF8') like '%\"reason\":\"attempts-exhausted\"%'"
        ),
        POISON as i64
    );
    Ran::of(town.command(&["tick", "--once"])).ended(0);
    let verified = town.json(&["verify"]);
    let verified_alone = alone.verified();
    let count = |verified: &Value, counted: &str| verified[counted].as_u64().unwrap() as usize;
    assert_eq!(count(&verified, "documents"), DOCUMENTS);
    assert_eq!(count(&verified, "owed"), 0);
    // The letters are alike: each has as many records and artifacts. Of the poisoned ones there is
    // that they were received, and that they were set aside.
    for (counted, of_poison) in [("records", 2), ("artifacts", 2)] {
        let each = count(&verified_alone, counted) / DOCUMENTS;
        let wanted = each * (DOCUMENTS - POISON) + of_poison * POISON;
        assert_eq!(count(&verified, counted), wanted, "{counted}");
    }
    let found = |found: Value| -> BTreeSet<String> {
        let hits = found.as_array().unwrap().iter();
        hits.map(|h| h["document"].as_str().unwrap().to_owned())
            .collect()
    };
    let asked = ["search", "Valmont", "-k", "1000", "--mode", "lexical"];
    let mut all = found(alone.json(&asked));
    assert_eq!(all.len(), DOCUMENTS);
    all.retain(|id| !poison.contains(id));
    assert_eq!(found(town.json(&asked)), all, "the index is not the ledger");
    for queue in town.json(&["queues"]).as_array().unwrap() {
        assert_eq!(queue["messages"], 0, "{queue}");
        assert_eq!(queue["consumers"], 0, "{queue}");
    }
    town.end();
}

/// Other software: it hands documents in, and hears what becomes of them.
struct Elsewhere {
    channel: lapin::Channel,
    prefix: String,
    heard: Vec<Value>,
}

impl Elsewhere {
    async fn new(town: &Town) -> Self {
        let connection =
            lapin::Connection::connect(&town.amqp, lapin::ConnectionProperties::default())
                .await
                .unwrap();
        let channel = connection.create_channel().await.unwrap();
        let none = lapin::types::FieldTable::default;
        let exclusive = lapin::options::QueueDeclareOptions {
            exclusive: true,
            ..Default::default()
        };
        let queue = Self::queue(&town.prefix);
        let declared = channel.queue_declare(queue.as_str().into(), exclusive, none());
        declared.await.unwrap();
        let results = format!("{}.results", town.prefix);
        let bound = channel.queue_bind(
            queue.into(),
            results.into(),
            "#".into(),
            Default::default(),
            none(),
        );
        bound.await.unwrap();
        Self {
            channel,
            prefix: town.prefix.clone(),
            heard: Vec::new(),
        }
    }

    fn queue(prefix: &str) -> String {
        format!("{prefix}.heard")
    }

    async fn says(&self, body: &str) {
        let exchange = format!("{}.intake", self.prefix);
        let sent = self.channel.basic_publish(
            exchange.into(),
            "".into(),
            Default::default(),
            body.as_bytes(),
            lapin::BasicProperties::default(),
        );
        sent.await.unwrap().await.unwrap();
    }

    async fn hands_in(&self, id: &str, pipeline: &str, mut data: Value) {
        data["pipeline"] = pipeline.into();
        let event = serde_json::json!({
            "specversion": "1.0", "id": id, "source": "/teleservices",
            "type": "greffier.document.submitted", "datacontenttype": "application/json",
            "data": data,
        });
        self.says(&event.to_string()).await;
    }

    /// Listens until what it heard is enough.
    async fn hears(&mut self, enough: impl Fn(&[Value]) -> bool) {
        let started = Instant::now();
        while !enough(&self.heard) {
            assert!(started.elapsed() < LIMIT, "heard only {:#?}", self.heard);
            let queue = Self::queue(&self.prefix);
            let options = lapin::options::BasicGetOptions { no_ack: true };
            match self.channel.basic_get(queue.into(), options).await.unwrap() {
                Some(message) => {
                    let event: Value = serde_json::from_slice(&message.delivery.data).unwrap();
                    let key = message.delivery.routing_key.as_str();
                    assert_eq!(event["type"], format!("greffier.{key}"));
                    self.heard.push(event);
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

fn of_kind<'a>(heard: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let kind = format!("greffier.{kind}");
    heard.iter().filter(|e| e["type"] == kind).collect()
}

/// What was heard of the messages of one piece of software, by their ids.
fn by_intake<'a>(heard: &'a [Value], kind: &str) -> BTreeMap<String, &'a Value> {
    let of = of_kind(heard, kind).into_iter();
    of.map(|event| {
        let intake = &event["data"]["intake"];
        assert_eq!(intake["source"], "/teleservices");
        (intake["id"].as_str().unwrap().to_owned(), event)
    })
    .collect()
}

/// RFC 4648, with padding.
fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn other_software_hands_documents_in_and_hears_what_becomes_of_them() {
    let town = Town::new("handover");
    Ran::of(town.command(&["init"])).ended(0);
    let plan = "Plan du lampadaire cassé\n";
    town.data.file("claims/plan.txt", plan);
    let claims = town.data.beside("claims").display().to_string();
    // It declares the exchanges.
    Ran::of(town.with_broker(&["relay", "--once"])).ended(0);
    let roles: [&[&str]; 4] = [
        &["relay"],
        &["work"],
        &["tick"],
        &["intake", "--claims", &claims],
    ];
    let mut running: Vec<Child> = roles.iter().map(|role| town.start(role)).collect();
    let mut elsewhere = town.runtime.block_on(Elsewhere::new(&town));
    let inline = |text: &str| serde_json::json!({"content": {"inline": base64(text)}});
    let claim = |path: &str| {
        let sha256 = domain::Digest::of(plan.as_bytes()).to_string();
        serde_json::json!({"content": {"claim": {"path": path, "sha256": sha256}}})
    };
    town.runtime.block_on(async {
        let letter = inline("Bonjour, le lampadaire devant le 4 rue des Lilas est cassé.");
        elsewhere.hands_in("1", "forms", letter.clone()).await;
        // Sent twice, as software does that is not sure.
        elsewhere.hands_in("1", "forms", letter).await;
        elsewhere.hands_in("2", "forms", claim("plan.txt")).await;
        let row =
            serde_json::json!({"id": "R-1", "saisi_le": "2026-11-18", "notes": "Rien à dire."});
        let row = serde_json::json!({"content": {"row": row}});
        elsewhere.hands_in("3", "field-reports", row).await;
        let outside = claim("../data/secrets.json");
        elsewhere.hands_in("4", "forms", outside).await;
        elsewhere.hands_in("5", "dreams", inline("bonjour")).await;
        elsewhere
            .says(r#"{"source": "/teleservices", "id": "6", "data": 12}"#)
            .await;
        elsewhere.says("what?").await;
        let enough = |heard: &[Value]| {
            of_kind(heard, "document.received").len() >= 3
                && of_kind(heard, "document.routed").len() >= 2
                && of_kind(heard, "document.refused").len() >= 3
        };
        elsewhere.hears(enough).await;
    });
    let received = by_intake(&elsewhere.heard, "document.received");
    assert_eq!(received.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    let entered = of_kind(&elsewhere.heard, "document.received");
    assert_eq!(entered.len(), 3, "each once");
    let routed = by_intake(&elsewhere.heard, "document.routed");
    assert_eq!(routed["1"]["data"]["service"], "voirie");
    let refused = by_intake(&elsewhere.heard, "document.refused");
    let reasons: Vec<_> = ["4", "5", "6"]
        .map(|id| refused[id]["data"]["reason"].as_str().unwrap())
        .into();
    assert_eq!(reasons, ["bad-claim", "unknown-pipeline", "malformed"]);
    let id = received["1"]["data"]["document"]
        .as_str()
        .unwrap()
        .to_owned();

    // What brought nothing is parked, until a person decides.
    let parked = |at_least: usize| {
        let started = Instant::now();
        loop {
            let all = town.json(&["parked", "list"]).as_array().unwrap().clone();
            if all.len() >= at_least {
                return all;
            }
            assert!(started.elapsed() < LIMIT, "parked: {all:?}");
        }
    };
    let all = parked(4);
    assert_eq!(all.len(), 4);
    let with = |reason: &str| {
        let mut found = all.iter().filter(|p| p["reason"] == reason);
        found.next().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let dropped = with("unknown-pipeline");
    Ran::of(town.with_broker(&["parked", "drop", &dropped, "--by", "A. Martin"]))
        .ended(2)
        .said(&["--reason"]);
    let decide = |fate: &str, id: &str| {
        let args = ["parked", fate, id, "--by", "A. Martin", "--reason", "essai"];
        Ran::of(town.with_broker(&args)).ended(0);
    };
    decide("drop", &dropped);
    // Tried again it is refused again: it went back to where it came from.
    decide("retry", &with("bad-claim"));
    let again = |heard: &[Value]| of_kind(heard, "document.refused").len() >= 4;
    town.runtime.block_on(elsewhere.hears(again));
    assert_eq!(parked(3).len(), 3);
    let journal = std::fs::read_to_string(town.data.path().join("parked.jsonl")).unwrap();
    let lines: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let fates: Vec<_> = lines.iter().map(|line| line["fate"].clone()).collect();
    assert_eq!(fates, ["drop", "retry"]);
    assert_eq!(lines[0]["message"]["id"], dropped);
    assert_eq!(lines[0]["by"], "A. Martin");

    // A person decides, and it is heard without their name.
    let review = ["review", &id, "--route", "etat-civil", "--by", "Léa Martin"];
    Ran::of(town.command(&review)).ended(0);
    let decided = |heard: &[Value]| !of_kind(heard, "document.decided").is_empty();
    town.runtime.block_on(elsewhere.hears(decided));
    let decided = of_kind(&elsewhere.heard, "document.decided")[0];
    assert_eq!(decided["data"]["document"], id);
    assert_eq!(decided["data"]["service"], "etat-civil");
    assert!(!decided.to_string().contains("Martin"));
    let schema = common::root().join("schemas/result-event.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for event in &elsewhere.heard {
        let wrong: Vec<String> = schema.iter_errors(event).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{event}: {wrong:?}");
    }
    for child in &mut running {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    town.end();
}

#[test]
fn a_broker_needs_a_ledger_that_several_may_share() {
    let data = Data::new();
    for role in [&["work"][..], &["relay"]] {
        let mut args = role.to_vec();
        args.extend(["--broker", "amqp://127.0.0.1:5672"]);
        data.run(&args).ended(1).said(&["--database postgres://"]);
    }
    data.run(&["work", "--stage", "extract"])
        .ended(2)
        .said(&["--broker"]);
}

#[test]
fn what_is_not_understood_is_named() {
    let town = Town::new("named");
    Ran::of(town.with_broker(&["work", "--stage", "extract,dream"]))
        .ended(1)
        .said(&["`dream`", "extract", "split"]);
    let mut lost = town.command(&["relay", "--once"]);
    lost.env("GREFFIER_BROKER", "http://127.0.0.1");
    Ran::of(lost).ended(1).said(&["amqp://user:password@host"]);
    // Embedded work and work beside others exclude each other, and say so.
    let mut relay = town.start(&["relay"]);
    let started = Instant::now();
    // It declares its queues once it has the directory. (Asking `work` instead would take that.)
    while town.json(&["queues"]).as_array().unwrap().is_empty() {
        assert!(started.elapsed() < LIMIT, "the relay never starts");
    }
    Ran::of(town.command(&["work"])).ended(5);
    assert_eq!(doctor_of_broker(&town, &[])["state"], "ok");
    let nowhere = ["--broker", "amqp://127.0.0.1:1?connection_timeout=500"];
    let away = doctor_of_broker(&town, &nowhere);
    assert_eq!(away["state"], "unavailable");
    assert!(away["found"].as_str().unwrap().contains("127.0.0.1:1"));
    relay.kill().unwrap();
    relay.wait().unwrap();
    town.end();
}

#[test]
fn a_message_that_was_lost_is_handed_over_again_as_soon_as_asked() {
    let town = Town::new("reclaim");
    write_files(&town.data);
    Ran::of(ingest(town.command(&[]), &town.data, &["--no-wait"])).ended(0);
    assert_eq!(town.json(&["relay", "--once"])["published"], DOCUMENTS);
    Ran::of(town.with_broker(&["queues", "--delete"])).ended(0);
    let patient = town.json(&["relay", "--once"]);
    assert_eq!(
        (&patient["published"], &patient["reclaimed"]),
        (&0.into(), &0.into())
    );
    let started = Instant::now();
    let hasty = loop {
        assert!(started.elapsed() < LIMIT, "never handed over again");
        let hasty = town.json(&["relay", "--once", "--reclaim-after", "1"]);
        if hasty["reclaimed"] != 0 {
            break hasty;
        }
    };
    assert_eq!(hasty["reclaimed"], DOCUMENTS);
    assert_eq!(hasty["published"], DOCUMENTS);
    town.end();
}

/// What `doctor` says of the broker.
fn doctor_of_broker(town: &Town, more: &[&str]) -> Value {
    let mut args = vec!["--json", "doctor"];
    args.extend(more);
    let looked = Ran::of(town.with_broker(&args)).json();
    let checks = looked["checks"].as_array().unwrap().iter();
    let mut of_broker = checks.filter(|check| check["name"] == "broker");
    of_broker.next().unwrap().clone()
}

fn ingest(mut command: Command, data: &Data, more: &[&str]) -> Command {
    command.args([
        "ingest",
        "--pipeline",
        "archives",
        "--received-at",
        "2026-11-18T09:00:00+01:00",
    ]);
    command.args(more).arg(data.beside("files"));
    command
}

/// What each document came to.
fn documents(listed: &Value) -> BTreeMap<String, String> {
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), DOCUMENTS);
    let all: BTreeMap<String, String> = listed
        .iter()
        .map(|d| {
            (
                d["id"].as_str().unwrap().to_owned(),
                d["state"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(all.len(), DOCUMENTS, "a document is listed twice");
    all
}

/// Letters that have nothing in common but a word.
fn write_files(data: &Data) {
    for n in 0..DOCUMENTS {
        let text = format!(
            "Valmont, dossier {n:04}.\n\nMadame, Monsieur, ma demande porte le numéro 2026-{:05} et \
             fait suite à mon appel du {} novembre.\n",
            n * 37 % 100_000,
            1 + n % 28
        );
        data.file(&format!("files/piece-{n:03}.txt"), text);
    }
}

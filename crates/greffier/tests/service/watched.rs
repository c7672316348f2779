//! What roles that run say of themselves, and what they do while nobody types.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use domain::Timestamp;
use domain::time::Zone;
use serde_json::{Value, json};

use super::common::Ran;
use super::{LIMIT, Town};

/// Letters of one run.
const LETTERS: usize = 5;
/// The stages of the archives, in order.
const STAGES: [&str; 5] = ["extract", "ocr", "sketch", "split", "embed"];

/// A role at work, and where it says how it is.
struct Role {
    child: Child,
    address: SocketAddr,
}

impl Role {
    fn start(town: &Town, args: &[&str]) -> Self {
        let mut command = town.with_broker(args);
        command.env("GREFFIER_BROKER", &town.through);
        command.args(["--health", "127.0.0.1:0"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("health and metrics: http://")
            .and_then(|rest| rest.strip_suffix("/metrics\n"))
            .unwrap_or_else(|| panic!("{args:?} said: {line}"))
            .parse()
            .unwrap();
        // Whatever else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, address }
    }

    /// Status and body of an answer.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// Its metrics, by name and labels.
    fn metrics(&self) -> BTreeMap<String, f64> {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        assert!(text.ends_with("# EOF\n"), "{text}");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').unwrap();
                (name.to_owned(), value.parse().unwrap())
            })
            .collect()
    }

    /// Waits until a metric has this value.
    fn counts(&self, name: &str, value: f64) {
        let started = Instant::now();
        loop {
            let metrics = self.metrics();
            if metrics.get(name) == Some(&value) {
                return;
            }
            assert!(
                started.elapsed() < LIMIT,
                "{name} is not {value}: {metrics:#?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until it is ready, or not; what it then says of each thing.
    fn ready(&self, wanted: bool) -> BTreeMap<String, (bool, String)> {
        let started = Instant::now();
        loop {
            let (status, body) = self.get("/health/ready");
            let said: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(said["ok"], status == 200);
            if (status == 200) == wanted {
                let checks = said["checks"].as_array().unwrap().iter();
                return checks
                    .map(|c| {
                        let says = c["says"].as_str().unwrap().to_owned();
                        let name = c["name"].as_str().unwrap().to_owned();
                        (name, (c["ok"].as_bool().unwrap(), says))
                    })
                    .collect();
            }
            assert!(started.elapsed() < LIMIT, "ready is not {wanted}: {body}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Told to end, it ends well.
    fn end(mut self) {
        let told = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(told.unwrap().success());
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), Some(0), "{ended}");
    }
}

fn well(says: &str) -> (bool, String) {
    (true, says.to_owned())
}

#[test]
fn roles_say_how_they_are_and_what_they_did() {
    let town = Town::new("watched");
    for n in 0..LETTERS {
        let text =
            format!("Valmont, dossier {n}.\n\nMadame, Monsieur, le lampadaire {n} est éteint.\n");
        town.data.file(&format!("files/lettre-{n}.txt"), text);
    }
    let files = town.data.beside("files").display().to_string();
    Ran::of(town.command(&["ingest", "--pipeline", "archives", "--no-wait", &files])).ended(0);

    let relay = Role::start(&town, &["relay"]);
    let work = Role::start(&town, &["work", "--threads", "2"]);
    let tick = Role::start(&town, &["tick"]);
    let (letters, tasks) = (LETTERS as f64, (LETTERS * STAGES.len()) as f64);
    for stage in STAGES {
        // Text files have no page to recognise.
        let outcome = if stage == "ocr" {
            "passed_over"
        } else {
            "done"
        };
        let name =
            format!("greffier_stage_completions_total{{stage=\"{stage}\",outcome=\"{outcome}\"}}");
        work.counts(&name, letters);
        let name = format!("greffier_stage_duration_seconds_count{{stage=\"{stage}\"}}");
        work.counts(&name, letters);
    }
    let outcomes = work.metrics();
    let outcomes = outcomes
        .iter()
        .filter(|(name, _)| name.starts_with("greffier_stage_completions"));
    assert_eq!(outcomes.map(|(_, value)| value).sum::<f64>(), tasks);
    relay.counts(
        "greffier_relay_messages_total{outcome=\"published\"}",
        tasks,
    );
    relay.counts("greffier_relay_messages_total{outcome=\"failed\"}", 0.0);
    relay.counts(
        "greffier_queue_messages{stage=\"extract\",class=\"bulk\"}",
        0.0,
    );
    relay.counts(
        "greffier_queue_consumers{stage=\"extract\",class=\"bulk\"}",
        1.0,
    );
    relay.counts("greffier_parked_messages", 0.0);
    for role in [&relay, &work] {
        role.counts("greffier_broker_sessions_total", 1.0);
        role.counts("greffier_broker_up", 1.0);
        let ready = role.ready(true);
        assert_eq!(ready["broker"], well("session is up"));
        assert_eq!(ready["ledger"], well("answers"));
    }
    tick.counts("greffier_documents", letters);
    tick.counts("greffier_tasks_owed", 0.0);
    tick.counts("greffier_log_unsequenced_records", 0.0);
    tick.counts("greffier_index_lag_records", 0.0);
    tick.counts("greffier_lease_held", 1.0);
    assert_eq!(tick.ready(true)["lease"], well("held"));
    let metrics = tick.metrics();
    assert!(
        metrics["greffier_index_changes_total"] >= letters,
        "{metrics:#?}"
    );
    assert!(
        metrics["process_resident_memory_bytes"] > 1e6,
        "{metrics:#?}"
    );
    assert!(metrics["process_open_fds"] > 3.0, "{metrics:#?}");
    let version = format!(
        "greffier_build_info{{version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(metrics[&version], 1.0);

    // A second one waits, and is ready to take over.
    let second = Role::start(&town, &["tick"]);
    assert_eq!(second.ready(true)["lease"], well("waits"));
    second.counts("greffier_lease_held", 0.0);
    assert!(!second.metrics().contains_key("greffier_index_lag_records"));
    tick.end();
    second.counts("greffier_lease_held", 1.0);

    // Cut off, a session is made anew, and that is counted.
    town.proxy.cut();
    work.counts("greffier_broker_sessions_total", 2.0);
    for role in [&relay, &work, &second] {
        let (status, body) = role.get("/health/live");
        assert_eq!(status, 200, "{body}");
    }
    let address = work.address.to_string();
    Ran::of(town.command(&["health", "--health", &address])).ended(0);

    // Nobody is ready without a ledger, and all of them live.
    town.sql(format!(
        "alter database {} with allow_connections false",
        town.database
    ));
    town.sql(format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'",
        town.database
    ));
    for role in [&relay, &work, &second] {
        let ready = role.ready(false);
        assert_eq!(ready["ledger"], (false, "does not answer".to_owned()));
        assert_eq!(role.get("/health/live").0, 200);
    }
    Ran::of(town.command(&["health", "--health", &address])).ended(1);
    town.sql(format!(
        "alter database {} with allow_connections true",
        town.database
    ));
    for role in [&relay, &work, &second] {
        role.ready(true);
    }
    for role in [relay, work, second] {
        role.end();
    }
    Ran::of(town.command(&["health", "--health", &address]))
        .ended(1)
        .said(&[&address]);
    town.end();
}

#[test]
fn alerts_and_syntheses_come_by_themselves() {
    let town = Town::new("unasked");
    // A week that is over whatever the day, and this one.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = Timestamp::from_micros(now.unwrap().as_micros() as i64).unwrap();
    let past = now.plus_micros(-21 * 86_400 * 1_000_000);
    let zone = Zone::paris();
    let report = |id: &str, at: Timestamp, notes: &str| {
        let line = json!({"id": id, "saisi_le": at.day_in(&zone), "equipe": "Nord",
            "lieu": {"quartier": "Les Tilleuls"}, "urgence": "non", "notes": notes});
        town.data
            .file(&format!("reports/{id}.jsonl"), line.to_string())
    };
    let take_in = |file: &str| {
        Ran::of(town.command(&["ingest", "--pipeline", "field-reports", "--no-wait", file]))
            .ended(0);
    };
    let all = Role::start(&town, &["all", "--threads", "1"]);
    all.ready(true);
    let quiet = "Atelier tablette à la médiathèque, bonne ambiance, rien à signaler.";
    take_in(&report("R-1", past, quiet));
    take_in(&report(
        "R-2",
        now,
        "Tour du soir. Un lampadaire éteint, il fait noir.",
    ));
    let editions = |reconciler: &str, week: String| -> i64 {
        let count = format!(
            "select coalesce(max(number), 0) from editions where reconciler = '{reconciler}' and period = '{week}'"
        );
        town.count(count)
    };
    let wait_for = |reconciler: &str, at: Timestamp, number: i64| {
        let started = Instant::now();
        while editions(reconciler, at.week_in(&zone).to_string()) < number {
            assert!(
                started.elapsed() < LIMIT,
                "{reconciler} {at}: no edition {number}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    wait_for("synthesise", past, 1);
    wait_for("alert", now, 1);
    // This week is not over.
    assert_eq!(editions("synthesise", now.week_in(&zone).to_string()), 0);
    assert_eq!(town.json(&["alerts"]), json!([]));

    // Urgent, it is an alert within the minute.
    let arrived = Instant::now();
    take_in(&report(
        "R-3",
        now,
        "Bagarre, un homme menace de se suicider, pompiers appelés.",
    ));
    wait_for("alert", now, 2);
    assert!(arrived.elapsed() < Duration::from_secs(60));
    let alerts = town.json(&["alerts"]);
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    assert_eq!(alerts[0]["week"], now.week_in(&zone).to_string());

    // What arrives late makes another edition of a week that is over; what changes nothing, none.
    take_in(&report("R-4", past, "Tour du soir, calme."));
    wait_for("synthesise", past, 2);
    all.counts(
        "greffier_reconciler_weeks_owed{reconciler=\"synthesise\"}",
        1.0,
    );
    all.counts(
        "greffier_reconciler_editions_total{reconciler=\"synthesise\",outcome=\"new\"}",
        2.0,
    );
    all.counts(
        "greffier_reconciler_editions_total{reconciler=\"alert\",outcome=\"new\"}",
        2.0,
    );
    all.end();
    Ran::of(town.command(&["tick", "--once"])).ended(0);
    let this_week = now.week_in(&zone).to_string();
    let last = |reconciler, at: Timestamp| editions(reconciler, at.week_in(&zone).to_string());
    assert_eq!(
        (last("alert", now), last("synthesise", past)),
        (2, 2),
        "{this_week}"
    );
    Ran::of(town.command(&["verify"])).ended(0);
    town.end();
}

/// A collector that takes everything.
fn collector() -> (String, std::sync::mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, taken) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut said = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            said.read_line(&mut line).unwrap();
            assert_eq!(line, "POST /v1/traces HTTP/1.1\r\n");
            while line != "\r\n" {
                line.clear();
                said.read_line(&mut line).unwrap();
                if let Some(text) = line.strip_prefix("content-length: ") {
                    length = text.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            said.read_exact(&mut body).unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                .unwrap();
            if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (address, taken)
}

#[test]
fn a_trace_runs_from_reception_to_index_under_the_ids_of_messages() {
    let town = Town::new("traced");
    let (address, taken) = collector();
    let file = town
        .data
        .file("files/lettre.txt", "Valmont, le lampadaire est éteint.\n");
    let all = Role::start(&town, &["all", "--threads", "1", "--traces", &address]);
    all.ready(true);
    all.counts("greffier_lease_held", 1.0);
    // What is recorded before the first round is not told.
    all.counts("greffier_index_lag_records", 0.0);
    Ran::of(town.command(&["ingest", "--pipeline", "archives", "--no-wait", &file])).ended(0);
    let document: domain::DocumentId = town.json(&["documents"])[0]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut spans: BTreeMap<String, Value> = BTreeMap::new();
    while !(spans.contains_key("embed") && spans.contains_key("index")) {
        let told = taken.recv_timeout(LIMIT).unwrap();
        let scope = &told["resourceSpans"][0]["scopeSpans"][0];
        for span in scope["spans"].as_array().unwrap() {
            let name = span["name"].as_str().unwrap().to_owned();
            spans.insert(name, span.clone());
        }
    }
    let told: Vec<&str> = spans.keys().map(String::as_str).collect();
    // Nothing was there to recognise: passed over, it is no record.
    assert_eq!(
        told,
        ["embed", "extract", "index", "receive", "sketch", "split"]
    );
    let root = spans["receive"]["spanId"].clone();
    assert_eq!(spans["receive"].get("parentSpanId"), None);
    for stage in ["extract", "sketch", "split", "embed"] {
        let task = domain::message::Task {
            document: document.into(),
            pipeline: "archives".parse().unwrap(),
            stage: stage.parse().unwrap(),
            generation: 0,
            class: domain::message::Class::Bulk,
        };
        let message = domain::message::TaskEvent::from(task).traceparent.unwrap();
        let span = &spans[stage];
        let parts: Vec<&str> = message.split('-').collect();
        assert_eq!(span["traceId"], parts[1], "{stage}");
        assert_eq!(span["spanId"], parts[2], "{stage}");
        assert_eq!(span["parentSpanId"], root, "{stage}");
        let at = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
        assert!(at("startTimeUnixNano") <= at("endTimeUnixNano"), "{span}");
    }
    assert_eq!(spans["index"]["traceId"], spans["receive"]["traceId"]);
    all.end();
    town.end();
}

#[test]
fn a_url_may_come_from_a_file() {
    let town = Town::new("secret");
    let database = town.data.file("database.url", format!("{}\n", town.url));
    let broker = town.data.file("broker.url", format!("  {}\n", town.amqp));
    let listed = |database: &str| {
        let mut command = town.data.command(&["--json", "queues"]);
        command
            .env("GREFFIER_DATABASE_FILE", database)
            .env("GREFFIER_BROKER_FILE", &broker)
            .env("GREFFIER_BROKER_PREFIX", &town.prefix);
        Ran::of(command)
    };
    assert_eq!(listed(&database).ended(0).json(), json!([]));
    let nowhere = town.data.beside("nowhere.url").display().to_string();
    listed(&nowhere).ended(1).said(&[&nowhere]);
    let empty = town.data.file("empty.url", "\n");
    listed(&empty).ended(1).said(&[&empty]);
    town.end();
}

#[test]
fn a_log_in_json_names_document_stage_and_trace() {
    let data = super::Data::new();
    let file = data.file("files/lettre.txt", "Le lampadaire est éteint.\n");
    let mut command = data.command(&["ingest", "--pipeline", "archives", &file]);
    command
        .env("GREFFIER_LOG_FORMAT", "json")
        .env("GREFFIER_LOG", "info");
    let ran = Ran::of(command);
    let lines: Vec<Value> = ran
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let about = lines
        .iter()
        .find(|line| line["message"] == "delivery ended");
    let about = about.unwrap_or_else(|| panic!("{}", ran.stderr));
    let document = data.documents()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(about["outcome"], "done");
    let span = &about["span"];
    assert_eq!(span["document.id"], document.as_str());
    assert_eq!(span["stage.name"], "extract");
    assert_eq!(span["attempt"], 1);
    let id: domain::DocumentId = document.parse().unwrap();
    let trace = domain::message::Trace::of_step(id.into(), "extract", 0);
    assert_eq!(span["trace_id"], trace.trace_id.as_str());
    assert_eq!(span["span_id"], trace.span_id.as_str());
}

//! Alerts told over real sockets, by a clock that the test moves: a relay, an address that takes
//! POSTs, a house in a folder of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use clap::Parser as _;
use domain::alert::AlertSetFormat;
use domain::synthesis::Period;
use domain::{AlertDeed, AlertSet, Kind, canonical};
use pipeline::circumstances::Clock;
use pipeline::reconcile::{Making, publish};

use super::tests::alert;
use super::*;
use crate::args::Cli;

/// A clock that stands until it is moved.
#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// What a server was given, and whether it refuses for now.
#[derive(Clone, Default)]
struct Heard {
    all: Arc<Mutex<Vec<String>>>,
    refuses: Arc<AtomicBool>,
}

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.all.lock().unwrap())
    }
}

/// Serves one connection after the other on a port of its own.
fn serve(handle: fn(TcpStream, &Heard)) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let ours = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            handle(stream.unwrap(), &ours);
        }
    });
    (port, heard)
}

/// A relay, as much of RFC 5321 as one letter takes.
fn relay(stream: TcpStream, heard: &Heard) {
    let mut answers = stream.try_clone().unwrap();
    let mut say = |line: &str| answers.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    say("220 relay of a test");
    let (mut letter, mut in_data) = (String::new(), false);
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        if in_data {
            if line == "." {
                heard.all.lock().unwrap().push(std::mem::take(&mut letter));
                in_data = false;
                say("250 taken");
            } else {
                letter += &format!("{line}\n");
            }
            continue;
        }
        match line.split_whitespace().next().unwrap_or_default() {
            "EHLO" | "HELO" => say("250 relay"),
            "RCPT" if heard.refuses.load(Ordering::SeqCst) => say("451 not now"),
            "MAIL" | "RCPT" => {
                letter += &format!("{line}\n");
                say("250 good");
            }
            "DATA" => {
                in_data = true;
                say("354 go on");
            }
            "QUIT" => {
                say("221 bye");
                return;
            }
            _ => say("250 good"),
        }
    }
}

/// Takes one POST.
fn hook(mut stream: TcpStream, heard: &Heard) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let n = stream.read(&mut part).unwrap();
        request.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            heard.all.lock().unwrap().push(text);
            break;
        }
    }
    let status = match heard.refuses.load(Ordering::SeqCst) {
        true => "503 Service Unavailable",
        false => "204 No Content",
    };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
}

/// A house whose field reports are told by these servers.
async fn house(folder: &std::path::Path, relay: u16, hook: u16) -> (House, Arc<Hand>) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pipelines = folder.join("pipelines");
    std::fs::create_dir_all(&pipelines).unwrap();
    for name in ["models.toml", "field-reports.toml"] {
        let mut text = std::fs::read_to_string(root.join("pipelines").join(name)).unwrap();
        if name == "field-reports.toml" {
            text += &format!(
                r#"
                [reconcile.tell]
                schedule = "on-arrival"
                [reconcile.tell.settings]
                acknowledge_within = 30
                escalate_to = ["direction"]
                pages = "http://127.0.0.1:8080/"
                mail = {{ relay = "127.0.0.1:{relay}", from = "greffier@exemple.fr" }}
                [[reconcile.tell.settings.people]]
                name = "cadre d’astreinte"
                mail = "astreinte@exemple.fr"
                [[reconcile.tell.settings.people]]
                name = "direction"
                webhook = "http://127.0.0.1:{hook}/alertes"
                "#
            );
        }
        std::fs::write(pipelines.join(name), text).unwrap();
    }
    let data = folder.join("data").display().to_string();
    let pipelines = pipelines.display().to_string();
    let typed = [
        "greffier",
        "--data",
        &data,
        "--pipelines",
        &pipelines,
        "alerts",
    ];
    let cli = Cli::parse_from(typed);
    let mut house = House::open(&cli.global).await.unwrap();
    // A Friday, 21:00 in Paris: the second shift of the roster.
    let hand = Arc::new(Hand(AtomicI64::new(super::tests::at(0).micros())));
    house.desk.clock = hand.clone();
    (house, hand)
}

/// One urgent alert of the week.
async fn raise(house: &House) -> pipeline::pipelines::Pipeline {
    let pipeline = house.pipeline("field-reports").unwrap().clone();
    let (zone, zone_name) = pipeline.source.zone();
    let week = super::tests::at(0).week_in(&zone);
    let (start, end) = week.bounds(&zone).unwrap();
    let set = AlertSet {
        format: AlertSetFormat::V1,
        pipeline: pipeline.name().clone(),
        period: Period {
            week,
            start,
            end,
            time_zone: zone_name.to_owned(),
        },
        alerts: vec![alert(AlertKind::Urgent)],
    };
    let making = Making {
        reconciler: "alert".parse().unwrap(),
        version: 1,
        pipeline: pipeline.name().clone(),
        collection: pipeline.source.file.collection.clone(),
        period: week.to_string(),
        input_runs: Vec::new(),
        settings: serde_json::json!({}),
        models: Vec::new(),
        kind: Kind::Alerts,
    };
    let bytes = canonical::to_bytes(&set).unwrap();
    let desk = &house.desk;
    publish(
        &desk.vault,
        making,
        desk.clock.as_ref(),
        &desk.build,
        || Ok::<_, pipeline::Error>(bytes),
    )
    .await
    .unwrap();
    pipeline
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_on_duty_is_told_then_the_next_and_nobody_once_it_is_taken_on() {
    let ((relay_port, letters), (hook_port, posts)) = (serve(relay), serve(hook));
    let folder = tempfile::tempdir().unwrap();
    let (house, hand) = house(folder.path(), relay_port, hook_port).await;
    let pipeline = raise(&house).await;
    let turn = |minutes: i64| {
        hand.0
            .store(super::tests::at(minutes).micros(), Ordering::SeqCst);
        round(&house, &|| {})
    };

    // The relay refuses for now: that is recorded, and tried again a minute later.
    letters.refuses.store(true, Ordering::SeqCst);
    let first = turn(0).await.unwrap();
    assert_eq!((first.told, first.failed), (1, 1));
    assert_eq!(turn(0).await.unwrap(), Round::default());
    letters.refuses.store(false, Ordering::SeqCst);
    assert_eq!(turn(1).await.unwrap().told, 1);
    let letters = letters.take();
    assert_eq!(letters.len(), 1, "{letters:?}");
    for part in [
        "RCPT TO:<astreinte@exemple.fr>",
        "alert_07070707070707070707070707070707",
        "http://127.0.0.1:8080/synthesis/field-reports/2026-W47#alert_0707",
    ] {
        assert!(
            unfolded(&letters[0]).contains(part),
            "{part}: {}",
            letters[0]
        );
    }
    // Nothing of the report.
    for part in ["gaz", "R-1"] {
        assert!(!letters[0].contains(part), "{part}: {}", letters[0]);
    }

    // Nobody takes it on: the next is told, by a POST.
    assert_eq!(turn(29).await.unwrap(), Round::default());
    assert_eq!(turn(30).await.unwrap().told, 2);
    let posts_heard = posts.take();
    assert_eq!(posts_heard.len(), 1);
    assert!(posts_heard[0].starts_with("POST /alertes HTTP/1.1\r\n"));
    let (_, body) = posts_heard[0].split_once("\r\n\r\n").unwrap();
    let event: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(event["type"], "greffier.alert.raised");
    assert_eq!(event["data"]["alert"]["level"], 1);
    assert_eq!(event["data"]["alert"]["kind"], "urgent");
    assert!(
        !body.contains("gaz") && !body.contains("direction"),
        "{body}"
    );

    // Taken on, it goes no further; dismissing it needs a reason, and is counted.
    let desk = &house.desk;
    let (week, alert) = desk.find_alert(pipeline.name(), "0707").await.unwrap();
    let acknowledge = AlertDeed::Acknowledge;
    let by = pipeline::rights::By::Named("Noé Petit");
    for _ in 0..2 {
        desk.judge_alert(&pipeline, &week, &alert, acknowledge, by, None)
            .await
            .unwrap();
    }
    assert_eq!(turn(600).await.unwrap(), Round::default());
    let dismiss = AlertDeed::Dismiss;
    let without = desk.judge_alert(&pipeline, &week, &alert, dismiss, by, Some(" "));
    assert!(matches!(
        without.await,
        Err(pipeline::Error::ReasonNeeded(_))
    ));
    desk.judge_alert(&pipeline, &week, &alert, dismiss, by, Some("exercice"))
        .await
        .unwrap();
    let handled = desk.handled(pipeline.name(), None).await.unwrap();
    let handled = &handled[&alert.id];
    let did: Vec<AlertDeed> = handled.acts.iter().map(|a| a.what.did).collect();
    assert_eq!(did, [acknowledge, dismiss], "the same again is one act");
    let told: Vec<(u32, Channel, bool)> = (handled.notices.iter())
        .map(|n| (n.what.level, n.what.channel, n.what.failure.is_none()))
        .collect();
    assert_eq!(
        told,
        [
            (0, Channel::Page, true),
            (0, Channel::Mail, false),
            (0, Channel::Mail, true),
            (1, Channel::Page, true),
            (1, Channel::Webhook, true),
        ]
    );
    let judged = desk.judged(pipeline.name()).await.unwrap();
    let judged = judged[&alert.series()];
    assert_eq!((judged.judged, judged.dismissed), (1, 1));

    // All of it is in the log, and everything still holds.
    pipeline::log::checkpoint(&desk.vault).await.unwrap();
    let v = pipeline::verify::verify(&desk.vault, None, &|_, _| {});
    assert_eq!(v.await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_away_is_said_and_asked_again() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let folder = tempfile::tempdir().unwrap();
    let (house, hand) = house(folder.path(), nobody, nobody).await;
    let pipeline = raise(&house).await;
    let first = round(&house, &|| {}).await.unwrap();
    assert_eq!((first.told, first.failed), (1, 1));
    let minute = super::tests::at(1).micros();
    hand.0.store(minute, Ordering::SeqCst);
    assert_eq!(round(&house, &|| {}).await.unwrap().failed, 1);
    let handled = house.desk.handled(pipeline.name(), None).await.unwrap();
    let notices = &handled.values().next().unwrap().notices;
    let attempts: Vec<(u32, bool)> = (notices.iter())
        .filter(|n| n.what.channel == Channel::Mail)
        .map(|n| (n.what.attempt, n.what.failure.is_some()))
        .collect();
    assert_eq!(attempts, [(1, true), (2, true)]);
}

/// A letter's text, as quoted-printable joins and writes it.
fn unfolded(letter: &str) -> String {
    letter.replace("=\n", "").replace("=3D", "=")
}

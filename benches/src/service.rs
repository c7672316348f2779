//! What a house spread over processes costs, and how it grows with workers.
//!
//! Goals: documents a second from the first message to the last document in the index, with 1, 2 and
//! 4 workers of one thread, beside the embedded house on the same documents in the same run; what
//! RabbitMQ and PostgreSQL cost, as the embedded pace over that of as many threads in service; how
//! many stages a second are completed; the ceiling, which is what `lapin` publishes and consumes with
//! confirms and does nothing else; the memory of an idle worker. Non-goals: reading and encoding
//! ([`intake`](crate::intake)), clusters.
//!
//! Two pipelines: `forms` as it ships, and one whose stages are the cheapest there are (`extract` of
//! plain text, `sketch`, `split`), where what is around the stages weighs most.
//!
//! Documents are taken in before the clock starts, workers wait for messages, and the relay's start
//! starts the clock: that process's start and the second that `tick` pauses are in every figure, so
//! take a thousand documents (`--documents 1000`). Asking costs a little too: PostgreSQL, for what is
//! owed, twenty times a second.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Args, intake};

/// Where the servers are, as `cargo xtask bench` says it.
const POSTGRES: &str = "GREFFIER_TEST_POSTGRES";
const BROKER: &str = "GREFFIER_AMQP_URL";
/// Workers of each run.
const WORKERS: [usize; 3] = [1, 2, 4];
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(900);
/// Messages of the ceiling, and the bytes of each: as a task has.
const MESSAGES: usize = 20_000;
const MESSAGE_BYTES: usize = 420;
/// What is on its way at once, as a relay has it.
const IN_FLIGHT: usize = 128;

const CHEAPEST: &str = r#"
pipeline = "cheapest"
title = "The cheapest stages"
collection = "cheapest"
time_zone = "Europe/Paris"
accepts = ["files"]
class = "normal"
stages = ["extract", "sketch", "split"]
attachment_stages = ["extract", "sketch", "split"]

[stage.split]
characters = 700
"#;

/// What was measured.
#[derive(Serialize)]
pub(crate) struct Run {
    paces: Vec<Pace>,
    ceiling: Ceiling,
    /// A worker that waits for its first task, and one that waits after its last: models are loaded when
    /// they are first needed.
    fresh_worker: Memory,
    idle_worker: Memory,
}

/// One pipeline in one way of running.
#[derive(Serialize)]
struct Pace {
    pipeline: &'static str,
    /// `embedded`, or `service`.
    way: &'static str,
    /// Threads of the embedded house, workers of one thread each in service.
    workers: usize,
    documents: usize,
    /// Until nothing was owed, and until the index had followed.
    processed_ms: u64,
    indexed_ms: u64,
    documents_per_second: f64,
    /// Stages that were done.
    stages: u64,
    stages_per_second: f64,
    /// Times that of the embedded house with as many threads; none for itself, or without a peer.
    overhead: Option<f64>,
}

/// What RabbitMQ does with one publisher and one consumer, and nothing else.
#[derive(Serialize)]
struct Ceiling {
    messages: usize,
    message_bytes: usize,
    published_per_second: f64,
    consumed_per_second: f64,
}

/// What a worker that waits holds, in kB, by the kernel's count.
#[derive(Serialize)]
struct Memory {
    rss_kb: u64,
    /// Shared pages divided by those who share them.
    pss_kb: u64,
    private_kb: u64,
    /// Of Pss: what is no file, and files (the program, ONNX Runtime, models that are mapped).
    pss_anonymous_kb: u64,
    pss_file_kb: u64,
}

#[derive(Deserialize)]
struct Worked {
    stages_run: u64,
    processing_ms: u64,
    indexing_ms: u64,
}

/// A house of its own, with documents that are owed.
struct House<'a> {
    binary: &'a Path,
    pipelines: PathBuf,
    pipeline: &'static str,
    data: PathBuf,
    service: Option<(String, String, String)>,
}

/// Measures and prints a line of each.
pub(crate) fn run(args: &Args, root: &Path, binary: &Path) -> Result<Run> {
    let (postgres, broker) = (address(POSTGRES)?, address(BROKER)?);
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("in");
    std::fs::create_dir(&input)?;
    for n in 0..args.documents {
        intake::letter(root, &input, n)?;
    }
    let cheapest = folder.path().join("pipelines");
    write_cheapest(root, &cheapest)?;
    println!(
        "{:<10} {:<9} {:>7} {:>9} {:>12} {:>11} {:>9} {:>9}",
        "pipeline",
        "way",
        "workers",
        "documents",
        "processed(s)",
        "documents/s",
        "stages/s",
        "overhead"
    );
    let mut paces: Vec<Pace> = Vec::new();
    let mut looked_at = None;
    for (pipeline, pipelines) in [("forms", root.join("pipelines")), ("cheapest", cheapest)] {
        let mut house = House {
            binary,
            pipelines,
            pipeline,
            data: folder.path().join("data"),
            service: None,
        };
        for workers in WORKERS {
            let pace = house.alone(&input, args.documents, workers)?;
            shown(&pace);
            paces.push(pace);
        }
        for workers in WORKERS {
            let database = format!("greffier_bench_{}", std::process::id());
            let url = of_database(&postgres, &database);
            ask(&postgres, &format!("create database {database}"))?;
            house.service = Some((url, broker.clone(), database.clone()));
            let measured = house.spread(&input, args.documents, workers);
            let ended = house.ran(&["queues", "--delete"]);
            house.service = None;
            ask(&postgres, &format!("drop database {database} with (force)"))?;
            let (mut pace, memories) = measured?;
            ended?;
            let peer = paces
                .iter()
                .find(|p| (p.pipeline, p.way, p.workers) == (pipeline, "embedded", workers));
            pace.overhead = peer.map(|p| p.documents_per_second / pace.documents_per_second);
            shown(&pace);
            paces.push(pace);
            looked_at = looked_at.or(Some(memories));
        }
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let ceiling = runtime.block_on(ceiling(&broker))?;
    println!(
        "ceiling: {:.0} messages/s published with confirms, {:.0} consumed and acknowledged",
        ceiling.published_per_second, ceiling.consumed_per_second
    );
    let [fresh_worker, idle_worker] = looked_at.context("no worker was looked at")?;
    for (when, memory) in [("before", &fresh_worker), ("after", &idle_worker)] {
        println!(
            "a worker that waits, {when} its work: {} kB Pss ({} anonymous, {} files), {} kB private, {} kB resident",
            memory.pss_kb,
            memory.pss_anonymous_kb,
            memory.pss_file_kb,
            memory.private_kb,
            memory.rss_kb
        );
    }
    Ok(Run {
        paces,
        ceiling,
        fresh_worker,
        idle_worker,
    })
}

fn shown(pace: &Pace) {
    println!(
        "{:<10} {:<9} {:>7} {:>9} {:>12.1} {:>11.1} {:>9.0} {:>9}",
        pace.pipeline,
        pace.way,
        pace.workers,
        pace.documents,
        pace.processed_ms as f64 / 1e3,
        pace.documents_per_second,
        pace.stages_per_second,
        pace.overhead.map_or("-".to_owned(), |o| format!("{o:.2}"))
    );
}

fn address(variable: &str) -> Result<String> {
    std::env::var(variable).with_context(|| {
        format!("{variable} does not say where the server is: run this as `cargo xtask bench`")
    })
}

/// The same server, another database.
fn of_database(url: &str, database: &str) -> String {
    match url.rsplit_once('/') {
        Some((server, rest)) => {
            let options = rest
                .split_once('?')
                .map_or(String::new(), |(_, o)| format!("?{o}"));
            format!("{server}/{database}{options}")
        }
        None => url.to_owned(),
    }
}

/// What a statement answers.
fn ask(url: &str, statement: &str) -> Result<String> {
    let out = Command::new("psql")
        .args(["-AtXq", "-c", statement, url])
        .stdin(Stdio::null())
        .output()
        .context("cannot run psql, which comes with PostgreSQL")?;
    ensure!(
        out.status.success(),
        "PostgreSQL refuses `{statement}`: {}",
        String::from_utf8_lossy(&out.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

fn write_cheapest(root: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir(folder)?;
    std::fs::write(folder.join("cheapest.toml"), CHEAPEST)?;
    // The registry says where the encoder of our own is from its own folder.
    let models = std::fs::read_to_string(root.join("pipelines/models.toml"))?;
    let own = root.join("crates/inference/models").display().to_string();
    std::fs::write(
        folder.join("models.toml"),
        models.replace("../crates/inference/models", &own),
    )?;
    Ok(())
}

impl House<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GREFFIER_") {
                command.env_remove(name);
            }
        }
        command.arg("--data").arg(&self.data);
        command.arg("--pipelines").arg(&self.pipelines);
        command.args(args).stdin(Stdio::null());
        if let Some((ledger, broker, prefix)) = &self.service {
            command
                .env("GREFFIER_DATABASE", ledger)
                .env("GREFFIER_BROKER", broker)
                .env("GREFFIER_BROKER_PREFIX", prefix);
        }
        command
    }

    fn ran(&self, args: &[&str]) -> Result<Vec<u8>> {
        let out = self.command(args).output().context("cannot run greffier")?;
        ensure!(
            out.status.success(),
            "greffier {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&out.stderr)
        );
        Ok(out.stdout)
    }

    fn json(&self, args: &[&str]) -> Result<Value> {
        let mut all = vec!["--json"];
        all.extend(args);
        Ok(serde_json::from_slice(&self.ran(&all)?)?)
    }

    fn take_in(&self, input: &Path) -> Result<()> {
        if self.data.exists() {
            std::fs::remove_dir_all(&self.data)?;
        }
        let input = input.display().to_string();
        self.ran(&["ingest", "--no-wait", "--pipeline", self.pipeline, &input])?;
        Ok(())
    }

    /// One process does everything.
    fn alone(&self, input: &Path, documents: usize, threads: usize) -> Result<Pace> {
        self.take_in(input)?;
        let threads = threads.to_string();
        let worked = self.ran(&["--json", "work", "--threads", &threads])?;
        let worked: Worked = serde_json::from_slice(&worked)?;
        let indexed_ms = worked.processing_ms + worked.indexing_ms;
        Ok(self.pace(
            "embedded",
            threads.parse()?,
            documents,
            (worked.processing_ms, indexed_ms),
            worked.stages_run,
        ))
    }

    /// Relay, workers and tick, a process each.
    fn spread(
        &self,
        input: &Path,
        documents: usize,
        workers: usize,
    ) -> Result<(Pace, [Memory; 2])> {
        self.take_in(input)?;
        let mut crew = Crew(Vec::new());
        for _ in 0..workers {
            crew.0
                .push(self.start(&["--json", "work", "--threads", "1"])?);
        }
        let started = Instant::now();
        loop {
            ensure!(started.elapsed() < LIMIT, "workers never take anything");
            let queues = self.json(&["queues"])?;
            let queues = queues.as_array().cloned().unwrap_or_default();
            let all = queues.iter().filter(|q| q["purpose"]["work"].is_object());
            let mut consumers = all.map(|q| q["consumers"].as_u64().unwrap_or(0)).peekable();
            if consumers.peek().is_some() && consumers.all(|n| n == workers as u64) {
                break;
            }
        }
        let looked_at = crew.0.first().context("no worker")?.id();
        let fresh = memory(looked_at)?;
        let tick = self.start(&["tick"])?;
        crew.0.push(tick);
        let began = Instant::now();
        let relay = self.start(&["relay"])?;
        crew.0.push(relay);
        let (ledger, ..) = self.service.as_ref().context("no ledger")?;
        while ask(ledger, "select count(*) from tasks")? != "0" {
            ensure!(began.elapsed() < LIMIT, "tasks are owed for ever");
            std::thread::sleep(Duration::from_millis(50));
        }
        let processed = began.elapsed();
        loop {
            ensure!(began.elapsed() < LIMIT, "the index never follows");
            let status = self.json(&["index", "status"])?;
            let all = status.as_array().cloned().unwrap_or_default();
            let held: u64 = all.iter().filter_map(|one| one["documents"].as_u64()).sum();
            if held == documents as u64 && all.iter().all(|one| one["position"] == one["log"]) {
                break;
            }
        }
        let indexed = began.elapsed();
        let idle = memory(looked_at)?;
        let mut stages = 0;
        for (n, mut child) in crew.0.drain(..).enumerate() {
            let told = Command::new("kill").arg(child.id().to_string()).status();
            ensure!(told.is_ok_and(|s| s.success()), "a process is gone already");
            if n >= workers {
                child.wait()?;
                continue;
            }
            let out = child.wait_with_output()?;
            let worked: Value = serde_json::from_slice(&out.stdout)?;
            stages += worked["done"].as_u64().context("a worker says nothing")?;
        }
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let took = (ms(processed), ms(indexed));
        Ok((
            self.pace("service", workers, documents, took, stages),
            [fresh, idle],
        ))
    }

    fn pace(
        &self,
        way: &'static str,
        workers: usize,
        documents: usize,
        (processed_ms, indexed_ms): (u64, u64),
        stages: u64,
    ) -> Pace {
        Pace {
            pipeline: self.pipeline,
            way,
            workers,
            documents,
            processed_ms,
            indexed_ms,
            documents_per_second: documents as f64 * 1e3 / indexed_ms.max(1) as f64,
            stages,
            stages_per_second: stages as f64 * 1e3 / processed_ms.max(1) as f64,
            overhead: None,
        }
    }

    fn start(&self, args: &[&str]) -> Result<Child> {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().context("cannot run greffier")
    }
}

/// Processes that end with this one.
struct Crew(Vec<Child>);

impl Drop for Crew {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What the kernel counts of a process.
fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let number = |name: &str| -> Result<u64> {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("{path} has no {name}"))
    };
    Ok(Memory {
        rss_kb: number("Rss")?,
        pss_kb: number("Pss")?,
        private_kb: number("Private_Clean")? + number("Private_Dirty")?,
        pss_anonymous_kb: number("Pss_Anon")?,
        pss_file_kb: number("Pss_File")?,
    })
}

/// One quorum queue, one publisher, one consumer.
async fn ceiling(url: &str) -> Result<Ceiling> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let queue = format!("greffier-bench-{}", std::process::id());
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let name = || ShortString::from(queue.as_str());
    channel.queue_declare(name(), durable, arguments).await?;
    let body = vec![b'x'; MESSAGE_BYTES];
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let began = Instant::now();
    let mut sent = futures::stream::iter(0..MESSAGES)
        .map(|_| async {
            let options = BasicPublishOptions::default();
            let published =
                channel.basic_publish("".into(), name(), options, &body, persistent.clone());
            published.await?.await
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(answer) = sent.next().await {
        if !matches!(answer?, Confirmation::Ack(_)) {
            bail!("RabbitMQ does not confirm");
        }
    }
    drop(sent);
    let published = began.elapsed();
    let prefetch = u16::try_from(IN_FLIGHT).unwrap_or(u16::MAX);
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
        .await?;
    let began = Instant::now();
    let options = BasicConsumeOptions::default();
    let tag = ShortString::from("bench");
    let mut consumer = channel
        .basic_consume(name(), tag, options, FieldTable::default())
        .await?;
    for _ in 0..MESSAGES {
        let delivery = consumer.next().await.context("deliveries end")??;
        delivery.acker.ack(BasicAckOptions::default()).await?;
    }
    let consumed = began.elapsed();
    channel
        .queue_delete(name(), QueueDeleteOptions::default())
        .await?;
    connection.close(200, "done".into()).await?;
    Ok(Ceiling {
        messages: MESSAGES,
        message_bytes: MESSAGE_BYTES,
        published_per_second: MESSAGES as f64 / published.as_secs_f64(),
        consumed_per_second: MESSAGES as f64 / consumed.as_secs_f64(),
    })
}

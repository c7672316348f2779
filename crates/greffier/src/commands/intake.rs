//! `intake`: documents that other software hands in by the broker.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use broker::intake::Incoming as Message;
use broker::{Address, BrokerError, Intake, Results, Taken};
use domain::arrival::{ArrivalFormat, ROW_MEDIA_TYPE, RowColumns};
use domain::event::{
    DocumentRefused, Happened, IntakeEvent, IntakeRef, ResultEvent, Submission, SubmittedContent,
};
use domain::message::{JsonContentType, SpecVersion};
use domain::{Arrival, Digest, Lang, Source, Timestamp, canonical};
use pipeline::file::Accepts;
use pipeline::intake::{Incoming, admit};
use pipeline::ledger::Admitted;
use pipeline::pipelines::Pipeline;
use pipeline::service::Stop;
use serde_json::{Map, Value};

use super::Ending;
use super::ingest::{FILE_BYTES_MAX, plain};
use super::service::{seed, shared_ledger, told_to_stop, topology};
use crate::args::{Broker, Claims, Global, Watched};
use crate::health::Health;
use crate::house::House;
use crate::metrics::Handed;
use crate::print;

/// The largest document that a message may hold; larger ones are claimed.
const INLINE_BYTES_MAX: usize = 8 << 20;

/// How long it waits before it looks again whether there is room.
const ROOM: Duration = Duration::from_secs(1);

/// How long a message is held for want of room. RabbitMQ takes one back that is held for half an hour,
/// and several are in hand, one waiting behind the other.
const HELD_MAX: Duration = Duration::from_secs(300);

/// Why nothing is taken in.
#[derive(Debug)]
struct Refusal {
    /// A stable word.
    reason: &'static str,
    /// What to do.
    detail: String,
}

/// What is handed in, as it arrives.
#[derive(Debug)]
struct Content {
    source: Source,
    media_type: Option<String>,
    columns: Option<RowColumns>,
    received_at: Option<String>,
    bytes: Vec<u8>,
}

/// Takes documents in until told to stop.
pub async fn intake(
    global: &Global,
    from: &Broker,
    claims: &Claims,
    watched: &Watched,
) -> Result<Ending> {
    let stop = told_to_stop()?;
    let health = Health::start(watched, "intake", global.lang, stop.clone()).await?;
    let place = (from.address()?, from.queues.prefix.clone());
    taking_in(global, place, claims, stop, &health)
        .await?
        .report(global)?;
    Ok(Ending::Done)
}

/// Takes documents in until told to stop; what came.
pub async fn taking_in(
    global: &Global,
    (address, prefix): (Address, String),
    claims: &Claims,
    stop: Stop,
    health: &Arc<Health>,
) -> Result<Seen> {
    health.needs(false);
    let house = House::open_existing(global).await?;
    shared_ledger(&house)?;
    let _lock = house.lock_shared()?;
    health.ledger(&house.desk.vault.ledger, false);
    let folder = match &claims.claims {
        None => None,
        Some(dir) => Some(
            std::fs::canonicalize(dir)
                .with_context(|| format!("cannot open the folder of claims {}", dir.display()))?,
        ),
    };
    let topology = topology(&house, &prefix);
    print::note(global.lang.pick(
        "réception des documents d’autres logiciels (Ctrl-C pour finir)",
        "taking in documents of other software (Ctrl-C to finish)",
    ));
    let mut desk = Counter {
        house: &house,
        claims: folder,
        owed_max: claims.owed_max,
        results: Results::new(address.clone(), topology.clone()),
        stop: stop.clone(),
        health,
        seen: Seen::default(),
    };
    let intake = Intake::new(address, topology, seed());
    let ended = intake
        .run(stop, async |message| desk.take(message).await)
        .await;
    desk.results.leave().await;
    let seen = desk.seen;
    ended?;
    Ok(seen)
}

/// What came in.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Seen {
    new: u64,
    already_here: u64,
    refused: u64,
}

impl Seen {
    /// Says what came in.
    pub fn report(self, global: &Global) -> Result<()> {
        if global.json {
            return print::json(&self);
        }
        print::note(match global.lang {
            Lang::Fr => format!(
                "{} document(s) reçu(s), {} déjà là, {} refusé(s)",
                self.new, self.already_here, self.refused
            ),
            Lang::En => format!(
                "{} document(s) taken in, {} already here, {} refused",
                self.new, self.already_here, self.refused
            ),
        });
        Ok(())
    }
}

/// Where documents are handed in.
struct Counter<'a> {
    house: &'a House,
    claims: Option<PathBuf>,
    owed_max: u64,
    results: Results,
    stop: Stop,
    health: &'a Arc<Health>,
    seen: Seen,
}

impl Counter<'_> {
    async fn take(&mut self, message: Message<'_>) -> Taken {
        let taken = self.taken(message).await;
        self.health.metrics.taken_in(match &taken {
            Taken::Kept => Handed::Kept,
            Taken::Refused(_) => Handed::Refused,
            Taken::Later => Handed::PutOff,
        });
        taken
    }

    async fn taken(&mut self, message: Message<'_>) -> Taken {
        let event = match message {
            Message::Event(event) => event,
            Message::Malformed { of, why } => {
                self.seen.refused += 1;
                if let Some(of) = of {
                    let refusal = Refusal {
                        reason: "malformed",
                        detail: format!(
                            "the message is no intake event ({why}): see schemas/intake-event.schema.json"
                        ),
                    };
                    // It is parked whatever happens, and shown there.
                    let _ = self.refuse(of, &refusal).await;
                }
                return Taken::Refused("malformed");
            }
        };
        if !self.has_room().await {
            return Taken::Later;
        }
        let of = IntakeRef {
            source: event.source.clone(),
            id: event.id.clone(),
        };
        let refusal = match self.admit(*event).await {
            Ok(Ok(Admitted::New { .. })) => {
                self.seen.new += 1;
                return Taken::Kept;
            }
            Ok(Ok(Admitted::Existing)) => {
                self.seen.already_here += 1;
                return Taken::Kept;
            }
            Err(error) if error.is_passing() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nothing is taken in"
                );
                return Taken::Later;
            }
            Ok(Err(refusal)) => refusal,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "a document cannot be kept");
                Refusal {
                    reason: "cannot-be-kept",
                    detail: "the log of greffier intake says why".to_owned(),
                }
            }
        };
        // Ids of other software may be names: they are in the event and in the parked message.
        tracing::warn!(reason = refusal.reason, "a document is refused");
        if self.refuse(of, &refusal).await.is_err() {
            return Taken::Later;
        }
        self.seen.refused += 1;
        Taken::Refused(refusal.reason)
    }

    /// Waits until few enough tasks are owed; `false` when that takes too long, or it is to stop.
    async fn has_room(&mut self) -> bool {
        let began = std::time::Instant::now();
        loop {
            match self.house.desk.vault.ledger.counts().await {
                Ok(counts) if counts.tasks <= self.owed_max => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
            if self.stop.is_said() || began.elapsed() >= HELD_MAX {
                return false;
            }
            self.stop.pause(ROOM).await;
        }
    }

    async fn admit(
        &self,
        event: IntakeEvent,
    ) -> Result<Result<Admitted, Refusal>, pipeline::Error> {
        let desk = &self.house.desk;
        let of = IntakeRef {
            source: event.source,
            id: event.id,
        };
        let submission = event.data;
        let Ok(pipeline) = desk.pipelines.get(&submission.pipeline) else {
            return Ok(Err(Refusal {
                reason: "unknown-pipeline",
                detail: format!("no pipeline is named `{}`", submission.pipeline),
            }));
        };
        let handed = match handed(&submission, &of, pipeline, self.claims.as_deref()) {
            Ok(handed) => handed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (zone, _) = pipeline.source.zone();
        let received_at = match &handed.received_at {
            None => desk.clock.now(),
            Some(text) => match Timestamp::parse_in(text, &zone) {
                Ok(at) => at,
                Err(error) => {
                    return Ok(Err(Refusal {
                        reason: "bad-date",
                        detail: error.to_string(),
                    }));
                }
            },
        };
        let arrival = Arrival {
            format: ArrivalFormat::V1,
            source: handed.source,
            file_name: submission.file_name,
            media_type: handed.media_type,
            received_at,
            channel: Some(submission.channel.unwrap_or_else(|| "api".to_owned())),
            metadata: submission.metadata,
            columns: handed.columns,
            intake: Some(of),
        };
        let incoming = Incoming::new(pipeline, arrival, handed.bytes);
        let admitted = admit(&desk.vault, &incoming, desk.clock.as_ref(), &desk.build).await?;
        Ok(Ok(admitted.1))
    }

    /// Tells whoever handed it in.
    async fn refuse(&mut self, intake: IntakeRef, refusal: &Refusal) -> Result<(), BrokerError> {
        let event = ResultEvent {
            specversion: SpecVersion::V1,
            id: format!("{}/{}", intake.source, intake.id),
            source: "/greffier/intake".to_owned(),
            datacontenttype: JsonContentType::Json,
            subject: None,
            time: self.house.desk.clock.now(),
            what: Happened::DocumentRefused(DocumentRefused {
                intake,
                reason: refusal.reason.to_owned(),
                detail: refusal.detail.clone(),
            }),
        };
        self.results.publish(&event).await
    }
}

/// What a submission holds, or names.
fn handed(
    submission: &Submission,
    of: &IntakeRef,
    pipeline: &Pipeline,
    claims: Option<&Path>,
) -> Result<Content, Refusal> {
    let accepts = &pipeline.source.file.accepts;
    let wrong = |what: &str| Refusal {
        reason: "not-accepted",
        detail: format!("pipeline `{}` takes no {what}", pipeline.name()),
    };
    let bytes = match &submission.content {
        SubmittedContent::Row(row) => {
            if !accepts.contains(&Accepts::Rows) {
                return Err(wrong("rows: hand in files"));
            }
            return row_of(row, submission, of, pipeline);
        }
        SubmittedContent::Inline(text) => inline(text)?,
        SubmittedContent::Claim { path, sha256 } => claimed(claims, path, sha256)?,
    };
    if !accepts.contains(&Accepts::Files) {
        return Err(wrong("files: hand in rows"));
    }
    Ok(Content {
        source: Source::External(name(submission.id.as_deref(), of)),
        media_type: submission.media_type.clone(),
        columns: None,
        received_at: submission.received_at.clone(),
        bytes,
    })
}

/// The name that people know a document by: that which was given, else that of the message.
fn name(given: Option<&str>, of: &IntakeRef) -> String {
    match given.map(str::trim).filter(|given| !given.is_empty()) {
        Some(given) => given.to_owned(),
        None => format!("{}#{}", of.source, of.id),
    }
}

fn row_of(
    row: &Map<String, Value>,
    submission: &Submission,
    of: &IntakeRef,
    pipeline: &Pipeline,
) -> Result<Content, Refusal> {
    let declared = &pipeline.source.file.rows;
    let columns = RowColumns {
        text: declared.text.clone(),
        id: declared.id.clone(),
        title: declared.title.clone(),
        date: declared.date.clone(),
    };
    let value = |column: &Option<String>| {
        let text = plain(row.get(column.as_ref()?)?.clone());
        (!text.trim().is_empty()).then_some(text)
    };
    // A report may have no note, and say something by its fields alone.
    let known = [&columns.text, &columns.id, &columns.title, &columns.date];
    let known: Vec<&String> = known.into_iter().flatten().collect();
    if !known.is_empty() && !known.iter().any(|column| row.contains_key(*column)) {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        return Err(Refusal {
            reason: "unknown-columns",
            detail: format!("the row has none of {}", known.join(", ")),
        });
    }
    let id = submission.id.clone().or_else(|| value(&columns.id));
    let bytes = canonical::to_bytes(row).map_err(|error| Refusal {
        reason: "not-canonical",
        detail: error.to_string(),
    })?;
    Ok(Content {
        source: Source::External(name(id.as_deref(), of)),
        media_type: Some(ROW_MEDIA_TYPE.to_owned()),
        received_at: (submission.received_at.clone()).or_else(|| value(&columns.date)),
        columns: Some(columns),
        bytes,
    })
}

fn inline(text: &str) -> Result<Vec<u8>, Refusal> {
    let too_large = || Refusal {
        reason: "too-large",
        detail: format!(
            "a message holds at most {} MiB: lay the file in the folder of claims and name it",
            INLINE_BYTES_MAX >> 20
        ),
    };
    if text.len() / 4 * 3 > INLINE_BYTES_MAX + 2 {
        return Err(too_large());
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|error| Refusal {
            reason: "not-base64",
            detail: error.to_string(),
        })?;
    match bytes.len() > INLINE_BYTES_MAX {
        true => Err(too_large()),
        false => Ok(bytes),
    }
}

/// The bytes of a file that a message names: in the folder of claims and nowhere else, and what the
/// message says it is.
fn claimed(claims: Option<&Path>, path: &str, sha256: &Digest) -> Result<Vec<u8>, Refusal> {
    let refuse = |reason, detail: String| Refusal { reason, detail };
    let Some(claims) = claims else {
        return Err(refuse(
            "no-claims-here",
            "no folder of claims is shared: greffier intake --claims DIR".to_owned(),
        ));
    };
    read_claim(claims, path, sha256).map_err(|error| refuse("bad-claim", format!("{error:#}")))
}

fn read_claim(claims: &Path, path: &str, sha256: &Digest) -> Result<Vec<u8>> {
    let relative = Path::new(path);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    ensure!(
        plain && relative.components().next().is_some(),
        "`{path}` is no path within the folder of claims"
    );
    // Links may lead out of the folder.
    let real = std::fs::canonicalize(claims.join(relative))
        .with_context(|| format!("cannot open `{path}` in the folder of claims"))?;
    ensure!(
        real.starts_with(claims),
        "`{path}` leads out of the folder of claims"
    );
    let size = std::fs::metadata(&real)
        .with_context(|| format!("cannot read `{path}`"))?
        .len();
    ensure!(
        size <= FILE_BYTES_MAX,
        "`{path}` has {} MiB, more than the {} MiB that are taken in",
        size >> 20,
        FILE_BYTES_MAX >> 20
    );
    let bytes = std::fs::read(&real).with_context(|| format!("cannot read `{path}`"))?;
    let found = Digest::of(&bytes);
    ensure!(
        found == *sha256,
        "`{path}` is {found}, and the message says {sha256}"
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_claim_is_what_it_says_and_never_outside_its_folder() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let claims = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir(claims.join("a")).unwrap();
        std::fs::write(claims.join("a/lettre.txt"), "bonjour").unwrap();
        std::os::unix::fs::symlink(outside.path(), claims.join("out")).unwrap();
        let digest = Digest::of(b"bonjour");
        let read = |path: &str| claimed(Some(&claims), path, &digest).map_err(|r| r.detail);
        assert_eq!(read("a/lettre.txt").unwrap(), b"bonjour");
        for hostile in [
            "../secret",
            "/etc/passwd",
            "a/../../x",
            "out/secret",
            "",
            "a",
        ] {
            let why = read(hostile).unwrap_err();
            assert!(why.contains(hostile), "{why}");
        }
        let other = claimed(Some(&claims), "a/lettre.txt", &Digest::of(b"autre"));
        assert!(other.unwrap_err().detail.contains("the message says"));
        assert_eq!(
            claimed(None, "a/lettre.txt", &digest).unwrap_err().reason,
            "no-claims-here"
        );
    }

    #[test]
    fn a_message_holds_no_more_than_it_may() {
        let text = |n: usize| base64::engine::general_purpose::STANDARD.encode(vec![b'a'; n]);
        assert_eq!(inline(&text(3)).unwrap(), b"aaa");
        assert!(inline(&text(INLINE_BYTES_MAX)).is_ok());
        assert_eq!(
            inline(&text(INLINE_BYTES_MAX + 1)).unwrap_err().reason,
            "too-large"
        );
        assert_eq!(inline("pas du base64 !").unwrap_err().reason, "not-base64");
    }
}

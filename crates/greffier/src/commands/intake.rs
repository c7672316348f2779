//! `intake`: documents that other software hands in by the broker.

use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base64::Engine as _;
use broker::intake::Submitted;
use broker::{Address, BrokerError, Intake, Results, Taken};
use domain::arrival::{ArrivalFormat, ROW_MEDIA_TYPE, RowColumns};
use domain::event::{
    DocumentReceived, DocumentRef, DocumentRefused, Happened, IntakeEvent, IntakeRef, ResultEvent,
    Submission, SubmittedContent,
};
use domain::message::{JsonContentType, SpecVersion};
use domain::{Arrival, Digest, DocumentId, Lang, Source, SubjectId, Timestamp, canonical};
use pipeline::desk::Desk;
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

/// How long there is taken to be room once there was.
const ROOM: Duration = Duration::from_secs(1);

/// How far ahead of this machine's clock another's may be: a day.
const AHEAD_MICROS: i64 = 86_400_000_000;

/// Why nothing is taken in.
#[derive(Debug)]
pub(super) struct Refusal {
    /// A stable word.
    reason: &'static str,
    /// What to do.
    detail: String,
}

/// Why nothing entered.
#[derive(Debug)]
pub(super) enum Failed {
    /// It never will.
    Refused(Refusal),
    /// The ledger, the store or the folder of claims does not answer.
    NotNow(anyhow::Error),
    /// Something of ours is broken.
    Broken(pipeline::Error),
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
        room_until: None,
        results: Results::new(address.clone(), topology.clone()),
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
    /// Until when there is taken to be room.
    room_until: Option<Instant>,
    results: Results,
    health: &'a Arc<Health>,
    seen: Seen,
}

impl Counter<'_> {
    async fn take(&mut self, message: Submitted<'_>) -> Taken {
        let taken = self.taken(message).await;
        self.health.metrics.taken_in(match &taken {
            Taken::Kept => Handed::Kept,
            Taken::Refused(_) => Handed::Refused,
            Taken::Later => Handed::PutOff,
        });
        taken
    }

    async fn taken(&mut self, message: Submitted<'_>) -> Taken {
        let event = match message {
            Submitted::Event(event) => event,
            Submitted::Malformed { of, line, column } => {
                self.seen.refused += 1;
                if let Some(of) = of {
                    let refusal = Refusal {
                        reason: "malformed",
                        detail: format!(
                            "the message is no intake event (line {line}, column {column}): see schemas/intake-event.schema.json"
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
        let of = ref_of(event);
        let refusal = match self.admit(event).await {
            Ok((_, Admitted::New { .. })) => {
                self.seen.new += 1;
                return Taken::Kept;
            }
            Ok((id, Admitted::Existing)) => match self.known(id, &of).await {
                Ok(()) => {
                    self.seen.already_here += 1;
                    return Taken::Kept;
                }
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "nothing is taken in");
                    return Taken::Later;
                }
            },
            Err(Failed::Refused(refusal)) => refusal,
            Err(Failed::NotNow(error)) => {
                tracing::warn!(error = format!("{error:#}"), "nothing is taken in");
                return Taken::Later;
            }
            Err(Failed::Broken(error)) => {
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

    /// Tells whoever hands in what is here already which document it is, unless the very message that
    /// brought it came again.
    async fn known(&mut self, id: DocumentId, of: &IntakeRef) -> Result<()> {
        let desk = &self.house.desk;
        let Some(row) = desk.vault.ledger.document(id).await? else {
            return Ok(());
        };
        let subject = SubjectId::from(id);
        let envelope = desk.vault.envelope(subject).await?;
        let arrival: Arrival = (desk.vault)
            .read_json(subject, &envelope, row.arrival)
            .await?;
        if arrival.intake.as_ref() == Some(of) {
            return Ok(());
        }
        let records = desk.vault.records(subject).await?;
        let Some((received, leaf)) = records.first() else {
            return Ok(());
        };
        let what = Happened::DocumentReceived(DocumentReceived {
            of: DocumentRef {
                document: id,
                intake: Some(of.clone()),
                run: received.statement().run_key,
                generation: received.statement().generation,
                leaf: *leaf,
            },
            parent: row.parent,
            duplicate_of: row.duplicate_of,
        });
        let event = self.event(of, Some(subject), what);
        Ok(self.results.publish(&event).await?)
    }

    /// Whether few enough tasks are owed. Counting reads all of the ledger: it is not done for each
    /// message.
    async fn has_room(&mut self) -> bool {
        if self.room_until.is_some_and(|until| Instant::now() < until) {
            return true;
        }
        let counts = self.house.desk.vault.ledger.counts().await;
        let room = counts.is_ok_and(|counts| counts.tasks <= self.owed_max);
        self.room_until = room.then(|| Instant::now() + ROOM);
        room
    }

    async fn admit(&self, event: &IntakeEvent) -> Result<(DocumentId, Admitted), Failed> {
        let claims = self.claims.as_deref();
        admit_as(&self.house.desk, &event.data, None, &ref_of(event), claims).await
    }

    /// Tells whoever handed it in.
    async fn refuse(&mut self, intake: IntakeRef, refusal: &Refusal) -> Result<(), BrokerError> {
        let what = Happened::DocumentRefused(DocumentRefused {
            intake: intake.clone(),
            reason: refusal.reason.to_owned(),
            detail: refusal.detail.clone(),
        });
        let event = self.event(&intake, None, what);
        self.results.publish(&event).await
    }

    fn event(&self, of: &IntakeRef, subject: Option<SubjectId>, what: Happened) -> ResultEvent {
        ResultEvent {
            specversion: SpecVersion::V1,
            id: format!("{}/{}", of.source, of.id),
            source: "/greffier/intake".to_owned(),
            datacontenttype: JsonContentType::Json,
            subject,
            time: self.house.desk.clock.now(),
            what,
        }
    }
}

/// Lets what is handed in enter, by whatever way. `file` stands for its content where it came beside it.
pub(super) async fn admit_as(
    desk: &Desk,
    submission: &Submission,
    file: Option<Vec<u8>>,
    of: &IntakeRef,
    claims: Option<&Path>,
) -> Result<(DocumentId, Admitted), Failed> {
    let refused = |reason, detail: &str| {
        Failed::Refused(Refusal {
            reason,
            detail: detail.to_owned(),
        })
    };
    let Ok(pipeline) = desk.pipelines.get(&submission.pipeline) else {
        let detail = format!("no pipeline is named `{}`", submission.pipeline);
        return Err(refused("unknown-pipeline", &detail));
    };
    let handed = handed(submission, file, of, pipeline, claims)?;
    let (zone, _) = pipeline.source.zone();
    let received_at = match &handed.received_at {
        None => desk.clock.now(),
        Some(text) => Timestamp::parse_in(text, &zone).map_err(|_| {
            let detail = "the moment of reception is no date of RFC 3339 and no local one";
            refused("bad-date", detail)
        })?,
    };
    // A week that is years ahead would never be over.
    if received_at > desk.clock.now().plus_micros(AHEAD_MICROS) {
        return Err(refused("bad-date", "the moment of reception is to come"));
    }
    let arrival = Arrival {
        format: ArrivalFormat::V1,
        source: handed.source,
        file_name: submission.file_name.clone(),
        media_type: handed.media_type,
        received_at,
        channel: Some((submission.channel.clone()).unwrap_or_else(|| "api".to_owned())),
        metadata: submission.metadata.clone(),
        columns: handed.columns,
        intake: Some(of.clone()),
    };
    let incoming = Incoming::new(pipeline, arrival, handed.bytes);
    let admitted = admit(&desk.vault, &incoming, desk.clock.as_ref(), &desk.build);
    admitted.await.map_err(|error| match error.is_passing() {
        true => Failed::NotNow(error.into()),
        false => Failed::Broken(error),
    })
}

fn ref_of(event: &IntakeEvent) -> IntakeRef {
    IntakeRef {
        source: event.source.clone(),
        id: event.id.clone(),
    }
}

/// The counter of the API: what is handed in there enters as what is handed in by messages does.
pub(super) struct ApiCounter {
    /// Where it enters.
    pub(super) desk: Desk,
}

#[async_trait::async_trait]
impl web::TakeIn for ApiCounter {
    async fn take_in(
        &self,
        submission: &Submission,
        file: Option<Vec<u8>>,
        of: &IntakeRef,
    ) -> Result<(DocumentId, bool), web::NotTaken> {
        match admit_as(&self.desk, submission, file, of, None).await {
            Ok((id, admitted)) => Ok((id, admitted != Admitted::Existing)),
            Err(Failed::Refused(refusal)) => Err(web::NotTaken::Refused {
                reason: refusal.reason,
                detail: refusal.detail,
            }),
            Err(Failed::NotNow(error)) => Err(web::NotTaken::NotNow(error.into())),
            Err(Failed::Broken(error)) => Err(web::NotTaken::Broken(error.into())),
        }
    }
}

/// What a submission holds, or names.
fn handed(
    submission: &Submission,
    file: Option<Vec<u8>>,
    of: &IntakeRef,
    pipeline: &Pipeline,
    claims: Option<&Path>,
) -> Result<Content, Failed> {
    let accepts = &pipeline.source.file.accepts;
    let wrong = |what: &str| Refusal {
        reason: "not-accepted",
        detail: format!("pipeline `{}` takes no {what}", pipeline.name()),
    };
    let bytes = match (&submission.content, file) {
        (_, Some(file)) => file,
        (SubmittedContent::Row(row), None) => {
            if !accepts.contains(&Accepts::Rows) {
                return Err(Failed::Refused(wrong("rows: hand in files")));
            }
            return row_of(row, submission, of, pipeline).map_err(Failed::Refused);
        }
        (SubmittedContent::Inline(text), None) => inline(text).map_err(Failed::Refused)?,
        (SubmittedContent::Claim { path, sha256 }, None) => claimed(claims, path, sha256)?,
    };
    if !accepts.contains(&Accepts::Files) {
        return Err(Failed::Refused(wrong("files: hand in rows")));
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
        None => format!("{}#{}", of.source.replace('#', "%23"), of.id),
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
    let bytes = canonical::to_bytes(row).map_err(|_| Refusal {
        reason: "not-canonical",
        detail: "the row has a number that cannot be kept exactly".to_owned(),
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
        .map_err(|_| Refusal {
            reason: "not-base64",
            detail: "the content is not base64 with padding (RFC 4648)".to_owned(),
        })?;
    match bytes.len() > INLINE_BYTES_MAX {
        true => Err(too_large()),
        false => Ok(bytes),
    }
}

/// The bytes of a file that a message names: in the folder of claims and nowhere else, and what the
/// message says it is. Errors tell what is wrong and not the path, which may be a name.
fn claimed(claims: Option<&Path>, path: &str, sha256: &Digest) -> Result<Vec<u8>, Failed> {
    let refuse = |reason, detail: &str| {
        Failed::Refused(Refusal {
            reason,
            detail: detail.to_owned(),
        })
    };
    let Some(claims) = claims else {
        let detail = "no folder of claims is shared: greffier intake --claims DIR";
        return Err(refuse("no-claims-here", detail));
    };
    let bad = |detail: &str| refuse("bad-claim", detail);
    let mut parts = Path::new(path).components().peekable();
    if parts.peek().is_none() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(bad("the path does not stay in the folder of claims"));
    }
    // Links may lead out of the folder.
    let real = match std::fs::canonicalize(claims.join(path)) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound && !is_empty(claims) => {
            return Err(bad("there is no such file in the folder of claims"));
        }
        // Nothing at all is there: as when a folder that is shared is not mounted.
        Err(error) => return Err(not_now(error)),
    };
    if !real.starts_with(claims) {
        return Err(bad("the path leads out of the folder of claims"));
    }
    let meta = std::fs::metadata(&real).map_err(not_now)?;
    // Opening anything else may wait for ever.
    if !meta.is_file() {
        return Err(bad("the claim is no file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&real).map_err(not_now)?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(not_now)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(bad("the file is larger than what is taken in"));
    }
    if Digest::of(&bytes) != *sha256 {
        return Err(bad(
            "the file is not what the message says: its digest is another",
        ));
    }
    Ok(bytes)
}

fn not_now(error: std::io::Error) -> Failed {
    Failed::NotNow(anyhow::Error::from(error).context("the folder of claims does not answer"))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
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
        let read = |path: &str| claimed(Some(&claims), path, &digest);
        assert_eq!(read("a/lettre.txt").unwrap(), b"bonjour");
        let refused = |path: &str| match read(path) {
            Err(Failed::Refused(refusal)) => refusal,
            other => panic!("{path}: {other:?}"),
        };
        for hostile in [
            "../secret",
            "/etc/passwd",
            "a/../../x",
            "out/secret",
            "",
            "a",
            "b",
        ] {
            let refusal = refused(hostile);
            assert_eq!(refusal.reason, "bad-claim", "{hostile}");
            let told = hostile.len() > 1 && refusal.detail.contains(hostile);
            assert!(!told, "{hostile} is told: {}", refusal.detail);
        }
        let other = claimed(Some(&claims), "a/lettre.txt", &Digest::of(b"autre"));
        assert!(
            matches!(other, Err(Failed::Refused(refusal)) if refusal.detail.contains("digest"))
        );
        let none = claimed(None, "a/lettre.txt", &digest);
        assert!(
            matches!(none, Err(Failed::Refused(refusal)) if refusal.reason == "no-claims-here")
        );
        // A folder without anything may be one that is not mounted.
        let bare = tempfile::tempdir().unwrap();
        let bare = std::fs::canonicalize(bare.path()).unwrap();
        let absent = claimed(Some(&bare), "a/lettre.txt", &digest);
        assert!(matches!(absent, Err(Failed::NotNow(_))));
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

//! Re-checks everything the ledger claims, and names each thing that does not hold.

use std::collections::BTreeSet;

use domain::act::{Act, Verdict};
use domain::record::Record;
use domain::{
    Agent, Arrival, ArtifactName, Decision, Digest, DocumentId, Kind, Outcome, RunKey, RunOutcome,
    Sketch, Source, SubjectId,
};
use provenance::{Checkpoint, merkle};

use crate::desk::ACT_VERSION;
use crate::error::Error;
use crate::intake::receive_settings;
use crate::ledger::{DocumentFilter, DocumentRow, DocumentState, StoredRecord};
use crate::log;
use crate::stage::RunIdentity;
use crate::vault::{Vault, latest_of, seen_decision};

/// Records read at a time.
const BATCH: u32 = 500;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// What it is about: a record, an artifact, a document, a checkpoint.
    pub about: String,
    /// What does not hold.
    pub problem: String,
}

/// What was checked, and what does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verification {
    /// Documents looked at.
    pub documents: u64,
    /// Records re-read.
    pub records: u64,
    /// Artifacts opened.
    pub artifacts: u64,
    /// Checkpoints whose signature and root were checked.
    pub checkpoints: u64,
    /// Quotes re-read in their texts.
    pub quotes: u64,
    /// Figures counted again.
    pub figures: u64,
    /// Tasks still owed: work that is not finished is said, and is not a fault.
    pub owed: u64,
    /// Root of the log.
    pub root: Option<Digest>,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// Notes something that does not hold.
    pub fn find(&mut self, about: impl ToString, problem: impl Into<String>) {
        self.findings.push(Finding {
            about: about.to_string(),
            problem: problem.into(),
        });
    }
}

/// Checks the log, its checkpoints, every record, every artifact and every document's state.
/// `elsewhere` is a signed checkpoint kept outside, which finds a rollback.
///
/// # Errors
/// When the ledger or the store does not answer; what does not hold is a finding.
pub async fn verify(
    vault: &Vault,
    elsewhere: Option<&str>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Verification, Error> {
    let mut v = Verification::default();
    let counts = vault.ledger.counts().await?;
    v.owed = counts.tasks;
    if counts.sequenced < counts.records {
        v.find(
            "log",
            format!("{} records have no leaf", counts.records - counts.sequenced),
        );
    }
    let (leaves, received) = check_records(vault, &mut v, counts.sequenced, progress).await?;
    check_tree(vault, &mut v, &leaves, elsewhere).await?;
    check_documents(vault, &mut v, received).await?;
    Ok(v)
}

/// Re-reads every record of the log and opens what it names. Returns the leaf hashes.
async fn check_records(
    vault: &Vault,
    v: &mut Verification,
    total: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<(Vec<Digest>, BTreeSet<DocumentId>), Error> {
    let mut leaves = Vec::new();
    let mut received = BTreeSet::new();
    let mut seen: BTreeSet<(RunKey, u32)> = BTreeSet::new();
    let mut opened: BTreeSet<ArtifactName> = BTreeSet::new();
    let mut next = 0;
    loop {
        let batch = vault.ledger.log(next, BATCH).await?;
        if batch.is_empty() {
            return Ok((leaves, received));
        }
        for stored in batch {
            let index = stored.leaf_index.unwrap_or(next);
            if index > next {
                v.find("log", format!("leaves {next} to {} are missing", index - 1));
            }
            next = next.max(index) + 1;
            leaves.push(merkle::leaf_hash(&stored.record.bytes));
            v.records += 1;
            progress(v.records, total);
            if !seen.insert((stored.record.run_key, stored.record.generation)) {
                v.find(stored.record.run_key, "is recorded twice");
            }
            if stored.record.activity.as_str() == "receive" {
                received.insert(stored.record.subject.as_document());
            }
            check_record(vault, v, &stored, &mut opened).await?;
        }
    }
}

async fn check_record(
    vault: &Vault,
    v: &mut Verification,
    stored: &StoredRecord,
    opened: &mut BTreeSet<ArtifactName>,
) -> Result<(), Error> {
    let about = stored.record.run_key;
    let record = match Record::from_bytes(&stored.record.bytes) {
        Ok(record) => record,
        Err(error) => {
            v.find(about, format!("its bytes are not a record: {error}"));
            return Ok(());
        }
    };
    let s = record.statement();
    if (s.run_key, s.generation, s.subject)
        != (about, stored.record.generation, stored.record.subject)
        || s.activity != stored.record.activity
        || s.outcome != stored.record.outcome
    {
        v.find(about, "its row says something else than its bytes");
    }
    let envelope = match vault.envelope(s.subject).await {
        Ok(envelope) => envelope,
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => {
            v.find(about, chain(&error));
            return Ok(());
        }
    };
    let inputs: Vec<ArtifactName> = s.inputs.iter().map(|n| n.name).collect();
    let version = match s.agent {
        Agent::Software { version } => version,
        Agent::Person { .. } => ACT_VERSION,
    };
    let identity = RunIdentity {
        activity: &s.activity,
        version,
        inputs: &inputs,
        input_runs: &s.input_runs,
        period: s.period.as_deref(),
        settings: s.settings,
    };
    if envelope.run_key(&domain::canonical::to_bytes(&identity)?) != s.run_key {
        v.find(about, "its key is not that of what it names");
    }
    if s.settings != receive_settings()?.0 {
        match vault.ledger.settings(s.settings).await? {
            Some(bytes) if Digest::of(&bytes) == s.settings => {}
            Some(_) => v.find(
                about,
                format!("settings {} are not what their digest says", s.settings),
            ),
            None => v.find(about, format!("settings {} are not kept", s.settings)),
        }
    }
    for named in s.inputs.iter().chain(&s.outputs) {
        if !opened.insert(named.name) {
            continue;
        }
        v.artifacts += 1;
        match vault.read(s.subject, &envelope, named.name).await {
            Ok(_) => {}
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => v.find(
                named.name,
                format!("{} of {about}: {}", named.kind.as_str(), chain(&error)),
            ),
        }
    }
    for run in &s.input_runs {
        if vault.ledger.record(*run, 0).await?.is_none() {
            v.find(about, format!("reads the run {run}, which is not recorded"));
        }
    }
    Ok(())
}

async fn check_tree(
    vault: &Vault,
    v: &mut Verification,
    leaves: &[Digest],
    elsewhere: Option<&str>,
) -> Result<(), Error> {
    let size = leaves.len() as u64;
    // The tree is built again from the records alone; stored nodes and signatures must agree.
    let mut frontier = merkle::Frontier::empty();
    let mut roots = std::collections::BTreeMap::from([(0, frontier.root())]);
    let mut nodes = Vec::new();
    let mut wanted: BTreeSet<u64> = vault
        .ledger
        .checkpoints()
        .await?
        .iter()
        .map(|c| c.size)
        .collect();
    let key = log::signing_key(vault)?;
    let outside = elsewhere.map(|note| Checkpoint::verify(note, key.verifier()));
    if let Some(Ok(checkpoint)) = &outside {
        wanted.insert(checkpoint.size);
    }
    wanted.insert(size);
    for leaf in leaves {
        match frontier.push(*leaf) {
            Ok(completed) => nodes.extend(completed),
            Err(error) => v.find("log", error.to_string()),
        }
        if wanted.contains(&frontier.size()) {
            roots.insert(frontier.size(), frontier.root());
        }
    }
    v.root = Some(frontier.root());
    for chunk in nodes.chunks(1_000) {
        let ids: Vec<_> = chunk.iter().map(|(id, _)| *id).collect();
        let stored = vault.ledger.log_nodes(&ids).await?;
        for ((id, hash), stored) in chunk.iter().zip(stored) {
            if stored != Some(*hash) {
                v.find(
                    "log",
                    format!(
                        "node {} at level {} is not what its leaves give",
                        id.index, id.level
                    ),
                );
            }
        }
    }
    for stored in vault.ledger.checkpoints().await? {
        v.checkpoints += 1;
        match Checkpoint::verify(&stored.note, key.verifier()) {
            Ok(checkpoint) => compare(v, "checkpoint", &checkpoint, &roots),
            Err(error) => v.find(format!("checkpoint {}", stored.size), chain(&error)),
        }
    }
    match outside {
        None => {}
        Some(Ok(checkpoint)) => compare(v, "the checkpoint kept elsewhere", &checkpoint, &roots),
        Some(Err(error)) => v.find("the checkpoint kept elsewhere", chain(&error)),
    }
    Ok(())
}

fn compare(
    v: &mut Verification,
    what: &str,
    checkpoint: &Checkpoint,
    roots: &std::collections::BTreeMap<u64, Digest>,
) {
    let about = format!("{what} at size {}", checkpoint.size);
    match roots.get(&checkpoint.size) {
        Some(root) if *root == checkpoint.root => {}
        Some(_) => v.find(about, "the log has another root: it was rewritten"),
        None => v.find(about, "the log is shorter: it was rolled back"),
    }
}

async fn check_documents(
    vault: &Vault,
    v: &mut Verification,
    mut received: BTreeSet<DocumentId>,
) -> Result<(), Error> {
    let (mut owed, mut waiting) = (BTreeSet::new(), BTreeSet::new());
    for (task, put_off) in vault.ledger.owed().await? {
        let document = task.document.as_document();
        owed.insert(document);
        if put_off.is_some() {
            waiting.insert(document);
        }
    }
    for row in vault.ledger.documents(&DocumentFilter::default()).await? {
        v.documents += 1;
        received.remove(&row.id);
        let records = match vault.records(SubjectId::from(row.id)).await {
            Ok(records) => records,
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                v.find(row.id, chain(&error));
                continue;
            }
        };
        if !records
            .iter()
            .any(|(r, _)| r.statement().activity.as_str() == "receive")
        {
            v.find(row.id, "its reception is not recorded");
        }
        match (row.state, owed.contains(&row.id)) {
            (DocumentState::Processing, false) => {
                v.find(row.id, "is being processed, and nothing is owed");
            }
            // A document may be done with what could be read while one stage waits, put off.
            (DocumentState::Done | DocumentState::Quarantined, true)
                if !waiting.contains(&row.id) =>
            {
                v.find(row.id, "is in a final state, and work is owed");
            }
            _ => {}
        }
        match check_row(vault, &row, &records).await {
            Ok(problems) => problems
                .into_iter()
                .for_each(|problem| v.find(row.id, problem)),
            Err(error) if error.is_passing() => return Err(error),
            // What does not open was named where its record was checked.
            Err(_) => {}
        }
        for (record, _) in &records {
            for child in &record.statement().children {
                if vault.ledger.document(*child).await?.is_none() {
                    v.find(
                        row.id,
                        format!("names the document {child}, which is not here"),
                    );
                }
            }
        }
    }
    for lost in received {
        v.find(lost, "was received, and is not listed");
    }
    Ok(())
}

/// What a document's row says that its records do not: lists and inboxes show rows.
async fn check_row(
    vault: &Vault,
    row: &DocumentRow,
    records: &[(Record, Option<u64>)],
) -> Result<Vec<&'static str>, Error> {
    let mut problems = Vec::new();
    let subject = SubjectId::from(row.id);
    let named = |kind: Kind| latest_of(records, kind).map(|w| w.name);
    if named(Kind::Raw) != Some(row.raw) || named(Kind::Arrival) != Some(row.arrival) {
        problems.push("its row names other bytes than its reception");
        return Ok(problems);
    }
    let envelope = vault.envelope(subject).await?;
    let arrival: Arrival = vault.read_json(subject, &envelope, row.arrival).await?;
    let parent = match &arrival.source {
        Source::Part { parent, .. } => Some(*parent),
        Source::External(_) | Source::Path(_) => None,
    };
    if arrival.received_at != row.received_at || parent != row.parent {
        problems.push("its row says another reception than its arrival");
    }
    let set_aside = records
        .iter()
        .rev()
        .find(|(r, _)| matches!(r.statement().agent, Agent::Software { .. }))
        .is_some_and(|(r, _)| r.statement().outcome == RunOutcome::Quarantine);
    if row.state != DocumentState::Processing
        && set_aside != (row.state == DocumentState::Quarantined)
    {
        problems.push("its row says another end than its records");
    }
    // What was decided again after a person decided changes no row.
    let decision: Option<Decision> = match seen_decision(records) {
        Some(seen) => Some(vault.read_json(subject, &envelope, seen.name).await?),
        None => None,
    };
    let act: Option<Act> = match named(Kind::Act) {
        Some(name) => Some(vault.read_json(subject, &envelope, name).await?),
        None => None,
    };
    let outcome = decision.as_ref().map_or(Outcome::Unknown, |d| d.outcome);
    let service = match (&act, &decision) {
        (Some(act), _) => act.verdict.service().cloned(),
        (None, Some(decision)) => decision.service.clone(),
        (None, None) => None,
    };
    let verdict = act.as_ref().map(|act| &act.verdict);
    let (also, copies) = verdict.map_or((&[][..], &[][..]), |v| (v.also(), v.copies()));
    let said = (decision.is_some() || act.is_some())
        .then(|| (outcome, service.as_ref(), also, copies, act.is_some()));
    let shown = row.route.as_ref().map(|r| {
        let services = (r.service.as_ref(), &r.also[..], &r.copies[..]);
        (r.outcome, services.0, services.1, services.2, r.decided)
    });
    // Whether one of our services stands for another authority is the pipeline file's word.
    let told = match verdict {
        Some(Verdict::NotForUs { told, .. }) => {
            row.route.as_ref().is_some_and(|r| r.to_tell != *told)
        }
        _ => true,
    };
    if said != shown || !told {
        problems.push("its row shows another place than its decision and its review");
    }
    let codes = match named(Kind::Sketch) {
        Some(name) => {
            let sketch: Sketch = vault.read_json(subject, &envelope, name).await?;
            crate::likeness::codes_of(&vault.secrets, row, &sketch)
        }
        None => Vec::new(),
    };
    // While work is owed, a sketch may be written whose codes the run that follows will bring.
    if row.state != DocumentState::Processing && vault.ledger.likeness(row.id).await? != codes {
        problems.push("what is kept to find what resembles it is not its sketch's");
    }
    Ok(problems)
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

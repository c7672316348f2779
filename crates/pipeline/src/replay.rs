//! Replay: runs a record again and compares bytes. An auditor's question becomes a command.

use domain::passage::VectorSet;
use domain::record::Record;
use domain::{Agent, Kind, Named, RunOutcome, SubjectId};

use crate::error::Error;
use crate::pipelines::Pipelines;
use crate::stage::{Fault, Inputs, RunSettings};
use crate::vault::Vault;
use crate::worker::{EXHAUSTED, UNDECLARED, UNREADABLE, incoming_child, run_caught};

/// Cosine from which two vectors are the same on another platform.
const COSINE_MIN: f64 = 0.9999;

/// What replay answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The same bytes came out.
    Identical,
    /// Vectors differ by no more than platforms do.
    Equivalent,
    /// Something else came out.
    Different {
        /// What.
        what: String,
    },
    /// It cannot be run again here.
    Impossible {
        /// Why.
        why: String,
    },
    /// A reception or a person's act: there is nothing to run; its artifacts were re-read.
    NotARun,
}

/// Runs one record of a document's stage again.
///
/// # Errors
/// When the ledger or the store does not answer; what is wrong with the record is an answer.
pub async fn replay(
    vault: &Vault,
    pipelines: &Pipelines,
    record: &Record,
) -> Result<Answer, Error> {
    let statement = record.statement();
    if matches!(statement.agent, Agent::Person { .. }) || statement.activity.as_str() == "receive" {
        return Ok(Answer::NotARun);
    }
    let subject = statement.subject;
    let Some(document) = vault.ledger.document(subject.as_document()).await? else {
        return Ok(impossible("its document is not here"));
    };
    let Ok(pipeline) = pipelines.get(&document.pipeline) else {
        return Ok(impossible(&format!(
            "pipeline `{}` is not here",
            document.pipeline
        )));
    };
    let Some(stage) = pipeline.stage(&statement.activity).cloned() else {
        return Ok(impossible(&format!(
            "stage `{}` is not here",
            statement.activity
        )));
    };
    let Agent::Software { version } = statement.agent else {
        return Ok(Answer::NotARun);
    };
    if version != stage.version() {
        return Ok(impossible(&format!(
            "version {version} of `{}` is not here, this is version {}",
            statement.activity,
            stage.version()
        )));
    }
    if let Some(reason) = statement.reason.as_deref()
        && [EXHAUSTED, UNREADABLE].contains(&reason)
    {
        return Ok(impossible(&format!(
            "it was set aside before the stage answered: {reason}"
        )));
    }
    let (settings, _) = RunSettings::of(stage.as_ref()).sealed()?;
    if settings != statement.settings {
        let mut models = stage.models();
        models.sort();
        return Ok(impossible(if models == statement.models {
            "the settings in force are not those of the record"
        } else {
            "a model of the record is not here"
        }));
    }
    let envelope = match vault.envelope(subject).await {
        Ok(envelope) => envelope,
        Err(Error::NoEnvelope(_)) => return Ok(impossible("the document was erased")),
        Err(error) => return Err(error),
    };
    let mut inputs = Inputs::default();
    for Named { kind, name } in &statement.inputs {
        match vault.read(subject, &envelope, *name).await {
            Ok(bytes) => inputs.insert(*kind, *name, bytes),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => return Ok(impossible(&error.to_string())),
        }
    }
    let declared = stage.outputs();
    let output = tokio::task::spawn_blocking(move || run_caught(stage.as_ref(), &inputs)).await;
    let output = match output {
        Err(panic) => return Ok(different(panic.to_string())),
        // What is not here is no answer about what was done.
        Ok(Err(fault @ Fault::RetryAfter { .. })) => return Ok(impossible(&fault.to_string())),
        Ok(Err(Fault::Quarantine { reason, detail })) => Err((reason, detail)),
        Ok(Ok(output)) if !output.artifacts.iter().map(|(kind, _)| kind).eq(declared) => {
            Err((UNDECLARED.to_owned(), String::new()))
        }
        Ok(Ok(output)) => Ok(output),
    };
    let output = match (output, statement.outcome) {
        (Ok(output), RunOutcome::Done) => output,
        (Err((reason, detail)), RunOutcome::Quarantine) => {
            return Ok(if statement.reason.as_ref() == Some(&reason) {
                Answer::Identical
            } else {
                different(format!("set aside for another reason: {reason}: {detail}"))
            });
        }
        (Ok(_), RunOutcome::Quarantine) => {
            return Ok(different("it was set aside, and now succeeds".into()));
        }
        (Err((reason, detail)), RunOutcome::Done) => {
            return Ok(different(format!(
                "it succeeded, and now fails: {reason}: {detail}"
            )));
        }
    };
    let mut answer = Answer::Identical;
    for (kind, bytes) in &output.artifacts {
        let recorded = statement.outputs.iter().find(|n| n.kind == *kind);
        let Some(recorded) = recorded else {
            return Ok(different(format!("{} was not written", kind.as_str())));
        };
        if envelope.name(bytes) == recorded.name {
            continue;
        }
        if *kind == Kind::Vectors && equivalent(vault, subject, &envelope, recorded, bytes).await? {
            answer = Answer::Equivalent;
            continue;
        }
        return Ok(different(format!("{} differs", kind.as_str())));
    }
    if let Some(lost) = statement
        .outputs
        .iter()
        .find(|n| !declared.contains(&n.kind))
    {
        return Ok(different(format!(
            "{} is not written any more",
            lost.kind.as_str()
        )));
    }
    let mut children = Vec::with_capacity(output.children.len());
    for child in output.children {
        children.push(incoming_child(&document, pipeline, child).id(vault)?);
    }
    if children != statement.children {
        return Ok(different("the documents found within it differ".into()));
    }
    Ok(answer)
}

async fn equivalent(
    vault: &Vault,
    subject: SubjectId,
    envelope: &privacy::Envelope,
    recorded: &Named,
    bytes: &[u8],
) -> Result<bool, Error> {
    let then = vault.read(subject, envelope, recorded.name).await?;
    let (Ok(then), Ok(now)) = (VectorSet::from_bytes(&then), VectorSet::from_bytes(bytes)) else {
        return Ok(false);
    };
    Ok(then.dimension == now.dimension
        && then.vectors.len() == now.vectors.len()
        && then
            .vectors
            .iter()
            .zip(&now.vectors)
            .all(|(a, b)| a == b || are_close(a, b)))
}

/// Whether two vectors point the same way and are as long, within what platforms differ.
fn are_close(a: &[f32], b: &[f32]) -> bool {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    let (aa, bb) = (dot(a, a), dot(b, b));
    dot(a, b) >= COSINE_MIN * (aa * bb).sqrt() && aa.min(bb) >= COSINE_MIN * aa.max(bb)
}

fn different(what: String) -> Answer {
    Answer::Different { what }
}

fn impossible(why: &str) -> Answer {
    Answer::Impossible {
        why: why.to_owned(),
    }
}

//! `models promote`: a person puts a head in force, or puts an earlier one back.

use anyhow::{Result, ensure};
use domain::{Digest, Lang, PipelineName};
use pipeline::circumstances::{Clock, SystemClock};

use super::Ending;
use crate::args::Global;
use crate::house::House;
use crate::models::{Models, Switch};
use crate::print;

/// Puts a head in force, by name.
///
/// # Errors
/// When there is no such head, it cannot be used, or nobody is named.
pub async fn promote(
    global: &Global,
    pipeline: &str,
    digest: &str,
    by: &str,
    reason: Option<&str>,
) -> Result<Ending> {
    ensure!(
        !by.trim().is_empty(),
        "--by is empty: give the name of the person who decides"
    );
    let house = House::open_existing(global).await?;
    let pipeline = house.pipeline(pipeline)?;
    let encoder = house.encoder_of(&pipeline.source.file.collection)?;
    let pipeline = pipeline.name().clone();
    let models = &house.models;
    let to = find(models, &pipeline, digest)?;
    // Refused while it cannot be used, rather than by the next document.
    let head = models.head(&pipeline, to)?;
    head.check_encoder(models.encoder_digest(&encoder)?)?;
    let from = models.head_digest(&pipeline)?;
    let switch = Switch {
        by: Some(by.trim().to_owned()),
        reason: reason.map(str::to_owned),
        ..Switch::new(SystemClock.now(), from, to)
    };
    let changes = from != Some(to);
    if changes {
        models.put_in_force(&pipeline, &switch)?;
    }
    if global.json {
        print::json(&switch)?;
        return Ok(Ending::Done);
    }
    let by = by.trim();
    print::line(match (changes, global.lang) {
        (true, Lang::Fr) => {
            format!("{pipeline} : modèle {to} en service, décidé par {by} (identité non vérifiée)")
        }
        (true, Lang::En) => {
            format!("{pipeline}: head {to} in force, decided by {by} (identity not verified)")
        }
        (false, Lang::Fr) => format!("{pipeline} : {to} est déjà en service"),
        (false, Lang::En) => format!("{pipeline}: {to} is in force already"),
    });
    if let Some(from) = from.filter(|_| changes) {
        print::note(match global.lang {
            Lang::Fr => {
                format!("pour revenir : greffier models promote {pipeline} {from} --by NOM")
            }
            Lang::En => format!("to go back: greffier models promote {pipeline} {from} --by NAME"),
        });
    }
    Ok(Ending::Done)
}

/// The one head whose digest begins so.
fn find(models: &Models, pipeline: &PipelineName, digest: &str) -> Result<Digest> {
    let kept = models.kept(pipeline)?;
    let wanted = digest.trim_start_matches("sha256:");
    let named = |digest: &Digest| {
        let name = digest.to_string();
        name.trim_start_matches("sha256:").starts_with(wanted)
    };
    let found: Vec<Digest> = kept.iter().copied().filter(named).collect();
    let list = |digests: &[Digest]| {
        let names: Vec<String> = digests.iter().map(Digest::to_string).collect();
        names.join(", ")
    };
    match found.as_slice() {
        [one] if !wanted.is_empty() => Ok(*one),
        [] => anyhow::bail!(
            "no head of `{pipeline}` is named `{digest}`: there are {}",
            match kept.is_empty() {
                true => "none, train one with `greffier train`".to_owned(),
                false => list(&kept),
            }
        ),
        several => anyhow::bail!(
            "`{digest}` names several heads of `{pipeline}`: {}: give more of it",
            list(several)
        ),
    }
}

//! `replay`, `verify`, `proof`, `checkpoint`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use domain::{Lang, RunKey};
use pipeline::ledger::DocumentFilter;
use pipeline::replay::{Answer, replay as replay_record};
use pipeline::verify::{Verification, verify as verify_ledger};
use serde::Serialize;

use super::Ending;
use crate::args::Global;
use crate::house::House;
use crate::{followers, print, reconcilers};

/// What came out of replaying one record.
#[derive(Debug, Serialize)]
struct Replayed {
    run_key: RunKey,
    activity: String,
    answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Runs records again and compares bytes.
pub async fn replay(global: &Global, id: Option<&str>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let vault = &house.desk.vault;
    let mut records = Vec::new();
    match id {
        Some(text) if text.starts_with(RunKey::PREFIX) => {
            let run: RunKey = text.parse()?;
            let stored = vault.ledger.record(run, 0).await?.with_context(|| {
                format!("no run is recorded as {run}: `greffier why DOC` names them")
            })?;
            records.push(pipeline::vault::read_record(stored)?.0);
        }
        Some(name) => {
            let row = house.desk.find(name).await?;
            records.extend(
                vault
                    .records(row.id.into())
                    .await?
                    .into_iter()
                    .map(|(r, _)| r),
            );
        }
        None => {
            for row in vault.ledger.documents(&DocumentFilter::default()).await? {
                records.extend(
                    vault
                        .records(row.id.into())
                        .await?
                        .into_iter()
                        .map(|(r, _)| r),
                );
            }
        }
    }
    let bar = print::bar(records.len() as u64, global.lang.pick("rejeu", "replaying"));
    let mut replayed = Vec::new();
    let mut tasks = std::collections::VecDeque::new();
    let house = std::sync::Arc::new(house);
    let mut records = records.into_iter();
    loop {
        while tasks.len() < house.threads
            && let Some(record) = records.next()
        {
            let house = house.clone();
            tasks.push_back(tokio::spawn(async move {
                let answer = replay_record(&house.desk.vault, &house.desk.pipelines, &record).await;
                (record, answer)
            }));
        }
        let Some(task) = tasks.pop_front() else { break };
        let (record, answer) = task.await?;
        bar.inc(1);
        let (answer, detail) = match answer? {
            Answer::Identical => ("identical", None),
            Answer::Equivalent => ("equivalent on another platform", None),
            Answer::Different { what } => ("different", Some(what)),
            Answer::Impossible { why } => ("impossible", Some(why)),
            Answer::NotARun => continue,
        };
        let statement = record.statement();
        replayed.push(Replayed {
            run_key: statement.run_key,
            activity: statement.activity.to_string(),
            answer,
            detail,
        });
    }
    bar.finish_and_clear();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &replayed {
        *counts.entry(one.answer).or_default() += 1;
    }
    if global.json {
        print::json(&replayed)?;
    } else {
        for one in replayed.iter().filter(|r| r.detail.is_some()) {
            print::line(format!(
                "{} {} : {} ({})",
                one.run_key,
                one.activity,
                one.answer,
                one.detail.as_deref().unwrap_or_default()
            ));
        }
        let words: Vec<String> = counts
            .iter()
            .map(|(a, n)| format!("{n} {}", answer_in_words(a, global.lang)))
            .collect();
        print::line(format!(
            "{} : {}",
            global.lang.pick("rejeu", "replay"),
            if words.is_empty() {
                "0".to_owned()
            } else {
                words.join(", ")
            }
        ));
    }
    Ok(if counts.contains_key("different") {
        Ending::DoesNotHold
    } else {
        Ending::Done
    })
}

fn answer_in_words(answer: &str, lang: Lang) -> &str {
    match (answer, lang) {
        ("identical", Lang::Fr) => "identique(s)",
        ("equivalent on another platform", Lang::Fr) => "équivalent(s) sur une autre plateforme",
        ("different", Lang::Fr) => "différent(s)",
        ("impossible", Lang::Fr) => "impossible(s)",
        (other, _) => other,
    }
}

/// Checks that everything holds.
pub async fn verify(global: &Global, checkpoint: Option<&Path>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let elsewhere = match checkpoint {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
        ),
        None => None,
    };
    let v = check(&house, elsewhere.as_deref(), global.lang).await?;
    if global.json {
        print::json(&v)?;
    } else {
        show(&v, global.lang);
    }
    Ok(if v.holds() {
        Ending::Done
    } else {
        Ending::DoesNotHold
    })
}

/// Checks everything: the ledger, what reconcilers made, the indexes. `elsewhere` is a signed
/// checkpoint.
///
/// # Errors
/// When something does not answer; what does not hold is a finding.
pub async fn check(house: &House, elsewhere: Option<&str>, lang: Lang) -> Result<Verification> {
    let bar = print::bar(0, lang.pick("vérification", "verifying"));
    let progress = |at: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(at);
    };
    let mut v = verify_ledger(&house.desk.vault, elsewhere, &progress).await?;
    reconcilers::verify(house, &mut v).await?;
    followers::verify(house, &mut v).await?;
    bar.finish_and_clear();
    v.findings.sort();
    v.findings.dedup();
    Ok(v)
}

/// Shows what was checked to a person.
pub fn show(v: &Verification, lang: Lang) {
    for finding in &v.findings {
        print::line(format!("✗ {} : {}", finding.about, finding.problem));
    }
    let root = v.root.map(|r| r.to_string()).unwrap_or_default();
    print::line(match lang {
        Lang::Fr => format!(
            "{} documents, {} enregistrements, {} artefacts ouverts, {} points de contrôle signés, {} citations relues, {} décomptes refaits, {} tâches en attente",
            v.documents, v.records, v.artifacts, v.checkpoints, v.quotes, v.figures, v.owed
        ),
        Lang::En => format!(
            "{} documents, {} records, {} artifacts opened, {} signed checkpoints, {} quotes read again, {} figures counted again, {} tasks owed",
            v.documents, v.records, v.artifacts, v.checkpoints, v.quotes, v.figures, v.owed
        ),
    });
    print::line(format!(
        "{} {root}",
        lang.pick("racine du journal", "root of the log")
    ));
    print::line(if v.holds() {
        lang.pick("✓ Tout tient.", "✓ Everything holds.").to_owned()
    } else {
        match lang {
            Lang::Fr => format!("✗ {} chose(s) ne tiennent pas.", v.findings.len()),
            Lang::En => format!("✗ {} thing(s) do not hold.", v.findings.len()),
        }
    });
}

/// Prints one file that proves one run offline.
pub async fn proof(global: &Global, run: &str) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let run: RunKey = run.parse()?;
    let proof = pipeline::log::proof(&house.desk.vault, run, 0)
        .await?
        .with_context(|| format!("no run is recorded as {run}: `greffier show DOC` names them"))?;
    print::raw(&proof.to_json()?);
    Ok(Ending::Done)
}

/// Prints the latest signed checkpoint.
pub async fn checkpoint(global: &Global) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let checkpoint = pipeline::log::checkpoint(&house.desk.vault)
        .await?
        .context("the log is empty: take documents in first")?;
    if global.json {
        print::json(&serde_json::json!({ "size": checkpoint.size, "note": checkpoint.note }))?;
    } else {
        print::raw(&checkpoint.note);
    }
    Ok(Ending::Done)
}

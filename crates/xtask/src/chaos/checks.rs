//! What must hold afterwards, against the same documents in an embedded house that nobody disturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::papers::Papers;
use super::settle::{self, Settled};
use super::storm::World;
use super::town::Town;

/// How many differences are shown of many.
const SHOWN: usize = 5;

/// One thing that must hold.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    /// What.
    pub(crate) what: &'static str,
    /// Whether it does.
    pub(crate) holds: bool,
    /// What was found.
    pub(crate) found: String,
}

/// Everything that is asked of the end.
pub(crate) struct Checks<'w> {
    /// The house that was disturbed, its roles gone.
    pub(crate) world: &'w World<'w>,
    /// The one that was not.
    pub(crate) alone: &'w Town<'w>,
    pub(crate) papers: &'w Papers,
    pub(crate) settled: &'w Settled,
    /// Roles that did not leave in order.
    pub(crate) disorder: &'w [String],
    /// Documents whose records are replayed, of all of them.
    pub(crate) replayed: usize,
    /// A folder for files of the checks.
    pub(crate) folder: &'w Path,
}

type Found = Result<(bool, String)>;

impl Checks<'_> {
    /// Asks everything.
    pub(crate) fn all(&self) -> Vec<Check> {
        let all: [(&'static str, &dyn Fn() -> Found); 12] = [
            ("nothing is owed", &|| Ok(self.owed())),
            ("no message was lost", &|| Ok(self.lost())),
            ("every document is in one final state", &|| self.states()),
            ("each came out as undisturbed", &|| self.outcomes()),
            ("one record a run", &|| self.records()),
            ("the queues are empty", &|| Ok(self.queues())),
            ("nothing is parked", &|| self.parked()),
            ("the index is the ledger", &|| self.index()),
            ("each word finds its document", &|| self.words()),
            ("everything verifies", &|| self.verified()),
            ("what is replayed comes out the same", &|| self.replay()),
            ("roles leave when told", &|| Ok(self.left())),
        ];
        all.into_iter()
            .map(|(what, ask)| {
                let (holds, found) =
                    ask().unwrap_or_else(|error| (false, format!("cannot be asked: {error:#}")));
                Check { what, holds, found }
            })
            .collect()
    }

    fn owed(&self) -> (bool, String) {
        let owed = &self.settled.owed;
        if owed.is_empty() {
            let took = self.settled.took.as_secs_f64();
            return (true, format!("{took:.1} s after the last fault"));
        }
        (false, format!("{} tasks: {}", owed.len(), some(owed)))
    }

    fn lost(&self) -> (bool, String) {
        let moved = &self.settled.reclaimed;
        if moved.is_empty() {
            return (true, "no task waited for a reclaim".to_owned());
        }
        let found = format!(
            "{} tasks did not move until they were reclaimed: {}",
            moved.len(),
            some(moved)
        );
        (false, found)
    }

    fn states(&self) -> Found {
        let listed = self.documents(&self.world.town)?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for document in listed.values() {
            let state = document["state"].as_str().unwrap_or_default();
            *counts.entry(state.to_owned()).or_default() += 1;
        }
        let unfinished = counts
            .keys()
            .any(|state| !["done", "quarantined"].contains(&state.as_str()));
        let said: Vec<String> = counts.iter().map(|(s, n)| format!("{n} {s}")).collect();
        Ok((!unfinished && !listed.is_empty(), said.join(", ")))
    }

    fn outcomes(&self) -> Found {
        let (ours, alone) = (
            self.documents(&self.world.town)?,
            self.documents(self.alone)?,
        );
        let ids: BTreeSet<&String> = ours.keys().chain(alone.keys()).collect();
        let different: Vec<String> = ids
            .into_iter()
            .filter_map(|id| difference(ours.get(id), alone.get(id)))
            .collect();
        if different.is_empty() {
            return Ok((
                true,
                format!("{} documents, attachments included", alone.len()),
            ));
        }
        fs::write(self.world.logs.join("differences"), different.join("\n"))?;
        Ok((
            false,
            format!("{} differ: {}", different.len(), some(&different)),
        ))
    }

    /// Documents by id: a document listed twice is an error.
    fn documents(&self, town: &Town<'_>) -> Result<BTreeMap<String, Value>> {
        let listed = town.json(&["documents"], &[0])?;
        let listed = listed.as_array().context("no list of documents")?;
        let all: BTreeMap<String, Value> = listed
            .iter()
            .filter_map(|d| Some((d["id"].as_str()?.to_owned(), d.clone())))
            .collect();
        ensure!(all.len() == listed.len(), "a document is listed twice");
        Ok(whichever_came_first(all))
    }

    fn records(&self) -> Found {
        let counts = "select count(*), count(*) - count(distinct (run_key, generation)), count(*) - count(leaf_index) from records";
        let answer = self.world.ledger.ask(counts)?;
        let numbers: Vec<&str> = answer.split('|').collect();
        let holds = numbers.get(1) == Some(&"0") && numbers.get(2) == Some(&"0");
        let said = format!(
            "{} records, {} twice, {} not in the log",
            numbers.first().unwrap_or(&"?"),
            numbers.get(1).unwrap_or(&"?"),
            numbers.get(2).unwrap_or(&"?")
        );
        Ok((holds, said))
    }

    fn queues(&self) -> (bool, String) {
        let left = &self.settled.left;
        // What was given back and done by someone else meanwhile waits until its time is over.
        let waiting = |name: &str| name.contains(".retry.");
        let holds = left.iter().all(|(name, _)| waiting(name));
        if left.is_empty() {
            return (true, "all of them".to_owned());
        }
        let said: Vec<String> = left
            .iter()
            .map(|(name, n)| format!("{n} in {name}"))
            .collect();
        let found = match holds {
            true => format!(
                "{}: of tasks that are done, until their delay is over",
                said.join(", ")
            ),
            false => said.join(", "),
        };
        (holds, found)
    }

    fn parked(&self) -> Found {
        let parked = self.world.town.json(&["parked", "list"], &[0])?;
        let parked = parked.as_array().context("no list of parked messages")?;
        let reasons: Vec<String> = parked
            .iter()
            .map(|p| format!("{}: {}", p["key"], p["reason"]))
            .collect();
        Ok((
            parked.is_empty(),
            match parked.len() {
                0 => "no message".to_owned(),
                n => format!("{n}: {}", some(&reasons)),
            },
        ))
    }

    fn index(&self) -> Found {
        let status = self.world.town.json(&["index", "status"], &[0])?;
        let alone = self.alone.json(&["index", "status"], &[0])?;
        let followed = settle::followed(&status) && self.settled.indexed;
        let held = |status: &Value| -> Vec<String> {
            let all = status.as_array().into_iter().flatten();
            all.map(|one| {
                let counts =
                    ["documents", "passages", "vectors"].map(|c| format!("{} {c}", one[c]));
                format!(
                    "{}: {}",
                    one["collection"].as_str().unwrap_or("?"),
                    counts.join(", ")
                )
            })
            .collect()
        };
        let (ours, theirs) = (held(&status), held(&alone));
        let same = ours == theirs;
        let found = match (followed, same) {
            (true, true) => ours.join("; "),
            (false, _) => format!("behind the log: {status}"),
            (true, false) => format!("{}, undisturbed {}", ours.join("; "), theirs.join("; ")),
        };
        Ok((followed && same, found))
    }

    fn words(&self) -> Found {
        let (queries, run) = (
            self.folder.join("words.jsonl"),
            self.folder.join("words.trec"),
        );
        let mut lines = String::new();
        for (stem, word) in &self.papers.words {
            let line = serde_json::json!({"id": stem, "text": format!("\"{word}\"")});
            writeln!(lines, "{line}")?;
        }
        fs::write(&queries, lines)?;
        let (queries, run) = (queries.display().to_string(), run.display().to_string());
        self.world.town.ran(
            &[
                "search",
                "--mode",
                "lexical",
                "--queries",
                &queries,
                "--run",
                &run,
            ],
            &[0],
        )?;
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in fs::read_to_string(&run)?.lines() {
            let mut columns = line.split(' ');
            let (query, document) = (columns.next(), columns.nth(1));
            if let (Some(query), Some(document)) = (query, document) {
                found
                    .entry(query.to_owned())
                    .or_default()
                    .push(document.to_owned());
            }
        }
        let wrong: Vec<String> = self
            .papers
            .words
            .iter()
            .filter(|(stem, _)| {
                found
                    .get(stem)
                    .is_none_or(|hits| hits.as_slice() != [stem.clone()])
            })
            .map(|(stem, word)| format!("{word} of {stem} finds {:?}", found.get(stem)))
            .collect();
        Ok(match wrong.is_empty() {
            true => (
                true,
                format!("{} words, each once", self.papers.words.len()),
            ),
            false => (false, format!("{} do not: {}", wrong.len(), some(&wrong))),
        })
    }

    fn verified(&self) -> Found {
        let ours = self.world.town.json(&["verify"], &[0, 4])?;
        let alone = self.alone.json(&["verify"], &[0, 4])?;
        let counted = ["documents", "records", "artifacts", "owed"];
        let said = |verified: &Value| {
            let all = counted.map(|what| format!("{} {what}", verified[what]));
            all.join(", ")
        };
        let findings = |verified: &Value| -> Vec<String> {
            let all = verified["findings"].as_array().into_iter().flatten();
            all.map(ToString::to_string).collect()
        };
        let wrong = [findings(&ours), findings(&alone)].concat();
        if !wrong.is_empty() {
            return Ok((false, format!("{} findings: {}", wrong.len(), some(&wrong))));
        }
        let (ours, alone) = (said(&ours), said(&alone));
        if ours != alone {
            return Ok((false, format!("{ours}; undisturbed {alone}")));
        }
        Ok((true, ours))
    }

    fn replay(&self) -> Found {
        let mut answers: BTreeMap<String, u64> = BTreeMap::new();
        let listed = self.documents(&self.world.town)?;
        let step = (listed.len() / self.replayed.max(1)).max(1);
        for id in listed.keys().step_by(step) {
            let replayed = self.world.town.json(&["replay", id], &[0, 4])?;
            for one in replayed.as_array().into_iter().flatten() {
                let answer = one["answer"].as_str().unwrap_or("?");
                *answers.entry(answer.to_owned()).or_default() += 1;
            }
        }
        let said: Vec<String> = answers.iter().map(|(a, n)| format!("{n} {a}")).collect();
        let holds = answers.keys().all(|answer| answer == "identical") && !answers.is_empty();
        Ok((holds, said.join(", ")))
    }

    fn left(&self) -> (bool, String) {
        match self.disorder {
            [] => (true, "all of them".to_owned()),
            wrong => (false, wrong.join("; ")),
        }
    }
}

/// Attachments of the same bytes come in whatever order their letters are read in, and the first is
/// the original: says which are copies of each other instead.
fn whichever_came_first(mut documents: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut copies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, document) in &documents {
        if let Some(original) = document["duplicate_of"].as_str() {
            copies
                .entry(original.to_owned())
                .or_default()
                .push(id.clone());
        }
    }
    for (original, mut all) in copies {
        all.push(original);
        all.sort();
        for id in &all {
            if let Some(document) = documents.get_mut(id) {
                document["duplicate_of"] = Value::from(all.clone());
            }
        }
    }
    documents
}

/// In what a document differs from the same one undisturbed.
fn difference(ours: Option<&Value>, alone: Option<&Value>) -> Option<String> {
    let name = |d: &Value| d["name"].as_str().unwrap_or("?").to_owned();
    match (ours, alone) {
        (Some(ours), Some(alone)) if ours == alone => None,
        (Some(ours), Some(alone)) => {
            let keys = alone.as_object()?.keys();
            let parts: Vec<String> = keys
                .filter(|key| ours[key.as_str()] != alone[key.as_str()])
                .map(|key| format!("{key} {} instead of {}", ours[key], alone[key]))
                .collect();
            Some(format!("{}: {}", name(alone), parts.join(", ")))
        }
        (Some(ours), None) => Some(format!("{}: not there undisturbed", name(ours))),
        (None, Some(alone)) => Some(format!("{}: not there", name(alone))),
        (None, None) => None,
    }
}

/// The first of many.
fn some(all: &[String]) -> String {
    let shown: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
    let more = if all.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn copies_are_copies_whichever_came_first() {
        let listed = |of: [Option<&str>; 3]| {
            let ids = ["a", "b", "c"].map(str::to_owned);
            let all = of.map(|original| json!({ "duplicate_of": original }));
            whichever_came_first(ids.into_iter().zip(all).collect())
        };
        let first = listed([None, Some("a"), None]);
        assert_eq!(first, listed([Some("b"), None, None]));
        assert_ne!(first, listed([None, None, None]));
        assert_ne!(first, listed([None, Some("a"), Some("a")]));
    }

    #[test]
    fn a_difference_says_where() {
        let one = json!({"name": "a", "service": "voirie", "state": "done"});
        let other = json!({"name": "a", "service": "ccas", "state": "done"});
        assert_eq!(difference(Some(&one), Some(&one)), None);
        assert_eq!(
            difference(Some(&one), Some(&other)).unwrap(),
            "a: service \"voirie\" instead of \"ccas\""
        );
        assert_eq!(difference(None, Some(&one)).unwrap(), "a: not there");
        assert!(difference(Some(&one), None).is_some());
    }
}

//! `eval year`: a year of a town that routes by itself, simulated on labelled texts.
//!
//! A head is learnt from a first part of the set as `train` learns one. Then, week after week, other
//! documents of the set arrive; the product's own classifier and rules decide; people look at what
//! goes to them, as far as they have time, and at the share drawn by lot; the product's own watch
//! ([`crate::watch`]) measures, alerts and suspends; people train again from time to time and after an
//! alert, and lift the suspension then. In one week everything changes: a service is renamed, which no
//! text shows, and documents of a label never seen before begin to arrive.
//!
//! Only the simulation knows how many documents were misrouted. It says whether the promise was kept
//! or, where it was not, how long it took until it was suspended; a year in which nothing went by
//! itself when the change came proves nothing, and is counted apart.

mod report;
mod town;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use inference::promise::lower_bound;
use serde::Serialize;

use crate::args::{EvalYear, Global};
use crate::commands::Ending;
use crate::commands::classify::encode;
use crate::commands::tables::columns;
use crate::house::models;
use crate::print;
use crate::stages::EmbedSettings;
use town::{Event, Plan, Texts, Town, Week};

/// Weeks within which a promise that is not kept must be suspended.
const WITHIN: usize = 2;

/// How a year ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "weeks")]
enum Outcome {
    /// Nothing was routed by itself when the change came: there was nothing to keep.
    Idle,
    /// No two weeks proved more misrouted than promised.
    Kept,
    /// It was suspended, with an alert, by the end of this week after the change.
    Suspended(usize),
    /// Two weeks proved more misrouted than promised, and an alert said something by their end, but
    /// nothing was suspended.
    Alerted(usize),
    /// And nothing was said.
    Broken,
}

/// A year, and what is said of it.
#[derive(Debug, Serialize)]
struct Year {
    seed: u64,
    renamed: String,
    new_form: String,
    outcome: Outcome,
    /// Share routed by itself before the change, and after.
    automatic_before: f64,
    automatic_after: f64,
    /// Share misrouted among these before the change, in the two weeks that begin with it, and after.
    misrouted_before: f64,
    misrouted_then: f64,
    misrouted_after: f64,
    /// Weeks until the first alert after the change.
    first_alert: Option<usize>,
    /// Suspensions before the change, which are false, and drifts said before it.
    false_suspensions: usize,
    false_drifts: usize,
    weeks: Vec<Week>,
}

/// Everything.
#[derive(Debug, Serialize)]
struct Report {
    set: String,
    documents: usize,
    labels: usize,
    plan: Plan,
    years: Vec<Year>,
}

/// Simulates years.
///
/// # Errors
/// When a file cannot be read or is too small, or a model cannot be trained or used.
pub async fn year(global: &Global, args: &EvalYear) -> Result<Ending> {
    let (global, args) = (global.clone(), args.clone());
    tokio::task::spawn_blocking(move || simulate(&global, &args)).await?
}

fn simulate(global: &Global, args: &EvalYear) -> Result<Ending> {
    let lang = global.lang;
    let threads = global
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    let set = read(global, args, threads)?;
    let plan = Plan {
        weeks: args.weeks,
        per_week: args.per_week,
        drift_week: args.drift_week,
        capacity: args.capacity.unwrap_or(args.per_week),
        slips: args.slips,
        initial: args.initial,
        memory: args.memory,
        retrain_every: args.retrain_every.max(1),
        max_misrouting: args.max_misrouting,
        confidence: args.confidence,
        audit_share: args.audit_share,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let bar = print::bar(
        args.seeds * plan.weeks as u64,
        lang.pick("semaines", "weeks"),
    );
    let mut years = Vec::new();
    for seed in args.seed..args.seed + args.seeds {
        // Heads of a simulated year are kept nowhere.
        let folder = tempfile::tempdir()?;
        let there = Global {
            data: folder.path().to_owned(),
            ..global.clone()
        };
        let (_, models) = models(&there, threads)?;
        let town = Town::new(&set, &plan, Arc::new(models), seed)?;
        let weeks = pool.install(|| town.live(seed, &|| bar.inc(1)))?;
        let (renamed, new_form) = town.changes();
        years.push(Year::of(seed, renamed, new_form, weeks, &plan));
    }
    bar.finish_and_clear();
    let report = Report {
        set: set.name,
        documents: set.texts.len(),
        labels: set.names.len(),
        plan,
        years,
    };
    if let Some(out) = &args.out {
        std::fs::write(out, report::page(&report, lang))
            .with_context(|| format!("cannot write {}", out.display()))?;
    }
    if global.json {
        print::json(&report)?;
    } else {
        report::show(&report, lang);
    }
    Ok(Ending::Done)
}

fn read(global: &Global, args: &EvalYear, threads: usize) -> Result<Texts> {
    let mut rows = columns(&args.input, &[args.text.as_str(), args.label.as_str()])?;
    for row in &mut rows {
        row[1] = row[1].trim().to_owned();
    }
    rows.retain(|row| !row[0].trim().is_empty() && !row[1].is_empty());
    ensure!(
        args.weeks > 0 && args.per_week > 0 && (0.0..1.0).contains(&args.slips),
        "a year has weeks, weeks have documents, and people are right now and then"
    );
    let names: std::collections::BTreeSet<String> = rows.iter().map(|r| r[1].clone()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let labels = rows
        .iter()
        .map(|row| names.binary_search(&row[1]).unwrap_or(0))
        .collect();
    let texts: Vec<String> = rows.into_iter().map(|mut row| row.swap_remove(0)).collect();
    let (_, models) = models(global, threads)?;
    let vectors = encode(
        models.encoder(&EmbedSettings::default().encoder)?.as_ref(),
        threads,
        &texts,
        global.lang.pick("lecture", "encoding"),
    )?;
    let file = args.input.file_name().unwrap_or_default().to_string_lossy();
    Ok(Texts {
        name: file.split('.').next().unwrap_or_default().to_owned(),
        texts,
        vectors,
        labels,
        names,
    })
}

/// Documents routed by themselves, and those of them misrouted.
fn sums(weeks: &[Week]) -> (usize, usize) {
    let of = |sum: (usize, usize), w: &Week| (sum.0 + w.automatic, sum.1 + w.misrouted);
    weeks.iter().fold((0, 0), of)
}

fn share(part: usize, of: usize) -> f64 {
    if of == 0 {
        0.0
    } else {
        part as f64 / of as f64
    }
}

impl Year {
    fn of(seed: u64, renamed: String, new_form: String, weeks: Vec<Week>, plan: &Plan) -> Self {
        let (before, after) = weeks.split_at(plan.drift_week.saturating_sub(1).min(weeks.len()));
        let arrived = |weeks: &[Week]| weeks.iter().map(|w| w.documents).sum::<usize>();
        let (automatic_before, wrong_before) = sums(before);
        let (automatic_after, wrong_after) = sums(after);
        let (automatic_then, wrong_then) = sums(&after[..after.len().min(WITHIN)]);
        let count = |weeks: &[Week], what: fn(&Event) -> bool| {
            weeks
                .iter()
                .flat_map(|w| &w.events)
                .filter(|e| what(e))
                .count()
        };
        let first_alert = after
            .iter()
            .position(|w| w.events.iter().any(Event::alerts));
        Self {
            seed,
            renamed,
            new_form,
            outcome: outcome(before, after, plan),
            automatic_before: share(automatic_before, arrived(before)),
            automatic_after: share(automatic_after, arrived(after)),
            misrouted_before: share(wrong_before, automatic_before),
            misrouted_then: share(wrong_then, automatic_then),
            misrouted_after: share(wrong_after, automatic_after),
            first_alert: first_alert.map(|at| at + 1),
            false_suspensions: count(before, |e| matches!(e, Event::Suspended { .. })),
            false_drifts: count(before, |e| matches!(e, Event::Drift { .. })),
            weeks,
        }
    }
}

/// What became of the promise from the change on. It is not kept where two successive weeks prove
/// it, as `eval routing` says: where even the exact lower bound of what was misrouted is above it.
fn outcome(before: &[Week], after: &[Week], plan: &Plan) -> Outcome {
    let last = &before[before.len().saturating_sub(WITHIN)..];
    let first = &after[..after.len().min(WITHIN)];
    if sums(last).0 + sums(first).0 == 0 {
        return Outcome::Idle;
    }
    let suspends = |w: &Week| {
        w.events
            .iter()
            .any(|e| matches!(e, Event::Suspended { .. }))
    };
    let quiet = |w: &Week| !w.suspended && !suspends(w);
    for (at, pair) in after.windows(WITHIN).enumerate() {
        let (automatic, misrouted) = sums(pair);
        let proven = lower_bound(misrouted, automatic, plan.confidence) > plan.max_misrouting;
        if proven && pair.iter().all(quiet) {
            let said = after[..at + WITHIN].iter();
            let said = said.flat_map(|w| &w.events).any(Event::alerts);
            return match said {
                true => Outcome::Alerted(at + WITHIN),
                false => Outcome::Broken,
            };
        }
    }
    match after.iter().position(suspends) {
        Some(at) => Outcome::Suspended(at + 1),
        None => Outcome::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Cause, Measure};

    fn week(automatic: usize, misrouted: usize, events: Vec<Event>) -> Week {
        Week {
            week: 1,
            documents: 200,
            automatic,
            misrouted,
            measure: Measure::default(),
            stake: 1.0,
            suspended: automatic == 0,
            waiting: 0,
            surprise: None,
            events,
        }
    }

    fn plan() -> Plan {
        Plan {
            weeks: 4,
            per_week: 200,
            drift_week: 1,
            capacity: 200,
            slips: 0.0,
            initial: 0,
            memory: 0,
            retrain_every: 4,
            max_misrouting: 0.03,
            confidence: 0.95,
            audit_share: 0.05,
        }
    }

    #[test]
    fn a_promise_is_kept_suspended_said_or_broken() {
        let suspended = || {
            vec![Event::Suspended {
                cause: Cause::Promise,
            }]
        };
        let unlearnt = || {
            vec![Event::Unlearnt {
                services: Vec::new(),
            }]
        };
        let of = |weeks: &[Week]| outcome(&[], weeks, &plan());
        let good = || week(100, 1, Vec::new());
        let bad = || week(100, 30, Vec::new());
        assert_eq!(of(&[good(), good(), good()]), Outcome::Kept);
        let idle = || week(0, 0, Vec::new());
        assert_eq!(of(&[idle(), idle(), good()]), Outcome::Idle);
        assert_eq!(
            of(&[bad(), week(100, 30, suspended()), week(0, 0, Vec::new())]),
            Outcome::Suspended(2)
        );
        assert_eq!(
            of(&[bad(), week(100, 30, unlearnt()), bad()]),
            Outcome::Alerted(2)
        );
        assert_eq!(of(&[good(), bad(), bad(), good()]), Outcome::Broken);
        assert_eq!(
            of(&[bad(), bad(), week(100, 30, suspended())]),
            Outcome::Broken
        );
    }
}

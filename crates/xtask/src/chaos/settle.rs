//! After the last fault: until nothing is owed, the index has followed, and the queues are empty.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::storm::World;
use crate::program::note;

const STEP: Duration = Duration::from_millis(500);
/// A house where nothing moves for so long, whose queues are empty, waits for something that will not
/// come: a message may be in the hands of a worker for much less.
const STILL: Duration = Duration::from_secs(40);
/// Shows tasks that a message was lost for.
const TASKS: &str = "select encode(document, 'hex'), stage, attempts, reason, not_before, published_at from tasks order by ord";

/// Counts records that have no place in the log yet.
const UNPLACED: &str = "select count(*) from records where leaf_index is null";

/// How it ended.
#[derive(Default)]
pub(crate) struct Settled {
    /// Until nothing was owed.
    pub(crate) took: Duration,
    /// Tasks that nothing but a reclaim moved.
    pub(crate) reclaimed: Vec<String>,
    /// What is still owed at the limit.
    pub(crate) owed: Vec<String>,
    /// Whether the index followed the log to its end.
    pub(crate) indexed: bool,
    /// Queues that still hold messages, and how many.
    pub(crate) left: Vec<(String, u64)>,
}

/// Waits, for so long at most for what is owed, and for so long for messages that are owed to nobody.
///
/// # Errors
/// When a command of the house fails.
pub(crate) fn wait(world: &mut World<'_>, limit: Duration, stale: Duration) -> Result<Settled> {
    let mut settled = Settled::default();
    let started = Instant::now();
    let mut seen = (String::new(), Instant::now());
    loop {
        world.crew.tend(&world.town)?;
        let tasks = world.ledger.ask(TASKS)?;
        settled.took = started.elapsed();
        if tasks.is_empty() {
            break;
        }
        if tasks != seen.0 {
            seen = (tasks.clone(), Instant::now());
        }
        let rows = || tasks.lines().map(str::to_owned).collect::<Vec<_>>();
        if seen.1.elapsed() > STILL && settled.reclaimed.is_empty() && held(&queues(world)?) == 0 {
            settled.reclaimed = rows();
            fs::write(world.logs.join("not-moving"), format!("{TASKS}\n{tasks}\n"))?;
            note(&format!(
                "{} tasks do not move: relays publish again what they published two seconds ago",
                settled.reclaimed.len()
            ));
            world.crew.relay_more = &["--reclaim-after", "2"];
            for relay in ["relay-1", "relay-2"] {
                world.crew.kill(relay);
            }
        }
        if started.elapsed() > limit {
            fs::write(world.logs.join("still-owed"), format!("{TASKS}\n{tasks}\n"))?;
            settled.owed = rows();
            break;
        }
        std::thread::sleep(STEP);
    }
    // Where tasks never end nothing more comes to the index either.
    let limit = if settled.owed.is_empty() {
        limit
    } else {
        stale
    };
    let started = Instant::now();
    while !settled.indexed && started.elapsed() < limit {
        world.crew.tend(&world.town)?;
        let status = world.town.json(&["index", "status"], &[0])?;
        // A record has a place in the log a moment after it is there.
        let placed = world.ledger.ask(UNPLACED)? == "0";
        settled.indexed = placed && followed(&status);
        std::thread::sleep(STEP);
    }
    let started = Instant::now();
    loop {
        world.crew.tend(&world.town)?;
        let queues = queues(world)?;
        settled.left = not_empty(&queues);
        if settled.left.is_empty() || started.elapsed() > stale {
            return Ok(settled);
        }
        std::thread::sleep(STEP);
    }
}

/// How the queues stand.
pub(crate) fn queues(world: &World<'_>) -> Result<Vec<Value>> {
    let queues = world.town.json(&["queues"], &[0])?;
    Ok(queues.as_array().cloned().unwrap_or_default())
}

/// Messages in all of them.
fn held(queues: &[Value]) -> u64 {
    queues.iter().filter_map(|q| q["messages"].as_u64()).sum()
}

/// Those that hold messages, and how many.
fn not_empty(queues: &[Value]) -> Vec<(String, u64)> {
    queues
        .iter()
        .filter_map(|queue| {
            let held = queue["messages"].as_u64().filter(|held| *held > 0)?;
            Some((queue["queue"].as_str()?.to_owned(), held))
        })
        .collect()
}

/// Whether every index is where the log is.
pub(crate) fn followed(status: &Value) -> bool {
    status
        .as_array()
        .is_some_and(|all| all.iter().all(|one| one["position"] == one["log"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_index_that_lags_is_seen() {
        let at =
            |position: u64| json!([{"position": 7, "log": 7}, {"position": position, "log": 7}]);
        assert!(followed(&at(7)));
        assert!(!followed(&at(6)));
        assert!(!followed(&json!({})));
    }

    #[test]
    fn queues_that_hold_something_are_named() {
        let queues = [
            json!({"queue": "a", "messages": 0}),
            json!({"queue": "b", "messages": 2}),
        ];
        assert_eq!(held(&queues), 2);
        assert_eq!(not_empty(&queues), [("b".to_owned(), 2)]);
    }
}

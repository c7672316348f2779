//! Simulation of the protocol between workers, queue, ledger and blobs.
//!
//! One seed decides a world: which documents arrive, how often each kind of fault happens, who
//! goes on next, who dies where. Time is simulated, there is one thread, and the same seed is the
//! same world, step for step. After the faults stop, the world must come to rest, and then
//! everything must be as if nothing had ever gone wrong (`checks`).
//!
//! | module | what it holds |
//! |---|---|
//! | `world` | the clock, the generator, faults, actors and who is next |
//! | `queue` | a queue that loses, repeats, reorders, delays, parks, starts again and lies |
//! | `town` | the actors: intakes, the relay of the house, workers, sequencer, operator, the tool that comes late |
//! | `checks` | what must hold at every moment, and at rest |
//! | `broken` | parts that break a promise, which some world must notice |
//!
//! `GREFFIER_SIM_SEED=7 cargo test -p pipeline --test simulation -- --nocapture` replays one world
//! with its whole trace; `GREFFIER_SIM_SEEDS=100000` looks at more of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod broken;
mod checks;
mod queue;
mod random;
mod town;
mod world;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use broken::Broken;
use random::Random;
use town::{Ran, Scenario, Statements};
use world::{Faults, Tally};

/// Workers of each world.
const WORKERS: usize = 3;
/// Worlds that are looked at unless told otherwise.
const SEEDS: u64 = 400;
/// Lines of the trace that are shown of a world that fails.
const LINES: usize = 40;

/// What records claim when nothing goes wrong, of every document that a world may draw. A statement
/// depends on its own document only, so one calm world serves all.
fn calm() -> &'static Statements {
    static CALM: OnceLock<Statements> = OnceLock::new();
    CALM.get_or_init(|| {
        let ran = town::run(0, Faults::default(), &Scenario::everything(), None, false);
        assert!(
            ran.problems.is_empty(),
            "even a calm world fails: {:#?}",
            ran.problems
        );
        ran.statements
    })
}

/// Runs the world of a seed.
fn run(seed: u64, broken: Option<Broken>, traced: bool) -> Ran {
    let mut random = Random::new(seed);
    let scenario = Scenario::draw(&mut random);
    let faults = Faults::draw(&mut random);
    let mut ran = town::run(random.next(), faults, &scenario, broken, traced);
    for (key, statement) in &ran.statements {
        if calm().get(key) != Some(statement) {
            ran.problems.push(format!(
                "{key:?} is not what it is in a calm world: {statement:?}"
            ));
        }
    }
    ran
}

/// What to show of a world that fails: it is run again, this time with its trace.
fn report(seed: u64, lines: usize) -> String {
    let ran = run(seed, None, true);
    let from = ran.trace.len().saturating_sub(lines);
    format!(
        "seed {seed} fails:\n  {}\nlast lines of its trace (all of it: GREFFIER_SIM_SEED={seed}):\n{}\n",
        ran.problems.join("\n  "),
        ran.trace[from..].join("\n")
    )
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs seeds on every core, until one fails. Each world has one thread of its own.
fn run_all(seeds: u64) -> Vec<(u64, Ran)> {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(u64, Ran)> = std::thread::scope(|scope| {
        let work = || {
            let mut ran = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::SeqCst);
                if seed >= seeds {
                    return ran;
                }
                let world = run(seed, None, false);
                let failed = !world.problems.is_empty();
                ran.push((seed, world));
                if failed {
                    next.store(seeds, Ordering::SeqCst);
                }
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().unwrap())
            .collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all
}

#[test]
fn whatever_goes_wrong_the_world_ends_as_if_nothing_had() {
    if let Some(seed) = variable("GREFFIER_SIM_SEED") {
        let ran = run(seed, None, true);
        println!("{}\n{:?}", ran.trace.join("\n"), ran.tally);
        assert!(
            ran.problems.is_empty(),
            "seed {seed} fails:\n  {}",
            ran.problems.join("\n  ")
        );
        return;
    }
    let seeds = variable("GREFFIER_SIM_SEEDS").unwrap_or(SEEDS);
    let all = run_all(seeds);
    if let Some((seed, _)) = all.iter().find(|(_, ran)| !ran.problems.is_empty()) {
        panic!("{}", report(*seed, LINES));
    }
    if seeds >= SEEDS {
        // A simulation in which nothing happens proves nothing.
        let sum = |of: fn(&Tally) -> u64| all.iter().map(|(_, ran)| of(&ran.tally)).sum::<u64>();
        let happened = [
            ("done", sum(|t| t.done)),
            ("stale", sum(|t| t.stale)),
            ("deferred", sum(|t| t.deferred)),
            ("quarantined", sum(|t| t.quarantined)),
            ("errors", sum(|t| t.errors)),
            ("refusals", sum(|t| t.refusals)),
            ("lies", sum(|t| t.lies)),
            ("deaths", sum(|t| t.deaths)),
            ("deaths at work", sum(|t| t.deaths_at_work)),
            ("stalls", sum(|t| t.stalls)),
            ("losses", sum(|t| t.losses)),
            ("repeats", sum(|t| t.repeats)),
            ("reclaimed", sum(|t| t.reclaimed)),
            ("restarts", sum(|t| t.restarts)),
            ("parked", sum(|t| t.parked)),
            ("steps", sum(|t| t.steps)),
        ];
        println!("{happened:?}");
        for (what, times) in happened {
            assert!(times > 100, "{what} happened only {times} times");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [1, 2, 3] {
        let (once, again) = (run(seed, None, true), run(seed, None, true));
        assert!(once.trace.len() > 100);
        assert_eq!(once.trace, again.trace);
        // Looking changes nothing.
        assert_eq!(run(seed, None, false).tally.steps, once.tally.steps);
    }
}

#[test]
fn a_part_that_breaks_its_promise_is_noticed() {
    for broken in Broken::ALL {
        let noticed = (0..40).find(|seed| !run(*seed, Some(broken), false).problems.is_empty());
        println!("{broken:?} is noticed by seed {noticed:?}");
        assert!(noticed.is_some(), "no seed notices {broken:?}");
    }
}

//! What machines carry: arithmetic on the measured cost of a document by shape, held against a
//! simulation of the queue over a day.
//!
//! Arithmetic alone says that a day's work fits into a day; a queue also has hours. The simulation
//! lets documents arrive at random over a working day with a busy morning, and gives each to the first
//! free core: what it says of waiting is what the arithmetic cannot. It has a seed of its own and no
//! clock: the same costs give the same table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Serialize;

use crate::intake;

/// The share of its time that a core may work, so that the busy morning is done the same morning.
const UTILISATION: f64 = 0.5;

/// Hours in which documents arrive, and how much of a day comes in each: a working day.
const HOURS: [f64; 10] = [0.08, 0.16, 0.18, 0.12, 0.06, 0.06, 0.10, 0.10, 0.08, 0.06];

/// Of a hundred documents of a town hall, how many have each shape. An assumption, not a measure.
const MIX: [(&str, f64); 5] = [
    ("letter", 0.20),
    ("form", 0.30),
    ("email", 0.30),
    ("report", 0.10),
    ("minutes", 0.10),
];

/// Of a hundred documents, how many pages of scans they bring besides. An assumption too.
const SCANNED_PAGES: f64 = 0.60;

/// Whom a machine may serve, and how many documents a working day brings them. Assumptions: a town of
/// thirty thousand people registers some 150 pieces of mail and messages a day.
const SERVED: [(&str, f64); 5] = [
    ("a town of 30,000", 150.0),
    ("a city of 300,000", 1_500.0),
    ("a département and its towns", 15_000.0),
    ("a hundred towns", 15_000.0),
    ("35,000 communes", 330_000.0),
];

/// What one kind of day needs.
#[derive(Serialize)]
pub(crate) struct Run {
    served: &'static str,
    documents_a_day: f64,
    /// Seconds of one core.
    core_seconds_a_day: f64,
    cores: u64,
    /// By simulation, with that many cores: seconds from arrival to done.
    median_s: f64,
    p95_s: f64,
    longest_s: f64,
    /// And how busy they were in the busiest hour.
    busiest_hour: f64,
}

/// Core-milliseconds of a document of each shape, from runs of this bench; of a scanned page as given.
pub(crate) fn run(runs: &[intake::Run], page_ms: f64) -> Vec<Run> {
    let costs: Vec<(f64, f64)> = MIX
        .iter()
        .filter_map(|(shape, share)| {
            Some((*share, runs.iter().find(|r| r.shape == *shape)?.core_ms()))
        })
        .collect();
    let mean: f64 =
        costs.iter().map(|(share, ms)| share * ms).sum::<f64>() + SCANNED_PAGES * page_ms;
    println!(
        "\n{:<28} {:>13} {:>14} {:>7} {:>10} {:>9} {:>12} {:>13}",
        "served",
        "documents/day",
        "core-hours/day",
        "cores",
        "median (s)",
        "p95 (s)",
        "longest (s)",
        "busiest hour"
    );
    let runs: Vec<Run> = SERVED
        .iter()
        .map(|(served, documents)| {
            let day = documents * mean / 1e3;
            // The busiest hour decides.
            let busiest = HOURS.iter().copied().fold(0.0, f64::max);
            let cores = (day * busiest / 3_600.0 / UTILISATION).ceil().max(1.0) as u64;
            simulate(served, *documents, &costs, page_ms, cores)
        })
        .collect();
    for run in &runs {
        println!(
            "{:<28} {:>13} {:>14.2} {:>7} {:>10.1} {:>9.1} {:>12.1} {:>12.0} %",
            run.served,
            run.documents_a_day,
            run.core_seconds_a_day / 3_600.0,
            run.cores,
            run.median_s,
            run.p95_s,
            run.longest_s,
            100.0 * run.busiest_hour
        );
    }
    runs
}

/// One day: arrivals at random within each hour, served by whoever is free first.
fn simulate(
    served: &'static str,
    documents: f64,
    costs: &[(f64, f64)],
    page_ms: f64,
    cores: u64,
) -> Run {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut arrivals: Vec<(f64, f64)> = Vec::new();
    for (hour, share) in HOURS.iter().enumerate() {
        for _ in 0..(documents * share).round() as usize {
            let at = 3_600.0 * (hour as f64 + random.unit());
            arrivals.push((at, cost(&mut random, costs, page_ms) / 1e3));
        }
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free: BinaryHeap<Reverse<u64>> = (0..cores).map(|_| Reverse(0)).collect();
    let micros = |s: f64| (s * 1e6) as u64;
    let mut took = Vec::with_capacity(arrivals.len());
    let mut busy = vec![0.0; HOURS.len() + 24];
    let mut work = 0.0;
    for (at, cost) in &arrivals {
        let Reverse(earliest) = free.pop().unwrap_or(Reverse(0));
        let begins = earliest.max(micros(*at));
        let ends = begins + micros(*cost);
        free.push(Reverse(ends));
        took.push((ends - micros(*at)) as f64 / 1e6);
        let hour = (begins / 3_600_000_000) as usize;
        if let Some(busy) = busy.get_mut(hour) {
            *busy += cost;
        }
        work += cost;
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default()
    };
    let busiest = busy.iter().copied().fold(0.0, f64::max);
    Run {
        served,
        documents_a_day: documents,
        core_seconds_a_day: work,
        cores,
        median_s: at(0.5),
        p95_s: at(0.95),
        longest_s: at(1.0),
        busiest_hour: busiest / (3_600.0 * cores as f64),
    }
}

/// What one document costs: its shape by the mix, and now and then scanned pages, three at a time.
fn cost(random: &mut Random, costs: &[(f64, f64)], page_ms: f64) -> f64 {
    const PAGES: f64 = 3.0;
    let mut left = random.unit();
    let mut ms = costs.last().map_or(0.0, |(_, ms)| *ms);
    for (share, cost) in costs {
        if left < *share {
            ms = *cost;
            break;
        }
        left -= share;
    }
    if random.unit() < SCANNED_PAGES / PAGES {
        ms += PAGES * page_ms;
    }
    ms
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_all_of_its_documents() {
        assert!((HOURS.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((MIX.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn half_the_cores_wait_longer_and_the_work_is_the_same() {
        let costs = [(1.0, 4_000.0)];
        let day = |cores| simulate("a town", 10_000.0, &costs, 0.0, cores);
        let (few, many) = (day(1), day(4));
        assert!((few.core_seconds_a_day - 40_000.0).abs() < 1.0);
        assert!((few.core_seconds_a_day - many.core_seconds_a_day).abs() < 1e-6);
        assert!(
            few.p95_s > 100.0 * many.p95_s,
            "{} {}",
            few.p95_s,
            many.p95_s
        );
        assert!(many.median_s >= 4.0);
    }

    #[test]
    fn one_core_that_is_half_busy_waits_as_the_formula_says() {
        // Pollaczek and Khinchine, for equal service times: the mean wait is rho s / (2 (1 - rho)).
        let service = 1_800.0;
        let per_hour = 1_000.0;
        let mut random = Random(7);
        let mut at = 0.0;
        let (mut free, mut waited) = (0.0_f64, 0.0);
        let n = 200_000;
        for _ in 0..n {
            at -= (1.0 - random.unit()).ln() * 3_600_000.0 / per_hour;
            let begins = free.max(at);
            waited += begins - at;
            free = begins + service;
        }
        let rho = service * per_hour / 3_600_000.0;
        let expected = rho * service / (2.0 * (1.0 - rho));
        let mean = waited / f64::from(n);
        assert!((mean / expected - 1.0).abs() < 0.03, "{mean} {expected}");
    }
}

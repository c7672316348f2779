//! `eval alerts`: how many outbreaks are seen within two weeks, beside EARS C2 and a z-score, at the
//! same false alarms; and whether the promised share of false discoveries holds where nothing happens.

mod draw;
mod trial;

use anyhow::{Result, ensure};
use domain::Lang;
use domain::Probability;
use insight::TrendSettings;
use serde::Serialize;

use super::dated;
use crate::args::{EvalAlerts, Global};
use crate::commands::Ending;
use crate::print;
use trial::{BANDS, Nulls, OUTBREAK, Table, Trial, WAYS, nulls, trial};

/// One set.
#[derive(Debug, Serialize)]
struct Set {
    set: String,
    rows: usize,
    undated: usize,
    #[serde(flatten)]
    trial: Trial,
}

/// Everything measured.
#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    sets: Vec<Set>,
    nulls: Vec<Nulls>,
}

/// Weeks before, dispersion, how far the effort varies, share of series in an outbreak.
type Null = (usize, f64, f64, f64);

/// What is simulated without outbreaks, but the last: weeks before, dispersion, how far the effort
/// varies, share of series in an outbreak.
const NULLS: [(&str, Null); 7] = [
    ("5 weeks, chance alone", (5, 1.0, 0.0, 0.0)),
    ("10 weeks, chance alone", (10, 1.0, 0.0, 0.0)),
    ("28 weeks, chance alone", (28, 1.0, 0.0, 0.0)),
    ("10 weeks, clusters, uneven effort", (10, 1.5, 0.6, 0.0)),
    ("28 weeks, clusters, uneven effort", (28, 1.5, 0.6, 0.0)),
    ("28 weeks, large clusters", (28, 2.5, 0.0, 0.0)),
    (
        "28 weeks, clusters, one series in ten four times as many",
        (28, 1.5, 0.3, 0.1),
    ),
];

/// Measures.
///
/// # Errors
/// When a file cannot be read or lacks a column.
pub async fn alerts(global: &Global, args: &EvalAlerts) -> Result<Ending> {
    let (global, args) = (global.clone(), args.clone());
    tokio::task::spawn_blocking(move || measure(&global, &args)).await?
}

fn measure(global: &Global, args: &EvalAlerts) -> Result<Ending> {
    ensure!(
        (0.0..0.5).contains(&args.rate) && (0.0..1.0).contains(&args.false_discovery_rate),
        "rates are shares: 0.02, 0.05"
    );
    let trend = TrendSettings {
        false_discovery_rate: Probability::from_millionths(
            (args.false_discovery_rate * 1e6).round() as u32,
        ),
        min_reports: 8,
        ..TrendSettings::default()
    };
    let mut sets = Vec::new();
    for input in &args.input {
        let series = dated::read(
            input,
            &args.date,
            &args.place,
            args.step,
            args.cell,
            trend.min_reports,
        )?;
        let whole = series
            .names
            .iter()
            .position(|n| n == "*")
            .map(|at| series.counts[at].clone())
            .unwrap_or_default();
        let effort = series
            .counts
            .iter()
            .map(|c| whole.iter().zip(c).map(|(w, c)| w - c).collect())
            .collect();
        let table = Table {
            counts: series.counts,
            effort,
        };
        sets.push(Set {
            set: series.set,
            rows: series.rows,
            undated: series.undated,
            trial: trial(&table, args.injections, args.seed, args.rate, &trend),
        });
    }
    let nulls = NULLS
        .iter()
        .map(|(what, plan)| nulls(what, *plan, args.nulls, args.seed, &trend))
        .collect();
    let report = Report {
        seed: args.seed,
        sets,
        nulls,
    };
    match global.json {
        true => print::json(&report)?,
        false => show(&report, global.lang),
    }
    Ok(Ending::Done)
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

fn show(report: &Report, lang: Lang) {
    for set in &report.sets {
        let t = &set.trial;
        print::line(match lang {
            Lang::Fr => format!(
                "{} : {} lignes ({} sans date lisible), {} séries de {} pas ; fausses alertes permises à chacun : {} % des séries et des semaines. Part des flambées injectées vues en {OUTBREAK} semaines, en % :",
                set.set,
                set.rows,
                set.undated,
                t.series,
                t.weeks,
                percent(t.rate)
            ),
            Lang::En => format!(
                "{}: {} rows ({} without a readable date), {} series of {} steps; false alarms allowed to each way: {} % of series and weeks. Share of injected outbreaks seen within {OUTBREAK} weeks, in %:",
                set.set,
                set.rows,
                set.undated,
                t.series,
                t.weeks,
                percent(t.rate)
            ),
        });
        let mut rows = Vec::new();
        for band in &t.bands {
            for o in &band.outbreaks {
                let below = band.below.map_or("…".to_owned(), |b| b.to_string());
                rows.push(vec![
                    format!("{}–{below}", band.from),
                    format!("× {}", o.factor),
                    percent(o.seen[0]),
                    percent(o.seen[1]),
                    percent(o.seen[2]),
                    format!(
                        "{:+.1} [{:+.1} ; {:+.1}]",
                        100.0 * o.more.0,
                        100.0 * o.more.1,
                        100.0 * o.more.2
                    ),
                    percent(o.announced),
                    format!("{:.2}", band.announced_a_month),
                ]);
            }
        }
        print::table(
            &[
                lang.pick("par semaine", "a week"),
                lang.pick("flambée", "outbreak"),
                WAYS[0],
                WAYS[1],
                WAYS[2],
                lang.pick("écart au meilleur [95 %]", "over the better [95 %]"),
                lang.pick("annoncées", "announced"),
                lang.pick(
                    "alertes/mois sans injection",
                    "alerts a month, none injected",
                ),
            ],
            rows,
        );
    }
    debug_assert_eq!(BANDS.len(), 3);
    let rows = report
        .nulls
        .iter()
        .map(|n| {
            vec![
                n.what.to_owned(),
                n.weeks.to_string(),
                n.series.to_string(),
                percent(n.promised),
                format!("{} ± {}", percent(n.false_share), percent(n.half)),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("simulation", "simulated"),
            lang.pick("semaines", "weeks"),
            lang.pick("séries", "series"),
            lang.pick("promis %", "promised %"),
            lang.pick("fausses parmi les annoncées %", "false among announced %"),
        ],
        rows,
    );
}

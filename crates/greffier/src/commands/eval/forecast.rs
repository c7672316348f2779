//! `eval forecast`: how far forecasts are from what came, beside the seasonal naive one, and how
//! often their intervals hold it. The origin rolls: each forecast knows only what came before.

use anyhow::{Result, ensure};
use domain::Lang;
use insight::forecast::forecast as expect;
use serde::Serialize;

use super::dated::{self, Step};
use crate::args::{EvalForecast, Global};
use crate::commands::Ending;
use crate::print;

/// One set.
#[derive(Debug, Serialize)]
struct Row {
    set: String,
    step: Step,
    series: usize,
    forecasts: usize,
    /// Mean absolute error over that of the seasonal naive forecast of the same steps.
    mase: f64,
    /// The middle series, and the share of series below 1.
    mase_median: f64,
    below_one: f64,
    /// Share of counts inside their interval, and what the intervals said.
    covered: f64,
    stated: f64,
}

/// Measures.
///
/// # Errors
/// When a file cannot be read or lacks a column.
pub async fn forecast(global: &Global, args: &EvalForecast) -> Result<Ending> {
    let (global, args) = (global.clone(), args.clone());
    tokio::task::spawn_blocking(move || measure(&global, &args)).await?
}

fn measure(global: &Global, args: &EvalForecast) -> Result<Ending> {
    ensure!(
        (0.01..1.0).contains(&args.inside) && args.horizon > 0,
        "an interval holds a share, 0.8, and a forecast has steps"
    );
    // The season of the naive forecast: a year of weeks, a week of days, a day of hours.
    let season = match args.step {
        Step::Week => 52,
        Step::Day => 7,
        Step::Hour => 24,
    };
    let mut rows = Vec::new();
    for input in &args.input {
        let series = dated::read(
            input,
            &args.date,
            &args.place,
            args.step,
            args.cell,
            args.least,
        )?;
        rows.push(row(&series, season, args));
    }
    if global.json {
        print::json(&rows)?;
        return Ok(Ending::Done);
    }
    let lang = global.lang;
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    let table = rows
        .iter()
        .map(|r| {
            vec![
                r.set.clone(),
                r.series.to_string(),
                r.forecasts.to_string(),
                format!("{:.3}", r.mase),
                format!("{:.3}", r.mase_median),
                percent(r.below_one),
                percent(r.covered),
                percent(r.stated),
            ]
        })
        .collect();
    print::table(
        &[
            lang.pick("jeu", "set"),
            lang.pick("séries", "series"),
            lang.pick("prévisions", "forecasts"),
            "MASE",
            lang.pick("MASE médiane", "middle MASE"),
            lang.pick("séries < 1, %", "series < 1, %"),
            lang.pick("dans l’intervalle %", "inside %"),
            lang.pick("annoncé %", "stated %"),
        ],
        table,
    );
    print::line(match lang {
        Lang::Fr => {
            "MASE : erreur absolue moyenne rapportée à celle de la prévision naïve saisonnière aux mêmes moments ; moins de 1 : mieux."
        }
        Lang::En => {
            "MASE: mean absolute error over that of the seasonal naive forecast of the same moments; below 1 is better."
        }
    });
    Ok(Ending::Done)
}

fn row(series: &dated::Series, season: usize, args: &EvalForecast) -> Row {
    let (mut ours, mut naive, mut inside, mut stated, mut n) = (0.0, 0.0, 0.0, 0.0, 0usize);
    let mut each = Vec::new();
    for counts in &series.counts {
        let steps = counts.len() + args.horizon;
        // Days and hours differ from one another; weeks of a year are too few to learn them.
        let kinds: Vec<usize> = (0..steps)
            .map(|i| match season {
                52 => 0,
                _ => (series.first.rem_euclid(season as i64) as usize + i) % season,
            })
            .collect();
        let (mut own, mut its) = (0.0, 0.0);
        let from = (season + 8).max(counts.len() / 2);
        for origin in (from..=counts.len().saturating_sub(args.horizon)).step_by(args.every) {
            let to = origin + args.horizon;
            let expected = expect(&counts[..origin], &kinds[..to], args.inside);
            for (h, e) in expected.iter().enumerate() {
                let came = counts[origin + h];
                let before = counts[origin + h - season * (1 + h / season)];
                own += f64::from(came.abs_diff(e.median));
                its += f64::from(came.abs_diff(before));
                stated += e.inside;
                inside += f64::from(u8::from((e.low..=e.high).contains(&came)));
                n += 1;
            }
        }
        if its > 0.0 {
            each.push(own / its);
        }
        ours += own;
        naive += its;
    }
    each.sort_by(f64::total_cmp);
    let below = each.iter().filter(|m| **m < 1.0).count();
    Row {
        set: series.set.clone(),
        step: args.step,
        series: series.counts.len(),
        forecasts: n,
        mase: ours / naive,
        mase_median: each.get(each.len() / 2).copied().unwrap_or(f64::NAN),
        below_one: below as f64 / each.len().max(1) as f64,
        covered: inside / n.max(1) as f64,
        stated: stated / n.max(1) as f64,
    }
}

//! Outbreaks put into real series, and what each way of looking sees of them.
//!
//! Every way looks at the same weeks with the same outbreaks, and is allowed the same false alarms:
//! its threshold is the one that announces, on the series as they are, this share of all series and
//! weeks (where several are equal at the threshold, part of them, so that no way gains by being
//! coarse). What the series as they are hold of real outbreaks counts against every way alike.

use insight::TrendSettings;
use insight::signals::{self, Series, discovery};
use serde::Serialize;

use super::draw::Draw;

/// Series of the same weeks.
pub struct Table {
    /// Mentions of each week.
    pub counts: Vec<Vec<u32>>,
    /// What else was reported in each week.
    pub effort: Vec<Vec<u32>>,
}

/// Weeks before a week that is looked at: EARS C2 needs nine.
const BEFORE: usize = 9;
/// Weeks that a baseline is the mean of.
const BASELINE: usize = 26;
/// Weeks that an outbreak lasts, and within which it must be seen.
pub const OUTBREAK: usize = 2;
/// Mentions a week below which no outbreak is put into a series.
const LEAST: f64 = 0.2;

/// By how much outbreaks multiply.
pub const FACTORS: [f64; 3] = [1.5, 2.0, 4.0];
/// Ways of looking: ours first.
pub const WAYS: [&str; 3] = ["greffier", "EARS C2", "z-score"];

/// Baselines of mentions a week: from, below.
pub const BANDS: [(f64, f64); 3] = [(LEAST, 1.0), (1.0, 3.0), (3.0, f64::INFINITY)];

/// One series in one week.
struct Cell {
    series: usize,
    week: usize,
    band: usize,
    mean: f64,
}

/// What was seen of outbreaks of one size in series of one baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// By how much the outbreak multiplied.
    pub factor: f64,
    /// Outbreaks.
    pub injections: usize,
    /// Share seen within two weeks by each way, at the same false alarms.
    pub seen: [f64; 3],
    /// How much more is seen than by the better of the other two, and its interval (paired, 95 %).
    pub more: (f64, f64, f64),
    /// Share announced within two weeks at the rate of false discoveries of the pipeline.
    pub announced: f64,
}

/// Series of one baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Band {
    /// Mentions a week, from and below; none above.
    pub from: f64,
    /// None for the highest.
    pub below: Option<f64>,
    /// Series and weeks looked at.
    pub cells: usize,
    /// Announced a month by the pipeline where nothing was put in, in all series of this baseline.
    pub announced_a_month: f64,
    /// By size of the outbreak.
    pub outbreaks: Vec<Seen>,
}

/// Everything measured on one table.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Series.
    pub series: usize,
    /// Weeks.
    pub weeks: usize,
    /// False alarms allowed to each way, as a share of series and weeks.
    pub rate: f64,
    /// By baseline.
    pub bands: Vec<Band>,
}

impl Table {
    fn series(&self, s: usize, week: usize) -> Series<'_> {
        Series {
            counts: &self.counts[s][..=week],
            effort: &self.effort[s][..=week],
        }
    }

    fn weeks(&self) -> usize {
        self.counts.first().map_or(0, Vec::len)
    }
}

/// How surprising the last week is, by each way; more is more.
fn scores(series: Series<'_>, common: f64) -> [f64; 3] {
    let ours = -signals::surprise(series, common).p_value;
    let n = series.counts.len() - 1;
    let z = |from: usize| {
        let past = &series.counts[from..n - OUTBREAK];
        let mean = past.iter().map(|c| f64::from(*c)).sum::<f64>() / past.len() as f64;
        let squares: f64 = past
            .iter()
            .map(|c| (f64::from(*c) - mean) * (f64::from(*c) - mean))
            .sum();
        let deviation = (squares / (past.len() as f64 - 1.0)).sqrt();
        // EARS never lets it be smaller, so that a series of equal counts can be looked at.
        (f64::from(series.counts[n]) - mean) / deviation.max(0.5)
    };
    [
        ours,
        z(n - OUTBREAK - 7),
        z((n - OUTBREAK).saturating_sub(BASELINE)),
    ]
}

/// A threshold: what is above is announced, and of what equals it this share.
#[derive(Clone, Copy)]
struct Threshold {
    at: f64,
    equal: f64,
}

impl Threshold {
    fn of(mut scores: Vec<f64>, rate: f64) -> Self {
        scores.sort_by(|a, b| b.total_cmp(a));
        let allowed = rate * scores.len() as f64;
        let at = scores
            .get(allowed as usize)
            .copied()
            .unwrap_or(f64::INFINITY);
        let above = scores.iter().filter(|s| **s > at).count() as f64;
        let equal = scores.iter().filter(|s| **s == at).count() as f64;
        Self {
            at,
            equal: match equal > 0.0 {
                true => ((allowed - above) / equal).clamp(0.0, 1.0),
                false => 0.0,
            },
        }
    }

    fn share(self, score: f64) -> f64 {
        match score.total_cmp(&self.at) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => self.equal,
            std::cmp::Ordering::Less => 0.0,
        }
    }
}

/// Looks at every week, then puts `injections` outbreaks of each size in.
pub fn trial(
    table: &Table,
    injections: usize,
    seed: u64,
    rate: f64,
    trend: &TrendSettings,
) -> Trial {
    let weeks = table.weeks();
    let all = table.counts.len();
    // By week: the common dispersion, and the p-values of every series tested together.
    let mut common = vec![1.0; weeks];
    let mut tested: Vec<Vec<(usize, f64)>> = vec![Vec::new(); weeks];
    let mut announced: Vec<Vec<usize>> = vec![Vec::new(); weeks];
    let mut cells = Vec::new();
    let mut clean: Vec<[f64; 3]> = Vec::new();
    for week in BEFORE..weeks {
        let series: Vec<Series<'_>> = (0..all).map(|s| table.series(s, week)).collect();
        let enough: Vec<usize> = (0..all).filter(|s| enough(series[*s], trend)).collect();
        let large: Vec<Series<'_>> = enough.iter().map(|s| series[*s]).collect();
        common[week] = signals::common_dispersion(&large);
        tested[week] = enough
            .iter()
            .map(|s| (*s, signals::surprise(series[*s], common[week]).p_value))
            .collect();
        let p: Vec<f64> = tested[week].iter().map(|(_, p)| *p).collect();
        let rejected = discovery::rejected(&p, trend.false_discovery_rate.as_f64());
        announced[week] = enough
            .iter()
            .zip(rejected)
            .filter_map(|(s, r)| r.then_some(*s))
            .collect();
        for (s, one) in series.iter().enumerate() {
            let past = &one.counts[..week];
            let past = &past[past.len().saturating_sub(BASELINE)..];
            let mean = past.iter().map(|c| f64::from(*c)).sum::<f64>() / past.len() as f64;
            let Some(band) = BANDS.iter().position(|b| (b.0..b.1).contains(&mean)) else {
                continue;
            };
            clean.push(scores(*one, common[week]));
            cells.push(Cell {
                series: s,
                week,
                band,
                mean,
            });
        }
    }
    let mut draw = Draw::new(seed);
    let bands = BANDS
        .iter()
        .enumerate()
        .filter_map(|(b, limits)| {
            let inside: Vec<usize> = (0..cells.len()).filter(|i| cells[*i].band == b).collect();
            let places: Vec<&Cell> = inside
                .iter()
                .map(|i| &cells[*i])
                .filter(|c| c.week + OUTBREAK <= weeks)
                .collect();
            if places.is_empty() {
                return None;
            }
            let thresholds: Vec<Threshold> = (0..WAYS.len())
                .map(|way| Threshold::of(inside.iter().map(|i| clean[*i][way]).collect(), rate))
                .collect();
            let alarms = inside
                .iter()
                .filter(|i| announced[cells[**i].week].contains(&cells[**i].series))
                .count();
            let chosen: Vec<&Cell> = (0..injections)
                .map(|_| places[draw.below(places.len())])
                .collect();
            let outbreaks = FACTORS
                .iter()
                .map(|factor| {
                    let each: Vec<([f64; 3], f64)> = chosen
                        .iter()
                        .map(|cell| {
                            let extra: Vec<u32> = (0..OUTBREAK)
                                .map(|_| draw.count((factor - 1.0) * cell.mean, 1.0))
                                .collect();
                            one(table, cell, &extra, &common, &tested, &thresholds, trend)
                        })
                        .collect();
                    seen(*factor, &each)
                })
                .collect();
            Some(Band {
                from: limits.0,
                below: limits.1.is_finite().then_some(limits.1),
                cells: inside.len(),
                announced_a_month: alarms as f64 / (weeks - BEFORE) as f64 * (365.25 / 12.0 / 7.0),
                outbreaks,
            })
        })
        .collect();
    Trial {
        series: all,
        weeks,
        rate,
        bands,
    }
}

/// As the pipeline has it: else too few.
fn enough(series: Series<'_>, trend: &TrendSettings) -> bool {
    let total: u64 = series.counts.iter().map(|c| u64::from(*c)).sum();
    total >= u64::from(trend.min_reports)
}

/// What each way sees of one outbreak, and whether it is announced.
fn one(
    table: &Table,
    cell: &Cell,
    extra: &[u32],
    common: &[f64],
    tested: &[Vec<(usize, f64)>],
    thresholds: &[Threshold],
    trend: &TrendSettings,
) -> ([f64; 3], f64) {
    let mut counts = table.counts[cell.series].clone();
    for (i, more) in extra.iter().enumerate() {
        counts[cell.week + i] += more;
    }
    let mut missed = [1.0; 3];
    let mut announced = false;
    for week in cell.week..cell.week + extra.len() {
        let series = Series {
            counts: &counts[..=week],
            effort: &table.effort[cell.series][..=week],
        };
        let scores = scores(series, common[week]);
        for way in 0..WAYS.len() {
            missed[way] *= 1.0 - thresholds[way].share(scores[way]);
        }
        if enough(series, trend) {
            let mut p: Vec<f64> = tested[week]
                .iter()
                .filter(|(s, _)| *s != cell.series)
                .map(|(_, p)| *p)
                .collect();
            p.push(-scores[0]);
            let rejected = discovery::rejected(&p, trend.false_discovery_rate.as_f64());
            announced |= rejected.last().copied().unwrap_or(false);
        }
    }
    (missed.map(|m| 1.0 - m), f64::from(announced))
}

fn seen(factor: f64, each: &[([f64; 3], f64)]) -> Seen {
    let n = each.len() as f64;
    let share = |way: usize| each.iter().map(|e| e.0[way]).sum::<f64>() / n;
    let shares = [share(0), share(1), share(2)];
    let better = match shares[1] >= shares[2] {
        true => 1,
        false => 2,
    };
    let more: Vec<f64> = each.iter().map(|e| e.0[0] - e.0[better]).collect();
    let mean = more.iter().sum::<f64>() / n;
    let variance = more.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / (n - 1.0).max(1.0);
    let half = 1.96 * (variance / n).sqrt();
    Seen {
        factor,
        injections: each.len(),
        seen: shares,
        more: (mean, mean - half, mean + half),
        announced: each.iter().map(|e| e.1).sum::<f64>() / n,
    }
}

/// What is announced where nothing happens, or where outbreaks are known.
#[derive(Clone, Debug, Serialize)]
pub struct Nulls {
    /// What was simulated.
    pub what: &'static str,
    /// Weeks judged.
    pub weeks: usize,
    /// Series judged together.
    pub series: usize,
    /// The rate promised.
    pub promised: f64,
    /// Mean share of false ones among those announced, a week without any counting as 0.
    pub false_share: f64,
    /// Half of its interval (95 %).
    pub half: f64,
}

/// Simulates series of many baselines in which nothing happens (`outbreaks` 0) or this share of
/// series is in an outbreak of four times its mean, and judges each week as the pipeline does.
pub fn nulls(
    what: &'static str,
    (history, dispersion, effort, outbreaks): (usize, f64, f64, f64),
    weeks: usize,
    seed: u64,
    trend: &TrendSettings,
) -> Nulls {
    const SERIES: usize = 40;
    let mut draw = Draw::new(seed);
    let mut shares = Vec::new();
    for _ in 0..weeks {
        // The effort of each week, common to all series.
        let levels: Vec<f64> = (0..=history)
            .map(|_| 1.0 + effort * (2.0 * draw.share() - 1.0))
            .collect();
        let mut counts = Vec::new();
        let mut truth = Vec::new();
        for s in 0..SERIES {
            let mean = 0.25 * f64::from(1u32 << (s % 6));
            let real = draw.share() < outbreaks;
            truth.push(real);
            counts.push(
                levels
                    .iter()
                    .enumerate()
                    .map(|(i, level)| {
                        let factor = if real && i + OUTBREAK > history {
                            4.0
                        } else {
                            1.0
                        };
                        draw.count(mean * level * factor, dispersion)
                    })
                    .collect::<Vec<u32>>(),
            );
        }
        let total: Vec<u32> = (0..=history)
            .map(|i| counts.iter().map(|c| c[i]).sum())
            .collect();
        let rest: Vec<Vec<u32>> = counts
            .iter()
            .map(|c| total.iter().zip(c).map(|(t, c)| t - c).collect())
            .collect();
        let series: Vec<Series<'_>> = counts
            .iter()
            .zip(&rest)
            .map(|(counts, effort)| Series { counts, effort })
            .collect();
        let verdicts = signals::judge(&series, &[], trend);
        let rising: Vec<bool> = verdicts
            .iter()
            .map(|v| v.trend == domain::synthesis::Trend::Rising)
            .collect();
        let announced = rising.iter().filter(|r| **r).count();
        let wrong = rising
            .iter()
            .zip(&truth)
            .filter(|(r, t)| **r && !**t)
            .count();
        shares.push(wrong as f64 / announced.max(1) as f64);
    }
    let n = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / n;
    let variance = shares.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (n - 1.0);
    Nulls {
        what,
        weeks,
        series: SERIES,
        promised: trend.false_discovery_rate.as_f64(),
        false_share: mean,
        half: 1.96 * (variance / n).sqrt(),
    }
}

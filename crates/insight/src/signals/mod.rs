//! Whether counts are more than their history explains: every series of a week judged together.
//!
//! | module | what it does |
//! |---|---|
//! | `expected` | what a series leads to expect, by its reference weeks, effort and season |
//! | `climb` | the same through a history too short for that |
//! | `chance` | tails of counts |
//! | `discovery` | which surprises are announced when many series are looked at; what dismissals teach |
//!
//! A short history (fewer than seven weeks before the two that are judged) is looked through for a
//! climb; a longer one is compared with its last weeks. Small numbers are called too few, and plain
//! rules say what there is to say ([`Repeated`](crate::Repeated), [`Watched`](crate::Watched)).

pub mod chance;
pub mod climb;
pub mod discovery;
pub mod expected;

use domain::synthesis::Trend;

pub use discovery::Lesson;
pub use expected::{Look, Series, Surprise};

use crate::settings::TrendSettings;
use expected::Ready;

/// What is said of one series, and on what ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Where it stands.
    pub trend: Trend,
    /// How surprising it is, when it was tested.
    pub surprise: Option<Surprise>,
    /// How many series were tested together.
    pub tested: u32,
    /// By how much its p-value was divided before it was judged: what its dismissals taught.
    pub weight: f64,
}

/// Judges series of the same weeks together. New is a rule, not a test; a series is tested when its
/// history is long enough and its total large enough; an untested one is "too few". `lessons` are
/// what people did with earlier alerts of each series, in the same order; those that are missing
/// taught nothing.
pub fn judge(series: &[Series<'_>], lessons: &[Lesson], settings: &TrendSettings) -> Vec<Verdict> {
    let enough = |s: &Series<'_>| {
        let total: u64 = s.counts.iter().map(|c| u64::from(*c)).sum();
        s.counts.len() as u64 > u64::from(settings.min_weeks)
            && total >= u64::from(settings.min_reports)
    };
    let ready: Vec<Option<Ready<'_>>> = series
        .iter()
        .map(|s| enough(s).then(|| Ready::new(*s)))
        .collect();
    let pooled = pooled(ready.iter().flatten());
    let surprises: Vec<Option<Surprise>> = ready
        .iter()
        .map(|r| r.as_ref().map(|r| r.surprise(pooled)))
        .collect();
    let taught: Vec<Lesson> = (0..series.len())
        .filter(|i| surprises[*i].is_some())
        .map(|i| lessons.get(i).copied().unwrap_or_default())
        .collect();
    let weights = discovery::weights(&taught);
    let p_values: Vec<f64> = surprises
        .iter()
        .flatten()
        .zip(&weights)
        .map(|(s, weight)| s.p_value / weight)
        .collect();
    let rejected = discovery::rejected(&p_values, settings.false_discovery_rate.as_f64());
    let mut tested = rejected.into_iter().zip(weights);
    series
        .iter()
        .zip(surprises)
        .map(|(s, surprise)| {
            let (observed, history) = s.counts.split_last().map_or((0, &[][..]), |(o, h)| (*o, h));
            // Taken for every tested series, in step with `p_values`, whatever is said of it.
            let (rose, weight) = match surprise {
                Some(_) => tested.next().unwrap_or((false, 1.0)),
                None => (false, 1.0),
            };
            let absent = history.iter().all(|c| *c == 0);
            let trend = if absent
                && history.len() as u64 >= u64::from(settings.min_weeks)
                && observed >= settings.new_reports
            {
                Trend::New
            } else if surprise.is_none() {
                Trend::TooFew
            } else if rose {
                Trend::Rising
            } else {
                Trend::Steady
            };
            Verdict {
                trend,
                surprise,
                tested: p_values.len() as u32,
                weight,
            }
        })
        .collect()
}

/// The dispersion common to series of the same weeks: variance over mean, at least 1.
pub fn common_dispersion(series: &[Series<'_>]) -> f64 {
    let ready: Vec<Ready<'_>> = series.iter().map(|s| Ready::new(*s)).collect();
    pooled(ready.iter())
}

/// How surprising the last weeks of one series are, when series like it have this dispersion.
pub fn surprise(series: Series<'_>, common_dispersion: f64) -> Surprise {
    Ready::new(series).surprise(common_dispersion)
}

/// The dispersion common to all series, by how many weeks each rests on; at least 1.
fn pooled<'a>(ready: impl Iterator<Item = &'a Ready<'a>>) -> f64 {
    let (sum, weeks) = ready
        .filter_map(Ready::own_dispersion)
        .fold((0.0, 0.0), |(sum, weeks), (d, w)| (sum + d * w, weeks + w));
    match weeks > 0.0 {
        true => f64::max(sum / weeks, 1.0),
        false => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(series: &[&[u32]]) -> Vec<Verdict> {
        let series: Vec<Series<'_>> = series
            .iter()
            .map(|counts| Series {
                counts,
                effort: &[],
            })
            .collect();
        judge(&series, &[], &TrendSettings::default())
    }

    #[test]
    fn small_numbers_are_called_too_few() {
        let check = |series: &[u32], expected: Trend| {
            assert_eq!(verdicts(&[series])[0].trend, expected, "{series:?}");
        };
        check(&[0, 0, 0, 2], Trend::New);
        check(&[0, 0, 2], Trend::TooFew);
        check(&[0, 0, 0, 1], Trend::TooFew);
        check(&[1, 0, 1, 0, 1, 1], Trend::TooFew);
        check(&[1, 1, 1, 1, 1, 1], Trend::Steady);
        // A jump, and a climb no week of which stands out.
        check(&[0, 1, 1, 0, 1, 6], Trend::Rising);
        check(&[1, 1, 2, 3, 4, 7], Trend::Rising);
        // A climb that is over.
        check(&[0, 0, 0, 6, 8, 2], Trend::Steady);
        // As high once before: the history explains it.
        check(&[0, 6, 1, 0, 1, 6], Trend::Steady);
        check(&[3], Trend::TooFew);
        check(&[], Trend::TooFew);
    }
}

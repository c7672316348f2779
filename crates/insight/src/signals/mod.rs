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

    /// Half a year of about `mean` mentions a week, then `last`.
    fn half_a_year(mean: u32, last: u32) -> Vec<u32> {
        let mut counts: Vec<u32> = (0..28).map(|i| mean + [0, 1, 0, 2, 1][i % 5] - 1).collect();
        counts.push(last);
        counts
    }

    fn tested(counts: &[u32], effort: &[u32]) -> Surprise {
        surprise(Series { counts, effort }, 1.0)
    }

    #[test]
    fn a_busy_week_is_no_rise_and_a_rise_in_a_quiet_week_is_one() {
        let effort: Vec<u32> = (0..28).map(|i| [20, 60, 30, 45][i % 4]).collect();
        let counts: Vec<u32> = effort.iter().map(|e| e / 10).collect();
        let with = |count: u32, others: u32| {
            let (mut counts, mut effort) = (counts.clone(), effort.clone());
            counts.push(count);
            effort.push(others);
            tested(&counts, &effort)
        };
        let (busy, quiet) = (with(9, 90), with(9, 20));
        assert!(busy.p_value > 0.3, "{busy:?}");
        assert!(quiet.p_value < 0.001, "{quiet:?}");
        assert!(
            quiet.expected < 3.0 && busy.expected > 7.0,
            "{quiet:?} {busy:?}"
        );
        assert_eq!(quiet.look, Look::Reference);
    }

    #[test]
    fn an_outbreak_of_the_past_does_not_hide_the_next_nor_one_that_began_a_week_ago() {
        let calm = half_a_year(4, 14);
        let mut before = calm.clone();
        before[10] = 40;
        before[11] = 35;
        let (alone, after) = (tested(&calm, &[]), tested(&before, &[]));
        assert!(after.expected < alone.expected + 1.0, "{after:?}");
        let mut begun = calm.clone();
        begun[27] = 14;
        assert_eq!(tested(&begun, &[]).expected, alone.expected);
    }

    #[test]
    fn a_season_seen_twice_is_expected_again() {
        // Twelve a week for eight weeks of each year, else two.
        let counts: Vec<u32> = (0..=156)
            .map(|i| if (i + 4) % 52 < 8 { 12 } else { 2 })
            .collect();
        let season = tested(&counts, &[]);
        assert!(season.seasonal && season.expected > 6.0, "{season:?}");
        let short = tested(&counts[156 - 40..], &[]);
        assert!(!short.seasonal && short.expected < 4.0, "{short:?}");
        assert!(season.p_value > 4.0 * short.p_value, "{season:?} {short:?}");
    }

    #[test]
    fn what_was_dismissed_must_be_more_surprising() {
        let (high, low) = (half_a_year(4, 11), half_a_year(4, 4));
        let all = [&high, &low, &low, &low].map(|counts| Series {
            counts,
            effort: &[],
        });
        let settings = TrendSettings::default();
        let judged = |dismissed| {
            let lesson = Lesson {
                acted: 0,
                dismissed,
            };
            judge(&all, &[lesson], &settings)[0]
        };
        assert_eq!(judged(0).trend, Trend::Rising);
        assert!(judged(5).weight < 0.6 && judged(0).weight == 1.0);
        assert_eq!(judged(200).trend, Trend::Steady);
    }

    proptest::proptest! {
        #[test]
        fn one_more_mention_is_never_less_surprising(
            mut counts in proptest::collection::vec(0u32..15, 9..60),
            common in 1.0f64..3.0,
        ) {
            let of = |counts: &[u32]| surprise(Series { counts, effort: &[] }, common);
            let p = of(&counts).p_value;
            *counts.last_mut().unwrap() += 1;
            let q = of(&counts).p_value;
            proptest::prop_assert!((0.0..=1.0).contains(&p) && q <= p + 1e-12, "{q} > {p}");
        }
    }
}

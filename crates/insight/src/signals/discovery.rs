//! Which of many surprises are announced, and what people's dismissals teach.

use serde::{Deserialize, Serialize};

/// Which hypotheses are rejected when the share of false ones among them must stay below `rate`
/// on average (Benjamini and Hochberg 1995).
pub fn rejected(p_values: &[f64], rate: f64) -> Vec<bool> {
    let bound = bound(p_values, rate);
    p_values
        .iter()
        .map(|p| bound.is_some_and(|b| *p <= b))
        .collect()
}

/// The largest p-value that is rejected at this rate; none when nothing is.
pub fn bound(p_values: &[f64], rate: f64) -> Option<f64> {
    let mut sorted = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tested = sorted.len() as f64;
    sorted
        .iter()
        .enumerate()
        .rev()
        .find(|(rank, p)| **p <= rate * (*rank as f64 + 1.0) / tested)
        .map(|(_, p)| *p)
}

/// What people did with the earlier alerts of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lesson {
    /// Alerts that someone acted on.
    pub acted: u32,
    /// Alerts that someone dismissed.
    pub dismissed: u32,
}

/// How many acts and dismissals each series is held to have beforehand: one lone dismissal changes
/// little, five change much.
const PRIOR: f64 = 2.0;

/// The weights of the series: by how much each p-value is divided before it is judged. A series
/// whose alerts were dismissed weighs less than 1 and must be more surprising; one whose alerts
/// were acted on weighs more. On average they weigh 1, so that the stated rate holds for all of
/// them together (Genovese, Roeder and Wasserman 2006, "False discovery control with p-value
/// weighting", Biometrika 93): weights are of the weeks before, never of the one that is judged.
pub fn weights(lessons: &[Lesson]) -> Vec<f64> {
    let raw: Vec<f64> = lessons
        .iter()
        .map(|lesson| {
            let (acted, dismissed) = (f64::from(lesson.acted), f64::from(lesson.dismissed));
            2.0 * (PRIOR + acted) / (2.0 * PRIOR + acted + dismissed)
        })
        .collect();
    let mean = raw.iter().sum::<f64>() / raw.len() as f64;
    raw.iter().map(|w| w / mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benjamini_and_hochberg_by_hand() {
        // Their bounds at 5 % over 5: .01 .02 .03 .04 .05.
        let check = |p: &[f64], expected: &[bool]| assert_eq!(rejected(p, 0.05), expected, "{p:?}");
        check(
            &[0.20, 0.005, 0.03, 0.025, 0.9],
            &[false, true, true, true, false],
        );
        check(&[0.011, 0.9, 0.9, 0.9, 0.9], &[false; 5]);
        check(&[0.05], &[true]);
        check(&[], &[]);
    }

    #[test]
    fn dismissals_make_a_series_stricter_and_the_others_no_stricter() {
        let lesson = |acted, dismissed| Lesson { acted, dismissed };
        assert_eq!(weights(&[Lesson::default(); 3]), [1.0; 3]);
        let taught = weights(&[lesson(0, 4), lesson(0, 0), lesson(3, 0), lesson(0, 0)]);
        assert!((taught.iter().sum::<f64>() / 4.0 - 1.0).abs() < 1e-12);
        assert!(taught[0] < 0.6 && taught[1] >= 0.95 && taught[2] > taught[1]);
        // Acts outweigh what was dismissed before them.
        let more = weights(&[lesson(0, 4), lesson(4, 4)]);
        assert!(more[1] > more[0]);
        assert!(weights(&[]).is_empty());
    }
}

//! Whether the documents of a week still resemble those of the weeks before.
//!
//! The reference is up to twelve weeks that came before; weeks that differ stay out of it, so that a
//! drift is said as long as it lasts, and not compared with itself. After four weeks the new
//! documents are what is usual: they become the reference, which ends the alert.
//!
//! How near documents are and how they come is compared across models; what a model proposes and how
//! sure it is, only with documents of the same model.

use std::collections::BTreeMap;

use domain::{IsoWeek, Lang};
use insight::drift::{Difference, drifts, lower, mixed, more_often};
use serde::{Deserialize, Serialize};

use super::{Fact, weeks};

/// One false alarm in this part of a year where nothing changes: one in twenty years.
pub const FALSE_ALARMS: f64 = 0.05;

/// Weeks of the reference, at most.
const REFERENCE: usize = 12;

/// Documents of the reference, at least.
const REFERENCE_LEAST: usize = 100;

/// Documents that are compared, at least: where a week has fewer, those before are added.
const WINDOW_LEAST: usize = 50;

/// Weeks that are put together for that, at most.
const WINDOW: usize = 4;

/// Weeks after which what was new is usual.
const USUAL_AFTER: usize = 4;

/// Share of the reference that counts as far from what was learnt.
const FAR: f64 = 0.05;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// How near documents are to what was learnt.
    Nearness,
    /// How many are further than all but one in twenty were.
    Far,
    /// How sure the model is.
    Confidence,
    /// What services are proposed.
    Services,
    /// How documents come.
    Channels,
    /// What languages they are in.
    Languages,
    /// How they could be read.
    Scans,
    /// What known forms they are.
    Forms,
}

impl Signal {
    /// In words.
    pub const fn told(self, lang: Lang) -> &'static str {
        match self {
            Self::Nearness => lang.pick(
                "ils sont plus loin de ce que le modèle a appris",
                "they are further from what the model has learnt",
            ),
            Self::Far => lang.pick(
                "davantage sont très loin de ce que le modèle a appris",
                "more of them are very far from what the model has learnt",
            ),
            Self::Confidence => lang.pick("le modèle est moins sûr", "the model is less sure"),
            Self::Services => lang.pick(
                "la part des services proposés a changé",
                "the mix of services proposed has changed",
            ),
            Self::Channels => lang.pick(
                "ils arrivent par d’autres canaux",
                "they come by other channels",
            ),
            Self::Languages => {
                lang.pick("leurs langues ont changé", "their languages have changed")
            }
            Self::Scans => lang.pick(
                "ils se lisent autrement (scans)",
                "they read differently (scans)",
            ),
            Self::Forms => lang.pick("ce sont d’autres formulaires", "they are other forms"),
        }
    }
}

/// One comparison of a week.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Compared {
    /// What.
    pub signal: Signal,
    /// What was found.
    #[serde(flatten)]
    pub difference: Difference,
    /// Whether it is a drift.
    pub drift: bool,
}

/// One look at a week.
#[derive(Clone, Debug, Serialize)]
pub struct WeekLook {
    /// Which.
    pub week: IsoWeek,
    /// Documents compared, those of the weeks before that were added included.
    pub documents: usize,
    /// Documents they were compared with.
    pub reference: usize,
    /// Comparisons; none where documents were too few.
    pub compared: Vec<Compared>,
}

impl WeekLook {
    /// What drifted.
    pub fn signals(&self) -> impl Iterator<Item = Signal> {
        let drifted = self.compared.iter().filter(|c| c.drift);
        drifted.map(|c| c.signal)
    }

    /// The chance of the most surprising comparison, if nothing had changed.
    pub fn surprise(&self) -> Option<f64> {
        let chances = self.compared.iter().map(|c| c.difference.p_value);
        chances.reduce(f64::min)
    }
}

/// Documents that do not resemble those before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// The first week that differs.
    pub since: IsoWeek,
    /// The last.
    pub week: IsoWeek,
    /// How.
    pub signals: Vec<Signal>,
}

impl Drift {
    /// The alert.
    pub fn told(&self, lang: Lang) -> String {
        let how: Vec<&str> = self.signals.iter().map(|s| s.told(lang)).collect();
        let how = how.join(lang.pick(" ; ", "; "));
        let since = self.since;
        match lang {
            Lang::Fr => format!(
                "ALERTE : depuis la semaine {since}, les documents ne ressemblent plus à ceux d’avant : {how}. Rien n’est suspendu pour autant ; regardez davantage d’envois (audit_share) et réapprenez s’il le faut."
            ),
            Lang::En => format!(
                "ALERT: since week {since}, documents do not resemble those before any more: {how}. Nothing is suspended for that; look at more routings (audit_share), and train again if need be."
            ),
        }
    }
}

/// A look at each week up to `last`, oldest first.
pub fn weekly(facts: &[Fact], last: IsoWeek) -> Vec<WeekLook> {
    looks(facts, last)
        .into_iter()
        .map(|(look, _)| look)
        .collect()
}

/// The drift that the week `last` ends with, if there is one, and the look at that week.
pub fn drift(facts: &[Fact], last: IsoWeek) -> (Option<Drift>, Option<WeekLook>) {
    let Some((look, since)) = looks(facts, last).pop() else {
        return (None, None);
    };
    let signals: Vec<Signal> = look.signals().collect();
    let drift = since.filter(|_| !signals.is_empty()).map(|since| Drift {
        since,
        week: look.week,
        signals,
    });
    (drift, Some(look))
}

/// Looks, each with the first week of the drift that it is in.
fn looks(facts: &[Fact], last: IsoWeek) -> Vec<(WeekLook, Option<IsoWeek>)> {
    let Some(first) = facts.iter().map(|f| f.week).min() else {
        return Vec::new();
    };
    let weeks = weeks(first, last);
    let mut by_week: Vec<Vec<&Fact>> = vec![Vec::new(); weeks.len()];
    for fact in facts {
        if let Ok(place) = weeks.binary_search(&fact.week) {
            by_week[place].push(fact);
        }
    }
    let mut looks: Vec<(WeekLook, Option<IsoWeek>)> = Vec::new();
    // Where the reference begins, and the weeks that differ since the drift began.
    let (mut begin, mut differ) = (0, Vec::<usize>::new());
    for at in 0..weeks.len() {
        if let Some(&since) = differ.first()
            && at >= since + USUAL_AFTER
        {
            begin = since;
            differ.clear();
        }
        let mut from = at;
        let count = |from: usize| by_week[from..=at].iter().map(Vec::len).sum::<usize>();
        while count(from) < WINDOW_LEAST && from > begin && at + 1 - from < WINDOW {
            from -= 1;
        }
        let window: Vec<&Fact> = by_week[from..=at].concat();
        let weeks_before = begin.max(from.saturating_sub(REFERENCE))..from;
        let usual = weeks_before.filter(|week| !differ.contains(week));
        let reference: Vec<&Fact> = usual.flat_map(|week| by_week[week].clone()).collect();
        let enough = window.len() >= WINDOW_LEAST && reference.len() >= REFERENCE_LEAST;
        let compared = match enough && !by_week[at].is_empty() {
            true => compare(&reference, &window),
            false => Vec::new(),
        };
        let look = WeekLook {
            week: weeks[at],
            documents: window.len(),
            reference: reference.len(),
            compared,
        };
        if look.signals().next().is_some() {
            differ.push(at);
        }
        let since = differ.first().map(|week| weeks[*week]);
        looks.push((look, since));
    }
    looks
}

fn compare(reference: &[&Fact], window: &[&Fact]) -> Vec<Compared> {
    let near = |of: &[&Fact]| -> Vec<f64> { of.iter().filter_map(|f| f.nearness).collect() };
    let (before, now) = (near(reference), near(window));
    let head = window.last().and_then(|f| f.head.as_ref());
    fn same<'a>(of: &[&'a Fact], head: Option<&String>) -> Vec<&'a Fact> {
        let of = of.iter().copied();
        of.filter(|f| f.head.as_ref() == head).collect()
    }
    let (before_same, now_same) = (same(reference, head), same(window, head));
    let sure = |of: &[&Fact]| -> Vec<f64> { of.iter().filter_map(|f| f.confidence).collect() };
    let services = mix(&before_same, &now_same, |f| {
        f.service.as_deref().unwrap_or_default()
    });
    let found: [(Signal, Option<Difference>); 8] = [
        (Signal::Nearness, lower(&before, &now)),
        (Signal::Far, far(&before, &now)),
        (
            Signal::Confidence,
            lower(&sure(&before_same), &sure(&now_same)),
        ),
        (Signal::Services, services),
        (Signal::Channels, mix(reference, window, |f| &f.channel)),
        (Signal::Languages, mix(reference, window, |f| &f.language)),
        (
            Signal::Scans,
            mix(reference, window, |f| f.scan.told(Lang::En)),
        ),
        (Signal::Forms, mix(reference, window, |f| &f.form)),
    ];
    let differences: Vec<Option<Difference>> = found.iter().map(|(_, d)| *d).collect();
    let drifts = drifts(&differences, FALSE_ALARMS);
    found
        .into_iter()
        .zip(drifts)
        .filter_map(|((signal, difference), drift)| {
            Some(Compared {
                signal,
                difference: difference?,
                drift,
            })
        })
        .collect()
}

/// How many are further than all but a twentieth of the reference were.
fn far(reference: &[f64], window: &[f64]) -> Option<Difference> {
    let mut sorted = reference.to_vec();
    sorted.sort_by(f64::total_cmp);
    let limit = *sorted.get((FAR * sorted.len() as f64) as usize)?;
    let below = |of: &[f64]| (of.iter().filter(|x| **x < limit).count(), of.len());
    more_often(below(reference), below(window))
}

fn mix<'a>(
    reference: &[&'a Fact],
    window: &[&'a Fact],
    key: impl Fn(&'a Fact) -> &'a str,
) -> Option<Difference> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for fact in reference {
        counts.entry(key(fact)).or_default().0 += 1;
    }
    for fact in window {
        counts.entry(key(fact)).or_default().1 += 1;
    }
    let counts: Vec<(usize, usize)> = counts.into_values().collect();
    mixed(&counts)
}

#[cfg(test)]
mod tests {
    use super::super::Scan;
    use super::*;
    use domain::Timestamp;

    fn week(n: usize) -> IsoWeek {
        let first: IsoWeek = "2026-W10".parse().expect("a week");
        first.plus(n as i64)
    }

    /// Sixty documents a week; from week `from` on, a quarter are far away and come by the counter.
    fn year(weeks: usize, from: usize) -> Vec<Fact> {
        let mut facts = Vec::new();
        for at in 0..weeks {
            for n in 0..60 {
                // A stride prime to what it strides over: no chance, and no pattern by week either.
                let spread = ((n * 37 + at * 101) % 997) as f64 / 997.0;
                let foreign = at >= from && n % 4 == 0;
                facts.push(Fact {
                    week: week(at),
                    received_at: Timestamp::from_micros(at as i64).expect("a moment"),
                    service: Some(["ccas", "voirie", "habitat"][n % 3].to_owned()),
                    automatic: n % 2 == 0,
                    drawn: false,
                    confidence: Some(0.5 + spread / 2.0),
                    nearness: Some(if foreign {
                        0.1 * spread
                    } else {
                        0.5 + 0.4 * spread
                    }),
                    head: Some("a".to_owned()),
                    channel: if foreign { "guichet" } else { "courriel" }.to_owned(),
                    language: "fr".to_owned(),
                    scan: Scan::Digital,
                    form: String::new(),
                    right: None,
                    chosen: None,
                });
            }
        }
        facts
    }

    #[test]
    fn a_drift_is_said_since_when_and_how_until_it_is_usual() {
        let facts = year(20, 10);
        assert_eq!(drift(&facts, week(9)).0, None);
        let first = drift(&facts, week(10)).0.expect("a drift");
        assert_eq!((first.since, first.week), (week(10), week(10)));
        assert!(first.signals.contains(&Signal::Far) && first.signals.contains(&Signal::Channels));
        assert!(!first.signals.contains(&Signal::Languages));
        assert!(first.told(Lang::Fr).contains("2026-W20"));
        let later = drift(&facts, week(12)).0.expect("still a drift");
        assert_eq!(later.since, week(10));
        // After four weeks it is usual.
        assert_eq!(drift(&facts, week(17)).0, None);
        assert!(weekly(&facts, week(19)).len() == 20);
    }

    #[test]
    fn too_few_documents_say_nothing() {
        let few: Vec<Fact> = year(20, 10).into_iter().step_by(30).collect();
        assert_eq!(drift(&few, week(12)).0, None);
        assert!(weekly(&few, week(12)).iter().all(|l| l.compared.is_empty()));
        assert!(weekly(&[], week(3)).is_empty());
        // Weeks are put together where that makes enough.
        let some: Vec<Fact> = year(20, 10).into_iter().step_by(3).collect();
        assert!(drift(&some, week(12)).0.is_some());
    }
}

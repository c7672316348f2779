//! Whether what people find proves that a promise is broken, however often one looks.
//!
//! Each document that a person looked at is a bet against the promise. The stake is multiplied by
//! `1 + κ (1 - m) / m` when the document was misrouted and by `1 - κ` when it was not, where `m` is
//! the rate that was promised not to be passed and `κ` the part put at stake. While the promise is
//! kept no such bet gains on average, so by Ville's inequality the stake ever reaches `1 / doubt`
//! with a probability of at most `doubt`: at whatever moment one looks, and however often (testing by
//! betting; Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting").
//! An exact bound that is looked at again and again has no such guarantee, and counts the good
//! months against the bad fortnight: it is slow exactly when it matters. Some 20 documents drawn a
//! week are needed to answer within two weeks when one in three goes wrong everywhere, or when one
//! service in five is renamed; more than 40 when one in seven goes wrong.
//!
//! Nobody knows beforehand how bad it will be nor when it will begin. So the stake is shared in equal
//! parts between several `κ`, and between the 52 weeks in which a bet may begin: a part that begins
//! late knows nothing of the good months before. A mixture of such bets is such a bet. Every year the
//! doubt is given anew: what is promised is said of a year.
//!
//! A service that the head's card gives a promise of its own (at the promised rate, not four times
//! it) is bet against like the others here: the card is not at hand, so its own promise is watched
//! less closely than it is made.
//!
//! Three kinds of bets share the stake:
//!
//! - **half** on the promise itself: documents drawn by lot, all services together;
//! - **a quarter** on each service having less than [`TOO_MANY`] times the promised rate: an error of a
//!   few documents in a hundred that all go to one service is seen there long before it is seen among
//!   all. A promise made of all services together says nothing of one of them, but nobody means it
//!   to cover a service where one document in eight is misrouted;
//! - **a quarter** on the model's own confidence, service by service: of documents proposed with
//!   probability `p`, people may correct twice `1 - p` and [`SLIPS`] more. This one counts every
//!   document that goes to people, so it is quick where few are drawn; it is not the measure of the
//!   promise, and a suspension that rests on it is a precaution.

use serde::{Deserialize, Serialize};

/// Weeks in which a bet may begin before the doubt is given anew.
const YEAR: usize = 52;

/// Parts of the stake that are risked. `κ` suits a rate of `m + κ (1 - m)` best.
const RISKED: [f64; 6] = [0.02, 0.05, 0.12, 0.25, 0.5, 0.8];

/// A service that receives more than this many times the promised rate is a reason to stop.
pub const TOO_MANY: f64 = 4.0;

/// Corrections that confidence does not explain and that are borne: slips of people, and what is left
/// of miscalibration.
pub const SLIPS: f64 = 0.05;

/// Where people may correct more than this, a correction says nothing.
const TELLING: f64 = 0.75;

/// A document that a person looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Looked {
    /// Weeks since the watch began.
    pub week: usize,
    /// The service proposed, a place in a list; `None` where it is in the list no more: such a
    /// document still counts for all services together.
    pub service: Option<usize>,
    /// Whether it went by itself and was drawn by lot: the measure of the promise.
    pub drawn: bool,
    /// What the model was confident of; `None` where it was not the model that proposed.
    pub confidence: Option<f64>,
    /// Whether the person chose otherwise.
    pub wrong: bool,
}

/// What speaks most against a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// More errors than promised among the documents drawn.
    Promise,
    /// Far more errors than promised among those drawn for this service.
    Service(usize),
    /// People correct what is proposed to this service more often than the model expects.
    Confidence(usize),
}

/// How much speaks against a promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// What a stake of 1 has become: at `1 / doubt` the promise is broken.
    pub stake: f64,
    /// What brought most of it.
    pub most: Against,
}

impl Evidence {
    /// Whether the promise is broken, with this confidence.
    pub fn breaks(&self, confidence: f64) -> bool {
        self.stake * (1.0 - confidence) >= 1.0
    }
}

/// What documents that people looked at, in the order they came, say against a promise made of
/// `services` services, `weeks` weeks after the watch began.
pub fn evidence(looked: &[Looked], max_misrouting: f64, services: usize, weeks: usize) -> Evidence {
    let years = weeks / YEAR + 1;
    let all = (0..years).map(|year| in_year(looked, max_misrouting, services, year));
    let most = |a: Evidence, b: Evidence| if b.stake > a.stake { b } else { a };
    all.reduce(most).unwrap_or(Evidence {
        stake: 1.0,
        most: Against::Promise,
    })
}

fn in_year(looked: &[Looked], max_misrouting: f64, services: usize, year: usize) -> Evidence {
    let services = services.max(1);
    let drawn = || looked.iter().filter(|l| l.drawn);
    let bet = |l: &Looked, limit: f64| Bet {
        week: l.week,
        wrong: l.wrong,
        limit,
    };
    let pooled: Vec<Bet> = drawn().map(|l| bet(l, max_misrouting)).collect();
    let pooled = 0.5 * stake(&pooled, year);
    let mut all = pooled;
    let mut most = (pooled, Against::Promise);
    let mut add = |part: f64, against: Against| {
        all += part;
        if part > most.0 {
            most = (part, against);
        }
    };
    let part = 0.25 / services as f64;
    let too_many = (TOO_MANY * max_misrouting).min(0.5);
    for service in 0..services {
        let of = |l: &&Looked| l.service == Some(service);
        let bets: Vec<Bet> = drawn().filter(of).map(|l| bet(l, too_many)).collect();
        add(part * stake(&bets, year), Against::Service(service));
        let expected = |l: &Looked| Some(2.0 * (1.0 - l.confidence?) + SLIPS);
        let telling = |l: &Looked| Some(bet(l, expected(l).filter(|e| *e <= TELLING)?));
        let bets: Vec<Bet> = looked.iter().filter(of).filter_map(telling).collect();
        add(part * stake(&bets, year), Against::Confidence(service));
    }
    Evidence {
        stake: all,
        most: most.1,
    }
}

/// One document, and the rate of errors it is judged by.
struct Bet {
    week: usize,
    wrong: bool,
    limit: f64,
}

/// What a stake of 1 has become that was shared between the weeks of a year and the parts risked.
fn stake(bets: &[Bet], year: usize) -> f64 {
    let share = 1.0 / (RISKED.len() * YEAR) as f64;
    let of_risk = |risked: &f64| {
        let right = (-risked).ln_1p();
        let log = |bet: &Bet| match bet.wrong {
            true => (risked * (1.0 - bet.limit) / bet.limit).ln_1p(),
            false => right,
        };
        // From the last week back: a bet begun in a week has seen all documents since.
        let (mut since, mut worth, mut sum, mut left) = (0.0_f64, 1.0, 0.0, bets.len());
        for week in (year * YEAR..(year + 1) * YEAR).rev() {
            let before = left;
            while let Some(bet) = left.checked_sub(1).map(|i| &bets[i])
                && bet.week >= week
            {
                since += log(bet);
                left -= 1;
            }
            if left < before {
                worth = since.min(600.0).exp();
            }
            sum += worth;
        }
        sum
    };
    share * RISKED.iter().map(of_risk).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promise::lower_bound;

    const PROMISED: f64 = 0.03;

    /// A linear congruential generator stands in for chance: its seed is part of the test.
    struct Chance(u64);

    impl Chance {
        fn uniform(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// A year of `a_week` draws and three times as many documents that go to people, in five
    /// services: the week of the first look that finds the promise broken.
    fn broken_in(
        chance: &mut Chance,
        a_week: usize,
        weeks: usize,
        rate: impl Fn(usize, usize) -> f64,
    ) -> Option<usize> {
        let mut looked = Vec::new();
        for week in 0..weeks {
            for one in 0..4 * a_week {
                let service = (chance.uniform() * 5.0) as usize;
                let drawn = one % 4 == 0;
                let confidence = match drawn {
                    true => 1.0 - rate(0, service),
                    false => 0.4 + 0.5 * chance.uniform(),
                };
                let limit = match drawn {
                    true => rate(week, service),
                    false => (1.0 - confidence).max(rate(week, service)),
                };
                looked.push(Looked {
                    week,
                    service: Some(service),
                    drawn,
                    confidence: Some(confidence),
                    wrong: chance.uniform() < limit,
                });
            }
            if evidence(&looked, PROMISED, 5, week + 1).breaks(0.95) {
                return Some(week);
            }
        }
        None
    }

    #[test]
    fn a_promise_that_is_kept_is_seldom_suspended_in_a_year_of_weekly_looks() {
        let mut chance = Chance(3);
        // At half of what was promised, and at the promise itself, which is the worst that is kept.
        for (rate, at_most) in [(PROMISED / 2.0, 2), (PROMISED, 8)] {
            let years = 150;
            let broken = (0..years)
                .filter(|_| broken_in(&mut chance, 10, 52, |_, _| rate).is_some())
                .count();
            assert!(broken <= at_most, "{rate}: {broken} of {years} years");
        }
    }

    #[test]
    fn a_strong_drift_is_answered_within_two_weeks() {
        let mut chance = Chance(4);
        let within = |chance: &mut Chance, a_week: usize, rate: &dyn Fn(usize, usize) -> f64| {
            let years = 40;
            let quick = (0..years).filter(|_| {
                broken_in(chance, a_week, 22, rate).is_some_and(|week| (20..22).contains(&week))
            });
            quick.count() as f64 / f64::from(years)
        };
        // One document in three goes wrong everywhere; one service in five is renamed.
        let everywhere = |week: usize, _: usize| if week < 20 { 0.01 } else { 0.3 };
        let renamed = |week: usize, service: usize| match (week < 20, service) {
            (false, 0) => 1.0,
            _ => 0.01,
        };
        for (a_week, rate) in [
            (20, &everywhere as &dyn Fn(usize, usize) -> f64),
            (20, &renamed),
        ] {
            let quick = within(&mut chance, a_week, rate);
            assert!(quick >= 0.9, "{a_week} a week: {quick}");
        }
    }

    /// The table of the README: a figure that changes there changes here.
    #[test]
    fn how_many_draws_a_week_answer_within_two_weeks() {
        let before = |week: usize, after: f64| if week < 20 { 0.01 } else { after };
        type Rate<'a> = &'a dyn Fn(usize, usize) -> f64;
        let cases: [(&str, Rate<'_>); 4] = [
            ("30 % everywhere", &|week, _| before(week, 0.3)),
            ("15 % everywhere", &|week, _| before(week, 0.15)),
            ("10 % everywhere", &|week, _| before(week, 0.1)),
            ("one service of five renamed", &|week, service| {
                before(week, if service == 0 { 1.0 } else { 0.01 })
            }),
        ];
        for (a_week, expected) in [
            (5, [2, 0, 0, 4]),
            (10, [13, 2, 0, 13]),
            (20, [20, 3, 3, 20]),
            (40, [20, 10, 4, 20]),
        ] {
            let mut chance = Chance(9);
            for ((name, rate), expected) in cases.into_iter().zip(expected) {
                let quick = (0..20).filter(|_| {
                    let week = broken_in(&mut chance, a_week, 22, rate);
                    week.is_some_and(|week| week >= 20)
                });
                assert_eq!(quick.count(), expected, "{a_week} a week, {name}");
            }
        }
    }

    #[test]
    fn what_speaks_most_is_named() {
        let errors = |drawn: bool, confidence: Option<f64>, service: usize| -> Vec<Looked> {
            (0..40)
                .map(|n| Looked {
                    week: 3,
                    service: Some(if n % 4 == 0 { service } else { 9 }),
                    drawn,
                    confidence,
                    wrong: n % 4 == 0,
                })
                .collect()
        };
        let most = |looked: &[Looked]| evidence(looked, PROMISED, 10, 4);
        let drawn = most(&errors(true, None, 2));
        assert!(drawn.breaks(0.95) && matches!(drawn.most, Against::Service(2) | Against::Promise));
        let corrected = most(&errors(false, Some(0.9), 2));
        assert!(corrected.breaks(0.95), "{corrected:?}");
        assert_eq!(corrected.most, Against::Confidence(2));
        // A model that is not sure of anything is not contradicted by corrections.
        assert!(!most(&errors(false, Some(0.6), 2)).breaks(0.95));
        assert!(!most(&errors(false, None, 2)).breaks(0.95));
        assert!((most(&[]).stake - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_error_suspends_nothing_and_the_doubt_is_given_anew_each_year() {
        let one = |week: usize, wrong: bool| Looked {
            week,
            service: Some(0),
            drawn: true,
            confidence: None,
            wrong,
        };
        assert!(!evidence(&[one(0, true)], PROMISED, 5, 1).breaks(0.95));
        let mut looked: Vec<Looked> = (0..60).flat_map(|w| [one(w, false); 10]).collect();
        looked.extend([one(60, true); 5]);
        let found = evidence(&looked, PROMISED, 5, 61);
        assert!(found.breaks(0.95), "{found:?}");
        // Services that left the file count for all together.
        let gone: Vec<Looked> = looked
            .iter()
            .map(|l| Looked {
                service: None,
                ..*l
            })
            .collect();
        let found = evidence(&gone, PROMISED, 5, 61);
        assert!(found.breaks(0.95), "{found:?}");
        assert_eq!(found.most, Against::Promise);
        // The bound of all that was seen, which it replaces, would not have moved.
        assert!(lower_bound(5, 605, 0.99) < PROMISED);
    }
}

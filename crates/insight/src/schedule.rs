//! A proposed schedule of presences, from what is expected: explained, for people to change.
//!
//! Presences are given one by one, each to the place where it meets most: the reports expected
//! there over the presences it already has and this one (the rule of D'Hondt, 1878, by which seats
//! are given in proportion to votes), and to the half-day of that place with most of them. Before
//! that, each place has the least that the pipeline file gives it: that is what is fair to those of
//! whom little is reported, perhaps because nobody goes.

use std::collections::BTreeMap;

use domain::Lang;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a schedule must respect, from the pipeline file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constraints {
    /// Half-days in which someone may go out, in order: `lundi après-midi`.
    pub open: Vec<String>,
    /// How many presences at once: pairs of mediators on duty.
    pub staff: u32,
    /// Presences of the week that each place has at least, whatever is expected there.
    #[serde(default = "one")]
    pub least: u32,
    /// Presences of the week at one place, at most; without it, as many as there are half-days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

const fn one() -> u32 {
    1
}

/// Why someone should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The least that each place has.
    Least,
    /// More is expected there, for each presence, than anywhere else.
    Expected,
}

/// One presence proposed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Presence {
    /// The half-day.
    pub slot: String,
    /// The place.
    pub place: String,
    /// Why.
    pub reason: Reason,
    /// Reports expected at that place in that half-day.
    pub expected: f64,
    /// Reports expected at that place in the week.
    pub week: f64,
}

/// A schedule proposed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Schedule {
    /// By half-day, in the order of the constraints, then by place.
    pub presences: Vec<Presence>,
    /// Places that have fewer presences than the least, because there is no room.
    pub short: Vec<String>,
}

/// Proposes a schedule for what is expected: reports by place and half-day. Half-days that are not
/// open are not proposed, but what is expected in them counts for the place.
pub fn propose(
    expected: &BTreeMap<String, BTreeMap<String, f64>>,
    constraints: &Constraints,
) -> Schedule {
    let week: BTreeMap<&str, f64> = expected
        .iter()
        .map(|(place, slots)| (place.as_str(), slots.values().sum()))
        .collect();
    let at = |place: &str, slot: &str| -> f64 {
        let slots = expected.get(place);
        slots.and_then(|s| s.get(slot)).copied().unwrap_or(0.0)
    };
    let mut room: Vec<u32> = vec![constraints.staff; constraints.open.len()];
    // Where each place is already visited.
    let mut visits: BTreeMap<&str, Vec<usize>> = week.keys().map(|p| (*p, Vec::new())).collect();
    let mut given: Vec<(usize, &str, Reason)> = Vec::new();
    let most = constraints.most.unwrap_or(u32::MAX) as usize;
    // The free half-day of a place with most reports; the earliest of equals.
    let best = |place: &str, room: &[u32], taken: &[usize]| -> Option<usize> {
        let mut best: Option<usize> = None;
        for (i, slot) in constraints.open.iter().enumerate() {
            let free = room[i] > 0 && !taken.contains(&i);
            if free && best.is_none_or(|b| at(place, slot) > at(place, &constraints.open[b])) {
                best = Some(i);
            }
        }
        best
    };
    // Rounds, so that no place has its second before each has its first; most expected first.
    let mut order: Vec<&str> = week.keys().copied().collect();
    order.sort_by(|a, b| week[b].total_cmp(&week[a]).then(a.cmp(b)));
    for _ in 0..(constraints.least as usize).min(most) {
        for place in &order {
            if let Some(slot) = best(place, &room, &visits[place]) {
                room[slot] -= 1;
                visits.entry(place).or_default().push(slot);
                given.push((slot, place, Reason::Least));
            }
        }
    }
    let least = (constraints.least as usize).min(most);
    let short: Vec<String> = visits
        .iter()
        .filter(|(_, v)| v.len() < least)
        .map(|(p, _)| (*p).to_owned())
        .collect();
    loop {
        let mut next: Option<(f64, &str, usize)> = None;
        for place in &order {
            let visited = &visits[place];
            let each = week[place] / (visited.len() as f64 + 1.0);
            if visited.len() >= most || each <= 0.0 || next.is_some_and(|(v, ..)| v >= each) {
                continue;
            }
            if let Some(slot) = best(place, &room, visited) {
                next = Some((each, place, slot));
            }
        }
        let Some((_, place, slot)) = next else { break };
        room[slot] -= 1;
        visits.entry(place).or_default().push(slot);
        given.push((slot, place, Reason::Expected));
    }
    given.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    Schedule {
        presences: given
            .into_iter()
            .map(|(slot, place, reason)| Presence {
                slot: constraints.open[slot].clone(),
                place: place.to_owned(),
                reason,
                expected: at(place, &constraints.open[slot]),
                week: week[place],
            })
            .collect(),
        short,
    }
}

impl Presence {
    /// Why, in a sentence.
    pub fn why(&self, lang: Lang) -> String {
        let number = |value: f64| {
            let text = format!("{value:.1}");
            match lang {
                Lang::Fr => text.replace('.', ","),
                Lang::En => text,
            }
        };
        let (week, slot) = (number(self.week), number(self.expected));
        match (lang, self.reason) {
            (Lang::Fr, Reason::Least) => format!(
                "{} : présence minimale due à chaque quartier ({week} remontées attendues dans la semaine).",
                self.place
            ),
            (Lang::Fr, Reason::Expected) => format!(
                "{} : {week} remontées attendues dans la semaine, dont {slot} à ce moment ; nulle part ailleurs une présence de plus n’en rencontrerait autant.",
                self.place
            ),
            (Lang::En, Reason::Least) => format!(
                "{}: the least that every neighbourhood has ({week} reports expected in the week).",
                self.place
            ),
            (Lang::En, Reason::Expected) => format!(
                "{}: {week} reports expected in the week, {slot} of them then; nowhere else would one more presence meet as many.",
                self.place
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn town() -> BTreeMap<String, BTreeMap<String, f64>> {
        let place = |morning: f64, evening: f64| {
            BTreeMap::from([
                ("lundi matin".to_owned(), morning),
                ("lundi soir".to_owned(), evening),
            ])
        };
        BTreeMap::from([
            ("Gare".to_owned(), place(1.0, 6.0)),
            ("Halles".to_owned(), place(2.0, 1.0)),
            ("Acacias".to_owned(), place(0.0, 0.0)),
        ])
    }

    fn constraints(staff: u32, least: u32) -> Constraints {
        Constraints {
            open: vec!["lundi matin".to_owned(), "lundi soir".to_owned()],
            staff,
            least,
            most: None,
        }
    }

    fn said(schedule: &Schedule) -> Vec<String> {
        schedule
            .presences
            .iter()
            .map(|p| format!("{} {}", p.slot, p.place))
            .collect()
    }

    #[test]
    fn every_place_has_its_least_and_the_rest_goes_where_most_is_expected() {
        let schedule = propose(&town(), &constraints(2, 1));
        assert_eq!(
            said(&schedule),
            [
                "lundi matin Acacias",
                "lundi matin Halles",
                "lundi soir Gare",
                "lundi soir Halles",
            ]
        );
        assert!(schedule.short.is_empty());
    }

    #[test]
    fn room_is_never_exceeded_and_who_falls_short_is_named() {
        let schedule = propose(&town(), &constraints(1, 1));
        assert_eq!(schedule.presences.len(), 2);
        assert_eq!(schedule.short, ["Acacias"]);
        assert!(
            schedule
                .presences
                .iter()
                .any(|p| p.place == "Gare" && p.slot == "lundi soir")
        );
        assert!(propose(&town(), &constraints(0, 1)).presences.is_empty());
        let none = propose(&BTreeMap::new(), &constraints(3, 1));
        assert_eq!(none, Schedule::default());
    }

    #[test]
    fn every_presence_says_why_in_both_languages() {
        for presence in propose(&town(), &constraints(2, 1)).presences {
            assert!(presence.why(Lang::Fr).contains(&presence.place));
            assert!(presence.why(Lang::En).contains("expected in the week"));
        }
    }
}

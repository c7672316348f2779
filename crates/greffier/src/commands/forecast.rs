//! `forecast`: how many reports to expect by place in a week, and the presences that one could plan
//! from it. People decide: nothing is recorded and nothing is imposed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use domain::holidays::is_holiday;
use domain::time::Zone;
use domain::{FieldReport, IsoWeek, Kind, Lang, Layout, Timestamp};
use insight::forecast::{Predicted, forecast as expect};
use insight::schedule::{Constraints, Schedule, propose};
use pipeline::ledger::{DocumentFilter, DocumentState};
use pipeline::pipelines::Pipeline;
use pipeline::vault::latest_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Ending;
use crate::args::{Foresee, Global};
use crate::house::House;
use crate::{print, reconcilers};

/// Days of a week, Monday first, then public holidays, which are like one another and like no other.
const HOLIDAY: usize = 7;
/// Reports of a place in the morning and in the afternoon beforehand, as if it were like the others.
const HALVES_PRIOR: f64 = 4.0;

/// How reports are foreseen, and what a schedule must respect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForecastSettings {
    /// Weeks of the past that are read.
    pub history_weeks: u32,
    /// Percent of chance that an interval holds what comes.
    pub inside: u8,
    /// What a proposed schedule must respect; without it none is proposed.
    pub schedule: Option<Constraints>,
}

impl Default for ForecastSettings {
    fn default() -> Self {
        Self {
            history_weeks: 26,
            inside: 80,
            schedule: None,
        }
    }
}

impl ForecastSettings {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if !(2..=260).contains(&self.history_weeks) {
            return Err(format!(
                "history_weeks is {}: expected 2 to 260",
                self.history_weeks
            ));
        }
        if !(50..=99).contains(&self.inside) {
            return Err(format!("inside is {}: expected 50 to 99", self.inside));
        }
        let open = self.schedule.iter().flat_map(|s| &s.open);
        match open.into_iter().find(|slot| half_day(slot).is_none()) {
            Some(slot) => Err(format!(
                "schedule.open names `{slot}`: expected a day and a half, such as `lundi matin` or `mardi après-midi`"
            )),
            None => Ok(()),
        }
    }
}

/// What is expected of a place.
#[derive(Debug, Serialize)]
struct Place {
    place: String,
    /// Reports of the weeks before, oldest first.
    before: Vec<u32>,
    /// In the week.
    week: Predicted,
    /// By day, Monday first.
    days: Vec<Predicted>,
}

#[derive(Debug, Serialize)]
struct Foreseen {
    week: IsoWeek,
    history_weeks: usize,
    /// Percent.
    inside: u8,
    places: Vec<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<Schedule>,
}

/// One report: where, on which day, and in the afternoon or not where that is known.
struct Seen {
    place: String,
    day: usize,
    afternoon: Option<bool>,
}

/// Runs `forecast`.
pub async fn forecast(global: &Global, args: &Foresee) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let pipeline = house.pipeline(&args.pipeline)?.clone();
    ensure!(
        reconcilers::reconciles(&pipeline),
        "pipeline `{}` has no field reports: its file has no [reconcile.synthesise]",
        pipeline.name()
    );
    let settings = reconcilers::forecasting(&pipeline.source)?;
    let (seen, days) = seen(&house, &pipeline, settings.history_weeks, args.week).await?;
    let foreseen = foresee(args.week, &seen, &days, &settings);
    if global.json {
        print::json(&foreseen)?;
        return Ok(Ending::Done);
    }
    shown(&foreseen, &settings, global.lang);
    Ok(Ending::Done)
}

/// Reports of so many weeks before `week`, and the days of those weeks and of `week`, from the first
/// one with a report.
async fn seen(
    house: &House,
    pipeline: &Pipeline,
    history_weeks: u32,
    week: IsoWeek,
) -> Result<(Vec<Seen>, Vec<String>)> {
    let (zone, _) = pipeline.source.zone();
    let first = week.plus(-i64::from(history_weeks));
    let bounds = |week: IsoWeek| {
        week.bounds(&zone)
            .with_context(|| format!("week {week} is outside the calendar"))
    };
    let filter = DocumentFilter {
        pipeline: Some(pipeline.name().clone()),
        state: Some(DocumentState::Done),
        from: Some(bounds(first)?.0),
        until: Some(bounds(week)?.0),
        top_level: true,
        ..DocumentFilter::default()
    };
    let vault = &house.desk.vault;
    let mut found: Vec<(String, String, Option<bool>)> = Vec::new();
    for row in vault.ledger.documents(&filter).await? {
        let records = vault.records(row.id.into()).await?;
        let Some(layout) = latest_of(&records, Kind::Layout) else {
            continue;
        };
        let envelope = vault.envelope(row.id.into()).await?;
        let layout: Layout = vault
            .read_json(row.id.into(), &envelope, layout.name)
            .await?;
        let Some(place) = FieldReport::from_fields(&layout.fields).place else {
            continue;
        };
        let (day, afternoon) = moment(&layout, row.received_at, &zone);
        found.push((place.trim().to_owned(), day, afternoon));
    }
    let mut days: Vec<String> = Vec::new();
    for n in 0..=history_weeks {
        days.extend(first.plus(i64::from(n)).each_day());
    }
    // Weeks before the first report say nothing of how many come: they were not counted.
    let place_of = |day: &String| days.binary_search(day).ok();
    let earliest = found.iter().filter_map(|(_, day, _)| place_of(day)).min();
    let start = earliest.unwrap_or(0) / 7 * 7;
    let days = days.split_off(start.min(days.len().saturating_sub(7)));
    // One spelling a place, as in the synthesis.
    let mut spelled: BTreeMap<String, String> = BTreeMap::new();
    for (place, _, _) in &found {
        let kept = spelled.entry(insight::place_key(place)).or_default();
        *kept = std::mem::take(kept).max(place.clone());
    }
    let seen = found
        .into_iter()
        .filter_map(|(place, day, afternoon)| {
            Some(Seen {
                place: spelled.get(&insight::place_key(&place))?.clone(),
                day: days.binary_search(&day).ok()?,
                afternoon,
            })
        })
        .collect();
    Ok((seen, days))
}

/// The day that a report is about, where it says so in a way that a calendar has, else the day it was
/// received; and the half of it.
fn moment(layout: &Layout, received: Timestamp, zone: &Zone) -> (String, Option<bool>) {
    let field = |name: &str| {
        let fields = layout.fields.iter();
        fields
            .filter(|f| f.name == name)
            .find_map(|f| f.value.as_deref())
            .map(str::trim)
    };
    let local = received.local_in(zone);
    let said = field("date").and_then(|date| {
        let turned = match date.split('/').collect::<Vec<_>>()[..] {
            [day, month, year] => format!("{year}-{month}-{day}"),
            _ => date.to_owned(),
        };
        Timestamp::parse_in(&turned, zone).ok()
    });
    let hour = field("heure").and_then(|at| {
        let digits: String = at.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u8>().ok().filter(|hour| *hour < 24)
    });
    let day = said.map_or(local.date, |at| at.day_in(zone));
    (day, hour.map(|hour| hour >= 13))
}

fn foresee(week: IsoWeek, seen: &[Seen], days: &[String], settings: &ForecastSettings) -> Foreseen {
    let inside = f64::from(settings.inside) / 100.0;
    let past = days.len().saturating_sub(7);
    let kinds: Vec<usize> = days
        .iter()
        .enumerate()
        .map(|(n, day)| if is_holiday(day) { HOLIDAY } else { n % 7 })
        .collect();
    let mut by_place: BTreeMap<&str, (Vec<u32>, [f64; 2])> = BTreeMap::new();
    let mut halves = [0.0, 0.0];
    for one in seen.iter().filter(|one| one.day < past) {
        let (counts, own) = by_place
            .entry(&one.place)
            .or_insert_with(|| (vec![0; past], [0.0, 0.0]));
        counts[one.day] += 1;
        if let Some(afternoon) = one.afternoon {
            own[usize::from(afternoon)] += 1.0;
            halves[usize::from(afternoon)] += 1.0;
        }
    }
    // Half and half where nobody says when.
    let common = match halves[0] + halves[1] {
        0.0 => 0.5,
        all => halves[1] / all,
    };
    let mut expected: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    let mut places = Vec::new();
    for (place, (counts, own)) in by_place {
        let daily = expect(&counts, &kinds, inside);
        let weekly: Vec<u32> = counts.chunks(7).map(|week| week.iter().sum()).collect();
        let whole = expect(&weekly, &vec![0; weekly.len() + 1], inside);
        let afternoon = (own[1] + HALVES_PRIOR * common) / (own[0] + own[1] + HALVES_PRIOR);
        if let Some(constraints) = &settings.schedule {
            let slots = expected.entry(place.to_owned()).or_default();
            for slot in &constraints.open {
                if let Some((day, is_afternoon)) = half_day(slot) {
                    let share = if is_afternoon {
                        afternoon
                    } else {
                        1.0 - afternoon
                    };
                    let mean = daily.get(day).map_or(0.0, |p| p.mean);
                    slots.insert(slot.clone(), mean * share);
                }
            }
        }
        if let Some(week) = whole.first() {
            places.push(Place {
                place: place.to_owned(),
                before: weekly,
                week: *week,
                days: daily,
            });
        }
    }
    Foreseen {
        week,
        history_weeks: past / 7,
        inside: settings.inside,
        schedule: settings.schedule.as_ref().map(|c| propose(&expected, c)),
        places,
    }
}

/// The day and the half that a slot of the pipeline file names, in French or in English.
fn half_day(slot: &str) -> Option<(usize, bool)> {
    const DAYS: [[&str; 2]; 7] = [
        ["lundi", "monday"],
        ["mardi", "tuesday"],
        ["mercredi", "wednesday"],
        ["jeudi", "thursday"],
        ["vendredi", "friday"],
        ["samedi", "saturday"],
        ["dimanche", "sunday"],
    ];
    let (day, half) = slot.trim().split_once(' ')?;
    let day = DAYS.iter().position(|names| names.contains(&day))?;
    match half.trim() {
        "matin" | "morning" => Some((day, false)),
        "après-midi" | "apres-midi" | "afternoon" | "soir" | "evening" => Some((day, true)),
        _ => None,
    }
}

fn shown(foreseen: &Foreseen, settings: &ForecastSettings, lang: Lang) {
    if foreseen.places.is_empty() {
        print::line(lang.pick(
            "Aucune remontée avec un lieu dans les semaines lues : rien à prévoir.",
            "No report with a place in the weeks read: nothing to foresee.",
        ));
        return;
    }
    let mean = |value: f64| {
        let text = format!("{value:.1}");
        match lang {
            Lang::Fr => text.replace('.', ","),
            Lang::En => text,
        }
    };
    let rows = foreseen.places.iter().map(|place| {
        let mut row = vec![place.place.clone()];
        row.extend(place.days.iter().map(|day| mean(day.mean)));
        row.push(mean(place.week.mean));
        row.push(format!("{}–{}", place.week.low, place.week.high));
        row
    });
    let mut header = vec![lang.pick("lieu", "place")];
    header.extend(match lang {
        Lang::Fr => ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
        Lang::En => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    });
    header.extend([lang.pick("semaine", "week"), lang.pick("entre", "between")]);
    print::table(&header, rows.collect());
    print::line(match lang {
        Lang::Fr => format!(
            "Remontées attendues en semaine {}, d’après {} semaines ; « entre » contient ce qui viendra {} fois sur 100. Les jours fériés comptent à part.",
            foreseen.week, foreseen.history_weeks, foreseen.inside
        ),
        Lang::En => format!(
            "Reports expected in week {}, after {} weeks; `between` holds what comes {} times in 100. Public holidays count apart.",
            foreseen.week, foreseen.history_weeks, foreseen.inside
        ),
    });
    let Some(schedule) = &foreseen.schedule else {
        return;
    };
    print::line("");
    print::line(lang.pick(
        "Présences proposées, à modifier librement :",
        "Presences proposed, for you to change:",
    ));
    let presences = schedule.presences.iter();
    let rows = presences.map(|p| vec![p.slot.clone(), p.place.clone(), p.why(lang)]);
    print::table(
        &[
            lang.pick("quand", "when"),
            lang.pick("où", "where"),
            lang.pick("pourquoi", "why"),
        ],
        rows.collect(),
    );
    if !schedule.short.is_empty() {
        let least = settings.schedule.as_ref().map_or(0, |c| c.least);
        let short = schedule.short.join(", ");
        print::line(match lang {
            Lang::Fr => format!("Moins de {least} présence(s), faute de monde : {short}."),
            Lang::En => format!("Fewer than {least} presence(s), for want of staff: {short}."),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week_of(n: usize, places: &[(&str, usize, u32)]) -> Vec<Seen> {
        places
            .iter()
            .flat_map(|(place, day, times)| {
                (0..*times).map(move |_| Seen {
                    place: (*place).to_owned(),
                    day: n * 7 + day,
                    afternoon: Some(true),
                })
            })
            .collect()
    }

    #[test]
    fn presences_go_where_more_is_expected_and_every_place_has_its_least() {
        let mut days = Vec::new();
        let last: IsoWeek = "2026-W47".parse().unwrap();
        for n in (0..=8).rev() {
            days.extend(last.plus(-n).each_day());
        }
        let busy = [("Gare", 1, 6), ("Les Tilleuls", 3, 2), ("Centre", 0, 1)];
        let seen: Vec<Seen> = (0..8).flat_map(|n| week_of(n, &busy)).collect();
        let slots = [
            "lundi après-midi",
            "mardi après-midi",
            "jeudi après-midi",
            "jeudi matin",
        ];
        let settings = ForecastSettings {
            schedule: Some(Constraints {
                open: slots.map(str::to_owned).to_vec(),
                staff: 1,
                least: 1,
                most: None,
            }),
            ..ForecastSettings::default()
        };
        settings.check().unwrap();
        let foreseen = foresee(last, &seen, &days, &settings);
        assert_eq!(foreseen.history_weeks, 8);
        let gare = foreseen.places.iter().find(|p| p.place == "Gare").unwrap();
        assert_eq!(gare.before, [6; 8]);
        assert!((5.0..7.0).contains(&gare.week.mean), "{:?}", gare.week);
        assert!(gare.week.low <= 6 && 6 <= gare.week.high);
        assert!(
            gare.days[1].mean > 5.0 * gare.days[2].mean,
            "{:?}",
            gare.days
        );
        let schedule = foreseen.schedule.unwrap();
        let at = |slot: &str| {
            let mut found = schedule.presences.iter().filter(|p| p.slot == slot);
            found.next().map(|p| p.place.as_str())
        };
        assert_eq!(at("mardi après-midi"), Some("Gare"));
        assert_eq!(at("jeudi après-midi"), Some("Les Tilleuls"));
        assert_eq!(at("lundi après-midi"), Some("Centre"));
        assert_eq!(schedule.presences.len(), 4);
    }

    #[test]
    fn a_slot_that_is_no_half_day_is_refused() {
        let settings = ForecastSettings {
            schedule: Some(Constraints {
                open: vec!["lundi".to_owned()],
                staff: 1,
                least: 1,
                most: None,
            }),
            ..ForecastSettings::default()
        };
        assert!(settings.check().unwrap_err().contains("`lundi`"));
    }
}

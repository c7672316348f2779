//! Who is on duty: the roster of a pipeline file, read at one moment of its time zone.
//!
//! A shift begins on its days at its hour, and one that ends at an earlier hour than it begins ends
//! the next day: Friday 18:00 to 08:00 is over on Saturday at 08:00. Hours are those of the clock on
//! the wall, also in the nights when it is moved.

use domain::time::{Local, Zone};
use domain::{AlertKind, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InsightError;
use crate::settings::AlertSettings;

/// A day of the week.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "a day of the week says what it is")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Hours during which a person is on duty: a `[[duty]]` of `[reconcile.alert.settings]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Who, as alerts name the person.
    pub person: String,
    /// The days on which it begins; every day when empty.
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// When it begins: `08:00`.
    #[serde(default = "midnight")]
    pub from: String,
    /// When it ends, the next day where that is no later than it begins: `18:00`; `24:00` is the
    /// end of the day.
    #[serde(default = "end_of_day")]
    pub until: String,
    /// The first day on which it begins, `2026-11-23`; without it, it always did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The last day on which it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// For alerts of these kinds alone; of every kind when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<AlertKind>,
}

fn midnight() -> String {
    "00:00".to_owned()
}

fn end_of_day() -> String {
    "24:00".to_owned()
}

const DAY_MINUTES: u16 = 24 * 60;
const MINUTE_MICROS: i64 = 60 * 1_000_000;

/// Minutes since midnight of `18:00`; `24:00` is the end of the day.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |t: &str| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY_MINUTES).then_some(all)
}

impl Shift {
    /// Checks what serde cannot; `entry` is its number in the file, from 1.
    pub(crate) fn check(&self, entry: usize) -> Result<(), InsightError> {
        let wrong = |key, value: &str, expected| InsightError::Duty {
            entry,
            key,
            value: value.to_owned(),
            expected,
        };
        if self.person.trim().is_empty() {
            return Err(wrong("person", &self.person, "a name"));
        }
        let time = "a time such as 08:00";
        let from = minutes(&self.from).ok_or_else(|| wrong("from", &self.from, time))?;
        if from == DAY_MINUTES {
            return Err(wrong("from", &self.from, "a time before 24:00"));
        }
        minutes(&self.until).ok_or_else(|| wrong("until", &self.until, time))?;
        let zone = Zone::paris();
        for (key, day) in [("first", &self.first), ("last", &self.last)] {
            let Some(day) = day else { continue };
            let read = Timestamp::parse_in(day, &zone).ok();
            if read.is_none_or(|moment| moment.day_in(&zone) != *day) {
                return Err(wrong(key, day, "a day such as 2026-11-23"));
            }
        }
        if let (Some(first), Some(last)) = (&self.first, &self.last)
            && last < first
        {
            return Err(wrong("last", last, "a day that is not before `first`"));
        }
        Ok(())
    }

    /// Whether it began on `day`.
    fn begins_on(&self, day: &Local) -> bool {
        let on = |weekday: &Weekday| *weekday as u8 == day.weekday;
        (self.days.is_empty() || self.days.iter().any(on))
            && self.first.as_ref().is_none_or(|first| *first <= day.date)
            && self.last.as_ref().is_none_or(|last| day.date <= *last)
    }

    /// Whether it is on at `now`; `before` is a moment of the day before.
    fn is_on(&self, now: &Local, before: &Local) -> bool {
        let (Some(from), Some(until)) = (minutes(&self.from), minutes(&self.until)) else {
            return false;
        };
        let minute = now.minutes;
        if from < until {
            return self.begins_on(now) && (from..until).contains(&minute);
        }
        (self.begins_on(now) && minute >= from) || (self.begins_on(before) && minute < until)
    }
}

impl AlertSettings {
    /// To whom an alert of this kind goes at this moment: the first shift of the file that is on and
    /// names the kind, else whoever `recipients` names for it, else the first shift that is on for
    /// every kind, else `recipient`.
    pub fn on_duty(&self, kind: AlertKind, moment: Timestamp, zone: &Zone) -> Option<&str> {
        let now = moment.local_in(zone);
        // Two hours more than since midnight: a night in which the clock goes back has one more.
        let back = i64::from(now.minutes) + 121;
        let before = moment.plus_micros(-back * MINUTE_MICROS).local_in(zone);
        let on = |shift: &&Shift| shift.is_on(&now, &before);
        let mut on_duty = self.duty.iter().filter(on);
        let for_it = on_duty.clone().find(|shift| shift.kinds.contains(&kind));
        let for_all = on_duty.find(|shift| shift.kinds.is_empty());
        (for_it.map(|shift| &shift.person))
            .or(self.recipients.get(&kind))
            .or(for_all.map(|shift| &shift.person))
            .or(self.recipient.as_ref())
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROSTER: &str = r#"
        recipient = "le cadre"
        recipients = { child-in-danger = "la référente" }
        [[duty]]
        person = "Inès"
        days = ["friday"]
        from = "18:00"
        until = "08:00"
        kinds = ["child-in-danger"]
        [[duty]]
        person = "Noé"
        days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
        from = "08:00"
        until = "18:00"
        last = "2026-11-20"
        [[duty]]
        person = "Maïa"
        days = ["saturday", "sunday"]
    "#;

    fn at(kind: AlertKind, local: &str) -> String {
        let settings: AlertSettings = toml::from_str(ROSTER).unwrap();
        let zone = Zone::paris();
        let moment = Timestamp::parse_in(local, &zone).unwrap();
        let found = settings.on_duty(kind, moment, &zone);
        found.unwrap_or("personne").to_owned()
    }

    #[test]
    fn the_person_of_the_hour_is_named() {
        let check = |local: &str, expected: &str| {
            assert_eq!(at(AlertKind::Urgent, local), expected, "{local}");
        };
        // 2026-11-20 is a Friday.
        check("2026-11-20T07:59", "le cadre");
        check("2026-11-20T08:00", "Noé");
        check("2026-11-20T17:59", "Noé");
        check("2026-11-20T18:00", "le cadre");
        check("2026-11-21T00:00", "Maïa");
        check("2026-11-22T23:59", "Maïa");
        // Noé's last day is over.
        check("2026-11-23T09:00", "le cadre");
    }

    #[test]
    fn a_kind_of_its_own_comes_first_and_a_night_ends_in_the_morning() {
        let check = |local: &str, expected: &str| {
            assert_eq!(at(AlertKind::ChildInDanger, local), expected, "{local}");
        };
        check("2026-11-20T17:59", "la référente");
        check("2026-11-20T18:00", "Inès");
        check("2026-11-21T07:59", "Inès");
        check("2026-11-21T08:00", "la référente");
        check("2026-11-22T01:00", "la référente");
    }

    #[test]
    fn the_nights_when_the_clock_is_moved_have_their_hours() {
        let toml =
            "[[duty]]\nperson = 'nuit'\ndays = ['saturday']\nfrom = '20:00'\nuntil = '06:00'";
        let settings: AlertSettings = toml::from_str(toml).unwrap();
        let zone = Zone::paris();
        // Back on Sunday 25 October 2026 at 3:00, forward on Sunday 29 March 2026 at 2:00.
        for (local, on) in [
            ("2026-10-24T20:00", true),
            ("2026-10-25T00:30", true),
            ("2026-10-25T05:59", true),
            ("2026-10-25T06:00", false),
            ("2026-03-29T05:59", true),
            ("2026-03-29T06:00", false),
            ("2026-03-30T01:00", false),
        ] {
            let moment = Timestamp::parse_in(local, &zone).unwrap();
            let found = settings.on_duty(AlertKind::Urgent, moment, &zone);
            assert_eq!(found.is_some(), on, "{local}");
        }
    }

    #[test]
    fn says_which_shift_is_wrong() {
        let check = |line: &str, expected: &str| {
            let toml = format!("[[duty]]\nperson = 'a'\n[[duty]]\nperson = 'b'\n{line}");
            let settings: AlertSettings = toml::from_str(&toml).unwrap();
            let error = settings.check(&crate::SynthesisSettings::default());
            assert_eq!(error.unwrap_err().to_string(), expected);
        };
        check(
            "from = '8h'",
            "duty 2: from is `8h`: expected a time such as 08:00",
        );
        check(
            "until = '25:00'",
            "duty 2: until is `25:00`: expected a time such as 08:00",
        );
        check(
            "first = '23/11/2026'",
            "duty 2: first is `23/11/2026`: expected a day such as 2026-11-23",
        );
        check(
            "first = '2026-11-23'\nlast = '2026-11-22'",
            "duty 2: last is `2026-11-22`: expected a day that is not before `first`",
        );
    }
}

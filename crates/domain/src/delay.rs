//! Time limits, counted as the law counts them: in days, weeks, months or years from one day to
//! another, without hours.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::Lang;
use crate::time::{TimeError, Timestamp, Zone};

/// The longest limit there may be, in its own unit: more is a slip of the finger.
const COUNT_MAX: u16 = 999;

/// Within how long, as a person writes it: `15 jours`, `2 mois`, `1 month`, `10 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Delay {
    count: u16,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Days,
    Weeks,
    Months,
    Years,
}

impl Delay {
    /// So many days.
    pub const fn days(count: u16) -> Self {
        Self {
            count,
            unit: Unit::Days,
        }
    }

    /// So many months.
    pub const fn months(count: u16) -> Self {
        Self {
            count,
            unit: Unit::Months,
        }
    }

    /// The last day, for what was received on `day`: the same day of the month some months later,
    /// or the last of that month when it has no such day.
    pub fn after(self, day: Day) -> Day {
        let count = i64::from(self.count);
        let span = match self.unit {
            Unit::Days => count.days(),
            Unit::Weeks => count.weeks(),
            Unit::Months => count.months(),
            Unit::Years => count.years(),
        };
        day.0.checked_add(span).map_or(day, Day)
    }

    /// As people say it.
    pub fn say(self, lang: Lang) -> String {
        let many = self.count > 1;
        let unit = match (self.unit, many) {
            (Unit::Days, false) => lang.pick("jour", "day"),
            (Unit::Days, true) => lang.pick("jours", "days"),
            (Unit::Weeks, false) => lang.pick("semaine", "week"),
            (Unit::Weeks, true) => lang.pick("semaines", "weeks"),
            (Unit::Months, false) => lang.pick("mois", "month"),
            (Unit::Months, true) => lang.pick("mois", "months"),
            (Unit::Years, false) => lang.pick("an", "year"),
            (Unit::Years, true) => lang.pick("ans", "years"),
        };
        format!("{} {unit}", self.count)
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Lang::Fr))
    }
}

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, DelayError> {
        let error = || DelayError(text.to_owned());
        let (count, unit) = text.split_once(' ').ok_or_else(error)?;
        let digits = !count.starts_with('0') && count.bytes().all(|b| b.is_ascii_digit());
        let count = count
            .parse()
            .ok()
            .filter(|n| digits && *n <= COUNT_MAX)
            .ok_or_else(error)?;
        let unit = match unit {
            "jour" | "jours" | "day" | "days" => Unit::Days,
            "semaine" | "semaines" | "week" | "weeks" => Unit::Weeks,
            "mois" | "month" | "months" => Unit::Months,
            "an" | "ans" | "year" | "years" => Unit::Years,
            _ => return Err(error()),
        };
        Ok(Self { count, unit })
    }
}

/// A text that is not a time limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a time limit: expected a number and a unit, such as `2 mois`, `15 jours`, `1 month` or `10 days`"
)]
pub struct DelayError(String);

impl From<Delay> for String {
    fn from(delay: Delay) -> Self {
        delay.to_string()
    }
}

impl TryFrom<String> for Delay {
    type Error = DelayError;

    fn try_from(text: String) -> Result<Self, DelayError> {
        text.parse()
    }
}

impl JsonSchema for Delay {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Delay".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[1-9][0-9]{0,2} (jours?|semaines?|mois|ans?|days?|weeks?|months?|years?)$",
            "description": "A time limit: `2 mois`, `15 jours`, `1 month`, `10 days`."
        })
    }
}

/// A day of the calendar, written `2026-11-18`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(Date);

impl Day {
    /// The day of a moment in `zone`.
    pub fn of(moment: Timestamp, zone: &Zone) -> Self {
        moment.day_in(zone).parse().unwrap_or(Self(Date::ZERO))
    }

    /// `None` for a day that the calendar does not have, such as 31 February.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        Date::new(year, month, day).ok().map(Self)
    }

    /// Its year.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// Its month, from 1.
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// Its day of the month, from 1.
    pub fn day(self) -> i8 {
        self.0.day()
    }

    /// The day `days` later; `None` beyond the year 9999.
    pub fn plus(self, days: i64) -> Option<Self> {
        let span = jiff::Span::new().try_days(days).ok()?;
        self.0.checked_add(span).ok().map(Self)
    }

    /// Days from this one to `other`: negative when that is before.
    pub fn until(self, other: Self) -> i64 {
        self.0
            .until(other.0)
            .map_or(0, |span| i64::from(span.get_days()))
    }

    /// The Monday of its week.
    pub fn monday(self) -> Self {
        let since = i64::from(self.0.weekday().to_monday_zero_offset());
        self.0.checked_sub(since.days()).map_or(self, Self)
    }

    /// `12 janvier`, with the year unless it is near `today`.
    pub fn say(self, today: Self, lang: Lang) -> String {
        /// Days around today in which a day and a month cannot be those of another year.
        const NEAR: i64 = 180;
        if today.until(self).abs() <= NEAR {
            self.say_without_year(lang)
        } else {
            self.say_whole(lang)
        }
    }

    /// `12 janvier 2027`.
    pub fn say_whole(self, lang: Lang) -> String {
        format!("{} {}", self.say_without_year(lang), self.0.year())
    }

    fn say_without_year(self, lang: Lang) -> String {
        let month = usize::try_from(self.0.month() - 1).unwrap_or_default();
        let month = months(lang).get(month).copied().unwrap_or_default();
        match (lang, self.0.day()) {
            (Lang::Fr, 1) => format!("1er {month}"),
            (_, day) => format!("{day} {month}"),
        }
    }
}

/// The names of the months.
pub const fn months(lang: Lang) -> [&'static str; 12] {
    match lang {
        Lang::Fr => [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        Lang::En => [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Day {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse()
            .map(Self)
            .map_err(|_| TimeError::new(text, "a day such as 2026-11-18"))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "date", "description": "A day of the calendar."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn limits_are_read_strictly_in_both_languages() {
        for (written, said) in [
            ("2 mois", "2 mois"),
            ("1 month", "1 mois"),
            ("10 days", "10 jours"),
            ("1 semaine", "1 semaine"),
            ("3 ans", "3 ans"),
        ] {
            assert_eq!(written.parse::<Delay>().unwrap().to_string(), said);
        }
        for wrong in [
            "",
            "2",
            "mois",
            "2mois",
            "2  mois",
            " 2 mois",
            "2 mois ",
            "0 mois",
            "02 mois",
            "-1 mois",
            "+1 mois",
            "1000 jours",
            "1.5 mois",
            "deux mois",
            "2 Mois",
            "2 heures",
        ] {
            assert!(wrong.parse::<Delay>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn months_go_from_day_to_day_and_end_with_the_month() {
        let after =
            |delay: &str, from: &str| delay.parse::<Delay>().unwrap().after(day(from)).to_string();
        assert_eq!(after("2 mois", "2026-11-16"), "2027-01-16");
        assert_eq!(after("2 mois", "2026-12-31"), "2027-02-28");
        assert_eq!(after("15 jours", "2026-11-16"), "2026-12-01");
        assert_eq!(after("1 week", "2026-11-16"), "2026-11-23");
        assert_eq!(after("1 an", "2028-02-29"), "2029-02-28");
    }

    #[test]
    fn the_day_is_that_of_the_zone() {
        let at = "2026-11-22T23:30:00Z".parse().unwrap();
        assert_eq!(Day::of(at, &Zone::paris()), day("2026-11-23"));
        assert_eq!(day("2026-11-22").monday(), day("2026-11-16"));
        assert_eq!(day("2026-11-23").monday(), day("2026-11-23"));
        assert_eq!(day("2026-12-30").until(day("2027-01-02")), 3);
        assert_eq!(day("2027-03-02").until(day("2026-12-30")), -62);
    }

    #[test]
    fn a_day_far_away_is_said_with_its_year() {
        let today = day("2026-11-18");
        assert_eq!(day("2027-01-12").say(today, Lang::Fr), "12 janvier");
        assert_eq!(day("2027-01-01").say(today, Lang::Fr), "1er janvier");
        assert_eq!(day("2027-01-01").say(today, Lang::En), "1 January");
        assert_eq!(day("2027-11-18").say(today, Lang::En), "18 November 2027");
    }
}

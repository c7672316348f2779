//! Moments and weeks. There is no clock here: whoever needs "now" is given it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A moment in UTC, in microseconds since 1970. Written as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(i64);

/// A text that is not a moment, a day or a week.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct TimeError {
    text: String,
    expected: &'static str,
}

impl TimeError {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            expected,
        }
    }
}

impl Timestamp {
    /// A moment from microseconds since 1970 in UTC. `None` outside the years -9999 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        jiff::Timestamp::from_microsecond(micros)
            .ok()
            .map(|t| Self(t.as_microsecond()))
    }

    /// Microseconds since 1970 in UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 moment, or a day or a local date-time, which is taken in `zone`
    /// (a day is its midnight).
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse_in(text: &str, zone: &Zone) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Ok(moment) = text.parse() {
            return Ok(moment);
        }
        let error = || TimeError {
            text: text.to_owned(),
            expected: "a date: expected 2026-11-18, 2026-11-18T09:30 or 2026-11-18T09:30:00Z",
        };
        let civil = text
            .parse::<jiff::civil::DateTime>()
            .or_else(|_| {
                text.parse::<Date>()
                    .map(|day| day.to_datetime(jiff::civil::Time::midnight()))
            })
            .map_err(|_| error())?;
        let zoned = civil.to_zoned(zone.0.clone()).map_err(|_| error())?;
        Ok(Self(zoned.timestamp().as_microsecond()))
    }

    /// The day of this moment in `zone`, as `2026-11-18`.
    pub fn day_in(self, zone: &Zone) -> String {
        self.zoned(zone)
            .map_or_else(|| self.to_string(), |z| z.date().to_string())
    }

    /// The minute of this moment in `zone`, for people: `2026-11-18 09:30`.
    pub fn minute_in(self, zone: &Zone) -> String {
        self.zoned(zone).map_or_else(
            || self.to_string(),
            |z| z.strftime("%Y-%m-%d %H:%M").to_string(),
        )
    }

    /// The ISO 8601 week of this moment in `zone`.
    pub fn week_in(self, zone: &Zone) -> IsoWeek {
        let date = self.zoned(zone).map_or(Date::ZERO, |z| z.date());
        let week = date.iso_week_date();
        IsoWeek {
            year: week.year(),
            week: week.week(),
        }
    }

    /// What a clock on a wall of `zone` and a calendar beside it show at this moment.
    pub fn local_in(self, zone: &Zone) -> Local {
        let (date, weekday, minutes) = self.zoned(zone).map_or((Date::ZERO, 0, 0), |z| {
            let minutes = i32::from(z.hour()) * 60 + i32::from(z.minute());
            (z.date(), z.weekday().to_monday_zero_offset(), minutes)
        });
        Local {
            date: date.to_string(),
            weekday: u8::try_from(weekday).unwrap_or(0),
            minutes: u16::try_from(minutes).unwrap_or(0),
        }
    }

    fn zoned(self, zone: &Zone) -> Option<jiff::Zoned> {
        let moment = jiff::Timestamp::from_microsecond(self.0).ok()?;
        Some(moment.to_zoned(zone.0.clone()))
    }

    /// This moment plus `micros`, or the last moment on that side that can be written.
    pub fn plus_micros(self, micros: i64) -> Self {
        let last = match micros < 0 {
            true => jiff::Timestamp::MIN,
            false => jiff::Timestamp::MAX,
        };
        Self::from_micros(self.0.saturating_add(micros)).unwrap_or(Self(last.as_microsecond()))
    }
}

/// A day and an hour as people read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// `2026-11-18`.
    pub date: String,
    /// 0 for Monday.
    pub weekday: u8,
    /// Minutes on the clock since midnight.
    pub minutes: u16,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| TimeError {
                text: text.to_owned(),
                expected: "an RFC 3339 moment such as 2026-11-18T09:30:00Z",
            })
    }
}

impl From<Timestamp> for String {
    fn from(t: Timestamp) -> Self {
        t.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "date-time", "description": "A moment in UTC (RFC 3339)."
        })
    }
}

/// A time zone of the IANA database, such as `Europe/Paris`. The database is compiled in, so that
/// a week is the same on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of France, the default of every pipeline.
    pub fn paris() -> Self {
        // The name is in the compiled-in database; UTC stands in only if that were ever untrue.
        "Europe/Paris".parse().unwrap_or(Self(TimeZone::UTC))
    }
}

impl FromStr for Zone {
    type Err = TimeError;

    fn from_str(name: &str) -> Result<Self, TimeError> {
        TimeZone::get(name).map(Self).map_err(|_| TimeError {
            text: name.to_owned(),
            expected: "a time zone of the IANA database such as Europe/Paris",
        })
    }
}

/// An ISO 8601 week, written `2026-W47`; Monday is its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IsoWeek {
    year: i16,
    week: i8,
}

impl IsoWeek {
    fn monday(self) -> Option<Date> {
        ISOWeekDate::new(self.year, self.week, jiff::civil::Weekday::Monday)
            .ok()
            .map(|d| d.date())
    }

    /// The week `n` weeks after this one (before, when negative).
    pub fn plus(self, n: i64) -> Self {
        let shifted = self
            .monday()
            .and_then(|day| {
                day.checked_add(jiff::Span::new().try_days(7 * n).ok()?)
                    .ok()
            })
            .map(|day| day.iso_week_date());
        shifted.map_or(self, |w| Self {
            year: w.year(),
            week: w.week(),
        })
    }

    /// First moment of the week and first moment of the next, in `zone`.
    pub fn bounds(self, zone: &Zone) -> Option<(Timestamp, Timestamp)> {
        let start = |week: Self| {
            let zoned = week.monday()?.to_zoned(zone.0.clone()).ok()?;
            Timestamp::from_micros(zoned.timestamp().as_microsecond())
        };
        Some((start(self)?, start(self.plus(1))?))
    }

    /// Its seven days, Monday first, as `2026-11-16`.
    pub fn each_day(self) -> Vec<String> {
        let Some(monday) = self.monday() else {
            return Vec::new();
        };
        (0..7)
            .filter_map(|n| monday.checked_add(jiff::Span::new().days(n)).ok())
            .map(|day| day.to_string())
            .collect()
    }

    /// First and last day, as `2026-11-16` and `2026-11-22`.
    pub fn days(self) -> (String, String) {
        let monday = self.monday().unwrap_or(Date::ZERO);
        let sunday = monday
            .checked_add(jiff::Span::new().days(6))
            .unwrap_or(monday);
        (monday.to_string(), sunday.to_string())
    }
}

impl fmt::Display for IsoWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}

impl FromStr for IsoWeek {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError {
            text: text.to_owned(),
            expected: "an ISO week such as 2026-W47",
        };
        let (year, week) = text.split_once("-W").ok_or_else(error)?;
        if year.len() != 4 || week.len() != 2 {
            return Err(error());
        }
        let week = Self {
            year: year.parse().map_err(|_| error())?,
            week: week.parse().map_err(|_| error())?,
        };
        week.monday().map(|_| week).ok_or_else(error)
    }
}

impl From<IsoWeek> for String {
    fn from(week: IsoWeek) -> Self {
        week.to_string()
    }
}

impl TryFrom<String> for IsoWeek {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl JsonSchema for IsoWeek {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IsoWeek".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^[0-9]{4}-W[0-5][0-9]$", "description": "An ISO 8601 week."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sunday_night_in_paris_is_still_that_week() {
        // 22:30 UTC on Sunday 22 November is 23:30 in Paris; 23:30 UTC is Monday there.
        let zone = Zone::paris();
        let sunday: Timestamp = "2026-11-22T22:30:00Z".parse().unwrap();
        let monday: Timestamp = "2026-11-22T23:30:00Z".parse().unwrap();
        assert_eq!(sunday.week_in(&zone).to_string(), "2026-W47");
        assert_eq!(monday.week_in(&zone).to_string(), "2026-W48");
    }

    #[test]
    fn weeks_cross_years_and_have_53_when_the_calendar_says_so() {
        let week: IsoWeek = "2026-W53".parse().unwrap();
        assert_eq!(week.plus(1).to_string(), "2027-W01");
        assert_eq!(week.plus(-1).to_string(), "2026-W52");
        assert!("2025-W53".parse::<IsoWeek>().is_err());
        assert!("2026-47".parse::<IsoWeek>().is_err());
        assert_eq!(
            "2026-W47".parse::<IsoWeek>().unwrap().days().0,
            "2026-11-16"
        );
    }

    #[test]
    fn days_are_local_midnights() {
        let zone = Zone::paris();
        let winter = Timestamp::parse_in("2026-11-18", &zone).unwrap();
        assert_eq!(winter.to_string(), "2026-11-17T23:00:00Z");
        let moment = Timestamp::parse_in("2026-07-01T10:00", &zone).unwrap();
        assert_eq!(moment.to_string(), "2026-07-01T08:00:00Z");
        assert!(Timestamp::parse_in("18/11/2026", &zone).is_err());
        assert_eq!(winter.day_in(&zone), "2026-11-18");
        assert_eq!(winter.minute_in(&zone), "2026-11-18 00:00");
    }
}

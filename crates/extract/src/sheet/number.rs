//! How people see a number or a date under a number format (ECMA-376 part 1, section 18.8.31), as
//! French offices write it, without losing a digit.

/// What a number format makes of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// As it is.
    #[default]
    General,
    /// A date, a time, or both.
    Date { day: bool, time: bool },
    /// A decimal number.
    Number {
        /// Digits after the comma, at least.
        decimals: usize,
        /// Thousands apart.
        grouped: bool,
        /// Times a hundred, with a sign.
        percent: bool,
        /// What stands before and after: a currency, a unit.
        before: String,
        after: String,
    },
}

/// Longer than this, what surrounds a number is not a unit.
const UNIT_CHARACTERS_MAX: usize = 12;

/// Digits that a double has for certain; spreadsheets show no more.
const DIGITS: usize = 15;

impl Format {
    /// The formats that files name by number only (section 18.8.30).
    pub(crate) fn builtin(id: u32) -> Self {
        let number = |decimals, grouped| Self::Number {
            decimals,
            grouped,
            percent: false,
            before: String::new(),
            after: String::new(),
        };
        match id {
            1 => number(0, false),
            2 => number(2, false),
            3 | 37 | 38 => number(0, true),
            4 | 39 | 40 => number(2, true),
            9 | 10 => Self::Number {
                decimals: if id == 10 { 2 } else { 0 },
                grouped: false,
                percent: true,
                before: String::new(),
                after: String::new(),
            },
            14..=17 | 27..=31 | 36 | 50..=58 => Self::Date {
                day: true,
                time: false,
            },
            18..=21 | 45..=47 => Self::Date {
                day: false,
                time: true,
            },
            22 => Self::Date {
                day: true,
                time: true,
            },
            _ => Self::General,
        }
    }

    /// Reads a format code.
    pub(crate) fn parse(code: &str) -> Self {
        let code = code.trim();
        if code.is_empty()
            || code.to_ascii_lowercase().starts_with("general")
            || code.starts_with('@')
        {
            return Self::General;
        }
        let mut seen = Seen::default();
        let mut characters = code.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                // Other sections are for negative numbers and zero.
                ';' => break,
                '"' => seen.literal(
                    &characters
                        .by_ref()
                        .take_while(|c| *c != '"')
                        .collect::<String>(),
                ),
                '\\' => seen.literal(&characters.next().map(String::from).unwrap_or_default()),
                // A space as wide as a character; a character that fills the cell.
                '_' | '*' => {
                    characters.next();
                    seen.literal(" ");
                }
                '[' => {
                    let inner: String = characters.by_ref().take_while(|c| *c != ']').collect();
                    seen.bracket(&inner);
                }
                '€' | '$' | '£' | ' ' | '\u{a0}' | '\u{202f}' => seen.literal(&c.to_string()),
                c => seen.symbol(c),
            }
        }
        seen.format()
    }

    /// A number as people see it. `written` is how the file writes it.
    pub(crate) fn say(&self, written: &str, epoch_1904: bool) -> String {
        let written = written.trim();
        let Some(value) = written
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
        else {
            return written.to_owned();
        };
        match self {
            Self::General => plain(written, value),
            Self::Date { day, time } => {
                date(value, *day, *time, epoch_1904).unwrap_or_else(|| plain(written, value))
            }
            Self::Number {
                decimals,
                grouped,
                percent,
                before,
                after,
            } => {
                let text = match percent {
                    true => decimal(value * 100.0),
                    false => whole(written).map_or_else(|| decimal(value), str::to_owned),
                };
                let text = padded(&text, *decimals);
                let text = if *grouped { group(&text) } else { text };
                let mut said = String::new();
                if !before.is_empty() {
                    said = format!("{before} ");
                }
                said.push_str(&text.replace('.', ","));
                if *percent {
                    said.push_str(" %");
                }
                if !after.is_empty() {
                    said.push(' ');
                    said.push_str(after);
                }
                said
            }
        }
    }
}

/// What was met while reading a format code.
#[derive(Default)]
struct Seen {
    digits: bool,
    point: bool,
    decimals: usize,
    grouped: bool,
    percent: bool,
    exponent: bool,
    day: bool,
    month: bool,
    time: bool,
    before: String,
    after: String,
}

impl Seen {
    fn literal(&mut self, text: &str) {
        if self.digits {
            self.after.push_str(text);
        } else {
            self.before.push_str(text);
        }
    }

    /// `[$€-40C]` is a currency, `[h]` hours over a day; colours and conditions say nothing.
    fn bracket(&mut self, inner: &str) {
        if let Some(currency) = inner.strip_prefix('$') {
            let symbol = currency.split('-').next().unwrap_or_default().to_owned();
            self.literal(&symbol);
        } else if !inner.is_empty()
            && inner
                .chars()
                .all(|c| matches!(c, 'h' | 'H' | 'm' | 'M' | 's' | 'S'))
        {
            self.time = true;
        }
    }

    fn symbol(&mut self, c: char) {
        match c {
            '0' | '#' | '?' => {
                self.digits = true;
                if self.point && c == '0' && !self.exponent {
                    self.decimals += 1;
                }
            }
            '.' => self.point = self.digits,
            ',' => self.grouped |= self.digits && !self.point,
            '%' => self.percent = true,
            'E' | 'e' if self.digits => self.exponent = true,
            'd' | 'D' | 'y' | 'Y' | 'j' | 'J' | 'a' | 'A' => self.day |= !matches!(c, 'a' | 'A'),
            'm' | 'M' => self.month = true,
            'h' | 'H' | 's' | 'S' => self.time = true,
            _ => {}
        }
    }

    fn format(self) -> Format {
        if self.day || self.time || (self.month && !self.digits) {
            // Months and minutes have one letter.
            let day = self.day || (self.month && !self.time);
            return Format::Date {
                day,
                time: self.time,
            };
        }
        if !self.digits || self.exponent {
            return Format::General;
        }
        let unit = |text: &str| -> String {
            let words: Vec<_> = text.split_whitespace().collect();
            let text = words.join(" ");
            let fits = text.chars().count() <= UNIT_CHARACTERS_MAX;
            let says = text
                .chars()
                .any(|c| c.is_alphabetic() || "€$£°²".contains(c));
            if fits && says { text } else { String::new() }
        };
        Format::Number {
            decimals: self.decimals.min(DIGITS),
            grouped: self.grouped,
            percent: self.percent,
            before: unit(&self.before),
            after: unit(&self.after),
        }
    }
}

/// A number without a format.
pub(crate) fn plain(written: &str, value: f64) -> String {
    match whole(written) {
        Some(digits) => digits.to_owned(),
        None => decimal(value).replace('.', ","),
    }
}

/// An integer as written: an account number may have more digits than a double.
fn whole(written: &str) -> Option<&str> {
    let digits = written.strip_prefix('-').unwrap_or(written);
    (!digits.is_empty() && digits.len() <= 40 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then_some(written)
}

/// A number with a point, in as few digits as say it: what is beyond fifteen digits is the error
/// of the computation (0.1 + 0.2).
fn decimal(value: f64) -> String {
    let rounded: f64 = format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value);
    let size = rounded.abs();
    match size != 0.0 && !(1e-9..1e21).contains(&size) {
        true => format!("{rounded:e}"),
        false => format!("{rounded}"),
    }
}

/// At least so many digits after the point.
fn padded(text: &str, decimals: usize) -> String {
    if decimals == 0 || text.contains('e') {
        return text.to_owned();
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}.{fraction:0<decimals$}")
}

/// Thousands apart by a space.
fn group(text: &str) -> String {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut out = String::from(sign);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Days since 30 December 1899 (or 1 January 1904) as a date, a time, or both.
fn date(value: f64, day: bool, time: bool, epoch_1904: bool) -> Option<String> {
    // The last day of the year 9999.
    if !(0.0..2_958_466.0).contains(&value) {
        return None;
    }
    // To the nearest second: what is below is the error of the computation.
    let seconds = (value * 86_400.0).round() as i64;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let clock = |hours: i64| {
        let (minute, second) = (second / 60 % 60, second % 60);
        match second {
            0 => format!("{hours:02}:{minute:02}"),
            second => format!("{hours:02}:{minute:02}:{second:02}"),
        }
    };
    if !day && time {
        // Hours over a day are a duration.
        return Some(clock(seconds / 3600));
    }
    let days = match epoch_1904 {
        true => days + 1462,
        // The day of 29 February 1900, which was not, counts.
        false if days < 60 => days + 1,
        false => days,
    };
    // 25,569 days from 30 December 1899 to 1 January 1970.
    let (year, month, dom) = civil(days - 25_569);
    let date = format!("{year:04}-{month:02}-{dom:02}");
    Some(match second {
        0 => date,
        second => format!("{date} {}", clock(second / 3600)),
    })
}

/// A day counted from 1 January 1970 in the Gregorian calendar (algorithm of H. Hinnant).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, written: &str, expected: &str) {
        assert_eq!(
            Format::parse(code).say(written, false),
            expected,
            "{code} {written}"
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        check("General", "1234.5", "1234,5");
        check("General", "0.30000000000000004", "0,3");
        check("General", "12345678901234567890", "12345678901234567890");
        check("General", "1E-3", "0,001");
        check("General", "n'est pas", "n'est pas");
        check("0.00", "12.5", "12,50");
        check("0.00", "12.3456", "12,3456");
        check("#,##0.00\\ \"€\"", "1250000", "1 250 000,00 €");
        check(
            "#,##0\\ [$€-40C];[Red]\\-#,##0\\ [$€-40C]",
            "-1250",
            "-1 250 €",
        );
        check(
            "_-* #,##0.00\\ \"€\"_-;\\-* #,##0.00\\ \"€\"_-;_-@_-",
            "3.1",
            "3,10 €",
        );
        check("0%", "0.055", "5,5 %");
        check("0.00E+00", "0.00012", "0,00012");
        check("0\" m²\"", "12", "12 m²");
        check("@", "007", "007");
    }

    #[test]
    fn dates_are_iso() {
        check("dd/mm/yyyy", "43831", "2020-01-01");
        check("m/d/yy h:mm", "43831.604166666664", "2020-01-01 14:30");
        check("[$-40C]d\\ mmmm\\ yyyy;@", "36526", "2000-01-01");
        check("mmm\\-yy", "41640", "2014-01-01");
        check("h:mm", "0.5", "12:00");
        check("[h]:mm", "1.5", "36:00");
        check("hh:mm:ss", "0.000011574074", "00:00:01");
        check("dd/mm/yyyy", "59", "1900-02-28");
        check("dd/mm/yyyy", "61", "1900-03-01");
        check("dd/mm/yyyy", "-3", "-3");
        check("dd/mm/yyyy", "99999999", "99999999");
        assert_eq!(Format::builtin(14).say("0", true), "1904-01-01");
        assert_eq!(Format::builtin(4).say("1000", false), "1 000,00");
    }

    proptest::proptest! {
        #[test]
        fn any_format_says_any_number(code in ".{0,20}", value: f64) {
            Format::parse(&code).say(&value.to_string(), false);
            Format::parse(&code).say(&format!("{value:e}"), true);
        }

        #[test]
        fn any_day_is_one_day_after_the_last(days in 61i64..2_958_000) {
            let of = |days: i64| date(days as f64, true, false, false).unwrap();
            proptest::prop_assert!(of(days) < of(days + 1));
        }
    }
}

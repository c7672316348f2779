//! Public holidays of metropolitan France (Code du travail, art. L3133-1).

use jiff::civil::Date;

/// Whether a day written `2026-11-11` is a public holiday; what is no day is none.
pub fn is_holiday(day: &str) -> bool {
    let Ok(day) = day.parse::<Date>() else {
        return false;
    };
    let fixed = [
        (1, 1),
        (5, 1),
        (5, 8),
        (7, 14),
        (8, 15),
        (11, 1),
        (11, 11),
        (12, 25),
    ];
    if fixed.contains(&(day.month(), day.day())) {
        return true;
    }
    // Easter Monday, Ascension, Whit Monday: days after Easter Sunday.
    let Some(easter) = easter(day.year()) else {
        return false;
    };
    let after = (day - easter).get_days();
    matches!(after, 1 | 39 | 50)
}

/// Easter Sunday of a Gregorian year (Meeus, Astronomical Algorithms, 1991, chapter 8).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let a = y.rem_euclid(19);
    let (b, c) = (y.div_euclid(100), y.rem_euclid(100));
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 19 * l) / 433;
    let month = (h + l - 7 * m + 90) / 25;
    let day = (h + l - 7 * m + 33 * month + 19) % 32;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_that_move_follow_easter() {
        for (year, expected) in [
            (1954, "1954-04-18"),
            (2000, "2000-04-23"),
            (2026, "2026-04-05"),
        ] {
            assert_eq!(easter(year).unwrap().to_string(), expected);
        }
        let of_2026 = [
            "2026-01-01",
            "2026-04-06",
            "2026-05-01",
            "2026-05-08",
            "2026-05-14",
            "2026-05-25",
            "2026-07-14",
            "2026-08-15",
            "2026-11-01",
            "2026-11-11",
            "2026-12-25",
        ];
        let first: Date = "2026-01-01".parse().unwrap();
        let found: Vec<String> = first
            .series(jiff::Span::new().days(1))
            .take(365)
            .map(|day| day.to_string())
            .filter(|day| is_holiday(day))
            .collect();
        assert_eq!(found, of_2026);
        assert!(!is_holiday("11/11/2026"));
    }
}

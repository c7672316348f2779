//! Formats of the values that forms ask for, and whether two values of a form can both be true.

use domain::delay::months;
use domain::text::fold;
use domain::{Day, Lang};
use pipeline::file::FieldFormat;
use privacy::identifiers::{IdentifierKind, find};

/// Whether a value is of the format a form asks for.
pub(super) fn well_formed(format: FieldFormat, value: &str) -> bool {
    let is = |kind: IdentifierKind| {
        find(value).iter().any(|f| {
            f.kind == kind && f.span.len() as usize >= value.trim().len().saturating_sub(2)
        })
    };
    let digits = value.chars().filter(char::is_ascii_digit).count();
    match format {
        FieldFormat::Text => true,
        FieldFormat::Date => day_of(value).is_some(),
        FieldFormat::Amount => {
            digits > 0
                && !value
                    .chars()
                    .any(|c| c.is_alphabetic() && !"eurosEUROS".contains(c))
        }
        FieldFormat::Siret => is(IdentifierKind::Siret),
        FieldFormat::Iban => is(IdentifierKind::Iban),
        FieldFormat::Nir => is(IdentifierKind::Nir),
        FieldFormat::Phone => is(IdentifierKind::Phone),
        FieldFormat::Email => is(IdentifierKind::Email),
        FieldFormat::Postcode => postcode(value).is_some(),
        FieldFormat::Town => postcode(value).is_some_and(|town| {
            // "Y" is a commune of the Somme.
            town.chars().any(char::is_alphabetic)
        }),
    }
}

/// A postcode of a département that exists, and what stands beside it: the commune, or nothing.
fn postcode(value: &str) -> Option<String> {
    let mut codes = Vec::new();
    let mut rest = Vec::new();
    let parts = value.split(|c: char| !c.is_alphanumeric());
    for part in parts.filter(|part| !part.is_empty()) {
        match part.parse::<u32>() {
            Ok(code) if part.len() == 5 => codes.push(code),
            // "Lyon 3e", "Paris 12": what follows a commune's name, never what stands alone.
            _ => rest.push(part),
        }
    }
    let [code] = codes.as_slice() else {
        return None;
    };
    // 20 is Corsica's; 97 and 98 are overseas, where the third digit counts; 99 is abroad.
    let exists = match code / 1_000 {
        1..=95 => true,
        97 => matches!(code / 100 % 10, 1..=8),
        98 => matches!(code / 100 % 10, 0 | 4 | 6..=8),
        _ => false,
    };
    let rest = rest.join(" ");
    let named = rest.is_empty() || rest.chars().any(char::is_alphabetic);
    (exists && named).then_some(rest)
}

/// The day that a value says: 18/11/2026, 18.11.26, 2026-11-18, 18 novembre 2026, 1er mars 2027; of
/// several days of one month, the last. `None` for a day that no calendar has.
///
/// Two digits of a year are taken within the hundred years that end with 2049: no form asks for
/// days further ahead. Beside the name of a month they are a year only where nothing follows: "le 18
/// novembre 14 h" says no year.
pub(super) fn day_of(value: &str) -> Option<Day> {
    let months = months(Lang::Fr).map(fold);
    let folded = fold(value);
    let parts = folded.split(|c: char| !c.is_alphanumeric());
    let parts: Vec<&str> = parts.filter(|p| !p.is_empty()).collect();
    let number = |part: &&str| part.strip_suffix("er").unwrap_or(part).parse::<u32>().ok();
    let named = parts
        .iter()
        .enumerate()
        .find_map(|(at, p)| Some((at, months.iter().position(|month| month == p)?)));
    let (year, month, day) = match named {
        Some((at, month)) => {
            let day = at
                .checked_sub(1)
                .and_then(|before| number(parts.get(before)?))?;
            let year = number(parts.get(at + 1)?)?;
            if year < 100 && parts.len() > at + 2 {
                return None;
            }
            (year, month as u32 + 1, day)
        }
        None => {
            let numbers: Vec<u32> = parts.iter().filter_map(number).collect();
            match numbers.as_slice() {
                [year @ 1000..=9999, month, day, ..] => (*year, *month, *day),
                [day, month, year, ..] => (*year, *month, *day),
                _ => return None,
            }
        }
    };
    let year = match year {
        0..=49 => 2_000 + year,
        50..=99 => 1_900 + year,
        1_850..=2_199 => year,
        _ => return None,
    };
    Day::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    )
}

/// Whether a social security number can be that of someone born that day: its year and month say
/// so, where they are known (a month above 12 is not).
pub(super) fn born_then(nir: &str, born: Day) -> bool {
    let digits: Vec<u32> = nir.chars().filter_map(|c| c.to_digit(10)).collect();
    let [_, year_tens, year, month_tens, month, ..] = digits.as_slice() else {
        return true;
    };
    let (year, month) = (10 * year_tens + year, 10 * month_tens + month);
    let same_year = i32::from(born.year()).rem_euclid(100) as u32 == year;
    same_year && (month > 12 || month == u32::from(born.month().unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_people_write_them() {
        for (text, expected) in [
            ("18/11/2026", "2026-11-18"),
            ("18.11.26", "2026-11-18"),
            ("2026-11-18", "2026-11-18"),
            ("le 18 novembre 2026", "2026-11-18"),
            ("1er mars 2027", "2027-03-01"),
            ("3 8 54", "1954-08-03"),
            ("29/02/2028", "2028-02-29"),
            ("du 2 au 3 mai 2027", "2027-05-03"),
            ("les 1er et 2 mai 2027", "2027-05-02"),
            ("3 août 54", "1954-08-03"),
            ("mercredi 18 novembre 2026 à 18 h", "2026-11-18"),
        ] {
            let found = day_of(text).map(|day| day.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "",
            "novembre",
            "45/45/2026",
            "18/2026",
            "bientôt",
            "31/02/2026",
            "29/02/2027",
            "31 novembre 2026",
            "18/11/206",
            "2026-13-01",
            "18 novembre 14 h",
            "18 novembre",
            "0/1/2026",
        ] {
            assert_eq!(day_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn postcodes_are_of_a_departement_and_stand_alone_or_with_their_commune() {
        let postcode = |value| well_formed(FieldFormat::Postcode, value);
        let town = |value| well_formed(FieldFormat::Town, value);
        for good in [
            "44120",
            " 20090 ",
            "97410",
            "98800",
            "75012 Paris",
            "69003 Lyon 3e",
        ] {
            assert!(postcode(good), "{good}");
        }
        for bad in [
            "",
            "4412",
            "441200",
            "00120",
            "96000",
            "99999",
            "97900",
            "44120 12",
            "44120 35000",
        ] {
            assert!(!postcode(bad), "{bad}");
        }
        assert!(town("44120 Vertou") && town("Vertou (44120)") && town("80190 Y"));
        assert!(!town("44120") && !town("Vertou") && !town("44120 -"));
    }

    #[test]
    fn a_number_says_when_its_bearer_was_born() {
        let born = Day::new(1985, 5, 12).expect("a day");
        assert!(born_then("1 85 05 78 006 084 91", born));
        // The month is not known.
        assert!(born_then("1 85 31 78 006 084", born));
        assert!(!born_then("1 85 06 78 006 084", born) && !born_then("2 58 05 78 006 084", born));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_well_formed_or_not(value in ".*") {
            for format in FieldFormat::ALL {
                let _ = well_formed(format, &value);
            }
        }

        #[test]
        fn every_day_is_read_back(days in 0_i64..73_000) {
            let first = Day::new(1950, 1, 1).expect("a day");
            if let Some(day) = first.plus(days) && day.year() < 2050 {
                proptest::prop_assert_eq!(day_of(&day.to_string()), Some(day));
                let french = format!("{:02}/{:02}/{:02}", day.day(), day.month(), day.year() % 100);
                proptest::prop_assert_eq!(day_of(&french), Some(day));
            }
        }
    }
}

//! Words near others: mistyped (one letter dropped, added, changed, or two swapped), or of one
//! family.

/// Shorter terms have too many neighbours to guess.
const LETTERS_MIN: usize = 5;

/// Whether a term that nothing holds may be taken for a mistyped one.
pub(crate) fn may_be_mistyped(term: &str) -> bool {
    term.chars().count() >= LETTERS_MIN && term.chars().all(char::is_alphabetic)
}

/// Whether one slip of the finger, not on the first letter, leads from one word to the other
/// (optimal string alignment distance of one).
pub(crate) fn is_near(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let (short, long) = if left.len() <= right.len() {
        (&left, &right)
    } else {
        (&right, &left)
    };
    if short.first() != long.first() || long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    if same == long.len() {
        return false;
    }
    if short.len() < long.len() {
        return short[same..] == long[same + 1..];
    }
    short[same + 1..] == long[same + 1..]
        || (same + 1 < short.len()
            && short[same] == long[same + 1]
            && short[same + 1] == long[same]
            && short[same + 2..] == long[same + 2..])
}

/// Shorter stems begin words of many families.
const KIN_LETTERS_MIN: usize = 5;
/// Letters that a longer stem of a family adds at most.
const KIN_LETTERS_MORE: usize = 5;

/// Whether a stem may have others of its family.
pub(crate) fn has_kin(stem: &str) -> bool {
    stem.chars().count() >= KIN_LETTERS_MIN && stem.chars().all(char::is_alphabetic)
}

/// Whether the longer of two stems is of the shorter one's family.
pub(crate) fn is_kin(short: &str, long: &str) -> bool {
    has_kin(short)
        && has_kin(long)
        && long.strip_prefix(short).is_some_and(|more| {
            let more = more.chars().count();
            (1..=KIN_LETTERS_MORE).contains(&more)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_near_and_two_are_not() {
        for (left, right) in [
            ("licencement", "licenciement"),
            ("liccenciement", "licenciement"),
            ("lisenciement", "licenciement"),
            ("licneciement", "licenciement"),
            ("contra", "contrat"),
        ] {
            assert!(is_near(left, right) && is_near(right, left), "{left}");
        }
        for (left, right) in [
            ("contrat", "contrat"),
            ("xontrat", "contrat"),
            ("contrats", "contra"),
            ("cnotrta", "contrat"),
            ("", "a"),
            ("", ""),
        ] {
            assert!(!is_near(left, right) && !is_near(right, left), "{left}");
        }
    }

    #[test]
    fn a_family_shares_its_beginning() {
        assert!(is_kin("licenc", "licenci") && is_kin("demiss", "demissionn"));
        for (short, long) in [
            ("licenci", "licenc"),
            ("licenci", "licenci"),
            ("part", "partag"),
            ("commun", "communautairem"),
            ("contrat", "contractuel"),
            ("articl", "articl12"),
        ] {
            assert!(!is_kin(short, long), "{short} {long}");
        }
    }
}

//! What identifies a person in French text, where it stands, and the text without it.
//!
//! | family | file | found when |
//! |---|---|---|
//! | phone, e-mail, account | `contact` | written as one, dictated too; French numbers in the usual groupings |
//! | NIR, IBAN, SIRET | `numbers` | the check digits hold, whatever the grouping |
//! | allocataire, tax number, identity papers, codes, plates | `papers` | a word announces them, or their shape is their own |
//! | date of birth, age | `birth` | words say that it is one |
//! | address, place | `places` | a door, or a number before a street |
//! | name | `names` | a civility precedes: "Mme D.", "M. Haddad", "Madame la Directrice Durand" |
//! | name | `given` | a given name, a frequent surname, or words that introduce one |
//!
//! Rules and lists, not a model: what is found can be explained, and the same text always gives the
//! same places. A rare surname alone is not found, nor a person described without being named (see
//! [`clues`](crate::clues)). A masked text is therefore *less* identifying, never anonymous, and
//! pages must say so.

mod birth;
mod contact;
mod given;
mod names;
mod numbers;
mod papers;
mod places;
mod words;

use domain::Span;
use domain::sentence::{Mask, MaskKind};
use regex::Regex;

use crate::masking::Masking;

/// What kind of identifier. Where two could be read in the same place, the first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    /// A bank account: IBAN (ISO 13616), check digits verified.
    Iban,
    /// A social security number: NIR or NIA, key verified, or without a key beside words that
    /// announce it.
    Nir,
    /// An establishment: SIRET, check digit verified. Public, hence never masked.
    Siret,
    /// An e-mail address.
    Email,
    /// A number that an administration or a bank gave somebody, or a code that opens something.
    Number,
    /// A telephone number.
    Phone,
    /// A telephone number that begins with 08: a service's, hence never masked.
    ServicePhone,
    /// An account on a social network.
    Handle,
    /// A licence plate.
    Plate,
    /// A date of birth.
    Birth,
    /// What tells a dwelling from its neighbours.
    Address,
    /// A street, a residence, a building: masked only where precise places are.
    Place,
    /// A school, a gymnasium: named after somebody, who is nobody here. Never masked.
    Facility,
    /// A person's name; a civility before it is not part of it.
    Name,
    /// An age: masked only where ages are.
    Age,
}

impl IdentifierKind {
    /// The mask that hides it; none for what identifies no person.
    pub const fn mask_kind(self) -> Option<MaskKind> {
        match self {
            Self::Iban => Some(MaskKind::Iban),
            Self::Nir => Some(MaskKind::Nir),
            Self::Siret | Self::ServicePhone | Self::Facility => None,
            Self::Email => Some(MaskKind::Email),
            Self::Number => Some(MaskKind::Number),
            Self::Phone => Some(MaskKind::Phone),
            Self::Handle => Some(MaskKind::Handle),
            Self::Plate => Some(MaskKind::Plate),
            Self::Birth => Some(MaskKind::Birth),
            Self::Address => Some(MaskKind::Address),
            Self::Place => Some(MaskKind::Place),
            Self::Name => Some(MaskKind::Name),
            Self::Age => Some(MaskKind::Age),
        }
    }

    /// Whether it alone says who somebody is or where they live. Places and ages do not.
    pub const fn is_direct(self) -> bool {
        !matches!(self, Self::Place | Self::Age) && self.mask_kind().is_some()
    }
}

/// An identifier found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Where, in bytes of the text.
    pub span: Span,
    /// What.
    pub kind: IdentifierKind,
}

/// Every identifier in `text`, in order, none overlapping another. Where two could be read in the
/// same place, the one with the stronger check wins: the order of [`IdentifierKind`].
///
/// Places are 32-bit: only the first four gibibytes are read.
pub fn find(text: &str) -> Vec<Found> {
    let text = &text[..text.floor_char_boundary(u32::MAX as usize)];
    let mut candidates = Vec::new();
    let mut add = |kind, start: usize, end: usize| {
        candidates.push(Found {
            span: Span::new(start as u32, end as u32),
            kind,
        });
    };
    // Many notes hold no digit, and none of these is without.
    if text.bytes().any(|b| b.is_ascii_digit()) {
        numbers::find(text, &mut add);
        papers::find(text, &mut add);
        birth::find(text, &mut add);
    }
    contact::find(text, &mut add);
    places::find(text, &mut add);
    names::find(text, &mut add);
    let mut found = strongest(candidates);
    let taken: Vec<(Span, IdentifierKind)> = found.iter().map(|f| (f.span, f.kind)).collect();
    given::find(text, &taken, &mut |kind, start, end| {
        found.push(Found {
            span: Span::new(start as u32, end as u32),
            kind,
        });
    });
    strongest(found)
}

/// The candidates that overlap no stronger one, in order.
fn strongest(mut candidates: Vec<Found>) -> Vec<Found> {
    candidates.sort_by_key(|found| (found.kind, found.span));
    let mut kept = std::collections::BTreeMap::<u32, Found>::new();
    for found in candidates {
        // Kept spans are disjoint, so only the last one that starts before the end can overlap.
        let before = kept.range(..found.span.end).next_back();
        if before.is_none_or(|(_, other)| !other.span.overlaps(found.span)) {
            kept.insert(found.span.start, found);
        }
    }
    kept.into_values().collect()
}

/// The masks that hide what [`find`] found of people, as [`Masking::default`] does: neither places
/// nor ages.
pub fn masks(text: &str, found: &[Found]) -> Vec<Mask> {
    Masking::default().masks(text, found)
}

/// `text` with what identifies people replaced by `[nom]`, `[téléphone]`…, and the masks in bytes
/// of the *original* text, in order.
///
/// What identifies no person is left. Places that are not ranges of characters of `text`, or that
/// overlap an earlier one, are passed over: give what [`find`] found in the same text.
pub fn mask(text: &str, found: &[Found]) -> (String, Vec<Mask>) {
    let mut sorted = masks(text, found);
    sorted.sort();
    let mut masked = String::with_capacity(text.len());
    let mut applied = Vec::with_capacity(sorted.len());
    let mut at = 0;
    for mask in sorted {
        if mask.span().is_empty() || mask.span().of(text).is_none() {
            continue;
        }
        // An overlap makes the range end before it starts, which is no range.
        let Some(before) = text.get(at..mask.start as usize) else {
            continue;
        };
        masked.push_str(before);
        masked.push_str(&mask.replacement());
        at = mask.end as usize;
        applied.push(mask);
    }
    masked.push_str(&text[at..]);
    (masked, applied)
}

/// Spaces that stand between the groups of a number or the words of a name on one line.
fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}'
    )
}

/// The character before byte `at`.
fn char_before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

/// The character at byte `at`.
fn char_at(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

#[expect(
    clippy::expect_used,
    reason = "constant patterns, compiled by the tests"
)]
fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("pattern is valid")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        mask(text, &find(text)).0
    }

    #[test]
    fn masks_a_field_report() {
        assert_eq!(
            masked(
                "Bas du 12, dizaine de jeunes. Gardien : éclairage HS (3e fois). Mme D. n'ose plus \
                 sortir. Rappeler M. Haddad au 06 12 34 56 78 ou m.haddad@exemple.fr. NIR 1 85 05 \
                 78 006 084 91, compte FR76 3000 6000 0112 3456 7890 189."
            ),
            "Bas du 12, dizaine de jeunes. Gardien : éclairage HS (3e fois). Mme [nom] n'ose plus \
             sortir. Rappeler M. [nom] au [téléphone] ou [courriel]. NIR [NIR], compte [IBAN]."
        );
    }

    #[test]
    fn an_association_is_not_a_person() {
        let text = "SIRET 732 829 320 00074, tél. 01 23 45 67 89";
        let found = find(text);
        assert_eq!(
            found.iter().map(|f| f.kind).collect::<Vec<_>>(),
            [IdentifierKind::Siret, IdentifierKind::Phone]
        );
        assert_eq!(
            mask(text, &found).0,
            "SIRET 732 829 320 00074, tél. [téléphone]"
        );
    }

    #[test]
    fn masks_refer_to_the_original() {
        let text = "Été : Mme Lefèvre, 0612345678.";
        let (shown, masks) = mask(text, &find(text));
        assert_eq!(shown, "Été : Mme [nom], [téléphone].");
        let hidden: Vec<_> = masks.iter().map(|m| m.span().of(text).unwrap()).collect();
        assert_eq!(hidden, ["Lefèvre", "0612345678"]);
    }

    #[test]
    fn passes_over_places_of_another_text() {
        let name = |start, end| Found {
            span: Span { start, end },
            kind: IdentifierKind::Name,
        };
        let found = [
            name(1, 2),
            name(0, 2),
            name(4, 3),
            name(9, 12),
            name(2, 2),
            name(0, 4),
        ];
        let (shown, masks) = mask("éab", &found);
        assert_eq!((shown.as_str(), masks.len()), ("[nom]ab", 1));
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "\\PC{0,4}",
            "[0-9]{1,5}",
            Just("06 12 34 56 78".to_owned()),
            Just("FR76 3000 6000 0112 3456 7890 189".to_owned()),
            Just("1 85 05 78 006 084 91".to_owned()),
            Just("73282932000074".to_owned()),
            Just("+33".to_owned()),
            Just("a@b.fr".to_owned()),
            Just("Mme".to_owned()),
            Just("M. ".to_owned()),
            Just("Monsieur le Maire".to_owned()),
            Just("D'".to_owned()),
            Just("J.-P.".to_owned()),
            Just("Le Goff".to_owned()),
            Just("Karim".to_owned()),
            Just("BENALI Karim".to_owned()),
            Just("famille B.".to_owned()),
            Just("12 bis rue des Lilas, ".to_owned()),
            Just("bât. C, 3e étage, apt 31".to_owned()),
            Just("né le 12/03/1984".to_owned()),
            Just("allocataire 1234567".to_owned()),
            Just("AB-123-CD".to_owned()),
            Just("@karim_93".to_owned()),
            Just("84 ans".to_owned()),
            Just("école Jules-Ferry".to_owned()),
            Just("de ".to_owned()),
            Just(" ".to_owned()),
            Just("\n".to_owned()),
            Just("\u{a0}".to_owned()),
            Just("-".to_owned()),
            Just("É".to_owned()),
        ];
        prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn places_are_in_order_disjoint_and_whole(text in pieces()) {
            let found = find(&text);
            let mut end = 0;
            for f in &found {
                prop_assert!(f.span.start >= end && !f.span.is_empty(), "{found:?}");
                prop_assert!(f.span.of(&text).is_some());
                end = f.span.end;
            }
            prop_assert_eq!(find(&text), found);
        }

        #[test]
        fn only_masked_places_change(text in pieces()) {
            let (shown, masks) = mask(&text, &find(&text));
            // Read back: what is between masks is the original's.
            let mut rest = shown.as_str();
            let mut at = 0;
            for m in &masks {
                let kept = &text[at..m.start as usize];
                rest = rest.strip_prefix(kept).unwrap();
                rest = rest.strip_prefix(&*m.replacement()).unwrap();
                at = m.end as usize;
            }
            prop_assert_eq!(rest, &text[at..]);
        }

        #[test]
        fn no_digit_of_an_identifier_is_left(
            before in "[a-zéè ,]{0,20}",
            after in "[a-zéè ,]{0,20}",
            number in prop::sample::select(vec![
                "06 12 34 56 78", "FR76 3000 6000 0112 3456 7890 189", "1 85 05 78 006 084 91",
                "AB-123-CD", "19FV28416", "4970 1012 3456 7893", "né le 12/03/1984",
                "allocataire 1234567", "apt 31", "bât. C, 3e étage", "a1@b2.fr", "@karim_93",
            ]),
        ) {
            let text = format!("{before}. Note : {number}. {after}");
            let shown = masked(&text);
            prop_assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{}", shown);
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = mask(&text, &find(&text));
        }
    }
}

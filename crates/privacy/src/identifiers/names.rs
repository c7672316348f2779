//! Names of people, where a civility says that one follows.
//!
//! The name is hidden and the civility stays, as in the decisions that courts publish: "Mme D."
//! becomes "Mme [nom]". A name is up to four words: initials, words with a capital, and particles
//! between them. When in doubt one word too many is hidden rather than one too few, except for the
//! words that usually start a sentence or name an office ([`FUNCTION_WORDS`], [`TOPICS`]).

use domain::text::fold;

use super::words::{
    AMBIGUOUS, FUNCTION_WORDS, GIVEN, OFFICES, PARTICLES, STREETS, SURNAMES, TOPICS,
};
use super::{IdentifierKind, is_space};

/// Words of a name at most: two given names and a double surname.
const WORDS_MAX: usize = 4;

/// Reports every name after a civility as (kind, first byte, first byte after).
pub(super) fn find(text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    let mut at = 0;
    while let Some(word) = next_word(text, at) {
        at = word.end;
        if let Some(civility) = Civility::of(text, &word) {
            for (start, end) in civility.names(text, word.end) {
                add(IdentifierKind::Name, start, end);
                at = end;
            }
        }
    }
}

/// A run of letters, with its place in the text.
#[derive(Clone, Copy)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The next run of letters from byte `at` on.
pub(super) fn next_word(text: &str, at: usize) -> Option<Word<'_>> {
    let start = at + text[at..].find(char::is_alphabetic)?;
    Some(letters(text, start))
}

/// The run of letters that starts at byte `start`; combining marks go with their letter.
fn letters(text: &str, start: usize) -> Word<'_> {
    let rest = &text[start..];
    let len = rest
        .find(|c: char| !c.is_alphabetic() && !matches!(c, '\u{300}'..='\u{36f}'))
        .unwrap_or(rest.len());
    Word {
        text: &rest[..len],
        start,
        end: start + len,
    }
}

/// What a civility lets follow.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Civility {
    /// An abbreviation: a full stop may follow, and a line may end between it and the name. After
    /// "Monsieur" a line that ends is the opening of a letter.
    short: bool,
    /// Several people: "MM. Dupont et Durand".
    plural: bool,
    /// The letter M, which without its full stop needs a word of two letters.
    bare_m: bool,
}

impl Civility {
    fn of(text: &str, word: &Word<'_>) -> Option<Self> {
        let before = &text[..word.start];
        if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '@')) {
            return None;
        }
        let civility = |short, plural| {
            Some(Self {
                short,
                plural,
                bare_m: false,
            })
        };
        // One or two letters may be the end of "P.M.".
        let inside = before.ends_with('.');
        match word.text {
            // In these the case tells the civility from another word.
            "M" => {
                let dotted = text[word.end..].starts_with('.');
                // "12 M", "3 M Euros": an amount.
                let amount = before
                    .trim_end_matches(is_space)
                    .ends_with(|c: char| c.is_ascii_digit());
                (!inside && (dotted || !amount)).then_some(Self {
                    short: true,
                    plural: false,
                    bare_m: !dotted,
                })
            }
            "MM" => civility(true, true).filter(|_| !inside),
            "Me" => civility(true, false).filter(|_| !inside),
            "Dr" | "DR" | "Pr" => {
                civility(true, false).filter(|_| !inside && !names_street(before))
            }
            // Most words are neither, and need no lower case to be seen.
            _ if !word.text.starts_with(['m', 'M', 'd', 'D', 'p', 'P']) => None,
            _ => match word.text.to_lowercase().as_str() {
                "mme" | "mlle" | "melle" | "mr" => civility(true, false),
                "mmes" | "mlles" | "mrs" => civility(true, true),
                "monsieur" | "madame" | "mademoiselle" | "maître" | "maitre" => {
                    civility(false, false)
                }
                "docteur" | "docteure" | "professeur" | "professeure" => {
                    civility(false, false).filter(|_| !names_street(before))
                }
                "messieurs" | "mesdames" | "mesdemoiselles" => civility(false, true),
                _ => None,
            },
        }
    }

    /// The names that start after byte `at`, where the civility ends.
    fn names(self, text: &str, at: usize) -> Vec<(usize, usize)> {
        let mut names = Vec::new();
        let Some(mut start) = self.gap(text, at) else {
            return names;
        };
        // After an office a name is read as if it had begun: "la Présidente du Conseil" has none.
        let mut previous = None;
        if let Some(after) = office(text, start) {
            start = after;
            previous = Some(Part::Word);
        }
        // Dictated notes have no capitals: a name of the lists is one in lower case too.
        if let Some(word) = token(text, start).filter(|word| !starts_upper(word.text)) {
            let folded = fold(word.text);
            if SURNAMES.has(&folded) || GIVEN.has(&folded) {
                names.push((word.start, word.end));
                return names;
            }
        }
        while let Some(end) = name(text, start, previous) {
            // "taille M À": one letter after a bare M is not enough.
            if self.bare_m && text[start..end].chars().count() < 2 {
                break;
            }
            names.push((start, end));
            let Some(next) = self.plural.then(|| conjunction(text, end)).flatten() else {
                break;
            };
            start = next;
        }
        names
    }

    /// Past the full stop and the space between the civility and the name.
    fn gap(self, text: &str, at: usize) -> Option<usize> {
        let rest = &text[at..];
        let undotted = if self.short {
            rest.strip_prefix('.').unwrap_or(rest)
        } else {
            rest
        };
        let dotted = undotted.len() < rest.len();
        let mut after = undotted.trim_start_matches(is_space);
        if self.short
            && let Some(line) = after.strip_prefix('\n')
        {
            after = line.trim_start_matches(is_space);
        }
        // "M.Dupont" needs no space, "MmeDupont" is one word.
        (dotted || after.len() < undotted.len()).then_some(text.len() - after.len())
    }
}

/// Past "le Maire", "la directrice adjointe" and the like, when a name may follow the office.
fn office(text: &str, at: usize) -> Option<usize> {
    let article = token(text, at)?;
    let rest = match article.text.to_lowercase().as_str() {
        "le" | "la" => space(text, article.end)?,
        _ => match article.text.split_once(APOSTROPHES) {
            Some(("l" | "L", office)) => article.end - office.len(),
            _ => return None,
        },
    };
    let mut end = token(text, rest).filter(|word| is_office(word.text))?.end;
    while let Some(word) = space(text, end).and_then(|at| token(text, at)) {
        if !is_office(word.text) {
            break;
        }
        end = word.end;
    }
    space(text, end)
}

/// Past " et " or ", " between the names of several people.
fn conjunction(text: &str, at: usize) -> Option<usize> {
    if let Some(rest) = text[at..].strip_prefix(',') {
        let after = rest.trim_start_matches(is_space);
        return Some(text.len() - after.len());
    }
    let word = token(text, space(text, at)?)?;
    if word.text == "et" {
        space(text, word.end)
    } else {
        None
    }
}

/// Where the name that starts at byte `start` ends; `None` when there is none. `previous` is the
/// kind of the word before, when the name counts as begun.
pub(super) fn name(text: &str, start: usize, mut previous: Option<Part>) -> Option<usize> {
    let mut end = None;
    let mut at = start;
    for _ in 0..WORDS_MAX {
        let Some((part, part_end)) = part(text, at, previous) else {
            break;
        };
        end = Some(part_end);
        previous = Some(part);
        // After "J." the next word may touch; otherwise a space separates.
        match space(text, part_end) {
            Some(next) => at = next,
            None if text[..part_end].ends_with('.') => at = part_end,
            None => break,
        }
    }
    end
}

/// What a word of a name is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Initial,
    Given,
    Word,
}

/// The next word of a name at byte `at`, with the particles before it, and where it ends.
/// `previous` is the word before, when the name has begun.
fn part(text: &str, at: usize, previous: Option<Part>) -> Option<(Part, usize)> {
    let word = token(text, at)?;
    if let Some(end) = initials(text, &word) {
        return Some((Part::Initial, end));
    }
    let lower = word.text.to_lowercase();
    if PARTICLES.has(&lower) {
        // "Mme Dupont de Nantes" lives there, "M. Jean de Nantes" is called so, "M. le gardien"
        // is not named.
        let article = matches!(lower.as_str(), "la" | "le" | "les");
        let place = article || matches!(lower.as_str(), "de" | "du" | "des");
        let capital = starts_upper(word.text);
        let allowed = capital
            || match previous {
                None => !article,
                Some(Part::Given) => true,
                Some(Part::Initial | Part::Word) => !place,
            };
        if !allowed {
            return None;
        }
        // "M. Ben" has a surname, "M. De" is cut.
        let alone = (capital && !place).then_some((Part::Word, word.end));
        return after_particle(text, word.end, previous.is_some()).or(alone);
    }
    let folded = fold(word.text);
    let part = if GIVEN.has(&folded) || AMBIGUOUS.has(&folded) {
        Part::Given
    } else {
        Part::Word
    };
    is_name_word(word.text, previous.is_some()).then_some((part, word.end))
}

/// The word that a particle needs: a word of a name, perhaps after another particle.
fn after_particle(text: &str, end: usize, begun: bool) -> Option<(Part, usize)> {
    let mut word = token(text, space(text, end)?)?;
    if PARTICLES.has(&word.text.to_lowercase()) {
        word = token(text, space(text, word.end)?)?;
    }
    is_name_word(word.text, begun).then_some((Part::Word, word.end))
}

/// "D.", "J.-P.", "J-P", "D" standing alone; where they end.
pub(super) fn initials(text: &str, word: &Word<'_>) -> Option<usize> {
    let single = |w: &str| w.chars().count() == 1 && starts_upper(w);
    if !word.text.split('-').all(single) {
        return None;
    }
    let mut end = word.end;
    while text[end..].starts_with('.') {
        end += 1;
        let Some(rest) = text[end..].strip_prefix('-') else {
            break;
        };
        let next = token(text, text.len() - rest.len()).filter(|next| single(next.text));
        let Some(next) = next else { break };
        end = next.end;
    }
    Some(end)
}

/// A word as names are written: letters, with hyphens and apostrophes between letters.
pub(super) fn token(text: &str, at: usize) -> Option<Word<'_>> {
    if !text[at..].starts_with(char::is_alphabetic) {
        return None;
    }
    let mut end = letters(text, at).end;
    loop {
        let mut rest = text[end..].chars();
        let joins = rest
            .next()
            .is_some_and(|c| c == '-' || APOSTROPHES.contains(&c));
        if !joins || !rest.as_str().starts_with(char::is_alphabetic) {
            break;
        }
        end = letters(text, text.len() - rest.as_str().len()).end;
    }
    Some(Word {
        text: &text[at..end],
        start: at,
        end,
    })
}

pub(super) const APOSTROPHES: [char; 2] = ['\'', '\u{2019}'];

/// Past one to three spaces of the same line; `None` without any.
pub(super) fn space(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let after = rest.trim_start_matches(is_space);
    let spaces = rest[..rest.len() - after.len()].chars().count();
    (1..=3)
        .contains(&spaces)
        .then_some(text.len() - after.len())
}

pub(super) fn starts_upper(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

/// Whether a word can be a part of a name: it starts with a capital, or with "d'" before one, and
/// is no office and none of the words that follow a civility otherwise. Once the name has `begun`,
/// neither is it one that often starts the next sentence.
pub(super) fn is_name_word(word: &str, begun: bool) -> bool {
    let word = match word.split_once(APOSTROPHES) {
        // "D'Angelo", "M'Bappé", "d'Estaing", but not "N'a".
        Some((elided, rest)) if starts_upper(elided) || elided == "d" => rest,
        Some(_) => return false,
        None => word,
    };
    let lower = word.to_lowercase();
    let other = FUNCTION_WORDS.has(&lower) || is_office(word) || (begun && TOPICS.has(&lower));
    starts_upper(word) && !other
}

/// Offices, which name nobody and may stand between a civility and a name.
fn is_office(word: &str) -> bool {
    let lower = word.to_lowercase();
    let office = ["sous-", "vice-", "ex-", "co-"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix))
        .unwrap_or(&lower);
    OFFICES.has(office)
}

/// Whether the text ends with "rue du", "avenue", "place de la": a doctor named next is a street.
/// Only doctors and professors, because a street seldom says "Mme", and people live in streets.
fn names_street(before: &str) -> bool {
    let mut words = before.rsplit(|c: char| is_space(c) || APOSTROPHES.contains(&c));
    words
        .find(|word| !matches!(*word, "" | "de" | "du" | "la" | "l"))
        .is_some_and(|word| {
            let start = word.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| {
                at + word[at..].chars().next().map_or(0, char::len_utf8)
            });
            STREETS.has(&word[start..].to_lowercase())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `marked` has names between brackets.
    fn check(marked: &str) {
        let text = marked.replace(['[', ']'], "");
        let mut shown = String::new();
        let mut at = 0;
        find(&text, &mut |_, start, end| {
            shown.push_str(&format!("{}[{}]", &text[at..start], &text[start..end]));
            at = end;
        });
        shown.push_str(&text[at..]);
        assert_eq!(shown, marked);
    }

    #[test]
    fn finds_surnames_initials_and_given_names() {
        check("Vu Mme [D.] ce matin, Mme [D] aussi.");
        check("M. [Haddad] et Madame [Lefèvre]");
        check("Mme [DUPONT] Mme. [Dupont] MME [Dupont] mme [Dupont]");
        check("M [Haddad], Mr [Haddad], Mr. [Haddad], M.[Haddad]");
        check("Monsieur [Jean Dupont], Mlle [Zoé Petit-Jean]");
        check(
            "Mme [DUPONT Marie], M. [J. Haddad], M. [J.-P. Haddad], M. [J.Haddad], M. [J-P Haddad]",
        );
        check("Dr [Martin], Docteur [Martin], Me [Martin], Maître [Martin], Pr [Martin]");
        check("M.\u{a0}[Haddad] et Mme\u{202f}[Lefe\u{300}vre]");
        check("vu Mme\n[Dupont] hier");
        check("(M. [Haddad]) « Mme [Haddad] » M./Mme [Haddad]");
        check("l'appartement de Mme [Haddad], chez Mme [J.]-");
    }

    #[test]
    fn reads_particles_and_elisions() {
        check("M. [Le Goff], Mme [de Villiers], Mme [de La Tour], M. [du Bellay]");
        check("Mme [El Amrani], M. [Ben Ali], M. [Ben], M. [Van der Berg], Mme [Dos Santos]");
        check("M. [D'Angelo], M. [d'Estaing], M. [M’Bappé], M. [O'Brien]");
        check("M. [Jean de Villiers] mais Mme [Dupont] de Nantes, Mme [D.] du Clos Vert");
        check("M. [Dupont] de la CAF, Mme [Marie Le Goff]");
    }

    #[test]
    fn finds_several_people_after_one_plural() {
        check("MM. [Dupont] et [Durand] sont venus");
        check("Mmes [Haddad], [Le Goff] et [D.] sont venues");
        check("M. et Mme [Haddad], Mme et M. [Haddad]");
        check("M. [Dupont] et Paris");
    }

    #[test]
    fn stops_where_the_name_ends() {
        check("Mme [D.] n'ose plus sortir.");
        check("Mme [D.] Bailleur relancé. M. [H.] Le gardien a appelé.");
        check("Mme [Dupont]. Elle dit que M. [Haddad], Police prévenue");
        check("Mme [Dupont] Elle est partie. M. [H.] Il revient. Mme [B.] RAS");
        check("M. [Haddad] habite ici. M. [Haddad]\nParis");
        check("Mme [Mars] est venue en mars. M. [Juin]");
        check("Mme [D.] Sans domicile, Mme [D.] RSA coupé");
    }

    #[test]
    fn leaves_openings_offices_and_streets() {
        for text in [
            "Madame, Monsieur,",
            "Monsieur le Maire,\nJe vous écris",
            "Madame\nObjet : demande",
            "Monsieur Le Directeur du Service",
            "Madame la Présidente du Conseil départemental",
            "Madame la Vice-Présidente",
            "M. le Sous-Préfet, Monsieur l'Adjoint au Maire",
            "Madame Je vous écris",
            "Mme souhaite un logement, M. demande la CAF",
            "12 rue du Docteur Roux, avenue Dr Calmette, place du Professeur Curie",
            "Mesdames, Messieurs, chers parents",
            "taille M. taille M A, 3 M Euros, 12 M CFA, P.M. Dupont",
            "professeur des écoles, docteur en droit, maître d'ouvrage",
            "Mme N'a pas répondu",
            "Me voici. Il me Dit",
            "Mme",
            "M.",
            "M. ",
            "M. 12",
            "Mme de",
        ] {
            check(text);
        }
    }

    #[test]
    fn finds_the_name_after_an_office() {
        check("Monsieur le Maire [Jean Dupont] a dit");
        check("Madame la directrice adjointe [Durand], Mme l’Adjointe [Haddad]");
    }

    #[test]
    fn a_doctor_of_no_street_is_a_person() {
        check("dans la rue le docteur [Roux] a vu; sur place, Dr [Roux]");
        check("au 12 rue du Port Mme [Dupont]");
    }
}

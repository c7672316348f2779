//! Addresses, and places that are named after people.
//!
//! What tells one dwelling from its neighbours is hidden: the number in the street, the door, and
//! the building and floor that stand beside them. The street itself is a public space, and a
//! building or a hall alone is where people meet: these are [`IdentifierKind::Place`], shown unless
//! the reader's version hides precise places. A school or a gymnasium named after somebody is a
//! [`IdentifierKind::Facility`]: never hidden, found so that "école Jules-Ferry" is no person.

use std::sync::LazyLock;

use domain::text::fold;
use regex::Regex;

use super::words::{COUNTED, FIGURES, FUNCTION_WORDS, GIVEN, PLACE_PARTICLES};
use super::{IdentifierKind, char_at, char_before, is_space, pattern};

/// Reports every address and place of `text` as (kind, first byte, first byte after).
pub(super) fn find(text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    let mut parts: Vec<Part> = Vec::new();
    streets(text, &mut parts, add);
    for found in DOOR.captures_iter(text) {
        let (Some(all), Some(value)) = (found.get(0), found.name("value")) else {
            continue;
        };
        if is_whole(text, all.start(), all.end()) && !counts(text, value.as_str(), all.end()) {
            parts.push(Part::new(PartKind::Door, all.start(), all.end()));
        }
    }
    for found in FLOOR.find_iter(text) {
        if is_whole(text, found.start(), found.end()) {
            parts.push(Part::new(PartKind::Floor, found.start(), found.end()));
        }
    }
    for found in BUILDING.captures_iter(text) {
        let (Some(all), Some(value)) = (found.get(0), found.name("value")) else {
            continue;
        };
        if is_whole(text, all.start(), all.end()) && !counts(text, value.as_str(), all.end()) {
            parts.push(Part::new(PartKind::Building, all.start(), all.end()));
        }
    }
    for found in FOOT.find_iter(text) {
        if is_whole(text, found.start(), found.end()) {
            add(IdentifierKind::Place, found.start(), found.end());
        }
    }
    // At one place the most precise reading first, then the longest.
    parts.sort_by_key(|part| (part.start, part.kind, std::cmp::Reverse(part.end)));
    let mut chain: Vec<Part> = Vec::new();
    for part in parts {
        match chain.last() {
            Some(last) if part.start < last.end => continue,
            Some(last) if !joins(&text[last.end..part.start]) => close(&mut chain, text, add),
            _ => {}
        }
        chain.push(part);
    }
    close(&mut chain, text, add);
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PartKind {
    /// "apt 31", "porte gauche".
    Door,
    /// "3e étage", "rdc".
    Floor,
    /// "bât. C", "hall 3".
    Building,
    /// "12 bis" before a street.
    Number,
    /// "rue des Lilas", "résidence les Tilleuls".
    Street,
}

#[derive(Clone, Copy)]
struct Part {
    kind: PartKind,
    start: usize,
    end: usize,
}

impl Part {
    const fn new(kind: PartKind, start: usize, end: usize) -> Self {
        Self { kind, start, end }
    }
}

/// Whether what stands between two parts holds them together: commas, and "du", "dans le".
fn joins(between: &str) -> bool {
    between.len() <= 16
        && between
            .split(|c: char| {
                is_space(c) || matches!(c, ',' | ';' | '-' | '–' | '(' | ')' | '/' | ':')
            })
            .all(|word| {
                matches!(
                    word,
                    "" | "au" | "du" | "de" | "la" | "le" | "dans" | "des" | "l'" | "l’"
                )
            })
}

/// Reports the parts that stand together, and begins anew.
fn close(chain: &mut Vec<Part>, text: &str, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    let has = |kind| chain.iter().any(|part| part.kind == kind);
    let dwelling = has(PartKind::Door)
        || has(PartKind::Number)
        || (has(PartKind::Floor) && (has(PartKind::Building) || has(PartKind::Street)));
    let mut open: Option<(usize, usize)> = None;
    for part in chain.iter() {
        if part.kind == PartKind::Street || !dwelling {
            add(IdentifierKind::Place, part.start, part.end);
            continue;
        }
        open = match open {
            // "bât. C, 3e étage" is hidden as one.
            Some((start, end)) if joins(&text[end..part.start]) => Some((start, part.end)),
            Some((start, end)) => {
                add(IdentifierKind::Address, start, end);
                Some((part.start, part.end))
            }
            None => Some((part.start, part.end)),
        };
    }
    if let Some((start, end)) = open {
        add(IdentifierKind::Address, start, end);
    }
    chain.clear();
}

/// Streets with the numbers before them into `parts`, facilities reported.
fn streets(text: &str, parts: &mut Vec<Part>, add: &mut impl FnMut(IdentifierKind, usize, usize)) {
    let mut at = 0;
    for found in KIND_OF_PLACE.captures_iter(text) {
        let Some(word) = found.get(0) else { continue };
        let (start, end) = (word.start(), word.end());
        if start < at || !is_whole(text, start, end) {
            continue;
        }
        let street = found.name("street").is_some();
        let estate = found.name("estate").is_some();
        let number = if street {
            number_before(text, start)
        } else {
            None
        };
        // "1 place de parking" is none.
        let surely = ["rue", "ave", "bou", "all", "imp", "che", "qua"]
            .iter()
            .any(|kind| fold(&text[start..end]).starts_with(kind));
        let named = place_name(text, end, street || estate, number.is_some() && surely);
        let Some(named) = named else { continue };
        // "sur place Karim": no square. "ni rue ni place".
        if text[..start].trim_end().ends_with("sur") && &text[start..end] == "place" {
            continue;
        }
        if street || estate {
            if let Some((from, to)) = number {
                parts.push(Part::new(PartKind::Number, from, to));
            }
            parts.push(Part::new(PartKind::Street, start, named));
        } else {
            add(IdentifierKind::Facility, start, named);
        }
        at = named;
    }
}

/// Where the name of a place ends that begins after byte `at`: particles, then words with a
/// capital. `precise`: streets and residences, which may bear one given name ("rue Inès"); after a
/// number, a street may be in lower case ("12 rue des lilas").
fn place_name(text: &str, at: usize, precise: bool, numbered: bool) -> Option<usize> {
    let mut end = None;
    let mut words = 0;
    let mut particles = 0;
    let mut next = at;
    let mut first = "";
    while words < 5 {
        let rest = text[next..].trim_start_matches(is_space);
        // "Résidence « Les Acacias »", "l'école (Jules-Ferry)" are read as written without.
        let rest = rest
            .strip_prefix(['«', '"', '“'])
            .map_or(rest, |r| r.trim_start_matches(is_space));
        let start = text.len() - rest.len();
        if start - next > 6
            || (start == next && words + particles > 0 && !text[..next].ends_with(['\'', '’']))
        {
            break;
        }
        let word = place_word(rest);
        if word.is_empty() {
            break;
        }
        let word_end = start + word.len();
        let elided = rest[word.len()..].starts_with(['\'', '’']);
        if elided && matches!(fold(word).as_str(), "l" | "d") {
            particles += 1;
            next = word_end + rest[word.len()..].chars().next().map_or(0, char::len_utf8);
            continue;
        }
        let capital = word.starts_with(char::is_uppercase);
        let digit = word.starts_with(|c: char| c.is_ascii_digit());
        if capital || (digit && particles > 0 && words == 0) || (words > 0 && is_month(word)) {
            // The next sentence, said without a stop, is no part of the name.
            if words > 0 && FUNCTION_WORDS.has(&word.to_lowercase()) {
                break;
            }
            words += 1;
            if words == 1 {
                first = word;
            }
            end = Some(word_end);
        } else if PLACE_PARTICLES.has(word) && particles < 4 {
            particles += 1;
        } else if numbered && words == 0 && particles > 0 && word.chars().count() >= 3 {
            return Some(word_end);
        } else {
            break;
        }
        next = word_end;
        if text[next..].starts_with(['.', ',', ';', ':', '!', '?', ')', '\n']) {
            break;
        }
    }
    let end = end?;
    // "devant l'école Inès attend": one given name without a particle names nobody's school.
    let bare = words == 1 && particles == 0 && !precise;
    let folded = fold(first);
    let lone = bare && GIVEN.has(&folded) && !FIGURES.has(&folded);
    (!lone).then_some(end)
}

/// The word at the start of `rest`: letters and digits with hyphens and full stops of initials.
fn place_word(rest: &str) -> &str {
    let mut end = 0;
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let inside =
            matches!(c, '-' | '\'' | '’') && at > 1 && next.is_some_and(char::is_alphanumeric);
        if c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36f}') || inside {
            end = at + c.len_utf8();
        } else {
            break;
        }
    }
    &rest[..end]
}

fn is_month(word: &str) -> bool {
    matches!(
        fold(word).as_str(),
        "janvier"
            | "fevrier"
            | "mars"
            | "avril"
            | "mai"
            | "juin"
            | "juillet"
            | "aout"
            | "septembre"
            | "octobre"
            | "novembre"
            | "decembre"
    ) || (word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()))
}

/// The number that stands before a street: "12 bis", "n° 3", "12, ", "7 de la ".
fn number_before(text: &str, street: usize) -> Option<(usize, usize)> {
    let from = text.floor_char_boundary(street.saturating_sub(40));
    let found = NUMBER.captures(&text[from..street])?;
    let number = found.name("number")?;
    let (start, end) = (from + number.start(), from + number.end());
    let before = &text[..start];
    // "14 h 30 rue X", "12/11 rue X", "en 2024 rue X".
    let clock = before.trim_end_matches(is_space).ends_with(['h', 'H', '€'])
        && !before.trim_end_matches(is_space).ends_with("ch");
    let goes_on = char_before(text, start)
        .is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | ',' | ':' | '-'));
    let year = matches!(number.as_str().parse::<u32>(), Ok(1900..=2099));
    (!clock && !goes_on && !year).then_some((start, end))
}

/// Whether a number counts something: "logement 3 pièces", "porte 2 heures".
fn counts(text: &str, value: &str, end: usize) -> bool {
    if !value.ends_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let rest = text[end..].trim_start_matches(is_space);
    let word: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '²')
        .collect();
    // "porte 3 du gymnase" is public; "logement 3 pièces" is a size.
    COUNTED.has(&fold(&word))
        || rest.starts_with(['€', '%'])
        || [
            "du gymnase",
            "du stade",
            "du marché",
            "de la gare",
            "du parc",
        ]
        .iter()
        .any(|place| rest.starts_with(place))
}

fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let hyphen = char_before(text, start) == Some('-');
    !inside(char_before(text, start)) && !hyphen && !inside(char_at(text, end))
}

/// Words that name a kind of place.
static KIND_OF_PLACE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:(?P<street>rues?|avenues?|av\.?|boulevards?|bds?\.?|blvd\.?|bvd\.?|all[ée]es?|impasse|imp\.|chemins?|ch\.|route|rte\.?|places?|pl\.|placette|square|sq\.|quai|passage|sentier|sente|venelle|ruelle|cours|mail|esplanade|promenade|rond-point|faubourg|fbg|fg\.|mont[ée]e|parvis|traverse)|(?P<estate>r[ée]sidences?|r[ée]s\.|cit[ée]|lotissement|lot\.|hameau|clos|domaine|villa|tours?|barre|squares?)|(?:[ée]coles?|coll[èe]ge|lyc[ée]e|gymnase|stade|cr[èe]che|maternelle|[ée]l[ée]mentaire|primaire|groupe scolaire|salles?|m[ée]diath[èe]que|biblioth[èe]que|h[ôo]pital|clinique|ehpad|foyer|maison|maison de quartier|mjc|th[ée][âa]tre|cin[ée]ma|espace|piscine|arr[êe]t|station|gare|m[ée]tro|[ée]glise|mosqu[ée]e|fondation|institut|universit[ée]|complexe|terrain|city|association|asso\.?|club|pont|parking|march[ée]|cimeti[èe]re|quartier|parc|jardin|centre (?:social|culturel|commercial|hospitalier|de loisirs)|centre|fac|pharmacie|boulangerie|restaurant|h[ôo]tel|caf[ée]|bar|prix|collectif|saint|sainte))",
    )
});

/// The end of a text that ends with a number of a street.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?P<number>(?:(?:n ?[°º]|num[ée]ro|no\.?) ?)?\d{1,4}(?:[ \u{a0}]?(?:bis|ter|quater)|[ \u{a0}]?[a-d])?(?: ?(?:-|/|et|à) ?\d{1,4}(?: ?(?:bis|ter))?)?)[ \u{a0}]?,?[ \u{a0}]?(?:de (?:la |l['’])?|du |des )?$",
    )
});

/// What tells a dwelling within a building.
static DOOR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:(?i:appartement|appart|appt|apt|app|porte|logement|lgt|logt|chambre|studio|bo[iî]te aux lettres|pavillon|villa|maison))\.?[ \u{a0}]?(?:(?i:n ?[°º]|num[ée]ro|no\.)[ \u{a0}]?)?:?[ \u{a0}]?(?P<value>[A-Z]?-?\d{1,4}(?:[ -]?[A-Z])?|[A-Z]\d{0,3}|gauche|droite|de gauche|de droite|(?:du |au )?fond)",
    )
});

static FLOOR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:\d{1,2} ?(?:er|ère|eme|ème|è|e|nd|nde) ?(?:[ée]tage|[ée]t\.)|[ée]tage \d{1,2}|(?:premier|deuxi[èe]me|second|troisi[èe]me|quatri[èe]me|cinqui[èe]me|sixi[èe]me|dernier) [ée]tage|rdc|rez[- ]de[- ]chauss[ée]e)(?: (?:[àa] )?(?:gauche|droite|face|porte (?:gauche|droite|face)|milieu))?",
    )
});

static BUILDING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:(?i:b[âa]timent|b[âa]t|immeuble|imm|escalier|esc|entr[ée]e|hall|cage|tour|bloc))\.?[ \u{a0}]?(?:(?i:n ?[°º])[ \u{a0}]?)?(?P<value>[A-Z]\d{0,2}|\d{1,3}[A-Z]?)",
    )
});

/// "bas du 12", "devant le 6": a public space, precise all the same.
static FOOT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:bas|pied|devant|porche|hall|perron|entr[ée]e|bas d['’]immeuble) (?:du|le|au) (?:n ?° ?)?\d{1,4}(?: (?:bis|ter))?",
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses between brackets, places between braces, facilities between angle brackets.
    fn check(marked: &str) {
        let text = marked.replace(['[', ']', '{', '}', '<', '>'], "");
        let mut found = Vec::new();
        find(&text, &mut |kind, start, end| {
            found.push((start, end, kind))
        });
        found.sort();
        let mut shown = String::new();
        let mut at = 0;
        for (start, end, kind) in found {
            if start < at {
                continue;
            }
            let (open, close) = match kind {
                IdentifierKind::Address => ('[', ']'),
                IdentifierKind::Place => ('{', '}'),
                _ => ('<', '>'),
            };
            shown.push_str(&text[at..start]);
            shown.push(open);
            shown.push_str(&text[start..end]);
            shown.push(close);
            at = end;
        }
        shown.push_str(&text[at..]);
        assert_eq!(shown, marked);
    }

    #[test]
    fn hides_what_tells_a_dwelling_and_keeps_the_street() {
        check("au [12 bis] {rue des Lilas}, [bât. C, 3e étage, apt 31].");
        check("au [3] {allée des Aulnes}");
        check("{résidence les Tilleuls} [porte 12]");
        check("{Résidence Les Tilleuls}, [apt. 203], tapage");
        check("[n° 8], {chemin des Vignes}, [appartement 3]");
        check("au [7] de la {rue du Port}");
        check("[145 ter] {boulevard de la République}, [esc. 2, rdc gauche]");
        check("[12] {rue des lilas} près de l'arrêt");
        check("vit [bât. B, 2e étage, logement 214], sans eau");
        check("[5e étage, porte gauche]");
        check("[chambre 214, appt B, studio 4]");
    }

    #[test]
    fn places_where_people_meet_are_no_dwellings() {
        check("Parking du {bâtiment C} dans le noir, {hall 3} aussi.");
        check("{Rue de Paris} fermée le 6. {Place du Marché} calme.");
        check("{bas du 12}, quinze jeunes");
        check("fuite au {3e étage}");
        check("logement 3 pièces, porte 2 heures, chambre de commerce, maison 3 chambres");
        check("2 places libres, 4 rues barrées, 1 place de parking");
        check("porte 3 du gymnase");
        check("rdv à 14 h 30 {rue du Port}, en 2024 {rue du Port}");
        check("l'immeuble est calme, deux entrées");
    }

    #[test]
    fn places_named_after_people_are_no_people() {
        check("<école Jules-Ferry>, <collège Pierre-et-Marie-Curie>, <lycée Simone Veil>");
        check("{place Jean-Jaurès}, {rue du Docteur Roux}, {avenue du Général de Gaulle}");
        check("{rue du 8 mai 1945} et {place du 11 Novembre}");
        check("devant l'école Inès attend, dans la salle Karim crie, sur place Karim dit");
        check("<centre social Simone de Beauvoir> : 22 personnes");
    }
}

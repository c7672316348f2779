//! Names of people without a civility: "Karim", "le petit Timéo", "BENALI Karim", "famille B.".
//!
//! A name is read where one of these holds, and nowhere else:
//! - a given name of the list begins with a capital;
//! - a word that is also a given name ("Rose", "Pierre") begins with a capital where a common word
//!   would not, or a surname or a verb follows it;
//! - a word introduces a name: "famille", "s'appelle", "le jeune";
//! - an age follows: "Kylian, 14 ans";
//! - it is a frequent surname, or stands again in a text that named somebody so.
//!
//! What a street, a school or a square is named after is no person: places are found before, and
//! French writes them with hyphens ("Jules-Ferry", while "Jean-Pierre" is two given names).

use std::cell::OnceCell;
use std::collections::BTreeSet;

use domain::Span;
use domain::text::fold;

use super::names::{
    APOSTROPHES, Word, initials, is_name_word, name, next_word, space, starts_upper, token,
};
use super::words::{
    AMBIGUOUS, COMMON_SURNAMES, DETERMINERS, FIGURES, FUNCTION_WORDS, GIVEN, INSTITUTIONS,
    INTRODUCERS, NEAR_PEOPLE, PARTICLES, PEOPLE, PLACES, SAYS, SURNAMES, TOPICS,
};
use super::{IdentifierKind, is_space};

/// Reports every name of `text` outside `taken`, which holds what was found in it so far, sorted:
/// places are no people, and the people among them are looked for again.
pub(super) fn find(
    text: &str,
    taken: &[(Span, IdentifierKind)],
    add: &mut impl FnMut(IdentifierKind, usize, usize),
) {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (span, kind) in taken {
        if *kind == IdentifierKind::Name {
            learn(span.of(text).unwrap_or_default(), &mut known);
        }
    }
    let mut again: Vec<(usize, usize, String, bool)> = Vec::new();
    let mut taken = taken.iter().peekable();
    let mut at = 0;
    let mut previous: Option<Seen<'_>> = None;
    while let Some(word) = next_word(text, at) {
        while taken
            .next_if(|(span, _)| span.end as usize <= word.start)
            .is_some()
        {}
        if let Some((span, _)) = taken.peek()
            && (span.start as usize) <= word.start
        {
            at = span.end as usize;
            previous = None;
            continue;
        }
        let word = token(text, word.start).unwrap_or(word);
        // "l'oncle", "d'Inès", "s'appelle": what stands after the apostrophe.
        let (word, elided) = after_elision(text, word);
        at = word.end;
        // Most words are in lower case and follow none of these: nothing is read of them.
        if !starts_upper(word.text)
            && !previous
                .as_ref()
                .is_some_and(|p| SMALL.contains(&p.word.text))
        {
            previous = Some(Seen::of(text, word, elided, previous.as_ref()));
            continue;
        }
        let seen = Seen::of(text, word, elided, previous.as_ref());
        if let Some(end) = seen.person(text, previous.as_ref()) {
            learn(&text[word.start..end], &mut known);
            add(IdentifierKind::Name, word.start, end);
            at = end;
            // "Yanis et Soumaya": the second is read as the first.
            if let Some((start, end)) = also(text, end) {
                add(IdentifierKind::Name, start, end);
                at = end;
            }
            previous = None;
            continue;
        }
        if seen.capital && word.text.len() >= 4 {
            again.push((word.start, word.end, seen.folded().clone(), seen.starts));
        }
        previous = Some(seen);
    }
    for (start, end, folded, starts) in again {
        let common = starts && COMMON_SURNAMES.has(&folded);
        if known.contains(&folded) && !common {
            add(IdentifierKind::Name, start, end);
        }
    }
}

/// [`fold`], which plain words need not go through.
fn folded(word: &str) -> String {
    match word.is_ascii() {
        true => word.to_ascii_lowercase(),
        false => fold(word),
    }
}

/// Keeps the words of a name by which it may stand again.
fn learn(name: &str, known: &mut BTreeSet<String>) {
    for word in name.split(|c: char| !c.is_alphanumeric() && c != '-') {
        let folded = folded(word);
        let lower = word.to_lowercase();
        let own = word.chars().count() >= 4
            && !TOPICS.has(&lower)
            && !FUNCTION_WORDS.has(&lower)
            && !PARTICLES.has(&lower)
            && !AMBIGUOUS.has(&folded);
        if own {
            known.insert(folded);
        }
    }
}

/// "l'oncle" as "oncle", and whether it was so; "D'Angelo" and "N'Diaye" stay whole.
fn after_elision<'t>(text: &'t str, word: Word<'t>) -> (Word<'t>, bool) {
    let Some((head, rest)) = word.text.split_once(APOSTROPHES) else {
        return (word, false);
    };
    let letters = head.chars().count();
    let of_a_name = letters == 1
        && starts_upper(head)
        && starts_upper(rest)
        // "L'Oncle", "S'il" begin a sentence.
        && !matches!(head, "L" | "S");
    if of_a_name || letters > 2 {
        return (word, false);
    }
    let start = word.end - rest.len();
    let rest = Word {
        text: &text[start..word.end],
        start,
        end: word.end,
    };
    (rest, true)
}

/// Words after which a name may be in lower case: "le petit karim".
const SMALL: [&str; 5] = ["petit", "petite", "jeune", "prénommé", "prénommée"];

/// A word with what is known of it.
struct Seen<'t> {
    word: Word<'t>,
    folded: OnceCell<String>,
    capital: bool,
    /// A sentence or a line starts here, or a colon or a quotation mark stands before.
    starts: bool,
    /// Nothing but a space between the word before and this one.
    adjacent: bool,
    elided: bool,
}

impl<'t> Seen<'t> {
    fn of(text: &str, word: Word<'t>, elided: bool, previous: Option<&Seen<'_>>) -> Self {
        let before = &text[..word.start];
        let gap = previous.map(|p| &text[p.word.end..word.start]);
        // Numbers and whatever was found before end no sentence: look at what stands right before.
        let tail = before.trim_end_matches(is_space);
        let quoted = tail.ends_with(['«', '"', '“', '(']);
        let starts = !elided
            && (tail.is_empty()
                || tail.ends_with(['.', '!', '?', '…', '\n', ':', ';', '•', '\u{c}'])
                || quoted
                || (tail.ends_with('-') && tail.len() < before.len()));
        let adjacent = elided
            || gap.is_some_and(|gap| {
                let bare = gap.trim_matches(is_space);
                !gap.is_empty() && (bare.is_empty() || matches!(bare, "«" | "\"" | "“"))
            });
        Self {
            folded: OnceCell::new(),
            capital: starts_upper(word.text),
            word,
            starts,
            adjacent,
            elided,
        }
    }

    /// The word without case and accents, made when somebody asks.
    fn folded(&self) -> &String {
        self.folded.get_or_init(|| folded(self.word.text))
    }

    /// Where the name ends that starts with this word, when somebody is named here.
    fn person(&self, text: &str, previous: Option<&Seen<'_>>) -> Option<usize> {
        let before = previous.filter(|_| self.adjacent || self.elided);
        let introduced = before.is_some_and(|b| b.introduces(text));
        if !self.capital {
            // "le petit karim": dictated without capitals.
            let named = introduced && self.folded().len() >= 4 && GIVEN.has(self.folded());
            return named.then_some(self.word.end);
        }
        if before.is_some_and(|b| matches!(b.folded().as_str(), "saint" | "sainte" | "st" | "ste"))
        {
            return None;
        }
        // "Restaurant Chez Paul".
        if before.is_some_and(|b| b.word.text == "Chez" && !b.starts) {
            return None;
        }
        if introduced && let Some(end) = self.introduced(text) {
            return Some(end);
        }
        if self.word.text.chars().count() < 3 || is_figure(text, self) {
            return None;
        }
        if self.is_given() {
            return self.extent(text);
        }
        if AMBIGUOUS.has(self.folded()) {
            return self
                .ambiguous(text, before)
                .then(|| self.extent(text))
                .flatten();
        }
        if PLACES.has(self.folded()) {
            return self
                .surname_follows(text, true)
                .then(|| self.extent(text))
                .flatten();
        }
        if self.ages(text) && !PEOPLE.has(self.folded()) && self.is_unknown() {
            return self.extent(text);
        }
        // "Benali", "BENALI Karim", and in capitals a surname of no list.
        let surname = SURNAMES.has(self.folded()) || self.compound_surname();
        let shouted = self.word.text.chars().all(|c| !c.is_lowercase())
            && self.word.text.chars().count() >= 3
            && self.is_unknown()
            && self.given_follows(text);
        let proper = before.is_some_and(|b| b.capital && !b.starts && !b.is_given());
        let determined = before.is_some_and(|b| {
            DETERMINERS.has(b.folded()) && !matches!(b.folded().as_str(), "les" | "d")
        });
        if (surname && !proper && !determined) || shouted {
            return self.extent(text);
        }
        None
    }

    /// Whether what follows this word is a name of no list.
    fn introduces(&self, text: &str) -> bool {
        if matches!(self.folded().as_str(), "les") {
            // "chez les Benali".
            let before = text[..self.word.start].trim_end_matches(is_space);
            return before.ends_with("chez") || before.ends_with("Chez");
        }
        if matches!(self.folded().as_str(), "appelle" | "appeler" | "appelait") {
            return self.elided && !text[..self.word.start].ends_with(['l', 'L']);
        }
        INTRODUCERS.has(self.folded())
    }

    fn introduced(&self, text: &str) -> Option<usize> {
        let word = &self.word;
        if let Some(end) = initials(text, word) {
            return Some(end);
        }
        let acronym = word.text.chars().count() <= 5
            && word.text.chars().all(char::is_uppercase)
            && TOPICS.has(&word.text.to_lowercase());
        let plain = is_name_word(word.text, true)
            && !acronym
            && !INSTITUTIONS.has(self.folded())
            && !PEOPLE.has(self.folded());
        plain.then(|| self.extent(text)).flatten()
    }

    /// Where the name ends that starts here.
    fn extent(&self, text: &str) -> Option<usize> {
        name(text, self.word.start, None)
    }

    /// A given name of the list, or one made of several: "Jean-Pierre".
    fn is_given(&self) -> bool {
        if !self.capital || self.word.text == "Marié" {
            return false;
        }
        match self.folded().contains('-') {
            true => {
                let parts: Vec<&str> = self.folded().split('-').collect();
                let given = |part: &&&str| GIVEN.has(part) || AMBIGUOUS.has(part);
                // "Martin-pêcheur" has a part in lower case.
                let capitals = self.word.text.split('-').all(starts_upper);
                capitals
                    && parts.iter().filter(given).count() == parts.len()
                    && parts.iter().any(|part| GIVEN.has(part))
            }
            false => GIVEN.has(self.folded()),
        }
    }

    /// "Aït-Oufella", "Ben-Salah".
    fn compound_surname(&self) -> bool {
        let capitals = self.word.text.split('-').all(starts_upper);
        self.folded().contains('-')
            && capitals
            && self.folded().split('-').all(|part| SURNAMES.has(part))
    }

    /// A word with a capital that no list of words holds.
    fn is_unknown(&self) -> bool {
        is_name_word(self.word.text, true)
            && !INSTITUTIONS.has(self.folded())
            && !PEOPLE.has(self.folded())
            && !self.word.text.contains('-')
    }

    /// Whether a word that is also a given name is one here.
    fn ambiguous(&self, text: &str, before: Option<&Seen<'_>>) -> bool {
        if self.surname_follows(text, false) {
            return true;
        }
        if self.starts {
            return self.verb_follows(text) || self.given_joined(text);
        }
        let Some(before) = before else {
            // After a comma or a number a common word has no capital either.
            return !self.elided;
        };
        let proper = before.capital && !before.starts;
        if NEAR_PEOPLE.has(before.folded()) {
            return true;
        }
        !proper && !DETERMINERS.has(before.folded()) && !self.elided
    }

    /// The word after the next space, when it is on the same line.
    fn next<'a>(&self, text: &'a str) -> Option<Word<'a>> {
        token(text, space(text, self.word.end)?)
    }

    fn surname_follows(&self, text: &str, sure: bool) -> bool {
        let Some(next) = self.next(text) else {
            return false;
        };
        if !starts_upper(next.text) {
            return false;
        }
        let folded = folded(next.text);
        if initials(text, &next).is_some() {
            return !sure && next.text.chars().count() == 1 && text[next.end..].starts_with('.');
        }
        let listed = SURNAMES.has(&folded) || GIVEN.has(&folded);
        // In capitals: "Rose DUPONT", while "Marine Nationale" is none.
        let shouted =
            next.text.chars().count() >= 4 && next.text.chars().all(|c| !c.is_lowercase());
        let other = is_name_word(next.text, true) && !INSTITUTIONS.has(&folded);
        listed || (other && (shouted || (!sure && !self.starts)))
    }

    fn verb_follows(&self, text: &str) -> bool {
        self.next(text).is_some_and(|next| {
            let head = next.text.split(APOSTROPHES).next().unwrap_or_default();
            next.text.starts_with(char::is_lowercase) && SAYS.has(&folded(head))
        })
    }

    /// "Sam et Tom".
    fn given_joined(&self, text: &str) -> bool {
        let joined = || {
            let and = self.next(text).filter(|next| next.text == "et")?;
            let other = token(text, space(text, and.end)?)?;
            (starts_upper(other.text) && GIVEN.has(&folded(other.text))).then_some(())
        };
        joined().is_some()
    }

    fn given_follows(&self, text: &str) -> bool {
        self.next(text).is_some_and(|next| {
            starts_upper(next.text)
                && GIVEN.has(&folded(next.text))
                && !TOPICS.has(&self.word.text.to_lowercase())
        })
    }

    /// ", 14 ans" or "(14 ans)" follows.
    fn ages(&self, text: &str) -> bool {
        let rest = text[self.word.end..].trim_start_matches(is_space);
        let Some(rest) = rest.strip_prefix([',', '(']) else {
            return false;
        };
        let rest = rest.trim_start_matches(is_space);
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (1..=3).contains(&digits)
            && rest[digits..]
                .trim_start_matches(is_space)
                .starts_with("ans")
    }
}

/// Somebody whom places are named after: "les parents de Jules Ferry" are those of a school.
fn is_figure(text: &str, seen: &Seen<'_>) -> bool {
    let mut said = seen.folded().replace('-', " ");
    if FIGURES.has(&said) {
        return true;
    }
    let mut end = seen.word.end;
    for _ in 0..4 {
        let Some(next) = space(text, end).and_then(|at| token(text, at)) else {
            return false;
        };
        said.push(' ');
        said.push_str(&folded(next.text).replace('-', " "));
        if FIGURES.has(&said) {
            return true;
        }
        end = next.end;
    }
    false
}

/// The name joined to the one that ends at byte `at` by "et": "Yanis et Soumaya".
fn also(text: &str, at: usize) -> Option<(usize, usize)> {
    let and = token(text, space(text, at)?).filter(|word| word.text == "et")?;
    let word = token(text, space(text, and.end)?)?;
    let folded = folded(word.text);
    let acronym = word.text.chars().all(char::is_uppercase);
    let fits = starts_upper(word.text)
        && word.text.chars().count() >= 4
        && !acronym
        && !word.text.contains('-')
        && is_name_word(word.text, true)
        && !INSTITUTIONS.has(&folded)
        && !PEOPLE.has(&folded)
        && !PLACES.has(&folded);
    if !fits {
        return None;
    }
    Some((word.start, name(text, word.start, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `marked` has names between brackets.
    fn check(marked: &str) {
        let text = marked.replace(['[', ']'], "");
        let found = super::super::find(&text);
        let mut shown = String::new();
        let mut at = 0;
        for f in found.iter().filter(|f| f.kind == IdentifierKind::Name) {
            let (start, end) = (f.span.start as usize, f.span.end as usize);
            shown.push_str(&format!("{}[{}]", &text[at..start], &text[start..end]));
            at = end;
        }
        shown.push_str(&text[at..]);
        assert_eq!(shown, marked);
    }

    #[test]
    fn given_names_need_no_civility() {
        check("[Karim] et [Mehdi] sont venus, [Karim Benali] aussi.");
        check("Vu [Fatoumata] et sa sœur [Bintou]. [Jean-Pierre] a la clé.");
        check("[Maria dos Santos], [Nadia K.] et [Samir H] au hall.");
        check("[BENALI Karim], [DUPONT Marie]");
        check("l'ami d'[Inès] attend");
    }

    #[test]
    fn words_introduce_names_of_no_list() {
        check("La famille [B.] est là, la famille [Ouattaraga] aussi.");
        check("le petit [Timéoz], la jeune [Kelyanne], un certain [Zorg]");
        check("il s'appelle [Djibrilou], prénommée [Lilouna], alias « [Tonyo] »");
        check("chez les [Benalix], les frères [Kowal]");
        check("le petit [karim] traîne");
        check("famille d'accueil, petite enfance, famille CAF, on appelle Police");
    }

    #[test]
    fn an_age_says_that_it_is_somebody() {
        check("[Kylianou], 14 ans, et [Nolanix] (15 ans)");
        check("Femme, 34 ans. Homme, 50 ans. Mineur (15 ans).");
    }

    #[test]
    fn words_that_are_also_names() {
        check("Vu [Rose] ce matin. [Rose] a dit oui. Chez [Pierre].");
        check("La rose du jardin. Pierre tombale. Claire déception. Rose trémière arrachée.");
        check("[Pierre Lefèvre], [Rose D.], [Sam] et [Tom]");
        check("Marine Nationale, France Travail, Café Rose, Avant Noël, Les Violettes");
        check("Max 10 personnes. Sam 14 h. Avril pluvieux.");
    }

    #[test]
    fn places_and_figures_are_no_people() {
        check("les parents de Jules-Ferry, ceux de Jules Ferry, Martin-pêcheur");
        check("école Jules Ferry, rue Karim-Benali, square Marie Curie, Saint Denis");
        check("Restaurant Chez Paul, devant l'école [Inès] attend");
    }

    #[test]
    fn who_was_named_is_found_again() {
        check("Mme [Duquesnoy] appelle. [Duquesnoy] voudrait un badge, dit [DUQUESNOY].");
        check("M. [Petit] est là. Petit déjeuner servi. Vu [Petit] hier.");
    }
}

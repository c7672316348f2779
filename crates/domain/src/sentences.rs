//! Sentences of letters and of telegraphic notes, as ranges that can be cited.

use crate::Span;
use crate::sentence::Mask;
use crate::text::{PAGE_BREAK, fold};

/// No piece shorter than this is made by cutting.
const LENGTH_MIN: usize = 60;

/// Abbreviations followed by what they introduce: a name, a street, a number.
const INTRODUCING: &[&str] = &[
    "m", "mm", "mme", "mmes", "mlle", "mlles", "melle", "mr", "dr", "pr", "me", "av", "bd", "bld",
    "bvd", "boul", "rte", "imp", "sq", "res", "bat", "imm", "esc", "apt", "appt", "n°", "no",
    "art", "cf", "ex", "st", "ste", "perm", "tel", "ref", "resp", "rdc",
];
/// Abbreviations that may end a sentence: they do before a capital.
const CLOSING: &[&str] = &[
    "etc", "pers", "env", "min", "mn", "max", "hab", "nb", "rdv", "asso", "assoc", "coll", "dept",
    "sem", "jrs", "educ", "anim", "prev", "admin", "compl", "quart",
];
/// Titles before an initial: "Mme D."
const TITLES: &[&str] = &["m", "mm", "mme", "mmes", "mlle", "melle", "mr", "dr", "me"];

/// The sentences of `text`, trimmed, in order, never cutting a mask. A sentence holds a letter or
/// a digit. One longer than `length_max` characters is cut at a clause: a quote must fit its page;
/// `usize::MAX` cuts none.
pub fn sentences(text: &str, masks: &[Mask], length_max: usize) -> Vec<Span> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut cuts = vec![0];
    let mut i = 0;
    while i < chars.len() {
        let from = *cuts.last().unwrap_or(&0);
        let (next, cut) = match chars[i].1 {
            '\n' | PAGE_BREAK => line_end(&chars, i),
            '.' | '!' | '?' | '…' => sentence_end(text, &chars, i, from),
            _ => (i + 1, false),
        };
        let at = chars.get(next).map_or(text.len(), |c| c.0);
        if cut && !inside_mask(masks, at) {
            cuts.push(at);
        }
        i = next;
    }
    cuts.push(text.len());
    cuts.windows(2)
        .flat_map(|w| pieces(text, w[0], w[1], masks, length_max))
        .filter_map(|(start, end)| trimmed(text, start, end, masks))
        .collect()
}

fn inside_mask(masks: &[Mask], at: usize) -> bool {
    masks
        .iter()
        .any(|m| (m.start as usize) < at && at < m.end as usize)
}

/// A line ends a sentence unless the next goes on in lower case.
fn line_end(chars: &[(usize, char)], at: usize) -> (usize, bool) {
    let mut i = at;
    let mut lines = 0;
    let mut page = false;
    while let Some((_, c)) = chars.get(i).filter(|(_, c)| c.is_whitespace()) {
        lines += usize::from(*c == '\n');
        page |= *c == PAGE_BREAK;
        i += 1;
    }
    // A sentence goes on over the page; over an empty line it does not.
    let apart = lines > 1 && !page;
    let stopped = at > 0 && matches!(chars[at - 1].1, '.' | '!' | '?' | '…' | ';' | ':');
    let goes_on = chars.get(i).is_some_and(|(_, c)| c.is_lowercase());
    (i, apart || stopped || !goes_on)
}

/// Whether the stop at `at` ends the sentence that began at byte `from`, and where to go on.
fn sentence_end(text: &str, chars: &[(usize, char)], at: usize, from: usize) -> (usize, bool) {
    let is_stop = |c: char| matches!(c, '.' | '!' | '?' | '…');
    let is_closer = |c: char| matches!(c, ')' | ']' | '»' | '"' | '”');
    let mut i = at;
    while chars.get(i).is_some_and(|(_, c)| is_stop(*c)) {
        i += 1;
    }
    let stops = &chars[at..i];
    let mut closed = false;
    while chars.get(i).is_some_and(|(_, c)| is_closer(*c)) {
        i += 1;
        closed = true;
    }
    let mut after = i;
    while chars
        .get(after)
        .is_some_and(|(_, c)| c.is_whitespace() && *c != PAGE_BREAK)
    {
        after += 1;
    }
    // « Ça va ? »: the closing mark belongs to the sentence.
    if chars.get(after).is_some_and(|(_, c)| *c == '»') {
        i = after + 1;
        after = i;
        closed = true;
        while chars
            .get(after)
            .is_some_and(|(_, c)| c.is_whitespace() && *c != PAGE_BREAK)
        {
            after += 1;
        }
    }
    let Some((_, next)) = chars.get(after) else {
        return (after, true);
    };
    let (_, before) = word_before(text, chars[at].0);
    if after == i {
        // No space: only a forgotten one between a word and a capital ("tension.Gardien").
        let forgotten = stops.len() == 1
            && next.is_uppercase()
            && before.chars().count() >= 3
            && before.chars().all(char::is_lowercase);
        return (i, forgotten);
    }
    let cut = match stops {
        [(_, '.')] => period_ends(text, from, chars[at].0, *next),
        _ if stops.iter().any(|(_, c)| matches!(c, '!' | '?')) => !(closed && next.is_lowercase()),
        _ => !next.is_lowercase(),
    };
    (after, cut)
}

/// Whether the single stop at byte `stop`, before `next`, ends the sentence begun at `from`.
fn period_ends(text: &str, from: usize, stop: usize, next: char) -> bool {
    let (start, before) = word_before(text, stop);
    let folded = fold(before);
    let mut letters = before.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_uppercase()
        && letter != 'M'
    {
        // "Mme D. n'ose plus" goes on; "Vu Mme D. Orientée" does not; "J. Durand" goes on.
        let head = text[..start].trim_end_matches([' ', '\u{a0}', '.']);
        let (_, title) = word_before(text, head.len());
        return next.is_uppercase() && TITLES.contains(&fold(title).as_str());
    }
    if INTRODUCING.contains(&folded.as_str()) {
        return false;
    }
    if CLOSING.contains(&folded.as_str()) {
        return next.is_uppercase();
    }
    if !before.is_empty() && before.chars().all(|c| c.is_ascii_digit()) {
        // "1. Hall" is an item of a list, "Bas du 12. Musique" is not.
        let starts = text[from.min(start)..start]
            .chars()
            .all(|c| !c.is_alphanumeric());
        return !starts && !next.is_lowercase();
    }
    // Dictated notes often go on in lower case after a stop; after a short word it is more likely
    // an abbreviation nobody listed.
    !next.is_lowercase() || before.chars().count() >= 4
}

/// The word that ends at byte `end`, empty when none does, and where it starts.
fn word_before(text: &str, end: usize) -> (usize, &str) {
    let head = &text[..end];
    let start = head
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphanumeric() || *c == '°')
        .last()
        .map_or(end, |(at, _)| at);
    (start, &head[start..])
}

/// `start..end`, cut at clauses when it is too long.
fn pieces(
    text: &str,
    mut start: usize,
    end: usize,
    masks: &[Mask],
    length_max: usize,
) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    loop {
        let window: Vec<(usize, char)> = text[start..end]
            .char_indices()
            .take(length_max.saturating_add(1))
            .collect();
        if window.len() <= length_max {
            out.push((start, end));
            return out;
        }
        let cut_after = |accept: fn(char) -> bool| {
            window
                .windows(2)
                .enumerate()
                .rev()
                .map(|(i, pair)| (i, pair[0].1, start + pair[1].0, pair[1].1))
                .find(|(i, c, at, next)| {
                    *i >= LENGTH_MIN
                        && accept(*c)
                        && (c.is_whitespace() || next.is_whitespace())
                        && !inside_mask(masks, *at)
                })
                .map(|(_, _, at, _)| at)
        };
        let cut = cut_after(|c| matches!(c, ',' | ';' | ':' | ')'))
            .or_else(|| cut_after(char::is_whitespace));
        match cut {
            Some(at) => {
                out.push((start, at));
                start = at;
            }
            // One endless word or mask: it stays whole.
            None => {
                out.push((start, end));
                return out;
            }
        }
    }
}

fn trimmed(text: &str, start: usize, end: usize, masks: &[Mask]) -> Option<Span> {
    let piece = &text[start..end];
    let left = piece.trim_start_matches(|c: char| {
        c.is_whitespace() || matches!(c, '-' | '–' | '—' | '•' | '*' | ',' | ';' | '.')
    });
    let mut from = start + (piece.len() - left.len());
    let mut to = from
        + left
            .trim_end_matches(|c: char| c.is_whitespace() || c == ',')
            .len();
    for mask in masks {
        let (s, e) = (mask.start as usize, mask.end as usize);
        if s < to && from < e {
            from = from.min(s);
            to = to.max(e);
        }
    }
    text[from..to.max(from)]
        .chars()
        .any(char::is_alphanumeric)
        .then(|| Span::new(from as u32, to as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::MaskKind;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = sentences(text, &[], 280)
            .into_iter()
            .map(|s| s.of(text).unwrap())
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn splits_telegraphic_notes() {
        check(
            "Bas du 12, dizaine de jeunes, musique, pas de tension. Gardien : éclairage HS parking (3e fois). Mme D. n'ose plus sortir. Bailleur relancé.",
            &[
                "Bas du 12, dizaine de jeunes, musique, pas de tension.",
                "Gardien : éclairage HS parking (3e fois).",
                "Mme D. n'ose plus sortir.",
                "Bailleur relancé.",
            ],
        );
        check("RAS, pluie.", &["RAS, pluie."]);
        check(
            "Perm. 4 pers., 3 ANTS bloquée, 1 CAF. Orienté FS.",
            &["Perm. 4 pers., 3 ANTS bloquée, 1 CAF.", "Orienté FS."],
        );
    }

    #[test]
    fn abbreviations_do_not_split() {
        check(
            "Vu M. Durand av. Jaurès. Calme.",
            &["Vu M. Durand av. Jaurès.", "Calme."],
        );
        check(
            "Bd. Foch n°. 12, bât. C, esc. 3.",
            &["Bd. Foch n°. 12, bât. C, esc. 3."],
        );
        check("Vu 4 pers. Orientées.", &["Vu 4 pers.", "Orientées."]);
        check("Vu 4 pers. au hall.", &["Vu 4 pers. au hall."]);
        check("Vu Mme D. Orientée CCAS.", &["Vu Mme D.", "Orientée CCAS."]);
        check("J. Durand passe. Bien.", &["J. Durand passe.", "Bien."]);
        check(
            "1. Hall sale\n2. Cave ouverte",
            &["1. Hall sale", "2. Cave ouverte"],
        );
        check("Bas du 12. Musique", &["Bas du 12.", "Musique"]);
        check("À 18.30 h, 2.5 m", &["À 18.30 h, 2.5 m"]);
    }

    #[test]
    fn stops_of_every_kind() {
        check(
            "Peur ! Que faire ? Rien…",
            &["Peur !", "Que faire ?", "Rien…"],
        );
        check(
            "Elle dit « ça va ? » et part. Fin.",
            &["Elle dit « ça va ? » et part.", "Fin."],
        );
        check("Bruit... encore. Fin", &["Bruit... encore.", "Fin"]);
        check("tension.Gardien vu", &["tension.", "Gardien vu"]);
        check(
            "gardien rencontré. éclairage absent. ok",
            &["gardien rencontré.", "éclairage absent.", "ok"],
        );
        check(
            "- hall sale\n- cave\nouverte\n\nfin",
            &["hall sale", "cave\nouverte", "fin"],
        );
        check("a@b.fr et www.x.fr. Oui", &["a@b.fr et www.x.fr.", "Oui"]);
        check(" ... \n . ", &[]);
    }

    #[test]
    fn a_mask_is_never_cut() {
        let text = "Appel de Mme Durand. Tél. 06. 12. 34 noté. Fin.";
        let start = text.find("06").unwrap() as u32;
        let mask = Mask {
            start,
            end: start + 10,
            kind: MaskKind::Phone,
            pseudonym: None,
        };
        let found: Vec<&str> = sentences(text, &[mask], 280)
            .into_iter()
            .map(|s| s.of(text).unwrap())
            .collect();
        assert_eq!(
            found,
            ["Appel de Mme Durand.", "Tél. 06. 12. 34 noté.", "Fin."]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_splits_into_ranges_in_order_that_cut_no_mask(
            text in "([a-zA-Zé0-9 .,!?\n«»()°-]|M\\. |etc\\. ){0,400}",
            cuts in proptest::collection::vec(0usize..400, 0..6),
        ) {
            let mut at: Vec<u32> = cuts.iter().map(|c| text.floor_char_boundary(*c) as u32).collect();
            at.sort_unstable();
            at.dedup();
            let masks: Vec<Mask> = at
                .chunks_exact(2)
                .map(|p| Mask { start: p[0], end: p[1], kind: MaskKind::Name, pseudonym: None })
                .collect();
            for span in sentences(&text, &masks, 280) {
                let said = span.of(&text).unwrap();
                proptest::prop_assert!(said.chars().any(char::is_alphanumeric));
                for mask in &masks {
                    proptest::prop_assert!(
                        !span.overlaps(mask.span()) || span.contains(mask.span()),
                        "{said:?} cuts {mask:?}"
                    );
                }
            }
        }
    }
}

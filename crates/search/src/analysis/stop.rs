//! Words that carry no weight: they stay in phrases and count for nothing else.
//!
//! Without accents and in order, for a binary search. What also means something is not here:
//! `été` (summer), `sur` is (and takes `sûr` with it), `personne` is not.

use super::Language;

/// Whether a word in lower case without accents carries no weight in `language`.
pub(crate) fn is_stop_word(folded: &str, language: Language) -> bool {
    let list: &[&str] = match language {
        Language::French => &FRENCH,
        Language::English => &ENGLISH,
    };
    list.binary_search(&folded).is_ok()
}

/// Small words of one language that are others' ordinary words: they tell no language.
pub(crate) const HOMOGRAPHS: [&str; 10] = [
    "a", "as", "but", "car", "me", "on", "or", "pour", "son", "ton",
];

#[rustfmt::skip]
const FRENCH: [&str; 181] = [
    "a", "ai", "aie", "aient", "aies", "ait", "alors", "as", "au", "aucun", "aucune", "aura",
    "auraient", "aurais", "aurait", "auras", "aurez", "auriez", "aurions", "aurons", "auront",
    "aussi", "aux", "avaient", "avais", "avait", "avec", "avez", "aviez", "avions", "avoir",
    "avons", "ayant", "ayez", "ayons", "c", "ca", "car", "ce", "ceci", "cela", "celle", "celles",
    "celui", "ces", "cet", "cette", "ceux", "chaque", "chez", "ci", "comme", "d", "dans", "de",
    "depuis", "des", "donc", "dont", "du", "elle", "elles", "en", "entre", "es", "est", "et",
    "etaient", "etais", "etait", "etant", "etes", "etiez", "etions", "etre", "eu", "eut", "eux",
    "furent", "fut", "il", "ils", "j", "je", "jusqu", "jusque", "l", "la", "le", "les", "leur",
    "leurs", "lors", "lorsqu", "lorsque", "lui", "m", "ma", "mais", "me", "meme", "memes", "mes",
    "moi", "mon", "n", "ne", "ni", "nos", "notre", "nous", "on", "ont", "or", "ou", "par", "pas",
    "pour", "pourquoi", "puis", "puisqu", "puisque", "qu", "quand", "que", "quel", "quelle",
    "quelles", "quels", "qui", "quoi", "quoique", "s", "sa", "sans", "se", "sera", "serai",
    "seraient", "serais", "serait", "seras", "serez", "seriez", "serions", "serons", "seront",
    "ses", "si", "sien", "soi", "soient", "sois", "soit", "sommes", "son", "sont", "sous",
    "soyez", "soyons", "suis", "sur", "t", "ta", "tandis", "te", "tes", "toi", "ton", "tous",
    "tout", "toute", "toutes", "tu", "un", "une", "vers", "vos", "votre", "vous", "y",
];

#[rustfmt::skip]
const ENGLISH: [&str; 121] = [
    "a", "about", "above", "after", "again", "against", "all", "am", "an", "and", "any", "are",
    "as", "at", "be", "because", "been", "before", "being", "below", "between", "both", "but",
    "by", "can", "cannot", "could", "did", "do", "does", "doing", "down", "during", "each", "few",
    "for", "from", "further", "had", "has", "have", "having", "he", "her", "here", "hers", "him",
    "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself", "me", "more", "most",
    "my", "myself", "no", "nor", "not", "of", "off", "on", "once", "only", "or", "other", "our",
    "ours", "out", "over", "own", "s", "same", "she", "should", "so", "some", "such", "t", "than",
    "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those",
    "through", "to", "too", "under", "until", "up", "very", "was", "we", "were", "what", "when",
    "where", "which", "while", "who", "whom", "why", "will", "with", "would", "you", "your",
    "yours",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_folded() {
        for list in [&FRENCH[..], &ENGLISH[..]] {
            assert!(list.windows(2).all(|w| w[0] < w[1]));
            assert!(list.iter().all(|w| domain::text::fold(w) == **w));
        }
    }
}

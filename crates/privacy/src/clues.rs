//! What describes somebody without naming them: "le père du 3e, handicapé".
//!
//! Each clue is a word or two of one kind: an age, a precise place, a situation in the family, an
//! illness, a trade, an origin. One alone seldom points at anybody; two of different kinds in one
//! sentence may, in a neighbourhood. The score of a sentence is the number of kinds it holds, which
//! anybody can count again.

use std::sync::LazyLock;

use domain::audience::{Clue, ClueKind};
use regex::Regex;

use crate::identifiers::{Found, IdentifierKind};

/// The clues of `text`, in order; `found` is what [`find`](crate::identifiers::find) found in it.
pub fn clues(text: &str, found: &[Found]) -> Vec<Clue> {
    let text = &text[..text.floor_char_boundary(u32::MAX as usize)];
    let mut clues: Vec<Clue> = found
        .iter()
        .filter_map(|found| {
            let kind = match found.kind {
                IdentifierKind::Age | IdentifierKind::Birth => ClueKind::Age,
                IdentifierKind::Place | IdentifierKind::Address => ClueKind::Place,
                _ => return None,
            };
            Some(Clue {
                start: found.span.start,
                end: found.span.end,
                kind,
            })
        })
        .collect();
    for (kind, words) in LEXICON.iter() {
        for found in words.find_iter(text) {
            clues.push(Clue {
                start: found.start() as u32,
                end: found.end() as u32,
                kind: *kind,
            });
        }
    }
    clues.sort();
    clues.dedup();
    clues
}

/// Words by kind, without case; `*` stands for any ending.
const WORDS: &[(ClueKind, &str)] = &[
    (
        ClueKind::Age,
        "septuagénaire* octogénaire* nonagénaire* centenaire* quadragénaire* quinquagénaire* \
         sexagénaire* trentenaire*",
    ),
    (
        ClueKind::Family,
        "veuf veuve veufs veuves divorcé divorcée enceinte jumeaux jumelles orphelin* \
         monoparental* célibataire* concubin* ex-mari ex-femme ex-compagn* séparé séparée \
         belle-mère beau-père belle-fille grand-mère grand-père adopté adoptée pacsé pacsée \
         mère|de|famille père|de|famille mère|de|deux mère|de|trois mère|de|quatre mère|de|cinq \
         père|de|deux père|de|trois père|de|quatre deux|enfants trois|enfants quatre|enfants \
         cinq|enfants six|enfants enfant|unique",
    ),
    (
        ClueKind::Health,
        "handicap* fauteuil|roulant alzheimer parkinson cancer* dialys* diabét* schizophr* \
         bipolaire* dépressi* sourd sourde sourds sourdes malentendant* aveugle* malvoyant* \
         autis* trisomi* avc amputé* hospitalisé* toxicoman* alcoolique* alcoolisme addict* \
         tutelle curatelle épilep* obès* séropositi* invalid* greff* chimio* psychiatri* \
         suicid* malade maladie* paralysé* démence sénil* cardiaque* asthm* infirme* \
         béquilles déambulateur oxygène",
    ),
    (
        ClueKind::Trade,
        "boulanger* infirmier* infirmière* aide-soignant* chauffeur* enseignant* institut* \
         professeur* policier* policière* gendarme* pompier* médecin* pharmacien* coiffeu* \
         boucher* bouchère* épicier* épicière* maçon* plombier* électricien* peintre* caissier* \
         caissière* cuisinier* cuisinière* serveu* avocat* notaire* comptable* menuisier* \
         mécanicien* éboueur* routier* facteur factrice militaire* ouvrier* ouvrière* cheminot* \
         vigile* livreur* livreuse* nourrice* assistante|maternelle imam* prêtre* pasteur* \
         buraliste* fleuriste* restaurateur* vtc taxi",
    ),
    (
        ClueKind::Origin,
        "algérien* marocain* tunisien* malien* sénégalais* ivoirien* congolais* comorien* turc \
         turque turcs turques kurde* syrien* afghan* ukrainien* roumain* bulgare* rom roms \
         portugais* tamoul* sri-lankais* chinois* vietnamien* haïtien* arménien* géorgien* \
         tchétchène* polonais* russe* albanais* kosovar* guinéen* camerounais* érythréen* \
         soudanais* somalien* bangladais* pakistanais* indien indienne brésilien* colombien* \
         péruvien* mauritanien* togolais* béninois* gabonais* nigérian* angolais* cap-verdien* \
         malgache* mauricien* réunionnais* guadeloupéen* martiniquais* libanais* irakien* \
         iranien* égyptien* libyen* moldave* serbe* bosniaque* réfugié* sans-papiers|demandeur \
         sans-papiers demandeur|d’asile demandeuse|d’asile demandeur|d'asile musulman* juif \
         juive juifs juives gitan* manouche* philippin* cambodgien* laotien* népalais* \
         tibétain*",
    ),
];

static LEXICON: LazyLock<Vec<(ClueKind, Regex)>> = LazyLock::new(|| {
    WORDS
        .iter()
        .map(|(kind, words)| (*kind, lexicon(words)))
        .collect()
});

#[expect(
    clippy::expect_used,
    reason = "constant patterns, compiled by the tests"
)]
fn lexicon(words: &str) -> Regex {
    let alternatives: Vec<String> = words
        .split_whitespace()
        .map(|word| {
            let (stem, open) = word
                .strip_suffix('*')
                .map_or((word, ""), |s| (s, r"\p{L}*"));
            format!("{}{open}", regex::escape(stem).replace(r"\|", "[ \u{a0}]+"))
        })
        .collect();
    Regex::new(&format!(r"(?i)\b(?:{})\b", alternatives.join("|"))).expect("pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Span;
    use domain::audience::clues_in;

    fn score(text: &str) -> u32 {
        let clues = clues(text, &crate::identifiers::find(text));
        clues_in(&clues, Span::new(0, text.len() as u32))
    }

    #[test]
    fn kinds_are_counted_once_each() {
        assert_eq!(score("Le père du 3e étage, handicapé, ne sort plus."), 2);
        assert_eq!(score("Dame de 84 ans, veuve, rue des Lilas."), 3);
        assert_eq!(score("Chauffeur malien, diabétique."), 3);
        assert_eq!(score("Dame de 84 ans, octogénaire."), 1);
        assert_eq!(score("Mère de trois enfants, enceinte."), 1);
        assert_eq!(score("Éclairage HS, dizaine de jeunes, musique."), 0);
        assert_eq!(score("Remise en forme, romain, turcotte, malienne."), 1);
    }
}

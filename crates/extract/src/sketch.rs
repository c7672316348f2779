//! Stored text to sketch: what tells nearly equal texts, see [`domain::sketch`].

use std::collections::BTreeSet;

use domain::sketch::{RUN, RUNS_MIN, Sketch, SketchFormat, VALUES};
use domain::text::fold;
use domain::{ArtifactName, Digest, FieldKind, Layout};

/// Of a text of more distinct runs, those with the lowest hashes stand for all: a sample that two
/// resembling texts share as they share the whole.
const RUNS_MAX: usize = 1 << 16;

/// The sketch of a text.
pub fn sketch(text: &str, layout: &Layout, text_version: ArtifactName) -> Sketch {
    let runs = runs(&body(text, layout));
    let too_short = runs.len() < RUNS_MIN;
    Sketch {
        format: SketchFormat::V1,
        text_version,
        runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
        too_short,
        minima: if too_short { Vec::new() } else { minima(&runs) },
    }
}

/// The text without the header of a message: the same letter sent again has another date, often
/// another sender, and says the same.
fn body(text: &str, layout: &Layout) -> String {
    let is_mail = ["message/rfc822", "application/vnd.ms-outlook"];
    if !is_mail.contains(&layout.media_type.as_str()) {
        return text.to_owned();
    }
    // Only the header's fields are columns in a message: what its body says stays.
    let columns = layout.fields.iter().filter(|f| f.kind == FieldKind::Column);
    let values: BTreeSet<usize> = columns
        .filter_map(|field| field.span.map(|span| span.start as usize))
        .collect();
    let mut start = 0;
    text.split_inclusive('\n')
        .filter(|line| {
            let end = start + line.len();
            let is_header = values.range(start..end).next().is_some();
            start = end;
            !is_header
        })
        .collect()
}

/// The hashes of the distinct runs of folded characters. Case, accents, punctuation and spacing are
/// what two readings of one letter differ by first, hyphens at line ends included.
fn runs(text: &str) -> BTreeSet<u64> {
    let folded: Vec<char> = fold(text).chars().filter(|c| c.is_alphanumeric()).collect();
    folded
        .windows(RUN)
        .map(|run| first_64(&Digest::of(run.iter().collect::<String>().as_bytes())))
        .collect()
}

/// The least hash of the runs under each of the hash functions `x ↦ (a·x + b) >> 32` over 64 bits,
/// with `a` odd (M. Dietzfelbinger et al., *A reliable randomized algorithm for the closest-pair
/// problem*, 1997). Their numbers are SHA-256's, so that nobody chose them.
fn minima(runs: &BTreeSet<u64>) -> Vec<u32> {
    let sample: Vec<u64> = runs.iter().take(RUNS_MAX).copied().collect();
    (0..VALUES)
        .map(|i| {
            let number = |what: char| {
                first_64(&Digest::of(
                    format!("greffier.sketch/1 {what} {i}").as_bytes(),
                ))
            };
            let (a, b) = (number('a') | 1, number('b'));
            let hash = |x: &u64| (a.wrapping_mul(*x).wrapping_add(b) >> 32) as u32;
            sample.iter().map(hash).min().unwrap_or(u32::MAX)
        })
        .collect()
}

fn first_64(digest: &Digest) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budgets, Input, extract};
    use domain::sketch::RESEMBLES_MIN;

    const NAME: ArtifactName = ArtifactName::from_bytes([3; 32]);

    const LETTER: &str = "Madame la Maire,\n\nDepuis la mi-octobre, le lampadaire placé devant le \
        12 rue des Lilas s’éteint chaque soir vers vingt heures. Le trottoir est alors dans le noir \
        complet, et deux voisines sont déjà tombées en rentrant de l’arrêt de bus. J’ai appelé le \
        standard à trois reprises, sans réponse. Pourriez-vous faire passer l’équipe d’éclairage \
        avant les fêtes ? Je reste joignable en journée au numéro que vos services connaissent.\n\n\
        Je vous prie d’agréer, Madame la Maire, mes salutations distinguées.\nÉlise Garnier";

    fn of(bytes: &[u8], file_name: &str) -> Sketch {
        let input = Input {
            bytes,
            file_name: Some(file_name),
            ..Input::default()
        };
        let read = extract(&input, &Budgets::default());
        sketch(&read.text, &read.layout, NAME)
    }

    fn of_text(text: &str) -> Sketch {
        of(text.as_bytes(), "lettre.txt")
    }

    /// Every `n`th letter is another one.
    fn disturbed(text: &str, n: usize) -> String {
        let mut letters = 0;
        text.chars()
            .map(|c| {
                letters += usize::from(c.is_alphabetic());
                if c.is_alphabetic() && letters % n == 0 {
                    'x'
                } else {
                    c
                }
            })
            .collect()
    }

    /// What is stored is compared years later: another value is another format.
    #[test]
    fn a_sketch_is_what_it_always_was() {
        let bytes = domain::canonical::to_bytes(&of_text(LETTER)).unwrap();
        assert_eq!(
            Digest::of(&bytes).to_string(),
            "sha256:2a2e47c06da57f363ef198e62e84c6f32c21b7e08a749c68e622a9302cea0f80"
        );
    }

    #[test]
    fn case_accents_punctuation_and_lines_do_not_count() {
        let other = fold(LETTER)
            .to_uppercase()
            .replace(", ", " ; ")
            .replace(' ', "\n");
        assert_eq!(of_text(LETTER), of_text(&other));
    }

    #[test]
    fn a_letter_misread_here_and_there_resembles_itself_and_no_other() {
        let letter = of_text(LETTER);
        for (n, least) in [(100, 80), (50, 75)] {
            let percent = letter.resemblance(&of_text(&disturbed(LETTER, n))).unwrap();
            assert!(percent >= least, "one in {n}: {percent} %");
        }
        let other = LETTER
            .replace("lampadaire placé", "nid-de-poule creusé")
            .replace(
                "s’éteint chaque soir vers vingt heures",
                "s’agrandit à chaque pluie",
            )
            .replace(
                "Le trottoir est alors dans le noir complet",
                "Les cyclistes font un écart",
            )
            .replace(
                "J’ai appelé le standard à trois reprises, sans réponse",
                "Un vélo est tombé",
            );
        let percent = letter.resemblance(&of_text(&other)).unwrap();
        assert!(percent < RESEMBLES_MIN, "{percent} %");
    }

    /// The estimate is of the runs in common, within what 252 minima can tell (± 9 %, three
    /// standard deviations).
    #[test]
    fn the_estimate_is_near_the_truth() {
        let words =
            |from: u32| (from..from + 400).map(|i| Digest::of(&i.to_be_bytes()).to_string());
        let base: String = words(0).collect();
        for kept in [50, 200, 300, 390] {
            let other: String = words(0).take(kept).chain(words(9_000).skip(kept)).collect();
            let (a, b) = (runs(&base), runs(&other));
            let common = a.intersection(&b).count();
            let truth = 200 * common / (a.len() + b.len());
            let found = usize::from(of_text(&base).resemblance(&of_text(&other)).unwrap());
            assert!(found.abs_diff(truth) <= 9, "{kept}: {found} for {truth}");
        }
    }

    #[test]
    fn a_few_words_are_too_short_to_tell() {
        let short = of_text("RAS, rien à signaler sur le secteur cette semaine.");
        assert!(short.too_short && short.minima.is_empty() && short.runs > 0);
        assert!(!of_text(LETTER).too_short);
    }

    #[test]
    fn a_message_sent_again_is_the_same() {
        let mail = |from: &str, date: &str, subject: &str| {
            let head =
                format!("From: {from}\nTo: mairie@exemple.fr\nDate: {date}\nSubject: {subject}");
            let mail = format!(
                "{head}\nContent-Type: text/plain; charset=utf-8\n\n{LETTER}\nLieu : rue des Lilas\n"
            );
            of(mail.as_bytes(), "message.eml")
        };
        let first = mail(
            "Élise <elise@exemple.fr>",
            "Tue, 17 Nov 2026 09:00:00 +0100",
            "Lampadaire",
        );
        let again = mail(
            "Garnier Élise <e.garnier@ailleurs.exemple>",
            "Tue, 24 Nov 2026 18:31:12 +0100",
            "Relance : lampadaire toujours éteint rue des Lilas",
        );
        assert_eq!(first, again);
        // A field of the body is body.
        assert!(first.runs > of_text(LETTER).runs);
    }
}

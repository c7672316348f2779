//! The model card: what the encoder is, what it learnt from, what it is worth and where it fails.

use std::fmt::Write as _;

use super::course::Settings;
use super::evaluation::Figure;
use super::material::LAWS;
use super::sources::{Role, Sources};
use super::vocabulary::PIECES;

/// The card in Markdown, in French and then English. `others` are the figures of the encoder that
/// taught, on the same tests, where they were measured.
pub fn card(
    name: &str,
    sources: &Sources,
    settings: &Settings,
    ours: &[Figure],
    others: &[(String, Vec<Figure>)],
) -> String {
    let mut card = String::new();
    let mut say = |text: &str| {
        card.push_str(text);
        card.push('\n');
    };
    say(&format!("# {name}\n"));
    say(
        "Encodeur statique bilingue (français et anglais) : un texte devient un vecteur de 256 valeurs, \
         somme des lignes d'entiers de 8 bits de ses morceaux de mots, ramenée à la longueur 1. \
         La somme est entière : un même texte a le même vecteur, au bit près, sur toute machine. Il sert à \
         retrouver des documents administratifs par le sens et à nourrir un classifieur ; il propose, des \
         personnes décident.\n",
    );
    say(
        "A bilingual (French and English) static encoder: a text becomes a vector of 256 values, the sum \
         of the rows of 8-bit integers of its word pieces, brought to length 1. The sum is one of \
         integers, so a text has the same vector, to the bit, on every machine. It serves to find \
         administrative documents by meaning and to feed a classifier; it proposes, people decide.\n",
    );
    say("## Files\n");
    say(
        "- `model.onnx`: a table of integers, `Gather`, `Cast`, `ReduceSum`; input `pieces` (int64), output `sum` (int32).",
    );
    say(
        "- `tokenizer.json`: unigram tokenizer; NFKC, lower case, accents kept, punctuation to spaces.\n",
    );
    say("## Figures / Mesures\n");
    say(
        "Meaning alone, without any lexical help. Retrieval: passages of about 700 bytes headed by \
         their title, best passage per document, nDCG@10 with linear gains. Training saw neither the \
         questions nor the sheets of the half of service-public, nor the wordings of the needs of the \
         half of code-du-travail; it did see texts of code-du-travail that answer them. A few settings \
         (blend, evening out, factors) were chosen with these figures in sight. `cargo xtask \
         eval-encoder --data DIR` measures again.\n",
    );
    let mut head = format!("| test | of | {name} |");
    let mut rule = String::from("|---|---|---|");
    for (other, _) in others {
        let _ = write!(head, " {other} |");
        rule.push_str("---|");
    }
    say(&head);
    say(&rule);
    for (place, figure) in ours.iter().enumerate() {
        let mut row = format!("| {} | {} | {:.1} |", figure.name, figure.of, figure.value);
        for (_, figures) in others {
            match figures.get(place) {
                Some(figure) => {
                    let _ = write!(row, " {:.1} |", figure.value);
                }
                None => row.push_str(" – |"),
            }
        }
        say(&row);
    }
    say("\n## Data / Données\n");
    say(
        "None of it is part of the project; `models/sources.toml` pins each file by digest. Sources that \
         only measure never train.\n",
    );
    say("| source | use | licence | attribution | address |\n|---|---|---|---|---|");
    for source in sources.list().values() {
        let role = match source.role {
            Role::Train => "trains",
            Role::TrainAndMeasure => "trains; a part held out measures",
            Role::Measure => "measures only",
        };
        say(&format!(
            "| {} | {role} | {} | {} | {} |",
            source.title, source.licence, source.attribution, source.url
        ));
    }
    say(
        "\nThe teacher is all-MiniLM-L6-v2 (Apache-2.0): its vectors of English texts were learnt, its \
         weights are not in this model.\n",
    );
    say("## Method / Méthode\n");
    say(&format!(
        "1. A unigram tokenizer of {PIECES} pieces on both languages.\n\
         2. Distillation: {} epochs over Tatoeba and {LAWS} units of Canadian laws; cosine to the \
         teacher's vector of the English side in both languages, in-batch contrast French-English \
         (× 0.2), squared difference of similarity matrices (× {} across languages, half of that \
         within each); {} of the pieces left out by chance; batches of {}, in which {} lessons that \
         are alike follow one another; Adam, highest rate {}.\n\
         3. Tuning for retrieval: {} epochs of in-batch contrast (cosines × {}) on questions and \
         answers, titles and texts, sections and articles, passages and neighbours, statements and \
         their rest, units of laws and the next (also across languages); batches of {} blocks of {} \
         pairs of one kind; slips of typing on half of the typed queries; the losses of step 2 weigh \
         {}; highest rate {}.\n\
         4. A blend of the two: {} of the distilled student, the rest of the tuned one.\n\
         5. Weights folded into the vectors, 256 principal dimensions (each divided by its deviation \
         to the power {}), rounded to 8 bits with one scale.\n",
        settings.distil_epochs,
        settings.alike,
        settings.dropped,
        settings.distil_batch,
        settings.together,
        settings.distil_rate,
        settings.tune_epochs,
        settings.scale,
        settings.tune_blocks,
        settings.block,
        settings.keep,
        settings.tune_rate,
        settings.blend,
        settings.whiten,
    ));
    say(&format!(
        "`cargo xtask train-encoder --data DIR --seed {}` makes these files again. The same seed, sources \
         and processor give the same bytes, whatever the number of threads; the teacher's vectors and \
         products of matrices may differ in their last bits on another kind of processor.\n",
        settings.seed
    ));
    say("## Limits and known biases / Limites et biais connus\n");
    say(
        "- A sum of pieces knows no order and no negation: « le bailleur doit au locataire » and « le \
           locataire doit au bailleur » have one vector. Une somme ignore l'ordre des mots et la négation.\n\
         - Two languages only, administrative and legal register first; everyday subjects through short sentences.\n\
         - Law as it stood when the sources were taken (service-public 2020, older consolidated codes, Canadian federal \
           law): amounts and names of services may be out of date, and Canadian terms weigh in English.\n\
         - Explanatory statements and questions of parliaments are partisan; associations of groups, places or parties \
           with subjects can be learnt from them. Tatoeba over-represents some first names and turns of phrase. No \
           measure of such biases has been made: do not use vectors to judge people.\n\
         - The queries of service-public are editorial titles, close to the texts: an optimistic test. Those of \
           code-du-travail are short and mistyped; many of its documents have a title only.\n\
         - A number or a name is better found by words than by meaning.\n",
    );
    say("## Licence\n");
    say(
        "The weights are given under the licence of the project (Apache-2.0), with the attributions above.",
    );
    card
}

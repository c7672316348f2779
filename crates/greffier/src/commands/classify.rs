//! `train` and `classify`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use domain::decision::Method;
use domain::{Lang, Outcome, PipelineName, Probability};
use inference::Encoder;
use inference::head::{Example, TrainSettings, train as train_head};
use pipeline::circumstances::{Clock, SystemClock};
use serde::Serialize;

use super::Ending;
use super::tables::columns;
use crate::args::Global;
use crate::house::House;
use crate::models::Switch;
use crate::print;
use crate::stages::{Classified, Classifier, Rules};
use crate::watch::percent;

/// Texts encoded at a time, so that the bar moves.
const BATCH: usize = 256;

/// The vectors of texts, with a bar.
pub(super) fn encode(
    encoder: &Encoder,
    threads: usize,
    texts: &[String],
    what: &str,
) -> Result<Vec<Vec<f32>>> {
    let bar = print::bar(texts.len() as u64, what);
    let chunks: Vec<&[String]> = texts.chunks(BATCH).collect();
    use rayon::prelude::*;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let parts: Vec<Vec<Vec<f32>>> = pool.install(|| {
        chunks
            .par_iter()
            .map(|chunk| {
                let vectors = encoder.encode(chunk)?;
                bar.inc(chunk.len() as u64);
                Ok::<_, anyhow::Error>(vectors)
            })
            .collect::<Result<_>>()
    })?;
    bar.finish_and_clear();
    Ok(parts.into_iter().flatten().collect())
}

/// What training says of itself.
#[derive(Debug, Serialize)]
struct Trained {
    pipeline: String,
    head: domain::Digest,
    in_force: bool,
    difference: Option<Difference>,
    encoder: domain::Digest,
    documents: usize,
    labels: usize,
    unknown_labels: Vec<String>,
    accuracy: f64,
    macro_f1: f64,
    calibration_error: f64,
    promise: inference::promise::Promise,
    services: Vec<inference::promise::ServicePromise>,
    max_misrouting: f64,
    confidence: f64,
}

/// What would change with a new head, on the documents it learnt from. Both are taken as they are
/// deployed, and both have seen documents that they learnt from: the shares of right answers that
/// each found on documents it had not seen stand beside.
#[derive(Debug, Serialize)]
struct Difference {
    in_force: domain::Digest,
    /// Of the head in force, on documents it had not seen.
    accuracy_before: f64,
    /// Labels that the head in force knows and the new one does not.
    forgotten: Vec<String>,
    documents: usize,
    changed: usize,
    right_to_wrong: usize,
    wrong_to_right: usize,
}

/// `None` where the head in force is of another encoder, whose vectors are not at hand.
fn difference(
    house: &House,
    pipeline: &PipelineName,
    before: domain::Digest,
    examples: &[Example<'_>],
    new: domain::Digest,
) -> Result<Option<Difference>> {
    let in_force = house.models.head(pipeline, before)?;
    let head = house.models.head(pipeline, new)?;
    if in_force.check_encoder(head.card().encoder).is_err() {
        return Ok(None);
    }
    let knows = |label: &str| head.card().labels.iter().any(|l| l.label == label);
    let forgotten = in_force.card().labels.iter().map(|l| l.label.clone());
    let items: Vec<(&str, &[f32])> = examples.iter().map(|e| (e.text, e.vector)).collect();
    let first = |head: &inference::Head| -> Result<Vec<String>> {
        let candidates = head.classify(&items)?.into_iter();
        Ok(candidates
            .map(|c| c.into_iter().next().map_or_else(String::new, |c| c.label))
            .collect())
    };
    let (was, is) = (first(&in_force)?, first(&head)?);
    let mut difference = Difference {
        in_force: before,
        accuracy_before: in_force.card().out_of_fold.accuracy,
        forgotten: forgotten.filter(|label| !knows(label)).collect(),
        documents: examples.len(),
        changed: 0,
        right_to_wrong: 0,
        wrong_to_right: 0,
    };
    for ((example, now), before) in examples.iter().zip(is).zip(was) {
        difference.changed += usize::from(before != now);
        difference.right_to_wrong += usize::from(before == example.label && now != example.label);
        difference.wrong_to_right += usize::from(before != example.label && now == example.label);
    }
    Ok(Some(difference))
}

/// Trains the classifier of a pipeline. The first is in force at once; another is kept, and a person
/// switches to it (`models promote`).
pub async fn train(
    global: &Global,
    pipeline: &str,
    labelled: Option<&Path>,
    validated: bool,
) -> Result<Ending> {
    let house = House::open(global).await?;
    let pipeline = house.pipeline(pipeline)?.clone();
    let rows = match labelled {
        Some(labelled) => columns(labelled, &["text", "label"])?,
        None => Vec::new(),
    };
    let (mut texts, mut labels): (Vec<String>, Vec<String>) = rows
        .into_iter()
        .filter_map(|mut row| {
            let label = row.pop()?.trim().to_owned();
            let text = row.pop()?;
            (!label.is_empty()).then_some((text, label))
        })
        .unzip();
    if let Some(labelled) = labelled {
        ensure!(
            !texts.is_empty(),
            "{} has no labelled row",
            labelled.display()
        );
    }
    if validated {
        let (examples, unreadable) = house.desk.examples(pipeline.name()).await?;
        if unreadable > 0 {
            print::note(match global.lang {
                Lang::Fr => format!(
                    "{unreadable} document(s) illisible(s), non appris ; greffier verify les nomme"
                ),
                Lang::En => format!(
                    "{unreadable} document(s) unreadable, not learnt from; greffier verify names them"
                ),
            });
        }
        for example in examples {
            texts.push(example.text);
            labels.push(example.service.to_string());
        }
        ensure!(
            !texts.is_empty(),
            "nobody has decided about a document of {} yet: greffier review",
            pipeline.name()
        );
    }
    let known: BTreeSet<&str> = pipeline
        .source
        .file
        .services
        .iter()
        .map(|s| s.id().as_str())
        .collect();
    let unknown: BTreeSet<&String> = labels
        .iter()
        .filter(|l| !known.contains(l.as_str()))
        .collect();
    let encoder = house.encoder_of(&pipeline.source.file.collection)?;
    let vectors = encode(
        house.models.encoder(&encoder)?.as_ref(),
        house.threads,
        &texts,
        global.lang.pick("lecture", "encoding"),
    )?;
    let rules = Rules::build(&pipeline.source)?;
    let (max_misrouting, confidence) = rules.promise();
    let settings = TrainSettings {
        max_misrouting,
        confidence,
        ..TrainSettings::default()
    };
    let examples: Vec<Example<'_>> = texts
        .iter()
        .zip(&vectors)
        .zip(&labels)
        .map(|((text, vector), label)| Example {
            text,
            vector,
            label,
            validated: true,
        })
        .collect();
    let bar = print::bar(1, global.lang.pick("apprentissage", "training"));
    let encoder = house.models.encoder_digest(&encoder)?;
    let head = train_head(&examples, &settings, encoder)?;
    bar.finish_and_clear();
    let digest = house.models.keep(pipeline.name(), &head)?;
    let before = house.models.head_digest(pipeline.name())?;
    let difference = match before {
        Some(before) if before != digest => {
            difference(&house, pipeline.name(), before, &examples, digest)?
        }
        _ => None,
    };
    if before.is_none() {
        let switch = Switch::new(SystemClock.now(), None, digest);
        house.models.put_in_force(pipeline.name(), &switch)?;
    }
    let card = head.card();
    let trained = Trained {
        pipeline: pipeline.name().to_string(),
        head: digest,
        in_force: before.is_none_or(|before| before == digest),
        difference,
        encoder: card.encoder,
        documents: card.out_of_fold.documents,
        labels: card.labels.len(),
        unknown_labels: unknown.iter().map(|l| (*l).clone()).collect(),
        accuracy: card.out_of_fold.accuracy,
        macro_f1: card.out_of_fold.macro_f1,
        calibration_error: card.out_of_fold.calibration_error,
        promise: card.promise.clone(),
        services: card.services.clone(),
        max_misrouting,
        confidence,
    };
    if global.json {
        print::json(&trained)?;
        return Ok(Ending::Done);
    }
    let percent = |x: f64| percent(x, global.lang);
    let fr = global.lang == Lang::Fr;
    print::line(if fr {
        format!(
            "{} documents, {} services ; justes sur des documents jamais vus : {}",
            trained.documents,
            trained.labels,
            percent(trained.accuracy)
        )
    } else {
        format!(
            "{} documents, {} services; right on documents never seen: {}",
            trained.documents,
            trained.labels,
            percent(trained.accuracy)
        )
    });
    print::line(match (&trained.promise, fr) {
        (
            inference::promise::Promise::Kept {
                threshold,
                automatic,
                misrouted,
                bound,
                validated,
            },
            true,
        ) => format!(
            "promesse tenue à partir de {threshold:.3} : {automatic} documents sur {validated} seraient envoyés sans vérification, dont {misrouted} à tort (borne {} pour {} promis)",
            percent(*bound),
            percent(max_misrouting)
        ),
        (
            inference::promise::Promise::Kept {
                threshold,
                automatic,
                misrouted,
                bound,
                validated,
            },
            false,
        ) => format!(
            "promise kept from {threshold:.3}: {automatic} of {validated} documents would be passed on unchecked, {misrouted} of them wrongly (bound {}, promised {})",
            percent(*bound),
            percent(max_misrouting)
        ),
        (inference::promise::Promise::NotEnough { validated, more }, true) => format!(
            "rien d’automatique : {validated} documents validés, il en faut au moins {more} de plus sans erreur"
        ),
        (inference::promise::Promise::NotEnough { validated, more }, false) => format!(
            "nothing automatic: {validated} validated documents, at least {more} more without an error are needed"
        ),
    });
    for label in &trained.unknown_labels {
        print::note(if fr {
            format!(
                "« {label} » n’est pas un service de `{}` : rien n’y sera jamais envoyé",
                trained.pipeline
            )
        } else {
            format!(
                "`{label}` is no service of `{}`: nothing will ever be routed to it",
                trained.pipeline
            )
        });
    }
    services(&trained, fr);
    if let Some(d) = &trained.difference {
        let (n, changed, worse, better) =
            (d.documents, d.changed, d.right_to_wrong, d.wrong_to_right);
        let before = percent(d.accuracy_before);
        print::line(if fr {
            format!(
                "le modèle en service, lui, avait raison à {before} sur des documents jamais vus ; de l’un à l’autre, {changed} documents sur {n} changeraient de service, {worse} de juste à faux, {better} de faux à juste"
            )
        } else {
            format!(
                "the head in force was right on {before} of documents never seen; from one to the other, {changed} of {n} documents would change, {worse} from right to wrong, {better} from wrong to right"
            )
        });
    }
    let forgotten = trained.difference.iter().flat_map(|d| &d.forgotten);
    let forgotten: Vec<&str> = forgotten.map(String::as_str).collect();
    if !forgotten.is_empty() {
        let list = forgotten.join(", ");
        print::note(if fr {
            format!(
                "ATTENTION : ce modèle ne connaît plus {list} : aucun exemple ne les nomme. Pour garder ce qui avait été appris, donner aussi ces exemples : --labelled FICHIER.tsv --validated"
            )
        } else {
            format!(
                "WARNING: this head does not know {list} any more: no example names them. To keep what was learnt, give those examples too: --labelled FILE.tsv --validated"
            )
        });
    }
    print::line(match (trained.in_force, fr) {
        (true, true) => format!("modèle {digest}, en service"),
        (true, false) => format!("head {digest}, in force"),
        (false, true) => format!(
            "modèle {digest}, gardé ; pour l’employer : greffier models promote {} {digest} --by NOM",
            trained.pipeline
        ),
        (false, false) => format!(
            "head {digest}, kept; to use it: greffier models promote {} {digest} --by NAME",
            trained.pipeline
        ),
    });
    Ok(Ending::Done)
}

/// How far each service is from a threshold of its own.
fn services(trained: &Trained, fr: bool) {
    use inference::promise::Promise;
    let pick = |french: &'static str, english: &'static str| if fr { french } else { english };
    let rows = trained.services.iter().map(|service| {
        let state = match &service.own {
            Some(Promise::Kept {
                threshold,
                automatic,
                ..
            }) => format!(
                "{} {threshold:.3} ({automatic})",
                pick("sans vérification à partir de", "unchecked from")
            ),
            Some(Promise::NotEnough { more, .. }) => format!(
                "{} {more}",
                pick(
                    "rien d’automatique ; sans erreur, il en faut encore",
                    "nothing automatic; without an error, more needed:"
                )
            ),
            None => format!(
                "{} {}",
                pick(
                    "avec les autres ; pour être compté à part, exemples à ajouter :",
                    "with the others; to be counted apart, examples to add:"
                ),
                service.more
            ),
        };
        vec![service.label.clone(), service.validated.to_string(), state]
    });
    print::table(
        &[
            "service",
            pick("exemples", "examples"),
            pick("promesse", "promise"),
        ],
        rows.collect(),
    );
}

/// What becomes of a text that no rule and no known form is about.
pub(super) fn outcome(rules: &Rules, classified: &Classified) -> Outcome {
    match classified.candidates.first() {
        None => Outcome::Unknown,
        Some(_) if classified.method == Method::Descriptions => Outcome::Review,
        Some((_, p)) if rules.resembles_nothing(*p, classified.nearness) => Outcome::Unknown,
        Some((_, p)) if rules.reaches(*p, classified.threshold.as_ref()) => Outcome::Automatic,
        Some(_) => Outcome::Review,
    }
}

/// One line of `classify --out`.
#[derive(Debug, Serialize)]
struct Line {
    label: Option<String>,
    decision: Outcome,
    candidates: Vec<LineCandidate>,
    threshold: Option<Probability>,
}

#[derive(Debug, Serialize)]
struct LineCandidate {
    service: String,
    probability: Probability,
}

/// Classifies texts without keeping anything.
pub async fn classify(
    global: &Global,
    pipeline: &str,
    input: &Path,
    output: &Path,
) -> Result<Ending> {
    let house = House::open(global).await?;
    let pipeline = house.pipeline(pipeline)?.clone();
    let texts: Vec<String> = columns(input, &["text"])?.into_iter().flatten().collect();
    let encoder = house.encoder_of(&pipeline.source.file.collection)?;
    let vectors = encode(
        house.models.encoder(&encoder)?.as_ref(),
        house.threads,
        &texts,
        global.lang.pick("lecture", "encoding"),
    )?;
    let settings = crate::stages::classify_settings(&pipeline.source)?;
    let classifier = Classifier::new(&pipeline.source, settings, house.models.clone())?;
    let rules = Rules::build(&pipeline.source)?;
    let file = std::fs::File::create(output)
        .with_context(|| format!("cannot write {}", output.display()))?;
    let mut out = std::io::BufWriter::new(file);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let bar = print::bar(
        texts.len() as u64,
        global.lang.pick("classement", "classifying"),
    );
    for (text, vector) in texts.iter().zip(&vectors) {
        let classified = classifier.classify(text, vector, false)?;
        let decision = match text.trim().is_empty() {
            true => Outcome::Unknown,
            false => outcome(&rules, &classified),
        };
        *counts.entry(decision.as_str()).or_default() += 1;
        let line = Line {
            label: classified
                .candidates
                .first()
                .map(|(label, _)| label.clone()),
            decision,
            threshold: classified.threshold.and_then(|t| t.value),
            candidates: classified
                .candidates
                .into_iter()
                .map(|(service, probability)| LineCandidate {
                    service,
                    probability,
                })
                .collect(),
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    out.flush()
        .with_context(|| format!("cannot write {}", output.display()))?;
    if texts.is_empty() {
        bail!("{} has no row", input.display());
    }
    print::note(
        counts
            .iter()
            .map(|(d, n)| format!("{d} {n}"))
            .collect::<Vec<_>>()
            .join(", "),
    );
    Ok(Ending::Done)
}

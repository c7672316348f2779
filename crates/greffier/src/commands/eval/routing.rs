//! `eval routing`: how well labelled texts are routed, and whether what is promised holds.
//!
//! Documents are held out in turn, copies of a text together; a head is trained on the rest as
//! `train` trains one, and judges those it had not seen. For the promise, the documents that a head
//! did not see are split in halves again and again: one chooses the threshold, the other tests it.
//! A promise is broken when the error of the half that tests is above it beyond doubt: when even
//! the exact lower bound of its rate is. Beside, in the same run and on the same documents,
//! scikit-learn where Python has it (`routing.py`).

pub(super) mod figures;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use domain::{Digest, Lang};
use inference::Head;
use inference::head::{Example, TrainSettings, train};
use inference::promise::Judged;
use serde::Serialize;

use super::python;
use crate::args::{EvalRouting, Global};
use crate::commands::Ending;
use crate::commands::classify::encode;
use crate::commands::tables::columns;
use crate::house::models;
use crate::models::Models;
use crate::print;
use crate::stages::EmbedSettings;
use figures::{Answer, Draw, Gain, Kept, Quality, gain, kept_by, kept_over, quality, shuffled};

/// Misrouting rates promised, and the confidence.
const PROMISED: [f64; 3] = [0.01, 0.03, 0.05];
const CONFIDENCE: f64 = 0.95;

/// Resamples of a paired interval.
const RESAMPLES: usize = 2_000;

/// A set of labelled texts with their vectors.
struct Set {
    name: String,
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
    /// Places in `names`.
    labels: Vec<usize>,
    names: Vec<String>,
    /// Documents by rising date, where a column of dates was named.
    by_date: Option<Vec<usize>>,
}

/// Documents to learn from, and those held out.
type Split = (Vec<usize>, Vec<usize>);

/// Everything measured on a set.
#[derive(Debug, Serialize)]
struct Report {
    set: String,
    documents: usize,
    labels: usize,
    folds: usize,
    /// Seconds that a head took to train, beyond encoding, the slowest.
    training_seconds: f64,
    /// Documents a second that a head routed, beyond encoding.
    routed_a_second: f64,
    ways: Vec<Way>,
    likely: LikelySets,
    /// What heads promised by themselves, on the documents they had not seen.
    own_promises: Vec<Kept>,
    /// The last third by date, learnt from the first two.
    by_date: Vec<Way>,
    own_promises_by_date: Vec<Kept>,
}

/// How often the likely labels of a document hold its right one.
#[derive(Debug, Serialize)]
struct LikelySets {
    /// Stated.
    stated: f64,
    /// Found, over all.
    held: f64,
    /// Found, for the label that fares worst among those with a hundred documents or more.
    worst: Option<f64>,
    /// How many labels they are, on average.
    size: f64,
}

impl LikelySets {
    fn of(stated: f64, found: impl Iterator<Item = (usize, bool, usize)>) -> Self {
        let mut of_label = BTreeMap::<usize, (usize, usize)>::new();
        let (mut all, mut held, mut size) = (0, 0, 0);
        for (label, holds, labels) in found {
            let (n, hits) = of_label.entry(label).or_default();
            *n += 1;
            *hits += usize::from(holds);
            all += 1;
            held += usize::from(holds);
            size += labels;
        }
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let worst = of_label
            .values()
            .filter(|(n, _)| *n >= 100)
            .map(|(n, hits)| share(*hits, *n));
        Self {
            stated,
            held: share(held, all),
            worst: worst.reduce(f64::min),
            size: share(size, all),
        }
    }
}

/// How one way of routing did.
#[derive(Debug, Serialize)]
struct Way {
    name: String,
    quality: Quality,
    /// How much more often ours is right, on the same documents.
    gain: Option<Gain>,
    /// What a threshold chosen on half of the held-out documents keeps on the other half.
    promises: Vec<Kept>,
    /// The same with thresholds by service where there are documents enough; ours alone.
    by_service: Vec<Kept>,
}

/// Evaluates routing.
///
/// # Errors
/// When a file cannot be read or has too few documents, or a model cannot be used.
pub async fn routing(global: &Global, args: &EvalRouting) -> Result<Ending> {
    let args = args.clone();
    let (lang, json) = (global.lang, global.json);
    let threads = global
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    let (_, models) = models(global, threads)?;
    let settings = match &args.settings {
        Some(path) => serde_json::from_slice(
            &std::fs::read(path).with_context(|| path.display().to_string())?,
        )
        .with_context(|| format!("{} are no settings of training", path.display()))?,
        None => TrainSettings::default(),
    };
    if let Some(path) = &args.answers {
        // Each set adds its own.
        std::fs::write(path, "").with_context(|| path.display().to_string())?;
    }
    tokio::task::spawn_blocking(move || {
        let peers = !args.alone && python::has("sklearn");
        if !args.alone && !peers {
            print::note(lang.pick(
                "scikit-learn n'est pas là : python3 -m pip install scikit-learn",
                "scikit-learn is not here: python3 -m pip install scikit-learn",
            ));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let mut reports = Vec::new();
        for path in &args.input {
            let set = Set::read(path, &args, &models, threads, lang)?;
            let report = pool
                .install(|| measure(&set, &args, &settings, &models, peers, lang))
                .with_context(|| path.display().to_string())?;
            if !json {
                table(&report, lang);
            }
            reports.push(report);
        }
        if json {
            print::json(&reports)?;
        } else {
            summary(&reports, lang);
        }
        Ok(Ending::Done)
    })
    .await?
}

impl Set {
    fn read(
        path: &Path,
        args: &EvalRouting,
        models: &Models,
        threads: usize,
        lang: Lang,
    ) -> Result<Self> {
        let mut wanted = vec![args.text.as_str(), args.label.as_str()];
        wanted.extend(args.by_date.as_deref());
        let mut rows = columns(path, &wanted)?;
        for row in &mut rows {
            row[1] = row[1].trim().to_owned();
        }
        rows.retain(|row| !row[0].trim().is_empty() && !row[1].is_empty());
        if let Some(sample) = args.sample.filter(|sample| *sample < rows.len()) {
            let mut order = shuffled(rows.len(), &mut Draw::new(args.seed, "sample"));
            order.truncate(sample);
            order.sort_unstable();
            rows = order.into_iter().map(|row| rows[row].clone()).collect();
        }
        let names: Vec<String> = rows
            .iter()
            .map(|row| &row[1])
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .cloned()
            .collect();
        let fewest = 20 * usize::from(args.folds);
        ensure!(
            rows.len() >= fewest && names.len() >= 2,
            "{} has {} labelled texts of {} labels: at least {fewest} of 2 are needed",
            path.display(),
            rows.len(),
            names.len()
        );
        let by_date = args.by_date.as_ref().map(|_| {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|a, b| rows[*a][2].cmp(&rows[*b][2]).then(a.cmp(b)));
            order
        });
        let labels = rows
            .iter()
            .map(|row| names.binary_search(&row[1]).unwrap_or(0))
            .collect();
        let texts: Vec<String> = rows.into_iter().map(|mut row| row.swap_remove(0)).collect();
        let vectors = encode(
            models.encoder(&EmbedSettings::default().encoder)?.as_ref(),
            threads,
            &texts,
            lang.pick("lecture", "encoding"),
        )?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: file.split('.').next().unwrap_or_default().to_owned(),
            texts,
            vectors,
            labels,
            names,
            by_date,
        })
    }

    /// Each part held out in turn. Texts that are equal are in one part; each label is spread evenly.
    fn folds(&self, count: usize, seed: u64) -> Vec<Split> {
        let mut groups = BTreeMap::<(usize, Digest), Vec<usize>>::new();
        let mut label_of = BTreeMap::<&str, usize>::new();
        for (document, text) in self.texts.iter().enumerate() {
            let label = *label_of.entry(text).or_insert(self.labels[document]);
            let drawn = Digest::of(format!("{seed} {text}").as_bytes());
            groups.entry((label, drawn)).or_default().push(document);
        }
        let mut parts = vec![Vec::new(); count];
        for (turn, group) in groups.into_values().enumerate() {
            parts[turn % count].extend(group);
        }
        parts.iter_mut().for_each(|part| part.sort_unstable());
        let split = |part: Vec<usize>| {
            let others = (0..self.texts.len()).filter(|d| part.binary_search(d).is_err());
            (others.collect(), part)
        };
        parts.into_iter().map(split).collect()
    }

    /// The first two thirds by date, and the last that are no copies of them.
    fn in_time(&self) -> Option<Split> {
        let order = self.by_date.as_ref()?;
        let (first, last) = order.split_at(order.len() * 2 / 3);
        let seen: std::collections::BTreeSet<&str> =
            first.iter().map(|d| self.texts[*d].as_str()).collect();
        let new = |d: &&usize| !seen.contains(self.texts[**d].as_str());
        Some((first.to_vec(), last.iter().filter(new).copied().collect()))
    }
}

/// What a head trained on a part said of the rest.
struct Said {
    answers: Vec<Answer>,
    /// What it said of its own documents, each time without having seen them.
    own: Vec<Judged>,
    /// Of each document held out: its right label, whether the likely labels hold it, how many they
    /// are.
    likely: Vec<(usize, bool, usize)>,
    training: f64,
    routing: f64,
}

fn ours(
    set: &Set,
    (learnt, held): &Split,
    settings: &TrainSettings,
    models: &Models,
) -> Result<Said> {
    let examples: Vec<Example<'_>> = learnt
        .iter()
        .map(|&d| Example {
            text: &set.texts[d],
            vector: &set.vectors[d],
            label: &set.names[set.labels[d]],
            validated: true,
        })
        .collect();
    let encoder = models.encoder_digest(&EmbedSettings::default().encoder)?;
    let began = Instant::now();
    let trained = train(&examples, settings, encoder)?;
    let training = began.elapsed().as_secs_f64();
    let folder = tempfile::tempdir()?;
    let digest = trained.save(folder.path())?;
    let head = Head::load(folder.path(), &models.runtime()?, Some(digest))?;
    let items: Vec<(&str, &[f32])> = held
        .iter()
        .map(|&d| (set.texts[d].as_str(), set.vectors[d].as_slice()))
        .collect();
    let began = Instant::now();
    let candidates = head.classify(&items)?;
    let routing = began.elapsed().as_secs_f64();
    let likely = held
        .iter()
        .zip(&candidates)
        .filter_map(|(&document, candidates)| {
            let label = set.labels[document];
            let likely = head.card().likely(candidates)?;
            Some((
                label,
                likely.contains(&set.names[label].as_str()),
                likely.len(),
            ))
        });
    let likely = likely.collect();
    let answers = held
        .iter()
        .zip(candidates)
        .filter_map(|(&document, mut candidates)| {
            let first = candidates.drain(..).next()?;
            let said = set.names.binary_search(&first.label).ok()?;
            Some(Answer::new(
                document,
                said,
                set.labels[document],
                first.probability,
            ))
        })
        .collect();
    // A head numbers the labels that it learnt.
    let in_set = |judged: &Judged| {
        let label = &trained.card().labels.get(judged.said)?.label;
        let said = set.names.binary_search(label).ok()?;
        Some(Judged { said, ..*judged })
    };
    Ok(Said {
        answers,
        own: trained.judged().iter().filter_map(in_set).collect(),
        likely,
        training,
        routing,
    })
}

/// What scikit-learn says on the same splits, by name: for each document held out, the label and
/// its probability.
fn theirs(set: &Set, splits: &[Split]) -> Result<BTreeMap<String, Vec<Vec<Answer>>>> {
    #[derive(Serialize)]
    struct Asked<'a> {
        texts: &'a [String],
        labels: &'a [usize],
        splits: &'a [Split],
    }
    let said: BTreeMap<String, Vec<Vec<(usize, f64)>>> = python::ask(
        include_str!("routing.py"),
        &Asked {
            texts: &set.texts,
            labels: &set.labels,
            splits,
        },
        "scikit-learn",
        "give --alone to do without it",
    )?;
    Ok(said
        .into_iter()
        .map(|(name, said)| {
            let of_split = |(said, (_, held)): (Vec<(usize, f64)>, &Split)| {
                said.into_iter()
                    .zip(held)
                    .map(|((label, p), &document)| {
                        Answer::new(document, label, set.labels[document], p)
                    })
                    .collect()
            };
            (name, said.into_iter().zip(splits).map(of_split).collect())
        })
        .collect())
}

fn measure(
    set: &Set,
    args: &EvalRouting,
    settings: &TrainSettings,
    models: &Models,
    peers: bool,
    lang: Lang,
) -> Result<Report> {
    let mut splits = set.folds(usize::from(args.folds), args.seed);
    let folds = splits.len();
    splits.extend(set.in_time());
    let bar = print::bar(splits.len() as u64, lang.pick("apprentissage", "training"));
    let mut said = Vec::new();
    for split in &splits {
        said.push(ours(set, split, settings, models)?);
        bar.inc(1);
    }
    bar.set_message("scikit-learn");
    let theirs = match peers {
        true => theirs(set, &splits)?,
        false => BTreeMap::new(),
    };
    bar.finish_and_clear();
    let mine: Vec<Vec<Answer>> = said.iter().map(|s| s.answers.clone()).collect();
    if let Some(path) = &args.answers {
        let others = theirs
            .iter()
            .map(|(name, answers)| (name.as_str(), answers));
        write_answers(
            path,
            set,
            std::iter::once(("greffier", &mine)).chain(others),
        )?;
    }
    let halves = |answers: &[Vec<Answer>], services: &[String]| -> Vec<Kept> {
        let over = |promised: &f64| {
            let mut draw = Draw::new(args.seed, "splits");
            let splits = args.splits;
            kept_over(answers, services, *promised, CONFIDENCE, splits, &mut draw)
        };
        PROMISED.iter().map(over).collect()
    };
    let ways = |part: std::ops::Range<usize>| -> Vec<Way> {
        let way = |name: &str, answers: &[Vec<Answer>], ours: Option<&[Vec<Answer>]>| Way {
            name: name.to_owned(),
            quality: quality(&answers.concat()),
            gain: ours.map(|ours| {
                let mut draw = Draw::new(args.seed, "gain");
                gain(&ours.concat(), &answers.concat(), RESAMPLES, &mut draw)
            }),
            promises: halves(answers, &[]),
            by_service: match ours {
                Some(_) => Vec::new(),
                None => halves(answers, &set.names),
            },
        };
        let mine = &mine[part.clone()];
        std::iter::once(way("greffier", mine, None))
            .chain(
                theirs
                    .iter()
                    .map(|(name, answers)| way(name, &answers[part.clone()], Some(mine))),
            )
            .collect()
    };
    let own = |part: std::ops::Range<usize>| -> Vec<Kept> {
        PROMISED
            .iter()
            .map(|promised| {
                let heads = said[part.clone()].iter();
                let heads = heads.map(|s| (s.own.as_slice(), s.answers.as_slice()));
                kept_by(heads, &set.names, *promised, CONFIDENCE)
            })
            .collect()
    };
    let routed: usize = mine.iter().map(Vec::len).sum();
    let dated = folds..splits.len();
    Ok(Report {
        set: set.name.clone(),
        documents: set.texts.len(),
        labels: set.names.len(),
        folds,
        training_seconds: said.iter().map(|s| s.training).fold(0.0, f64::max),
        routed_a_second: routed as f64 / said.iter().map(|s| s.routing).sum::<f64>().max(1e-9),
        ways: ways(0..folds),
        likely: LikelySets::of(
            settings.set_coverage,
            said[..folds].iter().flat_map(|s| s.likely.iter().copied()),
        ),
        own_promises: own(0..folds),
        by_date: if dated.is_empty() {
            Vec::new()
        } else {
            ways(dated.clone())
        },
        own_promises_by_date: if dated.is_empty() {
            Vec::new()
        } else {
            own(dated)
        },
    })
}

/// Adds every answer of every way to a file of JSON Lines.
fn write_answers<'a>(
    path: &Path,
    set: &Set,
    ways: impl Iterator<Item = (&'a str, &'a Vec<Vec<Answer>>)>,
) -> Result<()> {
    let mut lines = String::new();
    for (way, heads) in ways {
        for (split, answers) in heads.iter().enumerate() {
            for answer in answers {
                let line = serde_json::json!({
                    "set": set.name, "way": way, "split": split, "document": answer.document,
                    "said": set.names[answer.said], "right": set.names[answer.right],
                    "confidence": answer.confidence,
                });
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
        }
    }
    let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
    file.write_all(lines.as_bytes())
        .with_context(|| path.display().to_string())
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

fn table(report: &Report, lang: Lang) {
    let (set, n, labels) = (&report.set, report.documents, report.labels);
    print::heading(&match lang {
        Lang::Fr => format!("{set} : {n} documents, {labels} services"),
        Lang::En => format!("{set}: {n} documents, {labels} services"),
    });
    ways(&report.ways, lang);
    promises(&report.ways, &report.own_promises, lang);
    let LikelySets {
        stated,
        held,
        worst,
        size,
    } = &report.likely;
    let worst = worst.map_or_else(|| "–".to_owned(), percent);
    print::line(match lang {
        Lang::Fr => format!(
            "services possibles : {size:.1} en moyenne, dont le bon {} fois sur 100 ({} annoncé), {worst} pour le service le moins bien servi",
            percent(*held),
            percent(*stated)
        ),
        Lang::En => format!(
            "likely services: {size:.1} on average, the right one among them {} times in 100 ({} stated), {worst} for the service worst served",
            percent(*held),
            percent(*stated)
        ),
    });
    if !report.by_date.is_empty() {
        print::line(lang.pick(
            "\nLe dernier tiers dans le temps, appris des deux premiers (constaté, non promis) :",
            "\nThe last third in time, learnt from the first two (reported, not promised):",
        ));
        ways(&report.by_date, lang);
        promises(&[], &report.own_promises_by_date, lang);
    }
    let (seconds, routed) = (report.training_seconds, report.routed_a_second);
    print::line(match lang {
        Lang::Fr => {
            format!("apprentissage {seconds:.1} s, {routed:.0} documents orientés par seconde")
        }
        Lang::En => format!("training {seconds:.1} s, {routed:.0} documents routed a second"),
    });
}

fn ways(ways: &[Way], lang: Lang) {
    let rows = ways.iter().map(|way| {
        let gain = way.gain.as_ref().map_or(String::new(), |g| {
            format!(
                "{:+.1} [{:+.1} ; {:+.1}]",
                100.0 * g.mean,
                100.0 * g.low,
                100.0 * g.high
            )
        });
        let mut row = vec![
            way.name.clone(),
            percent(way.quality.accuracy),
            percent(way.quality.macro_f1),
            percent(way.quality.calibration_error),
            gain,
        ];
        row.extend(way.promises.iter().map(|kept| percent(kept.left_to_people)));
        row
    });
    let people = |at: &str| match lang {
        Lang::Fr => format!("à vérifier à {at} %"),
        Lang::En => format!("to people at {at} %"),
    };
    let people: Vec<String> = ["1", "3", "5"].into_iter().map(people).collect();
    let mut header = vec![
        "",
        lang.pick("exactitude", "accuracy"),
        "macro-F1",
        "ECE",
        lang.pick("greffier a de plus (95 %)", "greffier has more (95 %)"),
    ];
    header.extend(people.iter().map(String::as_str));
    print::table(&header, rows.collect());
}

fn promises(ways: &[Way], own: &[Kept], lang: Lang) {
    let none = &[][..];
    let halves = ways.first().map_or(none, |way| &way.promises);
    let by_service = ways.first().map_or(none, |way| &way.by_service);
    let named = |name: &'static str, kept: &[Kept]| -> Vec<Vec<String>> {
        kept.iter()
            .map(|kept| {
                vec![
                    name.to_owned(),
                    format!("{:.0} %", 100.0 * kept.promised),
                    percent(1.0 - kept.left_to_people),
                    percent(kept.achieved),
                    format!("{}/{}", kept.broken, kept.splits),
                    format!("{}/{}", kept.above, kept.splits),
                ]
            })
            .collect()
    };
    let mut rows = named(
        lang.pick(
            "un seuil, choisi sur la moitié",
            "one threshold, from a half",
        ),
        halves,
    );
    rows.extend(named(
        lang.pick("par service, de même", "by service, likewise"),
        by_service,
    ));
    rows.extend(named(
        lang.pick("promesse de chaque modèle", "each head's own promise"),
        own,
    ));
    print::table(
        &[
            "",
            lang.pick("promis", "promised"),
            lang.pick("automatique %", "automatic %"),
            lang.pick("erreur constatée %", "error seen %"),
            lang.pick("promesse rompue", "promise broken"),
            lang.pick("erreur au-dessus", "error above"),
        ],
        rows,
    );
}

/// Over the sets: the gain on the better peer, and what is left to people beside it.
fn summary(reports: &[Report], lang: Lang) {
    let mut rows = Vec::new();
    let mut gains = Vec::new();
    for report in reports {
        let [ours, peers @ ..] = report.ways.as_slice() else {
            continue;
        };
        let better = peers
            .iter()
            .max_by(|a, b| a.quality.accuracy.total_cmp(&b.quality.accuracy));
        let at_five = |way: &Way| way.promises.last().map_or(1.0, |kept| kept.left_to_people);
        let fewest = peers.iter().map(at_five).fold(f64::INFINITY, f64::min);
        let Some((better, gain)) = better.and_then(|b| Some((b, b.gain.as_ref()?))) else {
            continue;
        };
        gains.push(gain.mean);
        rows.push(vec![
            report.set.clone(),
            report.documents.to_string(),
            percent(ours.quality.accuracy),
            format!("{} ({})", percent(better.quality.accuracy), better.name),
            format!(
                "{:+.1} [{:+.1} ; {:+.1}]",
                100.0 * gain.mean,
                100.0 * gain.low,
                100.0 * gain.high
            ),
            format!("{} / {}", percent(at_five(ours)), percent(fewest)),
            format!("{:.2}", at_five(ours) / fewest.max(1e-9)),
        ]);
    }
    if rows.is_empty() {
        return;
    }
    print::heading(lang.pick("En tout", "In all"));
    print::table(
        &[
            lang.pick("ensemble", "set"),
            "documents",
            "greffier",
            lang.pick("le meilleur autre", "the best other"),
            lang.pick("différence (95 %)", "difference (95 %)"),
            lang.pick("à vérifier à 5 %", "to people at 5 %"),
            lang.pick("rapport", "ratio"),
        ],
        rows,
    );
    let mean = 100.0 * gains.iter().sum::<f64>() / gains.len() as f64;
    print::line(match lang {
        Lang::Fr => format!("en moyenne {mean:+.1} points"),
        Lang::En => format!("{mean:+.1} points on average"),
    });
}

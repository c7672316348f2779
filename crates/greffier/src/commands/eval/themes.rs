//! `eval themes`: how well learnt themes agree with those that people gave, how well the words of
//! a theme go together, and whether themes keep their identity from week to week.
//!
//! A text is one passage with one vector. The figure to compare is the one over all documents, with
//! what is left alone (lone voices here, outliers there) as one more group on both sides; beside it,
//! the one over what each put into a theme. Coherence is that of ten words: those the peer says, the
//! first ten of our phrases; and, since a choice of words is not a choice of themes, that of the words
//! our own naming finds for both. Beside, in the same run, BERTopic (`bertopic.py`) on the same vectors with its own settings
//! and several seeds.
//!
//! For identity the texts are followed over weeks, by their dates or dealt in the order of the file.
//! In each week a label is the theme that holds most of its texts of the window. Where a label has
//! enough texts in two weeks running, it continues, and keeps its identity when it is the same
//! theme.

mod figures;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use ::insight::themes::{
    Change, Member, Passage, Phrase, ThemeId, Themes, ThemesSettings, Told, follow, phrases,
};
use anyhow::{Context, Result, ensure};
use domain::time::Zone;
use domain::{DocumentId, IsoWeek, Lang, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::python;
use crate::args::{EvalThemes, Global};
use crate::commands::Ending;
use crate::commands::classify::encode;
use crate::commands::tables::columns;
use crate::house::models;
use crate::models::Models;
use crate::print;
use crate::stages::EmbedSettings;
use figures::{Said, ari, nmi, spread, words_of};

/// Texts of a label in a window from which it is there.
const CONTINUES: u32 = 10;

/// The column of the themes that people gave, where it is there and no other is named.
const LABEL: &str = "label";

/// Words of a theme whose coherence is measured.
const WORDS: usize = 10;

/// A set of texts with their vectors.
struct Set {
    name: String,
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
    /// Numbers of labels; none of a set without.
    labels: Option<Vec<i64>>,
    /// The week of each text, counted from the first; none of what is outside the weeks asked for.
    weeks: Vec<Option<i64>>,
}

/// Everything measured on a set.
#[derive(Debug, Serialize)]
struct Report {
    set: String,
    documents: usize,
    labels: usize,
    ways: Vec<Way>,
    /// Whether one thread and another order gave the same bytes.
    same_bytes: bool,
    /// None of a set without labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
}

/// How one way of finding themes did. Shares and measures from 0 to 1, NPMI from -1.
#[derive(Debug, Serialize)]
struct Way {
    name: String,
    runs: usize,
    themes: Figure,
    alone: Figure,
    nmi: Option<Figure>,
    ari: Option<Figure>,
    nmi_in_themes: Option<Figure>,
    ari_in_themes: Option<Figure>,
    npmi: Option<Figure>,
    npmi_same_words: Option<Figure>,
    seconds: Figure,
}

/// The mean over runs and their standard deviation.
#[derive(Clone, Copy, Debug, Serialize)]
struct Figure {
    mean: f64,
    spread: f64,
}

/// Whether themes kept their identity.
#[derive(Debug, Serialize)]
struct Identity {
    weeks: i64,
    /// Labels that continued from one week to the next, and how many were the same theme.
    continuing: u32,
    kept: u32,
    born: u32,
    returned: u32,
    split: u32,
    merged: u32,
    ended: u32,
}

/// One run of one way.
#[derive(Debug, Deserialize)]
struct Run {
    /// The theme of each text; -1 of what is left alone.
    topics: Vec<i64>,
    words: Vec<Vec<String>>,
    seconds: f64,
}

/// Evaluates themes.
///
/// # Errors
/// When a file cannot be read or has too few texts, a model cannot be used, or the peer fails.
pub async fn themes(global: &Global, args: &EvalThemes) -> Result<Ending> {
    let args = args.clone();
    let (lang, json) = (global.lang, global.json);
    let threads = global
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    let (_, models) = models(global, threads)?;
    tokio::task::spawn_blocking(move || {
        let peer = args.peer && python::has("bertopic, umap");
        if args.peer && !peer {
            print::note(lang.pick(
                "BERTopic n'est pas là : python3 -m pip install bertopic",
                "BERTopic is not here: python3 -m pip install bertopic",
            ));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let mut reports = Vec::new();
        for path in &args.input {
            let set = Set::read(path, &args, &models, threads, lang)?;
            let report =
                measure(&set, &args, &pool, peer).with_context(|| path.display().to_string())?;
            if !json {
                table(&report, lang);
            }
            reports.push(report);
        }
        if json {
            print::json(&reports)?;
        }
        Ok(Ending::Done)
    })
    .await?
}

impl Set {
    fn read(
        path: &Path,
        args: &EvalThemes,
        models: &Models,
        threads: usize,
        lang: Lang,
    ) -> Result<Self> {
        let label = args
            .label
            .as_deref()
            .or_else(|| columns(path, &[LABEL]).is_ok().then_some(LABEL));
        let mut wanted = vec![args.text.as_str()];
        wanted.extend(label);
        wanted.extend(args.date.as_deref());
        let mut rows = columns(path, &wanted)?;
        rows.retain(|row| !row[0].trim().is_empty());
        if let Some(sample) = args.sample {
            rows.truncate(sample);
        }
        ensure!(
            rows.len() >= 20,
            "{} has {} texts: at least 20 are needed",
            path.display(),
            rows.len()
        );
        let labels = label.map(|_| {
            let mut numbers: BTreeMap<&str, i64> = BTreeMap::new();
            for row in &rows {
                numbers.insert(row[1].trim(), 0);
            }
            for (number, (_, value)) in (0..).zip(&mut numbers) {
                *value = number;
            }
            rows.iter().map(|row| numbers[row[1].trim()]).collect()
        });
        let weeks = match &args.date {
            None => (0i64..)
                .zip(&rows)
                .map(|(at, _)| Some(at * args.weeks / rows.len() as i64))
                .collect(),
            Some(_) => {
                let dates: Vec<&str> = rows
                    .iter()
                    .map(|row| row.last().map_or("", String::as_str))
                    .collect();
                weeks_of(&dates, args.weeks)?
            }
        };
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
            weeks,
        })
    }

    fn passages(&self, week: impl Fn(usize) -> Option<IsoWeek>) -> Vec<Passage> {
        let one = |at: usize| {
            Some(Passage {
                member: Member {
                    document: DocumentId::from_bytes((at as u128).to_be_bytes()),
                    span: Span::new(0, u32::try_from(self.texts[at].len()).ok()?),
                },
                week: week(at)?,
                text: self.texts[at].clone(),
                vector: self.vectors[at].clone(),
                seeds: Vec::new(),
            })
        };
        (0..self.texts.len()).filter_map(one).collect()
    }
}

/// The place of a member in the set.
fn place(member: &Member) -> usize {
    usize::try_from(u128::from_be_bytes(*member.document.as_bytes())).unwrap_or(usize::MAX)
}

/// Of each date, which of the first `most` weeks that have one it is in.
fn weeks_of(dates: &[&str], most: i64) -> Result<Vec<Option<i64>>> {
    let zone = Zone::paris();
    let mut weeks = Vec::new();
    for (at, date) in dates.iter().enumerate() {
        // A day, or a day and more.
        let day = date.trim().get(..10).unwrap_or(date);
        let moment = Timestamp::parse_in(day, &zone)
            .with_context(|| format!("text {}: `{date}` is no date", at + 1))?;
        weeks.push(moment.week_in(&zone));
    }
    let mut numbers: BTreeMap<IsoWeek, i64> = weeks.iter().map(|w| (*w, 0)).collect();
    for (number, (_, value)) in (0..).zip(&mut numbers) {
        *value = number;
    }
    Ok(weeks
        .iter()
        .map(|w| numbers.get(w).copied().filter(|n| *n < most))
        .collect())
}

fn measure(set: &Set, args: &EvalThemes, pool: &rayon::ThreadPool, peer: bool) -> Result<Report> {
    let first = first_week()?;
    let settings = ThemesSettings::default();
    let once = |passages| follow(first, passages, None, &[], &settings);
    let passages = set.passages(|_| Some(first));
    let began = Instant::now();
    let followed = pool.install(|| once(passages.clone()))?;
    let seconds = began.elapsed().as_secs_f64();
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let again = alone.install(|| once(passages.into_iter().rev().collect()))?;
    let same_bytes = serde_json::to_vec(&followed)? == serde_json::to_vec(&again)?;

    let mut topics = vec![-1; set.texts.len()];
    let mut words = Vec::new();
    for (number, theme) in (0i64..).zip(&followed.themes.themes) {
        for member in &theme.members {
            topics[place(member)] = number;
        }
        words.push(ten_words(&theme.phrases));
    }
    let said = Said::new(&set.texts);
    let ours = Run {
        topics,
        words,
        seconds,
    };
    let mut ways = vec![way(set, "greffier", &[ours], &said)];
    if peer {
        ways.push(way(set, "BERTopic", &bertopic(set, args.seeds)?, &said));
    }
    Ok(Report {
        set: set.name.clone(),
        documents: set.texts.len(),
        labels: set
            .labels
            .iter()
            .flatten()
            .max()
            .map_or(0, |most| *most as usize + 1),
        ways,
        same_bytes,
        identity: match &set.labels {
            Some(labels) => Some(pool.install(|| identity(set, labels, args, &settings))?),
            None => None,
        },
    })
}

fn first_week() -> Result<IsoWeek> {
    Ok("2026-W01".parse()?)
}

fn figure(values: impl Iterator<Item = f64>) -> Figure {
    let (mean, spread) = spread(&values.collect::<Vec<_>>());
    Figure { mean, spread }
}

fn way(set: &Set, name: &str, runs: &[Run], said: &Said) -> Way {
    let agreement = |measure: fn(&[i64], &[i64]) -> f64, in_themes: bool| {
        let labels = set.labels.as_ref()?;
        Some(figure(runs.iter().map(|run| {
            let both = labels.iter().zip(&run.topics);
            let (labels, topics): (Vec<i64>, Vec<i64>) =
                both.filter(|(_, topic)| !in_themes || **topic >= 0).unzip();
            measure(&labels, &topics)
        })))
    };
    let coherence = |words: &dyn Fn(&Run) -> Vec<Vec<String>>| {
        let of_runs: Vec<f64> = runs
            .iter()
            .filter_map(|run| said.npmi(&words(run)))
            .collect();
        (!of_runs.is_empty()).then(|| figure(of_runs.into_iter()))
    };
    Way {
        name: name.to_owned(),
        runs: runs.len(),
        themes: figure(runs.iter().map(|run| run.words.len() as f64)),
        alone: figure(runs.iter().map(|run| {
            let alone = run.topics.iter().filter(|t| **t < 0).count();
            alone as f64 / run.topics.len().max(1) as f64
        })),
        nmi: agreement(nmi, false),
        ari: agreement(ari, false),
        nmi_in_themes: agreement(nmi, true),
        ari_in_themes: agreement(ari, true),
        npmi: coherence(&|run| run.words.clone()),
        npmi_same_words: coherence(&|run| our_words(set, run)),
        seconds: figure(runs.iter().map(|run| run.seconds)),
    }
}

/// The phrases that our naming finds for the themes of a run.
fn our_words(set: &Set, run: &Run) -> Vec<Vec<String>> {
    let told: Vec<Told<'_>> = set
        .texts
        .iter()
        .zip(&run.topics)
        .enumerate()
        .map(|(document, (text, topic))| Told {
            document,
            theme: usize::try_from(*topic).ok(),
            text,
        })
        .collect();
    phrases(&told, run.words.len(), WORDS)
        .into_iter()
        .map(|of| ten_words(&of))
        .collect()
}

/// The first words of phrases, each once; a letter is no word, as for the peer.
fn ten_words(phrases: &[Phrase]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let words = phrases.iter().flat_map(|p| words_of(&p.text));
    for word in words.filter(|w| w.chars().count() > 1) {
        if out.len() < WORDS && !out.contains(&word) {
            out.push(word);
        }
    }
    out
}

/// What BERTopic says with each seed.
fn bertopic(set: &Set, seeds: u32) -> Result<Vec<Run>> {
    #[derive(Serialize)]
    struct Asked<'a> {
        texts: &'a [String],
        vectors: &'a [Vec<f32>],
        seeds: u32,
    }
    python::ask(
        include_str!("bertopic.py"),
        &Asked {
            texts: &set.texts,
            vectors: &set.vectors,
            seeds,
        },
        "BERTopic",
        "leave --peer out to do without it",
    )
}

/// Follows the texts over the weeks.
fn identity(
    set: &Set,
    labels: &[i64],
    args: &EvalThemes,
    settings: &ThemesSettings,
) -> Result<Identity> {
    let first = first_week()?;
    let passages = set.passages(|at| Some(first.plus(set.weeks[at]?)));
    let mut found = Identity {
        weeks: args.weeks,
        continuing: 0,
        kept: 0,
        born: 0,
        returned: 0,
        split: 0,
        merged: 0,
        ended: 0,
    };
    let mut last: Option<Themes> = None;
    let mut were: BTreeMap<i64, ThemeId> = BTreeMap::new();
    for week in (0..args.weeks).map(|n| first.plus(n)) {
        let window: Vec<Passage> = passages
            .iter()
            .filter(|p| p.week <= week && p.week > week.plus(-args.window))
            .cloned()
            .collect();
        let followed = follow(week, window, last.as_ref(), &[], settings)?;
        // The first week is not a change.
        let changes = followed.changes.iter().filter(|_| last.is_some());
        for change in changes {
            *match change.change {
                Change::Born => &mut found.born,
                Change::Returned => &mut found.returned,
                Change::Split { .. } => &mut found.split,
                Change::Merged { .. } => &mut found.merged,
                Change::Ended => &mut found.ended,
            } += 1;
        }
        let mut held: BTreeMap<i64, BTreeMap<&ThemeId, u32>> = BTreeMap::new();
        for theme in &followed.themes.themes {
            for member in &theme.members {
                let themes = held.entry(labels[place(member)]).or_default();
                *themes.entry(&theme.id).or_default() += 1;
            }
        }
        let mut are: BTreeMap<i64, ThemeId> = BTreeMap::new();
        for (label, themes) in held {
            if themes.values().sum::<u32>() < CONTINUES {
                continue;
            }
            let most = themes
                .into_iter()
                .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
            let Some((theme, _)) = most else { continue };
            if let Some(was) = were.get(&label) {
                found.continuing += 1;
                found.kept += u32::from(was == theme);
            }
            are.insert(label, theme.clone());
        }
        were = are;
        last = Some(followed.themes);
    }
    Ok(found)
}

fn table(report: &Report, lang: Lang) {
    let (documents, labels) = (report.documents, report.labels);
    print::line(match lang {
        Lang::Fr => format!("{} : {documents} textes, {labels} étiquettes", report.set),
        Lang::En => format!("{}: {documents} texts, {labels} labels", report.set),
    });
    let shown = |figure: Option<Figure>, digits: usize| {
        figure.map_or(String::new(), |f| {
            if f.spread > 0.0 {
                format!("{:.digits$} ± {:.digits$}", f.mean, f.spread)
            } else {
                format!("{:.digits$}", f.mean)
            }
        })
    };
    let rows = report.ways.iter().map(|way| {
        vec![
            way.name.clone(),
            shown(way.nmi, 3),
            shown(way.ari, 3),
            shown(way.npmi, 3),
            shown(way.npmi_same_words, 3),
            shown(Some(way.themes), 0),
            shown(Some(way.alone), 2),
            shown(way.nmi_in_themes, 3),
            shown(way.ari_in_themes, 3),
            shown(Some(way.seconds), 1),
        ]
    });
    print::table(
        &[
            lang.pick("thèmes par", "themes by"),
            "NMI",
            "ARI",
            "NPMI",
            lang.pick("NPMI, mêmes mots", "NPMI, same words"),
            lang.pick("thèmes", "themes"),
            lang.pick("part seule", "share alone"),
            lang.pick("NMI dans un thème", "NMI in a theme"),
            lang.pick("ARI dans un thème", "ARI in a theme"),
            lang.pick("secondes", "seconds"),
        ],
        rows.collect(),
    );
    print::line(match (report.same_bytes, lang) {
        (true, Lang::Fr) => "un seul fil et l'ordre inverse : mêmes octets".to_owned(),
        (true, Lang::En) => "one thread and the other order: the same bytes".to_owned(),
        (false, Lang::Fr) => "un seul fil et l'ordre inverse : d'AUTRES octets".to_owned(),
        (false, Lang::En) => "one thread and the other order: OTHER bytes".to_owned(),
    });
    if let Some(identity) = &report.identity {
        let Identity {
            weeks,
            continuing,
            kept,
            born,
            returned,
            split,
            merged,
            ended,
        } = identity;
        let percent = 100.0 * f64::from(*kept) / f64::from((*continuing).max(1));
        print::line(match lang {
            Lang::Fr => format!(
                "sur {weeks} semaines, {kept} thèmes étiquetés sur {continuing} qui continuent gardent leur identité ({percent:.1} %) ; {born} naissances, {returned} retours, {split} scissions, {merged} fusions, {ended} fins"
            ),
            Lang::En => format!(
                "over {weeks} weeks, {kept} of {continuing} labelled themes that continue keep their identity ({percent:.1} %); {born} births, {returned} returns, {split} splits, {merged} merges, {ended} ends"
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_counted_where_there_is_something() {
        let dates = [
            "2026-01-05",
            "2026-01-11T23:00:00Z",
            "2026-03-02",
            "2026-03-09",
        ];
        let weeks = weeks_of(&dates, 2).expect("dates");
        assert_eq!(weeks, [Some(0), Some(0), Some(1), None]);
        let error = weeks_of(&["hier"], 2).expect_err("no date");
        assert!(
            format!("{error:#}").contains("`hier` is no date"),
            "{error:#}"
        );
    }
}

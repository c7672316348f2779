//! The courses that the student takes: distillation, then tuning for retrieval.

use std::collections::HashMap;

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use tokenizers::Tokenizer;

use super::TrainingError;
use super::chance::{Chance, slipped};
use super::material::{Kind, Translation, english, spread};
use super::student::{Bags, Student, alike, contrast, product, toward};
use super::vocabulary::{VocabularyError, pieces};

/// Settings of the courses; the model card gives them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seed of every choice by chance.
    pub seed: u64,
    /// Epochs of distillation.
    pub distil_epochs: usize,
    /// Translations of a step.
    pub distil_batch: usize,
    /// Highest rate of distillation.
    pub distil_rate: f32,
    /// Epochs of tuning.
    pub tune_epochs: usize,
    /// Blocks of pairs of a step; the pairs of a block are of one kind.
    pub tune_blocks: usize,
    /// Pairs of a block.
    pub block: usize,
    /// Highest rate of tuning.
    pub tune_rate: f32,
    /// What cosines are multiplied by in the contrastive loss.
    pub scale: f32,
    /// Share of the pieces that distillation leaves out, by chance.
    pub dropped: f32,
    /// Factor of the difference of similarities across languages; half of it within each.
    pub alike: f32,
    /// Share of the distillation losses in tuning.
    pub keep: f32,
    /// Share of the distilled student in the last one; the rest is of the tuned one.
    pub blend: f32,
    /// Lessons that are alike and follow one another.
    pub together: usize,
    /// Power of the deviation that a kept dimension is divided by.
    pub whiten: f32,
    /// Pieces of a text that are read.
    pub longest: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            distil_epochs: 3,
            distil_batch: 512,
            distil_rate: 3e-3,
            tune_epochs: 3,
            tune_blocks: 4,
            block: 256,
            tune_rate: 2e-3,
            scale: 20.0,
            dropped: 0.1,
            alike: 5.0,
            keep: 0.5,
            together: 128,
            blend: 0.5,
            whiten: 0.25,
            longest: 256,
        }
    }
}

impl Settings {
    /// Sets one by name, from `NAME=NUMBER`, to try another recipe.
    ///
    /// # Errors
    /// When there is no such setting or number.
    pub fn set(&mut self, assignment: &str) -> Result<(), TrainingError> {
        let wrong = || TrainingError::Setting(assignment.into());
        let (name, value) = assignment.split_once('=').ok_or_else(wrong)?;
        let whole = || value.parse::<usize>().map_err(|_| wrong());
        let number = || value.parse::<f32>().map_err(|_| wrong());
        match name {
            "seed" => self.seed = value.parse().map_err(|_| wrong())?,
            "distil_epochs" => self.distil_epochs = whole()?,
            "distil_batch" => self.distil_batch = whole()?,
            "distil_rate" => self.distil_rate = number()?,
            "tune_epochs" => self.tune_epochs = whole()?,
            "tune_blocks" => self.tune_blocks = whole()?,
            "block" => self.block = whole()?,
            "tune_rate" => self.tune_rate = number()?,
            "scale" => self.scale = number()?,
            "dropped" => self.dropped = number()?,
            "alike" => self.alike = number()?,
            "keep" => self.keep = number()?,
            "blend" => self.blend = number()?,
            "together" => self.together = whole()?,
            "whiten" => self.whiten = number()?,
            "longest" => self.longest = whole()?,
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

/// Hears which step of how many of which course is done.
pub type Progress<'a> = dyn Fn(&str, usize, usize) + 'a;

/// Translations as pieces, and the teacher's vector of each English side.
#[derive(Debug)]
pub struct Lessons {
    en: Vec<Vec<u32>>,
    fr: Vec<Vec<u32>>,
    /// Row of the teacher's vector.
    row: Vec<usize>,
    taught: Array2<f32>,
}

fn all_pieces<T: AsRef<str> + Sync>(
    tokenizer: &Tokenizer,
    texts: &[T],
    longest: usize,
) -> Result<Vec<Vec<u32>>, VocabularyError> {
    texts
        .par_iter()
        .map(|text| {
            let mut found = pieces(tokenizer, text.as_ref())?;
            found.truncate(longest);
            Ok(found)
        })
        .collect()
}

impl Lessons {
    /// `taught` has a row for each text of [`english`], in its order.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn new(
        tokenizer: &Tokenizer,
        translations: &[Translation],
        taught: Array2<f32>,
        longest: usize,
    ) -> Result<Self, VocabularyError> {
        let texts = english(translations);
        let rows: HashMap<&str, usize> = texts
            .iter()
            .enumerate()
            .map(|(i, t)| (t.as_str(), i))
            .collect();
        let (en, fr): (Vec<&str>, Vec<&str>) = translations
            .iter()
            .map(|pair| (pair.en.as_str(), pair.fr.as_str()))
            .unzip();
        let row = translations
            .iter()
            .map(|pair| rows[pair.en.as_str()])
            .collect();
        Ok(Self {
            en: all_pieces(tokenizer, &en, longest)?,
            fr: all_pieces(tokenizer, &fr, longest)?,
            row,
            taught,
        })
    }

    /// Translations.
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }
}

/// Sides of random planes that tell which lessons are alike.
const PLANES: usize = 14;

impl Lessons {
    /// All lessons in an order by chance, in which `together` that are alike to the teacher follow
    /// one another: they teach finer differences than lessons that have nothing in common.
    fn order(&self, together: usize, chance: &mut Chance) -> Vec<usize> {
        if together < 2 {
            return chance.order(self.len());
        }
        let width = self.taught.ncols();
        let planes = Array2::from_shape_fn((width, PLANES), |_| chance.unit() - 0.5);
        let sides = product(self.taught.view(), planes.view());
        // The side of a plane is counted from the middle of all texts.
        let middle = sides.mean_axis(Axis(0)).unwrap_or_default();
        let codes: Vec<u32> = sides
            .rows()
            .into_iter()
            .map(|row| {
                row.iter().zip(&middle).fold(0, |code, (side, middle)| {
                    code << 1 | u32::from(side > middle)
                })
            })
            .collect();
        let mut order = chance.order(self.len());
        order.sort_by_key(|&lesson| codes[self.row[lesson]]);
        let blocks: Vec<&[usize]> = order.chunks(together).collect();
        let shuffled = chance.order(blocks.len());
        shuffled
            .into_iter()
            .flat_map(|block| blocks[block].iter().copied())
            .collect()
    }
}

/// A student to begin with: a piece's vector is the mean of the teacher's over the texts that have
/// it, in either language; its weight falls with its frequency (Arora et al. 2017).
pub fn beginner(lessons: &Lessons, vocabulary: usize, chance: &mut Chance) -> Student {
    let width = lessons.taught.ncols();
    let mut table = vec![0.0_f32; vocabulary * width];
    let mut times = vec![0.0_f32; vocabulary];
    let mut total = 0.0_f64;
    for (place, row) in lessons.row.iter().enumerate() {
        for side in [&lessons.en[place], &lessons.fr[place]] {
            total += side.len() as f64;
            for &piece in side {
                let piece = piece as usize;
                times[piece] += 1.0;
                let into = &mut table[piece * width..(piece + 1) * width];
                for (sum, value) in into.iter_mut().zip(lessons.taught.row(*row)) {
                    *sum += value;
                }
            }
        }
    }
    let mut weights = vec![0.0_f32; vocabulary];
    for piece in 0..vocabulary {
        let row = &mut table[piece * width..(piece + 1) * width];
        for value in row {
            *value = *value / (times[piece] + 3.0) + 0.005 * (chance.unit() - 0.5);
        }
        let share = f64::from(times[piece]) / total;
        weights[piece] = (1e-3 / (1e-3 + share)).ln() as f32;
    }
    Student::new(table, weights, width)
}

/// The rate at a step: up over a twentieth of the course, then down to nothing.
fn rate(highest: f32, step: usize, steps: usize) -> f32 {
    let warm = (steps / 20).max(1);
    if step < warm {
        highest * (step + 1) as f32 / warm as f32
    } else {
        highest * (steps - step) as f32 / (steps - warm).max(1) as f32
    }
}

/// What one step reads: texts as pieces, and where each loss finds its rows.
#[derive(Default)]
struct Batch {
    bags: Bags,
}

impl Batch {
    /// Adds texts; returns where they are.
    fn add<'a>(&mut self, texts: impl Iterator<Item = &'a [u32]>) -> std::ops::Range<usize> {
        let start = self.bags.len();
        for text in texts {
            self.bags.push(text);
        }
        start..self.bags.len()
    }

    /// Adds the texts at `places`, thinned.
    fn thin(
        &mut self,
        places: &[usize],
        texts: &[Vec<u32>],
        share: f32,
        chance: &mut Chance,
    ) -> std::ops::Range<usize> {
        let start = self.bags.len();
        for &place in places {
            self.bags.push(&thinned(&texts[place], share, chance));
        }
        start..self.bags.len()
    }
}

/// `pieces` without a share of them that chance chooses, but never without any.
fn thinned(pieces: &[u32], share: f32, chance: &mut Chance) -> Vec<u32> {
    let kept: Vec<u32> = pieces
        .iter()
        .copied()
        .filter(|_| chance.unit() >= share)
        .collect();
    if kept.is_empty() {
        pieces.to_vec()
    } else {
        kept
    }
}

/// The distillation losses on rows `en` and `fr`.
fn distil_losses(
    unit: ArrayView2<'_, f32>,
    gradient: &mut Array2<f32>,
    en: std::ops::Range<usize>,
    fr: std::ops::Range<usize>,
    taught: &Array2<f32>,
    rows: &[usize],
    (factor, likeness_factor): (f32, f32),
) -> f32 {
    let count = en.len();
    let (first, second) = (
        unit.slice(s![en.clone(), ..]),
        unit.slice(s![fr.clone(), ..]),
    );
    let mut of_en = Array2::zeros((count, unit.ncols()));
    let mut of_fr = Array2::zeros((count, unit.ncols()));
    let mut loss = toward(first, taught.view(), factor, of_en.view_mut());
    loss += toward(second, taught.view(), factor, of_fr.view_mut());
    let same = |i: usize, j: usize| rows[i] == rows[j];
    loss += contrast(
        second,
        first,
        20.0,
        0.2 * factor,
        &same,
        &mut of_fr.view_mut(),
        &mut of_en.view_mut(),
    );
    let likeness = product(taught.view(), taught.t());
    loss += alike(
        first,
        second,
        likeness.view(),
        likeness_factor * factor,
        &mut of_en.view_mut(),
        &mut of_fr.view_mut(),
    );
    let mut twin = Array2::zeros((count, unit.ncols()));
    loss += alike(
        first,
        first,
        likeness.view(),
        0.5 * likeness_factor * factor,
        &mut of_en.view_mut(),
        &mut twin.view_mut(),
    );
    of_en += &twin;
    twin.fill(0.0);
    loss += alike(
        second,
        second,
        likeness.view(),
        0.5 * likeness_factor * factor,
        &mut of_fr.view_mut(),
        &mut twin.view_mut(),
    );
    of_fr += &twin;
    let mut into = gradient.slice_mut(s![en, ..]);
    into += &of_en;
    let mut into = gradient.slice_mut(s![fr, ..]);
    into += &of_fr;
    loss
}

/// Distils: both languages learn the teacher's vectors of the English side.
pub fn distil(
    student: &mut Student,
    lessons: &Lessons,
    settings: &Settings,
    chance: &mut Chance,
    progress: &Progress<'_>,
) {
    student.rest();
    let batches = lessons.len() / settings.distil_batch;
    let steps = batches * settings.distil_epochs;
    let mut step = 0;
    for epoch in 0..settings.distil_epochs {
        let order = lessons.order(settings.together, chance);
        let mut sum = 0.0;
        for chosen in order.chunks_exact(settings.distil_batch) {
            let mut batch = Batch::default();
            let en = batch.thin(chosen, &lessons.en, settings.dropped, chance);
            let fr = batch.thin(chosen, &lessons.fr, settings.dropped, chance);
            let rows: Vec<usize> = chosen.iter().map(|&i| lessons.row[i]).collect();
            let taught = lessons.taught.select(Axis(0), &rows);
            let vectors = student.vectors(&batch.bags);
            let mut gradient = Array2::zeros(vectors.unit.raw_dim());
            sum += distil_losses(
                vectors.unit.view(),
                &mut gradient,
                en,
                fr,
                &taught,
                &rows,
                (1.0, settings.alike),
            );
            let rate = rate(settings.distil_rate, step, steps);
            student.step(&batch.bags, &vectors, &gradient, rate);
            step += 1;
            progress("distil", step, steps);
        }
        progress(
            &format!("distil: epoch {epoch}, loss {}", sum / batches as f32),
            step,
            steps,
        );
    }
}

/// Pairs as pieces.
struct Exercise {
    typed: bool,
    share: usize,
    queries: Vec<Vec<u32>>,
    texts: Vec<String>,
    passages: Vec<Vec<u32>>,
    groups: Vec<u64>,
    names: Vec<u64>,
}

/// Tunes for retrieval, and keeps to the distillation losses.
///
/// # Errors
/// When the tokenizer fails.
pub fn tune(
    student: &mut Student,
    tokenizer: &Tokenizer,
    lessons: &Lessons,
    kinds: &[Kind],
    settings: &Settings,
    chance: &mut Chance,
    progress: &Progress<'_>,
) -> Result<(), VocabularyError> {
    student.rest();
    let mut exercises = Vec::new();
    for kind in kinds {
        let (queries, passages): (Vec<&str>, Vec<&str>) = kind
            .pairs
            .iter()
            .map(|pair| (pair.query.as_str(), pair.passage.as_str()))
            .unzip();
        exercises.push(Exercise {
            typed: kind.typed,
            share: kind.share,
            texts: queries.iter().map(|&q| q.to_owned()).collect(),
            queries: all_pieces(tokenizer, &queries, settings.longest)?,
            passages: all_pieces(tokenizer, &passages, settings.longest)?,
            groups: kind.pairs.iter().map(|pair| pair.group).collect(),
            names: passages.iter().map(|passage| spread(passage)).collect(),
        });
    }
    let mut step = 0;
    let mut steps = 0;
    let mut lesson_order: Vec<usize> = Vec::new();
    for epoch in 0..settings.tune_epochs {
        // Blocks of pairs of one kind, in an order that chance decides.
        let mut blocks: Vec<(usize, Vec<usize>)> = Vec::new();
        for (number, exercise) in exercises.iter().enumerate() {
            let pairs = exercise.queries.len();
            let mut order = Vec::new();
            while order.len() * 10 < pairs * exercise.share {
                order.extend(chance.order(pairs));
            }
            order.truncate(pairs * exercise.share / 10);
            blocks.extend(
                order
                    .chunks(settings.block)
                    .map(|block| (number, block.to_vec())),
            );
        }
        let order = chance.order(blocks.len());
        let batches = order.len().div_ceil(settings.tune_blocks);
        if epoch == 0 {
            steps = batches * settings.tune_epochs;
        }
        let (mut sum, mut kept) = (0.0, 0.0);
        for chosen in order.chunks(settings.tune_blocks) {
            let mut batch = Batch::default();
            let pairs: Vec<(usize, usize)> = chosen
                .iter()
                .flat_map(|&block| {
                    let (number, pairs) = &blocks[block];
                    pairs.iter().map(move |&pair| (*number, pair))
                })
                .collect();
            let mut typed: Vec<Option<Vec<u32>>> = Vec::with_capacity(pairs.len());
            for &(number, pair) in &pairs {
                let exercise = &exercises[number];
                typed.push(if exercise.typed && chance.unit() < 0.5 {
                    let mut found = pieces(tokenizer, &slipped(&exercise.texts[pair], chance))?;
                    found.truncate(settings.longest);
                    Some(found)
                } else {
                    None
                });
            }
            let queries = batch.add(pairs.iter().zip(&typed).map(|(&(number, pair), typed)| {
                typed.as_deref().unwrap_or(&exercises[number].queries[pair])
            }));
            let passages = batch.add(
                pairs
                    .iter()
                    .map(|&(number, pair)| exercises[number].passages[pair].as_slice()),
            );
            if lesson_order.len() < settings.distil_batch {
                lesson_order.extend(lessons.order(settings.together, chance));
            }
            let at = lesson_order.len() - settings.distil_batch;
            let lesson = lesson_order.split_off(at);
            let en = batch.thin(&lesson, &lessons.en, settings.dropped, chance);
            let fr = batch.thin(&lesson, &lessons.fr, settings.dropped, chance);
            let rows: Vec<usize> = lesson.iter().map(|&i| lessons.row[i]).collect();
            let taught = lessons.taught.select(Axis(0), &rows);

            let vectors = student.vectors(&batch.bags);
            let unit = vectors.unit.view();
            let mut gradient = Array2::zeros(vectors.unit.raw_dim());
            let groups: Vec<u64> = pairs.iter().map(|&(n, p)| exercises[n].groups[p]).collect();
            let names: Vec<u64> = pairs.iter().map(|&(n, p)| exercises[n].names[p]).collect();
            let same = |i: usize, j: usize| groups[i] == groups[j] || names[i] == names[j];
            let mut of_queries = Array2::zeros((pairs.len(), student.width));
            let mut of_passages = Array2::zeros((pairs.len(), student.width));
            sum += contrast(
                unit.slice(s![queries.clone(), ..]),
                unit.slice(s![passages.clone(), ..]),
                settings.scale,
                1.0 - settings.keep,
                &same,
                &mut of_queries.view_mut(),
                &mut of_passages.view_mut(),
            );
            gradient.slice_mut(s![queries, ..]).assign(&of_queries);
            gradient.slice_mut(s![passages, ..]).assign(&of_passages);
            kept += distil_losses(
                unit,
                &mut gradient,
                en,
                fr,
                &taught,
                &rows,
                (settings.keep, settings.alike),
            );
            let rate = rate(settings.tune_rate, step.min(steps), steps);
            student.step(&batch.bags, &vectors, &gradient, rate);
            step += 1;
            progress("tune", step, steps);
        }
        let (sum, kept) = (sum / batches as f32, kept / batches as f32);
        progress(
            &format!("tune: epoch {epoch}, losses {sum} {kept}"),
            step,
            steps,
        );
    }
    Ok(())
}

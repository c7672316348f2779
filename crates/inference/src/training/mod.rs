//! Training and measuring of the encoder of our own, `greffier-static-fr-en`.
//!
//! | module | what it does |
//! |---|---|
//! | [`sources`] | the public sources, each pinned by digest (`models/sources.toml`) |
//! | [`material`] | sources to translations, pairs that answer one another, and the parts held out |
//! | [`vocabulary`] | the tokenizer, trained on both languages |
//! | [`teacher`] | vectors of the English sides by another encoder, kept on disk |
//! | [`student`] | a vector and a weight a piece; losses, gradients, steps |
//! | [`course`] | distillation, then tuning for retrieval |
//! | [`shrink`] | what was learnt, as a table of small integers |
//! | [`evaluation`] | what an encoder is worth |
//! | [`card`] | the model card |
//! | [`chance`] | chance that a seed decides |
//!
//! Nothing here is in the product: the feature `training` builds it. The same sources, seed and
//! processor give the same bytes, whatever the number of threads: work is cut into parts of fixed
//! size, and sums are taken in a fixed order.

pub mod card;
pub mod chance;
pub mod course;
pub mod evaluation;
pub mod material;
pub mod shrink;
pub mod sources;
pub mod student;
pub mod teacher;
pub mod vocabulary;

use std::path::{Path, PathBuf};

use ndarray::{Array2, ShapeError};
use rayon::prelude::*;
use tokenizers::Tokenizer;

use crate::encoder::Encoder;
use crate::fixed::{self, FixedError};
use crate::registry::{ONNX_FILE, TOKENIZER_FILE};
use chance::Chance;
use course::{Lessons, Progress, Settings};
use evaluation::{Figure, MeasureError, Tests};
use sources::{SourceError, Sources};
use student::{Bags, Student};
use teacher::TeacherError;
use vocabulary::VocabularyError;

/// Name of the encoder in the registry.
pub const NAME: &str = "greffier-static-fr-en";
/// File name of the model card.
pub const CARD_FILE: &str = "MODEL_CARD.md";
/// File of the teacher's vectors of what it teaches.
const TAUGHT_FILE: &str = "taught.bin";
/// File of the teacher's vectors of what it is measured on.
const MEASURED_FILE: &str = "measured.bin";
/// Pieces of a text that the encoder reads.
pub const LONGEST: usize = 512;
/// One text of this many decides the dimensions that are kept.
const SAMPLE: usize = 7;

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A source cannot be read.
    #[error("the sources cannot be read")]
    Source(#[from] SourceError),
    /// The tokenizer fails.
    #[error("the tokenizer fails")]
    Vocabulary(#[from] VocabularyError),
    /// The teacher fails.
    #[error("the teacher fails")]
    Teacher(#[from] TeacherError),
    /// The teacher's vectors are not one a text.
    #[error("the teacher did not make one vector a text")]
    Taught(#[from] ShapeError),
    /// An encoder cannot be measured.
    #[error("an encoder cannot be measured")]
    Measure(#[from] MeasureError),
    /// A setting that does not exist, or not of that value.
    #[error("no setting `{0}`: write NAME=NUMBER, with a name of the struct `Settings`")]
    Setting(String),
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Trains the encoder and writes its files into `out`; the teacher's vectors are kept in the folder
/// `kept`. Returns the figures of what was written and those of the teacher.
///
/// # Errors
/// When a source is not the one listed, the teacher fails, or a file cannot be written.
pub fn train(
    sources: &Sources,
    teacher: &Encoder,
    settings: &Settings,
    out: &Path,
    kept: &Path,
    progress: &Progress<'_>,
) -> Result<[Vec<Figure>; 2], TrainingError> {
    progress("verifying the sources", 0, 1);
    sources.verify()?;
    for folder in [out, kept] {
        std::fs::create_dir_all(folder).map_err(|source| TrainingError::Write {
            path: folder.into(),
            source,
        })?;
    }
    progress("training the tokenizer", 0, 1);
    let tokenizer = {
        let prose = material::prose(sources)?;
        let texts: Vec<&str> = prose.iter().map(String::as_str).collect();
        vocabulary::train(&texts)?
    };
    let tests = Tests::read(sources)?;
    let translations = material::translations(sources)?;
    let english = material::english(&translations);
    let total = english.len();
    let taught = teacher::vectors(teacher, &english, &kept.join(TAUGHT_FILE), &|done| {
        progress("asking the teacher", done, total);
    })?;
    let taught = Array2::from_shape_vec((total, teacher.dimension()), taught)?;
    progress("reading the material", 0, 1);
    let lessons = Lessons::new(&tokenizer, &translations, taught, settings.longest)?;
    let kinds = material::kinds(sources)?;
    let mut chance = Chance::new(settings.seed);
    let mut student = course::beginner(&lessons, tokenizer.get_vocab_size(true), &mut chance);
    let measured = |student: &Student, when: &str| -> Result<(), TrainingError> {
        for figure in tests.measure(&|texts| learnt(student, &tokenizer, texts))? {
            progress(&format!("{when}: {figure}"), 1, 1);
        }
        Ok(())
    };
    course::distil(&mut student, &lessons, settings, &mut chance, progress);
    measured(&student, "distilled")?;
    let distilled = student.clone();
    course::tune(
        &mut student,
        &tokenizer,
        &lessons,
        &kinds,
        settings,
        &mut chance,
        progress,
    )?;
    measured(&student, "tuned")?;
    let student = student.blended(&distilled, settings.blend);
    measured(&student, "blended")?;

    progress("rounding", 0, 1);
    let mut sample = Bags::default();
    let texts = kinds
        .iter()
        .flat_map(|kind| &kind.pairs)
        .flat_map(|pair| [&pair.query, &pair.passage])
        .chain(translations.iter().flat_map(|pair| [&pair.en, &pair.fr]));
    for text in texts.step_by(SAMPLE) {
        sample.push(&vocabulary::pieces(&tokenizer, text)?);
    }
    let unit = student.vectors(&sample).unit;
    let table = shrink::shrink(&student, &unit, settings.whiten);
    let encode = |texts: &[String]| rounded(&table, &tokenizer, texts);
    let ours = tests.measure(&encode)?;
    let stored = tokenizer.to_string(false).map_err(VocabularyError::from)?;
    let write = |file: &str, bytes: Vec<u8>| {
        let path = out.join(file);
        std::fs::write(&path, bytes).map_err(|source| TrainingError::Write { path, source })
    };
    write(ONNX_FILE, fixed::graph(&table, shrink::DIMENSION))?;
    write(TOKENIZER_FILE, stored.into_bytes())?;
    // The teacher is slow to measure: the card is there before, without its figures.
    write(
        CARD_FILE,
        card::card(NAME, sources, settings, &ours, &[]).into_bytes(),
    )?;
    let theirs = teacher_figures(teacher, &tests, kept, progress)?;
    let others = [(teacher.name().to_owned(), theirs.clone())];
    let card = card::card(NAME, sources, settings, &ours, &others);
    write(CARD_FILE, card.into_bytes())?;
    Ok([ours, theirs])
}

/// The teacher's figures; its vectors are kept in the folder `kept`, so that a second measure only
/// reads them.
///
/// # Errors
/// When the teacher fails, or the file of vectors can be neither read nor written.
pub fn teacher_figures(
    teacher: &Encoder,
    tests: &Tests,
    kept: &Path,
    progress: &Progress<'_>,
) -> Result<Vec<Figure>, MeasureError> {
    let path = kept.join(MEASURED_FILE);
    tests.measure(&|texts| {
        let vectors = teacher::vectors(teacher, texts, &path, &|done| {
            progress("measuring the teacher", done, texts.len());
        })
        .map_err(|error| MeasureError::Encode(Box::new(error)))?;
        let rows = vectors.chunks_exact(teacher.dimension());
        Ok(rows.map(<[f32]>::to_vec).collect())
    })
}

/// Vectors by a student, before it is made small.
fn learnt(
    student: &Student,
    tokenizer: &Tokenizer,
    texts: &[String],
) -> Result<Vec<Vec<f32>>, MeasureError> {
    let mut bags = Bags::default();
    for text in texts {
        let pieces = vocabulary::pieces(tokenizer, text);
        bags.push(&pieces.map_err(|error| MeasureError::Encode(Box::new(error)))?);
    }
    let vectors = student.vectors(&bags).unit;
    Ok(vectors.rows().into_iter().map(|row| row.to_vec()).collect())
}

/// Vectors by a table of integers, as the encoder makes them.
fn rounded(
    table: &[i8],
    tokenizer: &Tokenizer,
    texts: &[String],
) -> Result<Vec<Vec<f32>>, MeasureError> {
    let one = |text: &String| -> Result<Vec<f32>, FixedError> {
        let mut sum = [0_i32; shrink::DIMENSION];
        for piece in fixed::pieces(tokenizer, text, LONGEST)? {
            let start = piece as usize * shrink::DIMENSION;
            let row = &table[start..start + shrink::DIMENSION];
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += i32::from(*value);
            }
        }
        Ok(fixed::unit(&sum))
    };
    texts
        .par_iter()
        .map(|text| one(text).map_err(|error| MeasureError::Encode(Box::new(error))))
        .collect()
}

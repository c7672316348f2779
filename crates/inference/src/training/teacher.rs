//! Vectors of English texts by the encoder that teaches, kept on disk.
//!
//! This is the slow part of training, so each part that is done is kept beside the output: an
//! interrupted run goes on where it stopped, and a second run reads everything. The file starts
//! with the teacher's digest; another teacher starts another file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use domain::Digest;
use rayon::prelude::*;

use crate::encoder::{Encoder, EncoderError};

/// Texts encoded between two writings.
const PART: usize = 512;
/// Texts of one call of the encoder.
const CALL: usize = 16;

/// Why the teacher's vectors cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TeacherError {
    /// The teacher fails.
    #[error("the teacher cannot encode")]
    Encode(#[from] EncoderError),
    /// The file of vectors cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The vectors of `texts` in their order, each of the teacher's dimension, one after the other.
/// `progress` hears how many are done.
///
/// # Errors
/// When the teacher fails, or the file can be neither read nor written.
pub fn vectors(
    teacher: &Encoder,
    texts: &[String],
    path: &Path,
    progress: &dyn Fn(usize),
) -> Result<Vec<f32>, TeacherError> {
    let file = |source| TeacherError::File {
        path: path.into(),
        source,
    };
    let width = teacher.dimension();
    let mut known = read(path, teacher.digest(), width).map_err(file)?;
    let missing: Vec<&String> = texts
        .iter()
        .filter(|text| !known.contains_key(&key(text)))
        .collect();
    let mut done = texts.len() - missing.len();
    progress(done);
    if !missing.is_empty() {
        let mut out = OpenOptions::new().append(true).open(path).map_err(file)?;
        for part in missing.chunks(PART) {
            let encoded: Vec<Vec<Vec<f32>>> = part
                .par_chunks(CALL)
                .map(|call| {
                    let call: Vec<String> = call.iter().map(|text| (*text).clone()).collect();
                    teacher.encode(&call)
                })
                .collect::<Result<_, _>>()?;
            let mut bytes = Vec::with_capacity(part.len() * (16 + 4 * width));
            for (text, vector) in part.iter().zip(encoded.into_iter().flatten()) {
                bytes.extend_from_slice(&key(text));
                bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
                known.insert(key(text), vector);
            }
            out.write_all(&bytes).map_err(file)?;
            done += part.len();
            progress(done);
        }
    }
    let mut all = Vec::with_capacity(texts.len() * width);
    for text in texts {
        if let Some(vector) = known.get(&key(text)) {
            all.extend_from_slice(vector);
        }
    }
    Ok(all)
}

/// The first 128 bits of a text's digest.
fn key(text: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..16]);
    key
}

/// What the file has; it is made, or made anew for another teacher, and cut after its last whole
/// vector.
fn read(path: &Path, teacher: Digest, width: usize) -> io::Result<HashMap<[u8; 16], Vec<f32>>> {
    let mut known = HashMap::new();
    let record = 16 + 4 * width;
    let mut whole = 0;
    if let Ok(file) = File::open(path) {
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut head = [0; 32];
        if reader.read_exact(&mut head).is_ok() && head == *teacher.as_bytes() {
            whole = 32;
            let mut bytes = vec![0; record];
            while reader.read_exact(&mut bytes).is_ok() {
                let (name, values) = bytes.split_at(16);
                let mut key = [0; 16];
                key.copy_from_slice(name);
                let values = values.as_chunks::<4>().0;
                known.insert(key, values.iter().map(|b| f32::from_le_bytes(*b)).collect());
                whole += record as u64;
            }
        }
    }
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.set_len(whole)?;
    if whole == 0 {
        file.write_all(teacher.as_bytes())?;
    }
    Ok(known)
}

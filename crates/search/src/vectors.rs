//! Vectors: an append-only file of rows that the engine's commit refers to by number.
//!
//! A file is a header of 16 bytes (`GRFVEC01`, values in a vector as u32, zero as u32, little
//! endian) and rows of `12 + values` bytes: the row's number (u64), the inverse of its length
//! (f32) and one signed byte a value. A unit vector rounded to bytes loses about a thousandth of
//! a cosine and takes a quarter of the place; sums of integers are the same on every processor.
//!
//! Numbers only grow, so a row is found by its neighbour's place or by bisection, and compaction
//! can leave dead rows out without touching the index. Rows behind those a commit counts were
//! being written when a process stopped: readers do not see them and the next writer cuts them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use simsimd::SpatialSimilarity as _;

use crate::SearchError;
use crate::commit::Commit;
use crate::error::at;

const MAGIC: &[u8; 8] = b"GRFVEC01";
const HEADER: usize = 16;
/// Number and inverse length, before a row's values.
const ROW_HEAD: usize = 12;
/// More values than any encoder gives; a header that says more is damage.
const VALUES_MAX: usize = 16_384;

/// Where the vectors of a generation are.
pub(crate) fn path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("vectors-{generation}.bin"))
}

/// The vectors of one commit, for reading.
pub(crate) struct Vectors {
    map: Option<Mmap>,
    values: usize,
    rows: usize,
}

impl Vectors {
    /// The rows that `commit` counts.
    ///
    /// # Errors
    /// `Io` when the file is not there (a compaction may have just replaced it), `Damaged` when
    /// it is too short or not a vector file.
    pub(crate) fn open(dir: &Path, commit: &Commit) -> Result<Self, SearchError> {
        if commit.rows == 0 {
            return Ok(Self {
                map: None,
                values: 0,
                rows: 0,
            });
        }
        let path = path(dir, commit.generation);
        let file = File::open(&path).map_err(at(&path))?;
        #[expect(
            unsafe_code,
            reason = "a map of committed rows only: they are never written again, and a file is \
                      removed but never cut below the rows of a commit"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(at(&path))?;
        let damaged = |what: String| SearchError::Damaged {
            dir: dir.to_owned(),
            what,
        };
        let values = header(&map).ok_or_else(|| damaged("not a vector file".to_owned()))?;
        let held = (map.len() - HEADER) / (ROW_HEAD + values);
        if (held as u64) < commit.rows {
            return Err(damaged(format!(
                "{held} vectors where the index refers to {}",
                commit.rows
            )));
        }
        Ok(Self {
            map: Some(map),
            values,
            rows: commit.rows as usize,
        })
    }

    /// Values in a vector; 0 while there is none.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// The vector of the row at `index`, of length 1.
    pub(crate) fn vector(&self, index: usize) -> Option<Vec<f32>> {
        let row = self.row(index)?;
        let inverse = f32::from_le_bytes(row.get(8..ROW_HEAD)?.try_into().ok()?);
        let values: &[i8] = bytemuck::cast_slice(&row[ROW_HEAD..]);
        Some(values.iter().map(|v| f32::from(*v) * inverse).collect())
    }

    fn row(&self, index: usize) -> Option<&[u8]> {
        if index >= self.rows {
            return None;
        }
        let size = ROW_HEAD + self.values;
        let start = HEADER + index * size;
        self.map.as_ref()?.get(start..start + size)
    }

    fn number(&self, index: usize) -> Option<u64> {
        let bytes = self.row(index)?.get(..8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Where the row of this number is; `hint` is where the last one was.
    pub(crate) fn find(&self, number: u64, hint: usize) -> Option<usize> {
        if self.number(hint + 1) == Some(number) {
            return Some(hint + 1);
        }
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.number(middle)?.cmp(&number) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The cosine of the row at `index` with `query`.
    pub(crate) fn cosine(&self, index: usize, query: &QueryVector) -> Option<f64> {
        let row = self.row(index)?;
        let inverse = f32::from_le_bytes(row.get(8..ROW_HEAD)?.try_into().ok()?);
        let values: &[i8] = bytemuck::cast_slice(&row[ROW_HEAD..]);
        // Two products of bytes, each an exact whole number, make one of a byte and 15 bits.
        let dot = i8::dot(values, &query.high)? * HIGH + i8::dot(values, &query.low)?;
        Some(dot * f64::from(inverse) * query.inverse)
    }
}

fn header(bytes: &[u8]) -> Option<usize> {
    let values = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize;
    (bytes.get(..8)? == MAGIC && bytes.len() >= HEADER && (1..=VALUES_MAX).contains(&values))
        .then_some(values)
}

/// A query's vector, rounded more finely than rows are: `high * HIGH + low` is a value.
pub(crate) struct QueryVector {
    high: Vec<i8>,
    low: Vec<i8>,
    inverse: f64,
}

/// What a step of `high` is worth.
const HIGH: f64 = 128.0;
/// The largest value that two signed bytes make: `127 * HIGH + 63`.
const FINE: f32 = 16_319.0;

impl QueryVector {
    pub(crate) fn new(vector: &[f32]) -> Result<Self, SearchError> {
        let (values, inverse) = rounded(vector, FINE)?;
        let high = values.iter().map(|v| (v + 64).div_euclid(128) as i8);
        let low = values.iter().map(|v| ((v + 64).rem_euclid(128) - 64) as i8);
        Ok(Self {
            high: high.collect(),
            low: low.collect(),
            inverse,
        })
    }
}

/// The vector in whole numbers up to `max`, and the inverse of their length.
fn rounded(vector: &[f32], max: f32) -> Result<(Vec<i32>, f64), SearchError> {
    let largest = vector.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    if vector.iter().any(|v| !v.is_finite()) || largest <= 0.0 {
        return Err(SearchError::VectorValues);
    }
    let values: Vec<i32> = vector
        .iter()
        .map(|v| (f64::from(*v) / f64::from(largest) * f64::from(max)).round() as i32)
        .collect();
    let square: i64 = values.iter().map(|v| i64::from(*v) * i64::from(*v)).sum();
    Ok((values, 1.0 / (square as f64).sqrt()))
}

/// Checks that a vector can be held: values are finite, not all zero, and as many as expected
/// (0 when there are none yet). Returns how many.
pub(crate) fn check(vector: &[f32], expected: usize) -> Result<usize, SearchError> {
    let found = vector.len();
    if found == 0 || found > VALUES_MAX || (expected != 0 && found != expected) {
        return Err(SearchError::VectorLength { found, expected });
    }
    let sound = vector.iter().all(|v| v.is_finite()) && vector.iter().any(|v| *v != 0.0);
    if sound {
        Ok(found)
    } else {
        Err(SearchError::VectorValues)
    }
}

/// Cuts off what no commit counts and removes the files of other generations.
pub(crate) fn repair(dir: &Path, commit: &Commit) -> Result<(), SearchError> {
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let file = entry.map_err(at(dir))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let vectors = name.starts_with("vectors-") && name.ends_with(".bin");
        if vectors && (file != path(dir, commit.generation) || commit.rows == 0) {
            fs::remove_file(&file).map_err(at(&file))?;
        }
    }
    if commit.rows == 0 {
        return Ok(());
    }
    let held = Vectors::open(dir, commit)?;
    let length = HEADER as u64 + commit.rows * (ROW_HEAD + held.values) as u64;
    drop(held);
    let file = path(dir, commit.generation);
    let cut = || {
        let handle = OpenOptions::new().write(true).open(&file)?;
        if handle.metadata()?.len() > length {
            handle.set_len(length)?;
            handle.sync_data()?;
        }
        Ok(())
    };
    cut().map_err(at(&file))
}

/// Appends rows for vectors of one length and makes them durable. `commit` says where they start
/// and is moved behind them; it counts only once it is committed.
pub(crate) fn append(
    dir: &Path,
    commit: &mut Commit,
    vectors: &[Vec<f32>],
) -> Result<(), SearchError> {
    let Some(first) = vectors.first() else {
        return Ok(());
    };
    let mut bytes = Vec::new();
    if commit.rows == 0 {
        bytes.extend(header_of(first.len()));
    }
    let mut next = commit.next;
    for vector in vectors {
        let (values, inverse) = rounded(vector, 127.0)?;
        bytes.extend(next.to_le_bytes());
        bytes.extend((inverse as f32).to_le_bytes());
        bytes.extend(values.iter().map(|v| *v as i8 as u8));
        next += 1;
    }
    let file = path(dir, commit.generation);
    let write = || {
        let mut handle = OpenOptions::new().create(true).append(true).open(&file)?;
        handle.write_all(&bytes)?;
        handle.sync_data()?;
        File::open(dir)?.sync_all()
    };
    write().map_err(at(&file))?;
    commit.rows += vectors.len() as u64;
    commit.next = next;
    Ok(())
}

fn header_of(values: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&(values as u32).to_le_bytes());
    header
}

/// Writes the rows of these numbers, in order, as the next generation, and moves `commit` to it.
pub(crate) fn compact(dir: &Path, commit: &mut Commit, live: &[u64]) -> Result<(), SearchError> {
    let old = Vectors::open(dir, commit)?;
    let generation = commit.generation + 1;
    let file = path(dir, generation);
    let mut kept = 0;
    let mut write = || -> io::Result<()> {
        let mut out = io::BufWriter::new(File::create(&file)?);
        out.write_all(&header_of(old.values))?;
        let mut place = 0;
        for number in live {
            let Some(found) = old.find(*number, place) else {
                continue;
            };
            place = found;
            if let Some(row) = old.row(found) {
                out.write_all(row)?;
                kept += 1;
            }
        }
        out.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        File::open(dir)?.sync_all()
    };
    if live.is_empty() {
        // No file at all: the next vector may have another length.
    } else {
        write().map_err(at(&file))?;
    }
    commit.generation = generation;
    commit.rows = kept;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(seed: u64, values: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let raw: Vec<f32> = (0..values)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state % 2001) as f32 / 1000.0 - 1.0
            })
            .collect();
        let length = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
        raw.into_iter().map(|v| v / length).collect()
    }

    #[test]
    fn cosines_survive_rounding() {
        let dir = tempfile::tempdir().unwrap();
        let vectors: Vec<_> = (0..50).map(|i| unit(i, 256)).collect();
        let mut commit = Commit::default();
        append(dir.path(), &mut commit, &vectors).unwrap();
        let held = Vectors::open(dir.path(), &commit).unwrap();
        for (i, left) in vectors.iter().enumerate() {
            let query = QueryVector::new(left).unwrap();
            for (j, right) in vectors.iter().enumerate() {
                let exact: f64 = left
                    .iter()
                    .zip(right)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum();
                let found = held.cosine(j, &query).unwrap();
                assert!((found - exact).abs() < 0.004, "{i} {j}: {found} {exact}");
            }
        }
    }

    proptest::proptest! {
        /// Instructions of any width add up the same whole numbers.
        #[test]
        fn products_of_bytes_are_exact(rows in proptest::collection::vec((proptest::num::i8::ANY, -16_319i32..=16_319), 1..400)) {
            let row: Vec<i8> = rows.iter().map(|(a, _)| (*a).max(-127)).collect();
            let high: Vec<i8> = rows.iter().map(|(_, v)| (v + 64).div_euclid(128) as i8).collect();
            let low: Vec<i8> = rows.iter().map(|(_, v)| ((v + 64).rem_euclid(128) - 64) as i8).collect();
            let exact: i64 = row.iter().zip(&rows).map(|(a, (_, v))| i64::from(*a) * i64::from(*v)).sum();
            let found = i8::dot(&row, &high).unwrap() * HIGH + i8::dot(&row, &low).unwrap();
            proptest::prop_assert_eq!(found, exact as f64);
        }
    }

    #[test]
    fn compaction_keeps_numbers_and_drops_the_dead() {
        let dir = tempfile::tempdir().unwrap();
        let vectors: Vec<_> = (0..10).map(|i| unit(i, 8)).collect();
        let mut commit = Commit::default();
        append(dir.path(), &mut commit, &vectors).unwrap();
        compact(dir.path(), &mut commit, &[2, 3, 9]).unwrap();
        assert_eq!((commit.rows, commit.next, commit.generation), (3, 10, 1));
        append(dir.path(), &mut commit, &[unit(77, 8)]).unwrap();
        repair(dir.path(), &commit).unwrap();
        let held = Vectors::open(dir.path(), &commit).unwrap();
        assert_eq!(held.find(0, 0), None);
        for (number, seed) in [(2, 2), (3, 3), (9, 9), (10, 77)] {
            let place = held.find(number, 0).unwrap();
            let query = QueryVector::new(&unit(seed, 8)).unwrap();
            assert!(held.cosine(place, &query).unwrap() > 0.999);
        }
        assert!(!path(dir.path(), 0).exists());
    }

    #[test]
    fn a_vector_that_is_no_direction_is_refused() {
        assert!(matches!(
            check(&[0.0, 0.0], 0),
            Err(SearchError::VectorValues)
        ));
        assert!(matches!(
            check(&[f32::NAN, 1.0], 0),
            Err(SearchError::VectorValues)
        ));
        assert!(matches!(
            check(&[1.0], 2),
            Err(SearchError::VectorLength {
                found: 1,
                expected: 2
            })
        ));
        assert!(check(&[1.0, 0.0], 2).is_ok());
    }

    #[test]
    fn a_file_shorter_than_its_commit_is_damage_not_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let mut commit = Commit::default();
        append(dir.path(), &mut commit, &[unit(1, 8), unit(2, 8)]).unwrap();
        let file = path(dir.path(), 0);
        let whole = fs::read(&file).unwrap();
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).unwrap();
            assert!(Vectors::open(dir.path(), &commit).is_err(), "{length}");
        }
    }
}

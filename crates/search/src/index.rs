//! An index in a folder: opening, what it holds, searching.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::DocumentId;
use tantivy::directory::MmapDirectory;
use tantivy::{IndexReader, ReloadPolicy, TantivyError};

use crate::commit::{Commit, FORMAT};
use crate::error::at;
use crate::fields::{Fields, NO_ROW};
use crate::snapshot::Snapshot;
use crate::{IndexWriter, Query, Reader, Results, SearchError, Suggestion, search, suggest};

/// What an index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Documents.
    pub documents: u64,
    /// Passages; a document without text counts one.
    pub passages: u64,
    /// Passages with a vector.
    pub vectors: u64,
    /// Values in a vector; 0 while there is none.
    pub vector_values: usize,
    /// First ledger leaf not yet followed.
    pub position: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The index of one collection, for reading. Cheap to clone; every call sees the last commit of
/// whichever process writes.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    engine: tantivy::Index,
    reader: IndexReader,
    fields: Fields,
    current: Mutex<Option<(Vec<u8>, Arc<Snapshot>)>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("dir", &self.inner.dir)
            .finish_non_exhaustive()
    }
}

/// Puts a whole new index, in `next`, in the place of the one in `dir`, and removes the old one.
/// Readers of the old one go on with what they hold, and find the new one at their next search.
/// Nobody may be writing either.
///
/// # Errors
/// `Io`; the index in `dir` is then the old one or the new one.
pub fn replace(dir: &Path, next: &Path) -> Result<(), SearchError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !dir.exists() {
        return fs::rename(next, dir).map_err(at(dir));
    }
    // The two change names in one step: at no moment is there no index.
    if renameat_with(CWD, next, CWD, dir, RenameFlags::EXCHANGE).is_err() {
        // Some file systems cannot: for a moment there is none, and a search then says so.
        let aside = next.with_extension("old");
        fs::rename(dir, &aside).map_err(at(dir))?;
        fs::rename(next, dir).map_err(at(dir))?;
        fs::rename(&aside, next).map_err(at(&aside))?;
    }
    if let Some(parent) = dir.parent() {
        fs::File::open(parent)
            .and_then(|folder| folder.sync_all())
            .map_err(at(parent))?;
    }
    fs::remove_dir_all(next).map_err(at(next))
}

impl Index {
    /// Opens the index in `dir`, making the folder and an empty index when there is none.
    ///
    /// # Errors
    /// `OtherFormat` when it was made by another version, `Io` and `Engine` when it cannot be
    /// read.
    pub fn open(dir: &Path) -> Result<Self, SearchError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let (schema, fields) = Fields::schema();
        let directory = MmapDirectory::open(dir).map_err(TantivyError::from)?;
        let engine = tantivy::Index::open_or_create(directory, schema).map_err(|e| match e {
            TantivyError::SchemaError(_) => SearchError::OtherFormat {
                dir: dir.to_owned(),
                found: "other fields".to_owned(),
            },
            other => other.into(),
        })?;
        let reader = engine
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let index = Self {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                engine,
                reader,
                fields,
                current: Mutex::new(None),
            }),
        };
        index.snapshot()?;
        Ok(index)
    }

    /// The only writer of this index. While it lives, another is refused, in any process.
    ///
    /// # Errors
    /// `WriterBusy` when there is one; `Damaged` when the vectors do not match the index.
    pub fn writer(&self) -> Result<IndexWriter, SearchError> {
        IndexWriter::open(self.clone())
    }

    /// First ledger leaf not yet followed, as of the last commit.
    pub fn position(&self) -> u64 {
        // When the last commit cannot be read, the one before it is the truth that is left.
        match self.snapshot() {
            Ok(snapshot) => snapshot.commit.position,
            Err(_) => self.last().map_or(0, |s| s.commit.position),
        }
    }

    /// What made its vectors, as its writer calls it; empty before anything was written.
    ///
    /// # Errors
    /// `Io` and `Engine` when it cannot be read.
    pub fn label(&self) -> Result<String, SearchError> {
        let snapshot = self.snapshot()?;
        // An index without a vector is bound to no encoder.
        Ok(match snapshot.commit.rows {
            0 => String::new(),
            _ => snapshot.commit.label.clone(),
        })
    }

    /// What the index holds.
    ///
    /// # Errors
    /// `Io` and `Engine` when it cannot be read.
    pub fn stats(&self) -> Result<Stats, SearchError> {
        let snapshot = self.snapshot()?;
        let mut stats = Stats {
            documents: documents(&snapshot).len() as u64,
            vector_values: snapshot.vectors.values(),
            position: snapshot.commit.position,
            ..Stats::default()
        };
        for (columns, doc) in snapshot.living() {
            stats.passages += 1;
            stats.vectors += u64::from(columns.row.get_val(doc) != NO_ROW);
        }
        for entry in fs::read_dir(&self.inner.dir).map_err(at(&self.inner.dir))? {
            // A merge may remove a file between listing and looking.
            stats.bytes += entry
                .and_then(|e| e.metadata())
                .map_or(0, |m| if m.is_file() { m.len() } else { 0 });
        }
        Ok(stats)
    }

    /// Files that are not what was written, by the engine's own sums: a disk that forgets.
    ///
    /// # Errors
    /// `Engine` when a file cannot be read.
    pub fn damaged(&self) -> Result<Vec<PathBuf>, SearchError> {
        let mut damaged: Vec<PathBuf> =
            self.inner.engine.validate_checksum()?.into_iter().collect();
        damaged.sort();
        Ok(damaged)
    }

    /// The documents that the index holds.
    ///
    /// # Errors
    /// `Io` and `Engine` when it cannot be read.
    pub fn documents(&self) -> Result<BTreeSet<DocumentId>, SearchError> {
        Ok(documents(&*self.snapshot()?))
    }

    /// Searches the last commit. The same state, query and reader give the same results, whatever
    /// the order in which documents came, and whatever lies outside the reader's reach.
    ///
    /// # Errors
    /// `NoVector`, `VectorLength` and `VectorValues` for a vector that does not fit; `Io` and
    /// `Engine` when the index cannot be read. No text is an error.
    pub fn search(&self, query: &Query) -> Result<Results, SearchError> {
        search::search(&*self.snapshot()?, &self.inner.fields, query)
    }

    /// How the last word of `text` may go on, most frequent first: only with words of documents
    /// that `reader` may see.
    ///
    /// # Errors
    /// `Io` and `Engine` when the index cannot be read.
    pub fn suggest(
        &self,
        text: &str,
        reader: &Reader,
        limit: usize,
    ) -> Result<Vec<Suggestion>, SearchError> {
        let snapshot = self.snapshot()?;
        let reach = snapshot.reach(&self.inner.fields, reader)?;
        suggest::suggest(&snapshot, &self.inner.fields, &reach, text, limit)
    }

    /// The direction that the passages of a document share, to find others like it: the mean of
    /// their vectors. `None` where it has none, or `reader` may not see it.
    ///
    /// # Errors
    /// `Io` and `Engine` when the index cannot be read.
    pub fn direction(
        &self,
        document: DocumentId,
        reader: &Reader,
    ) -> Result<Option<Vec<f32>>, SearchError> {
        let snapshot = self.snapshot()?;
        let reach = snapshot.reach(&self.inner.fields, reader)?;
        let mut rows = BTreeMap::new();
        for (segment, within) in snapshot.segments.iter().zip(&reach.sets) {
            let runs = segment.runs().iter().enumerate();
            for (run, _) in runs.filter(|(_, run)| run.document == document) {
                for doc in segment.passages(run).filter(|doc| within.contains(*doc)) {
                    let vector = segment
                        .place(doc)
                        .and_then(|at| snapshot.vectors.vector(at));
                    let place = (segment.start.get_val(doc), segment.end.get_val(doc));
                    rows.extend(vector.map(|v| ((place, segment.row.get_val(doc)), v)));
                }
            }
        }
        // In the order of the text, whatever segments they are in: sums of fractions depend on it.
        let mut sum = vec![0.0; snapshot.vectors.values()];
        for vector in rows.values() {
            for (sum, value) in sum.iter_mut().zip(vector) {
                *sum += value;
            }
        }
        let any = sum.iter().any(|v| *v != 0.0);
        Ok(any.then_some(sum))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.inner.dir
    }

    pub(crate) fn engine(&self) -> &tantivy::Index {
        &self.inner.engine
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.inner.fields
    }

    /// The last commit, as on disk.
    pub(crate) fn commit(&self) -> Result<Commit, SearchError> {
        Commit::of(&self.inner.engine.load_metas()?).map_err(|found| SearchError::OtherFormat {
            dir: self.inner.dir.clone(),
            found: format!("{found}, expected format {FORMAT}"),
        })
    }

    fn last(&self) -> Option<Arc<Snapshot>> {
        let current = self
            .inner
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|(_, snapshot)| Arc::clone(snapshot))
    }

    /// The last committed state. The engine's segments and our payload are read one after the
    /// other; both belong to one commit when the file that names them is the same before and
    /// after.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>, SearchError> {
        const TRIES: usize = 16;
        let path = self.inner.dir.join("meta.json");
        let mut current = self
            .inner
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut tries = 0;
        loop {
            tries += 1;
            let before = fs::read(&path).map_err(at(&path))?;
            if let Some((known, snapshot)) = &*current
                && *known == before
            {
                return Ok(Arc::clone(snapshot));
            }
            let opened = self
                .inner
                .reader
                .reload()
                .map_err(SearchError::from)
                .and_then(|()| {
                    Snapshot::open(
                        &self.inner.dir,
                        self.inner.reader.searcher(),
                        self.commit()?,
                        current.as_ref().map(|(_, before)| &**before),
                    )
                });
            let settled = fs::read(&path).map_err(at(&path))? == before;
            match opened {
                Ok(snapshot) if settled => {
                    let snapshot = Arc::new(snapshot);
                    *current = Some((before, Arc::clone(&snapshot)));
                    return Ok(snapshot);
                }
                Err(error) if settled || tries >= TRIES => return Err(error),
                // Commits come faster than they are read: what is at hand is at most one behind.
                Ok(snapshot) if tries >= TRIES => return Ok(Arc::new(snapshot)),
                _ => {}
            }
        }
    }
}

fn documents(snapshot: &Snapshot) -> BTreeSet<DocumentId> {
    snapshot
        .living()
        .map(|(segment, doc)| segment.document(doc))
        .collect()
}

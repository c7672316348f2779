//! The one writer of an index: applying changes, and erasing for good.

use domain::DocumentId;
use tantivy::indexer::{LogMergePolicy, MergePolicy as _, NoMergePolicy};
use tantivy::{TantivyDocument, TantivyError};

use crate::analysis::Analyser;
use crate::commit::Commit;
use crate::fields::NO_ROW;
use crate::{Change, Index, SearchError, vectors};

/// Memory for documents not yet on disk, in bytes.
const BUFFER_BYTES: usize = 64 << 20;

/// Fewer rows than these are not worth a compaction.
const COMPACT_ROWS_MIN: u64 = 4096;

/// The writer of an [`Index`].
pub struct IndexWriter {
    index: Index,
    engine: tantivy::IndexWriter,
    commit: Commit,
    analyser: Analyser,
    stopped: bool,
}

impl std::fmt::Debug for IndexWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexWriter")
            .field("index", &self.index)
            .field("commit", &self.commit)
            .finish_non_exhaustive()
    }
}

impl IndexWriter {
    pub(crate) fn open(index: Index) -> Result<Self, SearchError> {
        // One thread: the order of documents in a segment is then the order of arrival, and
        // merges run when and where this crate says.
        let engine: tantivy::IndexWriter = index
            .engine()
            .writer_with_num_threads(1, BUFFER_BYTES)
            .map_err(|e| match e {
                TantivyError::LockFailure(..) => SearchError::WriterBusy {
                    dir: index.dir().to_owned(),
                },
                other => other.into(),
            })?;
        engine.set_merge_policy(Box::new(NoMergePolicy));
        let commit = index.commit()?;
        // What a process that died was writing would stand in the way: the engine gives files of
        // deletions the same names again.
        engine.garbage_collect_files().wait()?;
        vectors::repair(index.dir(), &commit)?;
        Ok(Self {
            index,
            engine,
            commit,
            analyser: Analyser::new(),
            stopped: false,
        })
    }

    /// First ledger leaf not yet followed.
    pub fn position(&self) -> u64 {
        self.commit.position
    }

    /// Says what makes the vectors from the next commit on: a query's must be made by the same.
    pub fn label(&mut self, label: &str) {
        label.clone_into(&mut self.commit.label);
    }

    /// Applies changes in order and commits them with the position they lead to, all or nothing.
    /// Every search that starts afterwards sees them. Putting a document replaces what was held
    /// of it, so that applying the same changes again changes nothing.
    ///
    /// # Errors
    /// `PositionBehind`, `VectorLength` and `VectorValues` before anything is done; otherwise the
    /// last commit stands, and after `WriterStopped` the writer must be opened again.
    pub fn apply(&mut self, changes: Vec<Change>, position: u64) -> Result<(), SearchError> {
        if self.stopped {
            return Err(SearchError::WriterStopped);
        }
        if position < self.commit.position {
            return Err(SearchError::PositionBehind {
                asked: position,
                current: self.commit.position,
            });
        }
        let mut values = vectors::Vectors::open(self.index.dir(), &self.commit)?.values();
        for vector in changes
            .iter()
            .filter_map(Change::document)
            .flat_map(|d| &d.passages)
        {
            if let Some(vector) = &vector.vector {
                values = vectors::check(vector, values)?;
            }
        }
        let result = self.write(changes, position);
        if result.is_err() {
            self.recover();
        }
        result?;
        self.tidy();
        Ok(())
    }

    /// Removes from the files what was deleted: until then its words stay in them, out of reach of
    /// any search, as long as the engine sees no reason to merge. An erasure calls this.
    ///
    /// # Errors
    /// As [`apply`](Self::apply); what was committed stands.
    pub fn purge(&mut self) -> Result<(), SearchError> {
        if self.stopped {
            return Err(SearchError::WriterStopped);
        }
        let result = self.rewrite();
        if result.is_err() {
            self.recover();
        }
        result
    }

    fn write(&mut self, changes: Vec<Change>, position: u64) -> Result<(), SearchError> {
        let fields = self.index.fields().clone();
        let mut commit = self.commit.clone();
        let mut rows = Vec::new();
        for change in changes {
            self.engine.delete_term(fields.document_term(change.id()));
            let Change::Put(mut document) = change else {
                continue;
            };
            // Vectors leave the document here; what is left says which passages had one.
            let taken: Vec<_> = document
                .passages
                .iter_mut()
                .map(|p| p.vector.take())
                .collect();
            let mut taken = taken.into_iter();
            let documents: Vec<TantivyDocument> =
                fields.passages(&document, &mut self.analyser, |_| {
                    match taken.next().flatten() {
                        Some(vector) => {
                            rows.push(vector);
                            commit.next + rows.len() as u64 - 1
                        }
                        None => NO_ROW,
                    }
                });
            for document in documents {
                self.engine.add_document(document)?;
            }
        }
        vectors::append(self.index.dir(), &mut commit, &rows)?;
        commit.position = position;
        self.commit(commit)
    }

    fn commit(&mut self, commit: Commit) -> Result<(), SearchError> {
        let mut prepared = self.engine.prepare_commit()?;
        prepared.set_payload(&commit.payload());
        prepared.commit()?;
        self.commit = commit;
        Ok(())
    }

    /// Back to the last commit on disk, whichever it is: the one that failed may have got there.
    fn recover(&mut self) {
        let back = self
            .engine
            .rollback()
            .map_err(SearchError::from)
            .and_then(|_| {
                self.engine.set_merge_policy(Box::new(NoMergePolicy));
                self.commit = self.index.commit()?;
                vectors::repair(self.index.dir(), &self.commit)
            });
        if let Err(error) = back {
            self.stopped = true;
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "search writer stopped"
            );
        }
    }

    /// Merges and compacts when it pays. The changes are committed: a failure here is told, and
    /// the next time tries again.
    fn tidy(&mut self) {
        let tidied = self.merge().and_then(|()| {
            if self.commit.rows < COMPACT_ROWS_MIN {
                return Ok(());
            }
            let live = self.live_rows()?;
            if (live.len() as u64) * 2 < self.commit.rows {
                self.compact(&live)?;
            }
            Ok(())
        });
        if let Err(error) = tidied {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "search index not tidied"
            );
            self.recover();
        }
    }

    fn merge(&mut self) -> Result<(), SearchError> {
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(0.5);
        let metas = self.index.engine().searchable_segment_metas()?;
        for candidate in policy.compute_merge_candidates(&metas) {
            self.engine.merge(&candidate.0).wait()?;
        }
        Ok(())
    }

    fn rewrite(&mut self) -> Result<(), SearchError> {
        let deleted: Vec<_> = self
            .index
            .engine()
            .searchable_segment_metas()?
            .iter()
            .filter(|meta| meta.has_deletes())
            .map(tantivy::SegmentMeta::id)
            .collect();
        for segment in deleted {
            self.engine.merge(&[segment]).wait()?;
        }
        let live = self.live_rows()?;
        if (live.len() as u64) < self.commit.rows {
            self.compact(&live)?;
        }
        self.engine.garbage_collect_files().wait()?;
        Ok(())
    }

    fn live_rows(&self) -> Result<Vec<u64>, SearchError> {
        let snapshot = self.index.snapshot()?;
        let mut rows: Vec<u64> = snapshot
            .living()
            .map(|(columns, doc)| columns.row.get_val(doc))
            .filter(|row| *row != NO_ROW)
            .collect();
        rows.sort_unstable();
        Ok(rows)
    }

    fn compact(&mut self, live: &[u64]) -> Result<(), SearchError> {
        let mut commit = self.commit.clone();
        vectors::compact(self.index.dir(), &mut commit, live)?;
        self.commit(commit)?;
        vectors::repair(self.index.dir(), &self.commit)
    }
}

impl Change {
    fn id(&self) -> DocumentId {
        match self {
            Self::Put(document) => document.id,
            Self::Remove(id) => *id,
        }
    }

    fn document(&self) -> Option<&crate::IndexedDocument> {
        match self {
            Self::Put(document) => Some(document),
            Self::Remove(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{ArtifactName, Span, Timestamp};

    use super::*;
    use crate::{IndexedDocument, IndexedPassage, Mode, Query, Reader};

    fn document(n: u8) -> IndexedDocument {
        IndexedDocument {
            id: DocumentId::from_bytes([n; 16]),
            name: String::new(),
            title: None,
            pipeline: "courrier".parse().unwrap(),
            service: None,
            also: Vec::new(),
            readers: Vec::new(),
            language: None,
            media_type: "text/plain".to_owned(),
            place: None,
            received_at: Timestamp::from_micros(0).unwrap(),
            first: DocumentId::from_bytes([n; 16]),
            text_version: ArtifactName::from_bytes([n; 32]),
            passages: vec![IndexedPassage {
                span: Span::new(0, 7),
                page: 1,
                text: "trottoir".to_owned(),
                section: None,
                language: None,
                vector: Some(vec![f32::from(n), 1.0]),
            }],
        }
    }

    /// The writer goes away at each step that comes before the commit.
    #[test]
    fn what_was_not_committed_never_was() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let found = |index: &Index| {
            let mut query = Query::new("trottoir", Reader::All);
            query.vector = Some(vec![1.0, 1.0]);
            query.mode = Mode::Hybrid;
            index.search(&query).unwrap()
        };
        for first in [true, false] {
            let before = (
                found(&index),
                index.stats().unwrap().vectors,
                index.position(),
            );
            for step in 0..4 {
                let mut writer = index.writer().unwrap();
                let fields = index.fields().clone();
                let mut commit = writer.commit.clone();
                if step > 0 {
                    vectors::append(dir.path(), &mut commit, &[vec![0.5, 0.5]]).unwrap();
                }
                if step > 1 {
                    let id = document(1).id;
                    writer.engine.delete_term(fields.document_term(id));
                    for document in fields.passages(&document(9), &mut writer.analyser, |_| 0) {
                        writer.engine.add_document(document).unwrap();
                    }
                }
                if step > 2 {
                    drop(writer.engine.prepare_commit().unwrap());
                }
                drop(writer);
                let again = Index::open(dir.path()).unwrap();
                let after = (
                    found(&again),
                    again.stats().unwrap().vectors,
                    again.position(),
                );
                assert_eq!(before, after, "{first} {step}");
            }
            let mut writer = index.writer().unwrap();
            let next = index.position() + 1;
            let put = |n| Change::Put(document(n));
            writer.apply(vec![put(1), put(2)], next).unwrap();
            let stats = index.stats().unwrap();
            assert_eq!(
                (stats.documents, stats.vectors, stats.position),
                (2, 2, next)
            );
        }
    }

    /// A failure half-way rolls back, and the same writer goes on.
    #[test]
    fn a_failed_batch_is_rolled_back() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let mut writer = index.writer().unwrap();
        writer.apply(vec![Change::Put(document(1))], 1).unwrap();
        let id = document(1).id;
        writer.engine.delete_term(index.fields().document_term(id));
        let mut commit = writer.commit.clone();
        vectors::append(dir.path(), &mut commit, &[vec![0.5, 0.5]]).unwrap();
        writer.recover();
        assert!(!writer.stopped);
        writer.apply(vec![Change::Put(document(2))], 2).unwrap();
        assert_eq!(index.stats().unwrap().documents, 2);
        assert_eq!(writer.commit.rows, 2);
    }

    #[test]
    fn many_small_commits_are_merged_and_dead_vectors_leave() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let mut writer = index.writer().unwrap();
        let mut big = document(1);
        big.passages = vec![big.passages[0].clone(); COMPACT_ROWS_MIN as usize];
        for position in 1..=3 {
            writer
                .apply(vec![Change::Put(big.clone())], position)
                .unwrap();
        }
        assert!(writer.commit.generation >= 1);
        assert!(writer.commit.rows < 3 * COMPACT_ROWS_MIN);
        for position in 4..30 {
            writer
                .apply(vec![Change::Put(document(position as u8))], position)
                .unwrap();
        }
        assert!(index.engine().searchable_segment_ids().unwrap().len() < 12);
        assert_eq!(index.stats().unwrap().vectors, COMPACT_ROWS_MIN + 26);
    }
}

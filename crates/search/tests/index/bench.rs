//! A small town in an index, and helpers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use domain::{ArtifactName, DocumentId, Span, Timestamp};
use search::{Change, Index, IndexedDocument, IndexedPassage, Mode, Query, Reader, Results};

pub(crate) fn id(n: u8) -> DocumentId {
    DocumentId::from_bytes([n; 16])
}

/// A document of one passage a text, without vectors.
pub(crate) fn document(n: u8, texts: &[&str]) -> IndexedDocument {
    let mut start = 0;
    let passages = texts.iter().map(|text| {
        let span = Span::new(start, start + text.len() as u32);
        start = span.end + 1;
        IndexedPassage {
            span,
            page: 1,
            text: (*text).to_owned(),
            section: None,
            language: None,
            vector: None,
        }
    });
    IndexedDocument {
        id: id(n),
        name: format!("piece-{n}.pdf"),
        title: None,
        pipeline: "courrier".parse().unwrap(),
        service: None,
        also: Vec::new(),
        readers: Vec::new(),
        language: Some("fr".to_owned()),
        media_type: "application/pdf".to_owned(),
        received_at: moment(i64::from(n)),
        place: None,
        first: id(n),
        text_version: ArtifactName::from_bytes([n; 32]),
        passages: passages.collect(),
    }
}

pub(crate) fn moment(day: i64) -> Timestamp {
    Timestamp::from_micros(day * 86_400_000_000).unwrap()
}

pub(crate) fn with_vectors(mut document: IndexedDocument, vectors: &[[f32; 4]]) -> IndexedDocument {
    for (passage, vector) in document.passages.iter_mut().zip(vectors) {
        passage.vector = Some(vector.to_vec());
    }
    document
}

pub(crate) fn of_service(mut document: IndexedDocument, service: &str) -> IndexedDocument {
    document.service = Some(service.parse().unwrap());
    document
}

pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) index: Index,
}

impl Bench {
    pub(crate) fn new(documents: Vec<IndexedDocument>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let bench = Self { dir, index };
        bench.apply(documents.into_iter().map(Change::Put).collect(), 1);
        bench
    }

    pub(crate) fn apply(&self, changes: Vec<Change>, position: u64) {
        self.index
            .writer()
            .unwrap()
            .apply(changes, position)
            .unwrap();
    }

    pub(crate) fn lexical(&self, text: &str) -> Results {
        let mut query = Query::new(text, Reader::All);
        query.mode = Mode::Lexical;
        self.index.search(&query).unwrap()
    }

    /// The documents found by words, best first.
    pub(crate) fn check(&self, text: &str, expected: &[u8]) {
        let found: Vec<_> = self
            .lexical(text)
            .hits
            .iter()
            .map(|h| h.document.as_bytes()[0])
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    pub(crate) fn vectors_file(&self) -> PathBuf {
        files(self.dir.path())
            .into_iter()
            .find(|p| {
                p.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with("vectors-")
            })
            .unwrap()
    }
}

pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect()
}

pub(crate) fn holds(dir: &Path, bytes: &[u8]) -> bool {
    files(dir).iter().any(|file| {
        let content = fs::read(file).unwrap();
        content.windows(bytes.len()).any(|w| w == bytes)
    })
}

pub(crate) fn services(names: &[&str], include_unrouted: bool) -> Reader {
    Reader::Services {
        services: names.iter().map(|n| n.parse().unwrap()).collect(),
        pipelines: BTreeSet::new(),
        include_unrouted,
    }
}

pub(crate) const NORTH: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
pub(crate) const EAST: [f32; 4] = [0.0, 1.0, 0.0, 0.0];
pub(crate) const NORTH_EAST: [f32; 4] = [0.7, 0.7, 0.0, 0.0];
pub(crate) const DOWN: [f32; 4] = [0.0, 0.0, -1.0, 0.0];

pub(crate) fn town() -> Vec<IndexedDocument> {
    vec![
        of_service(
            with_vectors(
                document(1, &["éclairage de la rue", "lampadaire"]),
                &[NORTH, EAST],
            ),
            "voirie",
        ),
        of_service(
            with_vectors(document(2, &["éclairage du stade 2024-118"]), &[NORTH_EAST]),
            "sports",
        ),
        with_vectors(document(3, &["éclairage sans service"]), &[NORTH]),
        of_service(
            with_vectors(
                document(4, &["voirie, éclairage et trottoirs, éclairage"]),
                &[EAST],
            ),
            "voirie",
        ),
    ]
}

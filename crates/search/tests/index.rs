//! What an index promises, through its public face.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use domain::{ArtifactName, DocumentId, Span, Timestamp};
use search::{
    Change, Filters, Index, IndexedDocument, IndexedPassage, Mode, Query, Reader, Results,
    SearchError,
};

fn id(n: u8) -> DocumentId {
    DocumentId::from_bytes([n; 16])
}

/// A document of one passage a text, without vectors.
fn document(n: u8, texts: &[&str]) -> IndexedDocument {
    let mut start = 0;
    let passages = texts.iter().map(|text| {
        let span = Span::new(start, start + text.len() as u32);
        start = span.end + 1;
        IndexedPassage {
            span,
            page: 1,
            text: (*text).to_owned(),
            section: None,
            vector: None,
        }
    });
    IndexedDocument {
        id: id(n),
        name: format!("piece-{n}.pdf"),
        title: None,
        pipeline: "courrier".parse().unwrap(),
        service: None,
        language: Some("fr".to_owned()),
        media_type: "application/pdf".to_owned(),
        received_at: moment(i64::from(n)),
        text_version: ArtifactName::from_bytes([n; 32]),
        passages: passages.collect(),
    }
}

fn moment(day: i64) -> Timestamp {
    Timestamp::from_micros(day * 86_400_000_000).unwrap()
}

fn with_vectors(mut document: IndexedDocument, vectors: &[[f32; 4]]) -> IndexedDocument {
    for (passage, vector) in document.passages.iter_mut().zip(vectors) {
        passage.vector = Some(vector.to_vec());
    }
    document
}

fn of_service(mut document: IndexedDocument, service: &str) -> IndexedDocument {
    document.service = Some(service.parse().unwrap());
    document
}

struct Bench {
    dir: tempfile::TempDir,
    index: Index,
}

impl Bench {
    fn new(documents: Vec<IndexedDocument>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let bench = Self { dir, index };
        bench.apply(documents.into_iter().map(Change::Put).collect(), 1);
        bench
    }

    fn apply(&self, changes: Vec<Change>, position: u64) {
        self.index
            .writer()
            .unwrap()
            .apply(changes, position)
            .unwrap();
    }

    fn lexical(&self, text: &str) -> Results {
        let mut query = Query::new(text, Reader::All);
        query.mode = Mode::Lexical;
        self.index.search(&query).unwrap()
    }

    /// The documents found by words, best first.
    fn check(&self, text: &str, expected: &[u8]) {
        let found: Vec<_> = self
            .lexical(text)
            .hits
            .iter()
            .map(|h| h.document.as_bytes()[0])
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    fn vectors_file(&self) -> PathBuf {
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

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect()
}

fn holds(dir: &Path, bytes: &[u8]) -> bool {
    files(dir).iter().any(|file| {
        let content = fs::read(file).unwrap();
        content.windows(bytes.len()).any(|w| w == bytes)
    })
}

fn services(names: &[&str], include_unrouted: bool) -> Reader {
    Reader::Services {
        services: names.iter().map(|n| n.parse().unwrap()).collect(),
        include_unrouted,
    }
}

const NORTH: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
const EAST: [f32; 4] = [0.0, 1.0, 0.0, 0.0];
const NORTH_EAST: [f32; 4] = [0.7, 0.7, 0.0, 0.0];
const DOWN: [f32; 4] = [0.0, 0.0, -1.0, 0.0];

#[test]
fn french_is_found_as_people_type_it() {
    let bench = Bench::new(vec![
        document(1, &["L’éclairage public de la rue des Lilas est en panne."]),
        document(2, &["La délibération n° 2024-118 du conseil municipal."]),
        document(
            3,
            &["Vu l'article L. 231-1 du code, et l'employée concernée."],
        ),
        document(4, &["SIRET 130 025 265 00013, association des Tilleuls."]),
        document(5, &["Demande de subventions : conseil de prud'hommes."]),
        document(6, &["La mise en demeure, puis le départ à pied."]),
        document(7, &["Une mise à pied de trois jours."]),
    ]);
    for (text, expected) in [
        ("eclairages", &[1][..]),
        ("d'éclairage", &[1]),
        ("ECLAIRAGE PUBLIC", &[1]),
        ("2024-118", &[2]),
        ("n°2024‑118", &[2]),
        ("L231-1", &[3]),
        ("l. 231-1", &[3]),
        ("231-1", &[3]),
        ("employee", &[3]),
        ("employées", &[3]),
        ("13002526500013", &[4]),
        ("130 025 265 00013", &[4]),
        ("subvention", &[5]),
        ("prudhommes", &[5]),
        ("prud’hommes", &[5]),
        ("\"mise à pied\"", &[7, 6]),
        ("\"mise a pied\"", &[7, 6]),
        ("tille*", &[4]),
        ("éclair*", &[1]),
        ("piece-3", &[3, 1, 2, 4, 5, 6, 7]),
        ("absent", &[]),
    ] {
        bench.check(text, expected);
    }
}

#[test]
fn a_mistyped_word_is_found_only_when_it_is_nowhere() {
    let bench = Bench::new(vec![
        document(1, &["Procédure de licenciement"]),
        document(2, &["Demande de subvention"]),
        of_service(document(3, &["La subvencion"]), "sports"),
    ]);
    bench.check("licencement", &[1]);
    bench.check("subvencion", &[3]);
    // What is written so out of reach does not stop the guess.
    let mut query = Query::new("subvencion", services(&[], true));
    query.mode = Mode::Lexical;
    let found = bench.index.search(&query).unwrap().hits;
    assert_eq!(
        found.iter().map(|h| h.document).collect::<Vec<_>>(),
        [id(2)]
    );
}

#[test]
fn words_that_stand_together_as_asked_come_first() {
    let bench = Bench::new(vec![
        document(1, &["Le congé parental et la paternité contestée"]),
        document(2, &["La paternité contestée et le congé de paternité"]),
        document(
            3,
            &["Une paternité reconnue, un congé parental puis la contestée"],
        ),
    ]);
    assert_eq!(bench.lexical("congé de paternité").hits[0].document, id(2));
}

#[test]
fn each_language_has_its_analyser() {
    let mut english = document(2, &["Complaints about the bridges and street lighting."]);
    english.language = Some("en".to_owned());
    let mut unknown = document(3, &["Les réclamations des riverains"]);
    unknown.language = None;
    let bench = Bench::new(vec![
        document(1, &["Réclamation d'un riverain"]),
        english,
        unknown,
    ]);
    bench.check("complaint bridge", &[2]);
    bench.check("réclamation riverain", &[1, 3]);
}

#[test]
fn titles_names_and_sections_are_searched() {
    let mut titled = document(1, &["Rien de particulier."]);
    titled.title = Some("Règlement du cimetière".to_owned());
    let mut empty = document(2, &[]);
    empty.name = "arrete-cimetiere-77.tif".to_owned();
    let mut sectioned = document(3, &["Horaires d'ouverture."]);
    sectioned.passages[0].section = Some("Cimetières".to_owned());
    let bench = Bench::new(vec![titled, empty, sectioned]);
    let found: BTreeSet<_> = bench
        .lexical("cimetière")
        .hits
        .iter()
        .map(|h| h.document)
        .collect();
    assert_eq!(found, BTreeSet::from([id(1), id(2), id(3)]));
    let hit = &bench.lexical("arrete-cimetiere-77.tif").hits[0];
    assert_eq!(
        (hit.document, hit.span, hit.exact),
        (id(2), Span::default(), 1)
    );
}

#[test]
fn an_exact_reference_or_phrase_comes_before_everything() {
    let bench = Bench::new(vec![
        with_vectors(
            document(
                1,
                &["Délibération, délibération du conseil sur la délibération 2024-119"],
            ),
            &[NORTH],
        ),
        with_vectors(
            document(
                2,
                &["Annexe technique longue et sans rapport : voir 2024-118"],
            ),
            &[DOWN],
        ),
        with_vectors(document(3, &["Le budget primitif"]), &[NORTH]),
    ]);
    let mut query = Query::new("délibération 2024-118", Reader::All);
    query.vector = Some(NORTH.to_vec());
    for mode in [Mode::Lexical, Mode::Hybrid] {
        query.mode = mode;
        let hits = bench.index.search(&query).unwrap().hits;
        assert_eq!((hits[0].document, hits[0].exact), (id(2), 1), "{mode:?}");
        assert!(hits.windows(2).all(|w| w[0].score >= w[1].score));
    }
    query.text = "\"budget primitif\" délibération".to_owned();
    query.mode = Mode::Hybrid;
    assert_eq!(bench.index.search(&query).unwrap().hits[0].document, id(3));
}

#[test]
fn meaning_finds_what_shares_no_word() {
    let bench = Bench::new(vec![
        with_vectors(document(1, &["alpha"]), &[NORTH]),
        with_vectors(document(2, &["beta", "gamma"]), &[EAST, NORTH_EAST]),
        with_vectors(document(3, &["delta"]), &[DOWN]),
        document(4, &["north"]),
    ]);
    let mut query = Query::new("north", Reader::All);
    query.vector = Some(NORTH.to_vec());
    query.mode = Mode::Meaning;
    let results = bench.index.search(&query).unwrap();
    let found: Vec<_> = results.hits.iter().map(|h| (h.document, h.span)).collect();
    assert_eq!(found, [(id(1), Span::new(0, 5)), (id(2), Span::new(5, 10))]);
    assert!((results.hits[0].meaning - 1.0).abs() < 1e-3);
    assert!((results.hits[1].meaning - 0.7071).abs() < 1e-2);
    assert_eq!(
        results.hits[0].text_version,
        ArtifactName::from_bytes([1; 32])
    );
    query.mode = Mode::Hybrid;
    let hybrid: Vec<_> = bench
        .index
        .search(&query)
        .unwrap()
        .hits
        .iter()
        .map(|h| h.document)
        .collect();
    assert_eq!(hybrid, [id(4), id(1), id(2)]);
    query.vector = None;
    let lexical: Vec<_> = bench
        .index
        .search(&query)
        .unwrap()
        .hits
        .iter()
        .map(|h| h.document)
        .collect();
    assert_eq!(lexical, [id(4)]);
    query.mode = Mode::Meaning;
    assert!(matches!(
        bench.index.search(&query),
        Err(SearchError::NoVector)
    ));
    query.vector = Some(vec![1.0; 3]);
    assert!(matches!(
        bench.index.search(&query),
        Err(SearchError::VectorLength {
            found: 3,
            expected: 4
        })
    ));
}

fn town() -> Vec<IndexedDocument> {
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

/// Rights: a reader's results are those of an index that holds nothing else.
#[test]
fn what_is_out_of_reach_changes_nothing() {
    let all = Bench::new(town());
    for reader in [
        services(&["voirie"], false),
        services(&["voirie", "sports"], false),
        services(&[], true),
        services(&["voirie"], true),
        services(&[], false),
        services(&["_unrouted"[1..].as_ref()], false),
        Reader::All,
    ] {
        let within = town().into_iter().filter(|d| match (&reader, &d.service) {
            (Reader::All, _) => true,
            (
                Reader::Services {
                    include_unrouted, ..
                },
                None,
            ) => *include_unrouted,
            (Reader::Services { services, .. }, Some(s)) => services.contains(s),
        });
        let within: Vec<_> = within.collect();
        let count = within.len() as u64;
        let alone = Bench::new(within);
        for mode in [Mode::Lexical, Mode::Meaning, Mode::Hybrid] {
            for text in [
                "éclairage",
                "éclairage voirie",
                "2024-118",
                "\"du stade\"",
                "lamp*",
                "la",
            ] {
                let mut query = Query::new(text, reader.clone());
                query.mode = mode;
                query.vector = Some(NORTH_EAST.to_vec());
                let found = all.index.search(&query).unwrap();
                let mut query = Query::new(text, Reader::All);
                query.mode = mode;
                query.vector = (count > 0).then(|| NORTH_EAST.to_vec());
                if count == 0 {
                    assert_eq!(
                        (found.hits.len(), found.documents, found.passages),
                        (0, 0, 0)
                    );
                } else {
                    assert_eq!(
                        found,
                        alone.index.search(&query).unwrap(),
                        "{reader:?} {mode:?} {text}"
                    );
                }
            }
        }
    }
}

#[test]
fn filters_narrow_and_never_widen() {
    let bench = Bench::new(town());
    let check = |reader: Reader, filters: Filters, expected: &[u8]| {
        for mode in [Mode::Lexical, Mode::Hybrid] {
            let mut query = Query::new("éclairage", reader.clone());
            query.mode = mode;
            query.vector = Some(NORTH.to_vec());
            query.filters = filters.clone();
            let results = bench.index.search(&query).unwrap();
            let found: BTreeSet<u8> = results
                .hits
                .iter()
                .map(|h| h.document.as_bytes()[0])
                .collect();
            assert_eq!(found, expected.iter().copied().collect(), "{filters:?}");
            assert_eq!(results.documents, expected.len() as u64);
        }
    };
    let none = Filters::default;
    let sports = Filters {
        service: Some("sports".parse().unwrap()),
        ..none()
    };
    check(Reader::All, sports.clone(), &[2]);
    check(services(&["voirie"], true), sports, &[]);
    check(
        Reader::All,
        Filters {
            from: Some(moment(2)),
            until: Some(moment(4)),
            ..none()
        },
        &[2, 3],
    );
    check(
        services(&["sports"], false),
        Filters {
            until: Some(moment(3)),
            ..none()
        },
        &[2],
    );
    check(
        Reader::All,
        Filters {
            language: Some("fr-FR".into()),
            ..none()
        },
        &[1, 2, 3, 4],
    );
    check(
        Reader::All,
        Filters {
            language: Some("en".into()),
            ..none()
        },
        &[],
    );
    check(
        Reader::All,
        Filters {
            pipeline: Some("autre".parse().unwrap()),
            ..none()
        },
        &[],
    );
}

#[test]
fn a_document_put_again_is_one_and_removed_is_none() {
    let bench = Bench::new(town());
    bench.apply(town().into_iter().map(Change::Put).collect(), 2);
    let twice = vec![
        Change::Put(document(1, &["trottoir"])),
        Change::Put(document(1, &["trottoir"])),
    ];
    bench.apply(twice, 3);
    let stats = bench.index.stats().unwrap();
    assert_eq!(
        (
            stats.documents,
            stats.passages,
            stats.vectors,
            stats.position
        ),
        (4, 4, 3, 3)
    );
    bench.check("trottoir", &[1, 4]);
    assert_eq!(bench.lexical("lampadaire").documents, 0);
    bench.apply(vec![Change::Remove(id(4)), Change::Remove(id(99))], 4);
    bench.check("trottoir", &[1]);
    let mut query = Query::new("", Reader::All);
    query.mode = Mode::Meaning;
    query.vector = Some(EAST.to_vec());
    assert_eq!(bench.index.search(&query).unwrap().hits.len(), 1);
    assert_eq!(
        bench.index.documents().unwrap(),
        BTreeSet::from([id(1), id(2), id(3)])
    );
}

/// The same documents in another order, one commit each, with changes of mind on the way.
#[test]
fn history_changes_no_result() {
    let straight = Bench::new(town());
    let winding = Bench::new(Vec::new());
    let mut position = 1;
    for document in town().into_iter().rev() {
        for changes in [
            vec![Change::Put(with_vectors(
                self::document(50, &["éclairage voirie rue"]),
                &[EAST],
            ))],
            vec![Change::Put(document.clone()), Change::Remove(id(50))],
            vec![Change::Remove(document.id)],
            vec![Change::Put(document)],
        ] {
            position += 1;
            winding.apply(changes, position);
        }
    }
    for mode in [Mode::Lexical, Mode::Meaning, Mode::Hybrid] {
        for text in ["éclairage", "rue stade voirie éclairage", "2024-118"] {
            let mut query = Query::new(text, Reader::All);
            query.mode = mode;
            query.vector = Some(NORTH_EAST.to_vec());
            let mut left = straight.index.search(&query).unwrap();
            let right = winding.index.search(&query).unwrap();
            left.position = right.position;
            assert_eq!(left, right, "{mode:?} {text}");
        }
    }
}

#[test]
fn ties_are_broken_by_document_then_place() {
    let bench = Bench::new(vec![
        document(9, &["le budget", "le budget"]),
        document(2, &["le budget", "le budget"]),
    ]);
    let results = bench.lexical("budget");
    let found: Vec<_> = results
        .hits
        .iter()
        .map(|h| (h.document, h.span.start, h.passages))
        .collect();
    assert_eq!(found, [(id(2), 0, 2), (id(9), 0, 2)]);
    assert_eq!((results.documents, results.passages), (2, 4));
}

#[test]
fn rows_that_no_commit_counts_are_cut() {
    let bench = Bench::new(town());
    let file = bench.vectors_file();
    let committed = fs::metadata(&file).unwrap().len();
    for garbage in [1usize, 15, 16, 17, 1000] {
        fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .unwrap()
            .write_all(&vec![0xab; garbage])
            .unwrap();
        let mut query = Query::new("éclairage", Reader::All);
        query.vector = Some(NORTH.to_vec());
        let again = Index::open(bench.dir.path()).unwrap();
        assert_eq!(
            again.search(&query).unwrap(),
            bench.index.search(&query).unwrap()
        );
        drop(bench.index.writer().unwrap());
        assert_eq!(fs::metadata(&file).unwrap().len(), committed);
    }
    bench.apply(
        vec![Change::Put(with_vectors(
            document(5, &["éclairage"]),
            &[DOWN],
        ))],
        2,
    );
    let mut query = Query::new("", Reader::All);
    query.mode = Mode::Meaning;
    query.vector = Some(DOWN.to_vec());
    assert_eq!(bench.index.search(&query).unwrap().hits[0].document, id(5));
}

/// A copy of the folder at a moment between two commits is what a crash leaves.
#[test]
fn a_writer_that_dies_leaves_the_last_commit() {
    let bench = Bench::new(town());
    let before = bench.lexical("éclairage");
    let copy = tempfile::tempdir().unwrap();
    let meta = bench.dir.path().join("meta.json");
    let old_meta = fs::read(&meta).unwrap();
    bench.apply(
        vec![
            Change::Put(with_vectors(document(7, &["éclairage nouveau"]), &[DOWN])),
            Change::Remove(id(1)),
        ],
        9,
    );
    for file in files(bench.dir.path()) {
        let name = file.file_name().unwrap();
        fs::copy(&file, copy.path().join(name)).unwrap();
    }
    // Everything was written but the file that makes it count.
    fs::write(copy.path().join("meta.json"), old_meta).unwrap();
    let crashed = Index::open(copy.path()).unwrap();
    assert_eq!(crashed.position(), 1);
    let mut query = Query::new("éclairage", Reader::All);
    query.mode = Mode::Lexical;
    assert_eq!(crashed.search(&query).unwrap(), before);
    let mut writer = crashed.writer().unwrap();
    assert_eq!(writer.position(), 1);
    writer
        .apply(
            vec![
                Change::Put(with_vectors(document(7, &["éclairage nouveau"]), &[DOWN])),
                Change::Remove(id(1)),
            ],
            9,
        )
        .unwrap();
    assert_eq!(crashed.search(&query).unwrap(), bench.lexical("éclairage"));
    query.mode = Mode::Meaning;
    query.vector = Some(DOWN.to_vec());
    assert_eq!(
        crashed.search(&query).unwrap(),
        bench.index.search(&query).unwrap()
    );
}

#[test]
fn a_refused_batch_changes_nothing() {
    let bench = Bench::new(town());
    let before = bench.index.stats().unwrap();
    let mut writer = bench.index.writer().unwrap();
    let mut wrong = document(8, &["un", "deux"]);
    wrong.passages[1].vector = Some(vec![1.0, 0.0]);
    let batch = vec![Change::Put(document(7, &["sept"])), Change::Put(wrong)];
    assert!(matches!(
        writer.apply(batch, 5),
        Err(SearchError::VectorLength {
            found: 2,
            expected: 4
        })
    ));
    assert!(matches!(
        writer.apply(Vec::new(), 0),
        Err(SearchError::PositionBehind {
            asked: 0,
            current: 1
        })
    ));
    writer.apply(vec![Change::Remove(id(99))], 5).unwrap();
    assert_eq!(
        bench.index.documents().unwrap().len() as u64,
        before.documents
    );
    assert_eq!(bench.lexical("sept").documents, 0);
    assert_eq!(bench.index.position(), 5);
}

#[test]
fn one_writer_at_a_time() {
    let bench = Bench::new(Vec::new());
    let writer = bench.index.writer().unwrap();
    assert!(matches!(
        bench.index.writer(),
        Err(SearchError::WriterBusy { .. })
    ));
    let other = Index::open(bench.dir.path()).unwrap();
    assert!(matches!(
        other.writer(),
        Err(SearchError::WriterBusy { .. })
    ));
    drop(writer);
    assert!(other.writer().is_ok());
}

#[test]
fn readers_see_each_commit_while_another_writes() {
    let bench = Bench::new(town());
    let other = Index::open(bench.dir.path()).unwrap();
    let mut writer = bench.index.writer().unwrap();
    for n in 10..40 {
        let one = with_vectors(document(n, &["passage nouveau"]), &[NORTH]);
        writer.apply(vec![Change::Put(one)], u64::from(n)).unwrap();
        let mut query = Query::new("nouveau", Reader::All);
        query.mode = Mode::Lexical;
        let results = other.search(&query).unwrap();
        assert_eq!(
            (results.documents, results.position),
            (u64::from(n) - 9, u64::from(n))
        );
    }
}

#[test]
fn purged_words_leave_the_files() {
    let bench = Bench::new(vec![
        with_vectors(document(1, &["un secret : zyxwabc"]), &[NORTH]),
        with_vectors(document(2, &["public"]), &[EAST]),
    ]);
    let stored = ["un secret : zyxwabc", "piece-1.pdf", "courrier public"];
    assert!(
        stored
            .iter()
            .all(|text| !holds(bench.dir.path(), text.as_bytes()))
    );
    let rows = fs::metadata(bench.vectors_file()).unwrap().len();
    let mut writer = bench.index.writer().unwrap();
    writer.apply(vec![Change::Remove(id(1))], 2).unwrap();
    writer.purge().unwrap();
    bench.check("public", &[2]);
    assert!(fs::metadata(bench.vectors_file()).unwrap().len() < rows);
    let mut query = Query::new("", Reader::All);
    query.mode = Mode::Meaning;
    query.vector = Some(EAST.to_vec());
    assert_eq!(bench.index.search(&query).unwrap().hits[0].document, id(2));
    assert!(!holds(bench.dir.path(), b"zyxwabc"));
    assert!(!holds(bench.dir.path(), id(1).as_bytes()));
    writer.apply(vec![Change::Remove(id(2))], 3).unwrap();
    writer.purge().unwrap();
    assert_eq!(bench.index.stats().unwrap().documents, 0);
    // Nothing is left, so vectors of another length may come.
    let mut other = document(3, &["autre"]);
    other.passages[0].vector = Some(vec![1.0, 2.0]);
    writer.apply(vec![Change::Put(other)], 4).unwrap();
    assert_eq!(bench.index.stats().unwrap().vector_values, 2);
}

#[test]
fn an_index_of_another_format_is_refused() {
    let bench = Bench::new(town());
    let meta = bench.dir.path().join("meta.json");
    let text = fs::read_to_string(&meta).unwrap();
    let changed = text.replace("\\\"format\\\":1", "\\\"format\\\":9");
    assert_ne!(text, changed);
    fs::write(&meta, changed).unwrap();
    assert!(matches!(
        Index::open(bench.dir.path()),
        Err(SearchError::OtherFormat { .. })
    ));
}

#[test]
fn hostile_queries_are_only_queries() {
    let bench = Bench::new(town());
    let long = "éclairage ".repeat(50_000);
    let digits = "1 ".repeat(10_000);
    for text in [
        "",
        " ",
        "\"",
        "\"éclairage",
        "éclairage\"",
        "«»",
        "***",
        "é*",
        "*éclairage",
        "🎉 🎉",
        "+-(){}[]^~:\\/",
        "AND OR NOT",
        "body:éclairage",
        "\u{0}\u{301}\u{200b}",
        "'''",
        "\"de la\"",
        "\"🎉\"",
        "a\"b\"c\"",
        &long,
        &digits,
    ] {
        for mode in [Mode::Lexical, Mode::Meaning, Mode::Hybrid] {
            let mut query = Query::new(text, services(&["voirie"], true));
            query.mode = mode;
            query.vector = Some(NORTH.to_vec());
            query.limit = usize::MAX;
            let results = bench.index.search(&query).unwrap();
            assert!(results.hits.iter().all(|h| h.score.is_finite()));
        }
    }
    bench.check("\"éclairage du stade", &[2, 4, 1, 3]);
}

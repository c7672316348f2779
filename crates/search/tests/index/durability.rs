//! Changes, histories, crashes, erasure.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;

use search::{Change, Index, Mode, Query, Reader, SearchError};

use crate::bench::{
    Bench, DOWN, EAST, NORTH, NORTH_EAST, document, files, holds, id, town, with_vectors,
};

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
    let changed = text.replace("\\\"format\\\":4", "\\\"format\\\":9");
    assert_ne!(text, changed);
    fs::write(&meta, changed).unwrap();
    assert!(matches!(
        Index::open(bench.dir.path()),
        Err(SearchError::OtherFormat { .. })
    ));
}

#[test]
fn a_first_vector_half_written_is_cut() {
    let bench = Bench::new(Vec::new());
    for length in [0, 7, 16, 20, 500] {
        fs::write(bench.dir.path().join("vectors-0.bin"), vec![0x55; length]).unwrap();
        assert_eq!(bench.index.stats().unwrap().vectors, 0);
        drop(bench.index.writer().unwrap());
    }
    bench.apply(town().into_iter().map(Change::Put).collect(), 2);
    assert_eq!(bench.index.stats().unwrap().vectors, 5);
}

#[test]
fn an_index_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    fn sent<T: Send>() {}
    shared::<Index>();
    sent::<search::IndexWriter>();
}

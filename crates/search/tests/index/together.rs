//! What documents have in common, copies, likeness, words begun: always within rights.

use domain::DocumentId;
use search::{Facet, FileKind, Filters, Index, IndexedDocument, Mode, Query, Reader};

use crate::bench::{
    Bench, EAST, NORTH, NORTH_EAST, document, id, of_service, services, with_vectors,
};

fn placed(mut document: IndexedDocument, place: &str, media_type: &str) -> IndexedDocument {
    document.place = Some(place.to_owned());
    document.media_type = media_type.to_owned();
    document
}

fn copy_of(mut document: IndexedDocument, first: u8) -> IndexedDocument {
    document.first = id(first);
    document
}

fn quarter() -> Bench {
    let one = |n, text, service, place| {
        let document = with_vectors(document(n, &[text]), &[NORTH]);
        placed(of_service(document, service), place, "application/pdf")
    };
    Bench::new(vec![
        one(1, "éclairage de la rue", "voirie", "Les Tilleuls"),
        one(2, "éclairage du stade", "sports", "Les Tilleuls"),
        one(3, "éclairage du square", "voirie", "Valmont"),
        placed(
            with_vectors(
                document(4, &["éclairage", "éclairage encore"]),
                &[NORTH, NORTH],
            ),
            "Valmont",
            "message/rfc822",
        ),
        one(5, "poubelles", "voirie", "Valmont"),
    ])
}

fn counts(bench: &Bench, query: &Query, facet: Facet) -> Vec<(String, u64)> {
    let results = bench.index.search(query).unwrap();
    let values = results.facets.of(facet).into_iter();
    values.map(|(value, n)| (value.to_owned(), n)).collect()
}

fn asked(text: &str, mode: Mode) -> Query {
    let mut query = Query::new(text, Reader::All);
    query.mode = mode;
    query.vector = Some(NORTH.to_vec());
    query.facets = true;
    query.limit = 1;
    query
}

/// A document of several services is one document, found, counted and within reach under each.
#[test]
fn a_document_of_several_services_is_found_under_each() {
    let mut shared = of_service(
        with_vectors(
            document(1, &["éclairage de la crèche", "éclairage encore"]),
            &[NORTH, NORTH],
        ),
        "voirie",
    );
    shared.also = vec!["ccas".parse().unwrap(), "sports".parse().unwrap()];
    let alone = of_service(
        with_vectors(document(2, &["éclairage"]), &[NORTH]),
        "voirie",
    );
    let bench = Bench::new(vec![shared, alone]);
    let query = asked("éclairage", Mode::Hybrid);
    let expected = [("voirie", 2), ("ccas", 1), ("sports", 1)];
    assert_eq!(
        counts(&bench, &query, Facet::Service),
        expected.map(|(service, n)| (service.to_owned(), n))
    );
    for (service, documents) in [("voirie", 2), ("ccas", 1), ("sports", 1), ("culture", 0)] {
        let mut query = asked("éclairage", Mode::Hybrid);
        query.filters.service = Some(service.parse().unwrap());
        assert_eq!(bench.index.search(&query).unwrap().documents, documents);
        let mut query = asked("éclairage", Mode::Hybrid);
        query.reader = services(&[service], false);
        assert_eq!(bench.index.search(&query).unwrap().documents, documents);
    }
}

/// Counts are of documents, not of passages, and of all that are found, not of those returned.
#[test]
fn facets_count_every_document_found_in_every_mode() {
    let bench = quarter();
    for (mode, services, places) in [
        (Mode::Lexical, [2, 1, 1].as_slice(), [2, 2]),
        (Mode::Meaning, &[3, 1, 1], [3, 2]),
        (Mode::Hybrid, &[3, 1, 1], [3, 2]),
    ] {
        let query = asked("éclairage", mode);
        let of = |facet| counts(&bench, &query, facet);
        let numbers = |facet| -> Vec<u64> { of(facet).into_iter().map(|(_, n)| n).collect() };
        assert_eq!(numbers(Facet::Service), services, "{mode:?}");
        assert_eq!(numbers(Facet::Place), places, "{mode:?}");
        let found = bench.index.search(&query).unwrap();
        assert_eq!(numbers(Facet::Year).iter().sum::<u64>(), found.documents);
        assert_eq!(found.hits.len(), 1);
        assert!(of(Facet::Service).contains(&(String::new(), 1)), "{mode:?}");
        assert_eq!(of(Facet::Year)[0].0, "1970");
    }
}

/// What a filter chose does not hide what another choice of the same would give.
#[test]
fn a_facet_that_is_filtered_by_counts_what_the_others_leave() {
    let bench = quarter();
    let mut query = asked("éclairage", Mode::Lexical);
    query.filters.place = Some("Valmont".to_owned());
    let of = |query: &Query, facet| {
        let mut values = counts(&bench, query, facet);
        values.sort();
        values
    };
    let value = |value: &str, n| (value.to_owned(), n);
    assert_eq!(
        of(&query, Facet::Place),
        [value("Les Tilleuls", 2), value("Valmont", 2)]
    );
    assert_eq!(
        of(&query, Facet::Service),
        [value("", 1), value("voirie", 1)]
    );
    query.filters.kind = Some(FileKind::Pdf);
    assert_eq!(
        of(&query, Facet::Place),
        [value("Les Tilleuls", 2), value("Valmont", 1)]
    );
    assert_eq!(of(&query, Facet::Kind), [value("mail", 1), value("pdf", 1)]);
    assert_eq!(bench.index.search(&query).unwrap().documents, 1);
    query.filters = Filters {
        year: Some(1971),
        ..Filters::default()
    };
    assert_eq!(bench.index.search(&query).unwrap().documents, 0);
}

#[test]
fn counts_and_words_begun_know_nothing_of_what_is_out_of_reach() {
    let bench = quarter();
    let sports = services(&["sports"], false);
    let mut query = asked("éclairage", Mode::Hybrid);
    query.reader = sports.clone();
    assert_eq!(
        counts(&bench, &query, Facet::Service),
        [("sports".to_owned(), 1)]
    );
    assert_eq!(
        counts(&bench, &query, Facet::Place),
        [("Les Tilleuls".to_owned(), 1)]
    );
    let suggest = |text, reader: &Reader| {
        let all = bench.index.suggest(text, reader, 10).unwrap().into_iter();
        all.map(|s| (s.text, s.passages)).collect::<Vec<_>>()
    };
    assert_eq!(
        suggest("le pou", &Reader::All),
        [("le poubelles".to_owned(), 1)]
    );
    assert_eq!(suggest("le pou", &sports), []);
    assert_eq!(suggest("ecl", &sports), [("éclairage".to_owned(), 1)]);
    assert_eq!(suggest("ÉCL", &Reader::All), [("éclairage".to_owned(), 5)]);
    for nothing in ["", "é", "éclairage ", "zzz", "\u{0}", "«"] {
        assert_eq!(suggest(nothing, &Reader::All), [], "{nothing}");
    }
    assert!(bench.index.direction(id(1), &sports).unwrap().is_none());
    assert!(bench.index.direction(id(2), &sports).unwrap().is_some());
}

#[test]
fn copies_are_one_hit_and_all_are_counted() {
    let bench = Bench::new(vec![
        with_vectors(document(1, &["éclairage"]), &[NORTH]),
        copy_of(with_vectors(document(2, &["éclairage"]), &[NORTH]), 1),
        copy_of(
            of_service(
                with_vectors(document(3, &["éclairage"]), &[NORTH]),
                "voirie",
            ),
            1,
        ),
        with_vectors(document(4, &["éclairage aussi"]), &[EAST]),
    ]);
    let results = bench
        .index
        .search(&asked("éclairage", Mode::Lexical))
        .unwrap();
    assert_eq!(results.documents, 4);
    assert_eq!(results.hits[0].document, id(1));
    assert_eq!(results.hits[0].same, [id(2), id(3)]);
    // Whoever may see one copy alone gets that one.
    let mut query = asked("éclairage", Mode::Lexical);
    query.reader = services(&["voirie"], false);
    let results = bench.index.search(&query).unwrap();
    assert_eq!(
        (results.hits[0].document, results.hits[0].same.len()),
        (id(3), 0)
    );
}

/// More copies than there is room for among the best: the next document is found all the same.
#[test]
fn copies_do_not_push_others_out() {
    let mut documents: Vec<_> = (1..=200)
        .map(|n| copy_of(document(n, &["éclairage éclairage"]), 1))
        .collect();
    documents.push(document(250, &["éclairage de la rue, longue et sombre"]));
    let bench = Bench::new(documents);
    let mut query = asked("éclairage", Mode::Lexical);
    query.limit = 2;
    let hits = bench.index.search(&query).unwrap().hits;
    let found: Vec<DocumentId> = hits.iter().map(|h| h.document).collect();
    assert_eq!(found, [id(1), id(250)]);
    assert_eq!(hits[0].same.len(), 199);
}

#[test]
fn documents_like_one_leave_it_and_its_copies_out() {
    let bench = Bench::new(vec![
        with_vectors(document(1, &["a", "b"]), &[NORTH, EAST]),
        copy_of(with_vectors(document(2, &["a", "b"]), &[NORTH, EAST]), 1),
        with_vectors(document(3, &["c"]), &[NORTH_EAST]),
        with_vectors(document(4, &["d"]), &[EAST]),
    ]);
    let mut query = asked("", Mode::Meaning);
    query.limit = 10;
    query.vector = bench.index.direction(id(1), &Reader::All).unwrap();
    query.unlike = Some(id(1));
    let hits = bench.index.search(&query).unwrap().hits;
    let found: Vec<DocumentId> = hits.iter().map(|h| h.document).collect();
    assert_eq!(found, [id(3), id(4)]);
}

/// A phrase in quotation marks is asked for as it is; what only has its words is offered apart.
#[test]
fn a_phrase_that_nothing_holds_finds_nothing_and_says_what_is_near() {
    let bench = Bench::new(vec![
        document(1, &["le comité de pilotage"]),
        document(2, &["démolition du comité"]),
    ]);
    let found = bench.lexical("\"comité de démolition\"");
    assert_eq!((found.hits.len(), found.documents), (0, 0));
    let near: Vec<DocumentId> = found.nearest.iter().map(|h| h.document).collect();
    assert_eq!(near, [id(2), id(1)]);
    let found = bench.lexical("\"comité de pilotage\" démolition");
    assert_eq!(found.hits.len(), 1);
    assert!(found.nearest.is_empty());
}

/// A new index takes the old one's place in one step; who had it open sees the new one.
#[test]
fn a_rebuilt_index_takes_the_place_of_the_old_one() {
    let bench = quarter();
    let folder = tempfile::tempdir().unwrap();
    let next = folder.path().join("next");
    {
        let index = Index::open(&next).unwrap();
        let mut writer = index.writer().unwrap();
        let change = search::Change::Put(with_vectors(document(9, &["nouveau"]), &[EAST]));
        writer.apply(vec![change], 7).unwrap();
        assert_eq!(bench.lexical("éclairage").documents, 4);
    }
    search::replace(bench.dir.path(), &next).unwrap();
    assert!(!next.exists());
    assert_eq!(bench.lexical("éclairage").documents, 0);
    assert_eq!(bench.lexical("nouveau").documents, 1);
    assert_eq!(bench.index.position(), 7);
    // Where there was none, it simply is there.
    let other = folder.path().join("other");
    drop(Index::open(&next).unwrap());
    search::replace(&other, &next).unwrap();
    assert_eq!(Index::open(&other).unwrap().position(), 0);
}

/// Far away is nothing, but not for a question in another language than the archive's.
#[test]
fn nothing_relevant_is_said_of_what_is_far_and_not_across_languages() {
    let bench = Bench::new(vec![
        with_vectors(document(1, &["éclairage de la rue"]), &[NORTH]),
        with_vectors(document(2, &["cantine du stade"]), &[EAST]),
    ]);
    let found = |text: &str, vector: [f32; 4]| {
        let mut query = Query::new(text, Reader::All);
        query.vector = Some(vector.to_vec());
        bench.index.search(&query).unwrap()
    };
    // A cosine of a quarter with the first.
    let far = [0.25, 0.0, 0.97, 0.0];
    let near = [0.5, 0.0, 0.87, 0.0];
    assert_eq!(found("le dragon dans la nuit", far).hits.len(), 0);
    assert_eq!(found("le dragon dans la nuit", near).hits.len(), 1);
    assert_eq!(
        found("the light of this street", far).hits[0].document,
        id(1)
    );
    assert_eq!(found("éclairage", far).hits[0].document, id(1));
}

//! Words, meaning, and what comes first.

use std::collections::BTreeSet;

use domain::{ArtifactName, Span};
use search::{Fusion, Mode, Query, Reader, SearchError};

use crate::bench::{
    Bench, DOWN, EAST, NORTH, NORTH_EAST, document, id, of_service, services, town, with_vectors,
};

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
        ("\"mise à pied\"", &[7]),
        ("\"mise a pied\"", &[7]),
        ("tille*", &[4]),
        ("éclair*", &[1]),
        ("piece-3", &[3, 4, 5, 6, 7, 1, 2]),
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
fn a_document_is_more_than_its_best_passage() {
    let bench = Bench::new(vec![
        document(1, &["Le permis de construire", "Le stationnement payant"]),
        document(2, &["Le permis de construire", "Le permis de démolir"]),
        document(3, &["Le permis de construire", "Le marché du dimanche"]),
    ]);
    assert_eq!(bench.lexical("permis").hits[0].document, id(2));
}

#[test]
fn a_title_that_says_only_what_is_asked_comes_first() {
    let titled = |n, title: &str| {
        let mut document = document(n, &["On lira ici ce qu'il en est de la démission."]);
        document.title = Some(title.to_owned());
        document
    };
    let bench = Bench::new(vec![
        titled(
            1,
            "Peut-on présenter sa démission pendant un congé maladie ?",
        ),
        titled(2, "La démission"),
        titled(3, "Les effets d'une démission sur le préavis"),
    ]);
    bench.check("démission", &[2, 3, 1]);
}

#[test]
fn a_document_without_a_title_is_known_by_its_first_words() {
    let texts = ["La carte grise.", "Il faut un justificatif."];
    let mut titled = document(1, &texts);
    titled.title = Some("Démarches".to_owned());
    let bench = Bench::new(vec![titled, document(2, &texts)]);
    let hits = bench.lexical("carte grise justificatif").hits;
    let found: Vec<_> = hits.iter().map(|h| (h.document, h.passages)).collect();
    assert_eq!(found, [(id(2), 2), (id(1), 2)]);
    // They are words to rank by, not where a phrase stands.
    let hits = bench.lexical("\"carte grise\"").hits;
    assert_eq!(hits[0].span, Span::new(0, 15));
    assert!(hits.iter().all(|h| h.exact == 1 && h.span.start == 0));
}

#[test]
fn words_of_a_family_are_found_after_the_word_itself() {
    let bench = Bench::new(vec![
        document(1, &["Le salarié veut démissionner"]),
        document(2, &["La démission du salarié"]),
        document(3, &["Le démarchage"]),
    ]);
    bench.check("démission", &[2, 1]);
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
fn a_passage_in_another_language_has_its_analyser() {
    let texts = ["Réclamations des riverains.", "Of two cities."];
    let mut mixed = document(1, &texts);
    mixed.passages[1].language = Some("en".to_owned());
    let bench = Bench::new(vec![mixed, document(2, &texts)]);
    // “cities” and “city” are one stem in English only.
    bench.check("city", &[1]);
    bench.check("réclamation riverain", &[1, 2]);
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
    assert!((results.hits[1].meaning - 0.5f64.sqrt()).abs() < 1e-2);
    assert_eq!(
        results.hits[0].text_version,
        ArtifactName::from_bytes([1; 32])
    );
    query.mode = Mode::Hybrid;
    query.fusion = Fusion {
        lexical: 0.8,
        meaning: 0.2,
        ..Fusion::default()
    };
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

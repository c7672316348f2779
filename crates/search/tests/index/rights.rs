//! What a reader may see, and filters.

use std::collections::BTreeSet;

use search::{Filters, Mode, Query, Reader};

use crate::bench::{Bench, NORTH, NORTH_EAST, document, id, moment, services, town};

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
        services(&["unrouted"], false),
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

/// What is proposed to a service is read by its people, and counted under no service; a whole pipeline
/// is within reach with what no service has.
#[test]
fn what_is_proposed_is_within_reach_and_under_no_service() {
    let mut proposed = document(1, &["un lampadaire éteint"]);
    proposed.readers = vec!["voirie".parse().unwrap()];
    let mut archived = document(2, &["un lampadaire éteint"]);
    archived.pipeline = "archives".parse().unwrap();
    let bench = Bench::new(vec![proposed, archived]);
    let found = |reader: Reader| {
        let mut query = Query::new("lampadaire", reader);
        query.facets = true;
        let found = bench.index.search(&query).unwrap();
        let ids: BTreeSet<_> = found.hits.iter().map(|hit| hit.document).collect();
        assert_eq!(found.documents, ids.len() as u64);
        let services = found.facets.of(search::Facet::Service);
        assert!(
            services.iter().all(|(value, _)| value.is_empty()),
            "{services:?}"
        );
        ids
    };
    assert_eq!(found(services(&["voirie"], false)), [id(1)].into());
    assert_eq!(found(services(&["ccas"], false)), [].into());
    assert_eq!(found(services(&[], true)), [id(2)].into());
    let whole = Reader::Services {
        services: BTreeSet::new(),
        pipelines: ["archives".parse().unwrap()].into(),
        include_unrouted: false,
    };
    assert_eq!(found(whole.clone()), [id(2)].into());
    let words = bench.index.suggest("lampa", &whole, 5).unwrap();
    assert_eq!(words.iter().map(|w| w.passages).sum::<u64>(), 1);
    let nothing = bench.index.suggest("lampa", &services(&["ccas"], false), 5);
    assert_eq!(nothing.unwrap(), []);
}

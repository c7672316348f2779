//! The search index as a person meets it: facets, copies, a change of encoder, making it again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{Town, fixture};

/// What `index status` says of the archives.
fn archives(town: &Town) -> serde_json::Value {
    let all = town.json(&["index", "status"]);
    let all = all.as_array().unwrap().iter();
    let mut archives = all.filter(|index| index["collection"] == "archives");
    archives.next().unwrap().clone()
}

#[test]
fn facets_copies_suggestions_and_likeness() {
    let town = Town::new(|text| text);
    let letter = |name: &str, text: &str| town.data.file(&format!("courrier/{name}"), text);
    letter(
        "a.txt",
        "Éclairage de la rue Valmont\n\nLe lampadaire de la rue Valmont est éteint.",
    );
    letter(
        "b.txt",
        "Éclairage de la rue Valmont\n\nLe lampadaire de la rue Valmont est éteint.",
    );
    letter(
        "c.html",
        "<p>Éclairage public : un lampadaire manque au stade.</p>",
    );
    letter(
        "d.txt",
        "Conseil municipal\n\nLe budget de la cantine est voté.",
    );
    let folder = town.data.beside("courrier").display().to_string();
    town.run(&["ingest", "--pipeline", "archives", &folder])
        .ended(0);
    let answer = town.json(&["search", "lampadaire", "--mode", "lexical", "--facets"]);
    assert_eq!(answer["documents"], 3);
    let hits = answer["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 2, "{answer}");
    let folded: usize = hits
        .iter()
        .filter_map(|h| h["same"].as_array())
        .map(Vec::len)
        .sum();
    assert_eq!(folded, 1, "{answer}");
    assert_eq!(answer["facets"]["kind"]["text"], 3, "{answer}");
    assert_eq!(answer["facets"]["pipeline"]["archives"], 3);
    // What each side gave adds up to the score.
    for hit in town.json(&["search", "lampadaire"]).as_array().unwrap() {
        let gave = &hit["gave"];
        let sum: f64 = ["exact", "lexical", "meaning"]
            .iter()
            .map(|k| gave[k].as_f64().unwrap())
            .sum();
        assert!((sum - hit["score"].as_f64().unwrap()).abs() < 1e-9, "{hit}");
    }
    let none = town.json(&["search", "lampadaire", "--kind", "pdf", "--facets"]);
    assert_eq!(
        (
            none["documents"].clone(),
            none["hits"].as_array().unwrap().len()
        ),
        (0.into(), 0)
    );
    let phrase = town.json(&["search", "\"lampadaire du stade\"", "--facets"]);
    assert!(phrase["hits"].as_array().unwrap().is_empty(), "{phrase}");
    assert!(
        !phrase["nearest"].as_array().unwrap().is_empty(),
        "{phrase}"
    );
    town.run(&["search", "x", "--kind", "papyrus"])
        .ended(2)
        .said(&["papyrus", "pdf, mail"]);
    let suggested = town.json(&["search", "--suggest", "le lamp"]);
    assert_eq!(suggested[0]["text"], "le lampadaire");
    assert_eq!(suggested[0]["passages"], 3);
    let like = town.json(&["search", "--like", "a", "-k", "1"]);
    assert_eq!(like.as_array().unwrap().len(), 1);
    assert!(like[0]["name"].as_str().unwrap().starts_with('c'), "{like}");
    town.run(&["search", "--like", "nobody"])
        .ended(1)
        .said(&["nobody"]);
}

#[test]
fn an_index_is_made_again_and_an_encoder_is_changed_when_a_person_says_so() {
    let town = Town::new(|text| text);
    let folder = fixture("archives/documents");
    town.run(&["ingest", "--pipeline", "archives", &folder])
        .ended(0);
    let before = town.json(&["search", "chauffage des logements"]);
    let held = archives(&town);
    assert_eq!(held["encoder"], "greffier-static-fr-en");
    assert_eq!(held["position"], held["log"]);

    // The same again; and from nothing, and from another format.
    let index = town.data.path().join("index/archives");
    let again = |town: &Town| {
        town.run(&["index", "rebuild", "--collection", "archives"])
            .ended(0);
        assert_eq!(town.json(&["search", "chauffage des logements"]), before);
        town.run(&["verify"]).ended(0);
    };
    again(&town);
    fs::remove_dir_all(&index).unwrap();
    again(&town);
    let meta = index.join("meta.json");
    let text = fs::read_to_string(&meta).unwrap();
    let format = text.find("\\\"format\\\":").unwrap() + 11;
    let other = format!(
        "{}99,{}",
        &text[..format],
        text[format..].split_once(',').unwrap().1
    );
    fs::write(&meta, other).unwrap();
    // A search brings up what is of another version by itself.
    assert_eq!(town.json(&["search", "chauffage des logements"]), before);
    town.run(&["index", "rebuild", "--collection", "nowhere"])
        .ended(1)
        .said(&["nowhere", "archives"]);

    let compared = town.json(&[
        "models",
        "compare",
        "all-minilm-l6-v2",
        "--collection",
        "archives",
    ]);
    assert_eq!(compared["in_force"], "greffier-static-fr-en");
    assert!(compared["queries"].as_u64().unwrap() > 5, "{compared}");
    assert!(compared["kept"].as_f64().unwrap() > 20.0, "{compared}");
    town.run(&[
        "models",
        "compare",
        "greffier-static-fr-en",
        "--collection",
        "archives",
    ])
    .ended(1)
    .said(&["already"]);

    let file = Path::new(&town.pipelines).join("archives.toml");
    let text = fs::read_to_string(&file).unwrap();
    let other = text.replace("greffier-static-fr-en", "all-minilm-l6-v2");
    assert_ne!(text, other);
    fs::write(&file, &other).unwrap();
    // The old vectors serve until the new ones are there.
    assert_eq!(town.json(&["search", "chauffage des logements"]), before);
    assert_eq!(archives(&town)["next_encoder"], "all-minilm-l6-v2");
    town.run(&["reprocess", "--pipeline", "archives", "--stage", "nothing"])
        .ended(1)
        .said(&["nothing", "embed"]);
    town.run(&["reprocess", "--pipeline", "archives", "--stage", "embed"])
        .ended(0);
    assert_eq!(town.json(&["search", "chauffage des logements"]), before);
    town.run(&["index", "rebuild"]).ended(0);
    let held = archives(&town);
    assert_eq!(held["encoder"], "all-minilm-l6-v2");
    assert_eq!(held["vectors"], held["passages"]);
    assert_ne!(town.json(&["search", "chauffage des logements"]), before);
    // And back: the old records are still there.
    fs::write(&file, text).unwrap();
    town.run(&["index", "rebuild"]).ended(0);
    assert_eq!(town.json(&["search", "chauffage des logements"]), before);
    // Vectors of an earlier cutting are not those of these passages.
    let other = other.replace("characters = 700", "characters = 250");
    fs::write(&file, other).unwrap();
    town.run(&["reprocess", "--pipeline", "archives", "--stage", "split"])
        .ended(0);
    assert_eq!(
        archives(&town)["vectors"],
        0,
        "none of the encoder in force"
    );
    town.run(&["index", "rebuild"]).ended(0);
    let held = archives(&town);
    assert_eq!(held["vectors"], held["passages"], "{held}");
    // A model that is not what it was: nothing is added to its vectors.
    let registry = Path::new(&town.pipelines).join("models.toml");
    let models = fs::read_to_string(&registry).unwrap();
    fs::write(
        &registry,
        models.replace("max_tokens = 256", "max_tokens = 200"),
    )
    .unwrap();
    town.run(&["search", "chauffage"])
        .ended(1)
        .said(&["index rebuild", "all-minilm-l6-v2"]);
    town.run(&["index", "rebuild"]).ended(0);
    town.run(&["search", "chauffage"]).ended(0);
    town.run(&["verify"]).ended(0);
}

//! What people decide beside accepting and routing, as it is typed; and the order of their inbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Data, Town};

const LAMP: &str = "Madame, Monsieur,\n\nLe lampadaire devant le 4 rue du Moulin est éteint depuis lundi, \
                    et ma mère, qui vit seule, n’ose plus sortir. Pouvez-vous l’aider ?\n\nAlix Perrin\n";
const CARD: &str =
    "Bonjour,\n\nJe demande l’allocation aux adultes handicapés et une orientation.\n\nSam Roy\n";

/// A town with two letters.
fn town() -> Data {
    let data = Data::new();
    for (name, text) in [("lampe.txt", LAMP), ("allocation.txt", CARD)] {
        let path = data.file(name, text);
        data.run(&["ingest", "--pipeline", "forms", &path]).ended(0);
    }
    data
}

fn names(list: &serde_json::Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|d| d["name"].as_str().unwrap()).collect()
}

#[test]
fn one_service_answers_others_have_their_part_or_a_copy() {
    let data = town();
    let by = ["--by", "A. Martin"];
    let review = |args: &[&str]| data.run(&[&["review", "lampe"], args, &by].concat());
    let said = review(&[
        "--route",
        "voirie",
        "--also",
        "ccas,mediation",
        "--copy",
        "accueil",
    ]);
    let said = said.ended(0).stdout;
    assert_eq!(
        said,
        "lampe: Voirie-Éclairage; also: Centre communal d'action sociale, Médiation-Prévention; \
         copy: Accueil-Courrier, decided by A. Martin (identity not verified)\n"
    );
    let shown = data.json(&["show", "lampe"]);
    assert_eq!(shown["service"], "voirie");
    assert_eq!(shown["also"], serde_json::json!(["ccas", "mediation"]));
    assert_eq!(shown["act"]["format"], "greffier.act/2");
    assert_eq!(names(&data.json(&["inbox"])), ["allocation"]);
    // Found under each of them.
    data.run(&["work"]).ended(0);
    for (service, found) in [("voirie", 1), ("ccas", 1), ("accueil", 1), ("finances", 0)] {
        let hits = data.json(&["search", "lampadaire", "--service", service]);
        let hits = hits["hits"]
            .as_array()
            .unwrap_or_else(|| hits.as_array().unwrap());
        assert_eq!(hits.len(), found, "{service}");
    }
    let why = data.run(&["why", "lampe", "--lang", "fr"]).ended(0).stdout;
    assert!(why.contains("qui répond ; ont aussi à faire"), "{why}");

    review(&["--accept", "--also", "nope"])
        .ended(1)
        .said(&["`nope`"]);
    review(&["--route", "voirie", "--copy", "voirie"])
        .ended(1)
        .said(&["`voirie` is named twice"]);
    review(&["--also", "ccas"]).ended(2).said(&["--accept"]);
    review(&["--accept", "--not-for-us", "X"]).ended(2);
    review(&["--told", "--route", "voirie"]).ended(2);
    // Accepting and adding a copy: the service is the one proposed.
    let shown = data.json(&["show", "lampe"]);
    let proposed = shown["decision"]["service"].as_str().unwrap().to_owned();
    let other = if proposed == "finances" {
        "ccas"
    } else {
        "finances"
    };
    review(&["--accept", "--copy", other]).ended(0);
    assert_eq!(data.json(&["show", "lampe"])["service"], *proposed);
    data.verified();
}

#[test]
fn what_is_not_for_us_stays_until_the_person_is_told() {
    let data = town();
    let review = |args: &[&str]| {
        data.run(&[&["review", "allocation"], args, &["--by", "A. Martin"]].concat())
    };
    review(&["--told"])
        .ended(1)
        .said(&["not for another authority"]);
    review(&[
        "--not-for-us",
        "Conseil départemental",
        "--reason",
        "aide sociale",
    ])
    .ended(0)
    .said(&["--told", "to be forwarded"]);
    let inbox = data.json(&["inbox"]);
    assert_eq!(names(&inbox), ["lampe", "allocation"]);
    assert_eq!(inbox[1]["to_tell"], true);
    assert_eq!(inbox[1]["not_for_us"], "Conseil départemental");
    let table = data.run(&["inbox", "--lang", "fr"]).ended(0).stdout;
    assert!(
        table.contains("À transmettre à une autre administration"),
        "{table}"
    );
    let said = review(&["--told"]).ended(0).stdout;
    assert!(
        said.contains("Conseil départemental, person told"),
        "{said}"
    );
    assert_eq!(names(&data.json(&["inbox"])), ["lampe"]);
    // At once, and by the id of a service that stands for it.
    review(&["--not-for-us", "mdph", "--told"]).ended(0);
    let shown = data.json(&["show", "allocation"]);
    assert_eq!(shown["service"], "mdph");
    assert_eq!(shown["to_tell"], false);
    review(&["--not-for-us", "voirie"])
        .ended(1)
        .said(&["--route voirie"]);
    data.verified();
    data.run(&["replay", "--all"]).ended(0);
}

#[test]
fn the_inbox_is_ordered_by_the_day_of_the_answer_and_says_it() {
    let town = Town::new(|text| text);
    for (name, day) in [("vieux", 50), ("recent", 5), ("depasse", 70)] {
        let text = format!("Bonjour,\n\n{name} : une question sur la cantine de l’école.\n");
        let path = town.data.file(&format!("{name}.txt"), text);
        let day = date_before(day);
        town.run(&[
            "ingest",
            "--pipeline",
            "forms",
            "--received-at",
            &day,
            &path,
        ])
        .ended(0);
    }
    let inbox = town.json(&["inbox"]);
    assert_eq!(names(&inbox), ["depasse", "vieux", "recent"]);
    let days: Vec<&str> = (0..3)
        .map(|n| inbox[n]["deadline"].as_str().unwrap())
        .collect();
    assert!(days.is_sorted(), "{days:?}");
    let table = town.run(&["inbox", "--lang", "fr"]).ended(0).stdout;
    for words in [
        "en retard (",
        "avant le ",
        "à vérifier",
        "Rien n’a encore été appris ici",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    for word in ["%", "confiance"] {
        assert!(!table.contains(word), "{word}: {table}");
    }
    let file = std::path::Path::new(&town.pipelines).join("forms.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("within = \"1 mois\"", "within = \"un mois\""),
    )
    .unwrap();
    town.run(&["pipelines", "check", &file.display().to_string()])
        .ended(1)
        .said(&["`un mois`", "`2 mois`", "line"]);
}

/// The day so many days ago.
fn date_before(days: i64) -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let micros = i64::try_from(since.as_micros()).unwrap() - days * 86_400_000_000;
    let then = domain::Timestamp::from_micros(micros).unwrap();
    then.day_in(&domain::time::Zone::paris())
}

//! A head that `train` kept is put in force by a person, by name, and the one before can be put back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use common::{Data, root};
use serde_json::Value;

/// Rows of three services, with the label that `relabel` gives each.
fn table(relabel: impl Fn(&str) -> String) -> String {
    let rows = fs::read_to_string(root().join("fixtures/forms/labelled.tsv")).unwrap();
    let mut table = "text\tlabel\n".to_owned();
    for row in rows.lines().skip(1) {
        let mut cells = row.split('\t');
        let (text, label) = (cells.next().unwrap(), cells.next().unwrap());
        if ["ccas", "urbanisme", "voirie"].contains(&label) {
            table.push_str(&format!("{text}\t{}\n", relabel(label)));
        }
    }
    table
}

fn train(data: &Data, table: &str) -> Value {
    data.json(&["train", "--pipeline", "forms", "--labelled", table])
}

fn in_force(data: &Data) -> String {
    let path = data.path().join("models/forms/in-force");
    fs::read_to_string(path).unwrap().trim().to_owned()
}

#[test]
fn a_head_waits_until_a_person_promotes_it_and_the_one_before_can_be_put_back() {
    let data = Data::new();
    let own = data.file("own.tsv", table(str::to_owned));
    let first = train(&data, &own);
    let head = |trained: &Value| trained["head"].as_str().unwrap().to_owned();
    assert_eq!(first["in_force"], true);
    assert_eq!(first["difference"], Value::Null);
    assert_eq!(in_force(&data), head(&first));
    // The same again is the same head, and there is nothing to compare.
    let again = train(&data, &own);
    assert_eq!(
        (head(&again), &again["difference"]),
        (head(&first), &Value::Null)
    );

    // Two services change places: the head in force is wrong about both.
    let swapped = data.file(
        "swapped.tsv",
        table(|label| {
            match label {
                "ccas" => "voirie",
                "voirie" => "ccas",
                other => other,
            }
            .to_owned()
        }),
    );
    let ran = data
        .run(&["train", "--pipeline", "forms", "--labelled", &swapped])
        .ended(0);
    let second = train(&data, &swapped);
    let difference = &second["difference"];
    let count = |name: &str| difference[name].as_u64().unwrap();
    let (changed, worse, better) = (
        count("changed"),
        count("right_to_wrong"),
        count("wrong_to_right"),
    );
    assert_eq!(
        (second["in_force"].as_bool(), count("documents")),
        (Some(false), 300)
    );
    assert_eq!(difference["in_force"], first["head"]);
    assert!(
        changed >= worse + better && better >= 150 && worse <= 30,
        "{difference}"
    );
    let said = format!(
        "{changed} of 300 documents would change, {worse} from right to wrong, {better} from wrong to right"
    );
    assert!(ran.stdout.contains(&said), "{}", ran.stdout);
    assert_eq!(in_force(&data), head(&first), "kept, not in force");

    // What no example names any more would be forgotten.
    let without = |label: &str| match label {
        "voirie" => String::new(),
        other => other.to_owned(),
    };
    let fewer = data.file("fewer.tsv", table(without));
    data.run(&["train", "--pipeline", "forms", "--labelled", &fewer])
        .ended(0)
        .said(&["WARNING: this head does not know voirie any more"]);

    let promote = |digest: &str, by: &str| {
        data.run(&[
            "models",
            "promote",
            "forms",
            digest,
            "--by",
            by,
            "--reason",
            "deux services échangés",
        ])
    };
    promote("sha256:0000", "A. Martin").ended(1).said(&[
        "`sha256:0000`",
        &head(&first),
        &head(&second),
    ]);
    promote("", "A. Martin").ended(1);
    promote(&head(&second), " ").ended(1).said(&["--by"]);
    assert_eq!(in_force(&data), head(&first), "nothing was switched");

    // The beginning of a digest is enough.
    let short = head(&second).replace("sha256:", "")[..12].to_owned();
    let ran = promote(&short, "A. Martin").ended(0);
    assert!(ran.stdout.contains(&head(&second)), "{}", ran.stdout);
    ran.said(&["to go back", &head(&first)]);
    assert_eq!(in_force(&data), head(&second));
    let ran = promote(&short, "A. Martin").ended(0);
    assert!(ran.stdout.contains("in force already"), "{}", ran.stdout);
    promote(&head(&first), "B. Durand").ended(0);
    assert_eq!(in_force(&data), head(&first));

    let journal = fs::read_to_string(data.path().join("models/forms/switches.jsonl")).unwrap();
    let lines: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let line = |from: Value, to: &Value, by: Value| (from, to["head"].clone(), by);
    let said: Vec<(Value, Value, Value)> = lines
        .iter()
        .map(|l| (l["from"].clone(), l["to"].clone(), l["by"].clone()))
        .collect();
    assert_eq!(
        said,
        [
            line(Value::Null, &first, Value::Null),
            line(first["head"].clone(), &second, "A. Martin".into()),
            line(second["head"].clone(), &first, "B. Durand".into()),
        ]
    );
    assert_eq!(lines[1]["reason"], "deux services échangés");
    assert_eq!(lines[1]["authenticated"], false);
}

//! Replay: whether what is recorded would come out again, and if it cannot be known, why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use std::sync::Arc;

use common::toys::{Toy, embed, extract, route, split};
use common::{House, PIPELINE, incoming, pipelines, pipelines_of};
use domain::passage::VectorSet;
use domain::{Digest, DocumentId, Kind, ModelRef};
use pipeline::blobs::Blobs;
use pipeline::ledger::Ledger;
use pipeline::replay::{Answer, replay};
use pipeline::stage::{Fault, Output, Stage};
use pipeline::testing::memory::Tampering;
use pipeline::worker::ATTEMPTS_MAX;

/// A house with one document that has ended.
async fn house_with(text: &str) -> (House, DocumentId) {
    let house = House::new();
    let ids = house.process(&[("F-1", text)]).await;
    (house, ids[0])
}

/// What replay answers of each of the document's records, by activity.
async fn answers(house: &House, id: DocumentId) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for (record, _) in house.vault.records(id.into()).await.unwrap() {
        let answer = replay(&house.vault, &house.pipelines, &record)
            .await
            .unwrap();
        answers.push((record.statement().activity.to_string(), answer));
    }
    answers
}

/// What replay answers of the record of `toy`, in the house whose toy is now this one.
async fn answer(house: &House, id: DocumentId, toy: Toy) -> Answer {
    let name = toy.name;
    let mut stages: Vec<Arc<dyn Stage>> = vec![
        Arc::new(extract(&house.tool)),
        Arc::new(split(&house.tool)),
        Arc::new(route(&house.tool)),
    ];
    stages.push(Arc::new(toy));
    let house = House {
        pipelines: pipelines(stages),
        ..house.clone()
    };
    let all = answers(&house, id).await;
    all.into_iter()
        .find(|(activity, _)| activity == name)
        .unwrap()
        .1
}

fn different(what: &str) -> Answer {
    Answer::Different { what: what.into() }
}

#[track_caller]
fn assert_impossible(answer: &Answer, expected: &str) {
    let Answer::Impossible { why } = answer else {
        panic!("{answer:?}")
    };
    assert!(why.contains(expected), "{why}");
}

#[tokio::test]
async fn what_was_done_comes_out_again() {
    let (house, id) = house_with("child: x\nlampadaire\n").await;
    let row = house.ledger.document(id).await.unwrap().unwrap();
    let accept = pipeline::desk::Review::Accept;
    house
        .desk()
        .review(&row, &accept, "Léa Martin", None)
        .await
        .unwrap();
    let all = answers(&house, id).await;
    let all: Vec<(&str, &Answer)> = all
        .iter()
        .map(|(name, answer)| (name.as_str(), answer))
        .collect();
    let (same, none) = (&Answer::Identical, &Answer::NotARun);
    let expected = [
        ("receive", none),
        ("extract", same),
        ("split", same),
        ("route", same),
        ("review", none),
    ];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn an_output_that_changed_under_the_same_version_is_different() {
    let (house, id) = house_with("child: x\nlampadaire\n").await;
    let other = |toy: Toy, kind: Kind, bytes: &'static [u8]| {
        toy.doing(move |before, inputs| {
            let mut output = before.run(inputs)?;
            for (k, b) in &mut output.artifacts {
                if *k == kind {
                    *b = bytes.to_vec();
                }
            }
            Ok(output)
        })
    };
    let toy = other(split(&house.tool), Kind::Passages, b"{}");
    assert_eq!(answer(&house, id, toy).await, different("passages differs"));
    let toy = other(extract(&house.tool), Kind::Text, b"x");
    assert_eq!(answer(&house, id, toy).await, different("text differs"));
    let childless = extract(&house.tool).doing(|before, inputs| {
        Ok(Output {
            children: Vec::new(),
            ..before.run(inputs)?
        })
    });
    let answered = answer(&house, id, childless).await;
    assert_eq!(answered, different("the documents found within it differ"));
    let failing = split(&house.tool).doing(|_, _| {
        Err(Fault::Quarantine {
            reason: "time-limit".into(),
            detail: "30 s".into(),
        })
    });
    let answered = answer(&house, id, failing).await;
    assert_eq!(
        answered,
        different("it succeeded, and now fails: time-limit: 30 s")
    );
    let fewer = extract(&house.tool).doing(|before, inputs| {
        let mut output = before.run(inputs)?;
        output.artifacts.pop();
        Ok(output)
    });
    let answered = answer(&house, id, fewer).await;
    assert_eq!(
        answered,
        different("it succeeded, and now fails: undeclared-output: ")
    );
}

#[tokio::test]
async fn what_is_not_here_cannot_be_answered() {
    let (house, id) = house_with("scan split\nlampadaire\n").await;
    let toy = Toy {
        version: 2,
        ..split(&house.tool)
    };
    assert_impossible(
        &answer(&house, id, toy).await,
        "version 1 of `split` is not here",
    );
    let toy = Toy {
        settings: serde_json::json!({"toy": "other"}),
        ..split(&house.tool)
    };
    assert_impossible(
        &answer(&house, id, toy).await,
        "the settings in force are not those",
    );
    let model = ModelRef {
        role: "head".into(),
        digest: Digest::of(b"weights"),
    };
    let toy = Toy {
        models: vec![model],
        ..split(&house.tool)
    };
    assert_impossible(
        &answer(&house, id, toy).await,
        "a model of the record is not here",
    );

    house.tool.set(false);
    assert_impossible(&answer(&house, id, split(&house.tool)).await, "needs-tool");
    house.tool.set(true);
    assert_eq!(
        answer(&house, id, split(&house.tool)).await,
        Answer::Identical
    );

    let elsewhere = PIPELINE.replace("pipeline = \"mail\"", "pipeline = \"post\"");
    let stages = common::toys::all(&house.tool);
    let moved = House {
        pipelines: pipelines_of(elsewhere, stages),
        ..house.clone()
    };
    assert_impossible(
        &answers(&moved, id).await[1].1,
        "pipeline `mail` is not here",
    );

    let text = house
        .vault
        .latest(id.into(), Kind::Text)
        .await
        .unwrap()
        .unwrap();
    house.blobs.remove(text.name).await.unwrap();
    assert_impossible(
        &answer(&house, id, split(&house.tool)).await,
        "is not in the store",
    );
    house.ledger.tamper(Tampering::EnvelopeLost(id.into()));
    assert_impossible(
        &answer(&house, id, split(&house.tool)).await,
        "the document was erased",
    );
}

#[tokio::test]
async fn what_was_set_aside_is_set_aside_again_for_the_same_reason() {
    let last = async |house: &House, id| answers(house, id).await.pop().unwrap().1;
    for text in ["refuse split\n", "panic split\n", "undeclared split\n"] {
        let (house, id) = house_with(text).await;
        assert_eq!(last(&house, id).await, Answer::Identical, "{text}");
        let mended = split(&house.tool).doing(|_, _| Ok(Output::of(Kind::Passages, Vec::new())));
        let answered = answer(&house, id, mended).await;
        assert_eq!(
            answered,
            different("it was set aside, and now succeeds"),
            "{text}"
        );
        // A reason that begins alike is another reason.
        let otherwise = split(&house.tool).doing(|_, _| {
            let reason = "refused-panic-undeclared-output".into();
            Err(Fault::Quarantine {
                reason,
                detail: "d".into(),
            })
        });
        let Answer::Different { what } = answer(&house, id, otherwise).await else {
            panic!()
        };
        assert!(what.starts_with("set aside for another reason"), "{what}");
    }

    // What the house gave up on before the stage could answer says nothing about the stage.
    let house = House::new();
    let (id, _) = house.admit(&incoming("F-1", "a\n")).await;
    let owed = house.ledger.owed().await.unwrap().remove(0).0;
    for _ in 0..=ATTEMPTS_MAX {
        house.ledger.begin(&owed).await.unwrap();
    }
    house.work().await;
    assert_impossible(&last(&house, id).await, "attempts-exhausted");
}

#[tokio::test]
async fn vectors_may_differ_as_platforms_do_and_no_more() {
    let mut house = House::new();
    let file = PIPELINE
        .replace(
            r#"stages = ["extract", "split", "route"]"#,
            r#"stages = ["extract", "embed"]"#,
        )
        .replace(r#"attachment_stages = ["extract", "split"]"#, "");
    let with = |embed: Toy| {
        let stages: Vec<Arc<dyn Stage>> = vec![Arc::new(extract(&house.tool)), Arc::new(embed)];
        pipelines_of(file.clone(), stages)
    };
    let honest = with(embed(&house.tool));
    let turned = |angle: f32| {
        with(embed(&house.tool).doing(move |before, inputs| {
            let output = before.run(inputs)?;
            let mut set = VectorSet::from_bytes(&output.artifacts[0].1).unwrap();
            for vector in &mut set.vectors {
                let (x, y) = (vector[0], vector[1]);
                *vector = vec![
                    x * angle.cos() - y * angle.sin(),
                    x * angle.sin() + y * angle.cos(),
                ];
            }
            Ok(Output::of(Kind::Vectors, set.to_bytes()))
        }))
    };
    let longer = with(embed(&house.tool).doing(|before, inputs| {
        let output = before.run(inputs)?;
        let mut set = VectorSet::from_bytes(&output.artifacts[0].1).unwrap();
        set.vectors
            .iter_mut()
            .flatten()
            .for_each(|value| *value *= 3.0);
        Ok(Output::of(Kind::Vectors, set.to_bytes()))
    }));
    let (hair, degree) = (turned(0.001), turned(0.0175));
    house.pipelines = honest;
    let ids = house.process(&[("F-1", "abc\n")]).await;
    assert_eq!(
        answers(&house, ids[0]).await[2],
        ("embed".into(), Answer::Identical)
    );
    house.pipelines = hair;
    assert_eq!(answers(&house, ids[0]).await[2].1, Answer::Equivalent);
    house.pipelines = degree;
    assert_eq!(
        answers(&house, ids[0]).await[2].1,
        different("vectors differs")
    );
    house.pipelines = longer;
    assert_eq!(
        answers(&house, ids[0]).await[2].1,
        different("vectors differs")
    );
}

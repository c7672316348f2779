//! Heads trained on a few sentences: what they say, what they promise, and that they repeat.

use super::*;
use crate::registry::Registry;

const DIMENSION: usize = 4;

fn runtime() -> Runtime {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let registry = Registry::load(&root.join("pipelines/models.toml")).expect("a registry");
    Runtime::load(&registry.runtime, &[root.join(".runtime")])
        .unwrap_or_else(|error| panic!("{error}: run cargo xtask setup"))
}

/// 120 sentences of three services; the vector leans a little towards the service.
fn documents() -> Vec<(String, Vec<f32>, &'static str)> {
    let places = [
        "rue Haute",
        "quai du Port",
        "place du Marché",
        "avenue Foch",
        "chemin Vert",
    ];
    let themes: [(&str, [&str; 4]); 3] = [
        (
            "eau",
            [
                "fuite d'eau",
                "compteur d'eau",
                "facture d'eau potable",
                "égout bouché",
            ],
        ),
        (
            "etat-civil",
            [
                "acte de naissance",
                "livret de famille",
                "mariage civil",
                "carte d'identité",
            ],
        ),
        (
            "voirie",
            [
                "nid de poule",
                "trottoir cassé",
                "éclairage en panne",
                "chaussée déformée",
            ],
        ),
    ];
    let mut all = Vec::new();
    for i in 0..40 {
        for (s, (label, subjects)) in themes.iter().enumerate() {
            let text = format!(
                "Bonjour, {} {} {}, merci. Dossier {}",
                subjects[i % 4],
                if i % 3 == 0 { "signalé" } else { "demandé" },
                places[i % 5],
                i * 3 + s
            );
            let mut vector = vec![0.1 * (i % 7) as f32, 0.3, -0.2, 0.1];
            vector[s] += 0.5;
            all.push((text, vector, *label));
        }
    }
    all
}

fn settings() -> TrainSettings {
    let features = FeatureSettings {
        bucket_bits: 12,
        ..FeatureSettings::default()
    };
    TrainSettings {
        features,
        max_misrouting: 0.05,
        confidence: 0.9,
        ..TrainSettings::default()
    }
}

fn trained(documents: &[(String, Vec<f32>, &str)], settings: &TrainSettings) -> TrainedHead {
    let examples: Vec<Example<'_>> = documents
        .iter()
        .map(|(text, vector, label)| Example {
            text,
            vector,
            label,
            validated: true,
        })
        .collect();
    train(&examples, settings, Digest::of(b"encoder")).expect("a head")
}

fn bytes(head: &TrainedHead) -> (Vec<u8>, Vec<u8>) {
    (
        head.onnx.clone(),
        serde_json::to_vec(&head.card).expect("a card"),
    )
}

fn saved() -> (tempfile::TempDir, Head) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let digest = trained(&documents(), &settings())
        .save(dir.path())
        .expect("saved");
    let head = Head::load(dir.path(), &runtime(), Some(digest)).expect("loaded");
    assert_eq!(head.digest(), digest);
    assert!(head.check_encoder(Digest::of(b"encoder")).is_ok());
    assert!(head.check_encoder(Digest::of(b"another")).is_err());
    (dir, head)
}

#[test]
fn learns_calibrates_and_promises() {
    let head = trained(&documents(), &settings());
    let card = head.card();
    assert!(card.out_of_fold.accuracy > 0.95, "{:?}", card.out_of_fold);
    assert!(
        card.out_of_fold.calibration_error < 0.1,
        "{:?}",
        card.out_of_fold
    );
    assert_eq!(
        card.labels.iter().map(|l| l.documents).collect::<Vec<_>>(),
        [40, 40, 40]
    );
    assert!(
        matches!(card.promise, Promise::Kept { validated: 120, .. }),
        "{:?}",
        card.promise
    );
    let (_dir, head) = saved();
    let out = head
        .classify(&[("Le trottoir est cassé", &[0.0, 0.3, -0.2, 0.1])])
        .expect("classified");
    assert_eq!(out[0][0].label, "voirie");
    assert!((out[0].iter().map(|c| c.probability).sum::<f64>() - 1.0).abs() < 1e-5);
}

#[test]
fn only_validated_documents_count_for_the_promise() {
    let documents = documents();
    let examples: Vec<Example<'_>> = documents
        .iter()
        .enumerate()
        .map(|(i, (text, vector, label))| Example {
            text,
            vector,
            label,
            validated: i < 10,
        })
        .collect();
    let head = train(&examples, &settings(), Digest::of(b"encoder")).expect("a head");
    assert_eq!(
        head.card().promise,
        Promise::NotEnough {
            validated: 10,
            more: 35
        }
    );
    assert_eq!(head.judged().len(), 10);
}

#[test]
fn neither_order_nor_threads_change_a_byte() {
    let (documents, settings) = (documents(), settings());
    let once = bytes(&trained(&documents, &settings));
    let mut shuffled = documents.clone();
    shuffled.reverse();
    shuffled.rotate_left(17);
    assert!(bytes(&trained(&shuffled, &settings)) == once);
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        let again = pool.install(|| bytes(&trained(&documents, &settings)));
        assert!(again == once, "{threads} threads");
    }
}

#[test]
fn the_graph_computes_what_the_code_computes() {
    let (_dir, head) = saved();
    let documents = documents();
    let long = documents
        .iter()
        .map(|d| d.0.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let vector = [0.4_f32, -0.1, 0.7, 0.2];
    let mut items: Vec<(&str, &[f32])> = documents
        .iter()
        .step_by(7)
        .map(|(text, vector, _)| (text.as_str(), vector.as_slice()))
        .collect();
    items.extend([("", &vector[..]), ("zzz", &vector), (&long, &vector)]);
    let together = head.classify(&items).expect("classified");
    for ((text, vector), candidates) in items.iter().zip(&together) {
        let features = &head.card.training.features;
        let mut expected = reasons::logits(&head.weights, features, text, vector);
        softmax(&mut expected);
        for (label, expected) in head.labels.iter().zip(expected) {
            let found = candidates
                .iter()
                .find(|c| c.label == *label)
                .expect("every label")
                .probability;
            assert!(
                (found - expected).abs() < 1e-5,
                "{text}: {label} {found} {expected}"
            );
        }
        // Alone or with others, to the bit.
        assert_eq!(
            &head.classify(&[(text, vector)]).expect("classified")[0],
            candidates
        );
    }
}

#[test]
fn reasons_add_up_to_the_margin() {
    let (_dir, head) = saved();
    let vector = [0.2_f32, 0.8, -0.2, 0.1];
    let check = |text: &str, label: &str, top: usize| {
        let r = head.reasons(text, &vector, label, top).expect("reasons");
        let sum =
            r.terms.iter().map(|t| t.contribution).sum::<f64>() + r.others + r.meaning + r.bias;
        assert!((sum - r.margin).abs() < 1e-6, "{text}: {sum} {}", r.margin);
        assert!(r.terms.len() <= top && r.terms.iter().all(|t| !t.spans.is_empty()));
        for term in &r.terms {
            assert_eq!(term.spans[0].of(text), Some(term.term.as_str()));
        }
        // The margin is the logarithm of the odds that the graph gives.
        let candidates = &head.classify(&[(text, &vector)]).expect("classified")[0];
        let p = |l: &str| {
            candidates
                .iter()
                .find(|c| c.label == l)
                .map_or(0.0, |c| c.probability)
        };
        assert!(
            ((p(&r.label) / p(&r.rival)).ln() - r.margin).abs() < 1e-3,
            "{r:?}"
        );
        r
    };
    for label in ["eau", "etat-civil", "voirie"] {
        for text in [
            "",
            "à",
            "Fuite d'eau : l'EAU fuit, eau partout. Égout, trottoir",
            "mariage",
        ] {
            check(text, label, 2);
            check(text, label, 100);
        }
    }
    let r = check("Fuite d'eau : l'EAU fuit quai du Port", "eau", 3);
    let eau = r
        .terms
        .iter()
        .find(|t| t.term == "eau")
        .expect("the word that decides");
    assert_eq!(eau.spans.len(), 2, "all its places, whatever the case");
    assert!(eau.contribution > 0.0, "{r:?}");
    assert!(matches!(
        head.reasons("", &vector, "x", 1),
        Err(HeadError::Label { .. })
    ));
}

#[test]
fn a_tampered_head_is_refused() {
    let (dir, head) = saved();
    let load = |expected| Head::load(dir.path(), &runtime(), expected);
    assert!(matches!(
        load(Some(Digest::of(b"x"))),
        Err(HeadError::Digest { .. })
    ));
    let graph = dir.path().join(GRAPH_FILE);
    let mut onnx = std::fs::read(&graph).expect("a graph");
    let last = onnx.len() - 1;
    onnx[last] ^= 1;
    std::fs::write(&graph, &onnx).expect("written");
    let error = load(None).expect_err("a changed graph is refused");
    assert!(
        error.to_string().contains(&head.card.graph.to_string()),
        "{error}"
    );
    // A graph that its card names but that is not a head's does not panic either.
    for bad in [&b""[..], b"\xff\xff", &onnx[..onnx.len() / 2]] {
        std::fs::write(&graph, bad).expect("written");
        let mut card = head.card.clone();
        card.graph = Digest::of(bad);
        let json = serde_json::to_vec(&card).expect("a card");
        std::fs::write(dir.path().join(CARD_FILE), json).expect("written");
        assert!(load(None).is_err());
    }
}

#[test]
fn what_cannot_be_learnt_is_refused() {
    let documents = documents();
    let refused = |documents: &[(String, Vec<f32>, &str)], settings: &TrainSettings| {
        let examples: Vec<Example<'_>> = documents
            .iter()
            .map(|(text, vector, label)| Example {
                text,
                vector,
                label,
                validated: true,
            })
            .collect();
        train(&examples, settings, Digest::of(b"encoder")).expect_err("refused")
    };
    let one: Vec<_> = documents.iter().filter(|d| d.2 == "eau").cloned().collect();
    assert!(matches!(
        refused(&one, &settings()),
        HeadError::TooFew { labels: 1, .. }
    ));
    assert!(matches!(
        refused(&[], &settings()),
        HeadError::TooFew { .. }
    ));
    let mut ragged = documents.clone();
    ragged[3].1.pop();
    assert!(matches!(
        refused(&ragged, &settings()),
        HeadError::Vector { index: 3, .. }
    ));
    ragged[3].1.push(f32::NAN);
    assert!(matches!(
        refused(&ragged, &settings()),
        HeadError::Vector { index: 3, .. }
    ));
    let changes: [fn(&mut TrainSettings); 9] = [
        |s| s.folds = 1,
        |s| s.costs.clear(),
        |s| s.costs.push(0.0),
        |s| s.chars_scales.clear(),
        |s| s.dense_scales = vec![f64::NAN],
        |s| s.confidence = 1.0,
        |s| s.max_misrouting = -0.1,
        |s| s.features.bucket_bits = 60,
        |s| s.features.char_min = 0,
    ];
    for change in changes {
        let mut bad = settings();
        change(&mut bad);
        assert!(
            matches!(refused(&documents, &bad), HeadError::Setting { .. }),
            "{bad:?}"
        );
    }
}

#[test]
fn a_rare_label_and_empty_texts_do_not_stop_training() {
    let mut documents = documents();
    documents.push(("Un élagage".into(), vec![0.0; DIMENSION], "espaces-verts"));
    documents.push((String::new(), vec![0.0; DIMENSION], "eau"));
    documents.push((String::new(), vec![0.0; DIMENSION], "voirie"));
    let mut settings = settings();
    settings.balanced = true;
    let head = trained(&documents, &settings);
    assert_eq!(
        head.card().labels[1],
        LabelCount {
            label: "espaces-verts".into(),
            documents: 1
        }
    );
    assert!(head.card().out_of_fold.log_loss.is_finite());
}

//! The encoder of our own: it loads as it ships, puts translations together, and gives a text the
//! same vector whatever its company.

#![allow(
    clippy::expect_used,
    reason = "a test that cannot be set up has failed"
)]

mod common;

use std::sync::OnceLock;

use common::{models, registry, root, runtime};
use domain::Digest;
use inference::Encoder;
use inference::prototypes::cosine;

const NAME: &str = "greffier-static-fr-en";

/// The encoder with two sessions, from where it ships.
fn encoder() -> &'static Encoder {
    static ENCODER: OnceLock<Encoder> = OnceLock::new();
    ENCODER.get_or_init(|| {
        registry()
            .encoder(NAME, &models(), &runtime(), 2)
            .unwrap_or_else(|error| panic!("{error}"))
    })
}

fn encode(texts: &[&str]) -> Vec<Vec<f32>> {
    let texts: Vec<String> = texts.iter().map(|&t| t.to_owned()).collect();
    encoder().encode(&texts).expect("texts are encoded")
}

const FRENCH: [&str; 6] = [
    "Comment renouveler sa carte d'identité ?",
    "Le conseil municipal approuve le budget de l'eau.",
    "Une garde d'enfants à domicile",
    "La rue est barrée pour des travaux jusqu'à vendredi.",
    "Le salarié peut contester son licenciement devant le tribunal.",
    "Il fait beau et les enfants jouent dans le parc.",
];

const ENGLISH: [&str; 6] = [
    "How do I renew my identity card?",
    "The town council approves the water budget.",
    "Child care at home",
    "The street is closed for works until Friday.",
    "The employee may challenge the dismissal before the court.",
    "The weather is fine and the children are playing in the park.",
];

#[test]
fn a_sentence_is_nearest_to_its_translation() {
    let (french, english) = (encode(&FRENCH), encode(&ENGLISH));
    for (place, text) in french.iter().enumerate() {
        let nearest = (0..english.len())
            .max_by(|&i, &j| cosine(text, &english[i]).total_cmp(&cosine(text, &english[j])));
        assert_eq!(nearest, Some(place), "{}", FRENCH[place]);
    }
}

#[test]
fn a_vector_depends_on_its_text_alone() {
    let long = "Le conseil approuve le budget du service de l'eau. ".repeat(200);
    let mut texts = vec![
        "",
        "eau",
        "\u{0}\u{c}\n",
        "漢字",
        "n° 2024-118",
        long.as_str(),
    ];
    texts.extend(FRENCH);
    let together = encode(&texts);
    for (vector, text) in together.iter().zip(&texts) {
        assert_eq!(vector.len(), encoder().dimension());
        let length: f64 = vector.iter().map(|v| f64::from(*v).powi(2)).sum();
        assert!((length - 1.0).abs() < 1e-6, "{length} for {text:?}");
        assert_eq!(&encode(&[text])[0], vector, "{text:?}");
    }
    let mut turned = texts.clone();
    turned.reverse();
    let mut reversed = encode(&turned);
    reversed.reverse();
    assert_eq!(reversed, together);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| encode(&texts))).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("encodes"), together);
        }
    });
}

#[test]
fn a_vector_is_the_same_to_the_bit_on_every_machine() {
    // Made once on another machine: sums of integers and one correctly rounded division.
    let bytes: Vec<u8> = encode(&FRENCH)
        .iter()
        .chain(&encode(&ENGLISH))
        .flatten()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(Digest::of(&bytes).to_string(), GOLDEN);
}

/// Digest of the vectors of the sentences above, little-endian.
const GOLDEN: &str = "sha256:42854f2dea702950fa4c359ab71156f1d5ddb90e40eed257da029a52d213c131";

#[test]
fn capitals_apostrophes_and_hyphens_do_not_matter_but_accents_may() {
    let v = encode(&["L'École-publique", "l école publique", "l'ecole publique"]);
    assert_eq!(v[0], v[1]);
    assert_ne!(v[0], v[2]);
}

#[test]
fn what_ships_is_small_and_pinned() {
    let folder = root().join("crates/inference/models").join(NAME);
    let size: u64 = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.and_then(|e| e.metadata()).expect("readable").len())
        .sum();
    assert!(size <= 16_000_000, "{size} bytes");
    assert!(registry().carries(NAME));
    let registry = registry();
    let spec = registry.model(NAME).expect("in the registry");
    assert_eq!(spec.files.len(), 2);
    // Nothing has to be imported.
    let (_, made) = registry.import(NAME, &models()).expect("as pinned");
    assert!(!made);
}

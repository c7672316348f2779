//! The pinned encoder: what it says, that it always says the same, and that it keeps to itself.

#![allow(
    clippy::expect_used,
    reason = "a test that cannot be set up has failed"
)]

mod common;

use common::{encoder, models, registry, runtime};
use inference::prototypes::cosine;
use inference::{RegistryError, RuntimeError};

fn encode(texts: &[&str]) -> Vec<Vec<f32>> {
    let texts: Vec<String> = texts.iter().map(|&t| t.to_owned()).collect();
    encoder().encode(&texts).expect("texts are encoded")
}

#[test]
fn the_converted_graph_says_what_the_published_weights_say() {
    // Reference: the architecture in f64 over the same weights, outside this code.
    let v = encode(&[
        "A cat sits on the mat.",
        "A kitten is sitting.",
        "The stock market fell sharply.",
    ]);
    let first = [
        0.126_535_22,
        -0.032_850_73,
        -0.029_059_63,
        0.044_406_99,
        -0.043_445_31,
        0.032_096_91,
    ];
    for (found, expected) in v[0].iter().zip(first) {
        assert!(
            (f64::from(*found) - expected).abs() < 1e-6,
            "{found} {expected}"
        );
    }
    for (a, b, expected) in [
        (0, 1, 0.645_379_56),
        (0, 2, 0.081_491_44),
        (1, 2, 0.132_029_66),
    ] {
        let found = cosine(&v[a], &v[b]);
        assert!((found - expected).abs() < 1e-6, "{a} {b}: {found}");
    }
}

#[test]
fn a_vector_depends_on_its_text_alone() {
    let long = "The council approves the budget of the water service. ".repeat(60);
    let texts = [
        "",
        "eau",
        "A cat sits.",
        &long,
        "Éclairage public, rue de la Paix 12",
        "\u{0}\u{c}\n",
        "🚰",
    ];
    let together = encode(&texts);
    let reversed: Vec<&str> = texts.iter().rev().copied().collect();
    let mut backwards = encode(&reversed);
    backwards.reverse();
    assert_eq!(together, backwards);
    for (text, vector) in texts.iter().zip(&together) {
        assert_eq!(&encode(&[text])[0], vector, "{text:?}");
        let length: f64 = vector.iter().map(|v| f64::from(*v).powi(2)).sum();
        assert!((length - 1.0).abs() < 1e-5, "{text:?} {length}");
    }
    // More threads than sessions: some wait, all get the same.
    std::thread::scope(|scope| {
        let same: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| encode(&texts) == together))
            .collect();
        assert!(
            same.into_iter()
                .all(|thread| thread.join().expect("no thread panics"))
        );
    });
    assert!(encode(&[]).is_empty());
}

#[test]
fn reads_256_tokens_and_no_more() {
    // 254 words of one token and the two special tokens fill the input.
    let words = |n: usize| vec!["water"; n].join(" ");
    let full = words(254);
    let v = encode(&[
        &words(253),
        &full,
        &format!("{full} fire"),
        &format!("{full} {full}"),
    ]);
    assert_ne!(v[0], v[1]);
    assert_eq!(v[1], v[2]);
    assert_eq!(v[1], v[3]);
}

#[test]
fn a_model_is_its_digest() {
    let registry = registry();
    let spec = registry.model(common::MODEL).expect("the model is known");
    assert_eq!(encoder().digest(), spec.digest());
    let mut others = vec![spec.digest()];
    let changes: [fn(&mut inference::registry::ModelSpec); 5] = [
        |s| s.prefix = "query: ".into(),
        |s| s.max_tokens = 128,
        |s| s.dimension = 383,
        |s| s.pooling = inference::registry::Pooling::Cls,
        |s| {
            s.files.insert("x".into(), domain::Digest::of(b"x"));
        },
    ];
    for change in changes {
        let mut changed = spec.clone();
        change(&mut changed);
        others.push(changed.digest());
    }
    others.sort();
    others.dedup();
    assert_eq!(others.len(), 6, "every part of the manifest counts");
    // What is said for people changes nothing.
    let mut renamed = spec.clone();
    renamed.source = "elsewhere".into();
    assert_eq!(renamed.digest(), spec.digest());
}

#[test]
fn a_file_with_another_digest_is_refused() {
    encoder();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let model = dir.path().join(common::MODEL);
    std::fs::create_dir(&model).expect("a folder");
    for file in ["model.onnx", "tokenizer.json"] {
        std::fs::copy(models().join(common::MODEL).join(file), model.join(file)).expect("a copy");
    }
    let load = || registry().encoder(common::MODEL, dir.path(), &runtime(), 1);
    assert!(load().is_ok());
    let path = model.join("tokenizer.json");
    let mut bytes = std::fs::read(&path).expect("a file");
    bytes.push(b' ');
    std::fs::write(&path, &bytes).expect("written");
    let error = load().expect_err("a tampered tokenizer is refused");
    let RegistryError::Digest {
        file,
        expected,
        found,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(file, &path);
    assert_eq!(*found, domain::Digest::of(&bytes));
    let said = error.to_string();
    for part in [
        path.display().to_string(),
        expected.to_string(),
        found.to_string(),
    ] {
        assert!(said.contains(&part), "{said}");
    }
    std::fs::remove_file(&path).expect("removed");
    assert!(matches!(load(), Err(RegistryError::Read { .. })));
    // Nor is a model made from sources that are not the pinned ones.
    std::fs::remove_file(model.join("model.onnx")).expect("removed");
    std::fs::write(model.join("config.json"), "{}").expect("written");
    let import = registry().import(common::MODEL, dir.path());
    assert!(
        matches!(import, Err(RegistryError::Digest { .. })),
        "{import:?}"
    );
    assert!(!model.join("model.onnx").exists());
}

#[test]
fn the_registry_refuses_what_it_does_not_know() {
    let text = std::fs::read_to_string(common::root().join("pipelines/models.toml")).expect("read");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("models.toml");
    let check = |text: String, good: bool| {
        std::fs::write(&path, &text).expect("written");
        assert_eq!(inference::Registry::load(&path).is_ok(), good, "{text}");
    };
    check(text.clone(), true);
    check(text.replace("max_tokens", "max_token"), false);
    check(format!("colour = 1\n{text}"), false);
    check(
        text.replace("pooling = \"mean\"", "pooling = \"max\""),
        false,
    );
    check(
        text.replace("sha256 = \"sha256:", "sha256 = \"sha1:"),
        false,
    );
    let error = registry().model("nothing").expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "no model `nothing` in the registry: known are all-minilm-l6-v2, greffier-static-fr-en"
    );
}

#[test]
fn a_missing_or_foreign_library_is_refused_with_the_way_out() {
    let empty = tempfile::tempdir().expect("a temporary directory");
    let mut spec = registry().runtime;
    let load = |spec: &_| inference::Runtime::load(spec, &[empty.path().to_path_buf()]);
    runtime();
    // Once loaded, the directories no longer matter, but another library cannot be had.
    assert!(load(&spec).is_ok());
    spec.platforms
        .values_mut()
        .for_each(|p| p.sha256 = domain::Digest::of(b"other"));
    assert!(matches!(load(&spec), Err(RuntimeError::Other { .. })));
    spec.platforms.clear();
    assert!(matches!(load(&spec), Err(RuntimeError::Platform { .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn no_socket_is_opened() {
    encode(&["Nothing leaves this machine."]);
    let open = std::fs::read_dir("/proc/self/fd").expect("a list of open files");
    let open: Vec<String> = open
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|path| path.display().to_string())
        .collect();
    // Standard streams may be a test runner's pipes or sockets; what is ours comes after them.
    let inherited: Vec<String> = (0..3)
        .filter_map(|fd| std::fs::read_link(format!("/proc/self/fd/{fd}")).ok())
        .map(|path| path.display().to_string())
        .collect();
    let sockets: Vec<&String> = open
        .iter()
        .filter(|p| p.starts_with("socket:") && !inherited.contains(p))
        .collect();
    assert!(sockets.is_empty(), "{sockets:?}");
    let databases: Vec<&String> = open
        .iter()
        .filter(|p| p.contains("onnxruntime") && !p.contains(".runtime"))
        .collect();
    assert!(databases.is_empty(), "{databases:?}");
}

//! What the tests that need ONNX Runtime and the weights share.

use std::path::PathBuf;
use std::sync::OnceLock;

use inference::{Encoder, Registry, Runtime};

/// Name of the encoder under test.
pub(crate) const MODEL: &str = "all-minilm-l6-v2";

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the models are.
pub(crate) fn models() -> PathBuf {
    root().join(".runtime/models")
}

/// The registry of the repository.
pub(crate) fn registry() -> Registry {
    Registry::load(&root().join("pipelines/models.toml")).expect("the registry is well formed")
}

/// ONNX Runtime, loaded once in this process.
pub(crate) fn runtime() -> Runtime {
    Runtime::load(&registry().runtime, &[root().join(".runtime")])
        .unwrap_or_else(|error| panic!("{error}: run cargo xtask setup"))
}

/// The encoder with two sessions, made once in this process; imported first if it was not.
#[allow(dead_code, reason = "not every test encodes")]
pub(crate) fn encoder() -> &'static Encoder {
    static ENCODER: OnceLock<Encoder> = OnceLock::new();
    ENCODER.get_or_init(|| {
        let registry = registry();
        registry
            .import(MODEL, &models())
            .and_then(|_| registry.encoder(MODEL, &models(), &runtime(), 2))
            .unwrap_or_else(|error| panic!("{error}: run cargo xtask setup"))
    })
}

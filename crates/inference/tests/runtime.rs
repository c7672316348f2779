//! ONNX Runtime before it is loaded: one process loads it once, so these have a process of their own.

#![allow(
    clippy::expect_used,
    reason = "a test that cannot be set up has failed"
)]

mod common;

use inference::{Runtime, RuntimeError};

#[test]
fn only_the_pinned_library_is_loaded() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let spec = common::registry().runtime;
    let load = || Runtime::load(&spec, &[dir.path().to_path_buf()]);
    let error = load().expect_err("nothing is there");
    assert!(matches!(error, RuntimeError::Absent { .. }), "{error}");
    assert!(
        error.to_string().contains("run `cargo xtask setup`"),
        "{error}"
    );

    let library = &spec.platforms[&inference::runtime::platform()].library;
    std::fs::write(dir.path().join(library), b"not a library").expect("written");
    let error = load().expect_err("a foreign library is refused");
    assert!(matches!(error, RuntimeError::Digest { .. }), "{error}");

    // A refusal is not for ever, and the first directory that has the library is taken.
    let empty = dir.path().join("empty");
    let runtime = Runtime::load(&spec, &[empty, common::root().join(".runtime")])
        .unwrap_or_else(|error| panic!("{error}: run cargo xtask setup"));
    assert_eq!(runtime.version(), spec.version);
    assert_eq!(common::runtime().digest(), runtime.digest());
}

//! The built binary on a data directory of its own.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part"
)]

pub mod postgres;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Said by every test that needs models and finds none.
const SET_UP: &str = "run cargo xtask setup";

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// A file or folder of the fixtures.
pub fn fixture(path: &str) -> String {
    root().join("fixtures").join(path).display().to_string()
}

/// The binary, as if no setting of the shell existed.
pub fn greffier() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greffier"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GREFFIER_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(mut command: Command) -> Self {
        let out = command.output().expect("greffier runs");
        Self {
            code: out.status.code(),
            stdout: String::from_utf8(out.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(out.stderr).expect("standard error is UTF-8"),
        }
    }

    /// Fails unless the command ended so.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.hint());
        self
    }

    /// Fails unless each of these is in what was said on standard error.
    #[track_caller]
    pub fn said(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no `{word}` in: {}",
                self.stderr
            );
        }
        // A message is for a person: it never shows where in the code it comes from.
        assert!(!self.stderr.contains("panicked at"), "{}", self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}\n{}", self.stdout, self.hint()))
    }

    fn hint(&self) -> String {
        if self.stderr.contains("setup") {
            format!("{}\n{SET_UP}", self.stderr)
        } else {
            self.stderr.clone()
        }
    }
}

/// A data directory, whose secrets come from a file: what happens in it repeats to the byte.
pub struct Data {
    folder: TempDir,
}

impl Data {
    /// An empty one.
    pub fn new() -> Self {
        let data = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let secret = data.folder.path().join("secret");
        fs::write(&secret, "a secret of these tests").unwrap();
        data.run(&["init", "--secret-file", &secret.display().to_string()])
            .ended(0);
        data
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A place beside it for files of the test.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside it; its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.beside(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// A command on it, in English unless another language is asked.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = greffier();
        command.current_dir(self.folder.path());
        command.arg("--data").arg(self.path()).args(args);
        if !args.contains(&"--lang") {
            command.args(["--lang", "en"]);
        }
        command
    }

    /// Runs a command on it.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args))
    }

    /// What a command that ends well prints with `--json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.run(&all).ended(0).json()
    }

    /// The documents it holds.
    #[track_caller]
    pub fn documents(&self) -> Vec<Value> {
        self.json(&["documents"]).as_array().unwrap().clone()
    }

    /// Fails unless everything in it holds.
    #[track_caller]
    pub fn verified(&self) -> Value {
        let ran = self.run(&["--json", "verify"]);
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        ran.json()
    }
}

/// A data directory with pipeline files of its own, to be changed.
pub struct Town {
    pub data: Data,
    pub pipelines: String,
}

impl Town {
    /// The pipelines of the project, each text changed by `change`.
    pub fn new(change: impl Fn(String) -> String) -> Self {
        let data = Data::new();
        let pipelines = data.beside("pipelines");
        fs::create_dir_all(&pipelines).unwrap();
        // The registry says where the encoder of our own is from its own folder.
        let models = root().join("crates/inference/models").display().to_string();
        for entry in fs::read_dir(root().join("pipelines")).unwrap() {
            let file = entry.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            let text = text.replace("../crates/inference/models", &models);
            fs::write(pipelines.join(file.file_name().unwrap()), change(text)).unwrap();
        }
        Self {
            data,
            pipelines: pipelines.display().to_string(),
        }
    }

    /// A command as typed, with these pipelines.
    pub fn run(&self, args: &[&str]) -> Ran {
        let mut all = vec!["--pipelines", &self.pipelines];
        all.extend(args);
        self.data.run(&all)
    }

    /// What a command that ends well prints with `--json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.run(&all).ended(0).json()
    }
}

//! Cargo and the built binary, run from the root of the repository.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::postgres;
use crate::rabbitmq;
use crate::setup;

/// The repository.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The repository that this tool was built from.
    pub(crate) fn here() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest
            .ancestors()
            .nth(2)
            .context("this tool is not in crates/xtask")?;
        ensure!(
            root.join("Cargo.toml").is_file(),
            "{} is gone: build this tool again",
            root.display()
        );
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Its root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `cargo` at the root.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        cargo
    }

    /// `path` from the root, where it is under it: what a person can type there.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// Builds the binary for development, with cargo's own progress.
    pub(crate) fn build(&self) -> Result<Program<'_>> {
        self.build_with(&["build", "--package", "greffier"])
    }

    /// Builds all tests, and the binary with them: cargo would else compile much of what they have
    /// in common twice, because tests ask more features of it.
    pub(crate) fn build_tests(&self) -> Result<Program<'_>> {
        self.build_with(&["test", "--workspace", "--no-run"])
    }

    /// A binary that was built before.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn built(&self, path: &Path) -> Result<Program<'_>> {
        let path = std::path::absolute(path)?;
        ensure!(path.is_file(), "{} is not there", path.display());
        Ok(Program {
            workspace: self,
            path,
        })
    }

    /// Builds the binary as it ships.
    pub(crate) fn build_release(&self) -> Result<Program<'_>> {
        self.build_with(&["build", "--release", "--package", "greffier"])
    }

    fn build_with(&self, command: &[&str]) -> Result<Program<'_>> {
        let mut cargo = self
            .cargo()
            .args(command)
            .args(["--message-format", "json-render-diagnostics"])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run cargo")?;
        let mut messages = String::new();
        if let Some(mut stdout) = cargo.stdout.take() {
            stdout
                .read_to_string(&mut messages)
                .context("cannot hear cargo")?;
        }
        ensure!(cargo.wait()?.success(), "it does not build: see above");
        let path = messages.lines().filter_map(built_program).next_back();
        Ok(Program {
            workspace: self,
            path: path.context("cargo does not say where greffier is")?,
        })
    }

    /// The files that setting up makes and that are not there.
    pub(crate) fn missing(&self) -> Result<Vec<PathBuf>> {
        let registry = self.models()?;
        let runtime = self.root.join(".runtime");
        let mut wanted = vec![self.runtime_library()?];
        for (name, model) in tables(registry.get("models")) {
            // One that comes with the repository is not made.
            if model.get("path").is_some() {
                continue;
            }
            for (file, _) in tables(model.get("files")) {
                wanted.push(runtime.join("models").join(name).join(file));
            }
        }
        wanted.retain(|path| !path.is_file());
        Ok(wanted)
    }

    /// Where ONNX Runtime is put.
    pub(crate) fn runtime_library(&self) -> Result<PathBuf> {
        let registry = self.models()?;
        let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        let library = registry
            .get("runtime")
            .and_then(|r| r.get("platforms")?.get(&platform)?.get("library")?.as_str());
        // An unknown platform is for `setup` to explain.
        let name = library.unwrap_or("ONNX Runtime");
        Ok(self.root.join(".runtime").join(name))
    }

    fn models(&self) -> Result<toml::Table> {
        let path = self.root.join("pipelines/models.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }
}

fn tables(value: Option<&toml::Value>) -> impl Iterator<Item = (&String, &toml::Value)> {
    value.and_then(toml::Value::as_table).into_iter().flatten()
}

/// Where the binary is, if this message of cargo says it. Its own tests have its name too.
fn built_program(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_it = message["target"]["name"] == "greffier" && message["profile"]["test"] == false;
    is_it
        .then(|| message["executable"].as_str().map(PathBuf::from))
        .flatten()
}

/// The built binary.
pub(crate) struct Program<'a> {
    workspace: &'a Workspace,
    path: PathBuf,
}

impl Program<'_> {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A command of it, from the root, as if no setting of the shell existed.
    pub(crate) fn command<S: Into<OsString>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.workspace.root);
        command.args(args.into_iter().map(Into::into));
        // An experiment of the shell must not change what is shown, or write where it points.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GREFFIER_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// The benches of this binary.
    pub(crate) fn bench(&self, profile: &str, args: &[String]) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["run", "--package", "benches", "--profile", profile]);
        cargo.arg("--").arg("--binary").arg(&self.path).args(args);
        cargo
    }

    /// A command as a person would type it at the root.
    pub(crate) fn typed(&self, command: &Command) -> String {
        let mut words = vec![self.workspace.shown(&self.path)];
        words.extend(command.get_args().map(|arg| quoted(&arg.to_string_lossy())));
        words.join(" ")
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Says something about the work on standard error.
pub(crate) fn note(line: &str) {
    // Standard error may be closed; the work does not depend on being heard.
    let _ = writeln!(io::stderr(), "xtask: {line}");
}

/// `cargo xtask setup`.
pub(crate) fn set_up(workspace: &Workspace) -> Result<()> {
    setup::run(workspace.root())?;
    make_encoders(&workspace.build()?)?;
    note("ready: `cargo xtask demo` shows it at work");
    Ok(())
}

/// Has the binary make the encoders from what was fetched.
pub(crate) fn make_encoders(greffier: &Program<'_>) -> Result<()> {
    for (name, _) in tables(greffier.workspace.models()?.get("models")) {
        let mut import = greffier.command(["models", "import", name]);
        // Data belongs on standard output; this is none of it.
        let done = import
            .stdout(io::stderr())
            .status()
            .context("cannot run greffier")?;
        ensure!(
            done.success(),
            "cannot make the encoder: run {} again",
            greffier.typed(&import)
        );
    }
    Ok(())
}

/// Sets up when something is missing; what is there is verified by whoever loads it.
pub(crate) fn set_up_if_needed(workspace: &Workspace) -> Result<()> {
    if is_set_up(workspace)? {
        return Ok(());
    }
    set_up(workspace)
}

/// Whether nothing is missing that setting up makes; what is, is said.
pub(crate) fn is_set_up(workspace: &Workspace) -> Result<bool> {
    let missing = workspace.missing()?;
    for path in &missing {
        note(&format!("{} is missing", workspace.shown(path)));
    }
    Ok(missing.is_empty())
}

/// `cargo xtask schemas`.
pub(crate) fn write_schemas(workspace: &Workspace) -> Result<()> {
    let greffier = workspace.build()?;
    let folder = workspace.root().join("schemas");
    if folder.is_dir() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(".schema.json") {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    let mut write = greffier.command(["schemas", "--write", "schemas"]);
    if !write.status().context("cannot run greffier")?.success() {
        bail!(
            "cannot write schemas/: run {} again",
            greffier.typed(&write)
        );
    }
    Ok(())
}

/// `cargo xtask bench`: in release, and kept under the day and the platform unless told otherwise.
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    set_up_if_needed(workspace)?;
    let mut args = args.to_vec();
    if !args.iter().any(|arg| arg.starts_with("--out")) {
        let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let of = only(&args).map_or(String::new(), |bench| format!("-{bench}"));
        args.push(format!("--out=benches/runs/{day}-{os}-{arch}{of}.json"));
    }
    let greffier = workspace.build_release()?;
    let mut bench = greffier.bench("release", &args);
    let servers = if only(&args).is_none_or(|bench| bench == "service") {
        let servers = (postgres::provide()?, rabbitmq::provide()?);
        bench.env(postgres::VARIABLE, servers.0.url());
        bench.env(rabbitmq::VARIABLE, &servers.1);
        Some(servers)
    } else {
        None
    };
    let done = bench.status().context("cannot run cargo")?;
    // PostgreSQL is stopped if it was started for this.
    drop(servers);
    Ok(exit_code(done))
}

/// The one bench that is asked for.
fn only(args: &[String]) -> Option<&str> {
    let place = args.iter().position(|arg| arg.starts_with("--only"))?;
    match args[place].split_once('=') {
        Some((_, bench)) => Some(bench),
        None => args.get(place + 1).map(String::as_str),
    }
}

/// The exit code of a child, passed through; that of a killed one is 1.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    match status.code().map(u8::try_from) {
        Some(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_back_by_a_shell() {
        for word in [
            "plain",
            "l'école",
            "a b",
            "",
            "$HOME",
            "« n° 98-41 »",
            "a'b'c",
        ] {
            let echo = format!("printf %s {}", quoted(word));
            let out = Command::new("sh").args(["-c", &echo]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }

    #[test]
    fn the_bench_that_is_asked_for_is_found() {
        let check = |args: &[&str], expected: Option<&str>| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(only(&args), expected, "{args:?}");
        };
        check(&["--documents", "3", "--only", "service"], Some("service"));
        check(&["--only=search"], Some("search"));
        check(&["--documents=3"], None);
        check(&["--only"], None);
    }

    #[test]
    fn the_program_is_the_one_cargo_names() {
        let built = r#"{"reason":"compiler-artifact","target":{"name":"greffier"},"profile":{"test":false},"executable":"/t/greffier"}"#;
        assert_eq!(built_program(built), Some(PathBuf::from("/t/greffier")));
        for other in [
            r#"{"reason":"compiler-artifact","target":{"name":"domain"},"profile":{"test":false},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"greffier"},"profile":{"test":true},"executable":"/t/deps/greffier-1"}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "not JSON",
        ] {
            assert_eq!(built_program(other), None);
        }
    }
}

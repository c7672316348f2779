//! `cargo xtask deb`: the Debian package: the program, ONNX Runtime and the encoder of our own by
//! digest, pipelines as settings, units of systemd. `dpkg-deb` is all it needs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::program::{Program, Workspace, note};
use crate::setup;

/// Who works on the data directory, where it is, and where settings are.
const USER: &str = "greffier";
pub(crate) const DATA: &str = "/var/lib/greffier";
/// Where models.toml finds the encoder of our own, in the repository and where it is installed.
const ENCODERS: [&str; 2] = ["../crates/inference/models", "/usr/share/greffier/models"];
/// Without these scans wait, and everything else goes on.
const RECOMMENDS: &str = "tesseract-ocr, tesseract-ocr-fra, tesseract-ocr-eng";
/// How long an installed role may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Builds the package around a built program; where it is.
///
/// # Errors
/// When something is missing, or `dpkg-deb` fails.
pub(crate) fn build(workspace: &Workspace, program: &Program<'_>, out: &Path) -> Result<PathBuf> {
    let root = workspace.root();
    let architecture = said("dpkg", &["--print-architecture"])?;
    let version = env!("CARGO_PKG_VERSION");
    let tree = out.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot empty {}", tree.display()))?;
    }
    let library = workspace.runtime_library()?;
    if !library.is_file() {
        setup::run(root)?;
    }
    let files = Files { tree: &tree };
    files.copy(program.path(), "usr/bin/greffier", 0o755)?;
    // What a debugger reads is half of the program.
    let stripped = Command::new("strip")
        .arg(tree.join("usr/bin/greffier"))
        .status();
    if !stripped.is_ok_and(|s| s.success()) {
        note("no `strip` (binutils): the program keeps its symbols");
    }
    let name = library.file_name().context("a library without a name")?;
    let name = name.to_string_lossy();
    files.copy(&library, &format!("usr/lib/greffier/{name}"), 0o644)?;
    let models = root.join("crates/inference/models");
    files.copy_all(
        &models.join("greffier-static-fr-en"),
        "usr/share/greffier/models/greffier-static-fr-en",
    )?;
    files.copy(
        &root.join("LICENSE"),
        "usr/share/doc/greffier/copyright",
        0o644,
    )?;
    files.copy(
        &root.join("README.md"),
        "usr/share/doc/greffier/README.md",
        0o644,
    )?;
    let units = root.join("docker/systemd");
    files.copy(
        &units.join("greffier@.service"),
        "usr/lib/systemd/system/greffier@.service",
        0o644,
    )?;
    let mut settings = Vec::new();
    for file in listed(&root.join("pipelines"), "toml")? {
        let text = fs::read_to_string(&file)?.replace(ENCODERS[0], ENCODERS[1]);
        settings.push(format!("etc/greffier/pipelines/{}", file_name(&file)));
        files.write(settings.last().context("just pushed")?, &text, 0o644)?;
    }
    for file in listed(&units, "env")? {
        settings.push(format!("etc/greffier/{}", file_name(&file)));
        files.copy(&file, settings.last().context("just pushed")?, 0o644)?;
    }
    let settings: String = settings.iter().map(|path| format!("/{path}\n")).collect();
    files.write("DEBIAN/conffiles", &settings, 0o644)?;
    // What it was built with is what it is sure to run with.
    let libc = said("getconf", &["GNU_LIBC_VERSION"])?;
    let libc = libc.rsplit(' ').next().unwrap_or_default().to_owned();
    let control = format!(
        "Package: greffier\nVersion: {version}\nArchitecture: {architecture}\nSection: misc\nPriority: optional\n\
         Maintainer: Greffier <greffier@localhost>\n\
         Depends: libc6 (>= {libc}), libgcc-s1, libstdc++6, passwd\nRecommends: {RECOMMENDS}\n\
         Suggests: rabbitmq-server, postgresql\n\
         Description: clerk of a town hall: reads, routes and proves documents\n \
         Reads the forms, letters and field reports that reach a local public service, proposes\n \
         which service each is for, finds them again by words and by meaning, and can prove how each\n \
         of its outputs came about. It informs; people decide. No outgoing connection but those\n \
         configured.\n"
    );
    files.write("DEBIAN/control", &control, 0o644)?;
    for script in ["postinst", "prerm", "postrm"] {
        let from = root.join("docker/deb").join(script);
        files.copy(&from, &format!("DEBIAN/{script}"), 0o755)?;
    }
    let package = out.join(format!("greffier_{version}_{architecture}.deb"));
    let built = Command::new("dpkg-deb")
        // Packing harder saves a tenth and takes minutes.
        .args(["--root-owner-group", "-Zxz", "-z1", "--build"])
        .args([&tree, &package])
        .stdout(io::stderr())
        .status();
    ensure!(
        built.context("cannot run dpkg-deb")?.success(),
        "dpkg-deb could not build {}",
        package.display()
    );
    fs::remove_dir_all(&tree)?;
    Ok(package)
}

/// Installs the package, has the installed program work as its user, and removes it again. Only for
/// a machine of tests, as root.
///
/// # Errors
/// With the first thing that does not work.
pub(crate) fn try_out(workspace: &Workspace, package: &Path) -> Result<()> {
    run(Command::new("dpkg").arg("--install").arg(package))?;
    let outcome = work_installed(workspace);
    run(Command::new("dpkg").args(["--purge", "greffier"]))?;
    outcome?;
    ensure!(
        !Path::new("/usr/bin/greffier").exists() && !Path::new("/etc/greffier").exists(),
        "a purge leaves something behind"
    );
    note("the package installs, works as its user, and leaves nothing but its data");
    Ok(())
}

fn work_installed(workspace: &Workspace) -> Result<()> {
    if program_answers("systemd-analyze") {
        let unit = "/usr/lib/systemd/system/greffier@.service";
        run(Command::new("systemd-analyze").args(["verify", "--man=no", unit]))?;
    } else {
        note("no systemd-analyze: the unit is not checked");
    }
    // As the unit does it: from the data directory, as its user, with its settings alone.
    let as_user = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
        command.arg("/usr/bin/greffier").args(args);
        command.env_clear().env("GREFFIER_DATA", DATA);
        command.env("PATH", "/usr/bin:/bin").current_dir(DATA);
        command
    };
    let letter = format!("{DATA}/try/lettre.txt");
    fs::create_dir_all(format!("{DATA}/try"))?;
    fs::copy(workspace.root().join("LICENSE"), &letter)?;
    run(as_user(&["init"]).stdout(Stdio::null()))?;
    run(&mut as_user(&["ingest", "--pipeline", "archives", &letter]))?;
    run(&mut as_user(&["verify"]))?;
    let address = "127.0.0.1:19464";
    let mut served = as_user(&["serve", "--listen", "127.0.0.1:0", "--health", address]).spawn()?;
    let started = Instant::now();
    let ready = loop {
        let asked = as_user(&["health", "--health", address])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if asked.success() || started.elapsed() > PATIENCE {
            break asked.success();
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    run(Command::new("kill").arg(served.id().to_string()))?;
    let ended = served.wait()?;
    fs::remove_dir_all(DATA)?;
    ensure!(ready, "the installed program is not ready within a minute");
    ensure!(
        ended.success(),
        "told to end, the installed program ends with {ended}"
    );
    Ok(())
}

/// The tree of a package.
struct Files<'a> {
    tree: &'a Path,
}

impl Files<'_> {
    fn place(&self, path: &str) -> Result<PathBuf> {
        let place = self.tree.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(place)
    }

    fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let place = self.place(to)?;
        fs::copy(from, &place).with_context(|| format!("cannot copy {}", from.display()))?;
        closed(&place, mode)
    }

    fn copy_all(&self, from: &Path, to: &str) -> Result<()> {
        for file in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
            let file = file?.path();
            self.copy(&file, &format!("{to}/{}", file_name(&file)), 0o644)?;
        }
        Ok(())
    }

    fn write(&self, to: &str, text: &str, mode: u32) -> Result<()> {
        let place = self.place(to)?;
        fs::write(&place, text).with_context(|| format!("cannot write {}", place.display()))?;
        closed(&place, mode)
    }
}

#[cfg(unix)]
fn closed(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

#[cfg(not(unix))]
fn closed(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

fn listed(folder: &Path, kind: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == kind) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn said(program: &str, args: &[&str]) -> Result<String> {
    let out = Command::new(program).args(args).output();
    let out = out.with_context(|| format!("cannot run {program}: a package is built on Debian"))?;
    ensure!(out.status.success(), "{program} failed");
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

fn program_answers(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let done = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(done.success(), "{command:?} failed: {done}");
    Ok(())
}

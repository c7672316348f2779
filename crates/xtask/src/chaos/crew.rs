//! The processes of the house: started, killed, stopped for a while, and started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::town::Town;

/// A role, as a process has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    /// What it is called in plans and logs.
    pub(crate) name: &'static str,
    args: &'static [&'static str],
    /// Whether its clock may jump.
    pub(crate) clock: bool,
}

/// Eight working threads in five processes, two of which take some stages alone; two relays; two
/// that keep log and index, one at a time.
pub(crate) const ROLES: [Role; 9] = [
    role("work-1", &["work", "--threads", "2"], false),
    role("work-2", &["work", "--threads", "2"], false),
    role(
        "work-3",
        &["work", "--threads", "2", "--stage", "extract,ocr"],
        false,
    ),
    role(
        "work-4",
        &[
            "work",
            "--threads",
            "1",
            "--stage",
            "sketch,split,embed,classify,check,route",
        ],
        false,
    ),
    role("work-5", &["work", "--threads", "1"], true),
    role("relay-1", &["relay"], false),
    role("relay-2", &["relay"], true),
    role("tick-1", &["tick"], false),
    role("tick-2", &["tick"], true),
];

const fn role(name: &'static str, args: &'static [&'static str], clock: bool) -> Role {
    Role { name, args, clock }
}

/// How long a process that ended by itself stays away: what it needs may be away.
const REST: Duration = Duration::from_secs(1);
/// How long one may take to end once it is told to.
const LEAVING: Duration = Duration::from_secs(30);

/// All of them.
pub(crate) struct Crew {
    members: Vec<Member>,
    logs: PathBuf,
    /// Those that ended without being told, and how.
    pub(crate) ended: Vec<String>,
    /// How often one was started.
    pub(crate) started: u64,
    /// Added to what relays are started with.
    pub(crate) relay_more: &'static [&'static str],
}

struct Member {
    role: Role,
    child: Option<Child>,
    started: Instant,
    again_at: Instant,
}

impl Crew {
    /// Everyone, not yet started; what they say goes into a file each.
    pub(crate) fn new(logs: &Path) -> Self {
        let members = ROLES.map(|role| Member {
            role,
            child: None,
            started: Instant::now(),
            again_at: Instant::now(),
        });
        Self {
            members: members.into(),
            logs: logs.to_owned(),
            ended: Vec::new(),
            started: 0,
            relay_more: &[],
        }
    }

    /// Starts whoever is not there and is due.
    ///
    /// # Errors
    /// When the binary cannot be run.
    pub(crate) fn tend(&mut self, town: &Town<'_>) -> Result<()> {
        for member in &mut self.members {
            if let Some(child) = &mut member.child
                && let Some(status) = child.try_wait()?
            {
                let said = last_words(&self.logs.join(member.role.name));
                self.ended.push(format!(
                    "{} ended by itself ({status}) after {:.1} s: {said}",
                    member.role.name,
                    member.started.elapsed().as_secs_f64()
                ));
                member.child = None;
                member.again_at = Instant::now() + REST;
            }
            if member.child.is_none() && Instant::now() >= member.again_at {
                let mut args = member.role.args.to_vec();
                if args[0] == "relay" {
                    args.extend(self.relay_more);
                }
                let mut command = town.role(&args);
                if member.role.clock {
                    town.clocks.give(&mut command, member.role.name);
                }
                let mut log = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.logs.join(member.role.name))?;
                use std::io::Write as _;
                writeln!(log, "--- started {}", jiff::Timestamp::now())?;
                command.stdout(log.try_clone()?).stderr(log);
                let child = command.spawn().context("cannot run greffier")?;
                member.child = Some(child);
                member.started = Instant::now();
                self.started += 1;
            }
        }
        Ok(())
    }

    /// Kills one; it is started again when tended.
    pub(crate) fn kill(&mut self, name: &str) {
        for member in self.members.iter_mut().filter(|m| m.role.name == name) {
            if let Some(mut child) = member.child.take() {
                let _ = child.kill();
                let _ = child.wait();
                member.again_at = Instant::now();
            }
        }
    }

    /// Sends a signal to one.
    pub(crate) fn tell(&self, name: &str, what: &str) {
        for member in self.members.iter().filter(|m| m.role.name == name) {
            if let Some(child) = &member.child {
                signal(what, &child.id().to_string());
            }
        }
    }

    /// Tells everyone to end, and says who did not leave in order.
    ///
    /// # Errors
    /// When one cannot be waited for.
    pub(crate) fn dismiss(&mut self) -> Result<Vec<String>> {
        for member in &self.members {
            if let Some(child) = &member.child {
                signal("TERM", &child.id().to_string());
            }
        }
        let mut wrong = Vec::new();
        for member in &mut self.members {
            let Some(mut child) = member.child.take() else {
                continue;
            };
            match ended_within(&mut child, LEAVING)? {
                Some(status) if status.success() => {}
                Some(status) => wrong.push(format!("{} ended with {status}", member.role.name)),
                None => {
                    wrong.push(format!(
                        "{} is still there after {} s",
                        member.role.name,
                        LEAVING.as_secs()
                    ));
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        }
        Ok(wrong)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(child) = &mut member.child {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// How a process ended, unless it takes longer.
pub(crate) fn ended_within(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to a process, or with a minus to a group. One that is gone hears nothing.
pub(crate) fn signal(what: &str, to: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{what}"), "--", to])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// What a log ends with: a message and its cause.
fn last_words(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(2);
    lines[from..]
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" / ")
}

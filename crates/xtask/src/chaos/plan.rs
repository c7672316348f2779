//! What goes wrong, when, and for how long: all of it drawn from the seed before anything starts.
//!
//! A plan depends on the seed and the size asked for, and on nothing of the machine: what cannot be
//! done here (a disk that cannot be filled, a clock that cannot be moved) stays in the plan and is
//! said to be skipped.

use std::fmt;

use serde::Serialize;

use crate::fixtures::Numbers;

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Documents taken in.
    pub(crate) documents: usize,
    /// Parts they come in.
    pub(crate) batches: usize,
    /// How long faults go on, in milliseconds.
    pub(crate) span_ms: u64,
    /// How many there are.
    pub(crate) faults: usize,
    /// The longest that a process stands still.
    pub(crate) freeze_ms: u64,
    /// The longest that a server is away, a connection held or a disk full.
    pub(crate) away_ms: u64,
    /// The furthest that a clock jumps, in seconds.
    pub(crate) jump_s: u64,
    /// Bytes of the long texts.
    pub(crate) huge: (usize, usize),
}

impl Size {
    /// For every day: a minute of faults.
    pub(crate) fn short(documents: usize) -> Self {
        Self {
            documents,
            batches: 4,
            span_ms: 45_000,
            faults: 30,
            freeze_ms: 4_000,
            away_ms: 3_000,
            jump_s: 10,
            huge: (100_000, 300_000),
        }
    }

    /// So many minutes of faults, six seconds between two.
    pub(crate) fn long(documents: usize, minutes: u64) -> Self {
        let minutes = minutes.max(1);
        Self {
            documents,
            batches: 8,
            span_ms: minutes * 60_000,
            faults: usize::try_from(minutes * 10).unwrap_or(usize::MAX),
            freeze_ms: 60_000,
            away_ms: 15_000,
            jump_s: 90,
            huge: (1_000_000, 2_500_000),
        }
    }
}

/// A server that roles talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Server {
    /// RabbitMQ.
    Rabbitmq,
    /// PostgreSQL.
    Postgres,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rabbitmq => "RabbitMQ",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub(crate) enum What {
    /// SIGKILL; the process is started again at once.
    Kill {
        /// Which.
        role: &'static str,
    },
    /// SIGSTOP, and SIGCONT later.
    Freeze {
        /// Which.
        role: &'static str,
    },
    /// A server ends, and is started again later.
    Restart {
        /// Which.
        server: Server,
        /// Killed, rather than told to end.
        hard: bool,
    },
    /// Every connection to a server ends at once.
    Cut {
        /// Which.
        server: Server,
    },
    /// What goes to a server and comes from it is late.
    Delay {
        /// Which.
        server: Server,
        /// By so many milliseconds.
        ms: u64,
    },
    /// Nothing goes through, and nobody is told.
    Hold {
        /// To which.
        server: Server,
    },
    /// The data directory has no room.
    DiskFull,
    /// The clock of a process jumps, and jumps back.
    Clock {
        /// Whose.
        role: &'static str,
        /// By so many seconds.
        seconds: i64,
    },
}

impl What {
    /// What two faults may not have hold of at the same time.
    fn target(&self) -> Option<String> {
        match self {
            Self::Kill { .. } => None,
            Self::Freeze { role } => Some(format!("freeze {role}")),
            Self::Restart { server, .. } => Some(format!("server {server}")),
            Self::Cut { .. } => None,
            Self::Delay { server, .. } | Self::Hold { server } => Some(format!("way {server}")),
            Self::DiskFull => Some("disk".to_owned()),
            Self::Clock { role, .. } => Some(format!("clock {role}")),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { role } => write!(f, "SIGKILL {role}"),
            Self::Freeze { role } => write!(f, "SIGSTOP {role}"),
            Self::Restart { server, hard: true } => write!(f, "{server} killed"),
            Self::Restart {
                server,
                hard: false,
            } => write!(f, "{server} stopped"),
            Self::Cut { server } => write!(f, "connections to {server} cut"),
            Self::Delay { server, ms } => write!(f, "{server} {ms} ms late"),
            Self::Hold { server } => write!(f, "{server} silent"),
            Self::DiskFull => write!(f, "disk full"),
            Self::Clock { role, seconds } => write!(f, "clock of {role} {seconds:+} s"),
        }
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// When, from the start.
    pub(crate) at_ms: u64,
    /// For how long; 0 where it is over at once.
    pub(crate) lasts_ms: u64,
    /// What.
    #[serde(flatten)]
    pub(crate) what: What,
}

/// A part of the documents, as it is taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Batch {
    /// When, from the start.
    pub(crate) at_ms: u64,
    /// `ingest` is killed so long after its start, and run again.
    pub(crate) killed_after_ms: Option<u64>,
}

/// Everything that will happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    /// By time.
    pub(crate) faults: Vec<Fault>,
    /// By time.
    pub(crate) batches: Vec<Batch>,
}

/// The parts of a hundred that each kind of fault has. Short kinds are frequent, and every kind
/// happens at least once.
const KINDS: [(u64, Kind); 10] = [
    (40, Kind::Kill),
    (14, Kind::Freeze),
    (9, Kind::CutBroker),
    (9, Kind::CutLedger),
    (8, Kind::Delay),
    (8, Kind::Hold),
    (3, Kind::RestartBroker),
    (3, Kind::RestartLedger),
    (3, Kind::DiskFull),
    (3, Kind::Clock),
];

/// Whose turn it is to be killed or stopped.
const TURNS: [&str; 4] = ["work", "relay", "work", "tick"];

#[derive(Clone, Copy)]
enum Kind {
    Kill,
    Freeze,
    CutBroker,
    CutLedger,
    Delay,
    Hold,
    RestartBroker,
    RestartLedger,
    DiskFull,
    Clock,
}

impl Plan {
    /// Draws a plan for these roles, of which some have a clock of their own.
    pub(crate) fn draw(
        seed: u64,
        size: &Size,
        roles: &[&'static str],
        clocks: &[&'static str],
    ) -> Self {
        let mut draw = Draw {
            numbers: Numbers::seeded(seed),
            size: *size,
            roles: roles.to_vec(),
            clocks: clocks.to_vec(),
            turn: 0,
        };
        let mut kinds: Vec<Kind> = KINDS.iter().map(|(_, kind)| *kind).collect();
        while kinds.len() < size.faults.max(KINDS.len()) {
            let kind = draw.kind();
            kinds.push(kind);
        }
        // In any order, one in each part of the time.
        for n in (1..kinds.len()).rev() {
            kinds.swap(n, draw.numbers.below(n + 1));
        }
        let part = size.span_ms / kinds.len() as u64;
        let mut faults: Vec<Fault> = Vec::new();
        for (kind, n) in kinds.into_iter().zip(0..) {
            let at_ms = n * part + draw.below(part);
            faults.push(draw.fault(kind, at_ms));
        }
        faults.sort_by_key(|fault| (fault.at_ms, fault.to_string()));
        let faults = apart(faults);
        let batches = (0..size.batches as u64)
            .map(|n| {
                let part = size.span_ms * 3 / 4 / size.batches.max(1) as u64;
                Batch {
                    at_ms: n * part + draw.below(part / 2),
                    killed_after_ms: (n % 2 == 1).then(|| 300 + draw.below(1_500)),
                }
            })
            .collect();
        Self { faults, batches }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.1} s  {}", self.at_ms as f64 / 1e3, self.what)?;
        if self.lasts_ms > 0 {
            write!(f, ", for {:.1} s", self.lasts_ms as f64 / 1e3)?;
        }
        Ok(())
    }
}

struct Draw {
    numbers: Numbers,
    size: Size,
    roles: Vec<&'static str>,
    clocks: Vec<&'static str>,
    turn: usize,
}

impl Draw {
    /// One of the roles: workers, relays and ticks have their turns, so that none is spared.
    fn role(&mut self) -> &'static str {
        let turn = TURNS[self.turn % TURNS.len()];
        self.turn += 1;
        let of_turn: Vec<&'static str> = self
            .roles
            .iter()
            .filter(|role| role.starts_with(turn))
            .copied()
            .collect();
        match of_turn.is_empty() {
            true => self.numbers.pick(&self.roles),
            false => self.numbers.pick(&of_turn),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.numbers
            .below(usize::try_from(bound).unwrap_or(usize::MAX)) as u64
    }

    fn kind(&mut self) -> Kind {
        let all: u64 = KINDS.iter().map(|(parts, _)| parts).sum();
        let mut drawn = self.below(all);
        for (parts, kind) in KINDS {
            if drawn < parts {
                return kind;
            }
            drawn -= parts;
        }
        Kind::Kill
    }

    fn fault(&mut self, kind: Kind, at_ms: u64) -> Fault {
        let away = |draw: &mut Self| 500 + draw.below(draw.size.away_ms.saturating_sub(500));
        let (what, lasts_ms) = match kind {
            Kind::Kill => {
                let role = self.role();
                (What::Kill { role }, 0)
            }
            Kind::Freeze => {
                let role = self.role();
                let lasts = 500 + self.below(self.size.freeze_ms.saturating_sub(500));
                (What::Freeze { role }, lasts)
            }
            Kind::CutBroker => (
                What::Cut {
                    server: Server::Rabbitmq,
                },
                0,
            ),
            Kind::CutLedger => (
                What::Cut {
                    server: Server::Postgres,
                },
                0,
            ),
            Kind::Delay => {
                let server = self.server();
                let ms = 20 + self.below(280);
                (What::Delay { server, ms }, away(self))
            }
            Kind::Hold => (
                What::Hold {
                    server: self.server(),
                },
                away(self),
            ),
            Kind::RestartBroker => (self.restart(Server::Rabbitmq), away(self)),
            Kind::RestartLedger => (self.restart(Server::Postgres), away(self)),
            Kind::DiskFull => (What::DiskFull, away(self)),
            Kind::Clock => {
                let role = self.numbers.pick(&self.clocks);
                let far = i64::try_from(2 + self.below(self.size.jump_s)).unwrap_or(2);
                let seconds = if self.below(2) == 0 { far } else { -far };
                (What::Clock { role, seconds }, 2_000 + away(self))
            }
        };
        Fault {
            at_ms,
            lasts_ms,
            what,
        }
    }

    fn server(&mut self) -> Server {
        self.numbers.pick(&[Server::Rabbitmq, Server::Postgres])
    }

    fn restart(&mut self, server: Server) -> What {
        What::Restart {
            server,
            hard: self.below(2) == 0,
        }
    }
}

/// Moves a fault to after the one before it that has hold of the same thing.
fn apart(mut faults: Vec<Fault>) -> Vec<Fault> {
    let mut free = std::collections::BTreeMap::new();
    for fault in &mut faults {
        if let Some(target) = fault.what.target() {
            let from: &mut u64 = free.entry(target).or_default();
            fault.at_ms = fault.at_ms.max(*from);
            // A server takes a while to come back.
            *from = fault.at_ms + fault.lasts_ms + 1_000;
        }
    }
    faults.sort_by_key(|fault| (fault.at_ms, fault.to_string()));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [&str; 3] = ["work-1", "relay-1", "tick-1"];

    #[test]
    fn a_seed_draws_the_same_plan_for_ever() {
        let size = Size::short(300);
        let plan = Plan::draw(7, &size, &ROLES, &ROLES);
        assert_eq!(plan, Plan::draw(7, &size, &ROLES, &ROLES));
        assert_ne!(plan, Plan::draw(8, &size, &ROLES, &ROLES));
        assert_eq!(plan.faults.len(), size.faults);
        assert_eq!(plan.batches.len(), size.batches);
        assert!(plan.batches.iter().any(|b| b.killed_after_ms.is_some()));
    }

    #[test]
    fn every_kind_happens_and_none_has_hold_of_what_another_has() {
        for seed in 0..50 {
            let plan = Plan::draw(seed, &Size::long(1_000, 5), &ROLES, &ROLES);
            let kinds: std::collections::BTreeSet<String> = plan
                .faults
                .iter()
                .map(|fault| {
                    let json = serde_json::to_value(fault).unwrap();
                    format!("{} {}", json["fault"], json["server"])
                })
                .collect();
            // Delay and hold draw their server.
            for kind in ["kill", "freeze", "disk-full", "clock"] {
                assert!(
                    kinds.contains(&format!("\"{kind}\" null")),
                    "{kind}: {kinds:?}"
                );
            }
            for server in ["rabbitmq", "postgres"] {
                for kind in ["restart", "cut"] {
                    let wanted = format!("\"{kind}\" \"{server}\"");
                    assert!(kinds.contains(&wanted), "{wanted}: {kinds:?}");
                }
            }
            for (n, one) in plan.faults.iter().enumerate() {
                let Some(target) = one.what.target() else {
                    continue;
                };
                for other in &plan.faults[n + 1..] {
                    assert!(
                        other.what.target().as_ref() != Some(&target)
                            || other.at_ms > one.at_ms + one.lasts_ms,
                        "{one} and {other}"
                    );
                }
            }
        }
    }
}

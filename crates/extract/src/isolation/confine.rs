//! What a process gives up before it touches a document: files, sockets, other programs, other
//! processes.
//!
//! Two nets of the Linux kernel, each for what slips through the other: Landlock refuses by path,
//! whatever call is used; seccomp refuses by call, whatever path is meant. A call that is refused
//! fails, it does not kill: a library that asks for more than it needs goes on without. Both are
//! best effort: where the kernel lacks one, [`confine`] goes on and says so.
//!
//! Invariants:
//! - nothing that is given up can be had back, and programs that are run later have no more;
//! - no policy gives a socket, another process or a second thread group.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a process may still do afterwards. The default is nothing but use the files that it has
/// open, memory and threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confine {
    /// Files and folders that may be read. One that is not there is passed over.
    pub read: Vec<PathBuf>,
    /// Files and folders whose programs may be run, and read: the program, its loader
    /// (`/lib64`), its libraries.
    pub execute: Vec<PathBuf>,
    /// Files and folders that may be read and written.
    pub write: Vec<PathBuf>,
}

impl Confine {
    /// Whether any path is left.
    pub(super) fn has_files(&self) -> bool {
        !(self.read.is_empty() && self.execute.is_empty() && self.write.is_empty())
    }
}

/// What is in force in a process after [`confine`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The version of Landlock that refuses paths; `None` where the kernel has none.
    pub landlock_abi: Option<u32>,
    /// Calls outside the list are refused.
    pub seccomp: bool,
    /// Running a program gives no rights that this one lacks.
    pub no_new_privileges: bool,
    /// Other processes of the same user cannot read its memory. Lost when it runs a program.
    pub not_dumpable: bool,
}

impl Confinement {
    /// Whether files and calls are both refused.
    pub fn is_full(&self) -> bool {
        self.landlock_abi.is_some() && self.seccomp && self.no_new_privileges && self.not_dumpable
    }
}

/// Confines this thread and those that it starts: call it before there are others.
#[cfg(target_os = "linux")]
pub fn confine(policy: &Confine) -> Confinement {
    let not_dumpable =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
            .is_ok();
    let no_new_privileges = rustix::thread::set_no_new_privs(true).is_ok();
    // Landlock first: its own calls are not on seccomp's list.
    let landlock_abi = paths(policy).ok().flatten();
    let seccomp = super::calls::refuse_others(policy).is_ok();
    Confinement {
        landlock_abi,
        seccomp,
        no_new_privileges,
        not_dumpable,
    }
}

/// Other systems have neither net.
#[cfg(not(target_os = "linux"))]
pub fn confine(_: &Confine) -> Confinement {
    Confinement::default()
}

/// Refuses all paths but the policy's, all ports, and signals and abstract sockets outside.
/// Returns the version in force.
#[cfg(target_os = "linux")]
fn paths(policy: &Confine) -> Result<Option<u32>, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, Scope, path_beneath_rules,
    };

    // The newest version that is known here; the crate drops what the kernel does not have.
    let abi = ABI::V6;
    let readable = AccessFs::ReadFile | AccessFs::ReadDir;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(&policy.read, readable))?
        .add_rules(path_beneath_rules(
            &policy.execute,
            readable | AccessFs::Execute,
        ))?
        .add_rules(path_beneath_rules(
            &policy.write,
            AccessFs::from_all(abi) & !AccessFs::Execute,
        ))?
        .restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => None,
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            u32::try_from(effective_abi as i32).ok()
        }
        _ => None,
    })
}

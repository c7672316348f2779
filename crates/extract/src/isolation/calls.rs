//! The system calls that a confined process may make: a list of what is needed, by what for.
//! All others fail with `EPERM`, sockets, `ptrace`, `io_uring`, `mount` and `kill` among them.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::Confine;

/// Memory, threads, time, and the files that are open already.
const ALWAYS: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Finding and opening files; Landlock says which.
const FILES: &[i64] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_statfs,
    libc::SYS_statx,
];

/// Changing files; Landlock says which.
const WRITES: &[i64] = &[
    libc::SYS_fdatasync,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_mkdirat,
    libc::SYS_pwrite64,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
];

/// Becoming another program, and what a C library does when it starts.
const PROGRAMS: &[i64] = &[
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_execve,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpgid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_pipe2,
    libc::SYS_sched_setaffinity,
    libc::SYS_set_tid_address,
    libc::SYS_umask,
    libc::SYS_uname,
];

/// Older names of the same calls.
#[cfg(target_arch = "x86_64")]
mod older {
    pub(super) const ALWAYS: &[i64] = &[libc::SYS_poll, libc::SYS_time];
    pub(super) const FILES: &[i64] = &[
        libc::SYS_access,
        libc::SYS_lstat,
        libc::SYS_newfstatat,
        libc::SYS_readlink,
        libc::SYS_stat,
    ];
    pub(super) const WRITES: &[i64] = &[libc::SYS_mkdir, libc::SYS_rename, libc::SYS_unlink];
    pub(super) const PROGRAMS: &[i64] = &[
        libc::SYS_arch_prctl,
        libc::SYS_dup2,
        libc::SYS_getpgrp,
        libc::SYS_pipe,
    ];
}

/// Newer machines never had the older names.
#[cfg(not(target_arch = "x86_64"))]
mod older {
    pub(super) const ALWAYS: &[i64] = &[];
    pub(super) const FILES: &[i64] = &[libc::SYS_newfstatat];
    pub(super) const WRITES: &[i64] = &[];
    pub(super) const PROGRAMS: &[i64] = &[];
}

/// Refuses this thread, and those that it starts, every call that the policy does not need.
///
/// # Errors
/// When the machine or its kernel has no such filters.
pub(super) fn refuse_others(policy: &Confine) -> Result<(), seccompiler::Error> {
    // `clone3` keeps its flags in memory, where a filter cannot look; told that it does not exist,
    // C libraries take `clone`.
    let clone3 = filter(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
    )?;
    let listed = filter(
        rules(policy)?,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
    )?;
    apply_filter(&clone3)?;
    apply_filter(&listed)
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, listed, machine)?.try_into()
}

fn rules(policy: &Confine) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut lists = vec![ALWAYS, older::ALWAYS];
    if policy.has_files() {
        lists.extend([FILES, older::FILES]);
    }
    if !policy.write.is_empty() {
        lists.extend([WRITES, older::WRITES]);
    }
    if !policy.execute.is_empty() {
        lists.extend([PROGRAMS, older::PROGRAMS]);
    }
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = lists
        .into_iter()
        .flatten()
        .map(|call| (*call, Vec::new()))
        .collect();

    // Threads, no processes.
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, only(0, masked(thread), thread)?);
    rules.insert(libc::SYS_clone3, Vec::new());
    // Signals, limits and names: its own.
    let own = std::process::id().into();
    rules.insert(libc::SYS_tgkill, only(0, SeccompCmpOp::Eq, own)?);
    rules.insert(libc::SYS_prlimit64, only(0, SeccompCmpOp::Eq, 0)?);
    let name = libc::PR_SET_NAME.unsigned_abs().into();
    rules.insert(libc::SYS_prctl, only(0, SeccompCmpOp::Eq, name)?);
    if policy.has_files() {
        let changes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;
        let reads = if policy.write.is_empty() {
            |at, changes| only(at, masked(changes), 0)
        } else {
            |_, _| Ok(Vec::new())
        };
        let changes = changes.unsigned_abs().into();
        rules.insert(libc::SYS_openat, reads(2, changes)?);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, reads(1, changes)?);
    }
    Ok(rules)
}

/// The call with an argument (of four bytes) like this alone.
fn only(argument: u8, like: SeccompCmpOp, value: u64) -> Result<Vec<SeccompRule>, BackendError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, like, value)?;
    Ok(vec![SeccompRule::new(vec![condition])?])
}

fn masked(bits: u64) -> SeccompCmpOp {
    SeccompCmpOp::MaskedEq(bits)
}

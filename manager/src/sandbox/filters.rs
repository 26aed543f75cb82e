//! Which system calls a process may make.
//!
//! What is not allowed fails and does not kill: a C library of tomorrow that tries a new call first must not make a
//! worker that dies at its first breath, and its successor, too.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use crate::sys::mount::SYS_STATMOUNT;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Compiled<T> = Result<T, BackendError>;

/// What `sys::process` starts a worker with.
const TWIN: u64 = (libc::CLONE_FILES | libc::SIGCHLD) as u64;

/// What a C library starts a thread with where it has no clone3(2): glibc, and musl, which adds a flag that means nothing.
const THREAD: u64 = (libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID) as u64;
const THREAD_OF_MUSL: u64 = THREAD | libc::CLONE_DETACHED as u64;

/// Calls whose arguments do not matter: they concern what it holds already, its own memory or the clock.
/// newfstatat(2) is here because fstat(3) of today's glibc is made of it; with it a process can learn that a name
/// exists, which landlock does not prevent.
const CALLS: &[libc::c_long] = &[
    // Downloads and PHP workers.
    libc::SYS_accept4,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_fallocate,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_ftruncate,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_lseek,
    libc::SYS_memfd_create,
    libc::SYS_newfstatat,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendfile,
    libc::SYS_shutdown,
    SYS_STATMOUNT,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
    // Waiting.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // Its memory, its locks, its randomness.
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    // Its own signals, its number, its end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // The guardian's.
    libc::SYS_pidfd_open,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_wait4,
    libc::SYS_waitid,
];

/// Older forms of the same, where there are any.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[libc::c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[libc::c_long] = &[];

/// The options that the manager sets on clients' connections.
const SOCKET_OPTIONS: &[(i32, i32)] = &[
    (libc::SOL_SOCKET, libc::SO_LINGER),
    (libc::IPPROTO_TCP, libc::TCP_CORK),
    (libc::IPPROTO_TCP, libc::TCP_NODELAY),
    (libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT),
];

/// What the manager asks about or changes of a descriptor. No `F_SETOWN`: it makes the kernel send signals.
const FCNTL_COMMANDS: &[i32] = &[
    libc::F_ADD_SEALS,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_GETFL,
    libc::F_GET_SEALS,
    libc::F_SETFD,
    libc::F_SETFL,
];

/// The filters, in the order in which they are to be installed.
pub(super) fn compile() -> Compiled<[BpfProgram; 2]> {
    Ok([without_clone3()?, listed_only()?])
}

/// The kernel seems not to know clone3(2), whose flags are in memory, where no filter sees them. A C library that hears
/// that takes clone(2) instead.
fn without_clone3() -> Compiled<BpfProgram> {
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, unknown, architecture)?.try_into()
}

/// What is listed, and nothing else.
fn listed_only() -> Compiled<BpfProgram> {
    let mut rules = Rules::new();
    for call in CALLS.iter().chain(OLD_CALLS) {
        rules.insert(*call, Vec::new());
    }
    // The other filter refuses it, and says why.
    rules.insert(libc::SYS_clone3, Vec::new());
    // No process but a successor of itself, which it may kill and nobody else: landlock keeps signals inside. And readers.
    let clones = [TWIN, THREAD, THREAD_OF_MUSL].map(|flags| Ok(vec![long(0, flags)?]));
    let clones = clones.into_iter().collect::<Compiled<Vec<_>>>()?;
    rules.insert(libc::SYS_clone, one_of(clones)?);
    let one_process = int(0, SeccompCmpOp::Le, i32::MAX)?;
    let no_group = int(0, SeccompCmpOp::Ne, 0)?;
    let kill = vec![one_process, no_group, is(1, libc::SIGKILL)?];
    rules.insert(libc::SYS_kill, one_of([kill])?);
    // abort(3), for a panic.
    let abort = vec![is(2, libc::SIGABRT)?];
    rules.insert(libc::SYS_tgkill, one_of([abort])?);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, one_of([vec![lacks(2, libc::PROT_EXEC)?]])?);
    }
    // It connects, where the socket is not connected.
    let no_connect = vec![lacks(2, libc::MSG_FASTOPEN)?];
    rules.insert(libc::SYS_sendmsg, one_of([no_connect])?);
    let queued = libc::TIOCOUTQ as i32;
    rules.insert(libc::SYS_ioctl, one_of([vec![is(1, queued)?]])?);
    let name = vec![is(0, libc::PR_SET_NAME)?];
    let told_of_the_masters_end = vec![is(0, libc::PR_SET_PDEATHSIG)?];
    rules.insert(libc::SYS_prctl, one_of([name, told_of_the_masters_end])?);
    // A reader steps back behind the loop.
    for call in [libc::SYS_getpriority, libc::SYS_setpriority] {
        let own = vec![is(0, libc::PRIO_PROCESS as i32)?, is(1, 0)?];
        rules.insert(call, one_of([own])?);
    }
    // Its own limits, to be read.
    let read = vec![is(0, 0)?, long(2, 0)?];
    rules.insert(libc::SYS_prlimit64, one_of([read])?);
    let commands = FCNTL_COMMANDS
        .iter()
        .map(|command| Ok(vec![is(1, *command)?]));
    rules.insert(
        libc::SYS_fcntl,
        one_of(commands.collect::<Compiled<Vec<_>>>()?)?,
    );
    let options = SOCKET_OPTIONS
        .iter()
        .map(|(level, name)| Ok(vec![is(1, *level)?, is(2, *name)?]));
    rules.insert(
        libc::SYS_setsockopt,
        one_of(options.collect::<Compiled<Vec<_>>>()?)?,
    );
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, FORBIDDEN, SeccompAction::Allow, architecture)?.try_into()
}

/// What a process is told that tries what it may not do.
const FORBIDDEN: SeccompAction = SeccompAction::Errno(libc::EPERM as u32);

/// The call is meant if all conditions of one of these hold.
fn one_of(
    alternatives: impl IntoIterator<Item = Vec<SeccompCondition>>,
) -> Compiled<Vec<SeccompRule>> {
    alternatives.into_iter().map(SeccompRule::new).collect()
}

fn is(argument: u8, value: i32) -> Compiled<SeccompCondition> {
    int(argument, SeccompCmpOp::Eq, value)
}

fn lacks(argument: u8, flag: i32) -> Compiled<SeccompCondition> {
    let mask = u64::from(flag.cast_unsigned());
    int(argument, SeccompCmpOp::MaskedEq(mask), 0)
}

/// Only the lower half counts, as in the kernel, where the parameter is an int or the flags fit into one.
fn int(argument: u8, operator: SeccompCmpOp, value: i32) -> Compiled<SeccompCondition> {
    let value = u64::from(value.cast_unsigned());
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn long(argument: u8, value: u64) -> Compiled<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)
}

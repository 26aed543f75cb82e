//! Processes that share their descriptors: the guardian, and the workers it starts one after the other.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::{ForkResult, Pid, fork, getpid, setpgid};

use super::descriptors::Unclaimed;

/// Who returned from [`fork_cell`].
pub enum Fork {
    /// The process that called it, with the number of the new one and of its group.
    Parent(Pid),
    /// The new one.
    Child,
}

/// A child with a copy of everything and a process group of its own. To be called by a process with one thread.
///
/// # Errors
/// Those of fork(2).
pub fn fork_cell() -> nix::Result<Fork> {
    // SAFETY: the caller has one thread, so that no lock can be held by a thread that the child lacks.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            // Both say it, so that it holds whoever comes first. It fails if the child has ended already.
            let _ = setpgid(child, child);
            Ok(Fork::Parent(child))
        }
        ForkResult::Child => {
            let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
            Ok(Fork::Child)
        }
    }
}

/// Who returned from [`clone_sharing_descriptors`].
pub enum Twin {
    /// The process that called it, with the number of the new one.
    Parent(Pid),
    /// The new one, which inherits the descriptors that no value in its memory owns.
    Child(Unclaimed),
}

/// Like fork(2), but the two share one table of descriptors: what one of them opens or closes, it opens or closes for
/// both, and what a dead child had open stays open. To be called by a process with one thread.
///
/// # Errors
/// Those of clone(2).
pub fn clone_sharing_descriptors() -> nix::Result<Twin> {
    let flags = libc::c_long::from(libc::CLONE_FILES | libc::SIGCHLD);
    let none = ptr::null_mut::<libc::c_void>();
    // SAFETY: without CLONE_VM the child has a copy of this memory and goes on in it, as after fork(2). The caller has
    // one thread, so that no lock can be held by a thread that the copy lacks.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
    match Errno::result(result)? {
        0 => Ok(Twin::Child(Unclaimed::of_a_fresh_child())),
        pid => Ok(Twin::Parent(Pid::from_raw(pid as libc::pid_t))),
    }
}

/// Waits for one of these signals, which must be blocked. `None`: the time is over.
///
/// # Errors
/// Those of sigtimedwait(2), but for `EINTR`, which means `None` too.
pub fn wait_for_signal(signals: &SigSet, timeout: Option<Duration>) -> nix::Result<Option<Signal>> {
    let time = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both pointers are to values that live across the call, or null, which means: none.
    let number = unsafe { libc::sigtimedwait(signals.as_ref(), ptr::null_mut(), time) };
    match Errno::result(number) {
        Ok(number) => Ok(Signal::try_from(number).ok()),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Has others run before this thread, by so much (nice(2)). It fails only where a filter forbids it.
pub fn step_back(niceness: libc::c_int) {
    // SAFETY: the call takes an integer. On Linux it concerns the calling thread alone.
    let _ = unsafe { libc::nice(niceness) };
}

/// Makes sure that the end of a child is reported, whatever the process that started this one had set.
pub fn report_dead_children() {
    // SAFETY: the default action runs no code of this process.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
}

/// A descriptor that becomes readable when this process has ended.
///
/// # Errors
/// Those of pidfd_open(2).
pub fn end_of_this_process() -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, getpid().as_raw(), 0) };
    let fd = Errno::result(fd)? as RawFd;
    // SAFETY: pidfd_open(2) has just made this number, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

//! What the crates for landlock and seccomp do not offer: to ask whether they would work, and to enter a landlock domain
//! by a descriptor that stays open.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use nix::errno::Errno;
use nix::libc;

/// The version of landlock's interface.
///
/// # Errors
/// `ENOSYS`: the kernel has none. `EOPNOTSUPP`: it was not switched on when the machine was started.
pub fn landlock_version() -> nix::Result<libc::c_long> {
    /// linux/landlock.h
    const LANDLOCK_CREATE_RULESET_VERSION: libc::c_uint = 1;
    let none = ptr::null::<libc::c_void>();
    let flags = LANDLOCK_CREATE_RULESET_VERSION;
    // SAFETY: with this flag the call takes no memory.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0usize, flags) };
    Errno::result(version)
}

/// This thread, and what it starts, may do no more than these rules allow. It needs no_new_privs.
///
/// # Errors
/// Those of landlock_restrict_self(2).
pub fn restrict_by(ruleset: BorrowedFd) -> nix::Result<()> {
    let fd = ruleset.as_raw_fd();
    // SAFETY: the call takes two integers.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, fd, 0u32) };
    Errno::result(result).map(drop)
}

/// Whether the kernel takes seccomp filters that make a call fail.
///
/// # Errors
/// `ENOSYS` or `EINVAL`: it has none. `EOPNOTSUPP`: it cannot make a call fail.
pub fn has_filters() -> nix::Result<()> {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    let operation = libc::SECCOMP_GET_ACTION_AVAIL;
    // SAFETY: the call reads one u32, which lives across it.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, 0u32, &raw const action) };
    Errno::result(result).map(drop)
}

//! Signals as a descriptor that the loop can wait for.
#![forbid(unsafe_code)]

use std::io;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Blocks SIGTERM and SIGINT in this thread and returns the descriptor they arrive on. Called before any other thread
/// exists.
///
/// # Errors
/// Those of sigprocmask(2) and signalfd(2).
pub fn termination() -> io::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    Ok(SignalFd::with_flags(
        &signals,
        SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
    )?)
}

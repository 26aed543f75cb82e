//! The signals that the guardian waits for.
#![forbid(unsafe_code)]

use std::io;

use nix::sys::signal::{SigSet, Signal};

use super::process::report_dead_children;

/// Blocks SIGTERM, SIGINT and SIGCHLD in this thread, and so in every process that it starts: they stay pending until they
/// are waited for. Called before any other thread exists.
///
/// # Errors
/// Those of sigprocmask(2).
pub fn hold() -> io::Result<SigSet> {
    report_dead_children();
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD]);
    signals.thread_block()?;
    Ok(signals)
}

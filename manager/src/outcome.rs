//! How a download ended.
#![forbid(unsafe_code)]

use std::fmt;

use nix::errno::Errno;

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All bytes were taken by the other side.
    Complete,
    /// The other side closed or broke the connection first.
    ClientGone,
    /// The other side took nothing for the stall timeout.
    Stalled,
    /// The file became shorter than it was when it was offered.
    FileTruncated,
    /// The file could not be read.
    ReadFailed(Errno),
    /// The connection could not be written to.
    SendFailed(Errno),
    /// The manager was told to end and the deadline for running downloads came.
    CutByShutdown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Outcome::Complete => f.write_str("complete"),
            Outcome::ClientGone => f.write_str("client gone"),
            Outcome::Stalled => f.write_str("stalled"),
            Outcome::FileTruncated => f.write_str("file truncated"),
            Outcome::ReadFailed(errno) => write!(f, "read failed: {}", errno.desc()),
            Outcome::SendFailed(errno) => write!(f, "send failed: {}", errno.desc()),
            Outcome::CutByShutdown => f.write_str("cut by shutdown"),
        }
    }
}

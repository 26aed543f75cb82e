//! What ends a call of `send_file()` early.
#![forbid(unsafe_code)]

use std::io;

use nix::errno::Errno;

/// Why a call ends without having answered.
#[derive(Debug)]
pub(crate) enum Error {
    /// A bad argument: thrown as `\ValueError`, the function's name in front.
    Value(String),
    /// Thrown as `SendFile\Exception`.
    Refused(Refusal),
    /// An exception of the script (an output callback, a session handler) is pending in the engine and propagates.
    Pending,
    /// The engine bailed out (a fatal error); the bailout goes on once everything here is released.
    Bailout,
}

impl Error {
    pub(crate) fn value(argument: &str, sentence: &str) -> Error {
        Error::Value(format!("Argument ${argument} {sentence}"))
    }
}

/// What the script reads in the message of a `SendFile\Exception`, behind the function's name. No sentence names the
/// path: messages end up in answers, and where a file lies is nobody's business there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("cannot open the file: {}", .0.desc())]
    Open(Errno),
    #[error("the file is {0}, only regular files can be sent")]
    Kind(&'static str),
    #[error("the file is outside the directories that open_basedir allows")]
    OutsideBasedir,
    #[error("the file is outside the directories that send_file.root allows")]
    OutsideRoot,
    #[error("send_file.root is set, and this kernel or container does not offer openat2(2)")]
    NoRootSupport,
    #[error("the offset lies beyond the end of the content")]
    BeyondEnd,
    #[error("cannot hold the data in memory: {}", .0.desc())]
    Memory(Errno),
    #[error("the response headers have already been sent")]
    HeadersSent,
    #[error("another call is in progress")]
    Reentered,
    #[error("cannot be called from an output buffer callback")]
    InsideCallback,
    #[error("internal error: {0}")]
    Internal(String),
}

impl Refusal {
    pub(crate) fn open(error: io::Error) -> Refusal {
        Refusal::Open(errno(&error))
    }

    pub(crate) fn memory(error: io::Error) -> Refusal {
        Refusal::Memory(errno(&error))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

//! What ends a call of `send_file()` early.
#![forbid(unsafe_code)]

use std::io;

use nix::errno::Errno;

/// Why a call ends without having answered.
#[derive(Debug)]
pub(crate) enum Error {
    /// A bad argument: thrown as `\ValueError`.
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
        Error::Value(format!("send_file(): Argument ${argument} {sentence}"))
    }
}

/// What the script reads in the message of a `SendFile\Exception`. No sentence names the path: messages end up in
/// answers, and where a file lies is nobody's business there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("send_file(): cannot open the file: {}", .0.desc())]
    Open(Errno),
    #[error("send_file(): the file is {0}, only regular files can be sent")]
    Kind(&'static str),
    #[error("send_file(): the file is outside the directories that open_basedir allows")]
    OutsideBasedir,
    #[error("send_file(): the response headers have already been sent")]
    HeadersSent,
    #[error("send_file(): another call of send_file() is in progress")]
    Reentered,
    #[error("send_file(): cannot be called from an output buffer callback")]
    InsideCallback,
    #[error("send_file(): internal error: {0}")]
    Internal(String),
}

impl Refusal {
    pub(crate) fn open(error: io::Error) -> Refusal {
        Refusal::Open(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

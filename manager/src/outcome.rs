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
    /// The other side took something in the stall timeout, but less than the lowest rate asks for.
    TooSlow,
    /// The file became shorter than it was when it was offered.
    FileTruncated,
    /// The file could not be read.
    ReadFailed(Errno),
    /// The connection could not be written to.
    SendFailed(Errno),
    /// The manager was told to end and the deadline for running downloads came.
    CutByShutdown,
    /// After a crash its place could not be told for certain.
    PlaceUnknown,
}

/// The kinds of outcome in shared memory, in the low byte; the errno is above.
mod bits {
    pub(super) const COMPLETE: u32 = 1;
    pub(super) const CLIENT_GONE: u32 = 2;
    pub(super) const STALLED: u32 = 3;
    pub(super) const FILE_TRUNCATED: u32 = 4;
    pub(super) const READ_FAILED: u32 = 5;
    pub(super) const SEND_FAILED: u32 = 6;
    pub(super) const CUT_BY_SHUTDOWN: u32 = 7;
    pub(super) const PLACE_UNKNOWN: u32 = 8;
    pub(super) const TOO_SLOW: u32 = 9;
}

impl Outcome {
    /// For shared memory; never 0.
    pub fn to_bits(self) -> u32 {
        let with = |errno: Errno| (errno as i32).cast_unsigned() << 8;
        match self {
            Outcome::Complete => bits::COMPLETE,
            Outcome::ClientGone => bits::CLIENT_GONE,
            Outcome::Stalled => bits::STALLED,
            Outcome::TooSlow => bits::TOO_SLOW,
            Outcome::FileTruncated => bits::FILE_TRUNCATED,
            Outcome::ReadFailed(errno) => bits::READ_FAILED | with(errno),
            Outcome::SendFailed(errno) => bits::SEND_FAILED | with(errno),
            Outcome::CutByShutdown => bits::CUT_BY_SHUTDOWN,
            Outcome::PlaceUnknown => bits::PLACE_UNKNOWN,
        }
    }

    /// The outcome of such bits; `None` for 0 and for what is none.
    pub fn from_bits(word: u32) -> Option<Outcome> {
        let errno = Errno::from_raw((word >> 8).cast_signed());
        match word & 0xff {
            bits::COMPLETE => Some(Outcome::Complete),
            bits::CLIENT_GONE => Some(Outcome::ClientGone),
            bits::STALLED => Some(Outcome::Stalled),
            bits::TOO_SLOW => Some(Outcome::TooSlow),
            bits::FILE_TRUNCATED => Some(Outcome::FileTruncated),
            bits::READ_FAILED => Some(Outcome::ReadFailed(errno)),
            bits::SEND_FAILED => Some(Outcome::SendFailed(errno)),
            bits::CUT_BY_SHUTDOWN => Some(Outcome::CutByShutdown),
            bits::PLACE_UNKNOWN => Some(Outcome::PlaceUnknown),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Outcome::Complete => f.write_str("complete"),
            Outcome::ClientGone => f.write_str("client gone"),
            Outcome::Stalled => f.write_str("stalled"),
            Outcome::TooSlow => f.write_str("too slow"),
            Outcome::FileTruncated => f.write_str("file truncated"),
            Outcome::ReadFailed(errno) => write!(f, "read failed: {}", errno.desc()),
            Outcome::SendFailed(errno) => write!(f, "send failed: {}", errno.desc()),
            Outcome::CutByShutdown => f.write_str("cut by shutdown"),
            Outcome::PlaceUnknown => f.write_str("place unknown after a crash"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_read_back_from_their_bits_and_none_is_0() {
        let outcomes = [
            Outcome::Complete,
            Outcome::ClientGone,
            Outcome::Stalled,
            Outcome::TooSlow,
            Outcome::FileTruncated,
            Outcome::ReadFailed(Errno::EIO),
            Outcome::SendFailed(Errno::ETIMEDOUT),
            Outcome::CutByShutdown,
            Outcome::PlaceUnknown,
        ];
        for outcome in outcomes {
            assert_eq!(Outcome::from_bits(outcome.to_bits()), Some(outcome));
        }
        assert_eq!(Outcome::from_bits(0), None);
    }
}

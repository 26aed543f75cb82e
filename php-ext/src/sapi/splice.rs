//! Bytes of a file into a connection, by sendfile(2) in this process.
#![forbid(unsafe_code)]

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::sendfile::sendfile;

/// Sends what the connection takes of a span without waiting, and returns how many bytes that was. The position of the
/// file stays where it is.
pub(super) fn send_span(connection: BorrowedFd, file: BorrowedFd, offset: u64, len: u64) -> u64 {
    let (Ok(mut position), Ok(end)) = (i64::try_from(offset), i64::try_from(offset + len)) else {
        return 0;
    };
    while position < end {
        let left = usize::try_from(end - position).unwrap_or(usize::MAX);
        match sendfile(connection, file, Some(&mut position), left) {
            Ok(0) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            // Full, or gone: who goes on in the usual way finds out.
            Err(_) => break,
        }
    }
    position.cast_unsigned() - offset
}

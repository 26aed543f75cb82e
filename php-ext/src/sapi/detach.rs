//! Puts a dead descriptor in the place of a live one.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

/// A socket whose other end is closed: reads end, writes fail, polls return; what expects a socket gets one.
pub(super) fn dead_socket() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (dead, _peer) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    Ok(dead)
}

/// /dev/null.
pub(super) fn dead_file() -> io::Result<OwnedFd> {
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    Ok(file.into())
}

/// Makes the number of `live` name what `dead` names. This process then no longer holds the connection.
///
/// Cannot fail with valid descriptors: both numbers are in use, so none has to be found. Should it fail all the same,
/// two processes would write to one client, so the process ends.
pub(super) fn replace(live: BorrowedFd, dead: OwnedFd) {
    loop {
        // SAFETY: both numbers are open. The owner of `live` (the web server or PHP's SAPI) goes on using the number, and
        // is given a descriptor of which every use fails or ends at once.
        let result = unsafe { libc::dup3(dead.as_raw_fd(), live.as_raw_fd(), libc::O_CLOEXEC) };
        match Errno::result(result) {
            Ok(_) => return,
            Err(Errno::EINTR | Errno::EBUSY) => {}
            Err(_) => std::process::abort(),
        }
    }
}

//! Puts a dead descriptor in the place of a live one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use ext_php_rs::ffi as php;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

/// What takes the place of a connection that was given away.
#[derive(Debug)]
pub(super) enum Dead {
    /// One for all requests of this process.
    Kept(BorrowedFd<'static>),
    Own(OwnedFd),
}

/// A socket whose other end is closed: reads end, writes fail, polls return; what expects a socket gets one.
///
/// With threads each request gets its own: httpd's event loop knows connections by what they are, not by their numbers.
pub(super) fn dead_socket() -> io::Result<Dead> {
    static KEPT: OnceLock<OwnedFd> = OnceLock::new();
    match php::USING_ZTS {
        0 => kept(&KEPT, new_dead_socket),
        _ => new_dead_socket().map(Dead::Own),
    }
}

/// /dev/null.
pub(super) fn dead_file() -> io::Result<Dead> {
    static KEPT: OnceLock<OwnedFd> = OnceLock::new();
    kept(&KEPT, || {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/null")?;
        Ok(file.into())
    })
}

fn new_dead_socket() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (dead, _peer) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    Ok(dead)
}

fn kept(
    kept: &'static OnceLock<OwnedFd>,
    make: impl FnOnce() -> io::Result<OwnedFd>,
) -> io::Result<Dead> {
    let dead = match kept.get() {
        Some(dead) => dead,
        None => {
            let dead = make()?;
            kept.get_or_init(|| dead)
        }
    };
    Ok(Dead::Kept(dead.as_fd()))
}

impl AsFd for Dead {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Dead::Kept(dead) => *dead,
            Dead::Own(dead) => dead.as_fd(),
        }
    }
}

/// Makes the number of `live` name what `dead` names. This process then no longer holds the connection.
///
/// Cannot fail with valid descriptors: both numbers are in use, so none has to be found. Should it fail all the same,
/// two processes would write to one client, so the process ends.
pub(super) fn replace(live: BorrowedFd, dead: &Dead) {
    loop {
        // SAFETY: both numbers are open. The owner of `live` (the web server or PHP's SAPI) goes on using the number, and
        // is given a descriptor of which every use fails or ends at once.
        let result =
            unsafe { libc::dup3(dead.as_fd().as_raw_fd(), live.as_raw_fd(), libc::O_CLOEXEC) };
        match Errno::result(result) {
            Ok(_) => return,
            Err(Errno::EINTR | Errno::EBUSY) => {}
            Err(_) => std::process::abort(),
        }
    }
}

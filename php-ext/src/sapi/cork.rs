//! Headers that wait in the connection for the body: both leave in one packet, and the client wakes up once.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::libc;

/// What is written to a TCP connection stays in the kernel, as far as it does not fill a segment. Dropped, it leaves; the
/// kernel lets it go anyway, after 200 ms or a retransmission timeout.
#[derive(Debug)]
pub(crate) struct Cork {
    /// Of the connection, which the web server keeps open at least until the answer is finished; by then this is dropped.
    number: RawFd,
}

impl Cork {
    /// None where the connection is not TCP.
    pub(crate) fn put_into(connection: BorrowedFd) -> Option<Cork> {
        let number = connection.as_raw_fd();
        set(number, true).then_some(Cork { number })
    }

    /// Whoever sends the body takes it out.
    pub(crate) fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for Cork {
    fn drop(&mut self) {
        set(self.number, false);
    }
}

fn set(number: RawFd, on: bool) -> bool {
    let on = c_int::from(on);
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: value and length are those of `on`, alive during the call.
    let result = unsafe {
        let value = (&raw const on).cast();
        libc::setsockopt(number, libc::IPPROTO_TCP, libc::TCP_CORK, value, length)
    };
    result == 0
}
